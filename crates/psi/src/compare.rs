//! Comparing the two sets of points that both parties have masked.

use std::cmp::Ordering;

use symbolon_curve::Suite;
use symbolon_link::Rank;

use crate::exchange::EXTRA_BYTES;
use crate::own::OwnSet;
use crate::points::Points;
use crate::result::Pairs;
use crate::sort::{Sorted, Sorter};
use crate::spool::{Room, Spool};
use crate::{CommonId, Duplicates, PsiError, SecondForm};

/// What is compared, and how.
pub(crate) struct Comparison<'a> {
    pub(crate) suite: Suite,
    pub(crate) duplicates: Duplicates,
    pub(crate) peer: Rank,
    pub(crate) own: &'a OwnSet,
    /// Own points as the peer returned them.
    pub(crate) own_twice: &'a Points,
    /// The peer's points, masked by both, as this party computed them, with their further occurrences.
    pub(crate) peer_twice: &'a Points,
    pub(crate) room: Room,
}

/// The common ids.
pub(crate) struct Found {
    /// In the common order, as [`CommonId::to_bytes`].
    pub(crate) ids: Spool,
    /// Own rows sent that have the id of an earlier row sent, with that row: only under
    /// [`Duplicates::AsGiven`].
    pub(crate) further: Pairs,
}

/// Bytes of a row, position or count in a record that is sorted.
const NUMBER: usize = 4;

impl Comparison<'_> {
    /// Joins both sets, taking what the peer returned as being in `form`.
    ///
    /// Both are sorted by what is compared. Where that does not sort as whole points do, the common ids are
    /// sorted again, so that the order is the same at both parties whatever form each sends.
    pub(crate) fn run(&self, form: SecondForm) -> Result<Found, PsiError> {
        let key = form.bytes(self.suite);
        let mut own = Side { sorted: self.own_sorted(form)?, key, current: Vec::with_capacity(key) };
        let mut peer = Side { sorted: self.peer_sorted(form)?, key, current: Vec::with_capacity(key) };
        let point_bytes = self.suite.point_bytes();
        let mut out = Output::new(self, form);
        loop {
            let order = match (own.peek(), peer.peek()) {
                (Some(own), Some(peer)) => own.cmp(peer),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return out.finish(),
            };
            if order == Ordering::Less {
                self.own_group(&mut own, |_, _| Ok(()))?;
            } else if order == Ordering::Greater {
                self.peer_group(&mut peer, None)?;
            } else {
                let (row, own_count) = self.own_group(&mut own, |row, first| out.further(row, first))?;
                let mut whole = [0; MAX_POINT];
                let whole = whole.get_mut(..point_bytes).unwrap_or_default();
                let peer_count = self.peer_group(&mut peer, Some(whole))?;
                out.id(whole, CommonId { row, own_count, peer_count })?;
            }
        }
    }

    /// Own points as (key, row, further occurrences).
    fn own_sorted(&self, form: SecondForm) -> Result<Sorted, PsiError> {
        let key = form.bytes(self.suite);
        let mut sorter = Sorter::new(self.room.part(3), key + 2 * NUMBER);
        sorter.reserve(self.own_twice.items());
        let mut items = self.own.items_from(0);
        let mut reader = self.own_twice.read(0);
        let mut cleared = Vec::with_capacity(key);
        while let Some((_, records)) = reader.next()? {
            for record in records.chunks_exact(key) {
                let (row, further) = items.next()?.unwrap_or((u64::MAX, 0));
                cleared.clear();
                cleared.extend_from_slice(record);
                form.clear(self.suite, &mut cleared);
                sorter.push(&[&cleared, &number(row), &further.to_be_bytes()])?;
            }
        }
        sorter.finish()
    }

    /// The peer's points as (key, position, further occurrences, whole point unless the key is it).
    fn peer_sorted(&self, form: SecondForm) -> Result<Sorted, PsiError> {
        let (key, point_bytes) = (form.bytes(self.suite), self.suite.point_bytes());
        let is_whole = form == SecondForm::Whole;
        let mut sorter =
            Sorter::new(self.room.part(3), key + 2 * NUMBER + if is_whole { 0 } else { point_bytes });
        sorter.reserve(self.peer_twice.items());
        let mut reader = self.peer_twice.read(0);
        let mut cut = Vec::with_capacity(point_bytes);
        while let Some((first, records)) = reader.next()? {
            for (position, record) in (first..).zip(records.chunks_exact(point_bytes + EXTRA_BYTES)) {
                let (point, further) = record.split_at(point_bytes);
                let further =
                    further.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)).to_be_bytes();
                if is_whole {
                    sorter.push(&[point, &number(position), &further])?;
                } else {
                    cut.clear();
                    form.cut_onto(self.suite, point, &mut cut);
                    sorter.push(&[&cut, &number(position), &further, point])?;
                }
            }
        }
        sorter.finish()
    }

    /// Takes all own items with the next key: the row of the first, and how many rows they stand for. `further`
    /// is told every other row, with the first.
    fn own_group(
        &self,
        own: &mut Side,
        mut further: impl FnMut(u64, u64) -> Result<(), PsiError>,
    ) -> Result<(u64, u64), PsiError> {
        let (key, mut first, mut count) = (own.key, None, 0u64);
        while let Some(record) = own.next_of_group(first.is_none()) {
            let row = read_number(record.get(key..));
            count = count.saturating_add(1 + read_number(record.get(key + NUMBER..)));
            match first {
                None => first = Some(row),
                Some(first) if self.duplicates == Duplicates::AsGiven => further(row, first)?,
                Some(first) => {
                    let [first, second] = [first, row].map(|row| usize::try_from(row).unwrap_or(usize::MAX));
                    return Err(PsiError::PeerInconsistent { peer: self.peer, first, second });
                }
            }
            own.sorted.advance()?;
        }
        Ok((first.unwrap_or(u64::MAX), count))
    }

    /// Takes all of the peer's items with the next key: how many rows they stand for, as far as it told. `whole`
    /// receives the first of them as a whole point.
    fn peer_group(&self, peer: &mut Side, mut whole: Option<&mut [u8]>) -> Result<u64, PsiError> {
        let (key, point_bytes) = (peer.key, self.suite.point_bytes());
        let mut count = 0u64;
        while let Some(record) = peer.next_of_group(count == 0) {
            if count > 0 && self.duplicates == Duplicates::Refuse {
                let item = read_number(record.get(key..));
                return Err(PsiError::PeerDuplicate { peer: self.peer, item });
            }
            if let Some(whole) = whole.take() {
                let behind = record.get(key + 2 * NUMBER..).filter(|rest| !rest.is_empty());
                let point = behind.or(record.get(..point_bytes)).unwrap_or_default();
                whole.iter_mut().zip(point).for_each(|(to, from)| *to = *from);
            }
            count = count.saturating_add(1 + read_number(record.get(key + NUMBER..)));
            peer.sorted.advance()?;
        }
        Ok(count)
    }
}

