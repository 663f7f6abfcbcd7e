//! Questions to the name servers and `/etc/hosts`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bstr::{BString, ByteSlice};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;

use super::{ResolverSettings, Source};

/// Questions under way at once; each holds a socket.
const IN_FLIGHT_MAX: usize = 128;
/// After this many questions in a row without any answer the servers count as dead …
const DEAD_AFTER: u32 = 4;
/// … and one question waits no longer than this, until one is answered again.
const DEAD_PATIENCE: Duration = Duration::from_secs(1);
/// A question for the name servers of the root, in wire form: the shortest that makes a dead port show itself.
const ROOT_QUESTION: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\0\0\x02\0\x01";
/// The longest wait for one question whatever the settings say.
const PATIENCE_MAX: Duration = Duration::from_secs(60);

/// What a look-up came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer<T> {
    /// There is such a record; lists are never empty.
    Found(T),
    /// There is no such name.
    NotFound,
    /// The name exists, but has no such record.
    NoData,
    /// No answer can be had now; the reason, for logs and replies.
    TempFail(BString),
}

impl<T> Answer<T> {
    /// Returns what was found, if anything was.
    pub fn found(self) -> Option<T> {
        match self {
            Self::Found(value) => Some(value),
            _ => None,
        }
    }

    /// Tells whether to ask again later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::TempFail(_))
    }

    /// Changes what was found.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Self::Found(value) => Answer::Found(change(value)),
            Self::NotFound => Answer::NotFound,
            Self::NoData => Answer::NoData,
            Self::TempFail(reason) => Answer::TempFail(reason),
        }
    }
}

impl<T> Answer<T> {
    /// Returns the one that says more: found, then temporary failure, then no data, then no such name.
    pub(super) fn or(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Found(_), _) | (_, Self::NotFound) => self,
            (_, Self::Found(_)) | (Self::NotFound, _) => other,
            (Self::TempFail(_), _) => self,
            (_, Self::TempFail(_)) => other,
            (Self::NoData, Self::NoData) => self,
        }
    }
}

impl<T> Answer<Vec<T>> {
    /// Returns the list as found, or as no data if it is empty.
    fn of(list: Vec<T>) -> Self {
        if list.is_empty() { Self::NoData } else { Self::Found(list) }
    }
}

/// Which addresses are wanted.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// Both, IPv6 first, as the original tries them.
    Any,
}

/// A mail exchanger.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Mx {
    /// Lower is better.
    pub preference: u16,
    /// The host, without a dot at its end; empty for the root, which a null MX names (`RFC 7505`).
    pub host: BString,
}

/// A type of record that configurations can ask for (`K… dns -RTYPE`).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RecordKind {
    /// IPv4 address.
    A,
    /// IPv6 address, as `IPv6:` and eight numbers.
    Aaaa,
    /// AFS cell's server; the host is the value.
    Afsdb,
    /// Canonical name.
    Cname,
    /// Mail exchanger; the host is the value.
    Mx,
    /// Name server.
    Ns,
    /// Name of an address.
    Ptr,
    /// Service; the target is the value.
    Srv,
    /// Text; the strings of a record are joined.
    Txt,
}

/// The text is no known type of record.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("wrong type {0:?} of DNS record (A, AAAA, AFSDB, CNAME, MX, NS, PTR, SRV or TXT)")]
pub struct BadRecordKind(String);

impl FromStr for RecordKind {
    type Err = BadRecordKind;

    fn from_str(text: &str) -> Result<Self, BadRecordKind> {
        Ok(match text.to_ascii_uppercase().as_str() {
            "A" => Self::A,
            "AAAA" => Self::Aaaa,
            "AFSDB" => Self::Afsdb,
            "CNAME" => Self::Cname,
            "MX" => Self::Mx,
            "NS" => Self::Ns,
            "PTR" => Self::Ptr,
            "SRV" => Self::Srv,
            "TXT" => Self::Txt,
            _ => return Err(BadRecordKind(text.to_owned())),
        })
    }
}

