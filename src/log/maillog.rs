//! The lines of the maillog that other programs read, field by field in the original's order (op guide, "System Log").

use std::time::Duration;

use bstr::{BStr, BString, ByteSlice};

use crate::name::{Elapsed, QueueId, Status};

use super::handle::{About, Level, Log};
use super::text::shorten;

/// The longest sender of a `from=` line.
const SENDER_BYTES_MAX: usize = 200;
/// The longest message identifier.
const MESSAGE_ID_BYTES_MAX: usize = 100;
/// The longest controlling address.
const CONTROL_BYTES_MAX: usize = 83;
/// The longest host of a `to=` line.
const RELAY_BYTES_MAX: usize = 40;
/// The longest status or reply.
const STATUS_BYTES_MAX: usize = 203;
/// What the recipients of one `to=` line share with its other fields.
const RECIPIENTS_LINE_BYTES: usize = 1024 - 100;
/// The room that recipients have at least.
const RECIPIENTS_BYTES_MIN: usize = 20;

/// A message came in: `from=<a>, size=17, class=0, nrcpts=2, …`.
#[derive(Clone, Debug, Default)]
pub struct Accepted<'a> {
    /// The sender as given.
    pub from: &'a BStr,
    /// The size of header and body.
    pub size_bytes: u64,
    /// The message class.
    pub class: i64,
    /// How many recipients were accepted.
    pub recipients: usize,
    /// The message identifier with its angle brackets; empty: none yet.
    pub message_id: &'a BStr,
    /// `BODY=`.
    pub body_type: Option<&'a BStr>,
    /// The protocol: `ESMTP`.
    pub protocol: Option<&'a BStr>,
    /// The name of the listener.
    pub daemon: Option<&'a BStr>,
    /// The client: `name [address]`, or `user@localhost`.
    pub relay: &'a BStr,
}

impl Accepted<'_> {
    /// Writes the line.
    pub fn write<'a>(&self, log: &Log, about: impl Into<About<'a>>) {
        log.line(Level::ACCEPTED, about, &self.line());
    }

    /// Returns the line.
    pub fn line(&self) -> BString {
        let mut line = BString::from("from=");
        line.extend_from_slice(&self.from[..self.from.len().min(SENDER_BYTES_MAX)]);
        let numbers = format!(", size={}, class={}, nrcpts={}", self.size_bytes, self.class, self.recipients);
        line.extend_from_slice(numbers.as_bytes());
        let id = &self.message_id[..self.message_id.len().min(MESSAGE_ID_BYTES_MAX)];
        for (name, value) in [
            ("msgid", Some(id.as_bstr())),
            ("bodytype", self.body_type),
            ("proto", self.protocol),
            ("daemon", self.daemon),
        ] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                field(&mut line, name, value);
            }
        }
        field(&mut line, "relay", self.relay);
        line
    }
}

/// What became of recipients: `to=<a>,<b>, ctladdr=…, delay=…, … stat=…`.
#[derive(Clone, Debug, Default)]
pub struct Delivered<'a> {
    /// The recipients, as given.
    pub to: Vec<BString>,
    /// On whose behalf: address, and uid and gid if they are known.
    pub control: Option<(&'a BStr, Option<(u32, u32)>)>,
    /// How old the message is.
    pub delay: Duration,
    /// How long this delivery took; `None`: none was tried.
    pub transaction_delay: Option<Duration>,
    /// The mailer.
    pub mailer: Option<&'a BStr>,
    /// The priority of the message.
    pub priority: i64,
    /// The host it went to: `host. [address]`, made by [`relay`].
    pub relay: Option<&'a BStr>,
    /// `quarantine=`: why it is held.
    pub quarantine: Option<&'a BStr>,
    /// The enhanced status code.
    pub dsn: Option<Status>,
    /// The last reply of the other side.
    pub reply: Option<&'a BStr>,
    /// `Sent (…)`, `Deferred: …`, `User unknown`, `queued`.
    pub status: &'a BStr,
}

/// Returns the text of a `relay=` field of a `to=` line.
pub fn relay(host: &[u8], address: Option<&str>) -> BString {
    let mut text = shorten(host, RELAY_BYTES_MAX);
    if let Some(address) = address {
        text.extend_from_slice(format!(" [{address}]").as_bytes());
    }
    text
}

