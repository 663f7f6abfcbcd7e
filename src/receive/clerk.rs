//! Answers what a session asks: all knowledge of mail and of this site that the driver has not.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use bstr::{BStr, BString, ByteSlice};

use super::address;
use super::connection::{Connection, Facts};
use super::service::Service;
use super::transaction::Transaction;
use crate::cf::{DeliveryMode, FilterFailure, Options, Privacy};
use crate::log::{self, Level, Log, Priority};
use crate::mail::address_list::Separator;
use crate::mail::date;
use crate::mail::header::HeaderLimits;
use crate::mail::reply::Reply;
use crate::mail::token::Token;
use crate::name::{QueueId, Status, UnixTime};
use crate::policy::{self, Ask, Hook, ServerFeatures, Subject, Verdict, log_verdict};
use crate::queue::schedule::Terms;
use crate::site::{Context, Heard, Listener};
use crate::smtp::server::notes::{self, Note, Severity};
use crate::smtp::server::{Answer, CommandRefusal, Limits, Opening, Overload, Question, Settings, texts};

/// Answers for one session.
pub(super) struct Clerk<'a> {
    pub(super) service: &'a Service,
    pub(super) connection: &'a Connection,
    pub(super) ctx: Context,
    pub(super) facts: Facts,
    /// What log lines are about, and the name of the next message.
    pub(super) id: QueueId,
    pub(super) transaction: Transaction,
    /// check_relay said that all mail of this client is to be thrown away.
    discard_all: bool,
    /// check_relay said why all mail of this client is to be held back.
    quarantine_all: Option<BString>,
    /// VERB was given.
    interactive: bool,
    /// Whether the next reply is that to a message which is over.
    pub(super) is_over: bool,
    /// What the client speaks, for `$r`.
    pub(super) protocol: &'static str,
    /// What the client calls itself, for `$s`.
    pub(super) hello: Option<BString>,
}

/// Returns the time.
pub(super) fn now() -> UnixTime {
    SystemTime::now().into()
}

impl<'a> Clerk<'a> {
    /// Finds out about the client and sets the macros that tell of it.
    pub(super) async fn new(service: &'a Service, connection: &'a Connection) -> Self {
        let mut ctx = Context::new(&service.site);
        match &service.study {
            None => ctx.listen(complaints(service.log.clone()), 0),
            Some(study) => study.begin(&mut ctx),
        }
        let facts = Facts::learn(&connection.client, &service.site.resolver).await;
        facts.publish(connection, &mut ctx);
        facts.tell(&mut ctx);
        let id = service.queue.new_id(now());
        let mut clerk = Self {
            service,
            connection,
            ctx,
            facts,
            id,
            transaction: Transaction::default(),
            discard_all: false,
            quarantine_all: None,
            interactive: false,
            is_over: false,
            protocol: "SMTP",
            hello: None,
        };
        clerk.tell_circumstances();
        clerk
    }

    pub(super) fn options(&self) -> &Options {
        &self.service.site.config.options
    }

    /// Makes ready for the next message: a new identifier, and nothing left of the last one.
    fn begin(&mut self) {
        self.ctx.set("i", self.id.to_string());
        self.transaction = Transaction {
            discard: self.discard_all,
            quarantine: self.quarantine_all.clone(),
            ..Transaction::default()
        };
        self.ctx.macros_mut().forget_stored();
        for name in TRANSACTION_MACROS {
            self.ctx.clear(name);
        }
        self.tell_circumstances();
    }

    /// Sets the macros that tell of time, load and what follows from them.
    fn tell_circumstances(&mut self) {
        self.tell_time(now());
        let mode = self.delivery_mode(0);
        self.ctx.is_deferred = mode == DeliveryMode::Defer;
        self.ctx.set("deliveryMode", [mode.letter()].as_slice());
        self.ctx.set("load_avg", self.service.load.load(Ordering::Relaxed).to_string());
    }