impl RecordKind {
    /// Returns the type as the DNS library names it.
    fn record_type(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Afsdb => RecordType::Unknown(AFSDB),
            Self::Cname => RecordType::CNAME,
            Self::Mx => RecordType::MX,
            Self::Ns => RecordType::NS,
            Self::Ptr => RecordType::PTR,
            Self::Srv => RecordType::SRV,
            Self::Txt => RecordType::TXT,
        }
    }

    /// Returns the text of a record of this type.
    fn text(self, data: &RData) -> Option<BString> {
        Some(match (self, data) {
            (Self::A, RData::A(address)) => address.0.to_string().into(),
            (Self::Aaaa, RData::AAAA(address)) => {
                // As addresses stand in rules: no zeros are left out.
                let numbers = address.0.segments().map(|number| format!("{number:x}"));
                format!("IPv6:{}", numbers.join(":")).into()
            }
            (Self::Afsdb, RData::Unknown { code, rdata }) if u16::from(*code) == AFSDB => afsdb_host(&rdata.anything)?,
            (Self::Cname, RData::CNAME(name)) => name_text(&name.0),
            (Self::Mx, RData::MX(mx)) => name_text(&mx.exchange),
            (Self::Ns, RData::NS(name)) => name_text(&name.0),
            (Self::Ptr, RData::PTR(name)) => name_text(&name.0),
            (Self::Srv, RData::SRV(srv)) => name_text(&srv.target),
            (Self::Txt, RData::TXT(txt)) => txt.txt_data.concat().into(),
            _ => return None,
        })
    }
}

/// The number of the type AFSDB, which the DNS library has no name for.
const AFSDB: u16 = 18;

/// Returns the host of an AFSDB record: labels behind a subtype of two bytes.
fn afsdb_host(data: &[u8]) -> Option<BString> {
    let mut rest = data.get(2..)?;
    let mut labels = Vec::new();
    loop {
        let (&length, after) = rest.split_first()?;
        match length {
            0 => return Some(bstr::join(".", labels).into()),
            1..=63 => {
                let (label, after) = after.split_at_checked(length.into())?;
                labels.push(label);
                rest = after;
            }
            _ => return None,
        }
    }
}

