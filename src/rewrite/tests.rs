//! Rules over a table of look-ups, as the spec tells them.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use bstr::BString;

use super::*;
use crate::macros::{HashSign, MacroTable, Value, Values, translate};
use crate::mail::token::{ScanOptions, scan};
use crate::name::Sysexit;

/// The world of these tests.
#[derive(Default)]
pub(super) struct World {
    pub(super) macros: MacroTable,
    pub(super) classes: HashMap<&'static str, &'static [&'static str]>,
    /// How often a class was asked.
    pub(super) questions: AtomicUsize,
    lines: Vec<String>,
    level: Option<u8>,
}

impl Values for World {
    fn macro_value(&self, name: &[u8]) -> Option<Value<'_>> {
        self.macros.get(name)
    }
}

impl Lookup for World {
    fn in_class(&self, class: &ClassRef, phrase: &[u8]) -> bool {
        self.questions.fetch_add(1, Ordering::Relaxed);
        let name = str::from_utf8(class.name.as_bytes()).expect("ASCII");
        self.classes[name].iter().any(|word| word.as_bytes().eq_ignore_ascii_case(phrase))
    }

    fn class_bytes_max(&self, class: &ClassRef, start: Option<u8>) -> usize {
        let name = str::from_utf8(class.name.as_bytes()).expect("ASCII");
        let begins = |word: &&&str| start.is_none_or(|start| word.as_bytes()[0].eq_ignore_ascii_case(&start));
        self.classes[name].iter().filter(begins).map(|word| word.len()).max().unwrap_or(0)
    }

    fn key_style(&self, map: &[u8]) -> Option<KeyStyle> {
        (map != b"nomap").then_some(KeyStyle { blank_sub: None, keeps_quotes: false })
    }

    fn look_up<'a>(&'a mut self, map: &'a [u8], key: &'a [u8], args: &'a [BString]) -> Answer<'a> {
        match map {
            b"temp" => Answer::Now(Found { value: None, temp_fail: true }),
            b"nul" => Answer::Now(Found::NOTHING),
            b"args" => Answer::Later(Box::pin(async move { Found::value(format!("{}", bstr::join("-", args).len())) })),
            b"host" => Answer::Now(Found::value(format!("{}.", BString::from(key)))),
            _ => Answer::Now(Found::value(format!("[{}]", BString::from(key)))),
        }
    }

    fn complain(&mut self, trouble: &Trouble) {
        self.lines.push(trouble.to_string());
    }

    fn trace_level(&self) -> Option<u8> {
        self.level
    }

    fn trace(&mut self, step: Trace<'_>) {
        let mut line = Vec::new();
        step.append_to(&mut line);
        self.lines.push(String::from_utf8(line).expect("ASCII"));
    }
}

/// Polls a future that never has to wait.
fn finish<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the tests' look-ups answer at once"),
    }
}

/// Compiles rules; each line begins with `S` or `R`.
pub(super) fn compile(lines: &str, macros: &MacroTable) -> (Rulesets, Vec<String>) {
    let mut compiler = RuleCompiler::new();
    compiler.set_level(10);
    compiler.set_operators(b".:%@!^/[]+").expect("first");
    compiler.set_blank_sub(b'.');
    let mut errors = Vec::new();
    for (number, line) in lines.lines().enumerate() {
        match line.split_at(1) {
            ("S", name) => {
                if let Err(error) = compiler.select(name.as_bytes()) {
                    errors.push(error.to_string());
                }
            }
            (_, rule) => {
                let text = translate(rule.as_bytes(), HashSign::Ordinary).text;
                errors.extend(compiler.rule(&text, number + 1, macros).iter().map(ToString::to_string));
            }
        }
    }
    (compiler.finish(), errors)
}

/// Runs the set `T` of `lines` on `input`, where `$|` is the mark.
fn run(world: &mut World, lines: &str, input: &str) -> (String, Sysexit) {
    let (rulesets, _) = compile(lines, &world.macros);
    let internal = translate(input.as_bytes(), HashSign::Ordinary).text;
    let (internal, _) = crate::macros::expand_internal(&internal, &world.macros);
    let options = ScanOptions { balance: true, ..ScanOptions::RULE };
    let tokens = scan(&internal, rulesets.scan_rules(), options).tokens.expect("short");
    let id = rulesets.find(b"T").expect("defined");
    let done = finish(rewrite(&rulesets, id, tokens, &mut Workbench::default(), world));
    (done.tokens.to_string(), done.status)
}

/// Returns the usual world.
fn world() -> World {
    let mut world = World::default();
    world.macros.set_template("x", "ex");
    world.macros.set_template("y", "Y.Z");
    world.macros.set("data", "a<b");
    world.classes.insert("A", &["a", "b", "foo.jp", "one.two", "one.two.three"]);
    world
}

#[track_caller]
fn check(rules: &str, input: &str, expected: &str) {
    let mut world = world();
    assert_eq!(
        run(&mut world, &format!("ST\n{rules}"), input),
        (expected.to_owned(), Sysexit::Ok),
        "{:?}",
        world.lines
    );
    assert_eq!(world.lines, [""; 0]);
}

