//! The whole reader: what the original says of bad lines, and what good ones become.

use super::*;
use crate::cf::{DeliveryMode, Privacy};

/// What precedes every case, so that a line number shows (the first line of a case is line 4).
const BEFORE: &str = "V10\nSAny\nR$*\t$1\n";

fn env() -> ReadEnv {
    let mut macros = MacroTable::default();
    macros.set(b"v", "8.18.1");
    macros.set(b"w", "hoge.foo.jp");
    ReadEnv { macros: Arc::new(macros), processors: 1, ..ReadEnv::default() }
}

fn messages(text: &str) -> Vec<String> {
    read(text.as_bytes(), "cf", &env()).1.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check(lines: &str, expected: &[&str]) {
    assert_eq!(messages(&format!("{BEFORE}{lines}")), expected, "{lines}");
}

#[test]
fn the_original_is_matched_on_options() {
    check("O NoSuchOption=1", &["cf: line 4: readcf: unknown option name NoSuchOption"]);
    check("O Timeout.nosuch=5", &["cf: line 4: settimeout: invalid timeout nosuch"]);
    check("O MaxHopCount=abc", &[]);
    check("Owrong", &[]);
    check("O DeliveryMode=x", &["cf: line 4: Unknown delivery mode x"]);
    check("O PrivacyOptions=authwarnings,nonsense", &["cf: line 4: readcf: Op line: nonsense unrecognized"]);
    check("O MaxHopCount=5\n 0", &[]);
    check("O QueueLA=x", &[]);
    check("O SmtpGreetingMessage=$j", &[]);
    check("O Timeout.ident=5x", &["cf: line 4: Invalid time unit `x'"]);
    check("O Timeout.queuereturn=1h30m", &[]);
    check("OQ/var/spool/mqueue", &[]);
    check("Or10m", &[]);
    check("O T=5d/4h", &["cf: line 4: readcf: ambiguous option name T (matches TempFileMode and Timeout)"]);
    check("O UnsafeGroupWrites", &[]);
    check("O DaemonPortOptions=Port=99999", &[]);
    check("O DaemonPortOptions=Q=1", &["cf: line 4: PortOptions parameter \"Q=1\" unknown"]);
    check("O TempFileMode=0888", &[]);
    check("O FallbackMXhost", &[]);
    check("O maxhopcount=9", &[]);
    check("O Max=9", &["cf: line 4: readcf: ambiguous option name Max (matches MaxHopCount and MaxMessageSize)"]);
}

#[test]
fn the_original_is_matched_on_unknown() {
    check("Zunknown", &["cf: line 4: unknown configuration line \"Zunknown\""]);
    check("Lx", &["cf: line 4: unknown configuration line \"Lx\""]);
}

#[test]
fn the_original_is_matched_on_macros() {
    check("Dx", &[]);
    check("D", &["cf: line 4: Name required for macro/class"]);
    check("D{}x", &["cf: line 4: Name required for macro/class"]);
    check("D{a", &["cf: line 4: Unbalanced { on a", "cf: line 4: Unable to assign macro/class ID (mid = 0xffffffff)"]);
    check("Dx # not comment", &[]);
    check("D{z}a\n\tb", &[]);
}

#[test]
fn the_original_is_matched_on_classes() {
    check("CA", &[]);
    check("C", &["cf: line 4: Name required for macro/class"]);
}

#[test]
fn the_original_is_matched_on_class_files() {
    check("FZ", &["cf: line 4: fileclass: missing file name"]);
    check("F", &["cf: line 4: Name required for macro/class"]);
}

#[test]
fn the_original_is_matched_on_maps() {
    check("K", &["cf: line 4: readcf: config K line: no map name"]);
    check("Kx", &["cf: line 4: readcf: config K line, map x: no map class"]);
    check("Kz hash -o /etc/mail/access\nKz hash -o /etc/mail/access", &[]);
    check("Kh hash /nonexistent/x", &[]);
}

#[test]
fn the_original_is_matched_on_rules() {
    check("STest\nR$*", &["cf: line 5: invalid rewrite line \"R\u{1}*\" (tab expected)"]);
    check("STest\nR$* no tab here", &["cf: line 5: invalid rewrite line \"R\u{1}* no tab here\" (tab expected)"]);
    check("STest\nR$*\t$2", &["cf: line 5: replacement $2 out of bounds"]);
    check(
        "STest\nR$1\t$1",
        &["cf: line 5: Inappropriate use of $1-$9 on LHS", "cf: line 5: replacement $1 out of bounds"],
    );
    check("STest\nR$* $#x\t$1", &[]);
    check("STest\nR$* $: $*\t$1", &["cf: line 5: Inappropriate use of $: on LHS"]);
    check(
        "STest\nR$* $[ $1 $]\t$1",
        &[
            "cf: line 5: Inappropriate use of $[ on LHS",
            "cf: line 5: Inappropriate use of $1-$9 on LHS",
            "cf: line 5: Inappropriate use of $] on LHS",
        ],
    );
    check(
        "STest\nR$* $( x $)\t$1",
        &["cf: line 5: Inappropriate use of $( on LHS", "cf: line 5: Inappropriate use of $) on LHS"],
    );
    check("STest\nR$*\t$=A", &["cf: line 5: Inappropriate use of $= on RHS"]);
    check("STest\nR$*\t$*", &["cf: line 5: Inappropriate use of $* on RHS"]);
    check("STest\nR$*\t$[ $1", &["cf: line 5: missing map closing token"]);
    check("STest\nR$*\t$( nomap $1", &["cf: line 5: missing map closing token"]);
    check("STest\nR$*\t$( x $[ $1 $] $)", &["cf: line 5: cannot nest map lookups"]);
    check("STest\nR$*\t$: $: $1", &[]);
    check("STest\nR$*\t$>", &[]);
    check("STest\nR$=\t$1", &[]);
    check("STest\nR$~\t$1", &[]);
    check("R$*\t$1", &[]);
    check("SDup\nR$*\t$@ first\nSDup\nR$*\t$@ second", &["WARNING: Ruleset Dup has multiple definitions"]);
}

#[test]
fn the_original_is_matched_on_rulesets() {
    check("S", &["cf: line 4: invalid ruleset name: \"\""]);
    check("S9999", &["cf: line 4: bad ruleset 9999 (100 max)"]);
    check("S500=Foo", &["cf: line 4: bad ruleset 500 (100 max)"]);
}

#[test]
fn the_original_is_matched_on_headers() {
    check("H", &["cf: line 4: header syntax error, line \"\""]);
    check("HNoColon", &["cf: line 4: header syntax error, line \"NoColon\""]);
    check("H?Z", &["cf: line 4: header syntax error, line \"?Z\""]);
    check("HTo: x", &[]);
    check("H?{Cl}?X: y", &[]);
}

#[test]
fn the_original_is_matched_on_mailers() {
    check("Mbad", &["cf: line 4: Mbad: A= argument required"]);
    check("Mbad2, P=/bin/true", &["cf: line 4: Mbad2: A= argument required"]);
    check("Mbad3, P=/bin/true, A=", &["cf: line 4: Mbad3: A= argument required"]);
    check("Mbad4, P=/bin/true, A=x, S=NoSuch/None, F=~", &[]);
    check("Mbad5 P=/bin/true", &["cf: line 4: Mbad5: A= argument required"]);
    check("Mbad6, P=/bin/true, A=x, Z=1", &["cf: line 4: Mbad6: unknown mailer equate Z="]);
    check("Mbad7, P=[IPC], A=IPC $h", &["Mbad7: Warning: first argument in [IPC] mailer must be TCP or FILE"]);
    check("Mbad8, P=[TCP], A=TCP", &["cf: line 4: Mbad8: P=[TCP] must be replaced by P=[IPC]"]);
}

#[test]
fn the_original_is_matched_on_precedences() {
    check("P", &["cf: line 4: unknown configuration line \"P\""]);
    check("Pbad", &["cf: line 4: unknown configuration line \"Pbad\""]);
    check("Pbad=x", &[]);
}

#[test]
fn the_original_is_matched_on_other_lines() {
    check("Tnouser", &[]);
    check("E", &[]);
    check("EBADLINE", &[]);
    check("EFOO=bar", &[]);
    check("# only comment", &[]);
}

#[test]
fn the_original_is_matched_on_queue_groups() {
    check("Qq1", &[]);
    check("Qq2, P=/nonexistent/*", &[]);
    check("Q,", &[]);
    check("Q", &["cf: line 4: name required for queue"]);
    check("Qg, P=", &["cf: line 4: queue g: empty path name"]);
    check("Qg, P=/x, P= , F=f", &["cf: line 4: queue g: empty path name"]);
    check("Qg, R=1", &[]);
    check("Qg, R=5, F=x, F=f", &[]);
    check("Qg, R=2", &["Warning: Q=g: R=2: multiple queue runners specified\n\tbut flag 'f' is not set"]);
    let groups = read(b"V10\nQFast, P=/a\nQfast, P=/b\nQMQUEUE\n", "cf", &env()).0;
    assert_eq!(groups.queue_groups.iter().map(|group| group.name.to_string()).collect::<Vec<_>>(), ["fast", "mqueue"]);
    assert_eq!(groups.queue_group(b"FAST").expect("declared").path, "/b");
    assert!(groups.has_queue_group(b"Mqueue") && !groups.has_queue_group(b"slow"));
}

#[test]
fn the_original_is_matched_on_filters() {
    check("Xm1", &["cf: line 4: Xm1: empty or missing socket information"]);
    check("Xm2, S=", &["cf: line 4: Xm2: empty or missing socket information"]);
    check("Xm, S=local:/x, T=C: 5m;;R:2s", &[]);
    check("Xm, S=local:/x, T=C:5m ;R:2s", &["cf: line 4: Invalid time unit ` '"]);
    for limits in ["C:5m;", ";", "C", "C5m"] {
        check(&format!("Xm, S=local:/x, T={limits}"), &["cf: line 4: Xm, T=: `:' expected"]);
    }
}

#[test]
fn the_original_is_matched_on_levels() {
    check(
        "V11/Foo",
        &[
            "cf: line 4: invalid V line vendor code: \"Foo\"",
            "Warning: .cf version level (11) exceeds sendmail version 8.18.1 functionality (10)",
        ],
    );
    check("V99", &["Warning: .cf version level (99) exceeds sendmail version 8.18.1 functionality (10)"]);
    check("V9", &["Warning: .cf file is out of date: sendmail 8.18.1 supports version 10, .cf file is version 9"]);
    check("V", &["cf: line 4: invalid argument to V line: \"\""]);
}

#[test]
fn names_in_rules_and_values_are_checked() {
    check("Dq$x $$ ${y}", &[]);
    check("D{A-b}v", &["cf: line 4: Invalid macro/class character -"]);
    check("$x", &["cf: line 4: unknown configuration line \"\u{1}x\""]);
    check("Ra\t", &["cf: line 4: invalid rewrite line \"Ra\" (tab expected)"]);
}

#[test]
fn macros_are_kept_raw_and_unquoted() {
    let value = |line: &str| {
        let (config, errors) = read(format!("V10\n{line}").as_bytes(), "cf", &env());
        assert!(errors.is_empty(), "{errors:?}");
        config.macro_value(b"q").cloned().unwrap_or_default()
    };
    assert_eq!(value("Dqa b # comment"), "a b");
    assert_eq!(value("Dqa\\# b # comment"), "a# b");
    assert_eq!(value("Dq  lead  "), "  lead");
    assert_eq!(value("Dq\"a b\" \"c"), "a b c");
    assert_eq!(value("Dqa\n  b\n\tc"), "a\n  b\n\tc");
    assert_eq!(value("Dqa\\nb\\101"), "a\nb101");
    assert_eq!(value("Dq$j"), &b"\x81j"[..]);
}

#[test]
fn class_words_are_expanded_where_they_stand() {
    let (config, _) = read(b"V10\nDxone two\nC{Z}a $x b # c\nDxlater\nTroot mail\n", "cf", &env());
    let words: Vec<_> = config
        .classes
        .words
        .iter()
        .map(|line| format!("{}: {}", line.class, bstr::join(" ", &line.words).len()))
        .collect();
    assert_eq!(words, ["Z: 11", "t: 9"]);
    assert_eq!(config.classes.words[0].words, ["a", "one", "two", "b"]);
}

#[test]
fn class_files_have_options_programs_and_maps() {
    let source = |line: &str| read(format!("V10\n{line}").as_bytes(), "cf", &env()).0.classes.files[0].clone();
    let file = source("F{Z}-o /etc/mail/f %[a-z]");
    assert_eq!(
        (file.optional, file.source, file.pattern.as_slice()),
        (true, ClassSource::File("/etc/mail/f".into()), &b"%[a-z]"[..])
    );
    let program = source("F{Z}|/bin/p a %[^x]");
    assert_eq!((program.source, program.pattern.as_slice()), (ClassSource::Program("/bin/p".into()), &b""[..]));
    assert_eq!(source("F{Z}\"/a b\" %s").source, ClassSource::File("/a b".into()));
    assert_eq!(source("F{Z}\"|/bin/p\"").source, ClassSource::Program("/bin/p".into()));
    check("F{Z}\"/a b", &["cf: line 4: illegal filename '\"/a b'"]);
    check("F{Z}\"\" x", &["cf: line 4: fileclass: missing file name"]);
    let map = ClassSource::Map { key: "k".into(), class: "hash".into(), spec: "/etc/mail/a b".into() };
    assert_eq!(source("F{Z}k@hash:/etc/mail/a b").source, map);
    assert_eq!(source("F{Z}foo:bar").source, ClassSource::File("foo:bar".into()));
}

#[test]
fn maps_are_declared() {
    let (config, errors) = read(b"V10\nKaccess hash -T<TMPF> /etc/mail/access\nK x.y\thash\t/a\n", "cf", &env());
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(config.maps[0].args, "-T<TMPF> /etc/mail/access");
    assert_eq!(config.maps[1].name.as_bytes(), b"x.y");
    check("K{x} hash /a", &["cf: line 4: readcf: config K line: no map name"]);
    let (config, _) = read(b"V10\nKx-y hash /a\n", "cf", &env());
    assert_eq!((config.maps[0].name.as_bytes(), config.maps[0].class.as_slice()), (&b"x"[..], &b"y"[..]));
}

#[test]
fn the_command_line_wins_over_the_file() {
    let mut env = env();
    env.overrides = vec![
        Override::Named("DeliveryMode=q".into()),
        Override::Letter("pnovrfy".into()),
        Override::Named("Timeout.ident=0".into()),
        Override::Macro("{greet}hi".into()),
        Override::Macro("{greeted}hi".into()),
        Override::Letter("Mrlocal".into()),
    ];
    let text = b"V10\nO DeliveryMode=i\nO PrivacyOptions=noexpn\nO Timeout.ident=5s\nO Timeout.rcpt=5s\nD{greet}ho\n";
    let (config, errors) = read(text, "cf", &env);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(config.options.delivery_mode, DeliveryMode::Queue);
    assert!(config.options.privacy.has(Privacy::NoVrfy) && config.options.privacy.has(Privacy::NoExpn));
    assert_eq!((config.options.timeout.ident.as_secs(), config.options.timeout.rcpt.as_secs()), (0, 5));
    // A macro is the file's, if it says anything of it.
    assert_eq!(config.macro_value(b"greet"), Some(&"ho".into()));
    assert_eq!(config.macro_value(b"greeted"), Some(&"hi".into()));
    assert_eq!(config.macro_value(b"r"), Some(&"local".into()));
}

#[test]
fn errors_of_the_command_line_have_no_place() {
    let mut env = env();
    env.overrides = vec![Override::Named("NoSuch=q".into())];
    assert_eq!(read(b"V10\n", "cf", &env).1[0].to_string(), "readcf: unknown option name NoSuch");
}

#[test]
fn old_levels_name_some_options_as_macros() {
    let (config, _) = read(b"V5\nDo.@\nDeHello $j\nDl>From $g\nO i\n", "cf", &env());
    assert_eq!(config.options.operator_chars, ".@");
    assert_eq!(config.options.smtp_greeting_message, &b"Hello \x81j"[..]);
    assert!(config.options.colon_ok_in_addr);
    assert!(!read(b"V10\n", "cf", &env()).0.options.colon_ok_in_addr);
}

#[test]
fn from_level_5_on_the_name_of_the_host_is_short() {
    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let (config, _) = read(text.as_bytes(), "cf", &env());
        let name = config.macros.iter().rev().find(|(name, _)| name.as_bytes() == b"w");
        assert_eq!(name.map(|(_, value)| value.to_string()).as_deref(), expected, "{text:?}");
    }
    check("V4\n", None);
    check("V5\n", Some("hoge"));
    check("Dwa.b\nV10\n", Some("a"));
    check("V10\nDwa.b\n", Some("a.b"));
}

