//! Lists of addresses: header fields, alias values, `.forward` and `:include:` files.

use bstr::BString;
use memchr::memchr_iter;

use crate::name::{CSpace as _, TrimSpace as _};

/// The most addresses of one text that stands for an address; a list of more is no list that a person keeps.
pub const LIST_LEN_MAX: usize = 100_000;

/// The most lines of a `.forward` or included file, comments and empty ones, too.
const LINES_MAX: usize = 1_000_000;

/// The longest `.forward` or included file, in bytes, and what all those together may have that one address leads to:
/// as many addresses as one may become, with names and comments.
pub const TEXT_BYTES_MAX: u64 = 16 << 20;

/// A text that stands for an address has more than is taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TooMany {
    /// Addresses.
    #[error("it has more than {LIST_LEN_MAX} addresses")]
    Addresses,
    /// Lines.
    #[error("it has more than {LINES_MAX} lines")]
    Lines,
}

/// What separates the addresses of a list.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Separator {
    /// A comma, as `RFC 5322` has it.
    #[default]
    Comma,
    /// White space, or a comma where the text has one (option OldStyleHeaders).
    OldStyle,
}

impl Separator {
    /// Returns the one that option OldStyleHeaders asks for.
    #[must_use]
    pub const fn of_option(old_style_headers: bool) -> Self {
        if old_style_headers { Self::OldStyle } else { Self::Comma }
    }

    /// Returns the one of the lists that come after `list` in the same envelope.
    ///
    // QUIRK(old-style-ends): one list of the new style makes all of its envelope such.
    #[must_use]
    pub fn after(self, list: &[u8]) -> Self {
        if is_new_style(list) { Self::Comma } else { self }
    }
}

/// Tells whether a list has a sign that only `RFC 5322` knows.
fn is_new_style(list: &[u8]) -> bool {
    list.iter().any(|byte| b",;<(".contains(byte))
}

/// Splits a list of a header or a command at the commas that stand outside quotes, comments and routes in angle brackets.
///
/// Every address keeps its spelling, without the white space around it; what is none vanishes.
///
// QUIRK(backslash-delimiter): a backslash before a separator is the end of an address, or none.
pub fn split(text: &[u8], separator: Separator) -> Vec<BString> {
    addresses(text, separator).map(BString::from).collect()
}

/// Splits a list as [`split`] does; each address comes with all of the list from there on.
pub fn split_with_rest(text: &[u8], separator: Separator) -> impl Iterator<Item = (BString, &[u8])> {
    let addresses = placed_elements(text, separator).filter(|(_, element)| !is_comment(element));
    addresses.map(|(place, address)| (address.into(), text[place..].trim_space()))
}

/// Splits the value of a header field that is written again: what is no address, but a comment, is kept.
pub fn split_field(text: &[u8], separator: Separator) -> Vec<BString> {
    elements(text, separator).map(BString::from).collect()
}

/// Tells whether a text is no address, but white space and comments alone (`RFC 5322 §3.2.2`).
///
// QUIRK(comment-is-nobody): such a one is passed over in lists, be it the only one.
pub fn is_comment(text: &[u8]) -> bool {
    open_comments(text.strip_suffix(b"\\").unwrap_or(text)) == Some(0)
}

/// Tells whether a text is no address, but a comment that nothing closes.
pub fn is_open_comment(text: &[u8]) -> bool {
    open_comments(text).is_some_and(|open| open > 0)
}

/// Returns how many comments are open at the end of a text of white space and comments alone; none if there is more in it.
fn open_comments(text: &[u8]) -> Option<usize> {
    let mut nesting = Nesting::default();
    for byte in text {
        if nesting.comments == 0 && *byte != b'(' && !byte.is_c_space() {
            return None;
        }
        nesting.pass(*byte);
    }
    Some(nesting.comments)
}

/// What an element begins with that names a list file, in any case.
const INCLUDE: &[u8] = b":include:";

/// Returns the list file that an element without quotes names (`:include:/file`); none if it names none.
pub fn included(element: &[u8]) -> Option<&[u8]> {
    let (start, file) = element.split_at_checked(INCLUDE.len())?;
    start.eq_ignore_ascii_case(INCLUDE).then_some(file)
}

/// Splits the list that an alias or a maildrop stands for.
///
/// # Errors
/// There are too many: none may be lost in silence.
pub fn split_value(text: &[u8]) -> Result<Vec<BString>, TooMany> {
    within_limit(addresses(text, Separator::Comma).map(BString::from))
}

