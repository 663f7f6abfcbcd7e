//! Message text as local programs write it: LF or CRLF line ends, ended by a lone dot or by the end of input.

/// Turns input in chunks of any size into message text with LF line ends.
///
/// A first line `From …` (as mailboxes have it) is dropped, unless the site keeps it. Memory does not grow with the length of a line.
#[derive(Debug)]
pub struct LocalInput {
    dots_count: bool,
    /// Eighth bits are cleared before anything is read from the bytes (SevenBitInput, `-B7BIT`).
    seven_bit: bool,
    place: Place,
    /// How many bytes of `From ` the first line has matched; none past the first line.
    first_line: Option<usize>,
    /// Whether the first line is being dropped.
    dropping: bool,
    /// Bytes of the message that came in: with the dropped line, without a line end that we add.
    size_bytes: u64,
}

/// Where in a line the next byte stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// At its beginning.
    Start,
    /// Behind a dot at its beginning.
    Dot,
    /// Behind a dot and a CR.
    DotCr,
    /// Behind a CR.
    Cr,
    /// Anywhere else.
    Inside,
    /// Behind the end of the message.
    Ended,
}

/// What a first line begins with that is no part of the message.
const MAILBOX_LINE: &[u8] = b"From ";

impl LocalInput {
    /// Returns a reader; without `ignore_dots` (option IgnoreDots, `-i`) a line with only a dot ends the message, and of two
    /// dots at the beginning of a line one is dropped.
    pub fn new(ignore_dots: bool) -> Self {
        Self {
            dots_count: !ignore_dots,
            seven_bit: false,
            place: Place::Start,
            first_line: Some(0),
            dropping: false,
            size_bytes: 0,
        }
    }

    /// Returns the reader as one that clears the eighth bit of all bytes, if `seven_bit`.
    #[must_use]
    pub fn with_seven_bits(mut self, seven_bit: bool) -> Self {
        self.seven_bit = seven_bit;
        self
    }

    /// Returns the reader as one that keeps a first line `From …`, if `kept` (option SaveFromLine): it is no field, so all of the
    /// message is body.
    #[must_use]
    pub fn with_mailbox_line(mut self, kept: bool) -> Self {
        self.first_line = self.first_line.filter(|_| !kept);
        self
    }

    /// Tells whether the message has ended before the input did.
    pub fn has_ended(&self) -> bool {
        self.place == Place::Ended
    }

