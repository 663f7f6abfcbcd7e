//! Looking up in a btree file of version 1.85.
//!
//! A page's items begin with their lengths. An item of a leaf has a key and its value; duplicates are items with the
//! same key, side by side, also over several leaves. An inner page has the first key of each child, but nobody looks at
//! the very first one of a level. A long key or value lies on a chain of pages, and its place and length in the item.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use bstr::BString;

use super::super::database::{DatabaseError, Visit};
use super::super::paged::{ByteOrder, INNER_BYTES_MAX, Page, Walk, partition};
use super::file::ITEM_BYTES_MAX;

pub(super) const MAGIC: u32 = 0x0005_3162;
pub(super) const VERSION: u32 = 3;
/// The page of the root.
pub(super) const ROOT: u32 = 1;
const PAGE_BYTES_MIN: u32 = 512;
const PAGE_BYTES_MAX: u32 = 65536;

/// The places of the fields of page 0, in bytes.
pub(super) mod field {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const VERSION: usize = 4;
    pub(crate) const PAGE_BYTES: usize = 8;
    pub(crate) const FLAGS: usize = 20;
    pub(crate) const END: usize = 24;
}

/// Flags of a file.
pub(super) const NO_DUPLICATES: u32 = 0x20;
const RECORD_NUMBERS: u32 = 0x80;

/// The places of the fields of a page's header, in bytes.
pub(super) mod header {
    pub(crate) const NUMBER: usize = 0;
    pub(crate) const PREVIOUS: usize = 4;
    pub(crate) const NEXT: usize = 8;
    pub(crate) const KIND: usize = 12;
    pub(crate) const LOWER: usize = 16;
    pub(crate) const UPPER: usize = 18;
    pub(crate) const LENGTH: usize = 20;
}

/// What a page holds.
pub(super) mod kind {
    pub(crate) const INTERNAL: u32 = 0x01;
    pub(crate) const LEAF: u32 = 0x02;
    pub(crate) const OVERFLOW: u32 = 0x04;
    /// The bits that tell.
    pub(crate) const MASK: u32 = 0x1f;
}

/// Flags of an item.
pub(super) mod item {
    pub(crate) const LONG_VALUE: u8 = 0x01;
    pub(crate) const LONG_KEY: u8 = 0x02;
    /// Length before the bytes of key and value.
    pub(crate) const HEAD: usize = 9;
    /// Length of what stands for a long key or value.
    pub(crate) const REFERENCE: usize = 8;
}

/// Finds the byte order in which the magic number of a btree file stands in `head`.
pub(super) fn order_of(head: &[u8]) -> Option<ByteOrder> {
    let magic = *head.first_chunk()?;
    [ByteOrder::Little, ByteOrder::Big].into_iter().find(|order| order.read_u32(magic) == MAGIC)
}

/// What page 0 says, checked.
pub(super) struct Meta {
    pub(super) order: ByteOrder,
    pub(super) page_bytes: u32,
    pub(super) duplicates: bool,
}

