//! The corrections of SPU's dealers: what every definition promises must hold for the parties' own draws.

use proptest::prelude::*;
use symbolon_prg::CounterStream;
use symbolon_ring::{Field, Matrix, Ring};
use symbolon_triples::{
    Cipher, Construction, CorrectionPieces, Fault, Limits, Piece, ReplayBuffer, ReplayOp, ReplayRequest,
    Seed, Shuffle, TriplesError,
};

#[derive(Debug, Clone)]
struct Setting {
    /// Keys of each buffer: a replayed mask can be older than the session.
    seeds: [Vec<u128>; 3],
    counters: [u64; 3],
    construction: Construction,
    piece: usize,
}

fn settings() -> impl Strategy<Value = Setting> {
    let construction = prop_oneof![Just(Construction::BlocksLittleEndian), Just(Construction::CtrBigEndian)];
    (2_usize..5).prop_flat_map(move |parties| {
        let seeds = prop::collection::vec(any::<u128>(), parties);
        (
            [seeds.clone(), seeds.clone(), seeds],
            prop::array::uniform3(0..1_u64 << 50),
            construction.clone(),
            1_usize..200,
        )
            .prop_map(|(seeds, counters, construction, piece)| Setting {
                seeds,
                counters,
                construction,
                piece,
            })
    })
}

impl Setting {
    fn request(&self, op: ReplayOp, field: Field, bytes: &[usize]) -> ReplayRequest {
        let seeds = |keys: &[u128]| keys.iter().map(|&key| Seed::from_u128_le(key)).collect();
        let buffer = |(index, &bytes): (usize, &usize)| ReplayBuffer {
            counter: self.counters[index],
            bytes: bytes as u64,
            seeds: seeds(&self.seeds[index]),
        };
        let buffers = bytes.iter().enumerate().map(buffer).collect();
        ReplayRequest { op, field, buffers, shuffle: None }
    }

    /// The whole corrections, and that they came in the pieces asked for.
    fn corrections(&self, request: ReplayRequest) -> Vec<Vec<u8>> {
        let own = Seed::from_u128_le(7);
        let limits = Limits::default();
        let pieces =
            CorrectionPieces::new(request, Cipher::Aes128, self.construction, &limits, self.piece, &own)
                .unwrap();
        let lens = pieces.correction_bytes();
        let mut whole = vec![Vec::new(); lens.len()];
        let mut last = 0;
        for piece in pieces {
            let Piece { correction, bytes } = piece.unwrap();
            assert!(
                correction >= last && !bytes.is_empty() && bytes.len() <= self.piece.next_multiple_of(16)
            );
            last = correction;
            whole[correction].extend_from_slice(&bytes);
        }
        for (len, whole) in lens.iter().zip(&whole) {
            assert_eq!(*len, whole.len() as u64);
        }
        whole
    }

    /// What every party draws for buffer `index`.
    fn shares<R: Ring>(&self, index: usize, len: usize) -> Vec<Vec<R>> {
        let share = |&key: &u128| {
            let mut stream = CounterStream::new(Cipher::Aes128, self.construction, &Seed::from_u128_le(key));
            stream.set_counter(self.counters[index]);
            stream.draw_matrix(1, len).unwrap().into_vec()
        };
        self.seeds[index].iter().map(share).collect()
    }

    fn joined<R: Ring>(&self, index: usize, len: usize, join: fn(R, R) -> R) -> Vec<R> {
        let shares = self.shares::<R>(index, len);
        shares.into_iter().reduce(|a, b| a.iter().zip(&b).map(|(&a, &b)| join(a, b)).collect()).unwrap()
    }
}

fn elements<R: Ring>(bytes: &[u8]) -> Vec<R> {
    Matrix::from_le_bytes(1, bytes.len() / R::BYTES, bytes).unwrap().into_vec()
}

fn zip<R: Ring>(a: &[R], b: &[R], f: impl Fn(R, R) -> R) -> Vec<R> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
}

