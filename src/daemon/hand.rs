//! A hand: a single-threaded process that opens, locks and starts what the network process names.
//!
//! **Invariant:** it reads no byte from the network but the names in requests, and checks each against the
//! configuration it was started with, the user database, and the form of queue identifiers.

mod accounts;
mod errand;
mod files;
mod held_file;
mod mailboxes;
mod programs;
mod queue_files;
mod sockets;
mod sources;
mod words;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bstr::ByteSlice;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, alarm};

use self::errand::{Errands, Named};
use self::mailboxes::Mailboxes;
use self::programs::Programs;
use crate::cf::Config;
use crate::keeper::client::Answered;
use crate::keeper::hands::{Hands, Perform};
use crate::keeper::kind::{FILE_LIMIT, Kind, READING_LIMIT};
use crate::keeper::packet::{DESCRIPTORS_MAX, Numbered, Packet, decode};
use crate::keeper::request::{Answer, Failure, FailureKind, Launch, Mailbox, Request};
use crate::keeper::wire::PACKET_BYTES_MAX;
use crate::log::{Level, Log};
use crate::mailbox::Expected;
use crate::queue::spool::Spool;
use crate::sys::passing;
use crate::sys::process::{Ended, reap_any};
use crate::sys::safe_file::{Inspector, Listeners, Unsafe};
use crate::sys::signal::Signals;
use crate::sys::title::Title;

/// How long a hand outlives the keeper, for the network process to end its sessions.
const AFTER_KEEPER: Duration = Duration::from_secs(15);

/// Opens the queue directories of a configuration.
type OpenSpool = fn(&Config) -> Result<Arc<dyn Spool>, String>;

/// What a hand was started with: nothing else decides what it does.
struct Charter {
    config: Config,
    /// Whether the network process works for one caller.
    has_caller: bool,
    /// Who looks at files before they are opened.
    inspector: Inspector,
}

impl Charter {
    fn new(config: Config, has_caller: bool, listeners: Listeners) -> Self {
        let inspector = Inspector::of(&config.options).telling(listeners);
        Self { config, has_caller, inspector }
    }
}

/// Returns a time in the unit of alarms: at least one second, since none would mean no end.
fn seconds(limit: Duration) -> u32 {
    u32::try_from(limit.as_secs()).unwrap_or(u32::MAX).max(1)
}

/// What performs requests; in a hand of its own or within an unprivileged process.
struct Service {
    /// The only kind of request that is performed; none: all are.
    kind: Option<Kind>,
    charter: Charter,
    spool: Option<Arc<dyn Spool>>,
    mailboxes: Mailboxes,
    programs: Programs,
    errands: Errands,
}

/// What a request leads to.
type Served = Result<Answered, Failure>;

impl Service {
    fn new(kind: Option<Kind>, charter: Charter, spool: Option<Arc<dyn Spool>>) -> Self {
        let (mailboxes, programs, errands) = Default::default();
        Self { kind, charter, spool, mailboxes, programs, errands }
    }

    /// Performs `request`; none if the answer comes when a program or an errand ends.
    fn perform(&mut self, serial: u32, request: Request) -> Option<Answered> {
        if let Some(kind) = self.kind.filter(|kind| *kind != request.kind()) {
            let text = format!("a {} hand does nothing for {} requests", kind.word(), request.kind().word());
            return Some(answer_or_failure(Err(refusal(FailureKind::Undeclared {}, text))));
        }
        let is_errand = self.is_errand(&request);
        let served = match request {
            Request::Wait { program } => return self.programs.wait(serial, program).map(answer_or_failure),
            Request::Kill { program } => self.programs.kill(program),
            Request::Start { launch } if is_errand => match self.read_for(serial, launch, programs::named_by_source) {
                Ok(()) => return None,
                Err(failure) => Err(failure),
            },
            Request::Start { launch } => programs::named(&self.charter, &launch)
                .and_then(|named| self.programs.start(&self.charter, &launch, named)),
            Request::StartClass { line } => self.programs.start_class(&self.charter.config, line),
            Request::StartMap { map, key } => self.programs.start_map(&self.charter.config, &map, &key),
            Request::User { name } => accounts::find(&name),
            Request::UserCalled { full_name } => accounts::find_called(&full_name),
            Request::OpenMailbox { place, messages, first_line } => {
                self.mailboxes.open(&self.charter, &place, Expected::new(messages.into(), &first_line))
            }
            Request::SettleMailbox { mailbox, keep } => self.mailboxes.settle(mailbox, keep),
            Request::OpenSource { source } => sources::open(&self.charter, &source),
            Request::OpenMap { map, suffix } => files::open_map(&self.charter, &map, &suffix),
            Request::OpenClass { line } => files::open_class(&self.charter, line),
            Request::OpenNamed { file } => files::open_named(&self.charter, &file),
            Request::Connect { service } => sockets::connect(&self.charter.config, &service),
            Request::BindReserved { ipv6 } => sockets::bind_reserved(&self.charter.config, ipv6),
            other => queue_files::perform(self.spool.as_deref(), other),
        };
        Some(answer_or_failure(served))
    }

