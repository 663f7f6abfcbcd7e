//! Whether a file may be used: nobody but those who may decide can have written it, put it there, or made the way to it.
//!
//! The rules, their words and their traces (debug category 44) are the original's (op guide, "File Modes"); what option
//! DontBlameSendmail allows is taken out of the demands. What was looked at is what is used: a file that was exchanged in
//! between is refused.

mod demands;
mod reason;
mod text;
mod way;

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{getegid, geteuid, getgroups, getuid};

pub use demands::{Demands, Kind};
pub use reason::{Unsafe, remedy};
pub use text::{Reading, TextKind, Trust};

use super::user::User;
use crate::cf::{Blame, BlameFlags, Options, Principal};

/// Permission of the owner to read.
pub const READ: u32 = 0o400;

/// Permission of the owner to write.
pub const WRITE: u32 = 0o200;

const EXECUTE: u32 = 0o1;
const GROUP_WRITE: u32 = 0o020;
const WORLD_WRITE: u32 = 0o002;
const ANY_WRITE: u32 = 0o222;
const ANY_EXECUTE: u32 = 0o111;
const STICKY: u32 = 0o1000;

/// Takes a line.
pub type Tell = Arc<dyn Fn(fmt::Arguments<'_>) + Send + Sync>;

/// Who hears what.
#[derive(Clone, Default)]
pub struct Listeners {
    /// Hears everything that is looked at.
    pub trace: Option<Tell>,
    /// Hears of directories that others can write, where that is pardoned.
    pub warnings: Option<Tell>,
}

/// Whoever looks at files, with the rights that count.
#[derive(Clone)]
pub struct Inspector {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    /// Whether the process is an ordinary user's, who can harm nobody but himself.
    is_ordinary: bool,
    trusted_uid: u32,
    blamed: BlameFlags,
    /// Whether directories that a group can write are safe.
    group_directories: bool,
    /// Whether directories are safe where nobody can rename what is not his.
    sticky_directories: bool,
    listeners: Listeners,
}

impl Inspector {
    /// Returns an inspector with the rights of this process, at the site that `options` describe.
    pub fn of(options: &Options) -> Self {
        let trusted = match &options.trusted_user.user {
            Some(Principal::Id(uid)) => Some(*uid),
            // A user who cannot be asked for now is not trusted now.
            Some(Principal::Name(name)) => User::by_name(name).ok().flatten().map(|user| user.uid),
            None => None,
        };
        let mut blamed = options.dont_blame_sendmail;
        if !options.unsafe_group_writes {
            blamed.insert(Blame::GroupWritableForwardFileSafe);
            blamed.insert(Blame::GroupWritableIncludeFileSafe);
        }
        let groups = getgroups().unwrap_or_default().into_iter().map(|gid| gid.as_raw()).collect();
        Self {
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
            groups,
            is_ordinary: !getuid().is_root(),
            trusted_uid: trusted.unwrap_or(0),
            group_directories: blamed.has(Blame::GroupWritableDirPathSafe),
            sticky_directories: blamed.has(Blame::TrustStickyBit),
            blamed,
            listeners: Listeners::default(),
        }
    }

    /// Returns an inspector who tells `listeners`.
    pub fn telling(self, listeners: Listeners) -> Self {
        Self { listeners, ..self }
    }

    /// Returns an inspector who warns nobody.
    pub fn without_warnings(mut self) -> Self {
        self.listeners.warnings = None;
        self
    }

    /// Returns an inspector with the rights of `user`, as whom the process must act while files are opened; a process
    /// that is not root acts as itself, whoever is named.
    pub fn acting_as(&self, user: &User) -> Self {
        if self.uid != 0 {
            return self.clone();
        }
        Self { uid: user.uid, gid: user.gid, groups: vec![user.gid], ..self.clone() }
    }

    /// Opens `path` for reading; statistics, which are added to, also for writing.
    ///
    /// # Errors
    /// There is none, or it is not as such files must be.
    pub fn open(&self, path: &Path, kind: Kind) -> Result<File, Unsafe> {
        let access = if kind == Kind::Statistics { READ | WRITE } else { READ };
        self.open_as_demanded(path, kind.demands(self.blamed), access)
    }

    /// Checks `path` before it is written; none: it is not there yet.
    ///
    /// # Errors
    /// It is not as such files must be.
    pub fn check_before_writing(&self, path: &Path, kind: Kind) -> Result<Option<Metadata>, Unsafe> {
        self.check(path, kind.demands(self.blamed), WRITE)
    }

    /// Tells whether a file of `kind` may be a link.
    pub fn follows_links(&self, kind: Kind) -> bool {
        !kind.demands(self.blamed).has(Demands::NO_SYMLINK)
    }

    /// Checks that `file`, opened for writing, is the one that was looked at, or a new one; and that it is regular.
    ///
    /// # Errors
    /// It is not.
    pub fn check_opened(&self, file: &File, seen: Option<&Metadata>, kind: Kind) -> Result<(), Unsafe> {
        let now = file.metadata()?;
        if !now.is_file() {
            return Err(Unsafe::NotRegular);
        }
        match seen {
            Some(seen) if is_same(seen, &now) => Ok(()),
            Some(_) => Err(Unsafe::Changed),
            // What was made just now is the maker's.
            None => self.judge(&now, kind.demands(self.blamed).and(Demands::ROOT_OK), WRITE),
        }
    }

    /// Checks the program of a mailer before it is run.
    ///
    /// # Errors
    /// Others can have put it there.
    pub fn check_program(&self, path: &Path) -> Result<(), Unsafe> {
        self.check(path, Kind::Program.demands(self.blamed), 0).map(drop)
    }

    fn open_as_demanded(&self, path: &Path, demands: Demands, access: u32) -> Result<File, Unsafe> {
        let seen = self.check(path, demands, access)?.ok_or(Errno::ENOENT)?;
        // A FIFO that is put there now must not hold us up.
        let follow = if demands.has(Demands::NO_SYMLINK) { OFlag::O_NOFOLLOW } else { OFlag::empty() };
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY | follow;
        let file = OpenOptions::new().read(true).write(access & WRITE != 0).custom_flags(flags.bits()).open(path)?;
        if is_same(&seen, &file.metadata()?) { Ok(file) } else { Err(Unsafe::Changed) }
    }

    /// Checks `path` and the way to it; `access` is what the owner would need. None: it may be made.
    ///
    /// # Errors
    /// There is none, or it is not as `demands` say.
    pub fn check(&self, path: &Path, demands: Demands, access: u32) -> Result<Option<Metadata>, Unsafe> {
        let shown = path.display();
        let (uid, gid) = (self.uid, self.gid);
        self.trace(format_args!("safefile({shown}, uid={uid}, gid={gid}, flags={demands:x}, mode={access:o}):"));
        let mut demands = if self.is_ordinary { demands.without(Demands::SAFE_WAY) } else { demands };
        let found = if demands.has(Demands::NO_SYMLINK) { fs::symlink_metadata(path) } else { fs::metadata(path) };
        let (directory, mut found) = (directory_of(path), found.map_err(Unsafe::from));
        let mut check_way = !demands.has(Demands::ANY_WAY);
        if demands.has(Demands::SAFE_LINK) && !demands.has(Demands::SAFE_WAY) {
            if self.check_way(directory, demands.and(Demands::SAFE_WAY)).is_ok() {
                check_way = false;
            } else {
                found = Ok(fs::symlink_metadata(path)?);
                demands = demands.and(Demands::NO_LINK);
            }
        }
        if check_way {
            self.check_way(directory, demands)?;
        }
        match found {
            Ok(found) => self.judge(&found, demands, access).map(|()| Some(found)),
            Err(reason) => {
                self.trace(format_args!("\t{reason}"));
                let may_be_made = demands.has(Demands::CREATE) && reason == Unsafe::System(Errno::ENOENT);
                if may_be_made { self.judge_new(directory).map(|()| None) } else { Err(reason) }
            }
        }
    }

    /// Judges a file that is there.
    fn judge(&self, found: &Metadata, demands: Demands, access: u32) -> Result<(), Unsafe> {
        let mode = found.mode();
        let is_written = access & ANY_WRITE != 0 && !demands.has(Demands::EXECUTABLE);
        let flaws = [
            (demands.has(Demands::NO_SYMLINK) && found.is_symlink(), "slink mode", Unsafe::SymbolicLink),
            (demands.has(Demands::REGULAR) && !found.is_file(), "non-reg mode", Unsafe::NotRegular),
            (demands.has(Demands::NO_GROUP_WRITE) && mode & GROUP_WRITE != 0, "write bits", Unsafe::GroupWritable),
            (demands.has(Demands::NO_WORLD_WRITE) && mode & WORLD_WRITE != 0, "write bits", Unsafe::WorldWritable),
            (is_written && mode & ANY_EXECUTE != 0, "exec bits", Unsafe::Executable),
        ];
        if let Some((_, what, flaw)) = flaws.into_iter().find(|(is_so, ..)| *is_so) {
            self.trace(format_args!("\t[{what} {mode:o}]\t{}", flaw.traced()));
            return Err(flaw);
        }
        if demands.has(Demands::NO_HARD_LINK) && found.nlink() != 1 {
            self.trace(format_args!("\t[link count {}]\t{}", found.nlink(), Unsafe::HardLink.traced()));
            return Err(Unsafe::HardLink);
        }
        let needed = match self.uid {
            0 if demands.has(Demands::AS_ROOT) => access,
            0 if !demands.has(Demands::ROOT_OK) => access >> 6,
            _ => self.share(found, access),
        };
        let is_trusted = [self.uid, 0, self.trusted_uid].contains(&found.uid());
        let granted = mode & needed == needed && (is_trusted || !demands.has(Demands::OWN));
        let (owner, links) = (found.uid(), found.nlink());
        let verdict = if granted { "OK" } else { "EACCES" };
        self.trace(format_args!("\t[uid {owner}, nlink {links}, stat {mode:o}, mode {needed:o}] \t{verdict}"));
        if granted { Ok(()) } else { Err(Unsafe::System(Errno::EACCES)) }
    }

    /// Judges the directory of a file that is to be made.
    fn judge_new(&self, directory: &Path) -> Result<(), Unsafe> {
        let found = fs::metadata(directory)?;
        let needed = self.share(&found, WRITE | EXECUTE << 6);
        let verdict = if found.mode() & needed == needed { Ok(()) } else { Err(Unsafe::System(Errno::EACCES)) };
        let (shown, mode) = (directory.display(), found.mode());
        let told = verdict.map_or_else(|reason: Unsafe| reason.to_string(), |()| "Success".into());
        self.trace(format_args!("\t[final dir {shown} uid {} mode {mode:o}] {told}", found.uid()));
        verdict
    }

    /// Returns the bits that the reader needs where the owner would need `owner`: those of the owner, the group or all.
    fn share(&self, found: &Metadata, owner: u32) -> u32 {
        if found.uid() == self.uid || self.uid == 0 && found.uid() == self.trusted_uid {
            owner
        } else if found.gid() == self.gid || self.groups.contains(&found.gid()) {
            owner >> 3
        } else {
            owner >> 6
        }
    }

    fn trace(&self, line: fmt::Arguments<'_>) {
        if let Some(tell) = &self.listeners.trace {
            tell(line);
        }
    }

    fn warn(&self, line: fmt::Arguments<'_>) {
        if let Some(tell) = &self.listeners.warnings {
            tell(line);
        }
    }
}

/// Tells whether the owner and mode of a file let this process have `access` to it ([`READ`], [`WRITE`]): root, whom the system
/// lets do everything, as its owner, a member of its group or anybody. Files of the user `trusted` are root's own.
pub fn grants(found: &Metadata, access: u32, trusted: Option<u32>) -> bool {
    let inspector = Inspector { trusted_uid: trusted.unwrap_or(0), ..Inspector::of(&Options::default()) };
    let needed = inspector.share(found, access);
    found.mode() & needed == needed
}

impl fmt::Debug for Inspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspector").field("uid", &self.uid).field("blamed", &self.blamed).finish_non_exhaustive()
    }
}

