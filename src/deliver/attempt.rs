//! One attempt to deliver a message: its recipients by mailer and host, and what became of each.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bstr::BString;
use tokio::task::JoinSet;

use crate::deliver::group::{self, Group};
use crate::deliver::holding::Holding;
use crate::deliver::outcome::{Outcome, Verdict};
use crate::deliver::services::Services;
use crate::log::{Delivered, Level};
use crate::mail::envelope::{Envelope, Recipient};
use crate::name::UnixTime;
use crate::route::recipients::Expander;
use crate::site::Context;

/// The most groups of one message that are served at the same time.
const GROUPS_AT_ONCE: usize = 20;

/// For how many recipients that still wait one may have been served without its being written down.
const UNSERVED_FOR_ONE: usize = 128;

/// What became of a recipient, with the time it took.
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
}

/// Tries once to serve every recipient that still waits.
///
/// Served and failed recipients leave the envelope. What was served is written down before anything else happens; who
/// failed stays written until the sender's report is in the queue. Where that cannot be written, nothing new begins.
pub async fn attempt(services: &Services, holding: &mut Holding, now: UnixTime) -> Attempted {
    let mut ctx = context(services, holding.envelope(), now);
    let mut attempted = Attempted::default();
    let refused = resolve(services, &mut ctx, holding.envelope_mut()).await;
    let snapshot = Arc::new(holding.envelope().clone());
    let mut progress = Progress::new(&snapshot.recipients, &refused);
    for settled in refused {
        log(services, &snapshot, None, std::slice::from_ref(&settled), None, now);
        attempted.take(settled);
    }
    let mut waiting = group::groups(ctx.config(), &snapshot.recipients).into_iter();
    let mut running = JoinSet::new();
    loop {
        while running.len() < GROUPS_AT_ONCE
            && !progress.is_stuck
            && let Some(group) = waiting.next()
        {
            let (services, snapshot) = (services.clone(), Arc::clone(&snapshot));
            let body = holding.body().clone();
            running.spawn(async move {
                let begun = Instant::now();
                let ctx = context(&services, &snapshot, now);
                let settled = group.serve(&services, ctx, &snapshot, &body).await;
                (group, settled, begun.elapsed())
            });
        }
        let Some(joined) = running.join_next().await else { break };
        // A group whose task panicked has settled nobody: its recipients wait on.
        let Ok((group, settled, took)) = joined else { continue };
        log(services, &snapshot, Some(&group), &settled, Some(took), now);
        progress.note(&group.places, &settled);
        settled.into_iter().for_each(|settled| attempted.take(settled));
        if progress.is_due() {
            holding.envelope_mut().recipients = progress.unserved(&snapshot.recipients);
            if let Err(error) = holding.record().await {
                services.log.say(Level::SYSTEM_ERROR, &snapshot.id, error);
                progress.is_stuck = true;
            }
        }
    }
    holding.envelope_mut().recipients = progress.waiting(&snapshot.recipients);
    note_reasons(holding.envelope_mut(), &attempted.deferred);
    attempted
}

/// How far the recipients of an attempt have come, by their place in the envelope.
struct Progress {
    verdicts: Vec<Verdict>,
    /// How many are not served.
    unserved: usize,
    /// How many were served since that was last written down.
    unwritten: usize,
    /// Whether it could not be written down.
    is_stuck: bool,
}

impl Progress {
    /// Returns the progress before anything was tried: `refused` are those that rules refuse; they stand at the end.
    fn new(recipients: &[Recipient], refused: &[Settled]) -> Self {
        let failed = refused.iter().filter(|settled| settled.outcome.verdict == Verdict::Failed).count();
        let mut verdicts = vec![Verdict::Deferred; recipients.len() - failed];
        verdicts.resize(recipients.len(), Verdict::Failed);
        Self { verdicts, unserved: recipients.len(), unwritten: 0, is_stuck: false }
    }

    /// Notes what became of the recipients at `places`.
    fn note(&mut self, places: &[usize], settled: &[Settled]) {
        for (place, settled) in places.iter().zip(settled) {
            self.verdicts[*place] = settled.outcome.verdict;
            let served = usize::from(settled.outcome.verdict == Verdict::Sent);
            self.unserved -= served;
            self.unwritten += served;
        }
    }

    /// Tells whether it is time to write down who was served; takes that for done.
    ///
    /// When nobody is left the end of the message says it all. The control file is written whole: for very many
    /// recipients not after each, or the time would grow with the square of their number.
    fn is_due(&mut self) -> bool {
        let is_due = self.unserved > 0 && self.unwritten > self.unserved / UNSERVED_FOR_ONE;
        if is_due {
            self.unwritten = 0;
        }
        is_due
    }

    /// Returns those who were not served: who failed is among them until the sender was told.
    fn unserved(&self, recipients: &[Recipient]) -> Vec<Recipient> {
        self.pick(recipients, |verdict| verdict != Verdict::Sent)
    }

    /// Returns those who wait on.
    fn waiting(&self, recipients: &[Recipient]) -> Vec<Recipient> {
        self.pick(recipients, |verdict| verdict == Verdict::Deferred)
    }

    fn pick(&self, recipients: &[Recipient], is_wanted: impl Fn(Verdict) -> bool) -> Vec<Recipient> {
        let pairs = recipients.iter().zip(&self.verdicts);
        pairs.filter(|(_, verdict)| is_wanted(**verdict)).map(|(recipient, _)| recipient.clone()).collect()
    }
}

