//! The evaluation of rulesets: one loop over a stack of calls, so that no input can exhaust the machine's own stack.

use std::borrow::Cow;

use bstr::BString;

use super::compile::MAP_ARGS_MAX;
use super::lookup::{Answer, Found, KeyStyle, Lookup};
use super::matching::{self, Bindings};
use super::program::{Action, Rule};
use super::ruleset::{RulesetId, Rulesets};
use super::trace::{LATE_LEVEL, LINES_LEVEL, Trace};
use super::workspace::{Signature, Tag, Workspace};
use crate::macros::unquote;
use crate::mail::token::{Kind, Mark, ScanError, ScanOptions, TOKENS_MAX, Token, Tokens, join, scan};
use crate::name::{Status, Sysexit, Told};

/// How often one rule may rewrite an address in a row; the original's MAXLOOPS.
pub const LOOPS_MAX: u32 = 100;
/// How deep rulesets may call one another; the original's MaxRuleRecursion.
pub const CALLS_MAX: usize = 50;

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

/// What can be wrong with a rule or an address during an evaluation.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Trouble {
    /// A rule that matches its own result for ever; the address stays as it is.
    #[error("Infinite loop in ruleset {ruleset}, rule {rule}")]
    InfiniteLoop {
        /// The name of the ruleset.
        ruleset: String,
        /// The rule, counted from 1.
        rule: usize,
    },
    /// Rulesets that call one another for ever.
    #[error("rewrite: excessive recursion (max {CALLS_MAX}), ruleset {0}")]
    ExcessiveRecursion(String),
    /// `$>` with a name that no ruleset has.
    #[error("Unknown ruleset {0}")]
    UnknownRuleset(Told),
    /// `$(` with a name that no map has; the default is used.
    #[error("rewrite: map {0} not found")]
    UnknownMap(Told),
    /// `$(` without a name.
    #[error("rewrite: missing mapname")]
    MissingMapName,
    /// `$3` without a third wildcard.
    #[error("rewrite: ruleset {ruleset}: replacement ${} out of bounds", char::from(*.digit & 0x7f))]
    OutOfBounds {
        /// The name of the ruleset.
        ruleset: String,
        /// The digit as a character.
        digit: u8,
    },
    /// More tokens than an address may have.
    #[error("rewrite: expansion too long")]
    TooLong,
    /// A value of white space or comments alone; nothing is told, but the rule fails.
    #[error("a value without any token")]
    Blank,
    /// A value that does not scan cleanly; it is completed, or the rule fails where it is too long.
    #[error("{text}... {error}")]
    Scan {
        /// The value.
        text: Told,
        /// What is wrong with it.
        error: ScanError,
    },
}

impl Trouble {
    /// Returns the status code of the refusal that follows if the rules themselves are at fault: what they would have said is
    /// not known then. Other trouble lies in what they were given.
    pub fn failure(&self) -> Option<Status> {
        match self {
            Self::ExcessiveRecursion(_) => Some(Status::new(5, 0, 0)),
            Self::InfiniteLoop { .. } | Self::UnknownRuleset(_) => Some(Status::new(5, 3, 5)),
            Self::UnknownMap(_) | Self::MissingMapName | Self::OutOfBounds { .. } | Self::TooLong => {
                Some(Status::new(5, 3, 0))
            }
            Self::Blank | Self::Scan { .. } => None,
        }
    }

    /// Returns the status that the evaluation ends with.
    pub fn status(&self) -> Sysexit {
        match self {
            Self::InfiniteLoop { .. } | Self::UnknownMap(_) => Sysexit::Ok,
            Self::TooLong | Self::Blank | Self::Scan { .. } => Sysexit::DataErr,
            _ => Sysexit::Config,
        }
    }
}

