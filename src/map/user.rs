//! Class `user`: the password database.

use std::io;

use bstr::{BString, ByteSlice};

use super::{Definition, Opener, Outcome};
use crate::mail::full_name;
use crate::name::Sysexit;
use crate::sys::user::User;

/// A column of the password database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Column {
    Name,
    Password,
    Uid,
    Gid,
    Gecos,
    Directory,
    Shell,
}

impl Column {
    /// Reads the name of a column; the error is the text of the original.
    pub(super) fn parse(definition: &Definition) -> Result<Column, BString> {
        let Some(name) = &definition.value_column else { return Ok(Column::Name) };
        Ok(match name.to_ascii_lowercase().as_slice() {
            b"name" => Column::Name,
            b"passwd" => Column::Password,
            b"uid" => Column::Uid,
            b"gid" => Column::Gid,
            b"gecos" => Column::Gecos,
            b"dir" => Column::Directory,
            b"shell" => Column::Shell,
            _ => return Err(format!("User map {}: unknown column name {name}", definition.name).into()),
        })
    }

    fn of(self, user: &User) -> BString {
        use std::os::unix::ffi::OsStrExt;
        match self {
            Column::Name => user.name.clone(),
            // QUIRK(user-map-password): a stored password is never given out, whoever asks.
            Column::Password => "x".into(),
            Column::Uid => user.uid.to_string().into(),
            Column::Gid => user.gid.to_string().into(),
            Column::Gecos => user.full_name(),
            Column::Directory => user.home.as_os_str().as_bytes().into(),
            Column::Shell => user.shell.as_os_str().as_bytes().into(),
        }
    }
}

/// Who else is a user beside those who have the key as their login name.
#[derive(Clone, Copy, Debug)]
pub struct FullNames {
    /// Those who have it as their full name (MatchGECOS).
    pub count: bool,
    /// What stands for a space in it (BlankSub).
    pub blank_sub: u8,
}

/// Looks a user up in the password database through `opener`, as the key stands, then in small letters, then as a full name;
/// returns also the login name of one who was found so.
pub async fn look_up_user(
    definition: &Definition,
    opener: &dyn Opener,
    names: FullNames,
    key: &[u8],
    args: &[&[u8]],
) -> (Outcome, Option<BString>) {
    let column = match Column::parse(definition) {
        Ok(column) => column,
        Err(reason) => return (Outcome::TempFail(reason), None),
    };
    let folded = definition.fold(key);
    let found = match user(opener, names, &folded, &key.to_lowercase()).await {
        Ok(found) => found,
        Err(error) => return (Outcome::TempFail(error.to_string().into()), None),
    };
    let Some((user, is_called)) = found else { return (Outcome::NotFound(Sysexit::NoUser), None) };
    let value = definition.result(&folded, &column.of(&user), args);
    (Outcome::Found(value), is_called.then_some(user.name))
}

/// Finds a user; tells whether by the full name.
async fn user(opener: &dyn Opener, names: FullNames, name: &[u8], lower: &[u8]) -> io::Result<Option<(User, bool)>> {
    if let Some(user) = opener.user(name).await? {
        return Ok(Some((user, false)));
    }
    if name != lower
        && let Some(user) = opener.user(lower).await?
    {
        return Ok(Some((user, false)));
    }
    if !names.count {
        return Ok(None);
    }
    let called = opener.user_called(&full_name::spelled(name, names.blank_sub)).await?;
    Ok(called.map(|user| (user, true)))
}
