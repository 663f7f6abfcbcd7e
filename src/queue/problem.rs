//! What is wrong with a queue directory, in one line with the command that mends it.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bstr::{BString, ByteSlice};

use crate::name::Sysexit;
use crate::sys::errors::reason;
use crate::sys::shell::quoted;
use crate::sys::user::{Group, User};

/// What a queue directory should be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Expected<'a> {
    /// The user it belongs to; none where any will do.
    pub owner: Option<&'a [u8]>,
    /// The group it belongs to; none where any will do.
    pub group: Option<&'a [u8]>,
    /// The permissions that must be there.
    pub mode: u32,
}

impl Expected<'static> {
    /// The queue of the daemon (op guide, "/var/spool/mqueue").
    pub const DAEMON_QUEUE: Self = Self { owner: Some(b"root"), group: None, mode: 0o700 };

    /// The queue of local programs (op guide, "/var/spool/clientmqueue").
    pub const CLIENT_QUEUE: Self = Self { owner: Some(b"smmsp"), group: Some(b"smmsp"), mode: 0o770 };
}

/// A queue directory that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolProblem {
    /// It is not there.
    #[error("{path}: no such directory: run `{mend}`")]
    Missing {
        /// The directory.
        path: BString,
        /// The command that makes it.
        mend: String,
    },
    /// It is something else.
    #[error("{path}: not a directory: move it away, then run `{mend}`")]
    NotADirectory {
        /// The directory.
        path: BString,
        /// The command that makes it.
        mend: String,
    },
    /// It belongs to somebody else, or its permissions are others.
    #[error("{path}: {what} is {is}, must be {must}: run `{mend}`")]
    Wrong {
        /// The directory.
        path: BString,
        /// Owner, group or mode.
        what: &'static str,
        /// What it is.
        is: String,
        /// What it must be.
        must: String,
        /// The command that mends it.
        mend: String,
    },
    /// A user or group that it must belong to does not exist.
    #[error("{path}: must belong to {what} {name}, which does not exist: run `{mend}`")]
    NoAccount {
        /// The directory.
        path: BString,
        /// User or group.
        what: &'static str,
        /// Its name.
        name: BString,
        /// The command that makes it.
        mend: String,
    },
    /// It cannot be looked at.
    #[error("{path}: {}", reason(.source))]
    Unreadable {
        /// The directory.
        path: BString,
        /// Why not.
        source: io::Error,
    },
}

impl SpoolProblem {
    /// Returns the exit status a program ends with because of it.
    pub fn sysexit(&self) -> Sysexit {
        match self {
            Self::Missing { .. } | Self::NotADirectory { .. } | Self::NoAccount { .. } => Sysexit::Config,
            Self::Wrong { .. } => Sysexit::NoPerm,
            Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Sysexit::NoPerm,
            Self::Unreadable { .. } => Sysexit::TempFail,
        }
    }
}

/// Checks a queue directory.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn examine(path: &[u8], expected: &Expected<'_>) -> Result<(), SpoolProblem> {
    let shown = BString::from(path);
    let quoted = quoted(path);
    let metadata = match fs::metadata(Path::new(OsStr::from_bytes(path))) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(SpoolProblem::Missing { path: shown, mend: make(&quoted, expected) });
        }
        Err(source) => return Err(SpoolProblem::Unreadable { path: shown, source }),
    };
    if !metadata.is_dir() {
        return Err(SpoolProblem::NotADirectory { path: shown, mend: make(&quoted, expected) });
    }
    let wrong = |what, is, must: String, mend| SpoolProblem::Wrong { path: shown.clone(), what, is, must, mend };
    if let Some(owner) = expected.owner {
        let uid = user(owner).map_err(|mend| no_account(path, "user", owner, mend))?;
        if metadata.uid() != uid {
            let (is, must) = (user_name(metadata.uid()), owner.as_bstr().to_string());
            let mend = format!("chown {must} {quoted}");
            return Err(wrong("owner", is, must, mend));
        }
    }
    if let Some(group) = expected.group {
        let gid = group_id(group).map_err(|mend| no_account(path, "group", group, mend))?;
        if metadata.gid() != gid {
            let (is, must) = (group_name(metadata.gid()), group.as_bstr().to_string());
            let mend = format!("chgrp {must} {quoted}");
            return Err(wrong("group", is, must, mend));
        }
    }
    let mode = metadata.mode() & 0o7777;
    if mode & expected.mode != expected.mode || mode & 0o002 != 0 {
        let must = format!("{:04o}", expected.mode);
        let mend = format!("chmod {must} {quoted}");
        return Err(wrong("mode", format!("{mode:04o}"), must, mend));
    }
    Ok(())
}