#[test]
fn operators_have_the_values_of_their_macros_at_the_first_rule() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let rulesets = read(text.as_bytes(), "cf", &env()).0.rulesets;
        let is_operator = |byte: &u8| rulesets.scan_rules().is_operator(*byte) && !b"()<>,;".contains(byte);
        assert_eq!((0..=u8::MAX).filter(is_operator).map(char::from).collect::<String>(), expected, "{text:?}");
    }
    check("V10\nO OperatorChars=$f.\nDfxy\nSA\nRa\tb\nDfz\nO OperatorChars=:\n", ".xy");
    check("V10\nO OperatorChars=$f\nDfz\n", "z");
    check("V10\nDo!\n", ".:@[]");
    check("V6\nDo!\nDo%$f\nDfz\n", "%z");
    check("V6\nDo\n", "");
}

#[test]
fn a_bad_mode_ends_the_reading() {
    check("O DeliveryMode=x\nZ\n", &["cf: line 4: Unknown delivery mode x"]);
}

#[test]
fn load_limits_grow_with_the_processors() {
    let mut env = env();
    env.processors = 4;
    let options = read(b"V10\n", "cf", &env).0.options;
    assert_eq!((options.queue_la, options.refuse_la), (32, 48));
}

#[test]
fn garbage_is_told_within_bounds() {
    let mut garbage = Vec::new();
    let mut state = 1_u32;
    for _ in 0..200_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        garbage.push((state >> 24) as u8);
    }
    let (_, errors) = read(&garbage, "cf", &env());
    assert!((1..=PROBLEMS_MAX + 10).contains(&errors.len()), "{}", errors.len());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
        read(&bytes, "cf", &env());
    }

    #[test]
    fn no_text_makes_the_reader_panic(lines in "([VODCFHPTMKSRQXE][ -~\t]{0,40}\n){0,12}") {
        read(lines.as_bytes(), "cf", &env());
    }
}

