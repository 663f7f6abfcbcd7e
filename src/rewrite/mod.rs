//! The rewriting engine: patterns, rulesets and their evaluation over a `Lookup`.

mod compile;
mod dead_ends;
mod engine;
mod frame;
mod gate;
mod lookup;
mod matching;
mod program;
mod query;
mod ruleset;
mod trace;
mod trouble;
mod workspace;

#[cfg(test)]
mod matching_tests;
#[cfg(test)]
mod tests;

pub use compile::{OperatorsRedefined, RuleCompiler, RuleError};
pub use engine::{RewriteError, Rewritten, rewrite};
pub use frame::Workbench;
pub use lookup::{Answer, Found, KeyStyle, Lookup};
pub use program::{Action, ClassRef, Piece, Rule};
pub use ruleset::{BadRuleset, Ruleset, RulesetId, Rulesets};
pub use trace::Trace;
pub use trouble::{CALLS_MAX, LOOPS_MAX, Trouble};
