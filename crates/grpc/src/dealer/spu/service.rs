//! The dealer without sessions, whatever carries its requests.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use symbolon_dialect::Construction;
use symbolon_prg::{Cipher, Seed};
use symbolon_triples::{CorrectionPieces, Limits, ReplayRequest};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use super::Method;
use super::messages::{Adjust, Adjusted};
use super::request::{Refusal, replay};
use super::seeds::Seeds;
use crate::dealer::resources::Resources;
use crate::dealer::server::SpuDealerConfig;

/// Bytes of a frame of the HTTP form, and of what is computed at a time.
pub(crate) const PIECE_BYTES: usize = 32 << 20;
/// How long a caller may take to read a frame.
const READ_TIMEOUT: Duration = Duration::from_secs(120);

/// One dealer.
pub(crate) struct SpuDealer {
    config: SpuDealerConfig,
    seeds: Arc<Seeds>,
    resources: Arc<Resources>,
}

/// Why a unary call has no answer of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unhandled {
    /// The service has no such method.
    NoMethod,
    /// The body is no message of the method.
    Malformed(String),
}

/// A checked request with what it needs to be computed.
struct Admitted {
    pieces: CorrectionPieces,
    _place: OwnedSemaphorePermit,
    _memory: OwnedSemaphorePermit,
}

impl SpuDealer {
    pub(crate) fn new(config: SpuDealerConfig, resources: Arc<Resources>) -> Self {
        let seeds = Arc::new(Seeds::new(config.key.clone(), config.max_cached_seeds));
        Self { config, seeds, resources }
    }

    /// Forgets all seeds.
    pub(crate) fn clear(&self) {
        self.seeds.clear();
    }

    /// The unary form: protobuf in, protobuf out. A request that is refused has an answer too.
    ///
    /// # Errors
    /// [`Unhandled`]: the carrier says it in its own way.
    pub(crate) async fn handle(&self, method: &str, body: Bytes) -> Result<Bytes, Unhandled> {
        let method = Method::named(method).ok_or(Unhandled::NoMethod)?;
        let adjust = Adjust::decode(method, body).map_err(Unhandled::Malformed)?;
        let answer = match self.unary(method, adjust).await {
            Ok(adjust_outputs) => Adjusted { code: 0, message: String::new(), adjust_outputs },
            Err(Refusal { code, message }) => {
                tracing::warn!(method = method.name(), message, "refused");
                Adjusted { code: code.into(), message, adjust_outputs: Vec::new() }
            }
        };
        Ok(answer.encode_to_vec().into())
    }

    async fn unary(&self, method: Method, adjust: Adjust) -> Result<Vec<Bytes>, Refusal> {
        let limits = &self.resources.limits;
        // Nothing is streamed: the whole answer is held, so it counts as a request that is computed whole.
        let bounds = Limits {
            max_bytes_per_request: limits.max_bytes_per_request,
            max_bytes_per_stream: limits.max_bytes_per_request,
        };
        let admitted = self.admit(method, adjust, self.config.unary_stream, bounds, u64::MAX).await?;
        let _turn = self.resources.turn().await.map_err(Refusal::adjust)?;
        let computed = tokio::task::spawn_blocking(move || {
            let mut outputs: Vec<Vec<Bytes>> = vec![Vec::new(); admitted.pieces.correction_bytes().len()];
            let Admitted { pieces, _place, _memory } = admitted;
            for piece in pieces {
                let piece = piece.map_err(|error| Refusal::adjust(error.to_string()))?;
                if let Some(output) = outputs.get_mut(piece.correction) {
                    output.push(piece.bytes);
                }
            }
            Ok(outputs.into_iter().map(joined).collect())
        });
        computed.await.map_err(|_| Refusal::adjust("the computation was aborted"))?
    }

    /// The streamed form: the pieces of all corrections in order, at most two of them at a time in memory; after a
    /// refusal nothing follows.
    pub(crate) async fn stream(
        &self,
        method: Method,
        adjust: Adjust,
    ) -> Result<Receiver<Result<Bytes, Refusal>>, Refusal> {
        let limits = &self.resources.limits;
        let bounds = Limits {
            max_bytes_per_request: limits.max_bytes_per_request,
            max_bytes_per_stream: limits.max_bytes_per_stream,
        };
        let stream = self.config.http_stream;
        let Admitted { pieces, _place, _memory } =
            self.admit(method, adjust, stream, bounds, PIECE_BYTES as u64).await?;
        let (send, receive) = channel(1);
        let resources = self.resources.clone();
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || {
            let _held = (_place, _memory);
            run(pieces, &send, &resources, &runtime);
        });
        Ok(receive)
    }

    /// Decrypts the seeds, checks everything, and waits for the memory that the computation takes.
    async fn admit(
        &self,
        method: Method,
        adjust: Adjust,
        construction: Construction,
        bounds: Limits,
        piece: u64,
    ) -> Result<Admitted, Refusal> {
        let place = self.resources.place().map_err(Refusal::adjust)?;
        let turn = self.resources.turn().await.map_err(Refusal::adjust)?;
        let (seeds, parties) = (self.seeds.clone(), self.resources.limits.max_world_size);
        let request: ReplayRequest = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            replay(method, &adjust, &seeds, parties)
        })
        .await
        .map_err(|_| Refusal::adjust("the decryption was aborted"))??;
        let refused = |error: symbolon_triples::TriplesError| Refusal::adjust(error.to_string());
        request.check(&bounds).map_err(refused)?;
        let memory = self.resources.memory(request.working_bytes(piece)).await.map_err(Refusal::adjust)?;
        let own = Seed::random().map_err(|error| Refusal::adjust(error.to_string()))?;
        let pieces = CorrectionPieces::new(request, Cipher::Aes128, construction, &bounds, PIECE_BYTES, &own)
            .map_err(refused)?;
        Ok(Admitted { pieces, _place: place, _memory: memory })
    }
}

/// Computes piece after piece as they are taken. A processor is held only while one is computed.
fn run(
    mut pieces: CorrectionPieces,
    send: &Sender<Result<Bytes, Refusal>>,
    resources: &Resources,
    runtime: &tokio::runtime::Handle,
) {
    loop {
        let next = {
            let _turn = match runtime.block_on(resources.turn()) {
                Ok(turn) => turn,
                Err(_) => return,
            };
            pieces.next()
        };
        let Some(next) = next else { return };
        let next = next.map(|piece| piece.bytes).map_err(|error| Refusal::adjust(error.to_string()));
        match runtime.block_on(timeout(READ_TIMEOUT, send.send(next))) {
            Ok(Ok(())) => {}
            // The caller is gone, or does not read.
            _ => return,
        }
    }
}

fn joined(parts: Vec<Bytes>) -> Bytes {
    match <[Bytes; 1]>::try_from(parts) {
        Ok([whole]) => whole,
        Err(parts) => parts.concat().into(),
    }
}
