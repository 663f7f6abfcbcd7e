//! What the engine asks of the outside while it rewrites.

use std::pin::Pin;

use bstr::BString;

use super::{ClassRef, Trace, Trouble};
use crate::macros::Values;

/// What a map look-up gave.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// The value; none where the key is not found, so that the default or the key itself stands.
    pub value: Option<BString>,
    /// The answer cannot be had now: the rules go on as without one, or with the value that `-T` gives, and the evaluation has the
    /// status of a temporary failure.
    pub temp_fail: bool,
}

impl Found {
    /// The key is not found.
    pub const NOTHING: Self = Self { value: None, temp_fail: false };

    /// Returns the value `value`.
    pub fn value(value: impl Into<BString>) -> Self {
        Self { value: Some(value.into()), temp_fail: false }
    }
}

/// An answer that is there at once, or one that has to be waited for.
pub enum Answer<'a> {
    /// Here it is.
    Now(Found),
    /// It will come.
    Later(Pin<Box<dyn Future<Output = Found> + Send + 'a>>),
}

/// How the key of a look-up is made of tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyStyle {
    /// What goes between two neighbouring atoms; none: as the configuration says.
    pub blank_sub: Option<u8>,
    /// Quotes stay in the key (map flag `-q`).
    pub keeps_quotes: bool,
}

/// The world of the rules: macro values, classes, maps, and ears for trouble and traces.
pub trait Lookup: Values + Send + Sync {
    /// Tells whether `phrase` is in the class, in any case.
    fn in_class(&self, class: &ClassRef, phrase: &[u8]) -> bool;

    /// Returns the length of the longest member of the class that may begin with `start` (none: with anything), in bytes;
    /// longer phrases are never asked for.
    fn class_bytes_max(&self, class: &ClassRef, start: Option<u8>) -> usize;

    /// Returns how keys of the map are made, or none if there is no such map.
    fn key_style(&self, map: &[u8]) -> Option<KeyStyle>;

    /// Looks `key` up in a map that [`Lookup::key_style`] knows; `args` are those after `$@`.
    fn look_up<'a>(&'a mut self, map: &'a [u8], key: &'a [u8], args: &'a [BString]) -> Answer<'a>;

    /// Hears of what is wrong with a rule or an address; the evaluation goes on.
    fn complain(&mut self, trouble: &Trouble);

    /// Returns how much is to be traced (debug category 21): 0 calls of rulesets, 12 every rule; none: nothing.
    fn trace_level(&self) -> Option<u8> {
        None
    }

    /// Hears of a step, if the level asks for it.
    fn trace(&mut self, _step: Trace<'_>) {}
}
