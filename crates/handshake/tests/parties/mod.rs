//! Offers of well-behaved parties, to start from.
#![allow(dead_code)]

use symbolon_dialect::Dialect;
use symbolon_handshake::{
    DealerPlan, EcSuite, LrOffer, Optimizer, Protocol, PsiOffer, Purpose, ResultTo, SigmoidMode, Truncation,
};
use symbolon_prg::Cipher;
use symbolon_ring::Field;
use symbolon_wire::{Any, Message, Name, pack_any, unpack_any};

/// A party with 12 rows and `features` columns.
pub(crate) fn lr_offer(features: u32, has_label: bool) -> LrOffer {
    LrOffer {
        purpose: Purpose::Train,
        samples: 12,
        features,
        has_label,
        optimizer: Optimizer::Sgd { learning_rate: 0.1 },
        epochs: 2,
        batch_size: 4,
        l2: 0.5,
        sigmoids: vec![SigmoidMode::Minimax1],
        protocols: vec![Protocol::Semi2k],
        fields: vec![Field::Ring64],
        truncations: vec![Truncation::Probabilistic],
        ciphers: vec![Cipher::Aes128],
        fraction_bits: 18,
        dealer: DealerPlan {
            host: "dealer.example:9449".into(),
            session_id: "session-1".into(),
            adjust_rank: 0,
            version: 2,
        },
        other_dealer_versions: vec![],
    }
}

/// A party with `items` ids that offers Curve25519.
pub(crate) fn psi_offer(items: u64) -> PsiOffer {
    PsiOffer {
        items,
        suites: vec![EcSuite::CURVE25519_SHA256_DIRECT],
        truncate_bits: None,
        statistical_bits: *PsiOffer::STATISTICAL_BITS.start(),
        result_to: ResultTo::All,
    }
}

/// The document's responses and refusals, and those of the reference.
pub(crate) fn dialects() -> [Dialect; 2] {
    [Dialect::symbolon(), Dialect::reference()]
}

/// Changes the message inside an `Any`.
pub(crate) fn edit<M: Message + Name + Default>(any: &mut Any, change: impl FnOnce(&mut M)) {
    let mut message: M = unpack_any(any).expect("the message of that type");
    change(&mut message);
    *any = pack_any(&message);
}
