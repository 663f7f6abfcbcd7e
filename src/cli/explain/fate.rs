//! What becomes of a message, and which rule says so.

use bstr::BString;

use super::record::Event;
use super::{Dialogue, Stage};
use crate::policy::Verdict;

/// What becomes of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in super::super) enum Fate {
    /// It is taken, and goes its way.
    Accepted,
    /// It is taken, and thrown away.
    Discarded {
        /// The ruleset that says so.
        ruleset: String,
    },
    /// It is taken, and waits in the queue for a person.
    Held {
        /// The ruleset that says so.
        ruleset: String,
        /// Why.
        reason: BString,
    },
    /// The client is told that it, or one of its recipients, is not taken.
    Refused {
        /// The command that is refused; empty for the connection itself.
        command: BString,
        /// The reply.
        reply: BString,
    },
}

impl Fate {
    /// Returns the word for it.
    pub(in super::super) fn word(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Discarded { .. } => "discarded",
            Self::Held { .. } => "quarantined",
            Self::Refused { .. } => "refused",
        }
    }
}

/// A rule of a stage.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    /// The number of the stage.
    pub(super) stage: usize,
    /// The number of its event.
    pub(super) event: usize,
}

/// Returns what the stages of a session come to: a refusal before all, then what rules have said of the message.
pub(super) fn of(stages: &[Stage]) -> Fate {
    if let Some(stage) = stages.iter().find(|stage| !stage.is_accepted()) {
        return Fate::Refused { command: stage.command.clone(), reply: stage.reply.clone() };
    }
    let verdicts = || stages.iter().flat_map(|stage| &stage.events).filter_map(judged);
    let discarded = verdicts().find(|(_, verdict)| **verdict == Verdict::Discard);
    let mut held = verdicts().filter_map(|(ruleset, verdict)| match verdict {
        Verdict::Quarantine(reason) => Some(Fate::Held { ruleset: ruleset.into(), reason: reason.clone() }),
        _ => None,
    });
    match discarded {
        Some((ruleset, _)) => Fate::Discarded { ruleset: ruleset.into() },
        None => held.next_back().unwrap_or(Fate::Accepted),
    }
}

fn judged(event: &Event) -> Option<(&str, &Verdict)> {
    match event {
        Event::Judged { ruleset, verdict } => Some((ruleset, verdict)),
        _ => None,
    }
}

/// Returns the rule that decides: the one that made the error or the mailer with which the stage that decides ends.
pub(super) fn deciding_rule(dialogue: &Dialogue) -> Option<Place> {
    let stages = &dialogue.stages;
    let says = |stage: &Stage, wanted: &dyn Fn(&Verdict) -> bool| {
        stage.events.iter().filter_map(judged).any(|(_, verdict)| wanted(verdict))
    };
    let refused = stages.iter().position(|stage| !stage.is_accepted());
    let last = |wanted: &dyn Fn(&Verdict) -> bool| stages.iter().rposition(|stage| says(stage, wanted));
    let (stage, is_judged) = match dialogue.fate() {
        Fate::Accepted => return None,
        Fate::Discarded { .. } => (last(&|verdict| *verdict == Verdict::Discard)?, true),
        Fate::Held { .. } => (last(&|verdict| matches!(verdict, Verdict::Quarantine(_)))?, true),
        Fate::Refused { .. } => {
            let refused = refused?;
            let rejects = |verdict: &Verdict| matches!(verdict, Verdict::Reject { .. });
            // A client that check_relay refuses learns of it when it begins to send.
            let earlier = stages[..=refused].iter().rposition(|stage| says(stage, &rejects));
            let own = last_maker(&stages[refused].events, false).is_some();
            match earlier {
                Some(stage) if stage == refused || !own => (stage, true),
                _ => (refused, false),
            }
        }
    };
    let event = last_maker(&stages.get(stage)?.events, is_judged)?;
    Some(Place { stage, event })
}

/// Returns the last rule that made an error or a mailer of an address, if `is_judged` before the last verdict.
fn last_maker(events: &[Event], is_judged: bool) -> Option<usize> {
    let verdict = |event: &Event| judged(event).is_some_and(|(_, verdict)| *verdict != Verdict::Accept);
    let end = events.iter().rposition(verdict).filter(|_| is_judged).unwrap_or(events.len());
    (0..end).rev().find(|at| makes(events, *at, "$# error") || makes(events, *at, "$# discard"))
}

/// Tells whether the event is a rule whose result begins with `what`, and neither had that before it nor got it of a ruleset
/// that it called.
pub(super) fn makes(events: &[Event], at: usize, what: &str) -> bool {
    let Some(Event::Rewrote { depth, before, after, .. }) = events.get(at) else { return false };
    if !after.starts_with(what) || before.contains("$#") {
        return false;
    }
    let called = events[at + 1..].iter().take_while(|event| match event {
        Event::Rewrote { depth: below, .. } => below > depth,
        Event::Judged { .. } => false,
        _ => true,
    });
    !called.into_iter().any(|event| matches!(event, Event::Rewrote { after: result, .. } if result == after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(depth: usize, before: &str, after: &str) -> Event {
        let (ruleset, rule) = ("check_mail".to_owned(), "R".to_owned());
        Event::Rewrote { depth, ruleset, line: 1, rule, before: before.into(), after: after.into() }
    }

    fn stage(reply: &str, events: Vec<Event>) -> Stage {
        Stage { command: "MAIL FROM:<a@b>".into(), reply: reply.into(), events }
    }

    fn judged(verdict: Verdict) -> Event {
        Event::Judged { ruleset: "check_mail".into(), verdict }
    }

    #[track_caller]
    fn check(stages: Vec<Stage>, word: &str, rule: Option<(usize, usize)>) {
        let dialogue = Dialogue { stages, destinations: Vec::new() };
        assert_eq!(dialogue.fate().word(), word);
        assert_eq!(deciding_rule(&dialogue).map(|place| (place.stage, place.event)), rule);
    }

    #[test]
    fn what_is_thrown_away_or_held_is_not_simply_accepted() {
        let events = vec![rule(1, "a", "$# discard $: x"), judged(Verdict::Discard)];
        check(vec![stage("250 ok", events)], "discarded", Some((0, 0)));
        let events = vec![rule(1, "a", "$# error $@ quarantine $: x"), judged(Verdict::Quarantine("x".into()))];
        check(vec![stage("250 ok", events.clone())], "quarantined", Some((0, 0)));
        check(vec![stage("250 ok", events), stage("550 no", vec![])], "refused", None);
        check(vec![stage("250 ok", vec![])], "accepted", None);
    }

    #[test]
    fn the_rule_that_decides_is_the_innermost() {
        let refusal = "$# error $: no";
        let events =
            vec![rule(1, "a", refusal), rule(2, "b", "c"), rule(2, "c", refusal), rule(1, "x $| $# error", refusal)];
        check(vec![stage("550 no", events)], "refused", Some((0, 2)));
    }
}
