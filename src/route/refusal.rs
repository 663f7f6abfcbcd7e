//! Why an address cannot be used.

use bstr::BString;

use crate::mail::address_list;
use crate::mail::envelope::{Route, Special};
use crate::mail::token::ScanError;
use crate::name::{MailerName, Status, Sysexit};
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
    /// What is to blame.
    cause: Cause,
}

/// What is to blame for a refusal.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Cause {
    /// The address, or what tables and the system say of it.
    Address,
    /// Nothing but the program's own limits.
    Own,
    /// The configuration: its rules cannot be followed.
    Fault,
    /// The rules refuse it; inside is what they gave in the place of a route.
    Error(Box<Route>),
    /// Nothing but that a hand has ended.
    Interruption,
}

impl Refusal {
    /// Returns a refusal that trying again does not change.
    pub fn permanent(status: Status, code: u16, text: impl Into<BString>) -> Self {
        Self { code, status, text: text.into(), exit: Sysexit::of_status(status), cause: Cause::Address }
    }

    /// Returns a refusal that may pass.
    pub fn temporary(status: Status, text: impl Into<BString>) -> Self {
        Self { code: 451, status, text: text.into(), exit: Sysexit::TempFail, cause: Cause::Address }
    }

    /// Returns the program's own refusal, which no rule and no table asks for.
    pub fn own(status: Status, code: u16, text: impl Into<BString>) -> Self {
        Self { exit: Sysexit::Ok, cause: Cause::Own, ..Self::permanent(status, code, text) }
    }

    /// Returns the refusal of an address for which the rules cannot be followed.
    pub fn fault(status: Status, text: impl Into<BString>) -> Self {
        Self { exit: Sysexit::Software, cause: Cause::Fault, ..Self::permanent(status, 554, text) }
    }

    /// Returns the same, and whether the only reason is that a hand has ended.
    #[must_use]
    pub fn with_interruption(self, is_interruption: bool) -> Self {
        Self { cause: if is_interruption { Cause::Interruption } else { self.cause }, ..self }
    }

    /// Returns the refusal of a user that does not exist.
    pub fn user_unknown() -> Self {
        Self::permanent(Status::new(5, 1, 1), 550, "User unknown").with_exit(Sysexit::NoUser)
    }

    /// Returns the same with another exit status of a submitting program.
    pub fn with_exit(self, exit: Sysexit) -> Self {
        Self { exit, ..self }
    }

    /// Tells whether trying again later may help: the reply code or the exit status says so.
    ///
    /// A client reads the reply code alone.
    pub fn is_temporary(&self) -> bool {
        self.code < 500 || self.exit == Sysexit::TempFail
    }

    /// Returns the refusal of an address with a fault in its spelling.
    pub fn of_scan(error: ScanError) -> Self {
        let status = match error {
            ScanError::TooLong => Status::new(5, 1, 1),
            ScanError::TooManyTokens | ScanError::TokenTooLong => Status::new(5, 1, 0),
            _ => Status::new(5, 0, 0),
        };
        Self::permanent(status, 553, error.to_string()).with_exit(Sysexit::Usage)
    }

    /// Returns the refusal of an address that leads to itself, or to too much.
    pub fn of_loop(text: impl Into<BString>) -> Self {
        Self::own(Status::new(5, 4, 6), 554, text)
    }

    /// Returns the refusal of a program, a file or a list that was named from outside.
    pub fn of_special(special: Special) -> Self {
        let text = format!("Cannot mail directly to {}", special.noun());
        Self::own(Status::new(5, 7, 1), 550, text)
    }

    /// Returns the refusal of a text in which no address stands; the stock rules say so of an empty one.
    pub fn of_none() -> Self {
        Self::permanent(Status::new(5, 1, 3), 553, "User address required").with_exit(Sysexit::Usage)
    }

    /// Tells whether it is the program's own, not that of rules or tables.
    pub fn is_own(&self) -> bool {
        self.cause == Cause::Own
    }

    /// Tells whether the rules are to blame, not the address.
    pub fn is_fault(&self) -> bool {
        self.cause == Cause::Fault
    }

    /// Tells whether the only reason is that a hand has ended.
    pub fn is_interruption(&self) -> bool {
        self.cause == Cause::Interruption
    }

    /// Returns what the rules gave in the place of a route, if they refuse it.
    pub fn error(&self) -> Option<&Route> {
        match &self.cause {
            Cause::Error(route) => Some(route),
            _ => None,
        }
    }

    /// Reads what `$#error $@ host $: text` says; a word in the host part decides the exit status alone.
    pub fn of_error(host: Option<&[u8]>, user: BString) -> Self {
        let given = address_list::unquote(&user);
        let (code, status, text) = error_parts(host.unwrap_or_default(), &given);
        let mailer = MailerName::new("*error*");
        let error = Route { mailer, host: host.unwrap_or_default().into(), user, is_settled: false };
        let refusal = Self::permanent(status, code, text).with_exit(Sysexit::of_error(host));
        Self { cause: Cause::Error(Box::new(error)), ..refusal }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, text: &str, expected: &str, exit: Sysexit) {
        let refusal = Refusal::of_error(Some(host.as_bytes()).filter(|host| !host.is_empty()), text.into());
        assert_eq!(format!("{} {} {}", refusal.code, refusal.status, refusal.text), expected);
        assert_eq!(refusal.exit, exit);
    }

    #[test]
    fn code_or_exit_status_makes_a_refusal_temporary() {
        let check = |host: &str, text: &str| Refusal::of_error(Some(host.as_bytes()), text.into()).is_temporary();
        assert!(check("tempfail", "Try later") && check("4.1.1", "550 hm") && check("5.1.1", "450 hm"));
        assert!(!check("nouser", "gone") && !check("5.1.1", "550 hm"));
    }

    #[test]
    fn what_the_rules_refuse_is_not_the_programs_own_whatever_they_exit_with() {
        assert!(Refusal::of_special(Special::File).is_own());
        assert!(!Refusal::of_error(Some(b"0"), "550 5.1.1 no".into()).is_own());
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
