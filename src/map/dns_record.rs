//! The record types that a dns map can ask for.

use std::fmt;

/// A record type, `-R` of a dns map.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(missing_docs, reason = "the names are those of the DNS")]
pub enum DnsRecord {
    #[default]
    A,
    Aaaa,
    Afsdb,
    Cname,
    Mx,
    Ns,
    Ptr,
    Srv,
    Tlsa,
    Txt,
}

impl DnsRecord {
    const NAMES: [(DnsRecord, &str); 10] = [
        (DnsRecord::A, "A"),
        (DnsRecord::Aaaa, "AAAA"),
        (DnsRecord::Afsdb, "AFSDB"),
        (DnsRecord::Cname, "CNAME"),
        (DnsRecord::Mx, "MX"),
        (DnsRecord::Ns, "NS"),
        (DnsRecord::Ptr, "PTR"),
        (DnsRecord::Srv, "SRV"),
        (DnsRecord::Tlsa, "TLSA"),
        (DnsRecord::Txt, "TXT"),
    ];

    /// Reads the name of a type, in any case.
    pub fn parse(name: &[u8]) -> Option<DnsRecord> {
        Self::NAMES.iter().find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name)).map(|(record, _)| *record)
    }
}

impl fmt::Display for DnsRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, name) = Self::NAMES[*self as usize];
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_prints_the_name_it_is_read_from() {
        for (record, name) in DnsRecord::NAMES {
            assert_eq!(record.to_string(), name);
            assert_eq!(DnsRecord::parse(name.to_ascii_lowercase().as_bytes()), Some(record));
        }
        assert_eq!(DnsRecord::parse(b"ANY"), None);
    }
}
