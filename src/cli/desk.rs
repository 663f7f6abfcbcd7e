//! What a one-shot mode works with, and the process it works in.
//!
//! An ordinary user's work is done in his own process, and that of the client queue in one of the submission user. Work
//! of root, which would read network bytes with all rights, is done by a network process with its hands
//! (`daemon/keeper.rs`): it gets the caller's standard descriptors and the command line, and finds the same [`Job`].

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use bstr::ByteSlice;
use nix::unistd::geteuid;
use tokio::sync::watch;

use super::begin::{begin, begun};
use super::command_line::CommandLine;
use super::daemon_mode::is_client_queue;
use super::debug::file_listeners;
use super::mode::Mode;
use super::order::{self, Purpose, TAG};
use super::{configuration, work};
use crate::cf::{Config, DeliveryMode, Options, Principal, Privacy};
use crate::daemon::programs::{Programs, Release, Surroundings, Task};
use crate::daemon::{client_queue, hand, keeper};
use crate::deliver::services::Services;
use crate::log::{About, Level, Log, Sink, Syslog, Traffic, Witness};
use crate::name::Sysexit;
use crate::queue::problem::{Expected, SpoolProblem, examine};
use crate::queue::{DirectSpool, Layout, LayoutError, Orphans, Queue, QueueOptions};
use crate::site::Site;
use crate::submit::{Caller, Terminal};
use crate::sys::errors::reason;
use crate::sys::host::LoadAverage;
use crate::sys::signal;
use crate::sys::user::User;

/// How much is logged before a configuration says so.
const EARLY_LOG_LEVEL: i64 = 9;

/// What a one-shot mode works with.
pub(super) struct Desk {
    /// Everything that submission and delivery need.
    pub(super) services: Services,
    /// Who calls.
    pub(super) caller: Caller,
    /// Becomes true when the work must end.
    pub(super) ending: watch::Receiver<bool>,
    /// Lets the caller go; none where he waits for the end.
    pub(super) release: Option<Release>,
    /// Which orphans of the queue may be removed.
    pub(super) orphans: Orphans,
    /// How busy the machine is.
    pub(super) load: Arc<LoadAverage>,
    /// What the program exits with although all goes well: something was misspelt.
    exit: Sysexit,
}

impl Desk {
    /// Lets the caller go, where that is possible, while the work goes on.
    pub(super) fn release(&self) {
        if let Some(release) = &self.release {
            release(self.exit);
        }
    }

    /// Tells that the system is short of something; returns what the program exits with.
    pub(super) fn failed(&self, error: &io::Error) -> Sysexit {
        self.services.log.say(Level::SYSTEM_ERROR, About::NoQueue, error);
        Terminal::new(&mut io::stdout()).tell(error.to_string());
        Sysexit::OsErr
    }
}

/// The work of a one-shot mode.
pub(super) type Job = fn(Desk, CommandLine) -> Task<Sysexit>;

/// Does `job` in the process where it may be done; returns what the program exits with.
pub(super) fn run(command: &CommandLine, job: Job, programs: Programs) -> ExitCode {
    let caller = Caller::find();
    let is_queue_run = command.mode == Mode::QueueRun;
    if geteuid().is_root() || is_queue_run {
        let (config, errors) = match configuration::read(command) {
            Ok(read) => read,
            Err(exit) => return exit.into(),
        };
        if configuration::refusal(&errors, command.mode).is_some() {
            return configuration::report(&errors, command).unwrap_or(Sysexit::Software).into();
        }
        let is_client = config.options.use_msp || is_client_queue(command);
        if geteuid().is_root() && !is_client {
            return match queue(&config) {
                Ok(_) => by_processes(command, &config.options, programs),
                Err(error) => no_queue(&error, &config, &log(command), &caller).into(),
            };
        }
        if let Err((exit, text)) = client_queue::become_client(&config) {
            match command.mode {
                // A caller that has gone away learns all from the exit status.
                Mode::Smtp => drop(write!(io::stdout(), "550 {text}\r\n")),
                _ => eprintln!("{text}"),
            }
            return exit.into();
        }
    }
    on_runtime(async || match in_process(command, caller).await {
        Ok(desk) => {
            let is_verbose = command.is_verbose && may_expand(&desk.caller, &desk.services.site);
            work_at(desk, CommandLine { is_verbose, ..command.clone() }, job).await
        }
        Err(exit) => exit,
    })
}