    /// Tells whether a copy of the hand performs `request`, or a part of it.
    fn is_errand(&self, request: &Request) -> bool {
        self.kind.is_some() && matches!(request, Request::Start { launch } if launch.source.is_some())
    }

    /// Has what leads to a program read without waiting for it.
    fn read_for(
        &mut self,
        serial: u32,
        launch: Launch,
        read: impl FnOnce(&Charter, &Launch) -> Result<Named, Failure>,
    ) -> Result<(), Failure> {
        let Self { charter, programs, errands, .. } = self;
        let work = |launch: &Launch| {
            programs.let_inputs_go();
            read(charter, launch)
        };
        errands.begin((serial, launch), READING_LIMIT, work)
    }

    /// Deals with the end of a process; returns the answer for whoever waits for it.
    fn ended(&mut self, pid: Pid, ended: Ended) -> Option<(u32, Answered)> {
        let Some((serial, launch, named)) = self.errands.ended(pid, ended) else {
            return self.programs.ended(pid, ended);
        };
        let served = named.and_then(|named| self.programs.start(&self.charter, &launch, Some(named)));
        Some((serial, answer_or_failure(served)))
    }
}

/// Returns how long a request may take that a file of a user's choosing can hold up; no other is under way then.
fn patience(request: &Request) -> Option<Duration> {
    match request {
        Request::OpenSource { .. } => Some(READING_LIMIT),
        Request::OpenMailbox { place: Mailbox::File { .. }, .. } => Some(FILE_LIMIT),
        _ => None,
    }
}

fn answer_or_failure(served: Served) -> Answered {
    served.unwrap_or_else(|failure| Answered { answer: Answer::Failed { failure }, descriptors: Vec::new() })
}

/// Returns an answer without descriptors.
fn plain(answer: Answer) -> Served {
    Ok(Answered { answer, descriptors: Vec::new() })
}

/// Returns a failure of `kind` that `text` explains.
fn refusal(kind: FailureKind, text: impl Into<bstr::BString>) -> Failure {
    Failure { kind, errno: 0, text: text.into() }
}

/// Returns the failure that `error` means for `what`.
fn failure_of(what: &str, error: &io::Error) -> Failure {
    let errno = error.raw_os_error().map(Errno::from_raw);
    let kind = match error.kind() {
        // Links that lead in a circle, names that are too long.
        _ if matches!(errno, Some(Errno::ELOOP | Errno::ENAMETOOLONG)) => FailureKind::Permanent {},
        io::ErrorKind::NotFound => FailureKind::Missing {},
        io::ErrorKind::AlreadyExists => FailureKind::Exists {},
        io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput => {
            FailureKind::Permanent {}
        }
        _ => FailureKind::Temporary {},
    };
    let errno = error.raw_os_error().unwrap_or(0);
    Failure { kind, errno, text: format!("{what}: {error}").into() }
}

/// Returns the failure that the file `path` is not used for `reason`.
fn failure_of_file(path: &[u8], reason: Unsafe) -> Failure {
    let failure = failure_of(&path.to_str_lossy(), &reason.into());
    Failure { text: reason.to_string().into(), ..failure }
}

