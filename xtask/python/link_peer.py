"""SPU's link through every operation; the other side of this script is xtask/src/interop/side/link.rs."""

import peer
from texts import text


class Script:
    def __init__(self, own):
        self.own, self.other, self.received = own, 1 - own, 0

    def expect(self, what, value, size, salt):
        if isinstance(value, bytes):
            value = value.decode()
        self.received += len(value)
        assert value == text(size, salt), f"{what}: {len(value)} bytes came that are not the {size} expected"

    def both_ways(self, link, size):
        link.send_async(self.other, text(size, self.own))
        self.expect("P2P", link.recv(self.other), size, self.other)

    def collectives(self, link, size):
        for rank, value in enumerate(link.all_gather(text(size, self.own))):
            self.expect("ALLGATHER", value, size, rank)
        for root in (0, 1):
            mine = root == self.own
            value = link.scatter([text(size, 5), text(size, 6)] if mine else [], root)
            self.expect("SCATTER", value, size, 5 + self.own)
            value = link.broadcast(text(size, 7) if mine else "", root)
            self.expect("BCAST", value, size, 7)
            values = link.gather(text(size, 8 + self.own), root)
            assert len(values) == (2 if mine else 0), f"GATHER at {root}: {len(values)} values"
            for rank, value in enumerate(values):
                self.expect("GATHER", value, size, 8 + rank)
        link.barrier()
        link.send_async(self.other, text(3, self.own))
        self.expect("P2P after a barrier", link.recv(self.other), 3, self.other)

    def burst(self, link, count):
        for place in range(count):
            link.send_async(self.other, text(300, place))
        for place in range(count):
            self.expect("a burst", link.recv(self.other), 300, place)


def play(s):
    root = peer.connect(s)
    script = Script(s["rank"])
    for size in s["sizes"]:
        script.both_ways(root, size)
        script.collectives(root, min(size, 4 << 20))
    if s["wait_forever"]:
        peer.tell(at="middle")
        root.recv(script.other)
    script.burst(root, s["burst"])
    child = root.spawn()
    grandchild = child.spawn()
    second = root.spawn()
    for link in (child, root, second, grandchild):
        link.send_async(script.other, text(700, script.own))
    for link in (root, child, grandchild, second):
        script.expect("on a sub-channel", link.recv(script.other), 700, script.other)
        script.collectives(link, 900)
    root.barrier()
    root.stop_link()
    return {"bytes": script.received}


peer.main(play)
