//! One connection to a mail server: performs what the client's [`Session`] asks.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bstr::BString;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::audience::Audience;
use super::message::{self, Format, Message, WriteError};
use crate::cf::Timeouts;
use crate::mail::reply::ReplyParser;
use crate::smtp::client::{
    Capabilities, Effect, Event, Finished, Loss, Opening, Phase, RecipientResult, Session, Setup, Transaction,
};
use crate::sys::errors::reason;

/// How much of a reply is shown as it came, in bytes.
const SHOWN_BYTES_MAX: usize = 64 * 1024;
/// How much is read at once, in bytes; replies are short.
const READ_BYTES: usize = 4096;
/// How long a reply is waited for after a command could not be sent: it may have come before.
const LAST_WORDS_PATIENCE: Duration = Duration::from_secs(1);
/// How long a good-bye may take; the original's two minutes would only hold descriptors.
const QUIT_PATIENCE: Duration = Duration::from_secs(5);

/// What a conversation runs over: a socket, or the two pipes of a program.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// Who is at the other end, in the words of the log.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Peer {
    /// The host as it was looked up: `mx1.example.com.`, `[192.0.2.1]`.
    pub host: BString,
    /// The address with brackets: `[192.0.2.1]`, `[IPv6:2001:db8::1]`; empty for programs.
    pub address: BString,
}

impl Peer {
    /// Returns the text of `relay=`.
    pub fn relay(&self) -> BString {
        if self.address.is_empty() {
            return self.host.clone();
        }
        [self.host.as_slice(), b" ", &self.address].concat().into()
    }
}

/// A message with the form it is sent in.
#[derive(Clone, Copy)]
pub struct Cargo<'a> {
    /// The message.
    pub message: &'a Message<'a>,
    /// The form.
    pub format: &'a Format,
    /// Who wants to hear at once of recipients whose fate is decided before that of the others.
    pub decided: &'a (dyn Fn(usize, &RecipientResult) + Send + Sync),
}

/// A conversation under way.
pub struct Connection {
    stream: Box<dyn Transport>,
    session: Session,
    parser: ReplyParser,
    /// Bytes read and not yet parsed.
    input: Vec<u8>,
    /// The reply that is being parsed, as it came.
    raw: Vec<u8>,
    /// Where and how long the peer was waited for in vain.
    silence: Option<Phase>,
    closed: bool,
    /// Messages sent.
    pub messages: u32,
    /// The other end.
    pub peer: Peer,
    /// Who hears what is said.
    pub audience: Arc<Audience>,
}

/// What a row of effects ended with.
#[derive(Default)]
struct End {
    opening: Option<Opening>,
    finished: Option<Finished>,
    reset: bool,
}

impl Connection {
    /// Takes up a conversation on a fresh connection, up to the answer to EHLO, HELO or LHLO.
    pub async fn open(
        stream: Box<dyn Transport>,
        peer: Peer,
        audience: Arc<Audience>,
        setup: Setup,
        timeouts: &Timeouts,
    ) -> (Self, Opening) {
        let (session, effects) = Session::new(setup);
        audience.meet(&peer.host);
        let mut connection = Self {
            stream,
            session,
            parser: ReplyParser::new(),
            input: Vec::new(),
            raw: Vec::new(),
            silence: None,
            closed: false,
            messages: 0,
            peer,
            audience,
        };
        let end = connection.run(effects, None, timeouts).await;
        (connection, end.opening.expect("a session tells how its opening ended"))
    }

    /// Returns what the server offers.
    pub fn offered(&self) -> &Capabilities {
        self.session.offered()
    }

    /// Tells at which step the peer said nothing until the time limit, if it did.
    pub fn silence(&self) -> Option<Phase> {
        self.silence
    }

    /// Sends one message to some recipients; one result for each, in order.
    pub async fn transact(&mut self, transaction: Transaction, cargo: Cargo<'_>, timeouts: &Timeouts) -> Finished {
        self.messages = self.messages.saturating_add(1);
        let effects = self.session.begin(transaction);
        let end = self.run(effects, Some(cargo), timeouts).await;
        end.finished.expect("a transaction tells how it ended")
    }

    /// Tells whether the connection is still of use, by RSET.
    pub async fn reset(&mut self, timeouts: &Timeouts) -> bool {
        if self.closed || !self.session.is_ready() {
            return false;
        }
        let effects = self.session.reset();
        self.run(effects, None, timeouts).await.reset
    }

    /// Says good-bye; nobody has to wait for the answer.
    pub async fn quit(mut self, timeouts: &Timeouts) {
        if self.closed || !self.session.is_ready() {
            return;
        }
        self.audience.tell_of_connection(&format!("Closing connection to {}", self.peer.host));
        let limits = Timeouts { quit: within(timeouts.quit, QUIT_PATIENCE), ..timeouts.clone() };
        let effects = self.session.quit();
        self.run(effects, None, &limits).await;
    }

