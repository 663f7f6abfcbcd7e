//! Classes: sets of words, compared without case.

use bstr::BString;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::cf::ClassWords;
use crate::name::{BadName, ClassName, Named};

/// One class.
#[derive(Clone, Debug, Default)]
pub struct Class {
    /// The words in small letters.
    words: FxHashSet<Box<[u8]>>,
    bytes_max: usize,
    /// Which lengths words have, one bit for several: most questions are about phrases of another length.
    lengths: u64,
    /// Which bytes words begin with, in small letters: most phrases begin as no word does.
    starts: [u64; 4],
}

impl Class {
    /// Tells whether `phrase` is a member, in any case.
    pub fn contains(&self, phrase: &[u8]) -> bool {
        if phrase.len() > self.bytes_max || self.lengths & length_bit(phrase) == 0 {
            return false;
        }
        if phrase.iter().any(u8::is_ascii_uppercase) {
            self.words.contains(phrase.to_ascii_lowercase().as_slice())
        } else {
            self.words.contains(phrase)
        }
    }

    /// Returns the length of the longest word, in bytes; 0 if none begins with `start`.
    pub fn bytes_max(&self, start: Option<u8>) -> usize {
        let begins = |byte: u8| {
            let (word, bit) = start_bit(byte);
            self.starts[word] & bit != 0
        };
        if start.is_none_or(begins) { self.bytes_max } else { 0 }
    }

    /// Adds a word in small letters.
    fn insert(&mut self, folded: Box<[u8]>) {
        self.bytes_max = self.bytes_max.max(folded.len());
        self.lengths |= length_bit(&folded);
        if let Some(start) = folded.first() {
            let (word, bit) = start_bit(*start);
            self.starts[word] |= bit;
        }
        self.words.insert(folded);
    }
}

/// Returns the bit of a word's length.
fn length_bit(word: &[u8]) -> u64 {
    1 << (word.len() % 64)
}

/// Returns the place of a byte among 256 bits.
fn start_bit(byte: u8) -> (usize, u64) {
    let small = byte.to_ascii_lowercase();
    (usize::from(small / 64), 1 << (small % 64))
}

/// Returns the place of a word in the original's symbol table: words are listed in that order.
fn bucket(folded: &[u8]) -> u32 {
    const BUCKETS: u32 = 2003;
    const KIND_OF_CLASSES: u32 = 1;
    folded.iter().fold(KIND_OF_CLASSES, |hash, byte| ((hash << 1) ^ u32::from(*byte)) % BUCKETS)
}

/// All classes of a site.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    list: Vec<Class>,
    places: FxHashMap<ClassName, usize>,
    /// Every word of any class in small letters, with its first spelling and how many came before.
    spellings: FxHashMap<Box<[u8]>, (usize, BString)>,
    /// For each class that rules name, its place in the list.
    of_rules: Vec<usize>,
}

impl Classes {
    /// Returns empty classes; those that rules name (`names`) are found by their place.
    pub fn for_rules(names: &[ClassName]) -> Self {
        let mut classes = Self::default();
        classes.of_rules = names.iter().map(|name| classes.place(name)).collect();
        classes
    }

    /// Adds a word to a class.
    pub fn insert(&mut self, name: &ClassName, word: &[u8]) {
        let folded: Box<[u8]> = word.to_ascii_lowercase().into();
        let before = self.spellings.len();
        self.spellings.entry(folded.clone()).or_insert_with(|| (before, word.into()));
        let place = self.place(name);
        self.list[place].insert(folded);
    }

    /// Adds a word of a definition: one that begins with [`ClassWords::OF_CLASS`] stands for the words that the class
    /// behind it has now. Returns what is wrong with that name.
    pub fn add(&mut self, name: &ClassName, word: &[u8]) -> Vec<BadName> {
        let Some(other) = word.strip_prefix(&[ClassWords::OF_CLASS]) else {
            self.insert(name, word);
            return Vec::new();
        };
        let named = Named::read(other);
        let words: Vec<BString> = self.words(&named.name.unwrap_or_default()).into_iter().cloned().collect();
        words.iter().for_each(|word| self.insert(name, word));
        named.errors
    }

