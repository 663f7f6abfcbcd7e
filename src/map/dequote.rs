//! Class `dequote`: takes the quotes off a word, if what is left can stand without them.

use bstr::BString;

/// Returns `key` without its quotes, spaces replaced by `space`.
///
/// `None` when there is no quote, when a space or tab would stand bare, or when brackets or quotes do not pair.
pub(super) fn dequote(key: &[u8], space: Option<u8>) -> Option<BString> {
    let mut result = BString::default();
    let (mut comments, mut angles, mut quotes) = (0_usize, 0_usize, 0_usize);
    let (mut quoted, mut escaped) = (false, false);
    for &byte in key {
        if std::mem::take(&mut escaped) {
            result.push(byte);
            continue;
        }
        let byte = match (byte, space) {
            (b' ', Some(space)) => space,
            _ => byte,
        };
        match byte {
            b'\\' => escaped = true,
            b'(' => comments += 1,
            b')' => comments = comments.checked_sub(1)?,
            b' ' | b'\t' => return None,
            _ => {}
        }
        match byte {
            _ if comments > 0 => {}
            b'"' => {
                quoted = !quoted;
                quotes += 1;
                continue;
            }
            b'<' => angles += 1,
            b'>' => angles = angles.checked_sub(1)?,
            _ => {}
        }
        result.push(byte);
    }
    let paired = comments == 0 && angles == 0 && !quoted && !escaped;
    (paired && quotes > 0).then_some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &str, expected: Option<&str>) {
        assert_eq!(dequote(key.as_bytes(), None), expected.map(BString::from), "{key}");
    }

    #[test]
    fn quotes_come_off() {
        check(r#""a""#, Some("a"));
        check(r#""""#, Some(""));
        check(r#"a"b""#, Some("ab"));
        check(r#""a"."b""#, Some("a.b"));
        check(r#""a.b@c""#, Some("a.b@c"));
        check(r#""(x)""#, Some("(x)"));
        check(r#""<<x>>""#, Some("<<x>>"));
    }

    #[test]
    fn backslashes_stay() {
        check(r#""a\"b""#, Some(r#"a\"b"#));
        check(r#""a\ b""#, Some(r"a\ b"));
        check(r#""a\""#, None);
        check(r#"\"a\""#, None);
    }

    #[test]
    fn what_needs_its_quotes_keeps_them() {
        for key in ["", "a", r#""a b""#, "\"a\tb\"", r#""(x""#, r#""x)""#, r#""<x""#, r#""><""#, r#""a"#] {
            check(key, None);
        }
    }

    #[test]
    fn spaces_may_be_replaced_tabs_not() {
        assert_eq!(dequote(b"\"a b\"", Some(b'_')), Some("a_b".into()));
        assert_eq!(dequote(b"\"a\tb\"", Some(b'_')), None);
    }
}
