//! Addresses as texts give them, read as the C library reads them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bstr::ByteSlice as _;

use crate::name::CSpace as _;

/// What may stand before an IPv6 address (RFC 5321 §4.1.3).
const IPV6_TAG: &[u8] = b"IPv6:";

/// Reads an address of either family.
pub fn any(text: &[u8]) -> Option<IpAddr> {
    ipv4(text).map(IpAddr::from).or_else(|| ipv6(text).map(IpAddr::from))
}

/// Reads `127.0.0.1`, `127.1` or `0x7f000001`, as inet_addr(3) does: each number is a byte, but the last fills all that is
/// left; white space ends the text.
pub fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let text = text.split(u8::is_c_space).next()?.to_str().ok()?;
    let numbers: Vec<u32> = text.split('.').map(number).collect::<Option<_>>()?;
    let (last, bytes) = numbers.split_last().filter(|(_, bytes)| bytes.len() < 4)?;
    let room = 32 - 8 * u32::try_from(bytes.len()).ok()?;
    let front = bytes.iter().try_fold(0_u64, |sum, byte| (*byte < 256).then(|| sum << 8 | u64::from(*byte)))?;
    let last = Some(u64::from(*last)).filter(|last| *last < 1 << room)?;
    u32::try_from(front << room | last).ok().map(Ipv4Addr::from_bits)
}

/// Reads `2001:db8::1`, with or without `IPv6:` before it.
pub fn ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    tagged_ipv6(text).or_else(|| text.to_str().ok()?.parse().ok())
}

/// Reads `IPv6:2001:db8::1`.
pub fn tagged_ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    let (tag, rest) = text.split_at_checked(IPV6_TAG.len())?;
    rest.to_str().ok().filter(|_| tag.eq_ignore_ascii_case(IPV6_TAG))?.parse().ok()
}

/// Reads a number as C does: `0x10`, `010`, `16`.
fn number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    // A sign is none of it.
    if digits.starts_with('+') { None } else { u32::from_str_radix(digits, radix).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(any(text.as_bytes()).map_or_else(String::new, |address| address.to_string()), expected, "{text}");
    }

    #[test]
    fn addresses_are_those_of_the_c_library() {
        for text in ["127.0.0.1", "127.1", "0x7f.1 ", "0177.0.1", "2130706433", "0x7F000001", "127.0.0.1\tx"] {
            check(text, "127.0.0.1");
        }
        check("010.1.1.1", "8.1.1.1");
        check("1", "0.0.0.1");
        check("0.0.0.0", "0.0.0.0");
        check("255.255.255.255", "255.255.255.255");
        check("ipv6:2001:DB8::1", "2001:db8::1");
        check("::1", "::1");
        let bad = [
            "",
            "x",
            "127.0.0.256",
            "1.2.3.4.5",
            "1.2.3.",
            "1..2",
            "256.1",
            "08.1",
            "+1.2",
            "0x",
            " 1.2.3.4",
            "[1.2.3.4]",
            "[IPv6:::1]",
            "IPv6:127.0.0.1",
            "::1 ",
            "4294967296",
        ];
        bad.iter().for_each(|text| check(text, ""));
    }
}
