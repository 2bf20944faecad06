"""The parties of `cargo xtask interop` on SPU's wheel as testees: `spu-party.py psi PARAMS` is an ECDH-PSI peer that is
written from the documents, over SPU's link; `spu-party.py lr PARAMS` trains on SPU itself.

PARAMS is the case's file of values. `cargo xtask interop` makes the environment that this runs in.
"""

import json
import os
import pathlib
import subprocess
import sys

DRIVERS = pathlib.Path(__file__).parents[2] / "xtask" / "python"

algorithm, params = sys.argv[1:]
case = json.load(open(params, encoding="utf-8"))
settings = {
    "rank": int(case["rank"]),
    "parties": case["parties"].split(","),
    "numbered": True,
    "timeout": 30,
}


def intersection():
    return {
        "file": case["table"],
        "suite": case["suite"],
        "result_to": int(case["result_to_rank"]),
        "batch": 4096,
        "wait_forever": False,
    }


def training():
    rows = [line.split(",") for line in open(case["table"], encoding="utf-8").read().split("\n")[1:-1]]
    numbers = [[float(cell) for cell in row] for row in rows]
    has_label = case["has_label"] == "true"
    return {
        "features": [row[:-1] for row in numbers] if has_label else numbers,
        "labels": [row[-1] for row in numbers] if has_label else None,
        "epochs": int(case["epochs"]),
        "batch": int(case["batch_size"]),
        "learning_rate": float(case["learning_rate"]),
        "l2": float(case["l2"]),
        "bits": int(case["field"]),
        "fraction_bits": int(case["fraction_bits"]),
        "dealer": case["dealer"],
        "dealer_key": case["dealer_key"],
        "adjust_rank": int(case["adjust_rank"]),
        "draws": "ones-only",
        "reveal": False,
    }


def result(report):
    """What goes to the case's output: common ids, or this party's half of the weights; None without a result."""
    if algorithm == "lr":
        return report["half"] + "\n"
    if report["rows"] is None:
        return None
    ids = open(case["table"], encoding="utf-8").read().split("\n")[1:]
    return "id\n" + "".join(ids[row] + "\n" for row in report["rows"])


driver, task = {"psi": ("psi_peer.py", intersection), "lr": ("lr_peer.py", training)}[algorithm]
command = [sys.executable, str(DRIVERS / driver), json.dumps({**settings, **task()})]
run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
sys.stdout.write(run.stdout)
if run.returncode < 0:
    os.kill(os.getpid(), -run.returncode)
if run.returncode == 0:
    text = result(json.loads(run.stdout.splitlines()[-1]))
    if text is not None:
        with open(case["output"], "w", encoding="utf-8") as file:
            file.write(text)
sys.exit(run.returncode)
