//! The asking end of a hand's socket: many requests under way at once, many in one packet.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use super::packet::{Numbered, Packet, decode, decode_front};
use super::request::{Answer, Failure, FailureKind, Request};
use super::wire::{BadPacket, PACKET_BYTES_MAX, Reader};
use crate::sys::passing;

/// The most requests under way to one hand: their descriptors stay below the 1024 that an unprivileged
/// hand may have in flight.
const UNDER_WAY_MAX: usize = 256;

/// The most requests that wait inside the client for their turn.
const QUEUE_LEN_MAX: usize = 256;

/// How long to wait before sending again when the system is short of buffers.
const BUFFERS_WAIT: Duration = Duration::from_millis(10);

/// An answer and what came with it.
#[derive(Debug)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// The descriptors that belong to it.
    pub descriptors: Vec<OwnedFd>,
}

/// A request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum HandError {
    /// No answer in time.
    #[error("no answer from a {0} hand within {1:?}; try again later")]
    TimedOut(&'static str, Duration),
    /// The hand ended before it answered.
    #[error("the {0} hand has ended; a new one is being started")]
    Gone(&'static str),
    /// The answer's descriptors did not arrive; what was created for them is removed.
    #[error("descriptors were lost on the way from a hand: raise the limit of open files")]
    DescriptorsLost,
    /// The hand answered something else than was asked.
    #[error("a hand answered out of turn ({0}); is the program being replaced?")]
    OutOfTurn(&'static str),
    /// The hand did not do it.
    #[error("{}", .0.text)]
    Failed(Failure),
}

impl HandError {
    /// Returns whether trying again later may help.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Failed(failure) => matches!(failure.kind, FailureKind::Temporary {} | FailureKind::Locked {}),
            Self::TimedOut(..) | Self::Gone(_) | Self::DescriptorsLost | Self::OutOfTurn(_) => true,
        }
    }

    /// Tells whether the hand has ended: nothing is known against what was asked, and its successor will answer.
    pub fn is_interruption(&self) -> bool {
        matches!(self, Self::Gone(_))
    }

    /// Returns what follows, where the hand said so.
    pub fn kind(&self) -> Option<&FailureKind> {
        match self {
            Self::Failed(failure) => Some(&failure.kind),
            _ => None,
        }
    }
}

/// The asking end of one hand's socket.
#[derive(Debug)]
pub struct Client {
    calls: mpsc::Sender<Call>,
    gone: Arc<AtomicBool>,
}

/// A request whose asker waits.
#[derive(Debug)]
struct Call {
    request: Request,
    reply: oneshot::Sender<Result<Answered, HandError>>,
}

impl Client {
    /// Takes over the connected `socket` and serves it on the current runtime.
    ///
    /// # Errors
    /// The socket cannot be made non-blocking.
    pub fn start(socket: OwnedFd) -> io::Result<Self> {
        let socket = std::os::unix::net::UnixStream::from(socket);
        socket.set_nonblocking(true)?;
        let socket = UnixStream::from_std(socket)?;
        let (calls, queue) = mpsc::channel(QUEUE_LEN_MAX);
        let gone = Arc::new(AtomicBool::new(false));
        let driver = Driver { socket, queue, gone: Arc::clone(&gone), state: State::default() };
        tokio::spawn(driver.run());
        Ok(Self { calls, gone })
    }

    /// Asks `request` and waits for the answer, at most `limit` where there is one.
    ///
    /// An answer that comes later is taken back: what was locked, created or started for it is ended. A hand that does one
    /// thing at a time is given up then.
    ///
    /// # Errors
    /// No answer, or not all of it; a failure that the hand tells is an `Ok` here.
    pub async fn call(&self, request: Request, limit: Option<Duration>) -> Result<Answered, HandError> {
        let (kind, word) = (request.kind(), request.kind().word());
        let (reply, answer) = oneshot::channel();
        let exchange = async {
            self.calls.send(Call { request, reply }).await.map_err(|_| HandError::Gone(word))?;
            answer.await.map_err(|_| HandError::Gone(word))?
        };
        match limit {
            None => exchange.await,
            Some(limit) => match tokio::time::timeout(limit, exchange).await {
                Ok(result) => result,
                Err(_) => {
                    // One that does a thing at a time would keep the next asker waiting, too.
                    if kind.per_hand_max() == 1 {
                        self.gone.store(true, Ordering::Release);
                    }
                    Err(HandError::TimedOut(word, limit))
                }
            },
        }
    }

