//! Matrix products, matrix times vector and square, the masking of a transposed matrix, and the
//! encoding of a table; all rings.
//!
//! `SYMBOLON_BACKEND=serial|avx2|avx512` and `RAYON_NUM_THREADS` choose what is measured. The throughput
//! is in multiplications, or elements, per second.
#![allow(missing_docs, reason = "criterion_group! makes an undocumented function")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use symbolon_ring::{FixedPoint, Matrix, Ring};

fn products<R: Ring>(criterion: &mut Criterion) {
    let mut state = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835_u128.cast_signed();
    let mut random = |_, _| {
        state = state.wrapping_mul(0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645).wrapping_add(1);
        R::from_i128(state.rotate_left(64))
    };
    let backend = symbolon_ring::backend_name().unwrap();
    let mut group = criterion.benchmark_group(format!("{}/{backend}", R::FIELD));
    group.sample_size(20).measurement_time(std::time::Duration::from_millis(800));
    group.warm_up_time(std::time::Duration::from_millis(300));
    // The second is larger than any cache: it measures the memory.
    for (m, k, n) in [(4096, 101, 1), (163_840, 101, 1), (101, 4096, 1), (4096, 101, 3), (512, 512, 512)] {
        let (a, b) = (Matrix::from_fn(m, k, &mut random), Matrix::from_fn(k, n, &mut random));
        let mut acc = Matrix::zeros(m, n);
        group.throughput(Throughput::Elements((m * k * n) as u64));
        group.bench_function(format!("{m}x{k} * {k}x{n}"), |bencher| {
            bencher.iter(|| a.matmul_add(black_box(&b), &mut acc).unwrap());
        });
    }
    let x = Matrix::from_fn(4096, 101, &mut random);
    let mut out = Matrix::<R>::zeros(101, 4096);
    group.throughput(Throughput::Elements(x.len() as u64));
    group.bench_function("(4096x101)ᵀ - 101x4096", |bencher| {
        bencher.iter(|| black_box(&x).transposed_minus(0, out.as_mut_slice()));
    });
    let fixed = FixedPoint::<R>::new(10).unwrap();
    let values: Vec<f32> = (0..4096 * 101).map(|value: i32| (value % 4001 - 2000) as f32 / 128.0).collect();
    group.bench_function("4096x101 encoded", |bencher| {
        bencher.iter(|| fixed.encode_matrix(4096, 101, black_box(&values)).unwrap());
    });
    group.finish();
}

criterion_group!(benches, products::<u32>, products::<u64>, products::<u128>);
criterion_main!(benches);
