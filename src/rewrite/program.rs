//! Rules as the engine runs them.

use std::fmt;
use std::sync::OnceLock;

use crate::mail::token::{Tag, TagSet, Token};
use crate::name::ClassName;

/// The most wildcards of a left side; the original's MAXMATCH.
pub(super) const WILDCARDS_MAX: usize = 9;

/// A class named by a rule, with its place in [`super::Rulesets::class_names`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClassRef {
    /// The name.
    pub name: ClassName,
    /// The place of the name in the list of all classes that rules name.
    pub index: usize,
}

/// One element of a left side.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Piece {
    /// `$*`.
    ZeroOrMore,
    /// `$+`.
    OneOrMore,
    /// `$-`.
    One,
    /// `$=x`.
    Class(ClassRef),
    /// `$~x`.
    NotClass(ClassRef),
    /// `$@`: matches no token.
    Nothing,
    /// `$&x`: the value the macro has when the rule is used.
    Late(bstr::BString),
    /// Any other token.
    Literal(Token),
}

impl Piece {
    /// Returns the tag of a token that is named.
    pub(super) fn tag(&self) -> Option<Tag> {
        match self {
            Self::Literal(token) => Some(token.tag()),
            _ => None,
        }
    }
}

/// Tells whether a phrase of a class may begin twice at the same place: another one with no `$*` or `$+` between them is before it.
pub(super) fn phrases_meet(pieces: &[Piece]) -> bool {
    let mut stretches = pieces.split(|piece| matches!(piece, Piece::ZeroOrMore | Piece::OneOrMore));
    stretches.any(|stretch| stretch.iter().filter(|piece| matches!(piece, Piece::Class(_))).count() > 1)
}

/// What happens after a rule has rewritten the address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// The same rule is tried again.
    Repeat,
    /// `$:`: the next rule is tried.
    Next,
    /// `$@`, or a result that is a triple: the ruleset returns.
    Return,
}

/// One rewriting rule.
#[derive(Clone, Debug)]
pub struct Rule {
    pub(super) pieces: Vec<Piece>,
    pub(super) left: Vec<Token>,
    /// `$:` or `$@` before the right side.
    pub(super) prefix: Option<Token>,
    pub(super) right: Vec<Token>,
    /// The right side as it is once it has been applied, if that is something else.
    pub(super) bare: Option<Vec<Token>>,
    /// The right side has been applied.
    pub(super) was_applied: OnceLock<()>,
    /// Which tags the right side has.
    pub(super) right_tags: TagSet,
    pub(super) action: Action,
    /// Two phrases may share the same tokens in more than one way.
    pub(super) phrases_meet: bool,
    /// The line in the configuration file.
    pub line: usize,
}

impl Rule {
    /// Returns the left side.
    pub fn left(&self) -> &[Token] {
        &self.left
    }

    /// Returns the right side without its prefix.
    // QUIRK(names-lose-quotes)
    pub fn right(&self) -> &[Token] {
        match &self.bare {
            Some(bare) if self.was_applied.get().is_some() => bare,
            _ => &self.right,
        }
    }

    /// Notes that the right side is applied: traces show it as it is then.
    pub(super) fn note_applied(&self) {
        if self.bare.is_some() {
            self.was_applied.get_or_init(|| ());
        }
    }

    /// Returns what happens after a match.
    pub fn action(&self) -> Action {
        self.action
    }
}

/// Writes the rule as test mode's `=S` does.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("R")?;
        for token in &self.left {
            write!(f, "{token} ")?;
        }
        f.write_str("\t\t")?;
        for token in self.prefix.iter().chain(self.right()) {
            write!(f, "{token} ")?;
        }
        Ok(())
    }
}
