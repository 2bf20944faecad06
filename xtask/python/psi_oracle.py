"""The PSI of SPU's wheel on two files, as an oracle: both parties, as two processes. Tells the common ids."""

import json
import subprocess
import sys

import peer
import spu.psi as psi


def party(s, rank):
    link = peer.connect({**s, "rank": rank})
    config = psi.PsiExecuteConfig(
        protocol_conf=psi.PsiProtocolConfig(
            protocol=psi.PsiProtocol.PROTOCOL_ECDH, receiver_rank=0, broadcast_result=True,
            ecdh_params=psi.EcdhParams(curve=psi.EllipticCurveType.CURVE_25519)),
        input_params=psi.InputParams(path=s["files"][rank], selected_keys=["id"], keys_unique=True),
        output_params=psi.OutputParams(path=s["results"][rank]))
    psi.psi_execute(config, link)
    link.stop_link()


def play(s):
    if "rank" in s:
        party(s, s["rank"])
        return {}
    # A process of its own, not a fork: this one has loaded the wheel, with whatever threads and locks it made.
    other = subprocess.Popen([sys.executable, __file__, json.dumps({**s, "rank": 1})], stdout=sys.stderr)
    party(s, 0)
    assert other.wait() == 0, "the oracle's other party failed"
    common = []
    for path in s["results"]:
        with open(path, encoding="utf-8") as file:
            common.append(sorted(line.rstrip("\n").strip('"') for line in list(file)[1:]))
    assert common[0] == common[1], "the oracle's parties disagree"
    return {"common": common[0]}


peer.main(play)
