//! The classes of maps.

use bstr::BString;

use super::{DnsRecord, LdapSpec, Method, RegexSpec};
use crate::log::Priority;
use crate::name::Sysexit;

/// The class of a map, with what only this class has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A Berkeley DB hash file.
    Hash,
    /// A Berkeley DB btree file.
    Btree,
    /// A constant database.
    Cdb,
    /// Columns of a text file.
    Text,
    /// An alias file: its database if there is one, else its text.
    Implicit,
    /// An alias file's text.
    Stab,
    /// Has no key.
    Null,
    /// A regular expression.
    Regex(RegexSpec),
    /// Integer arithmetic.
    Arith,
    /// Takes the quotes off a word.
    Dequote,
    /// The reverse form of an address.
    Arpa,
    /// The password database.
    User,
    /// Maps one after the other, by name.
    Sequence(Vec<BString>),
    /// Maps `name.kind` for each kind that the service switch gives for the file: their names, none of an unknown service.
    Switch(Vec<BString>),
    /// A program, run with the key.
    Program,
    /// A server that speaks netstrings.
    Socket,
    /// Sets a macro.
    Macro,
    /// Writes a log line.
    Syslog(Priority),
    /// Canonical host names.
    Host,
    /// Records of the DNS.
    Dns(DnsRecord),
    /// The best mail exchanger.
    Bestmx,
    /// A field of the user databases of option UserDatabaseSpec.
    Userdb,
    /// Entries of a directory.
    Ldap(Box<LdapSpec>),
}

impl Kind {
    /// Returns how the database file of a class finds its keys; none of a class that has none. An implicit one is made as a hash.
    pub fn method(&self) -> Option<Method> {
        match self {
            Kind::Hash | Kind::Implicit => Some(Method::Hash),
            Kind::Btree => Some(Method::Btree),
            Kind::Cdb => Some(Method::Cdb),
            _ => None,
        }
    }

    /// Returns the class with this name; capitals do not count.
    pub fn of_class(class: &[u8]) -> Option<Kind> {
        Some(match class.to_ascii_lowercase().as_slice() {
            b"hash" => Kind::Hash,
            b"btree" => Kind::Btree,
            b"cdb" => Kind::Cdb,
            b"text" => Kind::Text,
            b"implicit" => Kind::Implicit,
            b"stab" => Kind::Stab,
            b"null" => Kind::Null,
            b"regex" => Kind::Regex(RegexSpec::default()),
            b"arith" => Kind::Arith,
            b"dequote" => Kind::Dequote,
            b"arpa" => Kind::Arpa,
            b"user" => Kind::User,
            b"sequence" => Kind::Sequence(Vec::new()),
            b"switch" => Kind::Switch(Vec::new()),
            b"program" => Kind::Program,
            b"socket" => Kind::Socket,
            b"macro" => Kind::Macro,
            b"syslog" => Kind::Syslog(Priority::default()),
            b"host" => Kind::Host,
            b"dns" => Kind::Dns(DnsRecord::default()),
            b"bestmx" => Kind::Bestmx,
            b"userdb" => Kind::Userdb,
            b"ldap" => Kind::Ldap(Box::default()),
            _ => return None,
        })
    }

    /// Returns the name of the class.
    pub fn class(&self) -> &'static str {
        match self {
            Kind::Hash => "hash",
            Kind::Btree => "btree",
            Kind::Cdb => "cdb",
            Kind::Text => "text",
            Kind::Implicit => "implicit",
            Kind::Stab => "stab",
            Kind::Null => "null",
            Kind::Regex(_) => "regex",
            Kind::Arith => "arith",
            Kind::Dequote => "dequote",
            Kind::Arpa => "arpa",
            Kind::User => "user",
            Kind::Sequence(_) => "sequence",
            Kind::Switch(_) => "switch",
            Kind::Program => "program",
            Kind::Socket => "socket",
            Kind::Macro => "macro",
            Kind::Syslog(_) => "syslog",
            Kind::Host => "host",
            Kind::Dns(_) => "dns",
            Kind::Bestmx => "bestmx",
            Kind::Userdb => "userdb",
            Kind::Ldap(_) => "ldap",
        }
    }

    /// Tells whether [`super::Map::lookup`] answers for this class; the others need a session, a network,
    /// another program or other maps, and are looked up by the site.
    pub fn is_local(&self) -> bool {
        use Kind::{Arith, Arpa, Btree, Cdb, Dequote, Hash, Implicit, Null, Regex, Stab, Text};
        matches!(self, Hash | Btree | Cdb | Text | Implicit | Stab | Null | Regex(_) | Arith | Dequote | Arpa)
    }

    /// Tells whether option AliasFile may name such a map.
    pub fn can_hold_aliases(&self) -> bool {
        match self {
            Kind::Hash | Kind::Btree | Kind::Cdb | Kind::Text | Kind::Implicit | Kind::Stab | Kind::Null => true,
            Kind::Sequence(_) | Kind::Switch(_) | Kind::Program | Kind::Socket | Kind::Ldap(_) => true,
            Kind::Regex(_) | Kind::Arith | Kind::Dequote | Kind::Arpa | Kind::User | Kind::Macro => false,
            Kind::Syslog(_) | Kind::Host | Kind::Dns(_) | Kind::Bestmx | Kind::Userdb => false,
        }
    }

    /// Tells whether it answers itself: no sequence of others.
    pub fn is_alone(&self) -> bool {
        !matches!(self, Kind::Sequence(_) | Kind::Switch(_))
    }

    /// Returns the names of the maps that answer for it, if it asks others.
    pub fn members(&self) -> Option<&[BString]> {
        match self {
            Kind::Sequence(names) | Kind::Switch(names) => Some(names),
            _ => None,
        }
    }

    /// Returns the exit status that the original ends with where such a map could not be opened: what libdb refuses is an
    /// error of the system.
    pub fn complaint_exit(&self) -> Sysexit {
        match self {
            Kind::Hash | Kind::Btree | Kind::Cdb => Sysexit::OsErr,
            _ => Sysexit::Software,
        }
    }

    /// Tells whether keys keep their quotes in any case.
    //
    // QUIRK(macro-map-quotes)
    pub fn is_quoting(&self) -> bool {
        matches!(self, Self::Dequote | Self::Macro | Self::Arith | Self::Arpa)
    }

    /// Tells whether blanks in keys become what `BlankSub` is in the end, and not what it is where the map is declared.
    pub fn follows_blank_sub(&self) -> bool {
        matches!(
            self,
            Self::Host
                | Self::Dns(_)
                | Self::Regex(_)
                | Self::Arith
                | Self::Arpa
                | Self::Macro
                | Self::Syslog(_)
                | Self::Dequote
                | Self::Sequence(_)
        )
    }

    /// Tells whether its keys lie in a file that may come, change and go.
    pub fn has_file(&self) -> bool {
        matches!(self, Kind::Hash | Kind::Btree | Kind::Cdb | Kind::Text | Kind::Implicit | Kind::Stab)
    }

    pub(super) fn needs_file(&self) -> bool {
        use Kind::{Btree, Cdb, Hash, Implicit, Program, Socket, Stab, Switch, Text, Userdb};
        matches!(self, Hash | Btree | Cdb | Text | Implicit | Stab | Switch(_) | Program | Socket | Userdb)
    }

    // QUIRK(map-unknown-flag): some classes pass over flags they do not know without a word.
    pub(super) fn refuses_unknown_flags(&self) -> bool {
        !matches!(self, Kind::Arith | Kind::Arpa | Kind::Host | Kind::Macro)
    }
}
