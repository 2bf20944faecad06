"""The handshake: what rank 1 proposes, and what rank 0 answers, as messages for `protobuf.encode`.

An offer is what a party's configuration says. Two styles of filling the messages are in the field: "full" sets every
field that the documents ask for, "reference" leaves out what the reference implementation leaves out (errata E13,
E14, E17, E18) and has its own codes for refusals (E20). Lists in an offer are in the order of preference; rank 0's order decides.
"""

from .protobuf import ENUMS, number

REQUEST = "org.interconnection.v2.HandshakeRequest"
RESPONSE = "org.interconnection.v2.HandshakeResponse"
V2 = "org.interconnection.v2"
ALGOS, OP, PROTOCOL = f"{V2}.algos", f"{V2}.op", f"{V2}.protocol"
FIELD_TYPES = {32: 1, 64: 2, 128: 3}
CRYPTO_TYPES = {"aes-128": 1, "sm4": 2}
CODES = ENUMS["org.interconnection.ErrorCode"]
PSI, LR = number(f"{V2}.AlgoType", "ALGO_TYPE_ECDH_PSI"), number(f"{V2}.AlgoType", "ALGO_TYPE_SS_LR")
SIGMOID = number(f"{V2}.OpType", "OP_TYPE_SIGMOID")
ECC, SS = number(f"{V2}.ProtocolFamily", "PROTOCOL_FAMILY_ECC"), number(f"{V2}.ProtocolFamily", "PROTOCOL_FAMILY_SS")

# What both sides say when no one asked for another choice: SGD, discard the last partial batch, the one sigmoid,
# Semi2K, local truncation, raw serialisation. Each list holds version 1 of the thing where it has versions.


