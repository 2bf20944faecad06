//! The intersection.

use std::time::Instant;

use symbolon_curve::SecretScalar;
use symbolon_handshake::{EcSuite, Plan, PsiOffer, PsiPlan, PsiPolicy, exchange_psi};
use symbolon_link::Channel;
use symbolon_psi::{Duplicates as PsiDuplicates, PsiParams};

use crate::config::{Duplicates, PartyConfig, ResultTo};
use crate::error::{Error, Result};
use crate::network::Party;
use crate::progress::Bar;
use crate::report::Report;
use crate::table::Table;

/// The ids that take part in an intersection, and the rows of the table that they stand for.
pub struct Items {
    ids: Vec<Vec<u8>>,
    /// The row of each id, if not every row takes part.
    rows: Option<Vec<usize>>,
}

impl Items {
    /// The ids of `table`, treated as the configuration says if some occur twice.
    ///
    /// # Errors
    /// [`Error::OurTable`] if the id column is missing, an id is empty, or ids repeat that must not.
    pub fn of(table: &Table, config: &PartyConfig, report: &mut Report) -> Result<Self> {
        let mut ids = table.ids(&config.data.id)?;
        match config.psi.duplicates {
            Duplicates::Refuse => {
                table.check_unique(&config.data.id)?;
                Ok(Self { ids, rows: None })
            }
            Duplicates::First => {
                let rows = table.first_of_each(&config.data.id)?;
                let left_out = ids.len() - rows.len();
                if left_out == 0 {
                    return Ok(Self { ids, rows: None });
                }
                report.warn(format!("{left_out} rows repeat the id of a row above them and are left out"));
                ids = rows.iter().filter_map(|&row| ids.get_mut(row).map(std::mem::take)).collect();
                Ok(Self { ids, rows: Some(rows) })
            }
        }
    }

    fn row(&self, item: usize) -> Option<usize> {
        self.rows.as_ref().map_or(Some(item), |rows| rows.get(item).copied())
    }
}

/// Intersects the own ids with the peer's. Returns the rows of the own table that both have, in an order
/// common to both parties, or `None` if the plan gives the result to the other party alone.
///
/// # Errors
/// [`Error::PeerRefused`] if there is no plan; what the peer or the link does wrong.
pub fn intersect(
    party: &Party,
    channel: &Channel,
    config: &PartyConfig,
    items: &Items,
    report: &mut Report,
) -> Result<Option<Vec<usize>>> {
    let (start, before) = (Instant::now(), party.traffic());
    let bar = Bar::counting("intersection", "ids");
    let suite = config.psi.suite;
    let suite = EcSuite::from_curve(suite)
        .ok_or_else(|| Error::Config(format!("psi.suite: the protocol has no number for {suite}")))?;
    let offer = PsiOffer {
        items: items.ids.len() as u64,
        suites: vec![suite],
        truncate_bits: config.psi.truncate_bits,
        result_to: match config.psi.result_to {
            ResultTo::All => symbolon_handshake::ResultTo::All,
            ResultTo::Rank(rank) => symbolon_handshake::ResultTo::Rank(rank),
        },
    };
    let plan = exchange_psi(channel, &offer, &PsiPolicy::exactly(&offer), &config.dialect)?;
    report.plan(&Plan::Psi(plan.clone()))?;
    tracing::info!(suite = %plan.suite, own_items = items.ids.len(), "intersection agreed");

    let params = params(&plan, channel.rank(), config)?;
    let secret = SecretScalar::random(params.suite.curve)?;
    let outcome = symbolon_psi::run(channel, &params, &items.ids, secret, &mut |progress| {
        // Each id is masked here once, and the peer's once more.
        let peer = progress.peer_items.unwrap_or(progress.own_items);
        bar.at(progress.own_masked + progress.peer_masked, progress.own_items + peer);
    })?;
    let Some(common) = outcome.indices else {
        tracing::info!(peer_items = outcome.peer_items, "the intersection is for the other party alone");
        report.phase("psi", start, before, party.traffic());
        return Ok(None);
    };
    let rows: Option<Vec<usize>> = common.iter().map(|&item| items.row(item)).collect();
    let rows = rows.ok_or_else(|| Error::Ours("the intersection names a row that does not exist".into()))?;
    tracing::info!(common = rows.len(), peer_items = outcome.peer_items, "intersection found");
    report.intersection = Some(rows.len());
    report.phase("psi", start, before, party.traffic());
    Ok(Some(rows))
}

fn params(plan: &PsiPlan, rank: usize, config: &PartyConfig) -> Result<PsiParams> {
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
    params.duplicates = PsiDuplicates::Refuse;
    params.peer_items =
        plan.items.iter().enumerate().find(|(peer, _)| *peer != rank).and_then(|(_, items)| *items);
    if let Some(batch_size) = config.psi.batch_size {
        params.batch_size = batch_size;
    }
    Ok(params)
}
