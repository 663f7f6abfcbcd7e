//! What stands around an address: names, comments, brackets. A frame takes another spelling of the address in its place.

use bstr::BString;

use super::token::EXPAND;
use crate::name::{CSpace as _, TrimSpace as _};

/// The longest frame, in bytes (one less than the original's MAXNAME).
const FRAME_BYTES_MAX: usize = 255;
/// Characters of a name that must be in quotes, whatever the configuration says.
const ALWAYS_QUOTED: &[u8] = b"@,;:\\()[]";

/// What a configuration says of the text around addresses.
#[derive(Clone, Copy, Debug)]
pub struct FrameRules<'a> {
    /// Colons do not begin groups (option `ColonOkInAddr`).
    pub colon_ok: bool,
    /// More characters of a name that must be in quotes (option `MustQuoteChars`).
    pub must_quote: &'a [u8],
}

/// What stands in a frame where the address belongs: `$g` in internal form.
const HOLE: [u8; 2] = [EXPAND, b'g'];

/// A text with a place for an address.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Frame {
    text: BString,
    /// Where [`HOLE`] is; none where there is no address at all.
    place: Option<usize>,
}

impl Frame {
    /// Takes the address out of one element of an address list: `"A B" <a@b>` becomes `"A B" <` and `>`.
    ///
    /// Names get the quotes that they need, and what is open is closed. Where there is too much of it, nothing is left
    /// but angle brackets.
    pub fn of(text: &[u8], rules: FrameRules<'_>) -> Self {
        let text = text.trim_space_start();
        let mut framer = Framer { text, rules, limit: FRAME_BYTES_MAX, ..Framer::default() };
        while let Some(byte) = framer.next() {
            framer.take(byte);
        }
        framer.close();
        let Framer { mut frame, is_too_long, .. } = framer;
        if is_too_long {
            return Self { text: [b"<", &HOLE[..], b">"].concat().into(), place: Some(1) };
        }
        frame.place = frame.place.filter(|place| frame.text[*place..].starts_with(&HOLE));
        frame
    }

    /// Returns the text with `address` in its place.
    pub fn with_address(&self, address: &[u8]) -> BString {
        match self.place {
            Some(place) => [&self.text[..place], address, &self.text[place + HOLE.len()..]].concat().into(),
            None => self.text.clone(),
        }
    }

    /// Returns the text in internal form, with `$g` in the place of the address.
    pub fn template(&self) -> &BString {
        &self.text
    }
}

impl Default for FrameRules<'_> {
    fn default() -> Self {
        Self { colon_ok: false, must_quote: b".'" }
    }
}

/// A frame under construction.
#[derive(Default)]
struct Framer<'a> {
    text: &'a [u8],
    rules: FrameRules<'a>,
    at: usize,
    frame: Frame,
    /// The frame may not get longer than this now; what must still be closed has its room beyond.
    limit: usize,
    /// Text is kept while this is above 0: inside comments, and behind the angle brackets.
    keeping: usize,
    comments: usize,
    in_angles: bool,
    brackets: isize,
    quoted: bool,
    /// The name must be put in quotes.
    needs_quotes: bool,
    had_angle: bool,
    had_colon: bool,
    /// Where the present member of a group begins in the frame and in the text.
    member: (usize, usize),
    /// There was no room for something.
    is_too_long: bool,
    /// What the frame itself must still close.
    owes_quote: bool,
    owed_comments: usize,
    owes_angle: bool,
}

