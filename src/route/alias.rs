//! The alias databases (option AliasFile; op guide "The Alias Database").

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use bstr::BString;

use crate::cf::AliasSpec;
use crate::map::{Map, Opener, Outcome, aliases};
use crate::site::Site;

/// The alias databases of a site, in the order they are asked.
pub struct Aliases {
    files: Vec<RwLock<Arc<Map>>>,
    opener: Arc<dyn Opener>,
    /// Who asks the network for those that are no files.
    site: Option<Arc<Site>>,
    /// Whether a verbose caller has heard of files without a database.
    told: AtomicBool,
}

/// What the alias databases know of a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Alias {
    /// The addresses it stands for, and the number of the file that says so.
    Found {
        /// Which of the alias files, from 0.
        file: u8,
        /// The list of addresses.
        value: BString,
    },
    /// It is no alias.
    None,
    /// Nobody knows now; why.
    TempFail(BString),
}

impl Aliases {
    /// Opens the files that option AliasFile declares.
    pub fn open(alias_files: &[AliasSpec], opener: Arc<dyn Opener>) -> Self {
        let definitions = aliases::definitions(alias_files);
        let files =
            definitions.iter().map(|definition| RwLock::new(Arc::new(Map::open(definition, &*opener)))).collect();
        Self { files, opener, site: None, told: AtomicBool::new(false) }
    }

    /// Opens the alias databases of a site.
    pub fn of_site(site: &Arc<Site>) -> Self {
        let opened = Self::open(&site.config.options.alias_file, Arc::clone(&site.opener));
        opened.files.iter().for_each(|file| site.maps.note(&file.read().expect("no holder panics")));
        Self { site: Some(Arc::clone(site)), ..opened }
    }

    /// Opens again what was rebuilt since; to be called once a transaction.
    ///
    /// Opening may wait for another process, so this is done where waiting hurts nobody else.
    pub async fn refresh(self: &Arc<Self>) {
        if !self.files.iter().any(|file| file.read().expect("no holder panics").is_stale()) {
            return;
        }
        let aliases = Arc::clone(self);
        // A panic there has been told by the thread itself; the files stay as they are.
        let _ = tokio::task::spawn_blocking(move || aliases.reopen_stale()).await;
    }

    fn reopen_stale(&self) {
        for file in &self.files {
            let map = Arc::clone(&file.read().expect("no holder panics"));
            if map.is_stale() {
                let map = Arc::new(Map::open(map.definition(), &*self.opener));
                self.site.iter().for_each(|site| site.maps.note(&map));
                *file.write().expect("no holder panics") = map;
            }
        }
    }

    /// Takes note that every file is used, as whoever looks a name up does.
    pub fn note_use(&self) {
        for (site, file) in self.site.iter().flat_map(|site| self.files.iter().map(move |file| (site, file))) {
            site.maps.note_use(&file.read().expect("no holder panics"));
        }
    }

    /// Returns the files whose text is read because they have no database, with their counts; each time but the first: none.
    pub fn texts_to_tell(&self) -> Vec<(BString, String)> {
        if self.told.swap(true, Ordering::Relaxed) {
            return Vec::new();
        }
        let told = |file: &RwLock<Arc<Map>>| {
            let map = file.read().expect("no holder panics");
            Some((map.definition().file.clone()?, map.text_counts()?.to_string()))
        };
        self.files.iter().filter_map(told).collect()
    }

    /// Looks `name` up; capitals do not count.
    pub async fn find(&self, name: &[u8]) -> Alias {
        for (number, file) in self.files.iter().enumerate() {
            let map = Arc::clone(&file.read().expect("no holder panics"));
            let outcome = match &self.site {
                Some(site) if !map.definition().kind.is_local() => site.look_up(&map.definition().name, name).await,
                Some(site) => {
                    site.maps.note_use(&map);
                    site.maps.look_up_in(&map, name, &[])
                }
                None => map.lookup(name, &[]),
            };
            match outcome {
                Outcome::Found(value) => return Alias::Found { file: u8::try_from(number).unwrap_or(u8::MAX), value },
                Outcome::NotFound(_) => {}
                Outcome::TempFail(reason) => return Alias::TempFail(reason),
            }
        }
        Alias::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::DirectOpener;

    #[tokio::test]
    async fn files_are_asked_in_their_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            path.display().to_string()
        };
        let first = write("first", "list: alice, bob\n");
        let second = write("second", "List: carol\nother: dora\n");
        let aliases = Aliases::open(
            &AliasSpec::split(format!("{first},implicit:{second}").as_bytes(), 0),
            Arc::new(DirectOpener::for_tests()),
        );
        assert_eq!(aliases.find(b"LIST").await, Alias::Found { file: 0, value: "alice, bob".into() });
        assert_eq!(aliases.find(b"other").await, Alias::Found { file: 1, value: "dora".into() });
        assert_eq!(aliases.find(b"nobody").await, Alias::None);
    }

    #[tokio::test]
    async fn a_rebuilt_file_is_opened_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, next) = (folder.path().join("aliases"), folder.path().join("next"));
        std::fs::write(&path, "list: alice\n").expect("written");
        let aliases = Arc::new(Aliases::open(
            &AliasSpec::split(path.as_os_str().as_encoded_bytes(), 0),
            Arc::new(DirectOpener::for_tests()),
        ));
        std::fs::write(&next, "list: bob\n").and_then(|()| std::fs::rename(&next, &path)).expect("replaced");
        let found = |value: &str| Alias::Found { file: 0, value: value.into() };
        assert_eq!(aliases.find(b"list").await, found("alice"));
        aliases.refresh().await;
        assert_eq!(aliases.find(b"list").await, found("bob"));
    }

    #[tokio::test]
    async fn a_missing_file_is_a_failure_that_may_pass() {
        let aliases =
            Aliases::open(&AliasSpec::split(b"hash:/nonexistent/aliases", 0), Arc::new(DirectOpener::for_tests()));
        assert!(matches!(aliases.find(b"x").await, Alias::TempFail(_)));
    }
}
