//! Nodes that collect what they receive.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use bytes::Bytes;
use symbolon_grpc::{GrpcNode, NodeConfig};
use symbolon_link::{Carrier, Frame, PushError};

use super::{address, listener};

pub type Received = Arc<Mutex<Vec<Frame>>>;

/// Short times, so that failures are quick.
pub fn config(rank: usize, parties: &[String]) -> NodeConfig {
    let mut config = NodeConfig::new(rank, parties.to_vec());
    config.limits.connect_timeout = Duration::from_millis(500);
    config.limits.push_timeout = Duration::from_secs(10);
    config.limits.backpressure_wait = Duration::from_millis(300);
    config.limits.retry_for = Duration::from_millis(300);
    config.limits.probe_timeout = Duration::from_millis(300);
    config.limits.shutdown_grace = Duration::from_millis(100);
    config.limits.max_message_bytes = 9 << 20;
    config
}

pub fn collect(node: &GrpcNode) -> Received {
    let received = Received::default();
    let sink = received.clone();
    node.attach_with(move |frame| {
        sink.lock().unwrap().push(frame);
        Ok(())
    });
    received
}

/// Two nodes that collect what they receive.
pub fn pair(change: impl Fn(&mut NodeConfig)) -> ([GrpcNode; 2], [Received; 2]) {
    let listeners = [listener(), listener()];
    let parties = listeners.each_ref().map(address);
    let mut rank = 0;
    let nodes = listeners.map(|listener| {
        let mut config = config(rank, &parties);
        change(&mut config);
        rank += 1;
        GrpcNode::start_on(listener, config).unwrap()
    });
    let received = [collect(&nodes[0]), collect(&nodes[1])];
    (nodes, received)
}

pub fn frame(sender: u64, key: &str, value: impl Into<Bytes>) -> Frame {
    Frame { sender, key: key.into(), value: value.into(), chunk: None }
}

pub fn push_start(node: &GrpcNode, to: usize, frame: Frame) -> mpsc::Receiver<Result<(), PushError>> {
    let (done, outcome) = mpsc::channel();
    node.push(to, frame, Box::new(move |result| drop(done.send(result))));
    outcome
}

pub fn push(node: &GrpcNode, to: usize, frame: Frame) -> Result<(), PushError> {
    push_start(node, to, frame).recv_timeout(Duration::from_secs(20)).expect("done is always called")
}

pub fn unreachable(outcome: Result<(), PushError>) -> String {
    match outcome {
        Err(PushError::Unreachable(text)) => text,
        other => panic!("expected unreachable, got {other:?}"),
    }
}

pub fn refused(outcome: Result<(), PushError>) -> (i32, String) {
    match outcome {
        Err(PushError::Refused { code, message }) => (code, message),
        other => panic!("expected a refusal, got {other:?}"),
    }
}
