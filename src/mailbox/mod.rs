//! Locked appending to a mailbox file.
//!
//! A mailbox is a place ([`place`]; [`letters`] reads it off a command line), opened and locked as its user ([`open`], [`dot_lock`]), to which
//! messages in mbox form ([`form`]) are appended ([`append`]). Opening and locking need the user's
//! rights; appending needs only the descriptor, so a process without any can do it.
//!
//! How long locks are waited for is the opener's to say: a hand gives up (`LOCK_WAIT` of `keeper::kind`) before the network
//! process, which tries again, stops waiting for its answer; `mail.local`, behind which nobody waits so, is as patient as the
//! original (`PATIENCE` of `cli/mail_local/desk.rs`).
//!
//! The life of one hold: `open` → [`open::Locked`] → [`append::Appender`] writes through a copy of the
//! descriptor and syncs → [`open::Locked::keep`] → the sender may be told. Anything else, the death of
//! the holder included, ends with the old length:
//!
//! | holder ends by | length | `user.lock` |
//! |---|---|---|
//! | `keep` | new | removed |
//! | `restore`, drop, panic | old | removed |
//! | SIGKILL | old, cut back by the next one to open (same boot) | left, then broken at once |
//! | power loss | as the file system has it; the next message begins after a blank line | left, then broken at once |

pub mod append;
pub mod dot_lock;
pub mod error;
pub mod form;
pub mod letters;
pub mod open;
pub mod place;

pub use dot_lock::Expected;
pub use error::MailboxError;
pub use letters::Letters;
pub use open::{Locked, open};
pub use place::Place;
