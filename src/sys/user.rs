//! Users and groups of this machine, by name and by number.
//!
//! **Invariant:** "there is no such user" and "I cannot tell now" are different answers; the first
//! returns mail to its sender, the second keeps it.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, OsStr};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use bstr::{BString, ByteSlice};
use nix::errno::Errno;
use nix::unistd::{Gid, getgrouplist};

use super::errors::reason_of;
use crate::cf::Accounts;

/// The first buffer for an entry, in bytes; doubled until the entry fits.
const ENTRY_BYTES_FIRST: usize = 4096;

/// The largest buffer for an entry, in bytes: groups with some ten thousand members.
const ENTRY_BYTES_MAX: usize = 1024 * 1024;

/// The list of login shells.
const SHELLS: &str = "/etc/shells";

/// The login shells where there is no list.
const SHELLS_WITHOUT_LIST: [&[u8]; 2] = [b"/bin/sh", b"/bin/csh"];

/// The line of the list that makes every shell one for mail.
const ANY_SHELL: &[u8] = b"/SENDMAIL/ANY/SHELL/";

/// A user as the passwd database tells it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// Login name.
    pub name: BString,
    /// Numeric user id.
    pub uid: u32,
    /// Numeric id of the login group.
    pub gid: u32,
    /// Full name and office, as stored.
    pub gecos: BString,
    /// Home directory.
    pub home: PathBuf,
    /// Login shell, as stored (may be empty).
    pub shell: PathBuf,
}

/// A group as the group database tells it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Group {
    /// Group name.
    pub name: BString,
    /// Numeric group id.
    pub gid: u32,
}

/// The users and groups of this system, for who reads a configuration; whom it cannot tell of now counts as known.
pub const ACCOUNTS: Accounts = Accounts {
    has_user: |name| !matches!(User::by_name(name), Ok(None)),
    has_group: |name| !matches!(Group::by_name(name), Ok(None)),
};

/// The database could not be asked; temporary by nature.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("cannot look up {kind} {key}: {}; try again later", reason_of(*.errno))]
pub struct LookupError {
    /// `user` or `group`.
    pub kind: &'static str,
    /// The name or number looked for.
    pub key: BString,
    /// What the system answered.
    pub errno: Errno,
}

impl User {
    /// Returns the full name in the gecos field: up to the first of `,;%`, with `&` for the login name with a capital.
    pub fn full_name(&self) -> BString {
        let end = self.gecos.find_byteset(b",;%").unwrap_or(self.gecos.len());
        let mut name = BString::default();
        for &byte in self.gecos[..end].strip_prefix(b"*").unwrap_or(&self.gecos[..end]) {
            if byte == b'&' {
                name.extend(self.name.first().map(u8::to_ascii_uppercase));
                name.extend_from_slice(self.name.get(1..).unwrap_or_default());
            } else {
                name.push(byte);
            }
        }
        name
    }

    /// Returns a user without an entry.
    pub fn nameless(uid: u32, gid: u32) -> Self {
        let name = uid.to_string().into();
        Self { name, uid, gid, gecos: BString::default(), home: "/".into(), shell: "/bin/sh".into() }
    }

    /// Looks a user up by login name; `None` when there is certainly none.
    pub fn by_name(name: &[u8]) -> Result<Option<Self>, LookupError> {
        // A name with a NUL cannot be in the database.
        let Ok(key) = CString::new(name) else {
            return Ok(None);
        };
        look_up(
            "user",
            || name.into(),
            |entry, room, found| {
                // SAFETY: `key` is a C string; `entry`, `room` and `found` are writable and outlive the call.
                unsafe { libc::getpwnam_r(key.as_ptr(), entry, room.as_mut_ptr().cast(), room.len(), found) }
            },
            Self::of,
        )
    }

