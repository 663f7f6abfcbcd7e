//! Which entry is tried when: pure functions of the moment and of what the envelope says, and the list made by them.
//!
//! Entries wait by due time. Those that are due stand in the order of `QueueSortOrder`, and each destination, and each
//! user of this host, has a lane of few places: who is slow or dead fills his lane and holds up no other.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bstr::{BString, ByteSlice};

use super::spool::EntryName;
use crate::cf::{ByUrgency, Options, QueueSortOrder};
use crate::mail::envelope::{DeliverBy, DeliverByMode, Envelope, Urgency};
use crate::name::UnixTime;
use crate::site::Classes;

/// Entries of one lane that are worked with at the same time when they are tried again.
pub const LANE_PLACES: usize = 8;

/// The places of a lane that an entry may take at its first try: a quarter of a runner's jobs.
pub const FIRST_TRY_PLACES: usize = 64;

/// When an entry that another process works with is looked at again.
pub const BUSY_WAIT: Duration = Duration::from_secs(60);

/// How long between two tries where no `-q` interval says so.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1800);

/// A clock that goes back by less is no matter.
const SET_BACK_MIN: Duration = Duration::from_secs(2);

/// What an entry's place in the schedule depends on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Facts {
    /// When the message came in.
    pub created: UnixTime,
    /// When it was last tried.
    pub last_try: Option<UnixTime>,
    /// How often it was tried.
    pub tries: u32,
    /// Its priority.
    pub priority: i64,
    /// Which time limits hold.
    pub urgency: Urgency,
    /// Whether its sender was told of the delay.
    pub warned: bool,
    /// `BY=`.
    pub deliver_by: Option<DeliverBy>,
    /// The domain of the first recipient, in lower case.
    pub destination: BString,
    /// The first recipient before the domain, in lower case and without what follows a plus sign.
    pub user: BString,
    /// When the control file was last written, if that is known.
    pub modified: Option<UnixTime>,
    /// Whether its last try was cut short by the end of a hand, and nothing else.
    pub is_interrupted: bool,
}

impl Facts {
    /// Returns the facts of an envelope that was classified.
    pub fn of(envelope: &Envelope) -> Self {
        let first = envelope.recipients.first().map(|recipient| recipient.address.as_slice()).unwrap_or_default();
        Self {
            created: envelope.created,
            last_try: envelope.last_try,
            tries: envelope.tries,
            priority: envelope.priority,
            urgency: envelope.timeout_class,
            warned: envelope.flags.warned,
            deliver_by: envelope.deliver_by,
            destination: destination(first),
            user: user(first),
            modified: None,
            is_interrupted: false,
        }
    }

    /// Returns how many places of its lane must be free for it.
    fn places(&self) -> usize {
        if self.tries == 0 { FIRST_TRY_PLACES } else { LANE_PLACES }
    }
}

/// Returns the domain of an address in lower case; empty for local addresses.
fn destination(address: &[u8]) -> BString {
    let domain = address.rfind_byte(b'@').map(|at| &address[at + 1..]).unwrap_or_default();
    domain.trim_end_with(|c| c == '>' || c == '.').to_ascii_lowercase().into()
}

/// Returns what stands before the domain of an address in lower case, without what follows a plus sign.
fn user(address: &[u8]) -> BString {
    let local = address.rfind_byte(b'@').map_or(address, |at| &address[..at]);
    let local = local.find_byte(b'+').map_or(local, |at| &local[..at]);
    local.trim_with(|c| c == '<' || c == '>' || c == '"').to_ascii_lowercase().into()
}

/// What becomes of a message that could not be delivered now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It is tried again.
    Retry,
    /// It is tried again, and its sender is told of the delay.
    Warn,
    /// Its time is over: it is returned.
    Return,
}

/// The rules of order and retry.
#[derive(Clone, Debug)]
pub struct Terms {
    /// `QueueSortOrder`.
    pub sort: QueueSortOrder,
    /// The interval of `-q`: the time between two tries, unless they must be further apart.
    pub interval: Duration,
    /// `MinQueueAge`: the shortest time between two tries.
    pub queue_age_min: Duration,
    /// `MaxQueueAge`: if longer than that, the shortest time doubles with every try up to it.
    pub queue_age_max: Duration,
    /// `RecipientFactor`.
    pub recipient_factor: i64,
    /// `ClassFactor`.
    pub class_factor: i64,
    /// `RetryFactor`.
    pub retry_factor: i64,
    /// `QueueFactor`.
    pub queue_factor: i64,
    /// `QueueLA`.
    pub queue_load: i64,
    /// `Timeout.queuereturn`.
    pub return_after: ByUrgency,
    /// `Timeout.queuewarn`; zero: no warning.
    pub warn_after: ByUrgency,
}

