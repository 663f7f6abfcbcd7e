//! What happens while rules run, kept in order.

use std::sync::{Arc, Mutex, PoisonError};

use bstr::BString;

use crate::policy::Verdict;
use crate::receive::Judged;
use crate::rewrite::Trace;
use crate::site::{Heard, Listener};

/// Something that happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Event {
    /// A rule changed the address.
    Rewrote {
        /// How many rulesets had called one another.
        depth: usize,
        /// The ruleset.
        ruleset: String,
        /// The rule's line in the configuration file.
        line: usize,
        /// The rule.
        rule: String,
        /// The address before.
        before: String,
        /// The address after.
        after: String,
    },
    /// A map was asked.
    LookedUp {
        /// How many rulesets had called one another.
        depth: usize,
        /// The ruleset that called all others.
        root: String,
        /// The map.
        map: BString,
        /// The key.
        key: BString,
        /// The arguments.
        args: Vec<BString>,
        /// What it said; none: it does not know the key.
        value: Option<BString>,
        /// It could not answer now.
        is_temporary: bool,
    },
    /// The name service was asked, and not by a rule.
    Asked {
        /// What for.
        question: String,
        /// What it said.
        answer: String,
    },
    /// A check_* ruleset has come to a verdict that is no consent.
    Judged {
        /// The ruleset.
        ruleset: String,
        /// What it says.
        verdict: Verdict,
    },
    /// Something is wrong with a rule, an address or a map.
    Complained {
        /// What.
        text: String,
    },
}

/// A ruleset that has not returned.
struct Frame {
    ruleset: String,
    address: String,
    /// Where the event of the rule stands that is being applied.
    applied: Option<usize>,
}

#[derive(Default)]
struct State {
    events: Vec<Event>,
    frames: Vec<Frame>,
}

/// Hears what happens; copies share everything.
#[derive(Clone, Default)]
pub(super) struct Recorder(Arc<Mutex<State>>);

impl Recorder {
    /// Returns what hears of every step.
    pub(super) fn listener(&self) -> Listener {
        let state = Arc::clone(&self.0);
        Box::new(move |heard| state.lock().unwrap_or_else(PoisonError::into_inner).hear(heard))
    }

    /// Returns what hears of verdicts.
    pub(super) fn judge(&self) -> Judged {
        let state = Arc::clone(&self.0);
        Arc::new(move |ruleset, verdict| {
            if *verdict != Verdict::Accept {
                let event = Event::Judged { ruleset: ruleset.into(), verdict: verdict.clone() };
                state.lock().unwrap_or_else(PoisonError::into_inner).events.push(event);
            }
        })
    }

    /// Takes what has happened since the last call; rules that changed nothing are left out.
    pub(super) fn take(&self) -> Vec<Event> {
        let state = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let changed = |event: &Event| !matches!(event, Event::Rewrote { before, after, .. } if before == after);
        state.events.into_iter().filter(changed).collect()
    }
}

impl State {
    fn hear(&mut self, heard: Heard<'_>) {
        let depth = self.frames.len();
        match heard {
            Heard::Trace(step) => self.step(step),
            Heard::Pause => {}
            Heard::LookedUp { map, key, args, found } => self.events.push(Event::LookedUp {
                depth,
                root: self.frames.first().map(|frame| frame.ruleset.clone()).unwrap_or_default(),
                map: map.into(),
                key: key.into(),
                args: args.to_vec(),
                value: found.value.clone(),
                is_temporary: found.temp_fail,
            }),
            Heard::Asked { question, answer } => {
                self.events.push(Event::Asked { question: question.into(), answer: answer.into() });
            }
            Heard::Trouble(trouble) => self.events.push(Event::Complained { text: trouble.to_string() }),
            Heard::Fault(text) | Heard::Message(text) | Heard::Complaint { text, .. } => {
                self.events.push(Event::Complained { text: String::from_utf8_lossy(text).into_owned() });
            }
        }
    }

    fn step(&mut self, step: Trace<'_>) {
        let shown = |tokens: &[_]| crate::mail::token::Tokens::from_iter(tokens.iter().cloned()).to_string();
        match step {
            Trace::Input(ruleset, tokens) => {
                let (ruleset, address) = (ruleset.to_owned(), shown(tokens));
                self.frames.push(Frame { ruleset, address, applied: None });
            }
            // A ruleset that breaks off does not return: those that it called are gone with it.
            Trace::Returns(ruleset, _) => {
                let at = self.frames.iter().rposition(|frame| frame.ruleset == ruleset);
                self.frames.truncate(at.unwrap_or(0));
            }
            Trace::Matches(rule) => {
                let depth = self.frames.len();
                let Some(frame) = self.frames.last_mut() else { return };
                frame.applied = Some(self.events.len());
                self.events.push(Event::Rewrote {
                    depth,
                    ruleset: frame.ruleset.clone(),
                    line: rule.line,
                    rule: rule.to_string(),
                    before: frame.address.clone(),
                    after: frame.address.clone(),
                });
            }
            Trace::Rewritten(tokens) => {
                let Some(frame) = self.frames.last_mut() else { return };
                frame.address = shown(tokens);
                if let Some(Event::Rewrote { after, .. }) = frame.applied.and_then(|at| self.events.get_mut(at)) {
                    after.clone_from(&frame.address);
                }
            }
            // Rules that fail and the parts of one that applies are no events.
            _ => {}
        }
    }
}
