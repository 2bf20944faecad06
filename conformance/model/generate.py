#!/usr/bin/env python3
"""Writes the vectors for which there is no source outside: what the model computes.

    python3 conformance/model/generate.py            writes them
    python3 conformance/model/generate.py --check    fails if a file is not what would be written

Nothing here is random: inputs come from a counter through SHA-256, so every run writes the same bytes.
"""

import base64
import hashlib
import math
import pathlib
import struct
import sys

from symbolon_model import VERSION, curves, dealer, fixedpoint, handshake, link, lr, protobuf, psi, shares, streams
from symbolon_model.files import header, render

VECTORS = pathlib.Path(__file__).resolve().parents[2] / "vectors"
GENERATOR = {"name": "conformance/model/generate.py", "version": VERSION}
MODEL = "the model in conformance/model, which conformance/model/check.py holds against recorded runs of real engines"


class Inputs:
    """Numbers that look random, from a name."""

    def __init__(self, name):
        self.name, self.count = name, 0

    def bytes(self, length):
        out = b""
        while len(out) < length:
            self.count += 1
            out += hashlib.sha256(f"{self.name} {self.count}".encode()).digest()
        return out[:length]

    def below(self, limit):
        return int.from_bytes(self.bytes(24), "big") % limit

    def float32(self, bound):
        """A 32-bit float from -bound to bound."""
        return fixedpoint.float32((self.below(2**24) / 2**23 - 1) * bound)

    def seed(self):
        return self.bytes(16)


def test(name, number, result="valid", flags=(), **fields):
    return {"id": f"{name}-{number:03}", "result": result, "flags": list(flags)} | fields


def prg():
    groups = []
    for cipher in ("aes-128", "sm4"):
        for construction in streams.CONSTRUCTIONS:
            name = f"prg-{cipher}-{construction}"
            inputs, tests = Inputs(name), []
            for counter, lengths in ((0, [40]), (221, [40]), (0, [1, 16, 17, 0, 3]), (255, [48]), (2**32 - 1, [33, 8]),
                                     (2**56 - 2, [64]), (2**63, [100]), (250, [16 * 8])):
                key = bytes(range(16)) if not tests or counter == 221 else inputs.seed()
                stream, draws = streams.Stream(key, construction, cipher, counter), []
                for length in lengths:
                    out = stream.draw(length)
                    draws.append({"bytes": length, "output": out.hex(), "counter_after": str(stream.counter)})
                tests.append(test(name, len(tests) + 1, key=key.hex(), counter=str(counter), draws=draws))
            groups.append({"cipher": cipher, "construction": construction, "tests": tests})
    return {"prg/streams.json": {"header": header(
        "prg-streams", "Draws from pseudo-random streams, several in a row.",
        [MODEL, "the first bytes for the key 00 01 … 0f and AES-128: seen from secretflow/yacl"], GENERATOR,
        ["FIPS 197", "GB/T 32907-2016", "NIST SP 800-38A (CTR)"],
        {"construction": "erratum E16", "counter": "the first block, decimal", "key": "hex, 16 bytes",
         "draws": "in order; each begins with a new block", "counter_after": "the next block, decimal"}),
        "groups": groups}}


def fixed_point():
    groups = []
    for bits, f in ((32, 8), (32, 12), (64, 18), (64, 26), (128, 26), (128, 40)):
        ring, name = fixedpoint.Ring(bits), f"fixed-point-{bits}-{f}"
        inputs, tests = Inputs(name), []
        element = lambda x: ring.to_bytes([x]).hex()

        def add(kind, result="valid", flags=(), **fields):
            tests.append(test(name, len(tests) + 1, result, flags, kind=kind, **fields))

        limit = 2.0 ** (bits - 2 - f)
        unit = 2.0**-f
        values = [0.0, -0.0, 1.0, -1.0, 0.1, -0.1, 0.5, 1 / 3, unit, -unit, unit * 0.999, -unit * 0.999, unit * 1.5,
                  -unit * 1.5, limit * (1 - 2.0**-24), -limit * (1 - 2.0**-24), 1e-45]
        for value in map(fixedpoint.float32, values + [inputs.float32(50) for _ in range(8)]):
            x = ring.encode(value, f)
            add("encode", float32=struct.pack(">f", value).hex(), element=element(x), decoded=struct.pack(">d", ring.decode(x, f)).hex())
        for bad in (math.nan, math.inf, -math.inf, limit * 2, -limit * 2, 3.0e38 if bits < 128 else limit * 4):
            add("encode", result="invalid", flags=["NotFinite" if not math.isfinite(bad) else "OutOfRange"],
                float32=struct.pack(">f", bad).hex())
        for number in [0, 1, 2 ** (f - 1), 2 ** (f - 1) - 1, -1, -(2 ** (f - 1)), -(2 ** (f - 1)) - 1, 2**f - 1, -(2**f)] + \
                [inputs.below(2 ** (bits - 3)) - 2 ** (bits - 4) for _ in range(6)]:
            product = number % ring.size
            add("truncate-public", product=element(product), element=element(ring.truncate_public(product, f)))
        for number in [0, 1, -1, 2**f, -(2**f)] + [inputs.below(2 ** (f + 6)) - 2 ** (f + 5) for _ in range(8)]:
            first = inputs.below(ring.size)
            both = [first, (number - first) % ring.size]
            sides = {side: [element(ring.truncate_share(x, f, rank, side)) for rank, x in enumerate(both)]
                     for side in ("both-shift", "one-negates")}
            add("truncate-shares", shares=[element(x) for x in both], truncated=sides)
        groups.append({"field_bits": bits, "fraction_bits": f, "tests": tests})
    for group in groups:
        for one in group["tests"]:
            if one["result"] == "valid" and one["kind"] == "encode" and one["float32"] in ("00000001", "80000001"):
                one["flags"].append("Subnormal")
    return {"ring/fixed_point.json": {"header": header(
        "fixed-point", "Encoding, and bringing products back to f fraction bits.", [MODEL], GENERATOR,
        ["PPCA 7-2023 (SS-LR)", "IEEE 754 binary32"],
        {"float32": "hex of the big-endian bits", "element, product, shares": "hex of little-endian ring elements",
         "decoded": "the signed element divided by 2^f: hex of the big-endian bits of a 64-bit float",
         "truncate-public": "rounded: the shift plus the last bit shifted out (erratum E08)",
         "truncate-shares": "by rank, for both readings of erratum E05"},
        {"NotFinite": "must be refused (erratum E22)", "OutOfRange": "must be refused (erratum E22)",
         "Subnormal": "the smallest float of all"}), "groups": groups}}


