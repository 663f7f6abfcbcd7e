//! The cost of single decisions, without network and disk: `cargo bench` (README.md tells the goals).
//!
//! The rules are those of the original's stock tree where `tests/oracle/setup.sh` has been run, else our own.

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;

use bstr::{BString, ByteSlice as _};
use divan::{Bencher, counter::ItemsCount};
use futago::cf::{self, Config, Options, ReadEnv};
use futago::mail::token::{ScanOptions, scan};
use futago::map::{Definition, DirectOpener, Layout, Map, Method, Pair};
use futago::net::{Resolver, ResolverSettings};
use futago::policy::{self, Ask, Hook, Verdict};
use futago::route::parse;
use futago::route::remote_name::remote_name;
use futago::route::role::Role;
use futago::site::{Context, Identity, LoadOptions, Site};
use futago::sys::safe_file::Inspector;

/// The rules that are measured, where they are there.
const STOCK: &str = "/opt/oracle/cf/seed-sendmail.cf";
/// What our own are made of.
const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/etc/mail/lan-relay.mc");

/// Where big maps are kept from one run to the next.
const MAPS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench-maps");

fn main() {
    println!("rules: {}", configuration().0);
    divan::main();
}

/// Returns the file with the rules and its text.
fn configuration() -> (&'static str, Vec<u8>) {
    if let Ok(text) = std::fs::read(STOCK) {
        return (STOCK, text);
    }
    let made = Command::new(env!("CARGO_BIN_EXE_sendmail")).arg0("makecf").arg(OWN).output();
    (OWN, made.expect("makecf runs").stdout)
}

/// Reads the rules, with an access map of a thousand entries.
fn read_cf() -> Config {
    let (path, text) = configuration();
    let access = map_file(Method::Hash, 1000);
    let text = text.replace("/etc/mail/access", access.strip_suffix(".db").expect("its name"));
    cf::read(&text, path, &ReadEnv::default()).0
}

/// Returns what opens maps.
fn opener() -> DirectOpener {
    DirectOpener::new(Inspector::of(&Options::default()))
}

fn load(config: Config) -> Arc<Site> {
    let identity = Identity { node: "mx.bench.test".into(), name: "mx.bench.test".into(), ..Identity::default() };
    let options = LoadOptions {
        identity,
        resolver: Arc::new(Resolver::new(ResolverSettings::with_servers(Vec::new()))),
        zone: jiff::tz::TimeZone::UTC,
        mode: b'd',
        duties: None,
    };
    Site::load(Arc::new(config), Arc::new(opener()), options).0
}

/// Returns what a session of a client of this network sees.
fn session(site: &Arc<Site>) -> Context {
    let mut ctx = Context::new(site);
    for (name, value) in [
        ("client_addr", "127.0.0.1"),
        ("client_name", "localhost"),
        ("client_resolve", "OK"),
        ("f", "sender@mx.bench.test"),
        ("mail_from", "<sender@mx.bench.test>"),
        ("mail_addr", "sender@mx.bench.test"),
        ("deliveryMode", "b"),
    ] {
        ctx.set(name, value);
    }
    ctx.add_to_class(&futago::name::ClassName::new("w"), b"mx.bench.test");
    ctx
}

/// All that rules say of one recipient: where it goes, whether it may, and how the mailer sees it.
async fn decide(ctx: &mut Context, spelling: &[u8]) -> BString {
    let route = parse::parse(ctx, spelling, Role::Recipient).await.expect("an address").into_route();
    ctx.set("addr_type", "e r");
    let verdict = policy::check(ctx, &Ask::address(Hook::CheckRcpt, &[spelling])).await;
    assert!(matches!(verdict, Verdict::Accept), "{verdict:?}");
    let config = Arc::clone(&ctx.site().config);
    let mailer = config.mailers.get(route.mailer.as_bytes()).expect("a mailer of the configuration");
    remote_name(ctx, mailer, &route.user, Role::Recipient).await.expect("no look-up fails")
}

