//! The submission of one message, from the first word of the command line to its place in the queue or its delivery.

use std::time::SystemTime;

use bstr::{BString, ByteSlice};
use tokio::io::AsyncRead;

use super::caller::Caller;
use super::header_check::{self, Judgement, Refusal};
use super::input::LocalInput;
use super::message::{self, Incoming, InputError, Limits};
use super::recipients::{Desk, Recipients};
use super::returns::Returns;
use super::sender::{Registrar, Sender};
use super::submission::Submission;
use super::terminal::Terminal;
use crate::cf::{DeliveryMode, ErrorMode};
use crate::deliver::attempt::{Settled, refused_by_rules};
use crate::deliver::holding::Holding;
use crate::deliver::outcome::Outcome;
use crate::deliver::services::Services;
use crate::log::{self, Accepted, Delivered, Event, Level, Priority};
use crate::mail::address_field;
use crate::mail::address_list::Separator;
use crate::mail::date;
use crate::mail::envelope::{BodyType, Envelope, Recipient};
use crate::mail::full_name;
use crate::mail::header::{self as fields, Header};
use crate::mail::reply::Reply;
use crate::name::{MacroName, Status, Sysexit, UnixTime};
use crate::queue::{Draft, QueueError};
use crate::route::groups;
use crate::route::person::is_left_out;
use crate::route::refused::Refused;
use crate::site::Context;
use crate::site::completion::{complete, error_recipients, mend_recipients, mend_reports};

/// Macros that stay with a message in the queue, in the order of their lines.
const KEPT_MACROS: [&str; 4] = ["_", "r", "s", "daemon_flags"];

/// How often a misspelt recipient of the header is told.
const TIMES_TOLD: u32 = 4;

/// What `${daemon_flags}` is where DirectSubmissionModifiers says nothing.
const DIRECT_FLAGS: &str = "c u";

/// What `${daemon_flags}` is for mail from a gateway.
const GATEWAY_FLAGS: &str = "CC f";

/// Whose message it is.
#[derive(Clone, Copy)]
pub struct Party<'a> {
    /// Who submits it.
    pub caller: &'a Caller,
    /// Lets the caller go, with this exit status, before the delivery in the background; none where it must wait.
    pub release: Option<&'a (dyn Fn(Sysexit) + Send + Sync)>,
}

/// Submits one message; returns what the program exits with.
///
/// 0 means that the message is in the queue for good, or that the next host has taken it.
pub async fn submit(
    services: &Services,
    submission: &Submission,
    party: Party<'_>,
    input: &mut (dyn AsyncRead + Send + Unpin),
    terminal: &mut Terminal<'_>,
) -> Sysexit {
    let now: UnixTime = SystemTime::now().into();
    let error_mode = services.site.config.options.error_mode;
    if error_mode != ErrorMode::Print {
        terminal.silence();
    }
    let draft = match services.queue.create(now).await {
        Ok(draft) => draft,
        Err(error) => return queue_failed(services, terminal, &error),
    };
    let exit = Work::begin(services, submission, party, now, draft).run(input, terminal).await;
    shown(error_mode, exit)
}

/// Returns what the caller gets to see of an exit status.
pub(super) fn shown(error_mode: ErrorMode, exit: Sysexit) -> Sysexit {
    match error_mode {
        ErrorMode::MailAndSucceed if exit != Sysexit::TempFail => Sysexit::Ok,
        _ => exit,
    }
}

/// Tells of a queue that does not work; returns what the program exits with.
fn queue_failed(services: &Services, terminal: &mut Terminal<'_>, error: &QueueError) -> Sysexit {
    services.log.say(Level::SYSTEM_ERROR, crate::log::About::NoQueue, error);
    terminal.tell(error.to_string());
    error.sysexit()
}

/// One message while it is submitted.
struct Work<'a> {
    services: &'a Services,
    submission: &'a Submission,
    party: Party<'a>,
    now: UnixTime,
    draft: Draft,
    ctx: Context,
}

/// What of a message is refused.
struct Refusals {
    /// A recipient that its header names.
    late: bool,
    /// All of it was kept: it was not too large.
    is_whole: bool,
    /// The message itself.
    refusal: Option<Refusal>,
}

/// What becomes of a message after it was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    /// It is delivered at once; what remains is queued.
    Deliver,
    /// It is queued, the caller is let go, and it is delivered at once.
    DeliverBehind,
    /// It is queued.
    Queue,
    /// It is queued without a word: the caller was told of a failure.
    Keep,
}

