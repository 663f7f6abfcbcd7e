//! The keeper of processes that do not exist.

use std::path::Path;

use super::pair::Process;
use super::restart::inherit;
use super::*;
use crate::cf::Config;
use crate::daemon::launch::Launched;
use crate::daemon::work_table::WorkTable;
use crate::sys::passing;
use crate::sys::process::{Ended, alone, branch_for_test};

/// More than any system counts processes.
const NOBODY: i32 = i32::MAX;

/// Returns a keeper that is to execute `program`; once in the life of a process.
fn keeper(program: &Path) -> Keeper {
    let programs = Programs {
        text: |_| Err(io::ErrorKind::NotFound.into()),
        read: |_, _| Ok(Config::default()),
        log: |_, _| Log::nowhere(),
        spool: |_| Err("no queue".into()),
        open: |_| Box::pin(std::future::ready(Err("no work".into()))),
        perform: |_| Box::pin(std::future::ready(Sysexit::Software)),
    };
    let signals = Signals::watch(&SIGNALS).expect("not watched yet");
    let generation = Rc::new(generation(program));
    Keeper::new(programs, Log::nowhere(), Title::take(), signals, generation, ports())
}

fn generation(program: &Path) -> Generation {
    let order = Order {
        program: program.as_os_str().as_encoded_bytes().into(),
        argv: Vec::new(),
        mode: b'd',
        config_file: "x.cf".into(),
        has_default: false,
        macros: Vec::new(),
        overrides: Vec::new(),
        processors: 1,
        tag: "sendmail".into(),
        listen: true,
        queue_secs: 0,
        once: false,
        foreground: false,
    };
    Generation { order, text: Vec::new(), config: Rc::default(), cage: None }
}

fn ports() -> Rc<[OpenPort]> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    Rc::new([OpenPort { index: 0, address: "127.0.0.1:0".parse().expect("an address"), listener }])
}

/// Returns a pair for what `keeper` is to serve: a network process with the id `pid`, and a hand with the one before.
fn pair(keeper: &Keeper, pid: i32, is_ready: bool) -> Pair {
    let process = |pid, kind| {
        let control = passing::pair().expect("a pair of sockets").0;
        Process { launched: Launched { pid: Pid::from_raw(pid), control }, kind, silent: false, since: Instant::now() }
    };
    Pair {
        generation: Rc::clone(&keeper.generation),
        ports: Rc::clone(&keeper.ports),
        processes: vec![process(pid, None), process(pid - 1, Some(Kind::Queue))],
        table: WorkTable::create().expect("memory"),
        is_ready,
        is_finishing: false,
    }
}

/// Runs `body`, which tells by a panic that something is wrong, in a process of its own.
#[track_caller]
fn check(body: impl FnOnce()) {
    check_status(0, || {
        body();
        0
    });
}

#[track_caller]
fn check_status(expected: i32, body: impl FnOnce() -> u8) {
    alone(|| assert_eq!(branch_for_test(body), expected));
}

const NO_PROGRAM: &str = "/nonexistent/sendmail";

#[test]
fn what_is_left_of_a_crashed_pair_is_not_taken_for_the_one_that_serves() {
    check(|| {
        let mut keeper = keeper(Path::new(NO_PROGRAM));
        keeper.current = Some(pair(&keeper, NOBODY, true));
        keeper.ended(Pid::from_raw(NOBODY), Ended::Killed(Signal::SIGSEGV));
        assert!(keeper.current.is_none() && keeper.start_at.is_some());
        keeper.change_over(pair(&keeper, NOBODY - 2, true));
        assert_eq!(keeper.start_at, None, "one is enough");
        let (ours, theirs) = passing::pair().expect("a pair of sockets");
        keeper.leave_all(&ours).expect("left");
        let inherited = inherit(&theirs, |_, _| Ok(Config::default())).expect("inherited");
        let states = inherited.pairs.iter().map(|pair| (pair.is_finishing, pair.ports.len()));
        assert_eq!(states.collect::<Vec<_>>(), [(true, 0), (false, 1)]);
    });
}

#[test]
fn when_a_new_pair_refuses_then_the_one_that_serves_is_not_replaced() {
    check(|| {
        let mut keeper = keeper(Path::new(NO_PROGRAM));
        keeper.current = Some(pair(&keeper, NOBODY, true));
        let (old, own) = (Rc::clone(&keeper.generation), Rc::clone(&keeper.ports));
        (keeper.generation, keeper.ports) = (Rc::new(generation(Path::new(NO_PROGRAM))), ports());
        keeper.candidate = Some(pair(&keeper, NOBODY - 2, false));
        let candidate = Pid::from_raw(NOBODY - 2);
        keeper.told(candidate, Control::Refused { text: "no".into(), exit: Sysexit::Config as u8 });
        keeper.ended(candidate, Ended::Exited(Sysexit::Config as i32));
        assert!(keeper.candidate.is_none() && keeper.start_at.is_none());
        assert!(Rc::ptr_eq(&keeper.generation, &old) && Rc::ptr_eq(&keeper.ports, &own));
    });
}

#[test]
fn a_pair_on_its_way_is_not_forgotten_for_another() {
    check(|| {
        let mut keeper = keeper(Path::new(NO_PROGRAM));
        keeper.candidate = Some(pair(&keeper, NOBODY, false));
        keeper.start_at = Some(Instant::now());
        keeper.keep_appointments();
        assert!(keeper.candidate.is_some() && keeper.start_at.is_none());
    });
}

#[test]
fn when_the_program_is_missing_then_a_restart_before_anything_served_is_tried_again() {
    check(|| {
        let mut keeper = keeper(Path::new(NO_PROGRAM));
        keeper.candidate = Some(pair(&keeper, NOBODY, false));
        keeper.hang_up();
        assert!(keeper.candidate.is_none() && keeper.start_at.is_some());
    });
}

#[test]
fn an_end_that_is_asked_for_behind_a_restart_comes() {
    // Executed, this program would tell of failure.
    check_status(0, || {
        let keeper = keeper(Path::new("/bin/false"));
        for signal in [Signal::SIGHUP, Signal::SIGTERM] {
            raise(signal).expect("raised");
        }
        assert_eq!(keeper.serve(), ExitCode::SUCCESS);
        0
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_comes_while_the_keeper_executes_itself_is_held_back_for_its_successor() {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().expect("a directory");
    let program = folder.path().join("program");
    // The mask of TERM alone.
    let script = "#!/bin/sh\nwhile read -r name mask; do\n\
                  [ \"$name $mask\" != 'SigPnd: 0000000000004000' ] || exit 7\ndone </proc/self/status\n";
    fs::write(&program, script).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("ours");
    check_status(7, || {
        let mut keeper = keeper(&program);
        raise(Signal::SIGTERM).expect("raised");
        keeper.hang_up();
        0
    });
}
