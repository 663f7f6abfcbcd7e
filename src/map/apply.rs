//! What all classes share: how a key is made ready, and what becomes of a value.

use std::borrow::Cow;

use bstr::{BString, ByteSlice};

use super::{Definition, Outcome};
use crate::name::Sysexit;

impl Definition {
    /// Returns the key in the form in which it is stored: in small letters unless the map has `-f`.
    pub fn fold<'a>(&self, key: &'a [u8]) -> Cow<'a, [u8]> {
        if self.keep_case || !key.iter().any(u8::is_ascii_uppercase) {
            Cow::Borrowed(key)
        } else {
            Cow::Owned(key.to_ascii_lowercase())
        }
    }

    /// Returns the result for a value found: the key in its place with `-m`, else with `%0` (the key) and `%1` to
    /// `%9` (the arguments) filled in; then the text of `-a`.
    pub fn result(&self, key: &[u8], value: &[u8], args: &[&[u8]]) -> BString {
        let mut result = match () {
            () if self.match_only => BString::from(key),
            // No rule asks what fills a class, or whom an alias stands for.
            () if self.class_line.is_some() || self.of_aliases => until_nul(value).into(),
            () => fill_in(until_nul(value), key, args),
        };
        result.extend_from_slice(&self.append);
        result
    }

    /// Returns what a rule sees of a look-up: the text in place of `$( … $)`, `None` for its default or key, and the
    /// status that the evaluation goes on with.
    pub fn in_rule(&self, key: &[u8], outcome: Outcome) -> (Option<BString>, Sysexit) {
        match outcome {
            Outcome::Found(value) => (Some(value), Sysexit::Ok),
            Outcome::NotFound(_) => (None, Sysexit::Ok),
            Outcome::TempFail(_) => {
                let status = if self.temporary_is_miss { Sysexit::Ok } else { Sysexit::TempFail };
                let text = self.append_if_temporary.as_ref().map(|tail| [key, tail].concat().into());
                (text, status)
            }
        }
    }
}

/// A value ends at its first NUL, which `makemap -N` stores with it.
fn until_nul(value: &[u8]) -> &[u8] {
    &value[..value.find_byte(0).unwrap_or(value.len())]
}

fn fill_in(value: &[u8], key: &[u8], args: &[&[u8]]) -> BString {
    let mut result = BString::default();
    let mut rest = value;
    while let Some(at) = rest.find_byte(b'%') {
        result.extend_from_slice(&rest[..at]);
        rest = match &rest[at + 1..] {
            [b'%', rest @ ..] => {
                result.push(b'%');
                rest
            }
            [b'0', rest @ ..] => {
                result.extend_from_slice(key);
                rest
            }
            [digit @ b'1'..=b'9', rest @ ..] => {
                let arg = args.get(usize::from(digit - b'1'));
                result.extend_from_slice(arg.copied().unwrap_or_default());
                rest
            }
            rest => {
                result.push(b'%');
                rest
            }
        };
    }
    result.extend_from_slice(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    #[track_caller]
    fn check(args: &str, value: &str, expected: &str) {
        let (definition, errors) = Definition::parse(b"m", b"hash", args.as_bytes());
        assert_eq!(errors, []);
        let definition = definition.expect("a known class");
        assert_eq!(definition.result(b"key", value.as_bytes(), &[b"one", b"two"]), expected);
    }

    #[test]
    fn arguments_are_filled_in() {
        check("/x", "A%0B%1C%2D%3E", "AkeyBoneCtwoDE");
        check("/x", "%%1 %x %", "%1 %x %");
        let class_map = Definition { class_line: Some(1), ..Definition::new(b"m", Kind::Null) };
        assert_eq!(class_map.result(b"key", b"%0%%1", &[]), "%0%%1");
    }

    #[test]
    fn a_result_ends_with_the_text_of_a() {
        check("-aX%1 /x", "v", "vX%1");
        check("-m -aX /x", "v%1", "keyX");
    }

    #[test]
    fn a_value_ends_at_a_nul() {
        check("-a. /x", "v\0", "v.");
    }

    #[track_caller]
    fn check_temporary(args: &str, expected: (Option<&str>, Sysexit)) {
        let definition = Definition::parse(b"m", b"hash", args.as_bytes()).0.expect("a known class");
        let (text, status) = definition.in_rule(b"key", Outcome::TempFail("why".into()));
        assert_eq!((text, status), (expected.0.map(BString::from), expected.1));
    }

    #[test]
    fn a_temporary_failure_is_marked_or_passed_over() {
        check_temporary("/x", (None, Sysexit::TempFail));
        check_temporary("-T<TMPF> /x", (Some("key<TMPF>"), Sysexit::TempFail));
        check_temporary("-t -T<TMPF> /x", (Some("key<TMPF>"), Sysexit::Ok));
        check_temporary("-t /x", (None, Sysexit::Ok));
    }

    #[test]
    fn keys_are_folded_unless_told() {
        let mut definition = Definition::new(b"m", Kind::Null);
        assert_eq!(&*definition.fold(b"Key"), b"key");
        definition.keep_case = true;
        assert_eq!(&*definition.fold(b"Key"), b"Key");
    }
}