/// Asks name servers and `/etc/hosts`, with a cache that keeps to the records' times to live.
pub struct Resolver {
    settings: ResolverSettings,
    /// `None`: no name server to ask.
    dns: Option<TokioResolver>,
    in_flight: Semaphore,
    /// Questions in a row that nobody answered; one at the start, as nothing is known then.
    unanswered: AtomicU32,
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Resolver {
    /// Makes a resolver; nothing is asked yet, so this never fails and never waits.
    pub fn new(settings: ResolverSettings) -> Self {
        Self {
            dns: client(&settings),
            settings,
            in_flight: Semaphore::new(IN_FLIGHT_MAX),
            unanswered: AtomicU32::new(1),
        }
    }

    /// Returns what the resolver was told.
    pub fn settings(&self) -> &ResolverSettings {
        &self.settings
    }

    /// Returns the mail exchangers of `name` in the order of the answer; the search list applies to a name without a dot
    /// at its end.
    pub async fn mx(&self, name: &[u8]) -> Answer<Vec<Mx>> {
        self.search(name, RecordType::MX, |data| match data {
            RData::MX(mx) => Some(Mx { preference: mx.preference, host: name_text(&mx.exchange) }),
            _ => None,
        })
        .await
    }

    /// Returns the addresses of `name` from `/etc/hosts` and the name servers, in the order of `nsswitch.conf`.
    pub async fn addresses(&self, name: &[u8], family: Family) -> Answer<Vec<IpAddr>> {
        let mut result = Answer::NotFound;
        for source in &self.settings.address_sources {
            let answer = match source {
                Source::Files => self.file_addresses(name, family),
                Source::Dns => self.dns_addresses(name, family).await,
            };
            result = result.or(answer);
            if matches!(result, Answer::Found(_)) {
                break;
            }
        }
        match self.short_name(name) {
            Some(short) if matches!(result, Answer::NotFound | Answer::NoData) => {
                result.or(self.file_addresses(short, family))
            }
            _ => result,
        }
    }

    /// Returns the name under which `/etc/hosts` may have a host of our own domain, where that file counts.
    fn short_name<'a>(&self, name: &'a [u8]) -> Option<&'a [u8]> {
        let ResolverSettings { address_sources, domain, .. } = &self.settings;
        let name = name.strip_suffix(b".").unwrap_or(name);
        let dot = name.len().checked_sub(domain.len() + 1)?;
        let is_ours = !domain.is_empty() && name[dot] == b'.' && name[dot + 1..].eq_ignore_ascii_case(domain);
        (is_ours && address_sources.contains(&Source::Files)).then(|| &name[..dot])
    }

    /// Returns the names of `address` from `/etc/hosts` and the name servers.
    pub async fn ptr(&self, address: IpAddr) -> Answer<Vec<BString>> {
        let mut result = Answer::NotFound;
        for source in &self.settings.address_sources {
            let answer = match source {
                Source::Files => {
                    self.settings.hosts.name(address).map_or(Answer::NotFound, |name| Answer::Found(vec![name.clone()]))
                }
                Source::Dns => match self.lookup(&reverse_name(address), RecordKind::Ptr).await {
                    Answer::Found(names) if !names.iter().all(|name| is_host_name(name)) => Answer::NotFound,
                    answer => answer,
                },
            };
            result = result.or(answer);
            if matches!(result, Answer::Found(_)) {
                break;
            }
        }
        result
    }

    /// Returns the texts of `name`.
    pub async fn txt(&self, name: &[u8]) -> Answer<Vec<BString>> {
        self.lookup(name, RecordKind::Txt).await
    }

    /// Returns what `name` is an alias of.
    pub async fn cname(&self, name: &[u8]) -> Answer<BString> {
        self.lookup(name, RecordKind::Cname).await.map(|mut names| names.swap_remove(0))
    }

    /// Returns the records of `name` as text, names without a dot at their end; the search list applies to a name without
    /// a dot at its end.
    pub async fn lookup(&self, name: &[u8], kind: RecordKind) -> Answer<Vec<BString>> {
        self.search(name, kind.record_type(), |data| kind.text(data)).await
    }

    /// Returns the addresses that `/etc/hosts` has.
    fn file_addresses(&self, name: &[u8], family: Family) -> Answer<Vec<IpAddr>> {
        let all = self.settings.hosts.addresses(name.strip_suffix(b".").unwrap_or(name));
        let of_family = |wanted: fn(&IpAddr) -> bool| all.iter().copied().filter(wanted).collect::<Vec<_>>();
        let list = match family {
            Family::V4 => of_family(IpAddr::is_ipv4),
            Family::V6 => of_family(IpAddr::is_ipv6),
            Family::Any => [of_family(IpAddr::is_ipv6), of_family(IpAddr::is_ipv4)].concat(),
        };
        if list.is_empty() { Answer::NotFound } else { Answer::Found(list) }
    }

    /// Returns the addresses that the name servers have.
    async fn dns_addresses(&self, name: &[u8], family: Family) -> Answer<Vec<IpAddr>> {
        match family {
            Family::V4 => self.dns_v4(name).await,
            Family::V6 => self.dns_v6(name).await,
            Family::Any => {
                let (v6, v4) = tokio::join!(self.dns_v6(name), self.dns_v4(name));
                match (v6, v4) {
                    (Answer::Found(v6), Answer::Found(v4)) => Answer::Found([v6, v4].concat()),
                    (Answer::Found(v6), _) => Answer::Found(v6),
                    (_, Answer::Found(v4)) => Answer::Found(v4),
                    (temporary @ Answer::TempFail(_), _) => temporary,
                    (_, v4) => v4,
                }
            }
        }
    }

    /// Returns IPv4 addresses.
    async fn dns_v4(&self, name: &[u8]) -> Answer<Vec<IpAddr>> {
        self.search(name, RecordType::A, |data| match data {
            RData::A(address) => Some(address.0.into()),
            _ => None,
        })
        .await
    }

    /// Returns IPv6 addresses; with `WorkAroundBrokenAAAA` a failure is no data.
    pub(super) async fn dns_v6(&self, name: &[u8]) -> Answer<Vec<IpAddr>> {
        let answer = self
            .search(name, RecordType::AAAA, |data| match data {
                RData::AAAA(address) => Some(address.0.into()),
                _ => None,
            })
            .await;
        if answer.is_temporary() && self.settings.flags.work_around_broken_aaaa { Answer::NoData } else { answer }
    }

    /// Asks for `name` and, unless it ends in a dot, for the names that the search list makes of it (`res_search(3)`).
    async fn search<T>(&self, name: &[u8], kind: RecordType, pick: impl Fn(&RData) -> Option<T>) -> Answer<Vec<T>> {
        let mut result = Answer::NotFound;
        for candidate in self.candidates(name) {
            let Some(candidate) = absolute(&candidate) else {
                // What cannot be asked for is not known to be missing.
                result = Answer::NoData;
                continue;
            };
            match self.ask(candidate, kind).await {
                Answer::Found(lookup) => {
                    let list: Vec<_> = lookup.answers().iter().filter_map(|record| pick(&record.data)).collect();
                    if !list.is_empty() {
                        return Answer::Found(list);
                    }
                    result = Answer::of(list);
                }
                Answer::NotFound => {}
                Answer::NoData if matches!(result, Answer::NotFound) => result = Answer::NoData,
                Answer::NoData => {}
                Answer::TempFail(reason) => return Answer::TempFail(reason),
            }
        }
        result
    }

    /// Returns the absolute names that `name` may stand for, in the order of trial.
    fn candidates(&self, name: &[u8]) -> Vec<BString> {
        if name.ends_with(b".") {
            return vec![name.into()];
        }
        let dots = name.iter().filter(|byte| **byte == b'.').count();
        let flags = self.settings.flags;
        let domains: &[BString] = match dots {
            0 if flags.default_names && flags.search => &self.settings.search,
            0 if flags.default_names => &self.settings.search[..self.settings.search.len().min(1)],
            0 => &[],
            _ if flags.search => &self.settings.search,
            _ => &[],
        };
        let mut names: Vec<BString> = domains.iter().map(|domain| [name, b".", domain].concat().into()).collect();
        let place = if dots >= self.settings.ndots { 0 } else { names.len() };
        names.insert(place, name.into());
        names
    }

    /// Asks one question under the limits of number and time.
    pub(super) async fn ask(&self, name: Name, kind: RecordType) -> Answer<Lookup> {
        let Some(dns) = &self.dns else {
            return Answer::TempFail("no name server is configured".into());
        };
        let question = async {
            let _permit = self.in_flight.acquire().await.expect("the semaphore is never closed");
            dns.lookup(name, kind).await
        };
        let bounded = tokio::time::timeout(self.patience(), question);
        let result = tokio::select! {
            biased;
            result = bounded => result,
            () = self.refusal_by_all() => {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
                return Answer::TempFail("name server unreachable".into());
            }
        };
        let Ok(result) = result else {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
            return Answer::TempFail("name server timeout".into());
        };
        match &result {
            Err(NetError::Dns(_)) | Ok(_) => self.unanswered.store(0, Ordering::Relaxed),
            Err(_) => {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
            }
        }
        match result {
            Ok(lookup) => Answer::Found(lookup),
            Err(error) => refusal(&error),
        }
    }

    /// Waits until it is plain that no server runs; for ever if one may. Costs nothing once a question has been answered.
    async fn refusal_by_all(&self) {
        if self.unanswered.load(Ordering::Relaxed) == 0 {
            std::future::pending::<()>().await;
        }
        for server in &self.settings.servers {
            if !refuses(*server).await {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Returns how long one question may take now.
    fn patience(&self) -> Duration {
        let normal = self.settings.retrans.saturating_mul(self.settings.retry.max(1)).min(PATIENCE_MAX);
        if self.unanswered.load(Ordering::Relaxed) >= DEAD_AFTER { normal.min(DEAD_PATIENCE) } else { normal }
    }
}

/// Makes the DNS client of the settings; `None` without servers.
fn client(settings: &ResolverSettings) -> Option<TokioResolver> {
    if settings.servers.is_empty() {
        return None;
    }
    let servers = settings.servers.iter().map(|server| {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = server.port();
            connection
        });
        NameServerConfig::new(server.ip(), true, connections.into())
    });
    let config = ResolverConfig::from_parts(None, vec![], servers.collect());
    let mut options = ResolverOpts::default();
    options.ndots = 0;
    options.timeout = settings.retrans.max(Duration::from_secs(1));
    options.attempts = usize::try_from(settings.retry.saturating_sub(1)).unwrap_or(1);
    options.use_hosts_file = ResolveHosts::Never;
    options.recursion_desired = settings.flags.recurse;
    options.max_active_requests = IN_FLIGHT_MAX;
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    *builder.options_mut() = options;
    builder.build().ok()
}

