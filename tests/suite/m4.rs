//! Our m4 beside GNU m4: the common cf library's own samples, and random macros.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{program, skip};

/// The cf library of the original, where `tests/oracle/setup.sh` lays it.
const LIBRARY: &str = "/opt/oracle/root/usr/share/sendmail/cf/";

/// What a run printed on standard output, and whether it succeeded.
type Ran = (Vec<u8>, bool);

fn run(command: &mut Command, input: &[u8]) -> Ran {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = child.expect("starts");
    // It may end before it has read everything.
    let _ = child.stdin.take().expect("piped").write_all(input);
    let output = child.wait_with_output().expect("ends");
    (output.stdout, output.status.success())
}

/// Runs ours under the name that makes it `makecf`.
fn ours(args: &[&str], input: &[u8]) -> Ran {
    use std::os::unix::process::CommandExt;
    run(Command::new(program()).arg0("makecf").arg("-U_CF_DIR_").args(args), input)
}

fn theirs(args: &[&str], input: &[u8]) -> Ran {
    run(Command::new("m4").args(args), input)
}

fn has_m4() -> bool {
    Command::new("m4").arg("--version").output().is_ok_and(|output| output.stdout.starts_with(b"m4 (GNU M4)"))
}

/// Leaves out the line that tells the time.
fn timeless(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.lines().filter(|line| !line.starts_with("##### built ")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_common_cf_library_makes_the_same_files() {
    if !has_m4() || !Path::new(LIBRARY).is_dir() {
        return skip("GNU m4 or the original's cf library is not here");
    }
    let library = format!("-D_CF_DIR_={LIBRARY}");
    let core = format!("{LIBRARY}m4/cf.m4");
    let folders = [Path::new(LIBRARY).join("cf"), crate::repository("tests/oracle/mc")];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).expect("is there").flatten());
    let files: Vec<_> =
        files.map(|entry| entry.path()).filter(|path| path.extension() == Some("mc".as_ref())).collect();
    for file in &files {
        let file = file.display().to_string();
        let expected = theirs(&[&library, &core, &file], b"");
        for options in [&[][..], &["--allow-commands"]] {
            let made = ours(&[options, &[&library, &file]].concat(), b"");
            assert_eq!((timeless(&made.0), made.1), (timeless(&expected.0), expected.1), "{file}");
        }
    }
    assert!(files.len() > 30, "{}", files.len());
}

/// Numbers that look random, the same for the same seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).expect("31 bits") % limit
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// Words that stand where text may stand; macro names among them. No single quotes: GNU m4 1.4.19 loses text where a
/// quoted string begins in an expansion and ends behind it.
const WORDS: &[&str] = &[
    "a", "b", "foo", "x1", "12", "-3", "`q'", "` sp '", "$1", "$2", "$#", "$@", "$*", " ", "#c\n", "+", "\\(a\\)",
    "a*", "[b-d]", "\\1", "\\&", "^", "$", ".", "\n", "-", "abc", "z-a", "(", ")", "()", "divnum",
];

/// Builtins with the greatest number of arguments that is sensible.
const CALLS: &[(&str, usize)] = &[
    ("define", 2),
    ("pushdef", 2),
    ("popdef", 1),
    ("undefine", 1),
    ("defn", 1),
    ("ifdef", 3),
    ("ifelse", 7),
    ("len", 1),
    ("index", 2),
    ("substr", 3),
    ("translit", 3),
    ("incr", 1),
    ("decr", 1),
    ("shift", 4),
    ("eval", 3),
    ("divert", 1),
    ("undivert", 1),
    ("regexp", 3),
    ("patsubst", 3),
    ("format", 4),
    ("indir", 2),
    ("builtin", 2),
    ("m4wrap", 1),
    ("changequote", 2),
    ("changecom", 2),
    ("dnl", 0),
    ("a", 3),
    ("b", 2),
    ("foo", 3),
    ("x1", 1),
];

/// More than this is the output of a macro that calls itself for ever.
const OUTPUT_BYTES_MAX: usize = 100_000;

const SUMS: &[&str] = &[
    "1", "2", "0x1f", "017", "+", "-", "*", "/", "%", "**", "<<", ">>", "<", "==", "!=", "&&", "||", "!", "~", "(",
    ")", "^", "|", "&", " ",
];

/// Appends a random piece of input, calls in it up to `depth` deep.
fn piece(dice: &mut Dice, depth: usize, out: &mut String) {
    if depth == 0 || dice.below(3) == 0 {
        return out.push_str(dice.pick(WORDS));
    }
    let (name, arguments) = CALLS[dice.below(CALLS.len())];
    out.push_str(name);
    if name == "eval" {
        out.push('(');
        (0..=dice.below(7)).for_each(|_| out.push_str(dice.pick(SUMS)));
        return out.push(')');
    }
    // Quotes and comments that are words of the language end every sensible text: marks only.
    if matches!(name, "changequote" | "changecom") {
        out.push_str(dice.pick(&["", "([,])", "(`<<',`>>')", "`'", "(`{')"]));
        return;
    }
    if arguments == 0 || dice.below(8) == 0 {
        return;
    }
    out.push('(');
    for number in 0..=dice.below(arguments + 1) {
        out.push_str(if number > 0 { dice.pick(&[",", ", "]) } else { "" });
        let quoted = dice.below(3) > 0;
        out.push_str(if quoted { "`" } else { "" });
        (0..=dice.below(2)).for_each(|_| piece(dice, depth - 1, out));
        out.push_str(if quoted { "'" } else { "" });
    }
    out.push(')');
}

#[test]
fn random_macros_expand_as_with_gnu_m4() {
    if !has_m4() {
        return skip("GNU m4 is not here");
    }
    let count = std::env::var("FUTAGO_M4_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(300);
    for seed in 0..count {
        let mut dice = Dice(seed);
        let mut input = String::new();
        (0..=dice.below(6)).for_each(|_| {
            piece(&mut dice, 3, &mut input);
            input.push(' ');
        });
        input.push('\n');
        let limited =
            |args: &[&str]| run(Command::new("timeout").args(["-s", "KILL", "2"]).args(args), input.as_bytes());
        let expected = limited(&["m4"]);
        // Macros that call themselves for ever are ended by us, not by GNU m4.
        if expected.0.len() > OUTPUT_BYTES_MAX || !expected.1 && expected.0.is_empty() {
            continue;
        }
        let ours = ours(&[], input.as_bytes());
        let (told, made) = (String::from_utf8_lossy(&expected.0), String::from_utf8_lossy(&ours.0));
        assert!(told == made && expected.1 == ours.1, "seed {seed}: {input}\ntheirs {told}\nours   {made}");
    }
}
