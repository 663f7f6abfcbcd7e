//! Faults of names: calls, settings and features that nobody knows, come too late, come twice or say too much.

use std::collections::BTreeSet;

use bstr::{BStr, BString, ByteSlice};

use super::super::library;
use super::super::macros::{self, Use};
use super::super::nearest::nearest;
use super::{BUILTINS, Fault, Run, is_word, lines_of_m4, shown, words};
use crate::cf::{self, McName, mc_names};
use crate::m4::{Defined, Place};

/// Settings of old that do nothing any more, or that others have replaced.
const OBSOLETE: &[(&str, &str)] = &[
    ("confDAEMON_OPTIONS", "write DAEMON_OPTIONS(`...') instead"),
    ("confCLIENT_OPTIONS", "write CLIENT_OPTIONS(`...') instead"),
    ("confDEF_GROUP_ID", "write confDEF_USER_ID as user:group instead; this one does nothing"),
    ("confREAD_TIMEOUT", "write confTO_... for each timeout instead; this one does nothing"),
    ("confAUTO_REBUILD", "run newaliases after each change of the aliases; this one does nothing"),
];

/// Features that may be asked for more than once.
const REPEATED: &[&str] = &["dnsbl", "enhdnsbl"];

impl Run<'_> {
    /// Returns what is wrong with names, whatever m4 made of them.
    pub(super) fn faults_of_names(&self) -> Vec<Fault> {
        let known = Known::of(self);
        let mut faults = self.misspelt_calls();
        faults.extend(self.settings().filter_map(|defined| self.setting(defined, &known)));
        faults.extend(self.settings().filter_map(odd_value));
        faults.extend(self.output.undefined.iter().filter_map(|(name, place)| taken_back(name, place, &known)));
        faults.extend(self.surplus());
        faults.extend(self.features_twice());
        faults.extend(self.late_definitions());
        faults.extend(self.late_parts());
        faults.extend(self.lonely_parts());
        faults.extend(self.late_system());
        if !self.has_own_quotes() {
            faults.extend(self.settings().filter_map(open_quote));
        }
        faults
    }

    /// Returns what files of the command line define themselves, and not by a macro that does it for them.
    fn settings(&self) -> impl Iterator<Item = &Defined> {
        let is_written = |defined: &&Defined| {
            let word = defined.name.split(|byte| !is_word(*byte)).next().unwrap_or_default();
            let mut written = self.line_at(&defined.place).split(|byte| !is_word(*byte));
            self.is_given(&defined.place) && written.any(|here| here == word)
        };
        self.output.defined.iter().filter(is_written)
    }

    /// Finds `NAME(...)`, or a name alone on its line, where no macro has that name.
    fn misspelt_calls(&self) -> Vec<Fault> {
        let own = self.output.defined.iter().filter_map(|defined| defined.name.to_str().ok());
        let known: BTreeSet<&str> = own.chain(BUILTINS.iter().copied()).collect();
        let fault = |(place, line): (&Place, &BStr)| {
            let name = called(line)?;
            let told = match macros::use_of(name) {
                Some(Use::Setting) => format!("{name} is no call: write define(`{name}', `...')"),
                Some(Use::Call) => format!("{name} stands alone: write {name}(`...')"),
                None => {
                    let near = nearest(name, known.iter());
                    let meant = near.map_or_else(
                        || "`makecf --help' tells where to find what a .mc file may say".to_owned(),
                        |near| format!("did you mean {near}?"),
                    );
                    format!("there is no macro {name}; {meant}")
                }
            };
            Some(Fault::error(place, told))
        };
        self.direct_lines().filter_map(fault).collect()
    }

    /// Judges the name of something that is defined.
    fn setting(&self, defined: &Defined, known: &Known) -> Option<Fault> {
        let place = &defined.place;
        let name = defined.name.to_str_lossy();
        let name = name.as_ref();
        if let Some((_, advice)) = OBSOLETE.iter().find(|(obsolete, _)| *obsolete == name) {
            return Some(Fault::warning(place, format!("{name} is obsolete: {advice}")));
        }
        if let Some(told) = no_name(name) {
            return Some(Fault::error(place, told));
        }
        match macros::use_of(name) {
            Some(Use::Setting) => return None,
            Some(Use::Call) if self.is_ours() => {
                return Some(Fault::error(
                    place,
                    format!("{name} is no setting: write {name}(`{}')", shown(&defined.text)),
                ));
            }
            Some(Use::Call) => return None,
            None if self.reads(name) || known.others.contains(name) => return None,
            None if whole(name).is_some() => {}
            None if self.is_ours() && known.is_reserved(name) => {
                let told = format!("the rules of the library use the word {name}: choose another name");
                return Some(Fault::error(place, told));
            }
            None if known.is_read(name) => return None,
            None => {}
        }
        match meant(name) {
            Some(near) => {
                let text = format!("there is no setting {name}; did you mean {near}?");
                // What another library reads is not known well enough.
                Some(Fault { place: place.clone(), is_error: self.is_ours() || name.starts_with("conf"), text })
            }
            None if is_flag(name) && !self.is_ours() => None,
            None if is_flag(name)
                || name.starts_with("conf")
                || name.as_bytes().first().is_some_and(u8::is_ascii_uppercase) =>
            {
                Some(Fault::warning(
                    place,
                    format!("nothing reads {name}: is it misspelt? `makecf --explain NAME' knows the settings"),
                ))
            }
            None => None,
        }
    }

    /// Tells whether a file of the command line uses a name where it does not define it.
    fn reads(&self, name: &str) -> bool {
        self.given.iter().any(|(_, text)| reads(text, name))
    }

    /// Finds calls with more arguments than the macro takes: most often a value with a comma and without quotes.
    fn surplus(&self) -> Vec<Fault> {
        let fault = |call: &crate::m4::Surplus| {
            let (name, lost) = (&call.name, shown(&call.lost));
            let takes = match call.used {
                0 => "no arguments".to_owned(),
                1 => "one argument".to_owned(),
                used => format!("{used} arguments"),
            };
            let told = format!("{name} takes {takes}, `{lost}' is lost: a value with a comma stands between ` and '");
            Fault { place: call.place.clone(), is_error: name != "VERSIONID" && call.used > 0, text: told }
        };
        self.output.surplus.iter().filter(|_| self.is_ours()).map(fault).collect()
    }

    /// Finds features that the files ask for twice.
    fn features_twice(&self) -> Vec<Fault> {
        let mut seen: Vec<(&BString, usize)> = Vec::new();
        let mut faults = Vec::new();
        for (file, whence) in &self.output.included {
            let call = call_of(file.as_bstr());
            let is_direct = whence.cause.as_ref() == Some(&whence.place);
            let may_repeat = REPEATED.iter().any(|name| call == format!("FEATURE({name})"));
            if !is_direct || may_repeat || !call.starts_with("FEATURE(") {
                continue;
            }
            match seen.iter().find(|(known, _)| *known == file) {
                Some((_, line)) => {
                    let told = format!("{call} stands in line {line} already: leave one of them out");
                    faults.push(Fault::warning(&whence.place, told));
                }
                None => seen.push((file, whence.place.line)),
            }
        }
        faults
    }

    /// Finds settings that come after the part that reads them.
    fn late_definitions(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for defined in self.settings() {
            let Ok(name) = defined.name.to_str() else { continue };
            let is_before = |place: &Place| place.file == defined.place.file && place.line < defined.place.line;
            if !self.output.asked.get(&defined.name).is_some_and(|asked| is_before(&asked.place)) {
                continue;
            }
            let part = self.output.included.iter().find(|(file, whence)| {
                is_before(&whence.place) && self.included.get(file).is_some_and(|text| reads(text, name))
            });
            if let Some((file, whence)) = part {
                let call = call_of(file.as_bstr());
                let text = format!("{name} comes too late for {call} in line {}: define it before", whence.place.line);
                faults.push(Fault::warning(&defined.place, text));
            }
        }
        faults
    }
}

