//! The words of mail: addresses as tokens, headers, replies, envelopes, dates, reports.

pub mod address_field;
pub mod address_list;
pub mod date;
pub mod eighth_bits;
pub mod envelope;
pub mod frame;
pub mod full_name;
pub mod header;
pub mod mime_limit;
pub mod reply;
pub mod report;
pub mod token;
