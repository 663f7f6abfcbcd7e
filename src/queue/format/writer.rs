//! The one writer of control files.

use bstr::BString;

use super::{BY_NOTIFY, BY_RETURN, BY_TRACE, FIELD_BYTES_MAX, LINE_BYTES_MAX, MESSAGE_BYTES_MAX, QUOTE_MARK, VERSION};
use crate::mail::envelope::{Controller, DeliverBy, DeliverByMode, Envelope, Recipient, Ret};
use crate::mail::header::Header;
use crate::name::UnixTime;

/// A value cannot be written into a control file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadField {
    /// It holds a line end or a NUL.
    #[error("{field} holds a line end or NUL: {text:?}")]
    Character {
        /// Which field.
        field: &'static str,
        /// Its beginning.
        text: BString,
    },
    /// It is too long.
    #[error("{field} is too long ({len} bytes, {max} max)")]
    Length {
        /// Which field.
        field: &'static str,
        /// How long it is.
        len: usize,
        /// How long it may be.
        max: usize,
    },
}

/// Device and number of a data file, for the `I` line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DataFileId {
    /// Major number of the device.
    pub major: u64,
    /// Minor number of the device.
    pub minor: u64,
    /// The number of the file.
    pub inode: u64,
}

/// Returns the text of the control file of `envelope`.
///
/// # Errors
/// A field holds what no line may hold, or is too long.
pub fn write(envelope: &Envelope, data: Option<DataFileId>) -> Result<Vec<u8>, BadField> {
    let mut out = Writer { out: Vec::with_capacity(2048) };
    out.number("V", VERSION);
    out.number("T", envelope.created);
    out.number("K", envelope.last_try.map_or(0, UnixTime::secs));
    out.number("N", envelope.tries);
    out.number("P", envelope.priority);
    if let Some(id) = data {
        out.number("I", format_args!("{}/{}/{}", id.major, id.minor, id.inode));
    }
    if let Some(body) = envelope.body {
        out.number("B", body);
    }
    if let Some(reason) = &envelope.quarantine {
        out.line("quarantine reason", b"q", reason)?;
    }
    if let Some(message) = &envelope.message {
        out.message(message);
    }
    out.flags(envelope)?;
    for (name, value) in &envelope.macros {
        let mut code = BString::from("$");
        code.extend_from_slice(name.to_string().as_bytes());
        out.line("macro", &code, value)?;
    }
    out.line("sender", b"S", envelope.named_sender())?;
    if let Some(envid) = &envelope.envid {
        out.line("ENVID", b"Z", envid)?;
    }
    if let Some(auth) = &envelope.auth {
        out.line("AUTH", b"A", auth)?;
    }
    if let Some(by) = envelope.deliver_by {
        out.deliver_by(by);
    }
    for line in &envelope.unknown_lines {
        out.line("kept line", b"", line)?;
    }
    out.recipients(&envelope.recipients)?;
    for header in envelope.headers.iter().filter(|header| !header.is_fleeting) {
        out.header(header)?;
    }
    out.out.extend_from_slice(b".\n");
    Ok(out.out)
}

