//! Which directories a configuration's queue has: `QueueDirectory`, its `*`, and the `Q` lines.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use super::spool::SpoolDirectory;
use crate::cf::{Config, DEFAULT_QUEUE_GROUP};
use crate::sys::errors::reason;

/// The most directories of one queue: what an [`super::spool::EntryName`] can count, and far more than anybody has.
const DIRECTORIES_MAX: usize = 4096;

/// What a configuration says about where its queue is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Layout {
    /// `QueueDirectory`; a `*` at the end takes all directories that begin so.
    pub queue_directory: BString,
    /// The `Q` lines: name and `P=`.
    pub groups: Vec<(BString, BString)>,
}

/// A queue directory cannot be found.
#[derive(Debug, thiserror::Error)]
#[error("can not {call}({path}): {}", reason(.source))]
pub struct LayoutError {
    /// What was tried, as the original names it.
    pub call: &'static str,
    /// The directory.
    pub path: BString,
    /// Why not.
    pub source: io::Error,
}

impl Layout {
    /// Returns what `config` says.
    pub fn of(config: &Config) -> Self {
        let groups = config.queue_groups.iter().map(|group| (group.name.clone(), group.path.clone())).collect();
        Self { queue_directory: config.options.queue_directory.clone(), groups }
    }

    /// Returns the directories, those of a `*` sorted by name: every process counts them alike.
    ///
    /// # Errors
    /// The directory above a `*` cannot be read, or nothing matches, or too much does.
    pub fn directories(&self) -> Result<Vec<SpoolDirectory>, LayoutError> {
        let mut all = Vec::new();
        let own = self.groups.iter().find(|(group, _)| group == DEFAULT_QUEUE_GROUP).map(|(_, path)| path);
        let default = (BString::from(DEFAULT_QUEUE_GROUP), own.unwrap_or(&self.queue_directory).clone());
        let others = self.groups.iter().filter(|(group, _)| group != DEFAULT_QUEUE_GROUP);
        for (group, path) in std::iter::once(&default).chain(others) {
            let path = if path.is_empty() { self.queue_directory.clone() } else { self.absolute(path) };
            for path in expand(&path)? {
                // A directory that two groups name is listed and run once.
                if !all.iter().any(|known: &SpoolDirectory| known.path == path) {
                    all.push(SpoolDirectory { group: group.clone(), path });
                }
            }
        }
        if all.len() > DIRECTORIES_MAX {
            let source = io::Error::other(format!("more than {DIRECTORIES_MAX} queue directories: use fewer"));
            return Err(LayoutError { call: "use", path: self.queue_directory.clone(), source });
        }
        Ok(all)
    }

    /// Returns the directory above all queue directories: `QueueDirectory` without its `*` part.
    pub fn base(&self) -> BString {
        match self.queue_directory.strip_suffix(b"*") {
            Some(prefix) => match prefix.rfind_byte(b'/') {
                Some(0) => "/".into(),
                Some(len) => prefix[..len].into(),
                None => ".".into(),
            },
            None => self.queue_directory.clone(),
        }
    }

    /// Returns a group's path under the base, if it is not absolute.
    fn absolute(&self, path: &BString) -> BString {
        if path.starts_with(b"/") || path == &self.queue_directory {
            return path.clone();
        }
        let mut whole = self.base();
        whole.push(b'/');
        whole.extend_from_slice(path);
        whole
    }
}

/// Returns the directories that a path with or without `*` stands for.
fn expand(path: &[u8]) -> Result<Vec<BString>, LayoutError> {
    let Some(prefix) = path.strip_suffix(b"*") else {
        return Ok(vec![path.trim_end_with(|c| c == '/').into()]);
    };
    let (parent, start) = match prefix.rfind_byte(b'/') {
        Some(at) => (&prefix[..=at], &prefix[at + 1..]),
        None => (&b"."[..], prefix),
    };
    let fail = |source| LayoutError { call: "opendir", path: prefix.into(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(Path::new(OsStr::from_bytes(parent))).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name();
        let matches = name.as_bytes().starts_with(start) && !name.as_bytes().starts_with(b".");
        if matches && fs::metadata(entry.path()).is_ok_and(|data| data.is_dir()) {
            found.push(bytes_of(entry.path()));
        }
    }
    found.sort();
    if found.is_empty() { Err(fail(io::ErrorKind::NotFound.into())) } else { Ok(found) }
}

fn bytes_of(path: PathBuf) -> BString {
    path.into_os_string().into_vec().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_takes_directories_that_begin_so() {
        let room = tempfile::tempdir().expect("a directory");
        let base = room.path().to_str().expect("plain").to_owned();
        for name in ["qd2", "qd1", "other", "grp"] {
            fs::create_dir(room.path().join(name)).expect("made");
        }
        fs::write(room.path().join("qd3"), "no directory").expect("written");
        let layout = Layout {
            queue_directory: format!("{base}/qd*").into(),
            groups: vec![("one".into(), format!("{base}/grp").into()), ("two".into(), "other".into())],
        };
        let found: Vec<String> = layout
            .directories()
            .expect("readable")
            .iter()
            .map(|directory| format!("{} {}", directory.group, directory.path).replace(&base, ""))
            .collect();
        assert_eq!(found, ["mqueue /qd1", "mqueue /qd2", "one /grp", "two /other"]);
        assert_eq!(layout.base(), base);
    }

    #[test]
    fn no_directory_is_left_out_in_silence() {
        let groups = (0..DIRECTORIES_MAX).map(|number| (format!("g{number}").into(), format!("/q/{number}").into()));
        let layout = Layout { queue_directory: "/q".into(), groups: groups.collect() };
        let told = layout.directories().expect_err("too many").to_string();
        assert_eq!(told, "can not use(/q): more than 4096 queue directories: use fewer");
    }

    #[test]
    fn a_star_that_matches_nothing_is_told_as_the_original_does() {
        let room = tempfile::tempdir().expect("a directory");
        let path = format!("{}/z*", room.path().display());
        let layout = Layout { queue_directory: path.as_str().into(), groups: Vec::new() };
        let error = layout.directories().expect_err("nothing there");
        let shown = format!("can not opendir({}): No such file or directory", path.trim_end_matches('*'));
        assert_eq!(error.to_string(), shown);
    }
}