/// Has the work done by a network process with its hands.
fn by_processes(command: &CommandLine, options: &Options, programs: Programs) -> ExitCode {
    warn_of_traffic(command);
    let purpose = if leaves_caller(command, options) { Purpose::Errand } else { Purpose::Task };
    match order::order(command, purpose) {
        Ok(order) => keeper::run_task(order, programs),
        Err(error) => {
            eprintln!("cannot find out what program this is: {error}");
            Sysexit::OsErr.into()
        }
    }
}

/// Tells whether the caller need not wait for the end: of queue runs, and of deliveries in the background.
fn leaves_caller(command: &CommandLine, options: &Options) -> bool {
    match command.mode {
        Mode::QueueRun => !command.is_verbose && !command.queue.as_ref().is_some_and(|queue| queue.in_foreground),
        Mode::Smtp => options.delivery_mode == DeliveryMode::Background,
        Mode::Deliver | Mode::Arpanet => options.delivery_mode == DeliveryMode::Background && !command.is_verbose,
        _ => false,
    }
}

/// Does `job` in a network process that was started for it.
pub(super) async fn inside(surroundings: Surroundings, command: CommandLine, job: Job) -> Sysexit {
    let loaded = work::load(&surroundings).await;
    let file = surroundings.order.config_file.to_str_lossy().into_owned();
    let errors = loaded.started.errors.clone();
    if let Err(exit) = begun(&command, &file, &loaded.started, || (loaded.log.clone(), surroundings.caller.clone())) {
        return exit;
    }
    let Some(services) = loaded.services(&surroundings) else {
        return configuration::exit_of(&errors).unwrap_or(Sysexit::Software);
    };
    let desk = Desk {
        services: services.one_shot(witness(command.is_verbose, None)),
        caller: surroundings.caller,
        ending: surroundings.ending,
        release: (!surroundings.order.foreground).then_some(surroundings.release),
        orphans: Orphans::NotLocked,
        load: surroundings.load,
        exit: configuration::exit_in_spite_of(&errors, &command),
    };
    work_at(desk, command, job).await
}

/// Does `job`, takes leave of the hosts that it spoke to, and sees the last lines into the log.
async fn work_at(desk: Desk, command: CommandLine, job: Job) -> Sysexit {
    let (smtp, log) = (Arc::clone(&desk.services.smtp), desk.services.log.clone());
    let hands = Arc::clone(&desk.services.hands);
    let otherwise = desk.exit;
    let exit = job(desk, command).await;
    smtp.finish().await;
    work::part(&hands, &log).await;
    if exit == Sysexit::Ok { otherwise } else { exit }
}

/// Does `work` on a runtime of one thread; returns what the program exits with.
pub(super) fn on_runtime(work: impl AsyncFnOnce() -> Sysexit) -> ExitCode {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (Ok(runtime), Ok(())) = (built, signal::ignore_write_signals()) else {
        return Sysexit::OsErr.into();
    };
    let exit = runtime.block_on(work());
    // What still runs in the background has nothing to tell any more.
    runtime.shutdown_background();
    exit.into()
}

/// Opens everything for this process; what is wrong is told on standard output and in the log.
async fn in_process(command: &CommandLine, caller: Caller) -> Result<Desk, Sysexit> {
    let log = log(command);
    let traffic = open_traffic(command)?;
    let begun = begin(command).await?;
    let exit = configuration::exit_in_spite_of(&begun.errors, command);
    let site = begun.site;
    log.set_detail(site.config.options.log_level);
    if command.mode == Mode::Verify && caller.uid != 0 {
        let notice = "Notice: -bv may give misleading output for non-privileged user";
        Terminal::new(&mut io::stdout()).tell(notice);
    }
    let queue = queue(&site.config).map_err(|error| no_queue(&error, &site.config, &log, &caller))?;
    if let Some(problem) = client_queue_problem(&site.config) {
        log.say(Level::SETUP, About::NoQueue, problem);
    }
    let hands = Arc::new(hand::in_process(&site.config, file_listeners(command)));
    let orphans = if site.config.options.use_msp { Orphans::ProcessGone } else { Orphans::NotLocked };
    let services = Services::new(site, hands, queue, log, None);
    let (_, ending) = watch::channel(false);
    let is_verbose = command.is_verbose && may_expand(&caller, &services.site);
    Ok(Desk {
        services: services.one_shot(witness(is_verbose, traffic)),
        caller,
        ending,
        release: None,
        orphans,
        load: Arc::new(LoadAverage::open()),
        exit,
    })
}

/// Returns who watches the deliveries of a call: a verbose caller, and the file of `-X`.
fn witness(is_verbose: bool, traffic: Option<Traffic>) -> Witness {
    let terminal = || Arc::new(Mutex::new(io::stdout())) as Arc<Mutex<dyn io::Write + Send>>;
    Witness::new(is_verbose.then(terminal), traffic)
}

