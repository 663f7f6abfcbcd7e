//! Page 0: what kind of database the file is and where its parts are.

use std::ops::RangeInclusive;

use super::super::DatabaseError;
use super::super::paged::ByteOrder;
use super::hash;
use super::page::{header, kind};

/// First bytes of a file that describe it; both methods use less than this.
pub(super) const META_BYTES: usize = 512;
/// Smallest and largest page size that libdb makes.
pub(super) const PAGE_BYTES_MIN: u32 = 512;
pub(super) const PAGE_BYTES_MAX: u32 = 65536;
/// Number of doublings a hash file can record.
pub(super) const SPARES: usize = 32;
/// The version that the writer makes: libdb 4.6 to 5.3 hash, 4.2 to 5.3 btree.
pub(super) const VERSION: u32 = 9;

pub(super) const HASH_MAGIC: u32 = 0x0006_1561;
pub(super) const BTREE_MAGIC: u32 = 0x0005_3162;
const QUEUE_MAGIC: u32 = 0x0004_2253;
/// The versions that are read: libdb 3.1 to 6, pages laid out alike. Hash pages are sorted from version 9 on.
const HASH_VERSIONS: RangeInclusive<u32> = 7..=10;
const BTREE_VERSIONS: RangeInclusive<u32> = 8..=10;
/// Numbers the fields of page 0 by their places, in bytes.
pub(super) mod field {
    pub(crate) const MAGIC: usize = 12;
    pub(crate) const VERSION: usize = 16;
    pub(crate) const PAGE_BYTES: usize = 20;
    pub(crate) const ENCRYPTION: usize = 24;
    pub(crate) const KIND: usize = 25;
    pub(crate) const META_FLAGS: usize = 26;
    pub(crate) const LAST_PAGE: usize = 32;
    pub(crate) const FLAGS: usize = 48;
    pub(crate) const FILE_ID: usize = 52;
    pub(crate) const MAX_BUCKET: usize = 72;
    pub(crate) const HIGH_MASK: usize = 76;
    pub(crate) const LOW_MASK: usize = 80;
    pub(crate) const PAIRS: usize = 88;
    pub(crate) const CHAR_KEY: usize = 92;
    pub(crate) const SPARES: usize = 96;
    pub(crate) const MIN_KEYS: usize = 76;
    pub(crate) const RECORD_PAD: usize = 84;
    pub(crate) const ROOT: usize = 88;
}

const META_CHECKSUM: u8 = 0x01;
/// Flags of a hash file.
pub(super) const HASH_DUPLICATES: u32 = 0x01;
const HASH_SUBDATABASES: u32 = 0x02;
/// Flags of a btree file.
pub(super) const BTREE_DUPLICATES: u32 = 0x01;
const BTREE_RECNO: u32 = 0x02;
const BTREE_COMPRESSED: u32 = 0x80;
const BTREE_SUBDATABASES: u32 = 0x20;

/// What page 0 says, checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Meta {
    pub(super) order: ByteOrder,
    pub(super) page_bytes: u32,
    pub(super) header_length: usize,
    /// A key may have several values.
    pub(super) duplicates: bool,
    pub(super) tree: Tree,
}

/// The part of page 0 that differs by method.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Tree {
    Hash(Buckets),
    Btree { root: u32 },
}

/// Where the buckets of a hash file are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Buckets {
    pub(super) last: u32,
    pub(super) high_mask: u32,
    pub(super) low_mask: u32,
    pub(super) spares: [u32; SPARES],
}

impl Buckets {
    /// Returns the bucket of a key with this hash.
    pub(super) fn of_hash(&self, hash: u32) -> u32 {
        let bucket = hash & self.high_mask;
        if bucket > self.last { hash & self.low_mask } else { bucket }
    }

    /// Returns the first page of a bucket.
    pub(super) fn page_of(&self, bucket: u32) -> Option<u32> {
        let doubling = (u64::from(bucket) + 1).next_power_of_two().trailing_zeros() as usize;
        self.spares.get(doubling)?.checked_add(bucket)
    }
}

/// Fields of page 0 in the file's byte order.
struct Fields<'a> {
    bytes: &'a [u8],
    order: ByteOrder,
}