def operations():
    files = {}
    for bits, f in ((32, 8), (64, 18), (128, 26)):
        groups = []
        for construction, side, adjust_rank in ((streams.BLOCKS, "one-negates", 0), (streams.CTR, "both-shift", 1)):
            name = f"share-operations-{bits}-{construction}"
            inputs, ring = Inputs(name), fixedpoint.Ring(bits)
            pairwise, dealers = [inputs.seed() for _ in range(2)], [inputs.seed() for _ in range(2)]
            dialect = {"sequence-numbers": False, "counter-base": "one", "connect-suffix": True, "fin": True}
            endpoints = [link.Endpoint(rank, dialect) for rank in range(2)]
            session = shares.Session(ring, f, endpoints, pairwise, dealers, construction, adjust_rank, side)
            steps, values = [], {}
            draw = lambda rows, columns: [[ring.encode(inputs.float32(2), f) for _ in range(columns)] for _ in range(rows)]
            shape = lambda m: {"rows": len(m), "columns": len(m[0])}
            as_hex = lambda m: ring.to_bytes(fixedpoint.flat(m)).hex()

            def step(op, out, result, **fields):
                sent = [[{"value": value.hex()} for _, value in endpoint.sent] for endpoint in endpoints]
                for endpoint in endpoints:
                    endpoint.sent.clear()
                values[out] = result
                expected = {"shares": [as_hex(share) for share in result]} if isinstance(result[0][0], list) else \
                    {"revealed": as_hex(result)}
                steps.append({"op": op, "out": out} | fields | {"expect": expected | {"openings": [
                    [message["value"] for message in messages] for messages in sent]}})

            x, y, p = draw(3, 2), draw(2, 4), draw(3, 2)
            zero = ring.zeros
            step("input", "x", [x, zero(3, 2)], owner=0, **shape(x), value=as_hex(x))
            step("input", "y", [zero(2, 4), y], owner=1, **shape(y), value=as_hex(y))
            step("seal", "p", session.seal(p), **shape(p), value=as_hex(p))
            step("add", "a", session.add(values["x"], values["p"]), left="x", right="p")
            step("sub", "b", session.sub(values["a"], values["p"]), left="a", right="p")
            step("add-public", "c", session.add_public(values["b"], p), left="b", **shape(p), value=as_hex(p))
            factor = ring.encode(0.125, f)
            scaled = [ring.map(lambda v: v * factor, share) for share in values["c"]]
            step("mul-public", "d", scaled, left="c", value=ring.to_bytes([factor]).hex())
            step("truncate", "e", session.truncate(values["d"]), left="d", bits=f)
            step("seal", "s", session.seal([[0]]), rows=1, columns=1, value=ring.to_bytes([0]).hex())
            product = session.matmul_untruncated(values["e"], values["y"])
            step("matmul", "g", product, left="e", right="y")
            step("truncate", "h", session.truncate(values["g"]), left="g", bits=f)
            t = [fixedpoint.transpose(share) for share in values["c"]]
            step("transpose", "t", t, left="c")
            step("matmul", "m", session.matmul_untruncated(values["t"], values["h"]), left="t", right="h")
            step("truncate", "n", session.truncate(values["m"]), left="m", bits=f)
            step("reveal", "r", session.open(values["n"]), left="n")
            step("reveal", "q", session.open(values["h"]), left="h")
            groups.append({
                "field_bits": bits, "fraction_bits": f, "construction": construction, "truncation_side": side,
                "adjust_rank": adjust_rank, "pairwise_seeds": [s.hex() for s in pairwise],
                "dealer_seeds": [s.hex() for s in dealers], "tests": [test(name, 1, steps=steps)]})
        files[f"semi2k/model-operations-{bits}.json"] = {"header": header(
            "share-operations", "Operations of two parties on shares, step by step.", [MODEL], GENERATOR,
            ["PPCA 7-2023 (SS-LR)"],
            {"steps": "in order; left and right name the results of earlier steps (out)",
             "value": "hex of little-endian ring elements, row by row: an input, a public matrix or a public factor",
             "expect": "shares by rank, or what is revealed; openings: what each rank sends in this step, by rank",
             "matmul": "without truncation; X - A is opened before Y - B", "construction": "of the dealer streams, "
             "erratum E16; pairwise streams are AES-128 in CTR mode", "truncation_side": "erratum E05",
             "pairwise_seeds": "by rank, the seed that a rank draws and sends to the previous rank"}), "groups": groups}
    return files


def corrections():
    files = {}
    for bits in (32, 64, 128):
        ring, groups = fixedpoint.Ring(bits), []
        for construction in streams.CONSTRUCTIONS:
            for parties in (2, 3):
                name = f"dealer-corrections-{bits}-{construction}-{parties}"
                inputs, tests, counter = Inputs(name), [], 0
                seeds = [inputs.seed() for _ in range(parties)]

                def add(op, params, draws=None, flags=(), **fields):
                    nonlocal counter
                    draws = draws or dealer.layout(op, params, ring.bytes, counter)
                    counter = max(counter, dealer.end(draws))
                    bits_drawn = fields.get("random_bits")
                    found = dealer.correct(bits, construction, seeds, op, params, draws, random_bits=bits_drawn)
                    if bits_drawn:
                        fields["random_bits"] = ring.to_bytes(bits_drawn).hex()
                    shown = {{"rank": "perm_rank", "counter": "perm_counter"}.get(k, k): v for k, v in params.items()}
                    tests.append(test(name, len(tests) + 1, flags=flags, op=op, **shown, inputs=draws, **fields,
                                      corrections=[ring.to_bytes(elements).hex() for elements in found]))
                    return draws

                first = add("dot", {"m": 3, "k": 2, "n": 4})
                add("dot", {"m": 1, "k": 1, "n": 1})
                # The mask of the first product again, transposed: 2×3 times 3×1.
                params = {"m": 2, "k": 3, "n": 1, "transposed": [True, False]}
                rest = dealer.layout("dot", params, ring.bytes, counter)
                add("dot", params, [first[0], rest[1], rest[2]], ["Transposed"])
                params = {"m": 1, "k": 4, "n": 2, "transposed": [False, True]}
                rest = dealer.layout("dot", params, ring.bytes, counter)
                add("dot", params, [rest[0], first[1], rest[2]], ["Transposed"])
                for op in ("mul", "mul-priv", "square", "and", "eqz"):
                    add(op, {"len": 5})
                for cut in (0, 7, bits - 2):
                    add("trunc", {"len": 4, "bits": cut})
                    add("trunc-pr", {"len": 4, "bits": cut})
                add("rand-bit", {"len": 6}, flags=["DealersChoice"], random_bits=[inputs.below(2) for _ in range(6)])
                for rank in range(parties):
                    add("perm", {"len": 7, "rank": rank, "counter": 1000 + 10 * rank})
                counter = 2**40
                add("mul", {"len": 3})
                groups.append({"cipher": "aes-128", "construction": construction, "field_bits": bits,
                               "seeds": [seed.hex() for seed in seeds], "tests": tests})
        files[f"triples/model-{bits}.json"] = {"header": header(
            "dealer-corrections", "Requests to a dealer and its corrections, for every operation.", [MODEL], GENERATOR,
            ["PPCA 7-2023 annex B", "spu.mpc.semi2k.beaver.ttp_server of secretflow/spu"],
            {"seeds": "by rank, hex: the keys of the parties' dealer streams", "construction": "erratum E16",
             "inputs": "one draw from every party's stream for each buffer: first block and length in bytes",
             "corrections": "hex of little-endian ring elements", "random_bits": "the elements that the dealer drew",
             "perm_rank, perm_counter": "whose stream gives the permutation, and from which block",
             "transposed": "whether the buffers of A and of B hold the transposed matrices"},
            {"Transposed": "a mask of an earlier product is used again, transposed",
             "DealersChoice": "the bits are the dealer's own: another dealer's correction differs, but makes bits, too"}),
            "groups": groups}
    return files


