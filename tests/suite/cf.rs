//! The cf library: what its files do is what the stock library's files do, in the original and in our program.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::oracle::run;
use crate::{program, repository};

/// Configurations that a run of the generator tries; more by `tests/oracle/random_cf.py -c`.
const RANDOM_CASES: &str = "100";

/// Rounds of random addresses through the files of `tests/oracle/usual`.
const USUAL_CASES: &str = "12";

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
    let folder = tempfile::tempdir().expect("a temporary folder");
    make_all(folder.path());
    let golden = repository("tests/oracle/golden");
    run("diff_cf.py", &[OsStr::new(sendmail), folder.path().as_os_str(), golden.as_os_str()]);
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
    let folder = tempfile::tempdir().expect("a temporary folder");
    let makecf = folder.path().join("makecf");
    std::os::unix::fs::symlink(program(), &makecf).expect("a folder of ours");
    let mut all: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
    for file in files {
        all.extend([OsStr::new("-f"), file.as_os_str()]);
    }
    all.push(makecf.as_os_str());
    run("random_cf.py", &all);
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
