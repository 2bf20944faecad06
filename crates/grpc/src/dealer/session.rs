//! Sessions of the dealer: who belongs to one, with which seed, and until when.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;
use symbolon_mutants::Mutant;
use symbolon_prg::Seed;
use symbolon_triples::AdjustRequest;
use tokio::sync::watch;

use super::ledger::Ledger;

/// Longest session id in bytes.
pub(crate) const SESSION_ID_BYTES: usize = 128;

/// One rank's request to open, or join, a session; counts and id are checked already.
pub(crate) struct Creation {
    pub(crate) session_id: String,
    pub(crate) world_size: usize,
    pub(crate) adjust_rank: usize,
    pub(crate) rank: usize,
    pub(crate) seed: Seed,
    /// The certificate that the caller proved to own, with mutual TLS.
    pub(crate) certificate: Option<Vec<u8>>,
    /// Whether the caller keeps masks for several products (erratum E46).
    pub(crate) keep_masks: bool,
}

/// What the registry enforces.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) max_sessions: usize,
    pub(crate) idle: Duration,
    /// Whether blocks may be used twice.
    pub(crate) allow_reuse: bool,
}

struct Member {
    seed: Seed,
    certificate: Option<Vec<u8>>,
}

struct Session {
    adjust_rank: usize,
    members: Vec<Option<Member>>,
    /// All seeds by rank, once every rank has come.
    complete: Option<Arc<Vec<Seed>>>,
    keep_masks: bool,
    ledger: Ledger,
    last_used: Instant,
}

impl Session {
    fn missing(&self) -> Vec<usize> {
        self.members.iter().enumerate().filter(|(_, member)| member.is_none()).map(|(rank, _)| rank).collect()
    }

    fn holder(&self, certificate: &[u8]) -> Option<usize> {
        self.members
            .iter()
            .position(|member| member.as_ref().is_some_and(|m| m.certificate.as_deref() == Some(certificate)))
    }
}

/// What an adjustment may find.
pub(crate) enum Readiness {
    /// The seeds of all ranks, in order.
    Ready(Arc<Vec<Seed>>),
    /// These ranks have not created the session yet.
    Waiting(Vec<usize>),
    /// Nobody has.
    Unknown,
}

/// All sessions of one dealer.
pub(crate) struct Sessions {
    rules: Rules,
    by_id: Mutex<HashMap<String, Session>>,
    changed: watch::Sender<u64>,
}

impl Sessions {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules, by_id: Mutex::default(), changed: watch::Sender::new(0) }
    }

    /// Opens the session or joins it. Repeating it with the same values changes nothing.
    pub(crate) fn create(&self, creation: Creation, now: Instant) -> Result<(), String> {
        let mut by_id = self.lock();
        forget_idle(&mut by_id, self.rules.idle, now);
        if !by_id.contains_key(&creation.session_id) && by_id.len() >= self.rules.max_sessions {
            return Err(format!(
                "the dealer already holds its limit of {} sessions; delete one or wait until one expires",
                self.rules.max_sessions
            ));
        }
        let session = by_id.entry(creation.session_id.clone()).or_insert_with(|| Session {
            adjust_rank: creation.adjust_rank,
            members: (0..creation.world_size).map(|_| None).collect(),
            complete: None,
            keep_masks: creation.keep_masks,
            ledger: Ledger::new(creation.keep_masks),
            last_used: now,
        });
        join(session, creation)?;
        session.last_used = now;
        drop(by_id);
        self.changed.send_modify(|generation| *generation = generation.wrapping_add(1));
        Ok(())
    }

    /// Forgets the session and its seeds. A session that does not exist is as good as deleted.
    pub(crate) fn delete(&self, session_id: &str, certificate: Option<&[u8]>) -> Result<(), String> {
        let mut by_id = self.lock();
        if let (Some(session), Some(certificate)) = (by_id.get(session_id), certificate)
            && session.holder(certificate).is_none()
        {
            return Err(
                "only a member of the session can delete it; the TLS certificate presented is not one of \
                        a member"
                    .into(),
            );
        }
        if !Mutant::SessionNotDeleted.is_on() {
            by_id.remove(session_id);
        }
        Ok(())
    }

    /// The seeds of the session, for whoever asks for corrections.
    pub(crate) fn readiness(
        &self,
        session_id: &str,
        certificate: Option<&[u8]>,
        now: Instant,
    ) -> Result<Readiness, String> {
        let mut by_id = self.lock();
        forget_idle(&mut by_id, self.rules.idle, now);
        let Some(session) = by_id.get_mut(session_id) else { return Ok(Readiness::Unknown) };
        let adjuster = session.members.get(session.adjust_rank).and_then(Option::as_ref);
        if let (Some(adjuster), Some(_)) = (adjuster, certificate)
            && adjuster.certificate.as_deref() != certificate
        {
            return Err(format!(
                "only rank {} asks for corrections in this session; the TLS certificate presented is not the one \
                 it created the session with",
                session.adjust_rank
            ));
        }
        session.last_used = now;
        Ok(match &session.complete {
            Some(seeds) => Readiness::Ready(seeds.clone()),
            None => Readiness::Waiting(session.missing()),
        })
    }

    /// Marks the stream blocks of `request` as used.
    pub(crate) fn reserve(&self, session_id: &str, request: &AdjustRequest) -> Result<(), String> {
        if self.rules.allow_reuse {
            return Ok(());
        }
        match self.lock().get_mut(session_id) {
            Some(session) => session.ledger.reserve(request),
            None => Err("the session was deleted meanwhile".into()),
        }
    }

    /// Signalled after each creation.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Forgets sessions that nobody used for the idle time.
    pub(crate) fn sweep(&self, now: Instant) {
        forget_idle(&mut self.lock(), self.rules.idle, now);
    }

    /// Forgets all sessions.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_idle(by_id: &mut HashMap<String, Session>, idle: Duration, now: Instant) {
    by_id.retain(|_, session| now.saturating_duration_since(session.last_used) < idle);
}

