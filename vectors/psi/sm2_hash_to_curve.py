"""Simplified SWU of RFC 9380 in plain integers: checks itself on P-256 and writes sm2_hash_to_curve.json.

    python3 vectors/psi/sm2_hash_to_curve.py [--check]

It shares nothing with the crates: Python integers, hashlib (whose SM3 is OpenSSL's), and the definition of the map in
section 6.6.2, not the straight-line program of appendix F. The curve is a parameter; the answers of the RFC for P-256
(appendix J.1) must come out before anything is written. Z is found by the criteria of
appendix H.2, which give -10 for P-256 as the RFC has it.
"""

import hashlib
import json
import pathlib
import sys
from dataclasses import dataclass

HERE = pathlib.Path(__file__).parent
VARIANTS = {"RO": 2, "NU": 1}
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
    "shake_256": "SHAKE-256",
}
# RFC 9380, appendix K.6: 32 bytes of expand_message_xof with SHAKE-256 for "abc".
XOF_TAG = "QUUX-V01-CS02-with-expander-SHAKE256"
XOF_ABC = "b39e493867e2767216792abce1f2676c197c0692aed061560ead251821808e07"
# RFC 9380, appendix J.1: the points of P256_XMD:SHA-256_SSWU_RO_ and _NU_ for these messages.
P256_TAG = "QUUX-V01-CS02-with-P256_XMD:SHA-256_SSWU_"
P256 = {
    ("RO", ""): ("2c15230b26dbc6fc9a37051158c95b79656e17a1a920b11394ca91c44247d3e4", "8a7a74985cc5c776cdfe4b1f19884970453912e9d31528c060be9ab5c43e8415"),
    ("RO", "abc"): ("0bb8b87485551aa43ed54f009230450b492fead5f1cc91658775dac4a3388a0f", "5c41b3d0731a27a7b14bc0bf0ccded2d8751f83493404c84a88e71ffd424212e"),
    ("RO", "abcdef0123456789"): ("65038ac8f2b1def042a5df0b33b1f4eca6bff7cb0f9c6c1526811864e544ed80", "cad44d40a656e7aff4002a8de287abc8ae0482b5ae825822bb870d6df9b56ca3"),
    ("RO", "q128_" + "q" * 128): ("4be61ee205094282ba8a2042bcb48d88dfbb609301c49aa8b078533dc65a0b5d", "98f8df449a072c4721d241a3b1236d3caccba603f916ca680f4539d2bfb3c29e"),
    ("RO", "a512_" + "a" * 512): ("457ae2981f70ca85d8e24c308b14db22f3e3862c5ea0f652ca38b5e49cd64bc5", "ecb9f0eadc9aeed232dabc53235368c1394c78de05dd96893eefa62b0f4757dc"),
    ("NU", ""): ("f871caad25ea3b59c16cf87c1894902f7e7b2c822c3d3f73596c5ace8ddd14d1", "87b9ae23335bee057b99bac1e68588b18b5691af476234b8971bc4f011ddc99b"),
    ("NU", "abc"): ("fc3f5d734e8dce41ddac49f47dd2b8a57257522a865c124ed02b92b5237befa4", "fe4d197ecf5a62645b9690599e1d80e82c500b22ac705a0b421fac7b47157866"),
    ("NU", "abcdef0123456789"): ("f164c6674a02207e414c257ce759d35eddc7f55be6d7f415e2cc177e5d8faa84", "3aa274881d30db70485368c0467e97da0e73c18c1d00f34775d012b6fcee7f97"),
    ("NU", "q128_" + "q" * 128): ("324532006312be4f162614076460315f7a54a6f85544da773dc659aca0311853", "8d8197374bcd52de2acfefc8a54fe2c8d8bebd2a39f16be9b710e4b1af6ef883"),
    ("NU", "a512_" + "a" * 512): ("5c4bad52f81f39c8e8de1260e9a06d72b8b00a0829a8ea004a610b0691bea5d9", "c801e7c0782af1f74f24fc385a8555da0582032a3ce038de637ccdcb16f7ef7b"),
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


def expand_message_xof(message, tag, length):
    """Section 5.3.2 with SHAKE-256."""
    return hashlib.shake_256(message + length.to_bytes(2, "big") + tag + bytes([len(tag)])).digest(length)


def expand_message(name, message, tag, length):
    """Section 5.3.1, or 5.3.2 for SHAKE-256."""
    if name == "shake_256":
        return expand_message_xof(message, tag, length)
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
    uniform = expand_message(name, item, tag, 48 * count)
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
    for (variant, message), expected in P256.items():
        tag = f"{P256_TAG}{variant}_".encode()
        _, point = hash_to_curve(curve, "sha256", message.encode(), tag, VARIANTS[variant])
        assert tuple(map(text, point)) == expected, (variant, message)


def sm2_groups():
    p = 2**256 - 2**224 - 2**96 + 2**64 - 1
    b = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
    curve = Curve("SM2", p, p - 3, b)
    for name, identifier in HASHES.items():
        for variant, count in VARIANTS.items():
            expander = "XOF" if name == "shake_256" else "XMD"
            tag = f"{PROTOCOL}SM2_{expander}:{identifier}_SSWU_{variant}_"
            tests = []
            for number, item in enumerate(ITEMS, 1):
                elements, (x, y) = hash_to_curve(curve, name, item.encode(), tag.encode(), count)
                tests.append(
                    {
                        "id": f"psi-sm2-sswu-{name.replace('_', '-')}-{variant.lower()}-{number}",
                        "result": "valid",
                        "flags": [],
                        "item": item,
                        "u": [text(u) for u in elements],
                        "point": f"{2 + y % 2:02x}" + text(x),
                    }
                )
            yield {"hash": name.replace("_", "-"), "variant": variant.lower(), "dst": tag, "tests": tests}


def main():
    check_p256()
    assert expand_message_xof(b"abc", XOF_TAG.encode(), 32).hex() == XOF_ABC
    document = {
        "header": {
            "format": "symbolon-vectors/psi-sm2-hash-to-curve/1",
            "about": "Ids to points of SM2 by the simplified SWU map.",
            "source": [
                "the generator, a model in plain integers that gives the answers of RFC 9380, appendix J.1, for P-256; no published vectors for SM2 are known"
            ],
            "generator": {"name": "vectors/psi/sm2_hash_to_curve.py", "version": "1"},
            "specification": [
                "RFC 9380, sections 3, 5 and 6.6.2, on the curve of GB/T 32918.5; docs/hash-to-curve.md"
            ],
            "notes": {
                "variant": "ro: hash_to_curve, the sum of two maps; nu: encode_to_curve, one map",
                "item": "UTF-8",
                "u": "the field elements, big-endian",
                "point": "X9.62 compressed",
            },
            "flags": {},
        },
        "groups": list(sm2_groups()),
    }
    written = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    path = HERE / "sm2_hash_to_curve.json"
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if path.read_text() == written else f"{path} is not what the model gives")
    path.write_text(written)


main()
