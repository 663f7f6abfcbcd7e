//! Constant databases: cdb files, as Bernstein's cdb and tinycdb write them.
//!
//! A file begins with the places and sizes of 256 hash tables; then come the records, each with its two lengths, then the
//! tables. The low byte of a key's hash chooses the table, the rest the slot where the search begins. All numbers have 32
//! bits, lowest byte first.

use std::borrow::Cow;

use bstr::BString;

use super::database::{DatabaseError, Visit};
use super::layout::{BuildError, Pair};
use super::storage::Storage;

/// How many tables there are.
const TABLES: usize = 256;
/// Length of a table's place and size, of a record's lengths, and of a slot.
const PAIR_BYTES: u64 = 8;
/// Where the records begin.
const RECORDS_START: u64 = TABLES as u64 * PAIR_BYTES;
/// How many slots are read at once: a search seldom goes further.
const SLOTS_READ: usize = 8;
/// So many bytes of a record are read at once: few have more.
const RECORD_READ: usize = 256;
/// Longest key and value that are read, in bytes: a damaged length must not fill the memory.
const ITEM_BYTES_MAX: u32 = 64 << 20;

/// Returns the hash of a key: times 33, xor, 32 bits, from 5381.
fn hash(key: &[u8]) -> u32 {
    key.iter().fold(5381, |hash: u32, &byte| hash.wrapping_mul(33) ^ u32::from(byte))
}

/// A cdb file, open for look-ups.
#[derive(Debug)]
pub(super) struct Cdb {
    storage: Storage,
    /// The place of each table and its count of slots.
    tables: Vec<(u32, u32)>,
    /// Where the records end and the tables begin.
    records_end: u64,
}

impl Cdb {
    /// Reads where the tables are.
    pub(super) fn open(storage: Storage) -> Result<Cdb, DatabaseError> {
        let mut head = [0; TABLES * PAIR_BYTES as usize];
        if storage.read_at(&mut head, 0)? < head.len() {
            return Err(DatabaseError::NotADatabase);
        }
        let length = storage.len()?;
        let tables: Vec<(u32, u32)> = head.chunks_exact(PAIR_BYTES as usize).map(pair).collect();
        let records_end = tables.iter().map(|table| u64::from(table.0)).min().unwrap_or(0);
        let lies_within = |&(start, slots): &(u32, u32)| u64::from(start) + u64::from(slots) * PAIR_BYTES <= length;
        if records_end < RECORDS_START || !tables.iter().all(lies_within) {
            return Err(DatabaseError::NotADatabase);
        }
        Ok(Cdb { storage, tables, records_end })
    }

    pub(super) fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Returns the first value of `key`.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<BString>, DatabaseError> {
        let hash = hash(key);
        let (start, slots) = self.tables[hash as usize % TABLES];
        let (mut slot, mut left) = ((hash >> 8).checked_rem(slots).unwrap_or(0), slots);
        while left > 0 {
            let mut bytes = [0; SLOTS_READ * PAIR_BYTES as usize];
            let count = left.min(slots - slot).min(SLOTS_READ as u32);
            let bytes = &mut bytes[..count as usize * PAIR_BYTES as usize];
            self.read(bytes, u64::from(start) + u64::from(slot) * PAIR_BYTES)?;
            for (slot_hash, place) in bytes.chunks_exact(PAIR_BYTES as usize).map(pair) {
                if place == 0 {
                    return Ok(None);
                }
                if slot_hash == hash
                    && let Some(value) = self.value_if(place, key)?
                {
                    return Ok(Some(value));
                }
            }
            (slot, left) = ((slot + count) % slots, left - count);
        }
        Ok(None)
    }

