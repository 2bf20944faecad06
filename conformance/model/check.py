#!/usr/bin/env python3
"""Checks the model: its primitives against their standards, its protocols against recorded runs of real engines.

    python3 conformance/model/check.py            everything; exit 1 and a list if anything differs
"""

import base64
import hashlib
import itertools
import json
import pathlib
import sys

from symbolon_model import (
    ciphers, curves, dealer, fixedpoint, handshake, link, lr, protobuf, psi, shares, streams)

VECTORS = pathlib.Path(__file__).resolve().parents[2] / "vectors"
failures, passed = [], 0


def expect(what, found, wanted):
    global passed
    if found == wanted:
        passed += 1
    else:
        failures.append(f"{what}: {short(found)}, expected {short(wanted)}")


def short(value):
    text = value.hex() if isinstance(value, bytes) else repr(value)
    return text if len(text) < 300 else text[:300] + "…"


def load(path):
    return json.loads(path.read_text())


def tests(name):
    """All tests of a vector file, each with its group's fields."""
    for group in load(VECTORS / name)["groups"]:
        shared = {key: value for key, value in group.items() if key != "tests"}
        for test in group["tests"]:
            yield shared | test


def check_standards():
    """The examples of the documents that define the primitives."""
    key = bytes(range(16))
    expect("FIPS 197 C.1", ciphers.aes128_encrypt(key, bytes.fromhex("00112233445566778899aabbccddeeff")).hex(),
           "69c4e0d86a7b0430d8cdb78070b4c55a")
    key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    expect("GB/T 32907 A.1", ciphers.sm4_encrypt(key, key).hex(), "681edf34d206965e86b3e94f536e4246")
    expect("the SM4 table is a permutation", sorted(ciphers.SM4_SBOX), list(range(256)))
    expect("GB/T 32905 A.1", ciphers.sm3(b"abc").hex(),
           "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0")
    expect("GB/T 32905 A.2", ciphers.sm3(b"abcd" * 16).hex(),
           "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732")
    if "sm3" in hashlib.algorithms_available:
        for length in range(130):
            expect(f"SM3 of {length} bytes", ciphers.sm3(b"s" * length), hashlib.new("sm3", b"s" * length).digest())
    # NIST SP 800-38A F.5.1: a counter that runs over several bytes is big-endian.
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    expect("SP 800-38A F.5.1", ciphers.aes128_encrypt(key, bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")).hex(),
           "ec8cdf7398607cb0f2d21675ea9ea1e4")
    for curve, name in ((curves.SM2, "SM2"), (curves.P256, "P-256")):
        expect(f"{name} generator", curve.on_curve(curve.generator), True)
        expect(f"{name} order", curve.multiply(curve.order - 1, curve.generator)[0], curve.generator[0])
        expect(f"{name} z by RFC 9380 H.2", curves.find_z_sswu(curve) % curve.p, curve.z)
    point = curves.P256.hash_to_curve("sha256", b"", b"QUUX-V01-CS02-with-P256_XMD:SHA-256_SSWU_RO_")
    expect("RFC 9380 J.1.1", "%064x%064x" % point,
           "2c15230b26dbc6fc9a37051158c95b79656e17a1a920b11394ca91c44247d3e4"
           "8a7a74985cc5c776cdfe4b1f19884970453912e9d31528c060be9ab5c43e8415")
    tag = b"QUUX-V01-CS02-with-curve25519_XMD:SHA-512_ELL2_RO_"
    for message, wanted in (
            (b"", "2de3780abb67e861289f5749d16d3e217ffa722192d16bbd9d1bfb9d112b98c0"
                  "3b5dc2a498941a1033d176567d457845637554a2fe7a3507d21abd1c1bd6e878"),
            (b"abc", "2b4419f1f2d48f5872de692b0aca72cc7b0a60915dd70bde432e826b6abc526d"
                     "1b8235f255a268f0a6fa8763e97eb3d22d149343d495da1160eff9703f2d07dd")):
        expect("RFC 9380 J.4.1", "%064x%064x" % curves.CURVE25519.hash_to_curve("sha512", message, tag), wanted)


def check_streams():
    """First bytes of both constructions, as seen from yacl."""
    key = bytes(range(16))
    for construction, counter, wanted in (
            (streams.CTR, 0, "c6a13b37878f5b826f4f8162a1c8d8797346139595c0b41e497bbde365f42d0a49d68753999ba68c"),
            (streams.CTR, 221, "1276afff98b89e7f74be8660915a4e65128b935752769a32fd591e0e72fade1173c3c444e1511111"),
            (streams.BLOCKS, 0, "c6a13b37878f5b826f4f8162a1c8d879e37cd363dd7c87a09aff0e3e60e09c82fb8ae31ba5db9cad")):
        expect(f"{construction} at {counter}", streams.draw("aes-128", construction, key, counter, 40).hex(), wanted)


def check_fixed_point():
    """The step sizes that engines were seen to use."""
    ring = fixedpoint.Ring(64)
    for f, batch, wanted in ((18, 4, 6554), (18, 5, 5243), (26, 4, 1677722)):
        expect(f"step size, batch {batch}, f {f}", lr.step_size(ring, f, 0.1, batch), wanted)
    expect("lr 0.0001, batch 21, f 18", lr.step_size(ring, 18, 0.0001, 21), 1)


def check_maps():
    """The points and refusals of the files whose values come from OpenSSL and from standards."""
    for test in tests("psi/expand_message_xmd.json"):
        out = bytes.fromhex(test["uniform_bytes"])
        expect(test["id"], curves.expand_message_xmd(
            test["hash"], test["message"].encode(), test["dst"].encode(), len(out)), out)
    for test in tests("psi/sm2_hash_to_curve.json"):
        # Its generator is another model, written apart from this one.
        count, mapped = (2, curves.SM2.hash_to_curve) if test["variant"] == "ro" else (1, curves.SM2.encode_to_curve)
        item, tag = test["item"].encode(), test["dst"].encode()
        u = curves.hash_to_field(test["hash"], item, tag, count, curves.SM2.p, 128)
        expect(f"{test['id']}: field elements", [f"{x:064x}" for x in u], test["u"])
        expect(test["id"], curves.SM2.encode(mapped(test["hash"], item, tag), "x962-compressed").hex(), test["point"])
    for test in tests("psi/curve25519_elligator2.json"):
        curve = curves.CURVE25519
        mapped = curve.hash_to_curve if test["map"] == "ell2-ro" else curve.encode_to_curve
        u, _ = mapped(test["hash"], test["message"].encode(), test["dst"].encode())
        expect(test["id"], u.to_bytes(32, "little").hex(), test["u"])
    for test in itertools.chain(tests("psi/x25519.json"), tests("psi/wycheproof_x25519.json")):
        x25519 = lambda k, u: curves.CURVE25519.x25519(k, u)
        if test["kind"] == "low_order":
            expect(test["id"], x25519(b"\x50" * 32, bytes.fromhex(test["u"])), bytes(32))
            continue
        k, u = bytes.fromhex(test["scalar"]), bytes.fromhex(test["u"])
        for _ in range(test.get("iterations", 1)):
            k, u = x25519(k, u), k
        expect(test["id"], k.hex(), test["product"])
    forms = {"compressed": "x962-compressed", "x962_uncompressed": "x962-uncompressed", "x962_hybrid": "x962-hybrid",
             "uncompressed": "uncompressed"}
    for test in tests("psi/sm2.json"):
        if test["kind"] == "multiply":
            point = curves.SM2.decode(bytes.fromhex(test["point"]), "x962-uncompressed")
            product = curves.SM2.multiply(int(test["scalar"], 16), point)
            for field, form in (("compressed", "x962-compressed"), ("uncompressed", "x962-uncompressed"),
                                ("hybrid", "x962-hybrid")):
                expect(f"{test['id']} {form}", curves.SM2.encode(product, form).hex(), test["product"][field])
        elif test["kind"] == "hash":
            mapped = getattr(curves.SM2, f"try_and_{test['map']}")
            point, tries = mapped(test["hash"], bytes.fromhex(test["item"]))
            expect(test["id"], (curves.SM2.encode(point, "x962-compressed").hex(), tries),
                   (test["point"], test["attempts"]))
        elif test["kind"] == "bad_point":
            try:
                curves.SM2.decode(bytes.fromhex(test["encoded"]), forms[test["format"]])
                refused = "accepted"
            except ValueError as error:
                refused = str(error)
            expect(test["id"], refused, test["error"])


def check_dealers():
    """Every correction of the recorded dealers."""
    for path in sorted((VECTORS / "triples").glob("*.json")):
        if path.name.startswith("model"):
            continue
        for test in tests(f"triples/{path.name}"):
            seeds = [bytes.fromhex(seed) for seed in test["seeds"]]
            params = {key: test[key] for key in ("m", "k", "n")}
            ring = fixedpoint.Ring(test["field_bits"])
            found = dealer.correct(ring.bits, test["construction"], seeds, test["op"], params, test["inputs"])
            expect(test["id"], [ring.to_bytes(elements).hex() for elements in found], test["corrections"])


def check_dealer_calls():
    """Calls to dealers of SPU's service, as bytes: the requests of real parties, and the replies they computed on."""
    for path in sorted((VECTORS / "dealer").glob("*.json")):
        file = load(path)
        seeds = {name: bytes.fromhex(seed) for name, seed in file["seeds"].items()}
        for place, call in enumerate(file["calls"]):
            what = f"{path.name}, call {place} ({call['method']})"
            read = request_of_json if file["form"] == "http" else request_of_protobuf
            op, bits, params, draws = read(call, seeds)
            reply = reply_of(base64.b64decode(call["response"]), file["form"])
            ring = fixedpoint.Ring(bits)
            if op == "rand-bit":
                # The bits are the dealer's: the reply must make bits of what the parties drew.
                nothing = [0] * params["len"]
                masks, = dealer.correct(bits, file["stream"], [], op, params, draws, random_bits=nothing)
                made = [(c - m) % ring.size for c, m in zip(ring.from_bytes(reply), masks)]
                expect(f"{what}: bits", set(made) <= {0, 1}, True)
                continue
            found = dealer.correct(bits, file["stream"], [], op, params, draws)
            expect(what, b"".join(map(ring.to_bytes, found)), reply)


OPS = {"AdjustDot": "dot", "AdjustMul": "mul", "AdjustMulPriv": "mul-priv", "AdjustSquare": "square", "AdjustAnd": "and",
       "AdjustTrunc": "trunc", "AdjustTruncPr": "trunc-pr", "AdjustRandBit": "rand-bit", "AdjustEqz": "eqz",
       "AdjustPerm": "perm"}


def request_of_json(call, seeds):
    """Operation, ring, parameters and draws of a request posted as JSON; a field that is zero is left out."""
    request, op = call["request"], OPS[call["method"]]
    draws = [{"counter": int(b.get("prg_count", 0)), "bytes": int(b["buffer_len"]),
              "seeds": [seeds[name] for name in b["encrypted_seeds"]]} for b in request["prg_inputs"]]
    # And works on bytes: any ring whose elements fill the buffer will do.
    bits = 8 * int(request["field_size"]) if "field_size" in request else 32
    if op == "dot":
        params = {key.lower(): int(request[key]) for key in ("M", "N", "K")}
        params["transposed"] = request.get("transpose_inputs", [False, False])[:2]
    else:
        params = {"len": draws[0]["bytes"] * 8 // bits, "bits": int(request.get("bits", 0))}
    if op == "perm":
        perm = request["perm"]
        params |= {"rank": 0, "counter": int(perm.get("prg_count", 0)), "key": seeds[perm["encrypted_seeds"]]}
    return op, bits, params, draws


def request_of_protobuf(call, seeds):
    """The same of the reference's form of AdjustDot: buffers 1, transpositions 2, bytes of an element 3, M, N, K."""
    assert call["method"] == "AdjustDot"
    draws, fields = [], {}
    for number, value in protobuf.read_fields(base64.b64decode(call["request"])):
        if number != 1:
            fields[number] = value
            continue
        buffer = {"counter": 0, "seeds": []}
        for inner, content in protobuf.read_fields(value):
            if inner == 3:
                buffer["seeds"].append(seeds[base64.b64encode(content).decode()])
            else:
                buffer[{1: "counter", 2: "bytes"}[inner]] = content
        draws.append(buffer)
    transposed = [bool(flag) for flag in fields.get(2, b"\0\0")[:2]]
    return "dot", 8 * fields[3], {"m": fields[4], "n": fields[5], "k": fields[6], "transposed": transposed}, draws


def reply_of(body, form):
    """The corrections in a reply: frames of flag, length and data, or a message with the outputs in field 3."""
    if form == "unary":
        return b"".join(value for number, value in protobuf.read_fields(body) if number == 3)
    out = b""
    while body:
        length = int.from_bytes(body[1:9], "little")
        assert body[0] == 0, "the recorded reply is an error"
        out, body = out + body[9:9 + length], body[9 + length:]
    return out


def check_handshakes():
    """Requests and answers of the reference, from the configurations of its two parties."""
    encoded = lambda kind, message: base64.b64encode(protobuf.encode(kind, message)).decode()
    for test in tests("handshake/lr.json"):
        offers = [offer | {"fields": [offer["field"]], "ciphers": ["aes-128"]} for offer in test["offers"]]
        expect(f"{test['id']}: request", encoded(handshake.REQUEST, handshake.lr_request(offers[1], 1, "reference")),
               test["request"])
        answer = handshake.answer(handshake.lr_response, offers, "reference")
        expect(f"{test['id']}: response", encoded(handshake.RESPONSE, answer), test["response"])
    for name in ("handshake/lr.json", "handshake/psi.json"):
        for test in tests(name):
            for kind, field in ((handshake.REQUEST, "request"), (handshake.RESPONSE, "response")):
                message = protobuf.decode(kind, base64.b64decode(test[field]))
                expect(f"{test['id']}: {field} read and written", encoded(kind, message), test[field])


def check_trainings():
    """Shares of the weights of real engines, from inputs and seeds alone."""
    for test in tests("lr/training.json"):
        ring, f = fixedpoint.Ring(test["field_bits"]), test["fraction_bits"]
        seeds = {name: [bytes.fromhex(seed) for seed in test[name]] for name in ("pairwise_seeds", "dealer_seeds")}
        dialect = {"sequence-numbers": False, "counter-base": "one", "connect-suffix": True, "fin": True}
        session = shares.Session(ring, f, [link.Endpoint(rank, dialect) for rank in range(2)], seeds["pairwise_seeds"],
                                 seeds["dealer_seeds"], test["dealer_stream"], test["adjust_rank"])
        encode = lambda x: ring.encode(fixedpoint.float32(x), f)
        features = [[[encode(v) for v in row] for row in rows] for rows in test["features"]]
        labels = [encode(v) for v in test["label"]]
        run = {key: test[key] for key in ("epochs", "batch_size", "learning_rate", "l2")}
        run |= {"step": test["step_size"]} if test["step_size"] is not None else {}
        weights = lr.train(session, features, labels, test["label_rank"], run, test["first_step_draws"])
        for rank in range(2):
            expect(f"{test['id']}: share of rank {rank}", [ring.to_bytes(row).hex() for row in weights[rank]],
                   test["model_shares"][rank])
        if test.get("inference"):
            opened = lr.reference_ending(session, features, labels, test["label_rank"], weights)
            expect(f"{test['id']}: ending", [[ring.signed(v) for v in values] for values in opened],
                   [test["inference"]["labels"], test["inference"]["scores"]])


def check_sessions():
    """Every opening of recorded sessions."""
    for path in sorted((VECTORS / "semi2k").glob("*.json")):
        if path.name.startswith("model"):
            continue
        for test in tests(f"semi2k/{path.name}"):
            ring = fixedpoint.Ring(test["field_bits"])
            sides = test["ranks"]
            for rank, side in enumerate(sides):
                pairwise = bytes.fromhex(side["pairwise"])
                expect(f"{test['id']}: pairwise seed {rank}", shares.message_pack(unpacked(pairwise)), pairwise)
            dialect = {"sequence-numbers": False, "counter-base": "one", "connect-suffix": True, "fin": True}
            endpoints = [link.Endpoint(rank, dialect) for rank in range(2)]
            for endpoint in endpoints:
                endpoint.collective["root"] = 4
            session = shares.Session(
                ring, test["fraction_bits"], endpoints,
                [unpacked(bytes.fromhex(side["pairwise"])).to_bytes(16, "little") for side in sides],
                [bytes.fromhex(side["dealer_seed"]) for side in sides], test["construction"], test["adjust_rank"])
            encode = lambda x: ring.encode(fixedpoint.float32(x), session.f)
            features = [[[encode(v) for v in row] for row in side["features"]] for side in sides]
            labels = [encode(v) for v in test["labels_at_rank_0"]]
            run = {"epochs": test["epochs"], "batch_size": test["batch"], "l2": test["l2"], "step": test["step_size_units"]}
            order = "reference" if test["first_step_seals_weights"] else "ones-only"
            weights = lr.train(session, features, labels, 0, run, order)
            if test["weight_shares"]:
                expect(f"{test['id']}: weights", [ring.to_bytes(fixedpoint.flat(w)).hex() for w in weights],
                       test["weight_shares"])
            else:
                session.open(weights)
            for rank, side in enumerate(sides):
                sent = [{"key": key, "value": value.hex()} for key, value in endpoints[rank].sent]
                expect(f"{test['id']}: openings of rank {rank}", sent, side["openings"])
            corrections = [ring.to_bytes(correction).hex() for _, _, correction in session.requests]
            expect(f"{test['id']}: corrections", corrections, test["corrections"])


def unpacked(data):
    """The integer in the MessagePack form of two 64-bit halves."""
    assert data[0] == 0x92
    halves, place = [], 1
    for _ in range(2):
        size = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}.get(data[place], 0)
        halves.append(int.from_bytes(data[place + 1:place + 1 + size], "big") if size else data[place])
        place += 1 + size
    return halves[0] << 64 | halves[1]


def without_number(key):
    return key.split(link.SEPARATOR)[0]


def check_messages(name, recording, endpoints, exact_numbers):
    """What each party sent, as bytes. Where two threads share a counter, the numbers are compared as a set."""
    for rank, endpoint in enumerate(endpoints):
        theirs = {base64.b64decode(m["request"]) for m in recording["messages"]
                  if m["from"] == rank and "response" in m}
        ours = [push for key, value in endpoint.sent for push in link.pushes(rank, key, value, chunk_size(recording))]
        if exact_numbers:
            expect(f"{name}: messages of rank {rank}", sorted(ours_and_theirs(ours, theirs)), [])
            continue
        theirs = [protobuf.decode(link.PUSH_REQUEST, push) for push in theirs]
        ours = [protobuf.decode(link.PUSH_REQUEST, push) for push in ours]
        plain = lambda messages: sorted(
            protobuf.encode(link.PUSH_REQUEST, m | {"key": without_number(m["key"])}) for m in messages)
        expect(f"{name}: messages of rank {rank}", plain(ours), plain(theirs))
        numbers = lambda messages: sorted({m["key"].split(link.SEPARATOR)[-1] for m in messages})
        expect(f"{name}: numbers of rank {rank}", numbers(ours), numbers(theirs))


def chunk_size(recording):
    return recording.get("chunk_size")


def ours_and_theirs(ours, theirs):
    """The keys of messages that only one side has."""
    return [protobuf.decode(link.PUSH_REQUEST, push)["key"] for push in set(ours) ^ set(theirs)]


def check_recording(path):
    recording = load(path)
    name, algorithm = recording["id"], recording["run"]["algorithm"]
    for message in recording["messages"]:
        push = base64.b64decode(message["request"])
        expect(f"{name}: {message['key']}", protobuf.encode(
            link.PUSH_REQUEST, protobuf.decode(link.PUSH_REQUEST, push)), push)
    if algorithm == "lr":
        check_training(name, recording)
    else:
        check_intersection(name, recording)


def check_training(name, recording):
    result = lr.replay(recording)
    check_messages(name, recording, result["endpoints"], exact_numbers=True)
    requests = recording.get("dealer", [])
    expect(f"{name}: requests to the dealer", len(result["requests"]), len(requests))
    for place, ((params, draws, correction), theirs) in enumerate(zip(result["requests"], requests)):
        what = f"{name}: request {place} to the dealer"
        expect(what, (params, draws), ({key: theirs[key] for key in ("m", "k", "n")}, theirs["draws"]))
        ring = fixedpoint.Ring(8 * theirs["element_bytes"])
        expect(f"{what}, reply", [base64.b64encode(ring.to_bytes(correction)).decode()], theirs["corrections"])
    for rank, party in enumerate(recording["parties"]):
        outcome = party["side"]["lr"]["outcome"]
        if "refused" in outcome:
            expect(f"{name}: refusal", (result["header"]["error_code"], result["header"]["error_msg"]),
                   (outcome["refused"]["code"], outcome["refused"]["text"]))
        elif "half" in outcome:
            ring = fixedpoint.Ring(party["side"]["lr"]["ring_bits"])
            expect(f"{name}: half of rank {rank}", [ring.to_bytes([w]).hex() for w in result["weights"][rank]],
                   outcome["half"])
        else:
            # The recorded driver reads the weights as 32-bit floats.
            as_floats = lambda values: [fixedpoint.float32(v) for v in values]
            expect(f"{name}: weights", as_floats(result["revealed"]), as_floats(outcome["revealed"]))


def check_intersection(name, recording):
    result = psi.replay(recording)
    check_messages(name, recording, result["endpoints"], exact_numbers=False)
    for rank, party in enumerate(recording["parties"]):
        outcome = party["side"]["psi"]["outcome"]
        if "refused" in outcome:
            expect(f"{name}: refusal", (result["header"]["error_code"], result["header"]["error_msg"]),
                   (outcome["refused"]["code"], outcome["refused"]["text"]))
        elif "intersection" in outcome:
            expect(f"{name}: intersection of rank {rank}", result["intersections"][rank], outcome["intersection"])


def main():
    check_standards()
    check_streams()
    check_fixed_point()
    check_maps()
    check_dealers()
    check_dealer_calls()
    check_handshakes()
    check_trainings()
    check_sessions()
    recordings = sorted((VECTORS / "recordings").glob("*.json"))
    for path in recordings:
        check_recording(path)
    print(f"{passed} values as expected, {len(failures)} differ; {len(recordings)} recordings")
    for failure in failures:
        print("differs:", failure)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
