//! A spool for programs that ask what would become of a message: it has room, and takes nothing.

use std::fs::File;
use std::io;

use super::spool::{
    Answers, Discard, EntryName, FileKind, Hold, Move, Opened, Pair, Pending, Space, Spool, SpoolDirectory, SpoolError,
    Step, Swept,
};
use crate::name::QueueId;

/// No queue at all.
#[derive(Debug)]
pub struct AbsentSpool {
    directories: Vec<SpoolDirectory>,
}

impl AbsentSpool {
    /// Returns the spool that stands for `directories`.
    pub fn new(directories: Vec<SpoolDirectory>) -> Self {
        Self { directories }
    }
}

/// Refuses a step.
fn refused<T>(step: Step) -> Result<T, SpoolError> {
    Err(SpoolError::Io {
        step,
        what: "a message that is only thought of".into(),
        source: io::ErrorKind::Unsupported.into(),
    })
}

/// Refuses a step for each of `entries`.
fn refused_each<E, T: Send + 'static>(entries: &[E], step: Step) -> Pending<'static, Answers<T>> {
    let answers = entries.iter().map(|_| refused(step)).collect();
    Box::pin(std::future::ready(answers))
}

impl Spool for AbsentSpool {
    fn directories(&self) -> &[SpoolDirectory] {
        &self.directories
    }

    fn create(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<Pair>> {
        refused_each(&entries, Step::Create)
    }

    fn open(&self, entries: Vec<EntryName>, _: Hold) -> Pending<'_, Answers<Opened>> {
        refused_each(&entries, Step::Open)
    }

    fn begin_rewrite(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<File>> {
        refused_each(&entries, Step::Create)
    }

    fn rename(&self, moves: Vec<Move>) -> Pending<'_, Answers<()>> {
        refused_each(&moves, Step::Rename)
    }

    fn remove(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<()>> {
        refused_each(&entries, Step::Remove)
    }

    fn discard(&self, entries: Vec<EntryName>, _: Discard) -> Pending<'_, Answers<()>> {
        refused_each(&entries, Step::Remove)
    }

    fn sweep(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<Swept>> {
        refused_each(&entries, Step::Remove)
    }

    fn list(&self, _: u16) -> Pending<'_, Result<Vec<(FileKind, QueueId)>, SpoolError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn sync_directory(&self, _: u16) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn space(&self, _: u16) -> Pending<'_, io::Result<Space>> {
        Box::pin(std::future::ready(Ok(Space { blocks_free: u64::MAX / 4, block_bytes: 1024 })))
    }
}
