//! One attempt to deliver a message: its recipients by mailer and host, and what became of each.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bstr::{BString, ByteSlice};
use tokio::task::JoinSet;

use crate::cf::{DeliveryMode, Mailer, MailerFlag};
use crate::deliver::group::{self, Fresh, Group};
use crate::deliver::header;
use crate::deliver::holding::Holding;
use crate::deliver::outcome::{Outcome, Service, Verdict};
use crate::deliver::progress::Progress;
use crate::deliver::sender::{self, Origin};
use crate::deliver::services::Services;
use crate::deliver::split::split;
use crate::log::{Delivered, Event, Level};
use crate::mail::address_list;
use crate::mail::envelope::{Envelope, Occasion, Ownership, Recipient};
use crate::name::{Status, UnixTime};
use crate::queue::Claimed;
use crate::route::local::Tables;
use crate::route::person::is_left_out;
use crate::route::recipients::Expander;
use crate::route::refusal::Refusal;
use crate::site::Context;

/// The most groups of one message that are served at the same time.
const GROUPS_AT_ONCE: usize = 20;

/// The status of a name that cannot be looked up now, the only one that the log tells of who is just queued.
const NAME_SERVER_STATUS: Status = Status::new(4, 4, 3);

/// What the log says of who waits without anybody having been asked.
const QUEUED: &str = "queued";

/// What became of a recipient.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Who.
    pub recipient: Recipient,
    /// How it went.
    pub outcome: Outcome,
}

/// What an attempt came to, for the reports.
#[derive(Debug, Default)]
pub struct Attempted {
    /// Recipients that were served.
    pub sent: Vec<Settled>,
    /// Recipients that cannot be served.
    pub failed: Vec<Settled>,
    /// Recipients that wait on; they are still in the envelope.
    pub deferred: Vec<Settled>,
    /// Lists that were named by the sender: who is behind them is told by their owners, or gets the message as well.
    pub lists: Vec<Recipient>,
    /// Envelopes of members of lists with owners; they are in the queue and want to be delivered.
    pub clones: Vec<Claimed>,
    /// What was said, for reports: lines with LF.
    pub transcript: BString,
}

/// Tries once to serve every recipient that still waits.
///
/// Served and failed recipients leave the envelope. Who was served is written down after each group, before anything else
/// begins; of long envelopes that is written more seldom, yet after CheckpointInterval recipients at the latest. Who failed
/// stays written until the sender's report is in the queue. Where that cannot be written, nothing new begins.
pub async fn attempt(services: &Services, holding: &mut Holding, now: UnixTime) -> Attempted {
    let mut ctx = context(services, holding.envelope(), now);
    let mut attempted = Attempted::default();
    let origin = Arc::new(sender::look_up(services, &mut ctx, holding.envelope_mut()).await);
    let refused = resolve(services, &mut ctx, (holding.envelope_mut(), &origin), &mut attempted).await;
    for line in header::trim(&ctx, &mut holding.envelope_mut().headers) {
        services.log.say(Level::ALERT, &holding.envelope().id, line);
    }
    let is_split = attempted.split(services, holding, now).await;
    let snapshot = Arc::new(holding.envelope().clone());
    let failed = refused.iter().filter(|settled| settled.outcome.verdict == Verdict::Failed).count();
    let interval = ctx.config().options.checkpoint_interval;
    let mut progress = Progress::new(snapshot.recipients.len(), failed, interval);
    progress.is_stuck = !is_split;
    let groups = group::groups(ctx.config(), &snapshot.recipients[..progress.hopeful()]);
    let (held, groups): (Vec<Group>, Vec<Group>) =
        groups.into_iter().partition(|group| group.is_held(services, &snapshot));
    // QUIRK(held-silently): who waits beside recipients that are served is not told of.
    let tells_queued = groups.is_empty() && snapshot.occasion == Occasion::New;
    for settled in refused {
        if tells_queued || settled.outcome.stat != QUEUED {
            log(services, &snapshot, None, &[&settled], &settled.outcome, None);
        }
        attempted.take(settled);
    }
    if tells_queued {
        held.iter().for_each(|group| log_held(services, &snapshot, group));
    }
    let mut transcripts = vec![BString::default(); groups.len()];
    let mut waiting = groups.into_iter().enumerate();
    let at_once = if services.one_by_one { 1 } else { GROUPS_AT_ONCE };
    let mut running = JoinSet::new();
    loop {
        while running.len() < at_once
            && !progress.is_stuck
            && let Some((number, group)) = waiting.next()
        {
            let (services, snapshot, origin) = (services.clone(), Arc::clone(&snapshot), Arc::clone(&origin));
            let body = holding.body().clone();
            running.spawn(async move {
                let begun = Instant::now();
                let ctx = context(&services, &snapshot, now);
                let fresh = Fresh { envelope: &snapshot, body: &body, origin: &origin, now };
                let served = group.serve(&services, ctx, &fresh).await;
                (number, group, served, begun.elapsed())
            });
        }
        let Some(joined) = running.join_next().await else { break };
        // A group whose task panicked has settled nobody: its recipients wait on.
        let Ok((number, group, served, took)) = joined else { continue };
        for event in &served.events {
            let alike: Vec<&Settled> = event.targets.iter().map(|target| &served.settled[*target]).collect();
            log(services, &snapshot, Some(&group), &alike, &event.outcome, Some(took));
        }
        progress.note(&group.places, &served.settled);
        transcripts[number] = served.transcript;
        served.settled.into_iter().for_each(|settled| attempted.take(settled));
        if progress.is_due() {
            progress.strike(&mut holding.envelope_mut().recipients);
            if let Err(error) = holding.record().await {
                services.log.say(Level::SYSTEM_ERROR, &snapshot.id, error);
                progress.is_stuck = true;
            }
        }
    }
    attempted.transcript.extend(transcripts.concat());
    holding.envelope_mut().recipients = progress.waiting(&snapshot.recipients);
    note_reasons(holding.envelope_mut(), &attempted.deferred);
    attempted
}

