//! Everything the unprivileged processes can ask of a hand, and every answer.
//!
//! **Invariant:** this file is the whole privilege of the process that reads the network. A request names things
//! that the configuration declares, users that exist and queue entries; it never holds a path.

use std::os::unix::ffi::{OsStrExt, OsStringExt as _};

use bstr::BString;

use super::wire::wire;
use crate::name::{MailerName, MapName, QueueId};
use crate::sys::user::User;

wire! {
    /// One thing asked of a hand.
    pub enum Request ("request") {
        /// Asks for one of the files behind a `K` line or an alias file.
        1 => OpenMap {
            /// The map.
            map: MapName,
            /// What follows the declared name in the file's: nothing, `.db` and the like.
            suffix: BString,
        },
        /// Asks for the file of an `F` line.
        2 => OpenClass {
            /// Which of the configuration's `F` lines, from 0.
            line: u16,
        },
        /// Asks for a file that an option names.
        3 => OpenNamed {
            /// Which option.
            file: NamedFile,
        },
        /// Asks for the passwd entry of a user.
        4 => User {
            /// The login name.
            name: BString,
        },
        /// Locks and opens the place where a message is appended; the lock is held until it is settled.
        5 => OpenMailbox {
            /// Whose or which.
            place: Mailbox,
            /// How many messages are appended: no more than that are cut off should both processes be killed meanwhile.
            messages: u16,
            /// How the first one's `From ` line begins: nothing else is cut off then.
            first_line: BString,
        },
        /// Ends the work on a mailbox.
        6 => SettleMailbox {
            /// The number from the answer.
            mailbox: u32,
            /// Whether what was appended stays; else the old length is restored.
            keep: bool,
        },
        /// Starts a mailer's program.
        7 => Start {
            /// What and for whom.
            launch: Launch,
        },
        /// Asks for the exit status of a program; answered when it has ended.
        8 => Wait {
            /// The number from the answer to `Start`.
            program: u32,
        },
        /// Ends a program that takes too long, with its process group.
        9 => Kill {
            /// The number from the answer to `Start`.
            program: u32,
        },
        /// Asks for a copy of the text that a recipient's source names: a `.forward` or an included file.
        10 => OpenSource {
            /// Which.
            source: Source,
        },
        /// Asks for a connection to a socket of this host.
        11 => Connect {
            /// To whom.
            service: Service,
        },
        /// Asks for a stream socket with a port below 1024, for mailers with the flag `R`.
        12 => BindReserved {
            /// Whether of IPv6.
            ipv6: bool,
        },
        /// Starts the program of a program map, as DefaultUser.
        13 => StartMap {
            /// The map.
            map: MapName,
            /// The last word of its command line.
            key: BString,
        },
        /// Starts the program of an `F` line.
        14 => StartClass {
            /// Which of the configuration's `F` lines, from 0.
            line: u16,
        },
        /// Asks for the passwd entry of a user by full name.
        15 => UserCalled {
            /// The full name; capitals do not count.
            full_name: BString,
        },
        /// Creates `df` and `tf` of a new entry, both locked: two descriptors.
        20 => CreatePair {
            /// The new entry.
            entry: Entry,
        },
        /// Opens an entry: its control file, then its data file if there is one.
        21 => OpenEntry {
            /// The entry.
            entry: Entry,
            /// In which way.
            hold: Hold,
        },
        /// Creates a new `tf` beside the control file that is locked: one descriptor.
        22 => BeginRewrite {
            /// The entry.
            entry: Entry,
        },
        /// Renames a file of an entry between two of the drawn states.
        23 => Rename {
            /// The entry.
            entry: Entry,
            /// What the file is now.
            from: FileKind,
            /// What it becomes.
            to: FileKind,
        },
        /// Removes an entry, control file first.
        24 => Remove {
            /// The entry.
            entry: Entry,
        },
        /// Removes what was created and not committed.
        25 => Discard {
            /// The entry.
            entry: Entry,
            /// Only its `tf`.
            rewrite: bool,
        },
        /// Removes an orphan, by lock.
        26 => Sweep {
            /// The entry.
            entry: Entry,
        },
        /// Lists a directory: one descriptor with the names, one behind the other.
        27 => List {
            /// The queue directory, by its place in the configuration.
            directory: u16,
        },
        /// Syncs the names of a directory to disk.
        28 => SyncDirectory {
            /// The queue directory.
            directory: u16,
        },
        /// Asks for the room on the disk of a directory.
        29 => Space {
            /// The queue directory.
            directory: u16,
        },
    }
}

