//! Masks per second, for batches of the usual size, on all threads of the pool.
//!
//! `SYMBOLON_BACKEND=serial|avx2|avx512` and `RAYON_NUM_THREADS` choose what is measured.
#![allow(missing_docs, reason = "criterion's macros generate public items")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use symbolon_curve::{Backend, Curve, Masker, SecretScalar, Suite};

fn masks(c: &mut Criterion) {
    let secret = SecretScalar::random(Curve::Curve25519).expect("randomness");
    let masker = Masker::new(Suite::CURVE25519_SHA256_DIRECT, secret).expect("suite");
    let items: Vec<String> = (0..4096).map(|i| format!("id-{i:010}")).collect();
    let points = masker.mask_items(&items).expect("masks");
    let mut group = c.benchmark_group(format!("curve25519/{}", Backend::chosen().name()));
    group.sample_size(10);
    group.throughput(Throughput::Elements(items.len() as u64));
    group.bench_function("hash", |b| b.iter(|| masker.hash_to_points(&items)));
    group.bench_function("mask_items", |b| b.iter(|| masker.mask_items(&items)));
    group.bench_function("mask_points", |b| {
        b.iter_batched(|| points.clone(), |points| masker.mask_points(&points), BatchSize::LargeInput);
    });
    group.finish();
}

criterion_group!(benches, masks);
criterion_main!(benches);
