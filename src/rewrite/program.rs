//! Rules as the engine runs them.

use std::fmt;

use crate::mail::token::{Mark, Token};
use crate::name::ClassName;

/// A class named by a rule, with its place in [`super::Rulesets::class_names`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClassRef {
    /// The name.
    pub name: ClassName,
    /// The place of the name in the list of all classes that rules name.
    pub index: usize,
}

/// Which tokens an address has, one bit for several of them: what a rule needs and an address lacks tells quickly that
/// they do not match.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Signature(u64);

impl Signature {
    /// The bit of tokens that make a right side ask: `$>`, `$[`, `$(`.
    const ASKS: u32 = 63;
    /// The bit of all other marks.
    const MARKS: u32 = 62;
    /// How many bits there are for texts.
    const TEXTS: u32 = 62;

    /// Returns the signature of an address.
    pub(super) fn of(tokens: &[Token]) -> Self {
        tokens.iter().fold(Self::default(), Self::with)
    }

    /// Returns the signature with one token more.
    pub(super) fn with(self, token: &Token) -> Self {
        let place = match (token.text(), token.mark()) {
            (Some((_, text)), _) => {
                let first = text.first().map_or(0, u8::to_ascii_lowercase);
                // Case does not count, so that only the first letter and the length can.
                (u32::from(first) * 7 + u32::from(text.len() as u8)) % Self::TEXTS
            }
            (None, Some(Mark::Call | Mark::HostBegin | Mark::MapBegin)) => Self::ASKS,
            (None, _) => Self::MARKS,
        };
        Self(self.0 | 1 << place)
    }

    /// Tells whether there is anything to be looked up or called.
    pub(super) fn asks(self) -> bool {
        self.0 & 1 << Self::ASKS != 0
    }

    /// Tells whether everything that `needed` has is here too.
    pub(super) fn covers(self, needed: Self) -> bool {
        needed.0 & !self.0 == 0
    }
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
    /// Tells whether what this matches has a number.
    pub fn is_wildcard(&self) -> bool {
        matches!(self, Self::ZeroOrMore | Self::OneOrMore | Self::One | Self::Class(_) | Self::NotClass(_))
    }
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
    pub(super) tokens_min: usize,
    /// What an address must have at least for the left side to match.
    pub(super) needs: Signature,
    pub(super) left: Vec<Token>,
    pub(super) right: Vec<Token>,
    pub(super) action: Action,
    /// The line in the configuration file.
    pub line: usize,
}

impl Rule {
    /// Returns the left side.
    pub fn left(&self) -> &[Token] {
        &self.left
    }

    /// Returns the right side without its prefix.
    pub fn right(&self) -> &[Token] {
        &self.right
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
        for token in prefix(self).iter().chain(&self.right) {
            write!(f, "{token} ")?;
        }
        Ok(())
    }
}

/// The right side of a rule with its prefix, a space before each token.
pub(super) struct ShownRhs<'a>(pub(super) &'a Rule);

impl fmt::Display for ShownRhs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for token in prefix(self.0).iter().chain(&self.0.right) {
            write!(f, " {token}")?;
        }
        Ok(())
    }
}

/// Returns the prefix of the right side as it was written.
fn prefix(rule: &Rule) -> Option<Token> {
    match rule.action {
        Action::Next => Some(Mark::User.into()),
        Action::Return if !rule.right.first().is_some_and(|token| token.is(&Mark::Net)) => Some(Mark::Host.into()),
        _ => None,
    }
}
