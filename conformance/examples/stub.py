"""A party of ECDH-PSI in 150 lines: a first testee for symbolon-conform. Python's standard library only.

It speaks the plain reading of the documents (no sequence numbers, no FIN) over HTTP with JSON bodies, knows one suite
(Curve25519, SHA-256, the digest as x), and checks little: what the suite says about that is in stub.expected.
"""
import base64, hashlib, http.client, http.server, json, secrets, sys, threading, time

P = 2**255 - 19
options = json.load(open(sys.argv[1]))                     # {params}: every value of the case, by name
rank, parties = int(options["rank"]), options["parties"].split(",")
box, chunks, arrived = {}, {}, threading.Condition()


def x25519(scalar: bytes, u: bytes) -> bytes:              # RFC 7748, section 5
    k = int.from_bytes(scalar, "little") & ~7 & (1 << 255) - 1 | 1 << 254
    x1 = int.from_bytes(u, "little") & (1 << 255) - 1
    x2, z2, x3, z3 = 1, 0, x1, 1
    for bit in reversed(range(255)):
        if k >> bit & 1: x2, x3, z2, z3 = x3, x2, z3, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a % P, c * b % P, a * a % P, b * b % P
        x3, z3, x2 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P, aa * bb % P
        z2 = (aa - bb) * (aa + 121665 * (aa - bb)) % P
        if k >> bit & 1: x2, x3, z2, z3 = x3, x2, z3, z2
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def varint(n: int) -> bytes:
    n, out = n % 2**64, b""
    while n > 127: n, out = n >> 7, out + bytes([n & 127 | 128])
    return out + bytes([n])


def encode(*fields) -> bytes:                              # (number, int or bytes or str), ...
    out = b""
    for number, value in fields:
        if isinstance(value, int): out += varint(number << 3) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def decode(data: bytes) -> dict:
    fields, at = {}, 0
    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]; at += 1
            value |= (byte & 127) << shift; shift += 7
            if byte < 128: return value
    while at < len(data):
        tag = number(); value = number()
        if tag & 7 == 2:
            if at + value > len(data): raise ValueError("a field beyond the end")
            value, at = data[at:at + value], at + value
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def any_of(name: str, message: bytes) -> bytes:
    return encode((1, "type.googleapis.com/org.interconnection.v2." + name), (2, message))


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def do_POST(self):
        push = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = push.get("key", "").split("\x01")[0]
        value = base64.b64decode(push.get("value", ""))
        with arrived:
            if push.get("trans_type", "MONO") == "CHUNKED":
                info, parts = push.get("chunk_info", {}), chunks.setdefault(key, {})
                parts[int(info.get("chunk_offset", 0))] = value
                value = b"".join(part for _, part in sorted(parts.items()))
                if len(value) < int(info["message_length"]): key = None
            if key and push.get("sender_rank", 0) == 1 - rank: box[key] = value
            arrived.notify_all()
        body = b'{"header":{}}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json"); self.send_header("Content-Length", str(len(body)))
        self.end_headers(); self.wfile.write(body)


def push(key: str, value: bytes) -> None:
    body = json.dumps({"sender_rank": rank, "key": key, "value": base64.b64encode(value).decode()})
    call = http.client.HTTPConnection(parties[1 - rank], timeout=5)
    call.request("POST", "/org.interconnection.link.ReceiverService/Push", body, {"Content-Type": "application/json"})
    answer = json.loads(call.getresponse().read()).get("header", {})
    if answer.get("error_code", 0): sys.exit(f"refused: {answer}")


def take(key: str) -> bytes:
    with arrived:
        if not arrived.wait_for(lambda: key in box, timeout=10): sys.exit(f"nothing came under {key}")
        return box[key]


def points(channel: str, first: int):
    for index in range(first, 1 << 20):
        batch = decode(take(f"{channel}:P2P-{index}:{1 - rank}->{rank}"))
        data = batch.get(7, [b""])[0]
        yield from (data[at:at + 32] for at in range(0, len(data), 32))
        if batch.get(4): return


def send(channel: str, index: int, kind: str, points: list) -> None:
    batch = encode((1, kind), (4, 1), (6, len(points)), (7, b"".join(points)))
    push(f"{channel}:P2P-{index}:{rank}->{1 - rank}", batch)


host, port = parties[rank].split(":")
server = http.server.ThreadingHTTPServer((host, int(port)), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
for attempt in range(100):
    try: push(f"connect_{rank}", b""); break
    except OSError: time.sleep(0.1)
take(f"connect_{1 - rank}")
ids = open(options["table"]).read().split("\n")[1:-1]
receiver = int(options["result_to_rank"])
suit = encode((1, 1), (2, 11), (3, 3))
if rank == 1:
    family = encode((1, varint(1)), (2, suit), (3, varint(1)))
    request = encode((1, 2), (2, 1), (3, varint(1)), (7, varint(1)), (8, any_of("protocol.EccProtocolProposal", family)),
                     (9, any_of("algos.PsiDataIoProposal", encode((1, varint(1)), (2, len(ids)), (3, receiver)))))
    push("root:P2P-1:1->0", request)
    header = decode(take("root:P2P-1:0->1")).get(1, [b""])[0]
    if decode(header).get(1, [0])[0]: sys.exit("refused")
else:
    request = decode(take("root:P2P-1:1->0"))
    if request.get(1) != [2]:
        push("root:P2P-1:0->1", encode((1, encode((1, 31100201), (2, "version 2 only"))))); sys.exit("refused")
    family = encode((1, 1), (2, suit), (3, 1), (4, -1))
    push("root:P2P-1:0->1", encode((2, 1), (6, varint(1)), (7, any_of("protocol.EccProtocolResult", family)),
                                   (8, any_of("algos.PsiDataIoResult", encode((1, 1), (2, receiver))))))
secret = secrets.token_bytes(32)
send("root", 2, "enc", [x25519(secret, hashlib.sha256(id.encode()).digest()) for id in ids])
theirs = [x25519(secret, point) for point in points("root", 2)]
if receiver in (-1, 1 - rank): send("root-0", 1, "dual.enc", theirs)
if receiver in (-1, rank):
    common = set(theirs)
    found = [id for id, point in zip(ids, points("root-0", 1)) if point in common]
    open(options["output"], "w").write("id\n" + "".join(id + "\n" for id in found))
