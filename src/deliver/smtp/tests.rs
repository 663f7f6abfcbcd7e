//! Delivery to scripted servers on loopback addresses. The texts are those that the original logs in the same case.

mod hostile;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Mutex;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::super::lmtp;
use super::super::message::{Body, Message};
use super::super::mime::MimeRules;
use super::*;
use crate::cf::{EightBitMode, Mailer, MailerFlags};
use crate::mail::envelope::{BodyType, DeliverBy, DeliverByMode};
use crate::name::MailerName;
use crate::net::ResolverSettings;
use crate::net::testing::DnsServer;
use crate::smtp::client::{Target, Transaction};

const EHLO: &str = "250-sink\r\n250-8BITMIME\r\n250-SIZE\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250 PIPELINING";
const PLAIN: &str = "250 sink";

/// What a server says at each stage instead of yes; nothing closes the connection, `...` says nothing at all.
type Script = &'static [(&'static str, &'static str)];

/// A server and what it heard.
#[derive(Clone, Default)]
struct Sink {
    heard: Arc<Mutex<String>>,
}

impl Sink {
    /// Serves on `listener` until the test ends.
    fn start(listener: TcpListener, script: Script) -> Self {
        let sink = Self::default();
        let server = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                server.clone().spawn(stream, script);
            }
        });
        sink
    }

    fn spawn(self, stream: TcpStream, script: Script) {
        tokio::spawn(async move {
            let (reader, writer) = stream.into_split();
            self.serve(reader, writer, script).await;
        });
    }

    /// Serves one connection; `None` ends it.
    async fn serve(
        &self,
        reader: impl tokio::io::AsyncRead + Unpin,
        mut writer: impl tokio::io::AsyncWrite + Unpin,
        script: Script,
    ) -> Option<()> {
        let script: HashMap<_, _> = script.iter().copied().collect();
        let mut lines = BufReader::new(reader).lines();
        let mut accepted = 0;
        let reply = |stage: &str, default: &str| script.get(stage).map_or(default, |reply| reply).to_owned();
        say(&mut writer, &reply("open", "220 sink ESMTP")).await?;
        while let Ok(Some(line)) = lines.next_line().await {
            self.hear(&line);
            let verb = line.get(..4).unwrap_or(&line).to_uppercase();
            let address = line.split(['<', '>']).nth(1).unwrap_or_default();
            match verb.as_str() {
                "EHLO" => say(&mut writer, &reply("EHLO", EHLO)).await?,
                "RCPT" => {
                    let said = script.get(address).map_or_else(|| reply("RCPT", "250 ok"), |reply| (*reply).to_owned());
                    accepted += i32::from(said.starts_with('2'));
                    say(&mut writer, &said).await?;
                }
                "DATA" => {
                    let said = reply("DATA", "354 go");
                    say(&mut writer, &said).await?;
                    if said.starts_with("354") {
                        self.message(&mut lines).await?;
                        let times = if script.contains_key("LHLO") { accepted } else { 1 };
                        for number in 0..times {
                            say(&mut writer, &reply(&format!("dot{number}"), &reply("dot", "250 2.0.0 taken"))).await?;
                        }
                    }
                }
                "QUIT" => return say(&mut writer, "221 bye").await,
                _ => say(&mut writer, &reply(&verb, "250 ok")).await?,
            }
        }
        None
    }

    /// Hears a message up to the dot.
    async fn message<R: tokio::io::AsyncBufRead + Unpin>(&self, lines: &mut tokio::io::Lines<R>) -> Option<()> {
        while let Ok(Some(line)) = lines.next_line().await {
            self.hear(&line);
            if line == "." {
                return Some(());
            }
        }
        None
    }

    fn hear(&self, line: &str) {
        self.heard.lock().expect("no panic").push_str(&format!("{line}|"));
    }

    fn heard(&self) -> String {
        self.heard.lock().expect("no panic").clone()
    }
}

async fn say(writer: &mut (impl tokio::io::AsyncWrite + Unpin), reply: &str) -> Option<()> {
    match reply {
        "" => None,
        "..." => std::future::pending().await,
        _ => writer.write_all(format!("{reply}\r\n").as_bytes()).await.ok(),
    }
}

