//! Which hosts take the mail for a domain (`RFC 5321 §5.1`).

use bstr::{BString, ByteSlice};

use crate::name::TrimSpace as _;
use crate::net::{Answer, Mx, Resolver, literal};

/// Hosts tried for one domain; more MX records than this are a mistake or an attack.
const HOSTS_MAX: usize = 100;

/// What else decides about the hosts.
pub struct ExchangerRules<'a> {
    /// The mailer asks for no MX records (`F=0`).
    pub no_mx: bool,
    /// `TryNullMXList`: a domain whose best MX is this host is tried by its own address.
    pub try_null_mx_list: bool,
    /// `FallbackMXhost`: tried after all others; empty for none.
    pub fallback_mx_host: &'a [u8],
    /// Tells whether a name, without a dot at its end, is ours (class `w`).
    pub is_ours: &'a (dyn Fn(&[u8]) -> bool + Send + Sync),
}

/// Why there is no host to try.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NoExchanger {
    /// The name server does not answer now.
    TempFail {
        /// The domain that was asked for.
        host: BString,
        /// What the resolver says.
        reason: BString,
    },
    /// There is no such domain.
    Unknown(BString),
    /// The domain takes no mail (`RFC 7505`).
    NullMx(BString),
    /// Mail for the domain comes back to us.
    Loop(BString),
}

/// Returns the hosts to try for what a mailer's `$h` says, best first: `domain`, `[host]`, `[192.0.2.1]`, or several of
/// them with `:` or `,` between. A host without mail exchangers goes by its canonical name. Hosts of equal preference come in random order.
///
/// # Errors
/// No host may be tried.
pub async fn exchangers(
    resolver: &Resolver,
    hosts: &[u8],
    rules: &ExchangerRules<'_>,
) -> Result<Vec<BString>, NoExchanger> {
    let mut list = Vec::new();
    let mut first_error = None;
    for host in split(hosts) {
        match for_domain(resolver, host, rules).await {
            Ok(found) => list.extend(found),
            Err(error) => drop(first_error.get_or_insert(error)),
        }
    }
    let fallback = rules.fallback_mx_host;
    let takes_none = matches!(first_error, Some(NoExchanger::NullMx(_) | NoExchanger::Loop(_)));
    if !fallback.is_empty() && !takes_none {
        for host in split(fallback) {
            list.extend(
                for_domain(resolver, host, &ExchangerRules { fallback_mx_host: b"", ..*rules })
                    .await
                    .unwrap_or_default(),
            );
        }
    }
    let mut seen: Vec<BString> = Vec::new();
    list.retain(|host: &BString| {
        let name = BString::from(host.to_ascii_lowercase());
        let fresh = !seen.contains(&name);
        seen.push(name);
        fresh
    });
    list.truncate(HOSTS_MAX);
    match first_error {
        Some(error) if list.is_empty() => Err(error),
        _ => Ok(list),
    }
}

/// Splits a list of hosts at colons and commas outside brackets.
fn split(hosts: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut depth = 0_u32;
    hosts
        .split(move |byte| {
            match byte {
                b'[' => depth += 1,
                b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && matches!(byte, b':' | b',')
        })
        .map(<[u8]>::trim_space)
        .filter(|host| !host.is_empty())
}

/// Returns the hosts of one domain.
async fn for_domain(resolver: &Resolver, host: &[u8], rules: &ExchangerRules<'_>) -> Result<Vec<BString>, NoExchanger> {
    if rules.no_mx || is_literal(host) {
        return Ok(vec![host.into()]);
    }
    if let Some(name) = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) {
        return Ok(vec![canonical(resolver, name).await.unwrap_or(host.into())]);
    }
    let records = match resolver.mx(host).await {
        Answer::Found(records) => records,
        Answer::NoData => return Ok(vec![canonical(resolver, host).await.unwrap_or(host.into())]),
        Answer::NotFound => return Err(NoExchanger::Unknown(host.into())),
        Answer::TempFail(reason) => return Err(NoExchanger::TempFail { host: host.into(), reason }),
    };
    choose(host, records, rules, random)
}

/// Tells whether a host is given by its address: `[192.0.2.1]`, `[IPv6:2001:db8::1]`.
fn is_literal(host: &[u8]) -> bool {
    let inside = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    inside.is_some_and(|text| literal::any(text).is_some())
}

/// Returns the canonical name of a host that has no mail exchangers, with a dot at its end.
async fn canonical(resolver: &Resolver, name: &[u8]) -> Option<BString> {
    match resolver.canonify(name).await {
        Answer::Found(found) => Some([found.as_slice(), b"."].concat().into()),
        _ => None,
    }
}

