//! `--explain` and `--compare` on a small configuration of their own.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use crate::program;

/// Rules that let a network relay and ask a text map for the rest.
const CONFIGURATION: &str = "V10/Berkeley
O OperatorChars=.:%@!^/[]+
Cwhere.test
Kaccess text -o -k0 -v1 ROOM/access
Scanonify=3
R$* < $* > $*\t$2
R$* @ $*\t$@ $1 < @ $2 >
Sfinal=4
R$* < @ $* >\t$1 @ $2
Sparse=0
R$* < @ $=w >\t$#local $: $1
R$* < @ $* >\t$#esmtp $@ $2 $: $1 < @ $2 >
R$*\t$#local $: $1
Scheck_rcpt
R$*\t$: $>canonify $1
R$* < @ $=w >\t$@ OK
R$*\t$: < $(access Connect:$&{client_addr} $: NO $) > $1
R< RELAY > $*\t$@ OK
R< $* > $* < @ $* >\t$: < $(access To:$3 $: NO $) >
R< RELAY >\t$@ OK
R$*\t$#error $@ 5.7.1 $: \"550 Relaying denied\"
Mlocal, P=/bin/true, F=lsDFMAw5:/|@q, A=true $u
Mprog, P=/bin/sh, F=lsDFMoqeu9, A=sh -c $u
Mesmtp, P=[IPC], F=mDFMuXa, E=\\r\\n, A=TCP $h
O DontBlameSendmail=MapInUnsafeDirPath
";

/// Rules that ask a map where mail goes.
const OF_WAYS: &str = "Kroutes text -o -k0 -v1 ROOM/routes
Sparse=0
R$* < @ $* >\t$: < $(routes $2 $: NO $) > $1 < @ $2 >
R< error > $*\t$#error $@ nouser $: 550 gone
R< NO > $* < @ $* >\t$: $1 < @ $2 >
R< $+ > $* < @ $* >\t$#esmtp $@ $1 $: $2 < @ $3 >
";

/// Rules that ask the access map about senders.
const OF_SENDERS: &str = "
Scheck_mail
R$*\t$: $>canonify $1
R$* < @ $* >\t$: < $(access From:$1@$2 $: NO $) > $1 < @ $2 >
R< NO > $* < @ $* >\t$: < $(access $2 $: NO $) > $1 < @ $2 >
R< REJECT > $*\t$#error $@ 5.7.1 $: \"550 Access denied\"
R< DISCARD > $*\t$#discard $: discard
R< HOLD > $*\t$#error $@ quarantine $: held for a look
";

/// A folder with the configuration `NAME.cf` and its map.
fn room() -> tempfile::TempDir {
    let room = tempfile::tempdir().expect("a folder");
    write_configuration(&room, "first", CONFIGURATION);
    fs::write(room.path().join("access"), "# text\nConnect:192.0.2.5 RELAY\n").expect("written");
    room
}

fn write_configuration(room: &tempfile::TempDir, name: &str, text: &str) {
    let text = text.replace("ROOM", &room.path().display().to_string());
    fs::write(room.path().join(format!("{name}.cf")), text).expect("written");
}

fn run(room: &tempfile::TempDir, words: &str) -> (String, Output) {
    let words = words.replace("ROOM", &room.path().display().to_string());
    let output = Command::new(program()).args(words.split(' ')).output().expect("runs");
    let text = String::from_utf8_lossy(&output.stdout).replace(&room.path().display().to_string(), "ROOM");
    (text, output)
}

#[test]
fn a_refusal_names_the_line_that_would_let_it_pass() {
    let room = room();
    let (text, output) = run(
        &room,
        "--explain -C ROOM/first.cf --client 192.0.2.9 --client-name far.test --from a@b.test --to c@d.test",
    );
    assert!(output.status.success(), "{output:?}");
    assert!(text.starts_with("verdict: refused by 550 5.7.1 <c@d.test>... Relaying denied\n"), "{text}");
    assert!(text.contains("accepted with this line in ROOM/access: Connect:192.0.2.9\tRELAY\n"), "{text}");
    assert!(text.contains("accepted with this line in ROOM/access: To:d.test\tRELAY\n"), "{text}");
    assert!(text.contains("line 17: R$* -> $: < $( access Connect : $&{client_addr} $: NO $) > $1"), "{text}");
    assert!(text.contains("    decides: line 21: R$* -> $# error"), "{text}");
    assert!(text.contains("map access: 2 keys not there"), "{text}");
}

