//! The mbox form of a message: a `From ` line, the text with LF line ends, a blank line.
//!
//! Pure: bytes in, bytes out, in chunks of any size, with a few bytes of memory.

use bstr::BString;

/// What a body line must not look like.
const FROM: &[u8] = b"From ";

/// Turns one message into its mbox form.
///
/// A line that begins with `From ` and follows an empty line (or is the first) gets a `>` in front, so
/// that no message can hide another. CR LF becomes LF; every other byte stays.
// QUIRK(mail-local-content-length): Debian's build of the original writes a Content-Length header and
// leaves `From ` lines of the body alone; FreeBSD's quotes, as the manual of both says. So do we.
#[derive(Debug)]
pub struct Encoder {
    line: Line,
    /// A CR has been read that may belong to a line end.
    cr: bool,
}

/// Where in a line the encoder is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Line {
    /// At its start; whether the line before was empty.
    Start { after_empty: bool },
    /// This many bytes into [`FROM`] after an empty line; they are not written yet.
    MaybeFrom(usize),
    /// Somewhere later.
    Inside,
}

impl Encoder {
    /// Starts a message: writes its [`first_line`].
    pub fn start(sender: &[u8], date: &[u8], out: &mut Vec<u8>) -> Self {
        out.extend(first_line(sender, date));
        Self { line: Line::Start { after_empty: true }, cr: false }
    }

    /// Takes the next bytes of the message and writes what is certain to `out`.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let mut rest = chunk;
        while let Some(&byte) = rest.first() {
            if self.line == Line::Inside && !self.cr {
                // The long way through a line goes by whole pieces.
                let end = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                out.extend_from_slice(&rest[..end]);
                rest = &rest[end..];
                if rest.is_empty() {
                    return;
                }
            }
            let byte = rest.first().copied().unwrap_or(byte);
            rest = &rest[1..];
            self.step(byte, out);
        }
    }

    /// Ends the message: completes its last line and adds the blank one.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        if self.cr {
            self.cr = false;
            self.put(b'\r', out);
        }
        if !matches!(self.line, Line::Start { .. }) {
            self.put(b'\n', out);
        }
        out.push(b'\n');
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.cr && byte != b'\n' {
            self.put(b'\r', out);
        }
        self.cr = byte == b'\r';
        if !self.cr {
            self.put(byte, out);
        }
    }

    /// Takes one byte whose line ends are plain LF already.
    fn put(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.line = match self.line {
            Line::Start { .. } if byte == b'\n' => {
                out.push(byte);
                Line::Start { after_empty: true }
            }
            Line::Start { after_empty: true } if byte == FROM[0] => Line::MaybeFrom(1),
            Line::MaybeFrom(seen) if byte == FROM[seen] => {
                if seen + 1 < FROM.len() {
                    Line::MaybeFrom(seen + 1)
                } else {
                    out.push(b'>');
                    out.extend_from_slice(FROM);
                    Line::Inside
                }
            }
            line => {
                if let Line::MaybeFrom(seen) = line {
                    out.extend_from_slice(&FROM[..seen]);
                }
                out.push(byte);
                if byte == b'\n' { Line::Start { after_empty: false } } else { Line::Inside }
            }
        };
    }
}

/// Returns the first line of a message from `sender` at `date` (as ctime(3) has it, without LF), with its end.
///
/// No sender is `MAILER-DAEMON`. Control characters become `?`: the line stays one line.
pub fn first_line(sender: &[u8], date: &[u8]) -> impl Iterator<Item = u8> {
    let sender = if sender.is_empty() { b"MAILER-DAEMON" } else { sender };
    let shown = sender.iter().map(|byte| if byte.is_ascii_control() { b'?' } else { *byte });
    FROM.iter().copied().chain(shown).chain([b' ']).chain(date.iter().copied()).chain([b'\n'])
}

/// Returns the mbox form of a whole message; for small ones.
pub fn encode(sender: &[u8], date: &[u8], message: &[u8]) -> BString {
    let mut out = Vec::with_capacity(message.len() + 128);
    let mut encoder = Encoder::start(sender, date, &mut out);
    encoder.push(message, &mut out);
    encoder.finish(&mut out);
    out.into()
}

#[cfg(test)]
mod tests {
    use bstr::ByteSlice;
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(message: &str, expected: &str) {
        let shown = encode(b"a@b", b"DATE", message.as_bytes());
        assert_eq!(shown, format!("From a@b DATE\n{expected}"));
    }

    #[test]
    fn the_end_is_one_blank_line_more() {
        check("", "\n");
        check("A: b\n", "A: b\n\n");
        check("A: b", "A: b\n\n");
        check("A: b\n\nbody\n\n\n", "A: b\n\nbody\n\n\n\n");
    }

    #[test]
    fn from_lines_are_quoted_after_empty_lines_only() {
        check("From x\nA: b\n", ">From x\nA: b\n\n");
        check("A: b\nFrom y\n\nFrom z\nFrom q\n", "A: b\nFrom y\n\n>From z\nFrom q\n\n");
        check("\n>From x\n\nFromage\n\nFro\n\nFrom", "\n>From x\n\nFromage\n\nFro\n\nFrom\n\n");
        check("\nfrom x\n", "\nfrom x\n\n");
        check("\nFFrom x\n\nFrFrom x\n", "\nFFrom x\n\nFrFrom x\n\n");
    }

    #[test]
    fn line_ends_become_lf_and_every_other_byte_stays() {
        check("a\r\n\r\nFrom b\r\n", "a\n\n>From b\n\n");
        check("a\rb\r\r\nc\r", "a\rb\r\nc\r\n\n");
        check("\r\nFr\rom \n", "\nFr\rom \n\n");
        check("nul\0 \u{e9}\n", "nul\0 \u{e9}\n\n");
    }

    #[test]
    fn the_sender_cannot_break_the_first_line() {
        assert!(encode(b"", b"D", b"").starts_with(b"From MAILER-DAEMON D\n"));
        assert!(encode(b"a\nFrom b\r\0", b"D", b"").starts_with(b"From a?From b?? D\n\n"));
        assert!(encode(b"\"a b\"@c", b"D", b"").starts_with(b"From \"a b\"@c D\n"));
    }

    /// Messages rich in the sequences that matter.
    fn messages() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"From ".to_vec()),
            Just(b"\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"Fro".to_vec()),
            Just(b">".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..4),
        ];
        proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn every_chunking_gives_the_same_bytes(message in messages(), size in 1_usize..7) {
            let mut out = Vec::new();
            let mut encoder = Encoder::start(b"a@b", b"DATE", &mut out);
            for chunk in message.chunks(size) {
                encoder.push(chunk, &mut out);
            }
            encoder.finish(&mut out);
            prop_assert_eq!(BString::from(out), encode(b"a@b", b"DATE", &message));
        }

        #[test]
        fn nothing_inside_looks_like_the_start_of_a_message(message in messages()) {
            let shown = encode(b"a@b", b"DATE", &message);
            prop_assert!(shown.starts_with(b"From a@b DATE\n"));
            prop_assert!(shown.ends_with(b"\n\n"));
            let body = &shown[b"From a@b DATE\n".len()..];
            prop_assert!(!body.starts_with(b"From "));
            prop_assert!(!body.contains_str("\n\nFrom "));
        }
    }
}
