//! `makecf` beside the stock cf library: option lines and systems.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use futago::cf::mc_names;

use crate::{program, skip};

/// The cf library of the original, where `tests/oracle/setup.sh` lays it.
const STOCK: &str = "/opt/oracle/root/usr/share/sendmail/cf/";

/// Runs `makecf` on a text.
fn makecf(args: &[&str], text: &str) -> Output {
    use std::io::Write;
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(program());
    command.arg0("makecf").args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    // It may end before it has read everything.
    let _ = child.stdin.take().expect("piped").write_all(text.as_bytes());
    child.wait_with_output().expect("ends")
}

/// Returns the option lines that a text makes.
fn options(args: &[&str], text: &str) -> BTreeSet<String> {
    let made = makecf(args, text).stdout;
    let lines = String::from_utf8_lossy(&made);
    // An option without a value is an empty one.
    lines.lines().filter(|line| line.starts_with("O ")).map(|line| line.trim_end_matches('=').to_owned()).collect()
}

#[track_caller]
fn check_options(settings: &str) {
    let text = format!("{settings}\nMAILER(`local')\nMAILER(`smtp')\n");
    let stock = options(&[&format!("-D_CF_DIR_={STOCK}")], &text);
    assert!(stock.len() > 20, "{settings}");
    assert_eq!(options(&[], &text), stock, "{settings}");
}

fn has_stock() -> bool {
    let has = Path::new(STOCK).is_dir();
    if !has {
        skip("the original's cf library is not here");
    }
    has
}

#[test]
fn every_conf_name_sets_the_option_that_it_sets_in_the_stock_library() {
    if !has_stock() {
        return;
    }
    // Filters have their macros only where there are filters, and the time zone has words of its own.
    let names =
        mc_names().into_iter().filter(|name| !name.option.starts_with("Milter.") && name.name != "confTIME_ZONE");
    let settings: String = names.map(|name| format!("define(`{0}', `value_of_{0}')dnl\n", name.name)).collect();
    check_options(&format!("OSTYPE(`bsd4.4')\n{settings}"));
    check_options("OSTYPE(`bsd4.4')");
    check_options("OSTYPE(`bsd4.4')\ndefine(`confTIME_ZONE', `USE_TZ')define(`confMESSAGE_TIMEOUT', `3d/6h')");
    check_options("OSTYPE(`bsd4.4')\ndefine(`confTIME_ZONE', `USE_SYSTEM')define(`confMESSAGE_TIMEOUT', `3d')");
    check_options("OSTYPE(`bsd4.4')\ndefine(`confTIME_ZONE', `JST-9')DOMAIN(`generic')");
}

#[test]
fn every_system_has_the_options_that_it_has_in_the_stock_library() {
    if !has_stock() {
        return;
    }
    let systems = std::fs::read_dir(crate::repository("etc/cf/ostype")).expect("is there").flatten();
    let names: Vec<String> = systems.map(|entry| entry.file_name().to_string_lossy().replace(".m4", "")).collect();
    // The stock file of Debian includes one that only an installed system has; `unknown` is an error here.
    for name in names.iter().filter(|name| !matches!(name.as_str(), "debian" | "unknown")) {
        check_options(&format!("OSTYPE(`{name}')"));
    }
    assert!(names.len() > 15);
}
