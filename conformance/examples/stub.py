"""A party of ECDH-PSI in 120 lines of Python without a package: a first testee for symbolon-conform.

It reads the documents plainly (no sequence numbers, no FIN), pushes JSON over HTTP, knows one suite (Curve25519,
SHA-256, the digest as x) and believes what it is sent: stub.expected lists what the suite finds wrong with it.
"""
import base64, hashlib, http.client, http.server, json, secrets, sys, threading, time

P = 2**255 - 19
case = json.load(open(sys.argv[1]))                      # {params}: every value of the case, by name
rank, parties = int(case["rank"]), case["parties"].split(",")
box, chunks, news = {}, {}, threading.Condition()        # messages and parts of messages, by key

def x25519(secret: bytes, point: bytes) -> bytes:        # RFC 7748, section 5
    k = int.from_bytes(secret, "little") & ~7 & (1 << 255) - 1 | 1 << 254
    x1 = int.from_bytes(point, "little") & (1 << 255) - 1
    x2, z2, x3, z3 = 1, 0, x1, 1
    for i in reversed(range(255)):
        if k >> i & 1: x2, z2, x3, z3 = x3, z3, x2, z2
        aa, bb, da, cb = (x2 + z2)**2, (x2 - z2)**2, (x3 - z3) * (x2 + z2), (x3 + z3) * (x2 - z2)
        x2, z2 = aa * bb % P, (aa - bb) * (aa + 121665 * (aa - bb)) % P
        x3, z3 = (da + cb)**2 % P, x1 * (da - cb)**2 % P
        if k >> i & 1: x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")

def varint(number: int) -> bytes:                        # protobuf, just enough of it
    number %= 2**64
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)

def encode(**fields) -> bytes:                           # encode(f1=7, f2=b"x"): field 1 is 7, field 2 is b"x"
    out = b""
    for name, value in fields.items():
        number, is_int = int(name[1:]) << 3, isinstance(value, int)
        out += varint(number) + varint(value) if is_int else varint(number | 2) + varint(len(value)) + value
    return out

def decode(data: bytes) -> dict:                         # the last value of each field, by number
    fields, rest = {}, list(reversed(data))
    def number():
        byte = rest.pop()
        return byte if byte < 128 else byte & 127 | number() << 7
    while rest:
        tag, value = number(), number()
        fields[tag >> 3] = bytes(rest.pop() for _ in range(value)) if tag & 7 == 2 else value
    return fields

def any_of(name: str, message: bytes) -> bytes:
    return encode(f1=b"type.googleapis.com/org.interconnection.v2." + name.encode(), f2=message)

class Receiver(http.server.BaseHTTPRequestHandler):
    timeout = 5
    def log_message(self, *_): pass
    def do_POST(self):
        push = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)                          # the answer first: whoever reads the message may be done then
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"header":{}}')
        with news:
            key, value = push["key"].split("\x01")[0], base64.b64decode(push.get("value", ""))
            if push.get("trans_type") == "CHUNKED":
                info, parts = push.get("chunk_info", {}), chunks.setdefault(key, {})
                parts[int(info.get("chunk_offset", 0))], value = value, b""
                for at, part in sorted(parts.items()):
                    if at <= len(value): value = value[:at] + part + value[at + len(part):]
                if len(value) != int(info["message_length"]): return
            if int(push.get("sender_rank", 0)) == 1 - rank: box[key] = value
            news.notify_all()

def push(key: str, value: bytes = b"") -> None:
    body = json.dumps({"sender_rank": rank, "key": key, "value": base64.b64encode(value).decode()})
    call = http.client.HTTPConnection(parties[1 - rank], timeout=5)
    call.request("POST", "/org.interconnection.link.ReceiverService/Push", body, {"Content-Type": "application/json"})
    answer = json.loads(call.getresponse().read()).get("header", {})
    if answer.get("error_code", 0): sys.exit(f"refused: {answer}")

def take(key: str) -> bytes:
    with news:
        if not news.wait_for(lambda: key in box, timeout=10): sys.exit(f"nothing came under {key}")
        return box[key]

def take_points(channel: str, counter: int) -> list:
    batch = decode(take(f"{channel}:P2P-{counter}:{1 - rank}->{rank}"))
    data = batch.get(7, b"")
    points = [data[at:at + 32] for at in range(0, len(data), 32)]
    return points if batch.get(4) else points + take_points(channel, counter + 1)

def push_points(channel: str, counter: int, kind: bytes, points: list) -> None:
    batch = encode(f1=kind, f4=1, f6=len(points), f7=b"".join(points))
    push(f"{channel}:P2P-{counter}:{rank}->{1 - rank}", batch)

host, port = parties[rank].split(":")
server = http.server.ThreadingHTTPServer((host, int(port)), Receiver)
server.daemon_threads = False                            # no end before every answer is out
threading.Thread(target=server.serve_forever, daemon=True).start()
for attempt in range(100):                               # the other may start later
    try: push(f"connect_{rank}"); break
    except OSError: time.sleep(0.1)
take(f"connect_{1 - rank}")
ids, receiver = open(case["table"]).read().split("\n")[1:-1], int(case["result_to_rank"])
suite = encode(f1=1, f2=11, f3=3)                        # Curve25519, SHA-256, direct hash as x
if rank == 1:
    family = any_of("protocol.EccProtocolProposal", encode(f1=b"\1", f2=suite, f3=b"\1"))
    table = any_of("algos.PsiDataIoProposal", encode(f1=b"\1", f2=len(ids), f3=receiver))
    push("root:P2P-1:1->0", encode(f1=2, f2=1, f3=b"\1", f7=b"\1", f8=family, f9=table))
    if decode(decode(take("root:P2P-1:0->1")).get(1, b"")).get(1): sys.exit("refused")
else:
    if decode(take("root:P2P-1:1->0")).get(1) != 2:
        push("root:P2P-1:0->1", encode(f1=encode(f1=31100201, f2=b"version 2 only"))); sys.exit("refused")
    family = any_of("protocol.EccProtocolResult", encode(f1=1, f2=suite, f3=1, f4=-1))
    table = any_of("algos.PsiDataIoResult", encode(f1=1, f2=receiver))
    push("root:P2P-1:0->1", encode(f2=1, f6=b"\1", f7=family, f8=table))
secret = secrets.token_bytes(32)
push_points("root", 2, b"enc", [x25519(secret, hashlib.sha256(id.encode()).digest()) for id in ids])
theirs = [x25519(secret, point) for point in take_points("root", 2)]
if receiver in (-1, 1 - rank): push_points("root-0", 1, b"dual.enc", theirs)
if receiver in (-1, rank):
    ours, known = take_points("root-0", 1), set(theirs)  # ours: in the order of ids
    common = [id for id, point in zip(ids, ours) if point in known]
    open(case["output"], "w").write("".join(id + "\n" for id in ["id", *common]))
