//! `dead.letter`: where a user finds a message that could not be sent.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::mailbox::append::{Appender, Durability};
use crate::queue::Body;
use crate::sys::lock::{self, Patience};

/// The file's name in the home directory.
const FILE_NAME: &str = "dead.letter";

/// How much of a body is read at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// What goes into the file.
pub(super) struct Letter<'a> {
    /// The sender of the `From ` line.
    pub(super) sender: &'a [u8],
    /// The date of the `From ` line.
    pub(super) date: &'a [u8],
    /// The header, with its empty line.
    pub(super) header: &'a [u8],
    /// The body.
    pub(super) body: &'a Body,
}

/// Appends a message to `dead.letter` in `home`; returns the path.
///
/// # Errors
/// The file cannot be written, or is not a plain file of the user `uid` alone.
pub(super) fn save(home: &Path, uid: u32, letter: &Letter<'_>) -> io::Result<PathBuf> {
    let path = home.join(FILE_NAME);
    let file = open(&path, uid)?;
    lock::exclusive(file.as_fd(), Patience::Try)?;
    let length = file.metadata()?.len();
    let kept = file.try_clone()?;
    let mut appender = Appender::new(file, path.clone(), b"");
    match write(&mut appender, letter).and_then(|()| appender.finish(Durability::Synced).map_err(io::Error::other)) {
        Ok(()) => Ok(path),
        Err(error) => {
            kept.set_len(length)?;
            Err(error)
        }
    }
}

/// Opens the file: never through a link, never somebody else's.
fn open(path: &Path, uid: u32) -> io::Result<File> {
    let flags = nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NONBLOCK;
    let file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags.bits()).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() && metadata.nlink() == 1 && metadata.uid() == uid {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "not a plain file of the sender"))
    }
}

/// Writes the message.
fn write(appender: &mut Appender, letter: &Letter<'_>) -> io::Result<()> {
    let mut message = appender.message(letter.sender, letter.date);
    message.push(letter.header).map_err(io::Error::other)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut offset = 0;
    loop {
        let len = letter.body.read_at(&mut chunk, offset)?;
        if len == 0 {
            return message.end().map_err(io::Error::other);
        }
        message.push(&chunk[..len]).map_err(io::Error::other)?;
        offset += len as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn body() -> Body {
        let mut file = tempfile::tempfile().expect("a folder");
        file.write_all(b"hello\n").expect("written");
        Body::of(file)
    }

    #[test]
    fn messages_are_appended_in_the_form_of_a_mailbox() {
        let home = tempfile::tempdir().expect("a folder");
        let uid = nix::unistd::geteuid().as_raw();
        let body = body();
        let letter = Letter { sender: b"alice", date: b"DATE", header: b"Subject: x\n\n", body: &body };
        save(home.path(), uid, &letter).expect("saved");
        let path = save(home.path(), uid, &letter).expect("saved again");
        let text = std::fs::read_to_string(path).expect("there");
        assert_eq!(text, "From alice DATE\nSubject: x\n\nhello\n\n".repeat(2));
    }

    #[test]
    fn links_and_the_files_of_others_are_left_alone() {
        let home = tempfile::tempdir().expect("a folder");
        let uid = nix::unistd::geteuid().as_raw();
        let body = body();
        let letter = Letter { sender: b"alice", date: b"DATE", header: b"\n", body: &body };
        assert!(save(home.path(), uid + 1, &letter).is_err());
        std::fs::remove_file(home.path().join(FILE_NAME)).expect("made by the first try");
        std::os::unix::fs::symlink("/dev/null", home.path().join(FILE_NAME)).expect("a link");
        assert!(save(home.path(), uid, &letter).is_err());
    }
}
