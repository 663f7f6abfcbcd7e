//! Which one line of a map of permissions would change the outcome: the least that works; tried, not guessed.

use std::cmp::Reverse;
use std::sync::Arc;

use bstr::{BString, ByteSlice};

use super::asked::Asked;
use super::deciding::{Line, suppose};
use super::fate::Fate;
use super::{Dialogue, Question};
use crate::site::Site;

/// The most sessions that are held to find out.
const TRIALS_MAX: usize = 60;

/// The tags of keys that are about one of those who have to do with a message (cf/README, "FEATURE(access_db)").
const TAGS: [(&[u8], Subject); 3] =
    [(b"connect:", Subject::Client), (b"to:", Subject::Recipient), (b"from:", Subject::Sender)];

/// A line of a map's text file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Remedy {
    /// The map.
    pub(super) map: BString,
    /// The text file.
    pub(super) file: BString,
    /// The key.
    pub(super) key: BString,
    /// The value with which the outcome is another.
    pub(super) value: BString,
    /// What else it lets pass, where it lets pass more than this message.
    pub(super) allows: Option<String>,
}

/// Whom a key is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Subject {
    Client,
    Recipient,
    Sender,
}

/// Finds lines that would let pass what is refused, held or thrown away: one about the client, one about the recipient, one
/// about the sender; or that would refuse what a line has let pass.
pub(super) async fn find(
    site: &Arc<Site>,
    question: &Question,
    dialogue: &Dialogue,
    asked: &[Asked],
    deciding: &[Line],
) -> Vec<Remedy> {
    let is_accepted = dialogue.fate() == Fate::Accepted;
    let mut trials = 0;
    let mut found: Vec<(Subject, Remedy)> = Vec::new();
    for (subject, asked) in candidates(question, asked) {
        let is_told = found.iter().any(|(known, _)| *known == subject);
        let decides = deciding.iter().any(|line| line.map == asked.map && line.key == asked.key);
        if is_told || is_accepted && !decides {
            continue;
        }
        for value in values(is_accepted, subject, &asked.key) {
            trials += 1;
            if trials > TRIALS_MAX {
                break;
            }
            let fate = Dialogue::hold(site, question, Some(suppose(asked, Some(value)))).await.fate();
            if (fate == Fate::Accepted) != is_accepted {
                found.push((subject, remedy(asked, subject, value)));
                break;
            }
        }
    }
    found.into_iter().map(|(_, remedy)| remedy).collect()
}

/// Returns the values that are tried, that which allows the least first. A sender may be anybody, so that a key without a tag
/// that lets one relay would let relay to him, too.
fn values(is_accepted: bool, subject: Subject, key: &[u8]) -> &'static [&'static str] {
    match subject {
        _ if is_accepted => &["REJECT"],
        Subject::Sender if tag(key).is_none() => &["OK"],
        _ => &["OK", "RELAY"],
    }
}

/// Returns the keys that name the client, a recipient or the sender: those with a tag, and among them the narrowest, first.
fn candidates<'a>(question: &Question, asked: &'a [Asked]) -> Vec<(Subject, &'a Asked)> {
    let named = asked.iter().filter(|asked| asked.is_policy);
    let mut named: Vec<_> = named.filter_map(|asked| Some((subject(question, &asked.key)?, asked))).collect();
    named.sort_by_key(|(subject, asked)| (*subject, tag(&asked.key).is_none(), Reverse(asked.key.len())));
    named
}

/// Returns whom a tag is about, and the key behind it.
fn tag(key: &[u8]) -> Option<(Subject, &[u8])> {
    TAGS.iter().find_map(|(tag, subject)| {
        let (start, rest) = key.split_at_checked(tag.len())?;
        start.eq_ignore_ascii_case(tag).then_some((*subject, rest))
    })
}

/// Tells whom a key is about; none: nobody in particular, or a whole network or domain above.
fn subject(question: &Question, key: &[u8]) -> Option<Subject> {
    let (tagged, bare) = tag(key).map_or((None, key), |(subject, rest)| (Some(subject), rest));
    // Other tags are of other questions; `<@>` stands for the sender that is nobody, `[…]` for a name that is none.
    let is_other = bare.contains_str(":") && !question.client.is_ipv6();
    if is_other || bare.iter().any(|byte| b"<>[]".contains(byte)) {
        return None;
    }
    let name = bare.to_ascii_lowercase();
    let client = crate::receive::address_text(question.client).to_ascii_lowercase();
    let is_client = name == client || question.client_name.as_ref().is_some_and(|of| name == of.to_ascii_lowercase());
    let names = |address: &BString| {
        let address = address.to_ascii_lowercase();
        let (user, domain) = address.rsplit_once_str("@").unwrap_or((&address, b""));
        // `user@` is everybody of that name.
        !user.is_empty() && (name == address || !domain.is_empty() && name == domain)
    };
    let subjects = [
        (Subject::Client, is_client),
        (Subject::Recipient, question.recipients.iter().any(names)),
        (Subject::Sender, question.sender.iter().any(names)),
    ];
    subjects.into_iter().find(|(subject, is)| *is && tagged.is_none_or(|tagged| tagged == *subject)).map(|(s, _)| s)
}

fn remedy(asked: &Asked, subject: Subject, value: &str) -> Remedy {
    let name = tag(&asked.key).map_or(&asked.key[..], |(_, rest)| rest).as_bstr();
    let allows = (value == "RELAY").then(|| match subject {
        Subject::Client => format!("{name} may then send to everybody through this host"),
        Subject::Recipient => format!("everybody may then send to {name} through this host"),
        Subject::Sender => format!("everybody who calls himself {name} may then send to everybody through this host"),
    });
    let (map, file, key) = (asked.map.clone(), asked.file.clone(), asked.key.clone());
    Remedy { map, file, key, value: value.into(), allows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &str, expected: Option<Subject>) {
        let question = Question {
            client_name: Some("far.test".into()),
            sender: Some("joe@spam.example".into()),
            recipients: vec!["fred@here.test".into()],
            ..Question::new([192, 0, 2, 9].into())
        };
        assert_eq!(subject(&question, key.as_bytes()), expected, "{key}");
    }

    #[test]
    fn a_key_is_about_one_of_those_in_question() {
        check("Connect:192.0.2.9", Some(Subject::Client));
        check("far.test", Some(Subject::Client));
        check("To:fred@here.test", Some(Subject::Recipient));
        check("From:joe@spam.example", Some(Subject::Sender));
        check("spam.example", Some(Subject::Sender));
    }

    #[test]
    fn whole_networks_and_what_is_nobody_are_no_subject() {
        for key in
            ["Connect:192.0.2", "To:fred@", "com", "From:<@>@", "To:spam.example", "Srv_Features:192.0.2.9", "example"]
        {
            check(key, None);
        }
    }

    #[test]
    fn nobody_is_let_relay_to_a_sender() {
        assert_eq!(values(false, Subject::Sender, b"spam.example"), ["OK"]);
        assert_eq!(values(false, Subject::Client, b"Connect:192.0.2.9"), ["OK", "RELAY"]);
    }
}
