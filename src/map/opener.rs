//! How maps and classes come to what they need: files, programs, sockets of this host, users.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;

use bstr::{BString, ByteSlice};
use tokio::io::AsyncReadExt as _;

use super::{Definition, Kind as MapKind};
use crate::sys::bounded::read_within;
use crate::sys::safe_file::{Inspector, Kind};
use crate::sys::user::User;

/// The longest answer of a program that is read, in bytes: what the original has room for.
pub const PROGRAM_BYTES_MAX: u64 = 2047;

/// The largest class file or output of a class's program that is read, in bytes.
pub const CLASS_BYTES_MAX: u64 = 64 << 20;

/// What is waited for without holding up others.
pub type Reached<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// A program map's program and what it is asked.
#[derive(Clone, Copy, Debug)]
pub struct ProgramCall<'a> {
    /// The map.
    pub definition: &'a Definition,
    /// The last word of the command line.
    pub key: &'a [u8],
    /// The variables of its environment besides AGENT.
    pub environment: &'a [(BString, BString)],
    /// Whom it runs as where this process is root.
    pub user: Option<&'a User>,
}

/// What a program has said and how it ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProgramAnswer {
    /// The beginning of its output.
    pub output: BString,
    /// Its exit status, or the signal that ended it.
    pub end: Result<u8, u8>,
}

/// Reaches what a configuration names; the daemon asks a process that may.
///
/// Each file is a regular one that nobody else can have written or put there (option DontBlameSendmail says how strictly
/// that is taken). An error is `NotFound` where there is no file; else it has the reason as the original names it.
pub trait Opener: Send + Sync {
    /// Opens `path`, a file of `definition`, for reading.
    ///
    /// # Errors
    /// There is none, or it may not be used.
    fn open(&self, definition: &Definition, path: &[u8]) -> io::Result<File>;

    /// Opens the file of an `F` line for reading.
    ///
    /// # Errors
    /// There is none, or it may not be used.
    fn open_class(&self, path: &[u8]) -> io::Result<File>;

    /// Opens the service switch for reading.
    ///
    /// # Errors
    /// There is none, or it may not be used.
    fn open_switch(&self, path: &[u8]) -> io::Result<File>;

    /// Runs the program of an `F` line; returns what it prints.
    ///
    /// # Errors
    /// It cannot be started, or others than root could have written it and root would run it.
    fn run_class(&self, path: &[u8]) -> io::Result<Vec<u8>>;

    /// Runs the program of a map; it ends with the future.
    fn run<'a>(&'a self, call: ProgramCall<'a>) -> Reached<'a, ProgramAnswer>;

    /// Connects to the socket of this host that a map names.
    fn connect<'a>(&'a self, definition: &'a Definition) -> Reached<'a, OwnedFd>;

    /// Looks a user up; none if there is certainly no such user.
    fn user<'a>(&'a self, name: &'a [u8]) -> Reached<'a, Option<User>>;

    /// Looks the first user with a full name up, in which capitals do not count; none if there is certainly no such user.
    fn user_called<'a>(&'a self, full_name: &'a [u8]) -> Reached<'a, Option<User>>;
}

impl Definition {
    /// Returns the socket of this host that the map names: `local:/path`, `unix:/path` or `/path`, of a directory
    /// `ldapi://%2Fpath`.
    pub fn socket_path(&self) -> Option<PathBuf> {
        if let MapKind::Ldap(spec) = &self.kind {
            let encoded = spec.servers.iter().find_map(|server| server.strip_prefix("ldapi://"))?;
            return Some(encoded.trim_end_matches('/').replace("%2F", "/").replace("%2f", "/").into());
        }
        let file = self.file.as_ref()?;
        let prefixed = file.strip_prefix(b"local:").or_else(|| file.strip_prefix(b"unix:"));
        let path = prefixed.or_else(|| file.starts_with(b"/").then_some(file))?;
        Some(Path::new(OsStr::from_bytes(path)).to_owned())
    }
}

impl fmt::Debug for dyn Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener")
    }
}

/// Refuses a program that each process would look for in a directory of its own, and lets root run none that somebody else
/// could have written.
///
/// # Errors
/// It is such a program, or there is none.
pub fn check_class_program(path: &Path) -> io::Result<()> {
    check_full(path)?;
    let metadata = std::fs::metadata(path)?;
    if nix::unistd::geteuid().is_root() && !(metadata.uid() == 0 && metadata.mode() & 0o022 == 0) {
        return Err(io::Error::other("run as root, it must belong to root and be writable by nobody else"));
    }
    Ok(())
}

