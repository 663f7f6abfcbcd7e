//! The entries that the pages of tables show do what the pages say.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::access::run;
use crate::{own_configuration, program};

/// Lets a line of test mode have the mark between two arguments.
const MARK: &str = "LOCAL_RULESETS\nSMark\nR$* $$| $*\t$: $1 $| $2\n";

/// Returns the entries that a page shows: key and value, parted by more than one blank from each other and from what is
/// said of them.
fn entries(name: &str) -> String {
    let page = run(Command::new(program()).arg0("makecf").args(["--explain", name]), "").stdout;
    let page = String::from_utf8_lossy(&page).into_owned();
    let shown = page.lines().filter_map(|line| line.strip_prefix("  "));
    let parts = shown.map(|line| line.split("  ").map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>());
    let pairs = parts.filter_map(|parts| Some(format!("{}\t{}\n", parts.first()?, parts.get(1)?)));
    pairs.collect()
}

/// Asks test mode with a map of the entries of the page `name`; `client` is an address and a name.
#[track_caller]
fn check(name: &str, features: &str, client: (&str, &str), line: &str, expected: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (table, cf) = (folder.path().join("table"), folder.path().join("x.cf"));
    std::fs::write(&table, entries(name)).expect("a folder of ours");
    let text = format!(
        "define(`confDOMAIN_NAME', `here.example')dnl\nOSTYPE(`linux')dnl\n\
         define(`confDONT_BLAME_SENDMAIL', `MapInUnsafeDirPath')dnl\nFEATURE(`accept_unresolvable_domains')dnl\n\
         FEATURE(`nocanonify')dnl\nFEATURE(`{name}', `text -z\\t -k0 -v1 -T<TMPF> {}')dnl\n{features}MAILER(`smtp')dnl\n{MARK}",
        table.display()
    );
    let made = run(Command::new(program()).arg0("makecf").arg("-"), &text);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::write(&cf, made.stdout).expect("a folder of ours");
    let (address, host) = client;
    let input = format!(
        ".D{{client_addr}}{address}\n.D{{client_name}}{host}\n.D{{client_resolve}}OK\n.D{{server_name}}mx.example\n{line}\n"
    );
    let output = run(Command::new(program()).args(["-bt", "-C"]).arg(&cf), &input).stdout;
    let output = String::from_utf8_lossy(&output);
    let is_last = |line: &&str| line.contains(" returns: ") || line.starts_with("Rcode ");
    assert!(output.lines().rfind(is_last).unwrap_or_default().contains(expected), "{line}: {output}");
}

const STRANGER: (&str, &str) = ("198.51.100.7", "evil.test");

#[test]
fn virtual_users_go_where_the_page_says() {
    let domains = "VIRTUSER_DOMAIN(`example.org example.com example.net')dnl\n";
    let goes = |address: &str, expected: &str| {
        check("virtusertable", domains, STRANGER, &format!("3,0 {address}"), expected);
    };
    goes("info@example.org", "$# local $: alice");
    goes("sales@example.org", "$# esmtp $@ elsewhere . example . $: bob");
    goes("old@example.org", "$# error $@ 5 . 1 . 1 $: 550 no such user");
    goes("list+x@example.org", "$# local $: list");
    goes("any@example.com", "$# esmtp $@ example . org . $: any");
    goes("any@example.net", "$# error $@ nouser $: 550 no such user");
}

#[test]
fn senders_look_as_the_page_says() {
    let domains = "GENERICS_DOMAIN(`example.org host.example.org old.example.org')dnl\n";
    let looks = |address: &str, expected: &str| {
        check("genericstable", domains, STRANGER, &format!("/tryflags HS\n/try esmtp {address}"), expected);
    };
    looks("alice", "addr = Alice.Smith@example.com");
    looks("bob@host.example.org", "addr = bob@example.com");
    looks("bob@example.org", "addr = bob@example.org");
    looks("list+x@example.org", "addr = x@lists.example.com");
    looks("zoe@old.example.org", "addr = zoe@example.com");
}

#[test]
fn domains_are_routed_as_the_page_says() {
    let goes = |address: &str, expected: &str| check("mailertable", "", STRANGER, &format!("3,0 {address}"), expected);
    goes("x@example.org", "$# esmtp $@ [ 192 . 0 . 2 . 7 ]");
    goes("x@a.example.org", "$# esmtp $@ mx . example . net");
    goes("x@lists.example.org", "$# local $@ x @ lists . example . org $: x");
    goes("x@gone.example", "$# error $@ 5 . 1 . 2 $: 550 that domain is gone");
    goes("x@a.uucp.example", "$# esmtp $@ a . example . net");
    goes("x@other.example", "$# relay $@ gate . example . net");
    check("domaintable", "", STRANGER, "3,0 x@old.example.org", "$# esmtp $@ new . example . org");
}