#[test]
fn an_acceptance_names_the_line_that_gave_it_and_where_the_mail_goes() {
    let room = room();
    let (text, _) = run(
        &room,
        "--explain -C ROOM/first.cf --client 192.0.2.5 --client-name near.test --from a@b.test --to c@d.test",
    );
    assert!(text.starts_with("verdict: accepted\n"), "{text}");
    assert!(text.contains("decided by ROOM/access:2: Connect:192.0.2.5 RELAY\n"), "{text}");
    assert!(text.contains("  mailer esmtp, host d.test, user c@d.test\n"), "{text}");
    let words =
        "--explain -C ROOM/first.cf --client 192.0.2.9 --client-name h --from a@b.test --to root@here.test c@d.test";
    let (text, _) = run(&room, words);
    assert!(text.starts_with("verdict: 1 of 2 recipients refused by 550 5.7.1 <c@d.test>"), "{text}");
    let (json, _) = run(&room, "--explain -C ROOM/first.cf --json --client-name h --from a@b.test --to root@here.test");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json["accepted"], &json["destinations"][0]["mailer"]), (&true.into(), &"local".into()));
}

/// Asks about a sender whose domain stands in the access map, and a recipient of this host or of `routes`.
#[track_caller]
fn check_sender(words: &str, expected: &[&str]) -> String {
    let room = room();
    write_configuration(&room, "senders", &(CONFIGURATION.replace("Sparse=0\n", OF_WAYS) + OF_SENDERS));
    let lines = "Connect:192.0.2.5 RELAY\nspam.test REJECT\nlost.test DISCARD\nheld.test HOLD\n";
    fs::write(room.path().join("access"), lines).expect("written");
    fs::write(room.path().join("routes"), "gone.test error\nfar.test hub.test\n").expect("written");
    let words = format!("--explain -C ROOM/senders.cf --client 192.0.2.5 --client-name near.test {words}");
    let (text, output) = run(&room, &words);
    assert!(output.status.success(), "{output:?}");
    for line in expected {
        assert!(text.lines().any(|found| found == *line), "{line}\n{text}");
    }
    text
}

#[test]
fn the_line_that_is_proposed_is_the_least_that_works() {
    let decided = "decided by ROOM/access:2: spam.test REJECT";
    let proposed = "accepted with this line in ROOM/access: From:joe@spam.test\tOK";
    let text = check_sender("--from joe@spam.test --to root@here.test", &[decided, proposed]);
    assert_eq!(text.matches("accepted with this line").count(), 1, "{text}");
    assert!(!text.contains("\tRELAY"), "{text}");
}

#[test]
fn a_line_decides_also_where_a_wider_one_says_the_same() {
    let room = room();
    write_configuration(&room, "senders", &format!("{CONFIGURATION}{OF_SENDERS}"));
    fs::write(room.path().join("access"), "From:a@spam.test REJECT\nspam.test REJECT\n").expect("written");
    let (text, _) = run(&room, "--explain -C ROOM/senders.cf --client-name h --from a@spam.test --to root@here.test");
    assert!(text.contains("decided by ROOM/access:1: From:a@spam.test REJECT\n"), "{text}");
}

