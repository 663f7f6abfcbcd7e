//! The process that reads the network: sessions and deliveries, with no right to anything.
//!
//! **Invariant:** before the first byte from the network is read, it is an unprivileged user in an empty root directory
//! that can gain nothing by exec, and it has looked that this is so. What it needs it asks of hands by name.

mod accept;
mod control;

use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::accept::{Acceptor, Sessions};
use self::control::Told;
use super::cage;
use super::hand_spool::HandSpool;
use super::order::{Cage, Control, Order};
use super::programs::{Programs, Release, Surroundings};
use super::runner::{self, Pace, Rhythm, RunOptions, Runner, Stage};
use super::work_table::{Watched, WorkTable};
use crate::cf::Config;
use crate::keeper::Hands;
use crate::keeper::request::Entry;
use crate::log::{Level, Log, tell_panics};
use crate::name::Sysexit;
use crate::queue::schedule::Terms;
use crate::queue::spool::{EntryName, SpoolDirectory};
use crate::queue::{Layout, Orphans, Queue, QueueOptions};
use crate::site::{NameFiles, Services, zone_of};
use crate::submit::Caller;
use crate::sys::host::LoadAverage;
use crate::sys::title::Title;
use crate::sys::{daemonize, host};

/// How long sessions and deliveries may go on when the keeper is gone.
const AFTER_KEEPER: Duration = Duration::from_secs(10);

/// What is kept back of the time that the keeper gives, for the way out.
const WAY_OUT: Duration = Duration::from_secs(1);

/// What the keeper gives this process.
pub(super) struct Start {
    pub(super) order: Order,
    pub(super) text: Vec<u8>,
    pub(super) config: Config,
    pub(super) cage: Option<Cage>,
    pub(super) ports: Vec<u16>,
    pub(super) suspects: Vec<Entry>,
    /// The table of work, then a listener for each of `ports`.
    pub(super) descriptors: Vec<OwnedFd>,
}

/// What must be read while files can still be opened.
struct Outside {
    log: Log,
    caller: Caller,
    /// What takes the place of the caller's terminal.
    null: OwnedFd,
    directories: Vec<SpoolDirectory>,
    names: NameFiles,
    services: Services,
    zone: jiff::tz::TimeZone,
    load: LoadAverage,
}

impl Outside {
    fn read(start: &Start, programs: Programs) -> Result<Self, String> {
        let directories = Layout::of(&start.config).directories().map_err(|error| error.to_string())?;
        Ok(Self {
            log: (programs.log)(&start.order, &start.config),
            caller: Caller::find(),
            null: daemonize::open_null().map_err(|error| error.to_string())?,
            directories,
            names: NameFiles::read().and_of(&start.config.options),
            services: Services::of(&start.config),
            zone: zone_of(&start.config.options),
            load: LoadAverage::open(),
        })
    }
}

/// Serves, or does what the caller wants done, until it is told to finish or the keeper is gone.
pub(super) fn serve(start: Start, socket: OwnedFd, programs: Programs) -> ExitCode {
    let mut title = Title::take();
    title.set(title_of(&start.order, &start.config).as_bytes());
    let has_caller = start.order.once;
    let served = Outside::read(&start, programs).and_then(|outside| {
        cage::enter(start.cage.as_ref()).map_err(|error| error.to_string())?;
        tell_panics(&outside.log);
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.enable_all().build().map_err(|error| error.to_string())?;
        let control = socket.as_fd().try_clone_to_owned().map_err(|error| error.to_string())?;
        let served = runtime.block_on(work(start, outside, control, programs));
        // What still runs has had its time.
        runtime.shutdown_timeout(Duration::ZERO);
        served
    });
    match served {
        Ok(exit) => exit.into(),
        Err(text) => {
            let exit = Sysexit::Config as u8;
            if has_caller {
                eprintln!("{text}");
            }
            // A keeper that is gone needs not be told.
            let _ = Control::Refused { text: text.into(), exit }.send(socket.as_fd(), &[]);
            ExitCode::from(exit)
        }
    }
}

