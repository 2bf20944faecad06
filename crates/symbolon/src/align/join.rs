//! Which rows a join has, and when both parties can have them.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::config::ResultTo;
use crate::error::{Error, Result};

/// Which rows come out of an intersection. Rank 0 is the left side, rank 1 the right one.
///
/// Row i of one party's output belongs to row i of the other's. A row without a partner stands beside a row without
/// values. The order is: rows with a partner, in an order that both parties share and neither chose; rows of the left
/// side alone and rows of the right side alone, both as their tables have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Join {
    /// Rows that both have.
    #[default]
    Inner,
    /// These, and those of rank 0 alone.
    Left,
    /// These, and those of rank 1 alone.
    Right,
    /// These, and those of either alone.
    Full,
    /// Those of either alone.
    Difference,
}

/// What is written of each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum OutKind {
    /// The whole row.
    #[default]
    Rows,
    /// Its id columns.
    Ids,
    /// Its number in the own table, from 0, in a column `row`.
    Indices,
}

impl Join {
    /// Whether rows that both have are part of it.
    pub fn keeps_common(self) -> bool {
        self != Self::Difference
    }

    /// Whether rows that only `rank` has are part of it.
    pub fn keeps_own(self, rank: usize) -> bool {
        match self {
            Self::Inner => false,
            Self::Left => rank == 0,
            Self::Right => rank == 1,
            Self::Full | Self::Difference => true,
        }
    }

    /// Checks that every party whose own rows are kept learns which they are.
    ///
    /// # Errors
    /// [`Error::Config`] naming the join and the rank.
    pub fn check(self, result_to: ResultTo) -> Result<()> {
        let ResultTo::Rank(only) = result_to else { return Ok(()) };
        match (0..2).find(|&rank| rank != only && self.keeps_own(rank)) {
            None => Ok(()),
            Some(rank) => Err(Error::Config(format!(
                "psi.join: a {} join keeps the rows that rank {rank} alone has, but psi.result-to = {only} keeps rank \
                 {rank} from learning which they are; use result-to = \"all\" or another join",
                self.name()
            ))),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Inner => "inner",
            Self::Left => "left",
            Self::Right => "right",
            Self::Full => "full",
            Self::Difference => "difference",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_needs_those_whose_rows_it_keeps() {
        for (join, to_zero, to_one) in [
            (Join::Inner, true, true),
            (Join::Left, true, false),
            (Join::Right, false, true),
            (Join::Full, false, false),
            (Join::Difference, false, false),
        ] {
            assert!(join.check(ResultTo::All).is_ok());
            assert_eq!(join.check(ResultTo::Rank(0)).is_ok(), to_zero, "{join:?}");
            assert_eq!(join.check(ResultTo::Rank(1)).is_ok(), to_one, "{join:?}");
        }
    }
}
