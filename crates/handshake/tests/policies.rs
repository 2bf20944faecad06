//! What the own offer and the own policy refuse.

mod parties;

use parties::{lr_offer, psi_offer};
use symbolon_dialect::{DealerDialect, Dialect};
use symbolon_handshake::{
    CurveType, EcSuite, HandshakeError, LrOffer, LrPlan, LrPolicy, LrRequest, Optimizer, Plan, PsiOffer,
    PsiPlan, PsiPolicy, PsiRequest, Purpose, ResultTo, SigmoidMode, TrustedDealer, negotiate_lr,
    negotiate_psi,
};
use symbolon_ring::Field;

fn lr_plan(rank_0: &LrOffer) -> LrPlan {
    let dialect = Dialect::symbolon();
    let request = lr_offer(3, false).to_request(1, &dialect).expect("a request");
    negotiate_lr(rank_0, &[LrRequest::try_from(request).expect("a request")], &dialect).expect("a plan")
}

fn psi_plan(rank_0: &PsiOffer) -> PsiPlan {
    let request =
        PsiRequest::try_from(PsiOffer { items: 30, ..rank_0.clone() }.to_request(1).expect("a request"));
    negotiate_psi(rank_0, &[request.expect("a request")], &Dialect::symbolon()).expect("a plan")
}

#[track_caller]
fn assert_refused(checked: Result<(), HandshakeError>, expected: &str) {
    match checked.expect_err("refused") {
        HandshakeError::PolicyRefused { item, .. } => assert_eq!(item, expected),
        other => panic!("{other}"),
    }
}

#[test]
fn the_own_numbers_exactly() {
    let policy = LrPolicy::exactly(&lr_offer(3, false));
    let offer = lr_offer(2, true);
    policy.check(&lr_plan(&offer)).expect("the same numbers");

    let changed = |change: fn(&mut LrOffer)| {
        let mut offer = lr_offer(2, true);
        change(&mut offer);
        policy.check(&lr_plan(&offer))
    };
    assert_refused(changed(|o| o.dealer.host = "evil.example:9449".into()), "dealer host");
    assert_refused(changed(|o| o.dealer.adjust_rank = 1), "adjust rank");
    assert_refused(changed(|o| o.fraction_bits = 17), "fraction bits");
    assert_refused(changed(|o| o.batch_size = 5), "batch size");
    assert_refused(changed(|o| o.epochs = 3), "epochs");
    assert_refused(changed(|o| o.optimizer = Optimizer::Sgd { learning_rate: 0.2 }), "learning rate");
    assert_refused(changed(|o| o.l2 = 0.25), "L2 penalty");
    changed(|o| o.l2 = 0.0).expect("a dropped penalty is accepted");
}

#[test]
fn wide_limits_still_have_an_end() {
    let policy = LrPolicy::within_limits(TrustedDealer::Host("dealer.example:9449".into()));
    let mut plan = lr_plan(&lr_offer(2, true));
    policy.check(&plan).expect("within limits");
    plan.dealer.adjust_rank = 1;
    policy.check(&plan).expect("any adjust rank");
    plan.dealer.host = "other.example:9449".into();
    assert_refused(policy.check(&plan), "dealer host");
    LrPolicy { dealer: TrustedDealer::Any, ..policy.clone() }
        .check(&plan)
        .expect("any dealer, by configuration");
    plan.dealer.host = "dealer.example:9449".into();
    plan.fraction_bits = 3;
    assert_refused(policy.check(&plan), "fraction bits");
    plan.fraction_bits = 18;
    plan.epochs = 100_001;
    assert_refused(policy.check(&plan), "epochs");
}

#[test]
fn a_hostile_host_is_printed_harmlessly() {
    let policy = LrPolicy::exactly(&lr_offer(3, false));
    let mut offer = lr_offer(2, true);
    offer.dealer.host = "\u{1b}[31mdealer".into();
    let error = policy.check(&lr_plan(&offer)).expect_err("another host");
    assert!(!error.to_string().contains('\u{1b}'), "{error:?}");
}

#[test]
fn sets_and_receivers() {
    let policy = PsiPolicy::exactly(&psi_offer(30));
    let plan = psi_plan(&psi_offer(24));
    policy.check(1, &plan).expect("permitted");
    assert_refused(policy.check(1, &psi_plan(&psi_offer(0))), "size of a peer's set");
    PsiPolicy { peer_items: 0..=24, ..policy.clone() }.check(1, &plan).expect("the own size does not count");
    assert_refused(
        PsiPolicy { peer_items: 0..=24, ..policy.clone() }.check(0, &plan),
        "size of a peer's set",
    );
    let to_one = PsiOffer { result_to: ResultTo::Rank(0), ..psi_offer(24) };
    assert_refused(policy.check(1, &psi_plan(&to_one)), "receiver of the result");
}

