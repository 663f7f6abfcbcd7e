//! SMTP replies: code, enhanced status and lines (`RFC 5321 §4.2`, `RFC 2034`).

use std::fmt::{self, Write};

use bstr::{BStr, BString, ByteSlice};
use memchr::memchr;

use crate::name::Status;

/// The longest line of a reply that is kept, in bytes; what is longer is cut (`RFC 5321 §4.5.3.1.5` asks for 512).
const LINE_BYTES_MAX: usize = 2048;

/// The most lines of one reply that are read; a peer that sends more is talking without end.
const LINES_MAX: usize = 512;

/// The most bytes of one reply that are read, kept or not.
const BYTES_MAX: usize = 1 << 20;

/// An SMTP reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// The three digits.
    pub code: u16,
    /// The enhanced status code, which stands at the start of every line.
    pub status: Option<Status>,
    /// The text of each line, without code, status and line end; never empty.
    pub lines: Vec<BString>,
}

impl Reply {
    /// Returns a reply of one line.
    pub fn new(code: u16, status: impl Into<Option<Status>>, text: impl Into<BString>) -> Self {
        Self { code, status: status.into(), lines: vec![text.into()] }
    }

    /// Returns a reply of several lines; none gives one empty line.
    pub fn of_lines(code: u16, status: impl Into<Option<Status>>, mut lines: Vec<BString>) -> Self {
        if lines.is_empty() {
            lines.push(BString::default());
        }
        Self { code, status: status.into(), lines }
    }

    /// Reads a reply of one line as rules and mailers write it: `550 5.1.1 text`.
    ///
    /// Returns nothing if the text does not begin with three digits.
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let line = ReplyLine::split(text)?;
        let (status, text) = split_status(line.text);
        Some(Self::new(line.code, status, text))
    }

    /// Appends the reply in the form that goes over the wire, with CRLF after each line.
    ///
    /// No text can forge a second reply: see [`Reply::as_sent`].
    pub fn write(&self, out: &mut Vec<u8>) {
        for (index, line) in self.lines.iter().enumerate() {
            let mark = if index + 1 < self.lines.len() { '-' } else { ' ' };
            out.extend_from_slice(format!("{:03}{mark}", self.code).as_bytes());
            if let Some(status) = self.status {
                out.extend_from_slice(format!("{status} ").as_bytes());
            }
            out.extend(Self::as_sent(line));
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Returns a text in the form that goes over the wire: a CR, LF or NUL inside becomes a space, eighth bits are cleared
    /// (`RFC 5321 §4.2`: a reply is ASCII).
    // QUIRK(messages-are-seven-bit)
    pub fn as_sent(text: &[u8]) -> impl Iterator<Item = u8> {
        text.iter().map(|byte| match byte & 0x7f {
            b'\r' | b'\n' | 0 => b' ',
            byte => byte,
        })
    }

    /// Returns the text of the first line.
    pub fn text(&self) -> &BStr {
        self.lines.first().map_or(BStr::new(b""), |line| line.as_bstr())
    }

    /// Tells whether trying again later makes sense (4yz).
    pub fn is_temporary(&self) -> bool {
        self.code / 100 == 4
    }

    /// Tells whether the refusal is final (5yz).
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// Returns which of this refusal and an earlier one of the same message counts: this one, unless only the earlier one is
    /// final.
    // QUIRK(refusals-of-a-message)
    #[must_use]
    pub fn or_graver(self, earlier: Option<Reply>) -> Reply {
        match earlier {
            Some(earlier) if earlier.is_permanent() && self.is_temporary() => earlier,
            _ => self,
        }
    }

    /// Tells whether the sender of this reply closes the connection after it (421, `RFC 5321 §3.8`).
    pub fn closes(&self) -> bool {
        self.code == 421
    }
}

/// Writes the lines as `550 5.1.1 text`, several separated by line feeds; no line end after the last.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.lines.iter().enumerate() {
            let mark = if index + 1 < self.lines.len() { '-' } else { ' ' };
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{:03}{mark}", self.code)?;
            if let Some(status) = self.status {
                write!(f, "{status} ")?;
            }
            Self::as_sent(line).try_for_each(|byte| f.write_char(char::from(byte)))?;
        }
        Ok(())
    }
}

