//! The calls of a `.mc` file, read from its text: what stands in them as it was written.

use bstr::{BStr, ByteSlice};

use super::is_word;

/// A call at the beginning of a line.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Call<'a> {
    /// The number of its line, from 1.
    pub(super) line: usize,
    /// The macro.
    pub(super) name: &'a str,
    /// Its arguments as they stand there, blanks at their ends left out.
    pub(super) arguments: Vec<&'a BStr>,
}

impl<'a> Call<'a> {
    /// Returns an argument without its quotes; empty if there is none, or if it is more than one quoted text.
    pub(super) fn text(&self, index: usize) -> &'a BStr {
        let argument = self.arguments.get(index).copied().unwrap_or_default();
        let inside = argument.strip_prefix(b"`").and_then(|rest| rest.strip_suffix(b"'")).unwrap_or(argument);
        if inside.iter().any(|byte| b"`'".contains(byte)) { BStr::new("") } else { inside.as_bstr() }
    }

    /// Tells whether an argument is there, and without quotes.
    pub(super) fn is_bare(&self, index: usize) -> bool {
        self.arguments.get(index).is_some_and(|argument| !argument.is_empty() && !argument.starts_with(b"`"))
    }
}

/// Returns the calls that begin a line, comments left out.
pub(super) fn calls(text: &[u8]) -> Vec<Call<'_>> {
    let mut at = 0;
    let mut calls = Vec::new();
    for (line, number) in text.lines_with_terminator().zip(1..) {
        let begin = at + line.len() - line.trim_start().len();
        at += line.len();
        let name: &[u8] = &text[begin..];
        let end = name.iter().position(|byte| !is_word(*byte)).unwrap_or(name.len());
        let (name, rest) = name.split_at(end);
        let (Ok(name), Some(inside)) = (name.to_str(), rest.strip_prefix(b"(")) else { continue };
        if name != "dnl" && !name.is_empty() {
            calls.extend(arguments(inside).map(|arguments| Call { line: number, name, arguments }));
        }
    }
    calls
}

/// Returns the arguments before the bracket that closes; none if there is no such bracket.
fn arguments(text: &[u8]) -> Option<Vec<&BStr>> {
    let (mut quotes, mut brackets, mut begin) = (0_usize, 0_usize, 0);
    let mut arguments = Vec::new();
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'`' => quotes += 1,
            b'\'' => quotes = quotes.saturating_sub(1),
            _ if quotes > 0 => {}
            b'(' => brackets += 1,
            b')' if brackets > 0 => brackets -= 1,
            b',' | b')' if brackets == 0 => {
                arguments.push(text[begin..at].trim().as_bstr());
                begin = at + 1;
                if *byte == b')' {
                    return Some(arguments);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_as_they_stand() {
        let text =
            b"dnl X(`y')\nFEATURE(`dnsbl', `a.test',\n  no, mail)dnl\n  define(`A', `b, c'`d')\nLOCAL_CONFIG\nX(`y'\n";
        let calls = calls(text);
        let names: Vec<(usize, &str, usize)> =
            calls.iter().map(|call| (call.line, call.name, call.arguments.len())).collect();
        assert_eq!(names, [(2, "FEATURE", 4), (4, "define", 2)]);
        assert_eq!((calls[0].text(1), calls[0].is_bare(1), calls[0].is_bare(2)), ("a.test".into(), false, true));
        assert_eq!((calls[1].text(1), calls[1].text(7)), ("".into(), "".into()));
    }
}
