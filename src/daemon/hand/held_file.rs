//! A file that is a recipient (`/file` in an alias or `.forward`): locked, appended to, cut back if that fails.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bstr::ByteSlice;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

use super::{Charter, Failure, failure_of, refusal, sources};
use crate::keeper::request::FailureKind;
use crate::sys::lock::{self, Patience};
use crate::sys::safe_file::{Kind, Unsafe};
use crate::sys::user::User;

/// The part of TempFileMode that a file which is made can have: nobody's rights come with it.
const MODE_MASK: u32 = 0o777;

/// What marks a file that is written to as its owner, or its group.
const SET_UID: u32 = 0o4000;
const SET_GID: u32 = 0o2000;

/// A file that is held; dropped, it gets its old length back.
#[derive(Debug)]
pub(super) struct HeldFile {
    path: PathBuf,
    file: File,
    old_len: u64,
    kept: bool,
}

impl HeldFile {
    /// Opens and locks the file `name` with the rights of `user`; one that is not there is made.
    pub(super) fn open(charter: &Charter, name: &[u8], user: &User) -> Result<Self, Failure> {
        let place = Place::of(&charter.config.options.safe_file_environment, name);
        let writer = Writer::of(&place.path(), user)?;
        Self::hold(charter, &place, &writer, Kind::Recipient)
    }

    /// Opens and locks `path`, where mail of `user` is kept that cannot be sent.
    pub(super) fn open_dead_letter(charter: &Charter, path: &Path, user: &User) -> Result<Self, Failure> {
        let writer = Writer { user: user.clone(), lender: None };
        Self::hold(charter, &Place::of(b"", path.as_os_str().as_bytes()), &writer, Kind::DeadLetter)
    }

    fn hold(charter: &Charter, place: &Place, writer: &Writer, kind: Kind) -> Result<Self, Failure> {
        let path = place.path();
        let inspector = charter.inspector.acting_as(&writer.user);
        let mode = charter.config.options.temp_file_mode & MODE_MASK;
        let opened = sources::with_rights_of(&charter.config, &writer.user, || -> Result<File, Unsafe> {
            let before = inspector.check_before_writing(&path, kind)?;
            // A new file becomes executable, if it must, when it was checked: nobody is mailed to a program.
            let file = place.open(inspector.follows_links(kind), writer.lender.is_none(), mode & !0o111)?;
            inspector.check_opened(&file, before.as_ref(), kind)?;
            if before.is_none() {
                // Whatever the umask of whoever started this.
                file.set_permissions(Permissions::from_mode(mode))?;
            }
            if writer.lender.is_some() {
                inspector.check_opened(&file, writer.lender.as_ref(), kind)?;
            }
            Ok(file)
        })?;
        let shown = path.display();
        let file = opened.map_err(|reason| {
            let failure = failure_of("", &reason.into());
            Failure { text: format!("{shown}: {reason}").into(), ..failure }
        })?;
        let locked = lock::exclusive(file.as_fd(), Patience::Try).map_err(|error| failure_of("a lock", &error))?;
        if !locked {
            return Err(refusal(FailureKind::Locked {}, format!("{shown}: locked by another")));
        }
        let old_len = file.metadata().map_err(|error| failure_of("a file", &error))?.len();
        Ok(Self { path, file, old_len, kept: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn old_len(&self) -> u64 {
        self.old_len
    }

    /// Returns the number of the file's owner.
    pub(super) fn owner(&self) -> Option<u32> {
        self.file.metadata().ok().map(|found| found.uid())
    }

    /// Keeps what was appended.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl AsFd for HeldFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for HeldFile {
    fn drop(&mut self) {
        if !self.kept {
            // If even that fails, the message stays in the queue and comes again whole.
            let _ = self.file.set_len(self.old_len);
        }
        // A program that is being started may still have a copy of the descriptor.
        let _ = lock::unlock(self.file.as_fd());
    }
}

/// Where a recipient's file is.
struct Place {
    /// What is above it cannot be reached: option SafeFileEnvironment, or the root.
    base: PathBuf,
    /// The names of the folders below, and the file's.
    names: Vec<Vec<u8>>,
}

impl Place {
    /// Finds `name` below `base`, whether it begins with that or not; none climbs above it.
    fn of(base: &[u8], name: &[u8]) -> Self {
        let base = base.trim_end_with(|byte| byte == '/');
        let inside = name.strip_prefix(base).filter(|rest| rest.starts_with(b"/")).unwrap_or(name);
        let mut names: Vec<Vec<u8>> = Vec::new();
        for part in inside.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." if !base.is_empty() => drop(names.pop()),
                _ => names.push(part.to_vec()),
            }
        }
        Self { base: PathBuf::from(OsStr::from_bytes(base)), names }
    }

    fn path(&self) -> PathBuf {
        let root = if self.base.as_os_str().is_empty() { Path::new("/") } else { &self.base };
        self.names.iter().fold(root.to_owned(), |path, name| path.join(OsStr::from_bytes(name)))
    }

    /// Opens the file for appending; below a base of the site's, no link leads out of it.
    fn open(&self, follows_links: bool, creates: bool, mode: u32) -> io::Result<File> {
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let nofollow = if follows_links { OFlag::empty() } else { OFlag::O_NOFOLLOW };
        if self.base.as_os_str().is_empty() {
            let mut how = OpenOptions::new();
            return how
                .append(true)
                .create(creates)
                .mode(mode)
                .custom_flags((flags | nofollow).bits())
                .open(self.path());
        }
        let (name, folders) = self.names.split_last().ok_or(io::ErrorKind::IsADirectory)?;
        let folder = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let mut at: OwnedFd = open(&self.base, folder, Mode::empty())?;
        for name in folders {
            at = openat(&at, name.as_slice(), folder | OFlag::O_NOFOLLOW, Mode::empty())?;
        }
        let create = if creates { OFlag::O_CREAT } else { OFlag::empty() };
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_WRONLY | OFlag::O_APPEND | create;
        Ok(openat(&at, name.as_slice(), flags, Mode::from_bits_truncate(u16::try_from(mode).unwrap_or(0o600).into()))?
            .into())
    }
}

/// As whom a file is written.
struct Writer {
    user: User,
    /// The file whose mark lends its owner's rights, or its group's: they hold for that file and no other.
    lender: Option<Metadata>,
}

impl Writer {
    /// Returns `user`, or the owner who has marked the file so (op guide, "File Modes").
    fn of(path: &Path, user: &User) -> Result<Self, Failure> {
        let mut writer = Self { user: user.clone(), lender: None };
        let Ok(found) = fs::metadata(path) else { return Ok(writer) };
        if !found.is_file() || found.mode() & 0o111 != 0 || found.mode() & (SET_UID | SET_GID) == 0 {
            return Ok(writer);
        }
        if found.mode() & SET_UID != 0 {
            let owner = User::by_uid(found.uid());
            let owner = owner.map_err(|error| refusal(FailureKind::Temporary {}, error.to_string()))?;
            writer.user = owner.unwrap_or_else(|| User::nameless(found.uid(), found.gid()));
        }
        if found.mode() & SET_GID != 0 {
            writer.user.gid = found.gid();
        }
        writer.lender = Some(found);
        Ok(writer)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use nix::unistd::geteuid;

    use super::*;
    use crate::cf::Config;
    use crate::sys::safe_file::Listeners;

    fn open_at(path: &Path, base: &[u8]) -> Result<HeldFile, Failure> {
        let mut config = Config::default();
        config.options.safe_file_environment = base.into();
        let user = User::by_uid(geteuid().as_raw()).expect("asked").expect("we are somebody");
        HeldFile::open(&Charter::new(config, false, Listeners::default()), path.as_os_str().as_bytes(), &user)
    }

    fn append(held: &HeldFile, text: &[u8]) {
        File::from(held.as_fd().try_clone_to_owned().expect("a copy")).write_all(text).expect("appended");
    }

    /// Makes a folder that root may use as everybody may.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a directory");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("ours");
        folder
    }

