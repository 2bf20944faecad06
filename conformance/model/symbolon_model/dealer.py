"""The corrections of the trusted dealer.

Every party draws its shares of the random numbers from its own stream, whose seed the dealer knows too. The dealer
draws the same, puts the shares together and says what one party (the adjust rank) must add to its last share so
that the numbers fulfil the operation's equation. With A, B, C the numbers put together:

    operation   buffers  correction
    dot         A B C    op(A)·op(B) - C      A m×k, B k×n, C m×n; op transposes if asked to (the buffer then
                                              holds the transposed matrix: one mask can serve X and its transpose)
    mul         A B C    A∘B - C              element by element
    mul-priv    A B      (product of the parties' own A) - B
    square      A B      A∘A - B
    and         A B C    (A & B) xor C        shares put together by xor
    trunc       A B      (A >> bits) - B      arithmetic shift
    trunc-pr    A B C    ((A << 1) >> (bits + 1)) - B  and  (A >> (k - 1)) - C, logical shifts
    rand-bit    A        random bits - A
    eqz         A B      A xor B              A put together by +, B by xor
    perm        A B      A moved - B          element i goes to place π(i)
"""

from .fixedpoint import Ring, flat, transpose
from .streams import CTR, blocks_for, draw

BUFFERS = {"dot": 3, "mul": 3, "mul-priv": 2, "square": 2, "and": 3, "trunc": 2, "trunc-pr": 3, "rand-bit": 1,
           "eqz": 2, "perm": 2}


def lengths(op, params):
    """Elements of each buffer."""
    if op == "dot":
        m, k, n = params["m"], params["k"], params["n"]
        return [m * k, k * n, m * n]
    return [params["len"]] * BUFFERS[op]


def layout(op, params, element_bytes, counter):
    """The draws of an operation that begins at block `counter`: a counter and a length in bytes for each buffer."""
    draws = []
    for length in lengths(op, params):
        draws.append({"counter": counter, "bytes": length * element_bytes})
        counter += blocks_for(length * element_bytes)
    return draws


def end(draws):
    """The counter after the last draw."""
    return draws[-1]["counter"] + blocks_for(draws[-1]["bytes"])


def put_together(kind, shares, size):
    total = shares[0]
    for share in shares[1:]:
        if kind == "xor":
            total = [a ^ b for a, b in zip(total, share, strict=True)]
        elif kind == "product":
            total = [a * b % size for a, b in zip(total, share, strict=True)]
        else:
            total = [(a + b) % size for a, b in zip(total, share, strict=True)]
    return total


def permutation(key, counter, length):
    """π of `length` places from one party's seed: Knuth's shuffle with 128-bit numbers, in CTR mode (erratum E39)."""
    numbers = draw("aes-128", CTR, key, counter, 16 * (length - 1))
    places = list(range(length))
    for i in range(length - 1, 0, -1):
        j = int.from_bytes(numbers[16 * (i - 1):16 * i], "little") % (i + 1)
        places[i], places[j] = places[j], places[i]
    return places


def correct(bits, construction, seeds, op, params, draws, random_bits=None, cipher="aes-128"):
    """The corrections, a list of lists of elements.

    `seeds` by rank; a draw can have its own, when its mask is older than the session. `random_bits` are what the
    dealer drew for rand-bit.
    """
    ring = Ring(bits)
    assert len(draws) == BUFFERS[op]
    assert [d["bytes"] for d in draws] == [n * ring.bytes for n in lengths(op, params)]

    def buffer(index, kind="sum"):
        d = draws[index]
        keys = d.get("seeds", seeds)
        shares = [ring.from_bytes(draw(cipher, construction, key, d["counter"], d["bytes"])) for key in keys]
        return put_together(kind, shares, ring.size)

    def minus(a, b):
        return [(x - y) % ring.size for x, y in zip(a, b, strict=True)]

    if op == "dot":
        m, k, n = params["m"], params["k"], params["n"]
        a_transposed, b_transposed = params.get("transposed", [False, False])
        a = [buffer(0)[i:i + (m if a_transposed else k)] for i in range(0, m * k, m if a_transposed else k)]
        b = [buffer(1)[i:i + (k if b_transposed else n)] for i in range(0, k * n, k if b_transposed else n)]
        a, b = transpose(a) if a_transposed else a, transpose(b) if b_transposed else b
        return [minus(flat(ring.matmul(a, b)), buffer(2))]
    if op == "mul":
        return [minus([x * y for x, y in zip(buffer(0), buffer(1))], buffer(2))]
    if op == "mul-priv":
        return [minus(buffer(0, "product"), buffer(1))]
    if op == "square":
        return [minus([x * x for x in buffer(0)], buffer(1))]
    if op == "and":
        return [[(x & y) ^ z for x, y, z in zip(buffer(0, "xor"), buffer(1, "xor"), buffer(2, "xor"))]]
    if op == "trunc":
        return [minus([ring.shift_right(x, params["bits"]) for x in buffer(0)], buffer(1))]
    if op == "trunc-pr":
        r = buffer(0)
        high = [(x << 1) % ring.size >> (params["bits"] + 1) for x in r]
        top = [x >> (bits - 1) for x in r]
        return [minus(high, buffer(1)), minus(top, buffer(2))]
    if op == "rand-bit":
        return [minus(random_bits, buffer(0))]
    if op == "eqz":
        return [[x ^ y for x, y in zip(buffer(0), buffer(1, "xor"))]]
    if op == "perm":
        a, moved = buffer(0), [0] * params["len"]
        key = params.get("key") or seeds[params["rank"]]
        for i, place in enumerate(permutation(key, params["counter"], params["len"])):
            moved[place] = a[i]
        return [minus(moved, buffer(1))]
    raise ValueError(op)
