//! The queue runner: what was accepted is delivered at once, what waits is tried when it is due.
//!
//! It runs in the network process, and alike in the process that serves the client queue.

mod intake;
mod jobs;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bstr::{BStr, ByteSlice};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use self::intake::UNWRITTEN_MAX;
pub use self::intake::{Chosen, Delivery, Intake, intake};
pub use self::jobs::Pace;
use self::jobs::{End, Finished, Jobs, attempt};
use super::order::Order;
use super::programs::{Attempt, Attempted};
use super::work_table::Watched;
use crate::cf::Config;
use crate::log::{Level, Log};
use crate::mail::envelope::Occasion;
use crate::name::{Elapsed, UnixTime};
use crate::queue::format::BadField;
use crate::queue::schedule::{BUSY_WAIT, Facts, Schedule, Terms};
use crate::queue::select::Selection;
use crate::queue::spool::EntryName;
use crate::queue::{Claim, Claimed, Orphans, Queue, QueueError, Recovered, Unwritten};
use crate::site::Classes;
use crate::sys::host::LoadAverage;

/// The longest the runner sleeps: a clock that was set back delays nothing for longer.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// How long a message is held before it is tried again to write down what became of it.
const UNWRITTEN_WAIT: Duration = Duration::from_secs(10);

/// How long after a failure that a moment may mend: a hand that has ended has a successor soon.
const FAILURE_WAIT: Duration = Duration::from_secs(1);

/// The time until the next run where there is none: a year.
const NEVER: Duration = Duration::from_secs(365 * 86_400);

/// Returns the title of a process that runs a queue.
pub fn title(interval: Duration, directory: &[u8]) -> String {
    format!("sendmail: Queue runner@{} for {}", Elapsed(interval), BStr::new(directory))
}

/// Returns the title of a process that does one thing for its caller.
pub(super) fn task_title(order: &Order, config: &Config) -> String {
    match order.mode {
        b'q' => format!("sendmail: running queue: {}", config.options.queue_directory),
        b's' => "sendmail: server on standard input".to_owned(),
        _ => "sendmail: submission".to_owned(),
    }
}

/// Returns what a daemon does, as the line of its start has it: `SMTP+queueing@00:15:00`.
pub fn duties(listen: bool, interval: Option<Duration>) -> String {
    let queueing = interval.map(|interval| format!("queueing@{}", Elapsed(interval)));
    let duties: Vec<String> = listen.then(|| "SMTP".to_owned()).into_iter().chain(queueing).collect();
    duties.join("+")
}

/// How a queue is run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// When everything that is meant is tried.
    pub rhythm: Rhythm,
    /// Which orphans may be removed.
    pub orphans: Orphans,
    /// How many entries are worked with at a time.
    pub pace: Pace,
    /// The classes of the site: which domains are this host.
    pub classes: Arc<Classes>,
}

/// When a queue is run.
#[derive(Clone, Debug)]
pub enum Rhythm {
    /// Never: only what is accepted is delivered.
    Never,
    /// Again and again those that are meant, with this time between two tries.
    Every(Duration, Selection),
    /// Once; it ends when everything that is meant was tried.
    Once(Selection),
}

impl Rhythm {
    /// Returns the rhythm of a daemon whose queue runs try what is `meant`.
    pub fn of(interval: Option<Duration>, meant: Selection) -> Self {
        interval.map_or(Self::Never, |interval| Self::Every(interval, meant))
    }

    /// Tells whether what waits is left to the next run, which looks whether it is meant.
    fn looks_each_time(&self) -> bool {
        matches!(self, Self::Every(_, meant) if *meant != Selection::default())
    }

    /// Tells whether an entry that was tried is not tried again, unless a later run finds it.
    fn tries_once(&self) -> bool {
        self.is_once() || self.looks_each_time()
    }

    /// Tells whether it is a single run.
    fn is_once(&self) -> bool {
        matches!(self, Self::Once(_))
    }

    /// Returns the entries that a run means.
    fn meant(&self) -> Selection {
        match self {
            Self::Once(meant) | Self::Every(_, meant) => meant.clone(),
            Self::Never => Selection::default(),
        }
    }
}

