//! Mailer definitions (op guide, "M -- Define Mailer").

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use bstr::BString;

use super::mailer_flag::{MailerFlag, MailerFlags};
use crate::mail::header::MACRO_MARK;
use crate::name::{MailerName, RulesetName, TrimSpace as _};

/// Recipients of one transaction where a mailer says nothing (RFC 5321 §4.5.3.1.8).
pub(super) const RECIPIENTS_MAX: u32 = 100;

/// A user or group as a configuration file names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Principal {
    /// A number.
    Id(u32),
    /// A name, looked up when the configuration is put to use.
    Name(BString),
}

/// `user:group` of `DefaultUser`, `RunAsUser` and `U=`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct UserSpec {
    /// The user.
    pub user: Option<Principal>,
    /// The group; `None`: that of the user.
    pub group: Option<Principal>,
}

impl UserSpec {
    /// Reads `user`, `user:group`, `user.group`, `1:1`.
    pub fn parse(text: &[u8]) -> Self {
        let end = text.iter().position(|byte| matches!(byte, b':' | b'/' | b'.')).unwrap_or(text.len());
        let group = text.get(end + 1..).unwrap_or_default();
        Self { user: Principal::parse(&text[..end]), group: Principal::parse(group) }
    }

    /// Reads `user:group` of `U=`, where anything that no name has parts the two.
    ///
    /// QUIRK(blank-parts-user): white space parts them, too, but takes the first letter of the group with it.
    pub fn of_mailer(text: &[u8]) -> Self {
        let (user, rest) = Principal::word(text, b"_-");
        Self { user, group: Principal::word(rest.get(1..).unwrap_or_default(), b"_-.").0 }
    }

    /// Reads `user`, of which everything belongs to the name.
    pub fn of_user(text: &[u8]) -> Self {
        Self { user: Principal::parse(text), group: None }
    }
}

impl Principal {
    /// Reads the name or number in front of a text; returns what follows, too. Names have letters, digits and `signs`;
    /// numbers may be octal (`010`) and hexadecimal (`0x10`).
    fn word<'a>(text: &'a [u8], signs: &[u8]) -> (Option<Self>, &'a [u8]) {
        let text = text.trim_space_start();
        let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || signs.contains(byte);
        let end = text.iter().position(|byte| !is_of_name(byte)).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        let number = || match word {
            [b'0', b'x' | b'X', digits @ ..] => Self::number(digits, 16),
            [b'0', digits @ ..] if !digits.is_empty() => Self::number(digits, 8),
            digits => Self::number(digits, 10),
        };
        let principal = (!word.is_empty()).then(|| number().unwrap_or_else(|| Self::Name(word.into())));
        (principal, rest.trim_space_start())
    }

    /// Reads a number or a name; nothing is `None`. What is a number only in part is a name.
    fn parse(text: &[u8]) -> Option<Self> {
        let text = text.trim_space();
        (!text.is_empty()).then(|| Self::number(text, 10).unwrap_or_else(|| Self::Name(text.into())))
    }

    /// Reads a number that may be one of a user or group: all ones is none.
    fn number(digits: &[u8], base: u32) -> Option<Self> {
        let is_number = !digits.is_empty() && digits.iter().all(|byte| char::from(*byte).is_digit(base));
        let text = std::str::from_utf8(digits).ok().filter(|_| is_number)?;
        u32::from_str_radix(text, base).ok().filter(|id| *id != u32::MAX).map(Self::Id)
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Name(name) => write!(f, "{name}"),
        }
    }
}

impl fmt::Display for UserSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}")?;
        }
        self.group.as_ref().map_or(Ok(()), |group| write!(f, ":{group}"))
    }
}

