//! The program as it is installed: with the group of the client queue, started by users who mean it no good.
//!
//! Its configuration is a pipe with a name here, so that it stands still when it begins to read it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{geteuid, mkfifo};

use crate::seen::{soon, status};

/// The user who calls; it has no entry but that of nobody.
const CALLER: u32 = 65534;

/// The group of the installed program.
const GROUP: u32 = 4243;

/// An installation that only one process sees.
struct Installed(tempfile::TempDir);

impl Installed {
    /// Installs the program with its group; none, with a printed reason, where that cannot be.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let has_tools = ["unshare", "setpriv"].iter().all(|tool| Path::new("/usr/bin").join(tool).exists());
        let keeps_bits = !statvfs(folder.path()).expect("mounted").flags().contains(FsFlags::ST_NOSUID);
        let may_gain = status(i32::try_from(std::process::id()).expect("a pid"), "NoNewPrivs").as_deref() == Some("0");
        if !(geteuid().is_root() && has_tools && keeps_bits && may_gain) {
            eprintln!("skipped: needs root, unshare, setpriv, and a file system that heeds set-group-id");
            return None;
        }
        let open = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
        open(folder.path(), 0o755);
        let program = folder.path().join("sendmail");
        fs::copy(env!("CARGO_BIN_EXE_sendmail"), &program).expect("copied");
        chown(&program, Some(0), Some(GROUP)).expect("ours");
        open(&program, 0o2555);
        let mail = folder.path().join("etc/mail");
        fs::create_dir_all(&mail).expect("made");
        for name in ["passwd", "group", "nsswitch.conf"] {
            // A system without one of them does without it here too.
            let _ = fs::copy(Path::new("/etc").join(name), folder.path().join("etc").join(name));
        }
        mkfifo(&mail.join("submit.cf"), Mode::S_IRUSR | Mode::S_IRGRP | Mode::S_IROTH).expect("made");
        // Modes that submit nothing read the other one.
        symlink("submit.cf", mail.join("sendmail.cf")).expect("linked");
        Some(Self(folder))
    }

    /// Starts the program by the shell's `words`, `$0` being the program, as an ordinary user with this /etc.
    fn start(&self, words: &str) -> Child {
        let caller = CALLER.to_string();
        let inside = "mount --make-rprivate / && mount --bind \"$1\" /etc && shift && exec setpriv \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", inside, "sh"]).arg(self.0.path().join("etc"));
        command.args(["--reuid", &caller, "--regid", &caller, "--clear-groups", "sh", "-c", words]);
        command.arg(self.0.path().join("sendmail"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("started")
    }

    /// Waits until the program reads its configuration, and returns the other end of that.
    fn reading(&self, child: &mut Child) -> File {
        let pipe = self.0.path().join("etc/mail/submit.cf");
        soon("a reader of the configuration", || {
            assert_eq!(child.try_wait().expect("a child"), None, "it ended before it read its configuration");
            OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&pipe).ok()
        })
    }
}

/// Lets the program read an empty configuration and end by itself.
fn ended(mut child: Child, configuration: File) -> i32 {
    drop(configuration);
    let status = soon("the end of the program", || child.try_wait().expect("a child"));
    status.code().unwrap_or_else(|| panic!("a signal has ended it: {status}"))
}

#[test]
fn its_group_is_gone_before_it_reads_what_its_caller_has_chosen() {
    let Some(installed) = Installed::new() else { return };
    let (kept, dropped) = (format!("{CALLER} {GROUP} {GROUP} {GROUP}"), [CALLER.to_string().as_str(); 4].join(" "));
    for (words, expected) in [
        ("-bs", &kept),
        ("-t -i", &kept),
        ("-v -oem someone", &kept),
        ("-bp", &kept),
        ("-bs -C /etc/mail/submit.cf", &dropped),
        ("-oQ/tmp someone", &dropped),
        ("-O QueueDirectory=/tmp someone", &dropped),
        ("-X /tmp/traffic someone", &dropped),
        ("-D /tmp/debug someone", &dropped),
        ("-d0.1 someone", &dropped),
        ("-d44.4 -bv someone", &dropped),
        ("-Mx=y someone", &dropped),
        ("-MX=y -bs", &dropped),
        ("-bv someone", &dropped),
        ("-bt", &dropped),
        ("-bi", &dropped),
        ("-q", &kept),
    ] {
        let mut child = installed.start(&format!("exec $0 {words}"));
        let configuration = installed.reading(&mut child);
        let pid = i32::try_from(child.id()).expect("a pid");
        assert_eq!(status(pid, "Gid").as_deref(), Some(expected.as_str()), "{words}");
        assert_eq!(status(pid, "Uid").as_deref(), Some(dropped.as_str()), "{words}");
        ended(child, configuration);
    }
}

