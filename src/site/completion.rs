//! The header of a message as the queue keeps it: the site's fields (`H` lines) before the message's own.

use std::sync::Arc;

use bstr::{BString, ByteSlice};

use super::Context;
use crate::cf::{HeaderRule, NoRecipientAction};
use crate::mail::address_field;
use crate::mail::address_list::{self, Separator};
use crate::mail::envelope::{Notify, Recipient};
use crate::mail::header::{self, Condition, Header};
use crate::name::CSpace as _;

/// Fields that a message may have several of: its own do not replace the site's.
const KEPT_BESIDE: [&str; 6] =
    ["Received", "X400-Received", "Via", "Mail-From", "Return-Path", "X-Authentication-Warning"];

/// Fields whose templates are expanded only when the message is delivered.
const BOUND_LATE: [&str; 1] = ["Return-Path"];

/// Fields of the message itself that keep the condition of the site's field which they replace.
const KEEPS_CONDITION: [&str; 2] = ["Full-Name", "Content-Length"];

/// Fields of a message that is sent again.
const RESENT: [&str; 9] = [
    "Resent-Sender",
    "Resent-From",
    "Resent-Reply-To",
    "Resent-To",
    "Resent-Cc",
    "Resent-Bcc",
    "Resent-Date",
    "Resent-Message-Id",
    "Resent-Message-ID",
];

/// Tells whether a header is that of a message that is sent again: only fields count that the original knows.
pub fn is_resent(header: &[Header]) -> bool {
    header.iter().any(|field| is_among(field, &RESENT))
}

/// Returns the whole header of a message: the site's fields that it lacks, then its `own`; templates are expanded now with
/// the macros of `ctx`, but those that are bound late. `separator` is that of the envelope's lists so far.
///
/// A message identifier that is made here is known (`${msg_id}`) to the fields behind it.
pub fn complete(ctx: &mut Context, own: Vec<Header>, separator: Separator) -> Vec<Header> {
    let site = Arc::clone(ctx.site());
    let config = &site.config;
    Completion {
        rules: &config.headers,
        separator: address_field::separator(&own, separator),
        unfolds_senders: config.options.single_line_from_header,
    }
    .complete(own, &mut |name, template| {
        let value = ctx.expand(template);
        if name.eq_ignore_ascii_case(b"Message-Id") {
            ctx.set("msg_id", value.trim());
        }
        value
    })
}

/// What expands the template of the field with a name.
type Expand<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> BString;

/// What completes a header.
struct Completion<'a> {
    /// The `H` lines.
    rules: &'a [HeaderRule],
    /// What separates recipients.
    separator: Separator,
    /// `SingleLineFromHeader`.
    unfolds_senders: bool,
}

impl Completion<'_> {
    /// Returns the whole header: the site's fields that the message lacks, then its own.
    fn complete(&self, own: Vec<Header>, expand: Expand<'_>) -> Vec<Header> {
        let own: Vec<Header> = own.into_iter().filter(|field| !self.is_empty_default(field)).collect();
        let resent = is_resent(&own);
        let wanted = |rule: &&HeaderRule| {
            let name = rule.name.as_slice();
            let replaced = own.iter().any(|field| field.name.eq_ignore_ascii_case(name));
            (!replaced || has_name(name, &KEPT_BESIDE)) && (resent || !has_name(name, &RESENT))
        };
        let rules = self.rules.iter().filter(|rule| !rule.template.is_empty() && rule.name != "*");
        let mut fields: Vec<Header> = rules.filter(wanted).map(|rule| field(rule, expand)).collect();
        fields.extend(own.into_iter().map(|field| self.own_field(field)));
        fields
    }

    /// Tells whether a field of the message is empty that the site would fill.
    fn is_empty_default(&self, field: &Header) -> bool {
        let is_filled = |rule: &HeaderRule| !rule.template.is_empty() && rule.name.eq_ignore_ascii_case(&field.name);
        field.value.trim().is_empty() && self.rules.iter().any(is_filled)
    }

    /// Returns a field of the message as the queue keeps it: addresses in a list with commas.
    fn own_field(&self, mut field: Header) -> Header {
        let party = address_field::Party::of_field(&field.name);
        if self.unfolds_senders && party == Some(address_field::Party::Sender) {
            field.value = field.value.replace(b"\n", b" ").into();
        }
        if is_among(&field, &KEEPS_CONDITION) {
            let condition = self.rules.iter().find(|rule| rule.name.eq_ignore_ascii_case(&field.name));
            return field.only_for(condition.map_or(Condition::Always, |rule| rule.condition.clone()));
        }
        match party {
            Some(party) => {
                let elements = address_list::split_field(&field.value, party.separator(self.separator));
                if elements.is_empty() {
                    return field;
                }
                let indent = field.value.iter().take_while(|byte| byte.is_c_space()).skip(1).map(|_| b' ');
                let list = address_field::join(&field.name, &elements);
                Header::with_value(&field.name, indent.chain(list.iter().copied()).collect::<BString>())
            }
            None => field,
        }
    }
}

