//! A message that is coming in: header collected within limits, body handed on in pieces, all of it counted.

use super::data::{BareByte, DataDecoder, Progress};
use super::event::Ending;
use super::notes::{self, Note};
use super::settings::Settings;
use super::texts;
use crate::mail::eighth_bits::EighthBits;
use crate::mail::header::{Header, HeaderReader, HeaderState, HeaderTooLarge};
use crate::mail::reply::Reply;

/// What a line of a mailbox begins with that separates messages.
const FROM_LINE: &[u8] = b"From ";

/// Where the reading of a `From ` line stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum FromLine {
    /// It may come.
    Possible,
    /// It is being passed over.
    Inside,
    /// There is none, or it is over.
    Over,
}

/// The message between 354 and its end mark.
#[derive(Clone, Debug)]
pub(super) struct Message {
    decoder: DataDecoder,
    /// Whether a `From ` line of a mailbox may still stand before the header, or is being passed over.
    from_line: FromLine,
    /// None once the header is over.
    header: Option<HeaderReader>,
    /// Decoded text that nobody has seen yet.
    text: Vec<u8>,
    progress: Progress,
    size_bytes: u64,
    size_bytes_max: u64,
    hops_max: Option<usize>,
    recipients: u32,
    seven_bit: bool,
    nul_refused: bool,
    has_nul: bool,
    bits: EighthBits,
    refused: Option<Reply>,
    notes: Vec<Note>,
}

/// What a message has for the session.
#[derive(Debug)]
pub(super) enum Step {
    /// The input is used up.
    More,
    /// The header is complete: its fields and the bytes of it with the line that ends it.
    Header(Vec<Header>, u64),
    /// A piece of the body.
    Body(Vec<u8>),
    /// The header is too large; the message goes on, but in vain.
    Log(Note),
    /// The end mark.
    Ended(Ending),
    /// A line end that is refused, and the part of the message where it stands.
    Refused(BareByte, &'static str),
}

impl Message {
    /// Returns a message of which nothing has come.
    pub(super) fn new(settings: &Settings, recipients: u32, seven_bit: bool) -> Self {
        Self {
            decoder: DataDecoder::new(settings.line_rules),
            from_line: if settings.save_from_line { FromLine::Over } else { FromLine::Possible },
            header: Some(HeaderReader::new(settings.limits.header)),
            text: Vec::new(),
            progress: Progress::More,
            size_bytes: 0,
            size_bytes_max: settings.limits.message_bytes_max,
            hops_max: settings.limits.hops_max,
            recipients,
            seven_bit,
            nul_refused: settings.nul_refused,
            has_nul: false,
            bits: EighthBits::default(),
            refused: None,
            notes: Vec::new(),
        }
    }

    /// Returns the bytes read so far.
    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Refuses the message; it is still read to its end.
    pub(super) fn refuse(&mut self, reply: Reply) {
        self.refused = Some(reply.or_graver(self.refused.take()));
    }

    /// Takes wire bytes off the front of `input`; stops behind the end mark.
    pub(super) fn feed(&mut self, input: &mut &[u8]) {
        if self.progress != Progress::More {
            return;
        }
        let start = self.text.len();
        self.progress = self.decoder.feed(input, &mut self.text);
        let fresh = &mut self.text[start..];
        if self.seven_bit {
            fresh.iter_mut().for_each(|byte| *byte &= 0x7f);
        }
        self.bits.note(fresh);
        self.size_bytes += fresh.len() as u64;
        self.has_nul |= memchr::memchr(0, fresh).is_some();
    }

    /// Tells whether it is larger than messages may be.
    fn is_too_large(&self) -> bool {
        self.size_bytes_max > 0 && self.size_bytes > self.size_bytes_max
    }

    /// Tells whether it has a NUL that is not allowed.
    fn has_forbidden_nul(&self) -> bool {
        self.nul_refused && self.has_nul
    }

