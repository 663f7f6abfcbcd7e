//! The steps of an evaluation as test mode and debug category 21 print them.

use super::program::Rule;
use crate::mail::token::Token;

/// From this level on, the address of an endless loop is told.
pub(super) const WORKSPACE_LEVEL: u8 = 1;
/// From this level on, late macros are told.
pub(super) const LATE_LEVEL: u8 = 2;
/// From this level on, rules are named by their lines.
pub(super) const LINES_LEVEL: u8 = 15;

/// One step.
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
    /// A ruleset without rules is called by this name.
    Skipped(&'a [u8], usize),
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

impl Trace<'_> {
    /// Appends the original's line, without its end.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Input(name, tokens) => append_call(out, name, b"   input:", tokens),
            Self::Returns(name, tokens) => append_call(out, name, b" returns:", tokens),
            Self::Trying(rule) => append_list(out, b"-----trying rule:", rule.left()),
            Self::TryingLine(rule) => {
                append_list(out, format!("-----trying rule (line {}):", rule.line).as_bytes(), rule.left());
            }
            Self::Group(digit, tokens) => append_places(out, *digit, tokens),
            Self::LateLeft(name, value) => append_late(out, b"rewrite: LHS ", name, *value),
            Self::Late(name, value) => append_late(out, b"rewrite: RHS ", name, *value),
            Self::LateToken(token) => {
                out.extend_from_slice(b" ... ");
                token.append_to(out);
            }
            Self::LateDone => out.extend_from_slice(b" ... DONE"),
            Self::Fails => out.extend_from_slice(b"----- rule fails"),
            Self::Matches(rule) => append_list(out, b"-----rule matches:", rule.prefix.iter().chain(rule.right())),
            Self::Workspace(tokens) => append_list(out, b"workspace: ", *tokens),
            Self::Skipped(name, number) => {
                out.extend_from_slice(b"-----skip subr ");
                out.extend_from_slice(name);
                out.extend_from_slice(format!(" ({number})").as_bytes());
            }
            Self::Rewritten(tokens) => append_list(out, b"rewritten as:", *tokens),
        }
    }
}

/// The column that names of rulesets fill, in bytes.
const NAME_BYTES: usize = 16;

/// Appends the name of a ruleset, cut or filled to its column, and an address.
fn append_call(out: &mut Vec<u8>, name: &str, what: &[u8], tokens: &[Token]) {
    let mut column = [b' '; NAME_BYTES];
    let shown = name.len().min(NAME_BYTES);
    column[..shown].copy_from_slice(&name.as_bytes()[..shown]);
    out.extend_from_slice(&column);
    append_list(out, what, tokens);
}

/// Appends tokens, a space before each.
fn append_list<'a>(out: &mut Vec<u8>, what: &[u8], tokens: impl IntoIterator<Item = &'a Token>) {
    out.extend_from_slice(what);
    for token in tokens {
        token.show_after_space(out);
    }
}

/// Appends what a wildcard matched.
fn append_places(out: &mut Vec<u8>, digit: u8, tokens: &[Token]) {
    out.extend_from_slice(format!("${digit}:").as_bytes());
    // The original tells where in memory a token lies; here it is its place among those matched.
    for (place, token) in tokens.iter().enumerate() {
        out.extend_from_slice(format!(" {place:#x}=\"").as_bytes());
        token.append_to(out);
        out.push(b'"');
    }
}

/// Appends a late macro and its value.
fn append_late(out: &mut Vec<u8>, what: &[u8], name: &[u8], value: Option<&[u8]>) {
    // Behind the `$&` stands no name.
    let is_name = name.first().is_some_and(u8::is_ascii_graphic);
    let name = if is_name { name } else { b"***UNDEFINED MACRO***" };
    for part in [what, b"$&{", name, b"} => \"", value.unwrap_or(b"(NULL)"), b"\""] {
        out.extend_from_slice(part);
    }
}
