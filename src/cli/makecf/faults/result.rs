//! Faults that the result shows: lines that the program refuses, values that are hardly meant, text that got in.

use std::collections::BTreeSet;

use bstr::{BStr, ByteSlice};

use super::super::library;
use super::super::nearest::nearest;
use super::{Fault, Run, shown, words};
use crate::cf::{self, Blame, CfError, OptionError, Privacy, Problem, ReadEnv, ResolverFlag, Severity};
use crate::m4::{Origin, Place};
use crate::map::{Definition, DefinitionError};

/// The settings that name a mailer, alone or with a host behind a colon.
const MAILER_SETTINGS: &[&str] = &[
    "confLOCAL_MAILER",
    "confSMTP_MAILER",
    "confRELAY_MAILER",
    "confUUCP_MAILER",
    "SMART_HOST",
    "LOCAL_RELAY",
    "MAIL_HUB",
    "LUSER_RELAY",
];

impl Run<'_> {
    /// Finds what is wrong with the lines of the result.
    pub(super) fn faults_of_result(&self) -> Vec<Fault> {
        let (config, errors) = cf::read(&self.output.text, "", &ReadEnv::default());
        let mut faults = self.missing_parts();
        faults.extend(self.unknown_mailers());
        let lines: Vec<(usize, &BStr)> = self.lines().collect();
        let mut told = |number: usize, problem: String, is_error: bool| {
            let (at, line) = lines.get(number.saturating_sub(1)).copied().unwrap_or_default();
            faults.extend(self.output.origin(at).map(|origin| self.of_line((at, line), origin, &problem, is_error)));
        };
        let mut times = BTreeSet::new();
        for error in &errors {
            let is_time = matches!(error.problem, Problem::Option(OptionError::Interval(_)));
            let unit = if is_time { " (a time is a number with w, d, h, m or s behind it)" } else { "" };
            // Each letter of a word that is no time is an error of its own.
            if is_time && !times.insert(error.line) {
                continue;
            }
            let problem = error.problem.to_string();
            told(
                error.line,
                format!(
                    "{}{unit}{}",
                    problem.trim_start_matches("WARNING: ").trim_start_matches("readcf: "),
                    meant(&error.problem)
                ),
                is_time || is_bad(error),
            );
        }
        for map in &config.maps {
            let errors = Definition::parse(map.name.as_bytes(), &map.class, &map.args).1;
            // Classes that are left out of this build may be in that of the host which the file is for.
            let is_never = |error: &&DefinitionError| {
                matches!(error, DefinitionError::ClassNotAvailable { .. } | DefinitionError::NoFile { .. })
            };
            errors.iter().filter(is_never).for_each(|error| told(map.line, error.to_string(), true));
            let is_odd = |error: &&DefinitionError| matches!(error, DefinitionError::IllegalOption { .. });
            errors.iter().filter(is_odd).for_each(|error| told(map.line, error.to_string(), false));
        }
        let names = cf::Names::of(lines.iter().map(|(_, line)| *line));
        for ((at, line), number) in lines.iter().zip(1..) {
            let setting = line.strip_prefix(b"O ").and_then(|rest| rest.split_once_str("="));
            if let Some(doubt) = setting.and_then(|(name, value)| cf::doubt(name.trim(), value.trim())) {
                told(number, format!("the value {doubt}"), true);
            }
            if let Some(doubt) = uncalled(line).filter(|_| self.is_ours()) {
                told(number, doubt, false);
            }
            if let Some(doubt) = odd_member(line) {
                told(number, doubt, false);
            }
            // Rulesets of the library answer with words that are no mailers.
            let is_written = self.output.origin(*at).is_some_and(|origin| self.is_given(&origin.place));
            if let Some(doubt) = names.unknown(line).filter(|_| self.is_ours() && is_written) {
                told(number, doubt, false);
            }
            if !line.starts_with(b"#") && line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
                told(number, "a control character stands in the line".to_owned(), true);
            }
            if !line.is_ascii() && !line.starts_with(b"#") {
                told(number, "letters that are not ASCII, which many programs do not expect".to_owned(), false);
            }
        }
        faults
    }

    /// Tells of a line of the result by the line of the `.mc` file that it comes from.
    fn of_line(&self, (at, line): (usize, &BStr), origin: &Origin, problem: &str, is_error: bool) -> Fault {
        let place = self.output.cause(at, at + line.len()).unwrap_or(&origin.place);
        let is_rule = line.starts_with(b"R");
        let help = if is_rule && problem.contains("tab expected") {
            ": put a tab between its two sides, blanks do not part them"
        } else if is_rule && problem.contains("missing valid ruleset") {
            ": put it behind LOCAL_RULE_0 or the like (`makecf --explain LOCAL_RULE_0')"
        } else if problem.contains("multiple definitions") && line.starts_with(b"Scheck_") {
            ": the library has it: write rules of your own behind LOCAL_RULESETS in SLocal_check_..."
        } else if origin.is_direct && self.is_given(&origin.place) {
            ": is it a comment without `dnl' before it, or left over from a call?"
        } else {
            ""
        };
        Fault { place: place.clone(), is_error, text: format!("{problem}, in {:?}{help}", shown(line)) }
    }

    /// Finds what every file needs.
    fn missing_parts(&self) -> Vec<Fault> {
        if !self.is_ours() {
            return Vec::new();
        }
        let mut faults = Vec::new();
        if !self.output.defined.iter().any(|defined| defined.name == "__OSTYPE__") {
            let told = "there is no OSTYPE: write for instance OSTYPE(`linux') near the top; `makecf --explain OSTYPE'";
            faults.push(Fault::error(&self.top(), told.to_owned()));
        } else if !self.mailers().any(|(_, line)| line.contains_str("P=[IPC]")) {
            let told = "there is no MAILER(`smtp'): mail goes to no other host; write it at the end, or is it meant?";
            faults.push(Fault::warning(&self.top(), told.to_owned()));
        }
        faults
    }

    /// Finds settings that name a mailer which is not there.
    fn unknown_mailers(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for defined in self.output.defined.iter().filter(|defined| self.is_given(&defined.place)) {
            let Some(name) = MAILER_SETTINGS.iter().find(|name| defined.name == **name) else { continue };
            if defined.text.contains_str("//")
                || defined.text.find_iter("[").count() != defined.text.find_iter("]").count()
            {
                let told =
                    format!("{name}: {:?} is no host: write host.example.com, or [192.0.2.1]", shown(&defined.text));
                faults.push(Fault::error(&defined.place, told));
                continue;
            }
            let mailer = match defined.text.split_once_str(":") {
                _ if name.starts_with("conf") => defined.text.as_slice(),
                // An address in brackets may have colons of its own.
                Some((host, port)) if !port.is_empty() && port.iter().all(u8::is_ascii_digit) => {
                    let told = format!(
                        "{name}: a port does not stand behind the host: write {}, and define(`RELAY_MAILER_ARGS', `TCP $h {}')",
                        shown(host),
                        shown(port)
                    );
                    faults.push(Fault::error(&defined.place, told));
                    continue;
                }
                Some((mailer, _)) if !mailer.contains(&b'[') => mailer,
                _ => continue,
            };
            let is_known = mailer.is_empty() || self.mailers().any(|(known, _)| known == mailer);
            if !is_known && !["error", "discard"].iter().any(|word| mailer == word.as_bytes()) {
                let told = format!("{name}: there is no mailer {}: write the MAILER that brings it", shown(mailer));
                faults.push(Fault::warning(&defined.place, told));
            }
        }
        faults
    }

    /// Returns the mailers of the result: their names and lines.
    fn mailers(&self) -> impl Iterator<Item = (&[u8], &BStr)> {
        self.lines().filter_map(|(_, line)| Some((line.strip_prefix(b"M")?.split_once_str(",")?.0, line)))
    }

    /// Returns the lines of the result with their offsets.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &BStr)> {
        let text = &self.output.text;
        let mut at = 0;
        text.lines_with_terminator().map(move |line| {
            let start = at;
            at += line.len();
            (start, line.trim_end_with(|letter| letter == '\n').as_bstr())
        })
    }

    /// Returns the text that stands in lines of a file of the command line outside of macros and sections.
    pub(super) fn direct_lines(&self) -> impl Iterator<Item = (&Place, &BStr)> {
        let origins = &self.output.origins;
        let ends = origins.iter().skip(1).map(|origin| origin.at).chain([self.output.text.len()]);
        let parts = origins.iter().zip(ends).filter(|(origin, _)| origin.is_direct && self.is_given(&origin.place));
        parts.flat_map(|(origin, end)| {
            let lines = self.output.text[origin.at..end].lines().map(BStr::new);
            let counts = |line: &&BStr| !line.trim().is_empty() && !line.trim_start().starts_with(b"#");
            lines.filter(counts).map(|line| (&origin.place, line))
        })
    }

    /// Finds text that only looks like lines of a configuration.
    pub(super) fn loose_text(&self) -> Vec<Fault> {
        let fault = |(place, line): (&Place, &BStr)| {
            if let Some(name) = line.strip_prefix(b"Scheck_").map(BStr::new) {
                let told =
                    format!("check_{name} is the library's: write behind LOCAL_RULESETS a ruleset SLocal_check_{name}");
                return Fault::warning(place, told);
            }
            let text = format!(
                "{:?} goes into the configuration as it stands: write `dnl' before it if it is a comment, \
                 put it behind LOCAL_CONFIG if it is meant",
                shown(line)
            );
            Fault::warning(place, text)
        };
        self.direct_lines().map(fault).collect()
    }
}

