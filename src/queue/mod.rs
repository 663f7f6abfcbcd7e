//! The queue: its files, their commit, their order and retry.

mod commit;
mod error;
pub mod format;
pub mod spool;
mod store;

pub use error::{LostReason, QueueError};
pub use store::{Body, Claimed, Draft, Listed, Queue, QueueOptions};
