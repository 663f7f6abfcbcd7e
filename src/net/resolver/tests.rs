//! The resolver against a name server of its own.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::super::testing::DnsServer;
use super::super::{Hosts, ResolverFlags};
use super::*;

const ZONE: &str = "\
    example.com MX 10 mx1.example.com\n\
    example.com MX 20 mx2.example.com\n\
    example.com A 198.51.100.10\n\
    mx1.example.com A 198.51.100.11\n\
    mx1.example.com AAAA 2001:db8:1::11\n\
    www.example.com CNAME example.com\n\
    loop.example.com CNAME loop.example.com\n\
    short.foo.jp A 192.0.2.5\n\
    txt.example.com TXT \"v=test one two\"\n\
    nullmx.example MX 0 .\n\
    bad.example SERVFAIL\n\
    silent.example DROP\n\
    *.silent.example DROP\n\
    v4.example A 192.0.2.9\n\
    192.0.2.10 PTR hoge.foo.jp\n\
    192.0.2.66 PTR <x><RELAY><+Connect><y>.evil.test\n\
    2001:db8::77 PTR client.example.net\n";

fn resolver(server: &DnsServer) -> Resolver {
    let mut settings = ResolverSettings::with_servers(vec![server.address()]);
    settings.search = vec!["foo.jp".into()];
    settings.retrans = Duration::from_secs(1);
    settings.retry = 1;
    Resolver::new(settings)
}

fn texts(answer: Answer<Vec<BString>>) -> Vec<String> {
    answer.found().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn every_type_is_found() {
    let server = DnsServer::start(ZONE);
    let resolver = resolver(&server);
    let mx = resolver.mx(b"example.com.").await.found().expect("has MX");
    assert_eq!(mx[0], Mx { preference: 10, host: "mx1.example.com".into() });
    let addresses = resolver.addresses(b"mx1.example.com.", Family::Any).await.found().expect("has addresses");
    assert_eq!(addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), ["2001:db8:1::11", "198.51.100.11"]);
    assert_eq!(texts(resolver.txt(b"txt.example.com.").await), ["v=test one two"]);
    assert_eq!(texts(resolver.lookup(b"www.example.com", RecordKind::Cname).await), ["example.com"]);
    assert_eq!(texts(resolver.ptr("192.0.2.10".parse().expect("valid")).await), ["hoge.foo.jp"]);
    assert_eq!(texts(resolver.ptr("2001:db8::77".parse().expect("valid")).await), ["client.example.net"]);
    assert_eq!(texts(resolver.lookup(b"example.com", RecordKind::Mx).await), ["mx1.example.com", "mx2.example.com"]);
}

#[tokio::test]
async fn what_is_not_there_is_told_apart() {
    let server = DnsServer::start(ZONE);
    let resolver = resolver(&server);
    assert_eq!(resolver.mx(b"nosuch.example.").await, Answer::NotFound);
    assert_eq!(resolver.mx(b"v4.example.").await, Answer::NoData);
    assert_eq!(resolver.mx(b"nullmx.example.").await.found().expect("null MX")[0].host, "");
    assert!(resolver.mx(b"bad.example.").await.is_temporary());
    // What cannot be asked for is not known to be missing.
    assert_eq!(resolver.mx(b"a..b").await, Answer::NoData);
    assert_eq!(resolver.addresses(b"loop.example.com.", Family::V4).await.found(), None);
    for name in [&b"below.localhost."[..], b"*.localhost."] {
        assert_eq!(resolver.addresses(name, Family::V4).await, Answer::NotFound);
    }
}

