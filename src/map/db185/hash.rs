//! Looking up in a hash file of version 1.85.
//!
//! A bucket is a chain of pages. A page begins with the count of its slots, two for a pair: where its key begins and
//! where its value begins; both end where the item before begins. Small numbers in the second slot are marks: a link
//! to the next page of the chain, or that a pair too long for a page begins here and goes on over the next ones.

use std::ops::ControlFlow;

use bstr::BString;

use super::super::database::{DatabaseError, Visit};
use super::super::paged::{ByteOrder, Page, Walk};
use super::file::ITEM_BYTES_MAX;

pub(super) const MAGIC: u32 = 0x0006_1561;
/// The version that is written; the one before differs by the hash function, which page 0 tells as well.
pub(super) const VERSION: u32 = 2;
const VERSION_OLD: u32 = 1;
/// The key whose hash stands on page 0, to tell files made with another function.
pub(super) const CHAR_KEY: &[u8] = b"%$sniglet^&\0";
/// Length of what page 0 says.
pub(super) const HEADER_BYTES: usize = field::BITMAPS + 2 * SPARES;
/// Number of doublings that page 0 has numbers for.
pub(super) const SPARES: usize = 32;
const PAGE_BYTES_MIN: u32 = 64;
const PAGE_BYTES_MAX: u32 = 65536;
/// An address of an overflow page: the doubling after which it lies, and below so many bits its number there.
pub(super) const ADDRESS_SHIFT: u32 = 11;
/// How many overflow pages may lie after one doubling.
pub(super) const OVERFLOW_MAX: u32 = (1 << ADDRESS_SHIFT) - 1;

/// What stands in the second slot of a pair that is none.
pub(super) mod mark {
    /// The first slot has the address of the next page.
    pub(crate) const OVERFLOW: u16 = 0;
    /// A piece of a long key, not the last one.
    pub(crate) const PARTIAL_KEY: u16 = 1;
    /// The last piece of a long key, or a piece of a long value.
    pub(crate) const FULL_KEY: u16 = 2;
    /// The last piece of a long value, or of a key with the value's first piece.
    pub(crate) const FULL_KEY_DATA: u16 = 3;
}

/// The places of the fields of page 0, in bytes.
pub(super) mod field {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const VERSION: usize = 4;
    pub(crate) const ORDER: usize = 8;
    pub(crate) const PAGE_BYTES: usize = 12;
    pub(crate) const PAGE_SHIFT: usize = 16;
    pub(crate) const DIRECTORY: usize = 20;
    pub(crate) const SEGMENT: usize = 24;
    pub(crate) const SEGMENT_SHIFT: usize = 28;
    pub(crate) const OVERFLOW_POINT: usize = 32;
    pub(crate) const LAST_FREED: usize = 36;
    pub(crate) const MAX_BUCKET: usize = 40;
    pub(crate) const HIGH_MASK: usize = 44;
    pub(crate) const LOW_MASK: usize = 48;
    pub(crate) const FILL: usize = 52;
    pub(crate) const KEYS: usize = 56;
    pub(crate) const HEADER_PAGES: usize = 60;
    pub(crate) const CHAR_KEY: usize = 64;
    pub(crate) const SPARES: usize = 68;
    pub(crate) const BITMAPS: usize = 196;
}

/// Numbers in page 0 that tell the order of the others.
pub(super) const LITTLE: u32 = 1234;
pub(super) const BIG: u32 = 4321;

/// Returns the hash of a key: times 33, plus, 32 bits, from 0.
pub(super) fn hash(key: &[u8]) -> u32 {
    key.iter().fold(0, |hash: u32, &byte| hash.wrapping_mul(33).wrapping_add(u32::from(byte)))
}

/// Tells whether a file that begins with `head` is a hash file of version 1.85.
pub(super) fn is_head(head: &[u8]) -> bool {
    head.starts_with(&MAGIC.to_be_bytes())
}

/// What page 0 says, checked.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) order: ByteOrder,
    pub(super) page_bytes: u32,
    last_bucket: u32,
    high_mask: u32,
    low_mask: u32,
    header_pages: u32,
    spares: [u32; SPARES],
}