class Refused(Exception):
    """Rank 0 refuses: a name of `ErrorCode` and a text."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code, self.text = CODES[code], text


def any_of(package, name, **fields):
    return {"@type": f"{package}.{name}"} | fields


def present(**fields):
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def unless_reference(style, value):
    return None if style == "reference" else value


def lr_request(offer, rank, style):
    algorithm = any_of(ALGOS, "LrHyperparamsProposal", supported_versions=[1], optimizers=[1],
                       last_batch_policies=[1], use_l2_norm=offer["l2"] != 0)
    sharing = any_of(
        PROTOCOL, "SSProtocolProposal", supported_versions=[1], supported_protocols=[1],
        field_types=[FIELD_TYPES[bits] for bits in offer["fields"]],
        trunc_modes=[{"supported_versions": [1], "method": 1}],
        prg_configs=[{"supported_versions": [1], "crypto_type": CRYPTO_TYPES[c]} for c in offer["ciphers"]],
        shard_serialize_formats=[1],
        triple_configs=[{"supported_versions": [1], "sever_version": offer["dealer_version"]}])
    data = any_of(ALGOS, "LrDataIoProposal", **present(
        supported_versions=unless_reference(style, [1]), sample_size=offer["samples"],
        feature_num=offer["features"], has_label=offer["has_label"]))
    return {"version": 2, "requester_rank": rank, "supported_algos": [LR], "algo_params": [algorithm],
            "ops": [SIGMOID],
            "op_params": [any_of(OP, "SigmoidParamsProposal", supported_versions=[1], sigmoid_modes=[1])],
            "protocol_families": [SS], "protocol_family_params": [sharing], "io_param": data}


def first_common(own, other, code, text):
    for item in own:
        if item in other:
            return item
    raise Refused(code, text)


def lr_response(offers, style):
    """Rank 0's answer to rank 1's request, of the offers of both; or the refusal."""
    own, other = offers
    field = first_common(own["fields"], other["fields"], "UNSUPPORTED_PARAMS", "negotiate filed type failed")
    cipher = first_common(own["ciphers"], other["ciphers"], "UNSUPPORTED_PARAMS", "negotiate PRG config failed")
    if own["dealer_version"] != other["dealer_version"]:
        raise Refused("UNSUPPORTED_PARAMS", "negotiate TTP config failed")
    if own["samples"] != other["samples"]:
        raise Refused("HANDSHAKE_REFUSED", "sample size inconsistent")
    if own["has_label"] and other["has_label"]:
        raise Refused("HANDSHAKE_REFUSED", "more than one party have label")
    if not own["has_label"] and not other["has_label"]:
        raise Refused("INVALID_REQUEST", "no party has label")
    reference = style == "reference"
    l2 = own["l2"] if own["l2"] and other["l2"] else 0.0
    algorithm = any_of(
        ALGOS, "LrHyperparamsResult", version=1, optimizer_name=1,
        optimizer_param=any_of(ALGOS, "SgdOptimizer", learning_rate=own["learning_rate"]),
        num_epoch=own["epochs"], batch_size=own["batch_size"], last_batch_policy=1, l2_norm=l2)
    dealer = {"version": own["dealer_version"] if reference else 1, "server_host": own["dealer_host"]}
    dealer |= {} if reference else {"sever_version": own["dealer_version"], "session_id": own["session_id"]}
    dealer |= {"adjust_rank": own["adjust_rank"]}
    sharing = any_of(PROTOCOL, "SSProtocolResult", **present(
        version=unless_reference(style, 1), protocol=1, field_type=FIELD_TYPES[field],
        trunc_mode={"version": 1, "method": 1},
        prg_config=unless_reference(style, {"version": 1, "crypto_type": CRYPTO_TYPES[cipher]}),
        fxp_fraction_bits=own["fraction_bits"], shard_serialize_format=1, triple_config=dealer))
    sigmoid = any_of(OP, "SigmoidParamsResult", **present(version=unless_reference(style, 1), sigmoid_mode=1))
    data = any_of(ALGOS, "LrDataIoResult", version=1, sample_size=own["samples"],
                  feature_nums=[own["features"], other["features"]], label_rank=0 if own["has_label"] else 1)
    return {"header": {}, "algo": LR, "algo_param": algorithm, "ops": [SIGMOID], "op_params": [sigmoid],
            "protocol_families": [SS], "protocol_family_params": [sharing], "io_param": data}


def suite_message(suite):
    """(curve, hash, map) as numbers."""
    return {"curve": suite[0], "hash": suite[1], "hash2curve_strategy": suite[2]}


def psi_request(offer, rank, style):
    ecc = any_of(PROTOCOL, "EccProtocolProposal", supported_versions=[1],
                 ec_suits=[suite_message(suite) for suite in offer["suites"]], point_octet_formats=offer["formats"],
                 support_point_truncation=offer.get("truncation", False))
    data = any_of(ALGOS, "PsiDataIoProposal", supported_versions=[1], item_num=offer["items"],
                  result_to_rank=offer["result_to_rank"])
    return {"version": 2, "requester_rank": rank, "supported_algos": [PSI], "protocol_families": [ECC],
            "protocol_family_params": [ecc], "io_param": data}


def psi_response(offers, style):
    own, other = offers
    code = "HANDSHAKE_REFUSED" if style == "reference" else "UNSUPPORTED_PARAMS"
    suite = first_common(own["suites"], other["suites"], code, "negotiate ec suits failed")
    octets = first_common(own["formats"], other["formats"], code, "negotiate point octet format failed")
    if own["result_to_rank"] != other["result_to_rank"]:
        raise Refused("HANDSHAKE_REFUSED", "negotiate result_to_rank failed")
    ecc = any_of(PROTOCOL, "EccProtocolResult", **present(
        version=unless_reference(style, 1), ec_suit=suite_message(suite), point_octet_format=octets,
        bit_length_after_truncated=-1))
    if style == "reference":
        data = any_of(ALGOS, "PsiDataIoProposal", item_num=own["items"], result_to_rank=own["result_to_rank"])
    else:
        data = any_of(ALGOS, "PsiDataIoResult", version=1, result_to_rank=own["result_to_rank"])
    return {"header": {}, "algo": PSI, "protocol_families": [ECC], "protocol_family_params": [ecc], "io_param": data}


def refusal(refused):
    return {"header": {"error_code": refused.code, "error_msg": refused.text}}


def answer(respond, offers, style):
    """Rank 0's answer, agreement or refusal."""
    try:
        return respond(offers, style)
    except Refused as refused:
        return refusal(refused)
