//! The statistics file (`StatusFile`): counters for each mailer, which `mailstats` and monitoring programs read.
//!
//! The file is the original's structure as the machine lays it out: native byte order, 8-byte `long`.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;

/// The mailers that have counters.
pub const MAILERS_MAX: usize = 25;
/// The first word of the file.
const MAGIC: i32 = 0x1B1DE;
/// The layout of the file.
const VERSION: i32 = 4;
/// Counters of connections: from, to, rejected.
const CONNECTIONS: usize = 3;
/// Columns of counters for each mailer.
const COLUMNS: usize = 7;
/// Where the counters begin.
const COUNTERS_AT: usize = 24;
/// The length of the file.
const BYTES: usize = COUNTERS_AT + 8 * (CONNECTIONS + COLUMNS * MAILERS_MAX);

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StatisticsError {
    /// It cannot be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Another program holds its lock.
    #[error("another program holds its lock")]
    Locked,
    /// It is something else.
    #[error("it has another format; empty it to begin anew")]
    Format,
}

/// What is counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    /// A client was greeted.
    ConnectionFrom,
    /// A host was connected to.
    ConnectionTo,
    /// A message came in from an address of this mailer.
    Received {
        /// The sender's mailer.
        mailer: Option<usize>,
        /// Header and body.
        size_bytes: u64,
    },
    /// A recipient has a message.
    Sent {
        /// The recipient's mailer.
        mailer: Option<usize>,
        /// Header and body.
        size_bytes: u64,
    },
    /// A ruleset refused a command.
    Rejected {
        /// The sender's mailer.
        mailer: Option<usize>,
    },
    /// A ruleset had a message thrown away.
    Discarded {
        /// The sender's mailer.
        mailer: Option<usize>,
    },
    /// A message is held back.
    Quarantined {
        /// The sender's mailer.
        mailer: Option<usize>,
    },
}

/// The counters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statistics {
    /// When counting began, in seconds since the epoch.
    pub since_secs: i64,
    /// Connections from others.
    pub connections_from: i64,
    /// Connections to others.
    pub connections_to: i64,
    /// Connections refused.
    pub connections_rejected: i64,
    /// Messages received from each mailer.
    pub messages_from: [i64; MAILERS_MAX],
    /// Kilobytes received from each mailer.
    pub kbytes_from: [i64; MAILERS_MAX],
    /// Messages sent to each mailer.
    pub messages_to: [i64; MAILERS_MAX],
    /// Kilobytes sent to each mailer.
    pub kbytes_to: [i64; MAILERS_MAX],
    /// Messages rejected.
    pub rejected: [i64; MAILERS_MAX],
    /// Messages discarded.
    pub discarded: [i64; MAILERS_MAX],
    /// Messages quarantined.
    pub quarantined: [i64; MAILERS_MAX],
}

impl Statistics {
    /// Returns counters at zero, begun at `since_secs`.
    pub fn new(since_secs: i64) -> Self {
        let zero = [0; MAILERS_MAX];
        Self {
            since_secs,
            connections_from: 0,
            connections_to: 0,
            connections_rejected: 0,
            messages_from: zero,
            kbytes_from: zero,
            messages_to: zero,
            kbytes_to: zero,
            rejected: zero,
            discarded: zero,
            quarantined: zero,
        }
    }

    /// Counts an event; a mailer is its place in the list of mailers, none: it is not known.
    pub fn count(&mut self, event: Event) {
        let (column, mailer, kbytes) = match event {
            Event::ConnectionFrom => return self.connections_from += 1,
            Event::ConnectionTo => return self.connections_to += 1,
            Event::Received { mailer, size_bytes } => {
                (&mut self.messages_from, mailer, Some((&mut self.kbytes_from, size_bytes)))
            }
            Event::Sent { mailer, size_bytes } => {
                (&mut self.messages_to, mailer, Some((&mut self.kbytes_to, size_bytes)))
            }
            Event::Rejected { mailer } => {
                self.connections_rejected += 1;
                (&mut self.rejected, mailer, None)
            }
            Event::Discarded { mailer } => {
                self.connections_rejected += 1;
                (&mut self.discarded, mailer, None)
            }
            Event::Quarantined { mailer } => (&mut self.quarantined, mailer, None),
        };
        let Some(slot) = mailer.filter(|mailer| *mailer < MAILERS_MAX) else { return };
        column[slot] += 1;
        if let Some((column, size_bytes)) = kbytes {
            column[slot] += in_kbytes(size_bytes);
        }
    }

    /// Reads the counters of a file; `None` for an empty one.
    ///
    /// # Errors
    /// The file cannot be read or is no statistics file.
    pub fn read(file: &File) -> Result<Option<Self>, StatisticsError> {
        let mut bytes = [0; BYTES];
        let len = read_whole(file, &mut bytes)?;
        match len {
            0 => Ok(None),
            BYTES => Self::decode(&bytes).map(Some).ok_or(StatisticsError::Format),
            _ => Err(StatisticsError::Format),
        }
    }

