//! Listening sockets (`DaemonPortOptions`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::ReusePort;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::literal;

/// The shortest queue of connections that wait to be accepted: a flood of connects must not close the door.
const BACKLOG_MIN: i32 = 1024;

/// Which address family a socket serves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListenFamily {
    /// `Family=inet`.
    Inet,
    /// `Family=inet6`.
    Inet6,
}

impl ListenFamily {
    /// Reads an address of this family.
    pub fn literal(self, text: &[u8]) -> Option<IpAddr> {
        match self {
            Self::Inet => literal::ipv4(text).map(IpAddr::from),
            Self::Inet6 => literal::ipv6(text).map(IpAddr::from),
        }
    }
}

/// What a listening socket is made of.
#[derive(Clone, Debug)]
pub struct ListenAddress {
    /// The family; decides what "every address" means.
    pub family: ListenFamily,
    /// The address (`Addr=`), `None` for every address.
    pub address: Option<IpAddr>,
    /// The port (`Port=`).
    pub port: u16,
    /// Whether a port with old connections in TIME_WAIT may be taken (`ReuseAddr`-like behaviour; the usual case).
    pub reuse: bool,
    /// Connections that may wait (`Listen=`); at least 1024 are asked for.
    pub backlog: i32,
    /// The size of the send buffer of connections (`SndBufSize=`); none: the system's.
    pub send_buffer_bytes: Option<usize>,
    /// The size of the receive buffer of connections (`RcvBufSize=`); none: the system's.
    pub receive_buffer_bytes: Option<usize>,
    /// The interface a link-local IPv6 address belongs to, by index; 0 for none.
    pub interface: u32,
    /// Whether a socket for all IPv6 addresses takes IPv4 connections, too, if the system does that.
    pub takes_ipv4: bool,
}

impl ListenAddress {
    /// Returns an address with the usual settings.
    pub fn new(family: ListenFamily, address: Option<IpAddr>, port: u16) -> Self {
        let (send_buffer_bytes, receive_buffer_bytes) = (None, None);
        Self {
            family,
            address,
            port,
            reuse: true,
            backlog: BACKLOG_MIN,
            send_buffer_bytes,
            receive_buffer_bytes,
            interface: 0,
            takes_ipv4: false,
        }
    }

    /// Returns the socket address.
    pub fn socket_address(&self) -> SocketAddr {
        match (self.address, self.family) {
            (Some(IpAddr::V6(address)), _) => std::net::SocketAddrV6::new(address, self.port, 0, self.interface).into(),
            (Some(address), _) => SocketAddr::new(address, self.port),
            (None, ListenFamily::Inet) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), self.port),
            (None, ListenFamily::Inet6) => SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), self.port),
        }
    }
}

/// A port cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another program has the port.
    #[error(
        "cannot listen on {0}: the port is in use; stop the other mail daemon (see `ss -ltnp` or `sockstat -l`) or change DaemonPortOptions"
    )]
    InUse(SocketAddr),
    /// The address is none of this host.
    #[error("cannot listen on {0}: this host has no such address; correct Addr= in DaemonPortOptions")]
    NoSuchAddress(SocketAddr),
    /// The port is reserved.
    #[error(
        "cannot listen on {0}: ports below 1024 need root; start the daemon as root or change Port= in DaemonPortOptions"
    )]
    Denied(SocketAddr),
    /// The kernel has no such family.
    #[error(
        "cannot listen on {0}: the system has no support for this address family; correct Family= in DaemonPortOptions"
    )]
    NoFamily(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {address}: {error}")]
    Other {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
}

impl ListenError {
    /// Names what `error` means for `address`.
    fn new(address: SocketAddr, error: io::Error) -> Self {
        match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::AddrInUse, _) => Self::InUse(address),
            (io::ErrorKind::AddrNotAvailable, _) => Self::NoSuchAddress(address),
            (io::ErrorKind::PermissionDenied, _) => Self::Denied(address),
            (_, Some(code)) if code == nix::errno::Errno::EAFNOSUPPORT as i32 => Self::NoFamily(address),
            _ => Self::Other { address, error },
        }
    }

    /// Tells whether waiting may help, since a predecessor may be ending.
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::InUse(_))
    }
}

