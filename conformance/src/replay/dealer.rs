//! The dealer of a recording.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use symbolon_prg::{Cipher, CounterStream, Seed};
use symbolon_ring::{Matrix, Ring};
use symbolon_triples::{AdjustRequest, Corrections, Dealer, DealerError, Limits, Op, adjust};

use crate::ConformanceError;
use crate::recording::{DealerExchange, Recording};

/// Answers as recorded, after checking that the request is the recorded one and that the arithmetic of
/// `symbolon-triples` gives the recorded reply.
pub(super) struct RecordedDealer {
    seeds: Vec<Seed>,
    construction: symbolon_dialect::Construction,
    exchanges: VecDeque<DealerExchange>,
    asked: Arc<Mutex<usize>>,
}

impl RecordedDealer {
    /// The dealer, and where it counts the requests that it has answered.
    pub(super) fn new(
        recording: &Recording,
        seeds: Vec<Seed>,
    ) -> Result<(Self, Arc<Mutex<usize>>), ConformanceError> {
        let asked = Arc::new(Mutex::new(0));
        let dealer = Self {
            seeds,
            construction: recording.dialect.dealer_stream,
            exchanges: recording.dealer.clone().into(),
            asked: Arc::clone(&asked),
        };
        Ok((dealer, asked))
    }
}

impl<R: Ring> Dealer<R> for RecordedDealer {
    fn adjust(&mut self, request: &AdjustRequest) -> Result<Corrections<R>, DealerError> {
        let wrong = |text: String| DealerError::PeerReply(text);
        let recorded =
            self.exchanges.pop_front().ok_or_else(|| wrong("more requests than recorded".into()))?;
        let dot = match request.op {
            Op::Dot { m, k, n } => (m, k, n),
            other => return Err(wrong(format!("{other:?} asked, {} recorded", recorded.operation))),
        };
        let draws: Vec<_> = request.inputs.iter().map(|input| (input.counter, input.bytes)).collect();
        let recorded_draws: Vec<_> = recorded.draws.iter().map(|draw| (draw.counter, draw.bytes)).collect();
        if recorded.operation != "dot"
            || dot != (recorded.m, recorded.k, recorded.n)
            || recorded.element_bytes != R::BYTES
            || draws != recorded_draws
        {
            return Err(wrong(format!(
                "asked for a product (m, k, n) = {dot:?} of {}-byte elements at {draws:?}, recorded ({}, {}, {}) of {}-byte elements at {recorded_draws:?}",
                R::BYTES,
                recorded.m,
                recorded.k,
                recorded.n,
                recorded.element_bytes
            )));
        }
        let unused_bits = Seed::from_bytes([0; 16]);
        let mut unused_bits = CounterStream::new(Cipher::Aes128, self.construction, &unused_bits);
        let corrections = adjust::<R>(
            &self.seeds,
            Cipher::Aes128,
            self.construction,
            request,
            &Limits::default(),
            &mut unused_bits,
        )
        .map_err(|error| wrong(error.to_string()))?;
        for (index, correction) in corrections.iter().enumerate() {
            let bytes = Matrix::from_vec(1, correction.len(), correction.clone())
                .map_err(|error| wrong(error.to_string()))?
                .to_le_bytes();
            if recorded.corrections.get(index) != Some(&BASE64_STANDARD.encode(&bytes)) {
                return Err(wrong(format!(
                    "the recomputed correction {index} differs from the recorded reply"
                )));
            }
        }
        if corrections.len() != recorded.corrections.len() {
            return Err(wrong(format!("{} corrections recorded", recorded.corrections.len())));
        }
        if let Ok(mut asked) = self.asked.lock() {
            *asked += 1;
        }
        Ok(corrections)
    }
}
