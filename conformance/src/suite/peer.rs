//! The suite's end of the link: keeps what comes, pushes what it is told, believes in nothing.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use bytes::Bytes;
use symbolon_dialect::Dialect;
use symbolon_grpc::{CarrierKind, GrpcNode, NodeConfig};
use symbolon_link::{Carrier as _, Chunk, Frame, PushError};
use symbolon_wire::link::{PushRequest, PushResponse};

use super::transcript::{Log, Push, What};

/// Between a key and its sequence number.
pub const MARK: &str = "\u{1}\u{2}";

/// The answer to a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Code 0.
    Accepted,
    /// Another code, with the text.
    Refused {
        /// `error_code`.
        code: i32,
        /// `error_msg`.
        text: String,
    },
    /// None.
    Unreachable(String),
}

impl Answer {
    /// Waits for the outcome of a push; the carrier's own limit is shorter.
    fn of(outcome: &mpsc::Receiver<Result<(), PushError>>) -> Self {
        match outcome.recv_timeout(Duration::from_secs(15)) {
            Ok(Ok(())) => Self::Accepted,
            Ok(Err(PushError::Refused { code, message })) => Self::Refused { code, text: message },
            Ok(Err(error)) => Self::Unreachable(error.to_string()),
            Err(_) => Self::Unreachable("nothing within 15 s".into()),
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Accepted => f.write_str("the push was accepted (code 0)"),
            Self::Refused { code, text } => write!(f, "the push was refused with code {code}: {text:?}"),
            Self::Unreachable(reason) => write!(f, "the push got no answer: {reason}"),
        }
    }
}

/// A message of the testee, put together from its chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The key without sequence number.
    pub key: String,
    /// The number that came with the key.
    pub number: Option<u64>,
    /// `sender_rank`.
    pub sender: u64,
    /// The value.
    pub value: Bytes,
}

/// What has come.
#[derive(Default)]
struct Arrived {
    /// In order of completion.
    messages: Vec<Message>,
    /// Messages that [`Peer::take`] has given away, by position.
    taken: Vec<bool>,
    chunks: BTreeMap<String, Vec<(u64, Bytes)>>,
    acknowledged: Vec<u64>,
    fin: Option<u64>,
    connect: Vec<Frame>,
    /// Frames that no rule of the link allows, in words.
    odd: Vec<String>,
    acknowledge: bool,
}

/// The suite's party.
pub struct Peer {
    node: GrpcNode,
    /// The suite's rank.
    pub rank: usize,
    /// The testee's rank.
    pub testee: usize,
    /// Whether the suite's own messages are numbered.
    pub numbered: bool,
    connect_suffix: bool,
    fin: bool,
    sent: Mutex<u64>,
    arrived: Arc<(Mutex<Arrived>, Condvar)>,
    log: Arc<Log>,
}

impl Peer {
    /// Listens on `listener`, for a testee of that rank; `parties` are all addresses by rank.
    ///
    /// # Errors
    /// Sockets that cannot be used.
    pub fn start(
        listener: TcpListener,
        parties: Vec<String>,
        rank: usize,
        testee: usize,
        carrier: CarrierKind,
        dialect: &Dialect,
        log: Arc<Log>,
    ) -> Result<Arc<Self>, String> {
        let mut config = NodeConfig::new(rank, parties).with_carrier(carrier);
        config.limits.push_timeout = Duration::from_secs(10);
        config.limits.retry_for = Duration::from_millis(200);
        config.limits.shutdown_grace = Duration::from_millis(200);
        let node = GrpcNode::start_on(listener, config).map_err(|error| error.to_string())?;
        let arrived =
            Arc::new((Mutex::new(Arrived { acknowledge: true, ..Arrived::default() }), Condvar::new()));
        let peer = Arc::new(Self {
            node,
            rank,
            testee,
            numbered: dialect.sequence_numbers,
            connect_suffix: dialect.connect_suffix,
            fin: dialect.fin,
            sent: Mutex::new(0),
            arrived: arrived.clone(),
            log: log.clone(),
        });
        let reached = Arc::downgrade(&peer);
        peer.node.attach_with(move |frame| {
            log.add(What::Received(Push::from(&frame)));
            let acknowledgement = sort(&mut lock(&arrived), frame);
            arrived.1.notify_all();
            if let (Some(number), Some(peer)) = (acknowledgement, reached.upgrade()) {
                peer.acknowledge(number);
            }
            Ok(())
        });
        Ok(peer)
    }

