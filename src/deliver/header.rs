//! The header of a message as the host of one mailer shall see it.

use bstr::{BStr, BString};

use crate::cf::Mailer;
use crate::mail::address_field::{self, Party};
use crate::mail::address_list::{self, Separator};
use crate::mail::envelope::Envelope;
use crate::mail::header::{Condition, Header};
use crate::mail::mime_limit::{self, Trimmed};
use crate::mail::report::AUTHOR;
use crate::name::TrimSpace as _;
use crate::route::remote_name::remote_text;
use crate::route::role::Role;
use crate::site::Context;

/// Fields that stay in the queue file but never leave this host.
const NEVER_SENT: [&str; 3] = ["Full-Name", "Return-Path", "Content-Length"];

/// Returns the header for `mailer`, each field ending with LF, without the empty line behind it.
///
/// Templates are expanded with the macros of `ctx` (`$g` is the sender as the mailer's host sees it), conditions are
/// judged, and addresses are rewritten by the header rulesets of the mailer (op guide, "H -- Define Header").
pub async fn header(ctx: &mut Context, mailer: &Mailer, envelope: &Envelope) -> BString {
    let mut out = BString::default();
    for field in &envelope.headers {
        if !is_written(ctx, mailer, envelope, field) {
            continue;
        }
        let value = value(ctx, mailer, field).await;
        if field.is_fleeting && value.trim_space().is_empty() {
            continue;
        }
        let written = Header { value, ..Header::with_value(&field.name, b"") };
        written.write(&mut out);
    }
    out
}

/// Cuts the fields that are longer than MaxMimeHeaderLength allows; returns what the log says of each.
//
// QUIRK(mime-limits): what the configuration says counts with the space before the value.
pub fn trim(ctx: &Context, headers: &mut [Header]) -> Vec<String> {
    let limits = ctx.config().options.max_mime_header_length;
    let limit = |number: i64| usize::try_from(number).ok().filter(|number| *number > 0);
    let mut told = Vec::new();
    for field in headers.iter_mut().filter(|field| !field.template) {
        let (name, value) = (&field.name, &mut field.value);
        let is_among = |class: &str| ctx.is_in_class(class, name);
        if let Some(bytes_max) = limit(limits.parameter).filter(|_| is_among("checkMIMEFieldHeaders")) {
            let done = mime_limit::trim_parameters(value, bytes_max + 1);
            let closed = done.iter().filter(|trimmed| **trimmed == Trimmed::Closed);
            told.extend(closed.map(|_| format!("Fixed MIME {name} header field (possible attack)")));
            if let Some(Trimmed::Cut(len)) = done.iter().rfind(|trimmed| **trimmed != Trimmed::Closed) {
                let text = "header due to field size";
                told.push(format!("Truncated MIME {name} {text} (length = {len}) (possible attack)"));
            }
        }
        let Some(bytes_max) = limit(limits.header) else { continue };
        if is_among("checkMIMETextHeaders") && value.len() > bytes_max + 1 {
            told.push(format!("Truncated long MIME {name} header (length = {}) (possible attack)", value.len()));
            mime_limit::cut(value, bytes_max);
        }
        if is_among("checkMIMEHeaders") {
            told.extend(mime_limit::trim(value, bytes_max + 1).map(|trimmed| match trimmed {
                Trimmed::Closed => format!("Fixed MIME {name} header (possible attack)"),
                Trimmed::Cut(len) => format!("Truncated long MIME {name} header (length = {len}) (possible attack)"),
            }));
        }
    }
    told
}

/// Returns the header of a message as a report returns it: as a file would get it, but addresses are left as they were.
pub fn as_returned(ctx: &mut Context, original: &Envelope) -> Vec<Header> {
    let sender = &original.sender;
    let sender = sender.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")).unwrap_or(sender);
    ctx.set("g", if original.flags.response && sender.is_empty() { AUTHOR.as_bytes() } else { sender });
    let Some(mailer) = ctx.config().mailers.get(b"*file*").cloned() else { return Vec::new() };
    let is_seen = |field: &&Header| is_written(ctx, &mailer, original, field);
    let returned = |field: &Header| {
        let value = match field.template {
            _ if is_bcc(field) => BString::default(),
            true => ctx.expand(&field.value),
            false => field.value.clone(),
        };
        Header::with_value(&field.name, value)
    };
    original.headers.iter().filter(is_seen).map(returned).collect()
}

/// Tells whether a field of a message is written for this mailer: nobody shall see a `Bcc:` that is to be removed.
fn is_written(ctx: &Context, mailer: &Mailer, envelope: &Envelope, field: &Header) -> bool {
    applies(ctx, mailer, field) && !(envelope.flags.delete_bcc && is_bcc(field))
}

/// Tells whether the condition of a field holds for this mailer.
fn applies(ctx: &Context, mailer: &Mailer, field: &Header) -> bool {
    if is_answered(ctx, field) {
        return false;
    }
    match &field.only_for {
        Condition::Always => !NEVER_SENT.iter().any(|name| field.is(name)),
        Condition::MailerFlags(flags) => mailer.flags.intersects(flags),
        Condition::Macro(name) => {
            ctx.get(&BStr::new(name.as_bytes()).to_string()).is_some_and(|value| !value.is_empty())
        }
    }
}

/// Tells whether a field asks for what the envelope asks for, too (RrtImpliesDsn).
fn is_answered(ctx: &Context, field: &Header) -> bool {
    field.asks_for_receipt() && ctx.config().options.rrt_implies_dsn
}

/// Returns what stands behind the colon.
async fn value(ctx: &mut Context, mailer: &Mailer, field: &Header) -> BString {
    if is_bcc(field) {
        return BString::default();
    }
    let value = if field.template { ctx.expand(&field.value) } else { field.value.clone() };
    match Party::of_field(&field.name) {
        Some(party) => addresses(ctx, mailer, party, field, &value).await,
        None => value,
    }
}

/// Tells whether a field names recipients whom the others shall not know of.
fn is_bcc(field: &Header) -> bool {
    field.is("Bcc") || field.is("Resent-Bcc")
}

/// Rewrites every address of a field; what no rules can read stays as it is.
async fn addresses(ctx: &mut Context, mailer: &Mailer, party: Party, field: &Header, value: &[u8]) -> BString {
    let role = match party {
        Party::Sender => Role::HeaderSender,
        Party::Recipient => Role::HeaderRecipient,
    };
    let mut elements = Vec::new();
    // The queue keeps no list of the old style.
    for mut element in address_list::split_field(value, Separator::Comma) {
        // QUIRK(renamed-in-queue): the original writes these names into the queue file already.
        if role == Role::HeaderRecipient && ctx.renames_recipients {
            element = ctx.mailname(&element).unwrap_or(element);
        }
        elements.push(remote_text(ctx, mailer, &element, role).await.unwrap_or(element));
    }
    // QUIRK(commas-alone): a list of nothing but commas becomes an empty one.
    let is_kept = elements.is_empty() && !value.contains(&b',');
    if is_kept { value.into() } else { address_field::join(&field.name, &elements) }
}
