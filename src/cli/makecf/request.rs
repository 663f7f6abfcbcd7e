//! What `makecf` tells of its library instead of making a file.

use crate::cf::{McName, mc_names};

use super::library::{self, SETUP};
use super::macros;
use super::nearest::nearest;
use super::options::{HELP, USAGE};

/// The kinds of files that have pages, and how a `.mc` file names them.
const KINDS: &[(&str, &str)] =
    &[("feature", "FEATURE"), ("mailer", "MAILER"), ("ostype", "OSTYPE"), ("domain", "DOMAIN"), ("hack", "HACK")];

/// Words of which people ask though no macro is called so, and what is to be said of them.
const TOPICS: &[(&[&str], &str)] = &[
    (
        &["AUTH", "SASL", "password", "login"],
        "AUTH, logging in at this host or at another, is not there yet in this version: files that ask for it load, and do
nothing. See FEATURE(`authinfo'), TRUST_AUTH_MECH, confAUTH_MECHANISMS.
",
    ),
    (
        &["STARTTLS", "TLS", "SSL", "certificate"],
        "STARTTLS is not there yet in this version: files that name certificates load, and mail goes without it. See
confSERVER_CERT, confCLIENT_CERT, and the tags about TLS in FEATURE(`access_db').
",
    ),
    (
        &["milter", "filter"],
        "Mail filters (milters) are not there yet in this version: files that name some load, and each counts as one that does
not answer. See INPUT_MAIL_FILTER.
",
    ),
];

/// Returns what is to be said of a word that is no macro.
fn topic(word: &str) -> Option<String> {
    let (_, text) = TOPICS.iter().find(|(words, _)| words.iter().any(|known| known.eq_ignore_ascii_case(word)))?;
    Some((*text).to_owned())
}

/// Returns the names of the pages that have a word in them.
fn pages_with(word: &str) -> Vec<String> {
    let word = word.to_ascii_lowercase();
    let has = |page: &str| page.to_ascii_lowercase().contains(&word);
    let files = KINDS.iter().flat_map(|(kind, _)| library::names(kind).map(move |name| (*kind, name)));
    let files = files.filter(|(kind, name)| library::page(kind, name).is_some_and(|page| has(&page)));
    let macros = macros::texts().filter(|(_, text)| has(text)).filter_map(|(names, _)| names.split(' ').next());
    let settings = mc_names().into_iter().filter(|setting| has(setting.about)).map(|setting| setting.name);
    files.map(|(_, name)| name.to_owned()).chain(macros.map(str::to_owned)).chain(settings).collect()
}

/// Returns what the program does and how it is called.
pub(super) fn help() -> String {
    let setups = library::names(SETUP).map(|name| format!("  {name:18} {}\n", summary(SETUP, name)));
    format!("{USAGE}\n{HELP}{}", setups.collect::<String>())
}

/// Returns a line for each feature: its name and what it does.
pub(super) fn features() -> String {
    library::names("feature").map(|name| format!("{name:30} {}\n", summary("feature", name))).collect()
}

/// Returns the first sentence of a page, without the name in front of it.
fn summary(kind: &str, name: &str) -> String {
    let page = library::page(kind, name).unwrap_or_default().replace('\n', " ");
    let text = page.split_once(": ").map_or(page.as_str(), |(_, text)| text);
    let end = text.find(". ").map_or(text.len(), |at| at + 1);
    text[..end].trim_end().to_owned()
}

/// Returns the page of a feature, mailer, system, setting or set-up, which may be named as a `.mc` file writes it.
///
/// # Errors
/// There is none; the text for the user.
pub(super) fn explain(asked: &str) -> Result<String, String> {
    let is_mark = |letter: char| "`'\"".contains(letter);
    let (call, inside) = asked.split_once('(').unwrap_or((asked, ""));
    let inside = inside.split([')', ',']).next().unwrap_or_default().trim_matches(is_mark);
    let is_file = KINDS.iter().any(|(_, word)| *word == call) && !inside.is_empty();
    let name = if is_file || ["define", "undefine"].contains(&call) && !inside.is_empty() { inside } else { call };
    let name = name.trim_matches(is_mark);
    let mut pages: Vec<String> = KINDS.iter().filter_map(|(kind, word)| page(kind, word, name)).collect();
    pages.extend(setup(name));
    pages.extend(setting(name));
    pages.extend(macros::page(name).map(|page| page + &there_are(name)));
    if pages.is_empty() {
        pages.extend(topic(name));
    }
    if pages.is_empty() { Err(unknown(asked)) } else { Ok(pages.join("\n")) }
}

/// Returns the page of a file of the library.
fn page(kind: &str, word: &str, name: &str) -> Option<String> {
    let page = library::page(kind, name)?;
    Some(format!("{word}(`{name}')\n\n{page}"))
}

/// Names the files that a call may name; the features have a list of their own.
fn there_are(call: &str) -> String {
    let kind = KINDS.iter().find(|(kind, word)| *word == call && *kind != "feature");
    let names: Vec<&str> = kind.into_iter().flat_map(|(kind, _)| library::names(kind)).collect();
    if names.is_empty() { String::new() } else { format!("\nThere are: {}\n", names.join(" ")) }
}

/// Returns a set-up: what it is for, and the whole `.mc` file.
fn setup(name: &str) -> Option<String> {
    library::text(format!("{SETUP}/{name}.mc").as_bytes()).map(str::to_owned)
}

/// Returns what a `conf…` macro sets.
fn setting(name: &str) -> Option<String> {
    let is_asked = |setting: &McName| setting.name == name || setting.option.eq_ignore_ascii_case(name);
    let setting = mc_names().into_iter().find(is_asked)?;
    let name = &setting.name;
    let values = setting.values.map(|values| format!("VALUE is {values}.\n")).unwrap_or_default();
    let usual = setting.usual.map(|usual| format!("Unless it is defined: {usual}\n")).unwrap_or_default();
    Some(format!(
        "define(`{name}', `VALUE')\n\n{}\n{values}Written as: O {}=VALUE\n{usual}",
        setting.about.trim(),
        setting.option
    ))
}

/// Says that there is no page of that name, and which there are.
fn unknown(name: &str) -> String {
    let files = KINDS.iter().flat_map(|(kind, _)| library::names(kind)).chain(library::names(SETUP));
    match nearest(name, files.map(str::to_owned).chain(macros::names())) {
        Some(near) => format!("there is no page {name:?}; did you mean {near}?"),
        None if name.len() > 2 && !pages_with(name).is_empty() => {
            format!("there is no page {name:?}; these speak of it: {}", pages_with(name).join(" "))
        }
        None => {
            let setups: Vec<&str> = library::names(SETUP).collect();
            format!(
                "there is no page {name:?}; `makecf --list-features` names the features, set-ups are: {}",
                setups.join(" ")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_page() {
        assert!(explain("access_db").is_ok_and(|page| page.starts_with("FEATURE(`access_db')\n\naccess_db(")));
        assert!(
            explain("confALIAS_WAIT").is_ok_and(|page| page.ends_with("O AliasWait=VALUE\nUnless it is defined: 10\n"))
        );
        assert!(explain("nullclient").is_ok_and(|page| page.contains("FEATURE(`nullclient'")));
        assert_eq!(explain("acces_db"), Err("there is no page \"acces_db\"; did you mean access_db?".to_owned()));
        assert!(explain("milter").is_ok_and(|page| page.contains("not there yet")));
        assert!(explain("Local_check_rcpt").is_err_and(|text| text.ends_with("these speak of it: LOCAL_RULESETS")));
        assert!(explain("zzz").is_err_and(|text| text.contains("--list-features")));
    }

    #[test]
    fn features_are_listed_with_one_sentence() {
        let list = features();
        let line = list.lines().find(|line| line.starts_with("access_db ")).expect("is listed");
        assert!(line.contains(" decides by the access map "), "{line}");
        assert_eq!(list.lines().count(), library::names("feature").count());
    }
}
