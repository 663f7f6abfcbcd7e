//! Delivery into mailboxes that a hand opens: many messages for one mailbox share one opening and one sync.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bstr::{BString, ByteSlice};
use tokio::sync::oneshot;

use crate::deliver::message::{self, Format, Message};
use crate::deliver::mime::Converted;
use crate::deliver::outcome::{Outcome, exit_text};
use crate::keeper::HandError;
use crate::keeper::hands::Hands;
use crate::keeper::request::Mailbox;
use crate::mailbox::append::{Appender, Durability};
use crate::mailbox::form;
use crate::mailbox::{Expected, MailboxError};
use crate::name::{Status, Sysexit};
use crate::queue::Body;

/// The most messages appended in one go; those behind them wait for the next.
const BATCH_LEN_MAX: usize = 128;

/// The most messages that wait for one mailbox; more are put off, so that a stuck lock cannot fill the memory.
const WAITING_MAX: usize = 4096;

/// A message on its way into a mailbox.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The envelope sender as the `From ` line shows it.
    pub sender: BString,
    /// The date of the `From ` line.
    pub date: BString,
    /// Header fields, LF line ends.
    pub header: BString,
    /// The body.
    pub body: Body,
    /// What stands for header and body, if the mailer wants them in another code.
    pub converted: Option<Converted>,
    /// How the mailer wants its lines.
    pub format: Format,
}

/// All mailboxes that are being written to.
pub struct Mailboxes {
    hands: Arc<Hands>,
    lanes: Mutex<HashMap<Mailbox, Vec<Waiting>>>,
}

/// A message whose sender waits for the outcome.
struct Waiting {
    letter: Letter,
    reply: oneshot::Sender<Outcome>,
}

/// A lane in service; when the service panics, it closes, so that those in it are told and the next one opens it anew.
struct Service<'a> {
    mailboxes: &'a Mailboxes,
    mailbox: &'a Mailbox,
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.mailboxes.lanes.lock().unwrap_or_else(PoisonError::into_inner).remove(self.mailbox);
        }
    }
}

/// Letters of which one could not be written; none of them is in the mailbox.
struct Unwritten(Outcome);

impl Mailboxes {
    /// Returns an empty set over `hands`.
    pub fn new(hands: Arc<Hands>) -> Self {
        Self { hands, lanes: Mutex::new(HashMap::new()) }
    }

    /// Appends a message to a mailbox; returns when it is durably there, or cannot be.
    pub async fn append(self: &Arc<Self>, mailbox: Mailbox, letter: Letter) -> Outcome {
        let (reply, outcome) = oneshot::channel();
        let waiting = Waiting { letter, reply };
        let is_first = {
            let mut lanes = self.lanes.lock().expect("no holder panics");
            match lanes.get_mut(&mailbox) {
                Some(lane) if lane.len() >= WAITING_MAX => return busy(),
                Some(lane) => {
                    lane.push(waiting);
                    false
                }
                None => {
                    lanes.insert(mailbox.clone(), vec![waiting]);
                    true
                }
            }
        };
        if is_first {
            let mailboxes = Arc::clone(self);
            tokio::spawn(async move { mailboxes.serve(mailbox).await });
        }
        outcome.await.unwrap_or_else(|_| fault("the task that writes to this mailbox has ended"))
    }

    /// Empties a mailbox's lane batch by batch, until nothing waits.
    async fn serve(&self, mailbox: Mailbox) {
        let _service = Service { mailboxes: self, mailbox: &mailbox };
        while let Some(batch) = self.next_batch(&mailbox) {
            let (letters, replies): (Vec<Letter>, Vec<_>) =
                batch.into_iter().map(|waiting| (waiting.letter, waiting.reply)).unzip();
            let letters: Arc<[Letter]> = letters.into();
            let together = self.deliver(&mailbox, &letters, 0..letters.len()).await;
            for (number, reply) in replies.into_iter().enumerate() {
                let outcome = match &together {
                    Ok(outcome) => outcome.clone(),
                    // One that cannot be written takes none of the others with it.
                    Err(Unwritten(_)) if letters.len() > 1 => {
                        self.deliver(&mailbox, &letters, number..number + 1).await.unwrap_or_else(|Unwritten(own)| own)
                    }
                    Err(Unwritten(outcome)) => outcome.clone(),
                };
                // Who no longer listens has taken the outcome for a failure that may pass.
                let _ = reply.send(outcome);
            }
        }
    }

    /// Takes the next messages of a lane, or closes the lane.
    fn next_batch(&self, mailbox: &Mailbox) -> Option<Vec<Waiting>> {
        let mut lanes = self.lanes.lock().expect("no holder panics");
        let lane = lanes.get_mut(mailbox)?;
        if lane.is_empty() {
            lanes.remove(mailbox);
            return None;
        }
        Some(lane.drain(..lane.len().min(BATCH_LEN_MAX)).collect())
    }