#[test]
fn the_access_map_decides_as_the_page_says() {
    let more = "FEATURE(`blocklist_recipients')dnl\nFEATURE(`compat_check')dnl\nFEATURE(`queuegroup')dnl\n\
                FEATURE(`greet_pause')dnl\n";
    let says = |client: (&str, &str), line: &str, expected: &str| check("access_db", more, client, line, expected);
    says(("192.0.2.9", "a.test"), "check_rcpt <x@other.test>", "RELAY");
    says(("IPv6:2001:db8::5", "a.test"), "check_rcpt <x@other.test>", "RELAY");
    says(STRANGER, "check_rcpt <x@other.test>", "550 Relaying denied");
    says(STRANGER, "check_rcpt <x@example.net>", "RELAY");
    says(STRANGER, "check_rcpt <old@here.example>", "$# error $@ 5 . 1 . 1 $: 550 moved to new @ here . example");
    says(STRANGER, "Mark,check_relay a.spam.example $| 198.51.100.7", "550 Access denied");
    says(STRANGER, "check_mail <bad@example.org>", "550 Access denied");
    says(STRANGER, "check_mail <x@example.org>", "OK");
    says(STRANGER, "check_mail <list@any.test>", "$# discard");
    says(STRANGER, "check_mail <x@spam.example>", "550 Access denied");
    says(STRANGER, "Mark,check_compat a@b.c $| d@e.f", "$# error $@ UNAVAILABLE $: 550 not you two");
    says(STRANGER, "queuegroup x@example.org", "$# slow");
    says(STRANGER, "Mark,greet_pause a.test $| 192.0.2.9", "$# 0");
    says(("192.0.2.9", "a.test"), "srv_features x", "$# A");
    says(("192.0.2.9", "a.test"), "Mark,tls_client NO $| MAIL", "not authenticated");
    says(STRANGER, "try_tls x", "550 do not try TLS");
    says(STRANGER, "tls_server NONE", "encryption too weak");
    check(
        "access_db",
        "FEATURE(`delay_checks', `friend')dnl\n",
        STRANGER,
        "Mark,SpamTag user < @ here.example. >",
        "FRIEND",
    );
}

/// Asks test mode with a set-up of `etc/mail` and returns what the last ruleset answers.
fn answer(setup: &str, line: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cf = folder.path().join("x.cf");
    std::fs::write(&cf, own_configuration(setup)).expect("a folder of ours");
    let output = run(Command::new(program()).args(["-bt", "-C"]).arg(&cf), &format!("{line}\n")).stdout;
    let output = String::from_utf8_lossy(&output).into_owned();
    output.lines().rfind(|line| line.contains(" returns: ")).unwrap_or_default().to_owned()
}

#[test]
fn every_set_up_sends_mail_where_its_page_says() {
    const STRAIGHT: &str = "$# esmtp $@ foreign . example";
    for (setup, foreign) in [
        ("generic-bsd4.4", STRAIGHT),
        ("freebsd", STRAIGHT),
        ("debian", STRAIGHT),
        ("lan-relay", STRAIGHT),
        ("gateway", STRAIGHT),
        ("ldap", STRAIGHT),
        ("virtual-domains", STRAIGHT),
        ("relay", "$# relay $@ relay . example . com"),
        ("smarthost-auth", "$# relay $@ smtp . provider . example"),
        ("nullclient", "$# relay $@ mailhub . example . com"),
        ("local-only", "$# error $@ 5 . 1 . 2"),
    ] {
        let answer = |line: &str| answer(setup, line);
        assert!(answer("3,0 x@foreign.example.").contains(foreign), "{setup}: {}", answer("3,0 x@foreign.example."));
        assert!(answer("3,0 root").contains("$# local $: root"), "{setup}: {}", answer("3,0 root"));
    }
    // What is left to the local mailer is handed on by hosts that keep no mail.
    assert!(answer("nullclient", "5 root").contains("$# relay $@ mailhub . example . com"));
    for setup in ["submit", "lan-relay-submit"] {
        assert!(answer(setup, "5 root").contains("$# relay $@ "), "{setup}: {}", answer(setup, "5 root"));
    }
}
