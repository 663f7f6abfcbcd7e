//! The queue as the rest of the program sees it: drafts that become messages, and messages that are worked with.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{SystemTime, UNIX_EPOCH};

use bstr::BString;

use super::commit::{Committer, Job, Outcome};
use super::error::{LostReason, QueueError};
use super::format::{self, DataFileId};
use super::layout::DEFAULT_GROUP;
use super::spool::{Discard, EntryName, FileKind, Hold, Move, OpenEntry, Opened, Spool, SpoolError, Step};
use crate::cf::{Config, SuperSafe};
use crate::mail::envelope::{Envelope, Occasion};
use crate::name::{QueueId, QueueIdMaker, UnixTime};

/// Body bytes that are held in memory before they go to the data file: most messages are written with one call.
const BUFFER_BYTES: usize = 64 * 1024;

/// The largest control file that is read, in bytes: a million recipients fit in.
const CONTROL_BYTES_MAX: u64 = 256 << 20;

/// How many identifiers are tried before it is said that none is free.
const ID_TRIES_MAX: u32 = 100;

/// How much of a second lies between two numbers where sequences may begin: there are 3600.
const NANOS_PER_SEQUENCE: u32 = 277_777;

/// What a site's configuration says about its queue.
#[derive(Clone, Debug)]
pub struct QueueOptions {
    /// Whether messages are synced to disk before they are acknowledged (`SuperSafe`).
    pub sync: bool,
    /// `MinFreeBlocks`: below this nothing is taken.
    pub free_blocks_min: u64,
    /// The `P` lines.
    pub precedences: Vec<(BString, i64)>,
    /// The process, for identifiers.
    pub pid: u32,
    /// Where the sequence of identifiers begins; a random number.
    pub sequence: u32,
}

impl QueueOptions {
    /// Returns what `config` says, for this process and from now on.
    pub fn of(config: &Config) -> Self {
        let age = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            sync: config.options.super_safe != SuperSafe::No,
            free_blocks_min: u64::try_from(config.options.min_free_blocks).unwrap_or(0),
            precedences: config.precedences.clone(),
            pid: std::process::id(),
            sequence: age.map_or(0, |age| age.subsec_nanos() / NANOS_PER_SEQUENCE),
        }
    }
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self { sync: true, free_blocks_min: 100, precedences: Vec::new(), pid: std::process::id(), sequence: 0 }
    }
}

/// A queue; copies are the same queue.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
}

struct Shared {
    spool: Arc<dyn Spool>,
    options: QueueOptions,
    ids: Mutex<QueueIdMaker>,
    committer: Committer,
    /// Counts new entries, to spread them over the directories of their group.
    turn: AtomicUsize,
}

/// An entry that a directory lists.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// The entry.
    pub name: EntryName,
    /// Whether it waits (`qf`), is quarantined (`hf`) or lost (`Qf`).
    pub kind: FileKind,
}

