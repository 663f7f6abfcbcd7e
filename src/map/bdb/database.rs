//! An open database file.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;

use bstr::BString;

use super::meta::{META_BYTES, Meta, Method, Tree};
use super::page::{ByteOrder, Page};
use super::{btree, hash};

/// Why a database could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The system refused to read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file is something else.
    #[error("not a Berkeley DB hash or btree file (make it again with makemap)")]
    NotADatabase,
    /// The file is older or newer than what is read here.
    #[error("Berkeley DB format version {0} is not supported, only 8 to 10 (make it again with makemap)")]
    Version(u32),
    /// The file uses a feature that maps never have.
    #[error("unsupported Berkeley DB file: {0} (make it again with makemap)")]
    Unsupported(&'static str),
    /// The file is damaged, or somebody is writing it now.
    #[error("damaged Berkeley DB file, page {page}: {what} (make it again with makemap)")]
    Corrupt {
        /// Number of the page, from 0.
        page: u32,
        /// What is wrong there.
        what: &'static str,
    },
}

/// Called with each key and value of a scan; `Break` ends it.
pub(super) type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// A Berkeley DB file, open for look-ups.
///
/// It keeps page 0 from the time of opening; whoever holds it for long asks the file's owner whether it is still
/// the same file.
#[derive(Debug)]
pub struct Database {
    file: File,
    meta: Meta,
    pages: u32,
}

impl Database {
    /// Reads what kind of database `file` is.
    pub fn open(file: File) -> Result<Database, DatabaseError> {
        let mut bytes = [0; META_BYTES];
        file.read_exact_at(&mut bytes, 0).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => DatabaseError::NotADatabase,
            _ => DatabaseError::Io(error),
        })?;
        let meta = Meta::parse(&bytes)?;
        let pages = file.metadata()?.len() / u64::from(meta.page_bytes);
        let pages = u32::try_from(pages).unwrap_or(u32::MAX);
        Ok(Database { file, meta, pages })
    }

    /// The descriptor, for fstat.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Returns how the file finds its keys.
    pub fn method(&self) -> Method {
        match self.meta.tree {
            Tree::Hash(_) => Method::Hash,
            Tree::Btree { .. } => Method::Btree,
        }
    }

    /// Tells whether a key may have several values.
    pub fn allows_duplicates(&self) -> bool {
        self.meta.duplicates
    }

    /// Returns the byte order of the file.
    pub fn byte_order(&self) -> ByteOrder {
        self.meta.order
    }

    /// Returns the value of `key`, the first one where it has several.
    pub fn get(&self, key: &[u8]) -> Result<Option<BString>, DatabaseError> {
        match &self.meta.tree {
            Tree::Hash(buckets) => hash::get(self, buckets, key),
            Tree::Btree { root } => btree::get(self, *root, key),
        }
    }

    /// Calls `visit` with every key and value, in the order of the file: duplicates one by one.
    pub fn scan(&self, visit: &mut Visit<'_>) -> Result<(), DatabaseError> {
        let flow = match &self.meta.tree {
            Tree::Hash(buckets) => hash::scan(self, buckets, visit),
            Tree::Btree { root } => btree::scan(self, *root, visit),
        };
        flow.map(|_| ())
    }

    /// Returns all pairs in the order of the file.
    pub fn pairs(&self) -> Result<Vec<(BString, BString)>, DatabaseError> {
        let mut pairs = Vec::new();
        self.scan(&mut |key, value| {
            pairs.push((key.into(), value.into()));
            ControlFlow::Continue(())
        })?;
        Ok(pairs)
    }

    /// Returns how many pages the file had when it was opened: the bound of every walk.
    pub(super) fn pages(&self) -> u32 {
        self.pages
    }

    /// Reads one page.
    pub(super) fn page(&self, number: u32) -> Result<Page, DatabaseError> {
        if number == 0 || number >= self.pages {
            return Err(DatabaseError::Corrupt { page: number, what: "it lies outside of the file" });
        }
        let mut bytes = vec![0; self.meta.page_bytes as usize];
        let offset = u64::from(number) * u64::from(self.meta.page_bytes);
        self.file.read_exact_at(&mut bytes, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => DatabaseError::Corrupt { page: number, what: "the file was cut off" },
            _ => DatabaseError::Io(error),
        })?;
        Ok(Page { number, bytes, order: self.meta.order, header_length: self.meta.header_length })
    }
}
