//! Opening a mailbox as its user, with every lock that others honour.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use bstr::ByteSlice;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open as open_path, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::{Gid, Uid, fchown, ftruncate, geteuid};

use super::dot_lock::{DotLock, Expected, Leftover, Taken};
use super::place::Target;
use super::{MailboxError, Place};
use crate::sys::lock::{self, Patience};
use crate::sys::privilege::Acting;
use crate::sys::user::User;

/// How often a mailbox may be replaced under our hands before that is an error.
const OPEN_TRIES_MAX: usize = 5;

/// The first pause between two tries to get the locks; doubled up to [`PAUSE_MAX`].
const PAUSE_FIRST: Duration = Duration::from_millis(10);

/// The longest pause: how late a freed lock may be noticed.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// The permissions of a new mailbox.
const NEW_MODE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// How much of a torn end is looked at in one piece, in bytes.
const WINDOW_BYTES: usize = 64 * 1024;

/// Opens `user`'s mailbox for appending what is `expected` and takes its locks, trying for as long as `patience`.
///
/// A successor that finds us killed cuts off what can be that, and nothing if it finds anything else.
/// As root this acts as the user (single-threaded processes only), except in a directory that only
/// root can write. Where the mailbox does not exist it is created with mode 0600. It must be a plain
/// file with one name that belongs to the user. Waiting blocks the calling thread.
pub fn open(place: &Place, user: &User, expected: Expected, patience: Duration) -> Result<Locked, MailboxError> {
    let target = place.of(user)?;
    let path = target.path();
    let (directory, rights) = enter(&target, user)?;
    let opening = Opening { path, directory, name: target.name.as_bytes().to_vec(), user, rights, expected };
    // A second look at once: the first may have cleared a dead owner's lock away.
    if let Some(locked) = opening.attempt()? {
        return Ok(locked);
    }
    let deadline = Instant::now() + patience;
    let mut pause = PAUSE_FIRST;
    loop {
        if let Some(locked) = opening.attempt()? {
            return Ok(locked);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(MailboxError::Locked { path: opening.path });
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// A mailbox that is open and locked until this value goes.
///
/// Dropped without [`Self::keep`], the mailbox gets its old length back.
#[derive(Debug)]
pub struct Locked {
    path: PathBuf,
    file: File,
    old_len: u64,
    separator: &'static [u8],
    /// Taken when the hold ends.
    held: Option<Held>,
}

/// What has to be given back at the end of a hold.
#[derive(Debug)]
struct Held {
    dot_lock: DotLock,
    rights: Rights,
}

impl Locked {
    /// Returns the mailbox's path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the descriptor, open for appending only; copies of it may be passed on.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Returns the mailbox's length before anything is appended, in bytes.
    pub fn old_len(&self) -> u64 {
        self.old_len
    }

    /// Returns what the first message must be preceded by so that it follows a blank line.
    ///
    /// Nothing, one line end, or two where somebody left half a line.
    pub fn separator(&self) -> &'static [u8] {
        self.separator
    }

    /// Ends the hold with what has been appended; only after this success may be told.
    ///
    /// Until then a successor that finds us killed cuts the mailbox back.
    pub fn keep(mut self) -> Result<(), MailboxError> {
        self.release()
    }

    /// Cuts off what has been appended and ends the hold.
    pub fn restore(mut self) -> Result<(), MailboxError> {
        let cut = self.cut();
        self.release().and(cut)
    }

    fn cut(&mut self) -> Result<(), MailboxError> {
        let failed = |errno| MailboxError::Io { path: self.path.clone(), errno };
        let now = fstat(&self.file).map_err(failed)?.st_size;
        let old = i64::try_from(self.old_len).map_err(|_| failed(Errno::EOVERFLOW))?;
        if now > old {
            ftruncate(&self.file, old).map_err(failed)?;
        }
        Ok(())
    }

    fn release(&mut self) -> Result<(), MailboxError> {
        let Some(Held { dot_lock, rights }) = self.held.take() else { return Ok(()) };
        let path = &self.path;
        // The dot-lock goes first: who sees it gone finds the other locks gone a moment later.
        let removed = {
            let _acting = rights.take_on(path)?;
            dot_lock.release().map_err(|errno| MailboxError::Io { path: path.clone(), errno })
        };
        // Named here, as a copy of the descriptor may still be open in another process.
        let unlocked = lock::unlock(self.file()).and_then(|()| lock::release_record(self.file()));
        removed.and(unlocked.map_err(|error| {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
            MailboxError::Io { path: path.clone(), errno }
        }))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        if self.held.is_some() {
            // Nobody is left to tell; the remark in the lock file stays true if this fails.
            let _ = self.cut();
            let _ = self.release();
        }
    }
}

/// Whose rights the files of a mailbox are handled with.
#[derive(Clone, Debug)]
enum Rights {
    /// Those this process has.
    Own,
    /// The user's, with this group first.
    User { uid: u32, gid: u32, groups: Vec<u32> },
}

impl Rights {
    fn take_on(&self, path: &Path) -> Result<Option<Acting>, MailboxError> {
        match self {
            Self::Own => Ok(None),
            Self::User { uid, gid, groups } => Acting::start(*uid, *gid, groups)
                .map(Some)
                .map_err(|error| MailboxError::Rights { path: path.to_owned(), reason: error.to_string() }),
        }
    }
}

/// Opens the directory and decides with whose rights to work in it.
fn enter(target: &Target, user: &User) -> Result<(OwnedFd, Rights), MailboxError> {
    let failed = |errno| MailboxError::Io { path: target.path(), errno };
    let database = |_| MailboxError::UserDatabase { name: user.name.clone() };
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let rights = |gid, groups| Rights::User { uid: user.uid, gid, groups };
    if target.is_home && geteuid().is_root() {
        let rights = rights(user.gid, user.groups().map_err(database)?);
        let _acting = rights.take_on(&target.directory)?;
        let directory = open_path(&target.directory, flags, Mode::empty()).map_err(failed)?;
        return Ok((directory, rights));
    }
    let directory = open_path(&target.directory, flags, Mode::empty()).map_err(failed)?;
    let found = fstat(&directory).map_err(failed)?;
    let rights = if !geteuid().is_root() || (found.st_uid == 0 && found.st_mode & 0o022 == 0) {
        Rights::Own
    } else if found.st_mode & 0o020 != 0 {
        // A spool of group mail: its group is what lets lock files and mailboxes be made.
        rights(found.st_gid, vec![user.gid])
    } else {
        rights(user.gid, Vec::new())
    };
    Ok((directory, rights))
}

/// One mailbox to be opened, with what every attempt needs.
struct Opening<'a> {
    path: PathBuf,
    directory: OwnedFd,
    name: Vec<u8>,
    user: &'a User,
    rights: Rights,
    expected: Expected,
}

impl Opening<'_> {
    /// Tries once to open and take every lock; `None` when somebody holds one.
    fn attempt(&self) -> Result<Option<Locked>, MailboxError> {
        let acting = self.rights.take_on(&self.path)?;
        let file = self.open_checked()?;
        // These first: while a killed owner's heir still writes, its dot-lock must keep its remark.
        if !self.lock_file(&file)? {
            return Ok(None);
        }
        let lock_name = [self.name.as_slice(), b".lock"].concat();
        let taken = DotLock::take(self.directory.as_fd(), &lock_name).map_err(|errno| self.failed(errno))?;
        let Taken::Ours(mut dot_lock, leftover) = taken else {
            if acting.is_some() {
                // In a sticky spool only root can remove what another user has left there.
                drop(acting);
                DotLock::clear_stale(self.directory.as_fd(), &lock_name).map_err(|errno| self.failed(errno))?;
            }
            return Ok(None);
        };
        let prepared = self.prepare(&file, &mut dot_lock, leftover);
        let Ok(Some((old_len, separator))) = prepared else {
            dot_lock.release().map_err(|errno| self.failed(errno))?;
            return prepared.map(|_| None);
        };
        let held = Some(Held { dot_lock, rights: self.rights.clone() });
        Ok(Some(Locked { path: self.path.clone(), file, old_len, separator, held }))
    }

    /// Takes flock(2)'s and fcntl(2)'s lock without waiting; `false` when somebody else holds one.
    fn lock_file(&self, file: &File) -> Result<bool, MailboxError> {
        let failed = |error: std::io::Error| self.failed(Errno::from_raw(error.raw_os_error().unwrap_or(0)));
        let flocked =
            lock::flock_is_record(file.as_fd()) || lock::exclusive(file.as_fd(), Patience::Try).map_err(failed)?;
        Ok(flocked && lock::record(file.as_fd()).map_err(failed)?)
    }

    /// Mends what a killed owner left, then looks at the end of the file and writes its length down.
    ///
    /// `None` when the file was replaced before the locks were complete.
    fn prepare(
        &self,
        file: &File,
        dot_lock: &mut DotLock,
        leftover: Option<Leftover>,
    ) -> Result<Option<(u64, &'static [u8])>, MailboxError> {
        let failed = |errno| self.failed(errno);
        let lost =
            |error: std::io::Error| failed(Errno::from_raw(error.raw_os_error().unwrap_or(Errno::ENOSPC as i32)));
        if !lock::same_file(file.as_fd(), &self.directory, self.name.as_slice()).map_err(lost)? {
            return Ok(None);
        }
        let reader = self.open_reader(file);
        if let (Some(leftover), Some(reader)) = (leftover, &reader) {
            self.mend(file, reader, leftover)?;
        }
        let found = fstat(file).map_err(failed)?;
        // The first opening looked before the locks; only now nobody else may add a name.
        self.check(&found)?;
        let length = u64::try_from(found.st_size).unwrap_or(0);
        let separator = reader.map_or(Ok(&b""[..]), |reader| separator(&reader, length)).map_err(lost)?;
        dot_lock.remember(&self.remark_of(&found)).map_err(lost)?;
        Ok(Some((length, separator)))
    }

    /// Cuts off the torn end of a killed owner, unless others have written since.
    fn mend(&self, file: &File, reader: &File, leftover: Leftover) -> Result<(), MailboxError> {
        let found = fstat(file).map_err(|errno| self.failed(errno))?;
        let now = self.remark_of(&found);
        let is_ours = now.device == leftover.device && now.inode == leftover.inode;
        if is_ours && now.length > leftover.length && is_no_more_than(&leftover, reader, now.length) {
            let length = i64::try_from(leftover.length).map_err(|_| self.failed(Errno::EOVERFLOW))?;
            ftruncate(file, length).map_err(|errno| self.failed(errno))?;
        }
        Ok(())
    }

    /// Opens the mailbox, creating it where there is none, and checks what it is before and after.
    fn open_checked(&self) -> Result<File, MailboxError> {
        let flags = OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
        for _ in 0..OPEN_TRIES_MAX {
            let named = match self.stat_name() {
                Ok(named) => named,
                Err(Errno::ENOENT) => match self.create(flags)? {
                    Some(file) => return Ok(file),
                    None => continue,
                },
                Err(errno) => return Err(self.failed(errno)),
            };
            if !self.is_half_made(&named) {
                self.check(&named)?;
            }
            let file = match openat(&self.directory, self.name.as_slice(), flags | OFlag::O_NONBLOCK, Mode::empty()) {
                Ok(file) => File::from(file),
                // Replaced since by nothing, a link, or a FIFO that nobody reads.
                Err(Errno::ENOENT | Errno::ELOOP | Errno::EMLINK | Errno::ENXIO) => continue,
                Err(errno) => return Err(self.failed(errno)),
            };
            let opened = fstat(&file).map_err(|errno| self.failed(errno))?;
            if (opened.st_dev, opened.st_ino) == (named.st_dev, named.st_ino) {
                if self.is_half_made(&opened) {
                    self.give(&file)?;
                } else {
                    self.check(&opened)?;
                }
                return Ok(file);
            }
        }
        Err(MailboxError::Changed { path: self.path.clone() })
    }

    fn stat_name(&self) -> nix::Result<FileStat> {
        fstatat(&self.directory, self.name.as_slice(), AtFlags::AT_SYMLINK_NOFOLLOW)
    }

    /// Creates the mailbox with mode 0600 for the user; `None` when somebody else was faster.
    fn create(&self, flags: OFlag) -> Result<Option<File>, MailboxError> {
        let flags = flags | OFlag::O_CREAT | OFlag::O_EXCL;
        let file = match openat(&self.directory, self.name.as_slice(), flags, NEW_MODE) {
            Ok(file) => File::from(file),
            Err(Errno::EEXIST) => return Ok(None),
            Err(errno) => return Err(self.failed(errno)),
        };
        self.give(&file)?;
        Ok(Some(file))
    }

    /// Gives a new mailbox to the user.
    fn give(&self, file: &File) -> Result<(), MailboxError> {
        let (uid, gid) = (Uid::from_raw(self.user.uid), Gid::from_raw(self.user.gid));
        let owner = if geteuid().is_root() { Some(uid) } else { None };
        match fchown(file, owner, Some(gid)) {
            // A caller outside of the user's group keeps the group the system gave.
            Ok(()) | Err(Errno::EPERM) => {}
            Err(errno) => return Err(self.failed(errno)),
        }
        self.check(&fstat(file).map_err(|errno| self.failed(errno))?)?;
        // The name must outlive a power failure as the mail in it does.
        nix::unistd::fsync(&self.directory).map_err(|errno| self.failed(errno))
    }

    /// Tells whether somebody was killed who had made the mailbox, but not given it to the user yet.
    fn is_half_made(&self, found: &FileStat) -> bool {
        let is_ours_alone = matches!(self.rights, Rights::Own) && geteuid().is_root();
        let is_plain = SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG;
        let is_as_made = Mode::from_bits_truncate(found.st_mode) == NEW_MODE && found.st_uid == 0 && found.st_size == 0;
        is_ours_alone && is_plain && is_as_made && found.st_nlink == 1 && self.user.uid != 0
    }

    /// Refuses everything but a plain file of the user's with one name.
    fn check(&self, found: &FileStat) -> Result<(), MailboxError> {
        let path = || self.path.clone();
        if found.st_nlink != 1 {
            Err(MailboxError::Links { path: path() })
        } else if SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
            Err(MailboxError::Irregular { path: path() })
        } else if found.st_uid != self.user.uid {
            Err(MailboxError::Owner { path: path(), uid: found.st_uid })
        } else {
            Ok(())
        }
    }

    /// Opens the mailbox for reading as well; `None` where its mode or a change of name forbids.
    fn open_reader(&self, file: &File) -> Option<File> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
        let reader = openat(&self.directory, OsStr::from_bytes(&self.name), flags, Mode::empty()).ok()?;
        let (reader, file) = (File::from(reader), file.metadata().ok()?);
        let same = reader.metadata().is_ok_and(|found| (found.dev(), found.ino()) == (file.dev(), file.ino()));
        same.then_some(reader)
    }

    // The widths of these fields differ between the systems.
    #[allow(clippy::unnecessary_cast, clippy::cast_sign_loss)]
    fn remark_of(&self, found: &FileStat) -> Leftover {
        Leftover {
            length: found.st_size.max(0) as u64,
            device: found.st_dev as u64,
            inode: found.st_ino as u64,
            expected: self.expected.clone(),
        }
    }

    fn failed(&self, errno: Errno) -> MailboxError {
        MailboxError::Io { path: self.path.clone(), errno }
    }
}

