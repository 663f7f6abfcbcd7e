//! Class `text`: columns of a text file.

use std::collections::HashMap;
use std::fs::File;
use std::io;

use bstr::{BString, ByteSlice};

use super::{Definition, Outcome};
use crate::name::{Sysexit, TrimSpace as _};
use crate::sys::bounded::read_within;

/// Largest text file that is read, in bytes: it is kept in memory.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// The longest line, in bytes; the rest of a longer one is a line of its own (the original's MAXLINE less one).
const LINE_BYTES_MAX: usize = 2047;
// QUIRK(text-map-lengths)
/// The longest column or key, in bytes; what goes beyond is cut off (the original's MAXNAME).
const COLUMN_BYTES_MAX: usize = 256;

/// The keys of a text file, in small letters, with their values; `None` where the line has no such column.
#[derive(Debug)]
pub(super) struct Text {
    lines: HashMap<BString, Option<BString>>,
}

/// Which columns of a text map are key and value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    key: usize,
    value: usize,
    separator: Option<u8>,
}

impl Columns {
    /// Reads `-k`, `-v`, `-z`; the error is the text of the original.
    pub(super) fn parse(definition: &Definition, path: &[u8]) -> Result<Columns, BString> {
        let column = |letter: char, text: &Option<BString>| {
            let Some(text) = text else { return Ok(0) };
            let digits: Vec<u8> = text.iter().copied().take_while(u8::is_ascii_digit).collect();
            let number = digits.to_str_lossy().parse::<usize>();
            number.map_err(|_| {
                let (name, path) = (&definition.name, path.as_bstr());
                format!("text map \"{name}\", file {path}: -{letter} should specify a number, not {text}")
            })
        };
        Ok(Columns {
            key: column('k', &definition.key_column)?,
            value: column('v', &definition.value_column)?,
            separator: definition.separator,
        })
    }
}

impl Text {
    pub(super) fn read(file: &File, columns: Columns) -> io::Result<Text> {
        Ok(Text::parse(&read_within(file, FILE_BYTES_MAX)?, columns))
    }

    fn parse(text: &[u8], columns: Columns) -> Text {
        let mut lines = HashMap::new();
        let pieces = text.lines_with_terminator().flat_map(|line| line.chunks(LINE_BYTES_MAX));
        // QUIRK(text-map-null): a null byte ends a line.
        for line in pieces.filter_map(|line| line.split(|byte| matches!(byte, b'\n' | 0)).next()) {
            if line.starts_with(b"#") {
                continue;
            }
            if let Some(key) = column(line, columns.key, columns.separator) {
                let value = column(line, columns.value, columns.separator).map(BString::from);
                // The first line with the key counts, also where it has no value.
                lines.entry(key.to_ascii_lowercase().into()).or_insert(value);
            }
        }
        Text { lines }
    }

    pub(super) fn lookup(&self, definition: &Definition, key: &[u8], args: &[&[u8]]) -> Outcome {
        // QUIRK(text-map-case): keys of a text file compare without case, also with -f.
        let sought = key[..key.len().min(COLUMN_BYTES_MAX)].to_ascii_lowercase();
        match self.lines.get(&BString::from(sought)) {
            Some(Some(value)) => Outcome::Found(definition.result(key, value, args)),
            _ => Outcome::NotFound(Sysexit::NoHost),
        }
    }
}