/// Bytes of the longest encoded point.
const MAX_POINT: usize = 65;

fn number(value: u64) -> [u8; NUMBER] {
    u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes()
}

fn read_number(bytes: Option<&[u8]>) -> u64 {
    bytes.and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u64::from(u32::from_be_bytes(*bytes)))
}

/// One set in the order of its keys.
struct Side {
    sorted: Sorted,
    key: usize,
    /// Key of the group that is being taken.
    current: Vec<u8>,
}

impl Side {
    fn peek(&self) -> Option<&[u8]> {
        self.sorted.peek().and_then(|record| record.get(..self.key))
    }

    /// The next record if it has the key of the current group; `begins` makes it the first of a new one.
    fn next_of_group(&mut self, begins: bool) -> Option<&[u8]> {
        let record = self.sorted.peek()?;
        let key = record.get(..self.key)?;
        if begins {
            self.current.clear();
            self.current.extend_from_slice(key);
        } else if key != self.current {
            return None;
        }
        Some(record)
    }
}

/// Common ids on their way into the common order.
struct Output {
    ids: Spool,
    /// By whole points, unless they come in that order anyway.
    sorter: Option<Sorter>,
    further: Sorter,
    room: Room,
    point_bytes: usize,
}

impl Output {
    fn new(comparison: &Comparison<'_>, form: SecondForm) -> Self {
        let (room, point_bytes) = (comparison.room.part(8), comparison.suite.point_bytes());
        let sorter = || Sorter::new(room.clone(), point_bytes + CommonId::BYTES);
        Self {
            ids: Spool::new(room.clone(), CommonId::BYTES),
            sorter: (!form.sorts_as_whole(comparison.suite)).then(sorter),
            further: Sorter::new(room.clone(), Pairs::BYTES),
            room,
            point_bytes,
        }
    }

