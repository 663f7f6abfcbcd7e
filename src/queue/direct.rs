//! The holder of queue directories for a process that may open the files itself.
//!
//! Every name is looked up in an opened directory; nothing follows a link; what is locked is compared with its name.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::{Arc, RwLock};

use bstr::{BString, ByteSlice};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{Mode, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, fsync, unlinkat};

use super::layout::{Layout, LayoutError};
use super::spool::{
    Answers, Discard, EntryName, FileKind, Hold, Move, OpenEntry, Opened, Pair, Pending, Space, Spool, SpoolDirectory,
    SpoolError, Step, Swept,
};
use crate::name::QueueId;
use crate::sys::lock::{self, Patience, same_file};

/// How often an opening is tried again because the name has become another file meanwhile.
const RACE_TRIES_MAX: u32 = 16;

/// The mode of queue files unless `QueueFileMode` says otherwise.
const DEFAULT_FILE_MODE: u32 = 0o600;

/// Queue directories that this process opens itself.
pub struct DirectSpool {
    directories: Vec<SpoolDirectory>,
    /// The directories, opened; a directory that was removed is opened again, should there be a new one.
    places: Vec<RwLock<Arc<Place>>>,
    file_mode: u32,
}

/// One queue directory, opened.
struct Place {
    /// Where `qf`, `tf`, `hf`, `Qf` are.
    control: OwnedFd,
    /// Where `df` are, if elsewhere.
    data: Option<OwnedFd>,
    /// Where `xf` are, if elsewhere.
    transcript: Option<OwnedFd>,
}

impl DirectSpool {
    /// Opens the directories of a configuration; `file_mode` 0 means the usual one.
    ///
    /// # Errors
    /// A directory cannot be opened.
    pub fn open(layout: &Layout, file_mode: u32) -> Result<Self, LayoutError> {
        let directories = layout.directories()?;
        let mut places = Vec::with_capacity(directories.len());
        for directory in &directories {
            let place = Place::open(&directory.path).map_err(|source| LayoutError {
                call: "chdir",
                path: format!("{}/", directory.path).into(),
                source,
            })?;
            places.push(RwLock::new(Arc::new(place)));
        }
        let file_mode = if file_mode == 0 { DEFAULT_FILE_MODE } else { file_mode & 0o777 };
        Ok(Self { directories, places, file_mode })
    }

    /// Returns the path of a directory as queue listings show it.
    // QUIRK(listed-subdirectory): a queue directory with a df sub-directory is listed as that one.
    pub fn listed_path(&self, directory: u16) -> BString {
        let index = usize::from(directory);
        let path = self.directories.get(index).map(|known| known.path.clone()).unwrap_or_default();
        match self.open_place(directory) {
            Some(place) if place.data.is_some() => format!("{path}/df").into(),
            _ => path,
        }
    }

    /// Returns the room on the disk of a directory.
    fn measure(&self, directory: u16) -> io::Result<Space> {
        let place = self.open_place(directory).ok_or(io::ErrorKind::NotFound)?;
        let space = crate::sys::host::Space::of_file(place.directory(FileKind::Data).as_fd())?;
        let block_bytes = space.block_bytes.max(1);
        Ok(Space { blocks_free: space.available_bytes / block_bytes, block_bytes })
    }

    /// Returns an open directory; none if there is none of that number.
    fn open_place(&self, directory: u16) -> Option<Arc<Place>> {
        let slot = self.places.get(usize::from(directory))?;
        let place = Arc::clone(&slot.read().expect("no holder panics"));
        if !place.is_removed() {
            return Some(place);
        }
        // As long as there is no new one, what is asked fails, and says that there is no such directory.
        let path = &self.directories[usize::from(directory)].path;
        let Ok(new) = Place::open(path).map(Arc::new) else { return Some(place) };
        *slot.write().expect("no holder panics") = Arc::clone(&new);
        Some(new)
    }

