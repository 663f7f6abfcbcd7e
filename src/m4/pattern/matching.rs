//! Searching: every way is tried once, without nested functions, and the longest match kept.

use std::ops::Range;

use super::compile::{Assertion, Pattern, Step, is_word};

/// How many steps one search may take.
const STEPS_MAX: usize = 20_000_000;

/// Where a match is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Found {
    /// Start and end of the whole and of each group, by turns.
    places: Vec<Option<usize>>,
}

impl Found {
    /// Returns the bytes that match.
    pub(super) fn whole(&self) -> Range<usize> {
        self.range(0).unwrap_or_default()
    }

    /// Returns the bytes of a group, if it took part; none for a group that the pattern does not have.
    pub(super) fn group(&self, group: usize) -> Option<Option<Range<usize>>> {
        (2 * group + 1 < self.places.len()).then(|| self.range(group))
    }

    fn range(&self, group: usize) -> Option<Range<usize>> {
        Some(self.places[2 * group]?..self.places[2 * group + 1]?)
    }
}

/// A search of one pattern in one text.
pub(super) struct Search<'a> {
    pattern: &'a Pattern,
    text: &'a [u8],
    steps_left: usize,
    /// Which steps were tried at which place; not kept where the pattern looks back.
    tried: Vec<bool>,
}

/// A way to go on from.
struct Way {
    step: usize,
    at: usize,
    places: Vec<Option<usize>>,
}

impl<'a> Search<'a> {
    pub(super) fn new(pattern: &'a Pattern, text: &'a [u8]) -> Self {
        Self { pattern, text, steps_left: STEPS_MAX, tried: Vec::new() }
    }

    /// Tells whether the search was given up.
    pub(super) fn is_exhausted(&self) -> bool {
        self.steps_left == 0
    }

    /// Returns the longest match at the first place from `start` on where there is one.
    pub(super) fn find(&mut self, start: usize) -> Option<Found> {
        let found = (start..=self.text.len()).find_map(|at| self.find_at(at));
        found.filter(|_| !self.is_exhausted())
    }

    fn find_at(&mut self, start: usize) -> Option<Found> {
        let mut places = vec![None; 2 * self.pattern.groups + 2];
        places[0] = Some(start);
        let mut ways = vec![Way { step: 0, at: start, places }];
        let mut best: Option<Found> = None;
        self.tried.clear();
        if !self.pattern.looks_back {
            self.tried.resize(self.pattern.steps.len() * (self.text.len() - start + 1), false);
        }
        while let Some(way) = ways.pop() {
            let Some(places) = self.follow(way, start, &mut ways) else { continue };
            let end = |places: &[Option<usize>]| places[1];
            if best.as_ref().is_none_or(|best| end(&places) > end(&best.places)) {
                best = Some(Found { places });
            }
        }
        best
    }

    /// Follows one way to its end; returns the places if it leads to a match.
    fn follow(&mut self, mut way: Way, start: usize, ways: &mut Vec<Way>) -> Option<Vec<Option<usize>>> {
        loop {
            self.steps_left = self.steps_left.checked_sub(1)?;
            if !self.tried.is_empty() {
                let index = way.step * (self.text.len() - start + 1) + (way.at - start);
                if std::mem::replace(&mut self.tried[index], true) {
                    return None;
                }
            }
            way.step += 1;
            match &self.pattern.steps[way.step - 1] {
                Step::Set(bytes) => {
                    let byte = self.text.get(way.at)?;
                    bytes[usize::from(*byte)].then_some(())?;
                    way.at += 1;
                }
                Step::Assert(assertion) => self.holds(*assertion, way.at).then_some(())?,
                Step::Back(group) => {
                    let group = way.places[2 * group]?..way.places[2 * group + 1]?;
                    self.text[way.at..].starts_with(&self.text[group.clone()]).then_some(())?;
                    way.at += group.len();
                }
                Step::Save(place) => way.places[*place] = Some(way.at),
                Step::Split(first, second) => {
                    ways.push(Way { step: *second, at: way.at, places: way.places.clone() });
                    way.step = *first;
                }
                Step::Jump(to) => way.step = *to,
                Step::Match => {
                    way.places[1] = Some(way.at);
                    return Some(way.places);
                }
            }
        }
    }

    fn holds(&self, assertion: Assertion, at: usize) -> bool {
        let before = at.checked_sub(1).map(|at| self.text[at]);
        let after = self.text.get(at).copied();
        let (word_before, word_after) = (before.is_some_and(is_word), after.is_some_and(is_word));
        match assertion {
            Assertion::LineStart => before.is_none_or(|byte| byte == b'\n'),
            Assertion::LineEnd => after.is_none_or(|byte| byte == b'\n'),
            Assertion::TextStart => before.is_none(),
            Assertion::TextEnd => after.is_none(),
            Assertion::WordEdge => word_before != word_after,
            Assertion::NoWordEdge => word_before == word_after,
            Assertion::WordStart => !word_before && word_after,
            Assertion::WordEnd => word_before && !word_after,
        }
    }
}
