//! Building a btree file at one stroke: the leaves from left to right, then each level above them.

use super::super::layout::{BuildError, Layout, Pair};
use super::super::sorted;
use super::btree::{INTERNAL_HEAD, item};
use super::build_leaf::{
    ITEM_BYTES_MAX, MIN_KEYS, build_duplicates, encode, padded, push_short, reference, short_length,
};
use super::image::{Image, PAGE_BYTES};
use super::meta::{BTREE_DUPLICATES, BTREE_MAGIC, field};
use super::page::kind;

/// A set of duplicates larger than this goes to a tree of its own.
const DUPLICATES_BYTES_MAX: usize = PAGE_BYTES / 4;
/// The root's page, also where it is the only leaf.
const ROOT: u32 = 1;
/// What libdb fills unused records with.
const RECORD_PAD: u32 = b' ' as u32;

/// Builds a btree file with these pairs.
pub(in super::super) fn build(pairs: Vec<Pair<'_>>, layout: &Layout) -> Result<Vec<u8>, BuildError> {
    let data_bytes = pairs.iter().map(|(key, value)| key.len() + value.len() + 16).sum();
    let sorted = sorted::by_key(pairs);
    let duplicates = layout.duplicates || sorted.windows(2).any(|twins| twins[0].0 == twins[1].0);

    let mut image = Image::new(layout.order, BTREE_MAGIC, kind::BTREE_META, layout.file_id, data_bytes);
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

fn fill_leaves(image: &mut Image, sorted: &[Pair<'_>]) -> Result<Vec<Child>, BuildError> {
    let mut children = vec![Child { page: ROOT, key: Vec::new() }];
    let mut last_key: &[u8] = &[];
    for set in sorted.chunk_by(|left, right| left.0 == right.0) {
        let key = set[0].0;
        if let ([(_, value)], Some(key_length)) = (set, short_length(key))
            && let Some(value_length) = short_length(value)
        {
            let page = leaf_with_room(image, &mut children, key_length + value_length + 4, (last_key, key))?;
            push_short(image, page, key, key_length);
            push_short(image, page, value, value_length);
            last_key = key;
            continue;
        }
        let key_item = encode(image, key)?;
        let values = encode_values(image, set, key_item.len())?;
        let bytes = key_item.len() + values.iter().map(|value| value.len() + 4).sum::<usize>();
        let page = leaf_with_room(image, &mut children, bytes, (last_key, key))?;
        push_set(image, page, &key_item, &values);
        last_key = key;
    }
    Ok(children)
}

/// Returns the last leaf, or the one after it if it has no room for so many bytes: there the second of `keys` is the
/// first key, and the first of them was the last one before.
fn leaf_with_room(
    image: &mut Image,
    children: &mut Vec<Child>,
    bytes: usize,
    keys: (&[u8], &[u8]),
) -> Result<u32, BuildError> {
    let last = children.last().expect("there is a leaf from the beginning").page;
    if image.free_bytes(last) >= bytes {
        return Ok(last);
    }
    let page = image.add_page(kind::BTREE_LEAF, 1)?;
    image.link(last, page);
    children.push(Child { page, key: sorted::separator(keys.0, keys.1).to_vec() });
    Ok(page)
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

fn encode_values(image: &mut Image, set: &[Pair<'_>], key_bytes: usize) -> Result<Vec<Vec<u8>>, BuildError> {
    let values: Vec<Vec<u8>> = set.iter().map(|pair| encode(image, pair.1)).collect::<Result<_, _>>()?;
    let bytes = key_bytes + values.iter().map(|value| value.len() + 4).sum::<usize>();
    if values.len() == 1 || bytes <= DUPLICATES_BYTES_MAX {
        return Ok(values);
    }
    let root = build_duplicates(image, &values)?;
    Ok(vec![reference(image.order, item::DUPLICATE_TREE, root, 0)])
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
