"""A whole SS-LR run of two parties: every message that each of them sends, in order.

The run is described as in vectors/recordings (see vectors/schemas/recording.json): what is computed here from the
parties' inputs and seeds is what the recordings hold from the network.
"""

import base64

from . import handshake, protobuf
from .fixedpoint import Ring, beside, flat, float32, transpose
from .link import Endpoint
from .shares import Session, message_pack


def offer(run, party, dialect):
    """A party's offer in the handshake, from its side of a recording."""
    side = party["side"]["lr"]
    return {
        "samples": len(side["features"]), "features": len(side["features"][0]), "has_label": "labels" in side,
        "learning_rate": run["learning_rate"], "epochs": run["epochs"], "batch_size": run["batch_size"],
        "l2": run["l2"], "fields": [side["ring_bits"]], "fraction_bits": side["fraction_bits"],
        "ciphers": ["aes-128"], "dealer_host": side["dealer_host"], "adjust_rank": side["adjust_rank"],
        "dealer_version": 2, "session_id": "",
    }


def agree(recording, endpoints):
    """The handshake over the link; whether it ended in agreement, and rank 0's answer."""
    style = recording["dialect"]["response-style"]
    offers = [offer(recording["run"], party, recording["dialect"]) for party in recording["parties"]]
    request = handshake.lr_request(offers[1], 1, style)
    response = handshake.answer(handshake.lr_response, offers, style)
    endpoints[1].send(protobuf.encode(handshake.REQUEST, request))
    endpoints[0].send(protobuf.encode(handshake.RESPONSE, response))
    return "algo" in response, response["header"]


def step_size(ring, f, learning_rate, batch_size):
    """The public factor of a step, of 32-bit floats (E40), rounded: all parties must come to one number (E08)."""
    rate, share = (ring.encode(float32(x), f) for x in (learning_rate, 1 / batch_size))
    return ring.truncate_public(rate * share % ring.size, f)


def ones(session, rows):
    return session.seal([[session.ring.encode(1.0, session.f)]] * rows)


def train(session, features, labels, label_rank, run, draws):
    """Shares of the weights: rank 0's features, rank 1's, the bias. `features` by rank, encoded."""
    ring, f = session.ring, session.f
    constant = lambda x: ring.encode(float32(x), f)
    widths = [len(features[rank][0]) for rank in range(2)]
    width = sum(widths)
    rate = run["step"] if "step" in run else step_size(ring, f, run["learning_rate"], run["batch_size"])
    size = run["batch_size"]
    batches = len(labels) // size
    weights = None
    for step in range(run["epochs"] * batches):
        rows = slice(step % batches * size, (step % batches + 1) * size)
        one = ones(session, size)
        own = [beside(features[0][rows], ring.zeros(size, widths[1])),
               beside(ring.zeros(size, widths[0]), features[1][rows])]
        x = [beside(own[rank], one[rank]) for rank in range(2)]
        y = [[[v] for v in labels[rows]] if rank == label_rank else ring.zeros(size, 1) for rank in range(2)]
        # The first weights are public zeros: their product is local.
        z = session.matmul(x, weights) if weights else [ring.zeros(size, 1)] * 2
        prediction = session.add_public(session.scale(z, constant(0.125)), [[constant(0.5)]] * size)
        error = session.sub(prediction, y)
        gradient = session.matmul([transpose(share) for share in x], error)
        if run["l2"] and (weights or draws == "reference"):
            zero = session.seal([[0]])
            # In the first step the reference turns the public zeros into shares (erratum E23).
            penalised = [w[:width] for w in weights] if weights else session.seal(ring.zeros(width, 1))
            penalised = [penalised[rank] + zero[rank] for rank in range(2)]
            gradient = session.add(gradient, session.scale(penalised, constant(run["l2"])))
        change = session.scale(gradient, rate)
        weights = session.sub(weights or [ring.zeros(width + 1, 1)] * 2, change)
    return weights


def reference_ending(session, features, labels, label_rank, weights):
    """The reference's inference over all samples, with labels and scores opened (erratum E25)."""
    ring, count = session.ring, len(labels)
    one = ones(session, count)
    x = [beside(features[0], ring.zeros(count, len(features[1][0])), one[0]),
         beside(ring.zeros(count, len(features[0][0])), features[1], one[1])]
    scores = session.matmul(x, weights)
    y = [[[v] for v in labels] if rank == label_rank else ring.zeros(count, 1) for rank in range(2)]
    return flat(session.open(y)), flat(session.open(scores))


def replay(recording):
    """What a recorded or invented run must look like: the parties' endpoints and the results."""
    run, dialect, parties = recording["run"], recording["dialect"], recording["parties"]
    endpoints = [Endpoint(rank, dialect, recording["channel"]) for rank in range(2)]
    sides = [party["side"]["lr"] for party in parties]
    for endpoint in endpoints:
        endpoint.connect()
    result = {"endpoints": endpoints, "requests": []}
    if run["handshake"]:
        agreed, result["header"] = agree(recording, endpoints)
        if not agreed:
            return close(result)
    seeds = [{name: bytes.fromhex(side["seeds"][name]) for name in ("public", "pairwise", "dealer")} for side in sides]
    for rank, endpoint in enumerate(endpoints):
        endpoint.allgather(sides[rank]["threads"].to_bytes(4, "little"))
        endpoint.allgather(message_pack(int.from_bytes(seeds[rank]["public"], "little")))
        endpoint.send(message_pack(int.from_bytes(seeds[rank]["pairwise"], "little")))
        endpoint.allgather(base64.b64decode(sides[rank]["seeds"]["sealed_dealer"]))
    ring, f = Ring(sides[0]["ring_bits"]), sides[0]["fraction_bits"]
    session = Session(ring, f, endpoints, [s["pairwise"] for s in seeds], [s["dealer"] for s in seeds],
                      dialect["dealer-stream"], sides[0]["adjust_rank"], dialect["truncation-side"])
    label_rank = 0 if "labels" in sides[0] else 1
    features = [[[ring.encode(float32(v), f) for v in row] for row in side["features"]] for side in sides]
    labels = [ring.encode(float32(v), f) for v in sides[label_rank]["labels"]]
    weights = train(session, features, labels, label_rank, run, dialect["first-step-draws"])
    result["weights"] = [flat(share) for share in weights]
    if run["reference_inference"]:
        result["labels"], result["scores"] = reference_ending(session, features, labels, label_rank, weights)
    if run["reveal_weights"]:
        result["revealed"] = [ring.decode(v, f) for v in flat(session.open(weights))]
    result["requests"] = session.requests
    return close(result)


def close(result):
    first, second = result["endpoints"]
    for endpoint, peer in ((first, second), (second, first)):
        endpoint.acknowledge(peer.sequence)
        endpoint.finish()
    return result
