//! The maps of a site: opened when they are first used, and again when their files change.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bstr::{BStr, BString, ByteSlice as _};
use rustc_hash::FxHashMap;
use tokio::io::{AsyncRead, AsyncWrite};

use super::map_failures::{MapFailures, with_remedy};
use crate::log::{About, Log};
use crate::map::{Definition, Kind, Map, Opener, Outcome};
use crate::rewrite::KeyStyle;

/// How many connections to a map's server are kept while nobody uses them.
const STREAMS_MAX: usize = 8;

/// A connection to the server of a map.
pub(super) type Stream = Box<dyn Duplex>;

/// What can be read from and written to.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for T {}

/// One map.
pub(super) struct Entry {
    pub(super) definition: Definition,
    /// None until it is first used.
    map: RwLock<Option<Arc<Map>>>,
    /// Connections to the map's server that nobody uses now.
    streams: Mutex<Vec<Stream>>,
    /// The connection to the directory of an LDAP map.
    #[cfg(feature = "ldap")]
    pub(super) directory: tokio::sync::Mutex<Option<ldap3::Ldap>>,
    /// Its server failed, and that was told.
    is_told: AtomicBool,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("definition", &self.definition).finish_non_exhaustive()
    }
}

/// All maps of a site.
pub struct Maps {
    entries: FxHashMap<BString, Arc<Entry>>,
    /// For each sequence, its members that are no sequences.
    sequences: FxHashMap<BString, Vec<Arc<Entry>>>,
    opener: Arc<dyn Opener>,
    failures: MapFailures,
}

impl std::fmt::Debug for Maps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Maps").field("entries", &self.entries).finish_non_exhaustive()
    }
}

impl Maps {
    /// Declares maps; none is opened yet.
    pub(super) fn new(definitions: Vec<Definition>, opener: Arc<dyn Opener>) -> Self {
        let entries: FxHashMap<_, _> = definitions
            .into_iter()
            .map(|definition| (folded(&definition.name).into_owned(), Arc::new(Entry::new(definition))))
            .collect();
        let sequences = entries.iter().filter(|(_, entry)| entry.definition.kind.members().is_some());
        let sequences = sequences.map(|(name, entry)| (name.clone(), members(&entries, entry))).collect();
        Self { entries, sequences, opener, failures: MapFailures::default() }
    }

    /// Returns the definition of a map.
    pub fn definition(&self, name: &[u8]) -> Option<&Definition> {
        self.entry(name).map(|entry| &entry.definition)
    }

    /// Returns how keys of a map are made of tokens.
    pub(super) fn key_style(&self, name: &[u8]) -> Option<KeyStyle> {
        let definition = self.definition(name)?;
        let keeps_quotes = definition.keep_quotes || definition.kind.is_quoting();
        Some(KeyStyle { blank_sub: definition.space, keeps_quotes })
    }

    /// Returns the map called `name`, in any case.
    pub(super) fn entry(&self, name: &[u8]) -> Option<&Arc<Entry>> {
        self.entries.get(&*folded(name))
    }

    /// Returns how maps come to what they need.
    pub(super) fn opener(&self) -> &dyn Opener {
        &*self.opener
    }

    /// Returns what is looked up in turn: the members of a sequence, or the map itself.
    pub(super) fn leaves<'a>(&'a self, entry: &'a Arc<Entry>) -> &'a [Arc<Entry>] {
        match self.sequences.get(&*folded(&entry.definition.name)) {
            Some(members) => members,
            None => std::slice::from_ref(entry),
        }
    }

