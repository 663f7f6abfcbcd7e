//! The listening sockets that the keeper holds for as long as it lives.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};

use crate::cf::{CfError, Config, DaemonPort, Family, OptionError};
use crate::net::Hosts;
use crate::net::listen::{ListenAddress, ListenError, ListenFamily, listen, listen_beside};
use crate::net::services::Port;

/// The system's list of hosts.
const HOSTS_FILE: &str = "/etc/hosts";

/// How long a start waits for a predecessor that is ending.
const PREDECESSOR_WAIT: Duration = Duration::from_secs(10);

/// How often it looks meanwhile.
const PREDECESSOR_LOOK: Duration = Duration::from_millis(50);

/// A listening socket.
#[derive(Debug)]
pub struct OpenPort {
    /// Which of DaemonPortOptions it is.
    pub index: u16,
    /// Where it was asked to listen; port 0 stands here as such.
    pub address: SocketAddr,
    /// The socket.
    pub listener: TcpListener,
}

/// A port of the configuration cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The system's list of hosts does not have the name of `Addr=`. DNS is not asked: the keeper is root and reads no byte
    /// from the network.
    #[error("{0}: write its address, or add it to {HOSTS_FILE}")]
    UnknownHost(Box<CfError>),
    /// `Port=` or `Family=` is of no use to a daemon.
    #[error("DaemonPortOptions {name}: {text}")]
    Useless {
        /// `Name=` of the port.
        name: BString,
        /// What is wrong.
        text: String,
    },
    /// It cannot be listened on.
    #[error("DaemonPortOptions {name}: {error}{holder}")]
    Listen {
        /// `Name=` of the port.
        name: BString,
        /// Why.
        error: ListenError,
        /// Which process has it, where that is known.
        holder: String,
    },
}

/// Opens the ports of `config`, taking what is there already out of `held`.
///
/// # Errors
/// One of them cannot be opened; a port that others hold is waited for first.
pub fn open(config: &Config, held: &[OpenPort]) -> Result<Vec<OpenPort>, PortError> {
    let declared = config.options.daemon_ports();
    let end = Instant::now() + PREDECESSOR_WAIT;
    let mut open: Vec<OpenPort> = Vec::new();
    let mut passed_over = None;
    let mut places = declared.iter().map(|port| place(config, port)).collect::<Result<Vec<_>, _>>()?;
    let of_ipv4: Vec<u16> =
        places.iter().filter(|place| place.socket_address().is_ipv4()).map(|place| place.port).collect();
    for (index, (port, place)) in (0..).zip(declared.iter().zip(&mut places)) {
        place.takes_ipv4 = !of_ipv4.contains(&place.port);
        let address = place.socket_address();
        let same = held.iter().find(|held| held.address == address).and_then(|held| held.listener.try_clone().ok());
        match same.map_or_else(|| open_one(place, held, end), Ok) {
            Ok(listener) => open.push(OpenPort { index, address, listener }),
            Err(error) => {
                let holder = if error.is_in_use() { holder_text(place.port) } else { String::new() };
                let error = PortError::Listen { name: port.name.clone(), error, holder };
                // A port with M=O may be missing, for instance one for IPv6 where there is none.
                if !port.flags.contains(b'O') {
                    return Err(error);
                }
                passed_over = Some(error);
            }
        }
    }
    match passed_over {
        Some(error) if open.is_empty() => Err(error),
        _ => Ok(open),
    }
}

/// Opens one port, perhaps beside others of ours with the same number; waits until `end` for one that is held.
fn open_one(place: &ListenAddress, ours: &[OpenPort], end: Instant) -> Result<TcpListener, ListenError> {
    let alike = ours.iter().filter(|held| place.port != 0 && held.address.port() == place.port);
    let alike: Vec<&TcpListener> = alike.map(|held| &held.listener).collect();
    loop {
        match if alike.is_empty() { listen(place) } else { listen_beside(place, &alike) } {
            Err(error) if error.is_in_use() && Instant::now() < end => thread::sleep(PREDECESSOR_LOOK),
            other => return other,
        }
    }
}

/// Reads `Port=`, `Addr=` and `Family=`.
fn place(config: &Config, port: &DaemonPort) -> Result<ListenAddress, PortError> {
    let useless = |text: String| PortError::Useless { name: port.name.clone(), text };
    let service = if port.port.is_empty() { "smtp".into() } else { port.port.to_str_lossy() };
    let number = service.parse::<Port>().map_err(|bad| useless(bad.to_string()))?.0;
    let family = match port.family {
        Family::Inet => ListenFamily::Inet,
        Family::Inet6 => ListenFamily::Inet6,
        Family::Local => return Err(useless("Family=local is not supported for listening".to_owned())),
        Family::Other(number) => return Err(useless(format!("Family={number} is not supported for listening"))),
    };
    let address = match port.address.as_slice() {
        b"" => None,
        name => Some(find_address(name, family).ok_or_else(|| {
            let problem = OptionError::UnknownHost(name.into());
            PortError::UnknownHost(config.error(port.line, problem.into()).into())
        })?),
    };
    let mut place = ListenAddress::new(family, address, number);
    let bytes = |size: i64| usize::try_from(size).ok().filter(|size| *size > 0);
    place.send_buffer_bytes = bytes(port.send_buffer_bytes);
    place.receive_buffer_bytes = bytes(port.receive_buffer_bytes);
    place.backlog = port.backlog.and_then(|len| i32::try_from(len).ok()).unwrap_or(0);
    Ok(place)
}

