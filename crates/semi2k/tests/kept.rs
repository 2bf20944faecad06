//! Kept matrices: products against plain integers, and that no block of a stream masks two values.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use symbolon_dialect::{Construction, Dialect};
use symbolon_prg::{CounterStream, Seed};
use symbolon_ring::{FixedPoint, Matrix, Ring, RingError};
use symbolon_semi2k::testing::{self, Values, run_channels, run_configured, run_parties};
use symbolon_semi2k::{Kept, Semi2kError, Session, SessionConfig, Share};
use symbolon_triples::{
    AdjustRequest, BufferMeta, Corrections, Dealer, DealerError, Limits, LocalDealer, Op, TriplesError,
};

const F: u32 = 8;

fn joined<R: Ring>(shares: impl IntoIterator<Item = Share<R>>) -> Matrix<R> {
    let mut shares = shares.into_iter().map(Share::into_matrix);
    let first = shares.next().unwrap();
    shares.fold(first, |sum, share| sum.add(&share).unwrap())
}

#[derive(Debug, Clone)]
struct Case {
    parties: usize,
    cols: usize,
    /// Rows of each append.
    appended: Vec<usize>,
    /// Where in the rows that are there each product's rows begin and end, and the other factor's columns.
    products: Vec<(prop::sample::Index, prop::sample::Index, usize)>,
    scheduled: bool,
    adjust_rank: usize,
    seed: u64,
}

prop_compose! {
    fn case()(parties in 2..4_usize)(
        parties in Just(parties), cols in 1..6_usize, appended in prop::collection::vec(1..5_usize, 1..4),
        products in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..3_usize), 1..8),
        scheduled in any::<bool>(), adjust_rank in 0..parties, seed in any::<u64>(),
    ) -> Case {
        Case { parties, cols, appended, products, scheduled, adjust_rank, seed }
    }
}

