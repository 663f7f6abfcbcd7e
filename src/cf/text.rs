//! The small spellings that options, mailers, ports and filters share.

use bstr::BString;

use crate::name::{CSpace as _, TrimSpace as _};

/// Reads a number as C's `atoi` does: blanks, a sign, digits; anything else is 0.
pub(super) fn number(text: &[u8]) -> i64 {
    number_base(text, 10)
}

/// Reads a number as C's `strtol` with base 8 does.
pub(super) fn octal(text: &[u8]) -> i64 {
    number_base(text, 8)
}

/// Reads a number as C's `strtol` with base 0 does: `0x10`, `010`, `16`.
pub(super) fn number_any_base(text: &[u8]) -> i64 {
    let text = text.trim_space_start();
    let (sign, digits) = match text.strip_prefix(b"-") {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let hex = digits.strip_prefix(b"0x").or_else(|| digits.strip_prefix(b"0X"));
    sign * match hex {
        Some(rest) => number_base(rest, 16),
        None if digits.starts_with(b"0") => number_base(digits, 8),
        None => number_base(digits, 10),
    }
}

/// Reads digits of `base`, stopping at the first other byte; far too large numbers stay at the limit.
fn number_base(text: &[u8], base: u32) -> i64 {
    let text = text.trim_space_start();
    let (negative, digits) = match text.first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let value = digits
        .iter()
        .map_while(|byte| char::from(*byte).to_digit(base))
        .fold(0_i64, |sum, digit| sum.saturating_mul(i64::from(base)).saturating_add(i64::from(digit)));
    if negative { -value } else { value }
}

/// Tells whether an option's text means yes: nothing at all, or a word that begins with `t`, `y` or `1`.
pub(super) fn is_true(text: &[u8]) -> bool {
    matches!(text.first(), None | Some(b't' | b'T' | b'y' | b'Y' | b'1'))
}

/// Splits at commas; surrounding white space and empty fields go.
pub(super) fn comma_fields(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b',').map(<[u8]>::trim_space).filter(|field| !field.is_empty())
}

/// Splits `key = value`; `None` without `=`.
pub(super) fn split_key(field: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b'=', field)?;
    Some((field[..at].trim_space(), field[at + 1..].trim_space()))
}

/// Takes text up to an unquoted `delimiter` or the end: quotes go, a backslash makes the next character ordinary or,
/// before `b f n r`, a control character; at the end it goes. Returns the text and, if there is a delimiter, what follows it.
pub(super) fn unquoted(text: &[u8], delimiter: Option<u8>) -> (BString, Option<&[u8]>) {
    let mut out = BString::default();
    let mut in_quotes = false;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'\\' => {
                out.extend(text.get(at).map(|byte| escaped(*byte)));
                at += 1;
            }
            b'"' => in_quotes = !in_quotes,
            _ if !in_quotes && delimiter == Some(byte) => return (out, Some(&text[at..])),
            _ => out.push(byte),
        }
    }
    (out, None)
}

/// Takes the word off the front of a text: it ends at a space outside of quotes, which go. Returns what follows, too;
/// `None` if a quote is open at the end.
pub(super) fn quoted_word(text: &[u8]) -> Option<(BString, &[u8])> {
    let mut in_quotes = false;
    let end = text.iter().position(|byte| {
        in_quotes ^= *byte == b'"';
        *byte == b' ' && !in_quotes
    });
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    let word = word.iter().copied().filter(|byte| *byte != b'"').collect::<Vec<_>>().into();
    (!in_quotes).then_some((word, rest))
}

/// Walks over the `Letter…=value` fields of an `M`, `Q` or `X` line, which commas separate.
pub(super) fn fields(text: &[u8]) -> impl Iterator<Item = Option<(u8, BString)>> {
    fields_by(text, b',', b'=')
}

/// Walks over the fields of a text, which `separator` separates; `sign` stands between the letter and the value.
///
/// A field without `sign` is `None`; so is what stands behind a separator at the end.
///
/// QUIRK(blank-before-comma): blanks before the comma belong to the value: `P=[IPC] , A=TCP $h` is no network mailer.
pub(super) fn fields_by(text: &[u8], separator: u8, sign: u8) -> impl Iterator<Item = Option<(u8, BString)>> {
    let mut rest = Some(text).filter(|text| !text.is_empty());
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let start = text.iter().position(|byte| *byte != separator && !byte.is_c_space()).unwrap_or(text.len());
        let field = &text[start..];
        let end = field.iter().position(|byte| [sign, separator].contains(byte));
        let Some(at) = end.filter(|at| field[*at] == sign) else {
            return Some(None);
        };
        let (value, after) = unquoted(field[at + 1..].trim_space_start(), Some(separator));
        rest = after;
        Some(Some((field[0], value)))
    })
}

