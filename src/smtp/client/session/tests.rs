//! The session against scripted servers, command by command.

use super::super::{Fate, Target};
use super::*;

/// Plays a server's lines against a session with recipients `a`, `b`, …; `!` is a loss. Returns what was sent and the
/// fate of each recipient.
fn play(dialect: Dialect, recipients: usize, script: &[&str]) -> (String, String) {
    let setup = Setup { dialect, helo_name: "me".into(), own_name: Some("me".into()), is_watched: false };
    let (mut session, mut effects) = Session::new(setup);
    let mut script = script.iter();
    let (mut sent, mut fates) = (String::new(), String::new());
    while !effects.is_empty() {
        let mut event = None;
        for effect in std::mem::take(&mut effects) {
            match effect {
                Effect::Send(bytes) => sent.push_str(&String::from_utf8(bytes).expect("text")),
                Effect::Expect(_) => event = script.next().map(|line| said(line)),
                Effect::SendMessage => {
                    sent.push_str("message\r\n");
                    event = Some(Event::MessageSent);
                }
                Effect::Opened(Opening::Ready) => effects = session.begin(transaction(recipients)),
                Effect::Opened(Opening::Refused(result)) => fates.push_str(&letter(&result)),
                Effect::Opened(Opening::Loop) => fates.push_str("loop"),
                Effect::Finished(finished) => {
                    fates.extend(finished.results.iter().map(letter));
                    if finished.reusable {
                        fates.push('+');
                    }
                }
                Effect::Decided(..) | Effect::Reset | Effect::Close => {}
            }
        }
        if let Some(event) = event {
            effects = session.handle(event);
        }
    }
    (sent.replace("\r\n", "|"), fates)
}

fn said(line: &str) -> Event {
    if line == "!" {
        return Event::Lost(Loss::Closed);
    }
    let mut parser = crate::mail::reply::ReplyParser::new();
    let text = format!("{}\r\n", line.replace('|', "\r\n"));
    Event::Reply(parser.feed(&mut text.as_bytes()).expect("a reply").expect("whole"))
}

fn letter(result: &RecipientResult) -> String {
    let fate = match result.verdict().fate {
        Fate::Sent => "s",
        Fate::Deferred => "d",
        Fate::Failed => "f",
    };
    fate.into()
}

fn transaction(recipients: usize) -> Transaction {
    let targets = ('a'..).take(recipients).map(|name| Target { address: name.to_string().into(), ..Target::default() });
    Transaction { sender: "s".into(), targets: targets.collect(), ..Transaction::default() }
}

#[track_caller]
fn check(recipients: usize, script: &[&str], sent: &str, fates: &str) {
    assert_eq!(play(Dialect::Esmtp, recipients, script), (sent.into(), fates.into()));
}

const PIPE: &str = "250-x|250 PIPELINING";

#[test]
fn who_watches_hears_the_answer_to_mail_before_anything_else_is_sent() {
    let setup = Setup { dialect: Dialect::Esmtp, helo_name: "me".into(), own_name: None, is_watched: true };
    let (mut session, _) = Session::new(setup);
    session.handle(said("220 x"));
    session.handle(said(PIPE));
    let mail = session.begin(transaction(2));
    assert_eq!(mail, [Effect::Send(b"MAIL From:<s>\r\n".to_vec()), Effect::Expect(Phase::Mail)]);
    let rest = b"RCPT To:<a>\r\nRCPT To:<b>\r\nDATA\r\n".to_vec();
    assert_eq!(session.handle(said("250 ok")), [Effect::Send(rest), Effect::Expect(Phase::Rcpt)]);
}

#[test]
fn a_message_is_sent_command_by_command() {
    check(
        2,
        &["220 x", "250 x", "250 m", "250 a", "250 b", "354 go", "250 done"],
        "EHLO me|MAIL From:<s>|RCPT To:<a>|RCPT To:<b>|DATA|message|.|",
        "ss+",
    );
    check(
        1,
        &["220 x", "500 what", "250 x", "250 m", "250 a", "354 go", "250 done"],
        "EHLO me|HELO me|MAIL From:<s>|RCPT To:<a>|DATA|message|.|",
        "s+",
    );
}

#[test]
fn refused_recipients_do_not_hold_up_the_others() {
    check(
        3,
        &["220 x", PIPE, "250 m", "550 a", "250 b", "450 c", "354 go", "250 done"],
        "EHLO me|MAIL From:<s>|RCPT To:<a>|RCPT To:<b>|RCPT To:<c>|DATA|message|.|",
        "fsd+",
    );
}

