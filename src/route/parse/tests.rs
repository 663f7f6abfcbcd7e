//! Addresses through the rules of a small configuration.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::*;
use crate::cf::{self, ReadEnv};
use crate::map::DirectOpener;
use crate::net::{Resolver, ResolverSettings};
use crate::route::remote_name::{remote_name, sender_domain};
use crate::site::{Identity, LoadOptions, Site};

const CONFIG: &str = "\
V10\n\
O OperatorChars=.:%@!^/[]+\n\
O BlankSub=.\n\
S3\n\
R$* < $* > $*\t$: $2\n\
R$+ @ $+\t$: $1 < @ $2 >\n\
S0\n\
Rbad $*\t$#error $@ 5.1.1 $: \"550 5.7.1 no \" $1\n\
Rword $*\t$#error $@ nouser $: none\n\
Rlost\t$#nomailer $@ h $: u\n\
Rnohost\t$#net $: u\n\
Rtemp $*\t$#local $: $[ x. $] $1\n\
R$* < @ $+ >\t$#net $@ $2 $: $1 < @ $2 >\n\
R+ $+\t$#local $: @ $1\n\
R$+\t$#local $: $1\n\
S4\n\
R$* < @ $+ >\t$: $1 @ $2\n\
S5\n\
Rgone\t$#net $@ hub $: gone < @ hub >\n\
SHdr\n\
R$- @ $+\t$: $1 < @ $2 >\n\
R$-\t$: $1 < @ header.example >\n\
Mlocal, P=/bin/true, F=l5:/|@A, A=true $u\n\
Mnet, P=[IPC], F=m, S=0/Hdr, A=TCP $h\n";

fn context() -> Context {
    context_of(CONFIG)
}

fn context_of(config: &str) -> Context {
    let (config, errors) = cf::read(config.as_bytes(), "test.cf", &ReadEnv::default());
    // All but that a level is old.
    assert!(errors.iter().all(|error| error.exit().is_none()), "{errors:?}");
    let resolver = Arc::new(Resolver::new(ResolverSettings::with_servers(vec![])));
    let identity = Identity { name: "hoge.foo.jp".into(), ..Identity::default() };
    let options = LoadOptions { identity, resolver, zone: TimeZone::UTC, mode: b't', duties: None };
    Context::new(&Site::load(Arc::new(config), Arc::new(DirectOpener::for_tests()), options).0)
}

#[track_caller]
fn shown(parsed: Result<Parsed, Refusal>) -> String {
    match parsed {
        Ok(Parsed::Mailer(route)) => format!("{} {} {}", route.mailer, route.host, route.user),
        Ok(Parsed::Later(route)) => format!("later {} {} {}", route.mailer, route.host, route.user),
        Err(refusal) => format!("{} {} {}", refusal.code, refusal.status, refusal.text),
    }
}

async fn check(address: &str, expected: &str) {
    let mut ctx = context();
    assert_eq!(shown(parse(&mut ctx, address.as_bytes(), Role::Recipient).await), expected, "{address}");
}

#[tokio::test]
async fn addresses_lead_to_mailers() {
    check("Alice", "local  alice").await;
    check("A@B.Example", "net b.example a@b.example").await;
    check("phrase <a@b> (comment)", "net b a@b").await;
    check("a b", "local  a.b").await;
    check("|/bin/prog x", "prog  |/bin/prog.x").await;
    check("\":include:/list\"", "*include*  /list").await;
    check("+Alice", "local  alice").await;
    check("+|true", "prog  |true").await;
}

#[tokio::test]
async fn rules_refuse_in_their_own_words() {
    check("bad one", "550 5.7.1 no one").await;
    check("word", "553 5.3.0 none").await;
    check("lost", "554 5.3.5 buildaddr: unknown mailer nomailer").await;
    check("nohost", "554 5.3.5 buildaddr: no host").await;
    check("temp a", "later local  x.a").await;
}

#[tokio::test]
async fn what_is_misspelt_is_refused() {
    check("<a", "553 5.0.0 Unbalanced '<'").await;
    check("a>", "553 5.0.0 Unbalanced '>'").await;
    check("a (b", "553 5.0.0 Unbalanced '('").await;
    check(&"a".repeat(256), &format!("553 5.1.0 Address \"{}\" too long (255 bytes max)", "a".repeat(255))).await;
    let refused = parse(&mut context(), b"a\x9bb", Role::Sender).await;
    assert_eq!(shown(refused), "501 5.1.7 8-bit character in mailbox address \"a?b\"");
    check("a\x01b", "501 5.1.3 Syntax error in mailbox address \"a?b\" (non-printable character)").await;
    check("a\x0bb", "local  a.b").await;
    check("\"a\x01b\"", "local  \"a\x01b\"").await;
}

#[tokio::test]
async fn older_levels_rewrite_the_user_for_a_mailer_only_of_recipients() {
    let of_level =
        |level| format!("{level}\nS0\nR$*\t$#local $: $1\nS2\nR$*\t$@ x $1\nMlocal, P=/bin/true, F=l, A=true\n");
    for (level, role, expected) in [
        ("V10", Role::HeaderSender, "local  x a"),
        ("V9", Role::Recipient, "local  x a"),
        ("V9", Role::Sender, "local  a"),
        ("V9", Role::HeaderRecipient, "local  a"),
    ] {
        assert_eq!(shown(parse(&mut context_of(&of_level(level)), b"a", role).await), expected, "{level} {role:?}");
    }
}

#[test]
fn users_are_mended() {
    let check = |user: &[u8], expected: &[u8], flaw| assert_eq!(mended(user), (expected.into(), flaw));
    check(b"a\xe9 b", b"a\xe9 b", None);
    check(b"a\x01\x93", b"a??", Some("8-bit character"));
    check(b"a\x93\x7f", b"a??", Some("non-printable character"));
    check(b"\"\x01\x7f\x93\"", b"\"\x01\x7f?\"", Some("8-bit character"));
    check(b"\\\x01\\\"", b"\\\x01\\\"", None);
    check(b"\"a\\\"", b"\"a\\\"", Some("unbalanced quote"));
    check(b"\x01a\\", b"?a?", Some("trailing \\ character"));
    check(b"\"a\\", b"\"a?", Some("unbalanced quote"));
}

#[tokio::test]
async fn local_users_may_be_sent_elsewhere() {
    let mut ctx = context();
    let route = |user: &str| Route {
        mailer: MailerName::new("local"),
        host: BString::default(),
        user: user.into(),
        is_settled: false,
    };
    let hub = Route { mailer: MailerName::new("net"), host: "hub".into(), user: "gone@hub".into(), is_settled: false };
    assert_eq!(local_address(&mut ctx, &route("gone")).await, Ok(Some(hub)));
    assert_eq!(local_address(&mut ctx, &route("here")).await, Ok(None));
}

#[tokio::test]
async fn names_are_made_for_the_host_of_a_mailer() {
    let mut ctx = context();
    let net = ctx.config().mailers.get(b"net").cloned().expect("defined");
    assert_eq!(remote_name(&mut ctx, &net, b"a", Role::HeaderSender).await, Ok("a@header.example".into()));
    assert_eq!(remote_name(&mut ctx, &net, b"a", Role::Sender).await, Ok("a".into()));
    ctx.sender_domain = sender_domain(&mut ctx, b"me@home.example").await;
    assert_eq!(remote_name(&mut ctx, &net, b"a", Role::HeaderRecipient).await, Ok("a@home.example".into()));
    assert_eq!(remote_name(&mut ctx, &net, b"a@b", Role::HeaderRecipient).await, Ok("a@b".into()));
}
