//! Canonical names of hosts (`$[ host $]`).

use bstr::BString;
use hickory_resolver::proto::rr::{RData, RecordType};

use super::resolver::{absolute, is_host_name, name_text};
use super::{Answer, Resolver, ResolverSettings, Source};

/// Aliases of aliases followed before giving up (the original's MAXCNAMEDEPTH).
const CNAME_DEPTH_MAX: usize = 10;

/// What one question told about a name.
enum Hit {
    /// The name itself is canonical.
    Canonical,
    /// The name is an alias of this one.
    Alias(BString),
    /// There is no such name: no other type needs asking.
    NoName,
    /// The name exists, without this type.
    NoType,
}

impl Resolver {
    /// Returns the canonical name of `name`, without a dot at its end: from the name servers (CNAMEs followed unless
    /// `DontExpandCnames` is set; the search list completes a name without a dot at its end) and `/etc/hosts`, in the order
    /// of the service switch.
    pub async fn canonify(&self, name: &[u8]) -> Answer<BString> {
        let mut result = Answer::NotFound;
        if name.ends_with(b"..") {
            return result;
        }
        for source in &self.settings().canonify_sources {
            let answer = match source {
                Source::Files => self.canonify_by_file(name),
                Source::Dns => self.canonify_by_dns(name).await,
            };
            result = result.or(answer);
            if matches!(result, Answer::Found(_)) {
                break;
            }
        }
        result
    }

    /// Looks into `/etc/hosts`; a short name is completed with `$m`.
    fn canonify_by_file(&self, name: &[u8]) -> Answer<BString> {
        let ResolverSettings { hosts, domain, .. } = self.settings();
        let bare = name.strip_suffix(b".").unwrap_or(name);
        let short = || without_domain(name, domain).and_then(|short| hosts.canonical(short));
        let Some(found) = hosts.canonical(bare).or_else(short) else {
            return Answer::NotFound;
        };
        if found.contains(&b'.') || domain.is_empty() {
            return Answer::Found(found.clone());
        }
        Answer::Found([found.as_slice(), b".", domain].concat().into())
    }

    /// Asks the name servers.
    async fn canonify_by_dns(&self, name: &[u8]) -> Answer<BString> {
        let mut name = BString::from(name);
        for _ in 0..CNAME_DEPTH_MAX {
            match self.canonify_step(&name).await {
                Ok(Step::Done(answer)) => return answer,
                Ok(Step::Follow(alias)) if is_host_name(&alias) => name = alias,
                Ok(Step::Follow(_)) => return Answer::NotFound,
                Err(reason) => return Answer::TempFail(reason),
            }
        }
        // QUIRK(cname-loop): such a host counts as unknown; waiting mends nothing.
        Answer::NotFound
    }

    /// Tries one name with every domain of the search list.
    async fn canonify_step(&self, name: &[u8]) -> Result<Step, BString> {
        let mut exists = false;
        for (candidate, domain) in self.canonify_candidates(name) {
            match self.probe(&candidate, domain).await? {
                Hit::Canonical => return Ok(Step::Done(Answer::Found(candidate))),
                Hit::Alias(alias) => return Ok(Step::Follow([alias.as_slice(), b"."].concat().into())),
                Hit::NoName => {}
                Hit::NoType => exists = true,
            }
        }
        Ok(Step::Done(if exists { Answer::NoData } else { Answer::NotFound }))
    }

    /// Returns the names to try, without a dot at their end, each with whether a domain was appended.
    fn canonify_candidates(&self, name: &[u8]) -> Vec<(BString, bool)> {
        if let Some(name) = name.strip_suffix(b".") {
            return vec![(name.into(), false)];
        }
        let settings = self.settings();
        let dotted = name.contains(&b'.');
        let domains: &[BString] = match (dotted, settings.flags.search) {
            (_, true) => &settings.search,
            (false, false) if settings.flags.default_names => &settings.search[..settings.search.len().min(1)],
            _ => &[],
        };
        let mut names: Vec<(BString, bool)> = Vec::new();
        // QUIRK(canonify-short): a name without any dot is never tried as it stands.
        if dotted {
            names.push((name.into(), false));
        }
        names.extend(domains.iter().map(|domain| ([name, b".", domain].concat().into(), true)));
        names
    }

    /// Asks for address, IPv6 address, alias and mail exchanger of one name until one is there.
    async fn probe(&self, name: &[u8], completed: bool) -> Result<Hit, BString> {
        let flags = self.settings().flags;
        // An MX record proves nothing for a completed name where a wildcard MX covers the domain.
        let try_mx = !(flags.has_wildcard_mx && completed);
        for kind in [RecordType::A, RecordType::AAAA, RecordType::CNAME, RecordType::MX] {
            let hit = match kind {
                RecordType::MX if !try_mx => Hit::NoType,
                RecordType::CNAME if !self.settings().expand_cnames => Hit::NoType,
                RecordType::AAAA if flags.work_around_broken_aaaa => {
                    self.question(name, kind).await.unwrap_or(Hit::NoType)
                }
                _ => self.question(name, kind).await?,
            };
            match hit {
                Hit::NoType => {}
                other => return Ok(other),
            }
        }
        Ok(Hit::NoType)
    }

