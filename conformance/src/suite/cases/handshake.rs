//! The handshake: requests to rank 0, its response.

mod lr_refuse;
mod lr_request;
mod lr_response;
mod psi_request;
mod psi_response;
mod psi_suites;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use symbolon_dialect::RefusalStyle;
use symbolon_wire::handshake::{HandshakeRequest, HandshakeResponse};
use symbolon_wire::{Any, Message as _};

use crate::suite::Bench;
use crate::suite::bench::{LrTask, PsiTask};
use crate::suite::case::Case;
use crate::suite::intersect::{self, FIRST, accepted, response};
use crate::suite::messages::{LrRequest, LrResponse, PsiRequest};
use crate::suite::peer::Peer;
use crate::suite::verdict::{Finding, Outcome, check};

pub(super) const CASES: &[&[Case]] = &[
    lr_request::CASES,
    lr_refuse::CASES,
    lr_response::CASES,
    psi_request::CASES,
    psi_suites::CASES,
    psi_response::CASES,
];

const ENTRY: &str = "handshake/entry.proto; common/header.proto";
const PPCA_7: &str = "PPCA 7-2023 (SS-LR), handshake; handshake/entry.proto";
const PPCA_9: &str = "PPCA 9-2023 (ECDH-PSI), handshake; handshake/entry.proto";

/// The code of a refusal: the one that fits the cause, and the reference's (erratum E20).
#[derive(Clone, Copy)]
struct Refusal {
    fitting: i32,
    reference: i32,
}

const fn refusal(fitting: i32, reference: i32) -> Refusal {
    Refusal { fitting, reference }
}

/// Sends a request to a testee of rank 0 and reads the response.
fn ask(bench: &mut Bench, peer: &Peer, request: impl Into<Bytes>) -> Outcome<HandshakeResponse> {
    peer.send(&bench.key_out(FIRST, 0), request);
    let answer = bench.receive(peer, &bench.key_in(FIRST, 0))?;
    response(&answer)
}

/// The testee refuses, with this code or leniently with another, and gives up.
fn refused(bench: &mut Bench, peer: &Peer, response: &HandshakeResponse, refusal: Refusal) -> Outcome {
    let wanted = match bench.dialect.refusal_style {
        RefusalStyle::Specific => refusal.fitting,
        RefusalStyle::Reference => refusal.reference,
    };
    let header = response.header.clone().unwrap_or_default();
    let expected = format!("a response that refuses with code {wanted}");
    let actual = format!("code {}: {:?}", header.error_code, header.error_msg);
    if header.error_code == 0 {
        return Err(Finding::fail(expected, "it agrees"));
    }
    bench.end_refused(peer)?;
    if header.error_code == wanted { Ok(()) } else { Err(Finding::lenient(expected, actual)) }
}

/// The testee refuses this request for a training.
fn refuse_lr(bench: &mut Bench, refusal: Refusal, request: fn(LrRequest) -> HandshakeRequest) -> Outcome {
    refuse_lr_bytes(bench, &LrTask::small(), refusal, |parts| request(parts).encode_to_vec())
}

fn refuse_lr_bytes(
    bench: &mut Bench,
    task: &LrTask,
    refusal: Refusal,
    request: impl FnOnce(LrRequest) -> Vec<u8>,
) -> Outcome {
    let peer = bench.start_lr(task)?;
    bench.connect(&peer)?;
    let response = ask(bench, &peer, request(LrRequest::of(task)))?;
    refused(bench, &peer, &response, refusal)
}

/// The testee refuses this request for an intersection.
fn refuse_psi(bench: &mut Bench, refusal: Refusal, request: fn(PsiRequest) -> HandshakeRequest) -> Outcome {
    refuse_psi_bytes(bench, refusal, |parts| request(parts).encode_to_vec())
}

fn refuse_psi_bytes(
    bench: &mut Bench,
    refusal: Refusal,
    request: impl FnOnce(PsiRequest) -> Vec<u8>,
) -> Outcome {
    let task = PsiTask::default();
    let peer = bench.start_psi(&task)?;
    bench.connect(&peer)?;
    let response = ask(bench, &peer, request(PsiRequest::of(&task)))?;
    refused(bench, &peer, &response, refusal)
}

