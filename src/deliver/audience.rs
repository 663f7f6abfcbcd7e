//! Who hears what is said during a delivery: a verbose caller, the log of `-X`, and the sender, to whom the transcript goes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bstr::BString;

use crate::deliver::outcome::{Outcome, Verdict};
use crate::log::Witness;
use crate::mail::envelope::Occasion;

/// The longest transcript of one run of a mailer, in bytes: what goes beyond is no help to the sender.
const TRANSCRIPT_BYTES_MAX: usize = 64 * 1024;

/// The audience of one run of a mailer.
#[derive(Debug, Default)]
pub struct Audience {
    witness: Witness,
    /// Whether a verbose caller hears of failures: not of those of a message that he has just submitted, which come back to
    /// him.
    hears_failures: bool,
    heard: Mutex<Heard>,
}

/// What was said so far.
#[derive(Debug, Default)]
struct Heard {
    transcript: BString,
    /// Whom what is told is about: recipients with commas between.
    subject: BString,
    /// The host that speaks; empty once the transcript has named it.
    host: BString,
    /// The last command, until a reply to it is in the transcript.
    command: BString,
}

impl Audience {
    /// Returns an audience for what is done for `subject`.
    pub fn new(witness: Witness, subject: BString, occasion: Occasion) -> Self {
        Self {
            witness,
            hears_failures: occasion != Occasion::New,
            heard: Mutex::new(Heard { subject, ..Heard::default() }),
        }
    }

    /// Tells what is done now.
    pub fn tell(&self, text: &str) {
        let subject = self.heard().subject.clone();
        self.witness.tell_about(&subject, text);
    }

    /// Tells what is done with a connection.
    pub fn tell_of_connection(&self, text: &str) {
        self.witness.tell(text);
    }

    /// Tells whether somebody wants to hear one thing after the other.
    pub fn is_watched(&self) -> bool {
        self.witness.is_verbose()
    }

    /// Changes whom it is about.
    pub fn set_subject(&self, subject: BString) {
        self.heard().subject = subject;
    }

    /// Notes that another host speaks from now on.
    pub fn meet(&self, host: &[u8]) {
        let mut heard = self.heard();
        heard.host = host.into();
        heard.command.clear();
    }

    /// Hears commands that go to the host, each with its line end.
    pub fn commands(&self, bytes: &[u8]) {
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            self.witness.command(line);
            self.heard().command = line.into();
        }
    }

    /// Hears a reply, one or several lines as they came; the transcript keeps refusals.
    pub fn reply(&self, raw: &[u8]) {
        let mut heard = self.heard();
        for line in raw.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            self.witness.reply(line);
            if matches!(line.first(), Some(b'4' | b'5')) {
                heard.refusal(line);
            }
        }
    }

    /// Tells what became of recipients (with commas between).
    pub fn fate(&self, to: &[u8], outcome: &Outcome) {
        if self.hears_failures || outcome.verdict != Verdict::Failed {
            self.witness.tell_about(to, &outcome.stat);
        }
        match outcome.verdict {
            Verdict::Sent => {}
            Verdict::Deferred => self.note(&[to, b"... ", &outcome.stat].concat()),
            Verdict::Failed => self.note(&outcome.failure_line(to)),
        }
    }

    /// Puts a line into the transcript.
    pub fn note(&self, line: &[u8]) {
        self.heard().note(line);
    }

    /// Returns the transcript: lines with LF.
    pub fn transcript(&self) -> BString {
        self.heard().transcript.clone()
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    /// Notes a line of a refusal, with the command that it answers.
    fn refusal(&mut self, line: &[u8]) {
        let host = std::mem::take(&mut self.host);
        if !host.is_empty() {
            self.note(&[b"... while talking to ", host.as_slice(), b":"].concat());
        }
        let command = std::mem::take(&mut self.command);
        if !command.is_empty() {
            self.note(&[b">>> ", command.as_slice()].concat());
        }
        self.note(&[b"<<< ", line].concat());
    }

    fn note(&mut self, line: &[u8]) {
        if self.transcript.len() + line.len() < TRANSCRIPT_BYTES_MAX {
            self.transcript.extend(line.iter().map(|byte| if byte.is_ascii_control() { b' ' } else { *byte }));
            self.transcript.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Status;

    #[test]
    fn the_transcript_has_refusals_with_what_they_answer() {
        let audience = Audience::new(Witness::default(), "a@b".into(), Occasion::Run);
        audience.meet(b"mx.b.");
        audience.commands(b"MAIL From:<c@d>\r\nRCPT To:<a@b>\r\n");
        audience.reply(b"250 ok\r\n");
        audience.reply(b"550-5.1.1 no\r\n550 5.1.1 such user\r\n");
        let outcome = Outcome::failed(Status::new(5, 1, 1), "User unknown").with_reply("550 5.1.1 no");
        audience.fate(b"a@b", &outcome);
        let expected = "... while talking to mx.b.:\n>>> RCPT To:<a@b>\n<<< 550-5.1.1 no\n<<< 550 5.1.1 such user\n\
                        550 5.1.1 a@b... User unknown\n";
        assert_eq!(audience.transcript(), expected);
    }

    #[test]
    fn what_others_say_cannot_forge_lines() {
        let audience = Audience::default();
        audience.note(b"a\rb\0c");
        assert_eq!(audience.transcript(), "a b c\n");
    }
}