NAMES = {"curve": {1: "curve25519", 2: "sm2"}, "map": {1: "try_and_increment", 2: "try_and_rehash",
                                                       3: "direct_hash_as_point_x"},
         "hash": {1: "sm3", 10: "sha_224", 11: "sha_256", 12: "sha_384", 13: "sha_512", 20: "sha3_224", 21: "sha3_256",
                  22: "sha3_384", 23: "sha3_512"},
         "format": {1: "uncompressed", 2: "x962_compressed", 3: "x962_uncompressed", 4: "x962_hybrid"}}


def handshakes():
    files = {}
    base = {"samples": 100, "features": 3, "has_label": True, "learning_rate": 0.1, "epochs": 2, "batch_size": 21,
            "l2": 0.5, "fields": [64], "fraction_bits": 18, "ciphers": ["aes-128"], "dealer_host": "dealer.example:9449",
            "adjust_rank": 0, "dealer_version": 1, "session_id": "session-1"}
    other = {"features": 5, "has_label": False}
    both = lambda **fields: ({**base, **fields}, {**base, **other, **fields})
    cases = [("as both want it", both()), ("without a penalty", both(l2=0.0)), ("label at rank 1",
             ({**base, "has_label": False}, {**base, **other, "has_label": True})), ("ring 32", both(fields=[32], fraction_bits=8)),
             ("ring 128, SM4", both(fields=[128], fraction_bits=26, ciphers=["sm4"])),
             ("rank 0's order decides", ({**base, "fields": [128, 64], "ciphers": ["sm4", "aes-128"]},
                                         {**base, **other, "fields": [64, 128, 32], "ciphers": ["aes-128", "sm4"]})),
             ("one ring in common", ({**base, "fields": [32, 64]}, {**base, **other, "fields": [128, 64]})),
             ("only rank 0 has a penalty", (base, {**base, **other, "l2": 0.0})),
             ("no ring in common", ({**base, "fields": [64]}, {**base, **other, "fields": [128]})),
             ("no cipher in common", (base, {**base, **other, "ciphers": ["sm4"]})),
             ("sizes differ", (base, {**base, **other, "samples": 99})), ("two labels", (base, {**base, **other, "has_label": True})),
             ("no label", ({**base, "has_label": False}, {**base, **other})),
             ("dealer versions differ", (base, {**base, **other, "dealer_version": 3})),
             ("large numbers", both(samples=2**40, epochs=10**6, batch_size=2**33))]
    groups = []
    for style in ("full", "reference"):
        chosen = [case for case in cases if style == "full" or "sm4" not in case[1][0]["ciphers"]]
        groups.append(handshake_group("ss-lr", style, chosen, handshake.lr_request, handshake.lr_response, lambda o: o))
    files["handshake/model_lr.json"] = groups
    suites = [(1, 11, 3), (2, 1, 1), (1, 1, 3), (2, 11, 1), (2, 1, 2), (2, 11, 2)]
    formats = {1: [1], 2: [2, 3, 4, 1]}
    base = lambda suite, **fields: {"items": 10, "suites": [suite], "formats": formats[suite[0]][:1],
                                    "result_to_rank": -1, **fields}
    cases = [(f"suite {suite}, format {form}", (base(suite, formats=[form]), base(suite, formats=[form], items=20)))
             for suite in suites for form in formats[suite[0]]]
    first, second = suites[:2]
    cases += [("result to rank 0", (base(first, result_to_rank=0),) * 2), ("result to rank 1", (base(first, result_to_rank=1),) * 2),
              ("an empty set", (base(first, items=0), base(first))),
              ("no suite in common", (base(first), base(second))),
              ("no format in common", (base(second, formats=[2]), base(second, formats=[3]))),
              ("results to other ranks", (base(first, result_to_rank=0), base(first, result_to_rank=1)))]
    groups = []
    for style in ("full", "reference"):
        groups.append(handshake_group("ecdh-psi", style, cases, handshake.psi_request, handshake.psi_response, named))
    files["handshake/model_psi.json"] = groups
    return {name: {"header": header(
        "handshake", "Handshakes of two parties: rank 1's request and rank 0's answer, as bytes and as text.", [MODEL],
        GENERATOR, ["PPCA 7-2023 (SS-LR)" if "lr" in name else "PPCA 9-2023 (ECDH-PSI)",
                    "handshake v2 of secretflow/interconnection at 09b0ecc"],
        {"offers": "by rank; lists in the order of preference", "request, response": "base64 of the protobuf messages",
         "request_text, response_text": "the same messages in the text form of Protocol Buffers",
         "style": "full: every field that the documents ask for; reference: as the reference fills them (errata E13, E14, "
         "E17, E18, E20)", "code, text": "of a refusal; the text binds nobody but in the reference's style"},
        {"Refused": "rank 0 refuses"}), "groups": groups} for name, groups in files.items()}


