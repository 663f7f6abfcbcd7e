//! Faults of values: what a call or a setting is given is nothing of the kind that it takes.

use bstr::{BStr, BString, ByteSlice};

use super::super::nearest::nearest;
use super::calls::{Call, calls};
use super::{Fault, Run, shown};
use crate::m4::Place;

/// What a value is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// One domain.
    Domain,
    /// Domains with blanks between them.
    Domains,
    /// Domains that only stand for hosts below them if something else is asked for: a dot before them is of no use.
    WholeDomains,
    /// Names of users with blanks between them.
    Users,
    /// A host that mail goes to, perhaps with a mailer before it.
    Host,
    /// Mechanisms of AUTH.
    Mechanisms,
    /// The domain of a list in the DNS.
    List,
    /// A map: its class, and its file.
    Map,
    /// The fields of a mail filter.
    Filter,
    /// The fields of a port.
    Port,
}

/// The calls whose first argument is of a kind, and the settings.
const KINDS: &[(Kind, &[&str])] = &[
    (Kind::Domain, &["MASQUERADE_AS", "MASQUERADE_NAME"]),
    (Kind::Domains, &["MASQUERADE_DOMAIN", "LDAPROUTE_DOMAIN", "RELAY_DOMAIN"]),
    (
        Kind::WholeDomains,
        &[
            "LOCAL_DOMAIN",
            "MASQUERADE_EXCEPTION",
            "VIRTUSER_DOMAIN",
            "GENERICS_DOMAIN",
            "CANONIFY_DOMAIN",
            "LDAPROUTE_EQUIVALENT",
        ],
    ),
    (Kind::Users, &["EXPOSED_USER", "LOCAL_USER"]),
    (Kind::Host, &["SMART_HOST", "MAIL_HUB", "LOCAL_RELAY", "BITNET_RELAY", "DECNET_RELAY", "FAX_RELAY", "UUCP_RELAY"]),
    (Kind::Mechanisms, &["TRUST_AUTH_MECH", "confAUTH_MECHANISMS"]),
    (Kind::Port, &["DAEMON_OPTIONS", "CLIENT_OPTIONS"]),
];

/// The features whose second argument is of a kind.
const FEATURES: &[(Kind, &[&str])] = &[
    (Kind::List, &["dnsbl", "enhdnsbl"]),
    (
        Kind::Map,
        &[
            "access_db",
            "virtusertable",
            "mailertable",
            "genericstable",
            "domaintable",
            "authinfo",
            "bitdomain",
            "uucpdomain",
        ],
    ),
    (Kind::Host, &["nullclient"]),
    (Kind::Domain, &["always_add_domain"]),
];

/// The mechanisms that there are.
const MECHANISMS: &[&str] = &[
    "PLAIN",
    "LOGIN",
    "CRAM-MD5",
    "DIGEST-MD5",
    "GSSAPI",
    "EXTERNAL",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "KERBEROS_V4",
    "NTLM",
    "OTP",
    "ANONYMOUS",
];

/// The names of ports that mail has.
const PORTS: &[&str] = &["smtp", "submission", "smtps", "submissions", "msa"];

/// What begins the name of a filter's socket.
const SOCKETS: &[&str] = &["unix:", "local:", "inet:", "inet6:"];

/// Calls, or settings, that this version reads but does not act upon, and what comes of that.
const NOT_YET: &[(&str, &str)] = &[
    ("FEATURE(authinfo)", "logging in at other servers (AUTH) is not there yet in this version: the map is not asked"),
    (
        "INPUT_MAIL_FILTER",
        "mail filters are not there yet in this version: with F=T mail is put off, with F=R refused, as if none answered",
    ),
    ("TRUST_AUTH_MECH", "AUTH is not there yet in this version: nobody can log in"),
    ("confSERVER_CERT", "STARTTLS is not there yet in this version: it is not offered"),
    ("confCLIENT_CERT", "STARTTLS is not there yet in this version: mail goes to other hosts without it"),
];

