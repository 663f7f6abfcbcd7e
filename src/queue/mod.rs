//! The queue: its files, their commit, their order and retry.

pub mod format;
pub mod spool;
