//! Header fields as they stand in a message and in a queue file, and the bounded reader that finds them.

use std::borrow::Cow;
use std::fmt;

use bstr::{BString, ByteSlice};
use memchr::memchr;

use crate::name::{CSpace as _, MacroName, TrimSpace as _};

/// The largest number of header lines of one message, continuation lines counted; a flood of short lines costs memory too.
pub const HEADER_LINES_MAX: usize = 1000;

/// The mark that stands before a macro name in the internal form of a template (`$x` in a configuration file).
pub const MACRO_MARK: u8 = 0x81;

/// When a header field is written into a message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Condition {
    /// For every mailer.
    #[default]
    Always,
    /// Only for mailers with one of these flags (`?F?`).
    MailerFlags(BString),
    /// Only if the macro has a value (`?${name}?`).
    Macro(MacroName),
}

impl Condition {
    /// Reads what stands between the question marks of a field in a queue file.
    ///
    /// # Errors
    /// A macro name that is none.
    pub fn parse(text: &[u8]) -> Result<Self, crate::name::BadName> {
        match text {
            [] => Ok(Self::Always),
            [b'$' | MACRO_MARK, name @ ..] => Ok(Self::Macro(MacroName::split(name)?.0)),
            flags => Ok(Self::MailerFlags(flags.into())),
        }
    }
}

/// Writes the text between the question marks; a macro is always spelled with braces.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => Ok(()),
            Self::MailerFlags(flags) => write!(f, "{flags}"),
            Self::Macro(name) => write!(f, "${{{}}}", name.as_bytes().as_bstr()),
        }
    }
}

/// One header field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Header {
    /// The name as it was spelled, without colon and without white space before it.
    pub name: BString,
    /// All after the colon as it stood, with the space that usually begins it; a line end within is `\n` and is
    /// always followed by a space or a tab. Never holds CR or NUL.
    pub value: BString,
    /// When it is written.
    pub only_for: Condition,
    /// Whether the value is a template (internal form) that is expanded when the message is sent.
    pub template: bool,
    /// Whether the field is never kept in a queue file: it has a value only for some mailers, while the message is new.
    pub is_fleeting: bool,
}

impl Header {
    /// Returns a field that is always written, with a space before `text`; line ends in `text` become continuation lines.
    pub fn new(name: impl AsRef<[u8]>, text: impl AsRef<[u8]>) -> Self {
        let mut value = BString::from(" ");
        value.extend_from_slice(text.as_ref());
        Self::with_value(name, value)
    }

    /// Returns a field with the value exactly as given after the colon; only what could end the field is mended.
    pub fn with_value(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        Self {
            name: name.as_ref().into(),
            value: folded(value.as_ref()),
            only_for: Condition::Always,
            template: false,
            is_fleeting: false,
        }
    }

    /// Returns the field with another condition.
    #[must_use]
    pub fn only_for(mut self, condition: Condition) -> Self {
        self.only_for = condition;
        self
    }

    /// Returns the field with its value marked as a template.
    #[must_use]
    pub fn templated(mut self) -> Self {
        self.template = true;
        self
    }

    /// Returns the field as one that no queue file keeps.
    #[must_use]
    pub fn fleeting(mut self) -> Self {
        self.is_fleeting = true;
        self
    }

    /// Tells whether the field is called `name`; case does not count.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Tells whether the field asks for a receipt, as was done before there were reports.
    pub fn asks_for_receipt(&self) -> bool {
        self.is("Return-Receipt-To")
    }

    /// Returns the value without the white space around it.
    pub fn text(&self) -> &[u8] {
        self.value.trim_space()
    }

    /// Takes `Name: value` apart; none if `line` is no header line.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let name_len = field_name_len(line)?;
        let colon = memchr(b':', line)?;
        Some(Self::with_value(&line[..name_len], &line[colon + 1..]))
    }

    /// Appends the field with LF line ends, unconditionally and unexpanded.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.name);
        out.push(b':');
        out.extend_from_slice(&self.value);
        out.push(b'\n');
    }
}

/// The longest part of a header value that a ruleset gets quoted in `${currHeader}`, in bytes (the original's MAXNAME).
const CURRENT_HEADER_BYTES_MAX: usize = 256;

/// Returns the first field called `name`.
pub fn find<'a>(headers: &'a [Header], name: &str) -> Option<&'a Header> {
    headers.iter().find(|header| header.is(name))
}

