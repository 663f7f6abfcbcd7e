//! A message on its way out: header and body in the form that a mailer wants.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bstr::BString;
use memchr::memchr3;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::mime_code::{Base64Decoder, Base64Encoder, QuotedDecoder, QuotedEncoder};
use crate::cf::{Mailer, MailerFlag};
use crate::queue;

/// Bytes of a body that are read at once; memory for a message on its way is a few times this.
const CHUNK_BYTES: usize = 32 * 1024;

/// The shortest line limit that can be kept: a byte, the mark, and progress.
const LINE_LIMIT_MIN: usize = 4;

/// What begins a line that some mailbox readers take for a new message.
const FROM: &[u8] = b"From ";

/// How a mailer wants its lines.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Format {
    /// What ends a line (`E=`); with a CR in it, no bare CR is ever written.
    pub end_of_line: BString,
    /// The longest line (`L=`); longer ones are cut with `!`.
    pub line_bytes_max: Option<usize>,
    /// A dot at the beginning of a line is doubled (`F=X`).
    pub stuff_dots: bool,
    /// `From ` at the beginning of a line of the body gets `>` before it (`F=E`).
    pub escape_from: bool,
    /// The eighth bit is cleared in the body (`F=7`).
    pub seven_bit: bool,
    /// The eighth bit is cleared in the header (`F=6`).
    pub seven_bit_header: bool,
    /// NUL bytes are left out (`F=1`).
    pub strip_nul: bool,
    /// A blank line is added at the end (`F=b`).
    pub blank_end: bool,
}

impl Format {
    /// Returns what the mailer's flags and fields say.
    pub fn of(mailer: &Mailer) -> Self {
        let flag = |flag| mailer.flags.has(flag);
        Self {
            end_of_line: mailer.end_of_line.clone(),
            line_bytes_max: mailer.line_bytes_max.filter(|limit| *limit >= LINE_LIMIT_MIN),
            stuff_dots: flag(MailerFlag::StuffDots),
            escape_from: flag(MailerFlag::EscapeFrom),
            // QUIRK(flag-l-alone)
            seven_bit: flag(MailerFlag::SevenBit),
            seven_bit_header: flag(MailerFlag::SevenBitHeader) || flag(MailerFlag::SevenBit),
            strip_nul: flag(MailerFlag::NoNul),
            blank_end: flag(MailerFlag::BlankEnd),
        }
    }

    /// Returns the form of a body that a report gives back: `From ` is escaped, all else stays.
    pub fn for_return() -> Self {
        Self {
            end_of_line: "\n".into(),
            line_bytes_max: None,
            stuff_dots: false,
            escape_from: true,
            seven_bit: false,
            seven_bit_header: false,
            strip_nul: false,
            blank_end: false,
        }
    }

    /// Returns the form for a mailbox: lines end with LF, and what looks like a new message is marked by the mailbox itself.
    #[must_use]
    pub fn for_mailbox(mut self) -> Self {
        self.end_of_line = "\n".into();
        self.escape_from = false;
        self
    }

    /// Returns the form for a host that has offered 8BITMIME: bits are cleared in the header only, with `F=6`.
    #[must_use]
    pub fn for_eight_bits(mut self, mailer: &Mailer) -> Self {
        self.seven_bit = false;
        self.seven_bit_header = mailer.flags.has(MailerFlag::SevenBitHeader);
        self
    }

    /// Returns the form of SMTP whatever the mailer says: CRLF and stuffed dots, since anything else could end a message
    /// early or forge a command (QUIRK(line-ends-of-smtp)).
    #[must_use]
    pub fn for_smtp(mut self) -> Self {
        self.end_of_line = "\r\n".into();
        self.stuff_dots = true;
        self.blank_end = false;
        self
    }
}

/// Where the body is.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// In memory.
    Bytes(&'a [u8]),
    /// In a data file of the queue; read by position, so that many may read at once.
    Queued(&'a queue::Body),
}

impl Body<'_> {
    /// Reads from `offset`; zero bytes are the end.
    ///
    /// # Errors
    /// The data file cannot be read.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Bytes(bytes) => {
                let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
            Self::Queued(body) => body.read_at(buffer, offset),
        }
    }
}

