//! Every check of a response at the ranks above 0.

mod parties;

use parties::{edit, lr_offer, psi_offer};
use symbolon_dialect::{DealerDialect, Dialect, ResponseStyle};
use symbolon_handshake::{
    HandshakeError, LrOffer, LrPlan, LrRequest, Optimizer, PsiOffer, PsiPlan, PsiRequest, Purpose, ResultTo,
    negotiate_lr, negotiate_psi,
};
use symbolon_prg::Cipher;
use symbolon_wire::{
    algos::{LrDataIoResult, LrHyperparamsResult, PsiDataIoProposal, PsiDataIoResult, SgdOptimizer},
    common::ResponseHeader,
    handshake::HandshakeResponse,
    op::SigmoidParamsResult,
    pack_any,
    protocol::{EccProtocolResult, SsProtocolResult, TripleConfigResult},
};

/// What rank 1 says to a response that was changed on the way.
fn lr_with(
    dialect: &Dialect,
    own: &LrOffer,
    change: impl FnOnce(&mut HandshakeResponse),
) -> Result<LrPlan, HandshakeError> {
    let request = own.to_request(1, dialect).expect("a request");
    let request = LrRequest::try_from(request).expect("a request");
    let mut rank_0 = lr_offer(2, !own.has_label);
    (rank_0.purpose, rank_0.epochs) = (own.purpose, own.epochs);
    let plan = negotiate_lr(&rank_0, &[request], dialect).expect("a plan");
    let mut response = plan.to_response().expect("a response");
    change(&mut response);
    LrPlan::from_response(&response, own, 1, 2, dialect)
}

fn lr(change: impl FnOnce(&mut HandshakeResponse)) -> Result<LrPlan, HandshakeError> {
    lr_with(&Dialect::symbolon(), &lr_offer(3, false), change)
}

fn psi_with(own: &PsiOffer, change: impl FnOnce(&mut HandshakeResponse)) -> Result<PsiPlan, HandshakeError> {
    let dialect = Dialect::symbolon();
    let request = PsiRequest::try_from(own.to_request(1).expect("a request")).expect("a request");
    let rank_0 = PsiOffer { items: 24, ..own.clone() };
    let plan = negotiate_psi(&rank_0, &[request], &dialect).expect("a plan");
    let mut response = plan.to_response().expect("a response");
    change(&mut response);
    PsiPlan::from_response(&response, own, 1, 2, &dialect)
}

fn psi(change: impl FnOnce(&mut HandshakeResponse)) -> Result<PsiPlan, HandshakeError> {
    psi_with(&psi_offer(30), change)
}

#[track_caller]
fn assert_incompatible<T: std::fmt::Debug>(read: Result<T, HandshakeError>, expected: &str) {
    match read.expect_err("not offered") {
        HandshakeError::PeerIncompatible { peer: 0, item, .. } => assert_eq!(item, expected),
        other => panic!("{other}"),
    }
}

#[track_caller]
fn assert_misbehaved<T: std::fmt::Debug>(read: Result<T, HandshakeError>, expected: &str) {
    match read.expect_err("not allowed") {
        HandshakeError::PeerMisbehaved { peer: 0, item, .. } => assert_eq!(item, expected),
        other => panic!("{other}"),
    }
}

#[test]
fn both_styles_read_back_as_the_plan() {
    for dialect in parties::dialects() {
        let own = lr_offer(3, false);
        let read = lr_with(&dialect, &own, |_| ()).expect("a plan");
        assert_eq!((read.label_rank, read.features), (0, vec![2, 3]));
        let session = if dialect.response_style == ResponseStyle::Full { "session-1" } else { "" };
        assert_eq!((read.dealer.session_id.as_str(), read.dealer.version), (session, 2));
        assert_eq!(read.dialect, dialect);
    }
    let read = psi(|_| ()).expect("a plan");
    assert_eq!(read.items, [None, Some(30)], "a PsiDataIoResult has no size");
}

