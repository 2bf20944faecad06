"""Additive shares of two parties over Z_2^k, and what Semi2K does with them.

A secret X is X0 + X1; here both shares are in one place, and what the parties would send is written to their
endpoints. Randomness comes from streams (`streams`): the pairwise ones in CTR mode, the dealer's as agreed.
"""

from . import dealer
from .fixedpoint import flat
from .streams import CTR, Stream


def message_pack(value):
    """A 128-bit integer as the parties send it: MessagePack, an array of the high and the low half."""
    def half(x):
        if x < 0x80:
            return bytes([x])
        for tag, size in ((0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8)):
            if x < 256**size:
                return bytes([tag]) + x.to_bytes(size, "big")
    return b"\x92" + half(value >> 64) + half(value % 2**64)


class Session:
    """Two parties after their set-up.

    `pairwise` and `dealer_seeds` by rank; a party holds its own pairwise seed and that of the next rank.
    """

    def __init__(self, ring, fraction_bits, endpoints, pairwise, dealer_seeds, construction, adjust_rank,
                 truncation="both-shift", cipher="aes-128"):
        self.ring, self.f, self.endpoints, self.truncation = ring, fraction_bits, endpoints, truncation
        self.own = [Stream(seed, CTR, cipher) for seed in pairwise]
        self.next = [Stream(pairwise[(rank + 1) % 2], CTR, cipher) for rank in range(2)]
        self.dealer_seeds, self.construction, self.cipher = dealer_seeds, construction, cipher
        self.adjust_rank, self.counter, self.requests = adjust_rank, 0, []

    def open(self, shares):
        """Both parties send their share; the sum."""
        for endpoint, share in zip(self.endpoints, shares):
            endpoint.allgather(self.ring.to_bytes(flat(share)))
        return self.ring.add(*shares)

    def seal(self, public):
        """A public matrix as shares: rank 0 has p + own - next, rank 1 own - next."""
        rows, columns = len(public), len(public[0])
        shares = []
        for rank in range(2):
            draws = [stream[rank].draw(rows * columns * self.ring.bytes) for stream in (self.own, self.next)]
            own, following = (self.ring.matrix(data, rows, columns) for data in draws)
            mask = self.ring.sub(own, following)
            shares.append(self.ring.add(public, mask) if rank == 0 else mask)
        return shares

    def add(self, x, y):
        return [self.ring.add(a, b) for a, b in zip(x, y)]

    def sub(self, x, y):
        return [self.ring.sub(a, b) for a, b in zip(x, y)]

    def add_public(self, x, public):
        return [self.ring.add(x[0], public), x[1]]

    def scale(self, x, factor):
        """Times a public fixed-point number, back to f fraction bits."""
        return self.truncate([self.ring.map(lambda v: v * factor, share) for share in x])

    def truncate(self, x):
        return [self.ring.map(lambda v, rank=rank: self.ring.truncate_share(v, self.f, rank, self.truncation), share)
                for rank, share in enumerate(x)]

    def dot_triple(self, m, k, n):
        """Shares of A (m×k), B (k×n) and C = A·B; the request is noted."""
        params = {"m": m, "k": k, "n": n}
        draws = dealer.layout("dot", params, self.ring.bytes, self.counter)
        self.counter = dealer.end(draws)
        correction, = dealer.correct(self.ring.bits, self.construction, self.dealer_seeds, "dot", params, draws,
                                     cipher=self.cipher)
        self.requests.append((params, draws, correction))
        triple = []
        for place, (rows, columns) in enumerate(((m, k), (k, n), (m, n))):
            triple.append([
                self.ring.matrix(Stream(seed, self.construction, self.cipher, draws[place]["counter"])
                                 .draw(draws[place]["bytes"]), rows, columns)
                for seed in self.dealer_seeds])
        c = triple[2][self.adjust_rank]
        correction = self.ring.matrix(self.ring.to_bytes(correction), m, n)
        triple[2][self.adjust_rank] = self.ring.add(c, correction)
        return triple

    def matmul(self, x, y):
        """Shares of X·Y, back to f fraction bits."""
        return self.truncate(self.matmul_untruncated(x, y))

    def matmul_untruncated(self, x, y):
        """Shares of X·Y with 2f fraction bits: X - A and Y - B are opened, one after the other."""
        a, b, c = self.dot_triple(len(x[0]), len(y[0]), len(y[0][0]))
        e, d = self.open(self.sub(x, a)), self.open(self.sub(y, b))
        z = []
        for rank in range(2):
            terms = self.ring.add(self.ring.matmul(e, b[rank]), self.ring.matmul(a[rank], d))
            z.append(self.ring.add(c[rank], terms))
        z[0] = self.ring.add(z[0], self.ring.matmul(e, d))
        return z
