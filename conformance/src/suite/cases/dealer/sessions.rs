//! Sessions: opening, joining, ending.

use symbolon_wire::service::{CreateSessionRequest, DeleteSessionRequest};

use super::{BEAVER, good_mul, mul_request, open, refused, start};
use crate::suite::Bench;
use crate::suite::case::{Case, DEALER};
use crate::suite::dealer::{SESSION_ERROR, Session};
use crate::suite::verdict::{Outcome, check};

/// A request to open a session that is to be refused.
macro_rules! creation {
    ($id:literal, $requirement:literal, $why:literal, $spoil:expr) => {
        dealer!(must, $id, $requirement, $why, |bench| refuse_creation(bench, $spoil))
    };
}

pub(super) const CASES: &[Case] = &[
    dealer!(
        must,
        "dealer/session/create",
        "Each rank opens or joins a session with its own seed and gets code 0.",
        "It is the only message of a rank that does not ask for corrections.",
        |bench| open(bench, 2).map(drop)
    ),
    dealer!(
        should,
        "dealer/session/create-again",
        "The same request again changes nothing and gets code 0.",
        "A call whose answer was lost is repeated.",
        create_again
    ),
    dealer!(
        must,
        "dealer/session/three-parties",
        "A session of three parties joins three streams.",
        "The protocol is for any number of parties.",
        three_parties
    ),
    dealer!(
        must,
        "dealer/session/concurrent",
        "Two sessions, used in turns, get the corrections of their own seeds.",
        "One dealer serves many jobs.",
        concurrent
    ),
    dealer!(
        must,
        "dealer/session/unknown",
        "Corrections for a session that nobody created are refused with SessionError.",
        "There are no seeds.",
        unknown
    ),
    dealer!(
        must,
        "dealer/session/incomplete",
        "Corrections are not given before every rank has joined: the dealer waits, and refuses in the end.",
        "Corrections of some of the streams alone are of no use, and tell something about them.",
        incomplete
    ),
    dealer!(
        must,
        "dealer/session/deleted",
        "After DeleteSession corrections for the session are refused.",
        "The seeds of a job are to be forgotten when it is done.",
        deleted
    ),
    dealer!(
        should,
        "dealer/session/delete-unknown",
        "DeleteSession of a session that does not exist is answered, and harms no other.",
        "Each rank may delete at its end.",
        delete_unknown
    ),
    creation!(
        "dealer/session/short-seed",
        "A seed of 15 bytes is refused.",
        "Filled up with zeros it is weaker than it looks.",
        |request| request.prg_seed = vec![1; 15].into()
    ),
    creation!(
        "dealer/session/no-seed",
        "An empty seed is refused.",
        "A seed of zeros is known to everybody.",
        |request| request.prg_seed = bytes::Bytes::new()
    ),
    creation!(
        "dealer/session/long-seed",
        "A seed of 32 bytes is refused.",
        "Which half counts is said nowhere.",
        |request| request.prg_seed = vec![1; 32].into()
    ),
    creation!(
        "dealer/session/rank-outside",
        "A rank that is not below world_size is refused.",
        "The rank is used as an index by careless code.",
        |request| request.rank = 2
    ),
    creation!(
        "dealer/session/rank-negative",
        "A negative rank is refused.",
        "The rank is used as an index by careless code.",
        |request| request.rank = -1
    ),
    creation!(
        "dealer/session/adjust-rank-outside",
        "An adjust_rank that is not below world_size is refused.",
        "Nobody could ask for corrections.",
        |request| request.adjust_rank = 7
    ),
    creation!(
        "dealer/session/no-parties",
        "A world_size of 0 is refused.",
        "A session of nobody is complete at once.",
        |request| request.world_size = 0
    ),
    creation!(
        "dealer/session/parties-negative",
        "A negative world_size is refused.",
        "Taken for an unsigned number it is close to 2^32.",
        |request| request.world_size = -2
    ),
    creation!(
        "dealer/session/parties-huge",
        "A world_size of 2^31 - 1 is refused; no memory is taken for it.",
        "Whoever reserves memory for what is announced can be stopped by one message.",
        |request| request.world_size = i32::MAX
    ),
    creation!(
        "dealer/session/later-version",
        "A required_version that the dealer does not have is refused.",
        "What it means is not known.",
        |request| request.required_version = 99
    ),
    dealer!(
        must,
        "dealer/session/other-seed",
        "Another seed for a rank that has joined is refused.",
        "Whoever knows a session's name could take a party's place.",
        |bench| contradict(bench, |request| {
            let mut seed = request.prg_seed.to_vec();
            seed.iter_mut().for_each(|byte| *byte ^= 1);
            request.prg_seed = seed.into();
        })
    ),
    dealer!(
        must,
        "dealer/session/other-size",
        "Another world_size than the session has is refused.",
        "The parties do not mean the same session.",
        |bench| contradict(bench, |request| request.world_size = 3)
    ),
    dealer!(
        must,
        "dealer/session/other-adjust-rank",
        "Another adjust_rank than the session has is refused.",
        "The parties do not mean the same session.",
        |bench| contradict(bench, |request| request.adjust_rank = 1)
    ),
];

