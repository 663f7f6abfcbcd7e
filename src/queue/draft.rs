//! A message that is coming in: its body on the way to the data file, and the commit that makes it a message.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bstr::BString;

use super::body::Body;
use super::claimed::Claimed;
use super::commit::{Job, Outcome};
use super::error::QueueError;
use super::format;
use super::spool::{Discard, EntryName, FileKind, Pair, Step};
use super::store::Queue;
use crate::mail::envelope::Envelope;
use crate::name::{QueueId, UnixTime};

/// Body bytes that are held in memory before they go to the data file: most messages are written with one call.
const BUFFER_BYTES: usize = 64 * 1024;

/// A message that is coming in; dropped, it is removed.
pub struct Draft {
    queue: Queue,
    entry: EntryName,
    /// Data file and new control file, both locked; none once they belong to a commit.
    files: Option<(Arc<File>, Arc<File>)>,
    /// Body bytes not yet in the data file.
    buffer: Vec<u8>,
    len: u64,
}

impl Draft {
    /// Returns the empty draft that holds `pair`, both locked.
    pub(super) fn new(queue: Queue, entry: EntryName, pair: Pair) -> Self {
        let files = Some((Arc::new(pair.data), Arc::new(pair.control)));
        Self { queue, entry, files, buffer: Vec::new(), len: 0 }
    }

    /// Returns the identifier.
    pub fn id(&self) -> &QueueId {
        &self.entry.id
    }

    /// Returns the entry.
    pub fn name(&self) -> &EntryName {
        &self.entry
    }

    /// Returns the queue.
    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Returns the queue group that the draft is in.
    pub fn group(&self) -> &BString {
        &self.queue.spool().directories()[usize::from(self.entry.directory)].group
    }

    /// Returns a draft of the same body in a queue group, under `id` or a newer identifier.
    ///
    /// # Errors
    /// As [`Queue::create_in`], [`Draft::copy`] and [`Draft::write`].
    pub(super) async fn twin(&mut self, group: &[u8], id: QueueId, now: UnixTime) -> Result<Self, QueueError> {
        let body = self.body().await?;
        let mut twin = self.queue.create_as(group, id, now).await?;
        twin.copy(&body).await?;
        Ok(twin)
    }

    /// Returns how many bytes the body has so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Tells whether the body is empty so far.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends to the body (LF line ends, no dots stuffed); every now and then that writes to the disk.
    ///
    /// # Errors
    /// Writing failed, for example because the disk is full; the draft is then good for nothing but dropping.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), QueueError> {
        self.len += bytes.len() as u64;
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Appends the body of another message.
    ///
    /// # Errors
    /// As [`Draft::write`]; or the other body cannot be read.
    pub async fn copy(&mut self, body: &Body) -> Result<(), QueueError> {
        self.copy_through(body, |bytes, out| out.extend_from_slice(bytes)).await
    }

    /// Appends the body of another message; `change` is given it piece by piece and tells what is written of it.
    ///
    /// # Errors
    /// As [`Draft::copy`].
    pub async fn copy_through<F>(&mut self, body: &Body, mut change: F) -> Result<(), QueueError>
    where
        F: FnMut(&[u8], &mut Vec<u8>) + Send,
    {
        let mut chunk = vec![0; BUFFER_BYTES];
        let mut changed = Vec::with_capacity(BUFFER_BYTES);
        let mut offset = 0;
        loop {
            let read = body.read_at(&mut chunk, offset);
            let len = read.map_err(|source| self.queue.io_error(&self.entry, Step::Read, source))?;
            if len == 0 {
                return Ok(());
            }
            changed.clear();
            change(&chunk[..len], &mut changed);
            self.write(&changed).await?;
            offset += len as u64;
        }
    }

    /// Forgets the body, for another to be written (a filter replaced it).
    ///
    /// # Errors
    /// The data file cannot be cut.
    pub fn clear(&mut self) -> Result<(), QueueError> {
        self.buffer.clear();
        self.len = 0;
        let cut = self.data().set_len(0).and_then(|()| io::Seek::rewind(&mut self.data().as_ref()));
        cut.map_err(|source| self.queue.io_error(&self.entry, Step::Write, source))
    }

    /// Returns the body so far, for reading.
    ///
    /// # Errors
    /// As [`Draft::write`].
    pub async fn body(&mut self) -> Result<Body, QueueError> {
        self.flush().await?;
        Ok(Body::shared(Arc::clone(self.data())))
    }

    /// Makes the draft a message that survives a power cut; only then may it be acknowledged.
    ///
    /// # Errors
    /// Any step failed; nothing of the message is left then.
    pub async fn commit(mut self, envelope: &Envelope) -> Result<Claimed, QueueError> {
        let text = format::write(envelope, None)?;
        let (data, control) = self.files.take().expect("taken only here, and the draft is consumed");
        let kind = if envelope.quarantine.is_some() { FileKind::Quarantined } else { FileKind::Control };
        let job = Job {
            entry: self.entry.clone(),
            data: Some((Arc::clone(&data), std::mem::take(&mut self.buffer))),
            control: Arc::clone(&control),
            text,
            becomes: kind,
        };
        match self.queue.committer().commit(job).await {
            Outcome::Durable => {}
            Outcome::Failed(error) | Outcome::Unsynced(error) => return Err(error),
        }
        let mut envelope = envelope.clone();
        envelope.id = self.entry.id.clone();
        let (queue, name) = (self.queue.clone(), self.entry.clone());
        Ok(Claimed::new(queue, name, kind, control, Body::shared(data), envelope))
    }

    /// Removes the draft and waits until it is done.
    pub async fn discard(mut self) {
        if let Some(files) = self.files.take() {
            discard(self.queue.clone(), self.entry.clone(), files).await;
        }
    }

    fn data(&self) -> &Arc<File> {
        &self.files.as_ref().expect("taken only by those who consume the draft").0
    }

    /// Writes the buffer to the data file.
    async fn flush(&mut self) -> Result<(), QueueError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let (file, spool) = (Arc::clone(self.data()), Arc::clone(self.queue.spool()));
        let buffer = std::mem::take(&mut self.buffer);
        let written = tokio::task::spawn_blocking(move || {
            let result = spool.write(&file, &buffer);
            (buffer, result)
        });
        let (mut buffer, result) = written.await.map_err(|_| QueueError::Ending)?;
        buffer.clear();
        self.buffer = buffer;
        result.map_err(|source| self.queue.io_error(&self.entry, Step::Write, source))
    }
}

/// Removes the draft: at once where the holder answers at once, else in a task.
impl Drop for Draft {
    fn drop(&mut self) {
        let Some(files) = self.files.take() else { return };
        let mut work = Box::pin(discard(self.queue.clone(), self.entry.clone(), files));
        if let Poll::Pending = work.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}

/// Removes the files of a draft while their locks are held.
async fn discard(queue: Queue, entry: EntryName, files: (Arc<File>, Arc<File>)) {
    // What cannot be removed now, the next recovery removes: it has no control file.
    let _ = queue.spool().discard(vec![entry], Discard::Entry).await;
    drop(files);
}