fn mailer(flags: &str) -> Mailer {
    Mailer {
        name: MailerName::new(b"esmtp"),
        path: "[IPC]".into(),
        flags: MailerFlags::new(flags.as_bytes()),
        argv: vec!["TCP".into(), "$h".into()],
        end_of_line: "\r\n".into(),
        line_bytes_max: Some(990),
        size_bytes_max: None,
        messages_max: None,
        recipients_max: Some(100),
        envelope_sender: None,
        header_sender: None,
        envelope_recipient: None,
        header_recipient: None,
        types: Default::default(),
        user: None,
        directories: vec![],
        charset: BString::default(),
        nice: 0,
        wait: Duration::ZERO,
        queue_group: BString::default(),
        root: BString::default(),
        line: 0,
    }
}

fn settings() -> SmtpSettings {
    let is_ours: IsOurs = Arc::new(|name| name == b"me.example");
    SmtpSettings::of(&Config::default(), "me.example", is_ours)
}

fn client(settings: SmtpSettings, zone: &str) -> (SmtpClient, DnsServer) {
    let server = DnsServer::start(zone);
    let resolver =
        Resolver::new(ResolverSettings { retry: 1, ..ResolverSettings::with_servers(vec![server.address()]) });
    let cache = ConnectionCache::new(2, Duration::from_secs(60), settings.timeouts.clone(), None);
    (SmtpClient::new(settings, Arc::new(resolver), Arc::new(cache)), server)
}

fn transaction(recipients: &[&str]) -> Transaction {
    let targets = recipients.iter().map(|address| Target { address: (*address).into(), ..Target::default() });
    Transaction { sender: "s@x".into(), targets: targets.collect(), ..Transaction::default() }
}

fn job<'a>(mailer: &'a Mailer, message: &'a Message<'a>, recipients: &[&str]) -> Job<'a> {
    Job {
        audience: Arc::default(),
        names: recipients.iter().map(|address| BString::from(*address)).collect(),
        mailer,
        transaction: transaction(recipients),
        message,
        mime: MimeRules {
            has_eight_bit: !message.header.is_ascii()
                || matches!(message.body, Body::Bytes(bytes) if !bytes.is_ascii()),
            mode: EightBitMode::Pass,
            default_charset: BString::default(),
            own_name: "me.example".into(),
            queue_id: "ID".into(),
            encode_more: false,
        },
        rules: None,
        source: None,
        first_attempt: false,
        respect_host_status: true,
    }
}

const MESSAGE: (&[u8], &[u8]) = (b"Subject: x\n", b"body\n.dot\n");

/// Sends to one scripted server; returns the log's words for each recipient, and what the server heard.
async fn send_to(script: Script, settings: SmtpSettings, recipients: &[&str]) -> (Vec<String>, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let sink = Sink::start(listener, script);
    let (client, _dns) = client(settings, "");
    let message = Message::new(MESSAGE.0, Body::Bytes(MESSAGE.1));
    let report = client.send(b"[127.0.0.1]", port, &job(&mailer("mDFMuXa"), &message, recipients)).await;
    (outcomes(&report, recipients.len()).iter().map(words).collect(), sink.heard())
}

#[tokio::test]
async fn what_must_come_back_in_time_is_not_given_to_a_server_that_does_not_promise_it() {
    for (mode, expected) in [(DeliverByMode::Return, "Service unavailable"), (DeliverByMode::Notify, "Sent (taken)")] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let sink = Sink::start(listener, &[]);
        let (client, _dns) = client(settings(), "");
        let (message, mailer) = (Message::new(MESSAGE.0, Body::Bytes(MESSAGE.1)), mailer("mDFMuXa"));
        let mut job = job(&mailer, &message, &["a@x"]);
        job.transaction.deliver_by = Some(DeliverBy { seconds: 60, mode, trace: false });
        let report = client.send(b"[127.0.0.1]", port, &job).await;
        let outcome = &outcomes(&report, 1)[0];
        assert_eq!(outcome.stat, expected);
        let is_returned = mode == DeliverByMode::Return;
        assert_eq!(
            (outcome.status == Status::new(5, 4, 7), sink.heard().contains("MAIL")),
            (is_returned, !is_returned)
        );
    }
}

