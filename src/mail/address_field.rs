//! Header fields made of addresses (`To:`, `From:` …): taking them apart and writing them again.

use bstr::BString;

use super::address_list::{self, Separator};

/// The longest line of an address field before it is folded, in bytes.
const LINE_BYTES_MAX: usize = 78;

/// Header fields that name the sender.
const SENDER_FIELDS: [&str; 7] =
    ["From", "Sender", "Reply-To", "Errors-To", "Resent-From", "Resent-Sender", "Resent-Reply-To"];

/// Header fields that name recipients.
const RECIPIENT_FIELDS: [&str; 7] = ["To", "Cc", "Bcc", "Apparently-To", "Resent-To", "Resent-Cc", "Resent-Bcc"];

/// Whom the addresses of a field name, which decides the rulesets that rewrite them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Party {
    /// The sender.
    Sender,
    /// Recipients.
    Recipient,
}

impl Party {
    /// Returns whom a header field names; none for fields without addresses.
    pub fn of_field(name: &[u8]) -> Option<Self> {
        let among = |fields: &[&str]| fields.iter().any(|field| name.eq_ignore_ascii_case(field.as_bytes()));
        match () {
            () if among(&SENDER_FIELDS) => Some(Self::Sender),
            () if among(&RECIPIENT_FIELDS) => Some(Self::Recipient),
            () => None,
        }
    }
}

/// One address of a field with the text around it: `"A B" <` `a@b` `>`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Item {
    /// Phrase, group name, comments and `<` before the address.
    pub prefix: BString,
    /// The address alone.
    pub address: BString,
    /// `>`, comments and `;` behind the address.
    pub suffix: BString,
}

impl Item {
    /// Takes one element of an address list apart.
    pub fn parse(text: &[u8]) -> Self {
        let text = text.trim_ascii();
        let (start, end) = angles(text).unwrap_or_else(|| bare(text));
        let mut suffix = BString::from(&text[end..]);
        suffix.extend(std::iter::repeat_n(b')', open_comments(text)));
        Self { prefix: quoted_phrase(&text[..start]), address: text[start..end].into(), suffix }
    }

    /// Returns the element with `address` in the place of the old one.
    pub fn with_address(&self, address: &[u8]) -> BString {
        [self.prefix.as_slice(), address, self.suffix.as_slice()].concat().into()
    }
}

/// Returns the elements of an address field.
pub fn items(value: &[u8], separator: Separator) -> Vec<Item> {
    address_list::split(value, separator).iter().map(|element| Item::parse(element)).collect()
}

/// Returns the value of a field: `elements` with commas between them, folded so that lines stay short.
pub fn join(field_name: &[u8], elements: &[BString]) -> BString {
    let mut value = BString::from(" ");
    let mut column = field_name.len() + 2;
    for (number, element) in elements.iter().enumerate() {
        if number > 0 {
            value.push(b',');
            if column + element.len() + 2 > LINE_BYTES_MAX {
                value.extend_from_slice(b"\n\t");
                column = 8;
            } else {
                value.push(b' ');
                column += 2;
            }
        }
        value.extend_from_slice(element);
        column += element.len();
    }
    value
}

/// Finds what stands between `<` and `>`, outside quotes and comments.
fn angles(text: &[u8]) -> Option<(usize, usize)> {
    let mut start = None;
    let mut reader = Reader::default();
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'<' if reader.is_plain() => start = Some(at + 1),
            b'>' if reader.is_plain() => return Some((start?, at)),
            _ => {}
        }
        reader.pass(byte);
    }
    start.map(|start| (start, text.len()))
}

/// Finds the address of an element without angle brackets: what is neither comment, group name nor final `;`.
fn bare(text: &[u8]) -> (usize, usize) {
    let mut reader = Reader::default();
    let (mut start, mut end) = (None, 0);
    for (at, &byte) in text.iter().enumerate() {
        let plain = reader.is_plain() && byte != b'(';
        let in_comment = reader.comments > 0 || (byte == b'(' && !reader.quoted);
        reader.pass(byte);
        match byte {
            b':' if plain && group_colon(text, at) => start = None,
            b';' if plain => {}
            _ if in_comment || byte.is_ascii_whitespace() => {}
            _ => {
                start.get_or_insert(at);
                end = at + 1;
            }
        }
    }
    match start {
        Some(start) if start < end => (start, end),
        _ => (text.len(), text.len()),
    }
}

