//! A session: streams, correlated randomness and a channel, and what needs no product.

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use symbolon_dialect::DealerDialect;
use symbolon_link::{Channel, PendingAllgather, Rank};
use symbolon_mutants::Mutant;
use symbolon_prg::{Construction, CounterStream, Seed};
use symbolon_ring::{FixedPoint, Matrix, Ring};
use symbolon_triples::{AdjustRequest, Dealer, DealerError, Draw, Op, Triples, TriplesConfig};

use crate::{DealerOpening, Semi2kError, SessionConfig, SessionSeeds, Share, setup};

/// What this party has sent in openings so far, to each peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Opened {
    /// Values opened; each is one message to each peer.
    pub openings: u64,
    /// Bytes of these messages, to one peer.
    pub bytes: u64,
}

/// One party's state of the Semi2K protocol.
///
/// All parties call the same operations in the same order; the streams and the channel's counters then stay in step.
/// A refused call (shapes that do not fit, an impossible operation) changes nothing. After any other error the parties
/// are out of step: drop the session.
pub struct Session<R: Ring> {
    pub(crate) channel: Channel,
    pub(crate) config: SessionConfig,
    pub(crate) triples: Triples<R>,
    fixed: FixedPoint<R>,
    public: CounterStream,
    own: CounterStream,
    next: CounterStream,
    opened: Opened,
}

