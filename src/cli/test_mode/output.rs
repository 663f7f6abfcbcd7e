//! What test mode writes: gathered until somebody waits for it.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;

/// How much is gathered before it is written, in bytes, where nobody waits for it.
pub(super) const GATHERED_BYTES: usize = 64 * 1024;

/// Standard output, written when it is flushed: Rust's own is written line by line.
pub struct Output {
    gathered: Vec<u8>,
    to: Box<dyn Write + Send>,
}

impl Output {
    /// Returns standard output.
    pub fn standard() -> Self {
        let to: Box<dyn Write + Send> = match io::stdout().as_fd().try_clone_to_owned() {
            Ok(descriptor) => Box::new(File::from(descriptor)),
            Err(_) => Box::new(io::stdout()),
        };
        Self { gathered: Vec::with_capacity(GATHERED_BYTES), to }
    }

    fn empty(&mut self) -> io::Result<()> {
        self.to.write_all(&self.gathered)?;
        self.gathered.clear();
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gathered.len() >= GATHERED_BYTES {
            self.empty()?;
        }
        self.gathered.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.empty()?;
        self.to.flush()
    }
}