    /// Returns the next thing to do with what came in.
    pub(super) fn step(&mut self, name: &bstr::BStr) -> Step {
        if self.header.is_some() {
            match self.step_header() {
                Ok(Some((headers, size_bytes))) => return Step::Header(headers, size_bytes),
                Ok(None) => {}
                Err(too_large) => return self.drop_header(name, too_large),
            }
        } else if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.bits.note_body(&text);
            if self.refused.is_none() && !self.is_too_large() && !self.has_forbidden_nul() {
                return Step::Body(text);
            }
        }
        match self.progress {
            Progress::More => Step::More,
            Progress::Ended => Step::Ended(self.ending()),
            Progress::Refused(byte) => {
                let place = if self.header.is_some() { "header" } else { "body" };
                Step::Refused(byte, place)
            }
        }
    }

    /// Passes over a `From ` line of a mailbox before the header; tells whether more must come to see its end.
    fn skip_from_line(&mut self) -> bool {
        if self.from_line == FromLine::Possible {
            let len = self.text.len().min(FROM_LINE.len());
            let possible = self.text[..len] == FROM_LINE[..len];
            if possible && len < FROM_LINE.len() && self.progress == Progress::More {
                return true;
            }
            self.from_line = if possible && len == FROM_LINE.len() { FromLine::Inside } else { FromLine::Over };
        }
        if self.from_line == FromLine::Inside {
            match memchr::memchr(b'\n', &self.text) {
                Some(end) => {
                    self.text.drain(..=end);
                    self.from_line = FromLine::Over;
                }
                None => self.text.clear(),
            }
        }
        self.from_line == FromLine::Inside && self.progress == Progress::More
    }

    /// Moves text into the header; returns the fields when they are complete.
    fn step_header(&mut self) -> Result<Option<(Vec<Header>, u64)>, HeaderTooLarge> {
        if self.skip_from_line() {
            return Ok(None);
        }
        let Some(reader) = self.header.as_mut() else { return Ok(None) };
        let (taken, state) = reader.feed(&self.text)?;
        self.text.drain(..taken);
        if state == HeaderState::Reading && self.progress != Progress::Ended {
            return Ok(None);
        }
        let part = self.header.take().expect("it was there a moment ago").finish()?;
        let size_bytes = part.size_bytes();
        self.bits.end_header(&part);
        self.text.splice(..0, part.body_start);
        self.count_hops(&part.headers);
        Ok(Some((part.headers, size_bytes)))
    }

    /// Goes on without the header, which is too large.
    fn drop_header(&mut self, name: &bstr::BStr, too_large: HeaderTooLarge) -> Step {
        self.header = None;
        self.text.clear();
        self.refuse(texts::header_too_large(&too_large.to_string()));
        Step::Log(notes::header_too_large(name, too_large))
    }

    /// Refuses a message that went through too many hands.
    fn count_hops(&mut self, headers: &[Header]) {
        let Some(max) = self.hops_max else { return };
        // The field that we add is a hop too.
        let hops = 1 + headers.iter().filter(|field| is_trace(field)).count();
        if hops > max {
            self.refuse(texts::too_many_hops(hops, max));
            self.notes.push(notes::too_many_hops(hops, max));
        }
    }

    /// Returns how the message ended.
    fn ending(&mut self) -> Ending {
        if self.has_forbidden_nul() {
            self.refuse(texts::nul_not_allowed());
        }
        if self.is_too_large() {
            self.refuse(texts::message_too_large(self.size_bytes_max));
            self.notes.push(notes::message_too_large(self.size_bytes, self.size_bytes_max));
        }
        let (refused, notes) = (self.refused.take(), std::mem::take(&mut self.notes));
        Ending { size_bytes: self.size_bytes, bits: self.bits, recipients: self.recipients, refused, notes }
    }
}

/// Tells whether a field was added by a host on the way.
fn is_trace(field: &Header) -> bool {
    ["Received", "X400-Received", "Via", "Mail-From"].iter().any(|name| field.is(name))
}