/// Serves as a hand of `kind` until the network process is gone; `has_caller` where that works for one caller.
pub(super) fn serve(
    kind: Kind,
    has_caller: bool,
    config: Config,
    open_spool: OpenSpool,
    log: &Log,
    control: &OwnedFd,
    requests: &OwnedFd,
) -> ExitCode {
    let mut title = Title::take();
    title.set(format!("sendmail: {} hand", kind.word()).as_bytes());
    let spool = match kind {
        Kind::Queue => match open_spool(&config) {
            Ok(spool) => Some(spool),
            Err(error) => {
                log.say(Level::SYSTEM_ERROR, None, format_args!("queue hand: {error}"));
                return ExitCode::from(crate::name::Sysexit::NoPerm as u8);
            }
        },
        _ => None,
    };
    let service = Service::new(Some(kind), Charter::new(config, has_caller, Listeners::default()), spool);
    match Loop::new(service) {
        Ok(mut serving) => match serving.run(control, requests) {
            Ok(()) => ExitCode::SUCCESS,
            // The network process went away between a request and its answer.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => {
                ExitCode::SUCCESS
            }
            Err(error) => {
                log.say(Level::SYSTEM_ERROR, None, format_args!("{} hand: {error}", kind.word()));
                ExitCode::from(crate::name::Sysexit::OsErr as u8)
            }
        },
        Err(error) => {
            log.say(Level::SYSTEM_ERROR, None, format_args!("{} hand: {error}", kind.word()));
            ExitCode::from(crate::name::Sysexit::OsErr as u8)
        }
    }
}

/// The serving loop.
struct Loop {
    service: Service,
    signals: Signals,
    /// When the hand ends although the network process lives: the keeper is gone.
    end_at: Option<Instant>,
}

impl Loop {
    fn new(service: Service) -> io::Result<Self> {
        // The keeper decides when a hand ends; a signal to all processes of the program must not cut a delivery.
        let signals = Signals::watch(&[Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP])?;
        Ok(Self { service, signals, end_at: None })
    }

    fn run(&mut self, control: &OwnedFd, requests: &OwnedFd) -> io::Result<()> {
        let mut room = vec![0; PACKET_BYTES_MAX];
        loop {
            if self.end_at.is_some_and(|at| at <= Instant::now()) {
                return Ok(());
            }
            let ready = self.wait(control, requests);
            if ready.child {
                self.reap(requests)?;
            }
            if ready.keeper_gone {
                self.end_at.get_or_insert(Instant::now() + AFTER_KEEPER);
            }
            if ready.request {
                let (len, _) = passing::receive(requests.as_fd(), &mut room)?;
                if len == 0 {
                    return Ok(());
                }
                let asked = decode::<Request>(&room[..len]).map_err(io::Error::other)?;
                self.answer_all(asked, requests)?;
            }
        }
    }

