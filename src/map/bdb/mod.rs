//! Berkeley DB files of libdb: a reader and a writer of the hash and btree formats, without libdb.
//!
//! A database is a row of equal pages. Page 0 describes the file ([`meta`]); a hash file finds the page of a key
//! by its hash, a btree file by walking down from the root; what is too long for a page lies on a chain of
//! overflow pages. The reader takes the versions of libdb 3.1 to 6 in both byte orders and trusts nothing it reads:
//! every offset, length and page number is checked, and every walk ends after about as many pages as the file has.
//! The writer builds a whole file at once, version 9, as the original's makemap leaves it.

mod btree;
mod build_btree;
mod build_hash;
mod build_leaf;
mod file;
mod hash;
mod image;
mod meta;
mod overflow;
mod page;

pub(super) use build_btree::build as build_btree;
pub(super) use build_hash::build as build_hash;
pub(super) use file::Bdb;
pub(super) use meta::is_head;

#[cfg(test)]
mod tests;
