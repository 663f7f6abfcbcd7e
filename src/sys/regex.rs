//! POSIX regular expressions of the C library: what a postmaster's `regex` maps are written for.
//!
//! Leftmost-longest, basic and extended, in the locale of the process. Nothing else has the same meaning.

#![allow(unsafe_code)]

use std::ffi::CString;
use std::ops::Range;
use std::ptr;

use bstr::BString;

/// Which regular expressions, and how letters compare.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RegexOptions {
    /// Extended ones (`ERE`), else basic ones (`BRE`).
    pub extended: bool,
    /// Letters match without case.
    pub ignore_case: bool,
}

/// A pattern that the C library does not take, in its words.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct RegexError(pub BString);

/// A compiled regular expression.
pub struct Regex {
    compiled: Box<libc::regex_t>,
    groups: usize,
}

// SAFETY: POSIX lets several threads use one compiled expression with regexec at a time (it takes a pointer to
// const, and a library that caches inside locks itself); it is only changed when made and when freed, both with
// exclusive access.
unsafe impl Send for Regex {}
// SAFETY: as above.
unsafe impl Sync for Regex {}

impl Regex {
    /// Compiles `pattern`, which ends at a NUL.
    ///
    /// # Errors
    /// The C library does not take the pattern.
    pub fn new(pattern: &[u8], options: RegexOptions) -> Result<Self, RegexError> {
        let mut flags = 0;
        if options.extended {
            flags |= libc::REG_EXTENDED;
        }
        if options.ignore_case {
            flags |= libc::REG_ICASE;
        }
        let pattern = until_nul(pattern);
        // SAFETY: all-zero bytes are a valid regex_t, a struct of integers and pointers.
        let mut compiled: Box<libc::regex_t> = Box::new(unsafe { std::mem::zeroed() });
        // SAFETY: the first argument is exclusively ours, the second ends with NUL; both live through the call.
        let code = unsafe { libc::regcomp(&raw mut *compiled, pattern.as_ptr(), flags) };
        if code == 0 {
            Ok(Self { compiled, groups: count_groups(pattern.as_bytes(), options.extended) })
        } else {
            // After an error there is nothing to free (POSIX: the content of preg is undefined).
            Err(RegexError(message(code, &compiled)))
        }
    }

    /// Returns how many parenthesized sub-expressions the pattern has.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Returns where the leftmost longest match is, then where each group is; `None` if nothing matches.
    ///
    /// `text` ends at a NUL.
    pub fn find(&self, text: &[u8]) -> Option<Vec<Option<Range<usize>>>> {
        let text = until_nul(text);
        let mut places = vec![libc::regmatch_t { rm_so: -1, rm_eo: -1 }; self.groups() + 1];
        // SAFETY: the expression is compiled, the text ends with NUL, and `places` has as many elements as told.
        let code = unsafe {
            libc::regexec(ptr::from_ref(&*self.compiled), text.as_ptr(), places.len(), places.as_mut_ptr(), 0)
        };
        if code != 0 {
            return None;
        }
        let length = text.as_bytes().len();
        let range = |place: &libc::regmatch_t| {
            let (start, end) = (usize::try_from(place.rm_so).ok()?, usize::try_from(place.rm_eo).ok()?);
            (start <= end && end <= length).then_some(start..end)
        };
        Some(places.iter().map(range).collect())
    }

    /// Tells whether `text` matches somewhere.
    pub fn matches(&self, text: &[u8]) -> bool {
        self.find(text).is_some()
    }
}

impl Drop for Regex {
    fn drop(&mut self) {
        // SAFETY: the expression was compiled without error, and nobody uses it any more.
        unsafe { libc::regfree(&raw mut *self.compiled) };
    }
}

impl std::fmt::Debug for Regex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Regex").field("groups", &self.groups()).finish_non_exhaustive()
    }
}

