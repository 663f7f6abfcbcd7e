//! Users, by name.

use super::{Failure, Served, plain, refusal};
use crate::keeper::request::{Account, Answer, FailureKind};
use crate::sys::user::{LookupError, User};

/// Looks a user up.
pub(super) fn find(name: &[u8]) -> Served {
    answer(look_up(name)?)
}

/// Looks a user up by full name.
pub(super) fn find_called(full_name: &[u8]) -> Served {
    answer(User::by_full_name(full_name).map_err(later)?)
}

fn answer(user: Option<User>) -> Served {
    plain(Answer::User { user: user.map(Account::from) })
}

/// Returns a user that must exist.
pub(super) fn existing(name: &[u8]) -> Result<User, Failure> {
    let unknown = || refusal(FailureKind::Missing {}, format!("{}: User unknown", String::from_utf8_lossy(name)));
    look_up(name)?.ok_or_else(unknown)
}

fn look_up(name: &[u8]) -> Result<Option<User>, Failure> {
    User::by_name(name).map_err(later)
}

fn later(error: LookupError) -> Failure {
    refusal(FailureKind::Temporary {}, error.to_string())
}