#[test]
fn refused_by_rank_0() {
    for code in [31_100_200, 31_100_203, -1, 5] {
        let header = ResponseHeader { error_code: code, error_msg: "no".into() };
        let response = HandshakeResponse { header: Some(header), ..Default::default() };
        let read = [
            lr(|r| *r = response.clone()).map(drop).expect_err("refused"),
            psi(|r| *r = response.clone()).map(drop).expect_err("refused"),
        ];
        for error in read {
            assert!(
                matches!(&error, HandshakeError::PeerRefused(error) if error.code == code && error.message == "no"),
                "{error}"
            );
        }
    }
    assert!(lr(|r| r.header = None).is_ok(), "an absent header reads as an empty one");
}

#[test]
fn another_algorithm_or_missing_parts() {
    assert_incompatible(lr(|r| r.algo = 1), "algorithm");
    assert_incompatible(psi(|r| r.algo = 2), "algorithm");
    assert_misbehaved(lr(|r| *r = HandshakeResponse { algo: 2, ..Default::default() }), "algo_param");
    assert_misbehaved(lr(|r| r.algo_param = r.io_param.clone()), "algo_param");
    assert_misbehaved(lr(|r| r.ops.clear()), "op_params");
    assert_misbehaved(lr(|r| r.ops[0] = 9), "op_params");
    assert_misbehaved(lr(|r| r.op_params[0] = pack_any(&PsiDataIoResult::default())), "op_params");
    assert_misbehaved(lr(|r| r.protocol_families.push(2)), "protocol_family_params");
    assert_misbehaved(lr(|r| r.io_param = None), "io_param");
    assert_misbehaved(psi(|r| r.io_param = r.protocol_family_params.pop()), "protocol_family_params");
    assert_misbehaved(psi(|r| r.io_param = None), "io_param");
    assert_misbehaved(psi(|r| r.io_param = Some(pack_any(&SgdOptimizer::default()))), "io_param");
    assert_misbehaved(psi(|r| r.ops.push(1)), "op_params");
}

#[test]
fn hyperparameters() {
    let algo = |change: fn(&mut LrHyperparamsResult)| {
        lr(|r| edit(r.algo_param.as_mut().expect("an algo_param"), change))
    };
    assert_incompatible(algo(|m| m.version = 2), "LrHyperparamsResult.version");
    assert_incompatible(algo(|m| m.optimizer_name = 6), "optimizer");
    assert_misbehaved(algo(|m| m.optimizer_param = None), "optimizer_param");
    for rate in [0.0, -0.1, f64::NAN, f64::INFINITY] {
        let read = lr(|r| {
            edit::<LrHyperparamsResult>(r.algo_param.as_mut().expect("an algo_param"), |m| {
                m.optimizer_param = Some(pack_any(&SgdOptimizer { learning_rate: rate }));
            });
        });
        assert_misbehaved(read, "learning rate");
    }
    assert_incompatible(algo(|m| m.last_batch_policy = 0), "policy for the last batch");
    assert_incompatible(algo(|m| m.l0_norm = 0.1), "L0 penalty");
    assert_incompatible(algo(|m| m.l1_norm = 0.1), "L1 penalty");
    assert_misbehaved(algo(|m| m.l2_norm = -0.5), "L2 penalty");
    assert_misbehaved(algo(|m| m.l2_norm = f64::NAN), "L2 penalty");
    assert_misbehaved(algo(|m| m.num_epoch = -1), "epochs");
    assert_incompatible(algo(|m| m.num_epoch = 0), "epochs");
    assert_misbehaved(algo(|m| m.batch_size = 0), "batch size");
    assert_misbehaved(algo(|m| m.batch_size = -4), "batch size");
    assert_misbehaved(algo(|m| m.batch_size = 13), "batch size");
    assert_eq!(algo(|m| m.l2_norm = 0.0).expect("a plan").l2, 0.0);

    let no_l2 = LrOffer { l2: 0.0, ..lr_offer(3, false) };
    let read = lr_with(&Dialect::symbolon(), &no_l2, |r| {
        edit::<LrHyperparamsResult>(r.algo_param.as_mut().expect("an algo_param"), |m| m.l2_norm = 0.5);
    });
    assert_incompatible(read, "L2 penalty");
}

