//! What the keeper does when a process has ended.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::Keeper;
use super::pair::Pair;
use crate::daemon::back_off::Cause;
use crate::keeper::Kind;
use crate::keeper::request::Entry;
use crate::log::Level;
use crate::name::Sysexit;
use crate::sys::process::Ended;

/// When a hand that ended by itself is started again, should its network process live after all.
const FOLLOWER_DELAY: Duration = Duration::from_secs(1);

/// A process that has ended although it was to go on.
enum Lost {
    /// A hand.
    Hand { kind: Kind, age: Duration },
    /// A network process, with the entries it had in work.
    Network { entries: Vec<Entry>, was_finishing: bool, age: Duration },
}

impl Keeper {
    /// Deals with the end of the process `pid`.
    pub(super) fn ended(&mut self, pid: Pid, ended: Ended) {
        match self.lost(pid, ended) {
            Some(Lost::Hand { kind, age }) => self.lost_hand(kind, age, ended),
            Some(Lost::Network { entries, was_finishing, age }) => {
                self.lost_network(entries, was_finishing, age, ended);
            }
            None => {}
        }
        self.old.retain(|pair| !pair.processes.is_empty());
    }

    /// Forgets the process `pid`; returns what that means, if it means anything.
    fn lost(&mut self, pid: Pid, ended: Ended) -> Option<Lost> {
        let stopping = self.exit.is_some();
        let (process, pair) = self.pairs_mut().find_map(|pair| Some((pair.forget(pid)?, pair)))?;
        let expected = stopping || pair.is_finishing || pair.network().is_none() && process.kind.is_some();
        let age = process.since.elapsed();
        let lost = match process.kind {
            None => Some(Lost::Network { entries: pair.table.entries(), was_finishing: pair.is_finishing, age }),
            Some(kind) => (!expected).then_some(Lost::Hand { kind, age }),
        };
        // A hand ends so when the network process has gone, whose end may be told a moment later.
        let follows = process.kind.is_some() && ended == Ended::Exited(0);
        if !(expected || follows) {
            let what = process.kind.map_or("network process".to_owned(), |kind| format!("{} hand", kind.word()));
            let text = format_args!("{what} (pid {pid}) has ended: {ended:?}; a new one is started");
            self.log.say(Level::SYSTEM_ERROR, None, text);
        }
        lost
    }

    /// Sees to it that a hand is started in the place of one that has ended.
    fn lost_hand(&mut self, kind: Kind, age: Duration, ended: Ended) {
        let delay = match ended {
            Ended::Exited(0) => FOLLOWER_DELAY,
            _ => {
                let back_off = self.back_offs.of(Some(kind));
                back_off.lived(age);
                back_off.next_delay(cause(ended))
            }
        };
        self.hands_at.push((Instant::now() + delay, kind));
    }

    /// Deals with the end of a network process: its hands end by themselves.
    fn lost_network(&mut self, entries: Vec<Entry>, was_finishing: bool, age: Duration, ended: Ended) {
        let without = |pair: &mut Pair| pair.network().is_none();
        let was_candidate = self.candidate.as_mut().is_some_and(without);
        let mut gone = self.current.take_if(without).or_else(|| self.candidate.take_if(without));
        gone.iter_mut().for_each(Pair::retire);
        self.old.extend(gone);
        if self.exit.is_some() || was_finishing {
            return;
        }
        if let Some(waiting) = self.waiting.take() {
            // The start has failed; the caller hears of it as this process's own end.
            eprintln!("the network process has ended before it served: {ended:?}");
            drop(waiting);
            self.stop(ExitCode::from(Sysexit::Software as u8));
            return;
        }
        if cause(ended) == Cause::Fault && ended != Ended::Exited(0) {
            self.suspects = entries.iter().filter(|entry| self.in_work.contains(entry)).cloned().collect();
            self.in_work = entries;
        }
        if was_candidate && self.current.is_some() {
            self.return_to_current();
            self.log.say(Level::SYSTEM_ERROR, None, "restart: the new pair did not serve; the old one goes on");
            return;
        }
        let back_off = self.back_offs.of(None);
        back_off.lived(age);
        self.start_at = Some(Instant::now() + back_off.next_delay(cause(ended)));
    }
}

/// Tells why a process has ended: a kill from outside accuses no message, and no program; nor does the alarm that ends a
/// hand whose file system does not answer.
fn cause(ended: Ended) -> Cause {
    match ended {
        Ended::Killed(Signal::SIGKILL | Signal::SIGTERM | Signal::SIGINT | Signal::SIGHUP | Signal::SIGALRM) => {
            Cause::Outside
        }
        Ended::Killed(_) | Ended::Exited(_) => Cause::Fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_process_did_itself_is_its_fault() {
        for (ended, expected) in [
            (Ended::Killed(Signal::SIGKILL), Cause::Outside),
            (Ended::Killed(Signal::SIGTERM), Cause::Outside),
            (Ended::Killed(Signal::SIGALRM), Cause::Outside),
            (Ended::Killed(Signal::SIGSEGV), Cause::Fault),
            (Ended::Killed(Signal::SIGABRT), Cause::Fault),
            (Ended::Exited(101), Cause::Fault),
        ] {
            assert_eq!(cause(ended), expected, "{ended:?}");
        }
    }
}
