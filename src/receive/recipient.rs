//! RCPT: who shall get the message.

use std::sync::Arc;

use bstr::{BStr, BString};

use super::address;
use super::clerk::Clerk;
use super::service::Standing;
use super::transaction::{Key, Taken};
use crate::mail::address_list;
use crate::mail::envelope::{Recipient, Special};
use crate::policy::{Ask, Hook};
use crate::route::parse::Parsed;
use crate::route::role::Role;
use crate::smtp::server::{Answer, CommandRefusal, RcptParams, texts};

impl Clerk<'_> {
    /// Finds out whether a recipient's address is one, and sets the macros that tell of it.
    pub(super) async fn recipient(&mut self, spelling: &BStr) -> Answer {
        for name in ["rcpt_mailer", "rcpt_host", "rcpt_addr"] {
            self.ctx.clear(name);
        }
        self.ctx.set("addr_type", "e r");
        if address_list::is_comment(spelling) {
            return self.refuse(CommandRefusal::new(texts::missing_recipient()));
        }
        match address::parse(&mut self.ctx, spelling, Role::Recipient).await {
            Ok(parsed) => {
                let route = parsed.route();
                self.ctx.set("rcpt_mailer", route.mailer.as_bytes());
                self.ctx.set("rcpt_host", route.host.clone());
                self.ctx.set("rcpt_addr", route.user.clone());
                self.transaction.pending = Some(parsed);
                Answer::Yes
            }
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// Finds out whether a recipient may and can be served.
    pub(super) async fn recipient_check(&mut self, spelling: BString, params: RcptParams) -> Answer {
        if let Some(notify) = &params.notify_text {
            self.ctx.set("dsn_notify", notify.clone());
        }
        self.ctx.set("addr_type", "e r");
        let args = [spelling.as_slice()];
        if let Err(refusal) = self.check(&Ask::address(Hook::CheckRcpt, &args)).await {
            return self.refuse(refusal);
        }
        for name in ["addr_type", "dsn_notify"] {
            self.ctx.clear(name);
        }
        let parsed = self.transaction.pending.take().expect("its address was parsed a moment ago");
        match self.standing(&spelling, parsed).await {
            Standing::Refused(reply) => {
                self.transaction.names_others = true;
                self.refuse(CommandRefusal::new(reply))
            }
            Standing::Known(recipient) => self.accept(recipient, params, true, false),
            Standing::Elsewhere(recipient) => self.accept(recipient, params, false, false),
            Standing::Later(recipient) => self.accept(recipient, params, true, true),
        }
    }

    /// Finds out how a recipient stands.
    async fn standing(&mut self, spelling: &BString, parsed: Parsed) -> Standing {
        let discard = self.transaction.discard;
        // QUIRK(discard-takes-files)
        let is_taken = discard && parsed.route().special() != Some(Special::Program);
        if let Some(reply) = address::special(parsed.route(), spelling).filter(|_| !is_taken) {
            return Standing::Refused(reply);
        }
        if discard {
            let mut recipient = Recipient::new(spelling.clone());
            recipient.route = Some(parsed.into_route());
            return Standing::Known(recipient);
        }
        self.service.directory.recipient(&mut self.ctx, spelling, parsed).await
    }

    /// Adds a recipient to the message.
    fn accept(&mut self, mut recipient: Recipient, params: RcptParams, again: bool, queued: bool) -> Answer {
        // QUIRK(refused-recipient-stays): these tell of one that is refused until the next one.
        for name in ["rcpt_mailer", "rcpt_host", "rcpt_addr"] {
            self.ctx.clear(name);
        }
        // QUIRK(hop-count): from the first recipient on, until the message is there.
        self.ctx.set("c", "0");
        if self.transaction.is_full() {
            return self.refuse(CommandRefusal::new(texts::too_many_recipients()));
        }
        if queued && self.transaction.complaint.is_none() {
            self.transaction.complaint = self.ctx.take_deferral();
        }
        recipient.notify = params.notify;
        recipient.orcpt = params.orcpt.map(Arc::new);
        let route = recipient.route.clone();
        let key = route.map_or_else(Default::default, |route| Key::of(&route, &self.service.site.config.mailers));
        let spelling = recipient.address.clone();
        let first = self.transaction.take(key, Taken { recipient, again, later: queued }).cloned();
        self.ctx.set("nrcpts", self.transaction.recipient_count().to_string());
        Answer::Recipient { address: first.unwrap_or(spelling), queued }
    }

    /// Counts a refused RCPT.
    fn refuse(&mut self, refusal: CommandRefusal) -> Answer {
        self.transaction.bad_recipients += 1;
        self.ctx.set("nbadrcpts", self.transaction.bad_recipients.to_string());
        Answer::No(refusal)
    }
}
