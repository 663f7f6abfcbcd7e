//! All hands together: everyone above asks here and never knows which process answers.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bstr::BString;
use tokio::sync::{OwnedMutexGuard, mpsc};

use super::client::{Answered, Client, HandError};
use super::kind::{Kind, READING_LIMIT};
use super::pools::{Lease, Pools};
use super::request::{Account, Answer, Launch, Mailbox, Request, Service, Source, SourceRoot, Standing};
use crate::name::MapName;

/// What performs a request within this process.
pub type Perform = Arc<dyn Fn(Request) -> Performing + Send + Sync>;

/// A request under way within this process.
pub type Performing = Pin<Box<dyn Future<Output = Answered> + Send>>;

/// The hands of a process.
pub struct Hands {
    route: Route,
    turns: Turns,
}

enum Route {
    Pools(Arc<Pools>),
    InProcess(Perform),
}

/// Whose turn it is to have a text read, for each place where chains of texts begin: a disk that does not answer takes one
/// hand, however much mail there is for its owner.
#[derive(Default)]
struct Turns(Mutex<HashMap<SourceRoot, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// Waits for the turn at most `limit`; none if it does not come.
    async fn take(&self, root: &SourceRoot, limit: Duration) -> Option<OwnedMutexGuard<()>> {
        let turn = {
            let mut turns = self.0.lock().expect("no holder panics");
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(root.clone()).or_default())
        };
        tokio::time::timeout(limit, turn.lock_owned()).await.ok()
    }
}

impl Hands {
    /// Returns hands that are separate processes, none yet, and where wishes for more of them arrive.
    pub fn pools() -> (Self, mpsc::Receiver<Kind>) {
        let (pools, wished) = Pools::new();
        (Self { route: Route::Pools(Arc::new(pools)), turns: Turns::default() }, wished)
    }

    /// Returns hands whose work `perform` does in this process, with this process's rights.
    pub fn in_process(perform: Perform) -> Self {
        Self { route: Route::InProcess(perform), turns: Turns::default() }
    }

    /// Adds a hand that listens at the other end of `socket`.
    ///
    /// # Errors
    /// The socket cannot be made non-blocking.
    pub fn attach(&self, kind: Kind, socket: OwnedFd) -> io::Result<()> {
        let Route::Pools(pools) = &self.route else { return Ok(()) };
        pools.attach(kind, Client::start(socket)?);
        Ok(())
    }

    /// Asks `request`; a failure that the hand tells is an error.
    ///
    /// # Errors
    /// No answer in time, or the hand could not do it.
    pub async fn ask(&self, request: Request) -> Result<Answered, HandError> {
        refuse(match &self.route {
            Route::InProcess(perform) => Ok(perform(request).await),
            Route::Pools(pools) => pools.ask(request).await,
        })
    }

    /// Asks several requests of one kind at once; the answers come in their order.
    pub async fn ask_all(&self, requests: Vec<Request>) -> Vec<Result<Answered, HandError>> {
        match &self.route {
            Route::InProcess(perform) => {
                let mut answers = Vec::with_capacity(requests.len());
                for request in requests {
                    answers.push(refuse(Ok(perform(request).await)));
                }
                answers
            }
            Route::Pools(pools) => pools.ask_all(requests).await.into_iter().map(refuse).collect(),
        }
    }

