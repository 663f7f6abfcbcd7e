//! Header declarations (op guide, "H -- Define Header").

use bstr::BString;

use crate::mail::header::{Condition, MACRO_MARK};
use crate::name::{RulesetName, TrimSpace as _};
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
    rules: &mut RuleCompiler,
    problems: &mut Vec<Problem>,
) -> Option<HeaderRule> {
    let Some((condition, name, body)) = split(text) else {
        problems.push(Problem::Header(shown(text).into()));
        return None;
    };
    let condition = match Condition::parse(condition) {
        Ok(condition) => condition,
        Err(error) => {
            problems.push(Problem::Name(error));
            Condition::Always
        }
    };
    let mut rule = HeaderRule { name: name.into(), condition, template: body.into(), check: None, line };
    if let [MACRO_MARK, b'>', call @ ..] = body.trim_space_start() {
        let keeps_comments = call.first() == Some(&b'+');
        let call = if keeps_comments { &call[1..] } else { call };
        match rules.name(call) {
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

/// Returns what the complaint about a line shows.
// QUIRK(header-condition): a line whose condition is whole is shown up to its end only.
fn shown(text: &[u8]) -> &[u8] {
    match text.strip_prefix(b"?").and_then(|inner| memchr::memchr(b'?', inner)) {
        Some(end) => &text[..=end],
        None => text,
    }
}

/// Splits `?condition?Name: body`; `None` where there is no such form.
fn split(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (condition, rest) = match text.strip_prefix(b"?") {
        Some(inner) => {
            let end = memchr::memchr(b'?', inner)?;
            (&inner[..end], &inner[end + 1..])
        }
        None => (&b""[..], text),
    };
    let colon = memchr::memchr(b':', rest)?;
    let name = rest[..colon].trim_space_end();
    let is_name = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic());
    is_name.then_some((condition, name, &rest[colon + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<HeaderRule>, Vec<String>) {
        let mut problems = Vec::new();
        let text: Vec<u8> = text.bytes().map(|byte| if byte == b'$' { MACRO_MARK } else { byte }).collect();
        let rule = parse(&text, 1, &mut RuleCompiler::new(), &mut problems);
        (rule, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn conditions_are_flags_macros_or_classes() {
        let condition = |text| read(text).0.expect(text).condition;
        assert_eq!(condition("Received: by $j"), Condition::Always);
        assert_eq!(condition("?P?Return-Path: <$g>"), Condition::MailerFlags("P".into()));
        assert_eq!(condition("?{Cl}?X: y"), Condition::Class(crate::name::ClassName::new("Cl")));
        assert_eq!(condition("?${foo}?X: y"), Condition::Macro(crate::name::MacroName::new("foo")));
    }

    #[test]
    fn checks_name_a_ruleset() {
        let check = read("Subject: $>+CheckSubject").0.expect("good").check.expect("a check");
        assert_eq!((check.ruleset, check.keeps_comments), (RulesetName::new("CheckSubject"), true));
        assert_eq!(read("X-G:$>").1, ["invalid ruleset name: \"\""]);
        assert_eq!(read("*: $>Default").0.expect("good").name, "*");
    }

    #[test]
    fn faults_are_told() {
        for text in ["", "NoColon", "?Z", " X: y", "A b: c", ": x"] {
            assert_eq!(read(text).1, [format!("header syntax error, line \"{text}\"")]);
        }
        assert_eq!(read("??foo").1, ["header syntax error, line \"?\""]);
        assert_eq!(read("?P? X: y").1, ["header syntax error, line \"?P\""]);
        assert_eq!(read("?${fo-o}?X: y").1, ["Invalid macro/class character -"]);
    }
}