/// One line of a reply, taken apart.
struct ReplyLine<'a> {
    code: u16,
    more: bool,
    text: &'a [u8],
}

impl<'a> ReplyLine<'a> {
    /// Takes a line without its line end apart; nothing if it does not begin with three digits and a space or hyphen.
    fn split(line: &'a [u8]) -> Option<Self> {
        let (digits, rest) = line.split_at_checked(3)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let code = digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
        let (more, text) = match rest {
            [] => (false, rest),
            [b' ', text @ ..] => (false, text),
            [b'-', text @ ..] => (true, text),
            _ => return None,
        };
        Some(Self { code, more, text })
    }
}

/// Takes an enhanced status code off the front of a reply's text.
fn split_status(text: &[u8]) -> (Option<Status>, &[u8]) {
    match Status::split(text) {
        Some((status, [])) => (Some(status), &[]),
        Some((status, [b' ' | b'\t', rest @ ..])) => (Some(status), rest),
        _ => (None, text),
    }
}

/// What the peer sends is no reply.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadReply {
    /// More lines or bytes than any reply has.
    #[error("reply without end")]
    Endless,
    /// The code is outside 200 to 599, or changes within one reply.
    #[error("reply code {0} makes no sense")]
    Code(u16),
}

/// Reads replies from a stream in pieces of any size, in bounded memory.
///
/// Lines that begin with no code are skipped, as the original does; lines that are too long are cut.
#[derive(Clone, Debug, Default)]
pub struct ReplyParser {
    partial: Vec<u8>,
    lines: Vec<BString>,
    first: Option<(u16, Option<Status>)>,
    seen: usize,
    seen_bytes: usize,
}

impl ReplyParser {
    /// Returns a parser that waits for the first line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes off the front of `input` until a reply is complete or `input` is empty.
    ///
    /// # Errors
    /// A reply without end or with a senseless code; the connection is of no use then.
    pub fn feed(&mut self, input: &mut &[u8]) -> Result<Option<Reply>, BadReply> {
        self.seen_bytes = self.seen_bytes.saturating_add(input.len());
        if self.seen_bytes > BYTES_MAX {
            return Err(BadReply::Endless);
        }
        while let Some(end) = memchr(b'\n', input) {
            let (line, rest) = (&input[..end], &input[end + 1..]);
            self.keep(line);
            *input = rest;
            let line = std::mem::take(&mut self.partial);
            if let Some(reply) = self.line(line.strip_suffix(b"\r").unwrap_or(&line))? {
                return Ok(Some(reply));
            }
        }
        self.keep(input);
        *input = &[];
        Ok(None)
    }