    /// Asks all `requests` in one go and returns the answers in their order; `limit` is for all of them.
    ///
    /// # Errors
    /// As [`Client::call`], each for itself.
    pub async fn call_all(&self, requests: Vec<Request>, limit: Duration) -> Vec<Result<Answered, HandError>> {
        let end = tokio::time::Instant::now() + limit;
        let mut waiting = Vec::with_capacity(requests.len());
        for request in requests {
            let word = request.kind().word();
            let (reply, answer) = oneshot::channel();
            let sent = tokio::time::timeout_at(end, self.calls.send(Call { request, reply })).await;
            waiting.push((word, matches!(sent, Ok(Ok(()))).then_some(answer)));
        }
        let mut answers = Vec::with_capacity(waiting.len());
        for (word, answer) in waiting {
            let Some(answer) = answer else {
                answers.push(Err(HandError::Gone(word)));
                continue;
            };
            answers.push(match tokio::time::timeout_at(end, answer).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(HandError::Gone(word)),
                Err(_) => Err(HandError::TimedOut(word, limit)),
            });
        }
        answers
    }

    /// Returns whether the hand has ended, or was given up.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Asks `request` without anyone waiting for the answer.
    pub(super) fn tell(&self, request: Request) {
        let (reply, _) = oneshot::channel();
        if let Err(mpsc::error::TrySendError::Full(call)) = self.calls.try_send(Call { request, reply }) {
            let calls = self.calls.clone();
            tokio::spawn(async move { calls.send(call).await });
        }
    }
}

/// What takes an answer back that nobody waits for any more.
#[derive(Debug)]
enum Undo {
    Nothing,
    RemoveEntry(Request),
    SettleMailbox,
    KillProgram,
}

impl Undo {
    fn of(request: &Request) -> Self {
        match request {
            Request::CreatePair { entry } => {
                Self::RemoveEntry(Request::Discard { entry: entry.clone(), rewrite: false })
            }
            Request::BeginRewrite { entry } => {
                Self::RemoveEntry(Request::Discard { entry: entry.clone(), rewrite: true })
            }
            Request::OpenMailbox { .. } => Self::SettleMailbox,
            Request::Start { .. } | Request::StartMap { .. } | Request::StartClass { .. } => Self::KillProgram,
            _ => Self::Nothing,
        }
    }

    /// Returns the request that takes `answer` back.
    fn request(self, answer: &Answer) -> Option<Request> {
        match (self, answer) {
            (Self::RemoveEntry(request), Answer::Opened {}) => Some(request),
            (Self::SettleMailbox, Answer::Mailbox { mailbox, .. }) => {
                Some(Request::SettleMailbox { mailbox: *mailbox, keep: false })
            }
            (Self::KillProgram, Answer::Started { program, .. }) => Some(Request::Kill { program: *program }),
            _ => None,
        }
    }
}

/// A request under way.
#[derive(Debug)]
struct Waiting {
    reply: Option<oneshot::Sender<Result<Answered, HandError>>>,
    undo: Undo,
    word: &'static str,
    /// Whether it counts towards the limit; waiting for a program's end does not.
    counts: bool,
}

/// The task that owns the socket.
struct Driver {
    /// In truth of records, not of a stream: only its readiness is used.
    socket: UnixStream,
    queue: mpsc::Receiver<Call>,
    gone: Arc<AtomicBool>,
    state: State,
}

/// What the driver knows of the requests under way.
#[derive(Debug, Default)]
struct State {
    waiting: HashMap<u32, Waiting>,
    unsent: VecDeque<Numbered<Request>>,
    counted: usize,
    serial: u32,
}

/// Why the driver stops.
enum Stop {
    HandGone,
    NobodyAsks,
}

impl Driver {
    async fn run(mut self) {
        let mut room = vec![0; PACKET_BYTES_MAX];
        while self.step(&mut room).await.is_ok() {}
        self.gone.store(true, Ordering::Release);
        self.queue.close();
        self.state.fail_all();
    }

