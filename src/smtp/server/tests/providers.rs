//! What a session does with TLS, AUTH and mail filters; nothing of it is offered where no provider is there.

use super::*;

fn secure() -> Settings {
    let mut settings = settings();
    settings.features.start_tls = true;
    settings.features.auth = "PLAIN LOGIN".into();
    settings
}

fn world(settings: Settings) -> World {
    World::new(settings, Opening::Welcome)
}

#[test]
fn nothing_is_offered_without_a_provider() {
    let mut world = world(settings());
    world.send(b"EHLO x\r\nSTARTTLS\r\nAUTH PLAIN\r\nAUTH\r\nSTARTTLS x\r\n", 99);
    assert!(!world.seen[1].contains("TLS") && !world.seen[1].contains("AUTH"));
    assert_eq!(
        world.seen[2..],
        [
            "454 4.3.3 TLS not available after start",
            "504 5.3.3 AUTH mechanism PLAIN not available",
            "501 5.5.2 AUTH mechanism must be specified",
            "501 5.5.2 Syntax error (no parameters allowed)",
        ]
    );
}

#[test]
fn providers_are_offered_in_the_originals_order() {
    let mut world = world(secure());
    world.send(b"EHLO x\r\n", 99);
    assert!(world.seen[1].contains("250-ETRN\n250-AUTH PLAIN LOGIN\n250-STARTTLS\n250-DELIVERBY"));
}

#[test]
fn what_came_before_the_handshake_is_forgotten() {
    for rest in ["", "MAIL FROM:<evil>\r\n", "MAIL FROM:<ev", "NOOP\r\nMAIL FROM:<evil>\r\nRCPT TO:<x>\r\nDA"] {
        let mut world = world(secure());
        world.send(b"EHLO x\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\n", 99);
        world.tell(Event::Input(format!("STARTTLS\r\n{rest}").as_bytes()));
        assert_eq!(world.seen[4..], ["220 2.0.0 Ready to start TLS", "handshake"], "{rest:?}");
        world.tell(Event::Handshake { done: true });
        world.send(b"il>\r\nRCPT TO:<c>\r\nEHLO x\r\nSTARTTLS\r\n", 99);
        assert_eq!(
            world.seen[6..9],
            ["reset", "500 5.5.1 Command unrecognized: \"il>\"", "503 5.0.0 Need MAIL before RCPT"],
            "{rest:?}"
        );
        assert!(!world.seen[9].contains("STARTTLS") && world.seen[9].contains("AUTH"));
        assert_eq!(world.seen[10], "503 5.5.0 TLS already active");
    }
}

#[test]
fn hello_must_be_said_again_after_the_handshake() {
    let mut strict = secure();
    strict.mail_needs_hello = true;
    let mut world = world(strict);
    world.send(b"EHLO x\r\nSTARTTLS\r\n", 99);
    world.tell(Event::Handshake { done: true });
    world.send(b"MAIL FROM:<a>\r\n", 99);
    assert_eq!(world.seen.last().expect("a reply"), "503 5.0.0 Polite people say HELO first");
}

#[test]
fn nothing_is_said_in_clear_once_the_handshake_has_begun() {
    for event in [Event::Handshake { done: false }, Event::HungUp, Event::TimedOut, Event::ShutDown] {
        let mut world = world(secure());
        world.send(b"MAIL FROM:<a>\r\nSTARTTLS\r\n", 99);
        world.tell(event);
        assert_eq!(world.seen[2..], ["220 2.0.0 Ready to start TLS", "handshake", "reset"]);
        assert!(world.closed);
    }
}

#[test]
fn a_port_for_tls_greets_after_the_handshake() {
    let mut first = secure();
    first.tls_first = true;
    let mut secured = world(first);
    assert_eq!(secured.seen, ["handshake"]);
    secured.tell(Event::Handshake { done: true });
    assert_eq!(secured.seen[1], "220 mx ESMTP Sendmail");
    let mut nowhere = settings();
    nowhere.tls_first = true;
    let closed = world(nowhere);
    assert_eq!(closed.seen[0], "log smtps: TLS not available, exiting");
    assert!(closed.closed);
}

#[track_caller]
fn check_auth(input: &str, expected: &[&str]) {
    check_with(&secure(), input, expected);
}

