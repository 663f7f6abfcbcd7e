//! How the keeper begins: by order, or again after it has executed itself.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;

use bstr::BString;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};
use nix::unistd::{AccessFlags, access, getuid};

use super::generation::{Generation, read_config};
use super::pair::Pair;
use super::{Keeper, SIGNALS, restart};
use crate::cf::Config;
use crate::daemon::cage::{self, CageError};
use crate::daemon::launch::LaunchError;
use crate::daemon::order::Order;
use crate::daemon::pid_file::{PidFile, PidFileError};
use crate::daemon::ports::{self, PortError};
use crate::daemon::programs::Programs;
use crate::log::Level;
use crate::name::Sysexit;
use crate::queue::problem::{Expected, SpoolProblem, examine};
use crate::queue::{Layout, LayoutError};
use crate::sys::errors::reason_of;
use crate::sys::signal::{self, Signals};
use crate::sys::title::Title;
use crate::sys::{daemonize, host, privilege};

/// The daemon cannot start.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    /// The configuration file cannot be read.
    #[error("{file}: line 0: cannot open: {error}")]
    NoConfig {
        /// The file.
        file: String,
        /// Why.
        error: io::Error,
    },
    /// It cannot be used.
    #[error("{}", .0.join("\n"))]
    BadConfig(Vec<String>),
    /// The process that reads the network cannot be made harmless.
    #[error(transparent)]
    Cage(#[from] CageError),
    /// A queue directory cannot be found.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// An ordinary user has started it, who may not use the queue.
    #[error("Permission denied (real uid not trusted): {path}: {errno}; start the daemon as root", errno = reason_of(*.errno))]
    NotTrusted {
        /// The queue directory.
        path: BString,
        /// Why.
        errno: Errno,
    },
    /// A queue directory cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolProblem),
    /// A port cannot be opened.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Another daemon runs.
    #[error(transparent)]
    PidFile(#[from] PidFileError),
    /// A process cannot be started.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// A system call that never fails did.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

impl StartError {
    /// Returns the exit status.
    pub(super) fn exit(&self) -> Sysexit {
        match self {
            Self::NoConfig { .. } => Sysexit::OsFile,
            Self::BadConfig(_) | Self::Port(PortError::UnknownHost(_)) => Sysexit::Software,
            Self::Cage(CageError::LookUp(_)) => Sysexit::TempFail,
            Self::Cage(_) | Self::Layout(_) => Sysexit::Config,
            Self::NotTrusted { .. } => Sysexit::Usage,
            Self::Spool(problem) => problem.sysexit(),
            Self::Port(_) | Self::PidFile(_) | Self::Launch(_) | Self::System(_) => Sysexit::OsErr,
        }
    }
}

/// Looks at the queue directories: a daemon without one would turn all mail away. Those that are only odd are told and
/// returned.
pub(super) fn look_at_queues(config: &Config) -> Result<Vec<SpoolProblem>, StartError> {
    let owner = Some(&b"root"[..]).filter(|_| getuid().is_root() && config.options.run_as_user.user.is_none());
    let expected = Expected { owner, ..Expected::DAEMON_QUEUE };
    let mut odd = Vec::new();
    for directory in Layout::of(config).directories()? {
        let examined = examine(&directory.path, &expected);
        let is_there = !matches!(examined, Err(SpoolProblem::Missing { .. } | SpoolProblem::NotADirectory { .. }));
        // A hand that cannot open it would only end again and again.
        let rights = AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK;
        if is_there && let Err(errno @ Errno::EACCES) = access(Path::new(OsStr::from_bytes(&directory.path)), rights) {
            return Err(StartError::NotTrusted { path: directory.path, errno });
        }
        match examined {
            Ok(()) => {}
            Err(problem @ SpoolProblem::Wrong { .. }) => {
                eprintln!("{problem}");
                odd.push(problem);
            }
            Err(problem) => return Err(problem.into()),
        }
    }
    Ok(odd)
}

/// Becomes the keeper of what `order` asks for; with the first pair on its way.
pub(super) fn start(order: Order, programs: Programs) -> Result<Keeper, StartError> {
    let title = Title::take();
    privilege::drop_group().map_err(CageError::from)?;
    prepare_process()?;
    let (text, config) = read_config(&order, programs)?;
    let cage = cage::find(&config)?;
    if !getuid().is_root() {
        eprintln!("not started as root: every process runs as the caller and is not locked in");
    }
    let odd = look_at_queues(&config).inspect_err(|error| {
        if let StartError::NotTrusted { .. } = error {
            let duties = if order.listen { "run daemon" } else { "start a queue runner daemon" };
            let uid = getuid();
            (programs.log)(&order, &config).say(Level::ALERT, None, format_args!("user {uid} attempted to {duties}"));
        }
    })?;
    let waiting = if order.foreground { None } else { Some(daemonize::background()?) };
    let log = (programs.log)(&order, &config);
    odd.iter().for_each(|problem| log.say(Level::SETUP, None, problem));
    let pid_file = PidFile::of(&order, &config, &log)?;
    let ports = if order.listen { ports::open(&config, &[])? } else { Vec::new() };
    let generation = Rc::new(Generation { order, text, config: Rc::new(config), cage });
    let signals = Signals::watch(&SIGNALS)?;
    let mut keeper = Keeper::new(programs, log, title, signals, generation, ports.into());
    keeper.pid_file = pid_file;
    keeper.waiting = waiting;
    keeper.show_title();
    keeper.log_start();
    keeper.candidate = Some(Pair::start(&keeper.generation, &keeper.ports, &[])?);
    Ok(keeper)
}

/// Goes on with what the keeper left in `socket` before it executed itself.
pub(super) fn resume(socket: &OwnedFd, programs: Programs) -> io::Result<Keeper> {
    let title = Title::take();
    privilege::drop_group().map_err(io::Error::other)?;
    prepare_process()?;
    let inherited = restart::inherit(socket, programs.read)?;
    let signals = Signals::watch(&SIGNALS)?;
    unblock_signals()?;
    let log = (programs.log)(&inherited.generation.order, &inherited.generation.config);
    let mut keeper = Keeper::new(programs, log, title, signals, inherited.generation, inherited.ports);
    keeper.pid_file = inherited.pid_file;
    keeper.old = inherited.pairs;
    if let Some(place) = keeper.old.iter().position(Pair::serves) {
        keeper.current = Some(keeper.old.remove(place));
    }
    keeper.show_title();
    // Who ended while this process executed itself may not be told again.
    keeper.reap();
    keeper.renew();
    Ok(keeper)
}

/// Readies this process for the work with descriptors.
pub(super) fn prepare_process() -> io::Result<()> {
    signal::ignore_write_signals()?;
    // Fewer descriptors than the system would allow serve fewer sessions; that is no reason to stop.
    let _ = host::raise_descriptor_limit();
    Ok(())
}

/// Lets the signals through that were held back while the keeper executed itself.
pub(super) fn unblock_signals() -> io::Result<()> {
    Ok(pthread_sigmask(SigmaskHow::SIG_UNBLOCK, Some(&SigSet::from_iter(SIGNALS)), None)?)
}
