//! What is known of the message that is being received.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bstr::BString;

use crate::cf::{MailerFlag, Mailers};
use crate::mail::envelope::{Recipient, Route};
use crate::mail::header::Header;
use crate::mail::reply::Reply;
use crate::name::UnixTime;
use crate::queue::Draft;
use crate::route::parse::Parsed;
use crate::smtp::server::MailParams;

/// The most recipients of one message where the site sets no limit: some 30 MB of memory.
const RECIPIENTS_MAX: usize = 50_000;

/// The most bytes of their addresses, which are kept in several forms: as much memory.
const RECIPIENT_BYTES_MAX: usize = 2 << 20;

/// Sender, recipients and header of the message that is being received.
#[derive(Default)]
pub(super) struct Transaction {
    /// When MAIL came.
    pub(super) begun: Option<UnixTime>,
    /// The sender's address as it was typed, until the log has told of it.
    pub(super) sender_to_log: Option<BString>,
    /// The name that the sender is told to others by, where the user databases know one.
    pub(super) sent_as: Option<BString>,
    /// The sender's address as it was typed.
    pub(super) sender: BString,
    /// The parameters of MAIL.
    pub(super) params: MailParams,
    /// The full name of a sender who is a user of this host.
    pub(super) full_name: Option<BString>,
    /// `AUTH=`, if it may be trusted.
    pub(super) auth: Option<BString>,
    /// Where the recipient of the current RCPT goes.
    pub(super) pending: Option<Parsed>,
    /// Recipients, each once.
    pub(super) recipients: Vec<Taken>,
    /// Bytes of their addresses together.
    pub(super) recipient_bytes: usize,
    /// Where each recipient stands.
    pub(super) places: HashMap<Key, usize>,
    /// How many addresses hear of failures besides the sender; they count among the recipients.
    pub(super) error_recipients: usize,
    /// How many addresses VRFY and EXPN have told meanwhile, and before MAIL; they count, too.
    pub(super) told: usize,
    /// How many RCPT were refused.
    pub(super) bad_recipients: u32,
    /// Whether an address was looked at that is no recipient: an unknown user, one of VRFY or EXPN.
    pub(super) names_others: bool,
    /// Whether VRFY or EXPN has had a list of the new style (OldStyleHeaders).
    pub(super) new_style: bool,
    /// Fields that we add before those of the message.
    pub(super) added: Vec<Header>,
    /// The fields of the message.
    pub(super) headers: Vec<Header>,
    /// The class that `Precedence:` gives.
    pub(super) class: i32,
    /// The body so far.
    pub(super) draft: Option<Draft>,
    /// Why the body cannot be kept, once writing it failed.
    pub(super) failed: Option<Reply>,
    /// The last refusal of a command of this transaction.
    pub(super) complaint: Option<BString>,
    /// Whether the message is thrown away in the end.
    pub(super) discard: bool,
    /// Why the message is held back.
    pub(super) quarantine: Option<BString>,
}

/// A recipient that was accepted.
pub(super) struct Taken {
    /// As the queue keeps it.
    pub(super) recipient: Recipient,
    /// Whether it is looked up again when it is delivered.
    pub(super) again: bool,
    /// Whether that is because it could not be looked up now.
    pub(super) later: bool,
}

impl Taken {
    /// Returns the recipient as delivery gets it: one that is looked up again has no route yet.
    pub(super) fn to_deliver(&self) -> Recipient {
        let mut recipient = self.recipient.clone();
        if self.again {
            (recipient.route, recipient.account) = (None, None);
        }
        recipient
    }
}

/// What makes two recipients the same: mailer, host and user, in small letters where case does not count.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Key {
    /// The mailer's name.
    pub(super) mailer: BString,
    /// The host.
    pub(super) host: BString,
    /// The user.
    pub(super) user: BString,
}

impl Key {
    /// Returns that of a route; the case of its user counts if the mailer says so.
    pub(super) fn of(route: &Route, mailers: &Mailers) -> Self {
        let keeps_case =
            mailers.get(route.mailer.as_bytes()).is_some_and(|mailer| mailer.flags.has(MailerFlag::UserCase));
        let user = if keeps_case { route.user.clone() } else { route.user.to_ascii_lowercase().into() };
        Self { mailer: route.mailer.as_bytes().into(), host: route.host.to_ascii_lowercase().into(), user }
    }
}

impl Transaction {
    /// Tells whether anything happened for which the identifier was used up.
    pub(super) fn is_used(&self) -> bool {
        !self.sender.is_empty()
    }

    /// Tells whether the message may get no more recipients; the client sends the others anew.
    pub(super) fn is_full(&self) -> bool {
        self.recipients.len() >= RECIPIENTS_MAX || self.recipient_bytes >= RECIPIENT_BYTES_MAX
    }

    /// Returns how many recipients the log and the priority are told of.
    pub(super) fn recipient_count(&self) -> usize {
        // QUIRK(verified-are-counted): the original has one count for all.
        self.recipients.len() + self.error_recipients + self.told
    }

    /// Adds a recipient; returns the spelling of the one that stands there already if it is a duplicate.
    pub(super) fn take(&mut self, key: Key, taken: Taken) -> Option<&BString> {
        match self.places.entry(key) {
            Entry::Occupied(place) => Some(&self.recipients[*place.get()].recipient.address),
            Entry::Vacant(place) => {
                place.insert(self.recipients.len());
                let orcpt = taken.recipient.orcpt.as_ref();
                self.recipient_bytes += taken.recipient.address.len() + orcpt.map_or(0, |orcpt| orcpt.len());
                self.recipients.push(taken);
                None
            }
        }
    }

    /// Puts the recipients into the order of the queue file; none can be added any more.
    ///
    // QUIRK(recipients-by-host): the original keeps recipients sorted by host, those of one host in their order.
    pub(super) fn sort_recipients(&mut self) {
        self.places.clear();
        self.recipients.sort_by_cached_key(|taken| {
            let host = taken.recipient.route.as_ref().map(|route| route.host.to_ascii_lowercase());
            host.unwrap_or_default()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::envelope::Route;
    use crate::name::MailerName;

    fn take(transaction: &mut Transaction, address: &str, host: &str, user: &str) -> Option<BString> {
        let mut recipient = Recipient::new(address);
        recipient.route =
            Some(Route { mailer: MailerName::new("m"), host: host.into(), user: user.into(), is_settled: false });
        let key = Key { mailer: "m".into(), host: host.into(), user: user.into() };
        transaction.take(key, Taken { recipient, again: false, later: false }).cloned()
    }

    #[test]
    fn long_addresses_fill_a_message_before_their_number_does() {
        let mut transaction = Transaction::default();
        let mut count = 0;
        while !transaction.is_full() {
            count += 1;
            let address = format!("{count}{}", "y".repeat(1000));
            take(&mut transaction, &address, "h", &address);
        }
        assert!(count < RECIPIENTS_MAX / 10, "{count}");
    }

    #[test]
    fn recipients_are_kept_once_and_by_host() {
        let mut transaction = Transaction::default();
        assert_eq!(take(&mut transaction, "<x@foo>", "foo", "x"), None);
        assert_eq!(take(&mut transaction, "<b>", "", "b"), None);
        assert_eq!(take(&mut transaction, "<a>", "", "a"), None);
        assert_eq!(take(&mut transaction, "<A@us>", "", "a"), Some("<a>".into()));
        transaction.sort_recipients();
        let order: Vec<_> = transaction.recipients.iter().map(|t| t.recipient.address.to_string()).collect();
        assert_eq!(order, ["<b>", "<a>", "<x@foo>"]);
    }
}
