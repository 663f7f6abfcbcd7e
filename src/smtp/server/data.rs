//! The message after DATA: line ends, dot-stuffing, the end mark (`RFC 5321 §4.5.2`).

use memchr::memchr2;

/// What is done with a CR or LF that is not part of CRLF.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Bare {
    /// The message is refused and the connection closed.
    #[default]
    Refuse,
    /// It becomes a space (`u2`, `g2` of srv_features).
    Space,
    /// A bare CR stays, a bare LF ends a line (`U`, `G` of srv_features).
    Accept,
}

/// How strictly line ends are judged.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LineRules {
    /// A CR alone.
    pub bare_cr: Bare,
    /// A LF alone.
    pub bare_lf: Bare,
    /// Whether a dot between bare LFs ends a message too (`O` of srv_features).
    pub loose_end: bool,
}

/// Which character stood alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum BareByte {
    /// CR.
    Cr,
    /// LF.
    Lf,
}

/// Where the decoder stands after some input.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    /// All input is taken; the message goes on.
    More,
    /// The end mark is taken; what follows are commands.
    Ended,
    /// A line end that is refused.
    Refused(BareByte),
}

/// What the last bytes were.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// After CRLF, or at the very beginning.
    LineStart,
    /// After a bare LF that was accepted.
    LooseLineStart,
    /// Inside a line.
    Line,
    /// After a CR inside a line or at its start.
    Cr,
    /// After the first dot of a line.
    Dot,
    /// After the first dot of a line that a bare LF began.
    LooseDot,
    /// After a dot and a CR that began a line.
    DotCr,
}

/// Turns the wire form of a message into lines that end with LF.
#[derive(Clone, Debug)]
pub(super) struct DataDecoder {
    rules: LineRules,
    place: Place,
}

impl DataDecoder {
    /// Returns a decoder at the beginning of a message.
    pub(super) fn new(rules: LineRules) -> Self {
        Self { rules, place: Place::LineStart }
    }

