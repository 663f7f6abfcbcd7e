//! Class `regex`: a regular expression; its value is the key, its sub-matches or a fixed text.

use bstr::BString;

use super::options::Words;
use super::{Definition, DefinitionError, Kind, Outcome, pattern_size};
use crate::name::Sysexit;
use crate::sys::regex::{Regex, RegexOptions};

/// The code of `$|`, which stands between sub-matches unless `-d` says otherwise.
pub const COLUMN_MARK: u8 = 0x9b;

/// The longest value made of sub-matches, in bytes; what goes beyond is cut off (the original's MAXNAME less one).
const VALUE_BYTES_MAX: usize = 255;

/// What the `K` line of a regex map says beside the general flags.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegexSpec {
    /// The expression.
    pub pattern: BString,
    /// Not `-b`.
    pub extended: bool,
    /// Not `-f`.
    pub ignore_case: bool,
    /// `-n`: what does not match is found.
    pub negate: bool,
    /// `-s`: the sub-matches that make the value, 0 the whole; empty means all.
    pub fields: Option<Vec<usize>>,
    /// `-d`: what stands between sub-matches.
    pub delimiter: BString,
}

impl Default for RegexSpec {
    fn default() -> Self {
        RegexSpec {
            pattern: BString::default(),
            extended: true,
            ignore_case: true,
            negate: false,
            fields: None,
            delimiter: [COLUMN_MARK].into(),
        }
    }
}

impl RegexSpec {
    /// Returns what stays of the map that `before` declares, where it is declared again.
    pub(super) fn after(before: &Definition) -> RegexSpec {
        let negate = matches!(&before.kind, Kind::Regex(spec) if spec.negate);
        RegexSpec { negate, ..RegexSpec::default() }
    }

    /// Reads flags and pattern onto those that `definition` has; the general flags go there, unknown ones are passed over.
    pub(super) fn parse(args: &[u8], definition: &mut Definition) -> RegexSpec {
        let mut spec = match &definition.kind {
            Kind::Regex(spec) => spec.clone(),
            _ => RegexSpec::default(),
        };
        let mut words = Words::new(args);
        while let Some((letter, value)) = words.flag(b"") {
            match letter {
                b'n' => spec.negate = true,
                b'b' => spec.extended = false,
                b's' => spec.fields = Some(fields(value)),
                b'd' => spec.delimiter = value.into(),
                b'f' => spec.ignore_case = false,
                b'a' | b'm' | b'q' | b'S' | b'D' => {
                    definition.set_flag(letter, value);
                }
                _ => {}
            }
        }
        spec.pattern = words.remainder().into();
        spec
    }

    /// Compiles the expression.
    pub(super) fn compile(&self) -> Result<Regex, DefinitionError> {
        pattern_size::check(&self.pattern, self.extended).map_err(DefinitionError::Pattern)?;
        let options = RegexOptions { extended: self.extended, ignore_case: self.ignore_case };
        let regex = Regex::new(&self.pattern, options).map_err(|error| DefinitionError::Pattern(error.0))?;
        let groups = regex.groups() + 1;
        match self.fields.iter().flatten().find(|&&field| field >= groups) {
            Some(&field) => Err(DefinitionError::FieldOutOfRange { field, groups }),
            None => Ok(regex),
        }
    }

    /// Looks `key` up in the expression, compiled; the first of `args` takes the place of the fields of `-s`.
    pub(super) fn lookup(&self, regex: &Regex, definition: &Definition, key: &[u8], args: &[&[u8]]) -> Outcome {
        let places = regex.find(key);
        if places.is_some() == self.negate {
            return Outcome::NotFound(Sysexit::Ok);
        }
        let mut value = BString::default();
        if let (Some(places), Some(fields)) = (places, &self.fields) {
            let chosen = match args.first() {
                Some(named) => named_fields(named),
                None if fields.is_empty() => (0..places.len()).collect(),
                None => fields.clone(),
            };
            if chosen.iter().any(|field| *field >= places.len()) {
                return Outcome::NotFound(Sysexit::Config);
            }
            let piece = |field: &usize| places[*field].clone().map_or_else(Vec::new, |range| key[range].to_vec());
            let pieces: Vec<Vec<u8>> = chosen.iter().map(piece).collect();
            // QUIRK(regex-unbalanced): pieces that together are no part of an address are not found.
            if !is_balanced(&pieces.concat()) {
                return Outcome::NotFound(Sysexit::Ok);
            }
            if definition.match_only {
                return Outcome::Found(definition.result(key, &value, args));
            }
            value = pieces.join(self.delimiter.as_slice()).into();
            value.truncate(VALUE_BYTES_MAX);
        }
        Outcome::Found(definition.result(key, &value, args))
    }
}

