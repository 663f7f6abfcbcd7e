//! Host names in DaemonPortOptions and ClientPortOptions: looked up once, when the configuration is put to use.

use std::time::Duration;

use bstr::BString;
use tokio::time::{Instant, timeout_at};

use crate::cf::{self, CfError, Config, OptionError, Options, Port, Problem};
use crate::net::listen::ListenFamily;
use crate::net::{Answer, Family, Resolver};

/// How long all of them are waited for: every mode begins with this, also where no name server answers.
const PATIENCE: Duration = Duration::from_secs(5);

/// Puts addresses in the place of the names; returns which hosts nobody knows.
///
/// The daemon listens where its keeper says, which asks no name server but gives the same names to the same file of hosts.
pub(super) async fn settle(config: &mut Config, resolver: &Resolver) -> Vec<CfError> {
    settle_until(Instant::now() + PATIENCE, config, resolver).await
}

async fn settle_until(end: Instant, config: &mut Config, resolver: &Resolver) -> Vec<CfError> {
    let mut errors = Vec::new();
    let lists: [fn(&mut Options) -> &mut Vec<Port>; 2] =
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
async fn address(port: &Port, resolver: &Resolver) -> Result<Option<BString>, OptionError> {
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
    use super::*;
    use crate::cf::ReadEnv;
    use crate::name::Sysexit;
    use crate::net::ResolverSettings;
    use crate::net::testing::DnsServer;

    /// Returns what is told of a configuration and the addresses that its ports have afterwards.
    async fn settled(lines: &str, settings: ResolverSettings) -> (Vec<String>, Vec<String>) {
        let (mut config, errors) = cf::read(format!("V10\n{lines}").as_bytes(), "x.cf", &ReadEnv::default());
        assert!(errors.is_empty(), "{errors:?}");
        let errors = settle(&mut config, &Resolver::new(settings)).await;
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
        let errors = settle_until(begin + Duration::from_millis(50), &mut config, &Resolver::new(settings)).await;
        assert_eq!(errors.len(), 9, "{errors:?}");
        assert_eq!(errors[8].exit(), Some(Sysexit::OsErr));
        assert!(begin.elapsed() < PATIENCE, "{:?}", begin.elapsed());
    }

    #[tokio::test]
    async fn services_are_told_after_hosts() {
        let env = ReadEnv { has_service: Some(|_| false), ..ReadEnv::default() };
        let text = "V10\nO DaemonPortOptions=Port=odd,Addr=[127.0.0.1],Q=1\nO ClientPortOptions=Family=1,Port=2\n";
        let (mut config, mut errors) = cf::read(text.as_bytes(), "x.cf", &env);
        let dns = DnsServer::start("");
        let resolver = Resolver::new(ResolverSettings::with_servers(vec![dns.address()]));
        errors.extend(settle(&mut config, &resolver).await);
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
