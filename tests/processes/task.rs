//! What the program does for one caller: sessions, submissions and queue runs of root, with a peer that never answers.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

use crate::seen::{NETWORK_UID, SOON, has_no_rights, holders, parent, processes, soon};

/// A message for the peer.
const MESSAGE: &str = "Subject: x\n\nhello\n";

/// A site of its own whose mail all goes to a peer that this test plays.
struct Site {
    folder: tempfile::TempDir,
    peer: TcpListener,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let peer = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (place, port) = (folder.path().display(), peer.local_addr().expect("bound").port());
        fs::create_dir(folder.path().join("queue")).expect("a directory");
        let user =
            if geteuid().is_root() { format!("O RunAsUser={NETWORK_UID}:{NETWORK_UID}\n") } else { String::new() };
        let text = format!(
            "V10/Berkeley\n\
             O QueueDirectory={place}/queue\n\
             O MinFreeBlocks=0\n\
             O DeliveryMode=i\n\
             {user}\
             Mlocal, P=/bin/sh, F=lsDFMAw5:/|@qmn9, A=sh -c true\n\
             Mprog, P=/bin/sh, F=lsDFMoqeu9, A=sh -c $u\n\
             Mpeer, P=[IPC], F=mDFMuX, A=TCP [127.0.0.1] {port}\n\
             S0\n\
             R$*@$*\t$#peer $@ [127.0.0.1] $: $1@$2\n\
             R$*\t$#local $: $1\n"
        );
        fs::write(folder.path().join("test.cf"), text).expect("written");
        Self { folder, peer }
    }

    fn port(&self) -> u16 {
        self.peer.local_addr().expect("bound").port()
    }

    /// Returns the program with these words behind the configuration.
    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sendmail"));
        command.arg("-C").arg(self.folder.path().join("test.cf")).args(words.split_whitespace());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    /// Starts the program with `input` on its standard input.
    fn start(&self, words: &str, input: &str) -> Child {
        let mut child = self.command(words).stdin(Stdio::piped()).spawn().expect("started");
        // A program that reads nothing may have ended before.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        child
    }

    /// Puts a message for the peer into the queue.
    fn queue(&self) {
        let status = self.start("-odq x@peer.example", MESSAGE).wait().expect("a child");
        assert!(status.success());
        assert_eq!(self.waiting(), 1);
    }

    /// Returns how many messages wait in the queue.
    fn waiting(&self) -> usize {
        let files = fs::read_dir(self.folder.path().join("queue")).expect("a queue").flatten();
        files.filter(|file| file.file_name().to_string_lossy().starts_with("qf")).count()
    }

    /// Waits for a connection of the program and sees who has it; returns it.
    #[track_caller]
    fn connected(&self) -> TcpStream {
        self.peer.set_nonblocking(true).expect("set");
        let (stream, _) = soon("a connection", || self.peer.accept().ok());
        stream.set_nonblocking(false).expect("set");
        self.held_without_rights();
        stream
    }

    #[track_caller]
    fn held_without_rights(&self) {
        // Where nobody is root there is nothing to give up.
        if geteuid().is_root() {
            let holders =
                soon("a process with the connection", || Some(holders(self.port())).filter(|h| !h.is_empty()));
            holders.into_iter().for_each(has_no_rights);
        }
    }
}

/// Takes one message over SMTP, as a server does, and goes away.
fn take(stream: TcpStream) {
    stream.set_read_timeout(Some(SOON)).expect("a limit");
    let mut reader = BufReader::new(stream);
    let mut in_message = false;
    let mut reply = Some("220 peer.example ESMTP");
    loop {
        if let Some(text) = reply {
            reader.get_mut().write_all(format!("{text}\r\n").as_bytes()).expect("sent");
        }
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        reply = match (in_message, line.trim_end()) {
            (true, ".") => break,
            (true, _) => None,
            (false, "DATA") => Some("354 go"),
            (false, _) => Some("250 ok"),
        };
        in_message = matches!(reply, Some("354 go") | None);
    }
    reader.get_mut().write_all(b"250 2.0.0 taken\r\n").expect("sent");
}

/// Waits for the end of the program.
#[track_caller]
fn ended(child: &mut Child) -> ExitStatus {
    soon("the end of the program", || child.try_wait().expect("a child"))
}

/// Returns what the program said; to its end.
fn said(child: &mut Child) -> String {
    let mut text = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut text).expect("text");
    text
}

#[test]
fn a_submission_speaks_to_its_peer_without_rights() {
    let site = Site::new();
    for words in ["-odi x@peer.example", "-t", "-v x@peer.example"] {
        let mut child = site.start(words, "To: x@peer.example\n\nhello\n");
        take(site.connected());
        assert!(ended(&mut child).success(), "{words}");
        assert_eq!(site.waiting(), 0, "{words}");
    }
}

#[test]
fn when_it_is_delivered_in_the_background_then_the_caller_does_not_wait() {
    if !geteuid().is_root() {
        return eprintln!("skipped: an ordinary user's process delivers itself");
    }
    let site = Site::new();
    let mut child = site.start("-odb x@peer.example", MESSAGE);
    assert!(ended(&mut child).success());
    assert_eq!(said(&mut child), "", "nobody holds the caller's output");
    assert_eq!(site.waiting(), 1, "it is safe before the caller goes");
    take(site.connected());
    soon("an empty queue", || (site.waiting() == 0).then_some(()));
}

