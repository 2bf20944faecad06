//! Every check of rank 0, with the code and text of both styles.

mod parties;

use parties::{edit, lr_offer, psi_offer};
use symbolon_dialect::{Dialect, RefusalStyle};
use symbolon_handshake::{
    Cause, EcSuite, LrOffer, LrRequest, PsiOffer, PsiRequest, Refusal, ResultTo, negotiate_lr, negotiate_psi,
};
use symbolon_prg::Cipher;
use symbolon_ring::Field;
use symbolon_wire::{
    ErrorCode, Message,
    algos::{LrDataIoProposal, LrHyperparamsProposal, PsiDataIoProposal, PsiDataIoResult},
    handshake::HandshakeRequest,
    op::SigmoidParamsProposal,
    pack_any,
    protocol::{EccProtocolProposal, SsProtocolProposal},
};

const REFUSED: ErrorCode = ErrorCode::HandshakeRefused;
const INVALID: ErrorCode = ErrorCode::InvalidRequest;
const PARAMS: ErrorCode = ErrorCode::UnsupportedParams;

/// What rank 0 says to a request of rank 1 that was changed on the way.
fn lr(own: &LrOffer, change: impl FnOnce(&mut HandshakeRequest)) -> Option<Refusal> {
    let mut request = lr_offer(3, false).to_request(1, &Dialect::symbolon()).expect("a request");
    change(&mut request);
    let request = LrRequest::decode(request.encode_to_vec().into());
    request.and_then(|request| negotiate_lr(own, &[request], &Dialect::symbolon())).err()
}

fn psi(own: &PsiOffer, change: impl FnOnce(&mut HandshakeRequest)) -> Option<Refusal> {
    let mut request = psi_offer(30).to_request(1).expect("a request");
    change(&mut request);
    let request = PsiRequest::decode(request.encode_to_vec().into());
    request.and_then(|request| negotiate_psi(own, &[request], &Dialect::symbolon())).err()
}

/// Checks cause, own code, and code and text in the reference's style.
#[track_caller]
fn assert_refusal(refusal: Option<Refusal>, cause: Cause, code: ErrorCode, reference: (ErrorCode, &str)) {
    let refusal = refusal.expect("refused");
    assert_eq!((refusal.cause, refusal.code), (cause, code), "{refusal}");
    assert!(!refusal.reason.is_empty());
    let own_text = refusal.reason.clone();
    let styled = refusal.in_style(RefusalStyle::Reference);
    let text = if reference.1.is_empty() { own_text.as_str() } else { reference.1 };
    assert_eq!((styled.code, styled.reason.as_str()), (reference.0, text));
    let header = styled.to_response().header.expect("a header");
    assert_eq!(header.error_code, i32::from(styled.code));
}

#[test]
fn an_unchanged_request_is_accepted() {
    assert_eq!(lr(&lr_offer(2, true), |_| ()), None);
    assert_eq!(psi(&psi_offer(24), |_| ()), None);
}

#[test]
fn malformed_and_foreign_messages() {
    let own = lr_offer(2, true);
    let malformed = LrRequest::decode(vec![0x08].into()).err();
    assert_refusal(malformed, Cause::Malformed, INVALID, (REFUSED, ""));
    let long = LrRequest::decode(vec![0; (1 << 20) + 1].into()).err();
    assert_refusal(long, Cause::Malformed, INVALID, (REFUSED, ""));
    for version in [0, 1, 3, -2] {
        let expected = (REFUSED, "handshake versions inconsistent");
        let refusal = lr(&own, |request| request.version = version);
        assert_refusal(refusal, Cause::Version, ErrorCode::UnsupportedVersion, expected);
        let refusal = psi(&psi_offer(24), |request| request.version = version);
        assert_refusal(refusal, Cause::Version, ErrorCode::UnsupportedVersion, expected);
    }
    // Another version may mean anything by its fields: nothing but the version is read.
    let future = LrRequest::decode(vec![0x08, 3, 0x1a, 1, 0xff].into()).err();
    assert_refusal(
        future,
        Cause::Version,
        ErrorCode::UnsupportedVersion,
        (REFUSED, "handshake versions inconsistent"),
    );
    for rank in [0, 2, -1, i32::MAX] {
        let refusal = lr(&own, |request| request.requester_rank = rank);
        assert_refusal(refusal, Cause::RequesterRank, INVALID, (REFUSED, ""));
        let refusal = psi(&psi_offer(24), |request| request.requester_rank = rank);
        assert_refusal(refusal, Cause::RequesterRank, INVALID, (REFUSED, ""));
    }
}