    /// Sets the macros that tell the time.
    pub(super) fn tell_time(&mut self, time: UnixTime) {
        let zone = &self.service.site.zone;
        let date = date::arpa(time, zone);
        self.ctx.set("a", date.clone());
        self.ctx.set("b", date);
        self.ctx.set("d", date::ctime(time, zone));
        self.ctx.set("t", date::compact(time));
        self.ctx.set("time", time.secs().to_string());
    }

    /// Judges the connection and says how the session begins.
    pub(super) async fn open(&mut self) -> (Settings, Opening) {
        // Else a client whom a damaged map has refused would never come as far as a transaction.
        self.service.site.refresh_maps().await;
        let client_name = self.facts.trusted_name.clone();
        let address = self.facts.address.clone();
        let mut opening = Opening::Welcome;
        if self.connection.daemon.is_some() {
            let line = BString::from(format!("connect from {}", self.facts.origin));
            self.service.log.line(Level::CONNECTION, log::About::NoQueue, &line);
            let args = [client_name.as_slice(), address.as_slice()];
            let ask = Ask::text(Hook::CheckRelay, &args);
            let verdict = policy::check(&mut self.ctx, &ask).await;
            self.ctx.macros_mut().keep_stored();
            self.ctx.log_notes(&self.service.log, log::About::NoQueue);
            self.tell_verdict(&ask, &verdict, None);
            match verdict {
                Verdict::Accept => {}
                Verdict::Discard => self.discard_all = true,
                // QUIRK(relay-quarantine): the original logs it and holds no message.
                Verdict::Quarantine(reason) => self.quarantine_all = Some(reason),
                // QUIRK(relay-421): only here does 421 close the connection.
                Verdict::Reject { reply, .. } => opening = Opening::Refused(reply),
                // QUIRK(relay-failure): here a failure of the rules refuses nobody.
                Verdict::Failed(_) => {}
            }
        }
        let mut features = ServerFeatures::new(self.options(), self.connection.daemon.as_ref());
        let origin = self.facts.origin.clone();
        let told = policy::evaluate(&mut self.ctx, &Ask::text(Hook::SrvFeatures, &[&origin, b""])).await;
        let known = told.is_none_or(|tokens| features.apply(&tokens));
        if !known && opening == Opening::Welcome {
            opening = Opening::Refused(texts::try_again());
        }
        if opening == Opening::Welcome {
            opening = self.without_filters();
        }
        if opening == Opening::Welcome
            && let Err(error) = self.service.queue.check_space(0).await
        {
            opening = Opening::NoRoom(self.queue_failed(&error));
        }
        self.ctx.log_notes(&self.service.log, &self.id);
        self.begin();
        (self.settings(&features), opening)
    }

    /// Says how a session begins whose filters cannot be asked (`F=` of the first one without which no mail may pass).
    ///
    /// This version asks no filter: each one counts as one that does not answer.
    fn without_filters(&self) -> Opening {
        let host = self.ctx.get("j").unwrap_or_default();
        let filters = self.service.site.config.filters_of(self.connection.daemon.as_ref());
        let (opening, what) = match filters.map(|filter| filter.failure).find(|failure| *failure != FilterFailure::Pass)
        {
            None | Some(FilterFailure::Pass) => return Opening::Welcome,
            Some(FilterFailure::Reject) => (Opening::NotAccepting, "rejecting commands"),
            Some(FilterFailure::TempFail) => (Opening::Refused(texts::try_again()), "temp failing commands"),
            Some(FilterFailure::Shutdown) => {
                (Opening::Refused(texts::filter_failed(host.as_bstr())), "closing connection")
            }
        };
        let line = format_args!("Milter: initialization failed, {what}");
        self.service.log.say(Level::FILTER, Some(&self.id), line);
        opening
    }

