//! Map classes that ask other programs: program and socket.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;

use bstr::{BString, ByteSlice};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::Command;

use super::load::Site;
use super::network::OUTSIDE_PATIENCE;
use crate::map::{Definition, Outcome};
use crate::name::Sysexit;

/// The longest answer of a program or socket that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Runs the program of a map with the key as its last argument; the first line that it prints is the value.
pub(super) async fn program(_site: &Site, map: &Definition, key: &[u8], args: &[&[u8]]) -> Outcome {
    let Some(path) = &map.file else {
        return Outcome::NotFound(Sysexit::Config);
    };
    if nix::unistd::geteuid().is_root() && key.starts_with(b"-") {
        return Outcome::NotFound(Sysexit::Usage);
    }
    let mut command = Command::new(OsStr::from_bytes(path));
    command.args(map.arguments.fields().map(OsStr::from_bytes));
    command.arg(OsStr::from_bytes(key));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let run = async {
        let mut child = command.spawn()?;
        let mut text = Vec::new();
        if let Some(output) = child.stdout.take() {
            output.take(ANSWER_BYTES_MAX).read_to_end(&mut text).await?;
        }
        Ok::<_, std::io::Error>((text, child.wait().await?))
    };
    match tokio::time::timeout(OUTSIDE_PATIENCE, run).await {
        Err(_) => Outcome::TempFail(format!("{path}: no answer in time").into()),
        Ok(Err(error)) => Outcome::TempFail(format!("{path}: {error}").into()),
        Ok(Ok((text, status))) => match status.code() {
            Some(0) => Outcome::Found(map.result(key, text.lines().next().unwrap_or_default(), args)),
            Some(1 | 67) => Outcome::NotFound(Sysexit::Ok),
            Some(75) => Outcome::TempFail(format!("{path}: try again later").into()),
            code => Outcome::NotFound(code.and_then(Sysexit::from_code).unwrap_or(Sysexit::OsErr)),
        },
    }
}

/// Asks the server of a socket map (op guide "socket": netstrings `name key`, answers `OK value` and others).
pub(super) async fn socket(_site: &Site, map: &Definition, key: &[u8], args: &[&[u8]]) -> Outcome {
    let Some(place) = map.file.as_ref().and_then(|file| file.to_str().ok()) else {
        return Outcome::NotFound(Sysexit::Config);
    };
    let question = [map.name.as_slice(), b" ", key].concat();
    match tokio::time::timeout(OUTSIDE_PATIENCE, ask(place, &question)).await {
        Err(_) => Outcome::TempFail(format!("{place}: no answer in time").into()),
        Ok(Err(error)) => Outcome::TempFail(format!("{place}: {error}").into()),
        Ok(Ok(answer)) => {
            let (word, value) = answer.split_once_str(b" ").unwrap_or((&answer, b""));
            match word {
                b"OK" => Outcome::Found(map.result(key, value, args)),
                b"NOTFOUND" => Outcome::NotFound(Sysexit::Ok),
                b"PERM" => Outcome::NotFound(Sysexit::Unavailable),
                _ => Outcome::TempFail(value.into()),
            }
        }
    }
}

/// Sends one netstring and reads one; `place` is `unix:path`, `local:path` or `inet:port@host`.
async fn ask(place: &str, question: &[u8]) -> std::io::Result<BString> {
    let bad = || std::io::Error::other("write unix:path or inet:port@host");
    let (kind, rest) = place.split_once(':').ok_or_else(bad)?;
    match kind {
        "unix" | "local" => exchange(UnixStream::connect(rest).await?, question).await,
        "inet" | "inet6" => {
            let (port, host) = rest.split_once('@').ok_or_else(bad)?;
            let host = host.trim_matches(['[', ']']);
            let port = port.parse::<u16>().map_err(|_| bad())?;
            exchange(TcpStream::connect((host, port)).await?, question).await
        }
        _ => Err(bad()),
    }
}

/// Speaks one question and one answer.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, question: &[u8]) -> std::io::Result<BString> {
    let mut message = format!("{}:", question.len()).into_bytes();
    message.extend_from_slice(question);
    message.push(b',');
    stream.write_all(&message).await?;
    let mut length: usize = 0;
    loop {
        match stream.read_u8().await? {
            digit @ b'0'..=b'9' if length < 1 << 20 => length = length * 10 + usize::from(digit - b'0'),
            b':' => break,
            _ => return Err(std::io::Error::other("the answer is no netstring")),
        }
    }
    if length as u64 > ANSWER_BYTES_MAX {
        return Err(std::io::Error::other("the answer is too long"));
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    Ok(answer.into())
}
