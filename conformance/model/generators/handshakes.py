"""Handshakes, and single requests with the code of their answer."""

import base64

from symbolon_model import handshake, protobuf
from symbolon_model.files import header

from .inputs import GENERATOR, MODEL, named, test


def handshakes():
    files = {}
    base = {"samples": 100, "features": 3, "has_label": True, "learning_rate": 0.1, "epochs": 2, "batch_size": 21,
            "l2": 0.5, "fields": [64], "fraction_bits": 18, "ciphers": ["aes-128"], "dealer_host": "dealer.example:9449",
            "adjust_rank": 0, "dealer_version": 1, "session_id": "session-1"}
    other = {"features": 5, "has_label": False}
    both = lambda **fields: ({**base, **fields}, {**base, **other, **fields})
    cases = [("as both want it", both()), ("without a penalty", both(l2=0.0)), ("label at rank 1",
             ({**base, "has_label": False}, {**base, **other, "has_label": True})), ("ring 32", both(fields=[32], fraction_bits=8)),
             ("ring 128, SM4", both(fields=[128], fraction_bits=26, ciphers=["sm4"])),
             ("rank 0's order decides", ({**base, "fields": [128, 64], "ciphers": ["sm4", "aes-128"]},
                                         {**base, **other, "fields": [64, 128, 32], "ciphers": ["aes-128", "sm4"]})),
             ("one ring in common", ({**base, "fields": [32, 64]}, {**base, **other, "fields": [128, 64]})),
             ("only rank 0 has a penalty", (base, {**base, **other, "l2": 0.0})),
             ("no ring in common", ({**base, "fields": [64]}, {**base, **other, "fields": [128]})),
             ("no cipher in common", (base, {**base, **other, "ciphers": ["sm4"]})),
             ("sizes differ", (base, {**base, **other, "samples": 99})), ("two labels", (base, {**base, **other, "has_label": True})),
             ("no label", ({**base, "has_label": False}, {**base, **other})),
             ("dealer versions differ", (base, {**base, **other, "dealer_version": 3})),
             ("large numbers", both(samples=2**40, epochs=10**6, batch_size=2**33))]
    groups = []
    for style in ("full", "reference"):
        chosen = [case for case in cases if style == "full" or "sm4" not in case[1][0]["ciphers"]]
        groups.append(handshake_group("ss-lr", style, chosen, handshake.lr_request, handshake.lr_response, lambda o: o))
    files["handshake/model_lr.json"] = groups
    suites = [(1, 11, 3), (2, 1, 1), (1, 1, 3), (2, 11, 1), (2, 1, 2), (2, 11, 2)]
    formats = {1: [1], 2: [2, 3, 4, 1]}
    base = lambda suite, **fields: {"items": 10, "suites": [suite], "formats": formats[suite[0]][:1],
                                    "result_to_rank": -1, **fields}
    cases = [(f"suite {suite}, format {form}", (base(suite, formats=[form]), base(suite, formats=[form], items=20)))
             for suite in suites for form in formats[suite[0]]]
    first, second = suites[:2]
    cases += [("result to rank 0", (base(first, result_to_rank=0),) * 2), ("result to rank 1", (base(first, result_to_rank=1),) * 2),
              ("an empty set", (base(first, items=0), base(first))),
              ("no suite in common", (base(first), base(second))),
              ("no format in common", (base(second, formats=[2]), base(second, formats=[3]))),
              ("results to other ranks", (base(first, result_to_rank=0), base(first, result_to_rank=1)))]
    groups = []
    for style in ("full", "reference"):
        groups.append(handshake_group("ecdh-psi", style, cases, handshake.psi_request, handshake.psi_response, named))
    files["handshake/model_psi.json"] = groups
    return {name: {"header": header(
        "handshake", "Handshakes of two parties: rank 1's request and rank 0's answer, as bytes and as text.", [MODEL],
        GENERATOR, ["PPCA 7-2023 (SS-LR)" if "lr" in name else "PPCA 9-2023 (ECDH-PSI)",
                    "handshake v2 of secretflow/interconnection at 09b0ecc"],
        {"offers": "by rank; lists in the order of preference", "request, response": "base64 of the protobuf messages",
         "request_text, response_text": "the same messages in the text form of Protocol Buffers",
         "style": "full: every field that the documents ask for; reference: as the reference fills them (errata E13, E14, "
         "E17, E18, E20)", "code, text": "of a refusal; the text binds nobody but in the reference's style"},
        {"Refused": "rank 0 refuses"}), "groups": groups} for name, groups in files.items()}


