//! `makecf` beside the stock cf library: option lines and systems.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use futago::cf::mc_names;

use crate::{program, skip};

/// The cf library of the original, where `tests/oracle/setup.sh` lays it.
const STOCK: &str = "/opt/oracle/root/usr/share/sendmail/cf/";

/// Runs `makecf` on a text.
fn makecf(args: &[&str], text: &str) -> Output {
    use std::io::Write;
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(program());
    command.arg0("makecf").args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    // It may end before it has read everything.
    let _ = child.stdin.take().expect("piped").write_all(text.as_bytes());
    child.wait_with_output().expect("ends")
}

/// Returns the option lines that a library in a folder makes of a text, whatever they are worth.
fn options(library: &Path, text: &str) -> BTreeSet<String> {
    let core = library.join("m4/cf.m4").display().to_string();
    let made = makecf(&["-U_CF_DIR_", &core, "-"], text).stdout;
    let lines = String::from_utf8_lossy(&made);
    // An option without a value is an empty one.
    lines.lines().filter(|line| line.starts_with("O ")).map(|line| line.trim_end_matches('=').to_owned()).collect()
}

#[track_caller]
fn check_options(settings: &str) {
    let text = format!("{settings}\nMAILER(`local')\nMAILER(`smtp')\n");
    let stock = options(Path::new(STOCK), &text);
    assert!(stock.len() > 20, "{settings}");
    assert_eq!(options(&crate::repository("etc/cf"), &text), stock, "{settings}");
}

fn has_stock() -> bool {
    let has = Path::new(STOCK).is_dir();
    if !has {
        skip("the original's cf library is not here");
    }
    has
}

#[test]
fn every_conf_name_sets_the_option_that_it_sets_in_the_stock_library() {
    if !has_stock() {
        return;
    }
    // Filters have their macros only where there are filters, and the time zone has words of its own.
    let names =
        mc_names().into_iter().filter(|name| !name.option.starts_with("Milter.") && name.name != "confTIME_ZONE");
    let settings: String = names.map(|name| format!("define(`{0}', `value_of_{0}')dnl\n", name.name)).collect();
    check_options(&format!("OSTYPE(`bsd4.4')\n{settings}"));
    check_options("OSTYPE(`bsd4.4')");
    check_options("OSTYPE(`bsd4.4')\ndefine(`confTIME_ZONE', `USE_TZ')define(`confMESSAGE_TIMEOUT', `3d/6h')");
    check_options("OSTYPE(`bsd4.4')\ndefine(`confTIME_ZONE', `USE_SYSTEM')define(`confMESSAGE_TIMEOUT', `3d')");
    check_options("OSTYPE(`bsd4.4')\ndefine(`confTIME_ZONE', `JST-9')DOMAIN(`generic')");
}

#[test]
fn every_system_has_the_options_that_it_has_in_the_stock_library() {
    if !has_stock() {
        return;
    }
    let systems = std::fs::read_dir(crate::repository("etc/cf/ostype")).expect("is there").flatten();
    let names: Vec<String> = systems.map(|entry| entry.file_name().to_string_lossy().replace(".m4", "")).collect();
    // The stock file of Debian includes one that only an installed system has; `unknown` is an error here.
    for name in names.iter().filter(|name| !matches!(name.as_str(), "debian" | "unknown")) {
        check_options(&format!("OSTYPE(`{name}')"));
    }
    assert!(names.len() > 15);
}

/// Returns the mailers, headers, files of classes, trusted users and options that a library in a folder makes of a text.
fn shape(library: &Path, text: &str) -> BTreeSet<String> {
    let core = library.join("m4/cf.m4").display().to_string();
    let made = makecf(&["-U_CF_DIR_", &core, "-"], text).stdout;
    let lines = String::from_utf8_lossy(&made).replace("\n\t\t", " ").replace("\n\t", " ");
    let mut shape = BTreeSet::new();
    for line in lines.lines() {
        match line.as_bytes().first() {
            Some(b'M' | b'H' | b'F' | b'O') => {
                let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
                shape.insert(line.replace("=,", ",").replace("= ", "=").trim_end_matches('=').to_owned());
            }
            Some(b'T') => shape.extend(line[1..].split_whitespace().map(|user| format!("trusted {user}"))),
            Some(b'C') if line.starts_with("Ct") => {
                shape.extend(line[2..].split_whitespace().map(|user| format!("trusted {user}")));
            }
            _ => {}
        }
    }
    shape
}