    /// Returns how long the greeting is held back to see whether the client waits for it (ruleset greet_pause).
    pub(super) async fn greet_pause(&mut self) -> Duration {
        let (name, address) = (self.facts.trusted_name.clone(), self.ctx.get("client_addr").unwrap_or_default());
        let args = [name.as_slice(), address.as_slice()];
        let told = policy::evaluate(&mut self.ctx, &Ask::text(Hook::GreetPause, &args)).await;
        self.ctx.log_notes(&self.service.log, &self.id);
        let Some(tokens) = told.filter(|_| self.connection.daemon.is_some()) else { return Duration::ZERO };
        let number = tokens.get(1).and_then(Token::text).filter(|_| tokens.is_resolved());
        let millis: u64 = number.and_then(|(_, text)| text.to_str().ok()?.parse().ok()).unwrap_or(0);
        // The longest pause that SMTP allows a server: its client may wait five minutes for the greeting.
        Duration::from_millis(millis).min(Duration::from_secs(300))
    }

    /// Returns what the session is told at its start.
    fn settings(&self, features: &ServerFeatures) -> Settings {
        let options = self.options();
        let port_has = |flag| self.connection.daemon.as_ref().is_some_and(|port| port.flags.contains(flag));
        let daemon = self.connection.daemon.as_ref().map_or_else(|| "stdin".into(), |port| port.name.clone());
        Settings {
            host: self.ctx.get("j").unwrap_or_default(),
            client: self.facts.origin.clone(),
            client_name: self.facts.name.clone(),
            client_address: self.facts.address.clone(),
            daemon,
            greeting: self.ctx.expand(&options.smtp_greeting_message),
            features: features.offered.clone(),
            limits: self.limits(),
            line_rules: features.line_rules,
            early_talk_allowed: features.early_talk_allowed,
            bogus_hello_allowed: options.allow_bogus_helo,
            mail_needs_hello: options.privacy.has(Privacy::NeedMailHelo),
            vrfy_needs_hello: options.privacy.has(Privacy::NeedVrfyHelo),
            expn_needs_hello: options.privacy.has(Privacy::NeedExpnHelo),
            vrfy_refused: options.privacy.has(Privacy::NoVrfy),
            check_other: self.ctx.has_ruleset(Hook::CheckOther.name()),
            seven_bit_input: options.seven_bit_input,
            save_from_line: options.save_from_line,
            nul_refused: options.reject_nul,
            auth_required: port_has(b'a') && !port_has(b'A'),
            tls_first: port_has(b's'),
            // Filters, TLS and AUTH have no provider.
            filtered: false,
        }
    }

    fn limits(&self) -> Limits {
        let options = self.options();
        let at_once = matches!(self.delivery_mode(0), DeliveryMode::Background | DeliveryMode::Interactive);
        let number = |value: i64| u32::try_from(value).unwrap_or(0);
        Limits {
            message_bytes_max: u64::try_from(options.max_message_size).unwrap_or(0),
            recipients_max: number(options.max_recipients_per_message),
            bad_recipients_max: number(options.bad_rcpt_throttle),
            bad_recipients_end: number(options.bad_rcpt_shutdown),
            bad_recipients_good_percent: number(options.bad_rcpt_shutdown_good),
            noop_max: number(options.max_noop_commands),
            repetition_ends: options.max_daemon_children > 0,
            header: HeaderLimits::new(options.max_headers_length),
            // Mail that is only queued is judged when the queue is run.
            hops_max: at_once.then(|| usize::try_from(options.max_hop_count).unwrap_or(0)),
        }
    }

    /// Returns the load while it makes answers slow (`DelayLA`).
    pub(super) fn overload(&self) -> Option<Overload> {
        let port = self.connection.daemon.as_ref().and_then(|port| port.delay_load);
        let limit = port.unwrap_or(self.options().delay_la);
        let load = self.service.load.load(Ordering::Relaxed);
        (limit > 0 && load >= limit).then_some(Overload { load, limit })
    }