#[divan::bench(min_time = 0.5, args = ["<user@mx.bench.test>", "<user+detail@[127.0.0.1]>"])]
fn rcpt_decision(bencher: Bencher, spelling: &str) {
    let site = load(read_cf());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut ctx = session(&site);
    bencher.bench_local(|| runtime.block_on(decide(&mut ctx, black_box(spelling.as_bytes()))));
}

/// Addresses that keep wildcards busy: head, middle repeated as often as an address may be long, tail. What one of them costs
/// at most is what a client can make us work.
const HOSTILE: [(&str, &str, &str, &str); 14] = [
    ("dots", "a", ".a", ""),
    ("at signs", "a", "@a", ""),
    ("percents", "a", "%a", "@mx.bench.test"),
    ("percents to us", "a", "%mx.bench.test", "@mx.bench.test"),
    ("bangs", "", "a!", "a"),
    ("routes", "<", "@a,", "@b:c@d>"),
    ("routes by us", "<", "@mx.bench.test,", "@b:c@d>"),
    ("colons", "a", "::a", "@d"),
    ("brackets", "<", "[", "a@b>"),
    ("angles", "<", "<", "a@b>"),
    ("words", "a", " a", "@b"),
    ("pluses", "a", "+a", "@mx.bench.test"),
    ("addresses", "a@b", ",a@b", ""),
    ("end dots", "a@b", ".", ""),
];

/// Returns the longest address of this form that is an address: a longer one meets no rule.
fn hostile(site: &Site, name: &str) -> String {
    let (_, head, middle, tail) = HOSTILE.into_iter().find(|(known, ..)| *known == name).expect("of the list");
    let rules = site.config.rulesets.scan_rules();
    let spell = |times| [head, &middle.repeat(times), tail].concat();
    let is_address = |times: &usize| scan(spell(*times).as_bytes(), rules, ScanOptions::ADDRESS).tokens.is_some();
    spell((1..2048).take_while(is_address).last().expect("a short one is"))
}

/// All that rules may be asked of an address: route, verdicts, and how a mailer sees it.
async fn judge(ctx: &mut Context, spelling: &[u8]) {
    let route = parse::parse(ctx, spelling, Role::Recipient).await;
    for (kind, hook) in [("e s", Hook::CheckMail), ("e r", Hook::CheckRcpt)] {
        ctx.set("addr_type", kind);
        policy::check(ctx, &Ask::address(hook, &[spelling])).await;
    }
    let config = Arc::clone(&ctx.site().config);
    let route = route.ok().map(|parsed| parsed.into_route());
    let mailer = route.as_ref().and_then(|route| Some((config.mailers.get(route.mailer.as_bytes())?, &route.user)));
    if let Some((mailer, user)) = mailer {
        for kind in [Role::Sender, Role::Recipient] {
            // A look-up that fails for now costs no less.
            let _ = remote_name(ctx, mailer, user, kind).await;
        }
    }
}

#[divan::bench(max_time = 1.0, args = HOSTILE.map(|(name, ..)| name))]
fn hostile_address(bencher: Bencher, name: &str) {
    let site = load(read_cf());
    let spelling = hostile(&site, name);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut ctx = session(&site);
    bencher.bench_local(|| runtime.block_on(judge(&mut ctx, black_box(spelling.as_bytes()))));
}

#[divan::bench]
fn read_configuration(bencher: Bencher) {
    let (path, text) = configuration();
    bencher.bench_local(|| cf::read(black_box(&text), path, &ReadEnv::default()));
}

#[divan::bench]
fn load_site(bencher: Bencher) {
    bencher.with_inputs(read_cf).bench_local_values(load);
}

