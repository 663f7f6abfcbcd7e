//! What can be wrong with a rule or an address during an evaluation.

use super::ruleset::BadRuleset;
use crate::mail::token::ScanError;
use crate::name::{Status, Sysexit, Told};

/// How often one rule may rewrite an address in a row; the original's MAXLOOPS.
pub const LOOPS_MAX: u32 = 100;
/// How deep rulesets may call one another; the original's MaxRuleRecursion.
pub const CALLS_MAX: usize = 50;
/// One right side must have fewer calls than this; the original's MAX_SUBR.
pub(super) const CALLS_OF_RULE_MAX: usize = 16;

/// What can be wrong with a rule or an address during an evaluation.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Trouble {
    /// A rule that matches its own result for ever; the address stays as it is.
    #[error("Infinite loop in ruleset {ruleset}, rule {rule}")]
    InfiniteLoop {
        /// The name of the ruleset.
        ruleset: String,
        /// The rule, counted from 1.
        rule: usize,
    },
    /// Rulesets that call one another for ever.
    #[error("rewrite: excessive recursion (max {CALLS_MAX}), ruleset {0}")]
    ExcessiveRecursion(String),
    /// `$>` with a name that no ruleset has.
    #[error("Unknown ruleset {0}")]
    UnknownRuleset(Told),
    /// More `$>` in one right side than there may be.
    #[error("Too many subroutine calls ({CALLS_OF_RULE_MAX} max)")]
    TooManyCalls,
    /// `$>` with a name that no ruleset can have.
    #[error(transparent)]
    BadRuleset(#[from] BadRuleset),
    /// `$(` with a name that no map has; the default is used.
    #[error("rewrite: map {0} not found")]
    UnknownMap(Told),
    /// `$(` without a name.
    #[error("rewrite: missing mapname")]
    MissingMapName,
    /// `$3` without a third wildcard.
    #[error("rewrite: ruleset {ruleset}: replacement ${} out of bounds", char::from(*.digit & 0x7f))]
    OutOfBounds {
        /// The name of the ruleset.
        ruleset: String,
        /// The digit as a character.
        digit: u8,
    },
    /// More tokens than an address may have.
    #[error("rewrite: expansion too long")]
    TooLong,
    /// A value of white space or comments alone; nothing is told, but the rule fails.
    #[error("a value without any token")]
    Blank,
    /// A value that does not scan cleanly; it is completed, or the rule fails where it is too long.
    #[error("{text}... {error}")]
    Scan {
        /// The value.
        text: Told,
        /// What is wrong with it.
        error: ScanError,
    },
}

impl Trouble {
    /// Returns the status code of the refusal that follows if the rules themselves are at fault: what they would have said is
    /// not known then. Other trouble lies in what they were given.
    pub fn failure(&self) -> Option<Status> {
        match self {
            Self::ExcessiveRecursion(_) => Some(Status::new(5, 0, 0)),
            Self::InfiniteLoop { .. } | Self::UnknownRuleset(_) | Self::TooManyCalls | Self::BadRuleset(_) => {
                Some(Status::new(5, 3, 5))
            }
            Self::UnknownMap(_) | Self::MissingMapName | Self::OutOfBounds { .. } | Self::TooLong => {
                Some(Status::new(5, 3, 0))
            }
            Self::Blank | Self::Scan { .. } => None,
        }
    }

    /// Returns the status that the evaluation ends with.
    pub fn status(&self) -> Sysexit {
        match self {
            Self::InfiniteLoop { .. } | Self::UnknownMap(_) => Sysexit::Ok,
            Self::TooLong | Self::Blank | Self::Scan { .. } => Sysexit::DataErr,
            _ => Sysexit::Config,
        }
    }
}
