//! Mail that can be neither delivered nor returned is appended to a file.

use super::attempt::context;
use super::header;
use super::holding::Holding;
use super::local::Letter;
use super::message::Format;
use super::outcome::{Outcome, Verdict};
use super::services::Services;
use crate::keeper::request::Mailbox;
use crate::log::Level;
use crate::mail::date;
use crate::mail::envelope::Envelope;
use crate::name::UnixTime;

/// Appends a message to the file that keeps what could not be sent.
pub async fn save(
    services: &Services,
    original: &Envelope,
    holding: &Holding,
    place: Mailbox,
    now: UnixTime,
) -> Outcome {
    let mailer = services.site.config.mailers.get(b"*file*").expect("it is always there");
    let mut ctx = context(services, original, now);
    let letter = Letter {
        sender: original.sender.clone(),
        date: date::ctime(now, &services.site.zone),
        header: header::header(&mut ctx, mailer, original).await,
        body: holding.body().clone(),
        converted: None,
        format: Format::of(mailer).for_mailbox(),
    };
    services.mailboxes.append(place, letter).await
}

/// Saves a message of which nobody can be told in the file that the site has for such (DeadLetterDrop); tells whether that
/// was done.
pub async fn drop_off(services: &Services, holding: &Holding, now: UnixTime) -> bool {
    let file = &services.site.config.options.dead_letter_drop;
    if file.is_empty() {
        return false;
    }
    let original = holding.envelope();
    let outcome = save(services, original, holding, Mailbox::DeadLetterDrop {}, now).await;
    let is_saved = outcome.verdict == Verdict::Sent;
    if is_saved {
        services.witness.tell_about(&original.sender, format!("Saved message in {file}"));
        services.log.say(Level::MINOR, &original.id, format_args!("Saved message in {file}"));
    } else {
        let text = format!("cannot save the message in {file}: {}", outcome.reason());
        services.log.say(Level::FAILED, &original.id, text);
    }
    is_saved
}
