//! Patterns become a list of steps.

use crate::name::CSpace as _;
use thiserror::Error;

/// How deep groups may stand in each other.
const NESTING_MAX: usize = 200;

/// Why a pattern is none.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(super) enum BadPattern {
    #[error("`[` without `]`")]
    OpenSet,
    #[error(r"`\(` without `\)`")]
    OpenGroup,
    #[error(r"`\)` without `\(`")]
    ClosedGroup,
    #[error("it ends in a backslash")]
    Backslash,
    #[error("it speaks of a group that it does not have")]
    NoGroup,
    #[error("a range ends before it begins")]
    Range,
    #[error("groups stand too deep in each other")]
    Nesting,
}

/// A place in the text, between bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Assertion {
    LineStart,
    LineEnd,
    TextStart,
    TextEnd,
    WordEdge,
    NoWordEdge,
    WordStart,
    WordEnd,
}

/// One step of a search.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// One of these bytes.
    Set(Box<[bool; 256]>),
    Assert(Assertion),
    /// The same text as the group.
    Back(usize),
    /// The place is remembered: start and end of each group, by turns.
    Save(usize),
    /// Goes on at the first, later at the second.
    Split(usize, usize),
    Jump(usize),
    Match,
}

/// A pattern ready for use.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) steps: Vec<Step>,
    /// How many groups it has.
    pub(super) groups: usize,
    /// Whether it compares with groups, so that where it stands does not tell how it goes on.
    pub(super) looks_back: bool,
}

/// Reads a pattern.
struct Compiler<'a> {
    rest: &'a [u8],
    groups: usize,
    closed: Vec<usize>,
    depth: usize,
    looks_back: bool,
}

fn set(contains: impl Fn(u8) -> bool) -> Step {
    let mut bytes = Box::new([false; 256]);
    (0..=u8::MAX).for_each(|byte| bytes[usize::from(byte)] = contains(byte));
    Step::Set(bytes)
}

/// Tells whether a byte belongs to words.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl Pattern {
    /// Reads a pattern.
    pub(super) fn new(text: &[u8]) -> Result<Self, BadPattern> {
        let mut compiler = Compiler { rest: text, groups: 0, closed: Vec::new(), depth: 0, looks_back: false };
        let mut steps = compiler.alternatives()?;
        if !compiler.rest.is_empty() {
            return Err(BadPattern::ClosedGroup);
        }
        steps.push(Step::Match);
        Ok(Self { steps, groups: compiler.groups, looks_back: compiler.looks_back })
    }
}

/// Moves the steps of a part behind `by` others.
fn shifted(steps: Vec<Step>, by: usize) -> impl Iterator<Item = Step> {
    steps.into_iter().map(move |step| match step {
        Step::Split(first, second) => Step::Split(first + by, second + by),
        Step::Jump(to) => Step::Jump(to + by),
        other => other,
    })
}

