//! A session that nobody holds: a client in memory speaks to the server as it would serve it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::SystemTime;

use bstr::{BString, ByteSlice};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, WriteHalf, duplex, split};
use tokio::sync::watch;

use super::Question;
use super::destination::{self, Destination};
use super::fate::{self, Fate};
use super::port;
use super::record::{Event, Recorder};
use crate::cf::DEFAULT_QUEUE_GROUP;
use crate::daemon::hand;
use crate::deliver::services::Services;
use crate::log::Log;
use crate::mail::date;
use crate::mail::header::Header;
use crate::policy::Numbers;
use crate::queue::spool::SpoolDirectory;
use crate::queue::{AbsentSpool, Queue, QueueOptions};
use crate::receive::{Client, Connection, Service, SiteDirectory, Study, serve};
use crate::site::{Site, Supposed};
use crate::sys::safe_file::Listeners;

/// Bytes between the two ends.
const PIPE_BYTES: usize = 64 * 1024;

/// One counted connection: what a server that just started sees.
const FIRST: Numbers = Numbers { client_rate: 1, client_connections: 1, total_rate: 1, total_connections: 1 };

/// The command that the message follows.
const DATA: &[u8] = b"DATA";

/// A command, what the server says to it, and how it comes to that.
#[derive(Clone, Debug)]
pub(in super::super) struct Stage {
    /// The command; empty for the connection itself.
    pub(in super::super) command: BString,
    /// The reply, its lines with LF between.
    pub(in super::super) reply: BString,
    /// What happened meanwhile.
    pub(super) events: Vec<Event>,
}

impl Stage {
    /// Tells whether the server takes it.
    pub(in super::super) fn is_accepted(&self) -> bool {
        self.reply.starts_with(b"2")
    }
}

/// A whole session.
#[derive(Clone, Debug)]
pub(in super::super) struct Dialogue {
    /// From the connection to the last recipient.
    pub(in super::super) stages: Vec<Stage>,
    /// One for each recipient that was accepted.
    pub(in super::super) destinations: Vec<Destination>,
}

impl Dialogue {
    /// Holds the session that `question` describes; with `supposed`, as if a map said so.
    pub(in super::super) async fn hold(site: &Arc<Site>, question: &Question, supposed: Option<Supposed>) -> Self {
        let recorder = Recorder::default();
        let heard = recorder.clone();
        let study = Study { listener: Arc::new(move || heard.listener()), judged: recorder.judge(), supposed };
        let services = services(site);
        let service = service(&services, study.clone());
        let (near, far) = duplex(PIPE_BYTES);
        let (_stop, stopping) = watch::channel(false);
        let connection = connection(site, question);
        let server = serve(far, connection, &service, stopping);
        let (stages, ()) = tokio::join!(speak(site, near, question, &recorder), server);
        let mut destinations = Vec::new();
        let accepted = question.recipients.iter().zip(stages.iter().skip(3)).filter(|(_, stage)| stage.is_accepted());
        let is_refused = stages.last().is_some_and(|stage| stage.command == DATA && !stage.is_accepted());
        let goes_nowhere = is_refused || matches!(fate::of(&stages), Fate::Discarded { .. });
        for (recipient, _) in accepted.filter(|_| !goes_nowhere) {
            destinations.push(destination::find(site, &service, &study, question, recipient, &recorder).await);
        }
        Self { stages, destinations }
    }

    /// Returns what becomes of the message.
    pub(in super::super) fn fate(&self) -> Fate {
        fate::of(&self.stages)
    }

    /// Returns what can be seen of it from outside.
    pub(super) fn outcome(&self) -> impl PartialEq + '_ {
        let ways = self.destinations.iter().map(|to| (&to.route, &to.envelope, &to.header));
        (self.fate(), ways.collect::<Vec<_>>())
    }
}

fn services(site: &Arc<Site>) -> Services {
    let path = site.config.options.queue_directory.clone();
    let spool = AbsentSpool::new(vec![SpoolDirectory { group: DEFAULT_QUEUE_GROUP.into(), path }]);
    let queue = Queue::new(Arc::new(spool), QueueOptions::default());
    let hands = Arc::new(hand::in_process(&site.config, Listeners::default()));
    Services::new(Arc::clone(site), hands, queue, Log::nowhere(), None)
}

fn service(services: &Services, study: Study) -> Service {
    Service {
        site: Arc::clone(&services.site),
        queue: services.queue.clone(),
        log: services.log.clone(),
        directory: Arc::new(SiteDirectory {
            aliases: Arc::clone(&services.aliases),
            hands: Arc::clone(&services.hands),
            uses_aliases: true,
        }),
        // The session ends before a message could be accepted.
        deliver: Arc::new(|_| Box::pin(std::future::ready(()))),
        run_queue: Arc::new(|_| {}),
        load: Arc::new(AtomicI64::new(0)),
        help: None,
        study: Some(study),
    }
}

