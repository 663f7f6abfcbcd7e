//! A small site with a zone of its own: classes, macros and maps as rules see them.

use std::sync::Arc;

use bstr::BString;
use jiff::tz::TimeZone;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::cf::{self, CfError, ReadEnv};
use crate::log::{Log, Sink};
use crate::macros::MacroTable;
use crate::mail::token::ScanOptions;
use crate::map::{DirectOpener, Outcome};
use crate::name::Sysexit;
use crate::net::testing::DnsServer;
use crate::net::{Resolver, ResolverSettings};

const ZONE: &str = "\
    example.com MX 20 mx2.example.com\n\
    example.com MX 10 mx1.example.com\n\
    www.example.com CNAME host.example.com\n\
    host.example.com A 192.0.2.5\n\
    bad.example SERVFAIL\n\
    nullmx.example MX 0 .\n\
    192.0.2.5 PTR host.example.com\n";

const CONFIG: &str = "\
O OperatorChars=.:%@!^/[]+\n\
O BlankSub=.\n\
DxA$j\n\
CPone two.three\n\
Kdequote dequote\n\
Kbare dequote -S_\n\
Kmac macro\n\
Kcalc arith\n\
Kbest bestmx -z,\n\
Kaddr dns -RA -a.\n\
Kseq sequence calc mac\n\
Kusers.files arith\n\
Kusers switch aliases\n\
Knote syslog -LNOTICE\n\
Krx regex -s1,2 ^(a)(b)\n\
Stest\n\
R$*\t\t$: $1 in $&x\n\
Sbare\n\
R$*\t\t$: $(bare $1 $: none $)\n\
Shost\n\
R$*\t\t$: $[ $1 $: none $]\n\
Srx\n\
R$*\t\t$: $(rx $1 $: no $)\n\
R$- $| $-\t$: parted\n\
Sset\n\
R$*\t\t$: $(mac {Seen} $@ $1 $)\n\
R$*\t\t$: $&{Seen}\n\
Sunset\n\
R$*\t\t$: $(mac \"\" $: none $) $(mac $: none $) $1\n\
Ssum\n\
R$*\t\t$: $(calc $1 $@ 1 $@ 2 $: none $)\n\
Sclass\n\
R$* $=P $*\t$@ member $2\n\
Sown\n\
R$* $=w $*\t$@ own $2\n";

/// Returns a context of the small site; the server answers as long as it lives.
fn context() -> (Context, DnsServer) {
    context_of(CONFIG)
}

/// Returns a context of a site with another configuration.
fn context_of(text: &str) -> (Context, DnsServer) {
    let text = format!("V10\nO ServiceSwitchFile=/nonexistent\n{text}");
    let server = DnsServer::start(ZONE);
    let resolver = Arc::new(Resolver::new(ResolverSettings::with_servers(vec![server.address()])));
    let identity = Identity {
        node: "hoge.foo.jp".into(),
        name: "hoge.foo.jp".into(),
        domain: "foo.jp".into(),
        aliases: vec!["www.foo.jp".into()],
        addresses: vec!["192.0.2.10".parse().expect("valid"), "2001:db8::10".parse().expect("valid")],
        complaint: None,
    };
    let mut macros = MacroTable::default();
    identity.define(&mut macros);
    let env = ReadEnv { macros: Arc::new(macros), ..ReadEnv::default() };
    let (config, errors) = cf::read(text.as_bytes(), "test.cf", &env);
    assert!(errors.is_empty(), "{errors:?}");
    let options = LoadOptions { identity, resolver, zone: TimeZone::UTC, mode: b't', duties: None };
    let (site, errors) = Site::load(Arc::new(config), Arc::new(DirectOpener::for_tests()), options);
    assert!(errors.is_empty(), "{errors:?}");
    (Context::new(&site), server)
}

/// Rewrites `input` by the ruleset and returns what is shown of the result.
async fn rewritten(ctx: &mut Context, ruleset: &str, input: &str) -> String {
    let tokens = ctx.scan(input.as_bytes(), ScanOptions::TYPED).tokens.expect("short");
    let done = ctx.rewrite(ruleset, tokens).await.expect("there is such a ruleset");
    format!("{} {}", done.status, done.tokens)
}

