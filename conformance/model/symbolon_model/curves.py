"""Curve25519, SM2 and the maps from messages to their points.

Points are pairs of coordinates, None the point at infinity; Curve25519 is also used by its x alone, as X25519 does.
The maps of RFC 9380 are here for any curve of the form y² = x³ + ax + b and for Curve25519.
"""

import hashlib

from .ciphers import sm3, xor

HASHES = {
    # name: digest, bytes of an input block
    "sha224": (lambda m: hashlib.sha224(m).digest(), 64), "sha256": (lambda m: hashlib.sha256(m).digest(), 64),
    "sha384": (lambda m: hashlib.sha384(m).digest(), 128), "sha512": (lambda m: hashlib.sha512(m).digest(), 128),
    "sha3-224": (lambda m: hashlib.sha3_224(m).digest(), 144),
    "sha3-256": (lambda m: hashlib.sha3_256(m).digest(), 136),
    "sha3-384": (lambda m: hashlib.sha3_384(m).digest(), 104),
    "sha3-512": (lambda m: hashlib.sha3_512(m).digest(), 72), "sm3": (sm3, 64),
    # An extendable output of any length; 32 bytes where a digest is wanted (erratum E30).
    "shake-256": (lambda m: hashlib.shake_256(m).digest(32), 136),
}


def digest(name, message):
    return HASHES[name][0](message)


def inverse(x, p):
    """1/x, and 0 of 0, as RFC 9380 has it."""
    return pow(x, p - 2, p)