    /// Opens the mailbox, appends the letters at `places`, syncs once; returns what became of all of them.
    ///
    /// # Errors
    /// One of them could not be written; the mailbox is as it was.
    async fn deliver(
        &self,
        mailbox: &Mailbox,
        letters: &Arc<[Letter]>,
        places: Range<usize>,
    ) -> Result<Outcome, Unwritten> {
        let first = &letters[places.start];
        let first_line = form::first_line(&first.sender, &first.date)
            .take(Expected::BEGINNING_BYTES_MAX)
            .collect::<Vec<u8>>()
            .into();
        let count = u16::try_from(places.len()).expect("at most BATCH_LEN_MAX");
        let held = match self.hands.open_mailbox(mailbox.clone(), count, first_line).await {
            Ok(held) => held,
            Err(error) if error.is_temporary() => return Ok(Outcome::deferred_by(Status::new(4, 2, 0), &error)),
            Err(error) => return Ok(refused(mailbox, &error)),
        };
        let file = match held.file.try_clone() {
            Ok(file) => File::from(file),
            Err(error) => {
                held.settle(false).await.ok();
                return Ok(Outcome::deferred(Status::new(4, 3, 0), error));
            }
        };
        let (path, separator) = (held.path.to_path_lossy().into_owned(), held.separator.clone());
        let letters = Arc::clone(letters);
        let written = tokio::task::spawn_blocking(move || {
            let mut appender = Appender::new(file, path, &separator);
            letters[places].iter().try_for_each(|letter| write(&mut appender, letter))?;
            appender.finish(Durability::Synced).map_err(|error| outcome_of(&error))
        });
        let result = written.await.unwrap_or_else(|error| Err(fault(error)));
        let settled = held.settle(result.is_ok()).await;
        match (result, settled) {
            (Ok(()), Ok(())) => Ok(Outcome::sent("")),
            (Ok(()), Err(error)) => Ok(Outcome::deferred_by(Status::new(4, 2, 0), &error)),
            (Err(outcome), Ok(())) => Err(Unwritten(outcome)),
            (Err(outcome), Err(_)) => Ok(outcome),
        }
    }
}

/// Writes one message.
fn write(appender: &mut Appender, letter: &Letter) -> Result<(), Outcome> {
    let failed = |error: MailboxError| outcome_of(&error);
    let unreadable = |error| Outcome::deferred(Status::new(4, 3, 0), format!("cannot read the message: {error}"));
    let original = Message::new(&letter.header, message::Body::Queued(&letter.body));
    let whole = letter.converted.as_ref().map_or_else(|| original.clone(), |parts| parts.message(&original));
    let mut mailbox = appender.message(&letter.sender, &letter.date);
    message::render(&whole, &letter.format, unreadable, |bytes| mailbox.push(bytes).map_err(failed))?;
    mailbox.end().map_err(failed)
}

/// Returns the outcome of a mailbox that may not be written to.
fn refused(mailbox: &Mailbox, error: &HandError) -> Outcome {
    match mailbox {
        Mailbox::User { .. } | Mailbox::DeadLetter { .. } | Mailbox::DeadLetterDrop {} => {
            let failed = Outcome::failed(Status::new(5, 2, 0), "Service unavailable");
            failed.with_reply(format!("550 5.2.0 {error}"))
        }
        Mailbox::File { .. } => {
            let failed = Outcome::failed(Status::new(5, 0, 0), exit_text(Sysexit::CantCreat));
            failed.with_reply(format!("554 5.0.0 {error}"))
        }
    }
}

fn busy() -> Outcome {
    Outcome::deferred(Status::new(4, 2, 0), "too many messages wait for this mailbox")
}

/// Returns the outcome of a message that a fault of ours, not its mailbox, keeps from being delivered now.
fn fault(what: impl fmt::Display) -> Outcome {
    Outcome::deferred(Status::new(4, 3, 0), format!("an error of this program: {what}"))
}

