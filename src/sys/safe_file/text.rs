//! The texts that say where mail goes and what is done with it: `.forward` and `:include:` files.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{Demands, GROUP_WRITE, Inspector, READ, Unsafe, WORLD_WRITE, directory_of};
use crate::cf::Blame;

/// Which of the two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TextKind {
    /// A user's `.forward`.
    Forward,
    /// A list that an address includes.
    Include,
}

/// How far a text is trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trust {
    /// It may name programs and files.
    Full,
    /// It may name users only: others may have written it.
    UsersOnly,
}

/// A text that may be used.
#[derive(Debug)]
pub struct Reading {
    /// The file, opened for reading.
    pub file: File,
    /// Its owner.
    pub owner: u32,
    /// How far it is trusted.
    pub trust: Trust,
}

/// What the site may take on itself for one kind of text.
struct Pardons {
    group_writable: Blame,
    group_writable_safe: Blame,
    world_writable: Blame,
    group_way: Blame,
    unsafe_way: Blame,
    unsafe_way_safe: Blame,
    linked: Blame,
}

const FORWARD: Pardons = Pardons {
    group_writable: Blame::GroupWritableForwardFile,
    group_writable_safe: Blame::GroupWritableForwardFileSafe,
    world_writable: Blame::WorldWritableForwardFile,
    group_way: Blame::ForwardFileInGroupWritableDirPath,
    unsafe_way: Blame::ForwardFileInUnsafeDirPath,
    unsafe_way_safe: Blame::ForwardFileInUnsafeDirPathSafe,
    linked: Blame::LinkedForwardFileInWritableDir,
};

const INCLUDE: Pardons = Pardons {
    group_writable: Blame::GroupWritableIncludeFile,
    group_writable_safe: Blame::GroupWritableIncludeFileSafe,
    world_writable: Blame::WorldWritableIncludeFile,
    group_way: Blame::IncludeFileInGroupWritableDirPath,
    unsafe_way: Blame::IncludeFileInUnsafeDirPath,
    unsafe_way_safe: Blame::IncludeFileInUnsafeDirPathSafe,
    linked: Blame::LinkedIncludeFileInWritableDir,
};

impl Inspector {
    /// Opens a text of `kind` for reading.
    ///
    /// # Errors
    /// There is none, or it is not as such files must be.
    pub fn open_text(&self, path: &Path, kind: TextKind) -> Result<Reading, Unsafe> {
        let (pardons, mut demands) = match kind {
            TextKind::Forward => (&FORWARD, Demands::REGULAR.and(Demands::OWN).and(Demands::ROOT_OK)),
            TextKind::Include => (&INCLUDE, Demands::REGULAR),
        };
        demands = demands.unless(self.blamed, pardons.group_writable, Demands::NO_GROUP_WRITE).unless(
            self.blamed,
            pardons.world_writable,
            Demands::NO_WORLD_WRITE,
        );
        let (demands, mut trust) = self.judge_way(directory_of(path), demands, pardons);
        let file = self.open_as_demanded(path, demands, READ)?;
        let found = file.metadata()?;
        let group_may = found.mode() & GROUP_WRITE != 0 && !self.blamed.has(pardons.group_writable_safe);
        if found.mode() & WORLD_WRITE != 0 || group_may {
            trust = Trust::UsersOnly;
        }
        Ok(Reading { file, owner: found.uid(), trust })
    }

    /// Looks at the way to a text: what is demanded of the text then, and how far it can be trusted.
    fn judge_way(&self, directory: &Path, demands: Demands, pardons: &Pardons) -> (Demands, Trust) {
        let strict = demands.and(Demands::SAFE_WAY);
        let reason = match self.check_way(directory, strict) {
            Ok(()) => return (demands.and(Demands::ANY_WAY), Trust::Full),
            Err(reason) => reason,
        };
        let demands = demands.unless(self.blamed, pardons.linked, Demands::NO_LINK);
        if !matches!(reason, Unsafe::GroupWritableDirectory | Unsafe::WorldWritableDirectory) {
            return (demands.and(Demands::SAFE_WAY), Trust::Full);
        }
        if self.blamed.has(pardons.unsafe_way) {
            let is_safe = self.blamed.has(pardons.unsafe_way_safe);
            return (demands.and(Demands::ANY_WAY), if is_safe { Trust::Full } else { Trust::UsersOnly });
        }
        let lenient = Self { group_directories: true, ..self.clone() };
        let group_may = reason == Unsafe::GroupWritableDirectory && self.blamed.has(pardons.group_way);
        if group_may && lenient.check_way(directory, strict).is_ok() {
            return (demands.and(Demands::ANY_WAY), Trust::Full);
        }
        (demands.and(Demands::SAFE_WAY), Trust::Full)
    }
}