    /// Takes bytes off the front of `input` and appends what they mean to `out`.
    ///
    /// Stops after the end mark and before a line end that is refused.
    pub(super) fn feed(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Progress {
        while let Some(&byte) = input.first() {
            let progress = match (self.place, byte) {
                (Place::Line, _) => self.line(input, out),
                (Place::LineStart, b'.') => self.step(input, Place::Dot),
                (Place::LooseLineStart, b'.') if self.rules.loose_end => self.step(input, Place::LooseDot),
                (Place::Cr, b'\n') => self.end_line(input, out, Place::LineStart),
                (Place::Dot | Place::LooseDot, b'\r') => self.step(input, Place::DotCr),
                (Place::DotCr, b'\n') => self.step_to_end(input),
                (Place::Dot | Place::LooseDot, b'\n') if self.rules.loose_end => self.step_to_end(input),
                (Place::Cr, _) => self.bare_cr(out),
                (Place::DotCr, _) => self.bare_cr(out),
                (Place::LooseDot, _) => {
                    out.push(b'.');
                    self.go(Place::Line)
                }
                (Place::LineStart | Place::LooseLineStart | Place::Dot, _) => self.go(Place::Line),
            };
            if progress != Progress::More {
                return progress;
            }
        }
        Progress::More
    }

    /// Changes the place without taking a byte.
    fn go(&mut self, place: Place) -> Progress {
        self.place = place;
        Progress::More
    }

    /// Takes one byte.
    fn step(&mut self, input: &mut &[u8], place: Place) -> Progress {
        *input = &input[1..];
        self.go(place)
    }

    /// Takes the last byte of the end mark.
    fn step_to_end(&mut self, input: &mut &[u8]) -> Progress {
        self.step(input, Place::LineStart);
        Progress::Ended
    }

    /// Takes the LF that ends a line.
    fn end_line(&mut self, input: &mut &[u8], out: &mut Vec<u8>, place: Place) -> Progress {
        out.push(b'\n');
        self.step(input, place)
    }

    /// Takes the rest of a line.
    fn line(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Progress {
        let len = memchr2(b'\r', b'\n', input).unwrap_or(input.len());
        out.extend_from_slice(&input[..len]);
        *input = &input[len..];
        match input.first() {
            None => Progress::More,
            Some(b'\r') => self.step(input, Place::Cr),
            Some(_) => match self.rules.bare_lf {
                Bare::Refuse => Progress::Refused(BareByte::Lf),
                Bare::Accept => self.end_line(input, out, Place::LooseLineStart),
                Bare::Space => {
                    out.push(b' ');
                    self.step(input, Place::Line)
                }
            },
        }
    }

    /// Deals with a CR that no LF follows; the byte after it is not taken.
    fn bare_cr(&mut self, out: &mut Vec<u8>) -> Progress {
        match self.rules.bare_cr {
            Bare::Refuse => return Progress::Refused(BareByte::Cr),
            Bare::Space => out.push(b' '),
            Bare::Accept => out.push(b'\r'),
        }
        self.go(Place::Line)
    }
}

#[cfg(test)]
mod tests {
    use bstr::{BStr, ByteSlice};
    use proptest::prelude::*;

    use super::*;

    /// Decodes `input` in pieces of `size` bytes; returns text, progress and what was not taken.
    fn decode(rules: LineRules, input: &[u8], size: usize) -> (Vec<u8>, Progress, usize) {
        let mut decoder = DataDecoder::new(rules);
        let mut out = Vec::new();
        let mut taken = 0;
        for piece in input.chunks(size) {
            let mut rest = piece;
            let progress = decoder.feed(&mut rest, &mut out);
            taken += piece.len() - rest.len();
            if progress != Progress::More {
                return (out, progress, taken);
            }
        }
        (out, Progress::More, taken)
    }

    #[track_caller]
    fn check_with(rules: LineRules, input: &str, text: &str, progress: Progress) {
        for size in [1, 2, 3, input.len()] {
            let (out, got, _) = decode(rules, input.as_bytes(), size);
            assert_eq!((out.as_bstr(), got), (BStr::new(text), progress), "{input:?} in pieces of {size}");
        }
    }

    #[track_caller]
    fn check(input: &str, text: &str, progress: Progress) {
        check_with(LineRules::default(), input, text, progress);
    }

    #[test]
    fn lines_lose_cr_and_the_stuffed_dot() {
        check("a\r\n..b\r\n.c\r\n", "a\n.b\nc\n", Progress::More);
        check("x\0y\r\n.\r\n", "x\0y\n", Progress::Ended);
        check(".\r\n", "", Progress::Ended);
        check("\r\n.\r\nQUIT", "\n", Progress::Ended);
    }

    #[test]
    fn only_crlf_dot_crlf_ends_a_message() {
        check("a\n.\r\nb", "a", Progress::Refused(BareByte::Lf));
        check("a\r\n.\nb", "a\n", Progress::Refused(BareByte::Lf));
        check("a\r\n.\rb", "a\n", Progress::Refused(BareByte::Cr));
        check("a\r.\r", "a", Progress::Refused(BareByte::Cr));
        check("ab\r\r\n.\r\n", "ab", Progress::Refused(BareByte::Cr));
        check("a\r\n.\r\r\n", "a\n", Progress::Refused(BareByte::Cr));
        check(".\n", "", Progress::Refused(BareByte::Lf));
    }

    #[test]
    fn bare_line_ends_become_spaces_where_the_site_says_so() {
        let rules = LineRules { bare_cr: Bare::Space, bare_lf: Bare::Space, loose_end: false };
        check_with(rules, "a\n.\r\nb\rc\r\n.\r\n", "a .\nb c\n", Progress::Ended);
    }

    #[test]
    fn an_accepted_bare_lf_ends_a_line_but_begins_no_end_mark() {
        let rules = LineRules { bare_cr: Bare::Accept, bare_lf: Bare::Accept, loose_end: false };
        check_with(rules, "a\n.\r\nb\n.\nc\rd\r\n.\r\n", "a\n.\nb\n.\nc\rd\n", Progress::Ended);
    }

    #[test]
    fn loose_ends_are_taken_where_the_site_says_so() {
        let rules = LineRules { bare_cr: Bare::Accept, bare_lf: Bare::Accept, loose_end: true };
        check_with(rules, "a\n.\nb", "a\n", Progress::Ended);
        check_with(rules, "a\n.b\n..\n.\r\n", "a\n.b\n..\n", Progress::Ended);
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(input in "[\\r\\n.ab]{0,40}", size in 1_usize..9) {
            let whole = decode(LineRules::default(), input.as_bytes(), input.len().max(1));
            prop_assert_eq!(whole, decode(LineRules::default(), input.as_bytes(), size));
        }

        #[test]
        fn nothing_but_the_end_mark_ends_a_message(input in "[\\r\\n.ab]{0,40}") {
            let (out, progress, taken) = decode(LineRules::default(), input.as_bytes(), 3);
            let wire = format!("\r\n{input}");
            let end = wire.find("\r\n.\r\n").map(|at| at + 3);
            match progress {
                Progress::Ended => prop_assert_eq!(Some(taken), end),
                Progress::More => prop_assert!(end.is_none()),
                Progress::Refused(_) => prop_assert!(end.is_none_or(|end| taken < end)),
            }
            prop_assert!(!out.contains(&b'\r'));
        }
    }
}