#[test]
fn offers_that_cannot_be_used() {
    let dialect = Dialect::symbolon();
    #[track_caller]
    fn assert_config(checked: Result<(), HandshakeError>, expected: &str) {
        match checked.expect_err("refused") {
            HandshakeError::Config { item, reason } => assert_eq!(item, expected, "{reason}"),
            other => panic!("{other}"),
        }
    }
    let changed = |change: fn(&mut LrOffer)| {
        let mut offer = lr_offer(2, true);
        change(&mut offer);
        offer.validate(0, 2, &Dialect::symbolon())
    };
    changed(|_| ()).expect("valid");
    assert_config(lr_offer(2, true).validate(2, 2, &dialect), "rank");
    assert_config(lr_offer(2, true).validate(0, 1, &dialect), "rank");
    assert_config(changed(|o| o.samples = 0), "samples");
    assert_config(changed(|o| o.samples = u64::MAX), "samples");
    assert_config(changed(|o| o.features = 0), "features");
    assert_config(changed(|o| o.features = u32::MAX), "features");
    assert_config(changed(|o| o.optimizer = Optimizer::Sgd { learning_rate: 0.0 }), "learning rate");
    assert_config(changed(|o| o.optimizer = Optimizer::Sgd { learning_rate: f64::NAN }), "learning rate");
    assert_config(changed(|o| o.l2 = -1.0), "L2 penalty");
    assert_config(changed(|o| o.l2 = f64::INFINITY), "L2 penalty");
    assert_config(changed(|o| o.epochs = 0), "epochs");
    assert_config(changed(|o| o.epochs = u64::MAX), "epochs");
    assert_config(changed(|o| o.purpose = Purpose::Predict), "epochs");
    assert_config(changed(|o| o.batch_size = 0), "batch size");
    assert_config(changed(|o| o.batch_size = 13), "batch size");
    assert_config(changed(|o| o.sigmoids.clear()), "sigmoid modes");
    assert_config(changed(|o| o.sigmoids.push(SigmoidMode::Taylor3)), "sigmoid modes");
    assert_config(changed(|o| o.protocols.clear()), "protocols");
    assert_config(changed(|o| o.fields.clear()), "fields");
    assert_config(changed(|o| o.truncations.clear()), "truncation modes");
    assert_config(changed(|o| o.ciphers.clear()), "ciphers");
    assert_config(changed(|o| o.fields.push(Field::Ring32)), "fraction bits");
    assert_config(changed(|o| o.dealer.adjust_rank = 2), "adjust rank");
    assert_config(changed(|o| o.dealer.version = 0), "dealer version");
    assert_config(changed(|o| o.other_dealer_versions = vec![-1]), "dealer version");
    assert_config(changed(|o| o.dealer.session_id = "a b".into()), "dealer session");
    assert_config(changed(|o| o.dealer.session_id.clear()), "dealer session");
    let mut offer = lr_offer(3, false);
    offer.dealer.session_id.clear();
    offer.validate(1, 2, &dialect).expect("rank 0 chooses the session");
    let spu = Dialect { dealer: DealerDialect::Spu, ..dialect };
    offer.validate(0, 2, &spu).expect("that dealer has no sessions");

    let changed = |change: fn(&mut PsiOffer)| {
        let mut offer = psi_offer(24);
        change(&mut offer);
        offer.validate(0, 2)
    };
    changed(|_| ()).expect("valid");
    assert_config(psi_offer(24).validate(3, 2), "rank");
    assert_config(changed(|o| o.items = u64::MAX), "items");
    assert_config(changed(|o| o.suites.clear()), "suites");
    assert_config(changed(|o| o.suites[0].curve = CurveType::Unspecified), "suites");
    assert_config(changed(|o| o.truncate_bits = Some(0)), "truncation");
    assert_config(changed(|o| o.truncate_bits = Some(257)), "truncation");
    assert_config(changed(|o| o.statistical_bits = 29), "statistical level");
    assert_config(changed(|o| o.statistical_bits = 129), "statistical level");
    changed(|o| o.statistical_bits = 128).expect("valid");
    assert_config(changed(|o| o.result_to = ResultTo::Rank(2)), "result rank");
}

#[test]
fn plans_in_reports() {
    let plan = serde_json::to_value(Plan::Lr(lr_plan(&lr_offer(2, true)))).expect("JSON");
    assert_eq!((&plan["algorithm"], &plan["field"]), (&"lr".into(), &64.into()));
    assert_eq!(
        (&plan["prg"], &plan["optimizer"]["sgd"]["learning-rate"]),
        (&"aes128-ctr".into(), &0.1.into())
    );
    assert_eq!((&plan["dialect"]["name"], &plan["world-size"]), (&"symbolon".into(), &2.into()));
    let plan = serde_json::to_value(Plan::Psi(psi_plan(&psi_offer(24)))).expect("JSON");
    assert_eq!((&plan["algorithm"], &plan["result-to"]), (&"psi".into(), &"all".into()));
    assert_eq!(plan["items"], serde_json::json!([24, 30]));
}

#[test]
fn suites_of_the_curve_crate() {
    use symbolon_curve::Suite;
    let suite = EcSuite::CURVE25519_SHA256_DIRECT;
    assert_eq!(suite.to_curve(), Some(Suite::CURVE25519_SHA256_DIRECT));
    for suite in [EcSuite::SM2_SHA256_REHASH, EcSuite::SM2_SM3_INCREMENT] {
        assert!(suite.to_curve().is_some());
    }
    assert_eq!(EcSuite { curve: CurveType::Ed25519, ..suite }.to_curve(), None);
}
