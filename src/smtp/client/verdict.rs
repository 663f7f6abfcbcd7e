//! What a reply or its absence means for a recipient.

use std::fmt;

use bstr::BString;

use super::Phase;
use crate::mail::reply::{BadReply, Reply};
use crate::name::{Status, Sysexit};

/// How a connection was lost.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Loss {
    /// The peer closed it.
    Closed,
    /// The peer said nothing within the time limit.
    TimedOut,
    /// What the peer says is no SMTP.
    // QUIRK(client-garbage): put off, not returned.
    Garbled(BadReply),
    /// The system reports an error.
    Failed(BString),
    /// The message cannot be read any more; the transaction was cut off so that nobody takes half of it.
    Source(BString),
}

/// What happens with a recipient.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// The server has taken the message.
    Sent,
    /// Try again: at another host or later.
    Deferred,
    /// Give up.
    Failed,
}

/// The end of one recipient in a transaction.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecipientResult {
    /// Which command decided.
    pub phase: Phase,
    /// What decided.
    pub cause: Cause,
    /// Whether the server promised enhanced status codes in its replies.
    pub(super) enhanced: bool,
}

/// What decided about a recipient.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cause {
    /// A reply.
    Reply(Reply),
    /// The connection ended before there was a reply.
    Loss(Loss),
    /// The address has bytes that no command can carry.
    Unspeakable,
}

/// A result in the terms of logs and reports.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// What happens with the recipient.
    pub fate: Fate,
    /// The enhanced status code (`dsn=`).
    pub status: Status,
    /// The exit status, whose words are the `stat=` of a failure.
    pub exit: Sysexit,
    /// The first line of the deciding reply as it came, without its line end (`reply=`); unsafe bytes are escaped.
    pub reply: Option<BString>,
    /// The text behind `Sent`, without code and status.
    pub text: BString,
}

impl RecipientResult {
    /// Returns the deciding reply.
    pub fn reply(&self) -> Option<&Reply> {
        match &self.cause {
            Cause::Reply(reply) => Some(reply),
            _ => None,
        }
    }

    /// Returns what the result means.
    pub fn verdict(&self) -> Verdict {
        match &self.cause {
            Cause::Reply(reply) => self.judge(reply),
            Cause::Loss(_) => Verdict::bare(Fate::Deferred, Status::new(4, 4, 2), Sysexit::TempFail),
            Cause::Unspeakable => Verdict::bare(Fate::Failed, Status::new(5, 1, 3), Sysexit::DataErr),
        }
    }

    /// Judges a reply.
    fn judge(&self, reply: &Reply) -> Verdict {
        let told = reply.status.filter(|_| self.enhanced);
        let (fate, status, exit) = match reply.code / 100 {
            2 if self.phase == Phase::DataFinal => (Fate::Sent, told.unwrap_or(Status::OK), Sysexit::Ok),
            4 => (Fate::Deferred, self.temporary(reply.code, told), Sysexit::TempFail),
            5 => {
                let (status, exit) = self.permanent(reply.code, told);
                (Fate::Failed, status, exit)
            }
            _ if self.phase.is_opening() => (Fate::Failed, Status::new(5, 5, 0), Sysexit::Unavailable),
            // QUIRK(client-data-yes): a yes where none was asked for is final.
            _ => (Fate::Failed, Status::new(5, 5, 0), Sysexit::Protocol),
        };
        let text = if told.is_some() || reply.status.is_none() {
            reply.text().into()
        } else {
            without_code(&first_line(reply))
        };
        Verdict { fate, status, exit, reply: Some(sanitised(&first_line(reply))), text: sanitised(&text) }
    }

    /// Returns the status of a temporary refusal.
    fn temporary(&self, code: u16, told: Option<Status>) -> Status {
        let by_code = match code {
            450 => Status::new(4, 2, 0),
            451 => Status::new(4, 3, 0),
            452 => Status::new(4, 3, 1),
            _ => Status::new(4, 0, 0),
        };
        match self.phase {
            phase if phase.is_opening() => Status::new(4, 5, 0),
            // QUIRK(client-dsn): the status of the reply does not count for DATA, nor for 421 to MAIL.
            Phase::DataInit => Status::new(4, 0, 0),
            Phase::Mail if code == 421 => Status::new(4, 0, 0),
            _ => told.filter(|status| status.is_temporary()).unwrap_or(by_code),
        }
    }

