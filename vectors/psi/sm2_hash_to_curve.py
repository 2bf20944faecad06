"""Simplified SWU of RFC 9380 in plain integers: checks itself on P-256 and writes sm2_hash_to_curve.json.

    python3 vectors/psi/sm2_hash_to_curve.py [--check]

It shares nothing with the crates: Python integers, hashlib (whose SM3 is OpenSSL's), and the definition of the map in
section 6.6.2, not the straight-line program of appendix F. The curve is a parameter; the answers of the RFC for P-256
(rfc9380_p256.json, appendix J.1) must come out before anything is written. Z is found by the criteria of
appendix H.2, which give -10 for P-256 as the RFC has it.
"""

import hashlib
import json
import pathlib
import sys
from dataclasses import dataclass

HERE = pathlib.Path(__file__).parent
PROTOCOL = "ECDH-PSI-V02-CS01-with-"
# Names of section 8.10's identifiers, by the names of hashlib. All have at least 256 bits, twice the security level.
HASHES = {
    "sm3": "SM3",
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
    "sha3_256": "SHA3-256",
    "sha3_384": "SHA3-384",
    "sha3_512": "SHA3-512",
}
ITEMS = ["", "abc", "abcdef0123456789", "13800000000", "用户甲", "q128_" + "q" * 128, "a512_" + "a" * 512]


