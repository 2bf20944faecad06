//! What a session refuses: peers' messages, its own configuration, shapes.

use bytes::Bytes;
use symbolon_dialect::{DealerDialect, Dialect};
use symbolon_link::Channel;
use symbolon_ring::{Matrix, RingError};
use symbolon_semi2k::{
    DealerOpening, Semi2kError, Session, SessionConfig, Share, decode_u128, encode_u128,
    testing::{establish, local_dealer, run_channels, run_parties, seeds},
};
use symbolon_triples::{DealerError, TriplesError};

/// Rank 0 is honest; rank 1 sets its session up and then speaks on the channel by hand.
fn against<T: Send>(honest: impl Fn(&mut Session<u64>) -> T + Sync, peer: impl Fn(&Channel) + Sync) -> T {
    let dialect = Dialect::symbolon();
    let mut results = run_channels(2, &dialect, |channel, rank| {
        let mut session = establish::<u64>(channel, SessionConfig::new(8, &dialect), &dialect).unwrap();
        if rank == 0 {
            Some(honest(&mut session))
        } else {
            peer(session.channel());
            None
        }
    });
    results.swap_remove(0).unwrap()
}

fn send_openings(lengths: &[usize]) -> impl Fn(&Channel) + Sync {
    move |channel: &Channel| {
        for &length in lengths {
            channel.allgather(Bytes::from(vec![0; length])).unwrap();
        }
    }
}

fn opening(error: Semi2kError) -> (usize, &'static str, usize, usize) {
    match error {
        Semi2kError::PeerOpening { peer, operation, expected, got, .. } => (peer, operation, expected, got),
        other => panic!("{other}"),
    }
}

#[test]
fn openings_of_the_wrong_length_name_peer_and_operation() {
    let x = || Share::from_matrix(Matrix::<u64>::zeros(3, 2));
    let y = || Share::from_matrix(Matrix::<u64>::zeros(2, 1));

    let error = against(|s| s.matmul(&x(), &y()).unwrap_err(), send_openings(&[47, 16]));
    let text = error.to_string();
    assert!(text.contains("rank 1") && text.contains("X - A") && text.contains("3x2"), "{text}");
    assert_eq!(opening(error), (1, "the matrix product's X - A", 48, 47));

    let error = against(|s| s.matmul(&x(), &y()).unwrap_err(), send_openings(&[48, 24]));
    assert_eq!(opening(error), (1, "the matrix product's Y - B", 16, 24));

    let error = against(|s| s.mul(&x(), &x()).unwrap_err(), send_openings(&[96, 48]));
    assert_eq!(opening(error), (1, "the product's X - A", 48, 96));

    let error = against(|s| s.reveal(&x()).unwrap_err(), send_openings(&[0]));
    assert_eq!(opening(error), (1, "a reveal", 48, 0));

    let error = against(
        |s| s.reveal_to(0, &x()).unwrap_err(),
        |channel| {
            channel.gather(0, Bytes::from_static(&[1, 2, 3])).unwrap();
        },
    );
    assert_eq!(opening(error), (1, "a reveal to one rank", 48, 3));
}

/// Rank 0 opens a session; rank 1 sends what `peer` says, step by step.
fn setup_against(dialect: &Dialect, peer: impl Fn(&Channel) + Sync) -> Semi2kError {
    let config = SessionConfig::new(8, dialect);
    let mut results = run_channels(2, dialect, |channel, rank| {
        if rank == 1 {
            peer(&channel);
            return None;
        }
        Some(establish::<u64>(channel, config, dialect).unwrap_err())
    });
    results.swap_remove(0).unwrap()
}

