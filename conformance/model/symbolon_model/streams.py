"""Pseudo-random streams: a block cipher over a 64-bit block counter.

A draw of L bytes takes ceil(L / 16) blocks; what is left of the last block is thrown away. Two constructions are
in the field (erratum E16); they agree in the first block of a draw only:

    ctr-big-endian         CTR mode: the first input block is the counter as 16 bytes, little-endian; the next input
                           block is the previous one plus 1, read as a big-endian number
    blocks-little-endian   input block i is the counter plus i as 16 bytes, little-endian
"""

from .ciphers import ENCRYPT

CTR = "ctr-big-endian"
BLOCKS = "blocks-little-endian"
CONSTRUCTIONS = (CTR, BLOCKS)


def blocks_for(length):
    return -(-length // 16)


def draw(cipher, construction, key, counter, length):
    """`length` bytes of the stream of `key`, beginning with block `counter`."""
    encrypt = ENCRYPT[cipher]
    out = b""
    for i in range(blocks_for(length)):
        if construction == CTR:
            first = int.from_bytes(counter.to_bytes(16, "little"), "big")
            block = ((first + i) % 2**128).to_bytes(16, "big")
        elif construction == BLOCKS:
            block = (counter + i).to_bytes(16, "little")
        else:
            raise ValueError(f"construction {construction}")
        out += encrypt(key, block)
    return out[:length]


class Stream:
    """A stream and the counter of its next block."""

    def __init__(self, key, construction, cipher="aes-128", counter=0):
        self.key, self.construction, self.cipher, self.counter = key, construction, cipher, counter

    def draw(self, length):
        out = draw(self.cipher, self.construction, self.key, self.counter, length)
        self.counter += blocks_for(length)
        return out