/// A stretch of what follows the header.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Piece {
    /// Bytes of the body as they are.
    Raw(Range<u64>),
    /// Bytes of the body with the eighth bit cleared.
    Stripped(Range<u64>),
    /// Bytes that are not in the body, with LF line ends.
    Text(Vec<u8>),
    /// Bytes of the body, encoded as quoted-printable.
    Quoted(Range<u64>),
    /// Bytes of the body with CRLF line ends, encoded as base64.
    Base64(Range<u64>),
    /// Bytes of the body, decoded from quoted-printable.
    FromQuoted(Range<u64>),
    /// Bytes of the body, decoded from base64, CRLF turned into LF.
    FromBase64(Range<u64>),
}

/// A message ready to be written.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// The header, each line ended by LF, without the blank line after it.
    pub header: &'a [u8],
    /// The body.
    pub body: Body<'a>,
    /// What is written after the header; see [`super::mime`].
    pub pieces: Arc<[Piece]>,
    /// Which more bytes quoted-printable encodes (`F=3`: for hosts with EBCDIC).
    pub encode_more: bool,
}

impl<'a> Message<'a> {
    /// Returns a message whose body is written as it is.
    pub fn new(header: &'a [u8], body: Body<'a>) -> Self {
        Self { header, body, pieces: Arc::new([Piece::Raw(0..u64::MAX)]), encode_more: false }
    }
}

/// A message could not be written to its end.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The receiving side failed.
    #[error("{0}")]
    Sink(io::Error),
    /// The receiving side did not take a block within the time limit.
    #[error("no room for a block within the time limit")]
    TimedOut,
    /// The message cannot be read.
    #[error("cannot read the data file: {0}")]
    Source(io::Error),
}

/// Writes a message in the form of a mailer, each block within `block_limit` (`Timeout.datablock`); returns how many bytes
/// were written. No final dot is written.
///
/// # Errors
/// The sink fails or is too slow, or the body cannot be read; what was written then is not whole.
pub async fn write<W: AsyncWrite + Unpin>(
    message: &Message<'_>,
    format: &Format,
    sink: &mut W,
    block_limit: Duration,
) -> Result<u64, WriteError> {
    let mut writer = LineWriter::new(format.clone());
    let mut out = Vec::with_capacity(2 * CHUNK_BYTES);
    let mut written = 0;
    writer.header(message.header, &mut out);
    for piece in &*message.pieces {
        let mut source = PieceReader::new(piece, message);
        while let Some(bytes) = source.next(&message.body).map_err(WriteError::Source)? {
            writer.body(&bytes, &mut out);
            if out.len() >= CHUNK_BYTES {
                written += flush(&mut out, sink, block_limit).await?;
            }
        }
    }
    writer.finish(&mut out);
    written += flush(&mut out, sink, block_limit).await?;
    Ok(written)
}

/// Gives a message in the form of a mailer to `sink`, piece by piece.
///
/// # Errors
/// The body cannot be read (by `unreadable`), or the sink fails.
pub fn render<E>(
    message: &Message<'_>,
    format: &Format,
    unreadable: impl Fn(io::Error) -> E,
    mut sink: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut writer = LineWriter::new(format.clone());
    let mut out = Vec::with_capacity(2 * CHUNK_BYTES);
    writer.header(message.header, &mut out);
    for piece in &*message.pieces {
        let mut source = PieceReader::new(piece, message);
        while let Some(bytes) = source.next(&message.body).map_err(&unreadable)? {
            writer.body(&bytes, &mut out);
            sink(&out)?;
            out.clear();
        }
    }
    writer.finish(&mut out);
    sink(&out)
}