/// One way of delivering mail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mailer {
    /// The name that rules use.
    pub name: MailerName,
    /// The program, `[IPC]` or `[FILE]`.
    pub path: BString,
    /// Single-letter flags.
    pub flags: MailerFlags,
    /// The words of the command, in internal form; expanded for each delivery.
    pub argv: Vec<BString>,
    /// The end of a line.
    pub end_of_line: BString,
    /// The longest line sent; `None`: no limit.
    pub line_bytes_max: Option<usize>,
    /// The largest message; `None`: no limit.
    pub size_bytes_max: Option<u64>,
    /// Messages on one connection; `None`: no limit.
    pub messages_max: Option<u32>,
    /// Recipients of one transaction; `None`: no limit.
    pub recipients_max: Option<u32>,
    /// The ruleset for the envelope sender (`S=` before the slash).
    pub envelope_sender: Option<RulesetName>,
    /// The ruleset for senders in headers (`S=` after the slash).
    pub header_sender: Option<RulesetName>,
    /// The ruleset for envelope recipients (`R=` before the slash).
    pub envelope_recipient: Option<RulesetName>,
    /// The ruleset for recipients in headers (`R=` after the slash).
    pub header_recipient: Option<RulesetName>,
    /// `T=`: the kinds of MTA name, address and diagnostic code in delivery reports.
    pub types: MailerTypes,
    /// `U=`: the user and group the program runs as.
    pub user: Option<UserSpec>,
    /// `D=`: the directories to run in, the first that exists; in internal form.
    pub directories: Vec<BString>,
    /// `C=`: the character set of unlabelled 8-bit text; empty: that of `DefaultCharSet`.
    pub charset: BString,
    /// `N=`: the change of the scheduling priority.
    pub nice: i32,
    /// `W=`: how long the program may take after its input has ended; zero: for ever.
    pub wait: Duration,
    /// `Q=`: the queue group; empty: none of its own.
    pub queue_group: BString,
    /// `/=`: the directory to chroot to; empty: none; in internal form.
    pub root: BString,
    /// The line of the file; 0: built in.
    pub line: usize,
}

/// The three kinds of `T=` (RFC 3464): MTA name, address, diagnostic code.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MailerTypes {
    /// As in `Remote-MTA: dns; …`.
    pub mta: BString,
    /// As in `Final-Recipient: rfc822; …`.
    pub address: BString,
    /// As in `Diagnostic-Code: smtp; …`.
    pub diagnostic: BString,
}

impl Mailer {
    /// Returns a mailer with the defaults of every field.
    pub(super) fn new(name: &[u8]) -> Self {
        Self {
            name: MailerName::new(name),
            path: BString::default(),
            flags: MailerFlags::default(),
            argv: Vec::new(),
            end_of_line: "\n".into(),
            line_bytes_max: None,
            size_bytes_max: None,
            messages_max: None,
            recipients_max: Some(RECIPIENTS_MAX),
            envelope_sender: None,
            header_sender: None,
            envelope_recipient: None,
            header_recipient: None,
            types: MailerTypes::default(),
            user: None,
            directories: Vec::new(),
            charset: BString::default(),
            nice: 0,
            wait: Duration::ZERO,
            queue_group: BString::default(),
            root: BString::default(),
            line: 0,
        }
    }

    /// Tells whether the mailer is a network connection (`P=[IPC]`).
    pub fn is_ipc(&self) -> bool {
        self.path == "[IPC]"
    }

    /// Tells whether the mailer writes to files itself (`P=[FILE]`).
    pub fn is_file(&self) -> bool {
        self.path == "[FILE]"
    }

    /// Tells whether the mailer's program is `mail.local`, wherever it lies.
    pub fn is_mail_local(&self) -> bool {
        self.path.rsplit(|byte| *byte == b'/').next() == Some(b"mail.local")
    }

    /// Tells whether the mailer speaks SMTP or LMTP: no word of its command has `$u`.
    pub fn speaks_smtp(&self) -> bool {
        !self.argv.iter().any(|word| word.windows(2).any(|pair| pair == [MACRO_MARK, b'u']))
    }