#[test]
fn what_is_left_out_or_comes_late_has_the_shape_that_the_stock_library_gives_it() {
    if !has_stock() {
        return;
    }
    for text in [
        // Mailers of this host come by themselves; old names of features.
        "OSTYPE(`linux')\nFEATURE(`access_db', `hash -o /etc/mail/access.db')\nFEATURE(`blacklist_recipients')\n\
         FEATURE(`local_procmail', `', `procmail -t -Y -a $h -d $u')\nMAILER(`smtp')\nMAILER(`procmail')\n",
        // Files are named after the features that read them.
        "OSTYPE(`freebsd6')\nFEATURE(`use_cw_file')\nFEATURE(`use_ct_file')\nFEATURE(`nouucp', `reject')\n\
         define(`confCW_FILE', `-o /etc/mail/local-host-names')\ndefine(`confCT_FILE', `-o /etc/mail/ct')\n\
         define(`confCR_FILE', `-o /etc/mail/cr')\ndefine(`confTRUSTED_USERS', `www uucp')\nMAILER(`local')\n",
        // Tables say nothing of domains that nobody gave them.
        "OSTYPE(`linux')\nFEATURE(`virtusertable')\nFEATURE(`genericstable')\nFEATURE(`nocanonify')\n",
        // What a site says of mailers.
        "OSTYPE(`bsd4.4')\ndefine(`SMTP_MAILER_FLAGS', `e')\ndefine(`SMTP_MAILER_MAXRCPTS', `5')\n\
         define(`LOCAL_MAILER_MAX', `100')define(`ESMTP_MAILER_ARGS', `TCP $h 26')\nMODIFY_MAILER_FLAGS(`LOCAL', `-q5')\n\
         MODIFY_MAILER_FLAGS(`PROCMAIL', `-D')MODIFY_MAILER_FLAGS(`SHELL', `oeu')MODIFY_MAILER_FLAGS(`POP', `+0')\n\
         MAILER(`smtp')MAILER(`uucp')MAILER(`procmail')MAILER(`usenet')MAILER(`phquery')MAILER(`pop')MAILER(`fax')\n\
         MAILER(`mail11')MAILER(`qpage')\n",
        // Headers and mailers that features and old names change.
        "OSTYPE(`linux')\nFEATURE(`nullclient', `hub.example.com')\n",
        "OSTYPE(`linux')\ndefine(`confFROM_HEADER', `$g (me)')\nFEATURE(`nullclient', `[hub.example.com]')\n",
        "OSTYPE(`linux')\ndefine(`UUCP_MAX_SIZE', `77777')\ndefine(`confMESSAGEID_HEADER', `<$i@$m>')\n\
         define(`confRECEIVED_HEADER', `from $s by $j')\ndefine(`RELAY_MAILER_LL', `900')\n\
         define(`LOCAL_MAILER_EOL', `\\r\\n')\nMAILER(`local')\nMAILER(`smtp')\nMAILER(`uucp')\n",
        // Debian's own files; the version is that of its packages.
        "define(`sm_version', `8.17.1')define(`sm_version_math', `528641')define(`sm_enable_milter', `yes')define(`sm_ffr', `')\n\
         OSTYPE(`debian')\nDOMAIN(`debian-mta')\nMAILER(`local')\nMAILER(`smtp')\n",
        "define(`sm_version', `8.17.1')define(`sm_version_math', `528641')define(`sm_enable_milter', `yes')define(`sm_ffr', `')\n\
         OSTYPE(`debian')\nDOMAIN(`debian-msp')\nFEATURE(`msp', `[127.0.0.1]', `MSA')\n",
    ] {
        let stock = shape(Path::new(STOCK), text);
        assert!(stock.len() > 10, "{text}");
        let ours = shape(&crate::repository("etc/cf"), text);
        let differing: Vec<_> = ours.symmetric_difference(&stock).collect();
        assert!(differing.is_empty(), "{text}: {differing:#?}");
    }
}

