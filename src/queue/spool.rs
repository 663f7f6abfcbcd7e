//! What a holder of queue directories does: it names, creates, locks, renames and removes files.
//!
//! All else (reading, writing, syncing) goes through descriptors, so that a process without any permission can keep a
//! queue. Every request takes a batch: a hand answers it with one packet.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io;
use std::pin::Pin;

use bstr::BString;

use crate::name::QueueId;
use crate::sys::errors::reason;

/// An answer that may come at once or later.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Answers in the order of the batch.
pub type Answers<T> = Vec<Result<T, SpoolError>>;

/// The two letters before the identifier in a file name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum FileKind {
    /// `df`: the body.
    Data,
    /// `qf`: envelope and header; its name is the message.
    Control,
    /// `hf`: the same for a quarantined message.
    Quarantined,
    /// `Qf`: the same for a message that nobody could work with.
    Lost,
    /// `tf`: a control file that is being written.
    New,
    /// `xf`: what was said during delivery.
    Transcript,
}

impl FileKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Data, Self::Control, Self::Quarantined, Self::Lost, Self::New, Self::Transcript];

    /// The kinds that hold envelope and header.
    pub const CONTROLS: [Self; 3] = [Self::Control, Self::Quarantined, Self::Lost];

    /// Returns the letters.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Data => "df",
            Self::Control => "qf",
            Self::Quarantined => "hf",
            Self::Lost => "Qf",
            Self::New => "tf",
            Self::Transcript => "xf",
        }
    }

    /// Takes a file name apart; none if it belongs to no queue entry.
    pub fn split(name: &[u8]) -> Option<(Self, QueueId)> {
        let (prefix, id) = name.split_at_checked(2)?;
        let kind = Self::ALL.into_iter().find(|kind| kind.prefix().as_bytes() == prefix)?;
        Some((kind, QueueId::from_bytes(id).ok()?))
    }

    /// Tells whether a file of this kind may be renamed to `other`: the only moves between the drawn states.
    pub fn may_become(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::New, Self::Control | Self::Quarantined)
                | (Self::Control, Self::Quarantined | Self::Lost)
                | (Self::Quarantined, Self::Control | Self::Lost)
        )
    }
}

/// An entry of a queue: in which directory and under which identifier.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EntryName {
    /// The directory, by its place in [`Spool::directories`].
    pub directory: u16,
    /// The identifier.
    pub id: QueueId,
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

/// One queue directory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SpoolDirectory {
    /// The queue group it belongs to; the default one is `mqueue`.
    pub group: BString,
    /// Its path, for messages only.
    pub path: BString,
}

/// A file to be renamed within its directory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Move {
    /// The entry.
    pub entry: EntryName,
    /// What the file is now.
    pub from: FileKind,
    /// What it becomes; a file of that kind is replaced.
    pub to: FileKind,
}

/// The two new files of an entry, both locked.
#[derive(Debug)]
pub struct Pair {
    /// `df`, empty, for reading and writing.
    pub data: File,
    /// `tf`, empty, for reading and writing.
    pub control: File,
}

/// How an entry is opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hold {
    /// Its control file (`qf`, else `hf`) is locked; an entry that another works with is [`Opened::Busy`].
    Lock,
    /// It is only read; the lock is tried and given back.
    Look,
    /// As [`Hold::Look`], for a lost entry (`Qf`).
    LookLost,
}

/// What is taken back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Discard {
    /// A new entry: the control file if it stands after all, `tf`, then `df`.
    Entry,
    /// A rewritten control file: `tf` only.
    Rewrite,
}

/// An entry that was asked for.
#[derive(Debug)]
pub enum Opened {
    /// No such control file, or no longer.
    Gone,
    /// Another process holds the lock.
    Busy,
    /// Open.
    Open(OpenEntry),
}

/// An open entry.
#[derive(Debug)]
pub struct OpenEntry {
    /// What the control file is.
    pub kind: FileKind,
    /// The control file, for reading; locked if it was opened with [`Hold::Lock`].
    pub control: File,
    /// The data file, for reading; none if it is missing.
    pub data: Option<File>,
    /// Whether another process holds the lock (only after a look).
    pub busy: bool,
}

/// What became of an orphan.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Swept {
    /// It was removed.
    Removed,
    /// Somebody is working with it.
    InUse,
    /// It is no orphan: a control file stands beside it.
    Owned,
    /// It has gone by itself.
    Gone,
}

/// Room on the disk of a queue directory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Space {
    /// Blocks that may still be used without special rights.
    pub blocks_free: u64,
    /// Size of such a block in bytes.
    pub block_bytes: u64,
}