/// Counts the groups of a valid pattern: the field with their number has another name on each system.
fn count_groups(pattern: &[u8], extended: bool) -> usize {
    let mut groups = 0;
    let mut rest = pattern;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match (byte, after) {
            (b'\\', [b'(', after @ ..]) => {
                groups += usize::from(!extended);
                after
            }
            (b'\\', [_, after @ ..]) => after,
            (b'[', after) => after_bracket(after),
            (b'(', after) => {
                groups += usize::from(extended);
                after
            }
            (_, after) => after,
        };
    }
    groups
}

/// Returns what follows a bracket expression, of which `rest` has lost its `[`.
pub fn after_bracket(rest: &[u8]) -> &[u8] {
    let rest = rest.strip_prefix(b"^").unwrap_or(rest);
    let mut rest = rest.strip_prefix(b"]").unwrap_or(rest);
    while let Some((&byte, after)) = rest.split_first() {
        rest = match (byte, after) {
            (b']', after) => return after,
            (b'[', [kind @ (b':' | b'.' | b'='), after @ ..]) => {
                let end = after.windows(2).position(|pair| pair == [*kind, b']']);
                end.map_or(&after[after.len()..], |end| &after[end + 2..])
            }
            (_, after) => after,
        };
    }
    rest
}

fn until_nul(bytes: &[u8]) -> CString {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    CString::new(&bytes[..end]).expect("there is no NUL before the first NUL")
}

fn message(code: libc::c_int, compiled: &libc::regex_t) -> BString {
    let mut text = [0_u8; 256];
    // SAFETY: the buffer is as long as told; the expression is the one that the code came from.
    unsafe { libc::regerror(code, compiled, text.as_mut_ptr().cast(), text.len()) };
    let end = memchr::memchr(0, &text).unwrap_or(text.len());
    text[..end].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENDED: RegexOptions = RegexOptions { extended: true, ignore_case: true };
    const BASIC: RegexOptions = RegexOptions { extended: false, ignore_case: false };

    #[track_caller]
    fn check(options: RegexOptions, pattern: &str, text: &str, expected: Option<&[Option<&str>]>) {
        let regex = Regex::new(pattern.as_bytes(), options).expect("a pattern");
        let found = regex.find(text.as_bytes());
        let words = found.map(|places| places.into_iter().map(|place| Some(&text[place?])).collect::<Vec<_>>());
        assert_eq!(words.as_deref(), expected);
    }

    #[test]
    fn groups_are_found_and_missing_ones_told() {
        check(EXTENDED, "^(a)|(b)$", "a", Some(&[Some("a"), Some("a"), None]));
        check(EXTENDED, "([a-z]+)@([a-z]+)", "1 Ann@lee", Some(&[Some("Ann@lee"), Some("Ann"), Some("lee")]));
        check(EXTENDED, "x", "abc", None);
    }

    #[test]
    fn the_longest_alternative_wins() {
        check(EXTENDED, "a|ab|abc", "abcd", Some(&[Some("abc")]));
    }

    #[test]
    fn basic_expressions_have_back_references() {
        check(BASIC, "\\(a*\\)b\\1", "aabaa", Some(&[Some("aabaa"), Some("aa")]));
        check(BASIC, "A", "a", None);
    }

    #[test]
    fn a_bad_pattern_is_told_in_the_librarys_words() {
        let error = Regex::new(b"(", EXTENDED).expect_err("unbalanced");
        assert!(!error.0.is_empty());
    }

    #[test]
    fn groups_are_counted_outside_of_brackets() {
        for (options, pattern, expected) in [
            (EXTENDED, "^([0-9]{1,3}\\.){3}(x)?", 2),
            (EXTENDED, "[](][(][[:alpha:](]\\((a)", 1),
            (EXTENDED, "((a)|(b))", 3),
            (BASIC, "\\(a\\)(b)[\\(]", 1),
        ] {
            assert_eq!(Regex::new(pattern.as_bytes(), options).expect("a pattern").groups(), expected);
        }
    }

    #[test]
    fn text_ends_at_a_nul() {
        assert!(!Regex::new(b"b", EXTENDED).expect("a pattern").matches(b"a\0b"));
    }
}
