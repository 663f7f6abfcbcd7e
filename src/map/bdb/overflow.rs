//! Long items: a chain of pages, each with a piece.

use bstr::BString;

use super::super::DatabaseError;
use super::super::paged::Walk;
use super::page::{header, kind};

/// Longest item that is read, in bytes: a damaged length must not fill the memory.
const ITEM_BYTES_MAX: u32 = 64 << 20;

/// Where a long item lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    pub(super) first: u32,
    pub(super) length: u32,
}

impl Chain {
    /// Reads the item.
    pub(super) fn read(self, walk: &Walk<'_>) -> Result<BString, DatabaseError> {
        let length = self.length as usize;
        if self.length > ITEM_BYTES_MAX {
            return Err(DatabaseError::Corrupt { page: self.first, what: "an item is too long" });
        }
        let mut item = Vec::new();
        let mut next = Some(self.first);
        for _ in 0..walk.count() {
            let Some(number) = next else { break };
            let page = walk.page(number)?;
            let piece_length = usize::from(page.u16_at(header::FREE_END)?);
            if page.kind()? != kind::OVERFLOW || piece_length == 0 {
                return Err(page.corrupt("it is no piece of a long item"));
            }
            item.extend_from_slice(page.slice(page.header_length, piece_length)?);
            if item.len() > length {
                return Err(page.corrupt("a long item is longer than it says"));
            }
            next = page.next()?;
        }
        if item.len() != length {
            return Err(DatabaseError::Corrupt { page: self.first, what: "a long item is cut off" });
        }
        Ok(item.into())
    }

    /// Tells whether the item is `key`, without reading one of another length.
    pub(super) fn is(self, walk: &Walk<'_>, key: &[u8]) -> Result<bool, DatabaseError> {
        Ok(self.length as usize == key.len() && self.read(walk)? == key)
    }
}