fn create_again(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    session.open(&client)?;
    good_mul(&client, &session, 0, 4, 64)
}

fn three_parties(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 3)?;
    good_mul(&client, &session, 0, 4, 64)
}

fn concurrent(bench: &mut Bench) -> Outcome {
    let (client, one) = open(bench, 2)?;
    let two = Session::new(bench, "another", 2);
    two.open(&client)?;
    for turn in 0..3 {
        good_mul(&client, &one, turn * 6, 4, 64)?;
        good_mul(&client, &two, turn * 6, 4, 64)?;
    }
    Ok(())
}

fn unknown(bench: &mut Bench) -> Outcome {
    let client = start(bench)?;
    let session = Session::new(bench, "nobody", 2);
    let answer = client.adjust_mul(mul_request(&session, 0, 4, 64))?;
    refused((answer.code, &answer.message), SESSION_ERROR)
}

fn incomplete(bench: &mut Bench) -> Outcome {
    let client = start(bench)?;
    let session = Session::new(bench, "half", 2);
    client.create_session(session.creation(0))?;
    let answer = client.adjust_mul(mul_request(&session, 0, 4, 64))?;
    refused((answer.code, &answer.message), SESSION_ERROR)
}

fn deleted(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    good_mul(&client, &session, 0, 4, 64)?;
    let answer = client.delete_session(DeleteSessionRequest { session_id: session.id.clone() })?;
    check(answer.code == 0, "code 0", || format!("code {}: {:?}", answer.code, answer.message))?;
    let answer = client.adjust_mul(mul_request(&session, 6, 4, 64))?;
    refused((answer.code, &answer.message), SESSION_ERROR)
}

fn delete_unknown(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    client.delete_session(DeleteSessionRequest { session_id: "nobody".into() })?;
    good_mul(&client, &session, 0, 4, 64)
}

fn refuse_creation(bench: &mut Bench, spoil: fn(&mut CreateSessionRequest)) -> Outcome {
    let client = start(bench)?;
    let session = Session::new(bench, "spoiled", 2);
    let mut request = session.creation(1);
    spoil(&mut request);
    let answer = client.create_session(request)?;
    let outcome = refused((answer.code, &answer.message), SESSION_ERROR);
    let good = Session::new(bench, "good", 2);
    good.open(&client)?;
    good_mul(&client, &good, 0, 4, 64)?;
    outcome
}

fn contradict(bench: &mut Bench, spoil: fn(&mut CreateSessionRequest)) -> Outcome {
    let (client, session) = open(bench, 2)?;
    let mut request = session.creation(1);
    spoil(&mut request);
    let answer = client.create_session(request)?;
    let outcome = refused((answer.code, &answer.message), SESSION_ERROR);
    good_mul(&client, &session, 0, 4, 64)?;
    outcome
}