#[test]
fn a_line_of_a_cdb_map_decides_like_any_other() {
    let room = room();
    let lines = "Connect:192.0.2.5 RELAY\n";
    fs::write(room.path().join("access"), lines).expect("written");
    let list = fs::File::open(room.path().join("access")).expect("opens");
    let mut makemap = Command::new(program());
    let made = makemap.arg0("makemap").arg("cdb").arg(room.path().join("access")).stdin(list).output().expect("runs");
    assert!(made.status.success(), "{made:?}");
    write_configuration(&room, "cdb", &CONFIGURATION.replace("Kaccess text -o -k0 -v1 ", "Kaccess cdb -o "));
    let (text, _) =
        run(&room, "--explain -C ROOM/cdb.cf --client 192.0.2.5 --client-name h --from a@b.test --to c@d.test");
    assert!(text.contains("decided by ROOM/access:1: Connect:192.0.2.5 RELAY\n"), "{text}");
}

#[test]
fn no_line_is_proposed_for_a_map_of_ways() {
    let verdict = "verdict: refused by 550 5.0.0 <u@gone.test>... gone";
    let text =
        check_sender("--from a@b.test --to u@gone.test", &[verdict, "decided by ROOM/routes:1: gone.test error"]);
    assert!(!text.contains("with this line"), "{text}");
    let text = check_sender(
        "--from a@b.test --to u@far.test",
        &["verdict: accepted", "decided by ROOM/routes:2: far.test hub.test"],
    );
    assert!(text.contains("  mailer esmtp, host hub.test, "), "{text}");
    assert!(!text.contains("in ROOM/routes"), "{text}");
}

#[test]
fn what_is_thrown_away_or_held_is_told_as_that() {
    let verdict = "verdict: thrown away by check_mail; the client is told that it is accepted";
    let text = check_sender(
        "--from a@lost.test --to root@here.test",
        &[verdict, "decided by ROOM/access:3: lost.test DISCARD"],
    );
    assert!(!text.contains("delivery to"), "{text}");
    let verdict = "verdict: held in the queue (quarantine) by check_mail: held for a look";
    check_sender("--from a@held.test --to root@here.test", &[verdict, "decided by ROOM/access:4: held.test HOLD"]);
    let json = check_sender("--json --from a@held.test --to root@here.test", &[]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json["verdict"], &json["accepted"]), (&"quarantined".into(), &false.into()));
    assert_eq!((&json["reason"], &json["decided_by"][0]["key"]), (&"held for a look".into(), &"held.test".into()));
}

