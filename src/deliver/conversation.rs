//! What SMTP and LMTP delivery have in common: one job on one connection.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bstr::BString;

use super::audience::Audience;
use super::connection::{Cargo, Connection, Peer, Transport};
use super::host_rules::HostRules;
use super::message::{Format, Message};
use super::mime::{self, MimeRules};
use super::outcome::{Outcome, Service, exit_text};
use super::smtp::SmtpSettings;
use crate::cf::{EightBitMode, Mailer, MailerFlag};
use crate::mail::envelope::{BodyType, DeliverByMode};
use crate::name::{Status, Sysexit};
use crate::smtp::client::{Cause, Dialect, Fate, Loss, Opening, RecipientResult, Setup, Transaction};

/// One message for some recipients over one mailer.
#[derive(Clone)]
pub struct Job<'a> {
    /// Who hears what is said.
    pub audience: Arc<Audience>,
    /// The recipients as the sender knows them, in the order of the transaction.
    pub names: Vec<BString>,
    /// The mailer.
    pub mailer: &'a Mailer,
    /// The envelope, rewritten for the mailer; `body` as the message declares it.
    pub transaction: Transaction,
    /// The message.
    pub message: &'a Message<'a>,
    /// What a conversion of the message needs to know.
    pub mime: MimeRules,
    /// The address of ours that connections come from, if it is that by which the message came in (`M=b` of its port).
    pub source: Option<IpAddr>,
    /// Whether this is the first attempt (`Timeout.iconnect`).
    pub first_attempt: bool,
    /// What the site's rules say of hosts and recipients; none: nobody is asked.
    pub rules: Option<&'a HostRules<'a>>,
    /// Whether hosts known to be down are passed over (`Timeout.hoststatus`): in queue runs, not for fresh mail.
    pub respect_host_status: bool,
}

/// What became of some recipients at one host; a recipient that was tried at several has several.
#[derive(Clone, Debug)]
pub struct Event {
    /// Their places in the transaction.
    pub targets: Vec<usize>,
    /// How they fared.
    pub outcome: Outcome,
}

/// How a job ended.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What happened, in order; every recipient has one, and the last counts.
    pub events: Vec<Event>,
    /// Lines for the log beside those of the recipients.
    pub notes: Vec<BString>,
    /// How many connections were opened for it.
    pub connections: usize,
}

impl Report {
    /// Adds what became of recipients, and tells of it.
    pub(super) fn add(&mut self, targets: Vec<usize>, outcome: Outcome, job: &Job<'_>) {
        if !targets.is_empty() {
            job.audience.fate(&job.joined(&targets), &outcome);
            self.events.push(Event { targets, outcome });
        }
    }

    /// Returns the last word on each of `count` recipients.
    pub fn outcomes(&self, count: usize) -> Vec<Option<Outcome>> {
        let mut outcomes = vec![None; count];
        for event in &self.events {
            event.targets.iter().for_each(|target| outcomes[*target] = Some(event.outcome.clone()));
        }
        outcomes
    }
}

impl Job<'_> {
    /// Returns recipients with commas between.
    pub(super) fn joined(&self, targets: &[usize]) -> BString {
        bstr::join(",", targets.iter().map(|target| &self.names[*target])).into()
    }
}

/// Opens a conversation on a fresh connection; the error is the outcome for every recipient.
pub(super) async fn open(
    stream: Box<dyn Transport>,
    peer: Peer,
    settings: &SmtpSettings,
    job: &Job<'_>,
    notes: &mut Vec<BString>,
) -> Result<Connection, Outcome> {
    let flag = |flag| job.mailer.flags.has(flag);
    let dialect = match () {
        () if flag(MailerFlag::Lmtp) => Dialect::Lmtp,
        () if flag(MailerFlag::HeloOnly) => Dialect::HeloOnly,
        () if flag(MailerFlag::Esmtp) => Dialect::Esmtp,
        () => Dialect::Smtp,
    };
    let own_name = (dialect != Dialect::Lmtp && !flag(MailerFlag::NoLoopCheck)).then(|| settings.own_name.clone());
    if let Some(rules) = job.rules {
        rules.features(&peer).await;
    }
    let audience = Arc::clone(&job.audience);
    let is_watched = audience.is_watched();
    let setup = Setup { dialect, helo_name: settings.helo_name.clone(), own_name, is_watched };
    let (connection, opening) = Connection::open(stream, peer, audience, setup, &settings.timeouts).await;
    notes.extend(silence_note(&connection));
    match opening {
        Opening::Ready => match consent(&connection.peer, job).await {
            Ok(()) => Ok(connection),
            Err(outcome) => {
                let outcome = with_peer(outcome, &connection.peer);
                connection.quit(&settings.timeouts).await;
                Err(outcome)
            }
        },
        Opening::Refused(result) => Err(outcome_of(&result, &connection.peer, false)),
        Opening::Loop => {
            let host = &connection.peer.host;
            notes.push(format!("SYSERR: 553 5.3.5 {host} config error: mail loops back to me (MX problem?)").into());
            let outcome = Outcome::failed(Status::new(5, 3, 5), exit_text(Sysexit::Config));
            Err(with_peer(outcome.with_reply("553 5.3.5 system config error"), &connection.peer))
        }
    }
}

