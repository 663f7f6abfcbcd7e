//! The macro processor that makes a `.cf` out of a `.mc`: POSIX m4 with the GNU builtins that real files use.
//!
//! A pure machine: included files and commands are asked of a [`Host`]. Calls are a stack of its own, so that nesting
//! in the input never nests functions, and every loop of macros ends at a limit with the macro's name.
//! Text that GNU m4 1.4.19 makes is made to the byte; messages are ours.

mod builtin;
mod diversion;
mod eval;
mod format;
mod host;
mod input;
mod machine;
mod message;
mod output;
mod pattern;
mod run;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod token;

pub use diversion::Origin;
pub use host::{Host, Ran};
pub use machine::{Asked, Machine, Output, Surplus};
pub use message::{Message, Place, Severity, Whence};
pub use table::Defined;
