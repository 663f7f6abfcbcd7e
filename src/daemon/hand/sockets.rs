//! Sockets: servers of this host that the configuration names, and reserved ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;

use bstr::ByteSlice;
use socket2::{Domain, Protocol, Socket, Type};

use super::files::definition;
use super::{Failure, Served, failure_of, refusal};
use crate::cf::{Config, MailerFlag};
use crate::keeper::client::Answered;
use crate::keeper::request::{Answer, FailureKind, Service};
use crate::log::SYSLOG_SOCKETS;
use crate::map::{Definition, Kind};
use crate::name::TrimSpace as _;

/// Ports that only root can use and that no service has by convention (rresvport(3)).
const RESERVED: std::ops::RangeInclusive<u16> = 512..=1023;

/// Connects to a server.
pub(super) fn connect(config: &Config, service: &Service) -> Served {
    match service {
        Service::Syslog {} => connect_log(),
        Service::Filter { line } => {
            let filter = config.filters.get(usize::from(*line));
            connect_path(filter.and_then(|filter| local_path(&filter.socket)))
        }
        Service::Map { map } => {
            let has_socket = |definition: &Definition| matches!(definition.kind, Kind::Socket | Kind::Ldap(_));
            connect_path(definition(config, map).filter(has_socket).and_then(|definition| definition.socket_path()))
        }
        Service::Mailer { mailer } => {
            let words = config.mailers.get(mailer.as_bytes()).map(|mailer| mailer.argv.as_slice());
            let path = match words {
                Some([kind, path, ..]) if kind == "FILE" && path.starts_with(b"/") => Some(path.to_path_lossy().into()),
                _ => None,
            };
            connect_path(path)
        }
    }
}

/// Reads `local:/path` or `unix:/path`.
fn local_path(socket: &[u8]) -> Option<PathBuf> {
    let path = socket.strip_prefix(b"local:").or_else(|| socket.strip_prefix(b"unix:"))?;
    Some(path.trim_space().to_path_lossy().into())
}

fn connect_path(path: Option<PathBuf>) -> Served {
    let path = path.ok_or_else(|| refusal(FailureKind::Undeclared {}, "the configuration declares no such socket"))?;
    let stream = UnixStream::connect(&path).map_err(|error| temporary(&path.display().to_string(), &error))?;
    Ok(one(stream.into()))
}

fn connect_log() -> Served {
    let mut last = refusal(FailureKind::Temporary {}, "no syslogd");
    for path in SYSLOG_SOCKETS {
        let connected = UnixDatagram::unbound().and_then(|socket| {
            // Whoever logs must not wait for a syslogd that does not read.
            socket.set_nonblocking(true)?;
            socket.connect(path).map(|()| socket)
        });
        match connected {
            Ok(socket) => return Ok(one(socket.into())),
            Err(error) => last = temporary(path, &error),
        }
    }
    Err(last)
}

/// Returns a failure that always may pass: the server may be started in the next moment.
fn temporary(what: &str, error: &std::io::Error) -> Failure {
    Failure { kind: FailureKind::Temporary {}, ..failure_of(what, error) }
}

/// Makes a stream socket with a reserved port.
pub(super) fn bind_reserved(config: &Config, ipv6: bool) -> Served {
    if !config.mailers.iter().any(|mailer| mailer.flags.has(MailerFlag::ReservedPort)) {
        return Err(refusal(FailureKind::Undeclared {}, "no mailer has the flag R"));
    }
    let (domain, any) = if ipv6 {
        (Domain::IPV6, IpAddr::from(Ipv6Addr::UNSPECIFIED))
    } else {
        (Domain::IPV4, IpAddr::from(Ipv4Addr::UNSPECIFIED))
    };
    let mut last = refusal(FailureKind::Temporary {}, "no reserved port is free");
    for port in RESERVED.rev() {
        let bound = Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).and_then(|socket| {
            socket.bind(&SocketAddr::new(any, port).into())?;
            Ok(socket)
        });
        match bound {
            Ok(socket) => return Ok(one(socket.into())),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
            Err(error) => {
                last = failure_of("a reserved port", &error);
                break;
            }
        }
    }
    Err(last)
}

fn one(descriptor: OwnedFd) -> Answered {
    Answered { answer: Answer::Opened {}, descriptors: vec![descriptor] }
}