#[tokio::test]
async fn rules_see_macros_classes_and_maps() {
    let (mut ctx, _server) = context();
    assert_eq!(rewritten(&mut ctx, "test", "q").await, "0 q in A$j");
    assert_eq!(rewritten(&mut ctx, "class", "x two.three").await, "0 member two . three");
    assert_eq!(rewritten(&mut ctx, "own", "[192.0.2.10]").await, "0 own [ 192 . 0 . 2 . 10 ]");
    assert_eq!(rewritten(&mut ctx, "own", "a@WWW.foo.jp").await, "0 own WWW . foo . jp");
    assert_eq!(rewritten(&mut ctx, "set", "v").await, "0 v");
    assert_eq!(ctx.get("Seen"), Some("v".into()));
    // QUIRK(macro-map-quotes): quotes belong to the key.
    assert_eq!(rewritten(&mut ctx, "unset", "v").await, "0 none v");
    assert_eq!(rewritten(&mut ctx, "sum", "+").await, "0 3");
    assert_eq!(rewritten(&mut ctx, "sum", "\"+\"").await, "0 none");
    assert_eq!(rewritten(&mut ctx, "bare", "\"a b\" c d").await, "0 a_bc_d");
    // QUIRK(regex-column-mark): what stands between the pieces parts no tokens.
    assert_eq!(rewritten(&mut ctx, "rx", "abc").await, "0 a$|b");
}

#[tokio::test]
async fn names_are_looked_up_in_the_dns() {
    let (mut ctx, _server) = context();
    assert_eq!(rewritten(&mut ctx, "host", "www.example.com.").await, "0 host . example . com .");
    assert_eq!(rewritten(&mut ctx, "host", "[192.0.2.5]").await, "0 host . example . com .");
    assert_eq!(rewritten(&mut ctx, "host", "nosuch.example.").await, "0 none");
    assert_eq!(rewritten(&mut ctx, "host", "bad.example.").await, "75 none");
    assert_eq!(ctx.take_complaints(), ["bad.example.: Name server timeout"]);
}

#[tokio::test]
async fn maps_answer_by_class() {
    let (mut ctx, _server) = context();
    let found = |text: &str| Outcome::Found(text.into());
    assert_eq!(ctx.map_lookup("addr", b"host.example.com", &[]).await, found("192.0.2.5."));
    assert_eq!(ctx.map_lookup("best", b"example.com", &[]).await, found("mx1.example.com.,mx2.example.com."));
    assert_eq!(ctx.map_lookup("best", b"nullmx.example", &[]).await, Outcome::NotFound(Sysexit::Unavailable));
    assert_eq!(ctx.map_lookup("seq", b"+", &[b"2", b"3"]).await, found("5"));
    assert_eq!(ctx.map_lookup("users", b"*", &[b"2", b"3"]).await, found("6"));
    assert_eq!(ctx.map_lookup("note", b"text", &[]).await, found(""));
    let lines = Arc::new(std::sync::Mutex::new(Vec::new()));
    ctx.log_notes(&Log::new(Sink::Memory(Arc::clone(&lines)), "", 0), None);
    assert_eq!(*lines.lock().expect("not poisoned"), ["text"]);
    assert_eq!(ctx.map_lookup("nosuch", b"x", &[]).await, Outcome::NotFound(Sysexit::Config));
    assert!(matches!(ctx.map_lookup("addr", b"bad.example", &[]).await, Outcome::TempFail(_)));
}

#[tokio::test]
async fn maps_are_found_in_any_case_and_a_sequence_passes_over_what_fails() {
    let config = "Kmine arith\nKgone hash /nonexistent/x\nKs1 sequence gone Mine\nKs2 sequence mine\n";
    let (mut ctx, _server) = context_of(config);
    assert_eq!(ctx.map_lookup("MINE", b"+", &[b"2", b"3"]).await, Outcome::Found("5".into()));
    assert_eq!(ctx.map_lookup("s1", b"+", &[b"2", b"3"]).await, Outcome::Found("5".into()));
    assert!(matches!(ctx.map_lookup("s1", b"?", &[b"2", b"3"]).await, Outcome::TempFail(_)));
    assert_eq!(ctx.map_lookup("s2", b"?", &[b"2", b"3"]).await, Outcome::NotFound(Sysexit::NoHost));
}

