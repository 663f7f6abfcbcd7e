//! Random sessions of test mode.

use bstr::BString;

use super::lot::Lot;
use super::maps::MAPS;
use super::rules::{ATOMS, CLASSES, MACROS, OPERATORS, RULESETS, odd};

/// Returns one line of a session.
pub(super) fn line(lot: &mut Lot) -> BString {
    if lot.percent(12) {
        return command(lot);
    }
    let mut line = rulesets(lot);
    line.extend(lot.text(&[" ", " ", " ", "\t", "  "]));
    line.extend(address(lot));
    line.into()
}

/// Returns names of rulesets with commas.
fn rulesets(lot: &mut Lot) -> Vec<u8> {
    let mut text = lot.text(RULESETS);
    while lot.percent(15) {
        text.push(b',');
        text.extend(lot.text(RULESETS));
    }
    text
}

/// Addresses of all kinds that there are.
const ADDRESSES: &[&str] = &[
    "a@b.c",
    "<a@b>",
    "a < @ b . c >",
    "a%b@c",
    "b!a",
    "b!c!a@d",
    "<@a,@b:c@d>",
    "a@[192.0.2.1]",
    "a@[IPv6:2001:db8::10]",
    "a b <c@d> (e)",
    "a::b",
    "\"a b\"@c",
    "a@b, c@d",
    "a: b, c;",
    "",
    "\"a@b\"@c.d",
    "a\\@b@c",
    "a@b.c.",
    "@",
    "@b:a@c",
    "a@hoge.foo.jp",
    "<>",
    "<<a>>",
    "a@b@c",
    "a+b@c",
    "<@a.b,@c:d@e.f>",
    "a%b%c@d",
    "a!b!c@d%e",
    "b!a@c%d",
    "a::b::c",
    "a@b:c@d",
    "a@[IPv6:::1]",
    "a@[IPv6:2001:db8::10",
    "a@[192.0.2.1].",
    "a@[[x]]",
    "<a@b>,<c@d>",
    "a (b (c) d) <e@f> (g)",
    "\"a\\\"b\" <c@d>",
    "a b c@d e",
    ":include:/run/words",
    "/dev/null",
    "|/bin/true a b",
    "\"|/bin/true a\"",
    "\\alice",
    "postmaster",
    "MAILER-DAEMON",
    "a;b",
    "a: ;",
    "x: a@b, c@d; e",
    "(a)",
    "a(b",
    "a)b",
    "a>b",
    "<a",
    "a@b\\",
    "\"a",
    "<<a@b>,c>",
    "Név <a@b>",
];

/// Returns something like an address.
pub(super) fn address(lot: &mut Lot) -> Vec<u8> {
    match lot.below(100) {
        0..20 => lot.text(ADDRESSES),
        20..23 => long(lot),
        _ => {
            let mut text = Vec::new();
            for _ in 0..lot.between(1, 9) {
                piece(lot, &mut text);
                if lot.percent(25) {
                    text.extend(lot.text(&[" ", " ", " ", "\t"]));
                }
            }
            text
        }
    }
}

fn piece(lot: &mut Lot, text: &mut Vec<u8>) {
    match lot.below(100) {
        0..52 => text.extend(lot.text(ATOMS)),
        52..88 => text.extend(lot.text(OPERATORS)),
        88..94 => {
            text.extend(lot.text(&["\"a b\"", "\"", "\\", "\\\"", "\\\\", "(", ")", "\"\"", "\\!", "\\,", "\"a\\"]))
        }
        94..97 => text.extend(lot.text(&["foo.jp", "hoge.foo.jp", "one.two", "one.two.three", "$|", "$1", "$x"])),
        _ => odd(lot, text),
    }
}

/// Returns an address near one of the limits.
fn long(lot: &mut Lot) -> Vec<u8> {
    let unit = lot.text(&["a", "a.", "<", "(", "a ", "\"", "\\a", "@", "a@b,", "ab.c"]);
    let bytes = *lot.pick(&[254, 255, 256, 257, 300, 500, 998, 1000, 1002, 1240, 1260, 2030, 2040, 2048, 3000, 5000]);
    let mut text = unit.repeat(bytes / unit.len() + 1);
    text.truncate(bytes);
    text
}

/// Returns a command.
fn command(lot: &mut Lot) -> BString {
    let mut line = match lot.below(100) {
        0..10 => [b"$".to_vec(), lot.text(MACROS)].concat(),
        10..20 => [b"$=".to_vec(), lot.text(CLASSES)].concat(),
        20..32 => [b"=S".to_vec(), lot.text(RULESETS)].concat(),
        32..36 => lot.text(&["=M", "=", "=S", "=X", "=Q"]),
        36..46 => [b".D".to_vec(), lot.text(MACROS), b"v".to_vec(), address(lot)].concat(),
        46..54 => [b".C".to_vec(), lot.text(CLASSES), lot.text(ATOMS), b" ".to_vec(), address(lot)].concat(),
        54..66 => [b"/map ".to_vec(), lot.text(MAPS), b" ".to_vec(), address(lot)].concat(),
        66..76 => [b"/parse ".to_vec(), address(lot)].concat(),
        76..82 => {
            [b"/try ".to_vec(), lot.text(&["local", "smtp", "prog", "none", "error"]), b" ".to_vec(), address(lot)]
                .concat()
        }
        82..85 => [b"/tryflags ".to_vec(), lot.text(&["HS", "ES", "HR", "ER", "s", "r", "x", ""])].concat(),
        85..88 => {
            [b"/canon ".to_vec(), lot.text(&["hoge", "foo.jp", "www.foo.jp", "", "none.example", "[192.0.2.10]"])]
                .concat()
        }
        88..90 => [b"/mx ".to_vec(), lot.text(&["foo.jp", "example.com", "", "none.example", "hoge"])].concat(),
        90..92 => [b"/expand ".to_vec(), address(lot)].concat(),
        92..94 => lot.text(&[
            "/",
            "/foo x",
            "/quit",
            "/QUIT x",
            "/parse",
            "/try",
            "/try local",
            "/map",
            "/map txt",
            "/header",
            "/map",
        ]),
        94..96 => [b"/expand ".to_vec(), lot.text(MACROS)].concat(),
        96..98 => [b"/header ".to_vec(), lot.text(&["X-A: ", "Subject: ", "To: ", "", "X-B:"]), address(lot)].concat(),
        _ => lot.text(&[
            "",
            "# comment",
            " # x",
            "?",
            ".",
            ".X",
            "-",
            "-x",
            "-d21.4",
            "-d21",
            "-d0",
            "-d21.0",
            "-d21-21.12,22.0",
            "R0",
            "R0 ",
            "3,",
            ",3 a",
            " R0 a",
            "R0,,R1 a",
            "$",
            "$={x",
            ".D{x",
            "=S{x",
        ]),
    };
    if lot.percent(5) {
        line.extend(lot.text(&[" ", "\r", "\t", " x"]));
    }
    line.into()
}
