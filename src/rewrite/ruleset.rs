//! The table of rulesets: numbers, names and what a configuration says of them.

use bstr::{BStr, BString};
use rustc_hash::FxHashMap;

use super::Rule;
use super::gate::{Gate, Outline};
use crate::mail::token::ScanRules;
use crate::name::{ClassName, Told, TrimSpace as _};

/// Numbers that can be written in a configuration are below this.
const NUMBERS_MAX: usize = 100;
/// Names without a number of their own get the numbers from here down to [`NUMBERS_MAX`], as with the original, which has no
/// more; then those from here on.
const PLACES: usize = 200;
/// How many names without a number there can be: the rules that `makecf` writes have more of them than others.
const NAMED_MAX: usize = 400;
/// How many rulesets there can be.
const RULESETS_MAX: usize = NUMBERS_MAX + NAMED_MAX;

/// A ruleset's place in the table; its number.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RulesetId(pub(super) u16);

impl RulesetId {
    /// Ruleset 0: `parse`.
    pub const PARSE: Self = Self(0);
    /// Ruleset 1: senders.
    pub const SENDER: Self = Self(1);
    /// Ruleset 2: recipients.
    pub const RECIPIENT: Self = Self(2);
    /// Ruleset 3: `canonify`.
    pub const CANONIFY: Self = Self(3);
    /// Ruleset 4: `final`.
    pub const FINAL: Self = Self(4);
    /// Ruleset 5: `localaddr`.
    pub const LOCAL_ADDRESS: Self = Self(5);

    /// Returns the number.
    pub fn number(self) -> usize {
        usize::from(self.0)
    }

    /// Returns the ruleset with a number that is surely in the table.
    pub(super) fn at(number: usize) -> Self {
        Self(u16::try_from(number).expect("below RULESETS_MAX"))
    }
}

/// A ruleset's name or number that cannot be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadRuleset {
    /// A number that is too large.
    #[error("bad ruleset {0} ({NUMBERS_MAX} max)")]
    Number(Told),
    /// No letter where the name begins.
    #[error("invalid ruleset name: \"{0:.20}\"")]
    Name(Told),
    /// `Sname=` without a number.
    #[error("bad ruleset definition \"{0}\" (number required after `=')")]
    NumberRequired(Told),
    /// `Sname=n` with a number that is too large.
    #[error("bad ruleset number {0} in \"{1}\" ({NUMBERS_MAX} max)")]
    NumberInDefinition(Told, Told),
    /// Every place is taken.
    #[error("{0}: too many named rulesets ({NAMED_MAX} max)")]
    TooMany(Told),
    /// `Sname=n` for a name that has another number.
    #[error("{name}: ruleset changed value (old {old}, new {new})")]
    Changed {
        /// The name.
        name: Told,
        /// Its number.
        old: usize,
        /// The number it cannot have.
        new: usize,
    },
}

/// One ruleset.
#[derive(Clone, Debug, Default)]
pub struct Ruleset {
    pub(super) name: Option<String>,
    rules: Vec<Rule>,
    /// The gate of each rule, close together: a ruleset is a walk over these.
    gates: Vec<Gate>,
}

impl Ruleset {
    /// Returns the rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Adds a rule.
    pub(super) fn push(&mut self, rule: Rule) {
        self.gates.push(Gate::of(&rule.pieces));
        self.rules.push(rule);
    }

    /// Returns the first rule from `from` on whose left side may match an address with this outline.
    pub(super) fn candidate(&self, from: usize, address: &Outline) -> Option<usize> {
        let gates = self.gates.get(from..)?;
        gates.iter().position(|gate| gate.admits(address)).map(|skip| from + skip)
    }
}

/// All rulesets of a configuration.
#[derive(Clone, Debug)]
pub struct Rulesets {
    sets: Vec<Ruleset>,
    numbers: FxHashMap<BString, RulesetId>,
    labels: Vec<String>,
    next_named: usize,
    pub(super) scan: ScanRules,
    pub(super) classes: Vec<ClassName>,
}

impl Default for Rulesets {
    fn default() -> Self {
        Self {
            sets: vec![Ruleset::default(); PLACES],
            numbers: FxHashMap::default(),
            labels: (0..PLACES).map(|number| number.to_string()).collect(),
            next_named: PLACES,
            scan: ScanRules::default(),
            classes: Vec::new(),
        }
    }
}

impl Rulesets {
    /// Returns the ruleset with this name or number, whether it has rules or not.
    pub fn find(&self, name: &[u8]) -> Option<RulesetId> {
        self.find_trimmed(name.trim_space_start())
    }

    fn find_trimmed(&self, name: &[u8]) -> Option<RulesetId> {
        if name.first().is_some_and(u8::is_ascii_digit) {
            return number(name).filter(|number| *number < NUMBERS_MAX).map(RulesetId::at);
        }
        self.numbers.get(BStr::new(word(name))).copied()
    }

