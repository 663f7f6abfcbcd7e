use bstr::BString;
use proptest::prelude::*;

use super::super::testing::{Pairs, build, check_reads, damaged, use_damaged};
use super::super::{ByteOrder, Database, DatabaseError, Flavour, Layout, Method};

fn layout(method: Method, order: ByteOrder) -> Layout {
    Layout { flavour: Flavour::Libc, order, ..Layout::new(method) }
}

fn pairs(count: usize) -> Pairs {
    (0..count).map(|n| (format!("key{n}").into(), format!("value of {n}").into())).collect()
}

#[track_caller]
fn check(method: Method, pairs: &Pairs) {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let database = Database::of_bytes(build(layout(method, order), pairs)).expect("a file we built opens");
        assert_eq!(database.method(), method);
        check_reads(&database, pairs);
    }
}

#[test]
fn an_empty_file_has_no_key() {
    check(Method::Hash, &pairs(0));
    check(Method::Btree, &pairs(0));
}

#[test]
fn keys_of_several_pages_are_found() {
    check(Method::Hash, &pairs(6000));
    check(Method::Btree, &pairs(6000));
}

#[test]
fn long_keys_and_values_go_to_pages_of_their_own() {
    let mut long = pairs(300);
    for n in 0..40 {
        long.push((vec![b'a' + n; 2000 + 10 * usize::from(n)].into(), vec![n; 2000 + 7 * usize::from(n)].into()));
    }
    // Lengths where a piece just fills what a page has left.
    for n in (4060..4100).chain(8150..8170) {
        long.push((vec![b'y'; n].into(), "exact key".into()));
        long.push((format!("value {n}").into(), vec![b'x'; n].into()));
        long.push((format!("both {n}").repeat(400).into(), vec![b'x'; n].into()));
    }
    long.push((vec![b'K'; 9000].into(), vec![b'V'; 200_000].into()));
    long.push((vec![b'L'; 9000].into(), "".into()));
    long.push(("".into(), "".into()));
    check(Method::Hash, &long);
    check(Method::Btree, &long);
}

#[test]
fn many_long_pairs_take_the_overflow_pages_of_several_doublings() {
    let many: Pairs = (0..2200).map(|n| (format!("key{n}").into(), vec![b'v'; 4200].into())).collect();
    check(Method::Hash, &many);
}

#[test]
fn long_pairs_have_buckets_of_their_own() {
    let long: Pairs = (0..40).map(|n| (format!("key{n}").into(), vec![b'v'; 20_000].into())).collect();
    let file = build(layout(Method::Hash, ByteOrder::NATIVE), &long);
    let last_bucket = u32::from_be_bytes([file[40], file[41], file[42], file[43]]);
    assert_eq!(last_bucket, 63);
}

#[test]
fn duplicates_stay_in_their_order_in_a_btree() {
    let mut all = pairs(100);
    all.extend((0..2000).map(|n| ("many".into(), format!("value {}", 9999 - n).into())));
    check(Method::Btree, &all);
    let database = Database::of_bytes(build(layout(Method::Btree, ByteOrder::NATIVE), &all)).expect("it opens");
    assert!(database.allows_duplicates());
    let read = database.pairs().expect("it reads");
    let many: Vec<&BString> = read.iter().filter(|pair| pair.0 == "many").map(|pair| &pair.1).collect();
    assert_eq!((many[0].as_slice(), many[1999].as_slice()), (&b"value 9999"[..], &b"value 8000"[..]));
    assert_eq!(database.values(b"many").expect("it reads").iter().collect::<Vec<_>>(), many);
    assert_eq!(database.values(b"key7").expect("it reads"), ["value of 7"]);
    assert_eq!(database.values(b"nobody").expect("it reads"), Vec::<BString>::new());
}

#[test]
fn in_a_hash_file_the_last_of_several_values_counts() {
    let twins = vec![("a".into(), "1".into()), ("b".into(), "2".into()), ("a".into(), "3".into())];
    let database = Database::of_bytes(build(layout(Method::Hash, ByteOrder::NATIVE), &twins)).expect("it opens");
    assert!(!database.allows_duplicates());
    assert_eq!(database.get(b"a").expect("sound"), Some("3".into()));
    assert_eq!(database.pairs().expect("sound").len(), 2);
}

