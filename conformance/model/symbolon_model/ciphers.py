"""AES-128 (FIPS 197), SM4 (GB/T 32907) and SM3 (GB/T 32905), encryption and hashing only."""

import functools


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


# AES: bytes are polynomials over GF(2) modulo x^8 + x^4 + x^3 + x + 1 (section 4.2).

def times_x(a):
    return (a << 1) ^ (0x11B if a & 0x80 else 0)


def field_product(a, b):
    product = 0
    while b:
        if b & 1:
            product ^= a
        a, b = times_x(a), b >> 1
    return product


def make_aes_sbox():
    """The inverse in the field, then an affine map (section 5.1.1)."""
    box = []
    for value in range(256):
        inverse = next((x for x in range(256) if field_product(value, x) == 1), 0)
        turned = [((inverse << n) | (inverse >> (8 - n))) & 0xFF for n in range(5)]
        box.append(turned[0] ^ turned[1] ^ turned[2] ^ turned[3] ^ turned[4] ^ 0x63)
    return bytes(box)


AES_SBOX = make_aes_sbox()
TIMES_TWO = bytes(times_x(a) for a in range(256))


@functools.lru_cache(maxsize=None)
def aes128_round_keys(key):
    """Eleven round keys of 16 bytes (section 5.2)."""
    words = [key[i:i + 4] for i in range(0, 16, 4)]
    constant = 1
    for i in range(4, 44):
        word = words[i - 1]
        if i % 4 == 0:
            word = bytes(AES_SBOX[b] for b in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = times_x(constant)
        words.append(xor(words[i - 4], word))
    return [b"".join(words[i:i + 4]) for i in range(0, 44, 4)]


def aes128_encrypt(key, block):
    keys = aes128_round_keys(key)
    state = xor(block, keys[0])
    for number in range(1, 11):
        # SubBytes and ShiftRows: row r of column c comes from column c + r.
        state = bytes(AES_SBOX[state[(4 * (c + r) + r) % 16]] for c in range(4) for r in range(4))
        if number < 10:
            mixed = []
            for c in range(0, 16, 4):
                column = state[c:c + 4]
                for r in range(4):
                    a, b = column[r], column[(r + 1) % 4]
                    mixed.append(TIMES_TWO[a] ^ TIMES_TWO[b] ^ b ^ column[(r + 2) % 4] ^ column[(r + 3) % 4])
            state = bytes(mixed)
        state = xor(state, keys[number])
    return state


SM4_SBOX = bytes.fromhex(
    "d690e9fecce13db716b614c228fb2c05" "2b679a762abe04c3aa44132649860699"
    "9c4250f491ef987a33540b43edcfac62" "e4b31ca9c908e89580df94fa758f3fa6"
    "4707a7fcf37317ba83593c19e6854fa8" "686b81b27164da8bf8eb0f4b70569d35"
    "1e240e5e6358d1a225227c3b01217887" "d40046579fd327524c3602e7a0c4c89e"
    "eabf8ad240c738b5a3f7f2cef96115a1" "e0ae5da49b341a55ad933230f58cb1e3"
    "1df6e22e8266ca60c02923ab0d534e6f" "d5db3745defd8e2f03ff6a726d6c5b51"
    "8d1baf92bbddbc7f11d95c411f105ad8" "0ac13188a5cd7bbd2d74d012b8e5b4b0"
    "8969974a0c96777e65b9f109c56ec684" "18f07dec3adc4d2079ee5f3ed7cb3948")
SM4_FAMILY_KEY = (0xA3B1BAC6, 0x56AA3350, 0x677D9197, 0xB27022DC)


def rotate32(word, bits):
    return ((word << bits) | (word >> (32 - bits))) & 0xFFFFFFFF


def sm4_substitute(word):
    return int.from_bytes(bytes(SM4_SBOX[b] for b in word.to_bytes(4, "big")), "big")


@functools.lru_cache(maxsize=None)
def sm4_round_keys(key):
    """Thirty-two round keys (section 7.3)."""
    words = [int.from_bytes(key[4 * i:4 * i + 4], "big") ^ SM4_FAMILY_KEY[i] for i in range(4)]
    for i in range(32):
        constant = int.from_bytes(bytes((4 * i + j) * 7 % 256 for j in range(4)), "big")
        b = sm4_substitute(words[i + 1] ^ words[i + 2] ^ words[i + 3] ^ constant)
        words.append(words[i] ^ b ^ rotate32(b, 13) ^ rotate32(b, 23))
    return words[4:]


def sm4_encrypt(key, block):
    x = [int.from_bytes(block[4 * i:4 * i + 4], "big") for i in range(4)]
    for round_key in sm4_round_keys(key):
        b = sm4_substitute(x[1] ^ x[2] ^ x[3] ^ round_key)
        x = x[1:] + [x[0] ^ b ^ rotate32(b, 2) ^ rotate32(b, 10) ^ rotate32(b, 18) ^ rotate32(b, 24)]
    return b"".join(word.to_bytes(4, "big") for word in reversed(x))


def sm3(message):
    """The digest, 32 bytes (section 5)."""
    padded = message + b"\x80" + b"\0" * (-(len(message) + 9) % 64) + (8 * len(message)).to_bytes(8, "big")
    v = [0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E]
    for start in range(0, len(padded), 64):
        w = [int.from_bytes(padded[start + 4 * i:start + 4 * i + 4], "big") for i in range(16)]
        for j in range(16, 68):
            x = w[j - 16] ^ w[j - 9] ^ rotate32(w[j - 3], 15)
            w.append(x ^ rotate32(x, 15) ^ rotate32(x, 23) ^ rotate32(w[j - 13], 7) ^ w[j - 6])
        a, b, c, d, e, f, g, h = v
        for j in range(64):
            constant = 0x79CC4519 if j < 16 else 0x7A879D8A
            ss1 = rotate32((rotate32(a, 12) + e + rotate32(constant, j % 32)) & 0xFFFFFFFF, 7)
            ss2 = ss1 ^ rotate32(a, 12)
            ff = a ^ b ^ c if j < 16 else (a & b) | (a & c) | (b & c)
            gg = e ^ f ^ g if j < 16 else (e & f) | (~e & 0xFFFFFFFF & g)
            tt1 = (ff + d + ss2 + (w[j] ^ w[j + 4])) & 0xFFFFFFFF
            tt2 = (gg + h + ss1 + w[j]) & 0xFFFFFFFF
            d, c, b, a = c, rotate32(b, 9), a, tt1
            h, g, f, e = g, rotate32(f, 19), e, tt2 ^ rotate32(tt2, 9) ^ rotate32(tt2, 17)
        v = [x ^ y for x, y in zip(v, (a, b, c, d, e, f, g, h))]
    return b"".join(word.to_bytes(4, "big") for word in v)


ENCRYPT = {"aes-128": aes128_encrypt, "sm4": sm4_encrypt}
