//! Maps of class ldap: one connection a map, over which all searches go.
//!
//! Referrals are not followed: they would let the directory choose whom this program talks to.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bstr::{BString, ByteSlice};
use ldap3::adapters::EntriesOnly;
use ldap3::asn1::{PL, StructureTag};
use ldap3::{
    DerefAliases, Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, ResultEntry, Scope, SearchOptions,
    StdStream,
};

use super::maps::Entry;
use super::network::OUTSIDE_PATIENCE;
use super::outside;
use crate::map::{Definition, Kind, LdapAttribute, LdapDeref, LdapScope, LdapSpec, LdapValue, Opener, Outcome};
use crate::name::Sysexit;
use crate::net::{Family, Resolver};
use crate::sys::bounded::read_within;
use crate::sys::errors::reason;

/// The port of a server whose URI names none.
const PORT: u16 = 389;
/// The longest file with a password, in bytes.
const PASSWORD_BYTES_MAX: u64 = 1024;
/// How long one look-up with all its searches may take.
const LOOK_UP_PATIENCE: Duration = Duration::from_secs(60);
/// How many searches one look-up may lead to.
const SEARCHES_MAX: usize = 10_000;
/// How many entries one look-up may find.
const ENTRIES_MAX: usize = 100_000;
/// How many bytes they may take in memory.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// How deep the parentheses of a filter may be nested: the library takes some of the stack for each.
const FILTER_DEPTH_MAX: usize = 100;
/// The longest filter, in bytes.
const FILTER_BYTES_MAX: usize = 64 << 10;
/// What every entry matches.
const ANY_ENTRY: &str = "(objectClass=*)";

/// The result of a search below an entry that is not there: noSuchObject (RFC 4511 §4.1.9).
const NO_SUCH_OBJECT: u32 = 32;

/// What the usual failures of a search are called.
const RESULTS: [(u32, &str); 8] = [
    (3, "Time limit exceeded"),
    (4, "Size limit exceeded"),
    (NO_SUCH_OBJECT, "No such object"),
    (34, "Invalid DN syntax"),
    (50, "Insufficient access"),
    (51, "Server is busy"),
    (52, "Server is unavailable"),
    (53, "Server is unwilling to perform"),
];

/// What a look-up needs besides the map.
#[derive(Clone, Copy)]
pub(super) struct Reach<'a> {
    pub(super) resolver: &'a Resolver,
    pub(super) opener: &'a dyn Opener,
}

/// Looks a key up in the directory; returns also a message for the log.
pub(super) async fn look_up(reach: Reach<'_>, entry: &Entry, key: &[u8], args: &[&[u8]]) -> (Outcome, Option<BString>) {
    let map = &entry.definition;
    let mut ldap = match connected(reach, entry).await {
        Ok(ldap) => ldap,
        Err(message) => {
            let outcome = match map.optional {
                true => Outcome::NotFound(Sysexit::Ok),
                false => Outcome::TempFail(message.clone()),
            };
            return (outcome, entry.tell_failure(true).then_some(message));
        }
    };
    entry.tell_failure(false);
    let (outcome, message) = ask_within(LOOK_UP_PATIENCE, &mut ldap, map, &map.fold(key), args).await;
    if ldap.is_closed() {
        *entry.directory.lock().await = None;
    }
    let outcome = match outcome {
        // With -m the result is the key as it was given.
        Outcome::Found(value) => Outcome::Found(map.result(key, &value, args)),
        other => other,
    };
    (outcome, message)
}

/// Connects to the directory if nobody is connected; tells what went wrong.
pub(super) async fn open(reach: Reach<'_>, entry: &Entry) -> Result<(), BString> {
    let opened = connected(reach, entry).await.map(|_| ());
    entry.tell_failure(opened.is_err());
    opened
}

