//! The kinds of values that options have: how each is read and written.

use std::time::Duration;

use bstr::{BString, ByteSlice};

use crate::mail::header::MACRO_MARK;
use crate::name::{CSpace as _, Interval, IntervalUnit, MacroName};

use super::alias_spec::AliasSpec;
use super::choice::{DeliveryMode, DontProbe, EightBitMode, ErrorMode, NoRecipientAction, QueueSortOrder, SuperSafe};
use super::error::OptionError;
use super::mailer::UserSpec;
use super::port::PortOptions;
use super::text;
use super::timeout::{Timeouts, interval};
use super::word_flags::{Blame, BlameFlags, Privacy, PrivacyFlags, ResolverFlag, ResolverFlags};

/// A kind of option value.
pub trait Kind {
    /// What the value is kept as.
    type Value: Default;

    /// Reads `given` into `value`; what is wrong is added to `problems`.
    fn set(value: &mut Self::Value, given: &Given<'_>, problems: &mut Vec<OptionError>);

    /// Writes the value as a configuration file would.
    fn print(value: &Self::Value) -> String;

    /// Returns the value that the text of the table stands for.
    fn initial(text: &str) -> Self::Value {
        let mut value = Self::Value::default();
        if !text.is_empty() {
            let text = text.replace('$', "\u{81}");
            // A mark is one byte, not the two of its UTF-8 form.
            let text: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).expect("the table is ASCII")).collect();
            Self::set(&mut value, &Given { sub: None, text: &text, line: 0 }, &mut Vec::new());
        }
        value
    }
}

/// What stands on an `O` line.
pub struct Given<'a> {
    /// The name behind the first dot.
    pub sub: Option<&'a [u8]>,
    /// The value.
    pub text: &'a [u8],
    /// The line, from 1; 0 for the command line and the built-in values.
    pub line: usize,
}

