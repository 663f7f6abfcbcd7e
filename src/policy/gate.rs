//! Whether a connection is taken at all: limits of the site, the load of the machine, and our own bounds under pressure.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bstr::BString;

use super::door::Door;
use super::rates::{Counted, Numbers, Rates};
use crate::cf::Options;
use crate::log::Log;
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
pub struct Gate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    rates: Rates,
    doors: Vec<Door>,
    sessions_max: u32,
    sessions_set: bool,
    log: Log,
}

/// A connection that is taken; dropped, its place is free again.
#[derive(Debug)]
pub struct Admitted {
    /// The numbers of connections when it was opened.
    pub numbers: Numbers,
    /// How long the client may be silent before its first command, if it must hurry.
    pub haste: Option<Duration>,
    _counted: Counted,
    shared: Arc<Shared>,
    port: usize,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.shared.doors[self.port].leave();
    }
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
    /// Returns the gate of a site, which tells `log` whom it keeps out.
    pub fn new(options: &Options, log: Log) -> Self {
        let set = u32::try_from(options.max_daemon_children).unwrap_or(0);
        Self(Arc::new(Shared {
            rates: Rates::new(options.connection_rate_window_size),
            doors: options.daemon_ports().iter().map(|port| Door::new(port, options)).collect(),
            sessions_max: if set > 0 { set } else { SESSIONS_MAX },
            sessions_set: set > 0,
            log,
        }))
    }

    /// Judges a connection from `source` to the port at place `port` of the options, at the load average `load`; counts it
    /// if it is taken.
    ///
    /// # Errors
    /// It is not taken: the connection is closed at once, with 421 where there is time for it.
    pub fn enter(&self, port: usize, source: IpAddr, load: i64, now: UnixTime) -> Result<Admitted, NotAdmitted> {
        let Shared { doors, log, .. } = &*self.0;
        let judged = self.judge(port, source, load, now);
        match &judged {
            Ok(_) => doors[port].admitted(log),
            Err(refusal) => doors[port].refused(refusal, log, now),
        }
        judged
    }

    fn judge(&self, port: usize, source: IpAddr, load: i64, now: UnixTime) -> Result<Admitted, NotAdmitted> {
        let Shared { rates, doors, sessions_max, sessions_set, .. } = &*self.0;
        let door = &doors[port];
        door.judge(load)?;
        let children = rates.total_connections();
        if children >= *sessions_max {
            return Err(door.full(children, *sessions_max));
        }
        let counted = rates.open(source, now);
        let pressed = !sessions_set && children * 100 >= sessions_max * PRESSURE_PERCENT;
        let connections = counted.numbers.client_connections;
        if pressed && connections * 100 > sessions_max * SOURCE_PERCENT {
            return Err(NotAdmitted::Source { source_address: source, connections });
        }
        door.enter();
        Ok(Admitted {
            numbers: counted.numbers,
            haste: pressed.then_some(HASTE),
            _counted: counted,
            shared: Arc::clone(&self.0),
            port,
        })
    }

    /// Counts a connection that the port at place `port` has accepted; returns how long it waits before the next.
    pub fn pace(&self, port: usize, load: i64, now: UnixTime) -> Duration {
        self.0.doors[port].pace(load, &self.0.log, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cf::DaemonPort;

    fn gate(options: &Options) -> Gate {
        Gate::new(options, Log::nowhere())
    }

    fn enter(gate: &Gate, last: u8, load: i64) -> Result<Admitted, NotAdmitted> {
        gate.enter(0, IpAddr::from([192, 0, 2, last]), load, UnixTime::from_secs(0))
    }

    #[test]
    fn a_loaded_machine_takes_no_connection() {
        let gate = gate(&Options { refuse_la: 12, ..Options::default() });
        assert!(enter(&gate, 1, 11).is_ok());
        let error = enter(&gate, 1, 12).expect_err("too loaded");
        assert_eq!(error.to_string(), "rejecting connections on daemon Daemon0: load average: 12");
    }

    #[test]
    fn sessions_are_bounded_by_the_site() {
        let gate = gate(&Options { max_daemon_children: 2, ..Options::default() });
        let first = enter(&gate, 1, 0).expect("room");
        let _second = enter(&gate, 1, 0).expect("room");
        let error = enter(&gate, 2, 0).expect_err("full");
        assert_eq!(error.to_string(), "rejecting connections on daemon Daemon0: 2 children, max 2");
        drop(first);
        assert!(enter(&gate, 2, 0).is_ok());
    }

    #[test]
    fn sessions_are_bounded_by_the_port() {
        let ports = ["Name=A, children=1", "Name=B"];
        let ports = ports.map(|text| DaemonPort::parse(text.as_bytes(), true, &mut Vec::new()));
        let gate = gate(&Options { daemon_port_options: ports.into(), ..Options::default() });
        let source = IpAddr::from([192, 0, 2, 1]);
        let enter = |port| gate.enter(port, source, 0, UnixTime::from_secs(0));
        let first = enter(0).expect("room");
        let error = enter(0).expect_err("full");
        assert_eq!(error.to_string(), "rejecting connections on daemon A: 1 children, max 1");
        let _other = enter(1).expect("the other port has no limit");
        drop(first);
        assert!(enter(0).is_ok());
    }

    #[test]
    fn one_source_cannot_fill_the_server() {
        let mut gate = gate(&Options::default());
        Arc::get_mut(&mut gate.0).expect("the only one").sessions_max = 100;
        let mut held: Vec<_> = (0..79).map(|_| enter(&gate, 1, 0).expect("no pressure yet")).collect();
        held.push(enter(&gate, 1, 0).expect("the last before the pressure"));
        assert!(enter(&gate, 1, 0).is_err());
        let other = enter(&gate, 2, 0).expect("another source is let in");
        assert_eq!(other.haste, Some(HASTE));
    }
}
