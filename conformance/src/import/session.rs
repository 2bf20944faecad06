//! The secrets of a session that its messages and the dealer's calls show.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::{DealerRequest, ForeignMessage, find, threads};
use crate::ConformanceError;
use crate::dealer::unframe;
use crate::frame;
use crate::recording::{DealerExchange, LrSeeds, Recording, Run, Side};

/// The recording of a run of SS-LR with what its messages tell: every party's announced threads and its seeds.
/// `dealer_seeds` has the dealer seed (hex) in each ciphertext (base64).
///
/// # Errors
/// A message of the session's set-up is missing or malformed, or a ciphertext is unknown.
pub fn with_secrets(
    mut recording: Recording,
    dealer_seeds: &BTreeMap<String, String>,
) -> Result<Recording, ConformanceError> {
    let Run::Lr(run) = &recording.run else {
        return Err(ConformanceError::Recording("only SS-LR has sessions".into()));
    };
    // The handshake takes the first message each way.
    let first = if run.handshake { 2 } else { 1 };
    let mut messages = Vec::new();
    for message in recording.messages.iter().filter(|message| message.response.is_some()) {
        messages.push(ForeignMessage {
            sender_rank: message.from,
            dst_rank: message.to,
            key: message.key.clone(),
            value: BASE64_STANDARD.encode(frame::decode(&message.request_bytes()?)?.value),
            request: message.request.clone(),
            response: message.response.clone(),
            forward_error: None,
        });
    }
    for party in &mut recording.parties {
        let Side::Lr(side) = &mut party.side else { continue };
        side.threads = Some(threads(&messages, &recording.channel, party.rank)?);
        side.seeds = Some(seeds(&messages, &recording.channel, first, dealer_seeds, party.rank)?);
    }
    Ok(recording)
}

/// A call to a dealer of SPU's kind, as a recording of SS-LR keeps it: the method, the JSON posted, the reply's body.
///
/// # Errors
/// It is no matrix product, or the reply is not in frames of data.
pub fn dealer_exchange(
    method: &str,
    request: &[u8],
    reply: &[u8],
) -> Result<DealerExchange, ConformanceError> {
    let request = serde_json::from_slice(request)
        .map_err(|error| ConformanceError::Recording(format!("dealer request: {error}")))?;
    DealerRequest::parse(&request)?.exchange(method, vec![BASE64_STANDARD.encode(unframe(reply)?)])
}

/// The seeds of `rank`; `first` is the number of its first P2P message of the session.
pub(super) fn seeds(
    link: &[ForeignMessage],
    channel: &str,
    first: u64,
    dealer_seeds: &BTreeMap<String, String>,
    rank: usize,
) -> Result<LrSeeds, ConformanceError> {
    let integer = |key: &str| -> Result<String, ConformanceError> {
        let value = packed_integer(&find(link, rank, key)?.value()?)
            .ok_or_else(|| ConformanceError::Recording(format!("{key} is not a packed 128-bit integer")))?;
        Ok(hex::encode(value.to_le_bytes()))
    };
    let sealed = find(link, rank, &format!("{channel}:3:ALLGATHER"))?.value.clone();
    let dealer = dealer_seeds.get(&sealed).cloned().ok_or_else(|| {
        ConformanceError::Recording(format!("no dealer request holds rank {rank}'s decrypted seed"))
    })?;
    Ok(LrSeeds {
        public: integer(&format!("{channel}:2:ALLGATHER"))?,
        pairwise: integer(&format!("{channel}:P2P-{first}:{rank}->{}", 1 - rank))?,
        dealer,
        sealed_dealer: sealed,
    })
}

/// A 128-bit integer as MessagePack: an array of two, high half first.
fn packed_integer(bytes: &[u8]) -> Option<u128> {
    let mut rest = bytes.strip_prefix(&[0x92])?;
    let mut halves = [0_u64; 2];
    for half in &mut halves {
        let (&form, tail) = rest.split_first()?;
        let length = match form {
            0..=0x7f => 0,
            0xcc => 1,
            0xcd => 2,
            0xce => 4,
            0xcf => 8,
            _ => return None,
        };
        let (digits, tail) = tail.split_at_checked(length)?;
        *half = match length {
            0 => u64::from(form),
            _ => digits.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)),
        };
        rest = tail;
    }
    rest.is_empty().then(|| u128::from(halves[0]) << 64 | u128::from(halves[1]))
}
