//! The end of a submission: delivery or the queue, and what comes back to the sender (option ErrorMode).

use bstr::{BString, ByteSlice};

use super::dead_letter::{self, Letter};
use super::recipients;
use super::run::Fate;
use super::sender::Sender;
use super::terminal::Terminal;
use crate::cf::ErrorMode;
use crate::deliver::attempt::{Attempted, Settled, attempt, context};
use crate::deliver::header;
use crate::deliver::holding::Holding;
use crate::deliver::outcome::{Outcome, Verdict};
use crate::deliver::reports;
use crate::deliver::services::Services;
use crate::deliver::settle;
use crate::deliver::split::split;
use crate::log::{Delivered, Level};
use crate::mail::date;
use crate::mail::envelope::Envelope;
use crate::name::{Status, Sysexit, UnixTime};
use crate::queue::{Claimed, QueueError};

/// The most reports, and reports about reports, that one submission delivers itself; the queue has the others.
const REPORTS_MAX: usize = 4;

/// What ends a submission.
pub(super) struct Returns<'a> {
    pub(super) services: &'a Services,
    pub(super) sender: &'a Sender,
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
    /// Delivers or queues what `holding` has; `failed` are recipients that were refused before.
    ///
    /// # Errors
    /// The queue cannot be written.
    pub(super) async fn end(
        &self,
        mut holding: Holding,
        failed: Vec<Settled>,
        fate: Fate,
        terminal: &mut Terminal<'_>,
    ) -> Result<(), QueueError> {
        let original = holding.envelope().clone();
        let mut attempted = match fate {
            Fate::Deliver if !original.recipients.is_empty() => {
                holding.envelope_mut().tries += 1;
                attempt(self.services, &mut holding, self.now).await
            }
            _ => Attempted { clones: split(self.services, &mut holding, self.now).await?, ..Attempted::default() },
        };
        attempted.transcript = [self.transcript.as_slice(), &attempted.transcript].concat().into();
        for settled in &attempted.failed {
            terminal.fail(exit_of(&settled.outcome));
        }
        attempted.failed.extend(failed);
        if self.gives_back_here(&original, &holding, &attempted.failed, terminal).await {
            attempted.failed.clear();
        }
        let told = self.told.clone();
        let reports = reports::tell(self.services, &holding, &attempted, false, told, self.now).await?;
        let clones = std::mem::take(&mut attempted.clones);
        if fate == Fate::Queue {
            clones.iter().rev().for_each(|clone| self.log_queued(&clone.envelope));
            self.log_queued(holding.envelope());
        }
        match holding {
            Holding::Draft { draft, envelope, .. } if self.stays => drop(draft.commit(&envelope).await?),
            holding => holding.finish().await.map_err(|unfinished| unfinished.error)?,
        }
        if fate == Fate::Deliver {
            for clone in clones.into_iter().rev() {
                self.deliver(vec![clone]).await;
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
        terminal: &mut Terminal<'_>,
    ) -> bool {
        if failed.iter().all(|settled| recipients::is_unreported(&settled.recipient)) {
            return true;
        }
        match (self.services.site.config.options.error_mode, &self.sender.home) {
            (ErrorMode::Quiet, _) => true,
            (ErrorMode::Print, Some((home, uid))) if !self.is_late => {
                let header = self.header(original).await;
                let date = date::ctime(self.now, &self.services.site.zone);
                let body = holding.body();
                let letter = Letter { sender: &original.sender, date: &date, header: &header, body };
                match dead_letter::save(home, *uid, &letter) {
                    Ok(path) => {
                        terminal.tell(format!("{0}... Saved message in {0}", path.display()));
                        true
                    }
                    Err(error) => {
                        let text = format!("cannot save the message in {}: {error}", home.display());
                        self.services.log.say(Level::FAILED, &original.id, text);
                        false
                    }
                }
            }
            _ => false,
        }
    }

    /// Returns the header as it is written to a file.
    async fn header(&self, envelope: &Envelope) -> BString {
        let mut ctx = context(self.services, envelope, self.now);
        let mut header = match self.services.site.config.mailers.get(b"*file*") {
            Some(mailer) => header::header(&mut ctx, mailer, envelope).await,
            None => BString::default(),
        };
        header.push(b'\n');
        header
    }

    /// Logs that the recipients of a message wait.
    fn log_queued(&self, envelope: &Envelope) {
        for recipient in &envelope.recipients {
            Delivered {
                to: vec![recipient.address.clone()],
                delay: self.now.since(envelope.created),
                mailer: recipient.route.as_ref().map(|route| route.mailer.as_bytes().as_bstr()),
                priority: envelope.priority,
                status: b"queued".as_bstr(),
                ..Delivered::default()
            }
            .write(&self.services.log, &envelope.id);
        }
    }

    /// Delivers reports; they are in the queue already, so that a failure now loses nothing.
    async fn deliver(&self, reports: Vec<Claimed>) {
        let mut waiting = reports;
        for _ in 0..REPORTS_MAX {
            let Some(report) = waiting.pop() else { break };
            match settle::deliver(self.services, Holding::Queued(Box::new(report)), self.now).await {
                Ok(ended) => waiting.extend(ended.reports),
                Err(error) => self.services.log.say(Level::ALERT, crate::log::About::NoQueue, error),
            }
        }
    }
}

/// Returns what the program exits with for a recipient that no mailer could serve.
fn exit_of(outcome: &Outcome) -> Sysexit {
    match outcome.status {
        _ if outcome.verdict != Verdict::Failed => Sysexit::Ok,
        status if status == Status::new(5, 1, 1) => Sysexit::NoUser,
        status if status == Status::new(5, 1, 2) => Sysexit::NoHost,
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
