//! The keeper of one thing that a caller wants done: one pair, no port, no pid file, no restart.
//!
//! **Invariant:** once the network process runs, it alone has the caller's descriptors, of which one may be a connection.

use std::os::fd::AsFd;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::generation::{Generation, read_config};
use super::pair::Pair;
use super::start::{StartError, prepare_process};
use super::{END_WITHIN_SECS, KILL_AFTER};
use crate::daemon::cage::{self, CageError};
use crate::daemon::order::{Control, Order};
use crate::daemon::programs::Programs;
use crate::daemon::runner::task_title;
use crate::keeper::Kind;
use crate::log::{Level, Log};
use crate::name::Sysexit;
use crate::sys::daemonize::{self, Waiting};
use crate::sys::privilege;
use crate::sys::process::{Ended, reap_any};
use crate::sys::signal::Signals;
use crate::sys::title::Title;

/// The signals that mean something here.
const SIGNALS: [Signal; 4] = [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGINT, Signal::SIGCHLD];

/// How many hands that end before their time are replaced; then something is wrong that more of them do not mend.
const LOST_HANDS_MAX: usize = 16;

/// The keeper of a task.
struct TaskKeeper {
    log: Log,
    signals: Signals,
    pair: Pair,
    /// The foreground process that waits to be let go, if the task may go on without it.
    waiting: Option<Waiting>,
    lost_hands: usize,
    /// What the network process ended with.
    exit: Option<Sysexit>,
    /// When everything that still lives is killed.
    kill_at: Option<Instant>,
}

/// Has the thing done that `order` is about; returns what the program exits with.
pub fn run(order: Order, programs: Programs) -> ExitCode {
    match start(order.clone(), programs) {
        Ok(keeper) => keeper.serve().into(),
        Err(error) => {
            programs.tell_failure(&order, &error.to_string());
            error.exit().into()
        }
    }
}

fn start(order: Order, programs: Programs) -> Result<TaskKeeper, StartError> {
    let mut title = Title::take();
    privilege::drop_group().map_err(CageError::from)?;
    prepare_process()?;
    let (text, config) = read_config(&order, programs)?;
    let cage = cage::find(&config)?;
    let waiting = if order.foreground { None } else { Some(daemonize::background()?) };
    let log = (programs.log)(&order, &config);
    title.set(task_title(&order, &config).as_bytes());
    let generation = Rc::new(Generation { order, text, config: Rc::new(config), cage });
    let signals = Signals::watch(&SIGNALS)?;
    let pair = Pair::start(&generation, &Rc::default(), &[])?;
    daemonize::leave_terminal(daemonize::open_null()?.as_fd())?;
    Ok(TaskKeeper { log, signals, pair, waiting, lost_hands: 0, exit: None, kill_at: None })
}

impl TaskKeeper {
    fn serve(mut self) -> Sysexit {
        loop {
            if let Some(exit) = self.exit
                && self.pair.processes.is_empty()
            {
                return exit;
            }
            self.wait();
            for (_, message) in self.pair.take_messages() {
                self.told(message);
            }
            for signal in self.signals.take().unwrap_or_default() {
                self.signalled(signal);
            }
            if self.kill_at.take_if(|at| *at <= Instant::now()).is_some() {
                self.pair.signal(Signal::SIGKILL);
            }
        }
    }

    /// Waits for a message, a signal, the time to kill, or the end of a caller that was not let go.
    fn wait(&mut self) {
        let timeout = self.kill_at.map_or(PollTimeout::NONE, |at| {
            let left = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        let mut waited = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        waited.extend(self.waiting.iter().map(|waiting| PollFd::new(waiting.as_fd(), PollFlags::empty())));
        waited.extend(self.pair.waited());
        // An interruption is a signal, which is looked at next.
        let _ = poll(&mut waited, timeout);
        let is_abandoned = self.waiting.is_some() && waited[1].any().unwrap_or(false);
        drop(waited);
        if is_abandoned {
            self.waiting = None;
            self.finish();
        }
    }

    fn told(&mut self, message: Control) {
        match message {
            Control::Release { exit } => {
                if let Some(waiting) = self.waiting.take()
                    && let Err(error) = waiting.release(exit)
                {
                    self.log.say(Level::SYSTEM_ERROR, None, format_args!("cannot leave the terminal: {error}"));
                }
            }
            Control::Wish { kind } => self.add_hand(kind),
            // The process itself tells the caller; here it is for the postmaster.
            Control::Refused { text, .. } => self.log.say(Level::SYSTEM_ERROR, None, text),
            _ => {}
        }
    }

    fn add_hand(&mut self, kind: Kind) {
        if let Err(error) = self.pair.wish(kind) {
            self.log.say(Level::SYSTEM_ERROR, None, format_args!("no {} hand: {error}", kind.word()));
        }
    }

    fn signalled(&mut self, signal: Signal) {
        if signal != Signal::SIGCHLD {
            return self.finish();
        }
        while let Ok(Some((pid, ended))) = reap_any() {
            self.ended(pid, ended);
        }
    }

    /// Asks the network process to end; what it has not finished by then is killed.
    fn finish(&mut self) {
        self.pair.finish(END_WITHIN_SECS);
        self.kill_at.get_or_insert(Instant::now() + KILL_AFTER);
    }

    /// Deals with the end of the process `pid`.
    fn ended(&mut self, pid: Pid, ended: Ended) {
        let Some(process) = self.pair.forget(pid) else { return };
        let Some(kind) = process.kind else {
            self.exit = Some(match ended {
                Ended::Exited(status) => Sysexit::from_code(status).unwrap_or(Sysexit::Software),
                Ended::Killed(_) if self.pair.is_finishing => Sysexit::TempFail,
                Ended::Killed(_) => Sysexit::Software,
            });
            if let (Ended::Killed(_), false) = (ended, self.pair.is_finishing) {
                let text = format_args!("network process (pid {pid}) has ended: {ended:?}");
                self.log.say(Level::SYSTEM_ERROR, None, text);
            }
            // The hands end by themselves.
            self.kill_at.get_or_insert(Instant::now() + KILL_AFTER);
            return;
        };
        // A hand ends so when the network process has gone, whose end may be told a moment later.
        if ended == Ended::Exited(0) || self.pair.network().is_none() || self.pair.is_finishing {
            return;
        }
        self.log.say(Level::SYSTEM_ERROR, None, format_args!("{} hand (pid {pid}) has ended: {ended:?}", kind.word()));
        // A file system that does not answer is no fault of the hand.
        self.lost_hands += usize::from(ended != Ended::Killed(Signal::SIGALRM));
        if self.lost_hands <= LOST_HANDS_MAX { self.add_hand(kind) } else { self.finish() }
    }
}
