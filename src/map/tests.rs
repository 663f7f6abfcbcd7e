//! Maps as a whole: opening, looking up, staleness.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Database, Definition, DirectOpener, Layout, Map, Method, Outcome};
use crate::cf::AliasSpec;
use crate::name::Sysexit;

struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Room {
        Room { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).expect("the disk has room");
    }

    fn hash(&self, name: &str, pairs: &[(&[u8], &[u8])]) {
        self.write(name, &Layout::new(Method::Hash).build(pairs.to_vec()).expect("it fits"));
    }

    /// Opens a map whose file is in this room.
    fn open(&self, class: &str, flags: &str, name: &str) -> Map {
        open(class, &format!("{flags} {}", self.path(name).display()))
    }
}

fn open(class: &str, args: &str) -> Map {
    let (definition, errors) = Definition::parse(b"m", class.as_bytes(), args.as_bytes());
    assert_eq!(errors, []);
    Map::open(&definition.expect("a known class"), &DirectOpener::for_tests())
}

fn found(value: &str) -> Outcome {
    Outcome::Found(value.into())
}

const MISS: Outcome = Outcome::NotFound(Sysexit::Ok);

#[test]
fn keys_are_found_in_a_hash_file() {
    let room = Room::new();
    room.hash("x.db", &[(b"spam.example", b"REJECT"), (b"Big", b"x"), (b"p", b"%0-%1")]);
    let map = room.open("hash", "-a.", "x");
    assert_eq!(map.lookup(b"SPAM.example", &[]), found("REJECT."));
    assert_eq!(map.lookup(b"none", &[]), MISS);
    assert_eq!(map.lookup(b"Big", &[]), MISS);
    assert_eq!(map.lookup(b"P", &[b"one"]), found("P-one."));
    assert_eq!(room.open("hash", "-f", "x.db").lookup(b"Big", &[]), found("x"));
    assert_eq!(room.open("hash", "-m -aX", "x").lookup(b"P", &[]), found("PX"));
}

#[test]
fn keys_with_and_without_nul_are_found_as_the_flags_say() {
    let room = Room::new();
    room.hash("nul.db", &[(b"k\0", b"v\0")]);
    room.hash("bare.db", &[(b"k", b"v")]);
    for (flags, file, expected) in [
        ("", "nul", found("v")),
        ("-N", "nul", found("v")),
        ("-O", "nul", MISS),
        ("", "bare", found("v")),
        ("-N", "bare", MISS),
        ("-O", "bare", found("v")),
    ] {
        let map = room.open("hash", flags, file);
        assert_eq!(map.lookup(b"other", &[]), MISS);
        assert_eq!(map.lookup(b"k", &[]), expected, "{flags} {file}");
        assert_eq!(map.lookup(b"k", &[]), expected, "{flags} {file}");
    }
}

#[test]
fn a_missing_file_is_a_temporary_failure_unless_optional() {
    let room = Room::new();
    let map = room.open("hash", "", "none");
    let reason =
        format!("hash map \"m\": missing map file {}.db: No such file or directory", room.path("none").display());
    assert_eq!(map.lookup(b"x", &[]), Outcome::TempFail(reason.as_str().into()));
    assert_eq!(map.complaint().map(ToString::to_string), Some(reason));
    assert!(map.is_open());

    let map = room.open("hash", "-o", "none");
    assert_eq!((map.lookup(b"x", &[]), map.complaint(), map.is_open()), (MISS, None, false));
}

#[test]
fn what_is_no_database_of_this_class_is_told() {
    let room = Room::new();
    room.write("empty.db", b"");
    room.write("junk.db", &[b'x'; 9000]);
    room.write("bt.db", &Layout::new(Method::Btree).build(Vec::new()).expect("it fits"));
    fs::create_dir(room.path("dir.db")).expect("a folder");
    for (name, reason) in [
        ("empty", "Cannot open hash database"),
        ("junk", "Cannot open hash database"),
        ("bt", "Invalid argument"),
        ("dir", "map file"),
    ] {
        let map = room.open("hash", "", name);
        assert!(matches!(map.lookup(b"x", &[]), Outcome::TempFail(_)));
        assert!(map.complaint().expect("a reason").to_string().contains(reason), "{name}");
        let map = room.open("hash", "-o", name);
        assert_eq!(map.lookup(b"x", &[]), MISS);
        assert!(map.complaint().is_some());
    }
}

