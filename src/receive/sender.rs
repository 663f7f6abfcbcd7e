//! MAIL: whose message it is.

use bstr::{BStr, BString, ByteSlice};

use super::address;
use super::clerk::{Clerk, now, yes_or_no};
use crate::cf::{MailerFlag, Privacy};
use crate::log::Level;
use crate::mail::envelope::Route;
use crate::mail::header::Header;
use crate::mail::token::ScanOptions;
use crate::policy::{Ask, Hook};
use crate::route::remote_name;
use crate::route::role::Role;
use crate::smtp::server::{Answer, CommandRefusal, MailParams, decode_xtext, texts};

/// The most fields that warn of a client without HELO.
const WARNINGS_MAX: usize = 20;

impl Clerk<'_> {
    /// Finds out whether the sender's address is one, and sets the macros that tell of it.
    pub(super) async fn sender(&mut self, spelling: &BStr, argument: &BStr, after_hello: bool) -> Answer {
        self.service.site.refresh_maps().await;
        self.service.directory.refresh().await;
        self.begin_transaction();
        if !after_hello {
            self.warn_of_missing_hello();
        }
        if !argument.starts_with(spelling) {
            self.log_no_sender(argument);
        }
        let parsed = address::parse(&mut self.ctx, spelling, Role::Sender).await;
        // QUIRK(unparsed-sender-logged): of a transaction that has begun, the log tells of the last sender.
        let has_begun = self.transaction.sender_to_log.is_some();
        if has_begun && self.ctx.scan(spelling, ScanOptions::ADDRESS).errors.is_empty() {
            self.transaction.sender_to_log = Some(if parsed.is_ok() { spelling.into() } else { "<NONE>".into() });
        }
        let route = match parsed {
            Ok(parsed) => parsed.into_route(),
            Err(refusal) => return Answer::No(refusal),
        };
        if route.special().is_some() {
            self.log_no_sender(argument);
            return Answer::No(CommandRefusal::new(texts::invalid_sender(spelling)));
        }
        // QUIRK(mail-from): as the client spelt it, brackets and all; FEATURE(delay_checks) hands it to check_mail.
        self.ctx.set("mail_from", spelling.to_owned());
        self.ctx.set("mail_mailer", route.mailer.as_bytes());
        self.ctx.set("mail_host", route.host.clone());
        self.ctx.set("mail_addr", route.user.clone());
        self.name_sender(spelling, &route).await;
        if let Some(odd) = address::odd_value(&mut self.ctx) {
            return Answer::No(CommandRefusal::new(odd));
        }
        self.transaction.begun = Some(now());
        self.transaction.sender = spelling.into();
        self.transaction.sender_to_log = Some(spelling.into());
        Answer::Yes
    }

    /// Logs that what MAIL names is no sender.
    fn log_no_sender(&self, argument: &BStr) {
        let shown = texts::shortened(argument);
        let line = format!("setsender: {shown}: invalid or unparsable, received from {}", self.facts.origin);
        self.service.log.say(Level::BAD_SENDER, &self.id, line);
    }

    /// Sets `$f` (the sender as rewritten), `$x` and `$z` (full name and home of a local one).
    async fn name_sender(&mut self, spelling: &BStr, route: &Route) {
        let mailer = self.service.site.config.mailers.get(route.mailer.as_bytes());
        self.transaction.full_name = None;
        self.ctx.clear("x");
        let has_users = mailer.is_some_and(|mailer| mailer.flags.has(MailerFlag::Accounts));
        if has_users && let Some(resident) = self.service.directory.resident(&route.user).await {
            if let Some(name) = resident.full_name {
                self.ctx.set("x", name.clone());
                self.transaction.full_name = Some(name);
            }
            self.ctx.set("z", resident.home);
        }
        let tells_name = mailer.is_some_and(|mailer| mailer.flags.has(MailerFlag::SenderInUserDatabase));
        let mailname = remote_name::mailname(&self.ctx, &route.mailer, &route.user);
        let name = match &mailname {
            Some(name) => remote_name::canonical(&mut self.ctx, name).await,
            None => remote_name::canonical(&mut self.ctx, &spelling.to_owned()).await,
        };
        self.transaction.sent_as = mailname.filter(|_| tells_name).map(|_| name.clone());
        self.ctx.set("f", name);
    }

    /// Notes in log and header that the client did not say HELO.
    fn warn_of_missing_hello(&mut self) {
        if !self.options().privacy.has(Privacy::AuthWarnings) {
            return;
        }
        let host = self.ctx.get("j").unwrap_or_default();
        let text = BString::from(format!("{host}: {} didn't use HELO protocol", self.facts.origin));
        let line = BString::from(format!("Authentication-Warning: {text}"));
        self.service.log.line(Level::AUTH_WARNING, &self.id, &line);
        // The original adds one for each MAIL, be it refused, without end.
        if self.transaction.added.len() < WARNINGS_MAX {
            self.transaction.added.push(Header::new("X-Authentication-Warning", text));
        }
    }

    /// Takes the parameters of MAIL, some of which may be wrong.
    pub(super) async fn take_params(&mut self, params: MailParams) {
        self.publish_params(&params);
        if params.auth != self.transaction.params.auth
            && let Some(auth) = params.auth.clone()
        {
            self.transaction.auth = Some(self.trusted_auth(auth).await);
        }
        self.transaction.params = params;
    }

    /// Finds out whether the sender may send.
    pub(super) async fn sender_check(&mut self, spelling: &BStr, params: MailParams, needs_room: bool) -> Answer {
        self.take_params(params).await;
        self.ctx.set("addr_type", "e s");
        let args = [spelling.as_bytes()];
        let outcome = self.check(&Ask::address(Hook::CheckMail, &args)).await;
        self.ctx.clear("addr_type");
        if let (Ok(()), true) = (&outcome, needs_room)
            && let Err(error) = self.service.queue.check_space(self.transaction.params.size_bytes).await
        {
            return Answer::No(CommandRefusal::logged(self.queue_failed(&error)));
        }
        yes_or_no(outcome)
    }

    /// Sets the macros that tell of the parameters of MAIL.
    fn publish_params(&mut self, params: &MailParams) {
        if let Some(size) = &params.size_text {
            self.ctx.set("msg_size", size.clone());
        }
        if let Some(envid) = &params.envid {
            self.ctx.set("dsn_envid", envid.clone());
        }
        if let Some(ret) = &params.ret_text {
            self.ctx.set("dsn_ret", ret.clone());
        }
        // QUIRK(bodytype-late): ${bodytype} is told only when the message is delivered.
    }

    /// Returns what counts as the author that `AUTH=` names, in xtext as it came: nobody, unless ruleset trust_auth trusts
    /// the client.
    async fn trusted_auth(&mut self, auth: BString) -> BString {
        let author = decode_xtext(&auth);
        self.ctx.set("auth_author", author.clone());
        if author == "<>" {
            return author;
        }
        let args = [author.as_slice()];
        let verdict = crate::policy::check(&mut self.ctx, &Ask::text(Hook::TrustAuth, &args)).await;
        if verdict == crate::policy::Verdict::Accept { auth } else { "<>".into() }
    }
}