/// Splits the text of a `.forward` or included file: a list on every line, `#` at the start of a line begins a comment.
///
/// Returns each address with the number of its line, from 1.
///
/// # Errors
/// There are too many.
//
// QUIRK(lists-of-texts): option OldStyleHeaders says nothing of lists that stand for an address.
pub fn split_file(text: &[u8]) -> Result<Vec<(usize, BString)>, TooMany> {
    if memchr_iter(b'\n', text).nth(LINES_MAX).is_some() {
        return Err(TooMany::Lines);
    }
    let lines = (1..).zip(text.split(|byte| *byte == b'\n')).filter(|(_, line)| !line.starts_with(b"#"));
    let of_line =
        |(number, line)| addresses(line, Separator::Comma).map(move |address| (number, BString::from(address)));
    within_limit(lines.flat_map(of_line))
}

/// Collects what does not exceed the limit.
fn within_limit<T>(found: impl Iterator<Item = T>) -> Result<Vec<T>, TooMany> {
    let found: Vec<T> = found.take(LIST_LEN_MAX + 1).collect();
    if found.len() > LIST_LEN_MAX { Err(TooMany::Addresses) } else { Ok(found) }
}

/// Walks over the addresses of a list.
fn addresses(text: &[u8], separator: Separator) -> impl Iterator<Item = &[u8]> {
    elements(text, separator).filter(|element| !is_comment(element))
}

/// Walks over what the separators of a list divide.
fn elements(text: &[u8], separator: Separator) -> impl Iterator<Item = &[u8]> {
    placed_elements(text, separator).map(|(_, element)| element)
}

/// Walks over what the separators of a list divide, each with the place where it begins.
///
// QUIRK(comma-in-brackets)
fn placed_elements(text: &[u8], separator: Separator) -> impl Iterator<Item = (usize, &[u8])> {
    let by_blanks = separator == Separator::OldStyle && !is_new_style(text);
    let mut nesting = Nesting::default();
    let ends = move |byte: &u8| {
        let ends = nesting.is_outside() && (*byte == b',' || (by_blanks && byte.is_c_space()));
        if ends {
            nesting = Nesting::default();
        } else {
            nesting.pass(*byte);
        }
        ends
    };
    let mut next = 0;
    let pieces = text.split(ends).map(move |piece| {
        let place = next;
        next += piece.len() + 1;
        (place, piece.trim_space())
    });
    pieces.filter(|(_, element)| !element.is_empty())
}

/// Removes the quotes around (parts of) a text and the backslashes before characters.
pub fn unquote(text: &[u8]) -> BString {
    let mut plain = BString::default();
    let mut escaped = false;
    for &byte in text {
        match byte {
            _ if escaped => {
                plain.push(byte);
                escaped = false;
            }
            b'\\' => escaped = true,
            b'"' => {}
            _ => plain.push(byte),
        }
    }
    plain
}

/// What the reader stands inside of.
#[derive(Default)]
struct Nesting {
    escaped: bool,
    quoted: bool,
    comments: usize,
    angles: usize,
    /// The last character was an opening angle bracket.
    in_angle: bool,
    /// Hosts stand in the angle brackets before an address (`RFC 5322 §4.4`).
    in_route: bool,
}

impl Nesting {
    /// Tells whether a separator would count here.
    fn is_outside(&self) -> bool {
        !self.quoted && self.comments == 0 && !(self.angles > 0 && self.in_route)
    }

    /// Goes past one byte.
    fn pass(&mut self, byte: u8) {
        if self.escaped {
            self.escaped = false;
            return;
        }
        let begins_angle = self.in_angle;
        self.in_angle = begins_angle && byte.is_c_space();
        match byte {
            b'\\' => self.escaped = true,
            b'"' if self.comments == 0 => self.quoted = !self.quoted,
            _ if self.quoted => {}
            b'(' => self.comments += 1,
            b')' => self.comments = self.comments.saturating_sub(1),
            _ if self.comments > 0 => {}
            b'<' => {
                self.in_angle = true;
                self.angles += 1;
            }
            b'>' => {
                self.angles = self.angles.saturating_sub(1);
                self.in_route &= self.angles > 0;
            }
            b'@' => self.in_route |= begins_angle,
            _ => {}
        }
    }
}

