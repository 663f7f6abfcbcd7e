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

/// Returns the mail exchangers of `domain`; a domain without MX records is its own.
pub async fn exchangers(resolver: &Resolver, domain: &[u8]) -> Exchanges {
    if domain.starts_with(b"[") {
        return Exchanges::Hosts(vec![domain.into()]);
    }
    let absolute = dotted(domain);
    match resolver.mx(&absolute).await {
        Answer::Found(mut list) => {
            if list.iter().all(|mx| mx.host.is_empty()) {
                return Exchanges::Null;
            }
            list.sort_by_key(|mx| mx.preference);
            let mut hosts: Vec<BString> = list.into_iter().map(|mx| dotted(&mx.host)).collect();
            hosts.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
            Exchanges::Hosts(hosts)
        }
        Answer::NotFound => Exchanges::Nothing,
        Answer::NoData => match resolver.cname(&absolute).await {
            // QUIRK(mx-of-alias): an alias of a host without MX records has no exchanger at all.
            Answer::Found(_) => Exchanges::Nothing,
            _ => Exchanges::Hosts(vec![absolute]),
        },
        Answer::TempFail(reason) => Exchanges::TempFail(reason),
    }
}

/// Returns a name with a dot at its end.
fn dotted(name: &[u8]) -> BString {
    let mut name = BString::from(name);
    if !name.ends_with(b".") {
        name.push(b'.');
    }
    name
}
