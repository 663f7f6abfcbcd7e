//! The macros that a `.mc` file calls or sets, other than those of the table of options, and their pages.

use crate::cf::mc_names;

/// Pages with blank lines between them: a line of names, then the text, which begins with how it is written.
const PAGES: &str = include_str!("../../../etc/cf/macros.txt");

/// Returns the names of each page, with blanks between them, and its text.
pub(super) fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGES.split("\n\n").filter_map(|page| page.trim_start().split_once('\n'))
}

/// How a macro is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Use {
    /// `NAME(...)`, or `NAME` alone.
    Call,
    /// ``define(`NAME', `...')``.
    Setting,
}

/// Returns how a macro is written, if there is one of that name.
pub(super) fn use_of(name: &str) -> Option<Use> {
    let page = texts().find(|(names, _)| names.split(' ').any(|known| known == name));
    match page {
        Some((_, text)) if text.starts_with("define(") && name != "define" => Some(Use::Setting),
        Some(_) => Some(Use::Call),
        None => mc_names().iter().any(|setting| setting.name == name).then_some(Use::Setting),
    }
}

/// Tells whether there is a macro of that name.
pub(super) fn is_known(name: &str) -> bool {
    use_of(name).is_some()
}

/// Returns the names of all macros.
pub(super) fn names() -> impl Iterator<Item = String> {
    let paged = texts().flat_map(|(names, _)| names.split(' ')).map(str::to_owned);
    paged.chain(mc_names().into_iter().map(|setting| setting.name))
}

/// Returns the page of a macro that is none of the table of options.
pub(super) fn page(name: &str) -> Option<String> {
    let (names, text) = texts().find(|(names, _)| names.split(' ').any(|known| known == name))?;
    let others: Vec<&str> = names.split(' ').filter(|other| *other != name).collect();
    let also = if others.is_empty() { String::new() } else { format!("\nAlso: {}\n", others.join(", ")) };
    Some(format!("{name}\n\n{}\n{also}", text.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::super::library;
    use super::*;

    #[test]
    fn macros_are_calls_or_settings() {
        assert_eq!((use_of("SMART_HOST"), use_of("MASQUERADE_AS")), (Some(Use::Setting), Some(Use::Call)));
        assert_eq!((use_of("confMAX_HOP"), use_of("SMART_HOTS")), (Some(Use::Setting), None));
        assert!(page("EXPOSED_USER_FILE").is_some_and(|page| page.ends_with("\nAlso: EXPOSED_USER\n")));
    }

    #[test]
    fn every_macro_of_the_library_has_its_page() {
        let core = library::text(b"m4/cf.m4").expect("is there");
        let named = core.match_indices("define(`").map(|(at, call)| &core[at + call.len()..]);
        let named = named.filter_map(|rest| rest.split_once('\'')).map(|(name, _)| name);
        let tested =
            library::texts().flat_map(|text| text.split("ifdef(`").skip(1)).filter_map(|rest| rest.split_once('\''));
        let all = named.chain(tested.map(|(name, _)| name));
        let is_public = |name: &&str| {
            let bytes = name.as_bytes();
            bytes.first().is_some_and(u8::is_ascii_uppercase)
                && bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
                || name.starts_with("conf")
        };
        let without: Vec<&str> = all.filter(is_public).filter(|name| !is_known(name)).collect();
        assert!(without.is_empty(), "no page in etc/cf/macros.txt: {without:?}");
    }
}
