//! Why a file is not used, in the original's words.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use bstr::ByteSlice;
use nix::errno::Errno;

use super::super::errors::reason_of;
use super::super::shell::quoted;
use super::{GROUP_WRITE, READ, STICKY, WORLD_WRITE, directory_of};

/// Why a file is not used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unsafe {
    /// It is a symbolic link.
    #[error("Symbolic links not allowed")]
    SymbolicLink,
    /// It has a second name.
    #[error("Hard links not allowed")]
    HardLink,
    /// It is a directory, a device or the like.
    #[error("Regular files only")]
    NotRegular,
    /// It is to be written and may be executed.
    #[error("Executable files not allowed")]
    Executable,
    /// Everybody can write a directory on the way.
    #[error("World writable directory")]
    WorldWritableDirectory,
    /// A group can write a directory on the way.
    #[error("Group writable directory")]
    GroupWritableDirectory,
    /// It was another file when it was looked at.
    #[error("File changed after open")]
    Changed,
    /// Everybody can write it.
    #[error("World writable file")]
    WorldWritable,
    /// A group can write it.
    #[error("Group writable file")]
    GroupWritable,
    /// The system says so, or would say so to the one whose rights count.
    #[error("{}", reason_of(*.0))]
    System(Errno),
}

impl Unsafe {
    /// Returns what traces call it.
    pub(super) fn traced(self) -> String {
        match self {
            Self::SymbolicLink => "E_SM_NOSLINK".into(),
            Self::HardLink => "E_SM_NOHLINK".into(),
            Self::NotRegular => "E_SM_REGONLY".into(),
            Self::Executable => "E_SM_ISEXEC".into(),
            Self::WorldWritable => "E_SM_WWFILE".into(),
            Self::GroupWritable => "E_SM_GWFILE".into(),
            Self::System(Errno::EACCES) => "EACCES".into(),
            other => other.to_string(),
        }
    }
}

/// Returns the command after which `path` is no longer refused in the words that end `told`: it takes a right from others, or
/// gives the owner his own.
///
/// The words themselves name no directory. There is no such command for one that is everybody's by its nature, as `/tmp`.
pub fn remedy(path: &[u8], told: &[u8]) -> Option<String> {
    let path = Path::new(OsStr::from_bytes(path));
    if told.ends_with_str(reason_of(Errno::EACCES)) {
        let is_closed = fs::metadata(path).is_ok_and(|found| found.is_file() && found.mode() & READ == 0);
        return is_closed.then(|| format!("chmod u+rw {}", quoted(path.as_os_str().as_bytes())));
    }
    let is_told = |reason: Unsafe| told.ends_with_str(reason.to_string());
    let (of_directory, right, letter) = match () {
        () if is_told(Unsafe::WorldWritableDirectory) => (true, WORLD_WRITE, 'o'),
        () if is_told(Unsafe::GroupWritableDirectory) => (true, GROUP_WRITE, 'g'),
        () if is_told(Unsafe::WorldWritable) => (false, WORLD_WRITE, 'o'),
        () if is_told(Unsafe::GroupWritable) => (false, GROUP_WRITE, 'g'),
        () => return None,
    };
    let places: Vec<PathBuf> = if of_directory { directories_above(path) } else { vec![path.to_owned()] };
    let mode = |place: &PathBuf| fs::metadata(place).map_or(0, |found| found.mode());
    // What everybody can write is not called a group's.
    let foreign = right | WORLD_WRITE;
    let place = places.into_iter().find(|place| mode(place) & foreign == right)?;
    (!of_directory || mode(&place) & STICKY == 0)
        .then(|| format!("chmod {letter}-w {}", quoted(place.as_os_str().as_bytes())))
}

/// Returns the directories that lead to `path`, from the root on: those of its name, then those that its links lead by.
fn directories_above(path: &Path) -> Vec<PathBuf> {
    let named = directory_of(path).to_owned();
    let real = fs::canonicalize(&named).unwrap_or_default();
    let above = |place: PathBuf| {
        let mut places: Vec<PathBuf> = place.ancestors().map(Path::to_owned).collect();
        places.reverse();
        places
    };
    [above(named), above(real)].concat()
}

impl From<Errno> for Unsafe {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

impl From<io::Error> for Unsafe {
    fn from(error: io::Error) -> Self {
        Self::System(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
    }
}

impl From<Unsafe> for io::Error {
    fn from(reason: Unsafe) -> Self {
        match reason {
            Unsafe::System(errno) => errno.into(),
            other => Self::new(io::ErrorKind::PermissionDenied, other),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn what_is_too_open_is_named_with_the_command_that_closes_it() {
        let room = tempfile::tempdir().expect("a directory");
        let [open, link, shared] = ["open", "link", "shared"].map(|name| room.path().join(name));
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
        for (path, mode) in [(&open, 0o777), (&shared, 0o775)] {
            fs::create_dir_all(path.join("in")).expect("made");
            set(path, mode);
            fs::write(path.join("in/file"), "").expect("written");
        }
        symlink(shared.join("in"), &link).expect("linked");
        set(&open.join("in/file"), 0o666);
        let check = |path: &Path, reason: Unsafe, expected: Option<String>| {
            let name = path.as_os_str().as_bytes();
            assert_eq!(remedy(name, format!("unsafe: {reason}").as_bytes()), expected, "{}", path.display());
        };
        let command = |letter: char, path: &Path| Some(format!("chmod {letter}-w {}", path.display()));
        check(&open.join("in/file"), Unsafe::WorldWritable, command('o', &open.join("in/file")));
        check(&shared.join("in/file"), Unsafe::GroupWritableDirectory, command('g', &shared));
        check(&link.join("file"), Unsafe::GroupWritableDirectory, command('g', &shared));
        check(&open.join("in/file"), Unsafe::HardLink, None);
        check(&open.join("in/absent"), Unsafe::System(Errno::ENOENT), None);
        set(&open, 0o1777);
        check(&open.join("in/absent"), Unsafe::WorldWritableDirectory, None);
    }
}
