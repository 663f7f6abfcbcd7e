//! What SMTP and LMTP delivery have in common: one job on one connection.

use bstr::BString;

use super::connection::{Cargo, Connection, Peer, Transport};
use super::host_rules::HostRules;
use super::message::{Format, Message};
use super::mime::{self, MimeRules};
use super::outcome::{Outcome, exit_text};
use super::smtp::SmtpSettings;
use crate::cf::{EightBitMode, Mailer};
use crate::mail::envelope::BodyType;
use crate::name::{Status, Sysexit};
use crate::smtp::client::{Capabilities, Cause, Dialect, Fate, Loss, Opening, RecipientResult, Setup, Transaction};

/// One message for some recipients over one mailer.
#[derive(Clone)]
pub struct Job<'a> {
    /// The mailer.
    pub mailer: &'a Mailer,
    /// The envelope, rewritten for the mailer; `body` as the message declares it.
    pub transaction: Transaction,
    /// The message.
    pub message: &'a Message<'a>,
    /// Whether header or body has 8-bit bytes.
    pub has_eight_bit: bool,
    /// The queue id, for the note that a conversion leaves in the header.
    pub queue_id: BString,
    /// Whether this is the first attempt (`Timeout.iconnect`).
    pub first_attempt: bool,
    /// What the site's rules say of hosts and recipients; none: nobody is asked.
    pub rules: Option<&'a HostRules<'a>>,
    /// Whether hosts known to be down are passed over (`Timeout.hoststatus`): in queue runs, not for fresh mail.
    pub respect_host_status: bool,
}

/// How a job ended.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// One outcome for each recipient, in the order of the transaction.
    pub outcomes: Vec<Outcome>,
    /// Lines for the log beside those of the recipients.
    pub notes: Vec<BString>,
}

