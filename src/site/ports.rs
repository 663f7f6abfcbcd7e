//! Hosts and services in DaemonPortOptions and ClientPortOptions: looked up once, when the configuration is put to use.

use bstr::{BString, ByteSlice as _};
use tokio::time::{Instant, timeout_at};

use crate::cf::{self, CfError, Config, OptionError, Options, PortOptions, Problem};
use crate::net::listen::ListenFamily;
use crate::net::{Answer, Family, Resolver, services};

/// The services that ClientPortOptions names, with their numbers: found while the system can be asked, used where it cannot.
#[derive(Clone, Debug)]
pub struct Services(Vec<(BString, u16)>);

impl Services {
    /// Asks the system for the services that `config` names.
    pub fn of(config: &Config) -> Self {
        let number = |name: &BString| Some((name.clone(), name.to_str().ok()?.parse::<services::Port>().ok()?.0));
        Self(config.options.client_port_options.iter().filter_map(|port| number(&port.port)).collect())
    }

    /// Puts the numbers in the place of the names.
    fn settle(&self, config: &mut Config) {
        for port in &mut config.options.client_port_options {
            if let Some((_, number)) = self.0.iter().find(|(name, _)| *name == port.port) {
                port.port = number.to_string().into();
            }
        }
    }
}

/// Puts addresses and, for clients, numbers in the place of names, until `end`; returns which hosts nobody knows.
///
/// The daemon listens where its keeper says, which asks no name server but gives the same names to the same file of hosts.
pub(super) async fn settle(
    end: Instant,
    config: &mut Config,
    services: &Services,
    resolver: &Resolver,
) -> Vec<CfError> {
    services.settle(config);
    let mut errors = Vec::new();
    let lists: [fn(&mut Options) -> &mut Vec<PortOptions>; 2] =
        [|options| &mut options.daemon_port_options, |options| &mut options.client_port_options];
    for list in lists {
        let mut ports = std::mem::take(list(&mut config.options));
        for port in &mut ports {
            let name = || port.address.as_slice().into();
            let found = timeout_at(end, address(port, resolver)).await;
            match found.unwrap_or_else(|_| Err(OptionError::UnansweredHost(name()))) {
                Ok(None) => {}
                Ok(Some(address)) => port.address = address,
                Err(error) => errors.push(config.error(port.line, error.into())),
            }
        }
        *list(&mut config.options) = ports;
    }
    errors
}

/// Returns the place of a problem among those of its line: services are told after hosts, as by the original.
pub(super) fn place(error: &CfError) -> (usize, bool) {
    let is_last =
        matches!(error.problem, Problem::Option(OptionError::UnknownService(_) | OptionError::PortOfFamily(_)));
    (error.line, is_last)
}

