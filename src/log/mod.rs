//! What the postmaster reads: maillog lines, their way to syslog, the SMTP traffic log, and the statistics file.

mod handle;
mod maillog;
mod panics;
mod sink;
mod statistics;
mod syslog;
mod tally;
mod text;
mod traffic;
mod witness;

pub use handle::{About, Level, Log, Priority};
pub use maillog::{Accepted, Delivered, Rejected, Verdict, relay, split};
pub use panics::tell_panics;
pub use sink::Sink;
pub use statistics::{Event, MAILERS_MAX, Statistics, StatisticsError};
pub use syslog::{SYSLOG_SOCKETS, Syslog};
pub use tally::Tally;
pub use text::{printable, shorten};
pub use traffic::Traffic;
pub use witness::Witness;
