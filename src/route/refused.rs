//! Recipients that cannot be served, and what is told of them.

use bstr::{BStr, BString, ByteSlice};

use crate::mail::envelope::{Recipient, Route, Special};
use crate::name::Sysexit;
use crate::route::listed::Place;
use crate::route::refusal::Refusal;
use crate::smtp::server::texts;

/// A recipient that cannot be served.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The address.
    pub recipient: Recipient,
    /// Why.
    pub refusal: Refusal,
    /// Where the address stands, if in a file.
    pub place: Option<Place>,
}

impl Refused {
    /// Tells whether the address leads to this host, but to no user.
    pub fn is_missing_user(&self) -> bool {
        self.refusal.exit == Sysexit::NoUser && self.recipient.route.is_some() && !self.refusal.is_temporary()
    }

    /// Tells whether the address leads somewhere, be it only to nobody: it counts as a recipient.
    pub fn is_counted(&self) -> bool {
        let special = self.recipient.route.as_ref().and_then(Route::special);
        self.is_missing_user() || matches!(special, Some(Special::File | Special::Include))
    }

    /// Returns what the caller and the transcript of the message read of it.
    pub fn complaint(&self) -> BString {
        let Self { recipient, refusal, place } = self;
        let is_named = !refusal.is_fault() && texts::names_address(refusal.code);
        let name = if is_named { format!("{}... ", recipient.address) } else { String::new() };
        let place = place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        format!("{place}{name}{}", refusal.text).into()
    }

    /// Returns the line of the transcript, with LF.
    pub fn transcript(&self) -> BString {
        format!("{} {} {}\n", self.refusal.code, self.refusal.status, self.complaint()).into()
    }

    /// Returns whose rights hold for it, for the log: those of the alias or file that names it.
    pub fn control(&self) -> Option<(&BStr, Option<(u32, u32)>)> {
        let controller = self.recipient.controller.as_ref()?;
        Some((controller.alias.as_bstr(), controller.uid.zip(controller.gid)))
    }

    /// Returns what is told of it: with the address, unless it is clear what it is about.
    pub fn words(&self) -> BString {
        let is_clear = self.is_missing_user()
            || self.refusal.is_fault()
            || !self.recipient.primary
            || self.refusal.is_temporary()
            || !texts::names_address(self.refusal.code);
        if is_clear {
            self.refusal.text.clone()
        } else {
            format!("{}... {}", self.recipient.address, self.refusal.text).into()
        }
    }
}

/// Returns a recipient of an envelope that is refused.
pub(super) fn refused(recipient: Recipient, refusal: Refusal) -> Refused {
    Refused { recipient, refusal, place: None }
}
