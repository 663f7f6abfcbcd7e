//! Who this host is: its names and addresses (op guide "Special macros": `j`, `w`, `m`, `k`; class `w`).

use std::net::IpAddr;
use std::time::Duration;

use bstr::{BString, ByteSlice};
use tokio::time::{Instant, timeout_at};

use crate::macros::MacroTable;
use crate::net::{Answer, Family, Resolver};
use crate::sys::host;

/// The names and addresses of this host.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Identity {
    /// The name the system has (`$k`).
    pub node: BString,
    /// The official, fully qualified name (`$j`, and `$w` until the level of a configuration shortens it).
    pub name: BString,
    /// What follows the first dot of the official name (`$m`).
    pub domain: BString,
    /// Other names of this host, as its interfaces have them.
    pub aliases: Vec<BString>,
    /// The addresses of the interfaces, and those of the official name.
    pub addresses: Vec<IpAddr>,
    /// What should be told to the postmaster: the name has no domain.
    pub complaint: Option<BString>,
}

/// The longest that this host's own name may keep a program waiting: every submission begins with it, and a dead name
/// service must not be felt.
const NAME_PATIENCE: Duration = Duration::from_millis(500);

impl Identity {
    /// Asks the system and the name service for this host's name; ends after [`NAME_PATIENCE`] whatever they do.
    pub async fn find(resolver: &Resolver) -> Self {
        let node = host::name().unwrap_or_default();
        let mut identity = Self { node: node.clone(), name: node.clone(), ..Self::default() };
        let deadline = Instant::now() + NAME_PATIENCE;
        if let Ok(Some(name)) = timeout_at(deadline, official_name(resolver, &node)).await {
            identity.name = name;
        }
        identity.name_parts();
        // A slow name service costs only the addresses that it has not told by now.
        let _ = timeout_at(deadline, identity.ask_addresses(resolver)).await;
        identity
    }

    /// Finds the other names and the addresses of this host, until `end`.
    pub async fn probe(&mut self, end: Instant, resolver: &Resolver, probe: Probe) {
        if probe == Probe::Nothing {
            return;
        }
        let asked = self.probe_interfaces(probe);
        // A slow name service costs only the names that it has not told by now.
        let _ = timeout_at(end, self.ask_names(resolver, &asked)).await;
    }

    /// Derives the domain.
    fn name_parts(&mut self) {
        match self.name.split_once_str(".") {
            Some((_, domain)) => self.domain = domain.into(),
            None => {
                self.complaint = Some(
                    format!(
                        "My unqualified host name ({}) unknown: give the host a full name in /etc/hosts or set \
                         Dj in the configuration file",
                        self.name
                    )
                    .into(),
                );
            }
        }
    }

    /// Takes in the addresses of the interfaces; returns those whose names are to be asked for.
    fn probe_interfaces(&mut self, probe: Probe) -> Vec<IpAddr> {
        let interfaces = host::interfaces().unwrap_or_default();
        let mut asked = Vec::new();
        for interface in interfaces {
            let is_special = match interface.address {
                IpAddr::V4(address) => address.is_unspecified(),
                IpAddr::V6(address) => address.is_loopback() || address.is_unspecified() || is_link_local(address),
            };
            if is_special {
                continue;
            }
            self.add_address(interface.address);
            if probe == Probe::All || !interface.is_loopback {
                asked.push(interface.address);
            }
        }
        asked
    }

    /// Adds the addresses of the official name.
    async fn ask_addresses(&mut self, resolver: &Resolver) {
        let absolute = [&self.name[..], b"."].concat();
        // QUIRK(own-addresses): a host name with IPv6 addresses does not bring its IPv4 addresses into class w.
        let mut answer = resolver.addresses(&absolute, Family::V6).await;
        if !matches!(answer, Answer::Found(_)) {
            answer = resolver.addresses(&absolute, Family::V4).await;
        }
        for address in answer.found().unwrap_or_default() {
            self.add_address(address);
        }
    }

    /// Adds the names of addresses.
    async fn ask_names(&mut self, resolver: &Resolver, addresses: &[IpAddr]) {
        for address in addresses {
            let mut names = resolver.settings().hosts.names(*address).to_vec();
            if names.is_empty() && !address.is_loopback() {
                names = resolver.ptr(*address).await.found().unwrap_or_default();
            }
            self.aliases.extend(names.into_iter().filter(|name| is_host_name(name)));
        }
    }

    /// Adds an address once.
    fn add_address(&mut self, address: IpAddr) {
        if !self.addresses.contains(&address) {
            self.addresses.push(address);
        }
    }

    /// Defines `j`, `w`, `m`, `k` and `v`, and the macros that never change, as they are before a file is read.
    pub fn define(&self, macros: &mut MacroTable) {
        macros.set("j", self.name.clone());
        macros.set("w", self.name.clone());
        if !self.domain.is_empty() {
            macros.set("m", self.domain.clone());
        }
        macros.set("k", self.node.clone());
        macros.set("v", super::VERSION);
        macros.set("n", "MAILER-DAEMON");
    }

    /// Returns what class `w` has beside the other names: the official name and the addresses.
    pub(super) fn words(&self) -> Vec<BString> {
        let mut words = vec![self.name.clone()];
        words.extend(self.addresses.iter().map(|address| literal(*address)));
        words.retain(|word| !word.is_empty());
        words
    }
}

/// The names of which interfaces are asked for (option `DontProbeInterfaces`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Probe {
    /// All of them.
    #[default]
    All,
    /// All but the loopback interface.
    NoLoopback,
    /// None of them.
    Nothing,
}

/// Returns the full name of the host called `node`.
async fn official_name(resolver: &Resolver, node: &[u8]) -> Option<BString> {
    if let Some(name) = resolver.settings().hosts.canonical(node).filter(|name| name.contains(&b'.')) {
        return Some(name.clone());
    }
    match resolver.canonify(node).await {
        Answer::Found(name) if name.contains(&b'.') && is_host_name(&name) => Some(name),
        _ => None,
    }
}

/// Tells whether a name from outside is one that may go into a class.
fn is_host_name(name: &[u8]) -> bool {
    name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// Tells whether an address is only good on its link.
fn is_link_local(address: std::net::Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}

/// Writes an address as class `w` has it: `[192.0.2.1]`, `[IPv6:2001:db8:0:0:0:0:0:1]`.
pub(super) fn literal(address: IpAddr) -> BString {
    match address {
        IpAddr::V4(address) => format!("[{address}]").into(),
        IpAddr::V6(address) => {
            let groups = address.segments().map(|group| format!("{group:x}"));
            format!("[IPv6:{}]", groups.join(":")).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_written_in_full() {
        assert_eq!(literal("2001:db8::10".parse().expect("valid")), "[IPv6:2001:db8:0:0:0:0:0:10]");
        assert_eq!(literal("192.0.2.1".parse().expect("valid")), "[192.0.2.1]");
    }

    #[test]
    fn a_name_without_a_domain_is_told() {
        let mut identity = Identity { name: "hoge".into(), ..Identity::default() };
        identity.name_parts();
        assert!(identity.complaint.is_some());
        identity.name = "hoge.foo.jp".into();
        identity.complaint = None;
        identity.name_parts();
        assert_eq!((identity.domain, identity.complaint), ("foo.jp".into(), None));
    }
}
