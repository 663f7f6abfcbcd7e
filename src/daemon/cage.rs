//! Whom the process that reads the network becomes, and the empty room it is locked in.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use bstr::BString;
use nix::unistd::{getgid, getuid};

use super::order::Cage;
use crate::cf::{Config, Principal, UserSpec};
use crate::sys::privilege;
use crate::sys::user::{Group, LookupError, User};

/// The user that the process becomes where the configuration names none.
const NETWORK_USER: &str = "smmta";

/// Empty directories that systems have; the last one is made if need be.
const ROOMS: [&str; 2] = ["/var/empty", "/run/sendmail-empty"];

/// The process that reads the network cannot be made harmless.
#[derive(Debug, thiserror::Error)]
pub enum CageError {
    /// There is no such user.
    #[error(
        "user {0} does not exist, and no process that reads the network may run as root; make it with: {command}",
        command = user_command(.0)
    )]
    NoUser(BString),
    /// There is no such group.
    #[error("group {0} of RunAsUser does not exist; make it or correct RunAsUser")]
    NoGroup(BString),
    /// The configuration asks for root.
    #[error("RunAsUser={0} is root: no process that reads the network may be; name another user or leave it out")]
    Root(BString),
    /// The user runs programs or owns the queue of submissions.
    #[error("the user of the network process and {0} must differ; set RunAsUser to a user of its own")]
    Shared(&'static str),
    /// The user database cannot be asked.
    #[error(transparent)]
    LookUp(#[from] LookupError),
    /// There is no empty directory.
    #[error("cannot make {path}, an empty directory to lock the network process in: {error}")]
    Room {
        /// The directory.
        path: &'static str,
        /// Why.
        error: io::Error,
    },
    /// The process could not be locked in.
    #[error(transparent)]
    Privilege(#[from] privilege::PrivilegeError),
}

/// Returns the command that makes the user.
fn user_command(name: &BString) -> String {
    if cfg!(target_os = "linux") {
        format!("useradd --system --no-create-home --home-dir /var/empty --shell /usr/sbin/nologin {name}")
    } else {
        format!("pw useradd {name} -d /var/empty -s /usr/sbin/nologin -h -")
    }
}

/// Finds the cage that `config` asks for; none for an ordinary user, who has nothing to give up.
///
/// # Errors
/// There is no harmless user, or no empty directory.
pub fn find(config: &Config) -> Result<Option<Cage>, CageError> {
    if !getuid().is_root() {
        return Ok(None);
    }
    let (uid, gid) = network_user(&config.options.run_as_user)?;
    let text: BString = config.options.run_as_user.to_string().into();
    if uid == 0 {
        return Err(CageError::Root(text));
    }
    if default_uid(&config.options.default_user)? == Some(uid) {
        return Err(CageError::Shared("DefaultUser"));
    }
    Ok(Some(Cage { uid, gid, root: room()?.into() }))
}

/// Returns `DefaultUser`'s number; none if there is no such user.
fn default_uid(spec: &UserSpec) -> Result<Option<u32>, CageError> {
    Ok(match &spec.user {
        Some(Principal::Id(uid)) => Some(*uid),
        Some(Principal::Name(name)) => User::by_name(name)?.map(|user| user.uid),
        None => None,
    })
}

/// Returns user and group of `RunAsUser`, else those of the user made for it.
fn network_user(spec: &UserSpec) -> Result<(u32, u32), CageError> {
    let (uid, login_gid) = match &spec.user {
        Some(Principal::Id(uid)) => (*uid, User::by_uid(*uid)?.map(|user| user.gid)),
        Some(Principal::Name(name)) => {
            let user = User::by_name(name)?.ok_or_else(|| CageError::NoUser(name.clone()))?;
            (user.uid, Some(user.gid))
        }
        None => {
            let user = User::by_name(NETWORK_USER.as_bytes())?.ok_or_else(|| CageError::NoUser(NETWORK_USER.into()))?;
            (user.uid, Some(user.gid))
        }
    };
    let gid = match &spec.group {
        Some(Principal::Id(gid)) => *gid,
        Some(Principal::Name(name)) => Group::by_name(name)?.ok_or_else(|| CageError::NoGroup(name.clone()))?.gid,
        None => login_gid.unwrap_or(uid),
    };
    Ok((uid, gid))
}

/// Returns an empty directory that only root can write.
fn room() -> Result<&'static str, CageError> {
    if let Some(found) = ROOMS.into_iter().find(|path| is_empty_room(Path::new(path))) {
        return Ok(found);
    }
    let path = ROOMS[ROOMS.len() - 1];
    fs::DirBuilder::new().mode(0o755).create(path).map_err(|error| CageError::Room { path, error })?;
    Ok(path)
}

fn is_empty_room(path: &Path) -> bool {
    let safe =
        fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == 0 && found.mode() & 0o022 == 0);
    safe && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Locks this process in for good.
///
/// # Errors
/// Some part failed; the only right answer is to exit.
pub fn enter(cage: Option<&Cage>) -> Result<(), CageError> {
    match cage {
        Some(cage) => {
            privilege::drop_capability_bounds()?;
            privilege::chroot_empty(Path::new(&cage.root.to_string()))?;
            privilege::drop_to(cage.uid, cage.gid, &[])?;
        }
        None => privilege::drop_to(getuid().as_raw(), getgid().as_raw(), &[])?,
    }
    Ok(privilege::harden()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_user_has_nothing_to_give_up() {
        if !getuid().is_root() {
            assert_eq!(find(&Config::default()).expect("no cage"), None);
        }
    }

    #[test]
    fn root_is_refused_as_the_network_user() {
        if !getuid().is_root() {
            eprintln!("skipped: needs root");
            return;
        }
        let mut config = Config::default();
        config.options.run_as_user = UserSpec::parse(b"root");
        assert!(matches!(find(&config), Err(CageError::Root(_))));
        config.options.run_as_user = UserSpec::parse(b"no-such-user");
        let error = find(&config).expect_err("no user").to_string();
        assert!(error.contains("make it with: ") && error.ends_with(" no-such-user"), "{error}");
        config.options.run_as_user = UserSpec::parse(b"4242:4243");
        config.options.default_user = UserSpec::parse(b"4242");
        assert!(matches!(find(&config), Err(CageError::Shared("DefaultUser"))));
        config.options.default_user = UserSpec::parse(b"1:1");
        let cage = find(&config).expect("a cage").expect("root has one");
        assert_eq!((cage.uid, cage.gid), (4242, 4243));
    }
}
