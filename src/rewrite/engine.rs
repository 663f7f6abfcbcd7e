//! The evaluation of rulesets: one loop over a stack of calls, so that no input can exhaust the machine's own stack.

use std::ops::ControlFlow;

use super::frame::{Calls, Frame, Pending, Workbench};
use super::lookup::{Answer, Found, Lookup};
use super::matching::{self, Bindings};
use super::program::{Action, Rule};
use super::query::{KEY_BYTES_MAX, Query, as_sought, key, name_text};
use super::ruleset::{RulesetId, Rulesets};
use super::trace::{LATE_LEVEL, LINES_LEVEL, Trace, WORKSPACE_LEVEL};
use super::trouble::{CALLS_MAX, CALLS_OF_RULE_MAX, LOOPS_MAX, Trouble};
use super::workspace::Workspace;
use crate::macros::value_of;
use crate::mail::token::{Mark, ScanOptions, TOKENS_MAX, Tag, Token, Tokens, join_within, scan};
use crate::name::{Sysexit, Told};

/// The outcome of an evaluation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rewritten {
    /// The address as the ruleset returned it.
    pub tokens: Tokens,
    /// Success, or what a look-up or a broken rule ended with; the tokens are there all the same.
    pub status: Sysexit,
}

/// An evaluation that cannot begin.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RewriteError {
    /// There is no such ruleset.
    #[error("Undefined ruleset {0}")]
    NoRuleset(Told),
}

/// Rewrites `input` by a ruleset and all it calls.
pub async fn rewrite(
    rulesets: &Rulesets,
    ruleset: RulesetId,
    input: Tokens,
    bench: &mut Workbench,
    lookup: &mut dyn Lookup,
) -> Rewritten {
    bench.clear();
    let level = lookup.trace_level();
    let mut engine = Engine { rulesets, lookup, level, bench };
    let mut step = engine.enter(ruleset, input.into_vec().into(), TOKENS_MAX);
    loop {
        match engine.run(step) {
            Stop::LookUp(tokens, action) => {
                let found = engine.look_up_all(tokens).await;
                let found = found.and_then(|tokens| engine.within_room(tokens));
                step = engine.take_up(found, action);
            }
            Stop::Done(done) => return done,
        }
    }
}

/// What the engine cannot do, or need not do, by itself.
enum Stop {
    /// A right side has look-ups; its calls and the action of its rule come after them.
    LookUp(Workspace, Action),
    Done(Rewritten),
}

/// What one step leads to: the next one, or a stop.
type Step = ControlFlow<Stop>;

/// One evaluation.
struct Engine<'r, 'a> {
    rulesets: &'r Rulesets,
    lookup: &'a mut dyn Lookup,
    level: Option<u8>,
    bench: &'a mut Workbench,
}

