//! HUP: the keeper executes itself anew with the same pid, and takes its sockets and processes along.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::Instant;

use bstr::{BString, ByteSlice};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{Pid, execve};

use super::Keeper;
use super::generation::Generation;
use super::pair::{Pair, Process};
use crate::daemon::launch::{KEEPER_NAME, Launched, TITLE_BYTES};
use crate::daemon::order::{Cage, Order};
use crate::daemon::pid_file::PidFile;
use crate::daemon::ports::OpenPort;
use crate::daemon::work_table::WorkTable;
use crate::keeper::Kind;
use crate::keeper::wire::{PACKET_BYTES_MAX, Reader, Wire, wire};
use crate::sys::passing;

/// The most pairs that are taken along; older ones are cut off.
const PAIRS_MAX: usize = 8;

wire! {
    /// What the keeper leaves to itself.
    struct Legacy {
        /// What it was started for.
        order: Order,
        /// Where the pid file is; empty: there is none.
        pid_file: BString,
        /// The listeners: index and address as asked for.
        ports: Vec<PortLegacy>,
        /// Whom the network process became.
        cage: Option<Cage>,
        /// How many pairs follow, each in a message of its own.
        pairs: u8,
    }
}

wire! {
    /// A listener that is left.
    struct PortLegacy {
        /// Which of DaemonPortOptions.
        index: u16,
        /// Where it was asked to listen.
        address: BString,
    }
}

wire! {
    /// A pair that is left; its table and the sockets to its processes come with it.
    struct PairLegacy {
        /// Its processes.
        processes: Vec<ProcessLegacy>,
        /// Whether it serves.
        is_ready: bool,
        /// Whether it was told to finish.
        is_finishing: bool,
    }
}

wire! {
    /// A process that is left.
    struct ProcessLegacy {
        /// Its id.
        pid: i32,
        /// The pool of a hand; none for the network process.
        kind: Option<Kind>,
    }
}

/// What a keeper finds that was executed anew.
pub(super) struct Inherited {
    pub(super) generation: Rc<Generation>,
    pub(super) ports: Rc<[OpenPort]>,
    pub(super) pid_file: Option<PidFile>,
    /// Oldest first.
    pub(super) pairs: Vec<Pair>,
}

impl Keeper {
    /// Executes the program anew in this process; returns only if that fails.
    pub(super) fn replace_itself(&mut self) -> io::Result<Infallible> {
        let (ours, theirs) = passing::pair()?;
        self.leave_all(&ours)?;
        // The record stays in the receiving end, which alone outlives the exec.
        fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty()))?;
        let order = &self.generation.order;
        let number = theirs.as_raw_fd().to_string();
        let argv = [KEEPER_NAME, number.as_bytes(), &[b' '; TITLE_BYTES]].map(CString::new);
        let argv: Vec<CString> = argv.into_iter().collect::<Result<_, _>>()?;
        let env: Vec<CString> = std::env::vars_os()
            .filter_map(|(name, value)| {
                CString::new([name.as_encoded_bytes(), b"=", value.as_encoded_bytes()].concat()).ok()
            })
            .collect();
        let program = CString::new(order.program.as_bytes())?;
        let failed = execve(&program, &argv, &env);
        fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        Ok(failed?)
    }

    /// Sends everything into `socket`.
    pub(super) fn leave_all(&self, socket: &OwnedFd) -> io::Result<()> {
        let pairs: Vec<&Pair> = self.old.iter().chain(&self.current).collect();
        let pairs = &pairs[pairs.len().saturating_sub(PAIRS_MAX)..];
        let generation = &self.generation;
        let text = File::from(memfd_create("configuration", MFdFlags::MFD_CLOEXEC)?);
        (&text).write_all(&generation.text)?;
        let ports = self.ports.iter();
        let legacy = Legacy {
            order: generation.order.clone(),
            pid_file: self
                .pid_file
                .as_ref()
                .map(|file| file.path().as_os_str().as_encoded_bytes().into())
                .unwrap_or_default(),
            ports: ports
                .clone()
                .map(|port| PortLegacy { index: port.index, address: port.address.to_string().into() })
                .collect(),
            cage: generation.cage.clone(),
            pairs: u8::try_from(pairs.len()).expect("at most PAIRS_MAX"),
        };
        let mut passed = vec![text.as_fd()];
        passed.extend(self.pid_file.as_ref().map(AsFd::as_fd));
        passed.extend(ports.map(|port| port.listener.as_fd()));
        send(socket, &legacy, &passed)?;
        for pair in pairs {
            let processes = pair.processes.iter();
            let legacy = PairLegacy {
                processes: processes
                    .clone()
                    .map(|process| ProcessLegacy { pid: process.launched.pid.as_raw(), kind: process.kind })
                    .collect(),
                is_ready: pair.is_ready,
                is_finishing: pair.is_finishing,
            };
            let mut passed = vec![pair.table.as_fd()];
            passed.extend(processes.map(|process| process.launched.control.as_fd()));
            send(socket, &legacy, &passed)?;
        }
        Ok(())
    }
}