    /// Returns the words of a class as they are listed.
    // QUIRK(class-spelling): each word has the spelling that it had first in any class.
    pub fn words(&self, name: &[u8]) -> Vec<&BString> {
        let words = self.get(name).into_iter().flat_map(|class| &class.words);
        let mut listed: Vec<_> = words.filter_map(|word| Some((bucket(word), self.spellings.get(word)?))).collect();
        listed.sort_by_key(|(bucket, (before, _))| (*bucket, *before));
        listed.into_iter().map(|(_, (_, word))| word).collect()
    }

    /// Returns the class called `name`, if anything is known of it.
    pub fn get(&self, name: &[u8]) -> Option<&Class> {
        self.places.get(name).map(|place| &self.list[*place])
    }

    /// Tells whether `word` is in the class called `name`.
    pub fn contains(&self, name: &[u8], word: &[u8]) -> bool {
        self.get(name).is_some_and(|class| class.contains(word))
    }

    /// Returns the class that rules name at this place.
    pub(super) fn of_rule(&self, index: usize) -> Option<&Class> {
        self.of_rules.get(index).map(|place| &self.list[*place])
    }

    /// Returns the place of a class, which is made if it is new.
    fn place(&mut self, name: &ClassName) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        self.list.push(Class::default());
        self.places.insert(name.clone(), self.list.len() - 1);
        self.list.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use bstr::ByteSlice as _;

    use super::*;

    #[test]
    fn words_are_found_in_any_case() {
        let (mut classes, name) = (Classes::default(), ClassName::new("x"));
        classes.insert(&ClassName::new("y"), b"Foo.JP");
        classes.insert(&name, b"foo.jp");
        assert!(classes.contains(b"x", b"FOO.jp"));
        assert!(!classes.contains(b"x", b"foo.jp."));
        let class = classes.get(b"x").expect("there");
        assert_eq!([None, Some(b'F'), Some(b'f'), Some(b'g')].map(|start| class.bytes_max(start)), [6, 6, 6, 0]);
        assert_eq!(classes.words(b"x"), ["Foo.JP"]);
    }

    #[test]
    fn words_are_listed_as_the_original_lists_them() {
        let (mut classes, name) = (Classes::default(), ClassName::new("x"));
        ["one", "two.three", "\"four", "five\"", "new"].iter().for_each(|word| classes.insert(&name, word.as_bytes()));
        assert_eq!(classes.words(b"x"), ["\"four", "one", "new", "two.three", "five\""]);
    }

    #[test]
    fn a_definition_may_name_another_class() {
        let mut classes = Classes::default();
        ["a", "b"].iter().for_each(|word| classes.insert(&ClassName::new("y"), word.as_bytes()));
        let name = ClassName::new("x");
        assert_eq!(classes.add(&name, b"c"), []);
        assert_eq!(classes.add(&name, b"\x93{y}z"), []);
        assert_eq!(classes.add(&name, b"\x93"), [BadName::Missing]);
        assert_eq!(classes.add(&name, b"d\x93y"), []);
        for word in [&b"a"[..], b"b", b"c", b"d\x93y"] {
            assert!(classes.contains(b"x", word), "{}", word.as_bstr());
        }
        assert_eq!(classes.words(b"x").len(), 4);
    }

    #[test]
    fn rules_find_classes_by_place() {
        let names = [ClassName::new("w"), ClassName::new("Late")];
        let mut classes = Classes::for_rules(&names);
        classes.insert(&names[1], b"x");
        assert!(classes.of_rule(1).expect("there").contains(b"x"));
        assert!(!classes.of_rule(0).expect("there").contains(b"x"));
        assert!(classes.contains(b"Late", b"X"));
        assert!(classes.get(b"q").is_none());
    }
}
