//! Which maps cannot be opened: each failure goes to the log once, with the command that mends it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bstr::{BString, ByteSlice};
use rustc_hash::FxHashMap;

use crate::log::{About, Level, Log};
use crate::map::Map;
use crate::sys::safe_file;

/// What the text of a failure says before the name of a file that making it anew would not mend.
const UNSAFE: &str = "unsafe map file ";

/// Returns the command that mends what `reason` tells: `rebuild`, which makes the map's file again, or what closes it to others.
pub(super) fn remedy(reason: &[u8], rebuild: Option<String>) -> Option<String> {
    let Some(at) = reason.find(UNSAFE) else { return rebuild };
    let (path, told) = reason[at + UNSAFE.len()..].rsplit_once_str(": ")?;
    safe_file::remedy(path, told)
}

/// The maps that could not be opened when that was last tried.
#[derive(Debug, Default)]
pub(super) struct MapFailures {
    /// Whether there are lines to log.
    has_news: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Why a map, by name and file, could not be opened.
    known: FxHashMap<(BString, Option<BString>), BString>,
    /// Lines that are not logged yet.
    news: Vec<String>,
}

impl MapFailures {
    /// Takes note of how a map has been opened; `rebuild` is the command that makes its file again.
    pub(super) fn note(&self, map: &Map, rebuild: Option<String>) {
        let key = (map.definition().name.clone(), map.definition().file.clone());
        let mut state = self.state();
        let Some(reason) = map.complaint() else {
            state.known.remove(&key);
            return;
        };
        if state.known.get(&key).is_some_and(|known| known == reason) {
            return;
        }
        state.known.insert(key, reason.to_owned());
        let command = remedy(reason, rebuild).map(|command| format!("; run: {command}"));
        state.news.push(format!("{reason}{}", command.unwrap_or_default()));
        self.has_news.store(true, Ordering::Release);
    }

    /// Logs what is new.
    pub(super) fn log(&self, log: &Log, about: About<'_>) {
        if !self.has_news.swap(false, Ordering::AcqRel) {
            return;
        }
        for line in std::mem::take(&mut self.state().news) {
            log.say(Level::SYSTEM_ERROR, about, format_args!("SYSERR(root): {line}"));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::log::Sink;
    use crate::map::{Definition, DirectOpener, mend};

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
            failures.note(&Map::open(&definition, &DirectOpener::for_tests()), mend(&definition));
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
