//! A line of the maillog as a question.

use std::net::{IpAddr, Ipv4Addr};

use bstr::{BString, ByteSlice};

use super::question::{SOMEBODY, address, bare};
use super::{Fate, Question};
use crate::policy::{self, Subject};

/// What a line tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Logged {
    /// The question that it makes.
    pub(super) question: Question,
    /// What is missing in it and what is asked instead; what it is about.
    pub(super) notes: Vec<String>,
    /// What became of it then, if it was not simply accepted.
    pub(super) then: Option<Then>,
    /// The ruleset of a header check and the value that it judged: which field, only the configuration knows.
    pub(super) header_check: Option<(BString, BString)>,
}

/// What became of a message or recipient then.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Then {
    /// It was refused, with this reply or its end.
    Refused(BString),
    /// It was thrown away.
    Discarded,
    /// It was held, for this reason.
    Held(BString),
}

impl Then {
    /// Reads the end of a line about a ruleset.
    fn of(line: &[u8]) -> Option<Self> {
        let refused = field(line, "reject").map(Self::Refused);
        let held = || field(line, "quarantine").map(Self::Held);
        refused.or_else(held).or_else(|| line.trim_end().ends_with(b", discard").then_some(Self::Discarded))
    }

    /// Tells whether it is the same today.
    pub(super) fn is(&self, today: &Fate) -> bool {
        match (self, today) {
            (Self::Refused(then), Fate::Refused { reply, .. }) => reply.ends_with(then),
            (Self::Discarded, Fate::Discarded { .. }) => true,
            (Self::Held(then), Fate::Held { reason, .. }) => reason == then,
            _ => false,
        }
    }

    /// Returns the text for a person.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Refused(reply) => reply.to_string(),
            Self::Discarded => "discarded".to_owned(),
            Self::Held(reason) => format!("held: {reason}"),
        }
    }
}

/// Reads a line that the program (or the original) has logged; the error is the text for the user.
pub(super) fn read(line: &[u8]) -> Result<Logged, String> {
    if let Some(ruleset) = field(line, "ruleset") {
        return judged(line, &ruleset);
    }
    if let Some(recipients) = field(line, "to") {
        return Ok(delivery(line, &recipients));
    }
    if let Some(sender) = field(line, "from") {
        let question = Question { sender: Some(bare(&sender)), ..of_relay(line) };
        return Ok(Logged { notes: client_note(line), ..Logged::of(question) });
    }
    refused_recipient(line).ok_or_else(|| {
        "this line tells no sender and no recipient: give one with from=, to=, ruleset= or `<recipient>... reply'"
            .into()
    })
}

impl Logged {
    fn of(question: Question) -> Self {
        Self { question, notes: Vec::new(), then: None, header_check: None }
    }
}

/// Reads `ruleset=…, arg1=…, relay=…, reject=…`.
fn judged(line: &[u8], ruleset: &BString) -> Result<Logged, String> {
    let arg = |name: &str| field(line, name).unwrap_or_default();
    let name = ruleset.to_str_lossy().to_ascii_lowercase();
    let mut logged = Logged { then: Then::of(line), notes: client_note(line), ..Logged::of(of_relay(line)) };
    let question = &mut logged.question;
    let about = |what: &str| format!("this line tells of {what}");
    match name.as_str() {
        "check_relay" => {
            question.client = address(&arg("arg2")).unwrap_or(question.client);
            question.sender = Some(BString::default());
        }
        "check_mail" => question.sender = Some(bare(&arg("arg1"))),
        "check_rcpt" => {
            question.recipients = vec![bare(&arg("arg1"))];
            logged.notes.push("this line does not tell the sender: asked with <>; say --from SENDER".into());
        }
        "check_compat" => {
            question.sender = Some(bare(&arg("arg1")));
            question.recipients = vec![bare(&arg("arg2"))];
            logged.notes.push(about("check_compat, which is asked at delivery and not here: see `sendmail -bt'"));
        }
        "check_data" | "check_eoh" | "check_eom" => {
            let what = match name.as_str() {
                "check_data" => {
                    format!("check_data, which judges a message of {} recipients before it comes", arg("arg1"))
                }
                "check_eoh" => format!("check_eoh, which judges a header of {} fields as a whole", arg("arg1")),
                _ => format!("check_eom, which judges a message of {} bytes as a whole", arg("arg1")),
            };
            logged.notes.push(format!("{}; asked with a short message", about(&what)));
            question.recipients = vec![SOMEBODY.into()];
        }
        _ if matches!(policy::subject(ruleset), Some(Subject::Command | Subject::Peer)) => {
            return Err(format!("{}, which judges no message; try it with `sendmail -bt'", about(&name)));
        }
        _ => {
            let value = arg("arg1");
            logged.notes.push(about(&format!("the header check {ruleset}: {value}")));
            question.recipients = vec![SOMEBODY.into()];
            logged.header_check = Some((ruleset.clone(), value));
        }
    }
    Ok(logged)
}

