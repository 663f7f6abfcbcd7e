//! Class `user`: the password database.

use bstr::{BString, ByteSlice};

use super::{Definition, Opener, Outcome};
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

/// Looks a user up in the password database through `opener`, as the key stands and then in small letters.
pub async fn look_up_user(definition: &Definition, opener: &dyn Opener, key: &[u8], args: &[&[u8]]) -> Outcome {
    let column = match Column::parse(definition) {
        Ok(column) => column,
        Err(reason) => return Outcome::TempFail(reason),
    };
    let folded = definition.fold(key);
    let lower = key.to_lowercase();
    let found = match opener.user(&folded).await {
        Ok(None) if *folded != *lower => opener.user(&lower).await,
        other => other,
    };
    match found {
        Ok(Some(user)) => Outcome::Found(definition.result(&folded, &column.of(&user), args)),
        Ok(None) => Outcome::NotFound(Sysexit::NoUser),
        Err(error) => Outcome::TempFail(error.to_string().into()),
    }
}