    /// Returns the opened map, and what went wrong if it was opened just now.
    pub(super) fn open(&self, entry: &Entry) -> (Arc<Map>, Option<BString>) {
        if let Some(map) = &*entry.map.read().unwrap_or_else(PoisonError::into_inner) {
            return (Arc::clone(map), None);
        }
        let map = self.opened(&entry.definition);
        *entry.map.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&map));
        let complaint = map.told().map(BString::from).or_else(|| self.missing_members(&entry.definition));
        (map, complaint)
    }

    /// Returns why a map that was asked, or a member of it, could not be opened, and the command that mends it.
    pub fn closed(&self, name: &[u8]) -> Vec<(BString, Option<String>)> {
        let leaves = self.entry(name).map(|entry| self.leaves(entry)).unwrap_or_default();
        let closed = leaves.iter().filter_map(|entry| {
            let map = entry.map.read().unwrap_or_else(PoisonError::into_inner);
            let map = map.as_ref()?;
            Some((map.complaint()?.to_owned(), map.remedy()))
        });
        closed.collect()
    }

    /// Says which maps of a switch nobody has defined.
    fn missing_members(&self, definition: &Definition) -> Option<BString> {
        let Kind::Switch(names) = &definition.kind else { return None };
        let missing = names.iter().filter(|name| self.entry(name).is_none());
        let lines: Vec<_> =
            missing.map(|name| format!("Switch map {}: unknown member map {name}", definition.name)).collect();
        (!lines.is_empty()).then(|| lines.join("\n").into())
    }

    /// Opens a map and takes note of how that went.
    fn opened(&self, definition: &Definition) -> Arc<Map> {
        let map = Arc::new(Map::open(definition, &*self.opener));
        self.note(&map);
        self.note_use(&map);
        map
    }

    /// Takes note of how a map has been opened.
    pub fn note(&self, map: &Map) {
        self.failures.note(map);
    }

    /// Takes note that a map is looked up: if it is older than its text, that is told.
    pub fn note_use(&self, map: &Map) {
        self.failures.note_age(map.definition(), &*self.opener);
    }

    /// Looks a key up in a map that is open; takes note of a file that cannot be read.
    pub fn look_up_in(&self, map: &Map, key: &[u8], args: &[&[u8]]) -> Outcome {
        let outcome = map.lookup(key, args);
        if let Outcome::TempFail(reason) = &outcome {
            self.failures.note_failure(map, reason.as_bstr());
        }
        outcome
    }

    /// From now on, databases that are looked up and older than their texts are told in the log.
    pub fn tell_ages(&self) {
        self.failures.tell_ages();
    }

    /// Opens every map that lies in a file, so that the log tells at once which ones cannot be read.
    pub fn open_all(&self) {
        // Alias files are opened by those who look recipients up.
        for entry in self.in_files().filter(|entry| !entry.definition.of_aliases) {
            self.open(entry);
        }
    }

    /// Opens every map that lies in a file by `opener`, and forgets it; returns why those that are `meant` cannot be read, with
    /// the commands that mend it.
    pub fn unreadable(&self, opener: &dyn Opener, meant: fn(&Map) -> bool) -> Vec<String> {
        let mut lines: Vec<String> = self
            .in_files()
            .filter_map(|entry| {
                let map = Map::open(&entry.definition, opener);
                map.complaint().filter(|_| meant(&map)).map(|reason| with_remedy(&map, reason))
            })
            .collect();
        lines.sort_unstable();
        lines
    }

    /// Returns the maps that lie in files.
    fn in_files(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.values().filter(|entry| entry.definition.usable && entry.definition.kind.has_file())
    }

    /// Logs which maps could not be read since the last call.
    pub fn log_failures<'a>(&self, log: &Log, about: impl Into<About<'a>>) {
        self.failures.log(log, about.into());
    }

    /// Tells whether the file of an open map has changed.
    pub(super) fn any_stale(&self) -> bool {
        self.entries.values().any(|entry| entry.is_stale())
    }

    /// Opens again what has changed.
    pub(super) fn reopen_stale(&self) {
        for entry in self.entries.values().filter(|entry| entry.is_stale()) {
            let map = self.opened(&entry.definition);
            *entry.map.write().unwrap_or_else(PoisonError::into_inner) = Some(map);
        }
    }

    /// Looks a key up in a map that needs neither network nor other programs.
    pub(super) fn look_up_local(&self, entry: &Entry, key: &[u8], args: &[&[u8]]) -> (Outcome, Option<BString>) {
        let (map, complaint) = self.open(entry);
        (self.look_up_in(&map, key, args), complaint)
    }
}

