//! The address that rules work on: its tokens, and beside each a tag that tells most of them apart.
//!
//! Rules ask far more often than they find: whether a token is there at all, and where the next one like it stands.
//! Both are answered by small numbers that lie close together; the text is compared only where they agree.

use std::ops::Range;

use super::gate::Outline;
use super::tag::Tag;
use crate::mail::token::Token;

/// The room that nearly all addresses are content with, in tokens.
const TOKENS_USUAL: usize = 40;

/// Tokens with their tags.
#[derive(Clone, Debug, Default)]
pub(super) struct Workspace {
    tokens: Vec<Token>,
    tags: Vec<Tag>,
}

impl Workspace {
    /// Returns the tokens.
    pub(super) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Returns how many tokens there are.
    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Returns the address at a glance.
    pub(super) fn outline(&self) -> Outline {
        Outline::of(&self.tags)
    }

    /// Tells whether the token at `place` matches `token`, whose tag is `tag`.
    pub(super) fn matches(&self, place: usize, token: &Token, tag: Tag) -> bool {
        self.tags.get(place) == Some(&tag) && (tag.is_exact() || self.tokens[place].matches(token))
    }

    /// Returns the first place of `part` whose token matches `token`.
    pub(super) fn find(&self, part: Range<usize>, token: &Token, tag: Tag) -> Option<usize> {
        let mut places = part;
        places.find(|place| self.matches(*place, token, tag))
    }

    /// Tells whether a token has this tag.
    pub(super) fn has_tag(&self, tag: Tag) -> bool {
        self.tags.iter().fold(false, |has, own| has | (*own == tag))
    }

    /// Returns the first place from `from` on with this tag.
    pub(super) fn find_tag(&self, from: usize, tag: Tag) -> Option<usize> {
        self.tags.get(from..)?.iter().position(|own| *own == tag).map(|skip| from + skip)
    }

    /// Returns an empty one with room for `count` tokens, or for as many as are usual.
    pub(super) fn with_room(count: usize) -> Self {
        let room = count.max(TOKENS_USUAL);
        Self { tokens: Vec::with_capacity(room), tags: Vec::with_capacity(room) }
    }

    /// Makes room for `more` tokens.
    pub(super) fn reserve(&mut self, more: usize) {
        self.tokens.reserve(more);
        self.tags.reserve(more);
    }

    /// Adds the token at `place` of `other`.
    pub(super) fn push_from(&mut self, other: &Self, place: usize) {
        self.tokens.push(other.tokens[place].clone());
        self.tags.push(other.tags[place]);
    }

    /// Adds part of `other`.
    pub(super) fn extend_from(&mut self, other: &Self, part: Range<usize>) {
        self.tokens.extend_from_slice(&other.tokens[part.clone()]);
        self.tags.extend_from_slice(&other.tags[part]);
    }

    /// Takes over all of `other`.
    pub(super) fn append(&mut self, other: &mut Self) {
        if self.tokens.is_empty() {
            std::mem::swap(self, other);
        }
        self.tokens.append(&mut other.tokens);
        self.tags.append(&mut other.tags);
    }

    /// Moves what lies before `place` to the end of `other`.
    pub(super) fn give_front(&mut self, other: &mut Self, place: usize) {
        other.tokens.extend(self.tokens.drain(..place));
        other.tags.extend(self.tags.drain(..place));
    }

    /// Takes out a part.
    pub(super) fn cut(&mut self, part: Range<usize>) {
        self.tokens.drain(part.clone());
        self.tags.drain(part);
    }

    /// Puts `name` in the place of a text.
    pub(super) fn unquote(&mut self, place: usize, name: &[u8]) {
        if self.tokens[place].text().is_some() {
            self.tokens[place] = Token::atom(name);
            self.tags[place] = Tag::of_text(name);
        }
    }

    /// Takes away what lies from `place` on.
    pub(super) fn truncate(&mut self, place: usize) {
        self.tokens.truncate(place);
        self.tags.truncate(place);
    }

    /// Returns the tokens without their tags.
    pub(super) fn into_tokens(self) -> Vec<Token> {
        self.tokens
    }
}

impl From<Vec<Token>> for Workspace {
    fn from(tokens: Vec<Token>) -> Self {
        let tags = tokens.iter().map(Tag::of).collect();
        Self { tokens, tags }
    }
}

impl Extend<Token> for Workspace {
    fn extend<I: IntoIterator<Item = Token>>(&mut self, tokens: I) {
        for token in tokens {
            self.tags.push(Tag::of(&token));
            self.tokens.push(token);
        }
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
        assert_eq!(space.find(0..4, &a, Tag::of(&a)), Some(0));
        assert_eq!(space.find(1..4, &a, Tag::of(&a)), Some(2));
        assert_eq!(space.find(3..4, &a, Tag::of(&a)), None);
        assert_eq!(space.find_tag(0, Tag::CALL), Some(1));
        assert!(space.has_tag(Tag::LOOK_UP) && !space.has_tag(Tag::default()));
    }
}
