//! The message on its way: in mbox form, in a file without a name.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use bstr::BString;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::unlink;

use super::desk::Refusal;
use crate::mailbox::form::{self, Encoder};

/// Bytes gathered before they are written, and read at once.
const GATHER_BYTES: usize = 64 * 1024;

/// How many names are tried for the file before it is unlinked.
const NAMES_MAX: u32 = 100;

/// A file that holds one message at a time and vanishes with the process.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    length: u64,
    first_line: BString,
    gathered: Vec<u8>,
    encoder: Option<Encoder>,
    /// The message cannot be kept; it is still read to its end.
    broken: bool,
}

impl Spool {
    /// Makes the file in /tmp and takes its name away at once.
    pub(super) fn create() -> io::Result<Self> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        for number in 0..NAMES_MAX {
            let path = PathBuf::from(format!("/tmp/local.{}.{number}", std::process::id()));
            match open(&path, flags, Mode::S_IRUSR | Mode::S_IWUSR) {
                Ok(file) => {
                    unlink(&path)?;
                    return Ok(Self::over(file.into()));
                }
                Err(Errno::EEXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(Errno::EEXIST.into())
    }

    fn over(file: File) -> Self {
        Self { file, length: 0, first_line: BString::default(), gathered: Vec::new(), encoder: None, broken: false }
    }

    /// Starts a message, forgetting the one before.
    pub(super) fn begin(&mut self, sender: &[u8]) {
        self.broken = self.file.set_len(0).is_err();
        self.length = 0;
        self.gathered.clear();
        let date = jiff::Zoned::now().strftime("%a %b %e %H:%M:%S %Y").to_string();
        self.first_line = form::first_line(sender, date.as_bytes()).collect::<Vec<u8>>().into();
        self.encoder = Some(Encoder::start(sender, date.as_bytes(), &mut self.gathered));
    }

    /// Returns the `From ` line of the message.
    pub(super) fn first_line(&self) -> &[u8] {
        &self.first_line
    }

    /// Takes the next bytes of the message; a failure shows at its end.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(GATHER_BYTES) {
            if let Some(encoder) = &mut self.encoder {
                encoder.push(chunk, &mut self.gathered);
            }
            if self.gathered.len() >= GATHER_BYTES {
                self.write_gathered();
            }
        }
    }

    /// Ends the message; only now it can be delivered.
    pub(super) fn end(&mut self) -> Result<(), Refusal> {
        if let Some(encoder) = self.encoder.take() {
            encoder.finish(&mut self.gathered);
        }
        self.write_gathered();
        if self.broken { Err(Refusal::temporary("Temporary file write error".to_owned())) } else { Ok(()) }
    }

    /// Gives the whole message to `to`, piece by piece.
    pub(super) fn read<E: From<Refusal>>(&self, mut to: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut room = vec![0; GATHER_BYTES];
        let mut offset = 0;
        while offset < self.length {
            let got = match self.file.read_at(&mut room, offset) {
                Ok(0) => return Err(Refusal::temporary("Temporary file: cut short".to_owned()).into()),
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Refusal::temporary(format!("Temporary file: {error}")).into()),
            };
            to(&room[..got])?;
            offset += got as u64;
        }
        Ok(())
    }

    fn write_gathered(&mut self) {
        if !self.broken {
            self.broken = self.file.write_all_at(&self.gathered, self.length).is_err();
            self.length += self.gathered.len() as u64;
        }
        self.gathered.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(spool: &Spool) -> Vec<u8> {
        let mut text = Vec::new();
        spool
            .read(|bytes| {
                text.extend_from_slice(bytes);
                Ok::<(), Refusal>(())
            })
            .unwrap();
        text
    }

    #[test]
    fn a_second_message_replaces_the_first() {
        let mut spool = Spool::create().unwrap();
        for body in [vec![b'x'; 3 * GATHER_BYTES], b"short".to_vec()] {
            spool.begin(b"a@b");
            spool.push(&body);
            spool.end().unwrap();
            let text = text(&spool);
            assert!(text.starts_with(b"From a@b ") && text.ends_with(&[&body[..], b"\n\n"].concat()));
            let date_end = text.iter().position(|byte| *byte == b'\n').unwrap();
            assert_eq!(date_end, "From a@b Sun Nov 22 22:43:44 2026".len());
            assert_eq!(text.len(), date_end + 1 + body.len() + 2);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn when_the_file_cannot_be_written_then_the_end_tells() {
        let mut spool = Spool::over(File::options().read(true).write(true).open("/dev/full").unwrap());
        spool.begin(b"a@b");
        spool.push(b"x");
        assert_eq!(spool.end().unwrap_err().text, "Temporary file write error");
    }
}
