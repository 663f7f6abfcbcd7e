//! A message that is worked with: its lock is held, what became of it is written down.

use std::fmt;
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;

use super::body::Body;
use super::commit::{Job, Outcome};
use super::error::QueueError;
use super::format;
use super::spool::{EntryName, FileKind, Move};
use super::store::{Queue, only};
use crate::mail::envelope::Envelope;
use crate::sys::lock;

/// An entry whose lock we hold; dropped, it is left in the queue.
pub struct Claimed {
    /// What the queue remembers of the message; changes count once [`Claimed::save`] has written them.
    pub envelope: Envelope,
    queue: Queue,
    name: EntryName,
    kind: FileKind,
    /// The control file: the lock.
    control: Arc<File>,
    body: Body,
}

impl fmt::Debug for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claimed").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Claimed {
    /// Returns the entry whose locked control file is `control`.
    pub(super) fn new(
        queue: Queue,
        name: EntryName,
        kind: FileKind,
        control: Arc<File>,
        body: Body,
        envelope: Envelope,
    ) -> Self {
        Self { envelope, queue, name, kind, control, body }
    }

    /// Returns the entry.
    pub fn name(&self) -> &EntryName {
        &self.name
    }

    /// Returns the body.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Writes the envelope down durably, under a new control file that replaces the old one.
    ///
    /// An envelope that has or has no longer a reason for quarantine changes its kind with it.
    ///
    /// # Errors
    /// Any step failed; the old control file stands then (after a failed sync of the directory: perhaps the new one).
    pub async fn save(&mut self) -> Result<(), QueueError> {
        let quarantined = self.envelope.quarantine.is_some();
        if quarantined && self.kind == FileKind::Control {
            self.rename_to(FileKind::Quarantined).await?;
        }
        // As with the original, entries that were only put aside or released have no `I` line.
        let data = if self.envelope.tries > 0 { self.body.file_id() } else { None };
        let text = format::write(&self.envelope, data)?;
        let begun = only(self.queue.spool().begin_rewrite(vec![self.name.clone()]).await);
        let control = Arc::new(begun.map_err(|source| self.queue.spool_error(self.name.directory, source))?);
        let job = Job { entry: self.name.clone(), data: None, control: Arc::clone(&control), text, becomes: self.kind };
        match self.queue.committer().commit(job).await {
            Outcome::Durable => self.control = control,
            Outcome::Unsynced(error) => {
                self.control = control;
                return Err(error);
            }
            Outcome::Failed(error) => return Err(error),
        }
        if !quarantined && self.kind == FileKind::Quarantined {
            self.rename_to(FileKind::Control).await?;
        }
        Ok(())
    }

    /// Removes the message: control file first, so that a crash leaves a harmless data file.
    ///
    /// # Errors
    /// It cannot be removed; it is still there, and ours.
    pub async fn remove(self) -> Result<(), Unwritten> {
        let removed = only(self.queue.spool().remove(vec![self.name.clone()]).await);
        if let Err(source) = removed {
            let error = self.queue.spool_error(self.name.directory, source);
            return Err(Unwritten { claimed: Box::new(self), error });
        }
        self.queue.committer().sync_soon(self.name.directory);
        Ok(())
    }

    /// Ends the work on the message: it is removed if nobody waits for it any more, else written down and left.
    ///
    /// # Errors
    /// The queue cannot be written; the message is still ours.
    pub async fn finish(mut self) -> Result<(), Unwritten> {
        if self.envelope.recipients.is_empty() {
            return self.remove().await;
        }
        match self.save().await {
            Ok(()) => Ok(()),
            Err(error) => Err(Unwritten { claimed: Box::new(self), error }),
        }
    }

    /// Sets the message aside as `Qf`, for a person to look at.
    ///
    /// # Errors
    /// It cannot be renamed; it is still ours.
    pub async fn set_aside(mut self) -> Result<(), Unwritten> {
        match self.rename_to(FileKind::Lost).await {
            Ok(()) => Ok(()),
            Err(error) => Err(Unwritten { claimed: Box::new(self), error }),
        }
    }

    async fn rename_to(&mut self, to: FileKind) -> Result<(), QueueError> {
        let renamed = Move { entry: self.name.clone(), from: self.kind, to };
        let answer = only(self.queue.spool().rename(vec![renamed]).await);
        answer.map_err(|source| self.queue.spool_error(self.name.directory, source))?;
        self.queue.committer().sync_soon(self.name.directory);
        self.kind = to;
        Ok(())
    }
}

/// The lock ends here, and not only with the last copy of its descriptor: a program that is being started, or the process
/// that opened the file for us, may have one a moment longer.
impl Drop for Claimed {
    fn drop(&mut self) {
        let _ = lock::unlock(self.control.as_fd());
    }
}

/// What became of a message could not be written down: the queue still has it as it was.
///
/// Whoever lets go of it lets it be delivered again to those it has reached already.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Unwritten {
    /// The message, with the envelope that is to be written; removed if nobody waits for it.
    pub claimed: Box<Claimed>,
    /// Why not.
    pub error: QueueError,
}

#[cfg(test)]
mod tests {
    use super::super::simulated::SimulatedDisk;
    use super::super::store::QueueOptions;
    use super::*;
    use crate::mail::envelope::Recipient;
    use crate::name::UnixTime;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_dropped_entry_is_free_though_a_copy_of_its_descriptor_is_about() {
        let queue = Queue::new(Arc::new(SimulatedDisk::new(None)), QueueOptions::default());
        let since = UnixTime::from_secs(1_795_342_830);
        let draft = queue.create(since).await.expect("created");
        let mut envelope = Envelope::new(draft.id().clone(), since, "<a@example.com>");
        envelope.recipients.push(Recipient::new("<b@example.org>"));
        let claimed = draft.commit(&envelope).await.expect("taken");
        let name = claimed.name().clone();
        let copy = claimed.control.try_clone().expect("a copy");
        assert!(queue.claim(&name).await.expect("asked").is_none());
        drop(claimed);
        assert!(queue.claim(&name).await.expect("asked").is_some());
        drop(copy);
    }
}
