//! Berkeley DB files: a reader and a writer of the hash and btree formats of libdb 4 and 5, without libdb.
//!
//! A database is a row of equal pages. Page 0 describes the file ([`meta`]); a hash file finds the page of a key
//! by its hash, a btree file by walking down from the root; what is too long for a page lies on a chain of
//! overflow pages. The reader takes versions 8 to 10 in both byte orders and trusts nothing it reads: every
//! offset, length and page number is checked, and every walk ends after as many pages as the file has. It reads
//! with `pread`, never by mapping: others truncate and replace these files while we hold them.
//! The writer builds a whole file at once, version 9, as the original's makemap leaves it.

mod btree;
mod build_btree;
mod build_hash;
mod build_leaf;
mod database;
mod hash;
mod image;
mod layout;
mod meta;
mod overflow;
mod page;

pub use database::{Database, DatabaseError};
pub use image::BuildError;
pub use layout::Layout;
pub use meta::Method;
pub use page::ByteOrder;

#[cfg(test)]
mod tests;
