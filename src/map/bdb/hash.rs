//! Looking up in a hash file.
//!
//! A bucket is a chain of pages; a page holds pairs of items, key first, sorted by key since version 9. An item begins
//! with its type.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use bstr::BString;

use super::super::database::{DatabaseError, Visit};
use super::super::paged::{BUCKET_BYTES_MAX, Page, Walk, partition};
use super::btree;
use super::build_hash::compare_keys;
use super::meta::Buckets;
use super::overflow::Chain;
use super::page::kind;

/// The key whose hash stands on page 0, to tell files made with another function.
pub(super) const CHAR_KEY: &[u8] = b"%$sniglet^&\0";

/// Types of an item on a bucket's page.
pub(super) mod item {
    /// The bytes themselves.
    pub(crate) const DATA: u8 = 1;
    /// Several values, each between its length and its length.
    pub(crate) const DUPLICATES: u8 = 2;
    /// A long item.
    pub(crate) const OFF_PAGE: u8 = 3;
    /// Many values, on a tree of their own.
    pub(crate) const DUPLICATE_TREE: u8 = 4;
}

/// Returns the hash of a key: multiply, then xor, 32 bits, from 0 (Fowler, Noll, Vo).
pub(super) fn hash(key: &[u8]) -> u32 {
    key.iter().fold(0, |hash: u32, &byte| hash.wrapping_mul(16_777_619) ^ u32::from(byte))
}

/// Returns the first value of `key`.
pub(super) fn get(walk: &Walk<'_>, buckets: &Buckets, key: &[u8]) -> Result<Option<BString>, DatabaseError> {
    let mut found = None;
    let flow = walk_bucket(walk, buckets, buckets.of_hash(hash(key)), &mut |page| {
        walk.keep(page, BUCKET_BYTES_MAX);
        let Some(index) = index_of(walk, page, key)? else {
            return Ok(ControlFlow::Continue(()));
        };
        Item::of(page, index + 1)?.each_value(walk, &mut |value| {
            found = Some(value.into());
            ControlFlow::Break(())
        })
    });
    flow.map(|_| found)
}

/// Returns the index of `key` on a page of a bucket.
fn index_of(walk: &Walk<'_>, page: &Page, key: &[u8]) -> Result<Option<usize>, DatabaseError> {
    let pairs = page.entries()? / 2;
    let mut candidates = 0..pairs;
    if page.kind()? == kind::HASH {
        // Long keys are sorted in another way than short ones: where one is met, all are looked at.
        let mut met_long = false;
        let first = partition(pairs, |pair| match Item::of(page, 2 * pair)? {
            Item::Data(data) => Ok(compare_keys(data, key) == Ordering::Less),
            _ => {
                met_long = true;
                Ok(false)
            }
        })?;
        if !met_long && key.len() < page.bytes.len() / 4 {
            candidates = first..pairs.min(first + 1);
        }
    }
    for pair in candidates {
        if Item::of(page, 2 * pair)?.is(walk, key)? {
            return Ok(Some(2 * pair));
        }
    }
    Ok(None)
}

