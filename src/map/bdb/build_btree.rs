//! Building a btree file at one stroke: the leaves from left to right, then each level above them.

use bstr::BString;

use super::btree::{INTERNAL_HEAD, item};
use super::image::{BuildError, Image, PAGE_BYTES};
use super::meta::{BTREE_DUPLICATES, BTREE_MAGIC, field};
use super::page::{ByteOrder, header, kind};

/// Keys that every page must have room for, at least.
const MIN_KEYS: usize = 2;
/// Items longer than this go to pages of their own, as libdb computes it from [`MIN_KEYS`].
const ITEM_BYTES_MAX: usize = (PAGE_BYTES - header::LENGTH) / (MIN_KEYS * 2) - 10;
/// A set of duplicates larger than this goes to a tree of its own.
const DUPLICATES_BYTES_MAX: usize = PAGE_BYTES / 4;
/// The root's page, also where it is the only leaf.
const ROOT: u32 = 1;
/// What libdb fills unused records with.
const RECORD_PAD: u32 = b' ' as u32;

/// Builds a btree file with these pairs.
///
/// Pairs with the same key stay in the order in which they are given, and make it a file with duplicates.
/// `file_id` distinguishes the file from every other one on the machine.
pub fn build_btree(pairs: &[(BString, BString)], order: ByteOrder, file_id: [u8; 20]) -> Result<Vec<u8>, BuildError> {
    let mut sorted: Vec<&(BString, BString)> = pairs.iter().collect();
    sorted.sort_by(|left, right| left.0.cmp(&right.0));
    let duplicates = sorted.windows(2).any(|twins| twins[0].0 == twins[1].0);

    let mut image = Image::new(order, BTREE_MAGIC, kind::BTREE_META, file_id);
    image.put_u32(0, field::FLAGS, if duplicates { BTREE_DUPLICATES } else { 0 });
    image.put_u32(0, field::MIN_KEYS, MIN_KEYS as u32);
    image.put_u32(0, field::RECORD_PAD, RECORD_PAD);
    image.put_u32(0, field::ROOT, ROOT);
    let root = image.add_page(kind::BTREE_LEAF, 1)?;
    debug_assert_eq!(root, ROOT);

    let leaves = fill_leaves(&mut image, &sorted)?;
    build_levels(&mut image, leaves)?;
    Ok(image.finish())
}

/// A page of the level last built, with the shortest key that tells it from the page on its left.
struct Child {
    page: u32,
    key: Vec<u8>,
}

fn fill_leaves(image: &mut Image, sorted: &[&(BString, BString)]) -> Result<Vec<Child>, BuildError> {
    let mut children = vec![Child { page: ROOT, key: Vec::new() }];
    let mut page = ROOT;
    let mut last_key: &[u8] = &[];
    for set in sorted.chunk_by(|left, right| left.0 == right.0) {
        let key = &set[0].0;
        let key_item = encode(image, key)?;
        let values = encode_values(image, set, key_item.len())?;
        let bytes = key_item.len() + values.iter().map(|value| value.len() + 4).sum::<usize>();
        if image.free_bytes(page) < bytes {
            let next = image.add_page(kind::BTREE_LEAF, 1)?;
            image.link(page, next);
            page = next;
            children.push(Child { page, key: separator(last_key, key) });
        }
        push_set(image, page, &key_item, &values);
        last_key = key;
    }
    Ok(children)
}

/// Adds a key and its values to a leaf; a key with several values is there once, its offset several times.
fn push_set(image: &mut Image, page: u32, key: &[u8], values: &[Vec<u8>]) {
    let mut key_offset = None;
    for value in values {
        match key_offset {
            None => key_offset = Some(image.push_item(page, key)),
            Some(offset) => image.push_offset(page, offset),
        }
        image.push_item(page, value);
    }
}

fn encode_values(image: &mut Image, set: &[&(BString, BString)], key_bytes: usize) -> Result<Vec<Vec<u8>>, BuildError> {
    let values: Vec<Vec<u8>> = set.iter().map(|pair| encode(image, &pair.1)).collect::<Result<_, _>>()?;
    let bytes = key_bytes + values.iter().map(|value| value.len() + 4).sum::<usize>();
    if values.len() == 1 || bytes <= DUPLICATES_BYTES_MAX {
        return Ok(values);
    }
    let root = build_duplicates(image, &values)?;
    Ok(vec![reference(image.order, item::DUPLICATE_TREE, root, 0)])
}

