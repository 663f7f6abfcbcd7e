//! The address that rules work on.

use std::ops::Range;

use super::gate::Outline;
use crate::mail::token::{TOKENS_USUAL, Tag, Token};

/// Tokens that rules take apart and put together.
#[derive(Clone, Debug)]
pub(super) struct Workspace(Vec<Token>);

impl Workspace {
    /// Returns an empty one with room for as many tokens as are usual.
    pub(super) fn empty() -> Self {
        Self(Vec::with_capacity(TOKENS_USUAL))
    }

    /// Returns the tokens.
    #[inline]
    pub(super) fn tokens(&self) -> &[Token] {
        &self.0
    }

    /// Returns how many tokens there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the address at a glance.
    pub(super) fn outline(&self) -> Outline {
        Outline::of(&self.0)
    }

    /// Tells whether the token at `place` matches `token`.
    #[inline]
    pub(super) fn matches(&self, place: usize, token: &Token) -> bool {
        self.0.get(place).is_some_and(|own| own.matches(token))
    }

    /// Returns the first place of `part` whose token matches `token`.
    #[inline]
    pub(super) fn find(&self, part: Range<usize>, token: &Token) -> Option<usize> {
        let start = part.start;
        self.0.get(part)?.iter().position(|own| own.matches(token)).map(|skip| start + skip)
    }

    /// Returns the first place from `from` on with this tag.
    pub(super) fn find_tag(&self, from: usize, tag: Tag) -> Option<usize> {
        self.0.get(from..)?.iter().position(|own| own.tag() == tag).map(|skip| from + skip)
    }

    /// Adds a token.
    pub(super) fn push(&mut self, token: Token) {
        self.0.push(token);
    }

    /// Adds tokens.
    pub(super) fn extend_from(&mut self, tokens: &[Token]) {
        self.0.extend_from_slice(tokens);
    }

    /// Takes over all of `other`.
    pub(super) fn append(&mut self, other: &mut Self) {
        if self.0.is_empty() {
            std::mem::swap(self, other);
        }
        self.0.append(&mut other.0);
    }

    /// Moves what lies before `place` to the end of `other` and drops the next `skip` tokens.
    pub(super) fn give_front(&mut self, other: &mut Self, place: usize, skip: usize) {
        other.0.extend(self.0.drain(..place + skip).take(place));
    }

    /// Takes out a part.
    pub(super) fn cut(&mut self, part: Range<usize>) {
        self.0.drain(part);
    }

    /// Puts `token` in the place of a text.
    pub(super) fn replace_text(&mut self, place: usize, token: Token) {
        if self.0[place].text().is_some() {
            self.0[place] = token;
        }
    }

    /// Takes away what lies from `place` on.
    pub(super) fn truncate(&mut self, place: usize) {
        self.0.truncate(place);
    }

    /// Returns the tokens themselves.
    pub(super) fn into_tokens(self) -> Vec<Token> {
        self.0
    }
}

impl From<Vec<Token>> for Workspace {
    fn from(tokens: Vec<Token>) -> Self {
        Self(tokens)
    }
}

impl Extend<Token> for Workspace {
    fn extend<I: IntoIterator<Item = Token>>(&mut self, tokens: I) {
        self.0.extend(tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::token::Mark;

    #[test]
    fn tokens_are_found_from_a_place_on() {
        let space = Workspace::from(vec![Token::atom("a"), Mark::Call.into(), Token::atom("A"), Mark::MapBegin.into()]);
        let a = Token::atom("A");
        assert_eq!(space.find(0..4, &a), Some(0));
        assert_eq!(space.find(1..4, &a), Some(2));
        assert_eq!(space.find(3..4, &a), None);
        assert_eq!(space.find_tag(0, Tag::CALL), Some(1));
        assert_eq!(space.find_tag(1, Tag::LOOK_UP), Some(3));
        assert_eq!(space.find_tag(2, Tag::CALL), None);
    }
}
