//! Where log lines go.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bstr::BString;

use super::handle::Priority;
use super::syslog::Syslog;

/// The end of the way of a log line.
#[derive(Debug)]
pub enum Sink {
    /// The system's log.
    Syslog(Syslog),
    /// A file, one line after the other.
    File(File),
    /// Standard error, for a program on a terminal.
    Stderr,
    /// Memory, for tests.
    Memory(Arc<Mutex<Vec<BString>>>),
    /// Nowhere.
    Nothing,
}

impl Sink {
    /// Writes one line; `stamp` is the time as syslog has it, `tag` the name with pid.
    ///
    /// What cannot be written is dropped: a full disk or a missing syslogd never stops the mail.
    pub(super) fn write(&mut self, priority: Priority, stamp: &str, tag: &str, line: &[u8]) {
        let written = match self {
            Self::Syslog(syslog) => {
                syslog.send(priority, stamp, tag, line);
                Ok(())
            }
            Self::File(file) => write_line(file, stamp, tag, line),
            Self::Stderr => write_line(&mut io::stderr().lock(), stamp, tag, line),
            Self::Memory(lines) => {
                lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line.into());
                Ok(())
            }
            Self::Nothing => Ok(()),
        };
        drop(written);
    }

    /// Sends what syslogd has not taken yet; tells whether that was all.
    pub(super) fn flush(&mut self, stamp: &str, tag: &str) -> bool {
        match self {
            Self::Syslog(syslog) => syslog.flush(stamp, tag),
            _ => true,
        }
    }
}

/// Writes the line in one call, so that lines of several processes do not mix.
fn write_line(to: &mut dyn Write, stamp: &str, tag: &str, line: &[u8]) -> io::Result<()> {
    let whole = [stamp.as_bytes(), b" ", tag.as_bytes(), b": ", line, b"\n"].concat();
    to.write_all(&whole)
}
