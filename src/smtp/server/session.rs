//! The state machine of one SMTP session (`RFC 5321`), as the original plays it.

use std::time::Duration;

use bstr::{BString, ByteSlice};
use memchr::memchr;

use super::commands::{self, Command};
use super::event::{Answer, Effect, Event, Moment, Opening, Question, Refusal};
use super::line::Line;
use super::message::{Message, Step};
use super::settings::Settings;
use super::texts::{self, Note};
use crate::mail::reply::Reply;

/// The longest command line with its line end, in bytes (the original's MAXLINE).
const LINE_BYTES_MAX: usize = 2048;

/// How much of an overlong line is read before the client is sent away, in bytes.
const OVERLONG_BYTES_MAX: usize = 64 * 1024;

/// How many bad commands a client may send; one more closes the connection.
pub(super) const BAD_COMMANDS_MAX: u32 = 25;

/// From this many HELO on each one is answered slowly.
pub(super) const HELLO_MAX: u32 = 3;

/// From this many VRFY and EXPN on each one is answered slowly.
pub(super) const VERIFY_MAX: u32 = 6;

/// From this many ETRN on each one is answered slowly.
pub(super) const ETRN_MAX: u32 = 8;

/// The longest time a reply is held back because a command came too often.
const SLOW_DOWN_MAX: Duration = Duration::from_secs(240);

/// What the session waits for.
#[derive(Debug)]
pub(super) enum State {
    /// Judgement of the connection.
    ExpectOpening,
    /// The next command.
    ExpectCommand,
    /// The end of a line that is too long already.
    ExpectLineEnd { bytes: usize },
    /// The verdict of check_other on a command.
    ExpectOther { line: Line, command: &'static Command },
    /// Whether the sender's address is one.
    ExpectSender { address: BString, params: BString },
    /// The verdict of check_mail; after a yes the parameters may still be wrong.
    ExpectSenderVerdict { address: BString, seven_bit: bool, wrong: Option<Reply> },
    /// Whether the recipient's address is one.
    ExpectRecipient { address: BString, params: BString },
    /// The verdict of check_rcpt and of the look-up of the recipient.
    ExpectRecipientVerdict,
    /// The verdict of check_data.
    ExpectMessageVerdict,
    /// More of the message.
    ExpectData(Box<Message>),
    /// The verdict on the header.
    ExpectHeaderVerdict(Box<Message>),
    /// The reply to a message or a question.
    ExpectReply { ends_message: bool },
    /// Nothing any more.
    Closed,
}

/// Sender and recipients so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Transaction {
    /// The sender as it was typed.
    pub(super) sender: BString,
    /// How many RCPT were accepted, duplicates counted.
    pub(super) recipients: u32,
    /// Whether eighth bits are cleared (`BODY=7BIT`).
    pub(super) seven_bit: bool,
}

/// How often things happened in this session.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    pub(super) bad_commands: u32,
    pub(super) bad_recipients: u32,
    pub(super) hellos: u32,
    pub(super) idle: u32,
    pub(super) verifies: u32,
    pub(super) queue_runs: u32,
}

/// One SMTP session.
#[derive(Debug)]
pub struct Session {
    pub(super) settings: Settings,
    pub(super) state: State,
    pub(super) transaction: Option<Transaction>,
    pub(super) counters: Counters,
    /// The reply to nearly everything, if the client is refused.
    pub(super) refusal: Option<Reply>,
    /// Whether HELO or EHLO was accepted.
    pub(super) hello_seen: bool,
    /// Whether no MAIL, VRFY, EXPN or ETRN came yet.
    pub(super) asked_nothing: bool,
    /// The last command, for the log.
    pub(super) last_command: &'static str,
    first_line_seen: bool,
    /// Bytes that came in and were not looked at; less than one read and one command line.
    pub(super) input: Vec<u8>,
    pub(super) effects: Vec<Effect>,
}

impl Session {
    /// Returns a session that waits for the judgement of its connection.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            state: State::ExpectOpening,
            transaction: None,
            counters: Counters::default(),
            refusal: None,
            hello_seen: false,
            asked_nothing: true,
            last_command: "startup",
            first_line_seen: false,
            input: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// Tells whether the session is inside a message.
    pub fn is_reading_message(&self) -> bool {
        matches!(self.state, State::ExpectData(_))
    }