/// Returns what a character stands for behind a backslash.
fn escaped(byte: u8) -> u8 {
    match byte {
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        other => other,
    }
}

/// Splits at any of `separators` and white space; empty words go.
pub(super) fn words(text: &[u8], separators: &[u8]) -> Vec<BString> {
    text.split(|byte| byte.is_c_space() || separators.contains(byte))
        .filter(|word| !word.is_empty())
        .map(BString::from)
        .collect()
}

/// Splits into runs of letters and digits, between which punctuation and white space may stand (`goaway:noetrn`).
///
/// QUIRK(words-of-nothing): any other byte ends a word, too, even one of no letters: an empty word.
pub(super) fn alphanumeric_words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.iter().position(|byte| !byte.is_ascii_punctuation() && !byte.is_c_space())?;
        let word = &rest[start..];
        let len = word.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        rest = word.get(len + 1..).unwrap_or_default();
        Some(&word[..len])
    })
}

#[cfg(test)]
mod tests {
    use bstr::ByteSlice as _;

    use super::*;

    #[test]
    fn words_of_letters_stand_between_anything_else() {
        let shown =
            |text: &[u8]| alphanumeric_words(text).map(|word| word.to_str_lossy()).collect::<Vec<_>>().join(" ");
        assert_eq!(shown(b"authwarnings;noexpn|novrfy/.."), "authwarnings noexpn novrfy");
        assert_eq!(shown(b" (a-b_c)\t\"d\"2,, "), "a b c d 2");
        assert_eq!(shown(b"a\xe9b"), "a b");
        assert_eq!(alphanumeric_words(b"\xe9, a\x01\x02").collect::<Vec<_>>(), [&b""[..], b"a", b""]);
        assert_eq!(alphanumeric_words(b"., ;").count(), 0);
    }

    #[test]
    fn numbers_stop_at_the_first_other_byte() {
        assert_eq!(number(b" 12x"), 12);
        assert_eq!(number(b"abc"), 0);
        assert_eq!(number(b"-5"), -5);
        assert_eq!(number(b"99999999999999999999"), i64::MAX);
        assert_eq!(octal(b"0888"), 0);
        assert_eq!(octal(b"0640"), 0o640);
        assert_eq!(number_any_base(b"0x10"), 16);
        assert_eq!(number_any_base(b"-010"), -8);
    }

    #[test]
    fn quotes_and_backslashes_protect() {
        assert_eq!(unquoted(br#"a "b, c" \n\,d, e"#, Some(b',')), ("a b, c \n,d".into(), Some(&b" e"[..])));
        assert_eq!(unquoted(br#"a\"b \\ \101"#, None), (r#"a"b \ 101"#.into(), None));
        assert_eq!(unquoted(br"ab\", None), ("ab".into(), None));
    }

    #[test]
    fn a_word_may_hold_quoted_spaces() {
        assert_eq!(quoted_word(b"/a b"), Some(("/a".into(), &b" b"[..])));
        assert_eq!(quoted_word(br#""/a b"c d"#), Some(("/a bc".into(), &b" d"[..])));
        assert_eq!(quoted_word(br#""" x"#), Some(("".into(), &b" x"[..])));
        assert_eq!(quoted_word(br#"/a b""#), Some(("/a".into(), &br#" b""#[..])));
        assert_eq!(quoted_word(br#""/a b"#), None);
        assert_eq!(quoted_word(b"/a\tb"), Some(("/a\tb".into(), &b""[..])));
    }

    #[test]
    fn fields_have_letters_and_values() {
        let shown = |text: &str| {
            let show = |field: Option<(u8, BString)>| {
                field.map_or("?".to_owned(), |(letter, value)| format!("{}{value}", char::from(letter)))
            };
            fields(text.as_bytes()).map(show).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown("Path=/a, F = x y,=z"), "P/a Fx y =z");
        assert_eq!(shown("P=/a, "), "P/a ?");
        assert_eq!(shown("P=/a, b, F=c"), "P/a ?");
        assert_eq!(shown(""), "");
    }

    #[test]
    fn fields_lose_their_white_space() {
        assert_eq!(comma_fields(b" a=1 ,b,, c = 2").collect::<Vec<_>>(), [&b"a=1"[..], b"b", b"c = 2"]);
        assert_eq!(split_key(b"c = 2"), Some((&b"c"[..], &b"2"[..])));
        assert_eq!(split_key(b"c"), None);
    }
}
