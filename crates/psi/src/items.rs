//! Own items: which rows are sent, and how often each id occurs.

use std::collections::{BTreeMap, HashMap};

use crate::{Duplicates, PsiError};

/// The rows that are sent, in order, and the repetitions that are not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OwnItems {
    /// The rows sent; `None` means all of them, as given.
    sent: Option<Vec<u32>>,
    /// Rows that repeat an earlier id, with the position among the sent rows of their first occurrence.
    pub(crate) repeats: Vec<(usize, usize)>,
    /// Position among the sent rows -> further occurrences (at least 1).
    pub(crate) extra: BTreeMap<usize, u32>,
    rows: usize,
}

impl OwnItems {
    /// Looks for repetitions among `items`.
    pub(crate) fn new<I: AsRef<[u8]>>(items: &[I], duplicates: Duplicates) -> Result<Self, PsiError> {
        let all = Self { sent: None, repeats: Vec::new(), extra: BTreeMap::new(), rows: items.len() };
        if duplicates == Duplicates::AsGiven {
            return Ok(all);
        }
        let mut positions: HashMap<&[u8], usize> = HashMap::with_capacity(items.len());
        let mut sent = Vec::with_capacity(items.len());
        let mut repeats = Vec::new();
        let mut extra: BTreeMap<usize, u32> = BTreeMap::new();
        for (row, item) in items.iter().enumerate() {
            let row_number = u32::try_from(row).map_err(|_| PsiError::ConfigParameter {
                field: "items",
                reason: format!("more than {}; split the sets", u32::MAX),
            })?;
            match positions.get(item.as_ref()) {
                None => {
                    positions.insert(item.as_ref(), sent.len());
                    sent.push(row_number);
                }
                Some(&position) if duplicates == Duplicates::Refuse => {
                    let first = sent.get(position).map_or(0, |&row| row as usize);
                    return Err(PsiError::OursDuplicate { first, second: row });
                }
                Some(&position) => {
                    repeats.push((row, position));
                    let count = extra.entry(position).or_insert(0);
                    *count = count.saturating_add(1);
                }
            }
        }
        if repeats.is_empty() {
            return Ok(all);
        }
        Ok(Self { sent: Some(sent), repeats, extra, rows: items.len() })
    }

    /// Number of rows sent.
    pub(crate) fn len(&self) -> usize {
        self.sent.as_ref().map_or(self.rows, Vec::len)
    }

    /// The row at `position` among the sent ones (`position` < [`OwnItems::len`]).
    pub(crate) fn row(&self, position: usize) -> usize {
        match &self.sent {
            None => position,
            Some(sent) => sent.get(position).map_or(self.rows, |&row| row as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_of_further_rows_at_the_first_position() {
        // The example of the protocol's message definition.
        let items = ["1", "2", "3", "3", "4", "5", "5", "5"];
        let own = OwnItems::new(&items, Duplicates::Count).unwrap();
        assert_eq!(own.len(), 5);
        assert_eq!(own.extra, BTreeMap::from([(2, 1), (4, 2)]));
        assert_eq!((0..5).map(|p| own.row(p)).collect::<Vec<_>>(), [0, 1, 2, 4, 5]);
        assert_eq!(own.repeats, [(3, 2), (6, 4), (7, 4)]);
    }

    #[test]
    fn refusal_names_both_rows_and_not_the_id() {
        let error = OwnItems::new(&["a", "secret", "b", "secret"], Duplicates::Refuse).unwrap_err();
        assert!(matches!(error, PsiError::OursDuplicate { first: 1, second: 3 }));
        let text = error.to_string();
        assert!(text.contains("rows 1 and 3") && !text.contains("secret"), "{text}");
    }

    #[test]
    fn as_given_sends_everything() {
        let own = OwnItems::new(&["a", "a"], Duplicates::AsGiven).unwrap();
        assert_eq!((own.len(), own.row(1), own.repeats.len()), (2, 1, 0));
    }
}
