//! Diversions: numbered texts that wait, while the text of number 0 is the output.

use std::collections::BTreeMap;

use super::message::{Place, Whence};

/// Where a part of a text was written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    /// Where the part begins in the text; it ends where the next one begins.
    pub at: usize,
    /// The line that wrote it.
    pub place: Place,
    /// The line of a source file that it is there for; see [`Whence::cause`].
    pub cause: Option<Place>,
    /// Whether it went to the output at once, and not by a diversion.
    pub is_direct: bool,
}

/// A text and where its parts come from.
#[derive(Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    origins: Vec<Origin>,
}

impl Text {
    fn write(&mut self, bytes: &[u8], whence: &Whence, is_direct: bool) {
        let at = self.bytes.len();
        let Whence { place, cause } = whence;
        let is_same = |last: &Origin| last.is_direct == is_direct && last.place == *place && last.cause == *cause;
        if !bytes.is_empty() && !self.origins.last().is_some_and(is_same) {
            self.origins.push(Origin { at, place: place.clone(), cause: cause.clone(), is_direct });
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn append(&mut self, other: Self) {
        let at = self.bytes.len();
        self.origins.extend(other.origins.into_iter().map(|origin| Origin { at: origin.at + at, ..origin }));
        self.bytes.extend(other.bytes);
    }
}

/// All output.
#[derive(Debug, Default)]
pub(super) struct Diversions {
    current: i32,
    /// What number 0 has.
    output: Text,
    waiting: BTreeMap<i32, Text>,
}

impl Diversions {
    /// Returns the number in force.
    pub(super) fn current(&self) -> i32 {
        self.current
    }

    /// Puts what follows under `number`; what is under a negative one is lost.
    pub(super) fn divert(&mut self, number: i32) {
        self.current = number;
    }

    /// Appends to the text in force.
    pub(super) fn write(&mut self, text: &[u8], whence: &Whence) {
        match self.current {
            0 => self.output.write(text, whence, true),
            1.. => self.waiting.entry(self.current).or_default().write(text, whence, false),
            _ => {}
        }
    }

    /// Appends to the output, whichever number is in force.
    pub(super) fn write_output(&mut self, text: &[u8], whence: &Whence) {
        self.output.write(text, whence, true);
    }

    /// Brings the text of one number back into the one in force.
    pub(super) fn undivert(&mut self, number: i32) {
        if number <= 0 || number == self.current {
            return;
        }
        let Some(text) = self.waiting.remove(&number) else { return };
        match self.current {
            0 => self.output.append(text),
            1.. => self.waiting.entry(self.current).or_default().append(text),
            _ => {}
        }
    }

    /// Brings every text back, in the order of the numbers.
    pub(super) fn undivert_all(&mut self) {
        let numbers: Vec<i32> = self.waiting.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.undivert(number));
    }

    /// Returns the output, and where its parts come from.
    pub(super) fn into_output(self) -> (Vec<u8>, Vec<Origin>) {
        (self.output.bytes, self.output.origins)
    }
}
