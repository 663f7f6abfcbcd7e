//! Map classes that wait for somebody else: host, dns and bestmx, which ask the name service, are here; the others
//! (`outside.rs`, `ldap.rs`) are called from here.

use std::net::IpAddr;
use std::time::Duration;

use bstr::{BString, ByteSlice};

use super::exchange::{Exchanges, exchangers_as_written, literal_in_rules};
use super::load::Site;
use super::maps::Entry;
use super::outside;
use crate::map::{Definition, DnsRecord, Kind, Outcome};
use crate::name::Sysexit;
use crate::net::{Answer, RecordKind};

/// The longest name in a message; a longer one is shortened.
const SHOWN_BYTES_MAX: usize = 33;

/// Looks a key up; returns also a message that the user should read.
pub(super) async fn look_up(site: &Site, entry: &Entry, key: &[u8], args: &[&[u8]]) -> (Outcome, Option<BString>) {
    let map = &entry.definition;
    match &map.kind {
        Kind::Host => host(site, map, key, args).await,
        Kind::Dns(record) => (dns(site, map, *record, key, args).await, None),
        Kind::Bestmx => (best_mx(site, map, key, args).await, None),
        Kind::Program => outside::program(site, map, key, args).await,
        Kind::Socket => outside::socket(site, entry, key, args).await,
        #[cfg(feature = "ldap")]
        Kind::Ldap(_) => {
            let reach = super::ldap::Reach { resolver: &site.resolver, opener: site.maps.opener() };
            super::ldap::look_up(reach, entry, key, args).await
        }
        Kind::User => outside::user(site, map, key, args).await,
        _ => (Outcome::NotFound(Sysexit::Config), None),
    }
}

/// Looks up the canonical name of a host, or the name of an address in brackets.
async fn host(site: &Site, map: &Definition, key: &[u8], args: &[&[u8]]) -> (Outcome, Option<BString>) {
    let answer = if key.starts_with(b"[") {
        match bracketed(key) {
            Ok(address) => site.resolver.ptr(address).await.map(|mut names| names.swap_remove(0)),
            Err(status) => return (Outcome::NotFound(status), None),
        }
    } else if key.is_empty() {
        Answer::NotFound
    } else {
        site.resolver.canonify(key).await
    };
    match answer {
        // With -m the result is the key, not what it stands for.
        Answer::Found(name) => (Outcome::Found(map.result(key, &name, args)), None),
        Answer::NotFound | Answer::NoData => (Outcome::NotFound(Sysexit::NoHost), None),
        Answer::TempFail(reason) => {
            let shown = key[..key.len().min(SHOWN_BYTES_MAX)].as_bstr();
            (Outcome::TempFail(reason), Some(format!("{shown}: Name server timeout").into()))
        }
    }
}

/// Reads `[192.0.2.1]` or `[IPv6:2001:db8::1]`, the latter with or without its tag.
fn bracketed(key: &[u8]) -> Result<IpAddr, Sysexit> {
    let end = memchr::memchr(b']', key).ok_or(Sysexit::Ok)?;
    literal_in_rules(&key[1..end]).ok_or(Sysexit::NoHost)
}

/// Looks up records of one type; the search list completes a name without a dot at its end.
async fn dns(site: &Site, map: &Definition, record: DnsRecord, key: &[u8], args: &[&[u8]]) -> Outcome {
    let Some(kind) = record_kind(record) else {
        return Outcome::NotFound(Sysexit::NoHost);
    };
    let mut name = BString::from(key);
    if let Some(base) = &map.base {
        name.push(b'.');
        name.extend_from_slice(base);
    }
    let question = site.resolver.lookup(&name, kind);
    let answer = match map.timeout.as_ref().filter(|limit| !limit.0.is_zero()) {
        Some(limit) => {
            match tokio::time::timeout(limit.0.saturating_mul(map.retries.unwrap_or(1).max(1)), question).await {
                Ok(answer) => answer,
                Err(_) => Answer::TempFail("name server timeout".into()),
            }
        }
        None => question.await,
    };
    match answer {
        Answer::Found(values) => Outcome::Found(joined(map, key, values, args)),
        Answer::NotFound | Answer::NoData => Outcome::NotFound(Sysexit::NoHost),
        Answer::TempFail(reason) => Outcome::TempFail(reason),
    }
}

/// Returns the type of record as the resolver names it.
fn record_kind(record: DnsRecord) -> Option<RecordKind> {
    Some(match record {
        DnsRecord::A => RecordKind::A,
        DnsRecord::Aaaa => RecordKind::Aaaa,
        DnsRecord::Cname => RecordKind::Cname,
        DnsRecord::Mx => RecordKind::Mx,
        DnsRecord::Ns => RecordKind::Ns,
        DnsRecord::Ptr => RecordKind::Ptr,
        DnsRecord::Srv => RecordKind::Srv,
        DnsRecord::Txt => RecordKind::Txt,
        DnsRecord::Afsdb => RecordKind::Afsdb,
        // QUIRK(dns-map-tlsa): no host is found.
        DnsRecord::Tlsa => return None,
    })
}

/// Returns the first value, or all of them joined (`-z`).
fn joined(map: &Definition, key: &[u8], values: Vec<BString>, args: &[&[u8]]) -> BString {
    let values: Vec<BString> = values
        .iter()
        .map(|value| value.iter().copied().filter(|byte| *byte >= b' ').collect::<Vec<u8>>().into())
        .collect();
    let value = match map.separator {
        None => values.into_iter().next().unwrap_or_default(),
        Some(separator) => {
            let limit = map.results_max.filter(|limit| *limit > 0).map_or(usize::MAX, |limit| limit as usize);
            bstr::join([separator], values.iter().take(limit)).into()
        }
    };
    map.result(key, &value, args)
}

/// Looks up the best mail exchanger.
async fn best_mx(site: &Site, map: &Definition, key: &[u8], args: &[&[u8]]) -> Outcome {
    match exchangers_as_written(&site.resolver, key).await {
        Exchanges::Hosts(hosts) => Outcome::Found(joined(map, key, hosts, args)),
        Exchanges::Nothing => Outcome::NotFound(Sysexit::Ok),
        Exchanges::NoDomain => Outcome::NotFound(Sysexit::NoHost),
        Exchanges::Null => Outcome::NotFound(Sysexit::Unavailable),
        Exchanges::TempFail(reason) => Outcome::TempFail(reason),
    }
}

/// How long another program may take to answer a look-up.
pub(super) const OUTSIDE_PATIENCE: Duration = Duration::from_secs(30);
