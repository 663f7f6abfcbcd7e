//! What is wrong, or probably not meant, with a `.mc` file whose result m4 has made.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bstr::{BStr, BString, ByteSlice};

use super::library;
use super::nearest::nearest;
use crate::cf::{self, ReadEnv};
use crate::m4::{Defined, Output, Place};
use crate::map::{Definition, DefinitionError};

/// Settings of old that do nothing any more, or that others have replaced.
const OBSOLETE: &[(&str, &str)] = &[
    ("confDAEMON_OPTIONS", "write DAEMON_OPTIONS(`...') instead"),
    ("confCLIENT_OPTIONS", "write CLIENT_OPTIONS(`...') instead"),
    ("confDEF_GROUP_ID", "write confDEF_USER_ID as user:group instead; this one does nothing"),
    ("confREAD_TIMEOUT", "write confTO_... for each timeout instead; this one does nothing"),
    ("confAUTO_REBUILD", "run newaliases after each change of the aliases; this one does nothing"),
];

/// Something found, with its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Fault {
    place: Option<Place>,
    /// Whether the result must not be used.
    pub(super) is_error: bool,
    text: String,
}

impl Fault {
    fn error(place: &Place, text: String) -> Self {
        Self { place: Some(place.clone()), is_error: true, text }
    }

    fn warning(place: &Place, text: String) -> Self {
        Self { place: Some(place.clone()), is_error: false, text }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}{}", if self.is_error { "" } else { "warning: " }, self.text)
    }
}

/// What one run read and made.
pub(super) struct Run<'a> {
    /// The files of the command line.
    pub(super) given: &'a [(BString, Vec<u8>)],
    /// The files that they included.
    pub(super) included: &'a BTreeMap<BString, Vec<u8>>,
    /// What came of them.
    pub(super) output: &'a Output,
}

