//! Reads `src/` and fails where the house rules of `src/ARCHITECTURE.md` are broken.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors: a module uses only those before it.
const ORDER: &[&str] = &[
    "name", "mail", // words
    "macros", "rewrite", "cf", "m4", "smtp", "milter", // machines
    "sys", "log", "net", "keeper", "map", "mailbox", "site", "queue", // resources
    "policy", "route", "receive", "deliver", "submit", // work
    "daemon", "cli", // programs
];

/// Words and machines: they do no I/O, read no clock and take no random numbers.
const PURE: &[&str] = &["name", "mail", "macros", "rewrite", "cf", "m4", "smtp", "milter"];

/// What no pure module names.
const IMPURE_WORDS: &[&str] = &[
    "tokio::",
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "std::process::Command",
    "std::io::stdin",
    "SystemTime::now",
    "Instant::now",
    "Zoned::now",
    "Timestamp::now",
    "getrandom",
];

/// How unsafe code begins; the word alone stands in messages about files too.
const UNSAFE_WORDS: &[&str] =
    &["unsafe {", "unsafe fn", "unsafe impl", "unsafe trait", "unsafe extern", "allow(unsafe"];

/// Names that say nothing about what is inside.
const BAD_FOLDERS: &[&str] = &["util", "utils", "common", "helpers", "types", "misc"];

/// The longest function, in lines from its `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// One source file: its floor and its lines; those of tests are empty.
struct Source {
    path: PathBuf,
    floor: String,
    code: Vec<String>,
}

/// Returns every source file below `src/` that lies on a floor.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src is readable") {
            let path = entry.expect("src is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.extend(source(&root, path));
            }
        }
    }
    found
}

/// Reads one file; the crate's own two files lie on no floor.
fn source(root: &Path, path: PathBuf) -> Option<Source> {
    let relative = path.strip_prefix(root).expect("below src");
    let floor = relative.components().next()?.as_os_str().to_str()?.to_owned();
    if relative.components().count() < 2 {
        return None;
    }
    let text = fs::read_to_string(&path).expect("source is UTF-8");
    let code = without_tests(&text);
    Some(Source { path, floor, code })
}

/// Returns the lines of a file, with nothing in those of the items that are only for tests.
fn without_tests(text: &str) -> Vec<String> {
    let mut is_test = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        is_test |= line.starts_with("#[cfg(test)]");
        lines.push(if is_test { String::new() } else { line.to_owned() });
        // An item ends with its brace at the margin, or as it begins.
        let begins = !line.starts_with([' ', '#', '/', '}']) && !line.is_empty();
        let ends = line.starts_with('}') || begins && line.ends_with([';', '}']);
        is_test &= !ends;
    }
    lines
}

#[test]
fn only_tests_are_left_out() {
    let text = "a\n#[cfg(test)]\n#[path = \"x\"]\nmod tests;\nb\n#[cfg(test)]\nimpl X {\n    fn f() {\n    }\n}\nc\n\
                #[cfg(test)]\nmod m {}\nd\n#[cfg(test)]\nmod tests {\n    use x;\n\n    y\n}\n";
    let kept: Vec<(usize, String)> =
        without_tests(text).into_iter().enumerate().filter(|(_, line)| !line.is_empty()).collect();
    let expected = [(0, "a"), (4, "b"), (10, "c"), (13, "d")];
    assert_eq!(kept, expected.map(|(place, line)| (place, line.to_owned())));
}

/// Fails with every complaint at once.
#[track_caller]
fn report(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// Returns the modules that a line of code names as `crate::module`.
fn named_modules(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    code.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn imports_go_down_only() {
    let height = |name: &str| ORDER.iter().position(|floor| *floor == name);
    let mut complaints = Vec::new();
    for source in sources() {
        let Some(own) = height(&source.floor) else {
            complaints.push(format!("{}: a folder that is no floor", source.path.display()));
            continue;
        };
        for (number, line) in source.code.iter().enumerate() {
            for module in named_modules(line) {
                match height(module) {
                    None if module.is_empty() => {
                        complaints.push(format!("{}:{}: one `use` for each floor", source.path.display(), number + 1));
                    }
                    Some(other) if other > own => {
                        complaints.push(format!("{}:{}: goes up to {module}", source.path.display(), number + 1));
                    }
                    _ => {}
                }
            }
        }
    }
    report(&complaints);
}

#[test]
fn words_and_machines_do_nothing_themselves() {
    let mut complaints = Vec::new();
    for source in sources().into_iter().filter(|source| PURE.contains(&source.floor.as_str())) {
        for (number, line) in source.code.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in IMPURE_WORDS.iter().filter(|word| code.contains(**word)) {
                complaints.push(format!("{}:{}: names {word}", source.path.display(), number + 1));
            }
        }
    }
    report(&complaints);
}

#[test]
fn only_sys_is_unsafe() {
    let mut complaints = Vec::new();
    for source in sources().into_iter().filter(|source| source.floor != "sys") {
        for (number, line) in source.code.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let is_unsafe = UNSAFE_WORDS.iter().any(|word| code.contains(word));
            if is_unsafe || code.contains("libc::") {
                complaints.push(format!("{}:{}: unsafe or libc outside sys", source.path.display(), number + 1));
            }
        }
    }
    report(&complaints);
}