/// The testee agrees to this request for a training; its response.
fn agree_lr(
    bench: &mut Bench,
    task: &LrTask,
    request: impl FnOnce(LrRequest) -> HandshakeRequest,
) -> Outcome<HandshakeResponse> {
    let peer = bench.start_lr(task)?;
    bench.connect(&peer)?;
    let response = ask(bench, &peer, request(LrRequest::of(task)).encode_to_vec())?;
    accepted(&response)?;
    Ok(response)
}

/// The testee agrees to this request for an intersection; its response.
fn agree_psi(
    bench: &mut Bench,
    task: &PsiTask,
    request: impl FnOnce(PsiRequest) -> HandshakeRequest,
) -> Outcome<(Arc<Peer>, HandshakeResponse)> {
    let peer = bench.start_psi(task)?;
    bench.connect(&peer)?;
    let response = ask(bench, &peer, request(PsiRequest::of(task)).encode_to_vec())?;
    accepted(&response)?;
    Ok((peer, response))
}

/// The request of a testee of rank 1.
fn request(bench: &mut Bench, peer: &Peer) -> Outcome<HandshakeRequest> {
    bench.connect(peer)?;
    let message = bench.receive(peer, &bench.key_in(FIRST, 0))?;
    HandshakeRequest::decode(message.value)
        .map_err(|error| Finding::fail("a HandshakeRequest", error.to_string()))
}

/// A testee of rank 1 that asked for a training and got this answer gives up: it reports a failure, leaves no result,
/// sends nothing more, and does not call the dealer.
fn reject_lr(bench: &mut Bench, answer: impl FnOnce(LrResponse) -> Vec<u8>) -> Outcome {
    let (dealer, task) = with_dealer(LrTask { l2: 0.5, ..LrTask::small() })?;
    let peer = bench.start_lr(&task)?;
    request(bench, &peer)?;
    peer.send(&bench.key_out(FIRST, 0), answer(LrResponse::of(&task, bench.dialect.response_style)));
    bench.end_refused(&peer)?;
    check(
        !called(&dealer, Duration::ZERO),
        "no call of the dealer after a plan that is not accepted",
        || "it called the dealer".into(),
    )?;
    silent(bench, &peer)
}

/// A testee of rank 1 that asked for a training and got this answer goes on to the dealer.
fn take_lr(bench: &mut Bench, answer: impl FnOnce(LrResponse) -> Vec<u8>) -> Outcome {
    let (dealer, task) = with_dealer(LrTask { l2: 0.5, ..LrTask::small() })?;
    let peer = bench.start_lr(&task)?;
    request(bench, &peer)?;
    peer.send(&bench.key_out(FIRST, 0), answer(LrResponse::of(&task, bench.dialect.response_style)));
    if bench.dealer_form(&task)?.spu().is_some() {
        // Rank 0 alone asks a dealer of that kind; the others begin with set-up.
        return bench.receive(&peer, &bench.allgather(FIRST, 0)).map(drop);
    }
    while !called(&dealer, Duration::from_millis(20)) {
        if !bench.is_running() || Instant::now() >= bench.deadline() {
            bench.end()?;
            return Err(Finding::fail(
                "a testee that accepts the plan and calls the dealer",
                "it did not call",
            ));
        }
    }
    Ok(())
}

/// A testee of rank 1 that asked for an intersection and got this answer gives up and sends no point.
fn reject_psi(bench: &mut Bench, task: &PsiTask, answer: impl Into<Bytes>) -> Outcome {
    let peer = bench.start_psi(task)?;
    request(bench, &peer)?;
    peer.send(&bench.key_out(FIRST, 0), answer);
    // The suite's farewell could stop a testee that was about to send its points.
    let patience = Instant::now() + Duration::from_millis(300);
    while bench.is_running() && Instant::now() < patience && silent(bench, &peer).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    bench.end_refused(&peer)?;
    silent(bench, &peer)
}

/// A testee of rank 1 that asked for an intersection and got this answer goes on with its points.
fn take_psi(bench: &mut Bench, task: &PsiTask, answer: impl Into<Bytes>) -> Outcome {
    let peer = bench.start_psi(task)?;
    request(bench, &peer)?;
    peer.send(&bench.key_out(FIRST, 0), answer);
    intersect::receive(bench, &peer, FIRST, 1).map(drop)
}

