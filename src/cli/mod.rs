//! The command lines of all personalities, one file per mode.

use std::process::ExitCode;

pub mod mail_local;

/// Runs the program that the last component of `argv[0]` names and returns its exit status.
pub fn run() -> ExitCode {
    ExitCode::from(64)
}