#[test]
fn another_algorithm() {
    let refusal = lr(&lr_offer(2, true), |request| *request = psi_offer(3).to_request(1).expect("a request"));
    let expected = (INVALID, "certain request has no lr algo params");
    assert_refusal(refusal, Cause::Algorithm, ErrorCode::UnsupportedAlgo, expected);
    let refusal = psi(&psi_offer(24), |request| {
        *request = lr_offer(3, false).to_request(1, &Dialect::symbolon()).expect("a request");
    });
    let expected = (INVALID, "certain request has no ecc params");
    assert_refusal(refusal, Cause::Algorithm, ErrorCode::UnsupportedAlgo, expected);
}

#[test]
fn lists_that_are_not_parallel() {
    let own = lr_offer(2, true);
    let algo = (INVALID, "certain request has no lr algo params");
    let op = (INVALID, "certain request has no op params");
    let family = (INVALID, "certain request has no ss params");
    assert_refusal(lr(&own, |r| r.algo_params.clear()), Cause::AlgorithmParameters, INVALID, algo);
    assert_refusal(lr(&own, |r| r.supported_algos.push(3)), Cause::AlgorithmParameters, INVALID, algo);
    assert_refusal(lr(&own, |r| r.op_params.clear()), Cause::OperatorParameters, INVALID, op);
    assert_refusal(lr(&own, |r| r.ops.clear()), Cause::OperatorParameters, INVALID, op);
    assert_refusal(lr(&own, |r| r.ops.insert(0, 9)), Cause::OperatorParameters, INVALID, op);
    assert_refusal(lr(&own, |r| r.protocol_family_params.clear()), Cause::FamilyParameters, INVALID, family);
    assert_refusal(lr(&own, |r| r.protocol_families = vec![1]), Cause::FamilyParameters, INVALID, family);

    let own = psi_offer(24);
    let family = (INVALID, "certain request has no ecc params");
    assert_refusal(psi(&own, |r| r.protocol_family_params.clear()), Cause::FamilyParameters, INVALID, family);
    assert_refusal(psi(&own, |r| r.protocol_families.clear()), Cause::FamilyParameters, INVALID, family);
    assert_refusal(psi(&own, |r| r.ops.push(1)), Cause::Malformed, INVALID, (REFUSED, ""));
    let two = |r: &mut HandshakeRequest| {
        r.algo_params.extend([pack_any(&PsiDataIoResult::default()), pack_any(&PsiDataIoResult::default())]);
    };
    assert_refusal(psi(&own, two), Cause::Malformed, INVALID, (REFUSED, ""));
}

#[test]
fn parameters_of_another_type() {
    let own = lr_offer(2, true);
    let wrong = pack_any(&PsiDataIoResult::default());
    let refusal = lr(&own, |r| r.algo_params[0] = wrong.clone());
    assert_refusal(
        refusal,
        Cause::AlgorithmParameters,
        INVALID,
        (INVALID, "certain request has no lr algo params"),
    );
    let refusal = lr(&own, |r| r.op_params[0] = wrong.clone());
    assert_refusal(
        refusal,
        Cause::OperatorParameters,
        INVALID,
        (INVALID, "certain request has no op params"),
    );
    let refusal = lr(&own, |r| r.protocol_family_params[0] = wrong.clone());
    assert_refusal(refusal, Cause::FamilyParameters, INVALID, (INVALID, "certain request has no ss params"));
    for io in [None, Some(wrong.clone())] {
        let refusal = lr(&own, |r| r.io_param = io.clone());
        let expected = (INVALID, "certain request has invalid io param");
        assert_refusal(refusal, Cause::DataParameters, INVALID, expected);
        let refusal = psi(&psi_offer(24), |r| r.io_param = io);
        let expected = (INVALID, "certain request has no psi io params");
        assert_refusal(refusal, Cause::DataParameters, INVALID, expected);
    }
    let refusal = psi(&psi_offer(24), |r| r.protocol_family_params[0] = wrong);
    assert_refusal(refusal, Cause::FamilyParameters, INVALID, (INVALID, "certain request has no ecc params"));
}

