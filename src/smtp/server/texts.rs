//! Every reply of the machine, byte for byte the original's; what is wrong with an address tells `route/refusal.rs`.

use bstr::{BStr, BString, ByteSlice};

use super::notes::cut_off;
use crate::mail::reply::Reply;
use crate::name::Status;

/// The longest piece of a client's text that is repeated to it, in bytes; longer ones lose their middle.
const SHORT_BYTES_MAX: usize = 203;

/// The longest HELP topic that is repeated, in bytes.
const TOPIC_BYTES_MAX: usize = 10;

/// Tells whether texts with this code begin with the address they are about.
///
// QUIRK(address-prefix): the original decides by the code alone whether a reply names the address.
pub fn names_address(code: u16) -> bool {
    matches!(code, 250 | 252 | 450 | 550 | 553)
}

/// Returns `text`, without its middle if it is long.
pub fn shortened(text: &[u8]) -> BString {
    if text.len() <= SHORT_BYTES_MAX {
        return text.into();
    }
    let part = (SHORT_BYTES_MAX - 3) / 2;
    let mut out = BString::from(&text[..part]);
    out.extend_from_slice(b"...");
    out.extend_from_slice(&text[text.len() - part..]);
    out
}

/// Puts `address... ` before a text whose code names the address.
///
/// The address is shortened and loses its eighth bits, as the original's.
pub fn with_address(code: u16, address: &[u8], text: &[u8]) -> BString {
    let mut out = BString::default();
    if !address.is_empty() && names_address(code) {
        out.extend(shortened(address).iter().map(|byte| byte & 0x7f));
        out.extend_from_slice(b"... ");
    }
    out.extend_from_slice(text);
    out
}

/// Returns a reply about an address.
fn about(address: &[u8], code: u16, status: Status, text: &str) -> Reply {
    Reply::new(code, status, with_address(code, address, text.as_bytes()))
}

const fn status(class: u8, subject: u16, detail: u16) -> Status {
    Status::new(class, subject, detail)
}

/// Joins byte strings and literals.
macro_rules! format_bytes {
    ($($part:expr),+ $(,)?) => {{
        let mut out = BString::default();
        $(out.extend_from_slice(AsRef::<[u8]>::as_ref($part));)+
        out
    }};
}
pub(super) use format_bytes;

/// Builds a reply of one line from a format.
macro_rules! reply {
    ($code:literal, $status:expr, $($text:tt)+) => {
        Reply::new($code, $status, format_bytes!($($text)+))
    };
}

