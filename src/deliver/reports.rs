//! Which reports an attempt makes due (`RFC 3461 §5`), to whom they go, and how they get into the queue.

use std::sync::Arc;

use bstr::{BString, ByteSlice};

use crate::cf::{Mailer, Privacy};
use crate::deliver::attempt::{Attempted, Settled, context, refused_by_rules};
use crate::deliver::error_header;
use crate::deliver::header;
use crate::deliver::holding::Holding;
use crate::deliver::message::{Format, LineWriter};
use crate::deliver::outcome::{Outcome, Service};
use crate::deliver::services::Services;
use crate::log::{Delivered, Level};
use crate::mail::address_list::{Separator, one_line};
use crate::mail::envelope::{BodyType, Envelope, Notify, Occasion, Recipient, Ret};
use crate::mail::report::{AUTHOR, AUTHOR_NAME, Action, Report, ReportFacts, ReportKind, Reported, report};
use crate::name::{MacroName, QueueId, Status, TrimSpace as _, UnixTime};
use crate::queue::schedule::Facts;
use crate::queue::{Claimed, QueueError, Unwritten};
use crate::route::local::Tables;
use crate::route::recipients::Expander;
use crate::route::refused::Refused;
use crate::site::Context;
use crate::site::completion::{complete, error_recipients};

/// What the size of a report is reckoned with beside that of the message it returns, in bytes.
const FUDGE_BYTES: u64 = 1024;

/// The longest text that the log tells of a report, in bytes.
const TOLD_BYTES_MAX: usize = 203;

/// The type of diagnostics that are exit statuses.
const TYPE_OF_PROGRAMS: &str = "X-Unix";

/// A report that is due.
struct Due {
    kind: ReportKind,
    /// To whom it goes, the sender last.
    to: Vec<BString>,
    /// Whether it returns the body, if nobody forbids that.
    body: bool,
    /// What the log says of it.
    told: BString,
    /// Why the sender does not get it: lines with LF.
    transcript: BString,
}

/// Makes the reports that are due after an attempt; `warned` wants one of a delay. `told` is what the log says of failures,
/// if it is known better than here.
///
/// # Errors
/// The queue cannot be written.
pub async fn tell(
    services: &Services,
    holding: &Holding,
    attempted: &Attempted,
    warned: bool,
    told: Option<BString>,
    now: UnixTime,
) -> Result<Vec<Claimed>, QueueError> {
    let mut reports = Vec::new();
    for due in due(services, holding.envelope(), attempted, warned, told, now).await {
        match make(services, holding, attempted, due, now).await {
            Ok(report) => reports.push(report),
            Err(error) => {
                take_back(services, reports).await;
                return Err(error);
            }
        }
    }
    // The last is delivered first.
    reports.reverse();
    Ok(reports)
}

/// Removes reports from the queue again: all of them will be made anew.
async fn take_back(services: &Services, reports: Vec<Claimed>) {
    for report in reports {
        if let Err(Unwritten { claimed, error }) = report.remove().await {
            services.log.say(Level::SYSTEM_ERROR, &claimed.envelope.id, error);
        }
    }
}

/// Makes the report of failures that the postmaster wants a copy of (PostmasterCopy), where the sender has heard already.
///
/// # Errors
/// The queue cannot be written.
pub async fn tell_postmaster(
    services: &Services,
    holding: &Holding,
    attempted: &Attempted,
    told: Option<BString>,
    now: UnixTime,
) -> Result<Vec<Claimed>, QueueError> {
    let told = told.or_else(|| why(attempted)).unwrap_or_default();
    match copy(services, holding.envelope(), told) {
        Some(due) => Ok(vec![make(services, holding, attempted, due, now).await?]),
        None => Ok(Vec::new()),
    }
}

/// Returns the report of which the postmaster wants a copy, if he does.
fn copy(services: &Services, envelope: &Envelope, told: BString) -> Option<Due> {
    let postmaster = &services.site.config.options.postmaster_copy;
    let is_wanted = !postmaster.is_empty() && !envelope.flags.response && envelope.class >= 0;
    let (kind, to) = (ReportKind::Postmaster, vec![postmaster.clone()]);
    is_wanted.then(|| Due { kind, to, body: false, told, transcript: BString::default() })
}

