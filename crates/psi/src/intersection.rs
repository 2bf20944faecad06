//! Comparing the two sets of points that both parties have masked.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rayon::prelude::*;
use symbolon_curve::Suite;
use symbolon_link::Rank;

use crate::items::OwnItems;
use crate::{Duplicates, PsiError, SecondForm};

/// The peer's points, masked by both, as this party computed them.
#[derive(Debug, Default)]
pub(crate) struct PeerPoints {
    /// Whole encoded points, concatenated in the peer's order.
    pub(crate) points: Vec<u8>,
    /// Position -> further occurrences, where the peer told.
    pub(crate) extra: BTreeMap<usize, u32>,
}

/// The common ids, in the common order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Intersection {
    /// Own row of each common id: its first.
    pub(crate) rows: Vec<usize>,
    /// Own rows that hold it.
    pub(crate) own_counts: Vec<u64>,
    /// The peer's rows that hold it, as far as it told.
    pub(crate) peer_counts: Vec<u64>,
    /// All own rows with a common id, ascending.
    pub(crate) file_order: Vec<usize>,
}

/// Compares what the peer returned for own points, in the form that it sent, with the peer's points.
pub(crate) fn intersect(
    suite: Suite,
    peer_rank: Rank,
    own: &OwnItems,
    duplicates: Duplicates,
    own_second: &[u8],
    form: SecondForm,
    peer: &PeerPoints,
) -> Result<Intersection, PsiError> {
    let key_bytes = form.bytes(suite);
    let point_bytes = suite.point_bytes();
    let cleared = match form {
        SecondForm::LowBits(bits) if bits % 8 != 0 => {
            let mut keys = own_second.to_vec();
            keys.par_chunks_exact_mut(key_bytes).for_each(|key| suite.clear_unused_bits(key, bits));
            Some(keys)
        }
        _ => None,
    };
    let cut = match form {
        SecondForm::Whole => None,
        _ => Some(form.cut(suite, peer.points.clone())),
    };
    let own_keys = Keys::sorted(cleared.as_deref().unwrap_or(own_second), key_bytes);
    let peer_keys = Keys::sorted(cut.as_deref().unwrap_or(&peer.points), key_bytes);
    if duplicates == Duplicates::Refuse
        && let Some((_, item)) = peer_keys.repeated()
    {
        return Err(PsiError::PeerDuplicate { peer: peer_rank, item: item as u64 });
    }

    if duplicates != Duplicates::AsGiven
        && let Some((first, second)) = own_keys.repeated()
    {
        let (first, second) = (own.row(first), own.row(second));
        return Err(PsiError::PeerInconsistent { peer: peer_rank, first, second });
    }

    // Common ids as (whole point, first own position, own count, peer count).
    let mut common: Vec<(&[u8], usize, u64, u64)> = Vec::new();
    let mut further: Vec<usize> = Vec::new();
    let (mut o, mut p) = (0, 0);
    while let (Some(own_key), Some(peer_key)) = (own_keys.at(o), peer_keys.at(p)) {
        match own_key.cmp(peer_key) {
            // One key at a time: a group that is measured here again and again makes this quadratic.
            Ordering::Less => o += 1,
            Ordering::Greater => p += 1,
            Ordering::Equal => {
                let (own_group, peer_group) = (own_keys.group(o), peer_keys.group(p));
                let first_own = own_group.first().map_or(0, |&i| i as usize);
                let first_peer = peer_group.first().map_or(0, |&i| i as usize);
                let whole =
                    peer.points.get(first_peer * point_bytes..).and_then(|rest| rest.get(..point_bytes));
                let extra = |map: &BTreeMap<usize, u32>, i: u32| {
                    1 + map.get(&(i as usize)).map_or(0, |&more| u64::from(more))
                };
                common.push((
                    whole.unwrap_or_default(),
                    first_own,
                    own_group.iter().map(|&i| extra(&own.extra, i)).sum(),
                    peer_group.iter().map(|&i| extra(&peer.extra, i)).sum(),
                ));
                further.extend(own_group.iter().skip(1).map(|&i| i as usize));
                o += own_group.len();
                p += peer_group.len();
            }
        }
    }
    common.par_sort_unstable_by(|a, b| a.0.cmp(b.0));

    let mut is_common = vec![false; own.len()];
    for position in common.iter().map(|c| c.1).chain(further) {
        if let Some(flag) = is_common.get_mut(position) {
            *flag = true;
        }
    }
    let mut file_order: Vec<usize> =
        is_common.iter().enumerate().filter(|(_, common)| **common).map(|(i, _)| own.row(i)).collect();
    if !own.repeats.is_empty() {
        let in_common = |position: &usize| is_common.get(*position).copied().unwrap_or(false);
        file_order.extend(own.repeats.iter().filter(|(_, first)| in_common(first)).map(|(row, _)| *row));
        file_order.sort_unstable();
    }
    Ok(Intersection {
        rows: common.iter().map(|c| own.row(c.1)).collect(),
        own_counts: common.iter().map(|c| c.2).collect(),
        peer_counts: common.iter().map(|c| c.3).collect(),
        file_order,
    })
}

