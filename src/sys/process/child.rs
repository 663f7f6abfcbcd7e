//! The child's side of starting a program: async-signal-safe calls only.
//!
//! Nothing here allocates, locks or panics after the fork; all memory was made ready before.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::os::fd::RawFd;
use std::ptr;

use super::{DESCRIPTOR_MAX, Identity, Step};

/// Descriptors are closed one by one up to here where the system has no call for it.
const CLOSE_MAX: RawFd = 65_536;

/// How long entering the working directory may take: that of a user may lie on a disk that never answers.
const DIRECTORY_SECS: libc::c_uint = 5;

/// What a child tells its parent before it gives up; the last report counts.
pub(super) struct Report {
    /// A [`Step`] as a number; 0 takes back what was told before.
    pub(super) step: u8,
    /// The error number of the call.
    pub(super) errno: i32,
}

impl Report {
    pub(super) const BYTES: usize = 5;
    const NONE: Self = Self { step: 0, errno: 0 };

    pub(super) fn of(bytes: [u8; Self::BYTES]) -> Self {
        let [step, errno @ ..] = bytes;
        Self { step, errno: i32::from_ne_bytes(errno) }
    }

    fn bytes(&self) -> [u8; Self::BYTES] {
        let [a, b, c, d] = self.errno.to_ne_bytes();
        [self.step, a, b, c, d]
    }
}

/// Where and as whom a program is to run.
pub(super) struct Place {
    pub(super) identity: Option<Identity>,
    pub(super) nice: i32,
    pub(super) new_session: bool,
    /// Number in the program and our number, sorted by the first.
    pub(super) descriptors: Vec<(RawFd, RawFd)>,
}

/// Everything a child needs, in the form the system calls take it.
pub(super) struct Image {
    path: CString,
    argv: Vec<*const libc::c_char>,
    env: Vec<*const libc::c_char>,
    directories: Vec<CString>,
    root: Option<CString>,
    place: Place,
    /// Room for the copies of the descriptors.
    copies: Vec<RawFd>,
    // What `argv` and `env` point into.
    _strings: [Vec<CString>; 2],
}

impl Image {
    pub(super) fn new(
        path: CString,
        argv: Vec<CString>,
        env: Vec<CString>,
        directories: Vec<CString>,
        root: Option<CString>,
        place: Place,
    ) -> Self {
        let pointers =
            |list: &[CString]| list.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect::<Vec<_>>();
        Self {
            path,
            argv: pointers(&argv),
            env: pointers(&env),
            directories,
            root,
            copies: vec![-1; place.descriptors.len()],
            place,
            _strings: [argv, env],
        }
    }

    /// Turns this process into the program; on failure reports through `to_parent` and exits.
    pub(super) fn become_program(mut self, to_parent: RawFd) -> ! {
        let mut report_to = to_parent;
        let step = self.steps(&mut report_to);
        tell(report_to, Report { step: step as u8, errno: errno() });
        // SAFETY: takes a number and does not return.
        unsafe { libc::_exit(127) }
    }

    /// Does one step after the other and returns the one that failed, with errno set.
    fn steps(&mut self, report_to: &mut RawFd) -> Step {
        if self.arrange_descriptors(report_to).is_none() {
            return Step::Descriptors;
        }
        reset_signals();
        // SAFETY: plain system calls with numbers and with C strings that live in `self`.
        unsafe {
            if self.place.new_session && libc::setsid() < 0 {
                return Step::Session;
            }
            if self.place.nice != 0 {
                libc::nice(self.place.nice);
            }
            if let Some(root) = &self.root
                && (libc::chroot(root.as_ptr()) < 0 || libc::chdir(c"/".as_ptr()) < 0)
            {
                return Step::Root;
            }
            if !self.become_user() {
                return Step::Identity;
            }
            if !self.directories.is_empty() {
                // A directory that no file system answers for: the system ends this process, and that is why.
                tell(*report_to, Report { step: Step::Directory as u8, errno: libc::ETIMEDOUT });
                libc::alarm(DIRECTORY_SECS);
                let found = self.directories.iter().any(|path| libc::chdir(path.as_ptr()) == 0);
                let errno = errno();
                libc::alarm(0);
                set_errno(errno);
                if !found {
                    return Step::Directory;
                }
                tell(*report_to, Report::NONE);
            }
            libc::execve(self.path.as_ptr(), self.argv.as_ptr(), self.env.as_ptr());
        }
        Step::Exec
    }