/// Tells what a message must be preceded by at the end of a file of `length` bytes.
fn separator(reader: &File, length: u64) -> std::io::Result<&'static [u8]> {
    let mut end = [b'\n'; 2];
    let known = length.min(2);
    reader.read_exact_at(&mut end[2 - usize::try_from(known).unwrap_or(2)..], length - known)?;
    Ok(match (length, end) {
        (0, _) | (_, [b'\n', b'\n']) => b"",
        (_, [_, b'\n']) => b"\n",
        _ => b"\n\n",
    })
}

/// Tells whether the bytes up to `end` can be what a killed owner wrote: the beginning of the message that it was
/// going to write first, or as many as it was going to write.
///
/// Another message there, or one more than that, is others' doing and must not be cut off.
fn is_no_more_than(leftover: &Leftover, reader: &File, end: u64) -> bool {
    const MARK: &[u8] = b"\n\nFrom ";
    let mut window = vec![0; WINDOW_BYTES];
    // The separator is taken for two line ends, whatever it was.
    let mut kept = 2;
    window[..kept].copy_from_slice(b"\n\n");
    let (mut at, mut messages, mut is_first) = (leftover.length, 0, true);
    while at < end {
        let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(WINDOW_BYTES - kept);
        if reader.read_exact_at(&mut window[kept..kept + wanted], at).is_err() {
            return false;
        }
        at += wanted as u64;
        let seen = &window[..kept + wanted];
        if is_first {
            if !leftover.expected.begins(seen.trim_start_with(|c| c == '\n')) {
                return false;
            }
            is_first = false;
        }
        messages += seen.find_iter(MARK).count() as u64;
        kept = seen.len().min(MARK.len() - 1);
        let length = seen.len();
        window.copy_within(length - kept..length, 0);
    }
    messages <= leftover.expected.messages()
}

#[cfg(test)]
mod tests;
