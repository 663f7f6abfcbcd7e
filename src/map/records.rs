//! The records of a database as they are collected or edited.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::ops::ControlFlow;

use hashbrown::HashTable;

use super::database::{Database, DatabaseError};
use super::layout::{BuildError, Flavour, Layout, Method, Pair};
use super::target::{Target, new_file_id};

/// Why a database could not be saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The data do not fit the format.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The file could not be replaced.
    #[error("{}", crate::sys::errors::reason(.0))]
    Io(#[from] io::Error),
}

/// The records of a database, in memory: millions of them, so they lie side by side in one piece.
#[derive(Clone, Debug)]
pub struct Records {
    method: Method,
    duplicates: bool,
    /// Keys and values, one behind the other.
    bytes: Vec<u8>,
    rows: Vec<Row>,
    /// For each key the number of its first row.
    first_rows: HashTable<u32>,
    hasher: RandomState,
}

/// Where a record lies; none where it was removed.
#[derive(Clone, Copy, Debug)]
struct Row {
    start: usize,
    key_bytes: u32,
    value_bytes: u32,
    is_removed: bool,
}

impl Records {
    /// Makes a set without records; `duplicates` lets a key have several values.
    pub fn new(method: Method, duplicates: bool) -> Records {
        let (bytes, rows, first_rows) = (Vec::new(), Vec::new(), HashTable::new());
        Records { method, duplicates, bytes, rows, first_rows, hasher: RandomState::new() }
    }

    /// Reads all records of a database.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn load(database: &Database) -> Result<Records, DatabaseError> {
        let mut records = Records::new(database.method(), true);
        database.scan(&mut |key, value| {
            records.put(key, value);
            ControlFlow::Continue(())
        })?;
        records.duplicates = database.allows_duplicates();
        Ok(records)
    }

    /// Lets a key have several values from now on.
    pub fn allow_duplicates(&mut self) {
        self.duplicates = true;
    }

    /// Tells whether a key is there.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.first_row(key).is_some()
    }

    /// Puts a record in the place of those with its key; where a key may have several values, adds it to them.
    ///
    /// # Panics
    /// There are more than 2^32 records, or one is longer than 2^32 bytes.
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        let first = self.first_row(key);
        if first.is_some() && !self.duplicates {
            self.remove(key);
        }
        let number = u32::try_from(self.rows.len()).expect("fewer records than a database has room for");
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("lines are short");
        let (key_bytes, value_bytes) = (length(key), length(value));
        self.rows.push(Row { start: self.bytes.len(), key_bytes, value_bytes, is_removed: false });
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        if first.is_none() || !self.duplicates {
            let (rows, bytes, hasher) = (&self.rows, &self.bytes, &self.hasher);
            let hash = |number: &u32| hasher.hash_one(rows[*number as usize].key(bytes));
            self.first_rows.insert_unique(hasher.hash_one(key), number, hash);
        }
    }

    /// Takes all values of a key away; false if it had none.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let (rows, bytes, hash) = (&self.rows, &self.bytes, self.hasher.hash_one(key));
        let same = |number: &u32| rows[*number as usize].key(bytes) == key;
        let Ok(entry) = self.first_rows.find_entry(hash, same) else { return false };
        let (first, _) = entry.remove();
        self.rows[first as usize].is_removed = true;
        if self.duplicates {
            for row in &mut self.rows[first as usize..] {
                row.is_removed |= row.key(&self.bytes) == key;
            }
        }
        true
    }

    /// Puts the database in the place of the target, durably; a file that is there keeps its format.
    ///
    /// # Errors
    /// The data are too large for the format, or the file cannot be replaced.
    pub fn save(self, target: Target) -> Result<(), SaveError> {
        let flavour = target.existing()?.and_then(|file| Flavour::of_file(&file)).unwrap_or(Flavour::NATIVE);
        Ok(target.replace(&self.build(flavour, new_file_id())?)?)
    }

    /// Builds the database, with `file_id` to tell it from every other one.
    fn build(&self, flavour: Flavour, file_id: [u8; 20]) -> Result<Vec<u8>, BuildError> {
        let layout = Layout { flavour, duplicates: self.duplicates, file_id, ..Layout::new(self.method) };
        let rows = self.rows.iter().filter(|row| !row.is_removed);
        let pairs: Vec<Pair<'_>> = rows.map(|row| (row.key(&self.bytes), row.value(&self.bytes))).collect();
        layout.build(pairs)
    }

    fn first_row(&self, key: &[u8]) -> Option<u32> {
        let same = |number: &u32| self.rows[*number as usize].key(&self.bytes) == key;
        self.first_rows.find(self.hasher.hash_one(key), same).copied()
    }
}

impl Row {
    fn key(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start..self.start + self.key_bytes as usize]
    }

    fn value(self, bytes: &[u8]) -> &[u8] {
        let start = self.start + self.key_bytes as usize;
        &bytes[start..start + self.value_bytes as usize]
    }
}

#[cfg(test)]
mod tests {
    use bstr::BString;

    use super::*;

    #[track_caller]
    fn check(records: &Records, expected: &[(&str, &str)]) {
        for flavour in [Flavour::Libdb, Flavour::Libc] {
            if flavour == Flavour::Libc && records.method == Method::Hash && records.duplicates {
                continue;
            }
            let bytes = records.build(flavour, [1; 20]).expect("it fits");
            let mut pairs = Database::of_bytes(bytes).and_then(|database| database.pairs()).expect("it reads");
            pairs.sort_by(|left, right| left.0.cmp(&right.0));
            let expected: Vec<(BString, BString)> =
                expected.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
            assert_eq!(pairs, expected);
        }
    }

    #[test]
    fn a_key_comes_once_unless_duplicates_are_allowed() {
        for method in [Method::Hash, Method::Btree] {
            let mut records = Records::new(method, false);
            records.put(b"a", b"1");
            records.put(b"a", b"3");
            check(&records, &[("a", "3")]);
            records.allow_duplicates();
            records.put(b"a", b"2");
            records.put(b"a", b"1");
            check(&records, &[("a", "3"), ("a", "2"), ("a", "1")]);
            assert!(records.contains(b"a"));
            assert!(records.remove(b"a"));
            assert!(!records.remove(b"a"));
            check(&records, &[]);
        }
    }
}
