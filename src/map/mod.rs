//! Maps: one file per class, and the database files behind them.
//!
//! A `K` line is a [`Definition`]; a [`Map`] is one that was opened and answers look-ups without waiting. Classes
//! that need the network, another program or other maps are only recognized here: the site looks them up, with
//! [`Definition`]'s methods for what all classes share (`-a`, `-T`, `-m`, `%1`, capitals).

pub mod aliases;
mod apply;
mod arith;
mod arpa;
pub mod bdb;
mod definition;
mod dequote;
mod dns_record;
mod keyed;
mod opener;
mod options;
mod outcome;
mod records;
mod regex;
mod table;
mod target;
mod text;
mod user;

pub use definition::{Definition, DefinitionError, KeyEnd, Kind, Priority};
pub use dns_record::DnsRecord;
pub use opener::{DirectOpener, Opener};
pub use outcome::Outcome;
pub use records::{Records, SaveError};
pub use regex::{COLUMN_MARK, RegexSpec};
pub use table::Map;
pub use target::{Target, TargetOptions, new_file_id};

#[cfg(test)]
mod tests;
