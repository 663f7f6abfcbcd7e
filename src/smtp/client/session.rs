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
            let fits = batch.is_empty() || self.offered.pipelining && batch.len() + line.len() <= BATCH_BYTES_MAX;
            // After the first batch DATA goes out only if somebody has been accepted.
            let useless = command == Pending::Data && running.pending.is_empty() && running.accepted.is_empty();
            if useless {
                return self.settle(*running, true);
            }
            if !fits {
                running.unsent.push_front((command, line));
                break;
            }
            batch.extend(line);
            running.pending.push_back(command);
        }
        let Some(first) = running.pending.front() else { return self.settle(*running, true) };
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
        match command {
            Pending::Mail if !positive => {
                let result = self.result(phase, Cause::Reply(reply));
                running.fill(&result);
                running.unsent.clear();
            }
            Pending::Mail => {}
            Pending::Rcpt(index) if positive => running.accepted.push_back(index),
            // The first refusal counts: that of MAIL before those of RCPT which follow from it.
            Pending::Rcpt(index) => drop(running.results[index].get_or_insert(self.result(phase, Cause::Reply(reply)))),
            Pending::Data => return self.data_reply(running, reply),
        }
        match running.pending.front() {
            Some(next) => {
                let effect = Effect::Expect(next.phase());
                self.state = State::ExpectEnvelope(running);
                vec![effect]
            }
            None => self.advance(running),
        }
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
        if let Some(index) = running.accepted.pop_front() {
            running.results[index] = Some(result);
        }
        if running.accepted.is_empty() {
            return self.settle(*running, true);
        }
        self.state = State::ExpectFinal(running);
        vec![Effect::Expect(Phase::DataFinal)]
    }

    /// Gives all recipients without a result the same one and ends the transaction.
    fn end(&mut self, mut running: Running, phase: Phase, cause: Cause, reusable: bool) -> Vec<Effect> {
        let result = self.result(phase, cause);
        running.fill(&result);
        self.settle(running, reusable)
    }

    /// Ends a transaction whose connection is lost.
    fn lose(&mut self, running: Running, phase: Phase, loss: Loss) -> Vec<Effect> {
        self.end(running, phase, Cause::Loss(loss), false)
    }

    /// Tells how a transaction ended.
    fn settle(&mut self, running: Running, reusable: bool) -> Vec<Effect> {
        let results: Vec<_> = running.results.into_iter().flatten().collect();
        debug_assert_eq!(results.len(), running.transaction.targets.len(), "every recipient has a result");
        let mut effects = vec![Effect::Finished(Finished { results, reusable })];
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
mod tests {
    use super::super::{Fate, Target};
    use super::*;

    /// Plays a server's lines against a session with recipients `a`, `b`, …; `!` is a loss. Returns what was sent and the
    /// fate of each recipient.
    fn play(dialect: Dialect, recipients: usize, script: &[&str]) -> (String, String) {
        let setup = Setup { dialect, helo_name: "me".into(), own_name: Some("me".into()) };
        let (mut session, mut effects) = Session::new(setup);
        let mut script = script.iter();
        let (mut sent, mut fates) = (String::new(), String::new());
        while !effects.is_empty() {
            let mut event = None;
            for effect in std::mem::take(&mut effects) {
                match effect {
                    Effect::Send(bytes) => sent.push_str(&String::from_utf8(bytes).expect("text")),
                    Effect::Expect(_) => event = script.next().map(|line| said(line)),
                    Effect::SendMessage => {
                        sent.push_str("message\r\n");
                        event = Some(Event::MessageSent);
                    }
                    Effect::Opened(Opening::Ready) => effects = session.begin(transaction(recipients)),
                    Effect::Opened(Opening::Refused(result)) => fates.push_str(&letter(&result)),
                    Effect::Opened(Opening::Loop) => fates.push_str("loop"),
                    Effect::Finished(finished) => {
                        fates.extend(finished.results.iter().map(letter));
                        if finished.reusable {
                            fates.push('+');
                        }
                    }
                    Effect::Reset | Effect::Close => {}
                }
            }
            if let Some(event) = event {
                effects = session.handle(event);
            }
        }
        (sent.replace("\r\n", "|"), fates)
    }

    fn said(line: &str) -> Event {
        if line == "!" {
            return Event::Lost(Loss::Closed);
        }
        let mut parser = crate::mail::reply::ReplyParser::new();
        let text = format!("{}\r\n", line.replace('|', "\r\n"));
        Event::Reply(parser.feed(&mut text.as_bytes()).expect("a reply").expect("whole"))
    }

    fn letter(result: &RecipientResult) -> String {
        let fate = match result.verdict().fate {
            Fate::Sent => "s",
            Fate::Deferred => "d",
            Fate::Failed => "f",
        };
        fate.into()
    }

    fn transaction(recipients: usize) -> Transaction {
        let targets =
            ('a'..).take(recipients).map(|name| Target { address: name.to_string().into(), ..Target::default() });
        Transaction { sender: "s".into(), targets: targets.collect(), ..Transaction::default() }
    }

    #[track_caller]
    fn check(recipients: usize, script: &[&str], sent: &str, fates: &str) {
        assert_eq!(play(Dialect::Esmtp, recipients, script), (sent.into(), fates.into()));
    }

    const PIPE: &str = "250-x|250 PIPELINING";

    #[test]
    fn a_message_is_sent_command_by_command() {
        check(
            2,
            &["220 x", "250 x", "250 m", "250 a", "250 b", "354 go", "250 done"],
            "EHLO me|MAIL From:<s>|RCPT To:<a>|RCPT To:<b>|DATA|message|.|",
            "ss+",
        );
        check(
            1,
            &["220 x", "500 what", "250 x", "250 m", "250 a", "354 go", "250 done"],
            "EHLO me|HELO me|MAIL From:<s>|RCPT To:<a>|DATA|message|.|",
            "s+",
        );
    }

    #[test]
    fn refused_recipients_do_not_hold_up_the_others() {
        check(
            3,
            &["220 x", PIPE, "250 m", "550 a", "250 b", "450 c", "354 go", "250 done"],
            "EHLO me|MAIL From:<s>|RCPT To:<a>|RCPT To:<b>|RCPT To:<c>|DATA|message|.|",
            "fsd+",
        );
    }

    #[test]
    fn with_nobody_accepted_no_message_is_sent() {
        check(
            2,
            &["220 x", PIPE, "250 m", "550 a", "450 b", "354 go", "554 none"],
            "EHLO me|MAIL From:<s>|RCPT To:<a>|RCPT To:<b>|DATA|.|",
            "fd+",
        );
        check(
            2,
            &["220 x", PIPE, "250 m", "550 a", "450 b", "503 none"],
            "EHLO me|MAIL From:<s>|RCPT To:<a>|RCPT To:<b>|DATA|",
            "fd+",
        );
        check(
            2,
            &["220 x", "250 x", "250 m", "550 a", "450 b"],
            "EHLO me|MAIL From:<s>|RCPT To:<a>|RCPT To:<b>|",
            "fd+",
        );
        check(1, &["220 x", PIPE, "450 m", "503 a", "503 d"], "EHLO me|MAIL From:<s>|RCPT To:<a>|DATA|", "d+");
        check(
            1,
            &["220 x", PIPE, "550 m", "250 a", "354 go", "250 empty"],
            "EHLO me|MAIL From:<s>|RCPT To:<a>|DATA|.|",
            "f+",
        );
        check(1, &["220 x", "250 x", "550 m"], "EHLO me|MAIL From:<s>|", "f+");
    }

    #[test]
    fn a_good_bye_at_any_place_defers_who_is_left() {
        check(2, &["421 bye"], "", "d");
        check(2, &["220 x", "421 bye"], "EHLO me|", "d");
        check(2, &["220 x", "250 x", "421 bye"], "EHLO me|MAIL From:<s>|", "dd");
        check(
            2,
            &["220 x", "250 x", "250 m", "550 a", "421 bye"],
            "EHLO me|MAIL From:<s>|RCPT To:<a>|RCPT To:<b>|",
            "fd",
        );
        check(
            2,
            &["220 x", PIPE, "250 m", "250 a", "250 b", "354 go", "421 bye"],
            "EHLO me|MAIL From:<s>|RCPT To:<a>|RCPT To:<b>|DATA|message|.|",
            "dd",
        );
    }

    #[test]
    fn a_loss_at_any_place_defers_who_is_left() {
        let whole = ["220 x", PIPE, "250 m", "550 a", "250 b", "354 go"];
        for len in 0..=whole.len() {
            let script: Vec<_> = whole[..len].iter().copied().chain(["!"]).collect();
            let fates = play(Dialect::Esmtp, 2, &script).1;
            assert_eq!(fates, ["d", "d", "dd", "dd", "fd", "fd", "fd"][len], "lost after {len} replies");
        }
    }

    #[test]
    fn a_server_that_refuses_at_the_door_is_left_politely() {
        check(1, &["554 no"], "QUIT|", "f");
        check(1, &["220 x", "554 no", "554 no"], "EHLO me|HELO me|QUIT|", "f");
        check(1, &["220 x", "250 ME hello"], "EHLO me|QUIT|", "loop");
    }

    #[test]
    fn a_server_that_takes_data_without_asking_for_it_is_not_trusted() {
        check(1, &["220 x", "250 x", "250 m", "250 a", "250 strange"], "EHLO me|MAIL From:<s>|RCPT To:<a>|DATA|", "f");
    }

    #[test]
    fn lmtp_tells_for_each_accepted_recipient() {
        let script = ["220 x", "250 x", "250 m", "250 a", "550 b", "250 c", "354 go", "250 ok", "452 full"];
        let (sent, fates) = play(Dialect::Lmtp, 3, &script);
        assert_eq!(sent, "LHLO me|MAIL From:<s>|RCPT To:<a>|RCPT To:<b>|RCPT To:<c>|DATA|message|.|");
        assert_eq!(fates, "sfd+");
        let script = ["220 x", "250 x", "250 m", "250 a", "250 b", "354 go", "250 ok", "!"];
        assert_eq!(play(Dialect::Lmtp, 2, &script).1, "sd");
    }

    #[test]
    fn ehlo_is_for_those_who_greet_with_it() {
        assert!(play(Dialect::Smtp, 1, &["220 x ESMTP y", "250 x"]).0.starts_with("EHLO"));
        assert!(play(Dialect::Smtp, 1, &["220 x SMTP", "250 x"]).0.starts_with("HELO"));
        assert!(play(Dialect::HeloOnly, 1, &["220 x ESMTP", "250 x"]).0.starts_with("HELO"));
    }

    #[test]
    fn many_recipients_go_out_in_batches() {
        let setup = Setup { dialect: Dialect::Esmtp, helo_name: "me".into(), own_name: None };
        let (mut session, _) = Session::new(setup);
        session.handle(said("220 x"));
        session.handle(said(PIPE));
        let many = Transaction {
            targets: vec![Target { address: "x".repeat(100).into(), ..Target::default() }; 1000],
            ..transaction(0)
        };
        let mut effects = session.begin(many);
        let mut replies = 0;
        while !effects.contains(&Effect::SendMessage) {
            for effect in &effects {
                if let Effect::Send(batch) = effect {
                    assert!(batch.len() <= BATCH_BYTES_MAX);
                }
            }
            replies += 1;
            effects = session.handle(said(if replies == 1002 { "354 go" } else { "250 ok" }));
        }
        assert_eq!(replies, 1002);
    }
}
