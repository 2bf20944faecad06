//! Every operation does what its definition says: random seeds, lengths, rings, parties, both constructions.

use proptest::prelude::*;
use symbolon_ring::{Matrix, Ring};
use symbolon_triples::{Ahead, Cipher, Construction, Limits, LocalDealer, Op, Seed, Triples, TriplesConfig};

#[derive(Debug, Clone)]
struct Setting {
    seeds: Vec<u128>,
    adjust_rank: usize,
    construction: Construction,
    cipher: Cipher,
    scheduled: bool,
    ahead: Ahead,
}

fn settings() -> impl Strategy<Value = Setting> {
    let construction = prop_oneof![Just(Construction::BlocksLittleEndian), Just(Construction::CtrBigEndian)];
    let cipher = prop_oneof![Just(Cipher::Aes128), Just(Cipher::Sm4)];
    (2_usize..6).prop_flat_map(move |parties| {
        (
            prop::collection::vec(any::<u128>(), parties),
            0..parties,
            construction.clone(),
            cipher.clone(),
            any::<bool>(),
            (0_usize..4, prop_oneof![Just(0_u64), 0_u64..300]),
        )
            .prop_map(|(seeds, adjust_rank, construction, cipher, scheduled, (requests, bytes))| {
                Setting {
                    seeds,
                    adjust_rank,
                    construction,
                    cipher,
                    scheduled,
                    ahead: Ahead { max_requests: requests, max_bytes: bytes },
                }
            })
    })
}

fn parties<R: Ring>(setting: &Setting, ops: &[Op]) -> Vec<Triples<R>> {
    let seeds: Vec<Seed> = setting.seeds.iter().map(|&seed| Seed::from_u128_le(seed)).collect();
    let &Setting { adjust_rank, construction, cipher, ahead, .. } = setting;
    (0..seeds.len())
        .map(|rank| {
            let config =
                TriplesConfig { rank, world_size: seeds.len(), adjust_rank, cipher, construction, ahead };
            let dealer = (rank == adjust_rank).then(|| {
                let own = Seed::from_u128_le(setting.seeds[0] ^ 1);
                LocalDealer::new(seeds.clone(), cipher, construction, Limits::default(), &own).unwrap()
            });
            let dealer = dealer.map(|dealer| Box::new(dealer) as _);
            let mut triples = Triples::new(&seeds[rank], config, dealer).unwrap();
            if setting.scheduled {
                triples.schedule(ops.iter().copied()).unwrap();
            }
            triples
        })
        .collect()
}

fn joined<R: Ring>(shares: Vec<Vec<R>>, join: fn(R, R) -> R) -> Vec<R> {
    shares.into_iter().reduce(|a, b| a.into_iter().zip(b).map(|(a, b)| join(a, b)).collect()).unwrap()
}

fn each<R: Ring, T>(parties: &mut [Triples<R>], mut draw: impl FnMut(&mut Triples<R>) -> T) -> Vec<T> {
    parties.iter_mut().map(&mut draw).collect()
}

