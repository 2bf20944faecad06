"""Suites of PSI, and exchanges with a peer."""

from symbolon_model import curves, protobuf, psi
from symbolon_model.files import header

from .inputs import GENERATOR, MODEL, NAMES, Inputs, test


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


SHOWN = {"sm3": "SM3", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512", "sha3-256": "SHA3-256",
         "sha3-384": "SHA3-384", "sha3-512": "SHA3-512", "shake-256": "SHAKE-256"}


def mapped(curve, hash_name, map_name, item):
    """The point of an item, in the first format of its curve; `map_name` as in the protos."""
    group = {"sm2": curves.SM2, "curve25519": curves.CURVE25519}[curve]
    if map_name in ("try_and_increment", "try_and_rehash"):
        point, _ = getattr(group, map_name)(hash_name, item)
    else:
        _, method, kind = map_name.split("_")
        expander = "XOF" if hash_name == "shake-256" else "XMD"
        tag = f"ECDH-PSI-V02-CS01-with-{'SM2' if curve == 'sm2' else curve}_{expander}:{SHOWN[hash_name]}_{method}_{kind}_".upper()
        tag = tag.replace("CURVE25519", "curve25519").replace("WITH", "with")
        point = (group.hash_to_curve if kind == "ro" else group.encode_to_curve)(hash_name, item, tag.encode())
    return group.encode(point, "x962-compressed") if curve == "sm2" else point[0].to_bytes(32, "little")


def points():
    """Ids of the conformance suite as points, for all maps and hashes that suites can be made of."""
    hashes = psi.HASH_NAMES | {30: "shake-256"}
    long_enough = [number for number in hashes if number not in (10, 20)]
    maps = {"try_and_increment": hashes, "try_and_rehash": hashes, "irtf_sswu_ro": long_enough, "irtf_sswu_nu": long_enough}
    chosen = [("sm2", number, map_name) for map_name, numbers in maps.items() for number in numbers]
    chosen += [("curve25519", number, map_name) for map_name in ("irtf_ell2_ro", "irtf_ell2_nu") for number in long_enough]
    groups = []
    for curve, number, map_name in chosen:
        shown = {"curve": curve, "hash": (NAMES["hash"] | {30: "shake_256"})[number], "map": map_name}
        name = "psi-point-" + "-".join(shown.values()).replace("_", "-")
        items = ["s-0", "s-1", "s-2", "both-0", "both-1"]
        groups.append(shown | {"tests": [
            test(name, place + 1, item=item, point=mapped(curve, hashes[number], map_name, item.encode()).hex())
            for place, item in enumerate(items)]})
    return {"psi/points.json": {"header": header(
        "psi-points", "Ids as points, for every curve, hash and map but the digest as x.", [MODEL], GENERATOR,
        ["PPCA 9-2023 (ECDH-PSI)", "RFC 9380", "docs/hash-to-curve.md"],
        {"item": "text, UTF-8", "point": "on SM2 X9.62 compressed, on Curve25519 the u-coordinate, 32 bytes little-endian",
         "curve, hash, map": "names of the protos; the domain separation tags are those of errata E30 and E31"}),
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