/// Sends what has gathered.
async fn flush<W: AsyncWrite + Unpin>(out: &mut Vec<u8>, sink: &mut W, limit: Duration) -> Result<u64, WriteError> {
    let sending = async {
        sink.write_all(out).await?;
        sink.flush().await
    };
    if limit.is_zero() {
        sending.await.map_err(WriteError::Sink)?;
    } else {
        tokio::time::timeout(limit, sending).await.map_err(|_| WriteError::TimedOut)?.map_err(WriteError::Sink)?;
    }
    let count = u64::try_from(out.len()).unwrap_or(u64::MAX);
    out.clear();
    Ok(count)
}

/// Reads one piece in chunks.
struct PieceReader<'a> {
    text: Option<&'a [u8]>,
    range: Range<u64>,
    code: Code,
}

/// What is done with bytes that are read.
enum Code {
    Plain,
    Strip,
    ToQuoted(QuotedEncoder),
    ToBase64(Base64Encoder),
    FromQuoted(QuotedDecoder),
    FromBase64(Base64Decoder),
}

impl<'a> PieceReader<'a> {
    fn new(piece: &'a Piece, message: &Message<'_>) -> Self {
        let (text, range, code) = match piece {
            Piece::Text(text) => (Some(text.as_slice()), 0..0, Code::Plain),
            Piece::Raw(range) => (None, range.clone(), Code::Plain),
            Piece::Stripped(range) => (None, range.clone(), Code::Strip),
            Piece::Quoted(range) => (None, range.clone(), Code::ToQuoted(QuotedEncoder::new(message.encode_more))),
            Piece::Base64(range) => (None, range.clone(), Code::ToBase64(Base64Encoder::default())),
            Piece::FromQuoted(range) => (None, range.clone(), Code::FromQuoted(QuotedDecoder::default())),
            Piece::FromBase64(range) => (None, range.clone(), Code::FromBase64(Base64Decoder::default())),
        };
        Self { text, range, code }
    }

    /// Returns the next bytes, LF at line ends; `None` at the end of the piece.
    fn next(&mut self, body: &Body<'_>) -> io::Result<Option<Vec<u8>>> {
        if let Some(text) = self.text.take() {
            return Ok(Some(text.to_vec()));
        }
        if self.range.is_empty() {
            return Ok(None);
        }
        let want = usize::try_from(self.range.end - self.range.start).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        let mut chunk = vec![0; want];
        let got = body.read_at(self.range.start, &mut chunk)?;
        chunk.truncate(got);
        self.range.start += u64::try_from(got).unwrap_or(u64::MAX);
        let last = got == 0 || self.range.is_empty();
        if got == 0 {
            self.range.end = self.range.start;
        }
        Ok(Some(self.code.apply(chunk, last)))
    }
}

impl Code {
    fn apply(&mut self, mut chunk: Vec<u8>, last: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(chunk.len() * 4 / 3);
        match self {
            Self::Plain => return chunk,
            Self::Strip => {
                chunk.iter_mut().for_each(|byte| *byte &= 0x7f);
                return chunk;
            }
            Self::ToQuoted(code) => code.push(&chunk, last, &mut out),
            Self::ToBase64(code) => code.push(&chunk, last, &mut out),
            Self::FromQuoted(code) => code.push(&chunk, last, &mut out),
            Self::FromBase64(code) => code.push(&chunk, last, &mut out),
        }
        out
    }
}

/// Turns lines ended by LF into the form of a mailer, in pieces of any size.
#[derive(Debug)]
pub struct LineWriter {
    format: Format,
    /// Bytes written of the present line.
    column: usize,
    /// A CR was read; what follows decides what it means.
    after_cr: bool,
    /// The beginning of a line that may become `From `.
    held: Vec<u8>,
    /// The byte at the line limit: it is written if the line ends there.
    last: Option<u8>,
    in_header: bool,
}

impl LineWriter {
    /// Makes a writer at the beginning of a message.
    pub fn new(format: Format) -> Self {
        Self { format, column: 0, after_cr: false, held: Vec::new(), last: None, in_header: false }
    }

    /// Writes the header, whole, and the blank line after it.
    pub fn header(&mut self, header: &[u8], out: &mut Vec<u8>) {
        self.in_header = true;
        self.body(header, out);
        self.end_open_line(out);
        self.newline(out);
        self.in_header = false;
    }

