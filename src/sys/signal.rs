//! Signals of single-threaded processes, made into something that poll(2) can wait for.
//!
//! The runner of the client queue, which has a runtime, uses that runtime's signals instead; the network process watches none.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{pipe2, read};

/// Where the handler writes; -1 until somebody watches. A handler has no other way to know.
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// Ignores SIGPIPE and SIGXFSZ: a lost peer and a full limit are errors of write(2), not deaths.
pub fn ignore_write_signals() -> io::Result<()> {
    for signal in [Signal::SIGPIPE, Signal::SIGXFSZ] {
        ignore(signal)?;
    }
    Ok(())
}

/// Ignores one signal.
pub fn ignore(signal: Signal) -> io::Result<()> {
    install(signal, SigHandler::SigIgn)
}

/// Gives one signal its default action.
pub fn default(signal: Signal) -> io::Result<()> {
    install(signal, SigHandler::SigDfl)
}

/// Signals that have been asked for, as a readable descriptor.
#[derive(Debug)]
pub struct Signals {
    reader: OwnedFd,
}

impl Signals {
    /// Starts to catch `signals`; once in the life of a process.
    ///
    /// Fails with `AlreadyExists` the second time.
    pub fn watch(signals: &[Signal]) -> io::Result<Self> {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        WAKE.compare_exchange(-1, writer.as_raw_fd(), Ordering::SeqCst, Ordering::SeqCst)
            .map_err(|_| io::Error::new(io::ErrorKind::AlreadyExists, "signals are watched already"))?;
        // The handler owns the writing end from here on, for the life of the process.
        let _ = writer.into_raw_fd();
        for signal in signals {
            install(*signal, SigHandler::Handler(note))?;
        }
        Ok(Self { reader })
    }

    /// Takes the signals that have come since the last call, without waiting.
    ///
    /// The same signal twice may come as one, as always with signals.
    pub fn take(&self) -> io::Result<Vec<Signal>> {
        let mut found = Vec::new();
        let mut room = [0; 64];
        loop {
            match read(&self.reader, &mut room) {
                Ok(0) | Err(Errno::EAGAIN) => return Ok(found),
                Ok(length) => {
                    let signals = room[..length].iter().filter_map(|number| Signal::try_from(i32::from(*number)).ok());
                    for signal in signals {
                        if !found.contains(&signal) {
                            found.push(signal);
                        }
                    }
                }
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

extern "C" fn note(signal: libc::c_int) {
    let before = Errno::last_raw();
    let byte = signal as u8;
    // SAFETY: write(2) is async-signal-safe; one byte of a live variable. A full pipe already wakes
    // the reader, so a failure loses at most a repetition.
    unsafe { libc::write(WAKE.load(Ordering::SeqCst), (&raw const byte).cast(), 1) };
    Errno::set_raw(before);
}

fn install(signal: Signal, handler: SigHandler) -> io::Result<()> {
    let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the only handler ever installed is `note`, which makes async-signal-safe calls alone
    // and restores errno.
    unsafe { sigaction(signal, &action) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::signal::raise;

    use super::*;
    use crate::sys::process::{alone, branch_for_test};

    #[test]
    fn when_signals_come_then_the_descriptor_is_readable_and_tells_which() {
        alone(|| {
            let status = branch_for_test(|| {
                let signals = Signals::watch(&[Signal::SIGHUP, Signal::SIGTERM]).unwrap();
                let none = signals.take().unwrap();
                for signal in [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGHUP] {
                    raise(signal).unwrap();
                }
                let ready = poll(&mut [PollFd::new(signals.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO).unwrap();
                let some = signals.take().unwrap();
                let again = Signals::watch(&[]).is_err();
                u8::from(!(none.is_empty() && ready == 1 && some == [Signal::SIGHUP, Signal::SIGTERM] && again))
            });
            assert_eq!(status, 0);
        });
    }

    #[test]
    fn when_write_signals_are_ignored_then_raising_them_does_nothing() {
        alone(|| {
            let status = branch_for_test(|| {
                ignore_write_signals().unwrap();
                raise(Signal::SIGXFSZ).unwrap();
                raise(Signal::SIGPIPE).unwrap();
                0
            });
            assert_eq!(status, 0);
        });
    }
}
