//! Building a btree file of version 1.85 at one stroke: the leaves from left to right, then each level above them.

use super::super::layout::{BuildError, Layout, Pair};
use super::super::paged::ByteOrder;
use super::super::sorted;
use super::btree::{MAGIC, NO_DUPLICATES, ROOT, VERSION, field, header, item, kind};

/// Size of the pages we write, in bytes.
const PAGE_BYTES: usize = 4096;
/// Longest key and value that lie in one item, as the C library computes it from two items a page.
const ITEM_BYTES_MAX: usize = (PAGE_BYTES - header::LENGTH) / 2 - 14;

/// Builds a btree file with these pairs.
pub(in super::super) fn build(pairs: Vec<Pair<'_>>, layout: &Layout) -> Result<Vec<u8>, BuildError> {
    let data_bytes: usize = pairs.iter().map(|(key, value)| key.len() + value.len() + 16).sum();
    let sorted = sorted::by_key(pairs);
    let duplicates = layout.duplicates || sorted.windows(2).any(|twins| twins[0].0 == twins[1].0);
    let mut tree = Tree { order: layout.order, bytes: Vec::with_capacity(data_bytes / 4 * 5) };
    tree.bytes.resize(PAGE_BYTES, 0);
    tree.put_u32(0, field::MAGIC, MAGIC);
    tree.put_u32(0, field::VERSION, VERSION);
    tree.put_u32(0, field::PAGE_BYTES, PAGE_BYTES as u32);
    tree.put_u32(0, field::FLAGS, if duplicates { 0 } else { NO_DUPLICATES });
    let root = tree.add_page(kind::LEAF)?;
    debug_assert_eq!(root, ROOT);
    let leaves = tree.fill_leaves(&sorted)?;
    tree.build_levels(leaves)?;
    Ok(tree.bytes)
}

/// A page of the level last built, with the shortest key that tells it from the page on its left.
struct Child {
    page: u32,
    key: Vec<u8>,
}

/// The file as it is being built.
struct Tree {
    order: ByteOrder,
    bytes: Vec<u8>,
}

