//! What a server offers in its answer to EHLO or LHLO.

use bstr::{BString, ByteSlice};

use crate::mail::reply::Reply;

/// The extensions of a server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Capabilities {
    /// The server answered EHLO or LHLO.
    pub extended: bool,
    /// `SIZE` (`RFC 1870`); the limit in bytes, 0 if it tells none.
    pub size: Option<u64>,
    /// `8BITMIME` (`RFC 6152`).
    pub eight_bit: bool,
    /// `DSN` (`RFC 3461`).
    pub dsn: bool,
    /// `PIPELINING` (`RFC 2920`).
    pub pipelining: bool,
    /// `ENHANCEDSTATUSCODES` (`RFC 2034`).
    pub enhanced_status: bool,
    /// `STARTTLS` (`RFC 3207`).
    pub start_tls: bool,
    /// `DELIVERBY` (`RFC 2852`); the shortest time in seconds, 0 if it tells none.
    pub deliver_by: Option<i64>,
    /// `SMTPUTF8` (`RFC 6531`).
    pub smtputf8: bool,
    /// `AUTH` (`RFC 4954`): the mechanisms, in the order of the server; `None` without AUTH.
    pub auth: Option<Vec<BString>>,
}

impl Capabilities {
    /// Reads the answer to EHLO or LHLO; lines that mean nothing to us are passed over.
    pub fn of(reply: &Reply) -> Self {
        let mut capabilities = Self { extended: true, ..Self::default() };
        for line in reply.lines.iter().skip(1) {
            capabilities.add(line);
        }
        capabilities
    }

    /// Takes in one line.
    fn add(&mut self, line: &[u8]) {
        let mut words = line.fields();
        let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
        let number = |words: &mut dyn Iterator<Item = &[u8]>| {
            words.next().and_then(|word| word.to_str().ok()?.parse::<u64>().ok())
        };
        match keyword.as_slice() {
            b"SIZE" => self.size = Some(number(&mut words).unwrap_or(0)),
            b"8BITMIME" => self.eight_bit = true,
            b"DSN" => self.dsn = true,
            b"PIPELINING" => self.pipelining = true,
            b"ENHANCEDSTATUSCODES" => self.enhanced_status = true,
            b"STARTTLS" => self.start_tls = true,
            b"DELIVERBY" => {
                self.deliver_by = Some(number(&mut words).and_then(|secs| i64::try_from(secs).ok()).unwrap_or(0))
            }
            b"SMTPUTF8" => self.smtputf8 = true,
            b"AUTH" => self.auth = Some(words.map(BString::from).collect()),
            // The old form, which some servers still send beside the new one.
            _ if keyword.starts_with(b"AUTH=") && self.auth.is_none() => {
                self.auth = Some(words.map(BString::from).collect())
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_read_without_case() {
        let lines =
            ["mx.example.com Hello", "size 1000", "8bitmime", "DSN", "AUTH PLAIN LOGIN", "X-UNKNOWN y", "DELIVERBY"];
        let offered = Capabilities::of(&Reply::of_lines(250, None, lines.map(BString::from).into()));
        let auth = Some(vec!["PLAIN".into(), "LOGIN".into()]);
        let expected = Capabilities {
            extended: true,
            size: Some(1000),
            eight_bit: true,
            dsn: true,
            deliver_by: Some(0),
            auth,
            ..Capabilities::default()
        };
        assert_eq!(offered, expected);
    }
}
