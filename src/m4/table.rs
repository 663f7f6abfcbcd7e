//! Macros: each name has a stack of definitions, of which the last counts.

use std::collections::BTreeMap;
use std::rc::Rc;

use bstr::{BStr, BString};

use super::builtin::Builtin;

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

/// All macros.
#[derive(Debug, Default)]
pub(super) struct Table {
    macros: BTreeMap<BString, Vec<Definition>>,
}

impl Table {
    /// Returns the definition in force.
    pub(super) fn get(&self, name: &[u8]) -> Option<&Definition> {
        self.macros.get(BStr::new(name)).and_then(|stack| stack.last())
    }

    /// Returns all names, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &BString> {
        self.macros.keys()
    }

    /// Defines a macro, in the place of the definition in force.
    pub(super) fn define(&mut self, name: &[u8], definition: Definition) {
        let stack = self.macros.entry(name.into()).or_default();
        stack.pop();
        stack.push(definition);
    }

    /// Defines a macro, above the definition in force.
    pub(super) fn push(&mut self, name: &[u8], definition: Definition) {
        self.macros.entry(name.into()).or_default().push(definition);
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
