//! What needs rights: looking users up, opening and settling mailboxes; here or by a root process.
//!
//! Requests and answers are records of one letter and its data. The hand believes nothing: a request
//! it does not understand ends the connection, and with it restores an unsettled mailbox.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use bstr::{BString, ByteSlice};

use crate::mailbox::{self, Expected, Locked, MailboxError, Place};
use crate::name::{Status, Sysexit};
use crate::sys::passing;
use crate::sys::user::User;

/// How long locks are waited for, as the original does.
const PATIENCE: Duration = Duration::from_secs(400);

/// The longest name of a user that is looked up, in bytes.
const NAME_BYTES_MAX: usize = 1024;

/// The longest record, in bytes: a path (PATH_MAX) and some words.
const RECORD_BYTES_MAX: usize = 8192;

/// Why something was not done, in the words of LMTP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    /// Reply code.
    pub(super) code: u16,
    /// Enhanced status code.
    pub(super) status: Status,
    /// The text after the codes.
    pub(super) text: BString,
}

impl Refusal {
    /// A failure of this machine that may pass.
    pub(super) fn temporary(text: String) -> Self {
        Self { code: 451, status: Status::new(4, 3, 0), text: text.into() }
    }

    /// Returns the status for a program to exit with.
    pub(super) fn exit(&self) -> Sysexit {
        if self.code < 500 { Sysexit::TempFail } else { Sysexit::Unavailable }
    }

    fn encode(&self) -> Vec<u8> {
        let mut record = format!("E{} {} ", self.code, self.status).into_bytes();
        record.extend_from_slice(&self.text);
        record.truncate(RECORD_BYTES_MAX);
        record
    }

    fn decode(record: &[u8]) -> Option<Self> {
        let mut fields = record.strip_prefix(b"E")?.splitn_str(3, " ");
        let code = fields.next()?.to_str().ok()?.parse().ok()?;
        let (status, _) = Status::split(fields.next()?)?;
        Some(Self { code, status, text: fields.next()?.into() })
    }
}

impl From<&MailboxError> for Refusal {
    fn from(error: &MailboxError) -> Self {
        Self { code: error.code(), status: error.status(), text: error.to_string().into() }
    }
}

impl From<MailboxError> for Refusal {
    fn from(error: MailboxError) -> Self {
        Self::from(&error)
    }
}

/// A mailbox ready to be appended to.
#[derive(Debug)]
pub(super) struct Opened {
    /// Open for appending.
    pub(super) file: File,
    /// For messages.
    pub(super) path: PathBuf,
    /// Its length so far, in bytes.
    pub(super) old_len: u64,
    /// What the first message must be preceded by.
    pub(super) separator: BString,
}

/// Does what needs rights; holds at most one mailbox.
#[derive(Debug)]
pub(super) struct Hand {
    place: Place,
    patience: Duration,
    held: Option<Locked>,
}

impl Hand {
    pub(super) fn new(place: Place) -> Self {
        Self { place, patience: PATIENCE, held: None }
    }

    fn user(name: &[u8]) -> Result<User, MailboxError> {
        if name.len() > NAME_BYTES_MAX {
            return Err(MailboxError::UnknownUser { name: name[..NAME_BYTES_MAX].into() });
        }
        match User::by_name(name) {
            Ok(Some(user)) => Ok(user),
            Ok(None) => Err(MailboxError::UnknownUser { name: name.into() }),
            Err(_) => Err(MailboxError::UserDatabase { name: name.into() }),
        }
    }

    fn open(&mut self, name: &[u8], first_line: &[u8]) -> Result<Opened, MailboxError> {
        // One that was not settled is restored.
        self.held = None;
        let locked = mailbox::open(&self.place, &Self::user(name)?, Expected::new(1, first_line), self.patience)?;
        let file = locked
            .file()
            .try_clone_to_owned()
            .map_err(|error| MailboxError::Rights { path: locked.path().to_owned(), reason: error.to_string() })?;
        let opened = Opened {
            file: file.into(),
            path: locked.path().to_owned(),
            old_len: locked.old_len(),
            separator: locked.separator().into(),
        };
        self.held = Some(locked);
        Ok(opened)
    }

    fn settle(&mut self, keep: bool) -> Result<(), MailboxError> {
        match self.held.take() {
            None => Ok(()),
            Some(locked) if keep => locked.keep(),
            Some(locked) => locked.restore(),
        }
    }

    /// Does one request; `None` when it is none.
    fn perform(&mut self, request: &[u8]) -> Option<Result<Done, MailboxError>> {
        Some(match request {
            [b'L', name @ ..] => Self::user(name).map(|_| Done::Yes),
            [b'O', rest @ ..] => {
                let (name, first_line) = rest.split_once_str("\0")?;
                self.open(name, first_line).map(Done::Open)
            }
            b"K" => self.settle(true).map(|()| Done::Yes),
            b"R" => self.settle(false).map(|()| Done::Yes),
            _ => return None,
        })
    }
}

/// A request's good end.
enum Done {
    Yes,
    Open(Opened),
}

