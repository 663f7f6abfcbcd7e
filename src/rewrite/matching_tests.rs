//! Matching finds what trying everything in order finds, in bounded time.

use std::ops::Range;
use std::sync::atomic::Ordering;

use proptest::prelude::*;

use super::gate::Gate;
use super::matching::find;
use super::program::{Piece, Rule};
use super::tests::{World, compile};
use super::workspace::Workspace;
use super::{ClassRef, Lookup};
use crate::macros::Values;
use crate::mail::token::{Token, join};

/// The left sides and addresses of these tests are made of these.
const PIECES: [&str; 12] = ["$*", "$*", "$+", "$-", "$=M", "$=M", "$=A", "$~A", "$@", "$&x", "a", "b"];
const TOKENS: [&str; 4] = ["a", "A", "b", "."];

/// Returns a world whose classes have many ways to part an address.
fn world() -> World {
    let mut world = World::default();
    world.macros.set("x", "ab");
    world.classes.insert("A", &["a"]);
    world.classes.insert("M", &["a", "aa", "a.a", ".b", "ba.", "bb", "b.a.b"]);
    world
}

/// Returns the rule with this left side.
fn rule(left: &str) -> Rule {
    let (rulesets, _) = compile(&format!("ST\nR{left}\t$@ x"), &world().macros);
    rulesets.get(rulesets.find(b"T").expect("there")).rules()[0].clone()
}

/// Returns an address of these tokens, which join without anything between them.
fn address(tokens: &[&str]) -> Workspace {
    Workspace::from(
        tokens.iter().map(|text| Token::new(crate::mail::token::Kind::Operator, text.as_bytes())).collect::<Vec<_>>(),
    )
}

/// Tries everything in order: the left sides of rules as the operation guide tells them.
fn try_all(pieces: &[Piece], tokens: &[Token], at: usize, world: &World, bound: &mut Vec<Range<usize>>) -> bool {
    let Some((piece, rest)) = pieces.split_first() else { return at == tokens.len() };
    let is_in = |class: &ClassRef, end: usize| world.in_class(class, &join(&tokens[at..end], b'.'));
    let ends: Vec<usize> = match piece {
        Piece::ZeroOrMore => (at..=tokens.len()).collect(),
        Piece::OneOrMore => (at + 1..=tokens.len()).collect(),
        Piece::One => vec![at + 1],
        Piece::Class(class) => (at + 1..=tokens.len()).filter(|end| is_in(class, *end)).collect(),
        Piece::NotClass(class) => (at + 1..=tokens.len()).take(1).filter(|end| !is_in(class, *end)).collect(),
        Piece::Nothing => return try_all(rest, tokens, at, world, bound),
        Piece::Literal(literal) => {
            return tokens.get(at).is_some_and(|token| token.matches(literal))
                && try_all(rest, tokens, at + 1, world, bound);
        }
        // It never matches at the end of an address, even if it has no value.
        Piece::Late(name) => {
            let value = world.macro_value(name).map(|value| value.text.into_owned()).unwrap_or_default();
            let has_room = at < tokens.len() && at + value.len() <= tokens.len();
            return has_room
                && join(&tokens[at..at + value.len()], b'.').eq_ignore_ascii_case(&value)
                && try_all(rest, tokens, at + value.len(), world, bound);
        }
    };
    for end in ends.into_iter().filter(|end| *end <= tokens.len()) {
        bound.push(at..end);
        if try_all(rest, tokens, end, world, bound) {
            return true;
        }
        bound.pop();
    }
    false
}

/// Returns how often classes are asked to match a left side with these tokens.
#[track_caller]
fn questions(left: &str, tokens: &[&str], matches: bool) -> usize {
    let mut world = world();
    assert_eq!(find(&rule(left), &address(tokens), &mut world, b'.', false).is_some(), matches);
    world.questions.load(Ordering::Relaxed)
}

#[test]
fn no_place_is_asked_twice() {
    // Phrases of up to five tokens may begin at each place.
    let phrases = 5 * 900;
    assert!(questions("$* $* $@ $* $=M", &["."; 900], false) <= phrases);
    assert!(questions("$+ $* $+ $- $* $=M $* $+ $=A", &["a"; 900], true) <= 2 * phrases);
    assert!(questions("$* $=M $* $=M $* $=M . $* $=M", &["a"; 900], false) <= 4 * phrases);
    assert!(questions("$=M $=M $=M $=M $=M $=M $=M $=M $=M", &["a"; 900], false) <= 9 * phrases);
    assert!(questions("$* $=M $=M $=M $=M $=M $=M $=M .", &["a"; 900], false) <= 8 * phrases);
}

/// Compares what is found with the first of all there is.
#[track_caller]
fn check(left: &str, tokens: &[&str]) {
    let (rule, address) = (rule(left), address(tokens));
    let mut expected = Vec::new();
    let matches = try_all(&rule.pieces, address.tokens(), 0, &world(), &mut expected);
    let found = find(&rule, &address, &mut world(), b'.', false);
    let found = found.map(|found| (1..=9).map_while(|digit| found.get(digit)).collect::<Vec<_>>());
    assert_eq!(found, matches.then_some(expected), "{left:?} against {tokens:?}");
    assert!(!matches || Gate::of(&rule.pieces).admits(&address.outline()), "{left:?} against {tokens:?}");
}

#[test]
fn a_place_before_those_in_vain_may_be_reached_late() {
    // `$+` first gives `ba.` to the class, then `a`, which ends earlier.
    check("$+ $=M $+ $+", &["a", "b", "a", ".", "a"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn what_is_found_is_the_first_of_all(
        pieces in proptest::collection::vec(0..PIECES.len(), 1..8),
        tokens in proptest::collection::vec(0..TOKENS.len(), 0..9),
    ) {
        let left: Vec<_> = pieces.iter().map(|number| PIECES[*number]).collect();
        let tokens: Vec<_> = tokens.iter().map(|number| TOKENS[*number]).collect();
        check(&left.join(" "), &tokens);
    }
}
