//! Recipients that one run of a mailer serves together, and that run.

use std::collections::HashMap;
use std::sync::Arc;

use bstr::{BString, ByteSlice};

use crate::cf::{Config, Mailer, MailerFlag};
use crate::deliver::attempt::Settled;
use crate::deliver::audience::Audience;
use crate::deliver::conversation::{Event, Report};
use crate::deliver::header;
use crate::deliver::host_rules::{self, HostRules};
use crate::deliver::local::Letter;
use crate::deliver::message::{Body as MessageBody, Format, Message};
use crate::deliver::mime::{self, Converted, MimeRules};
use crate::deliver::outcome::{Outcome, Service};
use crate::deliver::sender::Origin;
use crate::deliver::services::Services;
use crate::deliver::{program, relay};
use crate::keeper::request::{Launch, Mailbox, Source};
use crate::mail::address_list;
use crate::mail::envelope::{Envelope, Occasion, Recipient, Route};
use crate::mail::header::MACRO_MARK;
use crate::name::{Status, UnixTime};
use crate::queue::Body;
use crate::route::remote_name::remote_name;
use crate::route::role::Role;
use crate::route::source::Finder;
use crate::site::Context;

/// The file that takes everything and keeps nothing.
const NOWHERE: &str = "/dev/null";

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
    let mut last: HashMap<(&[u8], Vec<u8>), usize> = HashMap::new();
    for (place, recipient) in recipients.iter().enumerate() {
        let Some(route) = &recipient.route else { continue };
        let Some(mailer) = config.mailers.get(route.mailer.as_bytes()) else { continue };
        let limit =
            if mailer.flags.has(MailerFlag::Many) { mailer.recipients_max.unwrap_or(u32::MAX) as usize } else { 1 };
        // Capitals do not tell hosts apart, also where the mailer keeps them (`F=h`).
        let key = (mailer.name.as_bytes(), route.host.to_ascii_lowercase());
        match last.get(&key).map(|at| &mut groups[*at]) {
            Some(group) if group.places.len() < limit => group.places.push(place),
            _ => {
                let mailer = Arc::clone(mailers.entry(key.0).or_insert_with(|| Arc::new(mailer.clone())));
                last.insert(key, groups.len());
                groups.push(Group { mailer, host: route.host.clone(), places: vec![place] });
            }
        }
    }
    // QUIRK(chain-backwards): whoever speaks SMTP hears of the recipients from the last to the first.
    groups.iter_mut().filter(|group| group.mailer.speaks_smtp()).for_each(|group| group.places.reverse());
    groups
}

/// What became of the recipients of a group.
#[derive(Debug, Default)]
pub struct Served {
    /// Each of them with the last word on it, in the order of the places.
    pub settled: Vec<Settled>,
    /// What the log tells, in order: which of them (by their place in the group) fared how.
    pub events: Vec<Event>,
    /// What was said, for reports.
    pub transcript: BString,
}

impl Group {
    /// Tells whether the recipients wait for a run of the queue: connections of the mailer are expensive (`F=e`, option
    /// HoldExpensive, unless the caller watches), or its mail waits until somebody asks for it (`F=%`).
    pub fn is_held(&self, services: &Services, envelope: &Envelope) -> bool {
        let is_expensive = services.site.config.options.hold_expensive
            && !services.witness.is_verbose()
            && self.mailer.flags.has(MailerFlag::Expensive);
        match envelope.occasion {
            Occasion::New => is_expensive || self.mailer.flags.has(MailerFlag::OnRequest),
            Occasion::Run => self.mailer.flags.has(MailerFlag::OnRequest),
            Occasion::Chosen => false,
        }
    }

    /// Runs the mailer for these recipients.
    pub async fn serve(&self, services: &Services, mut ctx: Context, message: &Fresh<'_>) -> Served {
        let envelope = message.envelope;
        let recipients: Vec<&Recipient> =
            self.places.iter().filter_map(|place| envelope.recipients.get(*place)).collect();
        let names: Vec<BString> = recipients.iter().map(|recipient| recipient.address.clone()).collect();
        let audience =
            Arc::new(Audience::new(services.witness.clone(), bstr::join(",", &names).into(), envelope.occasion));
        let mut report = Report::default();
        let everybody: Vec<usize> = (0..recipients.len()).collect();
        let prepared = self.prepare(&mut ctx, message, &recipients).await;
        ctx.log_notes(&services.log, &envelope.id);
        match prepared {
            Ok((sender, header)) => {
                report = self.run(services, ctx, (message, sender, &header), &recipients, &audience).await;
            }
            Err(outcome) => {
                audience.fate(&bstr::join(",", &names), &outcome);
                report.events.push(Event { targets: everybody, outcome });
            }
        }
        for event in &mut report.events {
            event.outcome.kind = match event.outcome.kind {
                Service::Nobody => Service::Nobody,
                _ if self.mailer.is_local() => Service::Final,
                Service::Final => Service::Relay { tells: false },
                relay => relay,
            };
        }
        let outcomes = report.outcomes(recipients.len());
        let settled = recipients.into_iter().zip(outcomes).map(|(recipient, outcome)| Settled {
            recipient: recipient.clone(),
            outcome: outcome.unwrap_or_else(no_route),
        });
        Served { settled: settled.collect(), events: report.events, transcript: audience.transcript() }
    }