/// Looks the words of a class up, over a connection of their own.
pub(super) async fn words(reach: Reach<'_>, map: &Definition, key: &[u8]) -> Result<Vec<BString>, BString> {
    let mut ldap = connect(reach, map).await?;
    match ask_within(LOOK_UP_PATIENCE, &mut ldap, map, &map.fold(key), &[]).await {
        (Outcome::Found(value), _) => Ok(value.fields().map(BString::from).collect()),
        (Outcome::NotFound(_), _) => Ok(Vec::new()),
        (Outcome::TempFail(reason), message) => Err(message.unwrap_or(reason)),
    }
}

/// Returns a handle of the map's connection, which is made if there is none.
async fn connected(reach: Reach<'_>, entry: &Entry) -> Result<Ldap, BString> {
    let mut directory = entry.directory.lock().await;
    if let Some(ldap) = &mut *directory
        && !ldap.is_closed()
    {
        return Ok(ldap.clone());
    }
    let ldap = connect(reach, &entry.definition).await?;
    *directory = Some(ldap.clone());
    Ok(ldap)
}

/// Returns the search of the map.
fn spec_of(map: &Definition) -> &LdapSpec {
    match &map.kind {
        Kind::Ldap(spec) => spec,
        _ => unreachable!("only maps of this class come here"),
    }
}

/// Connects to the first server that answers, and says who asks.
async fn connect(reach: Reach<'_>, map: &Definition) -> Result<Ldap, BString> {
    let spec = spec_of(map);
    let limit = match spec.connect_limit_secs {
        0 => OUTSIDE_PATIENCE,
        secs => Duration::from_secs(secs.into()),
    };
    let mut last = String::from("no server");
    for server in &spec.servers {
        let connected = tokio::time::timeout(limit, connect_to(reach, map, server)).await;
        match connected.unwrap_or_else(|_| Err("no answer in time".into())) {
            Ok(ldap) => return Ok(ldap),
            Err(reason) => last = format!("{server} in map {}: {reason}", map.name),
        }
    }
    Err(format!("ldap_init/ldap_bind failed to {last}").into())
}

async fn connect_to(reach: Reach<'_>, map: &Definition, server: &str) -> Result<Ldap, String> {
    let spec = spec_of(map);
    let stream = if server.starts_with("ldapi://") {
        let stream = reach.opener.connect(map).await.map_err(|error| error.to_string())?;
        StdStream::Unix(UnixStream::from(stream))
    } else {
        let (host, port) = host_of(server);
        let addresses = outside::addresses(reach.resolver, host, port, Family::Any).await?;
        let stream = tokio::net::TcpStream::connect(addresses.as_slice()).await.map_err(|error| reason(&error))?;
        StdStream::Tcp(stream.into_std().map_err(|error| reason(&error))?)
    };
    let settings = LdapConnSettings::new().set_std_stream(stream);
    let told = |error: LdapError| error.to_string();
    let (connection, mut ldap) = LdapConnAsync::with_settings(settings, server).await.map_err(told)?;
    // It ends with the connection, which ends with the last handle.
    tokio::spawn(connection.drive());
    if spec.has_password || !spec.user.is_empty() {
        let password = if spec.has_password { password(reach.opener, map)? } else { String::new() };
        ldap.simple_bind(&spec.user, &password).await.and_then(LdapResult::success).map_err(told)?;
    }
    Ok(ldap)
}

/// Reads host and port of `ldap://host:port/…`.
fn host_of(server: &str) -> (&str, u16) {
    let place = server.split_once("://").map_or(server, |(_, place)| place);
    let place = place.split(['/', '?']).next().unwrap_or_default();
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(PORT)),
        _ => (place, PORT),
    };
    let host = host.trim_matches(['[', ']']);
    (if host.is_empty() { "localhost" } else { host }, port)
}

