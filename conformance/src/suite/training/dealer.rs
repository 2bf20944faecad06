//! The suite as the dealer of a training, in every form of the service.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use symbolon_dialect::Construction;
use symbolon_grpc::stubs::{BeaverService, BeaverServiceServer};
use symbolon_wire::service::{
    AdjusDotRequest, AdjustAndRequest, AdjustMulRequest, AdjustRandBitRequest, AdjustResponse,
    AdjustTruncPrRequest, AdjustTruncRequest, CreateSessionRequest, CreateSessionResponse,
    DeleteSessionRequest, DeleteSessionResponse, PrgBufferMeta,
};
use tonic::{Request, Response, Status};

use super::{DEALER_SEED, add, bytes, subtract};
use crate::suite::Bench;
use crate::suite::bench::DealerForm;
use crate::suite::peer::Peer;
use crate::suite::spu::messages::Adjusted;
use crate::suite::spu::{Adjust, KeyPair, Server};
use crate::suite::streams::{draw, elements, mask, product};
use crate::suite::transcript::{Log, What};

/// The suite as dealer of one training. Clones are the same dealer.
#[derive(Clone)]
pub struct Dealer {
    form: DealerForm,
    /// Seeds by rank; the suite's is there from the start.
    seeds: Arc<Mutex<BTreeMap<i32, Vec<u8>>>>,
    key: Arc<KeyPair>,
    construction: Construction,
    spoil: fn(&mut AdjustResponse),
    log: Arc<Log>,
    server: Arc<Mutex<Option<Server>>>,
}

/// What is asked for.
enum Operation {
    /// m, k, n
    Dot([i64; 3]),
    /// Bits to shift by.
    TruncPr(u32),
}

impl Dealer {
    /// A dealer that knows the suite's seed, for a suite of that rank. `spoil` changes each of its answers.
    ///
    /// # Errors
    /// None but those of a broken suite.
    pub fn new(
        bench: &Bench,
        rank: usize,
        form: DealerForm,
        spoil: fn(&mut AdjustResponse),
    ) -> Result<Self, String> {
        let seeds = BTreeMap::from([(i32::from(rank == 1), DEALER_SEED.to_vec())]);
        Ok(Self {
            form,
            seeds: Arc::new(Mutex::new(seeds)),
            key: Arc::new(KeyPair::of_number(1)?),
            construction: bench.dealer_stream(form),
            spoil,
            log: bench.log.clone(),
            server: Arc::default(),
        })
    }

    /// Listens until it is dropped, or the peer is closed.
    ///
    /// # Errors
    /// An address that cannot be listened on.
    pub fn serve(&self, peer: &Peer, address: SocketAddr) -> Result<(), String> {
        if self.form.spu().is_some() {
            let dealer = Self { server: Arc::default(), ..self.clone() };
            let server = Server::start(address, Arc::new(move |method, adjust| dealer.call(method, adjust)))?;
            *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
            return Ok(());
        }
        let service = BeaverServiceServer::new(self.clone());
        let server = tonic::transport::Server::builder().serve(address, service);
        let log = self.log.clone();
        drop(peer.node().runtime().spawn(async move {
            if let Err(error) = server.await {
                log.note(format!("the suite's dealer ended: {error}"));
            }
        }));
        Ok(())
    }

    /// The suite's seed as parties of a dealer without sessions tell it to one another.
    ///
    /// # Errors
    /// None but those of a broken suite.
    pub fn sealed(&self) -> Result<Vec<u8>, String> {
        self.key.seal(&DEALER_SEED)
    }

    /// Takes a sealed seed of a rank.
    ///
    /// # Errors
    /// Bytes that are no ciphertext for the dealer's key.
    pub fn learn(&self, rank: usize, sealed: &[u8]) -> Result<(), String> {
        let seed = self.key.open(sealed)?;
        let mut seeds = self.seeds.lock().unwrap_or_else(PoisonError::into_inner);
        seeds.insert(i32::from(rank == 1), seed.to_vec());
        Ok(())
    }

