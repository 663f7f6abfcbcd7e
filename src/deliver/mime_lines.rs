//! The lines of a body, in bounded memory.

use std::io;
use std::ops::Range;

use memchr::memchr;

use super::message::Body;

/// Bytes read at once.
const CHUNK_BYTES: usize = 32 * 1024;
/// How much of a line is kept: enough for any boundary and for the fields of a part's header.
const START_BYTES_MAX: usize = 1024;

/// One line.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Where it is, with its line end.
    pub(super) range: Range<u64>,
    /// Whether a LF ends it.
    pub(super) ended: bool,
    /// Its first bytes, without its line end.
    pub(super) start: Vec<u8>,
    /// How many of its bytes have the eighth bit.
    pub(super) high: u64,
}

/// Reads lines of any length.
pub(super) struct LineReader<'a> {
    body: Body<'a>,
    buffer: Vec<u8>,
    used: usize,
    offset: u64,
}

impl<'a> LineReader<'a> {
    /// Reads from the beginning.
    pub(super) fn new(body: Body<'a>) -> Self {
        Self { body, buffer: Vec::new(), used: 0, offset: 0 }
    }

    /// Returns the next line.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line>> {
        let mut line = Line { range: self.offset..self.offset, ..Line::default() };
        while !line.ended {
            if self.used == self.buffer.len() && !self.fill()? {
                break;
            }
            let rest = &self.buffer[self.used..];
            let end = memchr(b'\n', rest);
            let text = &rest[..end.unwrap_or(rest.len())];
            let room = START_BYTES_MAX.saturating_sub(line.start.len()).min(text.len());
            line.start.extend_from_slice(&text[..room]);
            line.high += text.iter().map(|byte| u64::from(byte >> 7)).sum::<u64>();
            let taken = text.len() + usize::from(end.is_some());
            line.ended = end.is_some();
            self.used += taken;
            self.offset += u64::try_from(taken).unwrap_or(u64::MAX);
        }
        line.range.end = self.offset;
        if line.start.last() == Some(&b'\r') {
            line.start.pop();
        }
        Ok((!line.range.is_empty()).then_some(line))
    }

    /// Reads on; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.resize(CHUNK_BYTES, 0);
        let count = self.body.read_at(self.offset, &mut self.buffer)?;
        self.buffer.truncate(count);
        self.used = 0;
        Ok(count > 0)
    }
}
