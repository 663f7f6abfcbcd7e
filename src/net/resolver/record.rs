//! The records that are asked for, and their texts.

use std::str::FromStr;

use bstr::BString;
use hickory_resolver::proto::rr::{RData, RecordType};

use super::name::name_text;

/// A mail exchanger.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Mx {
    /// Lower is better.
    pub preference: u16,
    /// The host, without a dot at its end; empty for the root, which a null MX names (`RFC 7505`).
    pub host: BString,
}

/// A type of record that configurations can ask for (`K… dns -RTYPE`).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RecordKind {
    /// IPv4 address.
    A,
    /// IPv6 address, as `IPv6:` and eight numbers.
    Aaaa,
    /// AFS cell's server; the host is the value.
    Afsdb,
    /// Canonical name.
    Cname,
    /// Mail exchanger; the host is the value.
    Mx,
    /// Name server.
    Ns,
    /// Name of an address.
    Ptr,
    /// Service; the target is the value.
    Srv,
    /// Text; the strings of a record are joined.
    Txt,
}

/// The text is no known type of record.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("wrong type {0:?} of DNS record (A, AAAA, AFSDB, CNAME, MX, NS, PTR, SRV or TXT)")]
pub struct BadRecordKind(String);

impl FromStr for RecordKind {
    type Err = BadRecordKind;

    fn from_str(text: &str) -> Result<Self, BadRecordKind> {
        Ok(match text.to_ascii_uppercase().as_str() {
            "A" => Self::A,
            "AAAA" => Self::Aaaa,
            "AFSDB" => Self::Afsdb,
            "CNAME" => Self::Cname,
            "MX" => Self::Mx,
            "NS" => Self::Ns,
            "PTR" => Self::Ptr,
            "SRV" => Self::Srv,
            "TXT" => Self::Txt,
            _ => return Err(BadRecordKind(text.to_owned())),
        })
    }
}

impl RecordKind {
    /// Returns the type as the DNS library names it.
    pub(super) fn record_type(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Afsdb => RecordType::Unknown(AFSDB),
            Self::Cname => RecordType::CNAME,
            Self::Mx => RecordType::MX,
            Self::Ns => RecordType::NS,
            Self::Ptr => RecordType::PTR,
            Self::Srv => RecordType::SRV,
            Self::Txt => RecordType::TXT,
        }
    }

    /// Returns the text of a record of this type.
    pub(super) fn text(self, data: &RData) -> Option<BString> {
        Some(match (self, data) {
            (Self::A, RData::A(address)) => address.0.to_string().into(),
            (Self::Aaaa, RData::AAAA(address)) => {
                // As addresses stand in rules: no zeros are left out.
                let numbers = address.0.segments().map(|number| format!("{number:x}"));
                format!("IPv6:{}", numbers.join(":")).into()
            }
            (Self::Afsdb, RData::Unknown { code, rdata }) if u16::from(*code) == AFSDB => afsdb_host(&rdata.anything)?,
            (Self::Cname, RData::CNAME(name)) => name_text(&name.0),
            (Self::Mx, RData::MX(mx)) => name_text(&mx.exchange),
            (Self::Ns, RData::NS(name)) => name_text(&name.0),
            (Self::Ptr, RData::PTR(name)) => name_text(&name.0),
            (Self::Srv, RData::SRV(srv)) => name_text(&srv.target),
            (Self::Txt, RData::TXT(txt)) => txt.txt_data.concat().into(),
            _ => return None,
        })
    }
}

/// The number of the type AFSDB, which the DNS library has no name for.
const AFSDB: u16 = 18;

/// Returns the host of an AFSDB record: labels behind a subtype of two bytes.
fn afsdb_host(data: &[u8]) -> Option<BString> {
    let mut rest = data.get(2..)?;
    let mut labels = Vec::new();
    loop {
        let (&length, after) = rest.split_first()?;
        match length {
            0 => return Some(bstr::join(".", labels).into()),
            1..=63 => {
                let (label, after) = after.split_at_checked(length.into())?;
                labels.push(label);
                rest = after;
            }
            _ => return None,
        }
    }
}
