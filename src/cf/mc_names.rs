//! The `conf…` names of `.mc` files, made from the table of options. The lines of `etc/cf/m4/options.m4` are the same, as
//! a test sees to, so that the two cannot drift apart.

use super::doubt::meant;
use super::option_kind::MilterOptions;
use super::options::{OPTION_TABLE, OptionRow};
use super::timeout::Timeouts;

/// What the library always writes of the options that have a name behind a dot.
const USUAL_TIMEOUTS: &[(&str, &str)] = &[("queuereturn", "5d"), ("queuewarn", "4h")];

/// A macro of `.mc` files that sets an option.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct McName {
    /// The macro.
    pub name: String,
    /// The option as a configuration file writes it.
    pub option: String,
    /// What the option is, in one sentence.
    pub about: &'static str,
    /// What the cf library writes, as m4 text, where a file says nothing.
    pub usual: Option<&'static str>,
    /// What its values are, where few words can say it.
    pub values: Option<&'static str>,
}

/// Returns all of them, in the order of the library's lines.
pub fn mc_names() -> Vec<McName> {
    OPTION_TABLE.iter().flat_map(names_of).collect()
}

/// Returns those of one option.
fn names_of(row: &'static OptionRow) -> Vec<McName> {
    let below = |prefix: &str, name: &str| McName {
        name: format!(
            "{prefix}{}",
            name.replace("LogLevel", "log.level").replace('.', "_").replace('-', "").to_uppercase()
        ),
        option: format!("{}.{name}", row.name),
        about: row.about,
        usual: USUAL_TIMEOUTS.iter().find(|(usual, _)| *usual == name).map(|(_, text)| *text),
        // The counts of tries among the times have no kind of their own.
        values: meant(row.kind).filter(|_| !name.starts_with("resolver")),
    };
    match row.name {
        "Timeout" => Timeouts::NAMES.iter().map(|name| below("confTO_", name)).collect(),
        "Milter" => MilterOptions::NAMES.iter().map(|name| below("confMILTER_", name)).collect(),
        _ => row
            .mc
            .iter()
            .map(|(name, usual)| McName {
                name: (*name).to_owned(),
                option: row.name.to_owned(),
                about: row.about,
                usual: *usual,
                values: meant(row.kind),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line of `options.m4` behind which nothing is written by hand.
    const MARK: &str =
        "dnl From here on made from the table of options: `cargo test mc_names' tells what to write.\ndivert(0)dnl\n";

    fn line(name: &McName) -> String {
        let usual = name.usual.map(|usual| format!(", `{usual}'")).unwrap_or_default();
        format!("_OPTION(`{}', `{}'{usual})dnl\n", name.option, name.name)
    }

    #[test]
    fn the_library_has_a_line_for_each_option_of_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/etc/cf/m4/options.m4");
        let text = std::fs::read_to_string(path).expect("is there");
        let expected: String = mc_names().iter().map(line).collect();
        let made = text.find(MARK).map(|at| &text[at + MARK.len()..]);
        assert!(made == Some(&expected), "{path}: write behind the mark\n{MARK}{expected}");
    }

    #[test]
    fn names_behind_a_dot_have_macros_in_capitals() {
        let lines: Vec<String> = mc_names().iter().map(line).collect();
        for expected in [
            "_OPTION(`Timeout.queuereturn.non-urgent', `confTO_QUEUERETURN_NONURGENT')dnl\n",
            "_OPTION(`Timeout.queuewarn', `confTO_QUEUEWARN', `4h')dnl\n",
            "_OPTION(`Milter.LogLevel', `confMILTER_LOG_LEVEL')dnl\n",
            "_OPTION(`AliasWait', `confALIAS_WAIT', `10')dnl\n",
        ] {
            assert!(lines.iter().any(|line| line == expected), "{expected}");
        }
    }
}