#[test]
fn malformed_setup_messages_name_peer_and_message() {
    let dialect = Dialect::symbolon();
    for bad in [vec![1, 0, 0], vec![1, 0, 0, 0, 0], vec![0; 4], vec![0xff; 4], Vec::new()] {
        let error = setup_against(&dialect, |channel| {
            channel.allgather(Bytes::from(bad.clone())).unwrap();
        });
        assert!(
            matches!(error, Semi2kError::PeerSetup { peer: 1, what: "number of threads", .. }),
            "{error}"
        );
    }
    let threads = || Bytes::from_static(&[4, 0, 0, 0]);
    let error = setup_against(&dialect, |channel| {
        channel.allgather(threads()).unwrap();
        channel.allgather(Bytes::from_static(&[0x92, 0xcc, 5, 0])).unwrap();
    });
    assert!(
        matches!(error, Semi2kError::PeerSetup { peer: 1, what: "share of the public seed", .. }),
        "{error}"
    );
    let error = setup_against(&dialect, |channel| {
        channel.allgather(threads()).unwrap();
        channel.allgather(encode_u128(5)).unwrap();
        channel.send(0, vec![0; 16]).unwrap();
        channel.recv(0).unwrap();
    });
    assert!(matches!(error, Semi2kError::PeerSetup { peer: 1, what: "pairwise seed", .. }), "{error}");
    assert!(!error.to_string().contains("[0"), "the content is not shown");
    for sealed in [0, 5000] {
        let error = setup_against(&Dialect::spu(), |channel| {
            channel.allgather(threads()).unwrap();
            channel.allgather(encode_u128(5)).unwrap();
            channel.send(0, encode_u128(6)).unwrap();
            channel.recv(0).unwrap();
            channel.allgather(vec![1; sealed]).unwrap();
        });
        assert!(
            matches!(error, Semi2kError::PeerSetup { peer: 1, what: "sealed dealer seed", .. }),
            "{error}"
        );
    }
    let dialect = Dialect { dealer: DealerDialect::InsecureRank0LearnsAllMasks, ..Dialect::spu() };
    let error = setup_against(&dialect, |channel| {
        channel.allgather(threads()).unwrap();
        channel.allgather(encode_u128(5)).unwrap();
        channel.send(0, encode_u128(6)).unwrap();
        channel.recv(0).unwrap();
        channel.gather(0, vec![0; 16]).unwrap();
    });
    assert!(matches!(error, Semi2kError::PeerSetup { peer: 1, what: "dealer seed", .. }), "{error}");
}

/// The messages of set-up, in order, as rank 1 of three sees them from its neighbours.
#[test]
fn setup_sends_what_the_recordings_show() {
    for dialect in [Dialect::symbolon(), Dialect::spu()] {
        let config = SessionConfig { announced_threads: 300, ..SessionConfig::new(8, &dialect) };
        run_channels(3, &dialect, |channel, rank| {
            if rank != 1 {
                let mut session = establish::<u64>(channel, config, &dialect).unwrap();
                // the public stream has the sum of the three shares as its key
                let drawn = session.public_stream().draw_matrix::<u64>(1, 2).unwrap();
                let sum =
                    [0, 2].iter().fold(77_u128, |s, &r| s.wrapping_add(seeds(r, &dialect).public_share));
                let key = symbolon_prg::Seed::from_u128_le(sum);
                let mut want = symbolon_prg::CounterStream::new(
                    symbolon_prg::Cipher::Aes128,
                    symbolon_prg::Construction::CtrBigEndian,
                    &key,
                );
                assert_eq!(drawn, want.draw_matrix(1, 2).unwrap());
                return;
            }
            let threads = channel.allgather(Bytes::from_static(&[1, 0, 0, 0])).unwrap();
            assert_eq!(threads[0].as_ref(), [0x2c, 1, 0, 0]);
            let shares = channel.allgather(encode_u128(77)).unwrap();
            assert_eq!(decode_u128(&shares[2]), Some(seeds(2, &dialect).public_share));
            channel.send(0, encode_u128(78)).unwrap();
            let next = channel.recv(2).unwrap();
            assert_eq!(decode_u128(&next), Some(seeds(2, &dialect).pairwise.to_u128()));
            if dialect.dealer == DealerDialect::Spu {
                let sealed = channel.allgather(Bytes::from_static(b"mine")).unwrap();
                assert_eq!(sealed[0], seeds(0, &dialect).sealed_dealer.unwrap());
            }
        });
    }
}

