//! Starting programs with exactly the surroundings they are meant to have, and collecting them.
//!
//! Everything a child needs is prepared before the fork; between fork and exec only
//! async-signal-safe calls happen (`process/child.rs`), so a program may be started from a process
//! with threads. [`fork`] without exec is for single-threaded processes only and checks that.
#![allow(unsafe_code)]

use std::ffi::{CString, NulError};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, pthread_sigmask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, pipe2};

use super::errors::reason_of;

mod child;

use child::{Image, Report};

/// The highest number a passed descriptor may get; children of ours use single digits.
pub const DESCRIPTOR_MAX: RawFd = 63;

/// Whom a started program runs as; setting it needs root.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// User id, set as real, effective and saved.
    pub uid: u32,
    /// Group id, set likewise.
    pub gid: u32,
    /// Supplementary groups; nothing else remains.
    pub groups: Vec<u32>,
}

/// Why a program did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An argument, a path or a variable has a NUL in it.
    #[error("cannot start a program: {0}")]
    Nul(#[from] NulError),
    /// A descriptor was to get a number out of range.
    #[error("descriptor number {0} is not between 0 and {DESCRIPTOR_MAX}")]
    Number(RawFd),
    /// No process could be made; temporary by nature.
    #[error("cannot start {path}: {call}: {}", reason_of(*.errno))]
    Resources {
        /// The program.
        path: String,
        /// The call that failed.
        call: &'static str,
        /// Its answer.
        errno: Errno,
    },
    /// The new process could not become the program.
    #[error("cannot start {path}: {step}: {}", reason_of(*.errno))]
    Child {
        /// The program.
        path: String,
        /// What the child was doing.
        step: Step,
        /// The answer it got.
        errno: Errno,
    },
}

impl StartError {
    /// Tells whether trying again later can help (op guide: mailers that cannot be executed defer
    /// for lack of resources only).
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Nul(_) | Self::Number(_) => false,
            Self::Resources { .. } => true,
            Self::Child { errno, .. } => matches!(
                errno,
                Errno::EAGAIN
                    | Errno::ENOMEM
                    | Errno::ENFILE
                    | Errno::EMFILE
                    | Errno::EIO
                    | Errno::ETXTBSY
                    | Errno::ETIMEDOUT
            ),
        }
    }
}

/// What a new process does between fork and exec; part of [`StartError`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Step {
    /// Arranging descriptors.
    Descriptors = 1,
    /// Starting a session.
    Session,
    /// Changing the root directory.
    Root,
    /// Becoming the user.
    Identity,
    /// Changing the working directory.
    Directory,
    /// Executing the program.
    Exec,
}

impl Step {
    fn of(number: u8) -> Self {
        match number {
            1 => Self::Descriptors,
            2 => Self::Session,
            3 => Self::Root,
            4 => Self::Identity,
            5 => Self::Directory,
            _ => Self::Exec,
        }
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Descriptors => "arranging descriptors",
            Self::Session => "setsid",
            Self::Root => "chroot",
            Self::Identity => "becoming the user",
            Self::Directory => "changing directory",
            Self::Exec => "exec",
        })
    }
}

/// A program about to be started.
///
/// Without further calls it gets an empty environment, /dev/null as descriptors 0 to 2, no other
/// descriptor, default signals and an empty signal mask.
#[derive(Debug)]
pub struct Program {
    path: Vec<u8>,
    argv: Vec<Vec<u8>>,
    env: Vec<Vec<u8>>,
    directories: Vec<Vec<u8>>,
    root: Option<Vec<u8>>,
    identity: Option<Identity>,
    nice: i32,
    new_session: bool,
    descriptors: Vec<(RawFd, OwnedFd)>,
}

impl Program {
    /// Prepares the program at `path` with `argv0` as the name it is told.
    pub fn new(path: &Path, argv0: &[u8]) -> Self {
        Self {
            path: path.as_os_str().as_bytes().to_vec(),
            argv: vec![argv0.to_vec()],
            env: Vec::new(),
            directories: Vec::new(),
            root: None,
            identity: None,
            nice: 0,
            new_session: false,
            descriptors: Vec::new(),
        }
    }