/// Returns what is wrong with the fields that the arguments of a look-up name.
pub(super) fn field_out_of_range(regex: &Regex, args: &[&[u8]]) -> Option<DefinitionError> {
    let groups = regex.groups() + 1;
    let field = named_fields(args.first()?).into_iter().find(|field| *field >= groups)?;
    Some(DefinitionError::FieldOutOfRange { field, groups })
}

/// Reads the fields that an argument names; where it names none, there is still one: 0.
fn named_fields(argument: &[u8]) -> Vec<usize> {
    argument.split(|byte| *byte == b',').map(number).collect()
}

/// Tells whether quotes, brackets and comments of pieces balance, and it has no space outside of quotes.
fn is_balanced(pieces: &[u8]) -> bool {
    let (mut angles, mut comments) = (0_i64, 0_i64);
    let (mut quoted, mut escaped) = (false, false);
    for byte in pieces {
        match byte {
            _ if std::mem::take(&mut escaped) => {}
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'<' => angles += 1,
            b'>' => angles -= 1,
            b'(' => comments += 1,
            b')' => comments -= 1,
            b' ' => return false,
            _ => {}
        }
    }
    angles == 0 && comments == 0 && !quoted && !escaped
}

/// Reads `1,3`; what is no number is 0.
fn fields(value: &[u8]) -> Vec<usize> {
    if value.is_empty() { Vec::new() } else { value.split(|&byte| byte == b',').map(number).collect() }
}

/// Reads the digits at the start of a word.
fn number(word: &[u8]) -> usize {
    word.iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0_usize, |sum, digit| sum.saturating_mul(10).saturating_add(usize::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(args: &str, key: &str, expected: Option<&[u8]>) {
        let mut definition = Definition::new(b"m", super::super::Kind::Null);
        let spec = RegexSpec::parse(args.as_bytes(), &mut definition);
        let regex = spec.compile().expect("a pattern");
        let expected = match expected {
            Some(text) => Outcome::Found(text.into()),
            None => Outcome::NotFound(Sysexit::Ok),
        };
        assert_eq!(spec.lookup(&regex, &definition, key.as_bytes(), &[]), expected);
    }

    #[test]
    fn without_s_and_m_the_value_is_the_text_of_a() {
        check("-a@MATCH ^[a-z]+[0-9]{2,}$", "ABC12", Some(b"@MATCH"));
        check("^a", "abc", Some(b""));
        check("^a", "b", None);
        check("-m -aT b", "abc", Some(b"abcT"));
    }

    #[test]
    fn sub_matches_are_joined() {
        check("-s1,2 -d- ^([a-z]+)\\.([a-z]+)$", "Ann.Lee", Some(b"Ann-Lee"));
        check("-s1,2 (a)(b)", "ab", Some(b"a\x9bb"));
        check("-s1,,2 -d- ^(a)(b)", "ab", Some(b"a-ab-b"));
        check("-s -d+ (a)(b)(c)?", "ab", Some(b"ab+a+b+"));
        check("-d -s1,2 ^(a)(b)", "ab", Some(b"ab"));
        check("-s2 ^(a)|(b)$", "a", Some(b""));
    }

    #[test]
    fn a_piece_that_is_no_part_of_an_address_is_not_found() {
        for key in ["a b", "\"a", "a\\", "<x", "(x y)", "(<)", "(a\")"] {
            check("-s0 .*", key, None);
            check("-s0 -m .*", key, None);
        }
        check("-s1,2 ^(.)(.*)$", "\"q\"", Some(b"\"\x9bq\""));
        for key in ["\"a b\"", "a\\ b", "<a>", "><", "\"(\"", "a\tb", "(x)"] {
            check("-s0 .*", key, Some(key.as_bytes()));
        }
    }

    #[test]
    fn n_turns_the_answer_round() {
        check("-n -a.NO ^admin", "user", Some(b".NO"));
        check("-n -a.NO ^admin", "admin.x", None);
        check("-n -m -aN a", "b", Some(b"bN"));
    }

    #[test]
    fn case_and_kind_of_expression_can_be_chosen() {
        check("-f -aF ABC", "abc", None);
        check("-b \\(a\\)\\1", "aa", Some(b""));
    }

    #[test]
    fn a_field_must_be_in_the_pattern() {
        let spec = RegexSpec::parse(b"-s9 (a)", &mut Definition::new(b"m", super::super::Kind::Null));
        let error = spec.compile().expect_err("there is one group");
        assert_eq!(error.to_string(), "field (9) out of range, only 2 substrings in pattern");
    }
}
