//! An open Berkeley DB file of libdb.

use std::ops::ControlFlow;

use bstr::BString;

use super::super::database::{DatabaseError, Visit};
use super::super::layout::Method;
use super::super::paged::Pages;
use super::super::storage::Storage;
use super::meta::{META_BYTES, Meta, Tree};
use super::{btree, hash};

/// A file of libdb, open for look-ups.
#[derive(Debug)]
pub(in super::super) struct Bdb {
    pages: Pages,
    meta: Meta,
}

impl Bdb {
    /// Reads what kind of database begins with `head`.
    pub(in super::super) fn open(storage: Storage, head: &[u8]) -> Result<Bdb, DatabaseError> {
        let head = head.first_chunk::<META_BYTES>().ok_or(DatabaseError::NotADatabase)?;
        let meta = Meta::parse(head)?;
        let pages = Pages::new(storage, meta.page_bytes, meta.header_length, meta.order)?;
        Ok(Bdb { pages, meta })
    }

    pub(in super::super) fn storage(&self) -> &Storage {
        self.pages.storage()
    }

    /// Returns how the file finds its keys.
    pub(in super::super) fn method(&self) -> Method {
        match self.meta.tree {
            Tree::Hash(_) => Method::Hash,
            Tree::Btree { .. } => Method::Btree,
        }
    }

    /// Tells whether a key may have several values.
    pub(in super::super) fn allows_duplicates(&self) -> bool {
        self.meta.duplicates
    }

    /// Returns the value of `key`, the first one where it has several.
    pub(in super::super) fn get(&self, key: &[u8]) -> Result<Option<BString>, DatabaseError> {
        match &self.meta.tree {
            Tree::Hash(buckets) => hash::get(&self.pages.walk(), buckets, key),
            Tree::Btree { root } => btree::get(&self.pages.walk(), *root, key),
        }
    }

    /// Calls `visit` with every value of `key`, in their order; a hash file is asked for the first one only.
    pub(in super::super) fn each_value_of(
        &self,
        key: &[u8],
        visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), DatabaseError> {
        match &self.meta.tree {
            Tree::Hash(buckets) => {
                let first = hash::get(&self.pages.walk(), buckets, key)?;
                first.map(|value| visit(&value));
                Ok(())
            }
            Tree::Btree { root } => btree::each_value_of(&self.pages.walk(), *root, key, visit),
        }
    }

    /// Calls `visit` with every key and value, in the order of the file: duplicates one by one.
    pub(in super::super) fn scan(&self, visit: &mut Visit<'_>) -> Result<(), DatabaseError> {
        let flow = match &self.meta.tree {
            Tree::Hash(buckets) => hash::scan(&self.pages.walk(), buckets, visit),
            Tree::Btree { root } => btree::scan(&self.pages.walk(), *root, visit),
        };
        flow.map(|_| ())
    }
}
