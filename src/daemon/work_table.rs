//! A table, shared by the network process and the keeper, of the entries that are being delivered.
//!
//! When the process dies of a crash, the keeper reads who was in work; who is there twice is suspected.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::keeper::request::Entry;
use crate::name::QueueId;

/// One row: two bytes of directory, then the identifier, filled up with NUL.
const ROW_BYTES: usize = 24;

/// The most rows: entries in work beyond these are not watched.
const ROWS_MAX: usize = 4096;

/// The table's memory.
#[derive(Debug)]
pub struct WorkTable(File);

impl WorkTable {
    /// Makes an empty table.
    ///
    /// # Errors
    /// No memory, no descriptor.
    pub fn create() -> io::Result<Self> {
        Ok(Self(File::from(memfd_create("work", MFdFlags::MFD_CLOEXEC)?)))
    }

    /// Takes over a table that was passed.
    pub fn from_descriptor(descriptor: OwnedFd) -> Self {
        Self(File::from(descriptor))
    }

    /// Returns the entries in work.
    pub fn entries(&self) -> Vec<Entry> {
        let mut found = Vec::new();
        let mut row = [0; ROW_BYTES];
        for number in 0..ROWS_MAX {
            if self.0.read_exact_at(&mut row, offset(number)).is_err() {
                break;
            }
            found.extend(read_row(&row));
        }
        found
    }
}

impl AsFd for WorkTable {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The writer's side of a table.
#[derive(Clone, Debug)]
pub struct Watched(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    table: WorkTable,
    /// Rows that were used and are free again, and how many were ever used.
    free: Mutex<(Vec<usize>, usize)>,
}

impl Watched {
    /// Returns the writer of `table`.
    pub fn new(table: WorkTable) -> Self {
        Self(Arc::new(Shared { table, free: Mutex::default() }))
    }

    /// Notes that `entry` is in work until the returned value is dropped.
    pub fn note(&self, entry: &Entry) -> Noted {
        let mut free = self.0.free.lock().expect("no holder panics");
        let number = free.0.pop().or_else(|| {
            free.1 += 1;
            (free.1 <= ROWS_MAX).then(|| free.1 - 1)
        });
        drop(free);
        if let Some(number) = number {
            let mut row = [0; ROW_BYTES];
            row[..2].copy_from_slice(&entry.directory.to_be_bytes());
            row[2..2 + entry.id.as_str().len()].copy_from_slice(entry.id.as_str().as_bytes());
            self.0.write(number, &row);
        }
        Noted { shared: Arc::clone(&self.0), number }
    }
}

impl Shared {
    /// Writes a row; a table that cannot be written watches nothing, which harms nobody.
    fn write(&self, number: usize, row: &[u8; ROW_BYTES]) {
        let _ = self.table.0.write_all_at(row, offset(number));
    }
}

/// An entry that is noted as in work.
#[derive(Debug)]
pub struct Noted {
    shared: Arc<Shared>,
    number: Option<usize>,
}

impl Drop for Noted {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.shared.write(number, &[0; ROW_BYTES]);
            self.shared.free.lock().expect("no holder panics").0.push(number);
        }
    }
}

fn offset(number: usize) -> u64 {
    (number * ROW_BYTES) as u64
}

fn read_row(row: &[u8; ROW_BYTES]) -> Option<Entry> {
    let (directory, id) = row.split_at(2);
    let len = id.iter().position(|byte| *byte == 0).unwrap_or(id.len());
    let id = QueueId::from_bytes(&id[..len]).ok()?;
    Some(Entry { directory: u16::from_be_bytes([directory[0], directory[1]]), id })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u16) -> Entry {
        Entry { directory: number, id: format!("6AMAKU110{number:05}").parse().expect("an id") }
    }

    #[test]
    fn what_is_in_work_is_seen_through_another_descriptor() {
        let table = WorkTable::create().expect("a table");
        let copy = WorkTable::from_descriptor(table.as_fd().try_clone_to_owned().expect("a copy"));
        let watched = Watched::new(table);
        let first = watched.note(&entry(1));
        let second = watched.note(&entry(2));
        assert_eq!(copy.entries(), [entry(1), entry(2)]);
        drop(first);
        let third = watched.note(&entry(3));
        assert_eq!(copy.entries(), [entry(3), entry(2)]);
        drop((second, third));
        assert_eq!(copy.entries(), []);
    }

    #[test]
    fn when_the_table_is_full_then_the_rest_goes_unwatched() {
        let table = WorkTable::create().expect("a table");
        let copy = WorkTable::from_descriptor(table.as_fd().try_clone_to_owned().expect("a copy"));
        let watched = Watched::new(table);
        let noted: Vec<_> = (0..5000).map(|number| watched.note(&entry(number))).collect();
        assert_eq!(copy.entries().len(), ROWS_MAX);
        drop(noted);
        assert_eq!(copy.entries().len(), 0);
    }
}
