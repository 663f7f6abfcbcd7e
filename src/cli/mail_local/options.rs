//! The command line, read as getopt(3) does.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use bstr::BString;

use crate::mailbox::Place;
use crate::mailbox::append::Durability;
use crate::mailbox::place::DEPTH_MAX;
use crate::name::Sysexit;

/// Letters that take a value.
const WITH_VALUE: &[u8] = b"DfhrHp";

/// Letters that stand alone.
const ALONE: &[u8] = b"7Bbdlns";

/// What is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Options {
    /// 8BITMIME is offered (not `-7`).
    pub(super) eight_bit: bool,
    /// A full quota is final (`-b`).
    pub(super) final_quota: bool,
    /// comsat(8) is told (not `-B`).
    pub(super) biff: bool,
    /// LMTP is spoken (`-l`).
    pub(super) lmtp: bool,
    /// Whether mail is synced before success is told (not `-s`).
    pub(super) durability: Durability,
    /// The domain of LMTP recipients is cut off (not `-n`).
    pub(super) strip_domain: bool,
    /// The sender (`-f`, `-r`).
    pub(super) from: Option<BString>,
    /// Where mailboxes are (`-h`, `-p`, `-H`).
    pub(super) place: Place,
    /// The users to deliver to; none with LMTP.
    pub(super) users: Vec<BString>,
}

/// A command line that cannot be followed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refused {
    /// Lines to show.
    pub(super) shown: Vec<String>,
    /// The status to exit with.
    pub(super) exit: Sysexit,
    /// The lines are LMTP replies.
    pub(super) lmtp: bool,
}

impl Refused {
    fn usage(complaint: Option<&str>) -> Self {
        let mut shown: Vec<String> = complaint.map(|text| format!("mail.local: {text}")).into_iter().collect();
        shown.push(
            "mail.local: usage: mail.local [-7] [-B] [-b] [-d] [-l] [-s] [-f from|-r from] [-h filename] user ..."
                .to_owned(),
        );
        // QUIRK(mail-local-usage-exit): the original means EX_USAGE and exits with EX_UNAVAILABLE.
        Self { shown, exit: Sysexit::Unavailable, lmtp: false }
    }
}

impl Options {
    /// Reads the arguments; the first is the program's name.
    pub(super) fn parse(args: &[OsString]) -> Result<Self, Refused> {
        let mut letters = Letters::default();
        let users = letters.take_all(args.get(1..).unwrap_or_default())?;
        let lmtp = letters.has(b'l');
        if let Some(database) = letters.value(b'D').filter(|name| *name != "pw") {
            let text = format!("Can not open mailbox database {database}: Service unavailable");
            let shown = if lmtp { format!("521 {text}") } else { format!("mail.local: {text}") };
            return Err(Refused { shown: vec![shown], exit: Sysexit::Unavailable, lmtp });
        }
        if lmtp && !users.is_empty() {
            let text = "421 Users should not be specified in command line if LMTP required";
            return Err(Refused { shown: vec![text.to_owned()], exit: Sysexit::TempFail, lmtp });
        }
        if !lmtp && users.is_empty() {
            return Err(Refused::usage(None));
        }
        Ok(Self {
            eight_bit: !letters.has(b'7'),
            final_quota: letters.has(b'b'),
            biff: !letters.has(b'B'),
            lmtp,
            durability: if letters.has(b's') { Durability::Cached } else { Durability::Synced },
            strip_domain: !letters.has(b'n'),
            from: letters.value(b'f').or(letters.value(b'r')).cloned(),
            place: letters.place()?,
            users,
        })
    }
}

/// The letters of a command line with their values, in order.
#[derive(Default)]
struct Letters(Vec<(u8, BString)>);

impl Letters {
    /// Takes options up to the first word that is none; returns the words from there on.
    fn take_all(&mut self, args: &[OsString]) -> Result<Vec<BString>, Refused> {
        let mut words = args.iter();
        while let Some(word) = words.next() {
            match word.as_bytes() {
                b"--" => break,
                [b'-', letters @ ..] if !letters.is_empty() => self.take_word(letters, &mut words)?,
                other => {
                    let rest = words.map(|word| BString::from(word.as_bytes()));
                    return Ok(std::iter::once(BString::from(other)).chain(rest).collect());
                }
            }
        }
        Ok(words.map(|word| BString::from(word.as_bytes())).collect())
    }

