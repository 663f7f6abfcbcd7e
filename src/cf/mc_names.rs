//! The `conf…` names of `.mc` files, made from the table of options. The lines of `etc/cf/m4/options.m4` and
//! `defaults.m4` are the same, as tests see to, so that they cannot drift apart.

use super::doubt::meant;
use super::option_kind::MilterOptions;
use super::options::{OPTION_TABLE, OptionRow};
use super::timeout::Timeouts;

/// What the library always writes of the options that have a name behind a dot.
const USUAL_TIMEOUTS: &[(&str, &str)] = &[("queuereturn", "5d"), ("queuewarn", "4h")];

/// What the cf library writes for mail filters where a file says nothing.
const USUAL_FILTER_MACROS: &[(&str, &str)] = &[
    ("macros.connect", "j, _, {daemon_name}, {if_name}, {if_addr}"),
    ("macros.helo", "{tls_version}, {cipher}, {cipher_bits}, {cert_subject}, {cert_issuer}"),
    (
        "macros.envfrom",
        "i, {auth_type}, {auth_authen}, {auth_ssf}, {auth_author}, {mail_mailer}, {mail_host}, {mail_addr}",
    ),
    ("macros.envrcpt", "{rcpt_mailer}, {rcpt_host}, {rcpt_addr}"),
    ("macros.eom", "{msg_id}"),
];

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
        usual: USUAL_TIMEOUTS
            .iter()
            .chain(USUAL_FILTER_MACROS)
            .find(|(usual, _)| *usual == name)
            .map(|(_, text)| *text),
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

    /// Behind this line of a file of the library nothing is written by hand.
    const MARK: &str = "dnl From here on made from the table of options: `cargo test mc_names' tells what to write.\n";

    /// Macros that an OSTYPE may set where the site does not: what they are otherwise is decided last.
    const LATE: &[&str] = &["HELP_FILE", "QUEUE_DIR"];

    /// Returns the line of `options.m4` that writes an option down.
    fn line(name: &McName) -> String {
        format!("_OPTION(`{}', `{}')dnl\n", name.option, name.name)
    }

    /// Returns the line of `defaults.m4` that says what a setting usually is. A value with a comma stays one argument.
    fn default_line(name: &McName) -> Option<String> {
        let usual = name.usual.filter(|_| !LATE.contains(&name.name.as_str()))?;
        let value = if usual.contains(", ") { format!("`{usual}'") } else { usual.to_owned() };
        Some(format!("define(`{}', `{value}')\n", name.name))
    }

    fn check_made(file: &str, expected: &str) {
        let path = format!("{}/etc/cf/m4/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).expect("is there");
        let made = text.find(MARK).map(|at| &text[at + MARK.len()..]);
        assert!(made == Some(expected), "{path}: write behind the mark\n{MARK}{expected}");
    }

    #[test]
    fn the_library_has_a_line_for_each_option_of_the_table() {
        let lines: String = mc_names().iter().map(line).collect();
        check_made("options.m4", &format!("divert(0)dnl\n{lines}"));
    }

    #[test]
    fn a_mc_file_may_build_upon_the_defaults_of_the_table() {
        let lines: String = mc_names().iter().filter_map(default_line).collect();
        check_made("defaults.m4", &lines);
    }

    #[test]
    fn names_behind_a_dot_have_macros_in_capitals() {
        let lines: Vec<String> = mc_names().iter().map(line).collect();
        for expected in [
            "_OPTION(`Timeout.queuereturn.non-urgent', `confTO_QUEUERETURN_NONURGENT')dnl\n",
            "_OPTION(`Milter.LogLevel', `confMILTER_LOG_LEVEL')dnl\n",
        ] {
            assert!(lines.iter().any(|line| line == expected), "{expected}");
        }
    }
}
