//! Where the lines of test mode come from: a file or pipe, byte for byte, or a person at a terminal.

use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read, Write as _};
use std::sync::PoisonError;

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use super::{LINE_BYTES_MAX, SharedOutput};

/// The prompt.
const PROMPT: &str = "> ";

/// Where lines come from.
pub(super) enum Lines<R> {
    /// A file or a pipe: the prompt is written to the session's output.
    Plain(BufReader<R>),
    /// A person, who can edit the line and have earlier ones again.
    Person(Box<DefaultEditor>),
}

impl<R: Read> Lines<R> {
    /// Returns the lines of a person where standard input and output are a terminal, else those of `input`.
    pub(super) fn of(input: R) -> Self {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Self::Plain(BufReader::new(input));
        }
        match DefaultEditor::new() {
            Ok(editor) => Self::Person(Box::new(editor)),
            Err(_) => Self::Plain(BufReader::new(input)),
        }
    }

    /// Returns the next line without its end; none when there is no more.
    ///
    /// # Errors
    /// Reading or writing fails.
    pub(super) fn next(&mut self, output: &SharedOutput) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Plain(input) => {
                let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
                output.write_all(PROMPT.as_bytes())?;
                // Whoever answers to what was written has it before we wait; a file of commands is not waited for.
                if memchr::memchr(b'\n', input.buffer()).is_none() {
                    output.flush()?;
                }
                let mut line = Vec::new();
                if io::Read::take(input, LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
                    return Ok(None);
                }
                line.pop_if(|byte| *byte == b'\n');
                Ok(Some(line))
            }
            Self::Person(editor) => {
                output.lock().unwrap_or_else(PoisonError::into_inner).flush()?;
                ask(editor)
            }
        }
    }
}

/// Asks the person for a line; none at the end of input and when interrupted.
fn ask(editor: &mut DefaultEditor) -> io::Result<Option<Vec<u8>>> {
    match editor.readline(PROMPT) {
        Ok(line) => {
            // Without memory for it the line is used all the same.
            let _ = editor.add_history_entry(&line);
            Ok(Some(line.into_bytes()))
        }
        Err(ReadlineError::Eof | ReadlineError::Interrupted) => Ok(None),
        Err(ReadlineError::Io(error)) => Err(error),
        Err(error) => Err(io::Error::other(error)),
    }
}
