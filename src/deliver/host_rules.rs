//! What the site's rules say while mail is handed over: check_compat of each pair of addresses, clt_features, tls_server
//! and tls_rcpt of the host (op guide "check_compat", "clt_features", "tls_server", "tls_rcpt").

use bstr::ByteSlice;
use tokio::sync::Mutex;

use super::connection::Peer;
use super::outcome::{Outcome, exit_text};
use crate::log::Log;
use crate::mail::envelope::{Envelope, Recipient};
use crate::mail::reply::Reply;
use crate::name::{QueueId, Status, Sysexit};
use crate::policy::{self, Ask, Hook, Verdict, log_verdict};
use crate::site::Context;

/// What `${verify}` says of a connection without TLS.
const NO_TLS: &[u8] = b"NONE";

/// Asks check_compat whether `recipient` may have this message; none: yes.
///
/// A refusal is final for the original whatever its code says; here one with a 4yz code is not.
pub async fn compat(ctx: &mut Context, log: &Log, envelope: &Envelope, recipient: &Recipient) -> Option<Outcome> {
    let args = [envelope.sender.as_slice(), recipient.address.as_slice()];
    let ask = Ask { about: &recipient.address, ..Ask::text(Hook::CheckCompat, &args) };
    ctx.set("addr_type", "e s");
    let verdict = policy::check(ctx, &ask).await;
    ctx.log_notes(log, &envelope.id);
    let relay = ctx.get("_");
    log_verdict(log, Some(&envelope.id), &ask, &verdict, relay.as_ref().map(|relay| relay.as_slice()));
    match verdict {
        Verdict::Accept | Verdict::Quarantine(_) => None,
        Verdict::Discard => Some(Outcome::discarded()),
        Verdict::Reject { reply, .. } => {
            let host = recipient.route.as_ref().map(|route| route.host.clone()).filter(|host| !host.is_empty());
            Some(Outcome { relay: host, ..refused(&reply) })
        }
        Verdict::Failed(reply) => Some(failed(&reply)),
    }
}

/// What is asked about a host and about each recipient that it is to take.
pub struct HostRules<'a> {
    ctx: Mutex<Context>,
    log: &'a Log,
    id: &'a QueueId,
}

impl<'a> HostRules<'a> {
    /// Returns the rules for the message `id`, with the macros of `ctx`.
    pub fn new(ctx: Context, log: &'a Log, id: &'a QueueId) -> Self {
        Self { ctx: Mutex::new(ctx), log, id }
    }

    /// Asks clt_features before a host is spoken to; nothing that it may turn off is in use yet.
    pub(super) async fn features(&self, peer: &Peer) {
        let mut ctx = self.ctx.lock().await;
        policy::evaluate(&mut ctx, &Ask::text(Hook::CltFeatures, &[&peer.host, b""])).await;
        ctx.log_notes(self.log, self.id);
    }

    /// Asks tls_server whether mail may go to a host over a connection without TLS.
    ///
    /// # Errors
    /// What becomes of the recipients: the connection must not be used.
    pub(super) async fn server(&self, peer: &Peer, first_recipient: &[u8]) -> Result<(), Outcome> {
        let mut ctx = self.ctx.lock().await;
        let name = peer.host.strip_suffix(b".").unwrap_or(&peer.host);
        let address = peer.address.trim_with(|letter| matches!(letter, '[' | ']'));
        ctx.set("server_name", name);
        ctx.set("server_addr", address);
        ctx.set("verify", NO_TLS);
        let ask = Ask { about: first_recipient, ..Ask::text(Hook::TlsServer, &[NO_TLS]) };
        let verdict = policy::check(&mut ctx, &ask).await;
        ctx.log_notes(self.log, self.id);
        log_verdict(self.log, None, &ask, &verdict, Some(name));
        match verdict {
            Verdict::Reject { reply, .. } if reply.is_permanent() => {
                let status = reply.status.unwrap_or(Status::new(5, 0, 0));
                Err(Outcome::failed(status, exit_text(Sysexit::Unavailable)))
            }
            Verdict::Reject { reply, .. } => {
                Err(Outcome::deferred(reply.status.unwrap_or(Status::new(4, 0, 0)), &reply))
            }
            Verdict::Failed(reply) => Err(failed(&reply)),
            Verdict::Accept | Verdict::Discard | Verdict::Quarantine(_) => Ok(()),
        }
    }

    /// Asks tls_rcpt whether a recipient may be named to a host.
    ///
    /// # Errors
    /// What becomes of the recipient.
    pub(super) async fn recipient(&self, peer: &Peer, address: &[u8]) -> Result<(), Outcome> {
        let mut ctx = self.ctx.lock().await;
        let args = [address];
        let ask = Ask::address(Hook::TlsRcpt, &args);
        let verdict = policy::check(&mut ctx, &ask).await;
        ctx.log_notes(self.log, self.id);
        log_verdict(self.log, Some(self.id), &ask, &verdict, Some(&peer.host));
        match verdict {
            Verdict::Reject { reply, .. } => Err(refused(&reply)),
            Verdict::Failed(reply) => Err(failed(&reply)),
            Verdict::Accept | Verdict::Discard | Verdict::Quarantine(_) => Ok(()),
        }
    }
}

/// Returns what a recipient's refusal means.
fn refused(reply: &Reply) -> Outcome {
    match reply.is_permanent() {
        true => Outcome::failed(Status::new(5, 5, 2), exit_text(Sysexit::DataErr)),
        false => Outcome::deferred(reply.status.unwrap_or(Status::new(4, 2, 0)), reply),
    }
}

/// Returns what becomes of a recipient while the rules fail: the mail waits until they are mended.
fn failed(reply: &Reply) -> Outcome {
    Outcome::deferred(Status::new(4, 3, 5), reply)
}
