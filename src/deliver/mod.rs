//! Delivery: one attempt for one mailer and host.

pub mod message;
mod mime_code;
pub mod outcome;