    /// Looks a user up by number; `None` when there is certainly none.
    pub fn by_uid(uid: u32) -> Result<Option<Self>, LookupError> {
        look_up(
            "user",
            || uid.to_string().into(),
            |entry, room, found| {
                // SAFETY: `entry`, `room` and `found` are writable and outlive the call.
                unsafe { libc::getpwuid_r(uid, entry, room.as_mut_ptr().cast(), room.len(), found) }
            },
            Self::of,
        )
    }

    /// Looks a user up by full name, in which capitals do not count; `None` when nobody has it. A name of one word is nobody's.
    ///
    /// Goes through the whole database.
    pub fn by_full_name(name: &[u8]) -> Result<Option<Self>, LookupError> {
        // The place in the database belongs to the whole process.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: no arguments; nobody else goes through the database meanwhile.
        unsafe { libc::setpwent() };
        let found = loop {
            let next = look_up(
                "user",
                || name.into(),
                |entry, room, found| {
                    // SAFETY: `entry`, `room` and `found` are writable and outlive the call.
                    unsafe { libc::getpwent_r(entry, room.as_mut_ptr().cast(), room.len(), found) }
                },
                Self::of,
            );
            match next {
                Ok(Some(user)) if !user.is_called(name) => {}
                end => break end,
            }
        };
        // SAFETY: as above.
        unsafe { libc::endpwent() };
        found
    }

    /// Tells whether `name` is the full name, of two words at least.
    fn is_called(&self, name: &[u8]) -> bool {
        let full = self.full_name();
        full.contains(&b' ') && full.eq_ignore_ascii_case(name)
    }

    /// Returns every group this user is in, the login group included.
    pub fn groups(&self) -> Result<Vec<u32>, LookupError> {
        let failed = |errno| LookupError { kind: "groups of user", key: self.name.clone(), errno };
        let name = CString::new(self.name.as_slice()).map_err(|_| failed(Errno::EINVAL))?;
        let groups = getgrouplist(&name, Gid::from_raw(self.gid)).map_err(failed)?;
        Ok(groups.into_iter().map(Gid::as_raw).collect())
    }

    /// Tells whether the user's shell is one of shells(5): only then do his texts run programs and write files.
    pub fn may_log_in(&self) -> bool {
        is_login_shell(self.shell.as_os_str().as_bytes(), std::fs::read(SHELLS).ok().as_deref())
    }

    fn of(entry: &libc::passwd) -> Self {
        Self {
            name: text(entry.pw_name).into(),
            uid: entry.pw_uid,
            gid: entry.pw_gid,
            gecos: text(entry.pw_gecos).into(),
            home: path(entry.pw_dir),
            shell: path(entry.pw_shell),
        }
    }
}

/// Tells whether `shell` is in `list`, the text of shells(5); no shell is the usual one.
fn is_login_shell(shell: &[u8], list: Option<&[u8]>) -> bool {
    let Some(list) = list else { return shell.is_empty() || SHELLS_WITHOUT_LIST.contains(&shell) };
    let mut shells = list.lines().filter_map(|line| line.fields().next());
    shell.is_empty() || shells.any(|known| known == shell || known == ANY_SHELL)
}

impl Group {
    /// Looks a group up by name; `None` when there is certainly none.
    pub fn by_name(name: &[u8]) -> Result<Option<Self>, LookupError> {
        let Ok(key) = CString::new(name) else {
            return Ok(None);
        };
        look_up(
            "group",
            || name.into(),
            |entry, room, found| {
                // SAFETY: `key` is a C string; `entry`, `room` and `found` are writable and outlive the call.
                unsafe { libc::getgrnam_r(key.as_ptr(), entry, room.as_mut_ptr().cast(), room.len(), found) }
            },
            Self::of,
        )
    }