#[divan::bench(args = ["user@mx.bench.test", "\"John Q. Public\" <john.q.public@dept.example.com>", "<@a,@b:u%c@d.e>"])]
fn scan_address(bencher: Bencher, text: &str) {
    let config = read_cf();
    let rules = config.rulesets.scan_rules();
    bencher.bench_local(|| scan(black_box(text.as_bytes()), rules, ScanOptions::ADDRESS));
}

fn pair(number: u32) -> (BString, BString) {
    (format!("user{number:08}@example.com").into(), "550 5.1.1 User unknown".into())
}

fn pairs(records: &[(BString, BString)]) -> Vec<Pair<'_>> {
    records.iter().map(|(key, value)| (key.as_slice(), value.as_slice())).collect()
}

fn word(method: Method) -> &'static str {
    match method {
        Method::Hash => "hash",
        Method::Btree => "btree",
        Method::Cdb => "cdb",
    }
}

fn suffix(method: Method) -> &'static str {
    match method {
        Method::Hash | Method::Btree => "db",
        Method::Cdb => "cdb",
    }
}

/// Returns a map file with so many keys; it is built once.
fn map_file(method: Method, keys: u32) -> String {
    let path = format!("{MAPS}/{}-{keys}.{}", word(method), suffix(method));
    if !std::path::Path::new(&path).exists() {
        let records: Vec<_> = (0..keys).map(pair).collect();
        let bytes = Layout::new(method).build(pairs(&records)).expect("it fits the format");
        std::fs::create_dir_all(MAPS).expect("a folder");
        let mut file = File::create(&path).expect("a file");
        file.write_all(&bytes).expect("room");
    }
    path
}

fn look_up(bencher: Bencher, method: Method, keys: u32, hits: bool) {
    let path = map_file(method, keys);
    // Into the system's memory: the look-up is measured, not the disk.
    std::fs::read(&path).expect("readable");
    let file = path.strip_suffix(suffix(method)).and_then(|path| path.strip_suffix('.')).expect("its name");
    let definition = Definition::parse(b"m", word(method).as_bytes(), file.as_bytes()).0.expect("a map");
    let map = Map::open(&definition, &opener());
    assert!(map.complaint().is_none(), "{:?}", map.complaint());
    let mut number = 0_u32;
    let key = || {
        // A prime step: neighbours of the last key, which its page would have, come late.
        number = (number + 7_919_777) % keys;
        if hits { pair(number).0 } else { format!("nobody{number}@example.org").into() }
    };
    bencher.with_inputs(key).bench_local_refs(|key| map.lookup(black_box(key), &[]));
}

const SIZES: [u32; 3] = [1_000, 1_000_000, 10_000_000];

#[divan::bench(min_time = 0.5, sample_size = 100, args = SIZES)]
fn look_up_hash(bencher: Bencher, keys: u32) {
    look_up(bencher, Method::Hash, keys, true);
}

#[divan::bench(min_time = 0.5, sample_size = 100, args = SIZES)]
fn look_up_hash_in_vain(bencher: Bencher, keys: u32) {
    look_up(bencher, Method::Hash, keys, false);
}

#[divan::bench(min_time = 0.5, sample_size = 100, args = SIZES)]
fn look_up_btree(bencher: Bencher, keys: u32) {
    look_up(bencher, Method::Btree, keys, true);
}

#[divan::bench(min_time = 0.5, sample_size = 100, args = SIZES)]
fn look_up_cdb(bencher: Bencher, keys: u32) {
    look_up(bencher, Method::Cdb, keys, true);
}

#[divan::bench(args = [Method::Hash, Method::Btree, Method::Cdb], sample_count = 3, sample_size = 1)]
fn build_map(bencher: Bencher, method: Method) {
    const KEYS: u32 = 1_000_000;
    let records: Vec<_> = (0..KEYS).map(pair).collect();
    let bencher = bencher.counter(ItemsCount::new(KEYS)).with_inputs(|| pairs(&records));
    bencher.bench_local_values(|pairs| Layout::new(method).build(black_box(pairs)));
}
