//! Queue identifiers (op guide, appendix "Summary of Support Files": `YMDhmsNNpppppp`).

use std::fmt;
use std::str::FromStr;

use super::UnixTime;

/// The digits of base 60, in the order of ASCII as the original uses them.
const DIGITS: &[u8; 60] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx";

/// The shortest identifier: eight digits of time and sequence, then six of the process.
const LEN_MIN: usize = 14;

/// The longest identifier we make or take: fail2ban's expression ends there.
const LEN_MAX: usize = 20;

/// A queue identifier, the letters after `qf` or `df` in a file name.
///
/// It holds its letters itself: a long queue is a list of many of them.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct QueueId {
    /// The letters, filled up with NUL, so that the order is that of the texts.
    letters: [u8; LEN_MAX],
    len: u8,
}

/// The text is no queue identifier.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is no queue identifier ({LEN_MIN} to {LEN_MAX} letters and digits)")]
pub struct BadQueueId(String);

impl QueueId {
    /// Returns the letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.letters[..usize::from(self.len)]).expect("letters and digits only")
    }

    /// Reads an identifier from bytes, as they stand in a directory or a packet.
    ///
    /// # Errors
    /// Too short, too long, or a byte that is neither letter nor digit.
    pub fn from_bytes(text: &[u8]) -> Result<Self, BadQueueId> {
        let good = (LEN_MIN..=LEN_MAX).contains(&text.len()) && text.iter().all(u8::is_ascii_alphanumeric);
        match u8::try_from(text.len()) {
            Ok(len) if good => {
                let mut letters = [0; LEN_MAX];
                letters[..text.len()].copy_from_slice(text);
                Ok(Self { letters, len })
            }
            _ => Err(BadQueueId(String::from_utf8_lossy(text).into_owned())),
        }
    }

    /// Returns the process that made the identifier, read from its last six or more digits.
    pub fn pid(&self) -> Option<u32> {
        self.as_str().get(8..14)?.parse().ok()
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QueueId").field(&self.as_str()).finish()
    }
}

impl FromStr for QueueId {
    type Err = BadQueueId;

    fn from_str(text: &str) -> Result<Self, BadQueueId> {
        Self::from_bytes(text.as_bytes())
    }
}

/// Makes identifiers that no other process and no other moment makes.
///
/// One second holds 3600 sequence numbers; past these a base-60 digit is appended, and another.
#[derive(Clone, Debug)]
pub struct QueueIdMaker {
    pid: u32,
    second: i64,
    sequence: u32,
}

impl QueueIdMaker {
    /// Returns a maker for the process `pid`, whose first sequence number is `start`.
    ///
    /// `start` should be drawn at random, so that a restarted process with the same pid differs.
    pub fn new(pid: u32, start: u32) -> Self {
        Self { pid, second: i64::MIN, sequence: start % 3600 }
    }

    /// Returns the next identifier, for the moment `now`.
    pub fn next(&mut self, now: UnixTime) -> QueueId {
        if now.secs() > self.second {
            self.second = now.secs();
            self.sequence %= 3600;
        } else {
            self.sequence += 1;
        }
        let sequence = self.sequence;
        let mut letters: Vec<u8> = civil(self.second).iter().map(|&digit| base60(digit)).collect();
        letters.extend([base60(sequence / 60 % 60), base60(sequence % 60)]);
        letters.extend(format!("{:06}", self.pid % 1_000_000).bytes());
        let mut surplus = sequence / 3600;
        while surplus > 0 {
            letters.push(base60(surplus % 60));
            surplus /= 60;
        }
        QueueId::from_bytes(&letters).expect("14 digits and at most 4 more")
    }
}

/// Returns the base-60 digit of a number below 60.
fn base60(number: u32) -> u8 {
    DIGITS[usize::try_from(number % 60).expect("below 60")]
}

/// Returns year modulo 60, month from 0, day, hour, minute and second of a moment, in UTC.
///
/// The year counts from 1900, as in C's `struct tm` (the days-to-date rule of the proleptic Gregorian calendar).
fn civil(secs: i64) -> [u32; 6] {
    let days = secs.div_euclid(86_400) + 719_468;
    let clock = secs.rem_euclid(86_400);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = (shifted + 2) % 12;
    let year = year_of_era + era * 400 + i64::from(month < 2);
    [(year - 1900).rem_euclid(60), month, day, clock / 3600, clock / 60 % 60, clock % 60]
        .map(|part| u32::try_from(part).expect("reduced to a small positive number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_is_spelled_in_base_60() {
        // 2026-11-22 10:20:30 UTC: year 126 mod 60 = 6, month 10, day 22.
        let mut maker = QueueIdMaker::new(4711, 61);
        let id = maker.next(UnixTime::from_secs(1_795_342_830));
        assert_eq!(id.as_str(), "6AMAKU11004711");
        assert_eq!(id.pid(), Some(4711));
    }

    #[test]
    fn one_second_gives_any_number_of_different_ids() {
        let mut maker = QueueIdMaker::new(9, 3599);
        let ids: std::collections::HashSet<_> = (0..20_000).map(|_| maker.next(UnixTime::from_secs(0))).collect();
        assert_eq!(ids.len(), 20_000);
    }

    #[test]
    fn a_clock_that_goes_back_makes_no_id_twice() {
        let mut maker = QueueIdMaker::new(9, 0);
        let first = maker.next(UnixTime::from_secs(100));
        let second = maker.next(UnixTime::from_secs(99));
        assert_ne!(first, second);
    }

    #[test]
    fn identifiers_are_ordered_as_their_texts() {
        let texts = ["6AMAKU11004711", "6AMAKU110047110", "6AMAKU11004712", "6AMAKV11004711", "6aMAKU11004711"];
        let ids: Vec<QueueId> = texts.iter().map(|text| text.parse().expect("an id")).collect();
        assert!(ids.is_sorted() && texts.is_sorted());
    }

    #[test]
    fn file_names_that_are_no_ids_are_refused() {
        for text in ["", "short", "../../etc/passwd", "6AMAKU1100471/", "6AMAKU110047116AMAKU1"] {
            text.parse::<QueueId>().expect_err(text);
        }
        assert_eq!("6AMAKU11004711".parse::<QueueId>().expect("valid").to_string(), "6AMAKU11004711");
    }
}
