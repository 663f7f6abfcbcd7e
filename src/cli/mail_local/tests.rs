//! Whole runs: sessions as the original answers them, and the two processes of root.

use std::fs::{self, File};
use std::io::Seek;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use nix::unistd::{dup2_stdin, dup2_stdout};

use super::*;
use crate::mailbox::Place;
use crate::sys::process::{alone, branch_for_test};

/// The caller's own login name: the one user whose mailbox everybody may write.
fn me() -> String {
    caller().to_string()
}

fn args(line: &str, spool: &Path) -> Vec<OsString> {
    let words = line.split_whitespace().map(OsString::from);
    let program: [OsString; 4] = ["mail.local".into(), "-B".into(), "-p".into(), spool.into()];
    program.into_iter().chain(words).collect()
}

/// Runs without the two processes; returns the exit status and the output.
fn work_here(line: &str, spool: &Path, input: &str) -> (Sysexit, String) {
    let options = Options::parse(&args(line, spool)).unwrap();
    let hand = Hand::new(Place::Spool { directory: spool.to_owned(), depth: 0 });
    let delivery = Delivery::new(Desk::Here(hand), options.final_quota, options.durability, options.biff);
    let mut output = Vec::new();
    let exit = work(&options, delivery, Spool::create().unwrap(), &mut input.as_bytes(), &mut output);
    (exit, String::from_utf8(output).unwrap())
}

/// Checks an LMTP dialog, `HOST` and `SELF` standing for the names.
#[track_caller]
fn check(line: &str, input: &str, expected: &str) {
    let room = tempfile::tempdir().unwrap();
    let (exit, output) = work_here(line, room.path(), &input.replace("SELF", &me()));
    let name = host::name().unwrap().to_string();
    assert_eq!(output, expected.replace("HOST", &name).replace("SELF", &me()).replace('\n', "\r\n"));
    assert_eq!(exit, Sysexit::Ok);
}

#[test]
fn commands_are_answered_as_by_the_original() {
    check(
        "-l",
        "LHLO x\r\nLHLO y\r\nRCPT TO:<SELF>\r\nDATA\r\nmail from:<a@b>\r\nMAIL FROM:<a@b>\r\nDATA\r\nRCPT TO:<no-such@h>\r\n\
         rcpt to:<SELF+x@h>\r\nRCPT TO:<>\r\nRCPT foo\r\nVRFY SELF\r\nNOOP\r\nEXPN x\r\nQUITX\r\nNOOP x\r\n\r\nRSET\r\nDATA\r\nquit\r\nNOOP\r\n",
        "220 HOST LMTP ready\n250-HOST\n250-8BITMIME\n250-ENHANCEDSTATUSCODES\n250 PIPELINING\n503 HOST Duplicate LHLO\n\
         503 5.5.1 Need MAIL command\n503 5.5.1 No recipients\n250 2.5.0 Ok\n503 5.5.1 Nested MAIL command\n\
         503 5.5.1 No recipients\n550 5.1.1 User unknown\n250 2.1.5 Ok\n550 5.1.1 User unknown\n\
         501 5.5.4 Syntax error in parameters\n252 2.3.3 Try RCPT to attempt delivery\n250 2.0.0 Ok\n\
         500 5.5.2 Syntax error\n500 5.5.2 Syntax error\n500 5.5.2 Syntax error\n500 5.5.2 Syntax error\n250 2.0.0 Ok\n\
         503 5.5.1 No recipients\n221 2.0.0 Bye\n",
    );
    check("-l7", "LHLO x\n", "220 HOST LMTP ready\n250-HOST\n250-ENHANCEDSTATUSCODES\n250 PIPELINING\n");
    let long = format!("LHLO {}\r\nQUIT\r\n", "a".repeat(100_000));
    check("-l", &long, "220 HOST LMTP ready\n500 5.5.2 Syntax error\n221 2.0.0 Bye\n");
}

#[test]
fn when_a_message_is_sent_then_each_recipient_is_answered_and_has_it() {
    alone(|| {
        let room = tempfile::tempdir().unwrap();
        let me = me();
        let input = format!(
            "LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<{me}>\r\nRCPT TO:<{me}@h>\r\nDATA\r\nA: b\r\n\r\n..dot\r\n\r\nFrom z\r\n.\r\n\
             MAIL FROM:<>\r\nRCPT TO:<{me}>\r\nDATA\r\nlast\r\n.\r\n"
        );
        let (exit, output) = work_here("-l", room.path(), &input);
        let replies: Vec<_> = output.lines().skip(5).collect();
        let done = format!("250 2.1.5 {me} Ok");
        let ok = "250 2.1.5 Ok";
        assert_eq!(
            replies,
            ["250 2.5.0 Ok", ok, ok, "354 Go ahead", &done, &done, "250 2.5.0 Ok", ok, "354 Go ahead", &done]
        );
        assert_eq!(exit, Sysexit::Ok);
        let text = fs::read_to_string(room.path().join(&me)).unwrap();
        let parts: Vec<_> = text.split("From ").collect();
        assert_eq!(parts.len(), 6, "{text}");
        assert!(parts[1].starts_with("a@b ") && parts[1].ends_with("\nA: b\n\n.dot\n\n>"), "{text}");
        assert!(text.contains("From MAILER-DAEMON ") && text.ends_with("\nlast\n\n"), "{text}");
        assert!(!room.path().join(format!("{me}.lock")).exists());
    });
}