#[test]
fn a_replaced_rewritten_or_removed_file_is_stale() {
    let room = Room::new();
    room.hash("x.db", &[(b"a", b"1")]);
    room.hash("y.db", &[(b"a", b"2")]);
    let map = room.open("hash", "", "x");
    assert!(!map.is_stale());
    fs::rename(room.path("y.db"), room.path("x.db")).expect("same folder");
    assert!(map.is_stale());
    assert_eq!(map.lookup(b"a", &[]), found("1"));

    let map = room.open("hash", "", "x");
    assert_eq!(map.lookup(b"a", &[]), found("2"));
    fs::OpenOptions::new().write(true).open(room.path("x.db")).and_then(|file| file.set_len(0)).expect("ours");
    assert!(map.is_stale());
    assert!(matches!(map.lookup(b"a", &[]), Outcome::TempFail(_)));

    let map = room.open("text", "-o", "t");
    assert!(map.is_stale());
    room.write("t", b"a b\n");
    let map = room.open("text", "-v1", "t");
    assert!(!map.is_stale());
    fs::remove_file(room.path("t")).expect("ours");
    assert!(map.is_stale());
}

#[test]
fn a_text_map_needs_a_full_path() {
    let reason = "text map \"m\": file name must be fully qualified";
    assert_eq!(open("text", "x").lookup(b"a", &[]), Outcome::TempFail(reason.into()));
}

#[test]
fn an_alias_file_is_its_database_or_its_text_and_another_implicit_map_its_database() {
    let room = Room::new();
    room.write("aliases", b"root: text\n");
    let definitions =
        super::aliases::definitions(&AliasSpec::split(room.path("aliases").display().to_string().as_bytes(), 0));
    assert_eq!(Map::open(&definitions[0], &DirectOpener::for_tests()).lookup(b"ROOT", &[]), found("text"));
    // No percent sign of an alias stands for anything.
    room.write("aliases", b"root: joe%163.com@%0\n");
    let aliases = Map::open(&definitions[0], &DirectOpener::for_tests());
    assert_eq!(aliases.lookup(b"root", &[]), found("joe%163.com@%0"));
    room.write("aliases", b"root: text\n");
    let missing = room.open("implicit", "", "aliases");
    assert!(missing.complaint().is_some_and(|text| text.to_string().contains("missing map file")));
    assert_eq!(missing.told(), None);
    assert_eq!(room.open("stab", "", "aliases").lookup(b"none", &[]), Outcome::NotFound(Sysexit::NoHost));
    room.hash("aliases.db", &[(b"root\0", b"database\0")]);
    let map = room.open("implicit", "", "aliases");
    assert_eq!(map.lookup(b"root", &[]), found("database"));
    for damaged in [&b"no database"[..], b""] {
        room.write("aliases.db", damaged);
        let map = Map::open(&definitions[0], &DirectOpener::for_tests());
        assert_eq!(map.lookup(b"root", &[]), found("text"));
        let told = map.complaint().expect("the database is no database").to_string();
        assert!(told.starts_with("Cannot open implicit database ") && told.contains("; reading "), "{told}");
        assert_eq!(map.remedy().as_deref(), Some("newaliases"));
    }
}

#[test]
fn a_database_that_was_cut_off_is_refused_whole() {
    let room = Room::new();
    room.hash("x.db", &[(b"key", b"value")]);
    let whole = std::fs::read(room.path("x.db")).expect("written");
    room.write("x.db", &whole[..whole.len() - 1]);
    assert!(matches!(room.open("hash", "-o", "x").lookup(b"key", &[]), Outcome::TempFail(_)));
    let map = room.open("hash", "", "x");
    assert!(matches!(map.lookup(b"key", &[]), Outcome::TempFail(_)));
    let told = map.complaint().expect("it is damaged").to_string();
    assert!(told.ends_with("the size of the file is no multiple of its page size"), "{told}");
    assert!(map.remedy().is_some_and(|command| command.starts_with("makemap hash ")));
}

#[test]
fn classes_without_a_file_answer() {
    assert_eq!(open("null", "-aX").lookup(b"x", &[]), Outcome::NotFound(Sysexit::NoHost));
    assert_eq!(open("arith", "-aX").lookup(b"+", &[b"1", b"2"]), found("3"));
    assert_eq!(open("dequote", "-aX").lookup(b"\"a\"", &[]), found("aX"));
    assert_eq!(open("arpa", "-aX").lookup(b"1.2.3.4", &[]), found("4.3.2.1X"));
    assert_eq!(open("arpa", "").lookup(b"x", &[]), Outcome::NotFound(Sysexit::DataErr));
    assert_eq!(open("regex", "-aX b").lookup(b"abc", &[]), found("X"));
}