/// Tells whether `server` refuses datagrams; the DNS library cannot see that, since its sockets are not connected.
async fn refuses(server: SocketAddr) -> bool {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let ask = async {
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(server).await?;
        socket.send(ROOT_QUESTION).await?;
        socket.recv(&mut [0; 1]).await
    };
    ask.await.is_err()
}

/// Returns what an error of the DNS library means.
fn refusal(error: &NetError) -> Answer<Lookup> {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => Answer::NotFound,
            ResponseCode::NoError => Answer::NoData,
            code => Answer::TempFail(format!("name server: {code}").into()),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => Answer::TempFail(format!("name server: {code}").into()),
        NetError::Timeout => Answer::TempFail("name server timeout".into()),
        NetError::Proto(_) => Answer::TempFail("name server: unusable answer".into()),
        _ => Answer::TempFail("name server unreachable".into()),
    }
}

/// Makes an absolute DNS name; `None` if a label or the whole is too long or empty.
pub(super) fn absolute(name: &[u8]) -> Option<Name> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.is_empty() || has_bad_escape(name) {
        return None;
    }
    Name::from_labels(name.split_str(".").map(<[u8]>::to_vec)).ok()
}

/// Tells whether a backslash protects nothing, or a number that is no byte's: no name can be asked for with it.
fn has_bad_escape(name: &[u8]) -> bool {
    let mut rest = name;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let digits = rest[at + 1..].iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
        let number = rest[at + 1..][..digits].iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        rest = match (digits, rest.get(at + 2..)) {
            (0, Some(rest)) => rest,
            (3, _) if number <= 255 => &rest[at + 4..],
            _ => return true,
        };
    }
    false
}

