//! The pid file: two lines, mode 0600, locked while its writer lives.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bstr::ByteSlice;
use nix::fcntl::OFlag;

use super::order::Order;
use crate::cf::Config;
use crate::log::{Level, Log, Priority};
use crate::sys::lock::{self, Patience};
use crate::sys::safe_file::{Inspector, Kind, Unsafe};

/// How often the file is opened anew when others change it at the same time.
const TRIES_MAX: usize = 10;

/// The longest first line that can be a process id, in bytes.
const PID_BYTES_MAX: u64 = 20;

/// How it is logged that the file cannot be written: always.
const NOT_WRITTEN: Level = Level { priority: Priority::Error, detail: 0 };

/// A pid file that is ours.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: File,
}

/// The pid file cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum PidFileError {
    /// Its writer lives.
    #[error("{path}: a daemon is running already (pid {pid}); stop it first, or send it HUP to restart")]
    Running {
        /// The file.
        path: String,
        /// What its first line says.
        pid: String,
    },
    /// It cannot be made.
    #[error("unable to write pid to {path}: {error}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        error: io::Error,
    },
}

impl PidFile {
    /// Takes the file that `config` names for the daemon of `order`; none where none is named.
    ///
    /// One that cannot be written is only logged, as by the original.
    ///
    /// # Errors
    /// A living process holds it.
    pub fn of(order: &Order, config: &Config, log: &Log) -> Result<Option<Self>, PidFileError> {
        let path = config.options.pid_file.to_path_lossy();
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        let is_safe = Inspector::of(&config.options).check_before_writing(&path, Kind::Pid);
        let refused = |reason: Unsafe| PidFileError::Io { path: path.display().to_string(), error: reason.into() };
        match is_safe.map_err(refused).and_then(|_| Self::take(&path, &order.command_line())) {
            Err(error @ PidFileError::Io { .. }) => {
                log.say(NOT_WRITTEN, None, &error);
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    /// Takes the file at `path` and writes this process's id and `command_line` into it.
    ///
    /// A file whose writer is dead is replaced.
    ///
    /// # Errors
    /// A living process holds it, or it cannot be written.
    pub fn take(path: &Path, command_line: &[u8]) -> Result<Self, PidFileError> {
        let failed = |error| PidFileError::Io { path: path.display().to_string(), error };
        for _ in 0..TRIES_MAX {
            remove_stale(path)?;
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(0o600).custom_flags(OFlag::O_NOFOLLOW.bits());
            let file = match options.open(path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(failed(error)),
            };
            if !lock::exclusive(file.as_fd(), Patience::Try).map_err(failed)? || !is_at(&file, path) {
                continue;
            }
            let text = [format!("{}\n", std::process::id()).as_bytes(), command_line, b"\n"].concat();
            (&file).write_all(&text).map_err(failed)?;
            return Ok(Self { path: path.to_owned(), file });
        }
        Err(failed(io::Error::other("others keep replacing it")))
    }

    /// Takes over the descriptor of a file that this process took before it executed itself.
    pub fn inherit(path: &Path, descriptor: OwnedFd) -> Self {
        Self { path: path.to_owned(), file: File::from(descriptor) }
    }

    /// Returns where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lets a successor take the file from now on; it stays until [`PidFile::remove`].
    ///
    /// # Errors
    /// The lock cannot be released.
    pub fn release(&self) -> io::Result<()> {
        lock::unlock(self.file.as_fd())
    }

    /// Removes the file if it is still ours.
    pub fn remove(self) {
        if is_at(&self.file, &self.path) {
            // A file that cannot be removed is stale from now on, which harms nobody.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl AsFd for PidFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Removes a file whose writer is dead.
fn remove_stale(path: &Path) -> Result<(), PidFileError> {
    let failed = |error| PidFileError::Io { path: path.display().to_string(), error };
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("not a regular file")));
    }
    if !lock::exclusive(file.as_fd(), Patience::Try).map_err(failed)? {
        return Err(PidFileError::Running { path: path.display().to_string(), pid: first_line(&file) });
    }
    if is_at(&file, path) {
        fs::remove_file(path).map_err(failed)?;
    }
    Ok(())
}

/// Tells whether `path` names `file`.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(ours), Ok(there)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    (ours.dev(), ours.ino()) == (there.dev(), there.ino())
}

fn first_line(file: &File) -> String {
    let mut text = String::new();
    let _ = file.take(PID_BYTES_MAX).read_to_string(&mut text);
    text.lines().next().filter(|line| !line.is_empty()).unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("sendmail.pid");
        (folder, path)
    }

    #[test]
    fn it_has_two_lines_and_is_its_writers_alone() {
        let (_folder, path) = place();
        let file = PidFile::take(&path, b"/usr/sbin/sendmail -bd -q15m").expect("taken");
        let text = fs::read_to_string(&path).expect("readable");
        assert_eq!(text, format!("{}\n/usr/sbin/sendmail -bd -q15m\n", std::process::id()));
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        file.remove();
        assert!(!path.exists());
    }

    #[test]
    fn when_its_writer_lives_then_it_is_named() {
        let (_folder, path) = place();
        let _file = PidFile::take(&path, b"x").expect("taken");
        let error = PidFile::take(&path, b"y").expect_err("held").to_string();
        assert!(error.contains(&format!("(pid {})", std::process::id())), "{error}");
    }

    #[test]
    fn when_its_writer_is_dead_then_it_is_replaced() {
        let (_folder, path) = place();
        fs::write(&path, "1\n/sbin/init\n").expect("written");
        PidFile::take(&path, b"x").expect("taken");
    }

    #[test]
    fn when_a_successor_has_taken_over_then_its_file_stays() {
        let (_folder, path) = place();
        let old = PidFile::take(&path, b"x").expect("taken");
        old.release().expect("released");
        let new = PidFile::take(&path, b"y").expect("taken");
        old.remove();
        assert!(path.exists());
        new.remove();
        assert!(!path.exists());
    }

    #[test]
    fn a_link_is_not_followed() {
        let (folder, path) = place();
        let target = folder.path().join("precious");
        fs::write(&target, "precious").expect("written");
        std::os::unix::fs::symlink(&target, &path).expect("linked");
        PidFile::take(&path, b"x").expect_err("a link");
        assert_eq!(fs::read_to_string(&target).expect("there"), "precious");
    }
}