    /// Adds these counters to those of the file, under its lock, which is not waited for: whoever can read the file can
    /// hold it.
    ///
    /// # Errors
    /// The file cannot be locked, read or written, or is no statistics file.
    pub fn add_to(&self, file: &File) -> Result<(), StatisticsError> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StatisticsError::Locked),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let result = self.add_locked(file);
        file.unlock()?;
        result
    }

    fn add_locked(&self, file: &File) -> Result<(), StatisticsError> {
        let mut sum = Self::read(file)?.unwrap_or_else(|| Self::new(self.since_secs));
        sum.add(self);
        Ok(file.write_all_at(&sum.encode(), 0)?)
    }

    /// Adds other counters.
    pub fn add(&mut self, other: &Self) {
        for (total, more) in self.counters_mut().into_iter().zip(other.counters()) {
            *total = total.saturating_add(more);
        }
    }

    /// Returns all counters in the order of the file.
    fn counters(&self) -> Vec<i64> {
        let mut all = vec![self.connections_from, self.connections_to, self.connections_rejected];
        for column in [
            &self.messages_from,
            &self.kbytes_from,
            &self.messages_to,
            &self.kbytes_to,
            &self.rejected,
            &self.discarded,
            &self.quarantined,
        ] {
            all.extend_from_slice(column);
        }
        all
    }

    /// Returns all counters in the order of the file, for changing them.
    fn counters_mut(&mut self) -> Vec<&mut i64> {
        let mut all = vec![&mut self.connections_from, &mut self.connections_to, &mut self.connections_rejected];
        for column in [
            &mut self.messages_from,
            &mut self.kbytes_from,
            &mut self.messages_to,
            &mut self.kbytes_to,
            &mut self.rejected,
            &mut self.discarded,
            &mut self.quarantined,
        ] {
            all.extend(column.iter_mut());
        }
        all
    }

    /// Returns the bytes of the file.
    fn encode(&self) -> Vec<u8> {
        let size = i16::try_from(BYTES).expect("the structure is small");
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend_from_slice(&MAGIC.to_ne_bytes());
        bytes.extend_from_slice(&VERSION.to_ne_bytes());
        bytes.extend_from_slice(&self.since_secs.to_ne_bytes());
        bytes.extend_from_slice(&size.to_ne_bytes());
        bytes.resize(COUNTERS_AT, 0);
        self.counters().iter().for_each(|counter| bytes.extend_from_slice(&counter.to_ne_bytes()));
        bytes
    }

    /// Reads the bytes of a file.
    fn decode(bytes: &[u8; BYTES]) -> Option<Self> {
        let word = |at: usize| i32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let long = |at: usize| i64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        if word(0) != MAGIC || word(4) != VERSION {
            return None;
        }
        let mut statistics = Self::new(long(8));
        for (index, counter) in statistics.counters_mut().into_iter().enumerate() {
            *counter = long(COUNTERS_AT + 8 * index);
        }
        Some(statistics)
    }
}

/// Returns kilobytes, rounded up.
fn in_kbytes(size_bytes: u64) -> i64 {
    i64::try_from(size_bytes.div_ceil(1024)).unwrap_or(i64::MAX)
}

/// Reads from the start of the file until it ends or `bytes` is full.
fn read_whole(file: &File, bytes: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < bytes.len() {
        match file.read_at(&mut bytes[len..], len as u64)? {
            0 => break,
            count => len += count,
        }
    }
    Ok(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_the_layout_of_the_original() {
        let mut statistics = Statistics::new(1_795_389_079);
        for _ in 0..4 {
            statistics.count(Event::Received { mailer: Some(3), size_bytes: 15 });
            statistics.count(Event::Sent { mailer: Some(3), size_bytes: 15 });
        }
        let bytes = statistics.encode();
        assert_eq!(bytes.len(), 1448);
        let long = |at: usize| i64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        assert_eq!((long(72), long(272), long(472), long(672)), (4, 4, 4, 4));
        assert_eq!((long(8), long(16)), (1_795_389_079, 1448));
    }

    #[test]
    fn counters_add_up_in_the_file() {
        let file = tempfile::tempfile().expect("a file");
        assert!(Statistics::read(&file).expect("empty").is_none());
        let mut more = Statistics::new(7);
        more.count(Event::Sent { mailer: Some(1), size_bytes: 2000 });
        more.count(Event::ConnectionTo);
        more.add_to(&file).expect("writable");
        more.add_to(&file).expect("writable");
        let sum = Statistics::read(&file).expect("readable").expect("counters");
        assert_eq!((sum.messages_to[1], sum.kbytes_to[1], sum.connections_to, sum.since_secs), (2, 4, 2, 7));
    }

    #[test]
    fn a_lock_that_another_holds_is_not_waited_for() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let holder = File::open(file.path()).expect("readable");
        holder.lock().expect("free");
        assert!(matches!(Statistics::new(0).add_to(file.as_file()), Err(StatisticsError::Locked)));
    }

    #[test]
    fn another_file_is_left_alone() {
        let file = tempfile::tempfile().expect("a file");
        file.write_all_at(b"From root", 0).expect("writable");
        assert!(matches!(Statistics::new(0).add_to(&file), Err(StatisticsError::Format)));
    }

    #[test]
    fn mailers_without_a_slot_are_not_counted() {
        let mut statistics = Statistics::new(0);
        statistics.count(Event::Sent { mailer: Some(MAILERS_MAX), size_bytes: 1 });
        statistics.count(Event::Received { mailer: None, size_bytes: 1 });
        assert_eq!(statistics, Statistics::new(0));
        // What is refused without a sender still is a refusal.
        statistics.count(Event::Rejected { mailer: None });
        assert_eq!(statistics.connections_rejected, 1);
    }
}