/// Any rows of what was appended, in any order, again and again, from either side: exactly the products in the ring.
fn check<R: Ring>(case: &Case) {
    let dialect = Dialect::symbolon();
    let fixed = FixedPoint::<R>::new(F).unwrap();
    let mut values = Values::new(case.seed);
    let total: usize = case.appended.iter().sum();
    let x = values.matrix(fixed, total, case.cols, 30.0);
    let x_shares = values.split(&x, case.parties);
    let factors: Vec<_> = case
        .products
        .iter()
        .map(|(start, end, n)| {
            let (start, end) = (start.index(total), end.index(total));
            let rows = start.min(end)..start.max(end) + 1;
            let right = values.matrix(fixed, case.cols, *n, 30.0);
            let left = values.matrix(fixed, rows.len(), *n, 30.0);
            let shares = (values.split(&right, case.parties), values.split(&left, case.parties));
            (rows, right, left, shares)
        })
        .collect();
    let config = SessionConfig { adjust_rank: case.adjust_rank, ..SessionConfig::new(F, &dialect) };
    let by_rank = run_configured(
        case.parties,
        &dialect,
        |_| config,
        |session: &mut Session<R>, rank| {
            let mut kept = session.keep(total, case.cols).unwrap();
            if case.scheduled {
                for (rows, right, _, _) in &factors {
                    let n = right.cols();
                    session.schedule([kept.product_draw(rows.clone(), n).unwrap()]).unwrap();
                    session.schedule([kept.transposed_draw(rows.clone(), n).unwrap()]).unwrap();
                }
            }
            for &rows in &case.appended {
                let from = kept.rows();
                session.append(&mut kept, &x_shares[rank].row_range(from..from + rows)).unwrap();
            }
            assert_eq!((kept.rows(), kept.cols()), (total, case.cols));
            let mut out = Vec::new();
            for (rows, _, _, (right, left)) in &factors {
                let before = session.opened().bytes;
                out.push(session.matmul_kept(&mut kept, rows.clone(), &right[rank]).unwrap());
                out.push(session.matmul_kept_transposed(&mut kept, rows.clone(), &left[rank]).unwrap());
                let n = right[rank].cols();
                let elements = (Kept::<R>::masked_cols(case.cols) + rows.len()) * n;
                assert_eq!(session.opened().bytes - before, (elements * R::BYTES) as u64);
            }
            out
        },
    );
    for (index, (rows, right, left, _)) in factors.iter().enumerate() {
        let product = |at: usize| joined(by_rank.iter().map(|of_rank| of_rank[at].clone()));
        let part = x.row_range(rows.clone());
        assert_eq!(product(2 * index), part.matmul(right).unwrap());
        assert_eq!(product(2 * index + 1), part.transpose().matmul(left).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn products_of_any_rows_are_exact(case in case()) {
        check::<u32>(&case);
        check::<u64>(&case);
        check::<u128>(&case);
    }
}

/// Writes down what the dealer is asked.
struct Noted(LocalDealer, Arc<Mutex<Vec<AdjustRequest>>>);

impl<R: Ring> Dealer<R> for Noted {
    fn adjust(&mut self, request: &AdjustRequest) -> Result<Corrections<R>, DealerError> {
        self.1.lock().unwrap().push(request.clone());
        self.0.adjust(request)
    }
}

fn blocks(buffer: &BufferMeta) -> Range<u64> {
    buffer.counter..buffer.counter + CounterStream::blocks_for(buffer.bytes)
}

/// Two trainings' worth of products: each row of the table has blocks of its own, that mask it and nothing else, and
/// every other buffer is drawn from blocks that nothing else uses (what SPU's kept masks fail to do, erratum E28).
#[test]
fn no_block_masks_two_values() {
    const ROWS: usize = 7;
    const COLS: usize = 3;
    let dialect = Dialect::symbolon();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let mut values = Values::new(5);
    let fixed = FixedPoint::<u64>::new(F).unwrap();
    let x = values.matrix(fixed, ROWS, COLS, 9.0);
    let shares = values.split(&x, 2);
    let seen = run_channels(2, &dialect, |channel, rank| {
        let config = SessionConfig::new(F, &dialect);
        let seeds = |rank| testing::seeds(rank, &dialect);
        let mut session = Session::<u64>::establish(channel, config, seeds(rank), |opening| {
            let all = (0..2).map(|rank| seeds(rank).dealer).collect();
            let (cipher, construction) = (config.cipher, config.dealer_construction);
            let own = Seed::from_u128_le(1);
            let dealer = LocalDealer::new(all, cipher, construction, Limits::default(), &own).unwrap();
            let noted = Box::new(Noted(dealer, requests.clone())) as Box<dyn Dealer<u64>>;
            Ok((opening.rank == 0).then_some(noted))
        })
        .unwrap();
        // Something before and something after: neither may touch the mask's blocks.
        let other = Share::from_matrix(Matrix::filled(COLS, 1, 1));
        session.mul(&other, &other).unwrap();
        let mut kept = session.keep(ROWS, COLS).unwrap();
        for _ in 0..2 {
            if kept.rows() < ROWS {
                session.append(&mut kept, &shares[rank].row_range(0..4)).unwrap();
                session.append(&mut kept, &shares[rank].row_range(4..ROWS)).unwrap();
            }
            for rows in [0..4, 4..7, 2..5, 6..7] {
                let error = Share::from_matrix(Matrix::filled(rows.len(), 1, 1));
                session.matmul_kept(&mut kept, rows.clone(), &other).unwrap();
                session.matmul_kept_transposed(&mut kept, rows, &error).unwrap();
            }
        }
        session.matmul(&other.transpose(), &other).unwrap();
        // A row more than the mask has is refused, and so is a matrix of other columns: nothing is sent.
        let opened = session.opened();
        let row = Share::<u64>::zeros(1, COLS);
        let error = session.append(&mut kept, &row).unwrap_err();
        assert!(matches!(error, Semi2kError::Triples(TriplesError::OursKept(_))), "{error}");
        let error = session.append(&mut kept, &Share::zeros(1, COLS + 1)).unwrap_err();
        assert!(matches!(error, Semi2kError::Ring(RingError::OursShape { .. })), "{error}");
        assert_eq!(session.opened(), opened);
        kept.rows()
    });
    assert_eq!(seen, [ROWS; 2]);
    let requests = requests.lock().unwrap();
    // 3 columns of 8 bytes fill two blocks.
    let first = requests[0].inputs.iter().map(|input| blocks(input).end).max().unwrap();
    let mask = first..first + 2 * ROWS as u64;
    let (mut fresh, mut replayed) = (Vec::new(), 0);
    for request in requests.iter() {
        for input in &request.inputs {
            let blocks = blocks(input);
            if mask.contains(&blocks.start) {
                assert!(blocks.end <= mask.end, "{request:?}");
                assert!(matches!(request.op, Op::Dot { .. }));
                replayed += 1;
            } else {
                assert!(blocks.end <= mask.start || blocks.start >= mask.end, "{request:?}");
                fresh.push(blocks);
            }
        }
    }
    assert_eq!(replayed, 16);
    fresh.sort_by_key(|blocks| blocks.start);
    for pair in fresh.windows(2) {
        assert!(pair[0].end <= pair[1].start, "{pair:?}");
    }
    // and nothing is left out between them: the counter moved as far as was drawn
    let drawn: u64 = fresh.iter().map(|blocks| blocks.end - blocks.start).sum();
    assert_eq!(drawn + 2 * ROWS as u64, fresh.last().unwrap().end);
}

#[test]
fn what_is_not_there_is_refused_before_anything_is_sent() {
    let dialect = Dialect::symbolon();
    run_parties(2, &dialect, F, |session: &mut Session<u64>, _| {
        let mut kept = session.keep(4, 2).unwrap();
        session.append(&mut kept, &Share::zeros(2, 2)).unwrap();
        let opened = session.opened();
        for rows in [0..3, 2..3, 1..1] {
            let y = Share::zeros(rows.len(), 1);
            for error in [
                session.matmul_kept(&mut kept, rows.clone(), &Share::zeros(2, 1)).unwrap_err(),
                session.matmul_kept_transposed(&mut kept, rows.clone(), &y).unwrap_err(),
            ] {
                assert!(matches!(error, Semi2kError::OursKeptRows { appended: 2, .. }), "{error}");
            }
        }
        let error = session.matmul_kept(&mut kept, 0..2, &Share::zeros(3, 1)).unwrap_err();
        assert!(matches!(error, Semi2kError::Ring(RingError::OursShape { .. })), "{error}");
        let error = session.matmul_kept_transposed(&mut kept, 0..2, &Share::zeros(1, 1)).unwrap_err();
        assert!(matches!(error, Semi2kError::Ring(RingError::OursShape { .. })), "{error}");
        assert_eq!(session.opened(), opened);
        session.schedule([Op::Mul { len: 1 }]).unwrap();
        let error = session.keep(1, 2).unwrap_err();
        assert!(error.to_string().contains("before operations are scheduled"), "{error}");
    });
    let config =
        SessionConfig { dealer_construction: Construction::CtrBigEndian, ..SessionConfig::new(F, &dialect) };
    run_configured(
        2,
        &dialect,
        |_| config,
        |session: &mut Session<u64>, _| {
            let error = session.keep(1, 2).unwrap_err();
            assert!(error.to_string().contains("little-endian counter"), "{error}");
        },
    );
}
