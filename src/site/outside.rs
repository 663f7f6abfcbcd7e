//! Map classes that ask other programs (program, socket) and the system's users (user).

use std::future::Future as _;
use std::net::SocketAddr;
use std::task::{Context, Waker};
use std::time::Duration;

use bstr::{BString, ByteSlice};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::load::Site;
use super::maps::{Entry, Stream};
use super::network::OUTSIDE_PATIENCE;
use crate::map::{Definition, FullNames, Outcome, ProgramCall};
use crate::name::{Sysexit, TrimSpace as _};
use crate::net::services::Port;
use crate::net::{Answer, Family, Resolver, literal};

/// The longest answer of a socket that is read, in bytes (the original's).
const ANSWER_BYTES_MAX: usize = 1_000_000;
/// How many characters the length of an answer may have.
const LENGTH_BYTES_MAX: usize = 9;

/// Runs the program of a map with the key as its last argument; the first line that it prints is the value.
///
/// Returns also a message for the log.
pub(super) async fn program(site: &Site, map: &Definition, key: &[u8], args: &[&[u8]]) -> (Outcome, Option<BString>) {
    let path = map.file.clone().unwrap_or_default();
    // Who is not root asks another process, which knows the user, or runs the program as it is.
    let is_root = nix::unistd::geteuid().is_root();
    let user = match is_root.then(|| super::default_user(&site.config)).transpose() {
        Ok(user) => user.flatten(),
        Err(error) => return (Outcome::TempFail(error.to_string().into()), None),
    };
    let call = ProgramCall { definition: map, key, environment: &site.config.environment, user: user.as_ref() };
    let answer = match tokio::time::timeout(OUTSIDE_PATIENCE, site.maps.opener().run(call)).await {
        Err(_) => return (Outcome::TempFail(format!("{path}: no answer in time").into()), None),
        Ok(Err(error)) if is_permanent(&error) => return (Outcome::NotFound(Sysexit::Config), None),
        Ok(Err(error)) => return (Outcome::TempFail(format!("{path}: {error}").into()), None),
        Ok(Ok(answer)) => answer,
    };
    match answer.end {
        Ok(0) if answer.output.is_empty() => (Outcome::NotFound(Sysexit::Ok), None),
        Ok(0) => {
            let line = answer.output.split_str("\n").next().unwrap_or_default();
            (Outcome::Found(map.result(key, line, args)), None)
        }
        Ok(75) => (Outcome::TempFail(format!("{path}: try again later").into()), None),
        // QUIRK(program-map-status): statuses that sysexits(3) does not have are all shown as 71.
        Ok(code) => (Outcome::NotFound(Sysexit::from_code(code.into()).unwrap_or(Sysexit::OsErr)), None),
        Err(signal) => {
            let message = format!("prog_map_lookup({}): child died on signal {signal}", map.name);
            (Outcome::NotFound(Sysexit::Unavailable), Some(message.into()))
        }
    }
}

/// Tells whether trying again will not help.
fn is_permanent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidInput, NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotFound | PermissionDenied | NotADirectory | InvalidInput)
}

/// Asks the server of a socket map (`op guide "socket"`: netstrings `name key`, answers `OK value` and others).
///
/// Returns also a message for the log.
pub(super) async fn socket(site: &Site, entry: &Entry, key: &[u8], args: &[&[u8]]) -> (Outcome, Option<BString>) {
    let map = &entry.definition;
    let limit = map.timeout.map(|limit| limit.0).filter(|limit| !limit.is_zero()).unwrap_or(OUTSIDE_PATIENCE);
    let key = map.fold(key);
    let question = [map.name.as_slice(), b" ", &key].concat();
    let answer = match ask(site, entry, &question, limit).await {
        Ok(answer) => {
            entry.tell_failure(false);
            answer
        }
        Err(error) => {
            let reason = failure(map, &error);
            let message = entry.tell_failure(true).then(|| reason.clone());
            let is_missing = matches!(error, AskError::Connect(_)) && map.optional;
            let outcome = if is_missing { Outcome::NotFound(Sysexit::Ok) } else { Outcome::TempFail(reason) };
            return (outcome, message);
        }
    };
    let (word, value) = answer.split_once_str(b" ").unwrap_or((&answer, b""));
    let outcome = match word {
        b"OK" => Outcome::Found(map.result(&key, value, args)),
        b"NOTFOUND" => Outcome::NotFound(Sysexit::NoHost),
        b"PERM" => Outcome::NotFound(Sysexit::Unavailable),
        b"TEMP" | b"TIMEOUT" => Outcome::TempFail(value.into()),
        _ => Outcome::NotFound(Sysexit::Protocol),
    };
    (outcome, None)
}