impl Attempted {
    /// Tells whether those who wait on do so only because a hand has ended.
    pub(super) fn is_interrupted(&self) -> bool {
        !self.deferred.is_empty() && self.deferred.iter().all(|settled| settled.outcome.is_interruption)
    }

    fn take(&mut self, settled: Settled) {
        match settled.outcome.verdict {
            Verdict::Sent => {
                self.transcript.extend_from_slice(&receipt_note(&settled));
                self.sent.push(settled);
            }
            Verdict::Failed => self.failed.push(settled),
            Verdict::Deferred => self.deferred.push(settled),
        }
    }

    /// Gives the members of lists with owners envelopes of their own; tells whether that could be done.
    async fn split(&mut self, services: &Services, holding: &mut Holding, now: UnixTime) -> bool {
        match split(services, holding, now).await {
            Ok(clones) => {
                self.clones = clones;
                true
            }
            Err(error) => {
                services.log.say(Level::SYSTEM_ERROR, &holding.envelope().id, error);
                false
            }
        }
    }
}

/// Returns what the transcript says of a recipient whose sender wants to know that it was served.
fn receipt_note(settled: &Settled) -> BString {
    let recipient = &settled.recipient;
    if !recipient.reports().success {
        return BString::default();
    }
    match settled.outcome.kind {
        Service::Final => format!("{}... Successfully delivered\n", recipient.address).into(),
        Service::Relay { tells: false } if recipient.primary => {
            format!("{}... relayed; expect no further notifications\n", recipient.address).into()
        }
        Service::Relay { .. } | Service::Nobody => BString::default(),
    }
}

/// Returns what the rules see of a message: its own macros over the site's.
pub fn context(services: &Services, envelope: &Envelope, now: UnixTime) -> Context {
    let mut ctx = Context::new(&services.site);
    for (name, value) in &envelope.macros {
        ctx.macros_mut().set(name.as_bytes(), value.clone());
    }
    ctx.set("i", envelope.id.as_str());
    ctx.set("f", bare(envelope.named_sender()));
    let hops = envelope.headers.iter().filter(|field| field.is("Received")).count();
    for (name, number) in [("c", hops), ("nrcpts", envelope.recipients.len())] {
        ctx.set(name, number.to_string());
    }
    ctx.set("ntries", envelope.tries.to_string());
    ctx.set("msg_size", envelope.size_bytes.to_string());
    ctx.set("msg_id", envelope.message_id.clone());
    ctx.set("deliveryMode", [mode(services, envelope).letter()].as_slice());
    let envid = envelope.envid.as_ref();
    let ret = envelope.ret.map(|ret| BString::from(ret.to_string().to_ascii_lowercase()));
    let body = envelope.body.map(|body| BString::from(body.to_string()));
    let full_name = envelope.full_name.as_ref().map(|name| address_list::unquote(name));
    for (name, value) in [
        ("bodytype", body.as_ref()),
        ("envid", envid),
        ("dsn_envid", envid),
        ("dsn_ret", ret.as_ref()),
        ("x", full_name.as_ref()),
    ] {
        if let Some(value) = value {
            ctx.set(name, value.clone());
        }
    }
    for (name, value) in envelope.session_macros.iter().filter(|_| envelope.occasion == Occasion::New) {
        ctx.macros_mut().set(name.as_bytes(), value.clone());
    }
    let zone = &services.site.zone;
    ctx.set("b", crate::mail::date::arpa(now, zone));
    ctx.set("a", crate::mail::date::arpa(envelope.created, zone));
    ctx.set("t", crate::mail::date::compact(envelope.created));
    ctx.set("d", crate::mail::date::ctime(envelope.created, zone));
    ctx
}

