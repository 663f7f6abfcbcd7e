//! Encoding items as the leaves of a btree have them, and trees of duplicates, which hash files have too.

use super::super::layout::BuildError;
use super::super::paged::ByteOrder;
use super::btree::item;
use super::image::{Image, PAGE_BYTES};
use super::page::{header, kind};

/// Keys that every page must have room for, at least.
pub(super) const MIN_KEYS: usize = 2;
/// Items longer than this go to pages of their own, as libdb computes it from [`MIN_KEYS`].
pub(super) const ITEM_BYTES_MAX: usize = (PAGE_BYTES - header::LENGTH) / (MIN_KEYS * 2) - 10;
/// Length of a leaf's item before its bytes.
const ITEM_HEAD: usize = 3;

/// A page of a tree of duplicates, with the count of values below it.
struct Counted {
    page: u32,
    values: u32,
}

/// Puts the values of one key, already encoded, on a tree of their own and returns its root.
pub(super) fn build_duplicates(image: &mut Image, values: &[Vec<u8>]) -> Result<u32, BuildError> {
    let mut items = values.iter().map(|value| (value.clone(), 1)).collect::<Vec<(Vec<u8>, u32)>>();
    let (mut page_kind, mut level) = (kind::RECNO_LEAF, 1);
    loop {
        let pages = build_counted_level(image, &items, page_kind, level)?;
        if let [root] = &pages[..] {
            if level > 1 {
                // The root of such a tree has its count where others have the page before them.
                image.put_u32(root.page, header::PREVIOUS, root.values);
            }
            return Ok(root.page);
        }
        let order = image.order;
        items = pages
            .iter()
            .map(|child| ([order.write_u32(child.page), order.write_u32(child.values)].concat(), child.values))
            .collect();
        page_kind = kind::RECNO_INTERNAL;
        level = level.checked_add(1).ok_or(BuildError::TooLarge)?;
    }
}

fn build_counted_level(
    image: &mut Image,
    items: &[(Vec<u8>, u32)],
    page_kind: u8,
    level: u8,
) -> Result<Vec<Counted>, BuildError> {
    let mut pages: Vec<Counted> = Vec::new();
    for (item, values) in items {
        let room = pages.last().is_some_and(|last| image.free_bytes(last.page) >= item.len() + 2);
        if !room {
            let page = image.add_page(page_kind, level)?;
            if let Some(before) = pages.last() {
                image.link(before.page, page);
            }
            pages.push(Counted { page, values: 0 });
        }
        let last = pages.last_mut().expect("a page was added");
        last.values = last.values.checked_add(*values).ok_or(BuildError::TooLarge)?;
        image.push_item(last.page, item);
    }
    Ok(pages)
}

/// Encodes a key or value for a leaf, on its own pages if it is long.
pub(super) fn encode(image: &mut Image, data: &[u8]) -> Result<Vec<u8>, BuildError> {
    if data.len() > ITEM_BYTES_MAX {
        let length = u32::try_from(data.len()).map_err(|_| BuildError::TooLarge)?;
        let first = image.add_chain(data)?;
        return Ok(reference(image.order, item::OVERFLOW, first, length));
    }
    let length = image.order.write_u16(u16::try_from(data.len()).expect("a short item"));
    Ok(padded([&length[..], &[item::DATA], data].concat()))
}

/// Returns the length of a key or value on a leaf, in bytes, if it is short enough to lie there.
pub(super) fn short_length(data: &[u8]) -> Option<usize> {
    (data.len() <= ITEM_BYTES_MAX).then(|| (ITEM_HEAD + data.len()).next_multiple_of(4))
}

/// Adds a short key or value to a leaf that has room for it.
pub(super) fn push_short(image: &mut Image, page: u32, data: &[u8], length: usize) {
    let head = image.order.write_u16(u16::try_from(data.len()).expect("a short item"));
    let (_, place) = image.reserve(page, length);
    place[..2].copy_from_slice(&head);
    place[2] = item::DATA;
    place[ITEM_HEAD..ITEM_HEAD + data.len()].copy_from_slice(data);
}

pub(super) fn reference(order: ByteOrder, kind: u8, page: u32, length: u32) -> Vec<u8> {
    [&[0, 0, kind, 0][..], &order.write_u32(page), &order.write_u32(length)].concat()
}

/// Items of a btree begin at multiples of four bytes.
pub(super) fn padded(mut item: Vec<u8>) -> Vec<u8> {
    item.resize(item.len().next_multiple_of(4), 0);
    item
}
