//! The lock file `user.lock` beside a mailbox.
//!
//! It is made by exclusive creation, flocked for as long as its owner lives, and holds these lines:
//!
//! ```text
//! 4711                                process id, for programs that look for one
//! mx.example.org 7f3c…/pid:[4026…]    host and start of the machine the id counts on
//! 52310 2049 131074 1 From a@b Sun …  length, device, inode of the mailbox when it was locked, how many
//!                                     messages are to be appended, and how the first of them begins
//! ```
//!
//! The last line is what a successor needs to cut off the torn end that a killed owner left, and nobody
//! else's mail. The owner's execute bit marks the file as one of ours before there are lines in it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use bstr::{BString, ByteSlice};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::{Pid, UnlinkatFlags, geteuid, unlinkat};

use crate::sys::{host, lock, process};

/// A lock whose owner cannot be found out is broken after this time, as the original does.
const UNKNOWN_AGE_MAX: Duration = Duration::from_secs(300);

/// A foreign lock whose process id is in use is broken after this time: the id may be another's by now.
const FOREIGN_AGE_MAX: Duration = Duration::from_secs(3600);

/// The permissions of lock files: no other program's are executable, and whoever could read one could hold its flock.
const MODE: Mode = Mode::S_IRWXU;

/// More than the lines take, in bytes.
const CONTENT_BYTES_MAX: u64 = 1024;

/// A lock file of ours.
#[derive(Debug)]
pub struct DotLock {
    directory: OwnedFd,
    name: BString,
    file: File,
}

/// What an owner is going to append.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Expected {
    /// How many messages.
    messages: u64,
    /// How the first of them begins: its `From ` line or what fits of it, without an end.
    beginning: BString,
}

impl Expected {
    /// How much of the first line is kept, in bytes: more than most have.
    pub const BEGINNING_BYTES_MAX: usize = 256;

    /// Returns what `messages` messages are, of which the first has this `From ` line.
    pub fn new(messages: u64, first_line: &[u8]) -> Self {
        let fits = &first_line[..first_line.len().min(Self::BEGINNING_BYTES_MAX)];
        // The remark stays one line, whoever has written this one.
        let end = fits.iter().position(u8::is_ascii_control).unwrap_or(fits.len());
        Self { messages, beginning: fits[..end].into() }
    }

    /// Returns how many messages these are at most.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// Tells whether a text can be the first of them, or the beginning of it.
    pub(super) fn begins(&self, text: &[u8]) -> bool {
        let known = text.len().min(self.beginning.len());
        text[..known] == self.beginning[..known]
    }
}

/// What a dead owner's lock file told about the mailbox.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leftover {
    /// The mailbox's length before the owner began to write, in bytes.
    pub length: u64,
    /// The device the mailbox was on.
    pub device: u64,
    /// The mailbox's inode.
    pub inode: u64,
    /// What the owner was going to append.
    pub expected: Expected,
}

/// What came of a try to take the lock.
#[derive(Debug)]
pub enum Taken {
    /// It is ours; a dead owner's remark may have been found.
    Ours(DotLock, Option<Leftover>),
    /// Somebody has it.
    Held,
}

impl DotLock {
    /// Tries once to make the lock file `name` in `directory`; breaks that of a dead owner first.
    pub fn take(directory: BorrowedFd<'_>, name: &[u8]) -> nix::Result<Taken> {
        if let Some(lock) = Self::create(directory, name)? {
            return Ok(Taken::Ours(lock, None));
        }
        let Some(leftover) = break_stale(directory, name)? else { return Ok(Taken::Held) };
        Ok(match Self::create(directory, name)? {
            Some(lock) => Taken::Ours(lock, leftover),
            None => Taken::Held,
        })
    }

    /// Removes the lock file of a dead owner without taking it; tells whether the name is free now.
    ///
    /// For root, where a spool does not let a user remove what another has left.
    pub fn clear_stale(directory: BorrowedFd<'_>, name: &[u8]) -> nix::Result<bool> {
        Ok(break_stale(directory, name)?.is_some())
    }

