//! What is to be said of a configuration that loads: loose ends of its rules, and what this version does not act upon.

use crate::cf::{self, Config};
use crate::map::{DirectOpener, Map};
use crate::name::ClassName;
use crate::site::Site;
use crate::sys::safe_file::Inspector;

/// Returns the names in rules that nothing declares, with file and line, and the line of the `.mc` file.
pub(super) fn loose_ends(config: &Config, text: &[u8]) -> Vec<String> {
    let told = cf::loose_ends(text).into_iter().map(|(line, told)| {
        let source = config.marks.source(line).map_or_else(String::new, |source| format!(" ({source})"));
        format!("{}: line {line}: warning: {told}{source}", config.file)
    });
    told.collect()
}

/// Returns what the configuration asks for and does not get.
pub(super) fn not_acted_upon(config: &Config) -> Vec<String> {
    let mut told = Vec::new();
    let options = config.options.without_effect();
    if !options.is_empty() {
        told.push(format!("options that this version does not act upon yet: {}", options.join(", ")));
    }
    let trusts = config.classes.words.iter().any(|words| is_trust(&words.class));
    if trusts || config.maps.iter().any(|map| map.name.as_bytes() == b"authinfo") {
        told.push("AUTH is not there yet in this version: nobody can log in, and no password is sent".to_owned());
    }
    told.extend(config.asked_in_vain());
    told
}

/// Returns which of the maps that are `meant` cannot be read, why, and what mends that.
pub(super) fn unreadable_maps(site: &Site, meant: fn(&Map) -> bool) -> Vec<String> {
    // Without listeners: the files are looked at once more when they are used.
    let opener = DirectOpener::new(Inspector::of(&site.config.options));
    let told = site.maps.unreadable(&opener, meant).into_iter();
    told.map(|told| format!("{}: warning: {told}", site.config.file)).collect()
}

/// Tells whether a class has the mechanisms whose users may relay.
fn is_trust(class: &ClassName) -> bool {
    class.to_string().contains("TrustAuthMech")
}
