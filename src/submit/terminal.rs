//! What the caller gets to see: diagnostics, and the exit status that sums them up.

use std::io::Write;

use bstr::BString;

use crate::name::Sysexit;

/// The place where the caller reads what is wrong.
pub struct Terminal<'a> {
    out: &'a mut (dyn Write + Send),
    /// Diagnostics are not printed.
    is_silent: bool,
    exit: Sysexit,
}

impl<'a> Terminal<'a> {
    /// Returns a terminal that writes to `out`.
    pub fn new(out: &'a mut (dyn Write + Send)) -> Self {
        Self { out, is_silent: false, exit: Sysexit::Ok }
    }

    /// Prints diagnostics no more.
    pub fn silence(&mut self) {
        self.is_silent = true;
    }

    /// Prints diagnostics again.
    pub fn speak(&mut self) {
        self.is_silent = false;
    }

    /// Tells what is wrong.
    pub fn complain(&mut self, text: impl AsRef<[u8]>) {
        if !self.is_silent {
            self.tell(text);
        }
    }

    /// Tells something that the caller wants to know in any case.
    pub fn tell(&mut self, text: impl AsRef<[u8]>) {
        let mut line = BString::from(text.as_ref());
        line.push(b'\n');
        // Who closed the output wants to know nothing.
        let _ = self.out.write_all(&line);
        let _ = self.out.flush();
    }

    /// Notes a reason for an exit status other than 0; the first one that is not temporary stands.
    pub fn fail(&mut self, exit: Sysexit) {
        if exit != Sysexit::Ok && matches!(self.exit, Sysexit::Ok | Sysexit::TempFail) {
            self.exit = exit;
        }
    }

    /// Returns the exit status so far.
    pub fn exit(&self) -> Sysexit {
        self.exit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lasting_failure_decides() {
        let mut out = Vec::new();
        let mut terminal = Terminal::new(&mut out);
        terminal.fail(Sysexit::TempFail);
        terminal.fail(Sysexit::NoUser);
        terminal.fail(Sysexit::NoHost);
        terminal.complain("x... User unknown");
        terminal.silence();
        terminal.complain("never seen");
        terminal.speak();
        terminal.complain("y... User unknown");
        assert_eq!(terminal.exit(), Sysexit::NoUser);
        assert_eq!(out, b"x... User unknown\ny... User unknown\n");
    }
}
