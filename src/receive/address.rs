//! Addresses of commands: parsed by the rules, with the replies that SMTP gives for bad ones.

use crate::mail::envelope::Route;
use crate::mail::reply::Reply;
use crate::mail::token::{ScanOptions, TOKEN_BYTES_MAX};
use crate::route::parse::{self, ADDRESS_BYTES_MAX, Parsed};
use crate::route::refusal::Refusal;
use crate::route::role::Role;
use crate::site::Context;
use crate::smtp::server::{CommandRefusal, texts};

/// Parses an address.
///
/// # Errors
/// The reply, and whether the log has heard of it: the address is none, or the rules refuse it.
pub(super) async fn parse(ctx: &mut Context, spelling: &[u8], role: Role) -> Result<Parsed, CommandRefusal> {
    // QUIRK(token-too-long): of a long address SMTP tells what is wrong with its tokens, not how long it is.
    if spelling.len() > TOKEN_BYTES_MAX {
        let scanned = ctx.scan(spelling, ScanOptions::ADDRESS);
        if let Some(error) = scanned.errors.first() {
            return Err(CommandRefusal::new(reply(&Refusal::of_scan(*error), spelling)));
        }
    }
    // QUIRK(too-long-is-cut): so is the address in front of the reply.
    let about = &spelling[..spelling.len().min(ADDRESS_BYTES_MAX - 1)];
    ctx.take_odd_value();
    let parsed = parse::parse(ctx, spelling, role).await;
    match odd_value(ctx) {
        Some(odd) => Err(CommandRefusal::new(odd)),
        None => parsed.map_err(|refusal| CommandRefusal { reply: reply(&refusal, about), logged: refusal.is_fault() }),
    }
}

/// Returns the refusal of an address of a list that does not scan: the rest of the list is named with it.
pub(super) fn misspelt(ctx: &Context, spelling: &[u8], rest: &[u8]) -> Option<Reply> {
    let error = ctx.scan(spelling, ScanOptions::ADDRESS).errors.first().copied()?;
    Some(reply(&Refusal::of_scan(error), &rest[..rest.len().min(ADDRESS_BYTES_MAX - 1)]))
}

/// Returns the refusal of a command whose rules met a value, of a macro or map, that does not scan.
// QUIRK(odd-values)
pub(super) fn odd_value(ctx: &mut Context) -> Option<Reply> {
    let (text, error) = ctx.take_odd_value()?;
    let refusal = Refusal::of_scan(error);
    Some(Reply::new(refusal.code, refusal.status, text))
}

/// Returns the reply to a client that names a program, a file or a list.
pub(super) fn special(route: &Route, spelling: &[u8]) -> Option<Reply> {
    route.special().map(|special| reply(&Refusal::of_special(special), spelling))
}

/// Returns the reply that a refusal of an address stands for.
pub(super) fn reply(refusal: &Refusal, spelling: &[u8]) -> Reply {
    let text = texts::with_address(refusal.code, spelling, &refusal.text);
    Reply::new(refusal.code, refusal.status, text)
}