/// Returns `value` with every line end followed by white space, CR turned into a space and NUL left out.
fn folded(value: &[u8]) -> BString {
    let clean = !value.contains(&b'\r') && !value.contains(&0) && !value.contains(&b'\n');
    if clean {
        return value.into();
    }
    let text = value.replace(b"\r\n", b"\n");
    let text = text.strip_suffix(b"\n").unwrap_or(&text);
    let mut out = BString::from(Vec::with_capacity(text.len()));
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            0 => {}
            b'\r' => out.push(b' '),
            b'\n' => {
                out.push(b'\n');
                if !matches!(text.get(at + 1), Some(b' ' | b'\t')) {
                    out.push(b'\t');
                }
            }
            byte => out.push(byte),
        }
    }
    out
}

/// Returns the length of the field name that begins `line`, if a colon follows it (`RFC 5322 §2.2`).
///
/// White space between name and colon is allowed (`RFC 5322 §4.5`).
fn field_name_len(line: &[u8]) -> Option<usize> {
    let len = line.iter().take_while(|byte| (33..=126).contains(*byte) && **byte != b':').count();
    let after = line[len..].trim_start_with(|c| c == ' ' || c == '\t');
    (len > 0 && after.first() == Some(&b':')).then_some(len)
}

/// Bounds of a header.
#[derive(Clone, Copy, Debug)]
pub struct HeaderLimits {
    /// `MaxHeadersLength`: bytes of all fields together; 0 means no bound by the site, then [`Self::HARD_BYTES_MAX`] holds.
    pub bytes_max: usize,
    /// Lines of all fields together.
    pub lines_max: usize,
}

impl HeaderLimits {
    /// The bound where the site sets none: memory of a session stays bounded whatever the options say.
    pub const HARD_BYTES_MAX: usize = 1 << 20;

    /// Returns the bounds for a site's `MaxHeadersLength`.
    pub fn new(max_headers_length: i64) -> Self {
        let bytes = usize::try_from(max_headers_length).unwrap_or(0);
        let bytes_max = if bytes == 0 { Self::HARD_BYTES_MAX } else { bytes };
        Self { bytes_max, lines_max: HEADER_LINES_MAX }
    }
}

/// A header is larger than it may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HeaderTooLarge {
    /// More bytes than `MaxHeadersLength`.
    #[error("Headers too large ({0} max)")]
    Bytes(usize),
    /// More lines than [`HEADER_LINES_MAX`].
    #[error("Too many header lines ({0} max)")]
    Lines(usize),
}

/// Where the reader stands after some input.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HeaderState {
    /// The header goes on; all input was taken.
    Reading,
    /// The header is over; what follows the taken bytes is body.
    Ended,
}

/// Reads header fields out of message text that comes in chunks of any size, with LF line ends.
///
/// The header ends with an empty line (which is taken) or before the first line that is no header line (which is body).
#[derive(Clone, Debug)]
pub struct HeaderReader {
    limits: HeaderLimits,
    headers: Vec<Header>,
    /// The line that is not complete yet.
    line: Vec<u8>,
    bytes: usize,
    /// Bytes of the fields so far, without NULs.
    fields_bytes: usize,
    lines: usize,
    ended: bool,
    /// Whether an empty line stood between header and body.
    blank_seen: bool,
}

/// What [`HeaderReader::finish`] yields.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeaderPart {
    /// The fields, in the order of the message.
    pub headers: Vec<Header>,
    /// Bytes that were taken but turned out to be the beginning of the body.
    pub body_start: Vec<u8>,
    /// Whether an empty line ended the header (else a line that is no field, or the end of the message).
    pub blank_seen: bool,
    /// How many bytes the lines of the fields had, with one for the end of each.
    pub fields_bytes: usize,
}

impl HeaderPart {
    /// Returns how many bytes the header has, with the empty line, or the beginning of the line, that ended it.
    pub fn size_bytes(&self) -> u64 {
        let last = if self.blank_seen { 1 } else { self.body_start.len() };
        (self.fields_bytes + last) as u64
    }
}

impl HeaderReader {
    /// Returns a reader that has read nothing.
    pub fn new(limits: HeaderLimits) -> Self {
        let (headers, line) = (Vec::new(), Vec::new());
        Self { limits, headers, line, bytes: 0, fields_bytes: 0, lines: 0, ended: false, blank_seen: false }
    }

