//! In which queue group each recipient waits (op guide, "Queue Groups and Queue Directories").

use bstr::{BString, ByteSlice};

use super::parse::queue_group;
use crate::cf::DEFAULT_QUEUE_GROUP;
use crate::mail::envelope::Recipient;
use crate::queue::{Part, parts};
use crate::site::Context;

/// Returns the recipients of a message sorted by queue group: that of the ruleset `queuegroup`, that of the mailer (`Q=`), or
/// the default one. Where the site has no groups, nothing is asked.
pub async fn sort(ctx: &mut Context, recipients: &[Recipient]) -> Vec<Part> {
    let groups = ctx.config().queue_groups.clone();
    let mut sorted = Vec::with_capacity(recipients.len());
    for recipient in recipients {
        let group = if groups.is_empty() { None } else { group(ctx, recipient).await };
        sorted.push((group.unwrap_or_else(|| DEFAULT_QUEUE_GROUP.into()), recipient.clone()));
    }
    let recipients_max = |name: &[u8]| {
        let group = groups.iter().find(|group| group.name == name);
        group.and_then(|group| usize::try_from(group.recipients_max).ok()).unwrap_or(0)
    };
    parts(sorted, recipients_max)
}

/// Returns the group of one recipient, if something names one that the site has.
async fn group(ctx: &mut Context, recipient: &Recipient) -> Option<BString> {
    let declared = |ctx: &Context, name: &[u8]| ctx.config().queue_group(name).map(|group| group.name.clone());
    let address = recipient.address.as_bstr();
    let address = address.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")).unwrap_or(address);
    let user = recipient.route.as_ref().map_or(address.into(), |route| route.user.clone());
    if let Some(name) = queue_group(ctx, &user).await {
        return declared(ctx, &name);
    }
    // Who is looked up again at delivery belongs to this host.
    let mailer = recipient.route.as_ref().map_or(&b"local"[..], |route| route.mailer.as_bytes());
    declared(ctx, &ctx.config().mailers.get(mailer)?.queue_group)
}
