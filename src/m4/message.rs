//! What the processor has to say, and where the text is that it speaks of.

use std::fmt;
use std::rc::Rc;

use bstr::BString;

/// A line of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// The file's name as it was given.
    pub file: Rc<BString>,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Where text stands, and which line of a source file it is there for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Whence {
    /// The line of the file that is read.
    pub place: Place,
    /// The line of a file of [`super::Machine::process_source`] that called for it, or that defined the macro which it comes of;
    /// none for what comes out whatever these files say.
    pub cause: Option<Place>,
}

/// What follows from a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// What `errprint`, `dumpdef` and traces print: no judgement.
    Note,
    /// The result stands, but is perhaps not what was meant.
    Warning,
    /// A call had no result; the exit status stays 0, as with the original m4.
    Complaint,
    /// The exit status is 1.
    Error,
}

/// Something said on standard error.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Where.
    pub whence: Whence,
    /// What follows.
    pub severity: Severity,
    /// The text; a note's is printed as it is.
    pub text: BString,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Whence { place, cause } = &self.whence;
        let place = cause.as_ref().unwrap_or(place);
        match self.severity {
            Severity::Note => write!(f, "{}", self.text),
            Severity::Warning => writeln!(f, "{place}: warning: {}", self.text),
            Severity::Complaint | Severity::Error => writeln!(f, "{place}: {}", self.text),
        }
    }
}