/// Asks the rules whether mail may go over a fresh connection.
async fn consent(peer: &Peer, job: &Job<'_>) -> Result<(), Outcome> {
    let Some(rules) = job.rules else { return Ok(()) };
    let first = job.transaction.targets.first().map_or(&b""[..], |target| &target.address);
    rules.server(peer, first).await
}

/// Sends the message to the recipients with these indices, as far as the rules let them be named; returns what became of
/// them and whether the connection can be used again after RSET.
pub(super) async fn transact(
    connection: &mut Connection,
    settings: &SmtpSettings,
    job: &Job<'_>,
    chunk: &[usize],
) -> (Vec<Event>, bool) {
    if let Some(outcome) = promise_refused(connection, job) {
        let mut report = Report::default();
        report.add(chunk.to_vec(), with_peer(outcome, &connection.peer), job);
        return (report.events, true);
    }
    let Some(rules) = job.rules else { return transact_all(connection, settings, job, chunk).await };
    let mut report = Report::default();
    let mut named = Vec::with_capacity(chunk.len());
    for index in chunk {
        match rules.recipient(&connection.peer, &job.transaction.targets[*index].address).await {
            Ok(()) => named.push(*index),
            Err(outcome) => report.add(vec![*index], with_peer(outcome, &connection.peer), job),
        }
    }
    if named.is_empty() {
        return (report.events, true);
    }
    let (events, reusable) = transact_all(connection, settings, job, &named).await;
    report.events.extend(events);
    (report.events, reusable)
}

/// Returns what becomes of a message that must come back when its time is over, if the server cannot promise that
/// (`RFC 2852 §4.1.4.1`).
fn promise_refused(connection: &Connection, job: &Job<'_>) -> Option<Outcome> {
    let comes_back = job.transaction.deliver_by.is_some_and(|by| by.mode == DeliverByMode::Return);
    let is_refused = comes_back && !job.mailer.is_local() && connection.offered().deliver_by.is_none();
    let reply = "554 5.4.7 Server does not support Deliver By";
    is_refused.then(|| Outcome::failed(Status::new(5, 4, 7), exit_text(Sysexit::Unavailable)).with_reply(reply))
}

/// Sends the message to the recipients with these indices; returns what became of them and whether the connection can be
/// used again after RSET.
async fn transact_all(
    connection: &mut Connection,
    settings: &SmtpSettings,
    job: &Job<'_>,
    chunk: &[usize],
) -> (Vec<Event>, bool) {
    let mut report = Report::default();
    let takes_eight_bits = connection.offered().eight_bit;
    let carriage = Carriage::choose(takes_eight_bits, job);
    let targets = chunk.iter().map(|index| job.transaction.targets[*index].clone()).collect();
    let body = carriage.body(job);
    let transaction = Transaction { body, targets, ..job.transaction.clone() };
    let format = Format::of(job.mailer).for_smtp();
    let format = if takes_eight_bits { format.for_eight_bits(job.mailer) } else { format };
    let converted = match carriage {
        Carriage::Fitting(_) => mime::recode(job.message, job.mailer, &job.mime, takes_eight_bits),
        Carriage::Refused => {
            let text = format!("554 5.6.3 {} does not support 8BITMIME", connection.peer.host);
            let outcome = Outcome::failed(Status::new(5, 6, 3), exit_text(Sysexit::DataErr)).with_reply(text);
            report.add(chunk.to_vec(), with_peer(outcome, &connection.peer), job);
            return (report.events, true);
        }
        Carriage::SevenBit => mime::to_seven_bit(job.message, &job.mime).map(Some),
    };
    let converted = match converted {
        Ok(converted) => converted,
        Err(error) => {
            let outcome = Outcome::deferred(Status::new(4, 3, 0), format!("cannot read the data file: {error}"));
            report.add(chunk.to_vec(), with_peer(outcome, &connection.peer), job);
            return (report.events, true);
        }
    };
    let message = &converted.as_ref().map_or_else(|| job.message.clone(), |parts| parts.message(job.message));
    let (peer, relays_dsn) = (connection.peer.clone(), connection.offered().dsn);
    let early = Mutex::new(report);
    let hear = |index: usize, result: &RecipientResult| {
        let mut report = early.lock().unwrap_or_else(PoisonError::into_inner);
        report.add(vec![chunk[index]], outcome_of(result, &peer, relays_dsn), job);
    };
    let cargo = Cargo { message, format: &format, decided: &hear };
    let finished = connection.transact(transaction, cargo, &settings.timeouts).await;
    let mut report = early.into_inner().unwrap_or_else(PoisonError::into_inner);
    let decided: HashSet<usize> = report.events.iter().flat_map(|event| event.targets.iter().copied()).collect();
    let rest = chunk.iter().zip(&finished.results).filter(|(target, _)| !decided.contains(target));
    let mut together: Vec<(Vec<usize>, Outcome)> = Vec::new();
    for (target, result) in rest {
        let outcome = outcome_of(result, &peer, relays_dsn);
        match together.iter_mut().find(|(_, known)| *known == outcome) {
            Some((targets, _)) => targets.push(*target),
            None => together.push((vec![*target], outcome)),
        }
    }
    for (targets, outcome) in together {
        job.audience.set_subject(job.joined(&targets));
        report.add(targets, outcome, job);
    }
    let reusable = finished.reusable && (!finished.unfinished || connection.reset(&settings.timeouts).await);
    (report.events, reusable)
}

