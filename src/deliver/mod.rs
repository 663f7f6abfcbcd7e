//! Delivery: one attempt for one mailer and host.

pub mod connection;
pub mod connection_cache;
pub mod conversation;
pub mod exchangers;
pub mod lmtp;
pub mod message;
pub mod mime;
mod mime_code;
mod mime_lines;
pub mod outcome;
pub mod smtp;