/// Keys of one length and the order that sorts them; equal keys stay in the order of their positions.
struct Keys<'a> {
    keys: &'a [u8],
    key_bytes: usize,
    order: Vec<u32>,
}

impl<'a> Keys<'a> {
    fn sorted(keys: &'a [u8], key_bytes: usize) -> Self {
        let count = u32::try_from(keys.len() / key_bytes.max(1)).unwrap_or(u32::MAX);
        let mut order: Vec<u32> = (0..count).collect();
        let key = |i: u32| key_at(keys, key_bytes, i);
        order.par_sort_unstable_by(|&a, &b| key(a).cmp(key(b)).then(a.cmp(&b)));
        Self { keys, key_bytes, order }
    }

    /// The key at place `place` of the sorted order.
    fn at(&self, place: usize) -> Option<&'a [u8]> {
        self.order.get(place).map(|&i| key_at(self.keys, self.key_bytes, i))
    }

    /// The positions, ascending, of all keys equal to that at `place`, which must be the first of them.
    fn group(&self, place: usize) -> &[u32] {
        let rest = self.order.get(place..).unwrap_or_default();
        let key = self.at(place);
        let same = rest.iter().take_while(|&&i| Some(key_at(self.keys, self.key_bytes, i)) == key).count();
        rest.get(..same).unwrap_or_default()
    }

    /// The positions of two equal keys, the smaller first.
    fn repeated(&self) -> Option<(usize, usize)> {
        let key = |i: u32| key_at(self.keys, self.key_bytes, i);
        let pair = self.order.array_windows().find(|[a, b]| key(*a) == key(*b));
        pair.map(|[a, b]| (*a as usize, *b as usize))
    }
}

fn key_at(keys: &[u8], key_bytes: usize, i: u32) -> &[u8] {
    let start = (i as usize).saturating_mul(key_bytes);
    keys.get(start..).and_then(|rest| rest.get(..key_bytes)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer whose points are all equal costs no more than another: comparing each own key with all of them
    /// would take hours.
    #[test]
    fn repetitions_of_the_peer_cost_nothing() {
        const COUNT: usize = 200_000;
        let suite = Suite::CURVE25519_SHA256_DIRECT;
        let items: Vec<_> = (0..COUNT).map(|i| i.to_string()).collect();
        for duplicates in [Duplicates::Count, Duplicates::AsGiven] {
            let own = OwnItems::new(&items, duplicates).unwrap();
            let key = |i: usize| [[0; 24].as_slice(), &(i as u64).to_be_bytes()].concat();
            let second: Vec<u8> = (0..COUNT).flat_map(key).collect();
            let peer = PeerPoints { points: key(COUNT - 1).repeat(COUNT), extra: BTreeMap::new() };
            let found = intersect(suite, 1, &own, duplicates, &second, SecondForm::Whole, &peer).unwrap();
            assert_eq!(found.rows, [COUNT - 1]);
            assert_eq!((found.own_counts, found.peer_counts), (vec![1], vec![COUNT as u64]));
        }
    }

    /// And the other way round: a peer that returns the same for all.
    #[test]
    fn repetitions_of_own_keys_cost_nothing() {
        const COUNT: usize = 200_000;
        let suite = Suite::CURVE25519_SHA256_DIRECT;
        let own = OwnItems::new(&vec!["x"; COUNT], Duplicates::AsGiven).unwrap();
        let points: Vec<u8> =
            (0..COUNT).flat_map(|i| [[0; 24].as_slice(), &(i as u64).to_be_bytes()].concat()).collect();
        let peer = PeerPoints { points, extra: BTreeMap::new() };
        let found =
            intersect(suite, 1, &own, Duplicates::AsGiven, &vec![9; 32 * COUNT], SecondForm::Whole, &peer);
        assert_eq!(found.unwrap(), Intersection::default());
    }
}