/// Returns why the last of those failed of whose failure reports are wanted.
fn why(attempted: &Attempted) -> Option<BString> {
    let mut failed = attempted.failed.iter().filter(|settled| settled.recipient.reports().failure);
    failed.next_back().map(|settled| settled.outcome.stat.clone())
}

/// Tells which reports are due, in their order.
async fn due(
    services: &Services,
    envelope: &Envelope,
    attempted: &Attempted,
    warned: bool,
    told: Option<BString>,
    now: UnixTime,
) -> Vec<Due> {
    let options = &services.site.config.options;
    let has_failed = attempted.failed.iter().any(|settled| settled.recipient.reports().failure);
    let waits = warned && attempted.deferred.iter().any(|settled| settled.recipient.reports().delay);
    let told = told.or_else(|| why(attempted)).unwrap_or_default();
    let sender = envelope.sender.clone();
    let mut due = Vec::new();
    if has_failed && !is_last_resort(services, envelope, attempted) {
        let postmaster = options.double_bounce_address.clone();
        let mut to = others_who_hear(services, envelope, now);
        let missing = match envelope.has_null_sender() {
            true => Vec::new(),
            false => missing_senders(services, envelope, now).await,
        };
        if !envelope.has_null_sender() && missing.is_empty() {
            to.retain(|other| bare(other) != bare(&sender));
            to.push(sender);
        }
        let transcript = missing.concat().into();
        if !to.is_empty() {
            due.push(Due { kind: ReportKind::Failure, to, body: true, told: told.clone(), transcript });
        } else if !postmaster.is_empty() {
            let to = vec![postmaster];
            due.push(Due { kind: ReportKind::Postmaster, to, body: true, told: told.clone(), transcript });
        }
        due.extend(copy(services, envelope, told));
    } else if waits {
        let (waited, kept) = services.terms.limits(&Facts::of(envelope));
        let kind = ReportKind::Delay { waited, kept };
        let told = kind.subject().into();
        due.push(Due { kind, to: vec![sender], body: true, told, transcript: BString::default() });
    } else if !envelope.has_null_sender()
        && !options.privacy.has(Privacy::NoReceipts)
        && attempted.sent.iter().any(asks_receipt)
    {
        let kind = ReportKind::Receipt;
        let told = kind.subject().into();
        due.push(Due { kind, to: vec![sender], body: false, told, transcript: BString::default() });
    }
    due
}

/// Returns who hears of failures besides the sender.
//
// QUIRK(errors-to-forgotten): the original does not think of them any more once the message waits in the queue.
fn others_who_hear(services: &Services, envelope: &Envelope, now: UnixTime) -> Vec<BString> {
    match envelope.occasion {
        Occasion::New => {
            let others = error_recipients(&context(services, envelope, now), &envelope.headers);
            others.into_iter().map(one_line).collect()
        }
        Occasion::Run | Occasion::Chosen => Vec::new(),
    }
}

/// Tells whether the sender wants to hear that this recipient was served, and nobody else will tell.
fn asks_receipt(settled: &Settled) -> bool {
    settled.recipient.reports().success
        && match settled.outcome.kind {
            Service::Final => true,
            Service::Relay { tells } => !tells && settled.recipient.primary,
            Service::Nobody => false,
        }
}

/// Tells whether the postmaster's own copy failed, wherever aliases lead it: there is nobody left to tell.
pub(super) fn is_last_resort(services: &Services, envelope: &Envelope, attempted: &Attempted) -> bool {
    let postmaster = &services.site.config.options.double_bounce_address;
    let is_notice = envelope.flags.response
        && envelope
            .header("Auto-Submitted")
            .is_some_and(|field| field.value.trim_space() == ReportKind::Postmaster.auto_submitted().as_bytes());
    let is_for_postmaster = !postmaster.is_empty()
        && attempted.failed.iter().all(|settled| bare(&settled.recipient.address) == postmaster.as_slice())
        && attempted.failed.iter().any(|settled| settled.recipient.primary);
    is_notice || is_for_postmaster
}

