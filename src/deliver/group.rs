//! Recipients that one run of a mailer serves together, and that run.

use std::collections::HashMap;
use std::sync::Arc;

use bstr::BString;

use crate::cf::{Config, Mailer};
use crate::deliver::attempt::Settled;
use crate::deliver::header;
use crate::deliver::host_rules::{self, HostRules};
use crate::deliver::local::Letter;
use crate::deliver::message::{Body as MessageBody, Format, Message};
use crate::deliver::outcome::Outcome;
use crate::deliver::services::Services;
use crate::deliver::{program, relay};
use crate::keeper::request::{Launch, Mailbox};
use crate::mail::address_list::Separator;
use crate::mail::envelope::{Envelope, Recipient};
use crate::mail::header::MACRO_MARK;
use crate::name::Status;
use crate::queue::Body;
use crate::route::remote_name::{Kind, remote_name};
use crate::route::source::Finder;
use crate::site::Context;

/// The recipients of one run of a mailer, by their place in the envelope.
#[derive(Clone, Debug)]
pub struct Group {
    /// The mailer.
    pub mailer: Arc<Mailer>,
    /// The host; empty for local mailers.
    pub host: BString,
    /// The places of the recipients.
    pub places: Vec<usize>,
}

/// Puts recipients of the same mailer and host together, as many as the mailer takes at once.
pub fn groups(config: &Config, recipients: &[Recipient]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut mailers: HashMap<&[u8], Arc<Mailer>> = HashMap::new();
    // The last group of each mailer and host: the one that may have room.
    let mut last: HashMap<(&[u8], &BString), usize> = HashMap::new();
    for (place, recipient) in recipients.iter().enumerate() {
        let Some(route) = &recipient.route else { continue };
        let Some(mailer) = config.mailers.get(route.mailer.as_bytes()) else { continue };
        let limit = if mailer.flags.contains(b'm') { mailer.recipients_max.unwrap_or(u32::MAX) as usize } else { 1 };
        let key = (mailer.name.as_bytes(), &route.host);
        match last.get(&key).map(|at| &mut groups[*at]) {
            Some(group) if group.places.len() < limit => group.places.push(place),
            _ => {
                let mailer = Arc::clone(mailers.entry(key.0).or_insert_with(|| Arc::new(mailer.clone())));
                last.insert(key, groups.len());
                groups.push(Group { mailer, host: route.host.clone(), places: vec![place] });
            }
        }
    }
    groups
}

impl Group {
    /// Runs the mailer for these recipients; the answer has one element for each, in their order.
    pub async fn serve(&self, services: &Services, mut ctx: Context, envelope: &Envelope, body: &Body) -> Vec<Settled> {
        let recipients: Vec<&Recipient> =
            self.places.iter().filter_map(|place| envelope.recipients.get(*place)).collect();
        let outcomes = match self.prepare(&mut ctx, envelope, &recipients).await {
            Ok((sender, header)) => {
                let mut refused = Vec::with_capacity(recipients.len());
                for recipient in &recipients {
                    refused.push(host_rules::compat(&mut ctx, &services.log, envelope, recipient).await);
                }
                let compatible = recipients.iter().zip(&refused).filter(|(_, no)| no.is_none());
                let compatible: Vec<&Recipient> = compatible.map(|(recipient, _)| *recipient).collect();
                let served = match compatible.is_empty() {
                    true => Vec::new(),
                    false => {
                        let mailer = &self.mailer;
                        let run = Run { mailer, envelope, recipients: compatible, sender, header: &header, body };
                        run.serve(services, ctx).await
                    }
                };
                let mut served = served.into_iter();
                refused.into_iter().filter_map(|refusal| refusal.or_else(|| served.next())).collect()
            }
            Err(outcome) => vec![outcome; recipients.len()],
        };
        let settled = |(recipient, outcome): (&Recipient, Outcome)| Settled { recipient: recipient.clone(), outcome };
        recipients.into_iter().zip(outcomes).map(settled).collect()
    }

    /// Sets the macros of the run; returns the sender and the header as the mailer's host shall see them.
    async fn prepare(
        &self,
        ctx: &mut Context,
        envelope: &Envelope,
        recipients: &[&Recipient],
    ) -> Result<(BString, BString), Outcome> {
        ctx.set("h", self.host.clone());
        if let [one] = recipients
            && let Some(route) = &one.route
        {
            ctx.set("u", route.user.clone());
        }
        let sender = remote_name(ctx, &self.mailer, &envelope.sender, Kind::EnvelopeSender).await;
        let sender = sender.map_err(|error| Outcome::deferred(Status::new(4, 4, 3), error))?;
        ctx.set("g", sender.clone());
        let header = header::header(ctx, &self.mailer, envelope).await;
        Ok((sender, header))
    }
}

/// One run of a mailer: everything about the message as its host shall see it.
pub struct Run<'a> {
    /// The mailer.
    pub mailer: &'a Mailer,
    /// The envelope.
    pub envelope: &'a Envelope,
    /// Who is served.
    pub recipients: Vec<&'a Recipient>,
    /// The envelope sender.
    pub sender: BString,
    /// Header fields with LF line ends, without the empty line behind them.
    pub header: &'a BString,
    /// The body.
    pub body: &'a Body,
}

