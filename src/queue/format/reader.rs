//! The reader of control files.

use std::sync::Arc;

use bstr::{BString, ByteSlice};

use super::{BY_RETURN, BY_TRACE, FIELD_BYTES_MAX, LINE_BYTES_MAX, QUOTE_MARK, VERSION};
use crate::mail::envelope::{
    BodyType, Controller, DeliverBy, DeliverByMode, Envelope, EnvelopeFlags, Notify, Recipient, Ret,
};
use crate::mail::header::{Condition, Header, MACRO_MARK};
use crate::mail::report::AUTHOR;
use crate::name::{MacroName, QueueId, TrimSpace as _, UnixTime};

/// A control file cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct BadControl {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: Damage,
}

/// What is wrong with a control file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Damage {
    /// Nothing in it: the process died before it was written.
    #[error("empty file")]
    Empty,
    /// No end mark: the file was cut off.
    #[error("file ends without its end mark")]
    CutOff,
    /// Something stands behind the end mark: somebody appended.
    #[error("text behind the end mark")]
    BehindEnd,
    /// Written by something newer.
    #[error("version {0} is newer than ours ({VERSION})")]
    Version(u32),
    /// A number that is none.
    #[error("bad number {0:?}")]
    Number(BString),
    /// A name that is none.
    #[error("{0}")]
    Name(#[from] crate::name::BadName),
    /// No known or possible code letter.
    #[error("unknown line {0:?}")]
    Unknown(BString),
    /// A header field without a colon or with a broken condition.
    #[error("bad header field {0:?}")]
    Field(BString),
    /// A NUL: no writer leaves one.
    #[error("NUL in the file")]
    Nul,
    /// A carriage return outside of header fields and messages.
    #[error("carriage return in the line")]
    CarriageReturn,
    /// A line that could not be written again.
    #[error("longer than any line")]
    Length,
    /// A line that must be there is missing.
    #[error("no {0} line")]
    Missing(char),
}

/// Returns the envelope in the control file of the entry `id`.
///
/// Class, urgency and message identifier are not in the file: see [`Envelope::classify`].
///
/// # Errors
/// The file is cut off, damaged or of a newer version; the error names line and reason.
pub fn read(id: &QueueId, text: &[u8]) -> Result<Envelope, BadControl> {
    if text.is_empty() {
        return Err(BadControl { line: 1, reason: Damage::Empty });
    }
    let mut reader = Reader::new(id);
    let mut lines = Lines { rest: text, number: 0 };
    while let Some((number, line)) = lines.next() {
        let fail = |reason| BadControl { line: number, reason };
        if line.contains(&0) {
            return Err(fail(Damage::Nul));
        }
        if line.contains(&b'\r') && !matches!(line[0], b'H' | b'M') {
            return Err(fail(Damage::CarriageReturn));
        }
        if line == b"." {
            return match lines.rest {
                [] => reader.finish().map_err(fail),
                _ => Err(BadControl { line: number + 1, reason: Damage::BehindEnd }),
            };
        }
        reader.line(line).map_err(fail)?;
    }
    Err(BadControl { line: lines.number, reason: Damage::CutOff })
}

/// The lines of a control file, continuation lines joined to theirs.
struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    /// Returns the number of the next line and its text without the line end; none at the end or if no line end follows.
    fn next(&mut self) -> Option<(usize, &'a [u8])> {
        let mut len = memchr::memchr(b'\n', self.rest)?;
        self.number += 1;
        let number = self.number;
        while let Some(b' ' | b'\t') = self.rest.get(len + 1) {
            len += 1 + memchr::memchr(b'\n', &self.rest[len + 1..])?;
            self.number += 1;
        }
        let line = &self.rest[..len];
        self.rest = &self.rest[len + 1..];
        Some((number, line))
    }
}

/// An envelope that is being read.
struct Reader {
    envelope: Envelope,
    version: u32,
    seen_created: bool,
    seen_sender: bool,
    /// What the next `R` line gets.
    next: Recipient,
    controller: Option<Arc<Controller>>,
}

impl Reader {
    fn new(id: &QueueId) -> Self {
        Self {
            envelope: Envelope::new(id.clone(), UnixTime::default(), ""),
            version: 0,
            seen_created: false,
            seen_sender: false,
            next: Recipient::default(),
            controller: None,
        }
    }