    /// Returns when a message of this session is delivered, by its priority under the load there is (`QueueLA`).
    pub(super) fn delivery_mode(&self, priority: i64) -> DeliveryMode {
        let options = self.options();
        let port = self.connection.daemon.as_ref();
        let mode = port.and_then(|port| port.delivery_mode).unwrap_or(options.delivery_mode);
        let limit = port.and_then(|port| port.queue_load).unwrap_or(options.queue_la);
        let terms = Terms { queue_load: limit, ..Terms::new(options, None) };
        let must_wait = terms.must_wait(priority, self.service.load.load(Ordering::Relaxed));
        match mode {
            DeliveryMode::Background | DeliveryMode::Interactive if must_wait => DeliveryMode::Queue,
            DeliveryMode::Background if self.interactive => DeliveryMode::Interactive,
            mode => mode,
        }
    }

    /// Answers a question; what rules had to say through a syslog map meanwhile goes to the log.
    pub(super) async fn answer(&mut self, question: Question) -> Answer {
        let answer = self.find_answer(question).await;
        self.ctx.log_notes(&self.service.log, &self.id);
        answer
    }

    async fn find_answer(&mut self, question: Question) -> Answer {
        match question {
            // No filter, no mechanism is there to ask.
            Question::Filters(_) => Answer::Yes,
            Question::Auth { mechanism, .. } => {
                Answer::No(CommandRefusal::new(texts::auth_mechanism_unavailable(&mechanism)))
            }
            Question::AuthLine { .. } => Answer::No(CommandRefusal::new(texts::auth_aborted())),
            Question::Other { line, digit } => self.check_other(line.as_bstr(), digit).await,
            Question::Sender { address, argument, after_hello } => {
                self.sender(address.as_bstr(), argument.as_bstr(), after_hello).await
            }
            Question::SenderCheck { params, spoiled: true, .. } => {
                self.take_params(params).await;
                Answer::Yes
            }
            Question::SenderCheck { address, params, needs_room, .. } => {
                self.sender_check(address.as_bstr(), params, needs_room).await
            }
            Question::Recipient { address } => self.recipient(address.as_bstr()).await,
            Question::RecipientCheck { address, params } => self.recipient_check(address, params).await,
            Question::Message { recipients } => self.message(recipients).await,
            Question::Header { headers, size_bytes } => self.header(headers, size_bytes).await,
            Question::Finish(ending) => Answer::Reply(self.finish(ending).await),
            Question::Verify { address, expand } => Answer::Reply(self.verify(address.as_bstr(), expand).await),
            Question::RunQueue { node } => Answer::Reply(self.run_queue(node.as_bstr()).await),
            Question::Help { topic } => Answer::Reply(self.help(topic.as_bstr())),
        }
    }

    /// Returns what separates the addresses of lists.
    pub(super) fn separator(&self) -> Separator {
        Separator::of_option(self.options().old_style_headers && !self.transaction.new_style)
    }

    /// Sets the macros that a transaction begins with.
    pub(super) fn begin_transaction(&mut self) {
        let name = self.hello.as_ref().unwrap_or(&self.facts.name).clone();
        self.ctx.set("r", self.protocol);
        self.ctx.set("s", name);
        // QUIRK(discard-remembered): what rules said of a MAIL that was refused throws no other message away.
        self.transaction.discard = self.discard_all;
        for name in ["nrcpts", "nbadrcpts", "ntries"] {
            self.ctx.set(name, "0");
        }
    }

    /// Forgets the transaction; its recipients are logged if a command (`why`) made an end of it, its sender if that was not
    /// done yet.
    pub(super) async fn reset(&mut self, size_bytes: Option<u64>, why: Option<&'static str>) {
        if let Some(size) = size_bytes {
            self.transaction.params.size_bytes = size;
        }
        if let Some(why) = why {
            self.log_forgotten(why);
        }
        self.log_sender(None);
        self.end_transaction().await;
    }

    /// Removes what there is of a message and begins anew.
    pub(super) async fn end_transaction(&mut self) {
        if let Some(draft) = self.transaction.draft.take() {
            draft.discard().await;
        }
        if self.transaction.is_used() {
            self.id = self.service.queue.new_id(now());
        }
        self.begin();
    }