impl Table {
    pub(super) fn parse(head: &[u8]) -> Result<Table, DatabaseError> {
        let head = head.get(..HEADER_BYTES).ok_or(DatabaseError::NotADatabase)?;
        let number = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let corrupt = |what| Err(DatabaseError::Corrupt { page: 0, what });
        let version = number(field::VERSION);
        if version != VERSION && version != VERSION_OLD {
            return Err(DatabaseError::Version(version));
        }
        let order = match number(field::ORDER) {
            LITTLE => ByteOrder::Little,
            BIG => ByteOrder::Big,
            _ => return corrupt("the byte order is none"),
        };
        let page_bytes = number(field::PAGE_BYTES);
        if !page_bytes.is_power_of_two() || !(PAGE_BYTES_MIN..=PAGE_BYTES_MAX).contains(&page_bytes) {
            return corrupt("the page size is out of range");
        }
        if number(field::CHAR_KEY) != hash(CHAR_KEY) {
            return Err(DatabaseError::Unsupported("it was made with another hash function"));
        }
        let mut spares = [0; SPARES];
        for (index, spare) in spares.iter_mut().enumerate() {
            *spare = number(field::SPARES + 4 * index);
        }
        Ok(Table {
            order,
            page_bytes,
            last_bucket: number(field::MAX_BUCKET),
            high_mask: number(field::HIGH_MASK),
            low_mask: number(field::LOW_MASK),
            header_pages: number(field::HEADER_PAGES),
            spares,
        })
    }

    fn bucket_of(&self, key: &[u8]) -> u32 {
        let hash = hash(key);
        let bucket = hash & self.high_mask;
        if bucket > self.last_bucket { hash & self.low_mask } else { bucket }
    }

    /// Returns the first page of a bucket: the overflow pages of the doublings before lie between.
    fn page_of(&self, bucket: u32) -> Result<u32, DatabaseError> {
        let doublings = (u64::from(bucket) + 1).next_power_of_two().trailing_zeros() as usize;
        let before = doublings.checked_sub(1).map_or(Some(0), |last| self.spares.get(last).copied());
        let page = before.and_then(|before| before.checked_add(bucket)?.checked_add(self.header_pages));
        page.ok_or(DatabaseError::Corrupt { page: 0, what: "a bucket has no page" })
    }

    /// Returns the page of an overflow address.
    fn page_at(&self, address: u16) -> Result<u32, DatabaseError> {
        let (doubling, number) = (u32::from(address) >> ADDRESS_SHIFT, u32::from(address) & OVERFLOW_MAX);
        let last_bucket = u32::try_from((1_u64 << doubling) - 1).unwrap_or(u32::MAX);
        let page = self.page_of(last_bucket)?.checked_add(number);
        page.ok_or(DatabaseError::Corrupt { page: 0, what: "an overflow page has no place" })
    }
}

/// Returns the value of `key`.
pub(super) fn get(walk: &Walk<'_>, table: &Table, key: &[u8]) -> Result<Option<BString>, DatabaseError> {
    let mut found = None;
    let flow = walk_bucket(walk, table, table.bucket_of(key), &mut |pair_key, value| {
        if pair_key != key {
            return ControlFlow::Continue(());
        }
        found = Some(value.into());
        ControlFlow::Break(())
    });
    flow.map(|_| found)
}

