//! The link: presence, keys, counters, chunks, numbers, acknowledgements, the end.

mod chunks;
mod delivery;
mod ending;
mod keys;
mod parties;
mod presence;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use symbolon_wire::Message as _;

use crate::suite::Bench;
use crate::suite::bench::{PsiTask, ids};
use crate::suite::case::Case;
use crate::suite::intersect::{FIRST, Side};
use crate::suite::messages::{PsiRequest, PsiResponse};
use crate::suite::peer::{Answer, Message, Peer};
use crate::suite::verdict::{Finding, Outcome, check};

pub(super) const CASES: &[&[Case]] =
    &[presence::CASES, keys::CASES, chunks::CASES, delivery::CASES, ending::CASES, parties::CASES];

const TRANSPORT: &str = "interconnection docs/protocols, transport layer; link/transport.proto";

/// The point of an intersection where the testee waits for the first message of the suite.
struct Opening {
    peer: Arc<Peer>,
    task: PsiTask,
    side: Side,
    /// The key of that message, without number.
    key: String,
    /// The message.
    value: Bytes,
    /// The key of the testee's message that shows that it has read it.
    reaction: String,
}

impl Opening {
    /// Starts the testee without calling it.
    fn start(bench: &mut Bench) -> Outcome<Self> {
        let task = PsiTask::default();
        let peer = bench.start_psi(&task)?;
        let side = Side::new(ids("s", 3, 2));
        let mut request = PsiRequest::of(&task);
        request.data.item_num = 5;
        let (value, reaction) = if bench.rank() == 0 {
            (request.pack().encode_to_vec(), bench.key_in(FIRST, 0))
        } else {
            (PsiResponse::of(&task).pack().encode_to_vec(), bench.key_in(FIRST, 1))
        };
        Ok(Self { peer, task, side, key: bench.key_out(FIRST, 0), value: value.into(), reaction })
    }

    /// Starts the testee, connects, and takes what it sends before it waits.
    fn reach(bench: &mut Bench) -> Outcome<Self> {
        let opening = Self::start(bench)?;
        bench.connect(&opening.peer)?;
        opening.request(bench)?;
        Ok(opening)
    }

    /// Takes the request of a testee that asks.
    fn request(&self, bench: &mut Bench) -> Outcome {
        if bench.rank() == 1 {
            bench.receive(&self.peer, &bench.key_in(FIRST, 0))?;
        }
        Ok(())
    }

    /// The testee has read the message.
    fn progress(&self, bench: &mut Bench) -> Outcome<Message> {
        bench.receive(&self.peer, &self.reaction)
    }

    /// The testee has not read the message, and does not within a moment.
    fn waits(&self) -> Outcome {
        let early = self.peer.take(&self.reaction, Instant::now() + Duration::from_millis(300));
        check(early.is_none(), "a testee that waits for the rest", || "it went on".into())
    }

    /// Pushes the message and shows that it is read, and that the whole run comes to a good end.
    fn complete(self, bench: &mut Bench) -> Outcome {
        self.peer.send(&self.key, self.value.clone());
        self.go_on(bench)
    }

    /// The rest of the run, after the first message.
    fn go_on(self, bench: &mut Bench) -> Outcome {
        let Self { peer, task, side, .. } = self;
        if bench.rank() == 0 {
            let answer = bench.receive(&peer, &bench.key_in(FIRST, 0))?;
            crate::suite::intersect::accepted(&crate::suite::intersect::response(&answer)?)?;
        }
        crate::suite::intersect::exchange(bench, peer.clone(), &task, &side)?;
        crate::suite::intersect::finish(bench, &peer, &task, &side)
    }
}

/// The push is refused with `code`; another code is lenient.
fn refused(answer: &Answer, code: i32) -> Outcome {
    let expected = format!("the push is refused with code {code}");
    match answer {
        Answer::Refused { code: found, .. } if *found == code => Ok(()),
        Answer::Refused { .. } => Err(Finding::lenient(expected, answer.to_string())),
        _ => Err(Finding::fail(expected, answer.to_string())),
    }
}

/// The push is accepted.
fn accepted(answer: &Answer) -> Outcome {
    check(*answer == Answer::Accepted, "the push is accepted (code 0)", || answer.to_string())
}
