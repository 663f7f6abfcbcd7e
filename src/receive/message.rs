//! DATA: the message itself, from the check of its sender to its place in the queue.

use bstr::{BString, ByteSlice};

use super::clerk::{Clerk, now};
use super::service::Accepted;
use super::transaction::Taken;
use crate::cf::{DEFAULT_QUEUE_GROUP, DeliveryMode, EightBitMode};
use crate::log::{self, Level};
use crate::mail::address_field::{self, Party};
use crate::mail::address_list;
use crate::mail::envelope::{BodyType, Envelope, Recipient};
use crate::mail::full_name;
use crate::mail::header::{self, Header};
use crate::mail::reply::Reply;
use crate::mail::token::ScanOptions;
use crate::name::{MacroName, Status};
use crate::policy::{Ask, Hook, header_questions};
use crate::queue::schedule::Terms;
use crate::queue::{Claimed, QueueError, take_back};
use crate::route::groups;
use crate::site::completion::{complete, error_recipients, mend_recipients, mend_reports};
use crate::smtp::server::{Answer, CommandRefusal, Ending, texts};

/// Macros of the session that rules see when the message is delivered at once (op guide, "D -- Define Macro").
const SESSION_MACROS: [&str; 29] = [
    "dsn_ret",
    "client_addr",
    "client_name",
    "client_ptr",
    "client_port",
    "client_resolve",
    "client_flags",
    "client_connections",
    "client_rate",
    "total_rate",
    "daemon_addr",
    "daemon_family",
    "daemon_info",
    "daemon_name",
    "daemon_port",
    "if_addr",
    "if_family",
    "if_name",
    "auth_authen",
    "auth_ssf",
    "auth_type",
    "mail_addr",
    "mail_from",
    "mail_host",
    "mail_mailer",
    "nbadrcpts",
    "tls_version",
    "cipher",
    "cipher_bits",
];

/// Macros that stay with a message in the queue, in the order of their lines.
const KEPT_MACROS: [&str; 9] =
    ["_", "r", "s", "daemon_flags", "if_addr", "auth_authen", "auth_author", "auth_type", "client_flags"];

