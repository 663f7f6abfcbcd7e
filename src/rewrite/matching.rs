//! Matching a left side against an address: leftmost, shortest, by going back to the latest wildcard that can grow.
//!
//! What comes of a place in the pattern and a place in the address does not depend on how both were reached. So nothing that
//! led nowhere is tried again ([`DeadEnds`]): the time is bounded by the product of both lengths, not by a power of them.

use std::ops::Range;

use smallvec::SmallVec;

use super::dead_ends::DeadEnds;
use super::lookup::Lookup;
use super::program::{ClassRef, Piece, Rule, WILDCARDS_MAX};
use super::trace::Trace;
use super::workspace::Workspace;
use crate::macros::value_of;
use crate::mail::token::Token;

/// Phrases up to this length are built without a heap allocation, in bytes.
const PHRASE_BYTES: usize = 128;

/// What one wildcard matched: a range of tokens.
///
/// Addresses have at most [`crate::mail::token::TOKENS_MAX`] tokens, and rules are shorter than lines.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Binding {
    piece: u16,
    first: u16,
    end: u16,
}

impl Binding {
    /// Returns the binding of a piece to `first..end`; none beyond what a rule and an address can have.
    fn new(piece: usize, first: usize, end: usize) -> Option<Self> {
        Some(Self { piece: piece.try_into().ok()?, first: first.try_into().ok()?, end: end.try_into().ok()? })
    }
}

/// What the wildcards of a rule matched.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    found: [Binding; WILDCARDS_MAX],
    len: usize,
}

impl Bindings {
    /// Adds what the next wildcard matched; none for one wildcard too many, which no rule has.
    fn push(&mut self, binding: Binding) -> Option<()> {
        *self.found.get_mut(self.len)? = binding;
        self.len += 1;
        Some(())
    }

    /// Takes back what the last wildcard matched.
    fn pop(&mut self) -> Option<Binding> {
        self.len = self.len.checked_sub(1)?;
        Some(self.found[self.len])
    }

    /// Returns which tokens of the address `$digit` stands for, if the rule has so many wildcards.
    pub(super) fn get(&self, digit: u8) -> Option<Range<usize>> {
        let binding = self.found[..self.len].get(usize::from(digit).checked_sub(1)?)?;
        Some(usize::from(binding.first)..usize::from(binding.end))
    }
}

/// Matches the left side of `rule` against the whole of `address`; `is_told` says that comparisons of late macros are traced.
pub(super) fn find(
    rule: &Rule,
    address: &Workspace,
    lookup: &mut dyn Lookup,
    blank_sub: u8,
    is_told: bool,
) -> Option<Bindings> {
    // A trace tells how often a late macro is compared.
    let dead_ends = if is_told { DeadEnds::forgotten() } else { DeadEnds::of(rule, address.len()) };
    let mut matcher = Matcher { rule, address, lookup, blank_sub, bound: Bindings::default(), is_told, dead_ends };
    matcher.run().then_some(matcher.bound)
}

/// One attempt to match.
struct Matcher<'a> {
    rule: &'a Rule,
    address: &'a Workspace,
    lookup: &'a mut dyn Lookup,
    blank_sub: u8,
    bound: Bindings,
    is_told: bool,
    dead_ends: DeadEnds,
}