impl Terms {
    /// Returns the rules of a configuration, for runs every `interval`.
    pub fn new(options: &Options, interval: Option<Duration>) -> Self {
        Self {
            sort: options.queue_sort_order,
            interval: interval.filter(|span| !span.is_zero()).unwrap_or(DEFAULT_INTERVAL),
            queue_age_min: options.min_queue_age,
            queue_age_max: options.max_queue_age,
            recipient_factor: options.recipient_factor,
            class_factor: options.class_factor,
            retry_factor: options.retry_factor,
            queue_factor: options.queue_factor,
            queue_load: options.queue_la,
            return_after: options.timeout.queuereturn,
            warn_after: options.timeout.queuewarn,
        }
    }

    /// Returns the priority a message begins with (op guide, "Queue Priorities").
    pub fn first_priority(&self, size_bytes: u64, class: i32, recipients: usize) -> i64 {
        let size = i64::try_from(size_bytes).unwrap_or(i64::MAX);
        let recipients = i64::try_from(recipients).unwrap_or(i64::MAX);
        size.saturating_sub(i64::from(class).saturating_mul(self.class_factor))
            .saturating_add(recipients.saturating_mul(self.recipient_factor))
    }

    /// Returns the priority with which a message goes into its next try.
    pub fn retry_priority(&self, priority: i64) -> i64 {
        priority.saturating_add(self.retry_factor)
    }

    /// Tells whether a message must only be queued at this load average.
    pub fn must_wait(&self, priority: i64, load_avg: i64) -> bool {
        load_avg >= self.queue_load && priority > self.queue_factor / (load_avg - self.queue_load + 1)
    }

    /// Tells whether a message was tried too short a time ago.
    pub fn is_too_young(&self, facts: &Facts, now: UnixTime) -> bool {
        // A try in the future is one before the clock was set back: nobody knows when that was.
        let since = facts.last_try.filter(|last| *last <= now).map(|last| now.since(last));
        facts.tries > 0 && since.is_some_and(|since| since < self.gap_min(facts))
    }

    /// Returns when a message is tried next; one that was never tried is due at once.
    ///
    /// Moments in the future are taken for `now`: a clock that was set back delays nothing by more than one interval.
    pub fn next_try(&self, facts: &Facts, now: UnixTime) -> UnixTime {
        match facts.last_try {
            Some(last) if facts.tries > 0 => last.min(now).plus(self.interval.max(self.gap_min(facts))),
            _ => facts.created.min(now),
        }
    }

    /// Returns the shortest time before the next try: doubled with every try where `MaxQueueAge` allows.
    fn gap_min(&self, facts: &Facts) -> Duration {
        if self.queue_age_max <= self.queue_age_min {
            return self.queue_age_min;
        }
        let doubled = self.queue_age_min.saturating_mul(1 << facts.tries.saturating_sub(1).min(16));
        doubled.min(self.queue_age_max)
    }

    /// Tells what becomes of a message that could not be delivered now.
    pub fn fate(&self, facts: &Facts, now: UnixTime) -> Fate {
        let age = now.since(facts.created);
        if let Some(by) = facts.deliver_by {
            let over = by.secs_left(age) <= 0;
            match by.mode {
                DeliverByMode::Return if over => return Fate::Return,
                DeliverByMode::Notify if over && !facts.warned => return Fate::Warn,
                _ => {}
            }
        }
        let warn_after = pick(&self.warn_after, facts.urgency);
        if age >= pick(&self.return_after, facts.urgency) {
            Fate::Return
        } else if !facts.warned && !warn_after.is_zero() && age >= warn_after {
            Fate::Warn
        } else {
            Fate::Retry
        }
    }

    /// Returns after how long the sender is warned, and after how long the message is returned.
    pub fn limits(&self, facts: &Facts) -> (Duration, Duration) {
        (pick(&self.warn_after, facts.urgency), pick(&self.return_after, facts.urgency))
    }

    /// Returns the place of an entry among those that are due; small ones go first.
    pub fn rank(&self, name: &EntryName, facts: &Facts) -> Rank {
        let text = BString::default();
        let created = facts.created.micros();
        match self.sort {
            QueueSortOrder::Priority => (facts.priority, text, created),
            QueueSortOrder::Host => (0, facts.destination.clone(), facts.priority),
            QueueSortOrder::Time => (created, text, 0),
            QueueSortOrder::FileName => (0, name.id.as_str().into(), 0),
            QueueSortOrder::ModificationTime => (facts.modified.unwrap_or(facts.created).micros(), text, 0),
            QueueSortOrder::Random => (shuffled(name.id.as_str().as_bytes()), text, created),
            QueueSortOrder::Shuffle => (shuffled(&facts.destination), facts.destination.clone(), created),
            QueueSortOrder::Nothing => (0, text, 0),
        }
    }
}

