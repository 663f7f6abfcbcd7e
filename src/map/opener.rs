//! How maps and classes come to their files.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::Definition;
use crate::sys::safe_file::{Inspector, Kind};

/// Opens the files that a configuration names; the daemon asks a process that may read them.
///
/// Each is a regular file that nobody else can have written or put there (option DontBlameSendmail says how strictly that
/// is taken). An error is `NotFound` where there is no file; else it has the reason as the original names it.
pub trait Opener: Send + Sync {
    /// Opens `path`, a file of `definition`, for reading.
    ///
    /// # Errors
    /// There is none, or it may not be used.
    fn open(&self, definition: &Definition, path: &[u8]) -> io::Result<File>;

    /// Opens the file of an `F` line for reading.
    ///
    /// # Errors
    /// There is none, or it may not be used.
    fn open_class(&self, path: &[u8]) -> io::Result<File>;

    /// Opens the service switch for reading.
    ///
    /// # Errors
    /// There is none, or it may not be used.
    fn open_switch(&self, path: &[u8]) -> io::Result<File>;
}

impl fmt::Debug for dyn Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener")
    }
}

/// Opens files with the rights of this process.
#[derive(Clone, Debug)]
pub struct DirectOpener(Inspector);

impl DirectOpener {
    /// Returns an opener of files that `inspector` lets pass.
    pub fn new(inspector: Inspector) -> Self {
        Self(inspector)
    }

    /// Returns an opener for folders of tests, which lie where everybody can write.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        let mut options = crate::cf::Options::default();
        options.dont_blame_sendmail.insert(crate::cf::Blame::TrustStickyBit);
        Self(Inspector::of(&options))
    }

    fn open_as(&self, path: &[u8], kind: Kind) -> io::Result<File> {
        Ok(self.0.open(Path::new(OsStr::from_bytes(path)), kind)?)
    }
}

impl Opener for DirectOpener {
    fn open(&self, _definition: &Definition, path: &[u8]) -> io::Result<File> {
        self.open_as(path, Kind::Map)
    }

    fn open_class(&self, path: &[u8]) -> io::Result<File> {
        self.open_as(path, Kind::Class)
    }

    fn open_switch(&self, path: &[u8]) -> io::Result<File> {
        self.open_as(path, Kind::Switch)
    }
}
