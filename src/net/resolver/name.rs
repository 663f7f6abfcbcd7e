//! Names as the DNS has them, and as rules and logs do.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bstr::{BString, ByteSlice};
use hickory_resolver::proto::rr::Name;

/// Makes an absolute DNS name; `None` if a label or the whole is too long or empty.
pub(in super::super) fn absolute(name: &[u8]) -> Option<Name> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.is_empty() || has_bad_escape(name) {
        return None;
    }
    Name::from_labels(name.split_str(".").map(<[u8]>::to_vec)).ok()
}

/// Tells whether a backslash protects nothing, or a number that is no byte's: no name can be asked for with it.
fn has_bad_escape(name: &[u8]) -> bool {
    let mut rest = name;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let digits = rest[at + 1..].iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
        let number = rest[at + 1..][..digits].iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        rest = match (digits, rest.get(at + 2..)) {
            (0, Some(rest)) => rest,
            (3, _) if number <= 255 => &rest[at + 4..],
            _ => return true,
        };
    }
    false
}

/// Tells whether a name from the DNS has only what names of hosts have. Whoever owns a zone may write anything into it, and
/// rules give other characters a meaning.
pub(in super::super) fn is_host_name(name: &[u8]) -> bool {
    name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// Writes a DNS name without a dot at its end; bytes that are special or unprintable are escaped with a backslash.
pub(in super::super) fn name_text(name: &Name) -> BString {
    let mut text = BString::default();
    for label in name.iter() {
        if !text.is_empty() {
            text.push(b'.');
        }
        for byte in label {
            match byte {
                b'.' | b'"' | b';' | b'\\' | b'@' | b'$' | b'(' | b')' => text.extend([b'\\', *byte]),
                b'!'..=b'~' => text.push(*byte),
                _ => text.extend(format!("\\{byte:03}").bytes()),
            }
        }
    }
    text
}

/// Returns the absolute name below `in-addr.arpa` or `ip6.arpa` that an address has.
pub fn reverse_name(address: IpAddr) -> BString {
    match address {
        IpAddr::V4(address) => reverse_v4(address),
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or_else(|| reverse_v6(address), reverse_v4),
    }
}

/// Returns the reverse name of an IPv4 address.
fn reverse_v4(address: Ipv4Addr) -> BString {
    let [a, b, c, d] = address.octets();
    format!("{d}.{c}.{b}.{a}.in-addr.arpa.").into()
}

/// Returns the reverse name of an IPv6 address.
fn reverse_v6(address: Ipv6Addr) -> BString {
    let nibbles = address.octets().into_iter().rev().map(|byte| format!("{:x}.{:x}.", byte & 15, byte >> 4));
    format!("{}ip6.arpa.", nibbles.collect::<String>()).into()
}