impl Delivered<'_> {
    /// Returns the level the line is written at, which its status decides.
    pub fn level(&self) -> Level {
        if self.status.starts_with(b"Sent") || self.status.starts_with(b"deliverable") {
            Level::DELIVERED
        } else if self.status.starts_with(b"Deferred") || self.status.starts_with(b"queued") {
            Level::DEFERRED
        } else {
            Level::FAILED
        }
    }

    /// Writes the line, or as many as the recipients need.
    pub fn write<'a>(&self, log: &Log, about: impl Into<About<'a>>) {
        let about = about.into();
        if log.is_written(self.level()) {
            for line in self.lines() {
                log.line(self.level(), about, &line);
            }
        }
    }

    /// Returns the lines: recipients that find no room in one go into the next.
    pub fn lines(&self) -> Vec<BString> {
        let fields = self.fields();
        let room = RECIPIENTS_LINE_BYTES.saturating_sub(fields.len()).max(RECIPIENTS_BYTES_MIN);
        let whole = bstr::join(",", &self.to);
        let mut rest = whole.as_slice();
        let mut lines = Vec::new();
        while rest.len() >= room {
            let Some(comma) = rest[..=room.min(rest.len() - 1)].rfind_byte(b',').filter(|at| *at > 0) else { break };
            lines.push(assemble(&rest[..comma], " [more]", &fields));
            rest = &rest[comma + 1..];
        }
        lines.push(assemble(&rest[..rest.len().min(room)], "", &fields));
        lines
    }

    /// Returns everything behind the recipients.
    fn fields(&self) -> BString {
        let mut line = BString::default();
        if let Some((address, owner)) = self.control {
            field(&mut line, "ctladdr", &shorten(address, CONTROL_BYTES_MAX));
            if let Some((uid, gid)) = owner {
                line.extend_from_slice(format!(" ({uid}/{gid})").as_bytes());
            }
        }
        field(&mut line, "delay", Elapsed(self.delay).to_string().as_bytes());
        if let Some(delay) = self.transaction_delay {
            field(&mut line, "xdelay", Elapsed(delay).to_string().as_bytes());
        }
        if let Some(mailer) = self.mailer {
            field(&mut line, "mailer", mailer);
        }
        field(&mut line, "pri", self.priority.max(0).to_string().as_bytes());
        if let Some(relay) = self.relay {
            field(&mut line, "relay", relay);
        }
        if let Some(reason) = self.quarantine {
            field(&mut line, "quarantine", &shorten(reason, RELAY_BYTES_MAX));
        }
        if let Some(dsn) = self.dsn {
            field(&mut line, "dsn", dsn.to_string().as_bytes());
        }
        if let Some(reply) = self.reply {
            field(&mut line, "reply", &shorten(reply, STATUS_BYTES_MAX));
        }
        field(&mut line, "stat", &shorten(self.status, STATUS_BYTES_MAX));
        line
    }
}

/// Appends `, name=value`.
fn field(line: &mut BString, name: &str, value: &[u8]) {
    line.extend_from_slice(format!(", {name}=").as_bytes());
    line.extend_from_slice(value);
}

/// Puts a `to=` line together.
fn assemble(to: &[u8], more: &str, fields: &[u8]) -> BString {
    [b"to=", to, more.as_bytes(), fields].concat().into()
}

/// What a ruleset decided against a message.
#[derive(Clone, Copy, Debug)]
pub enum Verdict<'a> {
    /// `reject=550 5.7.1 …`.
    Reject(&'a BStr),
    /// `discard`.
    Discard,
    /// `quarantine=reason`.
    Quarantine(&'a BStr),
}

/// A ruleset decided: `ruleset=check_rcpt, arg1=<x@y>, relay=…, reject=…`.
#[derive(Clone, Copy, Debug)]
pub struct Rejected<'a> {
    /// The name of the ruleset.
    pub ruleset: &'a str,
    /// Its first argument.
    pub arg1: &'a BStr,
    /// Its second argument.
    pub arg2: Option<&'a BStr>,
    /// The client: `name [address]`.
    pub relay: Option<&'a BStr>,
    /// What it decided.
    pub verdict: Verdict<'a>,
}

impl Rejected<'_> {
    /// Writes the line.
    pub fn write<'a>(&self, log: &Log, about: impl Into<About<'a>>) {
        log.line(Level::REJECT, about, &self.line());
    }

    /// Returns the line.
    pub fn line(&self) -> BString {
        let mut line = BString::from(format!("ruleset={}", self.ruleset));
        field(&mut line, "arg1", self.arg1);
        for (name, value) in [("arg2", self.arg2), ("relay", self.relay)] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                field(&mut line, name, value);
            }
        }
        match self.verdict {
            Verdict::Reject(reply) => field(&mut line, "reject", reply),
            Verdict::Discard => line.extend_from_slice(b", discard"),
            Verdict::Quarantine(reason) => field(&mut line, "quarantine", reason),
        }
        line
    }
}

