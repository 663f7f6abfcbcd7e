//! The keeper: it starts first, holds ports and pid file, and sees to it that a network process and its hands serve.
//!
//! **Invariant:** it reads no byte from the network, and has no thread and no runtime, so that it can execute itself.

mod generation;
mod loss;
mod pair;
mod restart;
mod start;
mod task;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask, raise};
use nix::unistd::Pid;

use self::generation::Generation;
use self::pair::Pair;
use super::back_off::{BackOffs, Cause};
use super::order::{Control, Order};
use super::pid_file::PidFile;
use super::ports::{self, OpenPort};
use super::programs::Programs;
use crate::keeper::Kind;
use crate::keeper::request::Entry;
use crate::log::{Level, Log, Priority};
use crate::name::Sysexit;
use crate::site::PRODUCT;
use crate::sys::daemonize::Waiting;
use crate::sys::process::reap_any;
use crate::sys::signal::Signals;
use crate::sys::title::Title;

/// How long sessions may go on after TERM.
const END_WITHIN_SECS: u16 = 10;

/// How long processes may take to end besides; then they are killed.
const KILL_AFTER: Duration = Duration::from_secs(12);

/// The signals that mean something here; all others keep their usual effect.
const SIGNALS: [Signal; 5] = [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGINT, Signal::SIGCHLD, Signal::SIGUSR1];

/// The keeper.
pub(super) struct Keeper {
    programs: Programs,
    log: Log,
    title: Title,
    signals: Signals,
    pid_file: Option<PidFile>,
    /// What the current pair serves, and the next one will.
    generation: Rc<Generation>,
    /// Where. Besides these and those of the pairs that serve this process has no listener, so that a port ends with the
    /// network process that serves it.
    ports: Rc<[OpenPort]>,
    /// The pair that serves.
    current: Option<Pair>,
    /// A pair that has not said yet that it serves.
    candidate: Option<Pair>,
    /// Pairs that finish, oldest first.
    old: Vec<Pair>,
    /// The foreground process that waits to hear how the start went.
    waiting: Option<Waiting>,
    back_offs: BackOffs,
    /// When the next pair is to be started.
    start_at: Option<Instant>,
    /// Hands to be started again.
    hands_at: Vec<(Instant, Kind)>,
    /// What was in work when the last pair crashed.
    in_work: Vec<Entry>,
    suspects: Vec<Entry>,
    /// When everything that still lives is killed.
    kill_at: Option<Instant>,
    exit: Option<ExitCode>,
}

pub use self::task::run as run_task;

/// Runs a daemon to its end.
pub fn run(order: Order, programs: Programs) -> ExitCode {
    match start::start(order.clone(), programs) {
        Ok(keeper) => keeper.serve(),
        Err(error) => {
            programs.tell_failure(&order, &error.to_string());
            ExitCode::from(error.exit() as u8)
        }
    }
}

/// Goes on after the keeper has executed itself; `socket` holds what it left.
pub fn go_on(socket: &OwnedFd, programs: Programs) -> ExitCode {
    match start::resume(socket, programs) {
        Ok(keeper) => keeper.serve(),
        Err(error) => {
            eprintln!("cannot go on after a restart: {error}");
            ExitCode::from(Sysexit::OsErr as u8)
        }
    }
}

impl Keeper {
    fn new(
        programs: Programs,
        log: Log,
        title: Title,
        signals: Signals,
        generation: Rc<Generation>,
        ports: Rc<[OpenPort]>,
    ) -> Self {
        Self {
            programs,
            log,
            title,
            signals,
            pid_file: None,
            generation,
            ports,
            current: None,
            candidate: None,
            old: Vec::new(),
            waiting: None,
            back_offs: BackOffs::default(),
            start_at: None,
            hands_at: Vec::new(),
            in_work: Vec::new(),
            suspects: Vec::new(),
            kill_at: None,
            exit: None,
        }
    }

    fn serve(mut self) -> ExitCode {
        loop {
            if let Some(exit) = self.exit
                && !self.pairs().any(|pair| !pair.processes.is_empty())
            {
                return self.end(exit);
            }
            self.wait();
            self.read_messages();
            let mut signals = self.signals.take().unwrap_or_default();
            // Who goes on after a restart would not know of the others.
            signals.sort_by_key(|signal| *signal == Signal::SIGHUP);
            for signal in signals {
                self.signalled(signal);
            }
            self.keep_appointments();
        }
    }

    fn pairs(&self) -> impl Iterator<Item = &Pair> {
        self.old.iter().chain(&self.current).chain(&self.candidate)
    }

    fn pairs_mut(&mut self) -> impl Iterator<Item = &mut Pair> {
        self.old.iter_mut().chain(&mut self.current).chain(&mut self.candidate)
    }

    fn show_title(&mut self) {
        let order = &self.generation.order;
        let title = match order.queue_interval() {
            _ if order.listen => "sendmail: accepting connections".to_owned(),
            interval => {
                super::runner::title(interval.unwrap_or_default(), &self.generation.config.options.queue_directory)
            }
        };
        self.title.set(title.as_bytes());
    }