impl Queue {
    /// Returns a queue over the directories that `spool` holds.
    pub fn new(spool: Arc<dyn Spool>, options: QueueOptions) -> Self {
        let shared = Shared {
            committer: Committer::new(Arc::clone(&spool), options.sync),
            ids: Mutex::new(QueueIdMaker::new(options.pid, options.sequence)),
            turn: AtomicUsize::new(anywhere()),
            options,
            spool,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Returns the holder of the directories.
    pub fn spool(&self) -> &Arc<dyn Spool> {
        &self.shared.spool
    }

    /// Begins a message in the default group: its data file is created and locked, which allocates the identifier.
    ///
    /// # Errors
    /// No room, no permission, no free identifier.
    pub async fn create(&self, now: UnixTime) -> Result<Draft, QueueError> {
        self.create_in(DEFAULT_GROUP.as_bytes(), now).await
    }

    /// Begins a message in a queue group.
    ///
    /// # Errors
    /// As [`Queue::create`]; no such group.
    pub async fn create_in(&self, group: &[u8], now: UnixTime) -> Result<Draft, QueueError> {
        self.create_as(group, self.new_id(now), now).await
    }

    /// Returns a new identifier, for log lines that come before the message.
    pub fn new_id(&self, now: UnixTime) -> QueueId {
        self.shared.ids.lock().expect("no holder panics").next(now)
    }

    /// Begins a message in a queue group under an identifier of [`Queue::new_id`], or a newer one if a file has it.
    ///
    /// # Errors
    /// As [`Queue::create_in`].
    pub async fn create_as(&self, group: &[u8], first: QueueId, now: UnixTime) -> Result<Draft, QueueError> {
        let directory = self.pick_directory(group)?;
        let mut id = first;
        for _ in 0..ID_TRIES_MAX {
            let entry = EntryName { directory, id };
            match only(self.shared.spool.create(vec![entry.clone()]).await) {
                Ok(pair) => {
                    return Ok(Draft {
                        queue: self.clone(),
                        files: Some((Arc::new(pair.data), Arc::new(pair.control))),
                        entry,
                        buffer: Vec::new(),
                        len: 0,
                    });
                }
                Err(SpoolError::Taken(_)) => id = self.new_id(now),
                Err(source) => return Err(self.spool_error(directory, source)),
            }
        }
        Err(QueueError::NoId(self.path(directory)))
    }

    /// Checks that the disk has room for a message of `message_bytes` (0 if unknown) beside `MinFreeBlocks`.
    ///
    /// # Errors
    /// It has not, or cannot be asked.
    pub fn check_space(&self, message_bytes: u64) -> Result<(), QueueError> {
        for (directory, _) in (0_u16..).zip(self.shared.spool.directories()) {
            let space = self.shared.spool.space(directory).map_err(|source| {
                let what = self.path(directory);
                self.spool_error(directory, SpoolError::Io { step: Step::Measure, what, source })
            })?;
            let blocks_min = self.shared.options.free_blocks_min;
            let needed = blocks_min.saturating_add(message_bytes.div_ceil(space.block_bytes.max(1)));
            let blocks_free = space.blocks_free;
            if blocks_free < needed {
                let path = self.path(directory);
                return Err(QueueError::NoSpace { path, message_bytes, blocks_min, blocks_free });
            }
        }
        Ok(())
    }

    /// Locks and reads an entry; none if another works with it or it is gone.
    ///
    /// # Errors
    /// It cannot be read; or it is of no use and was set aside as `Qf` ([`QueueError::Lost`]).
    pub async fn claim(&self, name: &EntryName) -> Result<Option<Claimed>, QueueError> {
        let opened = only(self.shared.spool.open(vec![name.clone()], Hold::Lock).await);
        let open = match opened.map_err(|source| self.spool_error(name.directory, source))? {
            Opened::Open(open) => open,
            Opened::Gone | Opened::Busy => return Ok(None),
        };
        let OpenEntry { kind, control, data, .. } = open;
        let id = name.id.clone();
        let read = tokio::task::spawn_blocking(move || {
            let read = read_control(&id, &control);
            (control, read)
        });
        let (control, read) = read.await.map_err(|_| QueueError::Ending)?;
        let parsed = read.map_err(|source| self.io_error(name, Step::Read, source))?;
        let (envelope, data) = match (parsed, data) {
            (Err(reason), _) => return Err(self.set_aside(name, kind, reason).await),
            (_, None) => return Err(self.set_aside(name, kind, LostReason::NoData).await),
            (Ok(envelope), Some(data)) => (envelope, data),
        };
        let mut claimed = Claimed {
            queue: self.clone(),
            name: name.clone(),
            kind,
            control: Arc::new(control),
            body: Body::of(data),
            envelope,
        };
        claimed.envelope.size_bytes =
            claimed.body.size_bytes().map_err(|source| self.io_error(name, Step::Read, source))?;
        claimed.envelope.classify(&self.shared.options.precedences);
        claimed.envelope.occasion = Occasion::Run;
        Ok(Some(claimed))
    }

    /// Returns the entry with this identifier, in whatever directory it is.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub async fn locate(&self, id: &QueueId) -> Result<Option<Listed>, QueueError> {
        Ok(self.list().await?.into_iter().find(|listed| listed.name.id == *id))
    }

    /// Lists all entries of all directories, in no order.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub async fn list(&self) -> Result<Vec<Listed>, QueueError> {
        let mut all = Vec::new();
        for (directory, _) in (0_u16..).zip(self.shared.spool.directories()) {
            let files = self.shared.spool.list(directory).await;
            let files = files.map_err(|source| self.spool_error(directory, source))?;
            let entries = files.into_iter().filter(|(kind, _)| FileKind::CONTROLS.contains(kind));
            all.extend(entries.map(|(kind, id)| Listed { name: EntryName { directory, id }, kind }));
        }
        Ok(all)
    }