/// Reads the first line of the map's file.
fn password(opener: &dyn Opener, map: &Definition) -> Result<String, String> {
    let Some(path) = &map.file else { return Ok(String::new()) };
    // The file may be opened by another process, which is waited for.
    let text = opener.open(map, path).and_then(|file| read_within(file, PASSWORD_BYTES_MAX));
    let text = text.and_then(|text| String::from_utf8(text).map_err(io::Error::other));
    let text = text.map_err(|error| format!("cannot open secret {path}: {}", reason(&error)))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// One search.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Search {
    base: String,
    scope: u8,
    filter: String,
}

/// Makes the searches of a look-up, those that its results ask for too, in `patience`.
async fn ask_within(
    patience: Duration,
    ldap: &mut Ldap,
    map: &Definition,
    key: &[u8],
    args: &[&[u8]],
) -> (Outcome, Option<BString>) {
    let asked = tokio::time::timeout(patience, ask(ldap, map, key, args)).await;
    match asked.unwrap_or(Err(Unfound::TooSlow(patience))) {
        Ok(outcome) => (outcome, None),
        Err(why) => {
            let text = why.told(map, key);
            (Outcome::TempFail(text.clone()), Some(text))
        }
    }
}

/// Makes the searches of a look-up one after the other.
async fn ask(ldap: &mut Ldap, map: &Definition, key: &[u8], args: &[&[u8]]) -> Result<Outcome, Unfound> {
    let spec = spec_of(map);
    let first = Search { base: spec.base.clone(), scope: number_of(spec.scope), filter: spec.filter_for(key, args) };
    let (mut seen, mut waiting, mut values) = (HashSet::new(), VecDeque::from([first]), Vec::new());
    let mut amount = Amount::default();
    let mut names = HashSet::new();
    while let Some(search) = waiting.pop_front() {
        if !seen.insert(search.clone()) {
            continue;
        }
        if seen.len() > SEARCHES_MAX {
            return Err(Unfound::TooManySearches);
        }
        let is_first = seen.len() == 1;
        let entries = match found(ldap, spec, &search, &mut amount).await {
            Ok(entries) => entries,
            // QUIRK(ldap-gone)
            Err(why) if !is_first && why.is_of_pointer() => continue,
            Err(why) => return Err(why),
        };
        if is_first && spec.is_single && entries.len() > 1 {
            return Ok(Outcome::NotFound(Sysexit::NoHost));
        }
        for entry in entries.into_iter().filter(|entry| !entry.is_ref() && !entry.is_intermediate()) {
            let mut parts = parts(entry.0).into_iter();
            // An entry that is found once more says nothing new.
            if names.insert(parts.next().and_then(text)) {
                collect(&parts.next().map(attributes).unwrap_or_default(), spec, &mut values, &mut waiting);
            }
        }
    }
    Ok(match (values.first(), map.separator) {
        (None, _) => Outcome::NotFound(Sysexit::NoHost),
        (Some(_), Some(separator)) => Outcome::Found(bstr::join([separator], &values).into()),
        (Some(value), None) => Outcome::Found(value.clone()),
    })
}

