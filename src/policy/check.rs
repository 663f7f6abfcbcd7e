//! Asking a check_* ruleset.

use super::verdict::Verdict;
use crate::mail::reply::Reply;
use crate::mail::token::{Comments, Mark, Tokens};
use crate::site::Context;

/// What a ruleset is asked, and how its argument is read.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The ruleset; one that does not exist accepts everything.
    pub ruleset: &'a str,
    /// The arguments, which reach the ruleset with `$|` between them.
    pub args: &'a [&'a [u8]],
    /// The address that some replies name; empty for none.
    pub about: &'a [u8],
    /// What becomes of comments in the arguments.
    pub comments: Comments,
}

impl<'a> Ask<'a> {
    /// Returns the question to `ruleset` about text that is no address.
    pub fn text(ruleset: &'a str, args: &'a [&'a [u8]]) -> Self {
        Self { ruleset, args, about: b"", comments: Comments::Strip }
    }

    /// Returns the question to `ruleset` about an address, which replies then name.
    pub fn address(ruleset: &'a str, args: &'a [&'a [u8]]) -> Self {
        Self { about: args.first().copied().unwrap_or_default(), ..Self::text(ruleset, args) }
    }
}

/// Asks a ruleset.
pub async fn check(ctx: &mut Context, ask: &Ask<'_>) -> Verdict {
    ctx.take_failure();
    let told = evaluate(ctx, ask).await;
    if let Some((status, text)) = ctx.take_failure() {
        return Verdict::Failed(Reply::new(554, status, text));
    }
    match told {
        Some(tokens) => Verdict::of(ask.ruleset, &tokens, ask.about),
        None => Verdict::Accept,
    }
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
