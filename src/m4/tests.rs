//! Recorded answers of GNU m4, and what must hold for any input.

use std::collections::BTreeMap;

use bstr::BString;
use proptest::prelude::*;

use super::{Host, Machine, Output, Ran};

/// Files from a table; commands answer with their own text.
#[derive(Default)]
struct Table(BTreeMap<BString, Vec<u8>>);

impl Host for Table {
    fn read(&mut self, name: &[u8]) -> Result<Vec<u8>, BString> {
        self.0
            .get(bstr::BStr::new(name))
            .cloned()
            .ok_or_else(|| format!("there is no {}", bstr::BStr::new(name)).into())
    }

    fn run(&mut self, command: &[u8]) -> Result<Ran, BString> {
        Ok(Ran { output: command.to_vec(), status: 3 })
    }

    fn create(&mut self, template: &[u8]) -> Result<BString, BString> {
        self.0.insert(template.into(), Vec::new());
        Ok(template.into())
    }
}

fn made(host: &mut Table, input: &[u8]) -> Output {
    let mut machine = Machine::new(host);
    machine.process(b"stdin", input.to_vec());
    machine.finish()
}

#[track_caller]
fn check(input: &str, expected: &str) {
    let mut host = Table(BTreeMap::from([("inc".into(), b"line __line__ of __file__\n".to_vec())]));
    let output = made(&mut host, input.as_bytes());
    assert_eq!(String::from_utf8_lossy(&output.text), expected, "{:?}", output.messages);
}

#[track_caller]
fn check_message(input: &str, expected: &str, exit: u8) {
    let output = made(&mut Table::default(), input.as_bytes());
    let said: String = output.messages.iter().map(ToString::to_string).collect();
    assert_eq!((said.as_str(), output.exit), (expected, exit));
}

#[test]
fn every_recorded_case_of_the_original_m4_agrees() {
    let recorded = include_str!("../../tests/data/m4-cases.txt");
    let mut count = 0;
    for case in recorded.split("\n<<<\n").skip(1) {
        let (input, rest) = case.split_once(">>> ").expect("an answer");
        let (status, answer) = rest.split_once('\n').expect("a status");
        let output = made(&mut Table::default(), input.as_bytes());
        // What is printed before a fatal error may lack a line end.
        let (ours, theirs) = (String::from_utf8_lossy(&output.text), answer);
        assert_eq!((ours.trim_end(), output.exit.to_string().as_str()), (theirs.trim_end(), status), "{input}");
        count += 1;
    }
    assert!(count > 50, "{count}");
}

#[test]
fn files_and_commands_are_asked_of_the_host() {
    check("a include(`inc')b __line__\n", "a line 1 of inc\nb 1\n");
    check("sinclude(`none')undivert(`inc')", "line __line__ of __file__\n");
    check("esyscmd(`hi') sysval divert(1)late divert`'syscmd(`now ')", "hi 3 now late ");
    check("define(`x', maketemp(`t'))ifdef(`x', `include(x)')-", "-");
}

#[test]
fn faults_are_told_with_their_place() {
    check_message(
        "\nlen(`a',\n`b",
        "stdin:3: the quoted string that begins here has no end: a closing quote is missing\n",
        1,
    );
    let unclosed = "stdin:2: the file ends within the arguments of `len`: a closing parenthesis is missing\n";
    check_message("\nlen(a,\nb", unclosed, 1);
    check_message("include(`x y')", "stdin:1: there is no x y\n", 1);
    check_message("eval(1/0)", "stdin:1: `eval`: division by zero: 1/0\n", 0);
    check_message("incr(x)", "stdin:1: `incr`: \"x\" is no number\n", 0);
}

#[test]
fn what_never_ends_is_ended() {
    let endless = "stdin:1: `x` expands without end: a macro calls itself, directly or through others; a definition takes up \
                   an older value, where there is one, by defn(`x')\n";
    check_message("define(`x',`x')x", endless, 1);
    let mut host = Table(BTreeMap::from([
        ("inc".into(), b"include(`inc')\n".to_vec()),
        ("end".into(), b"include(`end')".to_vec()),
    ]));
    for name in ["inc", "end"] {
        let output = made(&mut host, format!("include(`{name}')").as_bytes());
        assert!(output.messages[0].text.ends_with(b"is included without end: it includes itself, or others do"));
    }
    let deep = "len(".repeat(200_000);
    let output = made(&mut Table::default(), deep.as_bytes());
    assert!(output.messages[0].text.starts_with(b"`len`: more than 100000 calls"), "{:?}", output.messages[0]);
}

proptest! {
    #[test]
    fn any_input_is_read_to_an_end(input in "([a-z(),`'#\\n$0-9@*]|define|ifelse|divert|eval|patsubst|changequote){0,40}") {
        let _ = made(&mut Table::default(), input.as_bytes());
    }

    #[test]
    fn quoted_text_without_quotes_comes_out_as_it_is(text in "[^`']{0,60}") {
        let output = made(&mut Table::default(), format!("`{text}'").as_bytes());
        prop_assert_eq!(output.text, text.into_bytes());
    }
}
