//! Random configurations and addresses: test mode answers as the original's does, byte for byte.
//!
//! `FUTAGO_CASES` says how many (`make torture`: 100,000), `FUTAGO_SEED` which ones, `FUTAGO_FIRST` where to go on, and
//! `FUTAGO_PROGRAM` of which build, if not of the tests' own. What differs is made small and shown.

mod case;
mod inputs;
mod lines;
mod lot;
mod maps;
mod rules;
mod run;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bstr::ByteSlice;

use crate::{is_root, program, repository, skip};
use case::Case;
use lot::Lot;
use run::{Desk, ORIGINAL, Verdict};

/// How many cases are tried unless the environment says otherwise.
const CASES: u64 = 2000;
/// The seed of those.
const SEED: u64 = 2;
/// So many kinds of differences are made small and shown.
const SHOWN_MAX: usize = 20;
/// After so many cases it is told how far it got.
const TOLD_EVERY: u64 = 5000;
/// Of so many cases, one may be without an answer of the original.
const UNANSWERED_SHARE: u64 = 10;
/// Lines shown before one that differs, and from it on.
const LINES_BEFORE: usize = 3;
const LINES_BEHIND: usize = 6;
/// How long making a case small may take: one whose programs are slow may not hold up the others.
const SHRINK_PATIENCE: Duration = Duration::from_secs(60);

/// Returns a random case.
fn case(seed: u64, number: u64) -> Case {
    let lot = &mut Lot::of_case(seed, number);
    let mut lines = lines::head(lot);
    lines.extend(lines::rulesets(lot));
    let inputs = (0..lot.between(5, 25)).map(|_| inputs::line(lot)).collect();
    let args = if lot.percent(10) { vec![format!("-d21.{}", lot.between(1, 20)).into()] } else { Vec::new() };
    Case { args, lines, words: maps::words(lot), tables: maps::tables(lot), inputs }
}

/// Returns the program whose answers are compared.
fn tried_program() -> PathBuf {
    std::env::var_os("FUTAGO_PROGRAM").map_or_else(program, PathBuf::from)
}

/// What differs: for each kind the cases, in no order.
type Differences = BTreeMap<Kind, Vec<u64>>;
/// The long words of the first line that differs.
type Kind = Vec<Vec<u8>>;

/// Tries cases from `first` on; returns the differences as text, one case of a kind made small.
fn try_cases(seed: u64, first: u64, count: u64) -> String {
    let next = AtomicU64::new(first);
    let (failed, remembering, found) = (AtomicU64::new(0), AtomicU64::new(0), Mutex::new(Differences::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (next, failed, remembering, found) = (&next, &failed, &remembering, &found);
            scope.spawn(move || {
                let desk = Desk::new(thread, &tried_program());
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= first + count {
                        return;
                    }
                    if number > first && number.is_multiple_of(TOLD_EVERY) {
                        let differing: usize = found.lock().expect("no panic").values().map(Vec::len).sum();
                        eprintln!("seed {seed}: {differing} differ before case {number}");
                    }
                    match desk.judge(&case(seed, number)) {
                        Verdict::Same => {}
                        Verdict::OriginalFailed => drop(failed.fetch_add(1, Ordering::Relaxed)),
                        Verdict::Remembers => drop(remembering.fetch_add(1, Ordering::Relaxed)),
                        Verdict::Different(theirs, ours) => {
                            eprintln!("seed {seed}: case {number} differs");
                            let kind = kind_of_difference(&theirs, &ours);
                            found.lock().expect("no panic").entry(kind).or_default().push(number);
                        }
                    }
                }
            });
        }
    });
    let found = found.into_inner().expect("no panic");
    let differing: usize = found.values().map(Vec::len).sum();
    let (failed, remembering) = (failed.into_inner(), remembering.into_inner());
    eprintln!(
        "{count} cases of seed {seed} from {first} on: {differing} differ; the original failed in {failed}, and in \
         {remembering} its answers depend on the lines before as they must not"
    );
    let mut text = show(&found, seed);
    if (failed + remembering) * UNANSWERED_SHARE > count {
        text += &format!("the original has no answer in {} cases: they tell nothing\n", failed + remembering);
    }
    text
}

/// Makes the first case of each kind small and shows it.
fn show(found: &Differences, seed: u64) -> String {
    let desk = Desk::new(0, &tried_program());
    let mut text = String::new();
    for numbers in found.values().take(SHOWN_MAX) {
        text += &format!("cases {numbers:?}\n{}\n", describe(&desk, case(seed, numbers[0])));
    }
    text
}

/// Makes a case small and shows what differs.
fn describe(desk: &Desk, case: Case) -> String {
    let Verdict::Different(theirs, ours) = desk.judge(&case) else {
        return format!("{case}differs only sometimes\n");
    };
    let kind = kind_of_difference(&theirs, &ours);
    let end = Instant::now() + SHRINK_PATIENCE;
    let small = case.shrink(|case| {
        Instant::now() < end
            && matches!(desk.judge(case), Verdict::Different(theirs, ours) if kind_of_difference(&theirs, &ours) == kind)
    });
    match desk.judge(&small) {
        Verdict::Different(theirs, ours) => {
            let same = theirs.lines().zip(ours.lines()).take_while(|(theirs, ours)| theirs == ours).count();
            format!("{small}--- original\n{}--- ours\n{}", excerpt(&theirs, same), excerpt(&ours, same))
        }
        _ => format!("{small}differs only sometimes\n"),
    }
}

/// Returns the lines of an output around the one that differs.
fn excerpt(output: &[u8], differing: usize) -> String {
    let lines = output.lines().skip(differing.saturating_sub(LINES_BEFORE)).take(LINES_BEFORE + LINES_BEHIND);
    lines.map(|line| format!("{}\n", line.escape_ascii())).collect()
}

/// Returns the long words of the first line that differs, so that a case stays of one kind while it gets smaller.
fn kind_of_difference(theirs: &[u8], ours: &[u8]) -> Kind {
    let differing = theirs.lines().zip(ours.lines()).find(|(theirs, ours)| theirs != ours);
    let line = differing.map_or(&b""[..], |(theirs, _)| theirs);
    let words = line.split(|byte| !byte.is_ascii_lowercase()).filter(|word| word.len() > 4);
    words.map(<[u8]>::to_vec).collect()
}

/// Returns a number of the environment.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn random_configurations_are_obeyed_as_the_original_obeys_them() {
    if std::env::var_os("ORACLE_WORLD").is_some() {
        let differences =
            try_cases(number("FUTAGO_SEED", SEED), number("FUTAGO_FIRST", 0), number("FUTAGO_CASES", CASES));
        assert!(differences.is_empty(), "{differences}");
        return;
    }
    if !is_root() {
        return skip("the worlds of the original need root");
    }
    if !std::path::Path::new(ORIGINAL).exists() {
        return skip("the original is not set up: sh tests/oracle/setup.sh");
    }
    let status = Command::new("python3")
        .arg(repository("tests/oracle/sandbox.py"))
        .arg("pub")
        .arg(std::env::current_exe().expect("it has a name"))
        .args(["--exact", "random::random_configurations_are_obeyed_as_the_original_obeys_them", "--nocapture"])
        .status()
        .expect("python3 runs");
    assert!(status.success(), "see above");
}