/// Opens the file of `-X`, which takes what is said to the servers of others.
///
/// # Errors
/// It cannot be opened, which is told; this is the exit status.
fn open_traffic(command: &CommandLine) -> Result<Option<Traffic>, Sysexit> {
    let Some(name) = &command.traffic_log else { return Ok(None) };
    let opened = File::options().append(true).create(true).open(name.to_path_lossy());
    opened.map(|file| Some(Traffic::new(file))).map_err(|error| {
        Terminal::new(&mut io::stdout()).tell(format!("cannot open {name}: {}", reason(&error)));
        Sysexit::CantCreat
    })
}

/// Tells on standard error that a process without rights, which opens no file, does what the caller asks for.
pub(super) fn warn_of_traffic(command: &CommandLine) {
    if let Some(name) = &command.traffic_log {
        eprintln!("sendmail: -X {name}: nothing is written there, since the process that speaks SMTP opens no file");
    }
}

/// Opens the log under the name that the command line gives.
pub(super) fn log(command: &CommandLine) -> Log {
    let tag = command.tag.as_ref().map_or_else(|| TAG.into(), ToString::to_string);
    Log::new(Sink::Syslog(Syslog::system()), &tag, EARLY_LOG_LEVEL)
}

/// Tells whether `caller` is root or the TrustedUser.
fn is_trusted(caller: &Caller, site: &Site) -> bool {
    let trusted = || site.config.options.trusted_user.user.as_ref().and_then(self::uid);
    caller.uid == 0 || trusted() == Some(caller.uid)
}

/// Tells whether `caller` may see whom addresses stand for (op guide, "PrivacyOptions", `restrictexpand`).
fn may_expand(caller: &Caller, site: &Site) -> bool {
    !site.config.options.privacy.has(Privacy::RestrictExpand) || is_trusted(caller, site)
}

/// Tells whether `caller` may do what only root and the TrustedUser may; who may not is told, and logged with the `attempt`.
pub(super) fn is_administrator(caller: &Caller, site: &Site, log: &Log, attempt: &str) -> bool {
    if is_trusted(caller, site) {
        return true;
    }
    log.say(Level::ALERT, About::Program, format_args!("user {} attempted to {attempt}", caller.uid));
    Terminal::new(&mut io::stdout()).tell("Permission denied (real uid not trusted)");
    false
}

/// Returns the number of a user that an option names.
pub(super) fn uid(user: &Principal) -> Option<u32> {
    match user {
        Principal::Id(uid) => Some(*uid),
        Principal::Name(name) => User::by_name(name).ok().flatten().map(|user| user.uid),
    }
}

/// Opens the queue directories.
fn queue(config: &Config) -> Result<Queue, LayoutError> {
    let spool = DirectSpool::open(&Layout::of(config), config.options.queue_file_mode)?;
    Ok(Queue::new(Arc::new(spool), QueueOptions::of(config)))
}

/// Tells of queue directories that cannot be used; returns what the program exits with.
fn no_queue(error: &LayoutError, config: &Config, log: &Log, caller: &Caller) -> Sysexit {
    let mut out = io::stdout();
    let mut terminal = Terminal::new(&mut out);
    terminal.tell(error.to_string());
    log.say(Level::SYSTEM_ERROR, About::NoQueue, format_args!("SYSERR({}): {error}", caller.name));
    match client_queue_problem(config) {
        Some(problem) => {
            terminal.tell(problem.to_string());
            log.say(Level::SYSTEM_ERROR, About::NoQueue, format_args!("SYSERR({}): {problem}", caller.name));
            problem.sysexit()
        }
        None => {
            if error.source.kind() == std::io::ErrorKind::PermissionDenied {
                terminal.tell("Program mode requires special privileges, e.g., root or TrustedUser.");
            }
            Sysexit::Config
        }
    }
}

/// Returns what is wrong with the queue of local programs, if the configuration uses it.
pub(super) fn client_queue_problem(config: &Config) -> Option<SpoolProblem> {
    if config.file != configuration::SUBMISSION_FILE {
        return None;
    }
    examine(&config.options.queue_directory, &Expected::CLIENT_QUEUE).err()
}

/// Returns a standard descriptor for reading or writing beside the runtime.
pub(super) fn standard(descriptor: impl AsFd) -> io::Result<tokio::fs::File> {
    Ok(tokio::fs::File::from_std(File::from(descriptor.as_fd().try_clone_to_owned()?)))
}
