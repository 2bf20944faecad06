"""Keys and messages of the link, and exchanges over it."""

import base64

from symbolon_model import handshake, link
from symbolon_model.files import header

from .inputs import GENERATOR, MODEL, Inputs, test


def links():
    keys, bad = [], []
    name = "link-key"

    def key(comment, text, sequence, **fields):
        keys.append(test(name, len(keys) + 1, comment=comment, fields=fields, sequence=sequence, text=text))

    for rank in (0, 1, 10):
        key("presence", link.connect_key(rank), 0, kind="connect", rank=rank)
    key("presence without a suffix", link.connect_key(1, suffix=False), None, kind="connect", rank=1)
    for channel in ("root", "root-0", "root-12", "我的通道", "a:b"):
        for counter, source, target, sequence in ((0, 0, 1, None), (1, 1, 0, 1), (2**40, 3, 12, 10**6)):
            key("point to point", link.numbered(link.p2p_key(channel, counter, source, target), sequence), sequence,
                kind="p2p", channel=channel, counter=counter, source=source, target=target)
        for operation in link.COLLECTIVES:
            key("collective", link.numbered(link.collective_key(channel, 7, operation), 5), 5, kind="collective",
                channel=channel, counter=7, operation=operation)
    key("acknowledgement", link.ACK, None, kind="ack")
    key("end", link.FIN, None, kind="fin")
    for text in ("", "root", "connect_", "connect_x", "root:P2P-1:0-1", "root:P2P-1:0->", "root:P2P-x:0->1", "root:P2P-1:a->b",
                 "root:x:GATHER", "root:1:ALLREDUCE", "root:1:allgather", "root:1", ":1:GATHER", "ACK", "FIN",
                 "root:1:GATHER\x01\x02", "root:1:GATHER\x01\x02x", "root:1:GATHER\x01\x02-1", "root:1:GATHER\x011",
                 "root:1:GATHER\x01\x0218446744073709551616", "root:18446744073709551616:GATHER", "connect_-1"):
        bad.append(test("link-no-key", len(bad) + 1, "invalid", ["NoKey"], text=text))
    inputs, pushes = Inputs("link-push"), []
    for comment, sender, text, value, chunk in (
            ("empty value", 0, "connect_0\x01\x020", b"", None), ("one piece", 1, "root:P2P-1:1->0\x01\x021", b"value", None),
            ("zero bytes, not empty", 0, "root:1:ALLGATHER", b"\0\0\0", None),
            ("first piece", 0, "root:2:ALLGATHER\x01\x023", inputs.bytes(20), (50, 0)),
            ("last piece", 0, "root:2:ALLGATHER\x01\x023", inputs.bytes(10), (50, 40)),
            ("a large message", 2**32, "root:P2P-300:2->1", inputs.bytes(5), (2**40, 2**39)),
            ("acknowledgement", 1, link.ACK, b"17", None), ("end", 1, link.FIN, b"64", None)):
        fields = {"sender": sender, "key": text, "value": value.hex()}
        if chunk:
            fields["chunk"] = {"message_length": chunk[0], "offset": chunk[1]}
        pushes.append(test("link-push", len(pushes) + 1, comment=comment, **fields,
                           request=base64.b64encode(link.push(sender, text, value, chunk)).decode()))
    return {"link/keys.json": {"header": header(
        "link-keys", "Keys of the link, and messages under them.", [MODEL], GENERATOR,
        ["docs/protocols of secretflow/interconnection at 09b0ecc", "secretflow/yacl (suffixes, ACK, FIN)"],
        {"text": "the key with its suffix: U+0001 U+0002 and the number", "sequence": "the number of the suffix; null "
         "without one", "request": "base64 of the PushRequest", "value": "hex"},
        {"NoKey": "no key of the grammar: refuse the message with 31100100 (INVALID_REQUEST)"}),
        "groups": [{"kind": "key", "tests": keys + bad}, {"kind": "push", "tests": pushes}]},
        "link/exchanges.json": exchanges()}


