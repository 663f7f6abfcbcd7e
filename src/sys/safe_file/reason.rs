//! Why a file is not used, in the original's words.

use std::io;

use nix::errno::Errno;

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
    #[error("{}", said(*.0))]
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

/// Returns the system's words, as C programs print them.
fn said(errno: Errno) -> String {
    let text = io::Error::from(errno).to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
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