impl Meta {
    pub(super) fn parse(head: &[u8]) -> Result<Meta, DatabaseError> {
        let order = order_of(head).filter(|_| head.len() >= field::END).ok_or(DatabaseError::NotADatabase)?;
        let number = |at: usize| order.read_u32([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        if number(field::VERSION) != VERSION {
            return Err(DatabaseError::Version(number(field::VERSION)));
        }
        let page_bytes = number(field::PAGE_BYTES);
        if !page_bytes.is_power_of_two() || !(PAGE_BYTES_MIN..=PAGE_BYTES_MAX).contains(&page_bytes) {
            return Err(DatabaseError::Corrupt { page: 0, what: "the page size is out of range" });
        }
        let flags = number(field::FLAGS);
        if flags & RECORD_NUMBERS != 0 {
            return Err(DatabaseError::Unsupported("it has record numbers in place of keys"));
        }
        Ok(Meta { order, page_bytes, duplicates: flags & NO_DUPLICATES == 0 })
    }
}

/// Returns the first value of `key`.
pub(super) fn get(walk: &Walk<'_>, key: &[u8]) -> Result<Option<BString>, DatabaseError> {
    let mut found = None;
    each_value_of(walk, key, &mut |value| {
        found = Some(value.into());
        ControlFlow::Break(())
    })?;
    Ok(found)
}

/// Calls `visit` with every value of `key`, in their order: they may go on on the next leaves.
pub(super) fn each_value_of(
    walk: &Walk<'_>,
    key: &[u8],
    visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<(), DatabaseError> {
    let mut next = descend(walk, &mut |page| child_before(walk, page, key))?;
    while let Some(leaf) = next {
        let items = leaf.items()?;
        let first = partition(items, |index| Ok(Item::of_leaf(&leaf, index)?.compare(walk, key)? == Ordering::Less))?;
        for index in first..items {
            let item = Item::of_leaf(&leaf, index)?;
            if item.compare(walk, key)? != Ordering::Equal || visit(&item.value.read(walk)?).is_break() {
                return Ok(());
            }
        }
        // No key of the leaf is greater: it begins, or goes on, on the next one, if anywhere.
        next = leaf.next_leaf(walk)?;
    }
    Ok(())
}

/// Calls `visit` with every pair, in the order of the keys.
pub(super) fn scan(walk: &Walk<'_>, visit: &mut Visit<'_>) -> Result<ControlFlow<()>, DatabaseError> {
    let mut next = descend(walk, &mut |page| Item::of_internal(page, 0).map(|item| item.child))?;
    while let Some(leaf) = next {
        for index in 0..leaf.items()? {
            let item = Item::of_leaf(&leaf, index)?;
            if visit(&item.key.read(walk)?, &item.value.read(walk)?).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        next = leaf.next_leaf(walk)?;
    }
    Ok(ControlFlow::Continue(()))
}

/// Walks from the root to a leaf through the children that `choose` names; a file without pages has none.
fn descend(
    walk: &Walk<'_>,
    choose: &mut dyn FnMut(&Page) -> Result<u32, DatabaseError>,
) -> Result<Option<Page>, DatabaseError> {
    if walk.count() <= ROOT {
        return Ok(None);
    }
    let mut page = walk.page(ROOT)?;
    while page.holds()? == kind::INTERNAL {
        walk.keep(&page, INNER_BYTES_MAX);
        page = walk.page(choose(&page)?)?;
    }
    if page.holds()? != kind::LEAF {
        return Err(page.corrupt("it is no leaf"));
    }
    Ok(Some(page))
}

/// Returns the last child that begins before `key`: the key, or the first of several, is in it or begins the next one.
fn child_before(walk: &Walk<'_>, page: &Page, key: &[u8]) -> Result<u32, DatabaseError> {
    let children = page.items()?;
    let after = partition(children.saturating_sub(1), |place| {
        Ok(Item::of_internal(page, place + 1)?.key.compare(walk, key)? == Ordering::Less)
    })?;
    Item::of_internal(page, after).map(|item| item.child)
}

impl Page {
    /// Returns what the page holds.
    fn holds(&self) -> Result<u32, DatabaseError> {
        Ok(self.u32_at(header::KIND)? & kind::MASK)
    }

    /// Returns the count of items.
    fn items(&self) -> Result<usize, DatabaseError> {
        let lower = usize::from(self.u16_at(header::LOWER)?);
        match lower.checked_sub(header::LENGTH) {
            Some(bytes) if lower <= self.bytes.len() => Ok(bytes / 2),
            _ => Err(self.corrupt("it has more items than fit")),
        }
    }

    /// Returns where item `index` begins.
    fn item(&self, index: usize) -> Result<usize, DatabaseError> {
        if index >= self.items()? {
            return Err(self.corrupt("an item is missing"));
        }
        self.u16_at(header::LENGTH + 2 * index).map(usize::from)
    }

    fn next_leaf(&self, walk: &Walk<'_>) -> Result<Option<Page>, DatabaseError> {
        let next = self.u32_at(header::NEXT)?;
        if next == 0 {
            return Ok(None);
        }
        let leaf = walk.page(next)?;
        if leaf.holds()? == kind::LEAF { Ok(Some(leaf)) } else { Err(leaf.corrupt("it is no leaf")) }
    }
}

/// A key or a value.
enum Part<'a> {
    Here(&'a [u8]),
    Long { first: u32, length: u32 },
}

impl<'a> Part<'a> {
    /// Takes `length` bytes at `start`, which may stand for a long item.
    fn at(page: &'a Page, start: usize, length: u32, long: bool) -> Result<Part<'a>, DatabaseError> {
        let length = usize::try_from(length).map_err(|_| page.corrupt("a length is out of range"))?;
        if !long {
            return page.slice(start, length).map(Part::Here);
        }
        if length != item::REFERENCE {
            return Err(page.corrupt("the place of a long item has a wrong length"));
        }
        Ok(Part::Long { first: page.u32_at(start)?, length: page.u32_at(start + 4)? })
    }

    fn read(&self, walk: &Walk<'_>) -> Result<BString, DatabaseError> {
        match *self {
            Part::Here(bytes) => Ok(bytes.into()),
            Part::Long { first, length } => read_chain(walk, first, length as usize),
        }
    }

    fn compare(&self, walk: &Walk<'_>, key: &[u8]) -> Result<Ordering, DatabaseError> {
        match self {
            Part::Here(bytes) => Ok((*bytes).cmp(key)),
            Part::Long { .. } => Ok(self.read(walk)?.as_slice().cmp(key)),
        }
    }
}

fn read_chain(walk: &Walk<'_>, first: u32, length: usize) -> Result<BString, DatabaseError> {
    if length > ITEM_BYTES_MAX {
        return Err(DatabaseError::Corrupt { page: first, what: "an item is too long" });
    }
    let mut item = Vec::new();
    let mut next = first;
    while item.len() < length {
        let page = walk.page(next)?;
        if page.holds()? != kind::OVERFLOW {
            return Err(page.corrupt("it is no piece of a long item"));
        }
        let piece = (length - item.len()).min(page.bytes.len() - header::LENGTH);
        item.extend_from_slice(page.slice(header::LENGTH, piece)?);
        next = page.u32_at(header::NEXT)?;
    }
    Ok(item.into())
}

/// An item of a page.
struct Item<'a> {
    key: Part<'a>,
    value: Part<'a>,
    /// The child that an inner page's item leads to.
    child: u32,
}

impl<'a> Item<'a> {
    fn of_leaf(page: &'a Page, index: usize) -> Result<Item<'a>, DatabaseError> {
        let start = page.item(index)?;
        let (key_length, value_length) = (page.u32_at(start)?, page.u32_at(start + 4)?);
        let flags = page.u8_at(start + 8)?;
        let key_start = start + item::HEAD;
        let key = Part::at(page, key_start, key_length, flags & item::LONG_KEY != 0)?;
        // The key lies on the page, so its length is small.
        let value_start = key_start + key_length as usize;
        let value = Part::at(page, value_start, value_length, flags & item::LONG_VALUE != 0)?;
        Ok(Item { key, value, child: 0 })
    }

    fn of_internal(page: &'a Page, index: usize) -> Result<Item<'a>, DatabaseError> {
        let start = page.item(index)?;
        let (length, child) = (page.u32_at(start)?, page.u32_at(start + 4)?);
        let flags = page.u8_at(start + 8)?;
        let key = Part::at(page, start + item::HEAD, length, flags & item::LONG_KEY != 0)?;
        Ok(Item { key, value: Part::Here(b""), child })
    }

    fn compare(&self, walk: &Walk<'_>, key: &[u8]) -> Result<Ordering, DatabaseError> {
        self.key.compare(walk, key)
    }
}
