//! How far the recipients of an attempt have come, and when that is written down.

use crate::deliver::attempt::Settled;
use crate::deliver::outcome::Verdict;
use crate::mail::envelope::Recipient;

/// For how many recipients that still wait one may have been served without its being written down.
const UNSERVED_FOR_ONE: usize = 128;

/// How far the recipients of an attempt have come, by their place in the envelope.
pub(super) struct Progress {
    verdicts: Vec<Verdict>,
    /// The places of those in the envelope as it was last written down.
    written: Vec<usize>,
    /// How many are not served.
    unserved: usize,
    /// How many were served since that was last written down.
    unwritten: usize,
    /// The most that may be served before it is written down (option CheckpointInterval), if there is such a number.
    interval: Option<usize>,
    /// Whether it could not be written down.
    pub(super) is_stuck: bool,
}

impl Progress {
    /// Returns the progress before anything was tried: `failed` at the end of the recipients are those that rules refuse.
    /// As with the original, an `interval` below 1 asks for nothing.
    pub(super) fn new(recipients: usize, failed: usize, interval: i64) -> Self {
        let mut verdicts = vec![Verdict::Deferred; recipients - failed];
        verdicts.resize(recipients, Verdict::Failed);
        let interval = usize::try_from(interval).ok().filter(|interval| *interval > 0);
        Self {
            verdicts,
            written: (0..recipients).collect(),
            unserved: recipients,
            unwritten: 0,
            interval,
            is_stuck: false,
        }
    }

    /// Returns how many recipients there is hope for; they stand before the others.
    pub(super) fn hopeful(&self) -> usize {
        self.verdicts.iter().filter(|verdict| **verdict != Verdict::Failed).count()
    }

    /// Notes what became of the recipients at `places`.
    pub(super) fn note(&mut self, places: &[usize], settled: &[Settled]) {
        for (place, settled) in places.iter().zip(settled) {
            self.verdicts[*place] = settled.outcome.verdict;
            let served = usize::from(settled.outcome.verdict == Verdict::Sent);
            self.unserved -= served;
            self.unwritten += served;
        }
    }

    /// Tells whether it is time to write down who was served; takes that for done.
    ///
    /// When nobody is left the end of the message says it all. The control file is written whole: for very many
    /// recipients not after each, or the time would grow with the square of their number. As many as CheckpointInterval
    /// are never left unwritten, however many wait.
    pub(super) fn is_due(&mut self) -> bool {
        let few = self.unserved / UNSERVED_FOR_ONE + 1;
        let is_due = self.unserved > 0 && self.unwritten >= self.interval.map_or(few, |interval| interval.min(few));
        if is_due {
            self.unwritten = 0;
        }
        is_due
    }

    /// Takes those who were served out of the recipients of the envelope, as it was last written down: who failed stays
    /// until the sender was told.
    pub(super) fn strike(&mut self, recipients: &mut Vec<Recipient>) {
        let is_left = |place: &usize| self.verdicts[*place] != Verdict::Sent;
        let mut places = self.written.iter();
        recipients.retain(|_| places.next().is_some_and(is_left));
        self.written.retain(is_left);
    }

    /// Returns those of `recipients`, who stood in the envelope at first, who wait on.
    pub(super) fn waiting(&self, recipients: &[Recipient]) -> Vec<Recipient> {
        let waits = recipients.iter().zip(&self.verdicts).filter(|(_, verdict)| **verdict == Verdict::Deferred);
        waits.map(|(recipient, _)| recipient.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::outcome::Outcome;
    use crate::name::Status;

    fn recipients(count: usize) -> Vec<Recipient> {
        (0..count).map(|number| Recipient::new(number.to_string())).collect()
    }

    fn names(recipients: &[Recipient]) -> Vec<String> {
        recipients.iter().map(|recipient| recipient.address.to_string()).collect()
    }

    /// Serves all one by one and returns after how many it is written down, each time.
    fn written_after(count: usize, interval: i64) -> Vec<usize> {
        let mut progress = Progress::new(count, 0, interval);
        let sent = Settled { recipient: Recipient::new("x"), outcome: Outcome::sent("Sent") };
        let mut due = Vec::new();
        for place in 0..count {
            progress.note(&[place], std::slice::from_ref(&sent));
            if progress.is_due() {
                due.push(place + 1);
            }
        }
        due
    }

    #[test]
    fn of_few_recipients_each_is_written_down_but_the_last_whom_the_end_tells_of() {
        assert!(written_after(1, 10).is_empty());
        assert_eq!(written_after(4, 10), [1, 2, 3]);
        assert_eq!(written_after(128, 10), (1..128).collect::<Vec<_>>());
        assert_eq!(written_after(129, 10)[..3], [2, 3, 4], "128 wait when the first is served");
    }

    #[test]
    fn of_many_recipients_no_more_than_the_interval_are_left_unwritten() {
        let most = |interval| {
            let due = written_after(5000, interval);
            std::iter::once(0).chain(due.iter().copied()).zip(&due).map(|(before, now)| now - before).max()
        };
        for interval in [1, 2, 10, 39] {
            assert_eq!(most(interval), usize::try_from(interval).ok(), "{interval}");
        }
        for interval in [40, 1000, 0, -1] {
            assert_eq!(most(interval), Some(39), "{interval}");
        }
    }

    #[test]
    fn a_group_that_is_larger_than_the_interval_is_written_down_at_once() {
        let mut progress = Progress::new(50_000, 0, 10);
        let sent = vec![Settled { recipient: Recipient::new("x"), outcome: Outcome::sent("Sent") }; 9];
        progress.note(&(0..9).collect::<Vec<_>>(), &sent);
        assert!(!progress.is_due());
        progress.note(&(9..18).collect::<Vec<_>>(), &sent);
        assert!(progress.is_due());
        assert!(!progress.is_due(), "it is written down");
    }

    #[test]
    fn whoever_failed_stays_in_the_envelope_and_does_not_wait() {
        let all = recipients(5);
        let mut left = all.clone();
        let mut progress = Progress::new(5, 1, 10);
        assert_eq!(progress.hopeful(), 4);
        let settled = |outcome| Settled { recipient: Recipient::new("x"), outcome };
        let failed = Outcome::failed(Status::new(5, 1, 1), "no");
        progress.note(&[2, 1], &[settled(Outcome::sent("Sent")), settled(failed)]);
        progress.strike(&mut left);
        assert_eq!(names(&left), ["0", "1", "3", "4"]);
        assert_eq!(names(&progress.waiting(&all)), ["0", "3"]);
        progress.note(&[3], &[settled(Outcome::sent("Sent"))]);
        progress.strike(&mut left);
        assert_eq!(names(&left), ["0", "1", "4"]);
        assert_eq!(names(&progress.waiting(&all)), ["0"]);
    }
}