    /// Looks a group up by number; `None` when there is certainly none.
    pub fn by_gid(gid: u32) -> Result<Option<Self>, LookupError> {
        look_up(
            "group",
            || gid.to_string().into(),
            |entry, room, found| {
                // SAFETY: `entry`, `room` and `found` are writable and outlive the call.
                unsafe { libc::getgrgid_r(gid, entry, room.as_mut_ptr().cast(), room.len(), found) }
            },
            Self::of,
        )
    }

    fn of(entry: &libc::group) -> Self {
        Self { name: text(entry.gr_name).into(), gid: entry.gr_gid }
    }
}

/// Asks with growing buffers until the entry fits.
fn look_up<Entry, Found>(
    kind: &'static str,
    key: impl Fn() -> BString,
    mut ask: impl FnMut(*mut Entry, &mut [u8], *mut *mut Entry) -> libc::c_int,
    convert: impl Fn(&Entry) -> Found,
) -> Result<Option<Found>, LookupError> {
    let mut room = vec![0; ENTRY_BYTES_FIRST];
    loop {
        let mut entry = MaybeUninit::<Entry>::uninit();
        let mut found = ptr::null_mut();
        let answer = Errno::from_raw(ask(entry.as_mut_ptr(), &mut room, &raw mut found));
        if !found.is_null() {
            // SAFETY: a non-null `found` is the address of `entry`, filled in by the call; its
            // strings lie in `room`, which lives on.
            return Ok(Some(convert(unsafe { entry.assume_init_ref() })));
        }
        match answer {
            // getpwnam(3): these say that the name is not there. EPERM and EBADF, which it lists
            // too, come from broken services, so they do not decide over anybody's mail here.
            Errno::UnknownErrno | Errno::ENOENT | Errno::ESRCH => return Ok(None),
            Errno::EINTR => {}
            Errno::ERANGE if room.len() < ENTRY_BYTES_MAX => room = vec![0; room.len() * 2],
            errno => {
                return Err(LookupError { kind, key: key(), errno });
            }
        }
    }
}

fn text<'a>(field: *const libc::c_char) -> &'a [u8] {
    if field.is_null() {
        return b"";
    }
    // SAFETY: the fields of an entry are C strings in the buffer of the look-up, which outlives the
    // conversion; every caller copies at once.
    unsafe { CStr::from_ptr(field) }.to_bytes()
}

fn path(field: *const libc::c_char) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(text(field)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_by_name_and_number() {
        let root = User::by_name(b"root").unwrap().unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert_eq!(User::by_uid(0).unwrap().unwrap().uid, 0);
        assert!(root.home.is_absolute());
        assert!(root.groups().unwrap().contains(&0));
    }

    #[test]
    fn a_full_name_is_compared_without_capitals_and_has_two_words() {
        let user = User { gecos: "Joe & Sixpack,,,".into(), name: "joe".into(), ..User::nameless(7, 7) };
        for (name, expected) in [
            ("joe joe sixpack", true),
            ("Joe Joe SIXPACK", true),
            ("joe & sixpack", false),
            ("joe  joe sixpack", false),
            ("joe", false),
        ] {
            assert_eq!(user.is_called(name.as_bytes()), expected, "{name}");
        }
        assert!(!User { gecos: "Joe".into(), ..user }.is_called(b"joe"));
        assert_eq!(User::by_full_name(b"no such user here"), Ok(None));
    }

    #[test]
    fn when_a_user_does_not_exist_then_the_answer_is_none() {
        assert_eq!(User::by_name(b"no-such-user-here"), Ok(None));
        assert_eq!(User::by_name(b"nul\0inside"), Ok(None));
        assert_eq!(User::by_name(b"\xff\xfe"), Ok(None));
        assert_eq!(User::by_uid(3_999_999_999), Ok(None));
        assert_eq!(Group::by_name(b"no-such-group-here"), Ok(None));
    }

    #[test]
    fn the_first_group_is_found_by_number_and_name() {
        let first = Group::by_gid(0).unwrap().unwrap();
        assert_eq!(Group::by_name(&first.name), Ok(Some(first)));
    }
}