    fn place(&self, entry: &EntryName) -> Result<Arc<Place>, SpoolError> {
        self.open_place(entry.directory).ok_or_else(|| SpoolError::Io {
            step: Step::Open,
            what: format!("queue directory number {}", entry.directory).into(),
            source: io::ErrorKind::NotFound.into(),
        })
    }

    /// Returns all directories.
    fn all_places(&self) -> impl Iterator<Item = Arc<Place>> {
        (0_u16..).zip(&self.places).filter_map(|(directory, _)| self.open_place(directory))
    }

    fn create_one(&self, entry: &EntryName) -> Result<Pair, SpoolError> {
        let place = self.place(entry)?;
        for kind in [FileKind::Control, FileKind::Quarantined] {
            if place.exists(kind, &entry.id)? {
                return Err(SpoolError::Taken(entry.clone()));
            }
        }
        let data = place.create(FileKind::Data, entry, self.file_mode)?;
        let control = place.create(FileKind::New, entry, self.file_mode).inspect_err(|_| {
            let _ = place.unlink(FileKind::Data, &entry.id);
        })?;
        Ok(Pair { data, control })
    }

    fn open_one(&self, entry: &EntryName, hold: Hold) -> Result<Opened, SpoolError> {
        let place = self.place(entry)?;
        let kinds = match hold {
            Hold::LookLost => &[FileKind::Lost][..],
            Hold::Lock | Hold::Look => &[FileKind::Control, FileKind::Quarantined],
        };
        for &kind in kinds {
            for _ in 0..RACE_TRIES_MAX {
                let Some(control) = place.open_existing(kind, &entry.id)? else { break };
                let free = lock::exclusive(control.as_fd(), Patience::Try)
                    .map_err(|source| io_error(Step::Lock, kind, &entry.id, source))?;
                if hold == Hold::Lock && !free {
                    return Ok(Opened::Busy);
                }
                if !place.is_still(&control, kind, &entry.id)? {
                    continue;
                }
                if hold != Hold::Lock && free {
                    lock::unlock(control.as_fd()).map_err(|source| io_error(Step::Lock, kind, &entry.id, source))?;
                }
                let data = self.open_data(entry)?;
                return Ok(Opened::Open(OpenEntry { kind, control, data, busy: !free }));
            }
        }
        Ok(Opened::Gone)
    }

