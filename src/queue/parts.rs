//! Messages whose recipients wait in several queue groups: an entry for each (op guide, "Queue Groups and Queue Directories").

use bstr::BString;

use super::claimed::Claimed;
use super::draft::Draft;
use super::error::QueueError;
use crate::mail::envelope::{Envelope, Recipient};

/// Recipients of a message that wait in one entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part {
    /// The queue group.
    pub group: BString,
    /// Whoever waits there, in order.
    pub recipients: Vec<Recipient>,
}

/// Sorts recipients, each with its queue group, into parts that have no more of them than `recipients_max` says of their
/// group (0: any number). The parts stand in the order of their first recipients.
pub fn parts(recipients: Vec<(BString, Recipient)>, recipients_max: impl Fn(&[u8]) -> usize) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (group, recipient) in recipients {
        let max = recipients_max(&group);
        let has_room = |part: &&mut Part| part.group == group && (max == 0 || part.recipients.len() < max);
        match parts.iter_mut().rev().find(has_room) {
            Some(part) => part.recipients.push(recipient),
            None => parts.push(Part { group, recipients: vec![recipient] }),
        }
    }
    parts
}

impl Draft {
    /// Puts all parts but the first into entries of their own, which are in the queue when this returns; the first stays with
    /// the draft, which moves to its group, and with `envelope`.
    ///
    /// # Errors
    /// Any step failed; nothing of the message is left then.
    pub async fn divide(
        mut self,
        envelope: &mut Envelope,
        parts: Vec<Part>,
    ) -> Result<(Self, Vec<Claimed>), QueueError> {
        let mut parts = parts.into_iter();
        let Some(first) = parts.next() else { return Ok((self, Vec::new())) };
        let mut others = Vec::new();
        for part in parts {
            match self.put_apart(envelope, part).await {
                Ok(claimed) => others.push(claimed),
                Err(error) => {
                    take_back(others).await;
                    return Err(error);
                }
            }
        }
        if *self.group() != first.group {
            match self.twin(&first.group, self.id().clone(), envelope.created).await {
                Ok(moved) => std::mem::replace(&mut self, moved).discard().await,
                Err(error) => {
                    take_back(others).await;
                    return Err(error);
                }
            }
        }
        envelope.id = self.id().clone();
        envelope.recipients = first.recipients;
        Ok((self, others))
    }

    /// Makes an entry of one part.
    async fn put_apart(&mut self, envelope: &Envelope, part: Part) -> Result<Claimed, QueueError> {
        let id = self.queue().new_id(envelope.created);
        let draft = self.twin(&part.group, id, envelope.created).await?;
        let id = draft.id().clone();
        draft.commit(&Envelope { id, recipients: part.recipients, ..envelope.clone() }).await
    }
}

/// Removes entries of a message that is not taken after all.
pub async fn take_back(parts: Vec<Claimed>) {
    for part in parts {
        // What cannot be removed reaches its recipients though its sender is told otherwise: nobody loses it.
        drop(part.remove().await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(recipients: &[(&str, &str)], expected: &str) {
        let recipients = recipients.iter().map(|(group, to)| (BString::from(*group), Recipient::new(*to))).collect();
        let shown = parts(recipients, |group| if group == b"two" { 2 } else { 0 }).into_iter().map(|part| {
            let names = part.recipients.iter().map(|recipient| recipient.address.to_string()).collect::<Vec<_>>();
            format!("{}={}", part.group, names.join(","))
        });
        assert_eq!(shown.collect::<Vec<_>>().join(" "), expected);
    }

    #[test]
    fn recipients_are_sorted_into_entries_of_their_groups() {
        check(&[], "");
        check(&[("q", "a"), ("r", "b"), ("q", "c")], "q=a,c r=b");
        check(&[("two", "a"), ("two", "b"), ("two", "c"), ("q", "d")], "two=a,b two=c q=d");
    }
}
