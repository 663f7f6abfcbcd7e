//! Command lines: their words, and where an address in them ends.

use bstr::{BStr, BString, ByteSlice};

use crate::name::{CSpace as _, TrimSpace as _};

/// A command line without its line end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Line {
    text: BString,
    word: std::ops::Range<usize>,
    argument: usize,
}

impl Line {
    /// Takes a line apart; a NUL ends it.
    pub(super) fn new(line: &[u8]) -> Self {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.trim_end_with(|c| c == '\r');
        let text = &text[..text.find_byte(0).unwrap_or(text.len())];
        let start = text.iter().take_while(|byte| byte.is_c_space()).count();
        let len = text[start..].iter().take_while(|byte| !byte.is_c_space()).count();
        let word = start..start + len;
        let gap = text[word.end..].iter().take_while(|byte| byte.is_c_space()).count();
        Self { text: text.into(), argument: word.end + gap, word }
    }

    /// Returns the whole line.
    pub(super) fn text(&self) -> &BStr {
        self.text.as_bstr()
    }

    /// Returns the command word as it was typed.
    pub(super) fn word(&self) -> &BStr {
        self.text[self.word.clone()].as_bstr()
    }

    /// Returns what follows the command word and white space.
    pub(super) fn argument(&self) -> &BStr {
        self.text[self.argument..].as_bstr()
    }
}

/// Takes `word` and a colon off the front of an argument: `FROM:` of MAIL.
///
/// # Errors
/// The first word of the argument, which is not `word`, or is not followed by colon and text.
pub(super) fn skip_word<'a>(argument: &'a [u8], word: &str) -> Result<&'a [u8], &'a [u8]> {
    let text = argument.trim_space_start();
    let len = text.iter().take_while(|byte| **byte != b':' && !byte.is_c_space()).count();
    let (first, rest) = text.split_at(len);
    let rest = rest.trim_space_start();
    match rest.strip_prefix(b":").map(|rest| rest.trim_space_start()) {
        Some(rest) if !rest.is_empty() && first.eq_ignore_ascii_case(word.as_bytes()) => Ok(rest),
        _ => Err(first),
    }
}

/// Splits an argument behind its address: at the first space outside of quotes, comments and angle brackets.
///
/// What closes without having been open spoils everything: the whole is the address then, to be refused.
pub(super) fn split_address(text: &[u8]) -> (&[u8], &[u8]) {
    let (mut angles, mut comments) = (0_usize, 0_usize);
    let (mut quoted, mut escaped) = (false, false);
    for (at, &byte) in text.iter().enumerate() {
        if escaped {
            escaped = false;
            continue;
        }
        match byte {
            b'\\' => escaped = true,
            b'"' if comments == 0 => quoted = !quoted,
            _ if quoted => {}
            b'(' => comments += 1,
            b')' if comments == 0 => break,
            b')' => comments -= 1,
            _ if comments > 0 => {}
            b'<' => angles += 1,
            b'>' if angles == 0 => break,
            b'>' => angles -= 1,
            b' ' if angles == 0 => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    (text, b"")
}

/// Tells whether a name after HELO is one, and returns it without white space behind it.
pub(super) fn hello_name(argument: &[u8], bogus_allowed: bool) -> Option<&[u8]> {
    let len = argument.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"[].-_#:".contains(byte)).count();
    let (name, rest) = argument.split_at(len);
    let blank = rest.iter().all(u8::is_c_space);
    let loose = bogus_allowed && rest.first().is_some_and(u8::is_c_space);
    (blank || loose).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, word: &str, argument: &str) {
        let line = Line::new(line.as_bytes());
        assert_eq!((line.word(), line.argument()), (BStr::new(word), BStr::new(argument)));
    }

    #[test]
    fn a_line_is_a_word_and_an_argument() {
        check("NOOP\r\n", "NOOP", "");
        check("  mail  FROM:<a> x\r\r\n", "mail", "FROM:<a> x");
        check("\n", "", "");
        check("NO\0OP\r\n", "NO", "");
    }

    #[test]
    fn the_word_before_the_colon_is_checked() {
        assert_eq!(skip_word(b"from : <a>", "FROM"), Ok(&b"<a>"[..]));
        assert_eq!(skip_word(b"TO:<a>", "FROM"), Err(&b"TO"[..]));
        assert_eq!(skip_word(b"FROM", "FROM"), Err(&b"FROM"[..]));
        assert_eq!(skip_word(b"FROM: ", "FROM"), Err(&b"FROM"[..]));
        assert_eq!(skip_word(b"", "FROM"), Err(&b""[..]));
    }

    #[track_caller]
    fn splits(text: &str, address: &str, rest: &str) {
        assert_eq!(split_address(text.as_bytes()), (address.as_bytes(), rest.as_bytes()));
    }

    #[test]
    fn an_address_ends_at_a_bare_space() {
        splits("<a@b> SIZE=1", "<a@b>", "SIZE=1");
        splits("\"x\" <a@b>", "\"x\"", "<a@b>");
        splits("<a b@c> x", "<a b@c>", "x");
        splits("\"a b\"@c x", "\"a b\"@c", "x");
        splits("(a b)c x", "(a b)c", "x");
        splits("a\\ b c", "a\\ b", "c");
        splits("<a@b SIZE=1", "<a@b SIZE=1", "");
    }

    #[test]
    fn names_after_hello_are_checked() {
        assert_eq!(hello_name(b"a.b ", false), Some(&b"a.b"[..]));
        assert_eq!(hello_name(b"[IPv6:::1]", false), Some(&b"[IPv6:::1]"[..]));
        assert_eq!(hello_name(b"a b", false), None);
        assert_eq!(hello_name(b"a b", true), Some(&b"a"[..]));
        assert_eq!(hello_name(b"$j", true), None);
    }
}
