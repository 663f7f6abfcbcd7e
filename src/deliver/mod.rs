//! Delivery: one attempt for one mailer and host.

pub mod outcome;
