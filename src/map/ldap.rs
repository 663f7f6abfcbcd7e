//! What a map of class `ldap` asks for (`op guide "ldap"`); filters are those of RFC 4515.

use std::fmt::Write as _;

use bstr::{BString, ByteSlice};

use super::{Definition, DefinitionError};
use crate::name::{CSpace as _, TrimSpace as _};

/// Flags whose value may stand apart: `-b dc=example`.
const WITH_VALUE_APART: &[u8] = b"bcdhHklMpPrsvwZ";

/// The port of a server that names none.
const PORT: u16 = 389;

/// Which entries below the base are searched.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LdapScope {
    /// The base itself.
    Base,
    /// Those right below it.
    One,
    /// All of them.
    #[default]
    Sub,
}

/// When an alias of the directory stands for what it names.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LdapDeref {
    /// Never.
    #[default]
    Never,
    /// Below the base, not the base itself.
    Search,
    /// The base alone.
    Find,
    /// Always.
    Always,
}

/// What the values of an attribute are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LdapValue {
    /// Results.
    #[default]
    Result,
    /// Names of entries that are looked at next.
    Entry,
    /// Filters that are searched for next.
    Filter,
    /// Searches (`ldap:///base?attribute?scope?filter`) that are made next.
    Url,
}

/// An attribute that is asked for: `name`, `name:TYPE` or `name:TYPE:class|class`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LdapAttribute {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub value: LdapValue,
    /// It counts in entries of these object classes; none given: in all.
    pub classes: Vec<String>,
}

/// The search of a map, and whom it asks.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LdapSpec {
    /// `-H`, or `-h` and `-p`: the servers, `ldap://host:port` or `ldapi://path`; the first that answers is asked.
    pub servers: Vec<String>,
    /// `-b`: where the search begins.
    pub base: String,
    /// `-s`.
    pub scope: LdapScope,
    /// `-r`.
    pub deref: LdapDeref,
    /// `-k`: the filter with `%s` or `%0` for the key.
    pub filter: BString,
    /// `-K`: `%1` to `%9` in the filter stand for the arguments.
    pub takes_arguments: bool,
    /// `-v`: the attributes; none: all.
    pub attributes: Vec<LdapAttribute>,
    /// `-n`: the result is the names of the attributes.
    pub names_only: bool,
    /// `-V`: the result has the names too, with this behind them.
    pub name_separator: Option<u8>,
    /// `-1`: several entries count as none.
    pub is_single: bool,
    /// `-l`, in seconds; 0: the server's own limit.
    pub time_limit_secs: u32,
    /// `-Z`: how many entries there may be; 0: the server's own limit.
    pub size_limit: u32,
    /// `-c`, in seconds; 0: as long as for other servers.
    pub connect_limit_secs: u32,
    /// `-d`: who asks.
    pub user: String,
    /// `-M simple`: who asks says the word that stands in the map's file (`-P`).
    pub has_password: bool,
}

/// What is wrong with the flags of an `ldap` map; the texts are the original's where it has one.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LdapError {
    /// `-s`.
    #[error("Scope must be [base|one|sub] (not {0}) in map {1}")]
    Scope(BString, BString),
    /// `-r`.
    #[error("Deref must be [never|always|search|find] (not {0}) in map {1}")]
    Deref(BString, BString),
    /// `-M`.
    #[error("Method for binding must be [none|simple] (not {0}) in map {1}")]
    Method(BString, BString),
    /// `-w`.
    #[error("LDAP version {0} in map {1}: this program speaks version 3")]
    Version(BString, BString),
    /// The type of an attribute.
    #[error("Unknown attribute type ({0}) in {1}")]
    AttributeType(BString, BString),
    /// All attributes are followed, none is a result.
    #[error("LDAP recursion requested in {0} but no returnable attribute given")]
    NothingReturned(BString),
    /// No `-k`.
    #[error("No filter given in map {0}")]
    NoFilter(BString),
    /// `-h` and `-H`.
    #[error("Can not specify both an LDAP host and an LDAP URI in map {0}")]
    HostAndUri(BString),
    /// `-H` with another scheme.
    #[error("{0} in map {1}: servers are ldap://host:port or ldapi://path (for TLS let a tunnel of this host connect)")]
    Scheme(BString, BString),
}

