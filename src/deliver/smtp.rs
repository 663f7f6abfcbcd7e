//! Delivery over SMTP: from a mailer's `$h` to one outcome for each recipient.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bstr::{BString, ByteSlice};
use tokio::time::Instant;

use super::connection::{Connection, Peer};
use super::connection_cache::{ConnectionCache, ConnectionKey};
use super::conversation::{self, Event, Job, Report};
use super::exchangers::{ExchangerRules, NoExchanger, exchangers};
use super::outcome::{Outcome, Verdict, exit_text};
use crate::cf::{ClientPort, Config, Family as PortFamily, MailerFlag, Timeouts};
use crate::name::{Status, Sysexit};
use crate::net::connect::{Sources, connect};
use crate::net::listen::ListenFamily;
use crate::net::services::Port;
use crate::net::{Answer, Family, Resolver, literal};
use crate::sys::errors::reason;

/// The port of SMTP.
const SMTP_PORT: u16 = 25;
/// Addresses of one host that are tried.
const ADDRESSES_MAX: usize = 20;

/// Tells whether a host name, without a dot at its end, is one of ours (class `w`).
pub type IsOurs = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// What the configuration says about sending.
#[derive(Clone)]
pub struct SmtpSettings {
    /// The name in EHLO (`HeloName`, else `$j`).
    pub helo_name: BString,
    /// Our own name (`$j`): a server that gives it is ourselves.
    pub own_name: BString,
    /// Which names are ours.
    pub is_ours: IsOurs,
    /// `Timeout.*`.
    pub timeouts: Timeouts,
    /// Where connections come from.
    pub sources: Sources,
    /// The one address that is connected to, whatever the host's own is (`ConnectOnlyTo`).
    pub connect_only_to: Option<IpAddr>,
    /// Which addresses are tried.
    pub family: Family,
    /// `TryNullMXList`.
    pub try_null_mx_list: bool,
    /// `FallbackMXhost`.
    pub fallback_mx_host: BString,
    /// `FallbackSmartHost`.
    pub fallback_smart_host: BString,
    /// `DialDelay`: how long a line needs to come up, for mailers with the flag `Z`.
    pub dial_delay: Duration,
    /// `UseCompressedIPv6Addresses`: `::` may stand for zeros in the log.
    pub compressed_ipv6: bool,
}

impl SmtpSettings {
    /// Returns what `config` says; `own_name` is `$j`.
    pub fn of(config: &Config, own_name: impl Into<BString>, is_ours: IsOurs) -> Self {
        let options = &config.options;
        let own_name = own_name.into();
        let helo_name = if options.helo_name.is_empty() { own_name.clone() } else { options.helo_name.clone() };
        Self {
            helo_name,
            own_name,
            is_ours,
            timeouts: options.timeout.clone(),
            sources: sources(&options.client_port_options),
            connect_only_to: options.connect_only_to,
            family: Family::Any,
            try_null_mx_list: options.try_null_mx_list,
            fallback_mx_host: options.fallback_mx_host.clone(),
            fallback_smart_host: options.fallback_smart_host.clone(),
            dial_delay: options.dial_delay,
            compressed_ipv6: options.use_compressed_ipv6_addresses,
        }
    }
}

/// Returns where connections come from (`ClientPortOptions`): hosts and services have numbers here; what was told not to have
/// one when the configuration was read is passed over.
fn sources(ports: &[ClientPort]) -> Sources {
    let mut sources = Sources { reuse: true, ..Sources::default() };
    for port in ports {
        let number =
            if port.port.is_empty() { Some(0) } else { port.port.to_str().ok().and_then(|port| port.parse().ok()) };
        let (any, family, slot) = match port.family {
            PortFamily::Inet => (IpAddr::from([0; 4]), ListenFamily::Inet, &mut sources.v4),
            PortFamily::Inet6 => (IpAddr::from([0_u16; 8]), ListenFamily::Inet6, &mut sources.v6),
            PortFamily::Local | PortFamily::Other(_) => continue,
        };
        let address = if port.address.is_empty() { Some(any) } else { family.literal(&port.address) };
        if let (Some(number), Some(address)) = (number, address) {
            *slot = (number != 0 || !port.address.is_empty()).then_some(SocketAddr::new(address, number));
        }
    }
    sources
}

