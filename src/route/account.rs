//! Whose mailbox a local user part names.

use crate::cf::{Mailer, MailerFlag, Options};
use crate::keeper::client::HandError;
use crate::keeper::hands::Hands;
use crate::keeper::request::Account;
use crate::mail::{address_list, full_name};
use crate::name::Status;
use crate::route::refusal::Refusal;

/// Who a local user part is.
#[derive(Debug)]
pub enum Found {
    /// A user of this login name.
    Account(Account),
    /// A user of this full name (MatchGECOS).
    Called(Account),
    /// Nobody.
    Nobody,
    /// Not for us to judge: the mailer has no users.
    Elsewhere,
}

/// Looks a user part up among the users, where its mailer has such.
///
/// # Errors
/// The user database cannot be asked now.
pub async fn find(hands: &Hands, options: &Options, mailer: &Mailer, user: &[u8]) -> Result<Found, Refusal> {
    if !mailer.flags.has(MailerFlag::Accounts) {
        return Ok(Found::Elsewhere);
    }
    // QUIRK(backslash-in-user)
    let user = address_list::unquote(user);
    if let Some(account) = hands.user(&user).await.map_err(later)? {
        return Ok(Found::Account(account));
    }
    if !options.match_gecos {
        return Ok(Found::Nobody);
    }
    let called = hands.user_called(&full_name::spelled(&user, options.blank_sub)).await.map_err(later)?;
    Ok(called.map_or(Found::Nobody, Found::Called))
}

fn later(error: HandError) -> Refusal {
    let is_interruption = error.is_interruption();
    let refusal = Refusal::temporary(Status::new(4, 3, 0), format!("cannot ask the user database: {error}"));
    refusal.with_interruption(is_interruption)
}
