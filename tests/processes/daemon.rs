//! The processes of a daemon, and what becomes of them when one is killed; each has a port and a directory of its own.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

use crate::seen::{NETWORK_UID, SOON, free_port, has_no_rights, parent, processes, shown, soon};

/// A daemon with its files; killed when dropped.
struct Daemon {
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Daemon {
    /// Starts a daemon in the foreground and waits until it serves.
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let port = free_port();
        write_config(&folder, port, "");
        let child = command(&folder, "-bD").spawn().expect("started");
        let daemon = Self { folder, port, child };
        daemon.greeted();
        daemon
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"))
    }

    fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it lives");
    }

    /// Connects and reads the greeting, as soon as that works.
    fn greeted(&self) -> BufReader<TcpStream> {
        soon("a greeting", || {
            let stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
            stream.set_read_timeout(Some(SOON)).expect("a limit");
            let mut reader = BufReader::new(stream);
            read_line(&mut reader).starts_with("220 ").then_some(reader)
        })
    }

    /// Returns the processes whose titles contain `title`.
    fn processes(&self, title: &str) -> Vec<Pid> {
        let keeper = self.pid();
        processes()
            .filter(|pid| parent(*pid) == Some(keeper) && shown(*pid).contains(title))
            .map(Pid::from_raw)
            .collect()
    }

    /// Returns the network process that has been there longest.
    fn network(&self) -> Pid {
        soon("a network process", || self.processes("sendmail: SMTP").into_iter().min())
    }

    /// Waits for the end of the keeper.
    fn ended(&mut self) -> ExitStatus {
        soon("the end of the keeper", || self.child.try_wait().expect("a child"))
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.path().join("sendmail.pid")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_line(reader: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    let _ = reader.read_line(&mut line);
    line
}

/// Writes a configuration that listens on `port`, with more lines behind.
fn write_config(folder: &tempfile::TempDir, port: u16, more: &str) {
    let place = folder.path().display();
    fs::create_dir_all(folder.path().join("queue")).expect("a directory");
    let user = if geteuid().is_root() { format!("O RunAsUser={NETWORK_UID}:{NETWORK_UID}\n") } else { String::new() };
    let text = format!(
        "V10/Berkeley\n\
         O DaemonPortOptions=Name=MTA, Addr=127.0.0.1, Port={port}\n\
         O QueueDirectory={place}/queue\n\
         O PidFile={place}/sendmail.pid\n\
         O MinFreeBlocks=0\n\
         {user}{more}\
         Mlocal, P=/bin/sh, F=lsDFMAw5:/|@qmn9, A=sh -c true\n\
         Mprog, P=/bin/sh, F=lsDFMoqeu9, A=sh -c $u\n\
         S0\n\
         R$*\t$#local $: $1\n"
    );
    fs::write(folder.path().join("test.cf"), text).expect("written");
}

fn command(folder: &tempfile::TempDir, mode: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sendmail"));
    command.args([mode, "-q15m", "-C"]).arg(folder.path().join("test.cf"));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[test]
fn term_ends_everything_and_frees_the_port() {
    let mut daemon = Daemon::start();
    assert!(shown(daemon.pid().as_raw()).starts_with("sendmail: accepting connections"));
    let text = fs::read_to_string(daemon.pid_file()).expect("a pid file");
    assert_eq!(text.lines().next(), Some(daemon.pid().to_string().as_str()));
    let mut session = daemon.greeted();
    daemon.signal(Signal::SIGTERM);
    assert!(read_line(&mut session).starts_with("421 "), "the session is told");
    assert!(daemon.ended().success());
    assert!(!daemon.pid_file().exists());
    assert!(is_free(daemon.port));
}

#[test]
fn the_process_that_reads_the_network_has_no_rights() {
    if !geteuid().is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let daemon = Daemon::start();
    has_no_rights(daemon.network().as_raw());
}

#[test]
fn when_the_keeper_is_killed_then_the_ports_are_free_at_once() {
    let mut daemon = Daemon::start();
    let mut session = daemon.greeted();
    let others: Vec<Pid> = daemon.processes("sendmail: ");
    daemon.signal(Signal::SIGKILL);
    daemon.ended();
    soon("a free port", || is_free(daemon.port).then_some(()));
    assert!(read_line(&mut session).starts_with("421 "), "the session is told");
    for pid in others {
        soon("the end of a process", || (!shown(pid.as_raw()).starts_with("sendmail: ")).then_some(()));
    }
}

#[test]
fn when_the_network_process_is_killed_then_a_new_one_serves() {
    let daemon = Daemon::start();
    let network = daemon.network();
    kill(network, Signal::SIGKILL).expect("it lives");
    soon("another network process", || daemon.processes("sendmail: SMTP").into_iter().find(|pid| *pid != network));
    daemon.greeted();
}

#[test]
fn when_a_hand_is_killed_then_a_new_one_takes_its_place() {
    let daemon = Daemon::start();
    let network = daemon.network();
    let hand = soon("a hand", || daemon.processes("sendmail: user hand").into_iter().next());
    kill(hand, Signal::SIGKILL).expect("it lives");
    soon("another hand", || daemon.processes("sendmail: user hand").into_iter().find(|pid| *pid != hand));
    assert_eq!(daemon.network(), network, "the network process goes on");
}

#[test]
fn hup_keeps_pid_and_port_and_old_sessions() {
    let daemon = Daemon::start();
    let network = daemon.network();
    let mut session = daemon.greeted();
    daemon.signal(Signal::SIGHUP);
    let new =
        soon("a new network process", || daemon.processes("sendmail: SMTP").into_iter().find(|pid| *pid != network));
    daemon.greeted();
    let text = fs::read_to_string(daemon.pid_file()).expect("a pid file");
    assert_eq!(text.lines().next(), Some(daemon.pid().to_string().as_str()));
    assert!(shown(network.as_raw()).starts_with("sendmail: "), "the old one serves its session");
    session.get_mut().write_all(b"QUIT\r\n").expect("sent");
    soon("the end of the old network process", || (!daemon.processes("").contains(&network)).then_some(()));
    assert_eq!(daemon.network(), new);
    daemon.signal(Signal::SIGHUP);
    soon("a third one", || daemon.processes("sendmail: SMTP").into_iter().find(|pid| *pid != new));
    daemon.greeted();
}

#[test]
fn whoever_asks_for_the_state_does_not_end_the_daemon() {
    let daemon = Daemon::start();
    let mut session = daemon.greeted();
    let network = daemon.network();
    for pid in [network, daemon.pid()] {
        kill(pid, Signal::SIGUSR1).expect("it lives");
    }
    session.get_mut().write_all(b"NOOP\r\n").expect("sent");
    assert!(read_line(&mut session).starts_with("250 "));
    daemon.greeted();
    assert_eq!(daemon.network(), network);
}

#[test]
fn when_the_configuration_is_broken_at_hup_then_the_old_pair_goes_on() {
    let daemon = Daemon::start();
    let network = daemon.network();
    write_config(&daemon.folder, daemon.port, "O NoSuchOption=1\n");
    let before = started(daemon.pid());
    daemon.signal(Signal::SIGHUP);
    // The title of a new image shows that the restart is over.
    soon("a restart", || (started(daemon.pid()) != before).then_some(()));
    daemon.greeted();
    assert_eq!(daemon.processes("sendmail: SMTP"), [network]);
    write_config(&daemon.folder, daemon.port, "");
    daemon.signal(Signal::SIGHUP);
    soon("a new network process", || daemon.processes("sendmail: SMTP").into_iter().find(|pid| *pid != network));
    daemon.greeted();
}

/// Writes a configuration whose check_rcpt answers with the class that an address's user is in, of those that a file, a
/// program and a map fill.
fn write_classes(folder: &tempfile::TempDir, port: u16) {
    let place = folder.path().display();
    let more = format!(
        "O DontBlameSendmail=TrustStickyBit\n\
         F{{File}}{place}/file\n\
         F{{Program}}|{place}/program\n\
         F{{Map}}words@text:-v1 {place}/map\n\
         Mbox, P=/bin/sh, F=lsDFMm, S=0, R=0, A=sh -c cat>>{place}/box $u\n\
         Scheck_rcpt\n\
         R$* $={{File}} $*\t$#error $: 550 file\n\
         R$* $={{Program}} $*\t$#error $: 550 program\n\
         R$* $={{Map}} $*\t$#error $: 550 map\n"
    );
    write_config(folder, port, &more);
    let path = folder.path().join("test.cf");
    let text = fs::read_to_string(&path).expect("written").replace("$#local $: $1", "$#box $: $1");
    fs::write(path, text).expect("written");
}

/// Fills the sources of the classes of [`write_classes`].
fn fill_classes(folder: &tempfile::TempDir, [file, program, map]: [&str; 3]) {
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).expect("written");
    write("file", format!("{file}\n"));
    // A program that reads its input finds it at its end.
    write("program", format!("#!/bin/sh\ncat\necho {program}\n"));
    fs::set_permissions(folder.path().join("program"), fs::Permissions::from_mode(0o755)).expect("ours");
    write("map", format!("words {map}\n"));
}

/// Says `line` and returns the reply.
fn say(session: &mut BufReader<TcpStream>, line: &str) -> String {
    session.get_mut().write_all(format!("{line}\r\n").as_bytes()).expect("sent");
    read_line(session)
}

/// Says `line` and expects a reply that begins with `reply`.
#[track_caller]
fn expect(session: &mut BufReader<TcpStream>, line: &str, reply: &str) {
    let said = say(session, line);
    assert!(said.starts_with(reply), "{line}: {said}");
}

/// Begins a message and returns how each of `users` is answered.
#[track_caller]
fn answers(session: &mut BufReader<TcpStream>, users: &[&str]) -> Vec<String> {
    expect(session, "HELO x", "250 ");
    expect(session, "MAIL FROM:<>", "250 ");
    let answers = users.iter().map(|user| say(session, &format!("RCPT TO:<{user}@x>")).trim_end().to_owned());
    answers.map(|reply| reply.rsplit([' ']).next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn hup_fills_the_classes_anew_from_files_programs_and_maps_and_loses_no_message() {
    let folder = tempfile::tempdir().expect("a directory");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("ours");
    fs::write(folder.path().join("box"), "").expect("written");
    fs::set_permissions(folder.path().join("box"), fs::Permissions::from_mode(0o666)).expect("ours");
    let users = ["one", "two", "three", "four", "five", "six"];
    fill_classes(&folder, ["one", "two", "three"]);
    let port = free_port();
    write_classes(&folder, port);
    let child = command(&folder, "-bD").spawn().expect("started");
    let daemon = Daemon { folder, port, child };
    let mut before = daemon.greeted();
    assert_eq!(answers(&mut before, &users), ["file", "program", "map", "ok", "ok", "ok"]);
    let network = daemon.network();

    fill_classes(&daemon.folder, ["four", "five", "six"]);
    expect(&mut before, "DATA", "354 ");
    before.get_mut().write_all(b"Subject: begun before HUP\r\n\r\n").expect("sent");
    daemon.signal(Signal::SIGHUP);
    let mut after = soon("the new classes", || {
        let mut session = daemon.greeted();
        (answers(&mut session, &users) == ["ok", "ok", "ok", "file", "program", "map"]).then_some(session)
    });
    assert_ne!(daemon.processes("sendmail: SMTP"), [network]);
    // The session from before has the classes from before, and its message is taken.
    expect(&mut before, ".", "250 ");
    assert_eq!(answers(&mut before, &users), ["file", "program", "map", "ok", "ok", "ok"]);
    expect(&mut after, "DATA", "354 ");
    expect(&mut after, "Subject: sent after HUP\r\n\r\n.", "250 ");
    drop((before, after));
    for subject in ["begun before HUP", "sent after HUP"] {
        soon(subject, || {
            let text = fs::read_to_string(daemon.folder.path().join("box")).expect("a mailbox");
            (text.matches(&format!("Subject: {subject}\n")).count() == 1).then_some(())
        });
    }
    soon("an empty queue", || {
        fs::read_dir(daemon.folder.path().join("queue")).expect("a directory").next().is_none().then_some(())
    });
}

/// Returns what differs between two images of one process: how long its command line is.
fn started(pid: Pid) -> usize {
    fs::read(format!("/proc/{pid}/cmdline")).map_or(0, |line| line.len())
}

#[test]
fn a_second_daemon_is_refused_and_the_first_one_named() {
    let daemon = Daemon::start();
    let second = command(&daemon.folder, "-bd").stderr(Stdio::piped()).output().expect("run");
    assert!(!second.status.success());
    let text = String::from_utf8_lossy(&second.stderr);
    assert!(text.contains(&format!("(pid {})", daemon.pid())), "{text}");
    daemon.greeted();
}

#[test]
fn the_caller_gets_its_prompt_back_when_the_daemon_serves() {
    let folder = tempfile::tempdir().expect("a directory");
    let port = free_port();
    write_config(&folder, port, "");
    let started = command(&folder, "-bd").stderr(Stdio::null()).status().expect("run");
    assert!(started.success());
    TcpStream::connect(("127.0.0.1", port)).expect("it serves");
    let text = fs::read_to_string(folder.path().join("sendmail.pid")).expect("a pid file");
    let pid = Pid::from_raw(text.lines().next().expect("two lines").parse().expect("a pid"));
    kill(pid, Signal::SIGTERM).expect("it lives");
    soon("the end", || (!folder.path().join("sendmail.pid").exists()).then_some(()));
}

#[test]
fn what_is_wrong_at_the_start_is_said_to_the_caller() {
    let folder = tempfile::tempdir().expect("a directory");
    write_config(&folder, free_port(), "O NoSuchOption=1\n");
    let output = command(&folder, "-bd").stderr(Stdio::piped()).output().expect("run");
    assert_eq!(output.status.code(), Some(70));
    assert!(String::from_utf8_lossy(&output.stderr).contains("unknown option name NoSuchOption"));
    if !geteuid().is_root() {
        eprintln!("skipped in part: needs root");
        return;
    }
    write_config(&folder, free_port(), "O RunAsUser=no-such-user\n");
    let output = command(&folder, "-bd").stderr(Stdio::piped()).output().expect("run");
    assert_eq!(output.status.code(), Some(70));
    assert!(String::from_utf8_lossy(&output.stderr).contains("unknown user no-such-user"));
}

#[test]
fn nobody_starts_a_role_by_its_name() {
    for name in ["sendmail-daemon", "sendmail-hand", "sendmail-keeper"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sendmail"));
        let output = command.arg0(name).arg("3").stdin(Stdio::null()).output().expect("run");
        assert_eq!(output.status.code(), Some(77), "{name}");
    }
}