#[tokio::test]
async fn programs_and_users_answer() {
    let config = "Kp program /bin/echo -n A\nKr program /nonexistent/x\n\
                  Ks program /usr/bin/env\nKu user -vuid\n";
    let (mut ctx, _server) = context_of(config);
    assert_eq!(ctx.map_lookup("p", b"Key", &[]).await, Outcome::Found("A Key".into()));
    assert_eq!(ctx.map_lookup("r", b"x", &[]).await, Outcome::NotFound(Sysexit::Config));
    assert_eq!(ctx.map_lookup("s", b"--", &[]).await, Outcome::Found("AGENT=sendmail".into()));
    assert_eq!(ctx.map_lookup("u", b"ROOT", &[]).await, Outcome::Found("0".into()));
    assert_eq!(ctx.map_lookup("u", b"no such user", &[]).await, Outcome::NotFound(Sysexit::NoUser));
}

#[tokio::test]
async fn the_user_database_and_maps_that_fill_classes_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let records: [(&[u8], &[u8]); 5] = [
        (b":default:mailname", b"home.example"),
        (b"eric:maildrop", b"eric@x"),
        (b"eric:maildrop", b"eric@y"),
        (b"eric:mailsender", b"eric-request"),
        (b"joe:mailname", b"Joe@y"),
    ];
    let udb = crate::map::Layout::new(crate::map::Method::Btree).build(records.to_vec());
    std::fs::write(path("udb.db"), udb.expect("it fits")).expect("written");
    std::fs::write(path("words"), "hosts one two\n").expect("written");
    let place = folder.path().display();
    let config = format!(
        "O UserDatabaseSpec={place}/none, {place}/udb.db, @hub.example\nKu userdb maildrop\nKn userdb mailname\n\
         F{{all}}hosts@text:-v1 {place}/words\nF{{none}}@text:-v1 {place}/words\nF{{said}}|/bin/pwd\n"
    );
    let (mut ctx, _server) = context_of(&config);
    assert_eq!(ctx.map_lookup("u", b"Eric", &[]).await, Outcome::Found("eric@x".into()));
    assert_eq!(ctx.map_lookup("n", b"eric", &[]).await, Outcome::Found("eric@home.example".into()));
    assert_eq!(ctx.map_lookup("n", b"fred", &[]).await, Outcome::NotFound(Sysexit::Ok));
    assert_eq!((ctx.mailname(b"joe"), ctx.mailname(b"fred")), (Some("Joe@y".into()), None));
    let eric = ctx.maildrops(b"eric").expect("the file is there").expect("he has maildrops");
    assert_eq!(eric.list().expect("few"), ["eric@x", "eric@y"]);
    assert_eq!(
        (eric.file, eric.addresses.as_slice(), eric.sender),
        (Some(1), &b"eric@x,eric@y"[..], Some("eric-request".into()))
    );
    // Commas in the name that a client gives are no list.
    let client = ctx.maildrops(b"x,/etc/passwd,y").expect("the file is there").expect("the host has mail for all");
    assert_eq!(client.list().expect("one"), ["x,/etc/passwd,y@hub.example"]);
    let fred = ctx.maildrops(b"fred").expect("the file is there").expect("the host has mail for all");
    assert_eq!((fred.file, fred.addresses.as_slice(), fred.sender), (None, &b"fred@hub.example"[..], None));
    assert!(ctx.is_in_class("all", b"one") && !ctx.is_in_class("all", b"two"));
}

