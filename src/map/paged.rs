//! A file as a row of equal pages: reading them within bounds, and checked access to their bytes.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustc_hash::FxHashMap;

use super::DatabaseError;
use super::storage::Storage;

/// Bytes of the inner pages of a tree, which every look-up reads, that are kept in memory for each file: all of those of ten
/// million keys.
pub(super) const INNER_BYTES_MAX: usize = 16 << 20;
/// Bytes of other pages that are kept for each file: all of small hash files.
pub(super) const BUCKET_BYTES_MAX: usize = 4 << 20;
/// The age from which on the time of a file tells of every further write: the coarsest clock of a file system, twice.
/// Whoever holds a file asks for its time once a transaction, and opens it anew when that has changed.
const SETTLED_AGE: Duration = Duration::from_secs(2);
/// How many pages a walk may read beyond twice those of the file: the ways down from a root.
const WALK_PAGES_MIN: u64 = 64;

/// The order of the bytes in the numbers of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ByteOrder {
    /// Lowest byte first.
    Little,
    /// Highest byte first.
    Big,
}

impl ByteOrder {
    /// The order of this machine.
    #[cfg(target_endian = "little")]
    pub const NATIVE: ByteOrder = ByteOrder::Little;
    /// The order of this machine.
    #[cfg(target_endian = "big")]
    pub const NATIVE: ByteOrder = ByteOrder::Big;

    pub(super) fn read_u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            ByteOrder::Little => u16::from_le_bytes(bytes),
            ByteOrder::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(super) fn read_u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            ByteOrder::Little => u32::from_le_bytes(bytes),
            ByteOrder::Big => u32::from_be_bytes(bytes),
        }
    }

    pub(super) fn write_u16(self, value: u16) -> [u8; 2] {
        match self {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        }
    }

    pub(super) fn write_u32(self, value: u32) -> [u8; 4] {
        match self {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        }
    }
}

/// The pages of a file.
#[derive(Debug)]
pub(super) struct Pages {
    storage: Storage,
    order: ByteOrder,
    page_bytes: usize,
    header_length: usize,
    count: u32,
    kept: RwLock<FxHashMap<u32, Arc<Vec<u8>>>>,
    /// When the file was written last, as it was opened.
    modified: Option<SystemTime>,
    /// The file is old enough for its pages to be kept.
    is_settled: AtomicBool,
}

impl Pages {
    /// Cuts a file into pages, each with a header of `header_length` bytes.
    ///
    /// # Errors
    /// Its last page is not whole: the file was cut off, or somebody is writing it now.
    pub(super) fn new(
        storage: Storage,
        page_bytes: u32,
        header_length: usize,
        order: ByteOrder,
    ) -> Result<Pages, DatabaseError> {
        let (count, rest) = (storage.len()? / u64::from(page_bytes), storage.len()? % u64::from(page_bytes));
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if rest != 0 {
            return Err(DatabaseError::Corrupt {
                page: count,
                what: "the size of the file is no multiple of its page size",
            });
        }
        let modified = storage.modified()?;
        let page_bytes = page_bytes as usize;
        let (kept, is_settled) = (RwLock::default(), AtomicBool::new(modified.is_none()));
        Ok(Pages { storage, order, page_bytes, header_length, count, kept, modified, is_settled })
    }

    /// Returns where the bytes lie.
    pub(super) fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Begins a walk over the pages.
    pub(super) fn walk(&self) -> Walk<'_> {
        Walk { pages: self, left: Cell::new(u64::from(self.count) * 2 + WALK_PAGES_MIN) }
    }

    fn read(&self, number: u32) -> Result<Arc<Vec<u8>>, DatabaseError> {
        if let Some(bytes) = self.kept.read().unwrap_or_else(PoisonError::into_inner).get(&number) {
            return Ok(Arc::clone(bytes));
        }
        let mut bytes = vec![0; self.page_bytes];
        let offset = u64::from(number) * self.page_bytes as u64;
        if self.storage.read_at(&mut bytes, offset)? < bytes.len() {
            return Err(DatabaseError::Corrupt { page: number, what: "the file was cut off" });
        }
        Ok(Arc::new(bytes))
    }

    /// Keeps a page in memory as long as there are fewer than `bytes_max` of them.
    fn keep(&self, page: &Page, bytes_max: usize) {
        // A page that somebody else holds is one that is kept.
        if Arc::strong_count(&page.bytes) > 1 || !self.is_settled() {
            return;
        }
        if self.kept.read().unwrap_or_else(PoisonError::into_inner).len() >= bytes_max / self.page_bytes {
            return;
        }
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.insert(page.number, Arc::clone(&page.bytes));
    }

    /// Tells whether a further write would show in the time of the file.
    fn is_settled(&self) -> bool {
        if self.is_settled.load(Ordering::Relaxed) {
            return true;
        }
        let age = self.modified.and_then(|modified| modified.elapsed().ok());
        let is_settled = age.is_some_and(|age| age > SETTLED_AGE);
        self.is_settled.store(is_settled, Ordering::Relaxed);
        is_settled
    }
}

