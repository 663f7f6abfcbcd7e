//! Enhanced mail system status codes (`RFC 3463`).

use std::fmt;
use std::str::FromStr;

/// An enhanced status code such as `5.1.1`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Status {
    class: u8,
    subject: u16,
    detail: u16,
}

/// The text is no enhanced status code.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is no enhanced status code (D.N.N with D 2, 4 or 5)")]
pub struct BadStatus(String);

impl Status {
    /// Success without more detail.
    pub const OK: Self = Self::new(2, 0, 0);

    /// Returns the code `class.subject.detail`.
    pub const fn new(class: u8, subject: u16, detail: u16) -> Self {
        Self { class, subject, detail }
    }

    /// Returns 2 (success), 4 (temporary failure) or 5 (permanent failure).
    pub fn class(self) -> u8 {
        self.class
    }

    /// Tells whether this is a temporary failure.
    pub fn is_temporary(self) -> bool {
        self.class == 4
    }

    /// Takes a code off the front of `text`; returns it and what follows it.
    pub fn split(text: &[u8]) -> Option<(Self, &[u8])> {
        let (class, rest) = digits(text, 1)?;
        if !matches!(class, 2 | 4 | 5) {
            return None;
        }
        let (subject, rest) = digits(rest.strip_prefix(b".")?, 3)?;
        let (detail, rest) = digits(rest.strip_prefix(b".")?, 3)?;
        let class = u8::try_from(class).expect("2, 4 or 5");
        Some((Self::new(class, subject, detail), rest))
    }
}

/// Takes a number of at most `width` digits off the front of `text`.
fn digits(text: &[u8], width: usize) -> Option<(u16, &[u8])> {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if len == 0 || len > width {
        return None;
    }
    let number = text[..len].iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    Some((number, &text[len..]))
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl FromStr for Status {
    type Err = BadStatus;

    fn from_str(text: &str) -> Result<Self, BadStatus> {
        match Self::split(text.as_bytes()) {
            Some((status, b"")) => Ok(status),
            _ => Err(BadStatus(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_prints_as_it_was_read() {
        for text in ["2.0.0", "4.4.7", "5.1.1", "5.123.999"] {
            assert_eq!(text.parse::<Status>().expect("valid").to_string(), text);
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for text in ["", "5", "5.1", "3.1.1", "5.1.1 ", "5.1.1234", "5..1", "x.1.1"] {
            text.parse::<Status>().expect_err(text);
        }
    }

    #[test]
    fn the_rest_of_a_text_is_returned() {
        assert_eq!(Status::split(b"5.7.1 no"), Some((Status::new(5, 7, 1), &b" no"[..])));
    }
}
