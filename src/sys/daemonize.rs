//! Going into the background, with the terminal kept until the start has succeeded or failed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, pipe2, setsid};

use super::process::{Child, Ended, Forked, exit_now, fork};

/// The status of the foreground process when the background one died without a status of its own.
const STATUS_DIED: u8 = 70;

/// The background process's promise to tell the waiting foreground how the start went.
///
/// Dropped unreleased (or the process ends), the foreground process exits with the status of this one.
#[derive(Debug)]
pub struct Waiting {
    foreground: File,
}

/// Continues in a new process and session; the caller's process waits and exits as it is told.
///
/// Only the background process returns from here. Call before any thread or runtime exists
/// (otherwise `InvalidInput`). The standard descriptors stay until [`Waiting::release`].
pub fn background() -> io::Result<Waiting> {
    let (from, to) = pipe2(OFlag::O_CLOEXEC)?;
    match fork()? {
        Forked::Parent(child) => {
            drop(to);
            // The background process has the caller's descriptors; a reader of them must not wait for this one.
            let left = open_null().and_then(|null| leave_terminal(null.as_fd()));
            exit_now(if left.is_ok() { wait_for(File::from(from), child) } else { STATUS_DIED })
        }
        Forked::Child => {
            drop(from);
            setsid()?;
            Ok(Waiting { foreground: File::from(to) })
        }
    }
}

impl Waiting {
    /// Lets the foreground process exit with `status` and leaves the terminal.
    pub fn release(mut self, status: u8) -> io::Result<()> {
        // A foreground process that has been killed is no reason to stop.
        let _ = self.foreground.write_all(&[status]);
        leave_terminal(open_null()?.as_fd())
    }
}

/// Ready to be read (an error) when the foreground process is gone: its caller wants no more of us.
impl AsFd for Waiting {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.foreground.as_fd()
    }
}

/// Opens what takes the place of a terminal.
pub fn open_null() -> io::Result<OwnedFd> {
    Ok(open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?)
}

/// Puts `null` in the place of the standard descriptors.
pub fn leave_terminal(null: BorrowedFd<'_>) -> io::Result<()> {
    dup2_stdin(null)?;
    dup2_stdout(null)?;
    dup2_stderr(null)?;
    Ok(())
}

/// Returns the status for the foreground process to exit with.
fn wait_for(mut told: File, mut child: Child) -> u8 {
    let mut status = [0];
    if told.read_exact(&mut status).is_ok() {
        return status[0];
    }
    match child.wait() {
        Ok(Ended::Exited(status)) => u8::try_from(status).unwrap_or(STATUS_DIED),
        _ => STATUS_DIED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::process::{alone, branch_for_test};

    #[test]
    fn when_the_background_is_ready_then_the_foreground_exits_with_0() {
        alone(|| {
            let status = branch_for_test(|| {
                background().unwrap().release(0).unwrap();
                9
            });
            assert_eq!(status, 0);
        });
    }

    #[test]
    fn when_the_start_fails_then_the_foreground_has_its_status() {
        alone(|| {
            let status = branch_for_test(|| {
                let _waiting = background().unwrap();
                78
            });
            assert_eq!(status, 78);
        });
    }
}
