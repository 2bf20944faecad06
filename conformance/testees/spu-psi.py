"""The PSI peer of `cargo xtask interop` as a testee: written from the documents alone, over the link of SPU's wheel.

Takes the file {params} and writes {output}. `cargo xtask interop` makes the environment that it runs in.
"""

import json
import os
import pathlib
import subprocess
import sys

PEER = pathlib.Path(__file__).parents[2] / "xtask" / "python" / "psi_peer.py"

case = json.load(open(sys.argv[1], encoding="utf-8"))
settings = {
    "rank": int(case["rank"]),
    "parties": case["parties"].split(","),
    "file": case["table"],
    "suite": case["suite"],
    "result_to": int(case["result_to_rank"]),
    "batch": 4096,
    "numbered": True,
    "timeout": 15,
    "wait_forever": False,
}
run = subprocess.run([sys.executable, str(PEER), json.dumps(settings)], stdout=subprocess.PIPE, text=True)
sys.stdout.write(run.stdout)
if run.returncode < 0:
    os.kill(os.getpid(), -run.returncode)
if run.returncode == 0:
    rows = json.loads(run.stdout.splitlines()[-1])["rows"]
    if rows is not None:
        ids = open(case["table"], encoding="utf-8").read().split("\n")[1:]
        with open(case["output"], "w", encoding="utf-8") as file:
            file.write("id\n" + "".join(ids[row] + "\n" for row in rows))
sys.exit(run.returncode)
