//! Users that the configuration names.

use crate::cf::{Config, Principal};
use crate::sys::user::{LookupError, User};

/// Returns DefaultUser as the passwd database knows it, or its numbers alone; none if it does not exist.
///
/// # Errors
/// The user database cannot be asked.
pub fn default_user(config: &Config) -> Result<Option<User>, LookupError> {
    let spec = &config.options.default_user;
    let found = match &spec.user {
        Some(Principal::Name(name)) => User::by_name(name)?,
        Some(Principal::Id(uid)) => User::by_uid(*uid)?,
        None => None,
    };
    let number = |principal: &Option<Principal>| match principal {
        Some(Principal::Id(number)) => Some(*number),
        _ => None,
    };
    let gid = number(&spec.group);
    let user = found.or_else(|| number(&spec.user).map(|uid| User::nameless(uid, gid.unwrap_or(uid))));
    Ok(user.map(|user| User { gid: gid.unwrap_or(user.gid), ..user }))
}
