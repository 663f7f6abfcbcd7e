//! Names of macros, classes, rulesets, mailers and maps.

use std::fmt;

use bstr::{BStr, BString};

use super::Told;

/// A macro or class name has a character that none may have, or is empty, or does not end.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadName {
    /// No name stands where one must.
    #[error("Name required for macro/class")]
    Missing,
    /// A `{` without its `}`; the name as far as it goes.
    #[error("Unbalanced {{ on {0}")]
    Unbalanced(Told),
    /// A `{` with a name that is too long; its beginning.
    #[error("Macro/class name ({{{0}}}) too long ({NAME_BYTES_MAX} chars max)")]
    TooLong(Told),
    /// What is told after the two above.
    #[error("Unable to assign macro/class ID (mid = 0xffffffff)")]
    NoId,
    /// A character that no long name may have; it is left out.
    #[error("Invalid macro/class character {}", char::from(*.0 & 0x7f))]
    Character(u8),
}

/// The longest long name, in bytes; the original's MAXMACNAMELEN.
const NAME_BYTES_MAX: usize = 25;

/// A name of a macro or class as the original reads it: what cannot be in a name is told and left out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Named {
    /// The name without braces, if there is one.
    pub name: Option<BString>,
    /// How many bytes of the text it takes.
    pub taken: usize,
    /// What was wrong.
    pub errors: Vec<BadName>,
}

impl Named {
    /// Reads the name (`x` or `{Name}`) at the start of `text`.
    pub fn read(text: &[u8]) -> Self {
        let inside = match text {
            [] | [b'{', b'}', ..] => return Self { name: None, taken: 0, errors: vec![BadName::Missing] },
            [b'{', inside @ ..] => inside,
            [first, ..] => return Self { name: Some([*first].as_slice().into()), taken: 1, errors: Vec::new() },
        };
        let (mut name, mut errors) = (BString::default(), Vec::new());
        let mut bytes = inside.iter();
        let end = loop {
            match bytes.next() {
                Some(b'}') => break None,
                Some(_) if name.len() >= NAME_BYTES_MAX => break Some(BadName::TooLong(name.clone().into())),
                Some(byte) if byte.is_ascii_alphanumeric() || *byte == b'_' => name.push(*byte),
                Some(byte) => errors.push(BadName::Character(*byte)),
                None => break Some(BadName::Unbalanced(name.clone().into())),
            }
        };
        let taken = text.len() - bytes.len();
        match end {
            None => Self { name: Some(name), taken, errors },
            Some(error) => {
                errors.extend([error, BadName::NoId]);
                Self { name: None, taken, errors }
            }
        }
    }
}

/// Defines a macro-like name: one character, or a long name written `{Name}`.
macro_rules! short_or_long_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Box<[u8]>);

        impl $name {
            /// Returns the name whose letters (without braces) are `name`.
            pub fn new(name: impl AsRef<[u8]>) -> Self {
                Self(name.as_ref().into())
            }

            /// Takes a name (`x` or `{Name}`) off the front of `text`; returns it and what follows.
            ///
            /// # Errors
            /// No name, a `{` without `}`, or a character that no long name may have.
            pub fn split(text: &[u8]) -> Result<(Self, &[u8]), BadName> {
                let Named { name, taken, errors } = Named::read(text);
                match (name, errors.into_iter().next()) {
                    (_, Some(error)) => Err(error),
                    (Some(name), None) => Ok((Self::new(name), &text[taken..])),
                    (None, None) => Err(BadName::Missing),
                }
            }

            /// Returns the letters of the name, without braces.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        /// Writes the name as a configuration file does: `x` or `{Name}`.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if self.0.len() == 1 {
                    write!(f, "{}", BStr::new(&self.0))
                } else {
                    write!(f, "{{{}}}", BStr::new(&self.0))
                }
            }
        }

        impl std::borrow::Borrow<[u8]> for $name {
            fn borrow(&self) -> &[u8] {
                &self.0
            }
        }
    };
}

short_or_long_name! {
    /// The name of a macro: `x` or `{Name}`; `$x` and `${x}` are the same macro.
    MacroName
}

short_or_long_name! {
    /// The name of a class: `w` or `{Name}`.
    ClassName
}

/// Defines a name that is a plain word.
macro_rules! word_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(BString);

        impl $name {
            /// Returns the name spelled `name`.
            pub fn new(name: impl AsRef<[u8]>) -> Self {
                Self(BString::from(name.as_ref()))
            }

            /// Returns the spelling.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl std::borrow::Borrow<[u8]> for $name {
            fn borrow(&self) -> &[u8] {
                &self.0
            }
        }
    };
}

word_name! {
    /// The name of a ruleset: `check_rcpt`, `canonify`, or a number such as `0`; whoever looks it up does not mind capitals.
    RulesetName
}

word_name! {
    /// The name of a mailer: `local`, `esmtp`.
    MailerName
}

word_name! {
    /// The name of a map: `access`, `host`; whoever looks it up does not mind capitals.
    MapName
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_braced_spellings_are_one_name() {
        let (short, rest) = MacroName::split(b"jk").expect("a letter");
        assert_eq!((short.as_bytes(), rest), (&b"j"[..], &b"k"[..]));
        assert_eq!(MacroName::split(b"{j}").expect("braced").0, short);
        assert_eq!(MacroName::split(b"{client_addr}x").expect("long").0.to_string(), "{client_addr}");
    }

    #[test]
    fn bad_names_are_told_apart() {
        assert_eq!(MacroName::split(b""), Err(BadName::Missing));
        assert_eq!(MacroName::split(b"{ab"), Err(BadName::Unbalanced("ab".into())));
        assert_eq!(ClassName::split(b"{a-b}"), Err(BadName::Character(b'-')));
    }
}