impl Entry {
    fn new(definition: Definition) -> Self {
        Self {
            definition,
            map: RwLock::default(),
            streams: Mutex::default(),
            #[cfg(feature = "ldap")]
            directory: tokio::sync::Mutex::default(),
            is_told: AtomicBool::new(false),
        }
    }

    /// Notes whether its server fails; tells whether that is news.
    pub(super) fn tell_failure(&self, fails: bool) -> bool {
        self.is_told.swap(fails, Ordering::Relaxed) != fails
    }

    /// Takes a connection that nobody uses.
    pub(super) fn take_stream(&self) -> Option<Stream> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Keeps a connection for the next look-up.
    pub(super) fn keep_stream(&self, stream: Stream) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if streams.len() < STREAMS_MAX {
            streams.push(stream);
        }
    }

    /// Tells whether the map is open and its file has changed.
    fn is_stale(&self) -> bool {
        self.map.read().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|map| map.is_stale())
    }
}

/// Returns the name of a map as it is compared: in small letters.
fn folded(name: &[u8]) -> Cow<'_, BStr> {
    match name.iter().any(u8::is_ascii_uppercase) {
        true => Cow::Owned(name.to_ascii_lowercase().into()),
        false => Cow::Borrowed(BStr::new(name)),
    }
}

/// Returns the members of a sequence, and those of sequences among them, in order, each once: asked again with the same key, a
/// map says nothing new.
///
// QUIRK(sequence-of-itself)
fn members(entries: &FxHashMap<BString, Arc<Entry>>, sequence: &Arc<Entry>) -> Vec<Arc<Entry>> {
    let (mut flat, mut seen, mut waiting) = (Vec::new(), HashSet::new(), vec![sequence]);
    while let Some(entry) = waiting.pop() {
        if !seen.insert(&entry.definition.name) {
            continue;
        }
        match entry.definition.kind.members() {
            Some(names) => waiting.extend(names.iter().rev().filter_map(|name| entries.get(&*folded(name)))),
            None => flat.push(Arc::clone(entry)),
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the names of what is looked up for the last of some maps, one a line.
    #[track_caller]
    fn check(lines: &[(&str, &str, &str)], expected: &str) {
        let definitions: Vec<Definition> = lines
            .iter()
            .map(|(name, class, args)| Definition::parse(name.as_bytes(), class.as_bytes(), args.as_bytes()).0)
            .map(|definition| definition.expect("good"))
            .collect();
        let last = definitions.last().expect("one at least").name.clone();
        let maps = Maps::new(definitions, Arc::new(crate::map::DirectOpener::for_tests()));
        let leaves = maps.leaves(maps.entry(&last).expect("defined"));
        assert_eq!(bstr::join(" ", leaves.iter().map(|entry| &entry.definition.name)), expected.as_bytes());
    }

    #[test]
    fn nested_sequences_are_flat_and_name_each_map_once() {
        let mut lines = vec![("a", "stab", ""), ("b", "stab", ""), ("s0", "sequence", "b a")];
        check(&[lines.clone(), vec![("s", "sequence", "a s0 a")]].concat(), "a b");
        let names: Vec<String> = (0..60).map(|depth| format!("s{depth}")).collect();
        let twice: Vec<String> = names.iter().map(|name| format!("{name} {name}")).collect();
        lines.extend((1..60).map(|depth| (names[depth].as_str(), "sequence", twice[depth - 1].as_str())));
        check(&lines, "b a");
    }

    #[test]
    fn a_sequence_may_name_itself() {
        check(&[("a", "stab", ""), ("b", "sequence", "s"), ("s", "sequence", "b a s")], "a");
        check(&[("s", "sequence", "s")], "");
    }
}