/// What entries that are due are sorted by.
pub type Rank = (i64, BString, i64);

/// Returns the limit for an urgency.
fn pick(limits: &ByUrgency, urgency: Urgency) -> Duration {
    match urgency {
        Urgency::Normal => limits.normal,
        Urgency::Urgent => limits.urgent,
        Urgency::NonUrgent => limits.non_urgent,
        Urgency::Report => limits.dsn,
    }
}

/// Returns a number that has nothing to do with the order of texts (FNV-1a).
fn shuffled(text: &[u8]) -> i64 {
    let hash = text
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    i64::from_ne_bytes(hash.to_ne_bytes())
}

/// The entries that wait, and those that are worked with.
pub struct Schedule {
    terms: Terms,
    /// Who works with the entries.
    lanes_are: Lanes,
    /// When each waiting entry is due; what is no longer current is skipped.
    due: BinaryHeap<Reverse<(UnixTime, u64)>>,
    /// Waiting entries by their number.
    waiting: HashMap<u64, (EntryName, Facts)>,
    /// The number of each entry.
    numbers: HashMap<EntryName, u64>,
    /// Entries that are due and have a place in their lane.
    ready: BTreeMap<(Rank, u64), (EntryName, Facts, LaneKey)>,
    lanes: HashMap<LaneKey, Lane>,
    /// The entries that are worked with, each in its lane.
    working: HashMap<EntryName, (Facts, LaneKey)>,
    last_number: u64,
    /// The latest moment it was told.
    latest: UnixTime,
}

/// Which lanes there are.
enum Lanes {
    /// One for each destination; for each user where the destination is in class `w`.
    Apart(Arc<Classes>),
    /// One without limit.
    Single,
}

/// Whom a lane leads to: a domain, or a user of this host.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
enum LaneKey {
    #[default]
    All,
    Domain(BString),
    User(BString),
}

/// A destination.
#[derive(Default)]
struct Lane {
    /// Places taken by entries that are ready or worked with.
    taken: usize,
    /// Entries that are due but have no place, each with the number of places that it looks for one in.
    parked: BTreeMap<(Rank, u64), (EntryName, Facts, usize)>,
}

impl Lane {
    /// Takes the first of those that wait, if there is a place for it now.
    fn next(&mut self) -> Option<((Rank, u64), (EntryName, Facts))> {
        let (_, (_, _, places)) = self.parked.first_key_value()?;
        if self.taken >= *places {
            return None;
        }
        self.taken += 1;
        self.parked.pop_first().map(|(key, (name, facts, _))| (key, (name, facts)))
    }
}

impl Schedule {
    /// Returns an empty schedule; class `w` of `classes` has the names of this host.
    pub fn new(terms: Terms, classes: Arc<Classes>) -> Self {
        Self::with_lanes(terms, Lanes::Apart(classes))
    }

    /// Returns an empty schedule for somebody who works with one entry after the other: only their rank counts.
    pub fn one_by_one(terms: Terms) -> Self {
        Self::with_lanes(terms, Lanes::Single)
    }

    fn with_lanes(terms: Terms, lanes_are: Lanes) -> Self {
        Self {
            terms,
            lanes_are,
            due: BinaryHeap::new(),
            waiting: HashMap::new(),
            numbers: HashMap::new(),
            ready: BTreeMap::new(),
            lanes: HashMap::new(),
            working: HashMap::new(),
            last_number: 0,
            latest: UnixTime::from_secs(0),
        }
    }

    /// Returns the rules.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Returns how many entries it knows.
    pub fn len(&self) -> usize {
        self.numbers.len() + self.working.len()
    }

    /// Tells whether it knows no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells whether it knows the entry.
    pub fn knows(&self, name: &EntryName) -> bool {
        self.numbers.contains_key(name) || self.working.contains_key(name)
    }

    /// Puts an entry in its place by due time; an entry that it knows already stays where it is.
    pub fn insert(&mut self, name: EntryName, facts: Facts, now: UnixTime) {
        let due = self.terms.next_try(&facts, now);
        self.insert_at(name, facts, due);
    }

    /// As [`Schedule::insert`], for a moment of the caller's choice (busy entries: [`BUSY_WAIT`] from now).
    pub fn insert_at(&mut self, name: EntryName, facts: Facts, due: UnixTime) {
        if self.knows(&name) {
            return;
        }
        self.last_number += 1;
        self.due.push(Reverse((due, self.last_number)));
        self.numbers.insert(name.clone(), self.last_number);
        self.waiting.insert(self.last_number, (name, facts));
    }

