//! `F` lines: words of a class from the lines of a file, by a scanf pattern.

use bstr::{BString, ByteSlice};

use crate::name::{CSpace as _, TrimSpace as _};

/// The longest line of a class file, in bytes; the rest of a longer one counts as another (the original's MAXLINE less
/// one).
const LINE_BYTES_MAX: usize = 2047;

/// Returns the words that `pattern` (empty: `%s`) takes out of the lines of `text`.
pub(super) fn words(text: &[u8], pattern: &[u8]) -> Vec<BString> {
    let pattern = if pattern.is_empty() { &b"%s"[..] } else { pattern };
    let mut words = Vec::new();
    for line in text.lines_with_terminator().flat_map(|line| line.chunks(LINE_BYTES_MAX)) {
        if line.starts_with(b"#") {
            continue;
        }
        if let Some(found) = scan(line, pattern) {
            words.extend(found.fields().map(BString::from));
        }
    }
    words
}

/// Matches `line` against a scanf pattern; returns what its one conversion took.
fn scan<'a>(line: &'a [u8], pattern: &[u8]) -> Option<&'a [u8]> {
    let (mut line, mut pattern) = (line, pattern);
    let mut found = None;
    while let Some((&wanted, after)) = pattern.split_first() {
        match wanted {
            b'%' if after.first() == Some(&b'%') => {
                line = line.strip_prefix(b"%")?;
                pattern = &after[1..];
            }
            b'%' => {
                let conversion = Conversion::parse(after)?;
                let Some(taken) = conversion.take(&mut line) else {
                    return found;
                };
                if !conversion.is_dropped {
                    if found.is_some() {
                        // The original gives scanf one place to store: more conversions make the line worthless.
                        return None;
                    }
                    found = Some(taken);
                }
                pattern = conversion.rest;
            }
            _ if wanted.is_c_space() => {
                line = line.trim_space_start();
                pattern = after;
            }
            _ => match line.strip_prefix(&[wanted]) {
                Some(rest) => (line, pattern) = (rest, after),
                None => return found,
            },
        }
    }
    found
}

/// One `%` conversion.
struct Conversion<'p> {
    is_dropped: bool,
    width: usize,
    /// The characters that it takes; none: everything but white space.
    set: Option<[bool; 256]>,
    /// `%c`: white space counts too.
    any: bool,
    rest: &'p [u8],
}

impl<'p> Conversion<'p> {
    /// Reads what follows a `%`.
    fn parse(text: &'p [u8]) -> Option<Self> {
        let (is_dropped, text) = match text.strip_prefix(b"*") {
            Some(text) => (true, text),
            None => (false, text),
        };
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let width = text[..digits].to_str().ok()?.parse().ok().filter(|width| *width > 0);
        let (&kind, rest) = text[digits..].split_first()?;
        let width = width.unwrap_or(if kind == b'c' { 1 } else { usize::MAX });
        match kind {
            b's' => Some(Self { is_dropped, width, set: None, any: false, rest }),
            b'c' => Some(Self { is_dropped, width, set: None, any: true, rest }),
            b'[' => {
                let (set, rest) = set(rest);
                Some(Self { is_dropped, width, set: Some(set), any: false, rest })
            }
            _ => None,
        }
    }

    /// Takes what it matches off the front of `line`; nothing is no match.
    fn take<'a>(&self, line: &mut &'a [u8]) -> Option<&'a [u8]> {
        if self.set.is_none() && !self.any {
            *line = line.trim_space_start();
        }
        let accepts = |byte: &u8| match &self.set {
            Some(set) => set[usize::from(*byte)],
            None => self.any || !byte.is_c_space(),
        };
        let len = line.iter().take(self.width).take_while(|byte| accepts(byte)).count();
        let (taken, rest) = line.split_at(len);
        *line = rest;
        (len > 0).then_some(taken)
    }
}

/// Reads a set up to its `]`.
fn set(text: &[u8]) -> ([bool; 256], &[u8]) {
    let (is_negated, text) = match text.strip_prefix(b"^") {
        Some(text) => (true, text),
        None => (false, text),
    };
    // QUIRK(open-set): a set without `]` ends with the pattern (a `#` in it has begun a comment of the F line).
    let end = memchr::memchr(b']', text.get(1..).unwrap_or_default()).map_or(text.len(), |end| end + 1);
    let (members, rest) = (&text[..end], text.get(end + 1..).unwrap_or_default());
    let mut set = [is_negated; 256];
    let mut at = 0;
    while let Some(&first) = members.get(at) {
        let last = match members.get(at + 1..at + 3) {
            Some([b'-', last]) if *last >= first => *last,
            _ => first,
        };
        set[usize::from(first)..=usize::from(last)].fill(!is_negated);
        at += if last == first { 1 } else { 3 };
    }
    (set, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, pattern: &str, expected: &[&str]) {
        assert_eq!(words(text.as_bytes(), pattern.as_bytes()), expected);
    }

    #[test]
    fn the_first_word_of_each_line_counts() {
        check("alpha beta\n  gamma\n#no\nd#e f\n\nlast", "", &["alpha", "gamma", "d#e", "last"]);
    }

    #[test]
    fn the_rest_of_a_long_line_is_another_line() {
        let long = "a".repeat(LINE_BYTES_MAX);
        check(&format!("{long}b c\nd\n"), "", &[&long, "b", "d"]);
        check(&format!("#{long}b c\n"), "", &["ab"]);
    }

    #[test]
    fn a_pattern_is_matched_from_the_start_of_the_line() {
        check("abc1\n  def\nGhi\n", "%[a-z]", &["abc"]);
        check("a b c\nd\n", "%*s %s", &["b"]);
        check("a:b\nc:d\n", "%[^:]", &["a", "c"]);
        check("key=v1\nother=v2\n", "key=%s", &["v1"]);
        check("abcdef\n", "%3s", &["abc"]);
        check("a b\n", "%[a-z ]", &["a", "b"]);
        check("a d#e\n", "%[^", &["a", "d#e"]);
    }

    #[test]
    fn two_conversions_give_nothing() {
        check("a b\n", "%s %s", &[]);
        check("a b\n", "%d", &[]);
    }
}
