use super::super::map_tools::testing::{Ran, Room};
use super::*;

/// Makes a map from `input`, then checks its dump, the errors and the status.
#[track_caller]
fn check(room: &Room, args: &str, input: &str, dump: &[&str], errors: &[&str], exit: Sysexit) {
    let made = room.run(run, args, input);
    assert_eq!((made.errors.lines().collect::<Vec<_>>(), made.exit), (errors.to_vec(), exit), "{args}");
    let method = if args.contains("btree") { "btree" } else { "hash" };
    let Ran { output, errors, .. } = room.run(run, &format!("-u {method} x"), "");
    assert_eq!(errors, "");
    let mut lines: Vec<&str> = output.split_terminator('\n').collect();
    // Values of one key have an order, keys of a hash file have none.
    lines.sort_by(|left, right| left.split('\t').next().cmp(&right.split('\t').next()));
    assert_eq!(lines, dump, "{args}");
}

#[test]
fn lines_become_records() {
    let room = Room::new();
    check(&room, "hash x", "a b\nC\td e \n\n# c\n\"q q\" z", &["\"q\tq\" z", "a\tb", "c\td e "], &[], Sysexit::Ok);
    check(&room, "implicit x.db", "a b\n", &["a\tb"], &[], Sysexit::Ok);
    check(&room, "btree x", "b 1\na 2\n", &["a\t2", "b\t1"], &[], Sysexit::Ok);
    check(&room, "hash x", "", &[], &[], Sysexit::Ok);
    check(&room, "hash x", "a b\r\nc\u{b}d\u{c}e f\n", &["a\tb\r", "c\td\u{c}e f"], &[], Sysexit::Ok);
}

#[test]
fn bad_lines_are_told_and_the_others_count() {
    let room = Room::new();
    check(
        &room,
        "hash x",
        "a b\nA c\n  d e\nb\nc   \nf g\n",
        &["a\tb", "f\tg"],
        &[
            "makemap: ROOM/x: line 2: key a: duplicate key",
            "makemap: ROOM/x: line 3: syntax error (leading space)",
            "makemap: ROOM/x: line 4: no RHS for LHS b",
            "makemap: ROOM/x: line 5: no RHS for LHS c",
        ],
        Sysexit::DataErr,
    );
    // What of a long line does not fit is the next one.
    let long = format!("{} v\nok v\n{} v\n", "k".repeat(1021), "k".repeat(2050));
    let errors = [1, 4, 5].map(|line| format!("makemap: ROOM/x: line {line}: line too long (1024 bytes max)"));
    check(&room, "hash x", &long, &["kkkk\tv", "ok\tv"], &errors.each_ref().map(|text| &**text), Sysexit::DataErr);
    let longest = format!("{} v\n", "k".repeat(1020));
    assert_eq!(room.run(run, "hash x", &longest).exit, Sysexit::Ok);
}

#[test]
fn flags_change_what_lines_mean() {
    let room = Room::new();
    check(&room, "-f hash x", "a b\nA c\n", &["A\tc", "a\tb"], &[], Sysexit::Ok);
    check(&room, "-r hash x", "a b\nA c\n", &["a\tc"], &[], Sysexit::Ok);
    check(&room, "-e hash x", "a\nb \n", &["a\t", "b\t"], &[], Sysexit::Ok);
    check(&room, "-D; hash x", "a b\n;x c\n#y z\n", &["#y\tz", "a\tb"], &[], Sysexit::Ok);
    check(&room, "-N hash x", "a b\n", &["a\tb"], &[], Sysexit::Ok);
    check(
        &room,
        "-t: hash x",
        "a: b\nc :d\n: e\nh: \ni::j\ng:\n",
        &["\t e", "a\t b", "c \td", "h\t ", "i\tj"],
        &["makemap: ROOM/x: line 6: no RHS for LHS g"],
        Sysexit::DataErr,
    );
    let room = Room::new();
    check(&room, "-d btree x", "a b\nb x\na a\n", &["a\tb", "a\ta", "b\tx"], &[], Sysexit::Ok);
    check(&room, "-d hash x", "a b\nb x\na a\n", &["a\tb", "a\ta", "b\tx"], &[], Sysexit::Ok);
    let verbose = room.run(run, "-v hash x", "A b\n");
    assert_eq!(verbose.output, "key=`a', val=`b'\n");
    assert_eq!(room.run(run, "-u -t: hash x", "").output, "a:b\n");
}