    /// Gives a place to an entry that somebody has in hand already, to be worked with at once; the caller tells its end with
    /// [`Schedule::finish`]. Tells whether there was one: if not, the entry must wait here as others do.
    pub fn admit(&mut self, name: &EntryName, facts: &Facts) -> bool {
        if self.knows(name) {
            return true;
        }
        let (key, places) = self.lane_of(facts);
        let lane = self.lanes.entry(key.clone()).or_default();
        // Those who wait for a place come first.
        let has_place = lane.parked.is_empty() && lane.taken < places;
        if has_place {
            lane.taken += 1;
            self.working.insert(name.clone(), (facts.clone(), key));
        }
        has_place
    }

    /// Returns the lane of an entry, and how many places it looks for one in.
    fn lane_of(&self, facts: &Facts) -> (LaneKey, usize) {
        let Lanes::Apart(classes) = &self.lanes_are else { return (LaneKey::All, usize::MAX) };
        let Facts { destination, user, .. } = facts;
        let key = if destination.is_empty() || classes.contains(b"w", destination) {
            LaneKey::User(user.clone())
        } else {
            LaneKey::Domain(destination.clone())
        };
        (key, facts.places())
    }

    /// Makes all waiting entries due that `chosen` chooses, but for those that are too young; returns them.
    pub fn hasten(&mut self, now: UnixTime, chosen: impl Fn(&EntryName, &Facts) -> bool) -> Vec<EntryName> {
        let terms = &self.terms;
        let is_meant = |name: &EntryName, facts: &Facts| chosen(name, facts) && !terms.is_too_young(facts, now);
        let hastened = self.waiting.iter().filter(|(_, (name, facts))| is_meant(name, facts));
        let (due, names): (Vec<_>, Vec<_>) =
            hastened.map(|(number, (name, _))| (Reverse((now, *number)), name.clone())).unzip();
        self.due.extend(due);
        names
    }

    /// Returns the entry to work with now; the caller tells its end with [`Schedule::finish`].
    ///
    /// At a high load average only entries of a priority good enough are given.
    pub fn next(&mut self, now: UnixTime, load_avg: i64) -> Option<EntryName> {
        if now.plus(SET_BACK_MIN) < self.latest {
            self.set_back(now);
        }
        self.latest = now;
        self.gather_due(now);
        let terms = &self.terms;
        let first = match terms.sort {
            QueueSortOrder::Priority => {
                let first = self.ready.first_key_value()?;
                (!terms.must_wait(first.0.0.0, load_avg)).then(|| first.0.clone())?
            }
            _ if load_avg < terms.queue_load => self.ready.first_key_value()?.0.clone(),
            _ => return None,
        };
        let (name, facts, lane) = self.ready.remove(&first)?;
        self.numbers.remove(&name);
        self.working.insert(name.clone(), (facts, lane));
        Some(name)
    }

    /// Returns when the next waiting entry becomes due.
    pub fn next_due(&mut self) -> Option<UnixTime> {
        while let Some(Reverse((due, number))) = self.due.peek() {
            if self.waiting.contains_key(number) {
                return Some(*due);
            }
            self.due.pop();
        }
        None
    }

    /// Forgets an entry that was worked with and gives its place to the next of its lane; returns what was known of it.
    pub fn finish(&mut self, name: &EntryName) -> Option<Facts> {
        let (facts, key) = self.working.remove(name)?;
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.taken -= 1;
            while let Some((rank, (next, facts))) = lane.next() {
                self.ready.insert(rank, (next, facts, key.clone()));
            }
            if lane.taken == 0 {
                self.lanes.remove(&key);
            }
        }
        Some(facts)
    }

    /// Finds the due time of every waiting entry anew: the clock was set back.
    fn set_back(&mut self, now: UnixTime) {
        let waiting = self.waiting.iter();
        self.due = waiting.map(|(number, (_, facts))| Reverse((self.terms.next_try(facts, now), *number))).collect();
    }

    /// Moves what has become due to its lane.
    fn gather_due(&mut self, now: UnixTime) {
        while let Some(Reverse((due, number))) = self.due.peek().copied() {
            if due > now {
                return;
            }
            self.due.pop();
            let Some((name, facts)) = self.waiting.remove(&number) else { continue };
            let rank = (self.terms.rank(&name, &facts), number);
            let (key, places) = self.lane_of(&facts);
            let lane = self.lanes.entry(key.clone()).or_default();
            lane.parked.insert(rank, (name, facts, places));
            if let Some((rank, (next, facts))) = lane.next() {
                self.ready.insert(rank, (next, facts, key));
            }
        }
    }
}

#[cfg(test)]
mod tests;
