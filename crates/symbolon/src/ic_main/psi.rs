//! ECDH_PSI.

use std::time::Instant;

use symbolon_curve::SecretScalar;
use symbolon_handshake::{Plan, PsiOffer, PsiPlan, PsiPolicy, exchange_psi};
use symbolon_psi::{Duplicates, PsiParams};

use super::settings::{PsiTask, Settings};
use super::table::Lines;
use super::{Given, finish};
use crate::error::{Error, Result};
use crate::network::Party;
use crate::output::check_writable;
use crate::progress::Bar;
use crate::report::Report;

/// Intersects the own table with the peer's and writes the common rows in the own order.
///
/// # Errors
/// Whatever keeps it from a complete result; nothing is written then.
pub(super) fn run(settings: &Settings, task: &PsiTask, given: Given, report: &mut Report) -> Result<()> {
    let table = Lines::read(&task.input, &task.fields)?;
    report.rows = table.ids.len();
    if let Some(output) = &task.output {
        check_writable(output)?;
    }
    let config = &settings.party;
    let party = Party::connect(config, report)?;
    let plan = if settings.handshake {
        let offer = PsiOffer {
            items: table.ids.len() as u64,
            suites: vec![task.suite],
            truncate_bits: task.truncate_bits,
            statistical_bits: *PsiOffer::STATISTICAL_BITS.start(),
            result_to: task.result_to,
        };
        // An empty set is no mistake to the reference.
        let policy = PsiPolicy { peer_items: 0..=1 << 40, ..PsiPolicy::exactly(&offer) };
        exchange_psi(&party.root(), &offer, &policy, &config.dialect)?
    } else {
        as_given(settings, task, table.ids.len())
    };
    report.plan(&Plan::Psi(plan.clone()))?;
    tracing::info!(suite = %plan.suite, own_items = table.ids.len(), "intersection agreed");

    let (start, before) = (Instant::now(), party.traffic());
    let suite = plan
        .suite
        .to_curve()
        .ok_or_else(|| Error::PeerRefused(format!("the agreed suite {} is not implemented", plan.suite)))?;
    let mut params = PsiParams::new(suite, &plan.dialect);
    params.result_to = match plan.result_to {
        symbolon_handshake::ResultTo::All => symbolon_psi::ResultTo::All,
        symbolon_handshake::ResultTo::Rank(rank) => symbolon_psi::ResultTo::Rank(rank),
    };
    params.truncate_bits = plan.truncate_bits;
    params.duplicates = Duplicates::AsGiven;
    params.peer_items = plan.items.get(1 - config.rank).copied().flatten();
    let bar = Bar::counting("intersection", "ids");
    let secret = match given.scalar {
        Some(scalar) => scalar,
        None => SecretScalar::random(suite.curve)?,
    };
    let outcome = symbolon_psi::run(&party.root(), &params, &table.ids, secret, &mut |progress| {
        let peer = progress.peer_items.unwrap_or(progress.own_items);
        bar.at(progress.own_masked + progress.peer_masked, progress.own_items + peer);
    })?;
    drop(bar);
    report.phase("psi", start, before, party.traffic());
    report.intersection = outcome.file_order.as_ref().map(Vec::len);
    tracing::info!(
        rank = config.rank,
        original_count = table.ids.len(),
        intersection_count = report.intersection,
        peer_items = outcome.peer_items,
        "intersection done"
    );
    finish(party, report)?;
    if let (Some(rows), Some(output)) = (outcome.file_order, &task.output) {
        table.write(output, &rows)?;
        report.wrote("intersection", output);
    }
    Ok(())
}

/// The plan without a handshake: what the settings say.
fn as_given(settings: &Settings, task: &PsiTask, own_items: usize) -> PsiPlan {
    let config = &settings.party;
    let items = |rank| (rank == config.rank).then_some(own_items as u64);
    PsiPlan {
        dialect: config.dialect.clone(),
        world_size: config.world_size(),
        suite: task.suite,
        truncate_bits: task.truncate_bits,
        result_to: task.result_to,
        items: (0..config.world_size()).map(items).collect(),
    }
}
