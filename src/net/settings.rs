//! What a resolver is told: servers, search list, patience, `/etc/hosts`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bstr::{BString, ByteSlice};

use super::Hosts;
use crate::name::CSpace as _;

/// Name servers used of those in `resolv.conf` (`resolv.conf(5)`, MAXNS).
const SERVERS_MAX: usize = 3;
/// Search domains used (`resolv.conf(5)` of glibc before 2.26, MAXDNSRCH).
const SEARCH_MAX: usize = 6;
/// The longest wait for one answer that `resolv.conf` may ask for, in seconds.
const TIMEOUT_SECS_MAX: u64 = 30;
/// The most questions per server that `resolv.conf` may ask for.
const ATTEMPTS_MAX: u32 = 5;
/// The most dots that `ndots` may ask for.
const NDOTS_MAX: usize = 15;
/// The port of a name server.
const DNS_PORT: u16 = 53;

/// A place where host names are looked up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// `/etc/hosts`.
    Files,
    /// The name servers.
    Dns,
}

/// Everything a resolver knows of its surroundings; made from the text of the system's files by the caller, so that the
/// resolver itself opens no file.
#[derive(Clone, Debug)]
pub struct ResolverSettings {
    /// Name servers in order; none makes every question a temporary failure.
    pub servers: Vec<SocketAddr>,
    /// Domains appended to names that do not end in a dot.
    pub search: Vec<BString>,
    /// Names with at least this many dots are first tried as they stand.
    pub ndots: usize,
    /// The wait for one answer (`Timeout.resolver.retrans`).
    pub retrans: Duration,
    /// How often a question is asked (`Timeout.resolver.retry`).
    pub retry: u32,
    /// `ResolverOptions`.
    pub flags: ResolverFlags,
    /// Whether canonification follows CNAMEs (not `DontExpandCnames`).
    pub expand_cnames: bool,
    /// The text of `HostsFile`, read.
    pub hosts: Hosts,
    /// The order for addresses and reverse look-ups (`nsswitch.conf`).
    pub address_sources: Vec<Source>,
    /// The order for canonification (`ServiceSwitchFile`).
    pub canonify_sources: Vec<Source>,
    /// The domain that completes a short name found in `/etc/hosts` (`$m`).
    pub domain: BString,
}

impl Default for ResolverSettings {
    /// Returns what an empty `resolv.conf` means: the name server of this host.
    fn default() -> Self {
        Self {
            servers: vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), DNS_PORT)],
            search: Vec::new(),
            ndots: 1,
            retrans: Duration::from_secs(5),
            retry: 2,
            flags: ResolverFlags::default(),
            expand_cnames: true,
            hosts: Hosts::default(),
            address_sources: vec![Source::Files, Source::Dns],
            // op guide "Service switch": without a switch file, hosts are looked up in dns, then in files.
            canonify_sources: vec![Source::Dns, Source::Files],
            domain: BString::default(),
        }
    }
}

impl ResolverSettings {
    /// Reads `resolv.conf`; lines and options that are unknown or wrong are passed over, as the C library does.
    pub fn from_resolv_conf(text: &[u8]) -> Self {
        let mut settings = Self { servers: Vec::new(), ..Self::default() };
        for line in text.lines() {
            if !matches!(line.first(), Some(b'#' | b';')) {
                settings.read_line(line);
            }
        }
        if settings.servers.is_empty() {
            settings.servers = Self::default().servers;
        }
        settings
    }

    /// Returns settings that ask only `servers`, with no search list: for tests and fixed set-ups.
    pub fn with_servers(servers: Vec<SocketAddr>) -> Self {
        Self { servers, ..Self::default() }
    }

    /// Reads the `hosts:` line of `nsswitch.conf`: only `files` alone keeps DNS out, since what other sources know
    /// (`resolve`, `ldap`) is asked of DNS here.
    pub fn read_nsswitch(&mut self, text: &[u8]) {
        if let Some(sources) = sources_of(text, b"hosts:") {
            self.address_sources = sources;
        }
    }

    /// Reads the `hosts` line of `ServiceSwitchFile`.
    pub fn read_service_switch(&mut self, text: &[u8]) {
        if let Some(sources) = switched(text, b"hosts").and_then(known) {
            self.canonify_sources = sources;
        }
    }

