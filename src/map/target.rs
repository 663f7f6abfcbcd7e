//! The file that a database is written to: checked, and replaced at one stroke.

use std::collections::hash_map::RandomState;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::hash::BuildHasher;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use bstr::BString;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{AccessFlags, access, geteuid};

use crate::sys::safe_file;

/// Mode of a new database, before the umask.
const NEW_MODE: u32 = 0o640;
/// How often a name for the temporary file, or the lock of the right file, is tried for.
const TRIES: u32 = 100;
/// Bits of a mode that go from the old file to the new one.
const MODE_BITS: u32 = 0o7777;

/// Which checks a target goes through.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TargetOptions {
    /// Links to the file, symbolic or hard, are followed and not refused.
    pub links_allowed: bool,
    /// User and group that own a new file, and from now on an old one; needs root.
    pub owner: Option<u32>,
}

/// A database file that will be read or replaced.
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    options: TargetOptions,
    existing: Option<(File, Metadata)>,
}

impl Target {
    /// Looks at the file called `path`, locks it if it is there, and refuses what is no safe place to write to.
    ///
    /// # Errors
    /// The reason in the original's words, such as `Symbolic links not allowed`.
    pub fn open(path: &Path, options: TargetOptions) -> io::Result<Target> {
        let path = match fs::symlink_metadata(path) {
            Ok(found) if found.is_symlink() && options.links_allowed => fs::canonicalize(path)?,
            _ => path.to_owned(),
        };
        for _ in 0..TRIES {
            let Some((file, metadata)) = open_existing(&path, options, true)? else {
                // Said now, not when all lines have been read.
                access(parent(&path), AccessFlags::W_OK | AccessFlags::X_OK)?;
                return Ok(Target { path, options, existing: None });
            };
            file.lock()?;
            // Somebody may have replaced the file while we waited for the lock of the old one.
            let same =
                fs::symlink_metadata(&path).is_ok_and(|now| (now.dev(), now.ino()) == (metadata.dev(), metadata.ino()));
            if same {
                return Ok(Target { path, options, existing: Some((file, metadata)) });
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// Opens the file called `path` for reading only, after the same checks, without a lock.
    pub fn read(path: &Path, options: TargetOptions) -> io::Result<File> {
        match open_existing(path, options, false)? {
            Some((file, _)) => Ok(file),
            None => Err(Errno::ENOENT.into()),
        }
    }

    /// Returns another descriptor of the file as it is now, if it is there.
    pub fn existing(&self) -> io::Result<Option<File>> {
        self.existing.as_ref().map(|(file, _)| file.try_clone()).transpose()
    }

    /// Returns what the postmaster should know of the folder: others than the owner may write to it.
    pub fn warning(&self) -> Option<BString> {
        let folder = parent(&self.path);
        let mode = fs::metadata(folder).ok()?.mode();
        let who = match mode & 0o022 {
            0 => return None,
            0o020 => "Group",
            _ => "World",
        };
        Some(format!("WARNING: {who} writable directory {}", folder.display()).into())
    }

    /// Replaces the file by `bytes`, durably: after a crash there is the old one or the new one.
    ///
    /// The new one has owner and mode of the old one. Who may write to the file but not replace it so, writes over it.
    pub fn replace(self, bytes: &[u8]) -> io::Result<()> {
        match (self.write_beside(bytes), &self.existing) {
            (Err(error), Some((file, _))) if error.kind() == io::ErrorKind::PermissionDenied => write_over(file, bytes),
            (result, _) => result,
        }
    }

    fn write_beside(&self, bytes: &[u8]) -> io::Result<()> {
        let (mut file, temporary) = self.create_temporary()?;
        let written = self.take_on_owner(&file).and_then(|()| {
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, &self.path)
        });
        if let Err(error) = written {
            // The first error is the one to tell; a left-over file harms nobody.
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        File::open(parent(&self.path))?.sync_all()
    }

    fn create_temporary(&self) -> io::Result<(File, PathBuf)> {
        let mode = if self.existing.is_some() { 0o600 } else { NEW_MODE };
        for attempt in 0..TRIES {
            let mut name = OsString::from(".");
            name.push(self.path.file_name().unwrap_or(OsStr::new("map")));
            name.push(format!(".{}.{attempt}", std::process::id()));
            let temporary = self.path.with_file_name(name);
            match OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(file) => return Ok((file, temporary)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Gives the new file owner and mode of the old one.
    fn take_on_owner(&self, file: &File) -> io::Result<()> {
        let (old_uid, old_gid) = match &self.existing {
            Some((_, old)) => (Some(old.uid()), Some(old.gid())),
            None => (None, None),
        };
        let uid = self.options.owner.or(old_uid);
        let now = file.metadata()?;
        if uid.is_some_and(|uid| uid != now.uid()) || old_gid.is_some_and(|gid| gid != now.gid()) {
            fchown(file, uid, old_gid)?;
        }
        // After the owner: a change of owner takes bits away.
        match &self.existing {
            Some((_, old)) => file.set_permissions(Permissions::from_mode(old.mode() & MODE_BITS)),
            None => Ok(()),
        }
    }
}

fn open_existing(path: &Path, options: TargetOptions, write: bool) -> io::Result<Option<(File, Metadata)>> {
    let refuse = |reason: &'static str| Err(io::Error::other(reason));
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(found) if found.is_symlink() && !options.links_allowed => return refuse("Symbolic links not allowed"),
        Ok(_) => {}
    }
    let mut flags = OFlag::O_NONBLOCK;
    if !options.links_allowed {
        flags |= OFlag::O_NOFOLLOW;
    }
    let opened = OpenOptions::new().read(true).write(write).custom_flags(flags.bits()).open(path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => return refuse("Regular files only"),
        other => other?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return refuse("Regular files only");
    }
    if metadata.nlink() > 1 && !options.links_allowed {
        return refuse("Hard links not allowed");
    }
    let needed = if write { safe_file::READ | safe_file::WRITE } else { safe_file::READ };
    // As in the original, root writes over no file that is another user's or that its owner may not write to.
    if geteuid().is_root() && !safe_file::grants(&metadata, needed, options.owner) {
        return Err(Errno::EACCES.into());
    }
    Ok(Some((file, metadata)))
}

/// Writes over a file whose folder is not ours to write to, while holding its lock.
fn write_over(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    use std::io::Seek;
    file.rewind()?;
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)?;
    file.sync_all()
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Returns an id that no other database has: libdb tells files apart by it.
pub fn new_file_id() -> [u8; 20] {
    let mut id = [0; 20];
    for (part, bytes) in id.chunks_mut(8).enumerate() {
        // Each state of std's hash tables has a seed of its own.
        let drawn = RandomState::new().hash_one((part, std::process::id()));
        bytes.copy_from_slice(&drawn.to_ne_bytes()[..bytes.len()]);
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: TargetOptions = TargetOptions { links_allowed: false, owner: None };
    const LOOSE: TargetOptions = TargetOptions { links_allowed: true, owner: None };

    fn room() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    #[track_caller]
    fn refused(path: &Path, reason: &str) {
        assert_eq!(Target::open(path, STRICT).expect_err("it is not safe").to_string(), reason);
    }

    #[test]
    fn a_new_file_appears_whole() {
        let room = room();
        let path = room.path().join("x.db");
        Target::open(&path, STRICT).and_then(|target| target.replace(b"new")).expect("our folder");
        assert_eq!(fs::read(&path).expect("written"), b"new");
        assert_eq!(fs::metadata(&path).expect("written").mode() & 0o137, 0o000);
        assert_eq!(fs::read_dir(room.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn a_replaced_file_keeps_its_mode() {
        let room = room();
        let path = room.path().join("x.db");
        fs::write(&path, b"old").expect("the disk has room");
        fs::set_permissions(&path, Permissions::from_mode(0o604)).expect("ours");
        let before = fs::metadata(&path).expect("written").ino();
        Target::open(&path, STRICT).and_then(|target| target.replace(b"new")).expect("our folder");
        let after = fs::metadata(&path).expect("written");
        assert_eq!((fs::read(&path).expect("written"), after.mode() & 0o777), (b"new".to_vec(), 0o604));
        assert_ne!(after.ino(), before);
    }

    #[test]
    fn links_are_refused_unless_allowed() {
        let room = room();
        let (path, link) = (room.path().join("x.db"), room.path().join("link.db"));
        fs::write(&path, b"old").expect("the disk has room");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        refused(&link, "Symbolic links not allowed");
        Target::open(&link, LOOSE).and_then(|target| target.replace(b"new")).expect("our folder");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read(&path).expect("written"), b"new");
        fs::remove_file(&link).expect("ours");
        fs::hard_link(&path, &link).expect("a link");
        refused(&link, "Hard links not allowed");
        Target::open(&link, LOOSE).expect("allowed");
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let room = room();
        refused(room.path(), "Regular files only");
        let missing = room.path().join("none/x.db");
        let error = Target::open(&missing, STRICT).and_then(|target| target.replace(b"")).expect_err("no folder");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_the_owner_may_not_write_to_is_not_replaced() {
        let room = room();
        let path = room.path().join("x.db");
        fs::write(&path, b"old").expect("the disk has room");
        for mode in [0o400, 0o000] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("ours");
            let error = Target::open(&path, STRICT).expect_err("it is closed");
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        }
        if geteuid().is_root() {
            fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("ours");
            std::os::unix::fs::chown(&path, Some(65_533), Some(65_533)).expect("we are root");
            assert!(Target::open(&path, STRICT).is_err());
            assert!(Target::open(&path, TargetOptions { owner: Some(65_533), ..STRICT }).is_ok());
        }
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_told() {
        let room = room();
        let path = room.path().join("x.db");
        for (mode, expected) in [(0o755, None), (0o775, Some("Group")), (0o1777, Some("World"))] {
            fs::set_permissions(room.path(), Permissions::from_mode(mode)).expect("ours");
            let warning = Target::open(&path, STRICT).expect("our folder").warning();
            let expected = expected.map(|who| format!("WARNING: {who} writable directory {}", room.path().display()));
            assert_eq!(warning.map(|text| text.to_string()), expected);
        }
    }

    #[test]
    fn ids_differ() {
        assert_ne!(new_file_id(), new_file_id());
    }
}
