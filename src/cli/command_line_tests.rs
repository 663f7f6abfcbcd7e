//! The command line: what real callers write, and what the original says to what is wrong.

use std::time::Duration;

use super::*;

fn parse(words: &str) -> Result<CommandLine, UsageError> {
    let mut argv: Vec<BString> = vec!["/usr/sbin/sendmail".into()];
    argv.extend(words.split(' ').filter(|word| !word.is_empty()).map(|word| BString::from(word.replace('_', " "))));
    CommandLine::parse(&argv, Mode::Deliver)
}

#[track_caller]
fn good(words: &str) -> CommandLine {
    parse(words).expect(words)
}

#[track_caller]
fn bad(words: &str, expected: &str) {
    let error = parse(words).expect_err(words);
    assert_eq!((error.to_string().as_str(), error.exit()), (expected, Sysexit::Usage), "{words}");
}

#[test]
fn callers_of_every_day_are_understood() {
    let cron = good("-i -FCronDaemon -B8BITMIME -oem root");
    assert_eq!((cron.full_name, cron.body_type), (Some("CronDaemon".into()), Some("8BITMIME".into())));
    assert_eq!(cron.overrides, [Override::Letter("iT".into()), Override::Letter("em".into())]);
    assert_eq!(cron.recipients, ["root"]);
    assert_eq!(good("-oem -oi -- -odd@x").recipients, ["-odd@x"]);
    assert_eq!(good("a@x -f b@y").recipients, ["a@x", "-f", "b@y"]);
    let alpine = good("-bs -odb -oem");
    assert_eq!((alpine.mode, alpine.overrides.len()), (Mode::Smtp, 2));
    let php = good("-t -i");
    assert!(php.reads_recipients && php.recipients.is_empty());
}

#[test]
fn daemons_and_queue_runs_are_told_apart() {
    let daemon = good("-L sm-mta -bd -q15m");
    assert_eq!((daemon.mode, daemon.tag), (Mode::Daemon, Some("sm-mta".into())));
    assert_eq!(daemon.queue.expect("runs").period(), Some(Duration::from_secs(900)));
    let runner = good("-L sm-msp-queue -Ac -q 15m");
    assert_eq!((runner.mode, runner.config), (Mode::QueueRun, ConfigChoice::Submission));
    let once = good("-Am -q -v");
    assert_eq!((once.mode, once.config), (Mode::QueueRun, ConfigChoice::Daemon));
    assert!(once.is_verbose && once.queue.expect("a run").period().is_none());
    assert_eq!(good("-q -bp").mode, Mode::PrintQueue);
    assert_eq!(good("-Q -qIabc").quarantine, Some(Quarantine::Release));
    assert_eq!(good("-Qspam -qIabc").quarantine, Some(Quarantine::Set("spam".into())));
}

#[test]
fn options_that_stand_alone_get_their_value() {
    assert_eq!(good("-C -bt").config, ConfigChoice::File("sendmail.cf".into()));
    assert_eq!(good("-C x.cf -bt").config, ConfigChoice::File("x.cf".into()));
    assert_eq!(good("-d root").debug, ["0-99.1"]);
    assert_eq!(good("-d0.1 -bt").debug, ["0.1"]);
    assert_eq!(good("-bt -bv").mode, Mode::Verify);
}

#[test]
fn senders_may_be_empty() {
    let mut argv: Vec<BString> = vec!["sendmail".into(), "-f".into(), "".into(), "root".into()];
    assert_eq!(CommandLine::parse(&argv, Mode::Deliver).expect("good").from, Some("<>".into()));
    argv[2] = "<>".into();
    assert_eq!(CommandLine::parse(&argv, Mode::Deliver).expect("good").from, Some("<>".into()));
    assert_eq!(good("-f=x root").from, Some("=x".into()));
}

#[test]
fn reports_are_asked_for() {
    let line = good("-N success,delay -R hdrs -V QQ+2B1 -h 3 -p ESMTP:host root");
    assert_eq!(line.notify, Some(NotifyWhen { success: true, failure: false, delay: true }));
    assert_eq!((line.return_part, line.hops), (Some(ReturnPart::Headers), Some(3)));
    assert_eq!((line.protocol, line.host), (Some("ESMTP".into()), Some("host".into())));
    assert_eq!(good("-N never root").notify, Some(NotifyWhen::default()));
}

#[test]
fn faults_are_told_as_the_original_does() {
    bad("-Z", "sendmail: illegal option -- Z");
    bad("-x", "sendmail: illegal option -- x");
    bad("-B", "sendmail: option requires an argument -- B");
    bad("-b", "Invalid operation mode  ");
    bad("-v -C /x -b", "Invalid operation mode /");
    bad("-f a -b", "sendmail: option requires an argument -- b");
    bad("-Q.", "Can not use -Q.");
    bad("-U root", "");
    bad("-q -bs", "Can not use -q with -bs");
    bad("-bx", "Invalid operation mode x");
    bad("-bz", "Frozen configurations unsupported");
    bad("-N bad root", "Invalid -N argument");
    bad("-N never,delay root", "Invalid -N argument");
    bad("-R bad root", "Invalid -R value");
    bad("-R full -R hdrs root", "Duplicate -R flag");
    bad("-h x root", "Bad hop count (x)");
    bad("-f a -f b root", "More than one \"from\" person");
    bad("-r a -f b root", "More than one \"from\" person");
    bad("-V a_b root", "Invalid syntax in -V flag");
    bad("-V x+y root", "Invalid syntax in -V flag");
    assert_eq!(good("-B FOO root").complaints, [UsageError::BodyType("FOO".into())]);
    bad("-qX", "Invalid time unit `X'");
    bad("-q5x", "Invalid time unit `x'");
}

#[test]
fn the_name_in_the_log_is_a_name() {
    let tag = |given: &str| good(&format!("-L{given}")).tag;
    assert_eq!(tag("x\nsu[1]:\x1b[31m"), Some("x?su[1]:?[31m".into()));
    assert_eq!(tag(&"y".repeat(1000)), Some("y".repeat(64).into()));
}

#[test]
fn rights_are_kept_only_with_safe_options() {
    for words in [
        "root",
        "-t -i -oem -odb -FX",
        "-OLogLevel=5 root",
        "-O priv=noexpn root",
        "-oMrSMTP -Mshost root",
        "-bp",
        "-Ac -v root",
    ] {
        assert!(good(words).safe_for_setgid(), "{words}");
    }
    for words in [
        "-C x root",
        "-oQ/tmp root",
        "-OQueueDirectory=/tmp root",
        "-X log root",
        "-D log root",
        "-d0.1 root",
        "-Mwhost root",
        "-oMw root",
        "-ONoSuch=1 root",
        "-bt",
        "-bv root",
        "-bi",
        "-odb -OQ=x",
    ] {
        assert!(!good(words).safe_for_setgid(), "{words}");
    }
    assert_eq!(good("-C /tmp/x -oQ/tmp a").reasons_against_setgid(), ["-C /tmp/x", "-oQ/tmp"]);
}

proptest::proptest! {
    #[test]
    fn no_words_make_the_parser_panic(words in proptest::collection::vec(proptest::collection::vec(proptest::prelude::any::<u8>(), 0..6), 0..6)) {
        let argv: Vec<BString> = words.into_iter().map(BString::from).collect();
        let _ = CommandLine::parse(&argv, Mode::Deliver).map(|line| line.safe_for_setgid());
    }
}
