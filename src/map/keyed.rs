//! Classes `hash`, `btree`, `cdb` and the database of `implicit`: a file of any format that finds keys.

use std::sync::atomic::{AtomicU8, Ordering};

use bstr::BString;

use super::{Database, DatabaseError, Definition, KeyEnd, Outcome};
use crate::name::Sysexit;

/// How the keys of this file were seen to end.
const UNKNOWN: u8 = 0;
const BARE: u8 = 1;
const NUL: u8 = 2;
const NEITHER: u8 = 3;

/// An open database, and how its keys end as soon as that is known.
#[derive(Debug)]
pub(super) struct Keyed {
    pub(super) database: Database,
    seen_end: AtomicU8,
}

impl Keyed {
    pub(super) fn new(database: Database, end: KeyEnd) -> Keyed {
        let seen_end = match end {
            KeyEnd::Either => UNKNOWN,
            KeyEnd::Bare => BARE,
            KeyEnd::Nul => NUL,
            KeyEnd::Neither => NEITHER,
        };
        Keyed { database, seen_end: AtomicU8::new(seen_end) }
    }

    pub(super) fn lookup(&self, definition: &Definition, key: &[u8], args: &[&[u8]]) -> Outcome {
        match self.get(&definition.fold(key)) {
            Ok(Some(value)) => Outcome::Found(definition.result(key, &value, args)),
            Ok(None) => Outcome::NotFound(Sysexit::Ok),
            Err(error) => {
                let (class, name) = (definition.kind.class(), &definition.name);
                let path = self.database.method().file_of(&definition.file.clone().unwrap_or_default());
                Outcome::TempFail(format!("{class} map \"{name}\": {path}: {error}").into())
            }
        }
    }

    /// Tries the key bare, then with a NUL; the first one found shows how all of the file end.
    fn get(&self, key: &[u8]) -> Result<Option<BString>, DatabaseError> {
        let seen = self.seen_end.load(Ordering::Relaxed);
        if seen == NEITHER {
            return Ok(None);
        }
        if seen != NUL
            && let Some(value) = self.database.get(key)?
        {
            self.seen_end.store(BARE, Ordering::Relaxed);
            return Ok(Some(value));
        }
        if seen == BARE {
            return Ok(None);
        }
        let value = self.database.get(&[key, b"\0"].concat())?;
        if value.is_some() {
            self.seen_end.store(NUL, Ordering::Relaxed);
        }
        Ok(value)
    }
}