/// Returns column `number` of a line, from 0: between runs of white space, or between separators.
fn column(line: &[u8], number: usize, separator: Option<u8>) -> Option<&[u8]> {
    let ends = |byte: &u8| match separator {
        Some(separator) => *byte == separator,
        None => matches!(byte, b' ' | b'\t' | b'\n'),
    };
    let mut rest = line;
    if rest.is_empty() {
        return None;
    }
    if number == 0 {
        if separator.is_none() {
            rest = rest.trim_space_start();
        } else if rest.first().is_some_and(ends) {
            return None;
        }
    }
    // QUIRK(text-map-indent): white space before the first word counts as an empty column for all others.
    for _ in 0..number {
        rest = &rest[rest.iter().position(ends)? + 1..];
        if separator.is_none() {
            rest = rest.trim_space_start();
        }
    }
    let len = rest.iter().position(ends).unwrap_or(rest.len());
    Some(&rest[..len.min(COLUMN_BYTES_MAX)])
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = "one uno due\n# c x\nthree\n  lead  v\n\nLong     v2   \none second\nA.b mixed\ntab\tx\ty z\n";
    const COLON: &str = "a:b:c\n:empty:x\nk::z\nsp ace:v w\n a:lead\nlast:x";

    #[track_caller]
    fn check(flags: &str, text: &str, key: &str, expected: Option<&str>) {
        let definition =
            Definition::parse(b"t", b"text", format!("{flags} /file").as_bytes()).0.expect("a known class");
        let columns = Columns::parse(&definition, b"/file").expect("numbers");
        let expected = match expected {
            Some(value) => Outcome::Found(value.into()),
            None => Outcome::NotFound(Sysexit::NoHost),
        };
        assert_eq!(Text::parse(text.as_bytes(), columns).lookup(&definition, key.as_bytes(), &[]), expected);
    }

    #[test]
    fn words_are_columns() {
        check("-v1", WORDS, "ONE", Some("uno"));
        check("-v 2", WORDS, "one", Some("due"));
        check("-k1 -v0", WORDS, "uno", Some("one"));
        check("", WORDS, "one", Some("one"));
        check("-v1", WORDS, "long", Some("v2"));
        check("-v1", WORDS, "tab", Some("x"));
        check("-v1", WORDS, "a.b", Some("mixed"));
        check("-f -v1", WORDS, "ONE", Some("uno"));
        check("-m -aZZ -v1", WORDS, "One", Some("OneZZ"));
    }

    #[test]
    fn an_indented_line_has_its_first_word_twice() {
        check("-v1", WORDS, "lead", Some("lead"));
    }

    #[test]
    fn lines_without_the_column_and_comments_have_no_value() {
        check("-v1", WORDS, "three", None);
        check("-v1", WORDS, "#", None);
        check("-v1", WORDS, "", None);
    }

    #[test]
    fn a_separator_makes_columns() {
        check("-z: -v1", COLON, "a", Some("b"));
        check("-z: -v1", COLON, "k", Some(""));
        check("-z: -v1", COLON, "sp ace", Some("v w"));
        check("-z: -v1", COLON, "last", Some("x"));
        check("-z: -k1 -v0", COLON, "empty", None);
        check("-z: -k1 -v2", COLON, "empty", Some("x"));
        check("-z\\t -v1", WORDS, "tab", Some("x"));
        check("-z\\t -v1", WORDS, "one uno due", None);
    }

    #[test]
    fn long_columns_are_cut_and_long_lines_are_several() {
        let long = "x".repeat(300);
        check("-v1", &format!("a {long}\n"), "a", Some(&long[..256]));
        check("-v1", &format!("{long} b\n"), &long, Some("b"));
        check("-v1", &format!("{long} b\n"), &long[..256], Some("b"));
        check("-v1", &format!("a{}b c\nd e\n", " ".repeat(2046)), "b", Some("c"));
        check("-v1", &format!("a{}\nd e\n", " ".repeat(2046)), "d", Some("e"));
        check("-v1", "a b\0c\nd e\n", "a", Some("b"));
    }

    #[test]
    fn columns_are_numbers() {
        let definition = Definition::parse(b"y", b"text", b"-k1 -vx /etc/x").0.expect("a known class");
        let error = Columns::parse(&definition, b"/etc/x").expect_err("x is no number");
        assert_eq!(error, "text map \"y\", file /etc/x: -v should specify a number, not x");
    }
}
