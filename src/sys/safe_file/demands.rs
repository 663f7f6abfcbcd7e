//! What a file must be like to be used.

use std::fmt;

use crate::cf::{Blame, BlameFlags};

/// A set of demands; each bit has the number that the original's traces (`-d44.4`) show.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Demands(u32);

impl Demands {
    /// It belongs to the reader, to root or to the trusted user.
    pub const OWN: Self = Self(0x1);
    /// It is no symbolic link.
    pub const NO_SYMLINK: Self = Self(0x2);
    /// Where root reads, root's own rights count, not only everybody's.
    pub const ROOT_OK: Self = Self(0x4);
    /// The way to it does not matter.
    pub const ANY_WAY: Self = Self(0x10);
    /// It may be made.
    pub const CREATE: Self = Self(0x40);
    /// It is a regular file.
    pub const REGULAR: Self = Self(0x80);
    /// Nobody else can write a directory on the way.
    pub const SAFE_WAY: Self = Self(0x100);
    /// It has no second name.
    pub const NO_HARD_LINK: Self = Self(0x200);
    /// It is a link only where nobody else can have made it.
    pub const SAFE_LINK: Self = Self(0x400);
    /// Its group cannot write it.
    pub const NO_GROUP_WRITE: Self = Self(0x800);
    /// Not everybody can write it.
    pub const NO_WORLD_WRITE: Self = Self(0x1000);
    /// Where root reads, the permissions do not matter.
    pub const AS_ROOT: Self = Self(0x2000);
    /// It is not locked while it is read; nothing is decided by it here.
    pub const NO_LOCK: Self = Self(0x4000);
    /// It may be executed.
    pub const EXECUTABLE: Self = Self(0x4_0000);
    /// It is opened without waiting; nothing is decided by it here, as everything is.
    pub const NO_WAIT: Self = Self(0x8_0000);
    /// It is no link at all.
    pub const NO_LINK: Self = Self::NO_SYMLINK.and(Self::NO_HARD_LINK);

    /// Returns both together.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the set without those of `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Tells whether any of `other` is in the set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns both together unless the site has taken `blame` on itself.
    pub(super) fn unless(self, blamed: BlameFlags, blame: Blame, other: Self) -> Self {
        if blamed.has(blame) { self } else { self.and(other) }
    }
}

impl fmt::LowerHex for Demands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

/// The files that the configuration names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The text that a class is read from.
    Class,
    /// A map, or the text of a map, to be read.
    Map,
    /// A map to be written.
    NewMap,
    /// The text that an alias database is made from.
    AliasText,
    /// The service switch.
    Switch,
    /// HelpFile.
    Help,
    /// The file of option ErrorHeader.
    ErrorHeader,
    /// StatusFile.
    Statistics,
    /// PidFile.
    Pid,
    /// A file that is a recipient of mail.
    Recipient,
    /// Where mail is kept that cannot be sent.
    DeadLetter,
    /// The program of a mailer.
    Program,
}

impl Kind {
    /// Returns what is demanded of such a file where the site has taken `blamed` on itself.
    pub fn demands(self, blamed: BlameFlags) -> Demands {
        const REGULAR: Demands = Demands::REGULAR;
        let root = Demands::AS_ROOT.and(Demands::NO_LOCK).and(REGULAR);
        match self {
            Self::Class => root.unless(blamed, Blame::LinkedClassFileInWritableDir, Demands::SAFE_LINK).unless(
                blamed,
                Blame::ClassFileInUnsafeDirPath,
                Demands::SAFE_WAY,
            ),
            Self::Map => REGULAR
                .and(Demands::ROOT_OK)
                .unless(blamed, Blame::LinkedMapInWritableDir, Demands::SAFE_LINK)
                .unless(blamed, Blame::MapInUnsafeDirPath, Demands::SAFE_WAY),
            Self::NewMap => REGULAR
                .and(Demands::ROOT_OK)
                .and(Demands::CREATE)
                .unless(blamed, Blame::WriteMapToSymLink, Demands::NO_SYMLINK)
                .unless(blamed, Blame::WriteMapToHardLink, Demands::NO_HARD_LINK)
                .unless(blamed, Blame::MapInUnsafeDirPath, Demands::SAFE_WAY),
            Self::AliasText => root
                .unless(blamed, Blame::LinkedAliasFileInWritableDir, Demands::SAFE_LINK)
                .unless(blamed, Blame::GroupWritableAliasFile, Demands::NO_GROUP_WRITE)
                .unless(blamed, Blame::WorldWritableAliasFile, Demands::NO_WORLD_WRITE),
            Self::Switch => root.unless(blamed, Blame::LinkedServiceSwitchFileInWritableDir, Demands::SAFE_LINK),
            Self::Help => root.unless(blamed, Blame::HelpFileInUnsafeDirPath, Demands::SAFE_WAY),
            Self::ErrorHeader => REGULAR.and(Demands::ROOT_OK).and(Demands::NO_LOCK).unless(
                blamed,
                Blame::ErrorHeaderInUnsafeDirPath,
                Demands::SAFE_WAY,
            ),
            Self::Statistics => REGULAR
                .and(Demands::AS_ROOT)
                .unless(blamed, Blame::WriteStatsToSymLink, Demands::NO_SYMLINK)
                .unless(blamed, Blame::WriteStatsToHardLink, Demands::NO_HARD_LINK),
            Self::Recipient => Demands::CREATE
                .unless(blamed, Blame::FileDeliveryToSymLink, Demands::NO_SYMLINK)
                .unless(blamed, Blame::FileDeliveryToHardLink, Demands::NO_HARD_LINK),
            Self::DeadLetter => REGULAR.and(Demands::ROOT_OK).and(Demands::CREATE).and(Demands::NO_LINK),
            Self::Program => Demands::ROOT_OK
                .and(Demands::EXECUTABLE)
                .unless(blamed, Blame::RunWritableProgram, Demands::NO_GROUP_WRITE.and(Demands::NO_WORLD_WRITE))
                .unless(blamed, Blame::RunProgramInUnsafeDirPath, Demands::SAFE_WAY),
            Self::Pid => {
                let made = Demands::CREATE.and(Demands::NO_WAIT);
                REGULAR.and(Demands::ROOT_OK).and(Demands::NO_LINK).and(made)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: Kind, blamed: &[Blame], expected: u32) {
        let mut flags = BlameFlags::default();
        blamed.iter().for_each(|blame| flags.insert(*blame));
        let found = kind.demands(flags);
        assert_eq!(found, Demands(expected), "{kind:?} {found:x}");
    }

    /// The numbers are those of the original's `-d44.5`.
    #[test]
    fn each_kind_has_the_originals_demands() {
        check(Kind::Class, &[], 0x6580);
        check(Kind::Class, &[Blame::ClassFileInUnsafeDirPath, Blame::LinkedClassFileInWritableDir], 0x6080);
        check(Kind::Map, &[], 0x584);
        check(Kind::Map, &[Blame::MapInUnsafeDirPath], 0x484);
        check(Kind::NewMap, &[], 0x3c6);
        check(Kind::AliasText, &[], 0x7c80);
        check(Kind::Switch, &[], 0x6480);
        check(Kind::Help, &[], 0x6180);
        check(Kind::ErrorHeader, &[], 0x4184);
        check(Kind::ErrorHeader, &[Blame::ErrorHeaderInUnsafeDirPath], 0x4084);
        check(Kind::Statistics, &[], 0x2282);
        check(Kind::Pid, &[], 0x802c6);
        check(Kind::Recipient, &[], 0x242);
        check(Kind::Program, &[], 0x41904);
    }
}