/// How far the end of a process has come.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Stage {
    /// It serves.
    #[default]
    Serving,
    /// It takes no new connection and runs no queue; sessions go on, and what they accept is delivered.
    Finishing,
    /// No session is left; what was accepted is delivered.
    Last,
    /// Nothing new begins; what is not delivered stays in the queue.
    Ending,
}

/// The queue runner.
pub struct Runner {
    queue: Queue,
    attempt: Attempt,
    log: Log,
    watched: Watched,
    options: RunOptions,
    load: Arc<LoadAverage>,
    schedule: Schedule,
    /// What the schedule knows.
    known: HashSet<EntryName>,
    /// Those of them that somebody has asked for since they were last tried.
    chosen: HashSet<EntryName>,
    /// Entries that a single run has found, and how many of them it has begun.
    found: usize,
    begun: usize,
    jobs: Jobs,
    /// Messages held until what became of them can be written down.
    unwritten: JoinSet<Finished>,
    waits: Waits,
    /// A run under way: it looks what the directories hold, and brings the states that crashes left to an end.
    current_run: Option<JoinHandle<Result<Recovered, QueueError>>>,
    /// When the next run begins.
    next_run: Instant,
    /// How many runs have failed, one after the other.
    runs_failed: u32,
    /// How often each entry could not be read, or its work was cut short, one time after the other.
    interrupted: HashMap<EntryName, u32>,
}

/// How long the runner waits before it looks again.
struct Waits {
    /// At an entry that another process works with.
    busy: Duration,
    /// At what has failed once.
    failure: Duration,
    /// Whether what became of a message can be written down.
    unwritten: Duration,
}

impl Waits {
    /// Returns how long to wait for what has failed so many times before: twice as long each time.
    fn after(&self, failures: u32) -> Duration {
        self.failure.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX))
    }
}

/// What the runner waits for.
enum Happening {
    Accepted(Box<Claimed>),
    Known(EntryName, Facts),
    Unwritten(Box<Claimed>),
    Ended(Finished),
    Found(Result<Recovered, QueueError>),
    Hasten(Chosen),
    Run,
    Due,
    Stop,
}

impl Runner {
    /// Returns a runner of `queue`.
    pub fn new(
        queue: Queue,
        attempt: Attempt,
        log: Log,
        watched: Watched,
        terms: Terms,
        options: RunOptions,
        load: Arc<LoadAverage>,
    ) -> Self {
        let schedule = match options.pace {
            Pace::Together => Schedule::new(terms, Arc::clone(&options.classes)),
            Pace::OneByOne(_) => Schedule::one_by_one(terms),
        };
        Self {
            jobs: Jobs::new(&options.pace),
            queue,
            attempt,
            log,
            watched,
            options,
            load,
            schedule,
            known: HashSet::new(),
            chosen: HashSet::new(),
            found: 0,
            begun: 0,
            unwritten: JoinSet::new(),
            waits: Waits { busy: BUSY_WAIT, failure: FAILURE_WAIT, unwritten: UNWRITTEN_WAIT },
            current_run: None,
            next_run: Instant::now(),
            runs_failed: 0,
            interrupted: HashMap::new(),
        }
    }