def square_root(x, p):
    """A square root modulo a prime that is 3 modulo 4, or 5 modulo 8; None of a number that has none."""
    root = pow(x, (p + 1) // 4 if p % 4 == 3 else (p + 3) // 8, p)
    if root * root % p != x % p and p % 8 == 5:
        root = root * pow(2, (p - 1) // 4, p) % p
    return root if root * root % p == x % p else None


class Montgomery25519:
    """y² = x³ + 486662 x² + x modulo 2^255 - 19 (RFC 7748)."""

    p, j = 2**255 - 19, 486662
    order = 2**252 + 27742317777372353535851937790883648493
    sqrt_minus_one = pow(2, (p - 1) // 4, p)

    def on_curve(self, point):
        x, y = point
        return (y * y - (x**3 + self.j * x * x + x)) % self.p == 0

    def add(self, a, b):
        if a is None or b is None:
            return a or b
        (x1, y1), (x2, y2), p = a, b, self.p
        if x1 == x2 and (y1 + y2) % p == 0:
            return None
        if a == b:
            slope = (3 * x1 * x1 + 2 * self.j * x1 + 1) * inverse(2 * y1, p)
        else:
            slope = (y2 - y1) * inverse(x2 - x1, p)
        x = (slope * slope - self.j - x1 - x2) % p
        return x, (slope * (x1 - x) - y1) % p

    def x25519(self, scalar, u):
        """RFC 7748 section 5: 32 bytes times 32 bytes; the scalar is clamped, the top bit of u ignored."""
        p, k = self.p, clamp(scalar)
        x1 = int.from_bytes(u, "little") % 2**255 % p
        x2, z2, x3, z3 = 1, 0, x1, 1
        for place in reversed(range(255)):
            bit = k >> place & 1
            if bit:
                x2, z2, x3, z3 = x3, z3, x2, z2
            a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
            aa, bb, da, cb = a * a % p, b * b % p, d * a % p, c * b % p
            e = aa - bb
            x3, z3 = (da + cb) ** 2 % p, x1 * (da - cb) ** 2 % p
            x2, z2 = aa * bb % p, e * (aa + 121665 * e) % p
            if bit:
                x2, z2, x3, z3 = x3, z3, x2, z2
        return (x2 * inverse(z2, p) % p).to_bytes(32, "little")

    def elligator2(self, u):
        """RFC 9380 section 6.7.1 with Z = 2."""
        p, j = self.p, self.j
        x1 = -j * inverse(1 + 2 * u * u, p) % p
        if x1 == 0:
            x1 = -j % p
        g1 = (x1**3 + j * x1 * x1 + x1) % p
        root = square_root(g1, p)
        if root is not None:
            # The root of the first candidate is odd, that of the second even.
            return x1, root if root % 2 else p - root
        x2 = (-x1 - j) % p
        root = square_root((x2**3 + j * x2 * x2 + x2) % p, p)
        return x2, p - root if root % 2 else root

    def hash_to_curve(self, name, message, dst):
        """The suite curve25519_XMD:{hash}_ELL2_RO_ (section 8.5); its cofactor is 8."""
        u = hash_to_field(name, message, dst, 2, self.p, 128)
        point = self.add(self.elligator2(u[0]), self.elligator2(u[1]))
        return self.clear_cofactor(point)

    def encode_to_curve(self, name, message, dst):
        """The suite curve25519_XMD:{hash}_ELL2_NU_: one map only, not uniform."""
        return self.clear_cofactor(self.elligator2(hash_to_field(name, message, dst, 1, self.p, 128)[0]))

    def clear_cofactor(self, point):
        """Times 8."""
        for _ in range(3):
            point = self.add(point, point)
        return point


def clamp(scalar):
    k = bytearray(scalar)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    return int.from_bytes(k, "little")


class Weierstrass:
    """y² = x³ + ax + b modulo p, of prime order; z is the constant of the map of section 6.6.2."""

    def __init__(self, p, a, b, order, generator, z):
        self.p, self.a, self.b, self.order, self.generator, self.z = p, a % p, b, order, generator, z % p

    def right_side(self, x):
        return (x**3 + self.a * x + self.b) % self.p

    def on_curve(self, point):
        x, y = point
        return 0 <= x < self.p and 0 <= y < self.p and y * y % self.p == self.right_side(x)

    def add(self, a, b):
        if a is None or b is None:
            return a or b
        (x1, y1), (x2, y2), p = a, b, self.p
        if x1 == x2 and (y1 + y2) % p == 0:
            return None
        slope = (3 * x1 * x1 + self.a) * inverse(2 * y1, p) if a == b else (y2 - y1) * inverse(x2 - x1, p)
        x = (slope * slope - x1 - x2) % p
        return x, (slope * (x1 - x) - y1) % p

    def multiply(self, k, point):
        result = None
        for bit in bin(k % self.order)[2:]:
            result = self.add(result, result)
            if bit == "1":
                result = self.add(result, point)
        return result

    def with_even_y(self, x):
        y = square_root(self.right_side(x), self.p)
        if y is None:
            return None
        return x, y if y % 2 == 0 else self.p - y

    def try_and_increment(self, name, message):
        """x = digest mod p; while no point has it, x + 1; the even y (erratum E09). Also the tries it took."""
        x = int.from_bytes(digest(name, message), "big") % self.p
        tries = 1
        while (point := self.with_even_y(x)) is None:
            x, tries = (x + 1) % self.p, tries + 1
        return point, tries

    def try_and_rehash(self, name, message):
        """x = digest mod p; while no point has it, the digest of the digest; the even y (erratum E09)."""
        value = digest(name, message)
        tries = 1
        while (point := self.with_even_y(int.from_bytes(value, "big") % self.p)) is None:
            value, tries = digest(name, value), tries + 1
        return point, tries

    def sswu(self, u):
        """The simplified map of Shallue, van de Woestijne and Ulas, section 6.6.2."""
        p, a, b, z = self.p, self.a, self.b, self.z
        t = inverse(z * z * u**4 + z * u * u, p)
        x = -b * inverse(a, p) * (1 + t) % p if t else b * inverse(z * a, p) % p
        root = square_root(self.right_side(x), p)
        if root is None:
            x = z * u * u * x % p
            root = square_root(self.right_side(x), p)
        return x, root if root % 2 == u % 2 else p - root

    def hash_to_curve(self, name, message, dst):
        """The suite {curve}_XMD:{hash}_SSWU_RO_ (section 8.2); the cofactor is 1."""
        u = hash_to_field(name, message, dst, 2, self.p, 128)
        return self.add(self.sswu(u[0]), self.sswu(u[1]))

    def encode_to_curve(self, name, message, dst):
        """The suite {curve}_XMD:{hash}_SSWU_NU_: one map only, not uniform."""
        return self.sswu(hash_to_field(name, message, dst, 1, self.p, 128)[0])

    # The formats of the protocol: X9.62's three, and x then y in little-endian without a format byte.

    def encode(self, point, form):
        x, y = (v.to_bytes(32, "big") for v in point)
        odd = point[1] % 2
        return {"x962-compressed": bytes([2 + odd]) + x, "x962-uncompressed": b"\x04" + x + y,
                "x962-hybrid": bytes([6 + odd]) + x + y, "uncompressed": x[::-1] + y[::-1]}[form]

    def decode(self, data, form):
        """A point, or ValueError with "format_byte" or "off_curve"."""
        if form == "uncompressed":
            x, y = int.from_bytes(data[:32], "little"), int.from_bytes(data[32:], "little")
        else:
            first, x = data[0], int.from_bytes(data[1:33], "big")
            allowed = {"x962-compressed": (2, 3), "x962-uncompressed": (4,), "x962-hybrid": (6, 7)}[form]
            if first not in allowed:
                raise ValueError("format_byte")
            if form == "x962-compressed":
                point = self.with_even_y(x) if x < self.p else None
                if point is None:
                    raise ValueError("off_curve")
                y = point[1] if first == 2 else self.p - point[1]
            else:
                y = int.from_bytes(data[33:], "big")
                if form == "x962-hybrid" and first != 6 + y % 2:
                    raise ValueError("format_byte")
        if not self.on_curve((x, y)):
            raise ValueError("off_curve")
        return x, y


def expand_message_xmd(name, message, dst, length):
    """RFC 9380 section 5.3.1."""
    function, block = HASHES[name]
    if len(dst) > 255:
        dst = function(b"H2C-OVERSIZE-DST-" + dst)
    dst += bytes([len(dst)])
    first = function(b"\0" * block + message + length.to_bytes(2, "big") + b"\0" + dst)
    out = last = function(first + b"\1" + dst)
    number = 2
    while len(out) < length:
        last = function(xor(first, last) + bytes([number]) + dst)
        out, number = out + last, number + 1
    return out[:length]


def expand_message_xof(name, message, dst, length):
    """RFC 9380 section 5.3.2, for tags of at most 255 bytes."""
    assert name == "shake-256" and len(dst) <= 255
    return hashlib.shake_256(message + length.to_bytes(2, "big") + dst + bytes([len(dst)])).digest(length)


def expand_message(name, message, dst, length):
    """As the hash asks for it."""
    return (expand_message_xof if name == "shake-256" else expand_message_xmd)(name, message, dst, length)


def hash_to_field(name, message, dst, count, p, security):
    """RFC 9380 section 5.2: `count` numbers below p."""
    size = -(-(p.bit_length() + security) // 8)
    uniform = expand_message(name, message, dst, count * size)
    return [int.from_bytes(uniform[i * size:(i + 1) * size], "big") % p for i in range(count)]


CURVE25519 = Montgomery25519()
# GB/T 32918.5. The constant z = -9 follows from the search that RFC 9380 prescribes in appendix H.2.
SM2 = Weierstrass(
    p=2**256 - 2**224 - 2**96 + 2**64 - 1, a=-3,
    b=0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93,
    order=0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123,
    generator=(0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
               0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0), z=-9)
# Not used by the protocols: RFC 9380 has known answers of the map for it.
P256 = Weierstrass(
    p=2**256 - 2**224 + 2**192 + 2**96 - 1, a=-3,
    b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    order=0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    generator=(0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
               0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5), z=-10)


def find_z_sswu(curve):
    """RFC 9380 appendix H.2: the constant of the map nearest to zero that has the four properties."""
    p = curve.p

    def is_square(x):
        return pow(x, (p - 1) // 2, p) in (0, 1)

    count = 1
    while True:
        for z in (count, -count):
            if not is_square(z % p) and z % p != p - 1 and has_no_root(curve, z) and is_square(
                    curve.right_side(curve.b * inverse(z * curve.a, p) % p)):
                return z
        count += 1


def has_no_root(curve, z):
    """Whether x³ + ax + b - z, which is of degree 3, is irreducible: x^p - x has no factor in common with it."""
    p, f = curve.p, [(curve.b - z) % curve.p, curve.a, 0, 1]

    def times(a, b):
        out = [0] * 5
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                out[i + j] = (out[i + j] + x * y) % p
        for place in (4, 3):
            top = out[place]
            for j in range(4):
                out[place - 3 + j] = (out[place - 3 + j] - top * f[j]) % p
        return out[:3]

    power, base, k = [1, 0, 0], [0, 1, 0], p
    while k:
        if k & 1:
            power = times(power, base)
        base, k = times(base, base), k >> 1
    return common_degree(f, [power[0], (power[1] - 1) % p, power[2]], p) == 0


def common_degree(a, b, p):
    """The degree of the greatest common divisor of two polynomials, lowest coefficient first."""
    def strip(v):
        while v and v[-1] == 0:
            v = v[:-1]
        return v
    a, b = strip(a), strip(b)
    while b:
        while len(a) >= len(b):
            factor = a[-1] * inverse(b[-1], p) % p
            shift = len(a) - len(b)
            a = strip([(x - factor * b[i - shift]) % p if i >= shift else x for i, x in enumerate(a)][:-1])
        a, b = b, a
    return len(a) - 1
