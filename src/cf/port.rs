//! Where the daemon listens and where its own connections come from (op guide, "DaemonPortOptions", "ClientPortOptions").

use bstr::BString;

use super::choice::DeliveryMode;
use super::error::OptionError;
use super::options::Options;
use super::text;
use crate::name::CSpace as _;

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
    /// One that only the system could know, by its number: no address and no port can be given.
    Other(u16),
}

impl Family {
    /// Returns the name as `${daemon_family}` has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Inet6 => "inet6",
            Self::Local => "local",
            Self::Other(_) => "unknown",
        }
    }

    /// Reads the value of `Family=`: a name, or the number that a system has for it (inet6: Linux 10, FreeBSD 28).
    fn parse(name: &[u8]) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_slice() {
            b"inet" => Self::Inet,
            b"inet6" => Self::Inet6,
            b"local" | b"unix" => Self::Local,
            [b'0'..=b'9', ..] => match last_bits(text::number(name)) {
                1 => Self::Local,
                2 => Self::Inet,
                10 | 28 => Self::Inet6,
                number => Self::Other(number),
            },
            _ => return None,
        })
    }

    /// Returns the number of a family that has no ports.
    const fn without_ports(self) -> Option<u16> {
        match self {
            Self::Inet | Self::Inet6 => None,
            Self::Local => Some(1),
            Self::Other(number) => Some(number),
        }
    }
}

