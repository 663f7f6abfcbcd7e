//! Maps, classes and aliases of a directory, served by slapd (OpenLDAP); the answers are the original's.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::{is_root, program, repository, skip};

/// Where slapd lies.
const SLAPD: &str = "/usr/sbin/slapd";

/// A directory that ends with its value.
struct Directory {
    server: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Directory {
    /// Starts slapd with the entries of `tests/data/ldap`.
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().display();
        std::fs::create_dir(folder.path().join("db")).expect("a folder");
        let schema = repository("tests/data/ldap/site.schema");
        let config = format!(
            "include /etc/ldap/schema/core.schema\ninclude {}\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
             database mdb\nsuffix dc=x\nrootdn cn=admin,dc=x\ndirectory {place}/db\n",
            schema.display()
        );
        let file = folder.path().join("slapd.conf");
        std::fs::write(&file, config).expect("written");
        let entries = repository("tests/data/ldap/entries.ldif");
        let added = Command::new("/usr/sbin/slapadd").arg("-f").arg(&file).arg("-l").arg(entries).output();
        let added = added.expect("slapadd lies beside slapd");
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let mut server = Command::new(SLAPD);
        server.args(["-d", "1", "-h", &format!("ldap://127.0.0.1:{port}/")]).arg("-f").arg(&file);
        let mut server = server.stderr(Stdio::piped()).spawn().expect("slapd starts");
        // It says so when it serves; what it says later is read so that it need not wait.
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(server.stderr.take().expect("piped")));
        assert!(lines.by_ref().map_while(Result::ok).any(|line| line.contains("slapd starting")), "slapd serves");
        std::thread::spawn(move || lines.for_each(drop));
        Self { server, port, _folder: folder }
    }
}

/// Tells whether directories can be tried here.
fn can_run() -> bool {
    if !cfg!(feature = "ldap") {
        skip("built without the feature: cargo test --features ldap --test suite ldap");
        return false;
    }
    if !Path::new(SLAPD).exists() {
        skip("slapd is not installed (Debian: apt-get install slapd)");
        return false;
    }
    true
}

/// Returns what test mode says to `input` with these lines of a configuration.
fn test_mode(lines: &str, input: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("x.cf");
    let text = format!("V10\nO DontBlameSendmail=TrustStickyBit\nDjhoge.foo.jp\n{lines}Mlocal, P=/bin/true, A=x\n");
    std::fs::write(&config, text + "Mprog, P=/bin/true, A=x\n").expect("written");
    let mut command = Command::new(program());
    command.args(["-bt", "-C"]).arg(&config).current_dir(folder.path());
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    String::from_utf8_lossy(&child.wait_with_output().expect("ends").stdout).into_owned()
}

/// The answers of the original to look-ups: flags, key, answer.
const ANSWERS: &[(&str, &str, &str)] = &[
    ("-k (key=%0) -v val", "ONE", "returns first (0)"),
    ("-k (key=%0) -v val", "two", "returns a (0)"),
    ("-k (key=%0) -v val", "nobody", "no match (68)"),
    ("-k (key=%0) -v val", "empty", "no match (68)"),
    ("-k (key=%0) -v val -z,", "two", "returns a,b,c d (0)"),
    ("-k (key=%0) -v key,val -z,", "twice", "returns twice,x,twice,y (0)"),
    ("-1 -k (key=%0) -v val", "two", "returns a (0)"),
    ("-1 -k (key=%0) -v val", "twice", "no match (68)"),
    ("-k (key=%0) -V= -z, -v key,val", "two", "returns key=two,val=a,val=b,val=c d (0)"),
    ("-m -k (key=%0) -v val", "ONE", "returns ONE (0)"),
    ("-aZZ -k (key=%0) -v val", "one", "returns firstZZ (0)"),
    ("-k (key=%0) -v val", "star*(paren)\\back", "returns special (0)"),
    ("-k (key=%0) -v val", "o*", "no match (68)"),
    ("-k (key=%s) -v val", "o*", "returns first (0)"),
    ("-k (key=%s) -v val", "star*(paren)\\back", "Error in ldap_search in map m: Bad search filter\nno match (75)"),
    ("-s base -k (key=%0) -v val", "one", "no match (68)"),
    ("-s one -k (key=%0) -v val", "one", "returns first (0)"),
    ("-k (key=%0) -v val,link:DN -z,", "chain", "returns top,first (0)"),
    ("-k (key=%0) -v val,link:DN -z,", "loop", "returns l (0)"),
    ("-k (key=%0) -v val,link:FILTER -z,", "chain2", "returns top2,a,b,c d (0)"),
    ("-k (key=%0) -v val,link:URL -z,", "chain3", "returns first (0)"),
    ("-k (key=%0) -v val,link:DN:other -z,", "chain", "returns top (0)"),
    ("-k (key=%0) -v val,link:DN:other -z,", "typed", "returns t,first (0)"),
    ("-k (key=%0) -v val:NORMAL:other -z,", "chain", "no match (68)"),
    (
        "-b dc=nosuch -k (key=%0) -v val",
        "one",
        "Error getting LDAP results, map=m, name=one: No such object\nno match (75)",
    ),
    (
        "-Z1 -k (key=%0) -v val",
        "twice",
        "Error getting LDAP results, map=m, name=twice: Size limit exceeded\nno match (75)",
    ),
    ("-k (key=%0) -v val,link:FILTER -z,", "many", "returns m,x,y (0)"),
    (
        "-Z1 -k (key=%0) -v val,link:FILTER -z,",
        "many",
        "Error getting LDAP results, map=m, name=many: Size limit exceeded\nno match (75)",
    ),
    (
        "-k (key=%0) -v val,link:DN -z,",
        "nowhere",
        "Error getting LDAP results, map=m, name=nowhere: Invalid DN syntax\nno match (75)",
    ),
    // QUIRK(ldap-gone)
    ("-k (key=%0) -v val,link:DN -z,", "gone", "returns g,first (0)"),
];

