//! Looking up in a btree file, and in the trees of duplicates.
//!
//! A leaf holds pairs of items, key first; duplicates repeat the offset of their key. An internal page holds the
//! first key of each child.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use bstr::BString;

use super::super::database::{DatabaseError, Visit};
use super::super::paged::{INNER_BYTES_MAX, Page, Walk, partition};
use super::overflow::Chain;
use super::page::kind;

/// Types of an item on a btree page; [`DELETED`](item::DELETED) may be added.
pub(super) mod item {
    /// The bytes themselves.
    pub(crate) const DATA: u8 = 1;
    /// Many values, on a tree of their own.
    pub(crate) const DUPLICATE_TREE: u8 = 2;
    /// A long item.
    pub(crate) const OVERFLOW: u8 = 3;
    /// The item is gone, only its place is still there.
    pub(crate) const DELETED: u8 = 0x80;
}

/// Length of an internal page's item before its key, in bytes.
pub(super) const INTERNAL_HEAD: usize = 12;

/// Returns the first value of `key`.
pub(super) fn get(walk: &Walk<'_>, root: u32, key: &[u8]) -> Result<Option<BString>, DatabaseError> {
    let mut found = None;
    each_value_of(walk, root, key, &mut |value| {
        found = Some(value.into());
        ControlFlow::Break(())
    })?;
    Ok(found)
}