#[test]
fn with_nobody_accepted_no_message_is_sent() {
    check(
        2,
        &["220 x", PIPE, "250 m", "550 a", "450 b", "354 go", "554 none"],
        "EHLO me|MAIL From:<s>|RCPT To:<a>|RCPT To:<b>|DATA|.|",
        "fd+",
    );
    check(
        2,
        &["220 x", PIPE, "250 m", "550 a", "450 b", "503 none"],
        "EHLO me|MAIL From:<s>|RCPT To:<a>|RCPT To:<b>|DATA|",
        "fd+",
    );
    check(2, &["220 x", "250 x", "250 m", "550 a", "450 b"], "EHLO me|MAIL From:<s>|RCPT To:<a>|RCPT To:<b>|", "fd+");
    check(1, &["220 x", PIPE, "450 m", "503 a", "503 d"], "EHLO me|MAIL From:<s>|RCPT To:<a>|DATA|", "d+");
    check(
        1,
        &["220 x", PIPE, "550 m", "250 a", "354 go", "250 empty"],
        "EHLO me|MAIL From:<s>|RCPT To:<a>|DATA|.|",
        "f+",
    );
    check(1, &["220 x", "250 x", "550 m"], "EHLO me|MAIL From:<s>|", "f+");
}

#[test]
fn a_good_bye_at_any_place_defers_who_is_left() {
    check(2, &["421 bye"], "", "d");
    check(2, &["220 x", "421 bye"], "EHLO me|", "d");
    check(2, &["220 x", "250 x", "421 bye"], "EHLO me|MAIL From:<s>|", "dd");
    check(2, &["220 x", "250 x", "250 m", "550 a", "421 bye"], "EHLO me|MAIL From:<s>|RCPT To:<a>|RCPT To:<b>|", "fd");
    check(
        2,
        &["220 x", PIPE, "250 m", "250 a", "250 b", "354 go", "421 bye"],
        "EHLO me|MAIL From:<s>|RCPT To:<a>|RCPT To:<b>|DATA|message|.|",
        "dd",
    );
}

#[test]
fn a_loss_at_any_place_defers_who_is_left() {
    let whole = ["220 x", PIPE, "250 m", "550 a", "250 b", "354 go"];
    for len in 0..=whole.len() {
        let script: Vec<_> = whole[..len].iter().copied().chain(["!"]).collect();
        let fates = play(Dialect::Esmtp, 2, &script).1;
        assert_eq!(fates, ["d", "d", "dd", "dd", "fd", "fd", "fd"][len], "lost after {len} replies");
    }
}

#[test]
fn a_server_that_refuses_at_the_door_is_left_politely() {
    check(1, &["554 no"], "QUIT|", "f");
    check(1, &["220 x", "554 no", "554 no"], "EHLO me|HELO me|QUIT|", "f");
    check(1, &["220 x", "250 ME hello"], "EHLO me|QUIT|", "loop");
}

#[test]
fn a_server_that_takes_data_without_asking_for_it_is_not_trusted() {
    check(1, &["220 x", "250 x", "250 m", "250 a", "250 strange"], "EHLO me|MAIL From:<s>|RCPT To:<a>|DATA|", "f");
}

#[test]
fn lmtp_tells_for_each_accepted_recipient() {
    let script = ["220 x", "250 x", "250 m", "250 a", "550 b", "250 c", "354 go", "250 ok", "452 full"];
    let (sent, fates) = play(Dialect::Lmtp, 3, &script);
    assert_eq!(sent, "LHLO me|MAIL From:<s>|RCPT To:<a>|RCPT To:<b>|RCPT To:<c>|DATA|message|.|");
    assert_eq!(fates, "sfd+");
    let script = ["220 x", "250 x", "250 m", "250 a", "250 b", "354 go", "250 ok", "!"];
    assert_eq!(play(Dialect::Lmtp, 2, &script).1, "sd");
}

#[test]
fn ehlo_is_for_those_who_greet_with_it() {
    assert!(play(Dialect::Smtp, 1, &["220 x ESMTP y", "250 x"]).0.starts_with("EHLO"));
    assert!(play(Dialect::Smtp, 1, &["220 x SMTP", "250 x"]).0.starts_with("HELO"));
    assert!(play(Dialect::HeloOnly, 1, &["220 x ESMTP", "250 x"]).0.starts_with("HELO"));
}

#[test]
fn many_recipients_go_out_in_batches() {
    let setup = Setup { dialect: Dialect::Esmtp, helo_name: "me".into(), own_name: None, is_watched: false };
    let (mut session, _) = Session::new(setup);
    session.handle(said("220 x"));
    session.handle(said(PIPE));
    let many = Transaction {
        targets: vec![Target { address: "x".repeat(100).into(), ..Target::default() }; 1000],
        ..transaction(0)
    };
    let mut effects = session.begin(many);
    let mut replies = 0;
    while !effects.contains(&Effect::SendMessage) {
        for effect in &effects {
            if let Effect::Send(batch) = effect {
                assert!(batch.len() <= BATCH_BYTES_MAX);
            }
        }
        replies += 1;
        effects = session.handle(said(if replies == 1002 { "354 go" } else { "250 ok" }));
    }
    assert_eq!(replies, 1002);
}