impl LdapSpec {
    /// Returns the filter for a key and arguments.
    pub fn filter_for(&self, key: &[u8], args: &[&[u8]]) -> String {
        let mut filter = Vec::new();
        let mut rest = self.filter.as_slice();
        while let Some(at) = rest.find_byte(b'%') {
            filter.extend_from_slice(&rest[..at]);
            let (place, after) = rest[at + 1..].split_first().unwrap_or((&b'%', b""));
            match place {
                b's' => filter.extend_from_slice(key),
                b'0' => filter.extend_from_slice(escaped(key).as_bytes()),
                b'1'..=b'9' if self.takes_arguments => {
                    let arg = args.get(usize::from(place - b'1')).copied().unwrap_or_default();
                    filter.extend_from_slice(escaped(arg).as_bytes());
                }
                b'%' => filter.push(b'%'),
                other => filter.extend_from_slice(&[b'%', *other]),
            }
            rest = after;
        }
        filter.extend_from_slice(rest);
        String::from_utf8_lossy(&filter).into_owned()
    }
}

/// Returns a value as it stands in a filter (RFC 4515 §3); bytes that are no text are spelt in hexadecimal too.
fn escaped(value: &[u8]) -> String {
    value.iter().fold(String::new(), |mut text, byte| {
        match byte {
            b'*' | b'(' | b')' | b'\\' | 0 | 0x80.. => write!(text, "\\{byte:02x}").expect("into memory"),
            _ => text.push(char::from(*byte)),
        }
        text
    })
}

/// Reads the flags of a `K` line of class `ldap` into the map; returns its search and what is wrong.
pub(super) fn parse(args: &[u8], map: &mut Definition) -> (LdapSpec, Vec<DefinitionError>) {
    let mut flags = Flags { map, spec: LdapSpec::default(), hosts: None, uri: None, port: PORT, errors: Vec::new() };
    let mut rest = args;
    while let Some((letter, value, after)) = next_flag(rest) {
        flags.set(letter, value);
        rest = after;
    }
    flags.finish()
}

/// Takes a flag off the front; its value may stand in quotes.
fn next_flag(text: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let text = text.trim_space_start().strip_prefix(b"-")?;
    let (&letter, mut value) = text.split_first()?;
    if WITH_VALUE_APART.contains(&letter) {
        value = value.trim_space_start();
    }
    if let Some(quoted) = value.strip_prefix(b"\"")
        && let Some(end) = quoted.find_byte(b'"')
    {
        return Some((letter, &quoted[..end], &quoted[end + 1..]));
    }
    let end = value.iter().position(u8::is_c_space).unwrap_or(value.len());
    Some((letter, &value[..end], &value[end..]))
}

/// Flags that are being read.
struct Flags<'a> {
    map: &'a mut Definition,
    spec: LdapSpec,
    hosts: Option<BString>,
    uri: Option<BString>,
    port: u16,
    errors: Vec<DefinitionError>,
}

