//! From an address to recipients and mailers: parsing by rules, aliases, .forward.

pub mod parse;
mod refusal;
pub mod remote_name;
