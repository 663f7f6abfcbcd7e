//! How often and how many: connections of each source and of all (`${client_rate}`, `${client_connections}`, `${total_rate}`).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::name::UnixTime;

/// Into how many parts the window is cut: counts fall out of it part by part.
const SLOTS: usize = 6;

/// The most sources that are remembered; past this the ones that were quiet the longest are forgotten.
const SOURCES_MAX: usize = 65_536;

/// Counts of one window.
#[derive(Clone, Debug, Default)]
struct Window {
    /// The number of the part in which each slot was counted, and its count.
    slots: [(i64, u32); SLOTS],
}

impl Window {
    /// Counts one event in part `part`.
    fn count(&mut self, part: i64) {
        let slot = &mut self.slots[usize::try_from(part.rem_euclid(SLOTS as i64)).expect("below SLOTS")];
        if slot.0 != part {
            *slot = (part, 0);
        }
        slot.1 = slot.1.saturating_add(1);
    }

    /// Returns the events of the window that ends with part `part`.
    fn sum(&self, part: i64) -> u32 {
        let alive = |slot: &&(i64, u32)| part - slot.0 < SLOTS as i64 && slot.0 <= part;
        self.slots.iter().filter(alive).fold(0, |sum, slot| sum.saturating_add(slot.1))
    }

    /// Returns the last part in which something was counted.
    fn last(&self) -> i64 {
        self.slots.iter().map(|slot| slot.0).max().unwrap_or(0)
    }
}

/// What is known of one source.
#[derive(Clone, Debug, Default)]
struct Source {
    window: Window,
    open: u32,
}

#[derive(Debug, Default)]
struct Counts {
    sources: HashMap<IpAddr, Source>,
    total: Window,
    open: u32,
}

/// Counts of connections; copies count together.
#[derive(Clone, Debug)]
pub struct Rates {
    window: Duration,
    counts: Arc<Mutex<Counts>>,
}

/// Numbers at the moment a connection was opened, this one included.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Numbers {
    /// Connections from this source in the window.
    pub client_rate: u32,
    /// Open connections from this source.
    pub client_connections: u32,
    /// Connections from everywhere in the window.
    pub total_rate: u32,
    /// Open connections from everywhere.
    pub total_connections: u32,
}

/// A counted connection; dropped, it is no longer open.
#[derive(Debug)]
pub struct Counted {
    rates: Rates,
    source: IpAddr,
    /// The numbers when it was opened.
    pub numbers: Numbers,
}

impl Rates {
    /// Returns counts over a window (`ConnectionRateWindowSize`).
    pub fn new(window: Duration) -> Self {
        Self { window, counts: Arc::default() }
    }

    /// Counts a connection from `source`.
    pub fn open(&self, source: IpAddr, now: UnixTime) -> Counted {
        let part = self.part(now);
        let mut counts = self.lock();
        if counts.sources.len() >= SOURCES_MAX && !counts.sources.contains_key(&source) {
            forget_quiet(&mut counts.sources, part);
        }
        counts.total.count(part);
        counts.open += 1;
        let (total_rate, total_connections) = (counts.total.sum(part), counts.open);
        let known = counts.sources.entry(source).or_default();
        known.window.count(part);
        known.open += 1;
        let (client_rate, client_connections) = (known.window.sum(part), known.open);
        drop(counts);
        let numbers = Numbers { client_rate, client_connections, total_rate, total_connections };
        Counted { rates: self.clone(), source, numbers }
    }

    /// Returns how many connections are open.
    pub fn total_connections(&self) -> u32 {
        self.lock().open
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().expect("no holder panics")
    }

    /// Returns the number of the part of the window that `now` falls in.
    fn part(&self, now: UnixTime) -> i64 {
        let part_micros = i64::try_from(self.window.as_micros() / SLOTS as u128).unwrap_or(i64::MAX).max(1);
        now.micros().div_euclid(part_micros)
    }
}

/// Forgets sources without open connections: those out of the window, or else the quietest half.
fn forget_quiet(sources: &mut HashMap<IpAddr, Source>, part: i64) {
    sources.retain(|_, source| source.open > 0 || source.window.sum(part) > 0);
    if sources.len() >= SOURCES_MAX {
        let mut lasts: Vec<i64> = sources.values().filter(|source| source.open == 0).map(|s| s.window.last()).collect();
        lasts.sort_unstable();
        let middle = lasts.get(lasts.len() / 2).copied().unwrap_or(part);
        sources.retain(|_, source| source.open > 0 || source.window.last() > middle);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.rates.lock();
        counts.open = counts.open.saturating_sub(1);
        if let Some(source) = counts.sources.get_mut(&self.source) {
            source.open = source.open.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    fn host(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn connections_are_counted_by_source_and_in_all() {
        let rates = Rates::new(Duration::from_secs(60));
        let first = rates.open(host(1), at(0));
        let _other = rates.open(host(2), at(1));
        let second = rates.open(host(1), at(2));
        let expected = Numbers { client_rate: 2, client_connections: 2, total_rate: 3, total_connections: 3 };
        assert_eq!(second.numbers, expected);
        drop((first, second));
        let third = rates.open(host(1), at(3)).numbers;
        assert_eq!((third.client_rate, third.client_connections, third.total_connections), (3, 1, 2));
    }

    #[test]
    fn old_connections_leave_the_window_part_by_part() {
        let rates = Rates::new(Duration::from_secs(60));
        for second in [0, 9, 11, 59] {
            rates.open(host(1), at(second));
        }
        assert_eq!(rates.open(host(1), at(59)).numbers.client_rate, 5);
        assert_eq!(rates.open(host(1), at(61)).numbers.client_rate, 4);
        assert_eq!(rates.open(host(1), at(200)).numbers.client_rate, 1);
    }

    #[test]
    fn the_number_of_sources_is_bounded() {
        let mut sources: HashMap<IpAddr, Source> = HashMap::new();
        for number in 0..u32::try_from(SOURCES_MAX).expect("small") {
            let mut source = Source::default();
            source.window.count(i64::from(number % 6) + 1);
            sources.insert(IpAddr::from(number.to_be_bytes()), source);
        }
        forget_quiet(&mut sources, 6);
        assert!(sources.len() < SOURCES_MAX && !sources.is_empty());
    }
}