    /// Asks from a thread that may wait; within a runtime of several threads only.
    ///
    /// Not for what many sessions may do at once: each that waits takes a thread, and when the runtime may start no more of
    /// them, none is left to receive the answers.
    ///
    /// # Errors
    /// As [`Hands::ask`].
    pub fn ask_waiting(&self, request: Request) -> Result<Answered, HandError> {
        let runtime = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| runtime.block_on(self.ask(request)))
    }

    /// Returns the passwd entry of `name`, none if there is certainly no such user.
    ///
    /// # Errors
    /// The user database cannot be asked now.
    pub async fn user(&self, name: &[u8]) -> Result<Option<Account>, HandError> {
        self.account(Request::User { name: name.into() }).await
    }

    /// Returns the passwd entry of the first user with this full name, in which capitals do not count.
    ///
    /// # Errors
    /// The user database cannot be asked now.
    pub async fn user_called(&self, full_name: &[u8]) -> Result<Option<Account>, HandError> {
        self.account(Request::UserCalled { full_name: full_name.into() }).await
    }

    async fn account(&self, request: Request) -> Result<Option<Account>, HandError> {
        match self.ask(request).await?.answer {
            Answer::User { user } => Ok(user),
            _ => Err(HandError::OutOfTurn("user")),
        }
    }

    /// Locks and opens the mailbox of a user or the file that a source names, for so many messages, of which the first
    /// begins with this line.
    ///
    /// # Errors
    /// It is locked too long, unsafe, or there is no such user.
    pub async fn open_mailbox(
        &self,
        place: Mailbox,
        messages: u16,
        first_line: BString,
    ) -> Result<HeldMailbox, HandError> {
        let request = Request::OpenMailbox { place, messages, first_line };
        let (stay, mut answered) = self.ask_and_stay(request).await?;
        match (answered.answer, answered.descriptors.pop()) {
            (Answer::Mailbox { mailbox, size_bytes, path, separator }, Some(file)) => {
                Ok(HeldMailbox { file, size_bytes, path, separator, number: mailbox, stay: Some(stay) })
            }
            _ => Err(HandError::OutOfTurn("mailbox")),
        }
    }

    /// Starts a mailer's program.
    ///
    /// # Errors
    /// It is not declared, or cannot be started.
    pub async fn start(&self, launch: Launch) -> Result<RunningProgram, HandError> {
        self.start_by(Request::Start { launch }).await
    }

    /// Starts the program of a program map with `key` as its last word.
    ///
    /// # Errors
    /// There is no such map, or its program cannot be started.
    pub async fn start_map(&self, map: MapName, key: BString) -> Result<RunningProgram, HandError> {
        self.start_by(Request::StartMap { map, key }).await
    }

    /// Starts the program of an `F` line.
    ///
    /// # Errors
    /// The line names no program, or it cannot be started.
    pub async fn start_class(&self, line: u16) -> Result<RunningProgram, HandError> {
        self.start_by(Request::StartClass { line }).await
    }

    async fn start_by(&self, request: Request) -> Result<RunningProgram, HandError> {
        let (stay, mut answered) = self.ask_and_stay(request).await?;
        let output = answered.descriptors.pop();
        match (answered.answer, answered.descriptors.pop(), output) {
            (Answer::Started { program, complaint }, Some(input), Some(output)) => {
                let (input, output) = (Some(input), Some(output));
                Ok(RunningProgram { input, output, complaint, number: program, stay: Some(stay) })
            }
            _ => Err(HandError::OutOfTurn("program")),
        }
    }

    /// Reads the text that `source` names.
    ///
    /// # Errors
    /// There is none, or it may not be used.
    pub async fn open_source(&self, source: Source) -> Result<OpenedText, HandError> {
        let late = || HandError::TimedOut(Kind::Mailbox.word(), READING_LIMIT);
        let _turn = self.turns.take(&source.root, READING_LIMIT).await.ok_or_else(late)?;
        let mut answered = self.ask(Request::OpenSource { source }).await?;
        match (answered.answer, answered.descriptors.pop()) {
            (Answer::Text { path, uid, gid, standing }, Some(copy)) => {
                Ok(OpenedText { path, copy, owner: (uid, gid), standing })
            }
            _ => Err(HandError::OutOfTurn("mailbox")),
        }
    }

    /// Connects to a server of this host.
    ///
    /// # Errors
    /// It does not answer, or is not declared.
    pub async fn connect(&self, service: Service) -> Result<OwnedFd, HandError> {
        self.ask_for_one(Request::Connect { service }).await
    }

    /// Asks a request whose answer is one descriptor.
    ///
    /// # Errors
    /// As [`Hands::ask`].
    pub async fn ask_for_one(&self, request: Request) -> Result<OwnedFd, HandError> {
        let word = request.kind().word();
        self.ask(request).await?.descriptors.pop().ok_or(HandError::OutOfTurn(word))
    }

    /// Asks, and keeps the way to the same hand for later requests.
    async fn ask_and_stay(&self, request: Request) -> Result<(Stay, Answered), HandError> {
        let limit = request.time_limit();
        match &self.route {
            Route::InProcess(perform) => {
                let answered = refuse(Ok(perform(request).await))?;
                Ok((Stay::InProcess(Arc::clone(perform)), answered))
            }
            Route::Pools(pools) => {
                let lease = pools.lease(request.kind(), limit).await?;
                let answered = refuse(lease.client().call(request, limit).await)?;
                Ok((Stay::Leased(lease), answered))
            }
        }
    }
}