/// Returns the line about recipients that were put into entries of their own; none if there are no such entries.
pub fn split<'a>(ids: impl DoubleEndedIterator<Item = &'a QueueId> + ExactSizeIterator) -> Option<String> {
    let count = ids.len();
    let ids: Vec<&str> = ids.rev().map(QueueId::as_str).collect();
    let name = if count == 1 { "id" } else { "ids" };
    (count > 0).then(|| format!("split: count={count}, {name}={}", ids.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_were_split_off_are_named_from_the_last_to_the_first() {
        let ids = ["6AT7qq9J000075", "6AT7qq9K000075"].map(|id| id.parse::<QueueId>().expect("an id"));
        assert_eq!(split(ids[..0].iter()), None);
        assert_eq!(split(ids[..1].iter()).as_deref(), Some("split: count=1, id=6AT7qq9J000075"));
        let both = split(ids.iter());
        assert_eq!(both.as_deref(), Some("split: count=2, ids=6AT7qq9K000075; 6AT7qq9J000075"));
    }

    #[test]
    fn an_accepted_message_tells_its_facts_in_order() {
        let line = Accepted {
            from: "<a@example.com>".into(),
            size_bytes: 31,
            recipients: 1,
            message_id: "<x@y>".into(),
            protocol: Some("ESMTP".into()),
            daemon: Some("MTA".into()),
            relay: "client.example.net [192.0.2.77]".into(),
            ..Accepted::default()
        };
        let expected = "from=<a@example.com>, size=31, class=0, nrcpts=1, msgid=<x@y>, proto=ESMTP, daemon=MTA, \
                        relay=client.example.net [192.0.2.77]";
        assert_eq!(line.line(), expected);
        let long = Accepted { from: BStr::new(&[b'x'; 300]), message_id: BStr::new(&[b'y'; 300]), ..line };
        assert!(long.line().starts_with(format!("from={}, size=31", "x".repeat(200)).as_bytes()));
        assert!(long.line().contains_str(format!("msgid={}, proto", "y".repeat(100))));
    }

    fn sent<'a>(to: &[&str], status: &'a str) -> Delivered<'a> {
        Delivered {
            to: to.iter().map(|to| BString::from(*to)).collect(),
            control: Some(("root".into(), Some((0, 0)))),
            delay: Duration::from_secs(93_784),
            transaction_delay: Some(Duration::from_secs(1)),
            mailer: Some("esmtp".into()),
            priority: 60_002,
            relay: Some("mx1.example.com. [198.51.100.11]".into()),
            dsn: Some(Status::new(2, 0, 0)),
            status: status.into(),
            ..Delivered::default()
        }
    }

    #[test]
    fn a_delivery_tells_its_facts_in_order() {
        let expected = "to=x@example.com, ctladdr=root (0/0), delay=1+02:03:04, xdelay=00:00:01, mailer=esmtp, pri=60002, \
                        relay=mx1.example.com. [198.51.100.11], dsn=2.0.0, stat=Sent (taken)";
        assert_eq!(sent(&["x@example.com"], "Sent (taken)").lines(), [expected]);
        let line = Delivered {
            to: vec!["nouser".into()],
            mailer: Some("local".into()),
            dsn: Some(Status::new(5, 1, 1)),
            reply: Some("550 5.1.1 User unknown".into()),
            status: "User unknown".into(),
            ..Delivered::default()
        };
        let expected = "to=nouser, delay=00:00:00, mailer=local, pri=0, dsn=5.1.1, reply=550 5.1.1 User unknown, stat=User unknown";
        assert_eq!(line.lines(), [expected]);
    }

    #[test]
    fn many_recipients_fill_several_lines() {
        let to: Vec<_> = (1..=60).map(|number| format!("r{number}@many.example.com")).collect();
        let to: Vec<_> = to.iter().map(String::as_str).collect();
        let mut line = sent(&to, "Host unknown (Name server: many.example.com: host not found)");
        line.delay = Duration::ZERO;
        line.priority = 1_800_015;
        line.relay = Some("many.example.com".into());
        let lines = line.lines();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].contains_str("r35@many.example.com [more], ctladdr=root"));
        assert!(lines[1].starts_with(b"to=r36@many.example.com,"));
    }

    #[test]
    fn one_endless_recipient_is_cut() {
        let long = "x".repeat(3000);
        let lines = sent(&[&long], "Sent").lines();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].len() < 1000);
    }

    #[test]
    fn the_status_decides_the_level() {
        assert_eq!(sent(&[], "Sent (ok)").level(), Level::DELIVERED);
        assert_eq!(sent(&[], "Deferred: Connection refused").level(), Level::DEFERRED);
        assert_eq!(sent(&[], "User unknown").level(), Level::FAILED);
    }

    #[test]
    fn a_refusal_tells_ruleset_and_reply() {
        let mut line = Rejected {
            ruleset: "check_relay",
            arg1: "c81.example.net".into(),
            arg2: Some("192.0.2.81".into()),
            relay: Some("c81.example.net [192.0.2.81]".into()),
            verdict: Verdict::Reject("550 5.7.1 Access denied".into()),
        };
        let expected = "ruleset=check_relay, arg1=c81.example.net, arg2=192.0.2.81, relay=c81.example.net [192.0.2.81], reject=550 5.7.1 Access denied";
        assert_eq!(line.line(), expected);
        line.verdict = Verdict::Quarantine("held".into());
        assert!(line.line().ends_with(b", quarantine=held"));
        line.verdict = Verdict::Discard;
        assert!(line.line().ends_with(b"[192.0.2.81], discard"));
    }

    #[test]
    fn long_hosts_are_shortened() {
        assert_eq!(relay(b"mx1.example.com.", Some("198.51.100.11")), "mx1.example.com. [198.51.100.11]");
        assert_eq!(relay(&[b'h'; 60], None).len(), 39);
    }
}
