//! Delivery reports: failures, delays, receipts, and the postmaster's copies (`RFC 3464`, `RFC 6522`).
//!
//! A report tells in words, then field by field, then returns the message or its header. All that others wrote
//! (remote replies, ENVID, ORCPT) is made one line before it goes in.

use std::sync::Arc;
use std::time::Duration;

use bstr::BString;
use jiff::tz::TimeZone;

use super::date;
use super::envelope::{DeliverBy, DeliverByMode};
use super::header::Header;
use crate::name::{InWords, QueueId, Status, UnixTime};

/// The longest line of another's text in a report, in bytes.
const LINE_BYTES_MAX: usize = 2048;

/// The name of the report's author, for `$x`.
pub const AUTHOR_NAME: &str = "Mail Delivery Subsystem";

/// The address of the report's author, for `$g`.
pub const AUTHOR: &str = "MAILER-DAEMON";

/// What a report tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReportKind {
    /// Some recipients failed for good.
    Failure,
    /// The message waits since so long; it is kept for at most so long.
    Delay {
        /// `Timeout.queuewarn`.
        waited: Duration,
        /// `Timeout.queuereturn`.
        kept: Duration,
    },
    /// It was delivered or relayed, as the sender asked to know.
    Receipt,
    /// A failure that cannot be told to the sender: for the postmaster.
    Postmaster,
}

impl ReportKind {
    /// Returns the subject of the report.
    pub fn subject(self) -> String {
        match self {
            Self::Failure => "Returned mail: see transcript for details".to_owned(),
            Self::Delay { waited, .. } => format!("Warning: could not send message for past {}", InWords(waited)),
            Self::Receipt => "Return receipt".to_owned(),
            Self::Postmaster => "Postmaster notify: see transcript for details".to_owned(),
        }
    }

    /// Returns the text of `Auto-Submitted:` (`RFC 3834 §5`), by which a report is known again.
    pub fn auto_submitted(self) -> &'static str {
        match self {
            Self::Failure => "auto-generated (failure)",
            Self::Delay { .. } => "auto-generated (warning-timeout)",
            Self::Receipt => "auto-generated (return-receipt)",
            Self::Postmaster => "auto-generated (postmaster-notification)",
        }
    }
}

/// What happened to a recipient.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// It failed for good.
    Failed,
    /// It waits.
    Delayed,
    /// It is in its mailbox.
    Delivered,
    /// It went to an alias with several members.
    Expanded,
    /// It went to a host that sends no reports itself.
    Relayed,
}

impl Action {
    /// Returns the value of the `Action:` field.
    fn field(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered (to mailbox)",
            Self::Expanded => "expanded (to multi-recipient alias)",
            Self::Relayed => "relayed (to non-DSN-aware mailer)",
        }
    }

    /// Returns what the words say of a success.
    fn success(self) -> Option<&'static str> {
        match self {
            Self::Failed | Self::Delayed => None,
            Self::Delivered => Some("successfully delivered to mailbox"),
            Self::Expanded => Some("expanded by mailing list"),
            Self::Relayed => Some("relayed to non-DSN-aware mailer"),
        }
    }
}

/// One recipient of the original message.
#[derive(Clone, Debug)]
pub struct Reported {
    /// The address as the queue file has it.
    pub address: BString,
    /// The alias it was expanded from, as the words tell it.
    pub expanded_from: Option<BString>,
    /// `ORCPT=` in xtext.
    pub orcpt: Option<Arc<BString>>,
    /// `type; address` of `Final-Recipient:`.
    pub final_recipient: Arc<BString>,
    /// `type; address` of `X-Actual-Recipient:`; none where the site does not tell it.
    pub actual_recipient: Option<BString>,
    /// What happened.
    pub action: Action,
    /// The enhanced status code.
    pub status: Status,
    /// How hosts are named (`dns`).
    pub mta_type: BString,
    /// The host that answered last.
    pub remote_mta: Option<BString>,
    /// What the words give as the reason.
    pub reason: Option<BString>,
    /// The type of the diagnostic (`SMTP`, `X-Unix`) and its text.
    pub diagnostic: Option<(BString, BString)>,
    /// When it was last tried.
    pub last_try: Option<UnixTime>,
    /// Until when it is tried again, if nobody knows yet where it leads.
    pub retry_until: Option<UnixTime>,
}