#[test]
fn a_rejected_recipient_is_told_what_the_site_says() {
    let text = |message: &str| {
        format!(
            "OSTYPE(`linux'){message}FEATURE(`access_db')FEATURE(`blocklist_recipients')MAILER(`local')MAILER(`smtp')\n"
        )
    };
    let rejects = |message: &str| {
        let made = makecf(&["-"], &text(message)).stdout;
        let lines = String::from_utf8_lossy(&made).into_owned();
        lines.lines().filter(|line| line.contains("5.2.1 $:")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(rejects("").iter().any(|line| line.ends_with("\"550 Mailbox disabled for this recipient\"")));
    let ours = rejects("define(`confRCPTREJ_MSG', `\"550 closed\"')");
    assert!(ours.len() == 1 && ours[0].ends_with("$#error $@ 5.2.1 $: \"550 closed\""), "{ours:?}");
}

#[test]
fn a_library_that_the_file_names_is_not_read_on_top_of_ours() {
    let text = |name: &str| format!("include(`{name}')dnl\nOSTYPE(`linux')dnl\nMAILER(`smtp')dnl\n");
    let room = tempfile::tempdir().expect("a folder");
    let absent = makecf(&[], &text("/nonexistent/m4/cf.m4"));
    assert!(absent.status.success() && absent.stderr.is_empty(), "{absent:?}");
    std::fs::create_dir(room.path().join("m4")).expect("is made");
    let other = room.path().join("m4/cf.m4").display().to_string();
    std::fs::write(&other, "divert(0)dnl\nO MaxHopCount=7\n").expect("is written");
    let made = makecf(&[], &text(&other));
    let told = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success() && told.contains("cf.m4 is not read: the library of this program is used"), "{told}");
    assert!(made.stdout.len() > 1000 && !String::from_utf8_lossy(&made.stdout).contains("MaxHopCount"));
    // On the command line it is what is wanted.
    assert_eq!(String::from_utf8_lossy(&makecf(&[&other, "-"], "").stdout), "O MaxHopCount=7\n");
}

/// No page of the library calls the macros that it speaks of.
#[test]
fn features_add_nothing_but_what_is_theirs() {
    let text = "OSTYPE(`linux')\nFEATURE(`access_db', `hash /x')\nFEATURE(`blocklist_recipients')\n\
                FEATURE(`virtusertable')\nFEATURE(`genericstable')\nFEATURE(`nocanonify')\nMAILER(`smtp')\n";
    let made = String::from_utf8_lossy(&makecf(&[], text).stdout).into_owned();
    assert_eq!(made.lines().filter(|line| line.starts_with("Kaccess ")).count(), 1);
    assert!(!made.contains("C{R}") && !made.contains("C{G}") && !made.contains("C{Canonify}"));
}

/// Returns the marks of a result, each with the first line behind it.
fn marks(text: &str) -> Vec<(String, String)> {
    let made = String::from_utf8_lossy(&makecf(&[], text).stdout).into_owned();
    let pairs = made.lines().zip(made.lines().skip(1)).filter(|(line, _)| line.starts_with("#@ "));
    pairs.map(|(mark, line)| (mark[3..].to_owned(), line.to_owned())).collect()
}

#[test]
fn the_result_tells_which_line_of_the_mc_file_asked_for_each_of_its_parts() {
    let made = marks(
        "OSTYPE(`linux')dnl\ndefine(`confMAX_HOP', `7')dnl\nFEATURE(`access_db')dnl\nRELAY_DOMAIN(`a.test')dnl\n\
         MAILER(`smtp')dnl\nLOCAL_CONFIG\nD{one}1\ndnl a comment\nD{two}2\n",
    );
    let has = |mark: &str, line: &str| made.iter().any(|(at, behind)| at == mark && behind.starts_with(line));
    assert!(has("stdin:2 define(confMAX_HOP)", "O MaxHopCount=7"), "{made:#?}");
    assert!(has("stdin:3 FEATURE(access_db)", "Kaccess "), "{made:#?}");
    assert!(has("stdin:3 FEATURE(access_db)", "R$*\t$: $1 $| ? $>PeerEntry "), "{made:#?}");
    assert!(has("stdin:4 RELAY_DOMAIN(a.test)", "C{R}a.test"), "{made:#?}");
    assert!(has("stdin:5 MAILER(smtp)", "# ---- mailers"), "{made:#?}");
    assert!(has("stdin:7+ LOCAL_CONFIG", "D{one}1") && has("stdin:9+ LOCAL_CONFIG", "D{two}2"), "{made:#?}");
    assert!(made.iter().any(|(mark, _)| mark == "m4/options.m4"), "{made:#?}");
    // Another library is used as it is, and so is plain m4.
    let core = crate::repository("etc/cf/m4/cf.m4").display().to_string();
    let plain = makecf(&["-U_CF_DIR_", &core, "-"], "OSTYPE(`linux')").stdout;
    assert!(!String::from_utf8_lossy(&plain).contains("#@"));
}

/// Puts settings between the usual first and last lines, and tells what comes of them.
#[track_caller]
fn check_fault(settings: &str, told: &str, is_error: bool) {
    let text = format!("OSTYPE(`linux')dnl\n{settings}\nMAILER(`local')dnl\nMAILER(`smtp')dnl\n");
    let made = makecf(&[], &text);
    let errors = String::from_utf8_lossy(&made.stderr);
    assert!(errors.lines().any(|line| line.contains(told)), "{settings}: {errors}");
    let expected = if is_error { (Some(65), true) } else { (Some(0), false) };
    assert_eq!((made.status.code(), made.stdout.is_empty()), expected, "{settings}: {errors}");
    let checked = makecf(&["--check"], &text);
    assert_eq!((checked.status.code(), checked.stdout.len()), (expected.0, 0), "{settings}");
}

#[test]
fn what_is_wrong_is_told_by_line_and_no_wrong_file_is_written() {
    let error = |settings: &str, told: &str| check_fault(settings, told, true);
    error("FEATURE(`acess_db')dnl", "stdin:2: there is no FEATURE(acess_db); did you mean FEATURE(`access_db')?");
    error("MAILER(`smpt')dnl", "there is no MAILER(smpt); did you mean MAILER(`smtp')?");
    error("DOMAIN(`generics')dnl", "there is no DOMAIN(generics); did you mean DOMAIN(`generic')?");
    error("\ndefine(`confMAX_HOPS', `5')dnl", "stdin:3: there is no setting confMAX_HOPS; did you mean confMAX_HOP?");
    error("FEATRUE(`access_db')dnl", "stdin:2: there is no macro FEATRUE; did you mean FEATURE?");
    error("FEATURE (`access_db')dnl", "stdin:2: FEATURE (...: nothing may stand between FEATURE and its bracket");
    error("define('confMAX_HOP', '5')dnl", "stdin:2: define('...': a value stands between ` and ', not between two '");
    error("MASQUERADE_AS(\u{2018}a.com\u{2019})dnl", "stdin:2: \u{2018} is no quote: a value stands between ` and '");
    error("this is a comment", "stdin:2: unknown configuration line \"this is a comment\"");
    error("define(`confMAX_HOP', `5)dnl", "stdin:2: the quoted string that begins here has no end");
    error("define(`confMAX_HOP', 5')dnl", "stdin:2: confMAX_HOP has a quote without a partner");
    error("define(`confMAX_HOP', `5'dnl", "stdin:2: the file ends within the arguments of `define`");
    error("FEATURE(`access_db', `hsh -T<TMPF> /etc/mail/access')dnl", "map access: class hsh not available");
    error("LOCAL_CONFIG\nKfoo", "stdin:3: config K line, map foo: no map class");
    error("FEATRUE(`x')dnl\nMAILR(`y')dnl", "stdin:3: there is no macro MAILR; did you mean MAILER?");
    error("LOCAL_RULE_4", "stdin:2: there is no macro LOCAL_RULE_4; did you mean LOCAL_RULE_0?");
    error("FEATURE", "stdin:2: FEATURE stands alone: write FEATURE(`...')");
    error("DNL don't", "stdin:2: DNL is nothing to m4: a comment begins with dnl");
    error("define(`SMART_HOTS', `x.test')dnl", "stdin:2: there is no setting SMART_HOTS; did you mean SMART_HOST?");
    error("define(`MaxHopCount', `5')dnl", "stdin:2: there is no setting MaxHopCount; did you mean confMAX_HOP?");
    error("define(`SENDER', `5')dnl\ndefine(`RELAY', `x')dnl", "stdin:3: the rules of the library use the word RELAY");
    error("SMART_HOST(`x.test')dnl", "stdin:2: SMART_HOST is no call: write define(`SMART_HOST', `...')");
    error(
        "define(`MASQUERADE_AS', `x.test')dnl",
        "stdin:2: MASQUERADE_AS is no setting: write MASQUERADE_AS(`x.test')",
    );
    error("define(`confMAX_HOP' `5')dnl", "a comma is missing between name and value");
    error("undefine(`ALIAS_FLIE')dnl", "stdin:2: there is no setting ALIAS_FLIE; did you mean ALIAS_FILE?");
    error("define(`confTO_IDENT', `5x')dnl", "stdin:2: Invalid time unit `x' (a time is a number with w, d, h, m or s");
    error(
        "define(`confMAX_HOP', `10M')dnl",
        "stdin:2: the value should be a whole number without a unit, in \"O MaxHop",
    );
    error(
        "define(`confSAFE_QUEUE', `maybe')dnl",
        "stdin:2: the value should be True, Interactive, PostMilter or False",
    );
    error("define(`confDELIVERY_MODE', `fast')dnl", "stdin:2: Unknown delivery mode f, in \"O DeliveryMode=fast\"");
    error("define(`confSMTP_LOGIN_MSG', `$j $1')dnl", "stdin:2: confSMTP_LOGIN_MSG: m4 drops $1 from a value");
    error("DAEMON_OPTIONS(Port=25, Name=MTA)dnl", "stdin:2: DAEMON_OPTIONS takes one argument, `Name=MTA' is lost");
    error("define(`confPRIVACY_FLAGS', `goawy')dnl", "stdin:2: Op line: goawy unrecognized (did you mean goaway?)");
    error("DAEMON_OPTIONS(`Prot=25')dnl", "stdin:2: the value has a field Prot=25 that nobody knows");
    error("define(`SMART_HOST', `relay.test:587')dnl", "stdin:2: SMART_HOST: a port does not stand behind the host");
    error("define(`SMART_HOST', `smtp://relay.test')dnl", "stdin:2: SMART_HOST: \"smtp://relay.test\" is no host");
    error("DAEMON_OPTIONS(`Port=99999')dnl", "a port is a name, or a number up to 65535");
    error("MASQUERADE_AS()dnl", "stdin:2: nothing is named: write it between the brackets");
    error("FEATURE(`access_db'')dnl", "a quote has no partner: write FEATURE(`NAME')");
    error("define(`confDOMAIN_NAME', `a\u{1}b')dnl", "stdin:2: a control character stands in the line");
    error("OSTYPE(`freebsd13')dnl", "stdin:2: OSTYPE(freebsd13): the system is OSTYPE(linux) already");
    error("include(`/dev/null')dnl", "stdin:2: cannot read /dev/null: it is a directory, device or pipe");
    error("FEATURE(`greet_pause', `5s')dnl", "stdin:2: greet_pause takes a number of milliseconds");
    error(
        "FEATURE(`confMAX_HOP', `5')dnl",
        "there is no FEATURE(confMAX_HOP); did you mean define(`confMAX_HOP', `...')?",
    );
    error("DOMAIN(`example.com')dnl", "write domain/example.com.m4 below a folder, and call makecf -I FOLDER");
    error("include(`/dev/zero')dnl", "stdin:2: cannot read /dev/zero: it is a directory, device or pipe, not a file");
    error("MAILER(`local, smtp')dnl", "each has a line of its own, MAILER(`NAME')");
    error("# a ` here", "a closing quote is missing (m4 reads a line behind # too: write dnl)");
    error("define(`confMAX_HOP',\u{a0}`5')dnl", "stdin:2: U+00A0 stands here, which looks like a blank and is none");
    error("R$*\tx", "put it behind LOCAL_RULE_0 or the like");
    error("LOCAL_RULE_0\nR$*  x", "put a tab between its two sides");
    error(
        "define(`confMAX_HOP', `5')dnl\nOSTYPE(`bsd4.4')dnl",
        "stdin:3: OSTYPE(bsd4.4): the system is OSTYPE(linux) already",
    );
}

#[test]
fn what_is_perhaps_not_meant_is_told_by_line() {
    let warning = |settings: &str, told: &str| check_fault(settings, told, false);
    warning(
        "FEATURE(`local_procmail')dnl\ndefine(`PROCMAIL_MAILER_PATH', `/x')dnl",
        "stdin:3: warning: PROCMAIL_MAILER_PATH comes too late for FEATURE(local_procmail) in line 2",
    );
    warning(
        "MAILER(`procmail')dnl\nFEATURE(`access_db')dnl",
        "stdin:3: warning: FEATURE(access_db) should stand before the first MAILER",
    );
    warning("FEATURE(`access_db')dnl\nFEATURE(`access_db')dnl", "FEATURE(access_db) stands in line 2 already");
    warning("define(`SMART_HOST', `uucp-new:x')dnl", "stdin:2: warning: SMART_HOST: there is no mailer uucp-new");
    warning(
        "FEATURE(`greet_pause', `5')dnl\nFEATURE(`access_db')dnl",
        "FEATURE(access_db) comes too late for FEATURE(greet_pause)",
    );
    warning(
        "MAILER(`local')dnl\nMODIFY_MAILER_FLAGS(`LOCAL', `+S')dnl",
        "MODIFY_MAILER_FLAGS(LOCAL) comes too late for MAILER(local)",
    );
    warning("GENERICS_DOMAIN(`a.test')dnl", "GENERICS_DOMAIN(a.test) does nothing without FEATURE(`genericstable')");
    warning(
        "LOCAL_DOMAIN(`a.test, b.test')dnl",
        "stdin:2: warning: a.test, has a comma in it: between the words stand blanks",
    );
    warning("RELAY_DOMAIN(`192.168.0.0/16')dnl", "a network is written by its first numbers, as 192.168 or 10");
    warning("#FEATURE(`access_db')dnl", "stdin:2: warning: FEATURE is called all the same: # begins no comment for m4");
    warning("LOCAL_RULE_0\nR$*\t$#lokal $: $1", "stdin:3: warning: there is no mailer lokal");
    warning("LOCAL_RULE_0\nR$*\t$: $(nomap $1 $)", "stdin:3: warning: there is no map nomap");
    warning("LOCAL_RULE_0\nR$*\t$: $>NoSuch $1", "stdin:3: warning: there is no ruleset NoSuch");
    warning(
        "LOCAL_RULE_0\nR$* $={Fooo}\t$: $1",
        "stdin:3: warning: no line puts a word into class {Fooo}: nothing matches it",
    );
    warning(
        "LOCAL_RULE_0\nR$* $=Fooo\t$: $1",
        "stdin:3: warning: $=Fooo means class F and then ooo: did you mean $={Fooo}?",
    );
    warning("undefine(`A_\u{1b}[31mB')dnl", r"undefine(`A_\u{1b}[31mB')");
    warning("undefine(`NOBODY_KNOWS')dnl", "undefine(`NOBODY_KNOWS'): it is not defined: is it misspelt?");
    warning("define(`OUR_OWN_WORD', `x')dnl", "stdin:2: warning: nothing reads OUR_OWN_WORD");
    warning("define(`confDOMAIN_NAME', `gr\u{fc}n.test')dnl", "stdin:2: warning: letters that are not ASCII");
    warning("define(`confMAX_HOP', `5')dnl\r", "stdin:1: warning: the lines end in CR LF");
    warning(
        "FEATURE(`authinfo')dnl",
        "stdin:2: warning: FEATURE(authinfo): logging in at other servers (AUTH) is not there yet",
    );
    warning("EXPOSED_USER(`root@a.test')dnl", "stdin:2: warning: EXPOSED_USER: root@a.test is an address");
    warning("LDAPROUTE_DOMAIN(`a.test')dnl", "LDAPROUTE_DOMAIN does nothing without FEATURE(`ldap_routing')");
    warning("FEATURE(`ldap_routing')dnl", "FEATURE(ldap_routing) does nothing without LDAPROUTE_DOMAIN");
    warning("FEATURE(`msp')dnl", "FEATURE(msp) makes a submit.cf");
    warning("define(`_DRAC_', `x')dnl", "stdin:2: warning: nothing reads _DRAC_");
    warning("LOCAL_RULESETS\nSLocal_chek_rcpt\nR$*\t$@ OK", "did you mean Local_check_rcpt?");
    warning("Scheck_rcpt", "write behind LOCAL_RULESETS a ruleset SLocal_check_rcpt");
    warning("Cwexample.com", "stdin:2: warning: \"Cwexample.com\" goes into the configuration as it stands");
    warning("define(`confDAEMON_OPTIONS', `Port=25')dnl", "stdin:2: warning: confDAEMON_OPTIONS is obsolete");
    warning("define(`confOUR_OWN', `x')dnl", "stdin:2: warning: nothing reads confOUR_OWN");
}

#[test]
fn words_and_letters_that_mean_nothing_are_told_by_line() {
    let warning = |settings: &str, told: &str| check_fault(settings, told, false);
    warning(
        "define(`confMAX_HOP', 1defn(`confMAX_HPO'))dnl",
        "defn(`confMAX_HPO') is empty, since confMAX_HPO is not defined; did you mean confMAX_HOP?",
    );
    warning(
        "DAEMON_OPTIONS(`Name=A')dnl\nDAEMON_OPTIONS(`Name=B, Port=25, Addr=192.0.2.1')dnl",
        "stdin:3: warning: port 25 is that of the daemon in line 2 already",
    );
    warning("DAEMON_OPTIONS(`Port=587')dnl", "stdin:2: warning: the library has a daemon at port 587 too");
    warning("DAEMON_OPTIONS(`M=Q')dnl", "stdin:2: warning: a port knows no letter Q in M=");
    warning("define(`LOCAL_MAILER_FLAGS', `Y')dnl", "stdin:2: warning: a mailer knows no flag Y");
    warning("MODIFY_MAILER_FLAGS(`LOCAL', `+Y')dnl", "stdin:2: warning: a mailer knows no flag Y");
    warning("MODIFY_MAILER_FLAGS(`LOCL', `+S')dnl", "there is no mailer LOCL to modify; did you mean LOCAL?");
    warning("MAILER_DEFINITIONS\nMown, P=/bin/own, F=lsT, A=own", "stdin:3: warning: a mailer knows no flag T");
    warning("FEATURE(`redirect', `x')dnl", "stdin:2: warning: FEATURE(redirect) takes no argument, `x' is lost");
    warning("FEATURE(`access_db', `hash -y /x')dnl", "stdin:2: warning: Illegal option y map access");
    warning("FEATURE(`nocanonify', `hosts')dnl", "nocanonify takes canonify_hosts, or nothing");
}

#[test]
fn what_a_feature_reads_only_in_the_end_may_come_after_it() {
    let made = makecf(&[], "OSTYPE(`linux')\nFEATURE(`use_cw_file')\ndefine(`confCW_FILE', `/x')\nMAILER(`smtp')\n");
    assert!(made.stderr.is_empty() && String::from_utf8_lossy(&made.stdout).contains("\nFw/x\n"), "{made:?}");
}

#[test]
fn what_is_no_mc_file_is_told_and_so_is_what_a_file_lacks() {
    let told = |text: &str| String::from_utf8_lossy(&makecf(&[], text).stderr).into_owned();
    assert!(told("").starts_with("stdin:1: there is no OSTYPE: write for instance OSTYPE(`linux') near the top"));
    assert!(told("V10/Berkeley\nCwlocalhost\n").starts_with("stdin:1: this is a .cf file"));
    assert!(told("O\0S\0T\0").starts_with("stdin:1: this is no plain text"));
    assert!(told("OSTYPE(`linux')dnl\n").starts_with("stdin:1: warning: there is no MAILER(`smtp')"));
    assert_eq!(told("\u{feff}OSTYPE(`linux')dnl\nMAILER(`smtp')dnl\n"), "");
    // Faults come in the order of the lines.
    let all = told("OSTYPE(`linux')\nMAILR(`x')\ndefine(`confMAX_HOPS', `5')\nFEATURE(`acess_db')\n");
    let lines: Vec<&str> = all.lines().filter_map(|line| line.strip_prefix("stdin:")?.split(':').next()).collect();
    assert_eq!(lines, ["2", "3", "4"], "{all}");
    let copy = crate::repository("etc/cf").display().to_string();
    let named = makecf(&[&format!("-D_CF_DIR_={copy}")], "").stderr;
    assert!(String::from_utf8_lossy(&named).contains("the folder of a library ends in a slash"));
    let missing = makecf(&[&format!("-D_CF_DIR_={copy}/")], "OSTYPE(`linux')\nFEATURE(`acess_db')\n").stderr;
    assert!(String::from_utf8_lossy(&missing).contains("did you mean FEATURE(`access_db')?"));
}

#[test]
fn pages_tell_what_a_mc_file_may_say() {
    let page = |args: &[&str]| String::from_utf8_lossy(&makecf(args, "").stdout).into_owned();
    assert!(page(&["--list-features"]).lines().count() > 50);
    assert!(page(&["--explain", "access_db"]).contains("RELAY"));
    assert!(page(&["--explain", "confTO_IDENT"]).contains("O Timeout.ident=VALUE"));
    assert!(page(&["--explain", "MaxHopCount"]).contains("confMAX_HOP', `VALUE')"));
    assert!(page(&["--explain", "SMART_HOST"]).contains("define(`SMART_HOST', `relay.example.com')"));
    assert!(page(&["--explain", "FEATURE(`access_db')"]).starts_with("FEATURE(`access_db')"));
    assert!(page(&["--explain", "OSTYPE"]).contains("There are: aix5 bsd4.4 "));
    assert!(page(&["--help"]).contains("--explain NAME") && page(&["--help"]).contains("smarthost-auth"));
    let unknown = makecf(&["--explain", "acess_db"], "");
    assert_eq!(unknown.status.code(), Some(66));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("did you mean access_db?"));
}