impl Tree {
    fn fill_leaves(&mut self, sorted: &[Pair<'_>]) -> Result<Vec<Child>, BuildError> {
        let mut children = vec![Child { page: ROOT, key: Vec::new() }];
        let mut page = ROOT;
        let mut last_key: &[u8] = &[];
        for (key, value) in sorted {
            let (mut stored_key, mut stored_value, mut flags) = ((*key).to_vec(), (*value).to_vec(), 0);
            if stored_key.len() > ITEM_BYTES_MAX {
                (stored_key, flags) = (self.add_chain(key)?, item::LONG_KEY);
            }
            if stored_key.len() + stored_value.len() > ITEM_BYTES_MAX {
                (stored_value, flags) = (self.add_chain(value)?, flags | item::LONG_VALUE);
            }
            let length = (item::HEAD + stored_key.len() + stored_value.len()).next_multiple_of(4);
            if self.free_bytes(page) < length + 2 {
                let next = self.add_page(kind::LEAF)?;
                self.link(page, next);
                page = next;
                children.push(Child { page, key: sorted::separator(last_key, key).to_vec() });
            }
            let numbers = [stored_key.len() as u32, stored_value.len() as u32];
            self.push(page, length, numbers, flags, &[&stored_key, &stored_value]);
            last_key = key;
        }
        Ok(children)
    }

    /// Builds the levels above `children`, until one page is enough: the root.
    fn build_levels(&mut self, mut children: Vec<Child>) -> Result<(), BuildError> {
        if children.len() == 1 {
            return Ok(());
        }
        children[0].page = self.move_root_away()?;
        loop {
            let bytes: usize = children.iter().map(|child| internal_length(stored_length(&child.key)) + 2).sum();
            if bytes <= PAGE_BYTES - header::LENGTH {
                self.begin_page(ROOT, kind::INTERNAL);
                return children.iter().try_for_each(|child| self.push_child(ROOT, child));
            }
            children = self.build_level(children)?;
        }
    }

    fn build_level(&mut self, children: Vec<Child>) -> Result<Vec<Child>, BuildError> {
        let mut parents: Vec<Child> = Vec::new();
        for child in children {
            let length = internal_length(stored_length(&child.key)) + 2;
            let last = parents.last().map(|parent| parent.page);
            let page = match last {
                Some(last) if self.free_bytes(last) >= length => last,
                _ => {
                    let page = self.add_page(kind::INTERNAL)?;
                    if let Some(last) = last {
                        self.link(last, page);
                    }
                    parents.push(Child { page, key: child.key.clone() });
                    page
                }
            };
            self.push_child(page, &child)?;
        }
        Ok(parents)
    }

    fn push_child(&mut self, page: u32, child: &Child) -> Result<(), BuildError> {
        let (stored, flags) = match child.key.len() > ITEM_BYTES_MAX {
            true => (self.add_chain(&child.key)?, item::LONG_KEY),
            false => (child.key.clone(), 0),
        };
        let length = internal_length(stored.len());
        self.push(page, length, [stored.len() as u32, child.page], flags, &[&stored]);
        Ok(())
    }

    /// Adds an item to a page that has room for it.
    fn push(&mut self, page: u32, length: usize, numbers: [u32; 2], flags: u8, parts: &[&[u8]]) {
        let start = usize::from(self.u16(page, header::UPPER)) - length;
        self.put_u32(page, start, numbers[0]);
        self.put_u32(page, start + 4, numbers[1]);
        self.page_mut(page)[start + 8] = flags;
        let mut at = start + item::HEAD;
        for part in parts {
            self.page_mut(page)[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        let lower = self.u16(page, header::LOWER);
        let start = u16::try_from(start).expect("a place on a page");
        self.put_u16(page, usize::from(lower), start);
        self.put_u16(page, header::LOWER, lower + 2);
        self.put_u16(page, header::UPPER, start);
    }

    /// Puts a long item on pages of its own; returns what stands for it.
    fn add_chain(&mut self, data: &[u8]) -> Result<Vec<u8>, BuildError> {
        let length = u32::try_from(data.len()).map_err(|_| BuildError::TooLarge)?;
        let mut first = None;
        let mut before: Option<u32> = None;
        for piece in data.chunks(PAGE_BYTES - header::LENGTH) {
            let page = self.add_page(kind::OVERFLOW)?;
            self.put_u16(page, header::LOWER, 0);
            self.put_u16(page, header::UPPER, 0);
            self.page_mut(page)[header::LENGTH..header::LENGTH + piece.len()].copy_from_slice(piece);
            if let Some(before) = before {
                self.put_u32(before, header::NEXT, page);
            }
            before = Some(page);
            first = first.or(before);
        }
        let first = first.expect("a long item has a piece");
        Ok([self.order.write_u32(first), self.order.write_u32(length)].concat())
    }

    fn add_page(&mut self, kind: u32) -> Result<u32, BuildError> {
        let number = u32::try_from(self.bytes.len() / PAGE_BYTES).map_err(|_| BuildError::TooLarge)?;
        self.bytes.resize(self.bytes.len() + PAGE_BYTES, 0);
        self.begin_page(number, kind);
        Ok(number)
    }

    fn begin_page(&mut self, number: u32, kind: u32) {
        self.page_mut(number).fill(0);
        self.put_u32(number, header::NUMBER, number);
        self.put_u32(number, header::KIND, kind);
        self.put_u16(number, header::LOWER, header::LENGTH as u16);
        self.put_u16(number, header::UPPER, PAGE_BYTES as u16);
    }

    /// Moves the first leaf to the end, for a root to take its place.
    fn move_root_away(&mut self) -> Result<u32, BuildError> {
        let number = self.add_page(kind::LEAF)?;
        let copy = self.page_mut(ROOT).to_vec();
        self.page_mut(number).copy_from_slice(&copy);
        self.put_u32(number, header::NUMBER, number);
        let next = self.u32(number, header::NEXT);
        if next != 0 {
            self.put_u32(next, header::PREVIOUS, number);
        }
        Ok(number)
    }

    fn link(&mut self, left: u32, right: u32) {
        self.put_u32(left, header::NEXT, right);
        self.put_u32(right, header::PREVIOUS, left);
    }

    fn free_bytes(&self, page: u32) -> usize {
        usize::from(self.u16(page, header::UPPER)) - usize::from(self.u16(page, header::LOWER))
    }

    fn page_mut(&mut self, number: u32) -> &mut [u8] {
        let start = number as usize * PAGE_BYTES;
        &mut self.bytes[start..start + PAGE_BYTES]
    }

    fn put_u16(&mut self, page: u32, at: usize, value: u16) {
        let bytes = self.order.write_u16(value);
        self.page_mut(page)[at..at + 2].copy_from_slice(&bytes);
    }

    fn put_u32(&mut self, page: u32, at: usize, value: u32) {
        let bytes = self.order.write_u32(value);
        self.page_mut(page)[at..at + 4].copy_from_slice(&bytes);
    }

    fn u16(&self, page: u32, at: usize) -> u16 {
        let at = page as usize * PAGE_BYTES + at;
        self.order.read_u16([self.bytes[at], self.bytes[at + 1]])
    }

    fn u32(&self, page: u32, at: usize) -> u32 {
        let at = page as usize * PAGE_BYTES + at;
        self.order.read_u32([self.bytes[at], self.bytes[at + 1], self.bytes[at + 2], self.bytes[at + 3]])
    }
}

/// Returns the length that a key of an inner page has in its item.
fn stored_length(key: &[u8]) -> usize {
    if key.len() > ITEM_BYTES_MAX { item::REFERENCE } else { key.len() }
}

fn internal_length(key_length: usize) -> usize {
    (item::HEAD + key_length).next_multiple_of(4)
}