    /// Runs until `stage` is no longer the first, or everything was tried once; then does what the later stages ask.
    pub async fn run(mut self, mut intake: Intake, mut stage: watch::Receiver<Stage>) {
        loop {
            // New mail goes before the backlog; in a single run, what has come of an entry goes before the next one.
            while self.jobs.has_room_for_accepted() {
                let Ok(claimed) = intake.at_once.try_recv() else { break };
                self.accept(claimed);
            }
            self.start_due();
            // What could not be begun now is not for a single run: the load is too high for it.
            let is_idle = self.current_run.is_none() && self.jobs.is_empty();
            if self.options.rhythm.is_once() && is_idle && self.next_run > Instant::now() {
                return;
            }
            let (accepts, tries) = (self.jobs.has_room_for_accepted(), self.jobs.has_room_for_waited());
            let runs = self.current_run.is_none() && !matches!(self.options.rhythm, Rhythm::Never);
            let until_due = self.until_due();
            let happening = tokio::select! {
                _ = stage.wait_for(|stage| *stage > Stage::Serving) => Happening::Stop,
                Some(claimed) = intake.at_once.recv(), if accepts => Happening::Accepted(Box::new(claimed)),
                Some((name, facts)) = intake.later.recv() => Happening::Known(name, facts),
                Some(chosen) = intake.hasten.recv() => Happening::Hasten(chosen),
                Some(claimed) = intake.unwritten.recv() => Happening::Unwritten(claimed),
                Some(ended) = self.jobs.next_end() => match ended {
                    Ok(finished) => Happening::Ended(finished),
                    Err(_) => continue,
                },
                Some(Ok(written)) = self.unwritten.join_next() => Happening::Ended(written),
                result = found(&mut self.current_run) => Happening::Found(result),
                () = tokio::time::sleep_until(self.next_run), if runs => Happening::Run,
                () = tokio::time::sleep(until_due), if tries => Happening::Due,
            };
            match happening {
                Happening::Stop => break,
                Happening::Run => {
                    self.begin_run();
                    let interval = match &self.options.rhythm {
                        Rhythm::Every(interval, _) => *interval,
                        Rhythm::Never | Rhythm::Once(_) => NEVER,
                    };
                    self.next_run = Instant::now() + interval;
                }
                other => self.happened(other),
            }
        }
        self.finish(intake, stage).await;
    }

    /// Delivers what the last sessions accept, and what was made of that, as far as the stage allows; ends when all is done.
    async fn finish(mut self, mut intake: Intake, mut stage: watch::Receiver<Stage>) {
        loop {
            let reached = *stage.borrow_and_update();
            while reached < Stage::Ending && self.jobs.has_room_for_accepted() {
                let Ok(claimed) = intake.at_once.try_recv() else { break };
                self.attempt(claimed);
            }
            // Where no queue is run, what waits is what was accepted and found no place.
            if reached < Stage::Ending && matches!(self.options.rhythm, Rhythm::Never) {
                self.start_due();
            }
            if self.jobs.is_empty() && reached >= Stage::Last {
                return;
            }
            let accepts = reached < Stage::Ending && self.jobs.has_room_for_accepted();
            tokio::select! {
                changed = stage.changed(), if reached < Stage::Ending => if changed.is_err() { return },
                Some(claimed) = intake.at_once.recv(), if accepts => self.attempt(claimed),
                Some(ended) = self.jobs.next_end() => if let Ok(finished) = ended { self.finished(finished) },
            }
        }
    }

    fn happened(&mut self, happening: Happening) {
        match happening {
            Happening::Accepted(claimed) => self.accept(*claimed),
            Happening::Known(..) if self.options.rhythm.looks_each_time() => {}
            Happening::Known(name, facts) if facts.is_interrupted => self.put_soon(name, facts, 0),
            Happening::Known(name, facts) => self.put(name, facts, None),
            Happening::Unwritten(claimed) => self.hold(claimed),
            Happening::Ended(finished) => self.finished(finished),
            Happening::Found(Ok(recovered)) => {
                // Where each run tries what it finds, the next one would try it again.
                let is_whole = recovered.unread == 0 || self.options.rhythm.tries_once();
                self.take_over(recovered);
                if is_whole { self.runs_failed = 0 } else { self.run_again() }
            }
            Happening::Found(Err(error)) => {
                self.log.say(Level::SYSTEM_ERROR, None, error);
                self.run_again();
            }
            Happening::Hasten(chosen) => self.chosen.extend(self.schedule.hasten(now(), chosen)),
            Happening::Run | Happening::Due | Happening::Stop => {}
        }
    }

    /// Looks in a task of its own what the directories hold.
    fn begin_run(&mut self) {
        let queue = self.queue.clone();
        let (orphans, meant) = (self.options.orphans, self.options.rhythm.meant());
        let known = self.known.clone();
        self.current_run =
            Some(tokio::spawn(async move { queue.recover(orphans, &meant, move |name| known.contains(name)).await }));
    }

