//! The conversation with one server.

use std::collections::VecDeque;

use bstr::{BString, ByteSlice};

use super::verdict::Cause;
use super::{Capabilities, Loss, Phase, RecipientResult, Transaction};
use crate::mail::reply::Reply;

/// The most bytes of commands that are sent before their replies are read: less than any socket buffers, so that neither
/// side ever waits for the other to read.
const BATCH_BYTES_MAX: usize = 4096;

/// How a session begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dialect {
    /// EHLO, and HELO if that is refused (`F=a`).
    Esmtp,
    /// EHLO only if the greeting says ESMTP, else HELO.
    Smtp,
    /// HELO only (`F=2`).
    HeloOnly,
    /// LHLO, and one reply for each recipient after the dot (`F=z`, `RFC 2033`).
    Lmtp,
}

/// What a session is told at its start.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How to begin.
    pub dialect: Dialect,
    /// The name to say (`$j` or `HeloName`).
    pub helo_name: BString,
    /// Our own name, if a server that gives it is ourselves and an error (not with `F=k`).
    pub own_name: Option<BString>,
    /// Whether the answer to MAIL is waited for before anything else is sent: somebody watches.
    pub is_watched: bool,
}

/// What the outside world tells the session.
#[derive(Clone, Debug)]
pub enum Event {
    /// A reply has come.
    Reply(Reply),
    /// The message asked for by [`Effect::SendMessage`] is on its way whole, up to the end of its last line.
    MessageSent,
    /// The connection is lost or of no more use.
    Lost(Loss),
}

/// What the session asks of the outside world, to be performed in order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Wait for a reply, no longer than the limit of the phase.
    Expect(Phase),
    /// Send header and body, dots stuffed, without the final dot.
    SendMessage,
    /// The session is open, or it is not.
    Opened(Opening),
    /// The fate of one recipient (by its place in the transaction) is decided before that of the others.
    Decided(usize, Box<RecipientResult>),
    /// A transaction has ended.
    Finished(Finished),
    /// The server has forgotten the last transaction (answer to RSET): the connection can be used again.
    Reset,
    /// Close the connection.
    Close,
}

/// How the opening of a session ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Opening {
    /// Transactions can begin.
    Ready,
    /// The server does not want us, or is lost; for every recipient the same.
    Refused(RecipientResult),
    /// The server is ourselves.
    Loop,
}

/// How a transaction ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finished {
    /// One result for each recipient, in the order of the transaction.
    pub results: Vec<RecipientResult>,
    /// Whether the connection can be used for another one, after RSET or at once.
    pub reusable: bool,
    /// Whether the server still remembers the envelope: it was never asked for the message.
    pub unfinished: bool,
}

/// One command that waits for its reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Pending {
    Mail,
    Rcpt(usize),
    Data,
}

impl Pending {
    fn phase(self) -> Phase {
        match self {
            Self::Mail => Phase::Mail,
            Self::Rcpt(_) => Phase::Rcpt,
            Self::Data => Phase::DataInit,
        }
    }
}

/// A transaction under way.
#[derive(Debug)]
struct Running {
    transaction: Transaction,
    results: Vec<Option<RecipientResult>>,
    /// Commands not yet sent.
    unsent: VecDeque<(Pending, Vec<u8>)>,
    /// Commands sent, replies outstanding.
    pending: VecDeque<Pending>,
    /// Recipients the server has accepted.
    accepted: VecDeque<usize>,
}

/// What the session waits for.
#[derive(Debug)]
enum State {
    ExpectOpening(Phase),
    Ready,
    ExpectEnvelope(Box<Running>),
    ExpectMessageSent(Box<Running>),
    ExpectFinal(Box<Running>),
    /// The final dot of a message without recipients was sent.
    ExpectVoid(Box<Running>),
    ExpectReset,
    ExpectQuit,
    Closed,
}

/// The machine.
#[derive(Debug)]
pub struct Session {
    setup: Setup,
    state: State,
    offered: Capabilities,
    greeted_esmtp: bool,
}

impl Session {
    /// Makes a session on a fresh connection; the effects wait for the greeting.
    pub fn new(setup: Setup) -> (Self, Vec<Effect>) {
        let state = State::ExpectOpening(Phase::Greeting);
        (
            Self { setup, state, offered: Capabilities::default(), greeted_esmtp: false },
            vec![Effect::Expect(Phase::Greeting)],
        )
    }