/// Where a mailer's command (`A=TCP $h 25`) leads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Endpoint {
    /// Hosts, with MX records or in brackets, and a port.
    Tcp(BString, u16),
    /// A socket in the file system (`A=FILE /path`).
    Unix(BString),
}

/// A mailer's command names no place to connect to.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("mailer command {0:?}: expected TCP host [port] or FILE path; correct A= of the mailer")]
pub struct BadEndpoint(BString);

impl Endpoint {
    /// Reads a mailer's command, expanded.
    ///
    /// # Errors
    /// It is neither `TCP host [port]` nor `FILE path`.
    pub fn of(argv: &[BString]) -> Result<Self, BadEndpoint> {
        let bad = || BadEndpoint(bstr::join(" ", argv).into());
        match argv {
            [kind, path, ..] if kind.eq_ignore_ascii_case(b"FILE") => Ok(Self::Unix(path.clone())),
            [kind, hosts] if is_tcp(kind) => Ok(Self::Tcp(hosts.clone(), SMTP_PORT)),
            [kind, hosts, port, ..] if is_tcp(kind) => {
                let port: Port = port.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(bad)?;
                Ok(Self::Tcp(hosts.clone(), port.0))
            }
            _ => Err(bad()),
        }
    }
}

/// Tells whether a mailer's first word is TCP, or its old name.
fn is_tcp(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"TCP") || word.eq_ignore_ascii_case(b"IPC")
}

/// Sends mail over SMTP, with connections kept open between messages.
pub struct SmtpClient {
    settings: SmtpSettings,
    resolver: Arc<Resolver>,
    cache: Arc<ConnectionCache>,
}

/// One job on its way through the hosts.
struct Attempt<'a> {
    job: &'a Job<'a>,
    /// What has happened so far.
    report: Report,
    /// What is known of each recipient so far.
    outcomes: Vec<Option<Outcome>>,
    /// Recipients whose last outcome is not in the report yet: the host could not be reached.
    untold: Vec<usize>,
    /// Recipients to try at the next host.
    pending: Vec<usize>,
    port: u16,
    /// Whether it was told that this host is connected to.
    announced: bool,
    /// Whether a connection was waited for (`DialDelay`).
    dialled: bool,
    /// When no more connections are begun (`Timeout.aconnect`).
    deadline: Option<Instant>,
}

impl SmtpClient {
    /// Makes a client.
    pub fn new(settings: SmtpSettings, resolver: Arc<Resolver>, cache: Arc<ConnectionCache>) -> Self {
        Self { settings, resolver, cache }
    }

    /// Returns what the client was told.
    pub fn settings(&self) -> &SmtpSettings {
        &self.settings
    }

    /// Sends a message to the hosts of `$h` (`hosts`) on `port`, one after the other until each recipient has been taken or
    /// refused for good.
    pub async fn send(&self, hosts: &[u8], port: u16, job: &Job<'_>) -> Report {
        let count = job.transaction.targets.len();
        let limit = self.settings.timeouts.aconnect;
        let deadline = (!limit.is_zero()).then(|| Instant::now() + limit);
        let mut attempt = Attempt {
            job,
            report: Report::default(),
            outcomes: vec![None; count],
            untold: (0..count).collect(),
            pending: (0..count).collect(),
            port,
            announced: false,
            dialled: false,
            deadline,
        };
        self.send_to(hosts, &mut attempt).await;
        let smart_host = &self.settings.fallback_smart_host;
        let hopeful =
            attempt.pending.iter().any(|index| attempt.outcomes[*index].as_ref().is_some_and(is_worth_a_smart_host));
        if !smart_host.is_empty() && hopeful {
            self.send_to(smart_host, &mut attempt).await;
        }
        attempt.finish()
    }

    /// Closes the connections that wait for another message, at the end of the program.
    pub async fn finish(&self) {
        self.cache.clear().await;
    }