#[test]
fn parameters_of_another_version() {
    let own = lr_offer(2, true);
    let only_2 = || vec![2];
    let changes: [fn(&mut HandshakeRequest, Vec<i32>); 4] = [
        |r, v| edit::<LrHyperparamsProposal>(&mut r.algo_params[0], |m| m.supported_versions = v),
        |r, v| edit::<SigmoidParamsProposal>(&mut r.op_params[0], |m| m.supported_versions = v),
        |r, v| edit::<SsProtocolProposal>(&mut r.protocol_family_params[0], |m| m.supported_versions = v),
        |r, v| edit::<LrDataIoProposal>(r.io_param.as_mut().expect("io"), |m| m.supported_versions = v),
    ];
    for change in changes {
        let refusal = lr(&own, |r| change(r, only_2()));
        assert_refusal(refusal, Cause::ParameterVersion, PARAMS, (REFUSED, ""));
        assert_eq!(lr(&own, |r| change(r, vec![3, 1])), None);
        assert_eq!(lr(&own, |r| change(r, vec![])), None, "an empty list says nothing");
    }
    let refusal = psi(&psi_offer(24), |r| {
        edit::<EccProtocolProposal>(&mut r.protocol_family_params[0], |m| m.supported_versions = only_2());
    });
    assert_refusal(refusal, Cause::ParameterVersion, PARAMS, (REFUSED, ""));
}

/// Values that this version does not know, or none at all, beside nothing that fits.
#[test]
fn nothing_in_common() {
    let own = lr_offer(2, true);
    let algo = |change: fn(&mut LrHyperparamsProposal)| lr(&own, |r| edit(&mut r.algo_params[0], change));
    let expected = (PARAMS, "negotiate optimizer failed");
    assert_refusal(algo(|m| m.optimizers = vec![2, 99]), Cause::Optimizer, PARAMS, expected);
    let expected = (PARAMS, "negotiate last batch policy failed");
    assert_refusal(algo(|m| m.last_batch_policies = vec![0, 7]), Cause::LastBatch, PARAMS, expected);

    let sigmoid = lr(&own, |r| {
        edit::<SigmoidParamsProposal>(&mut r.op_params[0], |m| m.sigmoid_modes = vec![2]);
    });
    assert_refusal(sigmoid, Cause::Sigmoid, PARAMS, (PARAMS, "negotiate sigmoid mode failed"));

    let family =
        |change: fn(&mut SsProtocolProposal)| lr(&own, |r| edit(&mut r.protocol_family_params[0], change));
    for (change, cause, text) in [
        (
            (|m| m.supported_protocols = vec![2, 3]) as fn(&mut SsProtocolProposal),
            Cause::Protocol,
            "negotiate ss protocol failed",
        ),
        (|m| m.field_types = vec![1, 3, 64], Cause::Field, "negotiate filed type failed"),
        (
            |m| m.shard_serialize_formats = vec![2],
            Cause::ShareFormat,
            "negotiate shared serialize format failed",
        ),
        (|m| m.trunc_modes.clear(), Cause::Truncation, "negotiate trunc mode failed"),
        (|m| m.trunc_modes[0].method = 2, Cause::Truncation, "negotiate trunc mode failed"),
        (
            |m| m.trunc_modes[0].compatible_protocols = vec![2],
            Cause::Truncation,
            "negotiate trunc mode failed",
        ),
        (
            |m| m.trunc_modes[0].compatible_protocols = vec![77],
            Cause::Truncation,
            "negotiate trunc mode failed",
        ),
        (|m| m.trunc_modes[0].supported_versions = vec![2], Cause::Truncation, "negotiate trunc mode failed"),
        (|m| m.prg_configs[0].crypto_type = 2, Cause::Cipher, "negotiate PRG config failed"),
        (|m| m.prg_configs.clear(), Cause::Cipher, "negotiate PRG config failed"),
        (|m| m.triple_configs[0].sever_version = 3, Cause::Dealer, "negotiate TTP config failed"),
        (|m| m.triple_configs[0].supported_versions = vec![5], Cause::Dealer, "negotiate TTP config failed"),
    ] {
        assert_refusal(family(change), cause, PARAMS, (PARAMS, text));
    }
    assert_eq!(family(|m| m.trunc_modes[0].compatible_protocols = vec![2, 1]), None);
}