wire! {
    /// An entry of a queue.
    pub struct Entry {
        /// The directory, by its place in the configuration.
        pub directory: u16,
        /// The identifier.
        pub id: QueueId,
    }
}

wire! {
    /// A file of an entry, by the letters in front of its name.
    pub enum FileKind ("kind of queue file") {
        /// `df`: the body.
        1 => Data {},
        /// `qf`: envelope and header.
        2 => Control {},
        /// `hf`: the same for a quarantined message.
        3 => Quarantined {},
        /// `Qf`: the same for a message that nobody could work with.
        4 => Lost {},
        /// `tf`: a control file that is being written.
        5 => New {},
        /// `xf`: what was said during delivery.
        6 => Transcript {},
    }
}

wire! {
    /// How an entry is opened.
    pub enum Hold ("way of opening") {
        /// Locked.
        1 => Lock {},
        /// To look at.
        2 => Look {},
        /// To look at a lost one.
        3 => LookLost {},
    }
}

wire! {
    /// What became of an orphan.
    pub enum Swept ("outcome of a sweep") {
        /// It was removed.
        1 => Removed {},
        /// Somebody works with it.
        2 => InUse {},
        /// It is none: its control file is there.
        3 => Owned {},
        /// It has gone by itself.
        4 => Gone {},
    }
}

wire! {
    /// A file that an option names.
    pub enum NamedFile ("named file") {
        /// HelpFile.
        1 => Help {},
        /// ServiceSwitchFile.
        2 => ServiceSwitch {},
        /// StatusFile, for reading and writing.
        3 => Statistics {},
        /// ErrorHeader.
        4 => ErrorHeader {},
    }
}

wire! {
    /// A place where a message is appended.
    pub enum Mailbox ("mailbox") {
        /// The mailbox of a user, as the local mailer keeps it.
        1 => User {
            /// The mailer whose `P=` says where mailboxes are.
            mailer: MailerName,
            /// The login name.
            name: BString,
        },
        /// The file that a recipient's source names.
        2 => File {
            /// The source whose text is the file's name.
            source: Source,
        },
        /// `dead.letter` of the user who called the program; only in the hands of one call.
        3 => DeadLetter {
            /// The user's number.
            uid: u32,
        },
        /// The file for mail that can be neither delivered nor returned (option DeadLetterDrop).
        4 => DeadLetterDrop {},
    }
}

/// The deepest chain of included files: the most elements of a [`Source`].
pub const INCLUDE_DEPTH_MAX: usize = 10;

wire! {
    /// The text that decides what is done for a recipient and as whom; a hand reads it there itself.
    pub struct Source {
        /// The text where the search begins.
        pub root: SourceRoot,
        /// Which element of the text's address list, then which of the file included there, and so on.
        pub elements: Vec<u32>,
    }
}

impl Source {
    /// Returns where an element of this text stands.
    #[must_use]
    pub fn element(&self, number: u32) -> Self {
        let elements = self.elements.iter().copied().chain([number]).collect();
        Self { root: self.root.clone(), elements }
    }
}

wire! {
    /// Where a chain of texts begins.
    pub enum SourceRoot ("source") {
        /// An alias.
        1 => Alias {
            /// Which of the alias files, from 0 in the order of AliasFile.
            file: u8,
            /// The alias.
            key: BString,
        },
        /// A user's `.forward`.
        2 => Forward {
            /// The login name.
            user: BString,
            /// Which element of ForwardPath, from 0.
            path: u8,
        },
        /// The maildrops of a user in a user database.
        3 => UserDatabase {
            /// Which of the files of UserDatabaseSpec, from 0.
            file: u8,
            /// The user.
            user: BString,
        },
    }
}

wire! {
    /// A program to start.
    pub struct Launch {
        /// The mailer, declared in the configuration.
        pub mailer: MailerName,
        /// The words of its command line, expanded.
        pub words: Vec<BString>,
        /// What decides the user it runs as; none where the mailer decides.
        pub source: Option<Source>,
        /// The recipient's login name, for mailers that run as the recipient.
        pub user: Option<BString>,
        /// The sender, as the program's environment tells it.
        pub sender: BString,
    }
}

wire! {
    /// A server on this host.
    pub enum Service ("service") {
        /// The system's log.
        1 => Syslog {},
        /// The filter of an `X` line.
        2 => Filter {
            /// Which of them, from 0.
            line: u16,
        },
        /// The server of a map.
        3 => Map {
            /// The map.
            map: MapName,
        },
        /// The server of a mailer with `P=[LPC]` or `A=FILE`.
        4 => Mailer {
            /// The mailer.
            mailer: MailerName,
        },
    }
}

