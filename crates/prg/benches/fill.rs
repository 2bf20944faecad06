//! Filling a buffer, both constructions and both ciphers; 64 KiB stays on one thread, the largest does not.
//!
//! `SYMBOLON_BACKEND=serial|avx2|avx512` and `RAYON_NUM_THREADS` choose what is measured.
#![allow(missing_docs, reason = "criterion_group! makes an undocumented function")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use symbolon_prg::{Cipher, Construction, CounterStream, Seed};

fn fill(criterion: &mut Criterion) {
    let seed = Seed::from_bytes([7; 16]);
    for (cipher, large) in [(Cipher::Aes128, 16 << 20), (Cipher::Sm4, 2 << 20)] {
        for construction in [Construction::CtrBigEndian, Construction::BlocksLittleEndian] {
            let mut group = criterion.benchmark_group(format!("{cipher:?}/{construction:?}"));
            group.sample_size(20).measurement_time(std::time::Duration::from_millis(800));
            group.warm_up_time(std::time::Duration::from_millis(300));
            for bytes in [64, 64 << 10, large] {
                let mut stream = CounterStream::new(cipher, construction, &seed);
                let mut out = vec![0; bytes];
                group.throughput(Throughput::Bytes(bytes as u64));
                group.bench_function(format!("{bytes} bytes"), |bencher| {
                    bencher.iter(|| stream.fill(&mut out).unwrap());
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, fill);
criterion_main!(benches);
