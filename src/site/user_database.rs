//! What the user databases say of recipients and senders (op guide "The User Database").

use bstr::BString;

use super::context::Context;
use super::load::Site;
use crate::cf::{Config, UserDatabase, user_databases};
use crate::mail::address_list::{self, TooMany};
use crate::map::{Definition, KeyEnd, Kind, Outcome};
use crate::name::Sysexit;

/// The field that names who gets a user's mail.
const MAILDROP: &str = "maildrop";
/// The field that names the sender of what a user sends.
const MAILNAME: &str = "mailname";
/// The field that names who hears of what fails for a list.
const MAILSENDER: &str = "mailsender";
/// The key of the host that everybody with a maildrop writes from who has no name of his own.
const DEFAULT_NAME: &[u8] = b":default:mailname";

/// Who gets the mail of a user.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Maildrops {
    /// Which of the database files says so, from 0; none: it is the user of the same name on another host.
    pub file: Option<u8>,
    /// The addresses, with commas between them.
    pub addresses: BString,
    /// Who hears of failures.
    pub sender: Option<BString>,
}

impl Maildrops {
    /// Returns the addresses one by one. A user on another host is one, whatever the name has in it: it is the sender's.
    ///
    /// # Errors
    /// There are too many.
    pub fn list(&self) -> Result<Vec<BString>, TooMany> {
        match self.file {
            Some(_) => address_list::split_value(&self.addresses),
            None => Ok(vec![self.addresses.clone()]),
        }
    }
}

/// Returns the files of option UserDatabaseSpec as maps.
pub fn user_database_files(config: &Config) -> Vec<Definition> {
    let files = user_databases(&config.options.user_database_spec).into_iter().filter_map(|database| match database {
        UserDatabase::File(file) => Some(file),
        UserDatabase::Host(_) | UserDatabase::Unknown(_) => None,
    });
    let map = |(number, file)| {
        let mut definition = Definition::new(name(number).as_bytes(), Kind::Btree);
        definition.file = Some(file);
        definition.optional = true;
        definition.keep_case = true;
        definition.key_end = KeyEnd::Bare;
        definition
    };
    files.enumerate().map(map).collect()
}

/// Returns the name of the map of a database file.
fn name(number: usize) -> String {
    format!("UserDatabase{number}")
}

/// Returns the key of a field of a user.
fn user_key(user: &[u8], field: &str) -> BString {
    [user, b":", field.as_bytes()].concat().into()
}

/// Returns the key of a user's maildrops.
pub fn maildrop_key(user: &[u8]) -> BString {
    user_key(user, MAILDROP)
}

impl Site {
    /// Returns the maildrops of a user in the first database file that has any, with the number of the file.
    ///
    /// # Errors
    /// Why a file cannot be read now.
    pub fn maildrops_of(&self, user: &[u8]) -> Result<Option<(u8, BString)>, BString> {
        for (number, _) in (0..).zip(user_database_files(&self.config)) {
            if let Some(addresses) = self.maildrops_in(usize::from(number), user)? {
                return Ok(Some((number, addresses)));
            }
        }
        Ok(None)
    }

    /// Returns the maildrops of a user in a database file, with commas between them.
    fn maildrops_in(&self, number: usize, user: &[u8]) -> Result<Option<BString>, BString> {
        let records = self.records(number, &maildrop_key(user))?;
        let is_said = records.first().is_some_and(|first| !first.is_empty());
        Ok(is_said.then(|| bstr::join(",", records).into()))
    }

    /// Returns the records of a key in a database file.
    fn records(&self, number: usize, key: &[u8]) -> Result<Vec<BString>, BString> {
        match self.maps.entry(name(number).as_bytes()) {
            Some(entry) => self.maps.open(entry).0.records(key),
            None => Ok(Vec::new()),
        }
    }

    /// Returns the first record of a key in a database file, if it says anything.
    fn record(&self, number: usize, key: &[u8]) -> Result<Option<BString>, BString> {
        Ok(self.records(number, key)?.into_iter().next().filter(|value| !value.is_empty()))
    }

    /// Returns a field of a user; of those with a maildrop and no name of their own the name that all have.
    fn user_field(&self, user: &[u8], field: &str) -> Result<Option<BString>, BString> {
        let count = user_database_files(&self.config).len();
        for number in 0..count {
            if let Some(value) = self.record(number, &user_key(user, field))? {
                return Ok(Some(value));
            }
        }
        if field != MAILNAME {
            return Ok(None);
        }
        for number in 0..count {
            let host = self.record(number, DEFAULT_NAME)?;
            if let (Some(host), Some(_)) = (host, self.record(number, &maildrop_key(user))?) {
                return Ok(Some([user, b"@", &host].concat().into()));
            }
        }
        Ok(None)
    }
}

impl Context {
    /// Finds out who gets the mail of a user, if it is somebody else.
    ///
    /// # Errors
    /// Why a database cannot be read now.
    pub fn maildrops(&self, user: &[u8]) -> Result<Option<Maildrops>, BString> {
        let (site, mut number) = (self.site(), 0);
        if user.starts_with(b":") {
            return Ok(None);
        }
        for database in user_databases(&site.config.options.user_database_spec) {
            match database {
                UserDatabase::Unknown(_) => {}
                UserDatabase::Host(host) => {
                    let addresses = [user, b"@", &host].concat().into();
                    return Ok(Some(Maildrops { addresses, ..Maildrops::default() }));
                }
                UserDatabase::File(_) => {
                    if let Some(addresses) = site.maildrops_in(number, user)? {
                        let sender = site.record(number, &user_key(user, MAILSENDER))?;
                        return Ok(Some(Maildrops { file: u8::try_from(number).ok(), addresses, sender }));
                    }
                    number += 1;
                }
            }
        }
        Ok(None)
    }

    /// Returns the name that a user sends under, if the databases know one.
    pub fn mailname(&self, user: &[u8]) -> Option<BString> {
        self.site().user_field(user, MAILNAME).ok().flatten()
    }

    /// Asks the databases for the field that a map of class userdb names.
    pub(super) fn look_up_userdb(&self, map: &Definition, key: &[u8], args: &[&[u8]]) -> Outcome {
        let field = map.file.clone().unwrap_or_default();
        match self.site().user_field(&map.fold(key), &field.to_string()) {
            Ok(Some(value)) => Outcome::Found(map.result(key, &value, args)),
            Ok(None) => Outcome::NotFound(Sysexit::Ok),
            Err(reason) => Outcome::TempFail(reason),
        }
    }
}