fn title_of(order: &Order, config: &Config) -> String {
    match (order.listen, order.queue_interval()) {
        (true, Some(interval)) => format!(
            "sendmail: SMTP and {}",
            runner::title(interval, &config.options.queue_directory).trim_start_matches("sendmail: ")
        ),
        (true, None) => "sendmail: SMTP sessions".to_owned(),
        (false, Some(interval)) => runner::title(interval, &config.options.queue_directory),
        (false, None) => super::runner::task_title(order, config),
    }
}

/// Everything that is waited for.
struct Serving {
    hands: Arc<Hands>,
    log: Log,
    stage: watch::Sender<Stage>,
    ending: watch::Sender<bool>,
    acceptors: JoinSet<()>,
    sessions: Sessions,
}

async fn work(start: Start, outside: Outside, socket: OwnedFd, programs: Programs) -> Result<Sysexit, String> {
    let (hands, wishes) = Hands::pools();
    let hands = Arc::new(hands);
    let (told, mut messages) = control::start(socket, Arc::clone(&hands), wishes).map_err(|error| error.to_string())?;
    let config = Arc::new(start.config);
    let order = Arc::new(start.order);
    let spool = Arc::new(HandSpool::new(Arc::clone(&hands), outside.directories));
    let queue = Queue::new(spool, QueueOptions::of(&config));
    let (stage, reached) = watch::channel(Stage::Serving);
    let (ending, is_ending) = watch::channel(false);
    let (delivery, intake) = runner::intake();
    let (log, load) = (outside.log.clone(), Arc::new(outside.load));
    let surroundings = Surroundings {
        caller: outside.caller,
        release: release(told.clone(), outside.null),
        order: Arc::clone(&order),
        config: Arc::clone(&config),
        text: start.text.into(),
        hands: Arc::clone(&hands),
        queue: queue.clone(),
        log: outside.log,
        names: outside.names,
        services: outside.services,
        zone: outside.zone,
        ending: is_ending,
        delivery,
        load: Arc::clone(&load),
    };
    if order.once {
        return Ok(perform(programs, surroundings, &ending, &mut messages).await);
    }
    let work = (programs.open)(surroundings).await?;
    set_aside(&queue, &start.suspects, &log).await;
    let mut descriptors = start.descriptors.into_iter();
    let table = descriptors.next().ok_or("the keeper gave no table of work")?;
    let listeners: Vec<(u16, TcpListener)> = start.ports.into_iter().zip(descriptors.map(Into::into)).collect();
    let watched = Watched::new(WorkTable::from_descriptor(table));
    let options = RunOptions {
        rhythm: Rhythm::of(order.queue_interval(), work.meant.clone()),
        orphans: Orphans::NotLocked,
        pace: Pace::Together,
        classes: Arc::clone(&work.classes),
    };
    let terms = Terms::new(&config.options, order.queue_interval());
    let runner = Runner::new(queue, Arc::clone(&work.attempt), log.clone(), watched, terms, options, load);
    let run = tokio::spawn(runner.run(intake, reached.clone()));
    let sessions = Sessions::new(host::descriptor_limit().ok());
    let mut acceptors = JoinSet::new();
    for (port, listener) in listeners {
        let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
        let (session, pace) = (Arc::clone(&work.session), Arc::clone(&work.pace));
        let acceptor = Acceptor { port, sessions: sessions.clone(), session, pace, log: log.clone() };
        acceptors.spawn(acceptor.serve(listener, reached.clone()));
    }
    let serving = Serving { hands, log, stage, ending, acceptors, sessions };
    // A keeper that is gone is noticed below.
    let _ = told.send(Control::Ready {}).await;
    serving.serve(run, &mut messages).await;
    (work.part)().await;
    Ok(Sysexit::Ok)
}

