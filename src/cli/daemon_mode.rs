//! `-bd`, `-bD`, `-q15m`: the daemon and its queue runs.

use std::process::ExitCode;

use super::command_line::{CommandLine, ConfigChoice};
use super::configuration::{self, Source};
use super::desk;
use super::order::{Purpose, order};
use crate::daemon::programs::Programs;
use crate::daemon::{client_queue, keeper};
use crate::name::Sysexit;

/// Runs the daemon that `command` asks for.
pub fn run(command: &CommandLine, programs: Programs) -> ExitCode {
    Source::of(command).tell_default(command);
    desk::warn_of_traffic(command);
    match order(command, Purpose::Daemon) {
        Ok(order) if runs_client_queue(command) => client_queue::run(order, programs),
        Ok(order) => keeper::run(order, programs),
        Err(error) => {
            eprintln!("cannot find out what program this is: {error}");
            Sysexit::OsErr.into()
        }
    }
}

/// Tells whether a daemon runs the queue of submissions: by its command line, or because its configuration is one of theirs
/// (option UseMSP).
fn runs_client_queue(command: &CommandLine) -> bool {
    let uses_msp = || configuration::read(command).is_ok_and(|(config, _)| config.options.use_msp);
    is_client_queue(command) || command.runs_queue_again() && uses_msp()
}

/// Tells whether the queue of submissions is meant (`-Ac`, also beside `-C`).
pub(super) fn is_client_queue(command: &CommandLine) -> bool {
    command.config == ConfigChoice::Submission || command.argv.iter().any(|word| word == "-Ac")
}