/// Returns the command that makes the directory.
fn make(quoted: &str, expected: &Expected<'_>) -> String {
    let owner = expected.owner.map(|name| format!(" -o {}", name.as_bstr())).unwrap_or_default();
    let group = expected.group.map(|name| format!(" -g {}", name.as_bstr())).unwrap_or_default();
    format!("install -d{owner}{group} -m {:04o} {quoted}", expected.mode)
}

fn no_account(path: &[u8], what: &'static str, name: &[u8], mend: String) -> SpoolProblem {
    SpoolProblem::NoAccount { path: path.into(), what, name: name.into(), mend }
}

/// Returns a user's number, or the command that makes the user.
fn user(name: &[u8]) -> Result<u32, String> {
    match User::by_name(name) {
        Ok(Some(user)) => Ok(user.uid),
        _ if cfg!(target_os = "freebsd") => {
            Err(format!("pw useradd {0} -d /nonexistent -s /usr/sbin/nologin", name.as_bstr()))
        }
        _ => Err(format!("useradd -r -d /nonexistent -s /usr/sbin/nologin {}", name.as_bstr())),
    }
}

/// Returns a group's number, or the command that makes the group.
fn group_id(name: &[u8]) -> Result<u32, String> {
    match Group::by_name(name) {
        Ok(Some(group)) => Ok(group.gid),
        _ if cfg!(target_os = "freebsd") => Err(format!("pw groupadd {}", name.as_bstr())),
        _ => Err(format!("groupadd -r {}", name.as_bstr())),
    }
}

fn user_name(uid: u32) -> String {
    User::by_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name.to_string())
}

fn group_name(gid: u32) -> String {
    Group::by_gid(gid).ok().flatten().map_or_else(|| gid.to_string(), |group| group.name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const ANY: Expected<'static> = Expected { owner: None, group: None, mode: 0o700 };

    fn text(path: &Path, expected: &Expected<'_>) -> String {
        let path = path.as_os_str().as_bytes();
        let shown = path.as_bstr().to_string();
        examine(path, expected).expect_err("a problem").to_string().replace(&shown, "DIR")
    }

    #[test]
    fn each_problem_comes_with_the_command_that_mends_it() {
        let room = tempfile::tempdir().expect("a directory");
        let path = room.path().join("q");
        let expected = Expected { mode: 0o770, ..ANY };
        assert_eq!(text(&path, &expected), "DIR: no such directory: run `install -d -m 0770 DIR`");
        fs::create_dir(&path).expect("made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("changed");
        assert_eq!(text(&path, &expected), "DIR: mode is 0700, must be 0770: run `chmod 0770 DIR`");
        examine(path.as_os_str().as_bytes(), &ANY).expect("good");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("changed");
        assert_eq!(text(&path, &ANY), "DIR: mode is 0777, must be 0700: run `chmod 0700 DIR`");
    }

    #[test]
    fn a_missing_account_is_told() {
        let room = tempfile::tempdir().expect("a directory");
        let expected = Expected { group: Some(b"nosuchgroup"), ..ANY };
        let told = text(room.path(), &expected);
        assert!(told.starts_with("DIR: must belong to group nosuchgroup, which does not exist: run `"), "{told}");
    }
}