@dataclass
class Curve:
    """y^2 = x^3 + a x + b modulo p, p = 3 modulo 4, of prime order."""

    name: str
    p: int
    a: int
    b: int
    z: int = 0

    def __post_init__(self):
        self.z = self.find_z()

    def g(self, x):
        return (x**3 + self.a * x + self.b) % self.p

    def is_square(self, n):
        return pow(n, (self.p - 1) // 2, self.p) in (0, 1)

    def has_root(self, constant):
        """Whether x^3 + a x + constant has a root: whether it has a factor in common with x^p - x."""
        cubic = [constant % self.p, self.a % self.p, 0, 1]
        power, square, exponent = [1], [0, 1], self.p
        while exponent:
            if exponent & 1:
                power = self.remainder(self.product(power, square), cubic)
            square = self.remainder(self.product(square, square), cubic)
            exponent >>= 1
        power += [0] * (2 - len(power))
        power[1] = (power[1] - 1) % self.p
        first, second = cubic, self.trimmed(power)
        while second:
            first, second = second, self.remainder(first, second)
        return len(first) > 1

    def trimmed(self, poly):
        while poly and poly[-1] == 0:
            poly = poly[:-1]
        return poly

    def product(self, left, right):
        result = [0] * (len(left) + len(right))
        for i, x in enumerate(left):
            for j, y in enumerate(right):
                result[i + j] = (result[i + j] + x * y) % self.p
        return self.trimmed(result)

    def remainder(self, poly, divisor):
        poly, lead = list(poly), pow(divisor[-1], -1, self.p)
        while len(poly := self.trimmed(poly)) >= len(divisor):
            factor, shift = poly[-1] * lead % self.p, len(poly) - len(divisor)
            for i, x in enumerate(divisor):
                poly[shift + i] = (poly[shift + i] - factor * x) % self.p
        return poly

    def find_z(self):
        """Appendix H.2: the smallest by absolute value, the positive one first."""
        size = 1
        while True:
            for z in (size, -size):
                good = not self.is_square(z) and (z + 1) % self.p and not self.has_root(self.b - z)
                if good and self.is_square(self.g(self.b * pow(z * self.a, -1, self.p))):
                    return z
            size += 1

    def map_to_curve(self, u):
        """Section 6.6.2."""
        p, a, b, z = self.p, self.a, self.b, self.z
        denominator = (z * z * u**4 + z * u * u) % p
        if denominator:
            x = -b * pow(a, -1, p) * (1 + pow(denominator, -1, p)) % p
        else:
            x = b * pow(z * a, -1, p) % p
        if not self.is_square(self.g(x)):
            x = z * u * u * x % p
        y = pow(self.g(x), (p + 1) // 4, p)
        assert y * y % p == self.g(x), "neither x is on the curve"
        return x, y if y % 2 == u % 2 else p - y

    def add(self, left, right):
        (x1, y1), (x2, y2), p = left, right, self.p
        assert x1 != x2 or y1 == y2, "the identity has no encoding"
        slope = (3 * x1 * x1 + self.a) * pow(2 * y1, -1, p) if left == right else (y2 - y1) * pow(x2 - x1, -1, p)
        x = (slope * slope - x1 - x2) % p
        return x, (slope * (x1 - x) - y1) % p


def expand_message_xmd(name, message, tag, length):
    """Section 5.3.1."""
    new = lambda *parts: hashlib.new(name, b"".join(parts)).digest()
    empty = hashlib.new(name)
    tag += bytes([len(tag)])
    first = new(bytes(empty.block_size), message, length.to_bytes(2, "big"), b"\0", tag)
    block = new(first, b"\1", tag)
    output, counter = block, 1
    while len(output) < length:
        counter += 1
        block = new(bytes(x ^ y for x, y in zip(first, block)), bytes([counter]), tag)
        output += block
    return output[:length]


def hash_to_curve(curve, name, item, tag, count):
    """Section 3: count 2 for hash_to_curve, 1 for encode_to_curve; L = 48."""
    uniform = expand_message_xmd(name, item, tag, 48 * count)
    elements = [int.from_bytes(uniform[48 * i : 48 * i + 48], "big") % curve.p for i in range(count)]
    points = [curve.map_to_curve(u) for u in elements]
    return elements, points[0] if count == 1 else curve.add(*points)


def text(n):
    return f"{n:064x}"


def check_p256():
    p = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    curve = Curve("P256", p, p - 3, b)
    assert curve.z == -10
    tests = json.loads((HERE / "rfc9380_p256.json").read_text())["tests"]
    for test in tests:
        count = {"RO": 2, "NU": 1}[test["variant"]]
        elements, point = hash_to_curve(curve, "sha256", test["message"].encode(), test["dst"].encode(), count)
        assert [text(u) for u in elements] == test["u"], test["id"]
        assert [text(c) for c in point] == [test["x"], test["y"]], test["id"]
    assert len(tests) == 10


def sm2_tests():
    p = 2**256 - 2**224 - 2**96 + 2**64 - 1
    b = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
    curve = Curve("SM2", p, p - 3, b)
    for name, identifier in HASHES.items():
        for variant, count in (("RO", 2), ("NU", 1)):
            tag = f"{PROTOCOL}SM2_XMD:{identifier}_SSWU_{variant}_"
            for number, item in enumerate(ITEMS):
                elements, (x, y) = hash_to_curve(curve, name, item.encode(), tag.encode(), count)
                yield {
                    "id": f"{name}-{variant.lower()}-{number}",
                    "hash": name.replace("_", "-"),
                    "variant": variant,
                    "dst": tag,
                    "item": item,
                    "u": [text(u) for u in elements],
                    "point": f"{2 + y % 2:02x}" + text(x),
                }


def main():
    check_p256()
    document = {
        "header": {
            "format": "symbolon-vectors/psi-sm2-hash-to-curve/1",
            "source": "sm2_hash_to_curve.py beside this file, a model in plain integers which gives the answers of RFC 9380, appendix J.1, for P-256; no published vectors for SM2 are known",
            "specification": "RFC 9380, sections 3, 5 and 6.6.2, on the curve of GB/T 32918.5 with Z = -9; docs/hash-to-curve.md",
            "notes": {
                "variant": "RO: hash_to_curve, the sum of two maps; NU: encode_to_curve, one map",
                "item": "UTF-8",
                "u": "the field elements",
                "point": "X9.62 compressed",
            },
        },
        "tests": list(sm2_tests()),
    }
    written = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    path = HERE / "sm2_hash_to_curve.json"
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if path.read_text() == written else f"{path} is not what the model gives")
    path.write_text(written)


main()
