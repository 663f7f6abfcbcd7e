//! Spans of time as options write them (`1d12h`) and as logs print them (`1+02:03:04`).

use std::fmt;
use std::time::Duration;

/// The unit of a number that has none written behind it; each option has its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IntervalUnit {
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
    /// Days.
    Days,
    /// Weeks.
    Weeks,
}

impl IntervalUnit {
    /// Returns the unit that `letter` stands for; capitals are none.
    fn from_letter(letter: u8) -> Option<Self> {
        Some(match letter {
            b's' => Self::Seconds,
            b'm' => Self::Minutes,
            b'h' => Self::Hours,
            b'd' => Self::Days,
            b'w' => Self::Weeks,
            _ => return None,
        })
    }

    /// Returns the length of one unit in seconds.
    pub const fn secs(self) -> u64 {
        match self {
            Self::Seconds => 1,
            Self::Minutes => 60,
            Self::Hours => 3600,
            Self::Days => 86_400,
            Self::Weeks => 604_800,
        }
    }
}

/// A span of time as an option gives it: `30m`, `1d12h`, `90`.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Interval(pub Duration);

/// A letter that is no unit of time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("Invalid time unit `{}'", char::from(self.0 & 0x7f))]
pub struct BadUnit(pub u8);

/// Letters stand where units of time should; each is told in a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BadInterval {
    /// The letters that are no units.
    pub units: Vec<BadUnit>,
    /// What the original uses then: the sum with these parts taken in the default unit.
    pub assumed: Interval,
}

impl fmt::Display for BadInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.units.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for BadInterval {}

impl Interval {
    /// Reads numbers with units; a number without one is in `default`.
    ///
    /// # Errors
    /// A letter that is no unit: the error says which and carries the value that the original goes on with.
    pub fn parse(text: &[u8], default: IntervalUnit) -> Result<Self, BadInterval> {
        if text.eq_ignore_ascii_case(b"now") {
            return Ok(Self(Duration::ZERO));
        }
        let mut secs = 0_u64;
        let mut bad = Vec::new();
        // A time before now is none.
        let (factor, mut rest) = text.strip_prefix(b"-").map_or((1, text), |rest| (0, rest));
        while !rest.is_empty() {
            let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let number = rest[..len]
                .iter()
                .fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
            let unit = match rest.get(len) {
                None => default,
                Some(&letter) => IntervalUnit::from_letter(letter).unwrap_or_else(|| {
                    bad.push(BadUnit(letter));
                    default
                }),
            };
            secs = secs.saturating_add(number.saturating_mul(unit.secs()));
            rest = rest.get(len + 1..).unwrap_or_default();
        }
        let interval = Self(Duration::from_secs(secs * factor));
        if bad.is_empty() { Ok(interval) } else { Err(BadInterval { units: bad, assumed: interval }) }
    }
}

/// A delay as the maillog prints it: `00:01:02`, over a day `1+02:03:04`.
#[derive(Clone, Copy, Debug)]
pub struct Elapsed(pub Duration);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.as_secs();
        if secs >= 86_400 {
            write!(f, "{}+", secs / 86_400)?;
        }
        write!(f, "{:02}:{:02}:{:02}", secs / 3600 % 24, secs / 60 % 60, secs % 60)
    }
}

/// A span in words, as warnings tell it: `4 hours`, `5 days`.
#[derive(Clone, Copy, Debug)]
pub struct InWords(pub Duration);

impl fmt::Display for InWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_secs();
        let mut first = true;
        for (unit, name) in [(604_800, "week"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")] {
            let count = rest / unit;
            rest %= unit;
            if count > 0 {
                let comma = if first { "" } else { ", " };
                let plural = if count == 1 { "" } else { "s" };
                write!(f, "{comma}{count} {name}{plural}")?;
                first = false;
            }
        }
        if first { f.write_str("zero seconds") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, secs: u64) {
        let interval = Interval::parse(text.as_bytes(), IntervalUnit::Minutes).expect(text);
        assert_eq!(interval.0.as_secs(), secs, "{text}");
    }

    #[test]
    fn units_add_up() {
        check("", 0);
        check("15", 900);
        check("15m", 900);
        check("1d12h", 129_600);
        check("1w2d3h4m5s", 788_645);
        check("Now", 0);
        check("-5m", 0);
        check("99999999999999999999", u64::MAX);
    }

    #[test]
    fn an_unknown_unit_is_named_and_the_default_assumed() {
        let error = Interval::parse(b"5x", IntervalUnit::Hours).expect_err("x is no unit");
        assert_eq!(error.to_string(), "Invalid time unit `x'");
        assert_eq!(error.assumed.0.as_secs(), 18_000);
        let error = Interval::parse(b"5x7y", IntervalUnit::Seconds).expect_err("neither is one");
        assert_eq!(error.to_string(), "Invalid time unit `x'\nInvalid time unit `y'");
        assert!(Interval::parse(b"5H", IntervalUnit::Hours).is_err());
    }

    #[test]
    fn delays_print_as_in_the_maillog() {
        assert_eq!(Elapsed(Duration::from_secs(62)).to_string(), "00:01:02");
        assert_eq!(Elapsed(Duration::from_secs(93_784)).to_string(), "1+02:03:04");
    }

    #[test]
    fn spans_are_told_in_words() {
        assert_eq!(InWords(Duration::from_secs(14_400)).to_string(), "4 hours");
        assert_eq!(InWords(Duration::from_secs(90_060)).to_string(), "1 day, 1 hour, 1 minute");
        assert_eq!(InWords(Duration::ZERO).to_string(), "zero seconds");
    }
}