#[test]
fn a_field_of_the_header_is_judged_by_the_ruleset_of_its_line() {
    let room = room();
    let check = "\nHSubject: $>CheckSubject\nSCheckSubject\nR$* make money $*\t$#error $@ 5.7.1 $: \"554 no money\"\n";
    write_configuration(&room, "headers", &format!("{CONFIGURATION}{check}"));
    let ask = |words: &[&str]| {
        let file = room.path().join("headers.cf");
        let command = [&["--explain", "-C", file.to_str().expect("text"), "--client-name", "h"], words].concat();
        let output = Command::new(program()).args(command).output().expect("runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let judged = "header Subject: line 27, ruleset CheckSubject: the message is refused by 554 5.7.1 no money\n";
    let told = ask(&["--header", "Subject: make money fast", "--to", "root@here.test"]);
    assert!(told.contains(judged) && told.contains("\ndecided by line 29, CheckSubject: "), "{told}");
    let told = ask(&["--header", "Subject: hello", "--to", "root@here.test"]);
    assert!(told.starts_with("verdict: accepted") && told.contains("CheckSubject: nothing against it\n"), "{told}");
    let line = "6AT: ruleset=CheckSubject, arg1=make money, fast, relay=h [127.0.0.1], reject=554 5.7.1 other text";
    let told = ask(&["--to", "root@here.test", "--from", "a@b.test", line]);
    assert!(told.contains(judged) && told.contains("not what the line says: 554 5.7.1 other text\n"), "{told}");
    let told = ask(&[&line.replace("CheckSubject", "CheckNothing")]);
    assert!(told.is_empty(), "{told}");
}

#[test]
fn a_port_is_one_of_those_that_there_are() {
    let room = room();
    let ports = "O DaemonPortOptions=Name=MTA\nO DaemonPortOptions=Port=587, Name=MSA\nScheck_relay\n\
                 R$*\t$: $&{daemon_name}\nRMSA\t$#error $@ 5.7.1 $: \"550 not here\"\n";
    write_configuration(&room, "ports", &format!("{CONFIGURATION}{ports}"));
    let words = "--explain -C ROOM/ports.cf --client-name h --from a@b.test --to root@here.test --port ";
    for (port, verdict) in
        [("25", "accepted"), ("mta", "accepted"), ("587", "refused by 550 5.7.1 not here"), ("submission", "refused")]
    {
        let (text, _) = run(&room, &format!("{words}{port}"));
        assert!(text.starts_with(&format!("verdict: {verdict}")), "{port}\n{text}");
    }
    let (_, output) = run(&room, &format!("{words}465"));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("no port of the daemon is called 465") && told.contains("MTA (port 25), MSA (port 587)"),
        "{told}"
    );
}

#[test]
fn a_file_of_makecf_names_the_line_of_the_mc_file_too() {
    let room = room();
    let marked = CONFIGURATION.replace("Scheck_rcpt", "#@ first.mc:7+ LOCAL_RULESETS\nScheck_rcpt");
    write_configuration(&room, "marked", &marked.replace("Mesmtp", "#@ first.mc:20 MAILER(smtp)\nMesmtp"));
    let words = "--explain -C ROOM/marked.cf --client 192.0.2.9 --from a@b.test --to c@d.test";
    let (text, _) = run(&room, words);
    assert!(text.contains("line 18 (first.mc:10 LOCAL_RULESETS): R$* -> $: < $( access"), "{text}");
    let (text, _) = run(&room, &words.replace("192.0.2.9", "192.0.2.5"));
    assert!(text.contains("(first.mc:20 MAILER(smtp)): P=[IPC]"), "{text}");
    let (text, _) = run(&room, &format!("{words} --json"));
    let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let steps = answer["stages"].as_array().expect("a list").iter().filter_map(|stage| stage["steps"].as_array());
    let lines: Vec<_> = steps.flatten().map(|step| step["source"]["line"].as_u64()).collect();
    assert!(lines.contains(&Some(10)), "{text}");
    // What is wrong with the file itself is told in the same way.
    write_configuration(&room, "wrong", "#@ first.mc:3 define(confMAX_HOP)\nO MaxHopCount=x\nO NoSuch=1\n");
    let (_, output) = run(&room, "--explain -C ROOM/wrong.cf --to x");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.lines().any(|line| line.contains("line 3: ") && line.ends_with("(first.mc:3 define(confMAX_HOP))")),
        "{told}"
    );
}

#[test]
fn a_map_that_cannot_be_opened_is_told_beside_the_verdict() {
    let room = room();
    fs::remove_file(room.path().join("access")).expect("is there");
    let configuration = CONFIGURATION.replace("Kaccess text -o ", "Kaccess hash -T<TMPF> ").replace("-k0 -v1 ", "");
    write_configuration(&room, "closed", &configuration);
    let words = "--explain -C ROOM/closed.cf --client 192.0.2.9 --from a@b.test --to c@d.test";
    let (text, _) = run(&room, words);
    let told = "could not be asked: hash map \"access\": missing map file ROOM/access.db: No such file or directory; \
                run: makemap hash ROOM/access < ROOM/access";
    assert!(text.lines().take(3).any(|line| line == told), "{text}");
    let (text, _) = run(&room, &format!("{words} --json"));
    let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(answer["closed_maps"][0]["map"], "access", "{text}");
}

#[test]
fn two_configurations_are_compared_by_what_they_do() {
    let room = room();
    write_configuration(&room, "second", &CONFIGURATION.replace("Relaying denied", "No").replace("$#esmtp", "$#local"));
    let (text, output) = run(&room, "--compare ROOM/second.cf -C ROOM/first.cf u@here.test c@d.test");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!text.contains("here.test as recipient"), "{text}");
    assert!(text.contains("\nu@here.test as sender to somebody@example.com, from this host\n"), "{text}");
    assert!(text.contains("c@d.test as recipient, from outside\n< refused at RCPT: 550 5.7.1 <c@d.test>... Relaying denied\n> refused at RCPT: 550 5.7.1 <c@d.test>... No\n"), "{text}");
    let (text, output) = run(&room, "--compare ROOM/first.cf -C ROOM/first.cf c@d.test");
    assert_eq!((text.as_str(), output.status.code()), ("", Some(0)));
}