    /// Brings the next run forward: the last one did not find everything.
    fn run_again(&mut self) {
        if let Rhythm::Every(..) = self.options.rhythm {
            self.next_run = self.next_run.min(Instant::now() + self.waits.after(self.runs_failed));
            self.runs_failed += 1;
        }
    }

    fn take_over(&mut self, recovered: Recovered) {
        for alert in &recovered.alerts {
            self.log.say(Level::ALERT, None, alert);
        }
        for name in &recovered.removed {
            self.log.say(Level::MINOR, &name.id, "orphaned files of a message that was never accepted were removed");
        }
        let now = now();
        let before = self.known.len();
        let is_choosy = self.options.rhythm.meant().is_choosy();
        for (name, facts) in recovered.waiting {
            if is_choosy {
                self.chosen.insert(name.clone());
            }
            match &self.options.rhythm {
                // Entries that are chosen one by one are tried however short a time ago they were.
                Rhythm::Once(_) if !is_choosy && self.schedule.terms().is_too_young(&facts, now) => {}
                Rhythm::Once(_) => self.put(name, facts, Some(now)),
                Rhythm::Never | Rhythm::Every(..) => self.put(name, facts, None),
            }
        }
        self.found = self.known.len() - before;
    }

    /// Tells a watching caller which entry comes next.
    fn announce(&mut self, name: &EntryName) {
        self.begun += 1;
        if let Pace::OneByOne(witness) = &self.options.pace {
            let directories = self.queue.spool().directories();
            let path =
                directories.get(usize::from(name.directory)).map(|known| known.path.as_bstr()).unwrap_or_default();
            witness.tell(format!("\nRunning {path}/{} (sequence {} of {})", name.id, self.begun, self.found));
        }
    }

    /// Puts an entry in the schedule, for `due` or for when its facts say.
    fn put(&mut self, name: EntryName, facts: Facts, due: Option<UnixTime>) {
        self.known.insert(name.clone());
        match due {
            Some(due) => self.schedule.insert_at(name, facts, due),
            None => self.schedule.insert(name, facts, now()),
        }
    }

    /// Puts an entry back that a moment may help, as it has failed so many times before; never for longer than to the next run.
    fn put_soon(&mut self, name: EntryName, facts: Facts, failures: u32) {
        let wait = self.waits.after(failures).min(self.schedule.terms().interval);
        self.interrupted.insert(name.clone(), failures + 1);
        self.put(name, facts, Some(now().plus(wait)));
    }

    /// Begins the work on everything that is due, as far as there is room.
    fn start_due(&mut self) {
        while self.jobs.has_room_for_waited() {
            let Some(name) = self.schedule.next(now(), self.load.now()) else { return };
            self.announce(&name);
            let occasion = if self.chosen.remove(&name) { Occasion::Chosen } else { Occasion::Run };
            let (queue, log) = (self.queue.clone(), self.log.clone());
            let (how, watched) = (Arc::clone(&self.attempt), self.watched.clone());
            self.jobs.begin_waited(async move {
                let end = match queue.try_claim(&name).await {
                    Ok(Claim::Mine(mut claimed)) => {
                        claimed.envelope.occasion = occasion;
                        return attempt(&how, &watched, *claimed).await;
                    }
                    Ok(Claim::Busy) => End::Busy,
                    Ok(Claim::Gone) => End::Gone,
                    Err(error) => {
                        let is_lost = matches!(error, QueueError::Lost { .. });
                        log.say(if is_lost { Level::ALERT } else { Level::SYSTEM_ERROR }, &name.id, error);
                        if is_lost { End::Gone } else { End::NotRead }
                    }
                };
                Finished { name, end }
            });
        }
    }

