//! Expansion of text in internal form.

use std::borrow::Cow;

use bstr::BString;

use super::table::Value;
use super::translate::{quote_to, unquote};
use crate::mail::token::{EXPAND, Mark, QUOTE_MARK, name_at};

/// How often the result of an expansion is expanded again; the original's MaxMacroRecursion.
const PASSES_MAX: usize = 10;
/// The longest result, in bytes; what goes beyond is cut off (the original's MAXLINE).
const BYTES_MAX: usize = 16 * 1024;

/// Something that knows the values of macros.
pub trait Values {
    /// Returns the value of the macro `name` (without braces), if it is defined.
    fn macro_value(&self, name: &[u8]) -> Option<Value<'_>>;
}

/// Returns the value of the macro `name`, which may be an operator of the rule language.
// QUIRK(operators-are-macros): `$*` and the others are macros like `$x`, with their marks for values.
pub fn value_of<'a>(values: &'a dyn Values, name: &[u8]) -> Option<Value<'a>> {
    let operator = || match name {
        [character] => Mark::text_of(*character),
        _ => None,
    };
    values.macro_value(name).or_else(|| operator().map(|text| Value { text: text.into(), is_template: true }))
}

/// A text that cannot be expanded to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ExpandError {
    /// A macro whose value names itself.
    #[error("expand: recursion too deep ({PASSES_MAX} max)")]
    TooDeep,
}

/// Expands `template` (internal form) into plain text.
pub fn expand(template: &[u8], values: &dyn Values) -> BString {
    if memchr::memchr2(EXPAND, QUOTE_MARK, template).is_none() {
        return template.into();
    }
    unquote(&expand_internal(template, values).0).into()
}

/// Expands `template` into internal form, as rules need it: operators become their marks, `$&x` stays for later.
///
/// Each pass replaces the macros of the whole text, then the next one settles the conditionals it left and expands
/// what the values brought in.
pub fn expand_internal(template: &[u8], values: &dyn Values) -> (Vec<u8>, Option<ExpandError>) {
    let mut text = Cow::Borrowed(template);
    for _ in 0..=PASSES_MAX {
        let mut pass = Pass { values, out: Vec::with_capacity(text.len() + 64), again: false, depth: 0, skip: None };
        pass.run(&text);
        let Pass { out, again, .. } = pass;
        text = Cow::Owned(out);
        if !again {
            return (text.into_owned(), None);
        }
    }
    (text.into_owned(), Some(ExpandError::TooDeep))
}

/// One walk over the text.
struct Pass<'a> {
    values: &'a dyn Values,
    out: Vec<u8>,
    again: bool,
    /// How many conditionals are open.
    depth: usize,
    /// The depth of the conditional whose present branch is left out.
    skip: Option<usize>,
}

impl Pass<'_> {
    /// Walks over `text`.
    fn run(&mut self, text: &[u8]) {
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            at += 1;
            match byte {
                EXPAND => at += self.macro_at(&text[at..]),
                QUOTE_MARK => {
                    let end = (at + 1).min(text.len());
                    self.push(&text[at - 1..end]);
                    at = end;
                }
                _ => at += self.code_at(byte, &text[at..]),
            }
            if self.out.len() > BYTES_MAX {
                self.again = false;
                return;
            }
        }
    }

    /// Appends `bytes` unless they are in a branch that is left out.
    fn push(&mut self, bytes: &[u8]) {
        if self.skip.is_none() {
            self.out.extend_from_slice(bytes);
        }
    }

    /// Replaces the macro whose name starts `rest`; returns how many bytes it took.
    fn macro_at(&mut self, rest: &[u8]) -> usize {
        let (name, taken) = name_at(rest);
        if self.skip.is_some() {
            return taken;
        }
        match value_of(self.values, name) {
            Some(value) if value.is_template => {
                self.again |= value.text.iter().any(|byte| (0x80..0xa0).contains(byte));
                self.out.extend_from_slice(&value.text);
            }
            Some(value) => quote_to(&mut self.out, &value.text),
            None => {}
        }
        taken
    }

    /// Handles a mark left by an earlier pass, or an ordinary byte; returns how many bytes of `rest` it took.
    fn code_at(&mut self, byte: u8, rest: &[u8]) -> usize {
        match Mark::spelling(byte) {
            Some(b'?') => {
                let (name, taken) = name_at(rest);
                self.depth += 1;
                let value = value_of(self.values, name);
                if self.skip.is_none() && value.is_none_or(|value| value.text.is_empty()) {
                    self.skip = Some(self.depth);
                }
                taken
            }
            Some(b'|') if self.depth > 0 => {
                match self.skip {
                    None => self.skip = Some(self.depth),
                    Some(depth) if depth == self.depth => self.skip = None,
                    Some(_) => {}
                }
                0
            }
            Some(b'.') if self.depth > 0 => {
                if self.skip == Some(self.depth) {
                    self.skip = None;
                }
                self.depth -= 1;
                0
            }
            _ => {
                self.push(&[byte]);
                0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HashSign, MacroTable, translate};
    use super::*;

    /// Returns a table of these templates.
    fn table() -> MacroTable {
        let mut table = MacroTable::default();
        for (name, value) in
            [("x", "ex"), ("j", "host.$m"), ("m", "dom"), ("e", ""), ("l", "$l+"), ("c", "$?xhas $?ynone$|x$.$.")]
        {
            table.set_template(name, translate(value.as_bytes(), HashSign::Ordinary).text);
        }
        table.set("client_name", "a\x01b");
        table
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let template = translate(text.as_bytes(), HashSign::Ordinary).text;
        assert_eq!(expand(&template, &table()), expected);
    }

    #[test]
    fn values_are_put_in_again_and_again() {
        check("$x", "ex");
        check("<$j>${x}${undefined}$$x", "<host.dom>ex$x");
        check("$c", "has x");
    }

    #[test]
    fn conditionals_ask_for_a_value() {
        check("$?xyes$|no$.", "yes");
        check("$?eyes$|no$.", "no");
        check("$?{undefined}yes$|no$.-", "no-");
        check("$?xa$.b", "ab");
        check("$?ea$?xb$|c$.d$|f$.g", "fg");
        check("$?xa$?eb$|c$.d$|f$.g", "acdg");
    }

    #[test]
    fn data_is_never_expanded() {
        let mut table = table();
        table.set("q", b"\x81x\xff\x9b".as_slice());
        let template = translate(b"<$q>", HashSign::Ordinary).text;
        assert_eq!(expand(&template, &table), b"<\x81x\xff\x9b>".as_slice());
    }

    #[test]
    fn a_macro_that_names_itself_ends() {
        let template = translate(b"$l", HashSign::Ordinary).text;
        assert_eq!(expand_internal(&template, &table()).1, Some(ExpandError::TooDeep));
    }

    #[test]
    fn operators_become_marks_and_late_macros_stay() {
        let template = translate(b"$* $=w $1 $&{x} $| $x", HashSign::Ordinary).text;
        let (text, _) = expand_internal(&template, &table());
        assert_eq!(text, b"\x90 \x93w \x951 \x82x \x9b ex");
        check("$?*a$|b$.", "a");
    }
}
