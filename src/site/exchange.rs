//! The mail exchangers of a domain as the original's test mode and bestmx maps see them.

use bstr::BString;

use crate::net::{Answer, Resolver};

/// What the name service says of a domain's mail exchangers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Exchanges {
    /// The hosts, best first, each with a dot at its end.
    Hosts(Vec<BString>),
    /// There is no such domain, or it is an alias of a host that takes no mail.
    Nothing,
    /// A null MX: the domain takes no mail (`RFC 7505`).
    Null,
    /// Nobody knows now.
    TempFail(BString),
}

/// Returns the mail exchangers of `domain`, which the search list completes; a domain without MX records is its own.
pub async fn exchangers(resolver: &Resolver, domain: &[u8]) -> Exchanges {
    if domain.starts_with(b"[") && domain.ends_with(b"]") {
        return Exchanges::Hosts(vec![domain.into()]);
    }
    let domain = domain.strip_suffix(b".").unwrap_or(domain);
    if domain.ends_with(b".") {
        return Exchanges::Nothing;
    }
    match resolver.mx(domain).await {
        Answer::Found(mut list) => {
            if list.iter().all(|mx| mx.host.is_empty()) {
                return Exchanges::Null;
            }
            list.sort_by_key(|mx| mx.preference);
            let mut hosts: Vec<BString> = list.into_iter().map(|mx| dotted(&mx.host)).collect();
            hosts.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
            Exchanges::Hosts(hosts)
        }
        Answer::NotFound | Answer::NoData => match resolver.canonify(domain).await.found() {
            Some(host) if completes(&host, domain) => Exchanges::Hosts(vec![dotted(&host)]),
            // QUIRK(mx-of-alias): an alias of a host without MX records has no exchanger at all.
            _ => Exchanges::Nothing,
        },
        Answer::TempFail(reason) => Exchanges::TempFail(reason),
    }
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
