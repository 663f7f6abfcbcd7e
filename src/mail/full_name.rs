//! A person's full name, as it stands before an address.

use bstr::BString;

/// The longest full name that is taken from the user database or the environment, in bytes (the original's MAXNAME).
const FULL_NAME_BYTES_MAX: usize = 256;

/// Returns a name without what could end a header line, and without what is too long.
pub fn clean(name: &[u8]) -> BString {
    let name = &name[..name.len().min(FULL_NAME_BYTES_MAX)];
    name.iter().map(|byte| if byte.is_ascii_control() { b' ' } else { *byte }).collect::<Vec<_>>().into()
}

/// Returns a full name as it may stand before an address: in quotes if it has special characters (`RFC 5322 §3.2.4`).
pub fn phrase(name: &[u8], must_quote: &[u8]) -> BString {
    let is_special = |byte: &u8| b"@,;:\\()[]<>\"".contains(byte) || must_quote.contains(byte);
    let is_quoted = name.len() > 1 && name.starts_with(b"\"") && name.ends_with(b"\"");
    if is_quoted || !name.iter().any(is_special) {
        return name.into();
    }
    let mut quoted = BString::from("\"");
    for &byte in name {
        if matches!(byte, b'"' | b'\\') {
            quoted.push(b'\\');
        }
        quoted.push(byte);
    }
    quoted.push(b'"');
    quoted
}

/// Returns the full name that a user part without quotes spells: `_` and what stands for spaces in addresses (BlankSub) are spaces.
pub fn spelled(user: &[u8], blank_sub: u8) -> BString {
    let is_space = |byte: u8| byte == b'_' || byte == blank_sub;
    user.iter().map(|byte| if is_space(*byte) { b' ' } else { *byte }).collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_line_end() {
        assert_eq!(clean(b"A\nBcc: x"), "A Bcc: x");
    }

    #[test]
    fn special_characters_are_quoted() {
        assert_eq!(phrase(b"Full.Name", b"."), "\"Full.Name\"");
        assert_eq!(phrase(b"Full Name", b"."), "Full Name");
        assert_eq!(phrase(b"A \"B\" (c)", b""), "\"A \\\"B\\\" (c)\"");
        assert_eq!(phrase(b"\"A.B\"", b"."), "\"A.B\"");
    }

    #[test]
    fn what_stands_for_a_space_is_one() {
        assert_eq!(spelled(b"Joe.Q_Public", b'.'), "Joe Q Public");
        assert_eq!(spelled(b"joe", b'.'), "joe");
    }
}
