//! Where the points of one stream are kept.

use crate::PsiError;
use crate::log::{Log, LogReader};
use crate::spool::{Room, Spool, SpoolReader};

/// The points of one stream in order, kept in memory, in temporary files, in a run directory, or not at all.
pub(crate) enum Points {
    /// Only counted.
    Counted(Tally),
    /// Until the end of the run.
    Spooled(Tally, Room, Option<Spool>),
    /// Beyond it.
    Logged(Log),
}

/// What is counted of a stream.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    items: u64,
    further: u64,
    ended: bool,
}

impl Points {
    pub(crate) fn counted() -> Self {
        Self::Counted(Tally::default())
    }

    pub(crate) fn spooled(room: Room) -> Self {
        Self::Spooled(Tally::default(), room, None)
    }

    fn tally(&self) -> Tally {
        match self {
            Self::Counted(tally) | Self::Spooled(tally, ..) => *tally,
            Self::Logged(log) => Tally { items: log.items(), further: log.further(), ended: log.has_ended() },
        }
    }

    /// Records appended.
    pub(crate) fn items(&self) -> u64 {
        self.tally().items
    }

    /// Sum of what was counted beside them.
    pub(crate) fn further(&self) -> u64 {
        self.tally().further
    }

    /// Whether the stream is complete.
    pub(crate) fn has_ended(&self) -> bool {
        self.tally().ended
    }

    /// Bytes per record, once there are records to be read.
    pub(crate) fn record_bytes(&self) -> Option<usize> {
        match self {
            Self::Counted(_) => None,
            Self::Spooled(_, _, spool) => spool.as_ref().map(Spool::record_bytes),
            Self::Logged(log) => log.record_bytes(),
        }
    }

    /// Bytes that the stream takes in the run directory.
    pub(crate) fn logged_bytes(&self) -> u64 {
        if let Self::Logged(log) = self { log.bytes() } else { 0 }
    }

    /// Appends a batch of records of `record_bytes` each, always the same. `further` is counted beside them;
    /// `ended` says that none follow.
    pub(crate) fn append(
        &mut self,
        records: &[u8],
        record_bytes: usize,
        further: u64,
        ended: bool,
    ) -> Result<(), PsiError> {
        let tally = match self {
            Self::Logged(log) => return log.append(records, record_bytes, further, ended),
            Self::Counted(tally) => tally,
            Self::Spooled(tally, room, spool) => {
                if !records.is_empty() {
                    spool.get_or_insert_with(|| Spool::new(room.clone(), record_bytes)).append(records)?;
                }
                tally
            }
        };
        tally.items += (records.len() / record_bytes.max(1)) as u64;
        tally.further = tally.further.saturating_add(further);
        tally.ended |= ended;
        Ok(())
    }

    /// Reads from item `from` on.
    pub(crate) fn read(&self, from: u64) -> PointsReader<'_> {
        match self {
            Self::Counted(_) | Self::Spooled(_, _, None) => PointsReader::Nothing,
            Self::Spooled(_, _, Some(spool)) => {
                PointsReader::Spooled(spool.read(from), from, spool.record_bytes())
            }
            Self::Logged(log) => PointsReader::Logged(log.read(from)),
        }
    }
}

/// Reads [`Points`] in pieces.
pub(crate) enum PointsReader<'a> {
    Nothing,
    Spooled(SpoolReader<'a>, u64, usize),
    Logged(LogReader<'a>),
}

impl PointsReader<'_> {
    /// The number of the next item, and some records from it on; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &[u8])>, PsiError> {
        match self {
            Self::Nothing => Ok(None),
            Self::Spooled(reader, next, record_bytes) => {
                let Some(chunk) = reader.chunk()? else { return Ok(None) };
                let first = *next;
                *next += (chunk.len() / *record_bytes) as u64;
                Ok(Some((first, chunk)))
            }
            Self::Logged(reader) => reader.next(),
        }
    }
}
