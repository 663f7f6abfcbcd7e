//! What is too much: bad recipients, repeated commands, long lines, large messages, load.

use super::*;

#[test]
fn bad_recipients_are_logged_and_throttled() {
    let mut few = settings();
    few.limits.bad_recipients_max = 1;
    few.limits.recipients_max = 1;
    check_with(
        &few,
        "MAIL FROM:<a>\r\nRCPT TO:<no1>\r\nRCPT TO:<ok>\r\nRCPT TO:<two>\r\n",
        &[
            "250 2.1.0 <a>... Sender ok",
            "log no such user",
            "550 5.7.1 no such user",
            "log c [192.0.2.1]: Possible SMTP RCPT flood, throttling.",
            "wait 1",
            "250 2.1.5 <ok>... Recipient ok",
            "wait 1",
            "log Too many recipients",
            "452 4.5.3 Too many recipients",
        ],
    );
}

#[test]
fn too_many_bad_commands_close_the_connection() {
    let mut world = World::new(settings(), Opening::Welcome);
    world.send("BAD\r\n".repeat(40).as_bytes(), 999);
    assert_eq!(world.seen[26], "421 4.7.0 mx Too many bad commands; closing connection");
    assert!(world.closed);
}

#[test]
fn repeated_commands_are_answered_slowly() {
    check(
        &"VRFY a\r\n".repeat(7),
        &[
            "log c [192.0.2.1]: VRFY a",
            "250 a",
            "log c [192.0.2.1]: VRFY a",
            "250 a",
            "log c [192.0.2.1]: VRFY a",
            "250 a",
            "log c [192.0.2.1]: VRFY a",
            "250 a",
            "log c [192.0.2.1]: VRFY a",
            "250 a",
            "log c [192.0.2.1]: possible SMTP attack: command=VRFY, count=6",
            "wait 1",
            "log c [192.0.2.1]: VRFY a",
            "250 a",
            "wait 2",
            "log c [192.0.2.1]: VRFY a",
            "250 a",
        ],
    );
}

#[test]
fn overlong_commands_close_the_connection() {
    let fits = format!("NOOP {}\r\n", "x".repeat(2041));
    let long = format!("NOOP {}\r\n", "x".repeat(2042));
    check(
        &format!("{fits}{long}"),
        &[
            "250 2.0.0 OK",
            "log c [192.0.2.1]: SMTP violation, input too long: 2049",
            "421 4.7.0 mx Command too long, possible attack c [192.0.2.1]",
            "log c [192.0.2.1] did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA",
        ],
    );
    let mut world = World::new(settings(), Opening::Welcome);
    world.send(&vec![b'x'; 1 << 20], 4096);
    assert!(world.closed && world.session.input.capacity() < 16 * 1024);
}

#[test]
fn messages_beyond_a_limit_are_read_and_refused() {
    let mut small = settings();
    small.limits.message_bytes_max = 20;
    let replies = |last| MAIL_REPLIES.iter().copied().chain([last, "250 2.0.0 OK"]).collect::<Vec<_>>();
    let input = format!("{MAIL}S: x\r\n\r\n{}\r\n.\r\nNOOP\r\n", "y".repeat(30));
    check_with(&small, &input, &replies("552 5.2.3 Message exceeds maximum fixed size (20)"));
    check_with(
        &small,
        "MAIL FROM:<a> SIZE=21\r\n",
        &["552 5.2.3 Message size exceeds fixed maximum message size (20)"],
    );
    let input = format!("{MAIL}{}\r\nb\r\n.\r\nNOOP\r\n", "Received: x\r\n".repeat(25));
    check_with(&settings(), &input, &replies("554 5.4.6 Too many hops 26 (25 max)"));
    check_message("Evil: x\r\n\r\nb\r\n.\r\n", &["554 5.7.1 evil"]);
    check_message(
        &format!("S: {}\r\n\r\nb\r\n.\r\n", "x".repeat(40_000)),
        &["log headers too large (32768 max) from c during message collect", "552 5.6.0 Headers too large (32768 max)"],
    );
}

#[test]
fn the_last_final_refusal_of_a_message_is_its_answer() {
    let mut strict = settings();
    (strict.nul_refused, strict.limits.hops_max) = (true, Some(2));
    let hops = "Received: x\r\n".repeat(2);
    let long = "y".repeat(40);
    let (too_many_hops, too_large) =
        ("554 5.4.6 Too many hops 3 (2 max)", "552 5.2.3 Message exceeds maximum fixed size (30)");
    let (evil, nul) = ("554 5.7.1 evil", "554 5.6.1 NUL byte not allowed");
    for (bytes_max, text, reply) in [
        (0, "Later: x\r\n\r\nb", "451 4.7.1 later"),
        (0, "Later: x\r\n\r\nb\0", nul),
        (30, &format!("Later: x\r\n\r\n{long}"), too_large),
        (0, &format!("{hops}Later: x\r\n\r\nb"), too_many_hops),
        (0, &format!("{hops}Evil: x\r\n\r\nb"), evil),
        (0, &format!("{hops}Evil: x\r\n\r\nb\0"), nul),
        (30, &format!("{hops}Evil: x\r\n\r\n\0{long}"), too_large),
    ] {
        strict.limits.message_bytes_max = bytes_max;
        let replies: Vec<&str> = MAIL_REPLIES.iter().copied().chain([reply]).collect();
        check_with(&strict, &format!("{MAIL}{text}\r\n.\r\n"), &replies);
    }
}