#[test]
fn functions_fit_a_screen() {
    let mut complaints = Vec::new();
    for source in sources() {
        let mut start: Option<(usize, usize, String)> = None;
        for (number, line) in source.code.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let is_head = line.trim_start().split("fn ").next().is_some_and(|before| {
                line.contains("fn ")
                    && before.split_whitespace().all(|word| {
                        matches!(word, "pub" | "async" | "const" | "unsafe" | "extern" | "\"C\"")
                            || word.starts_with("pub(")
                            || word.ends_with(')')
                    })
            });
            if is_head && start.is_none() && !line.trim_end().ends_with(';') {
                start = Some((number, indent, line.trim().to_owned()));
            }
            let ends = start.as_ref().is_some_and(|(first, depth, _)| {
                *depth == indent
                    && (line.trim_start().starts_with('}') || (number == *first && line.trim_end().ends_with('}')))
            });
            if ends
                && let Some((first, _, head)) = start.take()
                && number - first >= FUNCTION_LINES_MAX
            {
                complaints.push(format!(
                    "{}:{}: {} lines: {head}",
                    source.path.display(),
                    first + 1,
                    number - first + 1
                ));
            }
        }
    }
    report(&complaints);
}

#[test]
fn folders_are_named_for_what_is_inside() {
    let complaints: Vec<_> = sources()
        .into_iter()
        .filter(|source| source.path.iter().any(|part| BAD_FOLDERS.iter().any(|bad| part == *bad)))
        .map(|source| format!("{}: a name that says nothing", source.path.display()))
        .collect();
    report(&complaints);
}

#[test]
fn nothing_is_left_undone() {
    let mut complaints = Vec::new();
    for source in sources() {
        for (number, line) in source.code.iter().enumerate() {
            for word in ["todo!(", "unimplemented!(", "dbg!(", "allow(dead_code)"] {
                if line.contains(word) {
                    complaints.push(format!("{}:{}: {word}", source.path.display(), number + 1));
                }
            }
        }
    }
    report(&complaints);
}

#[test]
fn white_space_is_that_of_c() {
    let mut complaints = Vec::new();
    for source in sources() {
        for (number, line) in source.code.iter().enumerate() {
            for (word, instead) in
                [("is_ascii_whitespace", "CSpace::is_c_space"), ("trim_ascii", "TrimSpace::trim_space")]
            {
                if line.contains(word) {
                    let path = source.path.display();
                    complaints.push(format!("{path}:{}: {word} knows no vertical tab: use {instead}", number + 1));
                }
            }
        }
    }
    report(&complaints);
}

/// Read only to tell that it has no effect.
const TOLD_INERT: &str = "host_status_directory";

/// Returns field and word (`works`, `settled`, `inert`) of every row of the table of options.
fn option_rows(table: &str) -> Vec<(&str, &str)> {
    let row = |line| {
        let (head, tail) = str::split_once(line, " = \"")?;
        let field = head.split_once(": ")?.0.rsplit(' ').next()?;
        let words = tail.rsplit_once(", safe, ").or_else(|| tail.rsplit_once(", drops, "))?.1;
        Some((field, words.split([',', ';']).next()?))
    };
    table.lines().filter_map(row).collect()
}

/// Whether a line reads the field of a structure.
fn reads(line: &str, field: &str) -> bool {
    let mut pieces = line.split("//").next().unwrap_or_default().split('.').skip(1);
    pieces.any(|piece| {
        piece.strip_prefix(field).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    })
}

#[test]
fn an_option_works_where_something_reads_it() {
    let is_table = |path: &Path| path.to_string_lossy().contains("src/cf/option");
    let all = sources();
    let table = all.iter().find(|source| source.path.ends_with("src/cf/options.rs")).expect("the table");
    let text = table.code.join("\n");
    let rows = option_rows(&text);
    assert!(rows.len() > 140, "only {} rows were understood", rows.len());
    let is_test = |path: &Path| path.to_string_lossy().ends_with("tests.rs");
    let readers: Vec<&Source> = all.iter().filter(|source| !is_table(&source.path) && !is_test(&source.path)).collect();
    let mut complaints = Vec::new();
    for (field, word) in rows.into_iter().filter(|(field, _)| *field != TOLD_INERT) {
        let is_read = readers.iter().any(|source| source.code.iter().any(|line| reads(line, field)));
        if is_read != (word == "works") {
            complaints
                .push(format!("option {field}: marked {word}, but {}", if is_read { "read" } else { "read nowhere" }));
        }
    }
    report(&complaints);
}

#[test]
fn every_surprise_is_told_and_marked() {
    let told = include_str!("data/QUIRKS.md");
    let (marked, unmarked) = told.split_once("\n## Told by behaviour only\n").expect("the last heading");
    let names = |text| str::lines(text).filter_map(|line| line.strip_prefix("- ")?.split(':').next());
    let entries: BTreeSet<&str> = names(marked).collect();
    let all = sources();
    let lines = all.iter().flat_map(|source| &source.code);
    let marks = lines.flat_map(|line| line.split("QUIRK(").skip(1)).filter_map(|rest| rest.split(')').next());
    let marks: BTreeSet<&str> = marks.collect();
    let mut complaints: Vec<String> =
        entries.difference(&marks).map(|name| format!("QUIRKS.md: no code is marked {name}")).collect();
    let without: BTreeSet<&str> = names(unmarked).collect();
    for name in marks.difference(&entries) {
        let fault = if without.contains(name) { "stands under the last heading" } else { "is not there" };
        complaints.push(format!("QUIRKS.md: {name}, which code is marked with, {fault}"));
    }
    report(&complaints);
}
