//! How long to wait before a process that has ended is started again.

use std::time::Duration;

/// The first wait: an accident should not be noticed.
const FIRST: Duration = Duration::from_millis(50);

/// The longest wait.
const LAST: Duration = Duration::from_secs(60);

/// A process that has lived this long was well started.
const GOOD_LIFE: Duration = Duration::from_secs(60);

/// The waits between starts, each twice the one before.
#[derive(Debug, Default)]
pub(super) struct BackOff {
    last: Option<Duration>,
}

impl BackOff {
    /// Notes how long a process lived that has ended.
    pub(super) fn lived(&mut self, age: Duration) {
        if age >= GOOD_LIFE {
            self.last = None;
        }
    }

    /// Returns how long to wait before the next start.
    pub(super) fn next_delay(&mut self) -> Duration {
        let delay = self.last.map_or(FIRST, |last| (last * 2).min(LAST));
        self.last = Some(delay);
        delay
    }

    /// Tells whether nothing has failed yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.last.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_until_a_process_lives_long() {
        let mut back_off = BackOff::default();
        assert!(back_off.is_fresh());
        assert_eq!([back_off.next_delay(), back_off.next_delay()], [FIRST, FIRST * 2]);
        back_off.lived(Duration::from_secs(5));
        assert_eq!(back_off.next_delay(), FIRST * 4);
        for _ in 0..40 {
            back_off.next_delay();
        }
        assert_eq!(back_off.next_delay(), LAST);
        back_off.lived(GOOD_LIFE);
        assert_eq!(back_off.next_delay(), FIRST);
    }
}