impl Run<'_> {
    /// Does what the mailer's P= says.
    async fn serve(&self, services: &Services, mut ctx: Context) -> Vec<Outcome> {
        if self.mailer.is_ipc() {
            let words = self.words(&mut ctx);
            let rules = HostRules::new(ctx, &services.log, &self.envelope.id);
            return relay::send(services, self, &words, &rules).await;
        }
        if self.mailer.is_file() || is_served_mailbox(services, self.mailer) {
            let deliveries = self.recipients.iter().map(|recipient| self.append(services, &ctx, recipient));
            let mut outcomes = Vec::new();
            for delivery in deliveries {
                outcomes.push(delivery.await);
            }
            return outcomes;
        }
        let launch = match self.launch(services, &mut ctx).await {
            Ok(launch) => launch,
            Err(outcome) => return vec![outcome; self.recipients.len()],
        };
        if self.mailer.flags.contains(b'z') {
            let rules = HostRules::new(ctx, &services.log, &self.envelope.id);
            return relay::converse(services, self, launch, &rules).await;
        }
        let message = Message::new(self.header, MessageBody::Queued(self.body));
        let outcome = program::run(&services.hands, launch, &message, &Format::of(self.mailer)).await;
        vec![outcome; self.recipients.len()]
    }

    /// Appends to a mailbox or to a file that an alias or a user names.
    async fn append(&self, services: &Services, ctx: &Context, recipient: &Recipient) -> Outcome {
        let Some(route) = &recipient.route else { return no_route() };
        let mailbox = if self.mailer.is_file() {
            match finder(services, ctx).find(recipient, &route.user).await {
                Some(source) => Mailbox::File { source },
                None => return source_gone(),
            }
        } else {
            Mailbox::User { mailer: self.mailer.name.clone(), name: route.user.clone() }
        };
        let letter = Letter {
            entry: self.envelope.id.clone(),
            sender: self.sender.clone(),
            date: ctx.get("d").unwrap_or_default(),
            header: [self.header.as_slice(), b"\n"].concat().into(),
            body: self.body.clone(),
        };
        services.mailboxes.append(mailbox, letter).await
    }

    /// Says which program is to be started, and why a hand may start it.
    async fn launch(&self, services: &Services, ctx: &mut Context) -> Result<Launch, Outcome> {
        let first = self.recipients.first().ok_or_else(no_route)?;
        let route = first.route.as_ref().ok_or_else(no_route)?;
        let source = if route.user.starts_with(b"|") {
            Some(finder(services, ctx).find(first, &route.user).await.ok_or_else(source_gone)?)
        } else {
            None
        };
        Ok(Launch {
            mailer: self.mailer.name.clone(),
            words: self.words(ctx),
            source,
            user: first.controller.as_ref().map(|controller| controller.user.clone()).filter(|user| !user.is_empty()),
            sender: self.sender.clone(),
            entry: Some(self.envelope.id.clone()),
        })
    }

    /// Expands A=; the word with `$u` is repeated for each recipient.
    fn words(&self, ctx: &mut Context) -> Vec<BString> {
        let mut words = Vec::new();
        for word in &self.mailer.argv {
            if !word.windows(2).any(|pair| pair == [MACRO_MARK, b'u']) {
                words.push(ctx.expand(word));
                continue;
            }
            for recipient in &self.recipients {
                let user = recipient.route.as_ref().map(|route| route.user.as_slice()).unwrap_or_default();
                ctx.set("u", user.strip_prefix(b"|").unwrap_or(user));
                words.push(ctx.expand(word));
            }
        }
        words
    }
}

/// Tells whether the mailer's program is `mail.local`, whose work is done here unless option LocalDelivery says `exec`.
fn is_served_mailbox(services: &Services, mailer: &Mailer) -> bool {
    let program = mailer.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    program == b"mail.local" && services.site.config.options.local_delivery != "exec"
}

/// Returns what finds the texts that name programs and files.
fn finder<'a>(services: &'a Services, ctx: &Context) -> Finder<'a> {
    let options = &ctx.config().options;
    let paths = options.forward_path.split(|byte| *byte == b':').filter(|path| !path.is_empty()).count();
    Finder {
        aliases: &services.aliases,
        hands: &services.hands,
        forward_paths: u8::try_from(paths).unwrap_or(u8::MAX),
        separator: if options.old_style_headers { Separator::OldStyle } else { Separator::Comma },
    }
}

fn no_route() -> Outcome {
    Outcome::deferred(Status::new(4, 4, 0), "no mailer is known yet")
}

/// The alias or the file that named the program or file does so no more: nobody vouches for it.
fn source_gone() -> Outcome {
    Outcome::failed(Status::new(5, 2, 4), "Service unavailable")
        .with_reply("550 5.2.4 no alias, .forward or included file names this program or file any more")
}
