//! The operating system: the only room with `unsafe` and libc.
//!
//! Each file holds one kind of call that neither std nor nix offers in the form the program needs.
//! What nix has as a safe function is used from nix directly, here and on the floors above.

pub mod bounded;
pub mod daemonize;
pub mod errors;
pub mod host;
pub mod lock;
pub mod passing;
pub mod privilege;
pub mod process;
pub mod regex;
pub mod safe_file;
pub mod shell;
pub mod signal;
pub mod title;
pub mod user;
