//! The steps of an evaluation as test mode and debug category 21 print them.

use std::fmt::{self, Write as _};

use bstr::BStr;

use super::program::{Rule, ShownRhs};
use crate::mail::token::{Token, join};

/// From this level on, the address of an endless loop is told.
pub(super) const WORKSPACE_LEVEL: u8 = 1;
/// From this level on, late macros are told.
pub(super) const LATE_LEVEL: u8 = 2;
/// From this level on, rules are named by their lines.
pub(super) const LINES_LEVEL: u8 = 15;

/// One step; `Display` gives the original's line without its end, a character for each of its bytes.
#[derive(Clone, Copy, Debug)]
pub enum Trace<'a> {
    /// A ruleset is called.
    Input(&'a str, &'a [Token]),
    /// A ruleset returns.
    Returns(&'a str, &'a [Token]),
    /// A rule is tried.
    Trying(&'a Rule),
    /// The same, with the line of the configuration.
    TryingLine(&'a Rule),
    /// Its left side does not match.
    Fails,
    /// Its left side matches.
    Matches(&'a Rule),
    /// `$1` is replaced by what the first wildcard matched.
    Group(u8, &'a [Token]),
    /// `$&x` of a left side is compared with its value, if there is one.
    LateLeft(&'a [u8], Option<&'a [u8]>),
    /// `$&x` is replaced by a value, if there is one.
    Late(&'a [u8], Option<&'a [u8]>),
    /// One token of such a value.
    LateToken(&'a Token),
    /// Its last token has been told.
    LateDone,
    /// The address that a rule would rewrite for ever.
    Workspace(&'a [Token]),
    /// A ruleset without rules is called.
    Skipped(&'a str, usize),
    /// The address is rewritten.
    Rewritten(&'a [Token]),
}

impl Trace<'_> {
    /// Returns the debug level from which on this step is shown.
    pub fn level(&self) -> u8 {
        match self {
            Self::Input(..) | Self::Returns(..) => 0,
            Self::Workspace(_) => WORKSPACE_LEVEL,
            Self::Late(..) | Self::LateLeft(..) => LATE_LEVEL,
            Self::Skipped(..) => 3,
            Self::Rewritten(_) => 4,
            Self::Fails => 10,
            Self::Trying(_) | Self::Matches(_) => 12,
            Self::TryingLine(_) | Self::Group(..) => LINES_LEVEL,
            Self::LateToken(_) | Self::LateDone => 19,
        }
    }
}

impl fmt::Display for Trace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(name, tokens) => write!(f, "{name:<16.16}   input:{}", Spaced(tokens)),
            Self::Returns(name, tokens) => write!(f, "{name:<16.16} returns:{}", Spaced(tokens)),
            Self::Trying(rule) => write!(f, "-----trying rule:{}", Spaced(rule.left())),
            Self::TryingLine(rule) => write!(f, "-----trying rule (line {}):{}", rule.line, Spaced(rule.left())),
            Self::Group(digit, tokens) => {
                write!(f, "${digit}:")?;
                // The original tells where in memory a token lies; here it is its place among those matched.
                tokens.iter().enumerate().try_for_each(|(place, token)| {
                    write!(f, " {place:#x}=\"")?;
                    write_raw(f, token)?;
                    f.write_char('"')
                })
            }
            Self::LateLeft(name, value) => write!(f, "rewrite: LHS {}", LateValue(name, *value)),
            Self::Late(name, value) => write!(f, "rewrite: RHS {}", LateValue(name, *value)),
            Self::LateToken(token) => {
                f.write_str(" ... ")?;
                write_raw(f, token)
            }
            Self::LateDone => f.write_str(" ... DONE"),
            Self::Fails => f.write_str("----- rule fails"),
            Self::Matches(rule) => write!(f, "-----rule matches:{}", ShownRhs(rule)),
            Self::Workspace(tokens) => write!(f, "workspace: {}", Spaced(tokens)),
            Self::Skipped(name, number) => write!(f, "-----skip subr {name} ({number})"),
            Self::Rewritten(tokens) => write!(f, "rewritten as:{}", Spaced(tokens)),
        }
    }
}

/// Writes a token as it is, a character for each byte.
fn write_raw(f: &mut fmt::Formatter<'_>, token: &Token) -> fmt::Result {
    let text = join(std::slice::from_ref(token), b' ');
    text.iter().try_for_each(|byte| f.write_char(char::from(*byte)))
}

/// A late macro and its value.
struct LateValue<'a>(&'a [u8], Option<&'a [u8]>);

impl fmt::Display for LateValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "$&{{{}}} => \"", BStr::new(self.0))?;
        let value = self.1.unwrap_or(b"(NULL)");
        value.iter().try_for_each(|byte| f.write_char(char::from(*byte)))?;
        f.write_char('"')
    }
}

/// Tokens with a space before each.
struct Spaced<'a>(&'a [Token]);

impl fmt::Display for Spaced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|token| write!(f, " {token}"))
    }
}
