//! Requests that a dealer refuses, and sources that cannot be made.

use symbolon_prg::CounterStream;
use symbolon_ring::Field;
use symbolon_triples::{
    AdjustRequest, Ahead, Cipher, Construction, Fault, Limits, LocalDealer, Op, Seed, Triples, TriplesConfig,
    TriplesError, adjust,
};

fn dot() -> AdjustRequest {
    AdjustRequest::new(Op::Dot { m: 3, k: 2, n: 5 }, Field::Ring64, 10).unwrap()
}

fn fault(request: &AdjustRequest, limits: &Limits) -> Fault {
    match request.check(limits) {
        Err(TriplesError::PeerRequest { op, fault }) => {
            assert_eq!(op, request.op);
            fault
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_request_is_accepted_at_exactly_its_size() {
    let bytes = (3 * 2 + 2 * 5 + 3 * 5) * 8;
    assert_eq!(dot().check(&Limits { max_bytes_per_request: bytes, ..Limits::default() }), Ok(()));
    let limit = bytes - 1;
    assert_eq!(
        fault(&dot(), &Limits { max_bytes_per_request: limit, ..Limits::default() }),
        Fault::TooLarge { bytes, limit }
    );
}

#[test]
fn buffers_must_be_those_of_the_operation() {
    let limits = Limits::default();
    let mut request = dot();
    request.inputs.pop();
    assert_eq!(fault(&request, &limits), Fault::BufferCount { expected: 3, got: 2 });
    let mut request = dot();
    request.inputs.push(request.inputs[0]);
    assert_eq!(fault(&request, &limits), Fault::BufferCount { expected: 3, got: 4 });
    for index in 0..3 {
        let mut request = dot();
        request.inputs[index].bytes += 8;
        let got = request.inputs[index].bytes;
        assert_eq!(fault(&request, &limits), Fault::BufferBytes { index, expected: got - 8, got });
        let mut request = dot();
        request.inputs[index].counter = u64::MAX;
        assert_eq!(fault(&request, &limits), Fault::Counter { index, counter: u64::MAX });
    }
}

#[test]
fn huge_operations_are_refused_before_anything_is_allocated() {
    let big = 1_usize << 40;
    for op in [
        Op::Mul { len: usize::MAX },
        Op::And { len: usize::MAX / 8 + 1 },
        Op::Trunc { len: usize::MAX / 2, bits: 1 },
        Op::TruncPr { len: usize::MAX, bits: 1 },
        Op::RandBit { len: usize::MAX },
        Op::Dot { m: big, k: big, n: 1 },
        Op::Dot { m: 1, k: big, n: big },
        Op::Dot { m: big, k: 1, n: big },
    ] {
        let inputs = dot().inputs;
        let request = AdjustRequest { op, field: Field::Ring64, inputs };
        assert_eq!(fault(&request, &Limits::default()), Fault::Overflow, "{op}");
        assert_eq!(op.inputs(Field::Ring64, 0), Err(TriplesError::OursOp { op, fault: Fault::Overflow }));
        assert!(op.correction_bytes(Field::Ring128) >= 1 << 40);
    }
    let op = Op::Dot { m: 1, k: big, n: 1 };
    let request = AdjustRequest::new(op, Field::Ring128, 0).unwrap();
    assert!(matches!(fault(&request, &Limits::default()), Fault::TooLarge { .. }));
}

#[test]
fn empty_operations_and_impossible_shifts() {
    for (op, fault) in [
        (Op::Mul { len: 0 }, Fault::Empty),
        (Op::RandBit { len: 0 }, Fault::Empty),
        (Op::Dot { m: 2, k: 0, n: 2 }, Fault::Empty),
        (Op::Dot { m: 2, k: 2, n: 0 }, Fault::Empty),
        (Op::Trunc { len: 1, bits: 32 }, Fault::Bits { bits: 32, most: 31 }),
        (Op::TruncPr { len: 1, bits: 31 }, Fault::Bits { bits: 31, most: 30 }),
    ] {
        assert_eq!(op.inputs(Field::Ring32, 0), Err(TriplesError::OursOp { op, fault: fault.clone() }));
        let request = AdjustRequest { op, field: Field::Ring32, inputs: Vec::new() };
        assert_eq!(request.check(&Limits::default()), Err(TriplesError::PeerRequest { op, fault }));
    }
}

#[test]
fn counters_do_not_wrap() {
    let op = Op::Mul { len: 3 };
    let last = u64::MAX - 6;
    assert_eq!(op.end(Field::Ring64, last), Ok(u64::MAX));
    let fault = Fault::Counter { index: 2, counter: u64::MAX - 1 };
    assert_eq!(op.inputs(Field::Ring64, last + 1), Err(TriplesError::OursOp { op, fault }));
}

#[test]
fn the_arithmetic_checks_its_ring_and_its_seeds() {
    let mut bits = CounterStream::new(Cipher::Aes128, Construction::CtrBigEndian, &Seed::from_u128_le(1));
    let seeds = [Seed::from_u128_le(1), Seed::from_u128_le(2)];
    let (limits, cipher, construction) = (Limits::default(), Cipher::Aes128, Construction::CtrBigEndian);
    assert_eq!(
        adjust::<u32>(&seeds, cipher, construction, &dot(), &limits, &mut bits),
        Err(TriplesError::OursField { requested: Field::Ring64, actual: Field::Ring32 })
    );
    assert_eq!(
        adjust::<u64>(&seeds[..1], cipher, construction, &dot(), &limits, &mut bits),
        Err(TriplesError::ConfigSeeds { seeds: 1 })
    );
    let small = Limits { max_bytes_per_request: 8, ..Limits::default() };
    assert!(matches!(
        adjust::<u64>(&seeds, cipher, construction, &dot(), &small, &mut bits),
        Err(TriplesError::PeerRequest { fault: Fault::TooLarge { .. }, .. })
    ));
}

#[test]
fn ranks_and_dealers_must_fit() {
    let config = |rank, world_size, adjust_rank| TriplesConfig {
        rank,
        world_size,
        adjust_rank,
        cipher: Cipher::Aes128,
        construction: Construction::CtrBigEndian,
        ahead: Ahead::default(),
    };
    let seed = Seed::from_u128_le(1);
    for bad in [config(0, 1, 0), config(2, 2, 0), config(0, 2, 2)] {
        assert!(matches!(Triples::<u64>::new(&seed, bad, None), Err(TriplesError::ConfigRanks { .. })));
    }
    assert!(matches!(
        Triples::<u64>::new(&seed, config(0, 2, 0), None),
        Err(TriplesError::ConfigDealer { has_dealer: false, .. })
    ));
    let seeds = vec![Seed::from_u128_le(1), Seed::from_u128_le(2)];
    let dealer =
        LocalDealer::new(seeds, Cipher::Aes128, Construction::CtrBigEndian, Limits::default(), &seed)
            .unwrap();
    assert!(matches!(
        Triples::<u64>::new(&seed, config(1, 2, 0), Some(Box::new(dealer))),
        Err(TriplesError::ConfigDealer { has_dealer: true, .. })
    ));
    let one = vec![Seed::from_u128_le(1)];
    let made = LocalDealer::new(one, Cipher::Aes128, Construction::CtrBigEndian, Limits::default(), &seed);
    assert!(matches!(made, Err(TriplesError::ConfigSeeds { seeds: 1 })));
}

#[test]
fn nothing_secret_is_printed() {
    let seeds = vec![Seed::from_u128_le(0xabcdef), Seed::from_u128_le(2)];
    let own = Seed::from_u128_le(3);
    let dealer =
        LocalDealer::new(seeds, Cipher::Aes128, Construction::CtrBigEndian, Limits::default(), &own).unwrap();
    assert_eq!(format!("{dealer:?}"), "LocalDealer { parties: 2, .. }");
    let config = TriplesConfig {
        rank: 0,
        world_size: 2,
        adjust_rank: 0,
        cipher: Cipher::Aes128,
        construction: Construction::CtrBigEndian,
        ahead: Ahead::default(),
    };
    let mut triples =
        Triples::<u32>::new(&Seed::from_u128_le(0xabcdef), config, Some(Box::new(dealer))).unwrap();
    assert_eq!(format!("{:?}", triples.mul(4).unwrap()), "Triple(4)");
    assert_eq!(format!("{:?}", triples.dot(1, 2, 3).unwrap()), "DotTriple((1, 3))");
    assert_eq!(format!("{:?}", triples.trunc(5, 3).unwrap()), "TruncPair(5)");
    assert_eq!(format!("{:?}", triples.trunc_pr(6, 3).unwrap()), "TruncPrTriple(6)");
    assert!(!format!("{triples:?}").contains("abcdef"));
}