#[test]
fn a_user_database_of_an_unknown_kind_is_told() {
    let config = super::read(b"V10\nO UserDatabaseSpec=/etc/mail/userdb.db,hesiod\n", "x.cf", &ReadEnv::default()).0;
    let told = config.not_acted_upon();
    assert!(told.len() == 1 && told[0].starts_with("UserDatabaseSpec: hesiod is neither"), "{told:?}");
}

#[test]
fn options_and_logins_that_are_not_there_yet_are_told() {
    let text = b"V10\nO ServerCertFile=/x.pem\nC{TrustAuthMech}PLAIN\n";
    let told = super::read(text, "x.cf", &ReadEnv::default()).0.not_acted_upon();
    assert_eq!(
        told,
        [
            "options that this version does not act upon yet: ServerCertFile=/x.pem",
            "AUTH is not there yet in this version: nobody can log in, and no password is sent"
        ]
    );
}

#[test]
fn line_ends_that_smtp_does_not_have_are_told() {
    let text = b"V10\nMa, P=[IPC], A=TCP $h, E=\\r\\n\nMb, P=[IPC], A=TCP $h, E=\\n\nMc, P=/c, A=c, E=x\n";
    let told = super::read(text, "x.cf", &ReadEnv::default()).0.not_acted_upon();
    assert_eq!(told, ["Mailer b: E= is not acted upon: lines of SMTP end with CRLF; line 3"]);
}

