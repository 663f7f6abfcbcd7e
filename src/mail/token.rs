//! Addresses as tokens: scanning text into them and joining them back (op guide "Semantics of Rewriting Rule Sets").

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bstr::BString;

mod mark;
mod scan;
mod shown;
mod tag;
mod triple;

pub use mark::Mark;
pub(crate) use mark::{EXPAND, append_name, name_at};
pub(crate) use scan::TOKENS_USUAL;
pub use scan::{Comments, ScanError, ScanOptions, ScanRules, Scanned, TOKEN_BYTES_MAX, TOKENS_MAX, scan};
pub use shown::show;
pub(crate) use tag::{PairSet, Tag, TagSet};
pub use triple::{Target, is_quarantine, user_text};

/// The byte before a data byte that would else be read as a mark (the original's METAQUOTE).
pub const QUOTE_MARK: u8 = 0xff;

/// The longest token kept without a heap allocation, in bytes.
const SHORT_BYTES_MAX: usize = 19;

/// What a text token is, which decides how it joins with its neighbours.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// A run of ordinary characters.
    Atom,
    /// One operator character.
    Operator,
    /// A quoted string with its quotes.
    Quoted,
}

/// One token of an address or of a rule.
pub struct Token {
    look: Look,
    repr: Repr,
}

/// What can be seen of a token at once.
#[derive(Clone, Copy)]
struct Look {
    /// What it has in common with those that it matches: nearly all comparisons end with it.
    tag: Tag,
    /// Of a mark: none that counts.
    kind: Kind,
    /// Of a short text, in bytes.
    len: u8,
    /// It is printable ASCII: it is shown as it is.
    is_plain: bool,
}

/// How a token is kept, cloned by copying or by counting.
#[derive(Clone)]
enum Repr {
    /// A space, with which a token is shown among others, and the text.
    Short([u8; 1 + SHORT_BYTES_MAX]),
    Long(Arc<[u8]>),
    Mark(Mark),
}

impl Clone for Token {
    // Rules copy whole addresses over and over: nearly all tokens are short.
    #[inline]
    fn clone(&self) -> Self {
        match &self.repr {
            Repr::Short(bytes) => Self { look: self.look, repr: Repr::Short(*bytes) },
            _ => self.counted(),
        }
    }
}

impl Token {
    /// Clones what is not short; apart, so that a short token is copied as a whole and not part by part.
    #[inline(never)]
    fn counted(&self) -> Self {
        Self { look: self.look, repr: self.repr.clone() }
    }
}

impl Token {
    /// Returns the text token `text` of the given kind.
    pub fn new(kind: Kind, text: &[u8]) -> Self {
        let mut bytes = [b' '; 1 + SHORT_BYTES_MAX];
        let (len, repr) = match bytes.get_mut(1..=text.len()) {
            Some(start) => {
                start.copy_from_slice(text);
                (u8::try_from(text.len()).expect("at most SHORT_BYTES_MAX"), Repr::Short(bytes))
            }
            None => (0, Repr::Long(text.into())),
        };
        Self { look: Look { tag: Tag::of_text(text), kind, len, is_plain: shown::is_plain(text) }, repr }
    }

    /// Returns an atom.
    pub fn atom(text: impl AsRef<[u8]>) -> Self {
        Self::new(Kind::Atom, text.as_ref())
    }

    /// Returns the one-character operator token `byte`.
    pub fn operator(byte: u8) -> Self {
        Self::new(Kind::Operator, &[byte])
    }

    /// Returns the kind and the text, unless this is a mark.
    #[inline]
    pub fn text(&self) -> Option<(Kind, &[u8])> {
        match &self.repr {
            Repr::Short(bytes) => Some((self.look.kind, &bytes[1..=usize::from(self.look.len)])),
            Repr::Long(text) => Some((self.look.kind, text)),
            Repr::Mark(_) => None,
        }
    }

    /// Returns the mark, if this is one.
    pub fn mark(&self) -> Option<&Mark> {
        match &self.repr {
            Repr::Mark(mark) => Some(mark),
            _ => None,
        }
    }

    /// Tells whether this is the mark `mark`.
    pub fn is(&self, mark: &Mark) -> bool {
        self.mark() == Some(mark)
    }

    /// Tells whether this is an atom.
    pub fn is_atom(&self) -> bool {
        matches!(self.text(), Some((Kind::Atom, _)))
    }

    /// Tells whether this is the text `text`, in any case.
    pub fn is_text(&self, text: &[u8]) -> bool {
        self.text().is_some_and(|(_, own)| own.eq_ignore_ascii_case(text))
    }

    /// Returns what this token has in common with those that it matches.
    #[inline]
    pub(crate) fn tag(&self) -> Tag {
        self.look.tag
    }

    /// Compares as rules do: without case.
    #[inline]
    pub fn matches(&self, other: &Self) -> bool {
        let tag = self.look.tag;
        tag == other.look.tag && (tag.is_exact() || self.is_same(other))
    }

    /// Compares text with text, without case, and mark with mark.
    fn is_same(&self, other: &Self) -> bool {
        match (self.text(), other.text()) {
            (Some((_, left)), Some((_, right))) => left.eq_ignore_ascii_case(right),
            (None, None) => self.mark() == other.mark(),
            _ => false,
        }
    }