#[test]
fn prediction_has_no_epochs() {
    let own = LrOffer { purpose: Purpose::Predict, epochs: 0, ..lr_offer(3, true) };
    let plan = lr_with(&Dialect::symbolon(), &own, |_| ()).expect("a plan");
    assert_eq!((plan.purpose, plan.epochs, plan.label_rank), (Purpose::Predict, 0, 1));
    let read = lr_with(&Dialect::symbolon(), &own, |r| {
        edit::<LrHyperparamsResult>(r.algo_param.as_mut().expect("an algo_param"), |m| m.num_epoch = 1);
    });
    assert_incompatible(read, "epochs");
}

#[test]
fn operator_and_family() {
    let op = |change: fn(&mut SigmoidParamsResult)| lr(|r| edit(&mut r.op_params[0], change));
    assert_incompatible(op(|m| m.version = 2), "SigmoidParamsResult.version");
    assert_incompatible(op(|m| m.sigmoid_mode = 2), "sigmoid mode");
    assert_incompatible(op(|m| m.sigmoid_mode = 0), "sigmoid mode");

    let family = |change: fn(&mut SsProtocolResult)| lr(|r| edit(&mut r.protocol_family_params[0], change));
    assert_incompatible(family(|m| m.version = 3), "SSProtocolResult.version");
    assert_incompatible(family(|m| m.protocol = 2), "secret-sharing protocol");
    assert_incompatible(family(|m| m.field_type = 3), "field");
    assert_incompatible(family(|m| m.field_type = 64), "field");
    assert_incompatible(family(|m| m.trunc_mode = None), "truncation mode");
    assert_incompatible(
        family(|m| m.trunc_mode.as_mut().expect("a mode").version = 2),
        "TruncationModeResult.version",
    );
    assert_incompatible(family(|m| m.trunc_mode.as_mut().expect("a mode").method = 2), "truncation mode");
    assert_incompatible(family(|m| m.prg_config.as_mut().expect("a generator").crypto_type = 2), "generator");
    assert_incompatible(
        family(|m| m.prg_config.as_mut().expect("a generator").version = 2),
        "PrgConfigResult.version",
    );
    assert_incompatible(family(|m| m.shard_serialize_format = 0), "serialisation of shares");
    assert_misbehaved(family(|m| m.fxp_fraction_bits = -1), "fraction bits");
    assert_misbehaved(family(|m| m.fxp_fraction_bits = 60), "fraction bits");

    assert_eq!(family(|m| m.prg_config = None).expect("a plan").prg, Cipher::Aes128);
    let sm4 = LrOffer { ciphers: vec![Cipher::Aes128, Cipher::Sm4], ..lr_offer(3, false) };
    let only_sm4 = LrOffer { ciphers: vec![Cipher::Sm4], ..sm4.clone() };
    let mut plan = lr_with(&Dialect::symbolon(), &sm4, |_| ()).expect("a plan");
    plan.prg = Cipher::Sm4;
    let mut response = plan.to_response().expect("a response");
    assert!(LrPlan::from_response(&response, &only_sm4, 1, 2, &Dialect::symbolon()).is_ok());
    edit::<SsProtocolResult>(&mut response.protocol_family_params[0], |m| m.prg_config = None);
    assert_incompatible(LrPlan::from_response(&response, &only_sm4, 1, 2, &Dialect::symbolon()), "generator");
}

