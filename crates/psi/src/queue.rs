//! The peer's batches on their way from the link to the masker.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::PsiError;
use crate::batch::{Batch, decoded};
use crate::disk::failed;
use crate::error::Location;
use crate::spool::Room;

/// What an entry of a map of repetitions takes in memory, about.
const EXTRA_BYTES: usize = 24;

/// A queue that always takes what it is given: what memory has no room for waits in an unnamed file. So the
/// receiving thread never waits for the masking one, and two parties that both wait for room in the other's
/// window cannot block each other, however much faster one of them is.
pub(crate) struct Queue {
    room: Room,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Location, Waiting)>,
    /// Bytes in memory.
    held: usize,
    file: Option<File>,
    /// Where the next message goes; from the start again when all are taken.
    file_end: u64,
    in_file: usize,
    closed: bool,
}

enum Waiting {
    Held(Batch, usize),
    /// Place of the message in the file.
    Spilled(u64, usize),
}

impl Queue {
    pub(crate) fn new(room: Room) -> Self {
        Self { room, state: Mutex::default(), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a batch and the message that it came in.
    pub(crate) fn push(&self, at: Location, batch: Batch, message: &Bytes) -> Result<(), PsiError> {
        let bytes = message.len();
        let in_memory = bytes.saturating_add(batch.extra.len().saturating_mul(EXTRA_BYTES));
        let mut state = self.lock();
        if state.held.saturating_add(in_memory) <= self.room.memory {
            state.held += in_memory;
            state.waiting.push_back((at, Waiting::Held(batch, in_memory)));
        } else {
            if state.file.is_none() {
                state.file = Some(self.room.file()?);
            }
            let start = state.file_end;
            if let Some(file) = &state.file {
                self.room.disk.write_at(file, &self.room.folder, message, start)?;
            }
            state.file_end += bytes as u64;
            state.in_file += 1;
            state.waiting.push_back((at, Waiting::Spilled(start, bytes)));
        }
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// The next batch; waits for it. `None` once the queue is closed and empty.
    pub(crate) fn pop(&self) -> Result<Option<(Location, Batch)>, PsiError> {
        let mut state = self.lock();
        loop {
            match state.waiting.pop_front() {
                Some((at, Waiting::Held(batch, bytes))) => {
                    state.held -= bytes;
                    return Ok(Some((at, batch)));
                }
                Some((at, Waiting::Spilled(start, bytes))) => {
                    let mut message = vec![0; bytes];
                    if let Some(file) = &state.file {
                        file.read_exact_at(&mut message, start)
                            .map_err(failed("reading", &self.room.folder))?;
                    }
                    state.in_file -= 1;
                    if state.in_file == 0 {
                        state.file_end = 0;
                    }
                    return decoded(at, message.into()).map(|batch| Some((at, batch)));
                }
                None if state.closed => return Ok(None),
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Closes the queue when the value returned is dropped: nothing more will be added.
    pub(crate) fn closing(&self) -> Closing<'_> {
        Closing(self)
    }
}

pub(crate) struct Closing<'a>(&'a Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::batch::encode;
    use crate::error::Stream;

    #[test]
    fn batches_come_out_as_they_went_in() {
        for memory in [0, 300, u64::MAX] {
            let queue = Queue::new(Room::new(memory, &std::env::temp_dir()));
            let at = |batch| Location { peer: 1, stream: Stream::First, batch };
            let push = |n: u64| {
                let extra = BTreeMap::from([(0, n as u32)]);
                let message = encode(Stream::First, n, false, 2, vec![n as u8; 64].into(), extra).unwrap();
                queue.push(at(n), decoded(at(n), message.clone()).unwrap(), &message).unwrap();
            };
            let pop = |n: u64| {
                let (found, batch) = queue.pop().unwrap().unwrap();
                assert_eq!(
                    (found, batch.points[0], batch.extra[&0], batch.count),
                    (at(n), n as u8, n as u32, 2)
                );
            };
            (0..7).for_each(push);
            (0..3).for_each(pop);
            (7..9).for_each(push);
            (3..9).for_each(pop);
            (9..12).for_each(push);
            drop(queue.closing());
            (9..12).for_each(pop);
            assert!(queue.pop().unwrap().is_none());
        }
    }
}
