//! Outgoing connections.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};

/// The longest wait for a connection where the configuration sets none; kernels give up after about two minutes.
const CONNECT_PATIENCE: Duration = Duration::from_secs(150);

/// Where a connection comes from (`ClientPortOptions`).
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The address and port for IPv4 destinations.
    pub v4: Option<SocketAddr>,
    /// The address and port for IPv6 destinations.
    pub v6: Option<SocketAddr>,
    /// Whether a port that was used a moment ago may be taken again.
    pub reuse: bool,
}

impl Sources {
    /// Returns the sources where connections of one family come from `address`, those of the other from anywhere.
    pub fn at(address: IpAddr) -> Self {
        let source = Some(SocketAddr::new(address, 0));
        if address.is_ipv4() { Self { v4: source, ..Self::default() } } else { Self { v6: source, ..Self::default() } }
    }

    /// Returns where a connection to `target` is to come from.
    fn for_target(&self, target: IpAddr) -> Option<SocketAddr> {
        if target.is_ipv4() { self.v4 } else { self.v6 }
    }
}

/// Connects to `target` within `limit` (zero: the kernel's own limit, but never without end).
///
/// # Errors
/// What the system says; `TimedOut` when the limit is over.
pub async fn connect(target: SocketAddr, sources: &Sources, limit: Duration) -> io::Result<TcpStream> {
    let socket = if target.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = sources.for_target(target.ip()) {
        if sources.reuse {
            socket.set_reuseaddr(true)?;
        }
        socket.bind(source)?;
    }
    let limit = if limit.is_zero() { CONNECT_PATIENCE } else { limit.min(CONNECT_PATIENCE) };
    match tokio::time::timeout(limit, socket.connect(target)).await {
        Ok(stream) => {
            let stream = stream?;
            stream.set_nodelay(true)?;
            Ok(stream)
        }
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_comes_from_the_given_address() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let target = listener.local_addr().expect("bound");
        let source = SocketAddr::from(([127, 0, 0, 2], 0));
        let sources = Sources { v4: Some(source), v6: None, reuse: true };
        let (stream, accepted) = tokio::join!(connect(target, &sources, Duration::ZERO), listener.accept());
        stream.expect("connected");
        assert_eq!(accepted.expect("accepted").1.ip(), source.ip());
    }

    #[tokio::test]
    async fn a_closed_port_is_refused_at_once() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let target = listener.local_addr().expect("bound");
        drop(listener);
        let error = connect(target, &Sources::default(), Duration::ZERO).await.expect_err("nobody listens");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
