//! The records of a database as they are collected or edited.

use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;

use bstr::{BStr, BString};
use smallvec::SmallVec;

use super::bdb::{BuildError, Database, DatabaseError, Layout, Method};
use super::target::{Target, new_file_id};

/// Why a database could not be saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The data do not fit the format.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The file could not be replaced.
    #[error("{}", super::table::reason(.0))]
    Io(#[from] io::Error),
}

/// The records of a database, in memory.
#[derive(Clone, Debug)]
pub struct Records {
    method: Method,
    duplicates: bool,
    values: HashMap<BString, SmallVec<[BString; 1]>>,
}

impl Records {
    /// Makes a set without records; `duplicates` lets a key have several values.
    pub fn new(method: Method, duplicates: bool) -> Records {
        Records { method, duplicates, values: HashMap::new() }
    }

    /// Reads all records of a database.
    pub fn load(database: &Database) -> Result<Records, DatabaseError> {
        let mut records = Records::new(database.method(), database.allows_duplicates());
        database.scan(&mut |key, value| {
            records.values.entry(key.into()).or_default().push(value.into());
            ControlFlow::Continue(())
        })?;
        Ok(records)
    }

    /// Lets a key have several values from now on.
    pub fn allow_duplicates(&mut self) {
        self.duplicates = true;
    }

    /// Tells whether a key is there.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.values.contains_key(BStr::new(key))
    }

    /// Puts a record in the place of those with its key; where a key may have several values, adds it to them.
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        let values = self.values.entry(key.into()).or_default();
        if !self.duplicates {
            values.clear();
        }
        values.push(value.into());
    }

    /// Takes all values of a key away; false if it had none.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        self.values.remove(BStr::new(key)).is_some()
    }

    /// Puts the database in the place of the target, durably.
    ///
    /// # Errors
    /// The data are too large for the format, or the file cannot be replaced.
    pub fn save(self, target: Target) -> Result<(), SaveError> {
        Ok(target.replace(&self.build(new_file_id())?)?)
    }

    /// Builds the database, with `file_id` to tell it from every other one.
    fn build(self, file_id: [u8; 20]) -> Result<Vec<u8>, BuildError> {
        let layout = Layout { duplicates: self.duplicates, file_id, ..Layout::new(self.method) };
        let mut pairs = Vec::with_capacity(self.values.len());
        for (key, mut values) in self.values {
            let last = values.pop();
            pairs.extend(values.into_iter().map(|value| (key.clone(), value)));
            pairs.extend(last.map(|value| (key, value)));
        }
        layout.build(&pairs)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[track_caller]
    fn check(records: Records, expected: &[(&str, &str)]) {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&records.build([1; 20]).expect("it fits")).expect("the disk has room");
        let mut pairs = Database::open(file).and_then(|database| database.pairs()).expect("it reads");
        pairs.sort_by(|left, right| left.0.cmp(&right.0));
        let expected: Vec<(BString, BString)> =
            expected.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        assert_eq!(pairs, expected);
    }

    #[test]
    fn a_key_comes_once_unless_duplicates_are_allowed() {
        for method in [Method::Hash, Method::Btree] {
            let mut records = Records::new(method, false);
            records.put(b"a", b"1");
            records.put(b"a", b"3");
            check(records.clone(), &[("a", "3")]);
            records.allow_duplicates();
            records.put(b"a", b"2");
            records.put(b"a", b"1");
            check(records.clone(), &[("a", "3"), ("a", "2"), ("a", "1")]);
            assert!(records.contains(b"a"));
            assert!(records.remove(b"a"));
            assert!(!records.remove(b"a"));
            check(records, &[]);
        }
    }
}
