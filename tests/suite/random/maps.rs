//! Random maps: what defines them and what they hold.

use bstr::BString;

use super::inputs;
use super::lot::Lot;
use super::rules::ATOMS;

/// Maps that configurations declare, or not; often used ones stand more than once.
pub(super) const MAPS: &[&str] = &[
    "txt", "txt", "txt", "db", "db", "db", "imp", "stb", "dq", "mac", "arith", "arith", "rx", "rxs", "rxs", "nul",
    "seq", "sw", "tmp", "usr", "host", "dns", "bmx", "arpa", "prog", "log", "nomap", "DB",
];

/// Flags that most classes have, and some that none has.
const FLAGS: &[&str] = &[
    "-o", "-N", "-O", "-a.x", "-a", "-a@y", "-k1", "-k0", "-k 0", "-k", "-v1", "-v0", "-v 2", "-v", "-z:", "-z,",
    "-z\\t", "-z", "-D", "-q", "-S_", "-S", "-S+", "-m", "-m", "-A", "-T.tmp", "-T", "-f", "-f", "-t", "-d2", "-d",
    "-x", "-of", "-l3", "-r2", "-s1", "-n", "-b",
];
/// Patterns of `regex` maps.
const PATTERNS: &[&str] = &[
    "^(a.*)b$",
    "(a+)(.*)b",
    "a",
    "^.$",
    "",
    "[[:alpha:]]+@(.*)",
    "(a)|(b)",
    "^(.*)@(.*)\\.(.*)$",
    "a{2",
    "(a",
    "[a",
    "a*b*c*",
    "x?",
    "^(a|ab)(c|bcd)(d*)$",
    ".",
    "\\.",
    "A",
    "(((a)))(b)?",
    "@",
    "\\(a\\)",
    "a\\{1,2\\}",
    "[^@]+$",
    "*",
    "^*a",
    "()",
    "a||b",
    "\\<a",
    "(a)\\1",
    "<.*>",
    "\"",
    "a b",
    "[[:space:]]",
    "%1",
    "$x",
    "${Empty}a",
    "$$",
];
/// Record types of `dns` maps.
const RECORDS: &[&str] = &["A", "AAAA", "MX", "TXT", "CNAME", "NS", "PTR", "SRV", "a", "X", "", "AFSDB"];
/// Values with places for arguments.
const VALUES: &[&str] = &[
    "%0", "%1", "%1@%2", "%0-%9", "%%", "%", "%x", "a%1b", "%10", "%1 %2 %3", "<%1@b>", "\"%0\"", "%0.%0", "a b",
    "(c)", "", "\\a", "A", "$1", "${x}", "a@b.c",
];

/// Returns the `K` lines of a configuration.
pub(super) fn lines(lot: &mut Lot) -> Vec<BString> {
    const NAMES: &[&str] = &[
        "txt", "db", "imp", "stb", "dq", "mac", "arith", "rx", "rxs", "nul", "tmp", "usr", "one", "sw.one", "sw.two",
        "two", "sw", "seq",
    ];
    /// Those that ask servers and programs: they cost time.
    const SLOW: &[&str] = &["host", "dns", "bmx", "prog", "log", "arpa"];
    let keep = *lot.pick(&[100, 95, 70]);
    let mut lines: Vec<BString> = Vec::new();
    for name in NAMES {
        if lot.percent(keep) {
            lines.push(line(lot, name));
        }
    }
    for name in SLOW {
        if lot.percent(15) {
            lines.push(line(lot, name));
        }
    }
    if lot.percent(3) {
        lines.push(odd(lot));
    }
    lines
}

/// Returns the `K` line of a map.
fn line(lot: &mut Lot, name: &str) -> BString {
    let mut line = format!("K{name} ").into_bytes();
    let class = match name {
        "txt" | "two" => "text",
        "db" => *lot.pick(&["hash", "btree", "hash", "btree", "implicit"]),
        "imp" => "implicit",
        "stb" => "stab",
        "dq" => "dequote",
        "mac" => "macro",
        "rx" | "rxs" => "regex",
        "nul" | "one" => "null",
        "tmp" => *lot.pick(&["text", "hash", "btree", "implicit", "stab"]),
        "usr" => "user",
        "sw" => "switch",
        "sw.one" => *lot.pick(&["text", "hash", "null", "regex"]),
        "sw.two" => *lot.pick(&["text", "btree", "stab"]),
        "seq" => "sequence",
        "bmx" => "bestmx",
        "prog" => "program",
        "log" => "syslog",
        other => other,
    };
    line.extend(class.bytes());
    if class == "text" && lot.percent(80) {
        line.extend(lot.text(&[" -z: -k0 -v1", " -z:", " -z: -v0", " -z: -k1 -v0", " -z: -v2", " -k0 -v1"]));
    }
    if class == "regex" && lot.percent(60) {
        line.extend(lot.text(&[
            " -a.hit",
            " -s1,2",
            " -s1",
            " -s",
            " -s0",
            " -s2,1,0",
            " -n",
            " -b",
            " -f",
            " -d.",
            " -d+ -s",
            " -s1,2 -d@",
            " -s9",
        ]));
    }
    if class == "dns" {
        line.extend(b" -R");
        line.extend(lot.text(RECORDS));
        line.extend(lot.text(&["", " -Z2 -z:", " -z:", " -B.foo.jp", " -r1"]));
    }
    let flags = *lot.pick(&[0, 0, 0, 1, 1, 2, 3]);
    for _ in 0..flags {
        line.push(b' ');
        line.extend(lot.text(FLAGS));
    }
    if let Some(place) = place(lot, name, class) {
        line.push(b' ');
        line.extend(place);
    }
    line.into()
}