impl Matcher<'_> {
    /// Walks over pattern and address until both end, or until nothing can be grown any more.
    fn run(&mut self) -> bool {
        let (mut piece, mut at) = (0, 0);
        loop {
            let next = match self.rule.pieces.get(piece) {
                None if at == self.address.len() => return true,
                None => None,
                Some(pattern) => self.step(piece, pattern, at),
            };
            match next.or_else(|| self.back_up()) {
                Some(place) => (piece, at) = place,
                None => return false,
            }
        }
    }

    /// Matches one piece at `at` with as few tokens as it takes; returns the place in pattern and address to go on from.
    fn step(&mut self, piece: usize, pattern: &Piece, at: usize) -> Option<(usize, usize)> {
        let token = self.address.tokens().get(at);
        let end = match pattern {
            Piece::ZeroOrMore => self.reach(piece, at, at)?,
            Piece::OneOrMore => self.reach(piece, at, at + 1)?,
            Piece::Nothing => return Some((piece + 1, at)),
            Piece::One => token.map(|_| at + 1)?,
            Piece::Class(class) => self.phrase(class, at, at)?,
            Piece::NotClass(class) => token.filter(|token| !self.is_member(class, token)).map(|_| at + 1)?,
            // QUIRK(late-macro-at-end): `$&x` at the end of an address never matches, even if x is empty.
            Piece::Late(name) => return token.and_then(|_| self.late_end(name, at)).map(|end| (piece + 1, end)),
            Piece::Literal(literal) => {
                return self.address.matches(at, literal).then_some((piece + 1, at + 1));
            }
        };
        self.bind(piece, at, end)
    }

    /// Notes what a wildcard has matched; returns the place in pattern and address to go on from.
    fn bind(&mut self, piece: usize, first: usize, end: usize) -> Option<(usize, usize)> {
        self.bound.push(Binding::new(piece, first, end)?)?;
        match self.rule.pieces.get(piece..piece + 2) {
            // It ends where the literal after it matches.
            Some([Piece::ZeroOrMore | Piece::OneOrMore, Piece::Literal(_)]) => Some((piece + 2, end + 1)),
            _ => Some((piece + 1, end)),
        }
    }

    /// Lets the latest wildcard that can grow take more; returns the place in pattern and address to go on from.
    fn back_up(&mut self) -> Option<(usize, usize)> {
        while let Some(binding) = self.bound.pop() {
            let (piece, first, end) =
                (usize::from(binding.piece), usize::from(binding.first), usize::from(binding.end));
            let end = match &self.rule.pieces[piece] {
                Piece::ZeroOrMore | Piece::OneOrMore => self.reach(piece, first, end + 1),
                Piece::Class(class) => self.phrase(class, first, end),
                _ => None,
            };
            if let Some(end) = end {
                return self.bind(piece, first, end);
            }
        }
        None
    }

    /// Returns the first end of the next wildcard, `$*` or `$+`, from `from` on at which the piece after it may match.
    fn reach(&mut self, piece: usize, first: usize, from: usize) -> Option<usize> {
        let len = self.address.len();
        let ends = from..self.dead_ends.limit(self.bound.len).min(len + 1);
        let end = match self.rule.pieces.get(piece + 1) {
            None => Some(len),
            Some(Piece::Literal(literal)) => self.address.find(from..ends.end.min(len), literal),
            Some(_) => Some(from),
        };
        let end = end.filter(|end| ends.contains(end));
        if end.is_none() {
            let is_plus = matches!(self.rule.pieces[piece], Piece::OneOrMore);
            self.dead_ends.close(self.bound.len, first + usize::from(is_plus));
        }
        end
    }

    /// Returns the shortest end after `after` of the next wildcard, `$=x`, which begins at `first`.
    fn phrase(&mut self, class: &ClassRef, first: usize, after: usize) -> Option<usize> {
        if self.dead_ends.has_phrase(self.bound.len, first) {
            return None;
        }
        let end = self.phrase_end(class, first, after);
        if end.is_none() {
            self.dead_ends.add_phrase(self.bound.len, first);
        }
        end
    }

    /// Returns the end of the shortest phrase from `first` that is in the class and longer than up to `after`.
    fn phrase_end(&self, class: &ClassRef, first: usize, after: usize) -> Option<usize> {
        let start = self.address.tokens().get(first)?.bytes();
        let bytes_max = self.lookup.class_bytes_max(class, start.first().copied());
        if start.len() > bytes_max {
            return None;
        }
        let mut phrase = SmallVec::<[u8; PHRASE_BYTES]>::new();
        let mut after_atom = false;
        for (place, token) in self.address.tokens().iter().enumerate().skip(first) {
            let is_atom = token.is_atom();
            if after_atom && is_atom {
                phrase.push(self.blank_sub);
            }
            phrase.extend_from_slice(&token.bytes());
            if phrase.len() > bytes_max {
                return None;
            }
            if place >= after && self.lookup.in_class(class, &phrase) {
                return Some(place + 1);
            }
            after_atom = is_atom;
        }
        None
    }

    /// Tells whether a token alone is a member of the class.
    fn is_member(&self, class: &ClassRef, token: &Token) -> bool {
        self.lookup.in_class(class, &token.bytes())
    }

    /// Compares the value of a macro with the tokens from `at` on; returns where the value ends.
    fn late_end(&mut self, name: &[u8], at: usize) -> Option<usize> {
        if self.is_told {
            let value = value_of(&*self.lookup, name).map(|value| value.text.into_owned());
            self.lookup.trace(Trace::LateLeft(name, value.as_deref()));
        }
        let Some(value) = value_of(&*self.lookup, name) else { return Some(at) };
        let mut rest: &[u8] = &value.text;
        let mut end = at;
        while !rest.is_empty() {
            let (_, text) = self.address.tokens().get(end)?.text()?;
            let (start, after) = rest.split_at_checked(text.len())?;
            if !start.eq_ignore_ascii_case(text) {
                return None;
            }
            rest = after;
            end += 1;
        }
        Some(end)
    }
}
