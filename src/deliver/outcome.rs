//! What became of a recipient in one attempt at delivery.

use std::fmt;

use bstr::BString;

use crate::keeper::HandError;
use crate::name::{Status, Sysexit};

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The mailer has taken the message: for this recipient we are done.
    Sent,
    /// It may work later: the recipient stays in the queue.
    Deferred,
    /// It will never work: the sender gets the message back.
    Failed,
}

/// How one recipient fared, with the words of the log line and of the report.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// What follows.
    pub verdict: Verdict,
    /// The enhanced status code (`dsn=`, `Status:`).
    pub status: Status,
    /// The text of `stat=`.
    pub stat: BString,
    /// The reply that decided, as its server gave it (`reply=`, `Diagnostic-Code:`, the transcript).
    pub reply: Option<BString>,
    /// Whether that host said so itself.
    pub is_from_peer: bool,
    /// The host that was asked, for `relay=`: `name. [address]`.
    pub relay: Option<BString>,
    /// The host that was asked, for `Remote-MTA:`.
    pub remote_mta: Option<BString>,
    /// The exit status of the mailer's program, if that was no success.
    pub exit: Option<u8>,
    /// Who has it now, if it was sent.
    pub kind: Service,
    /// Whether the only reason to repeat it is that a hand has ended.
    pub is_interruption: bool,
}

/// Who has a message that was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    /// The recipient.
    Final,
    /// Nobody: a rule threw it away. Nothing is told of it.
    Nobody,
    /// Another host.
    Relay {
        /// Whether it promised to report on delivery itself (`RFC 3461 §5.2.1`).
        tells: bool,
    },
}

impl Outcome {
    /// Returns the outcome of a delivery that was taken with `text`.
    pub fn sent(text: impl Into<BString>) -> Self {
        let text = text.into();
        let stat = if text.is_empty() { "Sent".into() } else { format!("Sent ({text})").into() };
        Self::new(Verdict::Sent, Status::OK, stat)
    }

    /// Returns the outcome of a message that a rule throws away.
    pub fn discarded() -> Self {
        Self { kind: Service::Nobody, ..Self::sent("") }
    }

    /// Returns the outcome of an attempt that is to be repeated because of `reason`.
    pub fn deferred(status: Status, reason: impl fmt::Display) -> Self {
        Self::new(Verdict::Deferred, status, format!("Deferred: {reason}").into())
    }

    /// Returns the outcome of an attempt that is to be repeated because of what a hand says, or because it has ended.
    pub fn deferred_by(status: Status, error: &HandError) -> Self {
        Self { is_interruption: error.is_interruption(), ..Self::deferred(status, error) }
    }

    /// Returns the outcome of an attempt that failed for good.
    pub fn failed(status: Status, stat: impl Into<BString>) -> Self {
        Self::new(Verdict::Failed, status, stat.into())
    }

    /// Returns what the exit status `code` of a mailer's program says; `program` is how a temporary failure is told.
    pub fn of_exit(code: u8, program: impl fmt::Display) -> Self {
        let exit = Sysexit::from_code(i32::from(code));
        let status = ExitWords::of(exit).logged;
        let outcome = match exit {
            Some(Sysexit::Ok) => return Self::sent(""),
            Some(Sysexit::TempFail) => Self::deferred(status, program),
            Some(exit) if exit.is_temporary() => Self::new(Verdict::Deferred, status, exit_text(exit).into()),
            Some(exit) => Self::failed(status, exit_text(exit)),
            None => Self::failed(status, format!("{UNKNOWN_ERROR}{code}")),
        };
        Self { exit: Some(code), ..outcome }
    }

    /// Returns the code that a report gives: of a program's exit status it is another one than the log's.
    pub fn reported_status(&self) -> Status {
        self.exit.map_or(self.status, |code| ExitWords::of(Sysexit::from_code(i32::from(code))).reported)
    }

    /// Returns what a report tells as the reason: the reply, or what a program's exit status means.
    pub fn reported_reason(&self) -> Option<&[u8]> {
        let words = || self.stat.strip_prefix(UNKNOWN_ERROR.as_bytes()).unwrap_or(&self.stat);
        self.reply.as_deref().map(Vec::as_slice).or_else(|| self.exit.map(|_| words()))
    }

    /// Returns the line of the transcript that tells of the failure for `to`.
    pub fn failure_line(&self, to: &[u8]) -> BString {
        let status = self.status.to_string();
        let words = self.exit.map(|code| ExitWords::of(Sysexit::from_code(i32::from(code))));
        let own = words.as_ref().map_or("554", |words| words.code);
        let code = self.reply.as_ref().and_then(|reply| reply.get(..3)).unwrap_or(own.as_bytes());
        let about = if words.is_none_or(|words| words.names_recipient) { [to, b"... "].concat() } else { Vec::new() };
        [code, b" ", status.as_bytes(), b" ", &about, &self.stat].concat().into()
    }

    /// Returns the outcome with the reply that decided.
    #[must_use]
    pub fn with_reply(mut self, reply: impl Into<BString>) -> Self {
        self.reply = Some(reply.into());
        self
    }

    /// Tells why a recipient still waits, without the word that begins it in the log.
    pub fn reason(&self) -> BString {
        self.stat.strip_prefix(b"Deferred: ").unwrap_or(&self.stat).into()
    }

