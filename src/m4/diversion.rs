//! Diversions: numbered texts that wait, while the text of number 0 is the output.

use std::collections::BTreeMap;

/// All output.
#[derive(Debug, Default)]
pub(super) struct Diversions {
    current: i32,
    /// What number 0 has.
    output: Vec<u8>,
    waiting: BTreeMap<i32, Vec<u8>>,
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
    pub(super) fn write(&mut self, text: &[u8]) {
        match self.current {
            0 => self.output.extend_from_slice(text),
            1.. => self.waiting.entry(self.current).or_default().extend_from_slice(text),
            _ => {}
        }
    }

    /// Appends to the output, whichever number is in force.
    pub(super) fn write_output(&mut self, text: &[u8]) {
        self.output.extend_from_slice(text);
    }

    /// Brings the text of one number back into the one in force.
    pub(super) fn undivert(&mut self, number: i32) {
        if number > 0
            && number != self.current
            && let Some(text) = self.waiting.remove(&number)
        {
            self.write(&text);
        }
    }

    /// Brings every text back, in the order of the numbers.
    pub(super) fn undivert_all(&mut self) {
        let numbers: Vec<i32> = self.waiting.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.undivert(number));
    }

    /// Returns the output.
    pub(super) fn into_output(self) -> Vec<u8> {
        self.output
    }
}
