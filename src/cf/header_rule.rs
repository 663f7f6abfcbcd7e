//! Header declarations (op guide, "H -- Define Header").

use bstr::BString;

use crate::macros::{MacroTable, expand};
use crate::mail::header::{Condition, MACRO_MARK};
use crate::name::{MacroName, RulesetName, TrimSpace as _};
use crate::rewrite::RuleCompiler;

use super::error::Problem;

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

/// Reads what stands behind `H`; returns the header unless it cannot be used.
pub(super) fn parse(
    text: &[u8],
    line: usize,
    (rules, macros): (&mut RuleCompiler, &MacroTable),
    problems: &mut Vec<Problem>,
) -> Option<HeaderRule> {
    let (condition, name, body) = match split(text) {
        Ok(parts) => parts,
        Err(shown) => {
            problems.push(Problem::Header(shown.into()));
            return None;
        }
    };
    let mut rule = HeaderRule { name: name.into(), condition, template: body.into(), check: None, line };
    if let [MACRO_MARK, b'>', call @ ..] = body.trim_space_start() {
        let keeps_comments = call.first() == Some(&b'+');
        let call = expand(if keeps_comments { &call[1..] } else { call }, macros);
        match rules.name(&call) {
            Ok((_, rest)) => {
                let ruleset = RulesetName::new(call[..call.len() - rest.len()].trim_space());
                rule.check = Some(HeaderCheck { ruleset, keeps_comments });
                rule.template.clear();
            }
            Err(error) => {
                problems.push(Problem::Ruleset(error));
                return None;
            }
        }
    }
    Some(rule)
}

/// Condition, name and body of a line.
type Parts<'a> = (Condition, &'a [u8], &'a [u8]);

/// Splits `?condition?Name: body`; what has another form is given back as far as the complaint shows it.
// QUIRK(header-condition): a line whose condition is whole is shown up to its end only.
fn split(text: &[u8]) -> Result<Parts<'_>, &[u8]> {
    let (condition, shown, rest) = match text.strip_prefix(b"?") {
        Some(inner) => {
            let end = memchr::memchr(b'?', inner).ok_or(text)?;
            (condition(&inner[..end]).ok_or(text)?, &text[..=end], &inner[end + 1..])
        }
        None => (Condition::Always, text, text),
    };
    let colon = memchr::memchr(b':', rest).ok_or(shown)?;
    let name = rest[..colon].trim_space_end();
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    if is_name { Ok((condition, name, &rest[colon + 1..])) } else { Err(shown) }
}

/// Reads a condition: one macro, or flags, among which a macro is none.
fn condition(text: &[u8]) -> Option<Condition> {
    match text {
        [MACRO_MARK, name @ ..] => {
            let (name, rest) = MacroName::split(name).ok()?;
            rest.is_empty().then_some(Condition::Macro(name))
        }
        [] => Some(Condition::Always),
        flags => flags.is_ascii().then(|| Condition::MailerFlags(flags.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<HeaderRule>, Vec<String>) {
        let mut problems = Vec::new();
        let text: Vec<u8> = text.bytes().map(|byte| if byte == b'$' { MACRO_MARK } else { byte }).collect();
        let mut macros = MacroTable::default();
        macros.set("r", "CheckSubject");
        let rule = parse(&text, 1, (&mut RuleCompiler::new(), &macros), &mut problems);
        (rule, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn conditions_are_flags_or_a_macro() {
        let condition = |text| read(text).0.expect(text).condition;
        assert_eq!(condition("Received: by $j"), Condition::Always);
        assert_eq!(condition("?P?Return-Path: <$g>"), Condition::MailerFlags("P".into()));
        assert_eq!(condition("?{Cl}?X: y"), Condition::MailerFlags("{Cl}".into()));
        assert_eq!(condition("?$x?X: y"), Condition::Macro(crate::name::MacroName::new("x")));
        assert_eq!(condition("??X: y"), Condition::Always);
        assert_eq!(condition("?${foo}?X: y"), Condition::Macro(crate::name::MacroName::new("foo")));
    }

    #[test]
    fn checks_name_a_ruleset() {
        let check = read("Subject: $>+CheckSubject").0.expect("good").check.expect("a check");
        assert_eq!((check.ruleset, check.keeps_comments), (RulesetName::new("CheckSubject"), true));
        let check = read("Subject: $>$r x").0.expect("good").check.expect("a check");
        assert_eq!((check.ruleset, check.keeps_comments), (RulesetName::new("CheckSubject"), false));
        assert_eq!(read("X-G:$>").1, ["invalid ruleset name: \"\""]);
        assert_eq!(read("X-G: $>+$x").1, ["invalid ruleset name: \"\""]);
        assert_eq!(read("*: $>Default").0.expect("good").name, "*");
    }

    #[test]
    fn faults_are_told() {
        for text in ["", "NoColon", "?Z", " X: y", "A b: c", ": x"] {
            assert_eq!(read(text).1, [format!("header syntax error, line \"{text}\"")]);
        }
        assert_eq!(read("??foo").1, ["header syntax error, line \"?\""]);
        assert_eq!(read("?P? X: y").1, ["header syntax error, line \"?P\""]);
        for condition in ["${x}D", "$x ", "${x}${y}", "D${x}", "$"] {
            let shown = condition.replace('$', "\x01");
            let line = format!("?{condition}?X: j");
            assert_eq!(read(&line).1, [format!("header syntax error, line \"?{shown}?X: j\"")], "{line}");
        }
        assert_eq!(read("?${x}?X").1, ["header syntax error, line \"?\x01{x}\""]);
    }
}