/// Returns the last word on each of `count` recipients.
fn outcomes(report: &Report, count: usize) -> Vec<Outcome> {
    report.outcomes(count).into_iter().map(|outcome| outcome.expect("every recipient has one")).collect()
}

fn words(outcome: &Outcome) -> String {
    let reply = outcome.reply.as_ref().map_or(String::new(), |reply| format!("reply={reply}, "));
    format!("dsn={}, {reply}stat={}", outcome.status, outcome.stat)
}

async fn check(script: Script, expected: &str) {
    let (words, _) = send_to(script, settings(), &["u@x"]).await;
    assert_eq!(words, [expected], "{script:?}");
}

#[tokio::test]
async fn a_message_goes_out_in_two_round_trips() {
    let (words, heard) = send_to(&[], settings(), &["a@x", "b@x"]).await;
    assert_eq!(words, ["dsn=2.0.0, stat=Sent (taken)", "dsn=2.0.0, stat=Sent (taken)"]);
    assert!(
        heard.starts_with("EHLO me.example|MAIL From:<s@x>|RCPT To:<a@x>|RCPT To:<b@x>|DATA|Subject: x||body|..dot|.|"),
        "{heard}"
    );
}

#[tokio::test]
async fn refusals_at_every_stage() {
    check(&[("open", "421 4.3.2 too busy")], "dsn=4.5.0, reply=421 4.3.2 too busy, stat=Deferred: 421 4.3.2 too busy")
        .await;
    check(&[("open", "554 5.3.2 go away")], "dsn=5.5.0, reply=554 5.3.2 go away, stat=Service unavailable").await;
    check(&[("EHLO", "421 bye")], "dsn=4.5.0, reply=421 bye, stat=Deferred: 421 bye").await;
    check(
        &[("EHLO", "554 a"), ("HELO", "554 5.1.8 no helo")],
        "dsn=5.5.0, reply=554 5.1.8 no helo, stat=Service unavailable",
    )
    .await;
    check(&[("EHLO", "502 unimpl"), ("HELO", "250 hi")], "dsn=2.0.0, stat=Sent (2.0.0 taken)").await;
    check(&[("MAIL", "451 4.7.1 later")], "dsn=4.7.1, reply=451 4.7.1 later, stat=Deferred: 451 4.7.1 later").await;
    check(&[("MAIL", "553 5.1.8 never")], "dsn=5.1.8, reply=553 5.1.8 never, stat=Data format error").await;
    check(&[("RCPT", "451 4.2.1 later")], "dsn=4.2.1, reply=451 4.2.1 later, stat=Deferred: 451 4.2.1 later").await;
    check(&[("RCPT", "550 5.1.1 no such user")], "dsn=5.1.1, reply=550 5.1.1 no such user, stat=User unknown").await;
    check(&[("RCPT", "550-5.7.1 first\r\n550 5.7.1 second")], "dsn=5.7.1, reply=550-5.7.1 first, stat=User unknown")
        .await;
    check(&[("DATA", "451 4.3.0 later")], "dsn=4.0.0, reply=451 4.3.0 later, stat=Deferred: 451 4.3.0 later").await;
    check(&[("DATA", "554 5.6.0 never")], "dsn=5.0.0, reply=554 5.6.0 never, stat=Service unavailable").await;
    check(&[("dot", "451 4.3.0 later")], "dsn=4.3.0, reply=451 4.3.0 later, stat=Deferred: 451 4.3.0 later").await;
    check(&[("dot", "554 5.6.0 never")], "dsn=5.6.0, reply=554 5.6.0 never, stat=Service unavailable").await;
    check(
        &[("EHLO", "250 me.example hello")],
        "dsn=5.3.5, reply=553 5.3.5 system config error, stat=Local configuration error",
    )
    .await;
}