/// Reads an address, or a name that the system's list of hosts has.
// QUIRK(port-host)
fn find_address(name: &[u8], family: ListenFamily) -> Option<IpAddr> {
    family.literal(name).or_else(|| {
        let hosts = Hosts::parse(&std::fs::read(HOSTS_FILE).unwrap_or_default());
        let fits = |address: &IpAddr| address.is_ipv6() == (family == ListenFamily::Inet6);
        hosts.addresses(name).into_iter().find(fits)
    })
}

/// Returns ` (held by …)`, or nothing where that cannot be found out.
fn holder_text(port: u16) -> String {
    holder(port).map_or_else(String::new, |(pid, name)| format!(" (held by pid {pid}, {name})"))
}

/// Returns the id and the name of a process that listens on `port`; root sees all, others their own.
#[cfg(target_os = "linux")]
fn holder(port: u16) -> Option<(u32, String)> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let inodes: Vec<String> = tables
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|text| {
            let inodes = text.lines().filter_map(|line| listening_inode(line, port));
            inodes.map(|inode| format!("socket:[{inode}]")).collect::<Vec<_>>()
        })
        .collect();
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let Ok(pid) = process.file_name().to_string_lossy().parse() else { continue };
        let Ok(descriptors) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let has = |target: std::path::PathBuf| inodes.iter().any(|inode| target.as_os_str() == inode.as_str());
        if descriptors.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok()).any(has) {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some((pid, name.trim_end().to_owned()));
        }
    }
    None
}

/// Returns the id and the name of a process that listens on `port`: only the system's own tools know here.
#[cfg(not(target_os = "linux"))]
fn holder(_port: u16) -> Option<(u32, String)> {
    None
}

/// Reads a line of proc_net_tcp(5): the inode if it is a listening socket on `port`.
#[cfg(target_os = "linux")]
fn listening_inode(line: &str, port: u16) -> Option<&str> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let local = fields.next()?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?;
    let listens = state == "0A" && local.ends_with(&format!(":{port:04X}"));
    listens.then_some(inode)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(ports: &[DaemonPort]) -> Config {
        let mut config = Config::default();
        config.options.daemon_port_options = ports.to_vec();
        config
    }

    fn port(number: u16) -> DaemonPort {
        DaemonPort {
            name: "MTA".into(),
            port: number.to_string().into(),
            address: "127.0.0.1".into(),
            ..DaemonPort::default()
        }
    }

    #[test]
    fn a_port_that_is_held_already_is_kept() {
        let first = open(&config(&[port(0)]), &[]).expect("opened");
        let second = open(&config(&[port(0)]), &first).expect("opened");
        let number = |ports: &[OpenPort]| ports[0].listener.local_addr().expect("bound").port();
        assert_eq!(number(&first), number(&second));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_holder_of_a_port_is_named() {
        let taken = open(&config(&[port(0)]), &[]).expect("opened");
        let number = taken[0].listener.local_addr().expect("bound").port();
        assert_eq!(holder(number).map(|(pid, _)| pid), Some(std::process::id()));
        let error = open_one(&place(&Config::default(), &port(number)).expect("a place"), &[], Instant::now())
            .expect_err("taken");
        assert!(error.is_in_use());
    }

    #[test]
    fn an_optional_port_may_be_missing_but_not_all() {
        let mut problems = Vec::new();
        let missing = DaemonPort::parse(b"Name=6, Addr=198.51.100.1, Port=0, M=O", true, &mut problems);
        let opened = open(&config(&[missing.clone(), port(0)]), &[]).expect("the other is there");
        assert_eq!(opened.iter().map(|port| port.index).collect::<Vec<_>>(), [1]);
        let error = open(&config(&[missing]), &[]).expect_err("nothing is left").to_string();
        assert!(error.contains("this host has no such address"), "{error}");
    }

    #[test]
    fn names_that_mean_nothing_are_told() {
        let bad = DaemonPort { port: "no-such-service".into(), ..port(0) };
        let error = open(&config(&[bad]), &[]).expect_err("unknown").to_string();
        assert!(error.starts_with("DaemonPortOptions MTA: service \"no-such-service\" unknown"), "{error}");
        let bad = DaemonPort { address: "::1".into(), line: 7, ..port(0) };
        let config = Config { file: "x.cf".into(), ..config(&[bad]) };
        let error = open(&config, &[]).expect_err("unknown").to_string();
        assert!(error.starts_with("x.cf: line 7: host \"::1\" unknown"), "{error}");
    }

    #[test]
    fn addresses_are_read_without_brackets() {
        assert_eq!(find_address(b"IPv6:::1", ListenFamily::Inet6), Some(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16])));
        assert_eq!(find_address(b"127.0.0.1", ListenFamily::Inet), Some(IpAddr::from([127, 0, 0, 1])));
        assert_eq!(find_address(b"localhost", ListenFamily::Inet), Some(IpAddr::from([127, 0, 0, 1])));
        assert_eq!(find_address(b"[127.0.0.1]", ListenFamily::Inet), None);
    }
}