    /// Files one line.
    fn line(&mut self, line: &[u8]) -> Result<(), Damage> {
        let Some((&code, text)) = line.split_first() else { return Err(Damage::Unknown(line.into())) };
        let len_max = if code == b'H' { FIELD_BYTES_MAX } else { LINE_BYTES_MAX };
        if text.len() > len_max {
            return Err(Damage::Length);
        }
        let envelope = &mut self.envelope;
        match code {
            b'V' => self.version = version(text)?,
            b'T' => {
                envelope.created = UnixTime::from_secs(number(text)?);
                self.seen_created = true;
            }
            b'K' => envelope.last_try = Some(number(text)?).filter(|secs| *secs != 0).map(UnixTime::from_secs),
            b'N' => envelope.tries = number(text)?,
            b'P' => envelope.priority = number(text)?,
            b'I' => {}
            b'B' => envelope.body = Some(body_type(text)?),
            b'M' if self.seen_sender => self.next.message = Some(text.into()),
            b'M' => envelope.message = Some(text.into()),
            b'F' => flags(envelope, text),
            b'$' => {
                let (name, value) = MacroName::split(text)?;
                envelope.macros.push((name, value.into()));
            }
            b'q' => envelope.quarantine = Some(text.into()),
            b'S' => {
                envelope.sender = text.into();
                self.seen_sender = true;
            }
            b'Z' => envelope.envid = Some(text.into()),
            b'A' => envelope.auth = Some(text.into()),
            b'!' => envelope.deliver_by = Some(deliver_by(text)?),
            b'C' => self.controller = controller(text).map(Arc::new),
            b'Q' => self.next.orcpt = Some(self.shared(text, |last| last.orcpt.as_ref())),
            b'r' => self.next.final_recipient = Some(self.shared(text, |last| last.final_recipient.as_ref())),
            b'R' => self.recipient(text),
            b'H' => {
                // QUIRK(size-of-fields): each field counts two bytes less than its line has.
                envelope.size_bytes += text.len().saturating_sub(2) as u64;
                envelope.headers.push(header(text)?);
            }
            letter if letter.is_ascii_alphabetic() => envelope.unknown_lines.push(line.into()),
            _ => return Err(Damage::Unknown(line[..line.len().min(80)].into())),
        }
        Ok(())
    }

    /// Returns `text`, from the recipient before where that has the same: all members of a list do.
    fn shared(&self, text: &[u8], field: impl Fn(&Recipient) -> Option<&Arc<BString>>) -> Arc<BString> {
        let same = self.envelope.recipients.last().and_then(field).filter(|before| before.as_slice() == text);
        same.map_or_else(|| Arc::new(text.into()), Arc::clone)
    }

    /// Files an `R` line with what was gathered for it.
    fn recipient(&mut self, text: &[u8]) {
        let mut recipient = std::mem::take(&mut self.next);
        let (letters, address) = match memchr::memchr(b':', text) {
            Some(len) if self.version > 0 => (&text[..len], &text[len + 1..]),
            _ => (&b"PFD"[..], text),
        };
        let has = |letter: u8| letters.contains(&letter);
        let reports = Notify { success: has(b'S'), failure: has(b'F'), delay: has(b'D') };
        recipient.address = address.into();
        recipient.primary = has(b'P');
        recipient.notify = has(b'N').then_some(reports);
        recipient.default_notify = reports;
        recipient.from_alias = has(b'A');
        recipient.unknown_flags = letters.iter().filter(|letter| !b"PNSFDA".contains(letter)).copied().collect();
        recipient.controller = self.controller.clone();
        self.envelope.recipients.push(recipient);
    }

    /// Returns the envelope if all lines were there that must be.
    fn finish(mut self) -> Result<Envelope, Damage> {
        if self.envelope.flags.response && self.envelope.sender == AUTHOR {
            self.envelope.sender = "<>".into();
        }
        match (self.seen_created, self.seen_sender) {
            (false, _) => Err(Damage::Missing('T')),
            (_, false) => Err(Damage::Missing('S')),
            _ => Ok(self.envelope),
        }
    }
}