/// Rewrites `input` by a ruleset and all it calls.
pub async fn rewrite(rulesets: &Rulesets, ruleset: RulesetId, input: Tokens, lookup: &mut dyn Lookup) -> Rewritten {
    let level = lookup.trace_level();
    let mut engine = Engine { rulesets, lookup, level, frames: Vec::with_capacity(8), spare: Vec::new() };
    let mut entering = Some((ruleset, Workspace::from(input.into_vec())));
    loop {
        if let Some((id, tokens)) = entering.take()
            && let Some(done) = engine.enter(id, tokens)
        {
            return done;
        }
        let step = match engine.step() {
            Step::LookUp(tokens, action) => {
                let found = engine.look_up_all(tokens).await;
                engine.take_up(found.and_then(within_limit), action)
            }
            step => step,
        };
        match step {
            Step::Call(id, tokens) => entering = Some((id, tokens)),
            Step::Done(done) => return done,
            Step::Again | Step::LookUp(..) => {}
        }
    }
}

/// What one step leads to.
enum Step {
    Again,
    /// A right side has look-ups; its calls and the action of its rule come after them.
    LookUp(Workspace, Action),
    Call(RulesetId, Workspace),
    Done(Rewritten),
}

/// One call of a ruleset that has not returned.
struct Frame {
    ruleset: RulesetId,
    rule: usize,
    loops: u32,
    tokens: Workspace,
    /// The signature of the tokens.
    has: Signature,
    status: Sysexit,
    /// A rewritten address whose calls are still to be made.
    pending: Option<Pending>,
}

/// A right side with calls: the last `$>` before `limit` is the next to be made.
struct Pending {
    tokens: Workspace,
    limit: usize,
    action: Action,
}

/// One evaluation.
struct Engine<'r, 'a> {
    rulesets: &'r Rulesets,
    lookup: &'a mut dyn Lookup,
    level: u8,
    frames: Vec<Frame>,
    /// Memory to build the next addresses in.
    spare: Vec<Workspace>,
}