    /// Writes down how long the mailbox is before anything is appended, and what that will be.
    ///
    /// A failure is one of the disk: nothing may be appended then.
    pub fn remember(&mut self, mailbox: &Leftover) -> std::io::Result<()> {
        let Leftover { length, device, inode, expected: Expected { messages, beginning } } = mailbox;
        let numbers = format!("{length} {device} {inode} {messages} ");
        self.file.write_all(&[numbers.as_bytes(), beginning, b"\n"].concat())
    }

    /// Removes the lock file, if the name is still that of ours.
    pub fn release(self) -> nix::Result<()> {
        match lock::same_file(self.file.as_fd(), &self.directory, self.name.as_slice()) {
            Ok(true) => unlink(self.directory.as_fd(), &self.name),
            _ => Ok(()),
        }
    }

    fn create(directory: BorrowedFd<'_>, name: &[u8]) -> nix::Result<Option<Self>> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = match openat(directory, name, flags, MODE) {
            Ok(file) => File::from(file),
            Err(Errno::EEXIST) => return Ok(None),
            Err(errno) => return Err(errno),
        };
        let mut lock = Self { directory: duplicate(directory)?, name: name.into(), file };
        match lock.begin() {
            Ok(true) => Ok(Some(lock)),
            Ok(false) => Ok(None),
            Err(error) => {
                let errno = Errno::from_raw(error.raw_os_error().unwrap_or(Errno::ENOSPC as i32));
                lock.release()?;
                Err(errno)
            }
        }
    }

    /// Makes the new lock file ours and says so in it; `false` when somebody was before us.
    fn begin(&mut self) -> std::io::Result<bool> {
        // Nothing is written before it is ours: what is not flocked counts as a dead owner's. Somebody who found it so
        // may have its flock for a moment, and have removed it.
        lock::exclusive(self.file.as_fd(), lock::Patience::Wait)?;
        let is_ours = lock::same_file(self.file.as_fd(), &self.directory, self.name.as_slice())?;
        if is_ours {
            self.file.write_all(&identity_lines())?;
        }
        Ok(is_ours)
    }
}

fn duplicate(directory: BorrowedFd<'_>) -> nix::Result<OwnedFd> {
    directory.try_clone_to_owned().map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))
}

/// Removes a lock file whose owner is gone; `None` when it is not to be removed.
///
/// `Some` means that the name is free for another try; inside is the owner's remark, if it died in
/// this start of the machine: after a crash of the whole machine the remark may be older than the
/// mailbox's contents.
fn break_stale(directory: BorrowedFd<'_>, name: &[u8]) -> nix::Result<Option<Option<Leftover>>> {
    let found = match fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(found) => found,
        Err(Errno::ENOENT) => return Ok(Some(None)),
        Err(errno) => return Err(errno),
    };
    if SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
        return Ok(None);
    }
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let open = |mode| openat(directory, name, flags | mode, Mode::empty());
    // NFS locks only what is open for writing.
    let Ok(file) = open(OFlag::O_RDWR).or_else(|_| open(OFlag::O_RDONLY)) else {
        return break_by_age(directory, name, &found);
    };
    let file = File::from(file);
    // Whoever breaks a lock holds its flock, so that two cannot break it one after the other and the
    // second hit the first one's new lock. A living owner of ours holds it all the time.
    match lock::exclusive(file.as_fd(), lock::Patience::Try) {
        Ok(true) if lock::same_file(file.as_fd(), directory, name).unwrap_or(false) => {}
        Ok(_) => return Ok(None),
        // It cannot be locked here.
        Err(_) => return break_by_age(directory, name, &found),
    }
    let mut content = Vec::new();
    let _ = (&file).take(CONTENT_BYTES_MAX).read_to_end(&mut content);
    let found = fstat(&file)?;
    let marked = Mode::from_bits_truncate(found.st_mode).contains(Mode::S_IXUSR);
    let owner = Owner::of(&content, marked, &Machine::here(), lock::flock_is_record(directory));
    let age = age(found.st_mtime, found.st_ctime, SystemTime::now());
    let stale = match owner {
        Owner::Dead { .. } => true,
        Owner::Foreign => age >= FOREIGN_AGE_MAX,
        Owner::Unknown => age >= UNKNOWN_AGE_MAX,
    };
    if !stale || !removed(directory, name)? {
        return Ok(None);
    }
    Ok(Some(match owner {
        Owner::Dead { leftover } if is_trusted(&file) => leftover,
        _ => None,
    }))
}

