//! The start of a process that the program executes itself as.
//!
//! **Invariant:** an ordinary user gains nothing by starting a role: the group of the setgid binary is dropped before
//! anything is read, and who speaks at the other end of the socket must be root or the caller.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

use nix::sys::signal::Signal;
use nix::unistd::getuid;

use super::launch::{CONTROL_NUMBER, HAND_NAME, KEEPER_NAME, NETWORK_NAME};
use super::order::{Control, Received, receive_order};
use super::programs::Programs;
use super::{hand, keeper, network};
use crate::name::Sysexit;
use crate::sys::{host, passing, privilege, signal};

/// A process that only the program itself starts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// The keeper after a restart.
    Keeper,
    /// The process that reads the network.
    Network,
    /// A process that opens, locks and starts things for it.
    Hand,
}

/// A role cannot begin.
#[derive(Debug, thiserror::Error)]
enum RoleError {
    /// Nobody who may has started it.
    #[error("this program starts itself under this name; start it as sendmail")]
    NotForYou,
    /// The group could not be dropped.
    #[error(transparent)]
    Privilege(#[from] privilege::PrivilegeError),
    /// No order came.
    #[error("no order from the keeper: {0}")]
    Order(#[from] io::Error),
    /// The configuration, which the keeper could read, cannot be read here.
    #[error("{}", .0.join("\n"))]
    Config(Vec<String>),
}

impl Role {
    /// Returns the role that `argv0` names.
    pub fn of(argv0: &[u8]) -> Option<Self> {
        match argv0 {
            KEEPER_NAME => Some(Self::Keeper),
            NETWORK_NAME => Some(Self::Network),
            HAND_NAME => Some(Self::Hand),
            _ => None,
        }
    }
}

/// Plays `role`; `argument` is the first argument of the process.
pub fn run(role: Role, argument: Option<&[u8]>, programs: Programs) -> ExitCode {
    let result = match role {
        Role::Keeper => number(argument).and_then(take_socket).map(|socket| keeper::go_on(&socket, programs)),
        Role::Network | Role::Hand => take_socket(CONTROL_NUMBER).and_then(|socket| serve(role, socket, programs)),
    };
    result.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::from(Sysexit::NoPerm as u8)
    })
}

/// Reads the number of the descriptor that a keeper leaves itself.
fn number(argument: Option<&[u8]>) -> Result<i32, RoleError> {
    let text = argument.and_then(|argument| std::str::from_utf8(argument).ok());
    text.and_then(|text| text.parse().ok()).filter(|number| *number > 2).ok_or(RoleError::NotForYou)
}

/// Takes the socket that whoever started this process left under `number`, and checks who that was.
fn take_socket(number: i32) -> Result<OwnedFd, RoleError> {
    privilege::drop_group()?;
    let socket = host::take_inherited(number).map_err(|_| RoleError::NotForYou)?;
    let peer = passing::peer(socket.as_fd()).map_err(|_| RoleError::NotForYou)?;
    if peer.uid != 0 && peer.uid != getuid().as_raw() {
        return Err(RoleError::NotForYou);
    }
    Ok(socket)
}

fn serve(role: Role, socket: OwnedFd, programs: Programs) -> Result<ExitCode, RoleError> {
    host::close_inherited(CONTROL_NUMBER + 1)?;
    signal::ignore_write_signals()?;
    // The keeper tells the state of all; a signal for every process of this name ends none.
    signal::ignore(Signal::SIGUSR1)?;
    let Received { order, text, last, mut descriptors } = receive_order(&socket)?;
    let config = (programs.read)(&order, &text).map_err(RoleError::Config)?;
    match (role, last) {
        (Role::Hand, Control::Serve { kind }) => {
            let requests = descriptors.pop().ok_or(RoleError::NotForYou)?;
            let log = (programs.log)(&order, &config);
            Ok(hand::serve(kind, order.once, config, programs.spool, &log, &socket, &requests))
        }
        (Role::Network, Control::Listen { cage, ports, suspects }) => {
            let start = network::Start { order, text, config, cage, ports, suspects, descriptors };
            Ok(network::serve(start, socket, programs))
        }
        _ => Err(RoleError::NotForYou),
    }
}
