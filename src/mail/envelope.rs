//! The envelope: who sent a message, who shall get it, and what the queue remembers of it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bstr::{BStr, BString, ByteSlice};

use super::eighth_bits::EighthBits;
use super::header::{self, Header};
use super::reply::Reply;
use super::report::AUTHOR;
use crate::name::{MacroName, MailerName, QueueId, Status, TrimSpace as _, UnixTime};

/// A message's envelope: everything but the body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Envelope {
    /// The queue identifier.
    pub id: QueueId,
    /// When the message came in.
    pub created: UnixTime,
    /// When delivery was last tried.
    pub last_try: Option<UnixTime>,
    /// How often delivery was tried.
    pub tries: u32,
    /// The priority: small numbers go first.
    pub priority: i64,
    /// The value of the `Precedence:` field, from the `P` lines of the configuration; not kept in the queue file.
    pub class: i32,
    /// Which of the `Timeout.queuereturn` and `Timeout.queuewarn` values hold; not kept in the queue file.
    pub timeout_class: Urgency,
    /// `BODY=` of MAIL or `-B`.
    pub body: Option<BodyType>,
    /// Why the message as a whole waits.
    pub message: Option<BString>,
    /// Marks of the `F` line.
    pub flags: EnvelopeFlags,
    /// Macros that belong to the message (class `{persistentMacros}`).
    pub macros: Vec<(MacroName, BString)>,
    /// Macros of the session that the message came by, for its first delivery; not kept in the queue file.
    pub session_macros: Vec<(MacroName, BString)>,
    /// The sender as the original writes it: `a@b`, `<a@b>`, or `<>` for none.
    pub sender: BString,
    /// The name that the sender writes under (flag `i` of its mailer and the user databases): in queue file and SMTP in place
    /// of the sender.
    pub sent_as: Option<BString>,
    /// Whether somebody named the sender, by `-f` or MAIL; else it is the user who submitted the message. Not kept in the
    /// queue file: there it is named.
    pub sender_is_named: bool,
    /// Why it is to be delivered now; not kept in the queue file.
    pub occasion: Occasion,
    /// The user whose message it is, if that is known; not kept in the queue file.
    pub owner: Ownership,
    /// The full name of a sender who is a user of this host, as it stands before an address; not kept in the queue file.
    pub full_name: Option<BString>,
    /// `AUTH=` of MAIL, decoded.
    pub auth: Option<BString>,
    /// `ENVID=` of MAIL, in xtext as it came.
    pub envid: Option<BString>,
    /// `RET=` of MAIL: the letters `d` and `n` of the `F` line.
    pub ret: Option<Ret>,
    /// Recipients that are still to be served.
    pub recipients: Vec<Recipient>,
    /// The header; templates are kept unexpanded.
    pub headers: Vec<Header>,
    /// Why the message is quarantined.
    pub quarantine: Option<BString>,
    /// `BY=` of MAIL.
    pub deliver_by: Option<DeliverBy>,
    /// Size of header and body as the log tells it; from a queue file: of the data file and of the `H` lines.
    pub size_bytes: u64,
    /// The `Message-Id:` with its angle brackets; empty if there is none.
    pub message_id: BString,
    /// Lines of the queue file that we do not know, kept as they stand.
    pub unknown_lines: Vec<BString>,
}

impl Envelope {
    /// Returns an envelope without recipients, headers and marks.
    pub fn new(id: QueueId, created: UnixTime, sender: impl Into<BString>) -> Self {
        Self {
            id,
            created,
            last_try: None,
            tries: 0,
            priority: 0,
            class: 0,
            timeout_class: Urgency::Normal,
            body: None,
            message: None,
            flags: EnvelopeFlags::default(),
            macros: Vec::new(),
            session_macros: Vec::new(),
            sender: sender.into(),
            sent_as: None,
            sender_is_named: true,
            occasion: Occasion::New,
            owner: Ownership::Unknown,
            full_name: None,
            auth: None,
            envid: None,
            ret: None,
            recipients: Vec::new(),
            headers: Vec::new(),
            quarantine: None,
            deliver_by: None,
            size_bytes: 0,
            message_id: BString::default(),
            unknown_lines: Vec::new(),
        }
    }

    /// Tells whether the sender is empty: a failure of this message is never returned to it.
    pub fn has_null_sender(&self) -> bool {
        self.sender.is_empty() || self.sender == "<>"
    }

    /// Calls a body what it is: one that was announced as 8-bit may have seven.
    pub fn settle_body(&mut self) {
        if self.body == Some(BodyType::EightBitMime) && !self.flags.eight_bit {
            self.body = Some(BodyType::SevenBit);
        }
    }

