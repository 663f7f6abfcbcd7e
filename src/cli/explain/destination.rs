//! Where an accepted recipient goes, and how its mailer writes the addresses.

use std::sync::Arc;

use bstr::BString;

use super::Question;
use super::record::{Event, Recorder};
use crate::cf::MailerFlag;
use crate::mail::address_list::Separator;
use crate::mail::token::Tokens;
use crate::name::MailerName;
use crate::receive::{Service, Study};
use crate::route::parse::parse;
use crate::route::remote_name::{remote_name, remote_text, sender_domain};
use crate::route::role::Role;
use crate::site::{Context, Site};

/// A sender and a recipient as the host of a mailer sees them.
pub(in super::super) type Pair = (BString, BString);

/// Where an accepted recipient goes.
#[derive(Clone, Debug)]
pub(in super::super) struct Destination {
    /// The recipient.
    pub(in super::super) recipient: BString,
    /// Mailer, host and user, or why there is none.
    pub(in super::super) route: Result<(MailerName, BString, BString), BString>,
    /// The envelope's sender and this recipient.
    pub(in super::super) envelope: Option<Pair>,
    /// The same addresses as they are written in the header.
    pub(in super::super) header: Option<Pair>,
    /// Whom it stands for, where it is a local name.
    pub(in super::super) members: Vec<BString>,
    /// How it comes to that.
    pub(super) events: Vec<Event>,
}

/// Finds out where a recipient goes.
pub(super) async fn find(
    site: &Arc<Site>,
    service: &Service,
    study: &Study,
    question: &Question,
    recipient: &BString,
    recorder: &Recorder,
) -> Destination {
    let mut ctx = Context::new(site);
    study.begin(&mut ctx);
    let sender = question.sender.clone().unwrap_or_default();
    ctx.set("f", sender.clone());
    let domain = domain_of_sender(&mut ctx, &sender).await;
    // Where the sender's address leads is another question.
    let _ = recorder.take();
    let (mut envelope, mut header) = (None, None);
    let route = match parse(&mut ctx, recipient, Role::Recipient).await {
        Ok(parsed) => {
            let route = parsed.into_route();
            if let Some(mailer) = site.config.mailers.get(route.mailer.as_bytes()) {
                let from = remote_name(&mut ctx, mailer, &sender, Role::Sender).await;
                let to = remote_name(&mut ctx, mailer, recipient, Role::Recipient).await;
                envelope = from.ok().zip(to.ok());
                ctx.sender_domain = domain;
                let from = remote_text(&mut ctx, mailer, &sender, Role::HeaderSender).await;
                let to = remote_text(&mut ctx, mailer, recipient, Role::HeaderRecipient).await;
                header = from.ok().zip(to.ok()).filter(|_| !sender.is_empty());
            }
            Ok((route.mailer, route.host, route.user))
        }
        Err(refusal) => Err(refusal.text),
    };
    let events = recorder.take();
    let listing = service.directory.list(&mut ctx, recipient, Separator::Comma, true).await;
    let members = listing.listed.into_iter().map(|member| member.user).collect();
    // How aliases are found is not told step by step.
    let _ = recorder.take();
    Destination { recipient: recipient.clone(), route, envelope, header, members, events }
}

/// Returns the domain that addresses without one get in the header, if the sender's mailer says so (`F=C`).
async fn domain_of_sender(ctx: &mut Context, sender: &BString) -> Option<Tokens> {
    if sender.is_empty() {
        return None;
    }
    let route = parse(ctx, sender, Role::Sender).await.ok()?.into_route();
    let mailer = ctx.config().mailers.get(route.mailer.as_bytes())?;
    if mailer.flags.has(MailerFlag::SenderDomain) { sender_domain(ctx, sender).await } else { None }
}
