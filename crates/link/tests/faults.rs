//! Whole runs over a network that loses, repeats, holds back and cuts frames.

mod common;

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use common::{configs, run};
use proptest::prelude::*;
use symbolon_link::memory::{Fault, Network};
use symbolon_link::{Chunk, Frame, Link, LinkError, PushError};

fn conversation(link: &Link) -> Result<Vec<Bytes>, LinkError> {
    link.connect()?;
    let channel = link.root();
    let mut seen = Vec::new();
    for step in 0..15u8 {
        let value = vec![step ^ channel.rank() as u8; usize::from(step) * 3];
        seen.extend(channel.allgather(value.clone())?);
        for peer in (0..channel.world_size()).filter(|peer| *peer != channel.rank()) {
            channel.send(peer, value.clone())?;
        }
        for peer in (0..channel.world_size()).filter(|peer| *peer != channel.rank()) {
            seen.push(channel.recv(peer)?);
        }
    }
    channel.barrier()?;
    link.finish()?;
    Ok(seen)
}

/// The frame in two halves, the second first. Control frames travel whole.
fn halves(frame: &Frame) -> Vec<Frame> {
    let control = ["connect", "ACK", "FIN"].iter().any(|word| frame.key.starts_with(word));
    if control || frame.value.len() < 2 {
        return vec![frame.clone()];
    }
    let middle = frame.value.len() / 2;
    let (length, offset) =
        frame.chunk.map_or((frame.value.len() as u64, 0), |chunk| (chunk.message_length, chunk.offset));
    let part = |value: Bytes, at: usize| Frame {
        value,
        chunk: Some(Chunk { message_length: length, offset: offset + at as u64 }),
        ..frame.clone()
    };
    vec![part(frame.value.slice(middle..), middle), part(frame.value.slice(..middle), 0)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Ideal model: the same conversation over a network without faults.
    #[test]
    fn faults_change_nothing(
        seed: u64,
        parties in 2usize..4,
        numbers in prop::collection::vec(any::<bool>(), 4),
        tight: bool,
    ) {
        let mut configs = configs(parties);
        for (config, numbered) in configs.iter_mut().zip(numbers) {
            config.sequence_numbers = numbered;
            config.chunk_size = 16;
            if tight {
                config.mailbox_bytes = 3000;
            }
        }
        let (_, links) = Network::start(configs.clone()).unwrap();
        let ideal: Vec<_> = run(&links, conversation).into_iter().map(Result::unwrap).collect();
        let (network, links) = Network::start(configs).unwrap();
        let mut random = seed | 1;
        let mut losses = HashMap::new();
        network.set_faults(move |from, to, frame| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let pick = (random >> 33) % 12;
            // No frame is lost so often that the carrier gives up; the attempts of several take turns.
            let offset = frame.chunk.map(|chunk| chunk.offset);
            let lost: &mut u32 = losses.entry((from, to, frame.key.clone(), offset)).or_default();
            *lost += u32::from(pick < 2);
            match pick {
                0 | 1 if *lost > 3 => Fault::None,
                0 => Fault::LoseFrame,
                1 => Fault::LoseAnswer,
                2 => Fault::Repeat,
                3 | 4 => Fault::Hold(Duration::from_millis(random >> 62)),
                5 | 6 => Fault::Replace(halves(frame)),
                _ => Fault::None,
            }
        });
        let real: Vec<_> = run(&links, conversation).into_iter().map(Result::unwrap).collect();
        prop_assert_eq!(real, ideal);
    }
}

#[test]
fn what_is_lost_for_good_is_an_error_at_both_ends() {
    for fault in [Fault::LoseFrame, Fault::Fail(PushError::Unreachable("cable cut".into()))] {
        let mut configs = configs(2);
        for config in &mut configs {
            config.idle_timeout = Duration::from_millis(40);
            config.receive_timeout = Duration::from_millis(600);
        }
        let (network, links) = Network::start(configs).unwrap();
        network.set_faults(move |from, _, frame| {
            if from == 1 && frame.key.contains(":7:ALLGATHER") { fault.clone() } else { Fault::None }
        });
        for (rank, outcome) in run(&links, conversation).into_iter().enumerate() {
            let error = outcome.unwrap_err();
            assert_eq!(error.peer(), Some(1 - rank), "{error}");
            if rank == 1 {
                assert!(error.to_string().contains("allgather of key \"root:7:ALLGATHER\""), "{error}");
            }
        }
    }
}

#[test]
fn a_changed_chunk_is_found_when_it_contradicts() {
    let mut configs = configs(2);
    for config in &mut configs {
        config.chunk_size = 16;
        config.receive_timeout = Duration::from_secs(2);
    }
    let (network, links) = Network::start(configs).unwrap();
    network.set_faults(|from, _, frame| match frame.chunk {
        Some(chunk) if from == 1 => {
            let wrong = Frame {
                chunk: Some(Chunk { message_length: chunk.message_length + 1, ..chunk }),
                ..frame.clone()
            };
            Fault::Replace(vec![frame.clone(), wrong])
        }
        _ => Fault::None,
    });
    for (rank, outcome) in run(&links, conversation).into_iter().enumerate() {
        let error = outcome.unwrap_err();
        assert_eq!(error.peer(), Some(1 - rank), "{error}");
    }
}