/// Returns the entries that one search finds.
///
/// # Errors
/// It fails, or all that has been found is too much: then the answer is not read to its end.
async fn found(
    ldap: &mut Ldap,
    spec: &LdapSpec,
    search: &Search,
    amount: &mut Amount,
) -> Result<Vec<ResultEntry>, Unfound> {
    if is_too_deep(search.filter.as_bytes()) {
        return Err(LdapError::FilterParsing.into());
    }
    let options = SearchOptions::new()
        .deref(match spec.deref {
            LdapDeref::Never => DerefAliases::Never,
            LdapDeref::Search => DerefAliases::Searching,
            LdapDeref::Find => DerefAliases::Finding,
            LdapDeref::Always => DerefAliases::Always,
        })
        .typesonly(spec.names_only)
        .timelimit(i32::try_from(spec.time_limit_secs).unwrap_or(i32::MAX))
        .sizelimit(i32::try_from(spec.size_limit).unwrap_or(i32::MAX));
    let scope = match search.scope {
        0 => Scope::Base,
        1 => Scope::OneLevel,
        _ => Scope::Subtree,
    };
    let mut attributes: Vec<&str> = spec.attributes.iter().map(|attribute| attribute.name.as_str()).collect();
    if spec.attributes.iter().any(|attribute| !attribute.classes.is_empty()) {
        attributes.push("objectClass");
    }
    ldap.with_search_options(options).with_timeout(OUTSIDE_PATIENCE);
    let adapter = EntriesOnly::new();
    let mut stream = ldap.streaming_search_with(adapter, &search.base, scope, &search.filter, attributes).await?;
    let mut entries = Vec::new();
    while let Some(entry) = stream.next().await? {
        if let Err(excess) = amount.add(&entry.0) {
            let number = stream.ldap_handle().last_id();
            stream.finish().await;
            // A server that does not hear it sends the rest to nobody.
            let _ = ldap.abandon(number).await;
            return Err(excess);
        }
        entries.push(entry);
    }
    let result = stream.finish().await;
    if result.rc == 0 { Ok(entries) } else { Err(Unfound::Refused(result)) }
}

/// Tells whether a filter, which may come from an entry, is too long or too deep for the library.
fn is_too_deep(filter: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut exceeds = |byte: &u8| {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > FILTER_DEPTH_MAX
    };
    filter.len() > FILTER_BYTES_MAX || filter.iter().any(&mut exceeds)
}

/// Why a search has no entries.
#[derive(Debug, thiserror::Error)]
enum Unfound {
    #[error(transparent)]
    Asking(#[from] LdapError),
    #[error("{}", worded(.0))]
    Refused(LdapResult),
    #[error("it has more than {ENTRIES_MAX} entries")]
    TooMany,
    #[error("it has more than {} MiB", ANSWER_BYTES_MAX >> 20)]
    TooLarge,
    #[error("it leads to more than {SEARCHES_MAX} searches")]
    TooManySearches,
    #[error("it takes more than {} seconds", .0.as_secs())]
    TooSlow(Duration),
}

impl Unfound {
    /// Tells whether a search fails since what asks for it is out of date: what an entry points at is gone, or is no filter.
    fn is_of_pointer(&self) -> bool {
        match self {
            Self::Refused(result) => result.rc == NO_SUCH_OBJECT,
            Self::Asking(error) => matches!(error, LdapError::FilterParsing),
            Self::TooMany | Self::TooLarge | Self::TooManySearches | Self::TooSlow(_) => false,
        }
    }