    /// Runs the mailer for those recipients whom check_compat lets have the message.
    async fn run(
        &self,
        services: &Services,
        mut ctx: Context,
        (message, sender, header): (&Fresh<'_>, BString, &BString),
        recipients: &[&Recipient],
        audience: &Arc<Audience>,
    ) -> Report {
        let (mut report, mut compatible) = (Report::default(), Vec::with_capacity(recipients.len()));
        for (number, recipient) in recipients.iter().enumerate() {
            match host_rules::compat(&mut ctx, &services.log, message.envelope, recipient).await {
                None => compatible.push(number),
                Some(outcome) => {
                    audience.fate(&recipient.address, &outcome);
                    report.events.push(Event { targets: vec![number], outcome });
                }
            }
        }
        if compatible.is_empty() {
            return report;
        }
        let run = Run {
            mailer: &self.mailer,
            message,
            recipients: compatible.iter().map(|number| recipients[*number]).collect(),
            users: compatible.iter().map(|number| user(&self.mailer, recipients[*number])).collect(),
            sender,
            header,
            audience: Arc::clone(audience),
        };
        for event in run.serve(services, ctx).await.events {
            let targets = event.targets.iter().map(|target| compatible[*target]).collect();
            report.events.push(Event { targets, ..event });
        }
        report
    }

    /// Sets the macros of the run; returns the sender and the header as the mailer's host shall see them.
    async fn prepare(
        &self,
        ctx: &mut Context,
        message: &Fresh<'_>,
        recipients: &[&Recipient],
    ) -> Result<(BString, BString), Outcome> {
        let envelope = message.envelope;
        if let Some(max) = self.mailer.size_bytes_max.filter(|max| envelope.size_bytes > *max) {
            return Err(too_large(&self.mailer, max));
        }
        ctx.set("h", self.host.clone());
        if let Some(name) = &message.origin.name {
            ctx.set("f", name.clone());
        }
        if let [one] = recipients
            && let Some(route) = &one.route
        {
            ctx.set("u", route.user.clone());
        }
        match recipients.first().and_then(|first| first.notify) {
            Some(notify) => ctx.set("dsn_notify", notify.to_string()),
            None => ctx.clear("dsn_notify"),
        }
        let sender = remote_name(ctx, &self.mailer, envelope.told_sender(), Role::Sender).await;
        let sender = sender.map_err(|error| Outcome::deferred(Status::new(4, 4, 3), error))?;
        ctx.set("g", sender.clone());
        ctx.sender_domain = message.origin.domain.clone();
        ctx.renames_recipients = message.origin.renames_recipients;
        let header = header::header(ctx, &self.mailer, envelope).await;
        Ok((sender, header))
    }
}

/// A message with what is known of its sender.
pub struct Fresh<'a> {
    /// The envelope.
    pub envelope: &'a Envelope,
    /// The body.
    pub body: &'a Body,
    /// What the sender's mailer says.
    pub origin: &'a Origin,
    /// When the attempt began.
    pub now: UnixTime,
}

/// One run of a mailer: everything about the message as its host shall see it.
pub struct Run<'a> {
    /// The mailer.
    pub mailer: &'a Mailer,
    /// The message.
    pub message: &'a Fresh<'a>,
    /// Who is served.
    pub recipients: Vec<&'a Recipient>,
    /// Their users as the mailer wants them.
    pub users: Vec<BString>,
    /// The envelope sender.
    pub sender: BString,
    /// Header fields with LF line ends, without the empty line behind them.
    pub header: &'a BString,
    /// Who hears what is said.
    pub audience: Arc<Audience>,
}

