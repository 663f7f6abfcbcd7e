//! Where a user's mailbox is.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use super::MailboxError;
use crate::sys::user::User;

/// The deepest tree of directories below a spool: more only makes longer paths.
pub const DEPTH_MAX: usize = 32;

/// The directory where the system keeps mailboxes.
pub(super) const SYSTEM_DIRECTORY: &str = "/var/mail";

/// The rule that says where mailboxes are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// A file with the user's name in a directory of the system.
    Spool {
        /// The directory, for example `/var/mail`.
        directory: PathBuf,
        /// How many levels of one-letter directories lie between (`-H u2` is two); 0 for none.
        depth: usize,
    },
    /// A file below the user's home directory (`-h`).
    Home {
        /// Its path below the home directory.
        file: BString,
    },
}

/// A mailbox's directory and name in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// The directory the mailbox and its lock lie in.
    pub directory: PathBuf,
    /// The mailbox's name in that directory.
    pub name: OsString,
    /// Whether the directory is the user's own rather than the system's.
    pub is_home: bool,
}

impl Target {
    /// Returns the whole path, as messages show it.
    pub fn path(&self) -> PathBuf {
        self.directory.join(&self.name)
    }
}

impl Place {
    /// Returns the system's usual place.
    pub fn system() -> Self {
        Self::Spool { directory: PathBuf::from(SYSTEM_DIRECTORY), depth: 0 }
    }

    /// Tells where `user`'s mailbox is.
    pub fn of(&self, user: &User) -> Result<Target, MailboxError> {
        match self {
            Self::Spool { directory, depth } => {
                let name = user.name.as_slice();
                if name.is_empty() || name[0] == b'.' || name.contains_str("/") || name.contains_str("\0") {
                    return Err(MailboxError::BadName { name: user.name.clone() });
                }
                let directory = hashed(directory, name, *depth);
                Ok(Target { directory, name: OsStr::from_bytes(name).to_owned(), is_home: false })
            }
            Self::Home { file } => {
                if user.home.as_os_str().is_empty() {
                    return Err(MailboxError::NoHome { name: user.name.clone() });
                }
                let path = user.home.join(OsStr::from_bytes(file.trim_start_with(|c| c == '/')));
                match (path.parent(), path.file_name()) {
                    (Some(directory), Some(name)) if !file.contains_str("\0") => {
                        Ok(Target { directory: directory.to_owned(), name: name.to_owned(), is_home: true })
                    }
                    _ => Err(MailboxError::BadName { name: user.name.clone() }),
                }
            }
        }
    }
}

/// Returns the directory for `name`: one level for each of its first letters, `_` where it has no more.
fn hashed(directory: &Path, name: &[u8], depth: usize) -> PathBuf {
    let mut directory = directory.to_owned();
    for index in 0..depth.min(DEPTH_MAX) {
        directory.push(OsStr::from_bytes(name.get(index..=index).unwrap_or(b"_")));
    }
    directory
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(place: &Place, name: &str, home: &str, expected: Option<&str>) {
        let user =
            User { name: name.into(), uid: 1, gid: 1, gecos: "".into(), home: home.into(), shell: PathBuf::new() };
        let found = place.of(&user).ok().map(|target| target.path());
        assert_eq!(found.as_deref(), expected.map(Path::new));
    }

    #[test]
    fn a_mailbox_has_its_users_name_in_the_spool() {
        let place = Place::system();
        check(&place, "joe", "/home/joe", Some("/var/mail/joe"));
        for bad in ["", ".", "..", ".lk", "../joe", "a/b", "a\0b"] {
            check(&place, bad, "/home/joe", None);
        }
    }

    #[test]
    fn a_hashed_spool_has_a_level_for_each_letter() {
        let place = Place::Spool { directory: "/var/mail".into(), depth: 4 };
        check(&place, "joe", "/", Some("/var/mail/j/o/e/_/joe"));
        check(&place, "joseph", "/", Some("/var/mail/j/o/s/e/joseph"));
    }

    #[test]
    fn a_mailbox_at_home_lies_below_it() {
        let place = |file: &str| Place::Home { file: file.into() };
        check(&place("mbox"), "joe", "/home/joe", Some("/home/joe/mbox"));
        check(&place("Mail/inbox"), "joe", "/home/joe", Some("/home/joe/Mail/inbox"));
        check(&place("/mbox"), "joe", "/home/joe", Some("/home/joe/mbox"));
        check(&place("mbox"), "joe", "", None);
        check(&place("Mail/.."), "joe", "/home/joe", None);
    }
}
