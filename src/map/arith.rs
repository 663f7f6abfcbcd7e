//! Class `arith`: integer arithmetic on the arguments; the key is the operator.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use super::Outcome;
use crate::name::{Sysexit, TrimSpace as _};

/// Longest result, in bytes.
// QUIRK(arith-cut): the original prints results into 16 bytes and so cuts long numbers off.
const RESULT_BYTES_MAX: usize = 15;

/// Computes `first OPERATOR second`; neither `-a` nor a third argument matters.
pub(super) fn lookup(key: &[u8], args: &[&[u8]]) -> Outcome {
    let [first, second, ..] = args else {
        return Outcome::NotFound(Sysexit::Config);
    };
    let operator = key.first().copied().unwrap_or_default();
    match compute(operator, integer(first), integer(second)) {
        Some(mut result) => {
            result.truncate(RESULT_BYTES_MAX);
            Outcome::Found(result.into())
        }
        None => Outcome::NotFound(Sysexit::Ok),
    }
}

fn compute(operator: u8, first: i64, second: i64) -> Option<String> {
    let number = match operator {
        b'+' => first.wrapping_add(second),
        b'-' => first.wrapping_sub(second),
        b'*' => first.wrapping_mul(second),
        b'/' => first.checked_div(second)?,
        b'%' => first.checked_rem(second)?,
        b'|' => first | second,
        b'&' => first & second,
        b'r' => random(first, second)?,
        b'l' => return Some(truth(first < second)),
        b'=' => return Some(truth(first == second)),
        _ => return None,
    };
    Some(number.to_string())
}

fn truth(holds: bool) -> String {
    if holds { "TRUE".into() } else { "FALSE".into() }
}

/// Returns a number from `first` to `last`, both included.
fn random(first: i64, last: i64) -> Option<i64> {
    let span = u64::try_from(i128::from(last) - i128::from(first)).ok()?;
    // The seed of std's hash tables is the random source at hand; nothing secret hangs on it.
    let drawn = RandomState::new().hash_one(());
    let offset = match span.checked_add(1) {
        Some(count) => drawn % count,
        None => drawn,
    };
    Some(first.wrapping_add_unsigned(offset))
}

/// Reads a number as `strtol` with base 0 does: `0x` and `0` prefixes, ends at the first other character, no digits
/// are 0, too large is the largest.
fn integer(text: &[u8]) -> i64 {
    let text = text.trim_space_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (radix, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] if rest.first().is_some_and(u8::is_ascii_hexdigit) => (16, rest),
        [b'0', rest @ ..] => (8, rest),
        _ => (10, digits),
    };
    let mut number: i64 = 0;
    for digit in digits.iter().map_while(|&digit| char::from(digit).to_digit(radix)) {
        let digit = if negative { -i64::from(digit) } else { i64::from(digit) };
        number = number.saturating_mul(i64::from(radix)).saturating_add(digit);
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(operator: &str, first: &str, second: &str, expected: Option<&str>) {
        let outcome = lookup(operator.as_bytes(), &[first.as_bytes(), second.as_bytes()]);
        let expected = match expected {
            Some(text) => Outcome::Found(text.into()),
            None => Outcome::NotFound(Sysexit::Ok),
        };
        assert_eq!(outcome, expected);
    }

    #[test]
    fn the_four_operations() {
        check("+", "5", "3", Some("8"));
        check("-", "5", "-3", Some("8"));
        check("*", "4294967296", "4294967296", Some("0"));
        check("/", "-7", "2", Some("-3"));
        check("%", "-7", "2", Some("-1"));
    }

    #[test]
    fn bits_and_comparisons() {
        check("|", "5", "2", Some("7"));
        check("&", "5", "6", Some("4"));
        check("l", "-5", "-3", Some("TRUE"));
        check("l", "2", "1", Some("FALSE"));
        check("=", "1", "x", Some("FALSE"));
    }

    #[test]
    fn numbers_have_prefixes_and_may_be_none() {
        check("+", "0x10", "1", Some("17"));
        check("+", "-0x10", "1", Some("-15"));
        check("+", "010", "1", Some("9"));
        check("+", "12abc", "1", Some("13"));
        check("+", "x", "2", Some("2"));
        check("+", "+5", "0x", Some("5"));
    }

    #[test]
    fn what_cannot_be_computed_is_not_found() {
        check("/", "1", "0", None);
        check("%", "1", "0", None);
        check("/", "-9223372036854775808", "-1", None);
        check("^", "1", "2", None);
        check("", "1", "2", None);
        check("r", "5", "3", None);
    }

    #[test]
    fn long_results_are_cut() {
        check("+", "9223372036854775807", "1", Some("-92233720368547"));
        check("+", "99999999999999999999", "0", Some("922337203685477"));
    }

    #[test]
    fn a_random_number_lies_between_its_bounds() {
        check("r", "3", "3", Some("3"));
        for _ in 0..50 {
            let Outcome::Found(text) = lookup(b"r", &[b"-2", b"2"]) else { panic!("a number") };
            assert!((-2..=2).contains(&integer(&text)));
        }
        assert!(random(i64::MIN, i64::MAX).is_some());
    }

    #[test]
    fn when_arguments_are_missing_then_the_rule_is_wrong() {
        assert_eq!(lookup(b"+", &[]), Outcome::NotFound(Sysexit::Config));
        assert_eq!(lookup(b"+", &[b"1"]), Outcome::NotFound(Sysexit::Config));
    }
}