/// Tells whether the colon at `at` ends the name of a group: not in `::`, `:include:`, a source route or a literal.
fn group_colon(text: &[u8], at: usize) -> bool {
    let before = &text[..at];
    text.get(at + 1) != Some(&b':')
        && before.last() != Some(&b':')
        && !before.contains(&b'@')
        && !before.contains(&b'[')
        && at > 0
        && !text.starts_with(b":")
}

/// Returns how many comments are not closed at the end of `text`.
fn open_comments(text: &[u8]) -> usize {
    let mut reader = Reader::default();
    text.iter().for_each(|&byte| reader.pass(byte));
    reader.comments
}

/// Puts a phrase in quotes that holds characters which none may have outside quotes (option MustQuoteChars).
fn quoted_phrase(prefix: &[u8]) -> BString {
    let Some(phrase) = prefix.strip_suffix(b"<") else { return prefix.into() };
    let name = phrase.trim_ascii();
    let needs_quotes =
        name.iter().any(|byte| b"@,;:\\()[].".contains(byte)) && !name.iter().any(|byte| b"\"(:".contains(byte));
    if needs_quotes { [b"\"", name, b"\" <"].concat().into() } else { prefix.into() }
}

/// What the reader of an element stands inside of.
#[derive(Default)]
struct Reader {
    escaped: bool,
    quoted: bool,
    comments: usize,
}

impl Reader {
    /// Tells whether the next byte is neither quoted nor comment.
    fn is_plain(&self) -> bool {
        !self.escaped && !self.quoted && self.comments == 0
    }

    /// Goes past one byte.
    fn pass(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' if self.comments == 0 => self.quoted = !self.quoted,
            b'(' if !self.quoted => self.comments += 1,
            b')' if !self.quoted => self.comments = self.comments.saturating_sub(1),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, prefix: &str, address: &str, suffix: &str) {
        let item = Item::parse(text.as_bytes());
        assert_eq!(
            (item.prefix.as_slice(), item.address.as_slice(), item.suffix.as_slice()),
            (prefix.as_bytes(), address.as_bytes(), suffix.as_bytes()),
            "{text}"
        );
    }

    #[test]
    fn the_address_is_found_among_names_and_comments() {
        check("a@b", "", "a@b", "");
        check("bob (c)", "", "bob", " (c)");
        check("(c) alice", "(c) ", "alice", "");
        check("\"Bob, X\" <bob>", "\"Bob, X\" <", "bob", ">");
        check("A B <a@b> (x)", "A B <", "a@b", "> (x)");
        check("<@a,@b:c@d>", "<", "@a,@b:c@d", ">");
        check("alice@example.com (A", "", "alice@example.com", " (A)");
        check("\"<x>\"@y", "", "\"<x>\"@y", "");
        check("", "", "", "");
    }

    #[test]
    fn groups_keep_their_names() {
        check("g: alice", "g: ", "alice", "");
        check("bob;", "", "bob", ";");
        check("undisclosed-recipients:;", "undisclosed-recipients:;", "", "");
        check("a::b", "", "a::b", "");
        check("x@[IPv6:1::2]", "", "x@[IPv6:1::2]", "");
    }

    #[test]
    fn phrases_with_special_characters_are_quoted() {
        check("John Q. Public <j@x>", "\"John Q. Public\" <", "j@x", ">");
        check("\"J. P.\" <j@x>", "\"J. P.\" <", "j@x", ">");
    }

    #[test]
    fn long_lists_are_folded() {
        let elements: Vec<BString> = (0..9).map(|n| format!("user{n}@example.com").into()).collect();
        let value = join(b"To", &elements);
        assert!(value.split(|byte| *byte == b'\n').all(|line| line.len() < LINE_BYTES_MAX), "{value}");
        assert!(value.starts_with(b" user0@example.com, user1@example.com,"));
        assert_eq!(items(&value, Separator::Comma).len(), 9);
    }
}
