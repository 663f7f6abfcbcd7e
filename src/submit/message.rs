//! Reading the message: header fields into memory, the body into the queue as it comes.

use tokio::io::{AsyncRead, AsyncReadExt};

use super::input::LocalInput;
use crate::mail::eighth_bits::EighthBits;
use crate::mail::header::{Header, HeaderLimits, HeaderReader, HeaderState, HeaderTooLarge};
use crate::queue::{Draft, QueueError};

/// How much input is read at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// A message that was read to its end.
#[derive(Debug)]
pub(super) struct Incoming {
    /// The header fields.
    pub(super) headers: Vec<Header>,
    /// Size of the header with the empty line behind it.
    pub(super) header_bytes: u64,
    /// Size of header and body as the log tells it.
    pub(super) size_bytes: u64,
    /// Where it has bytes above 127.
    pub(super) bits: EighthBits,
}

/// A message cannot be read to its end, or cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    /// Its header is too large.
    #[error(transparent)]
    Header(#[from] HeaderTooLarge),
    /// Half of it is lost; it must not be sent.
    #[error("cannot read the message to its end: {0}")]
    Read(std::io::Error),
    /// The queue cannot keep it.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// A message on its way into a draft.
struct Intake<'a> {
    header: Option<HeaderReader>,
    headers: Vec<Header>,
    header_bytes: u64,
    draft: &'a mut Draft,
    bits: EighthBits,
}

/// Reads a message from a local program; the body goes into `draft`.
///
/// # Errors
/// The input fails before its end, the header is too large, or the queue cannot keep the body.
pub(super) async fn read(
    input: &mut (dyn AsyncRead + Send + Unpin),
    mut text: LocalInput,
    limits: HeaderLimits,
    draft: &mut Draft,
) -> Result<Incoming, InputError> {
    let header = Some(HeaderReader::new(limits));
    let mut intake = Intake { header, headers: Vec::new(), header_bytes: 0, draft, bits: EighthBits::default() };
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut out = Vec::with_capacity(CHUNK_BYTES);
    while !text.has_ended() {
        let len = match input.read(&mut chunk).await {
            Ok(0) => break,
            Ok(len) => len,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(InputError::Read(error)),
        };
        out.clear();
        text.feed(&chunk[..len], &mut out);
        intake.take(&out).await?;
    }
    out.clear();
    text.finish(&mut out);
    intake.take(&out).await?;
    intake.end_header().await?;
    Ok(Incoming {
        headers: intake.headers,
        header_bytes: intake.header_bytes,
        size_bytes: text.size_bytes(),
        bits: intake.bits,
    })
}

impl Intake<'_> {
    /// Takes message text.
    async fn take(&mut self, text: &[u8]) -> Result<(), InputError> {
        self.bits.note(text);
        let mut rest = text;
        if let Some(reader) = &mut self.header {
            let (taken, state) = reader.feed(rest)?;
            rest = &rest[taken..];
            if state == HeaderState::Reading {
                return Ok(());
            }
            self.end_header().await?;
        }
        self.write_body(rest).await
    }

    /// Notes the header; what turned out to be no header goes into the body.
    async fn end_header(&mut self) -> Result<(), InputError> {
        let Some(reader) = self.header.take() else { return Ok(()) };
        let part = reader.finish()?;
        self.header_bytes = part.size_bytes();
        self.bits.end_header(&part);
        self.headers = part.headers;
        self.write_body(&part.body_start).await
    }

    /// Puts a part of the body into the draft.
    async fn write_body(&mut self, text: &[u8]) -> Result<(), InputError> {
        self.bits.note_body(text);
        Ok(self.draft.write(text).await?)
    }
}