/// Reaches everything with the rights of this process.
#[derive(Clone, Debug)]
pub struct DirectOpener(Inspector);

impl DirectOpener {
    /// Returns an opener of files that `inspector` lets pass.
    pub fn new(inspector: Inspector) -> Self {
        Self(inspector)
    }

    /// Returns an opener for folders of tests, which lie where everybody can write.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        let mut options = crate::cf::Options::default();
        options.dont_blame_sendmail.insert(crate::cf::Blame::TrustStickyBit);
        Self(Inspector::of(&options))
    }

    fn open_as(&self, path: &[u8], kind: Kind) -> io::Result<File> {
        Ok(self.0.open(Path::new(OsStr::from_bytes(path)), kind)?)
    }
}

impl Opener for DirectOpener {
    fn open(&self, _definition: &Definition, path: &[u8]) -> io::Result<File> {
        self.open_as(path, Kind::Map)
    }

    fn open_class(&self, path: &[u8]) -> io::Result<File> {
        // Classes are read before anybody wants to hear warnings.
        Self(self.0.clone().without_warnings()).open_as(path, Kind::Class)
    }

    fn open_switch(&self, path: &[u8]) -> io::Result<File> {
        self.open_as(path, Kind::Switch)
    }

    fn run_class(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        let path = Path::new(OsStr::from_bytes(path));
        check_class_program(path)?;
        let mut command = std::process::Command::new(path);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let read = child.stdout.take().map(|output| read_within(output, CLASS_BYTES_MAX));
        child.wait()?;
        Ok(read.transpose()?.unwrap_or_default())
    }

    fn run<'a>(&'a self, call: ProgramCall<'a>) -> Reached<'a, ProgramAnswer> {
        Box::pin(run_here(call))
    }

    fn connect<'a>(&'a self, definition: &'a Definition) -> Reached<'a, OwnedFd> {
        Box::pin(async move {
            let path = definition.socket_path().ok_or(io::ErrorKind::InvalidInput)?;
            Ok(UnixStream::connect(path)?.into())
        })
    }

    fn user<'a>(&'a self, name: &'a [u8]) -> Reached<'a, Option<User>> {
        Box::pin(async move { User::by_name(name).map_err(io::Error::other) })
    }

    fn user_called<'a>(&'a self, full_name: &'a [u8]) -> Reached<'a, Option<User>> {
        Box::pin(async move { User::by_full_name(full_name).map_err(io::Error::other) })
    }
}

/// Refuses the path of a program for which each process would look in a directory of its own.
fn check_full(path: &Path) -> io::Result<()> {
    if path.is_absolute() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "write the full path of the program"))
}

/// Runs a program as a child of this process.
async fn run_here(call: ProgramCall<'_>) -> io::Result<ProgramAnswer> {
    let path = Path::new(OsStr::from_bytes(call.definition.file.as_ref().ok_or(io::ErrorKind::InvalidInput)?));
    check_full(path)?;
    let mut command = tokio::process::Command::new(path);
    command.args(call.definition.arguments.fields().map(OsStr::from_bytes)).arg(OsStr::from_bytes(call.key));
    command.env_clear().env("AGENT", "sendmail").current_dir("/").kill_on_drop(true);
    command.envs(call.environment.iter().map(|(name, value)| (OsStr::from_bytes(name), OsStr::from_bytes(value))));
    if let Some(user) = call.user.filter(|_| nix::unistd::geteuid().is_root()) {
        command.uid(user.uid).gid(user.gid);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut output = Vec::new();
    if let Some(mut pipe) = child.stdout.take() {
        (&mut pipe).take(PROGRAM_BYTES_MAX).read_to_end(&mut output).await?;
        // Whatever else it says is read, so that it can end, and forgotten.
        tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    }
    let status = child.wait().await?;
    let signal = status.signal().and_then(|signal| u8::try_from(signal).ok()).unwrap_or(0);
    let end = status.code().map_or(Err(signal), |code| Ok(u8::try_from(code).unwrap_or(u8::MAX)));
    Ok(ProgramAnswer { output: output.into(), end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_program_is_searched_for() {
        let opener = DirectOpener::for_tests();
        for path in ["true", "./true", "bin/true", ""] {
            let refused = opener.run_class(path.as_bytes()).expect_err("not a full path");
            assert_eq!(refused.to_string(), "write the full path of the program", "{path}");
            let definition = Definition { file: Some(path.into()), ..Definition::new(b"m", MapKind::Program) };
            let call = ProgramCall { definition: &definition, key: b"x", environment: &[], user: None };
            assert_eq!(opener.run(call).await.expect_err("not a full path").kind(), io::ErrorKind::InvalidInput);
        }
    }
}