/// Finds out whether the sender can get a report; returns what is told if not. Of a user who does not exist the log tells, too.
async fn missing_senders(services: &Services, envelope: &Envelope, now: UnixTime) -> Vec<BString> {
    let mut ctx = context(services, envelope, now);
    let Services { aliases, hands, witness, .. } = services;
    let mut expander = Expander { ctx: &mut ctx, tables: Tables { aliases, hands, uses_aliases: true }, witness };
    let expanded = expander.expand(Recipient::new(envelope.sender.clone())).await;
    if !expanded.recipients.is_empty() || expanded.refused.iter().any(|refused| refused.refusal.is_temporary()) {
        return Vec::new();
    }
    for refused in expanded.refused.iter().filter(|refused| refused.is_missing_user()) {
        log_refused(services, envelope, refused);
    }
    expanded.refused.iter().map(Refused::transcript).collect()
}

/// Logs that nobody can tell the sender.
fn log_refused(services: &Services, envelope: &Envelope, refused: &Refused) {
    let outcome = refused_by_rules(&refused.refusal);
    Delivered {
        to: vec![refused.recipient.address.clone()],
        control: refused.control(),
        mailer: refused.recipient.route.as_ref().map(|route| route.mailer.as_bytes().as_bstr()),
        priority: envelope.priority,
        dsn: Some(outcome.status),
        reply: outcome.reply.as_ref().map(|reply| reply.as_bstr()),
        status: outcome.stat.as_bstr(),
        ..Delivered::default()
    }
    .write(&services.log, &envelope.id);
}

/// Makes a report and puts it in the queue.
async fn make(
    services: &Services,
    holding: &Holding,
    attempted: &Attempted,
    due: Due,
    now: UnixTime,
) -> Result<Claimed, QueueError> {
    let original = holding.envelope();
    let mut ctx = context(services, original, now);
    let mut draft = services.queue.create(now).await?;
    log(services, original, draft.id(), &due);
    let options = &services.site.config.options;
    let keeps_body = original.ret == Some(Ret::Headers)
        || original.flags.no_body_return
        || options.privacy.has(Privacy::NoBodyReturn);
    let body_too = due.body && !keeps_body;
    let returned = header::as_returned(&mut ctx, original);
    let own = Envelope::new(draft.id().clone(), now, "<>");
    let own_ctx = own_context(services, &own, now);
    let error_header = match due.kind {
        ReportKind::Receipt => BString::default(),
        _ => error_header::words(&services.hands, &own_ctx).await,
    };
    let recipients = reported(&ctx, &due, attempted, original, services, now);
    let came_from = ctx.get("s").filter(|_| original.macro_value("r").is_some_and(|protocol| !protocol.is_empty()));
    let facts = ReportFacts {
        kind: due.kind,
        id: draft.id(),
        now,
        zone: &services.site.zone,
        host: &ctx.get("j").unwrap_or_default(),
        to: &due.to.iter().rev().map(|to| bare(to)).collect::<Vec<_>>(),
        original_id: &original.id,
        arrived: original.created,
        origin: &ctx.get("_").unwrap_or_default(),
        received_from: came_from.as_ref().map(|name| name.as_slice()),
        envid: original.envid.as_ref().map(|envid| envid.as_slice()),
        deliver_by: original.deliver_by,
        recipients: &recipients,
        transcript: &[attempted.transcript.as_slice(), &due.transcript].concat(),
        error_header: &error_header,
        headers: &returned,
        body_too,
        eight_bit: original.flags.eight_bit,
        mime: options.send_mime_errors,
    };
    let written = report(&facts);
    let size = if body_too { FUDGE_BYTES + original.size_bytes } else { 0 };
    let mut envelope = envelope(services, (own, own_ctx), due.to, &written, size);
    envelope.sender_is_named = original.sender_is_named;
    // QUIRK(report-of-headers): what came back without its body takes no body back either.
    envelope.ret = original.ret.map(|ret| if body_too { ret } else { Ret::Headers });
    envelope.flags.no_body_return = !body_too;
    envelope.body = written.eight_bit.then_some(BodyType::EightBitMime);
    let flags = original.macro_value("daemon_flags").unwrap_or_default();
    envelope.macros.push((MacroName::new("daemon_flags"), flags.into()));
    draft.write(&written.before).await?;
    if written.body_too {
        let mut writer = LineWriter::new(Format::for_return());
        draft.copy_through(holding.body(), |bytes, out| writer.body(bytes, out)).await?;
        let mut end = Vec::new();
        writer.finish(&mut end);
        draft.write(&end).await?;
    }
    draft.write(&written.after).await?;
    draft.commit(&envelope).await
}