#[test]
fn wildcards_take_as_little_as_they_can() {
    check("R$+ . $+\t$: $1 | $2", "a.b.c", "a | b . c");
    check("R$+.$+.$+\t$: $1 | $2 | $3", "a..b", "a . . b");
    check("R$+ . $+\t$: $1 | $2", "a..b", "a | . b");
    check("R$+ . $+\t$: $1 | $2", ".a.b", ". a | b");
    check("R$* a $* b $*\t$: [$1] [$2] [$3]", "a a b b", "[ ] [ a ] [ b ]");
    check("R$- $* $-\t$: $1 | $2 | $3", "a b c d", "a | b c | d");
    check("R$@\t$: empty", "", "empty");
    check("R$@\t$: empty", "x", "x");
}

#[test]
fn literals_ignore_case() {
    check("RFoo@$*\t$: hit $1", "fOO@x", "hit x");
    check("R\"quoted lit\" $*\t$: hit $1", "\"Quoted LIT\" x", "hit x");
}

#[test]
fn classes_match_phrases_shortest_first() {
    check("R$* $=A $*\t$@ $1 / $2 / $3", "one.two.three", "/ one . two / . three");
    check("R$=A\t$@ whole $1", "one.two.three", "whole one . two . three");
    check("R$=A\t$@ joined $1", "foo jp", "joined foo jp");
    check("R$~A $*\t$@ not $1", "q r", "not q");
    check("R$~A $*\t$@ not $1", "a r", "a r");
}

#[test]
fn a_rule_repeats_until_it_fails() {
    check("Ra $*\t$1 b", "a a a a", "b b b b");
    check("Ra $*\t$: $1 b", "a a", "a b");
    check("Ra $*\t$@ $1 stop\nR$*\t$: went on", "a x", "x stop");
    let mut world = world();
    assert_eq!(run(&mut world, "ST\nRa $*\t$1 a", "a").0, "a");
    assert_eq!(world.lines, ["Infinite loop in ruleset T, rule 1"]);
}

#[test]
fn calls_run_from_the_last_to_the_first() {
    check("R$- . $+\t$: $1 $>U $2\nSU\nR$*\t$: < $1 >", "a.b", "a < b >");
    check("R$- $-\t$: $>U $1 $>V $2\nSU\nR$*\t$: u $1\nSV\nR$*\t$: v $1", "a b", "u a v b");
    let mut world = world();
    assert_eq!(run(&mut world, "ST\nR$*\t$: x $>No $1", "a"), ("x $> No a".to_owned(), Sysexit::Config));
    assert_eq!(world.lines, ["Unknown ruleset No"]);
    let rules = "ST\nR$*\t$: a $>U b $>No $1\nSU\nR$*\t$: u";
    assert_eq!(run(&mut world, rules, "q").0, "a $> U b $> No q");
    check("R$*\t$: a $>", "q", "a $>");
    // A name that has lost its quotes joins as its first byte says.
    let rules = "ST\nR$*\t$: $>\"@\" $1\nR$- $*\t$: $(args x $@ $2 $)";
    assert_eq!(run(&mut world, rules, "q").0, "2");
}

#[test]
fn calls_end_at_a_depth() {
    let mut world = world();
    let (tokens, status) = run(&mut world, "ST\nR$*\t$: $>T x $1", "x");
    assert_eq!((tokens.len(), status), (103, Sysexit::Config));
    assert_eq!(world.lines, ["rewrite: excessive recursion (max 50), ruleset T"]);
}

#[test]
fn a_triple_ends_the_ruleset() {
    check("R$*\t$: $>U $1\nR$*\t$: on $1\nSU\nR$*\t$#local $: $1", "a", "$# local $: a");
    check("R$*\t$: a $>U $1\nR$*\t$: on $1\nSU\nR$*\t$#local $: $1", "b", "on a $# local $: b");
}

#[test]
fn macros_are_read_early_or_late() {
    check("R$y $*\t$: $x $1", "y.z q", "ex q");
    check("R$*\t$: $&x $&y [ $&{undefined} ]", "q", "ex Y . Z [ ]");
    check("R$&x\t$: hit", "EX", "hit");
    check("R$*\t$: $&* $1 $?-a$|b$.", "q", "$* q a");
    check("R$*\t$: $?x yes $| no $. $?{undefined} u $| nu $.", "", "yes nu");
}

#[test]
fn look_ups_replace_or_leave() {
    check("R$*\t$: $(m $1 $)", "a.b c", "[ a . b . c ]");
    check("R$*\t$: $(m $1 $: d $)", "\"q s\"", "[ q s ]");
    check("R$*\t$: a $(nul $1 $) b $(nul $1 $: d e $) c", "q", "a q b d . e c");
    check("R$*\t$: $(args $1 $@ ab $@ c $)", "q", "4");
    check("R$* @ $*\t$: $1 < @ $[ $2 $] >", "a@b", "a < @ b . >");
    check("R$*\t$: $(nul q $: a (b) c $)", "q", "a c");
    let mut world = world();
    assert_eq!(run(&mut world, "ST\nR$*\t$: $(nomap $1 $: x $)", "q").0, "x");
    assert_eq!(run(&mut world, "ST\nR$*\t$: $(\"nul\" $1 $: x $)", "q").0, "[ q ]");
    assert_eq!(world.lines, ["rewrite: map nomap not found"]);
    assert_eq!(run(&mut world, "ST\nR$*\t$: $(temp $1 $)", "q"), ("q".to_owned(), Sysexit::TempFail));
}

