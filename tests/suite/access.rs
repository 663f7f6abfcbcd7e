//! What strangers write, in quotes or in their zones, asks the access map for nothing but itself.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::program;

const ENTRIES: &str = "\
Connect:192.0.2.81 REJECT
Connect:bad.example REJECT
To:bob@hoge.foo.jp REJECT
To:carol@ REJECT
To:blocked.example REJECT
To:to.example RELAY
Spam:friends.example FRIEND
From:spam.example REJECT
";

/// What lets a line of test mode have the mark between a name and an address.
const MARK: &str = "LOCAL_RULESETS\nSMark\nR$* $$| $*\t$: $1 $| $2\n";

/// Runs a command and gives it an input.
pub(crate) fn run(command: &mut Command, input: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("ends")
}

/// Makes a configuration with those entries and more features.
fn configuration(folder: &Path, features: &str) -> PathBuf {
    let access = folder.join("access");
    std::fs::write(&access, ENTRIES).expect("a folder of ours");
    let text = format!(
        "define(`confDOMAIN_NAME', `hoge.foo.jp')dnl\nOSTYPE(`linux')dnl\n\
         define(`confDONT_BLAME_SENDMAIL', `MapInUnsafeDirPath')dnl\n\
         FEATURE(`access_db', `text -k0 -v1 -T<TMPF> {}', `relaytofulladdress')dnl\n\
         FEATURE(`blocklist_recipients')dnl\nFEATURE(`accept_unresolvable_domains')dnl\n\
         {features}MAILER(`smtp')dnl\n{MARK}",
        access.display()
    );
    let made = run(Command::new(program()).arg0("makecf").arg("-"), &text);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let path = folder.join("sendmail.cf");
    std::fs::write(&path, made.stdout).expect("a folder of ours");
    path
}

/// Checks what a ruleset returns for a client with a name.
#[track_caller]
fn check(features: &str, client: &str, line: &str, expected: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = configuration(folder.path(), features);
    let input = format!(
        ".D{{client_addr}}192.0.2.77\n.D{{client_name}}{client}\n.D{{client_resolve}}OK\n.Dfx@spam.example\n{line}\n"
    );
    let output = run(Command::new(program()).args(["-bt", "-C"]).arg(&path), &input).stdout;
    let text = String::from_utf8_lossy(&output);
    let last = text.lines().rfind(|line| line.contains(" returns: ")).unwrap_or_default();
    assert!(last.contains(expected), "{line}: {text}");
}

#[test]
fn no_user_part_lets_mail_through() {
    for user in ["victim+<x><RELAY><+To><y>", "<x><RELAY><+To><y>", "a<@to.example>", "a<@to.example"] {
        check("", "evil.test", &format!("check_rcpt <\"{user}\"@other.example>"), "550 Relaying denied");
    }
    check("", "evil.test", "check_rcpt <\"a%other.example<>\"@to.example>", "550 Relaying denied");
    check("", "evil.test", "check_rcpt <\"a b\"@to.example>", "RELAY");
}

#[test]
fn no_user_part_escapes_its_entry() {
    for recipient in
        ["\"bob+<x>\"@hoge.foo.jp", "\"bob+<>\"@hoge.foo.jp", "\"carol+<x>\"@hoge.foo.jp", "\"a<b>\"@blocked.example"]
    {
        check("", "evil.test", &format!("check_rcpt <{recipient}>"), "550 Mailbox disabled for this recipient");
    }
    let friend = "FEATURE(`delay_checks', `friend')dnl\n";
    check(friend, "evil.test", "check_rcpt <\"dan+<x><D:friends.example>\"@hoge.foo.jp>", "550 Access denied");
}

#[test]
fn no_name_of_a_client_lets_mail_through() {
    check("", "<x><RELAY><+Connect><y>.evil.test", "check_rcpt <v@other.example>", "550 Relaying denied");
    let line = "Mark,check_relay <x><OK><+Connect><y>.evil.test $| 192.0.2.81";
    check("", "evil.test", line, "550 Access denied");
    let line = "Mark,check_relay <! Connect>.bad.example $| 192.0.2.77";
    check("", "evil.test", line, "550 Access denied");
}

#[test]
fn no_stranger_writes_from_this_host_itself() {
    for host in ["localhost", "[127.0.0.1]", "[IPv6:::1]", "[IPv6:0:0:0:0:0:0:0:1]"] {
        check("", "evil.test", &format!("check_mail <x@{host}>"), "553 Real domain name required");
    }
}

#[test]
fn only_recipients_must_be_in_the_directory_unless_senders_must_too() {
    let routing = |what: &str| {
        format!("FEATURE(`ldap_routing', `null', `null', `{what}')dnl\nLDAPROUTE_DOMAIN(`dir.example')dnl\n")
    };
    let ask = |what: &str, kind: &str, expected: &str| {
        check(&routing(what), "evil.test", &format!(".D{{addr_type}}{kind}\n3,0 x@dir.example."), expected);
    };
    ask("bounce", "e r", "550 User unknown");
    ask("bounce", "e s", "$# esmtp $@ dir . example .");
    ask("sendertoo", "e s", "550 User unknown");
    ask("passthru", "e r", "$# esmtp $@ dir . example .");
}

#[test]
fn tables_of_other_programs_and_of_domains_decide() {
    let relayed = "FEATURE(`drac', `regex -a<YES> ^192[.]0[.]2[.]77$')dnl\n";
    check(relayed, "evil.test", "check_rcpt <v@other.example>", "RELAY");
    let other = "FEATURE(`drac', `regex -a<YES> ^192[.]0[.]2[.]78$')dnl\n";
    check(other, "evil.test", "check_rcpt <v@other.example>", "550 Relaying denied");
    let users = "FEATURE(`domainmap', `dir.example', `text -z: -k0 -v0 -a@box.example /etc/passwd')dnl\n";
    check(users, "evil.test", "3,0 root+x@dir.example.", "$# esmtp $@ box . example $: root + x < @ box . example >");
    check(users, "evil.test", "3,0 no-such-user@dir.example.", "550 email address lookup in domain map failed");
    check(users, "evil.test", ".D{addr_type}e s\n3,0 no-such-user@dir.example.", "$# smtp $@ dir . example");
}
