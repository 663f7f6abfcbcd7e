//! Dialogues with a session, played by a world that answers from a small table.

use bstr::ByteSlice;
use proptest::prelude::*;

mod limits;
mod providers;

use super::*;
use crate::mail::header::HeaderLimits;
use crate::mail::reply::Reply;
use crate::name::Status;

/// A session and the world around it.
struct World {
    session: Session,
    /// Replies, log lines and resets in order, as text.
    seen: Vec<String>,
    body: Vec<u8>,
    headers: usize,
    /// What the session waits for, after input.
    moment: Option<Moment>,
    /// At which moments the filters object.
    objections: Vec<FilterMoment>,
    closed: bool,
}

fn settings() -> Settings {
    Settings {
        host: "mx".into(),
        client: "c [192.0.2.1]".into(),
        client_name: "c".into(),
        client_address: "192.0.2.1".into(),
        daemon: "MTA".into(),
        greeting: "mx Sendmail".into(),
        features: Features {
            pipelining: true,
            expn: true,
            verb: true,
            dsn: true,
            etrn: true,
            auth: "".into(),
            start_tls: false,
            deliver_by_min_secs: Some(0),
        },
        limits: Limits {
            message_bytes_max: 0,
            recipients_max: 0,
            bad_recipients_max: 0,
            bad_recipients_end: 0,
            bad_recipients_good_percent: 0,
            noop_max: 20,
            repetition_ends: false,
            header: HeaderLimits::new(32768),
            hops_max: Some(25),
        },
        line_rules: LineRules::default(),
        early_talk_allowed: false,
        bogus_hello_allowed: false,
        mail_needs_hello: false,
        vrfy_needs_hello: false,
        expn_needs_hello: false,
        vrfy_refused: false,
        check_other: false,
        seven_bit_input: false,
        nul_refused: false,
        save_from_line: false,
        auth_required: false,
        tls_first: false,
        filtered: false,
    }
}

fn no(code: u16, text: &str) -> Answer {
    Answer::No(CommandRefusal::new(Reply::new(code, Status::new(5, 7, 1), text)))
}

impl World {
    fn new(settings: Settings, opening: Opening) -> Self {
        let session = Session::new(settings);
        let mut world = Self::waiting(session);
        world.tell(Event::Opened(opening));
        world
    }

    fn waiting(session: Session) -> Self {
        let (seen, body, objections) = (Vec::new(), Vec::new(), Vec::new());
        Self { session, seen, body, headers: 0, moment: None, objections, closed: false }
    }

    fn tell(&mut self, event: Event<'_>) {
        let mut effects = self.session.handle(event);
        while let Some(question) = self.perform(effects) {
            let answer = self.answer(question);
            effects = self.session.handle(Event::Answer(answer));
        }
    }

    /// Notes effects down; returns the question they end with.
    fn perform(&mut self, effects: Vec<Effect>) -> Option<Question> {
        let last = effects.len().saturating_sub(1);
        for (index, effect) in effects.into_iter().enumerate() {
            let is_last = matches!(effect, Effect::Ask(_) | Effect::Read(_) | Effect::StartTls | Effect::Close);
            assert_eq!(is_last, index == last, "{effect:?} at {index}");
            match effect {
                Effect::Send(reply) => self.seen.push(reply.to_string()),
                Effect::Log(note) => self.seen.push(format!("log {}", note.text)),
                Effect::Wait(time) => self.seen.push(format!("wait {}", time.as_secs())),
                Effect::Reset { size_bytes: Some(size), .. } => self.seen.push(format!("reset {size}")),
                Effect::Reset { .. } => self.seen.push("reset".to_owned()),
                Effect::StartTls => self.seen.push("handshake".to_owned()),
                Effect::Body(text) => self.body.extend_from_slice(&text),
                Effect::Read(moment) => self.moment = Some(moment),
                Effect::Protocol { .. } | Effect::Hello { .. } | Effect::Verbose => {}
                Effect::Close => self.closed = true,
                Effect::Ask(question) => return Some(question),
            }
        }
        None
    }

