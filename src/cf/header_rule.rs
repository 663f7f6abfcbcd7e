//! Header declarations (op guide, "H -- Define Header").

use bstr::BString;

use crate::mail::header::Condition;
use crate::name::RulesetName;

/// One `H` line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeaderRule {
    /// The name of the header; `*` stands for all that have no check of their own.
    pub name: BString,
    /// When the header is added.
    pub condition: Condition,
    /// What the header says, in internal form; empty for a check alone.
    pub template: BString,
    /// The ruleset that judges such headers of incoming mail.
    pub check: Option<HeaderCheck>,
    /// The line of the file.
    pub line: usize,
}

/// The check of a header (`H…: $>ruleset`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeaderCheck {
    /// The ruleset.
    pub ruleset: RulesetName,
    /// Whether comments are left in the text (`$>+`).
    pub keeps_comments: bool,
}