impl Attempted {
    fn take(&mut self, settled: Settled) {
        match settled.outcome.verdict {
            Verdict::Sent => self.sent.push(settled),
            Verdict::Failed => self.failed.push(settled),
            Verdict::Deferred => self.deferred.push(settled),
        }
    }
}

/// Returns what the rules see of a message: its own macros over the site's.
pub fn context(services: &Services, envelope: &Envelope, now: UnixTime) -> Context {
    let mut ctx = Context::new(&services.site);
    for (name, value) in &envelope.macros {
        ctx.macros_mut().set(name.as_bytes(), value.clone());
    }
    ctx.set("i", envelope.id.as_str());
    ctx.set("f", envelope.sender.clone());
    let zone = &services.site.zone;
    ctx.set("b", crate::mail::date::arpa(now, zone));
    ctx.set("a", crate::mail::date::arpa(envelope.created, zone));
    ctx.set("t", crate::mail::date::compact(envelope.created));
    ctx.set("d", crate::mail::date::ctime(envelope.created, zone));
    ctx
}

/// Finds the mailer of every recipient that has none yet; those that lead nowhere are settled, and stand at the end of the
/// envelope if that is for good.
async fn resolve(services: &Services, ctx: &mut Context, envelope: &mut Envelope) -> Vec<Settled> {
    let (mut settled, mut known, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for recipient in std::mem::take(&mut envelope.recipients) {
        if recipient.route.is_some() {
            known.push(recipient);
            continue;
        }
        let mut expander = Expander { ctx, aliases: &services.aliases, hands: &services.hands, uses_aliases: true };
        let expanded = expander.expand(recipient).await;
        for warning in &expanded.warnings {
            services.log.line(Level::UNSAFE_FILE, &envelope.id, warning);
        }
        known.extend(expanded.recipients);
        for refused in expanded.refused {
            let refusal = refused.refusal;
            if refusal.is_temporary() {
                let outcome = Outcome::deferred(refusal.status, &refusal.text);
                known.push(Recipient { message: Some(outcome.reason()), ..refused.recipient.clone() });
                settled.push(Settled { recipient: refused.recipient, outcome });
            } else {
                let reply = format!("{} {} {}", refusal.code, refusal.status, refusal.text);
                let outcome = Outcome::failed(refusal.status, refusal.text).with_reply(reply);
                failed.push(refused.recipient.clone());
                settled.push(Settled { recipient: refused.recipient, outcome });
            }
        }
    }
    known.append(&mut failed);
    envelope.recipients = known;
    settled
}

/// Notes at each recipient, and at the message, why it waits.
fn note_reasons(envelope: &mut Envelope, deferred: &[Settled]) {
    let reasons: HashMap<&BString, &Outcome> =
        deferred.iter().rev().map(|settled| (&settled.recipient.address, &settled.outcome)).collect();
    for recipient in &mut envelope.recipients {
        if let Some(outcome) = reasons.get(&recipient.address) {
            recipient.message = Some(outcome.stat.clone());
        }
    }
    envelope.message = deferred.last().map(|settled| settled.outcome.stat.clone());
}

/// Writes the `to=` lines of a group: one for all recipients that fared alike.
fn log(
    services: &Services,
    envelope: &Envelope,
    group: Option<&Group>,
    settled: &[Settled],
    took: Option<std::time::Duration>,
    now: UnixTime,
) {
    let mut rest: Vec<&Settled> = settled.iter().filter(|settled| !settled.outcome.is_discarded).collect();
    while let Some(first) = rest.first().copied() {
        let (alike, others): (Vec<&Settled>, Vec<&Settled>) =
            rest.into_iter().partition(|other| other.outcome == first.outcome);
        let control = first.recipient.controller.as_ref();
        let owner: Option<BString> =
            control.map(|control| if control.user.is_empty() { control.alias.clone() } else { control.user.clone() });
        let ids = control.and_then(|control| Some((control.uid?, control.gid?)));
        let finished = UnixTime::from(SystemTime::now()).max(now);
        Delivered {
            to: alike.iter().map(|settled| settled.recipient.address.clone()).collect(),
            control: owner.as_ref().map(|owner| (owner.as_slice().into(), ids)),
            delay: finished.since(envelope.created),
            transaction_delay: took,
            mailer: mailer_name(group, first),
            priority: envelope.priority,
            relay: first.outcome.relay.as_ref().map(|relay| relay.as_slice().into()),
            quarantine: None,
            dsn: Some(first.outcome.status),
            reply: first
                .outcome
                .reply
                .as_ref()
                .filter(|_| first.outcome.verdict != Verdict::Sent)
                .map(|reply| reply.as_slice().into()),
            status: first.outcome.stat.as_slice().into(),
        }
        .write(&services.log, &envelope.id);
        rest = others;
    }
}

/// Returns the mailer's name for the log.
fn mailer_name<'a>(group: Option<&'a Group>, settled: &'a Settled) -> Option<&'a bstr::BStr> {
    match group {
        Some(group) => Some(group.mailer.name.as_bytes().into()),
        None => settled.recipient.route.as_ref().map(|route| route.mailer.as_bytes().into()),
    }
}
