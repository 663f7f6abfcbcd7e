//! Which keys of which files the rules have asked for.

use bstr::{BString, ByteSlice};

use super::Dialogue;
use super::record::Event;
use crate::policy;
use crate::site::Site;

/// A key that rules have asked a file for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Asked {
    /// The map.
    pub(super) map: BString,
    /// The text file.
    pub(super) file: BString,
    /// The key.
    pub(super) key: BString,
    /// What the map says of it.
    pub(super) value: Option<BString>,
    /// Whether the map is one of permissions: no rule asks it where mail goes or what an address is to be.
    pub(super) is_policy: bool,
}

/// Returns the keys of files that were asked for in a whole session, each once, in order.
pub(super) fn all(site: &Site, dialogue: &Dialogue) -> Vec<Asked> {
    let stages = dialogue.stages.iter().flat_map(|stage| &stage.events);
    let events: Vec<&Event> = stages.chain(dialogue.destinations.iter().flat_map(|to| &to.events)).collect();
    let mut all: Vec<Asked> = Vec::new();
    for event in &events {
        let Event::LookedUp { map, key, value, .. } = event else { continue };
        let is_known = all.iter().any(|asked| asked.map == *map && asked.key == *key);
        let definition = site.maps.definition(map).filter(|definition| definition.kind.has_file());
        if let Some(file) = definition.and_then(|definition| definition.file.clone()).filter(|_| !is_known) {
            let (map, key, value) = (map.clone(), key.clone(), value.clone());
            let is_policy = is_policy(&events, &map);
            all.push(Asked { map, file, key, value, is_policy });
        }
    }
    all
}

/// Tells whether only rules about permissions ask a map.
fn is_policy(events: &[&Event], map: &BString) -> bool {
    let mut roots = events.iter().filter_map(|event| match event {
        Event::LookedUp { map: asked, root, .. } if asked == map => Some(root),
        _ => None,
    });
    // A site calls its header checks so, too.
    roots.all(|root| root.starts_with("check_") || policy::subject(root.as_bytes()).is_some())
}

impl Asked {
    /// Returns the number of the line of the text file that begins with the key, if the file can be read.
    pub(super) fn line(&self) -> Option<usize> {
        let text = std::fs::read(self.file.to_path().ok()?).ok()?;
        let is_key = |line: &[u8]| line.fields().next().is_some_and(|word| word.eq_ignore_ascii_case(&self.key));
        text.lines().position(is_key).map(|at| at + 1)
    }
}