/// Returns what lets the caller go: its descriptors are given up, and the keeper tells it.
fn release(told: mpsc::Sender<Control>, null: OwnedFd) -> Release {
    Arc::new(move |exit| {
        // A descriptor that stays is closed by the end of this process.
        let _ = daemonize::leave_terminal(null.as_fd());
        // Whether the keeper hears it: it is read by then, or the keeper is gone.
        let _ = told.try_send(Control::Release { exit: exit.code() });
    })
}

/// Does the one thing that the caller wants, within the time that the keeper gives.
async fn perform(
    programs: Programs,
    surroundings: Surroundings,
    ending: &watch::Sender<bool>,
    messages: &mut mpsc::Receiver<Told>,
) -> Sysexit {
    let mut task = tokio::spawn((programs.perform)(surroundings));
    let limit = tokio::select! {
        exit = &mut task => return exit.unwrap_or(Sysexit::Software),
        told = messages.recv() => match told {
            Some(Told::Finish(limit)) => limit.unwrap_or(AFTER_KEEPER),
            None => AFTER_KEEPER,
        },
    };
    ending.send_replace(true);
    match tokio::time::timeout(limit.saturating_sub(WAY_OUT), task).await {
        Ok(exit) => exit.unwrap_or(Sysexit::Software),
        Err(_) => Sysexit::TempFail,
    }
}

/// Sets aside what was in work when this process's predecessors crashed.
async fn set_aside(queue: &Queue, suspects: &[Entry], log: &Log) {
    for entry in suspects {
        let name = EntryName { directory: entry.directory, id: entry.id.clone() };
        let result = match queue.claim(&name).await {
            Ok(Some(claimed)) => claimed.set_aside().await.map_err(|unwritten| unwritten.error),
            Ok(None) => continue,
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => log.say(
                Level::ALERT,
                &entry.id,
                "in work at two crashes of the program; set aside as Qf: look at it and rename it to qf to try again",
            ),
            Err(error) => log.say(Level::ALERT, &entry.id, error),
        }
    }
}

impl Serving {
    /// Waits for the end and sees to it that it comes in time.
    async fn serve(self, mut run: tokio::task::JoinHandle<()>, messages: &mut mpsc::Receiver<Told>) {
        let mut run_ended = false;
        let limit = loop {
            tokio::select! {
                told = messages.recv() => match told {
                    Some(Told::Finish(limit)) => break limit,
                    None => break Some(AFTER_KEEPER),
                },
                _ = &mut run, if !run_ended => {
                    run_ended = true;
                    self.log.say(Level::ALERT, None, "the queue runner has ended by an error of the program");
                }
            }
        };
        self.stage.send_replace(if limit.is_some() { Stage::Ending } else { Stage::Finishing });
        self.ending.send_replace(limit.is_some());
        let (mut acceptors, sessions) = (self.acceptors, self.sessions);
        let sessions = async {
            // Closing, they may still let somebody in.
            while acceptors.join_next().await.is_some() {}
            sessions.ended().await;
        };
        tokio::pin!(sessions);
        let mut sessions_ended = false;
        let deadline =
            |limit: Option<Duration>| limit.map(|limit| tokio::time::Instant::now() + limit.saturating_sub(WAY_OUT));
        let mut end = deadline(limit);
        while !(run_ended && sessions_ended) {
            tokio::select! {
                () = &mut sessions, if !sessions_ended => {
                    sessions_ended = true;
                    self.stage.send_if_modified(|stage| std::mem::replace(stage, (*stage).max(Stage::Last)) < Stage::Last);
                }
                _ = &mut run, if !run_ended => run_ended = true,
                () = until(end) => return,
                told = messages.recv(), if end.is_none() => {
                    // Told again, or the keeper is gone: now there may be a limit.
                    end = deadline(match told {
                        Some(Told::Finish(limit)) => limit,
                        None => Some(AFTER_KEEPER),
                    });
                    self.ending.send_replace(end.is_some());
                    if end.is_some() {
                        self.stage.send_replace(Stage::Ending);
                    }
                }
            }
        }
        drop(self.hands);
    }
}

/// Waits until `at`; for ever without.
async fn until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
