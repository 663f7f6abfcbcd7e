//! Questions to the name servers and `/etc/hosts`.

mod answer;
mod name;
mod record;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bstr::BString;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::domain::usage::LOCALHOST;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;

pub use self::answer::Answer;
pub(super) use self::name::{absolute, is_host_name, name_text};
pub use self::name::{is_askable, reverse_name, without_end};
pub use self::record::{BadRecordKind, Mx, RecordKind};
use super::{ResolverSettings, Source};

/// Questions under way at once, of those that clients cause and again of all others; each holds a socket.
const IN_FLIGHT_MAX: usize = 64;
/// After this many questions in a row without any answer the servers count as dead …
const DEAD_AFTER: u32 = 4;
/// … and one question waits no longer than this, until one is answered again.
const DEAD_PATIENCE: Duration = Duration::from_secs(1);
/// A question for the name servers of the root, in wire form: the shortest that makes a dead port show itself.
const ROOT_QUESTION: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\0\0\x02\0\x01";
/// The longest wait for one question whatever the settings say.
const PATIENCE_MAX: Duration = Duration::from_secs(60);

tokio::task_local! {
    /// Set where a client causes what is done.
    static CAUSED_BY_CLIENT: ();
}

/// Does what a client causes: however many of its questions nobody answers, deliveries can still ask theirs.
pub fn caused_by_client<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    CAUSED_BY_CLIENT.scope((), work)
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

/// Asks name servers and `/etc/hosts`, with a cache that keeps to the records' times to live.
pub struct Resolver {
    settings: ResolverSettings,
    /// `None`: no name server to ask.
    dns: Option<TokioResolver>,
    /// For what clients cause, and for all else.
    clients: Share,
    others: Share,
}

/// Places for questions under way, and how they fare.
struct Share {
    places: Semaphore,
    /// Questions in a row that nobody answered; one at the start, as nothing is known then.
    unanswered: AtomicU32,
}

impl Share {
    fn new() -> Self {
        Self { places: Semaphore::new(IN_FLIGHT_MAX), unanswered: AtomicU32::new(1) }
    }

    /// Notes that nobody answered a question.
    fn note_silence(&self) {
        self.unanswered.fetch_add(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Resolver {
    /// Makes a resolver; nothing is asked yet, so this never fails and never waits.
    pub fn new(settings: ResolverSettings) -> Self {
        Self { dns: client(&settings), settings, clients: Share::new(), others: Share::new() }
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
        // The DNS library would take them for this host without asking; hardly a server has them (RFC 6761 §6.3).
        if name.iter().count() > 1 && LOCALHOST.zone_of(&name) {
            return Answer::NotFound;
        }
        let share = self.share();
        // How long other questions keep their places says nothing of the servers.
        let Ok(place) = tokio::time::timeout(self.patience_max(), share.places.acquire()).await else {
            return Answer::TempFail("too many questions to name servers".into());
        };
        let _place = place.expect("the semaphore is never closed");
        let bounded = tokio::time::timeout(self.patience(share), dns.lookup(name, kind));
        let result = tokio::select! {
            biased;
            result = bounded => result,
            () = self.refusal_by_all(share) => {
                share.note_silence();
                return Answer::TempFail("name server unreachable".into());
            }
        };
        let Ok(result) = result else {
            share.note_silence();
            return Answer::TempFail("name server timeout".into());
        };
        match &result {
            Err(NetError::Dns(_)) | Ok(_) => share.unanswered.store(0, Ordering::Relaxed),
            Err(_) => share.note_silence(),
        }
        match result {
            Ok(lookup) => Answer::Found(lookup),
            Err(error) => refusal(&error),
        }
    }

    /// Returns the places for what is asked here.
    fn share(&self) -> &Share {
        if CAUSED_BY_CLIENT.try_with(|()| ()).is_ok() { &self.clients } else { &self.others }
    }

    /// Waits until it is plain that no server runs; for ever if one may. Costs nothing once a question has been answered.
    async fn refusal_by_all(&self, share: &Share) {
        if share.unanswered.load(Ordering::Relaxed) == 0 {
            std::future::pending::<()>().await;
        }
        for server in &self.settings.servers {
            if !refuses(*server).await {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Returns how long one question may take now.
    fn patience(&self, share: &Share) -> Duration {
        let is_dead = share.unanswered.load(Ordering::Relaxed) >= DEAD_AFTER;
        if is_dead { self.patience_max().min(DEAD_PATIENCE) } else { self.patience_max() }
    }

    /// Returns how long one question may take of servers that answer.
    fn patience_max(&self) -> Duration {
        self.settings.retrans.saturating_mul(self.settings.retry.max(1)).min(PATIENCE_MAX)
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
    options.max_active_requests = 2 * IN_FLIGHT_MAX;
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

#[cfg(test)]
mod tests;
