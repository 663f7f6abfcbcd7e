//! Futago: a memory-safe, drop-in replacement for sendmail.
//!
//! The modules are floors: each uses only those before it in this list. `ARCHITECTURE.md` is the map,
//! and `tests/tidy.rs` fails on any import that goes up.

// Words: plain values.
pub mod mail;
pub mod name;

// Machines: they decide, they never do.
pub mod cf;
pub mod m4;
pub mod macros;
pub mod milter;
pub mod rewrite;
pub mod smtp;

// Resources: one kind of I/O each.
pub mod keeper;
pub mod log;
pub mod mailbox;
pub mod map;
pub mod net;
pub mod queue;
pub mod site;
pub mod sys;

// Work: machines driven over resources.
pub mod deliver;
pub mod policy;
pub mod receive;
pub mod route;
pub mod submit;

// Programs.
pub mod cli;
pub mod daemon;