    /// Returns the message for the log.
    fn told(&self, map: &Definition, key: &[u8]) -> BString {
        let (map, name) = (&map.name, key.as_bstr());
        match self {
            Self::Asking(LdapError::FilterParsing) => format!("Error in ldap_search in map {map}: Bad search filter"),
            _ => format!("Error getting LDAP results, map={map}, name={name}: {self}"),
        }
        .into()
    }
}

/// Returns what the result of a search is called.
fn worded(result: &LdapResult) -> String {
    let known = RESULTS.iter().find(|(code, _)| *code == result.rc);
    known.map_or_else(|| result.to_string(), |(_, words)| (*words).to_owned())
}

/// How much the searches of a look-up have found already.
#[derive(Debug, Default)]
struct Amount {
    entries: usize,
    bytes: usize,
}

impl Amount {
    /// Counts one more entry.
    fn add(&mut self, entry: &StructureTag) -> Result<(), Unfound> {
        self.entries += 1;
        self.bytes += size(entry);
        match () {
            () if self.entries > ENTRIES_MAX => Err(Unfound::TooMany),
            () if self.bytes > ANSWER_BYTES_MAX => Err(Unfound::TooLarge),
            () => Ok(()),
        }
    }
}

/// Returns about how many bytes an entry takes.
fn size(entry: &StructureTag) -> usize {
    let (mut bytes, mut waiting) = (0, vec![entry]);
    while let Some(tag) = waiting.pop() {
        bytes += size_of::<StructureTag>();
        match &tag.payload {
            PL::P(content) => bytes += content.len(),
            PL::C(parts) => waiting.extend(parts),
        }
    }
    bytes
}

fn number_of(scope: LdapScope) -> u8 {
    match scope {
        LdapScope::Base => 0,
        LdapScope::One => 1,
        LdapScope::Sub => 2,
    }
}

/// Takes the values out of an entry, and the searches that it asks for.
fn collect(entry: &[Attribute], spec: &LdapSpec, values: &mut Vec<BString>, waiting: &mut VecDeque<Search>) {
    let is = |name: &[u8], other: &str| name.eq_ignore_ascii_case(other.as_bytes());
    let classes: Vec<&BString> =
        entry.iter().filter(|(name, _)| is(name, "objectClass")).flat_map(|(_, values)| values).collect();
    for (name, found) in entry {
        let all = LdapAttribute::default();
        let wanted = match spec.attributes.iter().find(|wanted| is(name, &wanted.name)) {
            Some(wanted) => wanted,
            None if spec.attributes.is_empty() => &all,
            None => continue,
        };
        if !wanted.classes.is_empty() && !wanted.classes.iter().any(|class| classes.iter().any(|own| is(own, class))) {
            continue;
        }
        if spec.names_only {
            values.push(name.clone());
            continue;
        }
        for value in found {
            let text = || value.to_str_lossy().into_owned();
            match (wanted.value, spec.name_separator) {
                (LdapValue::Result, None) => values.push(value.clone()),
                (LdapValue::Result, Some(separator)) => {
                    values.push([name.as_slice(), &[separator], value].concat().into());
                }
                (LdapValue::Entry, _) => {
                    waiting.push_back(Search { base: text(), scope: 0, filter: ANY_ENTRY.into() });
                }
                (LdapValue::Filter, _) => {
                    let (base, scope) = (spec.base.clone(), number_of(spec.scope));
                    waiting.push_back(Search { base, scope, filter: text() });
                }
                (LdapValue::Url, _) => waiting.extend(search_of(&text())),
            }
        }
    }
}

/// Reads `ldap://host/base?attributes?scope?filter`; the host is the one that is asked already.
fn search_of(url: &str) -> Option<Search> {
    let (_, place) = url.split_once("://")?;
    let (_, query) = place.split_once('/')?;
    let mut parts = query.splitn(4, '?');
    let base = parts.next()?.to_owned();
    let scope = match parts.nth(1) {
        Some("one") => 1,
        Some("sub") => 2,
        _ => 0,
    };
    let filter = parts.next().filter(|filter| !filter.is_empty()).unwrap_or(ANY_ENTRY).to_owned();
    Some(Search { base, scope, filter })
}

/// Name and values.
type Attribute = (BString, Vec<BString>);

/// Returns the attributes of an entry in the order in which the server gave them (RFC 4511 §4.5.2).
fn attributes(list: StructureTag) -> Vec<Attribute> {
    let attribute = |attribute| {
        let mut parts = parts(attribute).into_iter();
        let name = text(parts.next()?)?;
        let values = parts.next().map(self::parts).unwrap_or_default();
        Some((name, values.into_iter().filter_map(text).collect()))
    };
    parts(list).into_iter().filter_map(attribute).collect()
}

fn parts(tag: StructureTag) -> Vec<StructureTag> {
    match tag.payload {
        PL::C(parts) => parts,
        PL::P(_) => Vec::new(),
    }
}

fn text(tag: StructureTag) -> Option<BString> {
    match tag.payload {
        PL::P(bytes) => Some(bytes.into()),
        PL::C(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use ldap3::asn1::TagClass;

    use super::*;

    #[test]
    fn a_filter_must_not_take_the_stack() {
        let nested = |depth: usize| format!("{}(a=b){}", "(!".repeat(depth - 1), ")".repeat(depth - 1));
        assert!(!is_too_deep(nested(FILTER_DEPTH_MAX).as_bytes()));
        assert!(is_too_deep(nested(FILTER_DEPTH_MAX + 1).as_bytes()));
        assert!(!is_too_deep(format!("(|{})", "(a=b)".repeat(1000)).as_bytes()));
        assert!(is_too_deep("a".repeat(FILTER_BYTES_MAX + 1).as_bytes()));
    }

    #[test]
    fn servers_have_a_host_and_a_port() {
        assert_eq!(host_of("ldap://a.example:3389/"), ("a.example", 3389));
        assert_eq!(host_of("ldap://[2001:db8::1]:10"), ("2001:db8::1", 10));
        assert_eq!(host_of("ldap://[2001:db8::1]"), ("2001:db8::1", 389));
        assert_eq!(host_of("ldap:///"), ("localhost", 389));
    }

    #[test]
    fn an_answer_is_counted_while_it_comes() {
        let tag = |payload| StructureTag { class: TagClass::Universal, id: 4, payload };
        let entry = |len: usize| tag(PL::C(vec![tag(PL::P(vec![b'x'; len])), tag(PL::C(Vec::new()))]));
        let mut amount = Amount::default();
        assert!((0..ENTRIES_MAX).all(|_| amount.add(&entry(1)).is_ok()));
        assert_eq!(amount.add(&entry(1)).expect_err("one more").to_string(), "it has more than 100000 entries");
        let mut amount = Amount::default();
        amount.add(&entry(ANSWER_BYTES_MAX / 2)).expect("it fits");
        let told = amount.add(&entry(ANSWER_BYTES_MAX / 2)).expect_err("too large").to_string();
        assert_eq!(told, "it has more than 64 MiB");
    }

    #[tokio::test]
    async fn a_look_up_ends_though_the_directory_never_answers() {
        let (ours, _theirs) = UnixStream::pair().expect("a pair");
        let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(ours));
        let (connection, mut ldap) = LdapConnAsync::with_settings(settings, "ldapi://x").await.expect("connected");
        tokio::spawn(connection.drive());
        let (map, errors) = Definition::parse(b"m", b"ldap", b"-H ldapi://x -b dc=x -k (key=%0) -v val");
        let map = map.filter(|_| errors.is_empty()).expect("a map");
        let (outcome, message) = ask_within(Duration::from_millis(20), &mut ldap, &map, b"one", &[]).await;
        let text = "Error getting LDAP results, map=m, name=one: it takes more than 0 seconds";
        assert_eq!((outcome, message), (Outcome::TempFail(text.into()), Some(text.into())));
    }

    #[test]
    fn only_what_an_entry_points_at_may_be_missing() {
        let refused = |rc| {
            Unfound::Refused(LdapResult {
                rc,
                matched: String::new(),
                text: String::new(),
                refs: Vec::new(),
                ctrls: Vec::new(),
            })
        };
        assert!(refused(NO_SUCH_OBJECT).is_of_pointer());
        assert!(Unfound::Asking(LdapError::FilterParsing).is_of_pointer());
        assert!([3, 4, 34, 50, 51, 52, 53, 80].into_iter().all(|rc| !refused(rc).is_of_pointer()));
        assert!(![Unfound::TooMany, Unfound::TooSlow(LOOK_UP_PATIENCE)].iter().any(Unfound::is_of_pointer));
    }

    #[test]
    fn a_url_is_a_search() {
        let search = |base: &str, scope, filter: &str| Search { base: base.into(), scope, filter: filter.into() };
        assert_eq!(search_of("ldap:///dc=x?val?sub?(key=one)"), Some(search("dc=x", 2, "(key=one)")));
        assert_eq!(search_of("ldap://h/cn=a,dc=x"), Some(search("cn=a,dc=x", 0, ANY_ENTRY)));
        assert_eq!(search_of("cn=a"), None);
    }
}
