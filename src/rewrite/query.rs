//! Look-ups as they stand in right sides: `$(map key $@ argument $: default $)`.

use std::borrow::Cow;

use bstr::BString;

use super::compile::MAP_ARGS_MAX;
use super::lookup::KeyStyle;
use super::trouble::Trouble;
use crate::mail::token::{Kind, Mark, Token, join, join_within};
use crate::name::CSpace as _;

/// The longest key or default, in bytes; what goes beyond is cut off (the original's MAXKEY, less three).
pub(super) const KEY_BYTES_MAX: usize = 1021;
/// The room for all arguments together, in bytes, with one for the end of each (the original's PSBUFSIZE).
const ARGS_BYTES_MAX: usize = 1256;
/// What an argument leaves of it.
const ARG_BYTES_SPARE: usize = 3;

/// One look-up as it stands in a right side.
pub(super) struct Query<'a> {
    pub(super) map: Cow<'a, [u8]>,
    pub(super) key: &'a [Token],
    args: Vec<&'a [Token]>,
    pub(super) default: Option<&'a [Token]>,
}

impl<'a> Query<'a> {
    /// Reads the look-up at the front of `tokens`; returns it and how many tokens it takes.
    pub(super) fn split(tokens: &'a [Token]) -> Result<(Self, usize), Trouble> {
        let (map, end_mark, start) = match tokens[0].mark() {
            Some(Mark::HostBegin) => (Cow::Borrowed(&b"host"[..]), Mark::HostEnd, 1),
            _ => (map_name(tokens.get(1).ok_or(Trouble::MissingMapName)?), Mark::MapEnd, 2),
        };
        let body = &tokens[start..];
        let end = body.iter().position(|token| token.is(&end_mark)).unwrap_or(body.len());
        let mut parts = body[..end].split_inclusive(|token| token.is(&Mark::Host) || token.is(&Mark::User));
        let mut query = Self { map, key: &[], args: Vec::new(), default: None };
        let (key, mut next) = cut(parts.next().unwrap_or_default());
        query.key = key;
        while let Some(kind) = next {
            let (part, following) = cut(parts.next().unwrap_or_default());
            match kind {
                Mark::User => query.default = Some(part),
                _ if query.args.len() + 1 < MAP_ARGS_MAX - 1 => query.args.push(part),
                _ => {}
            }
            next = following;
        }
        Ok((query, (start + end + 1).min(tokens.len())))
    }
}

impl Query<'_> {
    /// Returns the arguments as text; all together have only so much room.
    pub(super) fn arguments(&self, blank_sub: u8) -> Vec<BString> {
        let mut room = ARGS_BYTES_MAX;
        let text = |arg: &&[Token]| {
            let text = join_within(arg, blank_sub, room.saturating_sub(ARG_BYTES_SPARE));
            room = room.saturating_sub(text.len() + 1);
            text
        };
        self.args.iter().map(text).collect()
    }
}

/// Parts tokens from the `$@` or `$:` at their end.
fn cut(part: &[Token]) -> (&[Token], Option<&Mark>) {
    match part.split_last().map(|(last, rest)| (last.mark(), rest)) {
        Some((Some(mark @ (Mark::Host | Mark::User)), rest)) => (rest, Some(mark)),
        _ => (part, None),
    }
}

/// Joins the key of a look-up.
pub(super) fn key(tokens: &[Token], style: KeyStyle, blank_sub: u8) -> BString {
    let mut key = join_within(tokens, style.blank_sub.unwrap_or(blank_sub), KEY_BYTES_MAX);
    if !style.keeps_quotes {
        strip_quotes(&mut key);
    }
    key
}

/// Takes quotes out of a key; a backslash protects what follows it and goes too.
fn strip_quotes(text: &mut BString) {
    if memchr::memchr2(b'"', b'\\', text).is_none() {
        return;
    }
    let mut bytes = Vec::from(std::mem::take(text)).into_iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => text.extend(bytes.next()),
            b'"' => {}
            _ => text.push(byte),
        }
    }
}

/// Returns a token as the name of a map; quotes belong to it.
fn map_name(token: &Token) -> Cow<'_, [u8]> {
    match token.text() {
        Some((_, text)) => Cow::Borrowed(text),
        None => Cow::Owned(join(std::slice::from_ref(token), b' ').into()),
    }
}

/// Returns what is left of a ruleset's name that was looked for: behind a letter it ends at white space,
/// if all before that is ASCII.
// QUIRK(sought-ruleset)
pub(super) fn as_sought(name: &[u8]) -> &[u8] {
    let blanks = name.iter().take_while(|byte| byte.is_c_space()).count();
    if !name.get(blanks).is_some_and(u8::is_ascii_alphabetic) {
        return name;
    }
    let is_of_word = |byte: &u8| byte.is_ascii() && !byte.is_c_space();
    let end = name.iter().skip(blanks).position(|byte| !is_of_word(byte)).map_or(name.len(), |len| blanks + len);
    if name.get(end).is_some_and(|byte| byte.is_c_space()) { &name[..end] } else { name }
}

/// Returns a token as the name of a ruleset.
pub(super) fn name_text(token: &Token) -> Cow<'_, [u8]> {
    match token.text() {
        Some((Kind::Atom, text)) if !text.contains(&b'\\') => Cow::Borrowed(text),
        _ => {
            let mut text = join(std::slice::from_ref(token), b' ');
            strip_quotes(&mut text);
            Cow::Owned(text.into())
        }
    }
}