#[test]
fn tables_that_do_not_fit() {
    let own = lr_offer(2, true);
    let data = |own: &LrOffer, change: fn(&mut LrDataIoProposal)| {
        lr(own, |r| edit(r.io_param.as_mut().expect("io"), change))
    };
    for change in [(|m| m.sample_size = 10) as fn(&mut LrDataIoProposal), |m| m.sample_size = -12] {
        let expected = (REFUSED, "sample size inconsistent");
        assert_refusal(data(&own, change), Cause::Samples, REFUSED, expected);
    }
    for change in [(|m| m.feature_num = 0) as fn(&mut LrDataIoProposal), |m| m.feature_num = -3] {
        let expected = (INVALID, "certain request has invalid feature_num");
        assert_refusal(data(&own, change), Cause::Features, INVALID, expected);
    }
    let expected = (REFUSED, "more than one party have label");
    assert_refusal(data(&own, |m| m.has_label = true), Cause::ManyLabels, REFUSED, expected);
    assert_refusal(
        data(&lr_offer(2, false), |_| ()),
        Cause::NoLabel,
        INVALID,
        (INVALID, "no party has label"),
    );
    assert_eq!(data(&lr_offer(2, false), |m| m.has_label = true), None);
}

#[test]
fn suites_that_do_not_fit() {
    let own = psi_offer(24);
    let ecc =
        |change: fn(&mut EccProtocolProposal)| psi(&own, |r| edit(&mut r.protocol_family_params[0], change));
    for change in [
        (|m| m.ec_suits[0].curve = 2) as fn(&mut EccProtocolProposal),
        |m| m.ec_suits[0].hash = 1,
        |m| m.ec_suits[0].hash2curve_strategy = 44,
        |m| m.ec_suits.clear(),
    ] {
        assert_refusal(ecc(change), Cause::Suite, PARAMS, (REFUSED, "negotiate ec suits failed"));
    }
    for change in [(|m| m.point_octet_formats = vec![2, 9]) as fn(&mut EccProtocolProposal), |m| {
        m.point_octet_formats.clear()
    }] {
        let expected = (REFUSED, "negotiate point octet format failed");
        assert_refusal(ecc(change), Cause::PointFormat, PARAMS, expected);
    }
    let io =
        |change: fn(&mut PsiDataIoProposal)| psi(&own, |r| edit(r.io_param.as_mut().expect("io"), change));
    assert_refusal(io(|m| m.item_num = -1), Cause::Items, INVALID, (REFUSED, ""));
    for change in [(|m| m.result_to_rank = 0) as fn(&mut PsiDataIoProposal), |m| m.result_to_rank = -2] {
        let expected = (REFUSED, "negotiate result_to_rank failed");
        assert_refusal(io(change), Cause::ResultRank, REFUSED, expected);
    }
    let to_one = PsiOffer { result_to: ResultTo::Rank(1), ..psi_offer(24) };
    assert_eq!(psi(&to_one, |r| *r = to_one.to_request(1).expect("a request")), None);
}

#[test]
fn unknown_values_beside_known_ones_are_no_option() {
    let mut own = lr_offer(2, true);
    own.fields = vec![Field::Ring128, Field::Ring64];
    own.ciphers = vec![Cipher::Sm4, Cipher::Aes128];
    let refusal = lr(&own, |r| {
        edit::<SsProtocolProposal>(&mut r.protocol_family_params[0], |m| {
            m.field_types = vec![99, 2, -5];
            m.supported_protocols = vec![0, 1, 12];
            m.prg_configs.insert(
                0,
                symbolon_wire::protocol::PrgConfigProposal { supported_versions: vec![1], crypto_type: 31 },
            );
        });
        r.supported_algos.push(55);
        r.algo_params.push(pack_any(&PsiDataIoResult::default()));
        r.protocol_families.insert(0, 3);
        r.protocol_family_params.insert(0, pack_any(&PsiDataIoResult::default()));
    });
    assert_eq!(refusal, None);
    let own = PsiOffer {
        suites: vec![EcSuite::SM2_SM3_INCREMENT, EcSuite::CURVE25519_SHA256_DIRECT],
        ..psi_offer(1)
    };
    assert_eq!(psi(&own, |r| r.supported_algos.push(77)), None);
}