    fn id(&mut self, whole: &[u8], id: CommonId) -> Result<(), PsiError> {
        match &mut self.sorter {
            Some(sorter) => sorter.push(&[whole, &id.to_bytes()]),
            None => self.ids.append(&id.to_bytes()),
        }
    }

    fn further(&mut self, row: u64, first: u64) -> Result<(), PsiError> {
        self.further.push(&[&row.to_be_bytes(), &first.to_be_bytes()])
    }

    fn finish(mut self) -> Result<Found, PsiError> {
        if let Some(sorter) = self.sorter.take() {
            let mut sorted = sorter.finish()?;
            while let Some(record) = sorted.peek() {
                self.ids.append(record.get(self.point_bytes..).unwrap_or_default())?;
                sorted.advance()?;
            }
        }
        let mut further = Spool::new(self.room, Pairs::BYTES);
        let mut sorted = self.further.finish()?;
        while let Some(record) = sorted.peek() {
            further.append(record)?;
            sorted.advance()?;
        }
        Ok(Found { ids: self.ids, further: Pairs(further) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(
        items: &[String],
        duplicates: Duplicates,
        second: Vec<u8>,
        points: &[Vec<u8>],
    ) -> Result<Vec<CommonId>, PsiError> {
        let room = Room::unlimited();
        let own = OwnSet::scan_in(&items, duplicates, None, &room, false, &mut |_| {}).unwrap();
        let [mut own_twice, mut peer_twice] = [(); 2].map(|()| Points::spooled(room.clone()));
        own_twice.append(&second, 32, 0, true).unwrap();
        for point in points {
            peer_twice.append(&[point.as_slice(), &[0; 4]].concat(), 36, 0, false).unwrap();
        }
        let suite = Suite::CURVE25519_SHA256_DIRECT;
        let comparison = Comparison {
            suite,
            duplicates,
            peer: 1,
            own: &own,
            own_twice: &own_twice,
            peer_twice: &peer_twice,
            room,
        };
        let found = comparison.run(SecondForm::Whole)?;
        let mut records = crate::spool::Records::new(&found.ids, 0);
        let mut ids = Vec::new();
        while let Some(record) = records.next()? {
            ids.push(CommonId::from_bytes(record));
        }
        Ok(ids)
    }

    fn key(i: usize) -> Vec<u8> {
        [[0; 24].as_slice(), &(i as u64).to_be_bytes()].concat()
    }

    /// A peer whose points are all equal costs no more than another: comparing each own key with all of them
    /// would take hours.
    #[test]
    fn repetitions_of_the_peer_cost_nothing() {
        const COUNT: usize = 200_000;
        let items: Vec<_> = (0..COUNT).map(|i| i.to_string()).collect();
        for duplicates in [Duplicates::Count, Duplicates::AsGiven] {
            let second: Vec<u8> = (0..COUNT).flat_map(key).collect();
            let found = compare(&items, duplicates, second, &vec![key(COUNT - 1); COUNT]).unwrap();
            let id = CommonId { row: COUNT as u64 - 1, own_count: 1, peer_count: COUNT as u64 };
            assert_eq!(found, [id]);
        }
    }

    /// And the other way round: a peer that returns the same for all.
    #[test]
    fn repetitions_of_own_keys_cost_nothing() {
        const COUNT: usize = 200_000;
        let items = vec!["x".to_owned(); COUNT];
        let points: Vec<_> = (0..COUNT).map(key).collect();
        let found = compare(&items, Duplicates::AsGiven, vec![9; 32 * COUNT], &points);
        assert_eq!(found.unwrap(), []);
        let distinct: Vec<_> = (0..COUNT).map(|i| i.to_string()).collect();
        let error = compare(&distinct, Duplicates::Count, vec![9; 32 * COUNT], &points).unwrap_err();
        assert!(matches!(error, PsiError::PeerInconsistent { first: 0, second: 1, .. }), "{error}");
    }
}
