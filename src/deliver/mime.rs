//! Messages with 8-bit bytes for hosts that take only seven, and the other way round (`RFC 2045`, `RFC 6152`).
//!
//! The body is walked once, line by line, in bounded memory; what comes out is a plan of [`Piece`]s, which
//! [`super::message::write`] follows.

mod content_type;

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice};

use self::content_type::ContentType;
use super::message::{Body, Format, Message, Piece};
use super::mime_lines::{Line, LineReader};
use crate::cf::{EightBitMode, Mailer, MailerFlag};

/// Multiparts and messages inside each other that are looked into; deeper ones pass as they are (the original's limit).
const DEPTH_MAX: usize = 20;
/// Pieces of one plan, but for the few that end it; the rest of a message with more parts passes as it is.
const PIECES_MAX: usize = 10_000;
/// The longest `Content-Type:` that is understood, in bytes.
const TYPE_BYTES_MAX: usize = 4096;

/// What a conversion needs to know.
#[derive(Clone, Debug)]
pub struct MimeRules {
    /// Header or body of the message as it came have 8-bit bytes.
    pub has_eight_bit: bool,
    /// `EightBitMode`.
    pub mode: EightBitMode,
    /// The character set of unlabelled text (`C=`, `DefaultCharSet`).
    pub default_charset: BString,
    /// Our name (`$j`), for `X-MIME-Autoconverted:`.
    pub own_name: BString,
    /// The queue id, for `X-MIME-Autoconverted:`.
    pub queue_id: BString,
    /// Quoted-printable also encodes what EBCDIC hosts spoil (`F=3`).
    pub encode_more: bool,
}

impl MimeRules {
    /// Returns the character set of text that names none.
    fn charset(&self) -> &BStr {
        if self.default_charset.is_empty() { "unknown-8bit".into() } else { self.default_charset.as_bstr() }
    }
}

/// A converted message: its header, and what follows it.
#[derive(Clone, Debug)]
pub struct Converted {
    /// The header, each line ended by LF.
    pub header: Vec<u8>,
    /// What follows.
    pub pieces: Arc<[Piece]>,
    encode_more: bool,
}

impl Converted {
    /// Returns the message to write in place of `original`.
    pub fn message<'a>(&'a self, original: &Message<'a>) -> Message<'a> {
        Message {
            header: &self.header,
            body: original.body,
            pieces: Arc::clone(&self.pieces),
            encode_more: self.encode_more,
        }
    }
}

/// Tells whether a header says that the message is MIME.
pub fn is_mime(header: &[u8]) -> bool {
    field(header, b"MIME-Version").is_some()
}

/// Codes a message anew as its mailer wants it: 8-bit bytes encoded (`F=7`), encoded plain text as 8-bit text (`F=9`),
/// 8-bit text labelled as such (`EightBitMode=mimefy`, but not with `F=8`); `None` if it goes as it is.
///
/// A host that has offered 8BITMIME (`takes_eight_bits`) may get decoded text whatever `F=7` says.
///
/// # Errors
/// The body cannot be read.
pub fn recode(
    message: &Message<'_>,
    mailer: &Mailer,
    rules: &MimeRules,
    takes_eight_bits: bool,
) -> io::Result<Option<Converted>> {
    let is_seven_bit = Format::of(mailer).seven_bit;
    // QUIRK(seven-bits-and-pass)
    if is_seven_bit && rules.has_eight_bit {
        return to_seven_bit(message, rules).map(Some);
    }
    let is_decoded = mailer.flags.has(MailerFlag::Decode) && (takes_eight_bits || !is_seven_bit);
    if let Some(decoded) = is_decoded.then(|| to_eight_bit(message, rules)).flatten() {
        return Ok(Some(decoded));
    }
    let may_label = rules.mode == EightBitMode::Mime && rules.has_eight_bit && !mailer.flags.has(MailerFlag::EightBit);
    Ok((may_label && !is_mime(message.header)).then(|| labelled(message, rules)))
}

