//! `-bs`: an SMTP session on standard input and output, for mail programs and super servers.

use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};

use bstr::BString;
use tokio::sync::watch;

use crate::policy::Numbers;
use crate::receive::{Client, Connection, Service, serve};

/// Serves the session on standard input and output to its end.
///
/// If standard input is a TCP connection, its peer is the client; else it is the local user `caller`.
///
/// # Errors
/// A standard descriptor is closed or cannot be used.
pub async fn run(service: &Service, caller: &[u8], stop: watch::Receiver<bool>) -> io::Result<()> {
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    match as_connection(input.try_clone()?) {
        Some((stream, client)) => {
            stream.set_nonblocking(true)?;
            let stream = tokio::net::TcpStream::from_std(stream)?;
            serve(stream, connection(client), service, stop).await;
        }
        None => {
            let output = io::stdout().as_fd().try_clone_to_owned()?;
            let stream = tokio::io::join(as_file(input), as_file(output));
            serve(stream, connection(Client::User(BString::from(caller))), service, stop).await;
        }
    }
    Ok(())
}

/// Returns a connection that no port of ours has counted.
fn connection(client: Client) -> Connection {
    Connection { client, daemon: None, numbers: Numbers::default(), haste: None }
}

/// Returns a descriptor as a TCP connection with its two ends, if it is one.
fn as_connection(descriptor: OwnedFd) -> Option<(TcpStream, Client)> {
    let stream = TcpStream::from(descriptor);
    let (peer, local) = (stream.peer_addr().ok()?, stream.local_addr().ok()?);
    Some((stream, Client::Host { peer, local }))
}

/// Returns a descriptor of any other kind for reading or writing beside the runtime.
fn as_file(descriptor: OwnedFd) -> tokio::fs::File {
    tokio::fs::File::from_std(File::from(descriptor))
}
