"""A whole ECDH-PSI run of two parties: every message that each of them sends, and the intersection.

Each party hashes its ids to points, multiplies them by its secret and sends them ("enc", on the main channel);
what it receives it multiplies too and sends back ("dual.enc", on sub-channel 0). A set ends with a batch of its own
that is empty, or with a flag on its last batch (erratum E10). Suites are named by numbers of the protos: (curve, hash, map) and a point format.
"""

from . import handshake, protobuf
from .curves import CURVE25519, SM2, digest
from .link import Endpoint

BATCH = "org.interconnection.v2.runtime.EcdhPsiCipherBatch"
HASH_NAMES = {1: "sm3", 10: "sha224", 11: "sha256", 12: "sha384", 13: "sha512", 20: "sha3-224", 21: "sha3-256",
              22: "sha3-384", 23: "sha3-512"}
FORMATS = {1: "uncompressed", 2: "x962-compressed", 3: "x962-uncompressed", 4: "x962-hybrid"}
CURVE_25519, CURVE_SM2 = 1, 2
INCREMENT, REHASH, DIRECT = 1, 2, 3


class Suite:
    """What a party does with ids and points, given as bytes of the agreed format."""

    def __init__(self, curve, hash_number, map_number, point_format):
        self.curve, self.hash, self.map = curve, HASH_NAMES[hash_number], map_number
        self.format = FORMATS[point_format]
        assert (curve == CURVE_25519) == (map_number == DIRECT)

    def scalar(self, key):
        """The multiplier of the reference's 32-byte key: a little-endian number modulo the group's order, for
        Curve25519 clamped after that."""
        value = int.from_bytes(key, "little")
        if self.curve == CURVE_25519:
            return (value % CURVE25519.order).to_bytes(32, "little")
        return value % SM2.order

    def point(self, item):
        """The point of an id. On Curve25519 the digest is the x, whatever it is."""
        if self.curve == CURVE_25519:
            return digest(self.hash, item)
        point, _ = SM2.try_and_increment(self.hash, item) if self.map == INCREMENT else \
            SM2.try_and_rehash(self.hash, item)
        return SM2.encode(point, self.format)

    def multiply(self, scalar, point):
        if self.curve == CURVE_25519:
            return CURVE25519.x25519(scalar, point)
        return SM2.encode(SM2.multiply(scalar, SM2.decode(point, self.format)), self.format)


def batches(kind, points, size, end):
    """The messages of one set: full batches, the rest, and an empty last one if that is the `end`."""
    messages = []
    for start in range(0, len(points), size):
        part = points[start:start + size]
        messages.append({"type": kind, "batch_index": len(messages), "count": len(part), "ciphertext": b"".join(part)})
    if end == "empty-batch" or not messages:
        messages.append({"type": kind, "batch_index": len(messages)})
    messages[-1]["is_last_batch"] = True
    return [protobuf.encode(BATCH, message) for message in messages]


def offer(side):
    return {"suites": [(side["curve"], side["hash"], side["map"])], "formats": [side["point_format"]],
            "items": len(side["ids"]), "result_to_rank": side["result_to_rank"]}


def agree(recording, endpoints):
    style = recording["dialect"]["response-style"]
    parties = recording["parties"]
    offers = [offer(party["side"]["psi"]) for party in parties]
    request = handshake.psi_request(offers[1], 1, style) | {"version": parties[1]["handshake_version"]}
    if parties[0]["handshake_version"] != parties[1]["handshake_version"]:
        refused = handshake.Refused("HANDSHAKE_REFUSED", "handshake versions inconsistent")
        response = handshake.refusal(refused)
    else:
        response = handshake.answer(handshake.psi_response, offers, style)
    endpoints[1].send(protobuf.encode(handshake.REQUEST, request))
    endpoints[0].send(protobuf.encode(handshake.RESPONSE, response))
    return "algo" in response, response["header"]


def replay(recording):
    """What a recorded or invented run must look like: the parties' endpoints and the intersections."""
    dialect, parties = recording["dialect"], recording["parties"]
    endpoints = [Endpoint(rank, dialect, recording["channel"]) for rank in range(2)]
    for endpoint in endpoints:
        endpoint.connect()
    agreed, header = agree(recording, endpoints)
    result = {"endpoints": endpoints, "header": header}
    if agreed:
        sides = [party["side"]["psi"] for party in parties]
        suite = Suite(sides[0]["curve"], sides[0]["hash"], sides[0]["map"], sides[0]["point_format"])
        result |= run(suite, sides, endpoints, recording["run"]["batch_size"], dialect)
    for endpoint, peer in zip(endpoints, reversed(endpoints)):
        endpoint.acknowledge(peer.sequence)
        endpoint.finish()
    return result


def run(suite, sides, endpoints, batch_size, dialect):
    end = dialect["end-of-stream"]
    scalars = [suite.scalar(bytes.fromhex(side["key"])) for side in sides]
    once = [[suite.multiply(scalars[rank], suite.point(item.encode())) for item in side["ids"]]
            for rank, side in enumerate(sides)]
    # By the owner of the ids: their points multiplied by both.
    twice = [[suite.multiply(scalars[1 - rank], point) for point in once[rank]] for rank in range(2)]
    for rank, endpoint in enumerate(endpoints):
        for message in batches("enc", once[rank], batch_size, end):
            endpoint.send(message)
    for rank, endpoint in enumerate(endpoints):
        if sides[0]["result_to_rank"] in (-1, 1 - rank):
            returned = twice[1 - rank]
            if dialect["second-ciphertext"] == "last-twelve-bytes":
                returned = [point[-12:] for point in returned]
            for message in batches("dual.enc", returned, batch_size, end):
                endpoint.send(message, channel=f"{endpoint.channel}-0")
    common = set(twice[0]) & set(twice[1])
    return {"once": once, "twice": twice,
            "intersections": [[item for item, point in zip(side["ids"], twice[rank]) if point in common]
                              for rank, side in enumerate(sides)]}