    /// Asks one question and reads what it tells about the name itself.
    async fn question(&self, name: &[u8], kind: RecordType) -> Result<Hit, BString> {
        let Some(name) = absolute(name) else { return Ok(Hit::NoName) };
        let lookup = match self.ask(name.clone(), kind).await {
            Answer::Found(lookup) => lookup,
            Answer::NotFound => return Ok(Hit::NoName),
            Answer::NoData => return Ok(Hit::NoType),
            Answer::TempFail(reason) => return Err(reason),
        };
        let alias = lookup.answers().iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == name => Some(name_text(&target.0)),
            _ => None,
        });
        Ok(match alias {
            Some(alias) if self.settings().expand_cnames => Hit::Alias(alias),
            _ if lookup.answers().is_empty() => Hit::NoType,
            _ => Hit::Canonical,
        })
    }
}

/// Where canonification stands after one name.
enum Step {
    /// It is decided.
    Done(Answer<BString>),
    /// The name is an alias: go on with this one.
    Follow(BString),
}

/// Returns the host of `host.domain`; where no dot ends the name, the domain's first labels do as well.
fn without_domain<'a>(name: &'a [u8], domain: &[u8]) -> Option<&'a [u8]> {
    let dot = memchr::memchr(b'.', name)?;
    let after = &name[dot + 1..];
    let labels = after.strip_suffix(b".").unwrap_or(after);
    let (start, rest) = domain.split_at_checked(labels.len()).filter(|_| !labels.is_empty())?;
    let is_ours = start.eq_ignore_ascii_case(labels) && (rest.is_empty() || (labels == after && rest[0] == b'.'));
    is_ours.then_some(&name[..dot])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Hosts;
    use super::super::testing::DnsServer;
    use super::*;

    const ZONE: &str = "\
        example.com A 198.51.100.10\n\
        cname.example.com CNAME www.example.com\n\
        www.example.com A 198.51.100.13\n\
        mxcname.example.com CNAME onlymx.example.com\n\
        onlymx.example.com MX 10 example.com\n\
        cnloop.example.com CNAME cnloop.example.com\n\
        hoge.foo.jp A 192.0.2.10\n\
        v6.example.com AAAA 2001:db8:1::16\n\
        txt.example.com TXT \"x\"\n\
        bad.example SERVFAIL\n";

    async fn check_with(change: impl FnOnce(&mut ResolverSettings), name: &str, expected: Answer<&str>) {
        let server = DnsServer::start(ZONE);
        let mut settings = ResolverSettings::with_servers(vec![server.address()]);
        settings.search = vec!["foo.jp".into()];
        settings.retrans = Duration::from_secs(1);
        settings.retry = 1;
        settings.hosts = Hosts::parse(b"192.0.2.77 pc77\n192.0.2.78 pc78 pc78.lan.example\n");
        settings.domain = "foo.jp".into();
        change(&mut settings);
        let answer = Resolver::new(settings).canonify(name.as_bytes()).await;
        match (&answer, &expected) {
            (Answer::TempFail(_), Answer::TempFail(_)) => {}
            _ => assert_eq!(answer, expected.map(BString::from), "{name}"),
        }
    }

    async fn check(name: &str, expected: Answer<&str>) {
        check_with(|_| (), name, expected).await;
    }

    #[tokio::test]
    async fn names_are_found_by_any_type() {
        check("example.com", Answer::Found("example.com")).await;
        check("example.com.", Answer::Found("example.com")).await;
        check("v6.example.com", Answer::Found("v6.example.com")).await;
        check("onlymx.example.com", Answer::Found("onlymx.example.com")).await;
        check("txt.example.com.", Answer::NoData).await;
        check("nosuch.example.", Answer::NotFound).await;
        check("example.com..", Answer::NotFound).await;
        check("bad.example", Answer::TempFail("any".into())).await;
    }

    #[tokio::test]
    async fn aliases_are_followed_unless_forbidden() {
        check("cname.example.com", Answer::Found("www.example.com")).await;
        check("mxcname.example.com", Answer::Found("onlymx.example.com")).await;
        check("cnloop.example.com", Answer::NotFound).await;
        check_with(|settings| settings.expand_cnames = false, "cname.example.com", Answer::Found("cname.example.com"))
            .await;
    }

    #[tokio::test]
    async fn short_names_are_completed() {
        check("hoge", Answer::Found("hoge.foo.jp")).await;
        check("hoge.", Answer::NotFound).await;
        check("pc77", Answer::Found("pc77.foo.jp")).await;
        check("pc77.foo.jp", Answer::Found("pc77.foo.jp")).await;
        check("pc77.FOO", Answer::Found("pc77.foo.jp")).await;
        check("pc77.foo.", Answer::NotFound).await;
        check("pc77.jp", Answer::NotFound).await;
        check("pc78", Answer::Found("pc78.lan.example")).await;
    }
}
