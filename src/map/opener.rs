//! How a map comes to its file.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::Definition;

/// Opens the files that definitions name; the daemon asks a process that may read them.
pub trait Opener: Send + Sync {
    /// Opens `path`, a file of `definition`, for reading; it must be a regular file.
    ///
    /// # Errors
    /// `NotFound` where there is none; else the reason as the original names it.
    fn open(&self, definition: &Definition, path: &[u8]) -> io::Result<File>;
}

/// Opens files with the rights of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct DirectOpener;

impl Opener for DirectOpener {
    fn open(&self, _definition: &Definition, path: &[u8]) -> io::Result<File> {
        // A FIFO must not hold us up before we see that it is one.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
            .open(Path::new(OsStr::from_bytes(path)))?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("Regular files only")) }
    }
}