/// Returns the directory that `path` lies in.
fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        None => Path::new("/"),
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
    }
}

/// Tells whether the file that was opened is the one that was judged.
fn is_same(seen: &Metadata, now: &Metadata) -> bool {
    let facts = |found: &Metadata| (found.dev(), found.ino(), found.uid(), found.gid(), found.nlink(), found.mode());
    facts(seen) == facts(now)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    use super::*;

    /// What has been done to the file or its folder.
    type Deed = fn(&Path);

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
    }

    fn folder_mode(path: &Path, bits: u32) {
        mode(path.parent().expect("a folder"), bits);
    }

    fn second_name(path: &Path) {
        fs::hard_link(path, path.with_extension("two")).expect("linked");
    }

    fn becomes_link(path: &Path) {
        let target = path.with_extension("target");
        fs::rename(path, &target).expect("moved");
        symlink("file.target", path).expect("linked");
    }

    /// Returns a site's inspector; folders of tests lie where everybody can write.
    fn inspector(blamed: &[Blame]) -> Inspector {
        let mut options = Options::default();
        options.dont_blame_sendmail.insert(Blame::TrustStickyBit);
        blamed.iter().for_each(|blame| options.dont_blame_sendmail.insert(*blame));
        Inspector { is_ordinary: false, ..Inspector::of(&options) }
    }

    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, "x").expect("written");
        mode(&path, 0o644);
        folder_mode(&path, 0o755);
        (folder, path)
    }

    #[track_caller]
    fn check(kind: Kind, blamed: &[Blame], deeds: &[Deed], expected: Result<(), Unsafe>) {
        let (_folder, path) = place();
        deeds.iter().for_each(|deed| deed(&path));
        assert_eq!(inspector(blamed).open(&path, kind).map(drop), expected);
    }

    #[track_caller]
    fn check_text(blamed: &[Blame], deeds: &[Deed], expected: Result<Trust, Unsafe>) {
        let (_folder, path) = place();
        deeds.iter().for_each(|deed| deed(&path));
        let opened = inspector(blamed).open_text(&path, TextKind::Forward);
        assert_eq!(opened.map(|reading| reading.trust), expected);
    }

    #[test]
    fn folders_that_others_can_write_make_files_unsafe() {
        let open_folder: Deed = |path| folder_mode(path, 0o777);
        let group_folder: Deed = |path| folder_mode(path, 0o775);
        check(Kind::Map, &[], &[], Ok(()));
        check(Kind::Map, &[], &[open_folder], Err(Unsafe::WorldWritableDirectory));
        check(Kind::Class, &[], &[group_folder], Err(Unsafe::GroupWritableDirectory));
        check(Kind::Class, &[Blame::GroupWritableDirPathSafe], &[group_folder], Ok(()));
        check(Kind::Class, &[Blame::GroupWritableDirPathSafe], &[open_folder], Err(Unsafe::WorldWritableDirectory));
        check(Kind::Map, &[Blame::MapInUnsafeDirPath], &[open_folder], Ok(()));
        check(Kind::Map, &[], &[|path| folder_mode(path, 0o1777)], Ok(()));
    }

    #[test]
    fn links_are_followed_only_where_nobody_else_can_make_them() {
        let open_folder: Deed = |path| folder_mode(path, 0o777);
        let (pardoned, linked) = (Blame::MapInUnsafeDirPath, Blame::LinkedMapInWritableDir);
        check(Kind::Map, &[], &[becomes_link], Ok(()));
        check(Kind::Map, &[], &[second_name], Ok(()));
        check(Kind::Map, &[pardoned], &[becomes_link, open_folder], Err(Unsafe::SymbolicLink));
        check(Kind::Map, &[pardoned], &[second_name, open_folder], Err(Unsafe::HardLink));
        check(Kind::Map, &[pardoned, linked], &[becomes_link, open_folder], Ok(()));
    }

    #[test]
    fn files_that_others_can_write_hold_no_aliases() {
        check(Kind::AliasText, &[], &[|path| mode(path, 0o664)], Err(Unsafe::GroupWritable));
        check(Kind::AliasText, &[Blame::GroupWritableAliasFile], &[|path| mode(path, 0o664)], Ok(()));
        let world: Deed = |path| mode(path, 0o646);
        check(Kind::AliasText, &[], &[world], Err(Unsafe::WorldWritable));
        // A class or a map may be: whoever opens it to others wants that.
        check(Kind::Class, &[], &[world], Ok(()));
    }

    #[test]
    fn only_regular_files_are_read() {
        let folder: Deed = |path| {
            fs::remove_file(path).expect("ours");
            fs::create_dir(path).expect("made");
        };
        let fifo: Deed = |path| {
            fs::remove_file(path).expect("ours");
            nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRUSR).expect("made");
        };
        check(Kind::Class, &[], &[folder], Err(Unsafe::NotRegular));
        check(Kind::Map, &[], &[fifo], Err(Unsafe::NotRegular));
        check(Kind::Help, &[], &[|path| fs::remove_file(path).expect("ours")], Err(Unsafe::System(Errno::ENOENT)));
    }

    #[test]
    fn a_text_that_others_can_write_names_users_only() {
        let group: Deed = |path| mode(path, 0o664);
        let open_folder: Deed = |path| folder_mode(path, 0o777);
        check_text(&[], &[], Ok(Trust::Full));
        check_text(&[], &[group], Err(Unsafe::GroupWritable));
        check_text(&[Blame::GroupWritableForwardFile], &[group], Ok(Trust::UsersOnly));
        let safe = Blame::GroupWritableForwardFileSafe;
        check_text(&[Blame::GroupWritableForwardFile, safe], &[group], Ok(Trust::Full));
        let mut options = Options { unsafe_group_writes: false, ..Options::default() };
        options.dont_blame_sendmail.insert(Blame::TrustStickyBit);
        options.dont_blame_sendmail.insert(Blame::GroupWritableForwardFile);
        let lenient = Inspector { is_ordinary: false, ..Inspector::of(&options) };
        let (_folder, path) = place();
        group(&path);
        assert_eq!(lenient.open_text(&path, TextKind::Forward).map(|reading| reading.trust), Ok(Trust::Full));
        check_text(&[], &[open_folder], Err(Unsafe::WorldWritableDirectory));
        let pardoned = Blame::ForwardFileInUnsafeDirPath;
        check_text(&[pardoned], &[open_folder], Ok(Trust::UsersOnly));
        check_text(&[pardoned], &[open_folder, becomes_link], Err(Unsafe::SymbolicLink));
        check_text(&[pardoned, Blame::ForwardFileInUnsafeDirPathSafe], &[open_folder], Ok(Trust::Full));
        check_text(&[Blame::ForwardFileInGroupWritableDirPath], &[|path| folder_mode(path, 0o775)], Ok(Trust::Full));
    }

    #[test]
    fn a_users_text_belongs_to_him_or_root() {
        let (_folder, path) = place();
        let stranger = Inspector { uid: geteuid().as_raw() + 1, ..inspector(&[]) };
        let expected = if geteuid().is_root() { Ok(()) } else { Err(Unsafe::System(Errno::EACCES)) };
        assert_eq!(stranger.open_text(&path, TextKind::Forward).map(drop), expected);
    }

    #[test]
    fn links_on_the_way_are_followed_and_their_folders_looked_at() {
        let (folder, path) = place();
        let elsewhere = folder.path().join("open");
        fs::create_dir(&elsewhere).expect("made");
        mode(&elsewhere, 0o777);
        fs::create_dir(elsewhere.join("inner")).expect("made");
        fs::rename(&path, elsewhere.join("inner/file")).expect("moved");
        symlink("open/inner", folder.path().join("way")).expect("linked");
        let opened = inspector(&[]).open(&folder.path().join("way/file"), Kind::Map).map(drop);
        assert_eq!(opened, Err(Unsafe::WorldWritableDirectory));
        mode(&elsewhere, 0o755);
        inspector(&[]).open(&folder.path().join("way/file"), Kind::Map).expect("safe");
        symlink("circle", folder.path().join("circle")).expect("linked");
        let lost = inspector(&[]).check_way(&folder.path().join("circle/x"), Demands::SAFE_WAY);
        assert_eq!(lost, Err(Unsafe::System(Errno::ELOOP)));
    }
}