    /// Asks a ruleset and logs its verdict; the message remembers to be discarded or held back.
    pub(super) async fn check(&mut self, ask: &Ask<'_>) -> Result<(), CommandRefusal> {
        self.ctx.take_odd_value();
        let verdict = policy::check(&mut self.ctx, ask).await;
        self.ctx.log_notes(&self.service.log, &self.id);
        let hook = Hook::of_ruleset(ask.ruleset.as_bytes());
        let subject = hook.map(Hook::subject);
        let odd = hook.filter(|hook| hook.refuses_odd_values()).and_then(|_| address::odd_value(&mut self.ctx));
        if let (Some(reply), Some(Subject::Recipient)) = (&odd, subject) {
            self.note(&notes::refusal(reply));
        }
        let id = Some(&self.id).filter(|_| subject != Some(Subject::Command));
        self.tell_verdict(ask, &verdict, id);
        if let Some(reply) = odd {
            return Err(CommandRefusal::logged(reply));
        }
        match verdict {
            Verdict::Accept => {}
            Verdict::Discard => self.transaction.discard = true,
            Verdict::Quarantine(reason) => {
                self.ctx.set("quarantine", reason.clone());
                self.transaction.quarantine = Some(reason);
            }
            Verdict::Reject { reply, .. } | Verdict::Failed(reply) => return Err(CommandRefusal::logged(reply)),
        }
        Ok(())
    }

    // QUIRK(check-other-two-replies): a refused NOOP gets the refusal alone, where the original sends 250 behind it.
    async fn check_other(&mut self, line: &BStr, digit: u8) -> Answer {
        let digit = [digit];
        let args = [line.as_bytes(), digit.as_slice()];
        yes_or_no(self.check(&Ask::text(Hook::CheckOther, &args)).await)
    }

    /// Tells the log, and whoever looks on, what a ruleset says.
    fn tell_verdict(&self, ask: &Ask<'_>, verdict: &Verdict, id: Option<&QueueId>) {
        if let Some(study) = &self.service.study {
            (study.judged)(ask.ruleset, verdict);
        }
        let told = match verdict.clone() {
            Verdict::Reject { reply, exit } => Verdict::Reject { reply: self.softened(reply), exit },
            other => other,
        };
        log_verdict(&self.service.log, id, ask, &told, Some(&self.facts.origin));
        let mailer = self.sender_slot();
        match verdict {
            Verdict::Reject { .. } => self.service.log.tally().count(log::Event::Rejected { mailer }),
            Verdict::Discard => self.service.log.tally().count(log::Event::Discarded { mailer }),
            Verdict::Accept | Verdict::Failed(_) | Verdict::Quarantine(_) => {}
        }
    }

    /// Returns the place of the sender's mailer among the mailers, once there is a sender.
    pub(super) fn sender_slot(&self) -> Option<usize> {
        self.ctx.config().mailers.index_of(&self.ctx.get("mail_mailer")?)
    }

    /// Writes a note of the session to the log.
    pub(super) fn note(&self, note: &Note) {
        self.log(note.log_level, note.severity, Some(&self.id), &note.text);
    }

    /// Writes a line to the log, if the site logs so much.
    pub(super) fn log(&self, detail: u8, severity: Severity, id: Option<&QueueId>, line: &[u8]) {
        let priority = match severity {
            Severity::Critical => Priority::Critical,
            Severity::Warning => Priority::Warning,
            Severity::Notice => Priority::Notice,
            Severity::Info => Priority::Info,
        };
        self.service.log.line(Level { priority, detail: i64::from(detail) }, id, line);
    }

    /// Returns a reply as it is sent: where the site bounces softly, no refusal is final (`SoftBounce`).
    pub(super) fn softened(&self, mut reply: Reply) -> Reply {
        if self.options().soft_bounce && reply.is_permanent() {
            reply.code -= 100;
            reply.status = reply.status.map(softened);
        }
        reply
    }