/// Finds a ruleset whose name is nearly one that the library calls.
fn uncalled(line: &BStr) -> Option<String> {
    let name = line.strip_prefix(b"S").filter(|name| name.starts_with(b"Local_"))?;
    let name = cf::leading_name(name).to_str().ok()?;
    let called: BTreeSet<&str> =
        library::texts().flat_map(|text| words(text.as_bytes())).filter(|word| word.starts_with("Local_")).collect();
    let near = nearest(name, called.iter()).filter(|_| !called.contains(name))?;
    Some(format!("nobody calls the ruleset {name}; did you mean {near}?"))
}

/// Finds a word of a class that is hardly meant: with a comma, or a network as others write it.
fn odd_member(line: &BStr) -> Option<String> {
    let rest = line.strip_prefix(b"C")?;
    let (class, words) = match rest.strip_prefix(b"{") {
        Some(named) => named.split_once_str("}")?,
        None => rest.split_at_checked(1)?,
    };
    let is_relay = class == b"R";
    words.fields().find_map(|word| {
        let shown = shown(word);
        if word.contains(&b',') {
            return Some(format!("{shown} has a comma in it: between the words stand blanks"));
        }
        let is_network = word.first().is_some_and(u8::is_ascii_digit) && word.iter().any(|byte| b"/*".contains(byte));
        (is_relay && is_network)
            .then(|| format!("{shown}: a network is written by its first numbers, as 192.168 or 10"))
    })
}

/// Says which word of an option a misspelt one may stand for.
fn meant(problem: &Problem) -> String {
    let (word, known) = match problem {
        Problem::Option(OptionError::PrivacyWord(word)) => (word, Privacy::WORDS),
        Problem::Option(OptionError::BlameWord(word)) => (word, Blame::WORDS),
        Problem::Option(OptionError::ResolverWord(word)) => (word, ResolverFlag::WORDS),
        _ => return String::new(),
    };
    let near = word.to_str().ok().and_then(|word| nearest(word.trim_start_matches(['+', '-']), known.iter()));
    near.map_or_else(String::new, |near| format!(" (did you mean {near}?)"))
}

/// Tells whether a problem makes the result useless.
fn is_bad(error: &CfError) -> bool {
    !matches!(error.severity(), Severity::Warning | Severity::Note)
}