impl Compiler<'_> {
    /// Reads up to the end of the pattern or of the group.
    fn alternatives(&mut self) -> Result<Vec<Step>, BadPattern> {
        let mut steps = self.sequence()?;
        while let Some(rest) = self.rest.strip_prefix(br"\|") {
            self.rest = rest;
            let other = self.sequence()?;
            let (first, second) = (steps.len(), other.len());
            let mut both = vec![Step::Split(1, first + 2)];
            both.extend(shifted(steps, 1));
            both.push(Step::Jump(first + second + 2));
            both.extend(shifted(other, first + 2));
            steps = both;
        }
        Ok(steps)
    }

    fn sequence(&mut self) -> Result<Vec<Step>, BadPattern> {
        let mut steps = Vec::new();
        let mut is_first = true;
        while !(self.rest.is_empty() || self.rest.starts_with(br"\|") || self.rest.starts_with(br"\)")) {
            let is_anchor = is_first && self.rest[0] == b'^';
            let mut item = self.item(is_first)?;
            // A sign of repetition at the front, also behind `^`, stands for itself.
            while !is_anchor && let Some(sign @ (b'*' | b'+' | b'?')) = self.rest.first() {
                item = repeated(item, *sign);
                self.rest = &self.rest[1..];
            }
            let by = steps.len();
            steps.extend(shifted(item, by));
            is_first = is_anchor;
        }
        Ok(steps)
    }

    fn item(&mut self, is_first: bool) -> Result<Vec<Step>, BadPattern> {
        let (byte, rest) = (self.rest[0], &self.rest[1..]);
        self.rest = rest;
        let ends = rest.is_empty() || rest.starts_with(br"\|") || rest.starts_with(br"\)");
        Ok(vec![match byte {
            b'.' => set(|byte| byte != b'\n'),
            b'[' => self.bytes()?,
            b'^' if is_first => Step::Assert(Assertion::LineStart),
            b'$' if ends => Step::Assert(Assertion::LineEnd),
            b'\\' => return self.escape(),
            _ => set(|other| other == byte),
        }])
    }

    fn escape(&mut self) -> Result<Vec<Step>, BadPattern> {
        let (byte, rest) = self.rest.split_first().ok_or(BadPattern::Backslash)?;
        self.rest = rest;
        Ok(vec![match byte {
            b'(' => return self.group(),
            b'w' => set(is_word),
            b'W' => set(|byte| !is_word(byte)),
            b's' => set(|byte| byte.is_c_space()),
            b'S' => set(|byte| !byte.is_c_space()),
            b'b' => Step::Assert(Assertion::WordEdge),
            b'B' => Step::Assert(Assertion::NoWordEdge),
            b'<' => Step::Assert(Assertion::WordStart),
            b'>' => Step::Assert(Assertion::WordEnd),
            b'`' => Step::Assert(Assertion::TextStart),
            b'\'' => Step::Assert(Assertion::TextEnd),
            b'1'..=b'9' => {
                let group = usize::from(byte - b'0');
                if !self.closed.contains(&group) {
                    return Err(BadPattern::NoGroup);
                }
                self.looks_back = true;
                Step::Back(group)
            }
            _ => set(|other| other == *byte),
        }])
    }

    fn group(&mut self) -> Result<Vec<Step>, BadPattern> {
        self.groups += 1;
        self.depth += 1;
        let group = self.groups;
        if self.depth > NESTING_MAX {
            return Err(BadPattern::Nesting);
        }
        let inner = self.alternatives()?;
        self.rest = self.rest.strip_prefix(br"\)").ok_or(BadPattern::OpenGroup)?;
        self.depth -= 1;
        self.closed.push(group);
        let mut steps = vec![Step::Save(2 * group)];
        steps.extend(shifted(inner, 1));
        steps.push(Step::Save(2 * group + 1));
        Ok(steps)
    }

    /// Reads a set up to its `]`; backslashes are bytes like others there.
    fn bytes(&mut self) -> Result<Step, BadPattern> {
        let negated = self.rest.first() == Some(&b'^');
        let text = &self.rest[usize::from(negated)..];
        // The first byte may be the closing bracket itself.
        let end = text.iter().skip(1).position(|byte| *byte == b']').ok_or(BadPattern::OpenSet)? + 1;
        self.rest = &text[end + 1..];
        let mut members = [false; 256];
        let mut inner = &text[..end];
        while let Some((first, rest)) = inner.split_first() {
            inner = rest;
            let last = match rest {
                [b'-', last, after @ ..] => {
                    inner = after;
                    *last
                }
                _ => *first,
            };
            if last < *first {
                return Err(BadPattern::Range);
            }
            members[usize::from(*first)..=usize::from(last)].fill(true);
        }
        Ok(set(|byte| members[usize::from(byte)] != negated))
    }
}

fn repeated(item: Vec<Step>, sign: u8) -> Vec<Step> {
    let length = item.len();
    let mut steps = Vec::with_capacity(length + 2);
    match sign {
        b'*' => {
            steps.push(Step::Split(1, length + 2));
            steps.extend(shifted(item, 1));
            steps.push(Step::Jump(0));
        }
        b'?' => {
            steps.push(Step::Split(1, length + 1));
            steps.extend(shifted(item, 1));
        }
        _ => {
            steps.extend(item);
            steps.push(Step::Split(0, length + 1));
        }
    }
    steps
}
