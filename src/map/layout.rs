//! The kinds of database files (method and flavour), and what one that is to be built is like.

use std::fs::File;

use bstr::BString;

use super::database::{Database, DatabaseError};
use super::paged::ByteOrder;
use super::storage::Storage;
use super::{bdb, cdb, db185};

/// How a database finds its keys: the type that `K` lines and makemap name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// Linear hashing.
    Hash,
    /// A balanced tree sorted by key.
    Btree,
    /// A constant database.
    Cdb,
}

impl Method {
    /// Returns the name of the file that a map called `name` is kept in: with the suffix, once.
    pub fn file_of(self, name: &[u8]) -> BString {
        let suffix: &[u8] = if self == Method::Cdb { b".cdb" } else { b".db" };
        let mut file = BString::from(name);
        if !file.ends_with(suffix) {
            file.extend_from_slice(suffix);
        }
        file
    }

    /// Opens a file of this method, or of another one that can be told from it.
    ///
    /// # Errors
    /// As [`Database::open`] and [`Database::open_cdb`].
    pub fn open(self, file: File) -> Result<Database, DatabaseError> {
        if self == Method::Cdb { Database::open_cdb(file) } else { Database::open(file) }
    }
}

/// Whose Berkeley DB reads a hash or btree file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flavour {
    /// libdb 3 to 6, which the original is linked with on Linux.
    Libdb,
    /// Version 1.85 in the C library of the BSDs.
    Libc,
}

impl Flavour {
    /// What the original on this system reads.
    pub const NATIVE: Flavour = if cfg!(target_os = "linux") { Flavour::Libdb } else { Flavour::Libc };

    /// Returns whose file begins with `head`.
    pub(super) fn of_head(head: &[u8]) -> Option<Flavour> {
        if db185::is_head(head) {
            return Some(Flavour::Libc);
        }
        bdb::is_head(head).then_some(Flavour::Libdb)
    }

    /// Returns whose file this is, as far as its beginning tells.
    pub fn of_file(file: &File) -> Option<Flavour> {
        let storage = Storage::File(file.try_clone().ok()?);
        let mut head = [0; 32];
        let length = storage.read_at(&mut head, 0).ok()?;
        Self::of_head(&head[..length])
    }
}

/// A key and a value.
pub type Pair<'a> = (&'a [u8], &'a [u8]);

/// Why a database could not be built.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum BuildError {
    /// A page number or a length has too few bits in this format.
    #[error("the data is too large for this type of database")]
    TooLarge,
}

/// What a file to be built is like, beside its pairs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Layout {
    /// How keys are found.
    pub method: Method,
    /// Whose Berkeley DB will read it.
    pub flavour: Flavour,
    /// Whether a key may get several values, also where none has now.
    pub duplicates: bool,
    /// The order of the bytes in numbers.
    pub order: ByteOrder,
    /// Distinguishes the file from every other one on the machine.
    pub file_id: [u8; 20],
}

impl Layout {
    /// A libdb file of this machine's byte order, without duplicates.
    pub fn new(method: Method) -> Layout {
        let flavour = Flavour::Libdb;
        Layout { method, flavour, duplicates: false, order: ByteOrder::NATIVE, file_id: [0; 20] }
    }

    /// Builds a file with these pairs.
    ///
    /// Pairs with the same key stay in the order in which they are given, and make it a file with duplicates. A hash
    /// file of the C library has none: there the last one counts.
    ///
    /// # Errors
    /// Numbers of pages and lengths have 32 bits.
    pub fn build(&self, pairs: Vec<Pair<'_>>) -> Result<Vec<u8>, BuildError> {
        match (self.method, self.flavour) {
            (Method::Hash, Flavour::Libdb) => bdb::build_hash(&pairs, self),
            (Method::Btree, Flavour::Libdb) => bdb::build_btree(pairs, self),
            (Method::Hash, Flavour::Libc) => db185::build_hash(&pairs, self.order),
            (Method::Btree, Flavour::Libc) => db185::build_btree(pairs, self),
            (Method::Cdb, _) => cdb::build(&pairs),
        }
    }
}