#[test]
fn dealer() {
    fn triple(change: fn(&mut TripleConfigResult)) -> impl FnOnce(&mut HandshakeResponse) {
        move |r| {
            edit::<SsProtocolResult>(&mut r.protocol_family_params[0], |m| {
                change(m.triple_config.as_mut().expect("a dealer"));
            });
        }
    }
    let missing =
        lr(|r| edit::<SsProtocolResult>(&mut r.protocol_family_params[0], |m| m.triple_config = None));
    assert_misbehaved(missing, "triple_config");
    assert_incompatible(lr(triple(|m| m.sever_version = 3)), "version of the dealer's service");
    assert_incompatible(lr(triple(|m| m.sever_version = 0)), "version of the dealer's service");
    let read = lr(triple(|m| (m.sever_version, m.version) = (0, 2))).expect("a plan");
    assert_eq!(read.dealer.version, 2, "the reference's place for it");
    assert_misbehaved(lr(triple(|m| m.server_host = "a\nb".into())), "server_host");
    assert_misbehaved(lr(triple(|m| m.server_host = "x".repeat(1025))), "server_host");
    assert_misbehaved(lr(triple(|m| m.adjust_rank = 2)), "adjust_rank");
    assert_misbehaved(lr(triple(|m| m.adjust_rank = -1)), "adjust_rank");
    assert_misbehaved(lr(triple(|m| m.session_id.clear())), "session_id");
    assert_misbehaved(lr(triple(|m| m.session_id = "a/b".into())), "session_id");
    assert_misbehaved(lr(triple(|m| m.session_id = "a".repeat(65))), "session_id");
    assert_eq!(lr(triple(|m| m.session_id = "Az-_9".into())).expect("a plan").dealer.session_id, "Az-_9");

    // A dealer without sessions needs none; a response that cannot carry it is completed from the own one.
    let own = lr_offer(3, false);
    let spu = Dialect { dealer: DealerDialect::Spu, ..Dialect::symbolon() };
    assert!(lr_with(&spu, &own, triple(|m| m.session_id.clear())).is_ok());
    let mixed = Dialect { response_style: ResponseStyle::Reference, ..Dialect::symbolon() };
    assert_eq!(lr_with(&mixed, &own, |_| ()).expect("a plan").dealer.session_id, "session-1");
    let mut unset = own;
    unset.dealer.session_id.clear();
    assert_misbehaved(lr_with(&mixed, &unset, |_| ()), "session_id");
}

#[test]
fn tables() {
    let data =
        |change: fn(&mut LrDataIoResult)| lr(|r| edit(r.io_param.as_mut().expect("an io_param"), change));
    assert_incompatible(data(|m| m.version = 2), "LrDataIoResult.version");
    assert_misbehaved(data(|m| m.sample_size = 13), "sample_size");
    assert_misbehaved(data(|m| m.sample_size = -12), "sample_size");
    for change in [
        (|m| m.feature_nums = vec![2]) as fn(&mut LrDataIoResult),
        |m| m.feature_nums = vec![2, 3, 1],
        |m| m.feature_nums = vec![0, 3],
        |m| m.feature_nums = vec![-2, 3],
        |m| m.feature_nums = vec![3, 2],
    ] {
        assert_misbehaved(data(change), "feature_nums");
    }
    for change in
        [(|m| m.label_rank = 1) as fn(&mut LrDataIoResult), |m| m.label_rank = 2, |m| m.label_rank = -1]
    {
        assert_misbehaved(data(change), "label_rank");
    }
    let own = lr_offer(3, true);
    let read = lr_with(&Dialect::symbolon(), &own, |r| {
        edit::<LrDataIoResult>(r.io_param.as_mut().expect("an io_param"), |m| m.label_rank = 0);
    });
    assert_misbehaved(read, "label_rank");
}

#[test]
fn suites_and_receivers() {
    let ecc = |change: fn(&mut EccProtocolResult)| psi(|r| edit(&mut r.protocol_family_params[0], change));
    assert_incompatible(ecc(|m| m.version = 2), "EccProtocolResult.version");
    for change in [
        (|m| m.ec_suit = None) as fn(&mut EccProtocolResult),
        |m| m.ec_suit.as_mut().expect("a suite").curve = 2,
        |m| m.ec_suit.as_mut().expect("a suite").hash = 99,
        |m| m.ec_suit.as_mut().expect("a suite").hash2curve_strategy = 0,
        |m| m.point_octet_format = 2,
    ] {
        assert_incompatible(ecc(change), "suite");
    }
    assert_incompatible(ecc(|m| m.bit_length_after_truncated = 96), "bit_length_after_truncated");
    assert_eq!(ecc(|m| m.bit_length_after_truncated = 0).expect("a plan").truncate_bits, None);

    let io =
        |change: fn(&mut PsiDataIoResult)| psi(|r| edit(r.io_param.as_mut().expect("an io_param"), change));
    assert_incompatible(io(|m| m.version = 2), "PsiDataIoResult.version");
    assert_incompatible(io(|m| m.result_to_rank = 0), "receiver of the result");
    assert_misbehaved(io(|m| m.result_to_rank = 2), "result_to_rank");
    assert_misbehaved(io(|m| m.result_to_rank = -2), "result_to_rank");
    let negative = PsiDataIoProposal { item_num: -1, result_to_rank: -1, ..Default::default() };
    assert_misbehaved(psi(|r| r.io_param = Some(pack_any(&negative))), "item_num");
}

