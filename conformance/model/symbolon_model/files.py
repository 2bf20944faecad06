"""Writing vector files: one form for all of them, so that a file made again is the same file."""

import json


def render(value, indent=""):
    """JSON with an indent of one; lists of numbers and strings that fit stay on one line."""
    inner = indent + " "
    if isinstance(value, dict) and value:
        items = [f"{inner}{json.dumps(key, ensure_ascii=False)}: {render(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    if isinstance(value, list) and value:
        line = json.dumps(value, ensure_ascii=False)
        if len(line) <= 100 and not any(isinstance(item, (dict, list)) for item in value):
            return line
        if all(isinstance(item, (int, float)) for item in value):
            return line
        return "[\n" + ",\n".join(inner + render(item, inner) for item in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False)


def header(family, about, source, generator, specification, notes, flags=None):
    return {"format": f"symbolon-vectors/{family}/1", "about": about, "source": source, "generator": generator,
            "specification": specification, "notes": notes, "flags": flags or {}}
