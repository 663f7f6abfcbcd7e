//! What can go wrong with a mailbox, decided once as temporary or permanent.

use std::path::PathBuf;

use bstr::BString;
use nix::errno::Errno;

use crate::name::{Status, Sysexit};
use crate::sys::errors::reason_of;

/// Why mail did not get into a mailbox; `Display` is the text the original shows.
// QUIRK(mail-local-exit): the original guesses the exit status from errno, so that EIO, EACCES or an
// unmounted spool return mail to its sender in plain mode. Here what may pass is temporary throughout.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MailboxError {
    /// There is no such user.
    #[error("{name}: User unknown")]
    UnknownUser {
        /// The name looked for.
        name: BString,
    },
    /// The user database did not answer.
    #[error("{name}: User database failure; retry later")]
    UserDatabase {
        /// The name looked for.
        name: BString,
    },
    /// The user has no home directory to deliver into.
    #[error("{name}: User missing home directory")]
    NoHome {
        /// The user.
        name: BString,
    },
    /// The user's name cannot be the name of a mailbox.
    #[error("{name}: Invalid mailbox path")]
    BadName {
        /// The user.
        name: BString,
    },
    /// The mailbox has other names, or is a directory.
    #[error("{path}: too many links", path = path.display())]
    Links {
        /// The mailbox.
        path: PathBuf,
    },
    /// The mailbox is a symbolic link, FIFO, device or socket.
    #[error("{path}: irregular file", path = path.display())]
    Irregular {
        /// The mailbox.
        path: PathBuf,
    },
    /// The mailbox belongs to somebody else.
    #[error("{path}: wrong ownership ({uid})", path = path.display())]
    Owner {
        /// The mailbox.
        path: PathBuf,
        /// Whose it is.
        uid: u32,
    },
    /// The mailbox was replaced again and again while it was being opened.
    #[error("{path}: fstat: file changed after open", path = path.display())]
    Changed {
        /// The mailbox.
        path: PathBuf,
    },
    /// Somebody else held a lock for all the time that was given.
    #[error("lockmailbox {path} failed; error code 75 ", path = path.display())]
    Locked {
        /// The mailbox.
        path: PathBuf,
    },
    /// A system call failed.
    #[error("{path}: {text}", path = path.display(), text = reason_of(*errno))]
    Io {
        /// The mailbox or its directory.
        path: PathBuf,
        /// The answer of the system.
        errno: Errno,
    },
    /// The mailbox's owner has used up a quota that counts as final (`-b`).
    #[error("{path}: {text}", path = path.display(), text = reason_of(Errno::EDQUOT))]
    Quota {
        /// The mailbox.
        path: PathBuf,
    },
    /// The user's rights could not be taken on.
    #[error("{path}: cannot act as the user: {reason}", path = path.display())]
    Rights {
        /// The mailbox.
        path: PathBuf,
        /// The call that failed and its answer.
        reason: String,
    },
}

impl MailboxError {
    /// Makes full quotas final where the site wants them so (`-b`); leaves other errors alone.
    #[must_use]
    pub fn with_final_quota(self) -> Self {
        match self {
            Self::Io { path, errno: Errno::EDQUOT } => Self::Quota { path },
            other => other,
        }
    }

    /// Tells whether trying again later can help.
    pub fn is_temporary(&self) -> bool {
        self.code() < 500
    }

    /// Returns the reply code LMTP gives for it.
    pub fn code(&self) -> u16 {
        match self {
            Self::UnknownUser { .. }
            | Self::NoHome { .. }
            | Self::BadName { .. }
            | Self::Links { .. }
            | Self::Irregular { .. }
            | Self::Owner { .. } => 550,
            Self::Quota { .. } => 552,
            Self::UserDatabase { .. } | Self::Locked { .. } | Self::Rights { .. } => 451,
            Self::Io { .. } | Self::Changed { .. } => 450,
        }
    }

    /// Returns the enhanced status code.
    pub fn status(&self) -> Status {
        match self {
            Self::UnknownUser { .. } | Self::NoHome { .. } | Self::BadName { .. } => Status::new(5, 1, 1),
            Self::Links { .. } | Self::Irregular { .. } | Self::Owner { .. } => Status::new(5, 2, 0),
            Self::Quota { .. } => Status::new(5, 2, 2),
            Self::UserDatabase { .. } | Self::Locked { .. } | Self::Rights { .. } => Status::new(4, 3, 0),
            Self::Io { .. } | Self::Changed { .. } => Status::new(4, 2, 0),
        }
    }

    /// Returns the status a program exits with for it.
    pub fn exit(&self) -> Sysexit {
        if self.is_temporary() { Sysexit::TempFail } else { Sysexit::Unavailable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: &MailboxError, expected: &str, exit: Sysexit) {
        assert_eq!(format!("{} {} {error}", error.code(), error.status()), expected);
        assert_eq!(error.exit(), exit);
        assert_eq!(error.is_temporary(), error.status().is_temporary());
    }

    #[test]
    fn texts_and_codes_are_the_originals() {
        let path = PathBuf::from("/var/mail/u");
        let io = |errno| MailboxError::Io { path: path.clone(), errno };
        let unknown = MailboxError::UnknownUser { name: "u".into() };
        check(&unknown, "550 5.1.1 u: User unknown", Sysexit::Unavailable);
        let owner = MailboxError::Owner { path: path.clone(), uid: 0 };
        check(&owner, "550 5.2.0 /var/mail/u: wrong ownership (0)", Sysexit::Unavailable);
        check(&io(Errno::ENOSPC), "450 4.2.0 /var/mail/u: No space left on device", Sysexit::TempFail);
        check(&io(Errno::EDQUOT), "450 4.2.0 /var/mail/u: Disk quota exceeded", Sysexit::TempFail);
        let full = io(Errno::EDQUOT).with_final_quota();
        check(&full, "552 5.2.2 /var/mail/u: Disk quota exceeded", Sysexit::Unavailable);
        let locked = MailboxError::Locked { path };
        check(&locked, "451 4.3.0 lockmailbox /var/mail/u failed; error code 75 ", Sysexit::TempFail);
    }
}