    /// Tells whether the log gives the reply: that of a host which refused, not what we say ourselves of a host.
    pub fn is_reply_logged(&self) -> bool {
        let is_told = self.remote_mta.is_none() || self.is_from_peer;
        self.verdict != Verdict::Sent && is_told
    }

    fn new(verdict: Verdict, status: Status, stat: BString) -> Self {
        Self {
            verdict,
            status,
            stat,
            reply: None,
            is_from_peer: false,
            relay: None,
            remote_mta: None,
            exit: None,
            kind: Service::Final,
            is_interruption: false,
        }
    }
}

/// Returns what the log calls an exit status.
pub fn exit_text(exit: Sysexit) -> &'static str {
    match exit {
        Sysexit::Ok => "Sent",
        Sysexit::Usage => "Command line usage error",
        Sysexit::DataErr => "Data format error",
        Sysexit::NoInput => "Cannot open input",
        Sysexit::NoUser => "User unknown",
        Sysexit::NoHost => "Host unknown",
        Sysexit::Unavailable => "Service unavailable",
        Sysexit::Software => "Internal error",
        Sysexit::OsErr => "Operating system error",
        Sysexit::OsFile => "System file missing",
        Sysexit::CantCreat => "Can't create output",
        Sysexit::IoErr => "I/O error",
        Sysexit::TempFail => "Deferred",
        Sysexit::Protocol => "Remote protocol error",
        Sysexit::NoPerm => "Insufficient permission",
        Sysexit::Config => "Local configuration error",
    }
}

/// How the log tells of an exit status that is none of sysexits(3).
const UNKNOWN_ERROR: &str = "unknown mailer error ";

/// What log and report say of the exit status of a mailer's program.
struct ExitWords {
    /// `dsn=`.
    logged: Status,
    /// `Status:`.
    reported: Status,
    /// The reply code of the transcript.
    code: &'static str,
    /// The transcript names the recipient.
    names_recipient: bool,
}

impl ExitWords {
    fn of(exit: Option<Sysexit>) -> Self {
        let (logged, reported, code) = match exit {
            Some(Sysexit::Ok) => ((2, 0, 0), (2, 0, 0), "250"),
            Some(Sysexit::Usage) => ((5, 0, 0), (5, 5, 4), "500"),
            Some(Sysexit::DataErr) => ((5, 6, 0), (5, 5, 2), "501"),
            Some(Sysexit::NoInput) => ((5, 3, 0), (5, 3, 0), "550"),
            Some(Sysexit::NoUser) => ((5, 1, 1), (5, 1, 1), "550"),
            Some(Sysexit::NoHost) => ((5, 1, 2), (5, 1, 2), "550"),
            Some(Sysexit::Unavailable) => ((5, 0, 0), (5, 5, 0), "554"),
            Some(Sysexit::Software) => ((5, 3, 0), (5, 5, 0), "554"),
            Some(Sysexit::OsFile | Sysexit::Config) => ((5, 3, 5), (5, 5, 0), "554"),
            Some(Sysexit::CantCreat | Sysexit::NoPerm) => ((5, 0, 0), (5, 3, 0), "550"),
            Some(Sysexit::Protocol) => ((5, 5, 0), (5, 5, 0), "554"),
            Some(Sysexit::OsErr | Sysexit::IoErr | Sysexit::TempFail) => ((4, 0, 0), (4, 0, 0), "450"),
            None => ((5, 3, 0), (5, 0, 0), "554"),
        };
        let status = |(class, subject, detail)| Status::new(class, subject, detail);
        Self { logged: status(logged), reported: status(reported), code, names_recipient: code == "550" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_exit(code: u8, verdict: Verdict, logged: &str, reported: &str, line: &str) {
        let outcome = Outcome::of_exit(code, "local mailer (/bin/mda) exited with EX_TEMPFAIL");
        assert_eq!(outcome.verdict, verdict);
        assert_eq!(format!("dsn={}, stat={}", outcome.status, outcome.stat), logged);
        let reason = outcome.reported_reason().map(|reason| BString::from(reason).to_string());
        assert_eq!(format!("{} {}", outcome.reported_status(), reason.unwrap_or_default()), reported);
        assert_eq!(outcome.failure_line(b"joe"), line);
    }

    #[test]
    fn exit_statuses_have_their_words() {
        use Verdict::{Deferred, Failed};
        let unknown = "550 5.1.1 joe... User unknown";
        check_exit(67, Failed, "dsn=5.1.1, stat=User unknown", "5.1.1 User unknown", unknown);
        let usage = "500 5.0.0 Command line usage error";
        check_exit(64, Failed, "dsn=5.0.0, stat=Command line usage error", "5.5.4 Command line usage error", usage);
        let error = "554 5.3.0 unknown mailer error 1";
        check_exit(1, Failed, "dsn=5.3.0, stat=unknown mailer error 1", "5.0.0 1", error);
        let system = "450 4.0.0 Operating system error";
        check_exit(71, Deferred, "dsn=4.0.0, stat=Operating system error", "4.0.0 Operating system error", system);
        let later = Outcome::of_exit(75, "local mailer (/bin/mda) exited with EX_TEMPFAIL");
        assert_eq!(later.stat, "Deferred: local mailer (/bin/mda) exited with EX_TEMPFAIL");
        assert_eq!(Outcome::of_exit(0, "").stat, "Sent");
    }

    #[test]
    fn what_was_taken_is_told_with_its_words() {
        assert_eq!(Outcome::sent("2.0.0 taken").stat, "Sent (2.0.0 taken)");
    }
}
