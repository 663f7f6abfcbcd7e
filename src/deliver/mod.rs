//! Delivery: one attempt for one mailer and host.

pub mod attempt;
pub mod audience;
pub mod connection;
pub mod connection_cache;
pub mod conversation;
pub mod dead_letter;
pub mod exchangers;
pub mod group;
pub mod header;
pub mod holding;
pub mod host_rules;
pub mod lmtp;
pub mod local;
pub mod message;
pub mod mime;
mod mime_code;
mod mime_lines;
pub mod outcome;
pub mod program;
mod progress;
pub mod relay;
pub mod reports;
pub mod sender;
pub mod services;
pub mod settle;
pub mod smtp;
pub mod split;
