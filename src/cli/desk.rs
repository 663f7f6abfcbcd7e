//! What a one-shot mode works with: configuration, log, queue, and hands of its own, in one thread.

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use super::begin::begin;
use super::command_line::CommandLine;
use super::configuration;
use super::debug::DebugFlags;
use crate::cf::{Principal, SuperSafe};
use crate::daemon::hand;
use crate::deliver::services::Services;
use crate::log::{About, Level, Log, Priority, Sink, Syslog, Witness};
use crate::name::Sysexit;
use crate::queue::problem::{Expected, SpoolProblem, examine};
use crate::queue::{DirectSpool, Layout, LayoutError, Queue, QueueOptions};
use crate::site::Site;
use crate::submit::{Caller, Terminal};
use crate::sys::signal;
use crate::sys::user::User;

/// The name in the log where `-L` gives none.
const DEFAULT_TAG: &str = "sendmail";

/// How much is logged before a configuration says so.
const EARLY_LOG_LEVEL: i64 = 9;

/// What a one-shot mode works with.
pub(super) struct Desk {
    /// Everything that submission and delivery need.
    pub(super) services: Services,
    /// What the program exits with although all goes well: something was misspelt.
    exit: Sysexit,
}

impl Desk {
    /// Does `work` with what the command line chooses; returns what the program exits with.
    pub(super) fn with(command: &CommandLine, work: impl AsyncFnOnce(&Self) -> Sysexit) -> ExitCode {
        Self::on_runtime(async || match Self::open(command).await {
            Ok(desk) => {
                let exit = work(&desk).await;
                desk.services.smtp.finish().await;
                if exit == Sysexit::Ok { desk.exit } else { exit }
            }
            Err(exit) => exit,
        })
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

    /// Opens everything; what is wrong is told on standard output and in the log.
    async fn open(command: &CommandLine) -> Result<Self, Sysexit> {
        let log = log(command);
        let begun = begin(command).await?;
        let exit = configuration::exit_in_spite_of(&begun.errors, command);
        let site = begun.site;
        log.set_detail(site.config.options.log_level);
        let queue = queue(&site).map_err(|error| no_queue(&error, &site, &log))?;
        let trace = DebugFlags::parse(&command.debug).file_trace();
        let hands = Arc::new(hand::in_process(&site.config, trace));
        let services = Services::new(site, hands, queue, log, None);
        let terminal = || Arc::new(Mutex::new(std::io::stdout())) as Arc<Mutex<dyn std::io::Write + Send>>;
        let witness = Witness::new(command.is_verbose.then(terminal), None);
        Ok(Self { services: services.one_shot(witness), exit })
    }
}

/// Opens the log under the name that the command line gives.
pub(super) fn log(command: &CommandLine) -> Log {
    let tag = command.tag.as_ref().map_or_else(|| DEFAULT_TAG.into(), ToString::to_string);
    Log::new(Sink::Syslog(Syslog::system()), &tag, EARLY_LOG_LEVEL)
}

/// Tells whether the caller is root or the TrustedUser; who is not is told, and the log gets `attempt`.
pub(super) fn is_administrator(site: &Site, log: &Log, attempt: &str) -> bool {
    let uid = Caller::find().uid;
    let trusted = site.config.options.trusted_user.user.as_ref().and_then(self::uid);
    if uid == 0 || trusted == Some(uid) {
        return true;
    }
    let level = Level { priority: Priority::Alert, detail: 1 };
    log.say(level, About::Program, format_args!("user {uid} attempted to {attempt}"));
    Terminal::new(&mut std::io::stdout()).tell("Permission denied (real uid not trusted)");
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
fn queue(site: &Site) -> Result<Queue, LayoutError> {
    let options = &site.config.options;
    let groups = site.config.queue_groups.iter().map(|group| (group.name.clone(), group.path.clone())).collect();
    let layout = Layout { queue_directory: options.queue_directory.clone(), groups };
    let spool = DirectSpool::open(&layout, options.queue_file_mode)?;
    let queue_options = QueueOptions {
        sync: options.super_safe != SuperSafe::No,
        free_blocks_min: u64::try_from(options.min_free_blocks).unwrap_or(0),
        precedences: site.config.precedences.clone(),
        ..QueueOptions::default()
    };
    Ok(Queue::new(Arc::new(spool), queue_options))
}

/// Tells of queue directories that cannot be used; returns what the program exits with.
fn no_queue(error: &LayoutError, site: &Site, log: &Log) -> Sysexit {
    let mut out = std::io::stdout();
    let mut terminal = Terminal::new(&mut out);
    terminal.tell(error.to_string());
    let name = Caller::find().name;
    let level = Level { priority: Priority::Critical, detail: 1 };
    log.say(level, About::NoQueue, format_args!("SYSERR({name}): {error}"));
    match client_queue_problem(site) {
        Some(problem) => {
            terminal.tell(problem.to_string());
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
pub(super) fn client_queue_problem(site: &Site) -> Option<SpoolProblem> {
    if site.config.file != configuration::SUBMISSION_FILE {
        return None;
    }
    examine(&site.config.options.queue_directory, &Expected::CLIENT_QUEUE).err()
}
