//! Triples for a training, made ahead of time.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use symbolon_grpc::DealerClient;
use symbolon_handshake::{LrPlan, LrRunOffer, Plan, exchange_lr_run};
use symbolon_link::Channel;
use symbolon_prg::Seed;
use symbolon_ring::{Field, Ring};
use symbolon_semi2k::{Session, SessionSeeds};
use symbolon_triples::{AdjustRequest, Ahead, Corrections, Dealer, DealerError, Pending};

use crate::config::PartyConfig;
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::network::Party;
use crate::progress::Bar;
use crate::report::Report;
use crate::stored::{self, Records, Terms};

use super::offers::{self, Shape};
use super::session;
use super::train::terms;

/// Agrees on the training that `train` will do on the same tables, and makes its triples: writes the own seed and, at the
/// adjust rank, the dealer's corrections to `path`. No data is used beyond the number of rows and columns.
///
/// # Errors
/// [`Error::PeerRefused`] if there is no plan; what a peer, the dealer or the link does wrong; [`Error::OurFile`].
pub fn triples(
    party: &Party,
    channel: &Channel,
    config: &PartyConfig,
    data: &Dataset<'_>,
    path: &Path,
    report: &mut Report,
) -> Result<()> {
    let (start, before) = (Instant::now(), party.traffic());
    let shape = Shape { samples: data.rows(), features: data.width(), has_label: data.labels().is_some() };
    let offer = offers::training(config, &shape, None)?;
    let policy = offers::policy(config, &offer);
    let wanted = LrRunOffer { keep_masks: config.lr.keep_masks, triples: None };
    let (plan, run) = exchange_lr_run(channel, &offer, wanted, &policy, &config.dialect)?;
    report.plan(&Plan::Lr(plan.clone()))?;
    let seeds = SessionSeeds::random()?;
    let seed = seeds.dealer.clone();
    let dealer = session::interconnection(party, channel, config, &plan, run.keep_masks)?;
    dealer.create_session(&seed)?;
    let job = Job { channel, plan: &plan, dealer: &dealer, path };
    let terms = terms(&plan, run.keep_masks, channel.rank());
    match plan.field {
        Field::Ring32 => job.run::<u32>(seeds, &seed, &terms),
        Field::Ring64 => job.run::<u64>(seeds, &seed, &terms),
        Field::Ring128 => job.run::<u128>(seeds, &seed, &terms),
    }?;
    report.phase("triples", start, before, party.traffic());
    Ok(())
}

struct Job<'a> {
    channel: &'a Channel,
    plan: &'a LrPlan,
    dealer: &'a DealerClient,
    path: &'a Path,
}

impl Job<'_> {
    fn run<R: Ring>(&self, seeds: SessionSeeds, seed: &Seed, terms: &Terms) -> Result<()> {
        // The session is opened for its set-up alone: all parties are there, and have told the dealer their seeds.
        let is_adjust_rank = self.channel.rank() == terms.adjust_rank;
        let config = session::session_config(self.plan);
        let mut session = Session::<R>::establish(self.channel.clone(), config, seeds, |_| {
            Ok(is_adjust_rank.then(|| Box::new(NotAsked) as Box<dyn Dealer<R>>))
        })?;
        if is_adjust_rank {
            stored::write(self.path, seed, terms, |records| self.fetch(&mut session, terms, records))?;
            if let Err(failure) = self.dealer.delete_session() {
                // The dealer forgets an idle session by itself.
                tracing::warn!("{failure}");
            }
        }
        // Nobody keeps a file without that of the adjust rank.
        self.channel.broadcast(terms.adjust_rank, is_adjust_rank.then(|| Bytes::from_static(b"triples")))?;
        if !is_adjust_rank {
            stored::write(self.path, seed, terms, |_| Ok(()))?;
        }
        Ok(())
    }

    /// Asks for one correction after the other, a bounded number of them under way, and writes them down.
    fn fetch<R: Ring>(
        &self,
        session: &mut Session<R>,
        terms: &Terms,
        records: &mut Records<'_>,
    ) -> Result<()> {
        let train_plan = session::train_plan(self.plan)?;
        let bar = Bar::counting("triples", "corrections");
        // Two products a step, but one in the first; with the dealer's truncations a few more.
        let about = train_plan.steps().saturating_mul(2).saturating_sub(1);
        let limits = Ahead::default();
        let mut dealer = self.dealer.clone();
        let mut under_way: VecDeque<(AdjustRequest, Pending<R>)> = VecDeque::new();
        let (mut bytes, mut done) = (0_u64, 0);
        let size = |request: &AdjustRequest| request.op.correction_bytes(R::FIELD);
        let mut finish = |(request, pending): (AdjustRequest, Pending<R>)| {
            let corrections = pending().map_err(|failure| {
                Error::PeerUnreachable(format!("the correction of {}: {failure}", request.op))
            })?;
            done += 1;
            bar.at(done, about.max(done));
            records.push(&request, corrections)
        };
        for request in symbolon_lr::training_requests(session, &train_plan, terms.keep_masks)? {
            let request = request?;
            while under_way.len() >= limits.max_requests
                || (!under_way.is_empty() && bytes.saturating_add(size(&request)) > limits.max_bytes)
            {
                let Some(oldest) = under_way.pop_front() else { break };
                bytes -= size(&oldest.0);
                finish(oldest)?;
            }
            bytes += size(&request);
            under_way.push_back((request.clone(), dealer.start(request)));
        }
        under_way.into_iter().try_for_each(finish)
    }
}

/// The dealer of a session that draws nothing.
struct NotAsked;

impl<R: Ring> Dealer<R> for NotAsked {
    fn adjust(&mut self, request: &AdjustRequest) -> Result<Corrections<R>, DealerError> {
        Err(DealerError::Network(format!("{} is not drawn when triples are made ahead", request.op)))
    }
}
