//! Reading: a line of a configuration file becomes internal form, where every `$x` is a mark.

use bstr::BString;

use crate::mail::token::{EXPAND, needs_quote};
use crate::name::{BadName, MacroName};

/// What a `#` inside a line means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HashSign {
    /// The rest of the physical line is a comment, with the white space before it; `\#` and `$#` are not.
    Comment,
    /// An ordinary character: rules, and configurations before level 3.
    Ordinary,
}

/// A line in internal form and what was wrong with its names.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Translated {
    /// The line; a `$x` with a bad name is left out.
    pub text: BString,
    /// The bad names, in order.
    pub errors: Vec<BadName>,
}

/// Translates one logical line (continuation lines joined with their newlines) into internal form.
///
/// `$x` and `${Name}` become the byte 0x81 and the name as written; `$$` becomes one `$`; a `$` at the end stays.
/// Bytes of the line that could be taken for marks are dropped of that meaning.
pub fn translate(line: &[u8], hash: HashSign) -> Translated {
    let mut out = Translated::default();
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        at += 1;
        match byte {
            b'#' if hash == HashSign::Comment && at > 1 => at = skip_comment(&mut out.text, line, at),
            b'$' if at < line.len() => at += macro_at(&mut out, &line[at..]),
            _ => out.text.push(byte),
        }
    }
    out
}

/// Handles a `#`; returns where reading goes on.
fn skip_comment(text: &mut BString, line: &[u8], at: usize) -> usize {
    if text.last() == Some(&b'\\') {
        text.pop();
        text.push(b'#');
        return at;
    }
    while text.len() > 1 && text.last().is_some_and(|byte| byte.is_ascii_whitespace() && *byte != b'\n') {
        text.pop();
    }
    memchr::memchr(b'\n', &line[at..]).map_or(line.len(), |end| at + end)
}

/// Translates what follows a `$`; returns how many bytes of `rest` were taken.
fn macro_at(out: &mut Translated, rest: &[u8]) -> usize {
    if rest[0] == b'$' {
        out.text.push(b'$');
        return 1;
    }
    let kind = usize::from(matches!(rest[0], b'=' | b'~' | b'&' | b'?'));
    match MacroName::split(&rest[kind..]) {
        Ok((_, after)) => {
            let taken = rest.len() - after.len();
            out.text.push(EXPAND);
            out.text.extend_from_slice(&rest[..taken]);
            taken
        }
        Err(error) => {
            out.errors.push(error);
            kind + bad_name_len(&rest[kind..])
        }
    }
}

/// Returns how much of the line a bad name takes.
fn bad_name_len(rest: &[u8]) -> usize {
    match rest.first() {
        Some(b'{') => memchr::memchr(b'}', rest).map_or(rest.len(), |end| end + 1),
        _ => 0,
    }
}

/// Puts plain text into internal form: bytes that could be taken for marks are quoted.
pub(super) fn quote_to(out: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        if needs_quote(byte) {
            out.push(crate::mail::token::QUOTE_MARK);
        }
        out.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &[u8]) {
        let out = translate(line.as_bytes(), HashSign::Comment);
        assert_eq!((out.text, out.errors), (expected.into(), vec![]));
    }

    #[test]
    fn dollars_become_marks() {
        check("Dx$j.$m", b"Dx\x81j.\x81m");
        check("R$* $={VirtHost}", b"R\x81* \x81={VirtHost}");
        check("a$$b$", b"a$b$");
        check("$?x y$|z$.", b"\x81?x y\x81|z\x81.");
        check("$&{client_addr}", b"\x81&{client_addr}");
    }

    #[test]
    fn comments_go_with_the_space_before_them() {
        check("DxA # b", b"DxA");
        check("DxA \t# b\n\tc # d", b"DxA\n\tc");
        check(r"Dx\#b", b"Dx#b");
        check("Dx$# b", b"Dx\x81# b");
        assert_eq!(translate(b"Ra#b", HashSign::Ordinary).text, "Ra#b");
    }

    #[test]
    fn bad_names_are_told_and_left_out() {
        let out = translate(b"Dx${a-b}c${d", HashSign::Comment);
        assert_eq!(out.text, "Dxc");
        assert_eq!(out.errors, [BadName::Character(b'-'), BadName::Unbalanced("d".into())]);
    }
}
