//! A line of the maillog as a question.

use std::net::{IpAddr, Ipv4Addr};

use bstr::{BString, ByteSlice};

use super::Question;

/// Reads a line that the program (or the original) has logged; the error is the text for the user.
pub(super) fn question(line: &[u8]) -> Result<Question, String> {
    let field = |name: &str| field(line, name);
    let relay = field("relay=");
    let addresses = |text: BString| -> Vec<BString> { text.split_str(",").map(bare).collect() };
    let mut question =
        Question::new(relay.as_ref().and_then(|relay| address(relay)).unwrap_or(Ipv4Addr::LOCALHOST.into()));
    question.client_name = relay.as_ref().and_then(|relay| name(relay));
    match field("ruleset=").as_ref().map(|ruleset| ruleset.as_bytes()) {
        Some(b"check_relay") => {
            question.client =
                field("arg2=").and_then(|text| text.to_str().ok()?.parse().ok()).unwrap_or(question.client);
            question.sender = Some(BString::default());
        }
        Some(b"check_mail") => question.sender = field("arg1=").map(|text| bare(&text)),
        Some(_) => {
            question.sender = Some(BString::default());
            question.recipients = field("arg1=").map(addresses).unwrap_or_default();
        }
        None => {
            question.sender = field("from=").map(|text| bare(&text));
            if let Some(recipients) = field("to=") {
                // Here the relay is the host that the message went to.
                question = Question { sender: Some(BString::default()), ..Question::new(Ipv4Addr::LOCALHOST.into()) };
                question.recipients = addresses(recipients);
            }
        }
    }
    match question.sender {
        Some(_) => Ok(question),
        None => Err("this line tells no sender and no recipient: give one with from=, to= or ruleset=".into()),
    }
}

/// Returns the text of a field, up to the comma and space that end it.
fn field(line: &[u8], name: &str) -> Option<BString> {
    let at = line.find(name)?;
    let starts = at == 0 || line[..at].ends_with(b" ");
    let text = &line[at + name.len()..];
    starts.then(|| text[..text.find(", ").unwrap_or(text.len())].into())
}

fn bare(address: &[u8]) -> BString {
    let address = address.trim();
    address.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")).unwrap_or(address).into()
}

/// Returns the address in `name [address]`.
fn address(relay: &[u8]) -> Option<IpAddr> {
    let inner = &relay[relay.find("[")? + 1..];
    let text = inner[..inner.find("]")?].to_str().ok()?;
    text.trim_start_matches("IPv6:").parse().ok()
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
    fn check(line: &str, client: &str, sender: &str, recipients: &[&str]) {
        let question = question(line.as_bytes()).expect("a question");
        assert_eq!(question.client.to_string(), client);
        assert_eq!(
            (question.sender, question.recipients),
            (Some(sender.into()), recipients.iter().map(|to| (*to).into()).collect())
        );
    }

    #[test]
    fn each_kind_of_line_is_a_question() {
        let refused = "Nov 29 01:02:03 h sm-mta[7]: 6AT1: ruleset=check_rcpt, arg1=<x@y>, relay=a.b [192.0.2.1], reject=550 5.7.1 <x@y>... Relaying denied";
        check(refused, "192.0.2.1", "", &["x@y"]);
        check("ruleset=check_mail, arg1=<s@t>, relay=[192.0.2.2], reject=x", "192.0.2.2", "s@t", &[]);
        check("ruleset=check_relay, arg1=h, arg2=192.0.2.3, relay=h [192.0.2.3]", "192.0.2.3", "", &[]);
        check("6AT: from=<a@b>, size=1, relay=localhost [127.0.0.1]", "127.0.0.1", "a@b", &[]);
        check("6AT: to=<a@b>,<c@d>, delay=00:00:01, relay=mx [192.0.2.5], stat=Sent", "127.0.0.1", "", &["a@b", "c@d"]);
    }

    #[test]
    fn a_line_about_something_else_is_refused() {
        assert!(question(b"starting daemon").is_err());
    }
}