/// Collects lines.
struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// Writes a line whose text is certainly harmless: numbers and fixed words.
    fn number(&mut self, code: &str, value: impl std::fmt::Display) {
        self.out.extend_from_slice(format!("{code}{value}\n").as_bytes());
    }

    /// Writes one line, or refuses it.
    fn line(&mut self, field: &'static str, code: &[u8], text: &[u8]) -> Result<(), BadField> {
        if text.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
            return Err(BadField::Character { field, text: text[..text.len().min(80)].into() });
        }
        let start = self.out.len();
        self.out.extend_from_slice(code);
        self.out.extend_from_slice(text);
        self.end_line(field, start, LINE_BYTES_MAX)
    }

    /// Ends the line that begins at `start`, or refuses it: its reader would, if more than `max` bytes follow its first.
    fn end_line(&mut self, field: &'static str, start: usize, max: usize) -> Result<(), BadField> {
        let len = self.out.len() - start;
        self.out.push(b'\n');
        if len > 1 + max { Err(BadField::Length { field, len, max }) } else { Ok(()) }
    }

    /// Writes a text that only tells something (it may be a remote server's): line ends become spaces, the rest is cut.
    fn message(&mut self, text: &[u8]) {
        self.out.push(b'M');
        let cut = &text[..text.len().min(MESSAGE_BYTES_MAX)];
        self.out.extend(cut.iter().map(|&byte| if matches!(byte, b'\n' | b'\r' | 0) { b' ' } else { byte }));
        self.out.push(b'\n');
    }

    fn flags(&mut self, envelope: &Envelope) -> Result<(), BadField> {
        let flags = &envelope.flags;
        let known = [
            (flags.warned, b'w'),
            (flags.response, b'r'),
            (flags.eight_bit, b'8'),
            (flags.delete_bcc, b'b'),
            (envelope.ret.is_some(), b'd'),
            (envelope.ret == Some(Ret::Headers) || flags.no_body_return, b'n'),
            (flags.split, b's'),
            (flags.smtputf8, b'e'),
        ];
        let mut letters: Vec<u8> = known.iter().filter(|(on, _)| *on).map(|(_, letter)| *letter).collect();
        letters.extend_from_slice(&flags.unknown);
        if letters.is_empty() { Ok(()) } else { self.line("flags", b"F", &letters) }
    }

    fn deliver_by(&mut self, by: DeliverBy) {
        let mode = match by.mode {
            DeliverByMode::Notify => BY_NOTIFY,
            DeliverByMode::Return => BY_RETURN,
        };
        let marks = if by.trace { mode | BY_TRACE } else { mode };
        self.out.extend_from_slice(&[b'!', marks]);
        self.number("", format_args!(" {}", by.seconds));
    }

    fn recipients(&mut self, recipients: &[Recipient]) -> Result<(), BadField> {
        let mut controller = None;
        for recipient in recipients {
            if controller != recipient.controller.as_deref() {
                controller = recipient.controller.as_deref();
                self.controller(controller)?;
            }
            if let Some(message) = &recipient.message {
                self.message(message);
            }
            if let Some(orcpt) = &recipient.orcpt {
                self.line("ORCPT", b"Q", orcpt)?;
            }
            if let Some(recipient) = &recipient.final_recipient {
                self.line("final recipient", b"r", recipient)?;
            }
            let mut code = BString::from("R");
            code.extend(recipient_flags(recipient));
            code.push(b':');
            self.line("recipient", &code, &recipient.address)?;
        }
        Ok(())
    }

    fn controller(&mut self, controller: Option<&Controller>) -> Result<(), BadField> {
        let text = controller.map(Controller::text).unwrap_or_default();
        self.line("controller", b"C", &text)
    }

    fn header(&mut self, header: &Header) -> Result<(), BadField> {
        let bad = |text: &BString| BadField::Character { field: "header", text: text[..text.len().min(80)].into() };
        let name_good = header.name.iter().all(|byte| (33..=126).contains(byte) && *byte != b':');
        if header.name.is_empty() || !name_good {
            return Err(bad(&header.name));
        }
        let condition = header.only_for.to_string();
        if condition.bytes().any(|byte| matches!(byte, b'\n' | b'\r' | 0 | b'?')) {
            return Err(bad(&condition.into()));
        }
        if header.value.iter().any(|byte| matches!(byte, b'\r' | 0)) || ends_its_field(&header.value) {
            return Err(bad(&header.value));
        }
        let start = self.out.len();
        self.out.extend_from_slice(format!("H?{condition}?").as_bytes());
        self.out.extend_from_slice(&header.name);
        self.out.push(b':');
        if header.template {
            self.out.extend_from_slice(&header.value);
        } else {
            quote_into(&mut self.out, &header.value);
        }
        self.end_line("header", start, FIELD_BYTES_MAX)
    }
}

/// Tells whether a line end in `value` is not followed by white space.
fn ends_its_field(value: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', value).any(|at| !matches!(value.get(at + 1), Some(b' ' | b'\t')))
}

/// Returns the letters before the colon of an `R` line.
fn recipient_flags(recipient: &Recipient) -> Vec<u8> {
    let reports = recipient.reports();
    let known = [
        (recipient.primary, b'P'),
        (recipient.notify.is_some(), b'N'),
        (reports.success, b'S'),
        (reports.failure, b'F'),
        (reports.delay, b'D'),
        (recipient.from_alias, b'A'),
    ];
    let mut letters: Vec<u8> = known.iter().filter(|(on, _)| *on).map(|(_, letter)| *letter).collect();
    letters.extend(recipient.unknown_flags.iter().filter(|byte| byte.is_ascii_alphabetic()));
    letters
}

/// Tells whether the original takes `byte` for an internal code unless it is quoted.
fn is_internal_code(byte: u8) -> bool {
    (0x80..=0x9f).contains(&byte) || byte == QUOTE_MARK
}

/// Appends a literal header value.
fn quote_into(out: &mut Vec<u8>, value: &[u8]) {
    if value.is_ascii() {
        return out.extend_from_slice(value);
    }
    for &byte in value {
        if is_internal_code(byte) {
            out.push(QUOTE_MARK);
        }
        out.push(byte);
    }
}
