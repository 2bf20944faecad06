"""The texts that the link's scripts send."""


def text(size, salt):
    """As many printable characters, which depend on the salt."""
    period = "".join(chr(32 + (place * 31 + salt) % 94) for place in range(94))
    return (period * (size // 94 + 1))[:size]
