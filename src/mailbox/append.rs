//! Writing to an open mailbox: big steps, every error noticed, on the disk before success is told.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use nix::errno::Errno;

use super::MailboxError;
use super::form::Encoder;

/// Bytes gathered before they are written; a small message is one write.
const GATHER_BYTES: usize = 64 * 1024;

/// Whether the disk must have the mail before success is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// It must (fsync).
    Synced,
    /// The system may keep it in memory (`mail.local -s`): a power failure can lose it.
    Cached,
}

/// Appends messages to a mailbox that somebody holds locked.
///
/// After an error the mailbox has a torn end, which the holder of the lock cuts off again.
#[derive(Debug)]
pub struct Appender {
    file: File,
    path: PathBuf,
    gathered: Vec<u8>,
}

impl Appender {
    /// Writes to `file` (opened for appending), first `separator` as [`super::Locked::separator`] says.
    ///
    /// `path` is for messages only.
    pub fn new(file: File, path: PathBuf, separator: &[u8]) -> Self {
        let mut gathered = Vec::with_capacity(GATHER_BYTES + 1024);
        gathered.extend_from_slice(separator);
        Self { file, path, gathered }
    }

    /// Starts a message from `sender` at `date` (ctime(3)'s form, without LF).
    pub fn message(&mut self, sender: &[u8], date: &[u8]) -> Message<'_> {
        let encoder = Encoder::start(sender, date, &mut self.gathered);
        Message { appender: self, encoder }
    }

    /// Appends bytes that are in mbox form already.
    pub fn encoded(&mut self, bytes: &[u8]) -> Result<(), MailboxError> {
        for chunk in bytes.chunks(GATHER_BYTES) {
            self.gathered.extend_from_slice(chunk);
            self.write_if_full()?;
        }
        Ok(())
    }

    /// Writes what is left and makes it durable; only now the messages are in the mailbox.
    pub fn finish(mut self, durability: Durability) -> Result<(), MailboxError> {
        self.write_gathered()?;
        match durability {
            Durability::Synced => self.file.sync_all().map_err(|error| self.failed(&error)),
            Durability::Cached => Ok(()),
        }
    }

    fn write_if_full(&mut self) -> Result<(), MailboxError> {
        if self.gathered.len() < GATHER_BYTES { Ok(()) } else { self.write_gathered() }
    }

    fn write_gathered(&mut self) -> Result<(), MailboxError> {
        let written = self.file.write_all(&self.gathered);
        self.gathered.clear();
        written.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> MailboxError {
        // write_all reports a write of nothing without a number: a full device of some kind.
        let errno = error.raw_os_error().map_or(Errno::ENOSPC, Errno::from_raw);
        MailboxError::Io { path: self.path.clone(), errno }
    }
}

/// One message on its way into the mailbox.
///
/// Dropped without [`Self::end`] it is torn, and the holder of the lock must restore the length.
#[derive(Debug)]
pub struct Message<'a> {
    appender: &'a mut Appender,
    encoder: Encoder,
}

impl Message<'_> {
    /// Takes the next bytes of the message, with LF or CR LF line ends, in chunks of any size.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), MailboxError> {
        for chunk in bytes.chunks(GATHER_BYTES) {
            self.encoder.push(chunk, &mut self.appender.gathered);
            self.appender.write_if_full()?;
        }
        Ok(())
    }

    /// Ends the message; [`Appender::finish`] makes it durable.
    pub fn end(self) -> Result<(), MailboxError> {
        self.encoder.finish(&mut self.appender.gathered);
        self.appender.write_if_full()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn when_messages_are_appended_then_the_file_has_their_mbox_forms() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("box");
        fs::write(&path, "old\n").unwrap();
        let file = File::options().append(true).open(&path).unwrap();
        let mut appender = Appender::new(file, path.clone(), b"\n");
        let mut message = appender.message(b"a@b", b"DATE");
        message.push(b"A: b\r\n\r\nFr").unwrap();
        message.push(b"om x\r\n").unwrap();
        message.end().unwrap();
        let long = vec![b'x'; 3 * GATHER_BYTES + 5];
        let mut message = appender.message(b"", b"DATE");
        message.push(&long).unwrap();
        message.end().unwrap();
        appender.encoded(b"From c DATE\n\n").unwrap();
        appender.finish(Durability::Synced).unwrap();
        let mut expected = b"old\n\nFrom a@b DATE\nA: b\n\n>From x\n\nFrom MAILER-DAEMON DATE\n".to_vec();
        expected.extend_from_slice(&long);
        expected.extend_from_slice(b"\n\nFrom c DATE\n\n");
        assert_eq!(fs::read(&path).unwrap(), expected);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn when_the_disk_is_full_then_the_error_is_temporary() {
        let file = File::options().append(true).open("/dev/full").unwrap();
        let mut appender = Appender::new(file, "/dev/full".into(), b"");
        appender.encoded(b"x").unwrap();
        let error = appender.finish(Durability::Synced).unwrap_err();
        assert_eq!(error.to_string(), "/dev/full: No space left on device");
        assert!(error.is_temporary());
    }
}
