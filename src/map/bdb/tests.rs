use std::process::Command;

use bstr::BString;
use proptest::prelude::*;

use super::super::testing::{Pairs, build, check_reads, damaged, use_damaged};
use super::super::{ByteOrder, Database, Layout, Method};

fn open(bytes: &[u8]) -> Database {
    Database::of_bytes(bytes.to_vec()).expect("a file we built opens")
}

fn pairs(count: usize) -> Pairs {
    (0..count).map(|n| (format!("key{n}").into(), format!("value of {n}").into())).collect()
}

#[track_caller]
fn check_hash(pairs: &Pairs) {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let database = open(&build(Layout { order, ..Layout::new(Method::Hash) }, pairs));
        assert_eq!(database.method(), Method::Hash);
        check_reads(&database, pairs);
    }
}

#[track_caller]
fn check_btree(pairs: &Pairs) {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let database = open(&build(Layout { order, ..Layout::new(Method::Btree) }, pairs));
        assert_eq!(database.method(), Method::Btree);
        check_reads(&database, pairs);
    }
}

#[test]
fn an_empty_file_has_no_key() {
    check_hash(&vec![]);
    check_btree(&vec![]);
    let database = open(&build(Layout::new(Method::Hash), &Vec::new()));
    assert_eq!(database.get(b"x").expect("it reads"), None);
}

#[test]
fn keys_of_several_pages_are_found() {
    check_hash(&pairs(3000));
    check_btree(&pairs(3000));
}

#[test]
fn long_keys_and_values_go_to_pages_of_their_own() {
    let mut long = pairs(300);
    for n in 0..40 {
        long.push((vec![b'a' + n; 900 + 10 * usize::from(n)].into(), vec![n; 1000 + 7 * usize::from(n)].into()));
    }
    long.push((vec![b'K'; 9000].into(), vec![b'V'; 200_000].into()));
    long.push(([&[b'K'; 9000][..], b"2"].concat().into(), "x".into()));
    long.push(("".into(), "".into()));
    check_hash(&long);
    check_btree(&long);
}

#[test]
fn duplicates_stay_in_their_order() {
    let mut pairs = pairs(100);
    for n in 0..5 {
        pairs.push(("few".into(), format!("{}", 9 - n).into()));
    }
    for n in 0..2000 {
        pairs.push(("many".into(), format!("value {}", 9999 - n).into()));
    }
    check_btree(&pairs);
    check_hash(&pairs);
    for method in [Method::Btree, Method::Hash] {
        let database = open(&build(Layout::new(method), &pairs));
        assert!(database.allows_duplicates());
        let all = database.pairs().expect("it reads");
        let many: Vec<&BString> = all.iter().filter(|pair| pair.0 == "many").map(|pair| &pair.1).collect();
        assert_eq!(many[0], "value 9999");
        assert_eq!(many[1999], "value 8000");
        assert_eq!(database.values(b"nobody").expect("it reads"), Vec::<BString>::new());
        if method == Method::Btree {
            assert_eq!(database.values(b"few").expect("it reads"), ["9", "8", "7", "6", "5"]);
            assert_eq!(database.values(b"many").expect("it reads").iter().collect::<Vec<_>>(), many);
        }
        assert_eq!(database.get(b"few").expect("it reads"), Some("9".into()));
    }
}

#[test]
fn what_is_no_database_is_refused() {
    for bytes in [&b""[..], b"text\n", &[0; 600], &[0xff; 5000]] {
        assert!(Database::of_bytes(bytes.to_vec()).is_err());
    }
}

/// Feeds a file to libdb's own tools; says so where they are not installed.
#[track_caller]
fn check_libdb(bytes: &[u8], pairs: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("x.db");
    std::fs::write(&path, bytes).expect("the disk has room");
    let Ok(verify) = Command::new("db5.3_verify").arg(&path).output() else {
        eprintln!("skipped: no db5.3_verify here (Debian package db5.3-util)");
        return;
    };
    assert!(verify.status.success(), "db5.3_verify: {}", String::from_utf8_lossy(&verify.stderr));
    // Keys out of order are only printed: the status stays 0.
    let printed = String::from_utf8_lossy(&verify.stdout).lines().count();
    assert!(printed <= 1, "db5.3_verify: {}", String::from_utf8_lossy(&verify.stdout));
    let dump = Command::new("db5.3_dump").arg(&path).output().expect("db5.3_dump is installed with db5.3_verify");
    assert!(dump.status.success(), "db5.3_dump: {}", String::from_utf8_lossy(&dump.stderr));
    let lines = dump.stdout.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b" ")).count();
    assert_eq!(lines, 2 * pairs);
}

#[test]
fn libdb_accepts_what_we_write() {
    for count in [0, 1, 10, 3000, 20_000] {
        let mut pairs = pairs(count);
        for n in 0..count.min(20) {
            pairs.push((vec![b'k'; 1000 + 20 * n].into(), vec![b'v'; 1000 + 20 * n].into()));
            pairs.push((vec![b'K'; 9000 + n].into(), vec![b'V'; 50_000].into()));
        }
        for order in [ByteOrder::Little, ByteOrder::Big] {
            check_libdb(&build(Layout { order, ..Layout::new(Method::Hash) }, &pairs), pairs.len());
            check_libdb(&build(Layout { order, ..Layout::new(Method::Btree) }, &pairs), pairs.len());
        }
        pairs.extend((0..count).map(|n| ("many".into(), format!("value {n}").into())));
        pairs.extend((0..count.min(9)).map(|n| ("few".into(), format!("value {n}").into())));
        for method in [Method::Btree, Method::Hash] {
            let bytes = build(Layout { duplicates: true, ..Layout::new(method) }, &pairs);
            check_libdb(&bytes, pairs.len());
        }
    }
}

fn sample(method: Method) -> Vec<u8> {
    let mut pairs = pairs(400);
    pairs.push((vec![b'K'; 3000].into(), vec![b'V'; 9000].into()));
    pairs.extend((0..300).map(|n| ("key7".into(), format!("again {n}").into())));
    pairs.extend((0..3).map(|n| ("key9".into(), format!("again {n}").into())));
    build(Layout::new(method), &pairs)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_written_is_read(map in proptest::collection::btree_map(
        proptest::collection::vec(any::<u8>(), 0..1400),
        proptest::collection::vec(any::<u8>(), 0..1400),
        0..60,
    )) {
        let pairs = map.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        check_hash(&pairs);
        check_btree(&pairs);
    }

    #[test]
    fn a_damaged_file_gives_an_error_and_never_a_panic(
        btree: bool,
        damage in damaged(),
    ) {
        let bytes = damage.of(sample(if btree { Method::Btree } else { Method::Hash }));
        use_damaged(Database::of_bytes(bytes), &[b"key1", b"key7", b"key399", b"none", &[b'K'; 3000]]);
    }
}