/// Reads `to=…, relay=…, stat=…`: here the relay is the host that the message went to.
fn delivery(line: &[u8], recipients: &BString) -> Logged {
    let recipients = recipients.split_str(",").map(bare).collect();
    let question = Question { recipients, ..Question::new(Ipv4Addr::LOCALHOST.into()) };
    let told = |name: &str| field(line, name).map(|text| format!("{name}={text}"));
    let way: Vec<String> = ["mailer", "relay", "stat"].into_iter().filter_map(told).collect();
    let note = format!(
        "this line tells of a delivery ({}) and names no client: asked as from this host; say --client and --from",
        way.join(", ")
    );
    Logged { notes: vec![note], ..Logged::of(question) }
}

/// Reads `QID: <recipient>... reply`.
fn refused_recipient(line: &[u8]) -> Option<Logged> {
    let start = line.find(": <").map(|at| at + 2).or_else(|| line.starts_with(b"<").then_some(0))?;
    let (recipient, reply) = line[start..].split_once_str("... ")?;
    let question = Question { recipients: vec![bare(recipient)], ..Question::new(Ipv4Addr::LOCALHOST.into()) };
    let note = "this line names no client and no sender: asked as from this host; say --client and --from".into();
    let then = Some(Then::Refused([recipient, b"... ", reply].concat().into()));
    Some(Logged { notes: vec![note], then, ..Logged::of(question) })
}

/// Returns the question about the client that `relay=` names, who says nothing yet.
fn of_relay(line: &[u8]) -> Question {
    let relay = field(line, "relay");
    let client = relay.as_ref().and_then(|relay| address_within(relay)).unwrap_or(Ipv4Addr::LOCALHOST.into());
    Question { client_name: relay.as_ref().and_then(|relay| name(relay)), ..Question::new(client) }
}

/// Says that a line names no client.
fn client_note(line: &[u8]) -> Vec<String> {
    let known = field(line, "relay").and_then(|relay| address_within(&relay)).is_some();
    let note = || "this line names no client: asked as from this host; say --client".to_owned();
    if known { Vec::new() } else { vec![note()] }
}

/// Returns the text of a field, up to the next one; a reply reaches to the end of the line.
fn field(line: &[u8], name: &str) -> Option<BString> {
    let pattern = format!("{name}=");
    let starts = |at: &usize| *at == 0 || line[..*at].ends_with(b" ");
    let at = line.find_iter(&pattern).find(starts)?;
    let text = &line[at + pattern.len()..];
    let is_end = |at: &usize| {
        let next = &text[at + 2..];
        let word = next.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        word > 0 && next.get(word) == Some(&b'=') || next.trim_end() == b"discard"
    };
    let end = text.find_iter(", ").find(is_end).filter(|_| !matches!(name, "reject" | "quarantine" | "stat"));
    Some(text[..end.unwrap_or(text.len())].trim_end().into())
}

/// Returns the address in `name [address]`.
fn address_within(relay: &[u8]) -> Option<IpAddr> {
    let inner = &relay[relay.find("[")?..];
    address(&inner[..=inner.find("]")?]).ok()
}

