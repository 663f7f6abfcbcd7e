//! `-bh` and `-bH` (`hoststat`, `purgestat`): what is known of hosts from deliveries before.

use std::process::ExitCode;

use super::command_line::CommandLine;
use super::configuration;
use crate::name::Sysexit;

/// Prints, or forgets, the status of hosts that is kept on disk: nothing where no `HostStatusDirectory` is named.
pub(super) fn main(command: &CommandLine) -> ExitCode {
    let config = match configuration::read(command) {
        Ok((config, _)) => config,
        Err(exit) => return exit.into(),
    };
    let directory = &config.options.host_status_directory;
    if directory.is_empty() {
        return Sysexit::Ok.into();
    }
    eprintln!("sendmail: HostStatusDirectory={directory} has no effect: the status of hosts is kept in memory only");
    Sysexit::Unavailable.into()
}
