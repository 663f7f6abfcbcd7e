//! Marks: comments of a `.cf` that tell which line of the `.mc` file the lines behind them come from.
//!
//! `#@ sendmail.mc:14 FEATURE(access_db)` holds until the next mark; behind `#@ sendmail.mc:20+ LOCAL_RULE_0` each line
//! comes from the one after that of the line before; `#@ m4/check.m4` tells that the lines behind it are nobody's wish.

use std::fmt;

use bstr::{BStr, BString, ByteSlice};

/// What a mark begins with.
const BEGIN: &[u8] = b"#@ ";

/// A line of a `.mc` file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct McLine {
    /// The file, as `makecf` was given it.
    pub file: BString,
    /// The number of the line, from 1.
    pub line: usize,
    /// What stands there; may be empty.
    pub call: BString,
}

/// Writes `FILE:LINE CALL`.
impl fmt::Display for McLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if self.call.is_empty() { Ok(()) } else { write!(f, " {}", self.call) }
    }
}

/// What a mark says of the lines behind it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Mark {
    /// All come from one line.
    Line(McLine),
    /// They are copies of lines, of which this is the first.
    Lines(McLine),
    /// They come from a file of the library whatever the `.mc` file says.
    Library(BString),
}

/// Writes the mark as a line, without its end.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (McLine { file, line, call }, plus) = match self {
            Self::Line(from) => (from, ""),
            Self::Lines(from) => (from, "+"),
            Self::Library(file) => return write!(f, "{}{file}", BEGIN.as_bstr()),
        };
        write!(f, "{}{file}:{line}{plus}", BEGIN.as_bstr())?;
        if call.is_empty() { Ok(()) } else { write!(f, " {call}") }
    }
}

impl Mark {
    /// Reads a line; none if it is no mark, or has what a terminal would obey when it is shown.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let text = line.strip_prefix(BEGIN).filter(|text| !text.iter().any(u8::is_ascii_control))?;
        Some(numbered(text).unwrap_or_else(|| Self::Library(text.into())))
    }
}

/// Reads `FILE:LINE`, `FILE:LINE+`, with or without what stands there.
fn numbered(text: &[u8]) -> Option<Mark> {
    let splits = text.find_iter(":").map(|at| (&text[..at], &text[at + 1..]));
    splits.into_iter().find_map(|(file, rest)| {
        let (number, call) = rest.split_once_str(" ").unwrap_or((rest, b""));
        let digits = number.strip_suffix(b"+").unwrap_or(number);
        let line =
            digits.to_str().ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
        let from = McLine { file: file.into(), line, call: call.into() };
        Some(if digits == number { Mark::Line(from) } else { Mark::Lines(from) })
    })
}

/// The marks of a file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Marks {
    /// In their order, with the numbers of their lines.
    marks: Vec<(usize, Mark)>,
    /// How many lines the file has.
    lines: usize,
}

impl Marks {
    /// Finds the marks of a file; of one that `makecf` did not make there are none.
    pub(super) fn of(file: &[u8]) -> Self {
        if !file.contains_str(BEGIN) {
            return Self::default();
        }
        let marks = file.lines().zip(1..).filter_map(|(line, number)| Some((number, Mark::parse(line)?)));
        Self { marks: marks.collect(), lines: file.lines().count() }
    }

    /// Returns where the line with that number comes from, if a `.mc` file asked for it.
    pub fn source(&self, number: usize) -> Option<McLine> {
        if number > self.lines {
            return None;
        }
        let before = self.marks.partition_point(|(at, _)| *at < number);
        match self.marks.get(before.checked_sub(1)?)? {
            (_, Mark::Line(from)) => Some(from.clone()),
            (at, Mark::Lines(from)) => Some(McLine { line: from.line.saturating_add(number - at - 1), ..from.clone() }),
            (_, Mark::Library(_)) => None,
        }
    }
}

/// Returns the call that a line of a `.mc` file begins with, as a mark shows it: `FEATURE(access_db)`.
pub fn call_of(line: &BStr) -> BString {
    const BYTES_MAX: usize = 40;
    let line = line.trim_start();
    let end = line.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_').unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let Some(arguments) = rest.strip_prefix(b"(") else {
        let is_section = name.len() > 2 && name.iter().all(|byte| !byte.is_ascii_lowercase());
        return if is_section { name.into() } else { BString::default() };
    };
    let first = arguments.trim_start().trim_start_with(|letter| letter == '`');
    let end = first.find_byteset(b"`',)").unwrap_or(first.len());
    let first = first[..end.min(BYTES_MAX)].iter().filter(|byte| byte.is_ascii_graphic() || **byte == b' ');
    let first: Vec<u8> = first.copied().collect();
    [name, b"(", &first, b")"].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_as_they_are_written() {
        let from = McLine { file: "a b:7.mc".into(), line: 14, call: "FEATURE(x)".into() };
        let bare = McLine { call: BString::default(), ..from.clone() };
        for mark in
            [Mark::Line(from.clone()), Mark::Lines(from), Mark::Lines(bare), Mark::Library("m4/check.m4".into())]
        {
            assert_eq!(Mark::parse(mark.to_string().as_bytes()), Some(mark));
        }
        assert_eq!(Mark::parse(b"# a.mc:14: FEATURE(x)"), None);
        assert_eq!(Mark::parse(b"#@ a.mc:14 \x1b]0;x\x07"), None);
    }

    #[test]
    fn a_forged_number_of_a_line_is_no_trouble() {
        let marks = Marks::of(b"#@ x.mc:18446744073709551615+ Y\nDa\nDb\nDc\n");
        assert_eq!(marks.source(4).map(|from| from.line), Some(usize::MAX));
    }

    #[test]
    fn a_line_comes_from_the_mark_before_it() {
        let marks = Marks::of(b"Da\n#@ x.mc:3 define(y)\nDb\nDc\n#@ m4/z.m4\nDd\n#@ x.mc:9+ LOCAL_CONFIG\nDe\n\nDf\n");
        let shown = |number| marks.source(number).map(|from| from.to_string());
        assert_eq!((shown(1), shown(6)), (None, None));
        assert_eq!((shown(3).as_deref(), shown(4).as_deref()), (Some("x.mc:3 define(y)"), Some("x.mc:3 define(y)")));
        assert_eq!(
            (shown(8).as_deref(), shown(10).as_deref()),
            (Some("x.mc:9 LOCAL_CONFIG"), Some("x.mc:11 LOCAL_CONFIG"))
        );
    }

    #[test]
    fn calls_are_shown_with_their_first_argument() {
        let shown = |line: &str| call_of(line.into()).to_string();
        assert_eq!(shown("FEATURE(`access_db', `hash x')dnl"), "FEATURE(access_db)");
        assert_eq!(shown("  define(`confX', `y')"), "define(confX)");
        assert_eq!(shown("OSTYPE(linux)dnl"), "OSTYPE(linux)");
        assert_eq!(
            (shown("LOCAL_RULE_0"), shown("R$*\tx"), shown("")),
            ("LOCAL_RULE_0".into(), String::new(), String::new())
        );
    }
}
