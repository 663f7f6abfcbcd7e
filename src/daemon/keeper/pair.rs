//! A network process with its hands, as the keeper sees them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::generation::Generation;
use crate::daemon::launch::{HAND_NAME, LaunchError, Launched, NETWORK_NAME, launch};
use crate::daemon::order::{Control, send_order};
use crate::daemon::ports::OpenPort;
use crate::daemon::work_table::WorkTable;
use crate::keeper::Kind;
use crate::keeper::request::Entry;
use crate::sys::passing;

/// The hands that a task begins with; others are started when they are asked for.
const TASK_HANDS: [Kind; 2] = [Kind::Queue, Kind::Maps];

/// One process of a pair.
#[derive(Debug)]
pub(super) struct Process {
    /// The process and the socket to it.
    pub(super) launched: Launched,
    /// The pool of a hand; none for the network process.
    pub(super) kind: Option<Kind>,
    /// Whether the socket has reached its end: the process is about to.
    pub(super) silent: bool,
    /// When it was started.
    pub(super) since: Instant,
}

/// A network process and its hands.
#[derive(Debug)]
pub(super) struct Pair {
    /// What they serve.
    pub(super) generation: Rc<Generation>,
    /// Where; nowhere once it serves no more.
    pub(super) ports: Rc<[OpenPort]>,
    /// All that live.
    pub(super) processes: Vec<Process>,
    /// The entries in work.
    pub(super) table: WorkTable,
    /// Whether the network process has said that it serves.
    pub(super) is_ready: bool,
    /// Whether it serves no more: it was told to finish, was given up, or its network process is gone.
    pub(super) is_finishing: bool,
}

impl Pair {
    /// Starts a network process and its hands to serve at `ports`; `suspects` are set aside before anything else.
    pub(super) fn start(
        generation: &Rc<Generation>,
        ports: &Rc<[OpenPort]>,
        suspects: &[Entry],
    ) -> Result<Self, LaunchError> {
        let table = WorkTable::create()?;
        let mut pair = Self {
            generation: Rc::clone(generation),
            ports: Rc::clone(ports),
            processes: Vec::new(),
            table,
            is_ready: false,
            is_finishing: false,
        };
        let started = pair.start_all(suspects);
        if started.is_err() {
            pair.signal(Signal::SIGKILL);
        }
        started.map(|()| pair)
    }

    fn start_all(&mut self, suspects: &[Entry]) -> Result<(), LaunchError> {
        let network = launch(&self.generation.order, NETWORK_NAME)?;
        self.push(network, None);
        let generation = Rc::clone(&self.generation);
        let control = &self.processes[0].launched.control;
        heard(send_order(control, &generation.order, &generation.text))?;
        let message = Control::Listen {
            cage: generation.cage.clone(),
            ports: self.ports.iter().map(|port| port.index).collect(),
            suspects: suspects.to_vec(),
        };
        let mut passed = vec![self.table.as_fd()];
        passed.extend(self.ports.iter().map(|port| port.listener.as_fd()));
        heard(message.send(control.as_fd(), &passed))?;
        for kind in Kind::ALL {
            for _ in 0..self.hands_at_start(kind) {
                self.add_hand(kind)?;
            }
        }
        Ok(())
    }

    /// Returns how many hands a pool begins with; a task has only those at once that every task needs.
    fn hands_at_start(&self, kind: Kind) -> usize {
        match self.generation.order.once {
            false => kind.pool_sizes().0,
            true => usize::from(TASK_HANDS.contains(&kind)),
        }
    }

    /// Starts one more hand where the pool may have one.
    pub(super) fn wish(&mut self, kind: Kind) -> Result<(), LaunchError> {
        if self.hands(kind) < kind.pool_sizes().1 { self.add_hand(kind) } else { Ok(()) }
    }

    /// Starts one more hand and makes it known to the network process.
    pub(super) fn add_hand(&mut self, kind: Kind) -> Result<(), LaunchError> {
        let hand = launch(&self.generation.order, HAND_NAME)?;
        let told = self.tell(&hand, kind);
        if told.is_err() {
            // A hand without an order would wait for one as long as its socket is open.
            let _ = kill(hand.pid, Signal::SIGKILL);
        }
        self.push(hand, Some(kind));
        Ok(told?)
    }