#[test]
fn auth_is_a_dialogue_of_lines() {
    check_auth("AUTH plain good\r\nAUTH PLAIN\r\n", &["235 2.0.0 OK Authenticated", "503 5.5.0 Already Authenticated"]);
    check_auth("AUTH login\r\ngood\r\n", &["334 LOGIN", "235 2.0.0 OK Authenticated"]);
    check_auth("AUTH LOGIN\r\nmore\r\nbad\r\n", &["334 LOGIN", "334 more", "535 5.7.1 authentication failed"]);
    check_auth("AUTH LOGIN\r\n*\r\nNOOP\r\n", &["334 LOGIN", "501 5.0.0 AUTH aborted", "250 2.0.0 OK"]);
    check_auth(
        "AUTH PLAIN bad\r\nAUTH NTLM\r\n",
        &["535 5.7.1 authentication failed", "504 5.3.3 AUTH mechanism NTLM not available"],
    );
    check_auth(
        "MAIL FROM:<a>\r\nAUTH PLAIN good\r\n",
        &["250 2.1.0 <a>... Sender ok", "503 5.5.0 AUTH not permitted during a mail transaction"],
    );
}

#[test]
fn lines_of_auth_may_be_longer_than_commands() {
    let mut world = world(secure());
    world.send(format!("AUTH LOGIN\r\n{}\r\n", "x".repeat(12_000)).as_bytes(), 4096);
    assert_eq!(world.seen[2], "535 5.7.1 authentication failed");
    world.send(format!("AUTH LOGIN\r\n{}\r\n", "x".repeat(13_000)).as_bytes(), 4096);
    assert!(world.closed);
}

#[test]
fn guessing_is_slowed_down() {
    let mut world = world(secure());
    world.send("AUTH PLAIN bad\r\n".repeat(6).as_bytes(), 99);
    assert_eq!(world.seen[5..7], ["log c [192.0.2.1]: possible SMTP attack: command=AUTH, count=5", "wait 1"]);
    assert_eq!(world.seen[8], "wait 2");
}

#[test]
fn a_port_may_demand_auth() {
    let mut strict = secure();
    strict.auth_required = true;
    check_with(
        &strict,
        "MAIL FROM:<a>\r\nAUTH PLAIN good\r\nMAIL FROM:<a>\r\n",
        &["530 5.7.0 Authentication required", "235 2.0.0 OK Authenticated", "250 2.1.0 <a>... Sender ok"],
    );
}

/// Plays a message with filters that object at one moment.
#[track_caller]
fn check_filter(moment: FilterMoment, place: usize, expected: &[&str]) {
    let mut filtered = settings();
    filtered.filtered = true;
    let mut world = World::waiting(Session::new(filtered));
    world.objections = vec![moment];
    world.tell(Event::Opened(Opening::Welcome));
    world.send(format!("HELO x\r\n{MAIL}S: x\r\n\r\nb\r\n.\r\nFOO\r\n").as_bytes(), 7);
    assert_eq!(world.seen[place..place + expected.len()], *expected);
}

#[test]
fn filters_object_where_the_site_does_not() {
    let refused = "554 5.7.1 filtered";
    check_filter(FilterMoment::Hello, 1, &[refused, "250 2.1.0 <a@b>... Sender ok"]);
    check_filter(FilterMoment::Sender, 2, &[refused, "503 5.0.0 Need MAIL before RCPT"]);
    check_filter(FilterMoment::Recipient, 3, &["log filtered", refused, "503 5.0.0 Need RCPT (recipient)"]);
    check_filter(FilterMoment::Message, 4, &[refused, "500 5.5.1 Command unrecognized: \"S: x\""]);
    check_filter(FilterMoment::Header, 5, &[refused, "500 5.5.1 Command unrecognized: \"FOO\""]);
    check_filter(FilterMoment::Unknown { line: "FOO".into() }, 6, &[refused]);
    check_filter(
        FilterMoment::Connection,
        0,
        &["220 mx ESMTP Sendmail", "250 mx Hello c [192.0.2.1], pleased to meet you", refused],
    );
}

#[test]
fn filters_without_an_objection_change_nothing() {
    let mut filtered = settings();
    filtered.filtered = true;
    let input = format!("{MAIL}S: x\r\n\r\nb\r\n.\r\nFOO\r\n");
    let mut replies = MAIL_REPLIES.to_vec();
    replies.extend(["250 2.0.0 8 bytes Message accepted for delivery", "500 5.5.1 Command unrecognized: \"FOO\""]);
    check_with(&filtered, &input, &replies);
}
