//! By which port of the daemon a client comes in.

use std::net::IpAddr;

use bstr::{BStr, BString, ByteSlice};

use crate::cf::{DaemonPort, Family};
use crate::net::services::Port;
use crate::site::Site;

/// Returns the port that is called so, or has this number or service; without a wish, the first.
///
/// # Errors
/// There is none: the text for the user.
pub(super) fn find(site: &Site, client: IpAddr, wanted: Option<&BString>) -> Result<DaemonPort, String> {
    let ports = site.config.options.daemon_ports();
    let of_client = |port: &DaemonPort| (port.family == Family::Inet6) == client.is_ipv6();
    let Some(wanted) = wanted else {
        return Ok(ports.into_iter().next().unwrap_or_default());
    };
    let named = ports.iter().find(|port| port.name.eq_ignore_ascii_case(wanted));
    let number = number(wanted);
    let mut numbered: Vec<&DaemonPort> =
        ports.iter().filter(|port| number.is_some() && self::number(&port.port) == number).collect();
    numbered.sort_by_key(|port| !of_client(port));
    named.or(numbered.first().copied()).cloned().ok_or_else(|| {
        let told = ports.iter().map(|port| format!("{} (port {})", port.name, shown(&port.port).as_bstr()));
        let told: Vec<String> = told.collect();
        format!("no port of the daemon is called {wanted} in {}; there are: {}", site.config.file, told.join(", "))
    })
}

/// Returns the number of a port that `DaemonPortOptions` or the command line names.
fn number(text: &[u8]) -> Option<u16> {
    shown(text).to_str().ok()?.parse().ok().map(|Port(number)| number)
}

/// Returns the text of a port; that of SMTP where none is written.
fn shown(port: &[u8]) -> &BStr {
    if port.is_empty() { b"25".as_bstr() } else { port.as_bstr() }
}