impl<'a> Work<'a> {
    /// Sets the macros that tell of the message and of how it comes in.
    fn begin(
        services: &'a Services,
        submission: &'a Submission,
        party: Party<'a>,
        now: UnixTime,
        draft: Draft,
    ) -> Self {
        let mut ctx = Context::new(&services.site);
        let zone = &services.site.zone;
        ctx.set("i", draft.id().as_str());
        ctx.set("_", [party.caller.name.as_slice(), b"@localhost"].concat());
        ctx.set("b", date::arpa(now, zone));
        ctx.set("a", date::arpa(now, zone));
        ctx.set("t", date::compact(now));
        ctx.set("d", date::ctime(now, zone));
        // QUIRK(direct-flags)
        let usual = if submission.is_gateway { GATEWAY_FLAGS } else { DIRECT_FLAGS };
        let flags = services.site.config.options.direct_submission_flags();
        ctx.set("daemon_flags", flags.unwrap_or_else(|| usual.into()));
        Self::tell_circumstances(&mut ctx, services, submission);
        for (name, value) in [("r", &submission.protocol), ("s", &submission.host)] {
            if let Some(value) = value {
                ctx.set(name, full_name::clean(value));
            }
        }
        ctx.user = party.caller.name.clone();
        ctx.is_deferred = services.site.config.options.delivery_mode == DeliveryMode::Defer;
        Self { services, submission, party, now, draft, ctx }
    }

    /// Sets the macros that tell of parameters, and of a message before there is anything of it.
    fn tell_circumstances(ctx: &mut Context, services: &Services, submission: &Submission) {
        for name in ["c", "nrcpts", "ntries"] {
            ctx.set(name, "0");
        }
        let mode = match services.site.config.options.delivery_mode {
            _ if submission.is_verbose => DeliveryMode::Interactive,
            mode => mode,
        };
        ctx.set("deliveryMode", [mode.letter()].as_slice());
        if let Some(envid) = &submission.envid {
            ctx.set("dsn_envid", envid.clone());
        }
        if let Some(ret) = submission.ret {
            ctx.set("dsn_ret", ret.to_string().to_ascii_lowercase());
        }
        if let Some(notify) = submission.notify {
            ctx.set("dsn_notify", notify.to_string().to_ascii_lowercase());
        }
    }

    /// Does everything in order.
    async fn run(mut self, input: &mut (dyn AsyncRead + Send + Unpin), terminal: &mut Terminal<'_>) -> Sysexit {
        let id = self.draft.id().clone();
        let registrar = Registrar { services: self.services, caller: self.party.caller, id: &id };
        let (sender, warnings) = registrar.sender(&mut self.ctx, self.submission, terminal).await;
        let (services, submission) = (self.services, self.submission);
        let mut desk = Desk { services, submission, id: &id, logs_complaints: true, logs_refused: true };
        let old_style = services.site.config.options.old_style_headers;
        let mut recipients = Recipients { separator: Separator::of_option(old_style), ..Recipients::default() };
        desk.add_arguments(&mut self.ctx, &mut recipients, terminal).await;
        if submission.recipients.is_empty() && !submission.reads_recipients {
            terminal.tell("Recipient names must be specified");
            terminal.fail(Sysexit::Usage);
        }
        let incoming = match self.read(input).await {
            Ok(incoming) => incoming,
            Err(error) => return self.input_failed(&error, terminal),
        };
        recipients.separator = address_field::separator(&incoming.headers, recipients.separator);
        // QUIRK(message-errors-told)
        terminal.speak();
        let mut judgement = header_check::judge(services, &mut self.ctx, &id, &incoming, terminal).await;
        let refused_before = recipients.told();
        if submission.reads_recipients {
            desk.logs_complaints = false;
            (recipients.misspelt, recipients.complaint) = (false, None);
            desk.add_fields(&mut self.ctx, &incoming.headers, &mut recipients, terminal).await;
        }
        let refused_late = recipients.told() > refused_before;
        if submission.reads_recipients && recipients.misspelt {
            // QUIRK(header-misspelt): nobody gets a message whose header has a misspelt recipient; it is told four times.
            let complaint = recipients.complaint.clone().unwrap_or_default();
            (1..TIMES_TOLD).for_each(|_| terminal.complain(&complaint));
        }
        recipients.found.retain(|recipient| !is_left_out(&self.ctx, recipient, sender.route.as_ref()));
        recipients.counted += error_recipients(&self.ctx, &incoming.headers).len();
        let flaws = incoming.flaws;
        let mut envelope = self.envelope(incoming, &sender, warnings, &recipients);
        envelope.quarantine = judgement.quarantine.clone();
        self.log_accepted(&envelope, &recipients);
        judgement.look_at(services, &envelope, flaws, terminal);
        judgement.tell(terminal);
        envelope.settle_body();
        self.count(&envelope, &sender, &judgement);
        if recipients.named == 0 {
            if submission.reads_recipients {
                terminal.complain("No recipient addresses found in header");
            }
            self.draft.discard().await;
            return terminal.exit();
        }
        if judgement.is_discarded && judgement.refusal.is_none() {
            self.services.log.say(Level::DISCARDED, &envelope.id, "discarded");
            self.draft.discard().await;
            return terminal.exit();
        }
        let refusal = self.whole_refusal(judgement, &recipients);
        if let Some(refusal) = refusal.as_ref().filter(|_| !submission.reads_recipients) {
            self.log_refused(&envelope, refusal);
        }
        let refused = Refusals { late: refused_late, is_whole: flaws.larger_than.is_none(), refusal };
        self.settle(envelope, sender, recipients, refused, terminal).await
    }

