"""ECDH-PSI written from the documents alone, over SPU's link: libsodium multiplies, OpenSSL hashes.

Suites by name: "25519" is (Curve25519, SHA-256, the digest as x, 32 bytes), "sm2" is (SM2, SHA-256, rehash until x fits,
compressed).
"""

import hashlib
import secrets
import time

import peer
from google.protobuf.any_pb2 import Any
from interconnection.handshake import entry_pb2 as entry
from interconnection.handshake.algos import psi_pb2
from interconnection.handshake.protocol_family import ecc_pb2
from interconnection.runtime.ecdh_psi_pb2 import EcdhPsiCipherBatch
from nacl.bindings import crypto_scalarmult

SUITES = {
    "25519": (ecc_pb2.EcSuit(
        curve=ecc_pb2.CURVE_TYPE_CURVE25519, hash=ecc_pb2.HASH_TYPE_SHA_256,
        hash2curve_strategy=ecc_pb2.HASH_TO_CURVE_STRATEGY_DIRECT_HASH_AS_POINT_X),
        ecc_pb2.POINT_OCTET_FORMAT_UNCOMPRESSED),
    "sm2": (ecc_pb2.EcSuit(
        curve=ecc_pb2.CURVE_TYPE_SM2, hash=ecc_pb2.HASH_TYPE_SHA_256,
        hash2curve_strategy=ecc_pb2.HASH_TO_CURVE_STRATEGY_TRY_AND_REHASH),
        ecc_pb2.POINT_OCTET_FORMAT_X962_COMPRESSED),
}
KEPT = 12  # bytes of a point masked twice, always the last ones


class Curve25519:
    size = 32

    def __init__(self):
        self.secret = secrets.token_bytes(32)

    def hash(self, item):
        return hashlib.sha256(item).digest()

    def mask(self, point):
        # libsodium clamps the scalar and ignores the point's top bit.
        return crypto_scalarmult(self.secret, point)


class Sm2:
    """y² = x³ - 3x + b in plain integers; slow, and plain to read."""

    size = 33
    p = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
    b = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
    order = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123

    def __init__(self):
        self.secret = secrets.randbelow(self.order - 1) + 1

    def root(self, x):
        """The y of x, even; None if x is not on the curve."""
        square = (x * x * x - 3 * x + self.b) % self.p
        y = pow(square, (self.p + 1) // 4, self.p)  # p is 3 modulo 4
        if y * y % self.p != square:
            return None
        return y if y % 2 == 0 else self.p - y

    def hash(self, item):
        digest = hashlib.sha256(item).digest()
        while True:
            x = int.from_bytes(digest, "big") % self.p
            if self.root(x) is not None:
                return b"\x02" + x.to_bytes(32, "big")
            digest = hashlib.sha256(digest).digest()

    def mask(self, point):
        assert point[0] in (2, 3), "not a compressed point"
        x = int.from_bytes(point[1:], "big")
        y = self.root(x)
        assert y is not None and x < self.p, "a point that is not on the curve"
        x, y = self.times((x, y if y % 2 == point[0] % 2 else self.p - y))
        return bytes([2 + y % 2]) + x.to_bytes(32, "big")

    def times(self, point):
        result = None
        for bit in bin(self.secret)[2:]:
            result = self.add(result, result)
            if bit == "1":
                result = self.add(result, point)
        return result

    def add(self, a, b):
        if a is None or b is None:
            return a or b
        if a[0] == b[0]:
            if (a[1] + b[1]) % self.p == 0:
                return None
            slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, self.p)
        else:
            slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, self.p)
        x = (slope * slope - a[0] - b[0]) % self.p
        return x, (slope * (a[0] - x) - a[1]) % self.p


def packed(message):
    out = Any()
    out.Pack(message)
    return out


def unpacked(item, kind):
    message = kind()
    assert item.Unpack(message), f"{item.type_url} instead of {kind.DESCRIPTOR.full_name}"
    return message


