//! Every log line of the server, byte for byte the original's.

use bstr::{BStr, BString};

use super::settings::Overload;
use super::texts::{format_bytes, shortened};
use crate::mail::header::HeaderTooLarge;
use crate::mail::reply::Reply;

/// The longest command that the log names in a warning, in bytes.
const LOGGED_COMMAND_BYTES_MAX: usize = 40;

/// How important a log line is (syslog's severity).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// An attack or a broken system.
    Critical,
    /// Something went wrong.
    Warning,
    /// Worth a look.
    Notice,
    /// Everyday.
    Info,
}

/// A line for the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    /// The `LogLevel` from which on it is logged.
    pub log_level: u8,
    /// Its syslog severity.
    pub severity: Severity,
    /// What it says, without queue id.
    pub text: BString,
}

impl Note {
    fn info(log_level: u8, text: impl Into<BString>) -> Self {
        Self { log_level, severity: Severity::Info, text: text.into() }
    }

    fn notice(log_level: u8, text: impl Into<BString>) -> Self {
        Self { log_level, severity: Severity::Notice, text: text.into() }
    }
}

/// A command came too often.
pub fn attack(client: &BStr, command: &str, count: u32) -> Note {
    Note::info(6, format_bytes!(client, &format!(": possible SMTP attack: command={command}, count={count}")))
}

/// The client did not wait for the reply to `command`.
pub fn early_talk(client: &BStr, command: &str) -> Note {
    let text = format_bytes!("rejecting server ", command, " from ", client, " due to traffic before response");
    Note::info(6, text)
}

/// The client talked before the greeting.
pub fn pre_greeting(client: &BStr, seconds: u64) -> Note {
    let tail = format!(" due to pre-greeting traffic after {seconds} seconds");
    Note::info(6, format_bytes!("rejecting commands from ", client, &tail))
}

/// A web client; `line` is the request with its line end.
pub fn open_proxy(client: &BStr, line: &[u8]) -> Note {
    let line = &line[..line.len().min(LOGGED_COMMAND_BYTES_MAX)];
    Note::info(1, format_bytes!(client, ": probable open proxy: command=", line))
}

/// A command line of `bytes` bytes.
pub fn too_long(client: &BStr, bytes: usize) -> Note {
    Note::info(6, format_bytes!(client, &format!(": SMTP violation, input too long: {bytes}")))
}

/// One of the commands of the worm of 1988.
pub fn bogus_command(command: &str, client: &BStr, address: &BStr) -> Note {
    let text = format_bytes!("\"", command, "\" command from ", client, " (", address, ")");
    Note { log_level: 1, severity: Severity::Critical, text }
}

/// VRFY, EXPN or ETRN was asked for.
pub fn asked(client: &BStr, line: &[u8], rejected: bool) -> Note {
    let tail = if rejected { " [rejected]" } else { "" };
    Note::info(6, format_bytes!(client, ": ", &shortened(line), tail))
}

/// A client that asked for nothing.
pub fn null_connection(client: &BStr, daemon: &BStr) -> Note {
    let text = format_bytes!(client, " did not issue MAIL/EXPN/VRFY/ETRN during connection to ", daemon);
    Note::info(6, text)
}

/// The client went away after `command`.
pub fn lost_input(client: &BStr, daemon: &BStr, command: &str, inside_transaction: bool) -> Note {
    let text = format_bytes!("lost input channel from ", client, " to ", daemon, " after ", command);
    Note::notice(if inside_transaction { 2 } else { 20 }, text)
}

/// The client was silent for too long; `name` is the client's.
pub fn timeout(name: &BStr) -> Note {
    Note::notice(1, format_bytes!("timeout waiting for input from ", name, " during server cmd read"))
}

/// Commands are answered slowly, `command` first.
pub fn delaying(command: &str, overload: Overload) -> Note {
    let Overload { load, limit } = overload;
    Note::info(9, format!("delaying={}, load average={load} >= {limit}", command.to_uppercase()))
}

/// A port for TLS from the first byte, where there is no TLS.
pub fn no_smtps() -> Note {
    Note::info(1, "smtps: TLS not available, exiting")
}

/// Bad recipients are answered slowly from now on.
pub fn throttling(client: &BStr) -> Note {
    Note::info(6, format_bytes!(client, ": Possible SMTP RCPT flood, throttling."))
}

/// The session ends because of bad recipients.
pub fn bad_recipients(client: &BStr) -> Note {
    Note::info(6, format_bytes!(client, ": Possible SMTP RCPT flood, shutting down connection."))
}

/// A refusal of RCPT that no ruleset has logged.
pub fn refusal(reply: &Reply) -> Note {
    Note::notice(2, Reply::as_sent(reply.text()).collect::<BString>())
}

/// A message with a line end that is none; `place` is `header` or `body`.
pub fn bare_line_end(name: &BStr, sender: &BStr, text: &str, place: &str) -> Note {
    let head = format_bytes!("collect: relay=", name, ", from=", sender);
    Note::notice(6, format_bytes!(&head, ", info=", text, ", where=", place, ", status=tempfail"))
}

/// Why the input of a message ended when the client has closed the connection.
pub const UNEXPECTED_CLOSE: &str = "unexpected close";

/// Why the input of a message ended when nothing came any more.
pub const READ_TIMEOUT: &str = "read timeout";

/// What reply and log say of a message whose input ended.
pub(super) fn cut_off(name: &BStr, sender: &BStr, why: &str) -> BString {
    format_bytes!("collect: relay=", name, ", from=", sender, ", info=", why)
}

/// The client went away inside a message.
pub fn unexpected_close(name: &BStr, sender: &BStr) -> Vec<Note> {
    let text = format_bytes!("collect: premature EOM: ", UNEXPECTED_CLOSE);
    let first = Note { log_level: 3, severity: Severity::Warning, text };
    vec![first, Note::notice(4, cut_off(name, sender, UNEXPECTED_CLOSE))]
}

/// The client was silent for too long inside a message.
pub fn read_timeout(name: &BStr, sender: &BStr) -> Vec<Note> {
    let text = format_bytes!("SYSERR(root): ", &cut_off(name, sender, READ_TIMEOUT));
    vec![Note { log_level: 1, severity: Severity::Critical, text }]
}

/// The header is too large.
pub fn header_too_large(name: &BStr, why: HeaderTooLarge) -> Note {
    let mut head = why.to_string();
    head[..1].make_ascii_lowercase();
    Note::notice(1, format_bytes!(&head, " from ", name, " during message collect"))
}

/// A message that went through too many hands; comes after the line about its sender.
pub fn too_many_hops(hops: usize, max: usize) -> Note {
    Note::notice(1, format!("Too many hops {hops} ({max} max)"))
}

/// The message is too large; comes after the line about its sender.
pub fn message_too_large(size: u64, max: u64) -> Note {
    Note::notice(7, format!("message size ({size}) exceeds maximum ({max})"))
}
