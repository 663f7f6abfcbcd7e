//! The answer for a person.

use std::fmt::Write as _;

use bstr::BStr;

use super::closed::Closed;
use super::condense::{self, Detail};
use super::dialogue::Destination;
use super::record::Event;
use super::remedy::Remedy;
use super::{Dialogue, Question, Stage};
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
pub(super) fn write(
    site: &Site,
    question: &Question,
    dialogue: &Dialogue,
    remedies: &[Remedy],
    closed: &[Closed],
    style: &Style,
) -> String {
    let paint = Paint { on: style.colour };
    let mut out = String::new();
    let refused = dialogue.stages.iter().find(|stage| !stage.is_accepted());
    let verdict = match refused {
        None => paint.good("accepted"),
        Some(stage) => format!("{} by {}", paint.bad("refused"), printable(&stage.reply)),
    };
    line(&mut out, &format!("{} {verdict}", paint.heading("verdict:")));
    line(&mut out, &format!("{} {} by {}", paint.heading("asked of:"), site.config.file, question.client));
    for closed in closed {
        line(&mut out, &format!("{} {}", paint.bad("could not be asked:"), printable(closed.told().as_bytes())));
    }
    for remedy in remedies {
        show_remedy(&mut out, paint, remedy, refused.is_none());
    }
    let last = dialogue.stages.len().saturating_sub(1);
    let deciding = dialogue.stages.iter().position(|stage| !stage.is_accepted()).unwrap_or(last);
    for (number, stage) in dialogue.stages.iter().enumerate() {
        let detail = if style.full { Detail::Everything } else { Detail::Chain { decides: number == deciding } };
        show_stage(&mut out, paint, site, stage, detail);
    }
    let detail = if style.full { Detail::Everything } else { Detail::Chain { decides: false } };
    for destination in &dialogue.destinations {
        show_destination(&mut out, paint, site, destination, detail);
    }
    if !style.full {
        line(&mut out, "");
        line(&mut out, &paint.faint("every rule that changed something and every key: --full"));
    }
    out
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

fn show_stage(out: &mut String, paint: Paint, site: &Site, stage: &Stage, detail: Detail) {
    let title = if stage.command.is_empty() { "connection".into() } else { printable(&stage.command) };
    line(out, "");
    line(out, &paint.heading(&title));
    show_events(out, paint, site, &condense::events(&stage.events, detail));
    show_misses(out, paint, &condense::misses(&stage.events, detail));
    let lines = if detail == Detail::Everything { usize::MAX } else { 1 };
    for reply in printable(&stage.reply).lines().take(lines) {
        line(out, &format!("  {}", paint.verdict(stage.is_accepted(), reply)));
    }
}

/// Shows the keys that maps do not know.
fn show_misses(out: &mut String, paint: Paint, misses: &[(&BStr, Vec<&BStr>)]) {
    for (map, keys) in misses {
        let keys: Vec<String> = keys.iter().map(|key| printable(key)).collect();
        line(out, &format!("  map {map}: {} {}", paint.faint("not there:"), keys.join(", ")));
    }
}

fn show_events(out: &mut String, paint: Paint, site: &Site, events: &[&Event]) {
    let mut last = "";
    for event in events {
        match event {
            Event::Rewrote { depth, ruleset, line: number, rule, before, after } => {
                let indent = "  ".repeat((*depth).max(1));
                if ruleset != last {
                    line(out, &format!("{indent}{ruleset}"));
                }
                last = ruleset;
                line(
                    out,
                    &format!(
                        "{indent}  {}: {}",
                        place(site, *number),
                        paint.faint(&printable(rule.trim().replace("		", "-> ").as_bytes()))
                    ),
                );
                line(
                    out,
                    &format!(
                        "{indent}    {} {} {}",
                        printable(before.as_bytes()),
                        paint.faint("=>"),
                        printable(after.as_bytes())
                    ),
                );
            }
            Event::LookedUp { depth, map, key, args, value, is_temporary } => {
                let indent = "  ".repeat((*depth).max(1));
                let args: String = args.iter().fold(String::new(), |mut text, arg| {
                    let _ = write!(text, " ({})", printable(arg));
                    text
                });
                let found = match value {
                    Some(value) => paint.good(&format!("= {}", printable(value))),
                    None => paint.faint("not there"),
                };
                let temporary = if *is_temporary { paint.bad(" (no answer now)") } else { String::new() };
                line(out, &format!("{indent}  map {map}: {}{args} {found}{temporary}", printable(key)));
            }
            Event::Asked { question, answer } => {
                line(out, &format!("  {}: {}", printable(question.as_bytes()), printable(answer.as_bytes())))
            }
            Event::Complained { text } => line(out, &format!("  {}", paint.bad(&printable(text.as_bytes())))),
        }
    }
}

fn show_destination(out: &mut String, paint: Paint, site: &Site, destination: &Destination, detail: Detail) {
    line(out, "");
    line(out, &paint.heading(&format!("delivery to {}", printable(&destination.recipient))));
    show_events(out, paint, site, &condense::events(&destination.events, detail));
    show_misses(out, paint, &condense::misses(&destination.events, detail));
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
    if let Some((number, now)) = &remedy.now {
        let place = number.map_or_else(|| file.clone(), |number| format!("{file}:{number}"));
        line(out, &format!("{} {place}: {key} {}", paint.heading("decided by"), printable(now)));
    }
    line(out, &format!("{} with this line in {file}: {key}\t{value}", paint.heading(outcome)));
}
