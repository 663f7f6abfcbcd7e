//! Random lines of a configuration that are no rules.

use bstr::BString;

use super::lot::Lot;
use super::rules::{self, RULESETS};

/// What every configuration may begin with, so that its rules have something to name.
const START: &[&str] = &[
    "Dxexpanded",
    "DyY.Z",
    "D{Long}long value here",
    "D{Empty}",
    "D{Self}$x-$y",
    "D{Late}$&x/late",
    "D{Cond}$?Qfull$|void$.",
    "D{Blank} ",
    "Cwlocalhost",
    "CAa b c A.B \"x y\" d.e.f",
    "C{Multi}one.two one.two.three two a.b a@b",
    "C{Dot}.foo.jp foo.jp",
    "CB$x b",
    "Ktxt text -z: -k0 -v1 /run/words",
    "Kdq dequote",
    "Kmac macro",
    "Karith arith",
    "Krx regex -a.hit ^(a.*)b$",
    "Krxs regex -s1,2 (a+)(.*)b",
    "Knul null",
    "Kseq sequence nul txt",
    "Ktmp text -o /run/missing",
    "Mlocal, P=/bin/true, F=lsDFMAw5:/|@qSPfhn9, S=R1/R2, R=R3/R4, A=true -d $u",
    "Mprog, P=/bin/sh, F=lsDFMoqeu9, S=R2, R=R1, D=$z:/, A=sh -c $u",
    "Msmtp, P=[IPC], F=mDFMuX, S=R1, R=R2/R3, E=\\r\\n, L=990, A=TCP $h",
];

/// Returns the head of a configuration: level, options, macros, classes, maps, mailers.
pub(super) fn head(lot: &mut Lot) -> Vec<BString> {
    let mut lines: Vec<BString> = Vec::new();
    if lot.percent(90) {
        lines.push("V10/Berkeley".into());
    } else {
        lines.push(
            lot.text(&["V1", "V2", "V3", "V4", "V5", "V6", "V7", "V8", "V9", "V10", "V10/Sun", "V11", "Vx", "V"])
                .into(),
        );
    }
    if lot.percent(85) {
        lines.push(
            lot.text(&[
                "O OperatorChars=.:%@!^/[]+",
                "O OperatorChars=.:%@!^/[]+",
                "O OperatorChars=.:@[]",
                "O OperatorChars=ab",
                "O OperatorChars=",
                "Do.:@",
            ])
            .into(),
        );
    }
    if lot.percent(60) {
        lines.push(
            lot.text(&[
                "O BlankSub=.",
                "O BlankSub=.",
                "O BlankSub=_",
                "O BlankSub=",
                "OB+",
                "O BlankSub=ab",
                "O BlankSub=@",
            ])
            .into(),
        );
    }
    let keep = *lot.pick(&[100, 100, 95, 70]);
    lines.extend(START.iter().filter(|_| lot.percent(keep)).map(|line| BString::from(*line)));
    lines
}

/// Returns the lines of the text file.
pub(super) fn words(lot: &mut Lot) -> Vec<BString> {
    let mut lines: Vec<BString> =
        ["a:A", "b:b c", "ab:$x", "foo:<a@b>", "x:", "1:$#local $: x", "c: spaced ", "me:a:b:c"]
            .map(BString::from)
            .into();
    for _ in 0..lot.between(0, 3) {
        let mut line = lot.text(rules::ATOMS);
        line.push(b':');
        line.extend(super::inputs::address(lot));
        lines.push(line.into());
    }
    lines
}

/// Returns all rulesets of a configuration.
pub(super) fn rulesets(lot: &mut Lot) -> Vec<BString> {
    let mut lines = Vec::new();
    for name in &RULESETS[..RULESETS.len() - 1] {
        if *name == "Empty" {
            lines.push("SEmpty".into());
        } else if lot.percent(85) {
            lines.extend(rules::ruleset(lot, name));
        }
    }
    lines
}
