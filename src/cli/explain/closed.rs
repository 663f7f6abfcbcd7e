//! Which maps were asked and could not be opened: what they would have said is missing in the answer.

use std::collections::BTreeSet;

use bstr::{BString, ByteSlice};

use super::Dialogue;
use super::record::Event;
use crate::site::Site;

/// A map that could not be opened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Closed {
    /// The map.
    pub(super) map: BString,
    /// Why.
    pub(super) reason: BString,
    /// The command that makes its file.
    pub(super) mend: Option<String>,
}

/// Returns the maps that rules asked in vain, in the order of their names.
pub(super) fn find(site: &Site, dialogue: &Dialogue) -> Vec<Closed> {
    let stages = dialogue.stages.iter().flat_map(|stage| &stage.events);
    let events = stages.chain(dialogue.destinations.iter().flat_map(|to| &to.events));
    let asked: BTreeSet<&BString> = events
        .filter_map(|event| match event {
            Event::LookedUp { map, .. } => Some(map),
            _ => None,
        })
        .collect();
    let closed = asked.into_iter().flat_map(|map| {
        let reasons = site.maps.closed(map).into_iter();
        reasons.map(|(reason, mend)| Closed { map: map.clone(), reason, mend })
    });
    closed.collect()
}

impl Closed {
    /// Returns the text for a person.
    pub(super) fn told(&self) -> String {
        let mend = self.mend.as_ref().map(|command| format!("; run: {command}")).unwrap_or_default();
        format!("{}{mend}", self.reason.to_str_lossy())
    }
}
