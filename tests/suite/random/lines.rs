//! Random lines of a configuration that are no rules.

use bstr::BString;

use super::lot::Lot;
use super::maps;
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
    "Mlocal, P=/bin/true, F=lsDFMAw5:/|@qSPfhn9, S=R1/R2, R=R3/R4, A=true -d $u",
    "Mprog, P=/bin/sh, F=lsDFMoqeu9, S=R2, R=R1, D=$z:/, A=sh -c $u",
    "Msmtp, P=[IPC], F=mDFMuX, S=R1, R=R2/R3, E=\\r\\n, L=990, A=TCP $h",
];

/// Options that change what is done with an address or told of it.
const OPTIONS: &[&str] = &[
    "O ColonOkInAddr=False",
    "O ColonOkInAddr",
    "O DeliveryMode=d",
    "O OldStyleHeaders=False",
    "Oo",
    "O DontExpandCnames",
    "O MatchGECOS",
    "O EightBitMode=s",
    "O SevenBitInput=True",
    "O UseCompressedIPv6Addresses",
    "O MaxMimeHeaderLength=8/4",
    "O MaxHeadersLength=100",
    "O StrictRFC=1",
    "O NoSuch=x",
    "O",
    "OZZ",
];

/// Lines of other kinds, which only some configurations have.
const MORE: &[&str] = &[
    "F{File}/run/words",
    "F{File}/run/words %[^:]",
    "F{File}/run/words %*[^:]:%s",
    "F{File}-o /run/missing",
    "F{File}/run/missing",
    "F{File}|/bin/echo a b c.d",
    "F{Map}@text:-z: -k0 -v1 /run/words",
    "F{Map}a@text:-z: -k0 -v1 /run/words",
    "F{Map}@hash:/run/words",
    "F{Map}@hash:-o /run/missing",
    "F{Map}@nosuch:x",
    "C{Map}one two",
    "CZ$&x $=A $={Multi}",
    "D{Long}",
    "HX-A: $>R1",
    "HX-B: $>+R2",
    "HSubject: $>+R3",
    "H*: $>R0",
    "H?x?X-C: $x",
    "H?$x?X-D: a",
    "HX-E: $>Nowhere",
    "H",
    "Pfirst-class=0",
    "Troot alice",
    "Troot",
    "Jx",
    "x",
    "EA=b",
    "Xf, S=local:/run/x, F=R",
    "Qq, P=/run",
    "Mbad, F=x",
    "MIPC, P=[IPC], A=FOO",
    "M*include*, P=/dev/null, F=su, A=INCLUDE $u",
    "M*file*, P=[FILE], F=lsDFMPEouq9, T=DNS/RFC822/X-Unix, A=FILE $u",
    " continued",
    "\tcontinued",
    "# comment",
    "",
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
    lines.extend(OPTIONS.iter().filter(|_| lot.percent(4)).map(|line| BString::from(*line)));
    if lot.percent(80) {
        lines.push("O ServiceSwitchFile=/run/switch".into());
    }
    let keep = *lot.pick(&[100, 100, 95, 70]);
    lines.extend(START.iter().filter(|_| lot.percent(keep)).map(|line| BString::from(*line)));
    lines.extend(maps::lines(lot));
    lines.extend(MORE.iter().filter(|_| lot.percent(15)).map(|line| BString::from(*line)));
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
