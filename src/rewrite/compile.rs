//! From the `S` and `R` lines of a configuration to rules that run.

use std::sync::OnceLock;

use bstr::BString;

use super::program::{Action, ClassRef, Piece, Rule, WILDCARDS_MAX, phrases_meet};
use super::query::{as_sought, name_text};
use super::ruleset::{BadRuleset, RulesetId, Rulesets};
use crate::macros::{ExpandError, Values, expand, expand_internal};
use crate::mail::token::{Mark, ScanError, ScanOptions, ScanRules, Token, scan};
use crate::name::{ClassName, Told};

/// The most arguments of a look-up, the key included; the original's MAX_MAP_ARGS.
pub(super) const MAP_ARGS_MAX: usize = 10;
/// From this configuration level on, parentheses are ordinary tokens of rules.
const LEVEL_OF_PARENTHESES: u32 = 9;
/// From this configuration level on, the operators are an option and no longer the macro `o`.
const LEVEL_OF_OPERATOR_OPTION: u32 = 7;

/// A rule that is wrong; it stays in its ruleset, but for one without a tab.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RuleError {
    /// No `S` line with a good name comes before; the rule is dropped.
    #[error("missing valid ruleset for \"R{0}\"")]
    NoRuleset(Told),
    /// The line has no TAB; the rule is dropped.
    #[error("invalid rewrite line \"R{0}\" (tab expected)")]
    NoTab(Told),
    /// An operator that a left side cannot have.
    #[error("Inappropriate use of ${0} on LHS")]
    OnLeft(&'static str),
    /// An operator that a right side cannot have.
    #[error("Inappropriate use of ${0} on RHS")]
    OnRight(&'static str),
    /// `$3` without a third wildcard.
    #[error("replacement ${} out of bounds", char::from(*.0 & 0x7f))]
    OutOfBounds(u8),
    /// More wildcards than numbers; the left side matches the empty address.
    #[error("R line: too many wildcards")]
    TooManyWildcards,
    /// A left side that is empty once its macros are expanded, or too long; it matches the empty address.
    #[error("R line: null LHS")]
    NullLeft,
    /// A right side that is empty once its macros are expanded, or too long; it gives the empty address.
    #[error("R line: null RHS")]
    NullRight,
    /// A `$(` or `$[` inside another.
    #[error("cannot nest map lookups")]
    NestedMaps,
    /// A `$(` without `$)`, or a `$[` without `$]`.
    #[error("missing map closing token")]
    MapNotClosed,
    /// More `$@` in a look-up than there can be.
    #[error("too many arguments for map lookup")]
    TooManyArguments,
    /// Quotes or brackets do not balance.
    #[error("{0}")]
    Scan(#[from] ScanError),
    /// A macro names itself.
    #[error("{0}")]
    Expand(#[from] ExpandError),
}

/// Operators have been set before, or rules have been read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("Warning: OperatorChars is being redefined.\n         It should only be set before ruleset definitions.")]
pub struct OperatorsRedefined;

/// Compiles rules in the order of the configuration file.
#[derive(Debug)]
pub struct RuleCompiler {
    rulesets: Rulesets,
    /// The ruleset that rules go to; none before the first `S` line and after one that was wrong.
    current: Option<RulesetId>,
    level: u32,
    /// The operators in internal form, as they are set.
    operators: Option<BString>,
    has_rules: bool,
    /// Text has been scanned: the operators stay.
    is_settled: bool,
}

impl Default for RuleCompiler {
    fn default() -> Self {
        Self::new()
    }
}

impl RuleCompiler {
    /// Returns a compiler with the default operators.
    pub fn new() -> Self {
        let mut rulesets = Rulesets::default();
        rulesets.scan.has_comments = true;
        Self { rulesets, current: None, level: 0, operators: None, has_rules: false, is_settled: false }
    }

    /// Takes the configuration level (`V` line); it decides whether rules have comments in parentheses, and where the
    /// operators come from.
    pub fn set_level(&mut self, level: u32) {
        self.level = level;
        self.rulesets.scan.has_comments = level < LEVEL_OF_PARENTHESES;
    }

    /// Takes the operators (option `OperatorChars`) in internal form; they hold unless rules have been read.
    ///
    /// # Errors
    /// Operators have been set before, or rules have been read.
    pub fn set_operators(&mut self, operators: &[u8]) -> Result<(), OperatorsRedefined> {
        let again = self.operators.is_some() || self.has_rules;
        self.operators = Some(operators.into());
        if again { Err(OperatorsRedefined) } else { Ok(()) }
    }

    /// Settles which characters are operators, unless they are settled: what the macros in them are now counts.
    // QUIRK(operators-expand)
    pub fn settle_operators(&mut self, values: &dyn Values) {
        if std::mem::replace(&mut self.is_settled, true) {
            return;
        }
        let by_macro = || values.macro_value(b"o").filter(|_| self.level < LEVEL_OF_OPERATOR_OPTION);
        let operators = self.operators.clone().or_else(|| by_macro().map(|value| value.text.into_owned().into()));
        if let Some(operators) = operators {
            let ScanRules { blank_sub, has_comments, .. } = self.rulesets.scan;
            self.rulesets.scan = ScanRules::new(&expand(&operators, values), blank_sub);
            self.rulesets.scan.has_comments = has_comments;
        }
    }

    /// Takes what joins two atoms (option `BlankSub`).
    pub fn set_blank_sub(&mut self, blank_sub: u8) {
        self.rulesets.scan.blank_sub = blank_sub;
    }

    /// Selects the ruleset of an `S` line (its text after the `S`).
    ///
    /// Returns its name as it stands there if it has rules already, which deserves a warning.
    ///
    /// # Errors
    /// The name or number cannot be; rules are dropped until the next `S` line.
    pub fn select(&mut self, text: &[u8]) -> Result<Option<String>, BadRuleset> {
        self.current = None;
        let (id, _) = self.rulesets.enter(text)?;
        self.current = Some(id);
        let again = !self.rulesets.get(id).rules().is_empty();
        Ok(again.then(|| String::from_utf8_lossy(text).into_owned()))
    }

    /// Returns the ruleset that another line names (mailers' `S=` and `R=`, headers' `$>`), and what follows the name.
    ///
    /// # Errors
    /// The name or number cannot be.
    pub fn name<'a>(&mut self, text: &'a [u8]) -> Result<(RulesetId, &'a [u8]), BadRuleset> {
        self.rulesets.enter(text)
    }

    /// Adds a rule: the text of an `R` line (without the `R`) in internal form.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the original's order.
    pub fn rule(&mut self, text: &[u8], line: usize, values: &dyn Values) -> Vec<RuleError> {
        let Some(current) = self.current else {
            return vec![RuleError::NoRuleset(text.into())];
        };
        self.has_rules = true;
        let Some(tab) = memchr::memchr(b'\t', text) else {
            return vec![RuleError::NoTab(text.into())];
        };
        self.settle_operators(values);
        let mut errors = Vec::new();
        let mut left = self.side(&text[..tab], values, RuleError::NullLeft, &mut errors);
        let wildcards = check_left(&left, &mut errors);
        if wildcards > WILDCARDS_MAX {
            left.clear();
        }
        let rest = text[tab..].iter().position(|byte| *byte != b'\t').map_or(&b""[..], |start| &text[tab + start..]);
        let end = memchr::memchr(b'\t', rest).unwrap_or(rest.len());
        let right = self.side(&rest[..end], values, RuleError::NullRight, &mut errors);
        check_right(&right, wildcards, &mut errors);
        let rule = self.assemble(left, right, line);
        self.rulesets.get_mut(current).push(rule);
        errors
    }

    /// Returns the name of a ruleset, or its number.
    pub fn label(&self, id: RulesetId) -> &str {
        self.rulesets.label(id)
    }

    /// Returns the finished rulesets.
    pub fn finish(self) -> Rulesets {
        self.rulesets
    }

    /// Expands and scans one side; it ends at a TAB that a macro brought in. One without tokens is told as `null`.
    fn side(&self, text: &[u8], values: &dyn Values, null: RuleError, errors: &mut Vec<RuleError>) -> Vec<Token> {
        let (text, error) = expand_internal(text, values);
        errors.extend(error.map(RuleError::from));
        let options = ScanOptions { delimiter: Some(b'\t'), ..ScanOptions::RULE };
        let scanned = scan(&text, &self.rulesets.scan, options);
        errors.extend(scanned.errors.into_iter().map(RuleError::from));
        let tokens = scanned.tokens.unwrap_or_default().into_vec();
        if tokens.is_empty() {
            errors.push(null);
        }
        tokens
    }

    /// Builds the rule that runs.
    fn assemble(&mut self, left: Vec<Token>, mut right: Vec<Token>, line: usize) -> Rule {
        let pieces: Vec<_> = left.iter().map(|token| self.piece(token)).collect();
        let action = match right.first().and_then(Token::mark) {
            Some(Mark::User) => Action::Next,
            Some(Mark::Host | Mark::Net) => Action::Return,
            _ => Action::Repeat,
        };
        let has_prefix = right.first().is_some_and(|token| token.is(&Mark::User) || token.is(&Mark::Host));
        let prefix = has_prefix.then(|| right.remove(0));
        Rule {
            right_tags: right.iter().map(Token::tag).collect(),
            phrases_meet: phrases_meet(&pieces),
            pieces,
            left,
            prefix,
            bare: self.bare(&right),
            was_applied: OnceLock::new(),
            right,
            action,
            line,
        }
    }

    /// Returns a right side whose names of rulesets have no quotes; none if they have none anyway.
    fn bare(&self, right: &[Token]) -> Option<Vec<Token>> {
        let mut bare = right.to_vec();
        for place in 1..bare.len() {
            if bare[place - 1].is(&Mark::Call) && bare[place].mark().is_none() {
                let name = name_text(&bare[place]).into_owned();
                bare[place] = self.rulesets.scan.token(as_sought(&name));
            }
        }
        (bare != right).then_some(bare)
    }

    /// Returns what a token of a left side matches.
    fn piece(&mut self, token: &Token) -> Piece {
        match token.mark() {
            Some(Mark::ZeroOrMore) => Piece::ZeroOrMore,
            Some(Mark::OneOrMore) => Piece::OneOrMore,
            Some(Mark::One) => Piece::One,
            Some(Mark::Class(name)) => Piece::Class(self.class(name)),
            Some(Mark::NotClass(name)) => Piece::NotClass(self.class(name)),
            Some(Mark::Host) => Piece::Nothing,
            Some(Mark::Late(name)) => Piece::Late(BString::from(&name[..])),
            _ => Piece::Literal(token.clone()),
        }
    }

    /// Returns the class by its place among all classes that rules name.
    fn class(&mut self, name: &[u8]) -> ClassRef {
        let name = ClassName::new(name);
        let classes = &mut self.rulesets.classes;
        let index = classes.iter().position(|known| *known == name).unwrap_or_else(|| {
            classes.push(name.clone());
            classes.len() - 1
        });
        ClassRef { name, index }
    }
}

/// Checks a left side; returns the number of its wildcards.
fn check_left(left: &[Token], errors: &mut Vec<RuleError>) -> usize {
    let mut wildcards = 0;
    for token in left {
        let botch = match token.mark() {
            Some(Mark::ZeroOrMore | Mark::OneOrMore | Mark::One | Mark::Class(_) | Mark::NotClass(_)) => {
                wildcards += 1;
                continue;
            }
            Some(Mark::Group(_)) => "1-$9",
            Some(Mark::User) => ":",
            Some(Mark::HostBegin) => "[",
            Some(Mark::HostEnd) => "]",
            Some(Mark::MapBegin) => "(",
            Some(Mark::MapEnd) => ")",
            Some(Mark::Call) => ">",
            Some(Mark::If) => "?",
            Some(Mark::Fi) => ".",
            _ => continue,
        };
        errors.push(RuleError::OnLeft(botch));
    }
    if wildcards > WILDCARDS_MAX {
        errors.push(RuleError::TooManyWildcards);
    }
    wildcards
}

/// Checks a right side.
fn check_right(right: &[Token], wildcards: usize, errors: &mut Vec<RuleError>) {
    let mut in_map: Option<&Mark> = None;
    let mut args = 0;
    for mark in right.iter().filter_map(Token::mark) {
        match mark {
            Mark::Group(digit) if *digit == 0 || usize::from(*digit) > wildcards => {
                errors.push(RuleError::OutOfBounds(digit.wrapping_add(b'0')));
            }
            Mark::ZeroOrMore => errors.push(RuleError::OnRight("*")),
            Mark::OneOrMore => errors.push(RuleError::OnRight("+")),
            Mark::One => errors.push(RuleError::OnRight("-")),
            Mark::Class(_) => errors.push(RuleError::OnRight("=")),
            Mark::NotClass(_) => errors.push(RuleError::OnRight("~")),
            Mark::Host if in_map.is_some() => {
                args += 1;
                if args >= MAP_ARGS_MAX {
                    errors.push(RuleError::TooManyArguments);
                }
            }
            Mark::HostBegin | Mark::MapBegin => {
                if in_map.is_some() {
                    errors.push(RuleError::NestedMaps);
                }
                in_map = Some(if *mark == Mark::HostBegin { &Mark::HostEnd } else { &Mark::MapEnd });
                args = 0;
            }
            Mark::HostEnd | Mark::MapEnd if in_map == Some(mark) => in_map = None,
            _ => {}
        }
    }
    if in_map.is_some() {
        errors.push(RuleError::MapNotClosed);
    }
}