/// Says of a message that is not MIME that it has 8-bit text.
fn labelled(message: &Message<'_>, rules: &MimeRules) -> Converted {
    let mut header = with_labels(message.header, message.header.to_vec(), rules);
    if field(message.header, b"Content-Transfer-Encoding").is_none() {
        header.extend(b"Content-Transfer-Encoding: 8bit\n");
    }
    Converted { header, pieces: Arc::clone(&message.pieces), encode_more: rules.encode_more }
}

/// Adds to `header` what `original` does not say: that it is MIME, and its type.
fn with_labels(original: &[u8], mut header: Vec<u8>, rules: &MimeRules) -> Vec<u8> {
    if !is_mime(original) {
        header.extend(b"MIME-Version: 1.0\n");
    }
    if field(original, b"Content-Type").is_none() {
        header.extend(format!("Content-Type: text/plain; charset={}\n", rules.charset()).bytes());
    }
    header
}

/// Converts an 8-bit message to seven bits: text becomes quoted-printable or base64, whichever is shorter; multiparts and
/// messages inside are walked; `multipart/signed` and what is encoded already is left alone.
///
/// # Errors
/// The body cannot be read.
pub fn to_seven_bit(message: &Message<'_>, rules: &MimeRules) -> io::Result<Converted> {
    let header = without_field(message.header, b"Content-Transfer-Encoding");
    let header = with_labels(message.header, header, rules);
    let top = Entity {
        content_type: ContentType::parse(&field(message.header, b"Content-Type").unwrap_or_default()),
        encoding: field(message.header, b"Content-Transfer-Encoding"),
        ..Entity::default()
    };
    let mut walk = Walk {
        rules,
        pieces: Vec::new(),
        levels: Vec::new(),
        depth: 0,
        state: State::Rest(0),
        after_base64: false,
        top: Some(header),
    };
    walk.begin(top, 0);
    let end = walk.lines(&message.body)?;
    walk.close(end.0, end.1);
    let header = walk.top.unwrap_or_default();
    Ok(Converted { header, pieces: walk.pieces.into(), encode_more: rules.encode_more })
}

/// Converts plain text in quoted-printable or base64 to eight bits (`F=9`); `None` if the message is nothing of the kind.
///
// QUIRK(decoded-blank-line)
fn to_eight_bit(message: &Message<'_>, rules: &MimeRules) -> Option<Converted> {
    let encoding = field(message.header, b"Content-Transfer-Encoding")?;
    let content_type = field(message.header, b"Content-Type")?;
    let plain = content_type.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"text/plain"));
    if !plain || !matches!(content_type.get(10), None | Some(b' ' | b';')) {
        return None;
    }
    let (piece, name) = match encoding.to_ascii_lowercase().as_slice() {
        b"quoted-printable" => (Piece::FromQuoted(0..u64::MAX), "quoted-printable"),
        b"base64" => (Piece::FromBase64(0..u64::MAX), "base64"),
        _ => return None,
    };
    let mut header = without_field(message.header, b"Content-Transfer-Encoding");
    header.extend(b"Content-Transfer-Encoding: 8bit\n");
    header.extend(note(rules, name, "8bit"));
    Some(Converted { header, pieces: Arc::new([piece]), encode_more: false })
}

/// Returns the line that tells of a conversion.
fn note(rules: &MimeRules, from: &str, to: &str) -> Vec<u8> {
    format!("X-MIME-Autoconverted: from {from} to {to} by {} id {}\n", rules.own_name, rules.queue_id).into_bytes()
}

/// What a header says about its body.
#[derive(Debug, Default)]
struct Entity {
    content_type: Option<ContentType>,
    encoding: Option<BString>,
    /// The blank line after the header of a part; not of the message itself.
    blank: Option<Range<u64>>,
    /// Parts of a digest are messages unless they say otherwise.
    in_digest: bool,
}

/// One multipart that is being walked.
struct Level {
    boundary: BString,
    digest: bool,
    /// Messages and multiparts around what is inside.
    depth: usize,
}

