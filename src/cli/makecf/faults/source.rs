//! Faults that the text of a `.mc` file shows before m4 has read it.

use std::collections::BTreeSet;

use bstr::{BStr, BString, ByteSlice};

use super::{BUILTINS, Fault, Run, is_word};
use crate::m4::Place;

/// What `dnl` becomes by a slip.
const SLIPS: &[&[u8]] = &[b"dln", b"ndl", b"nld", b"dn", b"dnll", b"ddnl", b"dn1"];

/// Returns a text without the marks of other systems, and what is to be said of it.
pub(in super::super) fn tidied(name: &BString, text: Vec<u8>) -> (Vec<u8>, Option<Fault>) {
    let text = text.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(text);
    if !text.contains_str("\r\n") {
        return (text, None);
    }
    let place = Place { file: name.clone().into(), line: 1 };
    let told = "the lines end in CR LF, as on DOS: read as if they ended in LF".to_owned();
    (text.replace("\r\n", "\n"), Some(Fault::warning(&place, told)))
}

impl Run<'_> {
    /// Finds files that are none for m4 at all.
    pub(super) fn faults_of_files(&self) -> Vec<Fault> {
        let is_utf16 =
            |text: &[u8]| text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") || text.contains(&0);
        let is_level = |line: &[u8]| line.starts_with(b"V") && line.get(1).is_some_and(u8::is_ascii_digit);
        let fault = |(name, text): &(BString, Vec<u8>)| {
            let told = if is_utf16(text) {
                "this is no plain text: save it as ASCII or UTF-8"
            } else if text.lines().any(is_level) && !text.contains_str("OSTYPE") {
                "this is a .cf file: makecf makes such a file out of a .mc file, which says OSTYPE(`...') and the like"
            } else {
                return None;
            };
            Some(Fault::error(&Place { file: name.clone().into(), line: 1 }, told.to_owned()))
        };
        self.given.iter().filter_map(fault).collect()
    }

    /// Finds lines that m4 does not take for what they look like.
    pub(super) fn faults_of_text(&self) -> Vec<Fault> {
        // Who changes the quotes knows what he does.
        if self.has_own_quotes() {
            return Vec::new();
        }
        let known: BTreeSet<&[u8]> = self.output.defined.iter().map(|defined| defined.name.as_slice()).collect();
        let is_known = |name: &[u8]| known.contains(name) || BUILTINS.iter().any(|builtin| builtin.as_bytes() == name);
        let mut faults = Vec::new();
        for (file, text) in self.given {
            for (line, number) in text.lines().zip(1..) {
                let line = line.trim_start().as_bstr();
                let told =
                    misspelt_call(line, &is_known).or_else(|| misspelt_comment(line)).or_else(|| odd_blank(line));
                let place = Place { file: file.clone().into(), line: number };
                faults.extend(told.map(|told| Fault::error(&place, told)));
                faults.extend(called_comment(line, &is_known).map(|told| Fault::warning(&place, told)));
            }
        }
        faults
    }
}

/// Tells what is wrong with a line that begins like a call of a macro.
fn misspelt_call(line: &BStr, is_known: &dyn Fn(&[u8]) -> bool) -> Option<String> {
    let end = line.iter().position(|byte| !is_word(*byte))?;
    let (name, rest) = line.split_at(end);
    if name == b"dnl" || !is_known(name) {
        return None;
    }
    let shown = name.as_bstr();
    if rest.starts_with_str("('") {
        return Some(format!("{shown}('...': a value stands between ` and ', not between two '"));
    }
    if rest.starts_with_str("(\"") {
        return Some(format!("{shown}(\"...\": a value stands between ` and ', not between two \""));
    }
    if rest.trim_start().starts_with_str("(`") && !rest.starts_with(b"(") {
        return Some(format!("{shown} (...: nothing may stand between {shown} and its bracket: write {shown}(`...')"));
    }
    let value = rest.strip_prefix(b"(")?;
    let curly =
        ["\u{2018}", "\u{2019}", "\u{201c}", "\u{201d}"].into_iter().find(|quote| value.starts_with_str(quote))?;
    Some(format!("{curly} is no quote: a value stands between ` and '"))
}

/// Tells what is wrong with a line that is probably a comment.
fn misspelt_comment(line: &BStr) -> Option<String> {
    let word: &[u8] = &line[..line.iter().position(|byte| !is_word(*byte)).unwrap_or(line.len())];
    let is_slip = word != b"dnl" && (word.eq_ignore_ascii_case(b"dnl") || SLIPS.contains(&word));
    is_slip.then(|| format!("{} is nothing to m4: a comment begins with dnl", word.as_bstr()))
}

/// Finds a call behind `#`, which is made all the same.
fn called_comment(line: &BStr, is_known: &dyn Fn(&[u8]) -> bool) -> Option<String> {
    let text = line.strip_prefix(b"#")?.trim_start_with(|letter| " #\t".contains(letter));
    let (name, _) = text.split_once_str("(`")?;
    let told = || format!("{} is called all the same: # begins no comment for m4, write dnl", name.as_bstr());
    (name.iter().all(|byte| is_word(*byte)) && is_known(name)).then(told)
}

/// Finds a blank that m4 takes for a letter.
fn odd_blank(line: &BStr) -> Option<String> {
    let is_comment = line.starts_with(b"dnl") || line.starts_with(b"#");
    let odd = ["\u{a0}", "\u{200b}", "\u{feff}", "\u{2003}", "\u{3000}"].into_iter().find(|odd| line.contains_str(odd));
    let code = u32::from(odd.filter(|_| !is_comment)?.chars().next()?);
    Some(format!("U+{code:04X} stands here, which looks like a blank and is none: write a blank"))
}