impl<'r> Engine<'r, '_> {
    /// Goes on from a step to the next stop.
    fn run(&mut self, mut step: Step) -> Stop {
        loop {
            match step {
                Step::Continue(()) => step = self.step(),
                Step::Break(stop) => return stop,
            }
        }
    }

    /// Opens a frame for an address that may have so many tokens (`room`), or refuses because there are too many frames.
    fn enter(&mut self, ruleset: RulesetId, tokens: Workspace, room: usize) -> Step {
        let label = self.rulesets.label(ruleset);
        self.trace(Trace::Input(label, tokens.tokens()));
        if self.bench.frames.len() > CALLS_MAX {
            let status = self.complain(Trouble::ExcessiveRecursion(label.to_owned()));
            return self.give_back(tokens, status);
        }
        // QUIRK(triple-stays): rulesets do nothing to an address that is a triple already.
        let rule = if is_resolved(&tokens) { usize::MAX } else { 0 };
        let outline = tokens.outline();
        self.bench.frames.push(Frame {
            ruleset,
            rule,
            tries: 0,
            tokens,
            room,
            outline,
            status: Sysexit::Ok,
            pending: None,
        });
        Step::Continue(())
    }

    /// Does the next thing there is to do in the innermost frame.
    fn step(&mut self) -> Step {
        let rulesets = self.rulesets;
        if self.frame().pending.is_some() {
            return self.call_or_settle();
        }
        let Some(rule) = self.next_candidate() else {
            return self.leave();
        };
        self.trace(if self.level < Some(LINES_LEVEL) { Trace::Trying(rule) } else { Trace::TryingLine(rule) });
        let blank_sub = rulesets.scan_rules().blank_sub;
        let frame = self.bench.frames.last_mut().expect("a frame is open");
        // QUIRK(last-loop): a rule that has rewritten so often is not even tried again.
        frame.tries += 1;
        if frame.tries > LOOPS_MAX {
            return self.give_up();
        }
        match matching::find(rule, &frame.tokens, self.lookup, blank_sub, self.level >= Some(LATE_LEVEL)) {
            Some(bindings) => self.apply(rule, &bindings),
            None => {
                self.trace(Trace::Fails);
                self.next_rule();
                Step::Continue(())
            }
        }
    }

    /// Goes to the first rule of the innermost frame, from where it stands, that may match; a trace tells of all rules.
    fn next_candidate(&mut self) -> Option<&'r Rule> {
        let frame = self.bench.frames.last_mut().expect("a frame is open");
        let set = self.rulesets.get(frame.ruleset);
        // A rule that has rewritten too often is not passed over: that is told.
        if self.level < Some(LATE_LEVEL) && frame.tries < LOOPS_MAX {
            let candidate = set.candidate(frame.rule, &frame.outline)?;
            if candidate != frame.rule {
                (frame.rule, frame.tries) = (candidate, 0);
            }
        }
        set.rules().get(frame.rule)
    }

    /// Returns from the innermost ruleset because one of its rules would rewrite for ever.
    fn give_up(&mut self) -> Step {
        let (ruleset, rule) = (self.label(), self.frame().rule + 1);
        self.complain(Trouble::InfiniteLoop { ruleset, rule });
        if let Some(frame) = self.bench.frames.last()
            && self.level >= Some(WORKSPACE_LEVEL)
        {
            self.lookup.trace(Trace::Workspace(frame.tokens.tokens()));
        }
        self.leave()
    }

    /// Rewrites the address of the innermost frame by a rule that matches.
    fn apply(&mut self, rule: &Rule, bindings: &Bindings) -> Step {
        self.trace(Trace::Matches(rule));
        // Look-ups and calls may also stand in the address itself.
        let tags = rule.right_tags.or(self.frame().outline.tags());
        let made = self.substitute(rule, bindings).and_then(|tokens| self.within_room(tokens));
        rule.note_applied();
        match made {
            Ok(tokens) if tags.has(Tag::LOOK_UP) => Step::Break(Stop::LookUp(tokens, rule.action)),
            Ok(tokens) if tags.has(Tag::CALL) => self.take_up(Ok(tokens), rule.action),
            Ok(tokens) => self.settle(tokens, rule.action),
            Err(trouble) => self.fail(trouble),
        }
    }

    /// Goes on with a right side whose look-ups are done.
    fn take_up(&mut self, looked_up: Result<Workspace, Trouble>, action: Action) -> Step {
        match looked_up {
            Ok(mut tokens) => {
                let calls = self.calls(&mut tokens);
                self.frame().pending = Some(Pending { tokens, calls, action, status: Sysexit::Ok });
                self.call_or_settle()
            }
            Err(trouble) => self.fail(trouble),
        }
    }

    /// Tells of trouble that leaves the ruleset going on; what went wrong first stays its status.
    fn note(&mut self, trouble: Trouble) {
        let status = self.complain(trouble);
        let frame = self.frame();
        if frame.status == Sysexit::Ok {
            frame.status = status;
        }
    }

    /// Ends the innermost ruleset without a trace because a rule cannot be applied; the address stays as it is.
    fn fail(&mut self, trouble: Trouble) -> Step {
        let is_blank = trouble == Trouble::Blank;
        let status = self.complain(trouble);
        let mut frame = self.bench.frames.pop().expect("a frame is open");
        // QUIRK(blank-value): nothing is left of the address unless another ruleset has called this one.
        if is_blank && self.bench.frames.is_empty() {
            frame.tokens.truncate(0);
        }
        self.give_back(frame.tokens, status)
    }

    /// Builds the new address: `$1` and `$&x` are replaced.
    fn substitute(&mut self, rule: &Rule, bindings: &Bindings) -> Result<Workspace, Trouble> {
        let mut tokens = self.bench.empty();
        let room = self.frame().room;
        for token in rule.right() {
            match token.mark() {
                Some(Mark::Group(digit)) => {
                    let frame = self.bench.frames.last().expect("a frame is open");
                    let Some(bound) = bindings.get(*digit) else {
                        let ruleset = self.label();
                        return Err(Trouble::OutOfBounds { ruleset, digit: digit.wrapping_add(b'0') });
                    };
                    if self.level >= Some(LINES_LEVEL) {
                        self.lookup.trace(Trace::Group(*digit, &frame.tokens.tokens()[bound.clone()]));
                    }
                    tokens.extend_from(&frame.tokens.tokens()[bound]);
                    if tokens.len() > room {
                        return Err(Trouble::TooLong);
                    }
                }
                // What a late macro has is not even told then.
                _ if tokens.len() >= room => return Err(Trouble::TooLong),
                Some(Mark::Late(name)) => self.append_late(&mut tokens, name)?,
                _ => tokens.push(token.clone()),
            }
        }
        Ok(tokens)
    }

    /// Appends the value that the macro `name` has now, as tokens.
    fn append_late(&mut self, tokens: &mut Workspace, name: &[u8]) -> Result<(), Trouble> {
        let value = value_of(&*self.lookup, name);
        let value = value.map(|value| value.text.into_owned());
        self.trace(Trace::Late(name, value.as_deref()));
        let Some(value) = value else { return Ok(()) };
        let added = self.scan_value(&value, ScanOptions::ADDRESS)?;
        let (is_empty, room) = (added.is_empty(), self.frame().room);
        for token in added {
            self.trace(Trace::LateToken(&token));
            tokens.push(token);
            // QUIRK(late-room): such a value must leave room for one more.
            if tokens.len() >= room {
                return Err(Trouble::TooLong);
            }
        }
        if !is_empty {
            self.trace(Trace::LateDone);
        }
        Ok(())
    }

    /// Replaces every `$[ $]` and `$( $)`, from left to right.
    async fn look_up_all(&mut self, tokens: Workspace) -> Result<Workspace, Trouble> {
        let mut done = self.bench.empty();
        let mut from = 0;
        while let Some(start) = tokens.find_tag(from, Tag::LOOK_UP) {
            done.extend_from(&tokens.tokens()[from..start]);
            let (query, len) = Query::split(&tokens.tokens()[start..])?;
            done.extend(self.look_up(&query).await?);
            from = start + len;
        }
        done.extend_from(&tokens.tokens()[from..]);
        self.bench.recycle(tokens);
        Ok(done)
    }

    /// Performs one look-up; returns the tokens that replace it.
    async fn look_up(&mut self, query: &Query<'_>) -> Result<Vec<Token>, Trouble> {
        let blank_sub = self.rulesets.scan_rules().blank_sub;
        let found = match self.lookup.key_style(&query.map) {
            None => {
                self.complain(Trouble::UnknownMap(query.map.as_ref().into()));
                Found::NOTHING
            }
            Some(style) => {
                let key = key(query.key, style, blank_sub);
                let args = query.arguments(blank_sub);
                match self.lookup.look_up(&query.map, &key, &args) {
                    Answer::Now(found) => found,
                    Answer::Later(found) => found.await,
                }
            }
        };
        if found.temp_fail {
            self.frame().status = Sysexit::TempFail;
        }
        match (&found.value, query.default) {
            // QUIRK(regex-column-mark): nothing in a value is a mark.
            (Some(value), _) => self.scan_value(value, ScanOptions::ADDRESS),
            (None, Some(default)) => {
                // What was data in the rule becomes a mark here, if it looks like one.
                let text = join_within(default, blank_sub, KEY_BYTES_MAX);
                self.scan_value(&text, ScanOptions::VALUE)
            }
            (None, None) => Ok(query.key.to_vec()),
        }
    }

    /// Scans what a look-up or a macro gave into tokens.
    fn scan_value(&mut self, text: &[u8], options: ScanOptions) -> Result<Vec<Token>, Trouble> {
        let mut scanned = scan(text, self.rulesets.scan_rules(), options);
        let fatal = if scanned.tokens.is_none() { scanned.errors.pop() } else { None };
        for error in scanned.errors {
            self.complain(Trouble::Scan { text: Told::shortened(text), error });
        }
        match (scanned.tokens, fatal) {
            // QUIRK(blank-value): a value of white space or comments alone ends the ruleset with status 65, without a word.
            (Some(tokens), _) if tokens.is_empty() && !text.is_empty() => Err(Trouble::Blank),
            (Some(tokens), _) => Ok(tokens.into_vec()),
            (None, Some(error)) => Err(Trouble::Scan { text: Told::shortened(text), error }),
            (None, None) => Err(Trouble::TooLong),
        }
    }

    /// Returns the calls of a right side; none, if one of them names no ruleset.
    ///
    /// QUIRK(empty-ruleset): a call of a ruleset without rules is left out at once, and what follows it is not looked at.
    fn calls(&mut self, tokens: &mut Workspace) -> Calls {
        let mut calls = Calls::new();
        let mut from = 0;
        while let Some(place) = tokens.find_tag(from, Tag::CALL) {
            let Some(name) = tokens.tokens().get(place + 1).map(name_text) else { break };
            let id = match self.rulesets.look(&name) {
                Ok(Some(id)) => id,
                unknown => {
                    if let Err(bad) = unknown {
                        self.complain(Trouble::BadRuleset(bad));
                    }
                    let name = as_sought(&name);
                    let told = name.into();
                    tokens.replace_text(place + 1, self.rulesets.scan_rules().token(name));
                    self.note(Trouble::UnknownRuleset(told));
                    return Calls::new();
                }
            };
            if self.rulesets.get(id).rules().is_empty() {
                self.trace(Trace::Skipped(as_sought(&name), id.number()));
                tokens.cut(place..place + 2);
                from = place + 1;
            } else {
                calls.push((place, id));
                from = place + 2;
            }
            if calls.len() >= CALLS_OF_RULE_MAX {
                self.note(Trouble::TooManyCalls);
                return Calls::new();
            }
        }
        calls
    }

    /// Makes the last call of a right side that is still to be made; without one, takes the result as the address.
    fn call_or_settle(&mut self) -> Step {
        let Some((place, id)) = self.pending().calls.pop() else {
            let frame = self.frame();
            let pending = frame.pending.take().expect("a right side is pending");
            if frame.status == Sysexit::Ok || pending.status == Sysexit::TempFail {
                frame.status = pending.status;
            }
            return self.settle(pending.tokens, pending.action);
        };
        let front = self.bench.empty();
        let pending = self.pending();
        let mut arguments = std::mem::replace(&mut pending.tokens, front);
        arguments.give_front(&mut pending.tokens, place, 2);
        self.enter(id, arguments, TOKENS_MAX.saturating_sub(place))
    }

    /// Takes a finished right side as the address and goes on as the rule says.
    fn settle(&mut self, tokens: Workspace, action: Action) -> Step {
        self.trace(Trace::Rewritten(tokens.tokens()));
        let is_final = action == Action::Return || is_resolved(&tokens);
        let frame = self.frame();
        let old = std::mem::replace(&mut frame.tokens, tokens);
        self.bench.recycle(old);
        if is_final {
            return self.leave();
        }
        let frame = self.frame();
        frame.outline = frame.tokens.outline();
        if action == Action::Next {
            self.next_rule();
        }
        Step::Continue(())
    }

    /// Goes on to the next rule of the innermost frame.
    fn next_rule(&mut self) {
        let frame = self.frame();
        frame.rule += 1;
        frame.tries = 0;
    }

    /// Returns from the innermost frame.
    fn leave(&mut self) -> Step {
        let frame = self.bench.frames.pop().expect("a frame is open");
        self.trace(Trace::Returns(self.rulesets.label(frame.ruleset), frame.tokens.tokens()));
        self.give_back(frame.tokens, frame.status)
    }

    /// Gives the result of a call to the frame that made it; without one, that is the end.
    fn give_back(&mut self, mut tokens: Workspace, status: Sysexit) -> Step {
        let Some(frame) = self.bench.frames.last_mut() else {
            return Step::Break(Stop::Done(Rewritten { tokens: tokens.into_tokens().into(), status }));
        };
        let pending = frame.pending.as_mut().expect("the frame that calls has a right side pending");
        pending.tokens.append(&mut tokens);
        if status != Sysexit::Ok {
            pending.status = status;
        }
        if status != Sysexit::Ok && status != Sysexit::TempFail {
            pending.calls.clear();
        }
        self.bench.recycle(tokens);
        Step::Continue(())
    }

    /// Refuses an address that has become too long.
    fn within_room(&mut self, tokens: Workspace) -> Result<Workspace, Trouble> {
        if tokens.len() > self.frame().room { Err(Trouble::TooLong) } else { Ok(tokens) }
    }

    /// Returns the name of the innermost ruleset.
    fn label(&mut self) -> String {
        let ruleset = self.frame().ruleset;
        self.rulesets.label(ruleset).to_owned()
    }

    /// Returns the innermost frame.
    fn frame(&mut self) -> &mut Frame {
        self.bench.frames.last_mut().expect("a frame is open")
    }

    /// Returns the right side that the innermost frame has pending.
    fn pending(&mut self) -> &mut Pending {
        self.frame().pending.as_mut().expect("a right side is pending")
    }

    /// Tells of trouble; returns its status.
    fn complain(&mut self, trouble: Trouble) -> Sysexit {
        if trouble != Trouble::Blank {
            self.lookup.complain(&trouble);
        }
        trouble.status()
    }

    /// Tells of a step if someone wants to hear it.
    fn trace(&mut self, step: Trace<'_>) {
        if self.level >= Some(step.level()) {
            self.lookup.trace(step);
        }
    }
}

/// Tells whether an address is a triple.
fn is_resolved(tokens: &Workspace) -> bool {
    tokens.tokens().first().is_some_and(|token| token.is(&Mark::Net))
}
