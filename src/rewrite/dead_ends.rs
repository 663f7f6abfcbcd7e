//! What one attempt to match has found to lead nowhere.

use super::program::{Rule, WILDCARDS_MAX};

/// Places of the address that wildcards need not try again.
#[derive(Debug)]
pub(super) struct DeadEnds {
    /// For each `$*` and `$+`: to end here or later is in vain.
    ///
    /// One number is enough: a wildcard that is given up has tried every end from the first on that it could have.
    closed: [u16; WILDCARDS_MAX],
    /// One bit for each wildcard and place where a phrase of a class is in vain; nothing before the first.
    phrases: Vec<u64>,
    /// How many places there are.
    places: usize,
    keeps_phrases: bool,
    is_kept: bool,
}

impl DeadEnds {
    /// Returns that of a rule and an address of `len` tokens, where nothing has been tried.
    pub(super) fn of(rule: &Rule, len: usize) -> Self {
        Self {
            closed: [u16::MAX; WILDCARDS_MAX],
            phrases: Vec::new(),
            places: len + 1,
            keeps_phrases: rule.phrases_meet,
            is_kept: true,
        }
    }

    /// Returns one that never learns: everything is tried as often as it can be reached.
    pub(super) fn forgotten() -> Self {
        Self { closed: [u16::MAX; WILDCARDS_MAX], phrases: Vec::new(), places: 0, keeps_phrases: false, is_kept: false }
    }

    /// Returns the place before which a `$*` or `$+` has to end.
    pub(super) fn limit(&self, wildcard: usize) -> usize {
        usize::from(self.closed[wildcard])
    }

    /// Learns that a `$*` or `$+` ends in vain from this place on.
    pub(super) fn close(&mut self, wildcard: usize, from: usize) {
        if self.is_kept {
            // No wildcard ends beyond what a number of this size can tell.
            self.closed[wildcard] = self.closed[wildcard].min(u16::try_from(from).unwrap_or(u16::MAX));
        }
    }

    /// Tells whether a phrase that begins here is known to be in vain.
    pub(super) fn has_phrase(&self, wildcard: usize, first: usize) -> bool {
        let bit = wildcard * self.places + first;
        self.phrases.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 != 0)
    }

    /// Learns that a phrase that begins here is in vain.
    #[inline]
    pub(super) fn add_phrase(&mut self, wildcard: usize, first: usize) {
        if self.keeps_phrases {
            self.set_phrase(wildcard, first);
        }
    }

    fn set_phrase(&mut self, wildcard: usize, first: usize) {
        let bit = wildcard * self.places + first;
        self.phrases.resize((WILDCARDS_MAX * self.places).div_ceil(64), 0);
        self.phrases[bit / 64] |= 1 << (bit % 64);
    }
}