/// Connects to the server of a socket map if nobody is connected; tells what went wrong.
pub(super) async fn open_socket(site: &Site, entry: &Entry) -> Result<(), BString> {
    let stream = match entry.take_stream() {
        Some(stream) => stream,
        None => {
            let limited = tokio::time::timeout(OUTSIDE_PATIENCE, connect(site, &entry.definition)).await;
            match limited.unwrap_or_else(|_| Err("no answer in time".into())) {
                Ok(stream) => stream,
                Err(error) => {
                    entry.tell_failure(true);
                    return Err(failure(&entry.definition, &AskError::Connect(error)));
                }
            }
        }
    };
    entry.keep_stream(stream);
    Ok(())
}

/// Why a server gave no answer.
enum AskError {
    Connect(String),
    Exchange(String),
}

/// Returns what went wrong as the log tells it.
fn failure(map: &Definition, error: &AskError) -> BString {
    match error {
        AskError::Connect(reason) => format!("socket map \"{}\": {reason}", map.name).into(),
        AskError::Exchange(reason) => format!("socket_map_lookup({}): {reason}", map.name).into(),
    }
}

/// Sends a question and reads the answer, over the connection that is left from the question before if it still holds.
async fn ask(site: &Site, entry: &Entry, question: &[u8], limit: Duration) -> Result<BString, AskError> {
    let late = |_| AskError::Exchange("read timeout: no answer in time".into());
    if let Some(stream) = entry.take_stream().and_then(if_silent) {
        match tokio::time::timeout(limit, exchange(stream, question)).await {
            Ok(Ok((stream, answer))) => {
                entry.keep_stream(stream);
                return Ok(answer);
            }
            // The server may have closed it meanwhile: that says nothing about a new one.
            Ok(Err(_)) => {}
            Err(elapsed) => return Err(late(elapsed)),
        }
    }
    let asked = async {
        let stream = connect(site, &entry.definition).await.map_err(AskError::Connect)?;
        exchange(stream, question).await.map_err(AskError::Exchange)
    };
    let (stream, answer) = tokio::time::timeout(limit, asked).await.map_err(late)??;
    entry.keep_stream(stream);
    Ok(answer)
}

/// Connects to `unix:path`, `local:path`, `path`, `inet:port@host` or `inet6:port@host`; the error is what the log tells.
async fn connect(site: &Site, map: &Definition) -> Result<Stream, String> {
    let told = |error: &std::io::Error| crate::sys::errors::reason(error);
    if let Some(path) = map.socket_path() {
        let unsafe_name = |error| format!("local socket name {} unsafe: {}", path.display(), told(&error));
        let stream = site.maps.opener().connect(map).await.map_err(unsafe_name)?;
        let stream = std::os::unix::net::UnixStream::from(stream);
        stream.set_nonblocking(true).map_err(|error| told(&error))?;
        return Ok(Box::new(UnixStream::from_std(stream).map_err(|error| told(&error))?));
    }
    let place = map.file.as_ref().map(|file| file.to_str_lossy()).unwrap_or_default();
    let (kind, rest) = place.split_once(':').unwrap_or((&place, ""));
    let family = match kind {
        "inet" => Family::V4,
        "inet6" => Family::V6,
        _ => return Err(format!("unknown socket type {kind} (write unix:/path, inet:port@host or inet6:port@host)")),
    };
    let (port, host) = rest.split_once('@').ok_or_else(|| format!("bad address {rest} (expected port@host)"))?;
    let port = port.parse::<Port>().map_err(|_| format!("unknown port name {port} (write its number)"))?.0;
    let host = host.trim_matches(['[', ']']);
    let addresses = addresses(&site.resolver, host, port, family).await?;
    let stream = TcpStream::connect(addresses.as_slice()).await;
    Ok(Box::new(stream.map_err(|error| format!("{place}: {}", told(&error)))?))
}

