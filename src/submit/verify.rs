//! `-bv`: who an address stands for, and whether mail for it can be delivered.

use bstr::BString;

use super::caller::Caller;
use super::recipients::{Desk, Recipients};
use super::submission::Submission;
use super::terminal::Terminal;
use crate::deliver::services::Services;
use crate::mail::address_list::Separator;
use crate::mail::envelope::{Recipient, Route, Special};
use crate::name::{QueueIdMaker, Status, Sysexit, UnixTime};
use crate::route::parse;
use crate::route::person::is_left_out;
use crate::route::refused::Refused;
use crate::route::role::Role;
use crate::site::Context;

/// The status of a recipient while a file of this host, such as the aliases, cannot be read.
const UNREADABLE: Status = Status::new(4, 3, 0);

/// Tells of each recipient where it goes; returns what the program exits with.
pub async fn verify(
    services: &Services,
    submission: &Submission,
    now: UnixTime,
    caller: &Caller,
    terminal: &mut Terminal<'_>,
) -> Sysexit {
    let mut ctx = Context::new(&services.site);
    let id = QueueIdMaker::new(std::process::id(), 0).next(now);
    let desk = Desk { services, submission, id: &id, logs_complaints: true, logs_refused: false };
    let old_style = services.site.config.options.old_style_headers;
    let mut recipients = Recipients { separator: Separator::of_option(old_style), ..Recipients::default() };
    desk.add_arguments(&mut ctx, &mut recipients, terminal).await;
    ctx.log_notes(&services.log, &id);
    let sender = submission.sender.as_ref().unwrap_or(&caller.name);
    let sender = parse::parse(&mut ctx, sender, Role::Sender).await.ok().map(parse::Parsed::into_route);
    recipients.found.retain(|recipient| !is_left_out(&ctx, recipient, sender.as_ref()));
    recipients.found.iter().for_each(|recipient| terminal.tell(line(recipient)));
    for Refused { recipient, refusal, .. } in &recipients.later {
        // Unlike the original, which takes nobody for an alias while the aliases cannot be read.
        if refusal.status == UNREADABLE {
            terminal.tell(format!("{}... cannot be looked up now: {}", recipient.address, refusal.text));
            terminal.fail(Sysexit::TempFail);
        } else {
            // Who waits for others is deliverable as far as anybody knows.
            terminal.tell(line(recipient));
        }
    }
    terminal.exit()
}

/// Returns what is told of a recipient.
fn line(recipient: &Recipient) -> BString {
    let mut line = BString::from(format!("{}... deliverable: mailer ", recipient.address));
    if let Some(route) = &recipient.route {
        line.extend_from_slice(route.mailer.as_bytes());
        if !route.host.is_empty() {
            line.extend_from_slice(format!(", host {}", route.host).as_bytes());
        }
        line.extend_from_slice(format!(", user {}", shown_user(recipient, route)).as_bytes());
    }
    line
}

/// Returns the user as the original shows it: a program in quotes keeps them, and a user the backslash that keeps aliases away.
fn shown_user<'a>(recipient: &'a Recipient, route: &'a Route) -> &'a BString {
    let is_kept = match route.special() {
        Some(Special::Program) => recipient.address.starts_with(b"\""),
        _ => recipient.address.strip_prefix(b"\\").is_some_and(|user| route.user == user),
    };
    if is_kept { &recipient.address } else { &route.user }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::MailerName;

    #[track_caller]
    fn check(mailer: &str, host: &str, expected: &str) {
        check_named("a", mailer, host, expected);
    }

    #[track_caller]
    fn check_named(address: &str, mailer: &str, host: &str, expected: &str) {
        let route = Route { mailer: MailerName::new(mailer), host: host.into(), user: "u".into(), is_settled: false };
        assert_eq!(line(&Recipient { route: Some(route), ..Recipient::new(address) }), expected);
    }

    #[test]
    fn users_are_shown_with_what_protects_them() {
        check_named("\\u", "local", "", "\\u... deliverable: mailer local, user \\u");
        check_named("\"u\"", "local", "", "\"u\"... deliverable: mailer local, user u");
        check_named("\"|u\"", "prog", "", "\"|u\"... deliverable: mailer prog, user \"|u\"");
    }

    #[test]
    fn the_host_is_told_where_there_is_one() {
        check("local", "", "a... deliverable: mailer local, user u");
        check("esmtp", "x.example.", "a... deliverable: mailer esmtp, host x.example., user u");
    }
}
