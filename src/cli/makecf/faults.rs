//! What is wrong, or probably not meant, with a `.mc` file, and with the result that m4 has made.

mod arguments;
mod calls;
mod flags;
mod names;
mod ports;
mod result;
mod source;
mod values;

use std::collections::BTreeMap;
use std::fmt;

use bstr::{BString, ByteSlice};

pub(super) use self::source::tidied;
use super::super::configuration;
use super::library::FOLDER;
use super::marks::WISH;
use crate::m4::{Message, Output, Place, Severity, Whence};

/// How a library says what is wrong, and what is perhaps not meant.
const ERROR: &[u8] = b"*** ERROR: ";
const WARNING: &[u8] = b"*** WARNING: ";

/// Something found, with its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Fault {
    place: Place,
    /// Whether the result must not be used.
    pub(super) is_error: bool,
    text: String,
}

impl Fault {
    fn error(place: &Place, text: String) -> Self {
        Self { place: place.clone(), is_error: true, text }
    }

    pub(super) fn warning(place: &Place, text: String) -> Self {
        Self { place: place.clone(), is_error: false, text }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.is_error { "" } else { "warning: " };
        write!(f, "{}: {severity}{}", self.place, configuration::shown(&self.text))
    }
}

/// What one run read and made.
pub(super) struct Run<'a> {
    /// The files of the command line.
    pub(super) given: &'a [(BString, Vec<u8>)],
    /// The files that they included.
    pub(super) included: &'a BTreeMap<BString, Vec<u8>>,
    /// What came of them.
    pub(super) output: &'a Output,
}

impl Run<'_> {
    /// Returns everything that is wrong, in the order of the files.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = self.faults_of_files();
        if faults.is_empty() {
            faults.extend(self.faults_of_text());
            self.add(&mut faults, self.output.messages.iter().filter_map(|message| self.told(message)).collect());
            self.add(&mut faults, self.faults_of_names());
            self.add(&mut faults, self.faults_of_values());
            self.add(&mut faults, self.faults_of_arguments());
        }
        // What a text that m4 did not read to its end lacks need not be told.
        if self.output.exit == 0 && !faults.iter().any(|fault| fault.is_error) {
            self.add(&mut faults, self.faults_of_result());
            self.add(&mut faults, self.faults_of_ports());
            self.add(&mut faults, self.faults_of_flags());
            self.add(&mut faults, self.loose_text());
        }
        faults.sort_by_key(|fault| {
            (self.given.iter().position(|(name, _)| *name == *fault.place.file), fault.place.line)
        });
        faults.dedup();
        faults
    }

    /// Adds what is told of lines of which nothing is told yet.
    fn add(&self, faults: &mut Vec<Fault>, more: Vec<Fault>) {
        let known: Vec<Place> = faults.iter().map(|fault| fault.place.clone()).collect();
        faults.extend(more.into_iter().filter(|fault| !known.contains(&fault.place)));
    }

    /// Returns what m4, or the library, says of a line; nothing where the file prints something of its own.
    fn told(&self, message: &Message) -> Option<Fault> {
        let Whence { place, cause } = &message.whence;
        let shown = cause.as_ref().unwrap_or(place);
        let text = message.text.trim_end().to_str_lossy().into_owned();
        let is_elsewhere = place != shown && !place.file.starts_with(FOLDER.as_bytes());
        let text = match is_elsewhere {
            true => format!("{text} ({place})"),
            false if self.line_at(shown).starts_with(b"#") => {
                format!("{text} (m4 reads a line behind # too: write dnl)")
            }
            false => text,
        };
        match message.severity {
            Severity::Note if self.is_judgement(message) => {
                let is_error = message.text.starts_with(ERROR);
                let text = text.trim_start_matches("*** ERROR: ").trim_start_matches("*** WARNING: ").to_owned();
                Some(Fault { place: shown.clone(), is_error, text })
            }
            Severity::Note => None,
            Severity::Warning => Some(Fault::warning(shown, text)),
            Severity::Complaint | Severity::Error => Some(Fault::error(shown, text)),
        }
    }

    /// Tells whether a message is more than what a file prints for itself: m4 says it, or our library.
    pub(super) fn is_judgement(&self, message: &Message) -> bool {
        let is_of_library = || message.text.starts_with(ERROR) || message.text.starts_with(WARNING);
        message.severity != Severity::Note || self.is_ours() && is_of_library()
    }

    /// Returns the text of a line.
    fn line_at(&self, place: &Place) -> &[u8] {
        let file = self.given.iter().find(|(name, _)| *name == **place.file);
        file.and_then(|(_, text)| text.lines().nth(place.line.checked_sub(1)?)).unwrap_or_default()
    }

    /// Returns the place of a file as a whole.
    fn top(&self) -> Place {
        let file = self.given.last().map(|(name, _)| name.clone()).unwrap_or_default();
        Place { file: file.into(), line: 1 }
    }

    /// Tells whether a place is in a file of the command line.
    fn is_given(&self, place: &Place) -> bool {
        self.given.iter().any(|(name, _)| *name == **place.file)
    }

    /// Tells whether the library that is in use is ours, or a copy of it.
    fn is_ours(&self) -> bool {
        self.output.defined.iter().any(|defined| defined.name == WISH)
    }

    /// Tells whether a file of the command line changes the quotes: who does knows what he does.
    fn has_own_quotes(&self) -> bool {
        self.given.iter().any(|(_, text)| text.contains_str("changequote"))
    }
}

/// The processor's own macros that a `.mc` file calls.
const BUILTINS: &[&str] =
    &["define", "undefine", "include", "sinclude", "divert", "dnl", "ifdef", "ifelse", "changequote"];

/// Returns the words of a text, comments left out.
fn words(text: &[u8]) -> impl Iterator<Item = &str> {
    lines_of_m4(text)
        .flat_map(|line| line.split(|byte| !is_word(*byte)))
        .filter_map(|word| word.to_str().ok())
        .filter(|word| !word.is_empty())
}

/// Returns the lines of a text, comments left out.
fn lines_of_m4(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.lines().filter(|line| !line.starts_with(b"#") && !line.starts_with(b"dnl"))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Returns the beginning of a text for a message.
fn shown(text: &[u8]) -> String {
    const LETTERS_MAX: usize = 60;
    let text = text.to_str_lossy();
    match text.char_indices().nth(LETTERS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.into_owned(),
    }
}
