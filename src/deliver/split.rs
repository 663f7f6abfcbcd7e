//! Envelopes of their own for the members of lists that have an owner (op guide, "Aliases": `owner-LIST`).
//!
//! What fails goes to the owner of the list, not to whoever wrote to it; so the envelope gets the owner as its sender.

use bstr::BString;

use crate::deliver::holding::Holding;
use crate::deliver::services::Services;
use crate::log::Level;
use crate::mail::envelope::{Envelope, Notify, Ownership, Recipient};
use crate::name::UnixTime;
use crate::queue::{Claimed, QueueError};

/// Moves the members of lists with owners into envelopes of their own, which are in the queue when this returns.
///
/// # Errors
/// The queue cannot be written; nobody is lost, but some may be in two envelopes.
pub async fn split(services: &Services, holding: &mut Holding, now: UnixTime) -> Result<Vec<Claimed>, QueueError> {
    let mut clones = Vec::new();
    for owner in owners(holding.envelope()) {
        let mut draft = services.queue.create(now).await?;
        let clone = clone(holding.envelope(), &owner, draft.id().clone());
        let line = format!("{}: clone: owner={owner}", clone.id);
        services.log.say(Level::ACCEPTED, &holding.envelope().id, line);
        draft.copy(holding.body()).await?;
        clones.push(draft.commit(&clone).await?);
        let envelope = holding.envelope_mut();
        envelope.recipients.retain(|recipient| recipient.owner.as_deref() != Some(&owner));
        envelope.sender_is_named = true;
        holding.record().await?;
    }
    Ok(clones)
}

/// Returns the owners that are not the sender, each once, from the last recipient to the first.
fn owners(envelope: &Envelope) -> Vec<BString> {
    let mut owners: Vec<BString> = Vec::new();
    for owner in envelope.recipients.iter().rev().filter_map(|recipient| recipient.owner.as_deref()) {
        if *owner != envelope.sender && !owners.contains(owner) {
            owners.push(owner.clone());
        }
    }
    owners
}

/// Returns the envelope of those whom `owner` is responsible for.
fn clone(original: &Envelope, owner: &BString, id: crate::name::QueueId) -> Envelope {
    let is_meant = |recipient: &&Recipient| recipient.owner.as_deref() == Some(owner);
    let recipients = original.recipients.iter().filter(is_meant).map(|recipient| Recipient {
        owner: None,
        primary: false,
        // QUIRK(list-owner-receipts): the sender has heard that the list took the message; nothing else goes further.
        notify: None,
        default_notify: Notify { success: false, ..recipient.reports() },
        ..recipient.clone()
    });
    let mut envelope = Envelope { id, recipients: recipients.collect(), ..original.clone() };
    envelope.sender = owner.clone();
    envelope.sent_as = None;
    envelope.sender_is_named = true;
    envelope.owner = Ownership::Unknown;
    envelope.full_name = None;
    envelope.ret = None;
    envelope.message = None;
    envelope.headers.retain(|field| !field.asks_for_receipt());
    envelope
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn every_owner_but_the_sender_gets_an_envelope() {
        let mut envelope = Envelope::new("6AMAKU11004711".parse().expect("an id"), UnixTime::from_secs(0), "a");
        let member = |address: &str, owner: Option<&str>| Recipient {
            owner: owner.map(|owner| Arc::new(owner.into())),
            notify: Some(Notify { success: true, failure: true, delay: false }),
            ..Recipient::new(address)
        };
        envelope.recipients =
            vec![member("x", None), member("m", Some("o")), member("n", Some("a")), member("z", Some("p"))];
        envelope.headers = vec![crate::mail::header::Header::new("Return-Receipt-To", "a")];
        assert_eq!(owners(&envelope), ["p", "o"]);
        let clone = clone(&envelope, &"o".into(), "6AMAKU12004711".parse().expect("an id"));
        assert_eq!((clone.sender.as_slice(), clone.recipients.len()), (&b"o"[..], 1));
        let member = &clone.recipients[0];
        assert_eq!((member.address.as_slice(), member.primary), (&b"m"[..], false));
        assert_eq!((member.notify, member.reports().to_string()), (None, "FAILURE".to_owned()));
        assert!(clone.headers.is_empty(), "{:?}", clone.headers);
    }
}
