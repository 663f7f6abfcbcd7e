//! A database file as it is being built, in memory.

use super::super::layout::BuildError;
use super::super::paged::ByteOrder;
use super::meta::{META_BYTES, VERSION, field};
use super::page::{header, kind};

/// Size of the pages we write: what libdb takes on the usual file systems.
pub(super) const PAGE_BYTES: usize = 4096;

/// The pages, one after the other, the first one describing the file.
pub(super) struct Image {
    pub(super) order: ByteOrder,
    bytes: Vec<u8>,
}

impl Image {
    /// Makes an image of one page that describes a file of this kind, with room for about `data_bytes` more.
    pub(super) fn new(order: ByteOrder, magic: u32, page_kind: u8, file_id: [u8; 20], data_bytes: usize) -> Image {
        let mut bytes = Vec::with_capacity(PAGE_BYTES + data_bytes / 4 * 5);
        bytes.resize(PAGE_BYTES, 0);
        let mut image = Image { order, bytes };
        image.stamp(0, page_kind);
        image.put_u32(0, header::NUMBER, 0);
        image.put_u32(0, field::MAGIC, magic);
        image.put_u32(0, field::VERSION, VERSION);
        image.put_u32(0, field::PAGE_BYTES, PAGE_BYTES as u32);
        image.page_mut(0)[field::FILE_ID..field::FILE_ID + 20].copy_from_slice(&file_id);
        image
    }

    /// Adds an empty page at the end and returns its number.
    pub(super) fn add_page(&mut self, page_kind: u8, level: u8) -> Result<u32, BuildError> {
        let number = u32::try_from(self.bytes.len() / PAGE_BYTES).map_err(|_| BuildError::TooLarge)?;
        self.bytes.resize(self.bytes.len() + PAGE_BYTES, 0);
        self.begin_page(number, page_kind, level);
        Ok(number)
    }

    /// Empties page `number` and gives it a kind and a level.
    pub(super) fn begin_page(&mut self, number: u32, page_kind: u8, level: u8) {
        self.page_mut(number).fill(0);
        self.stamp(number, page_kind);
        self.put_u32(number, header::NUMBER, number);
        self.put_u16(number, header::FREE_END, PAGE_BYTES as u16);
        self.page_mut(number)[header::LEVEL] = level;
    }

    /// Marks a page as never logged, which is how files outside of an environment are.
    fn stamp(&mut self, number: u32, page_kind: u8) {
        self.put_u32(number, 4, 1);
        self.page_mut(number)[header::KIND] = page_kind;
    }

    /// Makes `right` the page after `left`.
    pub(super) fn link(&mut self, left: u32, right: u32) {
        self.put_u32(left, header::NEXT, right);
        self.put_u32(right, header::PREVIOUS, left);
    }

    /// Returns how many bytes of page `number` are free, offsets of new items not yet counted.
    pub(super) fn free_bytes(&self, number: u32) -> usize {
        let free_end = usize::from(self.u16(number, header::FREE_END));
        free_end - header::LENGTH - 2 * self.entries(number)
    }

    /// Returns how many items page `number` has.
    pub(super) fn entries(&self, number: u32) -> usize {
        usize::from(self.u16(number, header::ENTRIES))
    }

    /// Adds an item to page `number`, which has room for it, and returns its offset.
    pub(super) fn push_item(&mut self, number: u32, item: &[u8]) -> u16 {
        let (offset, place) = self.reserve(number, item.len());
        place.copy_from_slice(item);
        offset
    }

    /// Adds an item of `length` zeros to page `number`, which has room for it; returns its offset and its place.
    pub(super) fn reserve(&mut self, number: u32, length: usize) -> (u16, &mut [u8]) {
        let free_end = usize::from(self.u16(number, header::FREE_END));
        let start = free_end - length;
        let offset = u16::try_from(start).expect("an offset is below the page size");
        self.put_u16(number, header::FREE_END, offset);
        self.push_offset(number, offset);
        (offset, &mut self.page_mut(number)[start..free_end])
    }

    /// Adds the offset of an item that is already on the page.
    pub(super) fn push_offset(&mut self, number: u32, offset: u16) {
        let entries = self.entries(number);
        self.put_u16(number, header::LENGTH + 2 * entries, offset);
        self.put_u16(number, header::ENTRIES, u16::try_from(entries + 1).expect("items fit on the page"));
    }

    /// Puts a long item on pages of its own and returns the first one.
    pub(super) fn add_chain(&mut self, item: &[u8]) -> Result<u32, BuildError> {
        let mut first = None;
        let mut before = None;
        for piece in item.chunks(PAGE_BYTES - header::LENGTH) {
            let number = self.add_page(kind::OVERFLOW, 0)?;
            self.put_u16(number, header::ENTRIES, 1);
            self.put_u16(number, header::FREE_END, u16::try_from(piece.len()).expect("a piece fits on a page"));
            self.page_mut(number)[header::LENGTH..header::LENGTH + piece.len()].copy_from_slice(piece);
            if let Some(before) = before {
                self.link(before, number);
            }
            before = Some(number);
            first = first.or(before);
        }
        Ok(first.expect("a long item has a piece"))
    }

    /// Moves page `from` to a new page at the end, for a root to take its place.
    pub(super) fn move_to_end(&mut self, from: u32) -> Result<u32, BuildError> {
        let number = self.add_page(kind::UNUSED, 0)?;
        let copy = self.page(from).to_vec();
        self.page_mut(number).copy_from_slice(&copy);
        self.put_u32(number, header::NUMBER, number);
        let next = self.u32(number, header::NEXT);
        if next != 0 {
            self.put_u32(next, header::PREVIOUS, number);
        }
        Ok(number)
    }

    /// Writes the number of the last page and gives the finished file.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let last = u32::try_from(self.bytes.len() / PAGE_BYTES - 1).expect("pages were counted when added");
        self.put_u32(0, field::LAST_PAGE, last);
        debug_assert!(self.bytes.len() >= META_BYTES);
        self.bytes
    }

    pub(super) fn page(&self, number: u32) -> &[u8] {
        let start = number as usize * PAGE_BYTES;
        &self.bytes[start..start + PAGE_BYTES]
    }

    fn page_mut(&mut self, number: u32) -> &mut [u8] {
        let start = number as usize * PAGE_BYTES;
        &mut self.bytes[start..start + PAGE_BYTES]
    }

    pub(super) fn put_u16(&mut self, number: u32, at: usize, value: u16) {
        let bytes = self.order.write_u16(value);
        self.page_mut(number)[at..at + 2].copy_from_slice(&bytes);
    }

    pub(super) fn put_u32(&mut self, number: u32, at: usize, value: u32) {
        let bytes = self.order.write_u32(value);
        self.page_mut(number)[at..at + 4].copy_from_slice(&bytes);
    }

    fn u16(&self, number: u32, at: usize) -> u16 {
        let page = self.page(number);
        self.order.read_u16([page[at], page[at + 1]])
    }

    fn u32(&self, number: u32, at: usize) -> u32 {
        let page = self.page(number);
        self.order.read_u32([page[at], page[at + 1], page[at + 2], page[at + 3]])
    }
}
