//! What a product with one column costs in masks: the dealer's correction for two parties, a party's X - A and its A·E, and
//! the same for the transposed product; 4096×101 in Z_2^64.
//!
//! `SYMBOLON_BACKEND=serial|avx2|avx512` and `RAYON_NUM_THREADS` choose what is measured. The throughput is in elements of
//! the mask per second.
#![allow(missing_docs, reason = "criterion_group! makes an undocumented function")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use symbolon_ring::{Field, Matrix};
use symbolon_triples::{
    AdjustRequest, Ahead, Cipher, Construction, Dealer, DealerError, Limits, LocalDealer, Op, Seed, Triples,
    TriplesConfig,
};

const ROWS: usize = 4096;
const COLS: usize = 101;
const CIPHER: Cipher = Cipher::Aes128;
const CONSTRUCTION: Construction = Construction::BlocksLittleEndian;

fn seeds() -> Vec<Seed> {
    [1, 2].map(|byte| Seed::from_bytes([byte; 16])).into()
}

fn dealer() -> LocalDealer {
    LocalDealer::new(seeds(), CIPHER, CONSTRUCTION, Limits::default(), &Seed::from_bytes([3; 16])).unwrap()
}

/// A party that needs no dealer.
fn party() -> Triples<u64> {
    let config = TriplesConfig {
        rank: 1,
        world_size: 2,
        adjust_rank: 0,
        cipher: CIPHER,
        construction: CONSTRUCTION,
        ahead: Ahead::default(),
    };
    Triples::new(&Seed::from_bytes([2; 16]), config, None).unwrap()
}

fn products(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("4096x101, Z_2^64");
    group.throughput(Throughput::Elements((ROWS * COLS) as u64));
    let mut dealer = dealer();
    for (name, m, k) in [
        ("correction of X·w", ROWS, COLS),
        ("correction of Xᵀ·e", COLS, ROWS),
        ("correction of (eᵀX)ᵀ", 1, ROWS),
    ] {
        let n = if m == 1 { COLS } else { 1 };
        let request = AdjustRequest::new(Op::Dot { m, k, n }, Field::Ring64, 0).unwrap();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let corrections: Result<Vec<Vec<u64>>, DealerError> = dealer.adjust(&request);
                corrections.unwrap()
            });
        });
    }
    let x = Matrix::<u64>::from_fn(ROWS, COLS, |row, col| (row * COLS + col) as u64);
    let triple = party().dot(ROWS, COLS, 1).unwrap();
    group.bench_function("X - A", |bencher| bencher.iter(|| triple.a.subtracted_from(&x).unwrap()));
    let (right, mut acc) = (Matrix::filled(COLS, 1, 7), Matrix::zeros(ROWS, 1));
    group.bench_function("A·E", |bencher| bencher.iter(|| triple.a.matmul_add(&right, &mut acc).unwrap()));
    let transposed = party().dot(COLS, ROWS, 1).unwrap();
    group.bench_function("Xᵀ - A", |bencher| {
        bencher.iter(|| transposed.a.subtracted_from_transposed(&x).unwrap());
    });
    let (left, mut acc) = (Matrix::filled(1, ROWS, 7), Matrix::zeros(1, COLS));
    group.bench_function("E·A", |bencher| {
        bencher.iter(|| triple.a.premultiplied_add(&left, &mut acc).unwrap());
    });
    group.finish();
}

criterion_group!(benches, products);
criterion_main!(benches);