    /// Sets an entry that is of no use aside as `Qf`; returns the error that tells of it.
    async fn set_aside(&self, name: &EntryName, from: FileKind, reason: LostReason) -> QueueError {
        let lost = Move { entry: name.clone(), from, to: FileKind::Lost };
        if let Err(source) = only(self.shared.spool.rename(vec![lost]).await) {
            return self.spool_error(name.directory, source);
        }
        self.shared.committer.sync_soon(name.directory);
        QueueError::Lost { path: self.path(name.directory), entry: name.clone(), reason }
    }

    /// Returns the directory for the next entry of a group.
    fn pick_directory(&self, group: &[u8]) -> Result<u16, QueueError> {
        let places: Vec<u16> = (0_u16..)
            .zip(self.shared.spool.directories())
            .filter(|(_, directory)| directory.group == group)
            .map(|(place, _)| place)
            .collect();
        let turn = self.shared.turn.fetch_add(1, Ordering::Relaxed);
        match places.len() {
            // A group without directories of its own waits in those of the default one.
            0 if group != DEFAULT_GROUP.as_bytes() => self.pick_directory(DEFAULT_GROUP.as_bytes()),
            0 => Err(QueueError::NoGroup(group.into())),
            count => Ok(places[turn % count]),
        }
    }

    pub(super) fn precedences(&self) -> &[(BString, i64)] {
        &self.shared.options.precedences
    }

    fn path(&self, directory: u16) -> BString {
        self.shared.spool.directories().get(usize::from(directory)).map(|known| known.path.clone()).unwrap_or_default()
    }

    pub(super) fn spool_error(&self, directory: u16, source: SpoolError) -> QueueError {
        QueueError::Spool { path: self.path(directory), source }
    }