def exchanges():
    """What comes to rank 0 of two, message by message, and what it must answer to each."""
    ok, stranger, invalid = 0, handshake.CODES["UNEXPECTED_ERROR"], handshake.CODES["INVALID_REQUEST"]
    inputs, tests = Inputs("link-exchange"), []
    whole = inputs.bytes(30)
    p2p = lambda counter: link.p2p_key("root", counter, 1, 0)

    def push(key, value, expected, chunk=None, sender=1):
        fields = {"sender": sender, "key": key, "value": value.hex()}
        if chunk:
            fields["chunk"] = {"message_length": chunk[0], "offset": chunk[1]}
        return {"op": "push"} | fields | {"expect": {"error_code": expected}}

    def receive(value):
        return {"op": "receive", "expect": {"value": value.hex()}}

    def add(comment, *steps, result="valid", flags=()):
        tests.append(test("link-exchange", len(tests) + 1, result, flags, comment=comment, steps=list(steps)))

    piece = lambda start, end, key=None, total=30: push(key or p2p(1), whole[start:end], ok, (total, start))
    add("one message", push(p2p(1), b"one", ok), receive(b"one"))
    add("messages overtake each other", push(p2p(2), b"two", ok), push(p2p(1), b"one", ok), receive(b"one"), receive(b"two"))
    add("a message of no bytes", push(p2p(1), b"", ok), receive(b""))
    add("pieces in order", piece(0, 10), piece(10, 20), piece(20, 30), receive(whole))
    add("pieces in another order", piece(20, 30), piece(0, 10), piece(10, 20), receive(whole))
    add("a piece comes twice", piece(0, 10), piece(0, 10), piece(10, 30), receive(whole), flags=["Repeated"])
    add("pieces of two messages mixed", piece(0, 20, p2p(2)), piece(0, 10), piece(20, 30, p2p(2)), piece(10, 30),
        receive(whole), receive(whole))
    numbered = link.numbered(p2p(1), 1)
    add("a numbered message comes twice", push(numbered, b"one", ok), push(numbered, b"one", ok),
        push(link.numbered(p2p(2), 2), b"two", ok), receive(b"one"), receive(b"two"), flags=["Repeated"])
    add("a sender that is no party", push(p2p(1), b"x", stranger, sender=2), push(p2p(1), b"one", ok), receive(b"one"),
        result="invalid", flags=["Stranger"])
    for key in ("nonsense", "root:P2P-1:0->1", "root:P2P-1:1->2", "root:1:ALLREDUCE", "connect_0"):
        add(f"a key that is not for this receiver: {key}", push(key, b"x", invalid), push(p2p(1), b"one", ok),
            receive(b"one"), result="invalid", flags=["BadKey"])
    for comment, chunk in (("a piece beyond the message's end", (30, 25)), ("a piece that begins beyond the end", (5, 6))):
        add(comment, push(p2p(1), whole[:10], invalid, chunk), result="invalid", flags=["BadPiece"])
    return {"header": header(
        "link-exchanges", "Messages that come to rank 0 of two parties, and its answers.", [MODEL], GENERATOR,
        ["docs/protocols of secretflow/interconnection at 09b0ecc", "interconnection/common/header.proto (error codes)",
         "secretflow/yacl (the code for strangers, repeated messages)"],
        {"steps": "in order. push: a PushRequest, with the error_code of its response; receive: what the next receiving "
         "from rank 1 on the channel root must give", "value": "hex",
         "result": "invalid: the exchange holds a message that must be refused, at the step that says so"},
        {"Repeated": "taken once, answered with 0 each time", "Stranger": "31100001, as yacl answers",
         "BadKey": "31100100 by its name, INVALID_REQUEST: no document assigns a code; yacl takes such a message",
         "BadPiece": "31100100 by its name, INVALID_REQUEST: no document assigns a code"}), "groups": [{"rank": 0, "world_size": 2, "tests": tests}]}
