//! `regexp` and `patsubst`: patterns as Emacs spells them; the longest match at the first place counts.

mod compile;
mod matching;

use bstr::ByteSlice;

use self::compile::Pattern;
use self::matching::{Found, Search};
use super::input::shown;
use super::machine::{Call, Machine};

/// Finds the pattern of a call; none after a complaint.
fn pattern(machine: &mut Machine<'_>, call: &Call) -> Option<Pattern> {
    match Pattern::new(call.text(1)) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            machine.complain(&format!("`{}`: bad pattern {:?}: {error}", call.name, shown(call.text(1))));
            None
        }
    }
}

/// Finds the first match from `start` on; none also after a complaint about a pattern that takes too long.
fn find(machine: &mut Machine<'_>, call: &Call, search: &mut Search<'_>, start: usize) -> Option<Found> {
    let found = search.find(start);
    if search.is_exhausted() {
        machine.complain(&format!("`{}`: the pattern {:?} takes too long", call.name, shown(call.text(1))));
    }
    found
}

/// Performs `regexp`: the place of the first match, or what the third argument makes of it.
pub(super) fn regexp(machine: &mut Machine<'_>, call: &Call) {
    if call.arguments.len() < 2 {
        return machine.input.push(b"0".to_vec());
    }
    let Some(pattern) = pattern(machine, call) else { return };
    let mut search = Search::new(&pattern, call.text(0));
    let found = find(machine, call, &mut search, 0);
    let mut result = Vec::new();
    match (found, call.arguments.len()) {
        (Some(found), 3..) => replace(machine, call, &found, &mut result),
        (None, 3..) => {}
        (Some(found), _) => result.extend_from_slice(found.whole().start.to_string().as_bytes()),
        (None, _) => result.extend_from_slice(b"-1"),
    }
    machine.input.push(result);
}

/// Performs `patsubst`: every match is replaced.
pub(super) fn patsubst(machine: &mut Machine<'_>, call: &Call) {
    let text = call.text(0);
    if call.arguments.len() < 2 {
        return machine.input.push(text.to_vec());
    }
    let Some(pattern) = pattern(machine, call) else { return };
    let mut search = Search::new(&pattern, text);
    let mut result = Vec::new();
    let mut offset = 0;
    while offset <= text.len() {
        let Some(found) = find(machine, call, &mut search, offset) else { break };
        let whole = found.whole();
        result.extend_from_slice(&text[offset..whole.start]);
        replace(machine, call, &found, &mut result);
        offset = whole.end;
        if whole.is_empty() {
            result.extend_from_slice(&text[offset..(offset + 1).min(text.len())]);
            offset += 1;
        }
    }
    result.extend_from_slice(&text[offset.min(text.len())..]);
    machine.input.push(result);
}

/// Appends the replacement of a match: `\&` is all of it, `\1` its first group.
fn replace(machine: &mut Machine<'_>, call: &Call, found: &Found, into: &mut Vec<u8>) {
    let (text, mut rest) = (call.text(0), call.text(2));
    while let Some(at) = rest.find_byte(b'\\') {
        into.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.first() {
            Some(b'&' | b'0') => into.extend_from_slice(&text[found.whole()]),
            Some(digit @ b'1'..=b'9') => match found.group(usize::from(digit - b'0')) {
                Some(group) => into.extend_from_slice(&text[group.unwrap_or_default()]),
                None => machine.warn(&format!("`{}`: the pattern has no group {}", call.name, digit - b'0')),
            },
            Some(byte) => into.push(*byte),
            None => return machine.warn(&format!("`{}`: the replacement ends in a backslash", call.name)),
        }
        rest = &rest[1..];
    }
    into.extend_from_slice(rest);
}