/// Returns the last sixteen bits of a number: all that the system's structures have room for.
fn last_bits(number: i64) -> u16 {
    let [.., high, low] = number.to_be_bytes();
    u16::from_be_bytes([high, low])
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
pub struct PortOptions {
    /// The name for logs and `${daemon_name}`; `Daemon0` … when none is given.
    pub name: BString,
    /// The line of the file; zero for the command line and for what nobody has written.
    pub line: usize,
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
    /// Returns what DirectSubmissionModifiers makes of `${daemon_flags}` for mail from the command line, if it is set.
    pub fn direct_submission_flags(&self) -> Option<BString> {
        let letters = |text: &BString| text.iter().filter(|byte| !byte.is_c_space()).copied().collect::<Vec<_>>();
        self.direct_submission_modifiers.as_ref().map(|text| PortFlags(letters(text).into()).to_macro())
    }

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
pub type DaemonPort = PortOptions;
/// The source of outgoing connections.
pub type ClientPort = PortOptions;

impl PortOptions {
    /// Reads `Name=MTA, Port=25, M=E`; problems are added to `problems` and the rest still counts.
    pub fn parse(value: &[u8], for_daemon: bool, problems: &mut Vec<OptionError>) -> Self {
        let mut port = Self::default();
        let (mut has_address, mut has_port) = (false, false);
        for part in text::comma_fields(value) {
            // QUIRK(port-without-value): a key without `=` is passed over in silence.
            let Some((key, rest)) = text::split_key(part) else { continue };
            let letter = key.first().copied().unwrap_or(0);
            has_address |= letter.eq_ignore_ascii_case(&b'a');
            has_port |= letter.eq_ignore_ascii_case(&b'p');
            port.set(letter, rest, for_daemon, part, problems);
        }
        match port.family {
            Family::Other(number) if has_address => problems.push(OptionError::AddressOfFamily(number)),
            Family::Inet | Family::Inet6 if has_address && port.address.is_empty() => {
                problems.push(OptionError::UnknownHost(b"".as_slice().into()));
            }
            _ => {}
        }
        match port.family.without_ports() {
            Some(number) if has_port => problems.push(OptionError::PortOfFamily(number)),
            None if has_port && port.port.is_empty() => {
                problems.push(OptionError::UnknownService(b"".as_slice().into()));
            }
            _ => {}
        }
        port
    }

    /// Returns the name of the service that stands in the place of a number.
    pub fn service(&self) -> Option<&BString> {
        let has_name = self.port.first().is_some_and(|byte| !byte.is_ascii_digit());
        (has_name && self.family.without_ports().is_none()).then_some(&self.port)
    }

    /// Sets the field whose name begins with `letter`.
    fn set(&mut self, letter: u8, value: &[u8], for_daemon: bool, part: &[u8], problems: &mut Vec<OptionError>) {
        match letter {
            b'A' | b'a' => self.address = value.into(),
            b'P' | b'p' => self.port = port_text(value),
            b'F' | b'f' => match Family::parse(value) {
                Some(family) => self.family = family,
                None => problems.push(OptionError::AddressFamily(value.into())),
            },
            b'M' | b'm' => {
                self.flags =
                    PortFlags(value.iter().filter(|b| b.is_ascii_alphabetic()).copied().collect::<Vec<_>>().into())
            }
            b'N' | b'n' => self.name = value.into(),
            b'R' => self.receive_buffer_bytes = text::number(value),
            b'S' | b's' => self.send_buffer_bytes = text::number(value),
            b'r' if !for_daemon => self.receive_buffer_bytes = text::number(value),
            b'r' => self.refuse_load = Some(text::number(value)),
            b'L' | b'l' => self.backlog = Some(text::number(value)),
            b'I' | b'i' => self.filters = Some(text::words(value, b";")),
            b'c' => self.children_max = Some(text::number(value)),
            b'D' => match value.first().and_then(|letter| DeliveryMode::from_letter(*letter)) {
                Some(mode) => self.delivery_mode = Some(mode),
                None => problems.push(OptionError::PortDeliveryMode(value.into())),
            },
            b'd' => self.delay_load = Some(text::number(value)),
            b'q' => self.queue_load = Some(text::number(value)),
            _ => problems.push(OptionError::PortParameter(part.into())),
        }
    }
}

/// Reads the value of `Port=`.
///
// QUIRK(port-number): a number ends at the first other character, and only its last sixteen bits count.
fn port_text(value: &[u8]) -> BString {
    match value.first() {
        Some(b'0'..=b'9') => last_bits(text::number(value)).to_string().into(),
        _ => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parse(value: &str) -> PortOptions {
        let mut problems = Vec::new();
        let port = PortOptions::parse(value.as_bytes(), true, &mut problems);
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
        PortOptions::parse(b"Q=1, Family=foo", true, &mut problems);
        let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["PortOptions parameter \"Q=1\" unknown", "Unknown address family foo in Family=option"]);
    }

    #[track_caller]
    fn problems(value: &str, expected: &[&str]) {
        for for_daemon in [true, false] {
            let mut problems = Vec::new();
            PortOptions::parse(value.as_bytes(), for_daemon, &mut problems);
            let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(texts, expected, "{value}");
        }
    }

    #[test]
    fn fields_that_do_not_fit_are_told() {
        problems("Addr=, Port=", &["host \"\" unknown", "service \"\" unknown"]);
        problems("Family=local, Port=25, Addr=/run/x", &["Port= option unsupported for family 1"]);
        problems(
            "Family=6, Addr=::1, Port=25",
            &["address= option unsupported for family 6", "Port= option unsupported for family 6"],
        );
        problems("Family=6", &[]);
        problems("Family=999999999999, Port=1", &["Port= option unsupported for family 4095"]);
        problems("Family=2x, Addr=127.0.0.1", &[]);
        problems("D=", &["Unknown delivery mode "]);
        problems("C=1, =x", &["PortOptions parameter \"C=1\" unknown", "PortOptions parameter \"=x\" unknown"]);
        problems("c=1, q=1, d=1, L=1, I=x, D=i, M, Name==x", &[]);
    }

    #[test]
    fn a_port_is_a_number_up_to_the_first_other_character() {
        assert_eq!(parse("Port=2001x").port, "2001");
        assert_eq!(parse("Port=02001").port, "2001");
        assert_eq!(parse("Port=67537").port, "2001");
        assert_eq!((parse("Port=25").service(), parse("Port=-1").service()), (None, Some(&"-1".into())));
    }
}
