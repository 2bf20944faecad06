//! Parallel lists of codes and parameters, and lists of offered codes.

use bytes::Bytes;
use symbolon_mutants::Mutant;
use symbolon_wire::{
    Any, Message, Name,
    handshake::{AlgoType, HandshakeRequest, HandshakeVersionCheckHelper},
    unpack_any,
};

use crate::{
    refusal::{Cause, Refusal},
    terms::{Coded, HANDSHAKE_VERSION, VERSION},
};

/// Bytes of the longest handshake message that is read. A request has some hundred.
pub(crate) const LONGEST_MESSAGE: usize = 1 << 20;

/// The parameters at the position of `code`, if the list of codes has it.
///
/// # Errors
/// The lists differ in length, or the parameters are of another type or malformed: the text says which.
pub(crate) fn parameters<M: Message + Name + Default>(
    codes: &[i32],
    parameters: &[Any],
    code: i32,
) -> Result<Option<M>, String> {
    if codes.len() != parameters.len() && !Mutant::UnequalListsAccepted.is_on() {
        return Err(format!("{} codes beside {} parameter messages", codes.len(), parameters.len()));
    }
    match codes.iter().zip(parameters).find(|(found, _)| **found == code) {
        Some((_, any)) => unpack_any(any).map(Some).map_err(|error| error.to_string()),
        None => Ok(None),
    }
}

/// The items of a list that this version knows; the others are no option.
pub(crate) fn known<T: Coded>(codes: &[i32]) -> Vec<T> {
    if Mutant::UnknownValueEndsList.is_on() {
        return codes.iter().map_while(|code| T::from_code(*code)).collect();
    }
    codes.iter().filter_map(|code| T::from_code(*code)).collect()
}

/// The numbers of the items; items without a number are left out.
pub(crate) fn codes<T: Coded>(items: &[T]) -> Vec<i32> {
    items.iter().filter_map(|item| item.code()).collect()
}

/// Whether a parameter message can be read as version 1. An empty list says nothing (erratum E18).
pub(crate) fn speaks_version(supported: &[i32]) -> bool {
    supported.is_empty() || supported.contains(&VERSION)
}

/// The first of `own` that every list of `others` has.
pub(crate) fn common<T: Copy + PartialEq>(
    own: &[T],
    others: impl Iterator<Item = Vec<T>> + Clone,
) -> Option<T> {
    let first = Mutant::OwnFirstChosen.is_on();
    own.iter().copied().find(|item| first || others.clone().all(|list| list.contains(item)))
}

/// Decodes a request of version 2 for `algorithm`. The version is read first and alone, since a message of
/// another version may mean anything.
///
/// # Errors
/// [`Cause::Malformed`] or [`Cause::Version`].
pub(crate) fn decode_request(bytes: Bytes, algorithm: AlgoType) -> Result<HandshakeRequest, Refusal> {
    let malformed = |reason: String| Refusal::new(Cause::Malformed, algorithm, reason);
    if bytes.len() > LONGEST_MESSAGE {
        return Err(malformed(format!("a request of {} bytes is too long", bytes.len())));
    }
    let helper: HandshakeVersionCheckHelper =
        symbolon_wire::decode(bytes.clone()).map_err(|error| malformed(error.to_string()))?;
    check_version(helper.version, algorithm)?;
    symbolon_wire::decode(bytes).map_err(|error| malformed(error.to_string()))
}

/// # Errors
/// [`Cause::Version`] unless it is 2.
pub(crate) fn check_version(version: i32, algorithm: AlgoType) -> Result<(), Refusal> {
    if version == HANDSHAKE_VERSION || Mutant::VersionIgnored.is_on() {
        return Ok(());
    }
    let reason = format!("a request has version {version}, rank 0 speaks version {HANDSHAKE_VERSION}");
    Err(Refusal::new(Cause::Version, algorithm, reason))
}

/// The ranks that the requests claim, which must be 1, 2, … in order of their senders.
///
/// # Errors
/// [`Cause::RequesterRank`].
pub(crate) fn check_ranks(claimed: impl Iterator<Item = i32>, algorithm: AlgoType) -> Result<(), Refusal> {
    for (sender, claimed) in (1usize..).zip(claimed) {
        if usize::try_from(claimed) != Ok(sender) && !Mutant::RequesterNotChecked.is_on() {
            let reason = format!("rank {sender} sent a request with requester_rank {claimed}");
            return Err(Refusal::new(Cause::RequesterRank, algorithm, reason));
        }
    }
    Ok(())
}
