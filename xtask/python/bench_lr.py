"""One SPU party of SS-LR on columns in a file, timed from the first step to the last; programs are compiled before."""

import resource
import time

import engine
import lr_peer
import numpy as np
import peer


def play(s):
    link = peer.connect({**s, "numbered": True, "timeout": 600, "chunk": s["chunk"]})
    agreed = s["agreed"]
    features = np.fromfile(s["features"], np.float32).reshape(-1, agreed["features"][s["rank"]])
    labels = np.fromfile(s["labels"], np.float32) if agreed["label_rank"] == s["rank"] else None
    dealer, options = {"host": "", "adjust_rank": 0, "key": ""}, {}
    if s["dealer"]:
        with open(s["dealer_key"]) as file:
            dealer = {"host": s["dealer"], "adjust_rank": 0, "key": file.read()}
    else:
        options["beaver_type"] = "TrustedFirstParty"
    if s["best_flags"]:
        options |= {"experimental_disable_mmul_split": False, "experimental_disable_vectorization": False}
    spu_engine = engine.Engine(link, s["bits"], agreed["fraction_bits"], dealer, **options)
    training = lr_peer.Training(spu_engine, {**s, "features": features, "labels": labels, "draws": "ones-only"}, agreed)
    later = training.later_steps()
    steps = [training.plain_first_step(), *later[1:], *later * (agreed["epochs"] - 1)]
    link.barrier()
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    for step in steps:
        spu_engine.run(step)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    weights = training.reveal()
    link.stop_link()
    return {
        "seconds": seconds,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak": after.ru_maxrss * 1024,
        "weights": weights,
    }


peer.main(play)