    /// Waits for one thing to happen and deals with it.
    async fn step(&mut self, room: &mut [u8]) -> Result<(), Stop> {
        let may_take = self.state.counted < UNDER_WAY_MAX;
        tokio::select! {
            ready = self.socket.readable() => {
                ready.map_err(|_| Stop::HandGone)?;
                let receive = || passing::receive(self.socket.as_fd(), room);
                match self.socket.try_io(Interest::READABLE, receive) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    received => self.state.received(received, room)?,
                }
            }
            call = self.queue.recv(), if may_take => {
                self.state.accept(call.ok_or(Stop::NobodyAsks)?);
                while self.state.counted < UNDER_WAY_MAX {
                    let Ok(call) = self.queue.try_recv() else { break };
                    self.state.accept(call);
                }
            }
            ready = self.socket.writable(), if !self.state.unsent.is_empty() => {
                ready.map_err(|_| Stop::HandGone)?;
                let (packet, count) = self.state.fill();
                let send = || passing::send(self.socket.as_fd(), packet.bytes(), &[]);
                match self.socket.try_io(Interest::WRITABLE, send) {
                    Ok(()) => drop(self.state.unsent.drain(..count)),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ENOBUFS as i32) => {
                        tokio::time::sleep(BUFFERS_WAIT).await;
                    }
                    Err(_) => return Err(Stop::HandGone),
                }
            }
        }
        Ok(())
    }
}

impl State {
    /// Numbers a request and puts it in line.
    fn accept(&mut self, call: Call) {
        if call.reply.is_closed() && !matches!(call.request, Request::SettleMailbox { .. } | Request::Kill { .. }) {
            return;
        }
        self.number(call.request, Some(call.reply));
    }

    fn number(&mut self, request: Request, reply: Option<oneshot::Sender<Result<Answered, HandError>>>) {
        while self.waiting.contains_key(&self.serial) {
            self.serial = self.serial.wrapping_add(1);
        }
        let counts = !matches!(request, Request::Wait { .. });
        self.counted += usize::from(counts);
        let waiting = Waiting { reply, undo: Undo::of(&request), word: request.kind().word(), counts };
        self.waiting.insert(self.serial, waiting);
        self.unsent.push_back(Numbered { serial: self.serial, descriptors: 0, body: request });
        self.serial = self.serial.wrapping_add(1);
    }

    /// Fills a packet from the front of the line; returns how many requests are in it.
    fn fill(&mut self) -> (Packet, usize) {
        loop {
            let mut packet = Packet::new();
            let count = self.unsent.iter().take_while(|item| packet.push(*item)).count();
            if count > 0 || self.unsent.is_empty() {
                return (packet, count);
            }
            // A single request that no packet holds: its asker is told, the others go on.
            if let Some(item) = self.unsent.pop_front() {
                let failure =
                    Answer::failed(FailureKind::Permanent {}, "a name or text is too long for a request to a hand");
                self.settle(item.serial, Ok(Answered { answer: failure, descriptors: Vec::new() }));
            }
        }
    }

    /// Hands a packet of answers to those who wait.
    fn received(&mut self, received: io::Result<(usize, Vec<OwnedFd>)>, room: &[u8]) -> Result<(), Stop> {
        match received {
            Ok((0, _)) => Err(Stop::HandGone),
            Ok((len, descriptors)) => {
                let answers = decode::<Answer>(&room[..len]).map_err(|_| Stop::HandGone)?;
                self.distribute(answers, Some(descriptors));
                Ok(())
            }
            Err(error) if is_descriptors_lost(&error) => {
                // The bytes lie in the room, but nobody says how many: a packet knows its own end.
                let answers: Result<Vec<Numbered<Answer>>, BadPacket> = decode_front(&mut Reader::new(room));
                self.distribute(answers.map_err(|_| Stop::HandGone)?, None);
                Ok(())
            }
            Err(_) => Err(Stop::HandGone),
        }
    }

