//! The answer for a person.

use std::fmt::Write as _;

use bstr::BString;

use super::condense::{self, Detail, Keys};
use super::deciding::Line;
use super::destination::Destination;
use super::record::Event;
use super::remedy::Remedy;
use super::{Answer, Dialogue, Fate, Stage};
use crate::policy::Verdict;
use crate::site::Site;

/// Colours of a terminal (ECMA-48 §8.3.117).
#[derive(Clone, Copy)]
struct Paint {
    on: bool,
}

impl Paint {
    fn wrap(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn heading(self, text: &str) -> String {
        self.wrap("1", text)
    }

    fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }

    fn bad(self, text: &str) -> String {
        self.wrap("31", text)
    }

    fn faint(self, text: &str) -> String {
        self.wrap("2", text)
    }

    fn verdict(self, accepted: bool, text: &str) -> String {
        if accepted { self.good(text) } else { self.bad(text) }
    }
}

/// How an answer is written.
pub(super) struct Style {
    /// With the colours of a terminal.
    pub(super) colour: bool,
    /// With every rule and every key.
    pub(super) full: bool,
}

/// Writes the whole answer: the verdict first, then what led to it, then what would change it.
pub(super) fn write(answer: &Answer<'_>, style: &Style) -> String {
    let Answer { site, dialogue, .. } = answer;
    let paint = Paint { on: style.colour };
    let mut out = String::new();
    let fate = dialogue.fate();
    line(&mut out, &format!("{} {}", paint.heading("verdict:"), verdict(paint, &fate, dialogue)));
    line(&mut out, &format!("{} {} by {}", paint.heading("asked of:"), site.config.file, answer.question.client));
    show_logged(&mut out, paint, answer);
    for closed in &answer.closed {
        line(&mut out, &format!("{} {}", paint.bad("could not be asked:"), printable(closed.told().as_bytes())));
    }
    for field in &answer.fields {
        let heading = paint.heading(&format!("header {}:", printable(&field.name)));
        let judge = field.rule.as_ref().map(|(line, name)| format!("{}, ruleset {name}: ", place(site, *line)));
        line(&mut out, &format!("{heading} {}{}", judge.unwrap_or_default(), printable(field.told().as_bytes())));
    }
    show_deciding(&mut out, paint, answer);
    for remedy in &answer.remedies {
        show_remedy(&mut out, paint, remedy, fate == Fate::Accepted);
    }
    line(&mut out, "");
    for (number, stage) in dialogue.stages.iter().enumerate() {
        let decides = answer.rule.filter(|place| place.stage == number).map(|place| place.event);
        let detail = if style.full { Detail::Everything } else { Detail::Stage { decides } };
        show_stage(&mut out, paint, site, stage, decides, detail);
    }
    let detail = if style.full { Detail::Everything } else { Detail::Way };
    for destination in &dialogue.destinations {
        show_destination(&mut out, paint, site, destination, detail);
    }
    if !style.full {
        line(&mut out, "");
        line(&mut out, &paint.faint("every rule that changed something and every key: --full"));
    }
    out
}

/// Shows what a line of the maillog tells, and whether that is still so.
fn show_logged(out: &mut String, paint: Paint, answer: &Answer<'_>) {
    let Some(logged) = answer.logged else { return };
    for note in &logged.notes {
        line(out, &format!("{} {}", paint.heading("note:"), printable(note.as_bytes())));
    }
    if let (Some(then), Some(false)) = (&logged.then, answer.agrees()) {
        line(out, &format!("{} {}", paint.bad("not what the line says:"), printable(then.told().as_bytes())));
    }
}

