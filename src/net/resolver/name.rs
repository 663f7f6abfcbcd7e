//! Names as the DNS has them, and as rules and logs do.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bstr::{BString, ByteSlice};
use hickory_resolver::proto::rr::Name;

/// Makes an absolute DNS name; `None` if a label or the whole is too long or empty, or a backslash protects nothing.
pub(in super::super) fn absolute(name: &[u8]) -> Option<Name> {
    let mut labels = vec![Vec::new()];
    let mut rest = without_end(name);
    if rest.is_empty() {
        return None;
    }
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let label = labels.last_mut().expect("there is one");
        match byte {
            b'.' => labels.push(Vec::new()),
            b'\\' => {
                let (byte, after) = protected(rest)?;
                label.push(byte);
                rest = after;
            }
            _ => label.push(byte),
        }
    }
    Name::from_labels(labels).ok()
}

/// Returns the byte that a backslash before `text` stands for, itself or its number of three digits, and what follows;
/// `None` if there is none or the number is no byte's.
fn protected(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [b'0'..=b'9', ..] => {
            let (digits, rest) =
                text.split_at_checked(3).filter(|(digits, _)| digits.iter().all(u8::is_ascii_digit))?;
            Some((digits.to_str().ok()?.parse().ok()?, rest))
        }
        [byte, rest @ ..] => Some((*byte, rest)),
        [] => None,
    }
}

/// Tells whether the DNS can be asked for a name.
pub fn is_askable(name: &[u8]) -> bool {
    absolute(name).is_some()
}

/// Returns a name without the dot at its end, if that is none which a backslash protects.
pub fn without_end(name: &[u8]) -> &[u8] {
    match name.strip_suffix(b".") {
        Some(start) if start.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0 => start,
        _ => name,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backslash_protects_a_byte_or_stands_before_its_number() {
        #[track_caller]
        fn check(name: &str, labels: &[&str]) {
            let absolute = absolute(name.as_bytes()).expect("it can be asked for");
            assert_eq!(
                absolute.iter().collect::<Vec<_>>(),
                labels.iter().map(|label| label.as_bytes()).collect::<Vec<_>>()
            );
        }
        check("a.b.", &["a", "b"]);
        check(r"a\.b.", &["a.b"]);
        check(r"x\.", &["x."]);
        check(r"x\\.", &[r"x\"]);
        check(r"\..a", &[".", "a"]);
        check(r"\104oge", &["hoge"]);
        for name in ["", ".", "..", "x..", "a..b", r"\", r"x\", r"\1", r"\256", r"\\.."] {
            assert_eq!(absolute(name.as_bytes()), None, "{name}");
        }
    }
}