/// Serves netstrings as a socket map's server does, two questions a connection.
async fn serve(listener: tokio::net::UnixListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let mut stream = tokio::io::BufReader::new(stream);
        for _ in 0..2 {
            let mut length = Vec::new();
            let _ = stream.read_until(b':', &mut length).await;
            let Ok(digits) = std::str::from_utf8(&length[..length.len().saturating_sub(1)]) else { break };
            let mut question = vec![0; digits.parse::<usize>().unwrap_or(0) + 1];
            if stream.read_exact(&mut question).await.is_err() {
                break;
            }
            let answer: &[u8] = match &question[..question.len() - 1] {
                b"sock perm" => b"PERM no",
                b"sock temp" => b"TEMP later",
                b"sock none" => b"NOTFOUND ",
                b"sock odd" => b"WHAT",
                question => &[b"OK ", question].concat(),
            };
            let answer = [format!("{}:", answer.len()).as_bytes(), answer, b","].concat();
            let answer = match &question[..] {
                b"sock bad," => b"no netstring".to_vec(),
                b"sock huge," => b"999999999:OK ".to_vec(),
                b"sock more," => [&answer[..], b"8:OK stale,"].concat(),
                _ => answer,
            };
            let _ = stream.write_all(&answer).await;
        }
    }
}

#[tokio::test]
async fn a_socket_map_asks_its_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let server = tokio::spawn(serve(tokio::net::UnixListener::bind(&path).expect("a short path")));
    let place = path.display().to_string();
    let config = format!("Ksock socket -a. unix:{place}\nKnone socket -o unix:{place}x\nKgone socket {place}x\n");
    let (mut ctx, _server) = context_of(&config);
    // More questions than a connection of this server answers.
    for _ in 0..5 {
        assert_eq!(ctx.map_lookup("sock", b"KEY", &[]).await, Outcome::Found("sock key.".into()));
    }
    assert_eq!(ctx.map_lookup("sock", b"perm", &[]).await, Outcome::NotFound(Sysexit::Unavailable));
    assert_eq!(ctx.map_lookup("sock", b"none", &[]).await, Outcome::NotFound(Sysexit::NoHost));
    assert_eq!(ctx.map_lookup("sock", b"odd", &[]).await, Outcome::NotFound(Sysexit::Protocol));
    assert_eq!(ctx.map_lookup("sock", b"temp", &[]).await, Outcome::TempFail("later".into()));
    for (key, reason) in [("bad", "failed to read length parameter of reply"), ("huge", "reply too long: 999999999")] {
        let reason = Outcome::TempFail(format!("socket_map_lookup(sock): {reason}").into());
        assert_eq!(ctx.map_lookup("sock", key.as_bytes(), &[]).await, reason);
    }
    assert_eq!(ctx.take_complaints().len(), 1);
    // What a server sends without being asked answers no question.
    for key in ["more", "key", "more", "more", "key"] {
        let found = Outcome::Found(format!("sock {key}.").into());
        assert_eq!(ctx.map_lookup("sock", key.as_bytes(), &[]).await, found);
    }
    assert_eq!(ctx.map_lookup("none", b"x", &[]).await, Outcome::NotFound(Sysexit::Ok));
    assert!(matches!(ctx.map_lookup("gone", b"x", &[]).await, Outcome::TempFail(_)));
    server.abort();
}

#[tokio::test]
async fn the_port_of_a_socket_map_may_have_a_name() {
    let (mut ctx, _server) = context_of("Kname socket inet:lmtp@nosuch.example\nKnone socket inet:nosuch@127.0.0.1\n");
    let unknown_host = Outcome::TempFail("socket map \"name\": Unknown host name nosuch.example".into());
    assert_eq!(ctx.map_lookup("name", b"x", &[]).await, unknown_host);
    let unknown_port = Outcome::TempFail("socket map \"none\": unknown port name nosuch (write its number)".into());
    assert_eq!(ctx.map_lookup("none", b"x", &[]).await, unknown_port);
}

