//! From an address to recipients and mailers: parsing by rules, aliases, .forward.

pub mod account;
pub mod alias;
pub mod groups;
pub mod parse;
pub mod person;
pub mod recipients;
pub mod refusal;
pub mod remote_name;
pub mod source;