#[test]
fn an_old_file_is_augmented() {
    let room = Room::new();
    let missing = "makemap: error opening type hash map ROOM/x: No such file or directory\n";
    assert_eq!(room.run(run, "-o hash x", "a b\n").errors, missing);
    check(&room, "hash x", "a b\n", &["a\tb"], &[], Sysexit::Ok);
    let twice = "makemap: ROOM/x: line 2: key a: duplicate key";
    check(&room, "-o hash x", "z b\na c\n", &["a\tb", "z\tb"], &[twice], Sysexit::DataErr);
    check(&room, "-o -r hash x", "a c\n", &["a\tc", "z\tb"], &[], Sysexit::Ok);
    if cfg!(target_os = "linux") {
        let refused = "makemap: error opening type hash map ROOM/x: Invalid argument\n";
        assert_eq!(room.run(run, "-o -d hash x", "a e\n").errors, refused);
    }
    let room = Room::new();
    check(&room, "-d btree x", "a c\n", &["a\tc"], &[], Sysexit::Ok);
    check(&room, "-o -d btree x", "a e\n", &["a\tc", "a\te"], &[], Sysexit::Ok);
    let twice = "makemap: ROOM/x: line 1: key a: duplicate key";
    check(&room, "-o btree x", "a f\n", &["a\tc", "a\te"], &[twice], Sysexit::DataErr);
}

#[test]
fn what_cannot_be_opened_is_told() {
    let room = Room::new();
    room.write("junk.db", "junk");
    for (args, error) in [
        ("nosuch x", "makemap: error opening type nosuch map ROOM/x: Unknown database type\n"),
        ("dbm x", "makemap: Need to recompile with -DNDBM for dbm support\n"),
        ("-u hash none", "makemap: error opening type hash map ROOM/none: No such file or directory\n"),
        ("-u hash junk", "makemap: error opening type hash map ROOM/junk: Invalid argument\n"),
        ("hash no/x", "makemap: error opening type hash map ROOM/no/x: No such file or directory\n"),
    ] {
        let Ran { output, errors, exit } = room.run(run, args, "a b\n");
        assert_eq!((output.as_str(), errors.as_str(), exit), ("", error, Sysexit::CantCreat), "{args}");
    }
    check(&room, "-ihash dbm x", "a b\n", &["a\tb"], &[], Sysexit::Ok);
}

#[test]
fn the_command_line_must_be_whole() {
    let room = Room::new();
    for (args, error) in [("", ""), ("hash", ""), ("hash x y", ""), ("-Q hash x", "makemap: invalid option -- 'Q'\n")] {
        let Ran { errors, exit, .. } = room.run(run, args, "");
        assert_eq!((errors, exit), (format!("{error}{USAGE}\n"), Sysexit::Usage), "{args}");
    }
    let listed = room.run(run, "-l -Q", "");
    assert_eq!((listed.output.as_str(), listed.exit), ("hash\nbtree\ncdb\nimplicit\n", Sysexit::Ok));
}

/// Where `tests/oracle/setup.sh` unpacks the original.
const ORIGINAL: &str = "/opt/oracle/bin";

/// Runs a program of the original in the room; `None` where it is not there.
fn original(room: &Room, program: &str, args: &[&str], input: &str) -> Option<String> {
    let path = std::path::Path::new(ORIGINAL).join(program);
    if !path.exists() {
        eprintln!("skipped: the original is not here; tests/oracle/setup.sh brings it");
        return None;
    }
    let mut child = std::process::Command::new(path)
        .args(["-C", "/dev/null"])
        .args(args)
        .current_dir(room.path(""))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("it can be run");
    child.stdin.take().expect("it is a pipe").write_all(input.as_bytes()).expect("it reads");
    let done = child.wait_with_output().expect("it ends");
    assert!(done.status.success(), "{program} {args:?}");
    Some(String::from_utf8(done.stdout).expect("text"))
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn the_original_reads_and_augments_what_we_write() {
    let room = Room::new();
    // Keys that begin alike are where an order of our own would show.
    let lines: String = (0..2000).map(|n| format!("key{n}\tvalue of {n}\n")).collect();
    let more: String = (2000..6000).map(|n| format!("key{n}\tvalue of {n}\n")).collect();
    let all = format!("{lines}{more}");
    for method in ["hash", "btree"] {
        assert_eq!(room.run(run, &format!("{method} x"), &lines).exit, Sysexit::Ok);
        let Some(dump) = original(&room, "makemap", &["-u", method, "x"], "") else { return };
        assert_eq!(sorted(&dump), sorted(&lines));
        for n in [1, 10, 100, 101, 1000, 1001, 1999] {
            let found = original(&room, "editmap", &["-q", method, "x", &format!("key{n}")], "");
            assert_eq!(found, Some(format!("value of {n}\n")));
        }
        original(&room, "makemap", &["-o", method, "x"], &more);
        let dump = room.run(run, &format!("-u {method} x"), "").output;
        assert_eq!(sorted(&dump), sorted(&all));
    }
}
