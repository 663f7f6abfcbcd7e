//! Whole sessions over a pair of pipes, with a small configuration and a queue in a temporary folder.

use std::path::Path;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};

use bstr::{BString, ByteSlice};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::sync::watch;

use super::*;
use crate::log::{Log, Sink};
use crate::mail::address_list::Separator;
use crate::mail::envelope::Recipient;
use crate::mail::reply::Reply;
use crate::name::Status;
use crate::policy::Numbers;
use crate::queue::{DirectSpool, Layout, Queue, QueueOptions};
use crate::route::parse::Parsed;
use crate::site::{Context, Site};

const CF: &str = "V10/Berkeley
Djmx.test
D{bad}a(b
O LogLevel=9
O DeliveryMode=queueonly
HReceived: from $s by $j id $i
HX-Checked: $>CheckIt
S3
R$* < $* > $*\t$: $2
S0
R$+ @ $+\t$#esmtp $@ $2 $: $1 @ $2
R$*\t$#local $: $1
Scheck_mail
R$* bad $*\t$#error $@ 5.7.1 $: \"550 bad sender\"
R$* gone $*\t$#discard $: x
R$* turns $*\t$: $>Turns $1
R$* odd $*\t$: $&{bad}
STurns
R$*\t$@ $>Turns $1
Scheck_rcpt
R$* held $*\t$#error $@ quarantine $: held back
R$* told $*\t$#error $@ 5.7.1 $: \"550 mail of \" $&{mail_from}
R$* odd $*\t$: $&{bad}
Scheck_vrfy
R$* seen $*\t$#error $@ 5.7.1 $: \"550 last \" $&{rcpt_addr}
R$* odd $*\t$: $&{bad}
Scheck_data
R3\t$#error $@ 5.7.1 $: \"550 three are too many\"
Scheck_eom
R66\t$#error $@ 5.7.1 $: \"554 5.7.1 sixty-six\"
R67\t$#error $@ 4.7.1 $: \"451 4.7.1 sixty-seven\"
R13\t$#error $@ quarantine $: thirteen
SCheckIt
R$* evil $*\t$#error $@ 5.7.1 $: \"554 5.7.1 evil header\"
R$* odd $*\t$: $&{bad}
R$* foul $*\t$#error $@ 5.7.1 $: \"554 5.7.1 foul header\"
R$* later $*\t$#error $@ 4.7.1 $: \"451 4.7.1 later header\"
Mlocal, P=/bin/true, F=lw:/|, A=true
Mesmtp, P=[IPC], F=m, A=TCP $h
";

/// Knows every local user but `nobody`.
struct Table;

impl Directory for Table {
    fn refresh(&self) -> Pending<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn recipient<'a>(&'a self, _: &'a mut Context, spelling: &'a [u8], parsed: Parsed) -> Pending<'a, Standing> {
        let mut recipient = Recipient::new(spelling);
        let route = parsed.into_route();
        let unknown = Reply::new(550, Status::new(5, 1, 1), "User unknown");
        let standing = match route.mailer.as_bytes() {
            b"local" if route.user == "nobody" => Standing::Refused(unknown),
            b"local" => {
                recipient.route = Some(route);
                Standing::Known(recipient)
            }
            _ => {
                recipient.route = Some(route);
                Standing::Elsewhere(recipient)
            }
        };
        Box::pin(std::future::ready(standing))
    }

    fn list<'a>(&'a self, _: &'a mut Context, address: &'a [u8], _: Separator, _: bool) -> Pending<'a, Listing> {
        let listed = Listed { user: address.into(), full_name: None, internet_form: true, certain: true };
        Box::pin(std::future::ready(Listing { parsed: true, listed: vec![listed], refusal: None }))
    }

    fn resident<'a>(&'a self, _: &'a [u8]) -> Pending<'a, Option<Resident>> {
        Box::pin(std::future::ready(Some(Resident { full_name: Some("A User".into()), home: "/home/a".into() })))
    }
}

/// A server with a queue of its own.
struct Server {
    folder: tempfile::TempDir,
    service: Service,
    lines: Arc<Mutex<Vec<BString>>>,
}

impl Server {
    fn new() -> Self {
        Self::with("")
    }