/// Returns where a server of a map is; the error is what the log tells.
pub(super) async fn addresses(
    resolver: &Resolver,
    host: &str,
    port: u16,
    family: Family,
) -> Result<Vec<SocketAddr>, String> {
    if let Some(address) = literal::any(host.as_bytes()) {
        return Ok(vec![(address, port).into()]);
    }
    match resolver.addresses(host.as_bytes(), family).await {
        Answer::Found(addresses) => Ok(addresses.into_iter().map(|address| (address, port).into()).collect()),
        Answer::TempFail(reason) => Err(format!("{host}: {reason}")),
        Answer::NotFound | Answer::NoData => Err(format!("Unknown host name {host}")),
    }
}

/// Returns a connection if its server has sent nothing since the last answer: what it sent would be taken for the next one.
fn if_silent(mut stream: Stream) -> Option<Stream> {
    let mut byte = [0];
    let read = std::pin::pin!(stream.read(&mut byte)).poll(&mut Context::from_waker(Waker::noop()));
    read.is_pending().then_some(stream)
}

/// Speaks one question and one answer; returns the stream, which nothing more is to be read from.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, question: &[u8]) -> Result<(S, BString), String> {
    let told = |what: &str, error: &std::io::Error| format!("{what}: {}", crate::sys::errors::reason(error));
    let message = [format!("{}:", question.len()).as_bytes(), question, b","].concat();
    stream.write_all(&message).await.map_err(|error| told("failed to send lookup request", &error))?;
    let length = answer_length(&mut stream).await?;
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await.map_err(|error| told(&format!("no {length} reply characters"), &error))?;
    if stream.read_u8().await.ok() != Some(b',') {
        return Err("missing ',' in reply".into());
    }
    Ok((stream, answer.into()))
}

/// Reads the length of an answer and the colon behind it.
async fn answer_length(stream: &mut (impl AsyncRead + Unpin)) -> Result<usize, String> {
    let no_length = || "failed to read length parameter of reply".to_owned();
    let mut text = Vec::new();
    loop {
        match stream.read_u8().await.map_err(|_| no_length())? {
            b':' => break,
            byte if text.len() < LENGTH_BYTES_MAX => text.push(byte),
            _ => return Err(no_length()),
        }
    }
    let length: usize =
        text.trim_space_start().to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(no_length)?;
    if length > ANSWER_BYTES_MAX {
        return Err(format!("reply too long: {length}"));
    }
    Ok(length)
}

/// Looks a user up in the password database; returns also what is said of one who was found by the full name.
pub(super) async fn user(site: &Site, map: &Definition, key: &[u8], args: &[&[u8]]) -> (Outcome, Option<BString>) {
    let options = &site.config.options;
    let names = FullNames { count: options.match_gecos, blank_sub: options.blank_sub };
    let asking = crate::map::look_up_user(map, site.maps.opener(), names, key, args);
    match tokio::time::timeout(OUTSIDE_PATIENCE, asking).await {
        Ok((outcome, called)) => (outcome, called.map(|login| format!("sending to login name {login}").into())),
        Err(_) => (Outcome::TempFail("the user database does not answer".into()), None),
    }
}
