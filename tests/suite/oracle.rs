//! The recorded answers of the original: every case agrees, but those that `tests/data/open-cases.txt` names.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::{is_root, own_configuration, program, repository, skip};

/// Tells why the original cannot be asked here, if it cannot.
fn missing() -> Option<&'static str> {
    match (is_root(), Path::new("/opt/oracle/cf").is_dir()) {
        (false, _) => Some("the worlds of the original need root"),
        (true, false) => Some("the original is not set up: sh tests/oracle/setup.sh"),
        (true, true) => None,
    }
}

/// Returns the command that starts a program of `tests/oracle`.
fn python(tool: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg(repository("tests/oracle").join(tool)).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Runs one of the comparing programs of `tests/oracle` on the files whose names begin with `prefix`.
///
/// A case that differs and is not listed as open fails, and so does one that is listed but agrees.
#[track_caller]
fn compare(tool: &str, prefix: &str, options: &[&str], command: &str) {
    if let Some(reason) = missing() {
        return skip(reason);
    }
    let golden = repository("tests/oracle/golden");
    let mut files: Vec<_> = std::fs::read_dir(golden).expect("kept here").flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)));
    files.sort();
    let output = python(tool)
        .args(options)
        .args(["-n", "100000", "golden", &command.replace("{program}", &program().display().to_string())])
        .args(files)
        .output()
        .expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let total = text.lines().find(|line| line.starts_with("TOTAL")).unwrap_or("no total");
    eprintln!("{tool} {prefix}: {total}");
    assert!(total.starts_with("TOTAL"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let differing: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("--- p-")).filter_map(|rest| rest.split(' ').next()).collect();
    let listed = std::fs::read_to_string(repository("tests/data/open-cases.txt")).expect("kept here");
    let open: BTreeSet<&str> = listed
        .lines()
        .filter_map(|line| line.split(['#', ' ']).next())
        .filter_map(|line| line.trim().strip_prefix("p-"))
        .filter(|name| case_belongs(name, prefix))
        .collect();
    let new: Vec<_> = differing.difference(&open).collect();
    let mended: Vec<_> = open.difference(&differing).collect();
    assert!(new.is_empty(), "these differ from the original: {new:?}\n{text}");
    assert!(mended.is_empty(), "these agree now: take them off tests/data/open-cases.txt: {mended:?}");
}

/// What the names of cases begin with, besides those of address test mode.
const KINDS: [&str; 9] = ["bs-", "sub-", "returns-", "flags-", "hooks-", "safe-", "opt-", "verdict-", "macros-"];

/// Tells whether the case `name` (without `p-`) is kept in files that begin with `prefix`.
fn case_belongs(name: &str, prefix: &str) -> bool {
    match prefix {
        "bt-" => !KINDS.iter().any(|kind| name.starts_with(kind)),
        _ => name.starts_with(prefix),
    }
}

#[test]
fn address_test_mode_answers_as_the_original() {
    compare("diff_bt.py", "bt-", &[], "{program} -bt -C {cf}");
}

#[test]
fn smtp_dialogues_go_as_with_the_original() {
    compare("diff_bs.py", "bs-", &["--log", "--queue", "--deliver"], "{program} -bs -C {cf}");
}

#[test]
fn rules_and_programs_see_the_same_macros_in_delivery() {
    compare("diff_sub.py", "macros-", &["--deliver", "--log"], "{program} -C {cf}");
}

#[test]
fn every_hook_is_called_at_its_moment_with_the_same_arguments_and_macros() {
    compare("diff_bs.py", "hooks-", &["--log"], "{program} -bs -C {cf}");
}

#[test]
fn what_a_hook_refuses_holds_back_or_throws_away_ends_so() {
    compare("diff_bs.py", "verdict-", &["--log", "--queue"], "{program} -bs -C {cf}");
}

#[test]
fn submission_goes_as_with_the_original() {
    compare("diff_sub.py", "sub-", &[], "{program} -C {cf}");
}

#[test]
fn returned_mail_is_that_of_the_original() {
    compare("diff_sub.py", "returns-", &["--deliver", "--log"], "{program} -C {cf}");
}

#[test]
fn flags_of_mailers_do_what_they_do_with_the_original() {
    compare("diff_sub.py", "flags-", &["--deliver", "--log"], "{program} -C {cf}");
}

#[test]
fn files_that_others_can_write_are_refused_as_by_the_original() {
    compare("diff_sub.py", "safe-", &["--log"], "{program} -C {cf}");
}

#[test]
fn options_do_what_they_do_in_the_original() {
    compare("diff_sub.py", "opt-", &["--deliver", "--log"], "{program} -C {cf}");
}

/// Runs one of the comparing programs of `tests/oracle` that fail by themselves where something differs.
#[track_caller]
pub(crate) fn run(tool: &str, args: &[impl AsRef<OsStr>]) {
    if let Some(reason) = missing() {
        return skip(reason);
    }
    let output = python(tool).args(args).output().expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stdout);
    eprintln!("{}", text.lines().last().unwrap_or_default());
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_map_tools_take_every_flag_as_the_original_does() {
    run("diff_maps.py", &[program()]);
}

#[test]
fn maps_that_ask_servers_answer_as_those_of_the_original() {
    run("diff_asking.py", &[program()]);
}

/// Lines of each random session of test mode; more by `make torture`.
const SESSION_LINES: &str = "300";

#[test]
fn random_sessions_over_real_configurations_are_answered_alike() {
    run("random_bt.py", &[OsStr::new("-c"), SESSION_LINES.as_ref(), program().as_os_str()]);
}

#[test]
fn no_spelling_of_a_recipient_relays() {
    let own = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(own.path(), own_configuration("lan-relay")).expect("ours");
    let command = format!("{} -bs -C {{cf}}", program().display());
    run("diff_relay.py", &[OsStr::new("ref"), command.as_ref(), own.path().as_os_str()]);
}
