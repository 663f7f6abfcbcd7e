//! When two addresses are the same person.

use bstr::BString;

use crate::cf::MailerFlag;
use crate::mail::envelope::{Recipient, Route};
use crate::site::Context;

/// Returns what makes two recipients the same.
pub fn key(ctx: &Context, route: &Route) -> (BString, BString, BString) {
    let keeps_case =
        ctx.config().mailers.get(route.mailer.as_bytes()).is_some_and(|mailer| mailer.flags.has(MailerFlag::UserCase));
    let user = if keeps_case { route.user.clone() } else { route.user.to_ascii_lowercase().into() };
    (route.mailer.as_bytes().into(), route.host.to_ascii_lowercase().into(), user)
}

/// Tells whether a recipient is the sender, who gets the message only as a member of a list: one that MeToo leaves out.
pub fn is_left_out(ctx: &Context, recipient: &Recipient, sender: Option<&Route>) -> bool {
    if ctx.config().options.me_too || recipient.primary {
        return false;
    }
    matches!((&recipient.route, sender), (Some(route), Some(sender)) if key(ctx, route) == key(ctx, sender))
}
