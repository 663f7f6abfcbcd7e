//! Locks on open files, and the check that a lock is on the file one thinks.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::NixPath;
use nix::errno::Errno;
use nix::fcntl::AtFlags;
#[cfg(target_os = "linux")]
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::stat::{fstat, fstatat};

/// What to do when somebody else holds the lock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Patience {
    /// Come back at once without it.
    Try,
    /// Wait for it, however long.
    Wait,
}

/// Takes flock(2)'s exclusive lock; `false` when somebody else holds it.
///
/// The lock belongs to the open description: it ends when the last copy of the descriptor closes, in
/// whatever process. Whoever owns a [`std::fs::File`] alone can use its `lock` just as well.
pub fn exclusive(file: BorrowedFd<'_>, patience: Patience) -> io::Result<bool> {
    flock(file, libc::LOCK_EX, patience)
}

/// Takes flock(2)'s shared lock; `false` when somebody else holds the exclusive one.
pub fn shared(file: BorrowedFd<'_>, patience: Patience) -> io::Result<bool> {
    flock(file, libc::LOCK_SH, patience)
}

/// Ends a flock(2) lock for all copies of the descriptor.
pub fn unlock(file: BorrowedFd<'_>) -> io::Result<()> {
    flock(file, libc::LOCK_UN, Patience::Try).map(drop)
}

fn flock(file: BorrowedFd<'_>, operation: libc::c_int, patience: Patience) -> io::Result<bool> {
    let operation = operation | if patience == Patience::Try { libc::LOCK_NB } else { 0 };
    loop {
        // SAFETY: flock takes two numbers.
        match Errno::result(unsafe { libc::flock(file.as_raw_fd(), operation) }) {
            Ok(_) => return Ok(true),
            Err(Errno::EWOULDBLOCK) => return Ok(false),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Tries to take the whole file's record lock, which fcntl(2) users respect; `false` when held.
///
/// On Linux it belongs to the open description, like flock's. Elsewhere record locks and flock's are
/// kept in one list and would exclude each other, so nothing is taken there and the answer is `true`:
/// [`exclusive`] has done it already.
#[cfg(target_os = "linux")]
pub fn record(file: BorrowedFd<'_>) -> io::Result<bool> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_WRLCK))) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Tries to take the whole file's record lock; see the Linux version.
#[cfg(not(target_os = "linux"))]
pub fn record(_file: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(true)
}

/// Tells whether flock(2) and record locks on `file` are one and the same, as on NFS under Linux.
///
/// There only [`record`] may be taken: with both, a process waits for itself.
#[cfg(target_os = "linux")]
pub fn flock_is_record(file: BorrowedFd<'_>) -> bool {
    nix::sys::statfs::fstatfs(file).is_ok_and(|found| found.filesystem_type() == nix::sys::statfs::NFS_SUPER_MAGIC)
}

/// Tells whether flock(2) and record locks are one and the same and only [`record`] may be taken.
#[cfg(not(target_os = "linux"))]
pub fn flock_is_record(_file: BorrowedFd<'_>) -> bool {
    false
}

/// Ends the record lock that [`record`] took, for all copies of the descriptor.
#[cfg(target_os = "linux")]
pub fn release_record(file: BorrowedFd<'_>) -> io::Result<()> {
    fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_UNLCK)))?;
    Ok(())
}

/// Ends the record lock that [`record`] took, for all copies of the descriptor.
#[cfg(not(target_os = "linux"))]
pub fn release_record(_file: BorrowedFd<'_>) -> io::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
fn whole_file(kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// Tells whether `name` in `directory` is (still) the file that `file` has open.
///
/// Symbolic links are not followed. A name that does not exist is not the same file.
pub fn same_file<P: ?Sized + NixPath>(file: BorrowedFd<'_>, directory: impl AsFd, name: &P) -> io::Result<bool> {
    let open = fstat(file)?;
    match fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(named) => Ok(open.st_dev == named.st_dev && open.st_ino == named.st_ino),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn when_one_holds_the_lock_then_another_opening_does_not_get_it_until_the_last_copy_closes() {
        let room = tempfile::tempdir().unwrap();
        let name = room.path().join("file");
        let first = File::create(&name).unwrap();
        let second = File::open(&name).unwrap();
        assert!(exclusive(first.as_fd(), Patience::Try).unwrap());
        assert!(!exclusive(second.as_fd(), Patience::Try).unwrap());
        assert!(!shared(second.as_fd(), Patience::Try).unwrap());
        let copy = first.try_clone().unwrap();
        drop(first);
        assert!(!exclusive(second.as_fd(), Patience::Try).unwrap());
        drop(copy);
        assert!(exclusive(second.as_fd(), Patience::Try).unwrap());
        unlock(second.as_fd()).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn record_locks_exclude_each_other_but_not_flock() {
        let room = tempfile::tempdir().unwrap();
        let name = room.path().join("file");
        let first = File::create(&name).unwrap();
        let second = File::options().write(true).open(&name).unwrap();
        assert!(exclusive(first.as_fd(), Patience::Try).unwrap());
        assert!(record(first.as_fd()).unwrap());
        assert!(!record(second.as_fd()).unwrap());
        release_record(first.as_fd()).unwrap();
        assert!(record(second.as_fd()).unwrap());
        assert!(!flock_is_record(first.as_fd()));
    }

    #[test]
    fn when_a_name_is_replaced_then_it_is_another_file() {
        let room = tempfile::tempdir().unwrap();
        let directory = File::open(room.path()).unwrap();
        let file = File::create(room.path().join("a")).unwrap();
        assert!(same_file(file.as_fd(), &directory, "a").unwrap());
        std::os::unix::fs::symlink("a", room.path().join("b")).unwrap();
        assert!(!same_file(file.as_fd(), &directory, "b").unwrap());
        std::fs::remove_file(room.path().join("a")).unwrap();
        assert!(!same_file(file.as_fd(), &directory, "a").unwrap());
        File::create(room.path().join("a")).unwrap();
        assert!(!same_file(file.as_fd(), &directory, "a").unwrap());
    }
}
