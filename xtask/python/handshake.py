"""The handshake for SS-LR as the reference implementation conducts it, over SPU's link."""

from google.protobuf.any_pb2 import Any
from interconnection.handshake import entry_pb2 as entry
from interconnection.handshake.algos import lr_pb2, optimizer_pb2
from interconnection.handshake.op import sigmoid_pb2
from interconnection.handshake.protocol_family import ss_pb2

FIELDS = {32: ss_pb2.FIELD_TYPE_32, 64: ss_pb2.FIELD_TYPE_64, 128: ss_pb2.FIELD_TYPE_128}
DEALER_VERSION = 2


def packed(message):
    out = Any()
    out.Pack(message)
    return out


def unpacked(item, kind):
    message = kind()
    assert item.Unpack(message), f"{item.type_url} instead of {kind.DESCRIPTOR.full_name}"
    return message


def agree(link, s):
    """Agrees with the other party. Returns what both now know, as a dictionary."""
    return decide(link, s) if link.rank == 0 else ask(link, s)


def ask(link, s):
    """Rank 1: proposes, and takes what rank 0 decides."""
    request = entry.HandshakeRequest(version=2, requester_rank=link.rank)
    request.supported_algos.append(entry.ALGO_TYPE_SS_LR)
    request.algo_params.append(packed(lr_pb2.LrHyperparamsProposal(
        supported_versions=[1], optimizers=[optimizer_pb2.OPTIMIZER_SGD],
        last_batch_policies=[lr_pb2.LAST_BATCH_POLICY_DISCARD], use_l2_norm=s["l2"] != 0)))
    request.ops.append(entry.OP_TYPE_SIGMOID)
    request.op_params.append(packed(sigmoid_pb2.SigmoidParamsProposal(
        supported_versions=[1], sigmoid_modes=[sigmoid_pb2.SIGMOID_MODE_MINIMAX_1])))
    request.protocol_families.append(entry.PROTOCOL_FAMILY_SS)
    request.protocol_family_params.append(packed(ss_pb2.SSProtocolProposal(
        supported_versions=[1], supported_protocols=[ss_pb2.PROTOCOL_KIND_SEMI2K], field_types=[FIELDS[s["bits"]]],
        trunc_modes=[ss_pb2.TruncationModeProposal(supported_versions=[1], method=ss_pb2.TRUNC_MODE_PROBABILISTIC)],
        prg_configs=[ss_pb2.PrgConfigProposal(supported_versions=[1], crypto_type=ss_pb2.CRYPTO_TYPE_AES128_CTR)],
        shard_serialize_formats=[ss_pb2.SHARED_SERIALIZE_FORMAT_RAW],
        triple_configs=[ss_pb2.TripleConfigProposal(supported_versions=[1], sever_version=DEALER_VERSION)])))
    # The reference leaves the versions of this one unset.
    request.io_param.Pack(lr_pb2.LrDataIoProposal(
        sample_size=len(s["features"]), feature_num=len(s["features"][0]), has_label=s["labels"] is not None))
    link.send_async(0, request.SerializeToString())

    response = entry.HandshakeResponse.FromString(link.recv(0))
    header = response.header
    assert header.error_code == 0, f"refused with {header.error_code}: {header.error_msg}"
    assert response.algo == entry.ALGO_TYPE_SS_LR and list(response.ops) == [entry.OP_TYPE_SIGMOID]
    assert list(response.protocol_families) == [entry.PROTOCOL_FAMILY_SS]
    lr = unpacked(response.algo_param, lr_pb2.LrHyperparamsResult)
    sgd = unpacked(lr.optimizer_param, optimizer_pb2.SgdOptimizer)
    sigmoid = unpacked(response.op_params[0], sigmoid_pb2.SigmoidParamsResult)
    assert sigmoid.sigmoid_mode == sigmoid_pb2.SIGMOID_MODE_MINIMAX_1
    ss = unpacked(response.protocol_family_params[0], ss_pb2.SSProtocolResult)
    assert ss.protocol == ss_pb2.PROTOCOL_KIND_SEMI2K and ss.field_type == FIELDS[s["bits"]]
    assert ss.trunc_mode.method == ss_pb2.TRUNC_MODE_PROBABILISTIC
    assert ss.triple_config.version == DEALER_VERSION, "the reference checks the dealer's version here"
    io = unpacked(response.io_param, lr_pb2.LrDataIoResult)
    assert io.sample_size == len(s["features"]), "sample_size"
    assert io.feature_nums[link.rank] == len(s["features"][0]), "feature_nums"
    assert (io.label_rank == link.rank) == (s["labels"] is not None), "label_rank"
    return {
        "learning_rate": sgd.learning_rate, "epochs": lr.num_epoch, "batch": lr.batch_size, "l2": lr.l2_norm,
        "fraction_bits": ss.fxp_fraction_bits, "features": list(io.feature_nums), "label_rank": io.label_rank,
        "dealer": {"host": ss.triple_config.server_host, "adjust_rank": ss.triple_config.adjust_rank},
    }


