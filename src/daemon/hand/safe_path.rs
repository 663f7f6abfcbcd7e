//! Files that a user's or an administrator's word depends on: used only if nobody else can have written them.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

use super::files::regular;

/// Write permission of group and others.
const FOREIGN_WRITE: u32 = 0o022;

/// The bit that keeps others from renaming what is not theirs.
const STICKY: u32 = 0o1000;

/// Opens `path` for reading if it belongs to `uid` or root, only they can write it, and nobody else can have put it
/// there: no directory on the way is writable for others.
///
/// # Errors
/// There is none, or it is not safe.
pub(super) fn open(path: &Path, uid: u32) -> io::Result<(File, u32)> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    // The way is looked at as it really is; the last name is opened without following a link.
    let parent = fs::canonicalize(parent)?;
    check_directories(&parent, uid)?;
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(parent.join(name))?;
    let (file, owner) = regular(file)?;
    let found = file.metadata()?;
    if owner != uid && owner != 0 {
        return Err(denied("owned by another user"));
    }
    if found.mode() & FOREIGN_WRITE != 0 {
        return Err(denied("writable by others"));
    }
    if found.nlink() != 1 {
        return Err(denied("has another name (hard link)"));
    }
    Ok((file, owner))
}

/// Checks a directory and all above it.
fn check_directories(directory: &Path, uid: u32) -> io::Result<()> {
    for place in directory.ancestors() {
        let found = fs::symlink_metadata(place)?;
        let foreign = found.uid() != 0 && found.uid() != uid;
        let writable = found.mode() & FOREIGN_WRITE != 0 && found.mode() & STICKY == 0;
        if foreign || writable {
            return Err(denied(&format!("{} is writable by others", place.display())));
        }
    }
    Ok(())
}

fn denied(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("not a safe file: {why}"))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use nix::unistd::geteuid;

    use super::*;

    #[track_caller]
    fn check(prepare: impl FnOnce(&Path), expected: bool) {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join(".forward");
        fs::write(&path, "x").expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("ours");
        prepare(&path);
        assert_eq!(open(&path, geteuid().as_raw()).is_ok(), expected);
    }

    #[test]
    fn a_file_of_the_users_own_is_used() {
        check(|_| {}, true);
    }

    #[test]
    fn a_file_or_directory_that_others_can_write_is_not() {
        check(|path| fs::set_permissions(path, Permissions::from_mode(0o664)).expect("ours"), false);
        check(
            |path| {
                let folder = path.parent().expect("a directory");
                fs::set_permissions(folder, Permissions::from_mode(0o777)).expect("ours");
            },
            false,
        );
    }

    #[test]
    fn links_are_not_fooled_by() {
        check(|path| fs::hard_link(path, path.with_extension("two")).expect("linked"), false);
        check(
            |path| {
                let target = path.with_extension("target");
                fs::rename(path, &target).expect("moved");
                std::os::unix::fs::symlink(&target, path).expect("linked");
            },
            false,
        );
    }
}
