//! What a session is told at its start: names, features, limits.

use bstr::BString;

use super::data::LineRules;
use crate::mail::header::HeaderLimits;

/// What EHLO offers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Features {
    /// PIPELINING.
    pub pipelining: bool,
    /// EXPN.
    pub expn: bool,
    /// VERB, offered only together with EXPN.
    pub verb: bool,
    /// DSN.
    pub dsn: bool,
    /// ETRN.
    pub etrn: bool,
    /// The mechanisms of AUTH, apart by spaces; empty where there is none.
    pub auth: BString,
    /// STARTTLS.
    pub start_tls: bool,
    /// DELIVERBY with the shortest time that is taken, in seconds; none where it is not offered.
    pub deliver_by_min_secs: Option<i64>,
}

/// Bounds of a session.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `MaxMessageSize` in bytes; 0 is none.
    pub message_bytes_max: u64,
    /// `MaxRecipientsPerMessage`; 0 is none.
    pub recipients_max: u32,
    /// `BadRcptThrottle`: after so many bad recipients each further RCPT costs a second; 0 is never.
    pub bad_recipients_max: u32,
    /// `BadRcptShutdown`: after so many bad recipients the next RCPT ends the session; 0 is never.
    pub bad_recipients_end: u32,
    /// `BadRcptShutdownGood`: it does not as long as good recipients are so many, in percent of all; 0 is always.
    pub bad_recipients_good_percent: u32,
    /// `MaxNOOPCommands`: after so many idle commands each further one is answered slowly; 0 is never.
    pub noop_max: u32,
    /// Whether a client that repeats such commands twice as often is sent away (`MaxDaemonChildren` is set).
    pub repetition_ends: bool,
    /// Bounds of the header.
    pub header: HeaderLimits,
    /// The largest number of `Received:` fields a message may bring; none where it is not judged on arrival.
    pub hops_max: Option<usize>,
}

/// What a session is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Our name (`$j`).
    pub host: BString,
    /// The client as texts name it (`$_`): `name [address]`.
    pub client: BString,
    /// The client's name alone.
    pub client_name: BString,
    /// The client's address alone.
    pub client_address: BString,
    /// The daemon's name, or `stdin`.
    pub daemon: BString,
    /// The greeting (`SmtpGreetingMessage`), expanded.
    pub greeting: BString,
    /// What EHLO offers.
    pub features: Features,
    /// Bounds.
    pub limits: Limits,
    /// How strictly line ends of messages are judged.
    pub line_rules: LineRules,
    /// Whether a client may talk before the replies to HELO, EHLO and DATA (`F` of srv_features).
    pub early_talk_allowed: bool,
    /// `AllowBogusHELO`.
    pub bogus_hello_allowed: bool,
    /// MAIL needs HELO (`needmailhelo`).
    pub mail_needs_hello: bool,
    /// VRFY needs HELO (`needvrfyhelo`).
    pub vrfy_needs_hello: bool,
    /// EXPN needs HELO (`needexpnhelo`).
    pub expn_needs_hello: bool,
    /// VRFY is refused (`novrfy`).
    pub vrfy_refused: bool,
    /// Whether commands without a check of their own are checked (check_other exists).
    pub check_other: bool,
    /// Whether eighth bits are cleared (`SevenBitInput`).
    pub seven_bit_input: bool,
    /// Whether messages with NUL are refused (`RejectNUL`).
    pub nul_refused: bool,
    /// Whether a `From ` line before the header is kept, as the first line of the body (`SaveFromLine`).
    pub save_from_line: bool,
    /// MAIL needs AUTH (`M=a`).
    pub auth_required: bool,
    /// TLS comes before everything else (`M=s`).
    pub tls_first: bool,
    /// Whether mail filters are asked.
    pub filtered: bool,
}

/// A load of the machine at which commands are answered slowly (`DelayLA`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Overload {
    /// The load average.
    pub load: i64,
    /// The limit that it has reached.
    pub limit: i64,
}
