//! Reading the message: header fields into memory, the body into the queue as it comes.

use tokio::io::{AsyncRead, AsyncReadExt};

use super::input::LocalInput;
use crate::cf::Options;
use crate::mail::eighth_bits::EighthBits;
use crate::mail::header::{Header, HeaderLimits, HeaderReader, HeaderState, HeaderTooLarge};
use crate::queue::{Draft, QueueError};

/// How much input is read at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// What a message from a local program may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bounds of its header.
    header: HeaderLimits,
    /// `MaxMessageSize` in bytes; 0 is none.
    message_bytes_max: u64,
    /// It may have no NUL (`RejectNUL`).
    nul_refused: bool,
}

impl Limits {
    /// Returns what the site says.
    pub(super) fn of(options: &Options) -> Self {
        Self {
            header: HeaderLimits::new(options.max_headers_length),
            message_bytes_max: u64::try_from(options.max_message_size).unwrap_or(0),
            nul_refused: options.reject_nul,
        }
    }

    /// Tells whether a message of a size is too large.
    fn forbids(&self, size_bytes: u64) -> bool {
        self.message_bytes_max > 0 && size_bytes > self.message_bytes_max
    }
}

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
    /// What the site does not take.
    pub(super) flaws: Flaws,
}

/// What a site does not take of a message, whatever its header says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flaws {
    /// How large it may be, if it is larger; its body is not whole then.
    pub(super) larger_than: Option<u64>,
    /// It has a NUL, which it may not.
    pub(super) has_nul: bool,
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
    has_nul: bool,
    /// It is larger than it may be: what comes is read in vain.
    is_too_large: bool,
}

/// Reads a message from a local program; the body goes into `draft`.
///
/// # Errors
/// The input fails before its end, the header is too large, or the queue cannot keep the body.
pub(super) async fn read(
    input: &mut (dyn AsyncRead + Send + Unpin),
    mut text: LocalInput,
    limits: Limits,
    draft: &mut Draft,
) -> Result<Incoming, InputError> {
    let mut intake = Intake::new(limits, draft);
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
        intake.is_too_large = limits.forbids(text.size_bytes());
        intake.take(&out).await?;
    }
    out.clear();
    text.finish(&mut out);
    intake.is_too_large = limits.forbids(text.size_bytes());
    intake.take(&out).await?;
    intake.end_header().await?;
    Ok(Incoming {
        headers: intake.headers,
        header_bytes: intake.header_bytes,
        size_bytes: text.size_bytes(),
        bits: intake.bits,
        flaws: Flaws {
            larger_than: intake.is_too_large.then_some(limits.message_bytes_max),
            has_nul: limits.nul_refused && intake.has_nul,
        },
    })
}

impl<'a> Intake<'a> {
    /// Returns one that has taken nothing.
    fn new(limits: Limits, draft: &'a mut Draft) -> Self {
        Self {
            header: Some(HeaderReader::new(limits.header)),
            headers: Vec::new(),
            header_bytes: 0,
            draft,
            bits: EighthBits::default(),
            has_nul: false,
            is_too_large: false,
        }
    }

    /// Takes message text.
    async fn take(&mut self, text: &[u8]) -> Result<(), InputError> {
        self.bits.note(text);
        self.has_nul |= memchr::memchr(0, text).is_some();
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
        if self.is_too_large {
            return Ok(());
        }
        Ok(self.draft.write(text).await?)
    }
}
