//! One SMTP session over one connection: performs what the session asks, and knows nothing of mail itself.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::clerk::Clerk;
use super::connection::Connection;
use super::service::Service;
use crate::mail::reply::Reply;
use crate::smtp::server::{Effect, Event, Moment, Opening, Session};

/// Bytes read at a time while commands are expected.
const COMMAND_BYTES: usize = 4 * 1024;

/// Bytes read at a time while a message is expected.
const MESSAGE_BYTES: usize = 64 * 1024;

/// Replies that are gathered before they are sent although the client's input is not used up.
const OUTPUT_BYTES_MAX: usize = 16 * 1024;

/// How long a client may take to accept what we send.
const SEND_LIMIT: Duration = Duration::from_secs(300);

/// The longest wait for input where the site sets no limit.
const READ_LIMIT_MAX: Duration = Duration::from_secs(86_400);

/// Serves one connection to its end.
///
/// `stop` turns true when the server ends; the client is then told with 421 as soon as the session waits for it.
pub async fn serve<S>(stream: S, connection: Connection, service: &Service, stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut clerk = Clerk::new(service, &connection).await;
    let mut line = Line { stream, stop, output: Vec::new(), input: Vec::new(), early: 0, broken: false };
    let (settings, mut opening) = clerk.open().await;
    let pause = clerk.greet_pause().await;
    if opening == Opening::Welcome
        && let Some(after) = line.talks_within(pause).await
    {
        opening = Opening::EarlyTalk { seconds: after.as_secs() };
    }
    let mut session = Session::new(settings);
    let mut effects = session.handle(Event::Opened(opening));
    let mut haste = connection.haste;
    let mut deadline = Instant::now();
    while let Some(next) = perform(effects, &mut clerk, &mut line).await {
        effects = match next {
            Next::Tell(event) => session.handle(event),
            Next::Read(moment) => {
                if moment != Moment::CommandRest {
                    deadline = Instant::now() + haste.take().unwrap_or_else(|| limit(&clerk, moment));
                }
                let capacity = if session.is_reading_message() { MESSAGE_BYTES } else { COMMAND_BYTES };
                session.set_overload(clerk.overload());
                let event = line.read(deadline, capacity).await;
                session.handle(event)
            }
        };
    }
    line.close().await;
}

/// What follows after a round of effects.
enum Next {
    /// The session is told something.
    Tell(Event<'static>),
    /// Input is read.
    Read(Moment),
}

/// Performs effects in order; returns none when the session is over.
async fn perform<S>(effects: Vec<Effect>, clerk: &mut Clerk<'_>, line: &mut Line<S>) -> Option<Next>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    for effect in effects {
        match effect {
            Effect::Send(reply) => line.send(clerk.outgoing(reply)).await,
            Effect::Log(note) => clerk.note(&note),
            Effect::Body(text) => clerk.body(&text).await,
            Effect::Protocol { extended } => clerk.protocol = if extended { "ESMTP" } else { "SMTP" },
            Effect::Hello { name } => clerk.hello = name,
            Effect::Verbose => clerk.verbose(),
            Effect::Reset { size_bytes, why } => clerk.reset(size_bytes, why).await,
            Effect::Wait(time) => line.wait(time).await,
            Effect::Ask(question) => return Some(Next::Tell(Event::Answer(clerk.answer(question).await))),
            Effect::Read(moment) => {
                line.flush().await;
                return Some(Next::Read(moment));
            }
            Effect::StartTls => {
                line.flush().await;
                // Nobody here can make the handshake.
                return Some(Next::Tell(Event::Handshake { done: false }));
            }
            Effect::Close => return None,
        }
    }
    None
}

/// Returns how long to wait for input.
fn limit(clerk: &Clerk<'_>, moment: Moment) -> Duration {
    let timeouts = &clerk.options().timeout;
    let limit = match moment {
        Moment::Command | Moment::CommandRest => timeouts.command,
        Moment::Auth => timeouts.auth,
        Moment::Data => timeouts.datablock,
    };
    if limit.is_zero() { READ_LIMIT_MAX } else { limit.min(READ_LIMIT_MAX) }
}

/// The connection with what is to be sent.
struct Line<S> {
    stream: S,
    stop: watch::Receiver<bool>,
    output: Vec<u8>,
    input: Vec<u8>,
    /// Bytes at the front of `input` that came before the greeting.
    early: usize,
    /// Whether sending failed: the client is gone, however much input may still come.
    broken: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Line<S> {
    /// Tells after which time the client sends anything within `pause`, if it does; what it sends is kept.
    async fn talks_within(&mut self, pause: Duration) -> Option<Duration> {
        if pause.is_zero() {
            return None;
        }
        let begin = Instant::now();
        self.input.resize(COMMAND_BYTES, 0);
        if let Ok(Ok(count)) = timeout(pause, self.stream.read(&mut self.input)).await {
            self.early = count;
        }
        (self.early > 0).then(|| begin.elapsed())
    }

    /// Appends a reply to the output.
    async fn send(&mut self, reply: Reply) {
        reply.write(&mut self.output);
        if self.output.len() > OUTPUT_BYTES_MAX {
            self.flush().await;
        }
    }

    /// Sends the output.
    async fn flush(&mut self) {
        if self.broken {
            self.output.clear();
        }
        if self.output.is_empty() {
            return;
        }
        let sending = async {
            self.stream.write_all(&self.output).await?;
            self.stream.flush().await
        };
        self.broken = !matches!(timeout(SEND_LIMIT, sending).await, Ok(Ok(())));
        self.output.clear();
    }

    /// Sends the output and waits, unless the server ends.
    async fn wait(&mut self, time: Duration) {
        self.flush().await;
        tokio::select! {
            () = sleep(time) => {}
            () = ended(&mut self.stop) => {}
        }
    }

    /// Reads input.
    async fn read(&mut self, deadline: Instant, capacity: usize) -> Event<'_> {
        if self.broken {
            return Event::HungUp;
        }
        if self.early > 0 {
            let count = std::mem::take(&mut self.early);
            return Event::Input(&self.input[..count]);
        }
        if self.input.len() != capacity {
            self.input.resize(capacity, 0);
            self.input.shrink_to_fit();
        }
        tokio::select! {
            biased;
            read = self.stream.read(&mut self.input) => match read {
                Ok(0) | Err(_) => Event::HungUp,
                Ok(count) => Event::Input(&self.input[..count]),
            },
            () = ended(&mut self.stop) => Event::ShutDown,
            () = tokio::time::sleep_until(deadline) => Event::TimedOut,
        }
    }

    /// Sends the output and closes.
    async fn close(&mut self) {
        self.flush().await;
        let _ = timeout(SEND_LIMIT, self.stream.shutdown()).await;
    }
}

/// Waits until the server ends.
async fn ended(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody can say so any more: the session goes on until its client ends it.
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
