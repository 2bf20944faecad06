//! ECDH-PSI: a handshake, then the intersection.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};
use symbolon_curve::SecretScalar;
use symbolon_dialect::Dialect;
use symbolon_handshake::{EcSuite, PsiOffer, PsiPolicy, ResultTo, exchange_psi};
use symbolon_psi::{Duplicates, PsiParams};

use super::party::{LinkSettings, Party};
use super::{Failure, tell_middle};

#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    #[serde(flatten)]
    link: LinkSettings,
    /// A heading, then one id in each line.
    file: PathBuf,
    /// "25519" or "sm2".
    suite: String,
    /// -1 for both.
    result_to: i32,
    batch: usize,
}

pub(super) fn play(settings: &Settings) -> Result<Value, Failure> {
    let text = std::fs::read_to_string(&settings.file)?;
    let items: Vec<&str> = text.lines().skip(1).collect();
    let dialect = Dialect::spu();
    let party = Party::connect(&settings.link, &dialect)?;
    let channel = party.root();
    let offer = PsiOffer {
        items: u64::try_from(items.len())?,
        suites: vec![match settings.suite.as_str() {
            "sm2" => EcSuite::SM2_SHA256_REHASH,
            _ => EcSuite::CURVE25519_SHA256_DIRECT,
        }],
        truncate_bits: None,
        statistical_bits: *PsiOffer::STATISTICAL_BITS.start(),
        result_to: usize::try_from(settings.result_to).map_or(ResultTo::All, ResultTo::Rank),
    };
    let plan = exchange_psi(&channel, &offer, &PsiPolicy::exactly(&offer), &dialect)?;
    let suite = plan.suite.to_curve().ok_or("a suite without implementation")?;
    let mut params = PsiParams::new(suite, &plan.dialect);
    params.batch_size = settings.batch;
    params.duplicates = Duplicates::Refuse;
    params.result_to = match plan.result_to {
        ResultTo::All => symbolon_psi::ResultTo::All,
        ResultTo::Rank(rank) => symbolon_psi::ResultTo::Rank(rank),
    };
    params.truncate_bits = plan.truncate_bits;
    params.peer_items = plan.items.get(party.peer()).copied().flatten();
    let secret = SecretScalar::random(suite.curve)?;
    let mut told = false;
    let outcome = symbolon_psi::run(&channel, &params, &items, secret, &mut |progress| {
        if progress.own_masked > 0 && !told {
            told = true;
            tell_middle();
        }
    })?;
    party.finish()?;
    Ok(json!({ "rows": outcome.file_order, "peer_items": outcome.peer_items }))
}