    fn answer(&mut self, question: Question) -> Answer {
        match question {
            Question::Filters(moment) if self.objections.contains(&moment) => no(554, "filtered"),
            Question::Auth { mechanism, initial } => match initial {
                Some(text) if text == "good" => Answer::Yes,
                Some(_) => no(535, "authentication failed"),
                None => Answer::Challenge(mechanism),
            },
            Question::AuthLine { line } if line == "good" => Answer::Yes,
            Question::AuthLine { line } if line == "more" => Answer::Challenge(line),
            Question::AuthLine { .. } => no(535, "authentication failed"),
            Question::Sender { address, .. } if address.contains_str("bad") => no(553, "bad sender"),
            Question::RecipientCheck { address, .. } if address.contains_str("no") => no(550, "no such user"),
            Question::RecipientCheck { address, .. } => Answer::Recipient { address, queued: false },
            Question::Header { headers, .. } => {
                self.headers = headers.len();
                match headers.iter().find_map(|field| ["Evil", "Later"].into_iter().find(|name| field.is(name))) {
                    Some("Evil") => no(554, "evil"),
                    Some(_) => Answer::No(CommandRefusal::new(Reply::new(451, Status::new(4, 7, 1), "later"))),
                    None => Answer::Yes,
                }
            }
            Question::Finish(ending) => Answer::Reply(match ending.refused {
                Some(reply) => reply,
                None => texts::accepted(&format!("{} bytes", ending.size_bytes)),
            }),
            Question::Other { line, .. } if line.contains_str("secret") => no(550, "other"),
            Question::Verify { address, .. } => Answer::Reply(Reply::new(250, None, address)),
            Question::RunQueue { node } => Answer::Reply(texts::queuing_started("node", &node)),
            Question::Help { topic } => Answer::Reply(texts::help_unknown(&topic)),
            _ => Answer::Yes,
        }
    }

    /// Sends bytes in pieces; a hello ends its piece, since its client must wait.
    fn send(&mut self, bytes: &[u8], size: usize) {
        for part in pieces_that_wait(bytes) {
            for piece in part.chunks(size) {
                if !self.closed {
                    self.tell(Event::Input(piece));
                }
            }
        }
    }
}

/// Splits input behind every line after which a client must wait.
fn pieces_that_wait(bytes: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    let mut start = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        start += line.len();
        let word = line.trim_start().get(..4).unwrap_or_default().to_ascii_lowercase();
        if matches!(word.as_slice(), b"ehlo" | b"helo" | b"data") {
            let (part, tail) = rest.split_at(start);
            parts.push(part);
            (rest, start) = (tail, 0);
        }
    }
    parts.push(rest);
    parts
}

/// Plays `input` in pieces of several sizes and compares what was seen without greeting and resets.
#[track_caller]
fn check_with(settings: &Settings, input: &str, expected: &[&str]) {
    for size in [1, 5, 1 << 20] {
        let mut world = World::new(settings.clone(), Opening::Welcome);
        world.send(input.as_bytes(), size);
        let seen: Vec<_> = world.seen.iter().skip(1).filter(|line| !line.starts_with("reset")).collect();
        assert_eq!(seen, expected, "{input:?} in pieces of {size}");
    }
}

#[track_caller]
fn check(input: &str, expected: &[&str]) {
    check_with(&settings(), input, expected);
}

const MAIL: &str = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n";
const MAIL_REPLIES: [&str; 3] =
    ["250 2.1.0 <a@b>... Sender ok", "250 2.1.5 <c@d>... Recipient ok", "354 End data with <CR><LF>.<CR><LF>"];

#[track_caller]
fn check_message(text: &str, expected: &[&str]) {
    let all: Vec<&str> = MAIL_REPLIES.iter().chain(expected).copied().collect();
    check(&format!("{MAIL}{text}"), &all);
}

#[test]
fn a_message_is_taken() {
    check_message(
        "S: x\r\n\r\n..hi\r\n.\r\nNOOP\r\n",
        &["250 2.0.0 10 bytes Message accepted for delivery", "250 2.0.0 OK"],
    );
    let mut world = World::new(settings(), Opening::Welcome);
    world.send(format!("{MAIL}S: x\r\n\r\n..hi\r\n.\r\n").as_bytes(), 3);
    assert_eq!((world.headers, world.body.as_bstr()), (1, ".hi\n".into()));
}