    /// Takes in one line of `resolv.conf`.
    fn read_line(&mut self, line: &[u8]) {
        let mut words = line.fields();
        match words.next() {
            Some(b"nameserver") => {
                let server = words.next().and_then(address);
                if let Some(server) = server.filter(|_| self.servers.len() < SERVERS_MAX) {
                    self.servers.push(SocketAddr::new(server, DNS_PORT));
                }
            }
            Some(b"domain") => self.search = words.take(1).map(BString::from).collect(),
            Some(b"search") => self.search = words.take(SEARCH_MAX).map(BString::from).collect(),
            Some(b"options") => words.for_each(|word| self.read_option(word)),
            _ => {}
        }
    }

    /// Takes in one word of an `options` line.
    fn read_option(&mut self, word: &[u8]) {
        let number = |prefix: &str| {
            word.strip_prefix(prefix.as_bytes()).and_then(|rest| rest.to_str().ok()?.parse::<u64>().ok())
        };
        if let Some(secs) = number("timeout:") {
            self.retrans = Duration::from_secs(secs.clamp(1, TIMEOUT_SECS_MAX));
        } else if let Some(times) = number("attempts:") {
            self.retry = u32::try_from(times).unwrap_or(ATTEMPTS_MAX).clamp(1, ATTEMPTS_MAX);
        } else if let Some(dots) = number("ndots:") {
            self.ndots = usize::try_from(dots).unwrap_or(NDOTS_MAX).min(NDOTS_MAX);
        }
    }
}

/// Reads the sources after `key` in `nsswitch.conf`.
fn sources_of(text: &[u8], key: &[u8]) -> Option<Vec<Source>> {
    let line = text.lines().find(|line| line.fields().next() == Some(key))?;
    let words = line.fields().skip(1).take_while(|word| !word.starts_with(b"#"));
    // `[NOTFOUND=return TRYAGAIN=continue]` is no source.
    let mut is_action = false;
    let is_source = |word: &&[u8]| {
        let is_inside = is_action || word.starts_with(b"[");
        is_action = is_inside && !word.ends_with(b"]");
        !is_inside
    };
    let words: Vec<&[u8]> = words.filter(is_source).collect();
    let has_others = words.iter().any(|word| !matches!(*word, b"files" | b"dns"));
    let mut sources = known(words).unwrap_or_default();
    if has_others && !sources.contains(&Source::Dns) {
        sources.push(Source::Dns);
    }
    Some(sources).filter(|sources| !sources.is_empty())
}

/// Returns those sources that we have, if there is any.
fn known<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<Source>> {
    let known = words.into_iter().filter_map(|word| match word {
        b"files" => Some(Source::Files),
        b"dns" => Some(Source::Dns),
        _ => None,
    });
    Some(known.collect::<Vec<_>>()).filter(|sources| !sources.is_empty())
}

/// Returns what a service switch names for a service: the last line counts that begins with its name and names anything,
/// whatever the capitals of the service.
pub fn switched<'a>(text: &'a [u8], service: &[u8]) -> Option<Vec<&'a [u8]>> {
    let lines = text.lines().map(|line| line.split(|byte| *byte == b'#').next().unwrap_or_default());
    let mut kinds = lines.filter(|line| !line.first().is_some_and(u8::is_c_space)).filter_map(|line| {
        let mut words = line.fields();
        let is_meant = words.next().is_some_and(|word| word.eq_ignore_ascii_case(service));
        is_meant.then(|| words.collect::<Vec<_>>()).filter(|kinds| !kinds.is_empty())
    });
    kinds.next_back()
}

/// Reads an address; an IPv6 zone (`%eth0`) is cut off.
fn address(word: &[u8]) -> Option<IpAddr> {
    let text = word.to_str().ok()?;
    text.split('%').next()?.parse().ok()
}

/// `ResolverOptions` as far as they change what is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ResolverFlags {
    /// The search list is used for names with a dot (`DNSRCH`).
    pub search: bool,
    /// The first search domain is used for names without a dot (`DEFNAMES`).
    pub default_names: bool,
    /// Servers are asked to recurse (`RECURSE`).
    pub recurse: bool,
    /// A wildcard MX covers the own domain, so MX records prove nothing about a name (`HasWildcardMX`).
    pub has_wildcard_mx: bool,
    /// A failing AAAA question counts as no answer (`WorkAroundBrokenAAAA`).
    pub work_around_broken_aaaa: bool,
}

impl Default for ResolverFlags {
    fn default() -> Self {
        Self {
            search: true,
            default_names: true,
            recurse: true,
            has_wildcard_mx: false,
            work_around_broken_aaaa: false,
        }
    }
}

