//! From the name of a configuration file to a site: the one way in which all programs begin.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bstr::ByteSlice;
use jiff::tz::TimeZone;
use tokio::time::{Instant, timeout_at};

use super::identity::{Identity, Probe};
use super::load::{self, LoadOptions, Site};
use super::name_files::NameFiles;
use super::ports::{self, Services};
use super::zone::zone_of;
use crate::cf::{self, CfError, Config, DontProbe, Options, Override, Problem, ReadEnv, ResolverFlag, Severity};
use crate::macros::{MacroTable, expand};
use crate::mail::date;
use crate::mail::token::EXPAND;
use crate::map::DirectOpener;
use crate::name::Sysexit;
use crate::net::services::is_service;
use crate::net::{Answer, Family, Resolver, ResolverFlags, ResolverSettings, literal};
use crate::sys::errors::reason;
use crate::sys::host::{self, LoadAverage};
use crate::sys::safe_file::{Inspector, Listeners};
use crate::sys::user::ACCOUNTS;

/// The longest that all questions about names may take together, after those that [`Identity::find`] asks: every mode begins
/// with this, also where no name server answers.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a program begins.
pub struct StartOptions {
    /// The name of the configuration file.
    pub file: PathBuf,
    /// What stands in it, or why that cannot be read.
    pub text: io::Result<Vec<u8>>,
    /// The letter of `-b`.
    pub mode: u8,
    /// What the command line sets.
    pub overrides: Vec<Override>,
    /// Who hears how files are looked at.
    pub listeners: Listeners,
}

/// A site and what is wrong with its configuration.
#[derive(Debug)]
pub struct Started {
    /// The site; none where the configuration cannot be read at all or has a fault that ends every program.
    pub site: Option<Arc<Site>>,
    /// What is wrong, in the order of the file.
    pub errors: Vec<CfError>,
}

impl Started {
    /// Returns the exit status that the first fault leads to.
    pub fn exit(&self) -> Sysexit {
        self.errors.iter().find_map(CfError::exit).unwrap_or(Sysexit::Ok)
    }
}

/// Returns what a configuration is read with in this system: its processors, users, groups and services, and what the command
/// line sets; macros have no values yet.
pub fn read_env(overrides: Vec<Override>) -> ReadEnv {
    ReadEnv {
        processors: host::processors(),
        overrides,
        accounts: Some(ACCOUNTS),
        has_service: Some(is_service),
        ..ReadEnv::default()
    }
}

/// Reads the text of the configuration and puts it to use.
pub async fn start(options: StartOptions) -> Started {
    let StartOptions { file, text, mode, overrides, listeners } = options;
    let name = file.display().to_string();
    let text = match text {
        Ok(text) => text,
        Err(error) => {
            let text = unreadable(&error).into();
            let problem = Problem::Outside { text, exit: Sysexit::OsFile };
            return Started { site: None, errors: vec![CfError { file: name.into(), line: 0, problem, source: None }] };
        }
    };
    let files = NameFiles::read();
    let settings = files.settings();
    let mut identity = Identity::find(&Resolver::new(settings.clone())).await;
    let macros = macros_of_reading(&identity, mode, &zone_of(&Options::default()));
    let env = ReadEnv { macros: Arc::new(macros), ..read_env(overrides) };
    let (mut config, mut errors) = cf::read(&text, &name, &env);
    if errors.iter().any(|error| matches!(error.severity(), Severity::Fatal(_))) {
        return Started { site: None, errors };
    }
    let settings = configured(settings, &files.and_of(&config.options), &config, &identity, mode);
    let resolver = Arc::new(Resolver::new(settings));
    let services = Services::of(&config);
    errors.extend(ask_names(&mut config, &mut identity, &services, &resolver).await);
    let zone = zone_of(&config.options);
    let load = LoadOptions { identity, resolver, zone, mode, duties: None };
    let opener = Arc::new(DirectOpener::new(Inspector::of(&config.options).telling(listeners)));
    let (site, more) = Site::load(Arc::new(config), opener, load);
    errors.extend(more);
    errors.sort_by_key(ports::place);
    if site.config.mailers.get(b"local").is_none() {
        errors.push(site.config.error(0, Problem::NoLocalMailer));
    }
    Started { site: Some(site), errors }
}

/// Says why the file of a configuration cannot be read.
pub fn unreadable(error: &io::Error) -> String {
    // What it is says enough.
    if error.kind() == io::ErrorKind::InvalidInput { reason(error) } else { format!("cannot open: {}", reason(error)) }
}

