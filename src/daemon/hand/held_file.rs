//! A file that is a recipient (`/file` in an alias or `.forward`): locked, appended to, cut back if that fails.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::geteuid;

use super::{Refusal, failure_of, refusal};
use crate::keeper::request::FailureKind;
use crate::sys::lock::{self, Patience};
use crate::sys::privilege::Acting;
use crate::sys::user::User;

/// A file that is held; dropped, it gets its old length back.
#[derive(Debug)]
pub(super) struct HeldFile {
    path: PathBuf,
    file: File,
    old_len: u64,
    kept: bool,
}

impl HeldFile {
    /// Opens and locks `path` with the rights of `user`; a file that is not there is made.
    pub(super) fn open(path: &Path, user: Option<&User>) -> Result<Self, Refusal> {
        let name = path.display().to_string();
        let acting = match user {
            Some(user) if geteuid().is_root() => {
                let groups = user.groups().map_err(|error| refusal(FailureKind::Temporary {}, error.to_string()))?;
                let acting = Acting::start(user.uid, user.gid, &groups);
                Some(acting.map_err(|error| refusal(FailureKind::Temporary {}, format!("{name}: {error}")))?)
            }
            _ => None,
        };
        let opened = open_for_appending(path);
        drop(acting);
        let file = opened.map_err(|error| failure_of(&name, &error))?;
        let locked = lock::exclusive(file.as_fd(), Patience::Try).map_err(|error| failure_of(&name, &error))?;
        if !locked {
            return Err(refusal(FailureKind::Locked {}, format!("{name}: locked by another")));
        }
        let old_len = file.metadata().map_err(|error| failure_of(&name, &error))?.len();
        Ok(Self { path: path.to_owned(), file, old_len, kept: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn old_len(&self) -> u64 {
        self.old_len
    }

    /// Returns the number of the file's owner.
    pub(super) fn owner(&self) -> Option<u32> {
        self.file.metadata().ok().map(|found| found.uid())
    }

    /// Keeps what was appended.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl AsFd for HeldFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for HeldFile {
    fn drop(&mut self) {
        if !self.kept {
            // If even that fails, the message stays in the queue and comes again whole.
            let _ = self.file.set_len(self.old_len);
        }
    }
}

/// Opens a file that mail is appended to: regular, with one name, and of no special rights.
fn open_for_appending(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
    let file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags.bits()).open(path)?;
    let found = file.metadata()?;
    let bad = match () {
        () if !found.is_file() => Some("not a regular file"),
        () if found.nlink() != 1 => Some("it has another name (hard link)"),
        () if found.mode() & 0o6111 != 0 => Some("it is executable"),
        () => None,
    };
    match bad {
        Some(why) => Err(io::Error::new(io::ErrorKind::PermissionDenied, why)),
        None => Ok(file),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn when_it_is_not_kept_then_the_old_length_is_back() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("file");
        fs::write(&path, "old").expect("written");
        let held = HeldFile::open(&path, None).expect("opened");
        File::from(held.as_fd().try_clone_to_owned().expect("a copy")).write_all(b"new").expect("appended");
        assert!(HeldFile::open(&path, None).is_err_and(|failure| failure.kind == FailureKind::Locked {}));
        drop(held);
        assert_eq!(fs::read(&path).expect("there"), b"old");
        let held = HeldFile::open(&path, None).expect("opened");
        File::from(held.as_fd().try_clone_to_owned().expect("a copy")).write_all(b"new").expect("appended");
        held.keep();
        assert_eq!(fs::read(&path).expect("there"), b"oldnew");
    }

    #[test]
    fn links_and_programs_are_refused() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("file");
        fs::write(&path, "x").expect("written");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("linked");
        HeldFile::open(&link, None).expect_err("a link");
        fs::hard_link(&path, folder.path().join("two")).expect("linked");
        HeldFile::open(&path, None).expect_err("two names");
        HeldFile::open(folder.path(), None).expect_err("a directory");
    }
}
