//! `-bv`: who an address stands for, and whether mail for it can be delivered.

use bstr::BString;

use super::caller::Caller;
use super::recipients::{Desk, Recipients};
use super::submission::Submission;
use super::terminal::Terminal;
use crate::deliver::services::Services;
use crate::mail::address_list::Separator;
use crate::mail::envelope::Recipient;
use crate::name::{QueueIdMaker, Sysexit, UnixTime};
use crate::route::parse::{self, Role};
use crate::route::person::is_left_out;
use crate::site::Context;

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
    let desk =
        Desk { services, submission, id: &id, follows_aliases: true, logs_complaints: true, logs_refused: false };
    let old_style = services.site.config.options.old_style_headers;
    let mut recipients = Recipients { separator: Separator::of_option(old_style), ..Recipients::default() };
    desk.add_arguments(&mut ctx, &mut recipients, terminal).await;
    if recipients.misspelt {
        terminal.fail(Sysexit::Usage);
    }
    let sender = submission.sender.as_ref().unwrap_or(&caller.name);
    let sender = parse::parse(&mut ctx, sender, Role::Sender).await.ok().map(parse::Parsed::into_route);
    recipients.found.retain(|recipient| !is_left_out(&ctx, recipient, sender.as_ref()));
    // Who cannot be looked up now is deliverable as far as anybody knows.
    for recipient in recipients.found.iter().chain(recipients.later.iter().map(|later| &later.recipient)) {
        terminal.tell(line(recipient));
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
        line.extend_from_slice(format!(", user {}", route.user).as_bytes());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::envelope::Route;
    use crate::name::MailerName;

    #[track_caller]
    fn check(mailer: &str, host: &str, expected: &str) {
        let route = Route { mailer: MailerName::new(mailer), host: host.into(), user: "u".into() };
        assert_eq!(line(&Recipient { route: Some(route), ..Recipient::new("a") }), expected);
    }

    #[test]
    fn the_host_is_told_where_there_is_one() {
        check("local", "", "a... deliverable: mailer local, user u");
        check("esmtp", "x.example.", "a... deliverable: mailer esmtp, host x.example., user u");
    }
}