    /// Returns status and exit status of a final refusal.
    fn permanent(&self, code: u16, told: Option<Status>) -> (Status, Sysexit) {
        let told = told.filter(|status| status.class() == 5);
        let (status, exit) = match (self.phase, code) {
            (Phase::Mail, 501) => ((5, 2), Sysexit::DataErr),
            (Phase::Mail, 553) => ((1, 3), Sysexit::DataErr),
            (Phase::Mail, 552) => ((3, 4), Sysexit::Unavailable),
            (Phase::Rcpt, 550) => ((1, 1), Sysexit::NoUser),
            (Phase::Rcpt, 551) => ((1, 6), Sysexit::NoUser),
            (Phase::Rcpt, 553) => ((1, 3), Sysexit::NoUser),
            (Phase::DataFinal, 550) => ((2, 0), Sysexit::Unavailable),
            (Phase::DataFinal, 551) => ((1, 6), Sysexit::Unavailable),
            (Phase::DataFinal, 553) => ((1, 0), Sysexit::Unavailable),
            (Phase::Rcpt | Phase::DataFinal, 500) => ((5, 2), self.plain_exit(code)),
            (Phase::Rcpt | Phase::DataFinal, 501 | 504) => ((5, 4), self.plain_exit(code)),
            (Phase::Rcpt | Phase::DataFinal, 503) => ((5, 1), self.plain_exit(code)),
            (Phase::Rcpt | Phase::DataFinal, 552) => ((2, 2), Sysexit::Unavailable),
            (Phase::DataInit, _) => return (Status::new(5, 0, 0), Sysexit::Unavailable),
            (phase, _) if phase.is_opening() => return (Status::new(5, 5, 0), Sysexit::Unavailable),
            _ => ((0, 0), self.plain_exit(code)),
        };
        (told.unwrap_or(Status::new(5, status.0, status.1)), exit)
    }

    /// Returns the exit status of a refusal that is not in the table.
    fn plain_exit(&self, code: u16) -> Sysexit {
        // QUIRK(client-dot): after the dot, only 55x counts as an answer that makes sense.
        if self.phase == Phase::DataFinal && code / 10 != 55 { Sysexit::Protocol } else { Sysexit::Unavailable }
    }
}

impl Verdict {
    /// Returns a verdict without a reply.
    pub fn bare(fate: Fate, status: Status, exit: Sysexit) -> Self {
        Self { fate, status, exit, reply: None, text: BString::default() }
    }
}

/// Returns the first line of a reply as it came: `550-5.7.1 text`.
fn first_line(reply: &Reply) -> BString {
    let mark = if reply.lines.len() > 1 { '-' } else { ' ' };
    let status = reply.status.map_or(String::new(), |status| format!("{status} "));
    let mut line = BString::from(format!("{:03}{mark}{status}", reply.code));
    line.extend_from_slice(reply.text());
    line
}

/// Returns a reply line without its code.
fn without_code(line: &[u8]) -> BString {
    line.get(4..).unwrap_or_default().into()
}

