//! What test mode writes: gathered until somebody waits for it.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;

use crate::rewrite::Trace;

/// How much is gathered before it is written, in bytes, where nobody waits for it.
const GATHERED_BYTES: usize = 64 * 1024;

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

    /// Writes a step of an evaluation as a line.
    ///
    /// # Errors
    /// Writing fails.
    pub fn step(&mut self, step: Trace<'_>) -> io::Result<()> {
        self.make_room()?;
        step.append_to(&mut self.gathered);
        self.gathered.push(b'\n');
        Ok(())
    }

    /// Writes what is gathered if that is much.
    fn make_room(&mut self) -> io::Result<()> {
        if self.gathered.len() < GATHERED_BYTES { Ok(()) } else { self.empty() }
    }

    fn empty(&mut self) -> io::Result<()> {
        self.to.write_all(&self.gathered)?;
        self.gathered.clear();
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.make_room()?;
        self.gathered.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.empty()?;
        self.to.flush()
    }
}
