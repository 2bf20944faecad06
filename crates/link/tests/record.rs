//! Recording a party, and playing the recording back to it.

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{configs, run};
use symbolon_link::memory::Network;
use symbolon_link::record::{Direction, RecordedFrame, Recorder, Replayer};
use symbolon_link::{Chunk, Frame, Link, LinkConfig, LinkError};

/// A run with a sub-channel on a second thread, so that sequence numbers depend on timing.
fn party(link: &Link) -> Result<(), LinkError> {
    link.connect()?;
    let channel = link.root();
    let peer = 1 - channel.rank();
    channel.allgather(vec![0; 100])?;
    let sub = channel.spawn();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            for i in 0..20u8 {
                sub.send(peer, vec![i; 50])?;
                sub.recv(peer)?;
            }
            Ok::<_, LinkError>(())
        });
        for i in 0..20u8 {
            channel.send(peer, vec![i, channel.rank() as u8])?;
        }
        for _ in 0..20 {
            channel.recv(peer)?;
        }
        second.join().unwrap()
    })?;
    link.finish()
}

fn config(rank: usize, change: fn(&mut LinkConfig)) -> LinkConfig {
    let mut config = configs(2).remove(rank);
    config.chunk_size = 30;
    config.idle_timeout = Duration::from_millis(50);
    config.receive_timeout = Duration::from_secs(2);
    change(&mut config);
    config
}

/// Both parties' recordings of one run.
fn recordings(change: fn(&mut LinkConfig)) -> Vec<Vec<RecordedFrame>> {
    let (network, links) = Network::start(vec![config(0, change), config(1, change)]).unwrap();
    drop(links);
    let recorders: Vec<_> = (0..2).map(|rank| Recorder::new(network.carrier(rank))).collect();
    let links: Vec<_> = recorders
        .iter()
        .enumerate()
        .map(|(rank, recorder)| {
            let link = Link::new(config(rank, change), recorder.clone()).unwrap();
            assert!(recorder.watch(&link.inbox()));
            assert!(!recorder.watch(&link.inbox()));
            network.attach(rank, link.inbox());
            link
        })
        .collect();
    for outcome in run(&links, party) {
        outcome.unwrap();
    }
    recorders.iter().map(|recorder| recorder.frames()).collect()
}

/// What a frame is, whatever the timing: its key with the mark but without the number, its place, its bytes.
type Sent = (String, Option<Chunk>, Bytes);

/// Frames in an order that does not depend on timing, presence calls once.
fn sorted<'a>(frames: impl Iterator<Item = &'a Frame>) -> Vec<Sent> {
    let unnumbered = |frame: &Frame| {
        let key = frame.key.rsplit_once('\u{2}').map_or(frame.key.clone(), |(key, _)| format!("{key}\u{2}"));
        (key, frame.chunk, frame.value.clone())
    };
    let mut sent: Vec<_> = frames.map(unnumbered).collect();
    sent.sort_by_key(|(key, chunk, value)| (key.clone(), chunk.map(|chunk| chunk.offset), value.clone()));
    sent.dedup_by(|a, b| a.0.starts_with("connect_") && a.0 == b.0);
    sent
}

fn recorded(recording: &[RecordedFrame]) -> Vec<Sent> {
    let ours = |entry: &&RecordedFrame| entry.direction == Direction::Sent && entry.delivered;
    sorted(recording.iter().filter(ours).map(|entry| &entry.frame))
}

fn sent(replayer: &Replayer) -> Vec<Sent> {
    let sent = replayer.sent();
    sorted(sent.iter().map(|(_, frame)| frame))
}

fn replay(
    rank: usize,
    recording: Vec<RecordedFrame>,
    change: fn(&mut LinkConfig),
    party: fn(&Link) -> Result<(), LinkError>,
) -> (Result<(), LinkError>, Arc<Replayer>) {
    let replayer = Replayer::new(recording);
    let link = Link::new(config(rank, change), replayer.clone()).unwrap();
    replayer.attach(link.inbox());
    (party(&link), replayer)
}

#[test]
fn a_recorded_run_replays_against_either_rank() {
    let changes: [fn(&mut LinkConfig); 3] =
        [|_| {}, |config| config.sequence_numbers = false, |config| config.throttle_window = 2];
    for change in changes {
        for (rank, recording) in recordings(change).into_iter().enumerate() {
            let ours = recorded(&recording);
            let received = recording.iter().filter(|entry| entry.direction == Direction::Received).count();
            assert!(received > 40 && ours.len() > 40);
            let (outcome, replayer) = replay(rank, recording, change, party);
            outcome.unwrap();
            let report = replayer.report();
            assert!(report.is_complete(), "{report:?}");
            assert_eq!(sent(&replayer), ours);
        }
    }
}

#[test]
fn a_party_that_does_something_else() {
    let recording = recordings(|_| {}).remove(0);
    let ours = recorded(&recording);
    let (outcome, replayer) = replay(
        0,
        recording,
        |_| {},
        |link| {
            link.connect()?;
            let mut value = vec![0; 100];
            value[99] = 1;
            link.root().allgather(value)?;
            link.root().barrier()
        },
    );
    assert!(outcome.is_err());
    assert!(replayer.report().early > 0);
    let other: Vec<_> = sent(&replayer).into_iter().filter(|sent| !ours.contains(sent)).collect();
    let [(gather, Some(chunk), _), (barrier, None, _)] = other.as_slice() else { panic!("{other:?}") };
    assert!(gather.starts_with("root:1:ALLGATHER") && chunk.offset == 90, "{other:?}");
    assert!(barrier.starts_with("root:2:BARRIER"), "{other:?}");
}

/// A party that sends nothing gets everything, out of turn, and then an error instead of an endless wait.
#[test]
fn a_replay_never_hangs() {
    let recording = recordings(|_| {}).remove(1);
    let received = recording.iter().filter(|entry| entry.direction == Direction::Received).count();
    let (outcome, replayer) = replay(
        1,
        recording,
        |config| config.idle_timeout = Duration::from_millis(2),
        |link| link.root().spawn().spawn().recv(0).map(drop),
    );
    let error = outcome.unwrap_err();
    assert_eq!(error.peer(), Some(0), "{error}");
    let report = replayer.report();
    assert!(report.early > 0 && report.early <= received);
}

#[test]
fn an_empty_recording() {
    let (outcome, replayer) =
        replay(0, Vec::new(), |config| config.connect_timeout = Duration::from_millis(30), party);
    assert!(matches!(outcome, Err(LinkError::PeersNotConnected { .. })));
    assert_eq!(sent(&replayer).len(), 1);
    assert!(replayer.report().is_complete());
}