#[test]
fn closed_descriptors_are_opened_before_anything_else_takes_their_numbers() {
    let Some(installed) = Installed::new() else { return };
    let mut child = installed.start("exec $0 -bs <&- >&- 2>&-");
    let configuration = installed.reading(&mut child);
    let link = |number| fs::read_link(format!("/proc/{}/fd/{number}", child.id()));
    for number in 0..3 {
        // glibc gives a program that gains rights /dev/full as its input.
        let name = link(number).expect("open");
        assert!(["/dev/null", "/dev/full"].iter().any(|device| name == Path::new(device)), "{number}: {name:?}");
    }
    ended(child, configuration);
}

#[test]
fn neither_words_nor_surroundings_bring_it_down() {
    let Some(installed) = Installed::new() else { return };
    for words in [
        "exec env -i $0 -bs",
        "TZ=../../../etc/shadow RUST_BACKTRACE=full LD_PRELOAD=/tmp/x.so MALLOC_CHECK_=3 exec $0 -bs",
        "HOME=/nonexistent USER=root LOGNAME=root NAME='<x' TMPDIR=/ exec $0 -bs",
        "cd /proc/self && exec $0 -bs",
        "ulimit -f 0 && ulimit -c 0 && exec $0 -bs",
        "ulimit -n 12 && exec $0 -bs",
        "exec $0 -bs \"$(head -c 100000 /dev/zero | tr '\\0' x)\"",
        "exec $0 -bs -- '' '-' '--' \"$(printf '\\377\\001')\"",
        "trap '' PIPE CHLD TERM && exec $0 -bs",
    ] {
        let mut child = installed.start(words);
        let configuration = installed.reading(&mut child);
        ended(child, configuration);
    }
}

#[test]
fn without_threads_or_room_for_files_a_message_is_left_with_its_sender() {
    let Some(installed) = Installed::new() else { return };
    let queue = installed.0.path().join("queue");
    fs::create_dir(&queue).expect("made");
    chown(&queue, Some(CALLER), Some(CALLER)).expect("ours");
    let path = installed.0.path().join("test.cf");
    let text = format!(
        "V10/Berkeley\nO OperatorChars=.:%@!^/[]+\nO QueueDirectory={}\nO MinFreeBlocks=0\nO DeliveryMode=q\n\
         Mlocal, P=/bin/sh, F=lsDFMA5:/|@qmn9, A=sh -c true $u\nMprog, P=/bin/sh, F=lsDFMoqeu9, A=sh -c $u\n\
         S0\nR$*\t$#local $: $1\n",
        queue.display()
    );
    fs::write(&path, text).expect("written");
    let submit = |limit: &str| {
        let words = format!("{limit} exec $0 -C {} -odq someone", path.display());
        let mut child = Command::new("setpriv");
        let caller = CALLER.to_string();
        child.args(["--reuid", &caller, "--regid", &caller, "--clear-groups", "sh", "-c", &words]);
        child.arg(installed.0.path().join("sendmail"));
        child.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = child.spawn().expect("started");
        // A program that stops before it reads its input closes the pipe.
        let _ = child.stdin.take().expect("a pipe").write_all(b"Subject: x\n\nbody\n");
        let status = child.wait().expect("a child");
        status.code().unwrap_or_else(|| panic!("{limit}: a signal has ended it: {status}"))
    };
    let committed = || {
        let entries = fs::read_dir(&queue).expect("there").flatten();
        entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"qf")).count()
    };
    assert_eq!((submit(""), committed()), (0, 1), "without a limit it is queued");
    for limit in ["ulimit -f 0;", "ulimit -n 8;", "ulimit -u 0;"] {
        let (before, exit) = (committed(), submit(limit));
        // 0 when the limit hinders nothing here, and then the message is there.
        assert!(matches!((exit, committed() - before), (0, 1) | (71 | 74 | 75, 0)), "{limit} {exit}");
    }
}