#[test]
fn shortened_points_keep_enough_bits() {
    let own = PsiOffer { truncate_bits: Some(50), result_to: ResultTo::Rank(1), ..psi_offer(1 << 20) };
    // 2^20 and 24 items: 20 + 5 + 30 bits, more than the 50 that were wished for, in whole bytes.
    let plan = psi_with(&own, |_| ()).expect("a plan");
    assert_eq!(plan.truncate_bits, Some(56));
    let bits = |bits: i32| {
        psi_with(&own, |r| {
            edit::<EccProtocolResult>(&mut r.protocol_family_params[0], |m| {
                m.bit_length_after_truncated = bits
            });
        })
    };
    assert_misbehaved(bits(49), "bit_length_after_truncated");
    assert_eq!(bits(50).expect("rank 0's size is not told").truncate_bits, Some(50));
    assert_eq!(bits(256).expect("all bits").truncate_bits, Some(256));
    assert_misbehaved(bits(257), "bit_length_after_truncated");
    assert_misbehaved(bits(-5), "bit_length_after_truncated");
    assert_misbehaved(bits(0x7fff_ffff), "bit_length_after_truncated");
    let whole = PsiOffer { truncate_bits: None, ..own.clone() };
    assert_eq!(psi_with(&whole, |_| ()).expect("a plan").truncate_bits, None);
}

#[test]
fn each_party_has_its_statistical_level() {
    let own = |level| PsiOffer {
        truncate_bits: Some(1),
        statistical_bits: level,
        result_to: ResultTo::Rank(1),
        ..psi_offer(1 << 20)
    };
    // 20 + 5 bits for 2^20 and 24 items.
    for (level, bits) in [(30, 56), (31, 56), (32, 64), (40, 72), (128, 160)] {
        assert_eq!(psi_with(&own(level), |_| ()).expect("a plan").truncate_bits, Some(bits), "{level}");
    }
    let bits = |level, bits: i32| {
        psi_with(&own(level), |r| {
            edit::<EccProtocolResult>(&mut r.protocol_family_params[0], |m| {
                m.bit_length_after_truncated = bits
            });
        })
    };
    // Rank 0 goes by the document; that is too little for a party with a higher level, and no mistake of rank 0.
    assert_eq!(bits(30, 56).expect("a plan").truncate_bits, Some(56));
    assert_eq!(bits(36, 56).expect("a plan").truncate_bits, Some(56));
    for (level, sent) in [(40, 56), (37, 56), (40, 50), (40, 59)] {
        match bits(level, sent).expect_err("too few") {
            HandshakeError::PolicyRefused { item: "bit_length_after_truncated", found, allowed } => {
                assert_eq!(found, sent.to_string());
                assert!(allowed.contains(&format!("at least {}", 20 + level)), "{allowed}");
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(bits(40, 60).expect("a plan").truncate_bits, Some(60));
    assert_misbehaved(bits(40, 49), "bit_length_after_truncated");
    assert_eq!(bits(128, -1).expect("whole points").truncate_bits, None);
}

#[test]
fn steps_as_fixed_point() {
    let mut plan = lr(|_| ()).expect("a plan");
    for (rate, batch, fraction_bits, units) in
        [(0.1, 4, 18, 6554.0), (0.1, 5, 18, 5243.0), (0.1, 4, 26, 1_677_722.0), (0.0001, 21, 18, 1.0)]
    {
        (plan.optimizer, plan.batch_size) = (Optimizer::Sgd { learning_rate: rate }, batch);
        plan.fraction_bits = fraction_bits;
        let (exact, effective) = plan.effective_step().expect("a step");
        assert_eq!(exact, rate / batch as f64);
        assert_eq!(effective * f64::from(1u32 << fraction_bits), units);
        assert_eq!(
            plan.step_is_coarse().expect("a step"),
            units == 1.0,
            "1.25 units become 1: off by a fifth"
        );
    }
    plan.optimizer = Optimizer::Sgd { learning_rate: 1e38 };
    assert!(matches!(plan.effective_step(), Err(HandshakeError::Config { item: "learning rate", .. })));
}