    fn log_start(&self) {
        let order = &self.generation.order;
        let duties = super::runner::duties(order.listen, order.queue_interval());
        self.log.say(Level::DAEMON, None, format_args!("starting daemon ({PRODUCT}): {duties}"));
        let remarks = self.generation.config.not_acted_upon();
        remarks.iter().for_each(|text| self.log.say(Level::SETUP, None, text));
    }

    /// Waits for a message, a signal or an appointment.
    fn wait(&self) {
        let appointments = [self.start_at, self.kill_at].into_iter().flatten();
        let next = appointments.chain(self.hands_at.iter().map(|(at, _)| *at)).min();
        let timeout = next.map_or(PollTimeout::NONE, |at| {
            // One millisecond more, so that the appointment has come when the wait is over.
            let left = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        let mut waited: Vec<PollFd<'_>> = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        waited.extend(self.pairs().flat_map(Pair::waited));
        // An interruption is a signal, which is looked at next.
        let _ = poll(&mut waited, timeout);
    }

    fn read_messages(&mut self) {
        let messages: Vec<_> = self.pairs_mut().flat_map(Pair::take_messages).collect();
        for (pid, message) in messages {
            self.told(pid, message);
        }
    }

    /// Deals with what the process `pid` says.
    fn told(&mut self, pid: Pid, message: Control) {
        let has = |pair: &Pair| pair.processes.iter().any(|process| process.launched.pid == pid);
        let is_network = self.pairs().any(|pair| pair.network().is_some_and(|network| network.launched.pid == pid));
        match message {
            Control::Ready {} if is_network => {
                if let Some(mut pair) = self.candidate.take_if(|pair| has(pair)) {
                    pair.is_ready = true;
                    self.change_over(pair);
                }
            }
            Control::Refused { text, exit } => self.refused(&text.to_string(), exit, pid),
            Control::Wish { kind } if self.exit.is_none() => {
                let wisher = self.pairs_mut().find(|pair| has(pair));
                if let Some(error) = wisher.and_then(|pair| pair.wish(kind).err()) {
                    self.log.say(Level::SYSTEM_ERROR, None, format_args!("no more {} hands: {error}", kind.word()));
                }
            }
            _ => {}
        }
    }

    /// Puts a pair that is ready in the place of the one that served.
    fn change_over(&mut self, pair: Pair) {
        self.start_at = None;
        if let Some(mut before) = self.current.replace(pair) {
            before.finish(0);
            self.old.push(before);
        }
        if let Some(waiting) = self.waiting.take()
            && let Err(error) = waiting.release(0)
        {
            self.log.say(Level::SYSTEM_ERROR, None, format_args!("cannot leave the terminal: {error}"));
        }
    }

    /// A process cannot start: at the first start that ends everything, later the pair before goes on.
    fn refused(&mut self, text: &str, exit: u8, pid: Pid) {
        self.log.say(Level::SYSTEM_ERROR, None, text);
        let first = self.waiting.is_some() || self.generation.order.foreground;
        if first && self.current.is_none() && self.back_offs.of(None).is_fresh() {
            eprintln!("{text}");
            self.stop(ExitCode::from(exit));
            return;
        }
        let has = |pair: &mut Pair| pair.processes.iter().any(|process| process.launched.pid == pid);
        if let Some(mut pair) = self.candidate.take_if(has) {
            pair.signal(Signal::SIGKILL);
            pair.retire();
            self.old.push(pair);
            self.return_to_current();
            if self.current.is_none() {
                self.start_at = Some(Instant::now() + self.back_offs.of(None).next_delay(Cause::Fault));
            }
        }
    }

    fn signalled(&mut self, signal: Signal) {
        match signal {
            Signal::SIGCHLD => self.reap(),
            Signal::SIGHUP => self.hang_up(),
            Signal::SIGTERM | Signal::SIGINT => {
                let text =
                    format_args!("stopping: listeners are closed, sessions end within {END_WITHIN_SECS} seconds");
                self.log.say(Level::DAEMON, None, text);
                self.stop(ExitCode::SUCCESS);
            }
            Signal::SIGUSR1 => self.dump_state(),
            _ => {}
        }
    }

    /// Deals with the processes that have ended.
    fn reap(&mut self) {
        while let Ok(Some((pid, ended))) = reap_any() {
            self.ended(pid, ended);
        }
    }

    /// Logs which processes live, and since when (op guide, "Dumping State").
    //
    // QUIRK(state-dump): the original tells of files, connections and a ruleset.
    fn dump_state(&self) {
        let level = Level { priority: Priority::Debug, detail: 0 };
        let say = |line: std::fmt::Arguments<'_>| self.log.say(level, None, line);
        say(format_args!("--- dumping state on user signal ---"));
        let now = Instant::now();
        for pair in self.pairs() {
            let state = match (pair.is_finishing, pair.is_ready) {
                (true, _) => "finishing",
                (false, true) => "serving",
                (false, false) => "starting",
            };
            for process in &pair.processes {
                let kind = process.kind.map_or("network process".into(), |kind| format!("hand ({kind:?})"));
                let (pid, age) = (process.launched.pid, now.duration_since(process.since).as_secs());
                say(format_args!("{kind}: pid={pid}, {state}, started {age} s ago"));
            }
        }
        say(format_args!("--- end of state dump ---"));
    }

    /// Replaces this process by the program as it is now.
    fn hang_up(&mut self) {
        if self.exit.is_some() {
            return;
        }
        let program = self.generation.order.program.clone();
        self.log.say(Level::DAEMON, None, format_args!("restarting {program} due to signal"));
        if let Some(candidate) = self.candidate.take() {
            candidate.signal(Signal::SIGKILL);
        }
        self.return_to_current();
        let Err(error) = self.hold_signals().and_then(|()| self.replace_itself());
        self.log.say(
            Level::SYSTEM_ERROR,
            None,
            format_args!("could not restart {program}: {error}; going on as before"),
        );
        let _ = start::unblock_signals();
        if self.current.is_none() && self.start_at.is_none() {
            self.start_pair();
        }
    }

    /// Holds signals back for whoever goes on in this process: those that have come meanwhile are sent once more.
    fn hold_signals(&self) -> io::Result<()> {
        pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&SigSet::from_iter(SIGNALS)), None)?;
        for signal in self.signals.take()? {
            raise(signal)?;
        }
        Ok(())
    }