    /// Tells a new hand what it serves, and the network process of it.
    fn tell(&self, hand: &Launched, kind: Kind) -> io::Result<()> {
        let (asking, answering) = passing::pair()?;
        heard(send_order(&hand.control, &self.generation.order, &self.generation.text))?;
        heard(Control::Serve { kind }.send(hand.control.as_fd(), &[answering.as_fd()]))?;
        match self.network() {
            Some(network) => heard(Control::Hand { kind }.send(network.launched.control.as_fd(), &[asking.as_fd()])),
            None => Ok(()),
        }
    }

    /// Returns the network process, if it lives.
    pub(super) fn network(&self) -> Option<&Process> {
        self.processes.iter().find(|process| process.kind.is_none())
    }

    /// Returns how many hands of `kind` live.
    pub(super) fn hands(&self, kind: Kind) -> usize {
        self.processes.iter().filter(|process| process.kind == Some(kind)).count()
    }

    /// Tells the network process to end when its sessions have, or within that many seconds if not 0.
    pub(super) fn finish(&mut self, within_secs: u16) {
        self.retire();
        if let Some(network) = self.network() {
            // A process that is gone needs not be told.
            let _ = Control::Finish { within_secs }.send(network.launched.control.as_fd(), &[]);
        }
    }

    /// Takes note that it serves no more, and gives up the listeners.
    pub(super) fn retire(&mut self) {
        self.is_finishing = true;
        self.ports = Rc::default();
    }

    /// Tells whether it serves.
    pub(super) fn serves(&self) -> bool {
        self.is_ready && !self.is_finishing
    }

    /// Returns what there is to wait on.
    pub(super) fn waited(&self) -> impl Iterator<Item = PollFd<'_>> {
        self.processes.iter().filter_map(|process| Some(PollFd::new(process.waiting_on()?, PollFlags::POLLIN)))
    }

    /// Takes the messages that have come, with the ids of their senders.
    pub(super) fn take_messages(&mut self) -> Vec<(Pid, Control)> {
        let mut messages = Vec::new();
        for process in &mut self.processes {
            let pid = process.launched.pid;
            while let Some(socket) = process.waiting_on() {
                let mut waited = [PollFd::new(socket, PollFlags::POLLIN)];
                if !matches!(poll(&mut waited, PollTimeout::ZERO), Ok(1..)) {
                    break;
                }
                messages.extend(process.receive().ok().flatten().map(|message| (pid, message)));
            }
        }
        messages
    }

    /// Sends a signal to every process.
    pub(super) fn signal(&self, signal: Signal) {
        for process in &self.processes {
            let _ = kill(process.launched.pid, signal);
        }
    }

    /// Forgets the process `pid`, which has ended; returns it.
    pub(super) fn forget(&mut self, pid: Pid) -> Option<Process> {
        let place = self.processes.iter().position(|process| process.launched.pid == pid)?;
        Some(self.processes.remove(place))
    }

    fn push(&mut self, launched: Launched, kind: Option<Kind>) {
        self.processes.push(Process { launched, kind, silent: false, since: Instant::now() });
    }
}

/// Passes over that a process is gone: its end is dealt with when it is told.
fn heard(sent: io::Result<()>) -> io::Result<()> {
    match sent {
        Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => Ok(()),
        other => other,
    }
}

impl Process {
    /// Returns the socket to wait on; none once it has ended.
    fn waiting_on(&self) -> Option<BorrowedFd<'_>> {
        (!self.silent).then(|| self.launched.control.as_fd())
    }

    /// Receives one message; none when the process has closed its end.
    fn receive(&mut self) -> io::Result<Option<Control>> {
        let received = Control::receive(self.launched.control.as_fd());
        self.silent = !matches!(received, Ok(Some(_)));
        Ok(received?.map(|(message, _)| message))
    }
}