    /// Returns the token as text; a mark is its code.
    #[inline]
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match &self.repr {
            Repr::Short(bytes) => Cow::Borrowed(&bytes[1..=usize::from(self.look.len)]),
            Repr::Long(text) => Cow::Borrowed(text),
            Repr::Mark(mark) => Cow::Owned(mark.to_bytes()),
        }
    }

    /// Appends the token as text; a mark is appended as its code.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        match self.text() {
            Some((_, text)) => out.extend_from_slice(text),
            None => self.append_quoted_to(out),
        }
    }

    /// Appends the token in internal form, so that scanning gives the same token again.
    pub fn append_quoted_to(&self, out: &mut Vec<u8>) {
        match &self.repr {
            Repr::Mark(mark) => mark.append_to(out),
            _ => {
                for &byte in self.text().map_or(&b""[..], |(_, text)| text) {
                    if needs_quote(byte) {
                        out.push(QUOTE_MARK);
                    }
                    out.push(byte);
                }
            }
        }
    }
}

/// Tells whether a data byte could be taken for a mark.
pub fn needs_quote(byte: u8) -> bool {
    (0x80..0xa0).contains(&byte) || byte == QUOTE_MARK
}

impl From<Mark> for Token {
    fn from(mark: Mark) -> Self {
        let look = Look { tag: Tag::of_mark(&mark), kind: Kind::Operator, len: 0, is_plain: false };
        Self { look, repr: Repr::Mark(mark) }
    }
}

impl PartialEq for Token {
    /// Compares exactly, with case.
    fn eq(&self, other: &Self) -> bool {
        self.mark() == other.mark() && self.text() == other.text()
    }
}

impl Eq for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// An address as tokens.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tokens(Vec<Token>);

impl Tokens {
    /// Returns no tokens.
    pub fn new() -> Self {
        Self::default()
    }

    /// Joins the tokens into text; `blank_sub` goes between two neighbouring atoms.
    pub fn to_text(&self, blank_sub: u8) -> BString {
        join(&self.0, blank_sub)
    }

    /// Tells whether the first token is `$#`: the triple of a mailer or an error.
    pub fn is_resolved(&self) -> bool {
        self.0.first().is_some_and(|token| token.is(&Mark::Net))
    }

    /// Returns the tokens themselves.
    pub fn into_vec(self) -> Vec<Token> {
        self.0
    }
}

/// Joins tokens into text; `blank_sub` goes between two neighbouring atoms.
pub fn join(tokens: &[Token], blank_sub: u8) -> BString {
    let mut text = Vec::with_capacity(64);
    join_to(&mut text, tokens, blank_sub);
    text.into()
}

/// Joins tokens into text of `bytes_max` bytes.
// QUIRK(cut-behind-blank): the character between two atoms may be one byte more, if nothing of the second has room.
pub fn join_within(tokens: &[Token], blank_sub: u8, bytes_max: usize) -> BString {
    let mut text = Vec::with_capacity(64);
    append(&mut text, tokens, blank_sub, bytes_max);
    text.into()
}

/// Appends tokens, joined into text, to `out`.
pub fn join_to(out: &mut Vec<u8>, tokens: &[Token], blank_sub: u8) {
    append(out, tokens, blank_sub, usize::MAX);
}

/// Appends tokens to `out` until that has `bytes_max` bytes.
fn append(out: &mut Vec<u8>, tokens: &[Token], blank_sub: u8, bytes_max: usize) {
    let mut after_atom = false;
    for token in tokens {
        let is_atom = token.is_atom();
        if after_atom && is_atom {
            out.push(blank_sub);
        }
        let start = out.len();
        token.append_to(out);
        if out.len() > bytes_max {
            out.truncate(bytes_max.max(start));
            return;
        }
        after_atom = is_atom;
    }
}

impl std::ops::Deref for Tokens {
    type Target = Vec<Token>;

    fn deref(&self) -> &Vec<Token> {
        &self.0
    }
}

impl std::ops::DerefMut for Tokens {
    fn deref_mut(&mut self) -> &mut Vec<Token> {
        &mut self.0
    }
}

impl From<Vec<Token>> for Tokens {
    fn from(tokens: Vec<Token>) -> Self {
        Self(tokens)
    }
}

impl From<&[Token]> for Tokens {
    fn from(tokens: &[Token]) -> Self {
        let mut copied = Vec::with_capacity(tokens.len().max(TOKENS_USUAL));
        copied.extend_from_slice(tokens);
        Self(copied)
    }
}

impl FromIterator<Token> for Tokens {
    fn from_iter<I: IntoIterator<Item = Token>>(tokens: I) -> Self {
        Self(tokens.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_is_cut() {
        let tokens = ["ab", "c"].map(Token::atom);
        let check = |bytes_max, expected: &str| assert_eq!(join_within(&tokens, b'.', bytes_max), expected);
        check(4, "ab.c");
        check(3, "ab.");
        check(2, "ab.");
        check(1, "a");
    }
}
