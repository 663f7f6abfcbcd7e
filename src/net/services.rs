//! Ports by number or by the name of a service.

use std::str::FromStr;

use bstr::ByteSlice as _;

use crate::sys::host;

/// Services that are known without asking the system, which in a chroot could not answer.
const SERVICES: &[(&str, u16)] = &[
    ("smtp", 25),
    ("mail", 25),
    ("smtps", 465),
    ("submissions", 465),
    ("ssmtp", 465),
    ("submission", 587),
    ("lmtp", 24),
];

/// A port by number or by the name of a service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Port(pub u16);

/// The text is no port.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("service {0:?} unknown: give the number of the port, or add the name to /etc/services")]
pub struct BadPort(String);

impl FromStr for Port {
    type Err = BadPort;

    /// Reads a number, a built-in name, or one of services(5), which a process in an empty root has not.
    fn from_str(text: &str) -> Result<Self, BadPort> {
        if text.starts_with(|first: char| first.is_ascii_digit())
            && let Ok(number) = text.parse()
        {
            return Ok(Self(number));
        }
        let built_in = SERVICES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, port)| *port);
        built_in.or_else(|| host::service_port(text.as_bytes())).map(Self).ok_or_else(|| BadPort(text.to_owned()))
    }
}

/// Tells whether a service has a port.
pub fn is_service(name: &[u8]) -> bool {
    name.to_str().is_ok_and(|name| name.parse::<Port>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_known_by_name_and_number() {
        assert_eq!("smtp".parse(), Ok(Port(25)));
        assert_eq!("Submission".parse(), Ok(Port(587)));
        assert_eq!("2525".parse(), Ok(Port(2525)));
        assert!("70000".parse::<Port>().is_err());
        assert!(["", "+25", "-1", "no-such-service"].iter().all(|name| !is_service(name.as_bytes())));
        assert!(is_service(b"smtp"));
        // Where the system has a list, this is in it.
        if host::service_port(b"pop3").is_some() {
            assert_eq!("pop3".parse(), Ok(Port(110)));
        }
    }
}
