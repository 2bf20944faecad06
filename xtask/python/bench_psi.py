"""One party of the wheel's own PSI on a file, timed from the call to its return."""

import resource
import time

import peer
import spu.psi as psi


def play(s):
    link = peer.connect({**s, "numbered": True, "timeout": 1200})
    config = psi.PsiExecuteConfig(
        protocol_conf=psi.PsiProtocolConfig(
            protocol=psi.PsiProtocol.PROTOCOL_ECDH, receiver_rank=0, broadcast_result=True,
            ecdh_params=psi.EcdhParams(curve=getattr(psi.EllipticCurveType, s["curve"]))),
        input_params=psi.InputParams(path=s["input"], selected_keys=["id"], keys_unique=True),
        output_params=psi.OutputParams(path=s["output"]))
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    result = psi.psi_execute(config, link)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    sent = link.get_stats().sent_bytes if hasattr(link, "get_stats") else None
    link.stop_link()
    return {
        "seconds": seconds,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak": after.ru_maxrss * 1024,
        "sent": sent,
        "common": result.intersection_count,
    }


peer.main(play)