/// Logs that a report is made.
fn log(services: &Services, original: &Envelope, id: &QueueId, due: &Due) {
    let what = match due.kind {
        _ if original.flags.response => "return to sender",
        ReportKind::Delay { .. } => "sender notify",
        ReportKind::Postmaster => "postmaster notify",
        ReportKind::Failure | ReportKind::Receipt => "DSN",
    };
    let told = crate::log::shorten(&due.told, TOLD_BYTES_MAX);
    services.log.say(Level::REPORT, &original.id, format_args!("{id}: {what}: {told}"));
}

/// Returns what a report tells of the recipients.
fn reported(
    ctx: &Context,
    due: &Due,
    attempted: &Attempted,
    original: &Envelope,
    services: &Services,
    now: UnixTime,
) -> Vec<Reported> {
    let one = |settled: &Settled, action: Action, status: Status| {
        let Settled { recipient, outcome } = settled;
        let mailer = recipient.route.as_ref().and_then(|route| ctx.config().mailers.get(route.mailer.as_bytes()));
        let actual = actual_recipient(ctx, mailer, recipient);
        let is_private = services.site.config.options.privacy.has(Privacy::NoActualRecipient);
        let kept = services.terms.limits(&Facts::of(original)).1;
        let diagnostic = diagnostic(mailer, outcome);
        Reported {
            address: recipient.address.clone(),
            expanded_from: expanded_from(recipient),
            orcpt: recipient.orcpt.clone(),
            final_recipient: recipient.final_recipient.clone().unwrap_or_else(|| Arc::new(actual.clone())),
            actual_recipient: Some(actual).filter(|_| !is_private),
            action,
            status,
            mta_type: mailer.map_or_else(|| "dns".into(), |mailer| mailer.types.mta.clone()),
            remote_mta: outcome.remote_mta.clone(),
            reason: outcome.reported_reason().filter(|_| diagnostic.is_some()).map(BString::from),
            diagnostic,
            last_try: Some(now),
            retry_until: (action == Action::Delayed && outcome.remote_mta.is_none())
                .then(|| original.created.plus(kept)),
        }
    };
    let mut all = Vec::new();
    for settled in attempted.sent.iter().filter(|settled| settled.recipient.primary && asks_receipt(settled)) {
        match settled.outcome.kind {
            Service::Final => all.push(one(settled, Action::Delivered, Status::new(2, 1, 5))),
            Service::Relay { .. } => all.push(one(settled, Action::Relayed, settled.outcome.status)),
            Service::Nobody => {}
        }
    }
    for settled in attempted.failed.iter().filter(|settled| settled.recipient.reports().failure) {
        all.push(one(settled, Action::Failed, settled.outcome.reported_status()));
    }
    if matches!(due.kind, ReportKind::Delay { .. }) {
        for settled in attempted.deferred.iter().filter(|settled| settled.recipient.reports().delay) {
            all.push(one(settled, Action::Delayed, settled.outcome.status));
        }
    }
    all
}

/// Returns `type; address` of whom a recipient has become.
fn actual_recipient(ctx: &Context, mailer: Option<&Mailer>, recipient: &Recipient) -> BString {
    let kind =
        mailer.map(|mailer| mailer.types.address.as_slice()).filter(|kind| !kind.is_empty()).unwrap_or(b"rfc822");
    let user = recipient.route.as_ref().map_or_else(|| bare(&recipient.address), |route| bare(&route.user));
    if !kind.eq_ignore_ascii_case(b"rfc822") {
        return format!("{}; {user}", kind.as_bstr()).into();
    }
    if user.contains(&b'@') {
        return format!("rfc822; {user}").into();
    }
    format!("rfc822; {user}@{}", ctx.get("j").unwrap_or_default()).into()
}