/// Returns how a message is delivered: in the background, or while somebody waits for it.
fn mode(services: &Services, envelope: &Envelope) -> DeliveryMode {
    let mode = services.site.config.options.delivery_mode;
    let is_new = envelope.occasion == Occasion::New && !services.witness.is_verbose();
    if is_new && mode == DeliveryMode::Background { mode } else { DeliveryMode::Interactive }
}

/// Returns an address without the angle brackets around it.
fn bare(address: &[u8]) -> &[u8] {
    address.strip_prefix(b"<").and_then(|inner| inner.strip_suffix(b">")).unwrap_or(address)
}

/// Finds the mailer of every recipient that has none yet, and sorts all by their hosts; those that lead nowhere are settled,
/// and stand at the end of the envelope if that is for good.
async fn resolve(
    services: &Services,
    ctx: &mut Context,
    (envelope, origin): (&mut Envelope, &Origin),
    attempted: &mut Attempted,
) -> Vec<Settled> {
    let (mut settled, mut known, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for recipient in std::mem::take(&mut envelope.recipients) {
        if recipient.route.is_some() {
            known.push(recipient);
            continue;
        }
        let Services { aliases, hands, witness, .. } = services;
        let expanded =
            Expander { ctx, tables: Tables { aliases, hands, uses_aliases: true }, witness }.expand(recipient).await;
        ctx.log_notes(&services.log, &envelope.id);
        for warning in &expanded.warnings {
            services.log.line(Level::UNSAFE_FILE, &envelope.id, warning);
        }
        for flaw in &expanded.flaws {
            attempted.transcript.extend_from_slice(&flaw.transcript());
        }
        let wanted = |recipient: &Recipient| !is_left_out(ctx, recipient, origin.route.as_ref());
        known.extend(expanded.recipients.into_iter().filter(wanted));
        attempted.lists.extend(expanded.list);
        for refused in expanded.refused {
            let (transcript, complaint) = (refused.transcript(), refused.complaint());
            let (mut recipient, refusal) = (refused.recipient, refused.refusal);
            if recipient.owner.as_ref().is_some_and(|owner| **owner != envelope.sender) {
                // The owner of the list shall hear of it, not the sender.
                recipient.route = None;
                known.push(recipient);
            } else if refusal.is_temporary() {
                let outcome = waits(envelope, &refusal);
                settled.push(Settled { recipient: recipient.clone(), outcome });
                // Where it leads must be found out before it is served.
                recipient.route = None;
                envelope.message = Some(if refusal.error().is_some() { complaint } else { refusal.text });
                known.push(recipient);
            } else {
                let outcome = refused_by_rules(&refusal);
                attempted.transcript.extend_from_slice(&transcript);
                failed.push(recipient.clone());
                settled.push(Settled { recipient, outcome });
            }
        }
    }
    // QUIRK(recipients-by-host): those of one host keep their order.
    known.sort_by_cached_key(|recipient| {
        recipient.route.as_ref().map(|route| route.host.to_ascii_lowercase()).unwrap_or_default()
    });
    known.append(&mut failed);
    envelope.recipients = known;
    settled
}

/// Returns the outcome of a recipient that nobody can say anything about now. A new message is just queued, and so is one for
/// whom the rules refuse for now.
fn waits(envelope: &Envelope, refusal: &Refusal) -> Outcome {
    let is_interruption = refusal.is_interruption();
    let mut outcome = Outcome { is_interruption, ..Outcome::deferred(refusal.status, &refusal.text) };
    if envelope.occasion == Occasion::New || refusal.error().is_some() {
        outcome.stat = QUEUED.into();
    }
    outcome
}

/// Returns the outcome of a recipient that is refused before any mailer is asked.
//
// QUIRK(own-refusals)
pub fn refused_by_rules(refusal: &Refusal) -> Outcome {
    let outcome = Outcome::failed(refusal.status, refusal.text.clone());
    if refusal.is_own() {
        return outcome;
    }
    outcome.with_reply(format!("{} {} {}", refusal.code, refusal.status, refusal.text))
}

/// Notes at each recipient, and at the message, why it waits.
fn note_reasons(envelope: &mut Envelope, deferred: &[Settled]) {
    let deferred = || deferred.iter().filter(|settled| settled.outcome.stat != QUEUED);
    let reasons: HashMap<&BString, &Outcome> =
        deferred().rev().map(|settled| (&settled.recipient.address, &settled.outcome)).collect();
    for recipient in &mut envelope.recipients {
        if let Some(outcome) = reasons.get(&recipient.address) {
            recipient.message = Some(outcome.stat.clone());
        }
    }
    if let Some(last) = deferred().next_back() {
        envelope.message = Some(last.outcome.stat.clone());
    }
}

/// Writes the `to=` line of recipients that fared alike.
fn log(
    services: &Services,
    envelope: &Envelope,
    group: Option<&Group>,
    settled: &[&Settled],
    outcome: &Outcome,
    took: Option<std::time::Duration>,
) {
    let Some(first) = settled.first().filter(|_| outcome.kind != Service::Nobody) else { return };
    count(services, envelope, settled, outcome);
    let route = first.recipient.route.as_ref();
    let mailer = group.map(|group| &group.mailer.name).or_else(|| Some(&route?.mailer));
    let host = group.map(|group| &group.host).filter(|host| !host.is_empty() && outcome.stat != QUEUED);
    let control = group.and_then(|group| controller(envelope, &group.mailer, &first.recipient));
    Delivered {
        to: settled.iter().map(|settled| settled.recipient.address.clone()).collect(),
        control: control.as_ref().map(|(address, ids)| (address.as_slice().into(), *ids)),
        delay: UnixTime::from(SystemTime::now()).since(envelope.created),
        transaction_delay: took,
        mailer: mailer.map(|mailer| mailer.as_bytes().into()),
        priority: envelope.priority,
        relay: outcome.relay.as_ref().or(host).map(|relay| relay.as_slice().into()),
        quarantine: None,
        dsn: Some(outcome.status).filter(|status| outcome.stat != QUEUED || *status == NAME_SERVER_STATUS),
        reply: outcome.reply.as_ref().filter(|_| outcome.is_reply_logged()).map(|reply| reply.as_slice().into()),
        status: outcome.stat.as_slice().into(),
    }
    .write(&services.log, &envelope.id);
}

/// Counts recipients that have their message.
fn count(services: &Services, envelope: &Envelope, settled: &[&Settled], outcome: &Outcome) {
    for settled in settled.iter().filter(|_| outcome.verdict == Verdict::Sent) {
        let route = settled.recipient.route.as_ref();
        let mailer = route.and_then(|route| services.site.config.mailers.index_of(route.mailer.as_bytes()));
        services.log.tally().count(Event::Sent { mailer, size_bytes: envelope.size_bytes });
    }
}

/// Logs that the recipients of a group wait because of what their mailer is.
fn log_held(services: &Services, envelope: &Envelope, group: &Group) {
    for recipient in group.places.iter().filter_map(|place| envelope.recipients.get(*place)) {
        services.witness.tell_about(&recipient.address, QUEUED);
        Delivered {
            to: vec![recipient.address.clone()],
            delay: UnixTime::from(SystemTime::now()).since(envelope.created),
            mailer: Some(group.mailer.name.as_bytes().into()),
            priority: envelope.priority,
            status: QUEUED.as_bytes().as_bstr(),
            ..Delivered::default()
        }
        .write(&services.log, &envelope.id);
    }
}

/// Returns whose rights hold when a mailer serves a recipient (`ctladdr=`): those of the recipient or of whoever expanded to
/// it, if the mailer runs as such (`F=o`), else those of the sender.
fn controller(envelope: &Envelope, mailer: &Mailer, recipient: &Recipient) -> Option<(BString, Option<(u32, u32)>)> {
    if mailer.flags.has(MailerFlag::AsRecipient) {
        if let Some(ids) = recipient.account {
            return Some((recipient.address.clone(), Some(ids)));
        }
        if let Some(control) = &recipient.controller {
            // Nobody's rights hold for the maildrops of a user database.
            let is_somebody = control.uid.is_some() || !control.user.is_empty();
            let alias = recipient.controlled_by.as_deref().unwrap_or(&control.alias);
            return is_somebody.then(|| (alias.clone(), control.uid.zip(control.gid)));
        }
    }
    match envelope.owner {
        Ownership::User { uid, gid } => Some((envelope.sender.clone(), Some((uid, gid)))),
        Ownership::Nobody | Ownership::Unknown => None,
    }
}
