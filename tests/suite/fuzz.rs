//! Bytes that the fuzzer found worth keeping, and those that once were a finding (`make fuzz`).

use crate::repository;

#[path = "../fuzz/trials.rs"]
#[expect(unreachable_pub, reason = "it is a library of its own for the fuzzer")]
mod trials;

/// Gives every file of a corpus to its trial.
fn replay(corpus: &str, trial: fn(&[u8])) {
    let folder = repository("tests").join(corpus);
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("read").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        eprintln!("{}", file.display());
        trial(&std::fs::read(file).expect("readable"));
    }
}

#[test]
fn configurations_that_were_found_are_read() {
    replay("fuzz/corpus/cf", trials::cf);
}

#[test]
fn rules_that_were_found_are_evaluated() {
    replay("fuzz/corpus/rule", trials::rule);
}

#[test]
fn addresses_that_were_found_are_rewritten() {
    replay("fuzz/corpus/address", trials::address);
}

#[test]
fn map_files_that_were_found_are_read() {
    replay("fuzz/corpus/map", trials::map);
    replay("data/maps", trials::map);
}