/// Calls `visit` with every pair.
pub(super) fn scan(
    walk: &Walk<'_>,
    buckets: &Buckets,
    visit: &mut Visit<'_>,
) -> Result<ControlFlow<()>, DatabaseError> {
    // Each bucket has a page of its own: a number beyond the pages is damage, not work.
    if buckets.last >= walk.count() {
        return Err(DatabaseError::Corrupt { page: 0, what: "it has more buckets than pages" });
    }
    for bucket in 0..=buckets.last {
        let flow = walk_bucket(walk, buckets, bucket, &mut |page| {
            for index in (0..page.entries()?).step_by(2) {
                let key = Item::of(page, index)?.read(walk)?;
                if Item::of(page, index + 1)?.each_value(walk, &mut |value| visit(&key, value))?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if flow.is_break() {
            return Ok(flow);
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Called with each page of a bucket.
type VisitPage<'a> = dyn FnMut(&Page) -> Result<ControlFlow<()>, DatabaseError> + 'a;

fn walk_bucket(
    walk: &Walk<'_>,
    buckets: &Buckets,
    bucket: u32,
    visit: &mut VisitPage<'_>,
) -> Result<ControlFlow<()>, DatabaseError> {
    let first = buckets.page_of(bucket);
    let mut next = Some(first.ok_or(DatabaseError::Corrupt { page: 0, what: "a bucket has no page" })?);
    for _ in 0..walk.count() {
        let Some(number) = next else { return Ok(ControlFlow::Continue(())) };
        let page = walk.page(number)?;
        match page.kind()? {
            kind::HASH | kind::HASH_UNSORTED => {}
            // A doubling sets pages aside that no key has reached yet.
            kind::UNUSED => return Ok(ControlFlow::Continue(())),
            _ => return Err(page.corrupt("it is no page of a bucket")),
        }
        if visit(&page)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        next = page.next()?;
    }
    Err(DatabaseError::Corrupt { page: next.unwrap_or(0), what: "the pages of a bucket form a ring" })
}

/// One item on a bucket's page.
enum Item<'a> {
    Data(&'a [u8]),
    Duplicates { page: &'a Page, start: usize, end: usize },
    OffPage(Chain),
    DuplicateTree(u32),
}

impl<'a> Item<'a> {
    /// Finds item `index`: it ends where the one before begins, the first one at the end of the page.
    fn of(page: &'a Page, index: usize) -> Result<Item<'a>, DatabaseError> {
        if index >= page.entries()? {
            return Err(page.corrupt("a key has no value"));
        }
        let start = page.offset(index)?;
        let end = match index {
            0 => page.bytes.len(),
            _ => page.offset(index - 1)?,
        };
        if start >= end {
            return Err(page.corrupt("its items overlap"));
        }
        match page.u8_at(start)? {
            item::DATA => Ok(Item::Data(page.slice(start + 1, end - start - 1)?)),
            item::DUPLICATES => Ok(Item::Duplicates { page, start: start + 1, end }),
            item::OFF_PAGE => {
                let (first, length) = (page.u32_at(start + 4)?, page.u32_at(start + 8)?);
                Ok(Item::OffPage(Chain { first, length }))
            }
            item::DUPLICATE_TREE => Ok(Item::DuplicateTree(page.u32_at(start + 4)?)),
            _ => Err(page.corrupt("an item has an unknown type")),
        }
    }

    fn is(&self, walk: &Walk<'_>, key: &[u8]) -> Result<bool, DatabaseError> {
        match self {
            Item::Data(data) => Ok(*data == key),
            Item::OffPage(chain) => chain.is(walk, key),
            Item::Duplicates { .. } | Item::DuplicateTree(_) => Ok(false),
        }
    }

    fn read(&self, walk: &Walk<'_>) -> Result<BString, DatabaseError> {
        match self {
            Item::Data(data) => Ok((*data).into()),
            Item::OffPage(chain) => chain.read(walk),
            Item::Duplicates { page, .. } => Err(page.corrupt("a key is a set of values")),
            Item::DuplicateTree(root) => Err(DatabaseError::Corrupt { page: *root, what: "a key is a set of values" }),
        }
    }

    fn each_value(
        &self,
        walk: &Walk<'_>,
        visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, DatabaseError> {
        match self {
            Item::Data(data) => Ok(visit(data)),
            Item::OffPage(chain) => Ok(visit(&chain.read(walk)?)),
            Item::DuplicateTree(root) => btree::each_duplicate(walk, *root, visit),
            Item::Duplicates { page, start, end } => {
                let mut at = *start;
                while at < *end {
                    let length = usize::from(page.u16_at(at)?);
                    if at + 2 + length + 2 > *end {
                        return Err(page.corrupt("a value reaches over the end of its set"));
                    }
                    if visit(page.slice(at + 2, length)?).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                    at += 2 + length + 2;
                }
                Ok(ControlFlow::Continue(()))
            }
        }
    }
}