    /// Calls `visit` with every key and value, in the order in which they were written.
    pub(super) fn scan(&self, visit: &mut Visit<'_>) -> Result<(), DatabaseError> {
        let mut at = RECORDS_START;
        while at < self.records_end {
            let (key_length, value_length) = self.pair_at(at)?;
            let key = self.bytes(at + PAIR_BYTES, key_length)?;
            let value = self.bytes(at + PAIR_BYTES + u64::from(key_length), value_length)?;
            if visit(&key, &value).is_break() {
                break;
            }
            at += PAIR_BYTES + u64::from(key_length) + u64::from(value_length);
        }
        Ok(())
    }

    /// Returns the value of the record at `place`, if it has this key.
    fn value_if(&self, place: u32, key: &[u8]) -> Result<Option<BString>, DatabaseError> {
        let mut read = [0; RECORD_READ];
        let count = self.storage.read_at(&mut read, place.into())?;
        let read = &read[..count];
        let lengths = read.get(..PAIR_BYTES as usize).ok_or(corrupt("the file was cut off"))?;
        let (key_length, value_length) = pair(lengths);
        if key_length as usize != key.len() || *self.part(place, read, PAIR_BYTES, key_length)? != *key {
            return Ok(None);
        }
        let value = self.part(place, read, PAIR_BYTES + u64::from(key_length), value_length)?;
        Ok(Some(value.into_owned().into()))
    }

    /// Returns `length` bytes of the record at `place`, from `skip` on; what has been `read` of it need not be read again.
    fn part<'a>(&self, place: u32, read: &'a [u8], skip: u64, length: u32) -> Result<Cow<'a, [u8]>, DatabaseError> {
        let at = u64::from(place) + skip;
        self.check(at, length)?;
        let rest = usize::try_from(skip).ok().and_then(|skip| read.get(skip..));
        match rest.and_then(|rest| rest.get(..length as usize)) {
            Some(bytes) => Ok(bytes.into()),
            None => Ok(Vec::from(self.bytes(at, length)?).into()),
        }
    }

    fn bytes(&self, at: u64, length: u32) -> Result<BString, DatabaseError> {
        self.check(at, length)?;
        let mut bytes = vec![0; length as usize];
        self.read(&mut bytes, at)?;
        Ok(bytes.into())
    }

    /// Refuses lengths that no record of this file can have.
    fn check(&self, at: u64, length: u32) -> Result<(), DatabaseError> {
        if length > ITEM_BYTES_MAX || at + u64::from(length) > self.records_end {
            return Err(corrupt("a record reaches over the end"));
        }
        Ok(())
    }

    fn pair_at(&self, at: u64) -> Result<(u32, u32), DatabaseError> {
        let mut bytes = [0; PAIR_BYTES as usize];
        self.read(&mut bytes, at)?;
        Ok(pair(&bytes))
    }

    /// Reads exactly as many bytes as `buffer` has.
    fn read(&self, buffer: &mut [u8], at: u64) -> Result<(), DatabaseError> {
        match self.storage.read_at(buffer, at)? == buffer.len() {
            true => Ok(()),
            false => Err(corrupt("the file was cut off")),
        }
    }
}

fn pair(bytes: &[u8]) -> (u32, u32) {
    let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    (number(0), number(4))
}

fn corrupt(what: &'static str) -> DatabaseError {
    DatabaseError::Corrupt { page: 0, what }
}

