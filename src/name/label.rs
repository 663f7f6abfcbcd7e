//! Names of macros, classes, rulesets, mailers and maps.

use std::fmt;

use bstr::{BStr, BString};

/// A macro or class name has a character that none may have, or is empty, or does not end.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadName {
    /// No name stands where one must.
    #[error("Name required for macro/class")]
    Missing,
    /// A `{` without its `}`.
    #[error("Unbalanced {{ on {0}")]
    Unbalanced(BString),
    /// A character that no long name may have.
    #[error("Invalid macro/class character {}", char::from(*.0))]
    Character(u8),
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
                let (name, rest) = split_name(text)?;
                Ok((Self::new(name), rest))
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
    /// The name of a ruleset: `check_rcpt`, `canonify`, or a number such as `0`; case counts.
    RulesetName
}

word_name! {
    /// The name of a mailer: `local`, `esmtp`.
    MailerName
}

word_name! {
    /// The name of a map: `access`, `host`; case counts.
    MapName
}

/// Takes `x` or `{Name}` off the front of `text`.
fn split_name(text: &[u8]) -> Result<(&[u8], &[u8]), BadName> {
    match text.first() {
        None => Err(BadName::Missing),
        Some(b'{') => {
            let len = memchr::memchr(b'}', text).ok_or_else(|| BadName::Unbalanced(text[1..].into()))?;
            let name = &text[1..len];
            match name.iter().find(|byte| !byte.is_ascii_alphanumeric() && **byte != b'_') {
                Some(&byte) => Err(BadName::Character(byte)),
                None if name.is_empty() => Err(BadName::Missing),
                None => Ok((name, &text[len + 1..])),
            }
        }
        Some(_) => Ok(text.split_at(1)),
    }
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
