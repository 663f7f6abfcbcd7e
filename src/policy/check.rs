//! Asking a check_* ruleset.

use bstr::{BString, ByteSlice};

use super::hooks::Hook;
use super::verdict::Verdict;
use crate::log::{self, Log};
use crate::mail::reply::Reply;
use crate::mail::token::{Comments, Mark, Tokens};
use crate::name::QueueId;
use crate::site::Context;

/// What a ruleset is asked, and how its argument is read.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The ruleset, of a hook or of a header field; one that does not exist accepts everything.
    pub ruleset: &'a str,
    /// The arguments, which reach the ruleset with `$|` between them.
    pub args: &'a [&'a [u8]],
    /// The address that some replies name; empty for none.
    pub about: &'a [u8],
    /// What becomes of comments in the arguments.
    pub comments: Comments,
}

impl<'a> Ask<'a> {
    /// Returns the question of `hook` about text that is no address.
    pub fn text(hook: Hook, args: &'a [&'a [u8]]) -> Self {
        Self { ruleset: hook.name(), args, about: b"", comments: Comments::Strip }
    }

    /// Returns the question of `hook` about an address, which replies then name.
    pub fn address(hook: Hook, args: &'a [&'a [u8]]) -> Self {
        Self { about: args.first().copied().unwrap_or_default(), ..Self::text(hook, args) }
    }
}

/// Asks a ruleset; what went wrong with it is left for [`Context::log_notes`].
pub async fn check(ctx: &mut Context, ask: &Ask<'_>) -> Verdict {
    ctx.take_failure();
    let told = evaluate(ctx, ask).await;
    if let Some((status, text)) = ctx.take_failure() {
        return Verdict::Failed(Reply::new(554, status, text));
    }
    match told {
        Some(tokens) => Verdict::of(ask.ruleset, &tokens, ask.about).unwrap_or_else(|error| {
            ctx.note_failure(error);
            error.into()
        }),
        None => Verdict::Accept,
    }
}

/// Logs a verdict that is no consent; `relay` is who sends, or to whom.
pub fn log_verdict(log: &Log, id: Option<&QueueId>, ask: &Ask<'_>, verdict: &Verdict, relay: Option<&[u8]>) {
    let text;
    let verdict = match verdict {
        Verdict::Accept | Verdict::Failed(_) => return,
        Verdict::Discard => log::Verdict::Discard,
        Verdict::Quarantine(reason) => log::Verdict::Quarantine(reason.as_bstr()),
        Verdict::Reject { reply, .. } => {
            text = BString::from(reply.to_string());
            log::Verdict::Reject(text.as_bstr())
        }
    };
    let line = log::Rejected {
        ruleset: ask.ruleset,
        arg1: ask.args.first().copied().unwrap_or_default().as_bstr(),
        arg2: ask.args.get(1).map(|arg| arg.as_bstr()),
        relay: relay.map(|relay| relay.as_bstr()),
        verdict,
    };
    line.write(log, id);
}

/// Runs a ruleset and returns what it says; none if there is no such ruleset or nothing to ask it.
pub async fn evaluate(ctx: &mut Context, ask: &Ask<'_>) -> Option<Tokens> {
    if !ctx.has_ruleset(ask.ruleset) {
        return None;
    }
    let options = ask.comments.of_argument();
    let mut input = Tokens::new();
    for (number, arg) in ask.args.iter().enumerate() {
        if number > 0 {
            input.push(Mark::Bar.into());
        }
        let scanned = ctx.scan(arg, options);
        input.extend(scanned.tokens?.into_vec());
    }
    if input.is_empty() {
        return None;
    }
    let rewritten = ctx.rewrite(ask.ruleset, input).await.ok()?;
    Some(rewritten.tokens)
}