/// Nothing but the request came from the testee.
fn silent(bench: &Bench, peer: &Peer) -> Outcome {
    let request = bench.key_in(FIRST, 0);
    let more: Vec<_> =
        peer.messages().into_iter().map(|message| message.key).filter(|key| *key != request).collect();
    check(more.is_empty(), "nothing private before an agreed plan", || format!("it sent {}", more.join(", ")))
}

/// The task with an address where a dealer would listen.
fn with_dealer(task: LrTask) -> Outcome<(TcpListener, LrTask)> {
    let failed = |error: std::io::Error| Finding::Error(error.to_string());
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let dealer = listener.local_addr().map_err(failed)?.to_string();
    Ok((listener, LrTask { dealer, ..task }))
}

/// Whether somebody called within a time.
fn called(dealer: &TcpListener, within: Duration) -> bool {
    if dealer.accept().is_ok() {
        return true;
    }
    std::thread::sleep(within);
    !within.is_zero() && dealer.accept().is_ok()
}

/// The message with a field of number 1000 that nobody knows.
fn with_unknown_field(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend([0xc2, 0x3e, 3, b'n', b'e', b'w']);
    bytes
}

/// Every parameter message with an unknown field.
fn with_unknown_fields(mut any: Vec<&mut Any>) {
    for any in &mut any {
        any.value = with_unknown_field(any.value.to_vec()).into();
    }
}

/// The message of type `M` in an Any whose type URL is in full `type.googleapis.com/` and its name.
fn unpack<M: symbolon_wire::Message + symbolon_wire::Name + Default>(
    item: &str,
    any: Option<&Any>,
) -> Outcome<M> {
    let url = format!("type.googleapis.com/{}", M::full_name());
    let any = any.ok_or_else(|| Finding::fail(format!("{item} with a {url}"), "it is not there"))?;
    check(any.type_url == url, format!("{item} of type {url}"), || format!("{:?}", any.type_url))?;
    M::decode(any.value.clone())
        .map_err(|error| Finding::fail(format!("a {url} in {item}"), error.to_string()))
}

/// Collects what differs between two sets of fields.
#[derive(Default)]
struct Fields(Vec<(&'static str, String, String)>);

impl Fields {
    fn expect<T: PartialEq + std::fmt::Debug>(
        &mut self,
        name: &'static str,
        wanted: T,
        found: T,
    ) -> &mut Self {
        if wanted != found {
            self.0.push((name, format!("{wanted:?}"), format!("{found:?}")));
        }
        self
    }

    fn end(&self) -> Outcome {
        let join = |pick: for<'f> fn(&'f (&'static str, String, String)) -> &'f String| {
            self.0.iter().map(|field| format!("{} = {}", field.0, pick(field))).collect::<Vec<_>>().join(", ")
        };
        check(self.0.is_empty(), join(|field| &field.1), || join(|field| &field.2))
    }
}

#[cfg(test)]
mod tests {
    use symbolon_wire::algos::SgdOptimizer;
    use symbolon_wire::pack_any;

    use super::*;

    #[test]
    fn an_unknown_field_is_one() {
        let bytes = with_unknown_field(SgdOptimizer { learning_rate: 2.0 }.encode_to_vec());
        assert_eq!(SgdOptimizer::decode(Bytes::from(bytes)).unwrap().learning_rate, 2.0);
    }

    #[test]
    fn other_types_and_fields_are_seen() {
        let any = pack_any(&SgdOptimizer { learning_rate: 2.0 });
        assert!(unpack::<SgdOptimizer>("x", Some(&any)).is_ok());
        assert!(unpack::<symbolon_wire::algos::AdamOptimizer>("x", Some(&any)).is_err());
        assert!(unpack::<SgdOptimizer>("x", None).is_err());
        let mut fields = Fields::default();
        assert!(fields.expect("a", 1, 1).end().is_ok());
        let Err(Finding::Fail { expected, actual }) = fields.expect("b", 1, 2).end() else { panic!() };
        assert_eq!((expected.as_str(), actual.as_str()), ("b = 1", "b = 2"));
    }
}
