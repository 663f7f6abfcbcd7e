//! Which entries a listing, a run or a change of quarantine means (`-qI`, `-qR`, `-qS`, `-qQ`, `-qL`, `-qG`).

use bstr::{BString, ByteSlice};

use super::spool::FileKind;
use crate::mail::envelope::Envelope;

/// What of an entry is compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Field {
    /// The identifier (`I`).
    Id,
    /// The recipients (`R`).
    Recipient,
    /// The sender (`S`).
    Sender,
    /// The reason of quarantine (`Q`).
    Quarantine,
}

impl Field {
    const ALL: [Self; 4] = [Self::Id, Self::Recipient, Self::Sender, Self::Quarantine];
}

/// A text that must, or must not, be part of a field; case does not count.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Condition {
    /// The field.
    pub field: Field,
    /// The text.
    pub text: BString,
    /// Whether it must not be there.
    pub negated: bool,
}

/// A choice of entries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Selection {
    /// The one queue group (`-qG`).
    pub group: Option<BString>,
    /// Waiting, quarantined or lost entries.
    pub kind: FileKind,
    /// Of the conditions on one field one must hold, for every field that has some.
    pub conditions: Vec<Condition>,
}

impl Default for Selection {
    fn default() -> Self {
        Self { group: None, kind: FileKind::Control, conditions: Vec::new() }
    }
}

impl Selection {
    /// Tells whether entries of a queue group can be meant.
    pub fn has_group(&self, group: &[u8]) -> bool {
        self.group.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(group))
    }

    /// Tells whether entries are chosen one by one, by what they say.
    pub fn is_choosy(&self) -> bool {
        !self.conditions.is_empty()
    }

    /// Tells whether an entry is meant.
    // QUIRK(not-recipient): `-q!R` means entries that have any recipient without the text, not those where none has it.
    pub fn matches(&self, envelope: &Envelope) -> bool {
        Field::ALL.into_iter().all(|field| {
            let mut conditions = self.conditions.iter().filter(|condition| condition.field == field).peekable();
            conditions.peek().is_none() || conditions.any(|condition| condition.holds(envelope))
        })
    }
}

impl Condition {
    fn holds(&self, envelope: &Envelope) -> bool {
        let holds = |text: &[u8]| contains(text, &self.text) != self.negated;
        match self.field {
            Field::Id => holds(envelope.id.as_str().as_bytes()),
            Field::Recipient => envelope.recipients.iter().any(|recipient| holds(&recipient.address)),
            Field::Sender => holds(envelope.named_sender()),
            Field::Quarantine => envelope.quarantine.as_ref().is_some_and(|reason| holds(reason)),
        }
    }
}

/// Tells whether `part` stands anywhere in `text`, case not counted.
fn contains(text: &[u8], part: &[u8]) -> bool {
    text.to_ascii_lowercase().contains_str(part.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::envelope::Recipient;
    use crate::name::UnixTime;

    #[track_caller]
    fn check(conditions: &[(Field, &str, bool)], expected: bool) {
        let id = "6AMAKU11004711".parse().expect("an id");
        let mut envelope = Envelope::new(id, UnixTime::from_secs(0), "<a@Example.com>");
        envelope.recipients = vec![Recipient::new("one"), Recipient::new("two@X.org")];
        let conditions = conditions
            .iter()
            .map(|(field, text, negated)| Condition { field: *field, text: (*text).into(), negated: *negated })
            .collect();
        assert_eq!(Selection { conditions, ..Selection::default() }.matches(&envelope), expected);
    }

    #[test]
    fn one_condition_of_each_field_must_hold() {
        check(&[], true);
        check(&[(Field::Recipient, "x.ORG", false)], true);
        check(&[(Field::Recipient, "none", false)], false);
        check(&[(Field::Recipient, "none", false), (Field::Recipient, "one", false)], true);
        check(&[(Field::Recipient, "one", false), (Field::Sender, "@example", false)], true);
        check(&[(Field::Recipient, "one", false), (Field::Sender, "bob", false)], false);
        check(&[(Field::Id, "4711", false)], true);
        check(&[(Field::Quarantine, "x", false)], false);
    }

    #[test]
    fn negated_conditions_ask_for_any_recipient_without_the_text() {
        check(&[(Field::Recipient, "one", true)], true);
        check(&[(Field::Recipient, "o", true)], false);
        check(&[(Field::Sender, "example", true)], false);
    }
}
