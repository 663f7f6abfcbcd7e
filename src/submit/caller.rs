//! The user who runs the program.

use bstr::BString;
use nix::unistd::{getgid, getuid};

use crate::mail::envelope::Ownership;
use crate::mail::full_name::clean;
use crate::sys::user::User;

/// The user who runs the program, by the real user id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// The login name; `Unknown UID N` for a user without one.
    pub name: BString,
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// The full name that the user wants (`NAME` in the environment).
    pub full_name: Option<BString>,
}

impl Caller {
    /// Finds out who runs this process; a user database that cannot be asked knows nobody.
    pub fn find() -> Self {
        let uid = getuid().as_raw();
        let entry = User::by_uid(uid).ok().flatten();
        let full_name = std::env::var_os("NAME").map(|name| clean(name.as_encoded_bytes()));
        Self {
            name: entry.map_or_else(|| format!("Unknown UID {uid}").into(), |user| user.name),
            uid,
            gid: getgid().as_raw(),
            full_name: full_name.filter(|name| !name.is_empty()),
        }
    }
}

impl Caller {
    /// Returns whose rights a message has that the user submits.
    pub(super) fn owner(&self) -> Ownership {
        Ownership::User { uid: self.uid, gid: self.gid }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_runs_this_has_a_name() {
        assert!(!Caller::find().name.is_empty());
    }
}
