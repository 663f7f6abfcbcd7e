//! Descriptors passed over a pair of connected sockets.
//!
//! A pair is SOCK_SEQPACKET: one send is one record, and a record arrives whole or not at all. The
//! calls work on blocking and on non-blocking sockets; on the latter `WouldBlock` comes through
//! unchanged, so that a runtime can wait for readiness and call again.
#![allow(unsafe_code)]

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

/// The most descriptors one record can carry: 64 pairs of queue files (Linux itself allows 253).
pub const DESCRIPTORS_MAX: usize = 128;

/// Room for one control message with [`DESCRIPTORS_MAX`] descriptors, in bytes.
const CONTROL_BYTES: usize = DESCRIPTORS_MAX * size_of::<RawFd>() + 64;

/// Why a record was not sent or not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PassingError {
    /// More descriptors than one record carries.
    #[error("{count} descriptors in one record, at most {DESCRIPTORS_MAX} fit; send several records")]
    TooMany {
        /// How many were asked for.
        count: usize,
    },
    /// A record without a byte cannot be told from the end of the connection.
    #[error("a record needs at least one byte")]
    Empty,
    /// The record was longer than the buffer it was received into.
    #[error("a record longer than the buffer of {room} bytes arrived and was dropped")]
    TooLong {
        /// The size of the buffer, in bytes.
        room: usize,
    },
    /// The kernel could not hand over every descriptor; those that came have been closed.
    #[error("descriptors were lost on the way (descriptor limit reached?); those that arrived are closed")]
    DescriptorsLost,
}

impl From<PassingError> for io::Error {
    fn from(error: PassingError) -> Self {
        let kind = match error {
            PassingError::TooMany { .. } | PassingError::Empty => io::ErrorKind::InvalidInput,
            PassingError::TooLong { .. } => io::ErrorKind::InvalidData,
            PassingError::DescriptorsLost => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// Returns two connected sockets over which records with descriptors can be sent.
///
/// Both are blocking and closed on exec.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?)
}

/// Sends one record of `bytes` with copies of `descriptors`.
///
/// Never raises SIGPIPE. Fails with `BrokenPipe` when the other side is gone and with
/// [`PassingError`] when the record cannot be sent as it is.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    if bytes.is_empty() {
        return Err(PassingError::Empty.into());
    }
    if descriptors.len() > DESCRIPTORS_MAX {
        return Err(PassingError::TooMany { count: descriptors.len() }.into());
    }
    let mut control = Control::empty();
    let mut part = part(bytes.as_ptr().cast_mut(), bytes.len());
    let mut header = header(&mut part);
    if !descriptors.is_empty() {
        fill(&mut header, &mut control, descriptors);
    }
    loop {
        // SAFETY: `header` points to `part` and `control`, which live until after the call and hold
        // `bytes` (only read by sendmsg) and one well-formed control message.
        let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_NOSIGNAL) };
        if sent >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Receives one record into `room`; returns its length and the descriptors that came with it.
///
/// Length 0 means that the other side has closed. Every descriptor is closed on exec. A record
/// longer than `room`, or one whose descriptors did not all fit, is an error, and what arrived is
/// closed ([`PassingError`] inside the `io::Error`).
pub fn receive(socket: BorrowedFd<'_>, room: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut control = Control::empty();
    let mut part = part(room.as_mut_ptr(), room.len());
    let mut header = header(&mut part);
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = CONTROL_BYTES as _;
    let length = loop {
        // SAFETY: `header` points to `room` and `control`, both writable and of the given lengths,
        // and both outlive the call.
        let got = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_CMSG_CLOEXEC) };
        if let Ok(length) = usize::try_from(got) {
            break length;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    };
    // Taken first: from here on every descriptor closes itself.
    let descriptors = take(&header);
    if header.msg_flags & libc::MSG_CTRUNC != 0 {
        return Err(PassingError::DescriptorsLost.into());
    }
    if header.msg_flags & libc::MSG_TRUNC != 0 {
        return Err(PassingError::TooLong { room: room.len() }.into());
    }
    Ok((length, descriptors))
}

/// Who is at the other end of a connected local socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Peer {
    /// Effective user id at the time of connecting.
    pub uid: u32,
    /// Effective group id at the time of connecting.
    pub gid: u32,
}

/// Returns the credentials of the process that connected `socket` (or made the pair).
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn peer(socket: BorrowedFd<'_>) -> io::Result<Peer> {
    let found = nix::sys::socket::getsockopt(&socket, nix::sys::socket::sockopt::PeerCredentials)?;
    Ok(Peer { uid: found.uid(), gid: found.gid() })
}

/// Returns the credentials of the process that connected `socket` (or made the pair).
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn peer(socket: BorrowedFd<'_>) -> io::Result<Peer> {
    let (uid, gid) = nix::unistd::getpeereid(socket)?;
    Ok(Peer { uid: uid.as_raw(), gid: gid.as_raw() })
}

/// A buffer aligned as control messages must be.
#[repr(C, align(16))]
struct Control([u8; CONTROL_BYTES]);

impl Control {
    fn empty() -> Self {
        Self([0; CONTROL_BYTES])
    }
}

fn part(base: *mut u8, len: usize) -> libc::iovec {
    libc::iovec { iov_base: base.cast(), iov_len: len }
}