    /// Adds an argument.
    pub fn arg(&mut self, arg: &[u8]) -> &mut Self {
        self.argv.push(arg.to_vec());
        self
    }

    /// Adds a variable to the environment, which is empty otherwise.
    pub fn env(&mut self, name: &[u8], value: &[u8]) -> &mut Self {
        self.env.push([name, b"=", value].concat());
        self
    }

    /// Adds a directory to try as working directory; the first that can be entered is taken.
    ///
    /// (Mailer field `D=` is such a list.) Entered after the change of user.
    pub fn directory(&mut self, directory: &Path) -> &mut Self {
        self.directories.push(directory.as_os_str().as_bytes().to_vec());
        self
    }

    /// Sets the root directory of the program (mailer field `R=`); needs root.
    pub fn root(&mut self, root: &Path) -> &mut Self {
        self.root = Some(root.as_os_str().as_bytes().to_vec());
        self
    }

    /// Sets whom the program runs as; needs root.
    pub fn identity(&mut self, identity: Identity) -> &mut Self {
        self.identity = Some(identity);
        self
    }

    /// Adds to the niceness (mailer field `N=`); a refusal is ignored.
    pub fn nice(&mut self, increment: i32) -> &mut Self {
        self.nice = increment;
        self
    }

    /// Makes the program the leader of a session of its own, without a terminal.
    pub fn new_session(&mut self) -> &mut Self {
        self.new_session = true;
        self
    }

    /// Gives the program `descriptor` under `number` (0 to [`DESCRIPTOR_MAX`]).
    ///
    /// Our copy is closed when the program has started or failed to.
    pub fn descriptor(&mut self, number: RawFd, descriptor: OwnedFd) -> &mut Self {
        self.descriptors.retain(|(taken, _)| *taken != number);
        self.descriptors.push((number, descriptor));
        self
    }

    /// Starts the program and returns when it is running or has certainly failed to.
    pub fn start(mut self) -> Result<Child, StartError> {
        let path = String::from_utf8_lossy(&self.path).into_owned();
        let resources = |call| {
            let path = path.clone();
            move |errno| StartError::Resources { path, call, errno }
        };
        self.fill_standard_descriptors().map_err(resources("open /dev/null"))?;
        let image = self.image()?;
        let (from_child, to_parent) = pipe2(OFlag::O_CLOEXEC).map_err(resources("pipe"))?;
        // No handler of ours may run in the child before it has reset them.
        let mut before = SigSet::empty();
        pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before))
            .map_err(resources("pthread_sigmask"))?;
        // SAFETY: the child calls only `become_program`, which makes async-signal-safe calls alone
        // and does not return.
        let forked = unsafe { nix::unistd::fork() };
        if let Ok(ForkResult::Child) = forked {
            image.become_program(to_parent.as_raw_fd());
        }
        pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None).map_err(resources("pthread_sigmask"))?;
        let Ok(ForkResult::Parent { child }) = forked else {
            return Err(resources("fork")(forked.err().unwrap_or(Errno::UnknownErrno)));
        };
        drop(to_parent);
        let mut child = Child { pid: child, ended: None };
        match read_report(from_child) {
            None => Ok(child),
            Some(Report { step, errno }) => {
                // It has ended already or is about to.
                child.wait().map_err(|error| resources("waitpid")(errno_of(&error)))?;
                Err(StartError::Child { path, step: Step::of(step), errno: Errno::from_raw(errno) })
            }
        }
    }

    fn fill_standard_descriptors(&mut self) -> nix::Result<()> {
        for number in 0..=2 {
            if !self.descriptors.iter().any(|(taken, _)| *taken == number) {
                let null =
                    nix::fcntl::open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty())?;
                self.descriptors.push((number, null));
            }
        }
        self.descriptors.sort_by_key(|(number, _)| *number);
        Ok(())
    }

    fn image(&self) -> Result<Image, StartError> {
        if let Some((number, _)) = self.descriptors.iter().find(|(number, _)| !(0..=DESCRIPTOR_MAX).contains(number)) {
            return Err(StartError::Number(*number));
        }
        let strings =
            |list: &[Vec<u8>]| list.iter().map(|text| CString::new(text.as_slice())).collect::<Result<Vec<_>, _>>();
        Ok(Image::new(
            CString::new(self.path.as_slice())?,
            strings(&self.argv)?,
            strings(&self.env)?,
            strings(&self.directories)?,
            self.root.as_deref().map(CString::new).transpose()?,
            child::Place {
                identity: self.identity.clone(),
                nice: self.nice,
                new_session: self.new_session,
                descriptors: self.descriptors.iter().map(|(number, ours)| (*number, ours.as_raw_fd())).collect(),
            },
        ))
    }
}

