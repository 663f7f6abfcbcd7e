//! Matching a left side against an address: leftmost, shortest, by going back to the latest wildcard that can grow.

use super::lookup::Lookup;
use super::program::{ClassRef, Piece, Rule};
use crate::mail::token::{Token, join_to};

/// What one wildcard matched: a range of tokens.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Binding {
    piece: usize,
    first: usize,
    end: usize,
}

/// What the wildcards of a rule matched.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    found: smallvec::SmallVec<[Binding; 9]>,
}

impl Bindings {
    /// Returns the tokens of `address` that `$digit` stands for, if the rule has so many wildcards.
    pub(super) fn get<'a>(&self, digit: u8, address: &'a [Token]) -> Option<&'a [Token]> {
        let binding = self.found.get(usize::from(digit).checked_sub(1)?)?;
        address.get(binding.first..binding.end)
    }
}

/// Matches the left side of `rule` against the whole of `address`.
pub(super) fn find(rule: &Rule, address: &[Token], lookup: &(impl Lookup + ?Sized), blank_sub: u8) -> Option<Bindings> {
    if rule.is_void || address.len() < rule.tokens_min {
        return None;
    }
    let mut matcher = Matcher { pieces: &rule.pieces, address, lookup, blank_sub, bound: Bindings::default() };
    matcher.run().then_some(matcher.bound)
}

/// One attempt to match.
struct Matcher<'a, L: ?Sized> {
    pieces: &'a [Piece],
    address: &'a [Token],
    lookup: &'a L,
    blank_sub: u8,
    bound: Bindings,
}

impl<L: Lookup + ?Sized> Matcher<'_, L> {
    /// Walks over pattern and address until both end, or until nothing can be grown any more.
    fn run(&mut self) -> bool {
        let (mut piece, mut at) = (0, 0);
        loop {
            let next = match self.pieces.get(piece) {
                None if at == self.address.len() => return true,
                None => None,
                Some(pattern) => self.step(piece, pattern, at),
            };
            match next.map(|at| (piece + 1, at)).or_else(|| self.back_up()) {
                Some(place) => (piece, at) = place,
                None => return false,
            }
        }
    }

    /// Matches one piece at `at` with as few tokens as it takes; returns where the next one begins.
    fn step(&mut self, piece: usize, pattern: &Piece, at: usize) -> Option<usize> {
        let token = self.address.get(at);
        let end = match pattern {
            Piece::ZeroOrMore => at,
            Piece::Nothing => return Some(at),
            Piece::OneOrMore | Piece::One => token.map(|_| at + 1)?,
            Piece::Class(class) => self.phrase_end(class, at, at)?,
            Piece::NotClass(class) => token.filter(|token| !self.is_member(class, token)).map(|_| at + 1)?,
            // QUIRK(late-macro-at-end): `$&x` at the end of an address never matches, even if x is empty.
            Piece::Late(name) => return token.and_then(|_| self.late_end(name, at)),
            Piece::Literal(literal) => return token.filter(|token| token.matches(literal)).map(|_| at + 1),
        };
        self.bound.found.push(Binding { piece, first: at, end });
        Some(end)
    }

    /// Lets the latest wildcard that can grow take more; returns the place in pattern and address to go on from.
    fn back_up(&mut self) -> Option<(usize, usize)> {
        while let Some(binding) = self.bound.found.pop() {
            if binding.end >= self.address.len() {
                continue;
            }
            let end = match &self.pieces[binding.piece] {
                Piece::ZeroOrMore | Piece::OneOrMore => Some(binding.end + 1),
                Piece::Class(class) => self.phrase_end(class, binding.first, binding.end),
                _ => None,
            };
            if let Some(end) = end {
                self.bound.found.push(Binding { end, ..binding });
                return Some((binding.piece + 1, end));
            }
        }
        None
    }

    /// Returns the end of the shortest phrase from `first` that is in the class and longer than up to `after`.
    fn phrase_end(&self, class: &ClassRef, first: usize, after: usize) -> Option<usize> {
        let bytes_max = self.lookup.class_bytes_max(class);
        let mut phrase = Vec::with_capacity(bytes_max.min(256));
        for end in after + 1..=self.address.len() {
            phrase.clear();
            join_to(&mut phrase, &self.address[first..end], self.blank_sub);
            if phrase.len() > bytes_max {
                return None;
            }
            if self.lookup.in_class(class, &phrase) {
                return Some(end);
            }
        }
        None
    }

    /// Tells whether a token alone is a member of the class.
    fn is_member(&self, class: &ClassRef, token: &Token) -> bool {
        token.text().is_some_and(|(_, text)| self.lookup.in_class(class, text))
    }

    /// Compares the value of a macro with the tokens from `at` on; returns where the value ends.
    fn late_end(&self, name: &[u8], at: usize) -> Option<usize> {
        let Some(value) = self.lookup.macro_value(name) else {
            return Some(at);
        };
        let mut rest: &[u8] = &value.text;
        let mut end = at;
        while !rest.is_empty() {
            let (_, text) = self.address.get(end)?.text()?;
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
