//! Operations of a link with any number of parties: a script, and what every party sends and receives in it.
//!
//! A script is a list of words, done by every party in order:
//!
//! | word | |
//! | --- | --- |
//! | `exchange` | P2P: to every other party, then from every other party |
//! | `allgather`, `barrier` | the collectives of that name |
//! | `gather:R`, `scatter:R`, `broadcast:R` | the same, with rank R as the root |
//! | `sub`, `root` | from here on on a new sub-channel, on the main channel again |
//!
//! In step number i (from 0, `sub` and `root` count too) rank r gives the text `r/i`; with a receiver of its own each, in
//! `exchange` and `scatter`, `r/i/receiver`. Sources: interconnection docs/protocols, transport layer; yacl link (2026-04) for
//! ALLGATHER, BCAST and BARRIER (erratum E04).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// One word of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// P2P to and from everybody.
    Exchange,
    /// Everybody's value to everybody.
    Allgather,
    /// Everybody's value to the root.
    Gather(usize),
    /// One value of the root for each.
    Scatter(usize),
    /// The root's value to everybody, along a binomial tree.
    Broadcast(usize),
    /// Nobody goes on before everybody is there.
    Barrier,
    /// A new sub-channel.
    Sub,
    /// The main channel again.
    Root,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange => f.write_str("exchange"),
            Self::Allgather => f.write_str("allgather"),
            Self::Gather(root) => write!(f, "gather:{root}"),
            Self::Scatter(root) => write!(f, "scatter:{root}"),
            Self::Broadcast(root) => write!(f, "broadcast:{root}"),
            Self::Barrier => f.write_str("barrier"),
            Self::Sub => f.write_str("sub"),
            Self::Root => f.write_str("root"),
        }
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let unknown = || format!("{word:?} is no step of a script");
        let (name, root) = match word.split_once(':') {
            Some((name, root)) => (name, Some(root.parse().map_err(|_| unknown())?)),
            None => (word, None),
        };
        match (name, root) {
            ("exchange", None) => Ok(Self::Exchange),
            ("allgather", None) => Ok(Self::Allgather),
            ("gather", Some(root)) => Ok(Self::Gather(root)),
            ("scatter", Some(root)) => Ok(Self::Scatter(root)),
            ("broadcast", Some(root)) => Ok(Self::Broadcast(root)),
            ("barrier", None) => Ok(Self::Barrier),
            ("sub", None) => Ok(Self::Sub),
            ("root", None) => Ok(Self::Root),
            _ => Err(unknown()),
        }
    }
}

/// The words of a script.
///
/// # Errors
/// A word that is none.
pub fn script(text: &str) -> Result<Vec<Step>, String> {
    text.split_whitespace().map(str::parse).collect()
}

/// The value of a rank in a step, for everybody.
pub fn value(rank: usize, step: usize) -> String {
    format!("{rank}/{step}")
}

/// The value of a rank in a step, for one receiver.
pub fn value_for(rank: usize, step: usize, receiver: usize) -> String {
    format!("{rank}/{step}/{receiver}")
}

/// A message of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The step that it belongs to.
    pub step: usize,
    /// Who sends it.
    pub from: usize,
    /// Who gets it.
    pub to: usize,
    /// Its key, without a sequence number.
    pub key: String,
    /// Its value; `None` where no source says which.
    pub value: Option<String>,
}