    /// Counts the message for the statistics.
    fn count(&self, envelope: &Envelope, sender: &Sender, judgement: &Judgement) {
        let mailers = &self.services.site.config.mailers;
        let mailer = sender.route.as_ref().and_then(|route| mailers.index_of(route.mailer.as_bytes()));
        self.services.log.tally().count(Event::Received { mailer, size_bytes: envelope.size_bytes });
        judgement.count(self.services, mailer);
    }

    /// Returns why nobody gets the message, if so: the rules have refused it, or its header has a misspelt recipient.
    fn whole_refusal(&self, judgement: Judgement, recipients: &Recipients) -> Option<Refusal> {
        let misspelt = (self.submission.reads_recipients && recipients.misspelt)
            .then(|| recipients.complaint.clone().unwrap_or_default())
            .map(|complaint| Refusal::new(Reply::new(553, Status::new(5, 0, 0), complaint)));
        misspelt.or(judgement.refusal)
    }

    /// Logs of every recipient that the message is refused.
    fn log_refused(&self, envelope: &Envelope, refusal: &Refusal) {
        let status = refusal.text();
        for recipient in &envelope.recipients {
            Delivered {
                to: vec![recipient.address.clone()],
                delay: self.now.since(envelope.created),
                priority: envelope.priority,
                status: status.as_bstr(),
                ..Delivered::default()
            }
            .write(&self.services.log, &envelope.id);
        }
    }

    /// Reads the message.
    async fn read(&mut self, input: &mut (dyn AsyncRead + Send + Unpin)) -> Result<Incoming, InputError> {
        let options = &self.services.site.config.options;
        let seven_bit = match self.submission.body {
            Some(body) => body == BodyType::SevenBit,
            None => options.seven_bit_input,
        };
        let text =
            LocalInput::new(options.ignore_dots).with_seven_bits(seven_bit).with_mailbox_line(options.save_from_line);
        message::read(input, text, Limits::of(options), &mut self.draft).await
    }

    /// Tells of a message that could not be read or kept.
    fn input_failed(&self, error: &InputError, terminal: &mut Terminal<'_>) -> Sysexit {
        let exit = match error {
            InputError::Queue(error) => return queue_failed(self.services, terminal, error),
            InputError::Header(_) => Sysexit::DataErr,
            InputError::Read(_) => Sysexit::IoErr,
        };
        let level = Level { priority: Priority::Notice, detail: 1 };
        self.services.log.say(level, self.draft.id(), error);
        terminal.tell(error.to_string());
        exit
    }

