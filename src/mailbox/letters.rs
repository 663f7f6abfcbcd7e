//! The options of mail.local's command line, read as getopt(3) does.

use std::path::PathBuf;

use bstr::{BString, ByteSlice};

use super::Place;
use super::place::{DEPTH_MAX, SYSTEM_DIRECTORY};

/// Letters that take a value.
const WITH_VALUE: &[u8] = b"DfhrHp";

/// Letters that stand alone.
const ALONE: &[u8] = b"7Bbdlns";

/// Options that cannot be followed; the words are the original's.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadOptions {
    /// There is no such letter.
    #[error("invalid option -- '{}'", char::from(*.0))]
    Unknown(u8),
    /// The value of a letter is missing.
    #[error("option requires an argument -- '{}'", char::from(*.0))]
    NoValue(u8),
    /// The sender is given twice.
    #[error("Multiple -f options")]
    SecondSender,
    /// `-h` with an empty value.
    #[error("-h: missing filename")]
    NoFile,
    /// `-p` with an empty value.
    #[error("-p: missing spool path")]
    NoDirectory,
    /// `-H` with an empty value.
    #[error("-H: missing hashinfo")]
    NoHash,
    /// `-H` with another letter than `u`.
    #[error("-H: unknown hash type")]
    HashType,
    /// `-H u` with no number of levels.
    #[error("-H: invalid hash depth")]
    HashDepth,
}

/// The letters of a command line with their values, in order.
#[derive(Debug, Default)]
pub struct Letters(Vec<(u8, BString)>);

impl Letters {
    /// Reads `words`, of which the first stands behind the program's name, up to the first that is no option; returns those
    /// from there on, too.
    ///
    /// # Errors
    /// A letter is unknown, has no value, or must not stand twice.
    pub fn read<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> Result<(Self, Vec<BString>), BadOptions> {
        let mut letters = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word {
                b"--" => break,
                [b'-', rest @ ..] if !rest.is_empty() => letters.take_word(rest, &mut words)?,
                other => return Ok((letters, std::iter::once(other).chain(words).map(BString::from).collect())),
            }
        }
        Ok((letters, words.map(BString::from).collect()))
    }

    /// Takes the letters of one word, and the next word where the last letter wants a value.
    fn take_word<'a>(
        &mut self,
        mut letters: &'a [u8],
        words: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), BadOptions> {
        while let [letter, rest @ ..] = letters {
            if ALONE.contains(letter) {
                self.0.push((*letter, BString::default()));
                letters = rest;
                continue;
            }
            if !WITH_VALUE.contains(letter) {
                return Err(BadOptions::Unknown(*letter));
            }
            let value = if rest.is_empty() { words.next() } else { Some(rest) };
            let value = value.ok_or(BadOptions::NoValue(*letter))?;
            if matches!(letter, b'f' | b'r') && (self.has(b'f') || self.has(b'r')) {
                return Err(BadOptions::SecondSender);
            }
            self.0.push((*letter, value.into()));
            return Ok(());
        }
        Ok(())
    }

    /// Tells whether a letter is given.
    pub fn has(&self, letter: u8) -> bool {
        self.0.iter().any(|(found, _)| *found == letter)
    }

    /// Returns the value of a letter that is given last.
    pub fn value(&self, letter: u8) -> Option<&BString> {
        self.0.iter().rev().find(|(found, _)| *found == letter).map(|(_, value)| value)
    }

    /// Returns where mailboxes are (`-h`, `-p`, `-H`).
    ///
    /// # Errors
    /// A value names no place.
    pub fn place(&self) -> Result<Place, BadOptions> {
        match self.value(b'h') {
            Some(file) if file.is_empty() => return Err(BadOptions::NoFile),
            Some(file) => return Ok(Place::Home { file: file.clone() }),
            None => {}
        }
        let depth = self.value(b'H').map_or(Ok(0), |value| depth(value))?;
        match self.value(b'p') {
            Some(path) if path.is_empty() => Err(BadOptions::NoDirectory),
            Some(path) => Ok(Place::Spool { directory: path.to_path_lossy().into(), depth }),
            None => Ok(Place::Spool { directory: PathBuf::from(SYSTEM_DIRECTORY), depth }),
        }
    }
}

/// Reads `u2`: hashed by user name, two levels.
fn depth(value: &[u8]) -> Result<usize, BadOptions> {
    match value {
        [] => Err(BadOptions::NoHash),
        [b'u', number @ ..] => {
            let depth = number.to_str().ok().and_then(|text| text.parse().ok());
            depth.filter(|depth| (1..=DEPTH_MAX).contains(depth)).ok_or(BadOptions::HashDepth)
        }
        _ => Err(BadOptions::HashType),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Result<Place, BadOptions>) {
        let found = Letters::read(line.split(' ').map(str::as_bytes)).and_then(|(letters, _)| letters.place());
        assert_eq!(found, expected, "{line}");
    }

    fn spool(directory: &str, depth: usize) -> Result<Place, BadOptions> {
        Ok(Place::Spool { directory: directory.into(), depth })
    }

    #[test]
    fn a_place_stands_wherever_getopt_finds_it() {
        check("joe", Ok(Place::system()));
        check("-lp /other", spool("/other", 0));
        check("-f -h -p/mail -Hu2 joe", spool("/mail", 2));
        check("-p /mail -p /other joe", spool("/other", 0));
        check("-d joe -p /mail", Ok(Place::system()));
        check("-d -- -h mbox", Ok(Place::system()));
        check("-dh mbox -p /mail", Ok(Place::Home { file: "mbox".into() }));
    }

    #[test]
    fn what_names_no_place_is_none() {
        check("-H u0", Err(BadOptions::HashDepth));
        check("-Hux", Err(BadOptions::HashDepth));
        check("-H m2", Err(BadOptions::HashType));
        check("-p", Err(BadOptions::NoValue(b'p')));
        check("-p  joe", Err(BadOptions::NoDirectory));
        check("-h  joe", Err(BadOptions::NoFile));
        check("-H  joe", Err(BadOptions::NoHash));
    }
}
