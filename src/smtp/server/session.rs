//! The state machine of one SMTP session (`RFC 5321`), as the original plays it.

use std::time::Duration;

use bstr::{BString, ByteSlice};
use memchr::memchr;

use super::commands;
use super::data::BareByte;
use super::event::{Effect, Event, FilterMoment, Moment, Opening, Question};
use super::line::Line;
use super::message::{Message, Step};
use super::notes::{self, Note};
use super::params::MailParams;
use super::settings::{Overload, Settings};
use super::state::{Counters, Denial, Held, State, Transaction};
use super::texts;
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

/// How many AUTH more than there are mechanisms may come before each one is answered slowly.
pub(super) const AUTH_MAX: u32 = 3;

/// The longest line of an AUTH exchange with its line end, in bytes (`RFC 4954 §4`).
const AUTH_LINE_BYTES_MAX: usize = 12_288;

/// The longest time a reply is held back because a command came too often.
const SLOW_DOWN_MAX: Duration = Duration::from_secs(240);

/// One SMTP session.
#[derive(Debug)]
pub struct Session {
    pub(super) settings: Settings,
    pub(super) state: State,
    pub(super) transaction: Option<Transaction>,
    /// Whether the eighth bits of all input are cleared (SevenBitInput, `BODY=7BIT`).
    pub(super) seven_bit: bool,
    /// What MAIL has said besides the address, also one that was refused.
    pub(super) mail_params: MailParams,
    pub(super) counters: Counters,
    /// Why nearly everything is refused, if it is.
    pub(super) denial: Option<Denial>,
    /// Whether TLS protects the connection.
    pub(super) is_secure: bool,
    /// Whether AUTH has succeeded.
    pub(super) is_authenticated: bool,
    /// The load, while it makes answers slow.
    overload: Option<Overload>,
    overload_told: bool,
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
            seven_bit: settings.seven_bit_input,
            settings,
            state: State::ExpectOpening,
            transaction: None,
            mail_params: MailParams::default(),
            counters: Counters::default(),
            denial: None,
            is_secure: false,
            is_authenticated: false,
            overload: None,
            overload_told: false,
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
    pub fn set_overload(&mut self, overload: Option<Overload>) {
        self.overload = overload;
    }

    /// Takes in what happened and returns what is to be done, in order.
    pub fn handle(&mut self, event: Event<'_>) -> Vec<Effect> {
        match (std::mem::replace(&mut self.state, State::Closed), event) {
            (State::Closed, _) => {}
            (State::ExpectTls { greeting }, Event::Handshake { done: true }) => self.secured(greeting),
            // Nobody would understand a reply in the middle of a handshake.
            (State::ExpectTls { .. }, _) => self.close(),
            (_, Event::ShutDown) => self.end(texts::shutting_down(self.settings.host.as_bstr())),
            (state, Event::HungUp) => self.lose(&state, false),
            (state, Event::TimedOut) => self.lose(&state, true),
            (State::ExpectOpening, Event::Opened(opening)) => self.open(opening),
            (
                state @ (State::ExpectCommand
                | State::ExpectLineEnd { .. }
                | State::ExpectAuthLine
                | State::ExpectData(_)),
                Event::Input(bytes),
            ) => {
                self.input.extend_from_slice(bytes);
                self.state = state;
            }
            (state, Event::Answer(answer)) => self.settle(state, answer),
            (state, Event::Input(_) | Event::Opened(_) | Event::Handshake { .. }) => {
                debug_assert!(false, "{state:?} waits for something else");
                self.state = state;
                return Vec::new();
            }
        }
        self.advance();
        std::mem::take(&mut self.effects)
    }

    /// Begins the session, after TLS where that comes first.
    fn open(&mut self, opening: Opening) {
        if !self.settings.tls_first {
            return self.greet(opening);
        }
        if !self.settings.features.start_tls {
            self.log(notes::no_smtps());
            // Such a client could have asked for nothing.
            self.asked_nothing = false;
            return self.close();
        }
        self.start_tls(Some(opening));
    }

