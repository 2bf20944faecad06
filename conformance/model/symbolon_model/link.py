"""The link: keys, numbers and `PushRequest`s.

Keys: `connect_{rank}` says that a party is there, `{channel}:P2P-{counter}:{from}->{to}` with a counter for each
direction, `{channel}:{counter}:{OPERATION}` for collectives with one counter per channel. Counters start at 1
(erratum E01). With sequence numbers a key is followed by the bytes 01 02 and a number that a party counts for each
peer over all channels; `connect` has number 0, with or without them (E02, E03).
"""

from . import protobuf

SEPARATOR = "\x01\x02"
ACK = "ACK" + SEPARATOR
FIN = "FIN" + SEPARATOR
PUSH_REQUEST = "org.interconnection.link.PushRequest"
COLLECTIVES = ("SCATTER", "GATHER", "ALLGATHER", "BCAST", "BARRIER")


def connect_key(rank, suffix=True):
    return f"connect_{rank}" + (f"{SEPARATOR}0" if suffix else "")


def p2p_key(channel, counter, source, target):
    return f"{channel}:P2P-{counter}:{source}->{target}"


def collective_key(channel, counter, operation):
    assert operation in COLLECTIVES
    return f"{channel}:{counter}:{operation}"


def numbered(key, sequence):
    return key if sequence is None else f"{key}{SEPARATOR}{sequence}"


def push(sender, key, value, chunk=None):
    """The bytes of a `PushRequest`; `chunk` is (whole length, offset) of a piece."""
    message = {"sender_rank": sender, "key": key, "value": value}
    if chunk:
        message |= {"trans_type": 1, "chunk_info": {"message_length": chunk[0], "chunk_offset": chunk[1]}}
    return protobuf.encode(PUSH_REQUEST, message)


def pushes(sender, key, value, chunk_size=None):
    """A value in one piece, or in pieces of at most `chunk_size` bytes."""
    if chunk_size is None or len(value) <= chunk_size:
        return [push(sender, key, value)]
    places = range(0, len(value), chunk_size)
    return [push(sender, key, value[at:at + chunk_size], (len(value), at)) for at in places]


class Endpoint:
    """What one party of two sends on a link: (key, value) in the order of sending."""

    def __init__(self, rank, dialect, channel="root"):
        self.rank, self.peer, self.channel = rank, 1 - rank, channel
        self.numbers, self.sent, self.sequence = dialect["sequence-numbers"], [], 0
        self.start = 1 if dialect["counter-base"] == "one" else 0
        self.suffix, self.fin = dialect["connect-suffix"], dialect["fin"]
        self.p2p, self.collective = {}, {}

    def connect(self):
        self.sent.append((connect_key(self.rank, self.suffix), b""))

    def put(self, key, value):
        self.sequence += 1
        self.sent.append((numbered(key, self.sequence if self.numbers else None), value))

    def send(self, value, channel=None):
        channel = channel or self.channel
        counter = self.p2p.get(channel, self.start)
        self.p2p[channel] = counter + 1
        self.put(p2p_key(channel, counter, self.rank, self.peer), value)

    def allgather(self, value, channel=None):
        channel = channel or self.channel
        counter = self.collective.get(channel, self.start)
        self.collective[channel] = counter + 1
        self.put(collective_key(channel, counter, "ALLGATHER"), value)

    def acknowledge(self, count):
        """What a party says of `count` messages of its peer."""
        if self.numbers:
            self.sent += [(ACK, str(number).encode()) for number in range(1, count + 1)]

    def finish(self):
        if self.fin:
            self.sent.append((FIN, str(self.sequence if self.numbers else 0).encode()))