    /// Sets whether commands are answered slowly because the machine is loaded.
    pub fn set_slow(&mut self, slow: bool) {
        self.settings.slow = slow;
    }

    /// Takes in what happened and returns what is to be done, in order.
    pub fn handle(&mut self, event: Event<'_>) -> Vec<Effect> {
        match (std::mem::replace(&mut self.state, State::Closed), event) {
            (State::Closed, _) => {}
            (_, Event::ShutDown) => self.end(texts::shutting_down(self.settings.host.as_bstr())),
            (state, Event::HungUp) => self.hang_up(state, false),
            (state, Event::TimedOut) => self.hang_up(state, true),
            (State::ExpectOpening, Event::Opened(opening)) => self.open(opening),
            (
                state @ (State::ExpectCommand | State::ExpectLineEnd { .. } | State::ExpectData(_)),
                Event::Input(bytes),
            ) => {
                self.input.extend_from_slice(bytes);
                self.state = state;
            }
            (state, Event::Answer(answer)) => self.settle(state, answer),
            (state, Event::Input(_) | Event::Opened(_)) => {
                debug_assert!(false, "{state:?} waits for something else");
                self.state = state;
                return Vec::new();
            }
        }
        self.advance();
        std::mem::take(&mut self.effects)
    }

    /// Begins the session.
    fn open(&mut self, opening: Opening) {
        let greeting = match opening {
            Opening::Refused(reply) if reply.closes() => {
                self.refusal = Some(reply.clone());
                return self.end(reply);
            }
            Opening::Refused(reply) => {
                self.refusal = Some(reply);
                texts::greeting(&self.settings.greeting)
            }
            Opening::Welcome => texts::greeting(&self.settings.greeting),
            Opening::EarlyTalk { seconds } => {
                self.refusal = Some(texts::command_rejected());
                self.log(texts::note_pre_greeting(self.settings.client.as_bstr(), seconds));
                texts::not_accepting(self.settings.host.as_bstr())
            }
        };
        self.send(greeting);
        self.state = State::ExpectCommand;
    }

    /// Works on the input until something must be asked or read, or all is over.
    fn advance(&mut self) {
        loop {
            match std::mem::replace(&mut self.state, State::Closed) {
                State::ExpectCommand => match memchr(b'\n', &self.input) {
                    Some(end) if end < LINE_BYTES_MAX => {
                        let line: Vec<u8> = self.input.drain(..=end).collect();
                        self.state = State::ExpectCommand;
                        self.command(&line);
                    }
                    None if self.input.len() <= LINE_BYTES_MAX => {
                        return self.read(State::ExpectCommand, Moment::Command);
                    }
                    _ => self.state = State::ExpectLineEnd { bytes: 0 },
                },
                State::ExpectLineEnd { bytes } => {
                    if self.overlong(bytes) {
                        return self.read(State::ExpectLineEnd { bytes: bytes + self.input.len() }, Moment::Command);
                    }
                }
                State::ExpectData(message) => {
                    if self.data(message) {
                        return;
                    }
                }
                state => {
                    self.state = state;
                    return;
                }
            }
        }
    }

    /// Asks for more input.
    fn read(&mut self, state: State, moment: Moment) {
        if matches!(state, State::ExpectLineEnd { .. }) {
            self.input.clear();
        }
        self.state = state;
        self.effects.push(Effect::Read(moment));
    }

    /// Looks for the end of a line that is too long; tells whether it has not come.
    fn overlong(&mut self, bytes: usize) -> bool {
        let end = memchr(b'\n', &self.input);
        let len = bytes + end.map_or(self.input.len(), |end| end + 1);
        if end.is_none() && len < OVERLONG_BYTES_MAX {
            return true;
        }
        self.log(texts::note_too_long(self.settings.client.as_bstr(), len));
        self.end(texts::command_too_long(self.settings.host.as_bstr(), self.settings.client.as_bstr()));
        false
    }