/// Calls that do nothing unless the library knows a macro, and the call that defines it.
const LONELY: &[(&str, &str, &str)] = &[
    ("LDAPROUTE_DOMAIN", "_LDAP_ROUTING_", "FEATURE(`ldap_routing')"),
    ("CANONIFY_DOMAIN", "_NO_CANONIFY_", "FEATURE(`nocanonify')"),
];

impl Run<'_> {
    /// Finds values that are none, calls that this version does not act upon, and calls that do nothing alone.
    pub(super) fn faults_of_values(&self) -> Vec<Fault> {
        if self.has_own_quotes() {
            return self.open_changequote();
        }
        let mut faults = Vec::new();
        for (file, text) in self.given {
            for call in calls(text) {
                let told = odd(&call)
                    .or_else(|| self.lonely(&call))
                    .or_else(|| self.odd_use(&call))
                    .or_else(|| not_yet(&call));
                faults.extend(told.map(|told| Fault::warning(&place(file, call.line), told)));
            }
        }
        faults
    }

    /// Finds quotes that were changed, and not back: the library's own texts come behind the file.
    fn open_changequote(&self) -> Vec<Fault> {
        let fault = |(file, text): &(BString, Vec<u8>)| {
            let (line, number) = text.lines().zip(1..).filter(|(line, _)| line.contains_str("changequote")).last()?;
            let behind = &line[line.rfind("changequote")? + "changequote".len()..];
            let is_back = !behind.starts_with(b"(")
                || behind.starts_with(b"()")
                || behind.contains_str("`") && behind.contains_str("'");
            let told = "the quotes are not changed back: write changequote() behind the part that needs others";
            (!is_back).then(|| Fault::warning(&place(file, number), told.to_owned()))
        };
        self.given.iter().filter_map(fault).collect()
    }

    fn has(&self, name: &str) -> bool {
        self.output.defined.iter().any(|defined| defined.name == name)
    }

    /// Says what a call lacks without which it does nothing.
    fn lonely(&self, call: &Call<'_>) -> Option<String> {
        let name = call.name.strip_suffix("_FILE").unwrap_or(call.name);
        let (_, needed, other) = LONELY.iter().find(|(lonely, ..)| *lonely == name)?;
        (self.is_ours() && !self.has(needed)).then(|| format!("{} does nothing without {other}", call.name))
    }

    /// Says why a feature is of no use in this file.
    fn odd_use(&self, call: &Call<'_>) -> Option<String> {
        if call.name != "FEATURE" || !self.is_ours() {
            return None;
        }
        let has_call = |name: &str| self.given.iter().any(|(_, text)| calls(text).iter().any(|call| call.name == name));
        let has_class = || {
            let text = &self.output.text;
            ["\nC{LDAPRoute}", "\nF{LDAPRoute}"].iter().any(|class| text.contains_str(class))
        };
        match call.text(0).to_str().ok()? {
            "ldap_routing" if !has_class() => {
                Some("FEATURE(ldap_routing) does nothing without LDAPROUTE_DOMAIN(`example.com')".to_owned())
            }
            "msp" if has_call("MAILER") => Some(
                "FEATURE(msp) makes a submit.cf, which gives all mail to the daemon: leave it out of the daemon's file"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

fn place(file: &BString, line: usize) -> Place {
    Place { file: file.clone().into(), line }
}

/// Says what this version does not act upon.
fn not_yet(call: &Call<'_>) -> Option<String> {
    let first = call.text(0);
    let name = match call.name {
        "define" => first.to_str().ok()?.to_owned(),
        "FEATURE" => format!("FEATURE({first})"),
        name => name.to_owned(),
    };
    NOT_YET.iter().find(|(known, _)| *known == name).map(|(_, told)| format!("{name}: {told}"))
}

/// Says what is wrong with the arguments of a call.
fn odd(call: &Call<'_>) -> Option<String> {
    let first = call.text(0).to_str().ok()?;
    let kind_of = |table: &[(Kind, &[&str])], name: &str| {
        table.iter().find(|(_, names)| names.contains(&name)).map(|(kind, _)| *kind)
    };
    let (named, told) = match call.name {
        "define" => (first, odd_setting(call).or_else(|| odd_value(kind_of(KINDS, first)?, call.text(1)))),
        "FEATURE" => (
            first,
            odd_value(kind_of(FEATURES, first)?, call.text(1))
                .or_else(|| odd_answer(call))
                .or_else(|| odd_message(call)),
        ),
        "INPUT_MAIL_FILTER" | "MAIL_FILTER" => (call.name, odd_value(Kind::Filter, call.text(1))),
        name => (name, odd_value(kind_of(KINDS, name)?, call.text(0))),
    };
    told.map(|told| format!("{named}: {told}"))
}

/// Finds a value that names the setting itself, which is not there yet: nobody has given it another value before.
fn odd_setting(call: &Call<'_>) -> Option<String> {
    let name = call.text(0);
    let value = call.text(1);
    let is_itself = name.starts_with(b"conf") && !call.is_bare(1) && value.starts_with(name);
    is_itself.then(|| format!("its value names {name} itself: write the whole value"))
}

/// Finds an answer of a list without the dot at its end that the name service gives it.
fn odd_answer(call: &Call<'_>) -> Option<String> {
    let answers = (4..call.arguments.len()).map(|index| call.text(index)).filter(|_| call.text(0) == "enhdnsbl");
    let mut odd = answers.filter(|answer| {
        answer.first().is_some_and(u8::is_ascii_digit) && !answer.last().is_some_and(|last| b".*+".contains(last))
    });
    odd.next().map(|answer| format!("an answer ends in a dot, else nobody is refused: write {answer}."))
}

/// Finds a message with a comma and without quotes, whose rest is something else, and a word that is none.
fn odd_message(call: &Call<'_>) -> Option<String> {
    let word = call.text(3);
    if call.text(0).ends_with(b"dnsbl") && word.len() > 1 && word.iter().all(u8::is_ascii_alphabetic) {
        return Some(format!("{word} is said while the list cannot be asked: write `t' for the usual words"));
    }
    let is_cut = call.text(0).ends_with(b"dnsbl") && call.is_bare(2) && call.is_bare(3) && call.text(3) != "t";
    is_cut.then(|| {
        let rest = shown(call.text(3));
        format!("{rest:?} is what is said while the list cannot be asked: a text with a comma stands between ` and '")
    })
}

/// Says what is wrong with a value.
fn odd_value(kind: Kind, value: &BStr) -> Option<String> {
    // What a macro stands for is known only when mail comes.
    let words = || value.fields().filter(|word| !word.contains(&b'$')).map(BStr::new);
    match kind {
        Kind::Domain if words().count() > 1 => Some(format!("{value} is more than one domain: write one")),
        Kind::Domain => words().find_map(|word| odd_domain(word, true)),
        Kind::Domains => words().find_map(|word| odd_domain(word, false)),
        Kind::WholeDomains => words().find_map(|word| odd_domain(word, true)),
        Kind::Users => words().find_map(odd_user),
        Kind::Host => odd_host(value),
        Kind::Mechanisms => words().find_map(|word| misspelt(word, MECHANISMS)),
        Kind::List => odd_list(value),
        Kind::Map => odd_map(value),
        Kind::Filter => odd_filter(value),
        Kind::Port => odd_port(value),
    }
}

fn odd_domain(word: &BStr, is_whole: bool) -> Option<String> {
    if let Some((_, domain)) = word.split_once_str("@") {
        return Some(format!("{word} is an address: write the domain, {}", domain.as_bstr()));
    }
    let below = word.strip_prefix(b"*.").or_else(|| word.strip_prefix(b".").filter(|_| is_whole))?;
    Some(format!("{word} matches no host: write {}", below.as_bstr()))
}

fn odd_user(word: &BStr) -> Option<String> {
    let (user, _) = word.split_once_str("@")?;
    Some(format!("{word} is an address: write the user, {}", user.as_bstr()))
}

fn odd_host(value: &BStr) -> Option<String> {
    let host = value
        .split_once_str(":")
        .filter(|(mailer, _)| !mailer.contains(&b'['))
        .map_or(value.as_bytes(), |(_, host)| host);
    let is_else = ["error:", "discard:", "local:"].iter().any(|mailer| value.starts_with_str(mailer));
    if is_else || value.contains(&b'$') {
        None
    } else if host.contains(&b',') {
        Some(format!("{value} is no host: two hosts are parted by a colon, as esmtp:a.example.com:b.example.com"))
    } else if host.iter().any(|byte| b"\" \t@".contains(byte)) {
        Some(format!("{value} is no host: write host.example.com, or [192.0.2.1]"))
    } else {
        None
    }
}

/// Finds a word that is nearly one of those that there are.
fn misspelt(word: &BStr, known: &[&str]) -> Option<String> {
    let word = word.to_str().ok()?;
    let is_known = known.iter().any(|known| known.eq_ignore_ascii_case(word));
    let near = nearest(word, known.iter()).filter(|_| !is_known)?;
    Some(format!("there is no {word}; did you mean {near}?"))
}

fn odd_list(value: &BStr) -> Option<String> {
    if value.iter().any(|byte| b"/:@ ".contains(byte)) {
        return Some(format!("{value} is no domain: write dnsbl.example.net"));
    }
    let domain = value.strip_suffix(b".")?;
    Some(format!("a dot is put behind {value} anyway: write {}", domain.as_bstr()))
}

fn odd_map(value: &BStr) -> Option<String> {
    if let Some((class, file)) = value.split_once_str(":/") {
        let (class, file) = (class.as_bstr(), file.as_bstr());
        return Some(format!("a blank stands between the class of a map and its file: write {class} /{file}"));
    }
    let file = value.fields().last().filter(|_| value.contains(&b' '))?;
    let is_path = file.contains(&b'/') && file.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._".contains(byte));
    (is_path && !file.starts_with(b"/")).then(|| {
        let file = file.as_bstr();
        format!("the file {file} is not found from everywhere: write its whole name, /{file}")
    })
}

/// Returns the value of the field with that first letter.
fn field(value: &BStr, letter: u8) -> Option<&BStr> {
    let fields = value.split_str(",").filter_map(|field| field.split_once_str("="));
    let is_asked = |key: &[u8]| key.trim().first().is_some_and(|first| first.eq_ignore_ascii_case(&letter));
    fields.filter(|(key, _)| is_asked(key)).map(|(_, value)| value.trim().as_bstr()).next()
}

fn odd_filter(value: &BStr) -> Option<String> {
    if value.is_empty() {
        return None;
    }
    let Some(socket) = field(value, b'S') else {
        return Some("it has no socket: write S=unix:/run/filter.sock".to_owned());
    };
    let is_socket = SOCKETS.iter().any(|kind| socket.starts_with_str(kind)) || socket.starts_with(b"/");
    (!is_socket).then(|| format!("{socket} is no socket: write unix:/FILE, inet:PORT@HOST or inet6:PORT@HOST"))
}

fn odd_port(value: &BStr) -> Option<String> {
    if let Some(address) = field(value, b'A') {
        let is_number = !address.is_empty() && address.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
        let is_address = address.to_str().is_ok_and(|text| text.parse::<std::net::Ipv4Addr>().is_ok());
        if is_number && !is_address {
            return Some(format!("{address} is no address"));
        }
    }
    let is_port = |key: &[u8]| key.trim().to_ascii_lowercase().starts_with(b"p");
    let fields = value.split_str(",").filter_map(|field| field.split_once_str("="));
    let port = fields.filter(|(key, _)| is_port(key)).map(|(_, port)| port.trim().as_bstr()).next()?;
    misspelt(port, PORTS).filter(|_| port.iter().all(u8::is_ascii_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let told: Vec<String> = calls(text.as_bytes()).iter().filter_map(odd).collect();
        let is_expected = if expected.is_empty() { told.is_empty() } else { told.concat().contains(expected) };
        assert!(is_expected, "{text}: {told:?}");
    }

    #[test]
    fn values_are_of_their_kind() {
        for fine in [
            "MASQUERADE_AS(`example.com')",
            "RELAY_DOMAIN(`.example.com 192.0.2 IPv6:2001:db8')",
            "LOCAL_USER(root)",
            "define(`SMART_HOST', `esmtp:[a.test]:[b.test]')",
            "define(`LUSER_RELAY', `error:5.1.1:\"550 no, never\"')",
            "define(`MAIL_HUB', `hub.test.')",
            "FEATURE(`dnsbl', `a.test', `\"550 no, never\"', `t')",
            "FEATURE(`enhdnsbl', `a.test', `no', `t', `127.0.0.2.', `127.0.0.$+')",
            "FEATURE(`access_db', `hash -T<TMPF> /etc/mail/access')",
            "FEATURE(`mailertable', DATABASE_MAP_TYPE MAIL_SETTINGS_DIR`'mailertable)",
            "DAEMON_OPTIONS(`Name=MTA, Port=smtp, Addr=127.0.0.1, M=Ea')",
            "DAEMON_OPTIONS(`Family=inet6, Addr=::1, Port=2525')",
            "INPUT_MAIL_FILTER(`x', `S=local:/run/x, F=T')",
            "TRUST_AUTH_MECH(`plain X-OWN')",
        ] {
            check(fine, "");
        }
        for (odd, told) in [
            (
                "MASQUERADE_AS(`@example.com')",
                "MASQUERADE_AS: @example.com is an address: write the domain, example.com",
            ),
            ("MASQUERADE_DOMAIN(`a.test *.b.test')", "*.b.test matches no host: write b.test"),
            ("VIRTUSER_DOMAIN(`.b.test')", ".b.test matches no host: write b.test"),
            ("EXPOSED_USER(`root@a.test')", "write the user, root"),
            ("define(`SMART_HOST', `a.test, b.test')", "two hosts are parted by a colon"),
            ("define(`SMART_HOST', `\"a.test\"')", "is no host: write host.example.com"),
            ("define(`SMART_HOST', `relay .a.test')", "is no host"),
            ("define(`confX', `confX more')", "names confX itself"),
            ("FEATURE(`dnsbl', `http://a.test/')", "is no domain"),
            ("FEATURE(`dnsbl', `a.test.')", "a dot is put behind a.test. anyway: write a.test"),
            ("FEATURE(`dnsbl', `a.test', no, never mind)", "\"never mind\" is what is said while the list"),
            ("FEATURE(`dnsbl', `a.test', `no', `temp')", "temp is said while the list cannot be asked: write `t'"),
            ("FEATURE(`always_add_domain', `a.test b.test')", "a.test b.test is more than one domain"),
            ("FEATURE(`enhdnsbl', `a.test', `no', `t', `127.0.0.3')", "write 127.0.0.3."),
            ("FEATURE(`access_db', `hash:/etc/mail/access')", "write hash /etc/mail/access"),
            ("FEATURE(`access_db', `hash etc/mail/access')", "write its whole name, /etc/mail/access"),
            ("DAEMON_OPTIONS(`Port=smpt')", "there is no smpt; did you mean smtp?"),
            ("DAEMON_OPTIONS(`Addr=127.0.0.300')", "127.0.0.300 is no address"),
            ("INPUT_MAIL_FILTER(`x', `S=lokal:/x')", "lokal:/x is no socket"),
            ("TRUST_AUTH_MECH(`PLIAN')", "did you mean PLAIN?"),
        ] {
            check(odd, told);
        }
    }
}