impl Run<'_> {
    /// Finds calls that come after a part which had to know of them.
    fn late_parts(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for defined in self.output.defined.iter().filter(|defined| self.is_ours() && defined.name.starts_with(b"_")) {
            let Some(place) = defined.cause.as_ref().filter(|place| self.is_given(place)) else { continue };
            let Some(asked) = self.output.asked.get(&defined.name) else { continue };
            let is_late = asked.place.file == place.file && asked.place.line < place.line && !asked.was_defined;
            // That mailers come last is right.
            if is_late && !defined.name.starts_with(b"_MAILER") {
                let call = |place: &Place| call_at(self.line_at(place).as_bstr());
                let (late, part) = (call(place), call(&asked.place));
                let told = format!("{late} comes too late for {part} in line {}: write it before", asked.place.line);
                faults.push(Fault::warning(place, told));
            }
        }
        faults
    }

    /// Finds an OSTYPE behind a MAILER, which takes the paths from it.
    fn late_system(&self) -> Option<Fault> {
        let find = |kind: &str| self.output.included.iter().find(|(file, _)| call_of(file.as_bstr()).starts_with(kind));
        let ((_, mailer), (file, system)) = (find("MAILER(")?, find("OSTYPE(")?);
        let is_late = mailer.place.file == system.place.file && mailer.place.line < system.place.line;
        let told = format!(
            "{} comes too late for the MAILER in line {}: write it first",
            call_of(file.as_bstr()),
            mailer.place.line
        );
        is_late.then(|| Fault::warning(&system.place, told))
    }

    /// Finds calls that do nothing without another.
    fn lonely_parts(&self) -> Vec<Fault> {
        let find = |name: &str| self.output.defined.iter().find(|defined| defined.name == name);
        let lonely = LONELY.iter().filter(|(_, needed, _)| self.is_ours() && find(needed).is_none());
        let told = lonely.filter_map(|(name, _, call)| {
            let place = find(name)?.cause.as_ref().filter(|place| self.is_given(place))?;
            let here = call_at(self.line_at(place).as_bstr());
            Some(Fault::warning(place, format!("{here} does nothing without {call}")))
        });
        told.collect()
    }
}

