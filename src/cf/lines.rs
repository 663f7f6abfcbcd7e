//! Physical lines become logical ones: continuation lines joined, comment lines dropped.

use std::borrow::Cow;

/// A logical line.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Line<'a> {
    /// The text; the newlines before continuation lines stay.
    pub(super) text: Cow<'a, [u8]>,
    /// The number of its last physical line, from 1.
    pub(super) number: usize,
}

/// Walks over the logical lines of a file.
pub(super) struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    /// Starts at the first line of `file`.
    pub(super) fn new(file: &'a [u8]) -> Self {
        Self { rest: file, number: 0 }
    }

    /// Takes one physical line, without its LF or CRLF.
    fn physical(&mut self) -> &'a [u8] {
        let end = memchr::memchr(b'\n', self.rest);
        let line = &self.rest[..end.unwrap_or(self.rest.len())];
        self.rest = end.map_or(&[], |at| &self.rest[at + 1..]);
        self.number += 1;
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    /// Takes a physical line and those that continue it.
    fn folded(&mut self) -> Cow<'a, [u8]> {
        let mut text = Cow::Borrowed(self.physical());
        while matches!(self.rest.first(), Some(b' ' | b'\t')) {
            let more = self.physical();
            let text = text.to_mut();
            text.push(b'\n');
            text.extend_from_slice(more);
        }
        text
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        while !self.rest.is_empty() {
            let text = self.folded();
            if !text.is_empty() && text[0] != b'#' {
                return Some(Line { text, number: self.number });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, expected: &[(usize, &str)]) {
        let lines: Vec<_> = Lines::new(file.as_bytes()).collect();
        let shown: Vec<_> =
            lines.iter().map(|line| (line.number, std::str::from_utf8(&line.text).expect("text"))).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn continuation_lines_are_joined_and_comments_dropped() {
        check("# c\nDa\n b\n\tc\n\nDb", &[(4, "Da\n b\n\tc"), (6, "Db")]);
        check("# c\n continued\nDb\r\n", &[(3, "Db")]);
        check("Da\n\n b\n", &[(1, "Da"), (3, "\n b")]);
        check("", &[]);
    }
}
