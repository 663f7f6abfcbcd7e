//! `-bd`, `-bD`, `-q15m`: the daemon and its queue runs.

use std::process::ExitCode;

use super::command_line::{CommandLine, ConfigChoice};
use super::order::{Purpose, order};
use crate::daemon::programs::Programs;
use crate::daemon::{client_queue, keeper};
use crate::name::Sysexit;

/// Runs the daemon that `command` asks for.
pub fn run(command: &CommandLine, programs: Programs) -> ExitCode {
    match order(command, Purpose::Daemon) {
        Ok(order) if is_client_queue(command) => client_queue::run(order, programs),
        Ok(order) => keeper::run(order, programs),
        Err(error) => {
            eprintln!("cannot find out what program this is: {error}");
            Sysexit::OsErr.into()
        }
    }
}

/// Tells whether the queue of submissions is meant (`-Ac`, also beside `-C`).
pub(super) fn is_client_queue(command: &CommandLine) -> bool {
    command.config == ConfigChoice::Submission || command.argv.iter().any(|word| word == "-Ac")
}