    /// Takes header text off the front of `chunk`; returns how many bytes were taken and whether the header goes on.
    ///
    /// # Errors
    /// The header exceeds a limit; the reader must not be fed again.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(usize, HeaderState), HeaderTooLarge> {
        let mut taken = 0;
        while !self.ended && taken < chunk.len() {
            let rest = &chunk[taken..];
            match memchr(b'\n', rest) {
                Some(len) => {
                    taken += len + 1;
                    self.extend_line(&rest[..len])?;
                    self.end_line()?;
                }
                None => {
                    taken = chunk.len();
                    self.extend_line(rest)?;
                    self.ended = !self.line_may_be_header();
                    if self.ended {
                        self.line.retain(|byte| *byte != 0);
                    }
                }
            }
        }
        Ok((taken, if self.ended { HeaderState::Ended } else { HeaderState::Reading }))
    }

    /// Tells whether the header is over.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Returns the fields read so far; the last one may still get continuation lines.
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// Returns the fields and the beginning of the body; at the end of input an unfinished line counts as a line.
    ///
    /// # Errors
    /// The header exceeds a limit with the unfinished line.
    pub fn finish(mut self) -> Result<HeaderPart, HeaderTooLarge> {
        if !self.ended && !self.line.is_empty() {
            let had_no_end = self.line.clone();
            self.end_line()?;
            if self.ended && !self.line.is_empty() {
                self.line = had_no_end;
            }
        }
        let Self { headers, line: body_start, blank_seen, fields_bytes, .. } = self;
        Ok(HeaderPart { headers, body_start, blank_seen, fields_bytes })
    }

    /// Appends to the unfinished line within the limit of bytes.
    fn extend_line(&mut self, part: &[u8]) -> Result<(), HeaderTooLarge> {
        self.bytes += part.len() + 1;
        if self.bytes > self.limits.bytes_max && self.may_be_header(part) {
            return Err(HeaderTooLarge::Bytes(self.limits.bytes_max));
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    /// Tells whether the line may be header text once `part` is appended.
    fn may_be_header(&self, part: &[u8]) -> bool {
        if self.line.is_empty() {
            starts_like_header(part, !self.headers.is_empty())
        } else {
            self.line_may_be_header()
        }
    }

    /// Tells whether the unfinished line may still become header text.
    fn line_may_be_header(&self) -> bool {
        starts_like_header(&self.line, !self.headers.is_empty())
    }

    /// Files the finished line as field, continuation, or end of the header.
    fn end_line(&mut self) -> Result<(), HeaderTooLarge> {
        let mut line = std::mem::take(&mut self.line);
        // QUIRK(nul-in-header)
        let goes_on = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        line.retain(|byte| *byte != 0);
        let text = line.strip_suffix(b"\r").unwrap_or(&line);
        if text.is_empty() {
            (self.ended, self.blank_seen) = (true, true);
            return Ok(());
        }
        let text_bytes = text.len();
        match self.headers.last_mut() {
            Some(last) if goes_on => {
                last.value.push(b'\n');
                last.value.extend_from_slice(&folded(text));
            }
            _ => match Header::parse(text) {
                Some(header) => self.headers.push(header),
                None => {
                    line.push(b'\n');
                    (self.ended, self.line) = (true, line);
                    return Ok(());
                }
            },
        }
        self.fields_bytes += text_bytes + 1;
        self.lines += 1;
        if self.lines > self.limits.lines_max {
            return Err(HeaderTooLarge::Lines(self.limits.lines_max));
        }
        Ok(())
    }
}

/// Tells whether an unfinished line may still become a field, or a continuation where one is possible.
fn starts_like_header(line: &[u8], continuation: bool) -> bool {
    let line = if line.contains(&0) { Cow::Owned(line.replace(b"\0", b"")) } else { Cow::Borrowed(line) };
    match line.first() {
        None | Some(b'\r') => true,
        Some(b' ' | b'\t') => continuation,
        Some(_) => {
            let name = line.iter().take_while(|byte| (33..=126).contains(*byte) && **byte != b':').count();
            let after = line[name..].trim_start_with(|c| c == ' ' || c == '\t');
            name > 0 && matches!(after.first(), None | Some(b':'))
        }
    }
}

/// Returns a header value as one quoted token, its white space made spaces and its end cut off if it is long.
pub fn quoted(value: &[u8]) -> BString {
    let mut out = BString::from("\"");
    for &byte in value {
        if out.len() >= CURRENT_HEADER_BYTES_MAX - 3 {
            break;
        }
        match byte {
            _ if byte.is_c_space() => out.push(b' '),
            b'"' => out.extend_from_slice(b"\\\""),
            byte => out.push(byte),
        }
    }
    out.push(b'"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nuls_of_header_lines_do_not_count() {
        check(b"\0A\0b\0: c\0d\n e\0\nF \0: g\n\n\0h\n", &["Ab: cd\n e", "F: g"], "\0h\n");
        check(b"A: b\n\0\nC: d\0\n", &["A: b"], "C: d\0\n");
        check(b"A: b\n\0 c\nD: e\n", &["A: b"], " c\nD: e\n");
        check(b"A: b\n\0no field\n", &["A: b"], "no field\n");
    }

    #[test]
    fn white_space_before_the_colon_is_part_of_the_size() {
        let mut reader = HeaderReader::new(HeaderLimits::new(0));
        reader.feed(b"A \t: b\n c\0\n\n").expect("within the limits");
        assert_eq!(reader.finish().expect("within the limits").size_bytes(), 11);
    }

    #[test]
    fn a_value_is_quoted_for_the_rules() {
        assert_eq!(quoted(b" a\n\t\"b\""), "\" a  \\\"b\\\"\"");
        assert_eq!(quoted(&[b'x'; 300]).len(), 254);
    }

    /// Reads `text` in pieces of one and of all bytes; compares `name:value` lines and the start of the body.
    #[track_caller]
    fn check(text: &[u8], headers: &[&str], body: &str) {
        for step in [1, 3, text.len().max(1)] {
            let mut reader = HeaderReader::new(HeaderLimits::new(0));
            let mut taken = 0;
            for piece in text.chunks(step) {
                let (len, state) = reader.feed(piece).expect("within the limits");
                taken += len;
                if state == HeaderState::Ended {
                    break;
                }
            }
            let part = reader.finish().expect("within the limits");
            let got: Vec<String> = part.headers.iter().map(|h| format!("{}:{}", h.name, h.value)).collect();
            let mut rest = part.body_start;
            rest.extend_from_slice(&text[taken..]);
            assert_eq!((got, rest.as_bstr()), (headers.iter().map(ToString::to_string).collect(), body.into()));
        }
    }

    #[test]
    fn fields_and_continuations_are_kept_as_they_stood() {
        check(b"A: 1\nb:2\n  folded\n\tmore\n\nbody\n", &["A: 1", "b:2\n  folded\n\tmore"], "body\n");
        check(b"A : x\r\n\r\nbody", &["A: x"], "body");
        check(b"A:\n", &["A:"], "");
        check(b"A: end without line end", &["A: end without line end"], "");
        check(b"", &[], "");
    }

    #[test]
    fn a_line_that_is_no_field_begins_the_body() {
        check(b"A: 1\nno field\nrest", &["A: 1"], "no field\nrest");
        check(b"no field", &[], "no field");
        check(b" leading\nA: 1\n", &[], " leading\nA: 1\n");
        check(b": x\n", &[], ": x\n");
        check(b"From a Sun\nA: 1\n", &[], "From a Sun\nA: 1\n");
    }

    #[test]
    fn what_could_end_a_field_is_mended() {
        assert_eq!(Header::new("S", "a\nBcc: x\r\n.\0y\rz").value, " a\n\tBcc: x\n\t.y z");
        check(b"A: a\0b\rc\n\n", &["A: ab c"], "");
    }

    #[test]
    fn limits_end_the_reading() {
        let limits = HeaderLimits { bytes_max: 20, lines_max: 3 };
        let mut reader = HeaderReader::new(limits);
        assert_eq!(reader.feed(b"A: 12345678901234567890"), Err(HeaderTooLarge::Bytes(20)));
        let mut reader = HeaderReader::new(limits);
        assert_eq!(reader.feed(b"A:\nA:\nA:\nA:\n"), Err(HeaderTooLarge::Lines(3)));
    }

    #[test]
    fn a_long_body_line_is_not_held_back() {
        let mut reader = HeaderReader::new(HeaderLimits { bytes_max: 20, lines_max: 3 });
        let text = b"this is no header and longer than the limit".repeat(10);
        assert_eq!(reader.feed(&text), Ok((text.len(), HeaderState::Ended)));
        assert_eq!(reader.finish().expect("ended").body_start, text);
    }

    #[test]
    fn conditions_print_as_they_were_read() {
        for text in ["", "DF", "${client_addr}", "{x}"] {
            assert_eq!(Condition::parse(text.as_bytes()).expect(text).to_string(), text);
        }
    }
}
