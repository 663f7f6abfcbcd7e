//! The ways to the queue runner: what was accepted, what waits, what cannot be written down, and wishes to hasten.

use tokio::sync::mpsc;

use crate::queue::Claimed;
use crate::queue::schedule::Facts;
use crate::queue::spool::EntryName;

/// The most accepted messages that wait for their first attempt; more of them wait in the schedule.
const AT_ONCE_MAX: usize = 512;

/// The most entries on their way into the schedule; a queue run finds what did not fit.
const LATER_MAX: usize = 8192;

/// The most messages that are held so; each has two files open. More than that are let go, and may reach somebody twice.
pub(super) const UNWRITTEN_MAX: usize = 1024;

/// Takes messages that are to be delivered.
#[derive(Clone, Debug)]
pub struct Delivery {
    at_once: mpsc::Sender<Claimed>,
    unwritten: mpsc::Sender<Box<Claimed>>,
    later: mpsc::Sender<(EntryName, Facts)>,
    hasten: mpsc::Sender<Chosen>,
}

/// Chooses entries.
pub type Chosen = Box<dyn Fn(&EntryName, &Facts) -> bool + Send>;

/// The most wishes to hasten that wait; a client that asks for more has been heard already.
const HASTEN_MAX: usize = 16;

impl Delivery {
    /// Delivers a message as soon as there is room; it is in the queue already, so nothing can be lost.
    pub fn at_once(&self, claimed: Claimed) {
        if let Err(mpsc::error::TrySendError::Full(claimed) | mpsc::error::TrySendError::Closed(claimed)) =
            self.at_once.try_send(claimed)
        {
            let (name, facts) = (claimed.name().clone(), Facts::of(&claimed.envelope));
            drop(claimed);
            self.later(name, facts);
        }
    }

    /// Puts an entry in the schedule, to be tried when it is due.
    pub fn later(&self, name: EntryName, facts: Facts) {
        // If there is no room either, the next queue run finds it.
        let _ = self.later.try_send((name, facts));
    }

    /// Holds a message until what became of it can be written down.
    pub fn hold(&self, claimed: Box<Claimed>) {
        // If there is no room the message is let go: it is in the queue as it was.
        let _ = self.unwritten.try_send(claimed);
    }

    /// Makes the waiting entries due that `chosen` chooses (ETRN).
    pub fn hasten(&self, chosen: Chosen) {
        // Whoever asks more often than that is served by the wishes before.
        let _ = self.hasten.try_send(chosen);
    }
}

/// The receiving ends of a [`Delivery`].
#[derive(Debug)]
pub struct Intake {
    pub(super) at_once: mpsc::Receiver<Claimed>,
    pub(super) unwritten: mpsc::Receiver<Box<Claimed>>,
    pub(super) later: mpsc::Receiver<(EntryName, Facts)>,
    pub(super) hasten: mpsc::Receiver<Chosen>,
}

/// Returns a way to the runner and the end that the runner reads.
pub fn intake() -> (Delivery, Intake) {
    let (at_once, taken_at_once) = mpsc::channel(AT_ONCE_MAX);
    let (unwritten, taken_unwritten) = mpsc::channel(UNWRITTEN_MAX);
    let (later, taken_later) = mpsc::channel(LATER_MAX);
    let (hasten, taken_hasten) = mpsc::channel(HASTEN_MAX);
    let intake =
        Intake { at_once: taken_at_once, unwritten: taken_unwritten, later: taken_later, hasten: taken_hasten };
    (Delivery { at_once, unwritten, later, hasten }, intake)
}