fn check<R: Ring>(parties: &mut [Triples<R>], op: Op) {
    match op {
        Op::Mul { len } | Op::And { len } => {
            let xor = matches!(op, Op::And { .. });
            let drawn = each(parties, |t| if xor { t.and(len) } else { t.mul(len) }.unwrap());
            let join = if xor { R::xor } else { R::add };
            let product = if xor { R::and } else { R::mul };
            let a = joined(drawn.iter().map(|t| t.a.clone()).collect(), join);
            let b = joined(drawn.iter().map(|t| t.b.clone()).collect(), join);
            let c = joined(drawn.iter().map(|t| t.c.clone()).collect(), join);
            assert_eq!(c.len(), len);
            assert!(a.iter().zip(&b).zip(&c).all(|((&a, &b), &c)| product(a, b) == c), "{op}");
        }
        Op::Dot { m, k, n } => {
            let drawn = each(parties, |t| t.dot(m, k, n).unwrap());
            let sum = |part: fn(&symbolon_triples::DotTriple<R>) -> Matrix<R>| {
                drawn.iter().map(part).reduce(|a, b| a.add(&b).unwrap()).unwrap()
            };
            let (a, b) = (sum(|t| t.a.to_matrix().unwrap()), sum(|t| t.b.to_matrix().unwrap()));
            let c = sum(|t| t.c.clone());
            assert_eq!((a.shape(), b.shape(), c.shape()), ((m, k), (k, n), (m, n)));
            for row in 0..m {
                for col in 0..n {
                    let want = (0..k).fold(R::ZERO, |s, i| s.add(a.get(row, i).mul(b.get(i, col))));
                    assert_eq!(c.get(row, col), want, "{op}");
                }
            }
        }
        Op::Trunc { len, bits } => {
            let drawn = each(parties, |t| t.trunc(len, bits).unwrap());
            let r = joined(drawn.iter().map(|t| t.r.clone()).collect(), R::add);
            let shifted = joined(drawn.into_iter().map(|t| t.shifted).collect(), R::add);
            for (r, shifted) in r.iter().zip(&shifted) {
                // floor division of the signed number
                assert_eq!(shifted.to_i128(), r.to_i128() >> bits, "{op}");
            }
        }
        Op::TruncPr { len, bits } => {
            let drawn = each(parties, |t| t.trunc_pr(len, bits).unwrap());
            let r = joined(drawn.iter().map(|t| t.r.clone()).collect(), R::add);
            let high = joined(drawn.iter().map(|t| t.high.clone()).collect(), R::add);
            let top = joined(drawn.into_iter().map(|t| t.top).collect(), R::add);
            for ((r, high), top) in r.iter().zip(&high).zip(&top) {
                let below = r.and(R::from_i128(-1).shr(1));
                assert_eq!(high.to_i128(), below.to_i128() >> bits, "{op}");
                assert_eq!(*top == R::ONE, r.to_i128() < 0, "{op}");
                assert!(*top == R::ONE || *top == R::ZERO);
            }
        }
        Op::RandBit { len } => {
            let bits = joined(each(parties, |t| t.rand_bit(len).unwrap()), R::add);
            assert!(bits.iter().all(|&bit| bit == R::ZERO || bit == R::ONE), "{op}");
            // 2^-64 for each of the two
            assert!(len < 64 || (bits.contains(&R::ZERO) && bits.contains(&R::ONE)));
        }
    }
}

fn ops(field_bits: u32) -> impl Strategy<Value = Vec<Op>> {
    let len = 1_usize..70;
    let op = prop_oneof![
        len.clone().prop_map(|len| Op::Mul { len }),
        (1_usize..9, 1_usize..9, 1_usize..9).prop_map(|(m, k, n)| Op::Dot { m, k, n }),
        len.clone().prop_map(|len| Op::And { len }),
        (len.clone(), 0..field_bits).prop_map(|(len, bits)| Op::Trunc { len, bits }),
        (len.clone(), 0..field_bits - 1).prop_map(|(len, bits)| Op::TruncPr { len, bits }),
        len.prop_map(|len| Op::RandBit { len }),
    ];
    prop::collection::vec(op, 1..8)
}

fn run<R: Ring>(setting: &Setting, ops: &[Op]) {
    let mut parties = parties::<R>(setting, ops);
    let mut counter = 0;
    for &op in ops {
        check(&mut parties, op);
        counter = op.end(R::FIELD, counter).unwrap();
        assert!(
            parties.iter().all(|party| party.counter() == counter),
            "all streams stand at the same block"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn ring32(setting in settings(), ops in ops(32)) {
        run::<u32>(&setting, &ops);
    }

    #[test]
    fn ring64(setting in settings(), ops in ops(64)) {
        run::<u64>(&setting, &ops);
    }

    #[test]
    fn ring128(setting in settings(), ops in ops(128)) {
        run::<u128>(&setting, &ops);
    }
}
