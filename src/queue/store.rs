//! The queue as the rest of the program sees it: where drafts begin and waiting messages are found and locked.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use bstr::BString;

use super::body::Body;
use super::claimed::Claimed;
use super::commit::Committer;
use super::control::read_control;
use super::draft::Draft;
use super::error::{LostReason, QueueError};
use super::spool::{EntryName, FileKind, Hold, Move, OpenEntry, Opened, Spool, SpoolError, Step};
use crate::cf::{Config, DEFAULT_QUEUE_GROUP, SuperSafe};
use crate::mail::envelope::Occasion;
use crate::name::{QueueId, QueueIdMaker, UnixTime};

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

/// What comes of the wish to work with an entry.
#[derive(Debug)]
pub enum Claim {
    /// It is locked and read.
    Mine(Box<Claimed>),
    /// Another works with it.
    Busy,
    /// It is not there any more.
    Gone,
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
        self.create_in(DEFAULT_QUEUE_GROUP.as_bytes(), now).await
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
                Ok(pair) => return Ok(Draft::new(self.clone(), entry, pair)),
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
    pub async fn check_space(&self, message_bytes: u64) -> Result<(), QueueError> {
        for (directory, _) in (0_u16..).zip(self.shared.spool.directories()) {
            let space = self.shared.spool.space(directory).await.map_err(|source| {
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
        match self.try_claim(name).await? {
            Claim::Mine(claimed) => Ok(Some(*claimed)),
            Claim::Busy | Claim::Gone => Ok(None),
        }
    }

    /// As [`Queue::claim`], and tells what keeps it from being worked with.
    ///
    /// # Errors
    /// As [`Queue::claim`].
    pub async fn try_claim(&self, name: &EntryName) -> Result<Claim, QueueError> {
        let opened = only(self.shared.spool.open(vec![name.clone()], Hold::Lock).await);
        let open = match opened.map_err(|source| self.spool_error(name.directory, source))? {
            Opened::Open(open) => open,
            Opened::Busy => return Ok(Claim::Busy),
            Opened::Gone => return Ok(Claim::Gone),
        };
        let OpenEntry { kind, control, data, .. } = open;
        let id = name.id.clone();
        let read = tokio::task::spawn_blocking(move || {
            let read = read_control(&id, &control);
            (control, read)
        });
        let (control, read) = read.await.map_err(|_| QueueError::Ending)?;
        let parsed = read.map_err(|source| self.io_error(name, Step::Read, source))?;
        let (mut envelope, data) = match (parsed, data) {
            (Err(reason), _) => return Err(self.set_aside(name, kind, reason).await),
            (_, None) => return Err(self.set_aside(name, kind, LostReason::NoData).await),
            (Ok(envelope), Some(data)) => (envelope, data),
        };
        let body = Body::of(data);
        envelope.size_bytes += body.size_bytes().map_err(|source| self.io_error(name, Step::Read, source))?;
        envelope.classify(self.precedences());
        envelope.occasion = Occasion::Run;
        let claimed = Claimed::new(self.clone(), name.clone(), kind, Arc::new(control), body, envelope);
        Ok(Claim::Mine(Box::new(claimed)))
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
            0 if group != DEFAULT_QUEUE_GROUP.as_bytes() => self.pick_directory(DEFAULT_QUEUE_GROUP.as_bytes()),
            0 => Err(QueueError::NoGroup(group.into())),
            count => Ok(places[turn % count]),
        }
    }

    /// Returns what makes messages durable.
    pub(super) fn committer(&self) -> &Committer {
        &self.shared.committer
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

    pub(super) fn io_error(&self, entry: &EntryName, step: Step, source: io::Error) -> QueueError {
        QueueError::Io { path: self.path(entry.directory), step, entry: entry.clone(), source }
    }
}

/// Returns a number by lot (hash keys that the standard library draws): of several programs that put one message each into
/// the queue, not all begin with the first directory.
fn anywhere() -> usize {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) as usize >> 1
}

/// Returns the one answer to a request for one entry.
pub(super) fn only<T>(answers: Vec<Result<T, SpoolError>>) -> Result<T, SpoolError> {
    answers.into_iter().next().unwrap_or_else(|| {
        let source = io::Error::other("the holder of the queue gave no answer");
        Err(SpoolError::Io { step: Step::Open, what: "queue".into(), source })
    })
}