/// What the walk is in the middle of.
enum State {
    /// Before the first or after the last boundary: from here on.
    Around(u64),
    /// The header of a part, or of a message inside.
    Header(Box<PartHeader>),
    /// The body of a part that may need encoding.
    Leaf { entity: Entity, start: u64, bytes: u64, high: u64 },
    /// What passes as it is, up to the next boundary: from here on.
    Rest(u64),
}

/// A header that is being read.
#[derive(Default)]
struct PartHeader {
    entity: Entity,
    has_version: bool,
    /// A message inside, which needs a `MIME-Version:` of its own.
    of_message: bool,
    /// The field that continuation lines belong to.
    open: Open,
    type_text: BString,
}

#[derive(Clone, Copy, Default, Eq, PartialEq)]
enum Open {
    #[default]
    Other,
    Type,
    Encoding,
}

/// The walk through a message.
struct Walk<'a> {
    rules: &'a MimeRules,
    pieces: Vec<Piece>,
    levels: Vec<Level>,
    depth: usize,
    state: State,
    /// What was written last ends with a line end of its own.
    after_base64: bool,
    /// The header of the message itself, to which the lines of a conversion are added.
    top: Option<Vec<u8>>,
}

impl Walk<'_> {
    /// Walks all lines; returns the length of the body and whether it ends with LF.
    fn lines(&mut self, body: &Body<'_>) -> io::Result<(u64, bool)> {
        let mut reader = LineReader::new(*body);
        let mut end = (0, true);
        while let Some(line) = reader.next_line()? {
            end = (line.range.end, line.ended);
            match self.boundary(&line) {
                Some((level, closing)) => self.at_boundary(&line, level, closing),
                None => self.line(&line),
            }
            if self.pieces.len() >= PIECES_MAX {
                self.stop(end.0);
            }
        }
        Ok(end)
    }

    /// Lets the rest of the message, read up to `end`, pass as it is; a part that may need encoding is ended first.
    fn stop(&mut self, end: u64) {
        let start = match &self.state {
            State::Leaf { .. } => return,
            State::Around(start) | State::Rest(start) => *start,
            State::Header(header) => {
                let encoding = header.entity.encoding.as_ref();
                self.pieces.extend(encoding.map(|encoding| Piece::Text(encoding_field(encoding.as_bstr()))));
                end
            }
        };
        // Their boundaries are in the rest.
        self.levels.clear();
        self.state = State::Rest(start);
    }

    /// Tells which level's boundary a line is, and whether it is the closing one.
    fn boundary(&self, line: &Line) -> Option<(usize, bool)> {
        let text = line.start.strip_prefix(b"--")?;
        (0..self.levels.len()).rev().find_map(|level| {
            let rest = text.strip_prefix(self.levels[level].boundary.as_slice())?;
            let (closing, rest) = rest.strip_prefix(b"--").map_or((false, rest), |rest| (true, rest));
            rest.trim().is_empty().then_some((level, closing))
        })
    }

    /// Ends the part before a boundary and begins the one after it.
    fn at_boundary(&mut self, line: &Line, level: usize, closing: bool) {
        // The line end before the boundary belongs to it.
        let content_end = line.range.start.saturating_sub(1);
        self.end_part(content_end, false);
        self.close_levels(level + 1);
        let start = if self.after_base64 || self.pieces.is_empty() {
            line.range.start
        } else {
            content_end.max(self.written())
        };
        self.raw(start..line.range.end);
        self.after_base64 = false;
        if closing {
            self.levels.truncate(level);
            self.depth = self.levels.last().map_or(0, |level| level.depth);
            self.state = State::Around(line.range.end);
        } else {
            self.depth = self.levels[level].depth;
            let entity = Entity { in_digest: self.levels[level].digest, ..Entity::default() };
            self.state = State::Header(Box::new(PartHeader { entity, ..PartHeader::default() }));
        }
    }

    /// Returns up to where the body has been planned.
    fn written(&self) -> u64 {
        self.pieces
            .iter()
            .rev()
            .find_map(|piece| match piece {
                Piece::Raw(range) | Piece::Stripped(range) | Piece::Quoted(range) | Piece::Base64(range) => {
                    Some(range.end)
                }
                _ => None,
            })
            .unwrap_or(0)
    }

    /// Takes in a line that is no boundary.
    fn line(&mut self, line: &Line) {
        match &mut self.state {
            State::Around(_) | State::Rest(_) => {}
            State::Leaf { bytes, high, .. } => {
                *bytes += line.range.end - line.range.start;
                *high += line.high;
            }
            State::Header(_) => self.header_line(line),
        }
    }

    /// Takes in a line of a part's header.
    fn header_line(&mut self, line: &Line) {
        let State::Header(mut header) = std::mem::replace(&mut self.state, State::Rest(line.range.start)) else {
            return;
        };
        if line.start.is_empty() && line.ended {
            return self.end_header(*header, line.range.clone());
        }
        let continued = matches!(line.start.first(), Some(b' ' | b'\t'));
        if continued {
            if header.open == Open::Type && header.type_text.len() < TYPE_BYTES_MAX {
                header.type_text.extend_from_slice(&line.start);
            }
        } else {
            let (name, value) = line.start.split_once_str(":").unwrap_or((b"", b""));
            header.open = match name.trim().to_ascii_lowercase().as_slice() {
                b"content-type" => {
                    header.type_text = value.into();
                    Open::Type
                }
                b"content-transfer-encoding" => {
                    header.entity.encoding = Some(value.trim().into());
                    Open::Encoding
                }
                b"mime-version" => {
                    header.has_version = true;
                    Open::Other
                }
                _ => Open::Other,
            };
        }
        if header.open != Open::Encoding {
            self.raw(line.range.clone());
        }
        self.state = State::Header(header);
    }

    /// Begins the body of a part.
    fn end_header(&mut self, header: PartHeader, blank: Range<u64>) {
        if header.of_message && !header.has_version {
            self.pieces.push(Piece::Text(b"MIME-Version: 1.0\n".to_vec()));
        }
        let start = blank.end;
        let content_type = ContentType::parse(&header.type_text);
        self.begin(Entity { content_type, blank: Some(blank), ..header.entity }, start);
    }

    /// Begins a body at `start`: decides what is to be done with it.
    fn begin(&mut self, entity: Entity, start: u64) {
        let kind = entity.content_type.clone().unwrap_or_default();
        let is_message = kind.is("message", "rfc822") || entity.content_type.is_none() && entity.in_digest;
        let plain = entity.encoding.as_ref().is_none_or(|encoding| {
            [&b"7bit"[..], b"8bit", b"binary"].iter().any(|known| encoding.eq_ignore_ascii_case(known))
        });
        let deep = self.depth >= DEPTH_MAX;
        match kind.boundary {
            _ if deep || !plain || kind.is("multipart", "signed") => {
                self.keep_encoding(&entity);
                self.state = State::Rest(start);
            }
            Some(boundary) if kind.kind == "multipart" => {
                self.blank(&entity);
                self.depth += 1;
                self.levels.push(Level { boundary, digest: kind.subtype == "digest", depth: self.depth });
                self.state = State::Around(start);
            }
            _ if is_message => {
                self.blank(&entity);
                self.depth += 1;
                self.state = State::Header(Box::new(PartHeader { of_message: true, ..PartHeader::default() }));
            }
            _ => self.state = State::Leaf { entity, start, bytes: 0, high: 0 },
        }
    }

    /// Ends the part that is being read, at `end`.
    fn end_part(&mut self, end: u64, at_end: bool) {
        match std::mem::replace(&mut self.state, State::Around(end)) {
            State::Around(start) if start < end => {
                self.after_base64 = false;
                self.pieces.push(Piece::Stripped(start..end));
            }
            State::Rest(start) if start < end => self.raw(start..end),
            State::Leaf { entity, start, bytes, high } => self.end_leaf(&entity, start..end.max(start), bytes, high),
            State::Header(header) if header.of_message && !at_end => {}
            _ => {}
        }
    }

    /// Encodes the body of a part, or not.
    fn end_leaf(&mut self, entity: &Entity, range: Range<u64>, bytes: u64, high: u64) {
        if high == 0 {
            self.keep_encoding(entity);
            return self.raw(range);
        }
        // The original's choice: base64 if more than one byte in eight needs encoding.
        let base64 = bytes / 8 < high;
        let name = if base64 { "base64" } else { "quoted-printable" };
        let mut lines = format!("Content-Transfer-Encoding: {name}\n").into_bytes();
        lines.extend(note(self.rules, "8bit", name));
        self.header_text(entity, &lines);
        self.blank(entity);
        self.pieces.push(if base64 { Piece::Base64(range) } else { Piece::Quoted(range) });
        self.after_base64 = base64;
    }

    /// Says of a body that it keeps its encoding.
    fn keep_encoding(&mut self, entity: &Entity) {
        if let Some(encoding) = &entity.encoding {
            self.header_text(entity, &encoding_field(encoding.as_bstr()));
        }
        self.blank(entity);
    }

    /// Adds lines to the header of a part, or of the message itself.
    fn header_text(&mut self, entity: &Entity, lines: &[u8]) {
        match (&entity.blank, &mut self.top) {
            (None, Some(header)) => header.extend_from_slice(lines),
            _ => self.pieces.push(Piece::Text(lines.to_vec())),
        }
    }

    /// Writes the blank line after the header of a part.
    fn blank(&mut self, entity: &Entity) {
        if let Some(blank) = &entity.blank {
            self.raw(blank.clone());
        }
    }

    /// Ends the message: what is open is closed.
    fn close(&mut self, end: u64, ended: bool) {
        self.end_part(end, true);
        let needs_line_end = !ended && !self.after_base64;
        if needs_line_end && !self.levels.is_empty() {
            self.pieces.push(Piece::Text(b"\n".to_vec()));
        }
        self.after_base64 = true;
        self.close_levels(0);
    }

    /// Writes the closing boundaries that are missing, down to `level`.
    fn close_levels(&mut self, level: usize) {
        while self.levels.len() > level {
            let Some(inner) = self.levels.pop() else { return };
            let start = if std::mem::replace(&mut self.after_base64, true) { "" } else { "\n" };
            self.pieces.push(Piece::Text([start.as_bytes(), b"--", &inner.boundary, b"--\n"].concat()));
        }
    }

    /// Plans bytes as they are; neighbours are joined.
    fn raw(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        self.after_base64 = false;
        match self.pieces.last_mut() {
            Some(Piece::Raw(last)) if last.end == range.start => last.end = range.end,
            _ => self.pieces.push(Piece::Raw(range)),
        }
    }
}