impl<'r> Engine<'r, '_> {
    /// Opens a frame, or refuses because there are too many; returns the outcome if that ends the evaluation.
    fn enter(&mut self, ruleset: RulesetId, tokens: Workspace) -> Option<Rewritten> {
        let label = self.rulesets.label(ruleset);
        self.trace(Trace::Input(label, tokens.tokens()));
        if self.frames.len() > CALLS_MAX {
            let status = self.complain(Trouble::ExcessiveRecursion(label.to_owned()));
            return self.give_back(tokens, status);
        }
        // QUIRK(triple-stays): rulesets do nothing to an address that is a triple already.
        let rule = if is_resolved(&tokens) { usize::MAX } else { 0 };
        let has = tokens.signature();
        self.frames.push(Frame { ruleset, rule, loops: 0, tokens, has, status: Sysexit::Ok, pending: None });
        None
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
        self.trace(if self.level < LINES_LEVEL { Trace::Trying(rule) } else { Trace::TryingLine(rule) });
        let blank_sub = rulesets.scan_rules().blank_sub;
        let frame = self.frames.last().expect("a frame is open");
        match matching::find(rule, &frame.tokens, self.lookup, blank_sub) {
            Some(bindings) => self.apply(rule, &bindings),
            None => {
                self.trace(Trace::Fails);
                self.next_rule();
                Step::Again
            }
        }
    }

    /// Goes to the first rule of the innermost frame, from where it stands, that may match; a trace tells of all rules.
    fn next_candidate(&mut self) -> Option<&'r Rule> {
        let frame = self.frames.last_mut().expect("a frame is open");
        let set = self.rulesets.get(frame.ruleset);
        if self.level < LATE_LEVEL {
            let candidate = set.candidate(frame.rule, frame.has, frame.tokens.len())?;
            if candidate != frame.rule {
                (frame.rule, frame.loops) = (candidate, 0);
            }
        }
        set.rules().get(frame.rule)
    }

    /// Rewrites the address of the innermost frame by a rule that matches.
    fn apply(&mut self, rule: &Rule, bindings: &Bindings) -> Step {
        let frame = self.frame();
        frame.loops += 1;
        if frame.loops > LOOPS_MAX {
            let rule = frame.rule + 1;
            let ruleset = self.label();
            self.complain(Trouble::InfiniteLoop { ruleset, rule });
            return self.leave();
        }
        self.trace(Trace::Matches(rule));
        match self.substitute(rule, bindings).and_then(within_limit) {
            Ok(tokens) => {
                let has = tokens.signature();
                if has.has(Tag::LOOK_UP) {
                    return Step::LookUp(tokens, rule.action);
                }
                if has.has(Tag::CALL) {
                    self.take_up(Ok(tokens), rule.action)
                } else {
                    self.settle(tokens, has, rule.action)
                }
            }
            Err(trouble) => self.fail(trouble),
        }
    }

    /// Goes on with a right side whose look-ups are done.
    fn take_up(&mut self, looked_up: Result<Workspace, Trouble>, action: Action) -> Step {
        match looked_up {
            Ok(tokens) => {
                let limit = self.callable(&tokens);
                self.frame().pending = Some(Pending { tokens, limit, action });
                self.call_or_settle()
            }
            Err(trouble) => self.fail(trouble),
        }
    }

    /// Ends the innermost ruleset without a trace because a rule cannot be applied; the address stays as it is.
    fn fail(&mut self, trouble: Trouble) -> Step {
        let status = self.complain(trouble);
        let frame = self.frames.pop().expect("a frame is open");
        self.give_back(frame.tokens, status).map_or(Step::Again, Step::Done)
    }

    /// Builds the new address: `$1` and `$&x` are replaced.
    fn substitute(&mut self, rule: &Rule, bindings: &Bindings) -> Result<Workspace, Trouble> {
        let mut tokens = self.spare.pop().unwrap_or_default();
        tokens.reserve(rule.right.len() + self.frame().tokens.len());
        for (place, token) in rule.right().iter().enumerate() {
            match token.mark() {
                Some(Mark::Group(digit)) => {
                    let frame = self.frames.last().expect("a frame is open");
                    let Some(bound) = bindings.get(*digit) else {
                        let ruleset = self.label();
                        return Err(Trouble::OutOfBounds { ruleset, digit: digit.wrapping_add(b'0') });
                    };
                    if self.level >= LINES_LEVEL {
                        self.lookup.trace(Trace::Group(*digit, &frame.tokens.tokens()[bound.clone()]));
                    }
                    tokens.extend_from(&frame.tokens, bound);
                }
                Some(Mark::Late(name)) => self.append_late(&mut tokens, name)?,
                _ => tokens.push_from(&rule.right, place),
            }
        }
        Ok(tokens)
    }

    /// Appends the value that the macro `name` has now, as tokens.
    fn append_late(&mut self, tokens: &mut Workspace, name: &[u8]) -> Result<(), Trouble> {
        let value = self.lookup.macro_value(name);
        let value = value.map(|value| if value.is_template { unquote(&value.text) } else { value.text.into_owned() });
        self.trace(Trace::Late(name, value.as_deref()));
        let Some(value) = value else { return Ok(()) };
        let added = self.scan_value(&value, ScanOptions::ADDRESS)?;
        if !added.is_empty() {
            added.iter().for_each(|token| self.trace(Trace::LateToken(token)));
            self.trace(Trace::LateDone);
        }
        tokens.extend(added);
        Ok(())
    }

    /// Replaces every `$[ $]` and `$( $)`, from left to right.
    async fn look_up_all(&mut self, tokens: Workspace) -> Result<Workspace, Trouble> {
        let mut done = self.spare.pop().unwrap_or_default();
        done.reserve(tokens.len());
        let mut from = 0;
        while let Some(start) = tokens.find_tag(from, Tag::LOOK_UP) {
            done.extend_from(&tokens, from..start);
            let (query, len) = Query::split(&tokens.tokens()[start..])?;
            done.extend(self.look_up(&query).await?);
            from = start + len;
        }
        done.extend_from(&tokens, from..tokens.len());
        self.recycle(tokens);
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
                let args: Vec<_> = query.args.iter().map(|arg| join(arg, blank_sub)).collect();
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
            (Some(value), _) => self.scan_value(value, ScanOptions::ADDRESS),
            (None, Some(default)) => {
                let mut text = Vec::new();
                append_quoted(&mut text, default, blank_sub);
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

    /// Returns up to where calls in `tokens` are to be made: nowhere, if one of several names no ruleset.
    fn callable(&mut self, tokens: &Workspace) -> usize {
        let first = tokens.find_tag(0, Tag::CALL);
        if first == tokens.find_last_tag(tokens.len(), Tag::CALL) {
            return tokens.len();
        }
        let calls = tokens.tokens().windows(2).filter(|pair| pair[0].is(&Mark::Call));
        let mut names = calls.map(|pair| name_text(&pair[1]));
        match names.find(|name| self.rulesets.find(name).is_none()) {
            None => tokens.len(),
            Some(name) => {
                let name = name.into_owned().into();
                self.frame().status = self.complain(Trouble::UnknownRuleset(name));
                0
            }
        }
    }

    /// Makes the last call of a right side that is still to be made; without one, takes the result as the address.
    fn call_or_settle(&mut self) -> Step {
        let pending = self.frames.last_mut().and_then(|frame| frame.pending.as_mut()).expect("a right side is pending");
        let last = pending.tokens.find_last_tag(pending.limit, Tag::CALL);
        let Some(place) = last else {
            let pending = self.frame().pending.take().expect("a right side is pending");
            let has = pending.tokens.signature();
            return self.settle(pending.tokens, has, pending.action);
        };
        pending.limit = place;
        let Some(name) = pending.tokens.tokens().get(place + 1).map(name_text) else {
            return Step::Again;
        };
        let Some(id) = self.rulesets.find(&name) else {
            let name = name.into_owned().into();
            self.frame().status = self.complain(Trouble::UnknownRuleset(name));
            return Step::Again;
        };
        // QUIRK(empty-ruleset): a call of a ruleset without rules leaves no trace; it is only left out.
        if self.rulesets.get(id).rules().is_empty() {
            pending.tokens.cut(place..place + 2);
            return Step::Again;
        }
        let mut arguments = self.spare.pop().unwrap_or_default();
        arguments.take_from(&mut pending.tokens, place + 2);
        pending.tokens.truncate(place);
        Step::Call(id, arguments)
    }

    /// Takes a finished right side as the address and goes on as the rule says.
    fn settle(&mut self, tokens: Workspace, has: Signature, action: Action) -> Step {
        self.trace(Trace::Rewritten(tokens.tokens()));
        let resolved = is_resolved(&tokens);
        let frame = self.frame();
        frame.has = has;
        let old = std::mem::replace(&mut frame.tokens, tokens);
        self.recycle(old);
        match action {
            _ if resolved => return self.leave(),
            Action::Return => return self.leave(),
            Action::Next => self.next_rule(),
            Action::Repeat => {}
        }
        Step::Again
    }

    /// Keeps the memory of tokens that are not needed any more for others.
    fn recycle(&mut self, mut tokens: Workspace) {
        tokens.truncate(0);
        self.spare.push(tokens);
    }

    /// Goes on to the next rule of the innermost frame.
    fn next_rule(&mut self) {
        let frame = self.frame();
        frame.rule += 1;
        frame.loops = 0;
    }

    /// Returns from the innermost frame.
    fn leave(&mut self) -> Step {
        let frame = self.frames.pop().expect("a frame is open");
        self.trace(Trace::Returns(self.rulesets.label(frame.ruleset), frame.tokens.tokens()));
        match self.give_back(frame.tokens, frame.status) {
            Some(done) => Step::Done(done),
            None => Step::Again,
        }
    }

    /// Gives the result of a call to the frame that made it; returns it if there is none.
    fn give_back(&mut self, mut tokens: Workspace, status: Sysexit) -> Option<Rewritten> {
        let Some(frame) = self.frames.last_mut() else {
            return Some(Rewritten { tokens: tokens.into_tokens().into(), status });
        };
        if frame.status == Sysexit::Ok || status == Sysexit::TempFail {
            frame.status = status;
        }
        let pending = frame.pending.as_mut().expect("the frame that calls has a right side pending");
        pending.tokens.take_from(&mut tokens, 0);
        if status != Sysexit::Ok && status != Sysexit::TempFail {
            pending.limit = 0;
        }
        self.recycle(tokens);
        None
    }

    /// Returns the name of the innermost ruleset.
    fn label(&mut self) -> String {
        let ruleset = self.frame().ruleset;
        self.rulesets.label(ruleset).to_owned()
    }

    /// Returns the innermost frame.
    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("a frame is open")
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
        if self.level >= step.level() {
            self.lookup.trace(step);
        }
    }
}