#[test]
fn a_queue_run_speaks_to_its_peer_without_rights() {
    let site = Site::new();
    for words in ["-qf", "-q -v", "-qf -qRx@peer", "-qf -q!Rzzz"] {
        site.queue();
        let mut child = site.start(words, "");
        take(site.connected());
        assert!(ended(&mut child).success(), "{words}");
        assert_eq!(site.waiting(), 0, "{words}");
    }
}

#[test]
fn a_verbose_queue_run_shows_the_dialogue() {
    let site = Site::new();
    site.queue();
    let mut child = site.start("-q -v", "");
    take(site.connected());
    let text = said(&mut child);
    assert!(ended(&mut child).success());
    assert!(text.contains("220 peer.example ESMTP\n") && text.contains(">>> DATA\n"), "{text}");
}

#[test]
fn a_queue_run_goes_on_behind_its_caller() {
    if !geteuid().is_root() {
        return eprintln!("skipped: an ordinary user's process runs the queue itself");
    }
    let site = Site::new();
    site.queue();
    let mut child = site.start("-q", "");
    assert!(ended(&mut child).success());
    take(site.connected());
    soon("an empty queue", || (site.waiting() == 0).then_some(()));
}

#[test]
fn a_queue_run_leaves_alone_what_is_not_chosen() {
    let site = Site::new();
    site.queue();
    for words in ["-qf -qRzzz", "-qf -q!Rx@peer", "-qf -qInone", "-qf -qSzzz", "-qf -qQ", "-qf -qL", "-qf -qGnone"] {
        assert!(ended(&mut site.start(words, "")).success(), "{words}");
        assert_eq!(site.waiting(), 1, "{words}");
    }
}

#[test]
fn a_session_from_a_super_server_is_read_without_rights() {
    let site = Site::new();
    let mut client = TcpStream::connect(("127.0.0.1", site.port())).expect("connected");
    client.set_read_timeout(Some(SOON)).expect("a limit");
    let (accepted, _) = site.peer.accept().expect("a connection");
    let mut command = site.command("-bs");
    // A super server gives the connection as all three.
    let copy = || Stdio::from(OwnedFd::from(accepted.try_clone().expect("a copy")));
    let mut child = command.stdin(copy()).stdout(copy()).stderr(copy()).spawn().expect("started");
    drop((command, accepted));
    let mut reader = BufReader::new(client.try_clone().expect("a copy"));
    let mut line = String::new();
    reader.read_line(&mut line).expect("a greeting");
    assert!(line.starts_with("220 "), "{line}");
    site.held_without_rights();
    client.write_all(b"EHLO x\r\nQUIT\r\n").expect("sent");
    let mut rest = String::new();
    reader.read_to_string(&mut rest).expect("text");
    assert!(rest.contains("\n221 ") || rest.starts_with("221 ") || rest.contains("554 "), "{rest}");
    assert!(ended(&mut child).success());
}

#[test]
fn a_session_on_pipes_delivers_what_it_accepts() {
    let site = Site::new();
    let mut child = site.command("-bs").stdin(Stdio::piped()).spawn().expect("started");
    let mut input = child.stdin.take().expect("a pipe");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut reply = move || loop {
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        if line.as_bytes().get(3) != Some(&b'-') {
            return line;
        }
    };
    assert!(reply().starts_with("220 "));
    for command in ["EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<x@peer.example>", "DATA"] {
        input.write_all(format!("{command}\r\n").as_bytes()).expect("sent");
        let line = reply();
        assert!(line.starts_with('2') || line.starts_with('3'), "{command}: {line}");
    }
    input.write_all(b"hello\r\n.\r\n").expect("sent");
    // The reply waits for the delivery.
    take(site.connected());
    assert!(reply().starts_with("250 "));
    input.write_all(b"QUIT\r\n").expect("sent");
    assert!(reply().starts_with("221 "));
    assert!(ended(&mut child).success());
    assert_eq!(site.waiting(), 0);
}

#[test]
fn when_the_program_is_told_to_end_then_the_message_stays_in_the_queue() {
    let site = Site::new();
    site.queue();
    let mut child = site.start("-qf", "");
    let stream = site.connected();
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    kill(pid, Signal::SIGTERM).expect("it lives");
    drop(stream);
    ended(&mut child);
    assert_eq!(site.waiting(), 1);
    soon("the end of its processes", || processes().all(|other| parent(other) != Some(pid)).then_some(()));
}

#[test]
fn what_is_wrong_is_told_to_the_caller() {
    let site = Site::new();
    let check = |words: &str, code: i32, expected: &str| {
        let mut child = site.start(words, MESSAGE);
        let text = said(&mut child);
        assert_eq!(ended(&mut child).code(), Some(code), "{words}: {text}");
        assert!(text.contains(expected), "{words}: {text}");
    };
    check("", 64, "Recipient names must be specified");
    check("-OQueueDirectory=/nonexistent x", 78, "can not chdir(/nonexistent/): No such file or directory");
    check("-qf -OQueueDirectory=/nonexistent", 78, "can not chdir(/nonexistent/)");
    check("-qf -ONoSuchOption=1", 70, "unknown option name NoSuchOption");
    assert!(!Path::new("/nonexistent").exists());
}
