#!/usr/bin/env python3
"""Writes the vectors for which there is no source outside: what the model computes.

    python3 conformance/model/generate.py            writes them
    python3 conformance/model/generate.py --check    fails if a file is not what would be written

Nothing here is random: inputs come from a counter through SHA-256, so every run writes the same bytes.
"""

import pathlib
import sys

from generators import ALL
from symbolon_model.files import render

VECTORS = pathlib.Path(__file__).resolve().parents[2] / "vectors"


def main():
    check, stale = "--check" in sys.argv[1:], []
    files = {}
    for make in ALL:
        files |= make()
    for name, document in files.items():
        path, text = VECTORS / name, render(document) + "\n"
        if check:
            if not path.exists() or path.read_text() != text:
                stale.append(name)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    if stale:
        sys.exit(f"not what the model computes: {', '.join(stale)}")
    print(f"{len(files)} files {'are as the model computes them' if check else 'written'}")


if __name__ == "__main__":
    main()
