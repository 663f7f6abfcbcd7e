//! The entries in work: how many at a time, and how each ends.

use tokio::task::{JoinError, JoinSet};

use crate::daemon::programs::{Attempt, Attempted};
use crate::daemon::work_table::Watched;
use crate::keeper::request::Entry;
use crate::log::Witness;
use crate::queue::Claimed;
use crate::queue::schedule::Facts;
use crate::queue::spool::EntryName;

/// The most entries in work at a time: each may hold a connection and two files open.
pub(super) const JOBS_MAX: usize = 256;

/// The most of them that waited for their time. A backlog to slow destinations leaves new mail more places than the first
/// tries of one destination take.
pub(super) const WAITED_MAX: usize = 160;

/// The most of them that were accepted just now: however much comes in, what waits has its turn.
const ACCEPTED_MAX: usize = 192;

/// How many entries a runner works with at a time.
#[derive(Clone, Debug, Default)]
pub enum Pace {
    /// As many as there is room for.
    #[default]
    Together,
    /// One after the other, each told to whoever watches: the caller waits for the end.
    OneByOne(Witness),
}

impl Pace {
    /// Returns the most entries in work at a time.
    fn jobs_max(&self) -> usize {
        match self {
            Self::Together => JOBS_MAX,
            Self::OneByOne(_) => 1,
        }
    }
}

/// An entry whose work has ended.
pub(super) struct Finished {
    pub(super) name: EntryName,
    pub(super) end: End,
}

/// How the work on an entry has ended.
pub(super) enum End {
    Attempted(Attempted),
    /// By an error of the program.
    Panicked(Facts),
    /// Another process works with it.
    Busy,
    /// It could not be read now.
    NotRead,
    /// It is not there, or of no use.
    Gone,
}

/// The entries in work.
pub(super) struct Jobs {
    max: usize,
    accepted: JoinSet<Finished>,
    waited: JoinSet<Finished>,
}

impl Jobs {
    pub(super) fn new(pace: &Pace) -> Self {
        Self { max: pace.jobs_max(), accepted: JoinSet::new(), waited: JoinSet::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.accepted.is_empty() && self.waited.is_empty()
    }

    /// Tells whether there is a place for a message that was accepted just now.
    pub(super) fn has_room_for_accepted(&self) -> bool {
        self.has_room() && self.accepted.len() < ACCEPTED_MAX
    }

    /// Tells whether there is a place for an entry that waited for its time.
    pub(super) fn has_room_for_waited(&self) -> bool {
        self.has_room() && self.waited.len() < WAITED_MAX
    }

    fn has_room(&self) -> bool {
        self.accepted.len() + self.waited.len() < self.max
    }

    /// Begins the work on a message that was accepted just now.
    pub(super) fn begin_accepted(&mut self, work: impl Future<Output = Finished> + Send + 'static) {
        self.accepted.spawn(work);
    }

    /// Begins the work on an entry that waited for its time.
    pub(super) fn begin_waited(&mut self, work: impl Future<Output = Finished> + Send + 'static) {
        self.waited.spawn(work);
    }

    /// Waits for the end of one; `None` if none is in work.
    pub(super) async fn next_end(&mut self) -> Option<Result<Finished, JoinError>> {
        tokio::select! {
            Some(ended) = self.accepted.join_next() => Some(ended),
            Some(ended) = self.waited.join_next() => Some(ended),
            else => None,
        }
    }
}

/// Attempts a message in a task of its own, so that an error of the program ends only that.
pub(super) async fn attempt(how: &Attempt, watched: &Watched, claimed: Claimed) -> Finished {
    let name = claimed.name().clone();
    let facts = Facts::of(&claimed.envelope);
    let noted = watched.note(&Entry { directory: name.directory, id: name.id.clone() });
    let end = tokio::spawn(how(claimed)).await.map_or(End::Panicked(facts), End::Attempted);
    drop(noted);
    Finished { name, end }
}
