//! Berkeley DB files of version 1.85, which the C library of the BSDs reads and writes.
//!
//! Hash and btree files differ in everything: a hash file has its numbers on page 0 in big-endian order and those of
//! the other pages in the order that page 0 names; a btree file has all of them in the order in which its magic number
//! stands. As in [`super::bdb`] nothing that is read is trusted, and a file is built at one stroke.

mod btree;
mod build_btree;
mod build_hash;
mod file;
mod hash;

pub(super) use build_btree::build as build_btree;
pub(super) use build_hash::build as build_hash;
pub(super) use file::{Db185, is_head};

#[cfg(test)]
mod tests;
