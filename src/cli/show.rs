//! What the program tells about itself: `-d0.x`, `-bO`.

use bstr::BStr;

use crate::cf::{OPTION_TABLE, Options};
use crate::site::VERSION;

/// What is built in, in the original's words.
const COMPILED_WITH: &[&str] = &[
    "DNSMAP",
    "IPV6_FULL",
    #[cfg(feature = "ldap")]
    "LDAPMAP",
    "LOG",
    "MAP_REGEX",
    "MIME7TO8",
    "MIME8TO7",
    "NAMED_BIND",
    "NETINET",
    "NETINET6",
    "NETUNIX",
    "NEWDB",
    "PIPELINING",
    "SCANF",
];

/// Columns of words after which a new line begins.
const COLUMNS_MAX: usize = 63;

/// The names of this host.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names<'a> {
    /// `$w`.
    pub short: &'a BStr,
    /// `$j`.
    pub official: &'a BStr,
    /// `$m`.
    pub domain: &'a BStr,
    /// `$k`.
    pub node: &'a BStr,
}

/// Returns what `-d0.level` prints before the configuration is read.
pub fn version(level: u8, config_paths: (&str, &str)) -> String {
    if level == 0 {
        return String::new();
    }
    let mut shown = format!("Version {VERSION}\n Compiled with:");
    let mut columns = 15;
    for word in COMPILED_WITH {
        if columns + word.len() > COLUMNS_MAX {
            shown.push_str("\n\t\t");
            columns = 0;
        } else {
            shown.push(' ');
        }
        shown.push_str(word);
        columns += word.len() + 1;
    }
    shown.push('\n');
    if level >= 10 {
        let (submission, daemon) = config_paths;
        shown.push_str(&format!("     Conf file:\t{submission} (default for MSP)\n"));
        shown.push_str(&format!("     Conf file:\t{daemon} (default for MTA)\n"));
    }
    shown
}

/// Returns what `-d0.level` prints of this host: its canonical name and its other names.
pub fn host_names(level: u8, names: Names<'_>, others: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    if level < 4 {
        return String::new();
    }
    let mut shown = format!("Canonical name: {}\n UUCP nodename: {}\n", names.official, names.node);
    for name in others {
        shown.push_str(&format!("\ta.k.a.: {name}\n"));
    }
    shown
}

/// Returns what `-d0.level` prints of the configuration in use.
pub fn config_in_use(level: u8, config_path: &str, pid_file: &str) -> String {
    if level < 10 {
        return String::new();
    }
    format!("     Conf file:\t{config_path} (selected)\n      Pid file:\t{pid_file} (selected)\n")
}

/// Returns what `-d0.1` prints after the configuration is read.
pub fn system_identity(level: u8, names: Names<'_>) -> String {
    if level == 0 {
        return String::new();
    }
    format!(
        "\n============ SYSTEM IDENTITY (after readcf) ============\n\
         \x20     (short domain name) $w = {}\n\
         \x20 (canonical domain name) $j = {}\n\
         \x20        (subdomain name) $m = {}\n\
         \x20             (node name) $k = {}\n\
         ========================================================\n\n",
        names.short, names.official, names.domain, names.node,
    )
}

/// Returns the options that are set to something else than their default and do nothing yet, under a heading.
///
/// Nothing is returned if there are none.
pub fn options_without_effect(options: &Options) -> String {
    let set = options.without_effect();
    if set.is_empty() {
        return String::new();
    }
    let mut shown = String::from("Options that this version reads but does not act upon yet:\n");
    for option in set {
        shown.push_str(&format!("\t{option}\n"));
    }
    shown.push('\n');
    shown
}

/// Returns what `-bO` prints: the names of the options that the original has too, in its order.
pub fn option_names() -> String {
    let of_both = |name: &&str| !name.is_empty() && !OWN_OPTIONS.contains(name);
    let names = OPTION_TABLE.iter().map(|row| row.name).filter(of_both);
    names
        .map(|name| format!("{name}\n{}", ROWS_BEHIND.iter().find(|row| row.0 == name).map_or("", |row| row.1)))
        .collect()
}

/// Options that `-bO` does not print here: the original has them not, or not in every build, or prints them elsewhere.
const OWN_OPTIONS: [&str; 3] = ["LocalDelivery", "DANE", "QueueTimeout"];

/// What the original prints behind some names: letters without a name, and an old name.
const ROWS_BEHIND: [(&str, &str); 3] = [("MatchGECOS", "\n"), ("MeToo", "\n"), ("SuperSafe", "QueueTimeout\n")];

#[cfg(test)]
mod tests {
    use crate::cf::Setting;

    use super::*;

    #[test]
    fn the_second_word_of_the_banner_is_the_version() {
        let banner = version(1, ("/etc/mail/submit.cf", "/etc/mail/sendmail.cf"));
        assert!(banner.starts_with("Version 8.18."));
        assert!(banner.lines().nth(1).expect("a second line").starts_with(" Compiled with: DNSMAP IPV6_FULL"));
        assert!(banner.lines().skip(2).all(|line| line.starts_with("\t\t")));
        assert!(version(10, ("a", "b")).contains("Conf file:\tb (default for MTA)"));
        assert_eq!(version(0, ("a", "b")), "");
    }

    #[test]
    fn the_identity_is_a_block_of_its_own() {
        let names = Names {
            short: "hoge".into(),
            official: "hoge.foo.jp".into(),
            domain: "foo.jp".into(),
            node: "hoge".into(),
        };
        let block = system_identity(1, names);
        assert!(block.contains("      (short domain name) $w = hoge\n  (canonical domain name) $j = hoge.foo.jp\n"));
        assert!(block.contains("         (subdomain name) $m = foo.jp\n              (node name) $k = hoge\n====="));
        assert!(host_names(4, names, ["[127.0.0.1]"]).ends_with("\ta.k.a.: [127.0.0.1]\n"));
    }

    #[test]
    fn only_options_that_do_nothing_are_confessed() {
        let mut options = Options::default();
        assert_eq!(options_without_effect(&options), "");
        for text in ["MaxHopCount=3", "CACertFile=/c"] {
            Setting::parse_long(text.as_bytes()).expect("known").apply(&mut options, 0);
        }
        let shown = options_without_effect(&options);
        assert!(shown.contains("CACertFile=/c") && !shown.contains("MaxHopCount"));
        assert!(option_names().starts_with("SevenBitInput\nEightBitMode\n"));
    }
}