/// Defines a kind by its value type, how it is read and how it is written.
macro_rules! kinds {
    ($( $(#[$doc:meta])* $name:ident($type:ty): |$value:ident, $given:ident, $problems:ident| $set:expr, |$shown:ident| $print:expr; )*) => {
        $(
            $(#[$doc])*
            pub struct $name;

            impl Kind for $name {
                type Value = $type;

                fn set($value: &mut $type, $given: &Given<'_>, $problems: &mut Vec<OptionError>) {
                    let _ = &$problems;
                    $set
                }

                fn print($shown: &$type) -> String {
                    $print
                }
            }
        )*
    };
}

kinds! {
    /// Yes or no.
    Flag(bool): |value, given, problems| *value = text::is_true(given.text), |value| if *value { "true" } else { "false" }.to_owned();
    /// A number.
    Number(i64): |value, given, problems| *value = text::number(given.text), |value| value.to_string();
    /// A number with the base of its prefix.
    AnyBase(i64): |value, given, problems| *value = text::number_any_base(given.text), |value| format!("{value:#x}");
    /// Permissions, in octal.
    Mode(u32): |value, given, problems| *value = u32::try_from(text::octal(given.text)).unwrap_or(0) & 0o7777, |value| format!("0{value:o}");
    /// A time in seconds where no unit stands.
    Seconds(Duration): |value, given, problems| *value = interval(given.text, IntervalUnit::Seconds, problems), |value| show_interval(*value);
    /// A time in minutes where no unit stands.
    Minutes(Duration): |value, given, problems| *value = interval(given.text, IntervalUnit::Minutes, problems), |value| show_interval(*value);
    /// A time in hours where no unit stands.
    Hours(Duration): |value, given, problems| *value = interval(given.text, IntervalUnit::Hours, problems), |value| show_interval(*value);
    /// A time that a negative number turns off.
    MaybeSeconds(Option<Duration>): |value, given, problems| *value = (!given.text.starts_with(b"-")).then(|| interval(given.text, IntervalUnit::Seconds, problems)), |value| value.map_or_else(|| "-1".to_owned(), show_interval);
    /// A text that is used as it stands.
    Text(BString): |value, given, problems| *value = given.text.into(), |value| value.to_string();
    /// A text in internal form, whose macros are expanded when it is used.
    Template(BString): |value, given, problems| *value = given.text.into(), |value| show_template(value);
    /// Such a text, with quotes and escapes as in the fields of a mailer.
    QuotedTemplate(BString): |value, given, problems| *value = text::unquoted(given.text, None).0, |value| show_template(value);
    /// A text that may be left out.
    MaybeText(Option<BString>): |value, given, problems| *value = Some(given.text.into()), |value| value.as_ref().map(ToString::to_string).unwrap_or_default();
    /// One character.
    Byte(u8): |value, given, problems| *value = given.text.first().copied().unwrap_or(b' '), |value| char::from(*value).to_string();
    /// A time in minutes; five where nothing stands.
    AliasMinutes(Duration): |value, given, problems| *value = if given.text.is_empty() { Duration::from_secs(300) } else { interval(given.text, IntervalUnit::Minutes, problems) }, |value| show_interval(*value);
    /// A list of words that each line sets anew.
    Words(Vec<BString>): |value, given, problems| *value = text::words(given.text, b","), |value| bstr::join(" ", value).to_str_lossy().into_owned();
    /// Alias files (`class:spec`), more with every line.
    Aliases(Vec<AliasSpec>): |value, given, problems| value.extend(AliasSpec::split(given.text, given.line)), |value| value.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    /// `user:group`.
    User(UserSpec): |value, given, problems| *value = UserSpec::parse(given.text), |value| value.to_string();
    /// `user`.
    Owner(UserSpec): |value, given, problems| *value = UserSpec::of_user(given.text), |value| value.to_string();
    /// The group of the default user (old `Og`).
    DefaultGroup(UserSpec): |value, given, problems| value.group = UserSpec::parse(given.text).user, |value| value.to_string();
    /// `DeliveryMode`.
    Delivery(DeliveryMode): |value, given, problems| set_delivery(value, given, problems), |value| value.to_string();
    /// `EightBitMode`.
    EightBit(EightBitMode): |value, given, problems| set_eight_bit(value, given, problems), |value| value.to_string();
    /// `ErrorMode`.
    Errors(ErrorMode): |value, given, problems| *value = given.text.first().and_then(|letter| ErrorMode::from_letter(*letter)).unwrap_or(*value), |value| value.to_string();
    /// `NoRecipientAction`.
    Recipients(NoRecipientAction): |value, given, problems| set_recipients(value, given, problems), |value| value.to_string();
    /// `QueueSortOrder`.
    SortOrder(QueueSortOrder): |value, given, problems| set_sort_order(value, given, problems), |value| value.to_string();
    /// `SuperSafe`.
    Safety(SuperSafe): |value, given, problems| *value = read_safety(given.text), |value| value.to_string();
    /// `DontProbeInterfaces`.
    Probe(DontProbe): |value, given, problems| *value = read_probe(given.text), |value| value.to_string();
    /// `PrivacyOptions`.
    PrivacyWords(PrivacyFlags): |value, given, problems| set_privacy(value, given, problems), |value| value.to_string();
    /// `DontBlameSendmail`.
    BlameWords(BlameFlags): |value, given, problems| set_blame(value, given, problems), |value| value.to_string();
    /// `ResolverOptions`.
    Resolver(ResolverFlags): |value, given, problems| set_resolver(value, given, problems), |value| value.to_string().replace(',', " ");
    /// `DaemonPortOptions`.
    DaemonPorts(Vec<PortOptions>): |value, given, problems| value.push(PortOptions { line: given.line, ..PortOptions::parse(given.text, true, problems) }), |value| value.len().to_string();
    /// `ClientPortOptions`.
    ClientPorts(Vec<PortOptions>): |value, given, problems| value.push(PortOptions { line: given.line, ..PortOptions::parse(given.text, false, problems) }), |value| value.len().to_string();
    /// `Timeout.*`.
    Times(Timeouts): |value, given, problems| value.set(given.sub, given.text, problems), |value| show_interval(value.queuereturn.normal);
    /// `QueueTimeout`.
    QueueTimes(Timeouts): |value, given, problems| value.set_queue(given.text, problems), |value| show_interval(value.queuereturn.normal);
    /// `Milter.*`.
    Milters(MilterOptions): |value, given, problems| value.set(given, problems), |value| value.log_level.map(|n| n.to_string()).unwrap_or_default();
    /// `MailboxDatabase`: there is one alone.
    Mailboxes(BString): |value, given, problems| set_mailboxes(value, given, problems), |value| value.to_string();
    /// `MaxMimeHeaderLength`.
    MimeLimits(MimeHeaderLimits): |value, given, problems| *value = MimeHeaderLimits::parse(given.text, problems), |value| format!("{}/{}", value.header, value.parameter);
    /// `MaxHeadersLength`.
    HeadersLimit(i64): |value, given, problems| *value = headers_limit(given.text, problems), |value| value.to_string();
    /// `TLSSrvOptions`, `AuthOptions`: single letters out of `known`.
    TlsLetters(BString): |value, given, problems| *value = letters("TLSSrvOptions", b"CV", given.text, problems), |value| value.to_string();
    /// `AuthOptions`.
    AuthLetters(BString): |value, given, problems| *value = letters("AuthOptions", b"AMTacdfmpyu", given.text, problems), |value| value.to_string();
    /// `ConnectOnlyTo`.
    Address(Option<std::net::IpAddr>): |value, given, problems| set_address(value, given, problems), |value| value.map(|address| address.to_string()).unwrap_or_default();
}

/// `Milter.*`: the macros sent to filters at each stage, and how much is logged.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MilterOptions {
    /// The log level of filter actions; `None`: that of everything.
    pub log_level: Option<i64>,
    /// At the start of a session.
    pub connect: Vec<MacroName>,
    /// After HELO or EHLO.
    pub helo: Vec<MacroName>,
    /// After MAIL.
    pub envfrom: Vec<MacroName>,
    /// After RCPT.
    pub envrcpt: Vec<MacroName>,
    /// After DATA.
    pub data: Vec<MacroName>,
    /// After the header.
    pub eoh: Vec<MacroName>,
    /// After the final dot.
    pub eom: Vec<MacroName>,
}

impl MilterOptions {
    /// What may stand behind `Milter.`.
    pub(super) const NAMES: &[&str] = &[
        "LogLevel",
        "macros.connect",
        "macros.helo",
        "macros.envfrom",
        "macros.envrcpt",
        "macros.data",
        "macros.eoh",
        "macros.eom",
    ];

    fn set(&mut self, given: &Given<'_>, problems: &mut Vec<OptionError>) {
        let Some(name) = given.sub else {
            problems.push(OptionError::MilterAlone);
            return;
        };
        let field = match name.to_ascii_lowercase().as_slice() {
            b"loglevel" => {
                self.log_level = Some(text::number(given.text));
                return;
            }
            b"macros.connect" => &mut self.connect,
            b"macros.helo" => &mut self.helo,
            b"macros.envfrom" => &mut self.envfrom,
            b"macros.envrcpt" => &mut self.envrcpt,
            b"macros.data" => &mut self.data,
            b"macros.eoh" => &mut self.eoh,
            b"macros.eom" => &mut self.eom,
            _ => {
                problems.push(OptionError::Milter(name.into()));
                return;
            }
        };
        *field = text::words(given.text, b",")
            .iter()
            .map(|word| MacroName::split(word).map_or_else(|_| MacroName::new(word), |(name, _)| name))
            .collect();
    }
}

/// The longest MIME header fields and parameters; zero: no limit.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MimeHeaderLimits {
    /// Bytes of a field.
    pub header: i64,
    /// Bytes of a parameter.
    pub parameter: i64,
}

impl MimeHeaderLimits {
    /// Reads `N` or `N/M`; without M, a parameter may have half of N.
    fn parse(given: &[u8], problems: &mut Vec<OptionError>) -> Self {
        let slash = memchr::memchr(b'/', given);
        let header = text::number(given).max(0);
        let parameter = slash.map_or(header / 2, |at| text::number(&given[at + 1..])).max(0);
        problems.extend(low_limit("MaxMimeHeaderLength", "header", header, 128));
        problems.extend(low_limit("MaxMimeHeaderLength", "field", parameter, 40));
        Self { header, parameter }
    }
}

/// Takes the one kind of mailbox database that is known.
fn set_mailboxes(value: &mut BString, given: &Given<'_>, problems: &mut Vec<OptionError>) {
    if given.text != b"pw" {
        problems.push(OptionError::MailboxDatabase(given.text.into()));
    }
    *value = given.text.into();
}

/// Tells of a limit that is none of the usual lengths; zero is no limit.
fn low_limit(option: &'static str, what: &'static str, value: i64, limit: i64) -> Option<OptionError> {
    (1..limit).contains(&value).then_some(OptionError::LowLimit { option, what, limit })
}

/// Reads the limit of all header fields together.
fn headers_limit(given: &[u8], problems: &mut Vec<OptionError>) -> i64 {
    let value = text::number(given);
    problems.extend(low_limit("MaxHeadersLength", "headers", value, 16384));
    value
}

/// Writes a time as a configuration file may have it.
fn show_interval(span: Duration) -> String {
    let mut rest = span.as_secs();
    let mut shown = String::new();
    for (unit, letter) in [
        (IntervalUnit::Days, 'd'),
        (IntervalUnit::Hours, 'h'),
        (IntervalUnit::Minutes, 'm'),
        (IntervalUnit::Seconds, 's'),
    ] {
        let count = rest / unit.secs();
        rest %= unit.secs();
        if count > 0 {
            shown.push_str(&format!("{count}{letter}"));
        }
    }
    debug_assert_eq!(
        Interval::parse(shown.as_bytes(), IntervalUnit::Days).map(|read| read.0),
        Ok(Duration::from_secs(span.as_secs()))
    );
    if shown.is_empty() { "0".to_owned() } else { shown }
}

/// Writes a template as it stood in the file.
fn show_template(template: &BString) -> String {
    template.replace([MACRO_MARK], b"$").to_str_lossy().into_owned()
}

fn set_delivery(value: &mut DeliveryMode, given: &Given<'_>, problems: &mut Vec<OptionError>) {
    match given.text.first() {
        None => *value = DeliveryMode::Interactive,
        Some(letter) => match DeliveryMode::from_letter(*letter) {
            Some(mode) => *value = mode,
            None => problems.push(OptionError::DeliveryMode(*letter)),
        },
    }
}

fn set_eight_bit(value: &mut EightBitMode, given: &Given<'_>, problems: &mut Vec<OptionError>) {
    match EightBitMode::from_letter(given.text.first().copied().unwrap_or(b' ')) {
        Some(mode) => *value = mode,
        None => problems.push(OptionError::EightBitMode(given.text.first().copied().unwrap_or(b' '))),
    }
}

fn set_recipients(value: &mut NoRecipientAction, given: &Given<'_>, problems: &mut Vec<OptionError>) {
    let known = b"ntabu".iter().filter_map(|letter| NoRecipientAction::from_letter(*letter));
    match known.into_iter().find(|action| action.to_string().as_bytes().eq_ignore_ascii_case(given.text)) {
        Some(action) => *value = action,
        None => problems.push(OptionError::NoRecipientAction(given.text.into())),
    }
}

fn set_sort_order(value: &mut QueueSortOrder, given: &Given<'_>, problems: &mut Vec<OptionError>) {
    match given.text.first().and_then(|letter| QueueSortOrder::from_letter(*letter)) {
        Some(order) => *value = order,
        None => problems.push(OptionError::QueueSortOrder(given.text.into())),
    }
}

fn read_safety(text: &[u8]) -> SuperSafe {
    match text.first().map(u8::to_ascii_lowercase) {
        Some(b'i') => SuperSafe::Interactive,
        Some(b'p') => SuperSafe::PostMilter,
        _ if text::is_true(text) => SuperSafe::Always,
        _ => SuperSafe::No,
    }
}

fn read_probe(given: &[u8]) -> DontProbe {
    if given.eq_ignore_ascii_case(b"loopback") {
        DontProbe::Loopback
    } else if text::is_true(given) {
        DontProbe::All
    } else {
        DontProbe::Nothing
    }
}

fn set_privacy(value: &mut PrivacyFlags, given: &Given<'_>, problems: &mut Vec<OptionError>) {
    for word in text::alphanumeric_words(given.text) {
        match Privacy::named(word) {
            Some(flags) => flags.iter().for_each(|flag| value.insert(*flag)),
            None => problems.push(OptionError::PrivacyWord(word.into())),
        }
    }
}

fn set_blame(value: &mut BlameFlags, given: &Given<'_>, problems: &mut Vec<OptionError>) {
    for word in text::alphanumeric_words(given.text) {
        match Blame::named(word) {
            Some(flags) => flags.iter().for_each(|flag| value.insert(*flag)),
            None => problems.push(OptionError::BlameWord(word.into())),
        }
    }
}

fn set_resolver(value: &mut ResolverFlags, given: &Given<'_>, problems: &mut Vec<OptionError>) {
    for word in text::words(given.text, b"") {
        let (on, name) = match word.first() {
            Some(b'-') => (false, &word[1..]),
            Some(b'+') => (true, &word[1..]),
            _ => (true, word.as_slice()),
        };
        // The yes of old files means nothing any more.
        if name.eq_ignore_ascii_case(b"true") {
            continue;
        }
        match ResolverFlag::named(name) {
            Some([flag]) if on => value.insert(*flag),
            Some([flag]) => value.remove(*flag),
            _ => problems.push(OptionError::ResolverWord(name.into())),
        }
    }
}

fn set_address(value: &mut Option<std::net::IpAddr>, given: &Given<'_>, problems: &mut Vec<OptionError>) {
    let name = given.text.strip_prefix(b"IPv6:").unwrap_or(given.text);
    match std::str::from_utf8(name).ok().and_then(|text| text.parse().ok()) {
        Some(address) => *value = Some(address),
        None => problems.push(OptionError::ConnectOnlyTo(given.text.into())),
    }
}

/// Keeps the letters that the option knows.
fn letters(option: &'static str, known: &[u8], given: &[u8], problems: &mut Vec<OptionError>) -> BString {
    let mut kept = BString::default();
    for &letter in given.iter().filter(|letter| !letter.is_c_space() && **letter != b',') {
        if known.contains(&letter) {
            kept.push(letter);
        } else {
            problems.push(OptionError::Letter { option, letter });
        }
    }
    kept
}
