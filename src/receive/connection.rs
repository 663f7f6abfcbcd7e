//! Who is at the other end, and by which names (the macros `$_`, `${client_name}` and their kin).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bstr::{BString, ByteSlice};
use nix::sys::socket::AddressFamily;

use crate::cf::{self, DaemonPort};
use crate::net::{Answer, Family, Resolver};
use crate::policy::Numbers;
use crate::site::{Context, Heard};

/// The longest name of a client that is kept, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// How a session's client is connected.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The other end.
    pub client: Client,
    /// The port it came in by; none under a super server and on pipes, where check_relay is not asked either.
    pub daemon: Option<DaemonPort>,
    /// Counts of connections, where they are kept.
    pub numbers: Numbers,
    /// How long the client may be silent before its first command, if it must hurry.
    pub haste: Option<Duration>,
}

/// The other end of a session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Client {
    /// A host.
    Host {
        /// Its address and port.
        peer: SocketAddr,
        /// Our address and port.
        local: SocketAddr,
    },
    /// A host whose name is told instead of looked up: nobody is there.
    Imagined {
        /// Its address and port.
        peer: SocketAddr,
        /// Our address and port.
        local: SocketAddr,
        /// Its name, taken as verified.
        name: BString,
    },
    /// A local user who started us.
    User(BString),
}

/// What is known of the client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Facts {
    /// The client as texts name it (`$_`).
    pub(super) origin: BString,
    /// Its name, or its address in brackets.
    pub(super) name: BString,
    /// Its address as `${client_addr}` has it.
    pub(super) address: BString,
    /// The name that rules trust: `[address]` if it cannot be verified (`${client_name}`).
    pub(super) trusted_name: BString,
    /// The name that the address has (`${client_ptr}`).
    pub(super) pointer: BString,
    /// OK, FAIL, FORGED or TEMP (`${client_resolve}`).
    pub(super) resolve: &'static str,
    /// The name of our own address at this end (`${if_name}`); empty for none.
    pub(super) own_name: BString,
}

impl Facts {
    /// Finds out about the client.
    pub(super) async fn learn(client: &Client, resolver: &Resolver) -> Self {
        match client {
            Client::User(user) => Self::of_user(user),
            Client::Imagined { peer, name, .. } => Self::of_name(canonical(peer.ip()), name),
            Client::Host { peer, local } => {
                let own = own_name(canonical(local.ip()), resolver);
                let (facts, own_name) = tokio::join!(Self::of_host(canonical(peer.ip()), resolver), own);
                Self { own_name, ..facts }
            }
        }
    }

    fn of_name(ip: IpAddr, name: &BString) -> Self {
        let address = address_text(ip);
        let origin = format!("{name} [{address}]").into();
        let (trusted_name, pointer) = (name.clone(), name.clone());
        Self { origin, name: name.clone(), address, trusted_name, pointer, resolve: "OK", own_name: BString::default() }
    }

    fn of_user(user: &BString) -> Self {
        let origin = BString::from(format!("{user}@localhost"));
        let name = BString::from("localhost");
        Self {
            origin,
            address: "127.0.0.1".into(),
            trusted_name: name.clone(),
            pointer: name.clone(),
            name,
            resolve: "OK",
            own_name: BString::default(),
        }
    }

    /// Looks up the name of an address and checks that the name has this address.
    async fn of_host(ip: IpAddr, resolver: &Resolver) -> Self {
        let address = address_text(ip);
        let bracketed = BString::from(format!("[{address}]"));
        let (pointer, resolve) = match resolver.ptr(ip).await {
            Answer::Found(names) => match names.into_iter().next() {
                Some(name) => {
                    let verified = has_address(resolver, &name, ip).await;
                    (clipped(&name), if verified { "OK" } else { "FORGED" })
                }
                None => (bracketed.clone(), "FAIL"),
            },
            Answer::TempFail(_) => (bracketed.clone(), "TEMP"),
            Answer::NotFound | Answer::NoData => (bracketed.clone(), "FAIL"),
        };
        let origin = match resolve {
            "OK" => format!("{pointer} {bracketed}"),
            "FORGED" => format!("{pointer} {bracketed} (may be forged)"),
            _ => bracketed.to_string(),
        };
        let trusted_name = if resolve == "OK" { pointer.clone() } else { bracketed };
        let own_name = BString::default();
        Self { origin: origin.into(), name: pointer.clone(), address, trusted_name, pointer, resolve, own_name }
    }

    /// Tells who looks on what the name service says of the client.
    pub(super) fn tell(&self, ctx: &mut Context) {
        let (question, answer) = (format!("name of {}", self.address), format!("{} ({})", self.pointer, self.resolve));
        ctx.hear(Heard::Asked { question: &question, answer: &answer });
    }