/// Compares with a configuration to which `more` is added; returns what is printed and the exit status.
fn compare(more: &str, words: &str) -> (String, Option<i32>) {
    let room = room();
    let first = format!("{CONFIGURATION}{OF_SENDERS}");
    fs::write(room.path().join("access"), "Connect:127.0.0.1 RELAY\n").expect("written");
    write_configuration(&room, "first", &first);
    write_configuration(&room, "second", &format!("{first}{more}"));
    let (text, output) = run(&room, &format!("--compare ROOM/second.cf -C ROOM/first.cf {words}"));
    (text, output.status.code())
}

#[test]
fn a_sender_who_is_refused_later_is_refused() {
    let room = room();
    let first = format!("{CONFIGURATION}{OF_SENDERS}");
    let checks = first
        .replace("Scheck_rcpt\n", "Scheck_rcpt\nR$*\t$: $1 $| $>checkmail $&f\nR$* $| $#$*\t$#$2\nR$* $| $*\t$: $1\n");
    fs::write(room.path().join("access"), "spam.test REJECT\n").expect("written");
    write_configuration(&room, "first", &first);
    write_configuration(&room, "delayed", &checks.replace("Scheck_mail", "Scheckmail"));
    let (text, _) = run(&room, "--compare ROOM/delayed.cf -C ROOM/first.cf a@spam.test");
    let told = "a@spam.test as sender to root, from outside\n< refused at MAIL: 550 5.7.1 <a@spam.test>... Access denied\n> refused at RCPT: 550 5.7.1 <root>... Access denied\n";
    assert!(text.contains(told), "{text}");
}

#[test]
fn what_is_seen_in_the_header_is_compared() {
    let masquerade = "\nSmasq\nR$* < @ $* >\t$: $1 < @ outer.test >\n";
    let mailer = "Mesmtp, P=[IPC], F=mDFMuXa, S=0/masq, E=\\r\\n, A=TCP $h\n";
    let (text, code) = compare(&format!("{masquerade}{mailer}"), "--json a@b.test");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let other = json["differences"][0]["other"][0].as_str().unwrap_or_default();
    assert!(other.starts_with("header From: a@outer.test, To: "), "{text}");
    assert_eq!(code, Some(1));
    let check = "\nHSubject: $>CheckSubject\nSCheckSubject\nR$* money $*\t$#error $: no\nScheck_eoh\nR$*\t$#error $: \"554 never\"\n";
    let (text, _) = compare(check, "root");
    assert!(
        text.contains("check of the header field subject\n< no check\n> $>CheckSubject\n> R$* money $* -> "),
        "{text}"
    );
    assert!(text.contains("\nruleset check_eoh\n< no rules\n> "), "{text}");
    assert!(text.contains("\n> refused at DATA: 554 5.0.0 never\n"), "{text}");
}

#[test]
fn a_configuration_with_errors_is_not_the_same() {
    let (_, code) = compare("O NoSuch=1\n", "root");
    assert_eq!(code, Some(70));
}

#[test]
fn a_list_of_addresses_may_have_comments() {
    let room = room();
    let file = |name: &str| room.path().join(name);
    write_configuration(&room, "second", &CONFIGURATION.replace("Relaying denied", "No"));
    fs::write(file("list"), "# c@d.test\n\n  # root\n").expect("written");
    let list = fs::File::open(file("list")).expect("opens");
    let output = Command::new(program())
        .args(["--compare".into(), file("second.cf"), "-C".into(), file("first.cf")])
        .stdin(list)
        .output()
        .expect("runs");
    assert_eq!((output.stdout.len(), output.status.code()), (0, Some(0)), "{output:?}");
}