def handshake_group(algorithm, style, cases, request, respond, show):
    name, tests = f"handshake-{algorithm}-{style}", []
    for number, (comment, offers) in enumerate(cases, 1):
        asked = request(offers[1], 1, style)
        answered = handshake.answer(respond, offers, style)
        refused = "algo" not in answered
        extra = {"code": answered["header"]["error_code"], "text": answered["header"]["error_msg"]} if refused else {}
        encoded = lambda kind, message: base64.b64encode(protobuf.encode(kind, message)).decode()
        tests.append(test(
            name, number, "invalid" if refused else "valid", ["Refused"] if refused else [], comment=comment,
            offers=[show(offer) for offer in offers], request=encoded(handshake.REQUEST, asked),
            request_text=protobuf.text(handshake.REQUEST, asked), response=encoded(handshake.RESPONSE, answered),
            response_text=protobuf.text(handshake.RESPONSE, answered), **extra))
    return {"algorithm": algorithm, "style": style, "tests": tests}


def requests():
    """Requests of rank 1, good and bad, and the code with which rank 0 must answer."""
    lr_offers = {"samples": 100, "features": 3, "has_label": True, "learning_rate": 0.1, "epochs": 2, "batch_size": 21,
                 "l2": 0.5, "fields": [64], "fraction_bits": 18, "ciphers": ["aes-128"],
                 "dealer_host": "dealer.example:9449", "adjust_rank": 0, "dealer_version": 1, "session_id": "session-1"}
    psi_offers = {"items": 10, "suites": [(2, 1, 1)], "formats": [2], "result_to_rank": -1}
    lr_request = lambda: handshake.lr_request(lr_offers | {"features": 5, "has_label": False}, 1, "full")
    psi_request = lambda: handshake.psi_request(psi_offers | {"items": 20}, 1, "full")
    groups = []
    for algorithm, offer, request, shown in (("ss-lr", lr_offers, lr_request, lr_offers),
                                             ("ecdh-psi", psi_offers, psi_request, named(psi_offers))):
        tests, name = [], f"handshake-request-{algorithm}"
        lr_run = algorithm == "ss-lr"

        def add(comment, code, change=None, flags=(), tail=b"", cut=0):
            message = request()
            if change:
                change(message)
            data = protobuf.encode(handshake.REQUEST, message)
            data = (data + tail)[:len(data) + len(tail) - cut]
            flags = flags or (["Refused"] if code != "OK" else [])
            tests.append(test(name, len(tests) + 1, "valid" if code == "OK" else "invalid", flags, comment=comment,
                              request=base64.b64encode(data).decode(), code=handshake.CODES[code],
                              **({} if tail or cut else {"request_text": protobuf.text(handshake.REQUEST, message)})))

        def put(*path):
            """A change that sets the last of `path` at the place that the others lead to."""
            def change(message):
                for key in path[:-2]:
                    message = message[key]
                message[path[-2]] = path[-1]
            return change

        def drop(*path):
            def change(message):
                for key in path[:-1]:
                    message = message[key]
                del message[path[-1]]
            return change

        family, data = ("protocol_family_params", 0), ("io_param",)
        add("as it should be", "OK")
        add("an unknown field at the end", "OK", flags=["Unknown"], tail=protobuf.tagged(999, b"later versions"))
        add("an unknown field of another kind", "OK", flags=["Unknown"], tail=protobuf.varint(1000 << 3) + b"\x05")
        add("an unknown algorithm beside the known one", "OK", flags=["Unknown"],
            change=lambda m: (m["supported_algos"].append(77), m.get("algo_params", []) and m["algo_params"].append(m["io_param"])))
        add("a version that is too new", "UNSUPPORTED_VERSION", put("version", 3))
        add("no algorithm", "UNSUPPORTED_ALGO", lambda m: (m.pop("supported_algos"), m.pop("algo_params", None)))
        add("another algorithm", "UNSUPPORTED_ALGO", put("supported_algos", [3]))
        add("a message that is cut off", "INVALID_REQUEST", cut=3)
        add("no protocol family", "INVALID_REQUEST", lambda m: (m.pop("protocol_families"), m.pop("protocol_family_params")))
        add("a family without its parameters", "INVALID_REQUEST", drop("protocol_family_params"))
        add("family parameters of another type", "INVALID_REQUEST", lambda m: put("protocol_family_params", [m["io_param"]])(m))
        add("no description of the data", "INVALID_REQUEST", drop("io_param"))
        add("a description of another type", "INVALID_REQUEST", lambda m: put("io_param", m["protocol_family_params"][0])(m))
        add("family parameters in a version to come", "UNSUPPORTED_PARAMS", put(*family, "supported_versions", [2]))
        if lr_run:
            algo, op = ("algo_params", 0), ("op_params", 0)
            add("an unknown ring beside the known one", "OK", put(*family, "field_types", [9, 2]), ["Unknown"])
            add("an unknown optimizer beside the known one", "OK", put(*algo, "optimizers", [99, 1]), ["Unknown"])
            add("no parameters of the algorithm", "INVALID_REQUEST", drop("algo_params"))
            add("parameters of the algorithm of another type", "INVALID_REQUEST", lambda m: put("algo_params", [m["io_param"]])(m))
            add("no operator", "INVALID_REQUEST", lambda m: (m.pop("ops"), m.pop("op_params")))
            add("an operator without its parameters", "INVALID_REQUEST", drop("op_params"))
            add("another optimizer", "UNSUPPORTED_PARAMS", put(*algo, "optimizers", [2]))
            add("no optimizer", "UNSUPPORTED_PARAMS", drop(*algo, "optimizers"))
            add("another policy for the last batch", "UNSUPPORTED_PARAMS", put(*algo, "last_batch_policies", [0]))
            add("another sigmoid", "UNSUPPORTED_PARAMS", put(*op, "sigmoid_modes", [2]))
            add("another sharing", "UNSUPPORTED_PARAMS", put(*family, "supported_protocols", [2]))
            add("another ring", "UNSUPPORTED_PARAMS", put(*family, "field_types", [3]))
            add("another truncation", "UNSUPPORTED_PARAMS", put(*family, "trunc_modes", [{"supported_versions": [1], "method": 2}]))
            add("another cipher", "UNSUPPORTED_PARAMS", put(*family, "prg_configs", [{"supported_versions": [1], "crypto_type": 2}]))
            add("another serialisation", "UNSUPPORTED_PARAMS", put(*family, "shard_serialize_formats", [2]))
            add("another version of the dealer", "UNSUPPORTED_PARAMS",
                put(*family, "triple_configs", [{"supported_versions": [1], "sever_version": 7}]))
            add("another number of samples", "HANDSHAKE_REFUSED", put(*data, "sample_size", 101))
            add("a negative number of features", "INVALID_REQUEST", put(*data, "feature_num", -5))
            add("a second label", "HANDSHAKE_REFUSED", put(*data, "has_label", True))
        else:
            add("an unknown format beside the known one", "OK", put(*family, "point_octet_formats", [9, 2]), ["Unknown"])
            add("another curve", "UNSUPPORTED_PARAMS", put(*family, "ec_suits", [{"curve": 1, "hash": 1, "hash2curve_strategy": 1}]))
            add("another hash", "UNSUPPORTED_PARAMS", put(*family, "ec_suits", [{"curve": 2, "hash": 11, "hash2curve_strategy": 1}]))
            add("another map", "UNSUPPORTED_PARAMS", put(*family, "ec_suits", [{"curve": 2, "hash": 1, "hash2curve_strategy": 2}]))
            add("another point format", "UNSUPPORTED_PARAMS", put(*family, "point_octet_formats", [4]))
            add("no point format", "UNSUPPORTED_PARAMS", drop(*family, "point_octet_formats"))
            add("the result to another rank", "HANDSHAKE_REFUSED", put(*data, "result_to_rank", 1))
            add("a negative number of items", "INVALID_REQUEST", put(*data, "item_num", -1))
        groups.append({"algorithm": algorithm, "offer": shown, "tests": tests})
    return {"handshake/requests.json": {"header": header(
        "handshake-requests", "What rank 1 can ask, well and badly, and the code of rank 0's answer.", [MODEL], GENERATOR,
        ["PPCA 7-2023 (SS-LR)", "PPCA 9-2023 (ECDH-PSI)", "interconnection/common/header.proto at 09b0ecc (error codes)"],
        {"offer": "rank 0's configuration, alike for all tests of the group", "request": "base64 of the HandshakeRequest",
         "request_text": "the same as text, where it can be read at all",
         "code": "error_code of the response; 0: agreed. The documents name the codes, they do not assign causes to them: "
         "erratum E20 does"},
        {"Refused": "rank 0 refuses", "Unknown": "what a receiver does not know it must ignore"}), "groups": groups}}
