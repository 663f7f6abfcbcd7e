//! The answer for a program.

use serde_json::{Value, json};

use super::closed::Closed;
use super::dialogue::Destination;
use super::record::Event;
use super::remedy::Remedy;
use super::{Dialogue, Question, Stage};
use crate::site::Site;

/// Writes the whole answer as one JSON object.
pub(super) fn write(
    site: &Site,
    question: &Question,
    dialogue: &Dialogue,
    remedies: &[Remedy],
    closed: &[Closed],
) -> String {
    let answer = json!({
        "file": text(&site.config.file.to_string().into_bytes()),
        "client": question.client.to_string(),
        "accepted": dialogue.is_accepted(),
        "stages": dialogue.stages.iter().map(|of| stage(site, of)).collect::<Vec<_>>(),
        "destinations": dialogue.destinations.iter().map(|to| destination(site, to)).collect::<Vec<_>>(),
        "closed_maps": closed.iter().map(|closed| json!({
            "map": text(&closed.map), "reason": text(&closed.reason), "command": closed.mend,
        })).collect::<Vec<_>>(),
        "remedies": remedies.iter().map(remedy).collect::<Vec<_>>(),
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

fn stage(site: &Site, stage: &Stage) -> Value {
    json!({
        "command": text(&stage.command),
        "reply": text(&stage.reply),
        "accepted": stage.is_accepted(),
        "steps": stage.events.iter().map(|of| event(site, of)).collect::<Vec<_>>(),
    })
}

fn event(site: &Site, event: &Event) -> Value {
    match event {
        Event::Rewrote { depth, ruleset, line, rule, before, after } => json!({
            "kind": "rule", "depth": depth, "ruleset": ruleset, "line": line, "source": source(site, *line),
            "rule": rule, "before": before, "after": after,
        }),
        Event::LookedUp { depth, map, key, args, value, is_temporary } => json!({
            "kind": "map", "depth": depth, "map": text(map), "key": text(key),
            "arguments": args.iter().map(|arg| text(arg)).collect::<Vec<_>>(),
            "value": value.as_ref().map(|value| text(value)), "temporary_failure": is_temporary,
        }),
        Event::Asked { question, answer } => json!({ "kind": "name service", "question": question, "answer": answer }),
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
    json!({
        "recipient": text(&destination.recipient),
        "mailer": mailer, "host": host, "user": user, "error": error,
        "program": declared.map(|mailer| text(&mailer.path)),
        "flags": declared.map(|mailer| mailer.flags.to_string()),
        "line": declared.map(|mailer| mailer.line),
        "source": declared.map(|mailer| source(site, mailer.line)),
        "envelope_sender": sender, "envelope_recipient": recipient,
        "stands_for": destination.members.iter().map(|member| text(member)).collect::<Vec<_>>(),
        "steps": destination.events.iter().map(|of| event(site, of)).collect::<Vec<_>>(),
    })
}

fn remedy(remedy: &Remedy) -> Value {
    let (line, now) = match &remedy.now {
        Some((line, now)) => (*line, Some(text(now))),
        None => (None, None),
    };
    json!({
        "map": text(&remedy.map), "file": text(&remedy.file), "line": line,
        "key": text(&remedy.key), "value_now": now, "value": text(&remedy.value),
    })
}
