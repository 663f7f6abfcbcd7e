//! Class `arpa`: the reverse form of an address, for a dns map to look up.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Returns the labels of `1.2.3.4` or `IPv6:…` from last to first, without the zone; `None` if it is no address.
pub(super) fn reverse(key: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(key).ok()?;
    match text.split_at_checked(5) {
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6:") => {
            let address: Ipv6Addr = address.parse().ok()?;
            let nibbles = address.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            Some(nibbles.map(|nibble| format!("{nibble:x}")).collect::<Vec<_>>().join("."))
        }
        _ => {
            let address: Ipv4Addr = text.parse().ok()?;
            let [a, b, c, d] = address.octets();
            Some(format!("{d}.{c}.{b}.{a}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &str, expected: Option<&str>) {
        assert_eq!(reverse(key.as_bytes()).as_deref(), expected);
    }

    #[test]
    fn addresses_are_reversed() {
        check("1.2.3.4", Some("4.3.2.1"));
        check("IPv6:2001:db8::77", Some("7.7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"));
        check("ipv6:::ffff:1.2.3.4", Some("4.0.3.0.2.0.1.0.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"));
    }

    #[test]
    fn everything_else_is_no_address() {
        for key in ["", "x", "1.2.3", "01.2.3.4", "256.1.1.1", "2001:db8::77", "IPv6:1.2.3.4", "[1.2.3.4]", "\u{e9}é"]
        {
            check(key, None);
        }
    }
}
