//! Who gets the message: addresses of the command line and of the header, expanded, each once.

use std::collections::HashSet;

use bstr::{BString, ByteSlice};

use super::submission::Submission;
use super::terminal::Terminal;
use crate::deliver::services::Services;
use crate::log::{Delivered, Level, Priority};
use crate::mail::address_list::{self, Separator};
use crate::mail::envelope::{Notify, Recipient, Route};
use crate::mail::header::Header;
use crate::name::{QueueId, Sysexit};
use crate::route::local::Tables;
use crate::route::person::key;
use crate::route::recipients::{DUPLICATE, Expander, Placed};
use crate::route::refused::Refused;
use crate::site::Context;
use crate::site::completion::is_resent;

/// The fields that name recipients, and those that do so in a message that is sent again.
const FIELDS: [&str; 4] = ["To", "Cc", "Bcc", "Apparently-To"];
const RESENT_FIELDS: [&str; 3] = ["Resent-To", "Resent-Cc", "Resent-Bcc"];

/// The recipients found so far.
#[derive(Debug, Default)]
pub(super) struct Recipients {
    /// Who gets the message, by host.
    ///
    // QUIRK(recipients-by-host): the original keeps recipients sorted by host, those of one host in their order.
    pub(super) found: Vec<Recipient>,
    /// Who is among them.
    pub(super) taken: HashSet<Option<(BString, BString, BString)>>,
    /// Who cannot get it.
    pub(super) refused: Vec<Refused>,
    /// Whose names were read, and which users do not exist: each is told of once.
    pub(super) seen: HashSet<(BString, BString, BString)>,
    /// Members of lists with owners who cannot get it, which the caller knows: the owner hears of them when the list is served.
    pub(super) owned: Vec<Recipient>,
    /// Who may get it later: they are looked up again in the queue.
    pub(super) later: Vec<Refused>,
    /// Who was named, whatever became of him, by host: a header that names nobody tells of them (`NoRecipientAction`).
    pub(super) addressed: Vec<Recipient>,
    /// How many addresses were named.
    pub(super) named: usize,
    /// An address was misspelt; what could be made of it is used.
    pub(super) misspelt: bool,
    /// What is wrong with the last misspelt address.
    pub(super) complaint: Option<BString>,
    /// What the transcript says of misspelt addresses of aliases and files, which are used all the same.
    pub(super) flaws: BString,
    /// How many addresses count for priority and log: those that lead somewhere, be it only to a user that does not exist.
    pub(super) counted: usize,
    /// What separates the addresses of the next list.
    pub(super) separator: Separator,
    /// The only address that was named on the command line, for `$u`.
    pub(super) only: Option<BString>,
}

impl Recipients {
    /// Returns how many recipients the caller was told of: those who cannot get the message, and those the rules refuse for now.
    pub(super) fn told(&self) -> usize {
        self.refused.len() + self.later.iter().filter(|later| later.refusal.error().is_some()).count()
    }
}

/// An address that the rules lead somewhere.
struct Found {
    recipient: Recipient,
    route: Route,
}

/// What addresses are looked up with.
pub(super) struct Desk<'a> {
    pub(super) services: &'a Services,
    pub(super) submission: &'a Submission,
    pub(super) id: &'a QueueId,
    /// Refusals are logged as the caller sees them.
    pub(super) logs_complaints: bool,
    /// Users that do not exist have a line of their own in the log.
    pub(super) logs_refused: bool,
}

