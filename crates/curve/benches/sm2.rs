//! SM2 by backend: points per second on one thread.
#![allow(missing_docs, reason = "criterion's macros generate public items")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use symbolon_curve::{Backend, Curve, HashToCurve, Masker, PointFormat, SecretScalar, Suite};

const POINTS: usize = 1024;

fn sm2(c: &mut Criterion) {
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let items: Vec<String> = (0..POINTS).map(|i| format!("id-{i:010}")).collect();
    for backend in Backend::available() {
        let masker = |suite| {
            let secret = SecretScalar::random(Curve::Sm2).expect("randomness");
            Masker::with_backend(suite, secret, backend).expect("suite")
        };
        let mut group = c.benchmark_group(format!("sm2/{}", backend.name()));
        group.sample_size(10);
        group.throughput(Throughput::Elements(POINTS as u64));
        let sswu = |map| Suite { map, ..Suite::SM2_SM3_INCREMENT };
        let maps = [
            Suite::SM2_SM3_INCREMENT,
            Suite::SM2_SHA256_REHASH,
            sswu(HashToCurve::SswuRo),
            sswu(HashToCurve::SswuNu),
        ];
        for suite in maps {
            let masker = masker(suite);
            group.bench_function(format!("hash/{suite}"), |b| {
                b.iter(|| one_thread.install(|| masker.hash_to_points(&items)));
            });
            group.bench_function(format!("mask_items/{suite}"), |b| {
                b.iter(|| one_thread.install(|| masker.mask_items(&items)));
            });
        }
        for format in [PointFormat::X962Compressed, PointFormat::X962Uncompressed] {
            let masker = masker(Suite { format, ..Suite::SM2_SM3_INCREMENT });
            let points = masker.mask_items(&items).expect("masks");
            group.bench_function(format!("mask_points/{format:?}"), |b| {
                b.iter(|| one_thread.install(|| masker.mask_points(&points)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, sm2);
criterion_main!(benches);
