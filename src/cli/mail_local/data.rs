//! The message of an LMTP session: dots taken off, the end found.

/// Takes a message out of the lines that follow DATA (RFC 5321 §4.5.2).
///
/// Where the client ends its lines with CR LF, only CR LF `.` CR LF is the end, so that a message
/// with bare line feeds cannot end itself early. A client that ends lines with LF alone is understood
/// as well.
#[derive(Debug)]
pub(super) struct Data {
    /// Only CR LF ends a line.
    strict: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    LineStart,
    Dot,
    DotCr,
    Inside,
    Cr,
    Ended,
}

impl Data {
    /// Starts before the first line.
    pub(super) fn new(strict: bool) -> Self {
        Self { strict, state: State::LineStart }
    }

    /// Tells whether the end has been read.
    pub(super) fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Takes input, writes the message's bytes to `out` and returns how much was taken.
    ///
    /// Everything is taken unless the end is in it.
    pub(super) fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        let mut taken = 0;
        while taken < input.len() && !self.is_ended() {
            if self.state == State::Inside {
                let rest = &input[taken..];
                let plain = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                out.extend_from_slice(&rest[..plain]);
                taken += plain;
                if plain == rest.len() {
                    break;
                }
            }
            self.step(input[taken], out);
            taken += 1;
        }
        taken
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        let ends_line = byte == b'\n' && (!self.strict || matches!(self.state, State::Cr | State::DotCr));
        self.state = match (self.state, byte) {
            (State::LineStart, b'.') => State::Dot,
            (State::Dot, b'\r') => State::DotCr,
            (State::Dot | State::DotCr, b'\n') if ends_line => State::Ended,
            (state, byte) => {
                // A CR that was held back belongs to the message after all.
                if matches!(state, State::Cr | State::DotCr) {
                    out.push(b'\r');
                }
                match byte {
                    b'\r' => State::Cr,
                    _ => {
                        out.push(byte);
                        if ends_line { State::LineStart } else { State::Inside }
                    }
                }
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use bstr::BString;
    use proptest::prelude::*;

    use super::*;

    /// Reads `input` in chunks; returns the message and what follows it, `None` without an end.
    fn read(input: &[u8], strict: bool, size: usize) -> (BString, Option<BString>) {
        let mut data = Data::new(strict);
        let (mut out, mut rest) = (Vec::new(), input);
        while !rest.is_empty() && !data.is_ended() {
            let taken = data.take(&rest[..size.min(rest.len())], &mut out);
            rest = &rest[taken..];
        }
        (out.into(), data.is_ended().then(|| rest.into()))
    }

    #[track_caller]
    fn check(input: &str, strict: bool, message: &str, rest: Option<&str>) {
        assert_eq!(read(input.as_bytes(), strict, usize::MAX), (message.into(), rest.map(BString::from)));
    }

    #[test]
    fn dots_come_off_and_the_end_is_found() {
        check("a\r\n..b\r\n.c\r\n.\r\nQUIT\r\n", true, "a\r\n.b\r\nc\r\n", Some("QUIT\r\n"));
        check(".\r\n", true, "", Some(""));
        check("a\n..b\n.\nQUIT\n", false, "a\n.b\n", Some("QUIT\n"));
        check("a\r\n.\r\n", false, "a\r\n", Some(""));
        check("a\r\n", true, "a\r\n", None);
        check(".\r\r\n.\r\n", true, "\r\r\n", Some(""));
    }

    #[test]
    fn when_lines_end_in_crlf_then_a_bare_line_feed_ends_nothing() {
        check("a\n.\nb\r\n.\nc\r\n.\r\n", true, "a\n.\nb\r\n\nc\r\n", Some(""));
        check("a\n.\r\nb\r\n.\r\n", true, "a\n.\r\nb\r\n", Some(""));
    }

    proptest! {
        #[test]
        fn every_chunking_gives_the_same_message(
            pieces in proptest::collection::vec(prop_oneof![Just("."), Just("\r"), Just("\n"), Just("a")], 0..40),
            strict: bool,
            size in 1_usize..5,
        ) {
            let input = pieces.concat();
            prop_assert_eq!(read(input.as_bytes(), strict, size), read(input.as_bytes(), strict, usize::MAX));
        }
    }
}