    /// The seed that a rank gave.
    pub fn seed(&self, rank: usize) -> Option<[u8; 16]> {
        let seeds = self.seeds.lock().unwrap_or_else(PoisonError::into_inner);
        seeds.get(&i32::from(rank == 1)).and_then(|seed| seed.as_slice().try_into().ok())
    }

    /// A call of SPU's service.
    fn call(&self, method: &str, adjust: Result<Adjust, String>) -> Adjusted {
        let call = format!("{method} {adjust:?}");
        let answer = adjust.and_then(|adjust| {
            let operation = match method {
                "AdjustDot" if adjust.transpose_inputs.contains(&true) => {
                    return Err("a training needs no transposed masks".into());
                }
                "AdjustDot" => {
                    let [m, n, k] = adjust.shape.map(|size| i64::try_from(size).unwrap_or(i64::MAX));
                    Operation::Dot([m, k, n])
                }
                "AdjustTruncPr" => Operation::TruncPr(u32::try_from(adjust.bits).unwrap_or(u32::MAX)),
                other => return Err(format!("a training has no {other}")),
            };
            let mut inputs = Vec::new();
            let mut seeds = None;
            for input in &adjust.prg_inputs {
                let opened: Vec<_> = input
                    .encrypted_seeds
                    .iter()
                    .map(|sealed| self.key.open(sealed))
                    .collect::<Result<_, _>>()?;
                let both: [[u8; 16]; 2] =
                    opened.try_into().map_err(|_| "a buffer without the seeds of two parties".to_owned())?;
                if seeds.replace(both).is_some_and(|before| before != both) {
                    return Err("buffers of several streams".into());
                }
                let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
                inputs.push(PrgBufferMeta {
                    prg_count: signed(input.prg_count),
                    size: signed(input.buffer_len),
                });
            }
            let bits = u32::try_from(adjust.field_size * 8).unwrap_or_default();
            self.correct(&operation, bits, &inputs, seeds.ok_or("no buffers")?)
        });
        let mut answer = answer.unwrap_or_else(refused);
        if answer.code != 0 {
            answer.code = 1; // OpAdjustError there
        }
        (self.spoil)(&mut answer);
        self.log.add(What::Dealer { call, answer: format!("{answer:?}") });
        let AdjustResponse { code, message, adjust_outputs } = answer;
        let adjust_outputs = adjust_outputs.into_iter().map(Into::into).collect();
        Adjusted { code, message, adjust_outputs }
    }

    /// A request of the interconnection service.
    fn session(
        &self,
        operation: &Operation,
        field: i32,
        inputs: &[PrgBufferMeta],
    ) -> Result<AdjustResponse, String> {
        let bits = match field {
            1 | 32 => 32,
            2 | 64 => 64,
            3 | 128 => 128,
            other => return Err(format!("field {other}")),
        };
        let (Some(zero), Some(one)) = (self.seed(0), self.seed(1)) else {
            return Err("a seed is missing".into());
        };
        self.correct(operation, bits, inputs, [zero, one])
    }

    fn correct(
        &self,
        operation: &Operation,
        bits: u32,
        inputs: &[PrgBufferMeta],
        seeds: [[u8; 16]; 2],
    ) -> Result<AdjustResponse, String> {
        if ![32, 64, 128].contains(&bits) {
            return Err(format!("a ring of {bits} bits"));
        }
        let size = |value: i64| usize::try_from(value).map_err(|error| error.to_string());
        let counts = match operation {
            Operation::Dot(shape) => {
                let [m, k, n] = [size(shape[0])?, size(shape[1])?, size(shape[2])?];
                [m * k, k * n, m * n]
            }
            Operation::TruncPr(_) => {
                let first = inputs.first().map_or(0, |input| input.size);
                [size(first)? * 8 / bits as usize; 3]
            }
        };
        let mut joined = Vec::new();
        for (input, count) in inputs.iter().zip(counts) {
            let counter = u64::try_from(input.prg_count).map_err(|error| error.to_string())?;
            let length = count * bits as usize / 8;
            if size(input.size)? != length {
                return Err(format!("{} bytes for {count} elements", input.size));
            }
            let [zero, one] =
                seeds.map(|seed| elements(&draw(&seed, self.construction, counter, length), bits));
            joined.push(add(&zero, &one, bits));
        }
        let [a, b, c] = joined.as_slice() else { return Err("three buffers are needed".into()) };
        let corrections = match operation {
            Operation::Dot(shape) => {
                let shape = [size(shape[0])?, size(shape[1])?, size(shape[2])?];
                vec![subtract(&product(a, b, shape, bits), c, bits)]
            }
            Operation::TruncPr(by) if *by < bits - 1 => {
                vec![subtract(&high_part(a, *by, bits), b, bits), subtract(&top_bit(a, bits), c, bits)]
            }
            Operation::TruncPr(by) => return Err(format!("a truncation by {by} bits")),
        };
        let adjust_outputs = corrections.iter().map(|correction| bytes(correction, bits).into()).collect();
        Ok(AdjustResponse { adjust_outputs, ..AdjustResponse::default() })
    }

