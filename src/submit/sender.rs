//! Whose message it is: the sender of the envelope, the full name, and what readers are warned of.

use std::path::PathBuf;

use bstr::{BString, ByteSlice};

use super::caller::Caller;
use super::submission::Submission;
use super::terminal::Terminal;
use crate::cf::{MailerFlag, Privacy};
use crate::deliver::services::Services;
use crate::log::Level;
use crate::mail::address_list;
use crate::mail::envelope::{Ownership, Route};
use crate::mail::full_name;
use crate::mail::header::Header;
use crate::name::{QueueId, Sysexit, TrimSpace as _};
use crate::route::parse;
use crate::route::remote_name;
use crate::route::role::Role;
use crate::site::Context;
use crate::smtp::server::encode_xtext;
use crate::smtp::server::texts;
use crate::sys::user::User;

/// The class of users who may name any sender without a warning.
const TRUSTED_CLASS: &str = "t";

/// The longest sender that the log tells of when it is none, in bytes.
const SENDER_BYTES_MAX: usize = 203;

/// The sender of a message.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    /// As the log and the queue name it.
    pub(super) address: BString,
    /// The name that it is told to others by (flag `i` of its mailer), where the user databases know one.
    pub(super) sent_as: Option<BString>,
    /// Where its address leads.
    pub(super) route: Option<Route>,
    /// The home directory of a sender that is the caller himself.
    pub(super) home: Option<PathBuf>,
    /// The full name of a sender who is a user of this host, as it stands before an address.
    pub(super) full_name: Option<BString>,
    /// Somebody named the sender, and the name is an address.
    pub(super) is_named: bool,
    /// Whose rights the message has.
    pub(super) owner: Ownership,
    /// Whom the message can be attributed to (`AUTH=`), as xtext.
    pub(super) auth: Option<BString>,
}

/// The parts that find out about the sender.
pub(super) struct Registrar<'a> {
    pub(super) services: &'a Services,
    pub(super) caller: &'a Caller,
    pub(super) id: &'a QueueId,
}

