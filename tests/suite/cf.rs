//! The cf library: what its files do is what the stock library's files do, in the original and in our program.

use std::path::Path;
use std::process::Command;

use crate::{is_root, program, repository, skip};

/// Configurations that a run of the generator tries; more by `tests/oracle/random_cf.py -c`.
const RANDOM_CASES: &str = "100";

/// Rounds of random addresses through the files of `tests/oracle/usual`.
const USUAL_CASES: &str = "12";

/// Tells why a test cannot run here, if it cannot.
fn missing() -> Option<&'static str> {
    match (is_root(), Path::new("/opt/oracle/cf").is_dir()) {
        (false, _) => Some("the worlds of the original need root"),
        (true, false) => Some("the original is not set up: sh tests/oracle/setup.sh"),
        (true, true) => None,
    }
}

/// Makes a `.cf` of every `.mc` of the worlds.
fn make_all(folder: &Path) {
    use std::os::unix::process::CommandExt;
    for entry in std::fs::read_dir(repository("tests/oracle/mc")).expect("kept here").flatten() {
        let path = entry.path();
        if path.extension() != Some("mc".as_ref()) {
            continue;
        }
        let made = Command::new(program()).arg0("makecf").arg(&path).output().expect("starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let name = Path::new(path.file_name().expect("a file")).with_extension("cf");
        std::fs::write(folder.join(name), made.stdout).expect("a folder of ours");
    }
}

/// Compares the answers of a program with our files and those of the original with the stock files.
#[track_caller]
fn compare(sendmail: &str) {
    if let Some(reason) = missing() {
        return skip(reason);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    make_all(folder.path());
    let output = Command::new("python3")
        .arg(repository("tests/oracle/diff_cf.py"))
        .args([sendmail, &folder.path().display().to_string()])
        .arg(repository("tests/oracle/golden"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_original_does_the_same_with_our_files() {
    compare("ref");
}

#[test]
fn our_program_does_the_same_with_our_files() {
    compare(&format!("{} -bt -C {{cf}}", program().display()));
}

/// Tries configurations of the generator, or those of files, on random addresses and clients.
#[track_caller]
fn try_random(args: &[&str], files: &[std::path::PathBuf]) {
    if let Some(reason) = missing() {
        return skip(reason);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let makecf = folder.path().join("makecf");
    std::os::unix::fs::symlink(program(), &makecf).expect("a folder of ours");
    let mut command = Command::new("python3");
    command.arg(repository("tests/oracle/random_cf.py")).args(args);
    for file in files {
        command.arg("-f").arg(file);
    }
    let output = command.arg(&makecf).env("PYTHONDONTWRITEBYTECODE", "1").output().expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn random_features_do_what_the_stock_ones_do() {
    try_random(&["-c", RANDOM_CASES], &[]);
}

#[test]
fn usual_files_do_what_the_stock_library_makes_of_them() {
    let entries = std::fs::read_dir(repository("tests/oracle/usual")).expect("kept here").flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.sort();
    assert!(files.len() > 5);
    try_random(&["-c", USUAL_CASES, "-s", "2"], &files);
}
