//! Building a hash file of version 1.85 at one stroke.
//!
//! Overflow pages lie behind the buckets of a doubling, a few thousand at most behind each; bitmaps, themselves on
//! overflow pages, tell which of them are in use: all.

use std::collections::HashSet;

use super::super::layout::{BuildError, Pair};
use super::super::paged::ByteOrder;
use super::super::sorted;
use super::hash::{self, ADDRESS_SHIFT, HEADER_BYTES, MAGIC, OVERFLOW_MAX, SPARES, VERSION, field, mark};

/// Sizes of pages, in bytes: the next one is tried where there are too many overflow pages.
const PAGE_BYTES: [usize; 4] = [4096, 8192, 16384, 32768];
/// How full a bucket's page is meant to be at most; the rest takes the uneven spread of the hashes.
const FILL_PERCENT: usize = 75;
/// Smallest and largest number of buckets.
const BUCKETS_MIN: usize = 2;
const BUCKETS_MAX: usize = 1 << 24;
/// Smallest count of keys a bucket that the C library splits one for.
const FILL_MIN: usize = 4;
/// Buckets of one segment in the C library's memory, and the smallest count of segments.
const SEGMENT: usize = 256;
/// What a bitmap is filled with: every page is in use, and those that are not there yet look so.
const IN_USE: u8 = 0xff;
/// Bytes of the slots and the two numbers behind them of a page with one pair.
const LONG_OVERHEAD: usize = 14;

