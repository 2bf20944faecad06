"""A member of a link of several; our side of this script is xtask/src/interop/side/members.rs."""

import peer
from texts import text


class Script:
    def __init__(self, own, count):
        self.own, self.count, self.received = own, count, 0

    def expect(self, what, value, size, salt):
        if isinstance(value, bytes):
            value = value.decode()
        self.received += len(value)
        assert value == text(size, salt), f"{what}: {len(value)} bytes came that are not the {size} expected"

    def to_everyone(self, link, size):
        others = [rank for rank in range(self.count) if rank != self.own]
        for other in others:
            link.send_async(other, text(size, 10 * self.own + other))
        for other in others:
            self.expect("P2P", link.recv(other), size, 10 * other + self.own)

    def collectives(self, link, size):
        for rank, value in enumerate(link.all_gather(text(size, self.own))):
            self.expect("ALLGATHER", value, size, rank)
        for root in range(self.count):
            mine = root == self.own
            value = link.scatter([text(size, 40 + rank) for rank in range(self.count)] if mine else [], root)
            self.expect("SCATTER", value, size, 40 + self.own)
            value = link.broadcast(text(size, 7) if mine else "", root)
            self.expect("BCAST", value, size, 7)
            values = link.gather(text(size, 50 + self.own), root)
            assert len(values) == (self.count if mine else 0), f"GATHER at {root}: {len(values)} values"
            for rank, value in enumerate(values):
                self.expect("GATHER", value, size, 50 + rank)
        link.barrier()


def play(s):
    root = peer.connect(s)
    script = Script(s["rank"], len(s["parties"]))
    child = root.spawn()
    for size in s["sizes"]:
        script.to_everyone(root, size)
        script.collectives(child, size)
        script.collectives(root, size)
    root.barrier()
    root.stop_link()
    return {"bytes": script.received}


peer.main(play)
