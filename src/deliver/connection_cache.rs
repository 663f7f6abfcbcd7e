//! Connections kept open for the next message, and hosts that are known to be down.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bstr::BString;
use tokio::time::Instant;

use super::connection::Connection;
use crate::cf::Timeouts;
use crate::name::MailerName;

/// Hosts whose failures are remembered; the oldest are forgotten first.
const HOSTS_MAX: usize = 10_000;

/// What a connection can be used again for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConnectionKey {
    /// The mailer: another one may speak otherwise.
    pub mailer: MailerName,
    /// The server.
    pub address: SocketAddr,
    /// The address of ours that it comes from, where the message says so.
    pub source: Option<IpAddr>,
}

/// The cache; one connection serves one job at a time, since taking it removes it.
pub struct ConnectionCache {
    idle_max: usize,
    idle_limit: Duration,
    /// How long a host that is down is passed over.
    down_limit: Duration,
    /// Whether good-byes are waited for: the program ends soon.
    is_patient: bool,
    timeouts: Timeouts,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Idle connections, oldest first.
    idle: Vec<Idle>,
    next_number: u64,
    down: HashMap<SocketAddr, Down>,
}

struct Idle {
    number: u64,
    key: ConnectionKey,
    connection: Connection,
    since: Instant,
}

struct Down {
    since: Instant,
    reason: BString,
}

impl ConnectionCache {
    /// Makes a cache of `ConnectionCacheSize` connections that are kept for `ConnectionCacheTimeout`.
    ///
    /// The original forgets at the end of a queue run which hosts were down, unless it has a `HostStatusDirectory`;
    /// `run_interval` is the time between two runs, of which the first half stands for one run.
    pub fn new(idle_max: usize, idle_limit: Duration, timeouts: Timeouts, run_interval: Option<Duration>) -> Self {
        let down_limit = run_interval.map_or(timeouts.hoststatus, |interval| timeouts.hoststatus.min(interval / 2));
        Self { idle_max, idle_limit, down_limit, is_patient: false, timeouts, state: Mutex::default() }
    }

    /// Returns the cache of a program that ends soon: each good-bye is waited for.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { is_patient: true, ..self }
    }

    /// Takes a connection that is still alive, as RSET shows.
    pub async fn take(&self, key: &ConnectionKey) -> Option<Connection> {
        loop {
            let idle = {
                let mut state = self.state();
                let place = state.idle.iter().rposition(|idle| idle.key == *key)?;
                state.idle.remove(place)
            };
            let mut connection = idle.connection;
            if idle.since.elapsed() < self.idle_limit && connection.reset(&self.timeouts).await {
                return Some(connection);
            }
        }
    }

    /// Tells whether a connection is kept that may be taken.
    pub fn has(&self, key: &ConnectionKey) -> bool {
        self.state().idle.iter().any(|idle| idle.key == *key)
    }

    /// Keeps a connection for later; what is too many or too old is closed.
    pub async fn put(self: &Arc<Self>, key: ConnectionKey, connection: Connection) {
        if self.idle_max == 0 || self.idle_limit.is_zero() {
            return self.part_from(connection).await;
        }
        let (number, surplus) = {
            let mut state = self.state();
            let number = state.next_number;
            state.next_number += 1;
            state.idle.push(Idle { number, key, connection, since: Instant::now() });
            let surplus = (state.idle.len() > self.idle_max).then(|| state.idle.remove(0));
            (number, surplus)
        };
        if let Some(surplus) = surplus {
            self.part_from(surplus.connection).await;
        }
        let cache = Arc::downgrade(self);
        let limit = self.idle_limit;
        tokio::spawn(async move {
            tokio::time::sleep(limit).await;
            if let Some(cache) = cache.upgrade() {
                cache.close(number).await;
            }
        });
    }

    /// Closes all idle connections, the newest first, at the end of the program.
    pub async fn clear(&self) {
        let idle = std::mem::take(&mut self.state().idle);
        for idle in idle.into_iter().rev() {
            self.part_from(idle.connection).await;
        }
    }

    /// Says good-bye.
    async fn part_from(&self, connection: Connection) {
        let timeouts = self.timeouts.clone();
        let parting = async move { connection.quit(&timeouts).await };
        if self.is_patient {
            parting.await;
        } else {
            tokio::spawn(parting);
        }
    }

    /// Remembers that a host is down.
    pub fn set_down(&self, address: SocketAddr, reason: BString) {
        let mut state = self.state();
        if state.down.len() >= HOSTS_MAX {
            let limit = self.down_limit;
            state.down.retain(|_, down| down.since.elapsed() < limit);
        }
        if state.down.len() >= HOSTS_MAX {
            let oldest = state.down.iter().min_by_key(|(_, down)| down.since).map(|(address, _)| *address);
            oldest.and_then(|oldest| state.down.remove(&oldest));
        }
        state.down.insert(address, Down { since: Instant::now(), reason });
    }

    /// Remembers that a host is up.
    pub fn set_up(&self, address: SocketAddr) {
        self.state().down.remove(&address);
    }

    /// Returns why a host is known to be down, as long as that is to be remembered.
    pub fn down(&self, address: SocketAddr) -> Option<BString> {
        let limit = self.down_limit;
        self.state().down.get(&address).filter(|down| down.since.elapsed() < limit).map(|down| down.reason.clone())
    }

    /// Closes the idle connection with this number, if it is still there.
    async fn close(&self, number: u64) {
        let idle = {
            let mut state = self.state();
            let place = state.idle.iter().position(|idle| idle.number == number);
            place.map(|place| state.idle.remove(place))
        };
        if let Some(idle) = idle {
            self.part_from(idle.connection).await;
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_is_down_until_its_status_expires_or_it_is_seen_up() {
        let address = SocketAddr::from(([192, 0, 2, 1], 25));
        let cache = ConnectionCache::new(2, Duration::from_secs(300), Timeouts::default(), None);
        cache.set_down(address, "Connection refused".into());
        assert_eq!(cache.down(address).expect("down"), "Connection refused");
        cache.set_up(address);
        assert_eq!(cache.down(address), None);
        let forgetful = Timeouts { hoststatus: Duration::ZERO, ..Timeouts::default() };
        let cache = ConnectionCache::new(2, Duration::from_secs(300), forgetful, None);
        cache.set_down(address, "x".into());
        assert_eq!(cache.down(address), None);
    }

    #[tokio::test]
    async fn a_host_that_was_down_in_one_queue_run_is_tried_in_the_next() {
        let address = SocketAddr::from(([192, 0, 2, 1], 25));
        let cache = ConnectionCache::new(2, Duration::from_secs(300), Timeouts::default(), Some(Duration::ZERO));
        cache.set_down(address, "Connection refused".into());
        assert_eq!(cache.down(address), None);
    }

    #[tokio::test]
    async fn remembered_hosts_are_bounded() {
        let cache = ConnectionCache::new(2, Duration::from_secs(300), Timeouts::default(), None);
        for number in 0..HOSTS_MAX + 10 {
            let bytes = u32::try_from(number).expect("small").to_be_bytes();
            cache.set_down(SocketAddr::from((bytes, 25)), "x".into());
        }
        assert_eq!(cache.state().down.len(), HOSTS_MAX);
    }
}
