//! The answer for a program.

use serde_json::{Value, json};

use super::destination::Destination;
use super::fields::Judgement;
use super::record::Event;
use super::{Answer, Fate, Stage};
use crate::policy::Verdict;
use crate::site::Site;

/// Writes the whole answer as one JSON object.
pub(super) fn write(answer: &Answer<'_>) -> String {
    let Answer { site, dialogue, rule, .. } = answer;
    let fate = dialogue.fate();
    let (ruleset, reason) = match &fate {
        Fate::Accepted => (None, None),
        Fate::Discarded { ruleset } => (Some(ruleset), None),
        Fate::Held { ruleset, reason } => (Some(ruleset), Some(text(reason))),
        Fate::Refused { reply, .. } => (None, Some(text(reply))),
    };
    let stages = dialogue.stages.iter().enumerate().map(|(number, of)| {
        let decides = rule.filter(|place| place.stage == number).map(|place| place.event);
        stage(site, of, decides)
    });
    let answer = json!({
        "file": text(&site.config.file.to_string().into_bytes()),
        "client": answer.question.client.to_string(),
        "verdict": fate.word(),
        "ruleset": ruleset,
        "reason": reason,
        "accepted": fate == Fate::Accepted,
        "notes": answer.logged.map(|logged| &logged.notes),
        "logged": answer.logged.and_then(|logged| Some(logged.then.as_ref()?.told())),
        "as_logged": answer.agrees(),
        "fields": answer.fields.iter().map(|field| field_value(site, field)).collect::<Vec<_>>(),
        "stages": stages.collect::<Vec<_>>(),
        "destinations": dialogue.destinations.iter().map(|to| destination(site, to)).collect::<Vec<_>>(),
        "closed_maps": answer.closed.iter().map(|closed| json!({
            "map": text(&closed.map), "reason": text(&closed.reason), "command": closed.mend,
        })).collect::<Vec<_>>(),
        "decided_by": answer.deciding.iter().map(|line| json!({
            "map": text(&line.map), "file": text(&line.file), "line": line.number, "key": text(&line.key),
            "value": text(&line.value),
        })).collect::<Vec<_>>(),
        "remedies": answer.remedies.iter().map(|remedy| json!({
            "map": text(&remedy.map), "file": text(&remedy.file), "key": text(&remedy.key),
            "value": text(&remedy.value), "allows": remedy.allows,
        })).collect::<Vec<_>>(),
    });
    format!("{answer:#}\n")
}

/// Returns bytes as text; what is no UTF-8 is marked.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns the line of the `.mc` file that a line of the configuration comes from.
fn source(site: &Site, line: usize) -> Value {
    match site.config.marks.source(line) {
        Some(from) => json!({ "file": text(&from.file), "line": from.line, "call": text(&from.call) }),
        None => Value::Null,
    }
}

fn field_value(site: &Site, field: &Judgement) -> Value {
    let (line, ruleset) = field.rule.as_ref().map(|(line, name)| (*line, name)).unzip();
    let (verdict, reason) = field.verdict.as_ref().map(told).unzip();
    json!({
        "name": text(&field.name), "line": line, "source": line.map(|line| source(site, line)), "ruleset": ruleset,
        "verdict": verdict, "text": reason.flatten(),
    })
}

/// Returns the word for a verdict, and its text.
fn told(verdict: &Verdict) -> (&'static str, Option<String>) {
    match verdict {
        Verdict::Accept => ("accept", None),
        Verdict::Discard => ("discard", None),
        Verdict::Quarantine(reason) => ("quarantine", Some(text(reason))),
        Verdict::Reject { reply, .. } => ("reject", Some(reply.to_string())),
        Verdict::Failed(reply) => ("failed", Some(reply.to_string())),
    }
}

fn stage(site: &Site, stage: &Stage, decides: Option<usize>) -> Value {
    let steps = stage.events.iter().enumerate().map(|(number, of)| {
        let mut step = event(site, of);
        if decides == Some(number) {
            step["decides"] = true.into();
        }
        step
    });
    json!({
        "command": text(&stage.command),
        "reply": text(&stage.reply),
        "accepted": stage.is_accepted(),
        "steps": steps.collect::<Vec<_>>(),
    })
}

fn event(site: &Site, event: &Event) -> Value {
    match event {
        Event::Rewrote { depth, ruleset, line, rule, before, after } => json!({
            "kind": "rule", "depth": depth, "ruleset": ruleset, "line": line, "source": source(site, *line),
            "rule": rule, "before": before, "after": after,
        }),
        Event::LookedUp { depth, map, key, args, value, is_temporary, .. } => json!({
            "kind": "map", "depth": depth, "map": text(map), "key": text(key),
            "arguments": args.iter().map(|arg| text(arg)).collect::<Vec<_>>(),
            "value": value.as_ref().map(|value| text(value)), "temporary_failure": is_temporary,
        }),
        Event::Asked { question, answer } => json!({ "kind": "name service", "question": question, "answer": answer }),
        Event::Judged { ruleset, verdict } => {
            let (word, text) = told(verdict);
            json!({ "kind": "verdict", "ruleset": ruleset, "verdict": word, "text": text })
        }
        Event::Complained { text } => json!({ "kind": "complaint", "text": text }),
    }
}

fn destination(site: &Site, destination: &Destination) -> Value {
    let (mailer, host, user, error) = match &destination.route {
        Ok((mailer, host, user)) => (Some(mailer.to_string()), Some(text(host)), Some(text(user)), None),
        Err(error) => (None, None, None, Some(text(error))),
    };
    let declared = mailer.as_ref().and_then(|name| site.config.mailers.get(name.as_bytes()));
    let (sender, recipient) = destination.envelope.as_ref().map(|(from, to)| (text(from), text(to))).unzip();
    let (header_sender, header_recipient) =
        destination.header.as_ref().map(|(from, to)| (text(from), text(to))).unzip();
    json!({
        "recipient": text(&destination.recipient),
        "mailer": mailer, "host": host, "user": user, "error": error,
        "program": declared.map(|mailer| text(&mailer.path)),
        "flags": declared.map(|mailer| mailer.flags.to_string()),
        "line": declared.map(|mailer| mailer.line),
        "source": declared.map(|mailer| source(site, mailer.line)),
        "envelope_sender": sender, "envelope_recipient": recipient,
        "header_sender": header_sender, "header_recipient": header_recipient,
        "stands_for": destination.members.iter().map(|member| text(member)).collect::<Vec<_>>(),
        "steps": destination.events.iter().map(|of| event(site, of)).collect::<Vec<_>>(),
    })
}
