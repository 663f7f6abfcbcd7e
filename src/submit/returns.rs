//! The end of a submission: delivery or the queue, and what comes back to the sender (option ErrorMode).

use bstr::{BString, ByteSlice};

use super::recipients;
use super::run::{Fate, Party, shown};
use super::sender::Sender;
use super::terminal::Terminal;
use crate::cf::ErrorMode;
use crate::deliver::attempt::{Attempted, Settled, attempt};
use crate::deliver::dead_letter;
use crate::deliver::holding::Holding;
use crate::deliver::outcome::{Outcome, Verdict, exit_text};
use crate::deliver::reports;
use crate::deliver::services::Services;
use crate::deliver::settle;
use crate::deliver::split::split;
use crate::keeper::request::Mailbox;
use crate::log::{Delivered, Level};
use crate::mail::envelope::Envelope;
use crate::name::{Status, Sysexit, UnixTime};
use crate::queue::{Claimed, QueueError};

/// The file in the caller's home directory that keeps what he could not send.
const FILE_NAME: &str = "dead.letter";

/// The most reports, and reports about reports, that one submission delivers itself; the queue has the others.
const REPORTS_MAX: usize = 4;

/// What ends a submission.
pub(super) struct Returns<'a> {
    pub(super) services: &'a Services,
    pub(super) sender: &'a Sender,
    pub(super) party: Party<'a>,
    pub(super) now: UnixTime,
    /// A recipient of the header was refused: the sender is told by mail.
    pub(super) is_late: bool,
    /// The message stays in the queue although nobody waits for it.
    pub(super) stays: bool,
    /// What was said of recipients that were refused.
    pub(super) transcript: BString,
    /// What the log says of a report about them.
    pub(super) told: Option<BString>,
}

