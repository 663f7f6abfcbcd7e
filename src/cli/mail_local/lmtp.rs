//! LMTP (RFC 2033) on standard input and output.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};

use bstr::{BString, ByteSlice};

use super::data::Data;
use super::deliver::Delivery;
use super::desk::Refusal;
use super::options::Options;
use super::spool::Spool;
use crate::name::Sysexit;
use crate::sys::host;

/// The longest command line, in bytes, as the original reads.
const COMMAND_BYTES_MAX: usize = 4096;

/// The most recipients of one message: bounds memory; MTAs send a hundred or so at once.
const RECIPIENTS_MAX: usize = 10_000;

/// Serves one session to its end.
pub(super) fn run(
    options: &Options,
    delivery: &mut Delivery,
    spool: &mut Spool,
    input: &mut dyn Read,
    output: &mut dyn Write,
) -> Sysexit {
    let name = host::name().ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".into());
    let mut wire = Wire { input: BufReader::new(input), output: BufWriter::new(output) };
    let session = Session { options, name, greeted: false, sender: None, recipients: Vec::new() };
    match session.run(&mut wire, delivery, spool) {
        // QUIRK(mail-local-eof): an end of input, also in the middle of a message, is no failure.
        Ok(()) => Sysexit::Ok,
        Err(_) => Sysexit::TempFail,
    }
}

/// The two directions of the session.
struct Wire<'a> {
    input: BufReader<&'a mut dyn Read>,
    output: BufWriter<&'a mut dyn Write>,
}

/// A command line without its end.
#[derive(Debug)]
struct Line {
    text: BString,
    ends_in_crlf: bool,
    too_long: bool,
}

impl Wire<'_> {
    fn reply(&mut self, text: &[u8]) -> io::Result<()> {
        self.output.write_all(text)?;
        self.output.write_all(b"\r\n")
    }

    fn refuse(&mut self, refusal: &Refusal) -> io::Result<()> {
        let text: Vec<u8> =
            refusal.text.iter().map(|byte| if byte.is_ascii_control() { b'?' } else { *byte }).collect();
        self.reply(&[format!("{} {} ", refusal.code, refusal.status).as_bytes(), &text].concat())
    }

    /// Returns more input, empty at its end; before waiting for it, shows what was answered.
    fn fill(&mut self) -> io::Result<&[u8]> {
        if self.input.buffer().is_empty() {
            self.output.flush()?;
        }
        loop {
            match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(_) => return Ok(self.input.buffer()),
            }
        }
    }

    /// Reads a command; `None` at the end of input, where half a command is none.
    fn line(&mut self) -> io::Result<Option<Line>> {
        let mut line = Line { text: BString::default(), ends_in_crlf: false, too_long: false };
        loop {
            let chunk = self.fill()?;
            if chunk.is_empty() {
                return Ok(None);
            }
            let end = memchr::memchr(b'\n', chunk);
            let taken = end.map_or(chunk.len(), |end| end + 1);
            let room = COMMAND_BYTES_MAX - line.text.len();
            line.text.extend_from_slice(&chunk[..taken.min(room)]);
            line.too_long |= taken > room;
            self.input.consume(taken);
            if end.is_some() {
                break;
            }
        }
        if line.text.last() == Some(&b'\n') {
            line.text.pop();
        }
        if line.text.last() == Some(&b'\r') {
            line.text.pop();
            line.ends_in_crlf = true;
        }
        Ok(Some(line))
    }
}

/// What the client has said so far.
struct Session<'a> {
    options: &'a Options,
    name: BString,
    greeted: bool,
    sender: Option<BString>,
    recipients: Vec<BString>,
}

