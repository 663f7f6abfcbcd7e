//! The sender of a message: whose rights it has, and what the mailer of its address says.

use bstr::BString;

use crate::cf::{Mailer, MailerFlag};
use crate::deliver::services::Services;
use crate::mail::envelope::{Envelope, Ownership, Route};
use crate::mail::full_name;
use crate::mail::token::Tokens;
use crate::route::parse;
use crate::route::remote_name;
use crate::route::role::Role;
use crate::site::Context;
use crate::sys::user::User;

/// What is known of a sender beside its address.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Where its address leads.
    pub route: Option<Route>,
    /// `@domain` for addresses in the header that have none (flag `C` of the sender's mailer).
    pub domain: Option<Tokens>,
    /// The character set of 8-bit text that names none (`C=` of the sender's mailer).
    pub charset: BString,
    /// The name that the user databases say the sender has (flag `@` of its mailer): `$f`.
    pub name: Option<BString>,
    /// Recipients in the header get the names they send under (flag `j`).
    pub renames_recipients: bool,
}

/// Finds out whose rights a message has, and what the mailer of its sender says.
pub async fn look_up(services: &Services, ctx: &mut Context, envelope: &mut Envelope) -> Origin {
    if envelope.has_null_sender() {
        envelope.owner = Ownership::Nobody;
        return Origin::default();
    }
    let Ok(parsed) = parse::parse(ctx, &envelope.sender, Role::Sender).await else { return Origin::default() };
    let route = parsed.into_route();
    let Some(mailer) = ctx.config().mailers.get(route.mailer.as_bytes()).cloned() else { return Origin::default() };
    if envelope.owner == Ownership::Unknown {
        (envelope.owner, envelope.full_name) = user(services, &mailer, &route.user).await;
        if let Some(name) = &envelope.full_name {
            ctx.set("x", name.clone());
        }
    }
    let domain = match mailer.flags.has(MailerFlag::SenderDomain) {
        true => remote_name::sender_domain(ctx, &envelope.sender).await,
        false => None,
    };
    let name = match remote_name::mailname(ctx, &route.mailer, &route.user) {
        Some(name) => Some(remote_name::canonical(ctx, &name).await),
        None => None,
    };
    let renames_recipients = mailer.flags.has(MailerFlag::RecipientsInUserDatabase);
    Origin { route: Some(route), domain, charset: mailer.charset, name, renames_recipients }
}

/// Returns whose rights a message from a user of this host has, and the user's full name.
async fn user(services: &Services, mailer: &Mailer, user: &[u8]) -> (Ownership, Option<BString>) {
    if !mailer.flags.has(MailerFlag::Accounts) {
        return (Ownership::Nobody, None);
    }
    match services.hands.user(user).await {
        Ok(Some(account)) => {
            let owner = Ownership::User { uid: account.uid, gid: account.gid };
            let name = full_name::clean(&User::from(account).full_name());
            let must_quote = &services.site.config.options.must_quote_chars;
            (owner, Some(full_name::phrase(&name, must_quote)).filter(|name| !name.is_empty()))
        }
        Ok(None) => (Ownership::Nobody, None),
        // Only the log tells of it: it is no reason to wait.
        Err(_) => (Ownership::Unknown, None),
    }
}
