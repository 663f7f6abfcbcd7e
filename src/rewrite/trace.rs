//! The steps of an evaluation as test mode and debug category 21 print them.

use std::fmt;

use super::program::{Rule, ShownRhs};
use crate::mail::token::{Token, Tokens};

/// One step; `Display` gives the original's line without its end.
#[derive(Clone, Copy, Debug)]
pub enum Trace<'a> {
    /// A ruleset is called.
    Input(&'a str, &'a [Token]),
    /// A ruleset returns.
    Returns(&'a str, &'a [Token]),
    /// A rule is tried.
    Trying(&'a Rule),
    /// Its left side does not match.
    Fails,
    /// Its left side matches.
    Matches(&'a Rule),
    /// The address is rewritten.
    Rewritten(&'a [Token]),
}

impl Trace<'_> {
    /// Returns the debug level from which on this step is shown.
    pub fn level(&self) -> u8 {
        match self {
            Self::Input(..) | Self::Returns(..) => 1,
            Self::Rewritten(_) => 4,
            Self::Fails => 10,
            Self::Trying(_) | Self::Matches(_) => 12,
        }
    }
}

impl fmt::Display for Trace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(name, tokens) => write!(f, "{name:<16.16}   input:{}", Spaced(tokens)),
            Self::Returns(name, tokens) => write!(f, "{name:<16.16} returns:{}", Spaced(tokens)),
            Self::Trying(rule) => write!(f, "-----trying rule:{}", Spaced(rule.left())),
            Self::Fails => f.write_str("----- rule fails"),
            Self::Matches(rule) => write!(f, "-----rule matches:{}", ShownRhs(rule)),
            Self::Rewritten(tokens) => write!(f, "rewritten as:{}", Spaced(tokens)),
        }
    }
}

/// Tokens with a space before each.
struct Spaced<'a>(&'a [Token]);

impl fmt::Display for Spaced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, " {}", self.0.iter().cloned().collect::<Tokens>())
    }
}