/// Tells whether a name from the DNS has only what names of hosts have. Whoever owns a zone may write anything into it, and
/// rules give other characters a meaning.
pub(super) fn is_host_name(name: &[u8]) -> bool {
    name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// Writes a DNS name without a dot at its end; bytes that are special or unprintable are escaped with a backslash.
pub(super) fn name_text(name: &Name) -> BString {
    let mut text = BString::default();
    for label in name.iter() {
        if !text.is_empty() {
            text.push(b'.');
        }
        for byte in label {
            match byte {
                b'.' | b'"' | b';' | b'\\' | b'@' | b'$' | b'(' | b')' => text.extend([b'\\', *byte]),
                b'!'..=b'~' => text.push(*byte),
                _ => text.extend(format!("\\{byte:03}").bytes()),
            }
        }
    }
    text
}

/// Returns the absolute name below `in-addr.arpa` or `ip6.arpa` that an address has.
pub fn reverse_name(address: IpAddr) -> BString {
    match address {
        IpAddr::V4(address) => reverse_v4(address),
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or_else(|| reverse_v6(address), reverse_v4),
    }
}

/// Returns the reverse name of an IPv4 address.
fn reverse_v4(address: Ipv4Addr) -> BString {
    let [a, b, c, d] = address.octets();
    format!("{d}.{c}.{b}.{a}.in-addr.arpa.").into()
}

/// Returns the reverse name of an IPv6 address.
fn reverse_v6(address: Ipv6Addr) -> BString {
    let nibbles = address.octets().into_iter().rev().map(|byte| format!("{:x}.{:x}.", byte & 15, byte >> 4));
    format!("{}ip6.arpa.", nibbles.collect::<String>()).into()
}

#[cfg(test)]
mod tests;