    /// Tries the hosts of one `$h`.
    async fn send_to(&self, hosts: &[u8], attempt: &mut Attempt<'_>) {
        let is_ours = |name: &[u8]| (self.settings.is_ours)(name);
        let rules = ExchangerRules {
            no_mx: attempt.job.mailer.flags.has(MailerFlag::NoMx),
            try_null_mx_list: self.settings.try_null_mx_list,
            fallback_mx_host: &self.settings.fallback_mx_host,
            is_ours: &is_ours,
        };
        match exchangers(&self.resolver, hosts, &rules).await {
            Ok(list) => {
                for host in list {
                    if attempt.pending.is_empty() || attempt.is_over() {
                        break;
                    }
                    self.try_host(&host, attempt).await;
                }
            }
            Err(error) => {
                let outcome = self.without_host(&error, attempt);
                attempt.record(&outcome);
            }
        }
    }

    /// Returns the outcome of a domain without hosts.
    fn without_host(&self, error: &NoExchanger, attempt: &mut Attempt<'_>) -> Outcome {
        let (outcome, host) = match error {
            NoExchanger::TempFail { host, .. } => (
                Outcome::deferred(Status::new(4, 4, 3), format!("Name server: {host}: host name lookup failure")),
                host,
            ),
            NoExchanger::Unknown(host) => (unknown(host, "host not found"), host),
            NoExchanger::NullMx(host) => {
                let reply = "556 Host does not accept mail: MX 0 .";
                (Outcome::failed(Status::new(5, 1, 10), exit_text(Sysexit::Unavailable)).with_reply(reply), host)
            }
            NoExchanger::Loop(host) => {
                attempt
                    .report
                    .notes
                    .push(format!("SYSERR: MX list for {host} points back to {}", self.settings.own_name).into());
                (Outcome::failed(Status::new(5, 3, 5), exit_text(Sysexit::Config)), host)
            }
        };
        let peer = Peer { host: host.clone(), address: BString::default() };
        conversation::with_peer(outcome, &peer)
    }

    /// Tries the addresses of one host.
    async fn try_host(&self, host: &BString, attempt: &mut Attempt<'_>) {
        attempt.announced = false;
        let mut addresses = match self.addresses(host).await {
            Ok(addresses) => addresses,
            Err(outcome) => {
                attempt.announce(host);
                return attempt.record(&conversation::with_peer(
                    outcome,
                    &Peer { host: host.clone(), address: BString::default() },
                ));
            }
        };
        // Whoever has a connection already is not looked for elsewhere.
        addresses.sort_by_key(|address| !self.cache.has(&attempt.key(SocketAddr::new(*address, attempt.port))));
        for address in addresses.into_iter().take(ADDRESSES_MAX) {
            let peer = Peer { host: host.clone(), address: bracketed(address, self.settings.compressed_ipv6) };
            let target = SocketAddr::new(address, attempt.port);
            if self.try_address(target, &peer, attempt).await || attempt.is_over() {
                return;
            }
        }
    }