    /// Returns the sender as the queue file and `mailq` name it: a report comes from this program.
    pub fn named_sender(&self) -> &BStr {
        if self.flags.response && self.has_null_sender() { AUTHOR.into() } else { self.told_sender().as_bstr() }
    }

    /// Returns the sender as other hosts hear of it.
    pub fn told_sender(&self) -> &BString {
        self.sent_as.as_ref().unwrap_or(&self.sender)
    }

    /// Returns the value of a macro that belongs to the message.
    pub fn macro_value(&self, name: &str) -> Option<&[u8]> {
        self.macros.iter().find(|(known, _)| known.as_bytes() == name.as_bytes()).map(|(_, value)| value.as_slice())
    }

    /// Returns the first header field called `name`.
    pub fn header(&self, name: &str) -> Option<&Header> {
        header::find(&self.headers, name)
    }

    /// Returns why a site with `EightBitMode=strict` refuses the message: it has bytes above 127 that nothing announced.
    pub fn undeclared_eight_bits(&self) -> Option<Reply> {
        let is_declared = self.body.is_some() || self.header("MIME-Version").is_some();
        let refusal = || Reply::new(554, Status::new(5, 6, 1), "Eight bit data not allowed");
        (self.flags.eight_bit && !is_declared).then(refusal)
    }

    /// Sets class, urgency and message identifier from the header and the `P` lines of the configuration.
    pub fn classify(&mut self, precedences: &[(BString, i64)]) {
        let class = self.header("Precedence").and_then(|field| {
            precedences.iter().find(|(word, _)| word.eq_ignore_ascii_case(field.text())).map(|(_, class)| *class)
        });
        self.class = class.map_or(0, |class| i32::try_from(class).unwrap_or(0));
        self.timeout_class = match self.header("Priority").map(Header::text) {
            Some(word) if word.eq_ignore_ascii_case(b"urgent") => Urgency::Urgent,
            Some(word) if word.eq_ignore_ascii_case(b"normal") => Urgency::Normal,
            Some(word) if word.eq_ignore_ascii_case(b"non-urgent") => Urgency::NonUrgent,
            _ if self.flags.response => Urgency::Report,
            _ => Urgency::Normal,
        };
        // QUIRK(last-message-id): of several, the last one counts, with the blanks behind it.
        if let Some(field) = self.headers.iter().rfind(|field| field.is("Message-Id")) {
            self.message_id = field.value.trim_space_start().into();
        }
    }
}

/// Why a message is to be delivered now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Occasion {
    /// It has just come in.
    #[default]
    New,
    /// The queue is run.
    Run,
    /// Somebody has chosen it for a run of the queue (`-qI`, `-qR`, `-qS`, ETRN).
    Chosen,
}

/// Whose rights a message has.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Ownership {
    /// The sender was not looked up yet.
    #[default]
    Unknown,
    /// Nobody's: the sender is no user of this host.
    Nobody,
    /// Those of a user.
    User {
        /// The user's number.
        uid: u32,
        /// The number of the user's group.
        gid: u32,
    },
}

/// How urgent a message is: picks the limits of its time in the queue.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Urgency {
    /// `Timeout.queuereturn.normal`.
    #[default]
    Normal,
    /// `Timeout.queuereturn.urgent` (`Priority: urgent`).
    Urgent,
    /// `Timeout.queuereturn.non-urgent` (`Priority: non-urgent`).
    NonUrgent,
    /// `Timeout.queuereturn.dsn`: the message is itself a report.
    Report,
}

/// The declared type of the body (`RFC 6152`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyType {
    /// `7BIT`.
    SevenBit,
    /// `8BITMIME`.
    EightBitMime,
}

impl BodyType {
    /// Returns what the header of a message says of a body that was not announced.
    // QUIRK(eight-bit-header): of a MIME message, a header with such bytes makes the body one of 8 bits.
    pub fn of_header(fields: &[Header], bits: EighthBits) -> Option<Self> {
        let is_mime = header::find(fields, "MIME-Version").is_some();
        let has_bits = bits.first_line || fields.iter().any(|field| !field.value.is_ascii());
        (is_mime && has_bits).then_some(Self::EightBitMime)
    }
}

impl fmt::Display for BodyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
        })
    }
}

/// The text is no body type.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("Illegal body type {0}")]
pub struct BadBodyType(pub String);

impl FromStr for BodyType {
    type Err = BadBodyType;

    fn from_str(text: &str) -> Result<Self, BadBodyType> {
        match text {
            _ if text.eq_ignore_ascii_case("7bit") => Ok(Self::SevenBit),
            _ if text.eq_ignore_ascii_case("8bitmime") => Ok(Self::EightBitMime),
            _ => Err(BadBodyType(text.to_owned())),
        }
    }
}

