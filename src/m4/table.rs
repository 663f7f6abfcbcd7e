//! Macros: each name has a stack of definitions, of which the last counts.

use std::collections::BTreeMap;
use std::rc::Rc;

use bstr::{BStr, BString};

use super::builtin::Builtin;
use super::message::{Place, Whence};

/// What a macro stands for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Definition {
    /// Text, with `$1` and the like.
    Text(Rc<[u8]>),
    /// Something the processor does itself.
    Builtin(Builtin),
}

impl Definition {
    /// Returns the definition that `text` is.
    pub(super) fn text(text: &[u8]) -> Self {
        Self::Text(text.into())
    }
}

/// A macro as it stands in the end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Defined {
    /// Its name.
    pub name: BString,
    /// What it stands for.
    pub text: BString,
    /// Where it was defined.
    pub place: Place,
    /// The line of a source file that it was defined for; see [`Whence::cause`].
    pub cause: Option<Place>,
}

/// A definition, and where it stands; none for one of the command line or of the processor itself.
#[derive(Debug)]
struct Entry {
    definition: Definition,
    whence: Option<Whence>,
}

/// All macros.
#[derive(Debug, Default)]
pub(super) struct Table {
    macros: BTreeMap<BString, Vec<Entry>>,
}

impl Table {
    /// Returns the definition in force.
    pub(super) fn get(&self, name: &[u8]) -> Option<&Definition> {
        self.macros.get(BStr::new(name)).and_then(|stack| stack.last()).map(|entry| &entry.definition)
    }

    /// Returns the line of a source file that the definition in force is there for.
    pub(super) fn cause(&self, name: &[u8]) -> Option<&Place> {
        let entry = self.macros.get(BStr::new(name)).and_then(|stack| stack.last())?;
        entry.whence.as_ref()?.cause.as_ref()
    }

    /// Returns all names, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &BString> {
        self.macros.keys()
    }

    /// Defines a macro, instead of the definition in force.
    pub(super) fn define(&mut self, name: &[u8], definition: Definition, whence: Option<Whence>) {
        let stack = self.macros.entry(name.into()).or_default();
        stack.pop();
        stack.push(Entry { definition, whence });
    }

    /// Defines a macro, above the definition in force.
    pub(super) fn push(&mut self, name: &[u8], definition: Definition, whence: Option<Whence>) {
        self.macros.entry(name.into()).or_default().push(Entry { definition, whence });
    }

    /// Returns every text that a file defined, with its name and its place.
    pub(super) fn into_defined(self) -> Vec<Defined> {
        let entries = self.macros.into_iter().filter_map(|(name, mut stack)| Some((name, stack.pop()?)));
        let defined = entries.filter_map(|(name, entry)| match entry {
            Entry { definition: Definition::Text(text), whence: Some(Whence { place, cause }) } => {
                Some(Defined { name, text: text.to_vec().into(), place, cause })
            }
            _ => None,
        });
        defined.collect()
    }

    /// Takes back the definition in force.
    pub(super) fn pop(&mut self, name: &[u8]) {
        let Some(stack) = self.macros.get_mut(BStr::new(name)) else { return };
        stack.pop();
        if stack.is_empty() {
            self.macros.remove(BStr::new(name));
        }
    }

    /// Takes back all definitions of a macro.
    pub(super) fn remove(&mut self, name: &[u8]) {
        self.macros.remove(BStr::new(name));
    }
}
