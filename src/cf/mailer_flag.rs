//! The flags of mailers (op guide, "M -- Define Mailer", `F=`).

use std::fmt;

use crate::name::CSpace as _;

/// Defines the enum of flags, each with its letter.
macro_rules! mailer_flags {
    ($( $(#[$doc:meta])* $variant:ident = $letter:literal; )*) => {
        /// A flag that the program heeds, by its letter.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[repr(u8)]
        pub enum MailerFlag { $( $(#[$doc])* $variant = $letter, )* }

        impl MailerFlag {
            /// The letters of all flags.
            pub const LETTERS: &'static [u8] = &[ $( $letter, )* ];
        }
    };
}

mailer_flags! {
    /// The host is connected to without asking for its MX records, and nothing falls back.
    NoMx = b'0';
    /// Null bytes are left out.
    NoNul = b'1';
    /// HELO, even where EHLO is offered.
    HeloOnly = b'2';
    /// Quoted-printable also of what EBCDIC has elsewhere.
    EncodeMore = b'3';
    /// What no alias stands for passes through ruleset 5.
    Ruleset5 = b'5';
    /// The header has seven bits.
    SevenBitHeader = b'6';
    /// All has seven bits.
    SevenBit = b'7';
    /// Eight bits are sent whether they are offered or not.
    EightBit = b'8';
    /// Encoded plain text is sent as eight bits.
    Decode = b'9';
    /// `:include:` names a list.
    Lists = b':';
    /// `|` names a program.
    Programs = b'|';
    /// `/` names a file.
    Files = b'/';
    /// Users are looked up in the user database.
    UserDatabase = b'@';
    /// Messages wait until a run of the queue asks for them (`-qR`, ETRN).
    OnRequest = b'%';
    /// EHLO at once.
    Esmtp = b'a';
    /// Users are looked up in the aliases.
    Aliases = b'A';
    /// A blank line ends each message.
    BlankEnd = b'b';
    /// Backslashes before a user are left out.
    NoBackslashes = b'B';
    /// Addresses of the header have no comments.
    NoComments = b'c';
    /// Addresses of the header without a domain get that of the sender, if he came by this mailer.
    SenderDomain = b'C';
    /// It costs: with HoldExpensive, messages wait for a run of the queue.
    Expensive = b'e';
    /// `From ` at the start of a line is escaped.
    EscapeFrom = b'E';
    /// The program takes the sender behind `-f`.
    SenderBehindF = b'f';
    /// Hosts keep their capitals.
    HostCase = b'h';
    /// The sender of the envelope is looked up in the user database.
    SenderInUserDatabase = b'i';
    /// Recipients of the header are looked up in the user database.
    RecipientsInUserDatabase = b'j';
    /// A host with our own name is no loop.
    NoLoopCheck = b'k';
    /// Final delivery on this host.
    Local = b'l';
    /// Lines have at most the length of RFC 5321 §4.5.3.1.6.
    LimitLines = b'L';
    /// Several recipients in one transaction.
    Many = b'm';
    /// No line `From ` before the header.
    NoFromLine = b'n';
    /// The program runs as the recipient.
    AsRecipient = b'o';
    /// A sender of another host is told as a route through this one (`RFC 5321 appendix C`).
    RoutedSender = b'p';
    /// VRFY is sure of its recipients: 250.
    Certain = b'q';
    /// The program takes the sender behind `-r`.
    SenderBehindR = b'r';
    /// Connections come from a port below 1024.
    ReservedPort = b'R';
    /// Quotes of a user are left out.
    NoQuotes = b's';
    /// The program runs as who runs the daemon, or as `U=` says.
    KeepUser = b'S';
    /// Users keep their capitals.
    UserCase = b'u';
    /// The line `From ` has the form of UUCP.
    UucpFromLine = b'U';
    /// A recipient has an account on this host.
    Accounts = b'w';
    /// What is known of the state of hosts does not count.
    NoHostStatus = b'W';
    /// A dot at the start of a line is doubled.
    StuffDots = b'X';
    /// LMTP.
    Lmtp = b'z';
    /// A host that cannot be reached is tried again after DialDelay.
    DialDelay = b'Z';
}

/// The flags of a mailer: ASCII characters, a bit each; lines `H?x?` may ask for any.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MailerFlags(u128);

impl MailerFlags {
    /// Returns the flags that `letters` name.
    pub fn new(letters: &[u8]) -> Self {
        let mut flags = Self::default();
        flags.extend(letters);
        flags
    }

    /// Adds the flags that `letters` name; white space counts for nothing, nor does what is no ASCII.
    pub fn extend(&mut self, letters: &[u8]) {
        letters.iter().filter(|letter| !letter.is_c_space()).for_each(|letter| self.0 |= bit(*letter));
    }

    /// Tells whether `flag` is set.
    pub const fn has(self, flag: MailerFlag) -> bool {
        self.has_letter(flag as u8)
    }

    /// Sets `flag`.
    pub const fn insert(&mut self, flag: MailerFlag) {
        self.0 |= bit(flag as u8);
    }

    /// Takes `flag` away.
    pub const fn remove(&mut self, flag: MailerFlag) {
        self.0 &= !bit(flag as u8);
    }

    /// Tells whether any of `letters` is set.
    pub fn intersects(self, letters: &[u8]) -> bool {
        letters.iter().any(|letter| self.has_letter(*letter))
    }

    const fn has_letter(self, letter: u8) -> bool {
        self.0 & bit(letter) != 0
    }
}

/// Returns the bit of `letter`; none if it is no ASCII.
const fn bit(letter: u8) -> u128 {
    if letter.is_ascii() { 1 << letter } else { 0 }
}

/// Writes the letters in the order of their codes: digits and signs, capitals, small letters.
impl fmt::Display for MailerFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..128).filter(|letter| self.has_letter(*letter)).try_for_each(|letter| write!(f, "{}", char::from(letter)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_print_sorted() {
        let flags = MailerFlags::new(b"lsDFM Aw5:/|@q9\x81");
        assert_eq!(flags.to_string(), "/59:@ADFMlqsw|");
        assert!(flags.has(MailerFlag::Accounts) && !flags.intersects(b"x\xff"));
    }
}