#[tokio::test]
async fn macros_of_a_context_can_be_taken_back() {
    let (mut ctx, _server) = context();
    ctx.set("s", "peer");
    let saved = ctx.snapshot();
    ctx.set("s", "other");
    ctx.set("f", "sender");
    ctx.clear("j");
    assert_eq!((ctx.get("j"), ctx.expand(b"\x81f")), (None, BString::from("sender")));
    ctx.restore(&saved);
    assert_eq!((ctx.get("s"), ctx.get("f"), ctx.get("j")), (Some("peer".into()), None, Some("hoge.foo.jp".into())));
    assert_eq!(ctx.get("x"), Some("Ahoge.foo.jp".into()));
}

/// Returns what is wrong with the lines of a configuration when it is put to use.
fn load_errors(lines: &str) -> Vec<CfError> {
    let (config, _) = cf::read(format!("V10\n{lines}").as_bytes(), "x.cf", &ReadEnv::default());
    let resolver = Arc::new(Resolver::new(ResolverSettings::with_servers(vec![])));
    let identity = Identity::default();
    let options = LoadOptions { identity, resolver, zone: TimeZone::UTC, mode: b't', duties: None };
    Site::load(Arc::new(config), Arc::new(DirectOpener::for_tests()), options).1
}

/// Checks what is wrong with the lines of a configuration when it is put to use.
#[track_caller]
fn check_load(lines: &str, expected: &[&str]) {
    let texts: Vec<_> = load_errors(lines).iter().map(ToString::to_string).collect();
    assert_eq!(texts, expected);
}

#[test]
fn a_service_switch_that_cannot_be_read_is_told_once() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("switch");
    let lines = format!("O ServiceSwitchFile={}\nKone switch hosts\nKtwo switch hosts\n", path.display());
    check_load(&lines, &[]);
    let file = std::fs::File::create(&path).expect("created");
    file.set_len(crate::map::CLASS_BYTES_MAX + 1).expect("a file with a hole");
    let told = format!("ServiceSwitchFile {} is not used: it has more than 64 MiB", path.display());
    check_load(&lines, &[&told]);
}

#[test]
fn a_class_whose_words_are_too_many_has_none() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("names");
    let file = std::fs::File::create(&path).expect("created");
    file.set_len(crate::map::CLASS_BYTES_MAX + 1).expect("a file with a hole");
    let path = path.display();
    let told = format!("x.cf: line 2: fileclass: cannot open '{path}': it has more than 64 MiB");
    check_load(&format!("F{{A}}{path}\n"), &[&told]);
}

/// A process that does not know its own domains must not serve: it looks again.
#[cfg(target_os = "linux")]
#[test]
fn a_class_file_that_cannot_be_read_now_is_told_as_a_failure_for_now() {
    let exits = |lines| load_errors(lines).iter().map(CfError::exit).collect::<Vec<_>>();
    assert_eq!(exits("F{A}-o /proc/self/mem\n"), [Some(Sysexit::TempFail)]);
    assert_eq!(exits("F{A}/nonexistent/a\n"), [Some(Sysexit::OsErr)]);
}

#[test]
fn a_class_whose_words_cannot_be_had_is_told_with_its_line() {
    check_load(
        "F{A}/nonexistent/a\nF{B}-o /nonexistent/b\n",
        &["x.cf: line 2: fileclass: cannot open '/nonexistent/a': No such file or directory"],
    );
    check_load(
        "F{A}key@hash:/nonexistent/x\nF{B}key@hash:-o /nonexistent/x\nF{C}@hash:/nonexistent/x\n",
        &[
            "x.cf: line 2: hash map \"A\": missing map file /nonexistent/x.db: No such file or directory",
            "x.cf: line 2: fileclass: F{A}: map open failed",
            "x.cf: line 4: hash map \"C\": missing map file /nonexistent/x.db: No such file or directory",
            "x.cf: line 4: fileclass: F{C}: map open failed",
        ],
    );
    check_load("F{D}key@nosuch:/x\n", &["x.cf: line 2: fileclass: F{D}: class nosuch not available"]);
    check_load("F{F}key@hash:\n", &["x.cf: line 2: No file name for hash map F"]);
    check_load("F{G}key@hash:-o -Q /x\n", &["x.cf: line 2: Illegal option Q map G"]);
}
