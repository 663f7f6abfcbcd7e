//! The marks of the configuration language: what `$x` operators become once a line is read.

use std::sync::Arc;

/// The byte before a macro's name in internal form.
pub(crate) const EXPAND: u8 = 0x81;
/// `$&`: the byte before the name of a macro that is expanded at each use.
pub(crate) const EXPAND_LATE: u8 = 0x82;

/// Every mark without a name, with the character after its `$` and its code.
static PLAIN: [(u8, u8, Mark); 14] = [
    (b'(', 0x85, Mark::MapBegin),
    (b')', 0x86, Mark::MapEnd),
    (b'*', 0x90, Mark::ZeroOrMore),
    (b'+', 0x91, Mark::OneOrMore),
    (b'-', 0x92, Mark::One),
    (b'#', 0x96, Mark::Net),
    (b'@', 0x97, Mark::Host),
    (b':', 0x98, Mark::User),
    (b'>', 0x99, Mark::Call),
    (b'?', 0x9a, Mark::If),
    (b'|', 0x9b, Mark::Bar),
    (b'.', 0x9c, Mark::Fi),
    (b'[', 0x9d, Mark::HostBegin),
    (b']', 0x9e, Mark::HostEnd),
];

/// `$=`: the code before the name of a class.
const CLASS: u8 = 0x93;
/// `$~`: the code before the name of a class.
const NOT_CLASS: u8 = 0x94;
/// `$1`: the code before the digit.
const GROUP: u8 = 0x95;

/// An operator of the rule language, as a token of its own.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Mark {
    /// `$*`: zero or more tokens.
    ZeroOrMore,
    /// `$+`: one or more tokens.
    OneOrMore,
    /// `$-`: exactly one token.
    One,
    /// `$=x`: any phrase in class x.
    Class(Arc<[u8]>),
    /// `$~x`: any one token not in class x.
    NotClass(Arc<[u8]>),
    /// `$1` to `$9` (and `$0`): what the numbered wildcard matched.
    Group(u8),
    /// `$#`: a mailer follows.
    Net,
    /// `$@`: a host or an argument follows; on the left: no token.
    Host,
    /// `$:`: a user or a default follows.
    User,
    /// `$>`: call of a ruleset.
    Call,
    /// `$?`: start of a conditional.
    If,
    /// `$|`: else of a conditional; between the arguments of a ruleset.
    Bar,
    /// `$.`: end of a conditional.
    Fi,
    /// `$[`: start of a host name look-up.
    HostBegin,
    /// `$]`: end of a host name look-up.
    HostEnd,
    /// `$(`: start of a map look-up.
    MapBegin,
    /// `$)`: end of a map look-up.
    MapEnd,
    /// `$&x`: the value of a macro when the rule is used.
    Late(Arc<[u8]>),
}

impl Mark {
    /// Returns what `$` and `character` become in internal form, if that is an operator; a name or `$&`'s macro follows it.
    pub(crate) fn text_of(character: u8) -> Option<Vec<u8>> {
        let code = match character {
            b'=' => CLASS,
            b'~' => NOT_CLASS,
            b'&' => EXPAND_LATE,
            b'0'..=b'9' => return Some(vec![GROUP, character]),
            _ => PLAIN.iter().find(|(spelling, ..)| *spelling == character).map(|(_, code, _)| *code)?,
        };
        Some(vec![code])
    }

    /// Takes the mark off the front of text in internal form; returns it and the bytes it took.
    pub(crate) fn split(text: &[u8]) -> Option<(Self, usize)> {
        let (&code, rest) = text.split_first()?;
        let (name, after) = name_at(rest);
        let taken = 1 + after;
        match code {
            CLASS => Some((Self::Class(name.into()), taken)),
            NOT_CLASS => Some((Self::NotClass(name.into()), taken)),
            EXPAND_LATE => Some((Self::Late(name.into()), taken)),
            GROUP => {
                Some((Self::Group(rest.first().map_or(0, |digit| digit.wrapping_sub(b'0'))), 1 + rest.len().min(1)))
            }
            _ => PLAIN.iter().find(|(_, own, _)| *own == code).map(|(.., mark)| (mark.clone(), 1)),
        }
    }

    /// Appends the mark in internal form.
    pub(crate) fn append_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Class(name) => named(out, CLASS, name),
            Self::NotClass(name) => named(out, NOT_CLASS, name),
            Self::Late(name) => named(out, EXPAND_LATE, name),
            Self::Group(digit) => out.extend([GROUP, digit.wrapping_add(b'0')]),
            _ => out.extend(self.plain().map(|(_, code)| code)),
        }
    }

    /// Returns the mark in internal form.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.append_to(&mut bytes);
        bytes
    }

    /// Returns the character after the `$` of a mark without a name or digit, and its code.
    pub(super) fn plain(&self) -> Option<(u8, u8)> {
        let is_same = |mark: &Self| std::mem::discriminant(mark) == std::mem::discriminant(self);
        PLAIN.iter().find(|(.., mark)| is_same(mark)).map(|(character, code, _)| (*character, *code))
    }

    /// Returns the character after `$` of the mark with this code.
    pub(crate) fn spelling(code: u8) -> Option<u8> {
        match code {
            CLASS => Some(b'='),
            NOT_CLASS => Some(b'~'),
            EXPAND_LATE => Some(b'&'),
            _ => PLAIN.iter().find(|(_, own, _)| *own == code).map(|(character, ..)| *character),
        }
    }

    /// Tells whether a name or digit belongs to the code.
    pub(crate) fn is_digit_code(code: u8) -> bool {
        code == GROUP
    }
}

/// Returns the name at the start of `text`, without braces, and the bytes it takes.
pub(crate) fn name_at(text: &[u8]) -> (&[u8], usize) {
    match text.first() {
        None => (b"", 0),
        Some(b'{') => match memchr::memchr(b'}', text) {
            Some(end) => (&text[1..end], end + 1),
            None => (&text[1..], text.len()),
        },
        Some(_) => (&text[..1], 1),
    }
}

/// Appends a name with braces where it needs them.
pub(crate) fn append_name(out: &mut Vec<u8>, name: &[u8]) {
    if name.len() <= 1 {
        out.extend_from_slice(name);
    } else {
        out.push(b'{');
        out.extend_from_slice(name);
        out.push(b'}');
    }
}

/// Appends a code and a name.
fn named(out: &mut Vec<u8>, code: u8, name: &[u8]) {
    out.push(code);
    append_name(out, name);
}
