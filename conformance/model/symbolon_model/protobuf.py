"""Messages of Protocol Buffers (proto3), encoded by hand.

A message is a dict from field names to values: only fields that are there. Lists are repeated fields, dicts are
messages, an `Any` is a dict with the full name of its content under "@type". Names, numbers and types are those of
vectors/wire/schema.json. Fields are written in the order of their numbers; a scalar that is zero, false or empty
is left out, a message that is there but empty is written; repeated integers are packed.
"""

import json
import pathlib
import struct

SCHEMA = pathlib.Path(__file__).resolve().parents[3] / "vectors/wire/schema.json"
ANY = "google.protobuf.Any"
ANY_PREFIX = "type.googleapis.com/"
VARINTS = ("int32", "int64", "uint32", "uint64", "bool")


class Field:
    def __init__(self, line):
        number, rest = line.split(" ", 1)
        self.name, kind = rest.split(": ", 1)
        self.number = int(number)
        kind = kind.split(" (oneof")[0]
        self.repeated = kind.startswith("repeated ")
        self.map = kind.startswith("map<")
        self.kind = kind.removeprefix("repeated ")


def load():
    messages, enums = {}, {}
    for file in json.loads(SCHEMA.read_text())["files"].values():
        for name, lines in file.get("messages", {}).items():
            fields = sorted((Field(line) for line in lines), key=lambda field: field.number)
            messages[f"{file['package']}.{name}"] = fields
        for name, lines in file.get("enums", {}).items():
            enums[f"{file['package']}.{name}"] = {line.split(" ")[1]: int(line.split(" ")[0]) for line in lines}
    return messages, enums


MESSAGES, ENUMS = load()


def number(enum, name):
    """The number of an enum's value, both by name."""
    return ENUMS[enum][name]


def varint(value):
    value %= 2**64
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def tagged(field_number, content):
    """A field of wire type 2: its length, then its bytes."""
    return varint(field_number << 3 | 2) + varint(len(content)) + content


def encode_scalar(field, value):
    """A single scalar with its tag."""
    if field.kind == "double":
        return varint(field.number << 3 | 1) + struct.pack("<d", value)
    if field.kind == "string":
        return tagged(field.number, value.encode())
    if field.kind == "bytes":
        return tagged(field.number, value)
    return varint(field.number << 3) + varint(int(value))


def is_scalar(kind):
    return kind in VARINTS or kind in ("double", "string", "bytes")


def is_enum(kind):
    return kind in ENUMS


def encode(name, message):
    """The bytes of a message of the type with this full name."""
    if name == ANY:
        content = encode(message["@type"], {k: v for k, v in message.items() if k != "@type"})
        return tagged(1, (ANY_PREFIX + message["@type"]).encode()) + (tagged(2, content) if content else b"")
    fields = MESSAGES[name]
    unknown = set(message) - {field.name for field in fields}
    assert not unknown, f"{name} has no {unknown}"
    out = b""
    for field in fields:
        if field.name not in message:
            continue
        value = message[field.name]
        if field.map:
            for key in sorted(value):
                entry = b"".join(varint(place << 3) + varint(v) for place, v in ((1, key), (2, value[key])) if v)
                out += tagged(field.number, entry)
        elif not is_scalar(field.kind) and not is_enum(field.kind):
            for one in value if field.repeated else [value]:
                out += tagged(field.number, encode(field.kind, one))
        elif field.repeated and (field.kind in VARINTS or is_enum(field.kind)):
            if value:
                out += tagged(field.number, b"".join(varint(int(v)) for v in value))
        elif field.repeated:
            out += b"".join(encode_scalar(field, v) for v in value)
        elif value:
            out += encode_scalar(field, value)
    return out


def read_varint(data, place):
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value % 2**64, place


def read_fields(data):
    """Field numbers with their raw values: an integer or bytes."""
    place = 0
    while place < len(data):
        tag, place = read_varint(data, place)
        if tag & 7 == 0:
            value, place = read_varint(data, place)
        elif tag & 7 == 1:
            value, place = data[place:place + 8], place + 8
        elif tag & 7 == 2:
            length, place = read_varint(data, place)
            assert place + length <= len(data), "a field is cut off"
            value, place = data[place:place + length], place + length
        else:
            raise ValueError(f"wire type {tag & 7}")
        yield tag >> 3, value


def decode_varint_as(kind, value):
    if kind == "bool":
        return bool(value)
    if kind in ("int32", "int64") and value >= 2**63:
        return value - 2**64
    return value


def decode(name, data):
    """A message of the type with this full name; unknown fields are refused."""
    if name == ANY:
        parts = dict(read_fields(data))
        full = parts[1].decode().removeprefix(ANY_PREFIX)
        return {"@type": full} | decode(full, parts.get(2, b""))
    fields, message = {field.number: field for field in MESSAGES[name]}, {}
    for field_number, raw in read_fields(data):
        field = fields[field_number]
        if field.map:
            entry = dict(read_fields(raw))
            message.setdefault(field.name, {})[entry.get(1, 0)] = entry.get(2, 0)
            continue
        if field.kind in VARINTS or is_enum(field.kind):
            values, place = ([raw], 0) if isinstance(raw, int) else ([], 0)
            while isinstance(raw, bytes) and place < len(raw):
                value, place = read_varint(raw, place)
                values.append(value)
            values = [decode_varint_as(field.kind, value) for value in values]
        elif field.kind == "double":
            values = [struct.unpack("<d", raw)[0]]
        elif field.kind == "string":
            values = [raw.decode()]
        elif field.kind == "bytes":
            values = [raw]
        else:
            values = [decode(field.kind, raw)]
        if field.repeated:
            message.setdefault(field.name, []).extend(values)
        else:
            message[field.name] = values[-1]
    return message


def text(name, message, indent=""):
    """The text form: a line for each scalar, a block for each message, the content of an `Any` under its type."""
    if name == ANY:
        content = {k: v for k, v in message.items() if k != "@type"}
        return f"{indent}[{ANY_PREFIX}{message['@type']}] {{\n{text(message['@type'], content, indent + '  ')}{indent}}}\n"
    out = ""
    for field in MESSAGES[name]:
        if field.name not in message:
            continue
        value = message[field.name]
        values = value if field.repeated else [value]
        if field.map:
            values = [f"{{ key: {key} value: {value[key]} }}" for key in sorted(value)]
            out += "".join(f"{indent}{field.name} {one}\n" for one in values)
        elif is_scalar(field.kind) or is_enum(field.kind):
            for one in values:
                if one or field.repeated:
                    out += f"{indent}{field.name}: {text_of_scalar(field.kind, one)}\n"
        else:
            for one in values:
                out += f"{indent}{field.name} {{\n{text(field.kind, one, indent + '  ')}{indent}}}\n"
    return out


def text_of_scalar(kind, value):
    if kind == "bool":
        return "true" if value else "false"
    if kind == "string":
        return json.dumps(value, ensure_ascii=False)
    if kind == "bytes":
        return '"' + "".join(f"\\x{byte:02x}" for byte in value) + '"'
    if kind == "double":
        return repr(value).removesuffix(".0")
    return str(int(value))
