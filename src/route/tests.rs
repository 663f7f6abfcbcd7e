//! Expansion of recipients by a small configuration, where `alice` is the only user.

use std::sync::Arc;

use super::alias::Aliases;
use super::local::Tables;
use super::recipients::Expander;
use crate::cf::AliasSpec;
use crate::keeper::client::Answered;
use crate::keeper::hands::Hands;
use crate::keeper::request::{Account, Answer, FailureKind, Request};
use crate::log::Witness;
use crate::mail::envelope::{Controller, Recipient};
use crate::map::DirectOpener;
use crate::site::{Context, Site};

const CONFIG: &str = "V10\n\
S3\n\
S0\n\
R$+ @ $+\t$#net $@ $2 $: $1 @ $2\n\
R$+\t$#local $: $1\n\
S5\n\
Rghost\t$#net $@ hub $: ghost @ hub\n\
Mlocal, P=/bin/true, F=lwA5:, A=true $u\n\
Mnet, P=[IPC], F=m, A=TCP $h\n";

fn context() -> Context {
    Context::new(&Site::for_tests(CONFIG))
}

/// Returns hands that know one user and have no files.
fn hands() -> Hands {
    Hands::in_process(Arc::new(|request| {
        let alice = Account {
            name: "alice".into(),
            uid: 1000,
            gid: 1000,
            gecos: "".into(),
            home: "/".into(),
            shell: "/bin/sh".into(),
        };
        let answer = match &request {
            Request::User { name } => Answer::User { user: (name == "alice").then_some(alice) },
            _ => Answer::failed(FailureKind::Missing {}, "none"),
        };
        Box::pin(async { Answered { answer, descriptors: Vec::new() } })
    }))
}

/// Expands `address` by the alias file `aliases` and compares mailer and user of all who get the message, and what is said of the
/// others.
async fn check(aliases: &str, address: &str, expected: &[&str]) {
    check_recipient(aliases, Recipient::new(address), expected).await;
}

/// Does the same with a recipient of a message that may have waited.
async fn check_recipient(aliases: &str, recipient: Recipient, expected: &[&str]) {
    let address = recipient.address.clone();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("aliases");
    std::fs::write(&file, aliases).expect("written");
    let specs = AliasSpec::split(file.display().to_string().as_bytes(), 0);
    let aliases = Aliases::open(&specs, Arc::new(DirectOpener::for_tests()));
    let (mut ctx, hands) = (context(), hands());
    let tables = Tables { aliases: &aliases, hands: &hands, uses_aliases: true };
    let expanded = Expander { ctx: &mut ctx, tables, witness: &Witness::default() }.expand(recipient).await;
    let routes = expanded.recipients.iter().map(|recipient| recipient.route.as_ref().expect("routed"));
    let mut seen: Vec<String> = routes.map(|route| format!("{} {}", route.mailer, route.user)).collect();
    seen.extend(expanded.refused.iter().map(|refused| refused.words().to_string()));
    assert_eq!(seen, expected, "{address}");
}

#[tokio::test]
async fn an_alias_for_oneself_leads_to_the_user_else_by_ruleset_5_else_nowhere() {
    check("alice: alice, bob@b\n", "alice", &["local alice", "net bob@b"]).await;
    check("ghost: ghost, bob@b\n", "ghost", &["net bob@b", "net ghost@hub"]).await;
    check("nobody: nobody, bob@b\n", "nobody", &["net bob@b", "User unknown"]).await;
    check("other: bob@b\n", "ghost", &["net ghost@hub"]).await;
}

#[tokio::test]
async fn a_loop_of_aliases_ends_at_the_user_in_it() {
    let loop_of_three = "alice: a.lice\na.lice: lice\nlice: alice\n";
    for start in ["alice", "a.lice", "lice"] {
        check(loop_of_three, start, &["local alice"]).await;
    }
    check("one: two\ntwo: one, bob@b\n", "one", &["net bob@b"]).await;
    check("list: alice, more\nmore: alice, alice, more2\nmore2: alice\nalice: list\n", "list", &["local alice"]).await;
}

#[tokio::test]
async fn a_list_that_has_waited_is_found_in_the_text_that_names_it() {
    for spelling in [":include:/l", "\":include:/l\""] {
        let controller = Some(Arc::new(Controller { user: "list".into(), ..Controller::default() }));
        let waiting = Recipient { controller, ..Recipient::new(spelling) };
        check_recipient(&format!("list: {spelling}\n"), waiting.clone(), &[&format!("{spelling}... Cannot open none")])
            .await;
        let gone = format!("{spelling}... no alias, .forward or included file names {spelling} any more");
        check_recipient("list: alice\n", waiting, &[&gone]).await;
    }
}