impl Run<'_> {
    /// Does what the mailer's P= says.
    async fn serve(&self, services: &Services, mut ctx: Context) -> Report {
        if self.mailer.is_ipc() {
            let words = self.words(&mut ctx);
            let rules = HostRules::new(ctx, &services.log, &self.message.envelope.id);
            return relay::send(services, self, &words, &rules).await;
        }
        self.audience.tell(&format!("Connecting to {}...", self.mailer.name));
        if self.mailer.is_file() || is_served_mailbox(services, self.mailer) {
            let mut report = Report::default();
            for (number, recipient) in self.recipients.iter().enumerate() {
                self.add(&mut report, number, self.append(services, &ctx, recipient).await);
            }
            return report;
        }
        let launch = match self.launch(services, &mut ctx).await {
            Ok(launch) => launch,
            Err(outcome) => return self.alike(outcome),
        };
        if self.mailer.speaks_smtp() {
            let rules = HostRules::new(ctx, &services.log, &self.message.envelope.id);
            return relay::converse(services, self, launch, &rules).await;
        }
        let header = [from_line(&mut ctx, self.mailer).as_slice(), self.header].concat();
        let original = Message::new(&header, MessageBody::Queued(self.message.body));
        let converted = self.converted(services, &original);
        let message = converted.as_ref().map_or_else(|| original.clone(), |parts| parts.message(&original));
        let entry = &self.message.envelope.id;
        self.alike(program::run(services, entry, (launch, self.mailer), &message, &Format::of(self.mailer)).await)
    }

    /// Returns the message in another code, if the mailer wants it.
    fn converted(&self, services: &Services, message: &Message<'_>) -> Option<Converted> {
        // What cannot be read now fails again, with its reason, when it is written.
        mime::recode(message, self.mailer, &self.mime_rules(services), false).ok().flatten()
    }

    /// Returns what a conversion of the message needs to know.
    pub(super) fn mime_rules(&self, services: &Services) -> MimeRules {
        let options = &services.site.config.options;
        let charset = Some(&self.message.origin.charset).filter(|charset| !charset.is_empty());
        MimeRules {
            has_eight_bit: self.message.envelope.flags.eight_bit,
            mode: options.eight_bit_mode,
            default_charset: charset.unwrap_or(&options.default_char_set).clone(),
            own_name: services.smtp.settings().own_name.clone(),
            queue_id: self.message.envelope.id.to_string().into(),
            encode_more: self.mailer.flags.has(MailerFlag::EncodeMore),
        }
    }

    /// Adds what became of one recipient; those that fare alike share a line of the log.
    fn add(&self, report: &mut Report, number: usize, outcome: Outcome) {
        self.audience.fate(&self.recipients[number].address, &outcome);
        match report.events.iter_mut().find(|event| event.outcome == outcome) {
            Some(event) => event.targets.push(number),
            None => report.events.push(Event { targets: vec![number], outcome }),
        }
    }

    /// Returns the report of a run in which everybody fared alike.
    pub(super) fn alike(&self, outcome: Outcome) -> Report {
        let names = bstr::join(",", self.recipients.iter().map(|recipient| &recipient.address));
        self.audience.fate(&names, &outcome);
        Report { events: vec![Event { targets: (0..self.recipients.len()).collect(), outcome }], ..Report::default() }
    }

    /// Appends to a mailbox or to a file that an alias or a user names.
    async fn append(&self, services: &Services, ctx: &Context, recipient: &Recipient) -> Outcome {
        let Some(route) = &recipient.route else { return no_route() };
        if self.mailer.is_file() && route.user == NOWHERE {
            return Outcome::sent("");
        }
        let mailbox = if self.mailer.is_file() {
            match source_of(services, recipient, &route.user).await {
                Ok(source) => Mailbox::File { source },
                Err(outcome) => return outcome,
            }
        } else {
            Mailbox::User { mailer: self.mailer.name.clone(), name: route.user.clone() }
        };
        let letter = Letter {
            sender: self.sender.clone(),
            date: ctx.get("d").unwrap_or_default(),
            header: self.header.clone(),
            body: self.message.body.clone(),
            converted: self.converted(services, &Message::new(self.header, MessageBody::Queued(self.message.body))),
            format: Format::of(self.mailer).for_mailbox(),
        };
        services.mailboxes.append(mailbox, letter).await
    }

    /// Says which program is to be started, and why a hand may start it.
    async fn launch(&self, services: &Services, ctx: &mut Context) -> Result<Launch, Outcome> {
        let first = self.recipients.first().ok_or_else(no_route)?;
        let route = first.route.as_ref().ok_or_else(no_route)?;
        let source =
            if route.user.starts_with(b"|") { Some(source_of(services, first, &route.user).await?) } else { None };
        if self.mailer.argv.iter().any(|word| names(word, b'z')) {
            ctx.set("z", home(services, first, route).await?);
        }
        Ok(Launch {
            mailer: self.mailer.name.clone(),
            words: self.words(ctx),
            source,
            user: first.account.as_ref().map(|_| route.user.clone()),
            sender: self.sender.clone(),
        })
    }

    /// Expands A=; the word with `$u` is repeated for each recipient. A sender that was named goes in by `-f` or `-r`, if the
    /// mailer has the flag of that name.
    fn words(&self, ctx: &mut Context) -> Vec<BString> {
        let mut words = Vec::new();
        for (number, word) in self.mailer.argv.iter().enumerate() {
            if !names(word, b'u') {
                words.push(ctx.expand(word));
            } else {
                for user in &self.users {
                    ctx.set("u", user.strip_prefix(b"|").unwrap_or(user));
                    words.push(ctx.expand(word));
                }
            }
            if let (0, true, Some(option)) =
                (number, self.message.envelope.sender_is_named, self.mailer.sender_option())
            {
                words.extend([option.into(), self.sender.clone()]);
            }
        }
        words
    }
}