    /// Builds the envelope with the whole header.
    fn envelope(
        &mut self,
        incoming: Incoming,
        sender: &Sender,
        warnings: Vec<Header>,
        recipients: &Recipients,
    ) -> Envelope {
        let config = &self.services.site.config;
        let mut envelope = Envelope::new(self.draft.id().clone(), self.now, sender.address.clone());
        envelope.last_try = Some(self.now);
        envelope.recipients = recipients.found.clone();
        // Where these lead must be found out before they are served.
        let later = recipients.later.iter().map(|later| &later.recipient).chain(&recipients.owned);
        envelope.recipients.extend(later.map(|later| Recipient { route: None, ..later.clone() }));
        envelope.sent_as = sender.sent_as.clone();
        envelope.sender_is_named = sender.is_named;
        envelope.owner = sender.owner;
        envelope.full_name = sender.full_name.clone();
        let mut own = warnings;
        own.extend(incoming.headers);
        let addresses: Vec<BString> = recipients.addressed.iter().map(|recipient| recipient.address.clone()).collect();
        envelope.flags.delete_bcc = mend_recipients(&mut own, config.options.no_recipient_action, &addresses);
        mend_reports(&self.ctx, &own, &mut envelope.recipients);
        self.publish_header(&own, recipients);
        envelope.body = self.submission.body.or_else(|| BodyType::of_header(&own, incoming.bits));
        envelope.headers = self.complete(own, recipients);
        envelope.classify(&config.precedences);
        envelope.flags.eight_bit = incoming.bits.message;
        envelope.flags.split = true;
        envelope.flags.no_body_return = envelope.class < 0 || incoming.flaws.larger_than.is_some();
        envelope.auth = sender.auth.clone();
        envelope.envid = self.submission.envid.clone();
        envelope.ret = self.submission.ret;
        envelope.size_bytes = incoming.size_bytes;
        let macros = KEPT_MACROS.iter().filter_map(|name| Some((MacroName::new(name), self.ctx.get(name)?)));
        envelope.macros = macros.collect();
        envelope.priority = self.services.terms.first_priority(envelope.size_bytes, envelope.class, recipients.counted);
        envelope
    }

    /// Returns the whole header. With `-t`, the site's fields are made before the recipients are counted.
    fn complete(&mut self, own: Vec<Header>, recipients: &Recipients) -> Vec<Header> {
        self.ctx.clear("addr_type");
        if self.submission.reads_recipients {
            self.ctx.set("nrcpts", "0");
        }
        let headers = complete(&mut self.ctx, own, recipients.separator);
        self.ctx.set("nrcpts", recipients.counted.to_string());
        headers
    }

    /// Sets the macros that templates of header fields use.
    fn publish_header(&mut self, own: &[Header], recipients: &Recipients) {
        if let Some(field) = fields::find(own, "Full-Name") {
            let quoted = full_name::phrase(field.text(), &self.ctx.config().options.must_quote_chars);
            self.ctx.set("x", quoted);
        }
        let sender = self.ctx.get("f").unwrap_or_default();
        self.ctx.set("g", sender);
        match &recipients.only {
            Some(only) if error_recipients(&self.ctx, own).is_empty() => self.ctx.set("u", only.clone()),
            _ => self.ctx.clear("u"),
        }
    }

    /// Logs that the message came in.
    fn log_accepted(&self, envelope: &Envelope, recipients: &Recipients) {
        let relay = self.ctx.get("_").unwrap_or_default();
        let protocol = self.ctx.get("r");
        let body = envelope.body.map(|body| BString::from(body.to_string()));
        Accepted {
            from: envelope.sender.as_bstr(),
            size_bytes: envelope.size_bytes,
            class: i64::from(envelope.class),
            recipients: recipients.counted,
            message_id: envelope.message_id.as_bstr(),
            body_type: body.as_ref().map(|body| body.as_bstr()),
            protocol: protocol.as_ref().map(|protocol| protocol.as_bstr()),
            relay: relay.as_bstr(),
            ..Accepted::default()
        }
        .write(&self.services.log, &envelope.id);
    }

