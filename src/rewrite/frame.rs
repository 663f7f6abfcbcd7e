//! The calls of rulesets that have not returned, and the memory that they and their addresses take.

use smallvec::SmallVec;

use super::gate::Outline;
use super::program::Action;
use super::ruleset::RulesetId;
use super::workspace::Workspace;
use crate::name::Sysexit;

/// So many addresses' memory is kept between evaluations.
const SPARE_MAX: usize = 8;

/// One call of a ruleset that has not returned.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) ruleset: RulesetId,
    pub(super) rule: usize,
    /// How often the present rule has been tried.
    pub(super) tries: u32,
    pub(super) tokens: Workspace,
    /// How many tokens there may be: what stands before a call takes its part.
    pub(super) room: usize,
    /// That of the tokens.
    pub(super) outline: Outline,
    pub(super) status: Sysexit,
    /// A rewritten address whose calls are still to be made.
    pub(super) pending: Option<Pending>,
}

/// The calls of a right side; hardly any has more than two.
pub(super) type Calls = SmallVec<[(usize, RulesetId); 2]>;

/// A right side with calls.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) tokens: Workspace,
    /// Where the `$>` of those that are still to be made stand, and whom they call; the last one is made next.
    pub(super) calls: Calls,
    pub(super) action: Action,
    /// What those that are made have ended with: a fault of the rules counts more than a temporary failure before it.
    pub(super) status: Sysexit,
}

/// Memory that one evaluation leaves to the next.
#[derive(Debug, Default)]
pub struct Workbench {
    pub(super) frames: Vec<Frame>,
    /// What the next addresses are built in.
    spare: Vec<Workspace>,
}

impl Workbench {
    /// Makes ready for an evaluation.
    pub(super) fn clear(&mut self) {
        self.frames.clear();
        self.spare.truncate(SPARE_MAX);
    }

    /// Returns an empty address.
    pub(super) fn empty(&mut self) -> Workspace {
        self.spare.pop().unwrap_or_else(Workspace::empty)
    }

    /// Keeps the memory of tokens that are not needed any more for others.
    pub(super) fn recycle(&mut self, mut tokens: Workspace) {
        tokens.truncate(0);
        self.spare.push(tokens);
    }
}
