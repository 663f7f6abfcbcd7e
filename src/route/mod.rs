//! From an address to recipients and mailers: parsing by rules, aliases, .forward.

pub mod account;
pub mod alias;
mod course;
pub mod groups;
mod listed;
pub mod local;
pub mod parse;
pub mod person;
pub mod recipients;
pub mod refusal;
pub mod refused;
pub mod remote_name;
pub mod role;
pub mod source;
mod text;

#[cfg(test)]
mod tests;
