//! Delivery: an attempt is for all recipients of a message that wait, a group for those of one mailer and host.
//!
//! ```text
//! settle                        what follows an attempt; it calls all below
//! ├─ attempt                    one attempt; progress: how far it is, and when that is written down
//! │  ├─ sender, split           whose rights it has; envelopes of their own for lists with owners
//! │  └─ group                   one mailer and host; host_rules: what the site's rules say of it
//! │     ├─ header, message      what the mailer gets; mime (mime_lines, mime_code): 8-bit bytes for hosts of seven
//! │     ├─ local                into mailboxes
//! │     ├─ program              to a program
//! │     └─ relay                to a server: smtp (exchangers: which hosts) or lmtp
//! │        └─ conversation      one job on one connection, for both
//! │           └─ connection     performs what the session asks; connection_cache keeps it for the next message
//! ├─ reports                    what the sender is told; error_header: the site's own words
//! └─ dead_letter                what can be neither delivered nor returned
//! ```
//!
//! `holding` is the message, `outcome` what became of a recipient, `audience` who hears what is said, `services` what all need
//! of the process around them.

pub mod attempt;
pub mod audience;
pub mod connection;
pub mod connection_cache;
pub mod conversation;
pub mod dead_letter;
mod error_header;
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
