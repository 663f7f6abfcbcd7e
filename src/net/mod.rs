//! Sockets and names: listening, connecting, DNS.
//!
//! **Invariant:** every look-up and every connection ends within a time limit, also with no name server, a dead one or a
//! half-open peer.

mod canonify;
pub mod connect;
mod hosts;
pub mod listen;
pub mod literal;
pub mod resolver;
pub mod services;
mod settings;
pub mod testing;

pub use hosts::Hosts;
pub use resolver::{Answer, Family, Mx, RecordKind, Resolver, caused_by_client, is_askable, without_end};
pub use settings::{ResolverFlags, ResolverSettings, Source, switched};
