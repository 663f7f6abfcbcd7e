//! The runner of the client queue (`-Ac -q15m`): one process of the submission user, which needs no hand.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use bstr::ByteSlice;
use nix::sys::signal::Signal as NixSignal;
use nix::unistd::{getegid, geteuid, getgid};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::hand;
use super::order::Order;
use super::pid_file::PidFile;
use super::programs::{Programs, Surroundings};
use super::runner::{self, Pace, Rhythm, RunOptions, Runner, Stage};
use super::work_table::{Watched, WorkTable};
use crate::cf::{Config, Principal, Privacy};
use crate::log::{Level, Log};
use crate::name::Sysexit;
use crate::queue::problem::{Expected, examine};
use crate::queue::schedule::Terms;
use crate::queue::{Orphans, Queue, QueueOptions};
use crate::site::{NameFiles, PRODUCT, Services, zone_of};
use crate::submit::Caller;
use crate::sys::daemonize;
use crate::sys::host::LoadAverage;
use crate::sys::privilege;
use crate::sys::safe_file::Listeners;
use crate::sys::signal::{ignore, ignore_write_signals};
use crate::sys::title::Title;
use crate::sys::user::User;

/// The user that root becomes where the configuration names none.
const CLIENT_USER: &str = "smmsp";

/// Runs the client queue until TERM.
pub fn run(order: Order, programs: Programs) -> ExitCode {
    match start(order.clone(), programs) {
        Ok(()) => ExitCode::SUCCESS,
        Err((exit, text)) => {
            programs.tell_failure(&order, &text);
            ExitCode::from(exit as u8)
        }
    }
}

/// What the program exits with, and why.
pub type Failed = (Sysexit, String);

fn system(error: impl ToString) -> Failed {
    (Sysexit::OsErr, error.to_string())
}