/// Tells whether root or we ourselves made the file: what somebody else wrote there must not shorten a mailbox.
fn is_trusted(file: &File) -> bool {
    file.metadata().is_ok_and(|found| found.uid() == 0 || found.uid() == geteuid().as_raw())
}

/// Breaks a lock file that cannot be read or locked, once it is old.
fn break_by_age(directory: BorrowedFd<'_>, name: &[u8], found: &FileStat) -> nix::Result<Option<Option<Leftover>>> {
    let is_old = age(found.st_mtime, found.st_ctime, SystemTime::now()) >= UNKNOWN_AGE_MAX;
    Ok(if is_old && removed(directory, name)? { Some(None) } else { None })
}

/// Removes a lock file; `false` where the directory does not let us.
fn removed(directory: BorrowedFd<'_>, name: &[u8]) -> nix::Result<bool> {
    match unlink(directory, name) {
        Ok(()) => Ok(true),
        Err(Errno::EPERM | Errno::EACCES) => Ok(false),
        Err(errno) => Err(errno),
    }
}

fn unlink(directory: BorrowedFd<'_>, name: &[u8]) -> nix::Result<()> {
    match unlinkat(directory, name, UnlinkatFlags::NoRemoveDir) {
        Err(Errno::ENOENT) => Ok(()),
        other => other,
    }
}

/// Returns how old a lock file is that was written at `written`, and whose status changed last at `changed` (seconds).
///
/// A file dated in the future is as old as its last change, which nobody can date at will; if that lies in the future too,
/// the clock was set back, and how far tells the least time since: no lock is honoured for ever.
fn age(written: i64, changed: i64, now: SystemTime) -> Duration {
    let at = |seconds: i64| SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    match (now.duration_since(at(written)), now.duration_since(at(changed))) {
        (Ok(age), _) | (Err(_), Ok(age)) => age,
        (Err(_), Err(ahead)) => ahead.duration(),
    }
}

/// This host and this start of it.
struct Machine {
    host: BString,
    boot: Option<BString>,
}

impl Machine {
    fn here() -> Self {
        Self { host: host::name().unwrap_or_default(), boot: host::boot() }
    }
}

fn identity_lines() -> Vec<u8> {
    let Machine { host, boot } = Machine::here();
    let boot = boot.unwrap_or_else(|| "-".into());
    format!("{}\n{host} {boot}\n", std::process::id()).into_bytes()
}

/// Whose lock file a content is.
#[derive(Debug, Eq, PartialEq)]
enum Owner {
    /// Nobody's any more.
    Dead { leftover: Option<Leftover> },
    /// Perhaps that of a process of another program.
    Foreign,
    /// It does not tell.
    Unknown,
}

impl Owner {
    /// Judges a lock file that nobody has flocked; `marked` tells that one of ours made it.
    ///
    /// `shared` tells that other machines see the directory: then a bare process id says nothing.
    fn of(content: &[u8], marked: bool, here: &Machine, shared: bool) -> Self {
        let mut lines = content.lines();
        let pid = lines.next().and_then(|line| line.trim().to_str().ok()?.parse::<i32>().ok()).filter(|pid| *pid > 0);
        let machine = lines.next().and_then(|line| line.split_once_str(" "));
        let (host, boot) = match (pid, machine) {
            (Some(_), Some(machine)) => machine,
            // Its owner has died before it could say who it was, or will see that it came too late.
            _ if marked && !shared => return Self::Dead { leftover: None },
            (Some(pid), None) if !shared && process::is_alive(Pid::from_raw(pid)) => return Self::Foreign,
            (Some(_), None) if !shared => return Self::Dead { leftover: None },
            _ => return Self::Unknown,
        };
        if host != here.host.as_slice() {
            return Self::Unknown;
        }
        // A lock of ours that is not flocked: its owner has died, now or before the last start.
        let same_start = here.boot.as_ref().is_some_and(|here| here == boot);
        let leftover = if same_start { lines.rev().find_map(leftover) } else { None };
        Self::Dead { leftover }
    }
}