    /// Gives each answer its descriptors; without `descriptors` those of the packet were lost.
    fn distribute(&mut self, answers: Vec<Numbered<Answer>>, descriptors: Option<Vec<OwnedFd>>) {
        let lost = descriptors.is_none();
        let mut descriptors = descriptors.unwrap_or_default().into_iter();
        for item in answers {
            let count = usize::from(item.descriptors);
            let own: Vec<OwnedFd> = descriptors.by_ref().take(if lost { 0 } else { count }).collect();
            if own.len() == count {
                self.settle(item.serial, Ok(Answered { answer: item.body, descriptors: own }));
            } else {
                self.take_back(item.serial, &item.body);
            }
        }
    }

    fn settle(&mut self, serial: u32, result: Result<Answered, HandError>) {
        let Some(waiting) = self.remove(serial) else { return };
        let Some(reply) = waiting.reply else { return };
        if let Err(Ok(unwanted)) = reply.send(result)
            && let Some(request) = waiting.undo.request(&unwanted.answer)
        {
            self.number(request, None);
        }
    }

    /// Ends a request whose answer came without its descriptors.
    fn take_back(&mut self, serial: u32, answer: &Answer) {
        let Some(waiting) = self.remove(serial) else { return };
        if let Some(reply) = waiting.reply {
            let _ = reply.send(Err(HandError::DescriptorsLost));
        }
        if let Some(request) = waiting.undo.request(answer) {
            self.number(request, None);
        }
    }

    fn remove(&mut self, serial: u32) -> Option<Waiting> {
        let waiting = self.waiting.remove(&serial)?;
        self.counted -= usize::from(waiting.counts);
        Some(waiting)
    }

    fn fail_all(&mut self) {
        for (_, waiting) in self.waiting.drain() {
            if let Some(reply) = waiting.reply {
                let _ = reply.send(Err(HandError::Gone(waiting.word)));
            }
        }
    }
}

fn is_descriptors_lost(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<passing::PassingError>());
    matches!(inner, Some(passing::PassingError::DescriptorsLost))
}

#[cfg(test)]
mod tests {
    use std::os::fd::BorrowedFd;
    use std::thread;

    use super::*;
    use crate::keeper::request::NamedFile;
    use crate::keeper::request::{Entry, Mailbox};
    use crate::name::MailerName;

    /// What a scripted hand answers to one request: an answer and a number of descriptors; none for silence.
    type Script = fn(&Request) -> Option<(Answer, usize)>;

    /// Plays the hand on a thread until the other end closes; returns what it was asked.
    fn play(socket: OwnedFd, script: Script) -> thread::JoinHandle<Vec<Request>> {
        thread::spawn(move || {
            let mut asked = Vec::new();
            let mut room = vec![0; PACKET_BYTES_MAX];
            while let Ok((len @ 1.., _)) = passing::receive(socket.as_fd(), &mut room) {
                for item in decode::<Request>(&room[..len]).expect("well-formed") {
                    if let Some((body, count)) = script(&item.body) {
                        let mut packet = Packet::new();
                        let descriptors = u8::try_from(count).expect("small");
                        packet.push(&Numbered { serial: item.serial, descriptors, body });
                        let passed: Vec<BorrowedFd<'_>> = (0..count).map(|_| socket.as_fd()).collect();
                        let _ = passing::send(socket.as_fd(), packet.bytes(), &passed);
                    }
                    asked.push(item.body);
                }
            }
            asked
        })
    }

    fn connect(script: Script) -> (Client, thread::JoinHandle<Vec<Request>>) {
        let (ours, theirs) = passing::pair().expect("a pair");
        let hand = play(theirs, script);
        (Client::start(ours).expect("a client"), hand)
    }

    fn user(name: &str) -> Request {
        Request::User { name: name.into() }
    }

    fn echo(request: &Request) -> Option<(Answer, usize)> {
        match request {
            Request::User { name } => Some((Answer::failed(FailureKind::Missing {}, name.clone()), 0)),
            Request::OpenNamed { .. } => Some((Answer::Opened {}, 2)),
            _ => Some((Answer::Done {}, 0)),
        }
    }

    #[tokio::test]
    async fn many_requests_under_way_get_their_own_answers() {
        let (client, hand) = connect(echo);
        let client = Arc::new(client);
        let calls: Vec<_> = (0..1000)
            .map(|number| {
                let client = Arc::clone(&client);
                tokio::spawn(async move { (number, client.call(user(&number.to_string()), None).await) })
            })
            .collect();
        for call in calls {
            let (number, answered) = call.await.expect("no panic");
            let Answer::Failed { failure } = answered.expect("an answer").answer else { panic!("another answer") };
            assert_eq!(failure.text, number.to_string());
        }
        drop(client);
        let asked = tokio::task::spawn_blocking(|| hand.join()).await.expect("no panic");
        assert_eq!(asked.expect("no panic").len(), 1000);
    }

