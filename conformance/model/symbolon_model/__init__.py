"""The protocols of privacy computing that Symbolon speaks, as plain Python.

An executable specification: numbers are Python's integers, streams are computed block by block, messages are
encoded by hand, and nothing is fast. It shares no code with Symbolon; it is written from the published documents,
the published proto files and what real implementations were seen to send.

    ciphers     AES-128, SM4, SM3
    streams     pseudo-random streams of a counter
    fixedpoint  rings Z_2^k, fixed-point numbers, matrices
    dealer      the corrections of the trusted dealer
    shares      additive shares of two parties and Semi2K's operations
    protobuf    messages by field numbers, from vectors/wire/schema.json
    link        keys, numbers and messages of the link
    handshake   proposals and results
    curves      Curve25519, SM2 and the maps of RFC 9380
    psi         ECDH-PSI
    lr          SS-LR training as a list of messages
"""

VERSION = "1"
