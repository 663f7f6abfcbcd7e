//! The body of a message, and the identity of the file that holds it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::format::DataFileId;

/// The body of a message: LF line ends, no dots stuffed. Copies are the same file.
#[derive(Clone, Debug)]
pub struct Body {
    file: Arc<File>,
}

impl Body {
    /// Returns the body in `file`.
    pub fn of(file: File) -> Self {
        Self { file: Arc::new(file) }
    }

    /// Returns the body in a file that others hold as well.
    pub(super) fn shared(file: Arc<File>) -> Self {
        Self { file }
    }

    /// Returns the length in bytes.
    ///
    /// # Errors
    /// The file cannot be asked.
    pub fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Reads at `offset` into `buffer`; returns how many bytes were read, 0 at the end.
    ///
    /// # Errors
    /// The disk failed.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match self.file.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Returns device and number of the file, for the `I` line.
    pub(super) fn file_id(&self) -> Option<DataFileId> {
        use std::os::unix::fs::MetadataExt;
        let metadata = self.file.metadata().ok()?;
        let device = metadata.dev();
        Some(DataFileId { major: major(device), minor: minor(device), inode: metadata.ino() })
    }
}

#[cfg(target_os = "linux")]
fn major(device: u64) -> u64 {
    nix::sys::stat::major(device)
}

#[cfg(target_os = "linux")]
fn minor(device: u64) -> u64 {
    nix::sys::stat::minor(device)
}

/// FreeBSD's split of a device number.
#[cfg(not(target_os = "linux"))]
fn major(device: u64) -> u64 {
    ((device >> 32) & 0xffff_ff00) | ((device >> 8) & 0xff)
}

#[cfg(not(target_os = "linux"))]
fn minor(device: u64) -> u64 {
    ((device >> 24) & 0xff00) | (device & 0xffff_00ff)
}