impl<R: Ring> Session<R> {
    /// Opens a session over a connected channel, and the connection to the dealer.
    ///
    /// `dealer` is called once at every rank and must return a dealer exactly at the adjust rank. For
    /// [`DealerDialect::Interconnection`] that is before the first message, so that when set-up ends every party has
    /// introduced itself to the dealer; otherwise after the last, when the sealed or gathered seeds are known.
    ///
    /// # Errors
    /// `Config…`, and [`Semi2kError::Ring`] when the ring does not hold the fraction bits, before anything is sent;
    /// [`Semi2kError::PeerSetup`]; [`Semi2kError::Dealer`]; [`Semi2kError::Triples`] when `dealer` returns none at the
    /// adjust rank, or one elsewhere; [`Semi2kError::Link`].
    pub fn establish<F>(
        channel: Channel,
        config: SessionConfig,
        seeds: SessionSeeds,
        dealer: F,
    ) -> Result<Self, Semi2kError>
    where
        F: FnOnce(&DealerOpening<'_>) -> Result<Option<Box<dyn Dealer<R>>>, DealerError>,
    {
        let (rank, world_size) = (channel.rank(), channel.world_size());
        let adjust_rank = config.adjust_rank;
        if adjust_rank >= world_size {
            return Err(Semi2kError::ConfigRank { rank: adjust_rank, world_size });
        }
        let fixed = FixedPoint::new(config.fraction_bits)?;
        setup::check(&config, &seeds)?;

        let SessionConfig { cipher, dealer_construction: construction, ahead, .. } = config;
        let triples = |sealed: &[Bytes], gathered: &[Seed]| -> Result<_, Semi2kError> {
            let opening =
                DealerOpening { rank, world_size, adjust_rank, seed: &seeds.dealer, sealed, gathered };
            let dealer = dealer(&opening)?;
            let config = TriplesConfig { rank, world_size, adjust_rank, cipher, construction, ahead };
            Ok(Triples::new(&seeds.dealer, config, dealer)?)
        };
        let (setup, triples) = match config.dealer {
            DealerDialect::Interconnection => {
                let triples = triples(&[], &[])?;
                (setup::exchange(&channel, &config, &seeds)?, triples)
            }
            DealerDialect::Spu | DealerDialect::InsecureRank0LearnsAllMasks => {
                let setup = setup::exchange(&channel, &config, &seeds)?;
                let triples = triples(&setup.sealed, &setup.gathered)?;
                (setup, triples)
            }
        };
        let stream = |seed| CounterStream::new(cipher, Construction::CtrBigEndian, seed);
        Ok(Self {
            triples,
            fixed,
            public: stream(&setup.public),
            own: stream(&seeds.pairwise),
            next: stream(&setup.next),
            opened: Opened::default(),
            channel,
            config,
        })
    }

    /// This party.
    pub fn rank(&self) -> Rank {
        self.channel.rank()
    }

    /// Number of parties.
    pub fn world_size(&self) -> usize {
        self.channel.world_size()
    }

    /// The fixed-point encoding of the session.
    pub fn fixed(&self) -> FixedPoint<R> {
        self.fixed
    }

    /// What the session was made with.
    pub fn config(&self) -> &SessionConfig {
        &self.config
    }

    /// The channel. Its counters are in step with the peers'.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// The stream that all parties share. Not secret; whoever draws from it must do so at every rank.
    pub fn public_stream(&mut self) -> &mut CounterStream {
        &mut self.public
    }

    /// What this party has opened so far.
    pub fn opened(&self) -> Opened {
        self.opened
    }

    /// Announces the correlated randomness of the operations to come, in order, so that corrections are fetched
    /// ahead: [`Op::Mul`] for [`Session::mul`], [`Op::Dot`] for [`Session::matmul`],
    /// [`Session::truncation_op`] for [`Session::truncate`], and what a [`Kept`](crate::Kept) says for its products.
    ///
    /// # Errors
    /// [`Semi2kError::Triples`] for an impossible operation.
    pub fn schedule(&mut self, draws: impl IntoIterator<Item = impl Into<Draw>>) -> Result<(), Semi2kError> {
        Ok(self.triples.schedule(draws)?)
    }

    /// What the adjust rank would ask the dealer for these draws from here on: see
    /// [`Triples::requests`](symbolon_triples::Triples::requests).
    pub fn requests<D: Into<Draw>>(
        &self,
        draws: impl IntoIterator<Item = D>,
    ) -> impl Iterator<Item = Result<AdjustRequest, Semi2kError>> {
        self.triples.requests(draws).map(|request| Ok(request?))
    }

    /// What [`Session::truncate`] of `len` elements by `bits` draws, if anything.
    pub fn truncation_op(&self, len: usize, bits: u32) -> Option<Op> {
        self.config.truncation.op(len, bits, self.world_size())
    }

    /// A share of data that `owner` holds: the data itself at the owner, zero elsewhere. No message.
    ///
    /// # Errors
    /// [`Semi2kError::OursInput`] unless exactly the owner gives `data`; [`Semi2kError::Ring`] when it does not have
    /// the shape.
    pub fn input(
        &self,
        owner: Rank,
        rows: usize,
        cols: usize,
        data: Option<Matrix<R>>,
    ) -> Result<Share<R>, Semi2kError> {
        let (rank, given) = (self.rank(), data.is_some());
        if given != (rank == owner) {
            return Err(Semi2kError::OursInput { rank, owner, rows, cols, given });
        }
        match data {
            Some(data) if data.shape() == (rows, cols) => Ok(Share::from_matrix(data)),
            Some(data) => Err(symbolon_ring::RingError::OursShape {
                operation: "input",
                left: (rows, cols),
                right: data.shape(),
            }
            .into()),
            None => Ok(Share::zeros(rows, cols)),
        }
    }

    /// Shares of a public matrix, fresh and uniform: r_own - r_next from the pairwise streams, plus the matrix at rank
    /// 0. The r cancel over all ranks. No message.
    ///
    /// # Errors
    /// [`Semi2kError::Stream`].
    pub fn seal(&mut self, public: &Matrix<R>) -> Result<Share<R>, Semi2kError> {
        let (rows, cols) = public.shape();
        let mut share = self.own.draw_matrix(rows, cols)?;
        let next = self.next.draw_matrix(rows, cols)?;
        if Mutant::SealSign.is_on() {
            share.add_assign(&next)?
        } else {
            share.sub_assign(&next)?
        }
        let holder = if Mutant::SealAtWrongRank.is_on() { 1 } else { 0 };
        if self.rank() == holder {
            share.add_assign(public)?;
        }
        Ok(Share::from_matrix(share))
    }

    /// x + y. Local.
    ///
    /// # Errors
    /// [`Semi2kError::Ring`] unless the shapes are equal.
    pub fn add(&self, x: &Share<R>, y: &Share<R>) -> Result<Share<R>, Semi2kError> {
        Ok(Share::from_matrix(x.as_matrix().add(y.as_matrix())?))
    }

    /// x - y. Local.
    ///
    /// # Errors
    /// [`Semi2kError::Ring`] unless the shapes are equal.
    pub fn sub(&self, x: &Share<R>, y: &Share<R>) -> Result<Share<R>, Semi2kError> {
        Ok(Share::from_matrix(x.as_matrix().sub(y.as_matrix())?))
    }

    /// -x. Local.
    pub fn neg(&self, x: &Share<R>) -> Share<R> {
        Share::from_matrix(x.as_matrix().neg())
    }

    /// x + p for a public p: rank 0 adds it. Local.
    ///
    /// # Errors
    /// [`Semi2kError::Ring`] unless the shapes are equal.
    pub fn add_public(&self, x: &Share<R>, public: &Matrix<R>) -> Result<Share<R>, Semi2kError> {
        let mut sum = x.as_matrix().clone();
        let adds = if Mutant::PublicAtWrongRank.is_on() { 1 } else { 0 };
        if self.rank() == adds {
            sum.add_assign(public)?;
        } else if sum.shape() != public.shape() {
            let (left, right) = (sum.shape(), public.shape());
            return Err(symbolon_ring::RingError::OursShape { operation: "addition", left, right }.into());
        }
        Ok(Share::from_matrix(sum))
    }

    /// Every element of x times the same public factor. Local; not truncated.
    pub fn mul_public_scalar(&self, x: &Share<R>, factor: R) -> Share<R> {
        Share::from_matrix(x.as_matrix().scale(factor))
    }

    /// x times a public matrix, element by element. Local; not truncated.
    ///
    /// # Errors
    /// [`Semi2kError::Ring`] unless the shapes are equal.
    pub fn mul_public(&self, x: &Share<R>, public: &Matrix<R>) -> Result<Share<R>, Semi2kError> {
        Ok(Share::from_matrix(x.as_matrix().mul_elementwise(public)?))
    }

    /// The matrix product x·p with a public p. Local; not truncated.
    ///
    /// # Errors
    /// [`Semi2kError::Ring`] unless the shapes fit.
    pub fn matmul_public(&self, x: &Share<R>, public: &Matrix<R>) -> Result<Share<R>, Semi2kError> {
        Ok(Share::from_matrix(x.as_matrix().matmul(public)?))
    }

    /// The matrix that x is a share of, at every rank. One ALLGATHER.
    ///
    /// # Errors
    /// [`Semi2kError::PeerOpening`], [`Semi2kError::Link`].
    pub fn reveal(&mut self, x: &Share<R>) -> Result<Matrix<R>, Semi2kError> {
        self.open_start("a reveal", x.as_matrix().clone())?.wait()
    }

    /// The matrix that x is a share of, at rank `to` only; `None` elsewhere. One GATHER.
    ///
    /// # Errors
    /// [`Semi2kError::ConfigRank`], [`Semi2kError::PeerOpening`], [`Semi2kError::Link`].
    pub fn reveal_to(&mut self, to: Rank, x: &Share<R>) -> Result<Option<Matrix<R>>, Semi2kError> {
        let world_size = self.world_size();
        if to >= world_size {
            return Err(Semi2kError::ConfigRank { rank: to, world_size });
        }
        let (rows, cols) = x.shape();
        let own = Bytes::from(x.as_matrix().to_le_bytes());
        if self.rank() != to {
            self.count(own.len());
        }
        match self.channel.gather(to, own)? {
            None => Ok(None),
            Some(parts) => {
                check_lengths::<R>("a reveal to one rank", rows, cols, &parts)?;
                sum(rows, cols, &parts).map(Some)
            }
        }
    }

    /// Sends the own part of a value that all parties open. The parts sum to the value.
    pub(crate) fn open_start(
        &mut self,
        operation: &'static str,
        part: Matrix<R>,
    ) -> Result<Opening<R>, Semi2kError> {
        let (rows, cols) = part.shape();
        let bytes = part.into_bytes();
        self.count(bytes.len());
        let pending = self.channel.allgather_start(bytes)?;
        Ok(Opening { pending, operation, rows, cols, ring: PhantomData })
    }

    fn count(&mut self, bytes: usize) {
        self.opened.openings += 1;
        self.opened.bytes = self.opened.bytes.saturating_add(bytes as u64);
    }
}

/// A value under way: our part is sent.
pub(crate) struct Opening<R> {
    pending: PendingAllgather,
    operation: &'static str,
    rows: usize,
    cols: usize,
    ring: PhantomData<R>,
}

impl<R: Ring> Opening<R> {
    /// The sum of all parties' parts.
    pub(crate) fn wait(self) -> Result<Matrix<R>, Semi2kError> {
        self.parts()?.sum()
    }

