//! A folder to run the tools in.

use std::ffi::OsString;
use std::path::PathBuf;

use super::Streams;
use crate::name::Sysexit;

/// What a run gave; the folder's name is written as `ROOM`.
#[derive(Debug)]
pub(in super::super) struct Ran {
    pub(in super::super) output: String,
    pub(in super::super) errors: String,
    pub(in super::super) exit: Sysexit,
}

/// A folder with an empty configuration file.
pub(in super::super) struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    pub(in super::super) fn new() -> Room {
        let room = Room { folder: tempfile::tempdir().expect("a temporary folder") };
        room.write("empty.cf", "");
        room
    }

    pub(in super::super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, `ROOM` in it replaced by the folder.
    pub(in super::super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), self.expand(text)).expect("the disk has room");
    }

    /// Runs a tool; the word after a map type is a name in the folder, as is `ROOM`.
    pub(in super::super) fn run(
        &self,
        tool: fn(&[OsString], &mut Streams<'_>) -> Sysexit,
        args: &str,
        input: &str,
    ) -> Ran {
        let mut words = vec![OsString::from("-C"), self.path("empty.cf").into()];
        let mut after_type = false;
        for word in args.split(' ').filter(|word| !word.is_empty()) {
            words.push(if after_type { self.path(word).into() } else { self.expand(word).into() });
            after_type = matches!(word, "hash" | "btree" | "cdb" | "implicit" | "nosuch" | "dbm");
        }
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let mut streams = Streams { input: &mut input.as_bytes(), output: &mut output, errors: &mut errors };
        let exit = tool(&words, &mut streams);
        Ran { output: self.contract(&output), errors: self.contract(&errors), exit }
    }

    fn expand(&self, text: &str) -> String {
        text.replace("ROOM", &self.folder.path().display().to_string())
    }

    fn contract(&self, text: &[u8]) -> String {
        String::from_utf8_lossy(text).replace(&self.folder.path().display().to_string(), "ROOM")
    }
}
