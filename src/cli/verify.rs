//! `-bv`: tells who addresses stand for.

use std::io;
use std::process::ExitCode;
use std::time::SystemTime;

use super::command_line::CommandLine;
use super::desk::Desk;
use super::submission;
use crate::submit::{self, Caller, Terminal};

/// Verifies the addresses of the command line.
pub fn run(command: &CommandLine) -> ExitCode {
    if command.recipients.is_empty() {
        return submission::no_recipients();
    }
    Desk::with(command, async |desk| {
        let submission = submission::submission(command, &Caller::find());
        let mut out = io::stdout();
        let mut terminal = Terminal::new(&mut out);
        submit::verify(&desk.services, &submission, SystemTime::now().into(), &mut terminal).await
    })
}
