//! Text from outside in the program's messages.

use std::fmt::{self, Write as _};

use bstr::BString;

/// Text from outside as messages tell it.
///
/// QUIRK(messages-are-seven-bit): the original writes its messages without the highest bit of their bytes.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Told(BString);

/// The longest address that messages show whole, in bytes (one less than the original's MAXSHORTSTR).
const SHORT_BYTES_MAX: usize = 202;
/// What is shown at either end of a longer one, in bytes.
const END_BYTES: usize = 100;

impl Told {
    /// Returns an address as messages show it: of a long one, only both ends.
    pub fn shortened(address: &[u8]) -> Self {
        if address.len() <= SHORT_BYTES_MAX {
            return address.into();
        }
        [&address[..END_BYTES], b"...", &address[address.len() - END_BYTES..]].concat().into()
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = f.precision().unwrap_or(usize::MAX);
        self.0.iter().take(shown).try_for_each(|byte| f.write_char(char::from(byte & 0x7f)))
    }
}

impl<T: Into<BString>> From<T> for Told {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl std::ops::Deref for Told {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bit_is_not_told() {
        assert_eq!(Told::from(b"a\xe9\x81x".as_slice()).to_string(), "ai\x01x");
        assert_eq!(format!("{:.2}", Told::from("abc")), "ab");
    }

    #[test]
    fn long_addresses_are_shown_by_their_ends() {
        assert_eq!(Told::shortened(&[b'a'; 202]).to_string(), "a".repeat(202));
        assert_eq!(Told::shortened(&[b'a'; 203]).to_string(), format!("{0}...{0}", "a".repeat(100)));
    }
}