    /// All parties' parts, not yet added up.
    pub(crate) fn parts(self) -> Result<Parts<R>, Semi2kError> {
        let Self { pending, operation, rows, cols, ring } = self;
        let parts = Parts { parts: pending.wait()?, rows, cols, ring };
        check_lengths::<R>(operation, rows, cols, &parts.parts)?;
        Ok(parts)
    }
}

/// An opened value as it came: a part from each party, of the right length.
pub(crate) struct Parts<R> {
    parts: Vec<Bytes>,
    rows: usize,
    cols: usize,
    ring: PhantomData<R>,
}

/// With more columns on the right, a product reads each element often enough for the sum to be made first.
const NARROW: usize = 8;

impl<R: Ring> Parts<R> {
    /// The value.
    pub(crate) fn sum(&self) -> Result<Matrix<R>, Semi2kError> {
        sum(self.rows, self.cols, &self.parts)
    }

    /// acc += value · right.
    pub(crate) fn matmul_add(&self, right: &Matrix<R>, acc: &mut Matrix<R>) -> Result<(), Semi2kError> {
        if right.cols() > NARROW {
            return Ok(self.sum()?.matmul_add(right, acc)?);
        }
        Ok(Matrix::matmul_add_wire_sum(&self.parts, right, acc)?)
    }
}

/// Every part must be the wire form of a rows×cols matrix.
fn check_lengths<R: Ring>(
    operation: &'static str,
    rows: usize,
    cols: usize,
    parts: &[Bytes],
) -> Result<(), Semi2kError> {
    let expected = rows.saturating_mul(cols).saturating_mul(R::BYTES);
    match parts.iter().map(Bytes::len).enumerate().find(|(_, got)| *got != expected) {
        None => Ok(()),
        Some((peer, got)) => Err(Semi2kError::PeerOpening { peer, operation, rows, cols, expected, got }),
    }
}

/// The sum of the parts, whose lengths were checked.
fn sum<R: Ring>(rows: usize, cols: usize, parts: &[Bytes]) -> Result<Matrix<R>, Semi2kError> {
    let Some((first, rest)) = parts.split_first() else { return Ok(Matrix::zeros(rows, cols)) };
    let mut total = Matrix::from_le_bytes(rows, cols, first)?;
    for part in rest {
        total.add_assign_le_bytes(part)?;
    }
    Ok(total)
}

impl<R: Ring> fmt::Debug for Session<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("rank", &self.rank())
            .field("world_size", &self.world_size())
            .field("config", &self.config)
            .field("opened", &self.opened)
            .finish_non_exhaustive()
    }
}
