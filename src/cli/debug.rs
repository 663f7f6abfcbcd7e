//! What `-d` asks to be traced (op guide, "Debugging Flags"): `category[-category][.level]`, separated by commas.

use std::sync::Arc;

use bstr::{BString, ByteSlice};

use super::command_line::CommandLine;
use super::mode::Mode;
use crate::sys::safe_file::{Listeners, Tell};

/// The category of looks at files, and the level from which on they are told.
const FILE_CATEGORY: usize = 44;
const FILE_LEVEL: u8 = 4;

/// The highest category.
const CATEGORY_MAX: usize = 99;

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

    /// Reads the value of one more `-d` option; nothing at all asks for everything, what makes no sense is passed over.
    pub fn read(&mut self, value: &[u8]) {
        let value = if value.is_empty() { EVERYTHING } else { value };
        value.split(|byte| matches!(byte, b',' | b' ')).for_each(|word| self.set(word));
    }

    /// Reads `0-99.1`, `21.12`, `8`.
    fn set(&mut self, word: &[u8]) {
        let (range, level) = word.split_once_str(".").map_or((word, None), |(range, level)| (range, Some(level)));
        let (first, last) = range.split_once_str("-").map_or((range, range), |(first, last)| (first, last));
        let number = |text: &[u8]| text.to_str().ok().and_then(|text| text.parse::<usize>().ok());
        let (Some(first), Some(last)) = (number(first), number(last)) else { return };
        let level = level.map_or(Some(1), number).map_or(0, |level| u8::try_from(level).unwrap_or(u8::MAX));
        for category in first..=last.min(CATEGORY_MAX) {
            self.0[category] = level;
        }
    }

    /// Returns the level of a category; 0: nothing is traced.
    pub fn level(&self, category: usize) -> u8 {
        self.0.get(category).copied().unwrap_or(0)
    }
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
    fn categories_have_levels() {
        check("0.1", &[(0, 1), (1, 0)]);
        check("21.12", &[(21, 12)]);
        check("8", &[(8, 1)]);
        check("0-99.1", &[(0, 1), (99, 1), (100, 0)]);
        check("1-3.5,2.7,x,9.y", &[(1, 5), (2, 7), (3, 5), (9, 0)]);
        check("50-9999999999.300", &[(99, 255)]);
        check("", &[(0, 1), (99, 1)]);
    }
}