#[test]
fn memory_does_not_grow_with_a_line_of_the_body() {
    let mut world = World::new(settings(), Opening::Welcome);
    world.send(format!("{MAIL}S: x\r\n\r\n").as_bytes(), 99);
    for _ in 0..1000 {
        world.tell(Event::Input(&[b'x'; 4096]));
        world.body.clear();
        assert!(world.session.input.capacity() <= 8192);
    }
}

#[test]
fn too_many_bad_recipients_end_the_session() {
    let mut strict = settings();
    strict.limits.bad_recipients_end = 2;
    let input = "MAIL FROM:<a>\r\nRCPT TO:<no1>\r\nRCPT TO:<no2>\r\nRCPT TO:<ok>\r\nNOOP\r\n";
    let replies = [
        "250 2.1.0 <a>... Sender ok",
        "log no such user",
        "550 5.7.1 no such user",
        "log no such user",
        "550 5.7.1 no such user",
        "log c [192.0.2.1]: Possible SMTP RCPT flood, shutting down connection.",
        "421 4.7.0 mx Too many bad recipients; closing connection",
    ];
    check_with(&strict, input, &replies);
    strict.limits.bad_recipients_good_percent = 50;
    check_with(
        &strict,
        "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\nRCPT TO:<d>\r\nRCPT TO:<no1>\r\nRCPT TO:<no2>\r\nRCPT TO:<e>\r\n",
        &[
            "250 2.1.0 <a>... Sender ok",
            "250 2.1.5 <b>... Recipient ok",
            "250 2.1.5 <c>... Recipient ok",
            "250 2.1.5 <d>... Recipient ok",
            "log no such user",
            "550 5.7.1 no such user",
            "log no such user",
            "550 5.7.1 no such user",
            "250 2.1.5 <e>... Recipient ok",
        ],
    );
}

#[test]
fn who_repeats_commands_is_sent_away_where_sessions_are_few() {
    let mut strict = settings();
    strict.limits.noop_max = 2;
    strict.limits.repetition_ends = true;
    check_with(
        &strict,
        &"NOOP\r\n".repeat(5),
        &[
            "250 2.0.0 OK",
            "log c [192.0.2.1]: possible SMTP attack: command=NOOP, count=2",
            "wait 1",
            "250 2.0.0 OK",
            "wait 2",
            "250 2.0.0 OK",
            "wait 2",
            "421 4.7.0 mx Too many bad commands; closing connection",
            "log c [192.0.2.1] did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA",
        ],
    );
}

#[test]
fn a_loaded_machine_answers_slowly() {
    let mut world = World::new(settings(), Opening::Welcome);
    world.session.set_overload(Some(Overload { load: 9, limit: 5 }));
    world.send(b"NOOP\r\nHELP\r\nRSET\r\nFOO\r\n", 99);
    let seen: Vec<_> = world.seen[1..].iter().map(|line| line.split(' ').next().expect("a word")).collect();
    assert_eq!(seen, ["log", "wait", "250", "wait", "504", "reset", "250", "500"]);
    assert_eq!(world.seen[1], "log delaying=NOOP, load average=9 >= 5");
}

#[test]
fn without_room_only_queue_runs_are_served() {
    let full = Reply::new(452, Status::new(4, 4, 5), "Insufficient disk space; try again later");
    let mut world = World::new(settings(), Opening::NoRoom(full));
    world.send(b"NOOP\r\nHELP\r\nMAIL FROM:<a>\r\nETRN x\r\nEHLO x\r\nQUIT\r\n", 99);
    let codes: Vec<_> = world.seen.iter().map(|line| line.split(' ').next().expect("a word")).collect();
    assert_eq!(codes, ["220", "250", "452", "452", "250", "250-mx", "221", "reset"]);
    assert!(world.seen[5].contains("250-PIPELINING\n250-EXPN\n"));
}

#[test]
fn nul_is_refused_where_the_site_says_so() {
    let mut strict = settings();
    strict.nul_refused = true;
    let replies = |last| MAIL_REPLIES.iter().copied().chain([last, "250 2.0.0 OK"]).collect::<Vec<_>>();
    for text in ["S: x\0y\r\n\r\nb", "S: x\r\n\r\nb\0"] {
        let input = format!("{MAIL}{text}\r\n.\r\nNOOP\r\n");
        check_with(&strict, &input, &replies("554 5.6.1 NUL byte not allowed"));
    }
}
