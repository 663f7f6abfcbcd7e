//! What `-q…` and `-Q…` ask for.

use std::time::Duration;

use bstr::BString;

use crate::name::{BadInterval, Interval, IntervalUnit};

/// What is wrong with a `-q`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadQueueRun {
    /// Letters that are no units of time.
    #[error(transparent)]
    Interval(#[from] BadInterval),
    /// A time before now.
    #[error("Invalid -q value")]
    Negative,
    /// All groups but one.
    #[error("Can not use -q!G")]
    NotGroup,
}

/// A queue run as the command line asks for it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct QueueRun {
    /// The time between runs; `None` or zero: one run.
    pub interval: Option<Duration>,
    /// `-qp`: runners stay and start anew when they are through.
    pub is_persistent: bool,
    /// `-qf`: the caller waits for the run.
    pub in_foreground: bool,
    /// `-qG`: the one queue group.
    pub group: Option<BString>,
    /// `-qI -qR -qS -qQ` and their opposites: what entries must match, all of it.
    pub selectors: Vec<Selector>,
    /// `-qL`, `-qQ`: which entries are meant.
    pub entries: QueueEntries,
}

/// Which entries of a queue are meant.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum QueueEntries {
    /// Those to be delivered.
    #[default]
    Normal,
    /// Those in quarantine (`hf…`).
    Quarantined,
    /// Those that could not be read (`Qf…`).
    Lost,
}

/// A condition on entries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Selector {
    /// What is looked at.
    pub field: SelectorField,
    /// The text that must be in it; case does not count.
    pub text: BString,
    /// `!`: the text must not be in it.
    pub is_negated: bool,
}

/// What a selector looks at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SelectorField {
    /// The queue identifier (`I`).
    Id,
    /// A recipient (`R`).
    Recipient,
    /// The sender (`S`).
    Sender,
    /// The reason of quarantine (`Q`).
    Quarantine,
}

/// A change of quarantine (`-Q`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Quarantine {
    /// `-Qreason`: matching entries are put aside.
    Set(BString),
    /// `-Q`: matching entries are released.
    Release,
}

impl QueueRun {
    /// Adds what one `-q` says (its value).
    ///
    /// # Errors
    /// An interval that is none, or a group that is to be left out.
    pub fn add(&mut self, value: &[u8]) -> Result<(), BadQueueRun> {
        let (is_negated, rest) = match value.strip_prefix(b"!") {
            Some(rest) => (true, rest),
            None => (false, value),
        };
        let mut select = |field, text: &[u8]| self.selectors.push(Selector { field, text: text.into(), is_negated });
        match rest {
            [b'I', text @ ..] => select(SelectorField::Id, text),
            [b'R', text @ ..] => select(SelectorField::Recipient, text),
            [b'S', text @ ..] => select(SelectorField::Sender, text),
            [b'Q'] => self.entries = QueueEntries::Quarantined,
            [b'Q', text @ ..] => {
                select(SelectorField::Quarantine, text);
                self.entries = QueueEntries::Quarantined;
            }
            [b'L', ..] => self.entries = QueueEntries::Lost,
            [b'G', ..] if is_negated => return Err(BadQueueRun::NotGroup),
            [b'G', name @ ..] => self.group = Some(name.into()),
            [b'f', ..] => self.in_foreground = true,
            [b'p', interval @ ..] => {
                self.is_persistent = true;
                self.interval = Some(if interval.is_empty() { Duration::from_secs(1) } else { span(interval)? });
            }
            interval => self.interval = Some(span(interval)?),
        }
        Ok(())
    }

    /// Returns the time between periodic runs; `None` for a single run.
    pub fn period(&self) -> Option<Duration> {
        self.interval.filter(|interval| !interval.is_zero())
    }
}

/// Reads an interval; numbers alone are minutes.
fn span(text: &[u8]) -> Result<Duration, BadQueueRun> {
    let span = |text| Interval::parse(text, IntervalUnit::Minutes).map(|interval| interval.0);
    match text.strip_prefix(b"-") {
        Some(before) if !span(before)?.is_zero() => Err(BadQueueRun::Negative),
        _ => Ok(span(text)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn run(values: &[&str]) -> QueueRun {
        let mut run = QueueRun::default();
        for value in values {
            run.add(value.as_bytes()).expect("good");
        }
        run
    }

    #[test]
    fn intervals_are_minutes() {
        assert_eq!(run(&["15"]).period(), Some(Duration::from_secs(900)));
        assert_eq!(run(&["1h30m"]).period(), Some(Duration::from_secs(5400)));
        assert_eq!(run(&["0"]).period(), None);
        assert!(run(&["p5m"]).is_persistent);
        assert!(run(&["f"]).in_foreground);
        let refused = |value: &str| QueueRun::default().add(value.as_bytes()).expect_err(value).to_string();
        assert_eq!(refused("!X"), "Invalid time unit `X'");
        for value in ["-5m", "-1", "p-5m", "!-1d"] {
            assert_eq!(refused(value), "Invalid -q value", "{value}");
        }
        assert_eq!(run(&["-0m"]).period(), None);
        assert_eq!(refused("!Gfast"), "Can not use -q!G");
    }

    #[test]
    fn selectors_add_up() {
        let run = run(&["Iabc", "!Rroot", "Gfast"]);
        assert_eq!(run.selectors[0], Selector { field: SelectorField::Id, text: "abc".into(), is_negated: false });
        assert_eq!(
            run.selectors[1],
            Selector { field: SelectorField::Recipient, text: "root".into(), is_negated: true }
        );
        assert_eq!(run.group, Some("fast".into()));
        assert_eq!(run.period(), None);
    }

    #[test]
    fn quarantined_and_lost_entries_are_other_queues() {
        assert_eq!(run(&["Q"]).entries, QueueEntries::Quarantined);
        assert_eq!(run(&["Qspam"]).selectors.len(), 1);
        assert_eq!(run(&["L"]).entries, QueueEntries::Lost);
    }
}
