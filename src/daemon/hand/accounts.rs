//! Users, by name.

use std::os::unix::ffi::OsStrExt;

use super::{Refusal, Served, plain, refusal};
use crate::keeper::request::{Account, Answer, FailureKind};
use crate::sys::user::User;

/// Looks a user up.
pub(super) fn find(name: &[u8]) -> Served {
    let user = look_up(name)?.map(|user| Account {
        name: user.name,
        uid: user.uid,
        gid: user.gid,
        gecos: user.gecos,
        home: user.home.as_os_str().as_bytes().into(),
        shell: user.shell.as_os_str().as_bytes().into(),
    });
    plain(Answer::User { user })
}

/// Returns a user that must exist.
pub(super) fn existing(name: &[u8]) -> Result<User, Refusal> {
    let unknown = || refusal(FailureKind::Missing {}, format!("{}: User unknown", String::from_utf8_lossy(name)));
    look_up(name)?.ok_or_else(unknown)
}

fn look_up(name: &[u8]) -> Result<Option<User>, Refusal> {
    User::by_name(name).map_err(|error| refusal(FailureKind::Temporary {}, error.to_string()))
}