    /// Writes a part of the body.
    pub fn body(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let strip = if self.in_header { self.format.seven_bit_header } else { self.format.seven_bit };
        // Before anything else: a line end or a dot is one also if a bit has hidden it.
        // QUIRK(stripped-line-ends)
        if strip && !bytes.is_ascii() {
            // A field stays one.
            let is_end = |byte: u8| self.in_header && byte > 0x7f && matches!(byte & 0x7f, b'\r' | b'\n');
            let strip = |byte: &u8| if is_end(*byte) { b' ' } else { byte & 0x7f };
            let stripped: Vec<u8> = bytes.iter().map(strip).collect();
            self.lines(&stripped, out);
        } else {
            self.lines(bytes, out);
        }
    }

    /// Writes bytes with line ends among them.
    fn lines(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.after_cr) {
                if first == b'\n' {
                    self.newline(out);
                    bytes = &bytes[1..];
                    continue;
                }
                self.bare_cr(out);
            }
            let end = memchr3(b'\n', b'\r', 0, bytes).unwrap_or(bytes.len());
            self.text(&bytes[..end], out);
            match bytes.get(end) {
                Some(b'\n') => self.newline(out),
                Some(b'\r') => self.after_cr = true,
                Some(_) if !self.format.strip_nul => self.text(&[0], out),
                _ => {}
            }
            bytes = bytes.get(end + 1..).unwrap_or_default();
        }
    }

    /// Ends the message: its last line is always whole.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.after_cr) {
            self.newline(out);
        }
        self.end_open_line(out);
        if self.format.blank_end {
            self.newline(out);
        }
    }

    /// Ends the line if there is one.
    fn end_open_line(&mut self, out: &mut Vec<u8>) {
        if self.column > 0 || !self.held.is_empty() {
            self.newline(out);
        }
    }

    /// Writes a CR that no LF follows: where line ends have a CR it is a line end, since a bare one could be taken for one
    /// by the next host.
    fn bare_cr(&mut self, out: &mut Vec<u8>) {
        // QUIRK(client-bare-cr): the original lets it through.
        if self.format.end_of_line.contains(&b'\r') {
            self.newline(out);
        } else {
            self.text(b"\r", out);
        }
    }

    /// Ends a line.
    fn newline(&mut self, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        self.put(&held, out);
        if let Some(last) = self.last.take() {
            out.push(last);
        }
        out.extend_from_slice(&self.format.end_of_line);
        self.column = 0;
    }

    /// Writes bytes of a line.
    fn text(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        if self.column > 0 {
            return self.put(bytes, out);
        }
        if self.held.is_empty() && bytes[0] == b'.' && self.format.stuff_dots {
            out.push(b'.');
        }
        if !self.format.escape_from || self.in_header {
            return self.put(bytes, out);
        }
        let missing = FROM.len() - self.held.len();
        self.held.extend_from_slice(&bytes[..bytes.len().min(missing)]);
        let rest = bytes.get(missing..).unwrap_or_default();
        if self.held == FROM {
            self.put(b">", out);
        } else if FROM.starts_with(&self.held) {
            return;
        }
        let held = std::mem::take(&mut self.held);
        self.put(&held, out);
        self.put(rest, out);
    }

    /// Writes bytes within the line limit.
    fn put(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let Some(limit) = self.format.line_bytes_max else {
            self.column += bytes.len();
            out.extend_from_slice(bytes);
            return;
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            if let Some(last) = self.last.take() {
                out.push(b'!');
                out.extend_from_slice(&self.format.end_of_line);
                out.extend([b' ', last]);
                self.column = 2;
            }
            let room = (limit - 1).saturating_sub(self.column).min(rest.len());
            out.extend_from_slice(&rest[..room]);
            self.column += room;
            rest = &rest[room..];
            if let Some((byte, after)) = rest.split_first() {
                self.last = Some(*byte);
                rest = after;
            }
        }
    }
}

#[cfg(test)]
mod tests;
