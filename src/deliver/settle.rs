//! What follows an attempt: time that is over, reports to the sender, the end of the queue entry.

use bstr::{BString, ByteSlice};

use crate::cf::Privacy;
use crate::deliver::attempt::{Attempted, Settled, attempt, context};
use crate::deliver::holding::{Holding, Unfinished};
use crate::deliver::outcome::Outcome;
use crate::deliver::services::Services;
use crate::log::Level;
use crate::mail::envelope::{Envelope, Recipient, Ret};
use crate::mail::header::Header;
use crate::mail::report::{AUTHOR, AUTHOR_NAME, Action, Report, ReportFacts, ReportKind, Reported, report};
use crate::name::{InWords, Status, UnixTime};
use crate::queue::schedule::{Facts, Fate};
use crate::queue::{Claimed, QueueError};
use crate::site::Context;
use crate::site::completion::complete;

/// How much of a body is copied into a report at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// How the work on a message ended.
#[derive(Default)]
pub struct Ended {
    /// What the schedule must know of a message that waits on.
    pub waits: Option<Facts>,
    /// Reports that were made; they are in the queue and want to be delivered.
    pub reports: Vec<Claimed>,
    /// What became of each recipient.
    pub attempted: Attempted,
}

/// Attempts a message once, tells its sender what there is to tell, and ends or keeps its queue entry.
///
/// # Errors
/// The queue cannot be written: it still has the message as it was, or as far as the attempt was written down.
pub async fn deliver(services: &Services, mut holding: Holding, now: UnixTime) -> Result<Ended, Unfinished> {
    let mut attempted = attempt(services, &mut holding, now).await;
    let warned = age(services, &mut holding, &mut attempted, now);
    let reports = match tell(services, &holding, &attempted, warned, now).await {
        Ok(reports) => reports,
        Err(error) => {
            services.log.say(Level::SYSTEM_ERROR, &holding.envelope().id, error);
            untold(&mut holding, &mut attempted, warned);
            Vec::new()
        }
    };
    let waits = (!holding.envelope().recipients.is_empty()).then(|| Facts::of(holding.envelope()));
    if give_up(services, &mut holding, &attempted) {
        keep_for_a_person(holding, attempted.failed.iter().map(|settled| settled.recipient.clone())).await?;
    } else {
        holding.finish().await?;
    }
    Ok(Ended { waits, reports, attempted })
}

/// Takes back what nobody could be told: who failed is tried again, and the warning is due again.
fn untold(holding: &mut Holding, attempted: &mut Attempted, warned: bool) {
    let envelope = holding.envelope_mut();
    envelope.recipients.extend(attempted.failed.drain(..).map(|settled| settled.recipient));
    if warned {
        envelope.flags.warned = false;
    }
}

/// Sets a message aside that cannot be delivered nor returned.
async fn keep_for_a_person(holding: Holding, failed: impl Iterator<Item = Recipient> + Send) -> Result<(), Unfinished> {
    let Holding::Queued(mut claimed) = holding else { return holding.finish().await };
    // They stay in the file, so that a person sees for whom it was, and so that it is not taken for done if this fails.
    claimed.envelope.recipients.extend(failed);
    Ok(claimed.set_aside().await?)
}

/// Makes the reports that are due after an attempt; `warned` wants one of a delay.
///
/// # Errors
/// The queue cannot be written.
pub async fn tell(
    services: &Services,
    holding: &Holding,
    attempted: &Attempted,
    warned: bool,
    now: UnixTime,
) -> Result<Vec<Claimed>, QueueError> {
    let mut reports = Vec::new();
    for kind in kinds(services, holding.envelope(), attempted, warned) {
        reports.push(make(services, holding, attempted, kind, now).await?);
    }
    Ok(reports)
}

/// Counts the try; returns recipients whose time is over, and tells whether the sender is to be warned.
fn age(services: &Services, holding: &mut Holding, attempted: &mut Attempted, now: UnixTime) -> bool {
    let policy = &services.policy;
    let envelope = holding.envelope_mut();
    if envelope.recipients.is_empty() {
        return false;
    }
    envelope.tries += 1;
    envelope.last_try = Some(now);
    envelope.priority = policy.retry_priority(envelope.priority);
    match policy.fate(&Facts::of(envelope), now) {
        Fate::Retry => false,
        Fate::Warn => {
            envelope.flags.warned = true;
            true
        }
        Fate::Return => {
            let waited = InWords(now.since(envelope.created)).to_string();
            let waited = waited.split(',').next().unwrap_or_default();
            let text = format!("Cannot send message for {waited}");
            services.log.say(Level::FAILED, &envelope.id, &text);
            for recipient in std::mem::take(&mut envelope.recipients) {
                let last = recipient.message.clone().unwrap_or_default();
                let outcome =
                    Outcome::failed(Status::new(4, 4, 7), text.clone()).with_reply(format!("554 4.4.7 {text}: {last}"));
                attempted.failed.push(Settled { recipient, outcome });
            }
            attempted.deferred.clear();
            false
        }
    }
}