fn read_report(from_child: OwnedFd) -> Option<Report> {
    let mut bytes = Vec::new();
    // A short read means that the child was killed half way; its wait status will tell.
    File::from(from_child).read_to_end(&mut bytes).ok()?;
    let (reports, _) = bytes.as_chunks();
    reports.last().map(|bytes| Report::of(*bytes)).filter(|report| report.step != 0)
}

fn errno_of(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}

/// How a process ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// It exited with this status.
    Exited(i32),
    /// It was killed by this signal.
    Killed(Signal),
}

/// A child process of ours.
///
/// Dropping it neither kills nor collects the process; [`reap_any`] collects what nobody waits for.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    ended: Option<Ended>,
}

impl Child {
    /// Returns its process id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits until it has ended; answers again on every later call.
    pub fn wait(&mut self) -> io::Result<Ended> {
        loop {
            if let Some(ended) = self.look(WaitPidFlag::empty())? {
                return Ok(ended);
            }
        }
    }

    /// Sends a signal, unless the end of the process is known already.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        match self.ended {
            Some(_) => Ok(()),
            None => Ok(kill(self.pid, signal)?),
        }
    }

    /// Records an end that [`reap_any`] has found.
    pub fn has_ended(&mut self, ended: Ended) {
        self.ended = Some(ended);
    }

    fn look(&mut self, flags: WaitPidFlag) -> io::Result<Option<Ended>> {
        if self.ended.is_none() {
            self.ended = match waitpid(self.pid, Some(flags)) {
                Ok(status) => ended(status),
                Err(Errno::EINTR) => None,
                Err(errno) => return Err(errno.into()),
            };
        }
        Ok(self.ended)
    }
}

/// Collects one ended child of this process, whoever started it; `None` when none has ended.
pub fn reap_any() -> io::Result<Option<(Pid, Ended)>> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(None),
            Ok(status) => {
                if let (Some(pid), Some(ended)) = (status.pid(), ended(status)) {
                    return Ok(Some((pid, ended)));
                }
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Tells whether a process with this id exists on this machine (zombies do).
pub fn is_alive(pid: Pid) -> bool {
    kill(pid, None) != Err(Errno::ESRCH)
}

fn ended(status: WaitStatus) -> Option<Ended> {
    match status {
        WaitStatus::Exited(_, status) => Some(Ended::Exited(status)),
        WaitStatus::Signaled(_, signal, _) => Some(Ended::Killed(signal)),
        _ => None,
    }
}

/// Which side of a [`fork`] this is.
#[derive(Debug)]
pub enum Forked {
    /// The process that called; this is its child.
    Parent(Child),
    /// The new process.
    Child,
}

/// Makes a copy of this process; only a single-threaded process can.
///
/// The copy of a process with threads would hold their locks for ever, so that is refused with
/// `InvalidInput` where the system tells the number of threads.
pub fn fork() -> io::Result<Forked> {
    if threads().is_some_and(|threads| threads > 1) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "fork in a process with threads"));
    }
    // SAFETY: this thread is the only one, so the copy is whole.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Forked::Parent(Child { pid: child, ended: None })),
        ForkResult::Child => Ok(Forked::Child),
    }
}

