//! Executing the program again in another role.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use bstr::ByteSlice;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::TimeVal;
use nix::unistd::Pid;

use super::order::Order;
use crate::sys::process::{Program, StartError};
use crate::sys::{host, passing};

/// What argv\[0\] is when the program executes itself as the process that reads the network.
pub const NETWORK_NAME: &[u8] = b"sendmail-daemon";

/// What argv\[0\] is when the program executes itself as a hand.
pub const HAND_NAME: &[u8] = b"sendmail-hand";

/// What argv\[0\] is when the keeper replaces itself.
pub const KEEPER_NAME: &[u8] = b"sendmail-keeper";

/// The number under which a new process finds its socket to the keeper.
pub const CONTROL_NUMBER: i32 = 3;

/// Room for titles, in bytes: it is an argument of that many spaces.
pub const TITLE_BYTES: usize = 200;

/// How long a new process may leave a message unread, in seconds.
const SEND_WAIT_SECS: i64 = 10;

/// A process of ours.
#[derive(Debug)]
pub struct Launched {
    /// Its id.
    pub pid: Pid,
    /// The socket to it.
    pub control: OwnedFd,
}

/// A process could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// It was not executed.
    #[error(transparent)]
    Start(#[from] StartError),
    /// No socket to it could be made.
    #[error("no socket to a new process: {0}")]
    Socket(#[from] io::Error),
}

/// Executes the program as `name`, with a socket to this process.
///
/// # Errors
/// No process, no descriptors, or the program is not where it was.
pub fn launch(order: &Order, name: &[u8]) -> Result<Launched, LaunchError> {
    let (control, theirs) = passing::pair()?;
    let wait = TimeVal::new(SEND_WAIT_SECS, 0);
    setsockopt(&control, sockopt::SendTimeout, &wait).map_err(io::Error::from)?;
    let mut program = Program::new(&order.program.to_path_lossy(), name);
    program.arg(&[b' '; TITLE_BYTES]).descriptor(CONTROL_NUMBER, theirs).new_session();
    program.env(b"PATH", b"/sbin:/bin:/usr/sbin:/usr/bin");
    if let Some(zone) = std::env::var_os("TZ") {
        program.env(b"TZ", zone.as_encoded_bytes());
    }
    if order.once {
        // Of the caller's descriptors one may be a connection.
        if name == NETWORK_NAME {
            has_caller(&mut program)?;
        }
    } else if order.foreground {
        program.descriptor(2, io::stderr().as_fd().try_clone_to_owned()?);
    }
    let child = program.start()?;
    Ok(Launched { pid: child.pid(), control })
}

/// Gives a process what the caller gave us: standard descriptors, and the name that the caller likes.
fn has_caller(program: &mut Program) -> io::Result<()> {
    let (input, output, errors) = (io::stdin(), io::stdout(), io::stderr());
    for (number, descriptor) in [(0, input.as_fd()), (1, output.as_fd()), (2, errors.as_fd())] {
        // A directory would lead out of the empty root.
        if !host::is_directory(descriptor)? {
            program.descriptor(number, descriptor.try_clone_to_owned()?);
        }
    }
    if let Some(name) = std::env::var_os("NAME") {
        program.env(b"NAME", name.as_encoded_bytes());
    }
    Ok(())
}