#[test]
fn the_line_of_a_mailbox_before_the_header_is_passed_over() {
    for size in [1, 3, 99] {
        let mut world = World::new(settings(), Opening::Welcome);
        world.send(format!("{MAIL}From a Mon Jan 1\r\nS: x\r\n\r\nb\r\n.\r\n").as_bytes(), size);
        assert_eq!((world.headers, world.body.as_bstr()), (1, "b\n".into()));
        assert_eq!(world.seen[4], "250 2.0.0 25 bytes Message accepted for delivery");
    }
}

#[test]
fn ehlo_offers_in_the_originals_order() {
    check(
        "EHLO x\r\n",
        &["250-mx Hello c [192.0.2.1], pleased to meet you\n250-ENHANCEDSTATUSCODES\n250-PIPELINING\n\
         250-EXPN\n250-VERB\n250-8BITMIME\n250-SIZE\n250-DSN\n250-ETRN\n250-DELIVERBY\n250 HELP"],
    );
    let mut bare = settings();
    bare.features = Features { verb: true, deliver_by_min_secs: Some(60), ..Features::default() };
    bare.limits.message_bytes_max = 9;
    check_with(
        &bare,
        "EHLO x\r\n",
        &["250-mx Hello c [192.0.2.1], pleased to meet you\n250-ENHANCEDSTATUSCODES\n\
         250-8BITMIME\n250-SIZE 9\n250-DELIVERBY 60\n250 HELP"],
    );
}

#[test]
fn names_after_hello_are_needed() {
    check("HELO\r\nehlo\r\n", &["501 5.0.0 HELO requires domain address", "501 5.0.0 ehlo requires domain address"]);
    check("HELO a b\r\n", &["501 5.0.0 Invalid domain name"]);
    let mut loose = settings();
    loose.bogus_hello_allowed = true;
    check_with(&loose, "HELO $j\r\n", &["250 mx Hello c [192.0.2.1], accepting invalid domain name"]);
}

#[test]
fn commands_come_in_their_order() {
    check("RCPT TO:<a>\r\nDATA\r\n", &["503 5.0.0 Need MAIL before RCPT", "503 5.0.0 Need MAIL command"]);
    check(
        "MAIL FROM:<a>\r\nMAIL FROM:<b>\r\nDATA\r\n",
        &["250 2.1.0 <a>... Sender ok", "503 5.5.0 Sender already specified", "503 5.0.0 Need RCPT (recipient)"],
    );
    check("MAIL FROM:<bad>\r\nRCPT TO:<x>\r\n", &["553 5.7.1 bad sender", "503 5.0.0 Need MAIL before RCPT"]);
}

#[test]
fn rset_and_hello_forget_the_sender() {
    for word in ["RSET", "HELO y"] {
        let mut world = World::new(settings(), Opening::Welcome);
        world.send(format!("HELO x\r\nMAIL FROM:<a>\r\n{word}\r\nRCPT TO:<c>\r\n").as_bytes(), 999);
        assert_eq!(world.seen.last().expect("replies"), "503 5.0.0 Need MAIL before RCPT");
        assert_eq!(world.seen.iter().filter(|line| *line == "reset").count(), 1);
    }
}

#[test]
fn a_bare_line_end_closes_the_connection() {
    check_message(
        "S: x\r\n\r\na\n.\r\nMAIL FROM:<evil>\r\n",
        &[
            "log collect: relay=c, from=<a@b>, info=Bare linefeed (LF) not allowed, where=body, status=tempfail",
            "421 4.5.0 Bare linefeed (LF) not allowed",
        ],
    );
    check_message(
        "a\rb\r\n",
        &[
            "log collect: relay=c, from=<a@b>, info=Bare carriage return (CR) not allowed, where=header, status=tempfail",
            "421 4.5.0 Bare carriage return (CR) not allowed",
        ],
    );
}

