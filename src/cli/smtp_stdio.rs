//! `-bs`: an SMTP session on standard input and output, for mail programs and super servers.

use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::process::ExitCode;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bstr::BString;
use tokio::sync::watch;

use super::command_line::CommandLine;
use super::desk::Desk;
use crate::cf::DeliveryMode;
use crate::deliver::holding::Holding;
use crate::deliver::services::Services;
use crate::deliver::settle;
use crate::log::Level;
use crate::name::Sysexit;
use crate::policy::Numbers;
use crate::queue::Claimed;
use crate::receive::{Accepted, Client, Connection, Pending, Service, SiteDirectory, serve};
use crate::submit::Caller;
use crate::sys::host::LoadAverage;

/// Serves one session for the caller or a super server; what is accepted is delivered before the program ends.
pub fn main(command: &CommandLine) -> ExitCode {
    Desk::with(command, async |desk| {
        let services = &desk.services;
        let caller = Caller::find().name;
        let (stop, stopped) = watch::channel(false);
        let work = Arc::new(Mutex::new(Vec::new()));
        let result = run(&service(services, &work), &caller, stopped).await;
        drop(stop);
        let accepted = std::mem::take(&mut *work.lock().expect("no holder panics"));
        for claimed in accepted {
            deliver(services, claimed).await;
        }
        result.map_or(Sysexit::IoErr, |()| Sysexit::Ok)
    })
}

/// Messages that wait for the end of the session.
type Waiting = Arc<Mutex<Vec<Claimed>>>;

/// Returns what the session works with.
fn service(services: &Services, work: &Waiting) -> Service {
    let (now, later) = (services.clone(), Arc::clone(work));
    Service {
        site: Arc::clone(&services.site),
        queue: services.queue.clone(),
        log: services.log.clone(),
        directory: Arc::new(SiteDirectory {
            aliases: Arc::clone(&services.aliases),
            hands: Arc::clone(&services.hands),
            uses_aliases: true,
        }),
        deliver: Arc::new(move |accepted: Accepted| -> Pending<'static, ()> {
            let services = now.clone();
            match accepted.mode {
                DeliveryMode::Interactive => Box::pin(async move { deliver(&services, accepted.claimed).await }),
                DeliveryMode::Background => {
                    later.lock().expect("no holder panics").push(accepted.claimed);
                    Box::pin(std::future::ready(()))
                }
                DeliveryMode::Queue | DeliveryMode::Defer => Box::pin(std::future::ready(())),
            }
        }),
        run_queue: Arc::new(|_| {}),
        load: Arc::new(AtomicI64::new(LoadAverage::open().now())),
        help: help(services),
        study: None,
    }
}

/// Reads the help file, if there is one.
fn help(services: &Services) -> Option<Arc<[u8]>> {
    let path = &services.site.config.options.help_file;
    let text = std::fs::read(std::ffi::OsStr::from_bytes(path)).ok()?;
    Some(text.into())
}

/// Delivers a message once; reports that were made are delivered next.
async fn deliver(services: &Services, claimed: Claimed) {
    let mut waiting = vec![claimed];
    while let Some(claimed) = waiting.pop() {
        let id = claimed.envelope.id.clone();
        match settle::deliver(services, Holding::Queued(Box::new(claimed)), SystemTime::now().into()).await {
            Ok(ended) => waiting.extend(ended.reports),
            Err(error) => services.log.say(Level::SYSTEM_ERROR, &id, error),
        }
    }
}

/// Serves the session on standard input and output to its end.
///
/// If standard input is a TCP connection, its peer is the client; else it is the local user `caller`.
///
/// # Errors
/// A standard descriptor is closed or cannot be used.
async fn run(service: &Service, caller: &[u8], stop: watch::Receiver<bool>) -> io::Result<()> {
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