    /// Returns a server whose configuration has `lines` besides.
    fn with(lines: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let site = Site::for_tests(&format!("{CF}{lines}"));
        let path = folder.path().display().to_string();
        let layout = Layout { queue_directory: path.into(), groups: Vec::new() };
        let spool = Arc::new(DirectSpool::open(&layout, 0).expect("a queue"));
        let options = QueueOptions { sync: false, free_blocks_min: 0, ..QueueOptions::default() };
        let lines = Arc::new(Mutex::new(Vec::new()));
        let service = Service {
            site,
            queue: Queue::new(spool, options),
            log: Log::new(Sink::Memory(Arc::clone(&lines)), "test", 9),
            directory: Arc::new(Table),
            deliver: Arc::new(|_| unreachable!("messages are only queued")),
            run_queue: Arc::new(|_| {}),
            load: Arc::new(AtomicI64::new(0)),
            help: None,
            study: None,
        };
        Self { folder, service, lines }
    }

    /// Plays a dialogue: each element is sent when the server is waiting for it; returns all replies.
    ///
    /// With `cut` the client goes away after so many bytes.
    async fn play(&self, parts: &[&str], cut: usize) -> String {
        let (client, server) = duplex(1 << 16);
        let (_stop, stopping) = watch::channel(false);
        let client_side = async {
            let (mut input, mut output) = tokio::io::split(client);
            let mut replies = Vec::new();
            let mut left = cut;
            for part in parts {
                read_reply(&mut input, &mut replies).await;
                let bytes = &part.as_bytes()[..part.len().min(left)];
                left -= bytes.len();
                if output.write_all(bytes).await.is_err() || bytes.len() < part.len() {
                    break;
                }
            }
            // A client that was cut off reads nothing more.
            if left > 0 {
                read_reply(&mut input, &mut replies).await;
            }
            String::from_utf8(replies).expect("ASCII")
        };
        let (replies, ()) = tokio::join!(client_side, serve(server, connection(), &self.service, stopping));
        replies
    }

    /// Returns the names of the files in the queue by their first two letters.
    fn files(&self) -> Vec<String> {
        let mut kinds: Vec<String> = entries(self.folder.path()).map(|name| name[..2].to_owned()).collect();
        kinds.sort();
        kinds
    }

    /// Returns the text of the only control file.
    fn control_file(&self) -> BString {
        let name = entries(self.folder.path()).find(|name| name.starts_with("qf") || name.starts_with("hf"));
        let path = self.folder.path().join(name.expect("a control file"));
        std::fs::read(path).expect("readable").into()
    }

