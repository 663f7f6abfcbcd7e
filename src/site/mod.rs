//! A loaded configuration with its classes and open maps: what the rules look things up in.

mod accounts;
mod class;
mod class_file;
pub mod completion;
mod context;
mod exchange;
mod identity;
mod inside;
#[cfg(feature = "ldap")]
mod ldap;
mod load;
mod map_failures;
mod maps;
mod name_files;
mod network;
mod outside;
mod ports;
mod start;
pub mod statistics;
mod user_database;
mod zone;

pub use accounts::default_user;
pub use class::{Class, Classes};
pub use context::{Context, Heard, Listener, Saved, Supposed};
pub use exchange::{Exchanges, exchangers};
pub use identity::{Identity, Probe};
pub use inside::{Inside, start_inside};
pub use load::{LoadOptions, Site};
pub use maps::Maps;
pub use name_files::NameFiles;
pub use ports::Services;
pub use start::{StartOptions, Started, read_env, start, unreadable};
pub use user_database::{Maildrops, maildrop_key, user_database_files};
pub use zone::zone_of;

#[cfg(test)]
mod tests;

/// The version of the original whose behaviour this is: `$v`, told to clients and in `Received:` fields, compared by scripts.
pub const VERSION: &str = "8.18.1";

/// The version of this program, for the postmaster.
pub const PRODUCT: &str = concat!("8.18.1+futago-", env!("CARGO_PKG_VERSION"));