/// Returns the field that a rule makes.
fn field(rule: &HeaderRule, expand: Expand<'_>) -> Header {
    let late = || Header::with_value(&rule.name, &rule.template).templated().only_for(rule.condition.clone());
    if has_name(&rule.name, &BOUND_LATE) {
        return late();
    }
    let value = expand(&rule.name, &rule.template);
    if value.trim().is_empty() {
        // The mailer may know more: who the sender of a report is, for one.
        return late().fleeting();
    }
    let space: &[u8] = if value.starts_with(b" ") { b"" } else { b" " };
    let value = [space, value.as_slice()].concat();
    Header::with_value(&rule.name, value).only_for(rule.condition.clone())
}

/// Adds what `NoRecipientAction` says to a header without recipients; tells whether `Bcc:` is to be removed.
pub fn mend_recipients(own: &mut Vec<Header>, action: NoRecipientAction, recipients: &[BString]) -> bool {
    if ["To", "Cc", "Apparently-To"].iter().any(|name| header::find(own, name).is_some()) {
        return true;
    }
    if header::find(own, "Bcc").is_some() {
        return false;
    }
    // As the original: each goes before the one that was added last.
    let mut add_all = |name: &str| own.extend(recipients.iter().rev().map(|address| Header::new(name, address)));
    match action {
        NoRecipientAction::Nothing => {}
        NoRecipientAction::AddTo => add_all("To"),
        NoRecipientAction::AddApparentlyTo => add_all("Apparently-To"),
        // A blank, as the original: what is empty has not even that.
        NoRecipientAction::AddBcc => own.push(Header::new("Bcc", " ")),
        NoRecipientAction::AddToUndisclosed => own.push(Header::new("To", "undisclosed-recipients:;")),
    }
    false
}

/// Lets a header that asks for receipts ask for reports of all kinds on each of the recipients for whom nothing else is
/// asked, if `RrtImpliesDsn` says so.
pub fn mend_reports(ctx: &Context, own: &[Header], recipients: &mut [Recipient]) {
    if ctx.config().options.rrt_implies_dsn && own.iter().any(Header::asks_for_receipt) {
        recipients.iter_mut().for_each(|recipient| recipient.notify = recipient.notify.or(Some(Notify::ALL)));
    }
}

// QUIRK(errors-to-counted): the original expands them at once.
/// Returns whom a header wants to hear of failures besides the sender, if `UseErrorsTo` lets it: those of each field from the
/// last to the first.
//
// QUIRK(lists-backwards): the addresses of one list are taken from the last to the first.
pub fn error_recipients(ctx: &Context, headers: &[Header]) -> Vec<BString> {
    let options = &ctx.config().options;
    let separator = address_field::separator(headers, Separator::of_option(options.old_style_headers));
    let fields = headers.iter().filter(|field| options.use_errors_to && field.is("Errors-To"));
    fields.flat_map(|field| address_list::split(&field.value, separator).into_iter().rev()).collect()
}