/// Sorts MX records and cuts off what is not better than ourselves.
fn choose(
    host: &[u8],
    mut records: Vec<Mx>,
    rules: &ExchangerRules<'_>,
    mut lot: impl FnMut() -> u64,
) -> Result<Vec<BString>, NoExchanger> {
    if matches!(records.as_slice(), [only] if only.host.is_empty()) {
        return Err(NoExchanger::NullMx(host.into()));
    }
    records.retain(|record| !record.host.is_empty());
    let own = records.iter().filter(|record| (rules.is_ours)(&record.host)).map(|record| record.preference).min();
    if let Some(own) = own {
        records.retain(|record| record.preference < own);
    }
    if records.is_empty() {
        let itself = host.strip_suffix(b".").unwrap_or(host);
        let by_address = rules.try_null_mx_list && !(rules.is_ours)(itself);
        return if own.is_none() || by_address { Ok(vec![host.into()]) } else { Err(NoExchanger::Loop(host.into())) };
    }
    let mut drawn: Vec<_> = records.into_iter().map(|record| (record.preference, lot(), record.host)).collect();
    drawn.sort();
    Ok(drawn.into_iter().map(|(_, _, name)| [name.as_bytes(), b"."].concat().into()).collect())
}

/// Draws a random number: hash keys that the standard library draws at random.
fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::ResolverSettings;
    use crate::net::testing::DnsServer;

    const ZONE: &str = "\
        example.com MX 20 mx2.example.com\n\
        example.com MX 10 mx1.example.com\n\
        back.example MX 10 mx1.example.com\n\
        back.example MX 20 me.example\n\
        back.example MX 20 mx3.example.com\n\
        to.example MX 10 ME.example\n\
        to.example MX 20 mx1.example.com\n\
        eq.example MX 10 mx1.example.com\n\
        eq.example MX 10 MX1.example.com\n\
        null.example MX 0 .\n\
        plain.example A 192.0.2.1\n\
        bad.example SERVFAIL\n";

    async fn ask(hosts: &str, try_null: bool, fallback: &str) -> String {
        let server = DnsServer::start(ZONE);
        let resolver =
            Resolver::new(ResolverSettings { retry: 1, ..ResolverSettings::with_servers(vec![server.address()]) });
        let is_ours = |name: &[u8]| name.eq_ignore_ascii_case(b"me.example");
        let rules = ExchangerRules {
            no_mx: false,
            try_null_mx_list: try_null,
            fallback_mx_host: fallback.as_bytes(),
            is_ours: &is_ours,
        };
        match exchangers(&resolver, hosts.as_bytes(), &rules).await {
            Ok(list) => bstr::join(" ", list).to_str_lossy().into_owned(),
            Err(error) => format!("{error:?}").split([' ', '(']).next().unwrap_or_default().to_owned(),
        }
    }

    #[tokio::test]
    async fn hosts_come_best_first() {
        assert_eq!(ask("example.com.", false, "").await, "mx1.example.com. mx2.example.com.");
        assert_eq!(ask("eq.example.", false, "").await.to_lowercase(), "mx1.example.com.");
        assert_eq!(ask("plain.example.", false, "").await, "plain.example.");
        assert_eq!(ask("nosuch.example", false, "").await, "Unknown");
    }

    #[tokio::test]
    async fn brackets_and_lists_are_understood() {
        assert_eq!(ask("[PLAIN.example]", false, "").await, "PLAIN.example.");
        assert_eq!(ask("[nosuch.example]", false, "").await, "[nosuch.example]");
        assert_eq!(ask("[192.0.2.1]", false, "").await, "[192.0.2.1]");
        assert_eq!(ask("[IPv6:2001:db8::1]:plain.example.", false, "").await, "[IPv6:2001:db8::1] plain.example.");
    }

    #[tokio::test]
    async fn nothing_goes_to_us_or_to_worse_hosts() {
        assert_eq!(ask("back.example.", false, "").await, "mx1.example.com.");
        assert_eq!(ask("to.example.", false, "").await, "Loop");
        assert_eq!(ask("to.example.", true, "").await, "to.example.");
    }

    #[tokio::test]
    async fn what_takes_no_mail_is_told() {
        assert_eq!(ask("null.example.", false, "plain.example.").await, "NullMx");
        assert_eq!(ask("bad.example.", false, "").await, "TempFail");
    }

    #[tokio::test]
    async fn the_fallback_comes_last() {
        assert_eq!(ask("plain.example.", false, "[fb.example]").await, "plain.example. [fb.example]");
        assert_eq!(ask("bad.example.", false, "[fb.example]").await, "[fb.example]");
    }

    #[test]
    fn equal_preferences_are_drawn_by_lot() {
        let records = ["a", "b", "c"].map(|host| Mx { preference: 5, host: host.into() });
        let rules =
            ExchangerRules { no_mx: false, try_null_mx_list: false, fallback_mx_host: b"", is_ours: &|_| false };
        let mut lots = [3_u64, 1, 2].into_iter();
        let order = choose(b"x", records.into(), &rules, || lots.next().expect("three")).expect("hosts");
        assert_eq!(order, ["b.", "c.", "a."]);
    }
}