def named(offer):
    suites = [{key: NAMES[key][number] for key, number in zip(("curve", "hash", "map"), suite)} for suite in offer["suites"]]
    return {"items": offer["items"], "suites": suites, "formats": [NAMES["format"][form] for form in offer["formats"]],
            "result_to_rank": offer["result_to_rank"]}


def handshake_group(algorithm, style, cases, request, respond, show):
    name, tests = f"handshake-{algorithm}-{style}", []
    for number, (comment, offers) in enumerate(cases, 1):
        asked = request(offers[1], 1, style)
        answered = handshake.answer(respond, offers, style)
        refused = "algo" not in answered
        extra = {"code": answered["header"]["error_code"], "text": answered["header"]["error_msg"]} if refused else {}
        encoded = lambda kind, message: base64.b64encode(protobuf.encode(kind, message)).decode()
        tests.append(test(
            name, number, "invalid" if refused else "valid", ["Refused"] if refused else [], comment=comment,
            offers=[show(offer) for offer in offers], request=encoded(handshake.REQUEST, asked),
            request_text=protobuf.text(handshake.REQUEST, asked), response=encoded(handshake.RESPONSE, answered),
            response_text=protobuf.text(handshake.RESPONSE, answered), **extra))
    return {"algorithm": algorithm, "style": style, "tests": tests}


def requests():
    """Requests of rank 1, good and bad, and the code with which rank 0 must answer."""
    lr_offers = {"samples": 100, "features": 3, "has_label": True, "learning_rate": 0.1, "epochs": 2, "batch_size": 21,
                 "l2": 0.5, "fields": [64], "fraction_bits": 18, "ciphers": ["aes-128"],
                 "dealer_host": "dealer.example:9449", "adjust_rank": 0, "dealer_version": 1, "session_id": "session-1"}
    psi_offers = {"items": 10, "suites": [(2, 1, 1)], "formats": [2], "result_to_rank": -1}
    lr_request = lambda: handshake.lr_request(lr_offers | {"features": 5, "has_label": False}, 1, "full")
    psi_request = lambda: handshake.psi_request(psi_offers | {"items": 20}, 1, "full")
    groups = []
    for algorithm, offer, request, shown in (("ss-lr", lr_offers, lr_request, lr_offers),
                                             ("ecdh-psi", psi_offers, psi_request, named(psi_offers))):
        tests, name = [], f"handshake-request-{algorithm}"
        lr_run = algorithm == "ss-lr"

        def add(comment, code, change=None, flags=(), tail=b"", cut=0):
            message = request()
            if change:
                change(message)
            data = protobuf.encode(handshake.REQUEST, message)
            data = (data + tail)[:len(data) + len(tail) - cut]
            flags = flags or (["Refused"] if code != "OK" else [])
            tests.append(test(name, len(tests) + 1, "valid" if code == "OK" else "invalid", flags, comment=comment,
                              request=base64.b64encode(data).decode(), code=handshake.CODES[code],
                              **({} if tail or cut else {"request_text": protobuf.text(handshake.REQUEST, message)})))

        def put(*path):
            """A change that sets the last of `path` at the place that the others lead to."""
            def change(message):
                for key in path[:-2]:
                    message = message[key]
                message[path[-2]] = path[-1]
            return change

        def drop(*path):
            def change(message):
                for key in path[:-1]:
                    message = message[key]
                del message[path[-1]]
            return change

        family, data = ("protocol_family_params", 0), ("io_param",)
        add("as it should be", "OK")
        add("an unknown field at the end", "OK", flags=["Unknown"], tail=protobuf.tagged(999, b"later versions"))
        add("an unknown field of another kind", "OK", flags=["Unknown"], tail=protobuf.varint(1000 << 3) + b"\x05")
        add("an unknown algorithm beside the known one", "OK", flags=["Unknown"],
            change=lambda m: (m["supported_algos"].append(77), m.get("algo_params", []) and m["algo_params"].append(m["io_param"])))
        add("a version that is too new", "UNSUPPORTED_VERSION", put("version", 3))
        add("no algorithm", "UNSUPPORTED_ALGO", lambda m: (m.pop("supported_algos"), m.pop("algo_params", None)))
        add("another algorithm", "UNSUPPORTED_ALGO", put("supported_algos", [3]))
        add("a message that is cut off", "INVALID_REQUEST", cut=3)
        add("no protocol family", "INVALID_REQUEST", lambda m: (m.pop("protocol_families"), m.pop("protocol_family_params")))
        add("a family without its parameters", "INVALID_REQUEST", drop("protocol_family_params"))
        add("family parameters of another type", "INVALID_REQUEST", lambda m: put("protocol_family_params", [m["io_param"]])(m))
        add("no description of the data", "INVALID_REQUEST", drop("io_param"))
        add("a description of another type", "INVALID_REQUEST", lambda m: put("io_param", m["protocol_family_params"][0])(m))
        add("family parameters in a version to come", "UNSUPPORTED_PARAMS", put(*family, "supported_versions", [2]))
        if lr_run:
            algo, op = ("algo_params", 0), ("op_params", 0)
            add("an unknown ring beside the known one", "OK", put(*family, "field_types", [9, 2]), ["Unknown"])
            add("an unknown optimizer beside the known one", "OK", put(*algo, "optimizers", [99, 1]), ["Unknown"])
            add("no parameters of the algorithm", "INVALID_REQUEST", drop("algo_params"))
            add("parameters of the algorithm of another type", "INVALID_REQUEST", lambda m: put("algo_params", [m["io_param"]])(m))
            add("no operator", "INVALID_REQUEST", lambda m: (m.pop("ops"), m.pop("op_params")))
            add("an operator without its parameters", "INVALID_REQUEST", drop("op_params"))
            add("another optimizer", "UNSUPPORTED_PARAMS", put(*algo, "optimizers", [2]))
            add("no optimizer", "UNSUPPORTED_PARAMS", drop(*algo, "optimizers"))
            add("another policy for the last batch", "UNSUPPORTED_PARAMS", put(*algo, "last_batch_policies", [0]))
            add("another sigmoid", "UNSUPPORTED_PARAMS", put(*op, "sigmoid_modes", [2]))
            add("another sharing", "UNSUPPORTED_PARAMS", put(*family, "supported_protocols", [2]))
            add("another ring", "UNSUPPORTED_PARAMS", put(*family, "field_types", [3]))
            add("another truncation", "UNSUPPORTED_PARAMS", put(*family, "trunc_modes", [{"supported_versions": [1], "method": 2}]))
            add("another cipher", "UNSUPPORTED_PARAMS", put(*family, "prg_configs", [{"supported_versions": [1], "crypto_type": 2}]))
            add("another serialisation", "UNSUPPORTED_PARAMS", put(*family, "shard_serialize_formats", [2]))
            add("another version of the dealer", "UNSUPPORTED_PARAMS",
                put(*family, "triple_configs", [{"supported_versions": [1], "sever_version": 7}]))
            add("another number of samples", "HANDSHAKE_REFUSED", put(*data, "sample_size", 101))
            add("a negative number of features", "INVALID_REQUEST", put(*data, "feature_num", -5))
            add("a second label", "HANDSHAKE_REFUSED", put(*data, "has_label", True))
        else:
            add("an unknown format beside the known one", "OK", put(*family, "point_octet_formats", [9, 2]), ["Unknown"])
            add("another curve", "UNSUPPORTED_PARAMS", put(*family, "ec_suits", [{"curve": 1, "hash": 1, "hash2curve_strategy": 1}]))
            add("another hash", "UNSUPPORTED_PARAMS", put(*family, "ec_suits", [{"curve": 2, "hash": 11, "hash2curve_strategy": 1}]))
            add("another map", "UNSUPPORTED_PARAMS", put(*family, "ec_suits", [{"curve": 2, "hash": 1, "hash2curve_strategy": 2}]))
            add("another point format", "UNSUPPORTED_PARAMS", put(*family, "point_octet_formats", [4]))
            add("no point format", "UNSUPPORTED_PARAMS", drop(*family, "point_octet_formats"))
            add("the result to another rank", "HANDSHAKE_REFUSED", put(*data, "result_to_rank", 1))
            add("a negative number of items", "INVALID_REQUEST", put(*data, "item_num", -1))
        groups.append({"algorithm": algorithm, "offer": shown, "tests": tests})
    return {"handshake/requests.json": {"header": header(
        "handshake-requests", "What rank 1 can ask, well and badly, and the code of rank 0's answer.", [MODEL], GENERATOR,
        ["PPCA 7-2023 (SS-LR)", "PPCA 9-2023 (ECDH-PSI)", "interconnection/common/header.proto at 09b0ecc (error codes)"],
        {"offer": "rank 0's configuration, alike for all tests of the group", "request": "base64 of the HandshakeRequest",
         "request_text": "the same as text, where it can be read at all",
         "code": "error_code of the response; 0: agreed. The documents name the codes, they do not assign causes to them: "
         "erratum E20 does"},
        {"Refused": "rank 0 refuses", "Unknown": "what a receiver does not know it must ignore"}), "groups": groups}}