    /// Deals with one command line.
    fn command(&mut self, line: &[u8]) {
        if !std::mem::replace(&mut self.first_line_seen, true) && commands::is_http(line) {
            self.log(texts::note_open_proxy(self.settings.client.as_bstr(), line));
            return self.end(texts::open_proxy(self.settings.host.as_bstr(), self.settings.client.as_bstr()));
        }
        let line = Line::new(line);
        let command = commands::find(line.word());
        self.last_command = command.name;
        self.asked_nothing &= !command.asks;
        if self.settings.slow && command.slowed {
            self.wait(Duration::from_secs(1));
        }
        if let Some(reply) = self.refusal.clone().filter(|_| !command.even_if_refused) {
            return self.bad_command(reply);
        }
        if self.settings.check_other && command.checked_by_other {
            return self.ask(Question::Other { line: line.text().into() }, State::ExpectOther { line, command });
        }
        (command.act)(self, &line);
    }

    /// Counts a command that is none; answers it, or ends the session if it was one too many.
    pub(super) fn bad_command(&mut self, reply: Reply) {
        self.counters.bad_commands += 1;
        if self.counters.bad_commands > BAD_COMMANDS_MAX {
            self.end(texts::too_many_bad_commands(self.settings.host.as_bstr()));
        } else {
            self.send(reply);
        }
    }

    /// Goes on with the answer to the last question.
    fn settle(&mut self, state: State, answer: Answer) {
        match (state, answer) {
            (State::ExpectOther { line, command }, Answer::Yes) => {
                self.state = State::ExpectCommand;
                (command.act)(self, &line);
            }
            (State::ExpectOther { .. }, Answer::No(refusal)) if refusal.reply.closes() => self.end(refusal.reply),
            (State::ExpectSender { address, params }, Answer::Yes) => self.check_sender(address, &params),
            (State::ExpectSenderVerdict { wrong: Some(reply), .. }, Answer::Yes) => self.resume(reply),
            (State::ExpectSenderVerdict { address, seven_bit, wrong: None }, Answer::Yes) => {
                let reply = texts::sender_ok(&address);
                self.transaction = Some(Transaction { sender: address, recipients: 0, seven_bit });
                self.resume(reply);
            }
            (State::ExpectRecipient { address, params }, Answer::Yes) => self.check_recipient(address, &params),
            (State::ExpectRecipientVerdict, Answer::Recipient { address, queued }) => {
                if let Some(transaction) = self.transaction.as_mut() {
                    transaction.recipients += 1;
                }
                self.resume(texts::recipient_ok(&address, queued));
            }
            (State::ExpectRecipient { .. } | State::ExpectRecipientVerdict, Answer::No(refusal)) => {
                self.refuse_recipient(refusal);
            }
            (State::ExpectMessageVerdict, Answer::Yes) => self.begin_message(),
            (State::ExpectHeaderVerdict(mut message), answer) => {
                if let Answer::No(refusal) = answer {
                    message.refuse(refusal.reply, Vec::new());
                }
                self.state = State::ExpectData(message);
            }
            (State::ExpectReply { ends_message }, Answer::Reply(reply) | Answer::No(Refusal { reply, .. })) => {
                if ends_message {
                    self.transaction = None;
                }
                self.resume(reply);
            }
            (_, Answer::No(refusal)) => self.resume(refusal.reply),
            (state, answer) => {
                debug_assert!(false, "{answer:?} does not answer {state:?}");
                self.resume(texts::try_again());
            }
        }
    }

    /// Answers a bad RCPT.
    pub(super) fn refuse_recipient(&mut self, refusal: Refusal) {
        self.counters.bad_recipients += 1;
        if !refusal.logged {
            self.log(texts::note_refusal(&refusal.reply));
        }
        self.resume(refusal.reply);
    }

    /// Asks for the message.
    fn begin_message(&mut self) {
        let seven_bit = self.settings.seven_bit_input || self.transaction.as_ref().is_some_and(|t| t.seven_bit);
        let message = Message::new(&self.settings, seven_bit);
        self.send(texts::send_message());
        self.state = State::ExpectData(Box::new(message));
    }