fn join(session: &mut Session, creation: Creation) -> Result<(), String> {
    let Creation { world_size, adjust_rank, rank, seed, certificate, keep_masks, .. } = creation;
    if world_size != session.members.len() {
        return Err(format!(
            "rank {rank} says world_size {world_size}, but the session was created with {}",
            session.members.len()
        ));
    }
    if adjust_rank != session.adjust_rank && !Mutant::OtherAdjustRankAccepted.is_on() {
        return Err(format!(
            "rank {rank} says adjust_rank {adjust_rank}, but the session was created with {}",
            session.adjust_rank
        ));
    }
    if keep_masks != session.keep_masks {
        let says = |keep: bool| if keep { "keeps masks" } else { "keeps no masks" };
        return Err(format!(
            "rank {rank} {} in a session whose first member {}; all parties must do the same",
            says(keep_masks),
            says(session.keep_masks)
        ));
    }
    if let Some(certificate) = &certificate
        && let Some(other) = session.holder(certificate)
        && other != rank
    {
        return Err(format!("the TLS certificate of rank {other} cannot also be that of rank {rank}"));
    }
    let Some(slot) = session.members.get_mut(rank) else {
        return Err(format!("rank {rank} is not below world_size {world_size}"));
    };
    if let Some(member) = slot {
        if member.certificate != certificate {
            return Err(format!("rank {rank} already created this session with another TLS certificate"));
        }
        if Mutant::OtherSeedAccepted.is_on() {
            member.seed = seed;
            return Ok(());
        }
        if !bool::from(member.seed.as_bytes().ct_eq(seed.as_bytes())) {
            return Err(format!(
                "rank {rank} already created this session with another seed; delete the session first, or use a \
                 new session id"
            ));
        }
        return Ok(());
    }
    *slot = Some(Member { seed, certificate });
    let seeds: Vec<Seed> = session.members.iter().flatten().map(|member| member.seed.clone()).collect();
    if seeds.len() == session.members.len() || Mutant::IncompleteSessionAnswered.is_on() {
        session.complete = Some(Arc::new(seeds));
    }
    Ok(())
}

/// Letters, digits and `-_.:/` only, at most [`SESSION_ID_BYTES`].
pub(crate) fn checked_id(id: &str) -> Result<(), String> {
    if id.is_empty() || id.len() > SESSION_ID_BYTES {
        return Err(format!("session_id has {} bytes; 1 to {SESSION_ID_BYTES} are allowed", id.len()));
    }
    match id.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_.:/".contains(*c))) {
        None => Ok(()),
        Some(other) => Err(format!("session_id contains {other:?}; letters, digits and -_.:/ are allowed")),
    }
}
