//! A case: one clause, one function.

use std::fmt;

use serde::{Deserialize, Serialize};
use symbolon_dialect::Dialect;

use super::bench::Bench;
use super::verdict::Outcome;

/// How binding the clause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A document or proto demands it, or no two implementations could work together without it.
    Must,
    /// A document recommends it, or it guards against a broken peer.
    Should,
    /// What deployed implementations do, without a document that says so.
    Observed,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::Observed => "observed",
        })
    }
}

/// What the testee is in a case; the suite plays the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The party that decides in the handshake.
    Rank0,
    /// The party that asks in the handshake.
    Rank1,
    /// The trusted dealer.
    Dealer,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rank0, Self::Rank1, Self::Dealer];

    /// The word in reports and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rank0 => "rank0",
            Self::Rank1 => "rank1",
            Self::Dealer => "dealer",
        }
    }

    /// The role of that name.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Either party.
pub const PARTIES: &[Role] = &[Role::Rank0, Role::Rank1];
/// The deciding party.
pub const RANK_0: &[Role] = &[Role::Rank0];
/// The asking party.
pub const RANK_1: &[Role] = &[Role::Rank1];
/// The dealer.
pub const DEALER: &[Role] = &[Role::Dealer];

/// One test of one clause.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Permanent name: `area/topic/what`.
    pub id: &'static str,
    /// How binding the clause is.
    pub level: Level,
    /// Where it stands: document and section, proto file, or implementation and version.
    pub source: &'static str,
    /// Its number in docs/errata.md, if the sources disagree.
    pub erratum: Option<u8>,
    /// What it asks for, in one sentence.
    pub requirement: &'static str,
    /// Why it matters, and how others behave.
    pub why: &'static str,
    /// What the testee can be in it.
    pub roles: &'static [Role],
    /// Whether it belongs to a reading of the disputed points.
    pub applies: fn(&Dialect) -> bool,
    /// The test.
    pub run: fn(&mut Bench) -> Outcome,
}

impl Case {
    const fn new(
        level: Level,
        id: &'static str,
        source: &'static str,
        requirement: &'static str,
        run: fn(&mut Bench) -> Outcome,
    ) -> Self {
        Self {
            id,
            level,
            source,
            erratum: None,
            requirement,
            why: "",
            roles: PARTIES,
            applies: |_| true,
            run,
        }
    }

    /// A case that every implementation has to pass, for either party.
    pub const fn must(
        id: &'static str,
        source: &'static str,
        requirement: &'static str,
        run: fn(&mut Bench) -> Outcome,
    ) -> Self {
        Self::new(Level::Must, id, source, requirement, run)
    }

    /// A case that a careful implementation passes, for either party.
    pub const fn should(
        id: &'static str,
        source: &'static str,
        requirement: &'static str,
        run: fn(&mut Bench) -> Outcome,
    ) -> Self {
        Self::new(Level::Should, id, source, requirement, run)
    }

    /// What deployed implementations do, for either party.
    pub const fn observed(
        id: &'static str,
        source: &'static str,
        requirement: &'static str,
        run: fn(&mut Bench) -> Outcome,
    ) -> Self {
        Self::new(Level::Observed, id, source, requirement, run)
    }

    /// With an erratum.
    #[must_use]
    pub const fn erratum(mut self, number: u8) -> Self {
        self.erratum = Some(number);
        self
    }

    /// With the reason for it.
    #[must_use]
    pub const fn why(mut self, why: &'static str) -> Self {
        self.why = why;
        self
    }

    /// For these roles.
    #[must_use]
    pub const fn roles(mut self, roles: &'static [Role]) -> Self {
        self.roles = roles;
        self
    }

    /// Only under some readings.
    #[must_use]
    pub const fn applies(mut self, applies: fn(&Dialect) -> bool) -> Self {
        self.applies = applies;
        self
    }
}