    /// Opens the data file, which may be in another directory (the `d` line of the original).
    fn open_data(&self, entry: &EntryName) -> Result<Option<File>, SpoolError> {
        let own = self.place(entry)?;
        for place in std::iter::once(own).chain(self.all_places()) {
            if let Some(data) = place.open_existing(FileKind::Data, &entry.id)? {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    fn begin_rewrite_one(&self, entry: &EntryName) -> Result<File, SpoolError> {
        let place = self.place(entry)?;
        for _ in 0..RACE_TRIES_MAX {
            match place.create(FileKind::New, entry, self.file_mode) {
                Err(SpoolError::Taken(_)) => {}
                result => return result,
            }
            // We hold the control file: one that is not locked is left from a crash.
            if let Some(stale) = place.open_existing(FileKind::New, &entry.id)? {
                let free = lock::exclusive(stale.as_fd(), Patience::Try)
                    .map_err(|source| io_error(Step::Lock, FileKind::New, &entry.id, source))?;
                if free && place.is_still(&stale, FileKind::New, &entry.id)? {
                    place.unlink(FileKind::New, &entry.id)?;
                }
            }
        }
        Err(io_error(Step::Lock, FileKind::New, &entry.id, io::ErrorKind::WouldBlock.into()))
    }

    fn rename_one(&self, step: &Move) -> Result<(), SpoolError> {
        let Move { entry, from, to } = step;
        if !from.may_become(*to) {
            return Err(SpoolError::BadMove { entry: entry.clone(), from: *from, to: *to });
        }
        let place = self.place(entry)?;
        let (old, new) = (file_name(*from, &entry.id), file_name(*to, &entry.id));
        renameat(&place.control, old.as_str(), &place.control, new.as_str())
            .map_err(|errno| io_error(Step::Rename, *from, &entry.id, errno.into()))
    }

    fn remove_one(&self, entry: &EntryName) -> Result<(), SpoolError> {
        let place = self.place(entry)?;
        place.unlink(FileKind::Control, &entry.id)?;
        place.unlink(FileKind::Quarantined, &entry.id)?;
        if !place.unlink(FileKind::Data, &entry.id)? {
            for other in self.all_places() {
                other.unlink(FileKind::Data, &entry.id)?;
            }
        }
        place.unlink(FileKind::Transcript, &entry.id)?;
        Ok(())
    }

    fn discard_one(&self, entry: &EntryName, what: Discard) -> Result<(), SpoolError> {
        let place = self.place(entry)?;
        if what == Discard::Entry {
            // A rename whose answer was lost may have made it stand.
            place.unlink(FileKind::Control, &entry.id)?;
            place.unlink(FileKind::Quarantined, &entry.id)?;
        }
        place.unlink(FileKind::New, &entry.id)?;
        if what == Discard::Entry {
            place.unlink(FileKind::Data, &entry.id)?;
        }
        Ok(())
    }

    fn sweep_one(&self, entry: &EntryName) -> Result<Swept, SpoolError> {
        let place = self.place(entry)?;
        let mut held = Vec::new();
        for kind in [FileKind::New, FileKind::Data, FileKind::Transcript] {
            let Some(file) = place.open_existing(kind, &entry.id)? else { continue };
            let free = lock::exclusive(file.as_fd(), Patience::Try)
                .map_err(|source| io_error(Step::Lock, kind, &entry.id, source))?;
            if !free {
                return Ok(Swept::InUse);
            }
            if place.is_still(&file, kind, &entry.id)? {
                held.push((kind, file));
            }
        }
        if held.is_empty() {
            return Ok(Swept::Gone);
        }
        let mut owned = false;
        for place in self.all_places() {
            for kind in FileKind::CONTROLS {
                owned |= place.exists(kind, &entry.id)?;
            }
        }
        for (kind, _) in &held {
            if !owned || *kind == FileKind::New {
                place.unlink(*kind, &entry.id)?;
            }
        }
        Ok(if owned { Swept::Owned } else { Swept::Removed })
    }

    fn list_one(&self, directory: u16) -> Result<Vec<(FileKind, QueueId)>, SpoolError> {
        let fail = |errno: Errno| {
            let what = self.directories.get(usize::from(directory)).map(|known| known.path.clone());
            SpoolError::Io { step: Step::List, what: what.unwrap_or_default(), source: errno.into() }
        };
        let place = self.open_place(directory).ok_or_else(|| fail(Errno::ENOENT))?;
        if place.is_removed() {
            return Err(fail(Errno::ENOENT));
        }
        let mut found = Vec::new();
        for fd in [Some(&place.control), place.data.as_ref(), place.transcript.as_ref()].into_iter().flatten() {
            let mut listing = nix::dir::Dir::openat(fd, ".", directory_flags(), Mode::empty()).map_err(fail)?;
            for item in listing.iter() {
                let item = item.map_err(fail)?;
                found.extend(FileKind::split(item.file_name().to_bytes()));
            }
        }
        Ok(found)
    }
}

impl Place {
    fn open(path: &[u8]) -> io::Result<Self> {
        use std::os::unix::ffi::OsStrExt;
        let path = std::path::Path::new(std::ffi::OsStr::from_bytes(path));
        let base = nix::fcntl::open(path, directory_flags(), Mode::empty())?;
        let sub = |name: &str| match openat(&base, name, directory_flags(), Mode::empty()) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
            Err(errno) => Err(io::Error::from(errno)),
        };
        let (control, data, transcript) = (sub("qf")?, sub("df")?, sub("xf")?);
        // A file kind without a sub-directory of its own stays in the directory itself.
        match control {
            None => Ok(Self { control: base, data, transcript }),
            Some(control) => {
                let data = data.map_or_else(|| base.try_clone(), Ok)?;
                let transcript = transcript.map_or_else(|| base.try_clone(), Ok)?;
                Ok(Self { control, data: Some(data), transcript: Some(transcript) })
            }
        }
    }

    /// Tells whether the directory has no name any more.
    fn is_removed(&self) -> bool {
        fstat(&self.control).is_ok_and(|found| found.st_nlink == 0)
    }

    fn directory(&self, kind: FileKind) -> &OwnedFd {
        let own = match kind {
            FileKind::Data => self.data.as_ref(),
            FileKind::Transcript => self.transcript.as_ref(),
            _ => None,
        };
        own.unwrap_or(&self.control)
    }

    /// Creates a file exclusively, locks it, and checks that its name is still this file.
    fn create(&self, kind: FileKind, entry: &EntryName, file_mode: u32) -> Result<File, SpoolError> {
        let fail = |step, source| io_error(step, kind, &entry.id, source);
        let name = file_name(kind, &entry.id);
        let mode = Mode::from_bits_truncate(file_mode as nix::sys::stat::mode_t);
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = match openat(self.directory(kind), name.as_str(), flags, mode) {
            Ok(fd) => File::from(fd),
            Err(Errno::EEXIST) => return Err(SpoolError::Taken(entry.clone())),
            Err(errno) => return Err(fail(Step::Create, errno.into())),
        };
        let checked = (|| {
            let metadata = file.metadata().map_err(|source| fail(Step::Create, source))?;
            if metadata.mode() & 0o777 != file_mode {
                let wanted = std::fs::Permissions::from_mode(file_mode);
                file.set_permissions(wanted).map_err(|source| fail(Step::Create, source))?;
            }
            let free = lock::exclusive(file.as_fd(), Patience::Try).map_err(|source| fail(Step::Lock, source))?;
            // Whoever sweeps may have seen the file before it was locked; then it is theirs to remove.
            if !free || metadata.nlink() != 1 || !self.is_still(&file, kind, &entry.id)? {
                return Err(SpoolError::Taken(entry.clone()));
            }
            Ok(())
        })();
        match checked {
            Ok(()) => Ok(file),
            Err(error) => {
                if !matches!(error, SpoolError::Taken(_)) {
                    let _ = self.unlink(kind, &entry.id);
                }
                Err(error)
            }
        }
    }

    /// Opens a file for reading, if it is there and is what it should be.
    fn open_existing(&self, kind: FileKind, id: &QueueId) -> Result<Option<File>, SpoolError> {
        let name = file_name(kind, id);
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = match openat(self.directory(kind), name.as_str(), flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP | Errno::EMLINK) => {
                return Err(SpoolError::Unsafe { what: name.into(), why: "is a symbolic link" });
            }
            Err(errno) => return Err(io_error(Step::Open, kind, id, errno.into())),
        };
        let metadata = file.metadata().map_err(|source| io_error(Step::Open, kind, id, source))?;
        let why = if !metadata.is_file() {
            "is no regular file"
        } else if metadata.nlink() > 1 {
            "has more than one name"
        } else if metadata.mode() & 0o002 != 0 {
            "can be written by everybody"
        } else {
            return Ok(Some(file));
        };
        Err(SpoolError::Unsafe { what: name.into(), why })
    }

    fn is_still(&self, file: &File, kind: FileKind, id: &QueueId) -> Result<bool, SpoolError> {
        let name = file_name(kind, id);
        same_file(file.as_fd(), self.directory(kind), name.as_str())
            .map_err(|source| io_error(Step::Lock, kind, id, source))
    }

    fn exists(&self, kind: FileKind, id: &QueueId) -> Result<bool, SpoolError> {
        let name = file_name(kind, id);
        match fstatat(self.directory(kind), name.as_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(io_error(Step::Open, kind, id, errno.into())),
        }
    }

    /// Removes a file; tells whether there was one.
    fn unlink(&self, kind: FileKind, id: &QueueId) -> Result<bool, SpoolError> {
        let name = file_name(kind, id);
        match unlinkat(self.directory(kind), name.as_str(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(io_error(Step::Remove, kind, id, errno.into())),
        }
    }
}

/// Every request is done when it is made: these are a few calls to the system each.
impl Spool for DirectSpool {
    fn directories(&self) -> &[SpoolDirectory] {
        &self.directories
    }

    fn create(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<Pair>> {
        done(entries.iter().map(|entry| self.create_one(entry)).collect())
    }

    fn open(&self, entries: Vec<EntryName>, hold: Hold) -> Pending<'_, Answers<Opened>> {
        done(entries.iter().map(|entry| self.open_one(entry, hold)).collect())
    }

    fn begin_rewrite(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<File>> {
        done(entries.iter().map(|entry| self.begin_rewrite_one(entry)).collect())
    }

    fn rename(&self, moves: Vec<Move>) -> Pending<'_, Answers<()>> {
        done(moves.iter().map(|step| self.rename_one(step)).collect())
    }

    fn remove(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<()>> {
        done(entries.iter().map(|entry| self.remove_one(entry)).collect())
    }

    fn discard(&self, entries: Vec<EntryName>, what: Discard) -> Pending<'_, Answers<()>> {
        done(entries.iter().map(|entry| self.discard_one(entry, what)).collect())
    }

    fn sweep(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<Swept>> {
        done(entries.iter().map(|entry| self.sweep_one(entry)).collect())
    }

    fn list(&self, directory: u16) -> Pending<'_, Result<Vec<(FileKind, QueueId)>, SpoolError>> {
        done(self.list_one(directory))
    }

    fn sync_directory(&self, directory: u16) -> io::Result<()> {
        let place = self.open_place(directory).ok_or(io::ErrorKind::NotFound)?;
        if let Some(data) = &place.data {
            fsync(data)?;
        }
        Ok(fsync(&place.control)?)
    }

    fn space(&self, directory: u16) -> Pending<'_, io::Result<Space>> {
        done(self.measure(directory))
    }
}

fn done<'a, T: Send + 'a>(answer: T) -> Pending<'a, T> {
    Box::pin(std::future::ready(answer))
}

