//! What can be said of a left side and an address at a glance: nearly all rules that do not match are passed over by it.

use super::program::Piece;
use crate::mail::token::{PairSet, Tag, TagSet, Token};

/// An address at a glance.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Outline {
    tags: TagSet,
    pairs: PairSet,
    first: Option<Tag>,
    last: Option<Tag>,
    len: usize,
}

impl Outline {
    /// Returns the outline of an address.
    pub(super) fn of(tokens: &[Token]) -> Self {
        let (first, last) = (tokens.first().map(Token::tag), tokens.last().map(Token::tag));
        let mut outline = Self { first, last, len: tokens.len(), ..Self::default() };
        first.into_iter().for_each(|tag| outline.tags.add(tag));
        for pair in tokens.windows(2) {
            let [left, right] = [pair[0].tag(), pair[1].tag()];
            outline.tags.add(right);
            outline.pairs.add(left, right);
        }
        outline
    }

    /// Tells which tags there are.
    pub(super) fn tags(&self) -> TagSet {
        self.tags
    }
}

/// What an address must have for a left side to match.
///
/// **Invariant:** an address that a left side matches is admitted by its gate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    tags: TagSet,
    pairs: PairSet,
    /// The tags of the first and the last token, where the left side names them.
    first: Option<Tag>,
    last: Option<Tag>,
    len_min: usize,
    len_max: usize,
}

impl Gate {
    /// Returns the gate of a left side.
    pub(super) fn of(pieces: &[Piece]) -> Self {
        // `$@` matches no token: what stands around it is side by side.
        let pieces: Vec<&Piece> = pieces.iter().filter(|piece| **piece != Piece::Nothing).collect();
        let tags: Vec<Option<Tag>> = pieces.iter().map(|piece| piece.tag()).collect();
        let (first, last) = (tags.first().copied().flatten(), tags.last().copied().flatten());
        let (len_min, len_max) = lengths(&pieces);
        let mut gate = Self { tags: TagSet::default(), pairs: PairSet::default(), first, last, len_min, len_max };
        tags.iter().flatten().for_each(|tag| gate.tags.add(*tag));
        for pair in tags.windows(2) {
            if let [Some(left), Some(right)] = pair {
                gate.pairs.add(*left, *right);
            }
        }
        gate
    }

    /// Tells whether the left side may match an address with this outline.
    #[inline]
    pub(super) fn admits(&self, address: &Outline) -> bool {
        address.tags.covers(self.tags)
            && address.pairs.covers(self.pairs)
            && (self.len_min..=self.len_max).contains(&address.len)
            && (self.first.is_none() || self.first == address.first)
            && (self.last.is_none() || self.last == address.last)
    }
}

/// Returns how many tokens a left side matches at least and at most.
fn lengths(pieces: &[&Piece]) -> (usize, usize) {
    pieces.iter().fold((0, 0_usize), |(min, max), piece| match piece {
        Piece::Nothing => (min, max),
        Piece::ZeroOrMore | Piece::Late(_) => (min, usize::MAX),
        Piece::OneOrMore | Piece::Class(_) => (min + 1, usize::MAX),
        Piece::One | Piece::NotClass(_) | Piece::Literal(_) => (min + 1, max.saturating_add(1)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::compile;
    use super::*;
    use crate::macros::MacroTable;
    use crate::mail::token::{ScanOptions, scan};

    /// Tells whether the gate of a left side admits an address.
    fn admits(left: &str, address: &str) -> bool {
        let (rulesets, errors) = compile(&format!("ST\nR{left}\t$@ x"), &MacroTable::default());
        assert!(errors.is_empty(), "{errors:?}");
        let tokens = scan(address.as_bytes(), rulesets.scan_rules(), ScanOptions::TYPED).tokens.expect("short");
        let rule = &rulesets.get(rulesets.find(b"T").expect("there")).rules()[0];
        Gate::of(&rule.pieces).admits(&Outline::of(&tokens))
    }

    #[test]
    fn what_may_match_is_admitted() {
        for left in ["$*", "$+", "$* @ $+", "a $@ @ $-", "$=A $@ $*", "$* $&x", "A$*B", "$- @ $-"] {
            assert!(admits(left, "a@b"), "{left}");
        }
    }

    #[test]
    fn what_differs_at_a_glance_is_not() {
        for left in
            ["$@", "$-", "$- $-", "$- $- $- $-", "$+ $+ $+ $+", "b $*", "$* a", "$* c $*", "$* a b $*", "$* a $@ b $*"]
        {
            assert!(!admits(left, "a@b"), "{left}");
        }
    }
}