    /// Delivers or queues the message and deals with what failed.
    async fn settle(
        mut self,
        mut envelope: Envelope,
        sender: Sender,
        recipients: Recipients,
        refused: Refusals,
        terminal: &mut Terminal<'_>,
    ) -> Sysexit {
        let services = self.services;
        let Refusals { late: refused_late, is_whole, refusal } = refused;
        let returned = refusal.as_ref().map(|refusal| refusal.apply(&mut envelope)).unwrap_or_default();
        let parts = groups::sort(&mut self.ctx, &envelope.recipients).await;
        self.ctx.log_notes(&services.log, &envelope.id);
        let others = match self.draft.divide(&mut envelope, parts).await {
            Ok((draft, others)) => {
                self.draft = draft;
                others
            }
            Err(error) => return queue_failed(services, terminal, &error),
        };
        if let Some(line) = log::split(others.iter().map(|other| &other.name().id)) {
            services.log.say(Level::ACCEPTED, &envelope.id, line);
        }
        let body = match self.draft.body().await {
            Ok(body) => body,
            Err(error) => return queue_failed(services, terminal, &error),
        };
        let mut failed: Vec<Settled> = recipients.refused.iter().map(settled).collect();
        let fate = self.fate(&envelope, refused_late || refusal.is_some());
        let hops = (self.submission.hops + envelope.headers.iter().filter(|field| field.is("Received")).count())
            .saturating_sub(1);
        if matches!(fate, Fate::Deliver | Fate::DeliverBehind)
            && i64::try_from(hops).unwrap_or(i64::MAX) > self.hops_max()
        {
            let outcome = self.too_many_hops(&envelope, hops);
            terminal.fail(Sysexit::Unavailable);
            let looping = std::mem::take(&mut envelope.recipients);
            failed.extend(looping.into_iter().map(|recipient| Settled { recipient, outcome: outcome.clone() }));
        }
        if refused_late {
            envelope.flags.split = false;
        }
        let waits = recipients.later.iter().find(|later| later.refusal.error().is_some()).map(Refused::complaint);
        envelope.message = envelope.message.or_else(|| recipients.refused.last().map(Refused::words)).or(waits);
        let mut transcript = vec![recipients.flaws];
        transcript.extend(recipients.refused.iter().map(Refused::transcript));
        transcript.extend(refusal.as_ref().map(|refusal| refusal.transcript.clone()));
        let told = refusal.as_ref().map(Refusal::text).or_else(|| recipients.refused.last().map(Refused::words));
        // QUIRK(refused-header-stays)
        let stays = !returned.is_empty() && is_whole;
        failed.extend(returned);
        let returns = Returns {
            services,
            sender: &sender,
            party: self.party,
            now: self.now,
            is_late: refused_late || refusal.is_some(),
            stays,
            transcript: transcript.concat().into(),
            told: told.or(recipients.complaint),
        };
        let holding = Holding::Draft { draft: self.draft, envelope: Box::new(envelope), body };
        match returns.end((holding, others), failed, fate, terminal).await {
            Ok(()) => terminal.exit(),
            Err(error) => queue_failed(services, terminal, &error),
        }
    }

    /// Tells what is to become of the message.
    fn fate(&self, envelope: &Envelope, is_refused: bool) -> Fate {
        let mode = self.services.site.config.options.delivery_mode;
        match mode {
            // QUIRK(header-errors): a wrong recipient in the header (`-t`) leaves the others to the next queue run.
            _ if is_refused => Fate::Keep,
            _ if envelope.quarantine.is_some() => Fate::Queue,
            _ if self.submission.is_verbose => Fate::Deliver,
            DeliveryMode::Background if self.party.release.is_some() => Fate::DeliverBehind,
            DeliveryMode::Interactive | DeliveryMode::Background => Fate::Deliver,
            DeliveryMode::Queue | DeliveryMode::Defer => Fate::Queue,
        }
    }

    fn hops_max(&self) -> i64 {
        self.services.site.config.options.max_hop_count
    }

    /// Logs that a message has passed too many hosts; returns what its recipients' sender is told.
    fn too_many_hops(&self, envelope: &Envelope, hops: usize) -> Outcome {
        let to = envelope.recipients.first().map(|recipient| recipient.address.clone()).unwrap_or_default();
        let from = self.ctx.get("s").unwrap_or_else(|| "localhost".into());
        let max = self.hops_max();
        let text = format!("Too many hops {hops} ({max} max): from {} via {from}, to {to}", envelope.sender);
        let line = format!("SYSERR({}): {text}", self.party.caller.name);
        self.services.log.say(Level::SYSTEM_ERROR, &envelope.id, line);
        Outcome::failed(Status::new(5, 4, 6), "Too many hops").with_reply(format!("554 5.4.6 {text}"))
    }
}

/// Returns how a recipient fared that was refused before any attempt.
fn settled(refused: &Refused) -> Settled {
    Settled { recipient: refused.recipient.clone(), outcome: refused_by_rules(&refused.refusal) }
}
