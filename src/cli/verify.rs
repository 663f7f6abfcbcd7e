//! `-bv`: tells who addresses stand for.

use std::io;
use std::time::SystemTime;

use super::command_line::CommandLine;
use super::desk::Desk;
use super::submission;
use crate::daemon::programs::Task;
use crate::name::Sysexit;
use crate::submit::{self, Terminal};

/// Verifies the addresses of the command line.
pub(super) fn job(desk: Desk, command: CommandLine) -> Task<Sysexit> {
    Box::pin(async move {
        if command.recipients.is_empty() {
            return submission::no_recipients();
        }
        let submission = submission::submission(&command, &desk.caller);
        let mut out = io::stdout();
        let mut terminal = Terminal::new(&mut out);
        submit::verify(&desk.services, &submission, SystemTime::now().into(), &desk.caller, &mut terminal).await
    })
}