    /// Performs effects, and those that follow from them, until the session asks for no more.
    async fn run(&mut self, mut effects: Vec<Effect>, cargo: Option<Cargo<'_>>, timeouts: &Timeouts) -> End {
        let mut end = End::default();
        loop {
            let mut event = None;
            for effect in effects {
                match effect {
                    // What is sent after a loss is lost.
                    Effect::Send(bytes) if event.is_none() => event = self.send(&bytes, timeouts.datablock).await,
                    Effect::Expect(phase) if event.is_none() => {
                        event = Some(self.receive(phase, phase.limit(timeouts)).await)
                    }
                    Effect::SendMessage => event = Some(self.send_message(cargo, timeouts.datablock).await),
                    Effect::Send(_) | Effect::Expect(_) => {}
                    Effect::Opened(opening) => end.opening = Some(opening),
                    Effect::Decided(recipient, result) => {
                        cargo.inspect(|cargo| (cargo.decided)(recipient, &result));
                    }
                    Effect::Finished(finished) => end.finished = Some(finished),
                    Effect::Reset => end.reset = true,
                    Effect::Close => self.closed = true,
                }
            }
            match event {
                Some(event) if !self.closed => effects = self.session.handle(event),
                _ => return end,
            }
        }
    }

    /// Sends commands; an event means that they did not get through.
    async fn send(&mut self, bytes: &[u8], limit: Duration) -> Option<Event> {
        self.audience.commands(bytes);
        let sending = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match within_limit(limit, sending).await {
            Some(Ok(())) => None,
            Some(Err(error)) => Some(self.last_words(error).await),
            None => Some(Event::Lost(Loss::TimedOut)),
        }
    }

    /// Sends the message.
    async fn send_message(&mut self, cargo: Option<Cargo<'_>>, limit: Duration) -> Event {
        let Some(cargo) = cargo else {
            return Event::Lost(Loss::Source("no message".into()));
        };
        match message::write(cargo.message, cargo.format, &mut self.stream, limit).await {
            Ok(_) => Event::MessageSent,
            Err(WriteError::Sink(error)) => self.last_words(error).await,
            Err(WriteError::TimedOut) => Event::Lost(Loss::TimedOut),
            Err(WriteError::Source(error)) => Event::Lost(Loss::Source(error.to_string().into())),
        }
    }

    /// Looks for a refusal that came before the peer stopped listening; it cannot have taken what it did not hear.
    async fn last_words(&mut self, error: io::Error) -> Event {
        match self.receive(Phase::DataBlock, LAST_WORDS_PATIENCE).await {
            Event::Reply(reply) if matches!(reply.code / 100, 4 | 5) => Event::Reply(reply),
            _ => Event::Lost(loss_of(&error)),
        }
    }

    /// Waits for a reply.
    async fn receive(&mut self, phase: Phase, limit: Duration) -> Event {
        match within_limit(limit, self.read_reply()).await {
            Some(event) => event,
            None => {
                self.silence = Some(phase);
                Event::Lost(Loss::TimedOut)
            }
        }
    }

    /// Reads one reply.
    async fn read_reply(&mut self) -> Event {
        loop {
            let mut rest = self.input.as_slice();
            let parsed = self.parser.feed(&mut rest);
            let used = self.input.len() - rest.len();
            let room = SHOWN_BYTES_MAX.saturating_sub(self.raw.len());
            self.raw.extend(self.input.drain(..used).take(room));
            match parsed {
                Ok(Some(reply)) => {
                    self.audience.reply(&std::mem::take(&mut self.raw));
                    return Event::Reply(reply);
                }
                Ok(None) => {}
                Err(error) => return Event::Lost(Loss::Garbled(error)),
            }
            let mut buffer = [0; READ_BYTES];
            match self.stream.read(&mut buffer).await {
                Ok(0) => return Event::Lost(Loss::Closed),
                Ok(count) => self.input.extend_from_slice(&buffer[..count]),
                Err(error) => return Event::Lost(loss_of(&error)),
            }
        }
    }
}

/// Returns the shorter of two limits, where zero is none.
fn within(limit: Duration, most: Duration) -> Duration {
    if limit.is_zero() { most } else { limit.min(most) }
}

/// Waits for `work` no longer than `limit`; zero is no limit.
async fn within_limit<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    if limit.is_zero() {
        return Some(work.await);
    }
    tokio::time::timeout(limit, work).await.ok()
}

/// Returns what an error of the connection means.
fn loss_of(error: &io::Error) -> Loss {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => Loss::Closed,
        io::ErrorKind::TimedOut => Loss::TimedOut,
        _ => Loss::Failed(reason(error).into()),
    }
}