#[test]
fn maps_of_a_directory_answer_as_with_the_original() {
    if !can_run() {
        return;
    }
    let directory = Directory::start();
    let defaults = format!("O LDAPDefaultSpec=-H ldap://127.0.0.1:{} -b dc=x -w 3\n", directory.port);
    for (flags, key, expected) in ANSWERS {
        let said = test_mode(&format!("{defaults}Km ldap {flags}\n"), &format!("/map m {key}\n"));
        assert!(said.contains(&format!("map_lookup: m ({key}) {expected}\n")), "{flags} {key}: {said}");
    }
}

#[test]
fn classes_and_passwords_of_a_directory_work() {
    if !can_run() {
        return;
    }
    let directory = Directory::start();
    let server = format!("ldap://127.0.0.1:{}", directory.port);
    let folder = tempfile::tempdir().expect("a folder");
    let password = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let (good, bad) = (password("good", "word\n"), password("bad", "wrong\n"));
    let lines = format!(
        "O LDAPDefaultSpec=-H {server} -b dc=x\nF{{X}}@LDAP\nF{{Y}}@ldap:-k (key=two) -v val\n\
         Kgood ldap -d cn=reader,dc=x -M simple -P {good} -k (key=%0) -v val\n\
         Kbad ldap -d cn=reader,dc=x -M simple -P {bad} -k (key=%0) -v val\n"
    );
    let said = test_mode(&lines, "$={X}\n$={Y}\n/map good one\n/map bad one\n");
    for expected in ["one.example\n", "two.example\n", "\nc\n", "map_lookup: good (one) returns first (0)", "(75)"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn aliases_of_a_directory_are_followed() {
    if !can_run() {
        return;
    }
    if is_root() {
        return skip("root lets another process verify addresses, which needs a site");
    }
    let directory = Directory::start();
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("x.cf");
    let text = format!(
        "V10\nO LDAPDefaultSpec=-H ldap://127.0.0.1:{} -b dc=x\nDjhoge.foo.jp\nO AliasFile=ldap:\n\
         O QueueDirectory={}\nMlocal, P=/bin/true, F=Alsw, A=x\nMprog, P=/bin/true, A=x\n\
         Msmtp, P=[IPC], A=TCP $h\nS0\nR$-\t$#local $: $1\nR$+ @ $+\t$#smtp $@ $2 $: $1 @ $2\n",
        directory.port,
        folder.path().display()
    );
    std::fs::write(&config, text).expect("written");
    let output = Command::new(program()).args(["-bv", "-C"]).arg(&config).arg("list").output().expect("runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("bob@example.com... deliverable: mailer smtp, host example.com"), "{said}");
}

#[test]
fn without_the_feature_a_directory_is_refused_with_a_clear_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("x.cf");
    std::fs::write(&config, "V10\nKm ldap -k (key=%0)\n").expect("written");
    let output = Command::new(program()).args(["-bt", "-C"]).arg(&config).stdin(Stdio::null()).output().expect("runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let line = "line 2: readcf: map m: class ldap not available (this program was built without the feature ldap)";
    assert_eq!(said.contains(line), !cfg!(feature = "ldap"), "{said}");
}