    fn answer(
        &self,
        call: String,
        answer: Result<AdjustResponse, String>,
    ) -> Result<Response<AdjustResponse>, Status> {
        let mut answer = answer.unwrap_or_else(refused);
        (self.spoil)(&mut answer);
        self.log.add(What::Dealer { call, answer: format!("{answer:?}") });
        Ok(Response::new(answer))
    }

    fn none(&self, what: &str) -> Result<Response<AdjustResponse>, Status> {
        self.answer(what.to_owned(), Err(format!("a training has no {what}")))
    }
}

/// Without its top bit, shifted right by `by`: the second mask of a precise truncation.
pub(super) fn high_part(r: &[u128], by: u32, bits: u32) -> Vec<u128> {
    r.iter().map(|r| (r & (mask(bits) >> 1)) >> by).collect()
}

/// The third mask of a precise truncation.
pub(super) fn top_bit(r: &[u128], bits: u32) -> Vec<u128> {
    r.iter().map(|r| r >> (bits - 1)).collect()
}

fn refused(message: String) -> AdjustResponse {
    AdjustResponse { code: 2, message, ..AdjustResponse::default() }
}

#[tonic::async_trait]
impl BeaverService for Dealer {
    async fn create_session(
        &self,
        request: Request<CreateSessionRequest>,
    ) -> Result<Response<CreateSessionResponse>, Status> {
        let request = request.into_inner();
        self.log.add(What::Dealer { call: format!("{request:?}"), answer: "code 0".into() });
        self.seeds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(request.rank, request.prg_seed.to_vec());
        Ok(Response::new(CreateSessionResponse::default()))
    }

    async fn delete_session(
        &self,
        _: Request<DeleteSessionRequest>,
    ) -> Result<Response<DeleteSessionResponse>, Status> {
        Ok(Response::new(DeleteSessionResponse::default()))
    }

    async fn adjust_dot(
        &self,
        request: Request<AdjusDotRequest>,
    ) -> Result<Response<AdjustResponse>, Status> {
        let request = request.into_inner();
        let shape = Operation::Dot([request.m, request.k, request.n]);
        self.answer(format!("{request:?}"), self.session(&shape, request.field, &request.prg_inputs))
    }

    async fn adjust_trunc_pr(
        &self,
        request: Request<AdjustTruncPrRequest>,
    ) -> Result<Response<AdjustResponse>, Status> {
        let request = request.into_inner();
        let shift = Operation::TruncPr(u32::try_from(request.bits).unwrap_or(u32::MAX));
        self.answer(format!("{request:?}"), self.session(&shift, request.field, &request.prg_inputs))
    }

    async fn adjust_mul(&self, _: Request<AdjustMulRequest>) -> Result<Response<AdjustResponse>, Status> {
        self.none("AdjustMul")
    }

    async fn adjust_and(&self, _: Request<AdjustAndRequest>) -> Result<Response<AdjustResponse>, Status> {
        self.none("AdjustAnd")
    }

    async fn adjust_trunc(&self, _: Request<AdjustTruncRequest>) -> Result<Response<AdjustResponse>, Status> {
        self.none("AdjustTrunc")
    }

    async fn adjust_rand_bit(
        &self,
        _: Request<AdjustRandBitRequest>,
    ) -> Result<Response<AdjustResponse>, Status> {
        self.none("AdjustRandBit")
    }
}