/// Makes a told failure an error.
fn refuse(result: Result<Answered, HandError>) -> Result<Answered, HandError> {
    match result? {
        Answered { answer: Answer::Failed { failure }, .. } => Err(HandError::Failed(failure)),
        answered => Ok(answered),
    }
}

/// The way back to the hand that holds something for us.
enum Stay {
    Leased(Lease),
    InProcess(Perform),
}

impl Stay {
    async fn ask(&self, request: Request) -> Result<Answered, HandError> {
        let limit = request.time_limit();
        refuse(match self {
            Self::Leased(lease) => lease.client().call(request, limit).await,
            Self::InProcess(perform) => Ok(perform(request).await),
        })
    }

    /// Asks without waiting for the answer.
    fn tell(&self, request: Request) {
        match self {
            Self::Leased(lease) => lease.client().tell(request),
            Self::InProcess(perform) => {
                let performing = perform(request);
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(performing);
                }
            }
        }
    }
}

/// A `.forward` or an included file that a hand has read for us.
pub struct OpenedText {
    /// The name of its file.
    pub path: BString,
    /// What stands in it, in memory.
    pub copy: OwnedFd,
    /// User and group of its file.
    pub owner: (u32, u32),
    /// What its elements may name.
    pub standing: Standing,
}

/// A mailbox that a hand holds locked for us; dropped unsettled, it gets its old length back.
pub struct HeldMailbox {
    /// For appending only.
    pub file: OwnedFd,
    /// Its length before anything was appended, in bytes.
    pub size_bytes: u64,
    /// Its path, for messages only.
    pub path: BString,
    /// What must be written first so that the message begins behind an empty line.
    pub separator: BString,
    number: u32,
    stay: Option<Stay>,
}

impl HeldMailbox {
    /// Keeps what was appended, or restores the old length; then unlocks.
    ///
    /// # Errors
    /// The hand is gone or failed: what was appended may then be lost and must be delivered again.
    pub async fn settle(mut self, keep: bool) -> Result<(), HandError> {
        let Some(stay) = self.stay.take() else { return Ok(()) };
        stay.ask(Request::SettleMailbox { mailbox: self.number, keep }).await.map(drop)
    }
}

impl Drop for HeldMailbox {
    fn drop(&mut self) {
        if let Some(stay) = self.stay.take() {
            stay.tell(Request::SettleMailbox { mailbox: self.number, keep: false });
        }
    }
}