    fn wait(&self, control: &OwnedFd, requests: &OwnedFd) -> Ready {
        let mut waited = vec![
            PollFd::new(requests.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
        ];
        if self.end_at.is_none() {
            waited.push(PollFd::new(control.as_fd(), PollFlags::POLLIN));
        }
        let timeout = self.end_at.map_or(PollTimeout::NONE, |at| {
            let left = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        // An interruption is a signal, which is looked at next.
        let _ = poll(&mut waited, timeout);
        let is = |place: usize| waited.get(place).is_some_and(|fd| fd.any().unwrap_or(false));
        let (request, keeper_gone) = (is(0), is(2));
        let child = self.signals.take().unwrap_or_default().contains(&Signal::SIGCHLD);
        Ready { request, child, keeper_gone }
    }

    /// Performs a batch and sends the answers in as few packets as hold them.
    fn answer_all(&mut self, asked: Vec<Numbered<Request>>, requests: &OwnedFd) -> io::Result<()> {
        let mut sending = Sending::new(requests.as_fd());
        for item in asked {
            if self.service.is_errand(&item.body) {
                // What is passed must not stay open in the copy.
                sending.flush()?;
            }
            // What no file system answers, the system ends; another hand takes the place of this one.
            let patience = patience(&item.body);
            if let Some(limit) = patience {
                alarm::set(seconds(limit));
            }
            let answered = self.service.perform(item.serial, item.body);
            alarm::cancel();
            if let Some(answered) = answered {
                sending.add(item.serial, answered)?;
            }
        }
        sending.flush()
    }

    fn reap(&mut self, requests: &OwnedFd) -> io::Result<()> {
        let mut sending = Sending::new(requests.as_fd());
        while let Some((pid, ended)) = reap_any()? {
            if let Some((serial, answered)) = self.service.ended(pid, ended) {
                sending.add(serial, answered)?;
            }
        }
        sending.flush()
    }
}

/// What there is to do.
struct Ready {
    request: bool,
    child: bool,
    keeper_gone: bool,
}

/// Answers on their way.
struct Sending<'a> {
    socket: BorrowedFd<'a>,
    packet: Packet,
    descriptors: Vec<OwnedFd>,
}

impl<'a> Sending<'a> {
    fn new(socket: BorrowedFd<'a>) -> Self {
        Self { socket, packet: Packet::new(), descriptors: Vec::new() }
    }

    fn add(&mut self, serial: u32, answered: Answered) -> io::Result<()> {
        let count = answered.descriptors.len();
        if self.descriptors.len() + count > DESCRIPTORS_MAX {
            self.flush()?;
        }
        let descriptors = u8::try_from(count).map_err(io::Error::other)?;
        let item = Numbered { serial, descriptors, body: answered.answer };
        if !self.packet.push(&item) {
            self.flush()?;
            if !self.packet.push(&item) {
                let body = Answer::failed(FailureKind::Permanent {}, "the answer is too long for a packet");
                self.packet.push(&Numbered { serial, descriptors: 0, body });
                return Ok(());
            }
        }
        self.descriptors.extend(answered.descriptors);
        Ok(())
    }

    /// Sends what has gathered; our copies of the descriptors close.
    fn flush(&mut self) -> io::Result<()> {
        if self.packet.is_empty() {
            return Ok(());
        }
        let packet = std::mem::take(&mut self.packet);
        let descriptors = std::mem::take(&mut self.descriptors);
        let passed: Vec<BorrowedFd<'_>> = descriptors.iter().map(AsFd::as_fd).collect();
        passing::send(self.socket, packet.bytes(), &passed)
    }
}

/// Returns hands that perform requests in this process, with its own rights; `listeners` hear how files are looked at.
pub fn in_process(config: &Config, listeners: Listeners) -> Hands {
    in_process_over(config, None, listeners)
}

/// As [`in_process`], with queue directories.
pub(super) fn in_process_over(config: &Config, spool: Option<Arc<dyn Spool>>, listeners: Listeners) -> Hands {
    let service = Arc::new(Mutex::new(Service::new(None, Charter::new(config.clone(), true, listeners), spool)));
    let perform: Perform = Arc::new(move |request| {
        let service = Arc::clone(&service);
        Box::pin(async move {
            let performed = tokio::task::spawn_blocking(move || perform_here(&service, request)).await;
            performed.unwrap_or_else(|_| Answered {
                answer: Answer::failed(FailureKind::Temporary {}, "shutting down"),
                descriptors: Vec::new(),
            })
        })
    });
    Hands::in_process(perform)
}

fn perform_here(service: &Mutex<Service>, request: Request) -> Answered {
    if let Request::Wait { program } = request {
        // The wait must not hold the lock: others want to be served, and the program may have to be killed.
        let process = service.lock().expect("no holder panics").programs.process(program);
        let served = process.and_then(programs::wait_here);
        service.lock().expect("no holder panics").programs.forget(program);
        return answer_or_failure(served);
    }
    let performed = service.lock().expect("no holder panics").perform(0, request);
    performed.expect("only the wait for a program is answered later")
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::cf::{self, ReadEnv};
    use crate::keeper::request::{Source, SourceRoot};
    use crate::name::MailerName;
    use crate::sys::process::{alone, branch_for_test};

    /// Returns a hand for programs with a mailer that reads its message to the end.
    fn program_hand() -> Service {
        let user = nix::unistd::getuid();
        let text = format!("V10\nO DefaultUser={user}:{user}\nMcat, P=/bin/cat, F=lsDFMoqeu9, A=cat\n");
        let (config, errors) = cf::read(text.as_bytes(), "x.cf", &ReadEnv::default());
        assert!(errors.is_empty(), "{errors:?}");
        Service::new(Some(Kind::Program), Charter::new(config, false, Listeners::default()), None)
    }

    fn cat(source: Option<Source>) -> Launch {
        let (mailer, words) = (MailerName::new("cat"), vec!["cat".into()]);
        Launch { mailer, words, source, user: None, sender: "a@example.com".into() }
    }

    /// Waits for the end of a process; returns which request that answers.
    fn next(service: &mut Service) -> (u32, Answer) {
        loop {
            if let Some((pid, ended)) = reap_any().expect("children") {
                let (serial, answered) = service.ended(pid, ended).expect("somebody waits");
                return (serial, answered.answer);
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_copy_that_cannot_read_holds_up_no_other_program() {
        let body = || {
            let file = tempfile::NamedTempFile::new().expect("a file");
            file.as_file().lock().expect("locked");
            let mut service = program_hand();
            let started = service.perform(1, Request::Start { launch: cat(None) }).expect("an answer");
            let Answer::Started { program, .. } = started.answer else { panic!("{:?}", started.answer) };
            drop(started.descriptors);
            let waits = |_: &Charter, _: &Launch| {
                File::open(file.path()).and_then(|file| file.lock()).expect("locked");
                Err(refusal(FailureKind::Missing {}, "gone"))
            };
            service.read_for(2, cat(None), waits).expect("begun");
            assert!(service.perform(3, Request::Wait { program }).is_none(), "it runs");
            assert_eq!(next(&mut service), (3, Answer::Ended { signal: 0, status: 0 }));
            file.as_file().unlock().expect("unlocked");
            assert_eq!(next(&mut service), (2, Answer::failed(FailureKind::Missing {}, "gone")));
            0
        };
        alone(|| assert_eq!(branch_for_test(body), 0));
    }

    #[test]
    fn before_a_hand_copies_itself_it_passes_on_what_it_has() {
        let body = || {
            let (ours, theirs) = passing::pair().expect("a pair");
            let mut serving = Loop::new(program_hand()).expect("signals");
            let source = Source { root: SourceRoot::Alias { file: 0, key: "none".into() }, elements: vec![0] };
            let asked = [None, Some(source), None].map(cat).into_iter();
            let asked = (1..).zip(asked.map(|launch| Request::Start { launch }));
            let asked = asked.map(|(serial, body)| Numbered { serial, descriptors: 0, body }).collect();
            serving.answer_all(asked, &ours).expect("answered");
            let mut room = vec![0; PACKET_BYTES_MAX];
            for expected in [1, 3] {
                let (len, descriptors) = passing::receive(theirs.as_fd(), &mut room).expect("a packet");
                let answers = decode::<Answer>(&room[..len]).expect("well-formed");
                let serials: Vec<u32> = answers.iter().map(|answer| answer.serial).collect();
                assert_eq!((serials, descriptors.len()), (vec![expected], 2));
            }
            0
        };
        alone(|| assert_eq!(branch_for_test(body), 0));
    }

    #[test]
    fn a_hand_does_only_what_is_of_its_kind() {
        let charter = || Charter::new(Config::default(), false, Listeners::default());
        let ask = |kind, request: Request| {
            let mut service = Service::new(kind, charter(), None);
            match service.perform(0, request).expect("an answer").answer {
                Answer::Failed { failure } => failure.kind,
                other => panic!("{other:?}"),
            }
        };
        let wait = || Request::Wait { program: 7 };
        assert_eq!(ask(Some(Kind::Queue), wait()), FailureKind::Undeclared {});
        assert_eq!(ask(Some(Kind::Program), wait()), FailureKind::Missing {});
        assert_eq!(ask(None, wait()), FailureKind::Missing {});
    }
}