    /// Returns the addresses of a host, or why there are none.
    async fn addresses(&self, host: &BString) -> Result<Vec<IpAddr>, Outcome> {
        if let Some(address) = self.settings.connect_only_to {
            return Ok(vec![address]);
        }
        let name = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).unwrap_or(host);
        if let Some(address) = literal::any(name.strip_suffix(b".").unwrap_or(name)) {
            return Ok(vec![address]);
        }
        match self.resolver.addresses(name, self.settings.family).await {
            Answer::Found(addresses) => Ok(addresses),
            Answer::NotFound => Err(unknown(host, "host not found")),
            Answer::NoData => Err(unknown(host, "no data known")),
            Answer::TempFail(_) => {
                Err(Outcome::deferred(Status::new(4, 4, 3), format!("Name server: {host}: host name lookup failure")))
            }
        }
    }

    /// Sends what is pending to one address; false if there was no connection at all and another address may do.
    async fn try_address(&self, target: SocketAddr, peer: &Peer, attempt: &mut Attempt<'_>) -> bool {
        let key = attempt.key(target);
        let chunk_len = attempt
            .job
            .mailer
            .recipients_max
            .and_then(|max| usize::try_from(max).ok())
            .filter(|max| *max > 0)
            .unwrap_or(usize::MAX);
        let mut kept = self.cache.take(&key).await;
        if let Some(connection) = &mut kept {
            connection.audience = Arc::clone(&attempt.job.audience);
            connection.audience.meet(&peer.host);
            let kind = if connection.offered().extended { "ESMTP" } else { "SMTP" };
            attempt.tell(&format!("Using cached {kind} connection to {} via {}...", peer.host, key.mailer));
        }
        let mut rest = std::mem::take(&mut attempt.pending);
        while !rest.is_empty() {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => match self.open(target, peer, attempt).await {
                    Ok(connection) => connection,
                    Err((outcome, connected)) => {
                        attempt.pending.append(&mut rest);
                        attempt.record(&outcome);
                        return connected;
                    }
                },
            };
            connection.peer.clone_from(peer);
            let later = rest.split_off(rest.len().min(chunk_len));
            let chunk = std::mem::replace(&mut rest, later);
            let (events, reusable) = conversation::transact(&mut connection, &self.settings, attempt.job, &chunk).await;
            attempt.report.notes.extend(conversation::silence_note(&connection));
            attempt.take(events);
            kept = self.next_use(connection, reusable, &key, !rest.is_empty(), attempt).await;
        }
        true
    }

    /// Readies a connection for the next recipients, or puts it away.
    async fn next_use(
        &self,
        mut connection: Connection,
        reusable: bool,
        key: &ConnectionKey,
        more: bool,
        attempt: &Attempt<'_>,
    ) -> Option<Connection> {
        if !reusable {
            return None;
        }
        let worn_out = attempt.job.mailer.messages_max.is_some_and(|max| max > 0 && connection.messages >= max);
        if worn_out {
            connection.quit(&self.settings.timeouts).await;
            return None;
        }
        if more {
            return connection.reset(&self.settings.timeouts).await.then_some(connection);
        }
        self.cache.put(key.clone(), connection).await;
        None
    }

    /// Opens a conversation; the error says also whether there was a connection.
    async fn open(
        &self,
        target: SocketAddr,
        peer: &Peer,
        attempt: &mut Attempt<'_>,
    ) -> Result<Connection, (Outcome, bool)> {
        let fail = |outcome| conversation::with_peer(outcome, peer);
        let known = (attempt.job.respect_host_status && !attempt.job.mailer.flags.has(MailerFlag::NoHostStatus))
            .then(|| self.cache.down(target));
        if let Some(reason) = known.flatten() {
            return Err((fail(Outcome::deferred(Status::new(4, 4, 1), reason)), false));
        }
        let timeouts = &self.settings.timeouts;
        let limit = if attempt.job.first_attempt && !timeouts.iconnect.is_zero() {
            timeouts.iconnect
        } else {
            timeouts.connect
        };
        let left = attempt.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let limit = left.map_or(limit, |left| if limit.is_zero() { left } else { limit.min(left) });
        // Zero would mean no limit.
        let limit = if attempt.deadline.is_some() { limit.max(Duration::from_millis(1)) } else { limit };
        attempt.announce(&peer.host);
        let sources = attempt.job.source.map_or(self.settings.sources.clone(), Sources::at);
        let delay = attempt.dial_delay(self.settings.dial_delay);
        let stream = match dial(delay, || connect(target, &sources, limit)).await {
            Ok(stream) => stream,
            Err(error) => {
                let reason = connect_text(&error, &peer.host);
                self.cache.set_down(target, reason.clone());
                return Err((fail(Outcome::deferred(Status::new(4, 4, 1), reason)), false));
            }
        };
        self.cache.set_up(target);
        attempt.report.connections += 1;
        let opened =
            conversation::open(Box::new(stream), peer.clone(), &self.settings, attempt.job, &mut attempt.report.notes)
                .await;
        opened.map_err(|outcome| (outcome, true))
    }
}

/// Connects; if that fails and there is a delay, waits so long and connects once more.
async fn dial<T, E, F: Future<Output = Result<T, E>>>(
    delay: Option<Duration>,
    connect: impl Fn() -> F,
) -> Result<T, E> {
    match (connect().await, delay) {
        (Err(_), Some(delay)) => {
            tokio::time::sleep(delay).await;
            connect().await
        }
        (connected, _) => connected,
    }
}