/// Tells which reports are due.
fn kinds(services: &Services, envelope: &Envelope, attempted: &Attempted, warned: bool) -> Vec<ReportKind> {
    let asks_failure = |settled: &Settled| settled.recipient.reports().failure;
    let mut kinds = Vec::new();
    if attempted.failed.iter().any(asks_failure) && !is_last_resort(services, attempted) {
        kinds.push(if envelope.has_null_sender() { ReportKind::Postmaster } else { ReportKind::Failure });
    }
    if envelope.has_null_sender() {
        return kinds;
    }
    if attempted.sent.iter().any(asks_receipt) {
        kinds.push(ReportKind::Receipt);
    }
    if warned && attempted.deferred.iter().any(|settled| settled.recipient.reports().delay) {
        let (waited, kept) = services.policy.limits(&Facts::of(envelope));
        kinds.push(ReportKind::Delay { waited, kept });
    }
    kinds
}

/// Tells whether the sender wants to hear that this recipient was served, and nobody else will tell.
fn asks_receipt(settled: &Settled) -> bool {
    settled.recipient.reports().success && !settled.outcome.relays_dsn && !settled.outcome.is_discarded
}

/// Tells whether the postmaster's own copy failed: there is nobody left to tell.
fn is_last_resort(services: &Services, attempted: &Attempted) -> bool {
    let postmaster = &services.site.config.options.double_bounce_address;
    !postmaster.is_empty()
        && attempted.failed.iter().all(|settled| bare(&settled.recipient.address) == postmaster.as_slice())
        && attempted.failed.iter().any(|settled| settled.recipient.primary)
}

/// Tells, with an alert, whether a message must be kept for a person because nobody can be told of its failure.
fn give_up(services: &Services, holding: &mut Holding, attempted: &Attempted) -> bool {
    let envelope = holding.envelope();
    let lost = envelope.has_null_sender() && !attempted.failed.is_empty() && is_last_resort(services, attempted);
    if lost {
        let text = "the postmaster cannot be told of a failure; the message is kept as Qf: see mailq -qL";
        services.log.say(Level::ALERT, &envelope.id, text);
    }
    lost
}

/// Makes a report and puts it in the queue.
async fn make(
    services: &Services,
    holding: &Holding,
    attempted: &Attempted,
    kind: ReportKind,
    now: UnixTime,
) -> Result<Claimed, QueueError> {
    let original = holding.envelope();
    let mut ctx = context(services, original, now);
    let mut draft = services.queue.create(now).await?;
    let to = match kind {
        ReportKind::Postmaster => services.site.config.options.double_bounce_address.clone(),
        _ => original.sender.clone(),
    };
    let chosen = chosen(kind, attempted);
    let recipients: Vec<Reported> = chosen.iter().map(|settled| reported(&ctx, settled, kind, now)).collect();
    let options = &services.site.config.options;
    let private = options.privacy.has(Privacy::NoBodyReturn);
    let came_from = ctx.get("s");
    let facts = ReportFacts {
        kind,
        id: draft.id(),
        now,
        zone: &services.site.zone,
        host: &ctx.get("j").unwrap_or_default(),
        to: &bare(&to),
        original_id: &original.id,
        arrived: original.created,
        origin: &ctx.get("_").unwrap_or_default(),
        received_from: came_from.as_ref().map(|name| name.as_slice()),
        envid: original.envid.as_ref().map(|envid| envid.as_slice()),
        deliver_by: original.deliver_by,
        recipients: &recipients,
        transcript: &transcript(&chosen),
        error_header: Some(options.error_header.as_slice()).filter(|text| !text.starts_with(b"/")),
        headers: &as_sent(&mut ctx, original),
        body_too: original.ret != Some(Ret::Headers) && !private && !matches!(kind, ReportKind::Delay { .. }),
        eight_bit: original.flags.eight_bit,
        mime: options.send_mime_errors,
    };
    let written = report(&facts);
    let envelope = envelope(services, draft.id().clone(), to, &written, now);
    draft.write(&written.before).await?;
    if written.body_too {
        copy_body(holding, &mut draft).await?;
    }
    draft.write(&written.after).await?;
    draft.commit(&envelope).await
}