async fn user(args: &str, key: &str) -> Outcome {
    let definition = Definition::parse(b"m", b"user", args.as_bytes()).0.expect("a known class");
    let names = super::FullNames { count: false, blank_sub: b'.' };
    super::look_up_user(&definition, &DirectOpener::for_tests(), names, key.as_bytes(), &[]).await.0
}

#[tokio::test]
async fn a_user_map_reads_the_password_database() {
    assert_eq!(user("-vuid", "ROOT").await, found("0"));
    assert_eq!(user("-f -vgid", "root").await, found("0"));
    assert_eq!(user("-m -a!", "Root").await, found("root!"));
    assert_eq!(user("", "no such user").await, Outcome::NotFound(Sysexit::NoUser));
    assert_eq!(user("-vfoo", "root").await, Outcome::TempFail("User map m: unknown column name foo".into()));
}

#[test]
fn a_line_with_an_error_has_no_key() {
    let (definition, _) = Definition::parse(b"m", b"hash", b"");
    let map = Map::open(&definition.expect("a known class"), &DirectOpener::for_tests());
    assert_eq!((map.lookup(b"x", &[]), map.is_open(), map.is_stale()), (MISS, false, false));
}

fn sample(class: &str, name: &str) -> Map {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/maps");
    open(class, &folder.join(name).display().to_string())
}

/// The samples were written by the original's programs from data of our own.
#[test]
fn files_of_the_original_are_read() {
    for (class, name) in [("hash", "original-hash"), ("btree", "original-btree")] {
        let map = sample(class, name);
        for n in 0..300 {
            assert_eq!(map.lookup(format!("key{n}").as_bytes(), &[]), found(&format!("value of {n}")));
        }
        assert_eq!(map.lookup(b"none", &[]), MISS);
    }
    let map = sample("btree", "original-duplicates");
    assert_eq!(map.lookup(b"few", &[]), found("3"));
    assert_eq!(map.lookup(b"many", &[]), found("value 200"));
    let map = sample("hash", "original-aliases");
    assert_eq!(map.lookup(b"Postmaster", &[]), found("root, alice"));
}

/// The samples were written by `db5.3_load` with long items, many duplicates, checksums, the other byte order.
#[test]
fn files_with_all_that_libdb_can_put_there_are_read() {
    for class in ["hash", "btree"] {
        for (kind, few, many) in
            [("", "3", "value 400"), ("-big-endian", "3", "value 400"), ("-sorted", "1", "value 1")]
        {
            let map = sample(class, &format!("libdb{kind}-{class}"));
            assert_eq!(map.complaint(), None);
            for n in 0..60 {
                assert_eq!(map.lookup(format!("key{n}").as_bytes(), &[]), found(&format!("value of {n}")));
            }
            assert_eq!(map.lookup("k".repeat(1100).as_bytes(), &[]), found(&"v".repeat(2000)));
            assert_eq!(map.lookup(b"few", &[]), found(few));
            assert_eq!(map.lookup(b"many", &[]), found(many));
            assert_eq!(map.lookup(b"none", &[]), MISS);
            let mut big = map.definition().clone();
            big.keep_case = true;
            assert_eq!(
                Map::open(&big, &DirectOpener::for_tests()).lookup("K".repeat(5000).as_bytes(), &[]),
                found(&"V".repeat(9000))
            );
        }
    }
}

#[test]
fn every_duplicate_that_libdb_wrote_is_scanned() {
    for name in ["libdb-hash", "libdb-btree", "libdb-big-endian-hash", "libdb-sorted-btree", "libdb-sorted-hash"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/maps").join(format!("{name}.db"));
        let database = Database::open(fs::File::open(path).expect("a sample")).expect("a database");
        let pairs = database.pairs().expect("it is sound");
        assert_eq!(pairs.len(), 465, "{name}");
        assert_eq!(pairs.iter().filter(|pair| pair.0 == "many").count(), 400, "{name}");
    }
}

#[test]
fn a_text_that_is_too_large_answers_nothing() {
    let room = Room::new();
    fs::File::create(room.path("aliases")).and_then(|file| file.set_len((64 << 20) + 1)).expect("a file with a hole");
    let mut definition = Definition::parse(b"m", b"implicit", room.path("aliases").display().to_string().as_bytes()).0;
    definition.as_mut().expect("a known class").of_aliases = true;
    let map = Map::open(&definition.expect("a known class"), &DirectOpener::for_tests());
    let Outcome::TempFail(reason) = map.lookup(b"root", &[]) else { panic!("it answers: {map:?}") };
    assert!(reason.ends_with(b"aliases: it has more than 64 MiB"), "{reason}");
}
