//! What the processor asks of the world outside.

use bstr::BString;

/// What a command did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ran {
    /// What it printed.
    pub output: Vec<u8>,
    /// Its exit status.
    pub status: u8,
}

/// Opens files and runs commands for the processor.
pub trait Host {
    /// Returns the text of the file that `include` names.
    ///
    /// # Errors
    /// What is wrong, with the name of the file, and what to do about it.
    fn read(&mut self, name: &[u8]) -> Result<Vec<u8>, BString>;

    /// Runs a command of `syscmd` or `esyscmd`.
    ///
    /// # Errors
    /// Why it is not run, and what to do about it.
    fn run(&mut self, command: &[u8]) -> Result<Ran, BString>;

    /// Creates an empty file for `maketemp` and `mkstemp` and returns its name.
    ///
    /// # Errors
    /// Why it is not created, and what to do about it.
    fn create(&mut self, template: &[u8]) -> Result<BString, BString>;
}