/// Returns the recipients that a report tells of.
fn chosen(kind: ReportKind, attempted: &Attempted) -> Vec<&Settled> {
    match kind {
        ReportKind::Failure | ReportKind::Postmaster => {
            attempted.failed.iter().filter(|settled| settled.recipient.reports().failure).collect()
        }
        ReportKind::Delay { .. } => {
            attempted.deferred.iter().filter(|settled| settled.recipient.reports().delay).collect()
        }
        ReportKind::Receipt => attempted.sent.iter().filter(|settled| asks_receipt(settled)).collect(),
    }
}

/// Returns what a report tells of one recipient.
fn reported(ctx: &Context, settled: &Settled, kind: ReportKind, now: UnixTime) -> Reported {
    let recipient = &settled.recipient;
    let mailer = recipient.route.as_ref().and_then(|route| ctx.config().mailers.get(route.mailer.as_bytes()));
    let address = format!("RFC822; {}", with_domain(ctx, &recipient.address));
    let is_local = mailer.is_none_or(crate::cf::Mailer::is_local);
    let diagnostic_type = mailer.map_or_else(|| "X-Unix".into(), |mailer| mailer.types.diagnostic.clone());
    Reported {
        address: recipient.address.clone(),
        expanded_from: recipient.alias_of.clone(),
        orcpt: recipient.orcpt.clone(),
        final_recipient: recipient.final_recipient.clone().unwrap_or_else(|| address.clone().into()),
        actual_recipient: Some(address.replace("RFC822", "rfc822").into()),
        action: match kind {
            ReportKind::Failure | ReportKind::Postmaster => Action::Failed,
            ReportKind::Delay { .. } => Action::Delayed,
            ReportKind::Receipt if is_local => Action::Delivered,
            ReportKind::Receipt => Action::Relayed,
        },
        status: settled.outcome.status,
        remote_mta: settled.outcome.remote_mta.clone(),
        diagnostic: settled.outcome.reply.clone().map(|reply| (diagnostic_type, reply)),
        last_try: Some(now),
    }
}

/// Returns an address without angle brackets, with this host's name if it has no domain.
fn with_domain(ctx: &Context, address: &[u8]) -> BString {
    let address = bare(address);
    if address.contains(&b'@') {
        return address;
    }
    [address.as_slice(), b"@", ctx.get("j").unwrap_or_default().as_slice()].concat().into()
}

fn bare(address: &[u8]) -> BString {
    address.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")).unwrap_or(address).into()
}

/// Returns what was said while these recipients were tried.
fn transcript(settled: &[&Settled]) -> BString {
    let mut text = BString::default();
    for settled in settled {
        let outcome = &settled.outcome;
        if let (Some(host), Some(reply)) = (&outcome.remote_mta, &outcome.reply) {
            text.extend_from_slice(format!("... while talking to {host}:\n<<< {reply}\n").as_bytes());
        }
        let code = outcome.reply.as_ref().and_then(|reply| reply.get(..3)).unwrap_or(b"554").as_bstr();
        let line = format!("{code} {} {}... {}\n", outcome.status, settled.recipient.address, outcome.stat);
        text.extend_from_slice(line.as_bytes());
    }
    text
}

/// Returns the header of the original as it was sent: templates expanded.
fn as_sent(ctx: &mut Context, original: &Envelope) -> Vec<Header> {
    ctx.set("g", bare(&original.sender));
    let expand = |field: &Header| {
        let value = if field.template { ctx.expand(&field.value) } else { field.value.clone() };
        Header::with_value(&field.name, value)
    };
    original.headers.iter().filter(|field| !field.is("Full-Name")).map(expand).collect()
}

/// Returns the envelope of a report.
fn envelope(services: &Services, id: crate::name::QueueId, to: BString, written: &Report, now: UnixTime) -> Envelope {
    let mut envelope = Envelope::new(id, now, "<>");
    let mut ctx = context(services, &envelope, now);
    ctx.set("g", AUTHOR);
    ctx.set("x", AUTHOR_NAME);
    ctx.set("s", "localhost");
    ctx.set("_", "localhost");
    ctx.clear("r");
    envelope.headers = complete(&ctx, written.headers.clone());
    envelope.flags.response = true;
    envelope.recipients = vec![Recipient::new(to)];
    envelope.size_bytes = (written.before.len() + written.after.len()) as u64;
    envelope.classify(&services.site.config.precedences);
    envelope.priority = services.policy.first_priority(envelope.size_bytes, envelope.class, 1);
    envelope
}

/// Copies the body of the original into its report.
async fn copy_body(holding: &Holding, draft: &mut crate::queue::Draft) -> Result<(), QueueError> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut offset = 0;
    // A body that cannot be read any more is returned as far as it goes: the report itself matters more.
    while let Ok(len @ 1..) = holding.body().read_at(&mut chunk, offset) {
        draft.write(&chunk[..len]).await?;
        offset += len as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