/// Greeting: `220` and the site's text, with ESMTP after its first word; further lines as they are.
pub fn greeting(text: &[u8]) -> Reply {
    let mut lines = text.split(|&byte| byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let word = first.iter().position(|&byte| byte == b' ').unwrap_or(first.len());
    let mut out = vec![format_bytes!(&first[..word], " ESMTP", &first[word..])];
    out.extend(lines.map(BString::from));
    Reply::of_lines(220, None, out)
}

/// Greeting of a client that talked before it.
pub fn not_accepting(host: &BStr) -> Reply {
    reply!(554, None, host, " ESMTP not accepting messages")
}

/// The first line after HELO and EHLO.
pub fn hello(host: &BStr, client: &BStr, bogus: bool) -> BString {
    let tail = if bogus { ", accepting invalid domain name" } else { ", pleased to meet you" };
    format_bytes!(host, " Hello ", client, tail)
}

/// HELO without a name; `word` is the command as it was typed.
pub fn hello_requires_name(word: &BStr) -> Reply {
    reply!(501, status(5, 0, 0), word, " requires domain address")
}

/// HELO with a name that is none.
pub fn hello_invalid_name() -> Reply {
    reply!(501, status(5, 0, 0), "Invalid domain name")
}

/// The client did not wait for a reply that it had to wait for.
pub fn protocol_error() -> Reply {
    reply!(554, status(5, 5, 0), "SMTP protocol error")
}

/// Any command of a client that broke the protocol.
pub fn command_rejected() -> Reply {
    reply!(550, status(5, 0, 0), "Command rejected")
}

/// No such command.
pub fn unrecognized(line: &[u8]) -> Reply {
    reply!(500, status(5, 5, 1), "Command unrecognized: \"", &visible(line), "\"")
}

/// A command of RFC 821 that nobody has.
pub fn not_implemented(line: &[u8]) -> Reply {
    reply!(502, status(5, 5, 1), "Command not implemented: \"", &visible(line), "\"")
}

/// Returns a command line as it is repeated: short, without CR.
fn visible(line: &[u8]) -> BString {
    shortened(&line.replace(b"\r", b""))
}

/// NOOP.
pub fn ok() -> Reply {
    reply!(250, Status::OK, "OK")
}

/// RSET.
pub fn reset() -> Reply {
    reply!(250, Status::OK, "Reset state")
}

/// VERB.
pub fn verbose() -> Reply {
    reply!(250, Status::OK, "Verbose mode")
}

/// VERB where it is not offered.
pub fn verbose_unavailable() -> Reply {
    reply!(502, status(5, 7, 0), "Verbose unavailable")
}

/// QUIT.
pub fn closing(host: &BStr) -> Reply {
    reply!(221, Status::OK, host, " closing connection")
}

/// The server goes down, or must give way.
pub fn shutting_down(host: &BStr) -> Reply {
    reply!(421, status(4, 3, 2), host, " closing connection")
}

/// The input ended inside a message, or nothing came for too long; `name` is the client's.
pub fn message_cut_off(name: &BStr, sender: &BStr, why: &str) -> Reply {
    reply!(421, status(4, 4, 1), &cut_off(name, sender, why))
}

/// A mail filter whose failure closes the connection has failed.
pub fn filter_failed(host: &BStr) -> Reply {
    reply!(421, status(4, 7, 0), host, " closing connection")
}

/// Too many commands that are none, or the same too often.
pub fn too_many_bad_commands(host: &BStr) -> Reply {
    reply!(421, status(4, 7, 0), host, " Too many bad commands; closing connection")
}

/// A command line that is too long.
pub fn command_too_long(host: &BStr, client: &BStr) -> Reply {
    reply!(421, status(4, 7, 0), host, " Command too long, possible attack ", client)
}

/// A web client.
pub fn open_proxy(host: &BStr, client: &BStr) -> Reply {
    reply!(421, status(4, 7, 0), host, " Rejecting open proxy ", client)
}

/// MAIL or RCPT whose first word is not FROM: or TO:.
pub fn syntax_error(word: &[u8]) -> Reply {
    reply!(501, status(5, 5, 2), "Syntax error in parameters scanning \"", &shortened(word), "\"")
}

/// MAIL before HELO where the site demands it.
pub fn say_hello_first() -> Reply {
    reply!(503, status(5, 0, 0), "Polite people say HELO first")
}

/// VRFY or EXPN before HELO where the site demands it.
pub fn introduce_yourself() -> Reply {
    reply!(503, status(5, 0, 0), "I demand that you introduce yourself first")
}

/// MAIL of a program, a file or a list.
pub fn invalid_sender(address: &[u8]) -> Reply {
    about(address, 553, status(5, 1, 7), "Invalid sender address")
}

/// A second MAIL.
pub fn sender_already_specified() -> Reply {
    reply!(503, status(5, 5, 0), "Sender already specified")
}

/// MAIL is accepted.
pub fn sender_ok(address: &[u8]) -> Reply {
    about(address, 250, status(2, 1, 0), "Sender ok")
}

/// RCPT of a comment alone.
pub fn missing_recipient() -> Reply {
    reply!(501, status(5, 0, 0), "Missing recipient")
}

/// RCPT before MAIL.
pub fn need_mail_before_rcpt() -> Reply {
    reply!(503, status(5, 0, 0), "Need MAIL before RCPT")
}

/// DATA before MAIL.
pub fn need_mail() -> Reply {
    reply!(503, status(5, 0, 0), "Need MAIL command")
}

/// DATA before any good RCPT.
pub fn need_rcpt() -> Reply {
    reply!(503, status(5, 0, 0), "Need RCPT (recipient)")
}

/// Too many recipients that are none.
pub fn too_many_bad_recipients(host: &BStr) -> Reply {
    reply!(421, status(4, 7, 0), host, " Too many bad recipients; closing connection")
}

/// More recipients than the site takes in one message.
pub fn too_many_recipients() -> Reply {
    reply!(452, status(4, 5, 3), "Too many recipients")
}

/// VRFY or EXPN of a list with more than `max` members.
pub fn list_too_long(max: usize) -> Reply {
    Reply::new(550, status(5, 5, 3), format!("List has more than {max} addresses: ask the postmaster for it"))
}

/// RCPT is accepted; `queued` if delivery must wait for a map.
pub fn recipient_ok(address: &[u8], queued: bool) -> Reply {
    about(address, 250, status(2, 1, 5), if queued { "Recipient ok (will queue)" } else { "Recipient ok" })
}

/// DATA is accepted.
pub fn send_message() -> Reply {
    reply!(354, None, "End data with <CR><LF>.<CR><LF>")
}

/// The message is in the queue.
pub fn accepted(id: &str) -> Reply {
    reply!(250, Status::OK, id, " Message accepted for delivery")
}

/// A bare CR in a message.
pub const BARE_CR: &str = "Bare carriage return (CR) not allowed";

/// A bare LF in a message.
pub const BARE_LF: &str = "Bare linefeed (LF) not allowed";

/// A message with a line end that is none.
pub fn bare_line_end(text: &str) -> Reply {
    reply!(421, status(4, 5, 0), text)
}

/// `SIZE=` beyond the site's limit.
pub fn size_beyond_limit(max: u64) -> Reply {
    let text = format!("Message size exceeds fixed maximum message size ({max})");
    reply!(552, status(5, 2, 3), &text)
}

/// A message beyond the site's limit.
pub fn message_too_large(max: u64) -> Reply {
    let text = format!("Message exceeds maximum fixed size ({max})");
    reply!(552, status(5, 2, 3), &text)
}

/// A message with NUL where the site does not take such.
pub fn nul_not_allowed() -> Reply {
    reply!(554, status(5, 6, 1), "NUL byte not allowed")
}

/// A header beyond the limits; `text` says which.
pub fn header_too_large(text: &str) -> Reply {
    reply!(552, status(5, 6, 0), text)
}

/// VRFY where it is refused.
pub fn cannot_verify() -> Reply {
    reply!(252, status(2, 5, 2), "Cannot VRFY user; try RCPT to attempt delivery (or try finger)")
}

/// EXPN and ETRN where they are refused.
pub fn not_allowed() -> Reply {
    reply!(502, status(5, 7, 0), "Sorry, we do not allow this operation")
}

/// VRFY and EXPN without an argument.
pub fn argument_required() -> Reply {
    reply!(501, status(5, 5, 2), "Argument required")
}

/// ETRN without an argument.
pub fn parameter_required() -> Reply {
    reply!(500, status(5, 5, 2), "Parameter required")
}

/// ETRN for a queue group that is none.
pub fn queue_unknown(group: &[u8]) -> Reply {
    reply!(459, status(4, 5, 4), "Queue ", group, " unknown")
}

/// ETRN has begun; `what` is `node` or `queue group`.
pub fn queuing_started(what: &str, name: &[u8]) -> Reply {
    reply!(250, Status::OK, "Queuing for ", what, " ", name, " started")
}

/// VRFY or EXPN that gave no address.
pub fn nothing_to(command: &str) -> Reply {
    reply!(554, status(5, 5, 2), "Nothing to ", command)
}

/// STARTTLS with an argument.
pub fn no_parameters_allowed() -> Reply {
    reply!(501, status(5, 5, 2), "Syntax error (no parameters allowed)")
}

/// STARTTLS where there is none.
pub fn tls_not_available() -> Reply {
    reply!(454, status(4, 3, 3), "TLS not available after start")
}

/// STARTTLS is accepted.
pub fn ready_for_tls() -> Reply {
    reply!(220, Status::OK, "Ready to start TLS")
}

/// STARTTLS where TLS protects the connection already.
pub fn tls_already_active() -> Reply {
    reply!(503, status(5, 5, 0), "TLS already active")
}

/// MAIL where the site demands AUTH first.
pub fn authentication_required() -> Reply {
    reply!(530, status(5, 7, 0), "Authentication required")
}

/// AUTH after AUTH.
pub fn already_authenticated() -> Reply {
    reply!(503, status(5, 5, 0), "Already Authenticated")
}

/// AUTH between MAIL and the end of the message.
pub fn no_auth_in_transaction() -> Reply {
    reply!(503, status(5, 5, 0), "AUTH not permitted during a mail transaction")
}

/// AUTH has succeeded.
pub fn authenticated() -> Reply {
    reply!(235, Status::OK, "OK Authenticated")
}

/// The client has broken off AUTH.
pub fn auth_aborted() -> Reply {
    reply!(501, status(5, 0, 0), "AUTH aborted")
}

/// AUTH goes on; `challenge` is in base64.
pub fn auth_challenge(challenge: &[u8]) -> Reply {
    reply!(334, None, challenge)
}

/// AUTH without a mechanism.
pub fn auth_mechanism_required() -> Reply {
    reply!(501, status(5, 5, 2), "AUTH mechanism must be specified")
}

/// AUTH with a mechanism that is not offered.
pub fn auth_mechanism_unavailable(mechanism: &[u8]) -> Reply {
    reply!(504, status(5, 3, 3), "AUTH mechanism ", &shortened(mechanism), " not available")
}

/// HELP where there is no help file.
pub fn help_not_implemented(version: &str) -> Reply {
    reply!(502, status(5, 3, 0), "Sendmail ", version, " -- HELP not implemented")
}

/// HELP for a topic that the help file does not have; `topic` is in lower case.
pub fn help_unknown(topic: &[u8]) -> Reply {
    reply!(504, status(5, 3, 0), "HELP topic \"", &topic[..topic.len().min(TOPIC_BYTES_MAX)], "\" unknown")
}

/// HELP: the help file's lines and the one that ends them.
pub fn help(mut lines: Vec<BString>) -> Reply {
    lines.push("End of HELP info".into());
    Reply::of_lines(214, Status::OK, lines)
}

/// A check could not be made; the client shall come again.
pub fn try_again() -> Reply {
    reply!(451, status(4, 3, 2), "Please try again later")
}

/// A parameter of MAIL or RCPT that no extension has.
pub fn unknown_parameter(name: &[u8]) -> Reply {
    reply!(555, status(5, 5, 4), &shortened(name), " parameter unrecognized")
}

/// A parameter without the value it must have.
pub fn requires_value(name: &str) -> Reply {
    reply!(501, status(5, 5, 2), name, " requires a value")
}

/// A parameter whose value does not read.
pub fn bad_parameter_value(name: &str) -> Reply {
    reply!(501, status(5, 5, 4), "Syntax error in ", name, " parameter value")
}

/// A parameter that stands twice.
pub fn duplicate_parameter(name: &str) -> Reply {
    reply!(501, status(5, 5, 0), "Duplicate ", name, " parameter")
}

/// A parameter of DSN where DSN is not offered.
pub fn dsn_not_supported(name: &str) -> Reply {
    reply!(504, status(5, 7, 0), "Sorry, ", name, " not supported, we do not allow DSN")
}

/// `SIZE=` beyond what a number can hold.
pub fn size_beyond_number() -> Reply {
    reply!(552, status(5, 2, 3), "Message size exceeds maximum value")
}

/// `SIZE=` below zero.
pub fn size_invalid() -> Reply {
    reply!(552, status(5, 2, 3), "Message size invalid")
}

/// `BODY=` with a type that is none.
pub fn unknown_body_type(value: &[u8]) -> Reply {
    reply!(501, status(5, 5, 4), "Unknown BODY type ", &shortened(value))
}

/// `RET=` with a word that is none.
pub fn bad_ret(value: &[u8]) -> Reply {
    reply!(501, status(5, 5, 2), "Bad argument \"", &shortened(value), "\" to RET")
}

/// `NOTIFY=` with a word that is none.
pub fn bad_notify(word: &[u8]) -> Reply {
    reply!(501, status(5, 5, 4), "Bad argument \"", &shortened(word), "\"  to NOTIFY")
}

/// `BY=` with a time that is no sensible number.
pub fn by_out_of_range(value: &[u8]) -> Reply {
    reply!(501, status(5, 5, 2), "BY=", &shortened(value), " out of range")
}

/// `BY=` without its semicolon.
pub fn by_missing_semicolon() -> Reply {
    reply!(501, status(5, 5, 2), "BY= missing ';'")
}

/// `BY=` with a letter that is none; `what` is `mode` or `trace`.
pub fn by_illegal(what: &str, letter: u8) -> Reply {
    let shown = if letter.is_ascii_graphic() || letter == b' ' { letter } else { b'?' };
    reply!(501, status(5, 5, 2), "illegal by-", what, " '", &[shown], "'")
}

/// `BY=` that asks for a return at once.
pub fn by_return_at_once() -> Reply {
    reply!(501, status(5, 5, 4), "mode R requires BY time > 0")
}

/// `BY=` below `DeliverByMin`.
pub fn by_too_short(time: i64, min: i64) -> Reply {
    reply!(555, status(5, 5, 2), &format!("time {time} less than {min}"))
}

/// A message that went through too many hands.
pub fn too_many_hops(hops: usize, max: usize) -> Reply {
    reply!(554, status(5, 4, 6), &format!("Too many hops {hops} ({max} max)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reply: &Reply, expected: &str) {
        assert_eq!(reply.to_string(), expected);
    }

    #[test]
    fn esmtp_stands_after_the_first_word_of_the_greeting() {
        check(&greeting(b"a.b Sendmail 8; now"), "220 a.b ESMTP Sendmail 8; now");
        check(&greeting(b"a.b"), "220 a.b ESMTP");
        check(&greeting(b"a.b x\ntwo"), "220-a.b ESMTP x\n220 two");
    }

    #[test]
    fn only_some_codes_name_the_address() {
        assert_eq!(with_address(550, b"<a@b>", b"no"), "<a@b>... no");
        assert_eq!(with_address(554, b"<a@b>", b"no"), "no");
        assert_eq!(with_address(250, b"<\xe9@b>", b"ok"), "<i@b>... ok");
    }

    #[test]
    fn long_texts_lose_their_middle() {
        assert_eq!(shortened(&[b'x'; 203]).len(), 203);
        let short = shortened(&[b'x'; 204]);
        assert_eq!((short.len(), &short[100..103]), (203, &b"..."[..]));
    }

    #[test]
    fn a_cr_inside_a_command_is_not_repeated() {
        check(&unrecognized(b"NO\rOP"), "500 5.5.1 Command unrecognized: \"NOOP\"");
    }

    #[test]
    fn odd_letters_in_by_are_masked() {
        check(&by_illegal("mode", 0x80), "501 5.5.2 illegal by-mode '?'");
        check(&by_illegal("trace", b'X'), "501 5.5.2 illegal by-trace 'X'");
    }
}
