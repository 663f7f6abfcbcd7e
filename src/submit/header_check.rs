//! What the site's rules say of the header that a local program gave (`HName: $>ruleset`, check_eoh).

use bstr::BString;

use super::message::{Flaws, Incoming};
use super::terminal::Terminal;
use crate::cf::EightBitMode;
use crate::deliver::attempt::Settled;
use crate::deliver::outcome::Outcome;
use crate::deliver::services::Services;
use crate::log::{Event, Level, Priority};
use crate::mail::envelope::Envelope;
use crate::mail::reply::Reply;
use crate::name::{QueueId, Status, Sysexit};
use crate::policy::{self, Verdict, header_questions, log_verdict};
use crate::site::Context;
use crate::smtp::server::{notes, texts};

/// What the rules say.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    /// The message is to be thrown away.
    pub(super) is_discarded: bool,
    /// Why the message is to be held back.
    pub(super) quarantine: Option<BString>,
    /// Why the message is refused.
    pub(super) refusal: Option<Refusal>,
    /// What the caller is told.
    told: Option<Reply>,
}

/// Why a message is refused, or put off.
#[derive(Debug)]
pub(super) struct Refusal {
    /// All that was said against it, as a transcript has it.
    pub(super) transcript: BString,
    /// What was said first, or last among what trying again does not change.
    reply: Reply,
}

impl Refusal {
    /// Returns the refusal of a message with a text of our own.
    pub(super) fn new(reply: Reply) -> Self {
        Self { transcript: format!("{reply}\n").into(), reply }
    }

    /// Returns the text that log and queue tell.
    pub(super) fn text(&self) -> BString {
        self.reply.text().into()
    }

    /// Keeps the message from all its recipients; returns them with what became of them, unless they may get it later.
    pub(super) fn apply(&self, envelope: &mut Envelope) -> Vec<Settled> {
        envelope.flags.split = false;
        envelope.message = Some(self.text());
        if self.reply.is_temporary() {
            return Vec::new();
        }
        let outcome = Outcome::failed(Status::new(5, 0, 0), self.text());
        let returned = std::mem::take(&mut envelope.recipients);
        returned.into_iter().map(|recipient| Settled { recipient, outcome: outcome.clone() }).collect()
    }

    /// Adds what else was said.
    fn add(&mut self, reply: Reply) {
        self.transcript.extend_from_slice(format!("{reply}\n").as_bytes());
        if reply.is_permanent() {
            self.reply = reply;
        }
    }
}

/// Asks the rules about the header of the message `id`.
pub(super) async fn judge(
    services: &Services,
    ctx: &mut Context,
    id: &QueueId,
    incoming: &Incoming,
    terminal: &mut Terminal<'_>,
) -> Judgement {
    let mut judgement = Judgement::default();
    for question in header_questions(&services.site.config, &incoming.headers, incoming.header_bytes) {
        question.publish(ctx);
        let args = question.args();
        let ask = question.ask(&args);
        let verdict = policy::check(ctx, &ask).await;
        ctx.log_notes(&services.log, id);
        let submitter = ctx.get("_");
        log_verdict(&services.log, Some(id), &ask, &verdict, submitter.as_ref().map(|name| name.as_slice()));
        match verdict {
            Verdict::Accept => {}
            Verdict::Discard => judgement.is_discarded = true,
            Verdict::Quarantine(reason) => {
                ctx.set("quarantine", reason.clone());
                judgement.quarantine = Some(reason);
            }
            Verdict::Reject { reply, exit } => judgement.refuse(reply, exit, terminal),
            Verdict::Failed(reply) => judgement.refuse(reply, Sysexit::Software, terminal),
        }
    }
    judgement
}

impl Judgement {
    /// Takes note of a refusal.
    ///
    // QUIRK(one-refusal-told): the caller is told the last one, or the last that trying again does not change.
    fn refuse(&mut self, reply: Reply, exit: Sysexit, terminal: &mut Terminal<'_>) {
        if self.told.as_ref().is_none_or(|told| told.is_temporary() || reply.is_permanent()) {
            self.told = Some(reply.clone());
        }
        if reply.is_permanent() {
            terminal.fail(exit);
        }
        match &mut self.refusal {
            Some(refusal) => refusal.add(reply),
            None => self.refusal = Some(Refusal::new(reply)),
        }
    }

    /// Refuses a message for what it is, whatever its header says: its `flaws`, and bytes above 127 that nothing announced
    /// where the site wants that; it does not count for the exit status.
    ///
    // QUIRK(size-of-refused): how large it is does not matter once its header is refused for good.
    pub(super) fn look_at(
        &mut self,
        services: &Services,
        envelope: &Envelope,
        flaws: Flaws,
        terminal: &mut Terminal<'_>,
    ) {
        let is_refused = self.refusal.as_ref().is_some_and(|refusal| refusal.reply.is_permanent());
        if let Some(max) = flaws.larger_than.filter(|_| !is_refused) {
            let note = notes::message_too_large(envelope.size_bytes, max);
            let level = Level { priority: Priority::Notice, detail: note.log_level.into() };
            services.log.line(level, &envelope.id, &note.text);
            self.refuse(texts::message_too_large(max), Sysexit::Ok, terminal);
        }
        let mode = services.site.config.options.eight_bit_mode;
        if let Some(reply) = envelope.undeclared_eight_bits().filter(|_| mode == EightBitMode::Strict) {
            self.refuse(reply, Sysexit::Ok, terminal);
        }
        if flaws.has_nul {
            self.refuse(texts::nul_not_allowed(), Sysexit::Ok, terminal);
        }
    }

    /// Tells the caller why the message is refused.
    pub(super) fn tell(&self, terminal: &mut Terminal<'_>) {
        if let Some(reply) = &self.told {
            terminal.tell(reply.text());
        }
    }

    /// Counts what the rules said of a message, for the statistics; `mailer` is that of its sender.
    pub(super) fn count(&self, services: &Services, mailer: Option<usize>) {
        let event = match self {
            Self { refusal: Some(_), .. } => Event::Rejected { mailer },
            Self { is_discarded: true, .. } => Event::Discarded { mailer },
            Self { quarantine: Some(_), .. } => Event::Quarantined { mailer },
            Self { .. } => return,
        };
        services.log.tally().count(event);
    }
}
