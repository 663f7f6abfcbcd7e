//! Why an address cannot be used.

use bstr::{BString, ByteSlice};

use crate::mail::token::ScanError;
use crate::name::{Status, Sysexit};
use crate::policy::error_parts;

/// Why an address cannot be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The reply code.
    pub code: u16,
    /// The enhanced status code.
    pub status: Status,
    /// The text, without the address.
    pub text: BString,
    /// What a submitting program exits with.
    pub exit: Sysexit,
}

impl Refusal {
    /// Returns a refusal that trying again does not change.
    pub fn permanent(status: Status, code: u16, text: impl Into<BString>) -> Self {
        Self { code, status, text: text.into(), exit: exit_of(status) }
    }

    /// Returns a refusal that may pass.
    pub fn temporary(status: Status, text: impl Into<BString>) -> Self {
        Self { code: 451, status, text: text.into(), exit: Sysexit::TempFail }
    }

    /// Returns the refusal of a user that does not exist.
    pub fn user_unknown() -> Self {
        Self { code: 550, status: Status::new(5, 1, 1), text: "User unknown".into(), exit: Sysexit::NoUser }
    }

    /// Returns the same with another exit status of a submitting program.
    pub fn with_exit(self, exit: Sysexit) -> Self {
        Self { exit, ..self }
    }

    /// Tells whether trying again later may help.
    pub fn is_temporary(&self) -> bool {
        self.code < 500
    }

    /// Returns the refusal of an address with a fault in its spelling.
    pub(super) fn of_scan(error: ScanError) -> Self {
        let status = match error {
            ScanError::TooLong => Status::new(5, 1, 1),
            ScanError::TooManyTokens | ScanError::TokenTooLong => Status::new(5, 1, 0),
            _ => Status::new(5, 0, 0),
        };
        Self { code: 553, status, text: error.to_string().into(), exit: Sysexit::Usage }
    }

    /// Reads what `$#error $@ host $: text` says; a word in the host part decides the exit status alone.
    pub fn of_error(host: Option<&[u8]>, text: &[u8]) -> Self {
        let given = host.and_then(|host| host.to_str().ok()?.parse::<Status>().ok());
        let exit = match (host, given) {
            (None, _) => Sysexit::Unavailable,
            (Some(_), Some(status)) => exit_of(status),
            (Some(word), None) => exit_word(word),
        };
        let (code, status, text) = error_parts(host.unwrap_or_default(), text);
        Self { code, status, text: text.into(), exit }
    }
}

/// Returns the exit status that a word of `$#error $@ word` names.
fn exit_word(word: &[u8]) -> Sysexit {
    match word.to_ascii_lowercase().as_slice() {
        b"usage" => Sysexit::Usage,
        b"nouser" => Sysexit::NoUser,
        b"nohost" => Sysexit::NoHost,
        b"tempfail" => Sysexit::TempFail,
        b"protocol" => Sysexit::Protocol,
        b"config" => Sysexit::Config,
        _ => Sysexit::Unavailable,
    }
}

/// Returns the exit status that fits a status code.
fn exit_of(status: Status) -> Sysexit {
    let text = status.to_string();
    let (class, rest) = text.split_once('.').unwrap_or_default();
    match (class, rest) {
        ("2", _) => Sysexit::Ok,
        ("4", _) => Sysexit::TempFail,
        (_, "1.1" | "1.6") => Sysexit::NoUser,
        (_, "1.2" | "1.8") => Sysexit::NoHost,
        (_, "1.3" | "1.7") => Sysexit::Usage,
        (_, "2.4") => Sysexit::DataErr,
        (_, "4.0" | "4.6") => Sysexit::IoErr,
        (_, "4.3") => Sysexit::TempFail,
        _ => match rest.split('.').next() {
            Some("1" | "7") => Sysexit::DataErr,
            Some("3") => Sysexit::OsErr,
            Some("5") => Sysexit::Protocol,
            Some("4") => Sysexit::Config,
            _ => Sysexit::Unavailable,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, text: &str, expected: &str, exit: Sysexit) {
        let refusal = Refusal::of_error(Some(host.as_bytes()).filter(|host| !host.is_empty()), text.as_bytes());
        assert_eq!(format!("{} {} {}", refusal.code, refusal.status, refusal.text), expected);
        assert_eq!(refusal.exit, exit);
    }

    #[test]
    fn codes_are_taken_from_text_and_host() {
        check("5.1.1", "550 5.7.1 no", "550 5.7.1 no", Sysexit::NoUser);
        check("5.1.2", "550 no host", "550 5.1.2 no host", Sysexit::NoHost);
        check("nouser", "no such user", "553 5.3.0 no such user", Sysexit::NoUser);
        check("5.1.3", "bad", "553 5.3.0 bad", Sysexit::Usage);
        check("", "451 later", "451 4.0.0 later", Sysexit::Unavailable);
        check("tempfail", "450 4.7.1 wait", "450 4.7.1 wait", Sysexit::TempFail);
        check("4.7.1", "250 fine", "553 4.7.1 fine", Sysexit::TempFail);
    }
}