/// Builds a cdb file with these pairs.
pub(super) fn build(pairs: &[Pair<'_>]) -> Result<Vec<u8>, BuildError> {
    let number = |number: usize| u32::try_from(number).map_err(|_| BuildError::TooLarge);
    let mut file = vec![0; RECORDS_START as usize];
    let mut tables: Vec<Vec<(u32, u32)>> = vec![Vec::new(); TABLES];
    for (key, value) in pairs {
        let hash = hash(key);
        tables[hash as usize % TABLES].push((hash, number(file.len())?));
        file.extend_from_slice(&number(key.len())?.to_le_bytes());
        file.extend_from_slice(&number(value.len())?.to_le_bytes());
        file.extend_from_slice(key);
        file.extend_from_slice(value);
    }
    for (index, records) in tables.iter().enumerate() {
        let (place, slots) = (number(file.len())?, number(records.len() * 2)?);
        let head = [place.to_le_bytes(), slots.to_le_bytes()].concat();
        file[index * 8..index * 8 + 8].copy_from_slice(&head);
        for (hash, record) in table(records) {
            file.extend_from_slice(&hash.to_le_bytes());
            file.extend_from_slice(&record.to_le_bytes());
        }
    }
    // The last byte must have an address too.
    number(file.len()).map(|_| file)
}

/// Returns the slots of a table: half of them stay empty.
fn table(records: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut slots = vec![(0, 0); records.len() * 2];
    for record in records {
        let mut slot = (record.0 >> 8) as usize % slots.len();
        while slots[slot].1 != 0 {
            slot = (slot + 1) % slots.len();
        }
        slots[slot] = *record;
    }
    slots
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use proptest::prelude::*;

    use super::*;

    fn open(bytes: Vec<u8>) -> Cdb {
        Cdb::open(Storage::Memory(bytes)).expect("a file we built opens")
    }

    fn pairs(database: &Cdb) -> Vec<(BString, BString)> {
        let mut pairs = Vec::new();
        let scanned = database.scan(&mut |key, value| {
            pairs.push((key.into(), value.into()));
            ControlFlow::Continue(())
        });
        scanned.expect("it is sound");
        pairs
    }

    #[test]
    fn what_is_written_is_read() {
        let written: Vec<(String, String)> = (0..3000).map(|n| (format!("key{n}"), format!("value {n}"))).collect();
        let slices: Vec<Pair<'_>> = written.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes())).collect();
        let database = open(build(&slices).expect("it fits"));
        for (key, value) in &slices {
            assert_eq!(database.get(key).expect("sound"), Some((*value).into()));
        }
        assert_eq!(database.get(b"none").expect("sound"), None);
        let read: Vec<(BString, BString)> = slices.iter().map(|pair| (pair.0.into(), pair.1.into())).collect();
        assert_eq!(pairs(&database), read);
    }

    #[test]
    fn the_first_of_several_values_counts() {
        let database = open(build(&[(b"a", b"1"), (b"a", b"2")]).expect("it fits"));
        assert_eq!(database.get(b"a").expect("sound"), Some("1".into()));
        assert_eq!(pairs(&database).len(), 2);
    }

    #[test]
    fn an_empty_file_has_no_key() {
        let database = open(build(&[]).expect("it fits"));
        assert_eq!(database.get(b"").expect("sound"), None);
        assert_eq!(pairs(&database), []);
    }

    /// The smallest file with a record, byte for byte: `one` is `Hello`, as the author of the format shows it.
    #[test]
    fn the_format_is_that_of_its_author() {
        let file = build(&[(b"one", b"Hello")]).expect("it fits");
        assert_eq!(&file[2048..2064], b"\x03\0\0\0\x05\0\0\0oneHello");
        let table = hash(b"one") as usize % TABLES;
        assert_eq!(hash(b"one"), 193_420_161);
        assert_eq!(pair(&file[table * 8..]), (2064, 2));
        assert_eq!(file.len(), 2064 + 16);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_damaged_file_gives_an_error_and_never_a_panic(
            flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..40),
            cut in proptest::option::of(any::<proptest::sample::Index>()),
        ) {
            let written: Vec<String> = (0..50).map(|n| format!("key{n}")).collect();
            let slices: Vec<Pair<'_>> = written.iter().map(|key| (key.as_bytes(), key.as_bytes())).collect();
            let mut file = build(&slices).expect("it fits");
            for (place, byte) in flips {
                let at = place.index(file.len());
                file[at] = byte;
            }
            if let Some(cut) = cut {
                file.truncate(cut.index(file.len()));
            }
            if let Ok(database) = Cdb::open(Storage::Memory(file)) {
                for key in &written {
                    let _ = database.get(key.as_bytes());
                }
                let _ = database.scan(&mut |_, _| ControlFlow::Continue(()));
            }
        }
    }
}
