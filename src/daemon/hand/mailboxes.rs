//! Mailboxes and files that are locked for the network process until it says what became of the message.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::{BString, ByteSlice};
use nix::unistd::{getegid, geteuid, getuid};

use super::held_file::HeldFile;
use super::{Charter, Failure, Served, accounts, plain, refusal, sources};
use crate::cf::{Config, Mailer};
use crate::keeper::client::Answered;
use crate::keeper::kind::LOCK_WAIT;
use crate::keeper::request::{Answer, FailureKind, Mailbox};
use crate::mail::token::EXPAND;
use crate::mailbox::{self, Expected, Letters, Locked, MailboxError, Place};
use crate::name::MailerName;
use crate::sys::user::User;

/// The most mailboxes one hand holds: one at a time is asked for, those before it may be on their way back.
const HELD_MAX: usize = 16;

/// The name of the file in a home directory that keeps what could not be sent.
const DEAD_LETTER: &str = "dead.letter";

/// What is held, by the numbers the network process knows.
#[derive(Default)]
pub(super) struct Mailboxes {
    held: HashMap<u32, Held>,
    last: u32,
}

/// Something locked; dropped, it gets its old length back.
enum Held {
    User(Locked),
    File(HeldFile),
}

impl Mailboxes {
    /// Locks and opens the place that is asked for, where this is to be appended.
    pub(super) fn open(&mut self, charter: &Charter, place: &Mailbox, expected: Expected) -> Served {
        if self.held.len() >= HELD_MAX {
            return Err(refusal(FailureKind::Temporary {}, "this hand holds enough mailboxes: settle one first"));
        }
        let held = match place {
            Mailbox::User { mailer, name } => Held::User(open_user(&charter.config, mailer, name, expected)?),
            Mailbox::File { source } => {
                let (path, account) = sources::file_recipient(charter, source)?;
                Held::File(HeldFile::open(charter, &path, &account)?)
            }
            Mailbox::DeadLetter { uid } if charter.has_caller => Held::File(open_dead_letter(charter, *uid)?),
            Mailbox::DeadLetterDrop {} => Held::File(open_dead_letter_drop(charter)?),
            Mailbox::DeadLetter { .. } => {
                return Err(refusal(FailureKind::Undeclared {}, "nobody called whose letter it could be"));
            }
        };
        let (file, size_bytes, path, separator): (_, _, &Path, &[u8]) = match &held {
            Held::User(locked) => (locked.file(), locked.old_len(), locked.path(), locked.separator()),
            Held::File(file) => (file.as_fd(), file.old_len(), file.path(), b""),
        };
        let copy: OwnedFd =
            file.try_clone_to_owned().map_err(|error| super::failure_of("a copy of a descriptor", &error))?;
        self.last = self.last.wrapping_add(1);
        let answer = Answer::Mailbox {
            mailbox: self.last,
            size_bytes,
            path: path.as_os_str().as_bytes().into(),
            separator: separator.into(),
        };
        self.held.insert(self.last, held);
        Ok(Answered { answer, descriptors: vec![copy] })
    }

    /// Ends the work on a mailbox.
    pub(super) fn settle(&mut self, number: u32, keep: bool) -> Served {
        let held = self.held.remove(&number);
        let held = held.ok_or_else(|| refusal(FailureKind::Missing {}, "no such mailbox is held"))?;
        match (held, keep) {
            (Held::User(locked), true) => locked.keep().map_err(|error| failure(&error))?,
            (Held::User(locked), false) => locked.restore().map_err(|error| failure(&error))?,
            (Held::File(file), true) => file.keep(),
            (Held::File(file), false) => drop(file),
        }
        plain(Answer::Done {})
    }
}

fn open_user(config: &Config, mailer: &MailerName, name: &BString, expected: Expected) -> Result<Locked, Failure> {
    let undeclared = || refusal(FailureKind::Undeclared {}, format!("mailer {mailer}: not declared"));
    let place = place_of(config.mailers.get(mailer.as_bytes()).ok_or_else(undeclared)?)?;
    let user = accounts::existing(name)?;
    mailbox::open(&place, &user, expected, LOCK_WAIT).map_err(|error| failure(&error))
}

/// Opens `dead.letter` of the user who called the program.
fn open_dead_letter(charter: &Charter, uid: u32) -> Result<HeldFile, Failure> {
    let user = match User::by_uid(uid) {
        Ok(Some(user)) if getuid().as_raw() == uid => user,
        Ok(_) => return Err(refusal(FailureKind::Undeclared {}, format!("uid {uid} has not called"))),
        Err(error) => return Err(refusal(FailureKind::Temporary {}, error.to_string())),
    };
    let path = user.home.join(DEAD_LETTER);
    owned(HeldFile::open_dead_letter(charter, &path, &user)?, uid, "the sender")
}

/// Opens the file for mail of which nobody can be told; it is a file of this process's user.
fn open_dead_letter_drop(charter: &Charter) -> Result<HeldFile, Failure> {
    let path = &charter.config.options.dead_letter_drop;
    if !path.starts_with(b"/") {
        return Err(refusal(FailureKind::Undeclared {}, "DeadLetterDrop names no file: write its full path"));
    }
    let uid = geteuid().as_raw();
    let user = User::by_uid(uid).map_err(|error| refusal(FailureKind::Temporary {}, error.to_string()))?;
    let user = user.unwrap_or_else(|| User::nameless(uid, getegid().as_raw()));
    owned(HeldFile::open_dead_letter(charter, &path.to_path_lossy(), &user)?, uid, "this program's user")
}

