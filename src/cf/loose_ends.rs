//! Loose ends: names in rules that no line of the file declares, which show only when mail comes.

use std::collections::BTreeSet;

use bstr::{BStr, ByteSlice};

use crate::name::TrimSpace as _;

/// Returns what rules name and no line of a file declares, with the numbers of the lines, from 1.
pub fn loose_ends(file: &[u8]) -> Vec<(usize, String)> {
    let names = Names::of(file.lines().map(BStr::new));
    file.lines().zip(1..).filter_map(|(line, number)| Some((number, names.undeclared(BStr::new(line))?))).collect()
}

/// What the lines of a configuration declare: mailers, maps, rulesets and (by `C` and `F` lines) classes with long names.
pub struct Names<'a>(BTreeSet<(u8, &'a [u8])>);

impl<'a> Names<'a> {
    /// Gathers them.
    pub fn of(lines: impl Iterator<Item = &'a BStr>) -> Self {
        let declared = lines.filter_map(|line| {
            let (kind, rest) = line.split_first()?;
            let rest = rest.trim_space_start();
            match kind {
                b'M' | b'K' | b'S' => Some((*kind, leading_name(rest))),
                b'C' | b'F' => Some((b'C', rest.strip_prefix(b"{")?.split_once_str("}")?.0)),
                _ => None,
            }
        });
        Self(declared.collect())
    }

    /// Says which class, mailer, map or ruleset that a rule names is nowhere declared.
    pub fn unknown(&self, line: &BStr) -> Option<String> {
        let (left, _) = line.strip_prefix(b"R")?.split_once_str("\t")?;
        self.odd_class(left).or_else(|| self.undeclared(line))
    }

    /// Says which mailer, map or ruleset that a rule names is nowhere declared.
    fn undeclared(&self, line: &BStr) -> Option<String> {
        let (_, right) = line.strip_prefix(b"R")?.split_once_str("\t")?;
        let right = right.trim_space_start();
        let right = &right[..right.find_byte(b'\t').unwrap_or(right.len())];
        let find = |begin: &str, kind: u8, what: &str| {
            right.find_iter(begin).find_map(|at| {
                let name = leading_name(&right[at + begin.len()..]);
                let is_name = name.first().is_some_and(u8::is_ascii_alphabetic);
                (is_name && !self.0.contains(&(kind, name))).then(|| format!("there is no {what} {}", name.as_bstr()))
            })
        };
        let has_triple = right.starts_with_str("$#") && right.contains_str("$:");
        let is_special = ["$#error", "$#discard"].iter().any(|special| right.starts_with_str(special));
        // Rulesets answer with words of their own, too, as TEMP.
        let is_word = right.iter().skip(2).take_while(|byte| is_name(**byte)).all(|byte| !byte.is_ascii_lowercase());
        let is_mailer = has_triple && !is_special && !is_word;
        let mailer = if is_mailer { find("$#", b'M', "mailer") } else { None };
        let other = || find("$(", b'K', "map").or_else(|| find("$>", b'S', "ruleset"));
        mailer.or_else(other)
    }

    /// Says which class of a left side has no word, or has a name that needs braces.
    fn odd_class(&self, left: &[u8]) -> Option<String> {
        let marks = left.find_iter("$=").chain(left.find_iter("$~"));
        marks.map(|at| &left[at..]).find_map(|operator| {
            let (mark, rest) = operator.split_at(2);
            let Some(long) = rest.strip_prefix(b"{") else {
                let word = leading_name(rest);
                let (class, more) = word.split_at_checked(1).filter(|(_, more)| !more.is_empty())?;
                let (mark, class, more, word) = (mark.as_bstr(), class.as_bstr(), more.as_bstr(), word.as_bstr());
                return Some(format!(
                    "{mark}{word} means class {class} and then {more}: did you mean {mark}{{{word}}}?"
                ));
            };
            let name = long.split_once_str("}")?.0;
            let told = || format!("no line puts a word into class {{{}}}: nothing matches it", name.as_bstr());
            (!self.0.contains(&(b'C', name))).then(told)
        })
    }
}

/// Returns the letters, digits, `_` and `-` that a text begins with.
pub fn leading_name(text: &[u8]) -> &[u8] {
    &text[..text.iter().position(|byte| !is_name(*byte)).unwrap_or(text.len())]
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_rules_are_declared() {
        let check = |rule: &str, expected: &str| {
            let text = format!("Mlocal, P=/bin/x, A=x\nKtable hash /x\nSone\nC{{Some}}x\n{rule}\n");
            let told: Vec<_> =
                loose_ends(text.as_bytes()).into_iter().map(|(line, told)| format!("{line} {told}")).collect();
            assert_eq!(told.concat(), expected, "{rule}");
        };
        check("R$*\t$#local $: $>one $(table $1 $)\tx", "");
        check("R$={Some}\t$#error $@ 5.1.1 $: \"550 no\"", "");
        check("R$*\t$#TEMP $@ 4.3.0 $: later", "");
        check("R$*\t$#nobody $@ x $: $1", "5 there is no mailer nobody");
        check("R$*\t$: $>two $1", "5 there is no ruleset two");
        check("R$*\t$: $(other $1 $)", "5 there is no map other");
        check("R$={None}\t$1", "");
    }
}