fn is_among(field: &Header, names: &[&str]) -> bool {
    has_name(&field.name, names)
}

fn has_name(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(condition: &str, name: &str, template: &str) -> HeaderRule {
        let condition = Condition::parse(condition.as_bytes()).expect(condition);
        HeaderRule { name: name.into(), condition, template: template.into(), check: None, line: 0 }
    }

    /// Completes a header given as lines; `$x` in templates becomes nothing.
    #[track_caller]
    fn check(own: &[&str], expected: &[&str]) {
        let rules = [
            rule("P", "Return-Path", " <g>"),
            rule("", "Received", "from x"),
            rule("D", "Resent-Date", "rnow"),
            rule("D", "Date", "now"),
            rule("F", "From", "$x"),
            rule("x", "Full-Name", "me"),
        ];
        let completion = Completion { rules: &rules, separator: Separator::OldStyle, unfolds_senders: false };
        let own = own.iter().map(|line| Header::parse(line.as_bytes()).expect(line)).collect();
        let fields = completion.complete(own, &mut |_, template| template.replace(b"$x", b"").into());
        let lines: Vec<_> = fields.iter().map(|f| format!("?{}?{}:{}", f.only_for, f.name, f.value)).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_sites_fields_come_first_where_the_message_lacks_them() {
        check(
            &["Subject: x"],
            &[
                "?P?Return-Path: <g>",
                "??Received: from x",
                "?D?Date: now",
                "?F?From:$x",
                "?x?Full-Name: me",
                "??Subject: x",
            ],
        );
        check(
            &["date: y", "Full-Name: you"],
            &["?P?Return-Path: <g>", "??Received: from x", "?F?From:$x", "??date: y", "?x?Full-Name: you"],
        );
    }

    #[test]
    fn traces_are_kept_beside_those_of_the_message() {
        check(
            &["Received: a", "Return-Path: <q>", "Date: d", "Full-Name: f"],
            &[
                "?P?Return-Path: <g>",
                "??Received: from x",
                "?F?From:$x",
                "??Received: a",
                "??Return-Path: <q>",
                "??Date: d",
                "?x?Full-Name: f",
            ],
        );
    }

    #[test]
    fn a_message_sent_again_gets_resent_fields() {
        check(
            &["Resent-From: u", "Date: d", "Full-Name: f"],
            &[
                "?P?Return-Path: <g>",
                "??Received: from x",
                "?D?Resent-Date: rnow",
                "?F?From:$x",
                "??Resent-From: u",
                "??Date: d",
                "?x?Full-Name: f",
            ],
        );
    }

    #[test]
    fn address_lists_get_commas() {
        check(
            &["To: x y z", "Cc: a@b,\n c@d", "Date: d", "Full-Name: f"],
            &[
                "?P?Return-Path: <g>",
                "??Received: from x",
                "?F?From:$x",
                "??To: x, y, z",
                "??Cc: a@b, c@d",
                "??Date: d",
                "?x?Full-Name: f",
            ],
        );
    }

    #[track_caller]
    fn mends(own: &[&str], action: NoRecipientAction, removes_bcc: bool, expected: &[&str]) {
        let mut own: Vec<_> = own.iter().map(|line| Header::parse(line.as_bytes()).expect(line)).collect();
        assert_eq!(mend_recipients(&mut own, action, &["<a>".into(), "<b>".into()]), removes_bcc);
        let lines: Vec<_> = own.iter().map(|f| format!("{}:{}", f.name, f.value)).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_message_without_recipients_is_mended_as_the_site_says() {
        mends(&["To: x"], NoRecipientAction::AddBcc, true, &["To: x"]);
        mends(&["Bcc: x"], NoRecipientAction::AddTo, false, &["Bcc: x"]);
        mends(&[], NoRecipientAction::Nothing, false, &[]);
        mends(&[], NoRecipientAction::AddTo, false, &["To: <b>", "To: <a>"]);
        mends(&[], NoRecipientAction::AddToUndisclosed, false, &["To: undisclosed-recipients:;"]);
    }
}
