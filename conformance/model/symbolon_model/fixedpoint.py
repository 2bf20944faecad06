"""Rings Z_2^k with k = 32, 64 or 128, fixed-point numbers and matrices.

An element is an integer from 0 to 2^k - 1; read as a signed number it is in two's complement. Its bytes are
little-endian. A matrix is a list of rows; its bytes are its elements' in row-major order.
"""

import math
import struct
from fractions import Fraction


def float32(x):
    """The nearest number that a 32-bit float can hold."""
    return struct.unpack("<f", struct.pack("<f", x))[0]


class Ring:
    def __init__(self, bits):
        assert bits in (32, 64, 128)
        self.bits, self.bytes, self.size = bits, bits // 8, 2**bits

    def signed(self, x):
        return x - self.size if x >= self.size // 2 else x

    def shift_right(self, x, count):
        """The arithmetic shift: the sign is kept."""
        return (self.signed(x) >> count) % self.size

    # Fixed-point numbers with f fraction bits.

    def encode(self, x, f):
        """x · 2^f without its fraction (towards zero). What SPU would clamp or replace is refused (erratum E22)."""
        if not math.isfinite(x):
            raise ValueError("not a number that can be encoded")
        scaled = Fraction(x) * 2**f
        if abs(scaled) > 2**(self.bits - 2):
            raise ValueError("out of range")
        return math.trunc(scaled) % self.size

    def decode(self, x, f):
        return self.signed(x) / 2**f

    def truncate_public(self, x, f):
        """Back from 2f to f fraction bits, rounded: the shift plus the last bit shifted out (erratum E08)."""
        return (self.shift_right(x, f) + (x >> (f - 1)) % 2) % self.size if f else x

    def truncate_share(self, x, f, rank, side):
        """One party's half of the local truncation of two parties (erratum E05)."""
        if side == "one-negates" and rank == 1:
            return -self.shift_right(-x % self.size, f) % self.size
        return self.shift_right(x, f)

    # Bytes.

    def to_bytes(self, elements):
        return b"".join(x.to_bytes(self.bytes, "little") for x in elements)

    def from_bytes(self, data):
        assert len(data) % self.bytes == 0
        return [int.from_bytes(data[i:i + self.bytes], "little") for i in range(0, len(data), self.bytes)]

    # Matrices.

    def zeros(self, rows, columns):
        return [[0] * columns for _ in range(rows)]

    def add(self, a, b):
        return self.zip(lambda x, y: x + y, a, b)

    def sub(self, a, b):
        return self.zip(lambda x, y: x - y, a, b)

    def zip(self, f, a, b):
        return [[f(x, y) % self.size for x, y in zip(r, s, strict=True)] for r, s in zip(a, b, strict=True)]

    def map(self, f, a):
        return [[f(x) % self.size for x in row] for row in a]

    def matmul(self, a, b):
        columns = transpose(b)
        return [[sum(x * y for x, y in zip(row, column, strict=True)) % self.size for column in columns] for row in a]

    def matrix(self, data, rows, columns):
        elements = self.from_bytes(data)
        assert len(elements) == rows * columns
        return [elements[r * columns:(r + 1) * columns] for r in range(rows)]


def transpose(a):
    return [list(column) for column in zip(*a, strict=True)]


def flat(a):
    return [x for row in a for x in row]


def beside(*matrices):
    """The matrices' columns, one matrix after the other."""
    return [sum(rows, []) for rows in zip(*matrices, strict=True)]
