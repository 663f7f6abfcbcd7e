//! A spool that fails on command.

use std::fs::File;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::name::QueueId;
use crate::queue::DirectSpool;
use crate::queue::spool::{
    Answers, Discard, EntryName, FileKind, Hold, Move, Opened, Pair, Pending, Space, Spool, SpoolDirectory, SpoolError,
    Step, Swept,
};

/// What fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    List,
    Open(Hold),
}

/// A spool whose next steps of some kinds fail, each once.
pub(super) struct Faulty {
    spool: DirectSpool,
    faults: Mutex<Vec<Fault>>,
    locks: AtomicUsize,
}

impl Faulty {
    /// Returns `spool`, of which every one of `faults` befalls one step.
    pub(super) fn new(spool: DirectSpool, faults: &[Fault]) -> Self {
        Self { spool, faults: Mutex::new(faults.to_vec()), locks: AtomicUsize::new(0) }
    }

    /// Returns how often somebody wanted the locks of entries.
    pub(super) fn locks_wanted(&self) -> usize {
        self.locks.load(Ordering::SeqCst)
    }

    /// Fails if it is the turn of `fault`.
    fn check(&self, fault: Fault) -> Result<(), SpoolError> {
        let mut faults = self.faults.lock().expect("no panic");
        match faults.iter().position(|known| *known == fault) {
            Some(place) => {
                faults.remove(place);
                Err(SpoolError::Io { step: Step::Open, what: "it".into(), source: io::ErrorKind::TimedOut.into() })
            }
            None => Ok(()),
        }
    }
}

impl Spool for Faulty {
    fn directories(&self) -> &[SpoolDirectory] {
        self.spool.directories()
    }

    fn create(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<Pair>> {
        self.spool.create(entries)
    }

    fn open(&self, entries: Vec<EntryName>, hold: Hold) -> Pending<'_, Answers<Opened>> {
        Box::pin(async move {
            let answers = self.spool.open(entries, hold).await;
            self.locks.fetch_add(usize::from(hold == Hold::Lock), Ordering::SeqCst);
            answers.into_iter().map(|answer| self.check(Fault::Open(hold)).and(answer)).collect()
        })
    }

    fn begin_rewrite(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<File>> {
        self.spool.begin_rewrite(entries)
    }

    fn rename(&self, moves: Vec<Move>) -> Pending<'_, Answers<()>> {
        self.spool.rename(moves)
    }

    fn remove(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<()>> {
        self.spool.remove(entries)
    }

    fn discard(&self, entries: Vec<EntryName>, what: Discard) -> Pending<'_, Answers<()>> {
        self.spool.discard(entries, what)
    }

    fn sweep(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<Swept>> {
        self.spool.sweep(entries)
    }

    fn list(&self, directory: u16) -> Pending<'_, Result<Vec<(FileKind, QueueId)>, SpoolError>> {
        Box::pin(async move {
            self.check(Fault::List)?;
            self.spool.list(directory).await
        })
    }

    fn sync_directory(&self, directory: u16) -> io::Result<()> {
        self.spool.sync_directory(directory)
    }

    fn space(&self, directory: u16) -> Pending<'_, io::Result<Space>> {
        self.spool.space(directory)
    }
}