    /// Returns what the server offers; meaningful once the session is open.
    pub fn offered(&self) -> &Capabilities {
        &self.offered
    }

    /// Tells whether a transaction can begin.
    pub fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready)
    }

    /// Begins a transaction on an open session.
    pub fn begin(&mut self, transaction: Transaction) -> Vec<Effect> {
        let Some(mail) = transaction.mail(&self.offered) else {
            let count = transaction.targets.len();
            return vec![Effect::Finished(Finished {
                results: vec![self.unspeakable(Phase::Mail); count],
                reusable: true,
                unfinished: false,
            })];
        };
        let mut results = vec![None; transaction.targets.len()];
        let mut unsent = VecDeque::from([(Pending::Mail, mail)]);
        for (index, target) in transaction.targets.iter().enumerate() {
            match target.rcpt(&self.offered) {
                Some(line) => unsent.push_back((Pending::Rcpt(index), line)),
                None => results[index] = Some(self.unspeakable(Phase::Rcpt)),
            }
        }
        if unsent.len() == 1 {
            return vec![Effect::Finished(Finished {
                results: results.into_iter().flatten().collect(),
                reusable: true,
                unfinished: false,
            })];
        }
        unsent.push_back((Pending::Data, b"DATA\r\n".to_vec()));
        self.advance(Box::new(Running {
            transaction,
            results,
            unsent,
            pending: VecDeque::new(),
            accepted: VecDeque::new(),
        }))
    }

    /// Has the server forget the last transaction, as a probe whether a connection kept open is still alive.
    pub fn reset(&mut self) -> Vec<Effect> {
        self.state = State::ExpectReset;
        vec![Effect::Send(b"RSET\r\n".to_vec()), Effect::Expect(Phase::Rset)]
    }

    /// Says good-bye.
    pub fn quit(&mut self) -> Vec<Effect> {
        self.state = State::ExpectQuit;
        vec![Effect::Send(b"QUIT\r\n".to_vec()), Effect::Expect(Phase::Quit)]
    }

    /// Takes in what has happened; returns what to do now.
    pub fn handle(&mut self, event: Event) -> Vec<Effect> {
        let state = std::mem::replace(&mut self.state, State::Closed);
        match (state, event) {
            (State::ExpectOpening(phase), Event::Reply(reply)) => self.open(phase, reply),
            (State::ExpectOpening(phase), Event::Lost(loss)) => self.refuse(phase, Cause::Loss(loss)),
            (State::ExpectEnvelope(running), Event::Reply(reply)) => self.envelope_reply(running, reply),
            (State::ExpectEnvelope(running), Event::Lost(loss)) => {
                let phase = running.pending.front().map_or(Phase::Mail, |pending| pending.phase());
                self.lose(*running, phase, loss)
            }
            (State::ExpectMessageSent(running), Event::MessageSent) => {
                self.state = State::ExpectFinal(running);
                vec![Effect::Send(b".\r\n".to_vec()), Effect::Expect(Phase::DataFinal)]
            }
            (State::ExpectMessageSent(running), Event::Lost(loss)) => self.lose(*running, Phase::DataBlock, loss),
            // A reply in the middle of the message can only be a good-bye.
            (State::ExpectMessageSent(running), Event::Reply(reply)) => {
                self.end(*running, Phase::DataFinal, Cause::Reply(reply), false)
            }
            (State::ExpectFinal(running), Event::Reply(reply)) => self.final_reply(running, reply),
            (State::ExpectFinal(running), Event::Lost(loss)) => self.lose(*running, Phase::DataFinal, loss),
            (State::ExpectVoid(running), Event::Reply(reply)) => {
                let closes = reply.closes();
                self.end(*running, Phase::DataFinal, Cause::Reply(reply), !closes)
            }
            (State::ExpectVoid(running), Event::Lost(loss)) => self.lose(*running, Phase::DataFinal, loss),
            (State::ExpectReset, Event::Reply(reply)) if reply.code / 100 == 2 => {
                self.state = State::Ready;
                vec![Effect::Reset]
            }
            (State::Ready | State::ExpectReset | State::ExpectQuit | State::Closed, _) | (_, Event::MessageSent) => {
                vec![Effect::Close]
            }
        }
    }

    /// Takes in a reply to the greeting, EHLO, HELO or LHLO.
    fn open(&mut self, phase: Phase, reply: Reply) -> Vec<Effect> {
        let positive = reply.code / 100 == 2;
        match phase {
            Phase::Greeting if positive => {
                self.greeted_esmtp = reply.lines.iter().any(|line| line.fields().any(|word| word == b"ESMTP"));
                self.introduce()
            }
            Phase::Ehlo if reply.is_permanent() => self.say(Phase::Helo, "HELO"),
            Phase::Ehlo | Phase::Helo | Phase::Lhlo if positive => {
                if self.is_ourselves(&reply) {
                    return vec![Effect::Opened(Opening::Loop), Effect::Send(b"QUIT\r\n".to_vec()), Effect::Close];
                }
                if phase != Phase::Helo {
                    self.offered = Capabilities::of(&reply);
                }
                self.state = State::Ready;
                vec![Effect::Opened(Opening::Ready)]
            }
            _ => self.refuse(phase, Cause::Reply(reply)),
        }
    }

    /// Answers the greeting.
    fn introduce(&mut self) -> Vec<Effect> {
        match self.setup.dialect {
            Dialect::Lmtp => self.say(Phase::Lhlo, "LHLO"),
            Dialect::Esmtp => self.say(Phase::Ehlo, "EHLO"),
            Dialect::Smtp if self.greeted_esmtp => self.say(Phase::Ehlo, "EHLO"),
            Dialect::Smtp | Dialect::HeloOnly => self.say(Phase::Helo, "HELO"),
        }
    }

    /// Gives our name.
    fn say(&mut self, phase: Phase, verb: &str) -> Vec<Effect> {
        self.state = State::ExpectOpening(phase);
        let name: Vec<u8> = self.setup.helo_name.iter().copied().filter(u8::is_ascii_graphic).collect();
        let line = [verb.as_bytes(), b" ", &name, b"\r\n"].concat();
        vec![Effect::Send(line), Effect::Expect(phase)]
    }

    /// Tells whether the server calls itself by our name.
    fn is_ourselves(&self, reply: &Reply) -> bool {
        let theirs = reply.text().fields().next().unwrap_or_default();
        self.setup.own_name.as_ref().is_some_and(|own| !own.is_empty() && own.eq_ignore_ascii_case(theirs))
    }

    /// Ends a session that never opened.
    fn refuse(&mut self, phase: Phase, cause: Cause) -> Vec<Effect> {
        let can_quit = matches!(&cause, Cause::Reply(reply) if !reply.closes());
        let mut effects = vec![Effect::Opened(Opening::Refused(self.result(phase, cause)))];
        if can_quit {
            effects.push(Effect::Send(b"QUIT\r\n".to_vec()));
        }
        effects.push(Effect::Close);
        effects
    }

    /// Sends the next commands: as many as fit a batch with PIPELINING, else one.
    fn advance(&mut self, mut running: Box<Running>) -> Vec<Effect> {
        let mut batch = Vec::new();
        while let Some((command, line)) = running.unsent.pop_front() {
            let waits = self.setup.is_watched && running.pending.front() == Some(&Pending::Mail);
            let joins = self.offered.pipelining && !waits && batch.len() + line.len() <= BATCH_BYTES_MAX;
            let fits = batch.is_empty() || joins;
            // After the first batch DATA goes out only if somebody has been accepted.
            let useless = command == Pending::Data && running.pending.is_empty() && running.accepted.is_empty();
            if useless {
                return self.settle(*running, true, true);
            }
            if !fits {
                running.unsent.push_front((command, line));
                break;
            }
            batch.extend(line);
            running.pending.push_back(command);
        }
        let Some(first) = running.pending.front() else { return self.settle(*running, true, true) };
        let effects = vec![Effect::Send(batch), Effect::Expect(first.phase())];
        self.state = State::ExpectEnvelope(running);
        effects
    }

    /// Takes in a reply to MAIL, RCPT or DATA.
    fn envelope_reply(&mut self, mut running: Box<Running>, reply: Reply) -> Vec<Effect> {
        let Some(command) = running.pending.pop_front() else { return vec![Effect::Close] };
        let phase = command.phase();
        if reply.closes() {
            return self.end(*running, phase, Cause::Reply(reply), false);
        }
        let positive = reply.code / 100 == 2;
        let mut effects = Vec::new();
        match command {
            Pending::Mail if !positive => {
                let result = self.result(phase, Cause::Reply(reply));
                running.fill(&result);
                running.unsent.clear();
            }
            Pending::Mail => {}
            Pending::Rcpt(index) if positive => running.accepted.push_back(index),
            // The first refusal counts: that of MAIL before those of RCPT which follow from it.
            Pending::Rcpt(index) if running.results[index].is_some() => {}
            Pending::Rcpt(index) => {
                let result = self.result(phase, Cause::Reply(reply));
                effects.push(Effect::Decided(index, Box::new(result.clone())));
                running.results[index] = Some(result);
            }
            Pending::Data => return self.data_reply(running, reply),
        }
        match running.pending.front() {
            Some(next) => {
                effects.push(Effect::Expect(next.phase()));
                self.state = State::ExpectEnvelope(running);
            }
            None => effects.extend(self.advance(running)),
        }
        effects
    }

    /// Takes in the reply to DATA.
    fn data_reply(&mut self, mut running: Box<Running>, reply: Reply) -> Vec<Effect> {
        running.accepted.retain(|index| running.results[*index].is_none());
        if reply.code != 354 {
            // Anything but 354 to DATA: a server that says 2yz or another 3yz is not to be trusted with what comes next.
            let orderly = reply.code / 100 > 3;
            return self.end(*running, Phase::DataInit, Cause::Reply(reply), orderly);
        }
        if running.accepted.is_empty() {
            // RFC 2920 §3.1: the server waits for a message although it took no recipient.
            self.state = State::ExpectVoid(running);
            return vec![Effect::Send(b".\r\n".to_vec()), Effect::Expect(Phase::DataFinal)];
        }
        self.state = State::ExpectMessageSent(running);
        vec![Effect::SendMessage]
    }

    /// Takes in a reply after the dot: one for all, or with LMTP one for each accepted recipient in order.
    fn final_reply(&mut self, mut running: Box<Running>, reply: Reply) -> Vec<Effect> {
        let closes = reply.closes();
        if closes || self.setup.dialect != Dialect::Lmtp {
            return self.end(*running, Phase::DataFinal, Cause::Reply(reply), !closes);
        }
        let result = self.result(Phase::DataFinal, Cause::Reply(reply));
        let mut effects = Vec::new();
        if let Some(index) = running.accepted.pop_front() {
            effects.push(Effect::Decided(index, Box::new(result.clone())));
            running.results[index] = Some(result);
        }
        if running.accepted.is_empty() {
            effects.extend(self.settle(*running, true, false));
        } else {
            self.state = State::ExpectFinal(running);
            effects.push(Effect::Expect(Phase::DataFinal));
        }
        effects
    }

    /// Gives all recipients without a result the same one and ends the transaction.
    fn end(&mut self, mut running: Running, phase: Phase, cause: Cause, reusable: bool) -> Vec<Effect> {
        let result = self.result(phase, cause);
        running.fill(&result);
        self.settle(running, reusable, reusable && phase == Phase::DataInit)
    }

    /// Ends a transaction whose connection is lost.
    fn lose(&mut self, running: Running, phase: Phase, loss: Loss) -> Vec<Effect> {
        self.end(running, phase, Cause::Loss(loss), false)
    }

    /// Tells how a transaction ended.
    fn settle(&mut self, running: Running, reusable: bool, unfinished: bool) -> Vec<Effect> {
        let results: Vec<_> = running.results.into_iter().flatten().collect();
        debug_assert_eq!(results.len(), running.transaction.targets.len(), "every recipient has a result");
        let mut effects = vec![Effect::Finished(Finished { results, reusable, unfinished })];
        if reusable {
            self.state = State::Ready;
        } else {
            effects.push(Effect::Close);
        }
        effects
    }

    /// Makes a result.
    fn result(&self, phase: Phase, cause: Cause) -> RecipientResult {
        RecipientResult { phase, cause, enhanced: self.offered.enhanced_status }
    }

    /// Makes the result of an address that no command can carry.
    fn unspeakable(&self, phase: Phase) -> RecipientResult {
        self.result(phase, Cause::Unspeakable)
    }
}

impl Running {
    /// Gives all recipients without a result this one.
    fn fill(&mut self, result: &RecipientResult) {
        for slot in self.results.iter_mut().filter(|slot| slot.is_none()) {
            *slot = Some(result.clone());
        }
    }
}

#[cfg(test)]
mod tests;
