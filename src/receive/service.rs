//! What all sessions of a server share, and what they need of others.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use bstr::BString;

use crate::log::Log;
use crate::mail::address_list::Separator;
use crate::mail::envelope::Recipient;
use crate::mail::reply::Reply;
use crate::policy::Verdict;
use crate::queue::{Claimed, Queue};
use crate::route::parse::Parsed;
use crate::site::{Context, Listener, Site, Supposed};

/// An answer that may come at once or later.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What all sessions of a server share.
pub struct Service {
    /// Configuration, classes, maps, names.
    pub site: Arc<Site>,
    /// Where messages go.
    pub queue: Queue,
    /// The log.
    pub log: Log,
    /// Alias files and accounts.
    pub directory: Arc<dyn Directory>,
    /// What is done with an accepted message that is to be delivered at once.
    pub deliver: Deliver,
    /// What ETRN starts.
    pub run_queue: RunQueue,
    /// The load average, kept up to date by somebody else.
    pub load: Arc<AtomicI64>,
    /// The text of the help file, if there is one.
    pub help: Option<Arc<[u8]>>,
    /// Somebody who looks on: then no message is kept.
    pub study: Option<Study>,
}

/// Somebody who looks on while a session's rules run, and says what they shall take for granted.
#[derive(Clone)]
pub struct Study {
    /// Makes what hears of every step.
    pub listener: Arc<dyn Fn() -> Listener + Send + Sync>,
    /// Hears what a check_* ruleset says.
    pub judged: Judged,
    /// What a map is taken to say.
    pub supposed: Option<Supposed>,
}

/// Hears the name of a ruleset and its verdict.
pub type Judged = Arc<dyn Fn(&str, &Verdict) + Send + Sync>;

impl Study {
    /// How much is heard: every rule that is tried.
    const TRACE_LEVEL: u8 = 12;

    /// Listens to what happens in `ctx`.
    pub fn begin(&self, ctx: &mut Context) {
        ctx.listen((self.listener)(), Self::TRACE_LEVEL);
        if let Some(supposed) = &self.supposed {
            ctx.suppose(supposed.clone());
        }
    }
}

/// Delivers an accepted message; where the client waits for that, the reply comes after the end of the returned work.
///
/// Messages that are only queued, and those held back, do not come here: the next run of the queue finds them.
pub type Deliver = Arc<dyn Fn(Accepted) -> Pending<'static, ()> + Send + Sync>;

/// Runs the queue for a host (`@` before a domain and all below it) or, with `#`, for a queue group.
pub type RunQueue = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// A message that was accepted and stands in the queue, locked by us.
pub struct Accepted {
    /// The entry.
    pub claimed: Claimed,
    /// Whether the client waits for the delivery (interactive mode); else it goes on in the background.
    pub is_awaited: bool,
}

/// What RCPT, VRFY and EXPN ask of alias files and accounts.
pub trait Directory: Send + Sync {
    /// Takes note of changes of the alias files; called once a transaction.
    fn refresh(&self) -> Pending<'_, ()>;

    /// Finds out whether a recipient exists, without expanding aliases: RCPT.
    ///
    /// `spelling` is the address as typed, `parsed` what the rules made of it; one that is to be parsed again is not looked
    /// up. A local address that ruleset 5 sends elsewhere comes back with that route and a controller.
    fn recipient<'a>(&'a self, ctx: &'a mut Context, spelling: &'a [u8], parsed: Parsed) -> Pending<'a, Standing>;

    /// Lists whom addresses stand for: VRFY (aliases are not expanded) and EXPN.
    fn list<'a>(
        &'a self,
        ctx: &'a mut Context,
        addresses: &'a [u8],
        separator: Separator,
        expand: bool,
    ) -> Pending<'a, Listing>;

    /// Returns what macros say of the account called `user`, if there is such an account.
    fn resident<'a>(&'a self, user: &'a [u8]) -> Pending<'a, Option<Resident>>;
}

/// A user of this host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resident {
    /// The full name (`$x`), if it is known.
    pub full_name: Option<BString>,
    /// The home directory (`$z`).
    pub home: BString,
}

/// How a recipient stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// It is one of ours: an alias or an account. It is looked up again when it is delivered.
    Known(Recipient),
    /// It goes elsewhere, and is ready for delivery.
    Elsewhere(Recipient),
    /// A look-up cannot be made now; the recipient is accepted and queued.
    Later(Recipient),
    /// It does not exist, or may not be written to.
    Refused(Reply),
}

/// What VRFY or EXPN finds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// Whether all of them are addresses; only then is any looked up.
    pub parsed: bool,
    /// Whom the addresses stand for; those before the one that is refused.
    pub listed: Vec<Listed>,
    /// Why one is refused: no address, user unknown, a loop of aliases, a look-up that cannot be made now.
    pub refusal: Option<Reply>,
}

/// One address that VRFY or EXPN tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// The user as the mailer gets it.
    pub user: BString,
    /// The full name, if it is known.
    pub full_name: Option<BString>,
    /// Whether addresses of its mailer are of the Internet's form (the second word of `T=`).
    pub internet_form: bool,
    /// Whether VRFY of it is answered with 250 instead of 252 (mailer flag `q`).
    pub certain: bool,
}
