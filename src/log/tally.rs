//! What this process has counted and not yet added to the statistics file.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;

use super::statistics::{Event, Statistics};

/// Counters that many tasks write to.
#[derive(Debug, Default)]
pub struct Tally {
    counted: Mutex<Option<Statistics>>,
    more: Notify,
}

impl Tally {
    /// Counts an event.
    pub fn count(&self, event: Event) {
        self.lock().get_or_insert_with(|| Statistics::new(now_secs())).count(event);
        self.more.notify_one();
    }

    /// Takes what was counted since the last time; none if nothing was.
    pub fn take(&self) -> Option<Statistics> {
        self.lock().take()
    }

    /// Takes back what could not be written.
    pub fn give_back(&self, counted: &Statistics) {
        self.lock().get_or_insert_with(|| Statistics::new(counted.since_secs)).add(counted);
        self.more.notify_one();
    }

    /// Waits until something has been counted.
    pub async fn counted(&self) {
        while self.lock().is_none() {
            self.more.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Statistics>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now_secs() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_taken_is_not_counted_again() {
        let tally = Tally::default();
        assert_eq!(tally.take(), None);
        tally.count(Event::ConnectionTo);
        tally.count(Event::ConnectionTo);
        tally.counted().await;
        let counted = tally.take().expect("counted");
        tally.count(Event::ConnectionTo);
        tally.give_back(&counted);
        assert_eq!(tally.take().map(|counted| counted.connections_to), Some(3));
        assert_eq!(tally.take(), None);
    }
}