fn start(order: Order, programs: Programs) -> Result<(), Failed> {
    let mut title = Title::take();
    ignore_write_signals().map_err(system)?;
    // Whoever asks a daemon for its state must not end it.
    ignore(NixSignal::SIGUSR1).map_err(system)?;
    let mut site = SiteFile::read(&order, programs)?;
    become_client(&site.config)?;
    let mut waiting = if order.foreground { None } else { Some(daemonize::background().map_err(system)?) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(system)?;
    let mut signals = runtime.block_on(async { Signals::watch() }).map_err(system)?;
    let order = Arc::new(order);
    loop {
        let config = &site.config;
        let log = (programs.log)(&order, config);
        let spool = (programs.spool)(config).map_err(|text| {
            match examine(&config.options.queue_directory, &Expected::CLIENT_QUEUE) {
                Err(problem) => (problem.sysexit(), problem.to_string()),
                Ok(()) => (Sysexit::NoPerm, text),
            }
        })?;
        let pid_file = PidFile::of(&order, config, &log).map_err(system)?;
        if let Some(interval) = order.queue_interval() {
            title.set(runner::title(interval, &config.options.queue_directory).as_bytes());
            let duties = runner::duties(false, Some(interval));
            log.say(Level::DAEMON, None, format_args!("starting daemon ({PRODUCT}): {duties}"));
        }
        look_at_queue(config, &log);
        let queue = Queue::new(spool, QueueOptions::of(config));
        if let Some(waiting) = waiting.take() {
            waiting.release(0).map_err(system)?;
        }
        let ended = runtime.block_on(serve(&order, site, queue, log, programs, &mut signals));
        if let Some(file) = pid_file {
            file.remove();
        }
        match ended.map_err(|text| (Sysexit::Config, text))? {
            Some(next) => site = next,
            None => return Ok(()),
        }
    }
}

/// The configuration.
struct SiteFile {
    config: Config,
    text: Vec<u8>,
}

impl SiteFile {
    /// Reads the configuration as it is now.
    fn read(order: &Order, programs: Programs) -> Result<Self, Failed> {
        let path = order.config_file.to_path_lossy();
        let text = (programs.text)(order)
            .map_err(|error| (Sysexit::OsFile, format!("{}: line 0: cannot open: {error}", path.display())))?;
        let config = (programs.read)(order, &text).map_err(|bad| (Sysexit::Software, bad.join("\n")))?;
        Ok(Self { config, text })
    }
}

/// Logs what is odd about a directory that can be used all the same.
fn look_at_queue(config: &Config, log: &Log) {
    let expected = match &config.options.run_as_user.user {
        None => Expected::CLIENT_QUEUE,
        Some(Principal::Name(name)) if name == CLIENT_USER => Expected::CLIENT_QUEUE,
        Some(Principal::Name(name)) => Expected { owner: Some(name), group: None, mode: 0o700 },
        Some(Principal::Id(_)) => Expected { owner: None, group: None, mode: 0o700 },
    };
    if let Err(problem) = examine(&config.options.queue_directory, &expected) {
        log.say(Level::SETUP, None, problem);
    }
}

/// Becomes the submission user for good, where root starts it; another must be in the group of the queue by himself.
///
/// # Errors
/// There is no such user, or the caller has only the rights of the setgid program.
pub fn become_client(config: &Config) -> Result<(), Failed> {
    if !geteuid().is_root() {
        // The group of the setgid program opens the queue to a submission, not to whoever would own the mail in it.
        let text = || match config.options.privacy.has(Privacy::RestrictQrun) {
            true => "You do not have permission to process the queue".to_owned(),
            false => "you may not run the client queue: start it as root or as the submission user".to_owned(),
        };
        return if getegid() == getgid() { Ok(()) } else { Err((Sysexit::NoPerm, text())) };
    }
    let spec = &config.options.run_as_user;
    let user = match &spec.user {
        Some(Principal::Id(uid)) => User::by_uid(*uid),
        Some(Principal::Name(name)) => User::by_name(name),
        None => User::by_name(CLIENT_USER.as_bytes()),
    };
    let missing = || {
        let text =
            format!("user {CLIENT_USER} does not exist; make it, or set RunAsUser in the submission configuration");
        (Sysexit::Config, text)
    };
    let user = user.map_err(|error| (Sysexit::TempFail, error.to_string()))?.ok_or_else(missing)?;
    if user.uid == 0 {
        // QUIRK(submission-user): the original says so without RunAsUser, too; here it is then the user made for it.
        return Err((Sysexit::Config, "Mail submission program must have RunAsUser set to non root user".to_owned()));
    }
    let gid = match &spec.group {
        Some(Principal::Id(gid)) => *gid,
        _ => user.gid,
    };
    privilege::drop_to(user.uid, gid, &[]).map_err(system)
}

/// Runs the queue until TERM, or until HUP finds a configuration that can be used: it is returned.
async fn serve(
    order: &Arc<Order>,
    SiteFile { config, text }: SiteFile,
    queue: Queue,
    log: Log,
    programs: Programs,
    signals: &mut Signals,
) -> Result<Option<SiteFile>, String> {
    let (stage, reached) = watch::channel(Stage::Serving);
    let (ending, is_ending) = watch::channel(false);
    let (delivery, intake) = runner::intake();
    let (config, load) = (Arc::new(config), Arc::new(LoadAverage::open()));
    let surroundings = Surroundings {
        caller: Caller::find(),
        release: Arc::new(|_| {}),
        order: Arc::clone(order),
        config: Arc::clone(&config),
        text: text.into(),
        hands: Arc::new(hand::in_process(&config, Listeners::default())),
        queue: queue.clone(),
        log: log.clone(),
        names: NameFiles::read().and_of(&config.options),
        services: Services::of(&config),
        zone: zone_of(&config.options),
        ending: is_ending,
        delivery,
        load: Arc::clone(&load),
    };
    let work = (programs.open)(surroundings).await?;
    let watched = Watched::new(WorkTable::create().map_err(|error| error.to_string())?);
    let options = RunOptions {
        rhythm: Rhythm::of(order.queue_interval(), work.meant),
        orphans: Orphans::ProcessGone,
        pace: Pace::Together,
        classes: Arc::clone(&work.classes),
    };
    let terms = Terms::new(&config.options, order.queue_interval());
    let runner = Runner::new(queue, work.attempt, log.clone(), watched, terms, options, load);
    let mut run = tokio::spawn(runner.run(intake, reached));
    let next = tokio::select! {
        _ = &mut run => return Ok(None),
        next = signals.end(order, &log, programs) => next,
    };
    stage.send_replace(Stage::Ending);
    ending.send_replace(true);
    // What is in the middle of a delivery stays in the queue.
    let _ = tokio::time::timeout(std::time::Duration::from_secs(10), run).await;
    (work.part)().await;
    Ok(next)
}

/// The signals that a runner obeys; those that come while nobody waits for them are kept.
struct Signals {
    term: Signal,
    int: Signal,
    hang_up: Signal,
}

impl Signals {
    fn watch() -> io::Result<Self> {
        let [term, int, hang_up] = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
        Ok(Self { term: term?, int: int?, hang_up: hang_up? })
    }

    /// Waits for a signal that ends the runner; returns the configuration that the next one is to obey.
    async fn end(&mut self, order: &Order, log: &Log, programs: Programs) -> Option<SiteFile> {
        loop {
            tokio::select! {
                _ = self.term.recv() => return None,
                _ = self.int.recv() => return None,
                _ = self.hang_up.recv() => {}
            }
            log.say(Level::DAEMON, None, format_args!("restarting {} due to signal", order.program));
            match SiteFile::read(order, programs) {
                Ok(next) => return Some(next),
                Err((_, text)) => {
                    text.lines().for_each(|line| log.say(Level::SYSTEM_ERROR, None, line));
                    log.say(Level::SYSTEM_ERROR, None, "the configuration does not load; going on as before");
                }
            }
        }
    }
}