impl Flags<'_> {
    fn set(&mut self, letter: u8, value: &[u8]) {
        let text = || value.to_str_lossy().into_owned();
        let number = |value: &[u8]| value.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        match letter {
            b'b' => self.spec.base = text(),
            b'c' => self.spec.connect_limit_secs = number(value),
            b'd' => self.spec.user = text(),
            b'h' => self.hosts = Some(value.into()),
            b'H' => self.uri = Some(value.into()),
            b'k' => self.spec.filter = value.into(),
            b'K' => self.spec.takes_arguments = true,
            b'l' => self.spec.time_limit_secs = number(value),
            b'M' => self.method(value),
            b'n' => self.spec.names_only = true,
            b'p' => self.port = u16::try_from(number(value)).unwrap_or(PORT),
            b'P' => self.map.file = Some(value.into()),
            b'r' => self.deref(value),
            // Referrals are never followed; `-x` has no meaning in the original either.
            b'R' | b'x' => {}
            b's' => self.scope(value),
            b'v' => value.split(|byte| *byte == b',').for_each(|attribute| self.attribute(attribute)),
            b'V' => self.spec.name_separator = Some(value.first().copied().unwrap_or(b' ')),
            b'w' if value != b"3" => self.fail(|map| LdapError::Version(value.into(), map)),
            b'w' => {}
            b'Z' => self.spec.size_limit = number(value),
            b'1' => self.spec.is_single = true,
            _ if self.map.set_flag(letter, value) => {}
            _ => self.errors.push(DefinitionError::IllegalOption { name: self.map.name.clone(), letter }),
        }
    }

    /// Notes what is wrong; the map cannot be used.
    fn fail(&mut self, error: impl FnOnce(BString) -> LdapError) {
        self.map.usable = false;
        self.errors.push(error(self.map.name.clone()).into());
    }

    fn method(&mut self, value: &[u8]) {
        let word = value.to_ascii_lowercase();
        match word.strip_prefix(b"ldap_auth_").unwrap_or(&word) {
            b"none" => self.spec.has_password = false,
            b"simple" => self.spec.has_password = true,
            _ => self.fail(|map| LdapError::Method(value.into(), map)),
        }
    }

    fn deref(&mut self, value: &[u8]) {
        let word = value.to_ascii_lowercase();
        self.spec.deref = match word.strip_prefix(b"ldap_deref_").unwrap_or(&word) {
            b"never" => LdapDeref::Never,
            b"always" => LdapDeref::Always,
            b"search" => LdapDeref::Search,
            b"find" => LdapDeref::Find,
            _ => return self.fail(|map| LdapError::Deref(value.into(), map)),
        };
    }

    fn scope(&mut self, value: &[u8]) {
        let word = value.to_ascii_lowercase();
        self.spec.scope = match word.strip_prefix(b"ldap_scope_").unwrap_or(&word) {
            b"base" => LdapScope::Base,
            b"one" | b"onelevel" => LdapScope::One,
            b"sub" | b"subtree" => LdapScope::Sub,
            _ => return self.fail(|map| LdapError::Scope(value.into(), map)),
        };
    }

    fn attribute(&mut self, text: &[u8]) {
        let mut parts = text.splitn(3, |byte| *byte == b':');
        let name = parts.next().unwrap_or_default().to_str_lossy().into_owned();
        let kind = parts.next().unwrap_or(b"NORMAL");
        let classes = parts.next().unwrap_or_default().split(|byte| *byte == b'|').filter(|class| !class.is_empty());
        let classes = classes.map(|class| class.to_str_lossy().into_owned()).collect();
        let value = match kind.to_ascii_uppercase().as_slice() {
            b"NORMAL" | b"" => LdapValue::Result,
            b"DN" => LdapValue::Entry,
            b"FILTER" => LdapValue::Filter,
            b"URL" => LdapValue::Url,
            _ => return self.fail(|map| LdapError::AttributeType(kind.into(), map)),
        };
        if !name.is_empty() {
            self.spec.attributes.push(LdapAttribute { name, value, classes });
        }
    }

    fn finish(mut self) -> (LdapSpec, Vec<DefinitionError>) {
        let attributes = &self.spec.attributes;
        if !attributes.is_empty() && attributes.iter().all(|attribute| attribute.value != LdapValue::Result) {
            self.fail(LdapError::NothingReturned);
        }
        if self.spec.filter.is_empty() {
            self.fail(LdapError::NoFilter);
        }
        match (self.hosts.take(), self.uri.take()) {
            (Some(_), Some(_)) => self.fail(LdapError::HostAndUri),
            (None, Some(uri)) => self.uris(&uri),
            (hosts, None) => {
                let hosts = hosts.unwrap_or_else(|| "localhost".into());
                self.spec.servers = hosts.fields().map(|host| self.server(host)).collect();
            }
        }
        (self.spec, self.errors)
    }

    /// Returns the URI of `host` or `host:port`.
    fn server(&self, host: &[u8]) -> String {
        let host = host.to_str_lossy();
        let has_port = host.rsplit_once(':').is_some_and(|(name, _)| !name.contains(':') || name.ends_with(']'));
        if has_port { format!("ldap://{host}") } else { format!("ldap://{host}:{}", self.port) }
    }

    fn uris(&mut self, uris: &[u8]) {
        for uri in uris.fields() {
            if !uri.starts_with(b"ldap://") && !uri.starts_with(b"ldapi://") {
                self.fail(|map| LdapError::Scheme(uri.into(), map));
            }
            self.spec.servers.push(uri.to_str_lossy().into_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::Kind;

    fn read(args: &str) -> (LdapSpec, Definition, Vec<String>) {
        let mut map = Definition::new(b"m", Kind::Null);
        let (spec, errors) = parse(args.as_bytes(), &mut map);
        (spec, map, errors.iter().map(ToString::to_string).collect())
    }

    #[track_caller]
    fn check_error(args: &str, expected: &str) {
        let (_, map, errors) = read(args);
        assert_eq!((errors, map.usable), (vec![expected.to_owned()], false));
    }

    #[test]
    fn flags_say_whom_to_ask_for_what() {
        let (spec, map, errors) = read(
            "-H ldap://a:3389 -b \"dc=x, dc=y\" -s one -r LDAP_DEREF_FIND -d cn=me -M Simple -P /etc/pw -l 5 -c3 -Z 9 -1 -n \
             -V= -z, -T<TMPF> -k (&(a=%0)(b=%s)) -v one,two:DN:c|d,three:URL -w 3 -R",
        );
        assert_eq!(errors, Vec::<String>::new());
        let attribute = |name: &str, value, classes: &[&str]| LdapAttribute {
            name: name.into(),
            value,
            classes: classes.iter().map(|class| (*class).into()).collect(),
        };
        let expected = LdapSpec {
            servers: vec!["ldap://a:3389".into()],
            base: "dc=x, dc=y".into(),
            scope: LdapScope::One,
            deref: LdapDeref::Find,
            filter: "(&(a=%0)(b=%s))".into(),
            attributes: vec![
                attribute("one", LdapValue::Result, &[]),
                attribute("two", LdapValue::Entry, &["c", "d"]),
                attribute("three", LdapValue::Url, &[]),
            ],
            names_only: true,
            name_separator: Some(b'='),
            is_single: true,
            time_limit_secs: 5,
            size_limit: 9,
            connect_limit_secs: 3,
            user: "cn=me".into(),
            has_password: true,
            ..LdapSpec::default()
        };
        assert_eq!(spec, expected);
        assert_eq!((map.file, map.separator), (Some("/etc/pw".into()), Some(b',')));
    }

    #[test]
    fn hosts_get_the_port() {
        assert_eq!(read("-k x").0.servers, ["ldap://localhost:389"]);
        assert_eq!(read("-k x -h \"a b:1 [::1]\" -p 10").0.servers, ["ldap://a:10", "ldap://b:1", "ldap://[::1]:10"]);
    }

    #[test]
    fn the_key_is_put_into_the_filter() {
        let filter = |args: &str, key: &[u8]| read(args).0.filter_for(key, &[b"x*", b"y"]);
        assert_eq!(filter("-k (a=%0)", b"s*(p)\\\xe9"), r"(a=s\2a\28p\29\5c\e9)");
        assert_eq!(filter("-k (a=%s)", b"s*"), "(a=s*)");
        assert_eq!(filter("-k (a=%1%%%q)", b"k"), "(a=%1%%q)");
        assert_eq!(filter("-K -k (a=%0%1%2%3)", b"k"), r"(a=kx\2ay)");
    }

    #[test]
    fn what_is_wrong_is_told() {
        check_error("-k x -s foo", "Scope must be [base|one|sub] (not foo) in map m");
        check_error("-k x -r foo", "Deref must be [never|always|search|find] (not foo) in map m");
        check_error("-k x -M krbv4", "Method for binding must be [none|simple] (not krbv4) in map m");
        check_error("-k x -w 2", "LDAP version 2 in map m: this program speaks version 3");
        check_error("-k x -v a:FOO", "Unknown attribute type (FOO) in m");
        check_error("-k x -v a:DN", "LDAP recursion requested in m but no returnable attribute given");
        check_error("-v a", "No filter given in map m");
        check_error("-k x -h a -H ldap://b", "Can not specify both an LDAP host and an LDAP URI in map m");
        assert_eq!(read("-k x -8").2, ["Illegal option 8 map m"]);
        assert!(read("-k x -H ldaps://a").2[0].starts_with("ldaps://a in map m: servers are"));
    }
}