#[test]
fn what_queue_groups_ask_in_vain_is_told() {
    let text = b"V10\nQplain, P=/var/spool/a, r=9\nQslow, P=/var/spool/b, I=1h, R=2, F=f\n";
    let told = super::read(text, "x.cf", &ReadEnv::default()).0.not_acted_upon();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("Queue group slow: this version does not act upon I=, R=, F=f: "), "{told:?}");
    assert!(told[0].ends_with("; line 3"), "{told:?}");
}

#[test]
fn options_without_a_name_are_told() {
    let told = |line: &str| super::read(format!("V10\n{line}\n").as_bytes(), "x.cf", &ReadEnv::default()).1;
    let check = |line: &str, expected: &str| assert_eq!(told(line)[0].problem.to_string(), expected, "{line}");
    check("O =5", "readcf: null option name");
    check("O .x=5", "readcf: ambiguous option name  (matches SevenBitInput and EightBitMode)");
    check("O\t=5", "readcf: unknown option name 0x9");
    check("O MaxHopCount\t=5", "readcf: unknown option name MaxHopCount\t");
    check("\x0c", "unknown configuration line \"\x0c\"");
}

#[test]
fn users_and_groups_of_options_must_be_there() {
    let accounts = Accounts { has_user: |name| name == b"alice", has_group: |name| name == b"mail" };
    let told = |line: &str| {
        let (_, errors) =
            read(format!("V10\nO {line}\n").as_bytes(), "x.cf", &ReadEnv { accounts: Some(accounts), ..env() });
        errors.iter().map(|error| error.problem.to_string()).collect::<Vec<_>>()
    };
    for line in ["DefaultUser=alice", "DefaultUser=alice:mail", "RunAsUser=1:1", "RunAsUser=99999", "TrustedUser=alice"]
    {
        assert_eq!(told(line), Vec::<String>::new(), "{line}");
    }
    let mailer = |user: &str| told(&format!("AliasFile=x\nMm, P=/p, U={user}, A=p"));
    for user in ["alice", "alice.mail", "alice@mail", "5:6", "0x10", "alice mmail"] {
        assert_eq!(mailer(user), Vec::<String>::new(), "{user}");
    }
    for number in ["5x", "09", "0x", "4294967295", "99999999999"] {
        assert_eq!(mailer(number), [format!("readcf: mailer U= flag: unknown user {number}")]);
        assert_eq!(told(&format!("DefaultUser={number}")).len(), usize::from(number != "09"), "{number}");
    }
    assert_eq!(mailer("alice:my.group"), ["readcf: mailer U= flag: unknown group my.group"]);
    assert_eq!(mailer("nosuch"), ["readcf: mailer U= flag: unknown user nosuch"]);
    assert_eq!(mailer("1:nosuch"), ["readcf: mailer U= flag: unknown group nosuch"]);
    assert_eq!(mailer(":mail"), ["mailer m: null user name"]);
    assert_eq!(told("DefaultUser=nosuch:mail"), ["readcf: option u: unknown user nosuch"]);
    assert_eq!(told("DefaultUser=1:nosuch"), ["readcf: option u: unknown group nosuch"]);
    assert_eq!(told("RunAsUser=nosuch"), ["readcf: option RunAsUser: unknown user nosuch"]);
    assert_eq!(told("TrustedUser=alice:mail"), ["readcf: option TrustedUser: unknown user alice:mail"]);
    assert_eq!(told("TrustedUser="), ["readcf: option TrustedUser: unknown user "]);
}