#[test]
fn who_talks_before_the_reply_is_refused() {
    let mut world = World::new(settings(), Opening::Welcome);
    world.tell(Event::Input(b"EHLO x\r\nMAIL FROM:<a>\r\nFOO\r\nQUIT\r\n"));
    assert_eq!(
        world.seen[1..],
        [
            "log rejecting server EHLO from c [192.0.2.1] due to traffic before response",
            "554 5.5.0 SMTP protocol error",
            "550 5.0.0 Command rejected",
            "500 5.5.1 Command unrecognized: \"FOO\"",
            "221 2.0.0 mx closing connection",
            "reset",
        ]
    );
    let mut world = World::new(settings(), Opening::Welcome);
    world.tell(Event::Input(format!("{MAIL}S: x\r\n").as_bytes()));
    assert_eq!(world.seen[4], "554 5.5.0 SMTP protocol error");
    assert!(world.closed);
}

#[test]
fn a_refused_client_gets_its_refusal() {
    let reply = Reply::new(550, Status::new(5, 7, 1), "Access denied");
    let mut world = World::new(settings(), Opening::Refused(reply));
    world.send(b"NOOP\r\nEHLO x\r\nVRFY a\r\nHELP\r\nFOO\r\nRSET\r\n", 999);
    assert_eq!(
        world.seen.join("|"),
        "220 mx ESMTP Sendmail|250 2.0.0 OK|\
         250-mx Hello c [192.0.2.1], pleased to meet you\n250 ENHANCEDSTATUSCODES|550 5.7.1 Access denied|\
         550 5.7.1 Access denied|500 5.5.1 Command unrecognized: \"FOO\"|reset|250 2.0.0 Reset state"
    );
    let later = Reply::new(421, Status::new(4, 7, 1), "come back later");
    let world = World::new(settings(), Opening::Refused(later));
    assert!(world.closed && world.seen[0] == "421 4.7.1 come back later");
    let world = World::new(settings(), Opening::EarlyTalk { seconds: 5 });
    assert_eq!(world.seen[1], "554 mx ESMTP not accepting messages");
    let mut world = World::new(settings(), Opening::NotAccepting);
    world.send(b"NOOP\r\nMAIL FROM:<a@b>\r\n", 999);
    assert_eq!(world.seen.join("|"), "554 mx ESMTP not accepting messages|250 2.0.0 OK|550 5.0.0 Command rejected");
}

#[test]
fn web_clients_are_sent_away_at_once() {
    let mut world = World::new(settings(), Opening::Welcome);
    world.send(b"GET / HTTP/1.0\r\n", 999);
    assert_eq!(world.seen[2], "421 4.7.0 mx Rejecting open proxy c [192.0.2.1]");
    check("NOOP\r\nGET / HTTP/1.0\r\n", &["250 2.0.0 OK", "500 5.5.1 Command unrecognized: \"GET / HTTP/1.0\""]);
}

#[test]
fn a_client_that_goes_away_is_noted() {
    let mut world = World::new(settings(), Opening::Welcome);
    world.send(format!("{MAIL}S: x\r\n\r\nfoo\r\n").as_bytes(), 99);
    world.tell(Event::HungUp);
    assert_eq!(
        world.seen[4..],
        [
            "log collect: premature EOM: unexpected close",
            "log collect: relay=c, from=<a@b>, info=unexpected close",
            "reset 10",
            "421 4.4.1 collect: relay=c, from=<a@b>, info=unexpected close",
            "reset",
        ]
    );
    let mut world = World::new(settings(), Opening::Welcome);
    world.send(b"MAIL FROM:<a@b>\r\nRCPT TO:<x>\r\n", 99);
    world.tell(Event::HungUp);
    assert_eq!(world.seen[3..], ["log lost input channel from c [192.0.2.1] to MTA after rcpt", "reset"]);
    assert!(world.closed);
}