/// How much of the message comes back with a failure report (`RFC 3461 §4.3`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ret {
    /// All of it.
    Full,
    /// The header only.
    Headers,
}

impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "FULL",
            Self::Headers => "HDRS",
        })
    }
}

/// The marks of the `F` line.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct EnvelopeFlags {
    /// `8`: the body has 8-bit bytes.
    pub eight_bit: bool,
    /// `b`: the `Bcc:` field is removed.
    pub delete_bcc: bool,
    /// `n` without RET=: the site returns headers only.
    pub no_body_return: bool,
    /// `r`: the message is itself a report.
    pub response: bool,
    /// `s`: the envelope was split, or must not be split again.
    pub split: bool,
    /// `w`: the warning of a delay was sent.
    pub warned: bool,
    /// `e`: the message needs SMTPUTF8.
    pub smtputf8: bool,
    /// Letters we do not know, kept.
    pub unknown: BString,
}

/// `BY=` of MAIL (`RFC 2852`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DeliverBy {
    /// Seconds after the creation of the message.
    pub seconds: i64,
    /// What happens when the time is over.
    pub mode: DeliverByMode,
    /// Whether relaying is reported (`T`).
    pub trace: bool,
}

impl DeliverBy {
    /// Returns the seconds that are left of a message of this age; none or fewer if its time is over.
    pub fn secs_left(&self, age: Duration) -> i64 {
        self.seconds.saturating_sub_unsigned(age.as_secs())
    }
}

/// What happens when the time of `BY=` is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DeliverByMode {
    /// `N`: the sender is told; delivery goes on.
    Notify,
    /// `R`: the message is returned.
    Return,
}

/// When a recipient's sender wants reports (`NOTIFY=`, `RFC 3461 §4.1`); all false means never.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Notify {
    /// On delivery.
    pub success: bool,
    /// On failure.
    pub failure: bool,
    /// On delay.
    pub delay: bool,
}

impl Notify {
    /// What holds where NOTIFY= was not given: failures and delays.
    pub const DEFAULT: Self = Self { success: false, failure: true, delay: true };

    /// Whatever happens.
    pub const ALL: Self = Self { success: true, failure: true, delay: true };
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = [(self.success, "SUCCESS"), (self.failure, "FAILURE"), (self.delay, "DELAY")]
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, word)| *word)
            .collect();
        f.write_str(if words.is_empty() { "NEVER".into() } else { words.join(",") }.as_str())
    }
}

/// Whose rights hold for a recipient that came out of an alias or a `.forward` file (the `C` line).
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Controller {
    /// The user; empty where only the alias is known.
    pub user: BString,
    /// The user's id.
    pub uid: Option<u32>,
    /// The user's group.
    pub gid: Option<u32>,
    /// The alias or the recipient that was expanded.
    pub alias: BString,
}

impl Controller {
    /// Returns what the `C` line of a queue file says: `user:uid:gid:alias`, as far as that is known.
    ///
    /// A user whose name has a colon could not be read back: he counts as unknown.
    pub fn text(&self) -> BString {
        let mut text = BString::default();
        if !self.user.is_empty() && !self.user.contains(&b':') {
            text.extend_from_slice(&self.user);
            if let Some(uid) = self.uid {
                text.extend_from_slice(format!(":{uid}:{}", self.gid.unwrap_or_default()).as_bytes());
            }
        }
        text.push(b':');
        text.extend_from_slice(&self.alias);
        text
    }
}

/// Where a recipient goes: the triple that ruleset 0 gives. Two are the same if their triples are.
#[derive(Clone, Debug, Eq)]
pub struct Route {
    /// The mailer.
    pub mailer: MailerName,
    /// The host; empty for local mailers.
    pub host: BString,
    /// The user, as ruleset 0 left it.
    pub user: BString,
    /// The rules have marked the user with `@`: neither user databases nor ruleset 5 may send it elsewhere.
    pub is_settled: bool,
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        (&self.mailer, &self.host, &self.user) == (&other.mailer, &other.host, &other.user)
    }
}

impl Hash for Route {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.mailer, &self.host, &self.user).hash(state);
    }
}

impl Route {
    /// Returns what the mailer serves if that is no user: nobody sends from there, and nobody may name one from outside.
    pub fn special(&self) -> Option<Special> {
        match self.mailer.as_bytes() {
            b"prog" => Some(Special::Program),
            b"*file*" => Some(Special::File),
            b"*include*" => Some(Special::Include),
            _ => None,
        }
    }

    /// Returns the user part without the backslash that protects it from aliases, user databases and `.forward` files, and
    /// whether it has one.
    pub fn plain_user(&self) -> (&[u8], bool) {
        self.user.strip_prefix(b"\\").map_or((&self.user[..], false), |user| (user, true))
    }
}

