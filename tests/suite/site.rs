//! The whole site on a throw-away machine: `tests/site/*.sh` run inside `tests/site/jail.sh`.

use std::process::{Command, Output};

use crate::{is_root, program, repository, skip};

/// Runs a script inside the jail; none where that cannot be.
fn in_jail(script: &str) -> Option<Output> {
    if !is_root() {
        skip("namespaces and users need root");
        return None;
    }
    let jail = repository("target").join(format!("site-{script}-{}", std::process::id()));
    let output = Command::new("sh")
        .arg(repository("tests/site/jail.sh"))
        .arg(program())
        .arg(repository("tests/site").join(script))
        .env("JAIL", &jail)
        .output()
        .expect("sh runs");
    // What is left behind is only for looking at after a failure.
    if output.status.success() {
        let _ = std::fs::remove_dir_all(&jail);
    }
    Some(output)
}

/// Runs a script inside the jail and fails with all it said unless it succeeds.
#[track_caller]
fn check(script: &str) {
    let Some(output) = in_jail(script) else { return };
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn the_demonstration_delivers_by_every_way() {
    check("demo.sh");
}

#[test]
fn an_ordinary_user_sees_the_demonstration_too() {
    check("ordinary.sh");
}

#[test]
fn the_sites_own_rules_decide_and_the_client_queue_waits() {
    check("relay.sh");
}

#[test]
fn the_site_runs_as_well_on_what_the_stock_tree_makes() {
    check("stock.sh");
}

#[test]
fn without_a_configuration_the_built_in_default_serves_the_host_itself() {
    check("no-cf.sh");
}

#[test]
fn hup_kill_and_term_are_taken_as_the_original_takes_them() {
    check("hup.sh");
}

#[test]
fn who_cannot_begin_says_why_in_the_log() {
    check("refusals.sh");
}

#[test]
fn a_dead_name_server_blocks_nothing() {
    check("dead-dns.sh");
}

#[test]
fn clients_that_nobody_wants_harm_nobody() {
    check("abuse.sh");
}

#[test]
fn whatever_is_killed_every_acknowledged_message_arrives() {
    check("kill.sh");
}