#[test]
fn a_silent_client_is_noted() {
    let mut world = World::new(settings(), Opening::Welcome);
    world.send(b"MAIL FROM:<a@b>\r\n", 99);
    world.tell(Event::TimedOut);
    assert_eq!(
        world.seen[2..],
        [
            "log timeout waiting for input from c during server cmd read",
            "log lost input channel from c [192.0.2.1] to MTA after mail",
            "reset",
        ]
    );
    let mut world = World::new(settings(), Opening::Welcome);
    world.send(format!("{MAIL}S: x\r\n").as_bytes(), 99);
    world.tell(Event::TimedOut);
    assert_eq!(
        world.seen[4..],
        [
            "log SYSERR(root): collect: relay=c, from=<a@b>, info=read timeout",
            "reset 5",
            "421 4.4.1 collect: relay=c, from=<a@b>, info=read timeout",
            "reset",
        ]
    );
}

#[test]
fn half_a_command_gives_no_more_time() {
    let mut world = World::new(settings(), Opening::Welcome);
    assert_eq!(world.moment, Some(Moment::Command));
    world.tell(Event::Input(b"NO"));
    assert_eq!(world.moment, Some(Moment::CommandRest));
    world.tell(Event::Input(b"OP\r\n"));
    assert_eq!(world.moment, Some(Moment::Command));
    world.tell(Event::Input(b"NOOP\r\nNO"));
    assert_eq!(world.moment, Some(Moment::CommandRest));
}

#[test]
fn a_server_that_ends_says_so() {
    let mut world = World::new(settings(), Opening::Welcome);
    world.send(b"MAIL FROM:<a@b>\r\n", 99);
    world.tell(Event::ShutDown);
    assert_eq!(world.seen[2..], ["421 4.3.2 mx closing connection", "reset"]);
}

#[test]
fn eighth_bits_are_cleared_where_the_client_says_7bit() {
    let mut world = World::new(settings(), Opening::Welcome);
    world.send(b"MAIL FROM:<a@b> BODY=7BIT\r\nRCPT TO:<c>\r\nDATA\r\n\r\n\xe9\r\n.\r\n", 99);
    assert_eq!(world.body.as_bstr(), "i\n");
}

#[test]
fn check_other_judges_commands_without_a_check_of_their_own() {
    let mut strict = settings();
    strict.check_other = true;
    check_with(
        &strict,
        "NOOP\r\nNOOP secret\r\nFOO\r\nFOO secret\r\nRSET secret\r\n",
        &[
            "250 2.0.0 OK",
            "550 5.7.1 other",
            "500 5.5.1 Command unrecognized: \"FOO\"",
            "550 5.7.1 other",
            "250 2.0.0 Reset state",
        ],
    );
}

fn word() -> impl Strategy<Value = String> {
    let words = [
        "HELO x\r\n",
        "EHLO y\r\n",
        "MAIL FROM:<a>\r\n",
        "MAIL FROM:<bad>\r\n",
        "RCPT TO:<b>\r\n",
        "RCPT TO:<no>\r\n",
        "DATA\r\n",
        "S: x\r\n",
        "\r\n",
        ".\r\n",
        "..\r\n",
        "body\r\n",
        "RSET\r\n",
        "NOOP\r\n",
        "QUIT\r\n",
        "VRFY a\r\n",
        "FOO\n",
        "a\rb\r\n",
        "x\n",
        "MAIL FROM:<a> SIZE=5 FOO\r\n",
        "ETRN x\r\n",
        "HELP\r\n",
        "\0\r\n",
        "AUTH X\r\n",
    ];
    prop::sample::select(words.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn pieces_do_not_matter(words in prop::collection::vec(word(), 0..40), size in 1_usize..40) {
        let input = words.concat();
        let play = |size| {
            let mut world = World::new(settings(), Opening::Welcome);
            world.send(input.as_bytes(), size);
            (world.seen, world.body, world.closed)
        };
        prop_assert_eq!(play(size), play(1));
    }

    #[test]
    fn no_bytes_make_it_panic(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..60), 0..20), mail in any::<bool>()) {
        let mut world = World::new(settings(), Opening::Welcome);
        if mail {
            world.send(MAIL.as_bytes(), 99);
        }
        for chunk in chunks {
            world.tell(Event::Input(&chunk));
            if world.closed {
                break;
            }
        }
    }
}