    /// Begins the work on a message that was accepted; if as many to its destination are in work as may be, it waits.
    fn accept(&mut self, claimed: Claimed) {
        let (name, facts) = (claimed.name().clone(), Facts::of(&claimed.envelope));
        if self.schedule.admit(&name, &facts) {
            self.attempt(claimed);
        } else {
            drop(claimed);
            self.put(name, facts, None);
        }
    }

    fn attempt(&mut self, claimed: Claimed) {
        let (how, watched) = (Arc::clone(&self.attempt), self.watched.clone());
        self.jobs.begin_accepted(async move { attempt(&how, &watched, claimed).await });
    }

    fn finished(&mut self, finished: Finished) {
        let Finished { name, end } = finished;
        let known = self.schedule.finish(&name);
        self.known.remove(&name);
        let failures = self.interrupted.remove(&name).unwrap_or(0);
        if matches!(end, End::Panicked(_)) {
            self.log.say(Level::ALERT, &name.id, "the delivery of this message failed by an error of the program");
        }
        let is_over = self.options.rhythm.tries_once();
        match (end, known) {
            (End::Attempted(Attempted::Unwritten(claimed)), _) => self.hold(claimed),
            _ if is_over => {}
            (End::Attempted(Attempted::Waits(facts)), _) if facts.is_interrupted => {
                self.put_soon(name, facts, failures)
            }
            (End::Attempted(Attempted::Waits(facts)), _) => self.put(name, facts, None),
            // The entry is as it was, and is tried again later.
            (End::Panicked(facts), _) | (End::Busy, Some(facts)) => {
                self.put(name, facts, Some(now().plus(self.waits.busy)))
            }
            (End::NotRead, Some(facts)) => self.put_soon(name, facts, failures),
            _ => {}
        }
    }

    /// Holds a message, and tries every now and then to write down what became of it.
    ///
    /// Let go, it would be delivered again with every queue run to those who have it already: to all of them where the
    /// disk has become read-only.
    fn hold(&mut self, claimed: Box<Claimed>) {
        let name = claimed.name().clone();
        if self.options.rhythm.is_once() || self.unwritten.len() >= UNWRITTEN_MAX {
            let text = "what became of this message cannot be written down; it may reach somebody twice";
            self.log.say(Level::ALERT, &name.id, text);
            return;
        }
        self.known.insert(name.clone());
        let (wait, log) = (self.waits.unwritten, self.log.clone());
        self.unwritten.spawn(async move {
            tokio::time::sleep(wait).await;
            let facts = Facts::of(&claimed.envelope);
            let is_done = claimed.envelope.recipients.is_empty();
            let attempted = match claimed.finish().await {
                Ok(()) if is_done => Attempted::Settled,
                Ok(()) => Attempted::Waits(facts),
                Err(Unwritten { claimed, error: QueueError::Field(error) }) => unwritable(claimed, &error, &log).await,
                Err(unwritten) => Attempted::Unwritten(unwritten.claimed),
            };
            Finished { name, end: End::Attempted(attempted) }
        });
    }

    /// Returns how long nothing becomes due.
    fn until_due(&mut self) -> Duration {
        self.schedule.next_due().map_or(SLEEP_MAX, |due| due.since(now())).min(SLEEP_MAX)
    }
}

/// Sets a message aside that no control file can hold: trying again would not help.
async fn unwritable(claimed: Box<Claimed>, error: &BadField, log: &Log) -> Attempted {
    let text = format!("{error}; set aside as Qf, though some may have it already: mend it and rename it to qf");
    log.say(Level::ALERT, &claimed.name().id, text);
    match (*claimed).set_aside().await {
        Ok(()) => Attempted::Settled,
        Err(unwritten) => Attempted::Unwritten(unwritten.claimed),
    }
}

/// Waits for what a run finds; for ever if there is none.
async fn found(run: &mut Option<JoinHandle<Result<Recovered, QueueError>>>) -> Result<Recovered, QueueError> {
    let Some(handle) = run else { return std::future::pending().await };
    let result = handle.await;
    *run = None;
    result.unwrap_or(Err(QueueError::Ending))
}

fn now() -> UnixTime {
    SystemTime::now().into()
}

#[cfg(test)]
mod tests;