/// Returns the address that directly stands for a recipient.
fn expanded_from(recipient: &Recipient) -> Option<BString> {
    recipient.controller.as_ref().map(|controller| controller.alias.clone()).filter(|alias| !alias.is_empty())
}

/// Returns the type of a diagnostic and what was said; none where the mailer has no such type (`T=`), or not that of programs
/// for the exit status of one.
fn diagnostic(mailer: Option<&Mailer>, outcome: &Outcome) -> Option<(BString, BString)> {
    let kind = mailer.map_or_else(|| TYPE_OF_PROGRAMS.into(), |mailer| mailer.types.diagnostic.clone());
    let kind = Some(kind).filter(|kind: &BString| !kind.is_empty())?;
    let is_of_programs = kind.eq_ignore_ascii_case(TYPE_OF_PROGRAMS.as_bytes());
    let exit = || outcome.exit.filter(|_| is_of_programs).map(|code| code.to_string().into());
    outcome.reply.clone().or_else(exit).map(|said| (kind, said))
}

/// Returns an address without angle brackets.
fn bare(address: &[u8]) -> BString {
    address.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")).unwrap_or(address).into()
}

/// Returns what the rules see of a report with this envelope.
fn own_context(services: &Services, own: &Envelope, now: UnixTime) -> Context {
    let mut ctx = context(services, own, now);
    ctx.set("f", AUTHOR);
    ctx.set("g", AUTHOR);
    ctx.set("x", AUTHOR_NAME);
    ctx.set("s", "localhost");
    ctx.set("_", "localhost");
    ctx.clear("r");
    ctx
}

/// Returns the whole envelope of a report.
fn envelope(
    services: &Services,
    (own, mut ctx): (Envelope, Context),
    to: Vec<BString>,
    written: &Report,
    size_bytes: u64,
) -> Envelope {
    let mut envelope = own;
    envelope.headers = complete(&mut ctx, written.headers.clone(), Separator::Comma);
    envelope.flags.response = true;
    envelope.flags.split = true;
    envelope.full_name = Some(AUTHOR_NAME.into());
    let macros = [("_", "localhost"), ("r", ""), ("s", "localhost")];
    envelope.macros = macros.map(|(name, value)| (MacroName::new(name), value.into())).into();
    let reports = Notify { success: false, failure: true, delay: false };
    let recipient = |address| Recipient { default_notify: reports, ..Recipient::new(address) };
    envelope.recipients = to.into_iter().map(recipient).collect();
    envelope.size_bytes = size_bytes;
    envelope.classify(&services.site.config.precedences);
    envelope.priority = services.terms.first_priority(size_bytes, envelope.class, envelope.recipients.len());
    envelope
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cf::Mailers;

    #[test]
    fn a_diagnostic_has_the_type_that_the_mailer_names() {
        let check = |kind: &str, outcome: &Outcome, expected: Option<(&str, &str)>| {
            let mut mailer = Mailers::default().get(b"prog").expect("built in").clone();
            mailer.types.diagnostic = kind.into();
            let expected = expected.map(|(kind, said)| (kind.into(), said.into()));
            assert_eq!(diagnostic(Some(&mailer), outcome), expected, "{kind}");
        };
        let said = Outcome::failed(Status::new(5, 1, 1), "no").with_reply("550 no");
        check("SMTP", &said, Some(("SMTP", "550 no")));
        check("", &said, None);
        let exit = Outcome { exit: Some(1), ..Outcome::failed(Status::new(5, 0, 0), "unknown mailer error 1") };
        check("X-Unix", &exit, Some(("X-Unix", "1")));
        check("x-unix", &exit, Some(("x-unix", "1")));
        check("SMTP", &exit, None);
        check("", &exit, None);
    }
}
