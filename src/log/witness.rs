//! Who watches a delivery as it goes on: the caller of `-v`, and the file of `-X`.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use bstr::BString;

use super::traffic::Traffic;

/// Whoever watches; clones are the same one. The default is nobody.
#[derive(Clone, Default)]
pub struct Witness {
    terminal: Option<Arc<Mutex<dyn Write + Send>>>,
    traffic: Option<Traffic>,
}

impl Witness {
    /// Returns a witness; `terminal` is where a verbose caller reads.
    pub fn new(terminal: Option<Arc<Mutex<dyn Write + Send>>>, traffic: Option<Traffic>) -> Self {
        Self { terminal, traffic }
    }

    /// Tells whether a verbose caller watches, who wants to hear one thing after the other.
    pub fn is_verbose(&self) -> bool {
        self.terminal.is_some()
    }

    /// Tells a verbose caller what is done.
    pub fn tell(&self, text: impl AsRef<[u8]>) {
        let Some(terminal) = &self.terminal else { return };
        let mut line = BString::from(text.as_ref());
        line.push(b'\n');
        let mut terminal = terminal.lock().unwrap_or_else(PoisonError::into_inner);
        // Who closed the output wants to know nothing.
        drop(terminal.write_all(&line).and_then(|()| terminal.flush()));
    }

    /// Tells a verbose caller what is done for one or several recipients.
    pub fn tell_about(&self, to: &[u8], text: impl AsRef<[u8]>) {
        if self.is_verbose() {
            self.tell([to, b"... ", text.as_ref()].concat());
        }
    }

    /// Shows a command that goes to a server, without its line end.
    pub fn command(&self, line: &[u8]) {
        if let Some(traffic) = &self.traffic {
            traffic.sent(line);
        }
        if self.is_verbose() {
            self.tell([b">>> ", line].concat());
        }
    }

    /// Shows a line that came from a server, without its line end.
    pub fn reply(&self, line: &[u8]) {
        if let Some(traffic) = &self.traffic {
            traffic.received(line);
        }
        self.tell(line);
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness").field("verbose", &self.is_verbose()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verbose_caller_reads_both_sides() {
        let out = Arc::new(Mutex::new(Vec::new()));
        let witness = Witness::new(Some(out.clone()), None);
        witness.tell_about(b"a,b", "Connecting to local...");
        witness.command(b"EHLO x");
        witness.reply(b"250 ok");
        let told = out.lock().expect("no holder panics").clone();
        assert_eq!(BString::from(told), "a,b... Connecting to local...\n>>> EHLO x\n250 ok\n");
        assert!(!Witness::default().is_verbose());
    }
}