/// One look-up as it stands in a right side.
struct Query<'a> {
    map: Cow<'a, [u8]>,
    key: &'a [Token],
    args: Vec<&'a [Token]>,
    default: Option<&'a [Token]>,
}

impl<'a> Query<'a> {
    /// Reads the look-up at the front of `tokens`; returns it and how many tokens it takes.
    fn split(tokens: &'a [Token]) -> Result<(Self, usize), Trouble> {
        let (map, end_mark, start) = match tokens[0].mark() {
            Some(Mark::HostBegin) => (Cow::Borrowed(&b"host"[..]), Mark::HostEnd, 1),
            _ => (name_text(tokens.get(1).ok_or(Trouble::MissingMapName)?), Mark::MapEnd, 2),
        };
        let body = &tokens[start..];
        let end = body.iter().position(|token| token.is(&end_mark)).unwrap_or(body.len());
        let mut parts = body[..end].split_inclusive(|token| token.is(&Mark::Host) || token.is(&Mark::User));
        let mut query = Self { map, key: &[], args: Vec::new(), default: None };
        let (key, mut next) = cut(parts.next().unwrap_or_default());
        query.key = key;
        while let Some(kind) = next {
            let (part, following) = cut(parts.next().unwrap_or_default());
            match kind {
                Mark::User => query.default = Some(part),
                _ if query.args.len() + 1 < MAP_ARGS_MAX - 1 => query.args.push(part),
                _ => {}
            }
            next = following;
        }
        Ok((query, (start + end + 1).min(tokens.len())))
    }
}