impl Framer<'_> {
    /// Takes the next byte off the text.
    fn next(&mut self) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// Tells whether the frame may get longer.
    fn has_room(&self) -> bool {
        self.frame.text.len() < self.limit && self.limit <= FRAME_BYTES_MAX
    }

    /// Appends a byte if there is room.
    fn append(&mut self, byte: u8) {
        if self.has_room() {
            self.frame.text.push(byte);
        } else {
            self.is_too_long = true;
        }
    }

    /// Appends a byte if text is kept here.
    fn keep(&mut self, byte: u8) {
        if self.keeping > 0 {
            self.append(byte);
        }
    }

    /// Takes a byte of the text.
    fn take(&mut self, byte: u8) {
        self.keep(byte);
        match byte {
            b'\\' => self.backslash(),
            b'"' if self.comments == 0 => self.quote(),
            _ if self.quoted => self.address(),
            b'(' => self.open_comment(),
            b')' if self.comments > 0 => self.close_comment(),
            _ if self.comments > 0 => {}
            _ => self.plain(byte),
        }
    }

    fn backslash(&mut self) {
        self.needs_quotes |= self.comments == 0 && !self.quoted;
        if let Some(byte) = self.next() {
            self.keep(byte);
        }
        self.address();
    }

    fn quote(&mut self) {
        self.quoted = !self.quoted;
        if self.keeping > 0 && self.has_room() {
            // QUIRK(quote-behind-address): there is no room for anything behind this quote.
            self.limit += 1;
            self.owes_quote = true;
        }
    }

    fn open_comment(&mut self) {
        self.comments += 1;
        if self.has_room() {
            self.limit -= 1;
            self.owed_comments += 1;
            if self.keeping == 0 {
                if self.frame.text.len() != self.member.0 {
                    self.append(b' ');
                }
                self.append(b'(');
            }
            self.keeping += 1;
        }
    }

    fn close_comment(&mut self) {
        self.comments -= 1;
        self.keeping = self.keeping.saturating_sub(1);
        self.owed_comments = self.owed_comments.saturating_sub(1);
        self.limit += 1;
    }

    /// Takes a byte outside quotes and comments.
    fn plain(&mut self, byte: u8) {
        if byte == b')' && self.keeping > 0 && self.has_room() && self.frame.text.len() > self.member.0 {
            // Nothing is open that it could close.
            self.frame.text.pop();
        }
        match byte {
            b'[' => self.brackets += 1,
            b']' => self.brackets -= 1,
            _ => {}
        }
        if byte == b':' && !self.in_angles && self.brackets <= 0 && !self.had_colon && !self.rules.colon_ok {
            return self.colon();
        }
        if byte == b';' && self.keeping == 0 && !self.rules.colon_ok {
            self.append(byte);
        }
        self.needs_quotes |= ALWAYS_QUOTED.contains(&byte) || self.rules.must_quote.contains(&byte);
        match byte {
            b'<' => self.open_angle(),
            b'>' => self.close_angle(),
            _ => self.address(),
        }
    }

    /// Takes a colon: the end of a group's name, or one that belongs to an address (`host::user`).
    fn colon(&mut self) {
        if let Some(&next @ (b':' | b'.')) = self.text.get(self.at) {
            self.needs_quotes = true;
            self.keep(b':');
            self.keep(next);
            self.at += 1;
            return self.address();
        }
        self.had_colon = true;
        self.begin_again(b':');
        while let Some(&byte) = self.text.get(self.at).filter(|byte| byte.is_c_space()) {
            self.append(byte);
            self.at += 1;
        }
        self.member = (self.frame.text.len(), self.at);
    }

    fn open_angle(&mut self) {
        // Of two brackets, the first belongs to the name.
        self.needs_quotes |= self.had_angle;
        self.had_angle = true;
        self.in_angles = true;
        if self.has_room() && !self.owes_angle {
            self.owes_angle = true;
            self.limit -= 1;
        }
        self.begin_again(b'<');
    }

    fn close_angle(&mut self) {
        if self.in_angles {
            self.in_angles = false;
            if self.owes_angle {
                self.owes_angle = false;
                self.limit += 1;
            }
        } else if self.has_room() {
            // Nothing is open that it could close.
            if self.keeping > 0 && self.frame.text.len() > self.member.0 {
                self.frame.text.pop();
            }
            self.needs_quotes = true;
            return;
        }
        if self.keeping == 0 {
            self.append(b'>');
        }
        self.keeping += 1;
    }

    /// Takes everything since the last member as a name that ends with `end`; it is copied anew, in quotes if it must.
    fn begin_again(&mut self, end: u8) {
        self.frame.text.truncate(self.member.0);
        self.frame.place = None;
        let behind = self.at;
        let mut name_end = behind;
        if self.needs_quotes {
            self.append(b'"');
            name_end -= 1;
            while name_end > 0 && self.text[name_end - 1].is_c_space() {
                name_end -= 1;
            }
        }
        for place in self.member.1..name_end {
            let byte = self.text[place];
            if self.needs_quotes && byte == b'"' {
                self.append(b'\\');
            }
            self.append(byte);
        }
        if self.needs_quotes {
            // QUIRK(empty-name-in-group): an empty name gets quotes before a bracket inside of a group.
            let empty_at = if end == b':' { self.member.0 } else { 0 };
            if self.frame.text.len() == empty_at + 1 {
                self.frame.text.pop();
            } else {
                self.append(b'"');
            }
            for place in name_end..behind {
                self.append(self.text[place]);
            }
        }
        debug_assert_eq!(self.text.get(behind - 1), Some(&end));
        self.keeping = 0;
        self.needs_quotes = false;
    }

    /// Notes that the address is here.
    fn address(&mut self) {
        if self.keeping > 0 || self.frame.place.is_some() {
            return;
        }
        if self.frame.text.last() == Some(&b')') {
            self.append(b' ');
        }
        self.frame.place = Some(self.frame.text.len());
        HOLE.into_iter().for_each(|byte| self.append(byte));
    }

    /// Closes what is open.
    fn close(&mut self) {
        let text = &mut self.frame.text;
        if self.owes_quote && text.len() < FRAME_BYTES_MAX {
            text.push(b'"');
        }
        text.extend(std::iter::repeat_n(b')', self.owed_comments));
        if self.owes_angle {
            text.push(b'>');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let frame = Frame::of(text.as_bytes(), FrameRules::default());
        assert_eq!(frame.with_address(b"$g"), expected, "{text}");
    }

    #[test]
    fn the_address_is_found_among_names_and_comments() {
        check("a@b", "$g");
        check("bob (c)", "$g (c)");
        check("(c) alice", "(c) $g");
        check("\"Bob, X\" <bob>", "\"Bob, X\" <$g>");
        check("A B <a@b> (x)", "A B <$g> (x)");
        check("<@a,@b:c@d>", "<$g>");
        check("alice@example.com (A", "$g (A)");
        check("\"<x>\"@y", "$g");
        check("", "");
    }

    #[test]
    fn groups_keep_their_names() {
        check("g: alice", "g: $g");
        check("bob;", "$g;");
        check("undisclosed-recipients:;", "undisclosed-recipients:;$g");
        check("a::b", "$g");
        check("x@[IPv6:1::2]", "$g");
    }

    #[test]
    fn names_with_special_characters_are_quoted() {
        check("John Q. Public <j@x>", "\"John Q. Public\" <$g>");
        check("\"J. P.\" <j@x>", "\"J. P.\" <$g>");
        check("<a>:<b>", "<a>:\"\"<$g>");
    }

    #[test]
    fn what_is_too_long_is_left_out() {
        let long = "b".repeat(251);
        check(&format!("<a>{long}"), &format!("<$g>{long}"));
        check(&format!("<a>{long}b"), "<$g>");
        check("<a> \"x\"", "<$g>");
    }
}
