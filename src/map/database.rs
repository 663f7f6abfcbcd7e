//! An open database file of any format that maps are kept in.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;

use bstr::BString;

use super::bdb::Bdb;
use super::cdb::Cdb;
use super::db185::Db185;
use super::layout::{Flavour, Method};
use super::storage::Storage;

/// How many bytes the records of a file have at most for each of its own: several values may share a key.
const RECORD_BYTES_RATIO: u64 = 64;
/// What a small file's records may have besides, in bytes.
const RECORD_BYTES_MIN: u64 = 64 << 20;
/// First bytes of a file that tell its format.
const HEAD_BYTES: usize = 512;

/// Why a database could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The system refused to read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file is something else.
    #[error("not a Berkeley DB hash or btree file")]
    NotADatabase,
    /// The file is older or newer than what is read here.
    #[error("Berkeley DB format version {0} is not supported")]
    Version(u32),
    /// The file uses a feature that maps never have.
    #[error("unsupported database file: {0}")]
    Unsupported(&'static str),
    /// The file is damaged, or somebody is writing it now.
    #[error("damaged database file, page {page}: {what}")]
    Corrupt {
        /// Number of the page, from 0.
        page: u32,
        /// What is wrong there.
        what: &'static str,
    },
}

/// Called with each key and value of a scan; `Break` ends it.
pub(super) type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// A database file, open for look-ups.
///
/// It keeps what describes the file from the time of opening; whoever holds it for long asks the file's owner
/// whether it is still the same file.
#[derive(Debug)]
pub struct Database(Format);

#[derive(Debug)]
enum Format {
    Bdb(Bdb),
    Db185(Db185),
    Cdb(Cdb),
}

impl Database {
    /// Reads what kind of Berkeley DB file `file` is.
    ///
    /// # Errors
    /// It is none, or of a version or with features that are not read here.
    pub fn open(file: File) -> Result<Database, DatabaseError> {
        Self::of_storage(Storage::File(file))
    }

    /// Reads a Berkeley DB file that lies in memory.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn of_bytes(bytes: Vec<u8>) -> Result<Database, DatabaseError> {
        Self::of_storage(Storage::Memory(bytes))
    }

    /// Opens a cdb file, which nothing but its name tells from other files.
    ///
    /// # Errors
    /// Its tables do not lie in the file.
    pub fn open_cdb(file: File) -> Result<Database, DatabaseError> {
        Cdb::open(Storage::File(file)).map(|cdb| Database(Format::Cdb(cdb)))
    }

    /// Reads a cdb file that lies in memory.
    ///
    /// # Errors
    /// As [`Database::open_cdb`].
    pub fn cdb_of_bytes(bytes: Vec<u8>) -> Result<Database, DatabaseError> {
        Cdb::open(Storage::Memory(bytes)).map(|cdb| Database(Format::Cdb(cdb)))
    }

    fn of_storage(storage: Storage) -> Result<Database, DatabaseError> {
        let mut head = [0; HEAD_BYTES];
        let length = storage.read_at(&mut head, 0)?;
        let head = &head[..length];
        Ok(Database(match Flavour::of_head(head) {
            Some(Flavour::Libc) => Format::Db185(Db185::open(storage, head)?),
            Some(Flavour::Libdb) => Format::Bdb(Bdb::open(storage, head)?),
            None => return Err(DatabaseError::NotADatabase),
        }))
    }

    /// The descriptor, for fstat; none for bytes in memory.
    pub fn file(&self) -> Option<&File> {
        match &self.0 {
            Format::Bdb(database) => database.storage().file(),
            Format::Db185(database) => database.storage().file(),
            Format::Cdb(database) => database.storage().file(),
        }
    }

    /// Returns how the file finds its keys.
    pub fn method(&self) -> Method {
        match &self.0 {
            Format::Bdb(database) => database.method(),
            Format::Db185(database) => database.method(),
            Format::Cdb(_) => Method::Cdb,
        }
    }

    /// Tells whether a key may have several values.
    pub fn allows_duplicates(&self) -> bool {
        match &self.0 {
            Format::Bdb(database) => database.allows_duplicates(),
            Format::Db185(database) => database.allows_duplicates(),
            Format::Cdb(_) => true,
        }
    }

    /// Tells whether a key may get a second value: libdb decides that when a file is made.
    pub fn may_allow_duplicates(&self) -> bool {
        !matches!(self.0, Format::Bdb(_)) || self.allows_duplicates()
    }

    /// Returns the value of `key`, the first one where it has several.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged where the key should be.
    pub fn get(&self, key: &[u8]) -> Result<Option<BString>, DatabaseError> {
        match &self.0 {
            Format::Bdb(database) => database.get(key),
            Format::Db185(database) => database.get(key),
            Format::Cdb(database) => database.get(key),
        }
    }

    /// Returns the values of `key`, in their order: all that a btree has, of other files the first one.
    ///
    /// # Errors
    /// The file cannot be read, is damaged where the key should be, or has far more values than any list.
    pub fn values(&self, key: &[u8]) -> Result<Vec<BString>, DatabaseError> {
        let (mut values, mut left) = (Vec::new(), RECORD_BYTES_MIN);
        let mut too_many = false;
        let mut take = |value: &[u8]| match left.checked_sub(1 + value.len() as u64) {
            Some(rest) => {
                left = rest;
                values.push(value.into());
                ControlFlow::Continue(())
            }
            None => {
                too_many = true;
                ControlFlow::Break(())
            }
        };
        match &self.0 {
            Format::Bdb(database) => database.each_value_of(key, &mut take)?,
            Format::Db185(database) => database.each_value_of(key, &mut take)?,
            Format::Cdb(database) => values.extend(database.get(key)?),
        }
        match too_many {
            true => Err(DatabaseError::Corrupt { page: 0, what: "a key has far too many values" }),
            false => Ok(values),
        }
    }

    /// Calls `visit` with every key and value, in the order of the file: duplicates one by one.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged; what was visited before counts.
    pub fn scan(&self, visit: &mut Visit<'_>) -> Result<(), DatabaseError> {
        let storage = match &self.0 {
            Format::Bdb(database) => database.storage(),
            Format::Db185(database) => database.storage(),
            Format::Cdb(database) => database.storage(),
        };
        let mut left = storage.len()?.saturating_mul(RECORD_BYTES_RATIO).saturating_add(RECORD_BYTES_MIN);
        let mut too_many = false;
        let mut counted = |key: &[u8], value: &[u8]| {
            match left.checked_sub((key.len() + value.len()) as u64) {
                Some(rest) => left = rest,
                None => too_many = true,
            }
            if too_many { ControlFlow::Break(()) } else { visit(key, value) }
        };
        match &self.0 {
            Format::Bdb(database) => database.scan(&mut counted)?,
            Format::Db185(database) => database.scan(&mut counted)?,
            Format::Cdb(database) => database.scan(&mut counted)?,
        }
        match too_many {
            true => Err(DatabaseError::Corrupt { page: 0, what: "its records are far larger than the file" }),
            false => Ok(()),
        }
    }

    /// Returns all pairs in the order of the file.
    ///
    /// # Errors
    /// As [`Database::scan`].
    pub fn pairs(&self) -> Result<Vec<(BString, BString)>, DatabaseError> {
        let mut pairs = Vec::new();
        self.scan(&mut |key, value| {
            pairs.push((key.into(), value.into()));
            ControlFlow::Continue(())
        })?;
        Ok(pairs)
    }
}