#[test]
fn when_the_input_ends_within_a_message_then_nothing_is_delivered() {
    let room = tempfile::tempdir().unwrap();
    let input = format!("LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<{}>\r\nDATA\r\nhalf\r\n", me());
    let (exit, output) = work_here("-l", room.path(), &input);
    assert_eq!(exit, Sysexit::Ok);
    assert!(output.ends_with("354 Go ahead\r\n"));
    assert!(!room.path().join(me()).exists());
}

#[test]
fn when_a_mailbox_is_refused_then_its_recipient_is_told_why() {
    alone(|| {
        let room = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("x", room.path().join(me())).unwrap();
        let input = format!("MAIL FROM:<a@b>\nRCPT TO:<{}>\nDATA\nhello\n.\n", me());
        let (_, output) = work_here("-l", room.path(), &input);
        let expected = format!("550 5.2.0 {}/{}: irregular file\r\n", room.path().display(), me());
        assert!(output.ends_with(&expected), "{output}");
        assert_eq!(work_here(&me(), room.path(), "hello").0, Sysexit::Unavailable);
    });
}

#[test]
fn when_one_of_several_users_fails_then_the_others_have_the_mail_and_the_status_tells() {
    alone(|| {
        let room = tempfile::tempdir().unwrap();
        let line = format!("-f a@b no-such-user {}", me());
        assert_eq!(work_here(&line, room.path(), "A: b\r\n\r\nbody").0, Sysexit::Unavailable);
        let text = fs::read_to_string(room.path().join(me())).unwrap();
        assert!(text.starts_with("From a@b ") && text.ends_with("\nA: b\n\nbody\n\n"), "{text}");
        let line = format!("-p {}/none {}", room.path().display(), me());
        let options = Options::parse(&args(&line, room.path())).unwrap();
        let delivery = Delivery::new(Desk::Here(Hand::new(options.place.clone())), false, options.durability, false);
        let exit = work(&options, delivery, Spool::create().unwrap(), &mut &b""[..], &mut io::sink());
        assert_eq!(exit, Sysexit::TempFail);
    });
}

/// Runs the whole program in a process of its own; returns the exit status and the standard output.
fn run_whole(line: &str, spool: &Path, input: &str) -> (i32, String) {
    let mut stdin = tempfile::tempfile().unwrap();
    stdin.write_all(input.as_bytes()).and_then(|()| stdin.rewind()).unwrap();
    let mut stdout: File = tempfile::tempfile().unwrap();
    let status = branch_for_test(|| {
        dup2_stdin(&stdin).and_then(|()| dup2_stdout(&stdout)).unwrap();
        run(&args(line, spool)).code()
    });
    let mut output = String::new();
    stdout.rewind().and_then(|()| stdout.read_to_string(&mut output)).unwrap();
    (status, output)
}

#[test]
fn when_root_runs_it_then_users_get_their_mail_through_two_processes() {
    if !geteuid().is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    alone(|| {
        let room = tempfile::tempdir().unwrap();
        fs::set_permissions(room.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        let (status, output) = run_whole("-f a@b nobody daemon", room.path(), "A: b\n\nbody\n");
        assert_eq!((status, output.as_str()), (0, ""));
        let input =
            "LHLO x\r\nMAIL FROM:<c@d>\r\nRCPT TO:<nobody>\r\nRCPT TO:<no-such>\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n";
        let (status, output) = run_whole("-l", room.path(), input);
        assert_eq!(status, 0);
        assert!(
            output.ends_with(
                "250 2.1.5 Ok\r\n550 5.1.1 User unknown\r\n354 Go ahead\r\n250 2.1.5 nobody Ok\r\n221 2.0.0 Bye\r\n"
            ),
            "{output}"
        );
        let path = room.path().join("nobody");
        let (text, found) = (fs::read_to_string(&path).unwrap(), fs::metadata(&path).unwrap());
        assert_eq!(text.matches("From ").count(), 2);
        assert!(text.ends_with("\nhello\n\n"));
        assert_eq!((found.uid(), found.mode() & 0o777), (65534, 0o600));
        assert_eq!(fs::read_dir(room.path()).unwrap().count(), 2);
        assert_eq!(run_whole("-f a@b no-such", room.path(), "x").0, 69);
        assert_eq!(run_whole("nobody", room.path(), "x").0, 0);
        assert!(fs::read_to_string(&path).unwrap().contains(&format!("From {} ", me())));
    });
}

#[test]
fn when_the_worker_dies_half_way_then_the_hand_restores_the_mailbox() {
    alone(|| {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join(me());
        fs::write(&path, "old\n\n").unwrap();
        let (ours, theirs) = passing::pair().unwrap();
        let hand = Hand::new(Place::Spool { directory: room.path().to_owned(), depth: 0 });
        let serving = std::thread::spawn(move || desk::serve(hand, theirs));
        let mut desk = Desk::There(ours);
        let opened = desk.open(me().as_bytes(), b"From a@b DATE\n").unwrap();
        assert_eq!((opened.old_len, opened.path.as_os_str().as_bytes()), (5, path.as_os_str().as_bytes()));
        (&opened.file).write_all(b"From torn").unwrap();
        drop(desk);
        serving.join().unwrap().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\n\n");
    });
}
