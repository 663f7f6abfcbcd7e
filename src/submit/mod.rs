//! Mail from local programs on the command line or standard input.

mod caller;
mod header_check;
mod input;
mod message;
mod recipients;
mod returns;
mod run;
mod sender;
mod submission;
mod terminal;
mod verify;

pub use caller::Caller;
pub use input::LocalInput;
pub use run::{Party, submit};
pub use submission::Submission;
pub use terminal::Terminal;
pub use verify::verify;
