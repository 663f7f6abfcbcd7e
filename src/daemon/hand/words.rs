//! The words of a mailer's command line: whether they can be what the configuration declares, and nothing more.
//!
//! **Invariant:** whoever asks for a program chooses the values of macros only: no word more, none that an option of the
//! program's could be made of.

use bstr::{BString, ByteSlice};

use crate::cf::Mailer;
use crate::mail::token::EXPAND;
use crate::name::TrimSpace as _;

/// The word behind which no option begins any more (POSIX, utility syntax guideline 10).
const END_OF_OPTIONS: &[u8] = b"--";

/// Why words are not those of a mailer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum BadWords {
    /// The configuration declares others.
    #[error("the command line is not the one that A= declares")]
    Undeclared,
    /// A value would be taken for an option.
    #[error(
        "the program would take {0:?} for an option; write A= so that -- or an option with a value stands before it"
    )]
    Option(BString),
}

/// Checks that `words` can be what A= of `mailer` (in internal form) expands to, perhaps with the option that names the
/// sender. Where the recipient is a command, the word that names the recipient is `command` and nothing else.
///
/// # Errors
/// They cannot, or one would be taken for an option. A command may begin as it likes: it runs with the rights of whoever
/// wrote it.
pub(super) fn check(mailer: &Mailer, words: &[BString], command: Option<&[u8]>) -> Result<(), BadWords> {
    let checked = expands_to(&mailer.argv, words, command);
    match (mailer.sender_option(), words) {
        // Else the option and the sender would count as two recipients where the recipients follow.
        (Some(option), [program, given, _, rest @ ..]) if given == option && checked.is_err() => {
            let without = [std::slice::from_ref(program), rest].concat();
            expands_to(&mailer.argv, &without, command)
        }
        _ => checked,
    }
}

/// Checks that `words` can be what `template` expands to: the words that name the recipient once for each recipient.
fn expands_to(template: &[BString], words: &[BString], command: Option<&[u8]>) -> Result<(), BadWords> {
    let recipients = recipients(template, words).ok_or(BadWords::Undeclared)?;
    let mut rest = words;
    let mut before: &[u8] = b"";
    let mut may_be_option = true;
    for (number, wanted) in template.iter().enumerate() {
        let names_user = names_user(wanted);
        let (given, behind) = rest.split_at(if names_user { recipients } else { 1 });
        let frame = Frame::of(wanted);
        let is_declared = match command.filter(|_| names_user) {
            Some(command) => given.len() == 1 && frame.holds(&given[0], command),
            None => given.iter().all(|word| frame.fits(word)),
        };
        if !is_declared {
            return Err(BadWords::Undeclared);
        }
        // QUIRK(option-words): a value that follows an option of one letter is that option's; a recipient is never one.
        let is_value = before.len() == 2 && before[0] == b'-' && !names_user;
        let is_free = number == 0 || !may_be_option || is_value || names_user && command.is_some();
        let begins_with_value = wanted.first() == Some(&EXPAND);
        if let Some(word) = given.iter().find(|word| begins_with_value && !is_free && word.starts_with(b"-")) {
            return Err(BadWords::Option(word.clone()));
        }
        may_be_option &= wanted != END_OF_OPTIONS;
        before = wanted;
        rest = behind;
    }
    Ok(())
}

/// Returns how many recipients `words` name; none if their number is not that of any.
fn recipients(template: &[BString], words: &[BString]) -> Option<usize> {
    let repeated = template.iter().filter(|word| names_user(word)).count();
    let rest = words.len().checked_sub(template.len() - repeated)?;
    match (repeated, rest) {
        _ if template.is_empty() => None,
        (0, 0) => Some(0),
        (1.., 1..) if rest % repeated == 0 => Some(rest / repeated),
        _ => None,
    }
}

/// Tells whether a word of A= names the recipient.
fn names_user(word: &[u8]) -> bool {
    word.windows(2).any(|pair| pair == [EXPAND, b'u'])
}

/// What stays of a word of A=, whatever its macros are.
struct Frame<'a> {
    /// Up to the first macro; the whole word if there is none.
    before: &'a [u8],
    /// Behind the last macro; none if there is none.
    behind: Option<&'a [u8]>,
}

impl<'a> Frame<'a> {
    fn of(wanted: &'a [u8]) -> Self {
        let (Some(first), Some(last)) = (wanted.find_byte(EXPAND), wanted.rfind_byte(EXPAND)) else {
            return Self { before: wanted, behind: None };
        };
        let behind = match wanted[last + 1..].strip_prefix(b"{") {
            Some(long) => long.find_byte(b'}').map_or(&b""[..], |end| &long[end + 1..]),
            None => wanted.get(last + 2..).unwrap_or_default(),
        };
        Self { before: &wanted[..first], behind: Some(behind) }
    }

