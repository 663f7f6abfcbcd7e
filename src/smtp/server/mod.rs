//! The server's side of an SMTP session, without I/O: events in, effects out.

mod commands;
mod data;
mod event;
mod line;
mod message;
pub mod notes;
mod params;
mod security;
mod session;
mod settings;
mod settle;
mod state;
pub mod texts;

pub use data::{Bare, LineRules};
pub use event::{Answer, CommandRefusal, Effect, Ending, Event, FilterMoment, Moment, Opening, Question};
pub use params::{MailParams, RcptParams, decode_xtext, encode_xtext, is_xtext};
pub use session::Session;
pub use settings::{Features, Limits, Overload, Settings};

#[cfg(test)]
mod tests;