def decide(link, s):
    """Rank 0: takes the proposal, and answers with its own numbers."""
    request = entry.HandshakeRequest.FromString(link.recv(1))
    assert request.version == 2 and request.requester_rank == 1, "version or rank"
    assert entry.ALGO_TYPE_SS_LR in request.supported_algos and entry.OP_TYPE_SIGMOID in request.ops
    proposal = unpacked(request.algo_params[0], lr_pb2.LrHyperparamsProposal)
    assert optimizer_pb2.OPTIMIZER_SGD in proposal.optimizers
    ss = unpacked(request.protocol_family_params[0], ss_pb2.SSProtocolProposal)
    assert FIELDS[s["bits"]] in ss.field_types and ss_pb2.PROTOCOL_KIND_SEMI2K in ss.supported_protocols
    assert ss_pb2.SHARED_SERIALIZE_FORMAT_RAW in ss.shard_serialize_formats
    assert DEALER_VERSION in [config.sever_version for config in ss.triple_configs]
    io = unpacked(request.io_param, lr_pb2.LrDataIoProposal)
    has_label = s["labels"] is not None
    assert io.sample_size == len(s["features"]) and io.has_label != has_label, "rows or labels"
    agreed = {
        "learning_rate": s["learning_rate"], "epochs": s["epochs"], "batch": s["batch"],
        "l2": s["l2"] if proposal.use_l2_norm else 0.0, "fraction_bits": s["fraction_bits"],
        "features": [len(s["features"][0]), io.feature_num], "label_rank": 0 if has_label else 1,
        "dealer": {"host": s["dealer"], "adjust_rank": s["adjust_rank"]},
    }

    response = entry.HandshakeResponse(algo=entry.ALGO_TYPE_SS_LR)
    response.header.SetInParent()
    hyper = lr_pb2.LrHyperparamsResult(
        version=1, optimizer_name=optimizer_pb2.OPTIMIZER_SGD, num_epoch=agreed["epochs"], batch_size=agreed["batch"],
        last_batch_policy=lr_pb2.LAST_BATCH_POLICY_DISCARD, l2_norm=agreed["l2"])
    hyper.optimizer_param.Pack(optimizer_pb2.SgdOptimizer(learning_rate=agreed["learning_rate"]))
    response.algo_param.Pack(hyper)
    response.ops.append(entry.OP_TYPE_SIGMOID)
    response.op_params.append(packed(
        sigmoid_pb2.SigmoidParamsResult(sigmoid_mode=sigmoid_pb2.SIGMOID_MODE_MINIMAX_1)))
    response.protocol_families.append(entry.PROTOCOL_FAMILY_SS)
    # As the reference: no version, no generator, no session.
    response.protocol_family_params.append(packed(ss_pb2.SSProtocolResult(
        protocol=ss_pb2.PROTOCOL_KIND_SEMI2K, field_type=FIELDS[s["bits"]],
        trunc_mode=ss_pb2.TruncationModeResult(version=1, method=ss_pb2.TRUNC_MODE_PROBABILISTIC),
        fxp_fraction_bits=agreed["fraction_bits"], shard_serialize_format=ss_pb2.SHARED_SERIALIZE_FORMAT_RAW,
        triple_config=ss_pb2.TripleConfigResult(
            version=DEALER_VERSION, server_host=s["dealer"], adjust_rank=s["adjust_rank"]))))
    response.io_param.Pack(lr_pb2.LrDataIoResult(
        version=1, sample_size=io.sample_size, feature_nums=agreed["features"], label_rank=agreed["label_rank"]))
    link.send_async(1, response.SerializeToString())
    return agreed