impl Session<'_> {
    fn run(mut self, wire: &mut Wire<'_>, delivery: &mut Delivery, spool: &mut Spool) -> io::Result<()> {
        wire.reply(format!("220 {} LMTP ready", self.name).as_bytes())?;
        while let Some(line) = wire.line()? {
            let verb: Vec<u8> = line.text.iter().take(5).map(u8::to_ascii_lowercase).collect();
            match verb.as_slice() {
                _ if line.too_long => wire.reply(b"500 5.5.2 Syntax error")?,
                b"data" => {
                    if !self.data(wire, line.ends_in_crlf, delivery, spool)? {
                        break;
                    }
                }
                b"lhlo " => self.greet(wire)?,
                b"mail " => wire.reply(self.mail(&line.text[5..]).as_bytes())?,
                b"rcpt " => self.rcpt(&line.text[5..], wire, delivery)?,
                b"rset" => {
                    self.reset();
                    wire.reply(b"250 2.0.0 Ok")?;
                }
                b"noop" => wire.reply(b"250 2.0.0 Ok")?,
                b"vrfy " => wire.reply(b"252 2.3.3 Try RCPT to attempt delivery")?,
                b"quit" => {
                    wire.reply(b"221 2.0.0 Bye")?;
                    break;
                }
                _ => wire.reply(b"500 5.5.2 Syntax error")?,
            }
        }
        wire.output.flush()
    }

    fn reset(&mut self) {
        self.sender = None;
        self.recipients.clear();
    }

    fn greet(&mut self, wire: &mut Wire<'_>) -> io::Result<()> {
        if self.greeted {
            return wire.reply(format!("503 {} Duplicate LHLO", self.name).as_bytes());
        }
        self.greeted = true;
        wire.reply(format!("250-{}", self.name).as_bytes())?;
        if self.options.eight_bit {
            wire.reply(b"250-8BITMIME")?;
        }
        wire.reply(b"250-ENHANCEDSTATUSCODES")?;
        wire.reply(b"250 PIPELINING")
    }

    fn mail(&mut self, argument: &[u8]) -> &'static str {
        if self.sender.is_some() {
            return "503 5.5.1 Nested MAIL command";
        }
        self.sender = after(argument, b"from:").and_then(|path| address(path, false));
        if self.sender.is_some() { "250 2.5.0 Ok" } else { "501 5.5.4 Syntax error in parameters" }
    }

    fn rcpt(&mut self, argument: &[u8], wire: &mut Wire<'_>, delivery: &mut Delivery) -> io::Result<()> {
        if self.sender.is_none() {
            return wire.reply(b"503 5.5.1 Need MAIL command");
        }
        if self.recipients.len() >= RECIPIENTS_MAX {
            return wire.reply(b"452 4.5.3 Too many recipients");
        }
        let Some(name) = after(argument, b"to:").and_then(|path| address(path, self.options.strip_domain)) else {
            return wire.reply(b"501 5.5.4 Syntax error in parameters");
        };
        match delivery.look_up(&name) {
            Ok(()) => {
                self.recipients.push(name);
                wire.reply(b"250 2.1.5 Ok")
            }
            Err(refusal) if refusal.code == 550 => wire.reply(b"550 5.1.1 User unknown"),
            Err(_) => wire.reply(b"451 4.3.0 User database failure; retry later"),
        }
    }

    /// Takes the message and answers once for each recipient; `false` at the end of input.
    fn data(
        &mut self,
        wire: &mut Wire<'_>,
        strict: bool,
        delivery: &mut Delivery,
        spool: &mut Spool,
    ) -> io::Result<bool> {
        let Some(sender) = self.sender.as_ref().filter(|_| !self.recipients.is_empty()) else {
            wire.reply(b"503 5.5.1 No recipients")?;
            return Ok(true);
        };
        spool.begin(sender);
        wire.reply(b"354 Go ahead")?;
        let mut data = Data::new(strict);
        let mut message = Vec::new();
        while !data.is_ended() {
            let chunk = wire.fill()?;
            if chunk.is_empty() {
                return Ok(false);
            }
            let taken = data.take(chunk, &mut message);
            wire.input.consume(taken);
            spool.push(&message);
            message.clear();
        }
        let spooled = spool.end();
        for recipient in std::mem::take(&mut self.recipients) {
            // With `-n` the detail has been looked up as part of the name; the mailbox has none.
            let name = recipient.split_once_str("+").map_or(recipient.as_slice(), |(name, _)| name);
            match spooled.clone().and_then(|()| delivery.deliver(name, spool)) {
                Ok(()) => wire.reply(&[b"250 2.1.5 ", name, b" Ok"].concat())?,
                Err(refusal) => wire.refuse(&refusal)?,
            }
        }
        self.reset();
        Ok(true)
    }
}

/// Returns what follows `keyword`, whatever its case.
fn after<'a>(text: &'a [u8], keyword: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(keyword.len())?;
    start.eq_ignore_ascii_case(keyword).then_some(rest)
}

/// Takes the address out of `<@route:local@domain> parameters`; nothing is `MAILER-DAEMON`.
///
/// With `strip`, only the local part up to a `+`.
fn address(text: &[u8], strip: bool) -> Option<BString> {
    let text = text.strip_prefix(b"<")?;
    let mut at = 0;
    while text.get(at) == Some(&b'@') {
        at += text[at..].find_byteset(b",:")? + 1;
    }
    let start = at;
    let mut end = None;
    loop {
        match text.get(at)? {
            b'@' | b'>' => break,
            b'\\' => at += 1,
            b'"' => at = end_of_quoted(text, at)?,
            b'+' if strip => end = end.or(Some(at)),
            _ => {}
        }
        at += 1;
    }
    let local_end = end.unwrap_or(at);
    let close = at + text[at..].find_byte(b'>')?;
    let name = &text[start..if strip { local_end } else { close }];
    match text.get(close + 1) {
        None | Some(b' ') if name.is_empty() => Some("MAILER-DAEMON".into()),
        None | Some(b' ') => Some(name.into()),
        Some(_) => None,
    }
}

/// Returns where the quoted string that begins at `start` has its closing quote.
fn end_of_quoted(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, strip: bool, expected: Option<&str>) {
        assert_eq!(address(text.as_bytes(), strip), expected.map(BString::from));
    }

    #[test]
    fn addresses_are_taken_as_the_original_takes_them() {
        check("<a@b>", false, Some("a@b"));
        check("<a@b> SIZE=10 BODY=8BITMIME", false, Some("a@b"));
        check("<>", false, Some("MAILER-DAEMON"));
        check("<@x,@y:a@b>", false, Some("a@b"));
        check("<\"a b\"@c>", false, Some("\"a b\"@c"));
        check("<joe@b>", true, Some("joe"));
        check("<joe+x@b>", true, Some("joe"));
        check("<joe+x+y>", true, Some("joe"));
        check("<@x:joe@b>", true, Some("joe"));
        check("<\"jo@>e\"@b>", true, Some("\"jo@>e\""));
        check("<jo\\@e@b>", true, Some("jo\\@e"));
        check("<>", true, Some("MAILER-DAEMON"));
        for bad in ["", "a@b", " <a@b>", "<a@b", "<a@b>x", "<\"a>", "<a\\", "<@x>", "<@x"] {
            check(bad, true, None);
            check(bad, false, None);
        }
    }
}
