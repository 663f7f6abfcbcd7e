//! From an address to the mailer, host and user that ruleset 0 gives (op guide "Semantics of Rewriting Rule Sets").

use std::slice;
use std::sync::Arc;

use bstr::{BString, ByteSlice};

use crate::cf::{Mailer, MailerFlag, Mailers};
use crate::mail::address_list;
use crate::mail::envelope::Route;
use crate::mail::token::{Mark, ScanOptions, Target, Token, Tokens, is_quarantine, join, user_text};
use crate::name::{CSpace as _, MailerName, Status, Sysexit, Told};
use crate::policy::Hook;
use crate::rewrite::RulesetId;
use crate::site::{Context, Heard};

use super::refusal::Refusal;
use super::role::Role;

/// The longest address, in bytes; the original's MAXNAME.
pub const ADDRESS_BYTES_MAX: usize = 256;
/// From this configuration level on, the user parts of senders and headers are rewritten by rulesets 2 and R= too.
const LEVEL_OF_ALL_OUTWARD: i64 = 10;

/// Where an address leads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Parsed {
    /// To a mailer.
    Mailer(Route),
    /// Perhaps to this mailer: a look-up failed for now, so it is to be queued and parsed again.
    Later(Route),
}

impl Parsed {
    /// Returns the route, be it certain or not.
    pub fn route(&self) -> &Route {
        match self {
            Self::Mailer(route) | Self::Later(route) => route,
        }
    }

    /// The same, of its own.
    pub fn into_route(self) -> Route {
        match self {
            Self::Mailer(route) | Self::Later(route) => route,
        }
    }
}

/// What is said of an address whose rules asked a map that has no answer now.
pub const FAILS_FOR_NOW: &str = "Transient parse error -- message queued for future delivery";

/// What ruleset 0 made of an address, before anybody judges it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resolution {
    /// A mailer, or an error.
    pub outcome: Result<Route, BadRoute>,
    /// A look-up failed for now.
    pub temp_fail: bool,
}

/// An address that leads nowhere.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BadRoute {
    /// Why.
    pub refusal: Refusal,
    /// The rules themselves are at fault, which listeners have heard.
    pub is_told: bool,
}

/// Asks rulesets 3 and 0 where an address leads.
///
/// # Errors
/// The address is misspelt, or the rules refuse it.
pub async fn parse(ctx: &mut Context, address: &[u8], role: Role) -> Result<Parsed, Refusal> {
    let tokens = scan_address(ctx, address, role)?;
    ctx.take_failure();
    ctx.set("addr_type", role.addr_type());
    let resolution = resolve(ctx, tokens, role).await;
    if let Some((status, text)) = ctx.take_failure() {
        return Err(Refusal::fault(status, text));
    }
    match resolution.outcome {
        Ok(route) if route.user.len() >= ADDRESS_BYTES_MAX => {
            check_bytes(&route.user, role).map(|()| Parsed::Mailer(route))
        }
        Ok(route) => match mended(&route.user) {
            (user, Some(flaw)) => {
                let text = syntax_error(&user, flaw);
                Err(Refusal::permanent(role.syntax_status(), 501, text).with_exit(Sysexit::Usage))
            }
            _ if resolution.temp_fail => Ok(Parsed::Later(route)),
            _ => Ok(Parsed::Mailer(route)),
        },
        Err(bad) => Err(bad.refusal),
    }
}

/// Rewrites a scanned address by rulesets 3 and 0 and reads the triple.
pub async fn resolve(ctx: &mut Context, tokens: Tokens, role: Role) -> Resolution {
    let canonical = ctx.rewrite_by(RulesetId::CANONIFY, tokens).await;
    let resolved = ctx.rewrite_by(RulesetId::PARSE, canonical.tokens).await;
    let temp_fail = [canonical.status, resolved.status].contains(&Sysexit::TempFail);
    Resolution { outcome: build(ctx, &resolved.tokens, role).await, temp_fail }
}