/// Returns the field that tells of an encoding.
fn encoding_field(encoding: &BStr) -> Vec<u8> {
    [b"Content-Transfer-Encoding: ", encoding.as_bytes(), b"\n"].concat()
}

/// Returns the value of the first field called `name`, continuation lines joined.
fn field(header: &[u8], name: &[u8]) -> Option<BString> {
    let mut value: Option<BString> = None;
    for line in header.lines() {
        match &mut value {
            Some(value) if matches!(line.first(), Some(b' ' | b'\t')) => value.extend_from_slice(line),
            Some(_) => break,
            None => value = field_value(line, name).map(BString::from),
        }
    }
    value.map(|value| value.trim().into())
}

/// Returns what stands behind the colon if the field is called `name`.
fn field_value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, value) = line.split_once_str(":")?;
    found.trim().eq_ignore_ascii_case(name).then_some(value)
}

/// Returns a header without the fields called `name`.
fn without_field(header: &[u8], name: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(header.len());
    let mut skipping = false;
    for line in header.lines_with_terminator() {
        let continued = matches!(line.first(), Some(b' ' | b'\t'));
        skipping = if continued { skipping } else { field_value(line, name).is_some() };
        if !skipping {
            kept.extend_from_slice(line);
        }
    }
    kept
}

#[cfg(test)]
mod tests;
