//! Random rulesets.

use bstr::BString;

use super::lot::Lot;
use super::maps::MAPS;

/// Words that rules and addresses have, often enough the same ones.
pub(super) const ATOMS: &[&str] =
    &["a", "b", "c", "A", "ab", "x", "foo", "a-b", "1", "me", "=", "*", "alice", "root", "é"];
/// Characters that are operators in some configuration.
pub(super) const OPERATORS: &[&str] =
    &[".", ".", "@", "@", "%", "!", ":", "<", ">", ",", "/", "[", "]", "+", "(", ")", ";", "^"];
/// Macros that configurations define, or not.
pub(super) const MACROS: &[&str] = &[
    "x",
    "y",
    "{Long}",
    "{Empty}",
    "{Self}",
    "{Late}",
    "{Cond}",
    "{Undef}",
    "j",
    "Q",
    "{Blank}",
    "m",
    "_",
    "p",
    "b",
    "{addr_type}",
];
/// Classes that configurations fill, or not.
pub(super) const CLASSES: &[&str] =
    &["A", "A", "A", "{Multi}", "{Multi}", "B", "{Nothing}", "w", "{Dot}", "Z", "{File}", "{Map}"];
/// Names of rulesets.
pub(super) const RULESETS: &[&str] = &["R0", "R1", "R2", "R3", "R4", "3", "0", "5", "final", "Empty", "42", "Nowhere"];

/// Numbers that a right side has for wildcards.
const WILDCARDS_MAX: usize = 9;

/// Returns an `S` line and its `R` lines.
pub(super) fn ruleset(lot: &mut Lot, name: &str) -> Vec<BString> {
    let mut lines = vec![format!("S{name}").into()];
    for _ in 0..lot.between(1, 5) {
        lines.push(rule(lot));
    }
    lines
}

/// Returns an `R` line.
fn rule(lot: &mut Lot) -> BString {
    let mut line = b"R".to_vec();
    // A left side with too many matches the empty address alone, and has none.
    let wildcards = Some(left(lot, &mut line)).filter(|count| *count <= WILDCARDS_MAX).unwrap_or(0);
    line.extend(lot.text(&["\t", "\t", "\t", "\t\t", " \t", "\t "]));
    let start = line.len();
    right(lot, &mut line, wildcards);
    // Where nothing follows, the white space at the end goes, the tab with it.
    if line[start..].trim_ascii().is_empty() {
        line.push(b'a');
    }
    if lot.percent(10) {
        line.extend(lot.text(&["\tcomment", "\t", " # no comment", "\t# x\ty"]));
    }
    line.into()
}

/// Appends a left side; returns how many wildcards it has.
fn left(lot: &mut Lot, line: &mut Vec<u8>) -> usize {
    let mut wildcards = 0;
    if lot.percent(3) {
        let start = lot.text(&["$@", "", "$* $* $* $* $* $* $* $* $* $*", "$#", "$# $-"]);
        if start.len() > WILDCARDS_MAX {
            wildcards = WILDCARDS_MAX + 1;
        }
        line.extend(start);
    }
    for _ in 0..lot.between(1, 6) {
        match lot.below(100) {
            0..50 => {
                wildcards += 1;
                wildcard(lot, line);
            }
            50..68 => line.extend(lot.text(ATOMS)),
            68..86 => line.extend(lot.text(OPERATORS)),
            86..89 => macro_use(lot, line, b"$"),
            89..92 => macro_use(lot, line, b"$&"),
            92..95 => line.extend(lot.text(&["$|", "$|", "$#", "$@", "$>", "$?x a $.", "$?{Undef} a $| b $."])),
            95 => line.extend(lot.text(&["$:", "$1", "$[", "$]", "$(", "$)", "$$", "$."])),
            96..99 => quoted(lot, line),
            _ => odd(lot, line),
        }
        if lot.percent(70) {
            line.push(b' ');
        }
    }
    wildcards
}

fn wildcard(lot: &mut Lot, line: &mut Vec<u8>) {
    match lot.below(10) {
        0..4 => line.extend(b"$*"),
        4..6 => line.extend(b"$+"),
        6 | 7 => line.extend(b"$-"),
        8 => {
            line.extend(b"$=");
            line.extend(lot.text(CLASSES));
        }
        _ => {
            line.extend(b"$~");
            line.extend(lot.text(CLASSES));
        }
    }
}

fn macro_use(lot: &mut Lot, line: &mut Vec<u8>, dollar: &[u8]) {
    line.extend_from_slice(dollar);
    line.extend(lot.text(MACROS));
}

/// Appends a right side.
fn right(lot: &mut Lot, line: &mut Vec<u8>, wildcards: usize) {
    line.extend(lot.text(&["", "$: ", "$: ", "$: ", "$@ ", "$@ ", "$:", "$@"]));
    if lot.percent(2) {
        line.extend(lot.text(&["$: ", "$@ "]));
    }
    if lot.percent(8) {
        return triple(lot, line, wildcards);
    }
    for _ in 0..lot.between(0, 6) {
        if lot.percent(88) {
            part(lot, line, wildcards)
        } else {
            asking(lot, line, wildcards)
        }
        if lot.percent(80) {
            line.push(b' ');
        }
    }
}

