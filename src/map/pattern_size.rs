//! How large a POSIX regular expression becomes when the C library writes its repeats out.
//!
//! It does so before it does anything else, so that a pattern of one line could take all memory: `((a{255}){255}){255}`
//! has 16 million pieces. What may be missing (`?`, `*`, `{0,9}`) costs the square of its count.

use bstr::BString;

/// The most pieces of a pattern: each a character, a bracket expression or the like, as often as it is repeated.
const PIECES_MAX: u64 = 50_000;
/// The most of them that may be missing.
const OPTIONAL_MAX: u64 = 1500;
/// The deepest parentheses: the C library calls itself for each.
const DEPTH_MAX: usize = 200;

/// Refuses a pattern whose repeats make too much of it.
///
/// # Errors
/// What there is too much of.
pub(super) fn check(pattern: &[u8], is_extended: bool) -> Result<(), BString> {
    let mut reader = Reader { rest: pattern, is_extended, frames: vec![Frame::default()] };
    while reader.step() {
        if reader.frames.len() > DEPTH_MAX {
            return Err(format!("its parentheses are nested deeper than {DEPTH_MAX}").into());
        }
    }
    let whole = reader.frames.iter().fold(Size::default(), |sum, frame| sum.plus(frame.sum).plus(frame.last));
    let too_many = |what: &str, count: u64, limit: u64| {
        Err(format!("its repeats make {count} {what} of it; use smaller ones, {limit} are the most").into())
    };
    match whole {
        Size { pieces, .. } if pieces > PIECES_MAX => too_many("pieces", pieces, PIECES_MAX),
        Size { optional, .. } if optional > OPTIONAL_MAX => {
            too_many("pieces that may be missing", optional, OPTIONAL_MAX)
        }
        _ => Ok(()),
    }
}

/// The size of a part of a pattern.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    pieces: u64,
    optional: u64,
}

impl Size {
    const ONE: Size = Size { pieces: 1, optional: 0 };

    fn plus(self, other: Size) -> Size {
        Size {
            pieces: self.pieces.saturating_add(other.pieces),
            optional: self.optional.saturating_add(other.optional),
        }
    }

    /// Returns the size when it is there `least` times and may be there up to `most` times (`None`: any number).
    fn repeated(self, least: u64, most: Option<u64>) -> Size {
        // The last copy stands for any number.
        let copies = most.unwrap_or(least.saturating_add(1)).max(least);
        Size {
            pieces: self.pieces.saturating_mul(copies),
            optional: self
                .optional
                .saturating_mul(least)
                .saturating_add(self.pieces.saturating_mul(copies.saturating_sub(least))),
        }
    }
}

/// What stands between two parentheses, as far as it was read.
#[derive(Default)]
struct Frame {
    sum: Size,
    /// The last element, which a repeat may follow.
    last: Size,
}

/// A pattern as it is being read.
struct Reader<'a> {
    rest: &'a [u8],
    is_extended: bool,
    frames: Vec<Frame>,
}

impl Reader<'_> {
    /// Reads one element; false at the end.
    fn step(&mut self) -> bool {
        let (is_special, byte, after) = match *self.rest {
            [] => return false,
            [b'\\', byte, ref after @ ..] => (!self.is_extended, byte, after),
            [byte, ref after @ ..] => (self.is_extended || matches!(byte, b'*' | b'['), byte, after),
        };
        let is_escaped = self.rest[0] == b'\\';
        self.rest = after;
        match byte {
            b'(' if is_special => self.frames.push(Frame::default()),
            b')' if is_special && self.frames.len() > 1 => {
                let closed = self.frames.pop().unwrap_or_default();
                self.element(closed.sum.plus(closed.last).plus(Size::ONE));
            }
            b'{' if is_special => self.interval(),
            b'*' if !is_escaped => self.repeat(0, None),
            b'+' if is_special => self.repeat(1, None),
            b'?' if is_special => self.repeat(0, Some(1)),
            b'[' if !is_escaped => {
                self.rest = crate::sys::regex::after_bracket(self.rest);
                self.element(Size::ONE);
            }
            _ => self.element(Size::ONE),
        }
        true
    }

    fn element(&mut self, size: Size) {
        if let Some(frame) = self.frames.last_mut() {
            frame.sum = frame.sum.plus(frame.last);
            frame.last = size;
        }
    }

    fn repeat(&mut self, least: u64, most: Option<u64>) {
        if let Some(frame) = self.frames.last_mut() {
            frame.last = frame.last.repeated(least, most);
        }
    }

    /// Reads the rest of `{m}`, `{m,}` or `{m,n}`; anything else repeats nothing.
    fn interval(&mut self) {
        let least = self.number();
        let most = match self.rest {
            [b',', after @ ..] => {
                self.rest = after;
                self.number()
            }
            _ => least,
        };
        let end: &[u8] = if self.is_extended { b"}" } else { b"\\}" };
        self.rest = self.rest.strip_prefix(end).unwrap_or(self.rest);
        if least.is_some() || most.is_some() {
            self.repeat(least.unwrap_or(0), most);
        }
    }

    fn number(&mut self) -> Option<u64> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, after) = self.rest.split_at(digits);
        self.rest = after;
        let value =
            number.iter().fold(0_u64, |value, digit| value.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
        (digits > 0).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn taken(pattern: &str) {
        assert_eq!(check(pattern.as_bytes(), true), Ok(()), "{pattern}");
    }

    #[track_caller]
    fn refused(pattern: &str, is_extended: bool, what: &str) {
        let error = check(pattern.as_bytes(), is_extended).expect_err(pattern);
        assert!(error.to_string().contains(what), "{pattern}: {error}");
    }

    #[test]
    fn what_sites_write_is_taken() {
        taken("^([0-9]{1,3}\\.){3}[0-9]{1,3}$");
        taken("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$");
        taken("([a-z]{1,63}\\.){1,20}$");
        taken("a{20000}");
        taken("[{]{3}|{,}|x{");
        taken("((((((a*)*)*)*)*)*)*");
    }

    #[test]
    fn repeats_of_repeats_are_counted() {
        refused("((a{255}){255}){255}", true, "make 16");
        refused("\\(\\(a\\{255\\}\\)\\{255\\}\\)\\{255\\}", false, "make 16");
        refused(&format!("{}a{}", "(".repeat(60), "{255})".repeat(60)), true, &u64::MAX.to_string());
        refused("(a?){2000}", true, "2000 pieces that may be missing");
        refused("((a*){50}){50}", true, "that may be missing");
        refused("[]a[:alpha:]]{60000}", true, "60000 pieces");
        assert_eq!(check(b"(a{255}){255}){255}", false), Ok(()));
    }

    #[test]
    fn deep_parentheses_are_refused_before_the_library_sees_them() {
        refused(&"(".repeat(100_000), true, "nested deeper than 200");
        taken(&format!("{}a{}", "(".repeat(150), ")".repeat(150)));
    }
}
