//! Where a message has bytes above 127.

use crate::mail::header::HeaderPart;

/// Which parts of a message that is being read have bytes above 127.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EighthBits {
    /// The message, wherever.
    pub message: bool,
    /// The line that ended the header, where no empty line did.
    pub first_line: bool,
    /// That line goes on.
    in_first_line: bool,
}

impl EighthBits {
    /// Notes text of the message.
    pub fn note(&mut self, text: &[u8]) {
        self.message |= !text.is_ascii();
    }

    /// Notes that the header is over; the body goes to [`Self::note_body`] from its start on.
    pub fn end_header(&mut self, part: &HeaderPart) {
        self.in_first_line = !part.blank_seen;
    }

    /// Notes text of the body.
    pub fn note_body(&mut self, text: &[u8]) {
        if self.in_first_line {
            let end = memchr::memchr(b'\n', text);
            self.first_line |= !text[..end.unwrap_or(text.len())].is_ascii();
            self.in_first_line = end.is_none();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells whether the first line has such bytes in a body that comes in these parts.
    fn check(blank_seen: bool, parts: &[&str]) -> bool {
        let mut bits = EighthBits::default();
        bits.end_header(&HeaderPart { headers: Vec::new(), body_start: Vec::new(), blank_seen, fields_bytes: 0 });
        parts.iter().for_each(|part| bits.note_body(part.as_bytes()));
        bits.first_line
    }

    #[test]
    fn only_the_line_that_ends_the_header_counts() {
        assert!(check(false, &["é\nx\n"]));
        assert!(check(false, &["no", " field é", "\nx\n"]));
        assert!(!check(false, &["no field", "\n", "é\n"]));
        assert!(!check(true, &["é\n"]));
    }
}
