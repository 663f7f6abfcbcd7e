use super::*;

#[track_caller]
fn check(line: &str, change: impl FnOnce(&mut Definition)) {
    let (class, args) = line.split_once(' ').unwrap_or((line, ""));
    let (definition, errors) = Definition::parse(b"m", class.as_bytes(), args.as_bytes());
    assert_eq!(errors, []);
    let mut expected = Definition::new(b"m", Kind::of_class(class.as_bytes()).expect("a class"));
    change(&mut expected);
    assert_eq!(definition, Some(expected));
}

#[track_caller]
fn check_error(class: &str, args: &str, expected: &[&str]) {
    let (_, errors) = Definition::parse(b"m", class.as_bytes(), args.as_bytes());
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors, expected);
}

#[test]
fn flags_and_file_are_read() {
    check("hash -o -T<TMPF> /etc/mail/access", |map| {
        map.optional = true;
        map.append_if_temporary = Some("<TMPF>".into());
        map.file = Some("/etc/mail/access".into());
    });
    check("text -k0 -v 1 -z: /etc/x", |map| {
        map.key_column = Some("0".into());
        map.value_column = Some("1".into());
        map.separator = Some(b':');
        map.file = Some("/etc/x".into());
    });
    check("program /bin/echo -n got", |map| {
        map.file = Some("/bin/echo".into());
        map.arguments = "-n got".into();
    });
}

#[test]
fn each_class_has_flags_of_its_own() {
    check("dns -R AAAA -a. -d5 -r2 -Z3 -Bexample.com", |map| {
        map.kind = Kind::Dns(DnsRecord::Aaaa);
        map.append = ".".into();
        map.timeout = Some(Interval(std::time::Duration::from_secs(5)));
        map.retries = Some(2);
        map.results_max = Some(3);
        map.base = Some("example.com".into());
    });
    check("syslog -LNOTICE -D", |map| {
        map.kind = Kind::Syslog(Priority::Notice);
        map.skip_when_deferred = true;
    });
    check("regex -s1,2 -d- ^(a)(b)", |map| {
        map.kind = Kind::Regex(RegexSpec {
            pattern: "^(a)(b)".into(),
            fields: Some(vec![1, 2]),
            delimiter: "-".into(),
            ..RegexSpec::default()
        });
    });
    check("sequence one, two.files;_x", |map| {
        map.kind = Kind::Sequence(vec!["one".into(), "two.files".into(), "x".into()]);
    });
}

#[test]
fn only_the_first_flag_of_dequote_counts() {
    check("dequote -s_ -a.q", |map| map.space = Some(b'_'));
    check("dequote -aX", |map| map.append = "X".into());
}

#[test]
fn what_is_wrong_is_told_in_the_originals_words() {
    check_error("", "", &["readcf: config K line, map m: no map class"]);
    check_error(
        "syslog",
        "-Lx -m -Dx -o",
        &["Illegal option m map syslog", "syslog_map_parseargs: Unknown priority x"],
    );
    check_error("nosuch", "x", &["readcf: map m: class nosuch not available"]);
    check_error("dbm", "/etc/x", &["readcf: map m: class dbm not available"]);
    check_error("hash", "-o", &["No file name for hash map m"]);
    check_error("btree", "", &["No file name for btree map m"]);
    check_error("hash", "-o -k /etc/x", &["No file name for hash map m"]);
    check_error("hash", "-Z /etc/x", &["Illegal option Z map m"]);
    check_error("arith", "-Q", &[]);
    check_error("syslog", "-LFOO", &["syslog_map_parseargs: Unknown priority FOO"]);
    let told = ["dns map m: wrong type MX\td -r1", "dns map m: missing -R type"];
    check_error("dns", "-RMX\td -r1", &told);
    check_error("dns", "-RFOO", &["dns map m: wrong type FOO", "dns map m: missing -R type"]);
    check_error("regex", "-s9 (a)", &["field (9) out of range, only 2 substrings in pattern"]);
    let no_name = Definition::parse(b"", b"", b"").1;
    assert_eq!(no_name[0].to_string(), "readcf: config K line: no map name");
}