/// Macros that some call defines, others without which it does nothing, and the call that defines those.
const LONELY: &[(&str, &str, &str)] = &[
    ("_GENERICS_DOMAINS_", "_GENERICS_TABLE_", "FEATURE(`genericstable')"),
    ("_GENERICS_ENTIRE_DOMAIN_", "_GENERICS_TABLE_", "FEATURE(`genericstable')"),
    ("_VIRTUSER_ENTIRE_DOMAIN_", "_VIRTUSER_TABLE_", "FEATURE(`virtusertable')"),
    ("_LDAP_EQUIVALENTS_", "_LDAP_ROUTING_", "FEATURE(`ldap_routing')"),
    ("_LDAP_EQUIVALENTS_", "MASQUERADE_NAME", "MASQUERADE_AS(`...')"),
    ("_MASQUERADE_ENTIRE_DOMAIN_", "MASQUERADE_NAME", "MASQUERADE_AS(`...')"),
    ("_LIMITED_MASQUERADE_", "MASQUERADE_NAME", "MASQUERADE_AS(`...')"),
    ("_SPAM_", "_ACCESS_TABLE_", "FEATURE(`access_db')"),
    ("_LOOKUP_DOT_DOMAIN_", "_ACCESS_TABLE_", "FEATURE(`access_db')"),
];

/// Returns the call of a line, for a message.
fn call_at(line: &BStr) -> BString {
    let call = cf::call_of(line);
    if call.is_empty() { "this".into() } else { call }
}

/// The words that something reads.
struct Known {
    /// Those of files that are no part of the library.
    others: BTreeSet<String>,
    /// Those of the library.
    library: BTreeSet<String>,
}

impl Known {
    fn of(run: &Run<'_>) -> Self {
        let is_library = |name: &BString| library::below(name).is_some();
        let others = run.included.iter().filter(|(name, _)| !is_library(name)).flat_map(|(_, text)| words(text));
        let library = library::texts().flat_map(|text| words(text.as_bytes()));
        Self { others: others.map(str::to_owned).collect(), library: library.map(str::to_owned).collect() }
    }

    /// Tells whether the library reads a name, also one that it makes up of the name of a mailer, or another file does.
    fn is_read(&self, name: &str) -> bool {
        let is_made_up = |word: &String| {
            let rest = word.trim_start_matches(|letter: char| letter.is_ascii_digit());
            rest.len() < word.len() && rest.starts_with("_MAILER_") && name.ends_with(rest)
        };
        self.others.contains(name) || self.library.contains(name) || self.library.iter().any(is_made_up)
    }

    /// Tells whether a name is a word of rules, which a macro of that name would change.
    fn is_reserved(&self, name: &str) -> bool {
        self.library.contains(name) && !name.starts_with('_') && !name.contains("_MAILER_")
    }
}

