//! Opening of the files that a configuration declares, by way of a hand.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bstr::BString;

use crate::cf::{ClassSource, Config};
use crate::keeper::request::FailureKind;
use crate::keeper::{HandError, Hands, Request};
use crate::map::{Definition, Opener};
use crate::name::MapName;

/// Has files of maps and classes opened by a hand: this process may open nothing itself.
pub(super) struct HandOpener {
    pub(super) hands: Arc<Hands>,
    pub(super) config: Arc<Config>,
}

impl HandOpener {
    /// Returns the request that names the file `path` of `definition`; none if the configuration declares no such file.
    fn request(&self, definition: &Definition, path: &[u8]) -> Option<Request> {
        if definition.name.starts_with(b"class ") {
            let is_it = |source: &ClassSource| matches!(source, ClassSource::File(file) if file == path);
            let line = self.config.classes.files.iter().position(|file| is_it(&file.source))?;
            return Some(Request::OpenClass { line: u16::try_from(line).ok()? });
        }
        let declared = definition.file.as_ref()?;
        let suffix = path.strip_prefix(declared.as_slice())?;
        Some(Request::OpenMap { map: MapName::new(&definition.name), suffix: BString::from(suffix) })
    }
}

impl Opener for HandOpener {
    fn open(&self, definition: &Definition, path: &[u8]) -> io::Result<File> {
        let undeclared = || io::Error::new(io::ErrorKind::InvalidInput, "the configuration declares no such file");
        let request = self.request(definition, path).ok_or_else(undeclared)?;
        let mut answered = self.hands.ask_waiting(request).map_err(io_error)?;
        answered.descriptors.pop().map(File::from).ok_or_else(|| io::Error::other("a hand opened nothing"))
    }
}

/// Returns what a hand's failure means to a map.
fn io_error(error: HandError) -> io::Error {
    match error {
        HandError::Failed(failure) if failure.errno != 0 => io::Error::from_raw_os_error(failure.errno),
        HandError::Failed(failure) if matches!(failure.kind, FailureKind::Missing {}) => io::ErrorKind::NotFound.into(),
        other => io::Error::other(other.to_string()),
    }
}
