//! What an address stands for: it picks the rulesets (op guide "Semantics of Rewriting Rule Sets").

use crate::cf::Mailer;
use crate::name::{RulesetName, Status};
use crate::rewrite::RulesetId;

/// What an address stands for, which tells the rules by `${addr_type}`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// The sender of the envelope.
    Sender,
    /// A recipient of the envelope.
    Recipient,
    /// A sender in the header.
    HeaderSender,
    /// A recipient in the header.
    HeaderRecipient,
}

impl Role {
    /// Returns the value of `${addr_type}`.
    pub fn addr_type(self) -> &'static str {
        match self {
            Self::Sender => "e s",
            Self::Recipient => "e r",
            Self::HeaderSender => "h s",
            Self::HeaderRecipient => "h r",
        }
    }

    /// Returns ruleset 1 for senders and 2 for recipients.
    pub fn common_ruleset(self) -> RulesetId {
        match self {
            Self::Sender | Self::HeaderSender => RulesetId::SENDER,
            Self::Recipient | Self::HeaderRecipient => RulesetId::RECIPIENT,
        }
    }

    /// Returns the mailer's own ruleset (`S=`, `R=`).
    pub fn own_ruleset(self, mailer: &Mailer) -> Option<&RulesetName> {
        match self {
            Self::Sender => mailer.envelope_sender.as_ref(),
            Self::HeaderSender => mailer.header_sender.as_ref(),
            Self::Recipient => mailer.envelope_recipient.as_ref(),
            Self::HeaderRecipient => mailer.header_recipient.as_ref(),
        }
    }

    /// Tells whether the address stands in a header.
    pub fn is_header(self) -> bool {
        matches!(self, Self::HeaderSender | Self::HeaderRecipient)
    }

    /// Returns the status of an address with bytes that it cannot have.
    pub fn syntax_status(self) -> Status {
        if matches!(self, Self::Sender) { Status::new(5, 1, 7) } else { Status::new(5, 1, 3) }
    }
}
