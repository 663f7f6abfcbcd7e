//! `-bs`: an SMTP session on standard input and output, for mail programs and super servers.

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};

use bstr::BString;
use tokio::sync::watch;

use super::command_line::CommandLine;
use super::desk::{Desk, standard};
use super::runs::Runs;
use super::work;
use crate::daemon::programs::Task;
use crate::daemon::runner::{Pace, Rhythm};
use crate::name::Sysexit;
use crate::policy::Numbers;
use crate::receive::{Client, Connection, Service, serve};

/// Serves one session for the caller or a super server; what is accepted is delivered before the program ends.
pub(super) fn job(desk: Desk, _: CommandLine) -> Task<Sysexit> {
    Box::pin(async move {
        let runs = match Runs::start(&desk, Rhythm::Never, Pace::Together) {
            Ok(runs) => runs,
            Err(error) => return desk.failed(&error),
        };
        let help = work::help(&desk.services).await;
        let service = work::service(&desk.services, &runs.delivery, help, &desk.load);
        let result = session(&service, &desk.caller.name, desk.ending.clone()).await;
        if result.is_ok() {
            desk.release();
        }
        runs.finish(desk.ending.clone()).await;
        result.map_or(Sysexit::IoErr, |()| Sysexit::Ok)
    })
}

/// Serves the session on standard input and output to its end.
///
/// If standard input is a TCP connection, its peer is the client; else it is the local user `caller`.
///
/// # Errors
/// A standard descriptor is closed or cannot be used.
async fn session(service: &Service, caller: &[u8], stop: watch::Receiver<bool>) -> io::Result<()> {
    match as_connection(io::stdin().as_fd().try_clone_to_owned()?) {
        Some((stream, client)) => {
            stream.set_nonblocking(true)?;
            let stream = tokio::net::TcpStream::from_std(stream)?;
            serve(stream, connection(client), service, stop).await;
        }
        None => {
            let stream = tokio::io::join(standard(io::stdin())?, standard(io::stdout())?);
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
