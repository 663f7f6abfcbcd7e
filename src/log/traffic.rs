//! The log of `-X`: every line of every SMTP dialogue, both ways.

use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Mutex};

/// A traffic log; clones write to the same file.
#[derive(Clone, Debug)]
pub struct Traffic(Arc<Mutex<File>>);

impl Traffic {
    /// Returns a log that writes to `file`, which should be opened for appending.
    pub fn new(file: File) -> Self {
        Self(Arc::new(Mutex::new(file)))
    }

    /// Writes a line that came in, with its line end if it is not a bare LF.
    pub fn received(&self, line: &[u8]) {
        self.write("<<<", line);
    }

    /// Writes a line that went out, without its line end.
    pub fn sent(&self, line: &[u8]) {
        self.write(">>>", line);
    }

    /// Writes one line in one call; what cannot be written is dropped.
    fn write(&self, arrow: &str, line: &[u8]) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let whole = [format!("{:05} {arrow} ", std::process::id()).as_bytes(), line, b"\n"].concat();
        let mut file = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        drop(file.write_all(&whole));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("traffic");
        let traffic = Traffic::new(File::create(&path).expect("a file"));
        traffic.sent(b"220 host ESMTP");
        traffic.received(b"EHLO x\r\n");
        let pid = std::process::id();
        let expected = format!("{pid:05} >>> 220 host ESMTP\n{pid:05} <<< EHLO x\r\n");
        assert_eq!(std::fs::read_to_string(&path).expect("readable"), expected);
    }
}