    fn log(&self) -> String {
        bstr::join("\n", self.lines.lock().expect("not poisoned").iter()).to_str_lossy().into_owned()
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = String> {
    std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("ASCII"))
}

fn connection() -> Connection {
    Connection { client: Client::User("tester".into()), daemon: None, numbers: Numbers::default(), haste: None }
}

/// Reads until a whole reply came or the other end closed.
async fn read_reply(input: &mut (impl AsyncReadExt + Unpin), replies: &mut Vec<u8>) {
    let start = replies.len();
    while input.read_buf(replies).await.unwrap_or(0) > 0 {
        let last = replies[start..].lines().next_back().unwrap_or_default();
        if replies.ends_with(b"\r\n") && last.get(3) == Some(&b' ') {
            return;
        }
    }
}

fn codes(replies: &str) -> Vec<&str> {
    replies.lines().filter(|line| line.as_bytes().get(3) == Some(&b' ')).map(|line| &line[..3]).collect()
}

/// Plays a dialogue and compares reply codes and what is left in the queue.
#[track_caller]
fn check(parts: &[&str], expected: &[&str], files: &[&str]) -> Server {
    let server = Server::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let replies = runtime.block_on(server.play(parts, usize::MAX));
    assert_eq!(codes(&replies), expected, "{replies}");
    assert_eq!(server.files(), files, "{replies}");
    server
}

const HEAD: [&str; 4] = ["EHLO x\r\n", "MAIL FROM:<a@b.test>\r\n", "RCPT TO:<joe>\r\n", "DATA\r\n"];
const HEAD_CODES: [&str; 5] = ["220", "250", "250", "250", "354"];

/// Sends a message after the usual beginning.
#[track_caller]
fn check_message(text: &str, code: &str, files: &[&str]) -> Server {
    let parts: Vec<&str> = HEAD.iter().copied().chain([text, "QUIT\r\n"]).collect();
    let expected: Vec<&str> = HEAD_CODES.iter().copied().chain([code, "221"]).collect();
    check(&parts, &expected, files)
}

#[test]
fn an_accepted_message_is_in_the_queue() {
    let server = check_message("Subject: x\r\nTo: joe\r\n\r\nhello\r\n.\r\n", "250", &["df", "qf"]);
    let file = server.control_file();
    for line in ["S<a@b.test>", "RPFD:<joe>", "$_tester@localhost", "$rESMTP", "$sx", "H??Subject: x"] {
        assert!(file.lines().any(|known| known == line.as_bytes()), "{line} is not in\n{file}");
    }
    assert!(file.contains_str("H??Received: from x by mx.test id "), "{file}");
    assert!(server.log().contains("from=<a@b.test>, size=26, class=0, nrcpts=1, proto=ESMTP, relay=tester@localhost"));
}

#[test]
fn a_refused_sender_or_message_leaves_nothing() {
    let server = check(&["MAIL FROM:<bad>\r\n", "QUIT\r\n"], &["220", "550", "221"], &[]);
    assert!(
        server
            .log()
            .contains("ruleset=check_mail, arg1=<bad>, relay=tester@localhost, reject=550 5.7.1 <bad>... bad sender")
    );
    check_message("X-Checked: evil\r\n\r\nhello\r\n.\r\n", "554", &[]);
    check_message(&format!("\r\n{}\r\n.\r\n", "x".repeat(64)), "554", &[]);
}

#[test]
fn what_rules_that_fail_would_have_said_is_taken_for_a_no() {
    let server = check(&["MAIL FROM:<turns>\r\n", "RCPT TO:<b>\r\n", "QUIT\r\n"], &["220", "554", "503", "221"], &[]);
    assert!(server.log().contains(": SYSERR(root): rewrite: excessive recursion (max 50), ruleset Turns"));
}

#[test]
fn a_message_for_nobody_or_too_many_is_refused_in_time() {
    let parts = ["MAIL FROM:<a>\r\n", "RCPT TO:<nobody>\r\n", "DATA\r\n", "QUIT\r\n"];
    check(&parts, &["220", "250", "550", "503", "221"], &[]);
    let parts = ["MAIL FROM:<a>\r\n", "RCPT TO:<b>\r\n", "RCPT TO:<c>\r\n", "RCPT TO:<d>\r\n", "DATA\r\n", "QUIT\r\n"];
    check(&parts, &["220", "250", "250", "250", "250", "550", "221"], &[]);
}

#[tokio::test]
async fn a_value_that_does_not_scan_refuses_the_command_but_no_header() {
    let server = Server::new();
    let parts = [
        "VRFY odd\r\n",
        "MAIL FROM:<odd>\r\n",
        "MAIL FROM:<a>\r\n",
        "RCPT TO:<odd>\r\n",
        "RCPT TO:<b>\r\n",
        "DATA\r\n",
        "X-Checked: odd\r\n\r\nz\r\n.\r\n",
        "QUIT\r\n",
    ];
    let replies = server.play(&parts, usize::MAX).await;
    assert_eq!(codes(&replies), ["220", "553", "553", "250", "553", "250", "354", "250", "221"], "{replies}");
    assert_eq!(replies.matches("553 5.0.0 a(b... Unbalanced '('\r\n").count(), 3, "{replies}");
    assert_eq!(server.files(), ["df", "qf"]);
}

#[tokio::test]
async fn all_checks_of_a_message_are_asked_and_the_last_final_refusal_is_told() {
    let filler = |header: &str, size: usize| {
        let rest = size - header.replace('\r', "").len() - 2;
        format!("{header}\r\n{}\r\n.\r\n", "x".repeat(rest))
    };
    let (later, evil, foul) = ("X-Checked: later\r\n", "X-Checked: evil\r\n", "X-Checked: foul\r\n");
    for (header, size, reply) in [
        (format!("{later}{evil}"), 90, "554 5.7.1 evil header"),
        (format!("{evil}{later}"), 90, "554 5.7.1 evil header"),
        (format!("{evil}{foul}"), 90, "554 5.7.1 foul header"),
        (format!("{evil}{later}"), 67, "554 5.7.1 evil header"),
        (format!("{evil}{later}"), 66, "554 5.7.1 sixty-six"),
        (later.to_owned(), 67, "451 4.7.1 sixty-seven"),
        (later.to_owned(), 66, "554 5.7.1 sixty-six"),
    ] {
        let server = Server::new();
        let message = filler(&header, size);
        let replies = server.play(&[&HEAD[..], &[&message, "QUIT\r\n"]].concat(), usize::MAX).await;
        assert!(replies.contains(&format!("\r\n{reply}\r\n221 ")), "{message:?}: {replies}");
        let asked = server.log().matches("ruleset=check_eom").count();
        assert_eq!(asked, usize::from(size < 90), "{message:?}: {}", server.log());
    }
}

#[tokio::test]
async fn check_rcpt_sees_the_sender_as_the_client_spelt_it() {
    let parts = ["MAIL FROM:<@r:a@B.test> SIZE=9\r\n", "RCPT TO:<told>\r\n", "QUIT\r\n"];
    let replies = Server::new().play(&parts, usize::MAX).await;
    assert!(replies.contains("550 5.7.1 <told>... mail of <@r:a@B.test>\r\n"), "{replies}");
}

#[tokio::test]
async fn a_refused_recipient_is_told_of_until_the_next_one() {
    let parts =
        ["MAIL FROM:<a>\r\n", "RCPT TO:<told>\r\n", "VRFY seen\r\n", "RCPT TO:<joe>\r\n", "VRFY seen\r\n", "QUIT\r\n"];
    let replies = Server::new().play(&parts, usize::MAX).await;
    assert!(replies.contains("550 5.7.1 last told\r\n250 2.1.5"), "{replies}");
    assert!(replies.contains("550 5.7.1 last \r\n221"), "{replies}");
}

#[test]
fn a_discarded_message_seems_to_be_accepted() {
    let parts = ["MAIL FROM:<gone>\r\n", "RCPT TO:<nobody>\r\n", "DATA\r\n", "x: y\r\n\r\nz\r\n.\r\n", "QUIT\r\n"];
    let server = check(&parts, &["220", "250", "250", "354", "250", "221"], &[]);
    assert!(server.log().ends_with(": discarded"));
}

#[test]
fn where_rules_discard_a_message_files_and_lists_are_recipients_but_no_programs() {
    let rcpts = ["RCPT TO:</x>\r\n", "RCPT TO:<:include:/x>\r\n", "RCPT TO:<|/bin/x>\r\n", "QUIT\r\n"];
    let with = |sender| [&[sender][..], &rcpts[..]].concat();
    check(&with("MAIL FROM:<gone>\r\n"), &["220", "250", "250", "250", "550", "221"], &[]);
    check(&with("MAIL FROM:<a>\r\n"), &["220", "250", "550", "550", "550", "221"], &[]);
}

#[tokio::test]
async fn what_is_said_of_a_refused_sender_throws_away_no_other_message() {
    let server = Server::with("O MaxMessageSize=999\n");
    let parts = [
        "MAIL FROM:<gone> SIZE=9999\r\n",
        "MAIL FROM:<a>\r\n",
        "RCPT TO:<joe>\r\n",
        "DATA\r\n",
        "x: y\r\n\r\nz\r\n.\r\n",
    ];
    let replies = server.play(&[&parts[..], &["QUIT\r\n"]].concat(), usize::MAX).await;
    assert_eq!(codes(&replies), ["220", "552", "250", "250", "354", "250", "221"], "{replies}");
    assert_eq!(server.files(), ["df", "qf"]);
}

#[test]
fn a_message_held_back_is_quarantined() {
    let parts = ["MAIL FROM:<a>\r\n", "RCPT TO:<held>\r\n", "DATA\r\n", "x: y\r\n\r\nz\r\n.\r\n", "QUIT\r\n"];
    let server = check(&parts, &["220", "250", "250", "354", "250", "221"], &["df", "hf"]);
    assert!(server.control_file().lines().any(|line| line == b"qheld back"));
}

#[test]
fn the_last_check_can_hold_a_message_back_too() {
    let parts = ["MAIL FROM:<a>\r\n", "RCPT TO:<b>\r\n", "DATA\r\n", "x: abcdef\r\n\r\nz\r\n.\r\n", "QUIT\r\n"];
    let server = check(&parts, &["220", "250", "250", "354", "250", "221"], &["df", "hf"]);
    assert!(server.control_file().lines().any(|line| line == b"qthirteen"));
}

#[test]
fn two_messages_of_one_session_have_nothing_in_common() {
    let parts = [
        "MAIL FROM:<a> ENVID=one\r\n",
        "RCPT TO:<b>\r\n",
        "DATA\r\n",
        "S: 1\r\n\r\nz\r\n.\r\n",
        "MAIL FROM:<c>\r\n",
        "RCPT TO:<d>\r\n",
        "RSET\r\n",
        "MAIL FROM:<e>\r\n",
        "RCPT TO:<f>\r\n",
        "DATA\r\n",
        "S: 2\r\n\r\nz\r\n.\r\n",
        "QUIT\r\n",
    ];
    let expected = ["220", "250", "250", "354", "250", "250", "250", "250", "250", "250", "354", "250", "221"];
    let server = check(&parts, &expected, &["df", "df", "qf", "qf"]);
    let texts = entries(server.folder.path()).filter(|name| name.starts_with("qf"));
    let texts = texts.map(|name| std::fs::read_to_string(server.folder.path().join(name)).expect("text"));
    let second = texts.filter(|text| text.contains("S<e>")).collect::<String>();
    assert!(second.contains("RPFD:<f>") && !second.contains("RPFD:<d>") && !second.contains("Zone"), "{second}");
}

#[tokio::test]
async fn a_filter_without_which_no_mail_may_pass_is_not_passed_over() {
    for (failure, replies, told) in [
        ("F=T, ", &["220", "250", "451", "221"][..], "Milter: initialization failed, temp failing commands"),
        ("F=R, ", &["554", "250", "550", "221"], "Milter: initialization failed, rejecting commands"),
        ("F=4, ", &["421"], "Milter: initialization failed, closing connection"),
        ("", &["220", "250", "250", "221"], ""),
    ] {
        let server = Server::with(&format!("Xfoo, S=local:/nowhere, {failure}T=R:2m\nO InputMailFilters=foo\n"));
        let said = server.play(&["EHLO c.test\r\n", "MAIL FROM:<a@b.test>\r\n", "QUIT\r\n"], usize::MAX).await;
        assert_eq!(codes(&said), replies, "{failure}: {said}");
        assert!(server.log().contains(told), "{failure}");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_at_any_byte_leaves_a_whole_message_or_nothing() {
    let parts: Vec<&str> = HEAD.iter().copied().chain(["S: x\r\n\r\nhello\r\n.\r\n", "QUIT\r\n"]).collect();
    let total: usize = parts.iter().map(|part| part.len()).sum();
    let accepted_at = total - "QUIT\r\n".len();
    for cut in 0..total {
        let server = Server::new();
        server.play(&parts, cut).await;
        let expected: &[&str] = if cut >= accepted_at { &["df", "qf"] } else { &[] };
        assert_eq!(server.files(), expected, "cut after {cut} bytes of {total}");
    }
}

#[tokio::test]
async fn a_server_that_ends_tells_waiting_clients() {
    let server = Server::new();
    let (mut client, stream) = duplex(4096);
    let (stop, stopping) = watch::channel(false);
    let client_side = async {
        let mut replies = Vec::new();
        read_reply(&mut client, &mut replies).await;
        stop.send(true).expect("the session listens");
        read_reply(&mut client, &mut replies).await;
        String::from_utf8(replies).expect("ASCII")
    };
    let (replies, ()) = tokio::join!(client_side, serve(stream, connection(), &server.service, stopping));
    assert_eq!(codes(&replies), ["220", "421"]);
}

#[test]
fn commands_about_addresses_are_answered() {
    let parts = ["VRFY joe\r\n", "EXPN joe\r\n", "ETRN host\r\n", "ETRN #none\r\n", "HELP\r\n", "QUIT\r\n"];
    check(&parts, &["220", "250", "250", "250", "459", "502", "221"], &[]);
}