/// SPU's own mode without a dealer (`beaver_tfp.cc`): one GATHER at rank 0, the seeds as 128-bit integers.
#[test]
fn the_insecure_mode_gives_rank_0_every_seed_and_nobody_else() {
    let mut dialect = Dialect::spu();
    dialect.dealer = DealerDialect::InsecureRank0LearnsAllMasks;
    let config = SessionConfig::new(18, &dialect);
    let results = run_channels(3, &dialect, |channel, rank| {
        let own = seeds(rank, &dialect);
        let mut session = Session::<u64>::establish(channel, config, own, |opening| {
            let all: Vec<u128> = opening.gathered.iter().map(symbolon_prg::Seed::to_u128).collect();
            let expected: Vec<u128> = match rank {
                0 => (0..3).map(|rank| seeds(rank, &dialect).dealer.to_u128()).collect(),
                _ => Vec::new(),
            };
            assert_eq!((all, opening.sealed.len()), (expected, 0));
            local_dealer(opening, &config, &dialect)
        })
        .unwrap();
        let own = |value| (rank == 1).then(|| Matrix::filled(1, 1, value));
        let x = session.input(1, 1, 1, own(6)).unwrap();
        let y = session.input(1, 1, 1, own(7)).unwrap();
        let product = session.matmul(&x, &y).unwrap();
        session.reveal(&product).unwrap()
    });
    assert!(results.iter().all(|product| product.as_slice() == [42]));
}

#[test]
fn bad_configurations_are_refused_before_anything_is_sent() {
    let dialect = Dialect::symbolon();
    // Nobody answers: any message awaited would make the test hang.
    run_channels(2, &dialect, |channel, rank| {
        if rank == 1 {
            return;
        }
        let good = SessionConfig::new(8, &dialect);
        let open = |config: SessionConfig, seeds| {
            let channel = channel.clone();
            Session::<u32>::establish(channel, config, seeds, |o| local_dealer(o, &config, &dialect))
                .unwrap_err()
        };
        let own = || seeds(0, &dialect);
        let error = open(SessionConfig { adjust_rank: 2, ..good }, own());
        assert!(matches!(error, Semi2kError::ConfigRank { rank: 2, world_size: 2 }));
        let error = open(SessionConfig { announced_threads: 0, ..good }, own());
        assert!(matches!(error, Semi2kError::ConfigThreads { threads: 0 }));
        let error = open(SessionConfig { fraction_bits: 16, ..good }, own());
        assert!(matches!(error, Semi2kError::Ring(RingError::ConfigFractionBits { .. })));
        let error = open(SessionConfig { dealer: DealerDialect::Spu, ..good }, own());
        assert!(matches!(error, Semi2kError::ConfigSealedSeed { sealed: false, .. }));
        let gathering = SessionConfig { dealer: DealerDialect::InsecureRank0LearnsAllMasks, ..good };
        let error = open(SessionConfig { adjust_rank: 1, ..gathering }, own());
        assert!(matches!(error, Semi2kError::ConfigGatheringRank { adjust_rank: 1 }));
        let error = open(gathering, seeds(0, &Dialect::spu()));
        assert!(matches!(error, Semi2kError::ConfigSealedSeed { sealed: true, .. }));
        let error = open(good, seeds(0, &Dialect::spu()));
        assert!(matches!(error, Semi2kError::ConfigSealedSeed { sealed: true, .. }));
    });
}

