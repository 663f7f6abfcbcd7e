//! Reading: a line of a configuration file becomes internal form, where every `$x` is a mark.

use bstr::BString;

use crate::mail::token::{EXPAND, QUOTE_MARK, append_name, needs_quote};
use crate::name::{BadName, CSpace as _, Named};

/// What a `#` inside a line means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HashSign {
    /// The rest of the physical line is a comment, with the white space before it; `\#` and `$#` are not.
    Comment,
    /// An ordinary character: configurations before level 3.
    Ordinary,
}

/// A line in internal form and what was wrong with its names.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Translated {
    /// The line; it ends at a `$` with a bad name.
    pub text: BString,
    /// The bad names, in order.
    pub errors: Vec<BadName>,
}

/// Translates one logical line (continuation lines joined with their newlines) into internal form.
///
/// `$x` and `${Name}` become the byte 0x81 and the name as written; `$$` becomes one `$`; a `$` at the end stays.
pub fn translate(line: &[u8], hash: HashSign) -> Translated {
    let mut out = Translated::default();
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        at += 1;
        match byte {
            b'#' if hash == HashSign::Comment && at > 1 => at = skip_comment(&mut out.text, line, at),
            b'$' if at < line.len() => at += macro_at(&mut out, &line[at..]),
            _ => {
                if needs_quote(byte) {
                    out.text.push(QUOTE_MARK);
                }
                out.text.push(byte);
            }
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
    while text.len() > 1 && text.last().is_some_and(|byte| byte.is_c_space() && *byte != b'\n') {
        text.pop();
    }
    memchr::memchr(b'\n', &line[at..]).map_or(line.len(), |end| at + end)
}

/// Translates what follows a `$`; returns how many bytes of `rest` were taken.
// QUIRK(bad-name-cuts): a name that cannot be ends the line; only the mark is left of it.
fn macro_at(out: &mut Translated, rest: &[u8]) -> usize {
    if rest[0] == b'$' {
        out.text.push(b'$');
        return 1;
    }
    let kind = usize::from(matches!(rest[0], b'=' | b'~' | b'&' | b'?'));
    let named = Named::read(&rest[kind..]);
    out.errors.extend(named.errors);
    out.text.push(EXPAND);
    out.text.extend_from_slice(&rest[..kind]);
    match named.name {
        Some(name) => {
            append_name(&mut out.text, &name);
            kind + named.taken
        }
        None => rest.len(),
    }
}

/// Takes the quotes of marks out of text in internal form; what is a mark there looks like data then.
pub fn unquote(internal: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(internal.len());
    let mut bytes = internal.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            QUOTE_MARK => text.push(bytes.next().copied().unwrap_or(QUOTE_MARK)),
            _ => text.push(byte),
        }
    }
    text
}

/// Returns plain text in internal form.
pub fn quote(text: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(text.len());
    quote_to(&mut quoted, text);
    quoted
}

/// Puts plain text into internal form: bytes that could be taken for marks are quoted.
pub(super) fn quote_to(out: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        if needs_quote(byte) {
            out.push(QUOTE_MARK);
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
    fn data_is_quoted() {
        assert_eq!(translate(b"Dx\x81\xa0\xff", HashSign::Comment).text, b"Dx\xff\x81\xa0\xff\xff".as_slice());
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
    fn bad_names_are_told_and_end_the_line() {
        let out = translate(b"Dx${a-b}c${d\te", HashSign::Comment);
        assert_eq!(out.text, b"Dx\x81{ab}c\x81".as_slice());
        let unbalanced = BadName::Unbalanced("de".into());
        assert_eq!(out.errors, [BadName::Character(b'-'), BadName::Character(b'\t'), unbalanced, BadName::NoId]);
        let out = translate(b"Dx${}y", HashSign::Comment);
        assert_eq!((out.text, out.errors), (b"Dx\x81".as_slice().into(), vec![BadName::Missing]));
    }
}
