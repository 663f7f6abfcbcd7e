//! The user who runs the program.

use bstr::BString;
use nix::unistd::getuid;

use crate::mail::envelope::Ownership;
use crate::sys::user::User;

/// The longest full name that is taken from the user database or the environment, in bytes (the original's MAXNAME).
const FULL_NAME_BYTES_MAX: usize = 256;

/// The user who runs the program, by the real user id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// The login name; `Unknown UID N` for a user without one.
    pub name: BString,
    /// The user's number.
    pub uid: u32,
    /// The full name that the user wants (`NAME` in the environment).
    pub full_name: Option<BString>,
}

impl Caller {
    /// Finds out who runs this process; a user database that cannot be asked knows nobody.
    pub fn find() -> Self {
        let uid = getuid().as_raw();
        let entry = User::by_uid(uid).ok().flatten();
        let full_name = std::env::var_os("NAME").map(|name| clean(name.as_encoded_bytes()));
        Self {
            name: entry.map_or_else(|| format!("Unknown UID {uid}").into(), |user| user.name),
            uid,
            full_name: full_name.filter(|name| !name.is_empty()),
        }
    }
}

impl Caller {
    /// Returns whose rights a message has that the user submits.
    pub(super) fn owner(&self) -> Ownership {
        Ownership::User { uid: self.uid, gid: nix::unistd::getgid().as_raw() }
    }
}

/// Returns a name without what could end a header line, and without what is too long.
pub(super) fn clean(name: &[u8]) -> BString {
    let name = &name[..name.len().min(FULL_NAME_BYTES_MAX)];
    name.iter().map(|byte| if byte.is_ascii_control() { b' ' } else { *byte }).collect::<Vec<_>>().into()
}

/// Returns a full name as it may stand before an address: in quotes if it has special characters (`RFC 5322 §3.2.4`).
pub(super) fn phrase(name: &[u8], must_quote: &[u8]) -> BString {
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
    fn whoever_runs_this_has_a_name() {
        assert!(!Caller::find().name.is_empty());
    }
}