    /// The node's sockets, for a dealer on the same threads.
    pub fn node(&self) -> &GrpcNode {
        &self.node
    }

    /// Stops acknowledging what comes, or begins again; what came in between is not made up for.
    pub fn set_acknowledge(&self, on: bool) {
        lock(&self.arrived).acknowledge = on;
    }

    /// Acknowledges one message of the testee.
    pub fn acknowledge(&self, number: u64) {
        self.push_unwatched(self.frame(&format!("ACK{MARK}"), number.to_string()));
    }

    /// A frame of this rank.
    pub fn frame(&self, key: &str, value: impl Into<Bytes>) -> Frame {
        Frame { sender: self.rank as u64, key: key.to_owned(), value: value.into(), chunk: None }
    }

    /// `key` as the dialect has it on the wire, with the next number if messages are numbered.
    pub fn numbered_key(&self, key: &str) -> String {
        if !self.numbered {
            return key.to_owned();
        }
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        *sent += 1;
        format!("{key}{MARK}{sent}")
    }

    /// Numbers given out so far.
    pub fn count(&self) -> u64 {
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pushes a frame and waits for the answer.
    pub fn push(&self, frame: Frame) -> Answer {
        let key = frame.key.clone();
        self.log.add(What::Sent(Push::from(&frame)));
        let (done, outcome) = mpsc::channel();
        self.node.push(self.testee, frame, Box::new(move |result| drop(done.send(result))));
        let answer = Answer::of(&outcome);
        let (code, text) = match &answer {
            Answer::Accepted => (Some(0), String::new()),
            Answer::Refused { code, text } => (Some(*code), text.clone()),
            Answer::Unreachable(reason) => (None, reason.clone()),
        };
        self.log.add(What::Answered { key, code, text });
        answer
    }

    fn push_unwatched(&self, frame: Frame) {
        self.log.add(What::Sent(Push::from(&frame)));
        self.node.push(self.testee, frame, Box::new(|_| {}));
    }

    /// Pushes a whole message under `key`, numbered if messages are.
    pub fn send(&self, key: &str, value: impl Into<Bytes>) -> Answer {
        self.push(self.frame(&self.numbered_key(key), value))
    }

    /// One chunk of a message of `total` bytes, under a key that is used as it is.
    pub fn chunk(&self, wire_key: &str, total: u64, offset: u64, value: impl Into<Bytes>) -> Frame {
        let mut frame = self.frame(wire_key, value);
        frame.chunk = Some(Chunk { message_length: total, offset });
        frame
    }

    /// Pushes a request that no [`Frame`] can be, over gRPC.
    ///
    /// # Errors
    /// What the call failed with, in words.
    pub fn push_raw(&self, address: &str, request: PushRequest) -> Result<PushResponse, String> {
        self.log.note(format!(
            "pushed raw: sender {}, key {:?}, {} bytes, trans_type {}, chunk_info {:?}",
            request.sender_rank,
            request.key,
            request.value.len(),
            request.trans_type,
            request.chunk_info
        ));
        let to = format!("http://{address}");
        let answer = self.node.runtime().block_on(async move {
            let mut client = symbolon_grpc::stubs::ReceiverServiceClient::connect(to)
                .await
                .map_err(|error| error.to_string())?;
            client.push(request).await.map(|answer| answer.into_inner()).map_err(|status| status.to_string())
        });
        self.log.note(format!("answer: {answer:?}"));
        answer
    }

    /// The presence key of this rank on the wire.
    pub fn connect_key(&self, suffix: bool) -> String {
        let plain = format!("connect_{}", self.rank);
        if suffix { format!("{plain}{MARK}0") } else { plain }
    }

    /// Says that this rank is there, until the testee answers or `deadline`.
    ///
    /// # Errors
    /// The last answer.
    pub fn connect(&self, deadline: Instant) -> Result<(), Answer> {
        self.connect_as(&self.connect_key(self.connect_suffix), deadline)
    }

    /// As [`Peer::connect`], under a key as it is.
    ///
    /// # Errors
    /// The last answer.
    pub fn connect_as(&self, wire_key: &str, deadline: Instant) -> Result<(), Answer> {
        loop {
            let frame = self.frame(wire_key, Bytes::new());
            let (done, outcome) = mpsc::channel();
            self.node.push(self.testee, frame.clone(), Box::new(move |result| drop(done.send(result))));
            let failure = Answer::of(&outcome);
            if failure == Answer::Accepted {
                self.log.add(What::Sent(Push::from(&frame)));
                return Ok(());
            }
            // A testee that listens but has not begun refuses with NETWORK_ERROR.
            if Instant::now() >= deadline {
                return Err(failure);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The presence messages that came.
    pub fn presence(&self) -> Vec<Frame> {
        lock(&self.arrived).connect.clone()
    }

    /// The first message under `key` that was not taken yet, if it is there; waits until `until`.
    pub fn take(&self, key: &str, until: Instant) -> Option<Message> {
        self.wait(until, |arrived| {
            let at = arrived
                .messages
                .iter()
                .zip(&arrived.taken)
                .position(|(message, taken)| message.key == key && !taken)?;
            *arrived.taken.get_mut(at)? = true;
            arrived.messages.get(at).cloned()
        })
    }

    /// All messages that came, in order of completion.
    pub fn messages(&self) -> Vec<Message> {
        lock(&self.arrived).messages.clone()
    }

    /// Frames that no rule of the link allows, in words.
    pub fn odd(&self) -> Vec<String> {
        lock(&self.arrived).odd.clone()
    }

    /// The numbers of own messages that the testee acknowledged, in order.
    pub fn acknowledged(&self) -> Vec<u64> {
        lock(&self.arrived).acknowledged.clone()
    }

    /// The count in the testee's FIN, if that came; waits until `until`.
    pub fn fin(&self, until: Instant) -> Option<u64> {
        self.wait(until, |arrived| arrived.fin)
    }

    /// Waits until the testee has acknowledged `number`, at most until `until`.
    pub fn is_acknowledged(&self, number: u64, until: Instant) -> bool {
        self.wait(until, |arrived| arrived.acknowledged.contains(&number).then_some(())).is_some()
    }

    /// Waits until `found` gives something, at most until `until`.
    fn wait<T>(&self, until: Instant, mut found: impl FnMut(&mut Arrived) -> Option<T>) -> Option<T> {
        let mut arrived = lock(&self.arrived);
        loop {
            if let Some(value) = found(&mut arrived) {
                return Some(value);
            }
            let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            arrived = self.arrived.1.wait_timeout(arrived, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Says FIN as the dialect has it.
    pub fn send_fin(&self) -> Option<Answer> {
        let count = if self.numbered { self.count() } else { 0 };
        self.fin.then(|| self.push(self.frame(&format!("FIN{MARK}"), count.to_string())))
    }

    /// Closes the sockets.
    pub fn close(&self) {
        self.node.shutdown();
    }
}

fn lock(arrived: &(Mutex<Arrived>, Condvar)) -> MutexGuard<'_, Arrived> {
    arrived.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts a frame where it belongs; the number to acknowledge, if one has to be.
fn sort(arrived: &mut Arrived, frame: Frame) -> Option<u64> {
    let (key, number) = match frame.key.split_once(MARK) {
        Some((key, digits)) => (key.to_owned(), Some(digits.to_owned())),
        None => (frame.key.clone(), None),
    };
    let decimal = || std::str::from_utf8(&frame.value).ok().and_then(|text| text.parse().ok());
    match (key.as_str(), number.as_deref()) {
        ("ACK", Some("")) => match decimal() {
            Some(number) => arrived.acknowledged.push(number),
            None => arrived.odd.push("an ACK whose value is no number".into()),
        },
        ("FIN", Some("")) => match decimal() {
            Some(count) if arrived.fin.is_none() => arrived.fin = Some(count),
            Some(_) => arrived.odd.push("a second FIN".into()),
            None => arrived.odd.push("a FIN whose value is no number".into()),
        },
        (name, _) if name.starts_with("connect_") => arrived.connect.push(frame),
        _ => return complete(arrived, key, number, frame),
    }
    None
}

fn complete(arrived: &mut Arrived, key: String, digits: Option<String>, frame: Frame) -> Option<u64> {
    let number = match digits.as_deref().map(str::parse::<u64>) {
        None => None,
        Some(Ok(number)) => Some(number),
        Some(Err(_)) => {
            arrived.odd.push(format!("key {key:?} with a sequence number that is none: {digits:?}"));
            None
        }
    };
    let sender = frame.sender;
    let value = match frame.chunk {
        None => frame.value,
        Some(Chunk { message_length, offset }) => {
            let chunks = arrived.chunks.entry(key.clone()).or_default();
            chunks.push((offset, frame.value));
            let value = joined(chunks, message_length)?;
            arrived.chunks.remove(&key);
            value
        }
    };
    arrived.messages.push(Message { key, number, sender, value });
    arrived.taken.push(false);
    number.filter(|number| *number > 0 && arrived.acknowledge)
}

/// The message of these chunks, once they cover it.
fn joined(chunks: &[(u64, Bytes)], length: u64) -> Option<Bytes> {
    let mut chunks = chunks.to_vec();
    chunks.sort_by_key(|(offset, _)| *offset);
    let mut whole = Vec::new();
    for (offset, bytes) in chunks {
        let at = usize::try_from(offset).ok().filter(|at| *at <= whole.len())?;
        if at + bytes.len() > whole.len() {
            whole.truncate(at);
            whole.extend_from_slice(&bytes);
        }
    }
    (whole.len() as u64 == length).then(|| whole.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(key: &str, value: &'static [u8], chunk: Option<Chunk>) -> Frame {
        Frame { sender: 1, key: key.into(), value: Bytes::from_static(value), chunk }
    }

    #[test]
    fn chunks_are_joined_in_any_order() {
        let mut arrived = Arrived { acknowledge: true, ..Arrived::default() };
        let at = |offset| Some(Chunk { message_length: 5, offset });
        assert_eq!(sort(&mut arrived, frame("k\u{1}\u{2}3", b"lo", at(3))), None);
        assert_eq!(sort(&mut arrived, frame("k\u{1}\u{2}3", b"hel", at(0))), Some(3));
        assert_eq!(arrived.messages[0].value, "hello");
        assert_eq!((arrived.messages[0].key.as_str(), arrived.messages[0].number), ("k", Some(3)));
    }

    #[test]
    fn control_messages_are_told_apart() {
        let mut arrived = Arrived::default();
        sort(&mut arrived, frame("ACK\u{1}\u{2}", b"7", None));
        sort(&mut arrived, frame("FIN\u{1}\u{2}", b"9", None));
        sort(&mut arrived, frame("FIN\u{1}\u{2}", b"x", None));
        sort(&mut arrived, frame("connect_1\u{1}\u{2}0", b"", None));
        assert_eq!(
            (arrived.acknowledged.as_slice(), arrived.fin, arrived.connect.len()),
            (&[7][..], Some(9), 1)
        );
        assert_eq!((arrived.odd.len(), arrived.messages.len()), (1, 0));
    }
}