/// Returns the macros that have values while the file is read; what it sets comes beside them.
pub(super) fn macros_of_reading(identity: &Identity, mode: u8, zone: &TimeZone) -> MacroTable {
    let mut macros = MacroTable::default();
    identity.define(&mut macros);
    macros.set("opMode", [mode].as_slice());
    macros.set("deliveryMode", [Options::default().delivery_mode.letter()].as_slice());
    macros.set("b", date::arpa(SystemTime::now().into(), zone));
    macros.set("load_avg", LoadAverage::open().now().to_string());
    macros
}

/// Returns the settings as the configuration, and the files it names, change them.
pub(super) fn configured(
    mut settings: ResolverSettings,
    files: &NameFiles,
    config: &Config,
    identity: &Identity,
    mode: u8,
) -> ResolverSettings {
    let options = &config.options;
    files.configure(&mut settings);
    // The file may set `$m`.
    settings.domain = expand(&[EXPAND, b'm'], &load::macros(config, identity, mode));
    settings.expand_cnames = !options.dont_expand_cnames;
    settings.flags = flags(config);
    let (retrans, retry) = (options.timeout.resolver_retrans, options.timeout.resolver_retry);
    settings.retrans =
        retrans.normal.or(retrans.first).filter(|time| *time > Duration::ZERO).unwrap_or(settings.retrans);
    let retry = retry.normal.or(retry.first).and_then(|times| u32::try_from(times).ok()).filter(|times| *times > 0);
    settings.retry = retry.unwrap_or(settings.retry);
    settings
}

/// Asks the name service for the hosts of ports and milters and for the names of interfaces; returns which hosts are unknown.
pub(super) async fn ask_names(
    config: &mut Config,
    identity: &mut Identity,
    services: &Services,
    resolver: &Resolver,
) -> Vec<CfError> {
    let end = Instant::now() + PATIENCE;
    let mut errors = ports::settle(end, config, services, resolver).await;
    errors.extend(unknown_hosts(end, config, resolver).await);
    identity.probe(end, resolver, probe(config)).await;
    errors
}

/// Returns what is wrong with the hosts of milters; that nobody knows them now, or until `end`, is nothing wrong.
async fn unknown_hosts(end: Instant, config: &Config, resolver: &Resolver) -> Vec<CfError> {
    let mut errors = Vec::new();
    for filter in &config.filters {
        let Some((_, host)) = filter.socket.strip_prefix(b"inet").and_then(|rest| rest.split_once_str(b"@")) else {
            continue;
        };
        if host.starts_with(b"[") || literal::any(host).is_some() {
            continue;
        }
        let answer = timeout_at(end, resolver.addresses(host, Family::Any)).await;
        if let Ok(Answer::NotFound | Answer::NoData) = answer {
            let text = format!("X{}: Unknown host name {}", filter.name, host.as_bstr()).into();
            let problem = Problem::Outside { text, exit: Sysexit::Software };
            errors.push(config.error(filter.line, problem));
        }
    }
    errors
}

/// Returns `ResolverOptions` as the resolver wants them.
fn flags(config: &Config) -> ResolverFlags {
    let given = config.options.resolver_options;
    ResolverFlags {
        search: given.has(ResolverFlag::DnsSrch),
        default_names: given.has(ResolverFlag::DefNames),
        recurse: given.has(ResolverFlag::Recurse),
        has_wildcard_mx: given.has(ResolverFlag::HasWildcardMx),
        work_around_broken_aaaa: given.has(ResolverFlag::WorkAroundBrokenAaaa),
    }
}

/// Returns which interfaces are asked for their addresses.
fn probe(config: &Config) -> Probe {
    match config.options.dont_probe_interfaces {
        DontProbe::Nothing => Probe::All,
        DontProbe::Loopback => Probe::NoLoopback,
        DontProbe::All => Probe::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::testing::DnsServer;

    /// Returns what is told of the hosts of two milters.
    async fn told(server: std::net::SocketAddr, patience: Duration) -> Vec<String> {
        let lines = b"V10\nXone, S=inet:1@none.example\nXtwo, S=inet:1@127.1\n";
        let (config, errors) = cf::read(lines, "x.cf", &ReadEnv::default());
        assert!(errors.is_empty(), "{errors:?}");
        let resolver = Resolver::new(ResolverSettings::with_servers(vec![server]));
        let errors = unknown_hosts(Instant::now() + patience, &config, &resolver).await;
        errors.iter().map(ToString::to_string).collect()
    }

    #[tokio::test]
    async fn hosts_of_milters_are_unknown_only_where_a_name_server_says_so() {
        let dns = DnsServer::start("");
        let patience = Duration::from_secs(60);
        assert_eq!(told(dns.address(), patience).await, ["x.cf: line 2: Xone: Unknown host name none.example"]);
        let deaf = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
        assert!(told(deaf.local_addr().expect("bound"), Duration::from_millis(20)).await.is_empty());
    }
}
