//! The time limits of `Timeout.*` (op guide, "Timeouts").

use std::time::Duration;

use crate::name::{Interval, IntervalUnit};

use super::error::OptionError;
use super::text;

/// A time limit for each urgency of a message (RFC 2156 `Priority:`) and for delivery reports.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ByUrgency {
    /// For ordinary messages.
    pub normal: Duration,
    /// For urgent messages.
    pub urgent: Duration,
    /// For non-urgent messages.
    pub non_urgent: Duration,
    /// For delivery reports (null sender).
    pub dsn: Duration,
}

/// What the first delivery attempt gets and what later ones get.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ByAttempt<T> {
    /// At the first attempt.
    pub first: Option<T>,
    /// At later attempts and in all other look-ups.
    pub normal: Option<T>,
}

/// Defines the struct of plain time limits with name, unit and default of each.
macro_rules! timeouts {
    ($( $(#[$doc:meta])* $field:ident = $secs:literal; )*) => {
        /// All time limits; zero means none.
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub struct Timeouts {
            $( $(#[$doc])* pub $field: Duration, )*
            /// How long a message may stay in the queue.
            pub queuereturn: ByUrgency,
            /// When its sender is warned.
            pub queuewarn: ByUrgency,
            /// The retransmission interval of DNS queries.
            pub resolver_retrans: ByAttempt<Duration>,
            /// How often DNS queries are repeated.
            pub resolver_retry: ByAttempt<i64>,
        }

        impl Default for Timeouts {
            fn default() -> Self {
                let days = Duration::from_secs(5 * 86_400);
                Self {
                    $( $field: Duration::from_secs($secs), )*
                    queuereturn: ByUrgency { normal: days, urgent: days, non_urgent: days, dsn: days },
                    queuewarn: ByUrgency::default(),
                    resolver_retrans: ByAttempt::default(),
                    resolver_retry: ByAttempt::default(),
                }
            }
        }

        impl Timeouts {
            /// What may stand behind `Timeout.`; a name for several limits stands before those of each.
            pub(super) const NAMES: &[&str] = &[
                $( stringify!($field), )*
                "queuereturn",
                "queuereturn.normal",
                "queuereturn.urgent",
                "queuereturn.non-urgent",
                "queuereturn.dsn",
                "queuewarn",
                "queuewarn.normal",
                "queuewarn.urgent",
                "queuewarn.non-urgent",
                "queuewarn.dsn",
                "resolver.retrans",
                "resolver.retrans.first",
                "resolver.retrans.normal",
                "resolver.retry",
                "resolver.retry.first",
                "resolver.retry.normal",
            ];

            /// Returns the limit that is written `Timeout.name`.
            fn plain(&mut self, name: &str) -> Option<&mut Duration> {
                $( if name == stringify!($field) { return Some(&mut self.$field); } )*
                None
            }
        }
    };
}

timeouts! {
    /// For opening a connection; zero: the system's.
    connect = 0;
    /// For opening a connection at the first attempt; zero: the system's.
    iconnect = 0;
    /// For all connections of one attempt; zero: none.
    aconnect = 0;
    /// For the greeting of a server.
    initial = 300;
    /// For the answer to HELO or EHLO.
    helo = 300;
    /// For the answer to MAIL.
    mail = 600;
    /// For the answer to RCPT.
    rcpt = 3600;
    /// For the answer to DATA.
    datainit = 300;
    /// For one read of a message, and for input from a program.
    datablock = 3600;
    /// For the answer to the final dot.
    datafinal = 3600;
    /// For the answer to RSET.
    rset = 300;
    /// For the answer to QUIT.
    quit = 120;
    /// For the answer to other commands.
    misc = 120;
    /// For the next command of a client.
    command = 3600;
    /// For an ident answer; zero: do not ask.
    ident = 5;
    /// For opening .forward and :include: files.
    fileopen = 60;
    /// For the answer to LHLO.
    lhlo = 120;
    /// For one step of AUTH.
    auth = 600;
    /// For STARTTLS and the handshake.
    starttls = 3600;
    /// For a dialogue on the control socket.
    control = 120;
    /// How long the status of a host is remembered.
    hoststatus = 1800;
}

impl Timeouts {
    /// Sets `Timeout.name`; without a name, the old form `mail=5m;rcpt=1h` or one value for all.
    pub(super) fn set(&mut self, name: Option<&[u8]>, value: &[u8], problems: &mut Vec<OptionError>) {
        match name {
            Some(name) => self.set_one(name, value, problems),
            None => self.set_old(value, problems),
        }
    }

    /// Sets `QueueTimeout`: the time in the queue and, after a slash, that of the warning.
    pub(super) fn set_queue(&mut self, value: &[u8], problems: &mut Vec<OptionError>) {
        let mut parts = value.splitn(2, |byte| *byte == b'/');
        if let Some(give_up) = parts.next() {
            self.set_one(b"queuereturn", give_up, problems);
        }
        if let Some(warn) = parts.next() {
            self.set_one(b"queuewarn", warn, problems);
        }
    }

    fn set_old(&mut self, value: &[u8], problems: &mut Vec<OptionError>) {
        for part in text::words(value, b",;") {
            match text::split_key(&part) {
                Some((name, value)) => self.set_one(name, value, problems),
                None => {
                    let limit = interval(&part, IntervalUnit::Minutes, problems);
                    for field in [
                        &mut self.mail,
                        &mut self.rcpt,
                        &mut self.datainit,
                        &mut self.datablock,
                        &mut self.datafinal,
                        &mut self.command,
                    ] {
                        *field = limit;
                    }
                }
            }
        }
    }

    fn set_one(&mut self, name: &[u8], value: &[u8], problems: &mut Vec<OptionError>) {
        let lower = name.to_ascii_lowercase();
        let lower = std::str::from_utf8(&lower).unwrap_or_default();
        let (head, tail) = lower.split_once('.').unwrap_or((lower, ""));
        let known = match head {
            "queuereturn" => self.queuereturn.set(tail, told_twice(value, IntervalUnit::Days, problems)),
            "queuewarn" => self.queuewarn.set(tail, told_twice(value, IntervalUnit::Hours, problems)),
            "resolver" => self.set_resolver(tail, value, problems),
            _ => match self.plain(lower) {
                Some(field) => {
                    *field = interval(value, IntervalUnit::Minutes, problems);
                    true
                }
                None => false,
            },
        };
        if !known {
            problems.push(OptionError::Timeout(name.into()));
        }
    }

    fn set_resolver(&mut self, name: &str, value: &[u8], problems: &mut Vec<OptionError>) -> bool {
        let (head, tail) = name.split_once('.').unwrap_or((name, ""));
        match head {
            "retrans" => self.resolver_retrans.set(tail, interval(value, IntervalUnit::Seconds, problems)),
            "retry" => self.resolver_retry.set(tail, text::number(value)),
            _ => false,
        }
    }
}

impl ByUrgency {
    /// Sets one urgency, or all of them for the empty name; false for an unknown name.
    fn set(&mut self, name: &str, value: Duration) -> bool {
        match name {
            // QUIRK(queuereturn-all): without a name the three urgencies and reports change together.
            "" => *self = Self { normal: value, urgent: value, non_urgent: value, dsn: value },
            "normal" => self.normal = value,
            "urgent" => self.urgent = value,
            "non-urgent" => self.non_urgent = value,
            "dsn" => self.dsn = value,
            _ => return false,
        }
        true
    }
}

impl<T: Copy> ByAttempt<T> {
    /// Sets one kind of attempt, or both for the empty name; false for an unknown name.
    fn set(&mut self, name: &str, value: T) -> bool {
        match name {
            "" => *self = Self { first: Some(value), normal: Some(value) },
            "first" => self.first = Some(value),
            "normal" => self.normal = Some(value),
            _ => return false,
        }
        true
    }
}

/// Reads an interval; a bad unit is told, and what the original makes of it is used.
pub(super) fn interval(value: &[u8], unit: IntervalUnit, problems: &mut Vec<OptionError>) -> Duration {
    match Interval::parse(value, unit) {
        Ok(interval) => interval.0,
        Err(error) => {
            problems.extend(error.units.into_iter().map(OptionError::Interval));
            error.assumed.0
        }
    }
}

/// Reads a span of time of which the original says twice what is wrong with it.
fn told_twice(value: &[u8], unit: IntervalUnit, problems: &mut Vec<OptionError>) -> Duration {
    let known = problems.len();
    let interval = interval(value, unit, problems);
    problems.extend(problems[known..].to_vec());
    interval
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn set(name: &str, value: &str) -> (Timeouts, Vec<String>) {
        let mut timeouts = Timeouts::default();
        let mut problems = Vec::new();
        let name = (!name.is_empty()).then_some(name.as_bytes());
        timeouts.set(name, value.as_bytes(), &mut problems);
        (timeouts, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn each_name_has_its_unit() {
        assert_eq!(set("ident", "5").0.ident, Duration::from_secs(300));
        assert_eq!(set("queuewarn", "4").0.queuewarn.normal, Duration::from_secs(4 * 3600));
        assert_eq!(set("queuereturn.urgent", "2").0.queuereturn.urgent, Duration::from_secs(2 * 86_400));
        assert_eq!(set("queuereturn.urgent", "2").0.queuereturn.normal, Duration::from_secs(5 * 86_400));
        assert_eq!(set("resolver.retrans", "5").0.resolver_retrans.first, Some(Duration::from_secs(5)));
        assert_eq!(set("Resolver.Retry.first", "3").0.resolver_retry, ByAttempt { first: Some(3), normal: None });
    }

    #[test]
    fn unknown_names_and_units_are_told() {
        assert_eq!(set("nosuch", "5").1, ["settimeout: invalid timeout nosuch"]);
        assert_eq!(set("queuereturn.foo", "5").1, ["settimeout: invalid timeout queuereturn.foo"]);
        assert_eq!(set("ident", "5x").1, ["Invalid time unit `x'"]);
    }

    #[test]
    fn the_old_form_sets_a_family_of_limits() {
        let (timeouts, problems) = set("", "5m");
        assert_eq!((timeouts.mail, timeouts.command), (Duration::from_secs(300), Duration::from_secs(300)));
        assert_eq!(timeouts.helo, Duration::from_secs(300));
        assert!(problems.is_empty());
        assert_eq!(set("", "mail=2m,rcpt=3m").0.rcpt, Duration::from_secs(180));
    }

    #[test]
    fn queue_timeout_has_two_halves() {
        let mut timeouts = Timeouts::default();
        timeouts.set_queue(b"3d/6h", &mut Vec::new());
        assert_eq!(timeouts.queuereturn.dsn, Duration::from_secs(3 * 86_400));
        assert_eq!(timeouts.queuewarn.urgent, Duration::from_secs(6 * 3600));
    }
}
