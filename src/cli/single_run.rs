//! `-q` without an interval: one run of the queue.

use super::command_line::CommandLine;
use super::desk::Desk;
use super::runs::Runs;
use crate::daemon::programs::Task;
use crate::daemon::runner::{Pace, Rhythm};
use crate::name::Sysexit;
use crate::queue::select::Selection;
use crate::submit::Terminal;

/// Runs the queue once.
pub(super) fn job(desk: Desk, command: CommandLine) -> Task<Sysexit> {
    Box::pin(async move {
        let meant = command.queue.as_ref().map(Selection::from).unwrap_or_default();
        let places = desk.services.queue.spool().directories();
        if !places.iter().any(|place| meant.has_group(&place.group)) {
            let group = meant.group.unwrap_or_default();
            Terminal::new(&mut std::io::stdout()).tell(format!("Queue group {group} unknown"));
            return Sysexit::Ok;
        }
        let waits = command.is_verbose || command.queue.as_ref().is_some_and(|queue| queue.in_foreground);
        let pace = if waits { Pace::OneByOne(desk.services.witness.clone()) } else { Pace::Together };
        desk.release();
        match Runs::start(&desk, Rhythm::Once(meant), pace) {
            Ok(runs) => runs.ended(desk.ending.clone()).await,
            Err(error) => return desk.failed(&error),
        }
        Sysexit::Ok
    })
}
