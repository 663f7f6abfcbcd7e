//! One page: its header and where its items are.

use super::super::DatabaseError;
use super::super::paged::Page;

/// What a page holds, the byte at offset 25 of its header.
pub(super) mod kind {
    /// A page that was set aside and never written.
    pub(crate) const UNUSED: u8 = 0;
    /// A bucket of a hash file before version 9: pairs in any order.
    pub(crate) const HASH_UNSORTED: u8 = 2;
    /// Keys and children of a btree.
    pub(crate) const BTREE_INTERNAL: u8 = 3;
    /// Record counts and children of an unsorted set of duplicates.
    pub(crate) const RECNO_INTERNAL: u8 = 4;
    /// Keys and values of a btree.
    pub(crate) const BTREE_LEAF: u8 = 5;
    /// Values of an unsorted set of duplicates.
    pub(crate) const RECNO_LEAF: u8 = 6;
    /// A piece of a long item.
    pub(crate) const OVERFLOW: u8 = 7;
    /// Page 0 of a hash file.
    pub(crate) const HASH_META: u8 = 8;
    /// Page 0 of a btree file.
    pub(crate) const BTREE_META: u8 = 9;
    /// Values of a sorted set of duplicates.
    pub(crate) const DUPLICATE_LEAF: u8 = 12;
    /// A bucket of a hash file of version 9 and later: pairs sorted by key.
    pub(crate) const HASH: u8 = 13;
}

/// Places of the fields of a page header, in bytes.
pub(super) mod header {
    /// Number of the page itself.
    pub(crate) const NUMBER: usize = 8;
    /// Number of the page before this one in its chain, 0 for none.
    pub(crate) const PREVIOUS: usize = 12;
    /// Number of the page after this one in its chain, 0 for none.
    pub(crate) const NEXT: usize = 16;
    /// Count of the items; on an overflow page the count of references.
    pub(crate) const ENTRIES: usize = 20;
    /// Lowest byte used by items; on an overflow page the length of its piece.
    pub(crate) const FREE_END: usize = 22;
    /// Height above the leaves, which are 1.
    pub(crate) const LEVEL: usize = 24;
    /// See [`super::kind`].
    pub(crate) const KIND: usize = 25;
    /// Length of the header, where the item offsets begin.
    pub(crate) const LENGTH: usize = 26;
    /// Length of the header where pages carry checksums.
    pub(crate) const LENGTH_WITH_CHECKSUM: usize = 32;
}

impl Page {
    pub(super) fn kind(&self) -> Result<u8, DatabaseError> {
        self.u8_at(header::KIND)
    }

    pub(super) fn level(&self) -> Result<u8, DatabaseError> {
        self.u8_at(header::LEVEL)
    }

    /// Returns the number of the next page of the chain, if any.
    pub(super) fn next(&self) -> Result<Option<u32>, DatabaseError> {
        let next = self.u32_at(header::NEXT)?;
        Ok((next != 0).then_some(next))
    }

    /// Returns the count of items, after checking that their offsets fit on the page.
    pub(super) fn entries(&self) -> Result<usize, DatabaseError> {
        let count = usize::from(self.u16_at(header::ENTRIES)?);
        if self.header_length + 2 * count > self.bytes.len() {
            return Err(self.corrupt("it has more items than fit"));
        }
        Ok(count)
    }

    /// Returns where item `index` begins.
    pub(super) fn offset(&self, index: usize) -> Result<usize, DatabaseError> {
        let offset = usize::from(self.u16_at(self.header_length + 2 * index)?);
        if offset < self.header_length || offset >= self.bytes.len() {
            return Err(self.corrupt("an item lies outside of the page"));
        }
        Ok(offset)
    }
}