#[test]
fn exactly_the_adjust_rank_returns_a_dealer() {
    for dialect in [Dialect::symbolon(), Dialect::spu()] {
        let config = SessionConfig::new(8, &dialect);
        let errors = run_channels(2, &dialect, |channel, rank| {
            let own = seeds(rank, &dialect);
            Session::<u64>::establish(channel, config, own, |opening| {
                let sealed = if dialect.dealer == DealerDialect::Spu { 2 } else { 0 };
                assert_eq!((opening.rank, opening.sealed.len()), (rank, sealed));
                assert_eq!(opening.seed.to_u128(), seeds(rank, &dialect).dealer.to_u128());
                // the wrong way round
                let adjust_rank = opening.rank;
                if rank == 0 {
                    Ok(None)
                } else {
                    local_dealer(&DealerOpening { adjust_rank, ..*opening }, &config, &dialect)
                }
            })
            .unwrap_err()
        });
        for (rank, error) in errors.into_iter().enumerate() {
            let Semi2kError::Triples(TriplesError::ConfigDealer { rank: named, has_dealer, .. }) = error
            else {
                panic!("{error}")
            };
            assert_eq!((named, has_dealer), (rank, rank == 1));
        }
    }
}

#[test]
fn a_dealer_that_cannot_be_reached_ends_the_setup() {
    let dialect = Dialect::symbolon();
    // Nobody answers: in this dialect the dealer comes before the first message.
    run_channels(2, &dialect, |channel, rank| {
        if rank == 0 {
            let failing = |_: &DealerOpening<'_>| Err(DealerError::Network("no route".into()));
            let config = SessionConfig::new(8, &dialect);
            let error = Session::<u64>::establish(channel, config, seeds(0, &dialect), failing).unwrap_err();
            assert!(matches!(error, Semi2kError::Dealer(DealerError::Network(_))), "{error}");
        }
    });
}

#[test]
fn misfits_are_refused_without_drawing_or_sending() {
    run_parties::<u64, _>(2, &Dialect::symbolon(), 8, |session, rank| {
        let share = |rows, cols| Share::from_matrix(Matrix::<u64>::zeros(rows, cols));
        let shape = |error| assert!(matches!(error, Semi2kError::Ring(RingError::OursShape { .. })));
        shape(session.matmul(&share(2, 3), &share(2, 3)).unwrap_err());
        shape(session.mul(&share(2, 3), &share(3, 2)).unwrap_err());
        shape(session.add(&share(2, 3), &share(3, 2)).unwrap_err());
        shape(session.sub(&share(2, 3), &share(3, 2)).unwrap_err());
        shape(session.add_public(&share(2, 3), &Matrix::zeros(3, 2)).unwrap_err());
        let own = (rank == 0).then(|| Matrix::zeros(1, 1));
        if rank == 0 {
            shape(session.input(0, 2, 2, own.clone()).unwrap_err());
        }
        let error = session.input(1, 1, 1, own).unwrap_err();
        assert!(matches!(error, Semi2kError::OursInput { owner: 1, given, .. } if given == (rank == 0)));
        let error = session.reveal_to(2, &share(1, 1)).unwrap_err();
        assert!(matches!(error, Semi2kError::ConfigRank { rank: 2, world_size: 2 }));
        let error = session.truncate(share(1, 1), 63).unwrap_err();
        assert!(matches!(error, Semi2kError::ConfigTruncation { bits: 63, field_bits: 64, most: 62 }));
        let error = session.matmul(&share(2, 0), &share(0, 3)).unwrap_err();
        assert!(matches!(error, Semi2kError::Triples(TriplesError::OursOp { .. })));
        assert_eq!(session.opened().openings, 0);
        // all parties are still in step
        let product = session.matmul(&share(2, 3), &share(3, 1)).unwrap();
        assert_eq!(session.reveal(&product).unwrap(), Matrix::zeros(2, 1));
    });
}

#[test]
fn shares_and_seeds_are_not_printed() {
    let share = Share::from_matrix(Matrix::filled(2, 3, 123_456_789_u64));
    assert_eq!(format!("{share:?}"), "Share(2x3)");
    assert_eq!(format!("{:?}", seeds(0, &Dialect::spu())), "SessionSeeds(hidden)");
    run_parties::<u64, _>(2, &Dialect::symbolon(), 8, |session, _| {
        assert!(!format!("{session:?}").to_lowercase().contains("seed"));
    });
}
