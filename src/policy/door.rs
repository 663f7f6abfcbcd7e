//! One port: how many sessions it has, how fast it lets clients in, and how often the log hears that it does not.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bstr::BString;

use super::gate::NotAdmitted;
use crate::cf::{DaemonPort, Options};
use crate::log::{Level, Log};
use crate::name::{Elapsed, UnixTime};

/// How often a refusal is logged while it lasts, in seconds (the original looks that often whether it still lasts).
const REFUSAL_SECS: i64 = 15;

/// How often it is logged that connections are accepted slowly because of load, in seconds.
const DELAY_SECS: i64 = 90;

/// How long a loaded machine waits between two connections (`DelayLA`).
const LOADED_WAIT: Duration = Duration::from_secs(1);

/// A port, as far as its connections are counted.
#[derive(Debug)]
pub(super) struct Door {
    name: BString,
    refuse_load: i64,
    delay_load: i64,
    per_second_max: i64,
    sessions_max: Option<u32>,
    alarm_after: Duration,
    sessions: AtomicU32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    throttle: Throttle,
    /// Since when connections are refused; none while they are accepted.
    refusing_since: Option<UnixTime>,
    /// When a refusal may be logged again.
    next_refusal: i64,
    /// When the next alarm about refusals is due.
    next_alarm: i64,
    /// When a delay may be logged again.
    next_delay: i64,
}

impl Door {
    /// Returns the door of a port; what it does not say itself, the options say.
    pub(super) fn new(port: &DaemonPort, options: &Options) -> Self {
        Self {
            name: port.name.clone(),
            refuse_load: port.refuse_load.unwrap_or(options.refuse_la),
            delay_load: port.delay_load.unwrap_or(options.delay_la),
            per_second_max: options.connection_rate_throttle,
            sessions_max: port.children_max.and_then(|max| u32::try_from(max).ok()).filter(|max| *max > 0),
            alarm_after: options.reject_log_interval,
            sessions: AtomicU32::new(0),
            state: Mutex::default(),
        }
    }

    /// Judges a connection as far as it is this port's business.
    ///
    /// # Errors
    /// The machine is too loaded, or this port has its sessions.
    pub(super) fn judge(&self, load: i64) -> Result<(), NotAdmitted> {
        if self.refuse_load > 0 && load >= self.refuse_load {
            return Err(NotAdmitted::Load { daemon: self.name.clone(), load });
        }
        let children = self.sessions.load(Ordering::Acquire);
        match self.sessions_max {
            Some(max) if children >= max => Err(self.full(children, max)),
            _ => Ok(()),
        }
    }

    /// Returns the refusal of a site or port that has its sessions.
    pub(super) fn full(&self, children: u32, max: u32) -> NotAdmitted {
        NotAdmitted::Children { daemon: self.name.clone(), children, max }
    }

    /// Counts a session.
    pub(super) fn enter(&self) {
        self.sessions.fetch_add(1, Ordering::AcqRel);
    }

    /// Counts a session no longer.
    pub(super) fn leave(&self) {
        self.sessions.fetch_sub(1, Ordering::AcqRel);
    }

    /// Logs a refusal, unless the log knows.
    pub(super) fn refused(&self, refusal: &NotAdmitted, log: &Log, now: UnixTime) {
        let mut state = self.state();
        let since = state.refusing_since.unwrap_or(now);
        if state.refusing_since.replace(since).is_none() {
            state.next_refusal = now.secs();
        }
        if now.secs() >= state.next_refusal {
            let level = if matches!(refusal, NotAdmitted::Load { .. }) { Level::LOADED } else { Level::DOOR };
            log.say(level, None, refusal);
            state.next_refusal = now.secs() + REFUSAL_SECS;
        }
        let alarm_secs = i64::try_from(self.alarm_after.as_secs()).unwrap_or(i64::MAX);
        if since == now {
            state.next_alarm = now.secs().saturating_add(alarm_secs);
        } else if now.secs() >= state.next_alarm {
            let duration = Elapsed(now.since(since));
            log.say(
                Level::SHUT,
                None,
                format_args!("have been rejecting connections on daemon {} for {duration}", self.name),
            );
            state.next_alarm = now.secs().saturating_add(alarm_secs);
        }
    }