    /// Appends a piece of a line, up to the limit.
    fn keep(&mut self, piece: &[u8]) {
        let room = LINE_BYTES_MAX.saturating_sub(self.partial.len());
        self.partial.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    /// Takes in one whole line.
    fn line(&mut self, line: &[u8]) -> Result<Option<Reply>, BadReply> {
        self.seen += 1;
        if self.seen > LINES_MAX {
            return Err(BadReply::Endless);
        }
        let Some(line) = ReplyLine::split(line) else { return Ok(None) };
        let (status, text) = split_status(line.text);
        let (code, first_status) = *self.first.get_or_insert((line.code, status));
        if code != line.code || !(200..600).contains(&code) {
            return Err(BadReply::Code(line.code));
        }
        let text = if status == first_status { text } else { line.text };
        self.lines.push(text.into());
        if line.more {
            return Ok(None);
        }
        let done = std::mem::take(self);
        Ok(Some(Reply { code, status: first_status, lines: done.lines }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `input` whole and byte by byte; both must give the same replies.
    #[track_caller]
    fn check(input: &str, expected: &[&str]) {
        for size in [1, 2, 7, usize::MAX] {
            let mut parser = ReplyParser::new();
            let mut replies = Vec::new();
            for mut piece in input.as_bytes().chunks(size.min(input.len().max(1))) {
                while let Some(reply) = parser.feed(&mut piece).expect(input) {
                    replies.push(reply.to_string());
                }
            }
            assert_eq!(replies, expected, "{input:?} in pieces of {size}");
        }
    }

    #[track_caller]
    fn refused(input: &str, expected: &BadReply) {
        let mut parser = ReplyParser::new();
        assert_eq!(parser.feed(&mut input.as_bytes()).expect_err(input), *expected);
    }

    #[test]
    fn replies_are_read_in_any_pieces() {
        check("250 ok\r\n", &["250 ok"]);
        check("250 2.1.0 <a@b>... Sender ok\r\n250", &["250 2.1.0 <a@b>... Sender ok"]);
        check("250-one\r\n250-two\n250 three\r\n354 go\r\n", &["250-one\n250-two\n250 three", "354 go"]);
        check("250-2.0.0 one\r\n250 2.0.0 two\r\n", &["250-2.0.0 one\n250 2.0.0 two"]);
        check("220\r\n", &["220 "]);
    }

    #[test]
    fn lines_without_a_code_are_skipped() {
        check("hello\r\n25x\r\n2501 x\r\n250 ok\r\n", &["250 ok"]);
    }

    #[test]
    fn a_number_that_is_no_status_stays_text() {
        check("250 2.0.0.1 x\r\n", &["250 2.0.0.1 x"]);
        check("250 8BITMIME\r\n", &["250 8BITMIME"]);
        assert_eq!(Reply::from_text(b"550 5.1.1").expect("code").status, Some(Status::new(5, 1, 1)));
    }

    #[test]
    fn senseless_codes_are_refused() {
        refused("250-a\r\n550 b\r\n", &BadReply::Code(550));
        refused("999 a\r\n", &BadReply::Code(999));
        refused("150 a\r\n", &BadReply::Code(150));
    }

    #[test]
    fn an_endless_reply_is_refused_and_a_long_line_cut() {
        refused(&"250-x\r\n".repeat(LINES_MAX + 1), &BadReply::Endless);
        let mut parser = ReplyParser::new();
        let line = format!("250 {}\r\n", "x".repeat(1_000_000));
        let reply = parser.feed(&mut line.as_bytes()).expect("cut").expect("whole");
        assert_eq!(reply.lines[0].len(), LINE_BYTES_MAX - 4);
    }

    #[test]
    fn a_reply_is_written_with_code_and_status_on_each_line() {
        let mut out = Vec::new();
        Reply::of_lines(214, Status::OK, vec!["a".into(), "b".into()]).write(&mut out);
        assert_eq!(out.as_bstr(), "214-2.0.0 a\r\n214 2.0.0 b\r\n");
    }

    #[test]
    fn a_line_end_in_a_text_cannot_forge_a_reply() {
        let mut out = Vec::new();
        Reply::new(550, None, "no\r\n250 yes\0").write(&mut out);
        assert_eq!(out.as_bstr(), "550 no  250 yes \r\n");
    }

    #[test]
    fn the_last_final_refusal_counts_else_the_last() {
        let refusal = |(code, text): (u16, &str)| Reply::new(code, None, text);
        for (later, earlier, counts) in [
            ((451, "b"), None, "b"),
            ((550, "b"), None, "b"),
            ((451, "b"), Some((452, "a")), "b"),
            ((550, "b"), Some((554, "a")), "b"),
            ((550, "b"), Some((451, "a")), "b"),
            ((451, "b"), Some((550, "a")), "a"),
            ((421, "b"), Some((550, "a")), "a"),
        ] {
            let found = refusal(later).or_graver(earlier.map(refusal));
            assert_eq!(found.text(), counts, "{later:?} after {earlier:?}");
        }
    }

    #[test]
    fn the_code_decides_what_to_do() {
        assert!(Reply::new(451, None, "").is_temporary());
        assert!(Reply::new(550, None, "").is_permanent());
        assert!(Reply::new(421, None, "").closes());
    }
}
