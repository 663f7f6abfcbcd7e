//! What became of a recipient in one attempt at delivery.

use std::fmt;

use bstr::BString;

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
    /// Who has it now, if it was sent.
    pub kind: Service,
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

    /// Returns the outcome of an attempt that failed for good.
    pub fn failed(status: Status, stat: impl Into<BString>) -> Self {
        Self::new(Verdict::Failed, status, stat.into())
    }

    /// Returns what a mailer program's exit status says (op guide, "Exit status").
    pub fn of_exit(exit: Sysexit, output: &[u8]) -> Self {
        let text = exit_text(exit);
        let detail = output.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let reason: BString = if detail.is_empty() { text.into() } else { detail.into() };
        match exit {
            Sysexit::Ok => Self::sent(""),
            _ if exit.is_temporary() => Self::deferred(exit.status(), reason),
            _ => Self::failed(exit.status(), text).with_reply(reply_line(exit, &reason)),
        }
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
            kind: Service::Final,
        }
    }
}

/// Returns what the log calls an exit status.
pub fn exit_text(exit: Sysexit) -> &'static str {
    match exit {
        Sysexit::Ok => "Sent",
        Sysexit::Usage => "Bad usage",
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

/// Returns the reply an SMTP server would have given for an exit status.
fn reply_line(exit: Sysexit, text: &BString) -> BString {
    let code = if matches!(exit, Sysexit::NoUser | Sysexit::NoHost) { 550 } else { 554 };
    format!("{code} {} {text}", exit.status()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_statuses_become_verdicts() {
        assert_eq!(Outcome::of_exit(Sysexit::Ok, b"").stat, "Sent");
        let later = Outcome::of_exit(Sysexit::TempFail, b"disk full\nmore");
        assert_eq!((later.verdict, later.stat.as_slice()), (Verdict::Deferred, &b"Deferred: disk full"[..]));
        assert_eq!(later.reason(), "disk full");
        let never = Outcome::of_exit(Sysexit::NoUser, b"");
        assert_eq!((never.verdict, never.stat.as_slice()), (Verdict::Failed, &b"User unknown"[..]));
        assert_eq!(never.reply.expect("a reply"), "550 5.1.1 User unknown");
    }

    #[test]
    fn what_was_taken_is_told_with_its_words() {
        assert_eq!(Outcome::sent("2.0.0 taken").stat, "Sent (2.0.0 taken)");
    }
}
