//! Faults of arguments: features that are given more than they take, and definitions that are taken from nothing.

use bstr::{BString, ByteSlice};

use super::super::library;
use super::super::nearest::nearest;
use super::calls::{Call, calls};
use super::{BUILTINS, Fault, Run, lines_of_m4, shown};
use crate::m4::Place;

impl Run<'_> {
    /// Finds arguments that a feature does not take, and `defn` of what nobody has defined.
    pub(super) fn faults_of_arguments(&self) -> Vec<Fault> {
        if self.has_own_quotes() || !self.is_ours() {
            return Vec::new();
        }
        let mut faults = Vec::new();
        for (file, text) in self.given {
            let place = |line: usize| Place { file: file.clone().into(), line };
            let odd =
                calls(text).iter().filter_map(|call| Some(Fault::warning(&place(call.line), lost(call)?))).collect();
            self.add(&mut faults, odd);
            let undefined = text.lines().zip(1..).flat_map(|(line, number)| {
                let names = defn_names(line).filter(|name| !self.is_there(name, line));
                names.map(|name| Fault::warning(&place(number), self.empty(&name))).collect::<Vec<_>>()
            });
            self.add(&mut faults, undefined.collect());
        }
        faults
    }

    /// Tells whether a name is defined when the file has ended, or the line asks whether it is.
    fn is_there(&self, name: &str, line: &[u8]) -> bool {
        let is_defined = self.output.defined.iter().any(|defined| defined.name == name);
        is_defined || BUILTINS.contains(&name) || line.contains_str(format!("ifdef(`{name}'"))
    }

    /// Says that a definition is empty.
    fn empty(&self, name: &str) -> String {
        let known: Vec<&BString> = self.output.defined.iter().map(|defined| &defined.name).collect();
        let near = nearest(name, known.iter().filter_map(|name| name.to_str().ok()));
        let meant = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        format!("defn(`{name}') is empty, since {name} is not defined{meant}")
    }
}

/// Says which argument a feature of the library does not take.
fn lost(call: &Call<'_>) -> Option<String> {
    let name = call.text(0).to_str().ok().filter(|_| call.name == "FEATURE")?;
    let takes = takes(library::text(format!("feature/{name}.m4").as_bytes())?);
    let lost = call.arguments.iter().skip(1 + takes).find(|argument| !matches!(argument.as_bytes(), b"" | b"`'"))?;
    let lost = lost.strip_prefix(b"`").and_then(|rest| rest.strip_suffix(b"'")).unwrap_or(lost);
    let takes = match takes {
        0 => "no argument".to_owned(),
        1 => "one argument".to_owned(),
        takes => format!("{takes} arguments"),
    };
    Some(format!("FEATURE({name}) takes {takes}, `{}' is lost", shown(lost)))
}

/// Returns how many arguments the text of a feature reads.
fn takes(text: &str) -> usize {
    let reads = |number: usize| text.contains(&format!("_ARG{number}_"));
    (2..=9).rev().find(|number| reads(*number)).unwrap_or(usize::from(text.contains("_ARG_") || reads(1)))
}

/// Returns the names that a line takes a definition of.
fn defn_names(line: &[u8]) -> impl Iterator<Item = String> {
    let rest = lines_of_m4(line).flat_map(|line| line.find_iter("defn(`").map(|at| &line[at + "defn(`".len()..]));
    rest.filter_map(|rest| Some(rest.split_once_str("'")?.0.to_str().ok()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_counted_by_what_the_feature_reads() {
        let check = |text: &str, expected: Option<&str>| {
            let told = calls(text.as_bytes()).iter().find_map(lost);
            assert_eq!(told.as_deref(), expected, "{text}");
        };
        check("FEATURE(`redirect', `x')", Some("FEATURE(redirect) takes no argument, `x' is lost"));
        check(
            "FEATURE(`virtusertable', `hash /x', `x')",
            Some("FEATURE(virtusertable) takes one argument, `x' is lost"),
        );
        check("FEATURE(`dnsbl', `a.test', `no', `t', `')", None);
        check("FEATURE(`enhdnsbl', `a.test', `', `t', `127.0.0.2.', `127.0.0.3.')", None);
        check("FEATURE(`of_the_site', `x', `y')", None);
    }

    #[test]
    fn names_of_definitions_are_read() {
        let names = |line: &str| defn_names(line.as_bytes()).collect::<Vec<_>>();
        assert_eq!(names("define(`confX', defn(`confY')`, x'defn(`Z'))dnl"), ["confY", "Z"]);
        assert!(names("dnl defn(`X')").is_empty());
    }
}