/// All that a report is made of.
#[derive(Clone, Debug)]
pub struct ReportFacts<'a> {
    /// What it tells.
    pub kind: ReportKind,
    /// The identifier of the report itself.
    pub id: &'a QueueId,
    /// Now.
    pub now: UnixTime,
    /// The zone of dates.
    pub zone: &'a TimeZone,
    /// The name of this host (`$j`).
    pub host: &'a [u8],
    /// To whom it goes.
    pub to: &'a [BString],
    /// The identifier of the original message.
    pub original_id: &'a QueueId,
    /// When the original came in.
    pub arrived: UnixTime,
    /// From where it came (`$_`).
    pub origin: &'a [u8],
    /// The name of the host it came from by SMTP.
    pub received_from: Option<&'a [u8]>,
    /// `ENVID=` in xtext.
    pub envid: Option<&'a [u8]>,
    /// `BY=` of the original.
    pub deliver_by: Option<DeliverBy>,
    /// The recipients to tell of.
    pub recipients: &'a [Reported],
    /// What was said during delivery: lines with LF.
    pub transcript: &'a [u8],
    /// The site's own words (`ErrorHeader`): lines with LF.
    pub error_header: &'a [u8],
    /// The header of the original as it was sent; templates are expanded.
    pub headers: &'a [Header],
    /// Whether the body comes back too (`RET=`, `nobodyreturn`, size).
    pub body_too: bool,
    /// Whether the original has 8-bit bytes.
    pub eight_bit: bool,
    /// `SendMimeErrors`.
    pub mime: bool,
}

/// A report: its own header fields, and its body around the body of the original.
///
/// `From:`, `Date:`, `Message-Id:` and `Received:` come from the configuration's `H` lines, as for any message
/// of ours: with [`AUTHOR_NAME`] as `$x` and [`AUTHOR`] as `$g`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// The fields that only a report has.
    pub headers: Vec<Header>,
    /// The body up to where the body of the original goes.
    pub before: Vec<u8>,
    /// Whether the body of the original goes between.
    pub body_too: bool,
    /// The rest of the body.
    pub after: Vec<u8>,
    /// Whether it is announced as 8-bit text.
    pub eight_bit: bool,
}

/// Makes a report.
pub fn report(facts: &ReportFacts<'_>) -> Report {
    let body_too = facts.body_too;
    let boundary = format!("{}.{}/{}", facts.id, facts.now, BString::from(facts.host));
    let mut before = Vec::with_capacity(4096);
    if facts.mime {
        push(&mut before, &["This is a MIME-encapsulated message\n\n--", &boundary, "\n\n"]);
    }
    words(facts, &mut before);
    let mut after = Vec::new();
    if facts.mime {
        push(&mut before, &["\n--", &boundary, "\nContent-Type: message/delivery-status\n\n"]);
        fields(facts, &mut before);
        let returned = if body_too { "message/rfc822" } else { "text/rfc822-headers" };
        push(&mut before, &["\n--", &boundary, "\nContent-Type: ", returned, "\n"]);
        if facts.eight_bit {
            push(&mut before, &["Content-Transfer-Encoding: 8bit\n"]);
        }
        before.push(b'\n');
        facts.headers.iter().for_each(|header| header.write(&mut before));
        push(&mut after, &["\n--", &boundary, "--\n\n"]);
    } else {
        let title = if body_too { "Original message follows" } else { "Message header follows" };
        push(&mut before, &["\n   ----- ", title, " -----\n\n"]);
        facts.headers.iter().for_each(|header| header.write(&mut before));
        push(&mut after, &[if body_too { "\n" } else { "\n   ----- Message body suppressed -----\n\n" }]);
    }
    if body_too {
        before.push(b'\n');
    }
    Report { headers: headers(facts, &boundary), before, body_too, after, eight_bit: facts.mime && facts.eight_bit }
}

/// Returns the header fields of the report.
fn headers(facts: &ReportFacts<'_>, boundary: &str) -> Vec<Header> {
    let mut headers: Vec<Header> = facts.to.iter().map(|to| Header::new("To", one_line(to))).collect();
    if facts.mime {
        let content_type = format!("multipart/report; report-type=delivery-status;\n\tboundary=\"{boundary}\"");
        headers.push(Header::new("MIME-Version", "1.0"));
        headers.push(Header::new("Content-Type", content_type));
        if facts.eight_bit {
            headers.push(Header::new("Content-Transfer-Encoding", "8bit"));
        }
    }
    headers.push(Header::new("Subject", facts.kind.subject()));
    headers.push(Header::new("Auto-Submitted", facts.kind.auto_submitted()));
    headers
}