/// A step of the work with a queue directory, as messages name it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Creating the files of an entry.
    Create,
    /// Locking.
    Lock,
    /// Opening.
    Open,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Syncing a file or a directory to disk.
    Sync,
    /// Renaming.
    Rename,
    /// Removing.
    Remove,
    /// Listing the directory.
    List,
    /// Asking for free blocks.
    Measure,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Lock => "lock",
            Self::Open => "open",
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::List => "list",
            Self::Measure => "measure",
        })
    }
}

/// A step failed.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The identifier is taken; another one must be tried.
    #[error("{0}: the queue identifier is taken")]
    Taken(EntryName),
    /// The system refused.
    #[error("cannot {step} {what}: {}", reason(.source))]
    Io {
        /// What was done.
        step: Step,
        /// To which file.
        what: BString,
        /// Why not.
        source: io::Error,
    },
    /// The file is not what it should be (a link, a device, a foreign owner): somebody plays tricks.
    #[error("{what}: {why}; look who made it and move it away")]
    Unsafe {
        /// The file.
        what: BString,
        /// What is wrong.
        why: &'static str,
    },
    /// The same, as another holder has told it.
    #[error("{0}")]
    Told(BString),
    /// The rename is not one between the drawn states.
    #[error("{entry}: {from:?} does not become {to:?}")]
    BadMove {
        /// The entry.
        entry: EntryName,
        /// What it is.
        from: FileKind,
        /// What was asked for.
        to: FileKind,
    },
}

impl SpoolError {
    /// Tells whether the disk, a quota or a table is full, or a limit of the process is reached.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if super::error::is_full(source))
    }
}

/// A holder of queue directories.
///
/// Implemented for a process that may open the files itself, for one that asks a hand, and for a disk that fails on
/// command. Locks end with the last copy of the descriptor that came with them.
pub trait Spool: Send + Sync {
    /// Returns the directories; an [`EntryName`] counts them from 0.
    fn directories(&self) -> &[SpoolDirectory];

    /// Creates `df` and `tf` of new entries exclusively, locks both, and checks that the names are still theirs.
    fn create(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<Pair>>;

    /// Opens entries; with [`Hold::Lock`] it locks first and then compares the name with the descriptor.
    fn open(&self, entries: Vec<EntryName>, hold: Hold) -> Pending<'_, Answers<Opened>>;

    /// Creates and locks a new `tf` beside control files the caller has locked; a stale one is replaced.
    fn begin_rewrite(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<File>>;

    /// Renames files; the commit is `tf` → `qf`.
    fn rename(&self, moves: Vec<Move>) -> Pending<'_, Answers<()>>;

    /// Removes entries the caller has locked: control file first, then data file and transcript.
    fn remove(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<()>>;

    /// Removes what the caller created and has not committed.
    fn discard(&self, entries: Vec<EntryName>, what: Discard) -> Pending<'_, Answers<()>>;

    /// Removes `tf`, `df`, `xf` of an entry that has no control file, by lock and not by age.
    fn sweep(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<Swept>>;

    /// Lists the files of a directory.
    fn list(&self, directory: u16) -> Pending<'_, Result<Vec<(FileKind, QueueId)>, SpoolError>>;

    /// Syncs the names of a directory to disk; may take long.
    fn sync_directory(&self, directory: u16) -> io::Result<()>;

    /// Returns the room on the disk of a directory.
    fn space(&self, directory: u16) -> Pending<'_, io::Result<Space>>;

    /// Writes all of `bytes` at the end of a file.
    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        io::Write::write_all(&mut file, bytes)
    }

    /// Syncs the contents of a file to disk, and what is needed to read them again; may take long.
    fn sync_file(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_taken_apart_and_put_together() {
        for kind in FileKind::ALL {
            let name = format!("{}6AMAKU11004711", kind.prefix());
            let (found, id) = FileKind::split(name.as_bytes()).expect("an entry");
            assert_eq!((found, id.as_str()), (kind, "6AMAKU11004711"));
        }
        for name in ["", "q", "qf", "zf6AMAKU11004711", "qf../../etc/passwd", "core"] {
            assert_eq!(FileKind::split(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn only_drawn_moves_are_allowed() {
        assert!(FileKind::New.may_become(FileKind::Control));
        assert!(FileKind::Control.may_become(FileKind::Lost));
        assert!(!FileKind::Data.may_become(FileKind::Control));
        assert!(!FileKind::Lost.may_become(FileKind::Control));
    }
}