impl Returns<'_> {
    /// Delivers or queues what `holding` has, and `others` that were split off it; `failed` are recipients that were refused
    /// before.
    ///
    /// # Errors
    /// The queue cannot be written.
    pub(super) async fn end(
        &self,
        (mut holding, others): (Holding, Vec<Claimed>),
        failed: Vec<Settled>,
        fate: Fate,
        terminal: &mut Terminal<'_>,
    ) -> Result<(), QueueError> {
        let original = holding.envelope().clone();
        let mut attempted = match fate {
            Fate::Deliver if !original.recipients.is_empty() => {
                let attempted = attempt(self.services, &mut holding, self.now).await;
                holding.envelope_mut().tries += 1;
                attempted
            }
            _ => Attempted { clones: split(self.services, &mut holding, self.now).await?, ..Attempted::default() },
        };
        attempted.transcript = [self.transcript.as_slice(), &attempted.transcript].concat().into();
        for settled in &attempted.failed {
            terminal.fail(exit_of(&settled.outcome));
        }
        attempted.failed.extend(failed);
        let is_given_back = self.gives_back_here(&original, &holding, &attempted.failed, fate, terminal).await;
        let told = self.told.clone();
        let reports = match is_given_back {
            true => reports::tell_postmaster(self.services, &holding, &attempted, told, self.now).await?,
            false => reports::tell(self.services, &holding, &attempted, false, told, self.now).await?,
        };
        let clones = std::mem::take(&mut attempted.clones);
        if fate == Fate::Queue {
            clones.iter().rev().for_each(|clone| self.log_queued(&clone.envelope));
            self.log_queued(holding.envelope());
        }
        // QUIRK(split-waits): who waits for a delivery waits for one entry only; the others are left to a run of the queue.
        let behind = if fate == Fate::DeliverBehind { others } else { self.leave(others) };
        let mut own = None;
        match (holding, self.party.release) {
            (Holding::Draft { draft, envelope, .. }, _) if self.stays => drop(draft.commit(&envelope).await?),
            (holding, Some(release)) if fate == Fate::DeliverBehind => {
                own = holding.keep().await?;
                release(shown(self.services.site.config.options.error_mode, terminal.exit()));
            }
            (holding, _) => holding.finish().await.map_err(|unfinished| unfinished.error)?,
        }
        if matches!(fate, Fate::Deliver | Fate::DeliverBehind) {
            for message in own.into_iter().chain(clones.into_iter().rev()).chain(behind) {
                self.deliver(vec![message]).await;
            }
        }
        self.deliver(reports).await;
        Ok(())
    }

    /// Saves the message in `dead.letter`, if that is how it comes back; tells whether nobody needs to be told by mail.
    async fn gives_back_here(
        &self,
        original: &Envelope,
        holding: &Holding,
        failed: &[Settled],
        fate: Fate,
        terminal: &mut Terminal<'_>,
    ) -> bool {
        if failed.iter().all(|settled| recipients::is_unreported(&settled.recipient)) {
            return false;
        }
        match (self.services.site.config.options.error_mode, &self.sender.home) {
            (ErrorMode::Quiet, _) => true,
            (ErrorMode::Print, Some(home)) if !self.is_late => {
                let place = Mailbox::DeadLetter { uid: self.party.caller.uid };
                let outcome = dead_letter::save(self.services, original, holding, place, self.now).await;
                let path = home.join(FILE_NAME);
                if outcome.verdict == Verdict::Sent {
                    // QUIRK(saved-behind)
                    if fate != Fate::DeliverBehind || original.recipients.is_empty() {
                        terminal.tell(format!("{0}... Saved message in {0}", path.display()));
                    }
                    return true;
                }
                let text = format!("cannot save the message in {}: {}", path.display(), outcome.reason());
                self.services.log.say(Level::FAILED, &original.id, text);
                false
            }
            _ => false,
        }
    }

    /// Leaves entries to a run of the queue.
    fn leave(&self, entries: Vec<Claimed>) -> Vec<Claimed> {
        entries.iter().for_each(|entry| self.log_queued(&entry.envelope));
        Vec::new()
    }

    /// Logs that the recipients of a message wait, or are held back.
    fn log_queued(&self, envelope: &Envelope) {
        let status = if envelope.quarantine.is_some() { "quarantined" } else { "queued" };
        for recipient in &envelope.recipients {
            self.services.witness.tell_about(&recipient.address, status);
            Delivered {
                to: vec![recipient.address.clone()],
                delay: self.now.since(envelope.created),
                mailer: recipient.route.as_ref().map(|route| route.mailer.as_bytes().as_bstr()),
                priority: envelope.priority,
                quarantine: envelope.quarantine.as_ref().map(|reason| reason.as_bstr()),
                status: status.as_bytes().as_bstr(),
                ..Delivered::default()
            }
            .write(&self.services.log, &envelope.id);
        }
    }

    /// Delivers messages that are in the queue already, so that a failure now loses nothing, and reports about them.
    async fn deliver(&self, mut waiting: Vec<Claimed>) {
        for _ in 0..REPORTS_MAX {
            let Some(claimed) = waiting.pop() else { break };
            match settle::deliver(self.services, Holding::Queued(Box::new(claimed)), self.now).await {
                Ok(ended) => waiting.extend(ended.reports),
                Err(error) => self.services.log.say(Level::ALERT, crate::log::About::NoQueue, error),
            }
        }
    }
}

/// Returns what the program exits with for a recipient that no mailer could serve.
fn exit_of(outcome: &Outcome) -> Sysexit {
    if let Some(code) = outcome.exit {
        let exit = Sysexit::from_code(i32::from(code)).unwrap_or(Sysexit::Unavailable);
        return if exit == Sysexit::TempFail { Sysexit::Ok } else { exit };
    }
    match outcome.status {
        _ if outcome.verdict != Verdict::Failed => Sysexit::Ok,
        status if status == Status::new(5, 1, 1) => Sysexit::NoUser,
        status if status == Status::new(5, 1, 2) => Sysexit::NoHost,
        _ if outcome.stat == exit_text(Sysexit::CantCreat) => Sysexit::CantCreat,
        _ => Sysexit::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_status_tells_users_from_hosts() {
        let check = |status, exit| assert_eq!(exit_of(&Outcome::failed(status, "x")), exit);
        check(Status::new(5, 1, 1), Sysexit::NoUser);
        check(Status::new(5, 1, 2), Sysexit::NoHost);
        check(Status::new(5, 3, 0), Sysexit::Unavailable);
        assert_eq!(exit_of(&Outcome::deferred(Status::new(4, 4, 1), "x")), Sysexit::Ok);
    }
}
