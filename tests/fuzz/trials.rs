//! What hostile bytes are given to: each trial takes any bytes and must come back, in bounded time and memory.
//!
//! `make fuzz` looks for bytes on which one does not; `tests/suite/fuzz.rs` replays those that were worth keeping.

use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use bstr::{BString, ByteSlice as _};
use futago::cf::{self, Config, ReadEnv};
use futago::cli::configuration;
use futago::macros::{MacroTable, Value, Values};
use futago::mail::address_list::{self, Separator};
use futago::mail::token::{ScanOptions, scan};
use futago::map::{Database, Definition};
use futago::rewrite::{Answer, ClassRef, Found, KeyStyle, Lookup, RulesetId, Trace, Trouble, Workbench, rewrite};

/// How many rulesets one evaluation may call: rules that call one another over and over end some day, but not today.
const CALLS_MAX: u32 = 2_000;

/// The longest text that an address is tried with, in bytes: what a client can send.
const ADDRESS_BYTES_MAX: usize = 2048;

/// The rules that every site has in one form or another: those of the built-in default.
static STOCK: LazyLock<Config> =
    LazyLock::new(|| cf::read(&configuration::built_in(), "sendmail.cf", &ReadEnv::default()).0);

/// Reads the bytes as a configuration, and what its `K` lines say.
pub fn cf(data: &[u8]) {
    let (config, problems) = cf::read(data, "x.cf", &ReadEnv::default());
    problems.iter().for_each(|problem| assert!(!problem.to_string().is_empty()));
    for map in &config.maps {
        let (_, errors) = Definition::parse(map.name.as_bytes(), &map.class, &map.args);
        errors.iter().for_each(|error| assert!(!error.to_string().is_empty()));
    }
}

/// Rewrites the first line by the rules of the others, where every line that does not begin a ruleset is a rule.
pub fn rule(data: &[u8]) {
    let mut lines = data.lines();
    let address = lines.next().unwrap_or_default();
    let mut text = BString::from("V10\nSstart\n");
    for line in lines {
        let kind = if line.starts_with(b"S") || line.starts_with(b"C") { "" } else { "R" };
        text.extend_from_slice(&[kind.as_bytes(), line, b"\n"].concat());
    }
    let config = cf::read(&text, "x.cf", &ReadEnv::default()).0;
    let start = config.rulesets.find(b"start").expect("it begins the text");
    evaluate(&config, start, &address[..address.len().min(ADDRESS_BYTES_MAX)]);
}

/// Reads the bytes as addresses, and gives them to the rulesets that addresses of strangers meet.
pub fn address(data: &[u8]) {
    let data = &data[..data.len().min(ADDRESS_BYTES_MAX)];
    for separator in [Separator::Comma, Separator::OldStyle] {
        for element in address_list::split(data, separator) {
            assert!(element.len() <= data.len());
        }
    }
    let rules = STOCK.rulesets.scan_rules();
    for options in [ScanOptions::ADDRESS, ScanOptions::VALUE, ScanOptions::RULE, ScanOptions::TYPED] {
        scan(data, rules, options);
    }
    for ruleset in ["3", "0", "1", "2", "4", "check_mail", "check_rcpt", "check_relay"] {
        if let Some(id) = STOCK.rulesets.find(ruleset.as_bytes()) {
            evaluate(&STOCK, id, data);
        }
    }
}

/// Reads the bytes as a database file, all of it and by keys.
pub fn map(data: &[u8]) {
    let opened = [Database::of_bytes(data.to_vec()), Database::cdb_of_bytes(data.to_vec())];
    for database in opened.into_iter().flatten() {
        let mut keys = vec![BString::from("a"), BString::from("key\0"), BString::default()];
        let _ = database.scan(&mut |key, value| {
            // However its pages point at one another, no item is longer than the file.
            assert!(key.len() <= data.len() && value.len() <= data.len());
            if keys.len() < 16 {
                keys.push(key.into());
            }
            ControlFlow::Continue(())
        });
        for key in keys {
            let _ = database.get(&key);
            let _ = database.values(&key);
        }
    }
}

/// Rewrites a text by a ruleset of the configuration.
fn evaluate(config: &Config, ruleset: RulesetId, text: &[u8]) {
    let Some(tokens) = scan(text, config.rulesets.scan_rules(), ScanOptions::TYPED).tokens else { return };
    let mut world = World { macros: MacroTable::default(), calls: 0 };
    config.macros.iter().for_each(|(name, value)| world.macros.set_template(name.as_bytes(), value.clone()));
    let evaluation = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let mut bench = Workbench::default();
        let future = std::pin::pin!(rewrite(&config.rulesets, ruleset, tokens, &mut bench, &mut world));
        let Poll::Ready(rewritten) = future.poll(&mut Context::from_waker(Waker::noop())) else {
            unreachable!("every answer is there at once");
        };
        rewritten.tokens.to_text(config.rulesets.scan_rules().blank_sub)
    }));
    if let Err(reason) = evaluation
        && !reason.is::<TooManyCalls>()
    {
        std::panic::resume_unwind(reason);
    }
}

/// Why an evaluation was given up.
struct TooManyCalls;

/// A world that answers every question from the question.
struct World {
    macros: MacroTable,
    calls: u32,
}

impl Values for World {
    fn macro_value(&self, name: &[u8]) -> Option<Value<'_>> {
        self.macros.get(name)
    }
}

impl Lookup for World {
    fn in_class(&self, class: &ClassRef, phrase: &[u8]) -> bool {
        phrase.eq_ignore_ascii_case(b"foo.jp") || phrase.len() % 5 == class.index % 5
    }

    fn class_bytes_max(&self, _class: &ClassRef, _start: Option<u8>) -> usize {
        32
    }

    fn key_style(&self, map: &[u8]) -> Option<KeyStyle> {
        (map != b"none").then_some(KeyStyle { blank_sub: None, keeps_quotes: map.len().is_multiple_of(2) })
    }

    fn look_up<'a>(&'a mut self, _map: &'a [u8], key: &'a [u8], args: &'a [BString]) -> Answer<'a> {
        Answer::Now(match key.len() % 4 {
            0 => Found::NOTHING,
            1 => Found::value([key, b"@", &args.concat()].concat()),
            2 => Found::value(args.concat()),
            _ => Found { value: None, temp_fail: key.len() > 64 },
        })
    }

    fn complain(&mut self, trouble: &Trouble) {
        assert!(trouble.to_string().len() < 1 << 16);
    }

    fn trace_level(&self) -> Option<u8> {
        Some(0)
    }

    fn trace(&mut self, _step: Trace<'_>) {
        self.calls += 1;
        if self.calls > CALLS_MAX {
            std::panic::resume_unwind(Box::new(TooManyCalls));
        }
    }
}
