//! Whether a connection is taken at all: limits of the site, the load of the machine, and our own bounds under pressure.

use std::net::IpAddr;
use std::time::Duration;

use bstr::BString;

use super::rates::{Counted, Rates};
use crate::cf::{DaemonPort, Options};
use crate::name::UnixTime;

/// The most sessions at a time where `MaxDaemonChildren` sets no limit: 2 MiB each at worst.
const SESSIONS_MAX: u32 = 4000;

/// From this share of the sessions on (in percent) one source gets no more than its part, and idling is short.
const PRESSURE_PERCENT: u32 = 80;

/// The part of all sessions that one source may have under pressure (in percent).
const SOURCE_PERCENT: u32 = 5;

/// How long a client may be silent before its first command under pressure.
const HASTE: Duration = Duration::from_secs(10);

/// Decides about connections.
#[derive(Clone, Debug)]
pub struct Gate {
    rates: Rates,
    sessions_max: u32,
    sessions_set: bool,
}

/// A connection that is taken; dropped, its place is free again.
#[derive(Debug)]
pub struct Admitted {
    /// The count.
    pub counted: Counted,
    /// How long the client may be silent before its first command, if it must hurry.
    pub haste: Option<Duration>,
}

/// A connection that is not taken, with the text for the log.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotAdmitted {
    /// `RefuseLA`.
    #[error("rejecting connections on daemon {daemon}: load average: {load}")]
    Load {
        /// The daemon.
        daemon: BString,
        /// The load average.
        load: i64,
    },
    /// `MaxDaemonChildren`.
    #[error("rejecting connections on daemon {daemon}: {children} children, max {max}")]
    Children {
        /// The daemon.
        daemon: BString,
        /// Sessions there are.
        children: u32,
        /// Sessions there may be.
        max: u32,
    },
    /// Our own bound on the sessions of one source, under pressure.
    #[error("rejecting connections from {source_address}: {connections} connections while the server is nearly full")]
    Source {
        /// The source.
        source_address: IpAddr,
        /// Its open connections.
        connections: u32,
    },
}

impl Gate {
    /// Returns the gate of a site.
    pub fn new(options: &Options) -> Self {
        let set = u32::try_from(options.max_daemon_children).unwrap_or(0);
        Self {
            rates: Rates::new(options.connection_rate_window_size),
            sessions_max: if set > 0 { set } else { SESSIONS_MAX },
            sessions_set: set > 0,
        }
    }

    /// Judges a connection from `source` to `port` at the load average `load`; counts it if it is taken.
    ///
    /// # Errors
    /// It is not taken: the connection is closed at once, with 421 where there is time for it.
    pub fn enter(
        &self,
        source: IpAddr,
        port: &DaemonPort,
        options: &Options,
        load: i64,
        now: UnixTime,
    ) -> Result<Admitted, NotAdmitted> {
        let refuse_load = port.refuse_load.unwrap_or(options.refuse_la);
        if refuse_load > 0 && load >= refuse_load {
            return Err(NotAdmitted::Load { daemon: port.name.clone(), load });
        }
        let children = self.rates.total_connections();
        if children >= self.sessions_max {
            return Err(NotAdmitted::Children { daemon: port.name.clone(), children, max: self.sessions_max });
        }
        let counted = self.rates.open(source, now);
        let pressed = !self.sessions_set && children * 100 >= self.sessions_max * PRESSURE_PERCENT;
        let connections = counted.numbers.client_connections;
        if pressed && connections * 100 > self.sessions_max * SOURCE_PERCENT {
            return Err(NotAdmitted::Source { source_address: source, connections });
        }
        Ok(Admitted { counted, haste: pressed.then_some(HASTE) })
    }

    /// Counts a connection that is taken in any case (one that a super server accepted).
    pub fn admit(&self, source: IpAddr, now: UnixTime) -> Admitted {
        Admitted { counted: self.rates.open(source, now), haste: None }
    }
}

/// Counts the connections of each second (`ConnectionRateThrottle`).
#[derive(Clone, Debug, Default)]
pub struct Throttle {
    second: i64,
    count: i64,
}

impl Throttle {
    /// Counts a connection; returns how long to wait before the next is accepted.
    pub fn count(&mut self, per_second_max: i64, now: UnixTime) -> Duration {
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
    use super::*;

    fn enter(gate: &Gate, last: u8, load: i64) -> Result<Admitted, NotAdmitted> {
        let options = Options { refuse_la: 12, ..Options::default() };
        let port = DaemonPort { name: "MTA".into(), ..DaemonPort::default() };
        gate.enter(IpAddr::from([192, 0, 2, last]), &port, &options, load, UnixTime::from_secs(0))
    }

    #[test]
    fn a_loaded_machine_takes_no_connection() {
        let gate = Gate::new(&Options::default());
        assert!(enter(&gate, 1, 11).is_ok());
        let error = enter(&gate, 1, 12).expect_err("too loaded");
        assert_eq!(error.to_string(), "rejecting connections on daemon MTA: load average: 12");
    }

    #[test]
    fn sessions_are_bounded_by_the_site() {
        let gate = Gate::new(&Options { max_daemon_children: 2, ..Options::default() });
        let first = enter(&gate, 1, 0).expect("room");
        let _second = enter(&gate, 1, 0).expect("room");
        let error = enter(&gate, 2, 0).expect_err("full");
        assert_eq!(error.to_string(), "rejecting connections on daemon MTA: 2 children, max 2");
        drop(first);
        assert!(enter(&gate, 2, 0).is_ok());
    }

    #[test]
    fn one_source_cannot_fill_the_server() {
        let mut gate = Gate::new(&Options::default());
        gate.sessions_max = 100;
        let mut held: Vec<_> = (0..79).map(|_| enter(&gate, 1, 0).expect("no pressure yet")).collect();
        held.push(enter(&gate, 1, 0).expect("the last before the pressure"));
        assert!(enter(&gate, 1, 0).is_err());
        let other = enter(&gate, 2, 0).expect("another source is let in");
        assert_eq!(other.haste, Some(HASTE));
    }

    #[test]
    fn connections_of_a_second_are_throttled() {
        let mut throttle = Throttle::default();
        let now = UnixTime::from_micros(5_250_000);
        assert_eq!(throttle.count(2, now), Duration::ZERO);
        assert_eq!(throttle.count(2, now), Duration::from_millis(750));
        assert_eq!(throttle.count(2, UnixTime::from_secs(6)), Duration::ZERO);
        assert_eq!(throttle.count(0, now), Duration::ZERO);
    }
}