/// Receives what [`Keeper::replace_itself`] left in `socket`.
pub(super) fn inherit(
    socket: &OwnedFd,
    read: impl Fn(&Order, &[u8]) -> Result<crate::cf::Config, Vec<String>>,
) -> io::Result<Inherited> {
    let (legacy, descriptors): (Legacy, _) = receive(socket)?;
    let mut descriptors = descriptors.into_iter();
    let mut next = || descriptors.next().ok_or_else(|| invalid("a descriptor is missing"));
    let mut file = File::from(next()?);
    let mut text = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut text)?;
    let path = legacy.pid_file.to_path_lossy();
    let pid_file = if legacy.pid_file.is_empty() { None } else { Some(PidFile::inherit(&path, next()?)) };
    let mut ports = Vec::new();
    for port in legacy.ports {
        let address = port.address.to_str_lossy().parse().map_err(|_| invalid("no address"))?;
        ports.push(OpenPort { index: port.index, address, listener: next()?.into() });
    }
    let config = read(&legacy.order, &text).map_err(|problems| invalid(&problems.join("; ")))?;
    let generation = Rc::new(Generation { order: legacy.order, text, config: Rc::new(config), cage: legacy.cage });
    let (ports, mut pairs) = (Rc::from(ports), Vec::new());
    for _ in 0..legacy.pairs {
        pairs.push(inherit_pair(socket, &generation, &ports)?);
    }
    Ok(Inherited { generation, ports, pid_file, pairs })
}

fn inherit_pair(socket: &OwnedFd, generation: &Rc<Generation>, ports: &Rc<[OpenPort]>) -> io::Result<Pair> {
    let (legacy, mut descriptors): (PairLegacy, _) = receive(socket)?;
    if descriptors.len() != legacy.processes.len() + 1 {
        return Err(invalid("a descriptor is missing"));
    }
    let table = WorkTable::from_descriptor(descriptors.remove(0));
    let processes = legacy.processes.into_iter().zip(descriptors).map(|(process, control)| Process {
        launched: Launched { pid: Pid::from_raw(process.pid), control },
        kind: process.kind,
        silent: false,
        since: Instant::now(),
    });
    Ok(Pair {
        generation: Rc::clone(generation),
        ports: if legacy.is_finishing { Rc::default() } else { Rc::clone(ports) },
        processes: processes.collect(),
        table,
        is_ready: legacy.is_ready,
        is_finishing: legacy.is_finishing,
    })
}

fn send(socket: &OwnedFd, value: &impl Wire, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut bytes = Vec::new();
    value.put(&mut bytes);
    passing::send(socket.as_fd(), &bytes, descriptors)
}

fn receive<T: Wire>(socket: &OwnedFd) -> io::Result<(T, Vec<OwnedFd>)> {
    let mut room = vec![0; 2 * PACKET_BYTES_MAX];
    let (len, descriptors) = passing::receive(socket.as_fd(), &mut room)?;
    let mut reader = Reader::new(&room[..len]);
    let value = T::take(&mut reader).and_then(|value| reader.finish().map(|()| value));
    Ok((value.map_err(|bad| invalid(&bad.to_string()))?, descriptors))
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}