fn elementwise<R: Ring>(setting: &Setting, len: usize, bits: u32) {
    let size = len * R::BYTES;
    let run = |op, buffers: usize| -> Vec<Vec<R>> {
        let request = setting.request(op, R::FIELD, &[size; 3][..buffers]);
        setting.corrections(request).iter().map(|bytes| elements(bytes)).collect()
    };
    let sum = |index| setting.joined::<R>(index, len, R::add);
    // The adjust rank adds the correction to its share of the last buffer.
    let adjusted = |index: usize, correction: &[R]| zip(&sum(index), correction, R::add);
    let (a, b) = (sum(0), sum(1));

    assert_eq!(adjusted(2, &run(ReplayOp::Mul { len }, 3)[0]), zip(&a, &b, R::mul));
    assert_eq!(adjusted(1, &run(ReplayOp::Square { len }, 2)[0]), zip(&a, &a, R::mul));
    let product = setting.joined::<R>(0, len, R::mul);
    assert_eq!(adjusted(1, &run(ReplayOp::MulPriv { len }, 2)[0]), product);
    let shifted: Vec<R> = a.iter().map(|a| a.ashr(bits)).collect();
    assert_eq!(adjusted(1, &run(ReplayOp::Trunc { len, bits }, 2)[0]), shifted);
    let both = run(ReplayOp::TruncPr { len, bits }, 3);
    let high: Vec<R> = a.iter().map(|a| a.shl(1).shr(1).shr(bits)).collect();
    let top: Vec<R> = a.iter().map(|a| a.shr(R::BITS - 1)).collect();
    assert_eq!((adjusted(1, &both[0]), adjusted(2, &both[1])), (high, top));
    for bit in adjusted(0, &run(ReplayOp::RandBit { len }, 1)[0]) {
        assert!(bit == R::ZERO || bit == R::ONE);
    }
    // Equality pairs: a by addition, b by exclusive or, the same number.
    let correction = &run(ReplayOp::Eqz { len }, 2)[0];
    assert_eq!(zip(&setting.joined::<R>(1, len, R::xor), correction, R::xor), a);
}

fn dot<R: Ring>(setting: &Setting, (m, k, n): (usize, usize, usize), transposed: [bool; 2]) {
    let sizes = [m * k, k * n, m * n].map(|elements| elements * R::BYTES);
    let request = setting.request(ReplayOp::Dot { m, k, n, transposed }, R::FIELD, &sizes);
    let correction = elements::<R>(&setting.corrections(request)[0]);
    let matrix = |index: usize, rows: usize, cols: usize, transposed: bool| {
        let drawn = setting.joined::<R>(index, rows * cols, R::add);
        Matrix::from_fn(rows, cols, |i, j| if transposed { drawn[j * rows + i] } else { drawn[i * cols + j] })
    };
    let product = matrix(0, m, k, transposed[0]).matmul(&matrix(1, k, n, transposed[1])).unwrap();
    assert_eq!(zip(&setting.joined::<R>(2, m * n, R::add), &correction, R::add), product.into_vec());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn elementwise_corrections(setting in settings(), len in 1_usize..90, bits in 0_u32..30) {
        elementwise::<u32>(&setting, len, bits);
        elementwise::<u64>(&setting, len, bits * 2);
        elementwise::<u128>(&setting, len, bits * 4);
    }

    #[test]
    fn products(setting in settings(), shape in (1_usize..7, 1_usize..7, 1_usize..7), transposed: [bool; 2]) {
        dot::<u32>(&setting, shape, transposed);
        dot::<u64>(&setting, shape, transposed);
        dot::<u128>(&setting, shape, transposed);
    }

    #[test]
    fn and_of_any_number_of_bytes(setting in settings(), bytes in 1_usize..200) {
        for field in [Field::Ring32, Field::Ring64, Field::Ring128] {
            let correction = &setting.corrections(setting.request(ReplayOp::And { bytes }, field, &[bytes; 3]))[0];
            let draw = |index| {
                let blocks = setting.joined::<u128>(index, bytes.div_ceil(16), |a, b| a ^ b);
                let mut drawn: Vec<u8> = blocks.iter().flat_map(|block| block.to_le_bytes()).collect();
                drawn.truncate(bytes);
                drawn
            };
            let (a, b, c) = (draw(0), draw(1), draw(2));
            for i in 0..bytes {
                prop_assert_eq!(c[i] ^ correction[i], a[i] & b[i]);
            }
        }
    }

    #[test]
    fn permutations(setting in settings(), len in 1_usize..60, seed: u128, counter in 0..1_u64 << 50) {
        let size = len * 8;
        let mut request = setting.request(ReplayOp::Perm { len }, Field::Ring64, &[size; 2]);
        request.shuffle = Some(Shuffle { counter, seed: Seed::from_u128_le(seed) });
        let correction = elements::<u64>(&setting.corrections(request)[0]);
        let moved = zip(&setting.joined::<u64>(1, len, u64::wrapping_add), &correction, u64::wrapping_add);

        let mut stream =
            CounterStream::new(Cipher::Aes128, Construction::CtrBigEndian, &Seed::from_u128_le(seed)).at(counter);
        let random: Vec<u128> = stream.draw_matrix(1, len - 1).unwrap().into_vec();
        let mut places: Vec<usize> = (0..len).collect();
        for i in (1..len).rev() {
            places.swap(i, (random[i - 1] % (i as u128 + 1)) as usize);
        }
        let r = setting.joined::<u64>(0, len, u64::wrapping_add);
        for (i, place) in places.into_iter().enumerate() {
            prop_assert_eq!(moved[place], r[i]);
        }
    }
}

