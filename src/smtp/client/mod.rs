//! The client's side of SMTP and LMTP as a machine without I/O.
//!
//! [`Session`] lives as long as a connection. It is given what happens ([`Event`]) and says what to do ([`Effect`]);
//! `deliver` performs that. Every recipient of a [`Transaction`] ends with exactly one [`RecipientResult`].

mod capabilities;
mod command;
mod phase;
mod session;
mod verdict;

pub use capabilities::Capabilities;
pub use command::{Target, Transaction};
pub use phase::Phase;
pub use session::{Dialect, Effect, Event, Finished, Opening, Session, Setup};
pub use verdict::{Cause, Fate, Loss, RecipientResult, Verdict};