impl Attempt<'_> {
    /// Returns the name under which a connection to `address` is kept.
    fn key(&self, address: SocketAddr) -> ConnectionKey {
        ConnectionKey { mailer: self.job.mailer.name.clone(), address, source: self.job.source }
    }

    /// Tells what is done now.
    fn tell(&self, text: &str) {
        self.job.audience.tell(text);
    }

    /// Returns how long to wait before a connection is tried once more; none if it is not: only the first is.
    fn dial_delay(&mut self, delay: Duration) -> Option<Duration> {
        let is_first = !std::mem::replace(&mut self.dialled, true);
        Some(delay).filter(|delay| is_first && !delay.is_zero() && self.job.mailer.flags.has(MailerFlag::DialDelay))
    }

    /// Tells that a host is connected to, once for all of its addresses.
    fn announce(&mut self, host: &BString) {
        if !std::mem::replace(&mut self.announced, true) {
            self.tell(&format!("Connecting to {host} via {}...", self.job.mailer.name));
        }
    }

    /// Takes in what happened at a host.
    fn take(&mut self, events: Vec<Event>) {
        for event in &events {
            for &target in &event.targets {
                // QUIRK(client-next-host): whatever may pass is tried at the next host at once.
                if event.outcome.verdict == Verdict::Deferred {
                    self.pending.push(target);
                }
                self.outcomes[target] = Some(event.outcome.clone());
                self.untold.retain(|untold| *untold != target);
            }
        }
        self.report.events.extend(events);
    }

    /// Returns what happened in all.
    fn finish(mut self) -> Report {
        let mut rest: Vec<(Vec<usize>, Outcome)> = Vec::new();
        for target in std::mem::take(&mut self.untold) {
            let outcome = self.outcomes[target].take().unwrap_or_else(no_host);
            match rest.iter_mut().find(|(_, known)| *known == outcome) {
                Some((targets, _)) => targets.push(target),
                None => rest.push((vec![target], outcome)),
            }
        }
        for (targets, outcome) in rest {
            self.report.add(targets, outcome, self.job);
        }
        self.report
    }

    /// Tells whether the time for connecting is over.
    fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Records what became of all pending recipients at a host that did not take part. That a host may come back counts more
    /// than that another one is unknown or does not want us.
    fn record(&mut self, outcome: &Outcome) {
        for index in &self.pending {
            let slot = &mut self.outcomes[*index];
            let keeps = outcome.verdict == Verdict::Failed
                && slot.as_ref().is_some_and(|known| known.verdict == Verdict::Deferred);
            if !keeps {
                *slot = Some(outcome.clone());
                if !self.untold.contains(index) {
                    self.untold.push(*index);
                }
            }
        }
    }
}

/// Returns the outcome of a host that has no address.
fn unknown(host: &BString, why: &str) -> Outcome {
    let stat = format!("{} (Name server: {host}: {why})", exit_text(Sysexit::NoHost));
    Outcome::failed(Status::new(5, 1, 2), stat).with_reply("550 Host unknown")
}

/// Tells whether a smart host may do better: the host is down or unknown.
fn is_worth_a_smart_host(outcome: &Outcome) -> bool {
    outcome.verdict == Verdict::Deferred || outcome.status == Status::new(5, 1, 2)
}

/// Returns the outcome where no host was tried: time was over before.
fn no_host() -> Outcome {
    Outcome::deferred(Status::new(4, 4, 1), "Connection timed out")
}

/// Writes an address as the log does.
fn bracketed(address: IpAddr, compressed: bool) -> BString {
    match address {
        IpAddr::V4(address) => format!("[{address}]").into(),
        IpAddr::V6(address) if compressed => format!("[IPv6:{address}]").into(),
        IpAddr::V6(address) => {
            let groups = address.segments().map(|group| format!("{group:x}"));
            format!("[IPv6:{}]", groups.join(":")).into()
        }
    }
}

/// Returns the words of the original for a connection that cannot be opened.
fn connect_text(error: &io::Error, host: &BString) -> BString {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("Connection refused by {host}"),
        io::ErrorKind::TimedOut => format!("Connection timed out with {host}"),
        io::ErrorKind::ConnectionReset => format!("Connection reset by {host}"),
        io::ErrorKind::NetworkUnreachable => format!("{host}: Network is unreachable"),
        io::ErrorKind::HostUnreachable => format!("{host}: No route to host"),
        _ => format!("{host}: {}", reason(error)),
    }
    .into()
}

#[cfg(test)]
mod tests;
