//! Parts of a response, read at the ranks above 0.

use symbolon_mutants::Mutant;
use symbolon_wire::{Any, Message, Name, unpack_any};

use crate::{
    error::HandshakeError,
    lists::parameters,
    terms::{Coded, VERSION},
};

fn misbehaved(item: &'static str, reason: impl Into<String>) -> HandshakeError {
    HandshakeError::PeerMisbehaved { peer: 0, item, reason: reason.into() }
}

/// The message in a field of type `Any`.
pub(crate) fn unpack<M: Message + Name + Default>(
    item: &'static str,
    any: Option<&Any>,
) -> Result<M, HandshakeError> {
    let any = any.ok_or_else(|| misbehaved(item, "it is missing"))?;
    unpack_any(any).map_err(|error| misbehaved(item, error.to_string()))
}

/// The message of `code` in two parallel lists.
pub(crate) fn single<M: Message + Name + Default>(
    item: &'static str,
    codes: &[i32],
    messages: &[Any],
    code: i32,
) -> Result<M, HandshakeError> {
    parameters(codes, messages, code)
        .and_then(|found| found.ok_or_else(|| format!("nothing for code {code}")))
        .map_err(|reason| misbehaved(item, reason))
}

/// Accepts version 1, and 0 as "not said" (erratum E18).
pub(crate) fn version(item: &'static str, version: i32) -> Result<(), HandshakeError> {
    if version == VERSION || version == 0 {
        return Ok(());
    }
    Err(HandshakeError::PeerIncompatible { peer: 0, item, found: version.to_string() })
}

/// The item with that number, if this party offered it.
pub(crate) fn offered<T: Coded>(item: &'static str, code: i32, own: &[T]) -> Result<T, HandshakeError> {
    let any = Mutant::NotOfferedAccepted.is_on();
    T::from_code(code).filter(|found| any || own.contains(found)).ok_or(HandshakeError::PeerIncompatible {
        peer: 0,
        item,
        found: format!("code {code}"),
    })
}