/// Asks ruleset 5 about a local user that is no alias; none if it changes nothing.
///
/// # Errors
/// A look-up failed for now, or the rules refuse the user.
pub async fn local_address(ctx: &mut Context, route: &Route) -> Result<Option<Route>, Refusal> {
    if ctx.rulesets().get(RulesetId::LOCAL_ADDRESS).rules().is_empty() {
        return Ok(None);
    }
    let Some(tokens) = ctx.scan(&route.user, ScanOptions::ADDRESS).tokens.filter(|tokens| !tokens.is_empty()) else {
        return Ok(None);
    };
    for (name, value) in [("h", &route.host), ("u", &route.user)] {
        ctx.set(name, value.clone());
    }
    ctx.set("addr_type", Role::Recipient.addr_type());
    let rewritten = ctx.rewrite_by(RulesetId::LOCAL_ADDRESS, tokens).await;
    if rewritten.status == Sysexit::TempFail {
        return Err(Refusal::temporary(Status::new(4, 4, 3), FAILS_FOR_NOW));
    }
    if !rewritten.tokens.is_resolved() {
        return Ok(None);
    }
    let mut changed = build(ctx, &rewritten.tokens, Role::Recipient).await.map_err(|bad| bad.refusal)?;
    changed.user = mended(&changed.user).0;
    Ok((changed != *route).then_some(changed))
}

/// Returns what a ruleset that judges refuses with; none if it lets pass, discards or holds back.
pub async fn refusal_of(ctx: &mut Context, tokens: &[Token]) -> Option<BadRoute> {
    match tokens {
        [net, name, rest @ ..] if net.is(&Mark::Net) && name.is_text(b"error") && !is_quarantine(rest) => {
            build(ctx, tokens, Role::Recipient).await.err()
        }
        _ => None,
    }
}

/// Asks the ruleset `queuegroup` in which queue group a recipient's mail waits; none leaves it to the mailer.
pub async fn queue_group(ctx: &mut Context, user: &[u8]) -> Option<BString> {
    let id = ctx
        .rulesets()
        .find(Hook::QueueGroup.name().as_bytes())
        .filter(|id| !ctx.rulesets().get(*id).rules().is_empty())?;
    let tokens = ctx.scan(user, ScanOptions::ADDRESS).tokens.filter(|tokens| !tokens.is_empty())?;
    let rewritten = ctx.rewrite_by(id, tokens).await;
    match rewritten.tokens.as_slice() {
        [net, name, ..] if net.is(&Mark::Net) => name.text().map(|(_, name)| name.into()),
        _ => None,
    }
}

/// Returns the `Final-Recipient:` value of an address that the envelope names: its type and the address, made complete; one
/// without a host is told as its mailer knows it.
pub fn final_recipient(ctx: &Context, address: &[u8], route: &Route) -> Option<BString> {
    let mailer = ctx.config().mailers.get(route.mailer.as_bytes());
    let is_known = route.user.contains(&b'@') || !address.contains(&b'@');
    let address = if is_known { route.user.as_slice() } else { address };
    let kind = match mailer.map(|mailer| mailer.types.address.as_slice()) {
        Some(b"") => b"rfc822",
        Some(kind) => kind,
        // Whom the rules refuse for now has no mailer yet.
        None => b"RFC822",
    };
    let address = address.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")).unwrap_or(address);
    let mut text = BString::from([kind, b"; ", address].concat());
    if kind.eq_ignore_ascii_case(b"rfc822") && !address.contains(&b'@') {
        text.push(b'@');
        text.extend_from_slice(&ctx.get("j").unwrap_or_default());
    }
    Some(text)
}

/// Turns an address from outside into tokens.
///
/// # Errors
/// It is too long, misspelt or empty, or has bytes that addresses cannot have.
pub fn scan_address(ctx: &Context, address: &[u8], role: Role) -> Result<Tokens, Refusal> {
    check_bytes(address, role)?;
    let scanned = ctx.scan(address, ScanOptions::ADDRESS);
    match (scanned.errors.first(), scanned.tokens) {
        (None, Some(tokens)) if !tokens.is_empty() => Ok(tokens),
        (None, _) => Err(Refusal::of_none()),
        (Some(error), _) => Err(Refusal::of_scan(*error)),
    }
}