#[test]
fn brackets_need_no_balance_in_rules_but_in_values() {
    check("R$*\t$: < $1", "q", "< q");
    check("R< $*\t$: < $1 >", "<q>", "< q > >");
    let mut world = world();
    assert_eq!(run(&mut world, "ST\nR$*\t$: $&{data}", "q").0, "a < b >");
    assert_eq!(world.lines, ["a<b... Unbalanced '<'"]);
}

#[test]
fn arguments_are_parted_by_a_mark() {
    check("R$* $| $*\t$@ L $1 R $2", "a $| b $| c", "L a R b $| c");
    check("R$* $| $*\t$: $(nul $1 $: $1 $| $2 $)", "a $| b", "a $| b");
}

#[test]
fn steps_are_traced_in_the_originals_words() {
    let mut world = World { level: Some(12), ..world() };
    run(&mut world, "ST\nRx\t$@ y\nR$*\t$@ no $1", "zz");
    let expected = [
        "T                  input: zz",
        "-----trying rule: x",
        "----- rule fails",
        "-----trying rule: $*",
        "-----rule matches: $@ no $1",
        "rewritten as: no zz",
        "T                returns: no zz",
    ];
    assert_eq!(world.lines, expected);
}

#[test]
fn an_applied_rule_shows_names_of_rulesets_without_quotes() {
    let mut world = World { level: Some(12), ..world() };
    run(&mut world, "ST\nRa $*\t$>\"U\" $1\nSU\nRb\t$@ c", "a a b");
    world.lines.retain(|line| line.contains("rule matches: $>"));
    assert_eq!(world.lines, ["-----rule matches: $> \"U\" $1", "-----rule matches: $> U $1"]);
}

#[test]
fn wrong_rules_are_told() {
    #[track_caller]
    fn errors(rule: &str, expected: &[&str]) {
        assert_eq!(compile(&format!("ST\n{rule}"), &MacroTable::default()).1, expected);
    }
    errors("R$*", &["invalid rewrite line \"R\u{1}*\" (tab expected)"]);
    errors("R$*\t$2", &["replacement $2 out of bounds"]);
    errors("R$1\t$1", &["Inappropriate use of $1-$9 on LHS", "replacement $1 out of bounds"]);
    errors("R$* $#x\t$1", &[]);
    errors("R$* $: $*\t$1", &["Inappropriate use of $: on LHS"]);
    errors("R$*\t$=A", &["Inappropriate use of $= on RHS"]);
    errors("R$*\t$(x $1", &["missing map closing token"]);
    errors("R$*\t$(x $[ $1 $] $)", &["cannot nest map lookups"]);
}

#[test]
fn rulesets_have_names_and_numbers() {
    let (rulesets, errors) = compile("SNum=77\nRa\tb\nSfirst\nRa\tb\nS5\nRa\tb\nS9999\nS-x", &MacroTable::default());
    assert_eq!(errors, ["bad ruleset 9999 (100 max)", "invalid ruleset name: \"-x\""]);
    assert_eq!(rulesets.find(b"77"), rulesets.find(b"Num"));
    assert_eq!(rulesets.find(b"first").expect("there").number(), 199);
    assert_eq!(rulesets.label(rulesets.find(b"5").expect("there")), "5");
    assert_eq!(rulesets.find(b"First"), None);
    assert!(!rulesets.has_rules(b"6"));
}

#[test]
fn four_hundred_rulesets_have_names_alone() {
    let lines: String = (0..402).map(|number| format!("SName{number}\nRa\tb\n")).collect();
    let (rulesets, errors) = compile(&lines, &MacroTable::default());
    let number = |name: &str| rulesets.find(name.as_bytes()).map(RulesetId::number);
    assert_eq!(
        ["Name0", "Name99", "Name100", "Name399", "Name400"].map(number),
        [Some(199), Some(100), Some(200), Some(499), None]
    );
    assert_eq!(errors[0], "Name400: too many named rulesets (400 max)");
}

#[test]
fn the_value_of_a_late_macro_leaves_room() {
    let check = |dots: usize, late: &str, fits: bool| {
        let more = format!("R$*\t$:$1 {}\n", ".".repeat(200));
        let lines = format!("ST\n{}R$*\t$:{late}\n", more.repeat(4));
        let (_, status) = run(&mut world(), &lines, &".".repeat(dots));
        assert_eq!(status == Sysexit::Ok, fits, "{dots} {late}");
    };
    check(199, "$1 ex", true);
    check(198, "$1 $&x", true);
    check(199, "$1 $&x", false);
    check(199, "$&x $1", true);
}
