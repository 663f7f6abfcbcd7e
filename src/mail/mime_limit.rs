//! Limits for fields that readers of mail parse (`Content-Type:` …): a long one may be an attack on them (op guide,
//! "MaxMimeHeaderLength").
//!
//! What is cut off is closed again: quotes, comments and escapes end within the limit.

use bstr::BString;

/// What was done to a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trimmed {
    /// It was too long: so many bytes.
    Cut(usize),
    /// It was short enough, but something was left open.
    Closed,
}

/// Cuts each parameter of a field that is longer than `bytes_max`; returns what was done to each.
pub fn trim_parameters(value: &mut BString, bytes_max: usize) -> Vec<Trimmed> {
    let mut done = Vec::new();
    let mut whole = BString::default();
    let mut rest = value.as_slice();
    loop {
        let end = parameter_end(rest);
        let mut parameter = BString::from(&rest[..end]);
        done.extend(trim(&mut parameter, bytes_max));
        whole.append(&mut parameter);
        if end == rest.len() {
            break;
        }
        whole.push(b';');
        rest = &rest[end + 1..];
    }
    *value = whole;
    done
}

/// Cuts a text that is longer than `bytes_max`, and closes what is open in it; returns what was done.
pub fn trim(text: &mut BString, bytes_max: usize) -> Option<Trimmed> {
    let mut open = Open::default();
    let room = bytes_max.min(text.len());
    let fits = |&at: &usize| {
        open.pass(text[at]);
        at + 1 + open.closing_len() <= room
    };
    let kept = (0..text.len()).take_while(fits).count();
    if kept == text.len() {
        return None;
    }
    let closing = Open::within(&text[..kept]);
    let before = text.len();
    cut(text, kept);
    text.extend(std::iter::repeat_n(b')', closing.comments));
    text.extend(closing.quoted.then_some(b'"'));
    Some(if before < bytes_max { Trimmed::Closed } else { Trimmed::Cut(before) })
}

/// Cuts a text to `bytes_max`; a line end that the cut would bare, so that the field would end there, becomes a space.
pub fn cut(text: &mut BString, bytes_max: usize) {
    text.truncate(bytes_max);
    if let Some(last) = text.last_mut().filter(|last| **last == b'\n') {
        *last = b' ';
    }
}

/// Returns where the first parameter of a field ends: at a semicolon outside of quotes and comments, or with the text.
fn parameter_end(text: &[u8]) -> usize {
    let mut open = Open::default();
    let ends = |byte: &u8| {
        let is_outside = open.closing_len() == 0;
        open.pass(*byte);
        is_outside && *byte == b';'
    };
    text.iter().position(ends).unwrap_or(text.len())
}

/// What is open at some place of a text.
#[derive(Default)]
struct Open {
    escaped: bool,
    quoted: bool,
    comments: usize,
}

impl Open {
    fn within(text: &[u8]) -> Self {
        let mut open = Self::default();
        text.iter().for_each(|byte| open.pass(*byte));
        open
    }

    /// Goes past one byte.
    fn pass(&mut self, byte: u8) {
        if self.escaped {
            self.escaped = false;
            return;
        }
        match byte {
            b'\\' => self.escaped = true,
            b'(' if !self.quoted => self.comments += 1,
            b')' => self.comments = self.comments.saturating_sub(1),
            b'"' if self.comments == 0 => self.quoted = !self.quoted,
            _ => {}
        }
    }

    /// Returns how many bytes close everything.
    fn closing_len(&self) -> usize {
        usize::from(self.escaped) + usize::from(self.quoted) + self.comments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, bytes_max: usize, expected: &str, done: Option<Trimmed>) {
        let mut value = BString::from(text);
        assert_eq!(trim(&mut value, bytes_max), done, "{text}");
        assert_eq!(value, expected);
    }

    #[test]
    fn what_is_cut_off_is_closed() {
        check("abcdef", 6, "abcdef", None);
        check("abcdefg", 6, "abcdef", Some(Trimmed::Cut(7)));
        check("\"bcdefg\"", 6, "\"bcde\"", Some(Trimmed::Cut(8)));
        check("((cdefg))", 6, "((cd))", Some(Trimmed::Cut(9)));
        check("(\"cdefg\")", 6, "(\"cde)", Some(Trimmed::Cut(9)));
        check("\"(cdefg)\"", 6, "\"(cde\"", Some(Trimmed::Cut(9)));
        check("abcde\\fg", 6, "abcde", Some(Trimmed::Cut(8)));
    }

    #[test]
    fn what_is_open_is_closed_within_its_length() {
        check("(x", 9, "()", Some(Trimmed::Closed));
        check("\"xx", 9, "\"x\"", Some(Trimmed::Closed));
        check("x\\", 9, "x", Some(Trimmed::Closed));
        check("x)", 9, "x)", None);
        check("", 9, "", None);
    }

    #[test]
    fn no_cut_ends_the_field() {
        check("x (\n ", 9, "x ( )", Some(Trimmed::Closed));
        check("x \"\n ", 9, "x \" \"", Some(Trimmed::Closed));
        check("x\\\n yz", 3, "x\\ ", Some(Trimmed::Cut(6)));
        let mut value = BString::from(" a; bcdefghi\n jklm; x");
        trim_parameters(&mut value, 10);
        assert_eq!(value, " a; bcdefghi ; x");
        proptest::proptest!(|(pieces in proptest::collection::vec("[(\")\\\\;x]|\n ", 0..12), max in 1_usize..12)| {
            let folds = |value: &BString| bstr::ByteSlice::find_iter(value.as_slice(), "\n").count()
                == bstr::ByteSlice::find_iter(value.as_slice(), "\n ").count();
            let mut whole = BString::from(pieces.concat());
            trim(&mut whole, max);
            proptest::prop_assert!(folds(&whole), "{whole:?}");
            let mut parted = BString::from(pieces.concat());
            trim_parameters(&mut parted, max);
            proptest::prop_assert!(folds(&parted), "{parted:?}");
        });
    }

    #[test]
    fn each_parameter_has_its_own_limit() {
        let mut value = BString::from(" text/plain; a=\"x;y\"; abc=defghijklm; (;; b");
        let done = trim_parameters(&mut value, 12);
        assert_eq!(value, " text/plain; a=\"x;y\"; abc=defghij; (;; )");
        assert_eq!(done, [Trimmed::Cut(15), Trimmed::Closed]);
    }
}
