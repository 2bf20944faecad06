"""Streams, fixed point, operations on shares, corrections of the dealer."""

import math
import struct

from symbolon_model import dealer, fixedpoint, link, shares, streams
from symbolon_model.files import header

from .inputs import GENERATOR, MODEL, Inputs, test


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