/// A program that a hand has started for us; dropped before its end, it is killed.
pub struct RunningProgram {
    /// Its standard input.
    pub input: Option<OwnedFd>,
    /// Its standard output and error.
    pub output: Option<OwnedFd>,
    /// Why the postmaster should look at it; empty: it is as it should be.
    pub complaint: BString,
    number: u32,
    stay: Option<Stay>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProgramEnd {
    /// With this status.
    Exited(u8),
    /// By this signal.
    Killed(u8),
}

impl RunningProgram {
    /// Waits for its end, however long; put a time limit around it and [`RunningProgram::kill`] it then.
    ///
    /// # Errors
    /// The hand is gone: nobody knows how the program ended.
    pub async fn wait(&mut self) -> Result<ProgramEnd, HandError> {
        let Some(stay) = &self.stay else { return Err(HandError::Gone(Kind::Program.word())) };
        let answered = stay.ask(Request::Wait { program: self.number }).await?;
        self.stay = None;
        match answered.answer {
            Answer::Ended { signal: 0, status } => Ok(ProgramEnd::Exited(status)),
            Answer::Ended { signal, .. } => Ok(ProgramEnd::Killed(signal)),
            _ => Err(HandError::OutOfTurn(Kind::Program.word())),
        }
    }

    /// Ends the program and what it has started.
    pub fn kill(&self) {
        if let Some(stay) = &self.stay {
            stay.tell(Request::Kill { program: self.number });
        }
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::keeper::packet::{Numbered, Packet, decode};
    use crate::keeper::request::FailureKind;
    use crate::keeper::wire::PACKET_BYTES_MAX;
    use crate::name::MailerName;
    use crate::sys::passing;

    #[tokio::test]
    async fn a_text_that_is_being_read_is_waited_for_but_no_other() {
        let of = |user: &str| SourceRoot::Forward { user: user.into(), path: 0 };
        let (turns, at_once) = (Turns::default(), Duration::ZERO);
        let first = turns.take(&of("bob"), at_once).await.expect("nobody reads it");
        assert!(turns.take(&of("bob"), at_once).await.is_none(), "it is not given up");
        turns.take(&of("alice"), at_once).await.expect("another's");
        drop(first);
        turns.take(&of("bob"), at_once).await.expect("it was given up");
        assert!(turns.0.lock().expect("held by nobody").len() <= 2);
    }

    fn mailbox() -> Mailbox {
        Mailbox::User { mailer: MailerName::new("local"), name: "joe".into() }
    }

    /// Answers every request with what `answer` says, on a thread, and returns what was asked when the other end closes.
    fn hand(hands: &Hands, answer: fn(&Request) -> Option<Answer>) -> std::thread::JoinHandle<Vec<Request>> {
        hand_of(Kind::Mailbox, hands, answer)
    }

    fn hand_of(
        kind: Kind,
        hands: &Hands,
        answer: fn(&Request) -> Option<Answer>,
    ) -> std::thread::JoinHandle<Vec<Request>> {
        let (ours, theirs) = passing::pair().expect("a pair");
        hands.attach(kind, ours).expect("attached");
        std::thread::spawn(move || {
            let mut asked = Vec::new();
            let mut room = vec![0; PACKET_BYTES_MAX];
            while let Ok((len @ 1.., _)) = passing::receive(theirs.as_fd(), &mut room) {
                for item in decode::<Request>(&room[..len]).expect("well-formed") {
                    if let Some(body) = answer(&item.body) {
                        let passed = matches!(body, Answer::Mailbox { .. }).then_some(theirs.as_fd());
                        let mut packet = Packet::new();
                        packet.push(&Numbered { serial: item.serial, descriptors: passed.iter().len() as u8, body });
                        let _ = passing::send(theirs.as_fd(), packet.bytes(), passed.as_slice());
                    }
                    asked.push(item.body);
                }
            }
            asked
        })
    }

    fn holds(request: &Request) -> Option<Answer> {
        Some(match request {
            Request::OpenMailbox { .. } => {
                Answer::Mailbox { mailbox: 5, size_bytes: 10, path: "/m".into(), separator: "".into() }
            }
            _ => Answer::Done {},
        })
    }

    async fn end(hands: Hands, hand: std::thread::JoinHandle<Vec<Request>>) -> Vec<Request> {
        drop(hands);
        tokio::task::spawn_blocking(|| hand.join()).await.expect("no panic").expect("no panic")
    }

    #[tokio::test]
    async fn when_a_mailbox_is_dropped_unsettled_then_its_length_is_restored() {
        let (hands, _wishes) = Hands::pools();
        let hand = hand(&hands, holds);
        drop(hands.open_mailbox(mailbox(), 1, "".into()).await.expect("opened"));
        // The place is free again only when the hand has been told.
        hands.open_mailbox(mailbox(), 1, "".into()).await.expect("opened").settle(true).await.expect("settled");
        let asked = end(hands, hand).await;
        let settled = |keep| Request::SettleMailbox { mailbox: 5, keep };
        assert_eq!([&asked[1], &asked[3]], [&settled(false), &settled(true)]);
    }

    #[tokio::test]
    async fn when_all_hands_wait_then_one_more_is_wished_for() {
        let (hands, mut wishes) = Hands::pools();
        let first = hand(&hands, holds);
        let held = hands.open_mailbox(mailbox(), 1, "".into()).await.expect("opened");
        let (second, ()) = tokio::join!(hands.open_mailbox(mailbox(), 1, "".into()), async {
            assert_eq!(wishes.recv().await, Some(Kind::Mailbox));
            held.settle(true).await.expect("settled");
        });
        second.expect("opened when the first is settled").settle(true).await.expect("settled");
        assert_eq!(end(hands, first).await.len(), 4);
    }

    #[tokio::test]
    async fn when_a_hand_dies_then_its_successor_is_asked() {
        let (hands, _wishes) = Hands::pools();
        let (ours, theirs) = passing::pair().expect("a pair");
        hands.attach(Kind::Mailbox, ours).expect("attached");
        let (lost, ()) = tokio::join!(hands.open_mailbox(mailbox(), 1, "".into()), async { drop(theirs) });
        assert!(lost.is_err_and(|error| error.is_temporary()));
        let hand = hand(&hands, holds);
        hands.open_mailbox(mailbox(), 1, "".into()).await.expect("opened").settle(true).await.expect("settled");
        assert_eq!(end(hands, hand).await.len(), 2);
    }

    #[tokio::test]
    async fn what_only_looks_is_asked_again_of_the_successor_and_nothing_else() {
        const SYNC: Request = Request::SyncDirectory { directory: 0 };
        let request = |line| Request::OpenClass { line };
        let looking = [vec![request(1)], vec![request(1), request(2), request(3)]];
        for (requests, is_repeated) in looking.into_iter().map(|requests| (requests, true)).chain([(vec![SYNC], false)])
        {
            let (hands, _wishes) = Hands::pools();
            let kind = requests[0].kind();
            let (ours, theirs) = passing::pair().expect("a pair");
            hands.attach(kind, ours).expect("attached");
            let (answers, hand) = tokio::join!(hands.ask_all(requests.clone()), async {
                drop(theirs);
                hand_of(kind, &hands, |_| Some(Answer::Done {}))
            });
            assert!(answers.iter().all(|answer| answer.is_ok() == is_repeated));
            assert_eq!(end(hands, hand).await, if is_repeated { requests } else { Vec::new() });
        }
    }

    #[tokio::test]
    async fn what_this_process_performs_itself_is_asked_the_same_way() {
        let hands = Hands::in_process(Arc::new(|request| {
            Box::pin(async move {
                let Request::User { name } = request else { panic!("not asked") };
                let answer = match name.as_slice() {
                    b"joe" => Answer::User { user: None },
                    _ => Answer::failed(FailureKind::Temporary {}, "NSS is down"),
                };
                Answered { answer, descriptors: Vec::new() }
            })
        }));
        assert_eq!(hands.user(b"joe").await.expect("an answer"), None);
        let error = hands.user(b"x").await.expect_err("no answer");
        assert!(error.is_temporary() && error.to_string() == "NSS is down");
    }
}