/// One look-up or scan: it ends after about as many pages as the file has, whatever the pages say.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    pages: &'a Pages,
    left: Cell<u64>,
}

impl Walk<'_> {
    /// Returns how many pages the file had when it was opened.
    pub(super) fn count(&self) -> u32 {
        self.pages.count
    }

    /// Reads a page other than the first one, which describes the file.
    pub(super) fn page(&self, number: u32) -> Result<Page, DatabaseError> {
        if number == 0 || number >= self.pages.count {
            return Err(DatabaseError::Corrupt { page: number, what: "it lies outside of the file" });
        }
        let left = self.left.get();
        if left == 0 {
            return Err(DatabaseError::Corrupt { page: number, what: "the pages form a ring" });
        }
        self.left.set(left - 1);
        let Pages { order, header_length, .. } = *self.pages;
        Ok(Page { number, bytes: self.pages.read(number)?, order, header_length })
    }

    /// Keeps a page in memory that other look-ups will read too, as long as there are fewer than `bytes_max` of them.
    pub(super) fn keep(&self, page: &Page, bytes_max: usize) {
        self.pages.keep(page, bytes_max);
    }
}

/// A page as read from the file, with checked access.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) number: u32,
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) order: ByteOrder,
    /// Length of the header, where the offsets of the items begin.
    pub(super) header_length: usize,
}

impl Page {
    /// Returns the error "this page is damaged", with `what` is wrong.
    pub(super) fn corrupt(&self, what: &'static str) -> DatabaseError {
        DatabaseError::Corrupt { page: self.number, what }
    }

    pub(super) fn slice(&self, start: usize, length: usize) -> Result<&[u8], DatabaseError> {
        let end = start.checked_add(length).ok_or_else(|| self.corrupt("a length is out of range"))?;
        self.bytes.get(start..end).ok_or_else(|| self.corrupt("an item lies outside of the page"))
    }

    /// Returns the bytes from `start` up to `end`, where the item before begins.
    pub(super) fn between(&self, start: usize, end: usize) -> Result<&[u8], DatabaseError> {
        self.bytes.get(start..end).ok_or_else(|| self.corrupt("its items overlap"))
    }

    pub(super) fn u8_at(&self, at: usize) -> Result<u8, DatabaseError> {
        Ok(self.slice(at, 1)?[0])
    }

    pub(super) fn u16_at(&self, at: usize) -> Result<u16, DatabaseError> {
        let bytes = self.slice(at, 2)?;
        Ok(self.order.read_u16([bytes[0], bytes[1]]))
    }

    pub(super) fn u32_at(&self, at: usize) -> Result<u32, DatabaseError> {
        let bytes = self.slice(at, 4)?;
        Ok(self.order.read_u32([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }
}

/// Returns how many of the first `count` places are `before`; they must come first.
pub(super) fn partition(
    count: usize,
    mut before: impl FnMut(usize) -> Result<bool, DatabaseError>,
) -> Result<usize, DatabaseError> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::FileExt as _;

    use super::super::{Database, Layout, Method};
    use super::*;

    /// Returns what is found after the file, written at `modified`, was changed while it was open and had been read.
    #[track_caller]
    fn check(modified: SystemTime, expected: &str) {
        let bytes = Layout::new(Method::Hash).build(vec![(b"key", b"old")]).expect("it fits");
        let at = bytes.windows(3).position(|window| window == b"old").expect("the value");
        let mut file = tempfile::tempfile().expect("a folder");
        file.write_all(&bytes).expect("room");
        file.set_modified(modified).expect("our file");
        let database = Database::open(file).expect("a database");
        assert_eq!(database.get(b"key").expect("sound"), Some("old".into()));
        database.file().expect("a file").write_all_at(b"new", at as u64).expect("writable");
        assert_eq!(database.get(b"key").expect("sound"), Some(expected.into()));
    }

    #[test]
    fn pages_of_a_file_are_kept_unless_it_is_being_written() {
        check(SystemTime::now() - 2 * SETTLED_AGE, "old");
        check(SystemTime::now() + Duration::from_secs(3600), "new");
    }
}