/// Returns the address of a port, if it has one and families of the internet can have it.
async fn address(port: &PortOptions, resolver: &Resolver) -> Result<Option<BString>, OptionError> {
    let (family, wanted) = match port.family {
        cf::Family::Inet => (ListenFamily::Inet, Family::V4),
        cf::Family::Inet6 => (ListenFamily::Inet6, Family::V6),
        cf::Family::Local | cf::Family::Other(_) => return Ok(None),
    };
    if port.address.is_empty() {
        return Ok(None);
    }
    if let Some(address) = family.literal(&port.address) {
        return Ok(Some(address.to_string().into()));
    }
    match resolver.addresses(&port.address, wanted).await {
        Answer::Found(addresses) => Ok(addresses.first().map(|address| address.to_string().into())),
        Answer::NotFound | Answer::NoData => Err(OptionError::UnknownHost(port.address.as_slice().into())),
        Answer::TempFail(_) => Err(OptionError::UnansweredHost(port.address.as_slice().into())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cf::ReadEnv;
    use crate::name::Sysexit;
    use crate::net::ResolverSettings;
    use crate::net::testing::DnsServer;

    /// Returns a time that no test waits for.
    fn far() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    /// Returns what is told of a configuration and the addresses that its ports have afterwards.
    async fn settled(lines: &str, settings: ResolverSettings) -> (Vec<String>, Vec<String>) {
        let (mut config, errors) = cf::read(format!("V10\n{lines}").as_bytes(), "x.cf", &ReadEnv::default());
        assert!(errors.is_empty(), "{errors:?}");
        let errors = settle(far(), &mut config, &Services(Vec::new()), &Resolver::new(settings)).await;
        let options = &config.options;
        let ports = options.daemon_port_options.iter().chain(&options.client_port_options);
        let addresses = ports.map(|port| port.address.to_string()).collect();
        (errors.iter().map(ToString::to_string).collect(), addresses)
    }

    #[tokio::test]
    async fn names_become_addresses_or_are_told() {
        let dns = DnsServer::start("hub.example A 192.0.2.7\nhub.example AAAA 2001:db8::7\nbad.example SERVFAIL\n");
        let lines = "O DaemonPortOptions=Addr=hub.example\nO DaemonPortOptions=Family=inet6,Addr=127.0.0.1\n\
                     O DaemonPortOptions=Addr=127.1\nO DaemonPortOptions=Family=local,Addr=/run/x\n\
                     O ClientPortOptions=Family=inet6,Addr=hub.example\nO ClientPortOptions=Addr=none.example\n\
                     O ClientPortOptions=Addr=bad.example\n";
        let (told, addresses) = settled(lines, ResolverSettings::with_servers(vec![dns.address()])).await;
        assert_eq!(
            told,
            [
                "x.cf: line 3: host \"127.0.0.1\" unknown",
                "x.cf: line 7: host \"none.example\" unknown",
                "x.cf: line 8: host \"bad.example\" unknown: Resource temporarily unavailable",
            ]
        );
        let settled = ["192.0.2.7", "127.0.0.1", "127.0.0.1", "/run/x", "2001:db8::7", "none.example", "bad.example"];
        assert_eq!(addresses, settled);
    }

    #[tokio::test]
    async fn silent_name_servers_are_not_waited_for_long() {
        // Nobody answers there, and nobody says so.
        let deaf = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let settings = ResolverSettings::with_servers(vec![deaf.local_addr().expect("bound")]);
        let lines: String = (0..9).map(|number| format!("O ClientPortOptions=Addr=a{number}.example\n")).collect();
        let (mut config, _) = cf::read(lines.as_bytes(), "x.cf", &ReadEnv::default());
        let begin = Instant::now();
        let end = begin + Duration::from_millis(50);
        let errors = settle(end, &mut config, &Services(Vec::new()), &Resolver::new(settings)).await;
        assert_eq!(errors.len(), 9, "{errors:?}");
        assert_eq!(errors[8].exit(), Some(Sysexit::OsErr));
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    }

    #[tokio::test]
    async fn services_of_clients_become_numbers() {
        let lines = b"O ClientPortOptions=Port=odd,Addr=127.0.0.1\nO ClientPortOptions=Family=inet6,Port=smtps\n\
                      O ClientPortOptions=Addr=127.0.0.2\nO DaemonPortOptions=Port=smtp\n";
        let (mut config, _) = cf::read(lines, "x.cf", &ReadEnv::default());
        let mut services = Services::of(&config);
        assert_eq!(services.0, [("smtps".into(), 465)]);
        services.0.push(("odd".into(), 99));
        let resolver = Resolver::new(ResolverSettings::with_servers(Vec::new()));
        assert!(settle(far(), &mut config, &services, &resolver).await.is_empty());
        let ports = |ports: &[PortOptions]| ports.iter().map(|port| port.port.to_string()).collect::<Vec<_>>();
        assert_eq!(ports(&config.options.client_port_options), ["99", "465", ""]);
        assert_eq!(ports(&config.options.daemon_port_options), ["smtp"]);
    }

    #[tokio::test]
    async fn services_are_told_after_hosts() {
        let env = ReadEnv { has_service: Some(|_| false), ..ReadEnv::default() };
        let text = "V10\nO DaemonPortOptions=Port=odd,Addr=[127.0.0.1],Q=1\nO ClientPortOptions=Family=1,Port=2\n";
        let (mut config, mut errors) = cf::read(text.as_bytes(), "x.cf", &env);
        let dns = DnsServer::start("");
        let resolver = Resolver::new(ResolverSettings::with_servers(vec![dns.address()]));
        errors.extend(settle(far(), &mut config, &Services(Vec::new()), &resolver).await);
        errors.sort_by_key(place);
        let told: Vec<String> = errors.iter().map(|error| format!("{} {error}", error.status_code())).collect();
        assert_eq!(
            told,
            [
                "5.3.5 x.cf: line 2: PortOptions parameter \"Q=1\" unknown",
                "5.3.0 x.cf: line 2: host \"[127.0.0.1]\" unknown",
                "5.3.5 x.cf: line 2: service \"odd\" unknown",
                "5.3.5 x.cf: line 3: Port= option unsupported for family 1",
            ]
        );
    }
}
