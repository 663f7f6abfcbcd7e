//! Mail from local programs on the command line or standard input.

mod input;

pub use input::LocalInput;