fn file_name(kind: FileKind, id: &QueueId) -> String {
    format!("{}{id}", kind.prefix())
}

fn directory_flags() -> OFlag {
    OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC
}

fn io_error(step: Step, kind: FileKind, id: &QueueId, source: io::Error) -> SpoolError {
    SpoolError::Io { step, what: file_name(kind, id).as_bytes().as_bstr().into(), source }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn entry() -> EntryName {
        EntryName { directory: 0, id: "6AMAKU11004711".parse().expect("an id") }
    }

    #[test]
    fn when_the_directory_is_removed_and_made_again_then_it_is_used_again() {
        let room = tempfile::tempdir().expect("a directory");
        let path = room.path().join("mqueue");
        fs::create_dir(&path).expect("made");
        let queue_directory = path.to_str().expect("plain").into();
        let spool = DirectSpool::open(&Layout { queue_directory, groups: Vec::new() }, 0).expect("there");
        fs::remove_dir(&path).expect("removed");
        let error = spool.create_one(&entry()).expect_err("no directory");
        assert_eq!(error.to_string(), "cannot create df6AMAKU11004711: No such file or directory");
        spool.list_one(0).expect_err("no directory");
        fs::create_dir(&path).expect("made");
        spool.create_one(&entry()).expect("there again");
        assert_eq!(spool.list_one(0).expect("listed").len(), 2);
    }
}