impl Run<'_> {
    /// Returns what is wrong with names and values, whatever m4 made of them.
    pub(super) fn faults_of_names(&self) -> Vec<Fault> {
        let mut faults = self.misspelt_calls();
        faults.extend(self.misspelt_macros());
        faults.extend(self.misspelt_settings());
        faults.extend(self.open_quotes());
        faults.extend(self.late_definitions());
        faults
    }

    /// Returns everything that is wrong.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = self.faults_of_names();
        // Lines that are wrong already need not be told again as text that nobody understands.
        let known = places(&faults);
        faults.extend(self.bad_lines().into_iter().filter(|fault| !known.contains(&fault.place)));
        let known = places(&faults);
        faults.extend(self.loose_text().into_iter().filter(|fault| !known.contains(&fault.place)));
        faults
    }

    /// Tells whether a place is in a file of the command line.
    fn is_given(&self, place: &Place) -> bool {
        self.given.iter().any(|(name, _)| *name == **place.file)
    }

    /// Returns the lines of the result with their offsets.
    fn lines(&self) -> impl Iterator<Item = (usize, &BStr)> {
        let text = &self.output.text;
        let mut at = 0;
        text.lines_with_terminator().map(move |line| {
            let start = at;
            at += line.len();
            (start, line.trim_end_with(|letter| letter == '\n').as_bstr())
        })
    }

    /// Returns the lines that stand in a file of the command line outside of macros and sections.
    fn direct_lines(&self) -> impl Iterator<Item = (&Place, &BStr)> {
        self.lines().filter_map(|(at, line)| {
            let text_at = at + line.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let origin = self.output.origin(text_at)?;
            let counts = origin.is_direct && !line.trim().is_empty() && !line.trim_start().starts_with(b"#");
            (counts && self.is_given(&origin.place)).then_some((&origin.place, line))
        })
    }

    /// Finds `NAME(...)` where no macro has that name.
    fn misspelt_macros(&self) -> Vec<Fault> {
        let known: BTreeSet<&str> =
            self.output.defined.iter().filter_map(|defined| defined.name.to_str().ok()).collect();
        let fault = |(place, line): (&Place, &BStr)| {
            let name = called(line)?;
            let meant = match nearest(name, known.iter().copied().chain(BUILTINS.iter().copied())) {
                Some(near) => format!("did you mean {near}?"),
                None => "see README for what a .mc file may say".to_owned(),
            };
            Some(Fault::error(place, format!("there is no macro {name}; {meant}")))
        };
        self.direct_lines().filter_map(fault).collect()
    }

    /// Finds calls that m4 does not take for such: a blank before the bracket, or quotes that are none.
    fn misspelt_calls(&self) -> Vec<Fault> {
        let known: BTreeSet<&[u8]> = self.output.defined.iter().map(|defined| defined.name.as_slice()).collect();
        let is_known = |name: &[u8]| known.contains(name) || BUILTINS.iter().any(|builtin| builtin.as_bytes() == name);
        let mut faults = Vec::new();
        for (file, text) in self.given {
            // Who changes the quotes knows what he does.
            let has_own_quotes = text.contains_str("changequote");
            for (line, number) in text.lines().zip(1..) {
                let told = match misspelt_call(line.as_bstr(), &is_known) {
                    Some(told) if !has_own_quotes => told,
                    _ => continue,
                };
                let place = Place { file: file.clone().into(), line: number };
                faults.push(Fault::error(&place, told));
            }
        }
        faults
    }

    /// Finds text that only looks like lines of a configuration.
    fn loose_text(&self) -> Vec<Fault> {
        let fault = |(place, line): (&Place, &BStr)| {
            let text = format!(
                "{:?} goes into the configuration as it stands: write `dnl' before it if it is a comment, \
                 put it behind LOCAL_CONFIG if it is meant",
                shown(line)
            );
            Fault::warning(place, text)
        };
        self.direct_lines().map(fault).collect()
    }

    /// Finds lines of the result that the program refuses.
    fn bad_lines(&self) -> Vec<Fault> {
        let (config, errors) = cf::read(&self.output.text, "", &ReadEnv::default());
        let starts: Vec<(usize, &BStr)> = self.lines().collect();
        let mut wrong: Vec<(usize, String)> = Vec::new();
        for error in errors.iter().filter(|error| error.exit().is_some()) {
            wrong.push((error.line, error.problem.to_string()));
        }
        for map in &config.maps {
            let errors = Definition::parse(map.name.as_bytes(), &map.class, &map.args).1;
            // Classes that are left out of this build may be in that of the host which the file is for.
            let is_never = |error: &&DefinitionError| {
                matches!(error, DefinitionError::ClassNotAvailable { .. } | DefinitionError::NoFile { .. })
            };
            wrong.extend(errors.iter().filter(is_never).map(|error| (map.line, error.to_string())));
        }
        let mut faults = Vec::new();
        for (number, problem) in wrong {
            let (at, line) = starts.get(number.saturating_sub(1)).copied().unwrap_or_default();
            let origin = self.output.origin(at);
            let is_loose = origin.is_some_and(|origin| origin.is_direct && self.is_given(&origin.place));
            let help = if is_loose { ": is it a comment without `dnl' before it?" } else { "" };
            let text = format!("{problem}: line {number} of the result is {:?}{help}", shown(line));
            faults.push(Fault { place: origin.map(|origin| origin.place.clone()), is_error: true, text });
        }
        faults
    }

    /// Returns what files of the command line define.
    fn settings(&self) -> impl Iterator<Item = &Defined> {
        self.output.defined.iter().filter(|defined| self.is_given(&defined.place))
    }

    /// Finds `conf…` macros that nothing reads.
    fn misspelt_settings(&self) -> Vec<Fault> {
        let read = self.included.values().flat_map(|text| words(text)).map(str::to_owned);
        let own = library::texts().flat_map(|text| words(text.as_bytes())).map(str::to_owned);
        let known: BTreeSet<String> = read.chain(own).filter(|word| word.starts_with("conf")).collect();
        let mut faults = Vec::new();
        for defined in self.settings().filter(|defined| defined.name.starts_with(b"conf")) {
            let Ok(name) = defined.name.to_str() else { continue };
            if let Some((_, advice)) = OBSOLETE.iter().find(|(obsolete, _)| *obsolete == name) {
                faults.push(Fault::warning(&defined.place, format!("{name} is obsolete: {advice}")));
            } else if let Some(near) = nearest(name, known.iter()).filter(|_| !known.contains(name)) {
                faults.push(Fault::error(&defined.place, format!("there is no setting {name}; did you mean {near}?")));
            } else if !known.contains(name) && !self.reads(name) {
                faults.push(Fault::warning(
                    &defined.place,
                    format!("nothing reads {name}: `makecf --explain` knows the settings"),
                ));
            }
        }
        faults
    }

    /// Tells whether a file of the command line uses a name where it does not define it.
    fn reads(&self, name: &str) -> bool {
        self.given.iter().any(|(_, text)| reads(text, name))
    }

    /// Finds values with a quote that has no partner.
    fn open_quotes(&self) -> Vec<Fault> {
        // Who changes the quotes knows what he does.
        if self.given.iter().any(|(_, text)| text.contains_str("changequote")) {
            return Vec::new();
        }
        let is_open = |defined: &&Defined| {
            let is_setting =
                defined.name.first().is_some_and(u8::is_ascii_uppercase) || defined.name.starts_with(b"conf");
            is_setting && !is_balanced(&defined.text)
        };
        let fault = |defined: &Defined| {
            let text = format!(
                "{} has a quote without a partner: its value is {:?}; a value stands between ` and '",
                defined.name,
                shown(&defined.text)
            );
            Fault::error(&defined.place, text)
        };
        self.settings().filter(is_open).map(fault).collect()
    }

    /// Finds settings that come after the part that reads them.
    fn late_definitions(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for defined in self.settings() {
            let Ok(name) = defined.name.to_str() else { continue };
            let is_before = |place: &Place| place.file == defined.place.file && place.line < defined.place.line;
            let part = self.output.included.iter().find(|(file, place)| {
                is_before(place) && self.included.get(file).is_some_and(|text| reads(text, name))
            });
            if let Some((file, place)) = part {
                let text = format!(
                    "{name} comes too late for {} in line {}: define it before",
                    call_of(file.as_bstr()),
                    place.line
                );
                faults.push(Fault::warning(&defined.place, text));
            }
        }
        faults
    }
}