fn connection(site: &Site, question: &Question) -> Connection {
    // A port that there is not was refused before.
    let daemon = port::find(site, question.client, question.port.as_ref()).ok();
    let ours: IpAddr = match question.client {
        IpAddr::V4(_) => [127, 0, 0, 1].into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    let (peer, local) = (SocketAddr::new(question.client, 1024), SocketAddr::new(ours, 25));
    let client = match &question.client_name {
        Some(name) => Client::Imagined { peer, local, name: name.clone() },
        None => Client::Host { peer, local },
    };
    Connection { client, daemon, numbers: FIRST, haste: None }
}

/// Speaks the client's part, until something is refused; the message follows if a recipient is taken.
async fn speak(site: &Site, stream: DuplexStream, question: &Question, recorder: &Recorder) -> Vec<Stage> {
    let (input, mut output) = split(stream);
    let mut input = BufReader::new(input);
    let mut stages = Vec::new();
    let hello = hello(question);
    let mut commands = vec![BString::default(), BString::from([b"EHLO ", &hello[..]].concat())];
    let sender = question.sender.clone().unwrap_or_default();
    commands.push([b"MAIL FROM:<", &sender[..], b">"].concat().into());
    commands.extend(question.recipients.iter().map(|to| BString::from([b"RCPT TO:<", &to[..], b">"].concat())));
    let mut goes_on = true;
    for command in commands {
        let sent = command.is_empty() || say(&mut output, &command).await;
        let reply = if sent { hear(&mut input).await } else { BString::default() };
        let is_rcpt = command.starts_with(b"RCPT");
        let stage = Stage { command, reply, events: recorder.take() };
        goes_on = stage.is_accepted() || is_rcpt;
        stages.push(stage);
        if !goes_on {
            break;
        }
    }
    let is_taken = |stage: &Stage| stage.command.starts_with(b"RCPT") && stage.is_accepted();
    if goes_on && stages.iter().any(is_taken) {
        say(&mut output, DATA).await;
        let mut reply = hear(&mut input).await;
        if reply.starts_with(b"3") {
            for line in message(site, question, &hello) {
                say(&mut output, &line).await;
            }
            reply = hear(&mut input).await;
        }
        stages.push(Stage { command: DATA.into(), reply, events: recorder.take() });
    }
    say(&mut output, b"QUIT").await;
    stages
}

/// Returns what the client calls itself.
fn hello(question: &Question) -> BString {
    let named = question.helo.clone().or_else(|| question.client_name.clone());
    named.unwrap_or_else(|| format!("[{}]", question.client).into())
}

/// Returns the lines of a short message with the fields that every message has and those of the question, and its end.
fn message(site: &Site, question: &Question, hello: &BString) -> Vec<BString> {
    let sender = question.sender.clone().filter(|sender| !sender.is_empty());
    let sender = sender.unwrap_or_else(|| "MAILER-DAEMON".into());
    let date = date::arpa(SystemTime::now().into(), &site.zone);
    let usual = [
        ("Date", date),
        ("From", [b"<", &sender[..], b">"].concat().into()),
        ("To", bstr::join(", ", &question.recipients).into()),
        ("Message-Id", BString::from([b"<explain@", &hello[..], b">"].concat())),
    ];
    let usual = usual.map(|(name, text)| Header::new(name, text));
    let is_given = |field: &Header| question.fields.iter().any(|given| given.name.eq_ignore_ascii_case(&field.name));
    let fields = usual.iter().filter(|field| !is_given(field)).chain(&question.fields);
    let mut lines: Vec<BString> = fields.map(|field| [&field.name[..], b":", &field.value].concat().into()).collect();
    lines.extend(["".into(), "x".into(), ".".into()]);
    lines
}

/// Sends a line; tells whether the server is still there. What would be two lines is one.
async fn say(output: &mut WriteHalf<DuplexStream>, line: &[u8]) -> bool {
    let line: Vec<u8> = line.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect();
    output.write_all(&[&line[..], b"\r\n"].concat()).await.is_ok()
}

/// Reads a reply, all its lines.
async fn hear(input: &mut (impl AsyncBufReadExt + Unpin)) -> BString {
    let mut reply = BString::default();
    loop {
        let mut line = Vec::new();
        if !matches!(input.read_until(b'\n', &mut line).await, Ok(1..)) {
            return reply;
        }
        let text = line.trim_end();
        if !reply.is_empty() {
            reply.push(b'\n');
        }
        reply.extend_from_slice(text);
        if text.get(3) != Some(&b'-') {
            return reply;
        }
    }
}