impl Desk<'_> {
    /// Adds the addresses of the command line.
    pub(super) async fn add_arguments(&self, ctx: &mut Context, to: &mut Recipients, terminal: &mut Terminal<'_>) {
        for argument in &self.submission.recipients {
            self.add_list(ctx, argument, to, terminal).await;
        }
        // QUIRK(usage-of-addresses)
        if to.misspelt || !to.flaws.is_empty() || !to.refused.is_empty() || !to.owned.is_empty() {
            terminal.fail(Sysexit::Usage);
        }
        if let ([only], 1) = (self.submission.recipients.as_slice(), to.named) {
            to.only = address_list::split(only, Separator::Comma).pop();
        }
    }

    /// Adds the addresses of the header (`-t`); in a message that is sent again, those of its `Resent-` fields.
    pub(super) async fn add_fields(
        &self,
        ctx: &mut Context,
        header: &[Header],
        to: &mut Recipients,
        terminal: &mut Terminal<'_>,
    ) {
        let names: &[&str] = if is_resent(header) { &RESENT_FIELDS } else { &FIELDS };
        for field in header.iter().filter(|field| names.iter().any(|name| field.is(name))) {
            let text = BString::from(field.value.replace(b"\n", b" "));
            self.add_list(ctx, &text, to, terminal).await;
        }
    }

    /// Adds the addresses of one list.
    ///
    // QUIRK(lists-backwards): the rules are asked about all addresses of a list in order, then they are looked up from the last
    // to the first.
    async fn add_list(&self, ctx: &mut Context, list: &[u8], to: &mut Recipients, terminal: &mut Terminal<'_>) {
        let addresses = address_list::split(list, to.separator);
        to.separator = to.separator.after(list);
        to.named += addresses.len();
        let mut found = Vec::with_capacity(addresses.len());
        for address in addresses {
            found.extend(self.place(ctx, address, to, terminal).await);
        }
        for found in found.into_iter().rev() {
            self.add(ctx, found, to, terminal).await;
        }
    }

    /// Asks the rules where an address leads; tells what is wrong with it.
    async fn place(
        &self,
        ctx: &mut Context,
        spelling: BString,
        to: &mut Recipients,
        terminal: &mut Terminal<'_>,
    ) -> Option<Found> {
        let mut recipient = Recipient::new(spelling);
        recipient.notify = self.submission.notify;
        let Placed { route, flaw } = self.expander(ctx).place(&mut recipient).await;
        if let Some(flaw) = flaw {
            self.tell(&flaw.complaint(), terminal);
            to.misspelt = true;
            to.complaint = Some(flaw.complaint());
        }
        match route {
            Ok(route) => route.map(|route| Found { recipient, route }),
            Err(refused) => {
                self.turn_away(refused, to, terminal);
                None
            }
        }
    }

    /// Adds whoever an address stands for.
    async fn add(&self, ctx: &mut Context, found: Found, to: &mut Recipients, terminal: &mut Terminal<'_>) {
        let Found { recipient, route } = found;
        if !to.seen.insert(key(ctx, &route)) {
            return;
        }
        let address = recipient.address.clone();
        let named = Recipient { route: Some(route.clone()), ..Recipient::new(address.clone()) };
        insert(&mut to.addressed, named);
        let expanded = self.expander(ctx).expand_placed(recipient, route).await;
        ctx.log_notes(&self.services.log, self.id);
        for warning in &expanded.warnings {
            self.services.log.line(Level::UNSAFE_FILE, self.id, warning);
        }
        for flaw in &expanded.flaws {
            self.tell(&flaw.complaint(), terminal);
            to.flaws.extend_from_slice(&flaw.transcript());
        }
        for recipient in expanded.recipients {
            self.take(ctx, recipient, to);
        }
        for refused in expanded.refused {
            let is_named = refused.recipient.primary && refused.recipient.address == address;
            let missing = refused.recipient.route.as_ref().filter(|_| refused.is_missing_user());
            if is_named || missing.is_none_or(|route| to.seen.insert(key(ctx, route))) {
                self.turn_away(refused, to, terminal);
            }
        }
    }

    /// Returns what looks addresses up.
    fn expander<'c>(&'c self, ctx: &'c mut Context) -> Expander<'c> {
        let uses_aliases = !self.submission.without_aliases;
        let Services { aliases, hands, witness, .. } = self.services;
        Expander { ctx, tables: Tables { aliases, hands, uses_aliases }, witness }
    }

    /// Takes note of a recipient that cannot be served, or not now.
    fn turn_away(&self, refused: Refused, to: &mut Recipients, terminal: &mut Terminal<'_>) {
        if refused.refusal.is_temporary() {
            if refused.refusal.error().is_some() {
                self.refuse(&refused, terminal);
            }
            to.counted += 1;
            to.later.push(refused);
        } else {
            to.counted += usize::from(refused.is_counted());
            self.refuse(&refused, terminal);
            // QUIRK(owner-hears)
            match refused.recipient.owner {
                Some(_) => to.owned.push(refused.recipient),
                None => to.refused.push(refused),
            }
        }
    }

    /// Puts a recipient in its place, unless it is there already.
    fn take(&self, ctx: &mut Context, recipient: Recipient, to: &mut Recipients) {
        let of = |recipient: &Recipient| recipient.route.as_ref().map(|route| key(ctx, route));
        let own = of(&recipient);
        if to.taken.insert(own.clone()) {
            insert(&mut to.found, recipient);
            to.counted += 1;
            ctx.set("nrcpts", to.counted.to_string());
        } else if let Some(known) = to.found.iter_mut().find(|known| of(known) == own) {
            if !known.primary {
                self.services.witness.tell_about(&recipient.address, DUPLICATE);
            }
            known.primary |= recipient.primary;
        }
    }

    /// Tells caller and log what is wrong with an address.
    fn tell(&self, text: &BString, terminal: &mut Terminal<'_>) {
        if self.logs_complaints {
            let level = Level { priority: Priority::Info, detail: 5 };
            self.services.log.line(level, self.id, text);
        }
        terminal.complain(text);
    }

    /// Tells caller and log of a recipient that cannot be served.
    fn refuse(&self, refused: &Refused, terminal: &mut Terminal<'_>) {
        let Refused { recipient, refusal, .. } = refused;
        // The log has heard of a fault already.
        match refusal.is_fault() {
            true => terminal.complain(refused.complaint()),
            false => self.tell(&refused.complaint(), terminal),
        }
        // Who waits has not failed.
        if refusal.exit != Sysexit::TempFail {
            terminal.fail(refusal.exit);
        }
        if self.logs_refused && refused.is_missing_user() && recipient.owner.is_none() {
            let reply = BString::from(format!("{} {} {}", refusal.code, refusal.status, refusal.text));
            Delivered {
                to: vec![recipient.address.clone()],
                control: refused.control(),
                mailer: recipient.route.as_ref().map(|route| route.mailer.as_bytes().as_bstr()),
                dsn: Some(refusal.status),
                reply: Some(reply.as_bstr()),
                status: refusal.text.as_bstr(),
                ..Delivered::default()
            }
            .write(&self.services.log, self.id);
        }
    }
}

/// Puts a recipient in its place among others of its host.
fn insert(list: &mut Vec<Recipient>, recipient: Recipient) {
    let host = |recipient: &Recipient| recipient.route.as_ref().map(|route| route.host.to_ascii_lowercase());
    let own = host(&recipient);
    let at = list.partition_point(|known| host(known) <= own);
    list.insert(at, recipient);
}

/// Tells whether a report of failure is unwanted for a recipient (`-N never`).
pub(super) fn is_unreported(recipient: &Recipient) -> bool {
    recipient.notify.is_some_and(|notify: Notify| !notify.failure)
}
