//! The suite as a client of a dealer under test: the interconnection service, over gRPC.

use std::net::TcpListener;
use std::sync::Arc;

use symbolon_dialect::{Construction, FieldEncoding, SeedEncoding};
use symbolon_grpc::stubs::BeaverServiceClient;
use symbolon_grpc::{GrpcNode, NodeConfig};
use symbolon_wire::service::{
    AdjusDotRequest, AdjustAndRequest, AdjustMulRequest, AdjustRandBitRequest, AdjustResponse,
    AdjustTruncPrRequest, AdjustTruncRequest, CreateSessionRequest, CreateSessionResponse,
    DeleteSessionRequest, DeleteSessionResponse, PrgBufferMeta,
};

use super::Bench;
use super::streams::{draw, elements, mask};
use super::transcript::{Log, What};
use super::verdict::{Finding, Outcome};

/// `SessionError` of `service/beaver.proto`.
pub const SESSION_ERROR: i32 = 1;
/// `OpAdjustError` of `service/beaver.proto`.
pub const OP_ADJUST_ERROR: i32 = 2;

/// Calls a dealer.
pub struct Client {
    /// Its runtime alone is used.
    node: GrpcNode,
    address: String,
    log: Arc<Log>,
}

macro_rules! calls {
    ($($(#[$about:meta])* $method:ident: $request:ty => $response:ty;)*) => {
        impl Client {
            $($(#[$about])*
            ///
            /// # Errors
            /// A deviation if the call itself fails.
            pub fn $method(&self, request: $request) -> Outcome<$response> {
                let call = format!("{} {request:?}", stringify!($method));
                let to = format!("http://{}", self.address);
                let answer = self.node.runtime().block_on(async move {
                    let client = BeaverServiceClient::connect(to).await.map_err(|error| error.to_string())?;
                    let mut client = client.max_decoding_message_size(256 << 20);
                    client.$method(request).await.map(|answer| answer.into_inner()).map_err(|status| status.to_string())
                });
                let told = answer.as_ref().map_or_else(Clone::clone, |answer| format!("{answer:?}"));
                self.log.add(What::Dealer { call: call.clone(), answer: told });
                answer.map_err(|problem| Finding::fail("an answer of the dealer", format!("{call}: {problem}")))
            })*
        }
    };
}

calls! {
    /// `CreateSession`
    create_session: CreateSessionRequest => CreateSessionResponse;
    /// `DeleteSession`
    delete_session: DeleteSessionRequest => DeleteSessionResponse;
    /// `AdjustMul`
    adjust_mul: AdjustMulRequest => AdjustResponse;
    /// `AdjustDot`
    adjust_dot: AdjusDotRequest => AdjustResponse;
    /// `AdjustAnd`
    adjust_and: AdjustAndRequest => AdjustResponse;
    /// `AdjustTrunc`
    adjust_trunc: AdjustTruncRequest => AdjustResponse;
    /// `AdjustTruncPr`
    adjust_trunc_pr: AdjustTruncPrRequest => AdjustResponse;
    /// `AdjustRandBit`
    adjust_rand_bit: AdjustRandBitRequest => AdjustResponse;
}

impl Client {
    /// A client of the dealer that the bench has started.
    ///
    /// # Errors
    /// Sockets that cannot be used.
    pub fn new(bench: &Bench) -> Outcome<Self> {
        let failed = |problem: String| Finding::Error(problem);
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| failed(error.to_string()))?;
        let own = listener.local_addr().map_err(|error| failed(error.to_string()))?.to_string();
        let config = NodeConfig::new(0, vec![own, bench.address().to_owned()]);
        let node = GrpcNode::start_on(listener, config).map_err(|error| failed(error.to_string()))?;
        Ok(Self { node, address: bench.address().to_owned(), log: bench.log.clone() })
    }
}

/// A session's parties.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its name.
    pub id: String,
    /// The seed of each rank.
    pub seeds: Vec<[u8; 16]>,
    /// How streams are made.
    pub construction: Construction,
    /// How seeds are encoded.
    pub seed_encoding: SeedEncoding,
    /// How rings are named.
    pub field_encoding: FieldEncoding,
}

impl Session {
    /// A session of that many parties, as the bench's reading has it.
    pub fn new(bench: &Bench, id: &str, parties: u8) -> Self {
        let first = id.bytes().fold(7_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        let seed = |rank: u8| std::array::from_fn(|index| first ^ (rank * 16 + index as u8));
        Self {
            id: id.into(),
            seeds: (0..parties).map(seed).collect(),
            construction: bench.dialect.dealer_stream,
            seed_encoding: bench.dialect.seed_encoding,
            field_encoding: bench.dialect.field_encoding,
        }
    }

    /// The request by which a rank opens or joins it.
    pub fn creation(&self, rank: usize) -> CreateSessionRequest {
        let number = |value: usize| i32::try_from(value).unwrap_or(i32::MAX);
        let seed = self.seeds.get(rank).copied().unwrap_or_default();
        CreateSessionRequest {
            required_version: 2,
            adjust_rank: 0,
            session_id: self.id.clone(),
            world_size: number(self.seeds.len()),
            rank: number(rank),
            prg_seed: match self.seed_encoding {
                SeedEncoding::Bytes => seed.to_vec().into(),
                SeedEncoding::HighLow => high_low(&seed).into(),
            },
        }
    }

    /// Opens it for every rank.
    ///
    /// # Errors
    /// A deviation if the dealer refuses.
    pub fn open(&self, client: &Client) -> Outcome {
        for rank in 0..self.seeds.len() {
            let answer = client.create_session(self.creation(rank))?;
            if answer.code != 0 {
                let told = format!("code {}: {:?}", answer.code, answer.message);
                return Err(Finding::fail(format!("code 0 for rank {rank}"), told));
            }
        }
        Ok(())
    }

    /// `FieldType` or the width in bits.
    pub fn field(&self, bits: u32) -> i32 {
        match self.field_encoding {
            FieldEncoding::Enum => super::messages::field(bits),
            FieldEncoding::Bits => i32::try_from(bits).unwrap_or_default(),
        }
    }

    /// The elements that each rank draws from block `counter` on.
    pub fn shares(&self, counter: u64, count: usize, bits: u32) -> Vec<Vec<u128>> {
        let bytes = count * bits as usize / 8;
        self.seeds.iter().map(|seed| elements(&draw(seed, self.construction, counter, bytes), bits)).collect()
    }

    /// Their sum over all ranks.
    pub fn sum(&self, counter: u64, count: usize, bits: u32) -> Vec<u128> {
        self.joined(counter, count, bits, |a, b| a.wrapping_add(b) & mask(bits))
    }

    /// Their exclusive or over all ranks.
    pub fn xor(&self, counter: u64, count: usize, bits: u32) -> Vec<u128> {
        self.joined(counter, count, bits, |a, b| a ^ b)
    }

    fn joined(&self, counter: u64, count: usize, bits: u32, join: impl Fn(u128, u128) -> u128) -> Vec<u128> {
        self.shares(counter, count, bits)
            .into_iter()
            .fold(vec![0; count], |sum, share| sum.into_iter().zip(share).map(|(a, b)| join(a, b)).collect())
    }
}

/// One buffer of `count` elements at a counter.
pub fn buffer(counter: u64, count: usize, bits: u32) -> PrgBufferMeta {
    PrgBufferMeta {
        prg_count: i64::try_from(counter).unwrap_or(i64::MAX),
        size: i64::try_from(count * bits as usize / 8).unwrap_or(i64::MAX),
    }
}

/// Blocks that a draw of `count` elements takes.
pub fn blocks(count: usize, bits: u32) -> u64 {
    (count * bits as usize / 8).div_ceil(16) as u64
}

/// Two 64-bit halves, high first, as yacl serialises them: a MessagePack array of two unsigned integers. The halves of
/// the suite's seeds have all eight bytes.
fn high_low(seed: &[u8; 16]) -> Vec<u8> {
    let value = u128::from_le_bytes(*seed).to_be_bytes();
    let (high, low) = value.split_at(8);
    [&[0x92, 0xcf], high, &[0xcf], low].concat()
}
