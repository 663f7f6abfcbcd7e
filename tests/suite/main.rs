//! Tests of the program as a whole: against the recorded answers of the original, and on a throw-away site.
//!
//! What cannot be had on a machine (root, the original, python3) is skipped with a printed reason.

mod access;
mod cf;
mod check;
mod explain;
mod fuzz;
mod ldap;
mod m4;
mod makecf;
mod oracle;
mod pages;
mod random;
mod site;
mod terminal;

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

/// Returns the program under test.
fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_sendmail").into()
}

/// Returns a path below the repository's root.
fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Makes the configuration of a set-up of `etc/mail`.
fn own_configuration(name: &str) -> Vec<u8> {
    let made = Command::new(program()).arg0("makecf").arg(repository(&format!("etc/mail/{name}.mc"))).output();
    let made = made.expect("it starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    made.stdout
}

/// Says on the test's output why it does not run here.
fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}

/// Tells whether the tests run as root.
fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}