def links():
    keys, bad = [], []
    name = "link-key"

    def key(comment, text, sequence, **fields):
        keys.append(test(name, len(keys) + 1, comment=comment, fields=fields, sequence=sequence, text=text))

    for rank in (0, 1, 10):
        key("presence", link.connect_key(rank), 0, kind="connect", rank=rank)
    key("presence without a suffix", link.connect_key(1, suffix=False), None, kind="connect", rank=1)
    for channel in ("root", "root-0", "root-12", "我的通道", "a:b"):
        for counter, source, target, sequence in ((0, 0, 1, None), (1, 1, 0, 1), (2**40, 3, 12, 10**6)):
            key("point to point", link.numbered(link.p2p_key(channel, counter, source, target), sequence), sequence,
                kind="p2p", channel=channel, counter=counter, source=source, target=target)
        for operation in link.COLLECTIVES:
            key("collective", link.numbered(link.collective_key(channel, 7, operation), 5), 5, kind="collective",
                channel=channel, counter=7, operation=operation)
    key("acknowledgement", link.ACK, None, kind="ack")
    key("end", link.FIN, None, kind="fin")
    for text in ("", "root", "connect_", "connect_x", "root:P2P-1:0-1", "root:P2P-1:0->", "root:P2P-x:0->1", "root:P2P-1:a->b",
                 "root:x:GATHER", "root:1:ALLREDUCE", "root:1:allgather", "root:1", ":1:GATHER", "ACK", "FIN",
                 "root:1:GATHER\x01\x02", "root:1:GATHER\x01\x02x", "root:1:GATHER\x01\x02-1", "root:1:GATHER\x011",
                 "root:1:GATHER\x01\x0218446744073709551616", "root:18446744073709551616:GATHER", "connect_-1"):
        bad.append(test("link-no-key", len(bad) + 1, "invalid", ["NoKey"], text=text))
    inputs, pushes = Inputs("link-push"), []
    for comment, sender, text, value, chunk in (
            ("empty value", 0, "connect_0\x01\x020", b"", None), ("one piece", 1, "root:P2P-1:1->0\x01\x021", b"value", None),
            ("zero bytes, not empty", 0, "root:1:ALLGATHER", b"\0\0\0", None),
            ("first piece", 0, "root:2:ALLGATHER\x01\x023", inputs.bytes(20), (50, 0)),
            ("last piece", 0, "root:2:ALLGATHER\x01\x023", inputs.bytes(10), (50, 40)),
            ("a large message", 2**32, "root:P2P-300:2->1", inputs.bytes(5), (2**40, 2**39)),
            ("acknowledgement", 1, link.ACK, b"17", None), ("end", 1, link.FIN, b"64", None)):
        fields = {"sender": sender, "key": text, "value": value.hex()}
        if chunk:
            fields["chunk"] = {"message_length": chunk[0], "offset": chunk[1]}
        pushes.append(test("link-push", len(pushes) + 1, comment=comment, **fields,
                           request=base64.b64encode(link.push(sender, text, value, chunk)).decode()))
    return {"link/keys.json": {"header": header(
        "link-keys", "Keys of the link, and messages under them.", [MODEL], GENERATOR,
        ["docs/protocols of secretflow/interconnection at 09b0ecc", "secretflow/yacl (suffixes, ACK, FIN)"],
        {"text": "the key with its suffix: U+0001 U+0002 and the number", "sequence": "the number of the suffix; null "
         "without one", "request": "base64 of the PushRequest", "value": "hex"},
        {"NoKey": "no key of the grammar: refuse the message with 31100100 (INVALID_REQUEST)"}),
        "groups": [{"kind": "key", "tests": keys + bad}, {"kind": "push", "tests": pushes}]},
        "link/exchanges.json": exchanges()}