impl Clerk<'_> {
    /// Finds out whether the message may come, and makes room for it.
    pub(super) async fn message(&mut self, recipients: u32) -> Answer {
        let count = recipients.to_string();
        let args = [count.as_bytes()];
        if let Err(refusal) = self.check(&Ask::text(Hook::CheckData, &args)).await {
            return Answer::No(refusal);
        }
        if self.service.study.is_some() {
            return Answer::Yes;
        }
        match self.service.queue.create_as(DEFAULT_QUEUE_GROUP.as_bytes(), self.id.clone(), now()).await {
            Ok(draft) => {
                self.id = draft.id().clone();
                self.ctx.set("i", self.id.to_string());
                self.transaction.draft = Some(draft);
                Answer::Yes
            }
            Err(error) => Answer::No(CommandRefusal::logged(self.queue_failed(&error))),
        }
    }

    /// Logs a failure of the queue and returns what the client is told.
    pub(super) fn queue_failed(&self, error: &QueueError) -> Reply {
        let (level, text) = match error {
            // Whom it concerns stands in the middle, as log tools know the line.
            QueueError::NoSpace { .. } => {
                (Level::ALERT, error.to_string().replacen("(needs ", &format!("({} needs ", self.facts.name), 1))
            }
            _ => (Level::SYSTEM_ERROR, error.to_string()),
        };
        self.service.log.say(level, &self.id, text);
        error.reply()
    }

    /// Judges the header.
    pub(super) async fn header(&mut self, headers: Vec<Header>, size_bytes: u64) -> Answer {
        self.transaction.headers = headers;
        let config = &self.service.site.config;
        let mut refused = None;
        for question in header_questions(config, &self.transaction.headers, size_bytes) {
            question.publish(&mut self.ctx);
            if let Err(refusal) = self.check(&question.ask(&question.args())).await {
                refused = Some(refusal.reply.or_graver(refused));
            }
        }
        refused.map_or(Answer::Yes, |reply| Answer::No(CommandRefusal::logged(reply)))
    }

    /// Takes a piece of the body.
    pub(super) async fn body(&mut self, text: &[u8]) {
        let Some(draft) = self.transaction.draft.as_mut() else { return };
        if self.transaction.failed.is_some() {
            return;
        }
        if let Err(error) = draft.write(text).await {
            self.transaction.failed = Some(self.queue_failed(&error));
        }
    }

    /// Brings the message to its end: refused, thrown away, or in the queue for good.
    pub(super) async fn finish(&mut self, mut ending: Ending) -> Reply {
        self.transaction.params.size_bytes = ending.size_bytes;
        let hops = self.transaction.headers.iter().filter(|field| field.is("Received")).count() + 1;
        // The site's fields do not know yet what is counted here.
        let mut envelope = self.envelope(&ending);
        self.ctx.set("c", hops.to_string());
        self.ctx.set("msg_size", ending.size_bytes.to_string());
        self.ctx.set("msg_id", envelope.message_id.clone());
        self.transaction.class = envelope.class;
        self.log_sender(Some(&envelope.message_id));
        ending.notes.iter().for_each(|note| self.note(note));
        let mut refused = ending.refused.take();
        let is_strict = self.options().eight_bit_mode == EightBitMode::Strict;
        if let Some(reply) = envelope.undeclared_eight_bits().filter(|_| is_strict) {
            refused = Some(reply.or_graver(refused));
        }
        if let Err(refusal) = self.last_check(&envelope).await {
            refused = Some(refusal.reply.or_graver(refused));
        }
        self.hold_back(&mut envelope);
        self.count(&envelope);
        let refused = refused.or_else(|| self.transaction.failed.take());
        let reply = match refused {
            Some(reply) => self.refuse_message(&envelope, reply),
            None if self.transaction.discard => self.discard_message(),
            None => self.store(envelope).await,
        };
        self.end_transaction().await;
        self.is_over = true;
        reply
    }

    /// Puts into the envelope whether, and why, the message is held back.
    fn hold_back(&self, envelope: &mut Envelope) {
        envelope.flags.split = self.transaction.quarantine.is_none() || !self.looks_up_again();
        envelope.quarantine = self.transaction.quarantine.clone();
    }

    /// Counts a message that came in, whatever becomes of it.
    fn count(&self, envelope: &Envelope) {
        let (tally, mailer) = (self.service.log.tally(), self.sender_slot());
        tally.count(log::Event::Received { mailer, size_bytes: envelope.size_bytes });
        if envelope.quarantine.is_some() {
            tally.count(log::Event::Quarantined { mailer });
        }
    }

    /// Finds out whether the whole message may come.
    async fn last_check(&mut self, envelope: &Envelope) -> Result<(), CommandRefusal> {
        let size = envelope.size_bytes.to_string();
        let args = [size.as_bytes()];
        self.check(&Ask::text(Hook::CheckEom, &args)).await
    }

    /// Logs of a refused message why, and who would have got it.
    fn refuse_message(&self, envelope: &Envelope, reply: Reply) -> Reply {
        // As the client gets it.
        let text = BString::from_iter(Reply::as_sent(reply.text()));
        for recipient in &envelope.recipients {
            let recipient = &Recipient { route: None, ..recipient.clone() };
            let line = self.recipient_line(envelope, recipient);
            log::Delivered { status: text.as_bstr(), ..line }.write(&self.service.log, &envelope.id);
        }
        reply
    }

    /// Logs a message that is thrown away; the client does not learn of it.
    fn discard_message(&self) -> Reply {
        self.service.log.say(Level::DISCARDED, &self.id, "discarded");
        texts::accepted(self.id.as_str())
    }

    /// Puts the message into the queue; only then the client is told that it is ours. One that is only studied goes nowhere.
    async fn store(&mut self, mut envelope: Envelope) -> Reply {
        if self.service.study.is_some() {
            return texts::accepted(self.id.as_str());
        }
        let Some(draft) = self.transaction.draft.take() else { return texts::try_again() };
        let parts = groups::sort(&mut self.ctx, &envelope.recipients).await;
        self.ctx.log_notes(&self.service.log, &self.id);
        let (draft, others) = match draft.divide(&mut envelope, parts).await {
            Ok(divided) => divided,
            Err(error) => return self.queue_failed(&error),
        };
        let claimed = match draft.commit(&envelope).await {
            Ok(claimed) => claimed,
            Err(error) => {
                take_back(others).await;
                return self.queue_failed(&error);
            }
        };
        if let Some(line) = log::split(others.iter().map(|other| &other.name().id)) {
            self.service.log.say(Level::ACCEPTED, &envelope.id, line);
        }
        for part in std::iter::once(claimed).chain(others) {
            self.send_on(part).await;
        }
        texts::accepted(envelope.id.as_str())
    }

    /// Delivers a message that is in the queue, or lets it wait there.
    async fn send_on(&self, claimed: Claimed) {
        match self.delivery_mode(claimed.envelope.priority) {
            // What is held back waits for a person, and what is only queued for the next run of the queue.
            _ if claimed.envelope.quarantine.is_some() => self.log_waiting(&claimed.envelope, "quarantined"),
            DeliveryMode::Queue | DeliveryMode::Defer => self.log_waiting(&claimed.envelope, "queued"),
            DeliveryMode::Background => {
                drop(tokio::spawn((self.service.deliver)(Accepted { claimed, is_awaited: false })));
            }
            DeliveryMode::Interactive => (self.service.deliver)(Accepted { claimed, is_awaited: true }).await,
        }
    }

    /// Logs that recipients wait.
    ///
    // QUIRK(stat-queued): the original tells of it only if no recipient is looked up again at delivery.
    fn log_waiting(&self, envelope: &Envelope, stat: &str) {
        if self.looks_up_again() {
            return;
        }
        for taken in &self.transaction.recipients {
            let dsn = taken.later.then(|| Status::new(4, 4, 3));
            let quarantine = envelope.quarantine.as_ref().map(|reason| reason.as_bstr());
            let line = self.recipient_line(envelope, &taken.recipient);
            log::Delivered { dsn, quarantine, status: stat.into(), ..line }.write(&self.service.log, &envelope.id);
        }
    }

    /// Tells whether a recipient is looked up again at delivery.
    fn looks_up_again(&self) -> bool {
        self.transaction.recipients.iter().any(|taken| taken.again && !taken.later)
    }

    /// Returns the log line about a recipient, but for what became of it.
    fn recipient_line<'a>(&self, envelope: &Envelope, recipient: &'a Recipient) -> log::Delivered<'a> {
        log::Delivered {
            to: vec![recipient.address.clone()],
            delay: now().since(envelope.created),
            mailer: recipient.route.as_ref().map(|route| route.mailer.as_bytes().as_bstr()),
            priority: envelope.priority,
            ..log::Delivered::default()
        }
    }

    /// Builds the envelope with the whole header.
    fn envelope(&mut self, ending: &Ending) -> Envelope {
        let created = now();
        self.tell_time(created);
        let config = &self.service.site.config;
        let mut envelope = Envelope::new(self.id.clone(), created, self.transaction.sender.clone());
        envelope.sent_as = self.transaction.sent_as.clone();
        envelope.last_try = Some(created);
        self.transaction.sort_recipients();
        envelope.recipients = self.transaction.recipients.iter().map(Taken::to_deliver).collect();
        let mut own = std::mem::take(&mut self.transaction.added);
        own.append(&mut self.transaction.headers);
        let addresses: Vec<BString> = envelope.recipients.iter().map(|recipient| recipient.address.clone()).collect();
        envelope.flags.delete_bcc = mend_recipients(&mut own, config.options.no_recipient_action, &addresses);
        self.transaction.error_recipients = error_recipients(&self.ctx, &own).len();
        mend_reports(&self.ctx, &own, &mut envelope.recipients);
        self.publish_header(&own, &addresses, ending.recipients);
        self.complain_of_addresses(&own);
        self.transaction.params.body = self.transaction.params.body.or_else(|| BodyType::of_header(&own, ending.bits));
        let separator = self.separator();
        envelope.headers = complete(&mut self.ctx, own, separator);
        envelope.classify(&config.precedences);
        if let Some(id) = envelope.header("Resent-Message-Id") {
            envelope.message_id = id.text().into();
        }
        // QUIRK(message-of-refusal): the reason that the queue shows is the last refusal given before the message.
        envelope.message = self.transaction.complaint.clone();
        envelope.flags.eight_bit = ending.bits.message;
        envelope.flags.no_body_return = envelope.class < 0;
        envelope.body = self.transaction.params.body;
        envelope.settle_body();
        envelope.full_name = self.transaction.full_name.clone();
        envelope.auth = self.transaction.auth.clone();
        envelope.envid = self.transaction.params.envid.clone();
        envelope.ret = self.transaction.params.ret;
        envelope.deliver_by = self.transaction.params.deliver_by;
        envelope.size_bytes = ending.size_bytes;
        // An author that nobody has vouched for is not kept.
        let is_vouched_for = self.transaction.auth.as_ref().is_some_and(|author| author != "<>");
        let kept = KEPT_MACROS.iter().filter(|name| **name != "auth_author" || is_vouched_for);
        let value = |name: &&str| Some((MacroName::new(name), self.ctx.get(name)?));
        envelope.macros = kept.filter_map(value).collect();
        let stored = self.ctx.macros().stored().map(|(name, value)| (name.clone(), value.clone()));
        envelope.session_macros = SESSION_MACROS.iter().filter_map(value).chain(stored.collect::<Vec<_>>()).collect();
        let count = self.transaction.recipient_count();
        envelope.priority = Terms::new(self.options(), None).first_priority(envelope.size_bytes, envelope.class, count);
        envelope
    }

    /// Remembers what is wrong with the spelling of addresses in the header; it refuses nothing.
    fn complain_of_addresses(&mut self, own: &[Header]) {
        let separator = address_field::separator(own, self.separator());
        for field in own {
            let Some(party) = Party::of_field(&field.name) else { continue };
            for address in address_list::split(&field.value, party.separator(separator)) {
                if let Some(error) = self.ctx.scan(&address, ScanOptions::ADDRESS).errors.last() {
                    let text = texts::with_address(553, &address, error.to_string().as_bytes());
                    self.transaction.complaint = Some(text);
                }
            }
        }
    }

    /// Sets the macros that templates of header fields use; `count` is how many RCPT were accepted.
    fn publish_header(&mut self, own: &[Header], recipients: &[BString], count: u32) {
        if let Some(name) = header::find(own, "Full-Name") {
            let phrase = full_name::phrase(name.text(), &self.options().must_quote_chars);
            self.ctx.set("x", phrase);
        }
        let sender = self.ctx.get("f").unwrap_or_default();
        self.ctx.set("g", sender);
        // QUIRK(for-repeated): a recipient that was named twice is no longer the only one; nor is one beside whom an unknown
        // user was named, or somebody asked for.
        let (error_recipients, names_others) = (self.transaction.error_recipients, self.transaction.names_others);
        match recipients {
            [only] if count == 1 && error_recipients == 0 && !names_others => self.ctx.set("u", only.clone()),
            _ => self.ctx.clear("u"),
        }
    }
}