impl Fields<'_> {
    fn u32(&self, at: usize) -> u32 {
        let bytes = self.bytes[at..at + 4].try_into().expect("the slice has four bytes");
        self.order.read_u32(bytes)
    }
}

/// Finds the byte order in which the magic number of a file of libdb stands in `head`.
fn order_of(head: &[u8]) -> Option<ByteOrder> {
    let magic = head.get(field::MAGIC..field::MAGIC + 4)?.try_into().ok()?;
    [ByteOrder::Little, ByteOrder::Big]
        .into_iter()
        .find(|order| [HASH_MAGIC, BTREE_MAGIC, QUEUE_MAGIC].contains(&order.read_u32(magic)))
}

/// Tells whether a file that begins with `head` is one of libdb.
pub(in super::super) fn is_head(head: &[u8]) -> bool {
    order_of(head).is_some()
}

impl Meta {
    /// Reads the first bytes of a file.
    pub(super) fn parse(bytes: &[u8; META_BYTES]) -> Result<Meta, DatabaseError> {
        let order = order_of(bytes).ok_or(DatabaseError::NotADatabase)?;
        let fields = Fields { bytes, order };
        let page_bytes = fields.u32(field::PAGE_BYTES);
        let known_size = (PAGE_BYTES_MIN..=PAGE_BYTES_MAX).contains(&page_bytes) && page_bytes.is_power_of_two();
        if !known_size {
            return Err(DatabaseError::Corrupt { page: 0, what: "the page size is out of range" });
        }
        if bytes[field::ENCRYPTION] != 0 {
            return Err(DatabaseError::Unsupported("it is encrypted"));
        }
        let version = fields.u32(field::VERSION);
        let known = if fields.u32(field::MAGIC) == HASH_MAGIC { HASH_VERSIONS } else { BTREE_VERSIONS };
        if !known.contains(&version) {
            return Err(DatabaseError::Version(version));
        }
        let tree = fields.tree()?;
        let header_length = match bytes[field::META_FLAGS] & META_CHECKSUM {
            0 => header::LENGTH,
            _ => header::LENGTH_WITH_CHECKSUM,
        };
        // Both methods have the same bit for it.
        let duplicates = fields.u32(field::FLAGS) & (HASH_DUPLICATES | BTREE_DUPLICATES) != 0;
        Ok(Meta { order, page_bytes, header_length, duplicates, tree })
    }
}

impl Fields<'_> {
    fn tree(&self) -> Result<Tree, DatabaseError> {
        match (self.u32(field::MAGIC), self.bytes[field::KIND]) {
            (HASH_MAGIC, kind::HASH_META) => self.buckets().map(Tree::Hash),
            (BTREE_MAGIC, kind::BTREE_META) => self.btree(),
            (QUEUE_MAGIC, _) => Err(DatabaseError::Unsupported("it is a queue")),
            _ => Err(DatabaseError::Corrupt { page: 0, what: "its type is not that of its magic number" }),
        }
    }

    fn btree(&self) -> Result<Tree, DatabaseError> {
        let flags = self.u32(field::FLAGS);
        if flags & BTREE_RECNO != 0 {
            return Err(DatabaseError::Unsupported("it has record numbers in place of keys"));
        }
        if flags & BTREE_COMPRESSED != 0 {
            return Err(DatabaseError::Unsupported("it is compressed"));
        }
        if flags & BTREE_SUBDATABASES != 0 {
            return Err(DatabaseError::Unsupported("it holds several databases"));
        }
        Ok(Tree::Btree { root: self.u32(field::ROOT) })
    }

    fn buckets(&self) -> Result<Buckets, DatabaseError> {
        if self.u32(field::FLAGS) & HASH_SUBDATABASES != 0 {
            return Err(DatabaseError::Unsupported("it holds several databases"));
        }
        if self.u32(field::CHAR_KEY) != hash::hash(hash::CHAR_KEY) {
            return Err(DatabaseError::Unsupported("it was made with another hash function"));
        }
        let mut spares = [0; SPARES];
        for (index, spare) in spares.iter_mut().enumerate() {
            *spare = self.u32(field::SPARES + 4 * index);
        }
        Ok(Buckets {
            last: self.u32(field::MAX_BUCKET),
            high_mask: self.u32(field::HIGH_MASK),
            low_mask: self.u32(field::LOW_MASK),
            spares,
        })
    }
}
