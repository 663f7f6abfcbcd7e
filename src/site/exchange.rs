//! The mail exchangers of a domain as the original's test mode and bestmx maps see them.

use std::net::IpAddr;

use bstr::BString;

use crate::net::{Answer, Resolver, is_askable, literal, without_end};

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
    if literal_in_rules(inside).is_some() {
        return Exchanges::Hosts(vec![whole.into()]);
    }
    match resolver.canonify(&[inside, end].concat()).await {
        Answer::Found(host) => Exchanges::Hosts(vec![dotted(&host)]),
        Answer::NotFound | Answer::NoData => Exchanges::Nothing,
        Answer::TempFail(reason) => Exchanges::TempFail(reason),
    }
}

/// Reads the address inside of brackets: `IPv6:2001:db8::1`, tag or not, or what the C library's `inet_addr` takes for an
/// address.
pub(super) fn literal_in_rules(text: &[u8]) -> Option<IpAddr> {
    // The highest one is what the C library returns for what is no address.
    let four = literal::ipv4(text).filter(|address| !address.is_broadcast()).map(IpAddr::V4);
    four.or_else(|| literal::ipv6(text).map(IpAddr::V6))
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

    #[test]
    fn what_rules_take_for_an_address_is_a_little_less() {
        let read = |text: &str| literal_in_rules(text.as_bytes()).map(|address| address.to_string());
        assert_eq!(read("0x7f.1 ").as_deref(), Some("127.0.0.1"));
        assert_eq!(read("IPv6:2001:db8::1").as_deref(), Some("2001:db8::1"));
        assert_eq!(read("2001:db8::1").as_deref(), Some("2001:db8::1"));
        for text in ["255.255.255.255", "IPv6:1.2.3.4", "IPv6:IPv6:::1", "x"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
