//! The requests that the unprivileged daemon puts to a hand, and the client that puts them.

pub mod client;
pub mod request;
pub mod wire;

pub use request::{Answer, Kind, Request};
