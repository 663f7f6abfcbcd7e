//! Macro values in layers: the site's, under them those of a session and of an envelope.

use std::borrow::Cow;
use std::sync::Arc;

use bstr::BString;
use rustc_hash::FxHashMap;

use super::Values;
use crate::name::MacroName;

/// A value as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Value<'a> {
    /// The bytes.
    pub text: Cow<'a, [u8]>,
    /// The bytes are internal form (a `D` line): what they name is expanded too. Else they are data.
    pub is_template: bool,
}

/// One definition.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Entry {
    text: BString,
    is_template: bool,
}

/// Macro values over those of a lower layer; cloning is cheap where the own layer is small.
#[derive(Clone, Debug, Default)]
pub struct MacroTable {
    lower: Option<Arc<MacroTable>>,
    /// `None` hides the value of the lower layer.
    own: FxHashMap<MacroName, Option<Entry>>,
    /// What rules have stored (class `macro`), with what this layer said before: it is forgotten with the message.
    stored: FxHashMap<MacroName, Option<Option<Entry>>>,
}

impl MacroTable {
    /// Returns an empty layer over `lower`.
    pub fn over(lower: Arc<Self>) -> Self {
        Self { lower: Some(lower), ..Self::default() }
    }

    /// Puts what this layer says under a new layer: what is said from now on can be taken back, that cannot.
    pub fn settle(&mut self) {
        *self = Self::over(Arc::new(std::mem::take(self)));
    }

    /// Defines `name` as data: nothing in it is expanded.
    pub fn set(&mut self, name: impl AsRef<[u8]>, value: impl Into<BString>) {
        self.own.insert(MacroName::new(name), Some(Entry { text: value.into(), is_template: false }));
    }

    /// Defines `name` as text in internal form.
    pub fn set_template(&mut self, name: impl AsRef<[u8]>, value: impl Into<BString>) {
        self.own.insert(MacroName::new(name), Some(Entry { text: value.into(), is_template: true }));
    }

    /// Makes `name` undefined.
    pub fn remove(&mut self, name: impl AsRef<[u8]>) {
        self.own.insert(MacroName::new(name), None);
    }

    /// Takes back what this layer says of `name`: the value of the lower one holds.
    pub fn revert(&mut self, name: impl AsRef<[u8]>) {
        self.own.remove(name.as_ref());
    }

    /// Does what a map of class `macro` is asked: defines `name`, or takes it back where there is no value.
    pub fn store(&mut self, name: &MacroName, value: Option<&[u8]>) {
        if !self.stored.contains_key(name) {
            self.stored.insert(name.clone(), self.own.get(name).cloned());
        }
        match value {
            Some(value) => self.set(name.as_bytes(), value),
            None => self.revert(name.as_bytes()),
        }
    }

    /// Returns what rules have stored and still holds.
    pub fn stored(&self) -> impl Iterator<Item = (&MacroName, &BString)> {
        self.stored.keys().filter_map(|name| Some((name, &self.own.get(name)?.as_ref()?.text)))
    }

    /// What rules have stored so far is not forgotten with the message.
    pub fn keep_stored(&mut self) {
        self.stored.clear();
    }

    /// Forgets what rules have stored: what was there before holds.
    pub fn forget_stored(&mut self) {
        for (name, before) in std::mem::take(&mut self.stored) {
            match before {
                Some(entry) => drop(self.own.insert(name, entry)),
                None => drop(self.own.remove(&name)),
            }
        }
    }

    /// Returns the value of `name` unexpanded.
    pub fn get(&self, name: &[u8]) -> Option<Value<'_>> {
        let mut table = self;
        loop {
            if let Some(entry) = table.own.get(name) {
                let entry = entry.as_ref()?;
                return Some(Value { text: Cow::Borrowed(&entry.text), is_template: entry.is_template });
            }
            table = table.lower.as_deref()?;
        }
    }

    /// Returns every defined name, each once, sorted.
    pub fn names(&self) -> Vec<&MacroName> {
        let mut seen: FxHashMap<&MacroName, bool> = FxHashMap::default();
        let mut table = Some(self);
        while let Some(layer) = table {
            for (name, entry) in &layer.own {
                seen.entry(name).or_insert(entry.is_some());
            }
            table = layer.lower.as_deref();
        }
        let mut names: Vec<_> = seen.into_iter().filter(|(_, defined)| *defined).map(|(name, _)| name).collect();
        names.sort();
        names
    }
}

impl Values for MacroTable {
    fn macro_value(&self, name: &[u8]) -> Option<Value<'_>> {
        self.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_hides_the_lower_one() {
        let mut site = MacroTable::default();
        site.set("j", "host");
        site.set("m", "dom");
        let mut session = MacroTable::over(Arc::new(site));
        session.set("j", "other");
        session.remove("m");
        assert_eq!(session.get(b"j").expect("set").text.as_ref(), b"other");
        assert_eq!(session.get(b"m"), None);
        assert_eq!(session.names(), [&MacroName::new("j")]);
        session.revert("m");
        session.settle();
        session.revert("j");
        assert_eq!(session.get(b"j").expect("settled").text.as_ref(), b"other");
        session.set("j", "third");
        session.revert("j");
        assert_eq!(session.get(b"j").expect("settled").text.as_ref(), b"other");
        assert_eq!(session.get(b"m").expect("the site's").text.as_ref(), b"dom");
    }

    #[test]
    fn what_rules_store_is_forgotten_with_the_message() {
        let text = |table: &MacroTable, name: &str| table.get(name.as_bytes()).map(|value| value.text.into_owned());
        let (kept, seen, host) = (MacroName::new("kept"), MacroName::new("seen"), MacroName::new("j"));
        let mut table = MacroTable::default();
        table.set("j", "host");
        table.store(&kept, Some(b"1"));
        table.keep_stored();
        table.store(&seen, Some(b"a"));
        table.store(&seen, Some(b"b"));
        table.store(&host, None);
        assert_eq!(table.stored().collect::<Vec<_>>(), [(&seen, &BString::from("b"))]);
        table.forget_stored();
        assert_eq!((text(&table, "seen"), text(&table, "j")), (None, Some(b"host".to_vec())));
        assert_eq!(text(&table, "kept"), Some(b"1".to_vec()));
    }
}