/// Returns the lines that something is told of.
fn places(faults: &[Fault]) -> Vec<Option<Place>> {
    faults.iter().map(|fault| fault.place.clone()).collect()
}

/// The processor's own macros that a `.mc` file calls.
const BUILTINS: &[&str] =
    &["define", "undefine", "include", "sinclude", "divert", "dnl", "ifdef", "ifelse", "changequote"];

/// Tells what is wrong with a line that begins like a call of a macro.
fn misspelt_call(line: &BStr, is_known: &dyn Fn(&[u8]) -> bool) -> Option<String> {
    let line = line.trim_start();
    let end = line.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')?;
    let (name, rest) = line.split_at(end);
    if name == b"dnl" || !is_known(name) {
        return None;
    }
    let shown = name.as_bstr();
    if rest.starts_with_str("('") {
        return Some(format!("{shown}('...': a value stands between ` and ', not between two '"));
    }
    if rest.trim_start().starts_with_str("(`") && !rest.starts_with(b"(") {
        return Some(format!("{shown} (...: nothing may stand between {shown} and its bracket: write {shown}(...)"));
    }
    let value = rest.strip_prefix(b"(")?;
    let curly =
        ["\u{2018}", "\u{2019}", "\u{201c}", "\u{201d}"].into_iter().find(|quote| value.starts_with_str(quote))?;
    Some(format!("{curly} is no quote: a value stands between ` and '"))
}

/// Returns the name of a line that is written like a call.
fn called(line: &BStr) -> Option<&str> {
    let line = line.trim_start();
    let end = line.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')?;
    let name = line[..end].to_str().ok()?;
    (line[end] == b'(' && end > 2).then_some(name)
}

/// Returns the words of a text, comments left out.
fn words(text: &[u8]) -> impl Iterator<Item = &str> {
    let lines = text.lines().filter(|line| !line.starts_with(b"#") && !line.starts_with(b"dnl"));
    lines
        .flat_map(|line| line.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_'))
        .filter_map(|word| word.to_str().ok())
}

/// Tells whether a text uses a macro, other than by giving it a value.
fn reads(text: &[u8], name: &str) -> bool {
    text.lines().filter(|line| !line.starts_with(b"#") && !line.starts_with(b"dnl")).any(|line| {
        line.find_iter(name).any(|at| {
            let (before, after) = (&line[..at], &line[at + name.len()..]);
            let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
            let gives =
                [&b"define(`"[..], b"define(", b"_DEFIFNOT(`", b"undefine(`"].iter().any(|call| before.ends_with(call));
            !is_word(before.last()) && !is_word(after.first()) && !gives
        })
    })
}

fn is_balanced(text: &[u8]) -> bool {
    let mut depth = 0_usize;
    for byte in text {
        match byte {
            b'`' => depth += 1,
            b'\'' if depth == 0 => return false,
            b'\'' => depth -= 1,
            _ => {}
        }
    }
    depth == 0
}

/// Returns how a `.mc` file calls a file of the library: `FEATURE(x)` for `…/feature/x.m4`.
fn call_of(file: &BStr) -> String {
    let file = file.to_str_lossy();
    let mut parts = file.rsplit('/');
    let name = parts.next().and_then(|name| name.strip_suffix(".m4"));
    match (parts.next(), name) {
        (Some(kind @ ("feature" | "mailer" | "ostype" | "domain" | "hack")), Some(name)) => {
            format!("{}({name})", kind.to_uppercase())
        }
        _ => file.into_owned(),
    }
}

/// Returns the beginning of a text for a message.
fn shown(text: &[u8]) -> String {
    const LETTERS_MAX: usize = 60;
    let text = text.to_str_lossy();
    match text.char_indices().nth(LETTERS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.into_owned(),
    }
}
