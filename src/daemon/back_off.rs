//! How long to wait before a process that has ended is started again.

use std::time::Duration;

use crate::keeper::Kind;

/// The first wait: an accident should not be noticed.
const FIRST: Duration = Duration::from_millis(50);

/// The longest wait after faults.
const LAST: Duration = Duration::from_secs(60);

/// The longest wait where somebody ended the process: nothing says that the next one would fail.
const LAST_OUTSIDE: Duration = Duration::from_secs(1);

/// A process that has lived this long was well started.
const GOOD_LIFE: Duration = Duration::from_secs(60);

/// Why a process is to be started again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cause {
    /// It failed, or could not be started.
    Fault,
    /// Somebody else ended it.
    Outside,
}

/// The waits between starts, each twice the one before.
#[derive(Debug, Default)]
pub(super) struct BackOff {
    last: Option<Duration>,
    last_outside: Option<Duration>,
}

impl BackOff {
    /// Notes how long a process lived that has ended.
    pub(super) fn lived(&mut self, age: Duration) {
        if age >= GOOD_LIFE {
            *self = Self::default();
        }
    }

    /// Returns how long to wait before the next start.
    pub(super) fn next_delay(&mut self, cause: Cause) -> Duration {
        let (last, limit) = match cause {
            Cause::Fault => (&mut self.last, LAST),
            Cause::Outside => (&mut self.last_outside, LAST_OUTSIDE),
        };
        *last.insert(last.map_or(FIRST, |last| (last * 2).min(limit)))
    }

    /// Tells whether nothing has failed yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.last.is_none()
    }
}

/// The waits of every kind of process: what befalls one kind holds up no other.
#[derive(Debug, Default)]
pub(super) struct BackOffs {
    network: BackOff,
    hands: [BackOff; Kind::ALL.len()],
}

impl BackOffs {
    /// Returns the waits of the hands of `kind`; none: of the network process.
    pub(super) fn of(&mut self, kind: Option<Kind>) -> &mut BackOff {
        match kind {
            None => &mut self.network,
            Some(kind) => &mut self.hands[kind as usize],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_until_a_process_lives_long() {
        let mut back_off = BackOff::default();
        assert!(back_off.is_fresh());
        let mut next = || back_off.next_delay(Cause::Fault);
        assert_eq!([next(), next()], [FIRST, FIRST * 2]);
        back_off.lived(Duration::from_secs(5));
        assert_eq!(back_off.next_delay(Cause::Fault), FIRST * 4);
        for _ in 0..40 {
            back_off.next_delay(Cause::Fault);
        }
        assert_eq!(back_off.next_delay(Cause::Fault), LAST);
        back_off.lived(GOOD_LIFE);
        assert_eq!(back_off.next_delay(Cause::Fault), FIRST);
    }

    #[test]
    fn kills_from_outside_never_make_the_wait_long() {
        let mut back_off = BackOff::default();
        for _ in 0..40 {
            assert!(back_off.next_delay(Cause::Outside) <= LAST_OUTSIDE);
        }
        assert!(back_off.is_fresh());
        assert_eq!(back_off.next_delay(Cause::Fault), FIRST);
    }

    #[test]
    fn one_kind_does_not_hold_up_another() {
        let mut all = BackOffs::default();
        for _ in 0..40 {
            all.of(Some(Kind::Mailbox)).next_delay(Cause::Fault);
        }
        assert!(all.of(None).is_fresh());
        assert_eq!(all.of(Some(Kind::Queue)).next_delay(Cause::Fault), FIRST);
    }
}
