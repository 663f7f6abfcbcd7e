//! The queue: its files, their commit, their order and retry.
//!
//! A message is in the queue if, and only if, its `qf` (or `hf`) has that name. "No `qf` name, no message."
//!
//! ```text
//!      df  tf  qf  hf  Qf    state                          who moves on                       after a crash
//! S0   -   -   -   -   -     nothing                        create: df, tf, both locked   S1   -
//! S1   x   x   -   -   -     coming in; both locked         body, text, sync; rename      S2   recovery: tf, df removed
//! S2   x   -   x   -   -     waits (acknowledged once the   claim locks qf                     waits
//!                            directory is synced)
//! S3   x   x   x   -   -     claimed, rewritten: tf and     sync, rename tf over qf       S2   recovery: tf removed
//!                            qf locked
//! S4   x   -   -   x   -     quarantined                    rename hf to qf               S2   stays
//! S5   x   -   -   -   -     removed: qf has gone first     remove df                     S0   recovery: df removed
//! S6   -   -   x   -   -     nobody makes it                recovery: rename qf to Qf     S7   recovery
//! S7   ?   -   -   -   x     of no use; alert               a person                           stays
//! ```
//!
//! `xf` is the original's transcript; an orphan of it is removed as a `df` is. Locks are flock's, on `qf` (`hf`), and on
//! `df` and `tf` until `qf` stands; who locks compares name and descriptor before acting. Locks die with the process, so
//! recovery goes by lock and never by age.

mod absent;
mod body;
mod claimed;
mod commit;
mod control;
mod direct;
mod draft;
mod error;
pub mod format;
mod layout;
mod parts;
pub mod problem;
mod recover;
pub mod schedule;
pub mod select;
#[cfg(test)]
pub(crate) mod simulated;
pub mod spool;
mod store;

pub use absent::AbsentSpool;
pub use body::Body;
pub use claimed::{Claimed, Unwritten};
pub use control::read_control;
pub use direct::DirectSpool;
pub use draft::Draft;
pub use error::{LostReason, QueueError};
pub use layout::{Layout, LayoutError};
pub use parts::{Part, parts, take_back};
pub use recover::{Orphans, Recovered};
pub use store::{Claim, Listed, Queue, QueueOptions};

#[cfg(test)]
mod tests;