    /// Works on a message; tells whether it must wait.
    fn data(&mut self, mut message: Box<Message>) -> bool {
        let mut input = std::mem::take(&mut self.input);
        let mut rest = input.as_slice();
        message.feed(&mut rest);
        let taken = input.len() - rest.len();
        input.drain(..taken);
        self.input = input;
        loop {
            match message.step(self.settings.client_name.as_bstr()) {
                Step::Body(text) => self.effects.push(Effect::Body(text)),
                Step::Log(note) => self.log(note),
                Step::More => {
                    self.state = State::ExpectData(message);
                    self.effects.push(Effect::Read(Moment::Data));
                    return true;
                }
                Step::Header(headers) => {
                    self.ask(Question::Header { headers }, State::ExpectHeaderVerdict(message));
                    return true;
                }
                Step::Ended(ending) => {
                    self.ask(Question::Finish(ending), State::ExpectReply { ends_message: true });
                    return true;
                }
                Step::Refused(byte, place) => {
                    self.refuse_line_end(&message, byte, place);
                    return false;
                }
            }
        }
    }

    /// Ends a session whose message has a line end that is none.
    fn refuse_line_end(&mut self, message: &Message, byte: super::data::BareByte, place: &'static str) {
        let text = match byte {
            super::data::BareByte::Cr => texts::BARE_CR,
            super::data::BareByte::Lf => texts::BARE_LF,
        };
        let sender = self.sender();
        self.log(texts::note_bare_line_end(self.settings.client_name.as_bstr(), sender.as_bstr(), text, place));
        self.effects.push(Effect::Reset { size_bytes: Some(message.size_bytes()) });
        self.transaction = None;
        self.end(texts::bare_line_end(text));
    }

    /// Returns the sender as it was typed.
    fn sender(&self) -> BString {
        self.transaction.as_ref().map(|transaction| transaction.sender.clone()).unwrap_or_default()
    }

    /// Ends the session because nothing comes any more.
    fn hang_up(&mut self, state: State, timed_out: bool) {
        let client = self.settings.client.clone();
        let client = client.as_bstr();
        if timed_out {
            self.log(texts::note_timeout(client));
        }
        if let State::ExpectData(message) = state {
            let why = if timed_out { "read timeout" } else { "unexpected close" };
            let (name, sender) = (self.settings.client_name.clone(), self.sender());
            self.effects.extend(texts::notes_premature_end(name.as_bstr(), sender.as_bstr(), why).map(Effect::Log));
            self.effects.push(Effect::Reset { size_bytes: Some(message.size_bytes()) });
            self.transaction = None;
            self.end(texts::premature_end(name.as_bstr(), sender.as_bstr(), why));
        } else {
            let inside = self.transaction.is_some();
            self.log(texts::note_lost_input(client, self.settings.daemon.as_bstr(), self.last_command, inside));
            // QUIRK(silent-end): who sends no command any more is told nothing.
            self.close();
        }
    }

    /// Sends the last reply and closes.
    pub(super) fn end(&mut self, reply: Reply) {
        self.send(reply);
        self.close();
    }

    /// Closes without a reply.
    fn close(&mut self) {
        if self.asked_nothing && self.refusal.is_none() {
            let note = texts::note_null_connection(self.settings.client.as_bstr(), self.settings.daemon.as_bstr());
            self.log(note);
        }
        self.effects.extend([Effect::Reset { size_bytes: None }, Effect::Close]);
        self.input.clear();
        self.state = State::Closed;
    }

    /// Sends a reply and waits for the next command.
    pub(super) fn resume(&mut self, reply: Reply) {
        self.send(reply);
        self.state = State::ExpectCommand;
    }

    /// Sends a reply.
    pub(super) fn send(&mut self, reply: Reply) {
        self.effects.push(Effect::Send(reply));
    }

    /// Writes to the log.
    pub(super) fn log(&mut self, note: Note) {
        self.effects.push(Effect::Log(note));
    }

    /// Holds the next reply back.
    pub(super) fn wait(&mut self, time: Duration) {
        self.effects.push(Effect::Wait(time));
    }

    /// Asks a question.
    pub(super) fn ask(&mut self, question: Question, state: State) {
        self.effects.push(Effect::Ask(question));
        self.state = state;
    }

    /// Slows a client down that repeats `command`; `count` is how often it came, this time included.
    pub(super) fn slow_down(&mut self, command: &str, count: u32, max: u32) {
        if max == 0 || count < max {
            return;
        }
        if count == max {
            self.log(texts::note_attack(self.settings.client.as_bstr(), command, count));
        }
        let secs = 1_u64.checked_shl(count - max).unwrap_or(u64::MAX);
        self.wait(Duration::from_secs(secs).min(SLOW_DOWN_MAX));
    }
}