    /// Puts every descriptor under its number and closes all others but the reporting one.
    fn arrange_descriptors(&mut self, report_to: &mut RawFd) -> Option<()> {
        let above = DESCRIPTOR_MAX + 1;
        *report_to = duplicate_above(*report_to, above)?;
        // First all out of the way, so that no copy falls upon one that is still needed.
        for (copy, (_, ours)) in self.copies.iter_mut().zip(&self.place.descriptors) {
            *copy = duplicate_above(*ours, above)?;
        }
        for (copy, (number, _)) in self.copies.iter().zip(&self.place.descriptors) {
            // SAFETY: both are numbers; dup2 clears close-on-exec on the copy.
            if unsafe { libc::dup2(*copy, *number) } < 0 {
                return None;
            }
        }
        // Then the rest away: the gaps, what lies between, and everything above the report.
        let mut next = 0;
        for (number, _) in &self.place.descriptors {
            close_range(next, *number - 1);
            next = *number + 1;
        }
        close_range(next, *report_to - 1);
        close_range(*report_to + 1, RawFd::MAX);
        Some(())
    }

    /// Takes on the identity and checks it, as `privilege::drop_to` does.
    fn become_user(&self) -> bool {
        let Some(Identity { uid, gid, groups }) = &self.place.identity else {
            return true;
        };
        let (mut real, mut effective, mut saved) = (0, 0, 0);
        // SAFETY: plain system calls; `groups` is a live list of the given length and the three
        // numbers are written by getresuid.
        unsafe {
            if libc::setgroups(groups.len() as _, groups.as_ptr()) < 0
                || libc::setresgid(*gid, *gid, *gid) < 0
                || libc::setresuid(*uid, *uid, *uid) < 0
                || libc::getresuid(&raw mut real, &raw mut effective, &raw mut saved) < 0
            {
                return false;
            }
            if [real, effective, saved] != [*uid; 3] || (*uid != 0 && libc::setuid(0) == 0) {
                set_errno(libc::EPERM);
                return false;
            }
        }
        true
    }
}

/// Tells the parent something; who cannot be told sees exit status 127 later.
fn tell(report_to: RawFd, report: Report) {
    let bytes = report.bytes();
    // SAFETY: writes five bytes of a live array.
    unsafe { libc::write(report_to, bytes.as_ptr().cast(), bytes.len()) };
}

fn duplicate_above(descriptor: RawFd, lowest: RawFd) -> Option<RawFd> {
    // SAFETY: plain numbers.
    let copy = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, lowest) };
    (copy >= 0).then_some(copy)
}

/// Closes every descriptor from `first` to `last`, both included.
fn close_range(first: RawFd, last: RawFd) {
    if first > last || system_close_range(first, last) {
        return;
    }
    for descriptor in first..=last.min(CLOSE_MAX) {
        // SAFETY: closing in the child; nobody uses these numbers any more.
        unsafe { libc::close(descriptor) };
    }
}

fn system_close_range(first: RawFd, last: RawFd) -> bool {
    #[cfg(target_os = "linux")]
    // SAFETY: plain numbers; ENOSYS (before Linux 5.9) is the answer false.
    let answer =
        unsafe { libc::syscall(libc::SYS_close_range, first as libc::c_uint, last as libc::c_uint, 0 as libc::c_uint) };
    #[cfg(not(target_os = "linux"))]
    // SAFETY: plain numbers; the system call exists since FreeBSD 12.2.
    let answer = unsafe { libc::close_range(first as libc::c_uint, last as libc::c_uint, 0) };
    answer == 0
}

/// Gives every signal its default action and unblocks all.
fn reset_signals() {
    /// Signal numbers are smaller on both systems (real-time ones end at 64 and 126).
    const SIGNALS: libc::c_int = 128;
    for signal in 1..SIGNALS {
        // SAFETY: plain numbers; KILL, STOP and unknown numbers answer EINVAL, which is fine.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: all zero bits are valid storage for a set, which sigemptyset then initialises.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
    }
}

fn errno() -> i32 {
    nix::errno::Errno::last_raw()
}

fn set_errno(number: i32) {
    nix::errno::Errno::from_raw(number).set();
}
