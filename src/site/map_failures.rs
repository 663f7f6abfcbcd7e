//! Which maps cannot be read, or are older than their texts: each goes to the log once, with the command that mends it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bstr::{BStr, BString};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::log::{About, Level, Log};
use crate::map::{Definition, Map, Opener, outdated};

/// The maps that could not be opened, or read, when that was last tried.
#[derive(Debug, Default)]
pub(super) struct MapFailures {
    /// Whether there are lines to log.
    has_news: AtomicBool,
    /// Whether the ages of databases are looked at.
    tells_ages: AtomicBool,
    state: Mutex<State>,
}

/// A map by name and file.
type Key = (BString, Option<BString>);

#[derive(Debug, Default)]
struct State {
    /// Why a map could not be opened or read.
    known: FxHashMap<Key, BString>,
    /// The maps whose age was looked at, by their files.
    aged: FxHashSet<Option<BString>>,
    /// Lines that are not logged yet.
    news: Vec<(Level, String)>,
}

impl MapFailures {
    /// Takes note of how a map has been opened.
    pub(super) fn note(&self, map: &Map) {
        match map.complaint() {
            Some(reason) => self.note_failure(map, reason),
            None => drop(self.state().known.remove(&key(map.definition()))),
        }
    }

    /// Takes note of a map that cannot be read.
    pub(super) fn note_failure(&self, map: &Map, reason: &BStr) {
        let (key, mut state) = (key(map.definition()), self.state());
        if state.known.get(&key).is_some_and(|known| known == reason) {
            return;
        }
        state.known.insert(key, reason.to_owned());
        state.news.push((Level::SYSTEM_ERROR, format!("SYSERR(root): {}", with_remedy(map, reason))));
        self.has_news.store(true, Ordering::Release);
    }

    /// From now on, databases that are older than their texts are told.
    pub(super) fn tell_ages(&self) {
        self.tells_ages.store(true, Ordering::Relaxed);
    }

    /// Looks once at the age of a map that is used.
    pub(super) fn note_age(&self, definition: &Definition, opener: &dyn Opener) {
        if !self.tells_ages.load(Ordering::Relaxed) || !self.state().aged.insert(definition.file.clone()) {
            return;
        }
        if let Some(line) = outdated(definition, opener) {
            self.state().news.push((Level::SETUP, line));
            self.has_news.store(true, Ordering::Release);
        }
    }

    /// Logs what is new.
    pub(super) fn log(&self, log: &Log, about: About<'_>) {
        if !self.has_news.swap(false, Ordering::AcqRel) {
            return;
        }
        for (level, line) in std::mem::take(&mut self.state().news) {
            log.say(level, about, line);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(definition: &Definition) -> Key {
    (definition.name.clone(), definition.file.clone())
}

/// Returns why a map cannot be read, with the command that mends it.
pub(super) fn with_remedy(map: &Map, reason: &BStr) -> String {
    let command = map.remedy().map(|command| format!("; run: {command}"));
    format!("{reason}{}", command.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bstr::ByteSlice as _;

    use super::*;
    use crate::log::Sink;
    use crate::map::DirectOpener;

    #[test]
    fn a_failure_is_logged_once_until_the_map_has_been_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = folder.path().join("access").display().to_string();
        let (definition, _) = Definition::parse(b"access", b"hash", text.as_bytes());
        let definition = definition.expect("a class");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = Log::new(Sink::Memory(Arc::clone(&lines)), "", 9);
        let failures = MapFailures::default();
        let open = || {
            failures.note(&Map::open(&definition, &DirectOpener::for_tests()));
            failures.log(&log, About::NoQueue);
            std::mem::take(&mut *lines.lock().expect("not poisoned"))
        };
        let told = open();
        let expected = format!(
            "SYSERR(root): hash map \"access\": missing map file {text}.db: No such file or directory; \
             run: makemap hash {text} < {text}"
        );
        assert!(told.len() == 1 && told[0].contains_str(&expected), "{told:?}");
        assert!(open().is_empty());
        std::fs::write(format!("{text}.db"), "").expect("written");
        assert!(open()[0].contains_str("run: makemap hash"));
    }
}