#[test]
fn every_set_up_makes_a_configuration_and_has_its_page() {
    let files = std::fs::read_dir(crate::repository("etc/mail")).expect("is there").flatten();
    let files: Vec<_> =
        files.map(|entry| entry.path()).filter(|path| path.extension() == Some("mc".as_ref())).collect();
    for file in &files {
        let made = makecf(&[&file.display().to_string()], "");
        let errors = String::from_utf8_lossy(&made.stderr);
        let is_quiet = errors.lines().all(|line| line.contains("is not there yet in this version"));
        assert!(made.status.success() && is_quiet, "{}: {made:?}", file.display());
        let text = String::from_utf8_lossy(&made.stdout).into_owned();
        let lines = text.lines().filter(|line| !line.starts_with("#@ "));
        let mut words =
            lines.flat_map(|line| line.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_'));
        let left = words.find(|word| word.len() > 2 && word.starts_with('_') && word.ends_with('_'));
        assert_eq!(left, None, "{}: a macro of the library that nobody has defined", file.display());
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let page = makecf(&["--explain", &name], "").stdout;
        assert!(String::from_utf8_lossy(&page).contains(&format!("dnl {name}: ")), "{name}");
    }
    assert!(files.len() > 10);
}

/// Runs `make` of one kind on a copy of `etc/mail`, with `mail` as the directory in force; tells whether it succeeded.
fn make(program: &str, folder: &Path, mail: &Path, target: &str) -> bool {
    let given = |name: &str, value: &Path| format!("{name}={}", value.display());
    let mut command = Command::new(program);
    command.current_dir(folder).arg(target).stdout(Stdio::null()).stderr(Stdio::null());
    for name in ["makecf", "makemap", "sendmail"] {
        command.arg(given(&name.to_uppercase(), &folder.join("bin").join(name)));
    }
    command.arg(given("MAIL_DIR", mail));
    command.status().expect("starts").success()
}

#[track_caller]
fn check_makefile(program: &str) {
    if Command::new(program).args(["-f", "/dev/null", "-n", "-V", "MAKE"]).output().is_err() {
        return skip(&format!("there is no {program}"));
    }
    let room = tempfile::tempdir().expect("a directory");
    let folder = room.path();
    for name in ["bin", "installed"] {
        std::fs::create_dir(folder.join(name)).expect("is made");
    }
    for name in ["makecf", "makemap", "sendmail"] {
        std::os::unix::fs::symlink(crate::program(), folder.join("bin").join(name)).expect("is made");
    }
    for name in ["Makefile", "access", "submit.mc"] {
        std::fs::copy(crate::repository("etc/mail").join(name), folder.join(name)).expect("is copied");
    }
    // The submission user need not be there where this is tested.
    let submit = std::fs::read_to_string(folder.join("submit.mc")).expect("is there");
    let submit = format!("define(`confRUN_AS_USER', `root')dnl\n{submit}");
    std::fs::write(folder.join("submit.mc"), submit).expect("is written");
    let mail = &folder.join("installed");
    let installed = |name: &str| std::fs::read_to_string(folder.join("installed").join(name)).unwrap_or_default();
    let write = |name: &str, text: &str| {
        // What is made from the file must look older than it.
        let _ = std::fs::remove_file(folder.join("sendmail.cf"));
        std::fs::write(folder.join(name), text).expect("is written");
    };
    let first = "OSTYPE(`linux')dnl\nFEATURE(`nullclient', `hub.example.com')dnl\n";
    write("sendmail.mc", first);
    assert!(make(program, folder, mail, "maps") && folder.join("access.db").exists(), "{program}");
    assert!(make(program, folder, mail, "install"), "{program}");
    write("sendmail.mc", &format!("define(`confMAX_HOP', `7')dnl\n{first}"));
    assert!(make(program, folder, mail, "install"), "{program}");
    let good = installed("sendmail.cf");
    assert!(
        good.contains("\nO MaxHopCount=7\n") && !installed("sendmail.cf.prev").contains("MaxHopCount"),
        "{program}"
    );
    write("sendmail.mc", &format!("define(`confMAX_HOPS', `8')dnl\n{first}"));
    assert!(!make(program, folder, mail, "install"), "{program}: a wrong .mc file");
    std::fs::remove_file(folder.join("sendmail.mc")).expect("is there");
    write("sendmail.cf", "garbage\n");
    assert!(!make(program, folder, mail, "install"), "{program}: a .cf file that does not load");
    assert_eq!(installed("sendmail.cf"), good, "{program}");
    let here = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    write("sendmail.mc", first);
    assert!(make(program, folder, folder, "sendmail.cf"), "{program}");
    let good = here("sendmail.cf");
    let unloadable = format!("LOCAL_CONFIG\nFw{}\n", folder.join("nothing").display());
    std::fs::write(folder.join("sendmail.mc"), first.to_owned() + &unloadable).expect("is written");
    std::fs::File::options()
        .write(true)
        .open(folder.join("sendmail.cf"))
        .expect("is there")
        .set_modified(std::time::UNIX_EPOCH)
        .expect("is ours");
    assert!(!make(program, folder, folder, "sendmail.cf"), "{program}: in force what does not load");
    assert!(here("sendmail.cf") == good && here("sendmail.cf.new").is_empty(), "{program}");
    assert!(make(program, folder, mail, "sendmail.cf"), "{program}: elsewhere it is only made");
}

#[test]
fn make_install_keeps_the_previous_file_and_refuses_a_wrong_one() {
    check_makefile("make");
    check_makefile("bmake");
}