/// Returns what a mailbox's error means for the recipient.
fn outcome_of(error: &MailboxError) -> Outcome {
    if error.is_temporary() {
        Outcome::deferred(error.status(), error)
    } else {
        let reply = format!("{} {} {error}", error.code(), error.status());
        Outcome::failed(error.status(), "Service unavailable").with_reply(reply)
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::deliver::outcome::Verdict;
    use crate::keeper::{Answer, Answered, Request};
    use crate::name::MailerName;

    /// Returns hands that open `path` for every mailbox and restore its length as a hand does; counts the openings.
    fn hands(path: &std::path::Path, openings: &Arc<AtomicUsize>) -> Arc<Hands> {
        let (path, openings) = (path.to_owned(), Arc::clone(openings));
        let length = Arc::new(Mutex::new(0));
        Arc::new(Hands::in_process(Arc::new(move |request| {
            let file = File::options().append(true).create(true).open(&path).expect("a folder of ours");
            let answered = match request {
                Request::OpenMailbox { .. } => {
                    openings.fetch_add(1, Ordering::Relaxed);
                    let size_bytes = file.metadata().expect("open").len();
                    *length.lock().expect("no panic") = size_bytes;
                    let answer = Answer::Mailbox { mailbox: 1, size_bytes, path: "m".into(), separator: "".into() };
                    Answered { answer, descriptors: vec![OwnedFd::from(file)] }
                }
                Request::SettleMailbox { keep, .. } => {
                    if !keep {
                        file.set_len(*length.lock().expect("no panic")).expect("open for writing");
                    }
                    Answered { answer: Answer::Done {}, descriptors: Vec::new() }
                }
                _ => Answered {
                    answer: Answer::failed(crate::keeper::request::FailureKind::Permanent {}, "no"),
                    descriptors: Vec::new(),
                },
            };
            Box::pin(async move { answered })
        })))
    }

    fn letter(number: usize) -> Letter {
        let file = tempfile::tempfile().expect("a folder");
        std::io::Write::write_all(&mut &file, b"From here\nbody\n").expect("written");
        Letter {
            sender: "a@b".into(),
            date: "Sun Nov 22 10:20:30 2026".into(),
            header: format!("Subject: {number}\n").into(),
            body: Body::of(file),
            converted: None,
            format: Format::of(&crate::cf::Mailers::default().get(b"*file*").expect("built in").clone()).for_mailbox(),
        }
    }

    fn mailbox() -> Mailbox {
        Mailbox::User { mailer: MailerName::new("local"), name: "alice".into() }
    }

    #[tokio::test]
    async fn messages_that_wait_together_share_one_opening() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("alice");
        let openings = Arc::new(AtomicUsize::new(0));
        let mailboxes = Arc::new(Mailboxes::new(hands(&path, &openings)));
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..200 {
            let mailboxes = Arc::clone(&mailboxes);
            tasks.spawn(async move { mailboxes.append(mailbox(), letter(number)).await });
        }
        while let Some(outcome) = tasks.join_next().await {
            assert_eq!(outcome.expect("no panic").stat, "Sent");
        }
        let text = std::fs::read_to_string(&path).expect("delivered");
        assert_eq!(text.matches("\nSubject: ").count(), 200);
        assert_eq!(text.matches("\n>From here\nbody\n\n").count(), 200);
        assert!(openings.load(Ordering::Relaxed) < 20, "{openings:?}");
        assert!(mailboxes.lanes.lock().expect("no panic").is_empty());
    }

    #[tokio::test]
    async fn a_full_lane_is_told_apart_from_an_error_of_ours() {
        let faulty = Arc::new(Hands::in_process(Arc::new(|_| panic!("a fault"))));
        let mailboxes = Arc::new(Mailboxes::new(faulty));
        for _ in 0..2 {
            let outcome = mailboxes.append(mailbox(), letter(1)).await;
            assert_eq!(outcome.verdict, Verdict::Deferred);
            let told = "Deferred: an error of this program: the task that writes to this mailbox has ended";
            assert_eq!(outcome.stat, told);
        }
        let letter = letter(1);
        let waiting =
            (0..WAITING_MAX).map(|_| Waiting { letter: letter.clone(), reply: oneshot::channel().0 }).collect();
        mailboxes.lanes.lock().expect("no panic").insert(mailbox(), waiting);
        let outcome = mailboxes.append(mailbox(), letter).await;
        assert_eq!(outcome.stat, "Deferred: too many messages wait for this mailbox");
    }

    #[tokio::test]
    async fn a_letter_that_cannot_be_written_takes_none_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("alice");
        let mailboxes = Arc::new(Mailboxes::new(hands(&path, &Arc::default())));
        let unreadable = File::options().write(true).create_new(true).open(folder.path().join("body")).expect("made");
        let (mut waiting, mut outcomes) = (Vec::new(), Vec::new());
        for number in 0..3 {
            let mut letter = letter(number);
            if number == 1 {
                std::io::Write::write_all(&mut &unreadable, b"body\n").expect("written");
                letter.body = Body::of(unreadable.try_clone().expect("a copy"));
            }
            let (reply, outcome) = oneshot::channel();
            waiting.push(Waiting { letter, reply });
            outcomes.push(outcome);
        }
        mailboxes.lanes.lock().expect("no panic").insert(mailbox(), waiting);
        mailboxes.serve(mailbox()).await;
        let mut verdicts = Vec::new();
        for outcome in outcomes {
            verdicts.push(outcome.await.expect("answered").verdict);
        }
        assert_eq!(verdicts, [Verdict::Sent, Verdict::Deferred, Verdict::Sent]);
        let text = std::fs::read_to_string(&path).expect("delivered");
        assert_eq!(text.matches("Subject: ").count(), 2);
    }
}
