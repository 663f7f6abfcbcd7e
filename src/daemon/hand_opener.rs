//! Maps and class files of a process that may open none: it names the line of the configuration, a hand opens.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bstr::ByteSlice;

use crate::cf::{ClassSource, Config};
use crate::keeper::request::{Failure, FailureKind, NamedFile};
use crate::keeper::{HandError, Hands, Request};
use crate::map::{Definition, Opener};
use crate::name::MapName;

/// Opens the files of a configuration through hands; called from threads that may wait.
pub struct HandOpener {
    hands: Arc<Hands>,
    config: Arc<Config>,
}

impl HandOpener {
    /// Returns an opener of the files that `config` declares.
    pub fn new(hands: Arc<Hands>, config: Arc<Config>) -> Self {
        Self { hands, config }
    }

    fn ask(&self, request: Option<Request>) -> io::Result<File> {
        let request = request.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let answered = self.hands.ask_waiting(request).map_err(io_error)?;
        let descriptor = answered.descriptors.into_iter().next();
        descriptor.map(File::from).ok_or_else(|| io::Error::other(HandError::OutOfTurn("map")))
    }
}

impl Opener for HandOpener {
    fn open(&self, definition: &Definition, path: &[u8]) -> io::Result<File> {
        let suffix = definition.file.as_ref().and_then(|file| path.strip_prefix(file.as_slice()));
        let map = || MapName::new(definition.name.as_bytes());
        self.ask(suffix.map(|suffix| Request::OpenMap { map: map(), suffix: suffix.into() }))
    }

    fn open_class(&self, path: &[u8]) -> io::Result<File> {
        let names = |source: &ClassSource| matches!(source, ClassSource::File(file) if file == path);
        let line = self.config.classes.files.iter().position(|file| names(&file.source));
        self.ask(line.and_then(|line| Some(Request::OpenClass { line: u16::try_from(line).ok()? })))
    }

    fn open_switch(&self, _path: &[u8]) -> io::Result<File> {
        self.ask(Some(Request::OpenNamed { file: NamedFile::ServiceSwitch {} }))
    }
}

/// Returns the system's error where a hand told its number.
fn io_error(error: HandError) -> io::Error {
    match error {
        HandError::Failed(Failure { errno, .. }) if errno != 0 => io::Error::from_raw_os_error(errno),
        HandError::Failed(Failure { kind: FailureKind::Missing {}, .. }) => io::Error::from(io::ErrorKind::NotFound),
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::ffi::OsStrExt;

    use super::*;
    use crate::cf::{self, ReadEnv};
    use crate::daemon::hand;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn only_what_the_configuration_declares_is_opened() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = |name: &str| folder.path().join(name);
        for name in ["map.db", "names", "other"] {
            fs::write(path(name), name).expect("written");
        }
        let place = folder.path().display();
        let text = format!("V10\nO DontBlameSendmail=TrustStickyBit\nKmap hash {place}/map\nF{{names}}{place}/names\n");
        let (config, errors) = cf::read(text.as_bytes(), "x.cf", &ReadEnv::default());
        assert!(errors.is_empty(), "{errors:?}");
        let config = Arc::new(config);
        let opener = HandOpener::new(Arc::new(hand::in_process(&config, None)), Arc::clone(&config));
        let mut map = Definition::parse(b"map", b"hash", path("map").as_os_str().as_bytes()).0.expect("good");
        let read = |definition: &Definition, name: &str| {
            let mut text = String::new();
            let opened = opener.open(definition, path(name).as_os_str().as_bytes());
            opened.and_then(|mut file| file.read_to_string(&mut text)).map(|_| text)
        };
        assert_eq!(read(&map, "map.db").expect("declared"), "map.db");
        assert_eq!(read(&map, "map.cdb").expect_err("not there").kind(), io::ErrorKind::NotFound);
        let read_class = |name: &str| {
            let mut text = String::new();
            let opened = opener.open_class(path(name).as_os_str().as_bytes());
            opened.and_then(|mut file| file.read_to_string(&mut text)).map(|_| text)
        };
        assert_eq!(read_class("names").expect("declared"), "names");
        // A captured process may ask for what it likes.
        map.file = Some(path("other").as_os_str().as_bytes().into());
        read(&map, "other").expect_err("not declared");
        read_class("other").expect_err("not declared");
    }
}