def exchanges():
    """What comes to rank 0 of two, message by message, and what it must answer to each."""
    ok, stranger, invalid = 0, handshake.CODES["UNEXPECTED_ERROR"], handshake.CODES["INVALID_REQUEST"]
    inputs, tests = Inputs("link-exchange"), []
    whole = inputs.bytes(30)
    p2p = lambda counter: link.p2p_key("root", counter, 1, 0)

    def push(key, value, expected, chunk=None, sender=1):
        fields = {"sender": sender, "key": key, "value": value.hex()}
        if chunk:
            fields["chunk"] = {"message_length": chunk[0], "offset": chunk[1]}
        return {"op": "push"} | fields | {"expect": {"error_code": expected}}

    def receive(value):
        return {"op": "receive", "expect": {"value": value.hex()}}

    def add(comment, *steps, result="valid", flags=()):
        tests.append(test("link-exchange", len(tests) + 1, result, flags, comment=comment, steps=list(steps)))

    piece = lambda start, end, key=None, total=30: push(key or p2p(1), whole[start:end], ok, (total, start))
    add("one message", push(p2p(1), b"one", ok), receive(b"one"))
    add("messages overtake each other", push(p2p(2), b"two", ok), push(p2p(1), b"one", ok), receive(b"one"), receive(b"two"))
    add("a message of no bytes", push(p2p(1), b"", ok), receive(b""))
    add("pieces in order", piece(0, 10), piece(10, 20), piece(20, 30), receive(whole))
    add("pieces in another order", piece(20, 30), piece(0, 10), piece(10, 20), receive(whole))
    add("a piece comes twice", piece(0, 10), piece(0, 10), piece(10, 30), receive(whole), flags=["Repeated"])
    add("pieces of two messages mixed", piece(0, 20, p2p(2)), piece(0, 10), piece(20, 30, p2p(2)), piece(10, 30),
        receive(whole), receive(whole))
    numbered = link.numbered(p2p(1), 1)
    add("a numbered message comes twice", push(numbered, b"one", ok), push(numbered, b"one", ok),
        push(link.numbered(p2p(2), 2), b"two", ok), receive(b"one"), receive(b"two"), flags=["Repeated"])
    add("a sender that is no party", push(p2p(1), b"x", stranger, sender=2), push(p2p(1), b"one", ok), receive(b"one"),
        result="invalid", flags=["Stranger"])
    for key in ("nonsense", "root:P2P-1:0->1", "root:P2P-1:1->2", "root:1:ALLREDUCE", "connect_0"):
        add(f"a key that is not for this receiver: {key}", push(key, b"x", invalid), push(p2p(1), b"one", ok),
            receive(b"one"), result="invalid", flags=["BadKey"])
    for comment, chunk in (("a piece beyond the message's end", (30, 25)), ("a piece that begins beyond the end", (5, 6))):
        add(comment, push(p2p(1), whole[:10], invalid, chunk), result="invalid", flags=["BadPiece"])
    return {"header": header(
        "link-exchanges", "Messages that come to rank 0 of two parties, and its answers.", [MODEL], GENERATOR,
        ["docs/protocols of secretflow/interconnection at 09b0ecc", "interconnection/common/header.proto (error codes)",
         "secretflow/yacl (the code for strangers, repeated messages)"],
        {"steps": "in order. push: a PushRequest, with the error_code of its response; receive: what the next receiving "
         "from rank 1 on the channel root must give", "value": "hex",
         "result": "invalid: the exchange holds a message that must be refused, at the step that says so"},
        {"Repeated": "taken once, answered with 0 each time", "Stranger": "31100001, as yacl answers",
         "BadKey": "31100100 by its name, INVALID_REQUEST: no document assigns a code; yacl takes such a message",
         "BadPiece": "31100100 by its name, INVALID_REQUEST: no document assigns a code"}), "groups": [{"rank": 0, "world_size": 2, "tests": tests}]}


def suites():
    groups = []
    items = ["", "a", "13800138000", "用户-0007", "🙂", "with inner space", "L" * 300]
    chosen = [(1, h, 3, 1) for h in (11, 1)] + [(2, h, m, f) for h in (1, 11) for m in (1, 2) for f in (1, 2, 3, 4)]
    for numbers in chosen:
        suite = psi.Suite(*numbers)
        shown = {key: NAMES[key][number] for key, number in zip(("curve", "hash", "map", "format"), numbers)}
        name = "psi-suite-" + "-".join(shown.values()).replace("_", "-")
        inputs, tests = Inputs(name), []
        for item in items if numbers[3] < 3 else items[:3]:
            keys = [inputs.bytes(32) for _ in range(2)]
            scalars = [suite.scalar(key) for key in keys]
            point = suite.point(item.encode())
            once = [suite.multiply(scalar, point) for scalar in scalars]
            twice = suite.multiply(scalars[1], once[0])
            assert twice == suite.multiply(scalars[0], once[1])
            tests.append(test(name, len(tests) + 1, item=item, keys=[key.hex() for key in keys], point=point.hex(),
                              once=[value.hex() for value in once], twice=twice.hex(), last_twelve=twice[-12:].hex()))
        groups.append({"suite": shown, "tests": tests})
    return {"psi/suites.json": {"header": header(
        "psi-suites", "Ids to points, and points multiplied by one and by both keys, in every suite and format.", [MODEL],
        GENERATOR, ["PPCA 9-2023 (ECDH-PSI)", "RFC 7748", "GB/T 32918.1 and .5", "SEC 1 section 2.3"],
        {"item": "text, UTF-8", "keys": "32 bytes, little-endian; the multiplier is the number modulo the group's order, on "
         "Curve25519 clamped after that", "point": "of the item; on Curve25519 the digest", "once": "the point times each key",
         "twice": "times both", "last_twelve": "of twice (errata E11 and E21)", "suite": "names of the protos"}),
        "groups": groups}}


