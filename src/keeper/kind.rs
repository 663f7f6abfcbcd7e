//! Which hands serve a request, how long that may take, and whether another may be asked again.

use std::time::Duration;

use super::request::Request;
use super::wire::{BadPacket, Reader, Wire};

/// How long reading the texts that lead to an address may take: the file system of a user may never answer.
pub const READING_LIMIT: Duration = Duration::from_secs(30);

/// How long another's lock on a user's mailbox is waited for.
pub const LOCK_WAIT: Duration = Duration::from_secs(120);

/// How long opening a file that is a recipient may take, with the texts that lead to it; its lock is tried, not waited for.
pub const FILE_LIMIT: Duration = Duration::from_secs(240);

/// How long the network process waits for a stalled disk or a name service.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// How long it waits for a mailbox or a file: a hand gives up before and says why.
const MAILBOX_LIMIT: Duration = Duration::from_secs(300);

const _: () = {
    assert!(READING_LIMIT.as_secs() < FILE_LIMIT.as_secs(), "the texts that lead to a file are read first");
    assert!(FILE_LIMIT.as_secs() < MAILBOX_LIMIT.as_secs());
    // The user is looked up before.
    assert!(LOCK_WAIT.as_secs() + ANSWER_LIMIT.as_secs() < MAILBOX_LIMIT.as_secs());
};

/// How much longer the network process waits for what was read.
const AFTER_READING: Duration = Duration::from_secs(5);

/// A hand's pool: requests of one kind never wait for those of another.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// Queue files: disk only.
    Queue,
    /// Maps, classes, files, sockets.
    Maps,
    /// User look-ups: NSS may wait for a network.
    Users,
    /// Mailboxes and sources: a lock or a home directory may wait.
    Mailbox,
    /// Programs.
    Program,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Queue, Self::Maps, Self::Users, Self::Mailbox, Self::Program];

    /// Returns how long an answer may take.
    fn time_limit(self) -> Duration {
        match self {
            Self::Queue | Self::Maps | Self::Users | Self::Program => ANSWER_LIMIT,
            Self::Mailbox => MAILBOX_LIMIT,
        }
    }

    /// Returns how many requests one hand of the kind is given at a time: those that may wait, singly.
    pub fn per_hand_max(self) -> usize {
        match self {
            Self::Queue | Self::Maps | Self::Program => 256,
            Self::Users | Self::Mailbox => 1,
        }
    }

    /// Returns how many hands a pool begins with and how many it may have.
    pub fn pool_sizes(self) -> (usize, usize) {
        match self {
            Self::Queue => (2, 4),
            Self::Maps => (1, 2),
            Self::Users => (1, 4),
            Self::Mailbox => (2, 12),
            Self::Program => (1, 2),
        }
    }

    /// Returns the word that names the kind in titles and log lines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Maps => "map",
            Self::Users => "user",
            Self::Mailbox => "mailbox",
            Self::Program => "program",
        }
    }
}

impl Wire for Kind {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, BadPacket> {
        let number = u8::take(from)?;
        let unknown = BadPacket::Unknown { what: "kind of hand", number: number.into() };
        Self::ALL.get(usize::from(number)).copied().ok_or(unknown)
    }
}

#[cfg(test)]
impl super::wire::sample::Sample for Kind {
    fn sample(dice: &mut super::wire::sample::Dice) -> Self {
        Self::ALL[dice.below(Self::ALL.len())]
    }
}

impl Request {
    /// Returns how long its answer may take; none for what ends with a program.
    pub fn time_limit(&self) -> Option<Duration> {
        match self {
            Self::Wait { .. } => None,
            Self::OpenSource { .. } => Some(READING_LIMIT + AFTER_READING),
            _ => Some(self.kind().time_limit()),
        }
    }

    /// Tells whether it changes nothing, so that a hand may be asked again what another did not come to answer.
    ///
    /// Reading a text of a user's choosing is not meant: that may be what ends one hand after the other.
    pub(super) fn only_looks(&self) -> bool {
        matches!(
            self,
            Self::OpenMap { .. }
                | Self::OpenClass { .. }
                | Self::OpenNamed { .. }
                | Self::Connect { .. }
                | Self::BindReserved { .. }
                | Self::User { .. }
                | Self::UserCalled { .. }
                | Self::OpenEntry { .. }
                | Self::List { .. }
                | Self::Space { .. }
        )
    }

    /// Returns the pool that serves the request.
    pub fn kind(&self) -> Kind {
        match self {
            Self::CreatePair { .. }
            | Self::OpenEntry { .. }
            | Self::BeginRewrite { .. }
            | Self::Rename { .. }
            | Self::Remove { .. }
            | Self::Discard { .. }
            | Self::Sweep { .. }
            | Self::List { .. }
            | Self::SyncDirectory { .. }
            | Self::Space { .. } => Kind::Queue,
            Self::OpenMap { .. }
            | Self::OpenClass { .. }
            | Self::OpenNamed { .. }
            | Self::Connect { .. }
            | Self::BindReserved { .. } => Kind::Maps,
            Self::User { .. } | Self::UserCalled { .. } => Kind::Users,
            Self::OpenMailbox { .. } | Self::SettleMailbox { .. } | Self::OpenSource { .. } => Kind::Mailbox,
            Self::Start { .. }
            | Self::StartMap { .. }
            | Self::StartClass { .. }
            | Self::Wait { .. }
            | Self::Kill { .. } => Kind::Program,
        }
    }
}