/// Reads a number that fills the whole text.
fn number<N: std::str::FromStr>(text: &[u8]) -> Result<N, Damage> {
    text.to_str().ok().and_then(|text| text.trim().parse().ok()).ok_or_else(|| Damage::Number(text.into()))
}

fn version(text: &[u8]) -> Result<u32, Damage> {
    match number(text)? {
        version if version > VERSION => Err(Damage::Version(version)),
        version => Ok(version),
    }
}

fn body_type(text: &[u8]) -> Result<BodyType, Damage> {
    let unknown = || Damage::Unknown(text.into());
    text.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(unknown)
}

fn flags(envelope: &mut Envelope, letters: &[u8]) {
    let has = |letter: u8| letters.contains(&letter);
    envelope.ret = has(b'd').then_some(if has(b'n') { Ret::Headers } else { Ret::Full });
    envelope.flags = EnvelopeFlags {
        eight_bit: has(b'8'),
        delete_bcc: has(b'b'),
        no_body_return: has(b'n') && !has(b'd'),
        response: has(b'r'),
        split: has(b's'),
        warned: has(b'w'),
        smtputf8: has(b'e'),
        unknown: letters.iter().filter(|letter| !b"8bdnrswe".contains(letter)).copied().collect(),
    };
}

fn deliver_by(text: &[u8]) -> Result<DeliverBy, Damage> {
    let Some((&marks, seconds)) = text.split_first() else { return Err(Damage::Number(text.into())) };
    let mode = if marks & BY_RETURN == 0 { DeliverByMode::Notify } else { DeliverByMode::Return };
    Ok(DeliverBy { seconds: number(seconds)?, mode, trace: marks & BY_TRACE != 0 })
}

/// Reads `user:uid:gid:alias`, `user:alias`, `:alias`; an empty text ends what the line before began.
fn controller(text: &[u8]) -> Option<Controller> {
    if text.is_empty() {
        return None;
    }
    let (user, rest) = text.split_once_str(":").unwrap_or((text, b""));
    let mut parts = rest.splitn(3, |byte| *byte == b':');
    let uid = parts.next().and_then(|part| number(part).ok());
    let gid = parts.next().and_then(|part| number(part).ok());
    Some(match (uid, gid, parts.next()) {
        (Some(uid), Some(gid), Some(alias)) => {
            Controller { user: user.into(), uid: Some(uid), gid: Some(gid), alias: alias.into() }
        }
        _ => Controller { user: user.into(), uid: None, gid: None, alias: rest.into() },
    })
}

fn header(text: &[u8]) -> Result<Header, Damage> {
    let bad = || Damage::Field(text[..text.len().min(80)].into());
    let (condition, field) = match text.strip_prefix(b"?") {
        Some(rest) => rest.split_once_str("?").ok_or_else(bad)?,
        None => (&b""[..], text),
    };
    let (name, value) = field.split_once_str(":").ok_or_else(bad)?;
    let name = name.trim_space_end();
    if name.is_empty() || !name.iter().all(|byte| (33..=126).contains(byte)) {
        return Err(bad());
    }
    let only_for = Condition::parse(condition).map_err(|_| bad())?;
    // The original leaves a bare CR of the message in its file; nothing of ours may send one.
    let (value, template) = unquote(&value.replace(b"\r", b" "));
    Ok(Header { name: name.into(), value, only_for, template, is_fleeting: false })
}

/// Returns a value as it is meant, and whether it is a template: a macro mark that is not quoted makes one.
fn unquote(value: &[u8]) -> (BString, bool) {
    if value.is_ascii() {
        return (value.into(), false);
    }
    let mut literal = BString::from(Vec::with_capacity(value.len()));
    let mut bytes = value.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            MACRO_MARK => return (value.into(), true),
            QUOTE_MARK => literal.push(bytes.next().copied().unwrap_or(QUOTE_MARK)),
            byte => literal.push(byte),
        }
    }
    (literal, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_controllers_are_understood() {
        let alias = |text: &[u8]| controller(text).map(|c| (c.user, c.uid, c.alias));
        assert_eq!(alias(b"bob:list@x"), Some(("bob".into(), None, "list@x".into())));
        assert_eq!(alias(b":list@x"), Some(("".into(), None, "list@x".into())));
        assert_eq!(alias(b""), None);
    }
}