def psi_exchanges():
    """What a peer of rank 0 sends, batch by batch; a bad run must fail at the batch that says so."""
    groups = []
    for numbers in ((1, 11, 3, 1), (2, 1, 1, 2)):
        suite = psi.Suite(*numbers)
        shown = {key: NAMES[key][number] for key, number in zip(("curve", "hash", "map", "format"), numbers)}
        name = f"psi-exchange-{shown['curve']}"
        inputs, tests = Inputs(name), []
        keys = [inputs.bytes(32) for _ in range(2)]
        scalars = [suite.scalar(key) for key in keys]
        ids = ["a", "b", "c"]
        own = [suite.multiply(scalars[0], suite.point(item.encode())) for item in ids]
        peer = [suite.multiply(scalars[1], suite.point(item.encode())) for item in ("b", "x", "c")]
        again = [suite.multiply(scalars[1], point) for point in own]
        bad_point = bytes(32) if numbers[0] == 1 else b"\x02" + bytes(31) + b"\x02"
        batch = lambda kind, index, points, last=False, **more: {"type": kind, "batch_index": index, "count": len(points),
                                                                 "ciphertext": b"".join(points), "is_last_batch": last} | more
        first = lambda: [batch("enc", 0, peer[:2]), batch("enc", 1, peer[2:]), batch("enc", 2, [], last=True)]
        second = lambda: [batch("dual.enc", 0, again), batch("dual.enc", 1, [], last=True)]

        def add(comment, bad=None, flags=(), change=lambda one, two: None, common=("b", "c")):
            """`bad` is the stream and the place in it of the batch that must be refused."""
            streams_sent, steps = (first(), second()), []
            change(*streams_sent)
            for number, messages in enumerate(streams_sent):
                for place, message in enumerate(messages):
                    steps.append({"op": "send", "stream": ("first", "second")[number],
                                  "value": protobuf.encode(psi.BATCH, message).hex(),
                                  "expect": "refused" if bad == (number, place) else "taken"})
                    if bad == (number, place):
                        break
                if bad and bad[0] == number:
                    break
            outcome = {} if bad else {"intersection": list(common)}
            tests.append(test(name, len(tests) + 1, "invalid" if bad else "valid", flags, comment=comment, steps=steps, **outcome))

        def change(stream, place, **fields):
            return lambda one, two: (one, two)[stream][place].update(fields)

        def replace(stream, messages):
            def put(one, two):
                (one, two)[stream][:] = messages
            return put

        add("a good run")
        add("the end as a flag on the last batch", flags=["EndFlag"], change=replace(0, [batch("enc", 0, peer, last=True)]))
        add("an empty set", change=replace(0, [batch("enc", 0, [], last=True)]), common=())
        add("one point in each batch", change=replace(0, [batch("enc", i, [p]) for i, p in enumerate(peer)] +
                                                     [batch("enc", 3, [], last=True)]))
        for stream, kind in ((0, "dual.enc"), (1, "enc")):
            add("a batch of the other stream", (stream, 0), ["Type"], change(stream, 0, type=kind))
        add("a batch is left out", (0, 1), ["Index"], change(0, 1, batch_index=2))
        add("a batch comes again", (0, 1), ["Index"], change(0, 1, batch_index=0))
        add("counting begins at 1", (0, 0), ["Index"], change(0, 0, batch_index=1))
        add("a count above the points", (0, 0), ["Count"], change(0, 0, count=3))
        add("a count below the points", (0, 0), ["Count"], change(0, 0, count=1))
        add("a negative count", (0, 0), ["Count"], change(0, 0, count=-2))
        add("a point that is cut off", (0, 1), ["Count"], change(0, 1, ciphertext=peer[2][:-1]))
        add("a point that must be refused", (0, 1), ["BadPoint"], change(0, 1, ciphertext=bad_point))
        add("more points come back than were sent", (1, 0), ["Total"], change(1, 0, count=4, ciphertext=b"".join(again + again[:1])))
        add("fewer points come back than were sent", (1, 1), ["Total"], change(1, 0, count=2, ciphertext=b"".join(again[:2])))
        groups.append({"suite": shown, "ids": ids, "key": keys[0].hex(), "tests": tests})
    return {"psi/exchanges.json": {"header": header(
        "psi-exchanges", "What the peer of rank 0 sends, batch by batch.", [MODEL], GENERATOR,
        ["PPCA 9-2023 (ECDH-PSI)", "interconnection/runtime/ecdh_psi.proto at 09b0ecc"],
        {"ids, key": "rank 0's; the key as in suites.json", "steps": "in order within a stream: the value (hex) of a message on "
         "the main channel (first) or on sub-channel 0 (second); refused: rank 0 must end the run there, with an error",
         "intersection": "what rank 0 finds"},
        {"EndFlag": "erratum E10", "Type": "the wrong type", "Index": "batches are counted from 0 without a gap",
         "Count": "count is the number of points in ciphertext", "BadPoint": "of small order, or not on the curve",
         "Total": "as many points come back as were sent"}), "groups": groups}}


REFERENCE = {
    "name": "reference", "counter-base": "one", "connect-suffix": True, "sequence-numbers": True, "fin": True,
    "truncation-side": "both-shift", "seed-encoding": "bytes", "field-encoding": "enum", "public-truncation": "round",
    "end-of-stream": "empty-batch", "second-ciphertext": "last-twelve-bytes", "response-style": "reference",
    "refusal-style": "reference", "dealer": "spu", "dealer-stream": "ctr-big-endian", "first-step-draws": "reference"}
DOCUMENT = REFERENCE | {
    "name": "document", "connect-suffix": False, "sequence-numbers": False, "fin": False, "truncation-side": "one-negates",
    "end-of-stream": "last-batch", "second-ciphertext": "negotiated", "response-style": "full", "refusal-style": "specific"}
SYMBOLON = DOCUMENT | {
    "name": "symbolon", "connect-suffix": True, "sequence-numbers": True, "fin": True, "end-of-stream": "empty-batch",
    "dealer-stream": "blocks-little-endian"}


def recording(name, dialect, run, sides, note):
    """An invented run in the form of a recorded one; its messages are added by `complete`."""
    return {"format": "symbolon-recording/1", "id": f"model/{name}",
            "source": {"implementation": "none: computed by conformance/model", "versions": {"model": VERSION}, "note": note},
            "dialect": dialect, "channel": "root", "run": run,
            "parties": [{"rank": rank, "handshake_version": 2, "side": side} for rank, side in enumerate(sides)]}


def complete(record, result):
    """Adds the messages: one of each party in turn, what acknowledges them, the ends."""
    messages = []

    def add(rank, message):
        key, value = message
        for push in link.pushes(rank, key, value):
            messages.append({"from": rank, "to": 1 - rank, "key": key, "request": base64.b64encode(push).decode(),
                             "response": "CgA="})

    sent = [endpoint.sent for endpoint in result["endpoints"]]
    ordinary = [[m for m in one if m[0] not in (link.ACK, link.FIN)] for one in sent]
    acknowledgements = [[m for m in one if m[0] == link.ACK] for one in sent]
    for place in range(max(map(len, ordinary))):
        for rank in range(2):
            if place < len(ordinary[rank]):
                add(rank, ordinary[rank][place])
        # The first message of a party says that it is there and is not acknowledged.
        for rank in range(2):
            if 1 <= place <= len(acknowledgements[rank]):
                add(rank, acknowledgements[rank][place - 1])
    for rank in range(2):
        for message in sent[rank]:
            if message[0] == link.FIN:
                add(rank, message)
    return record | {"messages": messages}