    /// Sets the macros that tell of the client and of our end.
    pub(super) fn publish(&self, connection: &Connection, ctx: &mut Context) {
        ctx.set("_", self.origin.clone());
        ctx.set("client_addr", self.address.clone());
        ctx.set("client_name", self.trusted_name.clone());
        if let Client::Host { peer, .. } | Client::Imagined { peer, .. } = &connection.client {
            ctx.set("client_port", peer.port().to_string());
        }
        match &connection.daemon {
            Some(port) => {
                ctx.set("client_ptr", self.pointer.clone());
                ctx.set("client_resolve", self.resolve);
                let numbers = connection.numbers;
                ctx.set("client_rate", numbers.client_rate.to_string());
                ctx.set("client_connections", numbers.client_connections.to_string());
                ctx.set("total_rate", numbers.total_rate.to_string());
                self.publish_port(port, connection, ctx);
            }
            // QUIRK(bs-without-resolve): without a daemon the original does not set ${client_resolve}; of a client it tells
            // the name that its address has, of a local user nothing but an address that none is.
            None => {
                ctx.set("daemon_flags", "c u");
                if let Client::User(_) = &connection.client {
                    ctx.set("client_addr", "0");
                    ctx.set("client_name", "");
                } else {
                    ctx.set("client_ptr", self.pointer.clone());
                }
            }
        }
    }

    /// Sets the macros that tell of the port.
    fn publish_port(&self, port: &DaemonPort, connection: &Connection, ctx: &mut Context) {
        ctx.set("daemon_name", port.name.clone());
        ctx.set("daemon_flags", port.flags.to_macro());
        ctx.set("daemon_family", port.family.as_str());
        let (Client::Host { local, .. } | Client::Imagined { local, .. }) = &connection.client else { return };
        let address = canonical(local.ip());
        let any = if port.family == cf::Family::Inet6 { "::" } else { "0.0.0.0" };
        let bound = if port.address.is_empty() { any.into() } else { port.address.to_str_lossy() };
        let text = bound.parse().map_or_else(|_| port.address.clone(), address_text);
        ctx.set("daemon_addr", text);
        ctx.set("daemon_port", local.port().to_string());
        // QUIRK(if-family): the system's number of the family, where daemon_family has its name.
        let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        ctx.set("if_family", (family as i32).to_string());
        if !self.own_name.is_empty() {
            ctx.set("if_name", self.own_name.clone());
            ctx.set("if_addr", address_text(address));
        }
    }
}

/// Returns the name of an address of ours, or the address in brackets; nothing for the loopback interface.
async fn own_name(address: IpAddr, resolver: &Resolver) -> BString {
    if address.is_loopback() {
        return BString::default();
    }
    let name = match resolver.ptr(address).await {
        Answer::Found(names) => names.into_iter().next(),
        _ => None,
    };
    name.map_or_else(|| format!("[{}]", address_text(address)).into(), |name| clipped(&name))
}

/// Tells whether a name has an address.
async fn has_address(resolver: &Resolver, name: &[u8], ip: IpAddr) -> bool {
    let family = if ip.is_ipv4() { Family::V4 } else { Family::V6 };
    match resolver.addresses(name, family).await {
        Answer::Found(addresses) => addresses.into_iter().any(|address| canonical(address) == ip),
        _ => false,
    }
}

/// Returns a name without a final dot and without what is too long.
fn clipped(name: &[u8]) -> BString {
    let name = name.strip_suffix(b".").unwrap_or(name);
    name[..name.len().min(NAME_BYTES_MAX)].as_bstr().to_owned()
}

/// Returns an IPv4 address for one that is mapped into IPv6.
fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

/// Writes an address as `${client_addr}` has it: IPv6 in full and with a prefix.
pub fn address_text(ip: IpAddr) -> BString {
    match ip {
        IpAddr::V4(address) => address.to_string().into(),
        IpAddr::V6(address) => {
            let parts: Vec<String> = address.segments().iter().map(|part| format!("{part:x}")).collect();
            format!("IPv6:{}", parts.join(":")).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_rules_expect_them() {
        assert_eq!(address_text("192.0.2.1".parse().expect("v4")), "192.0.2.1");
        assert_eq!(address_text("2001:db8::77".parse().expect("v6")), "IPv6:2001:db8:0:0:0:0:0:77");
        assert_eq!(canonical("::ffff:192.0.2.1".parse().expect("mapped")).to_string(), "192.0.2.1");
    }

    #[test]
    fn a_local_user_is_at_localhost() {
        assert_eq!(Facts::of_user(&"root".into()).origin, "root@localhost");
    }
}