    /// Greets the client, or sends it away.
    pub(super) fn greet(&mut self, opening: Opening) {
        let mut greeting = texts::greeting(&self.settings.greeting);
        match opening {
            Opening::Welcome => {}
            Opening::Refused(reply) if reply.closes() => {
                self.denial = Some(Denial::Client(reply.clone()));
                return self.end(reply);
            }
            Opening::Refused(reply) => self.denial = Some(Denial::Client(reply)),
            Opening::NoRoom(reply) => self.denial = Some(Denial::NoRoom(reply)),
            Opening::NotAccepting => greeting = self.accept_nothing(),
            Opening::EarlyTalk { seconds } => {
                self.log(notes::pre_greeting(self.settings.client.as_bstr(), seconds));
                greeting = self.accept_nothing();
            }
        }
        self.filter(FilterMoment::Connection, Held::Greeting(greeting));
    }

    /// Will reject nearly all commands; returns the greeting that says so.
    fn accept_nothing(&mut self) -> Reply {
        self.denial = Some(Denial::Client(texts::command_rejected()));
        texts::not_accepting(self.settings.host.as_bstr())
    }

    /// Works on the input until something must be asked or read, or all is over.
    fn advance(&mut self) {
        loop {
            match std::mem::replace(&mut self.state, State::Closed) {
                State::ExpectCommand => {
                    if self.wants_line(LINE_BYTES_MAX, State::ExpectCommand, Self::command) {
                        return;
                    }
                }
                State::ExpectAuthLine => {
                    if self.wants_line(AUTH_LINE_BYTES_MAX, State::ExpectAuthLine, Self::auth_line) {
                        return;
                    }
                }
                State::ExpectLineEnd { bytes } => {
                    if self.overlong(bytes) {
                        return self
                            .read(State::ExpectLineEnd { bytes: bytes + self.input.len() }, Moment::CommandRest);
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

    /// Acts upon the next line, in the state that waits for it; tells whether it has not come whole.
    fn wants_line(&mut self, bytes_max: usize, state: State, act: fn(&mut Self, &[u8])) -> bool {
        match memchr(b'\n', &self.input) {
            Some(end) if end < bytes_max => {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                self.state = state;
                act(self, &line);
                false
            }
            None if self.input.len() <= bytes_max => {
                let moment = match state {
                    _ if !self.input.is_empty() => Moment::CommandRest,
                    State::ExpectAuthLine => Moment::Auth,
                    _ => Moment::Command,
                };
                self.read(state, moment);
                true
            }
            _ => {
                self.state = State::ExpectLineEnd { bytes: 0 };
                false
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
        self.log(notes::too_long(self.settings.client.as_bstr(), len));
        self.end(texts::command_too_long(self.settings.host.as_bstr(), self.settings.client.as_bstr()));
        false
    }

    /// Deals with one command line.
    fn command(&mut self, line: &[u8]) {
        if !std::mem::replace(&mut self.first_line_seen, true) && commands::is_http(line) {
            self.log(notes::open_proxy(self.settings.client.as_bstr(), line));
            return self.end(texts::open_proxy(self.settings.host.as_bstr(), self.settings.client.as_bstr()));
        }
        let line = if self.seven_bit {
            // A line end that the eighth bit has hidden ends the line.
            Line::new(&line.iter().map(|byte| byte & 0x7f).take_while(|byte| *byte != b'\n').collect::<Vec<_>>())
        } else {
            Line::new(line)
        };
        let command = commands::find(line.word());
        self.last_command = command.name;
        self.asked_nothing &= !command.asks;
        if command.slowed {
            self.delay(command.name);
        }
        if let Some(reply) = self.denial.as_ref().and_then(|denial| denial.reply(command)).cloned() {
            return self.bad_command(reply);
        }
        if let Some(digit) = command.other.filter(|_| self.settings.check_other) {
            let question = Question::Other { line: line.text().into(), digit };
            return self.ask(question, State::ExpectOther { line, command });
        }
        (command.act)(self, &line);
    }

    /// Holds the answer back while the machine is loaded.
    fn delay(&mut self, command: &str) {
        let Some(overload) = self.overload else { return };
        if !std::mem::replace(&mut self.overload_told, true) {
            self.log(notes::delaying(command, overload));
        }
        self.wait(Duration::from_secs(1));
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

    /// Asks for the message.
    pub(super) fn begin_message(&mut self) {
        let Some(transaction) = self.transaction.as_ref() else { return self.resume(texts::need_mail()) };
        let message = Message::new(&self.settings, transaction.recipients, self.seven_bit);
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
                Step::Header(headers, size_bytes) => {
                    self.ask(Question::Header { headers, size_bytes }, State::ExpectHeaderVerdict(message));
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
    fn refuse_line_end(&mut self, message: &Message, byte: BareByte, place: &'static str) {
        let text = match byte {
            BareByte::Cr => texts::BARE_CR,
            BareByte::Lf => texts::BARE_LF,
        };
        let sender = self.sender();
        self.log(notes::bare_line_end(self.settings.client_name.as_bstr(), sender.as_bstr(), text, place));
        self.effects.push(Effect::Reset { size_bytes: Some(message.size_bytes()), why: None });
        self.forget_transaction();
        self.end(texts::bare_line_end(text));
    }

    /// Forgets sender and recipients.
    pub(super) fn forget_transaction(&mut self) {
        self.transaction = None;
        self.mail_params = MailParams::default();
    }

    /// Returns the sender as it was typed.
    fn sender(&self) -> BString {
        self.transaction.as_ref().map(|transaction| transaction.sender.clone()).unwrap_or_default()
    }

    /// Ends the session because nothing comes any more.
    fn lose(&mut self, state: &State, timed_out: bool) {
        let (client, name) = (self.settings.client.clone(), self.settings.client_name.clone());
        let (client, name, sender) = (client.as_bstr(), name.as_bstr(), self.sender());
        if let State::ExpectData(message) = state {
            let (why, notes) = if timed_out {
                (notes::READ_TIMEOUT, notes::read_timeout(name, sender.as_bstr()))
            } else {
                (notes::UNEXPECTED_CLOSE, notes::unexpected_close(name, sender.as_bstr()))
            };
            self.effects.extend(notes.into_iter().map(Effect::Log));
            self.effects.push(Effect::Reset { size_bytes: Some(message.size_bytes()), why: None });
            self.forget_transaction();
            return self.end(texts::message_cut_off(name, sender.as_bstr(), why));
        }
        if timed_out {
            self.log(notes::timeout(name));
        }
        let inside = self.transaction.is_some();
        self.log(notes::lost_input(client, self.settings.daemon.as_bstr(), self.last_command, inside));
        // QUIRK(silent-end): who sends no command any more is told nothing.
        self.close();
    }

    /// Sends the last reply and closes.
    pub(super) fn end(&mut self, reply: Reply) {
        self.send(reply);
        self.close();
    }

    /// Closes.
    fn close(&mut self) {
        if self.asked_nothing && !matches!(self.denial, Some(Denial::Client(_))) {
            let note = notes::null_connection(self.settings.client.as_bstr(), self.settings.daemon.as_bstr());
            self.log(note);
        }
        self.effects.extend([Effect::Reset { size_bytes: None, why: None }, Effect::Close]);
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

    /// Slows a client down that repeats `command`, or sends it away; tells whether it did that. `count` is how often the
    /// command came, this time included.
    pub(super) fn slow_down(&mut self, command: &str, count: u32, max: u32) -> bool {
        if max == 0 || count < max {
            return false;
        }
        if count == max {
            self.log(notes::attack(self.settings.client.as_bstr(), command, count));
        }
        if self.settings.limits.repetition_ends && count >= max.saturating_mul(2) {
            self.wait(Duration::from_secs(u64::from(count / max)));
            self.end(texts::too_many_bad_commands(self.settings.host.as_bstr()));
            return true;
        }
        let secs = 1_u64.checked_shl(count - max).unwrap_or(u64::MAX);
        self.wait(Duration::from_secs(secs).min(SLOW_DOWN_MAX));
        false
    }
}