/// Serves requests until the other side closes or sends nonsense.
///
/// A mailbox that is not settled by then is restored.
pub(super) fn serve(mut hand: Hand, socket: OwnedFd) -> io::Result<()> {
    let mut room = [0; RECORD_BYTES_MAX];
    loop {
        let (length, descriptors) = passing::receive(socket.as_fd(), &mut room)?;
        // None is ever sent to us.
        drop(descriptors);
        let Some(answer) = hand.perform(&room[..length]) else { return Ok(()) };
        match answer {
            Ok(Done::Yes) => passing::send(socket.as_fd(), b"Y", &[])?,
            Ok(Done::Open(opened)) => {
                passing::send(socket.as_fd(), &opened.encode(), &[opened.file.as_fd()])?;
            }
            Err(error) => passing::send(socket.as_fd(), &Refusal::from(&error).encode(), &[])?,
        }
    }
}

impl Opened {
    fn encode(&self) -> Vec<u8> {
        let mut record = vec![b'O', u8::try_from(self.separator.len()).unwrap_or(0)];
        record.extend_from_slice(&self.old_len.to_ne_bytes());
        record.extend_from_slice(&self.separator);
        record.extend_from_slice(self.path.as_os_str().as_bytes());
        record
    }

    fn decode(record: &[u8], file: File) -> Option<Self> {
        let [b'O', separator_len, rest @ ..] = record else { return None };
        let (old_len, rest) = rest.split_first_chunk()?;
        let (separator, path) = rest.split_at_checked(usize::from(*separator_len))?;
        Some(Self {
            file,
            path: std::ffi::OsString::from_vec(path.to_vec()).into(),
            old_len: u64::from_ne_bytes(*old_len),
            separator: separator.into(),
        })
    }
}

/// Where to ask: this process, or the root process at the other end of a socket.
#[derive(Debug)]
pub(super) enum Desk {
    /// We have all the rights we need, or never will.
    Here(Hand),
    /// The hand is another process.
    There(OwnedFd),
}

impl Desk {
    /// Checks that a user exists.
    pub(super) fn look_up(&mut self, name: &[u8]) -> Result<(), Refusal> {
        match self.ask(&[b"L", cut(name)].concat())? {
            Done::Yes => Ok(()),
            Done::Open(_) => Err(nonsense()),
        }
    }

    /// Opens and locks a user's mailbox for a message that begins with this line; [`Self::settle`] must follow.
    pub(super) fn open(&mut self, name: &[u8], first_line: &[u8]) -> Result<Opened, Refusal> {
        let first_line = &first_line[..first_line.len().min(Expected::BEGINNING_BYTES_MAX)];
        match self.ask(&[b"O", cut(name), b"\0", first_line].concat())? {
            Done::Open(opened) => Ok(opened),
            Done::Yes => Err(nonsense()),
        }
    }

    /// Keeps what has been appended, or cuts it off, and unlocks the mailbox.
    pub(super) fn settle(&mut self, keep: bool) -> Result<(), Refusal> {
        self.ask(if keep { b"K" } else { b"R" }).map(drop)
    }

    fn ask(&mut self, request: &[u8]) -> Result<Done, Refusal> {
        match self {
            Self::Here(hand) => Ok(hand.perform(request).ok_or_else(nonsense)??),
            Self::There(socket) => {
                let failed = |error: io::Error| Refusal::temporary(format!("mailbox process: {error}"));
                passing::send(socket.as_fd(), request, &[]).map_err(failed)?;
                let mut room = [0; RECORD_BYTES_MAX];
                let (length, descriptors) = passing::receive(socket.as_fd(), &mut room).map_err(failed)?;
                answer(&room[..length], descriptors)
            }
        }
    }
}

/// Cuts a name that is too long anyway, so that it fits into a record.
fn cut(name: &[u8]) -> &[u8] {
    &name[..name.len().min(NAME_BYTES_MAX + 1)]
}

fn answer(record: &[u8], descriptors: Vec<OwnedFd>) -> Result<Done, Refusal> {
    match (record, descriptors.into_iter().next()) {
        (b"Y", None) => Ok(Done::Yes),
        ([b'O', ..], Some(file)) => Opened::decode(record, file.into()).map(Done::Open).ok_or_else(nonsense),
        ([b'E', ..], None) => Err(Refusal::decode(record).unwrap_or_else(nonsense)),
        _ => Err(nonsense()),
    }
}

fn nonsense() -> Refusal {
    Refusal::temporary("mailbox process has ended".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_pass_through_a_record() {
        let refusal = Refusal::temporary("lockmailbox a b failed".to_owned());
        assert_eq!(Refusal::decode(&refusal.encode()), Some(refusal));
        assert_eq!(Refusal::decode(b"E"), None);
        assert_eq!(Refusal::decode(b"Exx 4.3.0 a"), None);
    }

    #[test]
    fn opened_mailboxes_pass_through_a_record() {
        let file = || tempfile::tempfile().unwrap();
        let opened = Opened { file: file(), path: "/var/mail/joe".into(), old_len: 77, separator: "\n".into() };
        let copy = Opened::decode(&opened.encode(), file()).unwrap();
        assert_eq!((copy.path, copy.old_len, copy.separator), (opened.path, 77, opened.separator));
        assert!(Opened::decode(b"O\xff12345678/x", file()).is_none());
    }

    #[test]
    fn when_a_request_is_nonsense_then_the_hand_hangs_up() {
        let (ours, theirs) = passing::pair().unwrap();
        passing::send(ours.as_fd(), b"?what", &[]).unwrap();
        serve(Hand::new(Place::system()), theirs).unwrap();
        let mut desk = Desk::There(ours);
        assert_eq!(desk.look_up(b"root").unwrap_err().code, 451);
    }
}
