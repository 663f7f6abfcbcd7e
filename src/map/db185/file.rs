//! An open Berkeley DB 1.85 file.

use std::ops::ControlFlow;

use bstr::BString;

use super::super::database::{DatabaseError, Visit};
use super::super::layout::Method;
use super::super::paged::Pages;
use super::super::storage::Storage;
use super::{btree, hash};

/// Longest item that is read, in bytes: a damaged length must not fill the memory.
pub(super) const ITEM_BYTES_MAX: usize = 64 << 20;

/// A file of the C library, open for look-ups.
#[derive(Debug)]
pub(in super::super) struct Db185 {
    pages: Pages,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Hash(Box<hash::Table>),
    Btree { duplicates: bool },
}

/// Tells whether a file that begins with `head` is one of version 1.85.
pub(in super::super) fn is_head(head: &[u8]) -> bool {
    hash::is_head(head) || btree::order_of(head).is_some()
}

impl Db185 {
    /// Reads what kind of database begins with `head`.
    pub(in super::super) fn open(storage: Storage, head: &[u8]) -> Result<Db185, DatabaseError> {
        if hash::is_head(head) {
            let table = hash::Table::parse(head)?;
            let pages = Pages::new(storage, table.page_bytes, 0, table.order)?;
            return Ok(Db185 { pages, kind: Kind::Hash(Box::new(table)) });
        }
        let meta = btree::Meta::parse(head)?;
        let pages = Pages::new(storage, meta.page_bytes, btree::header::LENGTH, meta.order)?;
        Ok(Db185 { pages, kind: Kind::Btree { duplicates: meta.duplicates } })
    }

    pub(in super::super) fn storage(&self) -> &Storage {
        self.pages.storage()
    }

    /// Returns how the file finds its keys.
    pub(in super::super) fn method(&self) -> Method {
        match self.kind {
            Kind::Hash(_) => Method::Hash,
            Kind::Btree { .. } => Method::Btree,
        }
    }

    /// Tells whether a key may have several values.
    pub(in super::super) fn allows_duplicates(&self) -> bool {
        matches!(self.kind, Kind::Btree { duplicates: true })
    }

    /// Returns the value of `key`, the first one where it has several.
    pub(in super::super) fn get(&self, key: &[u8]) -> Result<Option<BString>, DatabaseError> {
        match &self.kind {
            Kind::Hash(table) => hash::get(&self.pages.walk(), table, key),
            Kind::Btree { .. } => btree::get(&self.pages.walk(), key),
        }
    }

    /// Calls `visit` with every value of `key`, in their order; a hash file has one at most.
    pub(in super::super) fn each_value_of(
        &self,
        key: &[u8],
        visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), DatabaseError> {
        match &self.kind {
            Kind::Hash(table) => {
                let first = hash::get(&self.pages.walk(), table, key)?;
                first.map(|value| visit(&value));
                Ok(())
            }
            Kind::Btree { .. } => btree::each_value_of(&self.pages.walk(), key, visit),
        }
    }

    /// Calls `visit` with every key and value, in the order of the file.
    pub(in super::super) fn scan(&self, visit: &mut Visit<'_>) -> Result<(), DatabaseError> {
        let flow = match &self.kind {
            Kind::Hash(table) => hash::scan(&self.pages.walk(), table, visit),
            Kind::Btree { .. } => btree::scan(&self.pages.walk(), visit),
        };
        flow.map(|_| ())
    }
}