/// Returns the shortest beginning of `right` that is greater than `left`.
fn separator(left: &[u8], right: &[u8]) -> Vec<u8> {
    let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    right[..(same + 1).min(right.len())].to_vec()
}

/// Builds the levels above `children`, until one page is enough: the root.
fn build_levels(image: &mut Image, mut children: Vec<Child>) -> Result<(), BuildError> {
    if children.len() == 1 {
        return Ok(());
    }
    children[0].page = image.move_to_end(ROOT)?;
    let mut level = 2;
    loop {
        let items: Vec<Vec<u8>> = children.iter().map(|child| encode_child(image, child)).collect::<Result<_, _>>()?;
        image.begin_page(ROOT, kind::BTREE_INTERNAL, level);
        let bytes: usize = items.iter().map(|item| item.len() + 2).sum();
        if bytes <= image.free_bytes(ROOT) {
            items.iter().for_each(|item| {
                image.push_item(ROOT, item);
            });
            return Ok(());
        }
        children = build_level(image, children, &items, level)?;
        level = level.checked_add(1).ok_or(BuildError::TooLarge)?;
    }
}

fn build_level(
    image: &mut Image,
    children: Vec<Child>,
    items: &[Vec<u8>],
    level: u8,
) -> Result<Vec<Child>, BuildError> {
    let mut parents: Vec<Child> = Vec::new();
    for (child, item) in children.into_iter().zip(items) {
        let page = match parents.last() {
            Some(parent) if image.free_bytes(parent.page) >= item.len() + 2 => parent.page,
            before => {
                let page = image.add_page(kind::BTREE_INTERNAL, level)?;
                if let Some(before) = before {
                    image.link(before.page, page);
                }
                parents.push(Child { page, key: child.key });
                page
            }
        };
        image.push_item(page, item);
    }
    Ok(parents)
}

/// A page of a tree of duplicates, with the count of values below it.
struct Counted {
    page: u32,
    values: u32,
}

/// Puts the values of one key, already encoded, on a tree of their own and returns its root.
fn build_duplicates(image: &mut Image, values: &[Vec<u8>]) -> Result<u32, BuildError> {
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
fn encode(image: &mut Image, data: &[u8]) -> Result<Vec<u8>, BuildError> {
    if data.len() > ITEM_BYTES_MAX {
        let length = u32::try_from(data.len()).map_err(|_| BuildError::TooLarge)?;
        let first = image.add_chain(data)?;
        return Ok(reference(image.order, item::OVERFLOW, first, length));
    }
    let length = image.order.write_u16(u16::try_from(data.len()).expect("a short item"));
    Ok(padded([&length[..], &[item::DATA], data].concat()))
}

/// Encodes the entry of a child on the page above it.
fn encode_child(image: &mut Image, child: &Child) -> Result<Vec<u8>, BuildError> {
    let order = image.order;
    let (kind, key) = match child.key.len() > ITEM_BYTES_MAX {
        false => (item::DATA, child.key.clone()),
        true => {
            let length = u32::try_from(child.key.len()).map_err(|_| BuildError::TooLarge)?;
            let first = image.add_chain(&child.key)?;
            (item::OVERFLOW, reference(order, item::OVERFLOW, first, length))
        }
    };
    let length = order.write_u16(u16::try_from(key.len()).expect("a short item"));
    let mut entry = [&length[..], &[kind, 0], &order.write_u32(child.page), &[0; 4]].concat();
    debug_assert_eq!(entry.len(), INTERNAL_HEAD);
    entry.extend_from_slice(&key);
    Ok(padded(entry))
}

fn reference(order: ByteOrder, kind: u8, page: u32, length: u32) -> Vec<u8> {
    [&[0, 0, kind, 0][..], &order.write_u32(page), &order.write_u32(length)].concat()
}

/// Items of a btree begin at multiples of four bytes.
fn padded(mut item: Vec<u8>) -> Vec<u8> {
    item.resize(item.len().next_multiple_of(4), 0);
    item
}