/// Writes the part for people.
fn words(facts: &ReportFacts<'_>, out: &mut Vec<u8>) {
    if let ReportKind::Delay { .. } = facts.kind {
        push(
            out,
            &[
                "    **********************************************\n",
                "    **      THIS IS A WARNING MESSAGE ONLY      **\n",
                "    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **\n",
                "    **********************************************\n\n",
            ],
        );
    }
    let arrived = date::arpa(facts.arrived, facts.zone);
    line(out, &[b"The original message was received at ", &arrived]);
    line(out, &[b"from ", &one_line(facts.origin)]);
    if facts.kind == ReportKind::Postmaster {
        line(out, &[b"with id ", facts.original_id.as_str().as_bytes()]);
    }
    out.push(b'\n');
    if !facts.error_header.is_empty() {
        line(out, &[facts.error_header]);
    }
    section(facts, out, "The following addresses had permanent fatal errors", |action| action == Action::Failed);
    let good = |action: Action| action.success().is_some();
    section(facts, out, "The following addresses had successful delivery notifications", good);
    if !facts.transcript.is_empty() {
        push(out, &["   ----- Transcript of session follows -----\n"]);
        for text in facts.transcript.split(|byte| *byte == b'\n').filter(|text| !text.is_empty()) {
            line(out, &[&one_line(text)]);
        }
    }
}

/// Writes the list of those recipients whose action is `chosen`, if there are any.
fn section(facts: &ReportFacts<'_>, out: &mut Vec<u8>, title: &str, chosen: impl Fn(Action) -> bool) {
    let mut first = true;
    for recipient in facts.recipients.iter().filter(|recipient| chosen(recipient.action)) {
        if std::mem::take(&mut first) {
            push(out, &["   ----- ", title, " -----\n"]);
        }
        out.extend_from_slice(&one_line(&recipient.address));
        match recipient.action.success() {
            Some(success) => push(out, &["  (", success, ")\n"]),
            None => out.push(b'\n'),
        }
        if let (Action::Failed, Some(reason)) = (recipient.action, &recipient.reason) {
            line(out, &[b"    (reason: ", &one_line(reason), b")"]);
        }
        if let Some(alias) = &recipient.expanded_from {
            line(out, &[b"    (expanded from: ", &one_line(alias), b")"]);
        }
    }
    if !first {
        out.push(b'\n');
    }
}

