"""The PSI of SPU's wheel on two files, as an oracle: both parties, as two processes. Tells the common ids."""

import os
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
    child = os.fork()
    if child == 0:
        try:
            party(s, 1)
        except BaseException as failure:
            print(failure, file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    party(s, 0)
    _, status = os.waitpid(child, 0)
    assert status == 0, "the oracle's other party failed"
    common = []
    for path in s["results"]:
        with open(path, encoding="utf-8") as file:
            common.append(sorted(line.rstrip("\n").strip('"') for line in list(file)[1:]))
    assert common[0] == common[1], "the oracle's parties disagree"
    return {"common": common[0]}


peer.main(play)
