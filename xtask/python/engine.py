"""SPU's runtime: its configuration, and values put in and taken out as this party's own shares."""

import json

import numpy as np
import spu
import spu.libspu as libspu
from spu.utils import frontend

SECRET, PUBLIC = spu.Visibility.VIS_SECRET, spu.Visibility.VIS_PUBLIC


class Engine:
    """One party of Semi2K over `link`, with the dealer as third party. `dealer` has host, adjust_rank and key (PEM)."""

    def __init__(self, link, bits, fraction_bits, dealer, **options):
        self.rank, self.parties, self.bits, self.fraction_bits = link.rank, link.world_size, bits, fraction_bits
        self.config = spu.RuntimeConfig()
        # The dealer's part cannot be assigned field by field in this wheel. One-by-one openings, and whole
        # products, are what the interconnection documents describe.
        self.config.ParseFromJsonString(json.dumps({
            "protocol": "SEMI2K",
            "field": f"FM{bits}",
            "fxp_fraction_bits": fraction_bits,
            "sigmoid_mode": "SIGMOID_MM1",
            "trunc_allow_msb_error": True,
            "experimental_disable_mmul_split": True,
            "experimental_disable_vectorization": True,
            "beaver_type": "TrustedThirdParty",
            "ttp_beaver_config": {
                "server_host": dealer["host"],
                "adjust_rank": dealer["adjust_rank"],
                "asym_crypto_schema": "sm2",
                "server_public_key": dealer["key"],
                "transport_protocol": "http",
                **({"ssl_config": dealer["tls"]} if "tls" in dealer else {}),
            },
            **options,
        }))
        self.runtime = spu.Runtime(link, self.config)
        self.io = spu.Io(link.world_size, self.config)

    def put_public(self, name, value):
        self.runtime.set_var(name, self.io.make_shares(np.asarray(value, np.float32), PUBLIC)[self.rank])

    def put_share(self, name, value):
        """The value itself as this party's share: its own columns, and zeros in the place of the other's."""
        value = np.asarray(value, np.float32)
        share = self.io.make_shares(value, SECRET)[self.rank]
        content = encode(value, self.bits, self.fraction_bits)
        assert len(content) == len(content_of(share)), "a share has another size than expected"
        share.share_chunks = [field(1, len(content)) + field(3, content)]
        self.runtime.set_var(name, share)

    def compile(self, function, examples, inputs, visibilities, output):
        program, _ = frontend.compile(
            frontend.Kind.JAX, function, examples, {}, inputs, visibilities, lambda outs: [output for _ in outs]
        )
        return program

    def renamed(self, program, inputs, output):
        """The same program on other variables."""
        return libspu.Executable(name=program.name, input_names=inputs, output_names=[output], code=program.code)

    def run(self, program):
        self.runtime.run(program)

    def own_share(self, name):
        """This party's share, as the ring elements' little-endian bytes."""
        return content_of(self.runtime.get_var(name))

    def revealed(self, name):
        share = self.runtime.get_var(name)
        return self.io.reconstruct([share] * self.parties)


def encode(value, bits, fraction_bits):
    """Fixed point as SPU's: scaled in single precision, cut towards zero; little-endian bytes."""
    scaled = (value * np.float32(2.0**fraction_bits)).astype(np.int64)
    if bits == 128:
        return np.stack([scaled, scaled >> 63], -1).astype("<i8").tobytes()
    return scaled.astype({32: "<i4", 64: "<i8"}[bits]).tobytes()


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    """One field of a protobuf message: an integer or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def content_of(share):
    """The bytes in a share's chunks (messages of total_bytes = 1, chunk_offset = 2, content = 3)."""
    out = b""
    for chunk in share.share_chunks:
        place = 0
        while place < len(chunk):
            tag, place = read_varint(chunk, place)
            number, place = read_varint(chunk, place)
            if tag & 7 == 2:
                if tag >> 3 == 3:
                    out += chunk[place:place + number]
                place += number
    return out


def read_varint(data, place):
    number = shift = 0
    while True:
        byte = data[place]
        place += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, place
