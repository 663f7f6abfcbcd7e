//! Small numbers that stand for tokens where most of them are told apart.

use super::Mark;

/// What tokens that match have in common.
///
/// The upper six bits are the tag's place among 64; marks have the last three to themselves, texts share the others. A text
/// of one byte, which operators are, is told by its tag alone.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tag(u16);

/// Where the place begins.
const PLACE_BIT: u32 = 10;
/// Set where tokens with the same tag need not match.
const SHARED: u16 = 1 << 9;

impl Tag {
    /// Of tokens that begin a look-up: `$[`, `$(`.
    pub(crate) const LOOK_UP: Self = Self::at(63, SHARED);
    /// Of `$>`.
    pub(crate) const CALL: Self = Self::at(62, SHARED);
    /// Of all other marks.
    const MARK: Self = Self::at(61, SHARED);
    /// How many places there are for texts.
    const PLACES_OF_TEXTS: u16 = 61;

    const fn at(place: u16, rest: u16) -> Self {
        Self(place << PLACE_BIT | rest)
    }

    /// Returns the tag of a mark.
    #[inline]
    pub(super) fn of_mark(mark: &Mark) -> Self {
        match mark {
            Mark::HostBegin | Mark::MapBegin => Self::LOOK_UP,
            Mark::Call => Self::CALL,
            _ => Self::MARK,
        }
    }

    /// Returns the tag of a text: case does not count.
    #[inline]
    pub(super) fn of_text(text: &[u8]) -> Self {
        let small = |byte: Option<&u8>| u16::from(byte.map_or(0, u8::to_ascii_lowercase));
        let (first, last) = (small(text.first()), small(text.last()));
        if text.len() == 1 {
            return Self::at(first % Self::PLACES_OF_TEXTS, first);
        }
        let mixed = (first.wrapping_mul(0x1a3) ^ last.wrapping_mul(0x61d))
            .wrapping_add((text.len() as u16).wrapping_mul(0x2f5));
        Self::at(mixed % Self::PLACES_OF_TEXTS, SHARED | mixed & (SHARED - 1))
    }

    /// Tells whether tokens with this tag match, whatever else they are.
    pub(crate) fn is_exact(self) -> bool {
        self.0 & SHARED == 0
    }

    /// Returns the tag's place among 64.
    fn place(self) -> u32 {
        u32::from(self.0 >> PLACE_BIT)
    }
}

/// Which tags there are, one bit for each place.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct TagSet(u64);

impl TagSet {
    /// Adds a tag.
    pub(crate) fn add(&mut self, tag: Tag) {
        self.0 |= 1 << tag.place();
    }

    /// Tells whether everything that `needed` has is here too.
    pub(crate) fn covers(self, needed: Self) -> bool {
        needed.0 & !self.0 == 0
    }

    /// Tells whether a tag, or one with the same place, is here.
    pub(crate) fn has(self, tag: Tag) -> bool {
        self.0 & 1 << tag.place() != 0
    }

    /// Returns what is here or there.
    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<Tag> for TagSet {
    fn from_iter<I: IntoIterator<Item = Tag>>(tags: I) -> Self {
        let mut set = Self::default();
        tags.into_iter().for_each(|tag| set.add(tag));
        set
    }
}

/// Which tags stand side by side, one bit for many pairs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct PairSet(u64);

impl PairSet {
    /// Adds two neighbours.
    pub(crate) fn add(&mut self, left: Tag, right: Tag) {
        let mixed = left.0.wrapping_mul(0x9e37) ^ right.0;
        self.0 |= 1 << (mixed >> PLACE_BIT);
    }

    /// Tells whether everything that `needed` has is here too.
    pub(crate) fn covers(self, needed: Self) -> bool {
        needed.0 & !self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::Token;
    use super::*;

    #[test]
    fn tokens_that_match_have_the_same_tag() {
        for (left, right) in [("Foo", "fOO"), ("", ""), ("x", "X"), ("a.long-name", "A.LONG-NAME")] {
            assert!(Token::atom(left).matches(&Token::atom(right)));
            assert_eq!(Token::atom(left).tag(), Token::atom(right).tag());
        }
    }

    #[test]
    fn a_text_of_one_byte_is_told_by_its_tag() {
        let operators: Vec<_> = (0..=u8::MAX).map(Token::operator).collect();
        for (left, right) in operators.iter().flat_map(|left| operators.iter().map(move |right| (left, right))) {
            let fold = |token: &Token| token.text().map(|(_, text)| text.to_ascii_lowercase());
            assert_eq!(left.tag() == right.tag(), fold(left) == fold(right));
            assert!(left.tag().is_exact());
        }
        for other in [Token::atom(""), Token::atom("xy"), Mark::Call.into(), Mark::Bar.into(), Mark::MapBegin.into()] {
            assert!(!other.tag().is_exact());
        }
    }

    #[test]
    fn marks_share_no_place_with_texts() {
        let mut texts = TagSet::default();
        (0..=u8::MAX).for_each(|byte| texts.add(Tag::of_text(&[byte])));
        (0..=u8::MAX).for_each(|byte| texts.add(Tag::of_text(&[byte, b'.', byte])));
        for mark in [Tag::LOOK_UP, Tag::CALL, Tag::MARK] {
            let mut needed = TagSet::default();
            needed.add(mark);
            assert!(!texts.covers(needed));
        }
    }
}