/// Tells whether a word of A= (in internal form) names this macro.
fn names(word: &[u8], letter: u8) -> bool {
    word.windows(2).any(|pair| pair == [MACRO_MARK, letter])
}

/// Returns the home of a recipient, or of the user who has named it; nothing if there is none.
///
/// # Errors
/// The user database cannot be asked now.
async fn home(services: &Services, recipient: &Recipient, route: &Route) -> Result<BString, Outcome> {
    let user = match (&recipient.account, &recipient.controller) {
        (Some(_), _) => &route.user,
        (None, Some(controller)) => &controller.user,
        (None, None) => return Ok(BString::default()),
    };
    match services.hands.user(user).await {
        Ok(account) => Ok(account.map(|account| account.home).unwrap_or_default()),
        Err(error) if error.is_temporary() => Err(Outcome::deferred_by(Status::new(4, 3, 0), &error)),
        Err(_) => Ok(BString::default()),
    }
}

/// Returns the user of a recipient as the mailer wants it: without quotes (`F=s`), without leading backslashes (`F=B`).
/// Those of a program or file have lost the quotes around them; what is left is for the shell.
fn user(mailer: &Mailer, recipient: &Recipient) -> BString {
    let mut user = recipient.route.as_ref().map(|route| route.user.clone()).unwrap_or_default();
    if mailer.flags.has(MailerFlag::NoQuotes) && !matches!(mailer.name.as_bytes(), b"prog" | b"*file*") {
        user = address_list::unquote(&user);
    }
    if mailer.flags.has(MailerFlag::NoBackslashes) {
        user = user.trim_start_with(|c| c == '\\').into();
    }
    user
}

/// Returns the `From ` line that begins a message for a mailer (not with `F=n`), in the form of UUCP with `F=U`.
fn from_line(ctx: &mut Context, mailer: &Mailer) -> BString {
    if mailer.flags.has(MailerFlag::NoFromLine) {
        return BString::default();
    }
    let sender = ctx.get("g").unwrap_or_default();
    let mut line = match (mailer.flags.has(MailerFlag::UucpFromLine), sender.split_once_str("!")) {
        (true, Some((host, user))) => {
            let date = ctx.get("d").unwrap_or_default();
            format!("From {}  {date} remote from {}", user.as_bstr(), host.as_bstr()).into()
        }
        _ => ctx.expand(&ctx.config().options.unix_from_line),
    };
    line.push(b'\n');
    line
}

/// Returns the outcome of a message that is too large for a mailer (`M=`).
fn too_large(mailer: &Mailer, max: u64) -> Outcome {
    let status = if mailer.flags.has(MailerFlag::Local) { Status::new(5, 2, 3) } else { Status::new(5, 3, 4) };
    let reply = format!("552 {status} Message is too large; {max} bytes max");
    Outcome::failed(status, "Service unavailable").with_reply(reply)
}

/// Tells whether the mailer's work is done here: that of `mail.local`, unless option LocalDelivery says `exec`.
fn is_served_mailbox(services: &Services, mailer: &Mailer) -> bool {
    mailer.is_mail_local() && services.site.config.options.local_delivery != "exec"
}

/// Returns where the text stands that names a program or a file for a recipient.
async fn source_of(services: &Services, recipient: &Recipient, command: &[u8]) -> Result<Source, Outcome> {
    let finder = Finder { site: &services.site, aliases: &services.aliases, hands: &services.hands };
    match finder.find(recipient, command).await {
        Ok(source) => source.ok_or_else(source_gone),
        Err(reason) => Err(Outcome::deferred(Status::new(4, 3, 0), reason)),
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