impl Registrar<'_> {
    /// Finds out whose message it is; sets `$f`, `$x` and returns the warnings that readers get.
    pub(super) async fn sender(
        &self,
        ctx: &mut Context,
        submission: &Submission,
        terminal: &mut Terminal<'_>,
    ) -> (Sender, Vec<Header>) {
        let mut warnings: Vec<Header> = submission.warnings.iter().filter_map(|text| self.warning(ctx, text)).collect();
        let wanted = submission.sender.clone().unwrap_or_else(|| self.caller.name.clone());
        let (spelling, route) = self.route(ctx, wanted.clone(), terminal).await;
        let is_named = submission.sender.is_some() && spelling == wanted;
        let mailname = route.as_ref().and_then(|route| remote_name::mailname(ctx, &route.mailer, &route.user));
        let canonical = remote_name::canonical(ctx, mailname.as_ref().unwrap_or(&spelling)).await;
        // As it was named, a source route and all; only rules see it otherwise.
        let address = if canonical.is_empty() { "<>".into() } else { full_name::clean(spelling.trim_space()) };
        let is_local = self.has_flag(ctx, route.as_ref(), MailerFlag::Local);
        let has_account = self.has_flag(ctx, route.as_ref(), MailerFlag::Accounts);
        // A sender elsewhere is the caller all the same, who has named it.
        let is_elsewhere = !canonical.is_empty() && !has_account;
        let owner = if is_elsewhere { self.caller.owner() } else { Ownership::Nobody };
        let sent_as = mailname
            .filter(|_| self.has_flag(ctx, route.as_ref(), MailerFlag::SenderInUserDatabase))
            .map(|_| canonical.clone());
        let route_of = route.clone();
        let mut sender =
            Sender { address, sent_as, route: route_of, home: None, full_name: None, is_named, owner, auth: None };
        let full_name = submission.full_name.clone().or_else(|| self.caller.full_name.clone());
        let mut full_name = full_name.filter(|name| !name.is_empty());
        if let Some(route) = route.as_ref().filter(|_| has_account) {
            if let Ok(Some(user)) = self.services.hands.user(&route.user).await {
                let found = full_name::clean(&User::from(user.clone()).full_name());
                full_name = full_name.or(Some(found).filter(|name| !name.is_empty()));
                sender.home = (user.uid == self.caller.uid).then(|| user.home.to_path_lossy().into_owned());
                sender.owner = Ownership::User { uid: user.uid, gid: user.gid };
                ctx.set("z", user.home);
            }
            if let Some(name) = &full_name {
                let quoted = full_name::phrase(&full_name::clean(name), &ctx.config().options.must_quote_chars);
                ctx.set("x", quoted.clone());
                sender.full_name = Some(quoted);
            }
        }
        ctx.set("f", canonical.clone());
        let is_own = is_local && route.as_ref().is_some_and(|route| route.user == self.caller.name);
        let may_name = submission.sender.is_none() || is_own || ctx.is_in_class(TRUSTED_CLASS, &self.caller.name);
        if may_name {
            sender.auth = author(ctx, &canonical);
        } else {
            let given = submission.sender.clone().unwrap_or_default();
            let text = format!("{} set sender to {given} using -f", self.caller.name);
            warnings.extend(self.warning(ctx, text.as_bytes()));
        }
        (sender, warnings)
    }

    /// Logs a warning and returns it as a header field, if the site wants such (`PrivacyOptions=authwarnings`).
    fn warning(&self, ctx: &Context, text: &[u8]) -> Option<Header> {
        if !ctx.config().options.privacy.has(Privacy::AuthWarnings) {
            return None;
        }
        let text = BString::from([ctx.get("j").unwrap_or_default().as_slice(), b": ", text].concat());
        self.services.log.say(Level::AUTH_WARNING, self.id, format_args!("Authentication-Warning: {text}"));
        Some(Header::new("X-Authentication-Warning", text))
    }

    /// Asks the rules where the sender's address leads; one that is no address is replaced by the caller's.
    async fn route(&self, ctx: &mut Context, wanted: BString, terminal: &mut Terminal<'_>) -> (BString, Option<Route>) {
        // QUIRK(comment-as-sender): nothing is said of one.
        if address_list::is_comment(&wanted) {
            return self.own_route(ctx, &wanted).await;
        }
        let reason = match parse::parse(ctx, &wanted, Role::Sender).await {
            Ok(parsed) => {
                let route = parsed.into_route();
                if route.special().is_none() {
                    return (wanted, Some(route));
                }
                BString::from("Invalid sender address")
            }
            // Where it leads may be known when somebody must be told.
            Err(refusal) if refusal.is_temporary() => {
                terminal.complain(texts::with_address(refusal.code, &wanted, &refusal.text));
                if refusal.exit != Sysexit::TempFail {
                    terminal.fail(refusal.exit);
                }
                return (wanted, None);
            }
            Err(refusal) if refusal.is_fault() => {
                terminal.complain(&refusal.text);
                terminal.fail(refusal.exit);
                return self.own_route(ctx, &wanted).await;
            }
            Err(refusal) => refusal.text,
        };
        terminal.complain(format!("{wanted}... {reason}"));
        terminal.fail(Sysexit::Usage);
        self.own_route(ctx, &wanted).await
    }

    /// Returns the caller's own address and route in place of a sender that is none.
    async fn own_route(&self, ctx: &mut Context, wanted: &[u8]) -> (BString, Option<Route>) {
        ctx.log_notes(&self.services.log, self.id);
        let origin = ctx.get("_").unwrap_or_default();
        let shown = crate::log::shorten(wanted, SENDER_BYTES_MAX);
        let line = format!("setsender: {shown}: invalid or unparsable, received from {origin}");
        self.services.log.say(Level::BAD_SENDER, self.id, line);
        let own = self.caller.name.clone();
        let route = parse::parse(ctx, &own, Role::Sender).await.ok().map(parse::Parsed::into_route);
        (own, route)
    }

    /// Tells whether the mailer of a route has a flag.
    fn has_flag(&self, ctx: &Context, route: Option<&Route>, flag: MailerFlag) -> bool {
        let mailer = route.and_then(|route| ctx.config().mailers.get(route.mailer.as_bytes()));
        mailer.is_some_and(|mailer| mailer.flags.has(flag))
    }
}

/// Returns the sender with its host, in xtext (`RFC 3461 §4`); none for the null sender.
fn author(ctx: &Context, address: &[u8]) -> Option<BString> {
    if matches!(address, b"" | b"<>") {
        return None;
    }
    let mut whole = BString::from(address);
    if !whole.contains(&b'@') {
        whole.push(b'@');
        whole.extend_from_slice(&ctx.get("j").unwrap_or_default());
    }
    Some(encode_xtext(&whole))
}