/// Returns a file that is held if it is one of `uid`, who is `whom`.
fn owned(file: HeldFile, uid: u32, whom: &str) -> Result<HeldFile, Failure> {
    if file.owner() != Some(uid) {
        let text = format!("{}: not a file of {whom}", file.path().display());
        return Err(refusal(FailureKind::Permanent {}, text));
    }
    Ok(file)
}

/// Returns where the mailboxes of a mailer are whose program is `mail.local`.
fn place_of(mailer: &Mailer) -> Result<Place, Failure> {
    if !mailer.is_mail_local() {
        let text = format!("mailer {} does not keep mailboxes as mail.local does", mailer.name);
        return Err(refusal(FailureKind::Undeclared {}, text));
    }
    // QUIRK(mail-local-place)
    let wrong = |why: String| refusal(FailureKind::Temporary {}, format!("mailer {}: mend A=: {why}", mailer.name));
    let words = mailer.argv.iter().skip(1).map(|word| word.as_slice());
    let place = Letters::read(words).and_then(|(letters, _)| letters.place()).map_err(|bad| wrong(bad.to_string()))?;
    let written = match &place {
        Place::Spool { directory, .. } => directory.as_os_str().as_bytes(),
        Place::Home { file } => file,
    };
    if written.contains(&EXPAND) {
        // Whoever asks would say what the macro is, and so choose the path.
        return Err(wrong("the place of mailboxes names a macro; write it out, or set LocalDelivery=exec".to_owned()));
    }
    Ok(place)
}

fn failure(error: &MailboxError) -> Failure {
    let kind = if error.is_temporary() { FailureKind::Temporary {} } else { FailureKind::Permanent {} };
    // The reply begins with its codes, as the program itself would say it.
    refusal(kind, format!("{} {} {error}", error.code(), error.status()))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::cf::{self, AliasSpec, Blame, ReadEnv, UserSpec};
    use crate::keeper::request::{Source, SourceRoot};
    use crate::sys::safe_file::Listeners;

    #[track_caller]
    fn check_place(words: &str, expected: Result<Place, (FailureKind, &str)>) {
        let text = format!("V10\nMlocal, P=/usr/libexec/mail.local, F=lsDFM, A=mail.local {words} $u\n");
        let (config, errors) = cf::read(text.as_bytes(), "x.cf", &ReadEnv::default());
        assert!(errors.is_empty(), "{errors:?}");
        let found = place_of(config.mailers.get(b"local").expect("declared"));
        let expected = expected.map_err(|(kind, text)| refusal(kind, text));
        assert_eq!(found, expected, "{words}");
    }

    #[test]
    fn a_mailbox_is_where_the_program_would_have_it() {
        let spool = |directory: &str, depth| Ok(Place::Spool { directory: directory.into(), depth });
        check_place("-d", Ok(Place::system()));
        check_place("-lp /other", spool("/other", 0));
        check_place("-f -h -H u2", Ok(Place::Spool { directory: "/var/mail".into(), depth: 2 }));
        check_place("-r $g -bh mbox", Ok(Place::Home { file: "mbox".into() }));
    }

    #[test]
    fn when_nobody_knows_where_mailboxes_are_then_mail_waits_until_that_is_mended() {
        let waits = |text| Err((FailureKind::Temporary {}, text));
        check_place("-H u0", waits("mailer local: mend A=: -H: invalid hash depth"));
        check_place("-z", waits("mailer local: mend A=: invalid option -- 'z'"));
        let macros =
            "mailer local: mend A=: the place of mailboxes names a macro; write it out, or set LocalDelivery=exec";
        check_place("-p /mail/$m", waits(macros));
        check_place("-h $m", waits(macros));
    }

    #[test]
    fn one_hand_holds_so_many_and_no_more() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("ours");
        let place = folder.path().display();
        let files: String = (0..=HELD_MAX).map(|number| format!("m{number}: {place}/m{number}\n")).collect();
        fs::write(folder.path().join("aliases"), files).expect("written");
        let mut config = Config::default();
        config.options.alias_file = AliasSpec::split(format!("{place}/aliases").as_bytes(), 0);
        config.options.dont_blame_sendmail.insert(Blame::TrustStickyBit);
        config.options.default_user = UserSpec::parse(getuid().to_string().as_bytes());
        let charter = Charter::new(config, false, Listeners::default());
        let mut mailboxes = Mailboxes::default();
        let open = |mailboxes: &mut Mailboxes, number: usize| {
            let root = SourceRoot::Alias { file: 0, key: format!("m{number}").into() };
            let place = Mailbox::File { source: Source { root, elements: vec![0] } };
            mailboxes.open(&charter, &place, Expected::new(1, b"")).map(drop)
        };
        for number in 0..HELD_MAX {
            open(&mut mailboxes, number).expect("there is room");
        }
        let refused = open(&mut mailboxes, HELD_MAX).expect_err("enough");
        assert_eq!(refused.kind, FailureKind::Temporary {});
        mailboxes.settle(1, true).expect("settled");
        open(&mut mailboxes, HELD_MAX).expect("there is room again");
    }
}