/// Appends one element without a look-up or a call.
fn part(lot: &mut Lot, line: &mut Vec<u8>, wildcards: usize) {
    match lot.below(100) {
        0..50 => {
            // No number without its wildcard: what the original then leaves of the address is memory of other things.
            if wildcards > 0 {
                line.extend(format!("${}", lot.between(1, wildcards.min(9))).bytes());
            }
        }
        50..67 => line.extend(lot.text(ATOMS)),
        67..83 => line.extend(lot.text(OPERATORS)),
        83..86 => macro_use(lot, line, b"$"),
        86..91 => macro_use(lot, line, b"$&"),
        91..94 => line.extend(lot.text(&[
            "$|",
            "$|",
            "$#",
            "$@",
            "$:",
            "$?x a $.",
            "$?{Undef} a $| b $.",
            "$?x$?y p$|q$.$|r$.",
        ])),
        94 => line.extend(lot.text(&["$*", "$+", "$-", "$=A", "$~B", "$]", "$)", "$$", "$.", "$|"])),
        95..98 => quoted(lot, line),
        _ => odd(lot, line),
    }
}

/// Appends a look-up or a call.
fn asking(lot: &mut Lot, line: &mut Vec<u8>, wildcards: usize) {
    match lot.below(11) {
        10 => calculation(lot, line, wildcards),
        0..5 => {
            line.extend(b"$(");
            line.extend(lot.text(MAPS));
            line.push(b' ');
            some_parts(lot, line, wildcards, 2);
            for _ in 0..*lot.pick(&[0, 0, 0, 0, 1, 1, 1, 2, 10]) {
                line.extend(b" $@ ");
                some_parts(lot, line, wildcards, 2);
            }
            if lot.percent(40) {
                line.extend(b" $: ");
                some_parts(lot, line, wildcards, 3);
            }
            if lot.percent(98) {
                line.extend(b" $)");
            }
        }
        5 => {
            line.extend(b"$[ ");
            some_parts(lot, line, wildcards, 2);
            if lot.percent(40) {
                line.extend(b" $: ");
                some_parts(lot, line, wildcards, 3);
            }
            if lot.percent(98) {
                line.extend(b" $]");
            }
        }
        _ => {
            line.extend(lot.text(&["$>", "$>", "$>", "$> "]));
            if lot.percent(96) {
                line.extend(lot.text(RULESETS));
            } else {
                line.extend(lot.text(&["999", "/", "R0=3", "R1 x", "$x", "<", "$|", "-"]));
            }
            line.push(b' ');
        }
    }
}

/// Appends a look-up with the arguments that an `arith` map takes.
fn calculation(lot: &mut Lot, line: &mut Vec<u8>, wildcards: usize) {
    line.extend(b"$(arith ");
    line.extend(lot.text(&["+", "-", "*", "/", "l", "=", "|", "&", "%", "<", "++", "1"]));
    for _ in 0..*lot.pick(&[2, 2, 2, 2, 1, 3]) {
        line.extend(b" $@ ");
        if lot.percent(70) {
            line.extend(lot.text(&[
                "1",
                "2",
                "-3",
                "0",
                "7",
                "99999999999",
                "-9223372036854775808",
                "010",
                "0x10",
                "1.5",
                "a",
            ]));
        } else {
            some_parts(lot, line, wildcards, 1);
        }
    }
    line.extend(lot.text(&[" $)", " $)", " $: none $)"]));
}

fn some_parts(lot: &mut Lot, line: &mut Vec<u8>, wildcards: usize, count: usize) {
    for _ in 0..lot.between(0, count) {
        part(lot, line, wildcards);
        line.push(b' ');
    }
}

/// Appends a mailer triple, whole or not.
fn triple(lot: &mut Lot, line: &mut Vec<u8>, wildcards: usize) {
    line.extend(b"$#");
    line.extend(lot.text(&[
        "local", "smtp", "error", "discard", "prog", "nomailer", "error", "canonify", "LOCAL", "", "*file*", "$1",
    ]));
    if lot.percent(60) {
        line.extend(b" $@ ");
        line.extend(lot.text(&[
            "",
            "5.7.1",
            "nouser",
            "unavailable",
            "tempfail",
            "quarantine",
            "host.only",
            "4.1.1",
            "67",
            "75",
            "5.1.2:550",
            "4.7.0:450",
            "5.7.1:\"550 no\"",
            "quarantine",
            "usage",
            "[192.0.2.1]",
            "[IPv6:2001:db8::1]",
        ]));
        some_parts(lot, line, wildcards, 2);
    }
    if lot.percent(75) {
        line.extend(b" $: ");
        line.extend(lot.text(&[
            "",
            "",
            "\"550 refused\" ",
            "\"421 too many\"",
            "550 no ",
            "\"450 \"",
            "999 ",
            "\"no code\"",
        ]));
        some_parts(lot, line, wildcards, 3);
    }
}

fn quoted(lot: &mut Lot, line: &mut Vec<u8>) {
    line.extend(lot.text(&[
        "\"a b\"",
        "\"\"",
        "\"a",
        "\\a",
        "\"$1\"",
        "\"a\\\"b\"",
        "\\\\",
        "\\\"",
        "a\"b\"c",
        "\\@",
        "\"$&x $x\"",
        "'",
    ]));
}

/// Appends bytes that nobody writes.
pub(super) fn odd(lot: &mut Lot, line: &mut Vec<u8>) {
    for _ in 0..lot.between(1, 2) {
        // Those that rules use for themselves are rarer: the original shows them in ways of its own.
        let byte = match lot.byte() {
            byte @ 0x80..0xa0 if lot.percent(90) => byte + 0x20,
            byte => byte,
        };
        line.push(if matches!(byte, b'\n' | b'#' | 0) { b'$' } else { byte });
    }
}