#[tokio::test]
async fn no_client_has_a_name_that_rules_would_read_as_more_than_a_name() {
    let server = DnsServer::start(ZONE);
    let resolver = resolver(&server);
    assert_eq!(resolver.ptr("192.0.2.66".parse().expect("valid")).await, Answer::NotFound);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_a_temporary_failure() {
    let server = DnsServer::start(ZONE);
    assert!(resolver(&server).mx(b"silent.example.").await.is_temporary());
}

#[tokio::test]
async fn a_server_that_does_not_run_is_seen_at_once() {
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let resolver = Resolver::new(ResolverSettings::with_servers(vec![closed]));
    let started = std::time::Instant::now();
    for _ in 0..5 {
        assert!(resolver.mx(b"example.com.").await.is_temporary());
    }
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn silent_servers_are_waited_for_less_and_less() {
    let server = DnsServer::start(ZONE);
    let mut settings = resolver(&server).settings.clone();
    settings.retrans = Duration::from_secs(20);
    let resolver = Resolver::new(settings);
    resolver.others.unanswered.store(DEAD_AFTER, Ordering::Relaxed);
    assert_eq!(resolver.patience(&resolver.others), DEAD_PATIENCE);
    assert_eq!(resolver.mx(b"nosuch.example.").await, Answer::NotFound);
    assert_eq!(resolver.patience(&resolver.others), Duration::from_secs(20));
}

#[tokio::test]
async fn clients_whose_zones_are_silent_hold_up_no_delivery() {
    let server = DnsServer::start(ZONE);
    let mut settings = resolver(&server).settings.clone();
    settings.retrans = Duration::from_secs(20);
    let resolver = Arc::new(Resolver::new(settings));
    let mut clients = JoinSet::new();
    for number in 0..2 * IN_FLIGHT_MAX {
        let resolver = Arc::clone(&resolver);
        let name = format!("a{number}.silent.example.");
        clients.spawn(caused_by_client(async move { resolver.mx(name.as_bytes()).await }));
    }
    while resolver.clients.places.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(resolver.mx(b"example.com.").await, Answer::Found(_)));
    assert!(clients.try_join_next().is_none(), "all of them still wait");
}

#[tokio::test]
async fn a_question_that_was_never_sent_does_not_count_as_unanswered() {
    let server = DnsServer::start(ZONE);
    let mut settings = resolver(&server).settings.clone();
    settings.retrans = Duration::from_millis(1);
    let resolver = Resolver::new(settings);
    let places = u32::try_from(IN_FLIGHT_MAX).expect("small");
    let all = resolver.others.places.acquire_many(places).await.expect("never closed");
    for _ in 0..=DEAD_AFTER {
        assert!(resolver.mx(b"example.com.").await.is_temporary());
    }
    drop(all);
    assert_eq!((server.questions(), resolver.others.unanswered.load(Ordering::Relaxed)), (0, 1));
}

#[tokio::test]
async fn without_servers_every_question_fails_at_once() {
    let resolver = Resolver::new(ResolverSettings::with_servers(vec![]));
    assert!(resolver.mx(b"example.com.").await.is_temporary());
}

#[tokio::test]
async fn the_search_list_completes_names_without_a_dot_at_the_end() {
    let server = DnsServer::start(ZONE);
    let mut settings = resolver(&server).settings.clone();
    let found = resolver(&server).addresses(b"short", Family::V4).await;
    assert_eq!(found, Answer::Found(vec!["192.0.2.5".parse().expect("valid")]));
    assert_eq!(resolver(&server).addresses(b"short.", Family::V4).await, Answer::NotFound);
    settings.flags = ResolverFlags { default_names: false, search: false, ..ResolverFlags::default() };
    assert_eq!(Resolver::new(settings).addresses(b"short", Family::V4).await, Answer::NotFound);
}

#[tokio::test]
async fn the_hosts_file_comes_first() {
    let server = DnsServer::start(ZONE);
    let mut settings = resolver(&server).settings.clone();
    settings.hosts = Hosts::parse(b"192.0.2.99 v4.example\n");
    let resolver = Resolver::new(settings);
    let found = resolver.addresses(b"v4.example.", Family::Any).await;
    assert_eq!(found, Answer::Found(vec!["192.0.2.99".parse().expect("valid")]));
    assert_eq!(texts(resolver.ptr("192.0.2.99".parse().expect("valid")).await), ["v4.example"]);
}

#[test]
fn names_with_special_bytes_print_escaped() {
    let name = Name::from_labels([b"a.b;".to_vec(), vec![0x07, b'x']]).expect("valid");
    assert_eq!(name_text(&name), "a\\.b\\;.\\007x");
}
