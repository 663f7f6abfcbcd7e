//! Writes into a `.cf` which line of the `.mc` file its parts come from.

use std::collections::BTreeMap;

use bstr::{BStr, BString, ByteSlice};

use super::library::FOLDER;
use crate::cf::{Mark, McLine, call_of};
use crate::m4::{Output, Place};

/// The macro of a library that wants marks: others are used as they are.
pub(super) const WISH: &str = "_MARKS_";

/// What the names of the sections begin with, whose lines are copied.
const SECTIONS: &[&[u8]] = &[b"LOCAL_", b"MAILER_DEFINITIONS"];

/// What the lines that are being written come from.
#[derive(Eq, PartialEq)]
enum Part {
    /// From a file of the library, whatever the `.mc` file says.
    Library,
    /// From one line.
    Line(McLine),
    /// They are copies of lines; the next one is this.
    Lines(McLine),
}

/// Returns the result with its marks, or as it is where the library wants none.
pub(super) fn marked(output: &Output, given: &[(BString, Vec<u8>)]) -> Vec<u8> {
    if !output.defined.iter().any(|defined| defined.name == WISH) {
        return output.text.clone();
    }
    let files = given.iter().map(|(name, text)| (name.as_bstr(), text.lines().collect())).collect();
    Writer { output, files, text: Vec::new(), waiting: Vec::new(), part: Part::Library }.write()
}

/// A result while it is written.
struct Writer<'a> {
    output: &'a Output,
    /// The lines of the `.mc` files.
    files: BTreeMap<&'a BStr, Vec<&'a [u8]>>,
    text: Vec<u8>,
    /// Comments that belong to the line behind them.
    waiting: Vec<&'a [u8]>,
    part: Part,
}

impl<'a> Writer<'a> {
    fn write(mut self) -> Vec<u8> {
        let mut at = 0;
        for line in self.output.text.lines_with_terminator() {
            match line.first() {
                // What continues a line cannot be parted from it, and the last comment before it is that line.
                Some(b' ' | b'\t') => self.go_on(line),
                Some(b'#') => self.waiting.push(line),
                Some(b'\n') => {
                    self.waiting.push(line);
                    self.flush();
                }
                _ => self.line(at, line),
            }
            at += line.len();
        }
        self.flush();
        self.text
    }

    /// Writes a line, and what it comes from if the lines before come from elsewhere.
    fn line(&mut self, at: usize, line: &'a [u8]) {
        let waiting = self.waiting.len();
        if let Some(mark) = self.mark(at, at + line.len(), waiting) {
            self.text.extend_from_slice(format!("{mark}\n").as_bytes());
        }
        self.flush();
        self.go_on(line);
    }

    fn go_on(&mut self, line: &'a [u8]) {
        self.waiting.push(line);
        self.flush();
    }

    fn flush(&mut self) {
        for line in std::mem::take(&mut self.waiting) {
            self.text.extend_from_slice(line);
            if let Part::Lines(next) = &mut self.part {
                next.line += 1;
            }
        }
    }

    /// Returns the mark that must stand before the text from `start` to `end`, and the comments that wait.
    fn mark(&mut self, start: usize, end: usize, waiting: usize) -> Option<Mark> {
        let Some((cause, is_copy)) = self.cause(start, end) else {
            let was = std::mem::replace(&mut self.part, Part::Library);
            let library = &self.output.origin(start)?.place.file;
            let library = library.strip_prefix(FOLDER.as_bytes()).unwrap_or(library);
            return (was != Part::Library).then(|| Mark::Library(library.into()));
        };
        let mut from = self.mc_line(&cause, is_copy);
        if is_copy {
            from.line = from.line.saturating_sub(waiting);
        }
        let (part, mark) = match is_copy {
            true => (Part::Lines(from.clone()), Mark::Lines(from)),
            false => (Part::Line(from.clone()), Mark::Line(from)),
        };
        let goes_on = self.part == part;
        self.part = part;
        (!goes_on).then_some(mark)
    }

    /// Returns the line of a `.mc` file that a line of the result is there for, and whether it is a copy of it.
    fn cause(&self, start: usize, end: usize) -> Option<(Place, bool)> {
        let cause = self.output.cause(start, end)?;
        let is_copy = self.output.origin(start)?.place == *cause && self.is_copy(start, end, cause);
        Some((cause.clone(), is_copy))
    }

    fn is_copy(&self, start: usize, end: usize, place: &Place) -> bool {
        let line = self.files.get(place.file.as_bstr()).and_then(|lines| lines.get(place.line.checked_sub(1)?));
        line.is_some_and(|line| self.output.text[start..end].trim_end_with(|letter| letter == '\n') == *line)
    }

    /// Returns a line of a `.mc` file for a mark. A copy has the name of its section.
    fn mc_line(&self, place: &Place, is_copy: bool) -> McLine {
        let lines = self.files.get(place.file.as_bstr()).map(Vec::as_slice).unwrap_or_default();
        let mut calls = lines[..place.line.min(lines.len())].iter().rev().map(|line| call_of(line.as_bstr()));
        let is_section =
            |call: &BString| SECTIONS.iter().any(|section| call.starts_with(section) && !call.contains(&b'('));
        let call = if is_copy { calls.find(is_section) } else { calls.next() };
        // The name of a file may hold anything.
        let file = place.file.iter().map(|byte| if byte.is_ascii_control() { b'?' } else { *byte });
        McLine { file: file.collect::<Vec<u8>>().into(), line: place.line, call: call.unwrap_or_default() }
    }
}