    fn write(path: &Path, text: &str) {
        fs::write(path, text).expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).expect("ours");
    }

    #[test]
    fn when_it_is_not_kept_then_the_old_length_is_back() {
        let folder = folder();
        let path = folder.path().join("file");
        write(&path, "old");
        let held = open_at(&path, b"").expect("opened");
        append(&held, b"new");
        assert!(open_at(&path, b"").is_err_and(|failure| failure.kind == FailureKind::Locked {}));
        drop(held);
        assert_eq!(fs::read(&path).expect("there"), b"old");
        let held = open_at(&path, b"").expect("opened");
        append(&held, b"new");
        held.keep();
        assert_eq!(fs::read(&path).expect("there"), b"oldnew");
    }

    #[test]
    fn links_programs_and_folders_are_refused() {
        let folder = folder();
        let path = folder.path().join("file");
        let refused = |path: &Path| open_at(path, b"").expect_err("refused").text.to_string();
        write(&path, "x");
        let link = folder.path().join("link");
        symlink(&path, &link).expect("linked");
        assert!(refused(&link).ends_with("/link: Symbolic links not allowed"));
        fs::hard_link(&path, folder.path().join("two")).expect("linked");
        assert!(refused(&path).ends_with("/file: Hard links not allowed"));
        fs::remove_file(folder.path().join("two")).expect("ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
        assert!(refused(&path).ends_with("/file: Executable files not allowed"));
        refused(folder.path());
    }

    #[test]
    fn the_rights_that_a_file_lends_hold_for_no_other() {
        let folder = folder();
        let [marked, other, absent] = ["marked", "other", "absent"].map(|name| folder.path().join(name));
        write(&marked, "");
        write(&other, "whole");
        fs::set_permissions(&marked, fs::Permissions::from_mode(0o4600)).expect("ours");
        let us = User::by_uid(geteuid().as_raw()).expect("asked").expect("we are somebody");
        let writer = Writer::of(&marked, &us).expect("looked at");
        assert!(writer.lender.is_some());
        let charter = Charter::new(Config::default(), false, Listeners::default());
        let hold = |path: &Path| {
            HeldFile::hold(&charter, &Place::of(b"", path.as_os_str().as_bytes()), &writer, Kind::DeadLetter)
        };
        hold(&marked).expect("the file that was looked at");
        hold(&other).expect_err("swapped in between");
        hold(&absent).expect_err("gone in between");
        assert!(!absent.exists());
    }

    #[test]
    fn nothing_above_the_safe_environment_is_reached() {
        let folder = folder();
        let base = folder.path().join("safe");
        fs::create_dir_all(base.join("in")).expect("made");
        let bytes = base.as_os_str().as_bytes();
        open_at(Path::new("/in/new"), bytes).expect("opened").keep();
        assert!(base.join("in/new").exists());
        write(&base.join("in/file"), "");
        for name in ["/in/file", "/../in/../../in/file"] {
            open_at(Path::new(name), bytes).expect("opened").keep();
        }
        open_at(&base.join("in/file"), bytes).expect("opened").keep();
        symlink(folder.path(), base.join("out")).expect("linked");
        open_at(Path::new("/out/file"), bytes).expect_err("a link leads out");
        assert!(!folder.path().join("file").exists());
    }
}