fn header(part: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: msghdr is plain data for which all zero bits mean "no address, no control message".
    let mut header: libc::msghdr = unsafe { zeroed() };
    header.msg_iov = part;
    header.msg_iovlen = 1;
    header
}

/// Puts `descriptors` (1 to [`DESCRIPTORS_MAX`]) as one SCM_RIGHTS message into `control`.
fn fill(header: &mut libc::msghdr, control: &mut Control, descriptors: &[BorrowedFd<'_>]) {
    let bytes = u32::try_from(size_of_val(descriptors)).expect("at most DESCRIPTORS_MAX descriptors");
    header.msg_control = control.0.as_mut_ptr().cast();
    // SAFETY: CMSG_SPACE and CMSG_LEN only compute. `control` is aligned and has room for
    // DESCRIPTORS_MAX descriptors (CONTROL_BYTES), so the first header and its data lie inside it.
    // BorrowedFd is a transparent RawFd.
    unsafe {
        header.msg_controllen = libc::CMSG_SPACE(bytes) as _;
        let message = libc::CMSG_FIRSTHDR(header);
        (*message).cmsg_level = libc::SOL_SOCKET;
        (*message).cmsg_type = libc::SCM_RIGHTS;
        (*message).cmsg_len = libc::CMSG_LEN(bytes) as _;
        ptr::copy_nonoverlapping(descriptors.as_ptr().cast::<u8>(), libc::CMSG_DATA(message), size_of_val(descriptors));
    }
}

/// Takes ownership of every descriptor that came with a received `header`.
fn take(header: &libc::msghdr) -> Vec<OwnedFd> {
    let mut found = Vec::new();
    // SAFETY: recvmsg filled the control buffer and its length; the CMSG macros stay inside it. Each
    // number in an SCM_RIGHTS message is a new descriptor that nobody else owns.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while !message.is_null() {
            if (*message).cmsg_level == libc::SOL_SOCKET && (*message).cmsg_type == libc::SCM_RIGHTS {
                let bytes = ((*message).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
                let data = libc::CMSG_DATA(message).cast::<RawFd>();
                for index in 0..bytes / size_of::<RawFd>() {
                    found.push(OwnedFd::from_raw_fd(data.add(index).read_unaligned()));
                }
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Seek, Write};
    use std::os::fd::AsFd;

    use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};

    use super::*;

    #[test]
    fn when_a_file_is_passed_then_it_is_the_same_file_closed_on_exec() {
        let (ours, theirs) = pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"hello").unwrap();
        send(ours.as_fd(), b"take", &[file.as_fd()]).unwrap();
        let mut room = [0; 64];
        let (length, mut got) = receive(theirs.as_fd(), &mut room).unwrap();
        assert_eq!((&room[..length], got.len()), (&b"take"[..], 1));
        let flags = fcntl(&got[0], FcntlArg::F_GETFD).unwrap();
        assert!(FdFlag::from_bits_retain(flags).contains(FdFlag::FD_CLOEXEC));
        let mut copy = File::from(got.pop().unwrap());
        copy.rewind().unwrap();
        let mut text = String::new();
        copy.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
    }

    #[test]
    fn when_the_most_descriptors_are_passed_then_all_arrive() {
        let (ours, theirs) = pair().unwrap();
        let file = tempfile::tempfile().unwrap();
        send(ours.as_fd(), b"x", &[file.as_fd(); DESCRIPTORS_MAX]).unwrap();
        let (length, got) = receive(theirs.as_fd(), &mut [0; 8]).unwrap();
        assert_eq!((length, got.len()), (1, DESCRIPTORS_MAX));
    }

    #[test]
    fn when_too_many_are_passed_then_nothing_is_sent() {
        let (ours, theirs) = pair().unwrap();
        let file = tempfile::tempfile().unwrap();
        let error = send(ours.as_fd(), b"x", &[file.as_fd(); DESCRIPTORS_MAX + 1]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        drop(ours);
        assert_eq!(receive(theirs.as_fd(), &mut [0; 8]).unwrap().0, 0);
    }

    #[test]
    fn when_a_record_is_longer_than_the_room_then_it_is_an_error_and_descriptors_close() {
        let (ours, theirs) = pair().unwrap();
        let (watched, passed) = pair().unwrap();
        send(ours.as_fd(), b"longer", &[passed.as_fd()]).unwrap();
        drop(passed);
        let error = receive(theirs.as_fd(), &mut [0; 3]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        // The passed end is closed everywhere, so its peer reads the end.
        assert_eq!(receive(watched.as_fd(), &mut [0; 3]).unwrap().0, 0);
    }

    #[test]
    fn when_nothing_waits_on_a_non_blocking_socket_then_it_would_block() {
        let (ours, _theirs) = pair().unwrap();
        fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let error = receive(ours.as_fd(), &mut [0; 3]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn when_the_other_side_is_gone_then_sending_is_a_broken_pipe() {
        let (ours, theirs) = pair().unwrap();
        drop(theirs);
        assert_eq!(send(ours.as_fd(), b"x", &[]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(send(ours.as_fd(), b"", &[]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_peer_of_a_pair_is_ourselves() {
        let (ours, _theirs) = pair().unwrap();
        let expected = Peer { uid: nix::unistd::geteuid().as_raw(), gid: nix::unistd::getegid().as_raw() };
        assert_eq!(peer(ours.as_fd()).unwrap(), expected);
    }
}