    /// Returns the option by which the program takes the sender, if it wants to know (`F=f`, `F=r`).
    pub fn sender_option(&self) -> Option<&'static str> {
        match (self.flags.has(MailerFlag::SenderBehindF), self.flags.has(MailerFlag::SenderBehindR)) {
            (true, _) => Some("-f"),
            (_, true) => Some("-r"),
            _ => None,
        }
    }

    /// Tells whether the mailer is final delivery on this host (`F=l`).
    pub fn is_local(&self) -> bool {
        self.flags.has(MailerFlag::Local)
    }
}

/// All mailers, by name and in the order of their definition; `prog`, `*file*` and `*include*` are always there.
#[derive(Clone, Debug)]
pub struct Mailers {
    list: Vec<Mailer>,
    by_name: HashMap<MailerName, usize>,
}

impl Default for Mailers {
    fn default() -> Self {
        let mut mailers = Self { list: Vec::new(), by_name: HashMap::new() };
        let unix = MailerTypes { mta: "X-Unix".into(), address: "X-Unix".into(), diagnostic: "X-Unix".into() };
        for (name, path, flags, argv, types) in [
            ("prog", "/bin/sh", "lsouDq9", &["sh", "-c", "$u"][..], unix.clone()),
            ("*file*", "[FILE]", "lsDFMPEouq9", &["FILE", "$u"], unix),
            ("*include*", "/dev/null", "su", &["INCLUDE", "$u"], MailerTypes::default()),
        ] {
            let mut mailer = Mailer::new(name.as_bytes());
            mailer.path = path.into();
            mailer.flags = MailerFlags::new(flags.as_bytes());
            mailer.argv = argv.iter().map(|word| word.bytes().map(mark).collect::<Vec<_>>().into()).collect();
            mailer.types = types;
            mailers.insert(mailer);
        }
        mailers
    }
}

/// Turns `$` into the mark of the internal form.
fn mark(byte: u8) -> u8 {
    if byte == b'$' { MACRO_MARK } else { byte }
}

impl Mailers {
    /// Returns the mailer named `name` (case counts not).
    pub fn get(&self, name: &[u8]) -> Option<&Mailer> {
        self.by_name.get(name.to_ascii_lowercase().as_slice()).map(|index| &self.list[*index])
    }

    /// Returns the place of the mailer named `name` in [`Self::iter`], its slot in the statistics.
    pub fn index_of(&self, name: &[u8]) -> Option<usize> {
        self.by_name.get(name.to_ascii_lowercase().as_slice()).copied()
    }

    /// Returns the mailers in the order of their definition.
    pub fn iter(&self) -> impl Iterator<Item = &Mailer> {
        self.list.iter()
    }

    /// Adds a mailer, or puts it in the place of the one with the same name.
    pub(super) fn insert(&mut self, mailer: Mailer) {
        let key = MailerName::new(mailer.name.as_bytes().to_ascii_lowercase());
        match self.by_name.get(&key) {
            Some(&index) => self.list[index] = mailer,
            None => {
                self.by_name.insert(key, self.list.len());
                self.list.push(mailer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_mailers_are_always_there() {
        let mailers = Mailers::default();
        assert_eq!(
            mailers.iter().map(|mailer| mailer.name.to_string()).collect::<Vec<_>>(),
            ["prog", "*file*", "*include*"]
        );
        assert!(mailers.get(b"*FILE*").expect("built in").is_file());
        assert!(!mailers.get(b"prog").expect("built in").speaks_smtp());
        assert_eq!(mailers.index_of(b"*include*"), Some(2));
        assert!(mailers.get(b"local").is_none());
    }

    #[test]
    fn users_are_names_or_numbers() {
        let spec = UserSpec::parse(b"mail:8");
        assert_eq!(spec.user, Some(Principal::Name("mail".into())));
        assert_eq!(spec.group, Some(Principal::Id(8)));
        assert_eq!(spec.to_string(), "mail:8");
        assert_eq!(UserSpec::parse(b"root"), UserSpec { user: Some(Principal::Name("root".into())), group: None });
    }
}