/// Returns what becomes of the message, in words.
fn verdict(paint: Paint, fate: &Fate, dialogue: &Dialogue) -> String {
    let recipients = || dialogue.stages.iter().filter(|stage| stage.command.starts_with(b"RCPT"));
    let refused = recipients().filter(|stage| !stage.is_accepted()).count();
    match fate {
        Fate::Refused { command, reply } if command.starts_with(b"RCPT") && refused < recipients().count() => {
            let all = recipients().count();
            format!("{} by {}", paint.bad(&format!("{refused} of {all} recipients refused")), printable(reply))
        }
        Fate::Accepted => paint.good("accepted"),
        Fate::Discarded { ruleset } => {
            format!("{} by {ruleset}; the client is told that it is accepted", paint.bad("thrown away"))
        }
        Fate::Held { ruleset, reason } => {
            format!("{} by {ruleset}: {}", paint.bad("held in the queue (quarantine)"), printable(reason))
        }
        Fate::Refused { reply, .. } => format!("{} by {}", paint.bad("refused"), printable(reply)),
    }
}

/// Shows the lines of maps and the rule that decide.
fn show_deciding(out: &mut String, paint: Paint, answer: &Answer<'_>) {
    let heading = paint.heading("decided by");
    for Line { file, number, key, value, .. } in &answer.deciding {
        let file = printable(file);
        let place = number.map_or_else(|| file.clone(), |number| format!("{file}:{number}"));
        line(out, &format!("{heading} {place}: {} {}", printable(key), printable(value)));
    }
    let stages = &answer.dialogue.stages;
    let event = answer.rule.and_then(|place| stages.get(place.stage)?.events.get(place.event));
    if let Some(Event::Rewrote { ruleset, line: number, rule, .. }) = event {
        line(out, &format!("{heading} {}, {ruleset}: {}", place(answer.site, *number), shown_rule(rule)));
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

/// Returns text of outside without what a terminal would obey.
fn printable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars().map(|letter| if letter.is_control() && letter != '\n' { '?' } else { letter }).collect()
}

fn show_stage(out: &mut String, paint: Paint, site: &Site, stage: &Stage, decides: Option<usize>, detail: Detail) {
    let title = if stage.command.is_empty() { "connection".into() } else { printable(&stage.command) };
    line(out, &paint.heading(&title));
    show_events(out, paint, site, &stage.events, decides, detail);
    let lines = if detail == Detail::Everything { usize::MAX } else { 1 };
    for reply in printable(&stage.reply).lines().take(lines) {
        line(out, &format!("  {}", paint.verdict(stage.is_accepted(), reply)));
    }
}

/// Shows what happened, then the keys that maps do not know.
fn show_events(out: &mut String, paint: Paint, site: &Site, events: &[Event], decides: Option<usize>, detail: Detail) {
    let keys = |map: &BString| Keys::of(site, map);
    let mut last = "";
    for (number, event) in condense::events(events, detail, &keys) {
        if let Event::Rewrote { depth, ruleset, .. } = event {
            if ruleset != last {
                line(out, &format!("{}{ruleset}", indent(*depth, detail)));
            }
            last = ruleset;
        }
        show_event(out, paint, site, event, decides == Some(number), detail);
    }
    for (map, missed) in condense::misses(events, detail, &keys) {
        let told = match Keys::of(site, map) {
            Keys::Lines if missed.len() == 1 => "1 key not there".to_owned(),
            Keys::Lines => format!("{} keys not there", missed.len()),
            _ => format!("not there: {}", missed.iter().map(|key| printable(key)).collect::<Vec<_>>().join(", ")),
        };
        line(out, &format!("  map {map}: {}", paint.faint(&told)));
    }
}

/// Returns the space before a line: where all calls are shown, it tells how deep they are.
fn indent(depth: usize, detail: Detail) -> String {
    let depth = if detail == Detail::Everything { depth } else { 1 };
    "  ".repeat(depth.max(1))
}

fn show_event(out: &mut String, paint: Paint, site: &Site, event: &Event, decides: bool, detail: Detail) {
    match event {
        Event::Rewrote { depth, line: number, rule, before, after, .. } => {
            let indent = indent(*depth, detail);
            let mark = if decides { paint.bad("decides: ") } else { String::new() };
            let rule = paint.faint(&shown_rule(rule));
            line(out, &format!("{indent}  {mark}{}: {rule}", place(site, *number)));
            let (before, after) = (printable(before.as_bytes()), printable(after.as_bytes()));
            line(out, &format!("{indent}    {before} {} {after}", paint.faint("=>")));
        }
        Event::LookedUp { depth, map, key, args, value, is_temporary, .. } => {
            let args: String = args.iter().fold(String::new(), |mut text, arg| {
                let _ = write!(text, " ({})", printable(arg));
                text
            });
            let found = match value {
                Some(value) => paint.good(&format!("= {}", printable(value))),
                None => paint.faint("not there"),
            };
            let temporary = if *is_temporary { paint.bad(" (no answer now)") } else { String::new() };
            line(out, &format!("{}map {map}: {}{args} {found}{temporary}", indent(*depth, detail), printable(key)));
        }
        Event::Asked { question, answer } => {
            line(out, &format!("  {}: {}", printable(question.as_bytes()), printable(answer.as_bytes())))
        }
        Event::Judged { ruleset, verdict } => match verdict {
            Verdict::Accept | Verdict::Reject { .. } | Verdict::Failed(_) => {}
            Verdict::Discard => line(out, &format!("  {ruleset}: {}", paint.bad("thrown away"))),
            Verdict::Quarantine(reason) => {
                line(out, &format!("  {ruleset}: {}", paint.bad(&format!("held: {}", printable(reason)))))
            }
        },
        Event::Complained { text } => line(out, &format!("  {}", paint.bad(&printable(text.as_bytes())))),
    }
}

/// Returns a rule on one line.
fn shown_rule(rule: &str) -> String {
    printable(rule.trim().replace("\t\t", "-> ").as_bytes())
}

fn show_destination(out: &mut String, paint: Paint, site: &Site, destination: &Destination, detail: Detail) {
    line(out, &paint.heading(&format!("delivery to {}", printable(&destination.recipient))));
    show_events(out, paint, site, &destination.events, None, detail);
    match &destination.route {
        Err(text) => line(out, &format!("  {}", paint.bad(&printable(text)))),
        Ok((mailer, host, user)) => {
            line(out, &format!("  mailer {mailer}, host {}, user {}", named(host), named(user)));
            if let Some(mailer) = site.config.mailers.get(mailer.as_bytes()) {
                let place = place(site, mailer.line);
                line(out, &format!("  {place}: P={} F={}", printable(&mailer.path), mailer.flags));
            }
        }
    }
    if let Some((sender, recipient)) = &destination.envelope {
        line(out, &format!("  envelope from {} to {}", named(sender), named(recipient)));
    }
    if let Some((sender, recipient)) = &destination.header {
        line(out, &format!("  header From: {}, To: {}", named(sender), named(recipient)));
    }
    if !destination.members.is_empty() {
        let members: Vec<String> = destination.members.iter().map(|member| printable(member)).collect();
        line(out, &format!("  stands for {}", members.join(", ")));
    }
}

/// Names a line of the configuration, and the line of the `.mc` file that it comes from.
fn place(site: &Site, line: usize) -> String {
    match site.config.marks.source(line) {
        Some(source) => format!("line {line} ({})", printable(source.to_string().as_bytes())),
        None => format!("line {line}"),
    }
}

fn named(text: &[u8]) -> String {
    if text.is_empty() { "(none)".into() } else { printable(text) }
}

fn show_remedy(out: &mut String, paint: Paint, remedy: &Remedy, accepted: bool) {
    let outcome = if accepted { "refused" } else { "accepted" };
    let (file, key, value) = (printable(&remedy.file), printable(&remedy.key), printable(&remedy.value));
    line(out, &format!("{} with this line in {file}: {key}\t{value}", paint.heading(outcome)));
    if let Some(allows) = &remedy.allows {
        line(out, &format!("  {}", paint.bad(&printable(allows.as_bytes()))));
    }
}