/// Writes the part for programs (`RFC 3464 §2`).
fn fields(facts: &ReportFacts<'_>, out: &mut Vec<u8>) {
    if let Some(envid) = facts.envid {
        line(out, &[b"Original-Envelope-Id: ", &xtext_line(envid)]);
    }
    line(out, &[b"Reporting-MTA: dns; ", &one_line(facts.host)]);
    if let Some(host) = facts.received_from {
        line(out, &[b"Received-From-MTA: DNS; ", &one_line(host)]);
    }
    line(out, &[b"Arrival-Date: ", &date::arpa(facts.arrived, facts.zone)]);
    if let Some(DeliverBy { seconds, mode: DeliverByMode::Return, .. }) = facts.deliver_by {
        let limit = facts.arrived.plus(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
        line(out, &[b"Deliver-By-Date: ", &date::arpa(limit, facts.zone)]);
    }
    for recipient in facts.recipients {
        out.push(b'\n');
        recipient_fields(facts, recipient, out);
    }
}

/// Writes the fields of one recipient (`RFC 3464 §2.3`).
fn recipient_fields(facts: &ReportFacts<'_>, recipient: &Reported, out: &mut Vec<u8>) {
    if let Some(orcpt) = &recipient.orcpt {
        line(out, &[b"Original-Recipient: ", &xtext_line(orcpt)]);
    }
    line(out, &[b"Final-Recipient: ", &one_line(&recipient.final_recipient)]);
    if let Some(actual) = &recipient.actual_recipient {
        line(out, &[b"X-Actual-Recipient: ", &one_line(actual)]);
    }
    line(out, &[b"Action: ", recipient.action.field().as_bytes()]);
    line(out, &[b"Status: ", recipient.status.to_string().as_bytes()]);
    if let Some(host) = &recipient.remote_mta {
        line(out, &[b"Remote-MTA: ", &one_line(&recipient.mta_type), b"; ", &one_line(host)]);
    }
    if let Some((kind, text)) = &recipient.diagnostic {
        line(out, &[b"Diagnostic-Code: ", &one_line(kind), b"; ", &one_line(text)]);
    }
    if let Some(time) = recipient.last_try {
        line(out, &[b"Last-Attempt-Date: ", &date::arpa(time, facts.zone)]);
    }
    if let Some(time) = recipient.retry_until {
        line(out, &[b"Will-Retry-Until: ", &date::arpa(time, facts.zone)]);
    }
}

fn push(out: &mut Vec<u8>, parts: &[&str]) {
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
}

fn line(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out.push(b'\n');
}

/// Returns another's text as part of one line: control characters become spaces, too much is cut off.
fn one_line(text: &[u8]) -> BString {
    let cut = &text[..text.len().min(LINE_BYTES_MAX)];
    cut.iter()
        .map(|&byte| if byte.is_ascii_control() && byte != b'\t' { b' ' } else { byte })
        .collect::<Vec<u8>>()
        .into()
}

/// Returns xtext decoded (`RFC 3461 §4`), as one line; what is no xtext stays as it is.
fn xtext_line(text: &[u8]) -> BString {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match code {
            Some(code) if byte == b'+' => {
                decoded.push(code);
                rest = &after[2..];
            }
            _ => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    one_line(&decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bstr::ByteSlice;

    fn id(text: &str) -> QueueId {
        text.parse().expect("an id")
    }

    fn recipient(address: &str, action: Action) -> Reported {
        Reported {
            address: address.into(),
            expanded_from: None,
            orcpt: None,
            final_recipient: Arc::new(format!("RFC822; {address}@hoge.foo.jp").into()),
            actual_recipient: Some(format!("rfc822; {address}@hoge.foo.jp").into()),
            action,
            status: Status::new(5, 1, 1),
            mta_type: "dns".into(),
            remote_mta: None,
            retry_until: None,
            reason: Some("550 5.1.1 User unknown".into()),
            diagnostic: Some(("X-Unix".into(), "550 5.1.1 User unknown".into())),
            last_try: Some(UnixTime::from_secs(1_795_390_129)),
        }
    }

    /// Returns the report that `change` makes of a usual one, its body with `BODY` for the original's.
    fn made(change: impl FnOnce(&mut ReportFacts<'_>)) -> (Vec<String>, String) {
        let (own, original) = (id("6AMNSnhG000039"), id("6AMNSnhF000039"));
        let headers = [Header::new("From", "alice@hoge.foo.jp"), Header::new("Subject", "one")];
        let recipients = [recipient("nouser", Action::Failed)];
        let mut facts = ReportFacts {
            kind: ReportKind::Failure,
            id: &own,
            now: UnixTime::from_secs(1_795_390_129),
            zone: &TimeZone::UTC,
            host: b"hoge.foo.jp",
            to: &["alice@hoge.foo.jp".into()],
            original_id: &original,
            arrived: UnixTime::from_secs(1_795_390_129),
            origin: b"root@localhost",
            received_from: None,
            envid: None,
            deliver_by: None,
            recipients: &recipients,
            transcript: b"550 5.1.1 nouser... User unknown\n",
            error_header: b"",
            headers: &headers,
            body_too: true,
            eight_bit: false,
            mime: true,
        };
        change(&mut facts);
        let report = report(&facts);
        let headers = report.headers.iter().map(|header| format!("{}:{}", header.name, header.value)).collect();
        let body = if report.body_too { "BODY\n" } else { "" };
        let text = [&report.before, body.as_bytes(), &report.after].concat();
        (headers, text.to_str().expect("plain").to_owned())
    }

    #[test]
    fn a_failure_is_told_as_the_original_tells_it() {
        let (headers, body) = made(|_| {});
        assert_eq!(
            headers,
            [
                "To: alice@hoge.foo.jp",
                "MIME-Version: 1.0",
                "Content-Type: multipart/report; report-type=delivery-status;\n\tboundary=\"6AMNSnhG000039.1795390129/hoge.foo.jp\"",
                "Subject: Returned mail: see transcript for details",
                "Auto-Submitted: auto-generated (failure)",
            ]
        );
        let expected = "\
This is a MIME-encapsulated message

--B

The original message was received at Sun, 22 Nov 2026 23:28:49 GMT
from root@localhost

   ----- The following addresses had permanent fatal errors -----
nouser
    (reason: 550 5.1.1 User unknown)

   ----- Transcript of session follows -----
550 5.1.1 nouser... User unknown

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; hoge.foo.jp
Arrival-Date: Sun, 22 Nov 2026 23:28:49 GMT

Final-Recipient: RFC822; nouser@hoge.foo.jp
X-Actual-Recipient: rfc822; nouser@hoge.foo.jp
Action: failed
Status: 5.1.1
Diagnostic-Code: X-Unix; 550 5.1.1 User unknown
Last-Attempt-Date: Sun, 22 Nov 2026 23:28:49 GMT

--B
Content-Type: message/rfc822

From: alice@hoge.foo.jp
Subject: one

BODY

--B--

";
        assert_eq!(body.replace("6AMNSnhG000039.1795390129/hoge.foo.jp", "B"), expected);
    }

    #[test]
    fn when_only_the_header_comes_back_then_its_part_says_so() {
        let (_, body) = made(|facts| facts.body_too = false);
        assert!(body.contains("Content-Type: text/rfc822-headers\n\nFrom: alice@hoge.foo.jp\nSubject: one\n\n--6AMN"));
        assert!(!body.contains("BODY"));
    }

    #[test]
    fn without_mime_there_are_words_only() {
        let (headers, body) = made(|facts| {
            facts.mime = false;
            facts.error_header = b"Sorry folks\n";
        });
        assert_eq!(headers.len(), 3);
        assert!(body.contains("from root@localhost\n\nSorry folks\n\n   ----- The following"), "{body}");
        assert!(
            body.ends_with(
                "   ----- Original message follows -----\n\nFrom: alice@hoge.foo.jp\nSubject: one\n\nBODY\n\n"
            )
        );
        let (_, body) = made(|facts| (facts.mime, facts.body_too) = (false, false));
        assert!(body.ends_with("Subject: one\n\n   ----- Message body suppressed -----\n\n"), "{body}");
    }

    #[test]
    fn a_warning_says_that_it_is_one() {
        let (headers, body) = made(|facts| {
            let (waited, kept) = (Duration::from_secs(4 * 3600), Duration::from_secs(5 * 86_400));
            facts.kind = ReportKind::Delay { waited, kept };
        });
        assert!(headers.contains(&"Subject: Warning: could not send message for past 4 hours".to_owned()));
        assert!(headers.contains(&"Auto-Submitted: auto-generated (warning-timeout)".to_owned()));
        assert!(body.contains("**      THIS IS A WARNING MESSAGE ONLY      **"));
    }

    #[test]
    fn receipts_tell_how_far_the_message_came() {
        let mut prog = recipient("prog", Action::Delivered);
        prog.expanded_from = Some("prog".into());
        let recipients = [prog, recipient("zz", Action::Relayed)];
        let (headers, body) = made(|facts| {
            facts.kind = ReportKind::Receipt;
            facts.body_too = false;
            facts.recipients = Box::leak(Box::new(recipients));
        });
        assert!(headers.contains(&"Subject: Return receipt".to_owned()));
        assert!(body.contains("prog  (successfully delivered to mailbox)\n    (expanded from: prog)\nzz  (relayed to non-DSN-aware mailer)\n\n"));
        assert!(body.contains("Action: relayed (to non-DSN-aware mailer)\n"));
    }

    #[test]
    fn the_postmaster_is_told_the_id() {
        let (headers, body) = made(|facts| facts.kind = ReportKind::Postmaster);
        assert!(headers.contains(&"Subject: Postmaster notify: see transcript for details".to_owned()));
        assert!(body.contains("from root@localhost\nwith id 6AMNSnhF000039\n\n"));
    }

    #[test]
    fn no_text_of_others_begins_a_line() {
        let mut evil = recipient("a", Action::Failed);
        evil.orcpt = Some(Arc::new("rfc822;a+0D+0AAction:+20delivered+2B".into()));
        evil.diagnostic = Some(("SMTP".into(), "550 x\r\n\r\n--B\nStatus: 2.0.0".into()));
        let (_, body) = made(|facts| {
            facts.recipients = Box::leak(Box::new([evil]));
            facts.envid = Some(b"e+0Ax+20y");
        });
        assert!(body.contains("Original-Envelope-Id: e x y\n"));
        assert!(body.contains("Original-Recipient: rfc822;a  Action: delivered+\n"));
        assert!(body.contains("Diagnostic-Code: SMTP; 550 x    --B Status: 2.0.0\n"));
    }
}
