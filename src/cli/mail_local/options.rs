//! What the command line asks for.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use bstr::BString;

use crate::mailbox::append::Durability;
use crate::mailbox::letters::BadOptions;
use crate::mailbox::{Letters, Place};
use crate::name::Sysexit;

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
    fn usage(complaint: Option<BadOptions>) -> Self {
        let mut shown: Vec<String> = complaint.map(|bad| format!("mail.local: {bad}")).into_iter().collect();
        shown.push(
            "mail.local: usage: mail.local [-7] [-B] [-b] [-d] [-l] [-s] [-f from|-r from] [-h filename] user ..."
                .to_owned(),
        );
        // QUIRK(mail-local-usage-exit): the original means EX_USAGE and exits with EX_UNAVAILABLE.
        Self { shown, exit: Sysexit::Unavailable, lmtp: false }
    }
}

impl From<BadOptions> for Refused {
    fn from(bad: BadOptions) -> Self {
        Self::usage(Some(bad))
    }
}

impl Options {
    /// Reads the arguments; the first is the program's name.
    pub(super) fn parse(args: &[OsString]) -> Result<Self, Refused> {
        let (letters, users) = Letters::read(args.iter().skip(1).map(|word| word.as_bytes()))?;
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
