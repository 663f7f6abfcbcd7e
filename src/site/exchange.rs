//! The mail exchangers of a domain as the original's test mode and bestmx maps see them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bstr::{BString, ByteSlice};

use crate::name::CSpace as _;
use crate::net::{Answer, Resolver, is_askable, without_end};

/// What stands before an IPv6 address in brackets.
const IPV6_TAG: &str = "IPv6:";

/// What the name service says of a domain's mail exchangers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Exchanges {
    /// The hosts, best first, each with a dot at its end.
    Hosts(Vec<BString>),
    /// None: the domain has no address, or is an alias of a host that takes no mail.
    Nothing,
    /// There is no such domain.
    NoDomain,
    /// A null MX: the domain takes no mail (`RFC 7505`).
    Null,
    /// Nobody knows now.
    TempFail(BString),
}

/// Returns the mail exchangers of `domain`, which the search list completes; a domain without MX records is its own.
pub async fn exchangers(resolver: &Resolver, domain: &[u8]) -> Exchanges {
    look_up(resolver, domain, b"").await
}

/// Returns what [`exchangers`] does without the search list; `/etc/hosts` may still know a short name.
// QUIRK(bestmx-as-written): a `bestmx` map completes nothing, while `/mx` does.
pub(super) async fn exchangers_as_written(resolver: &Resolver, domain: &[u8]) -> Exchanges {
    look_up(resolver, domain, b".").await
}

/// Asks for `domain` with `end` behind it.
async fn look_up(resolver: &Resolver, domain: &[u8], end: &[u8]) -> Exchanges {
    if let Some(inside) = domain.strip_prefix(b"[") {
        return in_brackets(resolver, domain, inside, end).await;
    }
    let domain = without_end(domain);
    if domain.is_empty() {
        return Exchanges::NoDomain;
    }
    if without_end(domain) != domain || !is_askable(domain) {
        return Exchanges::Nothing;
    }
    let name = [domain, end].concat();
    match resolver.mx(&name).await {
        Answer::Found(mut list) => {
            if list.iter().all(|mx| mx.host.is_empty()) {
                return Exchanges::Null;
            }
            list.sort_by_key(|mx| mx.preference);
            let mut hosts: Vec<BString> = list.into_iter().map(|mx| dotted(&mx.host)).collect();
            hosts.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
            Exchanges::Hosts(hosts)
        }
        answer @ (Answer::NotFound | Answer::NoData) => match resolver.canonify(&name).await.found() {
            Some(host) if completes(&host, domain) => Exchanges::Hosts(vec![dotted(&host)]),
            // QUIRK(mx-of-alias): an alias of a host without MX records has no exchanger at all.
            _ if answer == Answer::NoData => Exchanges::Nothing,
            _ => Exchanges::NoDomain,
        },
        Answer::TempFail(reason) => Exchanges::TempFail(reason),
    }
}

/// Returns what stands in brackets: an address, with them, or a host by its canonical name.
async fn in_brackets(resolver: &Resolver, whole: &[u8], inside: &[u8], end: &[u8]) -> Exchanges {
    let Some(len) = memchr::memchr(b']', inside) else { return Exchanges::Nothing };
    let inside = &inside[..len];
    let is_bare = |text: &[u8]| text.to_str().is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    if literal(inside).is_some() || is_bare(inside) {
        return Exchanges::Hosts(vec![whole.into()]);
    }
    match resolver.canonify(&[inside, end].concat()).await {
        Answer::Found(host) => Exchanges::Hosts(vec![dotted(&host)]),
        Answer::NotFound | Answer::NoData => Exchanges::Nothing,
        Answer::TempFail(reason) => Exchanges::TempFail(reason),
    }
}

/// Reads the address inside of brackets: `IPv6:2001:db8::1`, or what the C library's `inet_addr` takes for an address.
pub(super) fn literal(text: &[u8]) -> Option<IpAddr> {
    let text = text.to_str().ok()?;
    match text.split_at_checked(IPV6_TAG.len()) {
        Some((tag, address)) if tag.eq_ignore_ascii_case(IPV6_TAG) => address.parse().ok().map(IpAddr::V6),
        _ => number_and_dots(text).map(|number| Ipv4Addr::from(number).into()),
    }
}

/// Reads one to four numbers with dots, of which the last stands for all bytes that are left; `0x7f.1` is 127.0.0.1.
fn number_and_dots(text: &str) -> Option<u32> {
    let text = text.trim_end_matches(|byte: char| byte.is_c_space());
    let parts: Vec<u32> = text.split('.').map(number).collect::<Option<_>>()?;
    let (last, bytes) = parts.split_last().filter(|(_, bytes)| bytes.len() < 4)?;
    let room = 32 - 8 * u32::try_from(bytes.len()).expect("below 4");
    let front = bytes.iter().try_fold(0_u32, |sum, byte| (*byte <= 255).then(|| sum << 8 | byte))?;
    let front = u32::try_from(u64::from(front) << room).ok()?;
    // The highest one is what the C library returns for what is no address.
    (u64::from(*last) < 1_u64 << room).then_some(front | last).filter(|number| *number != u32::MAX)
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

/// Tells whether `host` is `domain`, alone or completed.
fn completes(host: &[u8], domain: &[u8]) -> bool {
    host.split_at_checked(domain.len())
        .is_some_and(|(start, rest)| start.eq_ignore_ascii_case(domain) && (rest.is_empty() || rest.starts_with(b".")))
}

/// Returns a name with a dot at its end.
fn dotted(name: &[u8]) -> BString {
    let mut name = BString::from(name);
    if !name.ends_with(b".") {
        name.push(b'.');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(literal(text.as_bytes()).map_or_else(String::new, |address| address.to_string()), expected);
    }

    #[test]
    fn addresses_are_those_of_the_c_library() {
        check("192.0.2.1", "192.0.2.1");
        check("127.1", "127.0.0.1");
        check("0x7f.1 ", "127.0.0.1");
        check("010.1.1.1", "8.1.1.1");
        check("1", "0.0.0.1");
        check("IPv6:2001:db8::1", "2001:db8::1");
        for text in
            ["", "x", "1.2.3.999", "1.2.3.4.5", "255.255.255.255", " 1.2.3.4", "1..2", "08", "+1", "2001:db8::1"]
        {
            check(text, "");
        }
    }
}