    /// Takes the letters of one word, and the next word where the last letter wants a value.
    fn take_word<'a>(
        &mut self,
        mut letters: &'a [u8],
        words: &mut impl Iterator<Item = &'a OsString>,
    ) -> Result<(), Refused> {
        while let [letter, rest @ ..] = letters {
            let shown = char::from(*letter);
            if ALONE.contains(letter) {
                self.0.push((*letter, BString::default()));
                letters = rest;
                continue;
            }
            if !WITH_VALUE.contains(letter) {
                return Err(Refused::usage(Some(&format!("invalid option -- '{shown}'"))));
            }
            let value = if rest.is_empty() { words.next().map(|word| word.as_bytes()) } else { Some(rest) };
            let Some(value) = value else {
                return Err(Refused::usage(Some(&format!("option requires an argument -- '{shown}'"))));
            };
            if matches!(letter, b'f' | b'r') && (self.has(b'f') || self.has(b'r')) {
                return Err(Refused::usage(Some("Multiple -f options")));
            }
            self.0.push((*letter, value.into()));
            return Ok(());
        }
        Ok(())
    }

    fn has(&self, letter: u8) -> bool {
        self.0.iter().any(|(found, _)| *found == letter)
    }

    /// Returns the value given last.
    fn value(&self, letter: u8) -> Option<&BString> {
        self.0.iter().rev().find(|(found, _)| *found == letter).map(|(_, value)| value)
    }

    fn place(&self) -> Result<Place, Refused> {
        match self.value(b'h') {
            Some(file) if file.is_empty() => return Err(Refused::usage(Some("-h: missing filename"))),
            Some(file) => return Ok(Place::Home { file: file.clone() }),
            None => {}
        }
        let depth = self.value(b'H').map_or(Ok(0), |value| depth(value))?;
        let directory = match self.value(b'p') {
            None => return Ok(Place::Spool { directory: PathBuf::from("/var/mail"), depth }),
            Some(path) if path.is_empty() => return Err(Refused::usage(Some("-p: missing spool path"))),
            Some(path) => OsString::from_vec(path.to_vec()).into(),
        };
        Ok(Place::Spool { directory, depth })
    }
}

/// Reads `u2`: hashed by user name, two levels.
fn depth(value: &[u8]) -> Result<usize, Refused> {
    match value {
        [] => Err(Refused::usage(Some("-H: missing hashinfo"))),
        [b'u', number @ ..] => {
            let depth = OsStr::from_bytes(number).to_str().and_then(|text| text.parse().ok());
            depth
                .filter(|depth| (1..=DEPTH_MAX).contains(depth))
                .ok_or_else(|| Refused::usage(Some("-H: invalid hash depth")))
        }
        _ => Err(Refused::usage(Some("-H: unknown hash type"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Refused> {
        let args: Vec<_> = std::iter::once("mail.local").chain(line.split_whitespace()).map(OsString::from).collect();
        Options::parse(&args)
    }

    #[track_caller]
    fn check_refused(line: &str, expected: &str, exit: Sysexit) {
        let refused = parse(line).unwrap_err();
        assert_eq!((refused.shown[0].as_str(), refused.exit), (expected, exit));
    }

    #[test]
    fn options_are_read_as_getopt_reads_them() {
        let options = parse("-7bs -fa@b -d -- -joe ann").unwrap();
        assert_eq!((options.eight_bit, options.final_quota, options.biff, options.lmtp), (false, true, true, false));
        assert_eq!(options.from, Some("a@b".into()));
        assert_eq!(options.users, ["-joe", "ann"]);
        assert_eq!(options.durability, Durability::Cached);
        assert_eq!(parse("-d -r x joe").unwrap().from, Some("x".into()));
        assert_eq!(parse("joe -l").unwrap().users, ["joe", "-l"]);
        let lmtp = parse("-l -B -n -D pw").unwrap();
        assert_eq!((lmtp.lmtp, lmtp.biff, lmtp.strip_domain), (true, false, false));
    }

    #[test]
    fn the_place_of_mailboxes_is_chosen_by_option() {
        assert_eq!(parse("joe").unwrap().place, Place::system());
        assert_eq!(parse("-h mbox joe").unwrap().place, Place::Home { file: "mbox".into() });
        let spool = Place::Spool { directory: "/mail".into(), depth: 2 };
        assert_eq!(parse("-p /mail -H u2 joe").unwrap().place, spool);
    }

    #[test]
    fn what_cannot_be_followed_is_refused_as_the_original_does() {
        let usage =
            "mail.local: usage: mail.local [-7] [-B] [-b] [-d] [-l] [-s] [-f from|-r from] [-h filename] user ...";
        check_refused("", usage, Sysexit::Unavailable);
        check_refused("-z joe", "mail.local: invalid option -- 'z'", Sysexit::Unavailable);
        check_refused("-f", "mail.local: option requires an argument -- 'f'", Sysexit::Unavailable);
        check_refused("-f a -r b joe", "mail.local: Multiple -f options", Sysexit::Unavailable);
        check_refused("-H m2 joe", "mail.local: -H: unknown hash type", Sysexit::Unavailable);
        check_refused("-H u0 joe", "mail.local: -H: invalid hash depth", Sysexit::Unavailable);
        let database = "mail.local: Can not open mailbox database x: Service unavailable";
        check_refused("-D x joe", database, Sysexit::Unavailable);
        let users = "421 Users should not be specified in command line if LMTP required";
        check_refused("-l joe", users, Sysexit::TempFail);
    }
}