/// Refuses what no address can have.
///
/// # Errors
/// The address is too long, or has bytes that the rules use for themselves.
pub fn check_bytes(address: &[u8], role: Role) -> Result<(), Refusal> {
    if address.len() >= ADDRESS_BYTES_MAX {
        let shown = mend(&address[..ADDRESS_BYTES_MAX - 1]);
        let text = format!("Address \"{shown}\" too long ({} bytes max)", ADDRESS_BYTES_MAX - 1);
        return Err(Refusal::permanent(Status::new(5, 1, 0), 553, text).with_exit(Sysexit::Usage));
    }
    if !address.iter().any(|byte| is_code(*byte)) {
        return Ok(());
    }
    let text = format!("8-bit character in mailbox address \"{}\"", mend(address));
    Err(Refusal::permanent(role.syntax_status(), 501, text).with_exit(Sysexit::Usage))
}

/// Tells whether a byte is a control character that is no white space.
fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && !byte.is_c_space()
}

/// Tells whether the rules use this byte for themselves.
pub fn is_code(byte: u8) -> bool {
    (0x80..0xa0).contains(&byte)
}

/// Returns an address with `?` in the place of bytes that it cannot have, as seven-bit text.
fn mend(address: &[u8]) -> BString {
    address.iter().map(|byte| if is_code(*byte) { b'?' } else { *byte & 0x7f }).collect::<Vec<_>>().into()
}

/// Reads what a ruleset resolved to: `$#mailer $@ host $: user`.
async fn build(ctx: &mut Context, tokens: &[Token], role: Role) -> Result<Route, BadRoute> {
    let Some((_, rest)) = tokens.split_first().filter(|(net, _)| net.is(&Mark::Net)) else {
        return Err(broken(ctx, "buildaddr: no mailer in parsed address"));
    };
    let Some((name, rest)) = rest.split_first() else { return Err(broken(ctx, "buildaddr: no user")) };
    let name = join(slice::from_ref(name), b' ');
    let blank_sub = ctx.rulesets().scan_rules().blank_sub;
    let Some(target) = Target::of(rest) else { return Err(broken(ctx, "buildaddr: no user")) };
    let host = target.host_text(blank_sub);
    if name.eq_ignore_ascii_case(b"error") {
        let refusal = Refusal::of_error(host.as_ref().map(|host| host.as_bytes()), target.user_text());
        return Err(BadRoute { refusal, is_told: false });
    }
    let config = Arc::clone(&ctx.site().config);
    let Some(mailer) = config.mailers.get(&name) else {
        return Err(broken(ctx, &format!("buildaddr: unknown mailer {}", Told::from(name))));
    };
    if host.is_none() && !mailer.is_local() {
        return Err(broken(ctx, "buildaddr: no host"));
    }
    route(ctx, &config.mailers, mailer, host, target.user, role).await
}

