//! What follows an attempt: time that is over, reports to the sender, the end of the queue entry.

use std::time::Duration;

use crate::deliver::attempt::{Attempted, Settled, attempt};
use crate::deliver::dead_letter;
use crate::deliver::holding::{Holding, Unfinished};
use crate::deliver::outcome::Outcome;
use crate::deliver::reports;
use crate::deliver::services::Services;
use crate::log::Level;
use crate::mail::envelope::{DeliverByMode, Envelope, Occasion, Recipient};
use crate::name::{InWords, Status, UnixTime};
use crate::queue::Claimed;
use crate::queue::schedule::{Facts, Fate};

/// How the work on a message ended.
#[derive(Default)]
pub struct Ended {
    /// What the schedule must know of a message that waits on.
    pub waits: Option<Facts>,
    /// Messages that were made: reports, and envelopes that were split off; they are in the queue and want to be delivered,
    /// the last first.
    pub reports: Vec<Claimed>,
    /// What became of each recipient.
    pub attempted: Attempted,
}

/// Attempts a message once, tells its sender what there is to tell, and ends or keeps its queue entry.
///
/// # Errors
/// The queue cannot be written: it still has the message as it was, or as far as the attempt was written down.
pub async fn deliver(services: &Services, mut holding: Holding, now: UnixTime) -> Result<Ended, Unfinished> {
    if holding.envelope().occasion != Occasion::New {
        let envelope = holding.envelope_mut();
        envelope.priority = services.terms.retry_priority(envelope.priority);
    }
    // What must come back when its time is over goes to nobody any more.
    let mut attempted = match expired(holding.envelope(), now) {
        Some(_) => Attempted::default(),
        None => attempt(services, &mut holding, now).await,
    };
    let is_interrupted = attempted.is_interrupted();
    if !is_interrupted && !holding.envelope().recipients.is_empty() {
        let envelope = holding.envelope_mut();
        envelope.tries += 1;
        envelope.last_try = Some(now);
    }
    let warned = age(services, &mut holding, &mut attempted, now);
    let reports = match reports::tell(services, &holding, &attempted, warned, None, now).await {
        Ok(reports) => reports,
        Err(error) => {
            services.log.say(Level::SYSTEM_ERROR, &holding.envelope().id, error);
            untold(&mut holding, &mut attempted, warned);
            Vec::new()
        }
    };
    let mut reports = reports;
    reports.append(&mut attempted.clones);
    let facts = || Facts { is_interrupted, ..Facts::of(holding.envelope()) };
    let waits = (!holding.envelope().recipients.is_empty()).then(facts);
    if is_lost(services, &holding, &attempted) && !dead_letter::drop_off(services, &holding, now).await {
        let text = "the postmaster cannot be told of a failure; the message is kept as Qf: see mailq -qL";
        services.log.say(Level::ALERT, &holding.envelope().id, text);
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

/// Returns recipients whose time is over, and tells whether the sender is to be warned.
fn age(services: &Services, holding: &mut Holding, attempted: &mut Attempted, now: UnixTime) -> bool {
    let terms = &services.terms;
    let envelope = holding.envelope_mut();
    if envelope.recipients.is_empty() {
        return false;
    }
    let (warn, kept) = terms.limits(&Facts::of(envelope));
    match terms.fate(&Facts::of(envelope), now) {
        Fate::Warn if envelope.class >= 0 && !envelope.has_null_sender() => {
            let (warn, kept) = (InWords(warn), InWords(kept));
            let text = format!("Warning: could not send message for past {warn}");
            services.witness.tell(&text);
            envelope.message = Some(text.into());
            envelope.flags.warned = true;
            attempted.transcript.extend_from_slice(
                format!(
                    "Warning: message still undelivered after {warn}\nWill keep trying until message is {kept} old\n"
                )
                .as_bytes(),
            );
            true
        }
        Fate::Retry | Fate::Warn => false,
        Fate::Return => {
            let (status, text, told) = returned_for(envelope, now, kept);
            services.witness.tell(&text);
            attempted.transcript.extend_from_slice(told.as_bytes());
            let tried = std::mem::take(&mut attempted.deferred);
            for recipient in std::mem::take(&mut envelope.recipients) {
                let last = tried.iter().find(|settled| settled.recipient.address == recipient.address);
                let outcome = Outcome {
                    reply: last.and_then(|last| last.outcome.reply.clone()),
                    remote_mta: last.and_then(|last| last.outcome.remote_mta.clone()),
                    ..Outcome::failed(status, text.clone())
                };
                let recipient = last.map_or(recipient, |last| last.recipient.clone());
                attempted.failed.push(Settled { recipient, outcome });
            }
            false
        }
    }
}

/// Returns the time that a message was given (`BY=` in mode R), in seconds, if it is over.
fn expired(envelope: &Envelope, now: UnixTime) -> Option<i64> {
    let by = envelope.deliver_by.filter(|by| by.mode == DeliverByMode::Return)?;
    (by.secs_left(now.since(envelope.created)) <= 0).then_some(by.seconds)
}

/// Returns the status of a message whose time is over, what the log says of it, and what the sender is told.
fn returned_for(envelope: &Envelope, now: UnixTime, kept: Duration) -> (Status, String, String) {
    let (status, text, told) = match expired(envelope, now) {
        Some(secs) => {
            (Status::new(5, 4, 7), format!("delivery time expired {secs}s"), format!("Delivery time ({secs}s) expired"))
        }
        None => {
            let kept = InWords(kept);
            let told = format!("Message could not be delivered for {kept}");
            (Status::new(4, 4, 7), format!("Cannot send message for {kept}"), told)
        }
    };
    (status, text, told + "\nMessage will be deleted from queue\n")
}

/// Tells whether nobody can be told of a message's failure.
fn is_lost(services: &Services, holding: &Holding, attempted: &Attempted) -> bool {
    let envelope = holding.envelope();
    let has_failed = envelope.has_null_sender() && !attempted.failed.is_empty();
    has_failed && reports::is_last_resort(services, envelope, attempted)
}

#[cfg(test)]
mod tests;