impl ResolverFlags {
    /// Reads the words of `ResolverOptions`, each with an optional `+` or `-`; returns also the unknown words.
    pub fn parse(text: &[u8]) -> (Self, Vec<BString>) {
        let mut flags = Self::default();
        let mut unknown = Vec::new();
        for word in text.fields() {
            let (on, name) = match word {
                [b'-', name @ ..] => (false, name),
                [b'+', name @ ..] => (true, name),
                name => (true, name),
            };
            match name.to_ascii_uppercase().as_slice() {
                b"DNSRCH" => flags.search = on,
                b"DEFNAMES" => flags.default_names = on,
                b"RECURSE" => flags.recurse = on,
                b"HASWILDCARDMX" => flags.has_wildcard_mx = on,
                b"WORKAROUNDBROKENAAAA" => flags.work_around_broken_aaaa = on,
                // Known to the C library's resolver; without meaning for ours.
                b"DEBUG" | b"AAONLY" | b"USEVC" | b"PRIMARY" | b"IGNTC" | b"STAYOPEN" | b"USE_INET6" | b"USE_EDNS0"
                | b"USE_DNSSEC" | b"TRUE" => {}
                _ => unknown.push(BString::from(word)),
            }
        }
        (flags, unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolv_conf_gives_servers_search_list_and_patience() {
        let text = b"# c\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nsearch a.example b.example\noptions timeout:1 attempts:3 ndots:2 edns0\n";
        let settings = ResolverSettings::from_resolv_conf(text);
        let servers: Vec<_> = settings.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[fe80::1]:53"]);
        assert_eq!(settings.search, ["a.example", "b.example"]);
        assert_eq!((settings.retrans, settings.retry, settings.ndots), (Duration::from_secs(1), 3, 2));
    }

    #[test]
    fn without_name_server_lines_this_host_is_asked() {
        let settings = ResolverSettings::from_resolv_conf(b"nameserver nonsense\ndomain x.example\n");
        assert_eq!(settings.servers, [SocketAddr::from(([127, 0, 0, 1], 53))]);
        assert_eq!(settings.search, ["x.example"]);
    }

    #[test]
    fn the_switch_files_give_the_order() {
        let mut settings = ResolverSettings::default();
        settings.read_nsswitch(b"passwd: files\nhosts: dns mymachines files # x\n");
        settings.read_service_switch(b"aliases files\nhosts\tfiles\n");
        assert_eq!(settings.address_sources, [Source::Dns, Source::Files]);
        assert_eq!(settings.canonify_sources, [Source::Files]);
    }

    #[test]
    fn only_files_alone_keep_dns_out() {
        let check = |sources: &str, expected: &[Source]| {
            let mut settings = ResolverSettings::default();
            settings.read_nsswitch(format!("hosts: {sources}\n").as_bytes());
            assert_eq!(settings.address_sources, expected, "{sources}");
        };
        check("files", &[Source::Files]);
        check("files [NOTFOUND=return] # dns", &[Source::Files]);
        check("files [ NOTFOUND=return TRYAGAIN=continue ]", &[Source::Files]);
        check("files [NOTFOUND=return TRYAGAIN=continue] dns", &[Source::Files, Source::Dns]);
        check("files resolve", &[Source::Files, Source::Dns]);
        check("files myhostname resolve [!UNAVAIL=return]", &[Source::Files, Source::Dns]);
        check("mymachines resolve [!UNAVAIL=return] files dns", &[Source::Files, Source::Dns]);
        check("ldap", &[Source::Dns]);
        check("", &[Source::Files, Source::Dns]);
    }

    #[test]
    fn a_service_switch_is_read_as_by_the_original() {
        let check = |text: &str, expected: Option<&[&str]>| {
            let found = switched(text.as_bytes(), b"hosts");
            let expected = expected.map(|kinds| kinds.iter().map(|kind| kind.as_bytes()).collect::<Vec<_>>());
            assert_eq!(found, expected, "{text}");
        };
        check("#hosts files\nhosts dns\n", Some(&["dns"]));
        check("hosts dns#files\n", Some(&["dns"]));
        check("HOSTS files nis\n", Some(&["files", "nis"]));
        check(" hosts files\n", None);
        check("hosts: files\n", None);
        check("hosts files\nhosts dns\n", Some(&["dns"]));
        check("hosts\n", None);
    }

    #[test]
    fn resolver_options_are_switched_on_and_off() {
        let (flags, unknown) = ResolverFlags::parse(b"-DNSRCH +AAONLY WorkAroundBrokenAAAA bogus");
        assert!(!flags.search && flags.work_around_broken_aaaa && flags.default_names);
        assert_eq!(unknown, ["bogus"]);
    }
}