/// Returns the setting that a name may stand for.
fn meant(name: &str) -> Option<String> {
    let all: BTreeSet<String> = macros::names().collect();
    whole(name).or_else(|| nearest(name, all.iter())).or_else(|| nearest(&format!("conf{name}"), all.iter()))
}

/// Returns the setting of an option, or the one whose name lacks only what it begins with.
fn whole(name: &str) -> Option<String> {
    let is_meant =
        |setting: &McName| setting.option.eq_ignore_ascii_case(name) || setting.name.strip_prefix("conf") == Some(name);
    mc_names().into_iter().find(is_meant).map(|setting| setting.name)
}

/// Tells whether a name is like those that the stock library has for itself.
fn is_flag(name: &str) -> bool {
    name.len() > 2 && name.starts_with('_') && name.ends_with('_') && !name.starts_with("__")
}

/// Tells why a name is none.
fn no_name(name: &str) -> Option<String> {
    if name.bytes().all(is_word) && !name.is_empty() {
        return None;
    }
    Some(match name {
        "" => "define needs a name: write define(`NAME', `value')".to_owned(),
        _ if name.contains('"') => "a name and a value stand between ` and ', not between two \"".to_owned(),
        _ if name.contains(' ') => format!("define(`{name}'...: a comma is missing between name and value"),
        _ => format!("define(`{name}'...: a name has letters, digits and _ only; write define(`NAME', `value')"),
    })
}

/// Finds parameters in a value: nobody gives them.
fn odd_value(defined: &Defined) -> Option<Fault> {
    let name = defined.name.to_str().ok().filter(|name| macros::use_of(name) == Some(Use::Setting))?;
    let at = defined.text.find_iter("$").find(|at| matches!(defined.text.get(at + 1), Some(b'0'..=b'9' | b'*')))?;
    let parameter = shown(&defined.text[at..at + 2]);
    Some(Fault::error(
        &defined.place,
        format!("{name}: m4 drops {parameter} from a value: write $`'{}", &parameter[1..]),
    ))
}

/// Judges what is taken back and was not there.
fn taken_back(name: &BString, place: &Place, known: &Known) -> Option<Fault> {
    let name = name.to_str_lossy();
    if macros::is_known(&name) || known.is_read(&name) {
        return None;
    }
    let told = match meant(&name) {
        Some(near) => return Some(Fault::error(place, format!("there is no setting {name}; did you mean {near}?"))),
        None => format!("undefine(`{name}'): it is not defined: is it misspelt?"),
    };
    Some(Fault::warning(place, told))
}

/// Finds a value with a quote that has no partner.
fn open_quote(defined: &Defined) -> Option<Fault> {
    let first = defined.name.first()?;
    let is_setting = first.is_ascii_uppercase() || defined.name.starts_with(b"conf");
    let text = format!(
        "{} has a quote without a partner: its value is {:?}; a value stands between ` and '",
        defined.name,
        shown(&defined.text)
    );
    (is_setting && !is_balanced(&defined.text)).then(|| Fault::error(&defined.place, text))
}

/// Returns the name of a line that is written like a call, or that is the name of a section.
fn called(line: &BStr) -> Option<&str> {
    let line = line.trim();
    let end = line.iter().position(|byte| !is_word(*byte)).unwrap_or(line.len());
    let name = line[..end].to_str().ok().filter(|name| name.len() > 2)?;
    let is_upper = name.contains('_') && !name.bytes().any(|byte| byte.is_ascii_lowercase());
    let is_whole = end == line.len() && (is_upper || macros::is_known(name));
    (line.get(end) == Some(&b'(') || is_whole).then_some(name)
}

/// Tells whether a text uses a macro, other than by giving it a value.
fn reads(text: &[u8], name: &str) -> bool {
    lines_of_m4(text).any(|line| {
        line.find_iter(name).any(|at| {
            let (before, after) = (&line[..at], &line[at + name.len()..]);
            let gives =
                [&b"define(`"[..], b"define(", b"_DEFIFNOT(`", b"undefine(`"].iter().any(|call| before.ends_with(call));
            !before.last().is_some_and(|byte| is_word(*byte))
                && !after.first().is_some_and(|byte| is_word(*byte))
                && !gives
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