def trainings():
    files = {}
    cases = [("lr-32", SYMBOLON, 32, 8, 0, 0, dict(batch_size=4, l2=0.25)), ("lr-64", SYMBOLON, 64, 18, 1, 1, dict(batch_size=5, l2=0.5)),
             ("lr-64-no-penalty", REFERENCE, 64, 18, 0, 0, dict(batch_size=4, l2=0.0)),
             ("lr-128", DOCUMENT, 128, 40, 0, 1, dict(batch_size=3, l2=0.1)),
             ("lr-128-reference", REFERENCE, 128, 26, 1, 0, dict(batch_size=4, l2=0.5))]
    for name, dialect, bits, f, label_rank, adjust_rank, more in cases:
        inputs = Inputs(name)
        run = {"algorithm": "lr", "handshake": True, "reference_inference": dialect is REFERENCE,
               "reveal_weights": dialect is not REFERENCE, "epochs": 2, "batch_size": more["batch_size"],
               "learning_rate": 0.1, "l2": more["l2"]}
        samples, sides = 11, []
        for rank, width in enumerate((2, 3)):
            side = {"ring_bits": bits, "fraction_bits": f, "dealer_host": "dealer.example:9449", "adjust_rank": adjust_rank,
                    "features": [[inputs.float32(1.5) for _ in range(width)] for _ in range(samples)]}
            if rank == label_rank:
                side["labels"] = [float(inputs.below(2)) for _ in range(samples)]
            side |= {"threads": 2, "seeds": {kind: inputs.seed().hex() for kind in ("public", "pairwise", "dealer")}}
            side["seeds"]["sealed_dealer"] = base64.b64encode(inputs.bytes(123)).decode()
            sides.append({"lr": side})
        record = recording(name, dialect, run, sides, "The ciphertexts of the dealer seeds are no ciphertexts: any bytes. The dealer is asked as SPU's is, by encrypted seeds, in every dialect.")
        result = lr.replay(record)
        ring = fixedpoint.Ring(bits)
        for rank, side in enumerate(sides):
            side["lr"]["outcome"] = {"revealed": result["revealed"]} if "revealed" in result else \
                {"half": [ring.to_bytes([w]).hex() for w in result["weights"][rank]]}
        plain_weights(run, sides, label_rank, [ring.decode(sum(w) % ring.size, f) for w in zip(*result["weights"])], f)
        record = complete(record, result) | {"dealer": [
            {"operation": "dot"} | {k: params[k] for k in ("m", "n", "k")} | {
                "element_bytes": ring.bytes, "draws": draws,
                "corrections": [base64.b64encode(ring.to_bytes(correction)).decode()]}
            for params, draws, correction in result["requests"]]}
        files[f"lr/model_{name}.json"] = record
    return files


def plain_weights(run, sides, label_rank, weights, f):
    """Holds a training against the same in floating point. Public constants are 32-bit floats (erratum E40)."""
    rate, l2 = (fixedpoint.float32(x) for x in (run["learning_rate"], run["l2"]))
    rows = [a + b + [1.0] for a, b in zip(*(side["lr"]["features"] for side in sides))]
    labels, size = sides[label_rank]["lr"]["labels"], run["batch_size"]
    expected = [0.0] * len(rows[0])
    for step in range(run["epochs"] * (len(rows) // size)):
        part = slice(step % (len(rows) // size) * size, (step % (len(rows) // size) + 1) * size)
        errors = [0.5 + 0.125 * sum(a * b for a, b in zip(row, expected)) - y for row, y in zip(rows[part], labels[part])]
        gradient = [sum(row[i] * e for row, e in zip(rows[part], errors)) for i in range(len(expected))]
        penalty = [l2 * w for w in expected[:-1]] + [0.0]
        expected = [w - rate * fixedpoint.float32(1 / size) * (g + p) for w, g, p in zip(expected, gradient, penalty)]
    error = max(abs(a - b) for a, b in zip(weights, expected))
    assert error < 64 * 2.0**-f, f"the weights are {error} away from those in floating point"


def intersections():
    files = {}
    cases = [("psi-25519-document", DOCUMENT, (1, 11, 3, 1), -1), ("psi-25519-sm3", SYMBOLON, (1, 1, 3, 1), 0),
             ("psi-sm2-sm3-increment", SYMBOLON, (2, 1, 1, 2), -1), ("psi-sm2-uncompressed", DOCUMENT, (2, 1, 2, 1), 1),
             ("psi-sm2-hybrid-reference", REFERENCE, (2, 11, 2, 4), -1)]
    for name, dialect, (curve, hash_number, map_number, form), result_to_rank in cases:
        inputs, sides = Inputs(name), []
        for own in (["only-0", "both-1", "中文", "both-2", "0007"], ["both-2", "only-1", "7", "中文", "both-1", "x y"]):
            sides.append({"psi": {"curve": curve, "hash": hash_number, "map": map_number, "point_format": form,
                                  "result_to_rank": result_to_rank, "ids": own, "key": inputs.bytes(32).hex()}})
        record = recording(name, dialect, {"algorithm": "psi", "batch_size": 2}, sides, "Batches of two points.")
        result = psi.replay(record)
        for rank, side in enumerate(sides):
            told = result_to_rank in (-1, rank)
            side["psi"]["outcome"] = {"intersection": result["intersections"][rank]} if told else "not-told-to"
        files[f"psi/model_{name}.json"] = complete(record, result)
    return files


def main():
    check, stale = "--check" in sys.argv[1:], []
    files = {}
    for make in (prg, fixed_point, operations, corrections, handshakes, requests, links, suites, psi_exchanges, trainings, intersections):
        files |= make()
    for name, document in files.items():
        path, text = VECTORS / name, render(document) + "\n"
        if check:
            if not path.exists() or path.read_text() != text:
                stale.append(name)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    if stale:
        sys.exit(f"not what the model computes: {', '.join(stale)}")
    print(f"{len(files)} files {'are as the model computes them' if check else 'written'}")


if __name__ == "__main__":
    main()
