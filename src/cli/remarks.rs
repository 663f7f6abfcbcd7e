//! What is to be said of a configuration that loads: loose ends of its rules, and maps that cannot be read.

use crate::cf::{self, Config};
use crate::map::{DirectOpener, Map};
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

/// Returns which of the maps that are `meant` cannot be read, why, and what mends that.
pub(super) fn unreadable_maps(site: &Site, meant: fn(&Map) -> bool) -> Vec<String> {
    // Without listeners: the files are looked at once more when they are used.
    let opener = DirectOpener::new(Inspector::of(&site.config.options));
    let told = site.maps.unreadable(&opener, meant).into_iter();
    told.map(|told| format!("{}: warning: {told}", site.config.file)).collect()
}
