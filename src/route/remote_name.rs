//! An address as the host of one mailer shall see it (op guide "Semantics of Rewriting Rule Sets").

use bstr::BString;

use super::role::Role;
use crate::cf::{Mailer, MailerFlag};
use crate::mail::frame::{Frame, FrameRules};
use crate::mail::token::{Mark, ScanError, ScanOptions, Token, Tokens, join_within};
use crate::name::{MailerName, Sysexit};
use crate::rewrite::RulesetId;
use crate::site::Context;

/// The longest address that the rules give, in bytes (the original's MAXNAME, less two).
const NAME_BYTES_MAX: usize = 254;
/// The longest element of a header field, in bytes (the original's MAXNAME).
const TEXT_BYTES_MAX: usize = 256;

/// An address that keeps its old spelling because a look-up failed for now.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("Transient parse error -- message queued for future delivery")]
pub struct RemoteNameError {
    /// What the rules made of the address all the same.
    pub name: BString,
}

/// Rewrites an address for the host of `mailer`: rulesets 3, 1 or 2, S= or R=, 4; what cannot be scanned stays as it is.
///
/// In headers, an address without a domain gets that of the envelope's sender first if the sender's mailer says so
/// (`F=C`, told by [`Context::sender_domain`]).
///
/// # Errors
/// A look-up failed for now.
pub async fn remote_name(
    ctx: &mut Context,
    mailer: &Mailer,
    address: &[u8],
    role: Role,
) -> Result<BString, RemoteNameError> {
    let scanned = ctx.scan(address, ScanOptions::ADDRESS);
    let Some(mut tokens) = scanned.tokens.filter(|tokens| !tokens.is_empty()) else {
        let mut name = BString::from(address);
        if scanned.errors.contains(&ScanError::TooLong) {
            name.truncate(TEXT_BYTES_MAX);
        }
        return Ok(name);
    };
    ctx.set("addr_type", role.addr_type());
    let mut rulesets = vec![RulesetId::CANONIFY];
    let mut temp_fail = false;
    if role.is_header()
        && let Some(domain) = ctx.sender_domain.clone()
    {
        tokens = through(ctx, &rulesets, tokens, &mut temp_fail).await;
        if tokens.iter().any(|token| token.is_text(b"@")) {
            rulesets.clear();
        } else {
            tokens.extend(domain.into_vec());
        }
    }
    rulesets.push(role.common_ruleset());
    let own = role.own_ruleset(mailer).and_then(|name| ctx.rulesets().find(name.as_bytes()));
    // Ruleset 0 as S= or R= means none.
    rulesets.extend(own.filter(|own| *own != RulesetId::PARSE));
    rulesets.push(RulesetId::FINAL);
    let tokens = through(ctx, &rulesets, tokens, &mut temp_fail).await;
    // QUIRK(long-remote-name): what is longer is cut off.
    let name = join_within(&tokens, ctx.rulesets().scan_rules().blank_sub, NAME_BYTES_MAX);
    if temp_fail { Err(RemoteNameError { name }) } else { Ok(name) }
}

/// Rewrites the address in one element of a header field for the host of `mailer`; names and comments around it stay,
/// unless the mailer wants none (`F=c`).
///
/// # Errors
/// A look-up failed for now.
pub async fn remote_text(
    ctx: &mut Context,
    mailer: &Mailer,
    text: &[u8],
    role: Role,
) -> Result<BString, RemoteNameError> {
    let is_readable = ctx.scan(text, ScanOptions::ADDRESS).tokens.is_some_and(|tokens| !tokens.is_empty());
    let (name, failed) = match remote_name(ctx, mailer, text, role).await {
        Ok(name) => (name, false),
        Err(error) => (error.name, true),
    };
    let mut name = if is_readable && !mailer.flags.has(MailerFlag::NoComments) {
        frame(ctx, text).with_address(&name)
    } else {
        name
    };
    if is_readable {
        name.truncate(TEXT_BYTES_MAX);
    }
    if failed { Err(RemoteNameError { name }) } else { Ok(name) }
}

/// Returns what stands around the address in one element of a header field.
pub fn frame(ctx: &Context, text: &[u8]) -> Frame {
    let options = &ctx.config().options;
    Frame::of(text, FrameRules { colon_ok: options.colon_ok_in_addr, must_quote: &options.must_quote_chars })
}

/// Returns `@domain` of a sender as [`Context::sender_domain`] wants it: what rulesets 3 and 1 leave after the first `@`.
pub async fn sender_domain(ctx: &mut Context, sender: &[u8]) -> Option<Tokens> {
    let tokens = ctx.scan(sender, ScanOptions::ADDRESS).tokens.filter(|tokens| !tokens.is_empty())?;
    let rulesets = [RulesetId::CANONIFY, RulesetId::SENDER, RulesetId::FINAL];
    let tokens = through(ctx, &rulesets, tokens, &mut false).await;
    let at = tokens.iter().position(|token| token.is_text(b"@"))?;
    let domain: Tokens = tokens[at..].iter().cloned().collect();
    (!domain.iter().any(|token: &Token| token.is(&Mark::Net))).then_some(domain)
}

/// Returns the name that a sender has by the user databases, which are asked if its mailer says so (`F=@`).
pub fn mailname(ctx: &Context, mailer: &MailerName, user: &[u8]) -> Option<BString> {
    let mailer = ctx.config().mailers.get(mailer.as_bytes())?;
    if mailer.flags.has(MailerFlag::UserDatabase) { ctx.mailname(user) } else { None }
}

/// Returns a sender as rulesets 3, 1 and 4 leave it; what cannot be scanned stays as it is.
pub async fn canonical(ctx: &mut Context, spelling: &BString) -> BString {
    let Some(tokens) = ctx.scan(spelling, ScanOptions::ADDRESS).tokens else { return spelling.clone() };
    let rulesets = [RulesetId::CANONIFY, RulesetId::SENDER, RulesetId::FINAL];
    let tokens = through(ctx, &rulesets, tokens, &mut false).await;
    ctx.join(&tokens)
}

/// Rewrites by one ruleset after the other.
async fn through(ctx: &mut Context, rulesets: &[RulesetId], mut tokens: Tokens, temp_fail: &mut bool) -> Tokens {
    for &ruleset in rulesets {
        let rewritten = ctx.rewrite_by(ruleset, tokens).await;
        *temp_fail |= rewritten.status == Sysexit::TempFail;
        tokens = rewritten.tokens;
    }
    tokens
}
