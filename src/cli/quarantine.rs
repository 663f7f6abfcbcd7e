//! `-Qreason` and `-Q`: entries of the queue are put aside or released (op guide, "Quarantined Queue Items").

use std::io;

use bstr::BString;

use super::command_line::CommandLine;
use super::desk::{self, Desk};
use super::queue_run::{Quarantine, QueueEntries};
use crate::daemon::programs::Task;
use crate::log::{Level, Priority};
use crate::name::Sysexit;
use crate::queue::select::Selection;
use crate::queue::spool::EntryName;
use crate::queue::{Claimed, Queue, QueueError};
use crate::submit::Terminal;

/// Changes the quarantine of the entries that the command line means.
pub(super) fn job(desk: Desk, command: CommandLine) -> Task<Sysexit> {
    Box::pin(async move {
        let services = &desk.services;
        if !desk::is_administrator(&desk.caller, &services.site, &services.log, "quarantine jobs") {
            return Sysexit::Usage;
        }
        let mut out = io::stdout();
        let mut change = Change {
            desk: &desk,
            reason: match &command.quarantine {
                Some(Quarantine::Set(reason)) => Some(reason.clone()),
                Some(Quarantine::Release) | None => None,
            },
            selection: command.queue.as_ref().map(Selection::from).unwrap_or_default(),
            among_quarantined: command.queue.as_ref().is_some_and(|run| run.entries == QueueEntries::Quarantined),
            is_verbose: command.is_verbose,
            terminal: Terminal::new(&mut out),
        };
        match change.all().await {
            Ok(()) => Sysexit::Ok,
            Err(error) => {
                change.terminal.tell(error.to_string());
                error.sysexit()
            }
        }
    })
}

/// A change of quarantine.
struct Change<'a> {
    desk: &'a Desk,
    /// The reason to quarantine for; none releases.
    reason: Option<BString>,
    selection: Selection,
    /// `-qQ`: entries that are quarantined already are meant, else those that are not.
    among_quarantined: bool,
    is_verbose: bool,
    terminal: Terminal<'a>,
}

impl Change<'_> {
    /// Goes through all directories.
    async fn all(&mut self) -> Result<(), QueueError> {
        let queue = self.desk.services.queue.clone();
        let directories = queue.spool().directories().to_vec();
        let meant: Vec<_> =
            (0_u16..).zip(&directories).filter(|(_, directory)| self.selection.has_group(&directory.group)).collect();
        if let (Some(group), true) = (&self.selection.group, meant.is_empty()) {
            self.terminal.tell(format!("Queue group {group} unknown"));
            return Ok(());
        }
        let listed = queue.list().await?;
        let mut changes = 0;
        for (place, directory) in meant {
            let here = listed.iter().filter(|entry| entry.name.directory == place && entry.kind == self.selection.kind);
            let names: Vec<&EntryName> = here.map(|entry| &entry.name).collect();
            if self.reason.is_none() && !self.among_quarantined || names.is_empty() {
                self.tell(format!("{}: no matches", directory.path));
                continue;
            }
            self.tell(format!("Processing {}:", directory.path));
            for name in names {
                changes += usize::from(self.one(&queue, name).await?);
            }
        }
        self.tell(match changes {
            0 => "No changes".to_owned(),
            1 => "1 change".to_owned(),
            many => format!("{many} changes"),
        });
        Ok(())
    }

    /// Changes one entry, if it is meant; tells whether anything changed.
    async fn one(&mut self, queue: &Queue, name: &EntryName) -> Result<bool, QueueError> {
        let mut claimed = match queue.claim(name).await {
            Ok(Some(claimed)) => claimed,
            Ok(None) => {
                self.tell(format!("{name}: locked"));
                return Ok(false);
            }
            Err(error @ QueueError::Lost { .. }) => {
                self.desk.services.log.say(Level::ALERT, &name.id, &error);
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        if !self.selection.matches(&claimed.envelope) {
            return Ok(false);
        }
        self.set(&mut claimed).await
    }

    /// Gives an entry the new reason.
    async fn set(&mut self, claimed: &mut Claimed) -> Result<bool, QueueError> {
        let id = claimed.envelope.id.clone();
        let before = std::mem::replace(&mut claimed.envelope.quarantine, self.reason.clone());
        if before == self.reason {
            let reason = before.unwrap_or_default();
            self.tell(format!("{id}: Already quarantined with \"{reason}\""));
            return Ok(false);
        }
        claimed.save().await?;
        let (told, logged) = match (before, &self.reason) {
            (None, Some(reason)) => (format!("Quarantined with \"{reason}\""), format!("quarantine={reason}")),
            (Some(old), Some(reason)) => {
                (format!("Quarantine changed from \"{old}\" to \"{reason}\""), format!("quarantine={reason}"))
            }
            (old, None) => {
                (format!("Removed quarantine of \"{}\"", old.unwrap_or_default()), "unquarantine".to_owned())
            }
        };
        self.tell(format!("{id}: {told}"));
        self.desk.services.log.say(Level { priority: Priority::Info, detail: 1 }, &id, logged);
        Ok(true)
    }

    /// Tells a verbose caller.
    fn tell(&mut self, text: String) {
        if self.is_verbose {
            self.terminal.tell(text);
        }
    }
}