fn sample(name: &str) -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/maps");
    std::fs::read(folder.join(name)).expect("a sample")
}

/// The samples were written by other programs of the same format: hash by a BSD's own, btree by the copy in krb5.
///
/// Files of ours went the other way with krb5's (`src/plugins/kdb/db2/libdb2` of its source, compiled alone with a `main` that
/// calls `dbopen`): of a btree of 19,652 random keys (up to 400 bytes, values up to 505) `get` found each, and `seq` gave all of
/// them and nothing else. Its hash files are of a later version (3) and refused.
///
/// Files of both methods that our makemap wrote, of 0 to 100,000 keys with values up to 900 bytes, went to the library of
/// 4.4BSD (`lib/libc/db`, compiled for 32 bits): `get` and `seq` gave all pairs, and after it had put 300 more and
/// deleted each third, it and we read the same ones. Files that it wrote with pages of 64 bytes to 32 KiB, keys up to
/// 5000 and values up to 20,000 bytes, and duplicates, we read as it does. In the other byte order it damages long
/// items of btrees.
#[test]
fn files_of_the_c_library_are_read() {
    for name in ["libc-hash.db", "libc-big-endian-hash.db", "libc-btree.db", "libc-big-endian-btree.db"] {
        let database = Database::of_bytes(sample(name)).expect(name);
        let mut all: Pairs = pairs(300);
        all.push(("empty".into(), "".into()));
        all.push(("longvalue".into(), "0123456789".repeat(300).into()));
        if database.method() == Method::Btree {
            all.push(("k".repeat(200).into(), "v".repeat(2000).into()));
        } else {
            all.push(("k".repeat(300).into(), "v".repeat(2000).into()));
            all.push(("K".repeat(2000).into(), "V".repeat(3000).into()));
            all.push(("ab".repeat(750).into(), "short".into()));
            for n in [486, 490, 493, 494, 495, 496, 497, 498, 499, 512, 996, 997] {
                all.push((format!("exact{n}").into(), "x".repeat(n).into()));
            }
            for n in [490, 493, 494, 497, 498, 512, 996] {
                all.push(("y".repeat(n).into(), "exactkey".into()));
            }
        }
        check_reads(&database, &all);
        assert!(!database.allows_duplicates());
    }
}

#[test]
fn duplicates_of_the_c_library_are_read() {
    let database = Database::of_bytes(sample("libc-duplicates.db")).expect("a sample");
    assert!(database.allows_duplicates());
    let read = database.pairs().expect("it reads");
    assert_eq!(read.iter().filter(|pair| pair.0 == "many").count(), 400);
    for key in ["few", "many"] {
        let first = &read.iter().find(|pair| pair.0 == key).expect("it is there").1;
        assert_eq!(database.get(key.as_bytes()).expect("it reads").as_ref(), Some(first));
    }
}

#[test]
fn a_file_of_another_kind_is_refused() {
    let mut recno = sample("libc-btree.db");
    recno[20] |= 0x80;
    assert!(matches!(Database::of_bytes(recno), Err(DatabaseError::Unsupported(_))));
    let mut version = sample("libc-btree.db");
    version[4] = 4;
    assert!(matches!(Database::of_bytes(version), Err(DatabaseError::Version(4))));
    let mut hashed = sample("libc-hash.db");
    hashed[64] ^= 1;
    assert!(matches!(Database::of_bytes(hashed), Err(DatabaseError::Unsupported(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_written_is_read(map in proptest::collection::btree_map(
        proptest::collection::vec(any::<u8>(), 0..2400),
        proptest::collection::vec(any::<u8>(), 0..4800),
        0..60,
    )) {
        let pairs: Pairs = map.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        check(Method::Hash, &pairs);
        check(Method::Btree, &pairs);
    }

    #[test]
    fn a_damaged_file_gives_an_error_and_never_a_panic(name in 0..5_usize, damage in damaged()) {
        let names = [
            "libc-hash.db", "libc-big-endian-hash.db", "libc-btree.db", "libc-big-endian-btree.db", "libc-duplicates.db",
        ];
        let bytes = damage.of(sample(names[name]));
        let keys: [&[u8]; 5] = [b"key1", b"many", b"none", &[b'K'; 2000], &[b'k'; 300]];
        use_damaged(Database::of_bytes(bytes), &keys);
    }
}
