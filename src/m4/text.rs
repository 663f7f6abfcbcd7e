//! Texts: the parameters of a macro, `translit`, `substr`.

use std::ops::Range;

use super::machine::{Argument, Call};
use super::token::Marks;

/// Returns a macro's text with `$0`, `$1`…, `$#`, `$*` and `$@` replaced.
pub(super) fn substitute(text: &[u8], call: &Call, marks: &Marks) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'$', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.first() {
            Some(b'0'..=b'9') => {
                let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let number = rest[..digits]
                    .iter()
                    .fold(0_usize, |number, digit| number.saturating_mul(10).saturating_add(usize::from(digit - b'0')));
                match number.checked_sub(1) {
                    None => out.extend_from_slice(&call.name),
                    Some(index) => out.extend_from_slice(call.text(index)),
                }
                rest = &rest[digits..];
            }
            Some(b'#') => {
                out.extend_from_slice(call.arguments.len().to_string().as_bytes());
                rest = &rest[1..];
            }
            Some(all @ (b'*' | b'@')) => {
                join(call, 0, (*all == b'@').then_some(marks), &mut out);
                rest = &rest[1..];
            }
            _ => out.push(b'$'),
        }
    }
    out.extend_from_slice(rest);
    out
}

/// Returns how many arguments a macro's text uses; none if it may use any number.
pub(super) fn uses(text: &[u8]) -> Option<usize> {
    let mut used = 0;
    for at in memchr::memchr_iter(b'$', text) {
        match text.get(at + 1) {
            Some(b'#' | b'*' | b'@') => return None,
            Some(digit @ b'1'..=b'9') => used = used.max(usize::from(digit - b'0')),
            _ => {}
        }
    }
    Some(used)
}

/// Appends the arguments from `first` on with commas between, each in quotes if there are `marks`.
pub(super) fn join(call: &Call, first: usize, marks: Option<&Marks>, out: &mut Vec<u8>) {
    for (number, argument) in call.arguments.iter().skip(first).enumerate() {
        if number > 0 {
            out.push(b',');
        }
        match (argument, marks) {
            (Argument::Text(text), Some(marks)) => marks.quote(text, out),
            (Argument::Text(text), None) => out.extend_from_slice(text),
            (Argument::Builtin(_), _) => {}
        }
    }
}

/// Returns the arguments with a space between each two.
pub(super) fn spaced(call: &Call) -> Vec<u8> {
    let texts: Vec<&[u8]> = (0..call.arguments.len()).map(|index| call.text(index)).collect();
    texts.join(&b' ')
}

/// Maps the bytes of `text` that stand in `from` to those of `to`; those without a partner vanish.
pub(super) fn translit(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let (from, to) = (ranges(from), ranges(to));
    let map = |byte: &u8| match memchr::memchr(*byte, &from) {
        None => Some(*byte),
        Some(at) => to.get(at).copied(),
    };
    text.iter().filter_map(map).collect()
}

/// Writes out ranges like `a-z` and `z-a`.
fn ranges(text: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, out.last().copied(), bytes.peek().copied()) {
            (b'-', Some(first), Some(last)) => {
                bytes.next();
                match first <= last {
                    true => out.extend((first..=last).skip(1)),
                    false => out.extend((last..first).rev()),
                }
            }
            _ => out.push(byte),
        }
    }
    out
}

/// Returns which part of a text of `length` bytes `substr` takes; nothing where the start lies outside.
pub(super) fn part(length: usize, start: i32, count: Option<i32>) -> Range<usize> {
    let Some(start) = usize::try_from(start).ok().filter(|start| *start < length) else { return 0..0 };
    let count = count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(0));
    start..start.saturating_add(count).min(length)
}