/// Builds a hash file with these pairs; of several with the same key the last one counts.
pub(in super::super) fn build(pairs: &[Pair<'_>], order: ByteOrder) -> Result<Vec<u8>, BuildError> {
    let mut seen = HashSet::with_capacity(pairs.len());
    let mut unique: Vec<Pair<'_>> = pairs.iter().rev().filter(|pair| seen.insert(pair.0)).copied().collect();
    unique.reverse();
    let mut last = Err(BuildError::TooLarge);
    for page_bytes in PAGE_BYTES {
        last = Builder::new(&unique, page_bytes, order).and_then(|builder| builder.build(&unique));
        if last.is_ok() {
            break;
        }
    }
    last
}

/// A page as it is being filled: a bucket's first page, or an overflow page.
#[derive(Clone, Copy)]
enum Place {
    Bucket(usize),
    Overflow(usize),
}

struct Builder {
    order: ByteOrder,
    page_bytes: usize,
    /// The power of two that the number of buckets is.
    doublings: u32,
    buckets: Vec<u8>,
    /// The overflow pages in the order of their making.
    overflow: Vec<u8>,
}

impl Builder {
    fn new(pairs: &[Pair<'_>], page_bytes: usize, order: ByteOrder) -> Result<Builder, BuildError> {
        let (mut short_bytes, mut long) = (0, 0);
        for (key, value) in pairs {
            match key.len() + value.len() + 4 {
                bytes if bytes <= page_bytes => short_bytes += bytes,
                _ => long += 1,
            }
        }
        // A long pair has a chain of pages. The C library reads a pair of a bucket only while it keeps the bucket's pages
        // in memory, 64 KiB, so that each gets a bucket of its own.
        let buckets =
            (short_bytes.div_ceil(page_bytes * FILL_PERCENT / 100) + long).next_power_of_two().max(BUCKETS_MIN);
        if buckets > BUCKETS_MAX {
            return Err(BuildError::TooLarge);
        }
        let doublings = buckets.trailing_zeros();
        let mut builder =
            Builder { order, page_bytes, doublings, buckets: vec![0; buckets * page_bytes], overflow: Vec::new() };
        (0..buckets).for_each(|bucket| builder.begin(Place::Bucket(bucket)));
        Ok(builder)
    }

    fn build(mut self, pairs: &[Pair<'_>]) -> Result<Vec<u8>, BuildError> {
        let count = 1_u32 << self.doublings;
        // The first overflow page has the first bitmap.
        let mut bitmaps = vec![self.add_overflow()?];
        let sorted = sorted::by_bucket(pairs, |key| hash::hash(key) & (count - 1), count);
        for bucket in sorted.chunk_by(|left, right| left.0 == right.0) {
            let mut place = Place::Bucket(bucket[0].0 as usize);
            for (_, pair) in bucket {
                place = self.add_pair(place, *pair)?;
            }
        }
        while bitmaps.len() * self.page_bytes * 8 < self.overflow.len() / self.page_bytes {
            bitmaps.push(self.add_overflow()?);
        }
        for bitmap in &bitmaps {
            self.page(*bitmap).fill(IN_USE);
        }
        let addresses: Vec<u16> = bitmaps.iter().map(|bitmap| self.address(*bitmap)).collect();
        Ok(self.assemble(pairs.len(), &addresses))
    }

    /// Adds a pair to the chain that ends at `place`; returns its new end.
    fn add_pair(&mut self, place: Place, pair: Pair<'_>) -> Result<Place, BuildError> {
        let (key, value) = pair;
        if self.fits(place, pair) {
            self.push(place, key, value);
            return Ok(place);
        }
        let next = self.add_overflow()?;
        self.link(place, next);
        if self.fits(next, pair) {
            self.push(next, key, value);
            return Ok(next);
        }
        self.add_long(next, key, value)
    }

    /// Tells whether a page has room for a pair and, later, for the link to another page.
    fn fits(&self, place: Place, (key, value): Pair<'_>) -> bool {
        let is_long = self.slots(place) > 0 && self.slot(place, 2) <= mark::FULL_KEY_DATA;
        !is_long && key.len() + value.len() + 8 <= self.free_bytes(place)
    }

    fn push(&mut self, place: Place, key: &[u8], value: &[u8]) {
        let end = self.data_start(place);
        let (key_start, value_start) = (end - key.len(), end - key.len() - value.len());
        self.page(place)[key_start..end].copy_from_slice(key);
        self.page(place)[value_start..key_start].copy_from_slice(value);
        self.add_slots(place, slot(key_start), slot(value_start), value_start);
    }

    /// Writes a pair over as many pages as it needs, from an empty page on; returns the page where the chain goes on.
    fn add_long(&mut self, first: Place, key: &[u8], value: &[u8]) -> Result<Place, BuildError> {
        let room = self.page_bytes - LONG_OVERHEAD;
        let (mut place, mut rest) = (first, key);
        loop {
            let (piece, after) = rest.split_at(rest.len().min(room));
            self.push_piece(place, piece, mark::PARTIAL_KEY);
            let next = self.add_overflow()?;
            self.link(place, next);
            rest = after;
            if rest.is_empty() {
                let begun = self.begin_value(place, value);
                return self.add_value(next, value, begun);
            }
            place = next;
        }
    }

    /// Puts the beginning of a value on the page of its key's end; returns how much, nothing if it must begin on the
    /// next page: a value that ends here leaves a byte free, so that it is known to end.
    fn begin_value(&mut self, place: Place, value: &[u8]) -> Option<usize> {
        let room = self.free_bytes(place);
        if room == 0 || room == value.len() {
            self.set_slot(place, 2, mark::FULL_KEY);
            return None;
        }
        let length = value.len().min(room);
        let end = self.data_start(place);
        let start = end - length;
        self.page(place)[start..end].copy_from_slice(&value[..length]);
        self.set_slot(place, 2, mark::FULL_KEY_DATA);
        // The link has lost its mark to the value's place.
        self.set_slot(place, 4, slot(start));
        self.set_free(place, 4, room - length, start);
        Some(length)
    }

    /// Writes what is left of a value from the empty page `place` on; returns the page where the chain goes on.
    fn add_value(&mut self, place: Place, value: &[u8], begun: Option<usize>) -> Result<Place, BuildError> {
        let room = self.page_bytes - LONG_OVERHEAD;
        let (mut place, mut rest) = (place, &value[begun.unwrap_or(0)..]);
        if rest.is_empty() && begun.is_some() {
            return Ok(place);
        }
        loop {
            let mut length = rest.len().min(room);
            if begun.is_none() && length == room && length == value.len() {
                length -= 1;
            }
            let (piece, after) = rest.split_at(length);
            rest = after;
            if rest.is_empty() {
                self.push_piece(place, piece, mark::FULL_KEY_DATA);
                return Ok(place);
            }
            self.push_piece(place, piece, mark::FULL_KEY);
            let next = self.add_overflow()?;
            self.link(place, next);
            place = next;
        }
    }

    fn push_piece(&mut self, place: Place, piece: &[u8], mark: u16) {
        let start = self.page_bytes - piece.len();
        let end = self.page_bytes;
        self.page(place)[start..end].copy_from_slice(piece);
        self.add_slots(place, slot(start), mark, start);
    }

    /// Makes `next` the page after `place`.
    fn link(&mut self, place: Place, next: Place) {
        let (address, start) = (self.address(next), self.data_start(place));
        self.add_slots(place, address, mark::OVERFLOW, start);
    }

    fn add_slots(&mut self, place: Place, first: u16, second: u16, start: usize) {
        let slots = self.slots(place) + 2;
        self.set_slot(place, slots - 1, first);
        self.set_slot(place, slots, second);
        self.set_slot(place, 0, slot(slots));
        self.set_free(place, slots, start - 2 * (slots + 3), start);
    }

    /// Writes the two numbers behind the slots: the free bytes, and where the items begin.
    fn set_free(&mut self, place: Place, slots: usize, free: usize, start: usize) {
        self.set_slot(place, slots + 1, slot(free));
        self.set_slot(place, slots + 2, slot(start));
    }

    /// Adds an empty overflow page.
    fn add_overflow(&mut self) -> Result<Place, BuildError> {
        let number = self.overflow.len() / self.page_bytes;
        if number >= (OVERFLOW_MAX * (self.doublings + 1)) as usize {
            return Err(BuildError::TooLarge);
        }
        self.overflow.resize(self.overflow.len() + self.page_bytes, 0);
        self.begin(Place::Overflow(number));
        Ok(Place::Overflow(number))
    }

    fn begin(&mut self, place: Place) {
        self.set_free(place, 0, self.page_bytes - 6, self.page_bytes);
    }

    /// Returns the address of an overflow page: the last doubling's room is used first.
    fn address(&self, place: Place) -> u16 {
        let Place::Overflow(number) = place else { return 0 };
        let number = u32::try_from(number).expect("overflow pages are few");
        let doubling = self.doublings - number / OVERFLOW_MAX;
        slot(((doubling << ADDRESS_SHIFT) + 1 + number % OVERFLOW_MAX) as usize)
    }

    /// Puts header, buckets and overflow pages in their order.
    fn assemble(&self, keys: usize, bitmaps: &[u16]) -> Vec<u8> {
        let mut file = self.header(keys, bitmaps);
        file.resize(self.page_bytes, 0);
        let mut first = 0;
        for doubling in 0..=self.doublings {
            let last = 1 << doubling;
            file.extend_from_slice(&self.buckets[first * self.page_bytes..last * self.page_bytes]);
            first = last;
            file.extend_from_slice(self.overflow_after(doubling));
        }
        file
    }

    /// Returns the overflow pages that lie behind a doubling.
    fn overflow_after(&self, doubling: u32) -> &[u8] {
        let group = OVERFLOW_MAX as usize * self.page_bytes;
        let start = (self.doublings - doubling) as usize * group;
        self.overflow.get(start..).map_or(&[], |rest| &rest[..rest.len().min(group)])
    }

    fn header(&self, keys: usize, bitmaps: &[u16]) -> Vec<u8> {
        let mut header = vec![0; HEADER_BYTES];
        let mut put = |at: usize, value: usize| {
            let value = u32::try_from(value).expect("numbers of a file that was built fit");
            header[at..at + 4].copy_from_slice(&value.to_be_bytes());
        };
        let buckets = 1_usize << self.doublings;
        let pages = self.overflow.len() / self.page_bytes;
        put(field::MAGIC, MAGIC as usize);
        put(field::VERSION, VERSION as usize);
        put(field::ORDER, if self.order == ByteOrder::Little { hash::LITTLE } else { hash::BIG } as usize);
        put(field::PAGE_BYTES, self.page_bytes);
        put(field::PAGE_SHIFT, self.page_bytes.trailing_zeros() as usize);
        put(field::DIRECTORY, buckets.div_ceil(SEGMENT).next_power_of_two().max(SEGMENT));
        put(field::SEGMENT, SEGMENT);
        put(field::SEGMENT_SHIFT, SEGMENT.trailing_zeros() as usize);
        put(field::OVERFLOW_POINT, self.doublings as usize);
        put(field::LAST_FREED, pages - 1);
        put(field::MAX_BUCKET, buckets - 1);
        put(field::HIGH_MASK, 2 * buckets - 1);
        put(field::LOW_MASK, buckets - 1);
        put(field::FILL, keys.div_ceil(buckets).max(FILL_MIN));
        put(field::KEYS, keys);
        put(field::HEADER_PAGES, 1);
        put(field::CHAR_KEY, hash::hash(hash::CHAR_KEY) as usize);
        let mut sum = 0;
        for doubling in 0..=(self.doublings as usize + 1).min(SPARES - 1) {
            if doubling <= self.doublings as usize {
                sum += self.overflow_after(doubling as u32).len() / self.page_bytes;
            }
            put(field::SPARES + 4 * doubling, sum);
        }
        for (index, address) in bitmaps.iter().enumerate() {
            let at = field::BITMAPS + 2 * index;
            header[at..at + 2].copy_from_slice(&address.to_be_bytes());
        }
        header
    }

    fn page(&mut self, place: Place) -> &mut [u8] {
        let page_bytes = self.page_bytes;
        match place {
            Place::Bucket(number) => &mut self.buckets[number * page_bytes..(number + 1) * page_bytes],
            Place::Overflow(number) => &mut self.overflow[number * page_bytes..(number + 1) * page_bytes],
        }
    }

    fn slots(&self, place: Place) -> usize {
        usize::from(self.slot(place, 0))
    }

    fn free_bytes(&self, place: Place) -> usize {
        usize::from(self.slot(place, self.slots(place) + 1))
    }

    fn data_start(&self, place: Place) -> usize {
        usize::from(self.slot(place, self.slots(place) + 2))
    }

    fn slot(&self, place: Place, index: usize) -> u16 {
        let (bytes, number) = match place {
            Place::Bucket(number) => (&self.buckets, number),
            Place::Overflow(number) => (&self.overflow, number),
        };
        let at = number * self.page_bytes + 2 * index;
        self.order.read_u16([bytes[at], bytes[at + 1]])
    }

    fn set_slot(&mut self, place: Place, index: usize, value: u16) {
        let bytes = self.order.write_u16(value);
        self.page(place)[2 * index..2 * index + 2].copy_from_slice(&bytes);
    }
}

/// Returns a number as a slot holds it.
fn slot(number: usize) -> u16 {
    u16::try_from(number).expect("places on a page and addresses have 16 bits")
}