#[tokio::test]
async fn a_connection_cut_at_every_stage_defers() {
    for script in [&[("open", "")], &[("EHLO", "")], &[("MAIL", "")], &[("RCPT", "")], &[("DATA", "")], &[("dot", "")]]
        as [Script; 6]
    {
        check(script, "dsn=4.4.2, stat=Deferred: Connection reset by [127.0.0.1]").await;
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_when_time_is_over() {
    for script in [
        &[("open", "...")],
        &[("EHLO", "...")],
        &[("MAIL", "...")],
        &[("RCPT", "...")],
        &[("DATA", "...")],
        &[("dot", "...")],
    ] as [Script; 6]
    {
        let mut settings = settings();
        let short = Duration::from_millis(30);
        let timeouts = &mut settings.timeouts;
        for limit in [
            &mut timeouts.initial,
            &mut timeouts.helo,
            &mut timeouts.mail,
            &mut timeouts.rcpt,
            &mut timeouts.datainit,
            &mut timeouts.datafinal,
        ] {
            *limit = short;
        }
        let (words, _) = send_to(script, settings, &["u@x"]).await;
        assert_eq!(words, ["dsn=4.4.2, stat=Deferred: Connection timed out with [127.0.0.1]"], "{script:?}");
    }
}

#[tokio::test]
async fn each_recipient_has_its_own_fate() {
    let (words, heard) =
        send_to(&[("b@x", "550 5.1.1 b"), ("c@x", "450 4.2.0 c")], settings(), &["a@x", "b@x", "c@x"]).await;
    assert_eq!(
        words,
        [
            "dsn=2.0.0, stat=Sent (taken)",
            "dsn=5.1.1, reply=550 5.1.1 b, stat=User unknown",
            "dsn=4.2.0, reply=450 4.2.0 c, stat=Deferred: 450 4.2.0 c"
        ]
    );
    assert_eq!(heard.matches("DATA").count(), 1);
}

#[tokio::test]
async fn without_pipelining_every_reply_is_awaited() {
    let (words, heard) = send_to(&[("EHLO", PLAIN), ("RCPT", "550 no")], settings(), &["a@x", "b@x"]).await;
    assert_eq!(words[0], "dsn=5.1.1, reply=550 no, stat=User unknown");
    assert!(!heard.contains("DATA"), "{heard}");
}

#[tokio::test]
async fn a_closed_port_is_told_and_remembered() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    let (client, _dns) = client(settings(), "");
    let (mailer, message) = (mailer("a"), Message::new(b"", Body::Bytes(b"")));
    let job = job(&mailer, &message, &["u@x"]);
    let first = outcomes(&client.send(b"[127.0.0.1]", port, &job).await, 1).remove(0);
    assert_eq!(words(&first), "dsn=4.4.1, stat=Deferred: Connection refused by [127.0.0.1]");
    assert_eq!(first.relay.expect("asked"), "[127.0.0.1] [127.0.0.1]");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.expect("still free");
    let _sink = Sink::start(listener, &[]);
    let again = outcomes(&client.send(b"[127.0.0.1]", port, &job).await, 1).remove(0);
    assert_eq!(words(&again), "dsn=4.4.1, stat=Deferred: Connection refused by [127.0.0.1]");
    let job = Job { respect_host_status: false, ..job };
    let fresh = outcomes(&client.send(b"[127.0.0.1]", port, &job).await, 1).remove(0);
    assert_eq!(words(&fresh), "dsn=2.0.0, stat=Sent (taken)");
}

#[tokio::test]
async fn hosts_that_are_not_there_are_told_apart() {
    let (client, _dns) = client(
        settings(),
        "nodata.example TXT x\nbad.example SERVFAIL\nnull.example MX 0 .\nloop.example MX 5 me.example\n",
    );
    let (mailer, message) = (mailer("a"), Message::new(b"", Body::Bytes(b"")));
    let job = job(&mailer, &message, &["u@x"]);
    for (host, expected) in [
        (
            "nosuch.example",
            "dsn=5.1.2, reply=550 Host unknown, stat=Host unknown (Name server: nosuch.example: host not found)",
        ),
        (
            "nodata.example.",
            "dsn=5.1.2, reply=550 Host unknown, stat=Host unknown (Name server: nodata.example.: no data known)",
        ),
        (
            "[300.1.1.1]",
            "dsn=5.1.2, reply=550 Host unknown, stat=Host unknown (Name server: [300.1.1.1]: host not found)",
        ),
        ("bad.example.", "dsn=4.4.3, stat=Deferred: Name server: bad.example.: host name lookup failure"),
        ("null.example.", "dsn=5.1.10, reply=556 Host does not accept mail: MX 0 ., stat=Service unavailable"),
        ("loop.example.", "dsn=5.3.5, stat=Local configuration error"),
    ] {
        let report = client.send(host.as_bytes(), 1, &job).await;
        assert_eq!(words(&outcomes(&report, 1)[0]), expected);
    }
}

#[tokio::test]
async fn a_kept_connection_serves_the_next_message() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let sink = Sink::start(listener, &[]);
    let (client, _dns) = client(settings(), "");
    let (mailer, message) = (mailer("a"), Message::new(MESSAGE.0, Body::Bytes(MESSAGE.1)));
    for _ in 0..2 {
        let report = client.send(b"[127.0.0.1]", port, &job(&mailer, &message, &["u@x"])).await;
        assert_eq!(outcomes(&report, 1)[0].verdict, Verdict::Sent);
    }
    assert_eq!(sink.heard().matches("EHLO").count(), 1);
    assert_eq!(sink.heard().matches("RSET").count(), 1);
}

