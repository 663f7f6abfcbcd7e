//! Maps: the classes that need no more than a file or nothing, and the database files behind them.
//!
//! A `K` line is a [`Definition`]; a [`Map`] is one that was opened and answers look-ups without waiting. Classes
//! that need the network, another program or other maps are only recognized here: the site looks them up, with
//! [`Definition`]'s methods for what all classes share (`-a`, `-T`, `-m`, `%1`, capitals).

pub mod aliases;
mod apply;
mod arith;
mod arpa;
mod bdb;
mod cdb;
mod database;
mod db185;
mod definition;
mod dequote;
mod dns_record;
mod keyed;
mod kind;
mod layout;
mod ldap;
mod opener;
mod options;
mod outcome;
mod outdated;
mod paged;
mod pattern_size;
mod records;
mod regex;
mod sorted;
mod storage;
mod table;
mod target;
mod text;
mod user;

pub use database::{Database, DatabaseError};
pub use definition::{Definition, DefinitionError, KeyEnd};
pub use dns_record::DnsRecord;
pub use kind::Kind;
pub use layout::{BuildError, Flavour, Layout, Method, Pair};
pub use ldap::{LdapAttribute, LdapDeref, LdapError, LdapScope, LdapSpec, LdapValue};
pub use opener::{
    CLASS_BYTES_MAX, DirectOpener, Opener, PROGRAM_BYTES_MAX, ProgramAnswer, ProgramCall, Reached, check_class_program,
};
pub use outcome::Outcome;
pub use outdated::{mend, outdated};
pub use paged::ByteOrder;
pub use records::{Records, SaveError};
pub use regex::{COLUMN_MARK, RegexSpec};
pub use table::Map;
pub use target::{Target, TargetOptions, new_file_id};
pub use user::{FullNames, look_up_user};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
