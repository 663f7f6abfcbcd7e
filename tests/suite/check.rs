//! `sendmail -bC`: what is wrong with a configuration, and what it asks for and does not get.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::program;

/// Checks the configuration of a `.mc` file and returns what is said.
fn checked(settings: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mc, cf) = (folder.path().join("x.mc"), folder.path().join("x.cf"));
    std::fs::write(&mc, format!("OSTYPE(`linux')dnl\n{settings}")).expect("a folder of ours");
    let made = Command::new(program()).arg0("makecf").arg("x.mc").current_dir(folder.path()).output().expect("starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::write(&cf, made.stdout).expect("a folder of ours");
    said(&cf)
}

fn said(cf: &std::path::Path) -> String {
    let output = Command::new(program()).args(["-bC", "-C"]).arg(cf).output().expect("starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn faults_and_loose_ends_are_told_by_both_lines() {
    let told = checked(
        "MAILER(`smtp')dnl\nLOCAL_CONFIG\nKre regex -a<X> ^(abc\nFX/nonexistent\nLOCAL_RULE_0\nR$* a\t$#nomail $@ x $: $1\n\
         R$* b\t$: $>NoSuch $1\nR$* c\t$: $(nomap $1 $)\n",
    );
    for (fault, place) in [
        ("pattern-compile-error: Unmatched ( or \\(", "x.mc:4 LOCAL_CONFIG"),
        ("fileclass: cannot open '/nonexistent'", "x.mc:5 LOCAL_CONFIG"),
        ("there is no mailer nomail", "x.mc:7 LOCAL_RULE_0"),
        ("there is no ruleset NoSuch", "x.mc:8 LOCAL_RULE_0"),
        ("there is no map nomap", "x.mc:9 LOCAL_RULE_0"),
    ] {
        assert!(told.lines().any(|line| line.contains(fault) && line.contains(place)), "{fault}: {told}");
    }
}

#[test]
fn what_is_not_acted_upon_yet_is_told() {
    let told = checked(
        "define(`confSERVER_CERT', `/x.pem')dnl\nTRUST_AUTH_MECH(`PLAIN')dnl\nINPUT_MAIL_FILTER(`own', `S=unix:/x')dnl\n\
         MAILER(`smtp')dnl\n",
    );
    for expected in ["does not act upon yet: ServerCertFile=/x.pem", "nobody can log in", "Milter (own)"] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert_eq!(checked("MAILER(`smtp')dnl\n"), "");
}

#[test]
fn no_terminal_obeys_a_file_that_is_only_looked_at() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cf = folder.path().join("x.cf");
    std::fs::write(&cf, "V10/Berkeley\nO \x1b[31mx=1\nZ\x1b]0;x\x07\n").expect("a folder of ours");
    let told = said(&cf);
    assert!(told.contains("unknown option name \\u{1b}[31mx"), "{told:?}");
    assert!(!told.contains(['\x1b', '\x07']), "{told:?}");
}

#[test]
fn a_damaged_map_is_told_with_the_command_that_makes_it_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (cf, map) = (folder.path().join("x.cf"), folder.path().join("access"));
    let map = map.display();
    std::fs::write(format!("{map}.db"), "no database").expect("a folder of ours");
    let text = format!(
        "V10/Berkeley\nMlocal, P=/bin/true, A=true\nO DontBlameSendmail=TrustStickyBit\nKaccess hash -o {map}\n"
    );
    std::fs::write(&cf, text).expect("a folder of ours");
    let expected = format!(
        "Cannot open hash database {map}.db: not a Berkeley DB hash or btree file; run: makemap hash {map} < {map}"
    );
    assert!(said(&cf).contains(&expected), "{}", said(&cf));
}

#[test]
fn a_file_that_is_none_is_refused_and_d0_tells_the_version_in_every_mode() {
    assert_eq!(said(std::path::Path::new("/dev/null")), "/dev/null: line 0: not a plain file\n");
    for mode in ["-bC", "-bt", "-bp"] {
        let output =
            Command::new(program()).args(["-d0.1", mode, "-C", "/dev/null"]).output().expect("the program starts");
        assert!(output.stdout.starts_with(b"Version "), "{mode}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn an_alias_file_that_would_hold_no_alias_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cf = folder.path().join("x.cf");
    for (option, expected) in [
        ("hsah:/etc/aliases", "line 3: setalias: unknown alias class hsah"),
        ("/a,nis:mail.aliases", "line 3: readcf: map Alias1: class nis not available"),
        ("dequote:", "line 3: setalias: map class dequote can't handle aliases"),
        ("btree:", "line 3: No file name for btree map Alias0"),
        ("sequence:later", "line 3: Sequence map Alias0: unknown member map later"),
    ] {
        let text = format!("V10/Berkeley\nMlocal, P=/bin/true, A=true\nO AliasFile={option}\nKlater null\n");
        std::fs::write(&cf, text).expect("a folder of ours");
        assert!(said(&cf).contains(expected), "{option}: {}", said(&cf));
    }
}
