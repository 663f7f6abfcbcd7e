//! What rules resolve to: `$#mailer $@ host $: user`, or `$#error $@ code $: text`.

use bstr::BString;

use super::{Mark, Token, join_within};

/// The longest user that the rules give, in bytes; what goes beyond is cut off (the original's MAXNAME less one).
const USER_BYTES_MAX: usize = 255;
/// The longest host that the rules give, in bytes; what goes beyond is cut off (the original's MAXNAME less two).
const HOST_BYTES_MAX: usize = 254;

/// What follows the mailer.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The host, if one is named.
    pub host: Option<&'a [Token]>,
    /// The user, or what is said of an error.
    pub user: &'a [Token],
}

impl<'a> Target<'a> {
    /// Splits what follows the mailer; none where there is no user.
    pub fn of(tokens: &'a [Token]) -> Option<Self> {
        let user = tokens.iter().position(|token| token.is(&Mark::User))?;
        let host = match tokens.first() {
            Some(first) if first.is(&Mark::Host) && user > 1 => Some(&tokens[1..user]),
            _ => None,
        };
        Some(Self { host, user: &tokens[user + 1..] })
    }

    /// Returns the host as text; `blank_sub` goes between two neighbouring atoms.
    pub fn host_text(&self, blank_sub: u8) -> Option<BString> {
        self.host.map(|host| join_within(host, blank_sub, HOST_BYTES_MAX))
    }

    /// Returns the user as text, in which a blank goes between two neighbouring atoms.
    pub fn user_text(&self) -> BString {
        user_text(self.user, b' ')
    }
}

/// Returns a user as text.
pub fn user_text(user: &[Token], blank_sub: u8) -> BString {
    join_within(user, blank_sub, USER_BYTES_MAX)
}

/// Tells whether an error, whose name these tokens follow, only holds the message back.
///
// QUIRK(quarantine-in-small-letters)
pub fn is_quarantine(tokens: &[Token]) -> bool {
    let is_reason = |token: &Token| token.text().is_some_and(|(_, text)| text == b"quarantine");
    matches!(tokens, [at, reason, ..] if at.is(&Mark::Host) && is_reason(reason))
}