#[tokio::test]
async fn many_recipients_go_in_several_transactions() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let sink = Sink::start(listener, &[("b@x", "450 4.2.0 b")]);
    let (client, _dns) = client(settings(), "");
    let mailer = Mailer { recipients_max: Some(2), ..mailer("a") };
    let message = Message::new(MESSAGE.0, Body::Bytes(MESSAGE.1));
    let report = client.send(b"[127.0.0.1]", port, &job(&mailer, &message, &["a@x", "b@x", "c@x"])).await;
    let verdicts: Vec<_> = outcomes(&report, 3).iter().map(|outcome| outcome.verdict).collect();
    assert_eq!(verdicts, [Verdict::Sent, Verdict::Deferred, Verdict::Sent]);
    assert_eq!(sink.heard().matches("MAIL").count(), 2);
    assert_eq!(sink.heard().matches("EHLO").count(), 1);
}

#[tokio::test]
async fn eight_bit_mail_is_encoded_for_seven_bit_hosts() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let sink = Sink::start(listener, &[("EHLO", PLAIN)]);
    let (client, _dns) = client(settings(), "");
    let (mailer, message) = (mailer("a"), Message::new(MESSAGE.0, Body::Bytes("é\n".as_bytes())));
    let mut job = job(&mailer, &message, &["u@x"]);
    job.transaction.body = Some(BodyType::EightBitMime);
    client.send(b"[127.0.0.1]", port, &job).await;
    assert!(sink.heard().contains("Content-Transfer-Encoding: base64|"), "{}", sink.heard());
    assert!(sink.heard().contains("|w6kNCg==|"), "{}", sink.heard());
}

