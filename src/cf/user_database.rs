//! Option UserDatabaseSpec (op guide "The User Database"): where maildrops and outgoing names of users stand.

use bstr::BString;

use crate::name::TrimSpace as _;

/// One element of the option.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum UserDatabase {
    /// A btree file; its name may lack `.db`.
    File(BString),
    /// `@host`: there is mail for every user.
    Host(BString),
    /// Something that is not known here, as `hesiod`.
    Unknown(BString),
}

/// Reads the elements of option UserDatabaseSpec, which commas separate.
//
// QUIRK(userdb-spec): blanks separate nothing, and what follows a colon is not looked at.
pub fn user_databases(spec: &[u8]) -> Vec<UserDatabase> {
    let elements = spec.split(|byte| *byte == b',').map(|element| element.trim_space_start());
    let elements = elements.map(|element| element.split(|byte| *byte == b':').next().unwrap_or_default());
    let read = |element: &[u8]| match element {
        [b'/', ..] => UserDatabase::File(element.into()),
        [b'@', host @ ..] => UserDatabase::Host(host.into()),
        _ => UserDatabase::Unknown(element.into()),
    };
    elements.filter(|element| !element.is_empty()).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(spec: &str, expected: &[UserDatabase]) {
        assert_eq!(user_databases(spec.as_bytes()), expected);
    }

    #[test]
    fn commas_separate_files_and_hosts() {
        let file = |name: &str| UserDatabase::File(name.into());
        check("", &[]);
        check("/etc/mail/udb", &[file("/etc/mail/udb")]);
        check("/a, /b:x=y,", &[file("/a"), file("/b")]);
        check("/a /b", &[file("/a /b")]);
        check(
            "@hub.example,hesiod",
            &[UserDatabase::Host("hub.example".into()), UserDatabase::Unknown("hesiod".into())],
        );
        check("@", &[UserDatabase::Host("".into())]);
    }
}
