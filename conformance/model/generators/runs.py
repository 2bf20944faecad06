"""Whole runs in the form of recorded ones."""

import base64

from symbolon_model import VERSION, fixedpoint, link, lr, psi

from .inputs import Inputs


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