/// Ends this process at once, without running exit handlers: the end of a forked copy.
pub fn exit_now(status: u8) -> ! {
    // SAFETY: _exit takes a number and does not return.
    unsafe { libc::_exit(libc::c_int::from(status)) }
}

/// Returns the number of threads of this process, where the system tells it.
fn threads() -> Option<usize> {
    std::fs::read_dir("/proc/self/task").ok().map(Iterator::count)
}

/// Runs the body of the calling test in a process of its own, where it may change user, fork and die.
///
/// The test program is executed again for this one test, so that neither descriptors nor locks of the
/// tests running beside it get into the copy. On one test thread the body runs in place.
#[cfg(test)]
#[track_caller]
pub(crate) fn alone(body: impl FnOnce()) {
    use std::io::Seek;

    const MARK: &str = "FUTAGO_TEST_ALONE";
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("main");
    if name == "main" || std::env::var_os(MARK).is_some() {
        return body();
    }
    let mut shown = tempfile::tempfile().expect("test machine has room");
    let mut program = Program::new(&std::env::current_exe().expect("running"), b"alone");
    program.arg(b"--exact").arg(name.as_bytes()).arg(b"--nocapture").arg(b"--test-threads=1");
    for number in [1, 2] {
        program.descriptor(number, shown.try_clone().expect("descriptors are left").into());
    }
    program.env(MARK.as_bytes(), b"1").env(b"PATH", b"/usr/bin:/bin:/usr/sbin:/sbin");
    let ended = program.start().expect("test machine can exec").wait().expect("it is our child");
    let mut text = String::new();
    shown.rewind().and_then(|()| shown.read_to_string(&mut text)).expect("temporary file is readable");
    // What was skipped is told in both.
    eprint!("{text}");
    assert_eq!(ended, Ended::Exited(0), "{text}");
}

