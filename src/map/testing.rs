//! What the tests of all database formats share.

use std::collections::BTreeMap;

use bstr::BString;
use proptest::prelude::*;

use super::{Database, DatabaseError, Layout, Pair};

pub(super) type Pairs = Vec<(BString, BString)>;

/// Builds a file that has room for the pairs.
#[track_caller]
pub(super) fn build(layout: Layout, pairs: &Pairs) -> Vec<u8> {
    let slices: Vec<Pair<'_>> = pairs.iter().map(|(key, value)| (key.as_slice(), value.as_slice())).collect();
    layout.build(slices).expect("it fits")
}

/// Looks every key up, and some that are not there, and scans.
#[track_caller]
pub(super) fn check_reads(database: &Database, pairs: &Pairs) {
    let mut firsts: BTreeMap<&BString, &BString> = BTreeMap::new();
    for (key, value) in pairs {
        firsts.entry(key).or_insert(value);
    }
    for (key, value) in &firsts {
        assert_eq!(database.get(key).expect("it reads").as_ref(), Some(*value), "key {key:?}");
        let longer = BString::from([&key[..], b"\0"].concat());
        if !firsts.contains_key(&longer) {
            assert_eq!(database.get(&longer).expect("it reads"), None);
        }
    }
    let mut read = database.pairs().expect("it reads");
    let mut wanted = pairs.clone();
    read.sort();
    wanted.sort();
    assert_eq!(read, wanted);
}

/// What is done to a sound file.
#[derive(Clone, Debug)]
pub(super) struct Damage {
    near_headers: bool,
    flips: Vec<(prop::sample::Index, u8)>,
    cut: Option<prop::sample::Index>,
}

/// Some bytes changed, and perhaps the end cut off.
pub(super) fn damaged() -> impl Strategy<Value = Damage> {
    let flips = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40);
    (any::<bool>(), flips, prop::option::of(any::<prop::sample::Index>()))
        .prop_map(|(near_headers, flips, cut)| Damage { near_headers, flips, cut })
}

impl Damage {
    pub(super) fn of(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        for (place, byte) in &self.flips {
            let mut at = place.index(bytes.len());
            if self.near_headers {
                // Numbers that lead elsewhere are where damage does most.
                at = at / 512 * 512 + at % 60;
            }
            bytes[at] = *byte;
        }
        if let Some(cut) = &self.cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes
    }
}

/// Does with a file that may be damaged all that can be done.
pub(super) fn use_damaged(database: Result<Database, DatabaseError>, keys: &[&[u8]]) {
    let Ok(database) = database else { return };
    for key in keys {
        let _ = database.get(key);
    }
    let _ = database.pairs();
}