/// Two servers at different addresses with one port; the second takes mail.
#[cfg(target_os = "linux")]
async fn check_second(first: Script, expected: &[Verdict], recipients: &[&str]) {
    let two = TcpListener::bind("127.0.0.3:0").await.expect("a free port");
    let port = two.local_addr().expect("bound").port();
    let one = TcpListener::bind(("127.0.0.2", port)).await.expect("the same port");
    let (one, two) = (Sink::start(one, first), Sink::start(two, &[]));
    let (client, _dns) = client(
        settings(),
        "d.example MX 10 a.example\nd.example MX 20 b.example\na.example A 127.0.0.2\nb.example A 127.0.0.3\n",
    );
    let message = Message::new(MESSAGE.0, Body::Bytes(MESSAGE.1));
    let report = client.send(b"d.example.", port, &job(&mailer("a"), &message, recipients)).await;
    let outcomes = outcomes(&report, recipients.len());
    let verdicts: Vec<_> = outcomes.iter().map(|outcome| outcome.verdict).collect();
    assert_eq!(verdicts, expected, "{first:?}: {} / {}", one.heard(), two.heard());
    for outcome in outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Sent) {
        assert_eq!(outcome.relay.as_ref().expect("asked"), "b.example. [127.0.0.3]");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_next_host_is_tried_after_anything_that_may_pass() {
    for first in [
        &[("open", "421 busy")],
        &[("open", "554 away")],
        &[("open", "")],
        &[("EHLO", "")],
        &[("MAIL", "451 later")],
        &[("MAIL", "")],
        &[("RCPT", "451 later")],
        &[("RCPT", "")],
        &[("DATA", "451 later")],
        &[("dot", "451 later")],
        &[("dot", "")],
    ] as [Script; 11]
    {
        check_second(first, &[Verdict::Sent], &["u@x"]).await;
    }
    check_second(&[("MAIL", "554 never")], &[Verdict::Failed], &["u@x"]).await;
    check_second(&[("u@x", "550 never"), ("v@x", "451 later")], &[Verdict::Failed, Verdict::Sent], &["u@x", "v@x"])
        .await;
}

#[tokio::test]
async fn lmtp_over_pipes_tells_for_each_recipient() {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let sink = Sink::default();
    let server = sink.clone();
    tokio::spawn(async move {
        let (reader, writer) = tokio::io::split(theirs);
        server.serve(reader, writer, &[("LHLO", EHLO), ("b@x", "550 5.1.1 b"), ("dot1", "452 4.2.2 full")]).await;
    });
    let (from, to) = tokio::io::split(ours);
    let (mailer, message) = (mailer("z"), Message::new(MESSAGE.0, Body::Bytes(MESSAGE.1)));
    let peer = Peer { host: "mail.local".into(), address: BString::default() };
    let job = job(&mailer, &message, &["a@x", "b@x", "c@x"]);
    let report = lmtp::send(lmtp::over_pipes(from, to), peer, &settings(), &job).await;
    let words: Vec<_> = outcomes(&report, 3).iter().map(words).collect();
    assert_eq!(
        words,
        [
            "dsn=2.0.0, stat=Sent (taken)",
            "dsn=5.1.1, reply=550 5.1.1 b, stat=User unknown",
            "dsn=4.2.2, reply=452 4.2.2 full, stat=Deferred: 452 4.2.2 full"
        ]
    );
    assert!(sink.heard().starts_with("LHLO me.example|"));
}

#[test]
fn mailer_commands_say_where_to_connect() {
    let of = |words: &[&str]| Endpoint::of(&words.iter().map(|word| BString::from(*word)).collect::<Vec<_>>());
    assert_eq!(of(&["TCP", "h"]), Ok(Endpoint::Tcp("h".into(), 25)));
    assert_eq!(of(&["TCP", "h", "submission"]), Ok(Endpoint::Tcp("h".into(), 587)));
    assert_eq!(of(&["FILE", "/run/lmtp"]), Ok(Endpoint::Unix("/run/lmtp".into())));
    assert!(of(&["TCP", "h", "nonsense"]).is_err());
    assert!(of(&["TCP"]).is_err());
}

#[test]
fn addresses_are_written_as_the_log_does() {
    let address = literal::any(b"IPv6:2001:db8:1::16").expect("an address");
    assert_eq!(bracketed(address, false), "[IPv6:2001:db8:1:0:0:0:0:16]");
    assert_eq!(bracketed(address, true), "[IPv6:2001:db8:1::16]");
    assert_eq!(bracketed(IpAddr::from([192, 0, 2, 1]), false), "[192.0.2.1]");
}

#[tokio::test]
async fn a_line_that_must_come_up_first_is_waited_for_once() {
    let calls = std::sync::atomic::AtomicU32::new(0);
    let connect = || {
        let call = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        async move { if call == 2 { Ok(call) } else { Err(call) } }
    };
    assert_eq!(dial(Some(Duration::ZERO), connect).await, Ok(2));
    assert_eq!(dial(Some(Duration::ZERO), connect).await, Err(4));
    assert_eq!(dial(None, connect).await, Err(5));
}
