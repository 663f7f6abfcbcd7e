//! What `-d` asks to be traced (op guide, "Debugging Flags"): `category[-category][.level]`, separated by commas.

use std::sync::Arc;

use bstr::BString;

use super::command_line::CommandLine;
use super::mode::Mode;
use crate::sys::safe_file::{Listeners, Tell};

/// The category of what the program tells about itself.
pub(super) const BANNER_CATEGORY: usize = 0;

/// The category of rewriting.
pub(super) const REWRITE_CATEGORY: usize = 21;

/// The category of looks at files, and the level from which on they are told.
const FILE_CATEGORY: usize = 44;
const FILE_LEVEL: u8 = 4;

/// The highest category.
const CATEGORY_MAX: usize = 99;

/// The categories of which something is traced.
const TRACED: [usize; 3] = [BANNER_CATEGORY, REWRITE_CATEGORY, FILE_CATEGORY];

/// Who asks for more categories than this wants whatever there is.
const ASKED_MAX: usize = 10;

/// What `-d` alone means.
const EVERYTHING: &[u8] = b"0-99.1";

/// How much is traced in each category.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DebugFlags([u8; CATEGORY_MAX + 1]);

impl Default for DebugFlags {
    fn default() -> Self {
        Self([0; CATEGORY_MAX + 1])
    }
}

impl DebugFlags {
    /// Reads the values of all `-d` options, in their order.
    pub fn parse(values: &[BString]) -> Self {
        let mut flags = Self::default();
        values.iter().for_each(|value| flags.read(value));
        flags
    }

    /// Reads the value of one more `-d` option: `0-99.1`, `21.12`, `8`; nothing at all asks for everything. One character
    /// of any kind stands between two, and what begins with a letter is passed over.
    pub fn read(&mut self, value: &[u8]) {
        let mut rest = if value.is_empty() { EVERYTHING } else { value };
        loop {
            if rest.first().is_some_and(u8::is_ascii_alphabetic) {
                rest = &rest[memchr::memchr(b',', rest).unwrap_or(rest.len())..];
            } else {
                rest = self.set(rest);
            }
            match rest {
                [_, after @ ..] if !after.is_empty() => rest = after,
                _ => return,
            }
        }
    }

    /// Returns the categories that are asked for one by one, and of which nothing is traced here.
    pub fn untraced(&self) -> Vec<usize> {
        let asked: Vec<usize> = (0..=CATEGORY_MAX).filter(|category| self.level(*category) > 0).collect();
        if asked.len() > ASKED_MAX {
            return Vec::new();
        }
        asked.into_iter().filter(|category| !TRACED.contains(category)).collect()
    }

    /// Sets the level of one or more categories; returns what follows.
    fn set<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let (first, mut rest) = number(text);
        let mut last = first;
        if let Some(after) = rest.strip_prefix(b"-") {
            (last, rest) = number(after);
        }
        let mut level = 1;
        if let Some(after) = rest.strip_prefix(b".") {
            (level, rest) = number(after);
        }
        let category = |number: u64| usize::try_from(number).map_or(CATEGORY_MAX, |number| number.min(CATEGORY_MAX));
        // Only the lowest byte counts.
        let [level, ..] = level.to_le_bytes();
        if let Some(levels) = self.0.get_mut(category(first)..=category(last)) {
            levels.fill(level);
        }
        rest
    }

    /// Returns the level of a category; 0: nothing is traced.
    pub fn level(&self, category: usize) -> u8 {
        self.0.get(category).copied().unwrap_or(0)
    }
}

/// Reads digits, if there are any; returns what follows.
fn number(text: &[u8]) -> (u64, &[u8]) {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(len);
    (digits.iter().fold(0, |sum: u64, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))), rest)
}

/// Returns who hears how files are looked at: standard output, as far as `command` asks for it.
pub(super) fn file_listeners(command: &CommandLine) -> Listeners {
    listeners_by(command, Arc::new(|line| println!("{line}")))
}

/// Returns who hears how files are looked at: `print`, as far as `command` asks for it.
pub(super) fn listeners_by(command: &CommandLine, print: Tell) -> Listeners {
    let is_traced = DebugFlags::parse(&command.debug).level(FILE_CATEGORY) >= FILE_LEVEL;
    let is_warned = matches!(command.mode, Mode::Test | Mode::InitAliases);
    Listeners { trace: is_traced.then(|| Arc::clone(&print)), warnings: is_warned.then_some(print) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: &[(usize, u8)]) {
        let flags = DebugFlags::parse(&[value.into()]);
        for (category, level) in expected {
            assert_eq!(flags.level(*category), *level, "{value}: {category}");
        }
    }

    #[test]
    fn who_asks_for_a_category_that_is_not_traced_is_told() {
        let untraced = |value: &str| DebugFlags::parse(&[value.into()]).untraced();
        assert_eq!(untraced("38.20,0.1,21.12"), [38]);
        assert_eq!(untraced("8"), [8]);
        assert!(untraced("8.0").is_empty());
        assert!(untraced("0-99.1").is_empty());
    }

    #[test]
    fn categories_have_levels() {
        check("0.1", &[(0, 1), (1, 0)]);
        check("21.12", &[(21, 12)]);
        check("8", &[(8, 1)]);
        check("0-99.1", &[(0, 1), (99, 1), (100, 0)]);
        check("1-3.5,2.7,x,9.y", &[(1, 5), (2, 7), (3, 5), (9, 0)]);
        check("21.4\t", &[(21, 4)]);
        check("21.15x21.2", &[(21, 2)]);
        check("x21.4", &[(21, 0)]);
        check("21.300", &[(21, 44)]);
        check("3-2.5", &[(2, 0), (3, 0)]);
        check("", &[(0, 1), (99, 1)]);
    }
}