    /// Tells whether `word` has the frame.
    fn fits(&self, word: &[u8]) -> bool {
        match self.behind {
            None => word == self.before,
            Some(behind) => {
                let is_long_enough = word.len() >= self.before.len() + behind.len();
                is_long_enough && word.starts_with(self.before) && word.ends_with(behind)
            }
        }
    }

    /// Tells whether `word` is `value` in the frame, but for white space around it.
    fn holds(&self, word: &[u8], value: &[u8]) -> bool {
        word.trim_space() == [self.before, value, self.behind.unwrap_or_default()].concat().trim_space()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cf::{MailerFlags, Mailers};

    /// `$` stands for the mark of a macro.
    #[track_caller]
    fn check_words(template: &str, words: &str, expected: Result<(), BadWords>) {
        check_command(template, words, None, expected);
    }

    #[track_caller]
    fn check_command(template: &str, words: &str, command: Option<&[u8]>, expected: Result<(), BadWords>) {
        let split = |text: &str| text.split(' ').map(BString::from).collect::<Vec<_>>();
        let marked = |word: &BString| word.iter().map(|b| if *b == b'$' { EXPAND } else { *b }).collect();
        let argv = split(template).iter().map(marked).collect();
        let flags = MailerFlags::new(b"f");
        let mailer = Mailer { argv, flags, ..Mailers::default().get(b"*file*").expect("built in").clone() };
        assert_eq!(check(&mailer, &split(words), command), expected, "{words}");
    }

    fn option(word: &str) -> Result<(), BadWords> {
        Err(BadWords::Option(word.into()))
    }

    const UNDECLARED: Result<(), BadWords> = Err(BadWords::Undeclared);

    #[test]
    fn words_without_macros_stand_as_declared() {
        const LOCAL: &str = "mail.local -d $u -x";
        for (words, expected) in [
            ("mail.local -d joe -x", Ok(())),
            ("mail.local -d joe ann -x", Ok(())),
            ("mail.local -f a@b -d joe -x", Ok(())),
            ("mail.local -f -a@b -d joe -x", Ok(())),
            ("mail.local -r a@b -d joe -x", UNDECLARED),
            ("mail.local -f a@b -h joe -x", UNDECLARED),
            ("mail.local -d -x", UNDECLARED),
            ("mail.local -h joe -x", UNDECLARED),
            ("mail.local -d joe", UNDECLARED),
            ("sh -d joe -x", UNDECLARED),
        ] {
            check_words(LOCAL, words, expected);
        }
        check_words("mail", "mail", Ok(()));
        check_words("mail", "mail x", UNDECLARED);
    }

    #[test]
    fn no_words_are_put_between_those_that_are_declared() {
        const PROCMAIL: &str = "procmail -Y -a $h -d $u";
        check_words(PROCMAIL, "procmail -Y -a detail -d joe", Ok(()));
        check_words(PROCMAIL, "procmail -Y -a  -d joe", Ok(()));
        check_words(PROCMAIL, "procmail -Y -a x -m /tmp/rc -d joe", UNDECLARED);
        check_words(PROCMAIL, "procmail -Y -a x /tmp/rc -d joe", UNDECLARED);
    }

    #[test]
    fn no_value_is_taken_for_an_option() {
        const PROCMAIL: &str = "procmail -Y -a $h -d $u";
        check_words(PROCMAIL, "procmail -Y -a -m -d joe", Ok(()));
        check_words(PROCMAIL, "procmail -Y -a x -d -m", option("-m"));
        check_words(PROCMAIL, "procmail -Y -a x -d joe -m", option("-m"));
        check_words("cap $h", "cap -x", option("-x"));
        check_words("cap --long $h", "cap --long -x", option("-x"));
        check_words("cap -e -- $u $h", "cap -e -- -u -h", Ok(()));
        check_words("uux - -a$g $h!rmail ($u)", "uux - -a-x@y -rhost!rmail (joe)", option("-rhost!rmail"));
        check_words("uux - -a$g $h!rmail ($u)", "uux - -a-x@y host!rmail (joe)", Ok(()));
        check_words("uux - -a$g $h!rmail ($u)", "uux - -a-x@y host!other (joe)", UNDECLARED);
        check_words("mda $u", "mda -f a@b joe jim", Ok(()));
        check_words("mda $u", "mda -f a@b joe -x", option("-x"));
        check_words("mda $u", "mda joe -f a@b", option("-f"));
    }

    #[test]
    fn no_command_runs_but_the_one_whose_text_it_is() {
        let command = Some(&b"exit"[..]);
        check_command("sh -c $u", "sh -c exit", command, Ok(()));
        check_command("sh -c $u", "sh -c id", command, UNDECLARED);
        check_command("sh -c $u", "sh -c id exit", command, UNDECLARED);
        check_command("sh -c $u", "sh -c exit exit", command, UNDECLARED);
        check_command("sh -c $u $h", "sh -c id exit", command, UNDECLARED);
        check_command("sh -c $u", "sh -c -x", Some(b"-x"), Ok(()));
    }
}