    #[tokio::test]
    async fn descriptors_come_with_their_answer() {
        let (client, _hand) = connect(echo);
        let answered = client.call(Request::OpenNamed { file: NamedFile::Help {} }, None).await.expect("an answer");
        assert_eq!((answered.answer, answered.descriptors.len()), (Answer::Opened {}, 2));
    }

    #[tokio::test]
    async fn when_the_time_is_up_then_the_failure_is_temporary() {
        let (client, _hand) = connect(|_| None);
        let error = client.call(user("slow"), Some(Duration::from_millis(1))).await.expect_err("no answer");
        assert!(matches!(error, HandError::TimedOut("user", _)) && error.is_temporary());
    }

    #[tokio::test]
    async fn when_the_time_is_up_then_a_hand_that_does_one_thing_at_a_time_is_given_up() {
        for (request, is_given_up) in [(user("slow"), true), (Request::OpenNamed { file: NamedFile::Help {} }, false)] {
            let (client, _hand) = connect(|_| None);
            client.call(request, Some(Duration::from_millis(1))).await.expect_err("no answer");
            assert_eq!(client.is_gone(), is_given_up);
        }
    }

    #[tokio::test]
    async fn when_the_hand_ends_then_all_are_told() {
        let (ours, theirs) = passing::pair().expect("a pair");
        let client = Client::start(ours).expect("a client");
        let asker = async { client.call(user("x"), None).await };
        let ender = async { drop(theirs) };
        let (result, ()) = tokio::join!(asker, ender);
        assert!(matches!(result, Err(HandError::Gone("user"))));
        assert!(matches!(client.call(user("y"), None).await, Err(HandError::Gone("user"))));
        assert!(client.is_gone());
    }

    #[tokio::test]
    async fn when_nobody_waits_any_more_then_what_was_locked_is_released() {
        let (ours, theirs) = passing::pair().expect("a pair");
        let client = Client::start(ours).expect("a client");
        let place = Mailbox::User { mailer: MailerName::new("local"), name: "x".into() };
        let request = Request::OpenMailbox { place, messages: 1, first_line: "".into() };
        let _ = client.call(request, Some(Duration::from_millis(1))).await.expect_err("no answer yet");
        let mut room = vec![0; PACKET_BYTES_MAX];
        let late = tokio::task::spawn_blocking(move || {
            let (len, _) = passing::receive(theirs.as_fd(), &mut room).expect("the request");
            let asked = decode::<Request>(&room[..len]).expect("well-formed").remove(0);
            let mut packet = Packet::new();
            let body = Answer::Mailbox { mailbox: 7, size_bytes: 0, path: "/m".into(), separator: "".into() };
            packet.push(&Numbered { serial: asked.serial, descriptors: 0, body });
            passing::send(theirs.as_fd(), packet.bytes(), &[]).expect("sent");
            let (len, _) = passing::receive(theirs.as_fd(), &mut room).expect("the request");
            decode::<Request>(&room[..len]).expect("well-formed").remove(0).body
        });
        assert_eq!(late.await.expect("no panic"), Request::SettleMailbox { mailbox: 7, keep: false });
    }

    #[test]
    fn when_descriptors_are_lost_then_what_was_created_is_removed() {
        let mut state = State::default();
        let (reply, mut answer) = oneshot::channel();
        let entry = Entry { directory: 3, id: "6AMAKU11004711".parse().expect("an id") };
        state.number(Request::CreatePair { entry: entry.clone() }, Some(reply));
        state.unsent.clear();
        let answers = vec![Numbered { serial: 0, descriptors: 2, body: Answer::Opened {} }];
        state.distribute(answers, None);
        assert!(matches!(answer.try_recv(), Ok(Err(HandError::DescriptorsLost))));
        let undo = state.unsent.pop_front().expect("a request").body;
        assert_eq!(undo, Request::Discard { entry, rewrite: false });
    }
}