/// Opens a conversation on a fresh connection; the error is the outcome for every recipient.
pub(super) async fn open(
    stream: Box<dyn Transport>,
    peer: Peer,
    settings: &SmtpSettings,
    job: &Job<'_>,
    notes: &mut Vec<BString>,
) -> Result<Connection, Outcome> {
    let flag = |letter| job.mailer.flags.contains(letter);
    let dialect = match () {
        () if flag(b'z') => Dialect::Lmtp,
        () if flag(b'2') => Dialect::HeloOnly,
        () if flag(b'a') => Dialect::Esmtp,
        () => Dialect::Smtp,
    };
    let own_name = (dialect != Dialect::Lmtp && !flag(b'k')).then(|| settings.own_name.clone());
    if let Some(rules) = job.rules {
        rules.features(&peer).await;
    }
    let setup = Setup { dialect, helo_name: settings.helo_name.clone(), own_name };
    let (connection, opening) = Connection::open(stream, peer, setup, &settings.timeouts).await;
    notes.extend(silence_note(&connection));
    match opening {
        Opening::Ready => match consent(&connection.peer, job).await {
            Ok(()) => Ok(connection),
            Err(outcome) => {
                let outcome = with_peer(outcome, &connection.peer);
                connection.quit(&settings.timeouts);
                Err(outcome)
            }
        },
        Opening::Refused(result) => Err(outcome_of(&result, &connection)),
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

/// Sends the message to the recipients with these indices, as far as the rules let them be named; returns their outcomes
/// and whether the connection can be used again after RSET.
pub(super) async fn transact(
    connection: &mut Connection,
    settings: &SmtpSettings,
    job: &Job<'_>,
    chunk: &[usize],
) -> (Vec<Outcome>, bool) {
    let Some(rules) = job.rules else { return transact_all(connection, settings, job, chunk).await };
    let mut refused: Vec<Option<Outcome>> = Vec::with_capacity(chunk.len());
    for index in chunk {
        let address = &job.transaction.targets[*index].address;
        let refusal = rules.recipient(&connection.peer, address).await.err();
        refused.push(refusal.map(|outcome| with_peer(outcome, &connection.peer)));
    }
    let named: Vec<usize> =
        chunk.iter().zip(&refused).filter(|(_, no)| no.is_none()).map(|(index, _)| *index).collect();
    let (sent, reusable) = match named.is_empty() {
        true => (Vec::new(), true),
        false => transact_all(connection, settings, job, &named).await,
    };
    let mut sent = sent.into_iter();
    let outcomes = refused.into_iter().filter_map(|refusal| refusal.or_else(|| sent.next())).collect();
    (outcomes, reusable)
}

/// Sends the message to the recipients with these indices; returns their outcomes and whether the connection can be used
/// again after RSET.
async fn transact_all(
    connection: &mut Connection,
    settings: &SmtpSettings,
    job: &Job<'_>,
    chunk: &[usize],
) -> (Vec<Outcome>, bool) {
    let carriage = Carriage::choose(connection.offered(), settings, job);
    let targets = chunk.iter().map(|index| job.transaction.targets[*index].clone()).collect();
    let body = carriage.body(job);
    let transaction = Transaction { body, targets, ..job.transaction.clone() };
    let format = Format::of(job.mailer).for_smtp();
    let converted;
    let message = match carriage {
        Carriage::AsIs(_) => job.message,
        Carriage::Refused => {
            let text = format!("554 5.6.3 {} does not support 8BITMIME", connection.peer.host);
            let outcome = Outcome::failed(Status::new(5, 6, 3), exit_text(Sysexit::DataErr)).with_reply(text);
            return (vec![with_peer(outcome, &connection.peer); chunk.len()], true);
        }
        Carriage::SevenBit => match mime::to_seven_bit(job.message, &mime_rules(settings, job)) {
            Ok(parts) => {
                converted = parts;
                &converted.message(job.message)
            }
            Err(error) => {
                let outcome = Outcome::deferred(Status::new(4, 3, 0), format!("cannot read the data file: {error}"));
                return (vec![with_peer(outcome, &connection.peer); chunk.len()], true);
            }
        },
    };
    let finished = connection.transact(transaction, Cargo { message, format: &format }, &settings.timeouts).await;
    let outcomes = finished.results.iter().map(|result| outcome_of(result, connection)).collect();
    (outcomes, finished.reusable)
}

/// How 8-bit bytes travel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Carriage {
    /// As they are, with this `BODY=`.
    AsIs(Option<BodyType>),
    /// Encoded.
    SevenBit,
    /// Not at all.
    Refused,
}

impl Carriage {
    /// Chooses by what the server offers and `EightBitMode` says (op guide, "EightBitMode").
    fn choose(offered: &Capabilities, settings: &SmtpSettings, job: &Job<'_>) -> Self {
        let declared = job.transaction.body;
        let passes = job.mailer.flags.contains(b'8');
        if offered.eight_bit {
            let undeclared =
                declared.is_none() && job.has_eight_bit && settings.eight_bit == EightBitMode::Mime && !passes;
            return Self::AsIs(declared.or_else(|| undeclared.then_some(BodyType::EightBitMime)));
        }
        let labelled = declared == Some(BodyType::EightBitMime) || mime::is_mime(job.message.header);
        match settings.eight_bit {
            _ if passes || !job.has_eight_bit => Self::AsIs(None),
            _ if labelled => Self::SevenBit,
            EightBitMode::Mime => Self::SevenBit,
            EightBitMode::Pass => Self::AsIs(None),
            EightBitMode::Strict => Self::Refused,
        }
    }

    /// Returns the `BODY=` to send.
    fn body(self, job: &Job<'_>) -> Option<BodyType> {
        match self {
            Self::AsIs(body) => body,
            Self::SevenBit | Self::Refused => job.transaction.body.map(|_| BodyType::SevenBit),
        }
    }
}

/// Returns what the conversion needs to know.
fn mime_rules(settings: &SmtpSettings, job: &Job<'_>) -> MimeRules {
    let charset = if job.mailer.charset.is_empty() { &settings.default_charset } else { &job.mailer.charset };
    MimeRules {
        default_charset: charset.clone(),
        own_name: settings.own_name.clone(),
        queue_id: job.queue_id.clone(),
        encode_more: job.mailer.flags.contains(b'3'),
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
fn outcome_of(result: &RecipientResult, connection: &Connection) -> Outcome {
    let verdict = result.verdict();
    let mut outcome = match (verdict.fate, &result.cause, verdict.reply) {
        (Fate::Sent, ..) => Outcome { status: verdict.status, ..Outcome::sent(verdict.text) },
        (Fate::Deferred, Cause::Loss(loss), _) => lost(loss, &connection.peer.host),
        (Fate::Deferred, _, Some(reply)) => Outcome::deferred(verdict.status, &reply).with_reply(reply),
        (Fate::Deferred, ..) => Outcome::deferred(verdict.status, "no reply"),
        (Fate::Failed, _, Some(reply)) => Outcome::failed(verdict.status, exit_text(verdict.exit)).with_reply(reply),
        (Fate::Failed, ..) => Outcome::failed(verdict.status, exit_text(verdict.exit)),
    };
    outcome.relays_dsn = connection.offered().dsn;
    with_peer(outcome, &connection.peer)
}

/// Returns the outcome of a lost connection.
fn lost(loss: &Loss, host: &BString) -> Outcome {
    let text = match loss {
        Loss::Closed => format!("Connection reset by {host}"),
        Loss::TimedOut => format!("Connection timed out with {host}"),
        Loss::Garbled(error) => format!("{host}: Remote protocol error: {error}"),
        Loss::Failed(reason) => {
            format!("{host}: {}", reason.to_string().split(" (os error").next().unwrap_or_default())
        }
        Loss::Source(reason) => {
            return Outcome::deferred(Status::new(4, 3, 0), format!("cannot read the data file: {reason}"));
        }
    };
    Outcome::deferred(Status::new(4, 4, 2), text)
}