/// What a route leads to that is no user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Special {
    /// `|program`.
    Program,
    /// `/file`.
    File,
    /// `:include:/file`.
    Include,
}

impl Special {
    /// Returns what refusals call it.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Program => "programs",
            Self::File => "files",
            Self::Include => ":include:s",
        }
    }
}

/// One recipient. What all those of a list have in common stands in memory once.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Recipient {
    /// The address as the `R` line keeps it.
    pub address: BString,
    /// `type; address` of the report (`r` line).
    pub final_recipient: Option<Arc<BString>>,
    /// `ORCPT=` as it came (`Q` line).
    pub orcpt: Option<Arc<BString>>,
    /// Whether the address was named by the sender (not by an alias).
    pub primary: bool,
    /// `NOTIFY=`, if it was given.
    pub notify: Option<Notify>,
    /// Reports that are asked for although NOTIFY= was not given.
    pub default_notify: Notify,
    /// `A`: came out of the alias files.
    pub from_alias: bool,
    /// Whose rights hold.
    pub controller: Option<Arc<Controller>>,
    /// The address of the user or alias whose rights a maildrop has, for the log; not kept in the queue file.
    pub controlled_by: Option<Arc<BString>>,
    /// User and group of a recipient that is a user of this host; not kept in the queue file.
    pub account: Option<(u32, u32)>,
    /// The owner of the list it came out of (`owner-LIST`), who hears of what fails; not kept in the queue file.
    pub owner: Option<Arc<BString>>,
    /// Why this recipient waits.
    pub message: Option<BString>,
    /// Where it goes, once rules have said so; not kept in the queue file.
    pub route: Option<Route>,
    /// The address it was expanded from, for the log; not kept in the queue file.
    pub alias_of: Option<Arc<BString>>,
    /// Letters before the colon of the `R` line that we do not know, kept.
    pub unknown_flags: BString,
}

impl Recipient {
    /// Returns a recipient named by the sender, with the reports the original gives by default.
    pub fn new(address: impl Into<BString>) -> Self {
        Self { address: address.into(), primary: true, default_notify: Notify::DEFAULT, ..Self::default() }
    }

    /// Notes that ruleset 5 has put another address in the place of this one.
    pub fn note_alias(&mut self) {
        let alias = self.address.clone();
        self.controller.get_or_insert_with(|| Arc::new(Controller { alias, ..Controller::default() }));
    }

    /// Notes whose mailbox it is; whoever expanded to it has no say any more.
    pub fn give_to(&mut self, user: &BStr, uid: u32, gid: u32) {
        self.account = Some((uid, gid));
        if let Some(controller) = self.controller.as_mut().map(Arc::make_mut) {
            (controller.user, controller.uid, controller.gid) = (user.into(), Some(uid), Some(gid));
        }
    }

    /// Returns when the sender wants reports.
    pub fn reports(&self) -> Notify {
        self.notify.unwrap_or(self.default_notify)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(fields: &[(&str, &str)]) -> Envelope {
        let id = "6AMAKU11004711".parse().expect("an id");
        let mut envelope = Envelope::new(id, UnixTime::from_secs(0), "a@b");
        envelope.headers = fields.iter().map(|(name, text)| Header::new(name, text)).collect();
        envelope.classify(&[("bulk".into(), -60), ("first-class".into(), 0), ("special-delivery".into(), 100)]);
        envelope
    }

    #[test]
    fn precedence_words_come_from_the_configuration() {
        assert_eq!(envelope(&[("precedence", "Bulk")]).class, -60);
        assert_eq!(envelope(&[("Precedence", "special-delivery")]).class, 100);
        assert_eq!(envelope(&[("Precedence", "unheard-of")]).class, 0);
        assert_eq!(envelope(&[]).class, 0);
    }

    #[test]
    fn priority_words_pick_the_time_limits() {
        assert_eq!(envelope(&[("Priority", "Urgent")]).timeout_class, Urgency::Urgent);
        assert_eq!(envelope(&[("Priority", "non-urgent")]).timeout_class, Urgency::NonUrgent);
        assert_eq!(envelope(&[]).timeout_class, Urgency::Normal);
    }

    #[test]
    fn the_message_id_is_taken_from_the_header() {
        assert_eq!(envelope(&[("message-ID", "<x@y>")]).message_id, "<x@y>");
    }

    #[test]
    fn notify_prints_its_words() {
        assert_eq!(Notify::DEFAULT.to_string(), "FAILURE,DELAY");
        assert_eq!(Notify::default().to_string(), "NEVER");
    }
}
