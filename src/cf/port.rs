//! Where the daemon listens and where its own connections come from (op guide, "DaemonPortOptions", "ClientPortOptions").

use bstr::BString;

use super::choice::DeliveryMode;
use super::error::OptionError;
use super::options::Options;
use super::text;

/// The family of addresses of a port.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Family {
    /// IPv4.
    #[default]
    Inet,
    /// IPv6.
    Inet6,
    /// A socket in the file system.
    Local,
}

impl Family {
    /// Returns the name as `${daemon_family}` has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Inet6 => "inet6",
            Self::Local => "local",
        }
    }

    /// Reads the value of `Family=`: a name, or the number that a system has for it (inet6: Linux 10, FreeBSD 28).
    fn parse(name: &[u8]) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_slice() {
            b"inet" | b"2" => Self::Inet,
            b"inet6" | b"10" | b"28" => Self::Inet6,
            b"local" | b"unix" | b"1" => Self::Local,
            _ => return None,
        })
    }
}

/// The flags of a port (`Modifier=`): one letter each.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PortFlags(BString);

impl PortFlags {
    /// Tells whether the flag `letter` is set.
    pub fn contains(&self, letter: u8) -> bool {
        self.0.contains(&letter)
    }

    /// Returns the letters, as written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the value of `${daemon_flags}`: the letters apart, capitals doubled (`EE a`).
    pub fn to_macro(&self) -> BString {
        let mut words: Vec<BString> = Vec::new();
        for &letter in self.0.iter() {
            let times = if letter.is_ascii_uppercase() { 2 } else { 1 };
            words.push(vec![letter; times].into());
        }
        bstr::join(" ", words).into()
    }
}

/// One listener, or the source of outgoing connections of one family.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Port {
    /// The name for logs and `${daemon_name}`; `Daemon0` … when none is given.
    pub name: BString,
    /// A number or the name of a service; empty: `smtp` for a listener, any for a client.
    pub port: BString,
    /// An address, a host name, or the path of a local socket; empty: every address.
    pub address: BString,
    /// The family of addresses.
    pub family: Family,
    /// Single-letter flags.
    pub flags: PortFlags,
    /// How many connections may wait to be accepted.
    pub backlog: Option<i64>,
    /// The size of the TCP send buffer; zero: the system's.
    pub send_buffer_bytes: i64,
    /// The size of the TCP receive buffer; zero: the system's.
    pub receive_buffer_bytes: i64,
    /// The milters of this port; `None`: those of `InputMailFilters`.
    pub filters: Option<Vec<BString>>,
    /// The limit of concurrent sessions of this port.
    pub children_max: Option<i64>,
    /// The delivery mode of mail that came in here.
    pub delivery_mode: Option<DeliveryMode>,
    /// The load average at which connections are refused.
    pub refuse_load: Option<i64>,
    /// The load average at which answers are delayed.
    pub delay_load: Option<i64>,
    /// The load average at which mail is only queued.
    pub queue_load: Option<i64>,
}

impl Options {
    /// Returns where the daemon listens: as `DaemonPortOptions` says, else on the port of SMTP at every IPv4 address.
    pub fn daemon_ports(&self) -> Vec<DaemonPort> {
        let mut ports = self.daemon_port_options.clone();
        if ports.is_empty() {
            ports.push(DaemonPort::default());
        }
        for (place, port) in ports.iter_mut().enumerate().filter(|(_, port)| port.name.is_empty()) {
            port.name = format!("Daemon{place}").into();
        }
        ports
    }
}

/// A listener.
pub type DaemonPort = Port;
/// The source of outgoing connections.
pub type ClientPort = Port;

impl Port {
    /// Reads `Name=MTA, Port=25, M=E`; problems are added to `problems` and the rest still counts.
    pub fn parse(value: &[u8], for_daemon: bool, problems: &mut Vec<OptionError>) -> Self {
        let mut port = Self::default();
        for part in text::comma_fields(value) {
            // QUIRK(port-without-value): a key without `=` is passed over in silence.
            let Some((key, rest)) = text::split_key(part) else { continue };
            port.set(key, rest, for_daemon, part, problems);
        }
        port
    }

    /// Sets the field whose name begins with the letter of `key`.
    fn set(&mut self, key: &[u8], value: &[u8], for_daemon: bool, part: &[u8], problems: &mut Vec<OptionError>) {
        match (key.first().copied().unwrap_or(0), for_daemon) {
            (b'A' | b'a', _) => self.address = value.into(),
            (b'P' | b'p', _) => self.port = value.into(),
            (b'F' | b'f', _) => match Family::parse(value) {
                Some(family) => self.family = family,
                None => problems.push(OptionError::AddressFamily(value.into())),
            },
            (b'M' | b'm', _) => {
                self.flags =
                    PortFlags(value.iter().filter(|b| b.is_ascii_alphabetic()).copied().collect::<Vec<_>>().into())
            }
            (b'N' | b'n', _) => self.name = value.into(),
            (b'R', _) => self.receive_buffer_bytes = text::number(value),
            (b'S' | b's', _) => self.send_buffer_bytes = text::number(value),
            (b'r', false) => self.receive_buffer_bytes = text::number(value),
            (b'r', true) => self.refuse_load = Some(text::number(value)),
            (b'L' | b'l', true) => self.backlog = Some(text::number(value)),
            (b'I' | b'i', true) => self.filters = Some(text::words(value, b";")),
            (b'C' | b'c', true) => self.children_max = Some(text::number(value)),
            (b'D', true) => match value.first().and_then(|letter| DeliveryMode::from_letter(*letter)) {
                Some(mode) => self.delivery_mode = Some(mode),
                None => problems.push(OptionError::PortDeliveryMode(value.into())),
            },
            (b'd', true) => self.delay_load = Some(text::number(value)),
            (b'q', true) => self.queue_load = Some(text::number(value)),
            (_, true) => problems.push(OptionError::PortParameter(part.into())),
            (_, false) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parse(value: &str) -> Port {
        let mut problems = Vec::new();
        let port = Port::parse(value.as_bytes(), true, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        port
    }

    #[test]
    fn fields_go_by_their_first_letter() {
        let port =
            parse("Name=MSA, Port=587, M=Ea, Family=inet6, Listen=5, children=3, refuseLA=7, InputMailFilters=a;b");
        assert_eq!(
            (port.name.as_slice(), port.port.as_slice(), port.family),
            (&b"MSA"[..], &b"587"[..], Family::Inet6)
        );
        assert!(port.flags.contains(b'E') && !port.flags.contains(b'O'));
        assert_eq!(port.flags.to_macro(), "EE a");
        assert_eq!((port.backlog, port.children_max, port.refuse_load), (Some(5), Some(3), Some(7)));
        assert_eq!(port.filters, Some(vec!["a".into(), "b".into()]));
    }

    #[test]
    fn unknown_fields_are_told() {
        let mut problems = Vec::new();
        Port::parse(b"Q=1, Family=foo", true, &mut problems);
        let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["PortOptions parameter \"Q=1\" unknown", "Unknown address family foo in Family=option"]);
    }
}
