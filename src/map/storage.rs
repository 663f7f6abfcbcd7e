//! Where the bytes of a database lie.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::time::SystemTime;

/// The bytes of a database: a file, read with `pread` since others truncate and replace it while we hold it, or
/// bytes in memory.
#[derive(Debug)]
pub(super) enum Storage {
    /// An open file.
    File(File),
    /// All bytes.
    Memory(Vec<u8>),
}

impl Storage {
    /// Returns the length in bytes.
    pub(super) fn len(&self) -> io::Result<u64> {
        Ok(match self {
            Self::File(file) => file.metadata()?.len(),
            Self::Memory(bytes) => bytes.len() as u64,
        })
    }

    /// Reads as many bytes as `buffer` has, or as there are; returns how many.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset.saturating_add(filled as u64);
            match self.read_some_at(&mut buffer[filled..], at) {
                Ok(0) => break,
                Ok(length) => filled += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read_at(buffer, offset),
            Self::Memory(bytes) => {
                let rest = usize::try_from(offset).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
                let length = rest.len().min(buffer.len());
                buffer[..length].copy_from_slice(&rest[..length]);
                Ok(length)
            }
        }
    }

    /// Returns when the bytes were written last; none for those in memory, which nobody writes.
    pub(super) fn modified(&self) -> io::Result<Option<SystemTime>> {
        match self {
            Self::File(file) => Ok(Some(file.metadata()?.modified()?)),
            Self::Memory(_) => Ok(None),
        }
    }

    /// Returns the descriptor, if it is a file.
    pub(super) fn file(&self) -> Option<&File> {
        match self {
            Self::File(file) => Some(file),
            Self::Memory(_) => None,
        }
    }
}
