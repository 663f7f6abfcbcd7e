//! Why the queue cannot take, find or keep a message; always temporary, and it says what to do.

use std::io;

use bstr::BString;

use super::format::{BadControl, BadField};
use super::spool::{EntryName, SpoolError, Step};
use crate::mail::reply::Reply;
use crate::name::{Status, Sysexit};
use crate::sys::errors::reason;

/// The queue could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Less room than `MinFreeBlocks` and the message need.
    #[error("low on space (needs {message_bytes} bytes + {blocks_min} blocks in {path}), max avail: {blocks_free}")]
    NoSpace {
        /// The queue directory.
        path: BString,
        /// The announced size of the message.
        message_bytes: u64,
        /// `MinFreeBlocks`.
        blocks_min: u64,
        /// Blocks free.
        blocks_free: u64,
    },
    /// The holder of the directory failed.
    #[error("{path}: {source}")]
    Spool {
        /// The queue directory.
        path: BString,
        /// The step and the reason.
        source: SpoolError,
    },
    /// Writing or syncing failed.
    #[error("{path}: cannot {step} {entry}: {}", reason(.source))]
    Io {
        /// The queue directory.
        path: BString,
        /// What was done.
        step: Step,
        /// The entry.
        entry: EntryName,
        /// Why not.
        source: io::Error,
    },
    /// The envelope holds what no control file can.
    #[error("{0}")]
    Field(#[from] BadField),
    /// The control file is damaged; it was set aside.
    #[error("{path}/qf{entry}: {reason}; set aside as Qf{entry}: mend it and rename it to qf{entry}")]
    Lost {
        /// The queue directory.
        path: BString,
        /// The entry.
        entry: EntryName,
        /// Why.
        reason: LostReason,
    },
    /// No queue group of that name.
    #[error("Queue group {0} unknown")]
    NoGroup(BString),
    /// No free identifier was found in a hundred tries.
    #[error("{0}: no free queue identifier")]
    NoId(BString),
    /// The process is about to end.
    #[error("shutting down; try again later")]
    Ending,
}

/// Why an entry is of no use.
#[derive(Debug, thiserror::Error)]
pub enum LostReason {
    /// The control file is damaged.
    #[error("{0}")]
    Damaged(#[from] BadControl),
    /// The body is gone.
    #[error("its data file is missing")]
    NoData,
    /// The control file is larger than any of ours.
    #[error("file too large")]
    TooLarge,
}

impl QueueError {
    /// Tells whether the disk is full or a limit of the process is reached.
    pub fn is_full(&self) -> bool {
        match self {
            Self::NoSpace { .. } => true,
            Self::Spool { source, .. } => source.is_full(),
            Self::Io { source, .. } => is_full(source),
            _ => false,
        }
    }

    /// Returns the exit status a submission ends with.
    pub fn sysexit(&self) -> Sysexit {
        match self {
            Self::Io { source, .. } if !is_full(source) => Sysexit::IoErr,
            Self::Spool { source: SpoolError::Io { source, .. }, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Sysexit::NoPerm
            }
            Self::Field(_) => Sysexit::DataErr,
            _ => Sysexit::TempFail,
        }
    }

    /// Returns what an SMTP client is told; the details go to the log only.
    pub fn reply(&self) -> Reply {
        match self {
            _ if self.is_full() => {
                Reply::new(452, Some(Status::new(4, 4, 5)), "Insufficient disk space; try again later")
            }
            Self::Ending => Reply::new(421, Some(Status::new(4, 3, 2)), "Shutting down; try again later"),
            Self::Field(_) => Reply::new(554, Some(Status::new(5, 6, 0)), "Message cannot be queued"),
            _ => Reply::new(451, Some(Status::new(4, 3, 0)), "Queue error; try again later"),
        }
    }
}

/// Tells whether an error means that something is full.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge
            | io::ErrorKind::OutOfMemory
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_as_the_original_does() {
        let source = io::Error::from(io::ErrorKind::StorageFull);
        let entry = EntryName { directory: 0, id: "6AMAKU11004711".parse().expect("an id") };
        let error = QueueError::Io { path: "/q".into(), step: Step::Write, entry, source };
        assert!(error.is_full());
        assert_eq!(error.sysexit(), Sysexit::TempFail);
        assert_eq!(error.reply().code, 452);
    }
}