/// Calls `visit` with every pair.
pub(super) fn scan(walk: &Walk<'_>, table: &Table, visit: &mut Visit<'_>) -> Result<ControlFlow<()>, DatabaseError> {
    for bucket in 0..=table.last_bucket {
        // Pages are written when they first get a key: the last buckets may have none.
        if table.page_of(bucket)? >= walk.count() {
            break;
        }
        if walk_bucket(walk, table, bucket, visit)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn walk_bucket(
    walk: &Walk<'_>,
    table: &Table,
    bucket: u32,
    visit: &mut Visit<'_>,
) -> Result<ControlFlow<()>, DatabaseError> {
    let first = table.page_of(bucket)?;
    let mut next = (first < walk.count()).then_some(first);
    while let Some(number) = next {
        let page = walk.page(number)?;
        let (flow, after) = walk_page(walk, table, &page, visit)?;
        if flow.is_break() {
            return Ok(flow);
        }
        next = after;
    }
    Ok(ControlFlow::Continue(()))
}

/// Visits the pairs of a page; gives also the page that follows in the chain.
fn walk_page(
    walk: &Walk<'_>,
    table: &Table,
    page: &Page,
    visit: &mut Visit<'_>,
) -> Result<(ControlFlow<()>, Option<u32>), DatabaseError> {
    let mut end = page.bytes.len();
    for index in (1..=page.slots()?).step_by(2) {
        let (first, second) = (page.slot(index)?, page.slot(index + 1)?);
        match second {
            mark::OVERFLOW => return Ok((ControlFlow::Continue(()), Some(table.page_at(first)?))),
            mark::PARTIAL_KEY..=mark::FULL_KEY_DATA if index > 1 => {
                return Err(page.corrupt("a long item begins in the middle of a page"));
            }
            mark::PARTIAL_KEY..=mark::FULL_KEY_DATA => {
                let long = LongPair::read(walk, table, page)?;
                return Ok((visit(&long.key, &long.value), long.next));
            }
            _ => {
                let (key_start, value_start) = (usize::from(first), usize::from(second));
                let (key, value) = (page.between(key_start, end)?, page.between(value_start, key_start)?);
                if visit(key, value).is_break() {
                    return Ok((ControlFlow::Break(()), None));
                }
                end = value_start;
            }
        }
    }
    Ok((ControlFlow::Continue(()), None))
}

impl Page {
    /// Returns the count of slots, after checking that they lie on the page with the two numbers behind them.
    fn slots(&self) -> Result<usize, DatabaseError> {
        let count = usize::from(self.u16_at(0)?);
        if count % 2 != 0 || 2 * (count + 3) > self.bytes.len() {
            return Err(self.corrupt("it has more items than fit"));
        }
        Ok(count)
    }

    /// Returns slot `index`, from 1.
    fn slot(&self, index: usize) -> Result<u16, DatabaseError> {
        self.u16_at(2 * index)
    }

    /// Returns the piece of a long item that the page has first.
    fn piece(&self) -> Result<&[u8], DatabaseError> {
        self.between(usize::from(self.slot(1)?), self.bytes.len())
    }

    /// Returns the next page of a long item.
    fn after(&self, walk: &Walk<'_>, table: &Table) -> Result<Page, DatabaseError> {
        match self.slots()? {
            slots @ 4.. => walk.page(table.page_at(self.slot(slots - 1)?)?),
            _ => Err(self.corrupt("a long item is cut off")),
        }
    }
}

/// A pair that is too long for a page.
struct LongPair {
    key: Vec<u8>,
    value: Vec<u8>,
    /// The page that follows its last one in the chain of the bucket.
    next: Option<u32>,
}

impl LongPair {
    fn read(walk: &Walk<'_>, table: &Table, first: &Page) -> Result<LongPair, DatabaseError> {
        let mut page = first.clone();
        let (mut key, mut value) = (Vec::new(), Vec::new());
        while page.slot(2)? == mark::PARTIAL_KEY {
            add(&mut key, page.piece()?, &page)?;
            page = page.after(walk, table)?;
        }
        add(&mut key, page.piece()?, &page)?;
        let whole = page.slot(2)? == mark::FULL_KEY_DATA && {
            let slots = page.slots()?;
            let start = usize::from(page.slot(slots)?);
            add(&mut value, page.between(start, usize::from(page.slot(1)?))?, &page)?;
            // A value that ends here leaves a byte free; one that goes on leaves none.
            page.slot(slots + 1)? != 0
        };
        if !whole {
            loop {
                page = page.after(walk, table)?;
                if page.slots()? < 2 || !matches!(page.slot(2)?, mark::FULL_KEY | mark::FULL_KEY_DATA) {
                    return Err(page.corrupt("it is no piece of a long value"));
                }
                add(&mut value, page.piece()?, &page)?;
                if page.slot(2)? == mark::FULL_KEY_DATA {
                    break;
                }
            }
        }
        let next = if page.slots()? > 2 { Some(table.page_at(page.slot(3)?)?) } else { None };
        Ok(LongPair { key, value, next })
    }
}

/// Adds a piece to a long item.
fn add(item: &mut Vec<u8>, piece: &[u8], page: &Page) -> Result<(), DatabaseError> {
    if item.len() + piece.len() > ITEM_BYTES_MAX {
        return Err(page.corrupt("an item is too long"));
    }
    item.extend_from_slice(piece);
    Ok(())
}