/// Returns what stands behind the flags.
fn place(lot: &mut Lot, name: &str, class: &str) -> Option<Vec<u8>> {
    Some(match class {
        _ if name == "tmp" => lot.text(&["/run/missing", "/run/missing", "/run", "/dev/null", "", "/run/none/none"]),
        "stab" => b"/run/missing".to_vec(),
        "text" | "hash" | "btree" | "implicit" => {
            lot.text(&["/run/words", "/run/words", "/run/words", "/run/words", "/run/words.db", "/run/words x y"])
        }
        "regex" => lot.text(PATTERNS),
        "switch" => lot.text(&["both", "both", "lone", "none", "aliases"]),
        "sequence" => {
            lot.text(&["nul txt", "txt db", "db rxs txt", "tmp txt", "nul", "none txt", "", "rx dq", "txt -o db"])
        }
        "program" => lot.text(&["/bin/echo", "/bin/echo one", "/bin/true", "/run/missing", "/bin/missing"]),
        "user" => lot.text(&[
            "-kname -vgecos",
            "-vshell",
            "-vdir",
            "-vuid",
            "-vgid",
            "-vname",
            "-vx",
            "-kuid",
            "",
            "-k1 -v0",
            "-m",
            "-a.u",
        ]),
        _ => return None,
    })
}

/// Returns a `K` line that is hardly one.
fn odd(lot: &mut Lot) -> BString {
    lot.text(&[
        "K",
        "Kx",
        "K hash",
        "Kx nosuch",
        "Kx hash",
        "Kx hash -o",
        "Kx-y text /run/words",
        "Kx.y text /run/words",
        "Kx_y text -z: /run/words",
        "Ktxt null",
        "K$x null",
        "Kx\tnull",
        "Kx  null",
        "Kx text run/words",
        "KTXT null",
        "Kx dns",
        "Kx dns -R",
        "Kx syslog -Lnone",
        "Kx sequence seq",
        "Kseq2 sequence sw txt",
    ])
    .into()
}

/// Returns the lines of the text that maps, aliases and class files read.
pub(super) fn words(lot: &mut Lot) -> Vec<BString> {
    let mut lines: Vec<BString> =
        ["a:A", "b:b c", "ab:$x", "foo:<a@b>", "x:", "1:$#local $: x", "c: spaced ", "me:a:b:c"]
            .map(BString::from)
            .into();
    lines.retain(|_| lot.percent(90));
    for _ in 0..lot.between(0, 6) {
        let mut line = match lot.below(10) {
            0..6 => lot.text(ATOMS),
            6..8 => inputs::address(lot),
            8 => {
                lot.text(&["a@b", "a.b", "a b", "\"a b\"", "A@B", "foo.jp", "@", "a+*", "<a@b>", "#a", " a", "\ta", ""])
            }
            _ => Vec::new(),
        };
        line.extend(lot.text(&[":", ":", ":", ": ", ":\t", " : ", " ", "\t", ""]));
        match lot.below(10) {
            0..5 => line.extend(lot.text(VALUES)),
            5..9 => line.extend(inputs::address(lot)),
            _ => {}
        }
        lines.push(line.into());
    }
    lines
}

/// Returns the arguments with which `makemap` makes a database of those lines, if there is to be one.
pub(super) fn tables(lot: &mut Lot) -> Vec<BString> {
    if !lot.percent(50) {
        return Vec::new();
    }
    let mut words = vec![*lot.pick(&["hash", "hash", "hash", "btree", "btree", "nosuch"])];
    for _ in 0..*lot.pick(&[0, 0, 1, 1, 2, 3]) {
        words.push(*lot.pick(&["-N", "-d", "-d", "-e", "-e", "-f", "-f", "-o", "-r", "-r", "-v", "-D;", "-s", "-c9"]));
    }
    if lot.percent(80) {
        words.push("-t:");
    }
    // The kind stands between flags and file.
    words.rotate_left(1);
    vec![words.join(" ").into()]
}
