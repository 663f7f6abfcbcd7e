//! The words of a `K` line: flags, then a file and its arguments.

use crate::name::{CSpace as _, TrimSpace as _};

/// Flags whose value may stand apart: `-k 1`.
pub(super) const WITH_VALUE_APART: &[u8] = b"kv";

/// The part of a line that is not read yet.
pub(super) struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a [u8]) -> Self {
        Words { rest: line }
    }

    /// Takes a flag off the front: its letter and what is joined to it.
    ///
    /// One word has one flag: what follows the letter is its value, also where it takes none. The value of the
    /// letters `apart` may be the next word.
    pub(super) fn flag(&mut self, apart: &[u8]) -> Option<(u8, &'a [u8])> {
        let trimmed = self.rest.trim_space_start();
        let after_dash = trimmed.strip_prefix(b"-")?;
        let (&letter, after_letter) = after_dash.split_first().unwrap_or((&0, b""));
        let start = match letter {
            // A lone dash takes nothing with it.
            0 | b' ' | b'\t' | b'\n' => 0,
            letter if apart.contains(&letter) => after_dash.len() - after_letter.trim_space_start().len(),
            _ => 1,
        };
        let value = &after_dash[start..];
        let end = value.iter().position(u8::is_c_space).unwrap_or(value.len());
        self.rest = &value[end..];
        Some((letter, &value[..end]))
    }

    /// Returns the whole value of `-d`, and of `-R` of a dns map.
    // QUIRK(map-time-value): it ends at a space only, while tabs and line ends end the flag.
    pub(super) fn until_space(&self, value: &[u8]) -> Vec<u8> {
        let end = self.rest.iter().position(|byte| *byte == b' ').unwrap_or(self.rest.len());
        [value, &self.rest[..end]].concat()
    }

    /// Tells whether the flag just read is a `-z` at the end of the line, which chooses no separator (before a space it
    /// chooses the space).
    pub(super) fn is_lone_z(&self, letter: u8, value: &[u8]) -> bool {
        letter == b'z' && value.is_empty() && self.rest.is_empty()
    }

    /// Returns what is not read yet.
    pub(super) fn unread(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes the rest of the line: the file, and what follows it.
    pub(super) fn file(self) -> (&'a [u8], &'a [u8]) {
        let rest = self.rest.trim_space();
        let end = rest.iter().position(u8::is_c_space).unwrap_or(rest.len());
        (&rest[..end], rest[end..].trim_space_start())
    }

    /// Takes the rest of the line as it stands, without white space around it.
    pub(super) fn remainder(self) -> &'a [u8] {
        self.rest.trim_space()
    }
}

/// Reads the value of `-z`: a character, or `\t`, `\n`, `\\`.
pub(super) fn separator(value: &[u8]) -> Option<u8> {
    match value {
        [b'\\', b'n', ..] => Some(b'\n'),
        [b'\\', b't', ..] => Some(b'\t'),
        [b'\\', ..] => Some(b'\\'),
        [first, ..] => Some(*first),
        // A flag without a value is followed by a space, which is taken.
        [] => Some(b' '),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, flags: &[(u8, &str)], file: &str, arguments: &str) {
        let mut words = Words::new(line.as_bytes());
        for (letter, value) in flags {
            assert_eq!(words.flag(WITH_VALUE_APART), Some((*letter, value.as_bytes())));
        }
        assert_eq!(words.flag(WITH_VALUE_APART), None);
        assert_eq!(words.file(), (file.as_bytes(), arguments.as_bytes()));
    }

    #[test]
    fn flags_come_before_the_file() {
        check("-o -aX  /etc/x more words ", &[(b'o', ""), (b'a', "X")], "/etc/x", "more words");
        check("", &[], "", "");
    }

    #[test]
    fn a_word_is_one_flag() {
        check("-of /x", &[(b'o', "f")], "/x", "");
    }

    #[test]
    fn a_column_may_stand_apart() {
        check("-k 1 -v2 /x", &[(b'k', "1"), (b'v', "2")], "/x", "");
        check("-k /x", &[(b'k', "/x")], "", "");
    }

    #[test]
    fn a_value_stays_with_its_flag_only() {
        check("-a -m /x", &[(b'a', ""), (b'm', "")], "/x", "");
    }

    #[test]
    fn a_lone_dash_is_a_flag_without_a_letter() {
        check("-", &[(0, "")], "", "");
    }

    #[test]
    fn a_time_ends_at_a_space() {
        let mut words = Words::new(b"-d5s\t-o /x");
        let (_, value) = words.flag(b"").expect("a flag");
        assert_eq!((value, words.until_space(value)), (&b"5s"[..], b"5s\t-o".to_vec()));
        assert_eq!(words.flag(b""), Some((b'o', &b""[..])));
    }

    #[test]
    fn separators_have_escapes() {
        assert_eq!(separator(b"\\t"), Some(b'\t'));
        assert_eq!(separator(b"\\x"), Some(b'\\'));
        assert_eq!(separator(b":x"), Some(b':'));
    }
}