def agree(link, s, count):
    suite, octets = SUITES[s["suite"]]
    mine = psi_pb2.PsiDataIoProposal(supported_versions=[1], item_num=count, result_to_rank=s["result_to"])
    if link.rank == 1:
        request = entry.HandshakeRequest(
            version=2, requester_rank=1, supported_algos=[entry.ALGO_TYPE_ECDH_PSI],
            protocol_families=[entry.PROTOCOL_FAMILY_ECC])
        request.protocol_family_params.append(packed(ecc_pb2.EccProtocolProposal(
            supported_versions=[1], ec_suits=[suite], point_octet_formats=[octets])))
        request.io_param.Pack(mine)
        link.send_async(0, request.SerializeToString())
        response = entry.HandshakeResponse.FromString(link.recv(0))
        assert response.header.error_code == 0, f"refused: {response.header.error_code} {response.header.error_msg}"
        assert response.algo == entry.ALGO_TYPE_ECDH_PSI
        result = unpacked(response.protocol_family_params[0], ecc_pb2.EccProtocolResult)
        assert result.ec_suit == suite and result.point_octet_format == octets
        return
    request = entry.HandshakeRequest.FromString(link.recv(1))
    assert request.version == 2 and entry.ALGO_TYPE_ECDH_PSI in request.supported_algos
    proposal = unpacked(request.protocol_family_params[0], ecc_pb2.EccProtocolProposal)
    assert suite in proposal.ec_suits and octets in proposal.point_octet_formats
    theirs = unpacked(request.io_param, psi_pb2.PsiDataIoProposal)
    assert theirs.result_to_rank == s["result_to"]
    response = entry.HandshakeResponse(
        algo=entry.ALGO_TYPE_ECDH_PSI, protocol_families=[entry.PROTOCOL_FAMILY_ECC])
    response.header.SetInParent()
    response.protocol_family_params.append(packed(ecc_pb2.EccProtocolResult(
        ec_suit=suite, point_octet_format=octets, bit_length_after_truncated=-1)))
    response.io_param.Pack(mine)  # the reference's response has a proposal here
    link.send_async(1, response.SerializeToString())


def send(link, other, kind, points, batch):
    size = len(points[0]) if points else 0
    for index, start in enumerate(range(0, len(points), batch)):
        part = points[start:start + batch]
        link.send_async(other, EcdhPsiCipherBatch(
            type=kind, batch_index=index, count=len(part), ciphertext=b"".join(part)).SerializeToString())
    end = -(-len(points) // batch)
    link.send_async(other, EcdhPsiCipherBatch(
        type=kind, batch_index=end, is_last_batch=True).SerializeToString())
    return size


def receive(link, other, kind):
    points, index = [], 0
    while True:
        batch = EcdhPsiCipherBatch.FromString(link.recv(other))
        assert batch.type == kind and batch.batch_index == index, f"{batch.type} {batch.batch_index}"
        index += 1
        if batch.count:
            size = len(batch.ciphertext) // batch.count
            points += [batch.ciphertext[at:at + size] for at in range(0, len(batch.ciphertext), size)]
        if batch.is_last_batch:
            return points


def play(s):
    with open(s["file"], encoding="utf-8") as file:
        items = [line.rstrip("\n").encode() for line in file][1:]
    link = peer.connect(s)
    other = 1 - link.rank
    agree(link, s, len(items))
    curve = {"25519": Curve25519, "sm2": Sm2}[s["suite"]]()
    second = link.spawn()
    send(link, other, "enc", [curve.mask(curve.hash(item)) for item in items], s["batch"])
    theirs = receive(link, other, "enc")
    assert all(len(point) == curve.size for point in theirs), "points of another length"
    if s["wait_forever"]:
        peer.tell(at="middle")
        time.sleep(600)
    twice = [curve.mask(point)[-KEPT:] for point in theirs]
    if s["result_to"] in (-1, other):
        send(second, other, "dual.enc", twice, s["batch"])
    report = {"peer_items": len(theirs), "rows": None}
    if s["result_to"] in (-1, link.rank):
        mine = receive(second, other, "dual.enc")
        assert len(mine) == len(items), f"{len(mine)} of {len(items)} points came back"
        common = set(twice)
        report["rows"] = [row for row, point in enumerate(mine) if point[-KEPT:] in common]
    link.stop_link()
    return report


peer.main(play)