    /// Returns the size of the message so far, as the log tells it.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Appends the message text in `chunk` to `out`.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let before = out.len();
        self.take(chunk, out);
        self.size_bytes += (out.len() - before) as u64;
    }

    /// Takes a chunk byte by byte.
    fn take(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        for &byte in chunk {
            if self.has_ended() {
                return;
            }
            let byte = if self.seven_bit { byte & 0x7f } else { byte };
            match self.first_line {
                Some(matched) => self.pass_first_line(matched, byte, out),
                None => self.pass(byte, out),
            }
        }
    }

    /// Appends what was held back at the end of the input.
    ///
    // QUIRK(last-dot): a last line that is only a dot ends the message without a line end, too.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let before = out.len();
        if let Some(matched) = self.first_line.take().filter(|_| !self.dropping) {
            MAILBOX_LINE[..matched].iter().for_each(|&byte| self.pass(byte, out));
        }
        match self.place {
            Place::Cr => out.push(b'\r'),
            Place::Start | Place::Dot | Place::DotCr | Place::Inside | Place::Ended => {}
        }
        self.size_bytes += (out.len() - before) as u64;
        if matches!(self.place, Place::Cr | Place::Inside) {
            out.push(b'\n');
        }
        self.place = Place::Ended;
    }

    /// Holds the beginning of the first line back until it is clear whether the line belongs to the message.
    fn pass_first_line(&mut self, matched: usize, byte: u8, out: &mut Vec<u8>) {
        if self.dropping {
            self.size_bytes += 1;
            if byte == b'\n' {
                (self.first_line, self.dropping) = (None, false);
            }
        } else if MAILBOX_LINE[matched] == byte {
            self.first_line = Some(matched + 1);
            self.dropping = matched + 1 == MAILBOX_LINE.len();
            if self.dropping {
                self.size_bytes += MAILBOX_LINE.len() as u64;
            }
        } else {
            self.first_line = None;
            MAILBOX_LINE[..matched].iter().for_each(|&held| self.pass(held, out));
            self.pass(byte, out);
        }
    }

    /// Passes one byte of the message.
    fn pass(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.place = match (self.place, byte) {
            (Place::Start, b'.') if self.dots_count => Place::Dot,
            (Place::Dot | Place::DotCr, b'\n') => Place::Ended,
            (Place::Dot, b'\r') => Place::DotCr,
            (place, byte) => {
                match place {
                    // QUIRK(stuffed-dots)
                    Place::Dot if byte != b'.' => out.push(b'.'),
                    Place::DotCr => out.extend_from_slice(b".\r"),
                    Place::Cr if byte != b'\n' => out.push(b'\r'),
                    _ => {}
                }
                Self::ordinary(byte, out)
            }
        };
    }

    /// Writes a byte that means nothing special; a CR waits for what follows it.
    fn ordinary(byte: u8, out: &mut Vec<u8>) -> Place {
        match byte {
            b'\r' => Place::Cr,
            b'\n' => {
                out.push(b'\n');
                Place::Start
            }
            byte => {
                out.push(byte);
                Place::Inside
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ignore_dots: bool, text: &str, expected: &str) {
        for step in [1, 2, 3, text.len().max(1)] {
            let mut input = LocalInput::new(ignore_dots);
            let mut out = Vec::new();
            text.as_bytes().chunks(step).for_each(|chunk| input.feed(chunk, &mut out));
            input.finish(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{text:?} by {step}");
        }
    }

    #[test]
    fn the_size_counts_what_came_in() {
        let size = |text: &[u8]| {
            let (mut input, mut out) = (LocalInput::new(false), Vec::new());
            input.feed(text, &mut out);
            input.finish(&mut out);
            input.size_bytes()
        };
        assert_eq!(size(b"From a b\nTo: c\n"), 15);
        assert_eq!(size(b"To: c\n\nb"), 8);
        assert_eq!(size(b"a\n.\nb\n"), 2);
    }

    #[test]
    fn a_lone_dot_ends_the_message_unless_dots_are_ignored() {
        check(false, "a\n.\nb\n", "a\n");
        check(false, ".\r\nb\n", "");
        check(true, "a\n.\nb\n", "a\n.\nb\n");
        check(false, "x\n.", "x\n");
        check(false, "x\n.\r", "x\n");
        check(true, "x\n.", "x\n.\n");
    }

    #[test]
    fn of_two_dots_at_the_beginning_of_a_line_one_is_dropped_unless_dots_are_ignored() {
        check(false, "a\n..\n.b\n...c\nd..e\n", "a\n.\n.b\n..c\nd..e\n");
        check(false, "..A: b\r\n..\r\n.\rx\n..", ".A: b\n.\n.\rx\n.\n");
        check(true, "..\n...\n", "..\n...\n");
    }

    #[test]
    fn eighth_bits_are_cleared_before_lines_are_read() {
        let (mut input, mut out) = (LocalInput::new(false).with_seven_bits(true), Vec::new());
        input.feed(b"\xc6rom x\n\xe9\x8d\x8a\xaex\n\xae\x8aafter", &mut out);
        assert_eq!((out.as_slice(), input.has_ended()), (&b"i\n.x\n"[..], true));
    }

    #[test]
    fn line_ends_become_lf_and_the_last_line_gets_one() {
        check(false, "a\r\nb\rc\n", "a\nb\rc\n");
        check(false, "a", "a\n");
        check(false, "a\r", "a\r\n");
        check(false, "", "");
    }

    #[test]
    fn the_line_of_a_mailbox_is_kept_where_the_site_says_so() {
        let (mut input, mut out) = (LocalInput::new(false).with_mailbox_line(true), Vec::new());
        input.feed(b"From alice\nTo: b\n", &mut out);
        assert_eq!(out, b"From alice\nTo: b\n");
    }

    #[test]
    fn the_line_of_a_mailbox_is_dropped() {
        check(false, "From alice Mon Jan 1\nTo: b\n", "To: b\n");
        check(false, "From: alice\n", "From: alice\n");
        check(false, "Fro", "Fro\n");
        check(false, "From ", "");
        check(false, "a\nFrom b\n", "a\nFrom b\n");
    }
}
