//! ECDH-PSI.

use symbolon_handshake::{PsiOffer, PsiPolicy, ResultTo, exchange_psi};
use symbolon_link::Channel;
use symbolon_psi::{Duplicates, PsiParams, run};

use super::compare::Numbers;
use super::party::{self, Played};
use super::{Report, compare};
use crate::ConformanceError;
use crate::recording::{PsiOutcome, PsiParty, PsiRun, Recording, Side};

pub(super) fn replay(recording: &Recording, run: &PsiRun, rank: usize) -> Result<Report, ConformanceError> {
    let Some(Side::Psi(own)) = recording.parties.get(rank).map(|party| &party.side) else {
        return Err(ConformanceError::Recording(format!("no PSI party of rank {rank}")));
    };
    let Played { outcome, sent } =
        party::play(recording, rank, |channel| intersect(recording, run, own, channel))?;
    let outcome = judge(own, outcome);
    let (equal, mut differences) = compare::compare(recording, rank, &sent, Numbers::AnyOrder)?;
    let notes = party::notes(recording, rank, &mut differences);
    Ok(Report { id: recording.id.clone(), rank, equal, differences, dealer_requests: 0, outcome, notes })
}

/// The party's run: its intersection in the order of its file, or nothing when the other alone learns it.
fn intersect(
    recording: &Recording,
    run_params: &PsiRun,
    own: &PsiParty,
    channel: &Channel,
) -> Result<Option<Vec<String>>, String> {
    let result_to = match usize::try_from(own.result_to_rank) {
        Ok(rank) => ResultTo::Rank(rank),
        Err(_) => ResultTo::All,
    };
    let offer = PsiOffer {
        items: u64::try_from(own.ids.len()).map_err(|error| error.to_string())?,
        suites: vec![own.suite().map_err(|error| error.to_string())?],
        truncate_bits: None,
        statistical_bits: *PsiOffer::STATISTICAL_BITS.start(),
        result_to,
    };
    let plan = exchange_psi(channel, &offer, &PsiPolicy::exactly(&offer), &recording.dialect)
        .map_err(|error| party::failed(&error))?;
    let suite = plan.suite.to_curve().ok_or("Symbolon has no such suite")?;
    let secret = own.scalar().map_err(|error| error.to_string())?;
    let secret = secret.ok_or("the recording ends with a refusal, but the handshake succeeded")?;
    let mut params = PsiParams::new(suite, &recording.dialect);
    params.batch_size = run_params.batch_size;
    // The reference does not look for repetitions.
    params.duplicates = Duplicates::AsGiven;
    params.result_to = match plan.result_to {
        ResultTo::All => symbolon_psi::ResultTo::All,
        ResultTo::Rank(rank) => symbolon_psi::ResultTo::Rank(rank),
    };
    let outcome = run(channel, &params, &own.ids, secret, &mut |_| {}).map_err(|error| error.to_string())?;
    outcome
        .file_order
        .map(|rows| {
            rows.into_iter()
                .map(|row| own.ids.get(row).cloned().ok_or_else(|| format!("row {row} does not exist")))
                .collect()
        })
        .transpose()
}

fn judge(own: &PsiParty, outcome: Result<Option<Vec<String>>, String>) -> Result<(), String> {
    match (&own.outcome, outcome) {
        (PsiOutcome::Refused(recorded), Err(reason)) => party::judge_refusal(recorded, &reason),
        (PsiOutcome::Refused(_), Ok(_)) => Err("the recording ends with a refusal".into()),
        (_, Err(reason)) => Err(reason),
        (PsiOutcome::NotToldTo, Ok(None)) => Ok(()),
        (PsiOutcome::Intersection(recorded), Ok(Some(ours))) if *recorded == ours => Ok(()),
        (PsiOutcome::Intersection(recorded), Ok(Some(ours))) => {
            Err(format!("the intersection differs: {} ids, recorded {}", ours.len(), recorded.len()))
        }
        (PsiOutcome::NotToldTo, Ok(Some(_))) => Err("the party learned what it was not to be told".into()),
        (PsiOutcome::Intersection(_), Ok(None)) => Err("the party was not told the intersection".into()),
    }
}