/// Escapes what must not get into logs, headers and queue files: `\t`, `\n`, `\r` as such, other control and 8-bit bytes
/// in octal.
fn sanitised(text: &[u8]) -> BString {
    let mut safe = BString::default();
    for byte in text {
        match byte {
            b'\t' => safe.extend(b"\\t"),
            b'\n' => safe.extend(b"\\n"),
            b'\r' => safe.extend(b"\\r"),
            b' '..=b'~' => safe.push(*byte),
            _ => safe.extend(format!("\\{byte:03o}").bytes()),
        }
    }
    safe
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("connection closed by the peer"),
            Self::TimedOut => f.write_str("no answer within the time limit"),
            Self::Garbled(error) => error.fmt(f),
            Self::Failed(reason) | Self::Source(reason) => reason.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(phase: Phase, reply: &str, status: &str, exit: Sysexit) {
        let cause = Cause::Reply(Reply::from_text(reply.as_bytes()).expect("a reply"));
        let verdict = RecipientResult { phase, cause, enhanced: true }.verdict();
        assert_eq!((verdict.status.to_string().as_str(), verdict.exit), (status, exit), "{phase:?} {reply}");
    }

    // Every line here was seen in the log of the original.
    #[test]
    fn temporary_refusals() {
        check(Phase::Greeting, "421 4.3.2 too busy", "4.5.0", Sysexit::TempFail);
        check(Phase::Ehlo, "421 4.3.2 bye", "4.5.0", Sysexit::TempFail);
        check(Phase::Mail, "421 4.3.2 mail bye", "4.0.0", Sysexit::TempFail);
        check(Phase::Mail, "451 4.7.1 later", "4.7.1", Sysexit::TempFail);
        check(Phase::Rcpt, "450 plain", "4.2.0", Sysexit::TempFail);
        check(Phase::Rcpt, "452 plain", "4.3.1", Sysexit::TempFail);
        check(Phase::Rcpt, "454 plain", "4.0.0", Sysexit::TempFail);
        check(Phase::DataInit, "451 4.3.0 later", "4.0.0", Sysexit::TempFail);
        check(Phase::DataFinal, "421 4.3.2 bye", "4.3.2", Sysexit::TempFail);
    }

    #[test]
    fn final_refusals() {
        check(Phase::Greeting, "554 5.3.2 go away", "5.5.0", Sysexit::Unavailable);
        check(Phase::Greeting, "354 odd", "5.5.0", Sysexit::Unavailable);
        check(Phase::Helo, "554 5.1.8 no", "5.5.0", Sysexit::Unavailable);
        check(Phase::Mail, "553 5.1.8 never", "5.1.8", Sysexit::DataErr);
        check(Phase::Mail, "501 plain", "5.5.2", Sysexit::DataErr);
        check(Phase::Mail, "550 plain", "5.0.0", Sysexit::Unavailable);
        check(Phase::Mail, "552 plain", "5.3.4", Sysexit::Unavailable);
        check(Phase::Rcpt, "550 plain", "5.1.1", Sysexit::NoUser);
        check(Phase::Rcpt, "550 5.7.1 no", "5.7.1", Sysexit::NoUser);
        check(Phase::Rcpt, "551 plain", "5.1.6", Sysexit::NoUser);
        check(Phase::Rcpt, "552 plain", "5.2.2", Sysexit::Unavailable);
        check(Phase::Rcpt, "501 plain", "5.5.4", Sysexit::Unavailable);
        check(Phase::Rcpt, "554 plain", "5.0.0", Sysexit::Unavailable);
        check(Phase::DataInit, "554 5.6.0 never", "5.0.0", Sysexit::Unavailable);
        check(Phase::DataInit, "250 2.0.0 strange", "5.5.0", Sysexit::Protocol);
        check(Phase::DataFinal, "554 5.6.0 never", "5.6.0", Sysexit::Unavailable);
        check(Phase::DataFinal, "550 plain", "5.2.0", Sysexit::Unavailable);
        check(Phase::DataFinal, "553 plain", "5.1.0", Sysexit::Unavailable);
        check(Phase::DataFinal, "503 plain", "5.5.1", Sysexit::Protocol);
        check(Phase::DataFinal, "571 plain", "5.0.0", Sysexit::Protocol);
    }

    #[track_caller]
    fn check_text(enhanced: bool, reply: &str, text: &str) {
        let cause = Cause::Reply(Reply::from_text(reply.as_bytes()).expect("a reply"));
        assert_eq!(RecipientResult { phase: Phase::DataFinal, cause, enhanced }.verdict().text, text);
    }

    #[test]
    fn the_text_of_success_has_its_status_only_where_none_was_promised() {
        check_text(true, "250 2.0.0 taken", "taken");
        check_text(false, "250 2.0.0 taken", "2.0.0 taken");
        check_text(true, "250 ok queued as 12345", "ok queued as 12345");
    }

    #[test]
    fn unsafe_bytes_of_a_reply_are_escaped() {
        let reply = Reply::new(550, Status::new(5, 1, 1), b"a\tb \x01\x7f\xe9 end".as_slice());
        let verdict = RecipientResult { phase: Phase::Rcpt, cause: Cause::Reply(reply), enhanced: true }.verdict();
        assert_eq!(verdict.reply.expect("a reply"), "550 5.1.1 a\\tb \\001\\177\\351 end");
    }
}