    /// Returns the ruleset whose name or number starts `text`, if there is one.
    ///
    /// # Errors
    /// The name or number cannot be.
    pub fn look(&self, text: &[u8]) -> Result<Option<RulesetId>, BadRuleset> {
        // Nearly all calls name a ruleset and nothing else.
        if let Some(id) = self.numbers.get(BStr::new(text)) {
            return Ok(Some(*id));
        }
        let text = text.trim_space_start();
        let id = self.find_trimmed(text);
        let is_number = text.first().is_some_and(u8::is_ascii_digit);
        if is_number && id.is_none() {
            let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            return Err(BadRuleset::Number(text[..len].into()));
        }
        if !is_number && !text.first().is_some_and(u8::is_ascii_alphabetic) {
            return Err(BadRuleset::Name(text[..text.len().min(20)].into()));
        }
        Ok(id)
    }

    /// Tells whether the ruleset exists and has rules.
    pub fn has_rules(&self, name: &[u8]) -> bool {
        self.find(name).is_some_and(|id| !self.get(id).rules.is_empty())
    }

    /// Returns a ruleset.
    pub fn get(&self, id: RulesetId) -> &Ruleset {
        &self.sets[id.number()]
    }

    /// Returns the name, or the number of a ruleset without one.
    pub fn label(&self, id: RulesetId) -> &str {
        &self.labels[id.number()]
    }

    /// Returns how text is scanned and joined under this configuration.
    pub fn scan_rules(&self) -> &ScanRules {
        &self.scan
    }

    /// Returns the names of all classes that rules use; a [`super::ClassRef`] is a place in this list.
    pub fn class_names(&self) -> &[ClassName] {
        &self.classes
    }

    /// Returns every ruleset that has rules, by number.
    pub fn iter(&self) -> impl Iterator<Item = (RulesetId, &Ruleset)> {
        self.sets
            .iter()
            .enumerate()
            .map(|(number, set)| (RulesetId::at(number), set))
            .filter(|(_, set)| !set.rules.is_empty())
    }

    /// Returns the ruleset, for adding rules.
    pub(super) fn get_mut(&mut self, id: RulesetId) -> &mut Ruleset {
        &mut self.sets[id.number()]
    }

    /// Returns the ruleset named at the start of `text`, which gets a number if it is new; and what follows the name.
    pub(super) fn enter<'a>(&mut self, text: &'a [u8]) -> Result<(RulesetId, &'a [u8]), BadRuleset> {
        let text = text.trim_space_start();
        if text.first().is_some_and(u8::is_ascii_digit) {
            let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let id = number(text).filter(|number| *number < NUMBERS_MAX).map(RulesetId::at);
            return id.map(|id| (id, &text[len..])).ok_or_else(|| BadRuleset::Number(text[..len].into()));
        }
        let name = word(text);
        if !name.first().is_some_and(u8::is_ascii_alphabetic) {
            return Err(BadRuleset::Name(text[..text.len().min(20)].into()));
        }
        let rest = text[name.len()..].trim_space_start();
        let old = self.numbers.get(BStr::new(name)).copied();
        let id = match (rest.strip_prefix(b"="), old) {
            (Some(wanted), _) => self.wanted(text, name, wanted, old)?,
            (None, Some(id)) => id,
            (None, None) => self.next(name)?,
        };
        let rest = match rest.strip_prefix(b"=") {
            Some(wanted) => after_digits(wanted.trim_space_start()),
            None => rest,
        };
        self.bind(name, id);
        Ok((id, rest))
    }

    /// Returns the place that `name=wanted` asks for.
    fn wanted(&self, text: &[u8], name: &[u8], wanted: &[u8], old: Option<RulesetId>) -> Result<RulesetId, BadRuleset> {
        let wanted = wanted.trim_space_start();
        let new = number(wanted).ok_or_else(|| BadRuleset::NumberRequired(text.into()))?;
        if new >= NUMBERS_MAX {
            return Err(BadRuleset::NumberInDefinition(new.to_string().into(), text.into()));
        }
        match old {
            Some(old) if old.number() != new => Err(BadRuleset::Changed { name: name.into(), old: old.number(), new }),
            _ => Ok(RulesetId::at(new)),
        }
    }

    /// Returns the next free place for a name.
    fn next(&mut self, name: &[u8]) -> Result<RulesetId, BadRuleset> {
        if self.next_named > NUMBERS_MAX {
            self.next_named -= 1;
            return Ok(RulesetId::at(self.next_named));
        }
        let number = self.sets.len();
        if number >= RULESETS_MAX {
            return Err(BadRuleset::TooMany(name.into()));
        }
        self.sets.push(Ruleset::default());
        self.labels.push(number.to_string());
        Ok(RulesetId::at(number))
    }

    /// Binds a name to a place; the first name of a place is the one that is shown.
    fn bind(&mut self, name: &[u8], id: RulesetId) {
        self.numbers.insert(name.into(), id);
        let set = &mut self.sets[id.number()];
        if set.name.is_none() {
            let name = String::from_utf8_lossy(name).into_owned();
            self.labels[id.number()].clone_from(&name);
            set.name = Some(name);
        }
    }
}

/// Returns the number at the start of `text`; a huge one is as large as it gets.
fn number(text: &[u8]) -> Option<usize> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |sum: Option<usize>, digit| {
        Some(sum.unwrap_or(0).saturating_mul(10).saturating_add(usize::from(digit - b'0')))
    })
}

/// Returns the letters, digits and `_` at the start of `text`.
fn word(text: &[u8]) -> &[u8] {
    let len = text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    &text[..len]
}

/// Returns what follows the digits at the start of `text`.
fn after_digits(text: &[u8]) -> &[u8] {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    &text[len..]
}
