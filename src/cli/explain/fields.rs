//! Which ruleset judges a field of the header, and what it says.

use bstr::{BString, ByteSlice};

use super::record::Event;
use super::{Dialogue, Question, Stage};
use crate::mail::header::Header;
use crate::policy::{Verdict, field_rule};
use crate::site::Site;

/// What becomes of one field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Judgement {
    /// The field's name.
    pub(super) name: BString,
    /// The line of the configuration that names the ruleset, and the ruleset.
    pub(super) rule: Option<(usize, String)>,
    /// What the ruleset says; none: it was not asked, since the message was refused before.
    pub(super) verdict: Option<Verdict>,
}

/// Returns what becomes of each field in question.
pub(super) fn judged(site: &Site, question: &Question, dialogue: &Dialogue) -> Vec<Judgement> {
    let message = dialogue.stages.last().filter(|stage| stage.command == "DATA");
    question.fields.iter().map(|field| judgement(site, field, message)).collect()
}

fn judgement(site: &Site, field: &Header, message: Option<&Stage>) -> Judgement {
    let rule = field_rule(&site.config, field);
    let named = rule.and_then(|rule| Some((rule.line, rule.check.as_ref()?.ruleset.to_string())));
    let verdict = message.map(|stage| {
        let said = stage.events.iter().find_map(|event| match event {
            Event::Judged { ruleset, verdict } if named.as_ref().is_some_and(|(_, name)| name == ruleset) => {
                Some(verdict)
            }
            _ => None,
        });
        said.cloned().unwrap_or(Verdict::Accept)
    });
    Judgement { name: field.name.clone(), rule: named, verdict }
}

/// Returns the field that a ruleset judges; one of any name, if it judges all that no other does.
///
/// # Errors
/// No line of the configuration names it: the text for the user.
pub(super) fn of_ruleset(site: &Site, ruleset: &BString, value: &[u8]) -> Result<Header, String> {
    let is_named = |name: &str| name.as_bytes().eq_ignore_ascii_case(ruleset);
    let mut rules = site.config.headers.iter();
    let rule = rules.find(|rule| rule.check.as_ref().is_some_and(|check| is_named(&check.ruleset.to_string())));
    let rule = rule.ok_or_else(|| {
        format!("this line tells of the header check {ruleset}, which no H line of {} names", site.config.file)
    })?;
    let name = if rule.name == "*" { b"X-Field".as_bstr() } else { rule.name.as_bstr() };
    Ok(Header::new(name, value.trim_start()))
}

impl Judgement {
    /// Returns the text for a person.
    pub(super) fn told(&self) -> String {
        match &self.verdict {
            _ if self.rule.is_none() => "no ruleset judges it".into(),
            None => "not looked at: the message is refused before its header".into(),
            Some(Verdict::Accept) => "nothing against it".into(),
            Some(Verdict::Discard) => "the message is thrown away".into(),
            Some(Verdict::Quarantine(reason)) => format!("the message is held: {reason}"),
            Some(Verdict::Reject { reply, .. } | Verdict::Failed(reply)) => {
                format!("the message is refused by {reply}")
            }
        }
    }
}