wire! {
    /// What a hand answers; the descriptors that belong to it come beside it.
    pub enum Answer ("answer") {
        /// It is done.
        1 => Done {},
        /// Not done.
        2 => Failed {
            /// Why.
            failure: Failure,
        },
        /// Opened; the descriptors, in the order the request names them.
        3 => Opened {},
        /// A user.
        4 => User {
            /// Its passwd entry; none if there is certainly no such user.
            user: Option<Account>,
        },
        /// A mailbox, locked; its descriptor for appending.
        5 => Mailbox {
            /// Its number in later requests.
            mailbox: u32,
            /// Its length now, in bytes.
            size_bytes: u64,
            /// Its path, for messages only.
            path: BString,
            /// What must be written first so that the message begins behind an empty line.
            separator: BString,
        },
        /// The text that a source names; a copy of it in memory, which no file system can hold up.
        11 => Text {
            /// Its path, for messages only.
            path: BString,
            /// The owner of its file.
            uid: u32,
            /// The group of its file.
            gid: u32,
            /// What its elements may name.
            standing: Standing,
        },
        /// A program runs; its standard input and its output.
        6 => Started {
            /// Its number in later requests.
            program: u32,
            /// Why the postmaster should look at it; empty: it is as it should be.
            complaint: BString,
        },
        /// A program has ended.
        7 => Ended {
            /// The signal that killed it; 0 if it exited.
            signal: u8,
            /// Its exit status.
            status: u8,
        },
        /// An entry is open.
        8 => Entry {
            /// What its control file is.
            kind: FileKind,
            /// Whether another holds its lock.
            busy: bool,
        },
        /// What became of an orphan.
        9 => Swept {
            /// What.
            outcome: Swept,
        },
        /// The room on a disk.
        10 => Space {
            /// Blocks free.
            blocks_free: u64,
            /// Bytes of a block.
            block_bytes: u64,
        },
    }
}

wire! {
    /// A passwd entry.
    pub struct Account {
        /// The login name, as the database spells it.
        pub name: BString,
        /// The user's number.
        pub uid: u32,
        /// The group's number.
        pub gid: u32,
        /// Full name and office.
        pub gecos: BString,
        /// The home directory.
        pub home: BString,
        /// The login shell.
        pub shell: BString,
    }
}

wire! {
    /// What the elements of a text may name, as far as it depends on who can have written it.
    pub enum Standing ("standing") {
        /// Everything.
        1 => Full {},
        /// Users only: others may have written it, or a text that led to it.
        2 => UsersOnly {},
        /// Users only: it speaks for a user who may not log in.
        3 => NoShell {
            /// The login name.
            user: BString,
        },
        /// Users only: it speaks for nobody whom the system knows.
        4 => NoUser {
            /// The owner of the file.
            uid: u32,
        },
    }
}

wire! {
    /// Why something was not done.
    pub struct Failure {
        /// What follows from it.
        pub kind: FailureKind,
        /// The system's error number, 0 if there is none.
        pub errno: i32,
        /// What was wrong, where, and what to do.
        pub text: BString,
    }
}

wire! {
    /// What follows from a failure.
    pub enum FailureKind ("kind of failure") {
        /// Try again later.
        1 => Temporary {},
        /// Trying again will not help.
        2 => Permanent {},
        /// There is no such thing.
        3 => Missing {},
        /// There is one already.
        4 => Exists {},
        /// Another holds it.
        5 => Locked {},
        /// The configuration declares no such thing.
        6 => Undeclared {},
    }
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        let User { name, uid, gid, gecos, home, shell } = user;
        let text = |path: std::path::PathBuf| path.as_os_str().as_bytes().into();
        Self { name, uid, gid, gecos, home: text(home), shell: text(shell) }
    }
}

impl From<Account> for User {
    fn from(account: Account) -> Self {
        let path = |text: BString| std::path::PathBuf::from(std::ffi::OsString::from_vec(text.into()));
        let Account { name, uid, gid, gecos, home, shell } = account;
        Self { name, uid, gid, gecos, home: path(home), shell: path(shell) }
    }
}

impl Answer {
    /// Returns the failure of `kind` that `text` explains.
    pub fn failed(kind: FailureKind, text: impl Into<BString>) -> Self {
        Self::Failed { failure: Failure { kind, errno: 0, text: text.into() } }
    }
}