/// Opens a listening socket, non-blocking and closed on exec.
///
/// # Errors
/// The port is taken or reserved, or the address or family is not there.
pub fn listen(place: &ListenAddress) -> Result<std::net::TcpListener, ListenError> {
    let address = place.socket_address();
    open(place, address, false).map_err(|error| ListenError::new(address, error))
}

/// Does the same on a port that `ours` listen on, at other addresses: all of a host beside one of them, or one beside all.
///
/// The port is shared only for the moment; while `ours` are open, they get the connections to their addresses.
///
/// # Errors
/// As [`listen`].
pub fn listen_beside(
    place: &ListenAddress,
    ours: &[&std::net::TcpListener],
) -> Result<std::net::TcpListener, ListenError> {
    let address = place.socket_address();
    let share = |is_shared: bool| ours.iter().try_for_each(|socket| setsockopt(socket, ReusePort, &is_shared));
    let opened = share(true).map_err(io::Error::from).and_then(|()| open(place, address, true));
    let ended = share(false).map_err(io::Error::from);
    opened.and_then(|socket| ended.map(|()| socket)).map_err(|error| ListenError::new(address, error))
}

/// Makes, binds and opens the socket; one that shares its port with others of ours does so only until it is open.
fn open(place: &ListenAddress, address: SocketAddr, shares: bool) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if place.reuse {
        socket.set_reuse_address(true)?;
    }
    if address.is_ipv6() && !place.takes_ipv4 {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    // Accepted connections inherit them.
    if let Some(size) = place.send_buffer_bytes {
        socket.set_send_buffer_size(size)?;
    }
    if let Some(size) = place.receive_buffer_bytes {
        socket.set_recv_buffer_size(size)?;
    }
    setsockopt(&socket, ReusePort, &shares)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(place.backlog.max(BACKLOG_MIN))?;
    setsockopt(&socket, ReusePort, &false)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_what_to_do() {
        let mut place = ListenAddress::new(ListenFamily::Inet, Some(Ipv4Addr::LOCALHOST.into()), 0);
        let first = listen(&place).expect("any free port");
        place.port = first.local_addr().expect("bound").port();
        let error = listen(&place).expect_err("taken");
        assert!(error.is_in_use());
        assert!(error.to_string().contains(&format!("127.0.0.1:{}", place.port)), "{error}");
    }

    #[test]
    fn our_own_port_can_be_taken_for_all_addresses_and_given_back() {
        let mut place = ListenAddress::new(ListenFamily::Inet, Some(Ipv4Addr::LOCALHOST.into()), 0);
        let first = listen(&place).expect("any free port");
        place.port = first.local_addr().expect("bound").port();
        let all = ListenAddress { address: None, ..place.clone() };
        let second = listen_beside(&all, &[&first]).expect("ours");
        assert!(listen(&place).expect_err("shared with nobody else").is_in_use());
        drop(first);
        let client = std::net::TcpStream::connect(place.socket_address()).expect("the second takes it");
        let third = listen_beside(&place, &[&second]).expect("and back");
        drop((client, second, third));
    }

    #[test]
    fn an_address_of_another_host_is_named() {
        let place = ListenAddress::new(ListenFamily::Inet, Some(IpAddr::from([198, 51, 100, 1])), 0);
        assert!(matches!(listen(&place), Err(ListenError::NoSuchAddress(_))));
    }

    #[test]
    fn ipv6_leaves_the_port_to_ipv4() {
        let Ok(six) = listen(&ListenAddress::new(ListenFamily::Inet6, None, 0)) else {
            return; // no IPv6 here
        };
        let port = six.local_addr().expect("bound").port();
        listen(&ListenAddress::new(ListenFamily::Inet, None, port)).expect("IPv4 is free");
    }
}