/// Runs `body` in a forked copy of this process and returns its status (200 for a panic); within
/// [`alone`].
#[cfg(test)]
pub(crate) fn branch_for_test(body: impl FnOnce() -> u8) -> i32 {
    // SAFETY: glibc keeps its allocator usable after fork; the body takes no lock of other threads.
    match unsafe { nix::unistd::fork() }.expect("test machine can fork") {
        ForkResult::Child => {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            exit_now(result.unwrap_or(200))
        }
        ForkResult::Parent { child } => match (Child { pid: child, ended: None }).wait() {
            Ok(Ended::Exited(status)) => status,
            other => panic!("child: {other:?}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    fn shell(script: &str) -> Program {
        let mut program = Program::new(Path::new("/bin/sh"), b"sh");
        program.arg(b"-c").arg(script.as_bytes());
        program
    }

    /// Runs `program` with a pipe as its output and returns what it wrote.
    #[track_caller]
    fn output(mut program: Program) -> String {
        let (from, to) = pipe2(OFlag::O_CLOEXEC).unwrap();
        program.descriptor(1, to);
        let mut child = program.start().unwrap();
        let mut text = String::new();
        File::from(from).read_to_string(&mut text).unwrap();
        assert_eq!(child.wait().unwrap(), Ended::Exited(0));
        text
    }

    #[test]
    fn a_program_gets_its_name_environment_and_directory() {
        let mut program = shell("echo $0 $A; pwd; env | grep -cv -e ^PWD= -e ^SHLVL= -e ^_= -e ^OLDPWD=");
        program.arg(b"zero").env(b"A", b"b c").directory(Path::new("/no/such")).directory(Path::new("/"));
        assert_eq!(output(program), "zero b c\n/\n1\n");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_gets_its_descriptors_and_no_other() {
        let (_keep, other) = pipe2(OFlag::empty()).unwrap();
        let mut program = shell("cd /proc/self/fd; echo *; cat <&7");
        let (from, to) = pipe2(OFlag::O_CLOEXEC).unwrap();
        nix::unistd::write(&to, b"seven\n").unwrap();
        drop(to);
        program.descriptor(7, from).descriptor(5, other);
        // 3 or so is the shell's own directory, opened for the pattern.
        let text = output(program);
        assert!(text.starts_with("0 1 2 3 5 7\nseven\n") || text.starts_with("0 1 2 5 7\nseven\n"), "{text}");
    }

    #[test]
    fn when_descriptors_swap_numbers_then_none_is_lost() {
        let (a_from, a_to) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let (b_from, b_to) = pipe2(OFlag::O_CLOEXEC).unwrap();
        nix::unistd::write(&a_to, b"a").unwrap();
        nix::unistd::write(&b_to, b"b").unwrap();
        drop((a_to, b_to));
        let (a, b) = (a_from.as_raw_fd(), b_from.as_raw_fd());
        if a > DESCRIPTOR_MAX || b > DESCRIPTOR_MAX || a < 3 || b < 3 {
            return;
        }
        let mut program = Program::new(Path::new("/bin/bash"), b"bash");
        program.arg(b"-c").arg(format!("cat <&{a}; cat <&{b}").as_bytes());
        program.descriptor(b, a_from).descriptor(a, b_from);
        if Path::new("/bin/bash").exists() {
            assert_eq!(output(program), "ba");
        }
    }

    #[test]
    fn when_the_program_does_not_exist_then_start_tells() {
        let error = Program::new(Path::new("/no/such/program"), b"x").start().unwrap_err();
        assert_eq!(error.to_string(), "cannot start /no/such/program: exec: No such file or directory");
        assert!(!error.is_temporary());
    }

    #[test]
    fn when_an_argument_has_a_nul_then_nothing_is_started() {
        let mut program = shell("exit 0");
        program.arg(b"a\0b");
        assert!(matches!(program.start(), Err(StartError::Nul(_))));
    }

    #[test]
    fn signals_are_default_and_unblocked_in_the_program() {
        // Rust ignores SIGPIPE in this process; the program must die of it.
        let mut child = shell("kill -PIPE $$; exit 3").start().unwrap();
        assert_eq!(child.wait().unwrap(), Ended::Killed(Signal::SIGPIPE));
        let mut child = shell("kill -XFSZ $$; exit 3").start().unwrap();
        assert_eq!(child.wait().unwrap(), Ended::Killed(Signal::SIGXFSZ));
    }

    #[test]
    fn when_a_session_is_asked_for_then_the_program_leads_it() {
        let mut program = shell("ps -o sid= -p $$ | tr -d ' '; echo $$");
        program.new_session().env(b"PATH", b"/usr/bin:/bin");
        let text = output(program);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], lines[1]);
    }

    #[test]
    fn when_root_names_an_identity_then_the_program_has_it_wholly() {
        let mut program = shell("id -u; id -g; id -G");
        program.identity(Identity { uid: 65534, gid: 65533, groups: vec![8, 4] }).env(b"PATH", b"/usr/bin:/bin");
        if nix::unistd::geteuid().is_root() {
            assert_eq!(output(program), "65534\n65533\n65533 4 8\n");
        } else {
            eprintln!("skipped in part: needs root");
            assert!(matches!(program.start(), Err(StartError::Child { step: Step::Identity, .. })));
        }
    }

    #[test]
    fn a_child_can_be_killed_and_its_end_is_remembered() {
        let (from, to) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let mut program = shell("read line");
        program.descriptor(0, from.as_fd().try_clone_to_owned().unwrap());
        let mut child = program.start().unwrap();
        assert!(is_alive(child.pid()));
        child.signal(Signal::SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap(), Ended::Killed(Signal::SIGTERM));
        assert_eq!(child.wait().unwrap(), Ended::Killed(Signal::SIGTERM));
        assert!(!is_alive(child.pid()));
        drop(to);
    }
}