/// How 8-bit bytes travel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Carriage {
    /// As the mailer wants them, with this `BODY=`.
    Fitting(Option<BodyType>),
    /// Encoded.
    SevenBit,
    /// Not at all.
    Refused,
}

impl Carriage {
    /// Chooses by what the server offers and `EightBitMode` says (op guide, "EightBitMode").
    fn choose(takes_eight_bits: bool, job: &Job<'_>) -> Self {
        let MimeRules { has_eight_bit, mode, .. } = job.mime;
        let declared = job.transaction.body;
        let passes = job.mailer.flags.has(MailerFlag::EightBit);
        if takes_eight_bits {
            let undeclared = declared.is_none() && has_eight_bit && mode == EightBitMode::Mime && !passes;
            return Self::Fitting(declared.or_else(|| undeclared.then_some(BodyType::EightBitMime)));
        }
        let labelled = declared == Some(BodyType::EightBitMime) || mime::is_mime(job.message.header);
        match mode {
            _ if passes || !has_eight_bit => Self::Fitting(None),
            _ if labelled => Self::SevenBit,
            EightBitMode::Mime => Self::SevenBit,
            EightBitMode::Pass => Self::Fitting(None),
            EightBitMode::Strict => Self::Refused,
        }
    }

    /// Returns the `BODY=` to send.
    fn body(self, job: &Job<'_>) -> Option<BodyType> {
        match self {
            Self::Fitting(body) => body,
            Self::SevenBit | Self::Refused => job.transaction.body.map(|_| BodyType::SevenBit),
        }
    }
}

/// Returns the note of the log about a peer that went silent.
pub(super) fn silence_note(connection: &Connection) -> Option<BString> {
    let phase = connection.silence()?;
    Some(format!("timeout waiting for input from {} during {}", connection.peer.host, phase.as_str()).into())
}

/// Adds who was asked.
pub(super) fn with_peer(mut outcome: Outcome, peer: &Peer) -> Outcome {
    outcome.relay = Some(peer.relay());
    outcome.remote_mta = Some(peer.host.strip_suffix(b".").unwrap_or(&peer.host).into());
    outcome
}

/// Returns a result in the words of the log.
fn outcome_of(result: &RecipientResult, peer: &Peer, relays_dsn: bool) -> Outcome {
    let verdict = result.verdict();
    let mut outcome = match (verdict.fate, &result.cause, verdict.reply) {
        (Fate::Sent, ..) => Outcome { status: verdict.status, ..Outcome::sent(verdict.text) },
        (Fate::Deferred, Cause::Loss(loss), _) => lost(loss, &peer.host),
        (Fate::Deferred, _, Some(reply)) => Outcome::deferred(verdict.status, &reply).with_reply(reply),
        (Fate::Deferred, ..) => Outcome::deferred(verdict.status, "no reply"),
        (Fate::Failed, _, Some(reply)) => Outcome::failed(verdict.status, exit_text(verdict.exit)).with_reply(reply),
        (Fate::Failed, ..) => Outcome::failed(verdict.status, exit_text(verdict.exit)),
    };
    outcome.kind = Service::Relay { tells: relays_dsn };
    outcome.is_from_peer = outcome.reply.is_some();
    with_peer(outcome, peer)
}

/// Returns the outcome of a lost connection.
fn lost(loss: &Loss, host: &BString) -> Outcome {
    let text = match loss {
        Loss::Closed => format!("Connection reset by {host}"),
        Loss::TimedOut => format!("Connection timed out with {host}"),
        Loss::Garbled(error) => format!("{host}: Remote protocol error: {error}"),
        Loss::Failed(reason) => format!("{host}: {reason}"),
        Loss::Source(reason) => {
            return Outcome::deferred(Status::new(4, 3, 0), format!("cannot read the data file: {reason}"));
        }
    };
    Outcome::deferred(Status::new(4, 4, 2), text)
}