fn leftover(line: &[u8]) -> Option<Leftover> {
    let mut words = line.splitn_str(5, " ");
    let mut next = || words.next()?.to_str().ok()?.parse::<u64>().ok();
    let (length, device, inode, messages) = (next()?, next()?, next()?, next()?);
    Some(Leftover { length, device, inode, expected: Expected { messages, beginning: words.next()?.into() } })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, FileTimes};
    use std::os::unix::fs::OpenOptionsExt;
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;
    use crate::sys::process::{alone, branch_for_test};

    const NAME: &[u8] = b"joe.lock";

    fn take(room: &Path) -> Taken {
        DotLock::take(File::open(room).unwrap().as_fd(), NAME).unwrap()
    }

    fn is_held(room: &Path) -> bool {
        matches!(take(room), Taken::Held)
    }

    /// Writes a lock file of somebody's, `age` old, and tells whether it was honoured.
    #[track_caller]
    fn check(content: &str, age: Duration, honoured: bool) {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("joe.lock");
        fs::write(&path, content).unwrap();
        let times = FileTimes::new().set_modified(SystemTime::now() - age);
        File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
        assert_eq!(is_held(room.path()), honoured, "{content:?}");
    }

    /// Returns the id of a process that has just ended.
    fn dead_pid() -> i32 {
        let mut child = process::Program::new(Path::new("/bin/true"), b"true").start().unwrap();
        child.wait().unwrap();
        child.pid().as_raw()
    }

    const NOW: Duration = Duration::ZERO;
    const OLD: Duration = Duration::from_secs(301);

    #[test]
    fn a_lock_dated_in_the_future_grows_old_all_the_same() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10_000);
        let check = |written, changed, secs| assert_eq!(age(written, changed, now), Duration::from_secs(secs));
        check(9_000, 9_500, 1_000);
        check(99_000_000, 9_500, 500);
        check(99_000, 14_000, 4_000);
        check(-1, 9_500, 10_000);
    }

    #[test]
    fn when_one_has_the_lock_then_the_next_does_not_until_it_is_released() {
        alone(|| {
            let room = tempfile::tempdir().unwrap();
            let Taken::Ours(lock, None) = take(room.path()) else { panic!("free") };
            assert!(is_held(room.path()));
            lock.release().unwrap();
            assert!(!room.path().join("joe.lock").exists());
            assert!(!is_held(room.path()));
        });
    }

    #[test]
    fn when_the_lock_is_somebody_elses_by_now_then_release_leaves_it() {
        alone(|| {
            let room = tempfile::tempdir().unwrap();
            let Taken::Ours(lock, None) = take(room.path()) else { panic!("free") };
            fs::remove_file(room.path().join("joe.lock")).unwrap();
            fs::write(room.path().join("joe.lock"), "1\n").unwrap();
            lock.release().unwrap();
            assert!(room.path().join("joe.lock").exists());
        });
    }

    #[test]
    fn when_the_owner_lives_then_its_lock_is_honoured() {
        alone(|| {
            check(&format!("{}\n", std::process::id()), NOW, true);
            check(&format!("{}\n", std::process::id()), OLD, true);
            check(&format!("{}\n", std::process::id()), FOREIGN_AGE_MAX, false);
        });
    }

    #[test]
    fn when_the_owner_is_dead_then_its_lock_is_broken_at_once() {
        alone(|| {
            let here = Machine::here();
            let boot = here.boot.clone().unwrap_or_else(|| "-".into());
            check(&format!("{}\n", dead_pid()), NOW, false);
            check(&format!("{}", dead_pid()), NOW, false);
            check(&format!("{}\n{} {boot}\n", dead_pid(), here.host), NOW, false);
            // The id is in use again, but the file is not flocked: not the process that wrote it.
            check(&format!("{}\n{} {boot}\n", std::process::id(), here.host), NOW, false);
            check(&format!("{}\n{} other-boot\n", std::process::id(), here.host), NOW, false);
        });
    }

    #[test]
    fn when_the_owner_is_unknown_then_age_decides() {
        alone(|| {
            for content in ["", "0", "0\n", "garbage", "-1\n", "12 34\n", "4711\nother.example 1234\n"] {
                check(content, NOW, true);
                check(content, OLD, false);
            }
        });
    }

    #[test]
    fn when_an_owner_dies_before_it_wrote_then_its_lock_is_broken_at_once() {
        alone(|| {
            for content in ["", "47"] {
                let room = tempfile::tempdir().unwrap();
                let path = room.path().join("joe.lock");
                let maker = File::options().write(true).create_new(true).mode(0o700).open(&path).unwrap();
                (&maker).write_all(content.as_bytes()).unwrap();
                maker.lock().unwrap();
                assert!(is_held(room.path()));
                drop(maker);
                assert!(matches!(take(room.path()), Taken::Ours(_, None)), "{content:?}");
            }
        });
    }

    #[test]
    fn when_many_want_the_lock_then_one_has_it() {
        const ROUNDS: usize = 500;
        alone(|| {
            let room = tempfile::tempdir().unwrap();
            let inside = AtomicUsize::new(0);
            let contend = || {
                for _ in 0..ROUNDS {
                    let Taken::Ours(lock, _) = take(room.path()) else { continue };
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    assert!(lock::same_file(lock.file.as_fd(), &lock.directory, NAME).unwrap());
                    inside.fetch_sub(1, Ordering::SeqCst);
                    lock.release().unwrap();
                }
            };
            thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(contend))));
        });
    }

    #[test]
    fn when_the_lock_is_no_file_then_it_is_honoured() {
        alone(|| {
            let room = tempfile::tempdir().unwrap();
            std::os::unix::fs::symlink("x", room.path().join("joe.lock")).unwrap();
            assert!(is_held(room.path()));
        });
    }

    /// Returns a remark about messages of which the first has this line.
    fn remark(first_line: &[u8]) -> Leftover {
        Leftover { length: 12, device: 34, inode: 56, expected: Expected::new(7, first_line) }
    }

    /// Leaves the lock of an owner who was killed after his remark.
    fn leave_lock(room: &Path, first_line: &[u8]) {
        let status = branch_for_test(|| {
            let Taken::Ours(mut lock, None) = take(room) else { return 1 };
            u8::from(lock.remember(&remark(first_line)).is_err())
        });
        assert_eq!(status, 0);
    }

    #[test]
    fn when_an_owner_is_killed_then_its_remark_is_found() {
        alone(|| {
            let found = |first_line: &[u8]| {
                let room = tempfile::tempdir().unwrap();
                leave_lock(room.path(), first_line);
                let Taken::Ours(_lock, leftover) = take(room.path()) else { panic!("owner is dead") };
                leftover
            };
            assert_eq!(found(b"From a@b DATE\n"), host::boot().map(|_| remark(b"From a@b DATE")));
            assert_eq!(found(b""), host::boot().map(|_| remark(b"")));
            // A process that may only append must not have more cut off than it wrote.
            assert_eq!(found(b"From a\n0 34 56 999 From\n"), host::boot().map(|_| remark(b"From a")));
            let long = found(&[b'x'; 9999]).map(|leftover| leftover.expected.beginning.len());
            assert_eq!(long, host::boot().map(|_| Expected::BEGINNING_BYTES_MAX));
        });
    }

    #[test]
    fn the_remark_of_somebody_else_is_not_believed() {
        if !geteuid().is_root() {
            eprintln!("skipped: needs root");
            return;
        }
        alone(|| {
            let room = tempfile::tempdir().unwrap();
            leave_lock(room.path(), b"From a\n");
            std::os::unix::fs::chown(room.path().join("joe.lock"), Some(65534), None).unwrap();
            let Taken::Ours(_lock, None) = take(room.path()) else { panic!("the owner is dead, and not believed") };
        });
    }
}