    fn io_error(&self, entry: &EntryName, step: Step, source: io::Error) -> QueueError {
        QueueError::Io { path: self.path(entry.directory), step, entry: entry.clone(), source }
    }
}

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
        &self.queue.shared.spool.directories()[usize::from(self.entry.directory)].group
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
        let mut chunk = vec![0; BUFFER_BYTES];
        let mut offset = 0;
        loop {
            let read = body.read_at(&mut chunk, offset);
            let len = read.map_err(|source| self.queue.io_error(&self.entry, Step::Read, source))?;
            if len == 0 {
                return Ok(());
            }
            self.write(&chunk[..len]).await?;
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
        Ok(Body { file: Arc::clone(self.data()) })
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
        match self.queue.shared.committer.commit(job).await {
            Outcome::Durable => {}
            Outcome::Failed(error) | Outcome::Unsynced(error) => return Err(error),
        }
        let mut envelope = envelope.clone();
        envelope.id = self.entry.id.clone();
        let (queue, name) = (self.queue.clone(), self.entry.clone());
        Ok(Claimed { queue, name, kind, control, body: Body { file: data }, envelope })
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
        let (file, spool) = (Arc::clone(self.data()), Arc::clone(&self.queue.shared.spool));
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
    let _ = queue.shared.spool.discard(vec![entry], Discard::Entry).await;
    drop(files);
}

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
        let begun = only(self.queue.shared.spool.begin_rewrite(vec![self.name.clone()]).await);
        let control = Arc::new(begun.map_err(|source| self.queue.spool_error(self.name.directory, source))?);
        let job = Job { entry: self.name.clone(), data: None, control: Arc::clone(&control), text, becomes: self.kind };
        match self.queue.shared.committer.commit(job).await {
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
        let removed = only(self.queue.shared.spool.remove(vec![self.name.clone()]).await);
        if let Err(source) = removed {
            let error = self.queue.spool_error(self.name.directory, source);
            return Err(Unwritten { claimed: Box::new(self), error });
        }
        self.queue.shared.committer.sync_soon(self.name.directory);
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
        let answer = only(self.queue.shared.spool.rename(vec![renamed]).await);
        answer.map_err(|source| self.queue.spool_error(self.name.directory, source))?;
        self.queue.shared.committer.sync_soon(self.name.directory);
        self.kind = to;
        Ok(())
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

/// Returns a number by lot (hash keys that the standard library draws): of several programs that put one message each into
/// the queue, not all begin with the first directory.
fn anywhere() -> usize {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) as usize >> 1
}

/// The body of a message: LF line ends, no dots stuffed. Copies are the same file.
#[derive(Clone, Debug)]
pub struct Body {
    file: Arc<File>,
}

impl Body {
    /// Returns the body in `file`.
    pub fn of(file: File) -> Self {
        Self { file: Arc::new(file) }
    }

    /// Returns the length in bytes.
    ///
    /// # Errors
    /// The file cannot be asked.
    pub fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Reads at `offset` into `buffer`; returns how many bytes were read, 0 at the end.
    ///
    /// # Errors
    /// The disk failed.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match self.file.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Returns device and number of the file, for the `I` line.
    fn file_id(&self) -> Option<DataFileId> {
        use std::os::unix::fs::MetadataExt;
        let metadata = self.file.metadata().ok()?;
        let device = metadata.dev();
        Some(DataFileId { major: major(device), minor: minor(device), inode: metadata.ino() })
    }
}

#[cfg(target_os = "linux")]
fn major(device: u64) -> u64 {
    nix::sys::stat::major(device)
}

#[cfg(target_os = "linux")]
fn minor(device: u64) -> u64 {
    nix::sys::stat::minor(device)
}

/// FreeBSD's split of a device number.
#[cfg(not(target_os = "linux"))]
fn major(device: u64) -> u64 {
    ((device >> 32) & 0xffff_ff00) | ((device >> 8) & 0xff)
}

#[cfg(not(target_os = "linux"))]
fn minor(device: u64) -> u64 {
    ((device >> 24) & 0xff00) | (device & 0xffff_00ff)
}

/// Reads a control file that is open.
///
/// # Errors
/// The disk failed; the inner error: the file is damaged.
pub fn read_control(id: &QueueId, control: &File) -> io::Result<Result<Envelope, LostReason>> {
    let len = control.metadata()?.len();
    if len > CONTROL_BYTES_MAX {
        return Ok(Err(LostReason::TooLarge));
    }
    let body = Body { file: Arc::new(control.try_clone()?) };
    let mut text = vec![0; usize::try_from(len).expect("below the limit")];
    let mut filled = 0;
    while filled < text.len() {
        match body.read_at(&mut text[filled..], filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    text.truncate(filled);
    Ok(format::read(id, &text).map_err(LostReason::from))
}

/// Returns the one answer to a request for one entry.
fn only<T>(answers: Vec<Result<T, SpoolError>>) -> Result<T, SpoolError> {
    answers.into_iter().next().unwrap_or_else(|| {
        let source = io::Error::other("the holder of the queue gave no answer");
        Err(SpoolError::Io { step: Step::Open, what: "queue".into(), source })
    })
}