    /// Returns a reply as it is sent; the message remembers the last refusal.
    pub(super) fn outgoing(&mut self, reply: Reply) -> Reply {
        // QUIRK(message-of-refusal): ETRN of an unknown queue group (459) is none.
        let refuses = matches!(reply.code / 100, 4 | 5) && reply.code != 459;
        let is_over = std::mem::take(&mut self.is_over);
        if refuses && !is_over {
            self.transaction.complaint = Some(Reply::as_sent(reply.text()).collect());
        }
        self.softened(reply)
    }

    /// Takes note of VERB: the client wants to know what becomes of its messages, which are delivered before the reply.
    pub(super) fn verbose(&mut self) {
        self.interactive = true;
    }

    /// Logs recipients that get no message after all, for those who want to know everything.
    fn log_forgotten(&self, why: &str) {
        if !self.service.log.is_written(Level::EXPANDED) {
            return;
        }
        for taken in &self.transaction.recipients {
            let delay = now().since(self.transaction.begun.unwrap_or_else(now));
            let to = vec![taken.recipient.address.clone()];
            let line = log::Delivered { to, delay, status: why.as_bytes().as_bstr(), ..log::Delivered::default() };
            line.write(&self.service.log, &self.id);
        }
    }

    /// Logs the sender of a message, or of an attempt; once.
    pub(super) fn log_sender(&mut self, message_id: Option<&[u8]>) {
        let Some(sender) = self.transaction.sender_to_log.take() else { return };
        let protocol = self.ctx.get("r").unwrap_or_default();
        let body = self.transaction.params.body.map(|body| BString::from(body.to_string()));
        let line = log::Accepted {
            from: sender.as_bstr(),
            size_bytes: self.transaction.params.size_bytes,
            class: i64::from(self.transaction.class),
            recipients: self.transaction.recipient_count(),
            message_id: message_id.unwrap_or_default().as_bstr(),
            body_type: body.as_ref().map(|body| body.as_bstr()),
            protocol: Some(protocol.as_bstr()),
            daemon: self.connection.daemon.as_ref().map(|port| port.name.as_bstr()),
            relay: self.facts.origin.as_bstr(),
        };
        line.write(&self.service.log, &self.id);
    }
}

/// Macros that tell of one message, or of one command of it.
const TRANSACTION_MACROS: [&str; 31] = [
    "c",
    "f",
    "g",
    "h",
    "r",
    "s",
    "x",
    "u",
    "z",
    "addr_type",
    "mail_from",
    "mail_mailer",
    "mail_host",
    "mail_addr",
    "rcpt_mailer",
    "rcpt_host",
    "rcpt_addr",
    "msg_size",
    "msg_id",
    "dsn_envid",
    "dsn_ret",
    "dsn_notify",
    "quarantine",
    "currHeader",
    "hdr_name",
    "hdrlen",
    "bodytype",
    "auth_author",
    "nrcpts",
    "nbadrcpts",
    "ntries",
];

/// Returns a listener that logs what only delays an answer, for those who look for it; failures are logged with what they are
/// about.
fn complaints(log: Log) -> Listener {
    Box::new(move |heard| match heard {
        Heard::Message(text) | Heard::Complaint { text, .. } => log.line(Level::EXPANDED, log::About::NoQueue, text),
        Heard::Trouble(_) | Heard::Fault(_) | Heard::Trace(_) | Heard::Pause => {}
        Heard::Asked { .. } | Heard::LookedUp { .. } => {}
    })
}

/// Returns the temporary form of a status code.
fn softened(status: Status) -> Status {
    format!("4{}", &status.to_string()[1..]).parse().unwrap_or(Status::new(4, 0, 0))
}

/// Turns the outcome of a check into an answer.
pub(super) fn yes_or_no(outcome: Result<(), CommandRefusal>) -> Answer {
    match outcome {
        Ok(()) => Answer::Yes,
        Err(refusal) => Answer::No(refusal),
    }
}