/// Every message of a script among `parties` parties, step by step; counters begin at `first`.
pub fn messages(script: &[Step], parties: usize, first: u64) -> Vec<Message> {
    let mut channel = "root".to_owned();
    let mut children = 0;
    let mut collectives: BTreeMap<String, u64> = BTreeMap::new();
    let mut pairs: BTreeMap<String, u64> = BTreeMap::new();
    let mut all = Vec::new();
    let everyone = || (0..parties).flat_map(move |from| (0..parties).map(move |to| (from, to)));
    for (step, word) in script.iter().enumerate() {
        let mut collective = |name: &str| {
            let count = collectives.entry(channel.clone()).or_insert(first);
            *count += 1;
            format!("{channel}:{}:{name}", *count - 1)
        };
        let mut add = |from: usize, to: usize, key: &str, value: Option<String>| {
            if from != to {
                all.push(Message { step, from, to, key: key.to_owned(), value });
            }
        };
        match *word {
            Step::Exchange => {
                let count = pairs.entry(channel.clone()).or_insert(first);
                for (from, to) in everyone() {
                    let key = format!("{channel}:P2P-{count}:{from}->{to}");
                    add(from, to, &key, Some(value_for(from, step, to)));
                }
                *count += 1;
            }
            Step::Allgather => {
                let key = collective("ALLGATHER");
                everyone().for_each(|(from, to)| add(from, to, &key, Some(value(from, step))));
            }
            Step::Gather(root) => {
                let key = collective("GATHER");
                (0..parties).for_each(|from| add(from, root, &key, Some(value(from, step))));
            }
            Step::Scatter(root) => {
                let key = collective("SCATTER");
                (0..parties).for_each(|to| add(root, to, &key, Some(value_for(root, step, to))));
            }
            Step::Broadcast(root) => {
                let key = collective("BCAST");
                for place in 1..parties {
                    // Places count from the root; the parent has the lowest bit of the place cleared.
                    let parent = place & (place - 1);
                    let [from, to] = [parent, place].map(|place| (root + place) % parties);
                    add(from, to, &key, Some(value(root, step)));
                }
            }
            Step::Barrier => {
                let key = collective("BARRIER");
                let mut offset = 1;
                while offset < parties {
                    (0..parties).for_each(|from| add(from, (from + offset) % parties, &key, None));
                    offset <<= 1;
                }
            }
            Step::Sub => {
                channel = format!("root-{children}");
                children += 1;
            }
            Step::Root => channel = "root".into(),
        }
    }
    all
}

/// What a rank learns from others in a script: step, whose value, the value.
pub fn learned(script: &[Step], parties: usize, rank: usize) -> Vec<(usize, usize, String)> {
    let mut all = Vec::new();
    for (step, word) in script.iter().enumerate() {
        let others = (0..parties).filter(|other| *other != rank);
        match *word {
            Step::Exchange => all.extend(others.map(|from| (step, from, value_for(from, step, rank)))),
            Step::Allgather => all.extend(others.map(|from| (step, from, value(from, step)))),
            Step::Gather(root) if root == rank => {
                all.extend(others.map(|from| (step, from, value(from, step))));
            }
            Step::Scatter(root) if root != rank => all.push((step, root, value_for(root, step, rank))),
            Step::Broadcast(root) if root != rank => all.push((step, root, value(root, step))),
            _ => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_written() {
        let text = "exchange allgather gather:1 scatter:0 broadcast:2 barrier sub root";
        let steps = script(text).unwrap();
        assert_eq!(steps.iter().map(Step::to_string).collect::<Vec<_>>().join(" "), text);
        assert!(script("gather").is_err() && script("dance").is_err() && script("gather:x").is_err());
    }

    #[test]
    fn collectives_share_a_counter_and_pairs_have_theirs() {
        let steps = script("exchange allgather gather:1 sub allgather root exchange barrier").unwrap();
        let keys: Vec<_> = messages(&steps, 3, 1)
            .into_iter()
            .filter(|message| (message.from, message.to) == (0, 1))
            .map(|message| message.key)
            .collect();
        let expected = [
            "root:P2P-1:0->1",
            "root:1:ALLGATHER",
            "root:2:GATHER",
            "root-0:1:ALLGATHER",
            "root:P2P-2:0->1",
            "root:3:BARRIER",
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_broadcast_among_five_is_a_binomial_tree() {
        let mut pairs: Vec<_> = messages(&[Step::Broadcast(1)], 5, 1)
            .iter()
            .map(|message| ((message.from + 4) % 5, (message.to + 4) % 5))
            .collect();
        pairs.sort_unstable();
        assert_eq!(pairs, [(0, 1), (0, 2), (0, 4), (2, 3)]);
    }

    #[test]
    fn everybody_learns_what_is_sent() {
        let steps = script("exchange allgather gather:2 scatter:1 broadcast:0").unwrap();
        assert_eq!(learned(&steps, 3, 0).len(), 2 + 2 + 1);
        assert_eq!(learned(&steps, 3, 2).len(), 2 + 2 + 2 + 1 + 1);
        assert_eq!(learned(&steps, 3, 2)[0], (0, 0, "0/0/2".into()));
    }
}