/// Calls `visit` with every value of `key`, in their order: duplicates stand on one leaf, or in a tree of their own.
pub(super) fn each_value_of(
    walk: &Walk<'_>,
    root: u32,
    key: &[u8],
    visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<(), DatabaseError> {
    let leaf = descend(walk, root, &mut |page| child_for(walk, page, key))?;
    let pairs = leaf.entries()? / 2;
    let first = partition(pairs, |pair| Ok(key_at(&leaf, 2 * pair)?.compare(walk, key)? == Ordering::Less))?;
    for pair in first..pairs {
        if key_at(&leaf, 2 * pair)?.compare(walk, key)? != Ordering::Equal
            || each_value(walk, &leaf, 2 * pair + 1, visit)?.is_break()
        {
            break;
        }
    }
    Ok(())
}

/// Calls `visit` with every pair, in the order of the keys.
pub(super) fn scan(walk: &Walk<'_>, root: u32, visit: &mut Visit<'_>) -> Result<ControlFlow<()>, DatabaseError> {
    let first = descend(walk, root, &mut |page| child_at(page, 0))?;
    each_leaf(walk, first, &mut |leaf| {
        let (mut key, mut key_offset) = (BString::default(), 0);
        for index in (1..leaf.entries()?).step_by(2) {
            let offset = leaf.offset(index - 1)?;
            if offset != key_offset {
                (key, key_offset) = (key_at(leaf, index - 1)?.read(walk)?, offset);
            }
            let flow = each_value(walk, leaf, index, &mut |value| visit(&key, value))?;
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// Calls `visit` with every value of the duplicates' tree at `root`.
pub(super) fn each_duplicate(
    walk: &Walk<'_>,
    root: u32,
    visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, DatabaseError> {
    let first = descend(walk, root, &mut |page| child_at(page, 0))?;
    each_leaf(walk, first, &mut |leaf| {
        for index in 0..leaf.entries()? {
            let flow = match Item::of(leaf, leaf.offset(index)?)? {
                Item::Deleted => ControlFlow::Continue(()),
                item => visit(&item.read(walk)?),
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// Walks from `root` to a leaf through the children that `choose` names. Levels must fall, so it ends.
fn descend(
    walk: &Walk<'_>,
    root: u32,
    choose: &mut dyn FnMut(&Page) -> Result<u32, DatabaseError>,
) -> Result<Page, DatabaseError> {
    let mut page = walk.page(root)?;
    while matches!(page.kind()?, kind::BTREE_INTERNAL | kind::RECNO_INTERNAL) {
        walk.keep(&page, INNER_BYTES_MAX);
        let child = walk.page(choose(&page)?)?;
        if child.level()? >= page.level()? {
            return Err(child.corrupt("its level is not below its parent's"));
        }
        page = child;
    }
    Ok(page)
}

fn each_leaf(
    walk: &Walk<'_>,
    first: Page,
    visit: &mut dyn FnMut(&Page) -> Result<ControlFlow<()>, DatabaseError>,
) -> Result<ControlFlow<()>, DatabaseError> {
    let mut leaf = first;
    for _ in 0..walk.count() {
        if !matches!(leaf.kind()?, kind::BTREE_LEAF | kind::RECNO_LEAF | kind::DUPLICATE_LEAF) {
            return Err(leaf.corrupt("it is no leaf"));
        }
        if visit(&leaf)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let Some(next) = leaf.next()? else { return Ok(ControlFlow::Continue(())) };
        leaf = walk.page(next)?;
    }
    Err(leaf.corrupt("the leaves form a ring"))
}

/// Returns the child that has `key`: the last one whose first key is not greater.
fn child_for(walk: &Walk<'_>, page: &Page, key: &[u8]) -> Result<u32, DatabaseError> {
    if page.kind()? != kind::BTREE_INTERNAL {
        return Err(page.corrupt("it is no page of a btree"));
    }
    let children = page.entries()?;
    // The first child takes whatever is smaller: its own key is not looked at.
    let after = partition(children.saturating_sub(1), |place| {
        Ok(internal_key(page, place + 1)?.compare(walk, key)? != Ordering::Greater)
    })?;
    child_at(page, after)
}

fn child_at(page: &Page, index: usize) -> Result<u32, DatabaseError> {
    if index >= page.entries()? {
        return Err(page.corrupt("it has no children"));
    }
    let offset = page.offset(index)?;
    match page.kind()? {
        kind::BTREE_INTERNAL => page.u32_at(offset + 4),
        _ => page.u32_at(offset),
    }
}

fn internal_key(page: &Page, index: usize) -> Result<Item<'_>, DatabaseError> {
    let offset = page.offset(index)?;
    match page.u8_at(offset + 2)? & !item::DELETED {
        item::DATA => {
            let length = usize::from(page.u16_at(offset)?);
            Ok(Item::Data(page.slice(offset + INTERNAL_HEAD, length)?))
        }
        item::OVERFLOW => chain_at(page, offset + INTERNAL_HEAD).map(Item::Overflow),
        _ => Err(page.corrupt("a key has an unknown type")),
    }
}

/// Returns a key of a leaf, also where its value is deleted.
fn key_at(page: &Page, index: usize) -> Result<Item<'_>, DatabaseError> {
    if page.kind()? != kind::BTREE_LEAF {
        return Err(page.corrupt("it is no leaf of a btree"));
    }
    Item::with_type(page, page.offset(index)?, |kind| kind & !item::DELETED)
}

fn each_value(
    walk: &Walk<'_>,
    page: &Page,
    index: usize,
    visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, DatabaseError> {
    match Item::of(page, page.offset(index)?)? {
        Item::Deleted => Ok(ControlFlow::Continue(())),
        Item::DuplicateTree(root) => each_duplicate(walk, root, visit),
        item => Ok(visit(&item.read(walk)?)),
    }
}

fn chain_at(page: &Page, offset: usize) -> Result<Chain, DatabaseError> {
    Ok(Chain { first: page.u32_at(offset + 4)?, length: page.u32_at(offset + 8)? })
}

/// One item on a leaf.
enum Item<'a> {
    Data(&'a [u8]),
    Overflow(Chain),
    DuplicateTree(u32),
    Deleted,
}

impl<'a> Item<'a> {
    fn of(page: &'a Page, offset: usize) -> Result<Item<'a>, DatabaseError> {
        Item::with_type(page, offset, |kind| kind)
    }

    fn with_type(page: &'a Page, offset: usize, mask: fn(u8) -> u8) -> Result<Item<'a>, DatabaseError> {
        match mask(page.u8_at(offset + 2)?) {
            item::DATA => {
                let length = usize::from(page.u16_at(offset)?);
                Ok(Item::Data(page.slice(offset + 3, length)?))
            }
            item::OVERFLOW => chain_at(page, offset).map(Item::Overflow),
            item::DUPLICATE_TREE => Ok(Item::DuplicateTree(page.u32_at(offset + 4)?)),
            kind if kind & item::DELETED != 0 => Ok(Item::Deleted),
            _ => Err(page.corrupt("an item has an unknown type")),
        }
    }

    fn read(&self, walk: &Walk<'_>) -> Result<BString, DatabaseError> {
        match self {
            Item::Data(data) => Ok((*data).into()),
            Item::Overflow(chain) => chain.read(walk),
            Item::DuplicateTree(root) => Err(DatabaseError::Corrupt { page: *root, what: "a key is a set of values" }),
            Item::Deleted => Err(DatabaseError::Corrupt { page: 0, what: "a key is deleted" }),
        }
    }

    fn compare(&self, walk: &Walk<'_>, key: &[u8]) -> Result<Ordering, DatabaseError> {
        match self {
            Item::Data(data) => Ok((*data).cmp(key)),
            other => Ok(other.read(walk)?.as_slice().cmp(key)),
        }
    }
}