fn setting() -> Setting {
    let construction = Construction::BlocksLittleEndian;
    Setting { seeds: [vec![1, 2], vec![3, 4], vec![5, 6]], counters: [0; 3], construction, piece: 32 << 20 }
}

fn fault(request: &ReplayRequest) -> Fault {
    match request.check(&Limits::default()) {
        Err(TriplesError::PeerReplay { op, fault }) => {
            assert_eq!(op, request.op);
            fault
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn impossible_requests_are_refused_before_anything_is_allocated() {
    let field = Field::Ring64;
    let good = || setting().request(ReplayOp::Mul { len: 2 }, field, &[16; 3]);
    assert_eq!(good().check(&Limits::default()), Ok(()));

    let mut request = good();
    request.buffers.pop();
    assert_eq!(fault(&request), Fault::BufferCount { expected: 3, got: 2 });
    let mut request = good();
    request.buffers[1].bytes = 24;
    assert_eq!(fault(&request), Fault::BufferBytes { index: 1, expected: 16, got: 24 });
    let mut request = good();
    request.buffers[2].counter = u64::MAX;
    assert_eq!(fault(&request), Fault::Counter { index: 2, counter: u64::MAX });
    let mut request = good();
    request.buffers[2].seeds.pop();
    assert_eq!(fault(&request), Fault::Seeds { index: 2, seeds: 1 });
    let mut request = good();
    request.shuffle = Some(Shuffle { counter: 0, seed: Seed::from_u128_le(1) });
    assert_eq!(fault(&request), Fault::Shuffle);
    assert!(!format!("{request:?}").contains("seed"));

    let mut request = setting().request(ReplayOp::Perm { len: 2 }, field, &[16; 2]);
    assert_eq!(fault(&request), Fault::Shuffle);
    request.shuffle = Some(Shuffle { counter: u64::MAX, seed: Seed::from_u128_le(1) });
    assert_eq!(fault(&request), Fault::Counter { index: 2, counter: u64::MAX });

    let op = |op, bytes: &[usize]| fault(&setting().request(op, field, bytes));
    assert_eq!(op(ReplayOp::Square { len: 0 }, &[0; 2]), Fault::Empty);
    assert_eq!(op(ReplayOp::And { bytes: 0 }, &[0; 3]), Fault::Empty);
    assert_eq!(op(ReplayOp::Mul { len: usize::MAX }, &[0; 3]), Fault::Overflow);
    let transposed = [true, false];
    assert_eq!(op(ReplayOp::Dot { m: usize::MAX, k: 2, n: 1, transposed }, &[0; 3]), Fault::Overflow);
    assert_eq!(op(ReplayOp::Trunc { len: 1, bits: 64 }, &[8; 2]), Fault::Bits { bits: 64, most: 63 });
    assert_eq!(op(ReplayOp::TruncPr { len: 1, bits: 63 }, &[8; 3]), Fault::Bits { bits: 63, most: 62 });
    let side = 1 << 14;
    let sides = [side * side * 8; 3];
    let whole = ReplayOp::Dot { m: side, k: side, n: side, transposed };
    assert!(matches!(op(whole, &sides), Fault::TooLarge { .. }));
    // The same bytes are no trouble when they are computed in pieces.
    let pieces = ReplayOp::Mul { len: side * side };
    assert_eq!(setting().request(pieces, field, &sides).check(&Limits::default()), Ok(()));
    assert!(setting().request(pieces, field, &sides).working_bytes(32 << 20) <= 128 << 20);
}