/// Chooses the mailer by the look of the user part and rewrites that for it.
async fn route(
    ctx: &mut Context,
    mailers: &Mailers,
    mailer: &Mailer,
    host: Option<BString>,
    user: &[Token],
    role: Role,
) -> Result<Route, BadRoute> {
    let marks = mailer.flags.has(MailerFlag::UserDatabase);
    let (user, is_settled) = match user.split_first() {
        Some((first, rest)) if marks && join(slice::from_ref(first), b' ').starts_with(b"@") => (rest, true),
        _ => (user, false),
    };
    let text = user_text(user, b' ');
    let plain = text.strip_prefix(b"\"").unwrap_or(&text);
    let mailer = match plain.first() {
        Some(b'|') if mailer.flags.has(MailerFlag::Programs) => mailers.get(b"prog").unwrap_or(mailer),
        Some(b'/') if mailer.flags.has(MailerFlag::Files) => mailers.get(b"*file*").unwrap_or(mailer),
        Some(b':') if mailer.flags.has(MailerFlag::Lists) && address_list::included(plain).is_some() => {
            let user = BString::from(address_list::included(&address_list::unquote(&text)).unwrap_or_default());
            let (mailer, host) = (MailerName::new("*include*"), host.unwrap_or_default());
            return Ok(Route { mailer, host, user, is_settled });
        }
        _ => mailer,
    };
    publish(ctx, host.as_ref());
    let user = outward(ctx, mailer, role, user.into()).await;
    let host =
        if mailer.flags.has(MailerFlag::HostCase) { host } else { host.map(|host| host.to_ascii_lowercase().into()) };
    publish(ctx, host.as_ref());
    let user = if mailer.flags.has(MailerFlag::UserCase) { user } else { user.to_ascii_lowercase().into() };
    Ok(Route { mailer: mailer.name.clone(), host: host.unwrap_or_default(), user, is_settled })
}

/// Sets `$h` to the host that ruleset 0 named last, if it named one.
fn publish(ctx: &mut Context, host: Option<&BString>) {
    match host {
        Some(host) => ctx.set("h", host.clone()),
        None => ctx.clear("h"),
    }
}

/// Returns a user with `?` in the place of bytes that it cannot have, and what is wrong with it: of several flaws the last.
pub fn mended(user: &[u8]) -> (BString, Option<&'static str>) {
    let (mut quoted, mut escaped, mut flaw) = (false, false, None);
    let mut mended = BString::from(user);
    for byte in mended.iter_mut() {
        let is_protected = escaped;
        escaped = *byte == b'\\' && !is_protected;
        quoted ^= *byte == b'"' && !is_protected;
        let wrong = match *byte {
            code if is_code(code) => "8-bit character",
            control if is_control(control) && !quoted && !is_protected => "non-printable character",
            _ => continue,
        };
        (*byte, flaw) = (b'?', Some(wrong));
    }
    // It protects nothing: the user was cut behind it.
    if escaped && let Some(last) = mended.last_mut() {
        *last = b'?';
    }
    match (quoted, escaped) {
        (true, _) => (mended, Some("unbalanced quote")),
        (false, true) => (mended, Some("trailing \\ character")),
        (false, false) => (mended, flaw),
    }
}

/// Returns what is said of a user with a flaw.
pub fn syntax_error(user: &BString, flaw: &str) -> String {
    format!("Syntax error in mailbox address \"{}\" ({flaw})", Told::from(user.clone()))
}

/// Rewrites the user part as the mailer's host shall see it: rulesets 2, R= and 4.
async fn outward(ctx: &mut Context, mailer: &Mailer, role: Role, mut tokens: Tokens) -> BString {
    let mut rulesets = Vec::with_capacity(3);
    // Older configurations rewrite senders and headers only when a host is told of them.
    if role == Role::Recipient || ctx.config().level >= LEVEL_OF_ALL_OUTWARD {
        rulesets.push(RulesetId::RECIPIENT);
        let own = mailer.envelope_recipient.as_ref().and_then(|name| ctx.rulesets().find(name.as_bytes()));
        // Ruleset 0 as R= means none.
        rulesets.extend(own.filter(|own| *own != RulesetId::PARSE));
    }
    rulesets.push(RulesetId::FINAL);
    for ruleset in rulesets {
        tokens = ctx.rewrite_by(ruleset, tokens).await.tokens;
    }
    user_text(&tokens, ctx.rulesets().scan_rules().blank_sub)
}

/// Tells of a configuration that resolves to nothing, and refuses.
fn broken(ctx: &mut Context, text: &str) -> BadRoute {
    ctx.hear(Heard::Fault(text.as_bytes()));
    let refusal = Refusal::fault(Status::new(5, 3, 5), text);
    BadRoute { refusal, is_told: true }
}

#[cfg(test)]
mod tests;
