//! What a `Content-Type:` says.

use bstr::{BString, ByteSlice};

use crate::name::CSpace as _;

/// A `Content-Type:`, as far as it matters here.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct ContentType {
    pub(super) kind: BString,
    pub(super) subtype: BString,
    pub(super) boundary: Option<BString>,
}

impl ContentType {
    /// Reads `type/subtype; name=value…`; `None` for what is no type.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let (head, mut rest) = text.split_once_str(";").unwrap_or((text, b""));
        let (kind, subtype) = head.trim().split_once_str("/")?;
        let mut found = Self {
            kind: kind.trim().to_ascii_lowercase().into(),
            subtype: subtype.trim().to_ascii_lowercase().into(),
            boundary: None,
        };
        while let Some((name, after)) = rest.split_once_str("=") {
            let (value, after) = parameter_value(after.trim_start());
            if name.trim().eq_ignore_ascii_case(b"boundary") && !value.is_empty() {
                found.boundary = Some(value);
            }
            rest = after.split_once_str(";").map_or(&b""[..], |(_, rest)| rest);
        }
        Some(found)
    }

    /// Tells whether it is `kind/subtype`.
    pub(super) fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind == kind && self.subtype == subtype
    }
}

/// Takes a word or a quoted text off the front.
fn parameter_value(text: &[u8]) -> (BString, &[u8]) {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| *byte == b';' || byte.is_c_space()).unwrap_or(text.len());
        return (text[..end].into(), &text[end..]);
    };
    let mut value = BString::default();
    let mut bytes = quoted.iter().enumerate();
    while let Some((place, byte)) = bytes.next() {
        match byte {
            b'"' => return (value, &quoted[place + 1..]),
            b'\\' => value.extend(bytes.next().map(|(_, byte)| *byte)),
            _ => value.push(*byte),
        }
    }
    (value, b"")
}