/// Returns the verified name in `name [address]`.
fn name(relay: &[u8]) -> Option<BString> {
    let name = relay[..relay.find("[")?].trim();
    let is_verified = !name.is_empty() && !relay.contains_str("may be forged");
    is_verified.then(|| name.rsplit_str("@").next().unwrap_or(name).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, client: &str, sender: Option<&str>, recipients: &[&str], refusal: Option<&str>) -> Logged {
        let logged = read(line.as_bytes()).expect("a question");
        let question = &logged.question;
        assert_eq!(question.client.to_string(), client);
        assert_eq!(
            (question.sender.clone(), &question.recipients[..]),
            (sender.map(Into::into), &recipients.iter().map(|to| BString::from(*to)).collect::<Vec<_>>()[..])
        );
        assert_eq!(logged.then, refusal.map(|reply| Then::Refused(reply.into())));
        logged
    }

    #[test]
    fn each_kind_of_line_is_a_question() {
        let refused = "Nov 29 01:02:03 h sm-mta[7]: 6AT1: ruleset=check_rcpt, arg1=<x@y>, relay=a.b [192.0.2.1], reject=550 5.7.1 <x@y>... Relaying denied, a=b";
        check(refused, "192.0.2.1", None, &["x@y"], Some("550 5.7.1 <x@y>... Relaying denied, a=b"));
        check("ruleset=check_mail, arg1=<s@t>, relay=[192.0.2.2], reject=x", "192.0.2.2", Some("s@t"), &[], Some("x"));
        let relay = "ruleset=check_relay, arg1=h, arg2=192.0.2.3, relay=h [192.0.2.3], discard";
        assert_eq!(read(relay.as_bytes()).expect("a question").question.client.to_string(), "192.0.2.3");
        check("6AT: from=<a@b>, size=1, relay=localhost [127.0.0.1]", "127.0.0.1", Some("a@b"), &[], None);
    }

    #[test]
    fn what_a_line_does_not_tell_is_said() {
        let logged = check(
            "6AT: to=<a@b>,<c@d>, delay=00:00:01, mailer=esmtp, relay=mx [192.0.2.5], stat=User unknown",
            "127.0.0.1",
            None,
            &["a@b", "c@d"],
            None,
        );
        let note = "this line tells of a delivery (mailer=esmtp, relay=mx [192.0.2.5], stat=User unknown) and names no client: \
                    asked as from this host; say --client and --from";
        assert_eq!(logged.notes, [note]);
        let unknown = "Nov 29 10:00:00 h sm-mta[1]: 6AT: <nosuch@h.test>... User unknown";
        check(unknown, "127.0.0.1", None, &["nosuch@h.test"], Some("<nosuch@h.test>... User unknown"));
    }

    #[test]
    fn a_header_check_is_about_a_field() {
        let line = "6AT: ruleset=CheckSubject, arg1=make, money fast, relay=x [192.0.2.1], reject=554 5.7.1 money";
        let logged = check(line, "192.0.2.1", None, &["postmaster"], Some("554 5.7.1 money"));
        assert_eq!(logged.notes, ["this line tells of the header check CheckSubject: make, money fast"]);
        assert_eq!(logged.header_check, Some(("CheckSubject".into(), "make, money fast".into())));
        let logged = check(
            "6AT: ruleset=check_eoh, arg1=5, arg2=200, relay=x [192.0.2.1], reject=554 no",
            "192.0.2.1",
            None,
            &["postmaster"],
            Some("554 no"),
        );
        assert!(logged.notes[0].starts_with("this line tells of check_eoh, which judges a header of 5 fields"));
    }

    #[test]
    fn what_became_of_it_then_is_compared_with_today() {
        let then =
            |end: &str| Then::of(format!("ruleset=check_mail, arg1=<a@b>, relay=h [192.0.2.1], {end}").as_bytes());
        let ruleset = || "check_mail".to_owned();
        let (reply, command) = (BString::from("550 5.7.1 no, never"), BString::from("MAIL"));
        assert!(then("reject=550 5.7.1 no, never").expect("one").is(&Fate::Refused { command, reply }));
        assert!(then("discard").expect("one").is(&Fate::Discarded { ruleset: ruleset() }));
        let held = then("quarantine=a, b=c").expect("one");
        assert!(held.is(&Fate::Held { ruleset: ruleset(), reason: "a, b=c".into() }) && !held.is(&Fate::Accepted));
    }

    #[test]
    fn a_line_about_something_else_is_refused() {
        assert!(read(b"starting daemon").is_err());
        let error = read(b"ruleset=check_vrfy, arg1=root, relay=x [192.0.2.1], reject=550 no").expect_err("no message");
        assert!(error.starts_with("this line tells of check_vrfy, which judges no message"));
    }
}