/// Parts tokens from the `$@` or `$:` at their end.
fn cut(part: &[Token]) -> (&[Token], Option<&Mark>) {
    match part.split_last().map(|(last, rest)| (last.mark(), rest)) {
        Some((Some(mark @ (Mark::Host | Mark::User)), rest)) => (rest, Some(mark)),
        _ => (part, None),
    }
}

/// Joins the key of a look-up.
fn key(tokens: &[Token], style: KeyStyle, blank_sub: u8) -> BString {
    let mut key = join(tokens, style.blank_sub.unwrap_or(blank_sub));
    if !style.keeps_quotes {
        strip_quotes(&mut key);
    }
    key
}

/// Takes quotes out of a key; a backslash protects what follows it and goes too.
pub(super) fn strip_quotes(text: &mut BString) {
    if memchr::memchr2(b'"', b'\\', text).is_none() {
        return;
    }
    let mut bytes = Vec::from(std::mem::take(text)).into_iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => text.extend(bytes.next()),
            b'"' => {}
            _ => text.push(byte),
        }
    }
}

/// Joins tokens in internal form, so that marks among them are marks again when they are scanned.
fn append_quoted(out: &mut Vec<u8>, tokens: &[Token], blank_sub: u8) {
    let mut after_atom = false;
    for token in tokens {
        let is_atom = token.is_atom();
        if after_atom && is_atom {
            out.push(blank_sub);
        }
        token.append_quoted_to(out);
        after_atom = is_atom;
    }
}

/// Returns a token as the name of a map or a ruleset.
fn name_text(token: &Token) -> Cow<'_, [u8]> {
    match token.text() {
        Some((Kind::Atom, text)) if !text.contains(&b'\\') => Cow::Borrowed(text),
        _ => {
            let mut text = join(std::slice::from_ref(token), b' ');
            strip_quotes(&mut text);
            Cow::Owned(text.into())
        }
    }
}

/// Tells whether an address is a triple.
fn is_resolved(tokens: &Workspace) -> bool {
    tokens.tokens().first().is_some_and(|token| token.is(&Mark::Net))
}

/// Refuses an address that has become too long.
fn within_limit(tokens: Workspace) -> Result<Workspace, Trouble> {
    if tokens.len() > TOKENS_MAX { Err(Trouble::TooLong) } else { Ok(tokens) }
}
