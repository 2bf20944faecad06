"""What the generators share: inputs that look random, the form of a test, names."""

import hashlib

from symbolon_model import VERSION, fixedpoint


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


NAMES = {"curve": {1: "curve25519", 2: "sm2"}, "map": {1: "try_and_increment", 2: "try_and_rehash",
                                                       3: "direct_hash_as_point_x"},
         "hash": {1: "sm3", 10: "sha_224", 11: "sha_256", 12: "sha_384", 13: "sha_512", 20: "sha3_224", 21: "sha3_256",
                  22: "sha3_384", 23: "sha3_512"},
         "format": {1: "uncompressed", 2: "x962_compressed", 3: "x962_uncompressed", 4: "x962_hybrid"}}


def named(offer):
    suites = [{key: NAMES[key][number] for key, number in zip(("curve", "hash", "map"), suite)} for suite in offer["suites"]]
    return {"items": offer["items"], "suites": suites, "formats": [NAMES["format"][form] for form in offer["formats"]],
            "result_to_rank": offer["result_to_rank"]}