/// Returns an address without the bytes that no line of a control file can have: they are white space.
pub fn one_line(mut address: BString) -> BString {
    address.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r' | 0)).for_each(|byte| *byte = b' ');
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, separator: Separator, expected: &[&str]) {
        assert_eq!(split(text.as_bytes(), separator), expected, "{text}");
    }

    #[test]
    fn an_address_comes_with_the_rest_of_its_list() {
        let all: Vec<_> = split_with_rest(b"a, (c), <b ,c", Separator::Comma).collect();
        assert_eq!(all, [("a".into(), &b"a, (c), <b ,c"[..]), ("<b".into(), b"<b ,c"), ("c".into(), b"c")]);
    }

    #[test]
    fn commas_outside_of_everything_separate() {
        check("a, b ,c", Separator::Comma, &["a", "b", "c"]);
        check("\"a, b\" <c>, d", Separator::Comma, &["\"a, b\" <c>", "d"]);
        check("a (x, (y, z), w), b", Separator::Comma, &["a (x, (y, z), w)", "b"]);
        check("<@a,@b:c@d>, e", Separator::Comma, &["<@a,@b:c@d>", "e"]);
        check("< @a,@b:c@d>, <e, f>", Separator::Comma, &["< @a,@b:c@d>", "<e", "f>"]);
        check("<a <@b, c>>, <(x)@d, e", Separator::Comma, &["<a <@b, c>>", "<(x)@d", "e"]);
        check("a\\,b, c", Separator::Comma, &["a\\", "b", "c"]);
        check("\\,a,\\", Separator::Comma, &["a"]);
        check(
            "\"a\\,b\", c (\\), d), e\\\", f\\\\,g",
            Separator::Comma,
            &["\"a\\,b\"", "c (\\), d)", "e\\\"", "f\\\\", "g"],
        );
        check(" , ,", Separator::Comma, &[]);
    }

    #[test]
    fn blanks_separate_in_old_style_lists_without_commas() {
        check("a b\tc", Separator::OldStyle, &["a", "b", "c"]);
        check("a b", Separator::Comma, &["a b"]);
        check("a b, c", Separator::OldStyle, &["a b", "c"]);
        check("a b <c>", Separator::OldStyle, &["a b <c>"]);
        check("\"|/bin/prog x\" y", Separator::OldStyle, &["\"|/bin/prog x\"", "y"]);
    }

    #[test]
    fn files_have_comments_and_a_list_on_each_line() {
        let text = b"# nobody\na, b\n\n\\c\n\"|prog # x\"\n|prog x\n";
        let found = split_file(text).expect("few");
        let found: Vec<(usize, &[u8])> = found.iter().map(|(line, address)| (*line, address.as_slice())).collect();
        assert_eq!(found, [(2, &b"a"[..]), (2, b"b"), (4, b"\\c"), (5, b"\"|prog # x\""), (6, b"|prog x")]);
    }

    #[test]
    fn comments_alone_are_no_addresses() {
        check("a, (b left), c", Separator::Comma, &["a", "c"]);
        check("(a) (b\\) (c)), (), a (b)", Separator::Comma, &["a (b)"]);
        check("(a, b", Separator::Comma, &["(a, b"]);
        check("\"(a)\", <(b)>, \\(c)", Separator::Comma, &["\"(a)\"", "<(b)>", "\\(c)"]);
        assert_eq!(split_value(b"(nobody)"), Ok(Vec::new()));
        assert_eq!(split_file(b"(on holiday)\na\n"), Ok(vec![(2, "a".into())]));
        assert_eq!(split_field(b" a, (b), ", Separator::Comma), ["a", "(b)"]);
        assert!(is_comment(b"") && is_comment(b" (a)\t") && !is_comment(b"(a") && !is_comment(b"(a)b"));
        assert!(is_open_comment(b"(a, b") && is_open_comment(b"(a) (b\\)") && !is_open_comment(b"(a)"));
        assert!(!is_open_comment(b"a (b"));
    }

    #[test]
    fn list_files_are_named_in_any_case() {
        assert_eq!(included(b":Include:/list"), Some(&b"/list"[..]));
        assert_eq!(included(b":include"), None);
    }

    #[test]
    fn too_many_addresses_are_told() {
        let list = |count: usize| "a,".repeat(count);
        assert_eq!(split_value(list(LIST_LEN_MAX).as_bytes()).map(|list| list.len()), Ok(LIST_LEN_MAX));
        assert_eq!(split_value(list(LIST_LEN_MAX + 1).as_bytes()), Err(TooMany::Addresses));
        assert_eq!(split_file(list(LIST_LEN_MAX + 1).replace("a,", "a\n").as_bytes()), Err(TooMany::Addresses));
        assert_eq!(split_file("\n".repeat(LINES_MAX).as_bytes()), Ok(Vec::new()));
        assert_eq!(split_file("#\n".repeat(LINES_MAX + 1).as_bytes()), Err(TooMany::Lines));
        // A field of a header is written again with all that stands in it.
        assert_eq!(split_field(list(LIST_LEN_MAX + 1).as_bytes(), Separator::Comma).len(), LIST_LEN_MAX + 1);
    }

    #[test]
    fn quotes_and_backslashes_come_off() {
        assert_eq!(unquote(b"\"|/bin/prog x\""), "|/bin/prog x");
        assert_eq!(unquote(b"a\\\"b\"c"), "a\"bc");
    }
}