    /// Gives up what a pair that never served was to serve: what serves goes on, and the next restart begins with it.
    fn return_to_current(&mut self) {
        if let Some(current) = &self.current {
            self.generation = Rc::clone(&current.generation);
            self.ports = Rc::clone(&current.ports);
        }
    }

    /// Starts a pair for the configuration as it is now; a broken one is logged and changes nothing.
    fn renew(&mut self) {
        let read = Generation::read_anew(&self.generation.order, self.programs).and_then(|(generation, odd)| {
            let is_listening = generation.order.listen;
            let ports = if is_listening { ports::open(&generation.config, &self.ports)? } else { Vec::new() };
            Ok((generation, ports, odd))
        });
        match read {
            Ok((generation, ports, odd)) => {
                self.generation = Rc::new(generation);
                self.ports = ports.into();
                odd.iter().for_each(|problem| self.log.say(Level::SETUP, None, problem));
                self.log_start();
                self.start_pair();
            }
            Err(error) => {
                for line in error.to_string().lines() {
                    self.log.say(
                        Level::SYSTEM_ERROR,
                        None,
                        format_args!("{line} (restart: the old configuration goes on)"),
                    );
                }
                if self.current.is_none() {
                    self.start_pair();
                }
            }
        }
    }

    fn start_pair(&mut self) {
        match Pair::start(&self.generation, &self.ports, &std::mem::take(&mut self.suspects)) {
            Ok(pair) => self.candidate = Some(pair),
            Err(error) => {
                self.log.say(Level::SYSTEM_ERROR, None, &error);
                self.start_at = Some(Instant::now() + self.back_offs.of(None).next_delay(Cause::Fault));
            }
        }
    }

    fn keep_appointments(&mut self) {
        let now = Instant::now();
        let is_due = self.start_at.take_if(|at| *at <= now).is_some();
        // A pair that is on its way comes to the same.
        if is_due && self.exit.is_none() && self.candidate.is_none() {
            self.start_pair();
        }
        let due: Vec<Kind> = self.hands_at.iter().filter(|(at, _)| *at <= now).map(|(_, kind)| *kind).collect();
        self.hands_at.retain(|(at, _)| *at > now);
        for kind in due {
            let stopping = self.exit.is_some();
            let pairs = self.pairs_mut().filter(|pair| pair.network().is_some() && !pair.is_finishing && !stopping);
            let failed: Vec<_> = pairs
                .filter(|pair| pair.hands(kind) < kind.pool_sizes().0)
                .filter_map(|pair| pair.add_hand(kind).err())
                .collect();
            for error in failed {
                self.log.say(Level::SYSTEM_ERROR, None, format_args!("no {} hand: {error}", kind.word()));
                self.hands_at.push((now + self.back_offs.of(Some(kind)).next_delay(Cause::Fault), kind));
            }
        }
        if self.kill_at.take_if(|at| *at <= now).is_some() {
            self.pairs().for_each(|pair| pair.signal(Signal::SIGKILL));
        }
    }

    /// Begins to end: listeners first, then sessions, then hands.
    fn stop(&mut self, exit: ExitCode) {
        if self.exit.is_some() {
            return;
        }
        self.exit = Some(exit);
        self.kill_at = Some(Instant::now() + KILL_AFTER);
        self.start_at = None;
        if let Some(file) = &self.pid_file {
            // A successor may start now and waits for the ports.
            let _ = file.release();
        }
        self.pairs_mut().for_each(|pair| pair.finish(END_WITHIN_SECS));
        self.ports = Rc::default();
    }

    fn end(mut self, exit: ExitCode) -> ExitCode {
        if let Some(file) = self.pid_file.take() {
            file.remove();
        }
        exit
    }
}

#[cfg(test)]
mod tests;