    /// Logs that connections are accepted, if the last one was not.
    pub(super) fn admitted(&self, log: &Log) {
        if self.state().refusing_since.take().is_some() {
            log.say(Level::DOOR, None, format_args!("accepting connections again for daemon {}", self.name));
        }
    }

    /// Counts a connection that was accepted; returns how long to wait before the next is (`ConnectionRateThrottle`,
    /// `DelayLA`).
    pub(super) fn pace(&self, load: i64, log: &Log, now: UnixTime) -> Duration {
        let mut state = self.state();
        let wait = state.throttle.count(self.per_second_max, now);
        if !wait.is_zero() {
            let (name, rate) = (&self.name, self.per_second_max);
            log.say(Level::DOOR, None, format_args!("deferring connections on daemon {name}: {rate} per second"));
        }
        if self.delay_load <= 0 || load < self.delay_load {
            return wait;
        }
        if now.secs() >= state.next_delay {
            let (name, limit) = (&self.name, self.delay_load);
            log.say(
                Level::DOOR,
                None,
                format_args!("delaying connections on daemon {name}: load average={load} >= {limit}"),
            );
            state.next_delay = now.secs() + DELAY_SECS;
        }
        wait.max(LOADED_WAIT)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

/// Counts the connections of each second (`ConnectionRateThrottle`).
#[derive(Clone, Debug, Default)]
struct Throttle {
    second: i64,
    count: i64,
}

impl Throttle {
    /// Counts a connection; returns how long to wait before the next is accepted.
    fn count(&mut self, per_second_max: i64, now: UnixTime) -> Duration {
        if per_second_max <= 0 {
            return Duration::ZERO;
        }
        if self.second != now.secs() {
            *self = Self { second: now.secs(), count: 0 };
        }
        self.count += 1;
        if self.count < per_second_max {
            return Duration::ZERO;
        }
        UnixTime::from_secs(self.second + 1).since(now)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::log::Sink;

    /// A door with a log that can be looked at.
    fn door(options: &Options) -> (Door, Log, Arc<Mutex<Vec<BString>>>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = Log::new(Sink::Memory(Arc::clone(&lines)), "test", 9);
        let port = DaemonPort { name: "MTA".into(), ..DaemonPort::default() };
        (Door::new(&port, options), log, lines)
    }

    #[track_caller]
    fn check(lines: &Mutex<Vec<BString>>, expected: &[&str]) {
        assert_eq!(*lines.lock().expect("not poisoned"), expected);
    }

    #[test]
    fn connections_of_a_second_are_throttled() {
        let (door, log, lines) = door(&Options { connection_rate_throttle: 2, ..Options::default() });
        let now = UnixTime::from_micros(5_250_000);
        assert_eq!(door.pace(0, &log, now), Duration::ZERO);
        assert_eq!(door.pace(0, &log, now), Duration::from_millis(750));
        assert_eq!(door.pace(0, &log, UnixTime::from_secs(6)), Duration::ZERO);
        check(&lines, &["deferring connections on daemon MTA: 2 per second"]);
    }

    #[test]
    fn a_loaded_machine_accepts_one_connection_a_second() {
        let (door, log, lines) = door(&Options { delay_la: 5, ..Options::default() });
        assert_eq!(door.pace(4, &log, UnixTime::from_secs(1)), Duration::ZERO);
        assert_eq!(door.pace(9, &log, UnixTime::from_secs(2)), LOADED_WAIT);
        assert_eq!(door.pace(9, &log, UnixTime::from_secs(3)), LOADED_WAIT);
        check(&lines, &["delaying connections on daemon MTA: load average=9 >= 5"]);
    }

    #[test]
    fn the_log_hears_of_refusals_now_and_then() {
        let (door, log, lines) =
            door(&Options { refuse_la: 20, reject_log_interval: Duration::from_secs(30), ..Options::default() });
        for second in [100, 101, 114, 115, 131] {
            let refusal = door.judge(30).expect_err("too loaded");
            door.refused(&refusal, &log, UnixTime::from_secs(second));
        }
        assert!(door.judge(3).is_ok());
        door.admitted(&log);
        door.admitted(&log);
        let refusing = "rejecting connections on daemon MTA: load average: 30";
        check(
            &lines,
            &[
                refusing,
                refusing,
                refusing,
                "have been rejecting connections on daemon MTA for 00:00:31",
                "accepting connections again for daemon MTA",
            ],
        );
    }
}
